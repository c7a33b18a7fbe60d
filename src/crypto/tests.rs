//! Attacks on JWTs, each by its name, and keys as they come from files.

use serde_json::{Map, Value, json};

use super::json::JsonError;
use super::jws::{Compact, JwsError, MAX_TOKEN_BYTES, Part};
use super::*;

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn es256() -> SigningKey {
    SigningKey::generate(SigningAlgorithm::Es256).unwrap()
}

fn claims() -> Map<String, Value> {
    object(json!({"iss": "i", "sub": "s"}))
}

fn sign(key: &SigningKey) -> String {
    key.sign(&Map::new(), &claims()).unwrap()
}

fn set(key: &SigningKey) -> KeySet {
    KeySet::new([key.verifying_key().clone()])
}

/// Another header before the same payload and signature.
fn with_header(token: &str, header: &str) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", base64url::encode(header))
}

/// Another signature after the same header and payload.
fn with_signature(token: &str, signature: &[u8]) -> String {
    let (signed, _) = token.rsplit_once('.').unwrap();
    format!("{signed}.{}", base64url::encode(signature))
}

fn signature_of(token: &str) -> Vec<u8> {
    base64url::decode(token.rsplit_once('.').unwrap().1).unwrap()
}

#[track_caller]
fn verify(keys: &KeySet, token: &str) -> Result<(), VerifyError> {
    keys.verify(&Compact::parse(token).unwrap(), &Algorithm::ALL)
}

fn refused(refusal: KeyRefusal) -> Result<(), VerifyError> {
    Err(VerifyError::Keys(vec![refusal]))
}

#[test]
fn every_kind_of_signing_key_signs_what_its_public_half_verifies() {
    for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa, SigningAlgorithm::Rs256] {
        let key = SigningKey::generate(algorithm).unwrap();
        let other = SigningKey::generate(algorithm).unwrap();
        let token = sign(&key);
        assert_eq!(verify(&set(&key), &token), Ok(()), "{algorithm:?}");
        // The other key does not, even under the name of the first.
        let imposter = other.verifying_key().clone().with_id(Some(key.key_id().to_owned()));
        assert_eq!(verify(&KeySet::new([imposter]), &token), refused(KeyRefusal::Signature));
    }
}

#[test]
fn a_signature_of_every_algorithm_verifies_and_not_under_another_name() {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::*;

    let random = SystemRandom::new();
    let rsa = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let rsa_with = |padding: &'static dyn RsaEncoding, message: &[u8]| {
        let mut signature = vec![0; rsa.public_modulus_len()];
        rsa.sign(padding, &random, message, &mut signature).unwrap();
        (rsa.public_key().as_ref().to_vec(), signature)
    };
    let ec_with = |curve: &'static EcdsaSigningAlgorithm, message: &[u8]| {
        let pair = EcdsaKeyPair::generate(curve).unwrap();
        let signature = pair.sign(&random, message).unwrap().as_ref().to_vec();
        (pair.public_key().as_ref().to_vec(), signature)
    };
    for algorithm in Algorithm::ALL {
        let header = base64url::encode(json!({"alg": algorithm.name()}).to_string());
        let signed = format!("{header}.{}", base64url::encode("{}"));
        let message = signed.as_bytes();
        let (public, signature) = match algorithm {
            Algorithm::Es256 => ec_with(&ECDSA_P256_SHA256_FIXED_SIGNING, message),
            Algorithm::Es384 => ec_with(&ECDSA_P384_SHA384_FIXED_SIGNING, message),
            Algorithm::Es512 => ec_with(&ECDSA_P521_SHA512_FIXED_SIGNING, message),
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::generate().unwrap();
                (pair.public_key().as_ref().to_vec(), pair.sign(message).as_ref().to_vec())
            }
            Algorithm::Ps256 => rsa_with(&RSA_PSS_SHA256, message),
            Algorithm::Ps384 => rsa_with(&RSA_PSS_SHA384, message),
            Algorithm::Ps512 => rsa_with(&RSA_PSS_SHA512, message),
            Algorithm::Rs256 => rsa_with(&RSA_PKCS1_SHA256, message),
            Algorithm::Rs384 => rsa_with(&RSA_PKCS1_SHA384, message),
            Algorithm::Rs512 => rsa_with(&RSA_PKCS1_SHA512, message),
        };
        let key = VerifyingKey::from_any(&public).unwrap();
        let keys = KeySet::new([key.clone()]);
        let token = format!("{signed}.{}", base64url::encode(&signature));
        assert_eq!(verify(&keys, &token), Ok(()), "{algorithm}");
        for other in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            let switched = with_header(&token, &json!({"alg": other.name()}).to_string());
            assert!(verify(&keys, &switched).is_err(), "{algorithm} as {other}");
            let parsed = Compact::parse(&token).unwrap();
            let allowed = VerifyError::Algorithm { allowed: vec![other] };
            assert_eq!(keys.verify(&parsed, &[other]), Err(allowed), "{algorithm} as {other}");
            let reserved = KeySet::new([key.clone().reserved_for(other)]);
            let refusal = KeyRefusal::Reserved { reserved: other, algorithm };
            assert_eq!(verify(&reserved, &token), refused(refusal));
        }
    }
}

#[test]
fn none_is_refused_with_and_without_a_signature() {
    let key = es256();
    let token = sign(&key);
    for name in ["none", "None", "NONE", "nOnE", ""] {
        let renamed = with_header(&token, &json!({"alg": name}).to_string());
        for token in [with_signature(&renamed, b""), renamed] {
            let error = verify(&set(&key), &token).unwrap_err();
            assert!(matches!(error, VerifyError::Algorithm { .. }), "{name}: {error:?}");
        }
    }
}

#[test]
fn hmac_keyed_with_the_public_key_is_refused() {
    let key = SigningKey::generate(SigningAlgorithm::Rs256).unwrap();
    let public = key.verifying_key().pkix();
    let pem = ::pem::encode(&::pem::Pem::new("PUBLIC KEY", public));
    for secret in [public, pem.as_bytes()] {
        let header = json!({"alg": "HS256", "kid": key.key_id()}).to_string();
        let signed = format!("{}.{}", base64url::encode(header), base64url::encode("{}"));
        let mac = aws_lc_rs::hmac::sign(
            &aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret),
            signed.as_bytes(),
        );
        let token = format!("{signed}.{}", base64url::encode(mac));
        let error = verify(&set(&key), &token).unwrap_err();
        assert!(matches!(error, VerifyError::Algorithm { .. }), "{error:?}");
    }
}

#[test]
fn an_ec_token_against_an_rsa_key_and_the_reverse_are_refused() {
    let (ec, rsa) = (es256(), SigningKey::generate(SigningAlgorithm::Rs256).unwrap());
    let as_named = |key: &SigningKey, id: &SigningKey| {
        KeySet::new([key.verifying_key().clone().with_id(Some(id.key_id().to_owned()))])
    };
    let refusal = KeyRefusal::KeyType { key_type: KeyType::Rsa, algorithm: Algorithm::Es256 };
    assert_eq!(verify(&as_named(&rsa, &ec), &sign(&ec)), refused(refusal));
    let refusal = KeyRefusal::KeyType { key_type: KeyType::P256, algorithm: Algorithm::Rs256 };
    assert_eq!(verify(&as_named(&ec, &rsa), &sign(&rsa)), refused(refusal));
}

#[test]
fn an_algorithm_switched_in_the_header_is_refused() {
    let key = SigningKey::generate(SigningAlgorithm::Rs256).unwrap();
    for name in ["RS384", "RS512", "PS256"] {
        let token = with_header(&sign(&key), &json!({"alg": name}).to_string());
        assert_eq!(verify(&set(&key), &token), refused(KeyRefusal::Signature), "{name}");
    }
}

#[test]
fn a_changed_payload_is_refused() {
    let key = es256();
    let token = sign(&key);
    let parts: Vec<&str> = token.split('.').collect();
    let other = base64url::encode(r#"{"iss":"i","sub":"root"}"#);
    let token = format!("{}.{other}.{}", parts[0], parts[2]);
    assert_eq!(verify(&set(&key), &token), refused(KeyRefusal::Signature));
}

#[test]
fn every_change_of_one_character_is_refused() {
    let key = es256();
    let token = sign(&key);
    let keys = set(&key);
    for index in 0..token.len() {
        for other in ["A", "B", "_", "=", ".", "\n", ""] {
            let mut changed = token.clone();
            changed.replace_range(index..=index, other);
            if changed == token {
                continue;
            }
            let accepted = Compact::parse(&changed)
                .is_ok_and(|changed| keys.verify(&changed, &Algorithm::ALL).is_ok());
            assert!(!accepted, "{index} to {other:?}");
        }
    }
}

#[test]
fn a_kid_tries_only_its_key_and_no_kid_tries_all() {
    let (first, second) = (es256(), es256());
    let keys = KeySet::new([first.verifying_key().clone(), second.verifying_key().clone()]);
    assert_eq!(verify(&keys, &sign(&second)), Ok(()));
    assert!(keys.has_key_id(second.key_id()) && !keys.has_key_id("nobody"));

    // The right key under another id is not tried: wrong kid.
    let renamed = KeySet::new([second.verifying_key().clone().with_id(Some("b".to_owned()))]);
    assert_eq!(verify(&renamed, &sign(&second)), Err(VerifyError::NoKeys));
    let unnamed = KeySet::new([second.verifying_key().clone().with_id(None)]);
    assert_eq!(verify(&unnamed, &sign(&second)), Err(VerifyError::NoKeys));
    assert_eq!(VerifyError::NoKeys.to_string(), "invalid signature, no keys found");
    assert_eq!(verify(&KeySet::default(), &sign(&second)), Err(VerifyError::NoKeys));

    // Without kid, or with an empty one, every key is tried.
    for header in [r#"{"alg":"ES256"}"#, r#"{"alg":"ES256","kid":""}"#] {
        let token = sign_by_hand(&second, header);
        assert_eq!(verify(&keys, &token), Ok(()));
        assert_eq!(verify(&renamed, &token), Ok(()));
        assert_eq!(verify(&set(&first), &token), refused(KeyRefusal::Signature));
    }
}

/// A P-256 signature over a header that [`SigningKey::sign`] would not write.
fn sign_by_hand(key: &SigningKey, header: &str) -> String {
    let signed = format!("{}.{}", base64url::encode(header), base64url::encode("{}"));
    let pair = aws_lc_rs::signature::EcdsaKeyPair::from_pkcs8(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        &pem_contents(key),
    )
    .unwrap();
    let signature = pair.sign(&aws_lc_rs::rand::SystemRandom::new(), signed.as_bytes()).unwrap();
    format!("{signed}.{}", base64url::encode(signature))
}

fn pem_contents(key: &SigningKey) -> Vec<u8> {
    ::pem::parse(key.to_pem().expose_secret()).unwrap().into_contents()
}

#[test]
fn refusals_of_several_keys_are_joined_as_kubernetes_joins_them() {
    let signature = KeyRefusal::Signature;
    let kind = KeyRefusal::KeyType { key_type: KeyType::Rsa, algorithm: Algorithm::Es256 };
    let text = |refusals: &[KeyRefusal]| VerifyError::Keys(refusals.to_vec()).to_string();
    let crypto = "go-jose/go-jose: error in cryptographic primitive";
    assert_eq!(text(&[signature]), crypto);
    assert_eq!(text(&[signature, signature]), crypto);
    assert_eq!(
        text(&[signature, kind, signature]),
        format!("[{crypto}, a RSA key makes no ES256 signatures]"),
    );
}

#[test]
fn a_critical_header_is_refused_whatever_it_lists() {
    for crit in [json!(["exp"]), json!([]), json!(["b64"]), json!(null), json!("x")] {
        let token =
            with_header(&sign(&es256()), &json!({"alg": "ES256", "crit": crit}).to_string());
        assert_eq!(Compact::parse(&token).unwrap_err(), JwsError::Critical);
    }
}

#[test]
fn an_unencoded_payload_is_refused_even_where_it_says_encoded() {
    for b64 in [true, false] {
        let token = with_header(&sign(&es256()), &json!({"alg": "ES256", "b64": b64}).to_string());
        assert_eq!(Compact::parse(&token).unwrap_err(), JwsError::UnencodedPayload);
    }
}

#[test]
fn a_repeated_header_member_is_refused_at_every_depth() {
    for header in [
        r#"{"alg":"ES256","alg":"none"}"#,
        r#"{"alg":"ES256","kid":"a","kid":"b"}"#,
        r#"{"alg":"ES256","jwk":{"kty":"EC","kty":"RSA"}}"#,
        r#"{"alg":"ES256","\u0061lg":"ES256"}"#,
    ] {
        let error = Compact::parse(&with_header(&sign(&es256()), header)).unwrap_err();
        let JwsError::Header(JsonError::DuplicateMember { .. }) = error else {
            panic!("{header}: {error:?}");
        };
    }
}

#[test]
fn a_repeated_claim_is_refused_when_claims_are_read() {
    let payload = base64url::encode(r#"{"sub":"a","sub":"system:admin"}"#);
    let token = format!("{}.{payload}.AAAA", base64url::encode(r#"{"alg":"ES256"}"#));
    let token = Compact::parse(&token).unwrap();
    let error = json::object_without_duplicates(token.payload()).unwrap_err();
    assert!(matches!(error, JsonError::DuplicateMember { .. }));
}

#[test]
fn a_header_that_is_no_object_or_lacks_an_algorithm_is_refused() {
    for (header, expected) in [
        ("[]", JwsError::Header(JsonError::NotAnObject)),
        ("{}", JwsError::NoAlgorithm),
        (r#"{"alg":null}"#, JwsError::NoAlgorithm),
        (r#"{"alg":["ES256"]}"#, JwsError::NoAlgorithm),
        (r#"{"alg":"ES256","kid":5}"#, JwsError::KeyIdNotString),
        (r#"{"alg":"ES256","kid":null}"#, JwsError::KeyIdNotString),
    ] {
        let token = with_header(&sign(&es256()), header);
        assert_eq!(Compact::parse(&token).unwrap_err(), expected, "{header}");
    }
    let token = with_header(&sign(&es256()), r#"{"alg":"ES256"} {}"#);
    assert!(matches!(Compact::parse(&token), Err(JwsError::Header(JsonError::Syntax { .. }))));
}

#[test]
fn non_canonical_base64_is_refused_in_every_part() {
    // `e30` is `{}`; the last two bits of `e31` are not used by any byte.
    let cases = [
        ("eyJhbGciOiJFUzI1NiJ9.e31.AA", Part::Payload),
        ("eyJhbGciOiJFUzI1NiJ9.e30.AB", Part::Signature),
        ("e31.e30.AA", Part::Header),
    ];
    for (token, part) in cases {
        assert_eq!(Compact::parse(token).unwrap_err(), JwsError::NotBase64Url(part), "{token}");
    }
    Compact::parse("eyJhbGciOiJFUzI1NiJ9.e30.AA").unwrap();
}

#[test]
fn padding_the_other_alphabet_and_white_space_are_refused() {
    for token in [
        "eyJhbGciOiJFUzI1NiJ9.e30=.AA",
        "eyJhbGciOiJFUzI1NiJ9.e30.AA==",
        "eyJhbGciOiJFUzI1NiJ9.e30.+/+/",
        "eyJhbGciOiJFUzI1NiJ9.e3 0.AA",
        "eyJhbGciOiJFUzI1NiJ9.e30.A",
        "eyJhbGciOiJFUzI1NiJ9.é30.AA",
    ] {
        assert!(matches!(Compact::parse(token), Err(JwsError::NotBase64Url(_))), "{token}");
    }
}

#[test]
fn trailing_data_and_newlines_are_refused() {
    let token = sign(&es256());
    for changed in [format!("{token}\n"), format!(" {token}"), format!("{token}\0")] {
        assert!(matches!(Compact::parse(&changed), Err(JwsError::NotBase64Url(_))), "{changed:?}");
    }
    for changed in [format!("{token}."), format!("{token}.e30"), ".".repeat(4)] {
        assert_eq!(Compact::parse(&changed).unwrap_err(), JwsError::NotThreeParts);
    }
    for changed in ["", "e30", "e30.e30"] {
        assert_eq!(Compact::parse(changed).unwrap_err(), JwsError::NotThreeParts);
    }
}

#[test]
fn an_oversized_token_is_refused_before_anything_is_decoded() {
    let (head, tail) = ("eyJhbGciOiJFUzI1NiJ9.", ".AAAA");
    let fill =
        |length: usize| format!("{head}{}{tail}", "A".repeat(length - head.len() - tail.len()));
    // A multiple of four symbols, so that only the length is wrong.
    let payload = (MAX_TOKEN_BYTES - head.len() - tail.len()) / 4 * 4;
    let longest = head.len() + payload + tail.len();
    Compact::parse(&fill(longest)).unwrap();
    assert_eq!(Compact::parse(&fill(longest + 4)).unwrap_err(), JwsError::TooLong);
    let rubbish = "!".repeat(MAX_TOKEN_BYTES + 1);
    assert_eq!(Compact::parse(&rubbish).unwrap_err(), JwsError::TooLong);
}

#[test]
fn a_truncated_or_lengthened_signature_is_refused() {
    for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa, SigningAlgorithm::Rs256] {
        let key = SigningKey::generate(algorithm).unwrap();
        let token = sign(&key);
        let whole = signature_of(&token);
        let longer = [whole.as_slice(), &[0]].concat();
        let shorter = &whole[..whole.len() - 1];
        for signature in [shorter, &longer, &whole[1..], &whole[..0]] {
            let token = with_signature(&token, signature);
            assert_eq!(verify(&set(&key), &token), refused(KeyRefusal::Signature));
        }
        assert_eq!(verify(&set(&key), &with_signature(&token, &whole)), Ok(()));
    }
}

#[test]
fn an_ecdsa_signature_in_der_is_refused() {
    let key = es256();
    let token = sign(&key);
    let pair = aws_lc_rs::signature::EcdsaKeyPair::from_pkcs8(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING,
        &pem_contents(&key),
    )
    .unwrap();
    let (signed, _) = token.rsplit_once('.').unwrap();
    let random = aws_lc_rs::rand::SystemRandom::new();
    let der = pair.sign(&random, signed.as_bytes()).unwrap();
    let token = with_signature(&token, der.as_ref());
    assert_eq!(verify(&set(&key), &token), refused(KeyRefusal::Signature));
}

#[test]
fn an_ecdsa_signature_of_zeros_is_refused() {
    // CVE-2022-21449.
    let key = es256();
    let token = sign(&key);
    let whole = signature_of(&token);
    let (r, s) = whole.split_at(32);
    for signature in [[0; 64].to_vec(), [&[0; 32], s].concat(), [r, &[0; 32]].concat()] {
        let token = with_signature(&token, &signature);
        assert_eq!(verify(&set(&key), &token), refused(KeyRefusal::Signature));
    }
}

#[test]
fn a_key_that_the_token_brings_along_is_not_used() {
    let (trusted, attacker) = (es256(), es256());
    let header = object(json!({"jwk": attacker.jwk().unwrap(), "jku": "https://evil.example/"}));
    let token = attacker.sign(&header, &claims()).unwrap();
    assert_eq!(verify(&set(&trusted), &token), Err(VerifyError::NoKeys));
}

#[test]
fn signing_sets_alg_and_kid_itself_and_keeps_the_rest() {
    let key = es256();
    let header = object(json!({"typ": "JWT"}));
    let token = key.sign(&header, &claims()).unwrap();
    let token = Compact::parse(&token).unwrap();
    assert_eq!(token.header()["typ"], "JWT");
    assert_eq!(token.algorithm(), Some(Algorithm::Es256));
    assert_eq!(token.key_id(), Some(key.key_id()));
    assert_eq!(token.payload(), serde_json::to_vec(&claims()).unwrap());
    for name in ["alg", "kid", "crit", "b64"] {
        let header = object(json!({name: "x"}));
        assert_eq!(key.sign(&header, &claims()), Err(SignError::Reserved(name)));
    }
    let long = object(json!({"x": "x".repeat(MAX_TOKEN_BYTES)}));
    assert_eq!(key.sign(&Map::new(), &long), Err(SignError::TooLong));
}

#[test]
fn debug_shows_neither_keys_nor_tokens() {
    let key = es256();
    let id = key.key_id();
    assert_eq!(format!("{key:?}"), format!("SigningKey {{ id: {id:?}, algorithm: Es256, .. }}"));
    assert_eq!(format!("{:?}", Compact::parse(&sign(&key)).unwrap()), "[token]");
}
