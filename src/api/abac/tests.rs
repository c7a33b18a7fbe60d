use super::*;

fn spec_of(line: &str) -> PolicySpec {
    Statement::parse(line).unwrap().spec
}

fn error_of(line: &str) -> String {
    Statement::parse(line).unwrap_err().to_string()
}

fn alice() -> PolicySpec {
    PolicySpec { user: "alice".into(), ..PolicySpec::default() }
}

fn v1beta1(rest: &str) -> String {
    format!(r#"{{"apiVersion":"{V1BETA1}",{rest}}}"#)
}

#[test]
fn null_leaves_what_an_earlier_duplicate_said_and_a_value_replaces_it() {
    assert_eq!(spec_of(r#"{"user":"alice","user":null}"#).user, "alice");
    assert_eq!(spec_of(r#"{"user":"alice","user":"bob"}"#).user, "bob");
    let twice = v1beta1(r#""kind":"Policy","spec":{"user":"u"},"spec":{"group":"g"}"#);
    assert_eq!(spec_of(&twice).user, "u");
    assert_eq!(spec_of(&twice).group, "g");
}

#[test]
fn version_and_kind_are_found_in_any_case_and_other_fields_are_not() {
    let line = r#"{"APIVERSION":"abac.authorization.kubernetes.io/v1beta1","Kind":"Policy",
                   "spec":{"user":"alice","Group":"g"}}"#;
    let statement = Statement::parse(line).unwrap();
    assert_eq!(statement.format, Format::V1beta1);
    assert_eq!(statement.spec, alice());
    assert_eq!(statement.unknown_fields, ["Group"]);
}

#[test]
fn the_internal_version_reads_the_names_of_the_go_type() {
    let line = |spec| format!(r#"{{"apiVersion":"{GROUP}/__internal","kind":"Policy",{spec}}}"#);
    assert_eq!(spec_of(&line(r#""Spec":{"User":"alice"}"#)), alice());
    assert_eq!(spec_of(&line(r#""spec":{"user":"alice"}"#)), PolicySpec::default());
}

#[test]
fn versions_that_are_not_are_refused() {
    for (line, error) in [
        (r#"{"apiVersion":"a/b/c"}"#, "unexpected GroupVersion string: a/b/c"),
        (
            r#"{"apiVersion":"example.com/","kind":"Policy"}"#,
            r#"Object 'apiVersion' is missing in '{"apiVersion":"example.com/","kind":"Policy"}'"#,
        ),
        (
            r#"{"apiVersion":1}"#,
            "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go \
             struct field .apiVersion of type string",
        ),
    ] {
        assert_eq!(error_of(line), error);
    }
    // A lone slash is no version at all, and the group alone leaves the version to be filled in.
    assert_eq!(Statement::parse(r#"{"apiVersion":"/"}"#).unwrap().format, Format::Unversioned);
    let group = format!(r#"{{"apiVersion":"{GROUP}/","kind":"Policy"}}"#);
    assert_eq!(Statement::parse(&group).unwrap().format, Format::Unversioned);
}

#[test]
fn a_wrong_type_is_found_before_a_missing_kind() {
    assert_eq!(
        error_of(&v1beta1(r#""spec":{"user":1}"#)),
        "json: cannot unmarshal number into Go struct field PolicySpec.spec.user of type string"
    );
    assert_eq!(
        error_of(&v1beta1(r#""spec":{"user":"1"}"#)),
        "converting (v1beta1.Policy) to (v0.Policy): unknown conversion"
    );
}

#[test]
fn yaml_lines_are_read_as_the_api_server_reads_them() {
    let bob = PolicySpec { user: "bob".into(), ..PolicySpec::default() };
    for (line, expected) in [
        ("user: alice", alice()),
        ("--- {user: alice}", alice()),
        ("\"user\": 'alice' # a comment", alice()),
        ("? user", PolicySpec::default()),
        ("---", PolicySpec::default()),
        ("\u{feff}{\"user\": alice}", alice()),
        ("~", PolicySpec::default()),
        ("user: !!str alice", alice()),
        ("user: !custom alice", alice()),
        ("--- {x: &a {user: alice}, <<: *a}", alice()),
        ("--- {x: &a {user: alice}, y: &b {user: bob}, <<: [*a, *b]}", alice()),
        ("--- {user: alice, user: bob}", bob),
        ("readonly: yes", PolicySpec { readonly: true, ..PolicySpec::default() }),
        ("readonly: off", PolicySpec::default()),
        ("user:", PolicySpec::default()),
        ("user: 12:30", PolicySpec { user: "12:30".into(), ..PolicySpec::default() }),
    ] {
        assert_eq!(spec_of(line), expected, "{line}");
    }
}

#[test]
fn yaml_that_is_no_policy_is_refused() {
    for line in [
        "user: [",
        "user: 'alice",
        "user: 1",
        "user: yes",
        "readonly: \"true\"",
        "a: b: c",
        "@x",
        "%x",
        "`x",
        "user: *nobody",
        "--- &a [*a]",
        "user: .inf",
        "user: !!int x",
        "user: !!binary aGk=",
        "--- {[a]: b}",
        "--- {~: b}",
        "--- {<<: 1}",
        "- user",
        "\tuser: alice",
        "user: a\u{1}",
        "user: a\u{7f}",
        "user: a\u{feff}",
        "user: a\u{85}b",
        "user: a\u{2028}b",
    ] {
        assert!(Statement::parse(line).is_err(), "{line}: {:?}", Statement::parse(line));
    }
}

#[test]
fn lines_that_explode_or_nest_without_end_are_refused() {
    let mut bomb = "--- {a0: &a0 [x,x,x,x,x,x,x,x,x,x]".to_owned();
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(",");
        bomb += &format!(", a{level}: &a{level} [{aliases}]");
    }
    assert_eq!(error_of(&(bomb + "}")), "yaml: document contains excessive aliasing");
    for deep in ["- ".repeat(20_000), "[".repeat(20_000), "? ".repeat(20_000)] {
        assert!(Statement::parse(&deep).is_err());
    }
}

proptest::proptest! {
    #[test]
    fn a_line_written_is_the_line_read(
        user: String, group: String, readonly: bool, path: String, namespace: String
    ) {
        let spec = PolicySpec {
            user: user.into(),
            group: group.into(),
            readonly,
            namespace: namespace.into(),
            non_resource_path: path.into(),
            ..PolicySpec::default()
        };
        proptest::prop_assert_eq!(spec_of(&spec.to_line()), spec);
    }

    #[test]
    fn no_line_makes_it_panic(line in "[-a-c{}\\[\\]:,&*!?|>'\"%@`#~ .0-9<]{0,60}") {
        let _ = Statement::parse(&line);
    }
}
