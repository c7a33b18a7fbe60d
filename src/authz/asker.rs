//! As whom are the authorizers of a chain asked?

use std::ops::Deref;
use std::sync::Arc;

use crate::model::User;

/// What the step of a chain is called that replaces groups by live ones.
pub const LIVE_GROUPS: &str = "live-groups";

/// Somebody who asks: as the credential says, or in other groups. Dereferences to the user.
#[derive(Debug, Clone)]
pub enum Asker<'a> {
    /// As the credential says: nobody replaces groups, or not those of this user.
    Presented(&'a User),
    /// The same user in the groups of now.
    Replaced(Arc<User>),
}

impl Deref for Asker<'_> {
    type Target = User;

    fn deref(&self) -> &User {
        match self {
            Self::Presented(user) => user,
            Self::Replaced(user) => user,
        }
    }
}

/// In which groups a user is cannot be told now, so nothing is answered that could depend on it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the groups of `{user}` are not known, so that nothing is decided: {source_name}: {reason}"
)]
pub struct GroupsUnknown {
    /// The name of the user.
    pub user: String,
    /// Who should have told.
    pub source_name: String,
    /// Why it did not.
    pub reason: String,
}
