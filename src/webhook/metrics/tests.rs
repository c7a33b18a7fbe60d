use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// Name, type, and label → values (empty: open, as a version is).
type Listed = BTreeMap<String, (String, BTreeMap<String, BTreeSet<String>>)>;

/// The table in the docs of the module.
fn documented() -> Listed {
    let rows = include_str!("mod.rs").lines().filter_map(|line| line.strip_prefix("//! | `"));
    let read = |row: &str| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let mut labels = BTreeMap::new();
        for label in cells[2].split(';').map(str::trim).filter(|label| *label != "–") {
            let (name, values) = label.split_once(':').unwrap_or((label, ""));
            let values = values.split(',').map(str::trim).filter(|value| !value.is_empty());
            labels.insert(
                name.trim_matches('`').to_owned(),
                values.map(str::to_owned).collect::<BTreeSet<_>>(),
            );
        }
        let name = cells[0].trim_end_matches('`').to_owned();
        assert!(!cells[3].is_empty(), "{row}");
        (name, (cells[1].to_owned(), labels))
    };
    rows.map(read).collect()
}

/// What a scrape shows, in the same form.
fn rendered(text: &str) -> Listed {
    let mut types: Vec<(&str, &str)> = Vec::new();
    let mut found = Listed::new();
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            types.push(rest.split_once(' ').unwrap());
        }
        if line.starts_with('#') {
            continue;
        }
        let (series, _) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let &(family, kind) = types.last().unwrap();
        let shown = match kind {
            "histogram" => family.to_owned(),
            _ => name.to_owned(),
        };
        assert!(name.starts_with(family), "{line}");
        let (_, listed) = found.entry(shown).or_insert_with(|| (kind.to_owned(), BTreeMap::new()));
        for label in labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty()) {
            let (label, value) = label.split_once('=').unwrap();
            if label != "le" {
                let value = value.trim_matches('"').to_owned();
                listed.entry(label.to_owned()).or_default().insert(value);
            }
        }
    }
    found
}

#[test]
fn the_documented_list_is_what_a_scrape_shows_both_ways() {
    let metrics = Metrics::new();
    // Those of a cluster are there for the kinds that are watched.
    let kind = |&kind: &ClusterKind| KindReading {
        kind,
        objects: 1,
        bytes: 1,
        newest_event_age: Some(Duration::from_secs(1)),
        lists: 1,
        is_lost: false,
        undecodable: 0,
    };
    let kinds = ClusterKind::ALL.iter().map(kind).collect();
    metrics.cluster(&ClusterReadings { kinds, ..ClusterReadings::default() });
    let mut shown = rendered(&metrics.render().unwrap());
    // The version is the one open value.
    shown.get_mut("portcullis_build_info").unwrap().1.get_mut("version").unwrap().clear();
    if !cfg!(target_os = "linux") {
        shown.insert("process_resident_memory_bytes".into(), ("gauge".into(), BTreeMap::new()));
    }
    assert_eq!(shown, documented());
    assert!(shown.len() >= 20);
}

#[test]
fn every_label_value_is_lower_snake_case() {
    for (name, (_, labels)) in documented() {
        for (label, value) in
            labels.iter().flat_map(|(label, values)| values.iter().map(move |value| (label, value)))
        {
            let is_plain = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(value.chars().all(is_plain), "{name} {label}={value}");
        }
    }
}

#[test]
fn each_update_moves_its_own_series_and_no_other() {
    let metrics = Metrics::new();
    let before = metrics.render().unwrap();
    let changed = |update: &dyn Fn(&Metrics), expected: &[&str]| {
        let metrics = Metrics::new();
        update(&metrics);
        let after = metrics.render().unwrap();
        let memory = |line: &&str| !line.starts_with("process_");
        let old: BTreeSet<&str> = before.lines().filter(memory).collect();
        let new: Vec<&str> =
            after.lines().filter(memory).filter(|line| !old.contains(line)).collect();
        for expected in expected {
            assert!(new.iter().any(|line| line.starts_with(expected)), "{expected}: {new:?}");
        }
        assert!(
            new.iter().all(|line| expected.iter().any(|expected| line.starts_with(expected))),
            "{new:?}"
        );
    };
    changed(
        &|m| m.authorized(Decided::NoOpinion, Duration::from_micros(7)),
        &["portcullis_authorize_duration_seconds"],
    );
    changed(
        &|m| m.authenticated(Proved::Unknown, Duration::from_micros(7)),
        &["portcullis_authenticate_duration_seconds"],
    );
    changed(
        &|m| m.authenticator(AuthenticatorKind::IssuedToken, Tried::Error),
        &[
            r#"portcullis_authenticator_outcomes_total{authenticator="issued_token",result="error"} 1"#,
        ],
    );
    changed(
        &|m| m.login(LoginProof::Ticket, LoginOutcome::Throttled),
        &[r#"portcullis_logins_total{proof="ticket",outcome="throttled"} 1"#],
    );
    changed(
        &|m| m.refused(Refused::HandshakeBudget),
        &[r#"portcullis_refused_total{reason="handshake_budget"} 1"#],
    );
    changed(
        &|m| m.reloaded(Reloaded::Tls, LoadResult::Failure),
        &[
            r#"portcullis_reloads_total{what="tls",result="failure"} 1"#,
            r#"portcullis_reload_timestamp_seconds{what="tls",result="failure"} 1"#,
        ],
    );
    changed(
        &|m| m.cache(CacheResult::Joined),
        &[r#"portcullis_token_cache_total{result="joined"} 1"#],
    );
    changed(
        &|m| m.shadowed(ShadowDifference::WouldAllow),
        &[r#"portcullis_shadow_total{difference="would_allow"} 1"#],
    );
    changed(
        &|m| m.policy_objects(PolicyObject::RoleBinding, 7),
        &[r#"portcullis_policy_objects{kind="role_binding"} 7"#],
    );
    changed(&|m| m.grant_ends_soon(), &["portcullis_decisions_on_ending_grants_total 1"]);
    changed(&|m| m.log_dropped(), &["portcullis_decision_log_dropped_total 1"]);
    changed(&|m| m.log_sampled_out(), &["portcullis_decision_log_sampled_out_total 1"]);
    changed(&|m| m.log_written(3), &["portcullis_decision_log_written_total 3"]);
    changed(&|m| m.log_write_failed(), &["portcullis_decision_log_write_errors_total 1"]);
    changed(&|m| m.log_queued(5), &["portcullis_decision_log_queued 5"]);
    changed(&|m| m.revocation_refused(), &["portcullis_revocation_refusals_total 1"]);
    changed(&|m| m.revocation_read_failed(), &["portcullis_revocation_read_failures_total 1"]);
    changed(
        &|m| m.revocations(3, 7),
        &["portcullis_revocation_entries 3", "portcullis_revocation_changed_timestamp_seconds 7"],
    );
    changed(
        &|m| {
            m.connections().inc();
        },
        &["portcullis_connections 1"],
    );
    changed(
        &|m| {
            m.in_flight().inc();
        },
        &["portcullis_requests_in_flight 1"],
    );
    changed(
        &|m| m.policy(3, 99),
        &["portcullis_policy_generation 3", "portcullis_policy_loaded_timestamp_seconds 99"],
    );
}

#[test]
fn a_microsecond_decision_is_told_from_a_millisecond_one() {
    let metrics = Metrics::new();
    metrics.authorized(Decided::Allow, Duration::from_micros(7));
    metrics.authorized(Decided::Allow, Duration::from_millis(2));
    let text = metrics.render().unwrap();
    let bucket = |bound: &str| {
        let line = text.lines().find(|line| {
            line.starts_with("portcullis_authorize_duration_seconds_bucket")
                && line.contains(&format!("le=\"{bound}\""))
                && line.contains("\"allow\"")
        });
        line.unwrap().rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(
        (bucket("0.000005"), bucket("0.00001"), bucket("0.0025")),
        ("0".into(), "1".into(), "2".into())
    );
}

#[test]
fn an_authenticator_that_nobody_knows_does_not_become_a_label() {
    assert_eq!(AuthenticatorKind::of("service-account"), AuthenticatorKind::ServiceAccount);
    assert_eq!(AuthenticatorKind::of("service_account"), AuthenticatorKind::ServiceAccount);
    for name in ["", "jane", "service-account2", "SERVICE-ACCOUNT"] {
        assert_eq!(AuthenticatorKind::of(name), AuthenticatorKind::Custom, "{name}");
    }
}
