//! Is this one of the tokens that we issued ourselves?
//!
//! An [`Issuer`] signs JWTs that carry a user; [`IssuedTokens`] verifies them with the current key
//! and those before it, told apart by `kid`. [`IssuerKeys`] is both halves of a directory of keys.
//! A text that is no JWT, or one of another issuer, is no opinion (as S-SAJWT-1); everything else
//! about a token of ours that is not in order is an error.
//!
//! Times are held to the second, without leeway: issuer and verifier share one clock, or two that
//! are kept together anyway. A token is good while `nbf <= now`, `iat <= now` and `now < exp`.
//!
//! Absent on purpose: revocation of single tokens (make them short-lived, or take their key away),
//! who may ask for a token, reading the directory.
//!
//! ```
//! use std::sync::Arc;
//!
//! use portcullis::authn::issued::{IssuedTokens, Issuer};
//! use portcullis::authn::{Attempt, TokenAuthenticator};
//! use portcullis::crypto::{KeySet, SigningAlgorithm, SigningKey};
//! use portcullis::model::User;
//!
//! let key = Arc::new(SigningKey::generate(SigningAlgorithm::Es256)?);
//! let keys = Arc::new(KeySet::new([key.verifying_key().clone()]));
//! let issuer = Issuer::new("https://portcullis", ["api"], key, 3600)?;
//! let token = issuer.issue(&User::new("jane").with_groups(["dev"]), &[], 1_000, None)?;
//!
//! let tokens = IssuedTokens::new("https://portcullis", ["api"], Arc::new(keys));
//! let attempt = Attempt { token: token.expose_secret(), audiences: &[], now: 2_000 };
//! let found = tokens.verify(attempt)?.ok_or("no opinion")?;
//! assert_eq!((found.user.name.as_str(), found.expires), ("jane", Some(4_600)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod claims;
mod error;
mod issuer;
mod keys;
mod verify;

#[cfg(test)]
mod tests;

pub use claims::Session;
pub use error::{IssueError, IssuedTokenError, IssuerKeysError};
pub use issuer::Issuer;
pub use keys::IssuerKeys;
pub use verify::IssuedTokens;

pub use crate::authn::CREDENTIAL_ID;
