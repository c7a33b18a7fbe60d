//! A candidate beside the live policy, and what is counted.

use serde_json::{Value, json};

use super::kit::*;

const SHADOW: &str = "\
shadow: {policy: {paths: [candidate.yaml]}, authorizers: [{type: RBAC}]}
log: {format: json, decisions: {file: decisions.jsonl}}
";

/// jane and june may get, joan may not yet.
fn home() -> Home {
    let home = Home::new(SHADOW);
    home.write("policy/june.yaml", &POLICY.replace("jane", "june"));
    let candidate = POLICY.replace("verbs: [get]", "verbs: [get, list]");
    home.write("candidate.yaml", &format!("{candidate}---\n{}", joan()));
    home
}

fn joan() -> String {
    POLICY.split_once("---\n").unwrap().1.replace("jane", "joan")
}

#[tokio::test]
async fn a_candidate_is_compared_and_answers_nothing() {
    let home = home();
    let server = home.start();
    let mut client = server.client(Protocol::Http2).await;
    for (user, verb, is_allowed, times) in [
        ("jane", "get", true, 3),
        ("jane", "list", false, 2),
        ("june", "get", true, 4),
        ("joan", "get", false, 5),
        ("jim", "get", false, 1),
    ] {
        for _ in 0..times {
            assert_eq!(client.is_allowed(user, verb).await, is_allowed, "{user} {verb}");
        }
    }
    let (status, text) = server.look("/shadow").await;
    let summary: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status, 200);
    assert_eq!(summary["asked"], 15, "{summary}");
    let counted = &summary["differences"];
    assert_eq!(counted["would_allow"], 7, "{summary}");
    assert_eq!(counted["would_refuse"], 4, "{summary}");
    let samples = summary["samples"].as_array().unwrap();
    let sample = |user: &str, verb: &str| {
        samples.iter().find(|sample| sample["user"] == user && sample["verb"] == verb)
    };
    for (user, verb, difference, count) in [
        ("joan", "get", "would_allow", 5),
        ("jane", "list", "would_allow", 2),
        ("june", "get", "would_refuse", 4),
    ] {
        let sample = sample(user, verb).unwrap_or_else(|| panic!("{user}: {summary}"));
        assert_eq!((&sample["difference"], &sample["count"]), (&json!(difference), &json!(count)));
    }
    assert!(sample("jim", "get").is_none(), "{summary}");
    for (difference, count) in [("would_allow", 7), ("would_refuse", 4)] {
        let name = format!("portcullis_shadow_total{{difference=\"{difference}\"}}");
        assert_eq!(server.metric(&name).await, count);
    }
    // A candidate that was edited counts from nothing.
    home.write("candidate.yaml", &format!("{POLICY}---\n{}", joan()));
    server.until("another candidate", "/shadow", |text| text.contains("\"asked\":0")).await;
    assert!(!client.is_allowed("joan", "get").await);
    server.until("one", "/shadow", |text| text.contains("\"would_allow\":1")).await;
    assert_eq!(server.stop(), Some(0));
    let log = home.read("decisions.jsonl");
    assert_eq!(log.matches("\"shadow\":\"would_allow\"").count(), 8, "{log}");
}

#[tokio::test]
async fn the_first_candidate_may_come_with_a_reload_and_shows_no_more_names_than_the_log() {
    let log =
        "log: {level: debug, format: json, decisions: {file: decisions.jsonl, mask: Users}}\n";
    let home = Home::new(log);
    home.write("candidate.yaml", "kind: [");
    let server = home.start();
    let mut client = server.client(Protocol::Http2).await;
    let shadow = "shadow: {policy: {paths: [candidate.yaml]}, authorizers: [{type: RBAC}]}\n";
    home.configure(&format!("{log}{shadow}"));
    // A broken one is told, and what decides goes on: ready, and replaced.
    server.until("told", "/shadow", |text| text.contains("candidate.yaml")).await;
    let (status, text) = server.look("/readyz").await;
    assert!(status == 200 && text.contains("shadow: no candidate is tried: "), "{text}");
    assert_eq!(server.generation().await, 2);
    home.write("candidate.yaml", &format!("{POLICY}---\n{}", joan()));
    server.until("tried", "/shadow", |text| text.contains("\"asked\":0")).await;
    assert!(!client.is_allowed("joan", "get").await);
    let (_, text) = server.look("/shadow").await;
    assert!(text.contains("\"would_allow\":1") && !text.contains("joan"), "{text}");
    assert!(!server.process.stderr().contains("joan"));
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test]
async fn without_a_candidate_there_is_nothing_to_show() {
    let server = Home::new("").start();
    let (status, text) = server.look("/shadow").await;
    assert!(status == 404 && text.contains("`shadow` in the configuration"), "{text}");
}

/// The table in the documentation of the metrics.
fn documented() -> Vec<&'static str> {
    let source = include_str!("../../src/webhook/metrics/mod.rs");
    let rows = source.lines().filter_map(|line| line.strip_prefix("//! | `"));
    rows.map(|row| row.split('`').next().unwrap()).collect()
}

#[tokio::test]
async fn every_documented_metric_is_there_and_no_other_and_they_move() {
    let home = Home::new(
        "log: {format: json, decisions: {file: decisions.jsonl}}\n\
         authenticators: [{tokenFile: {file: tokens.csv}}]\n",
    );
    home.write("tokens.csv", "t0k3n-of-joe,joe,7,dev\n");
    let server = home.start();
    let names = documented();
    assert!(names.len() >= 20, "{names:?}");
    let text = server.look("/metrics").await.1;
    let base = |line: &str| {
        let name = line.split(['{', ' ']).next().unwrap();
        let ends = ["_bucket", "_count", "_sum"];
        ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned()
    };
    let shown: std::collections::BTreeSet<String> =
        text.lines().filter(|line| !line.starts_with('#')).map(base).collect();
    // Those of kinds are there where a cluster is followed.
    let of_kinds = [
        "bytes",
        "lists_total",
        "newest_event_age_seconds",
        "objects",
        "undecodable",
        "watch_lost",
    ];
    let is_of_kind = |name: &str| {
        name.strip_prefix("portcullis_cluster_").is_some_and(|it| of_kinds.contains(&it))
    };
    let expected =
        names.iter().filter(|name| !is_of_kind(name)).map(|name| (*name).to_owned()).collect();
    assert_eq!(shown, expected);

    let mut client = server.client(Protocol::Http1).await;
    client.may("jane", "get").await;
    client.may("joan", "get").await;
    client.user("t0k3n-of-joe").await;
    client.user("t0k3n-of-joe").await;
    client.user("nobody-knows-it").await;
    client.send("POST", "/authorize", "{").await.unwrap();
    server.until("lines", "/metrics", |text| text.contains("log_written_total 5\n")).await;
    for (line, value) in [
        ("authorize_duration_seconds_count{decision=\"allow\"}", 1),
        ("authorize_duration_seconds_count{decision=\"no_opinion\"}", 1),
        ("authorize_duration_seconds_count{decision=\"malformed\"}", 1),
        ("authenticate_duration_seconds_count{result=\"authenticated\"}", 2),
        ("authenticate_duration_seconds_count{result=\"unknown\"}", 1),
        ("token_cache_total{result=\"hit\"}", 1),
        ("token_cache_total{result=\"miss\"}", 2),
        ("policy_objects{kind=\"cluster_role\"}", 1),
        ("policy_objects{kind=\"cluster_role_binding\"}", 1),
        // The one that asks for metrics counts, too.
        ("connections ", 2),
        ("requests_in_flight ", 0),
        ("policy_generation ", 1),
    ] {
        assert_eq!(server.metric(&format!("portcullis_{line}")).await, value, "{line}");
    }
    let tried = "portcullis_authenticator_outcomes_total{authenticator=\"token_file\"";
    assert_eq!(server.metric(&format!("{tried},result=\"authenticated\"}}")).await, 1);
    assert_eq!(server.metric(&format!("{tried},result=\"no_opinion\"}}")).await, 1);
}
