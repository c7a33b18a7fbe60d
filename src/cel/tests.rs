//! Expressions against requests: what they answer, and how they are refused.

mod random;

use super::*;
use crate::model::{
    FieldOperator, FieldRequirement, LabelOperator, LabelRequirement, ResourceAttributes, Selector,
    User,
};

/// A user with groups and extra values.
fn jane() -> User {
    let mut user = User::new("jane").with_groups(["dev", "ops", "system:authenticated"]);
    user.uid = "7".to_owned();
    user.extra.insert("scopes".to_owned(), vec!["a".to_owned(), "b".to_owned()]);
    user.extra.insert("example.org/team".to_owned(), vec!["red".to_owned()]);
    user
}

fn pods(user: &User) -> Request<'_> {
    let attributes = ResourceAttributes {
        version: "v1",
        ..ResourceAttributes::new("get", "pods").in_namespace("prod").named("web-1")
    };
    Request::resource(user, attributes)
}

fn compiled(text: &str) -> Expression {
    Expression::compile(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// What the expression says about `get pods prod/web-1` by jane: its answer, or its error.
fn answer(text: &str) -> String {
    let user = jane();
    shown(compiled(text).evaluate(&pods(&user)))
}

/// The same about `get /healthz`.
fn path_answer(text: &str) -> String {
    let user = jane();
    shown(compiled(text).evaluate(&Request::non_resource(&user, "get", "/healthz")))
}

fn shown(result: Result<bool, EvaluationError>) -> String {
    result.map_or_else(|error| error.to_string(), |answer| answer.to_string())
}

fn refusal(text: &str) -> String {
    match Expression::compile(text) {
        Ok(_) => panic!("{text} compiles"),
        Err(error) => error.to_string(),
    }
}

/// All of these are true, so that each line shows an expected value.
fn all_true(expressions: &[&str]) {
    for expression in expressions {
        assert_eq!(answer(expression), "true", "{expression}");
    }
}

/// The first of each pair errs with the second.
fn all_fail(expressions: &[(&str, &str)]) {
    for (expression, message) in expressions {
        assert_eq!(answer(expression), *message, "{expression}");
    }
}

mod requests {
    use super::*;

    #[test]
    fn fields_of_the_request_have_their_values() {
        all_true(&[
            "request.user == 'jane'",
            "request.uid == '7'",
            "request.groups == ['dev', 'ops', 'system:authenticated']",
            "request.extra == {'scopes': ['a', 'b'], 'example.org/team': ['red']}",
            "request.extra['scopes'][1] == 'b'",
            "request.extra.scopes == ['a', 'b']",
            "'example.org/team' in request.extra",
            "!('x' in request.extra)",
            "request.resourceAttributes.namespace == 'prod'",
            "request.resourceAttributes.verb == 'get'",
            "request.resourceAttributes.group == ''",
            "request.resourceAttributes.version == 'v1'",
            "request.resourceAttributes.resource == 'pods'",
            "request.resourceAttributes.subresource == ''",
            "request.resourceAttributes.name == 'web-1'",
        ]);
        assert_eq!(path_answer("request.nonResourceAttributes.path == '/healthz'"), "true");
        assert_eq!(path_answer("request.nonResourceAttributes.verb == 'get'"), "true");
    }

    // S-ACFG-12.
    #[test]
    fn strings_are_present_even_when_empty_and_the_other_kind_is_absent() {
        all_true(&[
            "has(request.resourceAttributes)",
            "!has(request.nonResourceAttributes)",
            "has(request.user) && has(request.uid) && has(request.groups) && has(request.extra)",
            "has(request.resourceAttributes.subresource)",
            "has(request.extra.scopes) && !has(request.extra.other)",
            "!has(request.resourceAttributes.fieldSelector)",
            "!has(request.resourceAttributes.labelSelector)",
        ]);
        assert_eq!(path_answer("has(request.resourceAttributes)"), "false");
        assert_eq!(path_answer("has(request.nonResourceAttributes.path)"), "true");
        let absent = "no such key: resourceAttributes";
        assert_eq!(path_answer("request.resourceAttributes.namespace == 'x'"), absent);
        assert_eq!(path_answer("has(request.resourceAttributes.namespace)"), absent);
        assert_eq!(
            answer("request.nonResourceAttributes.path == '/'"),
            "no such key: nonResourceAttributes"
        );
        let nobody = User::default();
        let request = Request::non_resource(&nobody, "get", "/");
        let empty = "request.user == '' && request.groups == [] && request.extra == {} && has(request.groups)";
        assert_eq!(shown(compiled(empty).evaluate(&request)), "true");
    }

    // S-ACFG-12, S-WHA-3.
    #[test]
    fn selectors_are_there_when_a_requirement_is_and_speak_the_words_of_the_api() {
        let user = jane();
        let label = |key: &str, operator, values: &[&str]| LabelRequirement {
            key: key.to_owned(),
            operator,
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        let fields = [
            FieldRequirement {
                field: "spec.nodeName".to_owned(),
                operator: FieldOperator::Equals,
                value: "n1".to_owned(),
            },
            FieldRequirement {
                field: "metadata.name".to_owned(),
                operator: FieldOperator::NotEquals,
                value: "x".to_owned(),
            },
        ];
        let labels = [
            label("a", LabelOperator::Equals, &["1"]),
            label("b", LabelOperator::GreaterThan, &["5"]),
            label("c", LabelOperator::NotIn, &["x", "y"]),
            label("d", LabelOperator::Exists, &[]),
            label("e", LabelOperator::DoesNotExist, &[]),
        ];
        let ask = |expression: &str, fields: &[FieldRequirement], labels: &[LabelRequirement]| {
            let attributes = ResourceAttributes {
                field_selector: Selector { requirements: fields, parse_error: Some("lost") },
                label_selector: Selector { requirements: labels, parse_error: None },
                ..ResourceAttributes::new("list", "pods")
            };
            shown(compiled(expression).evaluate(&Request::resource(&user, attributes)))
        };
        for expression in [
            "has(request.resourceAttributes.fieldSelector)",
            "!has(request.resourceAttributes.fieldSelector.rawSelector)",
            "request.resourceAttributes.fieldSelector.requirements.size() == 2",
            "request.resourceAttributes.fieldSelector.requirements.map(r, r.key + r.operator + r.values[0]) \
             == ['spec.nodeNameInn1', 'metadata.nameNotInx']",
            "request.resourceAttributes.labelSelector.requirements.map(r, r.key + r.operator) \
             == ['aIn', 'cNotIn', 'dExists', 'eDoesNotExist']",
            "request.resourceAttributes.labelSelector.requirements.exists(r, r.key == 'c' && r.values == ['x', 'y'])",
            "request.resourceAttributes.labelSelector.requirements[2].values == []",
            "request.resourceAttributes.?fieldSelector.?rawSelector.orValue('none') == 'none'",
        ] {
            assert_eq!(ask(expression, &fields, &labels), "true", "{expression}");
        }
        let raw = "request.resourceAttributes.fieldSelector.rawSelector == ''";
        assert_eq!(ask(raw, &fields, &labels), "no such key: rawSelector");
        // Nothing that the API has a word for is nothing.
        let has = "has(request.resourceAttributes.labelSelector)";
        assert_eq!(ask(has, &[], &labels[1..2]), "false");
        assert_eq!(ask(has, &[], &labels[..1]), "true");
    }
}

mod language {
    use super::*;

    #[test]
    fn logic_decides_from_either_side_whatever_the_other_is() {
        all_true(&[
            "true || request.extra.nothing == []",
            "request.extra.nothing == [] || true",
            "!(false && request.extra.nothing == [])",
            "!(request.extra.nothing == [] && false)",
            "true ? true : request.extra.nothing == []",
            "!(!true)",
            "true && true && true && true && true",
            "false || false || false || true",
        ]);
        all_fail(&[
            ("request.extra.nothing == [] || false", "no such key: nothing"),
            ("true && request.extra.nothing == []", "no such key: nothing"),
            ("request.extra.nothing == [] && request.extra.other == []", "no such key: nothing"),
            ("request.extra.nothing == [] ? true : true", "no such key: nothing"),
            ("!(request.extra.nothing == [])", "no such key: nothing"),
            ("request.extra['a b'] == []", "no such key: a b"),
            ("{1: true}[2]", "no such key: 2"),
            ("request.groups[3] == ''", "index out of bounds: 3"),
            ("request.groups[-1] == ''", "index out of bounds: -1"),
        ]);
    }

    #[test]
    fn numbers_are_exact_and_overflow_is_an_error() {
        all_true(&[
            "1 + 2 * 3 == 7",
            "7 / 2 == 3",
            "-7 / 2 == -3",
            "-7 % 3 == -1",
            "7u % 3u == 1u",
            "1.5 + 1.5 == 3.0",
            "1.0 / 2.0 == 0.5",
            "-(3) == -3",
            "0x10 == 16",
            "1e3 == 1000.0",
            "-9223372036854775808 < 9223372036854775807",
            "18446744073709551615u > 0u",
            "1 < 2u",
            "1u > -1",
            "2 >= 2",
            "2u <= 2",
            "false < true",
            "'a' < 'b'",
            "'B' < 'a'",
            "1.0 < 2.0",
            "1.0 != 2.0",
            "int('-12') == -12",
            "int('+5') == 5",
            "uint('12') == 12u",
            "int(3u) == 3",
            "uint(3) == 3u",
            "string(-5) == '-5'",
            "string(5u) == '5'",
            "string(true) == 'true'",
            "bool('True') && !bool('f')",
            "string('x') == 'x'",
        ]);
        all_fail(&[
            ("9223372036854775807 + 1 > 0", "integer overflow"),
            ("-9223372036854775808 - 1 > 0", "integer overflow"),
            ("9223372036854775807 * 2 > 0", "integer overflow"),
            ("-(-9223372036854775808) > 0", "integer overflow"),
            ("-9223372036854775808 / -1 > 0", "integer overflow"),
            ("0u - 1u > 0u", "unsigned integer overflow"),
            ("1 / 0 > 0", "division by zero"),
            ("1 % 0 > 0", "modulus by zero"),
            ("1u / 0u > 0u", "division by zero"),
            ("0.0 / 0.0 < 1.0", "NaN values cannot be ordered"),
            ("int('x') > 0", "type conversion error from 'string' to 'int'"),
            ("uint('+1') > 0u", "type conversion error from 'string' to 'uint'"),
            ("uint(-1) > 0u", "unsigned integer overflow"),
            ("int(18446744073709551615u) > 0", "integer overflow"),
            ("bool('yes')", "type conversion error from 'string' to 'bool'"),
        ]);
    }

    #[test]
    fn texts_are_read_with_their_escapes() {
        all_true(&[
            r"'a\tb'.size() == 3",
            r"r'a\tb'.size() == 4",
            r"'\x41\u0042\U00000043\104' == 'ABCD'",
            "'''a'b''' == \"a'b\"",
            "\"\"\"a\nb\"\"\" == 'a\\nb'",
            r#""\"" == '"'"#,
            "'é'.size() == 1 && size('aé😀') == 3",
            "request.user == 'jane' // who",
        ]);
    }

    #[test]
    fn lists_and_maps_compare_and_are_searched() {
        all_true(&[
            "'dev' in request.groups",
            "!('x' in request.groups)",
            "'a' in ['a', 'b']",
            "1 in [1, 2]",
            "!(3 in [1, 2])",
            "'k' in {'k': 1}",
            "!('x' in {'k': 1})",
            "[1, 2] + [3] == [1, 2, 3]",
            "[] == []",
            "[1] != [2]",
            "[[1], []] == [[1], []]",
            "{'a': 1, 'b': 2} == {'b': 2, 'a': 1}",
            "{'a': 1} != {'a': 2}",
            "{1: 'x'}[1] == 'x'",
            "{'a': [1]}.a[0] == 1",
            "size(request.groups) == 3",
            "request.extra.size() == 2",
            "size([]) == 0",
            "size({}) == 0",
            "[1, 2,] == [1, 2]",
            "null == null",
            "request.resourceAttributes != null",
            "!(request.resourceAttributes == null)",
        ]);
    }

    #[test]
    fn macros_go_through_lists_and_maps() {
        all_true(&[
            "request.groups.all(g, g.size() > 2)",
            "!request.groups.all(g, g == 'dev')",
            "request.groups.exists(g, g == 'ops')",
            "!request.groups.exists(g, g == 'x')",
            "request.groups.exists_one(g, g.startsWith('o'))",
            "!request.groups.exists_one(g, true)",
            "request.groups.existsOne(g, g == 'dev')",
            "request.groups.filter(g, g.size() == 3) == ['dev', 'ops']",
            "request.groups.map(g, g.size()) == [3, 3, 20]",
            "request.groups.map(g, g.size() == 3, g + '!') == ['dev!', 'ops!']",
            "request.extra.all(k, k.size() > 1)",
            "request.extra.exists(k, k == 'scopes')",
            "request.extra.exists(k, request.extra[k].exists(v, v == 'red'))",
            "[].all(x, x == 1) && ![].exists(x, x == 1)",
            "[[1, 2], [3]].all(l, l.all(x, x > 0))",
            "[1].map(x, [2].map(y, x + y)) == [[3]]",
            "[1, 2].map(x, x).filter(x, x > 1) == [2]",
            "[1].all(x, [2].all(x, x == 2) && x == 1)",
            // With two variables.
            "request.groups.all(i, g, i < 3 && g.size() > 2)",
            "['a', 'b'].exists(i, v, i == 1 && v == 'b')",
            "request.extra.exists(k, v, k == 'scopes' && 'b' in v)",
            "request.extra.all(k, v, v.size() > 0)",
            "['a', 'b'].existsOne(i, v, i == 0)",
            "['a', 'b'].exists_one(i, v, v == 'b')",
            "['a', 'b'].transformList(i, v, v + string(i)) == ['a0', 'b1']",
            "['a', 'b'].transformList(i, v, i > 0, v) == ['b']",
            "{'a': 1}.transformList(k, v, k + string(v)) == ['a1']",
        ]);
    }

    #[test]
    fn errors_of_elements_give_way_to_a_decision_and_else_remain() {
        all_true(&[
            "[0, 1].exists(x, 1 / x == 1)",
            "!([0, 2].all(x, 1 / x == 1))",
            "[1, 0].exists(x, 1 / x == 1)",
        ]);
        all_fail(&[
            ("[0, 2].exists(x, 1 / x == 1)", "division by zero"),
            ("[0, 1].all(x, 1 / x == 1)", "division by zero"),
            ("[0, 1].exists_one(x, 1 / x == 1)", "division by zero"),
            ("[0, 1].map(x, 1 / x) == []", "division by zero"),
            ("[0, 1].filter(x, 1 / x == 1) == []", "division by zero"),
            ("['k', 'l'].all(x, request.extra[x] == [])", "no such key: k"),
            ("['k', 'l'].filter(x, request.extra[x] == []) == []", "no such key: l"),
            ("['k', 'l'].map(x, request.extra[x]) == []", "no such key: k"),
        ]);
    }

    #[test]
    fn optionals_are_asked_instead_of_erring() {
        all_true(&[
            "request.?resourceAttributes.?namespace.orValue('') == 'prod'",
            "request.?nonResourceAttributes.?path.orValue('none') == 'none'",
            "request.?nonResourceAttributes.path.orValue('none') == 'none'",
            "!request.?nonResourceAttributes.hasValue()",
            "request.extra.?scopes.orValue([]) == ['a', 'b']",
            "request.extra[?'x'].orValue([]) == []",
            "request.extra.?scopes[0].orValue('') == 'a'",
            "request.extra[?'x'][0].orValue('n') == 'n'",
            "request.groups[?9].orValue('none') == 'none'",
            "request.groups[?0].value() == 'dev'",
            "optional.of(1).value() == 1",
            "optional.none().orValue(2) == 2",
            "optional.of(1) == optional.of(1)",
            "optional.none() != optional.of(1)",
            "optional.ofNonZeroValue('').orValue('x') == 'x'",
            "optional.ofNonZeroValue('y').hasValue()",
            "optional.none().or(optional.of(3)).value() == 3",
            "optional.of(1).or(optional.of(1 / 0)).value() == 1",
            "optional.of(1).orValue(1 / 0) == 1",
            "request.?user.optMap(u, u + '!').orValue('') == 'jane!'",
            "!request.?nonResourceAttributes.optMap(a, a.path).hasValue()",
            "request.extra.?scopes.optFlatMap(s, s[?1]).orValue('') == 'b'",
            "has(request.?resourceAttributes.namespace)",
            "!has(request.?nonResourceAttributes.path)",
        ]);
        all_fail(&[
            ("optional.none().value() == 1", "optional.none() dereference"),
            (
                "request.nonResourceAttributes.?path.hasValue()",
                "no such key: nonResourceAttributes",
            ),
        ]);
    }
}

mod functions {
    use super::*;

    #[test]
    fn texts() {
        all_true(&[
            "'abc'.startsWith('ab') && !'abc'.startsWith('b') && 'a'.startsWith('')",
            "'abc'.endsWith('bc') && !'abc'.endsWith('ab')",
            "'abc'.contains('b') && !'abc'.contains('x')",
            "'aÉB'.lowerAscii() == 'aÉb'",
            "'aéb'.upperAscii() == 'AéB'",
            "' \\t a b\\u00a0\\n'.trim() == 'a b'",
            "'aéb'.charAt(1) == 'é' && 'ab'.charAt(2) == ''",
            "'aébéc'.indexOf('é') == 1 && 'a'.indexOf('x') == -1 && 'ab'.indexOf('') == 0",
            "'aébéc'.lastIndexOf('é') == 3 && 'ab'.lastIndexOf('') == 2 && ''.lastIndexOf('a') == -1",
            "''.indexOf('a') == -1",
            "'aébc'.substring(1) == 'ébc' && 'aébc'.substring(1, 3) == 'éb' && 'a'.substring(1) == ''",
            "'a.b.c'.replace('.', '-') == 'a-b-c' && 'a.b.c'.replace('.', '-', 1) == 'a-b.c'",
            "'a.b'.replace('.', '-', 0) == 'a.b' && 'a.b'.replace('.', '-', -1) == 'a-b'",
            "'ab'.replace('', '-') == '-a-b-' && 'ab'.replace('', '-', 2) == '-a-b'",
            "'a:b:c'.split(':') == ['a', 'b', 'c'] && 'a:b:c'.split(':', 2) == ['a', 'b:c']",
            "'a:b'.split(':', 0) == [] && 'a:b'.split(':', -1) == ['a', 'b'] && 'a:b'.split(':', 1) == ['a:b']",
            "'aéb'.split('') == ['a', 'é', 'b'] && 'abc'.split('', 2) == ['a', 'bc'] && ''.split('') == []",
            "''.split(',') == ['']",
            "['a', 'b'].join() == 'ab' && ['a', 'b'].join('-') == 'a-b' && [].join('-') == ''",
            "'a' + 'b' == 'ab'",
        ]);
        all_fail(&[
            ("'ab'.charAt(3) == ''", "index out of range: 3"),
            ("'ab'.charAt(-1) == ''", "index out of range: -1"),
            ("'ab'.substring(3) == ''", "index out of range: 3"),
            ("'ab'.substring(2, 1) == ''", "invalid substring range. start: 2, end: 1"),
            ("'ab'.substring(0, 3) == ''", "index out of range: 3"),
        ]);
    }

    #[test]
    fn patterns() {
        all_true(&[
            "'system:node:n1'.matches('^system:node:')",
            "matches('abc', 'b')",
            "!'abc'.matches('^b')",
            r"'x12y3'.find('[0-9]+') == '12' && 'x'.find(r'\d') == ''",
            "'1a2b3'.findAll('[0-9]') == ['1', '2', '3'] && '1a2'.findAll('[0-9]', 1) == ['1']",
            "'1a2'.findAll('[0-9]', 0) == [] && '1a2'.findAll('[0-9]', -1) == ['1', '2'] && 'x'.findAll('y') == []",
        ]);
    }

    #[test]
    fn lists() {
        all_true(&[
            "[1, 2, 2].isSorted() && ![2, 1].isSorted() && ['a', 'b'].isSorted() && ![true, false].isSorted()",
            "[1, 2, 3].sum() == 6 && [1u, 2u].sum() == 3u && request.groups.filter(g, false).map(g, 1u).sum() + 1u == 1u",
            "[3, 1, 2].min() == 1 && [3, 1].max() == 3 && ['b', 'a'].min() == 'a' && request.groups.max() == 'system:authenticated'",
            "[1, 2, 1].indexOf(1) == 0 && [1, 2, 1].lastIndexOf(1) == 2 && [1].indexOf(5) == -1",
            "request.groups.indexOf('ops') == 1",
            "[3, 1, 2].sort() == [1, 2, 3] && ['b', 'a'].sort() == ['a', 'b']",
            "['a', 'b', 'a'].distinct() == ['a', 'b'] && [[1], [1]].distinct() == [[1]]",
            "[[1, 2], [], [3]].flatten() == [1, 2, 3]",
            "[1, 2, 3].slice(1, 3) == [2, 3] && [1].slice(0, 0) == []",
            "lists.range(3) == [0, 1, 2] && lists.range(0) == []",
            "request.groups.filter(g, g == 'x').map(g, 1).sum() == 0",
        ]);
        all_fail(&[
            ("request.groups.filter(g, false).min() == ''", "min called on empty list"),
            ("request.groups.filter(g, false).max() == ''", "max called on empty list"),
            ("[9223372036854775807, 1].sum() > 0", "integer overflow"),
            ("[1].slice(-1, 1) == []", "cannot slice(-1, 1), negative indexes not supported"),
            (
                "[1].slice(1, 0) == []",
                "cannot slice(1, 0), start index must be less than or equal to end index",
            ),
            ("[1].slice(0, 2) == []", "cannot slice(0, 2), list is length 1"),
        ]);
    }

    #[test]
    fn sets_hold_what_they_hold() {
        all_true(&[
            "sets.contains(request.groups, ['dev']) && !sets.contains(request.groups, ['dev', 'x'])",
            "sets.contains([], []) && sets.contains([1], []) && !sets.contains([], [1])",
            "sets.equivalent([1, 2], [2, 1, 1]) && !sets.equivalent([1], [1, 2])",
            "sets.intersects(request.groups, ['x', 'ops']) && !sets.intersects(request.groups, ['x']) && !sets.intersects([], [1])",
        ]);
    }

    #[test]
    fn addresses() {
        all_true(&[
            "isIP('10.0.0.1') && isIP('::1') && !isIP('10.0.0.256') && !isIP('010.0.0.1') && !isIP('::ffff:1.2.3.4') && !isIP('fe80::1%eth0')",
            "ip('10.0.0.1') == ip('10.0.0.1') && ip('::1') == ip('0:0::1') && ip('10.0.0.1') != ip('10.0.0.2')",
            "string(ip('2001:DB8::0:1')) == '2001:db8::1'",
            "ip('10.0.0.1').family() == 4 && ip('::1').family() == 6",
            "ip.isCanonical('2001:db8::1') && !ip.isCanonical('2001:DB8::1')",
            "ip('127.3.2.1').isLoopback() && ip('::1').isLoopback() && !ip('10.0.0.1').isLoopback()",
            "ip('0.0.0.0').isUnspecified() && ip('::').isUnspecified() && !ip('0.0.0.1').isUnspecified()",
            "ip('169.254.1.1').isLinkLocalUnicast() && ip('febf::1').isLinkLocalUnicast() && !ip('fec0::1').isLinkLocalUnicast()",
            "ip('224.0.0.9').isLinkLocalMulticast() && ip('ff02::1').isLinkLocalMulticast() && ip('ff12::1').isLinkLocalMulticast() && !ip('224.0.1.1').isLinkLocalMulticast() && !ip('ff05::1').isLinkLocalMulticast()",
            "ip('10.0.0.1').isGlobalUnicast() && !ip('255.255.255.255').isGlobalUnicast() && !ip('::1').isGlobalUnicast() && !ip('224.0.0.1').isGlobalUnicast()",
            "isCIDR('10.0.0.0/8') && isCIDR('::/0') && !isCIDR('10.0.0.0/33') && !isCIDR('10.0.0.0') && !isCIDR('10.0.0.0/08') && !isCIDR('10.0.0.0/+8') && !isCIDR('::ffff:1.2.3.4/24')",
            "cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsIP('11.0.0.0') && !cidr('0.0.0.0/0').containsIP('::1')",
            "cidr('2001:db8::/32').containsIP(ip('2001:db8:1::1')) && !cidr('2001:db8::/32').containsIP(ip('2001:db9::1'))",
            "cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8') && cidr('10.1.2.3/8') != cidr('10.0.0.0/8')",
            "cidr('10.1.2.3/8').ip() == ip('10.1.2.3') && cidr('::/64').prefixLength() == 64 && string(cidr('10.1.2.3/8')) == '10.1.2.3/8'",
        ]);
        for (expression, start) in [
            ("ip('x') == ip('y')", "IP Address \"x\" parse error during conversion from string: "),
            (
                "ip('::ffff:1.2.3.4').family() == 4",
                "IPv4-mapped IPv6 address \"::ffff:1.2.3.4\" is not allowed",
            ),
            (
                "cidr('x').prefixLength() == 1",
                "network address parse error during conversion from string: ",
            ),
        ] {
            assert!(answer(expression).starts_with(start), "{expression}: {}", answer(expression));
        }
    }
}

mod refusals {
    use super::*;

    /// The message of the only problem, without its place and its line.
    fn problem(text: &str) -> String {
        let error = refusal(text);
        let rest = error.strip_prefix("compilation failed: ERROR: <input>:");
        let rest = rest.unwrap_or_else(|| panic!("{text}: {error}"));
        let line = rest.lines().next().unwrap();
        assert_eq!(error.matches("ERROR").count(), 1, "{error}");
        line.split_once(": ").unwrap().1.to_owned()
    }

    // S-ACFG-5.
    #[test]
    fn problems_point_at_their_place() {
        assert_eq!(
            refusal("request.foo == 'x'"),
            "compilation failed: ERROR: <input>:1:8: undefined field 'foo'\n | request.foo == 'x'\n | .......^"
        );
        assert_eq!(
            refusal("request.user == 1 &&\n  nobody"),
            "compilation failed: ERROR: <input>:1:14: found no matching overload for '_==_' applied to '(string, int)'\n \
             | request.user == 1 &&\n | .............^\n\
             ERROR: <input>:2:3: undeclared reference to 'nobody' (in container '')\n |   nobody\n | ..^"
        );
    }

    #[test]
    fn what_is_not_there_or_does_not_fit_is_named() {
        for (text, message) in [
            ("request.resourceAttributes.foo == ''", "undefined field 'foo'"),
            ("has(request.foo)", "undefined field 'foo'"),
            ("request.?foo.hasValue()", "undefined field 'foo'"),
            ("request.resourceAttributes.fieldSelector.foo == ''", "undefined field 'foo'"),
            ("foo(1)", "undeclared reference to 'foo' (in container '')"),
            ("'a'.foo()", "undeclared reference to 'foo' (in container '')"),
            (
                "request.user == 1",
                "found no matching overload for '_==_' applied to '(string, int)'",
            ),
            (
                "request.user && true",
                "found no matching overload for '_&&_' applied to '(string, bool)'",
            ),
            ("!request.user", "found no matching overload for '!_' applied to '(string)'"),
            ("1 + 1u == 2", "found no matching overload for '_+_' applied to '(int, uint)'"),
            (
                "request.user.startsWith(1)",
                "found no matching overload for 'startsWith' applied to 'string.(int)'",
            ),
            (
                "startsWith('a', 'b')",
                "found no matching overload for 'startsWith' applied to '(string, string)'",
            ),
            (
                "request.user in request.extra.scopes[0]",
                "found no matching overload for '@in' applied to '(string, string)'",
            ),
            (
                "'x' in request.user",
                "found no matching overload for '@in' applied to '(string, string)'",
            ),
            (
                "true ? 1 : 'a'",
                "found no matching overload for '_?_:_' applied to '(bool, int, string)'",
            ),
            (
                "request.groups['a'] == ''",
                "found no matching overload for '_[_]' applied to '(list(string), string)'",
            ),
            (
                "request.extra[1] == []",
                "found no matching overload for '_[_]' applied to '(map(string, list(string)), int)'",
            ),
            ("request.user.name == ''", "type 'string' does not support field selection"),
            (
                "request.groups.all(g, g)",
                "found no matching overload for '_&&_' applied to '(bool, string)'",
            ),
            (
                "request.groups.exists(g, g.size())",
                "found no matching overload for '_||_' applied to '(bool, int)'",
            ),
            (
                "request.groups.filter(g, g) == []",
                "found no matching overload for '_?_:_' applied to '(string, list(string), list(string))'",
            ),
            (
                "request.user.all(c, true)",
                "expression of type 'string' cannot be range of a comprehension (must be list, map, or dynamic)",
            ),
            ("request.groups.all(1, true)", "argument must be a simple name"),
            ("request.groups.all(a.b, true)", "argument must be a simple name"),
            ("request.extra.all(k, k, true)", "duplicate variable name: k"),
            ("has(request)", "invalid argument to has() macro"),
            (
                "request.user.optMap(u, u) == null",
                "found no matching overload for 'hasValue' applied to 'string.()'",
            ),
            ("[1, 'a'] == []", "expected type 'int' but found 'string'"),
            ("{'a': 1, 'b': 'c'} == {}", "expected type 'int' but found 'string'"),
            ("request.user.matches('(')", "invalid matches argument"),
            ("request.user == 'a' && if", "reserved identifier: if"),
            ("9223372036854775808 > 0", "invalid int literal"),
            (
                "request.resourceAttributes == request.nonResourceAttributes",
                "found no matching overload for '_==_' applied to '(kubernetes.ResourceAttributes, kubernetes.NonResourceAttributes)'",
            ),
        ] {
            assert_eq!(problem(text), message, "{text}");
        }
    }

    // S-ACFG-14.
    #[test]
    fn there_is_no_authorizer_and_no_mathematics() {
        for (text, names) in [
            (
                "authorizer.path('/').check('get').allowed()",
                ["authorizer", "path", "check", "allowed"].as_slice(),
            ),
            ("math.greatest(1, 2) == 2", &["math", "greatest"]),
            ("base64.decode('eA==') == null", &["base64", "decode"]),
            ("cel.bind(x, 1, x == 1)", &["x", "cel", "bind"]),
        ] {
            let error = refusal(text);
            for name in names {
                let want = format!("undeclared reference to '{name}' (in container '')");
                assert!(error.contains(&want), "{text}: {error}");
            }
        }
    }

    #[test]
    fn what_does_not_parse_says_where() {
        for (text, message) in [
            ("request.user ==", "Syntax error: mismatched input '<EOF>' expecting "),
            ("", "Syntax error: mismatched input '<EOF>' expecting "),
            ("true ? false", "Syntax error: mismatched input '<EOF>' expecting "),
            ("'abc", "Syntax error: token recognition error at: ''abc'"),
            ("a..b", "Syntax error: no viable alternative at input '..'"),
            ("(true", "Syntax error: missing ')' at '<EOF>'"),
        ] {
            assert!(problem(text).starts_with(message), "{text}: {}", problem(text));
        }
        assert!(refusal("'\\uD800' == ''").contains("invalid string literal\n"));
    }

    // S-ACFG-13.
    #[test]
    fn only_a_condition_is_one() {
        for (text, found) in [
            ("request.user", "string"),
            ("1", "int"),
            ("request.groups", "list(string)"),
            ("request.extra", "map(string, list(string))"),
            ("request", "kubernetes.SubjectAccessReviewSpec"),
            ("dyn(true)", "dyn"),
            ("null", "null_type"),
            ("[]", "list(dyn)"),
            ("request.?user", "optional_type(string)"),
            ("true ? dyn(true) : dyn(false)", "dyn"),
            ("ip('::1')", "net.IP"),
        ] {
            assert_eq!(refusal(text), format!("must evaluate to bool but got {found}"), "{text}");
        }
    }

    #[test]
    fn what_we_lack_is_named() {
        for (text, what) in [
            (
                "timestamp('2020-01-01T00:00:00Z') == timestamp('2020-01-01T00:00:00Z')",
                "`timestamp`",
            ),
            ("url('https://a').getHost() == 'a'", "`getHost`, `url`"),
            ("quantity('1').isLessThan(quantity('2'))", "`isLessThan`, `quantity`"),
            ("'%s'.format(['a']) == 'a'", "`format`"),
            ("strings.quote('a') == ''", "`strings.quote`"),
            ("semver('1.0.0') == semver('1.0.0')", "`semver`"),
            ("type(1) == int", "`type`, the type `int` as a value"),
            ("dyn(1) == 1", "`dyn` of (int)"),
            ("1 < 1.5", "`_<_` of (int, double)"),
            ("string(1.5) == '1.5'", "`string` of (double)"),
            ("b'a' == b'a'", "bytes"),
            (
                "request.user.matches(request.uid)",
                "`matches` with a pattern that is not a constant",
            ),
            (
                r"request.user.matches(r'\pL')",
                r"the pattern `\pL` (regular expression with an unusual part)",
            ),
            ("'a'.find('(') == ''", "the pattern `(` (not a regular expression)"),
            ("[?optional.of(1)] == [1]", "optional elements of a list"),
            ("{?'a': optional.of(1)} == {}", "optional entries of a map"),
            ("Foo{a: 1} == null", "an object `Foo`"),
            ("request == request", "`_==_` on objects of the request"),
            ("[request] == [request]", "`_==_` on objects of the request"),
            ("request.groups.all(__result__, __result__ == 'a')", "the name `__result__`"),
            ("{request.user: 1} == {'a': 1}", "a map with keys that are no constants"),
            ("{'a': 1, 'a': 2} == {'a': 1}", "a map with a key that is there twice"),
            ("[].map(x, size(x)) == []", "`size` on something whose type is not known"),
            ("'a'.indexOf('a', 1) == 0", "`indexOf` of (string, string, int)"),
            ("cidr('10.0.0.0/8').containsCIDR('10.0.0.0/9')", "`containsCIDR`"),
            ("[1].transformMap(i, v, v) == {0: 1}", "`transformMap`"),
        ] {
            let want = format!("uses {what}, which this program does not evaluate");
            assert_eq!(refusal(text), want, "{text}");
        }
    }

    #[test]
    fn what_is_too_large_is_refused_before_it_is_read() {
        for text in [
            format!("{}true{}", "(".repeat(10_000), ")".repeat(10_000)),
            format!("{}true", "!".repeat(10_000)),
            format!("{}1 == 1{}", "[".repeat(200), "]".repeat(200)),
            format!("1{} > 0", " + 1".repeat(1_000)),
            format!("request{}", ".user".repeat(1_000)),
            format!("{}true", "true ? true : ".repeat(1_000)),
        ] {
            let error = Expression::compile(&text).unwrap_err();
            assert!(matches!(error, CompileError::TooLarge(_)), "{error}");
        }
        assert_eq!(
            refusal(&format!("'{}' == ''", "é".repeat(100_000))),
            "compilation failed: ERROR: <input>:-1:0: expression code point size exceeds limit: size: 100008, limit 100000"
        );
        // Wide is not deep.
        let wide = vec!["request.user != 'x'"; 700].join(" && ");
        assert_eq!(answer(&wide), "true");
        let list = format!("!(request.user in [{}])", vec!["'a'"; 2_000].join(", "));
        assert_eq!(answer(&list), "true");
        let nested = format!("{}true{}", "(".repeat(60), ")".repeat(60));
        assert_eq!(answer(&nested), "true");
    }
}

// S-ACFG-16.
mod conditions {
    use super::*;

    fn matched(expressions: &[&str]) -> Matched {
        let conditions =
            MatchConditions::new(expressions.iter().map(|text| compiled(text)).collect());
        let user = jane();
        conditions.matches(&pods(&user))
    }

    const BROKEN: &str = "request.extra.nothing == []";

    #[test]
    fn all_true_asks_the_webhook_and_so_do_none() {
        assert_eq!(matched(&[]), Matched::Yes);
        assert_eq!(matched(&["true", "request.user == 'jane'"]), Matched::Yes);
    }

    #[test]
    fn one_false_skips_it_even_after_an_error() {
        assert_eq!(matched(&["true", "false"]), Matched::No);
        assert_eq!(matched(&[BROKEN, "false"]), Matched::No);
        assert_eq!(matched(&["false", BROKEN]), Matched::No);
    }

    #[test]
    fn errors_without_a_false_are_all_told() {
        let told = |text: &str, error: &str| {
            format!("cel evaluation error: expression '{text}' resulted in error: {error}")
        };
        assert_eq!(
            matched(&["true", BROKEN, "1 / 0 == 1"]),
            Matched::Failed(vec![
                told(BROKEN, "no such key: nothing"),
                told("1 / 0 == 1", "division by zero"),
            ])
        );
    }
}

mod depth {
    use super::*;

    /// The deepest of each kind that the guard lets through, in a thread as small as those of tests
    /// and servers are: reading, checking, evaluating and dropping must fit.
    #[test]
    fn the_deepest_that_is_read_does_not_overflow_a_stack() {
        let kinds: [fn(usize) -> String; 9] = [
            |depth| format!("1{} > 0", " + 1".repeat(depth)),
            |depth| format!("{}true", "true ? true : ".repeat(depth)),
            |depth| format!("{}1{} != []", "[".repeat(depth), "]".repeat(depth)),
            |depth| format!("size({}'a'{}) == 1", "string(".repeat(depth), ")".repeat(depth)),
            |depth| format!("'a'{} == 'a'", ".trim()".repeat(depth)),
            |depth| format!("{}true{}", "[1].all(x, ".repeat(depth), ")".repeat(depth)),
            |depth| format!("[1]{} == [1]", ".map(x, x)".repeat(depth)),
            |depth| format!("{}1{} != null", "{'a': ".repeat(depth), "}".repeat(depth)),
            |depth| format!("true{}", " == true".repeat(depth)),
        ];
        let deepest = |kind: fn(usize) -> String| {
            let fits = |depth: &usize| guard::guard(&kind(*depth)).is_ok();
            kind((1..400).rev().find(fits).unwrap())
        };
        let test = move || {
            for kind in kinds {
                let text = deepest(kind);
                match Expression::compile(&text) {
                    Ok(expression) => drop(expression.evaluate(&pods(&jane()))),
                    Err(error) => assert!(
                        error.to_string().contains("no matching overload"),
                        "{text}: {error}"
                    ),
                }
            }
        };
        std::thread::Builder::new().stack_size(2 << 20).spawn(test).unwrap().join().unwrap();
    }

    #[test]
    fn as_many_calls_as_fit_are_checked_at_once() {
        let many = vec!["1<2"; 3_000].join("&&");
        assert_eq!(answer(&many), "true");
    }
}

mod limits {
    use super::*;

    const CANCELLED: &str = "operation cancelled: actual cost limit exceeded";

    fn crowd(groups: usize) -> User {
        User::new("u").with_groups((0..groups).map(|number| format!("group-{number}")))
    }

    // S-ACFG-15.
    #[test]
    fn nested_macros_stop_at_the_limit() {
        let user = crowd(300);
        let request = Request::non_resource(&user, "get", "/");
        let text =
            "request.groups.all(a, request.groups.all(b, request.groups.all(c, a + b + c != '')))";
        assert_eq!(shown(compiled(text).evaluate(&request)), CANCELLED);
        // Its twin within the limit.
        let text = "request.groups.all(a, request.groups.all(b, a != '' && b != ''))";
        assert_eq!(shown(compiled(text).evaluate(&request)), "true");
    }

    #[test]
    fn nothing_absorbs_that_the_limit_is_exceeded() {
        let user = crowd(300);
        let request = Request::non_resource(&user, "get", "/");
        let bomb = "request.groups.all(a, request.groups.all(b, request.groups.all(c, true)))";
        for text in [
            format!("{bomb} || true"),
            format!("!(({bomb}) && false)"),
            format!("[1, 2].exists(x, {bomb} || x == 2)"),
        ] {
            assert_eq!(shown(compiled(&text).evaluate(&request)), CANCELLED, "{text}");
        }
    }

    #[test]
    fn long_texts_that_are_only_gone_through_are_stopped_though_they_cost_nothing() {
        let user = jane();
        let path = format!("/{}", "a".repeat(3 << 20));
        let long = Request::non_resource(&user, "get", &path);
        let many = format!("[{}]", vec!["1"; 30].join(","));
        for looked in [
            "request.nonResourceAttributes.path.matches('')",
            "size(request.nonResourceAttributes.path) > 0",
        ] {
            let text = format!("{many}.all(a, {many}.all(b, {looked}))");
            assert_eq!(shown(compiled(&text).evaluate(&long)), CANCELLED, "{looked}");
            // The same about a path as they are.
            assert_eq!(path_answer(&text), "true", "{looked}");
        }
        let all = "request.nonResourceAttributes.path.findAll('').size() > 0";
        assert_eq!(shown(compiled(all).evaluate(&long)), CANCELLED);
        assert_eq!(path_answer(all), "true");
    }

    #[test]
    fn texts_and_lists_that_grow_are_stopped_before_they_are_made() {
        let user = crowd(300);
        let request = Request::non_resource(&user, "get", "/");
        let many = "'aaaaaaaaaa'".to_owned()
            + &".replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')".repeat(30)
            + " == ''";
        let doubled = "[request.groups]".to_owned() + &".map(l, l + l)".repeat(40) + " == []";
        let joined = "[request.groups.join()]".to_owned() + &".map(s, s + s)".repeat(40) + " == []";
        for text in [
            &*many,
            &doubled,
            &joined,
            "lists.range(1000000000).size() == 0",
            "lists.range(9223372036854775807) == []",
            "lists.range(999999).distinct() == []",
        ] {
            assert_eq!(shown(compiled(text).evaluate(&request)), CANCELLED, "{text}");
        }
    }

    #[test]
    fn what_costs_nothing_is_counted_all_the_same() {
        let user = crowd(300);
        let request = Request::non_resource(&user, "get", "/");
        let shared = "[[1]]".to_owned() + &".map(x, [x, x])".repeat(30);
        let constants = vec!["true"; 1_000].join(" && ");
        for text in [
            format!("{shared} == {shared}"),
            format!("request.groups.all(a, request.groups.all(b, {constants}))"),
        ] {
            assert_eq!(shown(compiled(&text).evaluate(&request)), CANCELLED, "{text}");
        }
    }

    #[test]
    fn usual_steps_cost_what_cel_go_says() {
        let user = jane();
        let request = pods(&user);
        for (text, cost) in [
            ("true", 0),
            ("request.user == 'jane'", 3),
            ("request.resourceAttributes.namespace == 'prod'", 4),
            ("has(request.resourceAttributes)", 1),
            ("'dev' in request.groups", 5),
            ("request.user.startsWith('ja')", 3),
            ("request.user.matches('^jane$')", 4),
            ("true && false", 0),
        ] {
            let expression = compiled(text);
            let mut evaluation = Evaluation::new(Root::Request(&request));
            evaluation.condition(&expression.node).unwrap();
            assert_eq!(evaluation.spent(), cost, "{text}");
        }
    }
}
