//! The sample chains (`policies/chain`) answer their questions, and say who decided.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis::api::authorization::{PreparedReview, SubjectAccessReviewSpec};
use portcullis::authz::webhook::{
    NOT_ASKED, Remote, RemoteAnswer, RemoteError, Unasked, WebhookAuthorizer, WebhookOptions,
};
use portcullis::authz::{Authorizer, rego};
use portcullis::model::Decision;
use portcullis::query;
use portcullis::snapshot::{Config, Snapshot, compile};
use portcullis::source::authorization_config::{self, KubeconfigFiles};
use portcullis::source::{self, Input, LoadOptions};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::plain_yaml;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Cases {
    chain: String,
    policies: Vec<String>,
    #[serde(default)]
    abac: Option<String>,
    /// A policy in Rego that is asked before the chain.
    #[serde(default)]
    rego_first: Option<String>,
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Case {
    user: String,
    groups: Vec<String>,
    verb: String,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    resource: String,
    #[serde(default)]
    subresource: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
    /// What the webhooks say.
    #[serde(default)]
    webhook: Option<Says>,
    expect: String,
    /// The link that decides; none when nobody does.
    #[serde(default)]
    link: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    /// Whether there is more to the answer than can be seen.
    #[serde(default)]
    incomplete: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Says {
    Allow,
    Deny,
    Down,
    NoOpinion,
    NotAsked,
}

impl Remote for Says {
    fn review(&self, _: &[u8]) -> Result<RemoteAnswer, RemoteError> {
        let status = match self {
            Self::Allow => json!({"allowed": true}),
            Self::Deny => json!({"allowed": false, "denied": true}),
            Self::NoOpinion => json!({"allowed": false}),
            Self::Down => return Err(RemoteError::Failed("it is down".into())),
            Self::NotAsked => return Unasked::Incomplete.review(&[]),
        };
        Ok(RemoteAnswer::json(200, json!({"status": status}).to_string()))
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/chain")
}

/// The files of the folder that end so, in order.
fn files(end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.to_str().unwrap().ends_with(end));
    files.sort();
    files
}

fn snapshot(cases: &Cases, says: Says) -> Snapshot {
    let path = folder().join(&cases.chain);
    let loaded = authorization_config::load(&path, KubeconfigFiles::Elsewhere).unwrap();
    let mut config = Config::default();
    if let Some(file) = &cases.rego_first {
        let text = std::fs::read_to_string(folder().join(file)).unwrap();
        let policy = rego::Policy::compile(
            rego::Sources::module(file.as_str(), text),
            rego::Options::default(),
        );
        config = config.with_rego("Rego", policy.unwrap());
    }
    let mut config = config
        .with_chain(&loaded.configuration, |_, entry| {
            let options = WebhookOptions::from_entry(entry)?;
            let webhook: Arc<dyn Authorizer> =
                Arc::new(WebhookAuthorizer::new(options, Arc::new(says)));
            Ok::<_, portcullis::cel::CompileError>(webhook)
        })
        .unwrap();
    if let Some(abac) = &cases.abac {
        let text = std::fs::read_to_string(folder().join(abac)).unwrap();
        let policy = portcullis::authz::abac::Policy::parse(abac.as_str(), &text).unwrap();
        config = config.with_abac(policy);
    }
    let inputs: Vec<Input> =
        cases.policies.iter().map(|file| Input::from(folder().join(file))).collect();
    let policy = source::load(&inputs, &LoadOptions::default(), &mut |_| {}).unwrap();
    assert!(policy.report.skipped.is_empty());
    compile(&policy.inventory, &config).unwrap()
}

fn spec(case: &Case) -> SubjectAccessReviewSpec {
    let attributes = match &case.path {
        Some(path) => json!({"nonResourceAttributes": {"verb": case.verb, "path": path}}),
        None => json!({"resourceAttributes": {
            "verb": case.verb, "resource": case.resource, "subresource": case.subresource,
            "name": case.name, "namespace": case.namespace,
        }}),
    };
    let Value::Object(mut spec) = attributes else { panic!("an object") };
    spec.insert("user".to_owned(), json!(case.user));
    spec.insert("groups".to_owned(), json!(case.groups));
    serde_json::from_value(Value::Object(spec)).unwrap()
}

#[test]
fn every_chain_answers_its_questions() {
    let mut asked = 0;
    let mut chains = Vec::new();
    for file in files(".cases.yaml") {
        let text = std::fs::read_to_string(&file).unwrap();
        let cases = plain_yaml::documents(&text).remove(0);
        let cases: Cases = serde_json::from_value(cases).unwrap();
        chains.push(folder().join(&cases.chain));
        let mut snapshots: Vec<(Says, Snapshot)> = Vec::new();
        for case in &cases.cases {
            let says = case.webhook.unwrap_or(Says::NoOpinion);
            if !snapshots.iter().any(|(known, _)| *known == says) {
                snapshots.push((says, snapshot(&cases, says)));
            }
            let (_, snapshot) = snapshots.iter().find(|(known, _)| *known == says).unwrap();
            check(case, snapshot, &file);
            asked += 1;
        }
        // Every yes has a no that differs in one thing.
        let is_allow = |case: &&Case| case.expect == "allow";
        let allowed = cases.cases.iter().filter(is_allow).count();
        assert!(allowed > 0 && allowed < cases.cases.len(), "{}", file.display());
    }
    assert!(asked > 30, "{asked}");
    // No chain without cases.
    let without = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).unwrap();
        text.contains("kind: AuthorizationConfiguration") && !chains.contains(file)
    };
    assert_eq!(
        files(".yaml").into_iter().filter(without).collect::<Vec<_>>(),
        [""; 0].map(PathBuf::from)
    );
}

fn check(case: &Case, snapshot: &Snapshot, file: &Path) {
    let spec = spec(case);
    let review = PreparedReview::of_valid(&spec).unwrap();
    let request = review.request();
    let walk = snapshot.chain().walk(&request);
    let verdict = &walk.verdict;
    let answer = match verdict.decision {
        Decision::Allow => "allow",
        Decision::Deny => "deny",
        Decision::NoOpinion => "no-opinion",
    };
    let place = file.file_name().unwrap().to_str().unwrap();
    assert_eq!(answer, case.expect, "{place}: {case:?}: {:?}", verdict.reason());
    assert_eq!(verdict.link(), case.link.as_deref(), "{place}: {case:?}");
    if let Some(reason) = &case.reason {
        assert_eq!(verdict.reason(), reason.as_str(), "{place}: {case:?}");
    }
    let not_asked = |errors: &[String]| errors.iter().any(|error| error == NOT_ASKED);
    let missing = walk.answers.iter().any(|answer| not_asked(&answer.verdict.errors));
    let failed = verdict.decision == Decision::NoOpinion && !verdict.errors.is_empty();
    assert_eq!(missing || failed, case.incomplete, "{place}: {case:?}: {:?}", verdict.errors);
    // Walking is no other way of asking.
    assert_eq!(snapshot.authorize(&request).decision, verdict.decision);
}

#[test]
fn the_traps_are_found_and_the_default_chain_has_none() {
    for (chain, codes) in [
        ("kubeadm.yaml", &["node-restriction"][..]),
        ("webhook-first.yaml", &["condition-errors-pass", "node-restriction"]),
        ("deny-first.yaml", &["node-restriction"]),
        ("abac-legacy.yaml", &["node-restriction"]),
        ("always-deny-trap.yaml", &["always-deny-denies-nothing"]),
    ] {
        let path = folder().join(chain);
        let loaded = authorization_config::load(&path, KubeconfigFiles::Elsewhere).unwrap();
        let findings = query::check_chain(&loaded);
        let found: Vec<&str> = findings.iter().map(|finding| finding.code).collect();
        assert_eq!(found, codes, "{chain}");
    }
}
