use std::collections::BTreeMap;

use crate::api::field::{FieldError, FieldErrors};
use crate::api::names::subdomain_errors;
use crate::util::goquote::Quoted;

/// Why the constrained mode for users refuses these extra values unasked (S-IMP-13).
pub(super) fn refusal(extra: &BTreeMap<String, Vec<String>>) -> Option<String> {
    extra.iter().find_map(|(key, values)| {
        if key.is_empty() {
            return Some("impersonating the empty string key in extra is not allowed".to_owned());
        }
        if let Some(errors) = path_errors(key) {
            return Some(format!("impersonating an invalid key in extra is not allowed: {errors}"));
        }
        if key.to_lowercase() != *key {
            let key = Quoted(key);
            return Some(format!(
                "impersonating a non-lowercase key in extra is not allowed: {key}"
            ));
        }
        if values.is_empty() {
            return Some("impersonating empty values in extra is not allowed".to_owned());
        }
        values
            .iter()
            .any(String::is_empty)
            .then(|| "impersonating the empty string value in extra is not allowed".to_owned())
    })
}

/// What is wrong with a key that should be `<DNS subdomain>/<path>`.
fn path_errors(key: &str) -> Option<FieldErrors> {
    const FIELD: &str = "extra.key";
    let (host, path) = match key.split_once('/') {
        Some((host, path)) if !host.is_empty() && !path.is_empty() => (host, path),
        _ => {
            let detail = r#"must be a domain-prefixed path (such as "acme.io/foo")"#;
            return Some(FieldErrors(vec![FieldError::invalid(FIELD, key, detail)]));
        }
    };
    let details = subdomain_errors(host).into_iter();
    let mut errors: Vec<FieldError> =
        details.map(|detail| FieldError::invalid(FIELD, host, detail)).collect();
    if !path.bytes().all(is_path_byte) {
        let detail =
            r"Invalid path (regex used for validation is '[A-Za-z0-9/\-._~%!$&'()*+,;=:]+')";
        errors.push(FieldError::invalid(FIELD, path, detail));
    }
    (!errors.is_empty()).then_some(FieldErrors(errors))
}

fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || br"/-._~%!$&'()*+,;=:".contains(&byte)
}
