use std::path::PathBuf;
use std::time::Duration;

use super::error::PoolError;

/// Which servers, and how they are talked to. [`Self::new`] has the defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolOptions {
    /// URLs of the servers, in the order in which they are tried: `ldaps://host`, `ldap://host:port`,
    /// `ldaps://[2001:db8::1]`. All hold the same entries.
    pub servers: Vec<String>,
    /// Whether `ldap` URLs must be made safe by StartTLS. Default: they must.
    pub encryption: Encryption,
    /// PEM certificates of the authorities that may vouch for the servers. Nothing else is trusted.
    pub ca_file: Option<PathBuf>,
    /// A certificate of our own. Default: none.
    pub client_certificate: Option<ClientCertificate>,
    /// The name that servers must prove instead of that in their URL. Default: that in the URL.
    pub server_name: Option<String>,
    /// As whom users are searched for. Default: as nobody.
    pub service: Service,
    /// How many connections the service account may have. Default: 8.
    pub connections: usize,
    /// How many users may be bound as at a time. Default: 32.
    pub binds: usize,
    /// How many requests may wait for a connection, each of the service account's and of users'.
    /// Default: 64.
    pub waiters: usize,
    /// How long a connection may take to come about, TLS and the service account's bind included.
    /// Default: 3 s.
    pub connect_timeout: Duration,
    /// How long one server may take for one operation. Default: 4 s.
    pub operation_timeout: Duration,
    /// How long an operation may take in all, with waiting and other servers. Default: 8 s.
    pub budget: Duration,
    /// After how long without use a connection is checked first. Default: 20 s.
    pub idle_check: Duration,
    /// How long a connection lives. Default: 5 min.
    pub max_age: Duration,
    /// How long a server is left alone after a failure; it doubles with each further one. Default: 1 s.
    pub first_back_off: Duration,
    /// How long it is left alone at most. Default: 30 s.
    pub longest_back_off: Duration,
    /// How many bytes the entries of one search may have. Default: 16 MiB.
    pub max_bytes: usize,
}

impl PoolOptions {
    /// These servers, with the defaults.
    #[must_use]
    pub fn new<S: Into<String>>(servers: impl IntoIterator<Item = S>) -> Self {
        Self {
            servers: servers.into_iter().map(Into::into).collect(),
            encryption: Encryption::default(),
            ca_file: None,
            client_certificate: None,
            server_name: None,
            service: Service::default(),
            connections: 8,
            binds: 32,
            waiters: 64,
            connect_timeout: Duration::from_secs(3),
            operation_timeout: Duration::from_secs(4),
            budget: Duration::from_secs(8),
            idle_check: Duration::from_secs(20),
            max_age: Duration::from_secs(5 * 60),
            first_back_off: Duration::from_secs(1),
            longest_back_off: Duration::from_secs(30),
            max_bytes: 16 << 20,
        }
    }

    /// What cannot work.
    pub(super) fn check(&self) -> Result<(), PoolError> {
        for (name, is_zero) in [
            ("connections", self.connections == 0),
            ("binds", self.binds == 0),
            ("connect_timeout", self.connect_timeout.is_zero()),
            ("operation_timeout", self.operation_timeout.is_zero()),
            ("budget", self.budget.is_zero()),
            ("max_age", self.max_age.is_zero()),
            ("first_back_off", self.first_back_off.is_zero()),
            ("longest_back_off", self.longest_back_off.is_zero()),
            ("max_bytes", self.max_bytes == 0),
        ] {
            if is_zero {
                return Err(PoolError::Zero(name));
            }
        }
        Ok(())
    }

    /// The same with these authorities.
    #[must_use]
    pub fn with_ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// The same with this service account.
    #[must_use]
    pub fn with_service(mut self, service: Service) -> Self {
        self.service = service;
        self
    }
}

/// Whether passwords may go over the network as they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encryption {
    /// An `ldap` URL means StartTLS. A server that does not offer it is not talked to.
    #[default]
    Required,
    /// An `ldap` URL means plain text. **Dangerous**: everybody on the way reads the passwords and may
    /// answer in the server's place. For tests, and for what only looks like a network.
    PlainText,
}

/// A certificate by which servers know us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// PEM: the certificate, and those up to its authority.
    pub certificate_file: PathBuf,
    /// PEM: its private key.
    pub key_file: PathBuf,
}

/// As whom users are searched for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Service {
    /// As nobody.
    #[default]
    Anonymous,
    /// As an account of the directory.
    Simple {
        /// Its DN.
        dn: String,
        /// A file with its password; a line end at its end is not part of it.
        password_file: PathBuf,
    },
    /// As whom the client certificate says (SASL EXTERNAL).
    Certificate,
}
