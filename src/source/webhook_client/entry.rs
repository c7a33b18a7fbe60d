use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::{ClientOptions, WebhookClient, WebhookClientError};
use crate::api::authorization_config::{Connection, WebhookEntry};
use crate::authz::webhook::{WebhookAuthorizer, WebhookOptions};
use crate::cel::CompileError;

/// Why an entry of an AuthorizationConfiguration cannot be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// The pod's own service account, with which kube-apiserver itself panics (S-ACFG-7).
    #[error(
        "connectionInfo type `InClusterConfig` names no webhook, and kube-apiserver crashes on it; use \
         `KubeConfigFile`"
    )]
    InClusterConfig,
    /// A match condition does not compile.
    #[error("match condition")]
    MatchCondition(#[from] CompileError),
    /// Its kubeconfig cannot be used.
    #[error(transparent)]
    Client(#[from] WebhookClientError),
}

/// The webhook of an entry, ready to be asked, with the kubeconfig that the entry names.
///
/// What the client [warns of](WebhookClient::warnings) goes to the log. The connections live on the
/// runtime of `handle`, or on one of their own (see
/// [`WebhookClient::from_kubeconfig`]).
///
/// # Errors
/// [`EntryError`] when it cannot be asked.
pub fn authorizer(
    entry: &WebhookEntry,
    handle: Option<Handle>,
) -> Result<WebhookAuthorizer, EntryError> {
    let options = WebhookOptions::from_entry(entry)?;
    let client = client(entry, ClientOptions::default(), handle)?;
    for warning in client.warnings() {
        tracing::warn!(?client, "{warning}");
    }
    Ok(WebhookAuthorizer::new(options, Arc::new(client)))
}

/// The client of an entry: what `options` say, with the timeout of the entry.
///
/// # Errors
/// [`EntryError`] when there is none.
pub fn client(
    entry: &WebhookEntry,
    options: ClientOptions,
    handle: Option<Handle>,
) -> Result<WebhookClient, EntryError> {
    let path: &Path = match &entry.connection {
        Connection::KubeConfigFile(path) => path,
        Connection::InClusterConfig => return Err(EntryError::InClusterConfig),
    };
    Ok(WebhookClient::from_kubeconfig(path, &options.with_timeout(entry.timeout), handle)?)
}
