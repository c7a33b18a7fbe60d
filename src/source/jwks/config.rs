use std::time::Duration;

/// Where keys come from, and how often. Every number has a default that suits a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JwksConfig {
    /// The URL of the JWK set.
    pub url: String,
    /// PEM certificates of the authorities that may vouch for the server. Nothing else is trusted.
    pub ca_bundle: Option<Vec<u8>>,
    /// Where there is no bundle: whether the authorities that this machine trusts may vouch.
    pub host_roots: bool,
    /// The time between two attempts when all is well: 5 minutes, give or take a
    /// tenth; at most a day.
    pub refresh: Duration,
    /// The shortest time between an attempt and one that somebody asked for: 10 seconds. It doubles,
    /// up to `refresh`, each time such an attempt brings nothing new.
    pub min_refresh: Duration,
    /// How long an attempt may take in all: 10 seconds.
    pub timeout: Duration,
    /// How large a JWK set may be: 1 MiB.
    pub max_bytes: usize,
    /// How many keys it may have: 100. A token without `kid` is tried with each of them.
    pub max_keys: usize,
}

impl JwksConfig {
    /// Keys from this URL, with the defaults.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            ca_bundle: None,
            host_roots: false,
            refresh: Duration::from_secs(5 * 60),
            min_refresh: Duration::from_secs(10),
            timeout: Duration::from_secs(10),
            max_bytes: 1 << 20,
            max_keys: 100,
        }
    }

    /// The same with these PEM certificates to vouch for the server.
    #[must_use]
    pub fn with_ca_bundle(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_bundle = Some(pem.into());
        self
    }

    /// The same with the authorities of this machine, where there is no bundle.
    #[must_use]
    pub const fn with_host_roots(mut self) -> Self {
        self.host_roots = true;
        self
    }

    /// The same with another time between attempts.
    #[must_use]
    pub const fn with_refresh(mut self, refresh: Duration) -> Self {
        self.refresh = refresh;
        self
    }

    /// The same with another shortest time before an attempt that is asked for.
    #[must_use]
    pub const fn with_min_refresh(mut self, min_refresh: Duration) -> Self {
        self.min_refresh = min_refresh;
        self
    }

    /// The same with another time limit.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same with another limit on the size.
    #[must_use]
    pub const fn with_max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// The same with another limit on the number of keys.
    #[must_use]
    pub const fn with_max_keys(mut self, max_keys: usize) -> Self {
        self.max_keys = max_keys;
        self
    }
}
