use std::path::PathBuf;
use std::time::Duration;

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
    client: kube::Client,
    server: String,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No kubeconfig, or one that says too little.
    #[error("the kubeconfig does not say how to reach the API server")]
    Kubeconfig(#[source] kube::config::KubeconfigError),
    /// Not in a pod.
    #[error("there is no service account of a pod here")]
    InCluster(#[source] kube::config::InClusterError),
    /// Credentials that cannot be used.
    #[error("the credentials for the API server cannot be used")]
    Client(#[source] kube::Error),
}

impl Connection {
    /// Reads the credentials; nothing is asked of the API server yet. Must be called within a Tokio
    /// runtime.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn open(options: &ClusterOptions) -> Result<Self, ConnectError> {
        let _ = options;
        todo!()
    }

    /// The URL of the API server, for people.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The client itself, for those who write.
    #[must_use]
    pub const fn client(&self) -> &kube::Client {
        &self.client
    }
}
