//! Tokens that joserfc signs, and those that nobody should have signed.

use serde_json::json;

use super::{ask, entry, name, quick, ready, refusal, run};

const ALGORITHMS: [&str; 9] =
    ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512"];

#[test]
fn tokens_of_all_nine_algorithms_are_verified() {
    run(async |provider| {
        // The keys come into being with the first token of each.
        let tokens = ALGORITHMS.map(|algorithm| {
            provider.token(algorithm, json!({"sub": algorithm, "groups": ["dev"]}))
        });
        let started = ready(entry(provider), &quick()).await;
        for (algorithm, token) in ALGORITHMS.iter().zip(&tokens) {
            let found = ask(&started.authenticator(), token).await.unwrap().unwrap();
            assert_eq!(found.user.name, format!("op:{algorithm}"));
            assert_eq!(found.user.groups, ["op:dev"]);
        }
    });
}

#[test]
fn a_token_by_another_s_key_under_the_same_id_is_refused() {
    run(async |provider| {
        let started = ready(entry(provider), &quick()).await;
        let mine = provider.mint(json!({"alg": "ES256"}));
        assert_eq!(name(&started, &mine).await, "op:jane");
        for algorithm in ["ES256", "RS256"] {
            provider.token(algorithm, json!({}));
            let forged = provider.mint(json!({"alg": algorithm, "stranger": true}));
            let text = refusal(&started, &forged).await;
            let expected = "oidc: verify token: failed to verify signature: ";
            assert!(text.starts_with(expected), "{text}");
        }
    });
}

#[test]
fn a_token_keyed_by_the_public_key_and_one_without_signature_are_refused() {
    run(async |provider| {
        let started = ready(entry(provider), &quick()).await;
        let public = provider.tell(json!({"do": "public_key", "alg": "ES256"}));
        let confused = provider.mint(json!({"alg": "HS256", "secret": public["pem"]}));
        let unsigned = provider.mint(json!({"alg": "none"}));
        for (token, algorithm) in [(confused, "HS256"), (unsigned, "none")] {
            let text = refusal(&started, &token).await;
            let expected = "oidc: verify token: oidc: id token signed with unsupported algorithm";
            assert!(text.starts_with(expected), "{text}");
            assert!(text.ends_with(&format!("got \"{algorithm}\"")), "{text}");
        }
    });
}

#[test]
fn a_token_that_is_over_or_for_others_is_refused_and_one_of_another_issuer_is_no_opinion() {
    run(async |provider| {
        let started = ready(entry(provider), &quick()).await;
        let over = provider.token("ES256", json!({"exp": 1}));
        let text = refusal(&started, &over).await;
        let expected = "oidc: verify token: oidc: token is expired (Token Expiry: 1970-01-01";
        assert!(text.starts_with(expected), "{text}");
        let other = provider.token("ES256", json!({"aud": ["vault"]}));
        let text = refusal(&started, &other).await;
        let expected = r#"oidc: verify token: oidc: expected audience "kubectl" got ["vault"]"#;
        assert_eq!(text, expected);
        let endless = provider.mint(json!({"without": ["exp"]}));
        let text = refusal(&started, &endless).await;
        assert!(text.ends_with("(Token Expiry: 0001-01-01 00:00:00 +0000 UTC)"), "{text}");
        let foreign = provider.token("ES256", json!({"iss": "https://other.example"}));
        assert_eq!(ask(&started.authenticator(), &foreign).await, Ok(None));
    });
}

#[test]
fn signed_claims_that_name_a_claim_twice_are_refused() {
    run(async |provider| {
        let started = ready(entry(provider), &quick()).await;
        let issuer = &provider.issuer;
        let claims = |second: &str| {
            format!(
                r#"{{"iss": "{issuer}", "aud": "kubectl", "exp": 4000000000, "sub": "jane"{second}}}"#
            )
        };
        let once = provider.mint(json!({"payload": claims("")}));
        assert_eq!(name(&started, &once).await, "op:jane");
        let twice = provider.mint(json!({"payload": claims(r#", "sub": "root""#)}));
        let text = refusal(&started, &twice).await;
        let expected =
            "oidc: verify token: oidc: failed to unmarshal claims: a member appears twice";
        assert!(text.starts_with(expected), "{text}");
    });
}
