//! `portcullis.rbac.*`, with an authorizer that says whom it was asked about.

use super::*;
use crate::api::authorization::ResourceRule;
use crate::model::Attributes;

/// Members of `dev` may get everything in `shop`; of a path, nobody may anything but `/healthz`.
struct Dev;

impl Authorizer for Dev {
    fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
        let is_allowed = match &request.attributes {
            Attributes::Resource(asked) => {
                request.user.is_member("dev") && asked.verb == "get" && asked.namespace == "shop"
            }
            Attributes::NonResource(asked) => asked.path == "/healthz",
        };
        if is_allowed { Verdict::allow("") } else { Verdict::no_opinion("") }
    }

    fn rules_for(&self, user: &User, namespace: &str) -> Rules {
        let verbs = if user.is_member("dev") { vec!["get".into()] } else { Vec::new() };
        let rule = ResourceRule { verbs, resources: vec![namespace.into()], ..Default::default() };
        Rules { resource: vec![rule], ..Rules::default() }
    }
}

fn decides(body: &str, rbac: Option<Arc<dyn Authorizer>>) -> Decision {
    let user = jane();
    let asked = ResourceAttributes::new("get", "pods").in_namespace("shop").named("web");
    let request = Request::resource(&user, asked);
    let [machine, interpreter] = EVALUATORS.map(|evaluator| {
        let policy = Arc::clone(policy(evaluator, body).policy());
        let world = World { rbac: rbac.clone(), ..World::default() };
        RegoAuthorizer::new(policy, world).evaluate(&request)
    });
    assert_eq!(machine, interpreter, "{body}");
    machine.decision
}

#[test]
fn what_rbac_allows_is_true_and_its_twin_is_false() {
    for (body, allows) in [
        ("allow if portcullis.rbac.allowed(input)", true),
        ("allow if portcullis.rbac.allowed(object.union(input, {\"groups\": [\"ops\"]}))", false),
        (
            "allow if portcullis.rbac.allowed({\"resourceAttributes\": input.resourceAttributes})",
            true,
        ),
        (
            "allow if portcullis.rbac.allowed({\"resourceAttributes\": {\"verb\": \"delete\", \
             \"namespace\": \"shop\"}})",
            false,
        ),
        (
            "allow if portcullis.rbac.allowed({\"nonResourceAttributes\": {\"path\": \"/healthz\"}})",
            true,
        ),
        ("allow if portcullis.rbac.allowed({\"nonResourceAttributes\": {\"path\": \"/\"}})", false),
        (
            "allow if portcullis.rbac.allowed({\"nonResourceAttributes\": {\"path\": \"/\"}}) == false",
            true,
        ),
        ("allow if portcullis.rbac.allowed({}) == false", false),
        ("allow if portcullis.rbac.allowed(\"x\") == false", false),
        ("allow if { x := portcullis.rbac.allowed(input); x }", true),
        ("narrow if portcullis.rbac.allowed(input)\ndeny if narrow", false),
        (
            "allow if portcullis.rbac.rules(\"joe\", [\"dev\"], \"ns\").resourceRules[0] == \
             {\"verbs\": [\"get\"], \"resources\": [\"ns\"]}",
            true,
        ),
        ("allow if portcullis.rbac.rules(\"joe\", {\"dev\"}, \"ns\").incomplete == false", true),
        ("allow if portcullis.rbac.rules(input.user, [], \"ns\").resourceRules[0].verbs[0]", false),
    ] {
        let expected = match allows {
            true => Decision::Allow,
            false if body.contains("deny") => Decision::Deny,
            false => Decision::NoOpinion,
        };
        assert_eq!(decides(body, Some(Arc::new(Dev))), expected, "{body}");
    }
}

#[test]
fn without_rbac_the_functions_are_undefined() {
    for function in ["allowed(input)", "rules(input.user, [], \"\")"] {
        let body = format!("allow if portcullis.rbac.{function}");
        assert_eq!(decides(&body, None), Decision::NoOpinion);
        let body = format!("allow if not portcullis.rbac.{function}");
        assert_eq!(decides(&body, None), Decision::Allow);
    }
}

#[test]
fn a_policy_may_ask_a_chain_that_asks_a_policy() {
    let inner =
        policy(Evaluator::Machine, "allow if { input.user == \"jane\"; time.now_ns() > 0 }");
    let body = "allow if { portcullis.rbac.allowed(input); time.now_ns() == 1795656600000000000 }";
    assert_eq!(decides(body, Some(Arc::new(inner))), Decision::Allow);
}

/// A panic goes all the way through the engine.
struct Broken;

impl Authorizer for Broken {
    fn authorize<'a>(&'a self, _: &'a Request<'a>) -> Verdict<'a> {
        panic!("a value that must not be told")
    }

    fn rules_for(&self, _: &User, _: &str) -> Rules {
        panic!("a value that must not be told")
    }
}

#[test]
fn a_panic_is_caught_and_counted_and_the_next_evaluation_is_sound() {
    let user = jane();
    let path = Request::non_resource(&user, "get", "/x");
    let pod = Request::resource(&user, ResourceAttributes::new("get", "pods"));
    for evaluator in EVALUATORS {
        for (rule, expected) in [("allow", Decision::NoOpinion), ("deny", Decision::Deny)] {
            let body = format!(
                "{rule} if {{ input.nonResourceAttributes.path; portcullis.rbac.allowed(input) }}\n\
                 allow if input.resourceAttributes.verb == \"get\""
            );
            let policy = Arc::clone(policy(evaluator, &body).policy());
            let world = World { rbac: Some(Arc::new(Broken)), ..World::default() };
            let authorizer = RegoAuthorizer::new(policy, world);
            for _ in 0..2 {
                let verdict = authorizer.authorize(&path);
                assert_eq!(verdict.decision, expected, "{evaluator:?} {rule}");
                assert_eq!(verdict.errors, ["policy `Rego` failed inside the engine"]);
                assert!(authorizer.authorize(&pod).is_allowed());
            }
            let counters = authorizer.policy().counters();
            assert_eq!((counters.evaluations, counters.panics, counters.errors), (4, 2, 0));
        }
    }
}
