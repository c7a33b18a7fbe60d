/// Which headers a proxy fills, and who may be one: the `--requestheader-*` flags of an API server
/// (S-RH-1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestHeaderConfig {
    /// Headers with the user name; the first that has one counts.
    pub username_headers: Vec<String>,
    /// Headers with the user's uid; the first that has one counts.
    pub uid_headers: Vec<String>,
    /// Headers with groups; all count, one group a line.
    pub group_headers: Vec<String>,
    /// What the names of headers with extra values begin with.
    pub extra_prefixes: Vec<String>,
    /// The common names of proxies. Empty for every certificate that the authority issued.
    pub allowed_names: Vec<String>,
}

/// A configuration that the API server would not start with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestHeaderConfigError {
    /// A name of white space in one of the lists.
    #[error("empty value in `{list}`; remove it, or write the name")]
    Empty {
        /// The flag of the API server.
        list: &'static str,
    },
    /// What no header is called.
    #[error("`{name}` in `{list}` is no name of a header; use letters, digits and `-`")]
    NoHeaderName {
        /// The flag of the API server.
        list: &'static str,
        /// What was given.
        name: String,
    },
    /// Nobody could ever be named.
    #[error("`requestheader-username-headers` is empty; name the header with the user name")]
    NoUserNameHeader,
    /// A certificate authority signs for users and for proxies, and every name is a proxy's
    /// (S-RH-7).
    #[error(
        "--requestheader-client-ca-file and --client-ca-file contain overlapping certificates; \
         --requestheader-allowed-names must be specified to ensure regular client certificates \
         cannot set authenticating proxy headers for arbitrary users"
    )]
    Overlap,
}

impl RequestHeaderConfig {
    /// The headers that every API server reads by convention, from proxies with these common names;
    /// none for every name.
    #[must_use]
    pub fn new<N: Into<String>>(allowed_names: impl IntoIterator<Item = N>) -> Self {
        Self {
            username_headers: vec!["X-Remote-User".to_owned()],
            uid_headers: vec!["X-Remote-Uid".to_owned()],
            group_headers: vec!["X-Remote-Group".to_owned()],
            extra_prefixes: vec!["X-Remote-Extra-".to_owned()],
            allowed_names: allowed_names.into_iter().map(Into::into).collect(),
        }
    }

    /// Trims names as the API server does, and refuses what it refuses.
    pub(super) fn checked(mut self) -> Result<Self, RequestHeaderConfigError> {
        for (list, names) in [
            ("requestheader-username-headers", &mut self.username_headers),
            ("requestheader-uid-headers", &mut self.uid_headers),
            ("requestheader-group-headers", &mut self.group_headers),
            ("requestheader-extra-headers-prefix", &mut self.extra_prefixes),
        ] {
            for name in names {
                *name = name.trim().to_owned();
                if name.is_empty() {
                    return Err(RequestHeaderConfigError::Empty { list });
                }
                if !name.bytes().all(is_token) {
                    return Err(RequestHeaderConfigError::NoHeaderName {
                        list,
                        name: name.clone(),
                    });
                }
            }
        }
        // Compared as they are, white space included.
        if self.allowed_names.iter().any(|name| name.trim().is_empty()) {
            return Err(RequestHeaderConfigError::Empty { list: "requestheader-allowed-names" });
        }
        if self.username_headers.is_empty() {
            return Err(RequestHeaderConfigError::NoUserNameHeader);
        }
        Ok(self)
    }
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
