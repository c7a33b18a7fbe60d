/// Why a configuration cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchConfigError {
    /// Not an absolute URL with a host, or one with a user name in it.
    #[error("`{url}` must be a URL such as `https://issuer.example/path`")]
    Url {
        /// What was given.
        url: String,
    },
    /// Plain `http` to another machine: whoever sits between could answer instead.
    #[error("`{url}` must be https; http is for 127.0.0.1 and [::1] only")]
    NotHttps {
        /// What was given.
        url: String,
    },
    /// Nobody is named who may vouch for the server.
    #[error("name the CA bundle that the certificate of `{url}` is issued by")]
    NoCaBundle {
        /// What was given.
        url: String,
    },
    /// The bundle holds no certificate, or a broken one.
    #[error("the CA bundle must be PEM with one or more certificates")]
    CaBundle,
    /// This machine trusts no authorities.
    #[error("this machine has no root certificates; install them, or name a CA bundle")]
    NoHostRoots,
    /// A duration or a size is zero.
    #[error("`{0}` must not be zero")]
    Zero(&'static str),
    /// The TLS back-end offers no protocol version.
    #[error("the TLS back-end cannot be used")]
    Tls,
    /// Called outside of a Tokio runtime.
    #[error("must be started inside of a Tokio runtime")]
    NoRuntime,
}

/// Why an attempt to fetch failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No complete answer in time.
    #[error("no answer within {seconds} s")]
    Timeout {
        /// How long it was waited for.
        seconds: u64,
    },
    /// No connection, no TLS session, or no HTTP answer.
    #[error("no connection: {0}")]
    Connect(String),
    /// The server points elsewhere. Name the final URL instead.
    #[error(
        "the server answers with a redirect ({status}), which is not followed; name the final URL"
    )]
    Redirect {
        /// The HTTP status.
        status: u16,
    },
    /// Another status than 200.
    #[error("the server answers with HTTP status {status}")]
    Status {
        /// The HTTP status.
        status: u16,
    },
    /// The answer is larger than allowed.
    #[error("the answer is larger than {max_bytes} bytes")]
    TooLarge {
        /// How large it may be.
        max_bytes: usize,
    },
    /// The answer broke off.
    #[error("the answer broke off: {0}")]
    Body(String),
}
