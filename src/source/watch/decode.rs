//! What an object says, by the readers that read files: what they would leave out is left out here.

use std::cell::RefCell;
use std::fmt;

use serde::de::DeserializeSeed;

use super::definition::Definition;
use super::{Decoded, Key};
use crate::api::Str;
use crate::source::node::NodeSeed;
use crate::source::object::{self, Header, Inherited, Outcome};
use crate::source::wire::Wide;
use crate::source::{SkipReason, WrongType};

/// Why an object cannot be read. Never a value of a Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reason {
    /// Policy that files would skip.
    Skipped(SkipReason),
    /// An object of another kind, of which a field has another type than it must.
    WrongType(WrongType),
    /// It is none of the objects that were asked for.
    Stranger(&'static str),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skipped(reason) => reason.fmt(f),
            Self::WrongType(reason) => reason.fmt(f),
            Self::Stranger(reason) => f.write_str(reason),
        }
    }
}

impl Reason {
    /// As the outcome of a reading, for the report of a load.
    pub(super) fn outcome(&self, definition: &Definition, key: &Key) -> Outcome {
        let kind = Str::const_new(definition.kind);
        match self {
            Self::Skipped(reason) => {
                let Key { namespace, name } = key.clone();
                Outcome::Skipped {
                    header: Header { kind, namespace, name },
                    reason: reason.clone(),
                }
            }
            Self::WrongType(reason) => Outcome::Unreadable { kind, reason: reason.clone() },
            Self::Stranger(reason) => {
                let (field, expected) = (String::new(), definition.kind.to_owned());
                let reason = WrongType { field, expected, found: (*reason).to_owned(), line: 0 };
                Outcome::Unreadable { kind, reason }
            }
        }
    }
}

/// Reads an object, quickly or, when that fails, exactly.
pub(super) fn read(text: &str, definition: &Definition, api_version: &str) -> Outcome {
    let inherited =
        Inherited { api_version: api_version.to_owned(), kind: definition.kind.to_owned() };
    let wide: Option<Wide<'_>> = serde_json::from_str(text).ok();
    if let Some(outcome) = wide.and_then(|wide| object::from_wide(wide, &inherited)) {
        return outcome;
    }
    let duplicates = RefCell::default();
    let seed = NodeSeed { duplicates: &duplicates };
    match seed.deserialize(&mut serde_json::Deserializer::from_str(text)) {
        Ok(node) => object::from_node(node, &inherited),
        // Text that was JSON to the trimmer, whose depth has no limit, fails here by its depth alone.
        Err(_) => {
            let (field, found) = (String::new(), "one that nests too deep".to_owned());
            let reason = WrongType { field, expected: "an object".to_owned(), found, line: 0 };
            Outcome::Unreadable { kind: Str::const_new(definition.kind), reason }
        }
    }
}

/// Whether an object can be read, before anything of it counts.
pub(super) fn check(outcome: Outcome) -> Result<Outcome, Reason> {
    match outcome {
        Outcome::Skipped { reason, .. } => Err(Reason::Skipped(reason)),
        Outcome::Unreadable { reason, .. } => Err(Reason::WrongType(reason)),
        outcome => Ok(outcome),
    }
}

/// What an outcome says. `text` is what it was read from, for kinds that are handed on whole.
pub(super) fn decoded(outcome: Outcome, text: &[u8]) -> Result<Decoded, Reason> {
    Ok(match outcome {
        Outcome::Rbac { mut object, .. } => {
            if !object.kind().is_namespaced() {
                object.metadata_mut().namespace.clear();
            }
            Decoded::Rbac(object)
        }
        #[cfg(feature = "node")]
        Outcome::GraphPod(identity, graph) => Decoded::Pod { identity, graph },
        #[cfg(not(feature = "node"))]
        Outcome::Pod(identity) => Decoded::Pod { identity },
        #[cfg(feature = "node")]
        Outcome::Graph(mut object) => {
            if !object.kind().is_namespaced()
                && let Some(namespace) = object.namespace_mut()
            {
                namespace.clear();
            }
            Decoded::Graph(object)
        }
        #[cfg(feature = "authn")]
        Outcome::ServiceAccount(metadata) => {
            Decoded::ServiceAccount(crate::api::core::ServiceAccount {
                namespace: metadata.namespace,
                name: metadata.name,
                uid: metadata.uid,
                deletion_timestamp: metadata.deletion_timestamp.map(|time| time.0),
            })
        }
        #[cfg(feature = "authn")]
        Outcome::Node(node) => Decoded::Node(node),
        #[cfg(feature = "authn")]
        Outcome::Secret(secret) => Decoded::Secret(secret),
        Outcome::Skipped { reason, .. } => return Err(Reason::Skipped(reason)),
        Outcome::Unreadable { reason, .. } => return Err(Reason::WrongType(reason)),
        _ => Decoded::Whole(
            serde_json::from_slice(text).map_err(|_| Reason::Stranger("it nests too deep"))?,
        ),
    })
}
