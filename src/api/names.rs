//! What the API server says about names that are not well formed.
//!
//! Each function returns the objections, none for a good text. They are the details of field
//! errors, to the letter.

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";

/// A segment of a URL path, which the names of all RBAC objects must be (S-RVAL-2). Everything
/// else is allowed: colons, capitals, spaces.
///
/// ```
/// use portcullis::api::names::path_segment_errors;
///
/// assert!(path_segment_errors("system:Node reader").is_empty());
/// assert_eq!(path_segment_errors("a/b"), ["may not contain '/'"]);
/// ```
#[must_use]
pub fn path_segment_errors(name: &str) -> Vec<String> {
    if name == "." || name == ".." {
        return vec![format!("may not be '{name}'")];
    }
    let forbidden = ['/', '%'].into_iter().filter(|forbidden| name.contains(*forbidden));
    forbidden.map(|forbidden| format!("may not contain '{forbidden}'")).collect()
}

/// An RFC 1123 subdomain: the name of a service account, the prefix of a label key.
#[must_use]
pub fn subdomain_errors(name: &str) -> Vec<String> {
    let mut errors = too_long(name, 253);
    if !is_subdomain(name) {
        errors.push(format!(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \
             '-' or '.', and must start and end with an alphanumeric character (e.g. \
             'example.com', regex used for validation is '{LABEL}(\\.{LABEL})*')"
        ));
    }
    errors
}

/// An RFC 1123 label: the name of a namespace.
#[must_use]
pub fn label_errors(name: &str) -> Vec<String> {
    let mut errors = too_long(name, 63);
    if !is_label(name) {
        errors.push(if is_subdomain(name) {
            "must not contain dots".to_owned()
        } else {
            format!(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \
                 '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or \
                 '123-abc', regex used for validation is '{LABEL}')"
            )
        });
    }
    errors
}

fn too_long(text: &str, limit: usize) -> Vec<String> {
    if text.len() > limit {
        vec![format!("must be no more than {limit} bytes")]
    } else {
        Vec::new()
    }
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

fn is_label(text: &str) -> bool {
    let edge = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(edge)
        && bytes.last().is_some_and(edge)
        && bytes.iter().all(|byte| edge(byte) || *byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_texts_pass_and_their_bad_twins_do_not() {
        type Check = fn(&str) -> Vec<String>;
        let checks: [(Check, &str, &str); 4] = [
            (path_segment_errors, "...", ".."),
            (subdomain_errors, "a.b-c", "a..b"),
            (subdomain_errors, "0", "A"),
            (label_errors, "kube-system", "kube-system-"),
        ];
        for (check, good, bad) in checks {
            assert!(check(good).is_empty(), "{good:?}");
            assert!(!check(bad).is_empty(), "{bad:?}");
        }
    }

    #[test]
    fn length_is_counted_in_bytes() {
        assert!(label_errors(&"a".repeat(63)).is_empty());
        assert_eq!(label_errors(&"a".repeat(64)), ["must be no more than 63 bytes"]);
        assert_eq!(label_errors("a.b"), ["must not contain dots"]);
        assert_eq!(path_segment_errors("%/"), ["may not contain '/'", "may not contain '%'"]);
    }
}
