//! Links of the chain that are no roles: nodes by their pods, policies in Rego, another webhook.

use serde_json::{Value, json};

use super::kit::*;

/// A pod on n1 that mounts a Secret.
const POD: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, uid: 6f9c2d3e-0a1b-4c5d-8e7f-001122334455}
spec:
  nodeName: n1
  volumes: [{name: v, secret: {secretName: db}}]
";

/// Nobody deletes pods, and nothing of it may take long.
const GUARD: &str = "\
package portcullis.authz
deny contains \"frozen\" if input.resourceAttributes.verb == \"delete\"
";

/// More than any budget.
const ENDLESS: &str = "\
package portcullis.authz
deny if {
    some a in numbers.range(1, 1000)
    some b in numbers.range(1, 1000)
    some c in numbers.range(1, 1000)
    a * b * c < 0
}
";

fn home(chain: &str) -> Home {
    let home = Home::new("");
    let server = home.read("server.yaml");
    assert!(server.contains("authorizers: [{type: RBAC}]"), "{server}");
    home.write("server.yaml", &server.replace("authorizers: [{type: RBAC}]", chain));
    home
}

fn secret(node: &str) -> Value {
    json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": {
            "user": format!("system:node:{node}"), "groups": ["system:nodes", "system:authenticated"],
            "resourceAttributes":
                {"verb": "get", "version": "v1", "resource": "secrets", "namespace": "shop", "name": "db"},
        },
    })
}

async fn ask(client: &mut Client, review: &Value) -> Value {
    let answered = client.post("/authorize?timeout=3s", review).await;
    assert_eq!(answered.status, 200, "{answered:?}");
    answered.body["status"].clone()
}

#[tokio::test]
async fn nodes_and_policies_in_rego_decide_among_roles_and_are_reloaded() {
    let home =
        home("authorizers: [{type: Node}, {type: Rego, name: guard, paths: [rego]}, {type: RBAC}]");
    home.write("policy/pod.yaml", POD);
    home.write("rego/guard.rego", GUARD);
    let server = home.start();
    let mut client = server.client(Protocol::Http2).await;
    assert_eq!(ask(&mut client, &secret("n1")).await["allowed"], true);
    assert_eq!(ask(&mut client, &secret("n2")).await["allowed"], false);
    assert_eq!(ask(&mut client, &pods("jane", "get")).await["allowed"], true);
    let frozen = ask(&mut client, &pods("jane", "delete")).await;
    assert_eq!((&frozen["denied"], &frozen["reason"]), (&json!(true), &json!("frozen")));

    // A broken policy changes nothing, a good one does.
    let generation = server.generation().await;
    server.home.write("rego/guard.rego", "package portcullis.authz\ndeny if {\n");
    server.until("a complaint", "/readyz", |text| text.contains("guard.rego")).await;
    assert_eq!(ask(&mut client, &pods("jane", "delete")).await["denied"], true);
    server.home.write("rego/guard.rego", &GUARD.replace("delete", "get"));
    within("the new policy", async {
        while server.generation().await == generation {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(ask(&mut client, &pods("jane", "get")).await["denied"], true);
}

#[tokio::test]
async fn a_policy_that_does_not_end_denies_and_holds_up_nobody() {
    let home = home("authorizers: [{type: RBAC}, {type: Rego, paths: [slow.rego], time: 100ms}]");
    home.write("slow.rego", ENDLESS);
    let server = home.start();
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let mut client = server.client(Protocol::Http2).await;
        asking.spawn(async move { ask(&mut client, &pods("nobody", "get")).await });
    }
    // Whom a role allows is answered by the link before.
    let mut client = server.client(Protocol::Http1).await;
    for _ in 0..20 {
        assert_eq!(ask(&mut client, &pods("jane", "get")).await["allowed"], true);
    }
    while let Some(status) = asking.join_next().await {
        let status = status.unwrap();
        assert_eq!(
            (&status["allowed"], &status["denied"]),
            (&json!(false), &json!(true)),
            "{status}"
        );
    }
}
