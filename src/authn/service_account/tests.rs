use std::sync::{LazyLock, Mutex};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::*;
use crate::api::core::{
    Kind, Node, Pod, Secret, SecretContent, ServiceAccount, SharedTokenObjects, TokenObjects,
};
use crate::api::inventory::{Inventory, PodIdentity};
use crate::authn::{Attempt, Authenticated, Keys, TokenAuthenticator, UnixSeconds};
use crate::crypto::{KeySet, SigningAlgorithm, SigningKey, VerifyingKey};
use crate::util::secret::SecretBytes;

const ISSUER: &str = "https://kubernetes.default.svc";
const NOW: UnixSeconds = 1_767_225_600;
const UID: &str = "6f9c2d3e-0a1b-4c5d-8e7f-000000000001";
const OBJECT_UID: &str = "6f9c2d3e-0a1b-4c5d-8e7f-000000000002";

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(SigningAlgorithm::Es256).unwrap());
static OTHER_KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(SigningAlgorithm::Es256).unwrap());

type Outcome = Result<Option<Authenticated>, ServiceAccountError>;

// === tokens ===

fn members(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else { panic!("no object: {value}") };
    members
}

fn sign(claims: Value) -> String {
    KEY.sign(&Map::new(), &members(claims)).unwrap()
}

/// Signs header and payload as they are written, whatever they say.
fn sign_raw(header: &str, payload: &str, key: &SigningKey) -> String {
    let pem = ::pem::parse(key.to_pem().expose_secret()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pem.contents()).unwrap();
    sign_with(header, payload, &pair)
}

fn sign_with(header: &str, payload: &str, pair: &EcdsaKeyPair) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn keys() -> Arc<dyn Keys> {
    let keys = [KEY.verifying_key().clone(), OTHER_KEY.verifying_key().clone()];
    Arc::new(Arc::new(KeySet::new(keys)))
}

fn key_set(key: &VerifyingKey) -> Arc<dyn Keys> {
    Arc::new(Arc::new(KeySet::new([key.clone()])))
}

/// Claims of a token that is bound to nothing.
fn claims() -> Value {
    json!({
        "iss": ISSUER,
        "sub": "system:serviceaccount:shop:web",
        "aud": [ISSUER],
        "iat": NOW, "nbf": NOW, "exp": NOW + 3600,
        "jti": "5a0e",
        "kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "web", "uid": UID}},
    })
}

/// Those claims with one of them changed; `null` is none.
fn with(claim: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[claim] = value;
    claims
}

/// Those claims, bound to an object named `x`.
fn bound_to(kind: &str) -> Value {
    let mut claims = claims();
    claims["kubernetes.io"][kind] = json!({"name": "x", "uid": OBJECT_UID});
    claims
}

fn legacy_claims() -> Value {
    json!({
        "iss": "kubernetes/serviceaccount",
        "sub": "system:serviceaccount:shop:web",
        "kubernetes.io/serviceaccount/namespace": "shop",
        "kubernetes.io/serviceaccount/secret.name": "web-token",
        "kubernetes.io/serviceaccount/service-account.name": "web",
        "kubernetes.io/serviceaccount/service-account.uid": UID,
    })
}

// === objects ===

fn account() -> ServiceAccount {
    ServiceAccount {
        namespace: "shop".into(),
        name: "web".into(),
        uid: UID.into(),
        deletion_timestamp: None,
    }
}

/// The service account, and a Secret, a pod and a node named `x`.
fn world() -> Inventory {
    world_of(OBJECT_UID, None)
}

fn world_of(uid: &str, deletion_timestamp: Option<i64>) -> Inventory {
    let mut inventory = Inventory::default();
    inventory.core.service_accounts.push(account());
    inventory.core.secrets.push(Secret {
        namespace: "shop".into(),
        name: "x".into(),
        uid: uid.into(),
        deletion_timestamp,
        ..Secret::default()
    });
    inventory.core.nodes.push(Node { name: "x".into(), uid: uid.into(), deletion_timestamp });
    inventory.pods.push(PodIdentity {
        kind: "Pod".into(),
        namespace: "shop".into(),
        name: "x".into(),
        uid: uid.into(),
        deletion_timestamp,
        ..PodIdentity::default()
    });
    inventory
}

fn accounts(inventory: &Inventory) -> ServiceAccounts {
    let objects = Arc::new(TokenObjects::new(inventory));
    ServiceAccounts::new([ISSUER.to_owned()], keys(), objects)
}

fn attempt(token: &str) -> Attempt<'_> {
    Attempt { token, audiences: &[], now: NOW }
}

/// Presents a token in the world as it should be.
fn present(token: &str) -> Outcome {
    accounts(&world()).check(attempt(token))
}

fn present_in(inventory: &Inventory, claims: Value) -> Outcome {
    accounts(inventory).check(attempt(&sign(claims)))
}

fn is_user(outcome: &Outcome) -> bool {
    matches!(outcome, Ok(Some(_)))
}

fn refusal(outcome: Outcome) -> String {
    outcome.unwrap_err().to_string()
}

// === bound tokens: who it is ===

#[test]
fn a_bound_token_is_its_service_account_with_all_that_is_known() {
    let mut claims = bound_to("pod");
    claims["kubernetes.io"]["node"] = json!({"name": "n", "uid": "nu"});
    let user = User {
        name: "system:serviceaccount:shop:web".into(),
        uid: UID.into(),
        groups: vec!["system:serviceaccounts".into(), "system:serviceaccounts:shop".into()],
        extra: [
            ("credential-id", "JTI=5a0e"),
            ("node-name", "n"),
            ("node-uid", "nu"),
            ("pod-name", "x"),
            ("pod-uid", OBJECT_UID),
        ]
        .map(|(key, value)| (format!("authentication.kubernetes.io/{key}"), vec![value.into()]))
        .into(),
    };
    let expected =
        Authenticated { user, audiences: vec![ISSUER.into()], expires: Some(NOW + 3600 + 61) };
    // The node of a pod is taken as it is: there is no node `n` (S-SAJWT-8).
    assert_eq!(present(&sign(claims)), Ok(Some(expected)));
}

#[test]
fn extra_values_are_there_only_when_they_are_known() {
    let extra = |claims| {
        let user = present(&sign(claims)).unwrap().unwrap().user;
        let prefix = "authentication.kubernetes.io/";
        let keys = user.extra.keys().map(|key| key.strip_prefix(prefix).unwrap().to_owned());
        keys.collect::<Vec<_>>()
    };
    assert_eq!(extra(with("jti", Value::Null)), [""; 0]);
    assert_eq!(extra(bound_to("secret")), ["credential-id"]);
    assert_eq!(extra(bound_to("node")), ["credential-id", "node-name", "node-uid"]);
    let mut on_unknown_node = bound_to("pod");
    on_unknown_node["kubernetes.io"]["node"] = json!({"name": "n"});
    assert_eq!(extra(on_unknown_node), ["credential-id", "node-name", "pod-name", "pod-uid"]);
}

#[test]
fn the_subject_of_a_bound_token_is_not_compared() {
    for subject in [json!("system:serviceaccount:kube-system:admin"), json!("jane"), json!(null)] {
        let proven = present(&sign(with("sub", subject))).unwrap().unwrap();
        assert_eq!(proven.user.name, "system:serviceaccount:shop:web");
    }
}

#[test]
fn a_bound_token_that_names_no_account_is_refused_even_when_nothing_is_looked_up() {
    let accounts = accounts(&world()).with_bound_objects(BoundObjects::Skip);
    let refused = |private: Value| {
        accounts.check(attempt(&sign(with("kubernetes.io", private))))
            == Err(ServiceAccountError::NoAccount)
    };
    assert!(refused(json!(null)));
    assert!(refused(json!({})));
    assert!(refused(json!({"namespace": "shop"})));
    assert!(refused(json!({"serviceaccount": {"name": "web", "uid": UID}})));
    assert!(refused(json!({"namespace": "shop", "serviceaccount": {"uid": UID}})));
    assert!(refused(json!({"namespace": "shop", "serviceaccount": {"name": "web"}})));
    assert!(!refused(json!({"namespace": "shop", "serviceaccount": {"name": "web", "uid": UID}})));
}

// === whose token it is ===

#[test]
fn a_token_of_another_issuer_is_no_opinion_and_one_of_ours_is_a_user() {
    assert!(is_user(&present(&sign(claims()))));
    for issuer in [
        json!("https://kubernetes.default.svc/"),
        json!("kubernetes/serviceaccount"),
        json!(""),
        json!(null),
        json!(1),
        json!([ISSUER]),
    ] {
        assert_eq!(present(&sign(with("iss", issuer.clone()))), Ok(None), "{issuer}");
    }
}

#[test]
fn each_of_several_issuers_is_ours() {
    let objects = Arc::new(TokenObjects::new(&world()));
    let issuers = ["https://old".to_owned(), ISSUER.to_owned()];
    let accounts = ServiceAccounts::new(issuers, keys(), objects);
    for issuer in ["https://old", ISSUER] {
        let mut claims = with("iss", json!(issuer));
        claims["aud"] = json!([issuer]);
        assert!(is_user(&accounts.check(attempt(&sign(claims)))), "{issuer}");
    }
}

#[test]
fn what_is_no_token_is_no_opinion() {
    let good = sign(claims());
    let json_token = format!("{{{good}");
    let (header, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    for token in [
        "",
        "secret",
        "a.b.c",
        ".",
        "..",
        &json_token,
        &format!(" {json_token}"),
        &format!("{header}.{payload}"),
        &format!("{good}.{signature}"),
        &format!("{header}.{payload}=.{signature}"),
        &format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode("no json")),
        &format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode("[]")),
    ] {
        assert_eq!(present(token), Ok(None), "{token}");
    }
    // Its payload is ours, so what is wrong with the rest is told.
    assert!(present(&format!("{header}=.{payload}.{signature}")).is_err());
    assert!(present(&format!("{good}\n")).is_err());
    assert!(present(&format!(" {good}")).is_err());
}

#[test]
fn an_oversized_token_is_not_even_looked_at() {
    let of_length = |filler: usize| sign(with("filler", json!("x".repeat(filler))));
    let (header, payload) = (r#"{"alg":"ES256"}"#, with("filler", json!("x".repeat(50_000))));
    assert!(is_user(&present(&of_length(40_000))));
    let oversized = sign_raw(header, &payload.to_string(), &KEY);
    assert!(oversized.len() > 64 * 1024);
    assert_eq!(present(&oversized), Ok(None));
}

// === signatures ===

#[test]
fn a_token_with_a_repeated_claim_is_refused_and_its_twin_without_is_not() {
    let header = r#"{"alg":"ES256"}"#;
    let payload = claims().to_string();
    assert!(is_user(&present(&sign_raw(header, &payload, &KEY))));
    let twice = |claim: &str| format!("{{{claim},{}", payload.strip_prefix('{').unwrap());
    for claim in [r#""sub":"x""#, r#""exp":1"#, r#""x":{"a":1,"a":2}"#] {
        let said = refusal(present(&sign_raw(header, &twice(claim), &KEY)));
        assert!(said.contains("a member appears twice in one object"), "{said}");
    }
    // With two issuers it cannot be said whose token it is.
    for issuer in [r#""iss":"https://other""#.to_owned(), format!(r#""iss":"{ISSUER}""#)] {
        assert_eq!(present(&sign_raw(header, &twice(&issuer), &KEY)), Ok(None));
    }
}

#[test]
fn a_foreign_signature_is_refused() {
    let foreign = SigningKey::generate(SigningAlgorithm::Es256).unwrap();
    let header = r#"{"alg":"ES256"}"#;
    let said = refusal(present(&sign_raw(header, &claims().to_string(), &foreign)));
    assert_eq!(said, "go-jose/go-jose: error in cryptographic primitive");
}

#[test]
fn a_changed_payload_is_refused() {
    let good = sign(claims());
    let parts: Vec<&str> = good.split('.').collect();
    let mut admin = claims();
    admin["kubernetes.io"]["serviceaccount"]["name"] = json!("admin");
    let changed = URL_SAFE_NO_PAD.encode(admin.to_string());
    let said = refusal(present(&format!("{}.{changed}.{}", parts[0], parts[2])));
    assert_eq!(said, "go-jose/go-jose: error in cryptographic primitive");
    assert!(is_user(&present(&good)));
}

#[test]
fn an_hmac_with_the_public_key_is_refused() {
    let der = KEY.verifying_key().pkix().to_vec();
    let text = ::pem::encode(&::pem::Pem::new("PUBLIC KEY", der.clone()));
    for secret in [der, text.into_bytes()] {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims().to_string()));
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret);
        let tag = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
        let said = refusal(present(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))));
        assert!(said.contains("algorithm that is not allowed"), "{said}");
    }
}

#[test]
fn a_token_without_a_signature_is_refused() {
    let good = sign(claims());
    let (signed, _) = good.rsplit_once('.').unwrap();
    assert!(present(&format!("{signed}.")).is_err());
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    let none = format!("{header}.{}.", URL_SAFE_NO_PAD.encode(claims().to_string()));
    assert!(refusal(present(&none)).contains("algorithm that is not allowed"));
}

#[test]
fn critical_extensions_are_refused() {
    let header = r#"{"alg":"ES256","crit":["exp"],"exp":1}"#;
    let said = refusal(present(&sign_raw(header, &claims().to_string(), &KEY)));
    assert!(said.contains("critical extensions"), "{said}");
}

#[test]
fn the_kid_of_another_key_is_refused_and_its_own_and_none_are_not() {
    let signed_by_ours = |kid: Option<&str>| {
        let header = match kid {
            Some(kid) => json!({"alg": "ES256", "kid": kid}),
            None => json!({"alg": "ES256"}),
        };
        present(&sign_raw(&header.to_string(), &claims().to_string(), &KEY))
    };
    assert!(is_user(&signed_by_ours(None)));
    assert!(is_user(&signed_by_ours(Some(KEY.key_id()))));
    let other = refusal(signed_by_ours(Some(OTHER_KEY.key_id())));
    assert_eq!(other, "go-jose/go-jose: error in cryptographic primitive");
    assert_eq!(refusal(signed_by_ours(Some("unknown"))), "invalid signature, no keys found");
}

#[test]
fn only_the_algorithms_of_kubernetes_are_accepted() {
    let objects = || Arc::new(TokenObjects::new(&world()));
    let accounts = |keys: Arc<dyn Keys>| ServiceAccounts::new([ISSUER.to_owned()], keys, objects());
    for (algorithm, accepted) in [
        (SigningAlgorithm::Es256, true),
        (SigningAlgorithm::Rs256, true),
        (SigningAlgorithm::EdDsa, false),
    ] {
        let key = SigningKey::generate(algorithm).unwrap();
        let token = key.sign(&Map::new(), &members(claims())).unwrap();
        let outcome = accounts(key_set(key.verifying_key())).check(attempt(&token));
        assert_eq!(is_user(&outcome), accepted, "{algorithm:?}");
        assert_eq!(outcome.is_err(), !accepted, "{algorithm:?}");
    }
    let curves: [(&'static EcdsaSigningAlgorithm, &str); 2] =
        [(&ECDSA_P384_SHA384_FIXED_SIGNING, "ES384"), (&ECDSA_P521_SHA512_FIXED_SIGNING, "ES512")];
    for (algorithm, name) in curves {
        let pair = EcdsaKeyPair::generate(algorithm).unwrap();
        let der = AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(pair.public_key());
        let key = VerifyingKey::from_pkix(der.unwrap().as_ref()).unwrap();
        let header = json!({"alg": name}).to_string();
        let token = sign_with(&header, &claims().to_string(), &pair);
        assert!(is_user(&accounts(key_set(&key)).check(attempt(&token))), "{name}");
        let wrong_name = sign_with(r#"{"alg":"ES256"}"#, &claims().to_string(), &pair);
        assert!(accounts(key_set(&key)).check(attempt(&wrong_name)).is_err(), "{name}");
    }
}

#[test]
fn an_unknown_key_is_told_to_whom_can_fetch_it_and_a_known_one_is_not() {
    struct Fresh(Arc<KeySet>, Mutex<Vec<String>>);

    impl Keys for Fresh {
        fn current(&self) -> Arc<KeySet> {
            Arc::clone(&self.0)
        }

        fn unknown_key(&self, key_id: &str) {
            self.1.lock().unwrap().push(key_id.to_owned());
        }
    }

    let set = KeySet::new([KEY.verifying_key().clone()]);
    let fresh = Arc::new(Fresh(Arc::new(set), Mutex::default()));
    let objects = Arc::new(TokenObjects::new(&world()));
    let keys = Arc::<Fresh>::clone(&fresh);
    let accounts = ServiceAccounts::new([ISSUER.to_owned()], keys, objects);
    assert!(is_user(&accounts.check(attempt(&sign(claims())))));
    // A token of another issuer and one of a disallowed algorithm fetch nothing.
    let foreign = OTHER_KEY.sign(&Map::new(), &members(with("iss", json!("x")))).unwrap();
    assert_eq!(accounts.check(attempt(&foreign)), Ok(None));
    assert_eq!(*fresh.1.lock().unwrap(), [""; 0]);
    let unknown = OTHER_KEY.sign(&Map::new(), &members(claims())).unwrap();
    assert!(accounts.check(attempt(&unknown)).is_err());
    assert_eq!(*fresh.1.lock().unwrap(), [OTHER_KEY.key_id()]);
}

// === audiences ===

#[test]
fn the_audiences_are_those_asked_for_that_the_token_has() {
    let asking = |aud: Value, asked: &[&str]| {
        let asked: Vec<String> = asked.iter().map(|&audience| audience.to_owned()).collect();
        let token = sign(with("aud", aud));
        let accounts = accounts(&world()).with_audiences(["api".to_owned(), "api2".to_owned()]);
        let outcome = accounts.check(Attempt { token: &token, audiences: &asked, now: NOW });
        outcome.map(|user| user.unwrap().audiences.join(" ")).map_err(|error| error.to_string())
    };
    let wrong = |token: &str, asked: &str| {
        Err(format!("token audiences {token} is invalid for the target audiences {asked}"))
    };
    // Asked for nothing, the API server's own count.
    assert_eq!(asking(json!(["api2", "api"]), &[]), Ok("api api2".into()));
    assert_eq!(asking(json!("api"), &[]), Ok("api".into()));
    assert_eq!(asking(json!(["vault"]), &[]), wrong(r#"["vault"]"#, r#"["api" "api2"]"#));
    // Asked for others, only those count.
    assert_eq!(asking(json!(["vault", "api"]), &["b", "vault"]), Ok("vault".into()));
    assert_eq!(asking(json!(["api"]), &["b", "c"]), wrong(r#"["api"]"#, r#"["b" "c"]"#));
    // Without any, the token is for the API server.
    for none in [json!(null), json!([]), json!("api")] {
        assert_eq!(asking(none.clone(), &["api"]), Ok("api".into()), "{none}");
        assert!(asking(none, &["vault"]).is_err());
    }
    assert_eq!(
        asking(json!([1]), &[]),
        Err("the claim `aud` of the token must be a string or a list of strings".into())
    );
}

#[test]
fn an_empty_list_of_audiences_leaves_the_issuers() {
    let accounts = accounts(&world()).with_audiences([]);
    assert!(is_user(&accounts.check(attempt(&sign(claims())))));
    assert!(accounts.check(attempt(&sign(with("aud", json!(["vault"]))))).is_err());
}

#[test]
fn audiences_that_were_asked_for_count_even_when_we_have_none() {
    let mut claims = legacy_claims();
    claims["aud"] = json!(["a"]);
    let token = sign(claims);
    let accounts = legacy_accounts(&legacy_world(&token)).with_audiences([]);
    let asking = |audience: &str| {
        let audiences = [audience.to_owned()];
        accounts.check(Attempt { token: &token, audiences: &audiences, now: NOW })
    };
    assert_eq!(asking("a").unwrap().unwrap().audiences, ["a"]);
    assert!(matches!(asking("b"), Err(ServiceAccountError::Audiences { .. })));
    assert!(is_user(&accounts.check(attempt(&token))));
}

// === times ===

#[test]
fn a_token_is_good_from_a_minute_before_its_time_to_a_minute_after() {
    for (claim, at, refused) in [
        ("exp", NOW - 60, None),
        ("exp", NOW - 61, Some("service account token has expired")),
        ("exp", 0, Some("service account token has expired")),
        ("nbf", NOW + 60, None),
        ("nbf", NOW + 61, Some("service account token is not valid yet")),
        ("iat", NOW + 60, None),
        ("iat", NOW + 61, Some("service account token is issued in the future")),
    ] {
        let outcome = present(&sign(with(claim, json!(at))));
        match refused {
            None => assert!(is_user(&outcome), "{claim} {at}"),
            Some(text) => assert_eq!(refusal(outcome), text, "{claim} {at}"),
        }
    }
}

#[test]
fn an_answer_ends_in_the_second_in_which_the_token_is_first_refused() {
    let token = sign(claims());
    let accounts = accounts(&world());
    let at = |now| accounts.check(Attempt { now, ..attempt(&token) });
    let end = at(NOW).unwrap().unwrap().expires.unwrap();
    assert!(is_user(&at(end - 1)));
    assert!(at(end).is_err());
    // The furthest times that there are overflow nothing.
    for (exp, accepted) in [(i64::MAX, true), (i64::MIN, false)] {
        let token = sign(with("exp", json!(exp)));
        for now in [i64::MIN, NOW, i64::MAX] {
            let outcome = accounts.check(Attempt { now, ..attempt(&token) });
            assert!(outcome.is_err() || accepted || now == i64::MIN, "{exp} {now}");
        }
        assert_eq!(is_user(&accounts.check(attempt(&token))), accepted, "{exp}");
    }
}

#[test]
fn a_token_without_times_is_accepted_and_one_with_other_times_is_not() {
    let mut endless = claims();
    for claim in ["exp", "nbf", "iat"] {
        endless[claim] = Value::Null;
        let said = refusal(present(&sign(with(claim, json!("tomorrow")))));
        assert_eq!(said, format!("the claim `{claim}` of the token must be a time in seconds"));
    }
    assert_eq!(present(&sign(endless)).unwrap().unwrap().expires, None);
}

// === what a bound token names ===

#[test]
fn the_service_account_must_be_the_same_one() {
    let with_account = |change: fn(&mut ServiceAccount)| {
        let mut inventory = world();
        change(&mut inventory.core.service_accounts[0]);
        present_in(&inventory, claims())
    };
    assert!(is_user(&with_account(|_| {})));
    assert_eq!(
        refusal(with_account(|account| account.name = "other".into())),
        r#"serviceaccounts "web" not found"#
    );
    assert_eq!(
        refusal(with_account(|account| account.namespace = "bank".into())),
        r#"serviceaccounts "web" not found"#
    );
    assert_eq!(
        refusal(with_account(|account| account.uid = "new".into())),
        format!("service account UID (new) does not match claim ({UID})")
    );
    assert_eq!(
        refusal(with_account(|account| account.uid = "".into())),
        format!("service account UID () does not match claim ({UID})")
    );
    for grace in [59, 60] {
        let deleted = |account: &mut ServiceAccount, grace| {
            account.deletion_timestamp = Some(NOW - grace);
        };
        let mut inventory = world();
        deleted(&mut inventory.core.service_accounts[0], grace);
        assert!(is_user(&present_in(&inventory, claims())), "{grace}");
    }
    assert_eq!(
        refusal(with_account(|account| account.deletion_timestamp = Some(NOW - 61))),
        "service account shop/web has been deleted"
    );
}

#[test]
fn an_answer_ends_when_what_it_rests_on_has_been_in_deletion_for_a_minute() {
    let ends = |inventory: &Inventory, claims| {
        present_in(inventory, claims).unwrap().unwrap().expires.map(|at| at - NOW)
    };
    // The token itself, with the leeway.
    assert_eq!(ends(&world(), claims()), Some(3661));
    let mut inventory = world();
    inventory.core.service_accounts[0].deletion_timestamp = Some(NOW + 100);
    assert_eq!(ends(&inventory, claims()), Some(161));
    for kind in ["secret", "pod", "node"] {
        let inventory = world_of(OBJECT_UID, Some(NOW + 30));
        assert_eq!(ends(&inventory, bound_to(kind)), Some(91), "{kind}");
        assert_eq!(ends(&inventory, claims()), Some(3661), "{kind}");
    }
}

#[test]
fn what_changes_after_the_authenticator_was_made_counts() {
    let shared = SharedTokenObjects::new(TokenObjects::new(&world()));
    let accounts = ServiceAccounts::new([ISSUER.to_owned()], keys(), shared.clone());
    let token = sign(bound_to("pod"));
    assert!(is_user(&accounts.check(attempt(&token))));
    let removed = shared.change(|objects| objects.remove_pod("shop", "x"));
    assert!(removed.is_some());
    shared.change(|objects| objects.put_pod(Pod { name: "y".into(), ..Pod::default() }));
    assert_eq!(
        refusal(accounts.check(attempt(&token))),
        "service account token has been invalidated"
    );
    shared.change(|objects| objects.put_pod(removed.unwrap()));
    assert!(is_user(&accounts.check(attempt(&token))));
}

#[test]
fn the_object_that_a_token_is_bound_to_must_be_the_same_one() {
    for kind in ["secret", "pod", "node"] {
        assert!(is_user(&present_in(&world(), bound_to(kind))), "{kind}");
        let mut elsewhere = bound_to(kind);
        elsewhere["kubernetes.io"][kind]["name"] = json!("y");
        assert_eq!(
            refusal(present_in(&world(), elsewhere)),
            "service account token has been invalidated",
            "{kind}"
        );
        assert_eq!(
            refusal(present_in(&world_of("new", None), bound_to(kind))),
            format!(
                "{kind} UID (new) does not match service account {kind} ref claim ({OBJECT_UID})"
            )
        );
        for grace in [59, 60] {
            let going = world_of(OBJECT_UID, Some(NOW - grace));
            assert!(is_user(&present_in(&going, bound_to(kind))), "{kind} {grace}");
        }
        assert_eq!(
            refusal(present_in(&world_of(OBJECT_UID, Some(NOW - 61)), bound_to(kind))),
            "service account token has been invalidated",
            "{kind}"
        );
    }
}

#[test]
fn an_object_without_uid_fits_no_token_without_uid() {
    for kind in ["secret", "pod", "node"] {
        let mut claims = bound_to(kind);
        claims["kubernetes.io"][kind] = json!({"name": "x"});
        let said = refusal(present_in(&world_of("", None), claims));
        assert!(said.contains("does not match"), "{said}");
    }
}

#[test]
fn a_pod_of_another_namespace_is_another_pod() {
    let mut inventory = world();
    inventory.pods[0].namespace = "bank".into();
    assert_eq!(
        refusal(present_in(&inventory, bound_to("pod"))),
        "service account token has been invalidated"
    );
}

#[test]
fn a_kind_that_the_source_does_not_hold_refuses_the_token_and_says_what_to_do() {
    type Empty = fn(&mut Inventory);
    let kinds: [(&str, Kind, Empty); 4] = [
        ("pod", Kind::ServiceAccount, |it| it.core.service_accounts.clear()),
        ("secret", Kind::Secret, |it| it.core.secrets.clear()),
        ("pod", Kind::Pod, |it| it.pods.clear()),
        ("node", Kind::Node, |it| it.core.nodes.clear()),
    ];
    for (bound, kind, empty) in kinds {
        let mut inventory = world();
        empty(&mut inventory);
        let said = refusal(present_in(&inventory, bound_to(bound)));
        assert_eq!(
            said,
            format!(
                "the policy source holds no {kind} objects, so the token cannot be checked; add \
                 them to the source, or set `boundObjects: Skip` to do without the check"
            )
        );
        // A token that is not bound to such an object does not need them.
        if kind != Kind::ServiceAccount {
            assert!(is_user(&present_in(&inventory, claims())), "{kind}");
        }
        let skipping = accounts(&inventory).with_bound_objects(BoundObjects::Skip);
        assert!(is_user(&skipping.check(attempt(&sign(bound_to(bound))))), "{kind}");
    }
}

#[test]
fn skipping_objects_skips_neither_times_nor_signatures_nor_audiences() {
    let skipping = accounts(&Inventory::default()).with_bound_objects(BoundObjects::Skip);
    assert!(is_user(&skipping.check(attempt(&sign(claims())))));
    assert!(skipping.check(attempt(&sign(with("exp", json!(NOW - 61))))).is_err());
    assert!(skipping.check(attempt(&sign(with("aud", json!(["vault"]))))).is_err());
    let foreign = SigningKey::generate(SigningAlgorithm::Es256).unwrap();
    let foreign = foreign.sign(&Map::new(), &members(claims())).unwrap();
    assert!(skipping.check(attempt(&foreign)).is_err());
}

// === legacy tokens ===

fn legacy_world(token: &str) -> Inventory {
    let mut inventory = Inventory::default();
    inventory.core.service_accounts.push(account());
    inventory.core.secrets.push(Secret {
        namespace: "shop".into(),
        name: "web-token".into(),
        content: SecretContent::ServiceAccountToken(SecretBytes::from(token.as_bytes().to_vec())),
        ..Secret::default()
    });
    inventory
}

fn legacy_accounts(inventory: &Inventory) -> LegacyServiceAccounts {
    let objects = Arc::new(TokenObjects::new(inventory));
    LegacyServiceAccounts::new(keys(), objects).with_audiences(["api".to_owned()])
}

/// Presents a token of these claims, in a world in which its Secret holds it, after a change.
fn legacy(claims: Value, change: impl FnOnce(&mut Inventory)) -> Outcome {
    let token = sign(claims);
    let mut inventory = legacy_world(&token);
    change(&mut inventory);
    legacy_accounts(&inventory).check(attempt(&token))
}

#[test]
fn a_legacy_token_is_its_service_account_without_extra() {
    let user = User {
        name: "system:serviceaccount:shop:web".into(),
        uid: UID.into(),
        groups: vec!["system:serviceaccounts".into(), "system:serviceaccounts:shop".into()],
        ..User::default()
    };
    let expected = Authenticated { user, audiences: vec!["api".into()], expires: None };
    assert_eq!(legacy(legacy_claims(), |_| {}), Ok(Some(expected)));
}

#[test]
fn the_times_of_a_legacy_token_are_not_looked_at() {
    let mut claims = legacy_claims();
    claims["exp"] = json!(1);
    claims["nbf"] = json!(NOW + 1_000_000);
    assert!(is_user(&legacy(claims, |_| {})));
}

#[test]
fn a_legacy_token_lacking_a_claim_is_refused_by_the_first_that_is_missing() {
    let mut claims = legacy_claims();
    for (claim, text) in [
        ("kubernetes.io/serviceaccount/service-account.uid", "serviceAccountUID claim is missing"),
        (
            "kubernetes.io/serviceaccount/service-account.name",
            "serviceAccountName claim is missing",
        ),
        ("kubernetes.io/serviceaccount/secret.name", "secretName claim is missing"),
        ("kubernetes.io/serviceaccount/namespace", "namespace claim is missing"),
        ("sub", "sub claim is missing"),
    ] {
        // Those after it are missing already, and are not what is told.
        claims[claim] = json!("");
        assert_eq!(refusal(legacy(claims.clone(), |_| {})), text);
    }
}

#[test]
fn the_subject_of_a_legacy_token_must_be_its_service_account() {
    for subject in [
        "system:serviceaccount:shop:admin",
        "system:serviceaccount:bank:web",
        "system:serviceaccount:shop:web:x",
        "web",
    ] {
        let mut claims = legacy_claims();
        claims["sub"] = json!(subject);
        assert_eq!(refusal(legacy(claims, |_| {})), "sub claim is invalid", "{subject}");
    }
}

#[test]
fn a_legacy_token_whose_secret_is_gone_or_going_is_refused() {
    type Change = fn(&mut Inventory);
    let changes: [(Change, &str); 5] = [
        (|it| it.core.secrets[0].name = "other".into(), "Token has been invalidated"),
        (|it| it.core.secrets[0].namespace = "bank".into(), "Token has been invalidated"),
        // There is no grace, unlike for bound tokens.
        (|it| it.core.secrets[0].deletion_timestamp = Some(NOW), "Token has been invalidated"),
        (
            |it| it.core.secrets[0].content = SecretContent::Other,
            "Token does not match server's copy",
        ),
        (
            |it| {
                let other = SecretBytes::from(sign(legacy_claims()).into_bytes());
                it.core.secrets[0].content = SecretContent::ServiceAccountToken(other);
            },
            "Token does not match server's copy",
        ),
    ];
    assert!(is_user(&legacy(legacy_claims(), |_| {})));
    for (change, text) in changes {
        assert_eq!(refusal(legacy(legacy_claims(), change)), text);
    }
}

#[test]
fn a_legacy_token_whose_secret_is_marked_is_refused() {
    let marked = |date: &'static str| {
        legacy(legacy_claims(), move |it| it.core.secrets[0].invalid_since = date.into())
    };
    assert!(is_user(&marked("")));
    assert_eq!(
        refusal(marked("2025-12-31")),
        "the token in secret shop/web-token for service account shop/web has been marked invalid. \
         Use tokens from the TokenRequest API or manually created secret-based tokens, or remove \
         the 'kubernetes.io/legacy-token-invalid-since' label from the secret to temporarily allow \
         use of this token"
    );
}

#[test]
fn a_legacy_token_whose_service_account_is_gone_going_or_another_is_refused() {
    let with_account = |change: fn(&mut ServiceAccount)| {
        refusal(legacy(legacy_claims(), |it| change(&mut it.core.service_accounts[0])))
    };
    assert_eq!(
        with_account(|account| account.name = "other".into()),
        r#"serviceaccounts "web" not found"#
    );
    assert_eq!(
        with_account(|account| account.deletion_timestamp = Some(NOW)),
        "ServiceAccount shop/web has been deleted"
    );
    assert_eq!(
        with_account(|account| account.uid = "new".into()),
        format!("ServiceAccount UID (new) does not match claim ({UID})")
    );
}

#[test]
fn without_secrets_or_accounts_in_the_source_legacy_tokens_are_refused() {
    let said = refusal(legacy(legacy_claims(), |it| it.core.secrets.clear()));
    assert!(said.starts_with("the policy source holds no Secret objects"), "{said}");
    let said = refusal(legacy(legacy_claims(), |it| it.core.service_accounts.clear()));
    assert!(said.starts_with("the policy source holds no ServiceAccount objects"), "{said}");
}

#[test]
fn without_lookup_a_legacy_token_needs_only_its_signature_and_claims() {
    let blind = legacy_accounts(&Inventory::default()).with_lookup(Lookup::Off);
    assert!(is_user(&blind.check(attempt(&sign(legacy_claims())))));
    let mut claims = legacy_claims();
    claims["sub"] = json!("system:serviceaccount:shop:admin");
    assert!(blind.check(attempt(&sign(claims))).is_err());
    let foreign = SigningKey::generate(SigningAlgorithm::Es256).unwrap();
    let foreign = foreign.sign(&Map::new(), &members(legacy_claims())).unwrap();
    assert!(blind.check(attempt(&foreign)).is_err());
}

#[test]
fn a_legacy_token_is_for_the_api_server_alone() {
    let token = sign(legacy_claims());
    let accounts = legacy_accounts(&legacy_world(&token));
    let asking = |audience: &str| {
        let audiences = [audience.to_owned()];
        accounts.check(Attempt { token: &token, audiences: &audiences, now: NOW })
    };
    assert!(is_user(&asking("api")));
    assert_eq!(
        refusal(asking("vault")),
        r#"token audiences ["api"] is invalid for the target audiences ["vault"]"#
    );
}

#[test]
fn each_authenticator_has_no_opinion_of_the_other_ones_tokens() {
    assert_eq!(legacy_accounts(&world()).check(attempt(&sign(claims()))), Ok(None));
    assert_eq!(present(&sign(legacy_claims())), Ok(None));
    assert_eq!(accounts(&world()).name(), "service-account");
    assert_eq!(legacy_accounts(&world()).name(), "service-account-legacy");
}

// === what is told ===

#[test]
fn what_is_worth_counting_is_told() {
    let told = |claims| {
        let notices = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&notices);
        let accounts = accounts(&world())
            .with_notices(Arc::new(move |notice| sink.lock().unwrap().push(notice)));
        assert!(is_user(&accounts.check(attempt(&sign(claims)))));
        notices.lock().unwrap().clone()
    };
    let warned = |after: Option<UnixSeconds>| {
        let mut claims = claims();
        claims["kubernetes.io"]["warnafter"] = json!(after);
        told(claims)
    };
    assert_eq!(warned(Some(NOW - 7)), [Notice::Stale { seconds: 7 }]);
    for after in [None, Some(NOW), Some(NOW + 7), Some(0)] {
        assert_eq!(warned(after), [], "{after:?}");
    }
    assert_eq!(told(with("aud", Value::Null)), [Notice::NoAudience]);
}

#[test]
fn no_error_shows_the_token() {
    let foreign = SigningKey::generate(SigningAlgorithm::Es256).unwrap();
    let token = foreign.sign(&Map::new(), &members(claims())).unwrap();
    let expired = sign(with("exp", json!(1)));
    for token in [token, expired] {
        let error = present(&token).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(token.split('.').all(|part| !shown.contains(part)), "{shown}");
    }
}
