//! What Kubernetes accepts as label keys and values, and what it says about the rest.

/// What is wrong with a label key: an optional DNS subdomain and `/`, then a name of up to 63
/// characters. Empty when nothing is.
pub(super) fn qualified_name_errors(key: &str) -> Vec<String> {
    let parts: Vec<&str> = key.split('/').collect();
    let (prefix, name) = match parts.as_slice() {
        [name] => (None, *name),
        [prefix, name] => (Some(*prefix), *name),
        _ => {
            return vec![format!(
                "a qualified name {} with an optional DNS subdomain prefix and '/' (e.g. \
                 'example.com/MyName')",
                name_rule()
            )];
        }
    };
    let mut errors = Vec::new();
    match prefix {
        Some("") => errors.push("prefix part must be non-empty".to_owned()),
        Some(prefix) => {
            errors.extend(subdomain_errors(prefix).into_iter().map(|e| format!("prefix part {e}")));
        }
        None => {}
    }
    if name.is_empty() {
        errors.push("name part must be non-empty".to_owned());
    } else if name.len() > NAME_MAX {
        errors.push(format!("name part {}", too_long(NAME_MAX)));
    }
    if !is_name(name) {
        errors.push(format!("name part {}", name_rule()));
    }
    errors
}

/// What is wrong with a label value: empty, or a name of up to 63 characters.
pub(super) fn label_value_errors(value: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if value.len() > NAME_MAX {
        errors.push(too_long(NAME_MAX));
    }
    if !value.is_empty() && !is_name(value) {
        errors.push(format!(
            "a valid label must be an empty string or {NAME_SHAPE} (e.g. 'MyValue',  or \
             'my_value',  or '12345', regex used for validation is '({NAME_REGEX})?')"
        ));
    }
    errors
}

/// What is wrong with a DNS-1123 subdomain.
fn subdomain_errors(name: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if name.len() > SUBDOMAIN_MAX {
        errors.push(too_long(SUBDOMAIN_MAX));
    }
    if !name.split('.').all(is_dns_label) {
        errors.push(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \
             '-' or '.', and must start and end with an alphanumeric character (e.g. \
             'example.com', regex used for validation is \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
                .to_owned(),
        );
    }
    errors
}

fn name_rule() -> String {
    format!(
        "must {NAME_SHAPE} (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for \
         validation is '{NAME_REGEX}')"
    )
}

fn too_long(limit: usize) -> String {
    format!("must be no more than {limit} bytes")
}

fn is_name(name: &str) -> bool {
    begins_and_ends(name, |byte| byte.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn is_dns_label(label: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    begins_and_ends(label, alphanumeric)
        && label.bytes().all(|byte| alphanumeric(byte) || byte == b'-')
}

fn begins_and_ends(text: &str, with: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|b| with(*b)) && bytes.last().is_some_and(|b| with(*b))
}

/// The limits are those of `IsQualifiedName` and of DNS.
const NAME_MAX: usize = 63;
const SUBDOMAIN_MAX: usize = 253;

const NAME_SHAPE: &str = "consist of alphanumeric characters, '-', '_' or '.', and must start and \
                          end with an alphanumeric character";
const NAME_REGEX: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_may_have_a_dns_prefix() {
        for good in ["app", "a", "a.b_c-D", "example.com/app", "k8s.io/a", &"x".repeat(63)] {
            assert_eq!(qualified_name_errors(good), Vec::<String>::new(), "{good}");
        }
        for (bad, count) in [
            ("", 2),
            ("-a", 1),
            ("a-", 1),
            ("/a", 1),
            ("a/", 2),
            ("Ex/a", 1),
            ("a..b/c", 1),
            ("a/b/c", 1),
            ("ä", 1),
            (&"x".repeat(64), 1),
            (&"-".repeat(64), 2),
        ] {
            assert_eq!(qualified_name_errors(bad).len(), count, "{bad}");
        }
    }

    #[test]
    fn values_may_be_empty_but_not_long() {
        for good in ["", "a", "1.2_3-x", &"x".repeat(63)] {
            assert_eq!(label_value_errors(good), Vec::<String>::new(), "{good}");
        }
        for bad in ["-", "a b", "a/b", &"x".repeat(64)] {
            assert_eq!(label_value_errors(bad).len(), 1, "{bad}");
        }
    }
}
