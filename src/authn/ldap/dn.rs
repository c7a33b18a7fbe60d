use std::fmt;
use std::str::FromStr;

use super::directory::Scope;
use super::filter::{Attribute, fill, hex};

/// One step of a DN: one or more attributes and their values, held as they are.
pub type Rdn = Vec<(Attribute, Vec<u8>)>;

/// A distinguished name (RFC 4514) as values, the most specific step first. Values are escaped when
/// it is written, and nowhere else.
///
/// ```
/// use portcullis::authn::ldap::Dn;
///
/// let dn: Dn = r"CN=Doe\, Jane,OU=people,DC=example,DC=org".parse()?;
/// assert_eq!(dn.steps()[0][0].1, b"Doe, Jane");
/// assert_eq!(dn.to_string(), r"CN=Doe\2c Jane,OU=people,DC=example,DC=org");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dn(Vec<Rdn>);

/// What was given is no DN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the DN `{dn}` cannot be read: {what}")]
pub struct DnError {
    /// What was given.
    pub dn: String,
    /// What is wrong.
    pub what: &'static str,
}

impl Dn {
    /// Its steps, the most specific first.
    #[must_use]
    pub fn steps(&self) -> &[Rdn] {
        &self.0
    }

    /// Whether it is `base` or below it, as directories compare: without regard to case and to how
    /// many spaces there are. Only ever leaves something out.
    #[must_use]
    pub fn is_within(&self, base: &Self) -> bool {
        let Some(above) = self.0.len().checked_sub(base.0.len()) else { return false };
        self.0.iter().skip(above).zip(&base.0).all(|(one, other)| fold_rdn(one) == fold_rdn(other))
    }

    /// Whether a search from `base` goes as far.
    pub(super) fn is_in(&self, base: &Self, scope: Scope) -> bool {
        let below = self.0.len().saturating_sub(base.0.len());
        let reaches = match scope {
            Scope::Base => below == 0,
            Scope::OneLevel => below == 1,
            Scope::Subtree => true,
        };
        reaches && self.is_within(base)
    }

    /// The value of an attribute in the first step.
    #[must_use]
    pub fn first_value(&self, attribute: &Attribute) -> Option<&[u8]> {
        let rdn = self.0.first()?;
        let (_, value) = rdn.iter().find(|(name, _)| name.is(attribute.as_str()))?;
        Some(value)
    }

    /// A key under which most spellings of one DN are the same.
    pub(super) fn fold(&self) -> String {
        let steps: Vec<String> = self.0.iter().map(|rdn| fold_rdn(rdn).join("+")).collect();
        steps.join(",")
    }
}

/// The key of a DN as a directory writes it.
pub(super) fn fold(dn: &str) -> String {
    dn.parse::<Dn>().map_or_else(|_| dn.to_lowercase(), |dn| dn.fold())
}

fn fold_rdn(rdn: &Rdn) -> Vec<String> {
    let mut folded: Vec<String> = rdn
        .iter()
        .map(|(attribute, value)| {
            let text = String::from_utf8_lossy(value).to_lowercase();
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("{}={}", attribute.as_str().to_ascii_lowercase(), Escaped(text.as_bytes()))
        })
        .collect();
    folded.sort();
    folded
}

/// A DN with `{username}` in one or more of its values. Parsed once; a name that is put in is never
/// parsed.
///
/// ```
/// use portcullis::authn::ldap::DnTemplate;
///
/// let template: DnTemplate = "uid={username},ou=people,dc=example,dc=org".parse()?;
/// let dn = template.fill("jane,ou=admins");
/// assert_eq!(dn.to_string(), r"uid=jane\2cou\3dadmins,ou=people,dc=example,dc=org");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnTemplate(Dn);

impl DnTemplate {
    /// The DN for this name.
    #[must_use]
    pub fn fill(&self, username: &str) -> Dn {
        let fill_rdn = |rdn: &Rdn| {
            rdn.iter()
                .map(|(attribute, value)| (attribute.clone(), fill(value, username)))
                .collect()
        };
        Dn(self.0.0.iter().map(fill_rdn).collect())
    }
}

impl FromStr for DnTemplate {
    type Err = DnError;

    fn from_str(text: &str) -> Result<Self, DnError> {
        let template = Self(text.parse()?);
        if template.fill("x") == template.0 {
            let what = "`{username}` is in none of its values";
            return Err(DnError { dn: text.to_owned(), what });
        }
        Ok(template)
    }
}

/// A value as RFC 4514 section 2.4 writes it. More is escaped than must be: all but printable ASCII.
struct Escaped<'a>(&'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.0.len().saturating_sub(1);
        for (at, byte) in self.0.iter().enumerate() {
            let must = match byte {
                b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' | b'=' | b'*' | b'(' | b')' => true,
                b'#' => at == 0,
                b' ' => at == 0 || at == last,
                0..=0x1f | 0x7f..=0xff => true,
                _ => false,
            };
            if must {
                write!(f, "\\{byte:02x}")?;
            } else {
                write!(f, "{}", char::from(*byte))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (step, rdn) in self.0.iter().enumerate() {
            if step > 0 {
                f.write_str(",")?;
            }
            for (part, (attribute, value)) in rdn.iter().enumerate() {
                if part > 0 {
                    f.write_str("+")?;
                }
                write!(f, "{attribute}={}", Escaped(value))?;
            }
        }
        Ok(())
    }
}

impl FromStr for Dn {
    type Err = DnError;

    /// Reads RFC 4514 section 3, with spaces around separators as directories write them (RFC 2253
    /// section 4), but neither quoted values nor those in BER (`#04024869`).
    fn from_str(text: &str) -> Result<Self, DnError> {
        let fail = |what| DnError { dn: text.to_owned(), what };
        let mut steps = Vec::new();
        let mut rdn = Vec::new();
        let mut rest = text.as_bytes();
        if rest.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(steps));
        }
        loop {
            let equals =
                rest.iter().position(|byte| *byte == b'=').ok_or_else(|| fail("`=` is missing"))?;
            let (name, after) = rest.split_at_checked(equals).unwrap_or((rest, &[]));
            let name = std::str::from_utf8(name).unwrap_or_default().trim();
            let attribute = name.parse().map_err(|_| fail("an attribute name is missing"))?;
            let (value, separator, after) =
                value(after.get(1..).unwrap_or_default()).map_err(fail)?;
            rdn.push((attribute, value));
            if separator != Some(b'+') {
                steps.push(std::mem::take(&mut rdn));
            }
            if separator.is_none() {
                return Ok(Self(steps));
            }
            rest = after;
        }
    }
}

/// A value, what ended it, and what follows.
type Value<'a> = (Vec<u8>, Option<u8>, &'a [u8]);

fn value(mut rest: &[u8]) -> Result<Value<'_>, &'static str> {
    while let Some(after) = rest.strip_prefix(b" ") {
        rest = after;
    }
    if rest.starts_with(b"#") || rest.starts_with(b"\"") {
        return Err("quoted values and those in BER are not read");
    }
    let mut value = Vec::new();
    // So many bytes are there even if spaces follow.
    let mut kept = 0;
    let mut separator = None;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'\\' => {
                let (escaped, after) = escape(rest)?;
                value.push(escaped);
                kept = value.len();
                rest = after;
            }
            b',' | b'+' | b';' => {
                separator = Some(*byte);
                break;
            }
            0 | b'"' | b'<' | b'>' => return Err("a character must be escaped"),
            b' ' => value.push(b' '),
            _ => {
                value.push(*byte);
                kept = value.len();
            }
        }
    }
    value.truncate(kept);
    Ok((value, separator, rest))
}

/// The byte behind a backslash, and what follows.
fn escape(rest: &[u8]) -> Result<(u8, &[u8]), &'static str> {
    const WRONG: &str = "`\\` must be followed by two hexadecimal digits or a special character";
    let (first, after) = rest.split_first().ok_or(WRONG)?;
    if let Some(high) = hex(*first) {
        let (second, after) = after.split_first().ok_or(WRONG)?;
        let low = hex(*second).ok_or(WRONG)?;
        return Ok((high << 4 | low, after));
    }
    if b" \"#+,;<=>\\".contains(first) { Ok((*first, after)) } else { Err(WRONG) }
}
