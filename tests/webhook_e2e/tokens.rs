//! Every kind of token over `/authenticate`, accepted and refused, and what a reload changes.

use std::sync::Arc;

use portcullis::authn::issued::Issuer;
use portcullis::crypto::{SigningAlgorithm, SigningKey};
use portcullis::model::User;
use serde_json::{Map, Value, json};

use super::kit::*;

const ACCOUNT: &str = "6f9c2d3e-0a1b-4c5d-8e7f-000000000001";
const POD: &str = "6f9c2d3e-0a1b-4c5d-8e7f-000000000002";
const ISSUER: &str = "https://kubernetes.default.svc";

const AUTHENTICATORS: &str = "
apiAudiences: [https://kubernetes.default.svc]
authenticators:
- tokenFile: {file: tokens.csv, format: csv}
- tokenFile: {file: tokens.ptk, format: hashed}
- bootstrapTokens: {}
- serviceAccounts:
    issuers: [https://kubernetes.default.svc]
    keyFiles: [sa.pub]
    legacyTokens: true
- issuedTokens:
    issuer: https://portcullis.example
    audiences: [https://kubernetes.default.svc]
    keyFiles: [issuer.pub]
";

fn now() -> i64 {
    i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap()
}

/// The public half of a key, as `openssl pkey -pubout` writes it.
fn public(key: &SigningKey) -> String {
    let pair = rcgen::KeyPair::from_pem(key.to_pem().expose_secret()).unwrap();
    pair.public_key_pem()
}

fn sign(key: &SigningKey, claims: Value) -> String {
    let Value::Object(claims) = claims else { panic!("no object") };
    key.sign(&Map::new(), &claims).unwrap()
}

/// A server that knows every kind of token, and who signs.
struct World {
    home: Home,
    accounts: SigningKey,
    issuer: Arc<SigningKey>,
    legacy: String,
    hashed: String,
}

impl World {
    fn new(more: &str) -> Self {
        let home = Home::new(&format!("{AUTHENTICATORS}{more}"));
        let accounts = SigningKey::generate(SigningAlgorithm::Es256).unwrap();
        let issuer = Arc::new(SigningKey::generate(SigningAlgorithm::Es256).unwrap());
        home.write("sa.pub", &public(&accounts));
        home.write("issuer.pub", &public(&issuer));
        home.write("tokens.csv", "csv-token-of-joe,joe,7,\"dev,ops\"\n");
        let hashed = new_token(&home, &["--user", "jim", "--group", "dev"]);
        let legacy = sign(
            &accounts,
            json!({
                "iss": "kubernetes/serviceaccount",
                "sub": "system:serviceaccount:shop:web",
                "kubernetes.io/serviceaccount/namespace": "shop",
                "kubernetes.io/serviceaccount/secret.name": "web-token",
                "kubernetes.io/serviceaccount/service-account.name": "web",
                "kubernetes.io/serviceaccount/service-account.uid": ACCOUNT,
            }),
        );
        let world = Self { home, accounts, issuer, legacy, hashed };
        world.write_objects(true, true);
        world.write_bootstrap("");
        world
    }

    /// The objects that tokens of service accounts are bound to.
    fn write_objects(&self, pod: bool, secret: bool) {
        let mut items = vec![json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "web", "namespace": "shop", "uid": ACCOUNT},
        })];
        if pod {
            items.push(json!({
                "apiVersion": "v1", "kind": "Pod", "spec": {"nodeName": "n"},
                "metadata": {"name": "web-0", "namespace": "shop", "uid": POD},
            }));
        }
        if secret {
            items.push(json!({
                "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
                "metadata": {"name": "web-token", "namespace": "shop"},
                "stringData": {"token": self.legacy},
            }));
        }
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        self.home.write("policy/objects.json", &list.to_string());
    }

    /// Three Secrets: one in order, one over, one for another use.
    fn write_bootstrap(&self, except: &str) {
        let secret = |id: &str, more: &str| {
            if id == except {
                return String::new();
            }
            format!(
                "---\napiVersion: v1\nkind: Secret\ntype: bootstrap.kubernetes.io/token\n\
                 metadata: {{name: bootstrap-token-{id}, namespace: kube-system}}\n\
                 stringData: {{token-id: {id}, token-secret: 0123456789abcdef, {more}}}\n"
            )
        };
        let text = [
            secret("good00", "usage-bootstrap-authentication: 'true'"),
            secret(
                "over00",
                "usage-bootstrap-authentication: 'true', expiration: '2020-01-01T00:00:00Z'",
            ),
            secret("sign00", "usage-bootstrap-signing: 'true'"),
        ]
        .concat();
        self.home.write("policy/bootstrap.yaml", &text);
    }

    /// A token bound to the pod, with some claims changed.
    fn bound(&self, key: &SigningKey, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = json!({
            "iss": ISSUER, "aud": [ISSUER], "exp": now() + 600, "iat": now() - 5, "nbf": now() - 5,
            "jti": "d8a1f2aa", "sub": "system:serviceaccount:shop:web",
            "kubernetes.io": {
                "namespace": "shop", "serviceaccount": {"name": "web", "uid": ACCOUNT},
                "pod": {"name": "web-0", "uid": POD},
            },
        });
        change(&mut claims);
        sign(key, claims)
    }

    fn issued(&self, audience: &str, at: i64) -> String {
        let key = Arc::clone(&self.issuer);
        let issuer = Issuer::new("https://portcullis.example", [audience], key, 3600).unwrap();
        let user = User::new("ann").with_groups(["dev"]);
        issuer.issue(&user, &[], at, Some(600)).unwrap().expose_secret().to_owned()
    }
}

/// The same with another first character of the signature.
fn flip_signature(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (first, rest) = signature.split_at(1);
    format!("{signed}.{}{rest}", if first == "A" { "B" } else { "A" })
}

fn new_token(home: &Home, args: &[&str]) -> String {
    let file = home.path("tokens.ptk").display().to_string();
    let args = [&["token", "new", "--file", &file], args].concat();
    let (code, out, err) = run(&home.path(""), &args);
    assert_eq!(code, Some(0), "{err}");
    out.trim().to_owned()
}

#[tokio::test]
async fn every_kind_of_token_proves_its_user_over_both_protocols() {
    let world = World::new("");
    let account = "system:serviceaccount:shop:web";
    let all_accounts =
        ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"];
    let cases = [
        ("csv-token-of-joe".to_owned(), "joe", vec!["dev", "ops", "system:authenticated"]),
        (world.hashed.clone(), "jim", vec!["dev", "system:authenticated"]),
        (
            "good00.0123456789abcdef".to_owned(),
            "system:bootstrap:good00",
            vec!["system:bootstrappers", "system:authenticated"],
        ),
        (world.legacy.clone(), account, all_accounts.to_vec()),
        (world.bound(&world.accounts, |_| {}), account, all_accounts.to_vec()),
        (world.issued(ISSUER, now()), "ann", vec!["dev", "system:authenticated"]),
    ];
    let server = world.home.start();
    for protocol in BOTH {
        let mut client = server.client(protocol).await;
        for (token, name, groups) in &cases {
            let status = client.whose(token, &[]).await;
            assert_eq!(status["authenticated"], true, "{name}: {status}");
            assert_eq!(status["user"]["username"], *name, "{status}");
            assert_eq!(status["user"]["groups"], json!(groups), "{status}");
            // For whom the API server asks, and for nobody else.
            let status = client.whose(token, &[ISSUER, "vault"]).await;
            assert_eq!(status["audiences"], json!([ISSUER]), "{name}: {status}");
            let status = client.whose(token, &["vault"]).await;
            assert_ne!(status["authenticated"], true, "{name}: {status}");
            assert_eq!(status.get("user").and_then(|user| user.get("username")), None, "{status}");
        }
    }
    // Each knew its own for two sets of audiences; the second time the cache may have answered.
    for (kind, users) in
        [("token_file", 4), ("bootstrap_token", 2), ("service_account", 4), ("issued_token", 2)]
    {
        let name = format!(
            "portcullis_authenticator_outcomes_total{{authenticator=\"{kind}\",\
             result=\"authenticated\"}}"
        );
        let counted = server.metric(&name).await;
        assert!((users..=2 * users).contains(&counted), "{kind}: {counted}");
    }
    let bound = server.client(Protocol::Http2).await.whose(&cases[4].0, &[]).await;
    let extra = &bound["user"]["extra"];
    assert_eq!(extra["authentication.kubernetes.io/pod-name"], json!(["web-0"]), "{bound}");
    assert_eq!(bound["user"]["uid"], ACCOUNT);
}

#[tokio::test]
async fn every_kind_of_token_is_refused_when_something_about_it_is_wrong() {
    let world = World::new("");
    let other = SigningKey::generate(SigningAlgorithm::Es256).unwrap();
    let accounts = &world.accounts;
    let bound = |change: &dyn Fn(&mut Value)| world.bound(accounts, change);
    let good = bound(&|_| {});
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let mut hashed = world.hashed.clone();
    hashed.pop();
    let cases: Vec<(&str, String)> = vec![
        ("unknown", "csv-token-of-jim".into()),
        ("another case", "CSV-token-of-joe".into()),
        ("a user, not a token", "joe".into()),
        ("with a space", "csv-token-of-joe joe".into()),
        ("with a space before", " csv-token-of-joe".into()),
        ("empty", String::new()),
        ("hashed, cut short", hashed),
        ("bootstrap, wrong secret", "good00.0123456789abcdee".into()),
        ("bootstrap, over", "over00.0123456789abcdef".into()),
        ("bootstrap, for signing only", "sign00.0123456789abcdef".into()),
        ("bootstrap, no such Secret", "none00.0123456789abcdef".into()),
        ("bound, expired", bound(&|claims| claims["exp"] = json!(now() - 62))),
        ("bound, not yet", bound(&|claims| claims["nbf"] = json!(now() + 600))),
        ("bound, another audience", bound(&|claims| claims["aud"] = json!(["vault"]))),
        ("bound, another issuer", bound(&|claims| claims["iss"] = json!("https://other"))),
        (
            "bound, another pod of the name",
            bound(&|claims| claims["kubernetes.io"]["pod"]["uid"] = json!(ACCOUNT)),
        ),
        (
            "bound, another account of the name",
            bound(&|claims| claims["kubernetes.io"]["serviceaccount"]["uid"] = json!(POD)),
        ),
        (
            "bound, no such account",
            bound(&|claims| claims["kubernetes.io"]["serviceaccount"]["name"] = json!("db")),
        ),
        ("bound, another key", world.bound(&other, |_| {})),
        ("bound, no signature", format!("{signed}.")),
        ("bound, flipped signature", flip_signature(&good)),
        ("bound, other claims", {
            let forged = bound(&|claims| claims["sub"] = json!("system:serviceaccount:shop:db"));
            format!("{header}.{}.{signature}", forged.split('.').nth(1).unwrap())
        }),
        ("bound, trailing data", format!("{good}.x")),
        ("bound, the issuer's own key", world.bound(&world.issuer, |_| {})),
        ("legacy, flipped", flip_signature(&world.legacy)),
        ("issued, over", world.issued(ISSUER, now() - 601)),
        ("issued, another audience", world.issued("vault", now())),
        ("issued, not yet", world.issued(ISSUER, now() + 60)),
    ];
    let server = world.home.start();
    let mut client = server.client(Protocol::Http2).await;
    for (what, token) in &cases {
        let status = client.whose(token, &[]).await;
        assert_ne!(status["authenticated"], true, "{what}: {status}");
        assert_eq!(status["user"]["username"], Value::Null, "{what}: {status}");
    }
    // Clocks may differ by a minute (S-SAJWT-6), also where answers are cached.
    let late = bound(&|claims| claims["exp"] = json!(now() - 30));
    assert_eq!(client.user(&late).await.as_deref(), Some("system:serviceaccount:shop:web"));
    // The twin of them all, on the same connection.
    assert_eq!(client.user(&good).await.as_deref(), Some("system:serviceaccount:shop:web"));
    let refused = u64::try_from(cases.len()).unwrap();
    let counted =
        |result| format!("portcullis_authenticate_duration_seconds_count{{result=\"{result}\"}}");
    let sum = server.metric(&counted("unknown")).await
        + server.metric(&counted("error")).await
        + server.metric(&counted("malformed")).await;
    assert_eq!(sum, refused);
}

#[tokio::test]
async fn a_reload_takes_tokens_back_at_once_though_answers_are_cached() {
    // Answers are kept for an hour: only the reload can end them.
    let world = World::new("tokenCache: {success: 1h, failure: 1h}\n");
    let bound = world.bound(&world.accounts, |_| {});
    let issued = world.issued(ISSUER, now());
    let server = world.home.start();
    let mut client = server.client(Protocol::Http2).await;
    let csv = "csv-token-of-joe";
    let bootstrap = "good00.0123456789abcdef";
    let tokens = [csv, &world.hashed, bootstrap, &world.legacy, &bound, &issued];
    for token in tokens {
        // Twice: the second answer comes from the cache.
        assert!(client.user(token).await.is_some());
        assert!(client.user(token).await.is_some());
    }
    assert!(server.metric("portcullis_token_cache_total{result=\"hit\"}").await >= 6);
    let stranger = SigningKey::generate(SigningAlgorithm::Es256).unwrap();
    let id = world.hashed.split('_').nth(1).unwrap();
    let file = world.home.path("tokens.ptk").display().to_string();
    let revoke = || {
        let (code, _, err) = run(&world.home.path(""), &["token", "revoke", id, "--file", &file]);
        assert_eq!(code, Some(0), "{err}");
    };
    // One after the other; whoever is not taken back goes on.
    let take_back: [(&str, &dyn Fn()); 6] = [
        (csv, &|| world.home.write("tokens.csv", "csv-token-of-jil,jil,8\n")),
        (&world.hashed, &revoke),
        (bootstrap, &|| world.write_bootstrap("good00")),
        (&world.legacy, &|| world.write_objects(true, false)),
        (&bound, &|| world.write_objects(false, false)),
        (&issued, &|| world.home.write("issuer.pub", &public(&stranger))),
    ];
    for (number, (token, change)) in take_back.into_iter().enumerate() {
        assert!(client.user(token).await.is_some(), "{number}");
        let before = server.generation().await;
        change();
        server
            .until("a reload", "/metrics", |text| {
                !text.contains(&format!("portcullis_policy_generation {before}\n"))
            })
            .await;
        assert_eq!(client.user(token).await, None, "{number}");
        for (later, token) in tokens.iter().enumerate().skip(number + 1) {
            assert!(client.user(token).await.is_some(), "{number} {later}");
        }
    }
    assert_eq!(client.user("csv-token-of-jil").await.as_deref(), Some("jil"));
}

#[tokio::test]
async fn a_name_of_kubernetes_in_a_token_file_is_refused_at_the_start_and_at_a_reload() {
    let world = World::new("");
    let good = world.home.read("tokens.csv");
    let bad = format!("{good}csv-token-of-evil,system:admin,9,system:masters\n");
    world.home.write("tokens.csv", &bad);
    let said = world.home.cannot_start();
    for part in ["server.yaml:", "authenticators[0].tokenFile.file", "tokens.csv", "system:"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("csv-token-of"), "{said}");

    world.home.write("tokens.csv", &good);
    let server = world.home.start();
    world.home.write("tokens.csv", &bad);
    server.until("the failure", "/readyz", |text| text.contains("reload: failing since")).await;
    let (status, text) = server.look("/readyz").await;
    assert!(status == 200 && text.contains("tokens.csv") && !text.contains("csv-token"), "{text}");
    let mut client = server.client(Protocol::Http2).await;
    assert_eq!(client.user("csv-token-of-evil").await, None);
    assert_eq!(client.user("csv-token-of-joe").await.as_deref(), Some("joe"));
}

#[tokio::test]
async fn a_hashed_token_ends_at_its_time() {
    let world = World::new("");
    let at = jiff::Timestamp::from_second(now() + 3).unwrap();
    let short = new_token(&world.home, &["--user", "kim", "--expires", &at.to_string()]);
    let made = std::time::Instant::now();
    let server = world.home.start();
    let mut client = server.client(Protocol::Http2).await;
    let first = client.user(&short).await;
    // On a machine that is too slow for three seconds nothing is learnt from the first answer.
    assert!(first.as_deref() == Some("kim") || made.elapsed().as_secs() >= 2);
    while made.elapsed() < std::time::Duration::from_secs(4) {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    // Though the answer is kept for ten seconds otherwise.
    assert_eq!(client.user(&short).await, None);
}
