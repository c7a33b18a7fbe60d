//! §4.3: which edges there are, and what a way is.

use super::*;
use crate::authz::node::{Row, Vertex, VertexKind, Via};

/// Whether `n1` may get an object.
fn reads(graph: &Graph, resource: &str, name: &str) -> bool {
    let namespace = match resource {
        "persistentvolumes" => "",
        _ => "ns",
    };
    n1(graph, asked("get", resource).in_namespace(namespace).named(name)).is_ok()
}

const OF_A_POD: [(&str, &str); 7] = [
    ("pods", "web"),
    ("serviceaccounts", "web-account"),
    ("secrets", "web-secret"),
    ("configmaps", "web-config"),
    ("persistentvolumeclaims", "web-claim"),
    ("resource.k8s.io/resourceclaims", "web-device"),
    ("resource.k8s.io/resourceclaims", "web-extended"),
];

fn load(objects: &[Object]) -> Graph {
    Editor::load(Gates::default(), objects).graph()
}

#[test]
fn what_a_pod_refers_to_leads_to_its_node() {
    let graph = load(&[Object::Pod(pod("web", "n1"))]);
    for (resource, name) in OF_A_POD {
        assert!(reads(&graph, resource, name), "{resource}");
    }
    // S-NODE-9: not before it has a node, and to no other.
    for node in ["", "n2"] {
        let graph = load(&[Object::Pod(pod("web", node))]);
        for (resource, name) in OF_A_POD {
            assert!(!reads(&graph, resource, name), "{resource} on `{node}`");
        }
    }
}

#[test]
fn mirror_pods_lead_to_their_node_and_nothing_leads_to_them() {
    let mirror = Pod { is_mirror: true, ..pod("web", "n1") };
    let graph = load(&[Object::Pod(mirror), Object::PersistentVolume(volume("disk", "web-claim"))]);
    assert!(reads(&graph, "pods", "web"));
    for (resource, name) in OF_A_POD.into_iter().skip(1).chain([("persistentvolumes", "disk")]) {
        assert!(!reads(&graph, resource, name), "S-NODE-10: {resource}");
    }
}

#[test]
fn a_volume_leads_where_its_claim_does_and_takes_its_secrets_along() {
    let key = asked("get", "secrets").in_namespace("storage").named("disk-key");
    let bound = volume("disk", "web-claim");
    let unbound = PersistentVolume { claim: None, ..bound.clone() };
    let elsewhere =
        PersistentVolume { claim: Some(("x".into(), "web-claim".into())), ..bound.clone() };
    for (volume, may) in [(bound, true), (unbound, false), (elsewhere, false)] {
        // Whichever comes first.
        let mut objects = [Object::Pod(pod("web", "n1")), Object::PersistentVolume(volume)];
        for _ in 0..2 {
            let graph = load(&objects);
            assert_eq!(reads(&graph, "persistentvolumes", "disk"), may);
            assert_eq!(n1(&graph, key).is_ok(), may);
            assert!(n1(&graph, key.in_namespace("ns")).is_err());
            objects.reverse();
        }
    }
}

#[test]
fn two_volumes_of_one_claim_and_one_secret_of_two_volumes_count_each() {
    let shared = |name: &str| PersistentVolume {
        secrets: [("storage".into(), "key".into()), ("storage".into(), "key".into())].into(),
        ..volume(name, "web-claim")
    };
    let volumes = [shared("a"), shared("b")].map(Object::PersistentVolume);
    let mut editor = Editor::load(Gates::default(), &volumes);
    editor.apply(&Object::Pod(pod("web", "n1")));
    let key = asked("get", "secrets").in_namespace("storage").named("key");
    assert_eq!(n1(&editor.graph(), key), Ok(()));
    assert!(editor.delete(&volumes[0].key()));
    assert_eq!(n1(&editor.graph(), key), Ok(()));
    assert!(!reads(&editor.graph(), "persistentvolumes", "a"));
    assert!(editor.delete(&volumes[1].key()));
    assert_eq!(n1(&editor.graph(), key), no(UNRELATED));
}

#[test]
fn attachments_slices_and_requests_lead_to_the_node_they_name() {
    type Make = fn(OnNode) -> Object;
    let cases: [(Make, &str, &str); 3] = [
        (Object::VolumeAttachment, "storage.k8s.io/volumeattachments", ""),
        (Object::ResourceSlice, "resource.k8s.io/resourceslices", ""),
        (Object::PodCertificateRequest, "certificates.k8s.io/podcertificaterequests", "ns"),
    ];
    for (object, resource, namespace) in cases {
        for (node, may) in [("n1", true), ("n2", false), ("", false)] {
            let gates = Gates { pod_certificate_request: true, ..Gates::default() };
            let graph = Editor::load(gates, [&object(on_node(namespace, "x", node))]).graph();
            let asked = asked("get", resource).in_namespace(namespace).named("x");
            assert_eq!(n1(&graph, asked).is_ok(), may, "{resource} of `{node}`");
        }
    }
}

#[test]
fn an_object_that_many_pods_share_leads_to_all_their_nodes_and_no_others() {
    let shared = |name: &str, node: &str| {
        Object::Pod(Pod { config_maps: list(&["root-ca", "root-ca"]), ..pod(name, node) })
    };
    let objects = [shared("a", "n1"), shared("b", "n1"), shared("c", "n2"), shared("d", "")];
    let mut editor = Editor::load(Gates::default(), &objects);
    let asked = asked("get", "configmaps").in_namespace("ns").named("root-ca");
    let nodes = |editor: &Editor| -> Vec<String> {
        let graph = editor.graph();
        let attributes = Attributes::Resource(asked);
        let rows = graph.who_can(&attributes);
        rows.iter().map(|row| format!("{} {}", row.node.unwrap(), row.via.len())).collect()
    };
    assert_eq!(nodes(&editor), ["n1 2", "n2 1"]);
    assert!(editor.delete(&objects[0].key()));
    assert_eq!(nodes(&editor), ["n1 1", "n2 1"]);
    assert!(editor.delete(&objects[1].key()));
    assert_eq!(nodes(&editor), ["n2 1"]);
}

#[test]
fn the_way_is_told_from_the_object_to_the_node() {
    let graph = world(Gates::default());
    let user = kubelet("n1");
    let way = |asked: ResourceAttributes<'_>| -> Vec<String> {
        let request = Request { user: &user, attributes: Attributes::Resource(asked) };
        let verdict = graph.authorize(&request);
        verdict.path().iter().map(|step| format!("{} {}", step.kind, step.text)).collect()
    };
    assert_eq!(
        way(asked("get", "secrets").in_namespace("storage").named("disk-key")),
        [
            "Secret storage/disk-key",
            "PersistentVolume disk",
            "PersistentVolumeClaim ns/web-claim",
            "Pod ns/web",
            "Node n1"
        ]
    );
    let attachment = asked("get", "storage.k8s.io/volumeattachments").named("attachment");
    assert_eq!(way(attachment), ["VolumeAttachment attachment", "Node n1"]);
    assert_eq!(way(asked("get", "nodes").named("n1")), ["rule the object has the name of node n1"]);
    assert_eq!(
        way(asked("watch", "services")),
        [
            "ClusterRole system:node",
            "rule rules[2]: verbs [get list watch], apiGroups [\"\"], resources [services]"
        ]
    );
    let every = "rule every node may, as far as admission lets it";
    assert_eq!(way(asked("patch", "nodes").named("n2")), [every]);
    assert_eq!(way(asked("get", "secrets").in_namespace("ns").named("x")), [""; 0]);
    let requirements = [FieldRequirement {
        field: "spec.nodeName".to_owned(),
        operator: crate::model::FieldOperator::Equals,
        value: "n1".to_owned(),
    }];
    assert_eq!(
        way(selecting(asked("list", "pods"), &requirements)),
        ["rule the field selector says spec.nodeName=n1"]
    );
}

#[test]
fn of_several_ways_the_shortest_is_told_and_who_can_tells_all() {
    let direct = Pod { secrets: list(&["key"]), ..pod("direct", "n1") };
    let volume = PersistentVolume {
        secrets: [("ns".into(), "key".into())].into(),
        ..volume("disk", "web-claim")
    };
    let graph = load(&[
        Object::Pod(pod("web", "n1")),
        Object::Pod(direct),
        Object::PersistentVolume(volume),
    ]);
    let key = Vertex { kind: VertexKind::Secret, namespace: "ns", name: "key" };
    let text =
        |way: &[Vertex<'_>]| way.iter().map(ToString::to_string).collect::<Vec<_>>().join(" -> ");
    let shortest = graph.path(key, "n1").unwrap();
    assert_eq!(text(&shortest), "Secret ns/key -> Pod ns/direct");
    assert_eq!(graph.path(key, "n2"), None);
    let attributes = Attributes::Resource(asked("get", "secrets").in_namespace("ns").named("key"));
    let rows = graph.who_can(&attributes);
    let [Row { node: Some("n1"), via }] = &rows[..] else { panic!("{rows:?}") };
    let ways: Vec<String> = via
        .iter()
        .map(|via| match via {
            Via::Path(way) => text(way),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        ways,
        [
            "Secret ns/key -> Pod ns/direct",
            "Secret ns/key -> PersistentVolume disk -> PersistentVolumeClaim ns/web-claim -> Pod ns/web"
        ]
    );
}

#[test]
fn who_can_tells_what_every_node_may_and_what_one_may_by_name_or_selector() {
    let graph = world(Gates::default());
    let rows = |asked: ResourceAttributes<'_>| -> Vec<String> {
        let attributes = Attributes::Resource(asked);
        let rows = graph.who_can(&attributes);
        rows.iter().map(|row| format!("{:?} {:?}", row.node, row.via)).collect()
    };
    assert_eq!(rows(asked("delete", "pods")), ["None [EveryNode]"]);
    assert_eq!(rows(asked("get", "nodes").named("n7")), ["Some(\"n7\") [OwnObject]"]);
    assert_eq!(rows(asked("get", "nodes")), [""; 0]);
    assert_eq!(rows(asked("get", "storage.k8s.io/csinodes")), [""; 0], "no node has no name");
    let services = rows(asked("list", "services"));
    assert!(services.len() == 1 && services[0].starts_with("None [Rule(2, "), "{services:?}");
    let requirements = ["n9", "n1", "n9", ""].map(|value| FieldRequirement {
        field: "spec.nodeName".to_owned(),
        operator: crate::model::FieldOperator::Equals,
        value: value.to_owned(),
    });
    let pods = selecting(asked("list", "pods").in_namespace("ns"), &requirements);
    assert_eq!(rows(pods), ["Some(\"n1\") [Selector]", "Some(\"n9\") [Selector]"]);
    let named = rows(pods.named("web"));
    assert!(named[0].starts_with("Some(\"n1\") [Selector, Path("), "{named:?}");
}
