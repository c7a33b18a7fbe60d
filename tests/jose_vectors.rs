//! The public Wycheproof vectors for JSON Web Signature and JSON Web Key, every case against
//! `portcullis::crypto`. Source: C2SP/wycheproof, `testvectors_v1/json_web_signature_test.json`
//! and `json_web_key_test.json`.
//!
//! A divergence is listed in [`exception`] with its reason; one that healed fails, so the list
//! stays true.

use portcullis::crypto::jws::Compact;
use portcullis::crypto::{Algorithm, KeySet, jwk};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    number_of_tests: usize,
    test_groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    comment: String,
    public: Option<Value>,
    private: Option<Value>,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    tc_id: u32,
    comment: String,
    jws: Value,
    result: String,
}

impl Group {
    /// The public keys; of a group without, the private ones, whose public half is read.
    fn key_set(&self) -> Value {
        let keys = self.public.as_ref().or(self.private.as_ref()).expect("a group with keys");
        if keys.get("keys").is_some() { keys.clone() } else { json!({"keys": [keys]}) }
    }

    fn is_symmetric(&self) -> bool {
        self.key_set()["keys"].as_array().unwrap().iter().all(|key| key["kty"] == "oct")
    }

    fn is_named(&self, algorithm: &str) -> bool {
        self.key_set()["keys"].as_array().unwrap().iter().any(|key| key["alg"] == algorithm)
    }
}

/// Why we refuse what Wycheproof calls valid. There is no exception in the other direction.
fn exception(group: &Group) -> Option<&'static str> {
    if group.is_symmetric() {
        return Some("shared secrets verify nothing here, so HMAC is not implemented");
    }
    if group.is_named("ES521") {
        return Some("`ES521` is no algorithm of RFC 7518; P-521 signs `ES512`");
    }
    None
}

fn accepts(group: &Group, case: &Case) -> bool {
    let keys = jwk::parse(group.key_set().to_string().as_bytes(), 10).expect("a JWK set").keys;
    // The JSON serialisations are no compact JWS; a caller would hand over their text.
    let token = case.jws.as_str().map_or_else(|| case.jws.to_string(), str::to_owned);
    Compact::parse(&token)
        .is_ok_and(|token| KeySet::new(keys).verify(&token, &Algorithm::ALL).is_ok())
}

fn run(name: &str) -> Option<(usize, usize)> {
    let path = support::shared(&format!("vectors/jose/{name}"))?;
    let file: File = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let (mut ran, mut valid, mut wrong) = (0, 0, Vec::new());
    for group in &file.test_groups {
        for case in &group.tests {
            ran += 1;
            let is_valid = match case.result.as_str() {
                "valid" => true,
                "invalid" => false,
                other => panic!("{}: a new kind of result, `{other}`", case.tc_id),
            };
            let expected = is_valid && exception(group).is_none();
            valid += usize::from(expected);
            if accepts(group, case) != expected {
                let (id, comment) = (case.tc_id, &case.comment);
                wrong.push(format!("{id} {} / {comment}: expected {expected}", group.comment));
            }
        }
        // An exception that excuses nothing would hide the next divergence.
        if exception(group).is_some() && group.tests.len() > 1 {
            let excused = group.tests.iter().filter(|case| case.result == "valid").count();
            assert!(excused > 0, "{}: the exception has healed", group.comment);
        }
    }
    assert_eq!(ran, file.number_of_tests);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    Some((ran, valid))
}

#[test]
fn json_web_signature_vectors_verify_or_are_refused_as_listed() {
    if let Some((ran, valid)) = run("json_web_signature_test.json") {
        println!("{ran} cases, {valid} of them accepted");
        assert!(valid >= 30, "{valid}");
    }
}

#[test]
fn json_web_key_vectors_verify_or_are_refused_as_listed() {
    if let Some((ran, valid)) = run("json_web_key_test.json") {
        println!("{ran} cases, {valid} of them accepted");
        assert!(valid >= 1, "{valid}");
    }
}

/// The vectors on base64url are signed with HMAC, so above they only show that HMAC is refused.
/// What they say on the encoding is held against the parser alone.
#[test]
fn base64url_vectors_are_parsed_or_refused_as_listed() {
    let Some(path) = support::shared("vectors/jose/json_web_signature_test.json") else {
        return;
    };
    let file: File = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let group = file.test_groups.iter().find(|group| group.comment == "base64").unwrap();
    let mut wrong = Vec::new();
    for case in &group.tests {
        let token = case.jws.as_str().expect("a compact JWS");
        if Compact::parse(token).is_ok() != (case.result == "valid") {
            wrong.push(format!(
                "{} {}: {:?}",
                case.tc_id,
                case.comment,
                Compact::parse(token).err()
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
