//! One access review: from the bytes of the body to the bytes of the answer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use http::StatusCode;
use serde::Serialize;

use super::metrics::Decided;
use super::reply::Reply;
use super::scratch::with_user;
#[cfg(feature = "conditional-authorization")]
use crate::api::authorization::{ConditionSet, ConditionalMode};
use crate::api::authorization::{Identity, IncomingReview, ReviewError, Version};
use crate::authz::Authorizer;
use crate::model::{Decision, Request, User, Verdict};
use crate::snapshot::Snapshot;
use crate::util::aggregate::aggregate;

/// What a review may carry about its user. The API server bounds neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReviewLimits {
    /// Groups of one user. Default: 1,024; Active Directory allows 1,015 in a ticket.
    pub max_groups: usize,
    /// Bytes of all extra keys and values. Default: 64 KiB.
    pub max_extra_bytes: usize,
}

impl Default for ReviewLimits {
    fn default() -> Self {
        Self { max_groups: 1024, max_extra_bytes: 64 << 10 }
    }
}

/// A decided review, for those who write it down or compare it.
pub(super) struct Seen<'a> {
    /// Who asked what.
    pub(super) request: &'a Request<'a>,
    /// What the policy said.
    pub(super) verdict: &'a Verdict<'a>,
    /// What that came to.
    pub(super) outcome: Decided,
    /// The reason, rendered for the answer.
    pub(super) reason: &'a str,
}

/// Answers one review. `seen` is shown every decision after the answer is rendered.
pub(super) fn answer(
    body: &[u8],
    snapshot: &Snapshot,
    limits: &ReviewLimits,
    seen: impl FnOnce(&Seen<'_>),
) -> (Reply, Decided) {
    let review = match IncomingReview::from_json(body) {
        Ok(review) => review,
        Err(error) => return (refusal(&error), Decided::Malformed),
    };
    let identity = review.identity();
    if let Some(too_large) = too_large(identity, limits) {
        let reply = Reply::failure(StatusCode::UNPROCESSABLE_ENTITY, &too_large);
        return (reply, Decided::Malformed);
    }
    with_user(identity, |user| decided(&review, user, snapshot, seen))
}

fn decided(
    review: &IncomingReview<'_>,
    user: &User,
    snapshot: &Snapshot,
    seen: impl FnOnce(&Seen<'_>),
) -> (Reply, Decided) {
    let request = Request { user, attributes: review.attributes() };
    #[cfg(feature = "conditional-authorization")]
    let (verdict, reason, condition_set_chain) =
        decide_conditionally(snapshot, &request, review.conditional_mode());
    #[cfg(not(feature = "conditional-authorization"))]
    let (verdict, reason) = decide(snapshot, &request);
    let outcome = outcome(&verdict, snapshot);
    let reply = match outcome {
        // The asker ignores `evaluationError` (S-WHA-12): only a failure lets its failurePolicy
        // speak. What failed is for the log; it may hold pieces of policy.
        Decided::Error => Reply::failure(
            StatusCode::INTERNAL_SERVER_ERROR,
            "an authorizer that could have denied this was not able to answer",
        ),
        _ => {
            let error = aggregate(&verdict.errors);
            Reply::answer(&Answer::new(
                review.version(),
                Status {
                    allowed: outcome == Decided::Allow,
                    denied: outcome == Decided::Deny,
                    reason: &reason,
                    evaluation_error: &review.evaluation_error(error.as_deref()),
                    #[cfg(feature = "conditional-authorization")]
                    condition_set_chain,
                },
            ))
        }
    };
    seen(&Seen { request: &request, verdict: &verdict, outcome, reason: &reason });
    (reply, outcome)
}

/// An authorizer of somebody else's may panic, in the reason it gives too. That is a failure of this
/// one review: neither its connection nor the reviews beside it end with it. What the authorizer had
/// locked is its own affair; we only read.
fn decide<'a>(snapshot: &'a Snapshot, request: &'a Request<'a>) -> (Verdict<'a>, String) {
    let decided = catch_unwind(AssertUnwindSafe(|| {
        let verdict = snapshot.authorize(request);
        let reason = verdict.reason().into_owned();
        (verdict, reason)
    }));
    decided.unwrap_or_else(|_| {
        tracing::error!("an authorizer panicked; the review was answered with HTTP 500");
        (Verdict::deny("").with_error("an authorizer panicked"), String::new())
    })
}

/// The same for an asker who may understand conditions: if there are any they are passed on, beside an
/// answer that grants nothing (S-COND-2).
#[cfg(feature = "conditional-authorization")]
fn decide_conditionally<'a>(
    snapshot: &'a Snapshot,
    request: &'a Request<'a>,
    mode: ConditionalMode,
) -> (Verdict<'a>, String, Option<Vec<ConditionSet>>) {
    // For other verbs the chain is asked as ever, and then says which link decided.
    let mode = mode.for_verb(request.attributes.verb());
    if mode == ConditionalMode::Unsupported {
        let (verdict, reason) = decide(snapshot, request);
        return (verdict, reason, None);
    }
    let chain = snapshot.chain();
    let decided = catch_unwind(AssertUnwindSafe(|| chain.authorize_conditionally(request, mode)));
    let Ok(answer) = decided else {
        tracing::error!("an authorizer panicked; the review was answered with HTTP 500");
        return (Verdict::deny("").with_error("an authorizer panicked"), String::new(), None);
    };
    match answer.to_wire() {
        Some(chain) => (Verdict::no_opinion(CONDITIONAL), CONDITIONAL.to_owned(), Some(chain)),
        None => {
            let verdict = answer.fold();
            let reason = verdict.reason().into_owned();
            (verdict, reason, None)
        }
    }
}

/// The reason of an answer that depends on conditions.
#[cfg(feature = "conditional-authorization")]
const CONDITIONAL: &str = "the answer depends on conditions";

/// A denial with an error is a failure (S-CHAIN-6): nobody knows whether it was meant. Unless the owner
/// of the policy has said that failures of this link deny: then it must not depend on the failure
/// policy of whoever asks.
fn outcome(verdict: &Verdict<'_>, snapshot: &Snapshot) -> Decided {
    let is_meant = || {
        let link = verdict.link().and_then(|name| snapshot.chain().link(name));
        link.is_some_and(Authorizer::settles_failures)
    };
    match verdict.decision {
        Decision::Allow => Decided::Allow,
        Decision::Deny if verdict.errors.is_empty() || is_meant() => Decided::Deny,
        Decision::Deny => Decided::Error,
        Decision::NoOpinion => Decided::NoOpinion,
    }
}

#[cold]
fn refusal(error: &ReviewError) -> Reply {
    let status = match error.http_status() {
        422 => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::BAD_REQUEST,
    };
    match std::error::Error::source(error) {
        // Which byte of the body was no JSON helps nobody but a developer of an API server; the
        // text of serde_json names types and places, never contents.
        Some(cause) => Reply::failure(status, &format!("{error}: {cause}")),
        None => Reply::failure(status, &error.to_string()),
    }
}

fn too_large(identity: Identity<'_>, limits: &ReviewLimits) -> Option<String> {
    let groups = identity.groups().len();
    if groups > limits.max_groups {
        let most = limits.max_groups;
        return Some(format!(
            "the user has {groups} groups, more than the {most} this server reads"
        ));
    }
    let extra = identity.extra_size();
    if extra > limits.max_extra_bytes {
        let most = limits.max_extra_bytes;
        return Some(format!(
            "the user's extra values are {extra} bytes, more than the {most} this server reads"
        ));
    }
    None
}

/// The answer without the question: the asker knows it, and reads the status alone (S-WHA-7).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    kind: &'static str,
    api_version: &'static str,
    status: Status<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    allowed: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    denied: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    evaluation_error: &'a str,
    #[cfg(feature = "conditional-authorization")]
    #[serde(skip_serializing_if = "Option::is_none")]
    condition_set_chain: Option<Vec<ConditionSet>>,
}

impl<'a> Answer<'a> {
    const fn new(version: Version, status: Status<'a>) -> Self {
        Self { kind: "SubjectAccessReview", api_version: version.api_version(), status }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::inventory::Inventory;
    use crate::authz::{OnFailure, Rules};
    use crate::model::Attributes;
    use crate::snapshot::{Config, Mode, compile};

    /// Says what the path asks for.
    struct Obliging;

    impl Authorizer for Obliging {
        fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
            let Attributes::NonResource(attributes) = &request.attributes else {
                return Verdict::no_opinion("");
            };
            match attributes.path {
                "/allow" => Verdict::allow("because"),
                "/allow-with-error" => Verdict::allow("because").with_error("policy text"),
                "/deny" => Verdict::deny("no"),
                "/deny-with-error" => Verdict::deny("no").with_error("policy text"),
                "/panic" => panic!("on purpose"),
                "/panic-in-reason" => {
                    Verdict::deferred(crate::model::Decision::Allow, &Speechless, request)
                }
                "/fail" => Verdict::no_opinion("").with_error("policy text"),
                _ => Verdict::no_opinion("unsure"),
            }
        }

        fn rules_for(&self, _: &User, _: &str) -> Rules {
            Rules::default()
        }
    }

    /// Has no reason.
    struct Speechless;

    impl crate::model::Explain for Speechless {
        fn reason(&self, _: &Request<'_>, _: Decision) -> String {
            panic!("on purpose")
        }

        fn path(&self, _: &Request<'_>, _: Decision) -> Vec<crate::model::Step> {
            Vec::new()
        }
    }

    fn ask_all(version: &str, path: &str, then: Mode) -> (Reply, Decided) {
        let config = Config::default()
            .with_authorizer("Obliging", Obliging)
            .with_on_failure(OnFailure::Deny);
        // The mode is asked first; what allows must come after.
        let config = match then {
            Mode::AlwaysAllow => config.with_authorizer("AlwaysAllow", crate::authz::AlwaysAllow),
            _ => config,
        };
        let snapshot = compile(&Inventory::default(), &config).unwrap();
        let body = format!(
            r#"{{"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/{version}",
                "spec": {{"user": "jane", "nonResourceAttributes": {{"path": "{path}", "verb": "get"}}}}}}"#
        );
        let limits = ReviewLimits::default();
        answer(body.as_bytes(), &snapshot, &limits, |_| ())
    }

    fn ask(path: &str) -> (u16, String, Decided) {
        let (reply, decided) = ask_all("v1", path, Mode::AlwaysDeny);
        (reply.status.as_u16(), String::from_utf8(reply.body.to_vec()).unwrap(), decided)
    }

    #[test]
    fn each_decision_has_its_answer() {
        let head =
            r#"{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","status":"#;
        for (path, status, decided) in [
            ("/allow", r#"{"allowed":true,"reason":"because"}"#, Decided::Allow),
            ("/deny", r#"{"allowed":false,"denied":true,"reason":"no"}"#, Decided::Deny),
            ("/other", r#"{"allowed":false,"reason":"unsure"}"#, Decided::NoOpinion),
        ] {
            assert_eq!(ask(path), (200, format!("{head}{status}}}"), decided), "{path}");
        }
        // An error beside an allow does not matter (S-CHAIN-5).
        assert_eq!(ask("/allow-with-error").2, Decided::Allow);
    }

    #[test]
    fn an_answer_is_in_the_version_of_the_question() {
        for version in ["v1", "v1beta1"] {
            let (reply, _) = ask_all(version, "/allow", Mode::AlwaysDeny);
            let answer: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!(answer["apiVersion"], format!("authorization.k8s.io/{version}"));
        }
    }

    #[test]
    fn failing_to_evaluate_is_a_failure_and_never_an_allow_and_tells_no_policy() {
        for path in ["/deny-with-error", "/fail"] {
            for then in [Mode::AlwaysDeny, Mode::AlwaysAllow] {
                let (reply, decided) = ask_all("v1", path, then);
                assert_eq!((reply.status.as_u16(), decided), (500, Decided::Error), "{path}");
                let text = String::from_utf8(reply.body.to_vec()).unwrap();
                assert!(!text.contains("policy text"), "{text}");
                assert!(text.contains(r#""kind":"Status""#), "{text}");
            }
        }
        // The twin: an authorizer that has no opinion and did not fail leaves it to the next.
        assert_eq!(ask_all("v1", "/other", Mode::AlwaysAllow).1, Decided::Allow);
    }

    #[test]
    fn a_failure_that_its_owner_wants_to_deny_does_and_is_no_failure_of_the_review() {
        struct Settled;

        impl Authorizer for Settled {
            fn authorize<'a>(&'a self, _: &'a Request<'a>) -> Verdict<'a> {
                Verdict::deny("not evaluated").with_error("it took too long")
            }

            fn rules_for(&self, _: &User, _: &str) -> Rules {
                Rules::default()
            }

            fn settles_failures(&self) -> bool {
                true
            }
        }

        let config = Config::default().with_authorizer("Settled", Settled);
        let snapshot = compile(&Inventory::default(), &config).unwrap();
        let body = br#"{"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
            "spec": {"user": "jane", "nonResourceAttributes": {"path": "/", "verb": "get"}}}"#;
        let (reply, decided) = answer(body, &snapshot, &ReviewLimits::default(), |_| ());
        assert_eq!((reply.status.as_u16(), decided), (200, Decided::Deny));
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        assert!(text.contains(r#""denied":true,"reason":"not evaluated""#), "{text}");
    }

    #[test]
    fn an_authorizer_that_panics_fails_its_review_and_not_the_next() {
        for path in ["/panic", "/panic-in-reason"] {
            let (reply, decided) = ask_all("v1", path, Mode::AlwaysAllow);
            assert_eq!((reply.status.as_u16(), decided), (500, Decided::Error), "{path}");
            assert!(!String::from_utf8(reply.body.to_vec()).unwrap().contains("on purpose"));
        }
        assert_eq!(ask("/allow").2, Decided::Allow);
    }

    /// Allows what is small.
    #[cfg(feature = "conditional-authorization")]
    struct IfSmall;

    #[cfg(feature = "conditional-authorization")]
    impl Authorizer for IfSmall {
        fn authorize<'a>(&'a self, _: &'a Request<'a>) -> Verdict<'a> {
            Verdict::no_opinion("it depends")
        }

        fn authorize_conditionally(
            &self,
            _: &Request<'_>,
            _: ConditionalMode,
        ) -> crate::authz::conditions::Conditional {
            let small = crate::api::authorization::Condition {
                id: "small".to_owned(),
                effect: crate::api::authorization::Effect::Allow,
                condition: "size < 10".to_owned(),
                description: String::new(),
            };
            crate::authz::conditions::Conditional::of_map("example.com/words", vec![small])
        }

        fn rules_for(&self, _: &User, _: &str) -> Rules {
            Rules::default()
        }
    }

    #[cfg(feature = "conditional-authorization")]
    #[test]
    fn conditions_are_passed_on_to_an_asker_who_understands_them_and_to_nobody_else() {
        let config = Config::default().with_authorizer("IfSmall", IfSmall);
        let snapshot = compile(&Inventory::default(), &config).unwrap();
        let ask = |verb: &str, spec: &str| {
            let body = format!(
                r#"{{"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
                    "spec": {{"user": "jane", "resourceAttributes": {{"verb": "{verb}"}}{spec}}}}}"#
            );
            let (reply, decided) =
                answer(body.as_bytes(), &snapshot, &ReviewLimits::default(), |_| ());
            assert_eq!(decided, Decided::NoOpinion);
            let answer: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!(answer["status"]["allowed"], false);
            answer["status"]["conditionSetChain"].clone()
        };
        let aware = r#", "conditionalAuthorization": {"mode": "Optimized"}"#;
        let chain = ask("create", aware);
        assert_eq!(chain[0]["authorizerName"], "IfSmall");
        assert_eq!(chain[0]["conditions"][0]["effect"], "Allow");
        assert!(ask("create", "").is_null());
        assert!(ask("get", aware).is_null());
    }

    #[test]
    fn what_is_no_review_is_refused() {
        let snapshot = compile(&Inventory::default(), &Config::new([Mode::AlwaysAllow])).unwrap();
        let ask = |body: &str| {
            let (reply, decided) = answer(
                body.as_bytes(),
                &snapshot,
                &ReviewLimits { max_groups: 2, max_extra_bytes: 8 },
                |_| panic!("seen"),
            );
            assert_eq!(decided, Decided::Malformed, "{body}");
            (reply.status.as_u16(), String::from_utf8(reply.body.to_vec()).unwrap())
        };
        assert_eq!(ask("").0, 400);
        assert_eq!(ask("{}").0, 400);
        let review = |spec: &str| {
            format!(
                r#"{{"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
                    "spec": {{{spec}, "nonResourceAttributes": {{}}}}}}"#
            )
        };
        let (status, text) = ask(&review(r#""groups": ["a", "b", "c"]"#));
        assert_eq!(status, 422);
        assert!(text.contains("the user has 3 groups, more than the 2"), "{text}");
        let (status, text) = ask(&review(r#""extra": {"key": ["value"]}"#));
        assert_eq!(status, 422);
        assert!(text.contains("extra values are 10 bytes, more than the 8"), "{text}");
    }
}
