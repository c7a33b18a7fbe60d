//! Attacks on JWTs, each with a twin that differs in nothing but the attack and is accepted, so that
//! none fails for another reason.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

const HEADER: &str = r#"{"alg": "ES256"}"#;

/// Signs header and payload with the issuer's key as they are written, whatever they say.
fn sign(header: &str, payload: &str) -> String {
    sign_by(key(), header, payload)
}

fn sign_by(key: &SigningKey, header: &str, payload: &str) -> String {
    let pem = pem::parse(key.to_pem().expose_secret()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pem.contents()).unwrap();
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The claims of a good token.
fn body(more: Value) -> String {
    Value::from(claims(more)).to_string()
}

fn good() -> String {
    body(json!({}))
}

#[track_caller]
fn accepted(token: &str) {
    assert_eq!(user(&configured(|_| {}), token).name, "jane");
}

#[track_caller]
fn refused(token: &str, because: &str) {
    let text = refusal(&configured(|_| {}), token);
    assert!(text.starts_with("oidc: verify token: ") && text.contains(because), "{text}");
}

#[track_caller]
fn nobodys(token: &str) {
    assert_eq!(present(&configured(|_| {}), token), Ok(None));
}

#[test]
fn a_token_without_algorithm_is_refused_with_a_signature_and_without() {
    accepted(&sign(HEADER, &good()));
    for name in ["none", "None", "NONE", "nOnE", "", "ES256 ", "es256"] {
        let token = sign(&json!({"alg": name}).to_string(), &good());
        refused(&token, "unsupported algorithm");
        let (signed, _) = token.rsplit_once('.').unwrap();
        refused(&format!("{signed}."), "unsupported algorithm");
    }
    for header in ["{}", r#"{"alg": null}"#, r#"{"alg": ["ES256"]}"#, r#"{"Alg": "ES256"}"#, "[]"] {
        refused(&sign(header, &good()), "malformed jwt");
    }
}

#[test]
fn an_hmac_by_the_public_key_is_refused_however_the_key_is_written() {
    let der = key().verifying_key().pkix().to_vec();
    let text = pem::encode(&pem::Pem::new("PUBLIC KEY", der.clone()));
    let jwk = Value::from(key().jwk().unwrap()).to_string();
    let secrets = [der, text.trim_end().as_bytes().to_vec(), text.into_bytes(), jwk.into_bytes()];
    for secret in secrets {
        for (name, by) in [("HS256", hmac::HMAC_SHA256), ("HS512", hmac::HMAC_SHA512)] {
            let header = json!({"alg": name, "kid": key().key_id()}).to_string();
            let (header, body) = (URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(good()));
            let signed = format!("{header}.{body}");
            let tag = hmac::sign(&hmac::Key::new(by, &secret), signed.as_bytes());
            let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag));
            refused(&token, &format!("got \"{name}\""));
            // Under another name it is no signature.
            let header = URL_SAFE_NO_PAD.encode(HEADER);
            let tag = hmac::sign(&hmac::Key::new(by, &secret), signed.as_bytes());
            let token = format!("{header}.{body}.{}", URL_SAFE_NO_PAD.encode(tag));
            refused(&token, "failed to verify signature");
        }
    }
    accepted(&sign(&json!({"alg": "ES256", "kid": key().key_id()}).to_string(), &good()));
}

#[test]
fn a_key_that_the_token_brings_or_names_verifies_nothing() {
    let stranger = SigningKey::generate(SigningAlgorithm::Es256).unwrap();
    let jwk = Value::from(stranger.jwk().unwrap());
    for mut header in [
        json!({"jwk": jwk}),
        json!({"jwk": jwk, "kid": key().key_id()}),
        json!({"x5c": [URL_SAFE_NO_PAD.encode(stranger.verifying_key().pkix())]}),
        json!({"jku": "https://evil.example/keys", "x5u": "https://evil.example/x5u"}),
    ] {
        header["alg"] = "ES256".into();
        let header = header.to_string();
        refused(&sign_by(&stranger, &header, &good()), "failed to verify signature");
        accepted(&sign(&header, &good()));
    }
}

#[test]
fn a_kid_chooses_among_the_keys_of_the_issuer_and_is_read_as_nothing_else() {
    accepted(&sign(&json!({"alg": "ES256", "kid": ""}).to_string(), &good()));
    for kid in ["../../dev/null", "' OR '1'='1", "https://evil.example/k", "a\u{0}b", "*"] {
        let header = json!({"alg": "ES256", "kid": kid}).to_string();
        refused(&sign(&header, &good()), "no keys found");
    }
    for kid in [json!(null), json!(1), json!([key().key_id()]), json!({})] {
        let header = json!({"alg": "ES256", "kid": kid}).to_string();
        refused(&sign(&header, &good()), "malformed jwt");
    }
}

#[test]
fn an_extension_that_must_be_understood_is_not_passed_over() {
    accepted(&sign(r#"{"alg": "ES256", "typ": "JWT", "x": 1}"#, &good()));
    for header in [
        r#"{"alg": "ES256", "crit": ["x"], "x": 1}"#,
        r#"{"alg": "ES256", "crit": []}"#,
        r#"{"alg": "ES256", "crit": null}"#,
        r#"{"alg": "ES256", "b64": false, "crit": ["b64"]}"#,
        r#"{"alg": "ES256", "b64": true}"#,
    ] {
        refused(&sign(header, &good()), "malformed jwt");
    }
}

#[test]
fn what_stands_twice_in_header_or_claims_is_refused_though_it_is_signed() {
    let with = |member: &str| format!("{}, {member}}}", good().strip_suffix('}').unwrap());
    accepted(&sign(HEADER, &with(r#""x": {"a": 1}, "y": {"a": 1}"#)));
    refused(&sign(r#"{"alg": "ES256", "alg": "ES256"}"#, &good()), "malformed jwt");
    refused(&sign(r#"{"alg": "none", "\u0061lg": "ES256"}"#, &good()), "malformed jwt");
    for member in [
        r#""sub": "root""#,
        r#""aud": "kubectl""#,
        r#""exp": 4000000000"#,
        r#""\u0073ub": "root""#,
        r#""groups": [], "groups": ["system:masters"]"#,
        r#""x": [{"a": 1, "a": 2}]"#,
    ] {
        refused(&sign(HEADER, &with(member)), "a member appears twice");
    }
    // Of two issuers neither is whose token it is.
    nobodys(&sign(HEADER, &with(&format!(r#""iss": "{ISSUER}""#))));
}

#[test]
fn a_token_has_one_spelling_and_no_more_parts_than_three() {
    let token = sign(HEADER, &good());
    accepted(&token);
    for end in ["=", "==", "A", "\n", " "] {
        refused(&format!("{token}{end}"), "");
    }
    for end in [".", ".x", ".x.y"] {
        nobodys(&format!("{token}{end}"));
    }
    nobodys(&sign(HEADER, &format!("{}{{}}", good())));
    let (signed, signature) = token.rsplit_once('.').unwrap();
    for other in ["", &"A".repeat(86), signature.split_at(84).0] {
        refused(&format!("{signed}.{other}"), "failed to verify signature");
    }
    // The signature of one token under the claims of another.
    let (root, _) = sign(HEADER, &body(json!({"sub": "root"}))).rsplit_once('.').map_or_else(
        || panic!("no dots"),
        |(signed, signature)| (signed.to_owned(), signature.to_owned()),
    );
    refused(&format!("{root}.{signature}"), "failed to verify signature");
}

#[test]
fn times_at_the_ends_of_all_numbers_are_times_or_refused_and_panic_nowhere() {
    let at = |claim: &str, time: &str| {
        let mut claims = claims(json!({}));
        claims.remove(claim);
        let claims = Value::from(claims).to_string();
        sign(HEADER, &format!("{}, \"{claim}\": {time}}}", claims.strip_suffix('}').unwrap()))
    };
    for exp in ["9223372036854775807", "\"9223372036854775807\"", "9e18"] {
        accepted(&at("exp", exp));
    }
    for (exp, because) in [
        ("-9223372036854775808", "token is expired"),
        ("-9e18", "token is expired"),
        ("9223372036854775808", "out of range"),
        ("18446744073709551615", "out of range"),
        ("1e19", "out of range"),
        ("-1e300", "out of range"),
        ("\"1e999\"", "invalid number literal"),
        ("\"NaN\"", "invalid number literal"),
        ("\"Infinity\"", "invalid number literal"),
        ("\"0x7fffffff\"", "invalid number literal"),
        ("null", "invalid syntax"),
        ("[4000000000]", "array"),
        ("true", "bool"),
    ] {
        refused(&at("exp", exp), because);
    }
    accepted(&at("nbf", "-9223372036854775808"));
    refused(&at("nbf", "9223372036854775807"), "before the nbf");
    refused(&at("nbf", "1e19"), "out of range");
}

#[test]
fn a_token_for_another_client_is_refused_however_alike_the_audience() {
    accepted(&sign(HEADER, &body(json!({"aud": ["wiki", "kubectl"]}))));
    for aud in [
        json!("kubectl "),
        json!("Kubectl"),
        json!("kubectl\u{0}"),
        json!("kube"),
        json!("kubectl,wiki"),
        json!(["wiki"]),
        json!([["kubectl"]]),
        json!({"kubectl": true}),
        json!(""),
        json!(null),
    ] {
        refused(&sign(HEADER, &body(json!({"aud": aud, "azp": "kubectl"}))), "");
    }
}

/// An issuer that is configured beside vouches for its own tokens only.
#[test]
fn a_key_of_one_issuer_makes_no_token_of_another() {
    let other = SigningKey::generate(SigningAlgorithm::Es256).unwrap();
    let mut of_other = config();
    of_other.issuer.url = "https://other.example".to_owned();
    let of_other =
        OidcAuthenticator::new(Rules::compile(&of_other).unwrap(), Arc::new(keys(&[&other])));
    let mine = configured(|_| {});
    let forged = other.sign(&Map::new(), &claims(json!({}))).unwrap();
    assert_eq!(present(&of_other, &forged), Ok(None));
    assert!(refusal(&mine, &forged).contains("failed to verify signature"));
    let own = other.sign(&Map::new(), &claims(json!({"iss": "https://other.example"}))).unwrap();
    assert_eq!(user(&of_other, &own).name, "jane");
    assert_eq!(present(&mine, &own), Ok(None));
}
