//! Whom does an AuthenticationConfiguration file trust, and what would the API server object to
//! (S-ACONF)?
//!
//! The file, or the old `--oidc-*` flags (S-OIDC-1 to 3), decoded strictly and validated as
//! kube-apiserver 1.36 does it, with its own messages; every one of them knows its line besides. A
//! text that is no YAML at all is told of in the words of another parser, as is a URL or a certificate
//! that cannot be read.
//!
//! Absent on purpose: asking an issuer for anything, checking tokens, watching the file.
//!
//! ```
//! use portcullis::source::authentication_config;
//!
//! let text = "
//! apiVersion: apiserver.config.k8s.io/v1
//! kind: AuthenticationConfiguration
//! jwt:
//! - issuer:
//!     url: http://issuer.example
//!     audiences: [kubernetes]
//!   claimMappings:
//!     username: {claim: sub, prefix: ''}
//! ";
//! let error = authentication_config::parse("authn.yaml", text.as_bytes()).unwrap_err();
//! assert_eq!(
//!     error.problems()[0].to_string(),
//!     r#"authn.yaml:6: jwt[0].issuer.url: Invalid value: "http://issuer.example": URL scheme must be https"#,
//! );
//!
//! let text = text.replace("http:", "https:");
//! let configuration = authentication_config::parse("authn.yaml", text.as_bytes())?;
//! assert_eq!(configuration.jwt[0].issuer.audiences, ["kubernetes"]);
//! # Ok::<(), authentication_config::AuthenticationConfigError>(())
//! ```

mod certificates;
mod decode;
mod flags;
mod server_flags;
mod url;
mod validate;

use std::path::Path;
use std::sync::Arc;

pub use flags::{FlagError, OidcFlags};
pub use server_flags::{AuthenticationFlags, ServerFlags, server_flags};
pub use validate::{reload_errors, validate};

pub use super::apiserver_file::{ConfigurationError as AuthenticationConfigError, Problem};

use super::apiserver_file::{self, Expected, Undecodable};
use super::document::{Node, Value};
use crate::api::authentication_config::AuthenticationConfiguration;
use crate::api::field::FieldError;
use crate::model::Origin;
use crate::util::goquote::Quoted;

/// What the file is to be. Its decoder also names the line of its source code, which no two releases
/// have in common.
const EXPECTED: Expected = Expected {
    kind: "AuthenticationConfiguration",
    scheme: "pkg/kubeapiserver/options/authentication.go",
};

/// What stands before the objections to a file, or to flags, that could be read (S-ACONF-1).
const INVALID: &str = "invalid authentication configuration: ";

/// A file that the API server would start with, and where its fields stand.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Loaded {
    /// The configuration.
    pub configuration: AuthenticationConfiguration,
    places: Places,
}

#[derive(Debug, Clone, PartialEq)]
struct Places {
    name: Arc<str>,
    root: Option<Node>,
}

impl Loaded {
    /// Where a field stands, such as `jwt[0].issuer.url`; where it would, when it is absent.
    #[must_use]
    pub fn place(&self, field: &str) -> Origin {
        let Places { name, root } = &self.places;
        let line = root.as_ref().map_or(0, |root| line_of(root, field));
        Origin::new(Arc::clone(name), 0, line)
    }

    /// Every objection with the line that it is about.
    fn refuse(&self, errors: &[FieldError]) -> Result<(), AuthenticationConfigError> {
        if errors.is_empty() {
            return Ok(());
        }
        let problem = |error: &FieldError| {
            Problem::new(self.place(&error.path), error.path.as_str(), error.to_string())
        };
        Err(AuthenticationConfigError::joined(INVALID, errors.iter().map(problem).collect()))
    }
}

/// Reads a file.
///
/// # Errors
/// When the API server would not start with it: everything that it would say.
pub fn load(path: &Path) -> Result<AuthenticationConfiguration, AuthenticationConfigError> {
    load_with(path, &[])
}

/// Reads a file whose issuers must be none of the disallowed ones: those of the service accounts
/// (S-ACONF-3). The API server looks at these not when it reads the file first, but when it builds
/// the authenticators; it does not start either way (S-ACONF-14).
///
/// # Errors
/// As [`load`].
pub fn load_with(
    path: &Path,
    disallowed_issuers: &[String],
) -> Result<AuthenticationConfiguration, AuthenticationConfigError> {
    let name = path.display().to_string();
    match apiserver_file::read(path) {
        Ok(bytes) => parse_with(&name, &bytes, disallowed_issuers),
        Err(problem) => Err(Undecodable::from(problem).told(&unreadable(&name))),
    }
}

/// Reads a file that is in memory. `name` is what messages call it.
///
/// # Errors
/// As [`load`].
pub fn parse(
    name: &str,
    bytes: &[u8],
) -> Result<AuthenticationConfiguration, AuthenticationConfigError> {
    parse_with(name, bytes, &[])
}

/// Reads a file that is in memory, as [`load_with`] does.
///
/// # Errors
/// As [`load`].
pub fn parse_with(
    name: &str,
    bytes: &[u8],
    disallowed_issuers: &[String],
) -> Result<AuthenticationConfiguration, AuthenticationConfigError> {
    let name: Arc<str> = Arc::from(name);
    let loaded = decode(&name, bytes)?;
    loaded.refuse(&validate::errors(&loaded.configuration, disallowed_issuers))?;
    Ok(loaded.configuration)
}

/// Reads a file for an API server with these flags beside it: what becomes of anonymous requests may
/// stand in one place only (S-ACONF-13), and no issuer may be one of service accounts.
///
/// # Errors
/// As [`load`].
pub fn parse_beside(
    name: &str,
    bytes: &[u8],
    flags: &AuthenticationFlags,
) -> Result<Loaded, AuthenticationConfigError> {
    let name: Arc<str> = Arc::from(name);
    let loaded = decode(&name, bytes)?;
    if let Some(error) = flags.anonymous_error(&loaded.configuration) {
        let problem = Problem::new(loaded.place("anonymous"), "anonymous", error.to_string());
        return Err(AuthenticationConfigError::joined("", vec![problem]));
    }
    loaded.refuse(&validate::errors(&loaded.configuration, &flags.service_account_issuers))?;
    Ok(loaded)
}

/// Reads a file that a running API server, which began with `started_with`, is to take over.
///
/// # Errors
/// As [`load`]; when `anonymous` is not what it was ([`reload_errors`]).
pub fn reload(
    name: &str,
    bytes: &[u8],
    disallowed_issuers: &[String],
    started_with: &AuthenticationConfiguration,
) -> Result<AuthenticationConfiguration, AuthenticationConfigError> {
    let name: Arc<str> = Arc::from(name);
    let loaded = decode(&name, bytes)?;
    let mut errors = validate::errors(&loaded.configuration, disallowed_issuers);
    errors.extend(reload_errors(started_with, &loaded.configuration));
    loaded.refuse(&errors)?;
    Ok(loaded.configuration)
}

/// What stands before the reason why a file cannot be read (S-ACONF-1).
fn unreadable(name: &str) -> String {
    format!("failed to load authentication configuration from file {}: ", Quoted(name))
}

fn decode(name: &Arc<str>, bytes: &[u8]) -> Result<Loaded, AuthenticationConfigError> {
    let before = unreadable(name);
    if bytes.is_empty() {
        let problem = Problem::new(Origin::named(name.to_string()), "", "empty config data");
        return Err(Undecodable::from(problem).told(&before));
    }
    let (tree, version) = apiserver_file::open(name, bytes, &EXPECTED)
        .map_err(|problem| Undecodable::from(problem).told(&before))?;
    let configuration = match &tree.root {
        Some(root) => decode::configuration(name, &tree, root, &version)
            .map_err(|error| error.told(&before))?,
        None => AuthenticationConfiguration::default(),
    };
    let places = Places { name: Arc::clone(name), root: tree.root };
    Ok(Loaded { configuration, places })
}

/// The line of a field such as `jwt[0].issuer.url`; of what it would stand in, when it is absent.
fn line_of(root: &Node, path: &str) -> u32 {
    let mut node = root;
    let steps = path.split(['.', '[', ']']).filter(|step| !step.is_empty());
    for step in steps {
        let next = match &node.value {
            Value::List(items) => step.parse().ok().and_then(|index: usize| items.get(index)),
            _ => node.get(step),
        };
        let Some(next) = next else { break };
        node = next;
    }
    node.line
}
