use std::path::PathBuf;
use std::time::Duration;

use crate::authn::oidc::introspection::IntrospectionRules;

/// An introspection endpoint, and how it is asked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct IntrospectionConfig {
    /// Its https URL.
    pub url: String,
    /// Who asks: the id of a confidential client.
    pub client_id: String,
    /// The file with its secret, which may end in a line break. Looked at again every 10 seconds; one
    /// that cannot be read any more changes nothing.
    pub secret_file: PathBuf,
    /// PEM certificates of the authorities that may vouch for the server; `None`: those of the
    /// machine.
    pub ca_bundle: Option<Vec<u8>>,
    /// How long a token may wait for an answer in all: 5 seconds.
    pub timeout: Duration,
    /// How large an answer may be: 256 KiB.
    pub max_bytes: usize,
    /// How many requests may be on their way: 32.
    pub concurrency: usize,
    /// How many tokens may wait for one of them to end: 256. Those beyond are an error at once.
    pub waiting: usize,
    /// Only tokens that begin with one of these are sent; none: all that are no JWTs of others.
    pub token_prefixes: Vec<String>,
    /// What must hold for an answer, and where the user comes from.
    pub rules: IntrospectionRules,
}

impl IntrospectionConfig {
    /// The endpoint at this URL, asked by this client, with the defaults.
    #[must_use]
    pub fn new(
        url: impl Into<String>,
        client_id: impl Into<String>,
        secret_file: impl Into<PathBuf>,
        rules: IntrospectionRules,
    ) -> Self {
        Self {
            url: url.into(),
            client_id: client_id.into(),
            secret_file: secret_file.into(),
            ca_bundle: None,
            timeout: Duration::from_secs(5),
            max_bytes: 256 << 10,
            concurrency: 32,
            waiting: 256,
            token_prefixes: Vec::new(),
            rules,
        }
    }

    /// The same with these PEM certificates to vouch for the server.
    #[must_use]
    pub fn with_ca_bundle(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_bundle = Some(pem.into());
        self
    }

    /// The same with another time limit.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same with other limits on requests on their way and tokens that wait.
    #[must_use]
    pub const fn with_limits(mut self, concurrency: usize, waiting: usize) -> Self {
        self.concurrency = concurrency;
        self.waiting = waiting;
        self
    }

    /// The same for tokens that begin so, too.
    #[must_use]
    pub fn with_token_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.token_prefixes.push(prefix.into());
        self
    }
}
