use std::borrow::Cow;

/// The words that are no names in CEL, and are written `__in__` where a field has such a name.
const RESERVED: [&str; 21] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
    "while",
];

/// The name that an escaped name stands for (`a__dot__b` for `a.b`), or nothing when it is no such
/// name (`a__x__b`). What has no escapes stands for itself.
pub(super) fn unescaped(name: &str) -> Option<Cow<'_, str>> {
    if !name.contains("__") {
        return Some(Cow::Borrowed(name));
    }
    let mut plain = String::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        if let Some((word, behind)) = escape(rest) {
            plain.push_str(match word {
                "underscores" => "__",
                "dot" => ".",
                "dash" => "-",
                "slash" => "/",
                // Only as the whole name.
                word if RESERVED.contains(&word) && word.len() + 4 == name.len() => word,
                _ => return None,
            });
            rest = behind;
        } else {
            plain.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    Some(Cow::Owned(plain))
}

/// Whether a name means another, or none.
pub(super) fn is_escaped(name: &str) -> bool {
    unescaped(name).is_none_or(|plain| plain != name)
}

/// The word between two pairs of underscores at the start, and what is behind them.
fn escape(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix("__")?;
    let (word, behind) = inner.split_once("__")?;
    (!word.is_empty() && !word.contains('_')).then_some((word, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_stand_for_what_a_name_cannot_hold() {
        for (name, plain) in [
            ("email_verified", Some("email_verified")),
            ("a__dot__b", Some("a.b")),
            ("https__slash____slash__e", Some("https//e")),
            ("a__dash__b__underscores__c", Some("a-b__c")),
            ("__in__", Some("in")),
            ("x__in__", None),
            ("a__b__c", None),
            ("a__b", Some("a__b")),
            ("___dot__", Some("_.")),
            ("a__dot___b", Some("a._b")),
            ("__", Some("__")),
            ("____", Some("____")),
            ("", Some("")),
        ] {
            assert_eq!(unescaped(name).as_deref(), plain, "{name}");
            assert_eq!(is_escaped(name), plain != Some(name), "{name}");
        }
    }
}
