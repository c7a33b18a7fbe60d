use std::io;
use std::path::PathBuf;

use crate::api::authorization_config::GoDuration;
use crate::source::fetch::FetchConfigError;
use crate::source::kubeconfig::KubeconfigError;

/// Why a webhook cannot be asked as its kubeconfig says. No message shows a value of it that may be a
/// secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookClientError {
    /// A file cannot be read: the kubeconfig, or one that it names.
    #[error("`{}`: cannot be read; check the path and your permission to read it", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// It is no kubeconfig.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    /// The chain from the current context to a cluster and a user is broken.
    #[error("`{}`: {what} `{name}` does not exist; {advice}", path.display())]
    NotThere {
        /// The kubeconfig.
        path: PathBuf,
        /// `context`, `cluster` or `user`.
        what: &'static str,
        /// What it is called.
        name: String,
        /// What to do.
        advice: &'static str,
    },
    /// No context is the current one.
    #[error("`{}`: it has no `current-context`; name the one to use", path.display())]
    NoCurrentContext {
        /// The kubeconfig.
        path: PathBuf,
    },
    /// The server is no URL.
    #[error("`{}`: `server` must be a URL such as `https://webhook.example/authorize`", path.display())]
    Server {
        /// The kubeconfig.
        path: PathBuf,
    },
    /// Nobody is named who may vouch for the server.
    #[error(
        "`{}`: name the authority that the certificate of the webhook is issued by, as \
         `certificate-authority` or `certificate-authority-data`; the certificates of this machine do \
         not count",
        path.display()
    )]
    NoAuthority {
        /// The kubeconfig.
        path: PathBuf,
    },
    /// Somebody may vouch for the server, and nobody need.
    #[error(
        "`{}`: specifying a root certificates file with the insecure flag is not allowed; remove \
         `insecure-skip-tls-verify`",
        path.display()
    )]
    InsecureWithAuthority {
        /// The kubeconfig.
        path: PathBuf,
    },
    /// Something that is not supported here.
    #[error("`{}`: `{field}` is not supported; {advice}", path.display())]
    Unsupported {
        /// The kubeconfig.
        path: PathBuf,
        /// The field.
        field: String,
        /// What to do.
        advice: &'static str,
    },
    /// A certificate, a key or a token that is none.
    #[error("`{}`: `{field}` is unusable: {problem}", path.display())]
    Material {
        /// The kubeconfig.
        path: PathBuf,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The timeout or the limit of answers is zero, or the TLS back-end cannot be used.
    #[error(transparent)]
    Options(#[from] FetchConfigError),
    /// The system gives no thread to wait on.
    #[error("no thread for the network of webhooks can be started")]
    Runtime(#[source] io::Error),
}

/// Why asking came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// No complete answer in time. It is not asked again (S-WHA-9).
    #[error("no answer from the webhook within {0}")]
    Timeout(GoDuration),
    /// No connection, or no answer on it.
    #[error("no answer from the webhook: {text}")]
    Connection {
        /// What happened.
        text: String,
        /// Whether the connection was reset or lost, which may pass (S-WHA-9).
        is_lost: bool,
    },
    /// The answer is larger than allowed.
    #[error("the answer of the webhook is larger than {max_bytes} bytes")]
    TooLarge {
        /// How large it may be.
        max_bytes: usize,
    },
    /// The answer is neither JSON nor YAML.
    #[error("the answer of the webhook is neither JSON nor YAML")]
    Unreadable,
    /// The file with the token cannot be read any more, and no token is known.
    #[error("the webhook cannot be asked: {0}")]
    Credentials(&'static str),
    /// Nothing moved for longer than all attempts may take: the runtime that was given does not run,
    /// since all of its threads wait.
    #[error("the webhook was not waited for any longer: the network of this program stands still")]
    Stalled,
    /// The program ends, and with it the network.
    #[error("the webhook was not waited for: the program is ending")]
    Ending,
}
