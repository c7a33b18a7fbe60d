use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::api::authorization::Version;
use crate::api::authorization_config::FailurePolicy;
use crate::authz::{AlwaysAllow, Authorizer, Chain, OnFailure};
use crate::cel::{Expression, MatchConditions};
use crate::model::{Decision, Request, ResourceAttributes, User, Verdict};

// ---- a webhook that says what it is told to ------------------------------------------------------

#[derive(Debug)]
struct Told {
    answer: Mutex<RemoteAnswer>,
    bodies: Mutex<Vec<String>>,
}

impl Told {
    fn new(status: u16, body: &str) -> Arc<Self> {
        let answer = Mutex::new(RemoteAnswer::json(status, body));
        Arc::new(Self { answer, bodies: Mutex::default() })
    }

    fn says(status: &str) -> Arc<Self> {
        Self::new(200, &format!(r#"{{"status": {status}}}"#))
    }

    fn tell(&self, status: u16, body: &str) {
        *self.answer.lock().unwrap() = RemoteAnswer::json(status, body);
    }

    fn asked(&self) -> usize {
        self.bodies.lock().unwrap().len()
    }
}

impl Remote for Told {
    fn review(&self, body: &[u8]) -> Result<RemoteAnswer, RemoteError> {
        self.bodies.lock().unwrap().push(String::from_utf8(body.to_vec()).unwrap());
        Ok(self.answer.lock().unwrap().clone())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no connection")]
struct Down;

impl Remote for Down {
    fn review(&self, _: &[u8]) -> Result<RemoteAnswer, RemoteError> {
        Err(RemoteError::Failed(Box::new(Self)))
    }
}

/// A clock that moves by hand, in milliseconds.
#[derive(Clone, Default)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn clock(&self) -> Clock {
        let hand = Arc::clone(&self.0);
        Clock::new(move || Duration::from_millis(hand.load(Ordering::SeqCst)))
    }

    fn pass(&self, time: Duration) {
        let time = u64::try_from(time.as_millis()).unwrap();
        self.0.fetch_add(time, Ordering::SeqCst);
    }
}

fn v1() -> WebhookOptions {
    WebhookOptions::new(Version::V1)
}

fn get(user: &User) -> Request<'_> {
    Request::resource(user, ResourceAttributes::new("get", "pods"))
}

/// Decision, reason and errors of one question.
fn ask(webhook: &WebhookAuthorizer) -> (Decision, String, Vec<String>) {
    let user = User::new("jane");
    parts(&webhook.authorize(&get(&user)))
}

fn parts(verdict: &Verdict<'_>) -> (Decision, String, Vec<String>) {
    (verdict.decision, verdict.reason().into_owned(), verdict.errors.clone())
}

fn answered(answer: RemoteAnswer, options: WebhookOptions) -> (Decision, String, Vec<String>) {
    let told = Told::says("{}");
    *told.answer.lock().unwrap() = answer;
    ask(&WebhookAuthorizer::new(options, told))
}

// ---- the answer ----------------------------------------------------------------------------------

#[test]
fn what_is_allowed_and_denied_is_a_denial_and_the_reason_is_always_that_of_the_webhook() {
    // S-WHA-11.
    let none: Vec<String> = Vec::new();
    for (status, decision, errors) in [
        (r#"{"allowed": true, "reason": "r"}"#, Decision::Allow, none.clone()),
        (r#"{"allowed": false, "reason": "r"}"#, Decision::NoOpinion, none.clone()),
        (r#"{"denied": true, "reason": "r"}"#, Decision::Deny, none.clone()),
        (
            r#"{"allowed": true, "denied": true, "reason": "r"}"#,
            Decision::Deny,
            vec!["webhook subject access review returned both allow and deny response".to_owned()],
        ),
    ] {
        let webhook = WebhookAuthorizer::new(v1(), Told::says(status));
        assert_eq!(ask(&webhook), (decision, "r".to_owned(), errors), "{status}");
    }
}

#[test]
fn an_evaluation_error_of_the_webhook_is_passed_over() {
    // S-WHA-12.
    for allowed in [true, false] {
        let status = format!(r#"{{"allowed": {allowed}, "evaluationError": "oh no"}}"#);
        let (decision, reason, errors) = ask(&WebhookAuthorizer::new(v1(), Told::says(&status)));
        assert_eq!(decision == Decision::Allow, allowed);
        assert_eq!((reason.as_str(), errors.len()), ("", 0));
    }
}

#[test]
fn every_status_from_200_to_206_is_an_answer_and_every_other_is_a_failure() {
    // S-WHA-7, S-WHA-8.
    let body = r#"{"status": {"allowed": true}}"#;
    for status in 200..=206 {
        assert_eq!(answered(RemoteAnswer::json(status, body), v1()).0, Decision::Allow, "{status}");
    }
    for status in [100, 199, 207, 299, 301, 302, 400, 401, 403, 404, 415, 429, 500, 503, 504, 599] {
        let (decision, reason, errors) = answered(RemoteAnswer::json(status, body), v1());
        assert_eq!((decision, reason.as_str(), errors.len()), (Decision::NoOpinion, "", 1));
        let deny = v1().with_failure_policy(FailurePolicy::Deny);
        let (decision, reason, denied) = answered(RemoteAnswer::json(status, body), deny);
        assert_eq!((decision, reason.as_str(), denied), (Decision::Deny, "", errors));
    }
}

#[test]
fn the_media_type_of_json_does_not_matter_and_protobuf_is_refused_by_name() {
    // S-WHA-7; protobuf is not read here.
    let json = |content_type: &str| RemoteAnswer {
        content_type: content_type.to_owned(),
        ..RemoteAnswer::json(200, r#"{"status": {"allowed": true}}"#)
    };
    for content_type in ["", "application/json; charset=utf-8", "text/html", "application/yaml"] {
        assert_eq!(answered(json(content_type), v1()).0, Decision::Allow, "{content_type}");
    }
    let refused = "the webhook answers in protobuf, which is not read here; have it answer in JSON";
    for answer in [
        json("application/vnd.kubernetes.protobuf"),
        json("Application/vnd.kubernetes.protobuf;v=1"),
        RemoteAnswer::json(200, b"k8s\0\x0a\x00"),
    ] {
        assert_eq!(
            answered(answer, v1()),
            (Decision::NoOpinion, String::new(), vec![refused.into()])
        );
    }
}

#[test]
fn an_empty_body_is_a_failure_and_an_empty_object_is_no_opinion() {
    // S-WHA-8, S-WHA-7.
    let empty = "0-length response with status code: 200 and content type: application/json";
    for content_type in ["application/json", ""] {
        let content_type = content_type.to_owned();
        let answer = RemoteAnswer { content_type, ..RemoteAnswer::json(200, "") };
        assert_eq!(
            answered(answer, v1()),
            (Decision::NoOpinion, String::new(), vec![empty.into()])
        );
    }
    let answer = answered(RemoteAnswer::json(200, "{}"), v1());
    assert_eq!(answer, (Decision::NoOpinion, String::new(), Vec::new()));
}

#[test]
fn an_answer_in_another_version_is_a_failure_and_in_the_version_of_the_question_it_counts() {
    // S-WHA-8.
    let body = r#"{"apiVersion": "authorization.k8s.io/v1beta1", "status": {"allowed": true}}"#;
    let error =
        "converting (v1beta1.SubjectAccessReview) to (v1.SubjectAccessReview): unknown conversion";
    let answer = RemoteAnswer::json(200, body);
    let failed = answered(answer.clone(), v1());
    assert_eq!(failed, (Decision::NoOpinion, String::new(), vec![error.to_owned()]));
    assert_eq!(answered(answer, WebhookOptions::new(Version::V1beta1)).0, Decision::Allow);
}

#[test]
fn what_the_webhook_wrote_into_a_bad_answer_is_not_repeated() {
    for answer in [
        RemoteAnswer::json(500, "s3cret"),
        RemoteAnswer::json(403, r#"{"kind": "Status", "message": "s3cret"}"#),
        RemoteAnswer::json(200, "s3cret"),
        RemoteAnswer::json(200, r#"{"status": {"allowed": "s3cret"}}"#),
    ] {
        assert!(!format!("{answer:?}").contains("s3cret"), "{answer:?}");
        let (_, _, errors) = answered(answer, v1());
        assert!(errors.len() == 1 && !errors[0].contains("s3cret"), "{errors:?}");
    }
}

// ---- failures ------------------------------------------------------------------------------------

#[test]
fn a_webhook_that_is_down_opens_to_the_next_link_unless_its_policy_denies() {
    // S-WHA-14, S-CHAIN-6.
    let user = User::new("jane");
    let request = get(&user);
    let chain = |options: WebhookOptions| {
        Chain::new().with("hook", WebhookAuthorizer::new(options, Arc::new(Down)))
    };
    let alone = chain(v1());
    let down = vec!["no connection".to_owned()];
    assert_eq!(
        parts(&alone.authorize(&request)),
        (Decision::NoOpinion, String::new(), down.clone())
    );
    let open = alone.with("AlwaysAllow", AlwaysAllow);
    assert!(open.authorize(&request).is_allowed());
    // Its policy is its word, also where other failures deny.
    assert!(open.clone().with_on_failure(OnFailure::Deny).authorize(&request).is_allowed());
    let denies = chain(v1().with_failure_policy(FailurePolicy::Deny)).with("x", AlwaysAllow);
    assert_eq!(parts(&denies.authorize(&request)), (Decision::Deny, String::new(), down));
}

#[test]
fn a_chain_asks_once_a_request_and_keeps_the_reason() {
    let told = Told::says(r#"{"reason": "not mine"}"#);
    let options = v1().with_ttls(Duration::ZERO, Duration::ZERO);
    let chain = Chain::new().with("hook", WebhookAuthorizer::new(options, told.clone()));
    let user = Arc::new(User::new("jane"));
    let request = get(&user);
    assert_eq!(chain.authorize(&request).reason(), "not mine");
    assert_eq!(told.asked(), 1);
    let principal = chain.principal(&user);
    let verdict = principal.authorize(&request.attributes);
    assert_eq!((verdict.reason().as_ref(), verdict.reason().as_ref()), ("not mine", "not mine"));
    assert_eq!(told.asked(), 2);
}

#[test]
fn members_of_system_masters_are_not_sent_to_a_webhook() {
    // S-CHAIN-10.
    let told = Told::says(r#"{"denied": true}"#);
    let chain = Chain::new().with("hook", WebhookAuthorizer::new(v1(), told.clone()));
    let root = User::new("root").with_groups(["system:masters"]);
    assert!(chain.authorize(&get(&root)).is_allowed());
    assert_eq!(told.asked(), 0);
    let jane = User::new("jane");
    assert_eq!(chain.authorize(&get(&jane)).decision, Decision::Deny);
}

#[test]
fn a_webhook_lists_nothing_and_says_so() {
    // S-WHA-13.
    let webhook = WebhookAuthorizer::new(v1(), Told::says(r#"{"allowed": true}"#));
    let rules = webhook.rules_for(&User::new("jane"), "ns");
    assert!(rules.incomplete && rules.resource.is_empty() && rules.non_resource.is_empty());
    assert_eq!(rules.errors, ["webhook authorizer does not support user rule resolution"]);
}

#[test]
fn nobody_to_ask_leaves_the_answer_open_or_has_no_opinion() {
    // Whatever the failure policy: nothing failed.
    for policy in [FailurePolicy::Deny, FailurePolicy::NoOpinion] {
        let options = v1().with_failure_policy(policy);
        let open = WebhookAuthorizer::new(options.clone(), Arc::new(Unasked::Incomplete));
        let said = vec!["the webhook was not asked".to_owned()];
        assert_eq!(ask(&open), (Decision::NoOpinion, String::new(), said));
        let none = WebhookAuthorizer::new(options, Arc::new(Unasked::NoOpinion));
        assert_eq!(ask(&none), (Decision::NoOpinion, String::new(), Vec::new()));
    }
}

// ---- versions ------------------------------------------------------------------------------------

#[test]
fn v1_and_v1beta1_are_spoken_and_nothing_else() {
    // S-WHA-4, S-WHA-2.
    assert_eq!(parse_version("v1"), Ok(Version::V1));
    assert_eq!(parse_version("v1beta1"), Ok(Version::V1beta1));
    for other in ["", "V1", "v2", "authorization.k8s.io/v1"] {
        let message = format!(
            "unsupported webhook authorizer version {other:?}, supported versions are \"v1\", \"v1beta1\""
        );
        assert_eq!(parse_version(other).unwrap_err().to_string(), message);
    }
    for (version, groups) in [(Version::V1, "\"groups\":"), (Version::V1beta1, "\"group\":")] {
        let told = Told::says("{}");
        let webhook = WebhookAuthorizer::new(WebhookOptions::new(version), told.clone());
        let _ = webhook.authorize(&get(&User::new("jane").with_groups(["dev"])));
        assert!(told.bodies.lock().unwrap()[0].contains(groups));
    }
}

// ---- what is kept --------------------------------------------------------------------------------

/// A webhook with a minute for what it allows and a second for the rest, and its clock.
fn keeping(told: &Arc<Told>) -> (WebhookAuthorizer, Hand) {
    let hand = Hand::default();
    let options = v1().with_ttls(Duration::from_secs(60), Duration::from_secs(1));
    (WebhookAuthorizer::new(options, told.clone()).with_clock(hand.clock()), hand)
}

#[test]
fn an_allowed_answer_is_kept_for_its_time_and_any_other_for_its_own() {
    // S-WHA-5, S-WHA-6: also one that is both.
    for (status, ttl) in [
        (r#"{"allowed": true}"#, 60),
        (r#"{"allowed": true, "denied": true}"#, 60),
        (r#"{"denied": true}"#, 1),
        ("{}", 1),
    ] {
        let told = Told::says(status);
        let (webhook, hand) = keeping(&told);
        let first = ask(&webhook);
        // It changes its mind.
        told.tell(200, r#"{"status": {"reason": "changed"}}"#);
        hand.pass(Duration::from_secs(ttl));
        assert_eq!((ask(&webhook), told.asked()), (first, 1), "{status}");
        hand.pass(Duration::from_millis(1));
        assert_eq!((ask(&webhook).1.as_str(), told.asked()), ("changed", 2), "{status}");
    }
}

#[test]
fn a_time_of_zero_keeps_nothing_of_that_kind() {
    // S-WHA-5.
    let (minute, zero) = (Duration::from_secs(60), Duration::ZERO);
    for (status, authorized, unauthorized, asked) in [
        (r#"{"allowed": true}"#, minute, zero, 1),
        (r#"{"allowed": true}"#, zero, minute, 2),
        (r#"{"denied": true}"#, zero, minute, 1),
        (r#"{"denied": true}"#, minute, zero, 2),
    ] {
        let told = Told::says(status);
        let webhook =
            WebhookAuthorizer::new(v1().with_ttls(authorized, unauthorized), told.clone());
        let _ = (ask(&webhook), ask(&webhook));
        assert_eq!(told.asked(), asked, "{status} {authorized:?} {unauthorized:?}");
    }
}

#[test]
fn a_failure_is_never_kept() {
    // S-WHA-5.
    let told = Told::new(500, "{}");
    let (webhook, _) = keeping(&told);
    assert_eq!(ask(&webhook).0, Decision::NoOpinion);
    told.tell(200, r#"{"status": {"allowed": true}}"#);
    assert_eq!(ask(&webhook).0, Decision::Allow);
    assert_eq!((told.asked(), webhook.kept()), (2, 1));
}

#[test]
fn every_part_of_a_question_tells_it_apart() {
    // S-WHA-5: the key is the whole spec.
    let told = Told::says(r#"{"allowed": true}"#);
    let (webhook, _) = keeping(&told);
    let jane = User::new("jane").with_groups(["a", "b"]);
    let pods = ResourceAttributes::new("get", "pods");
    let mut other_extra = jane.clone();
    other_extra.extra.insert("k".to_owned(), vec!["v".to_owned()]);
    let mut other_uid = jane.clone();
    other_uid.uid = "7".to_owned();
    let users = [
        jane.clone(),
        User::new("joe").with_groups(["a", "b"]),
        User::new("jane").with_groups(["b", "a"]),
        User::new("jane").with_groups(["a,b"]),
        other_extra,
        other_uid,
    ];
    let mut questions: Vec<Request<'_>> =
        users.iter().map(|user| Request::resource(user, pods)).collect();
    for attributes in [
        ResourceAttributes { verb: "list", ..pods },
        ResourceAttributes { namespace: "n", ..pods },
        ResourceAttributes { group: "g", ..pods },
        ResourceAttributes { version: "v1", ..pods },
        ResourceAttributes { resource: "nodes", ..pods },
        ResourceAttributes { subresource: "s", ..pods },
        ResourceAttributes { name: "x", ..pods },
    ] {
        questions.push(Request::resource(&jane, attributes));
    }
    questions.push(Request::non_resource(&jane, "get", "pods"));
    for round in [1, 2] {
        for question in &questions {
            assert!(webhook.authorize(question).is_allowed());
        }
        assert_eq!(told.asked(), questions.len(), "round {round}");
    }
    assert_eq!(webhook.kept(), questions.len());
    webhook.flush();
    let _ = webhook.authorize(&questions[0]);
    assert_eq!(told.asked(), questions.len() + 1);
}

#[test]
fn a_question_with_long_attributes_is_not_kept_and_long_groups_do_not_count() {
    // S-WHA-5: fewer than 10,000 bytes in all.
    for (name, groups, asked) in [(9_992, 0, 1), (9_993, 0, 2), (9_992, 20_000, 1)] {
        let told = Told::says(r#"{"allowed": true}"#);
        let (webhook, _) = keeping(&told);
        let (name, group) = ("x".repeat(name), "g".repeat(groups));
        let user = User::new("jane").with_groups([group]);
        // `get` and `pods` are 7 more.
        let attributes =
            ResourceAttributes { name: &name, ..ResourceAttributes::new("get", "pods") };
        let request = Request::resource(&user, attributes);
        let _ = (webhook.authorize(&request), webhook.authorize(&request));
        assert_eq!(told.asked(), asked);
    }
    let told = Told::says(r#"{"allowed": true}"#);
    let (webhook, _) = keeping(&told);
    let user = User::new("jane");
    for (length, asked) in [(9_996, 1), (9_997, 3)] {
        let path = "/".repeat(length);
        let request = Request::non_resource(&user, "get", &path);
        let _ = (webhook.authorize(&request), webhook.authorize(&request));
        assert_eq!(told.asked(), asked);
    }
}

#[test]
fn no_more_than_8192_answers_are_kept() {
    // S-WHA-5. The parts of the cache do not fill evenly.
    let told = Told::says(r#"{"allowed": true}"#);
    let (webhook, _) = keeping(&told);
    for number in 0..9_000 {
        let user = User::new(format!("user-{number}"));
        let _ = webhook.authorize(&get(&user));
    }
    assert!((6_000..=8_192).contains(&webhook.kept()), "{}", webhook.kept());
}

// ---- match conditions ----------------------------------------------------------------------------

fn conditions(texts: &[&str]) -> MatchConditions {
    MatchConditions::new(texts.iter().map(|text| Expression::compile(text).unwrap()).collect())
}

/// Asks a webhook that denies everything about a get of pods by jane; with how often it was asked.
fn matched(texts: &[&str], policy: FailurePolicy) -> (Decision, String, Vec<String>, usize) {
    let told = Told::says(r#"{"denied": true, "reason": "asked"}"#);
    let options = v1().with_failure_policy(policy).with_match_conditions(conditions(texts));
    let (decision, reason, errors) = ask(&WebhookAuthorizer::new(options, told.clone()));
    (decision, reason, errors, told.asked())
}

const FAILS: &str = "request.nonResourceAttributes.path == '/'";
const FAILS_TOO: &str = "request.nonResourceAttributes.verb == 'get'";

#[test]
fn a_webhook_is_asked_when_all_conditions_are_true_and_skipped_when_one_is_not() {
    // S-ACFG-16.
    let asked = (Decision::Deny, "asked".to_owned(), Vec::new(), 1);
    let skipped = (Decision::NoOpinion, String::new(), Vec::new(), 0);
    let policy = FailurePolicy::Deny;
    assert_eq!(matched(&[], policy), asked);
    assert_eq!(
        matched(&["request.user == 'jane'", "has(request.resourceAttributes)"], policy),
        asked
    );
    assert_eq!(matched(&["request.user == 'jane'", "request.user == 'joe'"], policy), skipped);
    // Also when an earlier one failed.
    assert_eq!(matched(&[FAILS, "request.user == 'joe'"], policy), skipped);
}

#[test]
fn a_condition_that_fails_comes_to_the_failure_policy_with_its_error() {
    // S-ACFG-16, S-ACFG-17.
    let error = |text: &str| {
        format!(
            "cel evaluation error: expression '{text}' resulted in error: no such key: \
             nonResourceAttributes"
        )
    };
    for (policy, decision) in
        [(FailurePolicy::Deny, Decision::Deny), (FailurePolicy::NoOpinion, Decision::NoOpinion)]
    {
        let one = matched(&["request.user == 'jane'", FAILS], policy);
        assert_eq!(one, (decision, String::new(), vec![error(FAILS)], 0));
        let two = matched(&[FAILS, FAILS_TOO], policy);
        assert_eq!(two, (decision, String::new(), vec![error(FAILS), error(FAILS_TOO)], 0));
    }
}

#[test]
fn an_answer_that_is_kept_is_not_given_to_a_request_that_does_not_match() {
    let told = Told::says(r#"{"allowed": true}"#);
    let options = v1().with_match_conditions(conditions(&["request.user == 'jane'"]));
    let webhook = WebhookAuthorizer::new(options, told.clone());
    let (jane, joe) = (User::new("jane"), User::new("joe"));
    assert!(webhook.authorize(&get(&jane)).is_allowed());
    assert_eq!(parts(&webhook.authorize(&get(&joe))), (Decision::NoOpinion, String::new(), vec![]));
    assert_eq!(told.asked(), 1);
}

// ---- conditions (KEP-5681) -----------------------------------------------------------------------

const CONDITIONAL: &str = r#"{"conditionSetChain": [{"authorizerName": "a", "conditionsType": "t",
    "conditions": [{"id": "x", "effect": "Allow"}, {"id": "y", "effect": "Deny"}]}]}"#;

#[cfg(not(feature = "conditional-authorization"))]
#[test]
fn conditions_are_passed_over_by_a_build_without_them() {
    let webhook = WebhookAuthorizer::new(v1(), Told::says(CONDITIONAL));
    assert_eq!(ask(&webhook), (Decision::NoOpinion, String::new(), Vec::new()));
    let odd =
        WebhookAuthorizer::new(v1(), Told::says(r#"{"allowed": true, "conditionSetChain": 1}"#));
    assert_eq!(ask(&odd).0, Decision::Allow);
}

#[cfg(feature = "conditional-authorization")]
mod conditional {
    use super::*;
    use crate::api::authorization::ConditionalMode;
    use crate::authz::Conditional;

    const UNAWARE: &str =
        "failed closed: tried to return conditional decision to conditions-unaware authorizer";

    fn asked_with(webhook: &WebhookAuthorizer, verb: &str, mode: ConditionalMode) -> Conditional {
        let user = User::new("jane");
        let request = Request::resource(&user, ResourceAttributes::new(verb, "pods"));
        webhook.authorize_conditionally(&request, mode)
    }

    #[test]
    fn a_conditional_answer_is_passed_on_to_those_who_understand_it_and_folded_for_others() {
        // S-COND-1, S-COND-3, S-COND-8.
        let told = Told::says(CONDITIONAL);
        let webhook = WebhookAuthorizer::new(v1(), told.clone());
        assert!(!asked_with(&webhook, "create", ConditionalMode::Optimized).is_settled());
        let mode = r#""conditionalAuthorization":{"mode":"Optimized"}"#;
        assert!(told.bodies.lock().unwrap()[0].contains(mode));
        for (verb, mode) in
            [("create", ConditionalMode::Unsupported), ("get", ConditionalMode::Optimized)]
        {
            let folded = asked_with(&webhook, verb, mode).fold();
            assert_eq!((folded.decision, &*folded.reason()), (Decision::Deny, UNAWARE), "{verb}");
        }
        // Those were not asked for conditions, and their answers are kept apart.
        let bodies = told.bodies.lock().unwrap();
        assert_eq!(bodies.len(), 3);
        assert!(bodies[1..].iter().all(|body| !body.contains("conditionalAuthorization")));
    }

    #[test]
    fn an_answer_without_conditions_is_the_same_for_everybody() {
        let status = r#"{"allowed": true, "denied": true, "reason": "r"}"#;
        let webhook = WebhookAuthorizer::new(v1(), Told::says(status));
        let aware = asked_with(&webhook, "create", ConditionalMode::HumanReadable).fold();
        assert_eq!(parts(&aware), ask(&webhook));
    }

    #[test]
    fn conditions_that_say_two_things_are_a_failure_and_are_not_kept() {
        let both = r#"{"allowed": true, "conditionSetChain": []}"#;
        for (policy, decision) in
            [(FailurePolicy::Deny, Decision::Deny), (FailurePolicy::NoOpinion, Decision::NoOpinion)]
        {
            let options = v1().with_failure_policy(policy);
            let webhook = WebhookAuthorizer::new(options, Told::says(both));
            let (said, reason, errors) = ask(&webhook);
            assert_eq!((said, reason.as_str(), errors.len()), (decision, "", 1));
            let aware = asked_with(&webhook, "create", ConditionalMode::Optimized).fold();
            assert_eq!((aware.decision, aware.errors), (decision, errors));
            assert_eq!(webhook.kept(), 0);
        }
    }
}
