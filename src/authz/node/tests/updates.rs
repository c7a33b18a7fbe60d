//! What a change does to the edges: S-NODE-14 and S-NODE-16.

use super::*;

fn may(editor: &Editor, resource: &str, name: &str) -> bool {
    n1(&editor.graph(), asked("get", resource).in_namespace("ns").named(name)).is_ok()
}

/// Applies a first and a second version of pod `web`, which refers to another secret; whether it counts.
fn counts(first: Pod, second: Pod) -> bool {
    let mut editor = Editor::new(Gates::default());
    editor.apply(&Object::Pod(first));
    assert!(may(&editor, "secrets", "web-secret"));
    editor.apply(&Object::Pod(Pod { secrets: list(&["new"]), ..second }));
    let counts = may(&editor, "secrets", "new");
    assert_ne!(counts, may(&editor, "secrets", "web-secret"), "all of it or nothing");
    counts
}

fn web() -> Pod {
    Pod { uid: "u".into(), ephemeral_containers: 1, ..pod("web", "n1") }
}

#[test]
fn an_update_that_changes_nothing_of_weight_is_not_looked_at() {
    assert!(!counts(web(), web()));
    assert!(!counts(web(), Pod { is_mirror: true, ..web() }));
    assert!(!counts(web(), Pod { service_account: "x".into(), ..web() }));
    assert!(!counts(web(), Pod { ephemeral_containers: 0, ..web() }));
    // What the claims are called is in the status, or cannot change.
    assert!(!counts(web(), Pod { resource_claims: list(&["x"]), ..web() }));
}

#[test]
fn another_uid_more_ephemeral_containers_or_other_claim_statuses_are() {
    assert!(counts(web(), Pod { uid: "v".into(), ..web() }));
    assert!(counts(web(), Pod { ephemeral_containers: 2, ..web() }));
    let status = |claim: Option<&str>| Pod {
        resource_claim_statuses: [("gpu".into(), claim.map(Str::from))].into(),
        ..web()
    };
    assert!(counts(web(), status(None)));
    assert!(counts(status(None), status(Some("x"))));
    assert!(!counts(status(Some("x")), status(Some("x"))));
}

#[test]
fn surprise_an_extended_resource_claim_that_comes_alone_is_missed() {
    let mut editor = Editor::new(Gates::default());
    let before = Pod { extended_resource_claim: Str::default(), ..web() };
    let after = Pod { extended_resource_claim: "late".into(), ..web() };
    editor.apply(&Object::Pod(before));
    editor.apply(&Object::Pod(after.clone()));
    assert!(!may(&editor, "resource.k8s.io/resourceclaims", "late"));
    // It is seen with the next change of weight, or when the objects are loaded anew.
    editor.apply(&Object::Pod(Pod { ephemeral_containers: 5, ..after.clone() }));
    assert!(may(&editor, "resource.k8s.io/resourceclaims", "late"));
    let anew = Editor::load(Gates::default(), [&Object::Pod(after)]);
    assert!(may(&anew, "resource.k8s.io/resourceclaims", "late"));
}

#[test]
fn an_update_is_compared_with_the_last_one_not_with_the_one_that_counts() {
    let mut editor = Editor::new(Gates::default());
    editor.apply(&Object::Pod(web()));
    editor.apply(&Object::Pod(Pod { ephemeral_containers: 0, ..web() }));
    let grown = Pod { ephemeral_containers: 1, secrets: list(&["new"]), ..web() };
    editor.apply(&Object::Pod(grown));
    assert!(may(&editor, "secrets", "new"));
}

#[test]
fn a_pod_that_gets_a_node_enters_and_one_that_moves_leaves() {
    let mut editor = Editor::new(Gates::default());
    for (node, here) in [("", false), ("n1", true), ("n2", false), ("n1", true), ("", false)] {
        editor.apply(&Object::Pod(Pod { node_name: node.into(), ..web() }));
        assert_eq!(may(&editor, "pods", "web"), here, "`{node}`");
        assert_eq!(may(&editor, "secrets", "web-secret"), here, "`{node}`");
    }
    assert!(editor.delete(&Object::Pod(web()).key()), "it was there, without a node");
    assert!(!editor.delete(&Object::Pod(web()).key()));
}

#[test]
fn of_objects_that_are_loaded_the_later_one_counts_whole() {
    let later = Pod { secrets: list(&["new"]), ..web() };
    let editor = Editor::load(Gates::default(), [&Object::Pod(web()), &Object::Pod(later)]);
    assert!(may(&editor, "secrets", "new"));
    assert!(!may(&editor, "secrets", "web-secret"));
}

#[test]
fn deleting_a_pod_takes_along_what_leads_there_through_it_alone() {
    let (web, twin) = (Object::Pod(web()), Pod { name: "twin".into(), ..web() });
    let volume = Object::PersistentVolume(volume("disk", "web-claim"));
    let mut editor = Editor::load(Gates::default(), [&web, &Object::Pod(twin.clone()), &volume]);
    let disk = |editor: &Editor| {
        let graph = editor.graph();
        let key = asked("get", "secrets").in_namespace("storage").named("disk-key");
        let disk = asked("get", "persistentvolumes").named("disk");
        assert_eq!(n1(&graph, key).is_ok(), n1(&graph, disk).is_ok());
        n1(&graph, disk).is_ok()
    };
    assert!(editor.delete(&web.key()));
    assert!(!may(&editor, "pods", "web"));
    assert!(may(&editor, "secrets", "web-secret") && disk(&editor), "the twin refers to them");
    assert!(editor.delete(&Object::Pod(twin).key()));
    assert!(!may(&editor, "secrets", "web-secret") && !disk(&editor));
    assert_eq!(editor.graph().nodes(), [""; 0]);
    // The volume is still there: the next pod that uses the claim finds it.
    editor.apply(&web);
    assert!(disk(&editor));
}

#[test]
fn a_volume_that_is_bound_later_released_or_changed_is_followed() {
    let mut editor = Editor::load(Gates::default(), [&Object::Pod(web())]);
    let reads = |editor: &Editor, name: &str| {
        n1(&editor.graph(), asked("get", "secrets").in_namespace("storage").named(name)).is_ok()
    };
    let bound = volume("disk", "web-claim");
    let free = PersistentVolume { claim: None, ..bound.clone() };
    let rotated =
        PersistentVolume { secrets: [("storage".into(), "new".into())].into(), ..bound.clone() };
    for (volume, old, new) in [
        (&free, false, false),
        (&bound, true, false),
        (&bound, true, false),
        (&rotated, false, true),
        (&free, false, false),
    ] {
        editor.apply(&Object::PersistentVolume(volume.clone()));
        assert_eq!((reads(&editor, "disk-key"), reads(&editor, "new")), (old, new), "{volume:?}");
    }
}

#[test]
fn readers_keep_the_graph_they_took() {
    let mut editor = Editor::load(Gates::default(), [&Object::Pod(web())]);
    let before = editor.graph();
    assert!(editor.delete(&Object::Pod(web()).key()));
    editor.apply(&Object::Pod(pod("later", "n1")));
    let secret = |name| asked("get", "secrets").in_namespace("ns").named(name);
    assert_eq!(n1(&before, secret("web-secret")), Ok(()));
    assert_eq!(n1(&before, secret("later-secret")), no(UNRELATED));
    assert_eq!(n1(&editor.graph(), secret("web-secret")), no(UNRELATED));
    assert_eq!(n1(&editor.graph(), secret("later-secret")), Ok(()));
}

#[test]
fn names_that_come_and_go_leave_no_garbage_behind() {
    let mut editor = Editor::load(Gates::default(), [&Object::Pod(web())]);
    let mut most = 0;
    for round in 0..2_000 {
        let pod = Object::Pod(pod(&format!("job-{round}"), "n1"));
        editor.apply(&pod);
        if round == 100 {
            most = 2 * editor.graph().memory();
        }
        assert!(may(&editor, "secrets", &format!("job-{round}-secret")));
        assert!(editor.delete(&pod.key()));
        assert!(!may(&editor, "secrets", &format!("job-{round}-secret")));
    }
    assert!(may(&editor, "secrets", "web-secret"));
    assert!(editor.graph().memory() < most, "{} {most}", editor.graph().memory());
}
