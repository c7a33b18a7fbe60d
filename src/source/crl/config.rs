use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where a revocation list is.
#[derive(Clone, PartialEq, Eq)]
pub struct CrlSource {
    pub(super) place: Place,
    pub(super) ca_bundle: Option<Vec<u8>>,
    pub(super) issuers: Option<Vec<u8>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    File(PathBuf),
    /// `https`, or `http` on this machine.
    Url(String),
    PlainHttp(String),
}

impl CrlSource {
    /// A file: DER, or PEM with one or more lists.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::new(Place::File(path.into()))
    }

    /// An `https` URL, or `http` to a loopback address. With
    /// [`with_ca_bundle`](Self::with_ca_bundle), unless it is `http`.
    #[must_use]
    pub fn url(url: impl Into<String>) -> Self {
        Self::new(Place::Url(url.into()))
    }

    /// An `http` URL on any machine, as certificates name them: lists are signed, and need no secrecy
    /// (RFC 5280 §8). `issuers` are PEM certificates of the authorities that sign the list. What none
    /// of them signed is refused before it takes the place of a good list, and so is an older list.
    #[must_use]
    pub fn plain_http(url: impl Into<String>, issuers: impl Into<Vec<u8>>) -> Self {
        Self::new(Place::PlainHttp(url.into())).with_issuers(issuers)
    }

    /// The same with these PEM certificates to vouch for the server of an `https` URL.
    #[must_use]
    pub fn with_ca_bundle(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_bundle = Some(pem.into());
        self
    }

    /// The same where one of these authorities, PEM certificates, must have signed each list. Without
    /// them a list counts for nothing, too, where it is not of the certificate's issuer; with them
    /// a wrong one does not push out a good one.
    #[must_use]
    pub fn with_issuers(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.issuers = Some(pem.into());
        self
    }

    const fn new(place: Place) -> Self {
        Self { place, ca_bundle: None, issuers: None }
    }
}

impl fmt::Display for CrlSource {
    /// The path or the URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File(path) => path.display().fmt(f),
            Place::Url(url) | Place::PlainHttp(url) => f.write_str(url),
        }
    }
}

impl fmt::Debug for CrlSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrlSource")
            .field("place", &self.place)
            .field("has_ca_bundle", &self.ca_bundle.is_some())
            .field("has_issuers", &self.issuers.is_some())
            .finish()
    }
}

/// Which lists, and how often. Every number has a default that suits a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrlConfig {
    /// Where the lists are.
    pub sources: Vec<CrlSource>,
    /// How often files are looked at: every half second.
    pub poll: Duration,
    /// The longest time between two attempts at a URL when all is well: an hour, give or take a
    /// tenth. A list that says that the next is due earlier is fetched again at half that time.
    pub refresh: Duration,
    /// The shortest time between them: 10 seconds. It doubles, up to `refresh`, while attempts bring
    /// nothing new.
    pub min_refresh: Duration,
    /// How long an attempt may take in all: 10 seconds.
    pub timeout: Duration,
    /// How large a source may be: 32 MiB, some 800,000 entries.
    pub max_bytes: usize,
}

impl CrlConfig {
    /// Lists from these sources, with the defaults.
    #[must_use]
    pub fn new(sources: impl IntoIterator<Item = CrlSource>) -> Self {
        Self {
            sources: sources.into_iter().collect(),
            poll: Duration::from_millis(500),
            refresh: Duration::from_secs(60 * 60),
            min_refresh: Duration::from_secs(10),
            timeout: Duration::from_secs(10),
            max_bytes: 32 << 20,
        }
    }

    /// The same with another time between two looks at files.
    #[must_use]
    pub const fn with_poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }

    /// The same with another longest time between attempts.
    #[must_use]
    pub const fn with_refresh(mut self, refresh: Duration) -> Self {
        self.refresh = refresh;
        self
    }

    /// The same with another shortest time between attempts.
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
}
