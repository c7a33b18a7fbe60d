use std::fmt;
use std::str::FromStr;

/// The name of an attribute or of a matching rule (RFC 4512 section 2.5): a keyword or an OID, with
/// options after semicolons. Holds nothing that means something in a filter or DN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attribute(String);

impl Attribute {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name that this crate knows to be one.
    pub(in crate::authn::ldap) fn known(name: &'static str) -> Self {
        debug_assert!(name.parse::<Self>().is_ok(), "{name}");
        Self(name.to_owned())
    }

    /// Whether it is another spelling of the same name.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.0.eq_ignore_ascii_case(name)
    }
}

/// What was given is no attribute name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no attribute name; one is letters, digits and hyphens, or a dotted OID")]
pub struct AttributeError {
    /// What was given.
    pub given: String,
}

impl FromStr for Attribute {
    type Err = AttributeError;

    fn from_str(text: &str) -> Result<Self, AttributeError> {
        let mut parts = text.split(';');
        let is_type = parts.next().is_some_and(|name| is_keyword(name) || is_oid(name));
        // An option may begin with a digit, a keyword may not.
        let are_options = parts.all(|option| !option.is_empty() && option.bytes().all(is_key_byte));
        if is_type && are_options {
            return Ok(Self(text.to_owned()));
        }
        Err(AttributeError { given: text.to_owned() })
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

fn is_keyword(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(is_key_byte)
}

fn is_oid(text: &str) -> bool {
    let is_number = |arc: &str| {
        !arc.is_empty()
            && arc.bytes().all(|byte| byte.is_ascii_digit())
            && (arc == "0" || !arc.starts_with('0'))
    };
    text.contains('.') && text.split('.').all(is_number)
}
