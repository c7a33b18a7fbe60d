//! What of an object does the Node authorizer read?
//!
//! The fields that make edges (S-NODE-9 to 13), typed as the API server types them: an object in which
//! one of them has another type is left out whole, and told.
//!
//! Absent on purpose: every other field of these kinds, so a wrong type there is not found; the edges
//! themselves (see `authz::node`).

mod index;
mod persistent_volume;
mod pod;

#[cfg(test)]
mod tests;

pub(super) use index::Index;

use serde::Deserialize;

use super::WrongType;
use super::node::Node;
use super::object::{Outcome, field, spec};
use super::wire::{Metadata, Wide};
use crate::api::Str;
use crate::api::graph::{Kind, Object, OnNode};
use crate::api::null;
use persistent_volume::persistent_volume;
use pod::pod;

/// Which of the kinds this is. The version does not matter: every one that ever held these fields has
/// them at the same place.
pub(super) fn kind_of(group: &str, kind: &str) -> Option<Kind> {
    Some(match (group, kind) {
        ("", "Pod") => Kind::Pod,
        ("", "PersistentVolume") => Kind::PersistentVolume,
        ("storage.k8s.io", "VolumeAttachment") => Kind::VolumeAttachment,
        ("resource.k8s.io", "ResourceSlice") => Kind::ResourceSlice,
        ("certificates.k8s.io", "PodCertificateRequest") => Kind::PodCertificateRequest,
        _ => return None,
    })
}

/// The object of a JSON value that was read in one go; `None` asks for the exact reading.
pub(super) fn from_wide(kind: Kind, wide: Wide<'_>) -> Option<Outcome> {
    let Wide { metadata, spec: own, status, .. } = wide;
    Some(match kind {
        Kind::Pod => {
            let (identity, pod) = pod(metadata, spec(own)?, spec(status)?);
            Outcome::GraphPod(identity, pod)
        }
        Kind::PersistentVolume => Outcome::Graph(persistent_volume(metadata, spec(own)?).into()),
        Kind::VolumeAttachment => {
            Outcome::Graph(Object::VolumeAttachment(on_node(metadata, spec(own)?)))
        }
        Kind::ResourceSlice => Outcome::Graph(Object::ResourceSlice(on_node(metadata, spec(own)?))),
        Kind::PodCertificateRequest => {
            Outcome::Graph(Object::PodCertificateRequest(on_node(metadata, spec(own)?)))
        }
    })
}

/// The object of a tree.
pub(super) fn from_node(kind: Kind, metadata: Metadata, node: &Node) -> Result<Outcome, WrongType> {
    let own = "spec";
    Ok(match kind {
        Kind::Pod => {
            let (identity, pod) = pod(metadata, field(node, own)?, field(node, "status")?);
            Outcome::GraphPod(identity, pod)
        }
        Kind::PersistentVolume => {
            Outcome::Graph(persistent_volume(metadata, field(node, own)?).into())
        }
        Kind::VolumeAttachment => {
            Outcome::Graph(Object::VolumeAttachment(on_node(metadata, field(node, own)?)))
        }
        Kind::ResourceSlice => {
            Outcome::Graph(Object::ResourceSlice(on_node(metadata, field(node, own)?)))
        }
        Kind::PodCertificateRequest => {
            Outcome::Graph(Object::PodCertificateRequest(on_node(metadata, field(node, own)?)))
        }
    })
}

/// `spec` of an object that belongs to one node, in every version that has it.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OnNodeSpec {
    #[serde(deserialize_with = "null::or_default")]
    node_name: Str,
}

fn on_node(metadata: Metadata, spec: OnNodeSpec) -> OnNode {
    let Metadata { namespace, name, .. } = metadata;
    OnNode { namespace, name, node_name: spec.node_name }
}
