use crate::model::{FieldOperator, FieldRequirement};

/// Reads a field selector as `kubectl --field-selector` takes it (S-ATTR-23).
///
/// ```
/// use portcullis::api::selector::parse_fields;
/// use portcullis::model::FieldOperator;
///
/// let requirements = parse_fields("spec.nodeName=n1,metadata.name!=a\\,b")?;
/// // Terms are sorted before use.
/// assert_eq!(requirements[0].field, "metadata.name");
/// assert_eq!(requirements[0].operator, FieldOperator::NotEquals);
/// assert_eq!(requirements[0].value, "a,b");
/// assert!(parse_fields("spec.nodeName").is_err());
/// # Ok::<(), portcullis::api::selector::FieldSelectorError>(())
/// ```
///
/// # Errors
///
/// The first term, in sorted order, without an operator or with a wrong escape.
pub fn parse_fields(selector: &str) -> Result<Vec<FieldRequirement>, FieldSelectorError> {
    let mut terms = split_terms(selector);
    terms.sort_unstable();
    let mut requirements = Vec::with_capacity(terms.len());
    for term in terms.into_iter().filter(|term| !term.is_empty()) {
        let (field, operator, value) = split_term(term).ok_or_else(|| {
            FieldSelectorError::NoOperator { selector: selector.to_owned(), term: term.to_owned() }
        })?;
        let value = unescaped(value)?;
        // Kubernetes takes a term that names nothing for one that selects everything.
        if !(field.is_empty() && value.is_empty()) {
            requirements.push(FieldRequirement { field: field.to_owned(), operator, value });
        }
    }
    Ok(requirements)
}

/// Why a field selector was not read; the texts are those of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldSelectorError {
    /// A term has none of `=`, `==` and `!=`.
    #[error("invalid selector: '{selector}'; can't understand '{term}'")]
    NoOperator {
        /// The whole selector.
        selector: String,
        /// The term.
        term: String,
    },
    /// A backslash before something other than `\`, `,` and `=`.
    #[error("invalid field selector: invalid escape sequence: {0}")]
    Escape(String),
    /// `,` or `=` in a value without a backslash; Kubernetes prints the number of the character.
    #[error("invalid field selector: unescaped character in value: {}", u32::from(*.0))]
    Unescaped(char),
}

/// Splits at commas that no backslash precedes.
fn split_terms(selector: &str) -> Vec<&str> {
    let mut escaped = false;
    selector
        .split(|character| {
            let separates = character == ',' && !escaped;
            escaped = character == '\\' && !escaped;
            separates
        })
        .collect()
}

/// Splits at the first operator; where several begin, `!=` and `==` go before `=`.
fn split_term(term: &str) -> Option<(&str, FieldOperator, &str)> {
    term.char_indices().find_map(|(index, _)| {
        let (field, rest) = term.split_at_checked(index)?;
        let value = |operator: &str| rest.strip_prefix(operator);
        if let Some(value) = value("!=") {
            return Some((field, FieldOperator::NotEquals, value));
        }
        let value = value("==").or_else(|| value("="))?;
        Some((field, FieldOperator::Equals, value))
    })
}

fn unescaped(value: &str) -> Result<String, FieldSelectorError> {
    let mut plain = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(escaped @ ('\\' | ',' | '=')) => plain.push(escaped),
                Some(other) => return Err(FieldSelectorError::Escape(format!("\\{other}"))),
                None => return Err(FieldSelectorError::Escape("\\".to_owned())),
            },
            ',' | '=' => return Err(FieldSelectorError::Unescaped(character)),
            other => plain.push(other),
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(selector: &str) -> String {
        match parse_fields(selector) {
            Ok(requirements) => requirements
                .iter()
                .map(|r| format!("{} {:?} {}", r.field, r.operator, r.value))
                .collect::<Vec<_>>()
                .join("; "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn terms_are_sorted_and_empty_ones_skipped() {
        for (selector, expected) in [
            ("", ""),
            (",,", ""),
            ("b=1,a=2", "a Equals 2; b Equals 1"),
            ("a==1", "a Equals 1"),
            ("a!=1", "a NotEquals 1"),
            ("a=", "a Equals "),
            ("=", ""),
            ("=b", " Equals b"),
            ("a= b ", "a Equals  b "),
            (r"a=x\,y\=z\\", r"a Equals x,y=z\"),
        ] {
            assert_eq!(shown(selector), expected, "{selector:?}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused_in_the_words_of_kubernetes() {
        for (selector, expected) in [
            ("&foo", "invalid selector: '&foo'; can't understand '&foo'"),
            ("a=1,b", "invalid selector: 'a=1,b'; can't understand 'b'"),
            (r"a=\n", r"invalid field selector: invalid escape sequence: \n"),
            (r"a=b\", r"invalid field selector: invalid escape sequence: \"),
            ("a=b=c", "invalid field selector: unescaped character in value: 61"),
        ] {
            assert_eq!(shown(selector), expected, "{selector:?}");
        }
    }
}
