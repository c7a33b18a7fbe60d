//! A PersistentVolume: the claim that it is bound to, and the secrets that a kubelet needs to mount it
//! (S-NODE-12).

use serde::Deserialize;

use crate::api::Str;
use crate::api::graph::PersistentVolume;
use crate::api::null;
use crate::source::wire::Metadata;

/// `spec`: where the volume comes from, as far as there are secrets, and the claim.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::source) struct VolumeSpec {
    #[serde(deserialize_with = "null::optional")]
    claim_ref: Option<Reference>,
    #[serde(deserialize_with = "null::optional")]
    azure_file: Option<AzureFile>,
    #[serde(deserialize_with = "null::optional")]
    cephfs: Option<WithSecret>,
    #[serde(deserialize_with = "null::optional")]
    cinder: Option<WithSecret>,
    #[serde(deserialize_with = "null::optional")]
    flex_volume: Option<WithSecret>,
    #[serde(deserialize_with = "null::optional")]
    rbd: Option<WithSecret>,
    #[serde(rename = "scaleIO", deserialize_with = "null::optional")]
    scale_io: Option<WithSecret>,
    #[serde(deserialize_with = "null::optional")]
    iscsi: Option<WithSecret>,
    #[serde(deserialize_with = "null::optional")]
    storageos: Option<WithSecret>,
    #[serde(deserialize_with = "null::optional")]
    csi: Option<Csi>,
}

/// A reference to an object of a namespace.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Reference {
    #[serde(deserialize_with = "null::or_default")]
    namespace: Str,
    #[serde(deserialize_with = "null::or_default")]
    name: Str,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct AzureFile {
    #[serde(deserialize_with = "null::or_default")]
    secret_name: Str,
    #[serde(deserialize_with = "null::or_default")]
    secret_namespace: Str,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct WithSecret {
    #[serde(deserialize_with = "null::optional")]
    secret_ref: Option<Reference>,
}

/// The controller's secrets are only typed: they are none of the kubelet's business.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Csi {
    #[serde(deserialize_with = "null::optional")]
    node_stage_secret_ref: Option<Reference>,
    #[serde(deserialize_with = "null::optional")]
    node_publish_secret_ref: Option<Reference>,
    #[serde(deserialize_with = "null::optional")]
    node_expand_secret_ref: Option<Reference>,
    #[serde(rename = "controllerPublishSecretRef", deserialize_with = "null::optional")]
    _controller_publish_secret_ref: Option<Reference>,
    #[serde(rename = "controllerExpandSecretRef", deserialize_with = "null::optional")]
    _controller_expand_secret_ref: Option<Reference>,
}

/// The PersistentVolume. One that is bound to no claim refers to nothing.
pub(in crate::source) fn persistent_volume(
    metadata: Metadata,
    mut spec: VolumeSpec,
) -> PersistentVolume {
    let name = metadata.name;
    let Some(claim) = spec.claim_ref.take() else {
        return PersistentVolume { name, ..PersistentVolume::default() };
    };
    let secrets = secrets(spec, &claim.namespace);
    PersistentVolume { name, claim: Some((claim.namespace, claim.name)), secrets }
}

/// The secrets. A volume has one source; of several the first counts, in the order in which Kubernetes
/// looks. Where its older versions stored no namespace, that of the claim is meant: not so for Cinder,
/// StorageOS and CSI, whose references must name one.
fn secrets(spec: VolumeSpec, of_claim: &Str) -> Box<[(Str, Str)]> {
    let VolumeSpec { cephfs, cinder, flex_volume, rbd, scale_io, iscsi, storageos, .. } = spec;
    let in_claims = |held: WithSecret| {
        held.secret_ref.map(|Reference { namespace, name }| {
            (if namespace.is_empty() { of_claim.clone() } else { namespace }, name)
        })
    };
    let as_written = |Reference { namespace, name }| (namespace, name);
    let found: Vec<(Str, Str)> = if let Some(AzureFile { secret_name, secret_namespace }) =
        spec.azure_file
    {
        let unset = secret_namespace.is_empty();
        vec![(if unset { of_claim.clone() } else { secret_namespace }, secret_name)]
    } else if let Some(held) = cephfs {
        in_claims(held).into_iter().collect()
    } else if let Some(held) = cinder {
        held.secret_ref.map(as_written).into_iter().collect()
    } else if let Some(held) = flex_volume.or(rbd).or(scale_io).or(iscsi) {
        in_claims(held).into_iter().collect()
    } else if let Some(held) = storageos {
        held.secret_ref.map(as_written).into_iter().collect()
    } else if let Some(csi) = spec.csi {
        let of_node =
            [csi.node_publish_secret_ref, csi.node_stage_secret_ref, csi.node_expand_secret_ref];
        of_node.into_iter().flatten().map(as_written).collect()
    } else {
        Vec::new()
    };
    found.into_iter().filter(|(_, name)| !name.is_empty()).collect()
}
