use super::*;

#[test]
fn mistakes_are_worded_as_go_words_them() {
    for (text, error) in [
        ("", "unexpected end of JSON input"),
        ("{\"a\":", "unexpected end of JSON input"),
        ("{\"a", "unexpected end of JSON input"),
        ("{a:1}", "invalid character 'a' looking for beginning of object key string"),
        ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
        ("{\"a\" 1}", "invalid character '1' after object key"),
        ("{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"),
        ("[1 2]", "invalid character '2' after array element"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ("{} {}", "invalid character '{' after top-level value"),
        ("01", "invalid character '1' after top-level value"),
        ("-x", "invalid character 'x' in numeric literal"),
        ("1.x", "invalid character 'x' after decimal point in numeric literal"),
        ("1ex", "invalid character 'x' in exponent of numeric literal"),
        ("tru,", "invalid character ',' in literal true (expecting 'e')"),
        ("\"\\x\"", "invalid character 'x' in string escape code"),
        ("\"\\u12x4\"", r"invalid character 'x' in \u hexadecimal character escape"),
        ("\"\t\"", r"invalid character '\t' in string literal"),
        ("'", r"invalid character '\'' looking for beginning of value"),
        ("\u{a0}{}", r"invalid character '\u00a0' looking for beginning of value"),
        ("\u{b}{}", r"invalid character '\v' looking for beginning of value"),
    ] {
        assert_eq!(Raw::parse(text).unwrap_err().to_string(), error, "{text:?}");
    }
}

#[test]
fn what_serde_json_accepts_is_accepted_and_its_twin_refused() {
    for text in [
        "{}",
        "[]",
        " [1, -0.5e+3, 0] ",
        "\"a\\n\\u00e9\"",
        "null",
        "{\"a\":{\"b\":[{}]}}",
        "1E5",
        "-0",
        "{",
        "[}",
        "{\"a\":}",
        "nul",
        "+1",
        ".5",
        "1.",
        "00",
        "[,]",
        "{,}",
        "{\"a\":1,,}",
        "\"",
        "x",
    ] {
        let expected = serde_json::from_str::<serde_json::Value>(text).is_ok();
        assert_eq!(Raw::parse(text).is_ok(), expected, "{text}");
    }
}

#[test]
fn members_come_in_order_with_duplicates() {
    let raw = Raw::parse(r#" { "a" : 1 , "b":{"x":["}"]}, "\u0061":"s\"}" ,"c":null} "#).unwrap();
    let members: Vec<_> =
        raw.members().map(|(key, value)| (key, value.kind(), value.string())).collect();
    assert_eq!(
        members,
        [
            ("a".to_owned(), Kind::Number, String::new()),
            ("b".to_owned(), Kind::Object, String::new()),
            ("a".to_owned(), Kind::String, "s\"}".to_owned()),
            ("c".to_owned(), Kind::Null, String::new()),
        ]
    );
    assert_eq!(Raw::parse("[1]").unwrap().members().count(), 0);
}

#[test]
fn surrogates_are_joined_or_replaced() {
    for (text, value) in [
        (r#""\ud83d\ude00""#, "😀"),
        (r#""\udbff\udfff""#, "\u{10ffff}"),
        (r#""a\ud800b""#, "a\u{fffd}b"),
        (r#""\ud800\u0041""#, "\u{fffd}A"),
        (r#""\ude00""#, "\u{fffd}"),
    ] {
        assert_eq!(Raw::parse(text).unwrap().string(), value, "{text}");
    }
}

#[test]
fn nesting_ends_at_the_limit_of_go_and_costs_no_stack() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(Raw::parse(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(Raw::parse(&nested(MAX_DEPTH + 1)), Err(SyntaxError::TooDeep));
}

proptest::proptest! {
    #[test]
    fn strings_survive_writing_and_reading(text: String) {
        let written = serde_json::to_string(&text).unwrap();
        proptest::prop_assert_eq!(Raw::parse(&written).unwrap().string(), text);
    }

    #[test]
    fn any_text_is_judged_as_serde_json_judges_it(text in "[\\[\\]{}:,\" 0-9a-f.eE+-]{0,24}") {
        let expected = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        let read = Raw::parse(&text);
        proptest::prop_assert_eq!(read.is_ok(), expected);
        if let Ok(raw) = read {
            // Reading what passed the check must not fail either.
            raw.members().for_each(|(_, value)| drop(value.string()));
        }
    }
}
