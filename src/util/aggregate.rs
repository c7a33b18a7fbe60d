//! How Kubernetes joins several error texts into one (S-FMT-1).

/// Duplicates dropped keeping the first; one distinct text stands bare, more stand in brackets.
/// `None` when there is nothing to say.
pub(crate) fn aggregate<T: AsRef<str>>(errors: &[T]) -> Option<String> {
    let mut distinct: Vec<&str> = Vec::with_capacity(errors.len());
    for error in errors {
        if !distinct.contains(&error.as_ref()) {
            distinct.push(error.as_ref());
        }
    }
    match distinct.as_slice() {
        [] => None,
        [one] => Some((*one).to_owned()),
        many => Some(format!("[{}]", many.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_distinct_text_stands_bare_and_two_stand_in_brackets() {
        assert_eq!(aggregate::<&str>(&[]), None);
        assert_eq!(aggregate(&["a", "a"]).as_deref(), Some("a"));
        assert_eq!(aggregate(&["a", "b", "a"]).as_deref(), Some("[a, b]"));
    }
}
