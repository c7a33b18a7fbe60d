use crate::api::field::{FieldError, FieldErrorKind};
use crate::api::names::{label_errors, subdomain_errors};

/// The longest domain.
const LONGEST_DOMAIN: usize = 253;
/// The longest name: a domain, a slash, a namespace, a dot and the name of an object.
const LONGEST_NAME: usize = LONGEST_DOMAIN + 1 + 63 + 1 + 253;

/// What is wrong with the name of a signer (S-CSR-5); `path` is the field it stands in.
///
/// ```
/// use portcullis::api::certificates::signer_name_errors;
///
/// assert!(signer_name_errors("spec.signerName", "kubernetes.io/kubelet-serving").is_empty());
/// let errors = signer_name_errors("spec.signerName", "kubernetes/serving");
/// assert_eq!(
///     errors[0].to_string(),
///     "spec.signerName: Invalid value: \"kubernetes\": \
///      should be a domain with at least two segments separated by dots"
/// );
/// ```
#[must_use]
pub fn signer_name_errors(path: &str, name: &str) -> Vec<FieldError> {
    if name.is_empty() {
        return vec![FieldError::required(path, "")];
    }
    let (domain, rest) = match name.split_once('/') {
        Some((domain, rest)) if !rest.contains('/') => (domain, rest),
        _ => {
            let form = "must be a fully qualified domain and path of the form \
                        'example.com/signer-name'";
            return vec![FieldError::invalid(path, name, form)];
        }
    };
    let mut errors = Vec::new();
    if domain.len() > LONGEST_DOMAIN {
        errors.push(too_long(path, LONGEST_DOMAIN));
    }
    errors.extend(first_bad_label(path, domain, label_errors));
    if !domain.contains('.') {
        let dots = "should be a domain with at least two segments separated by dots";
        errors.push(FieldError::invalid(path, domain, dots));
    }
    errors.extend(first_bad_label(path, rest, subdomain_errors));
    if name.len() > LONGEST_NAME {
        errors.push(too_long(path, LONGEST_NAME));
    }
    errors
}

/// Further labels would only repeat the message.
fn first_bad_label(path: &str, text: &str, objections: fn(&str) -> Vec<String>) -> Vec<FieldError> {
    let bad = text.split('.').map(|label| (label, objections(label)));
    let Some((label, objections)) = bad.into_iter().find(|(_, found)| !found.is_empty()) else {
        return Vec::new();
    };
    let quoted = crate::util::goquote::Quoted(label);
    let error = |objection| {
        FieldError::invalid(path, text, format!("validating label {quoted}: {objection}"))
    };
    objections.into_iter().map(error).collect()
}

fn too_long(path: &str, limit: usize) -> FieldError {
    FieldError {
        path: path.to_owned(),
        kind: FieldErrorKind::TooLong,
        bad_value: None,
        detail: format!("may not be more than {limit} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(name: &str) -> Vec<String> {
        signer_name_errors("s", name).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_of_the_right_form_pass_and_their_twins_do_not() {
        let label = "a".repeat(63);
        let long =
            format!("{label}.{label}.{label}.{}/{label}.{}", "a".repeat(61), "a".repeat(253));
        assert_eq!(long.len(), LONGEST_NAME);
        for good in ["a.b/c", "example.com/a.b-c.d", "1.2/3", &long] {
            assert_eq!(texts(good), [""; 0], "{good}");
        }
        for (bad, first) in [
            ("", "s: Required value"),
            (
                "a.b",
                "must be a fully qualified domain and path of the form 'example.com/signer-name'",
            ),
            ("a.b/c/d", "must be a fully qualified domain and path"),
            ("a/c", "s: Invalid value: \"a\": should be a domain with at least two segments"),
            (
                "A.b/c",
                "s: Invalid value: \"A.b\": validating label \"A\": a lowercase RFC 1123 label",
            ),
            ("a..b/c", "validating label \"\": "),
            (
                "a.b/",
                "s: Invalid value: \"\": validating label \"\": a lowercase RFC 1123 subdomain",
            ),
            ("a.b/C", "validating label \"C\": "),
            ("a.b/c.", "validating label \"\": "),
        ] {
            let texts = texts(bad);
            assert!(texts[0].contains(first), "{bad}: {texts:?}");
        }
        assert_eq!(texts("A.B/c").len(), 1);
        assert!(texts(&format!("{long}a")).iter().any(|text| text.contains("571")));
        let domain = format!("{label}.{label}.{label}.{}/c", "a".repeat(62));
        assert!(texts(&domain)[0].contains("253"));
    }
}
