//! A dump of a real cluster, and what its API server answered.

use std::path::Path;

use portcullis::api::authorization::{
    PreparedReview, SubjectAccessReviewSpec, SubjectAccessReviewStatus, SubjectRulesReviewStatus,
};
use portcullis::api::rbac::Kind;
use portcullis::model::User;
use portcullis::snapshot::{Config, Mode, Snapshot, compile};
use portcullis::source::{self, Input, LoadOptions};
use serde::Deserialize;

use crate::reference::rbac::allow_reasons;
use crate::support::world::{reason_parts, sorted};
use crate::support::{ndjson, shared};

/// No controller ran in that cluster, so the stored rules of aggregated roles are what it answered
/// by; the dump's objects carry a resourceVersion, and that is the default then.
fn snapshot(dump: &Path) -> Snapshot {
    let inputs = [Input::from(dump)];
    let loaded = source::load(&inputs, &LoadOptions::default(), &mut |_| {}).unwrap();
    assert!(loaded.report.skipped.is_empty(), "{:?}", loaded.report.skipped);
    let counts = [Kind::ClusterRole, Kind::ClusterRoleBinding, Kind::Role, Kind::RoleBinding]
        .map(|kind| loaded.inventory.count(kind));
    assert_eq!(counts, [639, 399, 203, 234]);
    compile(&loaded.inventory, &Config::new([Mode::Rbac])).unwrap()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    id: u32,
    spec: SubjectAccessReviewSpec,
    http: u16,
    #[serde(default)]
    status: SubjectAccessReviewStatus,
    #[serde(default)]
    reasons_seen: Vec<String>,
    #[serde(default)]
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

#[test]
fn reviews_are_answered_as_the_server_answered_them() {
    let Some(cluster) = shared("real-cluster") else { return };
    let answers: Vec<Asked> = ndjson(&cluster.join("answers/sar.ndjson"));
    assert_eq!(answers.len(), 1673);
    for name in ["dump/rbac.json", "dump/rbac.yaml"] {
        let snapshot = snapshot(&cluster.join(name));
        for asked in &answers {
            let question = PreparedReview::of_valid(&asked.spec);
            if asked.http == 422 {
                let refusal = question.unwrap_err().message("", "authorization.k8s.io", "");
                assert_eq!(refusal, asked.error.as_ref().unwrap().message, "{}", asked.id);
                continue;
            }
            let question = question.unwrap();
            let request = question.request();
            let status = question.status(&snapshot.authorize(&request));
            let Asked { id, status: expected, reasons_seen, .. } = asked;
            assert_eq!(status.allowed, expected.allowed, "{name} {id}: {status:?} {expected:?}");
            assert_eq!(status.denied, expected.denied, "{name} {id}");
            assert_eq!(status.evaluation_error, expected.evaluation_error, "{name} {id}");
            if reason_parts(&status.reason) == reason_parts(&expected.reason) {
                continue;
            }
            // Where several bindings allow, the server names the first it meets, in the random
            // order of a map: what it was seen to say must be among what is right.
            let right = allow_reasons(snapshot.rbac().unwrap(), &request);
            assert!(right.contains(&status.reason), "{name} {id}: {}", status.reason);
            for reason in reasons_seen.iter().chain([&expected.reason]) {
                assert!(right.contains(reason), "{name} {id}: {reason}");
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: u32,
    namespace: String,
    http: u16,
    effective_user: Option<Identity>,
    #[serde(default)]
    status: SubjectRulesReviewStatus,
}

#[derive(Deserialize)]
struct Identity {
    username: String,
    #[serde(default)]
    groups: Vec<String>,
}

#[test]
fn rules_are_listed_as_the_server_listed_them() {
    let Some(cluster) = shared("real-cluster") else { return };
    let snapshot = snapshot(&cluster.join("dump/rbac.json"));
    let mut compared = 0;
    for listed in ndjson::<Listed>(&cluster.join("answers/rules.ndjson")) {
        let Listed { id, namespace, http, effective_user, status: expected } = listed;
        // An identity that may not ask.
        if http == 403 {
            continue;
        }
        let identity = effective_user.unwrap_or_else(|| panic!("{id}: nobody asked"));
        let user = User::new(identity.username).with_groups(identity.groups);
        let status = SubjectRulesReviewStatus::from(snapshot.rules_for(&user, &namespace));
        let resource = |of: &SubjectRulesReviewStatus| {
            sorted(of.resource_rules.iter().map(|rule| format!("{rule:?}")))
        };
        assert_eq!(resource(&status), resource(&expected), "{id}");
        let paths = |of: &SubjectRulesReviewStatus| {
            sorted(of.non_resource_rules.iter().map(|rule| format!("{rule:?}")))
        };
        assert_eq!(paths(&status), paths(&expected), "{id}");
        assert_eq!(status.incomplete, expected.incomplete, "{id}");
        compared += 1;
    }
    assert_eq!(compared, 110);
}
