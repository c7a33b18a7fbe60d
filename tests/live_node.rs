//! The graph of the Node authorizer changing while readers decide.

use portcullis::api::graph::{Object, OnNode, PersistentVolume, Pod};
use portcullis::api::inventory::Inventory;
use portcullis::model::{Request, ResourceAttributes, User};
use portcullis::snapshot::{ApplyError, Change, Config, Live, Mode, Snapshot};

fn pod(name: &str, node: &str, secret: &str) -> Object {
    let pod = Pod {
        namespace: "shop".into(),
        name: name.into(),
        node_name: node.into(),
        secrets: vec![secret.into()].into(),
        ..Pod::default()
    };
    pod.into()
}

fn may_read(snapshot: &Snapshot, node: &str, namespace: &str, secret: &str) -> bool {
    let user = User::node(node);
    let secret = ResourceAttributes::new("get", "secrets").in_namespace(namespace).named(secret);
    let request = Request::resource(&user, secret);
    let allowed = snapshot.authorize(&request).is_allowed();
    assert_eq!(snapshot.principal(&user).authorize(&request.attributes).is_allowed(), allowed);
    allowed
}

fn live() -> Live {
    Live::new(&Inventory::default(), Config::new([Mode::Node])).unwrap()
}

#[test]
fn a_pod_brings_its_node_the_secret_and_takes_it_along() {
    let live = live();
    let empty = live.snapshot();
    let web = pod("web", "n1", "tls");
    assert_eq!(live.change([Change::ApplyGraph(web.clone())]), Ok(0));
    let with_pod = live.snapshot();
    assert_eq!(live.change([Change::DeleteGraph(web.key())]), Ok(1));
    let without = live.snapshot();
    for (snapshot, expected) in [(&empty, false), (&with_pod, true), (&without, false)] {
        assert_eq!(may_read(snapshot, "n1", "shop", "tls"), expected);
        // The twins never: another node, another Secret, another namespace.
        assert!(!may_read(snapshot, "n2", "shop", "tls"));
        assert!(!may_read(snapshot, "n1", "shop", "other"));
        assert!(!may_read(snapshot, "n1", "bank", "tls"));
    }
    assert_eq!([&empty, &with_pod, &without].map(|snapshot| snapshot.generation()), [1, 2, 3]);
    assert_eq!(live.change([Change::DeleteGraph(web.key())]), Ok(0));
}

#[test]
fn the_inventory_that_it_starts_from_counts() {
    let mut inventory = Inventory::default();
    let sourced = |value| portcullis::api::inventory::Sourced { value, origin: Default::default() };
    inventory.graph = vec![sourced(pod("web", "n1", "old")), sourced(pod("web", "n1", "tls"))];
    let live = Live::new(&inventory, Config::new([Mode::Node])).unwrap();
    assert!(may_read(&live.snapshot(), "n1", "shop", "tls"));
    // Of two objects with one key the later counts.
    assert!(!may_read(&live.snapshot(), "n1", "shop", "old"));
    live.change([Change::DeleteGraph(pod("web", "n1", "").key())]).unwrap();
    assert!(!may_read(&live.snapshot(), "n1", "shop", "tls"));
}

#[test]
fn changes_made_together_are_seen_together() {
    let live = live();
    let claimed = Pod {
        namespace: "shop".into(),
        name: "db".into(),
        node_name: "n1".into(),
        claims: vec!["data".into()].into(),
        ..Pod::default()
    };
    let volume = PersistentVolume {
        name: "pv".into(),
        claim: Some(("shop".into(), "data".into())),
        secrets: vec![("storage".into(), "mount".into())].into(),
    };
    let changes = [Change::ApplyGraph(volume.clone().into()), Change::ApplyGraph(claimed.into())];
    let before = live.snapshot();
    live.change(changes).unwrap();
    let after = live.snapshot();
    assert_eq!(after.generation(), before.generation() + 1);
    assert!(!may_read(&before, "n1", "storage", "mount"));
    assert!(may_read(&after, "n1", "storage", "mount"));
    assert!(!may_read(&after, "n2", "storage", "mount"));
    live.change([Change::DeleteGraph(Object::from(volume).key())]).unwrap();
    assert!(!may_read(&live.snapshot(), "n1", "storage", "mount"));
}

#[test]
fn without_mode_node_there_is_no_graph_to_change() {
    let live = Live::new(&Inventory::default(), Config::new([Mode::AlwaysDeny])).unwrap();
    let slice = OnNode { name: "s".into(), node_name: "n1".into(), ..OnNode::default() };
    let change = Change::ApplyGraph(Object::ResourceSlice(slice));
    assert_eq!(live.change([change]), Err(ApplyError::NoNode));
    assert_eq!(live.snapshot().generation(), 1);
    // Nothing was begun, so nothing is abandoned.
    assert_eq!(live.change([]), Ok(0));
}

/// Both kinds of change in one publication, and neither when one of them concerns nobody.
#[cfg(feature = "rbac")]
#[test]
fn the_graph_and_rbac_change_in_one_version_or_not_at_all() {
    use portcullis::api::rbac::{ClusterRole, ClusterRoleBinding, PolicyRule, RoleRef, Subject};
    use portcullis::model::Origin;

    let rules = vec![PolicyRule {
        verbs: vec!["get".into()],
        api_groups: vec!["".into()],
        resources: vec!["secrets".into()],
        ..PolicyRule::default()
    }];
    let mut role = ClusterRole { rules, ..ClusterRole::default() };
    role.metadata.name = "reader".into();
    let mut binding = ClusterRoleBinding {
        subjects: vec![Subject::user("jane")],
        role_ref: RoleRef::cluster_role("reader"),
        ..ClusterRoleBinding::default()
    };
    binding.metadata.name = "readers".into();
    let changes = || {
        [
            Change::Apply(role.clone().into(), Origin::default()),
            Change::ApplyGraph(pod("web", "n1", "tls")),
            Change::Apply(binding.clone().into(), Origin::default()),
        ]
    };
    let jane = User::new("jane");
    let secret = ResourceAttributes::new("get", "secrets").in_namespace("shop").named("tls");
    let reads = |live: &Live| {
        let snapshot = live.snapshot();
        let jane = snapshot.authorize(&Request::resource(&jane, secret)).is_allowed();
        (snapshot.generation(), jane, may_read(&snapshot, "n1", "shop", "tls"))
    };

    let both = Config::new([Mode::Node, Mode::Rbac]);
    let live = Live::new(&Inventory::default(), both).unwrap();
    assert_eq!(reads(&live), (1, false, false));
    live.change(changes()).unwrap();
    assert_eq!(reads(&live), (2, true, true));
    // A change of the one leaves the other as it is.
    live.change([Change::DeleteGraph(pod("web", "n1", "").key())]).unwrap();
    assert_eq!(reads(&live), (3, true, false));

    for (modes, refused) in [([Mode::Rbac], ApplyError::NoNode), ([Mode::Node], ApplyError::NoRbac)]
    {
        let live = Live::new(&Inventory::default(), Config::new(modes)).unwrap();
        assert_eq!(live.change(changes()), Err(refused));
        assert_eq!(reads(&live), (1, false, false));
    }
}
