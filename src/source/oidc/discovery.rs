use serde_json::Value;

use super::error::DiscoveryError;
use crate::crypto::json::object_without_duplicates;
use crate::source::fetch::{FetchConfigError, check_url};

/// Where the keys are, by a document that must be this issuer's (S-OIDC-8).
pub(super) fn jwks_uri(document: &[u8], issuer: &str) -> Result<String, DiscoveryError> {
    let document = object_without_duplicates(document).map_err(DiscoveryError::Json)?;
    let text = |member: &str| document.get(member).and_then(Value::as_str).unwrap_or_default();
    let named = text("issuer");
    if named != issuer {
        let (expected, got) = (issuer.to_owned(), named.to_owned());
        return Err(DiscoveryError::Issuer { expected, got });
    }
    match text("jwks_uri") {
        "" => Err(DiscoveryError::NoJwksUri),
        uri => check_https(uri).map(|()| uri.to_owned()).map_err(DiscoveryError::JwksUri),
    }
}

/// Whether it is an https URL, without exceptions.
pub(super) fn check_https(url: &str) -> Result<(), FetchConfigError> {
    if check_url(url)?.scheme_str() == Some("https") {
        Ok(())
    } else {
        Err(FetchConfigError::NotHttps { url: url.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://issuer.example";

    fn read(document: &str) -> Result<String, String> {
        jwks_uri(document.as_bytes(), ISSUER).map_err(|error| error.to_string())
    }

    #[test]
    fn the_document_of_the_issuer_says_where_its_keys_are() {
        let document =
            r#"{"issuer": "https://issuer.example", "jwks_uri": "https://keys.example/k"}"#;
        assert_eq!(read(document).as_deref(), Ok("https://keys.example/k"));
    }

    #[test]
    fn a_document_of_another_issuer_is_refused_however_alike() {
        for (named, got) in [
            (r#""https://issuer.example/""#, r#""https://issuer.example/""#),
            (r#""https://ISSUER.example""#, r#""https://ISSUER.example""#),
            ("null", r#""""#),
            (r#"["https://issuer.example"]"#, r#""""#),
        ] {
            let document = format!(r#"{{"issuer": {named}, "jwks_uri": "https://a/k"}}"#);
            let expected = "oidc: issuer did not match the issuer returned by provider, expected \
                            \"https://issuer.example\" got ";
            assert_eq!(read(&document), Err(format!("{expected}{got}")));
        }
    }

    #[test]
    fn keys_that_are_not_at_an_https_url_are_refused() {
        let absent = "the discovery document must have an https URL in `jwks_uri`";
        assert_eq!(read(r#"{"issuer": "https://issuer.example"}"#), Err(absent.to_owned()));
        for uri in
            ["http://keys.example", "http://127.0.0.1/k", "/keys", "ftp://a/k", "https://u@a/k"]
        {
            let document = format!(r#"{{"issuer": "{ISSUER}", "jwks_uri": "{uri}"}}"#);
            let error = read(&document).unwrap_err();
            assert!(error.starts_with("`jwks_uri` of the discovery document: "), "{error}");
        }
    }

    #[test]
    fn what_is_no_object_or_repeats_a_member_is_refused() {
        let twice = r#"{"issuer": "https://issuer.example", "jwks_uri": "https://a", "jwks_uri": "https://b"}"#;
        for document in ["", "[]", "<html>", twice] {
            let error = read(document).unwrap_err();
            assert!(error.starts_with("the discovery document: "), "{error}");
        }
    }
}
