use std::fmt;

use crate::model::Fingerprint;
use crate::model::utc::Utc;

/// Why a certificate does not count. Displays as one line.
///
/// ```
/// use portcullis::model::{Fingerprint, Revocation, RevocationEntry, Revocations, User};
///
/// let fingerprint = Fingerprint::from_bytes([0xab; 32]);
/// let list: Revocations = [RevocationEntry {
///     what: Revocation::Certificate { fingerprint },
///     at: 1_795_680_000,
///     reason: "key compromise".to_owned(),
///     by: String::new(),
/// }]
/// .into_iter()
/// .collect();
/// let mut jane = User::new("jane");
/// assert!(list.of_user(&jane).is_none());
/// let key = portcullis::model::CREDENTIAL_ID.to_owned();
/// jane.extra.insert(key, vec![fingerprint.credential_id()]);
/// let revoked = list.of_user(&jane).expect("it is on the list");
/// let ab = "ab".repeat(32);
/// let text = "was revoked at 2026-11-26T08:00:00Z: key compromise";
/// assert_eq!(revoked.to_string(), format!("client certificate X509SHA256={ab} {text}"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoked<'a> {
    /// The kind of entry that refuses it.
    pub by: RevokedBy<'a>,
    /// When that was said, in seconds since 1970-01-01 UTC; 0 for an unreadable credential id.
    pub at: i64,
    /// Why; may be empty.
    pub reason: &'a str,
}

/// The kind of entry that refuses a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevokedBy<'a> {
    /// The list names the certificate.
    Certificate(Fingerprint),
    /// The list names its issuer and number; these are the bytes of the number.
    Serial(&'a [u8]),
    /// The list names the token.
    Token(&'a str),
    /// The list names its user.
    User {
        /// The user name.
        name: &'a str,
        /// It is not known to be issued at or after this second.
        issued_before: i64,
    },
    /// The list names one of its groups.
    Group {
        /// The group.
        name: &'a str,
        /// It is not known to be issued at or after this second.
        issued_before: i64,
    },
    /// No entry: the credential id claims to be a certificate's and is no fingerprint.
    Unreadable(&'a str),
}

/// As many characters of a foreign text are shown.
const SHOWN: usize = 100;

impl fmt::Display for Revoked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.by {
            RevokedBy::Certificate(fingerprint) => {
                write!(f, "client certificate X509SHA256={fingerprint} was revoked")?;
            }
            RevokedBy::Serial(serial) => {
                f.write_str("client certificate with serial number ")?;
                serial.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str(" was revoked")?;
            }
            RevokedBy::Token(id) => {
                let shown: String = id.chars().take(SHOWN).collect();
                write!(f, "token {shown:?} was revoked")?;
            }
            RevokedBy::User { name, issued_before } => {
                let before = Utc(issued_before);
                write!(f, "credentials of user {name:?} issued before {before} were revoked")?;
            }
            RevokedBy::Group { name, issued_before } => {
                let before = Utc(issued_before);
                write!(f, "credentials of group {name:?} issued before {before} were revoked")?;
            }
            RevokedBy::Unreadable(id) => {
                let shown: String = id.chars().take(SHOWN).collect();
                return write!(
                    f,
                    "credential id {shown:?} is not the fingerprint of a certificate"
                );
            }
        }
        write!(f, " at {}", Utc(self.at))?;
        if self.reason.is_empty() {
            return Ok(());
        }
        // One line, whatever somebody wrote into the list.
        f.write_str(": ")?;
        self.reason.chars().try_for_each(|letter| match letter {
            letter if letter.is_control() => write!(f, "{}", letter.escape_default()),
            letter => write!(f, "{letter}"),
        })
    }
}
