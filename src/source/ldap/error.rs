use std::path::PathBuf;

/// Why a pool cannot start. No failure of the network is one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// No server is named.
    #[error("name at least one directory server")]
    NoServer,
    /// Not the URL of a server.
    #[error("`{url}` must be a URL such as `ldaps://ldap.example.org` or `ldap://[::1]:389`")]
    Url {
        /// What was given.
        url: String,
    },
    /// Nobody is named who may vouch for the servers.
    #[error(
        "name the CA file that the certificate of `{url}` is issued by; passwords do not go over the \
         network in plain text unless that is asked for"
    )]
    NoCaFile {
        /// The server.
        url: String,
    },
    /// The service account is to be known by a certificate, and there is none.
    #[error("a service account by certificate needs a client certificate and TLS")]
    NoClientCertificate,
    /// A file cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("`{}` must hold {what}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// The name that servers must prove is none.
    #[error("`{name}` is no name that a server can prove")]
    ServerName {
        /// What was given.
        name: String,
    },
    /// The TLS back-end refuses the certificates or the key.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// A number or duration is zero.
    #[error("`{0}` must not be zero")]
    Zero(&'static str),
}
