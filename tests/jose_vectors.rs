//! The public Wycheproof vectors for JSON Web Signature and JSON Web Key, every case against
//! `portcullis::crypto`. Source: C2SP/wycheproof, `testvectors_v1/json_web_signature_test.json`
//! and `json_web_key_test.json`.
//!
//! A divergence is listed in [`exception`] or [`base64_exception`] with its reason; one that healed
//! fails, so the lists stay true.

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

impl Case {
    fn is_valid(&self) -> bool {
        match self.result.as_str() {
            "valid" => true,
            "invalid" => false,
            other => panic!("{}: a new kind of result, `{other}`", self.tc_id),
        }
    }
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

/// Why we do not do as a case says.
fn exception(group: &Group, case: &Case) -> Option<&'static str> {
    match (case.is_valid(), case.tc_id) {
        (true, _) if group.is_symmetric() => {
            Some("shared secrets verify nothing here, so HMAC is not implemented")
        }
        (true, 346 | 350) => Some("the JWK is for PS256, the token is signed with PS384"),
        (true, _) if group.is_named("ES521") => {
            Some("`ES521` is no algorithm of RFC 7518; P-521 signs `ES512`")
        }
        _ => None,
    }
}

/// Why we do not read base64url as a case says.
fn base64_exception(case: &Case) -> Option<&'static str> {
    match case.tc_id {
        367 | 370 => Some("the padding it is about is lost: byte for byte the valid case 357"),
        372 | 373 => Some("it wants `?` inside of a part to be passed over; RFC 7515 §2 does not"),
        _ => None,
    }
}

/// The cases of one file that go wrong: another answer than the expected one, or an exception for
/// what is as it should be.
#[derive(Default)]
struct Verdict {
    ran: usize,
    accepted: usize,
    wrong: Vec<String>,
}

impl Verdict {
    fn add(&mut self, case: &Case, exception: Option<&str>, accepted: bool) {
        self.ran += 1;
        self.accepted += usize::from(accepted);
        let name = format!("{} {}", case.tc_id, case.comment);
        match (accepted == case.is_valid(), exception) {
            (true, None) | (false, Some(_)) => {}
            (false, None) => self.wrong.push(format!("{name}: expected {}", case.result)),
            (true, Some(reason)) => self.wrong.push(format!("{name}: healed, not `{reason}`")),
        }
    }

    #[track_caller]
    fn assert_clean(&self) {
        println!("{} cases, {} of them accepted", self.ran, self.accepted);
        assert!(self.wrong.is_empty(), "\n{}", self.wrong.join("\n"));
    }
}

fn accepts(group: &Group, case: &Case) -> bool {
    let keys = jwk::parse(group.key_set().to_string().as_bytes(), 10).expect("a JWK set").keys;
    // The JSON serialisations are no compact JWS; a caller would hand over their text.
    let token = case.jws.as_str().map_or_else(|| case.jws.to_string(), str::to_owned);
    Compact::parse(&token)
        .is_ok_and(|token| KeySet::new(keys).verify(&token, &Algorithm::ALL).is_ok())
}

fn read(name: &str) -> Option<File> {
    let path = support::shared(&format!("vectors/jose/{name}"))?;
    Some(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
}

/// Every case of a file; how many are accepted guards against a reader that refuses everything.
fn run(name: &str, accepted: usize) {
    let Some(file) = read(name) else { return };
    let mut verdict = Verdict::default();
    for group in &file.test_groups {
        for case in &group.tests {
            verdict.add(case, exception(group, case), accepts(group, case));
        }
    }
    verdict.assert_clean();
    assert_eq!((verdict.ran, verdict.accepted), (file.number_of_tests, accepted));
}

#[test]
fn json_web_signature_vectors_verify_or_are_refused_as_listed() {
    run("json_web_signature_test.json", 32);
}

#[test]
fn json_web_key_vectors_verify_or_are_refused_as_listed() {
    run("json_web_key_test.json", 1);
}

/// The vectors on base64url are signed with HMAC, so above they only show that HMAC is refused.
/// What they say on the encoding is held against the parser alone.
#[test]
fn base64url_vectors_are_parsed_or_refused_as_listed() {
    let Some(file) = read("json_web_signature_test.json") else { return };
    let group = file.test_groups.iter().find(|group| group.comment == "base64").unwrap();
    let mut verdict = Verdict::default();
    for case in &group.tests {
        let accepted = Compact::parse(case.jws.as_str().expect("a compact JWS")).is_ok();
        verdict.add(case, base64_exception(case), accepted);
    }
    verdict.assert_clean();
    assert_eq!(verdict.ran, 21);
}
