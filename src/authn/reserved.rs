use std::fmt;

use crate::model::User;

/// What the names that Kubernetes keeps for itself begin with. A source that is not Kubernetes' own
/// could otherwise make anybody a member of `system:masters`.
pub const RESERVED_PREFIX: &str = "system:";

/// What becomes of reserved names in a source that holds them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReservedNames {
    /// They are taken as they are, as the API server takes them. For files that hold the identities
    /// of a control plane.
    Allow,
    /// They are an error.
    #[default]
    Refuse,
}

/// A reserved name that a user has. Displays as `user name` or `group` and the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// The user name.
    User(String),
    /// A group.
    Group(String),
}

impl fmt::Display for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user name `{name}`"),
            Self::Group(name) => write!(f, "group `{name}`"),
        }
    }
}

/// The first reserved name that a user has, if any.
///
/// ```
/// use portcullis::authn::{Reserved, reserved_name};
/// use portcullis::model::User;
///
/// let jane = User::new("jane");
/// assert_eq!(reserved_name(&jane), None);
/// let root = jane.with_groups(["dev", "system:masters"]);
/// assert_eq!(reserved_name(&root), Some(Reserved::Group("system:masters".to_owned())));
/// ```
#[must_use]
pub fn reserved_name(user: &User) -> Option<Reserved> {
    if user.name.starts_with(RESERVED_PREFIX) {
        return Some(Reserved::User(user.name.clone()));
    }
    let group = user.groups.iter().find(|group| group.starts_with(RESERVED_PREFIX))?;
    Some(Reserved::Group(group.clone()))
}
