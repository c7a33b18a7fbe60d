//! A policy that changes while it is asked.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use super::kit::*;

#[tokio::test]
async fn an_edit_takes_effect_while_a_client_keeps_asking() {
    let home = Home::new("");
    let server = home.start();
    let mut client = server.client(Protocol::Http2).await;
    assert!(client.is_allowed("jane", "get").await && !client.is_allowed("joan", "get").await);
    home.write("policy/rbac.yaml", &POLICY.replace("jane", "joan"));
    within("the edit", async {
        while !client.is_allowed("joan", "get").await {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    // Both at once: a policy takes over whole.
    assert!(!client.is_allowed("jane", "get").await);
    assert_eq!(server.generation().await, 2);
    // One more file in the folder.
    home.write("policy/more.yaml", &POLICY.replace("jane", "june"));
    within("the file", async {
        while !client.is_allowed("june", "get").await {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert!(client.is_allowed("joan", "get").await);
}

#[tokio::test]
async fn a_broken_policy_keeps_the_last_good_one_and_says_so_until_it_is_healed() {
    let home = Home::new("");
    let server = home.start();
    let mut client = server.client(Protocol::Http2).await;
    let (status, ready) = server.look("/readyz").await;
    assert!(status == 200 && ready.starts_with("ready\n"), "{ready}");
    assert!(ready.contains("generation 1,") && ready.contains("1 roles, 1 bindings"), "{ready}");
    for broken in [
        "kind: [",
        "",
        "a: b: c",
        // Roles without bindings are half of a policy.
        POLICY.split_once("---").unwrap().0,
    ] {
        home.write("policy/rbac.yaml", broken);
        server.until("the failure", "/readyz", |text| text.contains("failing since")).await;
        let (status, text) = server.look("/readyz").await;
        assert!(status == 200 && text.contains("server.yaml:11: `policy.paths"), "{text}");
        assert!(client.is_allowed("jane", "get").await && !client.is_allowed("joan", "get").await);
        home.write("policy/rbac.yaml", POLICY);
        server.until("the recovery", "/readyz", |text| !text.contains("failing since")).await;
    }
    // The same bytes again are no new policy; others are.
    assert_eq!(server.generation().await, 1);
    home.write("policy/rbac.yaml", "kind: [");
    server.until("the failure", "/readyz", |text| text.contains("failing since")).await;
    home.write("policy/rbac.yaml", &POLICY.replace("jane", "joan"));
    server.until("the recovery", "/readyz", |text| !text.contains("failing since")).await;
    assert!(client.is_allowed("joan", "get").await);
    let reloads =
        |result| format!("portcullis_reloads_total{{what=\"policy\",result=\"{result}\"}}");
    assert!(server.metric(&reloads("failure")).await >= 5);
    assert_eq!(server.metric(&reloads("success")).await, 1);
    assert!(server.process.stderr().contains("not reloaded; the last good one serves"));
}

#[tokio::test]
async fn a_broken_configuration_keeps_everything_and_another_listener_needs_a_restart() {
    let home = Home::new("");
    let server = home.start();
    let good = home.read("server.yaml");
    home.write("server.yaml", &good.replace("authorizers:", "authorisers:"));
    server
        .until("the failure", "/readyz", |text| {
            text.contains("failing since")
                && text.contains("server.yaml:")
                && text.contains("`authorizers` is missing")
        })
        .await;
    assert!(server.client(Protocol::Http1).await.is_allowed("jane", "get").await);
    home.write("server.yaml", &format!("{good}limits: {{bodyBytes: 2Ki}}\n"));
    server.until("the hint", "/readyz", |text| text.contains("restart needed for: limits")).await;
    // What needs none is taken over.
    home.write("server.yaml", &good.replace("{type: RBAC}", "{type: AlwaysDeny}"));
    server.until("the chain", "/readyz", |text| !text.contains("restart needed")).await;
    assert!(!server.client(Protocol::Http1).await.is_allowed("jane", "get").await);
}

#[tokio::test]
async fn without_a_watch_a_hangup_is_what_loads() {
    let home = Home::new("reload: {watch: false, interval: 0s}\n");
    let server = home.start();
    let mut client = server.client(Protocol::Http2).await;
    // Once after the start it looks by itself, for what changed while it was loading.
    sleep(Duration::from_millis(1000)).await;
    home.write("policy/rbac.yaml", &POLICY.replace("jane", "joan"));
    sleep(Duration::from_millis(600)).await;
    assert!(client.is_allowed("jane", "get").await && !client.is_allowed("joan", "get").await);
    server.process.signal("HUP");
    server.until("the reload", "/metrics", |text| text.contains("policy_generation 2\n")).await;
    assert!(client.is_allowed("joan", "get").await && !client.is_allowed("jane", "get").await);
}

/// Half of a policy each, as a ConfigMap has them: roles in one file, bindings in the other. Jane may
/// read pods, by names that tell which policy it is.
fn halves(version: &str) -> (String, String) {
    let (role, binding) = POLICY.split_once("---\n").unwrap();
    let named = |text: &str| text.replace("reader", version).replace("jane-reads", version);
    (named(role), named(binding))
}

/// Mounts the policy as the kubelet does: a folder of its own, and one link that is swapped.
fn mount(home: &Home, number: u32, version: &str) {
    let (roles, bindings) = halves(version);
    let folder = home.path("policy");
    let data = format!("..data-{number}");
    fs::create_dir_all(folder.join(&data)).unwrap();
    fs::write(folder.join(&data).join("roles.yaml"), roles).unwrap();
    fs::write(folder.join(&data).join("bindings.yaml"), bindings).unwrap();
    let _ = fs::remove_file(folder.join("..data_tmp"));
    symlink(&data, folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    for file in ["roles.yaml", "bindings.yaml"] {
        if number == 0 {
            symlink(format!("..data/{file}"), folder.join(file)).unwrap();
        }
    }
    if number > 0 {
        fs::remove_dir_all(folder.join(format!("..data-{}", number - 1))).unwrap();
    }
}

/// Asks until told to stop; which policies answered, each change of it once.
async fn hammer(mut client: Client, stop: Arc<AtomicBool>) -> (u32, Vec<String>) {
    let (mut asked, mut seen) = (0, Vec::<String>::new());
    while !stop.load(Ordering::Relaxed) {
        let status = client.may("jane", "get").await;
        assert_eq!(status["allowed"], true, "{status}");
        let reason = status["reason"].as_str().unwrap();
        let version = ["one", "two"].into_iter().find(|version| {
            // Of one policy, role and binding alike.
            reason == format!(
                "RBAC: allowed by ClusterRoleBinding \"{version}\" of ClusterRole \"{version}\" to \
                 User \"jane\""
            )
        });
        let version = version.unwrap_or_else(|| panic!("neither policy: {reason}"));
        if seen.last().is_none_or(|last| last != version) {
            seen.push(version.to_owned());
        }
        assert!(!client.is_allowed("joan", "get").await);
        asked += 2;
    }
    (asked, seen)
}

/// Replaces the policy twenty times in some three seconds while clients ask. Pauses are of several
/// lengths, around the quiet time of the watch.
async fn under_load(server: &Running, mut replace: impl FnMut(u32, &str)) {
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = Vec::new();
    for protocol in [BOTH, BOTH].concat() {
        let client = server.client(protocol).await;
        clients.push(tokio::spawn(hammer(client, Arc::clone(&stop))));
    }
    let pauses = [60, 300, 110, 40, 250].into_iter().cycle();
    for (number, pause) in (1..=20).zip(pauses) {
        sleep(Duration::from_millis(pause)).await;
        replace(number, if number % 2 == 0 { "one" } else { "two" });
    }
    server.until("the last one", "/readyz", |text| !text.contains("failing")).await;
    sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::Relaxed);
    let generations = server.generation().await;
    assert!(generations >= 4, "{generations}");
    for client in clients {
        let (asked, seen) = within("a client", client).await.unwrap();
        assert!(asked > 100, "{asked}");
        // One after the other, never back: no more changes than policies that served.
        assert!(
            seen.len() >= 2 && u64::try_from(seen.len()).unwrap() <= generations,
            "{generations} {seen:?}"
        );
        assert_eq!(seen.last().map(String::as_str), Some("one"));
    }
    assert_eq!(server.metric("portcullis_refused_total").await, 0);
    let failed = "portcullis_authorize_duration_seconds_count{decision=\"error\"}";
    assert_eq!(server.metric(failed).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_replaced_twenty_times_under_load_loses_no_request() {
    let home = Home::new("");
    let policy = |version: &str| {
        let (role, binding) = halves(version);
        format!("{role}---\n{binding}")
    };
    home.write("policy/rbac.yaml", &policy("one"));
    let server = home.start();
    under_load(&server, |_, version| home.write("policy/rbac.yaml", &policy(version))).await;
    let failures = "portcullis_reloads_total{what=\"policy\",result=\"failure\"}";
    assert_eq!(server.metric(failures).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_config_map_swapped_twenty_times_under_load_loses_no_request_and_never_mixes() {
    let home = Home::new("");
    fs::remove_file(home.path("policy/rbac.yaml")).unwrap();
    mount(&home, 0, "one");
    let server = home.start();
    under_load(&server, |number, version| mount(&home, number, version)).await;
}
