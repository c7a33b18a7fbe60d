//! What does a webhook say? The authorizer that asks somebody else, as the API server asks: match
//! conditions first, then the answers that were kept, then the webhook itself (S-WHA, S-ACFG-16).
//!
//! Whom it asks is a [`Remote`]; the one over a network is `source::webhook_client`. [`Unasked`] stands
//! in where nobody is to be asked.
//!
//! ```
//! use std::sync::Arc;
//!
//! use portcullis::api::authorization::Version;
//! use portcullis::authz::Authorizer;
//! use portcullis::authz::webhook::{
//!     Remote, RemoteAnswer, RemoteError, Unasked, WebhookAuthorizer, WebhookOptions,
//! };
//! use portcullis::model::{Decision, Request, User};
//!
//! /// Says yes to everybody.
//! #[derive(Debug)]
//! struct Yes;
//!
//! impl Remote for Yes {
//!     fn review(&self, _: &[u8]) -> Result<RemoteAnswer, RemoteError> {
//!         Ok(RemoteAnswer::json(200, r#"{"status": {"allowed": true, "reason": "why not"}}"#))
//!     }
//! }
//!
//! let jane = User::new("jane");
//! let request = Request::non_resource(&jane, "get", "/metrics");
//! let webhook = WebhookAuthorizer::new(WebhookOptions::new(Version::V1), Arc::new(Yes));
//! assert_eq!(webhook.authorize(&request).reason(), "why not");
//!
//! // Offline: whatever a later link says, the webhook may have said otherwise.
//! let nobody = Arc::new(Unasked::Incomplete);
//! let webhook = WebhookAuthorizer::new(WebhookOptions::new(Version::V1), nobody);
//! let verdict = webhook.authorize(&request);
//! assert_eq!((verdict.decision, verdict.errors.len()), (Decision::NoOpinion, 1));
//! ```
//!
//! Absent on purpose: connections, retries and their pauses (see `source::webhook_client`), joining of
//! equal questions that are asked at the same time (the API server does not either), and any opinion
//! of its own.

mod answer;
mod authorizer;
mod cache;
mod options;
mod remote;

#[cfg(test)]
mod tests;

pub use answer::{AnswerError, BOTH_ANSWERS};
pub use authorizer::{NO_RULES, WebhookAuthorizer};
pub use cache::Clock;
pub use options::{UnsupportedVersion, WebhookOptions, parse_version};
pub use remote::{NOT_ASKED, Remote, RemoteAnswer, RemoteError, Unasked};
