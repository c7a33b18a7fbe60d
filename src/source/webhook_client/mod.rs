//! How is a webhook asked over a network? The client behind `authz::webhook`, as the API server's
//! behaves (S-WHA-1, S-WHA-9, S-WHA-10).
//!
//! Where the webhook is and how it is proved to whom stands in a kubeconfig: the current context, its
//! cluster and its user. Files that it names are read once, when the client is made (S-ACFG-10), save
//! a file with a token, which is read again every minute.
//!
//! - A review is a POST to the URL of the cluster, with `?timeout=` in place of any query.
//! - One attempt has the timeout of the client, whatever it waits for; up to five are made, with
//!   pauses, and only after failures that may pass.
//! - A redirect is an answer like any other that is not 2xx: it is not followed.
//! - HTTP/2 and HTTP/1.1, TLS 1.2 and 1.3.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use portcullis::api::authorization::Version;
//! use portcullis::authz::Chain;
//! use portcullis::authz::webhook::{WebhookAuthorizer, WebhookOptions};
//! use portcullis::source::webhook_client::{ClientOptions, WebhookClient};
//!
//! let client = WebhookClient::from_kubeconfig(
//!     "/etc/kubernetes/webhook.kubeconfig".as_ref(),
//!     &ClientOptions::default(),
//!     None,
//! )?;
//! let webhook = WebhookAuthorizer::new(WebhookOptions::new(Version::V1), Arc::new(client));
//! let chain = Chain::new().with("example", webhook);
//! # Ok::<(), portcullis::source::webhook_client::WebhookClientError>(())
//! ```
//!
//! Absent on purpose: proxies (also those of the environment), programs that fetch credentials, user
//! names with passwords, the machine's own root certificates, and a limit of questions a second (the
//! API server has none either).

mod connection;
mod credentials;
mod entry;
mod error;
mod options;
mod retry;
mod runtime;
mod target;
mod tls;
mod waiting;

#[cfg(test)]
mod tests;

pub use entry::{EntryError, authorizer, client};
pub use error::{AskError, WebhookClientError};
pub use options::{ClientOptions, Retry};
pub use target::Warning;
pub use waiting::WebhookClient;
