//! Webhooks of a chain, when questions are answered offline.

use std::sync::Arc;

use clap::ValueEnum;
use portcullis::api::authorization_config::WebhookEntry;
use portcullis::authz::webhook::{NOT_ASKED, Unasked, WebhookAuthorizer, WebhookOptions};
use portcullis::model::Request;
use portcullis::snapshot::Snapshot;

use super::exit::Failure;
use super::speak::Speaker;

/// What becomes of the webhooks of a chain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum WebhookUse {
    /// Ask them, over the network, as their kubeconfigs say
    Ask,
    /// Take it that they have no opinion
    NoOpinion,
    /// Leave them out; an answer that they could change ends with exit status 3
    #[default]
    Incomplete,
}

/// The webhook of an entry.
pub(crate) fn authorizer(
    name: &str,
    entry: &WebhookEntry,
    how: WebhookUse,
    speaker: Speaker,
) -> Result<WebhookAuthorizer, Failure> {
    let unasked = match how {
        WebhookUse::Ask => return asked(name, entry, speaker),
        WebhookUse::NoOpinion => Unasked::NoOpinion,
        WebhookUse::Incomplete => Unasked::Incomplete,
    };
    let options = WebhookOptions::from_entry(entry)
        .map_err(|error| Failure::usage(format!("webhook `{name}`: {error}")))?;
    Ok(WebhookAuthorizer::new(options, Arc::new(unasked)))
}

#[cfg(feature = "webhook-client")]
fn asked(name: &str, entry: &WebhookEntry, speaker: Speaker) -> Result<WebhookAuthorizer, Failure> {
    use portcullis::source::webhook_client::{self, ClientOptions};

    let client = webhook_client::client(entry, ClientOptions::default(), None);
    let failed = |error: &dyn std::error::Error| {
        Failure::usage(format!("webhook `{name}`: {}", super::exit::with_causes(error)))
    };
    let client = client.map_err(|error| failed(&error))?;
    for warning in client.warnings() {
        speaker.warn(format!("webhook `{name}`: {warning}"));
    }
    let options = WebhookOptions::from_entry(entry).map_err(|error| failed(&error))?;
    Ok(WebhookAuthorizer::new(options, Arc::new(client)))
}

#[cfg(not(feature = "webhook-client"))]
fn asked(name: &str, _: &WebhookEntry, _: Speaker) -> Result<WebhookAuthorizer, Failure> {
    Err(Failure::usage(format!(
        "webhook `{name}`: this build asks no webhooks; use --webhook no-opinion or --webhook \
         incomplete, or build with feature `webhook-client`"
    )))
}

/// Whether a webhook that should have been asked about a request was not. Whatever came of it, the
/// webhook might have said otherwise: one may deny what a later link allows.
pub(crate) fn is_unasked(snapshot: &Snapshot, request: &Request<'_>) -> bool {
    let walk = snapshot.chain().walk(request);
    walk.answers.iter().any(|answer| answer.verdict.errors.iter().any(|error| error == NOT_ASKED))
}
