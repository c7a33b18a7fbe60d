//! Which chain does an AuthorizationConfiguration file say, and what would the API server object to
//! (S-ACFG)?
//!
//! The file is decoded strictly, defaulted and validated as kube-apiserver 1.36 does it, with its own
//! messages; every one of them knows its line besides. A text that is no YAML at all is told of in the
//! words of another parser.
//!
//! Absent on purpose: reading the kubeconfig of a webhook, connecting to it, watching the file;
//! and what an owner may not have meant, which is `query::check_chain`.
//!
//! ```
//! use portcullis::source::authorization_config::{self, KubeconfigFiles};
//!
//! let text = "
//! apiVersion: apiserver.config.k8s.io/v1
//! kind: AuthorizationConfiguration
//! authorizers:
//! - {type: Node, name: node}
//! - {type: RBAC, name: roles}
//! ";
//! let read = |text: &str| {
//!     authorization_config::parse("authz.yaml", text.as_bytes(), KubeconfigFiles::MustExist)
//! };
//! let error = read(text).unwrap_err();
//! assert_eq!(error.to_string(), "expected name rbac for authorizer RBAC instead of roles");
//! assert_eq!(error.problems()[0].origin.to_string(), "authz.yaml:6");
//!
//! let loaded = read(&text.replace("roles", "rbac"))?;
//! assert_eq!(loaded.configuration.authorizers[1].name, "rbac");
//! # Ok::<(), authorization_config::ConfigurationError>(())
//! ```

mod decode;
mod flags;
mod validate;

use std::path::Path;
use std::sync::Arc;

pub use flags::{ServerFlags, server_flags};

pub use super::apiserver_file::{ConfigurationError, Problem};

use crate::api::authorization_config::{
    AuthorizationConfiguration, AuthorizerType, Connection, ReloadError, reload_errors,
};
use crate::model::Origin;
use crate::source::apiserver_file::{self, Expected, Undecodable};
use decode::{At, Entry};

/// What the file is to be, and how its decoder calls itself.
const EXPECTED: Expected = Expected {
    kind: "AuthorizationConfiguration",
    scheme: "k8s.io/apiserver/pkg/apis/apiserver/load/load.go:33",
};

/// Whether the kubeconfig files that webhooks name are looked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KubeconfigFiles {
    /// They must exist, as the API server has it.
    #[default]
    MustExist,
    /// The API server runs elsewhere: whether they exist cannot be seen from here.
    Elsewhere,
}

/// A file that the API server would start with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loaded {
    /// The chain.
    pub configuration: AuthorizationConfiguration,
    /// Where its authorizers stand, in the same order.
    pub places: Vec<EntryPlaces>,
}

/// Where an authorizer stands in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryPlaces {
    /// Where it begins.
    pub entry: Origin,
    /// Where `failurePolicy` stands, of a webhook; elsewhere the entry.
    pub failure_policy: Origin,
    /// Where `matchConditions` stands, likewise.
    pub match_conditions: Origin,
    /// Where `authorizedTTL` says 0, which is replaced by the default (S-ACFG-4).
    pub zero_authorized_ttl: Option<Origin>,
    /// Where `unauthorizedTTL` says 0, likewise.
    pub zero_unauthorized_ttl: Option<Origin>,
}

impl EntryPlaces {
    /// For an entry that stands in one place, without fields.
    fn at(origin: &Origin) -> Self {
        Self {
            entry: origin.clone(),
            failure_policy: origin.clone(),
            match_conditions: origin.clone(),
            zero_authorized_ttl: None,
            zero_unauthorized_ttl: None,
        }
    }
}

/// Reads a file.
///
/// # Errors
/// When the API server would not start with it: everything that it would say.
pub fn load(path: &Path, files: KubeconfigFiles) -> Result<Loaded, ConfigurationError> {
    match apiserver_file::read(path) {
        Ok(bytes) => parse(&path.display().to_string(), &bytes, files),
        Err(problem) => Err(joined(vec![problem])),
    }
}

/// Reads a file that is in memory. `name` is what messages call it.
///
/// # Errors
/// As [`load`].
pub fn parse(
    name: &str,
    bytes: &[u8],
    files: KubeconfigFiles,
) -> Result<Loaded, ConfigurationError> {
    read(name, bytes, files, None)
}

/// Reads a file that a running API server, which began with `started_with`, is to take over.
///
/// # Errors
/// As [`load`]; when types are missing, or there are some that cannot be added (S-ACFG-8).
pub fn reload(
    name: &str,
    bytes: &[u8],
    files: KubeconfigFiles,
    started_with: &AuthorizationConfiguration,
) -> Result<Loaded, ConfigurationError> {
    read(name, bytes, files, Some(started_with))
}

fn read(
    name: &str,
    bytes: &[u8],
    files: KubeconfigFiles,
    started_with: Option<&AuthorizationConfiguration>,
) -> Result<Loaded, ConfigurationError> {
    let name: Arc<str> = Arc::from(name);
    let origin = |line| Origin::new(Arc::clone(&name), 0, line);
    let entries = decode(&name, bytes)?;
    let configuration = validate::validate(&entries, files).map_err(|objections| {
        let problem = |objection: validate::Objection| {
            let message = objection.error.to_string();
            Problem::new(origin(objection.line), objection.field, message)
        };
        joined(objections.into_iter().map(problem).collect())
    })?;

    let mut problems = misnamed(&configuration, &entries, &origin);
    let reload = started_with.map(|start| reload_errors(start, &configuration)).unwrap_or_default();
    let at_list =
        |error: &ReloadError| Problem::new(origin(entries.line), "authorizers", error.to_string());
    let missing = |error: &&ReloadError| matches!(error, ReloadError::MissingTypes(_));
    // Missing types are told of with wrong names; what cannot be added shows only when it is built.
    problems.extend(reload.iter().filter(missing).map(at_list));
    if problems.is_empty() {
        problems.extend(reload.iter().map(at_list));
    }
    if problems.is_empty() {
        problems = in_cluster(&configuration, &entries, &origin);
    }
    if !problems.is_empty() {
        return Err(joined(problems));
    }
    let places = entries.value.iter().map(|entry| places(entry, &origin)).collect();
    Ok(Loaded { configuration, places })
}

/// What the file says. Nothing at all says an empty chain, which is refused later (S-ACFG-3).
fn decode(name: &Arc<str>, bytes: &[u8]) -> Result<At<Vec<Entry>>, ConfigurationError> {
    if bytes.is_empty() {
        return Ok(At::default());
    }
    let before = "failed to load AuthorizationConfiguration from file: ";
    let (tree, version) = apiserver_file::open(name, bytes, &EXPECTED)
        .map_err(|problem| Undecodable::from(problem).told(before))?;
    match &tree.root {
        Some(root) => {
            decode::entries(name, &tree, root, &version).map_err(|error| error.told(before))
        }
        None => Ok(At::default()),
    }
}

fn joined(problems: Vec<Problem>) -> ConfigurationError {
    ConfigurationError::joined("", problems)
}

/// Modes must be called what the flags would call them (S-ACFG-6).
fn misnamed(
    configuration: &AuthorizationConfiguration,
    entries: &At<Vec<Entry>>,
    origin: &impl Fn(u32) -> Origin,
) -> Vec<Problem> {
    let chain = configuration.authorizers.iter().zip(&entries.value).enumerate();
    let mut problems = Vec::new();
    for (index, (entry, written)) in chain {
        let AuthorizerType::Mode(mode) = entry.kind() else { continue };
        let expected = mode.as_str().to_ascii_lowercase();
        if entry.name != expected {
            problems.push(Problem::new(
                origin(written.name.line),
                format!("authorizers[{index}].name"),
                format!(
                    "expected name {expected} for authorizer {} instead of {}",
                    mode.as_str(),
                    entry.name
                ),
            ));
        }
    }
    problems
}

/// The API server accepts this, and then panics (S-ACFG-7).
fn in_cluster(
    configuration: &AuthorizationConfiguration,
    entries: &At<Vec<Entry>>,
    origin: &impl Fn(u32) -> Origin,
) -> Vec<Problem> {
    let webhooks = entries.value.iter().enumerate().filter_map(|(index, entry)| {
        entry.webhook.value.as_ref().map(|webhook| (index, webhook.connection_type.line))
    });
    let connections = configuration.webhooks().map(|(_, webhook)| &webhook.connection);
    webhooks
        .zip(connections)
        .filter(|(_, connection)| **connection == Connection::InClusterConfig)
        .map(|((index, line), _)| {
            Problem::new(
                origin(line),
                format!("authorizers[{index}].webhook.connectionInfo.type"),
                format!(
                    "authorizers[{index}].connectionInfo.type: kube-apiserver accepts \
                     InClusterConfig and then panics when it builds the chain; use KubeConfigFile"
                ),
            )
        })
        .collect()
}

fn places(entry: &Entry, origin: &impl Fn(u32) -> Origin) -> EntryPlaces {
    let webhook = entry.webhook.value.as_ref();
    let line = |of: fn(&decode::Webhook) -> u32| origin(webhook.map_or(entry.line, of));
    let zero = |of: fn(&decode::Webhook) -> Option<u32>| webhook.and_then(of).map(origin);
    EntryPlaces {
        entry: origin(entry.line),
        failure_policy: line(|webhook| webhook.failure_policy.line),
        match_conditions: line(|webhook| webhook.match_conditions.line),
        zero_authorized_ttl: zero(|webhook| webhook.authorized_ttl.zero()),
        zero_unauthorized_ttl: zero(|webhook| webhook.unauthorized_ttl.zero()),
    }
}
