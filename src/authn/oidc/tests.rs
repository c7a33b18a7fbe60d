//! Each statement of S-OIDC-4 to S-OIDC-24 that needs no network, with its deny twin. Tokens of
//! another implementation and the network are in `tests/oidc/`.

mod attacks;
mod expressions;

use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};

use serde_json::{Map, Value, json};

use super::*;
use crate::api::authentication_config::{ClaimValidationRule, JwtAuthenticator};
use crate::authn::{Attempt, Authenticated, AuthnError, CREDENTIAL_ID, TokenAuthenticator};
use crate::crypto::{KeySet, SigningAlgorithm, SigningKey};
use crate::model::User;

const ISSUER: &str = "https://issuer.example";
const NOW: i64 = 1_795_680_000;

fn key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate(SigningAlgorithm::Es256).unwrap())
}

fn keys(keys: &[&SigningKey]) -> Arc<KeySet> {
    Arc::new(keys.iter().map(|key| key.verifying_key().clone()).collect())
}

/// `sub` is the user name, without prefix.
fn config() -> JwtAuthenticator {
    let mut config = JwtAuthenticator::default();
    config.issuer.url = ISSUER.to_owned();
    config.issuer.audiences = vec!["kubectl".to_owned()];
    config.claim_mappings.username.claim = "sub".to_owned();
    config.claim_mappings.username.prefix = Some(String::new());
    config
}

fn configured(edit: impl FnOnce(&mut JwtAuthenticator)) -> OidcAuthenticator {
    let mut config = config();
    edit(&mut config);
    OidcAuthenticator::new(Rules::compile(&config).unwrap(), Arc::new(keys(&[key()])))
}

/// The claims of a token in order, with `more` over them; `null` of `more` takes a claim away.
fn claims(more: Value) -> Map<String, Value> {
    let ordinary = json!({"iss": ISSUER, "aud": "kubectl", "sub": "jane", "exp": NOW + 300});
    let mut claims = ordinary.as_object().unwrap().clone();
    for (name, value) in more.as_object().unwrap() {
        claims.insert(name.clone(), value.clone());
    }
    claims
}

fn token(more: Value) -> String {
    key().sign(&Map::new(), &claims(more)).unwrap()
}

fn without(claim: &str) -> String {
    let mut claims = claims(json!({}));
    claims.remove(claim);
    key().sign(&Map::new(), &claims).unwrap()
}

/// The answer, which needs no waiting.
fn present(to: &OidcAuthenticator, token: &str) -> Result<Option<Authenticated>, String> {
    let attempt = Attempt { token, audiences: &[], now: NOW };
    let mut asking = pin!(to.check(attempt));
    match asking.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer.map_err(|error| error.to_string()),
        Poll::Pending => panic!("it waits"),
    }
}

#[track_caller]
fn user(to: &OidcAuthenticator, token: &str) -> User {
    present(to, token).unwrap().expect("an opinion").user
}

#[track_caller]
fn refusal(to: &OidcAuthenticator, token: &str) -> String {
    present(to, token).expect_err("a refusal")
}

// ---- whose token: S-OIDC-4, S-OIDC-5 --------------------------------------------------------------

#[test]
fn s_oidc_4_a_token_of_the_issuer_is_an_opinion_and_what_is_no_token_of_it_is_none() {
    let oidc = configured(|_| {});
    assert_eq!(user(&oidc, &token(json!({}))).name, "jane");
    let good = token(json!({}));
    let two_parts = good.rsplit_once('.').unwrap().0.to_owned();
    for token in [
        String::new(),
        "opaque".to_owned(),
        two_parts,
        format!("{good}.AAAA"),
        "a.b.c".to_owned(),
        "{\"payload\": 1}".to_owned(),
        token(json!({"iss": "https://other.example"})),
        token(json!({"iss": "https://issuer.example/"})),
        token(json!({"iss": "HTTPS://issuer.example"})),
        token(json!({"iss": [ISSUER]})),
        token(json!({"iss": 1})),
        without("iss"),
    ] {
        assert_eq!(present(&oidc, &token), Ok(None), "{token}");
    }
}

#[test]
fn s_oidc_4_only_google_may_leave_out_the_scheme() {
    let google = configured(|config| config.issuer.url = "https://accounts.google.com".to_owned());
    for issuer in ["https://accounts.google.com", "accounts.google.com"] {
        assert_eq!(user(&google, &token(json!({"iss": issuer}))).name, "jane");
    }
    let other = configured(|_| {});
    assert_eq!(present(&other, &token(json!({"iss": "issuer.example"}))), Ok(None));
    let bare = configured(|config| config.issuer.url = "accounts.google.com".to_owned());
    assert_eq!(present(&bare, &token(json!({"iss": "https://accounts.google.com"}))), Ok(None));
}

struct Undiscovered;

impl ProviderKeys for Undiscovered {
    fn current(&self) -> Option<Arc<KeySet>> {
        None
    }
}

#[test]
fn s_oidc_5_before_discovery_a_token_of_the_issuer_is_an_error_and_one_of_others_is_not() {
    let oidc = OidcAuthenticator::new(Rules::compile(&config()).unwrap(), Arc::new(Undiscovered));
    assert_eq!(refusal(&oidc, &token(json!({}))), "oidc: authenticator not initialized");
    assert_eq!(present(&oidc, &token(json!({"iss": "https://other.example"}))), Ok(None));
    assert_eq!(present(&oidc, "opaque"), Ok(None));
}

// ---- verification: S-OIDC-6, S-OIDC-7, S-OIDC-3 ---------------------------------------------------

#[test]
fn s_oidc_6_claims_of_another_type_are_refused_even_where_nobody_reads_them() {
    let oidc = configured(|config| {
        config.claim_mappings.username.claim = "name".to_owned();
    });
    assert_eq!(user(&oidc, &token(json!({"name": "jane", "sub": null}))).name, "jane");
    for (more, text) in [
        (json!({"sub": 1}), "number into Go struct field idToken.sub of type string"),
        (json!({"nonce": {}}), "object into Go struct field idToken.nonce of type string"),
        (json!({"at_hash": []}), "array into Go struct field idToken.at_hash of type string"),
        (json!({"aud": 1}), "number into Go value of type []string"),
        (json!({"aud": ["kubectl", 1]}), "number into Go value of type []string"),
        (json!({"exp": true}), "bool into Go value of type json.Number"),
        (json!({"iat": []}), "array into Go value of type json.Number"),
        (json!({"nbf": {}}), "object into Go value of type json.Number"),
        (
            json!({"_claim_names": 1}),
            "number into Go struct field idToken._claim_names of type map[string]string",
        ),
    ] {
        let prefix =
            "oidc: verify token: oidc: failed to unmarshal claims: json: cannot unmarshal ";
        let mut more = more;
        more["name"] = "jane".into();
        assert_eq!(refusal(&oidc, &token(more)), format!("{prefix}{text}"));
    }
}

#[test]
fn s_oidc_6_one_audience_is_looked_at_first_and_several_last() {
    let one = configured(|_| {});
    for aud in [json!("kubectl"), json!(["other", "kubectl"])] {
        assert_eq!(user(&one, &token(json!({"aud": aud}))).name, "jane");
    }
    // Expired, and still it is the audience that is told.
    let text = |aud: Value| refusal(&one, &token(json!({"aud": aud, "exp": 1})));
    let prefix = r#"oidc: verify token: oidc: expected audience "kubectl" got "#;
    assert_eq!(text(json!("y")), format!("{prefix}[\"y\"]"));
    assert_eq!(text(json!(["y", "z"])), format!("{prefix}[\"y\" \"z\"]"));
    assert_eq!(text(json!([])), format!("{prefix}[]"));
    assert_eq!(text(json!(null)), format!("{prefix}[\"\"]"));
    assert_eq!(refusal(&one, &without("aud")), format!("{prefix}[]"));

    let several = configured(|config| config.issuer.audiences = vec!["x".into(), "z".into()]);
    for aud in [json!("x"), json!(["z"]), json!(["q", "z"])] {
        assert_eq!(user(&several, &token(json!({"aud": aud}))).name, "jane");
    }
    let wrong = token(json!({"aud": "q"}));
    let text = r#"oidc: verify token: oidc: expected audience in ["x" "z"] got ["q"]"#;
    assert_eq!(refusal(&several, &wrong), text);
    let text = refusal(&several, &token(json!({"aud": "q", "exp": 1})));
    assert!(text.starts_with("oidc: verify token: oidc: token is expired"), "{text}");
    // Nobody is told for whom a token is that the issuer did not sign.
    let forged = SigningKey::generate(SigningAlgorithm::Es256).unwrap();
    let forged = forged.sign(&Map::new(), &claims(json!({"aud": "q"}))).unwrap();
    let text = refusal(&several, &forged);
    assert!(text.starts_with("oidc: verify token: failed to verify signature: "), "{text}");
}

#[test]
fn s_oidc_7_a_token_ends_with_the_second_of_exp_without_leeway() {
    let oidc = configured(|_| {});
    for exp in [json!(NOW + 1), json!(format!("{}", NOW + 1)), json!(1_795_680_001.9)] {
        let found = present(&oidc, &token(json!({"exp": exp}))).unwrap().unwrap();
        assert_eq!(found.expires, Some(NOW + 1), "{exp}");
    }
    let prefix = "oidc: verify token: oidc: token is expired (Token Expiry: ";
    for (exp, shown) in [
        (json!(NOW), "2026-11-26 08:00:00 +0000 UTC"),
        (json!(1_795_680_000.9), "2026-11-26 08:00:00 +0000 UTC"),
        (json!(NOW - 1), "2026-11-26 07:59:59 +0000 UTC"),
        (json!("1795679999"), "2026-11-26 07:59:59 +0000 UTC"),
        (json!(0), "1970-01-01 00:00:00 +0000 UTC"),
    ] {
        let text = refusal(&oidc, &token(json!({"exp": exp})));
        assert_eq!(text, format!("{prefix}{shown})"));
    }
    let text = refusal(&oidc, &without("exp"));
    assert_eq!(text, format!("{prefix}0001-01-01 00:00:00 +0000 UTC)"));
}

#[test]
fn s_oidc_7_nbf_may_be_a_minute_ahead_and_no_more_and_iat_is_ignored() {
    let oidc = configured(|_| {});
    for more in [
        json!({"nbf": NOW + 60}),
        json!({"nbf": (NOW + 60).to_string()}),
        json!({"nbf": null}),
        json!({"iat": NOW + 1_000_000}),
    ] {
        assert_eq!(user(&oidc, &token(more)).name, "jane");
    }
    let text = refusal(&oidc, &token(json!({"nbf": NOW + 61})));
    let expected = "oidc: verify token: oidc: current time 2026-11-26 08:00:00 +0000 UTC before \
                    the nbf (not before) time: 2026-11-26 08:01:01 +0000 UTC";
    assert_eq!(text, expected);
}

#[test]
fn s_oidc_3_the_algorithms_are_the_nine_or_those_of_the_flag_and_no_others() {
    let header = |algorithm: &str| {
        use base64::Engine as _;
        let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        let claims = Value::from(claims(json!({}))).to_string();
        let header = json!({"alg": algorithm}).to_string();
        format!("{}.{}.{}", encode(&header), encode(&claims), encode("signature"))
    };
    let oidc = configured(|_| {});
    let prefix = "oidc: verify token: oidc: id token signed with unsupported algorithm, expected ";
    let all = r#"["ES256" "ES384" "ES512" "PS256" "PS384" "PS512" "RS256" "RS384" "RS512"]"#;
    for algorithm in ["HS256", "HS512", "none", "NONE", "EdDSA", "es256", "RS1", ""] {
        let text = refusal(&oidc, &header(algorithm));
        assert_eq!(text, format!("{prefix}{all} got \"{algorithm}\""));
    }
    for algorithm in ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS512"] {
        let text = refusal(&oidc, &header(algorithm));
        let expected = "oidc: verify token: failed to verify signature: ";
        assert!(text.starts_with(expected), "{text}");
    }
    let flag = configured(|config| config.signing_algorithms = vec!["RS256".to_owned()]);
    let text = refusal(&flag, &token(json!({})));
    assert_eq!(text, format!("{prefix}[\"RS256\"] got \"ES256\""));
    let flag = configured(|config| config.signing_algorithms = vec!["ES256".to_owned()]);
    assert_eq!(user(&flag, &token(json!({}))).name, "jane");

    for algorithm in ["HS256", "none", "EdDSA", "rs256"] {
        let mut config = config();
        config.signing_algorithms = vec![algorithm.to_owned()];
        let error = Rules::compile(&config).unwrap_err();
        assert_eq!(error.problem, RulesProblem::Algorithm(algorithm.to_owned()));
    }
}

#[test]
fn s_oidc_6_a_signature_of_another_key_is_refused_and_one_over_other_claims_too() {
    let oidc = configured(|_| {});
    let stranger = SigningKey::generate(SigningAlgorithm::Es256).unwrap();
    let forged = stranger.sign(&Map::new(), &claims(json!({}))).unwrap();
    let text = refusal(&oidc, &forged);
    assert_eq!(
        text,
        "oidc: verify token: failed to verify signature: invalid signature, no keys found"
    );
    let (mine, root) = (token(json!({})), token(json!({"sub": "root"})));
    let parts: Vec<&str> = mine.split('.').collect();
    let others: Vec<&str> = root.split('.').collect();
    let mixed = format!("{}.{}.{}", parts[0], others[1], parts[2]);
    let text = refusal(&oidc, &mixed);
    assert!(text.starts_with("oidc: verify token: failed to verify signature: go-jose"), "{text}");
}

#[test]
fn a_token_that_two_readers_read_differently_is_refused() {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let oidc = configured(|_| {});
    // A claim in another case: Go takes the last of them for `exp`.
    for (written, claim) in [("EXP", "exp"), ("Nbf", "nbf"), ("Aud", "aud"), ("SUB", "sub")] {
        let text = refusal(&oidc, &token(json!({written: "x"})));
        let expected = format!("the claim \"{written}\" differs from `{claim}` in its case only");
        assert!(text.ends_with(&expected), "{text}");
    }
    assert_eq!(user(&oidc, &token(json!({"Groups": "x", "expires": 1}))).name, "jane");
    // A claim twice, whoever signed it.
    let twice = format!(r#"{{"iss": "{ISSUER}", "sub": "jane", "sub": "root"}}"#);
    let header = encode(r#"{"alg": "ES256"}"#);
    let text = refusal(&oidc, &format!("{header}.{}.AAAA", encode(&twice)));
    let expected = "oidc: verify token: oidc: failed to unmarshal claims: a member appears twice";
    assert!(text.starts_with(expected), "{text}");
    // An extension that must be understood.
    let header = encode(r#"{"alg": "ES256", "crit": ["exp"], "exp": 1}"#);
    let body = encode(&Value::from(claims(json!({}))).to_string());
    let text = refusal(&oidc, &format!("{header}.{body}.AAAA"));
    assert!(text.starts_with("oidc: verify token: oidc: malformed jwt: "), "{text}");
}

/// Keys that are replaced when they are asked for.
struct Rotating {
    now: Mutex<Arc<KeySet>>,
    next: Arc<KeySet>,
    asked: Mutex<u32>,
}

impl ProviderKeys for Rotating {
    fn current(&self) -> Option<Arc<KeySet>> {
        Some(Arc::clone(&self.now.lock().unwrap()))
    }

    fn refreshed<'a>(&'a self, known: &'a Arc<KeySet>) -> Refreshing<'a> {
        *self.asked.lock().unwrap() += 1;
        let fresh = Arc::clone(&self.next);
        *self.now.lock().unwrap() = Arc::clone(&fresh);
        Box::pin(std::future::ready((fresh != *known).then_some(fresh)))
    }
}

#[test]
fn s_oidc_8_fresher_keys_are_asked_for_when_no_known_one_verifies_and_only_then() {
    let new = SigningKey::generate(SigningAlgorithm::Es256).unwrap();
    let rotating = Arc::new(Rotating {
        now: Mutex::new(keys(&[key()])),
        next: keys(&[&new]),
        asked: Mutex::default(),
    });
    let oidc = OidcAuthenticator::new(
        Rules::compile(&config()).unwrap(),
        Arc::<Rotating>::clone(&rotating),
    );
    let asked = || *rotating.asked.lock().unwrap();
    assert_eq!(user(&oidc, &token(json!({}))).name, "jane");
    // Not for what is refused anyway.
    refusal(&oidc, &new.sign(&Map::new(), &claims(json!({"exp": 1}))).unwrap());
    assert_eq!(asked(), 0);
    assert_eq!(user(&oidc, &new.sign(&Map::new(), &claims(json!({}))).unwrap()).name, "jane");
    assert_eq!(asked(), 1);
    let text = refusal(&oidc, &token(json!({})));
    assert!(text.starts_with("oidc: verify token: failed to verify signature: "), "{text}");
    assert_eq!(asked(), 2);
}

// ---- who it is: S-OIDC-10, S-OIDC-12, S-OIDC-14, S-OIDC-16 ----------------------------------------

#[test]
fn s_oidc_10_the_user_name_is_prefix_and_claim_and_a_missing_claim_is_refused() {
    let oidc = configured(|config| {
        config.claim_mappings.username.claim = "name".to_owned();
        config.claim_mappings.username.prefix = Some("corp:".to_owned());
    });
    for (name, expected) in
        [(json!("jane"), "corp:jane"), (json!(""), "corp:"), (json!(null), "corp:")]
    {
        assert_eq!(user(&oidc, &token(json!({"name": name}))).name, expected);
    }
    let text = r#"oidc: parse username claims "name": claim not present"#;
    assert_eq!(refusal(&oidc, &token(json!({}))), text);
    for (name, kind) in [(json!(1), "number"), (json!(["a"]), "array"), (json!(true), "bool")] {
        let text = refusal(&oidc, &token(json!({"name": name})));
        let expected = format!(
            "oidc: parse username claims \"name\": json: cannot unmarshal {kind} into Go value of \
             type string"
        );
        assert_eq!(text, expected);
    }
}

#[test]
fn s_oidc_10_an_email_that_is_not_verified_is_nobody_s() {
    let oidc = configured(|config| config.claim_mappings.username.claim = "email".to_owned());
    let present = |verified: Value| {
        present(&oidc, &token(json!({"email": "jane@example.com", "email_verified": verified})))
    };
    assert_eq!(present(json!(true)).unwrap().unwrap().user.name, "jane@example.com");
    assert_eq!(user(&oidc, &token(json!({"email": "jane@example.com"}))).name, "jane@example.com");
    for verified in [json!(false), json!(null)] {
        assert_eq!(present(verified), Err("oidc: email not verified".to_owned()));
    }
    let text = "oidc: parse 'email_verified' claim: json: cannot unmarshal string into Go value of \
                type bool";
    assert_eq!(present(json!("true")), Err(text.to_owned()));
    // Another claim is nobody's address.
    let oidc = configured(|_| {});
    assert_eq!(user(&oidc, &token(json!({"email_verified": false}))).name, "jane");
}

#[test]
fn s_oidc_12_groups_are_one_or_several_strings_with_the_prefix_and_nothing_else() {
    let oidc = configured(|config| {
        config.claim_mappings.groups.claim = "groups".to_owned();
        config.claim_mappings.groups.prefix = Some("g:".to_owned());
    });
    for (groups, expected) in [
        (json!(null), &[][..]),
        (json!([]), &[]),
        (json!("dev"), &["g:dev"]),
        (json!(""), &["g:"]),
        (json!(["dev", "", "dev", null]), &["g:dev", "g:", "g:dev", "g:"]),
    ] {
        assert_eq!(user(&oidc, &token(json!({"groups": groups}))).groups, expected);
    }
    assert_eq!(user(&oidc, &token(json!({}))).groups, [""; 0]);
    for (groups, kind) in
        [(json!(1), "number"), (json!({"a": 1}), "object"), (json!(["a", 1]), "array")]
    {
        let text = refusal(&oidc, &token(json!({"groups": groups})));
        let expected = format!(
            "oidc: parse groups claim \"groups\": json: cannot unmarshal {kind} into Go value of \
             type string"
        );
        assert_eq!(text, expected);
    }
    // Nobody asked for groups.
    assert_eq!(user(&configured(|_| {}), &token(json!({"groups": 1}))).groups, [""; 0]);
}

#[test]
fn s_oidc_14_the_uid_is_a_string_that_is_there() {
    let oidc = configured(|config| config.claim_mappings.uid.claim = "oid".to_owned());
    assert_eq!(user(&oidc, &token(json!({"oid": "u-1"}))).uid, "u-1");
    assert_eq!(user(&oidc, &token(json!({"oid": ""}))).uid, "");
    let text = r#"oidc: parse uid claim "oid": claim not present"#;
    assert_eq!(refusal(&oidc, &token(json!({}))), text);
    let text = r#"oidc: parse uid claim "oid": json: cannot unmarshal number into Go value of type string"#;
    assert_eq!(refusal(&oidc, &token(json!({"oid": 1}))), text);
}

#[test]
fn s_oidc_16_the_id_of_a_token_is_an_extra_value_and_no_id_is_none() {
    let oidc = configured(|_| {});
    let extra = user(&oidc, &token(json!({"jti": "t-1"}))).extra;
    assert_eq!(extra, [(CREDENTIAL_ID.to_owned(), vec!["JTI=t-1".to_owned()])].into());
    for jti in [json!(""), json!(1), json!(null), json!(["t-1"])] {
        assert!(user(&oidc, &token(json!({"jti": jti}))).extra.is_empty(), "{jti}");
    }
    assert!(user(&oidc, &token(json!({}))).extra.is_empty());
}

#[test]
fn s_oidc_24_reserved_names_are_a_matter_of_the_chain() {
    let oidc = configured(|config| {
        config.claim_mappings.groups.claim = "groups".to_owned();
    });
    let found = user(&oidc, &token(json!({"sub": "system:admin", "groups": "system:masters"})));
    assert_eq!(
        (found.name.as_str(), &*found.groups),
        ("system:admin", &["system:masters".to_owned()][..])
    );
}

// ---- what must hold: S-OIDC-9, S-OIDC-17 ----------------------------------------------------------

fn requiring(claim: &str, value: &str) -> OidcAuthenticator {
    configured(|config| {
        config.claim_validation_rules = vec![ClaimValidationRule {
            claim: claim.to_owned(),
            required_value: value.to_owned(),
            ..ClaimValidationRule::default()
        }];
    })
}

#[test]
fn s_oidc_17_a_required_claim_has_exactly_the_required_value() {
    let oidc = requiring("hd", "example.com");
    assert_eq!(user(&oidc, &token(json!({"hd": "example.com"}))).name, "jane");
    let text = "oidc: required claim hd not present in ID token";
    assert_eq!(refusal(&oidc, &token(json!({}))), text);
    let text = "oidc: parse claim hd: json: cannot unmarshal array into Go value of type string";
    assert_eq!(refusal(&oidc, &token(json!({"hd": ["example.com"]}))), text);
    let text =
        "oidc: required claim hd value does not match. Got = Example.com, want = example.com";
    assert_eq!(refusal(&oidc, &token(json!({"hd": "Example.com"}))), text);
    // What is required to be empty must be there.
    let oidc = requiring("hd", "");
    assert_eq!(user(&oidc, &token(json!({"hd": ""}))).name, "jane");
    assert_eq!(user(&oidc, &token(json!({"hd": null}))).name, "jane");
    let text = "oidc: required claim hd not present in ID token";
    assert_eq!(refusal(&oidc, &token(json!({}))), text);
}

#[test]
fn s_oidc_9_mappings_come_before_what_must_hold() {
    let mut config = config();
    config.claim_mappings.username.claim = "name".to_owned();
    config.claim_mappings.groups.claim = "groups".to_owned();
    config.claim_mappings.uid.claim = "oid".to_owned();
    config.claim_validation_rules =
        vec![ClaimValidationRule { claim: "hd".to_owned(), ..ClaimValidationRule::default() }];
    let oidc = OidcAuthenticator::new(Rules::compile(&config).unwrap(), Arc::new(keys(&[key()])));
    for (more, starts) in [
        (json!({"groups": 1}), "oidc: parse username claims"),
        (json!({"name": "jane", "groups": 1}), "oidc: parse groups claim"),
        (json!({"name": "jane"}), "oidc: parse uid claim"),
        (json!({"name": "jane", "oid": "1"}), "oidc: required claim hd"),
    ] {
        let text = refusal(&oidc, &token(more));
        assert!(text.starts_with(starts), "{text}");
    }
    let all = json!({"name": "jane", "oid": "1", "hd": ""});
    assert_eq!(user(&oidc, &token(all)).name, "jane");
}

// ---- distributed claims: S-OIDC-22 ----------------------------------------------------------------

/// An endpoint that answers one text, and the keys of whoever issued it.
struct Elsewhere {
    answer: Result<String, AuthnError>,
    keys: Arc<KeySet>,
    asked: Mutex<Vec<(String, Option<String>)>>,
}

impl DistributedClaims for Elsewhere {
    fn fetch<'a>(&'a self, endpoint: &'a str, access_token: Option<&'a str>) -> Fetching<'a> {
        let asked = (endpoint.to_owned(), access_token.map(str::to_owned));
        self.asked.lock().unwrap().push(asked);
        Box::pin(std::future::ready(self.answer.clone()))
    }

    fn keys<'a>(&'a self, _: &'a str) -> KeysOfIssuer<'a> {
        let keys: Arc<dyn ProviderKeys> = Arc::new(Arc::clone(&self.keys));
        Box::pin(std::future::ready(Ok(keys)))
    }
}

fn with_groups_elsewhere(answer: &str) -> (OidcAuthenticator, Arc<Elsewhere>) {
    let elsewhere = Arc::new(Elsewhere {
        answer: Ok(answer.to_owned()),
        keys: keys(&[key()]),
        asked: Mutex::default(),
    });
    let oidc = configured(|config| config.claim_mappings.groups.claim = "groups".to_owned());
    (oidc.with_distributed_claims(Arc::<Elsewhere>::clone(&elsewhere)), elsewhere)
}

fn distributed() -> Value {
    json!({
        "_claim_names": {"groups": "src"},
        "_claim_sources": {"src": {"endpoint": "https://g.example/1", "access_token": "t0k3n"}},
    })
}

#[test]
fn s_oidc_22_groups_are_fetched_where_the_token_says_and_end_with_the_sooner_token() {
    let groups = json!({"iss": "https://g.example", "groups": ["dev"], "exp": NOW + 10});
    let (oidc, elsewhere) = with_groups_elsewhere(&format!("{}\n", token(groups)));
    let found = present(&oidc, &token(distributed())).unwrap().unwrap();
    assert_eq!(found.user.groups, ["dev"]);
    assert_eq!(found.expires, Some(NOW + 10));
    let asked = elsewhere.asked.lock().unwrap().clone();
    assert_eq!(asked, [("https://g.example/1".to_owned(), Some("t0k3n".to_owned()))]);
}

#[test]
fn s_oidc_22_nothing_is_fetched_where_the_token_has_the_groups_or_names_no_endpoint() {
    let (oidc, elsewhere) = with_groups_elsewhere("");
    let mut own = distributed();
    own["groups"] = json!(["own"]);
    let mut aggregated = distributed();
    aggregated["_claim_sources"]["src"] = json!({"JWT": "x"});
    let mut other = distributed();
    other["_claim_names"] = json!({"address": "src"});
    for (more, groups) in [(own, &["own"][..]), (aggregated, &[]), (other, &[]), (json!({}), &[])] {
        assert_eq!(user(&oidc, &token(more)).groups, groups);
    }
    assert!(elsewhere.asked.lock().unwrap().is_empty());
}

#[test]
fn s_oidc_22_what_an_endpoint_answers_is_verified_as_the_token_is() {
    let prefix = "oidc: could not expand distributed claims: ";
    let signed = |more: Value| token(more);
    let stranger = SigningKey::generate(SigningAlgorithm::Es256).unwrap();
    for (answer, expected) in [
        (
            "no token".to_owned(),
            "getting untrusted issuer from endpoint https://g.example/1 failed for claim \"groups\"",
        ),
        (
            stranger.sign(&Map::new(), &claims(json!({"groups": "dev"}))).unwrap(),
            "verify distributed claim token: failed to verify signature: ",
        ),
        (
            signed(json!({"groups": "dev", "aud": "other"})),
            r#"verify distributed claim token: oidc: expected audience "kubectl" got ["other"]"#,
        ),
        (
            signed(json!({"groups": "dev", "exp": NOW})),
            "verify distributed claim token: oidc: token is expired",
        ),
        (
            signed(json!({})),
            "jwt returned by distributed claim endpoint \"https://g.example/1\" did not contain \
             claim: groups",
        ),
    ] {
        let (oidc, _) = with_groups_elsewhere(&answer);
        let text = refusal(&oidc, &token(distributed()));
        assert!(text.starts_with(&format!("{prefix}{expected}")), "{text}");
    }
}

#[test]
fn s_oidc_22_a_token_with_groups_elsewhere_is_refused_where_that_is_not_enabled() {
    let oidc = configured(|config| config.claim_mappings.groups.claim = "groups".to_owned());
    let text = "oidc: could not expand distributed claims: the claim \"groups\" is kept elsewhere, \
                and distributed claims are not enabled for this issuer";
    assert_eq!(refusal(&oidc, &token(distributed())), text);
    // Who wants no groups needs none.
    assert_eq!(user(&configured(|_| {}), &token(distributed())).name, "jane");
}

#[test]
fn s_oidc_22_sources_that_are_not_there_are_refused() {
    let (oidc, _) = with_groups_elsewhere("");
    let prefix = "oidc: verify token: oidc: failed to unmarshal claims: oidc: ";
    let mut nowhere = distributed();
    nowhere["_claim_sources"] = json!({});
    assert_eq!(refusal(&oidc, &token(nowhere)), format!("{prefix}source does not exist"));
    let mut unnamed = distributed();
    unnamed["_claim_names"]["groups"] = json!("");
    let text = format!("{prefix}failed to obtain source from claim name");
    assert_eq!(refusal(&oidc, &token(unnamed)), text);
}

// ---- the rest -------------------------------------------------------------------------------------

#[test]
fn entries_without_issuer_audience_or_user_name_do_not_compile() {
    type Edit = fn(&mut JwtAuthenticator);
    let cases: [(Edit, &str); 6] = [
        (|config| config.issuer.url.clear(), "`issuer.url` must be set"),
        (|config| config.issuer.audiences.clear(), "`issuer.audiences` must be set"),
        (|config| config.issuer.audiences.push(String::new()), "`issuer.audiences` must be set"),
        (
            |config| config.claim_mappings.username.claim.clear(),
            "`claimMappings.username` must be set",
        ),
        (
            |config| config.claim_mappings.username.expression = "claims.sub".to_owned(),
            "`claimMappings.username` must have a claim or an expression, not both",
        ),
        (
            |config| config.claim_validation_rules.push(ClaimValidationRule::default()),
            "`claimValidationRules[0]` must be set",
        ),
    ];
    for (edit, text) in cases {
        let mut config = config();
        edit(&mut config);
        assert_eq!(Rules::compile(&config).unwrap_err().to_string(), text);
    }
}

#[test]
fn errors_of_the_authenticator_carry_no_part_of_the_token() {
    let oidc = configured(|_| {});
    let token = token(json!({"exp": 1}));
    let attempt = Attempt { token: &token, audiences: &[], now: NOW };
    let mut asking = pin!(oidc.authenticate(attempt));
    let Poll::Ready(answer) = asking.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it waits");
    };
    let error = answer.unwrap_err();
    assert!(matches!(error.get().to_string(), text if text.contains("is expired")));
    for part in token.split('.') {
        assert!(!format!("{error} {error:?} {attempt:?} {oidc:?}").contains(part));
    }
}
