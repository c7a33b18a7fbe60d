use std::time::Duration;

use super::distributed::Distributed;
use crate::source::jwks::JwksConfig;

/// How the issuers of a configuration are fetched from. Every number has a default.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Whether groups that an issuer keeps elsewhere are fetched: not at all.
    pub distributed: Distributed,
    /// The time between two attempts at discovery: 10 seconds (S-OIDC-8).
    pub retry: Duration,
    /// How long an attempt may take in all: 30 seconds (S-OIDC-8).
    pub timeout: Duration,
    /// How large a document may be: 1 MiB.
    pub max_bytes: usize,
    /// See [`JwksConfig::refresh`].
    pub refresh: Duration,
    /// See [`JwksConfig::min_refresh`].
    pub min_refresh: Duration,
    /// See [`JwksConfig::max_keys`].
    pub max_keys: usize,
    /// How long a token that no known key verifies waits for fresher ones: 3 seconds. It is refused
    /// then, and the next one may find them.
    pub key_wait: Duration,
    /// How many such tokens wait at a time: 64. Those beyond are refused at once.
    pub key_waiters: usize,
}

impl Default for Options {
    fn default() -> Self {
        let jwks = JwksConfig::new("");
        Self {
            distributed: Distributed::default(),
            retry: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            max_bytes: jwks.max_bytes,
            refresh: jwks.refresh,
            min_refresh: jwks.min_refresh,
            max_keys: jwks.max_keys,
            key_wait: Duration::from_secs(3),
            key_waiters: 64,
        }
    }
}

impl Options {
    /// The same with groups that are kept elsewhere.
    #[must_use]
    pub fn with_distributed(mut self, distributed: Distributed) -> Self {
        self.distributed = distributed;
        self
    }

    /// The same with another time between attempts at discovery.
    #[must_use]
    pub const fn with_retry(mut self, retry: Duration) -> Self {
        self.retry = retry;
        self
    }

    /// The same with another time limit of an attempt.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same with another limit on the size of documents.
    #[must_use]
    pub const fn with_max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// The same with another time between two fetches of keys.
    #[must_use]
    pub const fn with_refresh(mut self, refresh: Duration) -> Self {
        self.refresh = refresh;
        self
    }

    /// The same with another shortest time before a fetch of keys that a token asks for.
    #[must_use]
    pub const fn with_min_refresh(mut self, min_refresh: Duration) -> Self {
        self.min_refresh = min_refresh;
        self
    }

    /// The same with another time that tokens wait for keys.
    #[must_use]
    pub const fn with_key_wait(mut self, key_wait: Duration) -> Self {
        self.key_wait = key_wait;
        self
    }
}

/// One issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssuerOptions {
    /// Its URL: what its discovery document must name, byte for byte.
    pub url: String,
    /// Where that document is; `None`: below the URL.
    pub discovery_url: Option<String>,
    /// PEM certificates of the authorities that may vouch for its servers; `None`: those of the
    /// machine.
    pub ca_bundle: Option<Vec<u8>>,
    /// The numbers.
    pub options: Options,
}

impl IssuerOptions {
    /// The issuer with this URL.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        let options = Options::default();
        Self { url: url.into(), discovery_url: None, ca_bundle: None, options }
    }

    /// The same with another place of the discovery document.
    #[must_use]
    pub fn with_discovery_url(mut self, url: impl Into<String>) -> Self {
        self.discovery_url = Some(url.into());
        self
    }

    /// The same with these PEM certificates to vouch for its servers.
    #[must_use]
    pub fn with_ca_bundle(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_bundle = Some(pem.into());
        self
    }

    /// The same with other numbers.
    #[must_use]
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Where the discovery document is (S-OIDC-8).
    pub(super) fn document(&self) -> String {
        self.discovery_url.clone().unwrap_or_else(|| {
            let base = self.url.strip_suffix('/').unwrap_or(&self.url);
            format!("{base}/.well-known/openid-configuration")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_below_the_url_less_one_slash_or_where_it_is_said_to_be() {
        for (url, document) in [
            ("https://a", "https://a/.well-known/openid-configuration"),
            ("https://a/", "https://a/.well-known/openid-configuration"),
            ("https://a/b//", "https://a/b//.well-known/openid-configuration"),
        ] {
            assert_eq!(IssuerOptions::new(url).document(), document);
        }
        let elsewhere = IssuerOptions::new("https://a").with_discovery_url("https://b/c/");
        assert_eq!(elsewhere.document(), "https://b/c/");
    }
}
