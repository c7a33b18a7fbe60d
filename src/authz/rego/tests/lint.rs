//! What a policy is warned of, and its twin that is not.

use super::*;

fn warnings(body: &str) -> Vec<String> {
    let text = format!("package portcullis.authz\n{body}");
    let policy = Policy::compile(Sources::module("m.rego", text), Options::default());
    let policy = policy.unwrap_or_else(|error| panic!("{error}\n{body}"));
    policy.warnings().iter().map(ToString::to_string).collect()
}

#[test]
fn names_that_nothing_asks_for_are_told_unless_a_rule_uses_them() {
    for (name, meant) in [
        ("allowed", "allow"),
        ("Allow", "allow"),
        ("alow", "allow"),
        ("permitted", "allow"),
        ("denied", "deny"),
        ("dney", "deny"),
        ("violation", "deny"),
    ] {
        let told = format!("m.rego:2: nothing asks for `{name}`; did you mean `{meant}`?");
        assert_eq!(warnings(&format!("{name} if input.user == \"x\""))[0], told);
        let used = format!("{name} if input.user == \"x\"\n{meant} if {name}");
        assert!(warnings(&used).is_empty(), "{used}");
    }
    assert!(warnings("allow if helper\nhelper if input.user == \"x\"").is_empty());
}

#[test]
fn a_policy_that_never_decides_is_told() {
    assert_eq!(
        warnings("helper := 1"),
        ["package `portcullis.authz` has neither `allow` nor `deny`: it never decides"]
    );
    let sources = Sources::module("m.rego", "package portcullis.auth\nallow := true");
    let policy = Policy::compile(sources, Options::default()).unwrap();
    assert_eq!(
        policy.warnings()[0].to_string(),
        "there is no package `portcullis.authz`: the policy never decides; \
         did you mean `portcullis.auth`?"
    );
    let policy = Policy::compile(Sources::default(), Options::default()).unwrap();
    assert_eq!(
        policy.warnings()[0].to_string(),
        "there is no package `portcullis.authz`: the policy never decides"
    );
    for (body, told) in [
        ("allow := false", "m.rego:2: this `allow` never holds: its value is false"),
        ("deny if false", "m.rego:2: this `deny` never holds: its body is false"),
        ("allow if { false; input.user }", "m.rego:2: this `allow` never holds: its body is false"),
        ("allow(x) if x == 1", "m.rego:2: `allow` takes arguments: nothing asks for it like that"),
    ] {
        assert!(warnings(body).contains(&told.to_owned()), "{body}: {:?}", warnings(body));
    }
    assert!(warnings("default allow := false\nallow if input.user == \"x\"").is_empty());
}

#[test]
fn a_policy_that_decides_about_everybody_is_told() {
    for body in ["allow := true", "allow if true", "default allow := true"] {
        let told = warnings(body);
        assert!(told[0].contains("everybody may do everything"), "{body}: {told:?}");
    }
    assert!(warnings("deny := true")[0].contains("nobody may do anything"));
    assert!(warnings("allow := true if input.user == \"x\"").is_empty());
    assert!(warnings("deny contains \"m\" if input.user == \"x\"").is_empty());
}

#[test]
fn errors_have_their_place_and_no_drawing() {
    let error = |text: &str| {
        let compiled = Policy::compile(Sources::module("m.rego", text), Options::default());
        compiled.unwrap_err().to_string()
    };
    let told = error("package portcullis.authz\nallow if { input.x == }");
    assert!(told.starts_with("m.rego:2:") && !told.contains('\n'), "{told}");
    let told = error("package portcullis.authz\nallow if nothing_like_this(input)");
    assert_eq!(told, "m.rego:2:10: there is no function `nothing_like_this`");
    let told = error("nothing");
    assert!(told.starts_with("m.rego:1:"), "{told}");
    let odd = Options::default().with_package("a-b");
    let told = Policy::compile(Sources::default(), odd).unwrap_err().to_string();
    assert_eq!(told, "`a-b` is not the name of a package; write it like `portcullis.authz`");
}

#[test]
fn rego_v0_is_read_as_such_and_not_as_v1() {
    let text = "package portcullis.authz\nallow { input.user == \"jane\" }";
    assert!(Policy::compile(Sources::module("m.rego", text), Options::default()).is_err());
    let module = Module::new("m.rego", text).with_version(RegoVersion::V0);
    let policy = Policy::compile(Sources::default().with(module), Options::default()).unwrap();
    let authorizer = RegoAuthorizer::new(Arc::new(policy), World::default());
    let user = jane();
    assert!(authorizer.authorize(&Request::non_resource(&user, "get", "/")).is_allowed());
}
