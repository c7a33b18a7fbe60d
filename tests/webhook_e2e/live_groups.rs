//! Decisions by the groups of now, from a file.

use serde_json::{Value, json};

use super::kit::*;

/// Whoever is in `dev` may get pods; a super user may do anything.
const DEVELOPERS: &str = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: developers-read}
subjects: [{kind: Group, name: dev, apiGroup: rbac.authorization.k8s.io}]
roleRef: {kind: ClusterRole, name: reader, apiGroup: rbac.authorization.k8s.io}
";

const LIVE: &str = "\
liveGroups: {file: groups.yaml, ttl: 1m, exemptUsers: [break-glass]}
shadow: {policy: {paths: [policy/]}, authorizers: [{type: RBAC}]}
apiAudiences: [api]
authenticators: [{tokenFile: {file: tokens.csv}}]
";

fn home(config: &str) -> Home {
    let home = Home::new(config);
    home.write("policy/developers.yaml", DEVELOPERS);
    home.write("groups.yaml", "ann: [dev]\nbob: [ops]\n");
    home.write("tokens.csv", "t0k3n-of-bob-long-enough,bob,7,dev\n");
    home
}

/// What is said of somebody with the groups that a credential froze.
async fn may(client: &mut Client, user: &str, groups: &[&str]) -> Value {
    let mut review = pods(user, "get");
    let groups: Vec<&str> = groups.iter().copied().chain(["system:authenticated"]).collect();
    review["spec"]["groups"] = json!(groups);
    let answered = client.post("/authorize?timeout=3s", &review).await;
    assert_eq!(answered.status, 200, "{answered:?}");
    answered.body["status"]["allowed"].clone()
}

#[tokio::test]
async fn the_groups_of_the_file_decide_and_not_those_of_the_credential() {
    let server = home(LIVE).start();
    let mut client = server.client(Protocol::Http2).await;
    let client = &mut client;
    assert_eq!(may(client, "ann", &[]).await, true);
    // Again: what is kept of the first one is not for the second.
    assert_eq!(may(client, "bob", &["dev"]).await, false);
    assert_eq!(may(client, "ann", &["ops"]).await, true);
    assert_eq!(may(client, "cat", &["dev"]).await, false, "she is in no file");
    for user in ["bob", "cat"] {
        assert_eq!(may(client, user, &["system:masters"]).await, false, "{user}");
    }
    assert_eq!(may(client, "break-glass", &["system:masters"]).await, true);
    assert_eq!(may(client, "break-glass", &["dev"]).await, true);
    assert_eq!(may(client, "system:serviceaccount:a:b", &["dev"]).await, true, "never looked up");
    // Whose token it is, is told as it stands there.
    let status = client.whose("t0k3n-of-bob-long-enough", &[]).await;
    assert_eq!(status["user"]["groups"], json!(["dev", "system:authenticated"]), "{status}");
    // The candidate is asked about the same user.
    let (_, shadow) = server.look("/shadow").await;
    let shadow: Value = serde_json::from_str(&shadow).unwrap();
    assert_eq!(shadow["differences"]["would_allow"], 0, "{shadow}");
    assert_eq!(shadow["differences"]["would_refuse"], 0, "{shadow}");

    // The twin of all this: without the file the credential decides.
    let server = home("").start();
    let mut client = server.client(Protocol::Http2).await;
    let client = &mut client;
    assert_eq!(may(client, "ann", &[]).await, false);
    assert_eq!(may(client, "bob", &["dev"]).await, true);
    assert_eq!(may(client, "cat", &["system:masters"]).await, true);
}

#[tokio::test]
async fn a_file_that_changes_is_felt_at_once_and_a_broken_one_is_not() {
    let server = home(LIVE).start();
    let mut client = server.client(Protocol::Http2).await;
    assert_eq!(may(&mut client, "ann", &[]).await, true);
    assert_eq!(may(&mut client, "bob", &[]).await, false);
    server.home.write("groups.yaml", "ann: [ops]\nbob: [dev]\n");
    server.until("the next groups", "/metrics", |text| !text.contains("generation 1\n")).await;
    // Although what was looked up is good for a minute.
    assert_eq!(may(&mut client, "ann", &[]).await, false);
    assert_eq!(may(&mut client, "bob", &[]).await, true);
    for broken in ["ann: [system:masters]\n", "ann: dev\n", "system:admin: [dev]\n"] {
        server.home.write("groups.yaml", broken);
        let failed = "portcullis_reloads_total{what=\"policy\",result=\"failure\"}";
        let before = server.metric(failed).await;
        server.process.signal("HUP");
        let counts = |text: &str| {
            let mut lines = text.lines().filter_map(|line| line.strip_prefix(failed));
            lines.any(|count| count.trim().parse::<u64>().unwrap() > before)
        };
        server.until(broken, "/metrics", counts).await;
        assert_eq!(may(&mut client, "ann", &[]).await, false, "{broken}");
        assert_eq!(may(&mut client, "bob", &[]).await, true, "{broken}");
    }
}
