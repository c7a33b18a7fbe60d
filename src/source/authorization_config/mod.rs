//! Which chain does an AuthorizationConfiguration file say, and what would the API server object to
//! (S-ACFG)?
//!
//! The file is decoded strictly, defaulted and validated as kube-apiserver 1.36 does it, with its own
//! messages; every one of them knows its line besides.
//!
//! Absent on purpose: reading the kubeconfig of a webhook, connecting to it, watching the file.

mod error;

use std::path::Path;

pub use error::{ConfigurationError, Problem};

pub use crate::api::authorization_config::{
    AuthorizationConfiguration, AuthorizerEntry, ConfiguredAuthorizer, Connection, FailurePolicy,
    WebhookEntry,
};
use crate::model::Origin;

/// Whether the kubeconfig files that webhooks name are looked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KubeconfigFiles {
    /// They must exist, as the API server has it.
    #[default]
    MustExist,
    /// The API server runs elsewhere: whether they exist cannot be seen from here.
    Elsewhere,
}

/// A file that would be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The chain.
    pub configuration: AuthorizationConfiguration,
    /// Where each authorizer begins, in the same order.
    pub origins: Vec<Origin>,
    /// What the API server accepts and its owner may not have meant.
    pub warnings: Vec<Problem>,
}

/// Reads a file.
///
/// # Errors
/// When the API server would not start with it: everything that it would say.
pub fn load(path: &Path, files: KubeconfigFiles) -> Result<Loaded, ConfigurationError> {
    let _ = (path, files);
    Err(ConfigurationError::new(String::new(), Vec::new()))
}

/// Reads a file that is in memory. `name` is what messages call it.
///
/// # Errors
/// Likewise.
pub fn parse(
    name: &str,
    bytes: &[u8],
    files: KubeconfigFiles,
) -> Result<Loaded, ConfigurationError> {
    let _ = (name, bytes, files);
    Err(ConfigurationError::new(String::new(), Vec::new()))
}
