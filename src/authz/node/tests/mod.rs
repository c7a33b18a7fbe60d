//! A small world, and how to ask it.

mod edges;
mod table;
mod updates;

use super::{Editor, Gates, Graph};
use crate::api::Str;
use crate::api::graph::{Object, OnNode, PersistentVolume, Pod};
use crate::authz::Authorizer;
use crate::model::{
    Attributes, Decision, FieldRequirement, Request, ResourceAttributes, Selector, User,
};

fn list(names: &[&str]) -> Box<[Str]> {
    names.iter().copied().map(Str::from).collect()
}

/// A pod that refers to one object of each kind, all named after it.
fn pod(name: &str, node: &str) -> Pod {
    Pod {
        namespace: "ns".into(),
        name: name.into(),
        node_name: node.into(),
        service_account: format!("{name}-account").into(),
        secrets: list(&[&format!("{name}-secret")]),
        config_maps: list(&[&format!("{name}-config")]),
        claims: list(&[&format!("{name}-claim")]),
        resource_claims: list(&[&format!("{name}-device")]),
        extended_resource_claim: format!("{name}-extended").into(),
        ..Pod::default()
    }
}

/// A volume that is bound to a claim of namespace `ns` and needs a secret of namespace `storage`.
fn volume(name: &str, claim: &str) -> PersistentVolume {
    PersistentVolume {
        name: name.into(),
        claim: Some(("ns".into(), claim.into())),
        secrets: [("storage".into(), format!("{name}-key").into())].into(),
    }
}

fn on_node(namespace: &str, name: &str, node: &str) -> OnNode {
    OnNode { namespace: namespace.into(), name: name.into(), node_name: node.into() }
}

/// Pod `web` and all that belongs to it on node `n1`; pod `other` on node `n2`.
fn world(gates: Gates) -> Graph {
    let objects = [
        Object::Pod(pod("web", "n1")),
        Object::Pod(pod("other", "n2")),
        Object::PersistentVolume(volume("disk", "web-claim")),
        Object::VolumeAttachment(on_node("", "attachment", "n1")),
        Object::ResourceSlice(on_node("", "slice", "n1")),
        Object::PodCertificateRequest(on_node("ns", "request", "n1")),
    ];
    Editor::load(gates, &objects).graph()
}

fn kubelet(node: &str) -> User {
    User::new(format!("system:node:{node}")).with_groups(["system:nodes", "system:authenticated"])
}

/// A question: `asked("get", "storage.k8s.io/csinodes/status")`.
fn asked<'a>(verb: &'a str, resource: &'a str) -> ResourceAttributes<'a> {
    let (group, resource) = match resource.split_once('/') {
        Some((group, rest)) if group.contains('.') => (group, rest),
        _ => ("", resource),
    };
    let (resource, sub) = resource.split_once('/').unwrap_or((resource, ""));
    ResourceAttributes::new(verb, resource).in_group(group).with_subresource(sub)
}

/// Whether node `n1` may; if not, the reason.
#[track_caller]
fn n1(graph: &Graph, asked: ResourceAttributes<'_>) -> Result<(), String> {
    by(graph, &kubelet("n1"), asked)
}

#[track_caller]
fn by(graph: &Graph, user: &User, asked: ResourceAttributes<'_>) -> Result<(), String> {
    let request = Request { user, attributes: Attributes::Resource(asked) };
    let verdict = graph.authorize(&request);
    assert_eq!(verdict.errors, [""; 0]);
    match verdict.decision {
        Decision::Allow => {
            assert_eq!(verdict.reason(), "", "S-NODE-2: an allow has no reason");
            Ok(())
        }
        Decision::NoOpinion => Err(verdict.reason().into_owned()),
        Decision::Deny => panic!("S-NODE-2: it never denies"),
    }
}

fn selecting<'a>(
    asked: ResourceAttributes<'a>,
    requirements: &'a [FieldRequirement],
) -> ResourceAttributes<'a> {
    ResourceAttributes { field_selector: Selector { requirements, parse_error: None }, ..asked }
}

fn no(reason: &str) -> Result<(), String> {
    Err(reason.to_owned())
}

const UNRELATED: &str = "no relationship found between node 'n1' and this object";
