//! The review server's answers against those of the real authorizers, on the worlds of the corpus:
//! every question as a body, in both versions.

use std::path::Path;
use std::sync::Arc;

use portcullis::authn::cache::{CacheConfig, TokenCache};
use portcullis::authn::chain::TokenChain;
use portcullis::authz::abac;
use portcullis::snapshot::{Config, Mode, Snapshot, compile};
use portcullis::webhook::{App, Asker};
use serde_json::{Value, json};

use crate::support::world::{Expected, error_parts, read_list};
use crate::support::{corpus, ndjson, shared};

#[test]
fn the_worlds_of_the_corpus_are_answered_as_recorded() {
    assert!(check_rbac(&corpus("rbac-1")) >= 2900);
    assert!(check_rbac(&corpus("rbac-bootstrap-1")) >= 480);
    assert!(check_abac(&corpus("abac-1")) >= 900);
}

#[test]
fn every_recorded_world_is_answered_as_recorded() {
    for world in ["rbac-2", "rbac-3", "rbac-4", "rbac-5", "rbac-6"] {
        let Some(path) = shared(&format!("golden/worlds/{world}")) else { return };
        assert!(check_rbac(&path) >= 2900);
    }
    for world in ["abac-2", "abac-3"] {
        let Some(path) = shared(&format!("golden/worlds/{world}")) else { return };
        assert!(check_abac(&path) >= 900);
    }
}

#[test]
fn the_bodies_of_a_real_api_server_are_answered() {
    let Some(path) = shared("golden/apiserver-requests.ndjson") else { return };
    let inventory = read_list(&corpus("rbac-bootstrap-1").join("world.json"));
    let app = app(compile(&inventory, &Config::new([Mode::Rbac])).unwrap());
    let recorded: Vec<Value> = ndjson(&path);
    let mut answered = 0;
    for request in recorded.iter().filter(|request| is_authorize(request)) {
        let reply = app.authorize(&serde_json::to_vec(&request["body"]).unwrap(), Asker::default());
        assert_eq!(reply.status.as_u16(), 200, "{request}");
        let answer: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(answer["apiVersion"], request["body"]["apiVersion"]);
        assert!(answer["status"]["allowed"].is_boolean(), "{answer}");
        assert_eq!(answer["status"].get("evaluationError"), None, "{request}");
        answered += 1;
    }
    assert!(answered >= 40, "{answered}");
}

fn is_authorize(request: &Value) -> bool {
    request["path"].as_str().is_some_and(|path| path.starts_with("/authorize"))
}

fn app(snapshot: Snapshot) -> App {
    let tokens = TokenCache::new(Arc::new(TokenChain::default()), CacheConfig::default()).unwrap();
    App::new(Arc::new(snapshot), tokens)
}

fn check_rbac(world: &Path) -> usize {
    let inventory = read_list(&world.join("world.json"));
    check(world, &app(compile(&inventory, &Config::new([Mode::Rbac])).unwrap()))
}

fn check_abac(world: &Path) -> usize {
    let text = std::fs::read_to_string(world.join("policy.jsonl")).unwrap();
    let policy = abac::Policy::parse("policy.jsonl", &text).unwrap();
    let config = Config::new([Mode::Abac]).with_abac(policy);
    check(world, &app(compile(&Default::default(), &config).unwrap()))
}

fn check(world: &Path, app: &App) -> usize {
    let queries: Vec<Value> = ndjson(&world.join("queries.ndjson"));
    let expected: Vec<Expected> = ndjson(&world.join("expected.ndjson"));
    assert_eq!(queries.len(), expected.len());
    let mut decided = 0;
    for (line, (query, expected)) in queries.iter().zip(&expected).enumerate() {
        let at = format!("{}:{}: {query}", world.display(), line + 1);
        for version in ["v1", "v1beta1"] {
            let reply = app.authorize(&body(version, query), Asker::default());
            let answer: Value = serde_json::from_slice(&reply.body).unwrap();
            let both = query["resourceAttributes"].is_object()
                && query["nonResourceAttributes"].is_object();
            if expected.no_attrs || both {
                // The API server never asks so; its validation refuses it (S-SAR-9, S-SAR-10).
                assert_eq!(reply.status.as_u16(), 422, "{at}");
                continue;
            }
            assert_eq!(reply.status.as_u16(), 200, "{at}: {answer}");
            let status = &answer["status"];
            assert_eq!(status["allowed"], expected.allowed, "{at}");
            assert_eq!(status["denied"].as_bool().unwrap_or(false), expected.denied, "{at}");
            assert!(expected.is_reason(status["reason"].as_str().unwrap_or_default()), "{at}");
            let error = status["evaluationError"].as_str().unwrap_or_default();
            assert_eq!(error_parts(error), error_parts(&expected.error), "{at}");
            decided += 1;
        }
    }
    decided / 2
}

/// The question as the API server writes it; `v1beta1` spells the groups in the singular.
fn body(version: &str, query: &Value) -> Vec<u8> {
    let mut spec = query.clone();
    if let (Some(fields), "v1beta1") = (spec.as_object_mut(), version)
        && let Some(groups) = fields.remove("groups")
    {
        fields.insert("group".to_owned(), groups);
    }
    serde_json::to_vec(&json!({
        "kind": "SubjectAccessReview", "apiVersion": format!("authorization.k8s.io/{version}"),
        "metadata": {}, "spec": spec, "status": {"allowed": false},
    }))
    .unwrap()
}
