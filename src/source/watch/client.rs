use std::path::PathBuf;
use std::time::Duration;

use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use secrecy::ExposeSecret;

use super::failure::{self, Failure};

/// Whose credentials are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialsFrom {
    /// A kubeconfig file, or what `KUBECONFIG` and `~/.kube/config` say; its current context or another.
    Kubeconfig {
        /// The file.
        file: Option<PathBuf>,
        /// The context.
        context: Option<String>,
    },
    /// The service account of the pod that this runs in.
    InCluster,
    /// The pod's service account where there is one, else the kubeconfig that is found.
    Found,
}

/// Which API server, and how patiently.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterOptions {
    /// Whose credentials.
    pub credentials: CredentialsFrom,
    /// How long a connection may take to come about. Default: 10 s.
    pub connect_timeout: Duration,
    /// How long a request may go without a byte, lists included. Watches have their own limit
    /// ([`Tuning::silence`](super::Tuning)). Default: 60 s.
    pub request_timeout: Duration,
}

impl ClusterOptions {
    /// With these credentials.
    #[must_use]
    pub const fn new(credentials: CredentialsFrom) -> Self {
        Self {
            credentials,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(60),
        }
    }
}

/// A connection to an API server. Clones share it.
#[derive(Clone)]
pub struct Connection {
    client: Client,
    server: String,
    request_timeout: Duration,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Why there is no connection. The texts never show a credential: not what a kubeconfig holds, nor what a
/// credential plugin printed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No kubeconfig, or one that says too little.
    #[error("the kubeconfig does not say how to reach the API server: {0}")]
    Kubeconfig(String),
    /// Not in a pod.
    #[error("there is no service account of a pod here: {0}")]
    InCluster(String),
    /// Credentials that cannot be used.
    #[error("the credentials for the API server cannot be used: {0}")]
    Client(String),
}

/// There is no answer of the API server, and why. Shows no credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no answer of the API server: {0}")]
pub struct Unreachable(String);

impl Connection {
    /// Reads the credentials; nothing is asked of the API server yet. Must be called within a Tokio
    /// runtime.
    ///
    /// Tokens that files hold are read again every minute, and credential plugins are run again before
    /// theirs end. There is no limit of requests, and no request is made twice without being told.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn open(options: &ClusterOptions) -> Result<Self, ConnectError> {
        let mut config = config(&options.credentials).await?;
        config.connect_timeout = Some(options.connect_timeout);
        // Watches are silent for long; the limits are those of the callers.
        config.read_timeout = None;
        config.default_retry = false;
        if config.accept_invalid_certs {
            tracing::warn!(
                "the certificate of the API server is not verified, as the kubeconfig asks"
            );
        }
        check_token(&config)?;
        let server = failure::without_user(&config.cluster_url);
        // Runs the credential plugin, if there is one, and waits for it.
        let client = tokio::task::spawn_blocking(move || Client::try_from(config)).await;
        let client = client
            .map_err(|_| ConnectError::Client("reading them failed".to_owned()))?
            .map_err(|error| ConnectError::Client(failure::told_by_client(&error)))?;
        Ok(Self { client, server, request_timeout: options.request_timeout })
    }

    /// Whether the credentials can be read, as far as that is known without running a credential plugin and
    /// without asking anybody. Those of a pod are there in the pod alone, so nothing is said about them.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub fn check(options: &ClusterOptions) -> Result<(), ConnectError> {
        if options.credentials == CredentialsFrom::InCluster {
            return Ok(());
        }
        // Nothing there waits.
        let config = futures_util::FutureExt::now_or_never(config(&options.credentials));
        config.map_or(Ok(()), |config| check_token(&config?))
    }

    /// The URL of the API server, for people.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The client itself. Its errors show what a credential plugin printed; those of [`send`](Self::send)
    /// do not.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a request to a path of the API server, for those who write. The answer may be any; its body is
    /// still to come, and how long that may take is the caller's business.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(
        &self,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, Unreachable> {
        let sent = self.client.send(request).await;
        sent.map_err(|error| Unreachable(failure::told_by_client(&error)))
    }

    /// How long a request may go without a byte.
    pub(super) const fn request_timeout(&self) -> Duration {
        self.request_timeout
    }

    /// Asks for a path, its query included. The answer's body is still to come.
    ///
    /// # Errors
    /// When there is no answer, or one that is not 200.
    pub(super) async fn get(&self, path: &str, accept: &'static str) -> Result<Body, Failure> {
        let request = http::Request::get(path)
            .header(http::header::ACCEPT, accept)
            .body(Body::empty())
            .map_err(|error| Failure::Unreachable(error.to_string()))?;
        let answer = tokio::time::timeout(self.request_timeout, self.send(request));
        let answer = match answer.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(Unreachable(reason))) => return Err(Failure::Unreachable(reason)),
            Err(_) => return Err(Failure::silent(self.request_timeout)),
        };
        match answer.status() {
            http::StatusCode::OK => Ok(answer.into_body()),
            _ => Err(Failure::of_answer(answer, self.request_timeout).await),
        }
    }
}

/// A token that no header takes, such as one with a line break (`token: |` in YAML): the client would panic.
fn check_token(config: &Config) -> Result<(), ConnectError> {
    let fits = |byte: u8| byte == b'\t' || byte >= b' ' && byte != 0x7f;
    match &config.auth_info.token {
        Some(token) if !token.expose_secret().bytes().all(fits) => Err(ConnectError::Client(
            "the token has a line break or another control character in it".to_owned(),
        )),
        _ => Ok(()),
    }
}

async fn config(credentials: &CredentialsFrom) -> Result<Config, ConnectError> {
    match credentials {
        CredentialsFrom::Kubeconfig { file, context } => {
            kubeconfig(file.as_deref(), context.clone()).await
        }
        CredentialsFrom::InCluster => in_cluster(),
        // What the kubelet sets in every container of a pod.
        CredentialsFrom::Found if std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() => {
            in_cluster()
        }
        CredentialsFrom::Found => kubeconfig(None, None).await,
    }
}

async fn kubeconfig(
    file: Option<&std::path::Path>,
    context: Option<String>,
) -> Result<Config, ConnectError> {
    let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
    let config = match file {
        Some(file) => match Kubeconfig::read_from(file) {
            Ok(kubeconfig) => Config::from_custom_kubeconfig(kubeconfig, &options).await,
            Err(error) => Err(error),
        },
        None => Config::from_kubeconfig(&options).await,
    };
    config.map_err(|error| ConnectError::Kubeconfig(failure::told_by_kubeconfig(&error)))
}

fn in_cluster() -> Result<Config, ConnectError> {
    Config::incluster().map_err(|error| ConnectError::InCluster(error.to_string()))
}
