//! Is this token one of a service account's, legacy or bound, and does what it is bound to still
//! exist (S-SAJWT-1 to S-SAJWT-11)?
//!
//! Two authenticators, told apart by the issuer that a token names: [`LegacyServiceAccounts`] for
//! the endless tokens of Secrets, [`ServiceAccounts`] for those of the TokenRequest API. In a chain
//! the legacy one comes first (S-AUTHN-2). A token of another issuer is no opinion. Every claim is
//! read after the signature was verified, and times by the clock of the attempt.
//!
//! A legacy token is compared with the value in its Secret, and that is kept for Secrets of type
//! `kubernetes.io/service-account-token` only; a copy in a Secret of another type, which the API
//! server would accept, is refused.
//!
//! Absent on purpose: issuing tokens, the label `legacy-token-last-used` that only an API server
//! can write, fetching keys.

mod bound;
mod claims;
mod error;
mod legacy;
mod verify;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use bound::{BoundObjects, ServiceAccounts};
pub use error::ServiceAccountError;
pub use legacy::{LegacyServiceAccounts, Lookup};

use crate::model::{ServiceAccountName, User, groups};

/// Something worth counting about a token whose signature is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// It names no audience, as tokens did before the TokenRequest API (S-SAJWT-3).
    NoAudience,
    /// It is one whose life was extended, past the time at which its holder should have had a new
    /// one (S-SAJWT-11).
    Stale {
        /// How long past.
        seconds: i64,
    },
}

/// What notices are told to. Called during authentication, so it must be quick.
pub type Notices = Arc<dyn Fn(Notice) + Send + Sync>;

/// The user of a service account, without `extra` (S-SAJWT-10). The chain adds
/// `system:authenticated`.
fn user(namespace: &str, name: &str, uid: &str) -> User {
    let mut user = User::new(ServiceAccountName::username(namespace, name)).with_groups([
        groups::SERVICE_ACCOUNTS.to_owned(),
        format!("{}:{namespace}", groups::SERVICE_ACCOUNTS),
    ]);
    uid.clone_into(&mut user.uid);
    user
}
