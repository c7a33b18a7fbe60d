//! Random objects, random changes, random questions: the Node authorizer beside the slow reference.

use std::collections::BTreeSet;

use portcullis::api::graph::{Key, Object, OnNode, PersistentVolume, Pod};
use portcullis::api::meta::Uid;
use portcullis::authz::Authorizer;
use portcullis::authz::node::{Editor, Gates, Graph, Via};
use portcullis::model::{
    Attributes, Decision, FieldOperator, FieldRequirement, Request, ResourceAttributes, Selector,
    User,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::reference::node::{KINDS, Reference};

// Few words, so that things meet.
const NODES: [&str; 4] = ["n1", "n2", "n3", ""];
const NAMESPACES: [&str; 2] = ["a", "b"];
const NAMES: [&str; 5] = ["x", "y", "z", "a", ""];

type Str = portcullis::api::Str;

fn names() -> impl Strategy<Value = Box<[Str]>> {
    vec(select(&NAMES[..]).prop_map(Str::from), 0..3).prop_map(Into::into)
}

fn pod() -> impl Strategy<Value = Object> {
    let place = (select(&NAMESPACES[..]), select(&NAMES[..]), select(&NODES[..]));
    let update = (0..2u32, select(&["u", "u", "v"][..]), 0..10u8);
    let statuses = vec((select(&NAMES[..]), proptest::option::of(select(&NAMES[..]))), 0..2);
    let references = (select(&NAMES[..]), names(), names(), names(), names(), select(&NAMES[..]));
    (place, update, statuses, references).prop_map(
        |((namespace, name, node), (ephemeral, uid, mirror), statuses, references)| {
            let statuses = statuses.into_iter();
            let (account, secrets, config_maps, claims, resource_claims, extended) = references;
            Object::Pod(Pod {
                namespace: namespace.into(),
                name: name.into(),
                uid: Uid::from(uid),
                node_name: node.into(),
                is_mirror: mirror == 0,
                service_account: account.into(),
                secrets,
                config_maps,
                claims,
                resource_claims,
                resource_claim_statuses: statuses
                    .map(|(name, claim)| (name.into(), claim.map(Into::into)))
                    .collect(),
                extended_resource_claim: extended.into(),
                ephemeral_containers: ephemeral,
            })
        },
    )
}

fn volume() -> impl Strategy<Value = Object> {
    let named = || (select(&NAMESPACES[..]), select(&NAMES[..]));
    let owned = |(namespace, name): (&str, &str)| (Str::from(namespace), Str::from(name));
    (select(&NAMES[..]), proptest::option::of(named()), vec(named(), 0..3)).prop_map(
        move |(name, claim, secrets)| {
            Object::PersistentVolume(PersistentVolume {
                name: name.into(),
                claim: claim.map(owned),
                secrets: secrets.into_iter().map(owned).collect(),
            })
        },
    )
}

fn on_node() -> impl Strategy<Value = Object> {
    (0..3u8, select(&NAMESPACES[..]), select(&NAMES[..]), select(&NODES[..])).prop_map(
        |(kind, namespace, name, node)| {
            let namespace = if kind == 2 { namespace } else { "" };
            let it =
                OnNode { namespace: namespace.into(), name: name.into(), node_name: node.into() };
            match kind {
                0 => Object::VolumeAttachment(it),
                1 => Object::ResourceSlice(it),
                _ => Object::PodCertificateRequest(it),
            }
        },
    )
}

fn object() -> impl Strategy<Value = Object> {
    prop_oneof![4 => pod(), 3 => volume(), 1 => on_node()]
}

#[derive(Debug, Clone)]
enum Change {
    Apply(Object),
    Delete(Key),
    /// Readers take the graph as it stands: what comes later must be copied.
    Publish,
}

fn change() -> impl Strategy<Value = Change> {
    let key = (select(&KINDS[..]), select(&NAMESPACES[..]), select(&NAMES[..]));
    prop_oneof![
        6 => object().prop_map(Change::Apply),
        2 => key.prop_map(|(kind, namespace, name)| Change::Delete(Key {
            kind,
            namespace: if kind.is_namespaced() { namespace.into() } else { Str::default() },
            name: name.into(),
        })),
        1 => Just(Change::Publish),
    ]
}

/// A question without who asks.
#[derive(Debug, Clone)]
struct Asked {
    verb: &'static str,
    resource: (&'static str, &'static str),
    sub: &'static str,
    namespace: &'static str,
    name: &'static str,
    selector: Vec<FieldRequirement>,
}

const RESOURCES: [(&str, &str); 18] = [
    ("", "secrets"),
    ("", "secrets"),
    ("", "configmaps"),
    ("", "serviceaccounts"),
    ("", "persistentvolumeclaims"),
    ("", "persistentvolumes"),
    ("", "persistentvolumes"),
    ("resource.k8s.io", "resourceclaims"),
    ("resource.k8s.io", "resourceslices"),
    ("storage.k8s.io", "volumeattachments"),
    ("storage.k8s.io", "csinodes"),
    ("coordination.k8s.io", "leases"),
    ("certificates.k8s.io", "podcertificaterequests"),
    ("", "nodes"),
    ("", "pods"),
    ("", "services"),
    ("apps", "deployments"),
    ("", "pods/status"),
];

fn asked() -> impl Strategy<Value = Asked> {
    let requirement = (
        select(&["spec.nodeName", "spec.nodeName", "nodeName"][..]),
        select(&[FieldOperator::Equals, FieldOperator::Equals, FieldOperator::NotEquals][..]),
        select(&NODES[..]),
    )
        .prop_map(|(field, operator, value)| FieldRequirement {
            field: field.to_owned(),
            operator,
            value: value.to_owned(),
        });
    (
        select(&["get", "get", "get", "list", "watch", "create", "update", "delete", "odd"][..]),
        select(&RESOURCES[..]),
        select(&["", "", "", "status", "token", "eviction"][..]),
        select(&["a", "b", "a", "b", "", "kube-node-lease"][..]),
        select(&["x", "y", "z", "a", "", "n1", "n2", "n9"][..]),
        vec(requirement, 0..3),
    )
        .prop_map(|(verb, resource, sub, namespace, name, selector)| Asked {
            verb,
            resource,
            sub,
            // Objects of the cluster have none.
            namespace: match resource.1 {
                "persistentvolumes" | "volumeattachments" | "resourceslices"
                    if namespace != "b" =>
                {
                    ""
                }
                _ => namespace,
            },
            name,
            selector,
        })
}

impl Asked {
    fn attributes(&self) -> Attributes<'_> {
        let Self { verb, resource: (group, resource), sub, namespace, name, selector } = self;
        Attributes::Resource(ResourceAttributes {
            field_selector: Selector { requirements: selector, parse_error: None },
            ..ResourceAttributes::new(verb, resource)
                .in_group(group)
                .in_namespace(namespace)
                .named(name)
                .with_subresource(sub)
        })
    }
}

fn gates() -> impl Strategy<Value = Gates> {
    (any::<bool>(), any::<bool>()).prop_map(|(certificates, providers)| {
        let mut gates = Gates::default();
        gates.pod_certificate_request = certificates;
        gates.service_account_token_for_credential_providers = providers;
        gates
    })
}

/// Nodes that may be in the graph, one that is not, one without a name, and somebody who is none.
fn kubelets() -> Vec<User> {
    let node = |name| User::new(format!("system:node:{name}")).with_groups(["system:nodes"]);
    let mut users: Vec<User> = ["n1", "n2", "n3", "n9", ""].map(node).into();
    users.push(User::new("system:node:n1"));
    users
}

#[track_caller]
fn compare(graph: &Graph, reference: &Reference, questions: &[Asked]) {
    let nodes: BTreeSet<String> = graph.nodes().into_iter().map(str::to_owned).collect();
    assert_eq!(nodes, reference.nodes());
    for asked in questions {
        let attributes = asked.attributes();
        let rows = graph.who_can(&attributes);
        let names: Vec<Option<&str>> = rows.iter().map(|row| row.node).collect();
        assert!(names.is_sorted() && names.windows(2).all(|two| two[0] != two[1]), "{rows:?}");
        for user in kubelets() {
            let request = Request { user: &user, attributes };
            let verdict = graph.authorize(&request);
            let found = match verdict.decision {
                Decision::Allow => Ok(()),
                Decision::NoOpinion => Err(verdict.reason().into_owned()),
                Decision::Deny => panic!("it never denies"),
            };
            assert_eq!(found, reference.authorize(&request), "{user:?} {asked:?}");
            assert_eq!(verdict.path().is_empty(), !verdict.is_allowed(), "{user:?} {asked:?}");
            let principal = graph.resolve(&user.clone().into()).unwrap();
            let resolved = principal.authorize(&attributes);
            assert_eq!(resolved.decision, verdict.decision, "{user:?} {asked:?}");
            assert_eq!(resolved.reason(), verdict.reason(), "{user:?} {asked:?}");
            assert_eq!(resolved.path(), verdict.path(), "{user:?} {asked:?}");
            // Who may is who is allowed.
            let node = user.name.strip_prefix("system:node:").unwrap();
            let listed = rows.iter().any(|row| row.node.is_none_or(|name| name == node));
            let is_node = !node.is_empty() && !user.groups.is_empty();
            assert_eq!(listed && is_node, verdict.is_allowed(), "{user:?} {asked:?}");
        }
        for row in &rows {
            assert!(!row.via.is_empty());
            for via in &row.via {
                if let Via::Path(way) = via {
                    let asked = (asked.namespace, asked.name);
                    assert_eq!((way[0].namespace, way[0].name), asked);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever was applied and deleted in whatever order, answers are those of the reference; and what
    /// readers hold stays as it was.
    #[test]
    fn changes_in_any_order_answer_as_the_reference(
        gates in gates(),
        changes in vec(change(), 0..40),
        questions in vec(asked(), 30),
    ) {
        let mut editor = Editor::new(gates);
        let mut reference = Reference::new(gates);
        let mut published = Vec::new();
        for change in changes {
            match change {
                Change::Apply(object) => {
                    editor.apply(&object);
                    reference.apply(&object);
                }
                Change::Delete(key) => {
                    assert_eq!(editor.delete(&key), reference.delete(&key), "{key:?}");
                }
                Change::Publish => published.push((editor.graph(), reference.clone())),
            }
        }
        published.push((editor.graph(), reference));
        for (graph, reference) in &published {
            compare(graph, reference, &questions);
        }
    }

    /// Loaded at once, the later of two objects with one key counts, whole.
    #[test]
    fn objects_that_are_loaded_answer_as_the_reference(
        gates in gates(),
        objects in vec(object(), 0..40),
        questions in vec(asked(), 30),
    ) {
        let graph = Editor::load(gates, &objects).graph();
        compare(&graph, &Reference::load(gates, &objects), &questions);
    }

    /// A graph from which all was deleted is empty, and keeps nothing.
    #[test]
    fn deleting_everything_leaves_nothing(objects in vec(object(), 0..40)) {
        let empty = Editor::new(Gates::default()).graph().memory();
        let mut editor = Editor::load(Gates::default(), &objects);
        for object in &objects {
            editor.delete(&object.key());
        }
        let graph = editor.graph();
        prop_assert_eq!(graph.nodes(), [""; 0]);
        // Tables of the outer level keep their size.
        prop_assert!(graph.memory() < empty + 3 * 512, "{} {}", graph.memory(), empty);
    }
}
