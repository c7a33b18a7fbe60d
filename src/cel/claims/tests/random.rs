//! Expressions that nobody would write over claims: none panics, and those that the interpreter of
//! the `cel` crate understands as well answer as it does.

use proptest::prelude::*;

use super::*;

/// Pieces of text from which expressions are made, mostly wrong ones.
const PIECES: [&str; 64] = [
    "claims",
    ".sub",
    ".g",
    ".obj",
    ".n",
    ".none",
    ".absent",
    ".?email",
    ".a__dot__b",
    "['g']",
    "[?'x']",
    "[0]",
    "[?1]",
    "[-1.0]",
    "dyn(",
    "type(",
    "string(",
    "int(",
    "uint(",
    "double(",
    "bool(",
    "user",
    ".groups",
    ".extra",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "'a'",
    "'__dot__'",
    "1",
    "2u",
    "1.5",
    "9007199254740993",
    "true",
    "null",
    " + ",
    " - ",
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
    ".exists(i, x, ",
    ".map(x, ",
    "has(",
    "size(",
    ".split(",
    ".orValue(",
    ".optMap(x, ",
    "optional.of(",
    "x",
    "double",
    "list",
];

fn pieces() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..24).prop_map(|all| all.concat())
}

/// Values of any type, so that most functions meet one that they do not take.
fn value() -> BoxedStrategy<String> {
    let leaf = prop::sample::select(vec![
        "claims.sub",
        "claims.n",
        "claims.half",
        "claims.b",
        "claims.none",
        "claims.g",
        "claims.mixed",
        "claims.obj",
        "claims.items",
        "claims.absent",
        "claims.obj.x",
        "claims.g[0]",
        "claims.?sub",
        "claims.?absent",
        "dyn(claims.g)",
        "dyn(claims.items)",
        "'a'",
        "1",
        "2u",
        "1.5",
        "null",
        "true",
        "[]",
        "['a', 'b']",
        "{'a': 1}",
        "string",
        "x",
        "big",
    ])
    .prop_map(|leaf| match leaf {
        "x" => "claims['x__y__z']".to_owned(),
        "big" => "9223372036854775807".to_owned(),
        leaf => leaf.to_owned(),
    });
    leaf.prop_recursive(4, 24, 3, |inner| {
        let binary = prop::sample::select(vec![
            "+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||",
        ]);
        let unary = prop::sample::select(vec![
            "!",
            "-",
            "dyn",
            "type",
            "string",
            "int",
            "uint",
            "double",
            "bool",
            "size",
            "optional.of",
            "optional.ofNonZeroValue",
            "ip",
            "isIP",
            "cidr",
            "lists.range",
        ]);
        let method = prop::sample::select(vec![
            "startsWith",
            "endsWith",
            "contains",
            "split",
            "join",
            "indexOf",
            "lastIndexOf",
            "orValue",
            "or",
            "charAt",
            "substring",
            "containsIP",
        ]);
        let simple = prop::sample::select(vec![
            "trim()",
            "lowerAscii()",
            "size()",
            "join()",
            "distinct()",
            "flatten()",
            "hasValue()",
            "value()",
            "family()",
            "masked()",
            "slice(0, 1)",
            "replace('a', 'b')",
            "field",
            "?field",
            "a__dot__b",
            "findAll('a')",
            "matches('a')",
            "sort()",
            "max()",
        ]);
        let fold = prop::sample::select(vec!["all", "exists", "exists_one", "filter", "map"]);
        prop_oneof![
            (inner.clone(), binary, inner.clone()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            (unary, inner.clone()).prop_map(|(name, a)| format!("{name}({a})")),
            (inner.clone(), method, inner.clone())
                .prop_map(|(a, name, b)| format!("{a}.{name}({b})")),
            (inner.clone(), simple).prop_map(|(a, name)| format!("{a}.{name}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}[{b}]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}[?{b}]")),
            (inner.clone(), fold, inner.clone())
                .prop_map(|(a, name, b)| format!("{a}.{name}(v, {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("dyn({a}).map(i, v, {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}.optMap(v, {b})")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(c, a, b)| format!("({c} ? {a} : {b})")),
        ]
    })
    .boxed()
}

/// Texts of the token and others.
fn text(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop::sample::select(vec![
        "claims.sub",
        "claims.email",
        "claims.absent",
        "claims.obj.plain",
        "claims.g[1]",
        "claims.g[7]",
        "claims['roles']",
        "''",
        "'jane'",
        "'é'",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(depth, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} + {b})")),
            (condition(1), inner.clone(), inner).prop_map(|(c, a, b)| format!("({c} ? {a} : {b})")),
        ]
    })
    .boxed()
}

fn condition(depth: u32) -> BoxedStrategy<String> {
    let order = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let leaf = prop::sample::select(vec![
        "true",
        "false",
        "claims.b",
        "claims.email_verified",
        "claims.sub",
        "has(claims.sub)",
        "has(claims.absent)",
        "'dev' in claims.g",
        "'plain' in claims.obj",
        "claims.none == null",
        "claims.g == ['admin', 'dev', 'ops']",
    ])
    .prop_map(str::to_owned);
    if depth == 0 {
        return leaf.boxed();
    }
    leaf.prop_recursive(depth, 16, 3, move |inner| {
        let method = prop::sample::select(vec!["startsWith", "endsWith", "contains"]);
        let fold = prop::sample::select(vec!["all", "exists", "exists_one"]);
        prop_oneof![
            (text(1), order.clone(), text(1)).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            (text(1), method, text(1)).prop_map(|(a, name, b)| format!("{a}.{name}({b})")),
            (fold, text(1))
                .prop_map(|(name, text)| format!("claims.obj.list.{name}(g, g + 'x' > {text})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(c, a, b)| format!("({c} ? {a} : {b})")),
        ]
    })
    .boxed()
}

fn reference_value(json: &serde_json::Value) -> ::cel::Value {
    use serde_json::Value as Json;

    match json {
        Json::Null => ::cel::Value::Null,
        Json::Bool(value) => (*value).into(),
        Json::Number(number) => number.as_f64().unwrap().into(),
        Json::String(text) => text.clone().into(),
        Json::Array(values) => values.iter().map(reference_value).collect::<Vec<_>>().into(),
        Json::Object(map) => {
            let map: std::collections::HashMap<String, ::cel::Value> =
                map.iter().map(|(key, value)| (key.clone(), reference_value(value))).collect();
            map.into()
        }
    }
}

/// What the interpreter of the `cel` crate says about the token, or nothing for an error.
fn reference(text: &str) -> Option<bool> {
    let mut context = ::cel::Context::default();
    context.add_variable_from_value("claims", reference_value(&claims().into()));
    match ::cel::Program::compile(text).unwrap().execute(&context) {
        Ok(::cel::Value::Bool(answer)) => Some(answer),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(text in pieces()) {
        if let Ok(mapping) = Mapping::compile(&text) {
            drop(mapping.evaluate(&claims()));
        }
        if let Ok(rule) = UserRule::compile(&text) {
            drop(rule.evaluate(&User::new("jane").with_groups(["dev"])));
        }
    }

    #[test]
    fn no_function_panics_whatever_it_is_given(text in value()) {
        if let Ok(mapping) = Mapping::compile(&text) {
            drop(mapping.evaluate(&claims()));
        }
        // A rule is true only if its mapping is.
        if let Ok(rule) = ClaimRule::compile(&text) {
            let mapped = mapping(&text).evaluate(&claims());
            match rule.evaluate(&claims()) {
                Ok(answer) => prop_assert_eq!(mapped, Ok(Output::Bool(answer))),
                Err(_) => prop_assert!(!matches!(mapped, Ok(Output::Bool(_)))),
            }
        }
    }

    #[test]
    fn the_other_interpreter_agrees(text in condition(3)) {
        let text = format!("({text}) == true");
        let rule = ClaimRule::compile(&text);
        prop_assert!(rule.is_ok(), "{text}: {}", rule.unwrap_err());
        let answer = rule.unwrap().evaluate(&claims()).ok();
        prop_assert_eq!(answer, reference(&text), "{}", text);
    }
}
