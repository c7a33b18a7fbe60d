use std::fmt;
use std::str::FromStr;

/// Longer principals are refused: nobody has one, and names go into logs and policies.
const LONGEST: usize = 1024;

/// A Kerberos principal: components and a realm.
///
/// Read from the text form of MIT Kerberos, in which a backslash takes the meaning from `/`, `@` and
/// itself, and `\n`, `\t`, `\b` and `\0` stand for control characters. Displays as that text again.
///
/// ```
/// use portcullis::authn::kerberos::Principal;
///
/// let admin: Principal = "jane/admin@EX.ORG".parse()?;
/// assert_eq!(admin.components(), ["jane", "admin"]);
/// assert_eq!(admin.realm(), "EX.ORG");
/// let odd: Principal = r"jane\/admin@EX.ORG".parse()?;
/// assert_eq!(odd.components(), ["jane/admin"]);
/// assert_eq!(odd.to_string(), r"jane\/admin@EX.ORG");
/// # Ok::<(), portcullis::authn::kerberos::PrincipalError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// INVARIANT: at least one, none empty.
    components: Vec<String>,
    /// INVARIANT: not empty.
    realm: String,
}

/// Why a text names no principal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrincipalError {
    /// It ends in a lone backslash, or a backslash stands before a character that needs none.
    #[error(
        "`{0}` is no principal: a backslash must be followed by one of `/`, `@`, `\\`, `n`, `t`, `b`, `0`"
    )]
    Escape(String),
    /// It names no realm.
    #[error("`{0}` is no principal: the realm is missing, as in `jane@EX.ORG`")]
    NoRealm(String),
    /// A component or the realm is empty.
    #[error("`{0}` is no principal: a part of it is empty")]
    EmptyPart(String),
    /// An `@` or `/` in the realm that is not escaped.
    #[error("`{0}` is no principal: its realm holds `@` or `/`")]
    Realm(String),
    /// More bytes than anybody's principal has.
    #[error("the principal has {0} bytes, more than {LONGEST}")]
    TooLong(usize),
}

impl Principal {
    /// The components in order, escapes resolved: `jane` and `admin` of `jane/admin@EX.ORG`.
    #[must_use]
    pub fn components(&self) -> &[String] {
        &self.components
    }

    /// The realm, escapes resolved.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The text of the components alone, escaped: all of them, never only the first.
    #[must_use]
    pub fn name(&self) -> String {
        let mut text = String::new();
        for (index, component) in self.components.iter().enumerate() {
            if index > 0 {
                text.push('/');
            }
            escape(component, &mut text);
        }
        text
    }

    /// Whether it is nobody in particular: the anonymous principal of any realm, the realm of those
    /// whose realm is hidden too, and whatever else RFC 6111 keeps under `WELLKNOWN`.
    #[must_use]
    pub fn is_well_known(&self) -> bool {
        self.components.first().is_some_and(|first| first == "WELLKNOWN")
            || self.realm.starts_with("WELLKNOWN:")
    }

    /// The same name in another realm.
    pub(super) fn with_realm(&self, realm: &str) -> Self {
        Self { components: self.components.clone(), realm: realm.to_owned() }
    }

    /// Whether a control character is in it.
    pub(super) fn has_control_characters(&self) -> bool {
        self.components.iter().chain([&self.realm]).any(|part| part.chars().any(char::is_control))
    }
}

impl FromStr for Principal {
    type Err = PrincipalError;

    fn from_str(text: &str) -> Result<Self, PrincipalError> {
        if text.len() > LONGEST {
            return Err(PrincipalError::TooLong(text.len()));
        }
        let mut components = vec![String::new()];
        let mut realm: Option<String> = None;
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let plain = match character {
                '\\' => match characters.next().and_then(unescape) {
                    Some(meant) => meant,
                    None => return Err(PrincipalError::Escape(shown(text))),
                },
                '/' | '@' if realm.is_some() => return Err(PrincipalError::Realm(shown(text))),
                '/' => {
                    components.push(String::new());
                    continue;
                }
                '@' => {
                    realm = Some(String::new());
                    continue;
                }
                other => other,
            };
            if let Some(part) = realm.as_mut().or(components.last_mut()) {
                part.push(plain);
            }
        }
        let realm = realm.ok_or_else(|| PrincipalError::NoRealm(shown(text)))?;
        if realm.is_empty() || components.iter().any(String::is_empty) {
            return Err(PrincipalError::EmptyPart(shown(text)));
        }
        Ok(Self { components, realm })
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut realm = String::new();
        escape(&self.realm, &mut realm);
        write!(f, "{}@{realm}", self.name())
    }
}

fn unescape(character: char) -> Option<char> {
    match character {
        '/' | '@' | '\\' => Some(character),
        'n' => Some('\n'),
        't' => Some('\t'),
        'b' => Some('\u{8}'),
        '0' => Some('\0'),
        _ => None,
    }
}

fn escape(part: &str, to: &mut String) {
    for character in part.chars() {
        let letter = match character {
            '/' | '@' | '\\' => character,
            '\n' => 'n',
            '\t' => 't',
            '\u{8}' => 'b',
            '\0' => '0',
            other => {
                to.push(other);
                continue;
            }
        };
        to.push('\\');
        to.push(letter);
    }
}

/// A text of unknown origin on one line.
fn shown(text: &str) -> String {
    let mut line = String::new();
    for character in text.chars() {
        match character.is_control() {
            true => line.extend(character.escape_default()),
            false => line.push(character),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<String>, String) {
        let principal: Principal = text.parse().unwrap();
        assert_eq!(principal.to_string(), text);
        (principal.components, principal.realm)
    }

    #[test]
    fn components_are_split_at_slashes_that_are_not_escaped() {
        let of = |parts: &[&str], realm: &str| {
            (parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>(), realm.to_owned())
        };
        assert_eq!(read("jane@EX.ORG"), of(&["jane"], "EX.ORG"));
        assert_eq!(read("jane/admin@EX.ORG"), of(&["jane", "admin"], "EX.ORG"));
        assert_eq!(read(r"jane\/admin@EX.ORG"), of(&["jane/admin"], "EX.ORG"));
        assert_eq!(read(r"jane\@corp.example@EX.ORG"), of(&["jane@corp.example"], "EX.ORG"));
        assert_eq!(read(r"a\\/b@EX.ORG"), of(&[r"a\", "b"], "EX.ORG"));
        assert_eq!(read(r"a\n\t\b\0z@EX.ORG"), of(&["a\n\t\u{8}\0z"], "EX.ORG"));
        assert_eq!(read(r"jane@C=US\/O=EX"), of(&["jane"], "C=US/O=EX"));
        assert_eq!(read("hélène@EX.ORG"), of(&["hélène"], "EX.ORG"));
        assert_eq!(read("a/b/c@EX.ORG"), of(&["a", "b", "c"], "EX.ORG"));
    }

    proptest::proptest! {
        #[test]
        fn whatever_the_parts_hold_the_text_tells_them_apart(
            components in proptest::collection::vec("[a-c/@\\\\ntb0\n\t\0é]{1,6}", 1..4),
            realm in "[A-C/@\\\\ntb0\n\t\0É]{1,6}",
        ) {
            let principal = Principal { components, realm };
            proptest::prop_assert_eq!(principal.to_string().parse(), Ok(principal));
        }

        #[test]
        fn a_text_that_is_read_is_written_back_as_it_was(text in "[ab/@\\\\ntb0]{0,12}") {
            if let Ok(principal) = text.parse::<Principal>() {
                proptest::prop_assert_eq!(principal.to_string(), text);
            }
        }
    }

    #[test]
    fn texts_that_are_half_a_principal_are_refused() {
        let why = |text: &str| text.parse::<Principal>().unwrap_err();
        assert_eq!(why("jane"), PrincipalError::NoRealm("jane".to_owned()));
        assert_eq!(why(""), PrincipalError::NoRealm(String::new()));
        assert_eq!(why(r"jane\@EX.ORG"), PrincipalError::NoRealm(r"jane\@EX.ORG".to_owned()));
        for text in ["@EX.ORG", "jane@", "jane/@EX.ORG", "/jane@EX.ORG", "a//b@EX.ORG"] {
            assert_eq!(why(text), PrincipalError::EmptyPart(text.to_owned()));
        }
        for text in ["jane@EX.ORG@OTHER.ORG", "jane@EX/ORG"] {
            assert_eq!(why(text), PrincipalError::Realm(text.to_owned()));
        }
        for text in [r"jane\x@EX.ORG", r"jane@EX.ORG\"] {
            assert_eq!(why(text), PrincipalError::Escape(text.to_owned()));
        }
        assert_eq!(why("jane\n"), PrincipalError::NoRealm(r"jane\n".to_owned()));
        let long = "j".repeat(LONGEST);
        assert_eq!(why(&format!("{long}@EX.ORG")), PrincipalError::TooLong(LONGEST + 7));
    }

    #[test]
    fn well_known_principals_are_nobody_in_particular() {
        let is = |text: &str| text.parse::<Principal>().unwrap().is_well_known();
        assert!(is("WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS"));
        assert!(is("WELLKNOWN/ANONYMOUS@EX.ORG"));
        assert!(is("jane@WELLKNOWN:ANONYMOUS"));
        assert!(!is("jane@EX.ORG"));
        assert!(!is("ANONYMOUS@EX.ORG"));
        assert!(!is("jane/WELLKNOWN@EX.ORG"));
    }
}
