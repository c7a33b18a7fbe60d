use std::time::Duration;

use super::account::AccountError;
use super::directory::DirectoryError;
use crate::authn::{AuthnError, Reserved};

/// Why a login or look-up was refused. For the log; the outside is told nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LdapError {
    /// No password. A directory may take it for no login at all, and say yes (RFC 4513
    /// section 5.1.2).
    #[error("the password of `{name}` is empty; an empty password proves nothing")]
    EmptyPassword {
        /// The name, as typed.
        name: String,
    },
    /// A password with a NUL, which some directories end a password at.
    #[error("the password of `{name}` holds a NUL")]
    NulPassword {
        /// The name, as typed.
        name: String,
    },
    /// A name that cannot be anybody's.
    #[error("the user name is empty, longer than {longest} bytes, or holds a NUL")]
    UnusableName {
        /// How long it may be.
        longest: usize,
    },
    /// Several entries match. Taking one of them would be a guess.
    #[error("more than one entry matches the user name `{name}`; make the filter exact")]
    Ambiguous {
        /// The name, as typed.
        name: String,
    },
    /// An entry without a DN: binding as it would be an anonymous bind.
    #[error("the entry of `{name}` has no DN; narrow the search base")]
    NoDn {
        /// The name, as typed.
        name: String,
    },
    /// The directory says that the password is not this one.
    #[error("the directory refuses the password of `{name}`")]
    WrongPassword {
        /// The name, as typed.
        name: String,
    },
    /// The account may not log in.
    #[error("the account of `{name}` is refused: {why}")]
    Account {
        /// The name, as typed.
        name: String,
        /// Why.
        why: AccountError,
    },
    /// A direct bind succeeded, and the entry is not there or no user.
    #[error("the entry of `{name}` cannot be read, or is not one of a user")]
    NoEntry {
        /// The name, as typed.
        name: String,
    },
    /// The attribute that is the user name has no or several values, or not text.
    #[error(
        "the entry of `{name}` must have one value of `{attribute}`, which is text, but has {count}"
    )]
    NoUsername {
        /// The name, as typed.
        name: String,
        /// The attribute.
        attribute: String,
        /// How many usable values there are.
        count: usize,
    },
    /// The user, or a group where that is to refuse, has a name that Kubernetes keeps for itself.
    #[error("the entry of `{name}` has the reserved {reserved}; use a prefix")]
    Reserved {
        /// The name, as typed.
        name: String,
        /// The reserved name.
        reserved: Reserved,
    },
    /// More groups than allowed.
    #[error("the user is in more than {limit} groups")]
    TooManyGroups {
        /// How many may be.
        limit: usize,
    },
    /// Groups in groups in groups.
    #[error("the groups of the user nest deeper than {depth} levels")]
    TooDeep {
        /// How many levels may be.
        depth: usize,
    },
    /// The directory gave a part of the values.
    #[error("the directory gives a part of `{attribute}` only; find groups by `member` instead")]
    CutValues {
        /// The attribute.
        attribute: String,
    },
    /// All in all it took too long.
    #[error("the directory took longer than {0:?} in all")]
    OutOfTime(Duration),
    /// A look-up without a password, where everything is read as the user.
    #[error("there is no service account to look `{name}` up as")]
    NoService {
        /// The name.
        name: String,
    },
    /// The directory gave no answer.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

impl LdapError {
    /// Whether nothing is said about anybody's name or password: the same request may succeed later.
    /// A server answers 503 to it, not 401.
    #[must_use]
    pub const fn is_outage(&self) -> bool {
        match self {
            Self::Directory(error) => error.is_outage(),
            Self::OutOfTime(_) => true,
            _ => false,
        }
    }
}

impl From<LdapError> for AuthnError {
    fn from(error: LdapError) -> Self {
        // An outage is nobody's wrong guess.
        if error.is_outage() { Self::unavailable(error) } else { Self::new(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_no_wrong_password_and_a_wrong_password_is_no_outage() {
        let slow = AuthnError::from(LdapError::OutOfTime(Duration::from_secs(1)));
        assert!(slow.is_unavailable());
        let wrong = AuthnError::from(LdapError::WrongPassword { name: "jane".to_owned() });
        assert!(!wrong.is_unavailable());
    }
}
