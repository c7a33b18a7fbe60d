//! Bodies in, answers out, over both protocols: those of a real API server, our own, and a world
//! whose decisions were recorded.

use serde_json::{Value, json};

use super::kit::*;
use crate::support::world::{Expected, error_parts};
use crate::support::{corpus, ndjson, shared};

/// Adds a second grant to [`POLICY`], and a token.
fn home() -> Home {
    let home = Home::new(
        "apiAudiences: [api, 'https://kubernetes.default.svc']\nauthenticators: [{tokenFile: {file: tokens.csv, format: csv}}]\n",
    );
    home.write(
        "policy/ops.yaml",
        "\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: looker}
rules: [{nonResourceURLs: [/metrics], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: ops-look}
subjects: [{kind: Group, name: ops, apiGroup: rbac.authorization.k8s.io}]
roleRef: {kind: ClusterRole, name: looker, apiGroup: rbac.authorization.k8s.io}
",
    );
    home.write(
        "tokens.csv",
        "t0k3n-of-joe,joe,7,\"dev,ops\"\nhunter2-secret-token,tok:hunter2-,8,dev\n",
    );
    home
}

#[tokio::test]
async fn our_own_bodies_are_answered_as_written_beside_them() {
    let server = home().start();
    for protocol in BOTH {
        let mut client = server.client(protocol).await;
        for case in ndjson::<Value>(&corpus("reviews/bodies.ndjson")) {
            let answered = client.post(case["path"].as_str().unwrap(), &case["body"]).await;
            assert_eq!(answered.status, case["httpStatus"], "{protocol:?}: {case} {answered:?}");
            assert_eq!(answered.headers["content-type"], "application/json");
            if answered.status == 200 {
                assert_eq!(answered.body["status"], case["status"], "{protocol:?}: {case}");
                for field in ["kind", "apiVersion"] {
                    assert_eq!(answered.body[field], case["body"][field], "{case}");
                }
            } else {
                assert_eq!(answered.body["kind"], "Status", "{case}");
                assert_eq!(answered.body["code"], case["httpStatus"], "{case}");
            }
        }
    }
}

#[tokio::test]
async fn the_bodies_of_a_real_api_server_are_answered_alike_over_both_protocols() {
    let Some(path) = shared("golden/apiserver-requests.ndjson") else { return };
    let server = home().start();
    let mut http1 = server.client(Protocol::Http1).await;
    let mut http2 = server.client(Protocol::Http2).await;
    let (mut access, mut tokens, mut known) = (0, 0, 0);
    for recorded in ndjson::<Value>(&path) {
        let path = recorded["path"].as_str().unwrap();
        let one = http1.post(path, &recorded["body"]).await;
        let two = http2.post(path, &recorded["body"]).await;
        assert_eq!((one.status, two.status), (200, 200), "{recorded} {one:?}");
        assert_eq!(one.body, two.body, "{recorded}");
        assert_eq!(one.body["apiVersion"], recorded["body"]["apiVersion"]);
        assert_eq!(one.body["kind"], recorded["body"]["kind"]);
        if path.starts_with("/authorize") {
            assert!(one.body["status"]["allowed"].is_boolean(), "{one:?}");
            access += 1;
        } else {
            let is_known = recorded["body"]["spec"]["token"] == "hunter2-secret-token";
            // Whom the recording server found in no file is nobody here, too.
            assert!(one.body["status"]["authenticated"] == true || !is_known, "{recorded} {one:?}");
            known += u32::from(is_known);
            tokens += 1;
        }
    }
    assert!(access >= 40 && tokens >= 1 && known >= 1, "{access} {tokens} {known}");
}

#[tokio::test]
async fn a_recorded_world_is_decided_over_the_wire_as_recorded() {
    let world = corpus("rbac-1");
    let home = Home::new("");
    let path = world.join("world.json").display().to_string();
    let config = home.read("server.yaml").replace("[policy/]", &json!([path]).to_string());
    home.write("server.yaml", &config);
    let server = home.start();
    let queries: Vec<Value> = ndjson(&world.join("queries.ndjson"));
    let expected: Vec<Expected> = ndjson(&world.join("expected.ndjson"));
    let mut clients = [server.client(Protocol::Http1).await, server.client(Protocol::Http2).await];
    let (mut decided, mut allowed) = (0, 0);
    for (number, (query, expected)) in queries.iter().zip(&expected).enumerate().step_by(7) {
        let is_both =
            query["resourceAttributes"].is_object() && query["nonResourceAttributes"].is_object();
        if expected.no_attrs || is_both {
            continue;
        }
        let review = json!({
            "kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "spec": query,
        });
        let answered = clients[number % 2].post("/authorize?timeout=3s", &review).await;
        let at = format!("{}: {query}: {answered:?}", number + 1);
        assert_eq!(answered.status, 200, "{at}");
        let status = &answered.body["status"];
        assert_eq!(status["allowed"], expected.allowed, "{at}");
        assert_eq!(status["denied"].as_bool().unwrap_or(false), expected.denied, "{at}");
        assert!(expected.is_reason(status["reason"].as_str().unwrap_or_default()), "{at}");
        let error = status["evaluationError"].as_str().unwrap_or_default();
        assert_eq!(error_parts(error), error_parts(&expected.error), "{at}");
        decided += 1;
        allowed += u32::from(expected.allowed);
    }
    assert!(decided >= 400 && allowed >= 20 && allowed < decided, "{decided} {allowed}");
}
