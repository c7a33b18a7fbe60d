//! What a request asks of a node that makes it: the table of S-NODE §4.2, one function a row.
//!
//! Nothing here looks at a node or at the graph, so the same ruling answers whether one node may and
//! which nodes may.

use super::cause::Cause;
use super::{Gates, Rule, Vertex, VertexKind, rules};
use crate::model::{Attributes, FieldOperator, FieldRequirement, ResourceAttributes};

/// Which nodes may.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ruling<'a> {
    /// Every node.
    Every,
    /// Every node, by a rule of ClusterRole `system:node`.
    Rule(usize, &'static Rule),
    /// None.
    Nobody(Cause),
    /// Those that the object leads to; the others are [`Cause::Unrelated`].
    Reached(Vertex<'a>),
    /// The one of this name.
    Named(&'a str, Cause),
    /// Those that a field selector names (S-NODE-6).
    Selected(&'a [FieldRequirement], Cause),
    /// Those that a field selector names, and those that the object leads to.
    SelectedOrReached(&'a [FieldRequirement], Vertex<'a>),
}

impl Ruling<'_> {
    /// Whether `node` may, and if not, why. `leads` tells whether an object leads there.
    #[inline]
    pub(super) fn judge(
        self,
        node: &str,
        leads: impl FnOnce(Vertex<'_>) -> bool,
    ) -> Result<(), Cause> {
        let (may, cause) = match self {
            Self::Every | Self::Rule(..) => return Ok(()),
            Self::Nobody(cause) => return Err(cause),
            Self::Reached(object) => (leads(object), Cause::Unrelated),
            Self::Named(name, cause) => (name == node, cause),
            Self::Selected(selector, cause) => (selected(selector).any(|it| it == node), cause),
            Self::SelectedOrReached(selector, object) => {
                let may = selected(selector).any(|it| it == node) || leads(object);
                (may, Cause::Unrelated)
            }
        };
        if may { Ok(()) } else { Err(cause) }
    }
}

/// The only namespace of leases that a node may touch.
const LEASES: &str = "kube-node-lease";

/// Which nodes may do what is asked. The API version counts nowhere (S-NODE-3).
pub(super) fn ruling<'a>(attributes: &'a Attributes<'a>, gates: Gates) -> Ruling<'a> {
    let Attributes::Resource(asked) = attributes else {
        return by_rules(attributes);
    };
    match (asked.group, asked.resource) {
        ("", "secrets") => read(asked, VertexKind::Secret),
        ("", "configmaps") => read(asked, VertexKind::ConfigMap),
        ("", "pods") => pods(asked),
        ("", "nodes") => nodes(asked),
        ("", "serviceaccounts") => service_accounts(asked, gates),
        ("", "persistentvolumeclaims") if asked.subresource == "status" => claim_status(asked),
        ("", "persistentvolumeclaims") => get(asked, VertexKind::PersistentVolumeClaim),
        ("", "persistentvolumes") => get(asked, VertexKind::PersistentVolume),
        ("storage.k8s.io", "volumeattachments") => get(asked, VertexKind::VolumeAttachment),
        ("resource.k8s.io", "resourceclaims") => get(asked, VertexKind::ResourceClaim),
        ("resource.k8s.io", "resourceslices") => resource_slices(asked),
        ("coordination.k8s.io", "leases") => leases(asked),
        ("storage.k8s.io", "csinodes") => csi_nodes(asked),
        ("certificates.k8s.io", "podcertificaterequests") if gates.pod_certificate_request => {
            pod_certificate_requests(asked)
        }
        _ => by_rules(attributes),
    }
}

fn by_rules<'a>(attributes: &Attributes<'_>) -> Ruling<'a> {
    match rules::first_allowing(attributes) {
        Some((index, rule)) => Ruling::Rule(index, rule),
        None => Ruling::Nobody(Cause::NoRule),
    }
}

/// The graph check of S-NODE-4.
fn reached<'a>(asked: &ResourceAttributes<'a>, kind: VertexKind) -> Ruling<'a> {
    match vertex(asked, kind) {
        Some(object) => Ruling::Reached(object),
        None => Ruling::Nobody(Cause::NoName),
    }
}

fn vertex<'a>(asked: &ResourceAttributes<'a>, kind: VertexKind) -> Option<Vertex<'a>> {
    let ResourceAttributes { namespace, name, .. } = *asked;
    (!name.is_empty()).then_some(Vertex { kind, namespace, name })
}

/// Secrets and ConfigMaps.
fn read<'a>(asked: &ResourceAttributes<'a>, kind: VertexKind) -> Ruling<'a> {
    if !matches!(asked.verb, "get" | "list" | "watch") {
        Ruling::Nobody(Cause::OnlyRead)
    } else if !asked.subresource.is_empty() {
        Ruling::Nobody(Cause::ReadSubresource)
    } else if asked.namespace.is_empty() {
        Ruling::Nobody(Cause::OnlyNamespaced)
    } else {
        reached(asked, kind)
    }
}

/// Objects that are read one by one.
fn get<'a>(asked: &ResourceAttributes<'a>, kind: VertexKind) -> Ruling<'a> {
    if asked.verb != "get" {
        Ruling::Nobody(Cause::OnlyGet)
    } else if !asked.subresource.is_empty() {
        Ruling::Nobody(Cause::GetSubresource)
    } else {
        reached(asked, kind)
    }
}

/// `persistentvolumeclaims/status`: a kubelet tells how far it has resized a volume. The reason speaks of
/// `get`, which is refused all the same.
fn claim_status<'a>(asked: &ResourceAttributes<'a>) -> Ruling<'a> {
    match asked.verb {
        "update" | "patch" => reached(asked, VertexKind::PersistentVolumeClaim),
        _ => Ruling::Nobody(Cause::OnlyStatus),
    }
}

fn service_accounts<'a>(asked: &ResourceAttributes<'a>, gates: Gates) -> Ruling<'a> {
    if asked.verb == "get" && asked.subresource.is_empty() {
        let may =
            gates.service_account_token_for_credential_providers || gates.pod_certificate_request;
        return match may {
            true => read(asked, VertexKind::ServiceAccount),
            false => Ruling::Nobody(Cause::ServiceAccounts),
        };
    }
    if asked.verb != "create" || asked.name.is_empty() {
        Ruling::Nobody(Cause::OnlyTokens)
    } else if asked.subresource != "token" {
        Ruling::Nobody(Cause::OnlyTokenSubresource)
    } else {
        reached(asked, VertexKind::ServiceAccount)
    }
}

/// Leases of nodes: their heartbeats. The name is not known when one is created, and the subresource
/// is not looked at.
fn leases<'a>(asked: &ResourceAttributes<'a>) -> Ruling<'a> {
    match asked.verb {
        "get" | "create" | "update" | "patch" | "delete" if asked.namespace != LEASES => {
            Ruling::Nobody(Cause::LeaseNamespace)
        }
        "create" => Ruling::Every,
        "get" | "update" | "patch" | "delete" => Ruling::Named(asked.name, Cause::LeaseName),
        _ => Ruling::Nobody(Cause::LeaseVerb),
    }
}

fn csi_nodes<'a>(asked: &ResourceAttributes<'a>) -> Ruling<'a> {
    match asked.verb {
        "get" | "create" | "update" | "patch" | "delete" if !asked.subresource.is_empty() => {
            Ruling::Nobody(Cause::CsiNodeSubresource)
        }
        "create" => Ruling::Every,
        "get" | "update" | "patch" | "delete" => Ruling::Named(asked.name, Cause::CsiNodeName),
        _ => Ruling::Nobody(Cause::CsiNodeVerb),
    }
}

fn resource_slices<'a>(asked: &ResourceAttributes<'a>) -> Ruling<'a> {
    if !asked.subresource.is_empty() {
        return Ruling::Nobody(Cause::SliceSubresource);
    }
    match asked.verb {
        "create" => Ruling::Every,
        "get" | "update" | "patch" | "delete" => reached(asked, VertexKind::ResourceSlice),
        "watch" | "list" | "deletecollection" => {
            Ruling::Selected(asked.field_selector.requirements, Cause::SliceSelector)
        }
        _ => Ruling::Nobody(Cause::SliceVerb),
    }
}

/// Nodes: any may be changed, only the own one read (S-NODE-7).
fn nodes<'a>(asked: &ResourceAttributes<'a>) -> Ruling<'a> {
    match (asked.subresource, asked.verb) {
        ("", "create" | "update" | "patch") | ("status", "update" | "patch") => Ruling::Every,
        ("", "get" | "list" | "watch") if asked.name.is_empty() => Ruling::Nobody(Cause::AllNodes),
        ("", "get" | "list" | "watch") => Ruling::Named(asked.name, Cause::OtherNode),
        _ => Ruling::Nobody(Cause::NoRule),
    }
}

fn pods<'a>(asked: &ResourceAttributes<'a>) -> Ruling<'a> {
    match (asked.subresource, asked.verb) {
        ("", "get") => reached(asked, VertexKind::Pod),
        ("", "list" | "watch") => {
            let requirements = asked.field_selector.requirements;
            match vertex(asked, VertexKind::Pod) {
                Some(pod) => Ruling::SelectedOrReached(requirements, pod),
                None => Ruling::Selected(requirements, Cause::PodSelector),
            }
        }
        ("", "create" | "delete") | ("status", "update" | "patch") | ("eviction", "create") => {
            Ruling::Every
        }
        _ => Ruling::Nobody(Cause::NoRule),
    }
}

fn pod_certificate_requests<'a>(asked: &ResourceAttributes<'a>) -> Ruling<'a> {
    if !asked.subresource.is_empty() {
        return Ruling::Nobody(Cause::CertificateSubresource);
    }
    match asked.verb {
        "create" => Ruling::Every,
        "get" => reached(asked, VertexKind::PodCertificateRequest),
        "list" | "watch" => {
            Ruling::Selected(asked.field_selector.requirements, Cause::CertificateSelector)
        }
        _ => Ruling::Nobody(Cause::CertificateVerb),
    }
}

/// The nodes that a field selector names: those of which some requirement says `spec.nodeName=<node>`.
/// A requirement that was not understood is none (S-NODE-6).
pub(super) fn selected(requirements: &[FieldRequirement]) -> impl Iterator<Item = &str> {
    let names_node = |requirement: &&FieldRequirement| {
        requirement.field == "spec.nodeName" && requirement.operator == FieldOperator::Equals
    };
    requirements.iter().filter(names_node).map(|requirement| requirement.value.as_str())
}
