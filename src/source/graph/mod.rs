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
pub(super) use persistent_volume::persistent_volume;
pub(super) use pod::pod;

use serde::Deserialize;

use super::wire::Metadata;
use crate::api::Str;
use crate::api::graph::{Kind, Object, OnNode};
use crate::api::null;

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

/// `spec` of an object that belongs to one node, in every version that has it.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OnNodeSpec {
    #[serde(deserialize_with = "null::or_default")]
    node_name: Str,
}

/// An object that belongs to one node, by its kind; `None` for the kinds that have a reader of their own.
pub(super) fn on_node(kind: Kind, metadata: Metadata, spec: OnNodeSpec) -> Option<Object> {
    let Metadata { namespace, name, .. } = metadata;
    let namespace = if kind.is_namespaced() { namespace } else { Str::default() };
    let it = OnNode { namespace, name, node_name: spec.node_name };
    Some(match kind {
        Kind::VolumeAttachment => Object::VolumeAttachment(it),
        Kind::ResourceSlice => Object::ResourceSlice(it),
        Kind::PodCertificateRequest => Object::PodCertificateRequest(it),
        Kind::Pod | Kind::PersistentVolume => return None,
    })
}
