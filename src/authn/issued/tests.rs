use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use serde_json::{Map, Value, json};

use super::claims::Claims;
use super::*;
use crate::authn::{Attempt, Secret, TokenAuthenticator};
use crate::crypto::{KeySet, SigningAlgorithm, SigningKey, SigningKeyError, VerifyError};
use crate::model::User;

const ISSUER: &str = "https://portcullis";
const NOW: i64 = 1_000_000;

fn key() -> Arc<SigningKey> {
    Arc::new(SigningKey::generate(SigningAlgorithm::Es256).unwrap())
}

fn issuer(key: &Arc<SigningKey>) -> Issuer {
    Issuer::new(ISSUER, ["api"], Arc::clone(key), 3600).unwrap()
}

fn tokens(keys: &[&Arc<SigningKey>]) -> IssuedTokens {
    let keys: KeySet = keys.iter().map(|key| key.verifying_key().clone()).collect();
    IssuedTokens::new(ISSUER, ["api"], Arc::new(Arc::new(keys)))
}

fn jane() -> User {
    let mut jane = User::new("jane").with_groups(["dev", "ops"]);
    jane.uid = "u-1".to_owned();
    jane.extra.insert("example.com/team".to_owned(), vec!["a".to_owned(), "b".to_owned()]);
    jane
}

fn issue(key: &Arc<SigningKey>) -> Secret {
    issuer(key).issue(&jane(), &[], NOW, None).unwrap()
}

type Verified = Result<Option<crate::authn::Authenticated>, IssuedTokenError>;

fn verify_at(tokens: &IssuedTokens, token: &str, now: i64) -> Verified {
    tokens.verify(Attempt { token, audiences: &[], now })
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// A token that the key signed over these changes to what the issuer would write; null takes a
/// claim away.
fn with_claims(key: &SigningKey, changes: Value) -> String {
    let claims = Claims {
        session: None,
        issuer: ISSUER.to_owned(),
        audiences: texts(&["api"]),
        issued_at: NOW,
        not_before: NOW,
        expires: NOW + 10,
        id: "id".to_owned(),
        user: jane(),
    };
    let mut claims = claims.to_json();
    for (name, value) in changes.as_object().unwrap() {
        claims.remove(name);
        if !value.is_null() {
            claims.insert(name.clone(), value.clone());
        }
    }
    key.sign(&Map::new(), &claims).unwrap()
}

#[test]
fn the_user_of_a_token_is_the_one_it_was_issued_for() {
    let key = key();
    let token = issue(&key);
    let found = verify_at(&tokens(&[&key]), token.expose_secret(), NOW).unwrap().unwrap();
    let credential = found.user.extra[CREDENTIAL_ID].clone();
    assert!(credential[0].starts_with("JTI=") && credential[0].len() == 26, "{credential:?}");
    let mut expected = jane();
    expected.extra.insert(CREDENTIAL_ID.to_owned(), credential.clone());
    assert_eq!(found.user, expected);
    assert_eq!(found.audiences, ["api"]);
    assert_eq!(found.expires, Some(NOW + 3600));
    // Another token has another id.
    let other = issue(&key);
    let other = verify_at(&tokens(&[&key]), other.expose_secret(), NOW).unwrap().unwrap();
    assert_ne!(other.user.extra[CREDENTIAL_ID], credential);
}

#[test]
fn one_second_before_its_end_a_token_is_good_and_at_its_end_expired() {
    let key = key();
    let token = issuer(&key).issue(&jane(), &[], NOW, Some(10)).unwrap();
    let at = |now| verify_at(&tokens(&[&key]), token.expose_secret(), now);
    assert!(at(NOW + 9).unwrap().is_some());
    assert_eq!(at(NOW + 10), Err(IssuedTokenError::Expired { expires: NOW + 10 }));
    assert_eq!(at(NOW + 11), Err(IssuedTokenError::Expired { expires: NOW + 10 }));
}

#[test]
fn a_token_is_good_from_its_first_second_and_not_one_before() {
    let key = key();
    let token = issue(&key);
    let at = |now| verify_at(&tokens(&[&key]), token.expose_secret(), now);
    assert!(at(NOW).unwrap().is_some());
    assert_eq!(at(NOW - 1), Err(IssuedTokenError::NotYetValid { not_before: NOW }));
    let late = with_claims(&key, json!({"nbf": NOW - 5, "iat": NOW + 1}));
    let future = IssuedTokenError::IssuedInFuture { issued_at: NOW + 1 };
    assert_eq!(verify_at(&tokens(&[&key]), &late, NOW), Err(future));
    assert!(verify_at(&tokens(&[&key]), &late, NOW + 1).unwrap().is_some());
}

#[test]
fn a_token_of_another_issuer_is_no_opinion_even_when_our_key_signed_it() {
    let key = key();
    for issuer in [json!("https://portcullis/"), json!("other"), json!(null), json!([ISSUER])] {
        let token = with_claims(&key, json!({"iss": issuer}));
        assert_eq!(verify_at(&tokens(&[&key]), &token, NOW), Ok(None), "{issuer}");
    }
}

#[test]
fn what_is_no_jwt_is_no_opinion() {
    let key = key();
    let token = issue(&key);
    let token = token.expose_secret();
    for text in
        ["", "abcdef.0123456789abcdef", "{}", "a.b.c", &format!("{token}\n"), &format!("{token}=")]
    {
        assert_eq!(verify_at(&tokens(&[&key]), text, NOW), Ok(None), "{text}");
    }
}

#[test]
fn a_token_for_others_is_an_error_with_the_text_of_kubernetes() {
    let key = key();
    let token = issuer(&key).issue(&jane(), &texts(&["a"]), NOW, None).unwrap();
    let tokens = tokens(&[&key]);
    let ask = |audiences: &[&str]| {
        let audiences = texts(audiences);
        let attempt = Attempt { token: token.expose_secret(), audiences: &audiences, now: NOW };
        tokens.verify(attempt).map(|found| found.unwrap().audiences)
    };
    assert_eq!(ask(&["a"]), Ok(texts(&["a"])));
    assert_eq!(
        ask(&["b"]).unwrap_err().to_string(),
        r#"token audiences ["a"] is invalid for the target audiences ["b"]"#,
    );
    // None asked for: our own audiences, and the token has none of them.
    assert_eq!(
        ask(&[]).unwrap_err().to_string(),
        r#"token audiences ["a"] is invalid for the target audiences ["api"]"#,
    );
}

#[test]
fn audiences_are_the_intersection_as_it_was_asked_for() {
    let key = key();
    let token = issuer(&key).issue(&jane(), &texts(&["a", "b", "c"]), NOW, None).unwrap();
    let audiences = texts(&["c", "x", "a"]);
    let attempt = Attempt { token: token.expose_secret(), audiences: &audiences, now: NOW };
    let found = tokens(&[&key]).verify(attempt).unwrap().unwrap();
    assert_eq!(found.audiences, ["c", "a"]);
}

#[test]
fn after_rotation_the_old_key_still_verifies_and_once_removed_it_does_not() {
    let (old, new) = (key(), key());
    let (old_token, new_token) = (issue(&old), issue(&new));
    let rotated = tokens(&[&new, &old]);
    for token in [&old_token, &new_token] {
        assert!(verify_at(&rotated, token.expose_secret(), NOW).unwrap().is_some());
    }
    let removed = tokens(&[&new]);
    assert!(verify_at(&removed, new_token.expose_secret(), NOW).unwrap().is_some());
    assert_eq!(
        verify_at(&removed, old_token.expose_secret(), NOW),
        Err(IssuedTokenError::Signature(VerifyError::NoKeys)),
    );
}

#[test]
fn an_unknown_key_is_reported_to_the_keys_and_a_bad_signature_is_not() {
    struct Watched(Arc<KeySet>, std::sync::Mutex<Vec<String>>);
    impl crate::authn::Keys for Watched {
        fn current(&self) -> Arc<KeySet> {
            Arc::clone(&self.0)
        }
        fn unknown_key(&self, key_id: &str) {
            self.1.lock().unwrap().push(key_id.to_owned());
        }
    }
    let (known, unknown) = (key(), key());
    let keys = Arc::new(KeySet::new([known.verifying_key().clone()]));
    let watched = Arc::new(Watched(keys, std::sync::Mutex::default()));
    let tokens = IssuedTokens::new(ISSUER, ["api"], watched.clone());
    assert!(verify_at(&tokens, issue(&unknown).expose_secret(), NOW).is_err());
    assert_eq!(*watched.1.lock().unwrap(), [unknown.key_id()]);
    let token = issue(&known);
    let (signed, _) = token.expose_secret().rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", "A".repeat(86));
    assert!(verify_at(&tokens, &forged, NOW).is_err());
    assert_eq!(watched.1.lock().unwrap().len(), 1);
}

#[test]
fn a_claim_that_is_missing_or_of_another_type_is_an_error() {
    let key = key();
    let tokens = tokens(&[&key]);
    assert!(verify_at(&tokens, &with_claims(&key, json!({})), NOW).unwrap().is_some());
    for claim in ["aud", "iat", "nbf", "exp", "jti", "sub", "uid", "groups", "extra"] {
        for value in [json!(null), json!(true), json!({"a": 1}), json!([1])] {
            let token = with_claims(&key, json!({claim: value}));
            let error = verify_at(&tokens, &token, NOW).unwrap_err();
            let IssuedTokenError::Claim { claim: found, .. } = error else {
                panic!("{claim} {value}: {error:?}");
            };
            assert_eq!(found, claim, "{value}");
        }
    }
    for (claim, value) in [
        ("exp", json!("2000000")),
        ("exp", json!(1.5e6)),
        ("sub", json!("")),
        ("aud", json!("api")),
    ] {
        let error = verify_at(&tokens, &with_claims(&key, json!({claim: value})), NOW).unwrap_err();
        assert!(matches!(error, IssuedTokenError::Claim { .. }), "{claim}: {error:?}");
    }
}

#[test]
fn a_repeated_claim_is_an_error() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let claims = format!(r#"{{"iss": "{ISSUER}", "sub": "a", "sub": "b"}}"#);
    let token = format!("{}.{}.AAAA", part(r#"{"alg": "ES256"}"#), part(&claims));
    let error = verify_at(&tokens(&[]), &token, NOW).unwrap_err();
    assert!(matches!(error, IssuedTokenError::Claims(_)), "{error:?}");
}

#[test]
fn a_credential_id_of_the_user_is_replaced_by_the_token_s_own() {
    let key = key();
    let mut user = jane();
    user.extra.insert(CREDENTIAL_ID.to_owned(), texts(&["JTI=forged"]));
    let token = issuer(&key).issue(&user, &[], NOW, None).unwrap();
    let found = verify_at(&tokens(&[&key]), token.expose_secret(), NOW).unwrap().unwrap();
    assert_eq!(found.user.extra[CREDENTIAL_ID].len(), 1);
    assert_ne!(found.user.extra[CREDENTIAL_ID], ["JTI=forged"]);
}

#[test]
fn what_no_token_should_say_is_not_issued() {
    let key = key();
    let issuer = issuer(&key);
    let issue = |user: &User, audiences: &[&str], lifetime| {
        issuer.issue(user, &texts(audiences), NOW, lifetime).map(|_| ())
    };
    assert_eq!(issue(&jane(), &[], Some(3600)), Ok(()));
    for lifetime in [0, -1, 3601, i64::MAX] {
        let error = IssueError::Lifetime { longest: 3600 };
        assert_eq!(issue(&jane(), &[], Some(lifetime)), Err(error));
    }
    assert_eq!(issue(&User::new(""), &[], None), Err(IssueError::NoUser));
    assert_eq!(issue(&jane(), &["a", ""], None), Err(IssueError::NoAudience));
    let new = |name: &str, audiences: &[&str], longest| {
        Issuer::new(name, audiences.to_vec(), Arc::clone(&key), longest).map(|_| ()).unwrap_err()
    };
    assert_eq!(new("", &["a"], 1), IssueError::NoIssuer);
    assert_eq!(new("i", &[], 1), IssueError::NoAudience);
    assert!(matches!(new("i", &["a"], 0), IssueError::Lifetime { .. }));
}

#[test]
fn the_last_name_of_a_directory_signs_and_all_of_them_verify() {
    let (old, new) = (key(), key());
    let (old_pem, new_pem) = (old.to_pem(), new.to_pem());
    let (old_pem, new_pem) = (old_pem.expose_secret(), new_pem.expose_secret());
    let files = [("2026-12.pem", new_pem), ("README", "no key"), ("2026-11.pem", old_pem)];
    let keys = IssuerKeys::from_pems(files).unwrap();
    assert_eq!(keys.signing().key_id(), new.key_id());
    let ids: Vec<_> =
        keys.verifying().keys().iter().map(|key| key.id().unwrap().to_owned()).collect();
    assert_eq!(ids, [new.key_id(), old.key_id()]);

    let none = IssuerKeys::from_pems([("a.key", new_pem)]).unwrap_err();
    assert_eq!(none, IssuerKeysError::NoFiles);
    let error = IssuerKeys::from_pems([("a.pem", new_pem), ("b.pem", "x")]).unwrap_err();
    let file = "b.pem".to_owned();
    assert_eq!(error, IssuerKeysError::Signing { file, error: SigningKeyError::NotOneBlock });
    let error = IssuerKeys::from_pems([("a.pem", "x"), ("b.pem", new_pem)]).unwrap_err();
    assert!(matches!(error, IssuerKeysError::Verifying { file, .. } if file == "a.pem"));
}

/// What an authenticator answers that needs no waiting.
fn now<T>(answering: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match std::pin::pin!(answering).poll(&mut context) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn the_authenticator_is_called_issued_and_answers_at_once() {
    let key = key();
    let token = issue(&key);
    let tokens = tokens(&[&key]);
    assert_eq!(tokens.name(), "issued");
    let attempt = Attempt { token: token.expose_secret(), audiences: &[], now: NOW };
    assert!(now(tokens.authenticate(attempt)).unwrap().is_some());
    let late = Attempt { now: NOW + 3600, ..attempt };
    assert_eq!(now(tokens.authenticate(late)).unwrap_err().to_string(), "token has expired");
    assert_eq!(
        format!("{tokens:?}"),
        r#"IssuedTokens { issuer: "https://portcullis", audiences: ["api"], .. }"#,
    );
}

#[test]
fn a_revoked_token_is_refused_by_id_and_by_user_and_one_of_later_is_not() {
    use crate::model::{Revocation, RevocationEntry, SharedRevocations};

    let key = key();
    let list = SharedRevocations::default();
    let tokens = tokens(&[&key]).with_revocations(list.clone());
    let revoke = |what| {
        let entry = RevocationEntry { what, at: NOW, reason: String::new(), by: String::new() };
        list.publish([entry].into_iter().collect());
    };
    let token = with_claims(&key, json!({}));
    assert!(verify_at(&tokens, &token, NOW).unwrap().is_some());
    revoke(Revocation::Token { id: "another".into() });
    assert!(verify_at(&tokens, &token, NOW).unwrap().is_some());
    revoke(Revocation::Token { id: "id".into() });
    assert!(matches!(verify_at(&tokens, &token, NOW), Err(IssuedTokenError::Revoked(_))));
    revoke(Revocation::User { name: "jane".to_owned(), issued_before: NOW + 1 });
    assert!(matches!(verify_at(&tokens, &token, NOW), Err(IssuedTokenError::Revoked(_))));
    revoke(Revocation::User { name: "jane".to_owned(), issued_before: NOW });
    assert!(verify_at(&tokens, &token, NOW).unwrap().is_some());
}

#[test]
fn a_renewed_token_is_as_old_as_its_login_to_a_revocation_and_a_new_login_is_not() {
    use crate::model::{Revocation, RevocationEntry, SharedRevocations};

    let key = key();
    let what = Revocation::User { name: "jane".to_owned(), issued_before: NOW };
    let entry = RevocationEntry { what, at: NOW, reason: String::new(), by: String::new() };
    let list = SharedRevocations::default();
    list.publish([entry].into_iter().collect());
    let tokens = tokens(&[&key]).with_revocations(list);
    let of_login = |since| {
        let method = "ldap".to_owned();
        let session = Session { since, refreshable_until: NOW + 60, method };
        let token = issuer(&key).issue_in(&jane(), &[], NOW, None, Some(session)).unwrap();
        verify_at(&tokens, token.expose_secret(), NOW)
    };
    assert!(matches!(of_login(NOW - 1), Err(IssuedTokenError::Revoked(_))));
    assert!(of_login(NOW).unwrap().is_some());
}

#[test]
fn a_token_of_a_login_says_so_and_another_does_not() {
    let key = key();
    let session = Session { since: NOW, refreshable_until: NOW + 60, method: "ldap".to_owned() };
    let of_login = issuer(&key).issue_in(&jane(), &[], NOW, None, Some(session.clone())).unwrap();
    let attempt = |token| Attempt { token, audiences: &[], now: NOW };
    let known = tokens(&[&key]);
    let (found, read) = known.verify_session(attempt(of_login.expose_secret())).unwrap().unwrap();
    assert_eq!((found.user.name.as_str(), read), ("jane", Some(session)));
    let other = issue(&key);
    assert_eq!(known.verify_session(attempt(other.expose_secret())).unwrap().unwrap().1, None);
    // Half a session is none.
    let half = with_claims(&key, json!({"auth_time": NOW}));
    assert!(known.verify_session(attempt(&half)).is_err());
}
