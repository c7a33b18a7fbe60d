//! Is this a JWT of an issuer of the organisation, and who is it by the rules of the API server's
//! AuthenticationConfiguration?
//!
//! [`Rules`] are one entry of that file, compiled; an [`OidcAuthenticator`] holds a token against
//! them, with keys that somebody else keeps fresh ([`ProviderKeys`]). A text that is no JWT, or one
//! of another issuer, is no opinion (S-OIDC-4); everything else about a token of the issuer that is
//! not in order is an error, in the words of the API server. [`introspection`] reads what RFC 7662
//! says of tokens that only their issuer can read.
//!
//! Three things are stricter than in the API server, and can only refuse more:
//!
//! - A token is read by [`crypto::jws`](crate::crypto::jws): no JSON object in it repeats a member,
//!   no registered claim is written in another case (`EXP`), nothing is after its parts, and a
//!   critical header extension is not passed over.
//! - A token ends with the second that `exp` names, not after it. `expires` of the answer is `exp`.
//! - A distributed claim is followed only where that was enabled. Where it was not, a token that has
//!   its groups elsewhere is refused: a user without those groups would be another one.
//!
//! Names that Kubernetes keeps for itself are not refused here (S-OIDC-24): a chain does that, see
//! [`Trust`](crate::authn::chain::Trust). As in the API server the authenticator knows no audiences
//! of the cluster, so it is an [`audience_agnostic`](crate::authn::chain::Member::audience_agnostic)
//! member: `aud` is held against the audiences of the issuer's entry.
//!
//! Absent on purpose: the network (see `source::oidc`), files, a clock.
//!
//! ```
//! use std::sync::Arc;
//!
//! use portcullis::api::authentication_config::JwtAuthenticator;
//! use portcullis::authn::Attempt;
//! use portcullis::authn::oidc::{OidcAuthenticator, Rules};
//! use portcullis::crypto::{KeySet, SigningAlgorithm, SigningKey};
//! use serde_json::{Map, json};
//!
//! let mut config = JwtAuthenticator::default();
//! config.issuer.url = "https://issuer.example".to_owned();
//! config.issuer.audiences = vec!["kubectl".to_owned()];
//! config.claim_mappings.username.claim = "sub".to_owned();
//! config.claim_mappings.username.prefix = Some("example:".to_owned());
//!
//! let key = SigningKey::generate(SigningAlgorithm::Es256)?;
//! let keys = Arc::new(KeySet::new([key.verifying_key().clone()]));
//! let oidc = OidcAuthenticator::new(Rules::compile(&config)?, Arc::new(keys));
//!
//! let claims = json!({"iss": "https://issuer.example", "aud": "kubectl", "sub": "jane", "exp": 2_000});
//! let token = key.sign(&Map::new(), claims.as_object().ok_or("claims")?)?;
//! # async fn ask(oidc: OidcAuthenticator, token: String) -> Result<(), Box<dyn std::error::Error>> {
//! let attempt = Attempt { token: &token, audiences: &[], now: 1_000 };
//! let found = oidc.check(attempt).await?.ok_or("no opinion")?;
//! assert_eq!((found.user.name.as_str(), found.expires), ("example:jane", Some(2_000)));
//! # Ok(())
//! # }
//! # let mut task = std::pin::pin!(ask(oidc, token));
//! # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
//! # let std::task::Poll::Ready(done) = std::future::Future::poll(task.as_mut(), &mut context)
//! #     else { panic!() };
//! # done?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod authenticator;
mod claims;
mod distributed;
mod error;
pub mod introspection;
mod keys;
mod mapping;
mod rules;
mod times;
mod validation;
mod verify;

#[cfg(test)]
mod tests;

pub use authenticator::OidcAuthenticator;
pub use claims::{ClaimError, ClaimType};
pub use distributed::{DistributedClaims, DistributedClaimsError, Fetching, KeysOfIssuer};
pub use error::{EvaluationFailure, OidcError};
pub use keys::{ProviderKeys, Refreshing};
pub use rules::{Rules, RulesError, RulesProblem};
pub use times::{GoTime, NotATime};
pub use verify::{PayloadError, VerifyTokenError};
