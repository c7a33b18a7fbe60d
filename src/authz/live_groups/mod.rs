//! In which groups is the user now? The groups that a certificate or a token froze long ago are
//! **replaced** by live ones, before anybody of the chain is asked.
//!
//! A [`GroupResolver`] asks a source, a [`LiveGroups`], and keeps what it said. A chain with one
//! ([`Chain::with_live_groups`]) asks its gates about the user as presented, and everybody else, the
//! `system:masters` step included, about the user in the groups of now. The rules:
//!
//! - Users whose name begins with `system:` (nodes, service accounts, bootstrap tokens, the
//!   anonymous user), users without a name, and [exempt](LiveGroupsOptions::exempt) ones are not looked
//!   up: they are asked about as presented.
//! - A group whose name begins with `system:` never comes from the source. Of those of the credential
//!   `system:authenticated` stays; every other, `system:masters` first of all, stays only where
//!   [`SystemGroups`] says so. A certificate that made somebody a super user ten years ago is what this
//!   module is against: whoever needs one for an emergency names its user among the exempt.
//! - All other groups of the credential are gone. Of a user whom the source does not know they are gone,
//!   too, unless [`UnknownUser`] says otherwise.
//! - What the source said is good for [`ttl`](LiveGroupsOptions::ttl), and up to
//!   [`max_age`](LiveGroupsOptions::max_age) it is used while somebody asks anew. One look-up of a user runs
//!   at a time; who waits for it waits for a bounded time, in a bounded crowd.
//! - A source that fails fails the request: it is denied with an error, which a server answers with HTTP
//!   500 (S-CHAIN-6), whatever the chain does about [failures](crate::authz::OnFailure) of its members.
//!   Without the groups nobody knows whether somebody would have denied.
//!
//! The user of a request may be impersonated, which no authorizer can see: then the groups that the
//! impersonation named are replaced, too. So whoever may impersonate a user acts with the groups of that
//! user, without a check of each group.
//!
//! ```
//! use std::sync::Arc;
//!
//! use portcullis::authz::live_groups::{GroupFile, GroupResolver, LiveGroupsOptions};
//! use portcullis::authz::{AlwaysDeny, Chain};
//! use portcullis::model::User;
//!
//! let file = GroupFile::new("groups.yaml", [("jane", ["dev"])])?;
//! let resolver = GroupResolver::new(Arc::new(file), LiveGroupsOptions::default());
//! let chain = Chain::new().with("AlwaysDeny", AlwaysDeny).with_live_groups(resolver);
//!
//! let frozen = User::new("jane").with_groups(["ops", "system:masters", "system:authenticated"]);
//! assert_eq!(chain.asker(&frozen)?.groups, ["dev", "system:authenticated"]);
//! let unknown = User::new("joe").with_groups(["ops", "system:authenticated"]);
//! assert_eq!(chain.asker(&unknown)?.groups, ["system:authenticated"]);
//! let node = User::node("n1");
//! assert_eq!(*chain.asker(&node)?, node);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Absent on purpose: directories (see `authn::ldap`) and files (see `source::group_file`).
//!
//! [`Chain::with_live_groups`]: crate::authz::Chain::with_live_groups

mod cache;
mod file;
mod flight;
mod options;
mod replace;
mod resolver;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use file::{GroupFile, GroupFileError};
pub use options::{LiveGroupsOptions, SystemGroups, UnknownUser};
pub use resolver::{GroupResolver, Refresher};

use crate::model::User;

/// Anything that knows the groups of users now: a directory, a file. Open: bring your own.
pub trait LiveGroups: Send + Sync {
    /// The name in reasons and logs, such as `ldap` or the path of a file.
    fn name(&self) -> &str;

    /// The groups of a user as they are at this moment, or that there is no such user (any more).
    ///
    /// What it says must depend on the name alone: that is all that `user` holds, since answers are kept by
    /// name. May wait, within a budget of its own, if it [says so](Self::is_slow).
    ///
    /// # Errors
    /// When it cannot tell. The text is for logs; it names no secret.
    fn groups(&self, user: &User) -> Result<Option<Vec<String>>, LiveGroupsError>;

    /// Whether an answer may take its time. Default: it may.
    fn is_slow(&self) -> bool {
        true
    }
}

/// Why the groups of a user cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LiveGroupsError {
    /// The source says so.
    #[error("{0}")]
    Source(String),
    /// More groups than anybody means to give one user.
    #[error("{count} groups, more than the {most} that are taken")]
    TooMany {
        /// So many there are.
        count: usize,
        /// So many may be.
        most: usize,
    },
    /// Too many look-ups run, or too many requests wait for them.
    #[error("too many look-ups at once")]
    Overloaded,
    /// Somebody else's look-up of the same user took too long.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// A look-up ended without an answer: its source panicked, or its thread went away.
    #[error("the look-up ended without an answer")]
    Abandoned,
    /// Nobody ran the look-up: see [`SlowRunner`](crate::authz::SlowRunner).
    #[error("the source was not asked")]
    NotAsked,
}
