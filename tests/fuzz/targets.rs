//! What is done with arbitrary bytes: every parser that reads what others write.
//!
//! One function a parser; none may panic, hang or grow without bound, whatever the bytes. The fuzzer
//! calls them (see `README.md` beside), and so does the test suite with all saved inputs.

use portcullis::api::authentication::TokenReview;
use portcullis::api::authorization::IncomingReview;
use portcullis::api::decision_line::DecisionLine;
use portcullis::authn::token_file::{CsvTokens, HashedTokens};
use portcullis::authn::{ReservedNames, Secret};
use portcullis::authz::abac;
use portcullis::crypto::jws::Compact;
use portcullis::crypto::{jwk, pem};
use portcullis::source::{self, Limits, LoadOptions};
use portcullis::webhook::config::ServerConfig;

/// A parser by name, and what is done with the bytes.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All of them; a folder of `corpus/` and a file of `fuzz_targets/` has the same name.
pub(crate) const TARGETS: &[Target] = &[
    ("abac_policy", abac_policy),
    ("decision_line", decision_line),
    ("jwk_set", jwk_set),
    ("jws", jws),
    ("public_key_pem", public_key_pem),
    ("policy_objects", policy_objects),
    ("server_config", server_config),
    ("subject_access_review", subject_access_review),
    ("token_files", token_files),
    ("token_review", token_review),
];

/// Lines of an ABAC policy file.
pub(crate) fn abac_policy(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = abac::Policy::parse("fuzz", text);
    }
}

/// A line of the decision log.
pub(crate) fn decision_line(bytes: &[u8]) {
    let _ = DecisionLine::parse(bytes);
}

/// A set of JSON Web Keys, as issuers publish them.
pub(crate) fn jwk_set(bytes: &[u8]) {
    let _ = jwk::parse(bytes, 100);
}

/// A compact JWS, as anybody sends it.
pub(crate) fn jws(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Compact::parse(text);
    }
}

/// Public keys from PEM files.
pub(crate) fn public_key_pem(bytes: &[u8]) {
    let _ = pem::verifying_keys(bytes);
}

/// Kubernetes objects: YAML, JSON, NDJSON, lists.
pub(crate) fn policy_objects(bytes: &[u8]) {
    let limits = Limits { max_bytes: 1 << 20, ..Limits::default() };
    let _ = source::parse("fuzz", bytes, &LoadOptions { limits, ..LoadOptions::default() });
}

/// The configuration of the server.
pub(crate) fn server_config(bytes: &[u8]) {
    let _ = ServerConfig::parse("fuzz.yaml", bytes);
}

/// The body of `POST /authorize`.
pub(crate) fn subject_access_review(bytes: &[u8]) {
    let _ = IncomingReview::from_json(bytes);
}

/// Files of tokens, of both forms.
pub(crate) fn token_files(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = HashedTokens::parse("fuzz", text, ReservedNames::Refuse);
        let _ = CsvTokens::read("fuzz", &Secret::new(text.to_owned()), ReservedNames::Allow);
    }
}

/// The body of `POST /authenticate`.
pub(crate) fn token_review(bytes: &[u8]) {
    let _ = TokenReview::from_json(bytes);
}
