//! The decision log, and what no log may hold.

use serde_json::{Value, json};

use super::kit::*;

const LOG: &str = "\
log: {level: trace, format: json, decisions: {file: decisions.jsonl}}
apiAudiences: [api]
authenticators:
- tokenFile: {file: tokens.csv}
- bootstrapTokens: {}
";

/// Tokens that are known, unknown, broken, and ones that look like what we issue.
const TOKENS: [&str; 7] = [
    "t0k3n-of-joe-long-enough",
    "unknown-t0k3n-of-nobody",
    "s3cret with-a-space",
    "good00.0123456789abcdef",
    "good00.0123456789abcdee",
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2sifQ.c2lnbmF0dXJl",
    "pct_3f9a2c7be01d_0123456789abcdefghijklmnopqrstuv",
];

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn every_decision_is_one_line_without_tokens_which_explain_agrees_with() {
    let home = Home::new(LOG);
    home.write("tokens.csv", "t0k3n-of-joe-long-enough,joe,7,dev\n");
    home.write(
        "policy/bootstrap.yaml",
        "\
apiVersion: v1
kind: Secret
type: bootstrap.kubernetes.io/token
metadata: {name: bootstrap-token-good00, namespace: kube-system}
stringData:
  token-id: good00
  token-secret: 0123456789abcdef
  usage-bootstrap-authentication: 'true'
",
    );
    let server = home.start();
    let mut asked = 0;
    for protocol in BOTH {
        let mut client = server.client(protocol).await;
        for user in ["jane", "joan"] {
            for verb in ["get", "list", "delete"] {
                client.may(user, verb).await;
                asked += 1;
            }
        }
        for token in TOKENS {
            client.whose(token, &[]).await;
            // At the wrong path, in a broken body, and as a credential of the request.
            let review = json!({"spec": {"token": token}}).to_string();
            let (_, broken) = review.split_at(1);
            for (path, body) in
                [("/authorize", review.clone()), ("/authenticate", broken.to_owned())]
            {
                assert_eq!(client.send("POST", path, body).await.unwrap().status, 400);
            }
        }
    }
    // Of the tokens, one is refused before anybody is asked.
    let reviewed = 2 * (TOKENS.len() - 1);
    assert_eq!(server.stop(), Some(0));
    let log = home.read("decisions.jsonl");
    let all = lines(&log);
    let of_kind = |kind: &str| all.iter().filter(|line| line["kind"] == kind).count();
    assert_eq!((of_kind("authorize"), of_kind("authenticate")), (asked, reviewed), "{log}");
    assert_eq!(all.len(), asked + reviewed);
    let count = |decision: &str| all.iter().filter(|line| line["decision"] == decision).count();
    assert_eq!((count("allow"), count("no-opinion"), count("authenticated")), (2, asked - 2, 4));
    for line in &all {
        assert_eq!(line["generation"], 1);
        assert!(line["requestId"].as_str().is_some_and(|id| !id.is_empty()), "{line}");
        assert!(line["latencyUs"].as_f64().is_some_and(|time| time > 0.0), "{line}");
    }
    let allow = all.iter().find(|line| line["decision"] == "allow").unwrap();
    assert_eq!(allow["user"]["name"], "jane");
    assert!(allow["path"].to_string().contains("jane-reads"), "{allow}");

    // No token: not in clear, not as a list of bytes, nor its end.
    let said = server.process.stderr();
    assert!(said.contains("\"level\":\"TRACE\""));
    for (name, text) in [("log", &log), ("stderr", &said), ("stdout", &server.process.stdout())] {
        for token in TOKENS {
            let bytes = format!("{:?}", token.as_bytes());
            let (_, end) = token.split_at(token.len() - 10);
            for secret in [token, end, bytes.trim_matches(['[', ']'])] {
                let line = text.lines().find(|line| line.contains(secret));
                assert_eq!(line, None, "{secret} in {name}");
            }
        }
    }

    let policy = home.path("policy/rbac.yaml").display().to_string();
    let explain = |policy: &str| {
        let args = ["explain", "--line", "decisions.jsonl", "-f", policy, "-o", "json"];
        let (code, out, err) = run(&home.path(""), &args);
        (code, serde_json::from_str::<Value>(&out).unwrap_or_else(|_| panic!("{out}{err}")))
    };
    let (code, explained) = explain(&policy);
    assert_eq!(code, Some(0), "{explained}");
    assert_eq!((&explained["replayed"], &explained["agreeing"]), (&json!(asked), &json!(asked)));
    assert_eq!(explained["tokenReviews"], reviewed);
    // Another policy says something else.
    home.write("other.yaml", &POLICY.replace("jane", "joan"));
    let (code, explained) = explain("other.yaml");
    assert_eq!((code, &explained["agreeing"]), (Some(3), &json!(asked - 4)), "{explained}");
}

#[tokio::test]
async fn a_log_that_was_renamed_is_opened_anew_at_a_hangup() {
    let home = Home::new("log: {format: json, decisions: {file: decisions.jsonl}}\n");
    let server = home.start();
    let mut client = server.client(Protocol::Http2).await;
    let written = async |lines: u64| {
        let line = format!("portcullis_decision_log_written_total {lines}\n");
        server.until("lines", "/metrics", |text| text.contains(&line)).await;
    };
    client.may("jane", "get").await;
    written(1).await;
    std::fs::rename(home.path("decisions.jsonl"), home.path("old.jsonl")).unwrap();
    // Until then lines go where they went.
    client.may("jane", "list").await;
    written(2).await;
    assert_eq!(lines(&home.read("old.jsonl")).len(), 2);
    server.process.signal("HUP");
    let name = home.path("decisions.jsonl");
    server.process.until("the new file", || name.exists().then_some(()));
    client.may("jane", "delete").await;
    written(3).await;
    assert_eq!(lines(&home.read("old.jsonl")).len(), 2);
    let new = lines(&home.read("decisions.jsonl"));
    assert_eq!((new.len(), &new[0]["attributes"]["verb"]), (1, &json!("delete")));
}

#[tokio::test]
async fn allows_are_sampled_and_names_are_masked_as_configured_and_noes_are_all_there() {
    let home = Home::new(
        "log: {format: json, decisions: {file: '-', sampleAllows: 0, mask: UsersAndNames}}\n",
    );
    let server = home.start();
    let mut client = server.client(Protocol::Http2).await;
    for _ in 0..20 {
        assert!(client.is_allowed("jane", "get").await);
        assert!(!client.is_allowed("joan-the-secret", "get").await);
    }
    assert_eq!(server.metric("portcullis_decision_log_sampled_out_total ").await, 20);
    assert_eq!(server.stop(), Some(0));
    let said = server.process.stdout();
    let all = lines(&said);
    assert_eq!(all.len(), 20);
    assert!(all.iter().all(|line| line["decision"] == "no-opinion"), "{said}");
    assert!(!said.contains("joan-the-secret") && said.contains("\"masked\""), "{said}");
}
