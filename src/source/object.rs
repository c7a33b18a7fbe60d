//! What an object is: the same answer for both readings of it, the quick one ([`Wide`]) and the
//! exact one ([`Node`]).

mod spelling;
mod told;

use serde::Deserialize;
use serde_json::value::RawValue;

#[cfg(feature = "node")]
use super::graph;
use super::node::{Node, Value};
use super::old::{self, Version};
#[cfg(feature = "authn")]
use super::secret;
use super::text::{NAME, excerpt};
use super::wire::{Metadata, PodMaker, Wide};
use super::{SkipReason, WrongType};
use crate::api::Str;
#[cfg(feature = "authn")]
use crate::api::core;
#[cfg(feature = "node")]
use crate::api::graph::{Kind as GraphKind, Object as GraphObject, Pod as GraphPod};
use crate::api::inventory::{CustomResource, Kinship, Namespace, PodIdentity};
use crate::api::null::ObjectsOnly;
use crate::api::rbac::{ClusterRole, ClusterRoleBinding, GROUP, Kind, Object, Role, RoleBinding};

/// What an object turned out to be.
pub(super) enum Outcome {
    /// Policy. The version when it is an old one, and whether v1alpha1's `*` was expanded.
    Rbac {
        object: Object,
        old: Option<&'static str>,
        everyone: bool,
    },
    Namespace(Namespace),
    ServiceAccount(Metadata),
    CustomResource(CustomResource),
    Pod(PodIdentity),
    /// A pod itself, whatever else it is: what it refers to, besides.
    #[cfg(feature = "node")]
    GraphPod(PodIdentity, Box<GraphPod>),
    #[cfg(feature = "node")]
    Graph(GraphObject),
    /// Of no interest, but for who wants to know the parents of namespaces. The name of the kind.
    Kinship(Kinship, String),
    #[cfg(feature = "authn")]
    Secret(core::Secret),
    #[cfg(feature = "authn")]
    Node(core::Node),
    /// Of no interest.
    Other(String),
    /// Policy that could not be read.
    Skipped {
        header: Header,
        reason: SkipReason,
    },
    /// Not policy, and could not be read.
    Unreadable {
        kind: Str,
        reason: WrongType,
    },
}

#[cfg(feature = "rego")]
impl Outcome {
    /// Whether it is as if the object was not there.
    pub(super) const fn is_left_out(&self) -> bool {
        matches!(self, Self::Skipped { .. } | Self::Unreadable { .. })
    }
}

/// What an object says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Str,
    pub(super) namespace: Str,
    pub(super) name: Str,
}

impl Header {
    /// For messages: names longer than any that can be stored are cut.
    pub(super) fn new(kind: &str, metadata: Option<&Node>) -> Self {
        let cut = |text| Str::from(&*excerpt(text, NAME));
        let text = |field| cut(metadata.map_or("", |metadata| metadata.text(field)));
        Self { kind: cut(kind), namespace: text("namespace"), name: text("name") }
    }
}

/// What the items of a typed list leave out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Inherited {
    pub(super) api_version: String,
    pub(super) kind: String,
}

/// What `apiVersion` and `kind` say.
pub(super) enum Class {
    Rbac(Kind, Version),
    /// A list, and what its items are when they do not say.
    List(Inherited),
    Namespace,
    ServiceAccount,
    CustomResource,
    Pod,
    /// What the Node authorizer reads, pods included.
    #[cfg(feature = "node")]
    Graph(GraphKind),
    /// What names the parent of a namespace; whether it stands in the child.
    Kinship {
        in_child: bool,
    },
    /// What stands behind tokens, when there is somebody to read them.
    #[cfg(feature = "authn")]
    Secret,
    #[cfg(feature = "authn")]
    Node,
    Other,
    /// No kind at all.
    None,
    Refused(SkipReason),
}

/// Decides by `apiVersion` and `kind` alone.
pub(super) fn classify(api_version: &str, kind: &str) -> Class {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    if kind.is_empty() {
        return Class::None;
    }
    if let Some(item) = kind.strip_suffix("List") {
        let api_version = if item.is_empty() { String::new() } else { api_version.to_owned() };
        return Class::List(Inherited { api_version, kind: item.to_owned() });
    }
    if group == GROUP {
        return match (Kind::from_name(kind), Version::from_name(version)) {
            (Some(kind), Some(version)) => Class::Rbac(kind, version),
            (Some(_), None) => Class::Refused(unknown_version(api_version, kind)),
            (None, _) => Class::Refused(SkipReason::UnknownKind {
                group: group.to_owned(),
                kind: excerpt(kind, NAME).into_owned(),
                suggestion: spelling::suggest(kind),
            }),
        };
    }
    #[cfg(feature = "node")]
    if let Some(kind) = graph::kind_of(group, kind) {
        return Class::Graph(kind);
    }
    match (group, kind) {
        // Old OpenShift policy too; and a group that is nearly ours is a slip.
        (_, kind)
            if Kind::from_name(kind).is_some()
                && (group.is_empty() || group.starts_with("rbac.")) =>
        {
            Class::Refused(unknown_version(api_version, kind))
        }
        ("", "Namespace") => Class::Namespace,
        ("", "ServiceAccount") => Class::ServiceAccount,
        #[cfg(feature = "authn")]
        ("", "Secret") => Class::Secret,
        #[cfg(feature = "authn")]
        ("", "Node") => Class::Node,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => Class::CustomResource,
        ("hnc.x-k8s.io", "HierarchyConfiguration") => Class::Kinship { in_child: true },
        ("hnc.x-k8s.io", "SubnamespaceAnchor") => Class::Kinship { in_child: false },
        ("", "Pod" | "ReplicationController")
        | ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
        | ("batch", "Job" | "CronJob") => Class::Pod,
        _ => Class::Other,
    }
}

fn unknown_version(api_version: &str, kind: &str) -> SkipReason {
    let api_version = excerpt(api_version, NAME).into_owned();
    SkipReason::UnknownVersion { api_version, kind: kind.to_owned() }
}

/// `Deployment.apps`, as kinds of no interest are counted.
pub(super) fn other_kind(api_version: &str, kind: &str) -> String {
    match api_version.split_once('/') {
        Some((group, _)) => format!("{kind}.{group}"),
        None => kind.to_owned(),
    }
}

/// How documents are counted that say no kind.
pub(super) const NO_KIND: &str = "(no kind)";

// === the quick reading ===

/// The object of a JSON value that was read in one go; `None` asks for the exact reading.
pub(super) fn from_wide(wide: Wide<'_>, inherited: &Inherited) -> Option<Outcome> {
    let given = !wide.kind.0.is_empty() || !wide.api_version.0.is_empty();
    let (api_version, kind) = if given {
        (wide.api_version.0.as_ref(), wide.kind.0.as_ref())
    } else {
        (inherited.api_version.as_str(), inherited.kind.as_str())
    };
    Some(match classify(api_version, kind) {
        Class::Rbac(kind, version) => {
            if version == Version::V1Alpha1 {
                return None;
            }
            let (metadata, rules) = (wide.metadata.into_meta(), wide.rules);
            let (subjects, role_ref) = (wide.subjects, wide.role_ref);
            let object = match kind {
                Kind::ClusterRole => {
                    let aggregation_rule = wide.aggregation_rule;
                    ClusterRole { metadata, rules, aggregation_rule }.into()
                }
                Kind::ClusterRoleBinding => {
                    ClusterRoleBinding { metadata, subjects, role_ref }.into()
                }
                Kind::Role => Role { metadata, rules }.into(),
                Kind::RoleBinding => RoleBinding { metadata, subjects, role_ref }.into(),
            };
            Outcome::Rbac { object, old: version.old_name(), everyone: false }
        }
        Class::Namespace => Outcome::Namespace(namespace(wide.metadata)),
        Class::ServiceAccount => Outcome::ServiceAccount(wide.metadata),
        #[cfg(feature = "authn")]
        Class::Secret => Outcome::Secret(secret::from_wide(wide)?),
        #[cfg(feature = "authn")]
        Class::Node => Outcome::Node(token_node(wide.metadata)),
        Class::CustomResource => Outcome::CustomResource(told::custom_resource(spec(wide.spec)?)),
        Class::Pod => Outcome::Pod(pod(kind, wide.metadata, spec(wide.spec)?)),
        #[cfg(feature = "node")]
        Class::Graph(kind) => graph::from_wide(kind, wide)?,
        Class::Kinship { in_child } => {
            let kinship = told::kinship(in_child, wide.metadata, spec(wide.spec)?);
            Outcome::Kinship(kinship, other_kind(api_version, kind))
        }
        Class::Other => Outcome::Other(other_kind(api_version, kind)),
        Class::None if wide.rules.is_empty() && wide.subjects.is_empty() => {
            Outcome::Other(NO_KIND.to_owned())
        }
        Class::List(_) | Class::None | Class::Refused(_) => return None,
    })
}

pub(super) fn spec<'a, T: Deserialize<'a> + Default>(raw: Option<&'a RawValue>) -> Option<T> {
    let Some(raw) = raw else { return Some(T::default()) };
    // Its text is one whole value: nothing can follow it.
    T::deserialize(ObjectsOnly(&mut serde_json::Deserializer::from_str(raw.get()))).ok()
}

// === the exact reading ===

/// The object of a tree; lists are the caller's business and count as of no interest here.
pub(super) fn from_node(mut node: Node, inherited: &Inherited) -> Outcome {
    if !matches!(node.value, Value::Map(_)) {
        return Outcome::Other("(not an object)".to_owned());
    }
    let (api_version, kind) = kind_of(&node, inherited);
    let metadata = node.get("metadata");
    let header = Header::new(&kind, metadata);
    let class = classify(&api_version, &kind);
    match class {
        Class::Rbac(kind, version) => match rbac(&mut node, kind, version) {
            Ok(outcome) => outcome,
            Err(reason) => Outcome::Skipped { header, reason: reason.into() },
        },
        Class::Namespace | Class::ServiceAccount | Class::CustomResource | Class::Pod => {
            names(&node, &class, &kind)
                .unwrap_or_else(|reason| Outcome::Unreadable { kind: header.kind, reason })
        }
        #[cfg(feature = "authn")]
        Class::Node | Class::Secret => names(&node, &class, &kind)
            .unwrap_or_else(|reason| Outcome::Unreadable { kind: header.kind, reason }),
        #[cfg(feature = "node")]
        Class::Graph(_) => names(&node, &class, &kind)
            .unwrap_or_else(|reason| Outcome::Unreadable { kind: header.kind, reason }),
        Class::Kinship { in_child } => {
            let read =
                || Ok(told::kinship(in_child, self::metadata(&node)?, field(&node, "spec")?));
            let unreadable = |reason: WrongType| Kinship::Unreadable {
                kind: header.kind,
                reason: reason.to_string(),
            };
            let kinship = read().unwrap_or_else(unreadable);
            Outcome::Kinship(kinship, other_kind(&api_version, &kind))
        }
        Class::Other | Class::List(_) => Outcome::Other(other_kind(&api_version, &kind)),
        Class::None => {
            let policy =
                ["rules", "subjects", "roleRef"].iter().any(|field| node.get(field).is_some());
            if policy {
                Outcome::Skipped { header, reason: SkipReason::NoKind }
            } else {
                Outcome::Other(NO_KIND.to_owned())
            }
        }
        Class::Refused(reason) => Outcome::Skipped { header, reason },
    }
}

/// `apiVersion` and `kind`, its own or those of its list.
pub(super) fn kind_of(node: &Node, inherited: &Inherited) -> (String, String) {
    match (node.text("apiVersion"), node.text("kind")) {
        ("", "") => (inherited.api_version.clone(), inherited.kind.clone()),
        (api_version, kind) => (api_version.to_owned(), kind.to_owned()),
    }
}

fn rbac(node: &mut Node, kind: Kind, version: Version) -> Result<Outcome, WrongType> {
    let everyone = version == Version::V1Alpha1 && old::subjects_to_v1(node)?;
    let own = metadata(node)?.into_meta().annotations;
    let mut object: Object = match kind {
        Kind::ClusterRole => read::<ClusterRole>(node)?.into(),
        Kind::ClusterRoleBinding => read::<ClusterRoleBinding>(node)?.into(),
        Kind::Role => read::<Role>(node)?.into(),
        Kind::RoleBinding => read::<RoleBinding>(node)?.into(),
    };
    // As the quick reading has it.
    object.metadata_mut().annotations = own;
    Ok(Outcome::Rbac { object, old: version.old_name(), everyone })
}

fn names(node: &Node, class: &Class, kind: &str) -> Result<Outcome, WrongType> {
    #[cfg(feature = "authn")]
    if matches!(class, Class::Secret) {
        return secret::from_node(node).map(Outcome::Secret);
    }
    let metadata = metadata(node)?;
    Ok(match class {
        Class::Namespace => Outcome::Namespace(namespace(metadata)),
        Class::ServiceAccount => Outcome::ServiceAccount(metadata),
        #[cfg(feature = "authn")]
        Class::Node => Outcome::Node(token_node(metadata)),
        Class::CustomResource => {
            Outcome::CustomResource(told::custom_resource(field(node, "spec")?))
        }
        #[cfg(feature = "node")]
        Class::Graph(kind) => return graph::from_node(*kind, metadata, node),
        _ => Outcome::Pod(pod(kind, metadata, field(node, "spec")?)),
    })
}

pub(super) fn metadata(node: &Node) -> Result<Metadata, WrongType> {
    field(node, "metadata")
}

/// A field of an object; the default when it is missing or `null`.
pub(super) fn field<'a, T: Deserialize<'a> + Default>(
    node: &'a Node,
    name: &str,
) -> Result<T, WrongType> {
    match node.get(name) {
        Some(value) if !value.is_null() => {
            T::deserialize(value).map_err(|error| error.finish(name))
        }
        _ => Ok(T::default()),
    }
}

fn read<'a, T: Deserialize<'a>>(node: &'a Node) -> Result<T, WrongType> {
    T::deserialize(node).map_err(|error| error.finish(""))
}

// === what names tell ===

fn namespace(metadata: Metadata) -> Namespace {
    Namespace { name: metadata.name, labels: metadata.labels }
}

fn pod(kind: &str, metadata: Metadata, spec: PodMaker) -> PodIdentity {
    let spec = match kind {
        "Pod" => spec,
        "CronJob" => spec.job_template.into_spec().template.into_spec(),
        _ => spec.template.into_spec(),
    };
    let service_account = match spec.service_account_name.is_empty() {
        true => spec.service_account,
        false => spec.service_account_name,
    };
    #[cfg(all(feature = "authn", not(feature = "node")))]
    let node_name = spec.node_name;
    #[cfg(not(all(feature = "authn", not(feature = "node"))))]
    let node_name = Str::default();
    identity(kind, metadata, service_account, node_name)
}

/// Who a pod, or what makes pods, is to the API server. Without a service account it is `default`.
pub(super) fn identity(
    kind: &str,
    metadata: Metadata,
    service_account: Str,
    node_name: Str,
) -> PodIdentity {
    #[cfg(not(feature = "authn"))]
    let _ = node_name;
    PodIdentity {
        kind: kind.into(),
        namespace: metadata.namespace,
        name: metadata.name,
        service_account: match service_account.is_empty() {
            true => Str::const_new("default"),
            false => service_account,
        },
        #[cfg(feature = "authn")]
        node_name,
        #[cfg(feature = "authn")]
        uid: metadata.uid,
        #[cfg(feature = "authn")]
        deletion_timestamp: metadata.deletion_timestamp.map(|time| time.0),
    }
}

#[cfg(feature = "authn")]
fn token_node(metadata: Metadata) -> core::Node {
    let deletion_timestamp = metadata.deletion_timestamp.map(|time| time.0);
    core::Node { name: metadata.name, uid: metadata.uid, deletion_timestamp }
}
