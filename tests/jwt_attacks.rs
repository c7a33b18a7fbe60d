//! Attacks on JWTs, each against both authenticators that verify signatures. In every test a twin
//! that differs in nothing but the attack is accepted, so that no attack fails for another reason.

use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{NO_PAD, URL_SAFE_NO_PAD};
use portcullis::api::core::{Secret, SecretContent, ServiceAccount, TokenObjects};
use portcullis::api::inventory::Inventory;
use portcullis::authn::chain::{Member, TokenChain, Trust};
use portcullis::authn::issued::IssuedTokens;
use portcullis::authn::service_account::{LegacyServiceAccounts, ServiceAccounts};
use portcullis::authn::{Attempt, Keys, SecretBytes};
use portcullis::crypto::{KeySet, SigningAlgorithm, SigningKey};
use serde_json::{Map, Value, json};

const NOW: i64 = 1_800_000_000;
const UID: &str = "6f9c2d3e-0a1b-4c5d-8e7f-000000000001";
const ACCOUNT: &str = "system:serviceaccount:shop:web";

static KEY: LazyLock<SigningKey> = LazyLock::new(|| key(SigningAlgorithm::Es256));
static OTHER: LazyLock<SigningKey> = LazyLock::new(|| key(SigningAlgorithm::Es256));
static RSA: LazyLock<SigningKey> = LazyLock::new(|| key(SigningAlgorithm::Rs256));

fn key(algorithm: SigningAlgorithm) -> SigningKey {
    SigningKey::generate(algorithm).unwrap()
}

/// All of these are good keys of the issuer.
fn keys() -> Arc<dyn Keys> {
    let keys = [&*KEY, &*OTHER, &*RSA].map(|key| key.verifying_key().clone());
    Arc::new(Arc::new(KeySet::new(keys)))
}

/// One authenticator and the claims of a good token of its.
struct Kit {
    user: &'static str,
    chain: TokenChain,
    claims: Value,
}

fn inventory() -> Inventory {
    let mut inventory = Inventory::default();
    inventory.core.service_accounts.push(ServiceAccount {
        namespace: "shop".into(),
        name: "web".into(),
        uid: UID.into(),
        deletion_timestamp: None,
    });
    inventory
}

fn accounts(inventory: &Inventory) -> TokenChain {
    let objects = Arc::new(TokenObjects::new(inventory));
    let api = || ["api".to_owned()];
    let legacy = LegacyServiceAccounts::new(keys(), Arc::clone(&objects)).with_audiences(api());
    let bound = ServiceAccounts::new(["issuer".to_owned()], keys(), objects).with_audiences(api());
    TokenChain::new(api())
        .with(Member::new(Arc::new(legacy), Trust::Kubernetes))
        .with(Member::new(Arc::new(bound), Trust::Kubernetes))
}

fn kits() -> [Kit; 2] {
    let times = json!({"iss": "issuer", "aud": ["api"], "iat": NOW, "nbf": NOW, "exp": NOW + 600});
    let with = |more: Value| {
        let mut claims = times.clone();
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    };
    let issued = IssuedTokens::new("issuer", ["api"], keys());
    let account = json!({
        "sub": ACCOUNT, "jti": "1",
        "kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "web", "uid": UID}},
    });
    let jane = json!({"sub": "jane", "jti": "1", "uid": "", "groups": [], "extra": {}});
    [
        Kit { user: ACCOUNT, chain: accounts(&inventory()), claims: with(account) },
        Kit {
            user: "jane",
            chain: TokenChain::new(["api"]).with(Member::new(Arc::new(issued), Trust::Foreign)),
            claims: with(jane),
        },
    ]
}

/// The user's name; `None` for no opinion.
fn present(chain: &TokenChain, token: &str) -> Result<Option<String>, String> {
    let attempt = Attempt { token, audiences: &[], now: NOW };
    let mut finding = std::pin::pin!(chain.find(attempt));
    let Poll::Ready(found) = finding.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("an authenticator in memory waits for something");
    };
    match found {
        Ok(found) => Ok(found.map(|proof| proof.authenticated.user.name.clone())),
        Err(error) => Err(error.to_string()),
    }
}

/// Signs header and payload with [`KEY`] as they are written, whatever they say.
fn sign(header: &str, payload: &str) -> String {
    let pem = pem::parse(KEY.to_pem().expose_secret()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pem.contents()).unwrap();
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

const ES256: &str = r#"{"alg":"ES256"}"#;

/// What is expected of a token.
enum Expected<'a> {
    /// Its user.
    Good,
    /// An error with this text, of either authenticator.
    Refused(&'a str),
    /// The same of service accounts; the other has no opinion of what it cannot read.
    RefusedOrUnread(&'a str),
    /// It is nobody's.
    Unknown,
}
use Expected::{Good, Refused, RefusedOrUnread, Unknown};

/// Lets both authenticators look at a token that is made of their good claims.
#[track_caller]
fn expect(expected: &Expected<'_>, token: impl Fn(&Value) -> String) {
    for Kit { user, chain, claims } in kits() {
        let found = present(&chain, &token(&claims));
        match expected {
            Good => assert_eq!(found, Ok(Some(user.to_owned()))),
            Refused(text) => {
                let said = found.unwrap_err();
                assert!(said.contains(text), "{user}: {said}");
            }
            RefusedOrUnread(text) if user == ACCOUNT => {
                let said = found.unwrap_err();
                assert!(said.contains(text), "{user}: {said}");
            }
            RefusedOrUnread(_) | Unknown => assert_eq!(found, Ok(None), "{user}"),
        }
    }
}

/// The same for claims of which one is changed.
#[track_caller]
fn expect_with(expected: &Expected<'_>, claim: &str, value: &Value) {
    expect(expected, |claims| {
        let mut claims = claims.clone();
        claims[claim] = value.clone();
        sign(ES256, &claims.to_string())
    });
}

const NOT_ALLOWED: &str = "algorithm that is not allowed";
const NOT_THE_KEYS: &str = "error in cryptographic primitive";

#[test]
fn none_is_refused() {
    expect(&Good, |claims| sign(ES256, &claims.to_string()));
    for name in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({"alg": name}).to_string();
        expect(&Refused(NOT_ALLOWED), |claims| sign(&header, &claims.to_string()));
        expect(&Refused(NOT_ALLOWED), |claims| {
            let token = sign(&header, &claims.to_string());
            format!("{}.", token.rsplit_once('.').unwrap().0)
        });
    }
}

#[test]
fn an_hmac_with_a_public_key_is_refused() {
    let der = KEY.verifying_key().pkix().to_vec();
    let text = pem::encode(&pem::Pem::new("PUBLIC KEY", der.clone()));
    for secret in [der, text.clone().into_bytes(), text.trim_end().as_bytes().to_vec()] {
        for (name, algorithm) in [("HS256", hmac::HMAC_SHA256), ("HS512", hmac::HMAC_SHA512)] {
            for kid in [None, Some(KEY.key_id())] {
                expect(&Refused(NOT_ALLOWED), |claims| {
                    let mut header = json!({"alg": name});
                    if let Some(kid) = kid {
                        header["kid"] = json!(kid);
                    }
                    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
                    let signed = format!("{}.{}", encode(&header), encode(claims));
                    let tag = hmac::sign(&hmac::Key::new(algorithm, &secret), signed.as_bytes());
                    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
                });
            }
        }
    }
    expect(&Good, |claims| sign(ES256, &claims.to_string()));
}

#[test]
fn a_key_of_another_kind_or_one_that_the_token_brings_is_refused() {
    // The RSA key and the EC key are both the issuer's; each makes its own signatures only.
    let good = |key: &SigningKey, claims: &Value| {
        key.sign(&Map::new(), claims.as_object().unwrap()).unwrap()
    };
    expect(&Good, |claims| good(&RSA, claims));
    expect(&Good, |claims| good(&KEY, claims));
    for (alg, kid) in [("RS256", KEY.key_id()), ("ES256", RSA.key_id()), ("RS256", RSA.key_id())] {
        let header = json!({"alg": alg, "kid": kid}).to_string();
        for said in [None, Some(())] {
            // Signed by the EC key, and by nobody at all.
            expect(&Refused(""), |claims| {
                let token = sign(&header, &claims.to_string());
                match said {
                    None => token,
                    Some(()) => format!("{}.{}", token.rsplit_once('.').unwrap().0, "A".repeat(86)),
                }
            });
        }
    }
    // A stranger's key in the header, under its own id or none.
    let stranger = key(SigningAlgorithm::Es256);
    let bring = |claims: &Value| {
        let header = Map::from_iter([("jwk".to_owned(), stranger.jwk().unwrap())]);
        stranger.sign(&header, claims.as_object().unwrap()).unwrap()
    };
    expect(&Refused("no keys found"), bring);
    let header = json!({"alg": "ES256", "jwk": stranger.jwk().unwrap()}).to_string();
    expect(&Good, |claims| sign(&header, &claims.to_string()));
}

#[test]
fn the_wrong_kid_is_refused() {
    let with_kid = |kid: &str| {
        let header = json!({"alg": "ES256", "kid": kid}).to_string();
        move |claims: &Value| sign(&header, &claims.to_string())
    };
    expect(&Good, with_kid(KEY.key_id()));
    expect(&Refused(NOT_THE_KEYS), with_kid(OTHER.key_id()));
    for kid in ["unknown", "../../dev/null", "' OR 1=1 --", &KEY.key_id().to_lowercase()] {
        expect(&Refused("no keys found"), with_kid(kid));
    }
}

#[test]
fn an_unknown_critical_header_is_refused() {
    expect(&Good, |claims| sign(r#"{"alg":"ES256","x":1}"#, &claims.to_string()));
    for header in [
        r#"{"alg":"ES256","x":1,"crit":["x"]}"#,
        r#"{"alg":"ES256","crit":[]}"#,
        r#"{"alg":"ES256","crit":null}"#,
    ] {
        let text = "critical extensions";
        expect(&RefusedOrUnread(text), |claims| sign(header, &claims.to_string()));
    }
}

#[test]
fn an_expired_token_is_refused() {
    expect_with(&Good, "exp", &json!(NOW + 1));
    for exp in [json!(NOW - 61), json!(0), json!(-1), json!(i64::MIN)] {
        expect_with(&Refused("has expired"), "exp", &exp);
    }
    for exp in [json!("2100-01-01"), json!([NOW + 1]), json!(1e300), json!(u64::MAX)] {
        expect_with(&Refused("`exp`"), "exp", &exp);
    }
}

#[test]
fn a_token_that_is_not_yet_valid_is_refused() {
    expect_with(&Good, "nbf", &json!(NOW));
    expect_with(&Good, "iat", &json!(NOW));
    for later in [NOW + 61, i64::MAX] {
        expect_with(&Refused("not valid yet"), "nbf", &json!(later));
        expect_with(&Refused("issued in the future"), "iat", &json!(later));
    }
}

#[test]
fn the_wrong_audience_is_refused() {
    expect_with(&Good, "aud", &json!(["vault", "api"]));
    for aud in [json!(["vault"]), json!(["API"]), json!(["api "]), json!([""])] {
        expect_with(&Refused("invalid for the target audiences [\"api\"]"), "aud", &aud);
    }
    expect_with(&Refused("`aud`"), "aud", &json!([["api"]]));
}

#[test]
fn the_wrong_issuer_is_nobody_s() {
    expect_with(&Good, "iss", &json!("issuer"));
    for issuer in
        [json!("other"), json!("issuer/"), json!("ISSUER"), json!(["issuer"]), json!(null)]
    {
        expect_with(&Unknown, "iss", &issuer);
    }
    // The case of a claim's name counts.
    expect(&Unknown, |claims| sign(ES256, &claims.to_string().replace("\"iss\"", "\"Iss\"")));
}

#[test]
fn an_oversized_token_is_nobody_s() {
    expect_with(&Good, "filler", &json!("x".repeat(40_000)));
    expect_with(&Unknown, "filler", &json!("x".repeat(50_000)));
}

#[test]
fn a_duplicated_claim_is_refused() {
    let with = |first: &str| {
        let first = first.to_owned();
        move |claims: &Value| {
            let payload = claims.to_string();
            sign(ES256, &format!("{{{first}{}", payload.strip_prefix('{').unwrap()))
        }
    };
    expect(&Good, with(r#""x":1,"#));
    for claim in [r#""aud":["vault"],"#, r#""\u0061ud":["x"],"#, r#""x":{"a":1,"a":2},"#] {
        expect(&Refused("a member appears twice"), with(claim));
    }
    for Kit { chain, claims, .. } in kits() {
        let found = present(&chain, &with(r#""iss":"other","#)(&claims));
        assert!(!matches!(found, Ok(Some(_))), "{found:?}");
    }
}

#[test]
fn non_canonical_base64_is_refused() {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let lenient = GeneralPurpose::new(&URL_SAFE, NO_PAD.with_decode_allow_trailing_bits(true));
    let text = "must be unpadded base64url";
    expect(&Good, |claims| sign(ES256, &claims.to_string()));
    expect(&RefusedOrUnread(text), |claims| {
        let good = sign(ES256, &claims.to_string());
        let (signed, signature) = good.rsplit_once('.').unwrap();
        // 64 bytes leave four bits of the last character unused; now they are used.
        let last = ALPHABET.iter().position(|it| signature.as_bytes().last() == Some(it)).unwrap();
        let (front, _) = signature.split_at(signature.len() - 1);
        let other = format!("{front}{}", char::from(ALPHABET[last + 1]));
        assert_eq!(lenient.decode(&other), URL_SAFE_NO_PAD.decode(signature));
        format!("{signed}.{other}")
    });
    for end in ["=", "==", "\n"] {
        expect(&RefusedOrUnread(text), |claims| sign(ES256, &claims.to_string()) + end);
    }
}

#[test]
fn trailing_data_is_refused() {
    expect(&Good, |claims| sign(ES256, &claims.to_string()));
    // A fourth part, and something behind the claims.
    for end in [".", ".x", ".x.y"] {
        expect(&Unknown, |claims| sign(ES256, &claims.to_string()) + end);
    }
    expect(&Good, |claims| sign(ES256, &format!("{claims} \n")));
    for end in ["{}", "x", ",", "}", "\0"] {
        expect(&Unknown, |claims| sign(ES256, &format!("{claims}{end}")));
    }
    expect(&RefusedOrUnread("header"), |claims| sign(r#"{"alg":"ES256"}{}"#, &claims.to_string()));
}

#[test]
fn a_legacy_token_whose_secret_is_gone_is_refused() {
    let claims = json!({
        "iss": "kubernetes/serviceaccount", "sub": ACCOUNT,
        "kubernetes.io/serviceaccount/namespace": "shop",
        "kubernetes.io/serviceaccount/secret.name": "web-token",
        "kubernetes.io/serviceaccount/service-account.name": "web",
        "kubernetes.io/serviceaccount/service-account.uid": UID,
    });
    let token = sign(ES256, &claims.to_string());
    let secret = |name: &str, token: &str| Secret {
        namespace: "shop".into(),
        name: name.into(),
        content: SecretContent::ServiceAccountToken(SecretBytes::from(token.as_bytes().to_vec())),
        ..Secret::default()
    };
    let with = |secret: Secret| {
        let mut inventory = inventory();
        inventory.core.secrets.push(secret);
        present(&accounts(&inventory), &token)
    };
    assert_eq!(with(secret("web-token", &token)), Ok(Some(ACCOUNT.to_owned())));
    // Another Secret holds it, so Secrets are known and this one is not.
    assert_eq!(with(secret("other", &token)), Err("Token has been invalidated".to_owned()));
    let going = Secret { deletion_timestamp: Some(NOW), ..secret("web-token", &token) };
    assert_eq!(with(going), Err("Token has been invalidated".to_owned()));
    // Made anew under the same name, or signed anew: each token is its Secret's own.
    let anew = sign(ES256, &claims.to_string());
    assert_ne!(anew, token);
    let text = "Token does not match server's copy".to_owned();
    assert_eq!(with(secret("web-token", &anew)), Err(text));
}
