//! Expressions that nobody would write: none panics, and those that the interpreter of the `cel`
//! crate understands as well answer as it does.

use proptest::prelude::*;

use super::*;

/// Pieces of text from which expressions are made, mostly wrong ones.
const PIECES: [&str; 60] = [
    "request",
    ".user",
    ".groups",
    ".extra",
    ".resourceAttributes",
    ".namespace",
    ".?name",
    "[0]",
    "[?1]",
    "['a']",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "'a'",
    "\"b\"",
    "r'\\d'",
    "'\\u00e9'",
    "1",
    "-1",
    "2u",
    "1.5",
    "true",
    "false",
    "null",
    " + ",
    " - ",
    " * ",
    " / ",
    " % ",
    " == ",
    " != ",
    " < ",
    " in ",
    " && ",
    " || ",
    "!",
    " ? ",
    " : ",
    ", ",
    ".all(x, ",
    ".exists(x, ",
    ".map(x, ",
    ".filter(i, x, ",
    "has(",
    "size(",
    ".size()",
    ".startsWith(",
    ".matches('",
    ".orValue(",
    "x",
    ".",
    "`",
    "'",
    "\\",
    "\n",
    "é",
    "// c\n",
];

fn pieces() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..30).prop_map(|all| all.concat())
}

/// Texts of the request and others.
fn text(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop::sample::select(vec![
        "request.user",
        "request.uid",
        "request.resourceAttributes.namespace",
        "request.resourceAttributes.name",
        "request.nonResourceAttributes.path",
        "request.groups[0]",
        "request.groups[7]",
        "request.extra['scopes'][1]",
        "request.extra['nothing'][0]",
        "''",
        "'jane'",
        "'é'",
        "'web-1'",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(depth, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} + {b})")),
            (condition(1), inner.clone(), inner).prop_map(|(c, a, b)| format!("({c} ? {a} : {b})")),
        ]
    })
    .boxed()
}

fn number(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["0", "1", "2", "-3", "9223372036854775807"])
            .prop_map(str::to_owned),
        text(1).prop_map(|text| format!("size({text})")),
        Just("size(request.groups)".to_owned()),
    ];
    leaf.prop_recursive(depth, 8, 2, |inner| {
        let operator = prop::sample::select(vec!["+", "-", "*", "/", "%"]);
        (inner.clone(), operator, inner).prop_map(|(a, op, b)| format!("({a} {op} {b})"))
    })
    .boxed()
}

fn condition(depth: u32) -> BoxedStrategy<String> {
    let texts = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let numbers = texts.clone();
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "true",
            "false",
            "has(request.resourceAttributes)",
            "has(request.nonResourceAttributes)",
            "has(request.extra.scopes)",
            "'dev' in request.groups",
            "'scopes' in request.extra",
        ])
        .prop_map(str::to_owned),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    leaf.prop_recursive(depth, 16, 3, move |inner| {
        let method = prop::sample::select(vec!["startsWith", "endsWith", "contains"]);
        let fold = prop::sample::select(vec!["all", "exists", "exists_one"]);
        prop_oneof![
            (text(1), texts.clone(), text(1)).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            (number(1), numbers.clone(), number(1))
                .prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            (text(1), method, text(1)).prop_map(|(a, name, b)| format!("{a}.{name}({b})")),
            (fold, text(1))
                .prop_map(|(name, text)| format!("request.groups.{name}(g, g + 'x' > {text})")),
            text(1).prop_map(|text| format!("({text} in request.groups.map(g, g + '!'))")),
            text(1).prop_map(|text| format!("(request.groups.filter(g, g != {text}).size() > 1)")),
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(c, a, b)| format!("({c} ? {a} : {b})")),
        ]
    })
    .boxed()
}

/// What the interpreter of the `cel` crate says about jane's request, or nothing for an error.
fn reference(text: &str) -> Option<bool> {
    use std::collections::HashMap;

    let user = jane();
    let strings = |texts: &[String]| ::cel::Value::from(texts.to_vec());
    let extra: HashMap<String, ::cel::Value> =
        user.extra.iter().map(|(key, values)| (key.clone(), strings(values))).collect();
    let resource: HashMap<String, ::cel::Value> = [
        ("namespace", "prod"),
        ("verb", "get"),
        ("group", ""),
        ("version", "v1"),
        ("resource", "pods"),
        ("subresource", ""),
        ("name", "web-1"),
    ]
    .map(|(key, value)| (key.to_owned(), value.into()))
    .into();
    let request: HashMap<String, ::cel::Value> = [
        ("user".to_owned(), user.name.clone().into()),
        ("uid".to_owned(), user.uid.clone().into()),
        ("groups".to_owned(), strings(&user.groups)),
        ("extra".to_owned(), extra.into()),
        ("resourceAttributes".to_owned(), resource.into()),
    ]
    .into();
    let mut context = ::cel::Context::default();
    context.add_variable_from_value("request", request);
    match ::cel::Program::compile(text).unwrap().execute(&context) {
        Ok(::cel::Value::Bool(answer)) => Some(answer),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(text in pieces()) {
        if let Ok(expression) = Expression::compile(&text) {
            drop(expression.evaluate(&pods(&jane())));
        }
    }

    #[test]
    fn no_text_at_all_panics(text in any::<String>()) {
        drop(Expression::compile(&text));
    }

    #[test]
    fn no_pattern_panics(pattern in "[a-c(){}\\[\\]*+?|^$.,0-9:\\\\dDwsbAzQE-]{0,20}") {
        drop(pattern::Pattern::compile(&pattern));
    }

    #[test]
    fn the_other_interpreter_agrees(text in condition(3)) {
        let expression = Expression::compile(&text);
        prop_assert!(expression.is_ok(), "{text}: {}", expression.unwrap_err());
        let answer = expression.unwrap().evaluate(&pods(&jane())).ok();
        prop_assert_eq!(answer, reference(&text), "{}", text);
    }
}
