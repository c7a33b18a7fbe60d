use std::fmt;

use crate::model::User;

/// What the names that Kubernetes keeps for itself begin with. A source that is not Kubernetes' own
/// could otherwise make anybody a member of `system:masters`.
pub const RESERVED_PREFIX: &str = "system:";

pub use crate::model::CREDENTIAL_ID;

/// The domains of extra keys that Kubernetes keeps for itself, with all below them (S-ACONF-8).
const RESERVED_DOMAINS: [&str; 2] = ["k8s.io", "kubernetes.io"];

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

/// A reserved name that a user has. Displays as `user name`, `group` or `extra key` and the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// The user name.
    User(String),
    /// A group.
    Group(String),
    /// The key of an extra value, such as the pod that a service account's token is bound to.
    ExtraKey(String),
}

impl fmt::Display for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user name `{name}`"),
            Self::Group(name) => write!(f, "group `{name}`"),
            Self::ExtraKey(key) => write!(f, "extra key `{key}`"),
        }
    }
}

/// The first reserved name that a user has, if any: a user name or group that begins with `system:`,
/// or an extra key under `kubernetes.io`, `k8s.io` or a domain below them. Of those only
/// [`CREDENTIAL_ID`] is everybody's: it says which credential it was, and nothing about whose.
///
/// What an API server hands on in headers loses white space at its ends, and extra keys their case;
/// neither hides a name here.
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
    if is_reserved(&user.name) {
        return Some(Reserved::User(user.name.clone()));
    }
    if let Some(group) = user.groups.iter().find(|group| is_reserved(group)) {
        return Some(Reserved::Group(group.clone()));
    }
    let key = user.extra.keys().find(|key| is_reserved_key(key))?;
    Some(Reserved::ExtraKey(key.clone()))
}

fn is_reserved(name: &str) -> bool {
    let is_blank = |character: char| character.is_whitespace() || character.is_control();
    name.trim_start_matches(is_blank).starts_with(RESERVED_PREFIX)
}

fn is_reserved_key(key: &str) -> bool {
    if key == CREDENTIAL_ID {
        return false;
    }
    let key = key.trim().to_ascii_lowercase();
    let Some((domain, _)) = key.split_once('/') else { return false };
    RESERVED_DOMAINS.iter().any(|reserved| {
        domain.strip_suffix(reserved).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_extra(key: &str) -> User {
        let mut user = User::new("jane");
        user.extra.insert(key.to_owned(), vec!["x".to_owned()]);
        user
    }

    #[test]
    fn white_space_hides_no_reserved_name_and_other_names_are_nobody_s() {
        for name in ["system:admin", " system:admin", "\tsystem:", "\u{a0}system:x", "\r\nsystem:x"]
        {
            let expected = Some(Reserved::User(name.to_owned()));
            assert_eq!(reserved_name(&User::new(name)), expected, "{name:?}");
            let expected = Some(Reserved::Group(name.to_owned()));
            let user = User::new("jane").with_groups(["dev", name]);
            assert_eq!(reserved_name(&user), expected, "{name:?}");
        }
        // RBAC compares byte for byte, so these are others.
        for name in ["system", "systems:x", "System:admin", "x system:admin", "my:system:x", ""] {
            let user = User::new(name).with_groups([name]);
            assert_eq!(reserved_name(&user), None, "{name:?}");
        }
    }

    #[test]
    fn extra_keys_of_kubernetes_are_reserved_in_any_case_and_its_look_alikes_are_not() {
        for key in [
            "authentication.kubernetes.io/node-name",
            "authentication.kubernetes.io/pod-name",
            "Authentication.Kubernetes.IO/pod-name",
            "authentication.kubernetes.io/Credential-Id",
            "kubernetes.io/x",
            "k8s.io/x",
            "a.b.k8s.io/x",
            " k8s.io/x",
        ] {
            let expected = Some(Reserved::ExtraKey(key.to_owned()));
            assert_eq!(reserved_name(&with_extra(key)), expected, "{key}");
        }
        for key in [
            CREDENTIAL_ID,
            "scopes",
            "acme.io/x",
            "notkubernetes.io/x",
            "kubernetes.io",
            "x/k8s.io/y",
        ] {
            assert_eq!(reserved_name(&with_extra(key)), None, "{key}");
        }
    }
}
