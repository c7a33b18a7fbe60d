use serde_json::json;

use super::*;
use crate::crypto::{SigningAlgorithm, SigningKey};

const NOW: i64 = 1_795_656_600;

fn good() -> Value {
    json!({
        "iss": "https://issuer.example", "aud": "kubectl", "sub": "248", "nonce": "n-1",
        "exp": NOW + 300, "iat": NOW,
    })
}

fn with(changes: Value) -> Value {
    let mut claims = good();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            _ => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    claims
}

fn checked(claims: &Value, now: i64) -> Result<Claims, IdTokenError> {
    let nonce = Secret::new("n-1".to_owned());
    let expected = Expected {
        issuer: "https://issuer.example",
        client_id: "kubectl",
        nonce: Some(&nonce),
        subject: None,
        algorithms: &[Algorithm::Es256],
    };
    check(claims.as_object().unwrap(), &expected, now)
}

#[test]
fn a_token_for_this_client_is_believed_until_the_second_of_its_end() {
    let claims = Claims { subject: "248".to_owned(), expires: NOW + 300 };
    for good in [
        good(),
        with(json!({"aud": ["kubectl"]})),
        with(json!({"aud": ["kubectl", "other"], "azp": "kubectl"})),
        with(json!({"azp": "kubectl"})),
        with(json!({"iat": NOW + 60})),
        with(json!({"exp": 1_795_656_900.5})),
    ] {
        assert_eq!(checked(&good, NOW), Ok(claims.clone()), "{good}");
        assert_eq!(checked(&good, NOW + 299), Ok(claims.clone()));
        assert_eq!(checked(&good, NOW + 300), Err(IdTokenError::Expired));
    }
}

#[test]
fn a_token_with_one_wrong_claim_is_not_believed() {
    let client = || "kubectl".to_owned();
    for (change, because) in [
        (json!({"iss": "https://issuer.example/"}), IdTokenError::Issuer),
        (json!({"iss": null}), IdTokenError::Claim("iss", "text")),
        (json!({"aud": "other"}), IdTokenError::Audience(client())),
        (json!({"aud": []}), IdTokenError::Audience(client())),
        (json!({"aud": null}), IdTokenError::Claim("aud", "text or list of texts")),
        (json!({"aud": ["kubectl", 1]}), IdTokenError::Claim("aud", "text or list of texts")),
        (json!({"aud": ["kubectl", "other"]}), IdTokenError::AuthorizedParty(client())),
        (json!({"azp": "other"}), IdTokenError::AuthorizedParty(client())),
        (json!({"azp": 1}), IdTokenError::AuthorizedParty(client())),
        (json!({"nonce": "n-2"}), IdTokenError::Nonce),
        (json!({"nonce": null}), IdTokenError::Nonce),
        (json!({"sub": null}), IdTokenError::Claim("sub", "text")),
        (json!({"sub": ""}), IdTokenError::Claim("sub", "text")),
        (json!({"exp": null}), IdTokenError::Claim("exp", "time")),
        (json!({"exp": "tomorrow"}), IdTokenError::Claim("exp", "time")),
        (json!({"exp": 1e300}), IdTokenError::Claim("exp", "time")),
        (json!({"exp": NOW}), IdTokenError::Expired),
        (json!({"iat": NOW + 61}), IdTokenError::Future),
        (json!({"nbf": NOW + 61}), IdTokenError::Future),
    ] {
        assert_eq!(checked(&with(change.clone()), NOW), Err(because), "{change}");
    }
}

#[test]
fn a_renewed_token_is_of_the_same_person() {
    let of = |subject| Expected {
        issuer: "https://issuer.example",
        client_id: "kubectl",
        nonce: None,
        subject: Some(subject),
        algorithms: &[],
    };
    let claims = with(json!({"nonce": null}));
    let claims = claims.as_object().unwrap();
    assert!(check(claims, &of("248"), NOW).is_ok());
    assert_eq!(check(claims, &of("249"), NOW), Err(IdTokenError::Subject));
}

#[test]
fn a_token_is_believed_when_the_issuer_signed_it_with_an_algorithm_of_its() {
    let key = SigningKey::generate(SigningAlgorithm::Es256).unwrap();
    let keys = KeySet::new([key.verifying_key().clone()]);
    let token = key.sign(&Map::new(), good().as_object().unwrap()).unwrap();
    let verified = |keys: &KeySet, algorithms: &[Algorithm]| {
        let expected = Expected {
            issuer: "https://issuer.example",
            client_id: "kubectl",
            nonce: None,
            subject: None,
            algorithms,
        };
        verify(&token, keys, &expected, NOW)
    };
    assert_eq!(verified(&keys, &[Algorithm::Es256]).unwrap().subject, "248");
    for refused in [
        verified(&keys, &[Algorithm::Rs256]),
        verified(&keys, &[]),
        verified(&KeySet::default(), &[Algorithm::Es256]),
    ] {
        assert!(matches!(refused, Err(IdTokenError::Signature(_))), "{refused:?}");
    }
}
