//! Each thing that goes wrong, by itself: afterwards the state is that of a fresh list, and on the way
//! there no answer is one that no version gives.

use std::time::Duration;

use portcullis::source::watch::{Change, LiveFrom, Watched};
use serde_json::json;

use super::harness::{World, binding, eventually, server, tuning};
use crate::support::apiserver::Fault;

const BINDINGS: &str = "rolebindings";

/// A world whose watch of RoleBindings runs.
async fn watching() -> World {
    let world = World::start(server(), tuning()).await;
    world.server.wait_watches(BINDINGS, 1);
    assert!(world.policy.may("jane"));
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_arrive_and_objects_that_go_grant_no_more() {
    let world = watching().await;
    world.server.put(binding("jane", "joe"));
    eventually("joe", || world.policy.may("joe")).await;
    assert!(!world.policy.may("jane"));
    world.server.delete("RoleBinding", "shop", "jane");
    eventually("joe's end", || !world.policy.may("joe")).await;
    world.goes_on().await;
    let status = world.status();
    assert_eq!((status.lists, status.from, status.lost), (1, LiveFrom::Live, None));
    assert_eq!(world.server.asked("watch", BINDINGS), 1);
}

// ---- lists ------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_whose_continue_token_expired_begins_again() {
    let server = server();
    server.inject_continued(BINDINGS, 1, Fault::expired_continue());
    let world = World::start(server, tuning()).await;
    let lists: Vec<bool> = world
        .server
        .requests()
        .iter()
        .filter(|asked| asked.verb == "list" && asked.resource == BINDINGS)
        .map(|asked| asked.parameter("continue").is_some())
        .collect();
    // Nine objects, three a page; then all at once, which cannot expire.
    assert_eq!(lists, [false, true, false]);
    assert_eq!(world.server.pending_faults(), 0);
    world.goes_on().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_breaks_off_or_is_garbage_counts_for_nothing() {
    for fault in [
        Fault::CutAfter(0),
        Fault::CutAfter(500),
        Fault::Bytes(b"{\"kind\":\"RoleBindingList\",\"items\":[{\"metadata\":".to_vec()),
        Fault::Bytes(b"{\"kind\":\"RoleBindingList\"}".to_vec()),
        Fault::Bytes(b"{\"kind\":\"Status\",\"items\":[]}".to_vec()),
        Fault::Bytes(b"null".to_vec()),
        Fault::Bytes(Vec::new()),
        Fault::internal(),
    ] {
        let world = watching().await;
        // The first page, and a later one.
        world.server.inject("list", BINDINGS, 1, fault.clone());
        world.server.inject_continued(BINDINGS, 1, fault.clone());
        world.server.inject("watch", BINDINGS, 1, Fault::gone());
        world.policy.batches();
        world.server.disturb(BINDINGS, Fault::End);
        eventually("the list", || world.server.pending_faults() == 0).await;
        world.goes_on().await;
        for batch in world.policy.batches() {
            let gone = batch.changes.iter().filter(|(.., change)| *change == Change::Deleted);
            assert_eq!(gone.count(), 0, "{fault:?} made objects vanish");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_slow_is_waited_for() {
    let server = server();
    server.inject("list", BINDINGS, 1, Fault::Slow(200, Duration::from_millis(5)));
    let world = World::start(server, tuning()).await;
    assert!(world.policy.may("jane"));
    world.goes_on().await;
    assert_eq!(world.status().lists, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_served_is_empty_and_does_not_hold_up_the_rest() {
    use super::harness::connect;
    use portcullis::source::watch::Cluster;

    let server = server();
    server.unserve("resourceslices");
    let connection = connect(&server).await;
    let watched = vec![Watched::ResourceSlices, Watched::Roles];
    let cluster = Cluster::start(&connection, watched, None, tuning());
    tokio::time::timeout(Duration::from_secs(20), cluster.ready()).await.unwrap();
    assert_eq!(cluster.loaded().inventory.roles.len(), 1);
}

// ---- a watch that cannot begin ----------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_that_cannot_begin_where_the_list_ended_lists_again() {
    for (name, fault) in [
        ("HTTP 410", Fault::gone()),
        ("HTTP 504, too large resource version", Fault::too_large()),
        ("ERROR 410", Fault::gone_event()),
    ] {
        let world = watching().await;
        world.server.inject("watch", BINDINGS, 1, fault);
        world.server.disturb(BINDINGS, Fault::End);
        eventually(name, || world.status().lists == 2).await;
        world.goes_on().await;
    }
}

/// An API server that cannot read an event says so to each watch that would have it: to go on from the same
/// place for ever would be to hear nothing any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_that_fails_at_one_place_each_time_lists_again() {
    for fault in [Fault::internal_event(), Fault::internal()] {
        let world = watching().await;
        world.server.inject("watch", BINDINGS, usize::MAX, fault.clone());
        world.server.disturb(BINDINGS, Fault::End);
        world.server.put(binding("jane", "joe"));
        eventually("joe", || world.policy.may("joe")).await;
        assert!(!world.policy.may("jane"));
        assert!(world.status().lists >= 2);
        // One that is over soon costs no list.
        world.server.clear_faults();
        world.goes_on().await;
        let lists = world.status().lists;
        world.server.inject("watch", BINDINGS, 2, fault);
        world.server.disturb(BINDINGS, Fault::End);
        eventually("the faults", || world.server.pending_faults() == 0).await;
        world.goes_on().await;
        assert_eq!(world.status().lists, lists);
    }
}

/// The events between are gone; what they said is in the list.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_while_no_watch_ran_comes_as_one_batch() {
    let world = watching().await;
    world.server.inject("watch", BINDINGS, 1, Fault::gone());
    world.server.put(binding("roll-0", "always"));
    eventually("the first", || world.policy.may("always")).await;
    world.policy.batches();
    world.server.go_down();
    // Always bound, in every version.
    for number in 1..=5 {
        world.server.put(binding(&format!("roll-{number}"), "always"));
        world.server.delete("RoleBinding", "shop", &format!("roll-{}", number - 1));
    }
    world.server.delete("RoleBinding", "shop", "jane");
    assert!(world.policy.may("jane"), "the last state stays");
    world.server.compact(BINDINGS);
    world.server.come_up();
    eventually("jane's end", || !world.policy.may("jane")).await;
    let changes: Vec<usize> =
        world.policy.batches().iter().map(|batch| batch.changes.len()).collect();
    assert_eq!(changes, [3], "one added, two gone, at once");
    assert!(world.policy.may("always"));
    world.goes_on().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_requests_are_tried_again_when_the_server_says() {
    let mut tuning = tuning();
    tuning.longest_pause = Duration::from_secs(5);
    let world = World::start(server(), tuning).await;
    world.server.wait_watches(BINDINGS, 1);
    world.server.inject("watch", BINDINGS, 1, Fault::too_many_requests(1));
    world.server.disturb(BINDINGS, Fault::End);
    eventually("the third", || world.server.asked("watch", BINDINGS) == 3).await;
    let times: Vec<_> = world
        .server
        .requests()
        .iter()
        .filter(|asked| asked.verb == "watch" && asked.resource == BINDINGS)
        .map(|asked| asked.at)
        .collect();
    assert!(times[2] - times[1] >= Duration::from_secs(1));
    world.goes_on().await;
    assert_eq!(world.status().lists, 1, "the place was not lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_forbidden_is_said_and_found_again_when_it_is_allowed() {
    let server = server();
    server.forbid(BINDINGS);
    let world = World::start_unready(server, tuning()).await;
    let is_said = || world.status().lost.is_some_and(|(_, why)| why.contains("forbidden"));
    eventually("that it is forbidden", is_said).await;
    assert!(!world.cluster.is_ready());
    assert!(!world.policy.may("jane"), "nothing that was not seen grants");
    world.server.allow(BINDINGS);
    world.ready().await;
    eventually("jane", || world.policy.may("jane")).await;

    // Forbidden later: the last state stays, and what happens meanwhile is not lost.
    world.server.forbid(BINDINGS);
    world.server.disturb(BINDINGS, Fault::End);
    eventually("that it is forbidden", is_said).await;
    assert!(world.cluster.is_ready());
    world.server.put(binding("jane", "joe"));
    assert!(world.policy.may("jane"));
    world.server.allow(BINDINGS);
    eventually("joe", || world.policy.may("joe")).await;
    assert!(!world.policy.may("jane"));
    world.goes_on().await;
    assert_eq!(world.status().lost, None);
}

/// A token that the API server does not know any more is no reason to forget.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_credentials_the_last_state_stays() {
    let world = watching().await;
    let token = world.server.token();
    world.server.set_token("another-token-0123456789");
    world.server.cut();
    eventually("the loss", || world.status().lost.is_some()).await;
    assert!(world.policy.may("jane"));
    world.server.set_token(&token);
    world.goes_on().await;
}

// ---- a watch that goes wrong ------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_was_cut_is_not_half_an_event() {
    // In front of the object, within it, one byte before its end.
    for bytes in [0, 1, 20, 300, usize::MAX] {
        let world = watching().await;
        world.server.disturb(BINDINGS, Fault::CutInNextEvent(bytes));
        world.server.put(binding("jane", "joe"));
        eventually("joe", || world.policy.may("joe")).await;
        assert!(!world.policy.may("jane"));
        world.goes_on().await;
        assert_eq!(world.status().lists, 1, "the place was not lost");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_nobody_understands_is_not_passed_over() {
    let unknown = json!({"type": "MOVED", "object": binding("jane", "joe")});
    let stranger = json!({
        "type": "ADDED",
        "object": {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p", "namespace": "shop"}},
    });
    let nameless = json!({
        "type": "DELETED",
        "object": {"kind": "RoleBinding", "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {}},
    });
    let repeated = "{\"type\":\"BOOKMARK\",\"type\":\"DELETED\",\"object\":{}}";
    for line in [
        "{\"type\":\"ADDED\",\"object\":{\"kind\":".to_owned(),
        "nonsense".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        "null".to_owned(),
        "\u{0}\u{1}".to_owned(),
        "{\"type\":\"ADDED\"}".to_owned(),
        "{\"type\":\"ADDED\",\"object\":null}".to_owned(),
        "{\"type\":7,\"object\":{}}".to_owned(),
        "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{}}}".to_owned(),
        repeated.to_owned(),
        unknown.to_string(),
        stranger.to_string(),
        nameless.to_string(),
    ] {
        let world = watching().await;
        world.server.disturb(BINDINGS, Fault::Bytes(format!("{line}\n").into_bytes()));
        eventually(&line, || world.status().lists == 2).await;
        world.goes_on().await;
        assert!(world.policy.may("jane"));
    }
    // Bytes that are no text.
    let world = watching().await;
    world.server.disturb(BINDINGS, Fault::Bytes(b"{\"type\":\"\xff\xfe\"}\n".to_vec()));
    eventually("no text", || world.status().lists == 2).await;
    world.goes_on().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_cannot_be_read_grants_nothing_and_stops_nothing() {
    let world = watching().await;
    let mut garbled = binding("jane", "jane");
    garbled["subjects"] = "jane".into();
    world.server.put(garbled);
    eventually("its old grant's end", || !world.policy.may("jane")).await;
    let status = world.status();
    assert_eq!(status.undecodable_count, 1);
    assert_eq!(status.undecodable[0].key.name, "jane");
    assert!(status.undecodable[0].reason.contains("subjects"), "{}", status.undecodable[0].reason);
    world.goes_on().await;
    assert_eq!(world.status().lists, 1);

    // Listed, it is as unreadable, and does not refuse the list.
    world.server.inject("watch", BINDINGS, 1, Fault::gone());
    world.server.disturb(BINDINGS, Fault::End);
    eventually("the list", || world.status().lists == 2).await;
    assert_eq!(world.status().undecodable_count, 1);
    world.server.put(binding("jane", "jane"));
    eventually("jane", || world.policy.may("jane")).await;
    assert_eq!(world.status().undecodable_count, 0);
    world.goes_on().await;

    let mut garbled = binding("jane", "jane");
    garbled["roleRef"] = json!(["reader"]);
    world.server.put(garbled);
    eventually("its old grant's end", || !world.policy.may("jane")).await;
    world.server.delete("RoleBinding", "shop", "jane");
    eventually("its end", || world.status().undecodable_count == 0).await;
    world.goes_on().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_that_ends_goes_on_where_it_was() {
    for fault in [Fault::End, Fault::Cut] {
        let world = watching().await;
        world.server.disturb(BINDINGS, fault);
        world.server.put(binding("jane", "joe"));
        eventually("joe", || world.policy.may("joe")).await;
        world.goes_on().await;
        assert_eq!(world.status().lists, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_that_says_nothing_is_given_up() {
    let mut tuning = tuning();
    tuning.silence = Duration::from_millis(600);
    let server = server();
    server.bookmark_every(Duration::from_millis(50));
    let world = World::start(server, tuning).await;
    world.server.wait_watches(BINDINGS, 1);
    // Bookmarks are signs of life.
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(world.server.asked("watch", BINDINGS), 1);
    world.server.disturb(BINDINGS, Fault::Mute);
    world.server.put(binding("jane", "joe"));
    eventually("joe", || world.policy.may("joe")).await;
    assert!(world.server.asked("watch", BINDINGS) > 1);
    world.goes_on().await;

    // The same from the start, without even an answer.
    world.server.inject("watch", BINDINGS, 1, Fault::NoAnswer);
    world.server.disturb(BINDINGS, Fault::Cut);
    world.server.put(binding("jane", "jane"));
    eventually("jane", || world.policy.may("jane")).await;
    world.goes_on().await;
}

/// What stands between may end each watch that it lets begin: then nothing of what happens would ever be
/// heard, with a watch that seems to run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watches_that_end_without_a_word_one_after_the_other_are_given_up() {
    let mut tuning = tuning();
    tuning.silence = Duration::from_millis(300);
    let world = World::start(server(), tuning).await;
    world.server.wait_watches(BINDINGS, 1);
    world.server.inject("watch", BINDINGS, 1_000_000, Fault::End);
    world.server.disturb(BINDINGS, Fault::End);
    world.server.put(binding("jane", "joe"));
    eventually("joe", || world.policy.may("joe")).await;
    assert!(!world.policy.may("jane"), "what was taken away is no more");
    assert!(world.status().lists > 1);
    world.server.clear_faults();
    world.goes_on().await;
}

/// Bytes that come to nothing are no word of the API server: what counts is as old as before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_whose_list_is_garbage_each_time_is_not_heard_and_not_saved_as_if_it_was() {
    let world = watching().await;
    let garbage = Fault::Bytes(b"<html>sign in</html>".to_vec());
    world.server.inject("list", BINDINGS, 1_000_000, garbage);
    world.server.inject("watch", BINDINGS, 1, Fault::gone());
    let heard = world.status().heard.unwrap();
    assert!(world.cluster.to_save().unwrap().at > heard, "while it is watched it is of now");
    world.server.disturb(BINDINGS, Fault::End);
    let lists = world.server.asked("list", BINDINGS);
    eventually("some lists", || world.server.asked("list", BINDINGS) > lists + 5).await;
    let status = world.status();
    assert!(status.lost.is_some() && status.heard == Some(heard), "{status:?}");
    // Another kind goes on.
    world.server.put(json!({
        "kind": "ClusterRole", "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"name": "news"}, "rules": [],
    }));
    let has_news = || world.cluster.loaded().inventory.cluster_roles.len() == 1;
    eventually("news of another kind", has_news).await;
    assert_eq!(world.cluster.to_save().unwrap().at, heard);
    world.server.clear_faults();
    eventually("the list", || world.status().heard > Some(heard)).await;
    world.goes_on().await;
    eventually("the watch", || world.cluster.to_save().unwrap().at > heard).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_whose_bytes_dribble_is_not_taken_for_dead() {
    let mut tuning = tuning();
    tuning.silence = Duration::from_millis(400);
    let world = World::start(server(), tuning).await;
    world.server.wait_watches(BINDINGS, 1);
    // Longer than the silence in all: about 500 bytes.
    world.server.disturb(BINDINGS, Fault::Slow(10, Duration::from_millis(15)));
    world.server.put(binding("jane", "joe"));
    let before = world.server.asked("watch", BINDINGS);
    eventually("joe", || world.policy.may("joe")).await;
    assert_eq!(world.server.asked("watch", BINDINGS), before);
    world.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_bookmarks_all_goes_on() {
    let mut tuning = tuning();
    tuning.silence = Duration::from_millis(200);
    let server = server();
    server.bookmark_every(Duration::from_millis(20));
    server.inject("watch", BINDINGS, 3, Fault::NoBookmarks);
    let world = World::start(server, tuning).await;
    eventually("three watches", || world.server.asked("watch", BINDINGS) >= 3).await;
    world.goes_on().await;
    assert!(world.policy.may("jane"));
}

/// With bookmarks the place is as new as they are, so that it does not expire while nothing happens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bookmark_keeps_the_place_of_a_quiet_watch() {
    let world = watching().await;
    for number in 0..20 {
        world.server.put(json!({
            "kind": "ConfigMap", "apiVersion": "v1",
            "metadata": {"name": format!("c{number}"), "namespace": "shop"},
        }));
    }
    let heard = world.status().heard;
    world.server.bookmark();
    eventually("the bookmark", || world.status().heard > heard).await;
    world.server.compact(BINDINGS);
    world.server.disturb(BINDINGS, Fault::End);
    world.goes_on().await;
    assert_eq!(world.status().lists, 1);
}

// ---- versions that go back --------------------------------------------------------------------------

/// etcd was restored from a backup: versions are given out again, for other things. A watch that goes on
/// from a version that is yet to come would hear nothing of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_was_restored_from_a_backup_is_listed_again() {
    let mut tuning = tuning();
    tuning.silence = Duration::from_millis(300);
    let server = server();
    server.bookmark_every(Duration::from_millis(50));
    let world = World::start(server, tuning).await;
    world.server.wait_watches(BINDINGS, 1);
    let backup = world.server.backup();
    for number in 0..10 {
        world.server.put(binding("jane", &format!("jane-{number}")));
    }
    world.server.put(binding("jane", "joe"));
    eventually("joe", || world.policy.may("joe")).await;
    world.server.restore(&backup);
    eventually("joe's end", || !world.policy.may("joe")).await;
    assert!(world.policy.may("jane"));
    world.goes_on().await;
}

/// The same, but the versions have caught up before anybody looks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_of_a_restored_cluster_with_a_lower_version_counts() {
    let world = watching().await;
    let backup = world.server.backup();
    for number in 0..10 {
        world.server.put(binding("jane", &format!("jane-{number}")));
    }
    eventually("the last", || world.policy.may("jane-9")).await;
    world.server.inject("watch", BINDINGS, 1, Fault::gone());
    world.server.restore(&backup);
    eventually("jane", || world.policy.may("jane")).await;
    assert!(!world.policy.may("jane-9"));
    world.goes_on().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_found_again() {
    let world = watching().await;
    world.server.go_down();
    eventually("the loss", || world.status().lost.is_some()).await;
    assert!(world.policy.may("jane"), "the last state stays");
    world.server.put(binding("jane", "joe"));
    world.server.come_up();
    eventually("joe", || world.policy.may("joe")).await;
    world.goes_on().await;
    assert_eq!(world.status().lost, None);
}
