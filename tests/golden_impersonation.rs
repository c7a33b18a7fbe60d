//! What a real kube-apiserver asked its webhook before it believed `Impersonate-*` headers, recorded: we
//! ask the same, in the same order (S-IMP-9, S-IMP-15).

use std::time::Duration;

use portcullis::api::authorization::{OutgoingReview, Version};
use portcullis::authz::AlwaysAllow;
use portcullis::authz::impersonation::{Check, ImpersonationCache, Mode, Options, Target};
use portcullis::model::{Attributes, NonResourceAttributes, ResourceAttributes, User};
use serde_json::Value;

use crate::support::{ndjson, shared};

/// The recorded requests in which somebody wants to act as another.
fn recorded() -> Option<Vec<Value>> {
    let path = shared("golden/apiserver-requests.ndjson")?;
    let bodies = ndjson::<Value>(&path).into_iter().map(|mut line| line["body"].take());
    let is_ours = |body: &Value| body.to_string().contains("\"impersonate");
    Some(bodies.filter(is_ours).collect())
}

/// The reviews that our checks would send.
fn sent(checks: &[Check]) -> Vec<Value> {
    let review = |check: &Check| {
        let review = OutgoingReview::new(&check.request(), Version::V1);
        serde_json::from_slice(review.body()).unwrap()
    };
    checks.iter().map(review).collect()
}

#[test]
fn a_real_api_server_asked_the_same_of_its_webhook() {
    let Some(recorded) = recorded() else { return };
    assert_eq!(recorded.len(), 6);
    let spec = &recorded[0]["spec"];
    let mut alice = User::new("alice").with_groups(["dev", "ops", "system:authenticated"]);
    alice.extra = serde_json::from_value(spec["extra"].clone()).unwrap();

    let cache = ImpersonationCache::new();
    let version = Attributes::NonResource(NonResourceAttributes { verb: "get", path: "/version" });
    let pods = ResourceAttributes::new("list", "pods").in_namespace("team-a");
    let pods = Attributes::Resource(ResourceAttributes { version: "v1", ..pods });
    let robot = "system:serviceaccount:team-a:robot";
    let mut asked = Vec::new();
    // `kubectl --as bob --as-group ops version`, then two commands as a service account.
    for (target, attributes, mode) in [
        (Target::new("bob").with_groups(["ops"]), version, Mode::UserInfo),
        (Target::new(robot), version, Mode::ServiceAccount),
        (Target::new(robot), pods, Mode::ServiceAccount),
    ] {
        let (now, options) = (Duration::ZERO, Options::default());
        let allowed = cache.check(now, &AlwaysAllow, &alice, &target, &attributes, &options);
        let allowed = allowed.unwrap();
        assert_eq!(allowed.mode, mode);
        asked.extend(sent(&allowed.checks));
    }
    assert_eq!(asked, recorded);
}

#[test]
fn the_user_that_came_of_it_is_the_one_that_was_asked_about_next() {
    let Some(path) = shared("golden/apiserver-requests.ndjson") else { return };
    let robot = "system:serviceaccount:team-a:robot";
    let lines = ndjson::<Value>(&path);
    let next = lines.iter().map(|line| &line["body"]["spec"]);
    let next = next.filter(|spec| spec["user"] == robot && spec["extra"].is_null());
    let groups: Vec<Vec<String>> =
        next.map(|spec| serde_json::from_value(spec["groups"].clone()).unwrap()).collect();
    assert!(!groups.is_empty());
    let list = Attributes::Resource(ResourceAttributes::new("list", "pods"));
    let allowed = portcullis::authz::impersonation::check(
        &AlwaysAllow,
        &User::new("alice"),
        &Target::new(robot),
        &list,
        &Options::default(),
    );
    let user = allowed.unwrap().user;
    assert!(groups.iter().all(|recorded| *recorded == user.groups), "{groups:?}");
}
