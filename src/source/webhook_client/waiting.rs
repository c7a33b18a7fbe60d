use std::fmt;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use http::HeaderValue;
use hyper::body::Bytes;
use tokio::runtime::Handle;

use super::connection::Connection;
use super::credentials::Token;
use super::runtime::Network;
use super::target::{Target, Warning};
use super::{AskError, ClientOptions, WebhookClientError, retry};
use crate::api::authorization_config::GoDuration;
use crate::authz::webhook::{Remote, RemoteAnswer, RemoteError};
use crate::source::document;
use crate::source::fetch::FetchConfigError;
use crate::source::kubeconfig::to_json;
use crate::source::text::looks_like_json;

/// Asks a webhook as a kubeconfig says.
///
/// [`Remote::review`] waits, and the thread with it; connections live on a runtime elsewhere. It may
/// be called from any thread, one of a runtime included, as long as that one may wait: within
/// `tokio::task::block_in_place` or `spawn_blocking`.
pub struct WebhookClient {
    connection: Arc<Connection>,
    options: ClientOptions,
    token: Option<Token>,
    network: Network,
    server: String,
    warnings: Vec<Warning>,
}

impl WebhookClient {
    /// A client for the current context of a kubeconfig. Nothing is asked yet.
    ///
    /// The connections live on the runtime of `handle`, if that has several threads; else on one that
    /// is made for them, with one thread. A server whose every thread may wait for a webhook gives
    /// none: with all of them waiting, nobody would be left to do what they wait for.
    ///
    /// # Errors
    /// [`WebhookClientError`] when the kubeconfig cannot be used, or the options make no sense.
    pub fn from_kubeconfig(
        path: &Path,
        options: &ClientOptions,
        handle: Option<Handle>,
    ) -> Result<Self, WebhookClientError> {
        let zeros = [
            ("timeout", options.timeout.is_zero()),
            ("max_answer_bytes", options.max_answer_bytes == 0),
        ];
        for (name, is_zero) in zeros {
            if is_zero {
                return Err(FetchConfigError::Zero(name).into());
            }
        }
        let mut target = Target::read(path, GoDuration::from(options.timeout))?;
        let (token, warnings) = (target.token.take(), std::mem::take(&mut target.warnings));
        let server = target.uri.to_string();
        let connection = Connection::new(target, options.timeout, options.max_answer_bytes);
        Ok(Self {
            connection: Arc::new(connection),
            options: *options,
            token,
            network: Network::new(handle).map_err(WebhookClientError::Runtime)?,
            server,
            warnings,
        })
    }

    /// What its owner may not have meant.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Longer than all attempts with their pauses take (S-WHA-10).
    fn longest(&self) -> Duration {
        /// For a machine with other things to do.
        const GRACE: Duration = Duration::from_secs(10);
        let ClientOptions { timeout, retry, .. } = self.options;
        let attempts = timeout.saturating_mul(retry.attempts.max(1));
        let pauses = retry.pauses().take(1_000).fold(Duration::ZERO, |sum, pause| {
            let longest = pause.as_secs_f64() * (1.0 + retry.jitter);
            sum.saturating_add(Duration::try_from_secs_f64(longest).unwrap_or(pause))
        });
        attempts.saturating_add(pauses).saturating_add(GRACE)
    }

    fn ask(&self, body: &[u8]) -> Result<RemoteAnswer, AskError> {
        let authorization: Option<HeaderValue> = self.token.as_ref().map(Token::header);
        let (connection, options) = (Arc::clone(&self.connection), self.options);
        let body = Bytes::copy_from_slice(body);
        let (said, heard) = mpsc::sync_channel(1);
        // If the runtime ends, the task ends without a word, and so does the waiting.
        self.network.handle().ok_or(AskError::Ending)?.spawn(async move {
            let outcome = retry::ask(&connection, &options, body, authorization).await;
            // Somebody waits for it.
            let _ = said.send(outcome);
        });
        let mut answer = heard.recv_timeout(self.longest()).unwrap_or_else(|error| {
            Err(match error {
                mpsc::RecvTimeoutError::Timeout => AskError::Stalled,
                mpsc::RecvTimeoutError::Disconnected => AskError::Ending,
            })
        })?;
        answer.body = as_json(answer.body)?;
        Ok(answer)
    }
}

impl Remote for WebhookClient {
    fn review(&self, body: &[u8]) -> Result<RemoteAnswer, RemoteError> {
        self.ask(body).map_err(|error| RemoteError::Failed(Box::new(error)))
    }
}

impl fmt::Debug for WebhookClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookClient")
            .field("server", &self.server)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// YAML as the JSON that it says (S-WHA-7); everything else as it is.
fn as_json(body: Vec<u8>) -> Result<Vec<u8>, AskError> {
    let Ok(text) = std::str::from_utf8(&body) else {
        return Ok(body);
    };
    if text.is_empty() || text.contains('\0') || looks_like_json(text) {
        return Ok(body);
    }
    let document = document::read("answer", body).map_err(|_| AskError::Unreadable)?;
    let root = document.root.filter(|_| document.duplicates.is_empty());
    let json = root.and_then(|root| to_json(&root, None)).ok_or(AskError::Unreadable)?;
    Ok(json.into_bytes())
}
