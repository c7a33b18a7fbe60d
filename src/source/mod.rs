//! Reading policy from disk: which objects are in these files?
//!
//! Files, directories, standard input and gzip; JSON, YAML, NDJSON and lists become one
//! [`Inventory`], every object with its [`Origin`](crate::model::Origin). Text that is no YAML or
//! JSON refuses the whole load. An RBAC object that the API server could not decode is skipped and
//! listed in the [`Report`]; one that only its validation would refuse is loaded as written. Kinds
//! of no interest are counted.
//!
//! Absent on purpose: judgement of what was read (see `query`), meaning (see `snapshot`), printing.
//!
//! ```
//! use portcullis::source::{self, LoadOptions};
//!
//! let text = "
//! apiVersion: rbac.authorization.k8s.io/v1
//! kind: Role
//! metadata: {name: reader}
//! rules:
//! - {apiGroups: [''], resources: [pods], verbs: [get]}
//! ---
//! apiVersion: rbac.authorization.k8s.io/v1
//! kind: Role
//! metadata: {name: broken}
//! rules:
//! - {apiGroups: [''], resources: [pods], verbs: get}
//! ";
//! let loaded = source::parse("roles.yaml", text.as_bytes(), &LoadOptions::default())?;
//! assert_eq!(loaded.inventory.roles.len(), 1);
//! assert_eq!(loaded.inventory.roles[0].value.metadata.namespace, "default");
//! assert_eq!(
//!     loaded.report.skipped[0].to_string(),
//!     "roles.yaml:8 (document 2): Role `broken` skipped: \
//!      `rules[0].verbs` must be a list, but is the string `get` (line 12)",
//! );
//! # Ok::<(), source::LoadError>(())
//! ```

#[cfg(feature = "watch")]
pub mod api_server;
#[cfg(any(feature = "oidc", feature = "structured-chain"))]
mod apiserver_file;
#[cfg(feature = "oidc")]
pub mod authentication_config;
#[cfg(feature = "structured-chain")]
pub mod authorization_config;
mod collect;
#[cfg(feature = "pki")]
pub mod config_file;
#[cfg(feature = "crl")]
pub mod crl;
mod defaults;
pub(crate) mod document;
mod error;
#[cfg(feature = "rego")]
mod facts;
#[cfg(feature = "jwks")]
pub mod fetch;
mod files;
#[cfg(feature = "node")]
mod graph;
#[cfg(feature = "live-groups")]
pub mod group_file;
pub mod hierarchy;
mod json;
#[cfg(feature = "jwks")]
pub mod jwks;
#[cfg(feature = "kerberos")]
pub mod kerberos;
#[cfg(feature = "pki")]
pub mod kubeconfig;
#[cfg(feature = "ldap")]
pub mod ldap;
#[cfg(feature = "ledger")]
pub mod ledger;
#[cfg(feature = "login")]
pub mod login;
mod node;
mod object;
#[cfg(feature = "pki")]
pub mod objects;
#[cfg(feature = "oidc")]
pub mod oidc;
mod old;
#[cfg(feature = "rego")]
pub mod rego;
mod report;
pub mod revocations;
#[cfg(feature = "authn")]
mod secret;
#[cfg(feature = "watch")]
pub mod shared_facts;
#[cfg(feature = "pki")]
pub mod signing_policy;
mod text;
#[cfg(feature = "watch")]
pub mod watch;
#[cfg(feature = "webhook-client")]
pub mod webhook_client;
mod wire;
mod yaml;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

pub use defaults::{DEFAULT_ROLES, put_default_roles_in_front};
pub use error::LoadError;
pub use report::{Notice, Report, SkipReason, Skipped, WrongType};

use crate::api::Str;
use crate::api::inventory::Inventory;
use collect::Collector;

/// Something to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file, or a directory with all below it.
    Path(PathBuf),
    /// Standard input.
    Stdin,
}

impl<P: Into<PathBuf>> From<P> for Input {
    /// `-` is standard input, everything else a path.
    fn from(path: P) -> Self {
        let path = path.into();
        if path.as_os_str() == "-" { Self::Stdin } else { Self::Path(path) }
    }
}

/// How to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadOptions {
    /// The namespace of namespaced objects that name none. Default: `default`, as kubectl's.
    pub default_namespace: Str,
    /// Whether the first object that would be skipped refuses the load. Default: no.
    pub strict: bool,
    /// Whether labels and annotations of every object are kept, whatever its kind
    /// ([`Inventory::metadata`]). Default: no.
    #[cfg(feature = "rego")]
    pub keep_metadata: bool,
    /// What hostile input may cost.
    pub limits: Limits,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            default_namespace: Str::const_new("default"),
            strict: false,
            #[cfg(feature = "rego")]
            keep_metadata: false,
            limits: Limits::default(),
        }
    }
}

/// What hostile input may cost. Passing a limit refuses the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of text in one load, decompressed. Default: 1 GiB, a cluster of two million bindings
    /// (100,000 are 55 MB of JSON).
    pub max_bytes: u64,
    /// How many times its size a gzip stream may expand to, once it passes 64 MiB. Default: 250;
    /// dumps reach 20 to 40, generated ones 150; deflate can reach 1,032.
    pub max_gzip_ratio: u64,
    /// How deep lists and objects may nest. Default: 100; the deepest Kubernetes types (schemas in
    /// CustomResourceDefinitions) reach about 60, and serde_json stops at 128.
    pub max_depth: usize,
    /// Values that aliases and merge keys may add to one YAML document. Default: 400,000, below
    /// which the YAML library of Kubernetes does not limit the share of aliases either.
    pub max_alias_nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 1 << 30, max_gzip_ratio: 250, max_depth: 100, max_alias_nodes: 400_000 }
    }
}

/// How far a load is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// What is being read.
    pub source: &'a str,
    /// Bytes read so far, as they are on disk.
    pub done: u64,
    /// Bytes of all that is to be read; less than `done` when standard input is among it.
    pub total: u64,
    /// Objects taken so far.
    pub objects: usize,
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The objects.
    pub inventory: Inventory,
    /// What else there is to say.
    pub report: Report,
}

/// Loads files, directories and standard input, in this order; directories sorted by name.
///
/// `progress` is called now and then, also from within large files.
///
/// # Errors
/// When something cannot be read, is neither JSON nor YAML, or passes a limit.
pub fn load(
    inputs: &[Input],
    options: &LoadOptions,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Loaded, LoadError> {
    let sources = files::expand(inputs)?;
    let total = sources.iter().map(|source| source.size).sum();
    let mut collector = Collector::new(options, progress, total);
    for source in &sources {
        let left = options.limits.max_bytes.saturating_sub(collector.bytes());
        let bytes = files::read(source, left, &options.limits)?;
        read_source(Arc::from(source.name.as_str()), bytes, source.size, &mut collector)?;
    }
    Ok(collector.finish())
}

/// A source in memory, decompressed.
#[cfg(feature = "webhook")]
#[derive(Debug)]
pub(crate) struct Raw {
    /// What origins call it.
    pub(crate) name: Arc<str>,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
}

/// The first half of [`load`]: only reads. `left` is what may still be read, in bytes.
#[cfg(feature = "webhook")]
pub(crate) fn read_raw(
    input: &Input,
    limits: &Limits,
    left: &mut u64,
) -> Result<Vec<Raw>, LoadError> {
    let mut raws = Vec::new();
    for source in files::expand(std::slice::from_ref(input))? {
        let bytes = files::read(&source, *left, limits)?;
        *left = left.saturating_sub(text::length(bytes.len()));
        raws.push(Raw { name: Arc::from(source.name), bytes });
    }
    Ok(raws)
}

/// The second half of [`load`].
#[cfg(feature = "webhook")]
pub(crate) fn parse_raw(
    raws: impl IntoIterator<Item = Raw>,
    options: &LoadOptions,
) -> Result<Loaded, LoadError> {
    let mut silent = |_: Progress<'_>| {};
    let mut collector = Collector::new(options, &mut silent, 0);
    for Raw { name, bytes } in raws {
        let size = text::length(bytes.len());
        read_source(name, bytes, size, &mut collector)?;
    }
    Ok(collector.finish())
}

/// Reads one source that is in memory already. `name` is what origins call it.
///
/// # Errors
/// When it is neither JSON nor YAML, or passes a limit.
pub fn parse(name: &str, bytes: &[u8], options: &LoadOptions) -> Result<Loaded, LoadError> {
    let mut silent = |_: Progress<'_>| {};
    let size = text::length(bytes.len());
    let mut collector = Collector::new(options, &mut silent, size);
    let bytes = files::decompress(name, bytes.to_vec(), options.limits.max_bytes, &options.limits)?;
    read_source(Arc::from(name), bytes, size, &mut collector)?;
    Ok(collector.finish())
}

fn read_source(
    name: Arc<str>,
    bytes: Vec<u8>,
    size: u64,
    collector: &mut Collector<'_>,
) -> Result<(), LoadError> {
    let text = text::decode(&name, bytes)?;
    collector.begin(Arc::clone(&name), text.len(), size);
    if !text::looks_like_json(&text) {
        return yaml::read(&text, 0, collector);
    }
    match json::read(&text, collector)? {
        None => Ok(()),
        // kubectl, too, goes on with YAML when text that begins like JSON turns out not to be. In
        // a file that is called JSON only a separator, which JSON does not know, is a reason to.
        Some(broken) => {
            let separator = text.get(broken.offset..).is_some_and(|rest| rest.starts_with("---"));
            if text::is_json_name(&name) && !separator {
                return Err(broken.error);
            }
            yaml::read(&text, broken.offset, collector).map_err(|error| match broken.at_end {
                true => broken.error,
                false => farther(broken.error, error),
            })
        }
    }
}

/// Of two readings of a text that both fail, the one that got farther says more.
fn farther(json: LoadError, yaml: LoadError) -> LoadError {
    match (&json, &yaml) {
        (LoadError::Json { origin: at, .. }, LoadError::Yaml { origin: other, .. })
            if at.line >= other.line =>
        {
            json
        }
        _ => yaml,
    }
}
