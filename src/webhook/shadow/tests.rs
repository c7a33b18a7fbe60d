use serde_json::json;

use super::*;
use crate::authz::{Authorizer, Rules};
use crate::model::{ResourceAttributes, User, Verdict};
use crate::snapshot::{Config, Mode, compile};
use crate::source::{LoadOptions, parse};
use crate::util::secret::Secret;

/// Says what it is told to, for as long as it is told to.
struct Told {
    decision: Decision,
    reason: &'static str,
    error: Option<&'static str>,
    takes: Duration,
}

impl Authorizer for Told {
    fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
        std::thread::sleep(self.takes);
        assert_ne!(request.attributes.verb(), "panic", "told to");
        let verdict = Verdict::new(self.decision, self.reason);
        match self.error {
            Some(error) => verdict.with_error(error),
            None => verdict,
        }
    }

    fn rules_for(&self, _: &User, _: &str) -> Rules {
        Rules::default()
    }
}

fn told(decision: Decision, reason: &'static str, error: Option<&'static str>) -> Arc<Snapshot> {
    slow(decision, reason, error, Duration::ZERO)
}

fn slow(
    decision: Decision,
    reason: &'static str,
    error: Option<&'static str>,
    takes: Duration,
) -> Arc<Snapshot> {
    let config = Config::new([]).with_authorizer("told", Told { decision, reason, error, takes });
    Arc::new(compile(&Default::default(), &config).unwrap())
}

fn shadow(options: ShadowOptions) -> (Shadow, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::new());
    let key = DigestKey::new(&Secret::new("k".repeat(32))).unwrap().into();
    // A busy machine must not make a quick candidate look slow.
    let patience = options.patience.max(Duration::from_secs(5));
    (Shadow::new(ShadowOptions { patience, ..options }, key, Arc::clone(&metrics)), metrics)
}

const NO: Answer<'_> = Answer { decision: Decision::NoOpinion, reason: "", errors: &[] };

fn get<'a>(user: &'a User) -> Request<'a> {
    Request::resource(user, ResourceAttributes::new("get", "pods").in_namespace("shop"))
}

#[test]
fn every_pair_of_answers_has_its_kind() {
    use ShadowDifference::*;
    let broken = ["down".to_owned()];
    let answer = |decision, reason, errors| Answer { decision, reason, errors };
    let allow = answer(Decision::Allow, "a", &[]);
    let allow_b = answer(Decision::Allow, "b", &[]);
    let allow_e = answer(Decision::Allow, "a", &broken);
    let deny = answer(Decision::Deny, "a", &[]);
    let deny_b = answer(Decision::Deny, "b", &[]);
    let deny_e = answer(Decision::Deny, "a", &broken);
    let none = answer(Decision::NoOpinion, "a", &[]);
    let none_b = answer(Decision::NoOpinion, "b", &[]);
    let none_e = answer(Decision::NoOpinion, "a", &broken);
    for (live, candidate, kind) in [
        (allow, allow, Same),
        (deny, deny, Same),
        (none, none, Same),
        // A yes with an error is a yes (S-CHAIN-5).
        (allow, allow_e, Same),
        (none_e, none_e, Same),
        (deny, allow, WouldAllow),
        (none, allow, WouldAllow),
        (none_e, allow, WouldAllow),
        (none, allow_e, WouldAllow),
        (allow, deny, WouldRefuse),
        (allow, none, WouldRefuse),
        (deny, none, OtherNo),
        (none, deny, OtherNo),
        // What was HTTP 500 would be a plain no.
        (none_e, none, OtherNo),
        (deny_e, none_e, OtherNo),
        (allow, allow_b, OtherReason),
        (deny, deny_b, OtherReason),
        (none, none_b, OtherReason),
        (allow, none_e, Failed),
        (none, none_e, Failed),
        (deny, deny_e, Failed),
        (none, deny_e, Failed),
    ] {
        assert_eq!(difference(live, candidate), kind, "{live:?} {candidate:?}");
    }
}

#[test]
fn a_candidate_is_counted_and_sampled_and_one_that_agrees_is_only_counted() {
    let (shadow, metrics) = shadow(ShadowOptions::default());
    let jane = User::new("jane").with_groups(["devs"]);
    assert_eq!(shadow.compare(&get(&jane), NO), None);

    shadow.set_candidate(told(Decision::NoOpinion, "", None), "r1");
    assert_eq!(shadow.compare(&get(&jane), NO), Some(ShadowDifference::Same));
    assert_eq!(shadow.summary().samples, []);
    assert_eq!(shadow.summary().first_difference, None);

    shadow.set_candidate(told(Decision::Allow, "by b", None), "r2");
    for _ in 0..3 {
        assert_eq!(shadow.compare(&get(&jane), NO), Some(ShadowDifference::WouldAllow));
    }
    let summary = shadow.summary();
    assert_eq!((summary.asked, summary.differences["would_allow"]), (3, 3));
    let mut shown = serde_json::to_value(&summary).unwrap();
    for time in ["firstDifference", "lastDifference"] {
        let text = shown[time].take();
        assert!(text.as_str().unwrap().ends_with('Z'), "{text}");
    }
    let sample = shown["samples"][0].as_object_mut().unwrap();
    let mut time = |name| sample.remove(name).unwrap().as_str().unwrap().to_owned();
    assert!(time("firstSeen") <= time("lastSeen"));
    assert_eq!(shown["candidate"]["revision"], "r2");
    assert_eq!(
        shown["samples"],
        json!([{
            "difference": "would_allow", "count": 3, "user": "jane", "groups": ["devs"],
            "verb": "get", "resource": "pods", "namespace": "shop",
            "live": {"decision": "no-opinion"},
            "candidate": {"decision": "allow", "reason": "by b"},
        }])
    );
    // Metrics are of the process, the summary of the candidate.
    let text = metrics.render().unwrap();
    assert!(text.contains("portcullis_shadow_total{difference=\"same\"} 1"), "{text}");
    assert!(text.contains("portcullis_shadow_total{difference=\"would_allow\"} 3"), "{text}");

    shadow.clear_candidate();
    assert_eq!(shadow.compare(&get(&jane), NO), None);
    assert_eq!(shadow.summary().candidate, None);
}

#[test]
fn real_policies_are_compared_by_decision_and_by_reason() {
    let policy = |binding: &str, verbs: &str| {
        let text = format!(
            "kind: ClusterRole\napiVersion: rbac.authorization.k8s.io/v1\nmetadata: {{name: r}}\n\
             rules: [{{verbs: [{verbs}], apiGroups: [''], resources: [pods]}}]\n---\n\
             kind: ClusterRoleBinding\napiVersion: rbac.authorization.k8s.io/v1\n\
             metadata: {{name: {binding}}}\nsubjects: [{{kind: User, name: jane}}]\n\
             roleRef: {{kind: ClusterRole, name: r, apiGroup: rbac.authorization.k8s.io}}\n"
        );
        let inventory = parse("p", text.as_bytes(), &LoadOptions::default()).unwrap().inventory;
        Arc::new(compile(&inventory, &Config::new([Mode::Rbac])).unwrap())
    };
    let jane = User::new("jane");
    let request = get(&jane);
    let live = policy("b", "get");
    let verdict = live.authorize(&request);
    let reason = verdict.reason();
    let answer = Answer { decision: verdict.decision, reason: &reason, errors: &verdict.errors };
    let (shadow, _) = shadow(ShadowOptions::default());
    for (binding, verbs, kind) in [
        ("b", "get", ShadowDifference::Same),
        ("c", "get", ShadowDifference::OtherReason),
        ("b", "list", ShadowDifference::WouldRefuse),
    ] {
        shadow.set_candidate(policy(binding, verbs), binding);
        assert_eq!(shadow.compare(&request, answer), Some(kind), "{binding} {verbs}");
    }
}

#[test]
fn a_panic_in_the_candidate_is_caught_counted_and_answered_with_rest() {
    let (shadow, _) = shadow(ShadowOptions::default());
    shadow.set_candidate(told(Decision::NoOpinion, "", None), "r");
    let jane = User::new("jane");
    let bad = Request::non_resource(&jane, "panic", "/");
    assert_eq!(shadow.compare(&bad, NO), Some(ShadowDifference::Failed));
    assert_eq!(shadow.compare(&get(&jane), NO), Some(ShadowDifference::Skipped));
    let summary = shadow.summary();
    assert_eq!(summary.samples[0].candidate, None);
    assert_eq!(summary.samples[0].path, "/");
    assert_eq!((summary.differences["failed"], summary.differences["skipped"]), (1, 1));
    // The rest ends.
    std::thread::sleep(REST_AFTER_PANIC);
    assert_eq!(shadow.compare(&get(&jane), NO), Some(ShadowDifference::Same));
}

#[test]
fn a_candidate_that_stays_slow_is_left_alone_and_one_that_was_slow_once_is_not() {
    let takes = Duration::from_millis(20);
    let (mut shadow, _) = shadow(ShadowOptions::default());
    shadow.options.patience = Duration::from_millis(5);
    shadow.set_candidate(slow(Decision::NoOpinion, "", None, takes), "r");
    let jane = User::new("jane");
    let started = Instant::now();
    let kinds: Vec<_> = (0..1_000).map(|_| shadow.compare(&get(&jane), NO)).collect();
    assert!(kinds[..3].iter().all(|kind| *kind == Some(ShadowDifference::Same)));
    assert!(kinds[3..].iter().all(|kind| *kind == Some(ShadowDifference::Skipped)));
    assert!(started.elapsed() < takes * 50, "{:?}", started.elapsed());
    // Once is not enough, three times not in a row neither; very slow once is.
    let candidate = shadow.candidate.load_full().unwrap();
    candidate.strikes.store(0, Ordering::Relaxed);
    let (slow, quick, patience) = (takes, Duration::ZERO, Duration::from_millis(5));
    for took in [slow, slow, quick, slow, slow, quick] {
        assert!(!candidate.is_slow(took, patience), "{took:?}");
    }
    assert!(candidate.is_slow(patience * 101, patience));
    // Another candidate starts afresh.
    shadow.set_candidate(told(Decision::NoOpinion, "", None), "r2");
    assert_eq!(shadow.compare(&get(&jane), NO), Some(ShadowDifference::Same));
}

#[test]
fn a_flood_of_users_is_bounded_in_memory_and_drives_out_nothing_graver() {
    let (shadow, _) = shadow(ShadowOptions { samples: 5, ..ShadowOptions::default() });
    shadow.set_candidate(told(Decision::Allow, "other", None), "r");
    let jane = User::new("jane");
    shadow.compare(&get(&jane), NO);
    let live = Answer { decision: Decision::Allow, reason: "mine", errors: &[] };
    for turn in 0..10_000 {
        let user = User::new(format!("{}-{turn}", "u".repeat(100_000 * usize::from(turn > 9_990))))
            .with_groups(vec!["g"; 100]);
        assert_eq!(shadow.compare(&get(&user), live), Some(ShadowDifference::OtherReason));
    }
    let summary = shadow.summary();
    assert_eq!(summary.samples.len(), 6);
    assert_eq!(summary.samples[0].user, "jane");
    assert_eq!(summary.samples[0].difference, ShadowDifference::WouldAllow);
    assert_eq!(summary.forgotten_samples, 9_995);
    assert_eq!(summary.differences["other_reason"], 10_000);
    assert_eq!(summary.samples[1].groups.len(), 16);
    assert!(serde_json::to_string(&summary).unwrap().len() < 10_000);
}

#[test]
fn one_difference_of_one_user_verb_and_resource_is_one_sample() {
    let (shadow, _) = shadow(ShadowOptions { samples: 2, ..ShadowOptions::default() });
    shadow.set_candidate(told(Decision::Allow, "", None), "r");
    let (jane, joan) = (User::new("jane"), User::new("joan"));
    let ask = |user, verb, resource, name| {
        let attributes = ResourceAttributes::new(verb, resource).named(name);
        shadow.compare(&Request::resource(user, attributes), NO);
    };
    ask(&jane, "get", "pods", "a");
    ask(&joan, "get", "pods", "a");
    ask(&jane, "get", "pods", "b");
    ask(&jane, "list", "pods", "");
    let kept: Vec<(String, String, u64)> = shadow
        .summary()
        .samples
        .into_iter()
        .map(|sample| (sample.user, sample.verb, sample.count))
        .collect();
    // Joan's is the one that was not met for longest.
    assert_eq!(kept, [("jane".into(), "list".into(), 1), ("jane".into(), "get".into(), 2)]);
}

#[test]
fn masked_samples_hold_no_clear_name_and_their_twins_do() {
    let show = |mask| {
        let (shadow, _) = shadow(ShadowOptions { mask, ..ShadowOptions::default() });
        shadow.set_candidate(told(Decision::Allow, "to User \"jane@example.com\"", None), "r");
        let jane = User::new("jane@example.com").with_groups(["secret-devs"]);
        let attributes = ResourceAttributes::new("get", "secrets").named("db-password");
        shadow.compare(&Request::resource(&jane, attributes), NO);
        serde_json::to_string(&shadow.summary()).unwrap()
    };
    let (clear, users) = (show(Mask::None), show(Mask::Users));
    let all = show(Mask::UsersAndNames);
    for name in ["jane@example.com", "secret-devs"] {
        assert!(clear.contains(name) && !users.contains(name) && !all.contains(name), "{users}");
    }
    assert!(users.contains("db-password") && !all.contains("db-password"), "{all}");
}

#[test]
fn sampling_asks_about_a_share() {
    let sample = Rate::new(0.1).unwrap();
    let (shadow, _) = shadow(ShadowOptions { sample, ..ShadowOptions::default() });
    shadow.set_candidate(told(Decision::NoOpinion, "", None), "r");
    let jane = User::new("jane");
    let asked = (0..1_000).filter(|_| shadow.compare(&get(&jane), NO).is_some()).count();
    assert!((50..200).contains(&asked), "{asked}");
    assert_eq!(shadow.summary().asked, u64::try_from(asked).unwrap());
    assert_eq!(shadow.summary().sample_rate, 0.1);
}

#[test]
fn nobody_waits_for_a_sample() {
    let (shadow, _) = shadow(ShadowOptions::default());
    shadow.set_candidate(told(Decision::Allow, "", None), "r");
    let candidate = shadow.candidate.load_full().unwrap();
    let held = candidate.seen.lock().unwrap();
    let jane = User::new("jane");
    // This would wait for ever if it waited.
    assert_eq!(shadow.compare(&get(&jane), NO), Some(ShadowDifference::WouldAllow));
    drop(held);
    assert_eq!((shadow.summary().asked, shadow.summary().samples.len()), (1, 0));
}
