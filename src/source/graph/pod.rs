//! A pod: where it runs, and the objects of its namespace that it refers to (S-NODE-9 to 11).

use serde::Deserialize;

use crate::api::Str;
use crate::api::graph::Pod;
use crate::api::inventory::PodIdentity;
use crate::api::null;
use crate::source::object;
use crate::source::wire::{MIRROR, Metadata};

/// `spec`, as far as it names other objects.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::source) struct PodSpec {
    #[serde(deserialize_with = "null::or_default")]
    service_account_name: Str,
    /// The old name of the same.
    #[serde(deserialize_with = "null::or_default")]
    service_account: Str,
    #[serde(deserialize_with = "null::or_default")]
    node_name: Str,
    #[serde(deserialize_with = "null::list")]
    image_pull_secrets: Vec<Reference>,
    #[serde(deserialize_with = "null::list")]
    init_containers: Vec<Container>,
    #[serde(deserialize_with = "null::list")]
    containers: Vec<Container>,
    #[serde(deserialize_with = "null::list")]
    ephemeral_containers: Vec<Container>,
    #[serde(deserialize_with = "null::list")]
    volumes: Vec<Volume>,
    #[serde(deserialize_with = "null::list")]
    resource_claims: Vec<ResourceClaim>,
}

/// `status`, likewise.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::source) struct PodStatus {
    #[serde(deserialize_with = "null::list")]
    resource_claim_statuses: Vec<ResourceClaimStatus>,
    #[serde(deserialize_with = "null::or_default")]
    extended_resource_claim_status: ExtendedClaim,
}

/// A reference to an object of the pod's namespace.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Reference {
    #[serde(deserialize_with = "null::or_default")]
    name: Str,
}

/// A container of any of the three lists.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Container {
    #[serde(deserialize_with = "null::list")]
    env: Vec<EnvVar>,
    #[serde(deserialize_with = "null::list")]
    env_from: Vec<EnvFrom>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct EnvVar {
    #[serde(deserialize_with = "null::or_default")]
    value_from: ValueFrom,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ValueFrom {
    #[serde(deserialize_with = "null::or_default")]
    secret_key_ref: Reference,
    #[serde(deserialize_with = "null::or_default")]
    config_map_key_ref: Reference,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct EnvFrom {
    #[serde(deserialize_with = "null::or_default")]
    secret_ref: Reference,
    #[serde(deserialize_with = "null::or_default")]
    config_map_ref: Reference,
}

/// A volume: one of many sources.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Volume {
    #[serde(deserialize_with = "null::or_default")]
    name: Str,
    #[serde(deserialize_with = "null::optional")]
    azure_file: Option<NamedSecret>,
    #[serde(deserialize_with = "null::optional")]
    cephfs: Option<WithSecret>,
    #[serde(deserialize_with = "null::optional")]
    cinder: Option<WithSecret>,
    #[serde(deserialize_with = "null::optional")]
    flex_volume: Option<WithSecret>,
    #[serde(deserialize_with = "null::optional")]
    projected: Option<Projected>,
    #[serde(deserialize_with = "null::optional")]
    rbd: Option<WithSecret>,
    #[serde(deserialize_with = "null::optional")]
    secret: Option<NamedSecret>,
    #[serde(rename = "scaleIO", deserialize_with = "null::optional")]
    scale_io: Option<WithSecret>,
    #[serde(deserialize_with = "null::optional")]
    iscsi: Option<WithSecret>,
    #[serde(deserialize_with = "null::optional")]
    storageos: Option<WithSecret>,
    #[serde(deserialize_with = "null::optional")]
    csi: Option<Csi>,
    #[serde(deserialize_with = "null::optional")]
    config_map: Option<Reference>,
    #[serde(deserialize_with = "null::optional")]
    persistent_volume_claim: Option<Claim>,
    #[serde(deserialize_with = "null::optional")]
    ephemeral: Option<Ephemeral>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct NamedSecret {
    #[serde(deserialize_with = "null::or_default")]
    secret_name: Str,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct WithSecret {
    #[serde(deserialize_with = "null::or_default")]
    secret_ref: Reference,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Csi {
    #[serde(deserialize_with = "null::or_default")]
    node_publish_secret_ref: Reference,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Projected {
    #[serde(deserialize_with = "null::list")]
    sources: Vec<Projection>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Projection {
    #[serde(deserialize_with = "null::or_default")]
    secret: Reference,
    #[serde(deserialize_with = "null::or_default")]
    config_map: Reference,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Claim {
    #[serde(deserialize_with = "null::or_default")]
    claim_name: Str,
}

/// A claim that is made of a template, with a name that follows from the pod's and the volume's.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Ephemeral {}

/// A claim of devices: one that is named, or one that is made of a template.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ResourceClaim {
    #[serde(deserialize_with = "null::or_default")]
    name: Str,
    #[serde(deserialize_with = "null::optional")]
    resource_claim_name: Option<Str>,
    #[serde(deserialize_with = "null::optional")]
    resource_claim_template_name: Option<Str>,
}

/// Which claim was made of a template.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ResourceClaimStatus {
    #[serde(deserialize_with = "null::or_default")]
    name: Str,
    #[serde(deserialize_with = "null::optional")]
    resource_claim_name: Option<Str>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ExtendedClaim {
    #[serde(deserialize_with = "null::or_default")]
    resource_claim_name: Str,
}

/// The pod: who it is to the API server, and what it refers to.
pub(in crate::source) fn pod(
    metadata: Metadata,
    spec: PodSpec,
    status: PodStatus,
) -> (PodIdentity, Box<Pod>) {
    let is_mirror = metadata.annotations.as_ref().is_some_and(|kept| kept.0.contains_key(MIRROR));
    let [secrets, config_maps, claims] = references(&metadata.name, &spec);
    let resource_claims = resource_claims(&spec.resource_claims, &status.resource_claim_statuses);
    let ephemeral_containers = u32::try_from(spec.ephemeral_containers.len()).unwrap_or(u32::MAX);
    let service_account = match spec.service_account_name.is_empty() {
        true => spec.service_account,
        false => spec.service_account_name,
    };
    let statuses = status.resource_claim_statuses.into_iter();
    let pod = Pod {
        namespace: metadata.namespace.clone(),
        name: metadata.name.clone(),
        uid: metadata.uid.clone(),
        node_name: spec.node_name.clone(),
        is_mirror,
        service_account: service_account.clone(),
        secrets,
        config_maps,
        claims,
        resource_claims,
        resource_claim_statuses: statuses.map(|it| (it.name, it.resource_claim_name)).collect(),
        extended_resource_claim: status.extended_resource_claim_status.resource_claim_name,
        ephemeral_containers,
    };
    (object::identity("Pod", metadata, service_account, spec.node_name), Box::new(pod))
}

/// Names of secrets, of ConfigMaps and of PersistentVolumeClaims (S-NODE-11). Of several sources in one
/// volume, which no API server stores, the first counts, in the order in which Kubernetes looks.
fn references(pod: &str, spec: &PodSpec) -> [Box<[Str]>; 3] {
    let (mut secrets, mut config_maps, mut claims) =
        (Names::default(), Names::default(), Names::default());
    for reference in &spec.image_pull_secrets {
        secrets.add(&reference.name);
    }
    let kinds = [&spec.init_containers, &spec.containers, &spec.ephemeral_containers];
    for container in kinds.into_iter().flatten() {
        for source in &container.env_from {
            secrets.add(&source.secret_ref.name);
            config_maps.add(&source.config_map_ref.name);
        }
        for EnvVar { value_from } in &container.env {
            secrets.add(&value_from.secret_key_ref.name);
            config_maps.add(&value_from.config_map_key_ref.name);
        }
    }
    for volume in &spec.volumes {
        add_secrets(volume, &mut secrets);
        if let Some(Projected { sources }) = &volume.projected {
            sources.iter().for_each(|source| config_maps.add(&source.config_map.name));
        } else if let Some(reference) = &volume.config_map {
            config_maps.add(&reference.name);
        }
        if let Some(claim) = &volume.persistent_volume_claim {
            claims.add(&claim.claim_name);
        } else if volume.ephemeral.is_some() {
            claims.add(&compact_str::format_compact!("{pod}-{}", volume.name));
        }
    }
    [secrets, config_maps, claims].map(Names::finish)
}

fn add_secrets(volume: &Volume, secrets: &mut Names) {
    fn first(sources: [&Option<WithSecret>; 3]) -> Option<&WithSecret> {
        sources.into_iter().flatten().next()
    }
    let Volume { azure_file, cephfs, cinder, flex_volume, projected, rbd, .. } = volume;
    let Volume { secret, scale_io, iscsi, storageos, csi, .. } = volume;
    if let Some(source) = azure_file {
        secrets.add(&source.secret_name);
    } else if let Some(source) = first([cephfs, cinder, flex_volume]) {
        secrets.add(&source.secret_ref.name);
    } else if let Some(Projected { sources }) = projected {
        sources.iter().for_each(|source| secrets.add(&source.secret.name));
    } else if let Some(source) = rbd {
        secrets.add(&source.secret_ref.name);
    } else if let Some(source) = secret {
        secrets.add(&source.secret_name);
    } else if let Some(source) = first([scale_io, iscsi, storageos]) {
        secrets.add(&source.secret_ref.name);
    } else if let Some(source) = csi {
        secrets.add(&source.node_publish_secret_ref.name);
    }
}

/// The claims: a name stands for itself; a template stands for what the first status of that entry says
/// was made of it, if anything was. A status without an entry grants nothing.
fn resource_claims(entries: &[ResourceClaim], statuses: &[ResourceClaimStatus]) -> Box<[Str]> {
    let mut names = Names::default();
    for entry in entries {
        let made = || statuses.iter().find(|status| status.name == entry.name);
        match (&entry.resource_claim_name, &entry.resource_claim_template_name) {
            (Some(name), _) => names.add(name),
            (None, Some(_)) => {
                if let Some(name) = made().and_then(|made| made.resource_claim_name.as_ref()) {
                    names.add(name);
                }
            }
            (None, None) => {}
        }
    }
    names.finish()
}

/// Names, without empty ones, which refer to nothing.
#[derive(Default)]
struct Names(Vec<Str>);

impl Names {
    fn add(&mut self, name: &Str) {
        if !name.is_empty() {
            self.0.push(name.clone());
        }
    }

    fn finish(self) -> Box<[Str]> {
        self.0.into()
    }
}
