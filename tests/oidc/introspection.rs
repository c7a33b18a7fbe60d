//! Tokens that only their issuer can read: RFC 7662.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis::authn::oidc::introspection::IntrospectionRules;
use portcullis::authn::{CREDENTIAL_ID, TokenAuthenticator};
use portcullis::source::oidc::{Introspection, IntrospectionConfig, IntrospectionConfigError};
use serde_json::{Value, json};

use super::{ask, asked, now, run};
use crate::support::oidc_provider::Provider;

/// The endpoint as a client that has a secret with everything in it that must be escaped.
fn config(provider: &Provider, folder: &tempfile::TempDir) -> IntrospectionConfig {
    let secret = "s: %&+é=";
    provider.tell(json!({"do": "client", "id": "port cullis", "secret": secret}));
    let file = folder.path().join("secret");
    fs::write(&file, format!("{secret}\n")).unwrap();
    let rules = IntrospectionRules::new("username", "op:").with_groups("groups", "op:");
    let url = format!("{}/introspect", provider.issuer);
    IntrospectionConfig::new(url, "port cullis", file, rules).with_ca_bundle(provider.ca.as_bytes())
}

fn authenticator(config: IntrospectionConfig) -> Arc<dyn TokenAuthenticator> {
    Arc::new(Introspection::new(config).unwrap())
}

fn say(provider: &Provider, token: &str, more: Value) {
    let mut answer = json!({"active": true, "username": "jane", "exp": now() + 60});
    for (name, value) in more.as_object().unwrap() {
        answer[name] = value.clone();
    }
    provider.tell(json!({"do": "introspect", "token": token, "answer": answer}));
}

#[test]
fn an_active_token_is_whose_the_answer_says_and_an_inactive_one_is_nobody_s() {
    run(async |provider| {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(provider, &folder);
        config.rules = config.rules.with_uid("sub");
        let of = authenticator(config);
        let until = now() + 60;
        say(
            provider,
            "op_a-b.c~d+e/f==",
            json!({"groups": ["dev"], "sub": "u-1", "jti": "t-1", "exp": until, "token_type": "bearer"}),
        );
        let found = ask(&of, "op_a-b.c~d+e/f==").await.unwrap().unwrap();
        assert_eq!((found.user.name.as_str(), found.user.uid.as_str()), ("op:jane", "u-1"));
        assert_eq!(found.user.groups, ["op:dev"]);
        assert_eq!(found.user.extra[CREDENTIAL_ID], ["JTI=t-1"]);
        assert_eq!(found.expires, Some(until));
        assert_eq!(ask(&of, "unknown").await, Ok(None));
        say(provider, "over", json!({"active": false}));
        assert_eq!(ask(&of, "over").await, Ok(None));
    });
}

#[test]
fn what_the_answer_says_must_be_in_order() {
    run(async |provider| {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(provider, &folder);
        config.rules = config.rules.with_audiences(["k8s", "api"]).with_issuer("https://i.example");
        let of = authenticator(config);
        let good = json!({"aud": ["x", "api"], "iss": "https://i.example"});
        say(provider, "good", good.clone());
        assert_eq!(ask(&of, "good").await.unwrap().unwrap().user.name, "op:jane");
        for (more, expected) in [
            (json!({"active": "true"}), "introspection: the answer does not say in `active`"),
            (json!({"exp": now()}), "introspection: token is expired (Token Expiry: "),
            (json!({"exp": "soon"}), "introspection: `exp`: json: invalid number literal"),
            (json!({"nbf": now() + 90}), "introspection: token is not valid before "),
            (json!({"aud": "x"}), r#"introspection: expected audience in ["k8s" "api"] got ["x"]"#),
            (json!({"aud": null}), r#"introspection: expected audience in ["k8s" "api"] got []"#),
            (
                json!({"iss": "https://j.example"}),
                r#"introspection: the token is not issued by "https://i.example""#,
            ),
            (json!({"iss": null}), "introspection: the token is not issued by "),
            (json!({"cnf": {"jkt": "x"}}), "introspection: the token is bound to a key"),
            (json!({"token_type": "refresh_token"}), "introspection: `token_type` is not `Bearer`"),
            (json!({"username": ""}), r#"introspection: claim "username" is empty"#),
            (json!({"username": 1}), "introspection: oidc: parse username claims \"username\": "),
            (json!({"groups": 1}), "introspection: oidc: parse groups claim \"groups\": "),
        ] {
            let mut answer = good.clone();
            for (name, value) in more.as_object().unwrap() {
                answer[name] = value.clone();
            }
            say(provider, "token", answer);
            let text = ask(&of, "token").await.expect_err("a refusal");
            assert!(text.starts_with(expected), "{text}");
        }
    });
}

#[test]
fn tokens_of_others_are_not_shown_to_the_endpoint() {
    run(async |provider| {
        let folder = tempfile::tempdir().unwrap();
        let of = authenticator(config(provider, &folder));
        let foreign = provider.token("ES256", json!({"iss": "https://kubernetes.default.svc"}));
        let nameless = provider.mint(json!({"without": ["iss"]}));
        let own = provider.token("ES256", json!({}));
        for token in [&foreign, &nameless, &own, "", "not a token", "é", "a\nb", "{}"] {
            assert_eq!(ask(&of, token).await, Ok(None), "{token}");
        }
        assert_eq!(asked(provider, "/introspect"), 0);
        // A JWT of the issuer is, and so is one that only looks like one.
        let mut config = config(provider, &folder);
        config.rules = config.rules.with_issuer(&provider.issuer);
        let of = authenticator(config);
        say(provider, &own, json!({"iss": provider.issuer}));
        assert_eq!(ask(&of, &own).await.unwrap().unwrap().user.name, "op:jane");
        assert_eq!(ask(&of, "a.b.c").await, Ok(None));
        assert_eq!(ask(&of, &foreign).await, Ok(None));
        assert_eq!(asked(provider, "/introspect"), 2);
    });
}

#[test]
fn only_tokens_with_the_issuer_s_prefix_are_sent_where_one_is_named() {
    run(async |provider| {
        let folder = tempfile::tempdir().unwrap();
        let of = authenticator(config(provider, &folder).with_token_prefix("op_"));
        say(provider, "op_1", json!({}));
        say(provider, "ghp_1", json!({}));
        assert_eq!(ask(&of, "op_1").await.unwrap().unwrap().user.name, "op:jane");
        assert_eq!(ask(&of, "ghp_1").await, Ok(None));
        assert_eq!(asked(provider, "/introspect"), 1);
    });
}

#[test]
fn an_endpoint_that_refuses_us_or_answers_badly_is_an_error_and_no_anonymous_user() {
    run(async |provider| {
        let folder = tempfile::tempdir().unwrap();
        let of = authenticator(config(provider, &folder).with_timeout(Duration::from_millis(300)));
        for (answer, expected) in [
            (json!({"status": 500}), "introspection: the server answers with HTTP status 500"),
            (json!({"body": "<html>"}), "introspection: the answer: not one JSON value"),
            (
                json!({"body": r#"{"active": false, "active": true}"#}),
                "introspection: the answer: a member appears twice",
            ),
            (json!({"json": []}), "introspection: the answer: not a JSON object"),
            (json!({"json": {}}), "introspection: the answer does not say in `active`"),
            (json!({"size": 300_000}), "introspection: the answer is larger than 262144 bytes"),
            (json!({"delay": 1, "json": {"active": false}}), "introspection: no answer within"),
            (
                json!({"status": 307, "location": format!("{}/other", provider.issuer)}),
                "introspection: the server answers with a redirect (307)",
            ),
        ] {
            provider.behave("/introspect", answer);
            let text = ask(&of, "token").await.expect_err("a refusal");
            assert!(text.starts_with(expected), "{text}");
        }
        provider.behave("/introspect", json!({}));
        provider.tell(json!({"do": "client", "id": "port cullis", "secret": "another"}));
        let text = ask(&of, "token").await.expect_err("a refusal");
        assert_eq!(text, "introspection: the server answers with HTTP status 401");
        assert_eq!(asked(provider, "/other"), 0);
    });
}

#[test]
fn tokens_beyond_the_limits_are_refused_at_once() {
    run(async |provider| {
        let folder = tempfile::tempdir().unwrap();
        let limited = config(provider, &folder).with_limits(1, 1);
        let of = authenticator(limited);
        provider.behave("/introspect", json!({"delay": 0.4, "json": {"active": false}}));
        let asking = |token: &'static str| {
            let of = Arc::clone(&of);
            tokio::spawn(async move { ask(&of, token).await })
        };
        let (first, second) = (asking("a"), asking("b"));
        tokio::time::sleep(Duration::from_millis(150)).await;
        let begun = Instant::now();
        let text = ask(&of, "c").await.expect_err("a refusal");
        assert_eq!(text, "introspection: too many tokens are waiting for the endpoint; try again");
        assert!(begun.elapsed() < Duration::from_millis(200));
        assert_eq!((first.await.unwrap(), second.await.unwrap()), (Ok(None), Ok(None)));
        assert_eq!(ask(&of, "c").await, Ok(None));
    });
}

#[test]
fn neither_secret_nor_token_is_seen_in_debug_or_errors() {
    run(async |provider| {
        let folder = tempfile::tempdir().unwrap();
        let introspection = Introspection::new(config(provider, &folder)).unwrap();
        let shown = format!("{introspection:?}");
        assert!(shown.contains("port cullis") && !shown.contains("s: %"), "{shown}");
        provider.behave("/introspect", json!({"status": 500}));
        let of: Arc<dyn TokenAuthenticator> = Arc::new(introspection);
        let text = ask(&of, "op_hidden").await.expect_err("a refusal");
        assert!(!text.contains("op_hidden"), "{text}");
    });
}

#[test]
fn a_secret_that_is_none_and_a_plain_endpoint_stop_the_start() {
    run(async |provider| {
        let folder = tempfile::tempdir().unwrap();
        let mut absent = config(provider, &folder);
        absent.secret_file = folder.path().join("absent");
        let error = Introspection::new(absent).unwrap_err();
        assert!(matches!(error, IntrospectionConfigError::Unreadable { .. }), "{error}");
        let empty = config(provider, &folder);
        fs::write(&empty.secret_file, "\n").unwrap();
        let error = Introspection::new(empty).unwrap_err();
        assert!(matches!(error, IntrospectionConfigError::NoSecret { .. }), "{error}");
        let mut nobody = config(provider, &folder);
        nobody.client_id.clear();
        assert_eq!(Introspection::new(nobody).unwrap_err(), IntrospectionConfigError::NoClientId);
        let mut plain = config(provider, &folder);
        plain.url = "http://127.0.0.1:1/introspect".to_owned();
        let error = Introspection::new(plain).unwrap_err();
        assert!(error.to_string().contains("must be https"), "{error}");
    });
}
