//! Keys as they come from files and from issuers. The files of `tests/corpus/keys` and the key ids
//! below were made by OpenSSL 3, the ids with
//! `openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | basenc --base64url`.

use portcullis::crypto::jwk::{self, JwkSetError, SkipReason};
use portcullis::crypto::{
    FromPemError, KeyError, KeySet, KeyType, SigningAlgorithm, SigningKey, SigningKeyError, pem,
};
use serde_json::{Map, Value, json};

use crate::support;

const IDS: [(&str, KeyType, &str); 5] = [
    ("rsa", KeyType::Rsa, "2XH2ZX70uHkBexhx2IN3sjPQyv_qPTccrZpTdh7gi-0"),
    ("p256", KeyType::P256, "P-_UR-6myIoQmifD9-XEDCsaEpReV1wcDA-NUhq5p2g"),
    ("p384", KeyType::P384, "ry5GZc2maHER9XqCaXCLwvS0Xg6lhlbKpJNenPjEaPk"),
    ("p521", KeyType::P521, "Xmw2eYlIzxiBRnYNpBPCyJeGsIuNXChEmTQHEu6ugyA"),
    ("ed25519", KeyType::Ed25519, "kHZG2ZthvnHlnkQqEPkRH5Y4YUsYxqwgMb8KnhbEhro"),
];

fn file(name: &str) -> Vec<u8> {
    std::fs::read(support::corpus(&format!("keys/{name}.pem"))).unwrap()
}

fn ids(text: &[u8]) -> Vec<String> {
    let keys = pem::verifying_keys(text).unwrap();
    keys.iter().map(|key| key.id().unwrap().to_owned()).collect()
}

// ---- PEM ---------------------------------------------------------------------------------------

#[test]
fn every_form_of_a_key_has_the_id_that_kubernetes_gives_it() {
    let forms: [&[&str]; 5] = [
        &["pkix", "pkcs1", "pkcs1-public", "pkcs8", "certificate"],
        &["pkix", "sec1", "pkcs8", "certificate"],
        &["pkix", "sec1", "pkcs8"],
        &["pkix", "sec1", "pkcs8"],
        &["pkix", "pkcs8"],
    ];
    for ((name, key_type, id), forms) in IDS.into_iter().zip(forms) {
        for form in forms {
            let keys = pem::verifying_keys(&file(&format!("{name}.{form}"))).unwrap();
            assert_eq!(keys.len(), 1, "{name}.{form}");
            assert_eq!(keys[0].id(), Some(id), "{name}.{form}");
            assert_eq!(keys[0].key_type(), key_type, "{name}.{form}");
        }
    }
}

#[test]
fn a_file_of_several_blocks_gives_several_keys_and_text_between_is_passed_over() {
    let text = [&file("rsa.pkix")[..], b"# the old one\n", &file("p256.sec1")].concat();
    assert_eq!(ids(&text), [IDS[0].2, IDS[1].2]);
    // The same key in two forms is one key of a set.
    let text = [file("rsa.pkix"), file("rsa.pkcs8")].concat();
    assert_eq!(KeySet::new(pem::verifying_keys(&text).unwrap()).keys().len(), 1);
}

#[test]
fn rsa_below_2048_bits_is_refused_with_the_reason() {
    let error = pem::verifying_keys(&file("rsa-1024.pkix")).unwrap_err();
    let reason = KeyError::RsaTooShort { bits: 1024 };
    assert_eq!(error, FromPemError::Key { block: 1, label: "PUBLIC KEY", error: reason });
    assert_eq!(
        error.to_string(),
        "block 1 (`PUBLIC KEY`): an RSA key must have at least 2048 bits, but has 1024; \
         make a longer one",
    );
}

#[test]
fn unknown_curves_and_second_spellings_of_a_key_are_refused() {
    for name in ["secp256k1.pkix", "p256.compressed", "p256.explicit"] {
        let error = pem::verifying_keys(&file(name)).unwrap_err();
        let expected =
            FromPemError::Key { block: 1, label: "PUBLIC KEY", error: KeyError::Unknown };
        assert_eq!(error, expected, "{name}");
    }
}

#[test]
fn encrypted_keys_are_refused_by_name() {
    for name in ["p256.encrypted", "rsa.encrypted"] {
        let text = [file("p384.pkix"), file(name)].concat();
        let error = pem::verifying_keys(&text).unwrap_err();
        assert_eq!(error, FromPemError::Encrypted { block: 2 }, "{name}");
    }
}

#[test]
fn what_is_no_pem_or_holds_no_key_is_refused() {
    for text in ["", "hello", "-----BEGIN PUBLIC KEY-----\nAAAA\n"] {
        assert_eq!(pem::verifying_keys(text.as_bytes()), Err(FromPemError::NotPem), "{text:?}");
    }
    let parameters =
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    assert_eq!(pem::verifying_keys(parameters.as_bytes()), Err(FromPemError::NoKeys));
    // A broken block is an error even beside a good one.
    let broken = "-----BEGIN PUBLIC KEY-----\nBggqhkjOPQMBBw==\n-----END PUBLIC KEY-----\n";
    let text = [&file("rsa.pkix")[..], broken.as_bytes()].concat();
    let expected = FromPemError::Key { block: 2, label: "PUBLIC KEY", error: KeyError::Unknown };
    assert_eq!(pem::verifying_keys(&text), Err(expected));
}

#[test]
fn a_truncated_certificate_or_key_never_panics_and_is_refused() {
    for name in ["p256.certificate", "rsa.certificate", "rsa.pkix", "rsa.pkcs8", "p256.sec1"] {
        // The last block, cut at every length.
        let text = String::from_utf8(file(name)).unwrap();
        let block = text.rsplit_once("-----BEGIN ").unwrap().1;
        let (label, body) = block.split_once("-----\n").unwrap();
        let body: String = body.split("-----END").next().unwrap().split_whitespace().collect();
        for length in (4..body.len() - 4).step_by(4) {
            let cut = body.split_at(length).0;
            let text = format!("-----BEGIN {label}-----\n{cut}\n-----END {label}-----\n");
            assert!(pem::verifying_keys(text.as_bytes()).is_err(), "{name} cut at {length}");
        }
    }
}

// ---- signing keys --------------------------------------------------------------------------------

#[test]
fn signing_keys_are_pkcs8_of_three_kinds() {
    for (name, algorithm, id) in [
        ("rsa", SigningAlgorithm::Rs256, IDS[0].2),
        ("p256", SigningAlgorithm::Es256, IDS[1].2),
        ("ed25519", SigningAlgorithm::EdDsa, IDS[4].2),
    ] {
        let key = SigningKey::from_pem(&file(&format!("{name}.pkcs8"))).unwrap();
        assert_eq!((key.algorithm(), key.key_id()), (algorithm, id));
        assert_eq!(key.to_pem().expose_secret().as_bytes(), file(&format!("{name}.pkcs8")));
    }
    for (name, error) in [
        ("rsa.pkcs1", SigningKeyError::NotPkcs8),
        ("rsa.pkix", SigningKeyError::NotPkcs8),
        ("p256.encrypted", SigningKeyError::NotPkcs8),
        ("p256.sec1", SigningKeyError::NotOneBlock),
        ("p384.pkcs8", SigningKeyError::Unsupported),
        ("p521.pkcs8", SigningKeyError::Unsupported),
    ] {
        assert_eq!(SigningKey::from_pem(&file(name)).unwrap_err(), error, "{name}");
    }
    let two = [file("rsa.pkcs8"), file("p256.pkcs8")].concat();
    assert_eq!(SigningKey::from_pem(&two).unwrap_err(), SigningKeyError::NotOneBlock);
    assert_eq!(SigningKey::from_pem(b"x").unwrap_err(), SigningKeyError::NotOneBlock);
}

#[test]
fn the_jwk_of_a_signing_key_reads_back_as_its_public_half() {
    for name in ["rsa", "p256", "ed25519"] {
        let key = SigningKey::from_pem(&file(&format!("{name}.pkcs8"))).unwrap();
        let jwk = key.jwk().unwrap();
        assert!(jwk.get("d").is_none(), "{name}");
        let set = parse(&json!({"keys": [jwk]}));
        assert_eq!(set.skipped, []);
        let expected = key.verifying_key().clone();
        assert_eq!(set.keys, [expected.reserved_for(key.algorithm().algorithm())]);
    }
}

// ---- JWK sets ------------------------------------------------------------------------------------

fn parse(set: &Value) -> jwk::ParsedSet {
    jwk::parse(set.to_string().as_bytes(), 100).unwrap()
}

/// The JWK of the P-256 key with other members; null takes one away.
fn p256_with(changes: Value) -> Value {
    let key = SigningKey::from_pem(&file("p256.pkcs8")).unwrap();
    let mut jwk = key.jwk().unwrap();
    merge(&mut jwk, changes);
    jwk
}

fn merge(jwk: &mut Value, changes: Value) {
    let members = jwk.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        members.remove(name);
        if !value.is_null() {
            members.insert(name.clone(), value.clone());
        }
    }
}

#[track_caller]
fn assert_skipped(jwk: Value, reason: SkipReason) {
    let good = p256_with(json!({"kid": "good"}));
    let set = parse(&json!({"keys": [jwk, good]}));
    assert_eq!(set.skipped.len(), 1, "{set:?}");
    assert_eq!((set.skipped[0].index, set.skipped[0].reason), (0, reason));
    // The others are not lost.
    assert_eq!(set.keys.len(), 1);
    assert_eq!(set.keys[0].id(), Some("good"));
}

#[track_caller]
fn assert_kept(jwk: Value) {
    let set = parse(&json!({"keys": [jwk]}));
    assert_eq!((set.keys.len(), set.skipped.as_slice()), (1, [].as_slice()));
}

#[test]
fn keys_for_other_uses_are_skipped_and_signature_keys_are_not() {
    assert_skipped(p256_with(json!({"use": "enc"})), SkipReason::Use);
    assert_skipped(p256_with(json!({"use": "tls"})), SkipReason::Use);
    assert_kept(p256_with(json!({"use": "sig"})));
    assert_kept(p256_with(json!({"use": null})));
    assert_skipped(p256_with(json!({"key_ops": ["sign"]})), SkipReason::Operations);
    assert_skipped(p256_with(json!({"key_ops": []})), SkipReason::Operations);
    assert_kept(p256_with(json!({"key_ops": ["verify", "foo"]})));
}

#[test]
fn an_alg_of_another_kind_is_skipped_and_its_own_reserves_the_key() {
    for name in ["ES384", "RS256", "EdDSA", "ECDH-ES", "HS256", "none", "es256", ""] {
        let reason = SkipReason::Algorithm(KeyType::P256);
        assert_skipped(p256_with(json!({"alg": name})), reason);
    }
    let key = SigningKey::from_pem(&file("p256.pkcs8")).unwrap();
    let token = key.sign(&Map::new(), &Map::new()).unwrap();
    let token = portcullis::crypto::jws::Compact::parse(&token).unwrap();
    for alg in [json!("ES256"), json!(null)] {
        let set: KeySet =
            parse(&json!({"keys": [p256_with(json!({"alg": alg}))]})).keys.into_iter().collect();
        set.verify(&token, &portcullis::crypto::Algorithm::ALL).unwrap();
    }
}

#[test]
fn symmetric_keys_are_never_accepted() {
    for alg in ["HS256", "ES256"] {
        let jwk = json!({"kty": "oct", "k": "c2VjcmV0", "alg": alg, "use": "sig"});
        assert_skipped(jwk, SkipReason::Symmetric);
    }
}

#[test]
fn unknown_kinds_and_broken_keys_are_skipped_one_by_one() {
    assert_skipped(json!({"kty": "AKP", "alg": "ML-DSA-65", "pub": "AA"}), SkipReason::Kind);
    assert_skipped(p256_with(json!({"crv": "secp256k1"})), SkipReason::Kind);
    assert_skipped(p256_with(json!({"crv": null})), SkipReason::Kind);
    assert_skipped(p256_with(json!({"kty": "OKP", "crv": "X25519"})), SkipReason::Kind);
    for jwk in [json!(5), json!("x"), json!({}), p256_with(json!({"kid": 5})), json!({"kty": []})] {
        assert_skipped(jwk, SkipReason::NotAJwk);
    }
    let unknown = SkipReason::Key(KeyError::Unknown);
    for (member, value) in [
        ("x", json!(null)),
        ("x", json!("AA")),
        ("x", json!("!")),
        // Not on the curve.
        ("x", json!("A".repeat(43))),
        // A coordinate of P-384 length, and padding.
        ("y", json!("A".repeat(64))),
        ("y", json!(format!("{}=", "A".repeat(43)))),
        ("crv", json!("P-384")),
    ] {
        assert_skipped(p256_with(json!({member: value, "alg": null})), unknown);
    }
}

#[test]
fn weak_rsa_keys_are_skipped_with_the_reason() {
    let key = SigningKey::from_pem(&file("rsa.pkcs8")).unwrap();
    let with = |changes: Value| {
        let mut jwk = key.jwk().unwrap();
        merge(&mut jwk, changes);
        jwk
    };
    let n = with(json!({}))["n"].as_str().unwrap().to_owned();
    // Every exponent below is another number than 65537.
    for e in ["AQ", "AA", "AAA", "Ag"] {
        assert_skipped(with(json!({"e": e})), SkipReason::Key(KeyError::Unknown));
    }
    // The first 129 bytes of the modulus, made odd.
    let half = format!("{}B", n.split_at(171).0);
    let set = parse(&json!({"keys": [with(json!({"n": half}))]}));
    assert!(
        matches!(set.skipped[0].reason, SkipReason::Key(KeyError::RsaTooShort { bits: 1032 })),
        "{set:?}",
    );
    // Leading zeros are another spelling of the same number.
    assert_kept(with(json!({"e": "AAEAAQ"})));
}

#[test]
fn keys_that_share_an_id_are_both_tried() {
    let keys: Vec<SigningKey> =
        (0..2).map(|_| SigningKey::generate(SigningAlgorithm::Es256).unwrap()).collect();
    let jwks: Vec<Value> = keys
        .iter()
        .map(|key| {
            let mut jwk = key.jwk().unwrap();
            merge(&mut jwk, json!({"kid": keys[0].key_id()}));
            jwk
        })
        .collect();
    let set: KeySet =
        parse(&json!({"keys": [jwks[1], jwks[0], jwks[1]]})).keys.into_iter().collect();
    assert_eq!(set.keys().len(), 2, "the one given twice is kept once");
    let token = keys[0].sign(&Map::new(), &Map::new()).unwrap();
    let token = portcullis::crypto::jws::Compact::parse(&token).unwrap();
    set.verify(&token, &portcullis::crypto::Algorithm::ALL).unwrap();
}

#[test]
fn what_is_no_jwk_set_is_an_error() {
    for text in ["{}", r#"{"keys": {}}"#, r#"{"keys": null}"#, r#"{"Keys": []}"#] {
        assert_eq!(jwk::parse(text.as_bytes(), 9), Err(JwkSetError::NoKeys), "{text}");
    }
    for text in [
        "",
        "[]",
        "<html>",
        r#"{"keys": [], "keys": []}"#,
        r#"{"keys": [{"kty":"EC","kty":"EC"}]}"#,
    ] {
        assert!(matches!(jwk::parse(text.as_bytes(), 9), Err(JwkSetError::Json(_))), "{text}");
    }
    let three = br#"{"keys": [1, 2, 3]}"#;
    assert_eq!(jwk::parse(three, 2), Err(JwkSetError::TooMany { found: 3, allowed: 2 }));
    assert_eq!(jwk::parse(three, 3).unwrap().skipped.len(), 3);
}
