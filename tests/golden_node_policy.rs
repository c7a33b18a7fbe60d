//! The sample cluster of mode Node answers its questions, with the modes and roles of most clusters.

use portcullis::api::authorization::{PreparedReview, SubjectAccessReviewSpec};
use portcullis::model::User;
use portcullis::snapshot::{Config, Mode, Snapshot, compile};
use portcullis::source::{self, LoadOptions, put_default_roles_in_front};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::plain_yaml;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/node");

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    #[serde(default)]
    node: Option<String>,
    #[serde(default)]
    user: String,
    #[serde(default)]
    groups: Vec<String>,
    verb: String,
    #[serde(default)]
    group: String,
    #[serde(default)]
    resource: String,
    #[serde(default)]
    subresource: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    field_selector: Option<String>,
    expect: String,
    #[serde(default)]
    reason: String,
}

impl Case {
    fn spec(&self) -> SubjectAccessReviewSpec {
        let user = match &self.node {
            Some(node) => User::node(node),
            None => User::new(&self.user).with_groups(&self.groups),
        };
        let mut attributes = json!({
            "verb": self.verb, "group": self.group, "resource": self.resource,
            "subresource": self.subresource, "name": self.name, "namespace": self.namespace,
        });
        if let Some(selector) = &self.field_selector {
            attributes["fieldSelector"] = json!({ "rawSelector": selector });
        }
        let spec: Value =
            json!({"user": user.name, "groups": user.groups, "resourceAttributes": attributes});
        serde_json::from_value(spec).unwrap()
    }
}

fn cluster() -> Snapshot {
    let options = LoadOptions::default();
    let text = std::fs::read(format!("{ROOT}/small-cluster.yaml")).unwrap();
    let mut loaded = source::parse("small-cluster.yaml", &text, &options).unwrap();
    assert_eq!(loaded.report.notices, []);
    assert_eq!(loaded.inventory.graph.len(), 10);
    put_default_roles_in_front(&mut loaded, &options).unwrap();
    compile(&loaded.inventory, &Config::new([Mode::Node, Mode::Rbac])).unwrap()
}

fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(format!("{ROOT}/small-cluster.cases.yaml")).unwrap();
    serde_json::from_value(plain_yaml::documents(&text).remove(0)).unwrap()
}

#[test]
fn the_sample_cluster_of_nodes_answers_its_questions() {
    let (cluster, cases) = (cluster(), cases());
    for case in &cases {
        let spec = case.spec();
        let review = PreparedReview::of(&spec).unwrap();
        let request = review.request();
        let verdict = cluster.authorize(&request);
        let answer = verdict.decision.to_string().replace(' ', "-");
        assert_eq!(answer, case.expect, "{case:?}");
        // RBAC gives a reason of its own for what it allows; Node gives none.
        if !verdict.is_allowed() {
            assert_eq!(verdict.reason(), case.reason, "{case:?}");
            assert_eq!(verdict.errors, [""; 0], "{case:?}");
        }
    }
    let allowed = cases.iter().filter(|case| case.expect == "allow").count();
    assert!(allowed >= 30 && cases.len() - allowed == allowed, "{allowed} of {}", cases.len());
}

/// What the cases ask of a kubelet, the same user asks in vain when no mode Node is there.
#[test]
fn without_mode_node_no_kubelet_reads_what_its_pods_need() {
    let text = std::fs::read(format!("{ROOT}/small-cluster.yaml")).unwrap();
    let options = LoadOptions::default();
    let mut loaded = source::parse("small-cluster.yaml", &text, &options).unwrap();
    put_default_roles_in_front(&mut loaded, &options).unwrap();
    let alone = compile(&loaded.inventory, &Config::new([Mode::Rbac])).unwrap();
    for case in cases().iter().filter(|case| case.resource == "secrets") {
        let spec = case.spec();
        let review = PreparedReview::of(&spec).unwrap();
        assert!(!alone.authorize(&review.request()).is_allowed(), "{case:?}");
    }
}
