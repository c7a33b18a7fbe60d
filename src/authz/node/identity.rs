use crate::model::{User, groups, names};

/// Which node a user is (S-NODE-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity<'u> {
    /// None.
    Other,
    /// One without a name, which may nothing (S-NODE-2).
    Unknown,
    /// The node of this name, which is not checked.
    Node(&'u str),
}

/// A node is who has the name of one and is in the group of all: a name alone, or the group alone, is
/// no identity.
#[inline]
pub(super) fn identity(user: &User) -> Identity<'_> {
    match user.name.strip_prefix(names::NODE_PREFIX) {
        Some(node) if user.is_member(groups::NODES) => match node {
            "" => Identity::Unknown,
            node => Identity::Node(node),
        },
        _ => Identity::Other,
    }
}
