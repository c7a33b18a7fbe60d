//! Expressions over claims and over a user: what they answer, and how they are refused.

mod random;

use serde_json::json;

use super::*;
use crate::cel::{CompileError, EvaluationError};
use crate::model::User;

type Claims = serde_json::Map<String, serde_json::Value>;

fn object(value: serde_json::Value) -> Claims {
    match value {
        serde_json::Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

/// A token with every kind of claim.
fn claims() -> Claims {
    object(json!({
        "iss": "https://issuer.example.org",
        "sub": "jane",
        "email": "Jane@example.org",
        "email_verified": true,
        "exp": 1_795_458_246,
        "n": 5,
        "half": 2.5,
        "big": 9_007_199_254_740_993_u64,
        "b": false,
        "none": null,
        "empty": "",
        "roles": "dev,ops",
        "g": ["admin", "dev", "ops"],
        "one": ["only"],
        "no_groups": [],
        "mixed": ["a", 1, null, true],
        "obj": {"a.b": "dotted", "x": {"y/z": [1, 2]}, "plain": "p", "list": ["l"], "__dot__": "raw", "a__x__b": "odd"},
        "items": [{"k": "v", "a.b": "c"}, {"k": "w"}],
        "a.b": "top",
        "namespace": "reserved",
        "x__y__z": "unreachable",
        "https://example.org/role": "owner",
        "nothing": {},
    }))
}

fn mapping(text: &str) -> Mapping {
    Mapping::compile(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// What a mapping makes of the token, or its error.
fn mapped(text: &str) -> Result<Output, String> {
    mapping(text).evaluate(&claims()).map_err(|error| error.to_string())
}

fn rule(text: &str) -> ClaimRule {
    ClaimRule::compile(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn shown(result: Result<bool, EvaluationError>) -> String {
    result.map_or_else(|error| error.to_string(), |answer| answer.to_string())
}

fn answer(text: &str) -> String {
    shown(rule(text).evaluate(&claims()))
}

/// What a rule over a user says about jane.
fn about_jane(text: &str) -> String {
    let mut jane = User::new("jane").with_groups(["dev", "ops"]);
    jane.uid = "7".to_owned();
    jane.extra.insert("example.org/team".to_owned(), vec!["red".to_owned()]);
    jane.extra.insert("k".to_owned(), vec!["a".to_owned(), "b".to_owned()]);
    jane.extra.insert("a__dot__b".to_owned(), vec![]);
    let rule = UserRule::compile(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    shown(rule.evaluate(&jane))
}

fn all_true(rules: &[&str]) {
    for text in rules {
        assert_eq!(answer(text), "true", "{text}");
    }
}

fn all_fail(rules: &[(&str, &str)]) {
    for (text, message) in rules {
        assert_eq!(answer(text), *message, "{text}");
    }
}

fn refusal<T>(compiled: Result<T, CompileError>) -> String {
    match compiled {
        Ok(_) => panic!("it compiles"),
        Err(error) => error.to_string(),
    }
}

/// The message of the only problem of a rule, without its place and its line.
fn problem(text: &str) -> String {
    let error = refusal(ClaimRule::compile(text));
    let rest = error.strip_prefix("compilation failed: ERROR: <input>:");
    let line = rest.unwrap_or_else(|| panic!("{text}: {error}")).lines().next().unwrap();
    assert_eq!(error.matches("ERROR").count(), 1, "{error}");
    line.split_once(": ").unwrap().1.to_owned()
}

fn text(text: &str) -> Output {
    Output::String(text.to_owned())
}

fn texts(all: &[&str]) -> Output {
    Output::List(all.iter().map(|one| text(one)).collect())
}

mod selections {
    use super::*;

    #[test]
    fn claims_have_their_values() {
        all_true(&[
            "claims.sub == 'jane'",
            "claims['sub'] == 'jane'",
            "claims.email_verified == true",
            "claims.b == false",
            "claims.none == null",
            "claims.g == ['admin', 'dev', 'ops']",
            "claims.g[0] == 'admin'",
            "claims.g[claims.n - 4.0] == 'dev'",
            "claims.g[1u] == 'dev'",
            "claims.obj.plain == 'p'",
            "claims.obj['plain'] == 'p'",
            "claims['obj']['plain'] == 'p'",
            "claims['https://example.org/role'] == 'owner'",
            "claims.items[1].k == 'w'",
            "claims.obj.x == {'y/z': [1, 2]}",
            "claims.nothing == {} && claims.no_groups == []",
            "claims[claims.empty + 'sub'] == 'jane'",
        ]);
        all_fail(&[
            ("claims.absent == 'x'", "no such key: absent"),
            ("claims['absent'] == 'x'", "no such key: absent"),
            ("claims.obj.absent == 'x'", "no such key: absent"),
            ("claims.sub.field == 'x'", "no such key: field"),
            ("claims.none.field == 'x'", "no such key: field"),
            ("claims.g[3] == 'x'", "index out of bounds: 3"),
            ("claims.g[-1] == 'x'", "index out of bounds: -1"),
            ("claims.g[0.5] == 'x'", "unsupported index value 0.5 in list"),
            ("claims.g['0'] == 'x'", "unsupported index type 'string' in list"),
            ("claims.g.field == 'x'", "unsupported index type 'string' in list"),
            ("claims.sub[0] == 'j'", "no such key: 0"),
            ("claims[dyn(1)] == 'x'", "no such overload"),
            ("claims.obj[1] == 'x'", "no such key: 1"),
        ]);
    }

    // S-OIDC-19.
    #[test]
    fn names_that_no_field_can_have_are_escaped() {
        all_true(&[
            "claims.a__dot__b == 'top'",
            "claims['a__dot__b'] == 'top'",
            "claims['a.b'] == 'top'",
            "claims.obj.a__dot__b == 'dotted'",
            "claims.obj.x.y__slash__z[1] == 2",
            "claims.items[0].a__dot__b == 'c'",
            "claims.?obj.optMap(o, o.a__dot__b).orValue('') == 'dotted'",
            "[claims.obj].exists(o, o.a__dot__b == 'dotted')",
            "claims.__namespace__ == 'reserved'",
            "has(claims.a__dot__b) && has(claims.obj.a__dot__b) && !has(claims.obj.a__dash__b)",
            "claims.?a__dot__b.orValue('') == 'top'",
            "claims.?obj.?a__dot__b.orValue('') == 'dotted'",
            "claims.?obj.a__dot__b.orValue('') == 'dotted'",
            // `in` knows no escapes.
            "!('a__dot__b' in claims.obj) && 'a.b' in claims.obj",
            // A claim is never found by a name that is no escape; a field inside of one is.
            "!has(claims.x__y__z) && claims[?'x__y__z'] == optional.none()",
            "claims.obj.a__x__b == 'odd'",
            // `__dot__` is the name of `.`, and not of itself.
            "!has(claims.obj.__dot__)",
        ]);
        all_fail(&[
            ("claims.x__y__z == ''", "no such key: x__y__z"),
            ("claims.obj.__dot__ == ''", "no such key: __dot__"),
        ]);
    }

    #[test]
    fn where_an_escape_may_be_read_or_not_there_is_an_error() {
        let doubtful = "not evaluated: it is not certain what the API server answers";
        all_fail(&[
            ("dyn(claims.items).exists(i, i.a__dot__b == 'c')", doubtful),
            (
                "claims.obj == {'a.b': 1, 'x': 1, 'plain': 1, 'list': 1, '__dot__': 1, 'a__x__b': 1}",
                doubtful,
            ),
            ("(claims.items + [])[0].a__dot__b == 'c'", doubtful),
            ("claims.?obj[?'a__dot__b'].orValue('') == ''", doubtful),
            ("optional.of(claims.obj).a__dot__b.orValue('') == ''", doubtful),
            ("optional.ofNonZeroValue(claims.no_groups).hasValue()", doubtful),
            ("optional.ofNonZeroValue(claims.nothing).hasValue()", doubtful),
        ]);
        // Their twins without an escape, or with something inside.
        all_true(&[
            "dyn(claims.items).exists(i, i['a.b'] == 'c')",
            "claims.?obj[?'a.b'].orValue('') == 'dotted'",
            "optional.of(claims.obj).plain.orValue('') == 'p'",
            "optional.ofNonZeroValue(claims.g).hasValue()",
        ]);
    }

    #[test]
    fn has_asks_for_presence_and_nothing_else() {
        all_true(&[
            "has(claims.sub) && !has(claims.absent)",
            "has(claims.none) && has(claims.empty) && has(claims.no_groups)",
            "has(claims.obj.plain) && !has(claims.obj.absent)",
            "!has(claims.sub.field) && !has(claims.none.field) && !has(claims.n.field)",
        ]);
        all_fail(&[
            ("has(claims.absent.field)", "no such key: absent"),
            ("has(claims.g.field)", "unsupported index type 'string' in list"),
        ]);
    }

    #[test]
    fn optionals_stand_for_absent_claims() {
        all_true(&[
            "claims.?sub.orValue('x') == 'jane'",
            "claims.?absent.orValue('x') == 'x'",
            "claims[?'absent'].orValue('x') == 'x'",
            "claims[?'sub'].value() == 'jane'",
            "claims.?absent.field.orValue('x') == 'x'",
            "claims.?obj.plain.orValue('x') == 'p'",
            "claims.?obj.?absent.orValue('x') == 'x'",
            "claims.?sub.field.orValue('x') == 'x'",
            "claims.g[?0].orValue('x') == 'admin' && claims.g[?9].orValue('x') == 'x'",
            "claims.?g[0].orValue('x') == 'admin' && claims.?absent[0].orValue('x') == 'x'",
            "claims.?none.hasValue() && claims.?none.value() == null",
            "claims.?absent.or(claims.?sub).value() == 'jane'",
            "claims.?absent.or(optional.of('x')).value() == 'x'",
            "claims.?sub.optMap(s, s + '!').orValue('') == 'jane!'",
            "!claims.?absent.optMap(s, s + '!').hasValue()",
            "claims.?obj.optFlatMap(o, o.?plain).orValue('') == 'p'",
            "has(claims.?obj.plain) && !has(claims.?absent.plain)",
            "claims.?g.orValue([]) == claims.g",
        ]);
        all_fail(&[
            ("claims.?absent.value() == 'x'", "optional.none() dereference"),
            ("claims.sub.orValue('x') == 'x'", "no such overload"),
            ("claims.sub.hasValue()", "no such overload"),
            ("claims.sub.optMap(s, s).hasValue()", "no such overload"),
            ("claims.?absent.or(claims.sub).orValue('') == ''", "no such overload"),
            ("claims.?g.field.orValue('x') == 'x'", "unsupported index type 'string' in list"),
            ("claims.absent.?field.orValue('x') == 'x'", "no such key: absent"),
        ]);
    }

    // S-OIDC-21b.
    #[test]
    fn claims_itself_answers_nothing() {
        all_fail(&[
            ("'sub' in claims", "no such overload"),
            ("!('absent' in claims)", "no such overload"),
            ("claims.size() > 0", "no such overload"),
            ("size(claims) > 0", "no such overload"),
        ]);
        let want =
            "uses `claims` otherwise than by its fields, which this program does not evaluate";
        for text in [
            "claims.exists(k, k == 'sub')",
            "claims.all(k, v, true)",
            "claims == {}",
            "[claims] == []",
            "dyn(claims).sub == 'jane'",
            "optional.of(claims).sub.hasValue()",
            "(true ? claims : {}).sub == 'jane'",
            "{'a': claims}.a.sub == 'jane'",
            "type(claims) == map",
            "claims in []",
        ] {
            assert_eq!(refusal(ClaimRule::compile(text)), want, "{text}");
        }
        assert_eq!(refusal(Mapping::compile("claims")), want);
    }

    #[test]
    fn each_kind_of_expression_has_its_own_variable() {
        let undeclared = |name: &str| format!("undeclared reference to '{name}' (in container '')");
        assert_eq!(problem("user.username == 'x'"), undeclared("user"));
        assert_eq!(problem("request.user == 'x'"), undeclared("request"));
        assert!(refusal(UserRule::compile("claims.sub == 'x'")).contains(&undeclared("claims")));
        assert!(refusal(Mapping::compile("user.username")).contains(&undeclared("user")));
    }
}

mod types {
    use super::*;

    // S-OIDC-21.
    #[test]
    fn all_numbers_of_a_token_are_doubles() {
        all_true(&[
            "type(claims.n) == double && type(claims.exp) == double",
            "type(claims.n) != int",
            "claims.n == 5 && claims.n == 5u && claims.n == 5.0",
            "claims.n != 6 && !(claims.n == 5.5)",
            "claims.n in [4, 5] && !(claims.half in [2, 3])",
            "claims.n < 6 && claims.n <= 5 && claims.n > 4u && claims.n >= 5.0 && 4 < claims.n",
            "claims.half > 2 && claims.half < 3 && 2u < claims.half",
            "claims.n + 1.0 == 6.0 && claims.n * 2.0 == 10.0 && claims.n / 2.0 == claims.half && -claims.n == -5",
            "int(claims.n) + 1 == 6 && int(claims.half) == 2 && int(-claims.half) == -2",
            "uint(claims.half) == 2u",
            "double(claims.n) == 5.0 && double(int(claims.n)) == 5.0 && double('2.5') == claims.half",
            "double(3u) == 3.0",
            "string(claims.exp) == '1.795458246e+09'",
            "string(int(claims.exp)) == '1795458246'",
            "string(claims.n) == '5' && string(claims.half) == '2.5'",
            "1 < 1.5 && 2u > 1.5 && 1.5 <= 2 && !(1.5 >= 2u)",
            "{5: 'five'}[claims.n] == 'five' && {5: 'five'}[?claims.half] == optional.none()",
        ]);
        all_fail(&[
            ("claims.n + 1 == 6", "no such overload"),
            ("claims.n % 2 == 1", "no such overload"),
            ("claims.n < '6'", "no such overload"),
            ("claims.sub < 6", "no such overload"),
            ("claims.none < 1", "no such overload"),
            ("claims.g > 1", "no such overload"),
            ("claims.half / 0.0 - claims.half / 0.0 < 1.0", "NaN values cannot be ordered"),
            ("int(claims.half * 1e30) == 0", "integer overflow"),
            ("uint(-claims.n) == 0u", "unsigned integer overflow"),
            ("double(claims.sub) == 0.0", "type conversion error from 'string' to 'double'"),
            ("double('0x10') == 16.0", "type conversion error from 'string' to 'double'"),
            ("double('1e400') > 0.0", "type conversion error from 'string' to 'double'"),
            ("int(claims.g) == 0", "no such overload"),
            ("string(claims.none) == ''", "no such overload"),
            ("string(claims.g) == ''", "no such overload"),
        ]);
    }

    #[test]
    fn a_whole_number_that_is_no_double_is_not_compared_with_one() {
        let doubtful = "not evaluated: it is not certain what the API server answers";
        all_fail(&[
            ("claims.big == 9007199254740993", doubtful),
            ("claims.big != 9007199254740993", doubtful),
            ("!(claims.big in [9007199254740993])", doubtful),
            ("claims.big <= 9007199254740993", doubtful),
            ("claims.n < 18446744073709551615u", doubtful),
            ("{9007199254740993: 'x'}[?claims.big].hasValue()", doubtful),
        ]);
        all_true(&[
            "claims.big == 9007199254740992",
            "claims.big == 9007199254740993.0",
            "claims.big > 9007199254740991",
            "int(claims.big) == 9007199254740992",
            // What decides beside it decides.
            "claims.big == 9007199254740993 || true",
        ]);
    }

    #[test]
    fn doubles_are_written_as_go_does() {
        let of = |number: &str| mapped(&format!("string({number})")).unwrap();
        for (number, written) in [
            ("100000.0", "100000"),
            ("999999.5", "999999.5"),
            ("1000000.0", "1e+06"),
            ("123456789.0", "1.23456789e+08"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("0.000012345", "1.2345e-05"),
            ("-0.0", "-0"),
            ("-1.5", "-1.5"),
            ("0.1", "0.1"),
            ("1e100", "1e+100"),
            ("1e21", "1e+21"),
            ("1.0 / 0.0", "+Inf"),
            ("-1.0 / 0.0", "-Inf"),
            ("0.0 / 0.0", "NaN"),
            ("double(9223372036854775807)", "9.223372036854776e+18"),
            ("double(-9223372036854775807)", "-9.223372036854776e+18"),
            ("double(18446744073709551615u)", "1.8446744073709552e+19"),
            ("double(4294967297)", "4.294967297e+09"),
        ] {
            assert_eq!(of(number), text(written), "{number}");
        }
    }

    #[test]
    fn a_type_is_a_value_and_a_name() {
        all_true(&[
            "type(claims.sub) == string",
            "type(claims.b) == bool",
            "type(claims.none) == null_type",
            "type(claims.g) == list && type(claims.split) == list || type(claims.g) == list",
            "type(claims.obj) == map",
            "type(claims.?sub) == optional_type",
            "type(1) == int && type(1u) == uint && type(1.0) == double",
            "type(type(1)) == type",
            "type(claims.sub) != bytes && type(claims.sub) != dyn",
            "type(claims.sub) in [string, list]",
            "type(dyn('a')) == type(claims.sub)",
        ]);
        assert_eq!(mapped("type(claims.sub)"), Ok(Output::Other("type")));
        assert_eq!(
            problem("string == 'string'"),
            "found no matching overload for '_==_' applied to '(type(string), string)'"
        );
    }

    // S-OIDC-20, S-ACONF-5.
    #[test]
    fn a_rule_must_be_known_to_be_a_truth_value() {
        for text in [
            "claims.b",
            "claims['b']",
            "claims.obj.x",
            "claims.b ? claims.b : false",
            "claims.?b.orValue(false)",
            "dyn(true)",
            "'true'",
            "[]",
            "null",
            "type(claims.b)",
        ] {
            assert!(matches!(ClaimRule::compile(text), Err(CompileError::RuleNotBool)), "{text}");
            assert_eq!(refusal(ClaimRule::compile(text)), "must evaluate to bool");
        }
        all_true(&[
            "claims.b == false",
            "!claims.b",
            "claims.b ? false : true",
            "claims.b || true",
        ]);
        assert_eq!(refusal(UserRule::compile("user.username")), "must evaluate to bool");
    }

    // S-OIDC-20.
    #[test]
    fn a_macro_takes_no_bare_claim() {
        let message = "expression of type 'any' cannot be range of a comprehension (must be list, map, or dynamic)";
        for text in [
            "claims.g.exists(g, g == 'admin')",
            "claims.g.all(g, true)",
            "claims.g.map(g, g) == []",
            "claims.g.filter(g, true) == []",
            "claims['g'].exists(g, true)",
            "claims.?g.orValue([]).exists(g, true)",
            "claims.?g.value().exists(g, true)",
        ] {
            assert_eq!(problem(text), message, "{text}");
        }
        all_true(&[
            "dyn(claims.g).exists(g, g == 'admin')",
            "dyn(claims.g).all(g, g.size() > 2)",
            "dyn(claims.g).exists_one(g, g.startsWith('o'))",
            "dyn(claims.g).map(g, g + '!') == ['admin!', 'dev!', 'ops!']",
            "dyn(claims.g).filter(g, g != 'admin') == ['dev', 'ops']",
            "dyn(claims.g).exists(i, g, i == 1 && g == 'dev')",
            "dyn(claims.obj).exists(k, k == 'plain') && dyn(claims.obj).exists(k, v, v == 'p')",
            "dyn(claims.?absent.orValue([])).all(g, false)",
            // What is inside of a claim is dynamic already, and so is an element.
            "claims.obj.list.exists(l, l == 'l')",
            "claims.items[0].all(k, k in ['k', 'a.b'])",
            "dyn(claims.items).exists(i, i.k == 'w')",
            "dyn(claims.items).all(i, i.all(k, k.size() > 0))",
        ]);
        all_fail(&[
            ("dyn(claims.sub).exists(c, true)", "got a range that is neither list nor map"),
            ("dyn(claims.absent).exists(c, true)", "no such key: absent"),
            ("dyn(claims.g).all(g, g)", "no such overload"),
            ("dyn(claims.mixed).exists(g, g.startsWith('b'))", "no such overload"),
        ]);
        // An element that decides does so beside those that cannot be asked.
        assert_eq!(answer("dyn(claims.mixed).exists(g, g.startsWith('a'))"), "true");
    }

    #[test]
    fn what_does_not_fit_at_compile_time_is_named() {
        for (text, message) in [
            (
                "claims[1] == 'x'",
                "found no matching overload for '_[_]' applied to '(map(string, any), int)'",
            ),
            (
                "claims.sub && 'x'",
                "found no matching overload for '_&&_' applied to '(any, string)'",
            ),
            (
                "claims.sub.startsWith(1)",
                "found no matching overload for 'startsWith' applied to 'any.(int)'",
            ),
            ("claims.sub.nothing()", "undeclared reference to 'nothing' (in container '')"),
            ("1 == 1.0", "found no matching overload for '_==_' applied to '(int, double)'"),
            (
                "claims.sub == 'a' + 1",
                "found no matching overload for '_+_' applied to '(string, int)'",
            ),
        ] {
            assert_eq!(problem(text), message, "{text}");
        }
    }

    #[test]
    fn what_we_lack_is_named() {
        for (text, what) in [
            ("dyn(claims.g).sort() == []", "`sort` of (dyn)"),
            ("claims.g.min() == 'a'", "`min` of (any)"),
            ("claims.g.sum() == 1", "`sum` of (any)"),
            ("claims.g.isSorted()", "`isSorted` of (any)"),
            ("claims.sub.matches(claims.email)", "`matches` with a pattern that is not a constant"),
            ("timestamp(claims.exp) < timestamp('2030-01-01T00:00:00Z')", "`timestamp`"),
            ("'%s'.format([claims.sub]) == ''", "`format`"),
            ("{claims.sub: 1} == {}", "a map with keys that are no constants"),
        ] {
            let want = format!("uses {what}, which this program does not evaluate");
            assert_eq!(refusal(ClaimRule::compile(text)), want, "{text}");
        }
    }
}

mod functions {
    use super::*;

    #[test]
    fn texts_of_claims_are_texts() {
        all_true(&[
            "claims.email.endsWith('@example.org') && claims.email.startsWith('Jane')",
            "claims.email.contains('@') && !claims.email.contains(claims.sub)",
            "claims.email.lowerAscii() == 'jane@example.org'",
            "claims.sub.upperAscii() == 'JANE'",
            "claims.email.matches('^[A-Za-z]+@example[.]org$') && !claims.sub.matches('^x')",
            "matches(claims.sub, '^jane$')",
            "claims.email.split('@')[0] == 'Jane' && claims.roles.split(',', 1) == ['dev,ops']",
            "claims.g.join('-') == 'admin-dev-ops' && claims.one.join() == 'only'",
            "claims.sub.replace('j', 'k') == 'kane' && claims.sub.substring(1, 3) == 'an'",
            "(' ' + claims.sub + ' ').trim() == claims.sub",
            "claims.sub.charAt(0) == 'j' && claims.sub.indexOf('n') == 2 && claims.sub.lastIndexOf('a') == 1",
            "claims.sub.find('[a-m]+') == 'ja' && claims.sub.findAll('.') == ['j', 'a', 'n', 'e']",
            "claims.sub.size() == 4 && size(claims.g) == 3 && claims.obj.size() == 6 && size(claims.empty) == 0",
            "claims.sub + '!' == 'jane!' && 'x' + claims.sub == 'xjane' && claims.sub + claims.empty == 'jane'",
            "ip(dyn('10.0.0.1')).family() == 4 && cidr('10.0.0.0/8').containsIP(dyn('10.0.0.1'))",
            "bool(string(claims.b)) == false && string(claims.b) == 'false'",
        ]);
        all_fail(&[
            ("claims.n.startsWith('5')", "no such overload"),
            ("claims.sub.startsWith(claims.n)", "no such overload"),
            ("claims.g.startsWith('a')", "no such overload"),
            ("claims.none.contains('')", "no such overload"),
            ("claims.g.matches('a')", "no such overload"),
            ("claims.n.lowerAscii() == ''", "no such overload"),
            ("claims.mixed.join() == ''", "no such overload"),
            ("claims.sub.substring(claims.n) == ''", "no such overload"),
            ("claims.sub.split(claims.n) == []", "no such overload"),
            ("claims.sub.findAll('a', claims.n) == []", "no such overload"),
            ("size(claims.n) == 1", "no such overload"),
            ("size(claims.none) == 0", "no such overload"),
            ("claims.b.size() == 0", "no such overload"),
            ("claims.sub + 1 == 0", "no such overload"),
            ("claims.g + 'x' == ''", "no such overload"),
            ("-claims.sub == 1", "no such overload"),
        ]);
    }

    #[test]
    fn lists_of_claims_are_lists() {
        all_true(&[
            "'admin' in claims.g && !('x' in claims.g)",
            "'plain' in claims.obj && !('x' in claims.nothing)",
            "1 in claims.mixed && null in claims.mixed && !(2 in claims.mixed)",
            "claims.sub in ['jane', 'joe'] && claims.sub in {'jane': 1}",
            "claims.g + ['x'] == ['admin', 'dev', 'ops', 'x'] && ['x'] + claims.one == ['x', 'only']",
            "claims.g.indexOf('dev') == 1 && claims.g.lastIndexOf('x') == -1",
            "claims.g.slice(0, 1) == ['admin'] && claims.g.distinct() == claims.g",
            "sets.contains(claims.g, ['dev']) && sets.intersects(claims.g, ['x', 'ops'])",
            "sets.equivalent(claims.one, ['only', 'only'])",
            "[[1], [2]].flatten() == [1, 2]",
            "[claims.sub, 'x'] == ['jane', 'x']",
            "{'a': claims.n}.a == 5 && {'jane': 'admin'}[claims.sub] == 'admin'",
            "['b', 'a'].sort() == ['a', 'b'] && [2, 1].min() == 1",
        ]);
        all_fail(&[
            ("'j' in claims.sub", "no such overload"),
            ("'x' in claims.none", "no such overload"),
            ("1 in claims.n", "no such overload"),
            ("sets.contains(claims.sub, ['j'])", "no such overload"),
            ("claims.sub.slice(0, 1) == []", "no such overload"),
            ("{'joe': 'admin'}[claims.sub] == 'admin'", "no such key: jane"),
        ]);
    }

    #[test]
    fn logic_decides_from_either_side_and_wants_truth_values() {
        all_true(&[
            "claims.absent == 'x' || claims.sub == 'jane'",
            "!(claims.absent == 'x' && claims.sub == 'joe')",
            "claims.sub || claims.email_verified",
            "!(claims.sub && claims.b)",
            "claims.email_verified ? claims.sub == 'jane' : claims.absent == ''",
        ]);
        all_fail(&[
            ("claims.absent == 'x' || false", "no such key: absent"),
            ("claims.sub || false", "no such overload"),
            ("claims.sub && true", "no such overload"),
            ("!claims.sub", "no such overload"),
            ("claims.sub ? true : true", "no such overload"),
            ("claims.none ? true : true", "no such overload"),
        ]);
    }
}

mod mappings {
    use super::*;

    // S-ACONF-7.
    #[test]
    fn a_mapping_may_be_of_any_type() {
        for (expression, output) in [
            ("claims.sub", text("jane")),
            ("'oidc:' + claims.sub", text("oidc:jane")),
            ("claims.email.split('@')[0]", text("Jane")),
            ("claims.none", Output::Null),
            ("null", Output::Null),
            ("claims.b", Output::Bool(false)),
            ("claims.n", Output::Double(5.0)),
            ("1", Output::Int(1)),
            ("1u", Output::Uint(1)),
            ("claims.g", texts(&["admin", "dev", "ops"])),
            ("claims.no_groups", Output::List(vec![])),
            ("['a', claims.sub]", texts(&["a", "jane"])),
            ("[]", Output::List(vec![])),
            (
                "claims.mixed",
                Output::List(vec![
                    text("a"),
                    Output::Double(1.0),
                    Output::Null,
                    Output::Bool(true),
                ]),
            ),
            ("{'a': claims.n}", Output::Map(vec![(text("a"), Output::Double(5.0))])),
            ("claims.one + ['x']", texts(&["only", "x"])),
            ("dyn(claims.g).filter(g, g != 'admin').map(g, 'p:' + g)", texts(&["p:dev", "p:ops"])),
            ("claims.?absent.orValue([])", Output::List(vec![])),
            ("claims.?absent", Output::Other("optional_type")),
            ("ip('::1')", Output::Other("net.IP")),
            ("claims.sub == 'jane' ? ['admin'] : []", texts(&["admin"])),
            ("type(claims.sub) == string ? [claims.sub] : claims.sub", texts(&["jane"])),
        ] {
            assert_eq!(mapped(expression), Ok(output), "{expression}");
        }
        assert_eq!(mapped("claims.absent"), Err("no such key: absent".to_owned()));
        assert_eq!(mapped("claims.n + claims.sub"), Err("no such overload".to_owned()));
    }

    // S-OIDC-13: of a list of Go's strings the API server says that it is no list of strings.
    #[test]
    fn what_split_returns_is_groups_only_when_it_was_put_into_a_list() {
        let native = Output::Other("list of native strings");
        for expression in [
            "claims.roles.split(',')",
            "claims.sub.findAll('.')",
            "claims.roles.split(',') + []",
            "[] + claims.roles.split(',')",
            "claims.roles.split(',').slice(0, 1)",
        ] {
            assert_eq!(mapped(expression), Ok(native.clone()), "{expression}");
        }
        for (expression, groups) in [
            ("claims.roles.split(',').map(r, 'p:' + r)", ["p:dev", "p:ops"].as_slice()),
            ("claims.roles.split(',').filter(r, true)", &["dev", "ops"]),
            ("claims.roles.split(',') + ['x']", &["dev", "ops", "x"]),
            ("claims.roles.split(',') + claims.sub.split(',')", &["dev", "ops", "jane"]),
        ] {
            assert_eq!(mapped(expression), Ok(texts(groups)), "{expression}");
        }
    }

    // S-ACONF-9, S-ACONF-10.
    #[test]
    fn a_claim_is_selected_by_its_name_alone() {
        for expression in [
            "claims.email",
            "claims.?email.orValue('')",
            "has(claims.email) ? 'a' : 'b'",
            "claims.email.field",
            "'a' + claims.email.lowerAscii()",
            "[1].map(x, claims.email)",
            "{'a': claims.email}",
            "[claims.email]",
            "claims.?sub.optMap(s, claims.email)",
            "claims[claims.email]",
            ".claims.email",
        ] {
            let mapping = mapping(expression);
            assert!(mapping.selects("email"), "{expression}");
            assert!(!mapping.selects("email_verified"), "{expression}");
        }
        for expression in [
            "claims['email']",
            "claims.x.email",
            "claims[?'email']",
            "'claims.email'",
            "claims.email2",
        ] {
            assert!(!mapping(expression).selects("email"), "{expression}");
        }
        let rule = rule("claims.?email_verified.orValue(true) == true");
        assert!(rule.selects("email_verified") && !rule.selects("email"));
        assert_eq!(rule.text(), "claims.?email_verified.orValue(true) == true");
    }
}

mod users {
    use super::*;

    // S-OIDC-19.
    #[test]
    fn a_rule_sees_the_user_that_came_out() {
        for text in [
            "user.username == 'jane' && user.uid == '7'",
            "!user.username.startsWith('system:')",
            "user.groups.all(g, !g.startsWith('system:'))",
            "user.groups == ['dev', 'ops'] && 'dev' in user.groups && size(user.groups) == 2",
            "user.extra['k'][0] == 'a' && user.extra.k == ['a', 'b']",
            "user.extra['example.org/team'] == ['red']",
            "user.extra.example__dot__org__slash__team == ['red']",
            "'example.org/team' in user.extra && !('example__dot__org__slash__team' in user.extra)",
            "user.extra.?absent.orValue([]) == [] && user.extra[?'k'][1].orValue('') == 'b'",
            "user.extra.all(k, user.extra.exists(other, other == k))",
            "has(user.username) && has(user.uid) && has(user.groups) && has(user.extra)",
            "has(user.extra.k) && !has(user.extra.absent)",
        ] {
            assert_eq!(about_jane(text), "true", "{text}");
        }
        for (text, message) in [
            ("user.username.startsWith('system:')", "false"),
            ("user.groups.exists(g, g == 'system:masters')", "false"),
            ("user.extra['absent'][0] == ''", "no such key: absent"),
            ("user.extra['k'][2] == ''", "index out of bounds: 2"),
            // The name of `a.b`, which is not there.
            ("has(user.extra.a__dot__b)", "false"),
        ] {
            assert_eq!(about_jane(text), message, "{text}");
        }
        let nobody = UserRule::compile(
            "user.username == '' && user.uid == '' && user.groups == [] && user.extra == {}",
        );
        assert_eq!(nobody.unwrap().evaluate(&User::default()), Ok(true));
    }

    #[test]
    fn types_of_a_user_are_known() {
        let error = refusal(UserRule::compile("user.name == 'jane'"));
        assert!(
            error.starts_with("compilation failed: ERROR: <input>:1:5: undefined field 'name'\n"),
            "{error}"
        );
        let error = refusal(UserRule::compile("user.groups.startsWith('a')"));
        assert!(
            error.contains(
                "found no matching overload for 'startsWith' applied to 'list(string).(string)'"
            ),
            "{error}"
        );
        for (text, what) in [
            ("user == user", "`_==_` on objects of the user"),
            ("dyn(user.groups) == []", "`dyn` of (list(string))"),
            ("type(user.uid) == string", "`type`, the type `string` as a value"),
            (
                "optional.ofNonZeroValue(user.groups).hasValue()",
                "`optional.ofNonZeroValue` on lists and maps",
            ),
        ] {
            let want = format!("uses {what}, which this program does not evaluate");
            assert_eq!(refusal(UserRule::compile(text)), want, "{text}");
        }
    }
}

mod limits {
    use super::*;

    const CANCELLED: &str = "operation cancelled: actual cost limit exceeded";

    fn crowd(groups: usize) -> Claims {
        let groups: Vec<String> = (0..groups).map(|number| format!("group-{number}")).collect();
        object(json!({"groups": groups}))
    }

    // S-OIDC-23.
    #[test]
    fn nested_macros_over_a_claim_stop_at_the_limit() {
        let crowd = crowd(300);
        let all = |body: &str, depth: usize| {
            (0..depth).rev().fold(body.to_owned(), |body, level| {
                format!("dyn(claims.groups).all(v{level}, {body})")
            })
        };
        for (text, want) in [
            (all("v0 + v1 + v2 != ''", 3), CANCELLED),
            (all("v0 != '' && v1 != ''", 2), "true"),
            (format!("({}) || true", all("true", 3)), CANCELLED),
            (
                "dyn(claims.groups).map(a, dyn(claims.groups).map(b, dyn(claims.groups))) == []"
                    .to_owned(),
                CANCELLED,
            ),
        ] {
            assert_eq!(shown(rule(&text).evaluate(&crowd)), want, "{text}");
        }
    }

    #[test]
    fn what_is_shared_inside_is_paid_for_where_it_leaves() {
        let doubled = "[claims.groups]".to_owned() + &".map(x, [x, x])".repeat(40);
        let output = mapping(&doubled).evaluate(&crowd(3));
        assert_eq!(output.map_err(|error| error.to_string()), Err(CANCELLED.to_owned()));
        let small = "[claims.groups]".to_owned() + &".map(x, [x, x])".repeat(2);
        assert!(matches!(mapping(&small).evaluate(&crowd(3)), Ok(Output::List(_))));
    }

    #[test]
    fn the_deepest_token_and_expression_do_not_overflow_a_stack() {
        let test = || {
            let deep = format!("{}1{}", "[".repeat(120), "]".repeat(120));
            let deep: serde_json::Value = serde_json::from_str(&deep).unwrap();
            let claims = object(json!({"deep": deep}));
            assert!(matches!(mapping("claims.deep").evaluate(&claims), Ok(Output::List(_))));
            assert_eq!(rule("claims.deep == claims.deep").evaluate(&claims), Ok(true));
            let fields = format!("claims{} == 1", ".x".repeat(190));
            assert_eq!(shown(rule(&fields).evaluate(&claims)), "no such key: x");
            let indices = format!("claims.deep{} == 1", "[0]".repeat(60));
            assert_eq!(shown(rule(&indices).evaluate(&claims)), "false");
        };
        std::thread::Builder::new().stack_size(2 << 20).spawn(test).unwrap().join().unwrap();
    }
}

/// Comparing with a long text is cheap in `cel-go` when the other is short, and takes as long.
#[test]
fn a_long_claim_in_a_loop_in_a_loop_comes_to_an_end() {
    let texts = vec!["x"; 300];
    let answer = |length: usize, text: &str| {
        let token = object(json!({"a": texts, "long": "y".repeat(length)}));
        shown(rule(text).evaluate(&token))
    };
    for text in [
        "dyn(claims.a).all(x, dyn(claims.a).all(y, claims.long != y))",
        "dyn(claims.a).all(x, dyn(claims.a).all(y, claims.long > y))",
        "dyn(claims.a).all(x, dyn(claims.a).all(y, claims.long.charAt(0) != y))",
    ] {
        assert_eq!(answer(10, text), "true", "{text}");
        assert!(answer(40_000, text).contains("cost limit"), "{text}");
    }
}
