use super::*;
use crate::util::aggregate::aggregate;

fn duration(text: &str) -> Result<String, String> {
    text.parse::<GoDuration>().map(|read| read.to_string()).map_err(|error| error.to_string())
}

#[test]
fn durations_are_read_and_written_as_go_does() {
    for (text, written) in [
        ("0", "0s"),
        ("-0", "0s"),
        ("+5s", "5s"),
        ("-5s", "-5s"),
        ("5m0s", "5m0s"),
        ("5m", "5m0s"),
        ("300s", "5m0s"),
        ("1h", "1h0m0s"),
        ("36h", "36h0m0s"),
        ("1h0.25s", "1h0m0.25s"),
        ("1.5h", "1h30m0s"),
        (".5s", "500ms"),
        ("1.s", "1s"),
        ("1500ms", "1.5s"),
        ("1ns", "1ns"),
        ("1100ns", "1.1µs"),
        ("2us", "2µs"),
        ("2µs", "2µs"),
        ("2μs", "2µs"),
        ("1.000001ms", "1.000001ms"),
        ("3m2s1ms", "3m2.001s"),
        ("1s1h", "1h0m1s"),
        ("0.3333333333333333333h", "20m0s"),
        ("0.100000000000000000000h", "6m0s"),
        ("0.9223372036854775807h", "55m20.413933267s"),
        ("9223372036854775807ns", "2562047h47m16.854775807s"),
        ("-9223372036854775808ns", "-2562047h47m16.854775808s"),
        ("-2562047h47m16.854775808s", "-2562047h47m16.854775808s"),
    ] {
        assert_eq!(duration(text), Ok(written.to_owned()), "{text}");
    }
}

#[test]
fn what_is_no_duration_is_told_in_the_words_of_go() {
    let invalid = |text: &str| format!("time: invalid duration \"{text}\"");
    for text in [
        "",
        "-",
        "+",
        "s",
        ".s",
        "-.s",
        ".",
        "9223372036854775808ns",
        "9223372036854775.808us",
        "-9223372036854775809ns",
        "3000000h",
        "99999999999999999999s",
    ] {
        assert_eq!(duration(text), Err(invalid(text)), "{text}");
    }
    for text in ["3", "5s3", "1.5", "-3"] {
        let message = format!("time: missing unit in duration \"{text}\"");
        assert_eq!(duration(text), Err(message));
    }
    for (text, unit) in [("1d", "d"), ("5S", "S"), ("1 s", " s"), ("3mo", "mo"), ("1s2x3s", "x")] {
        let message = format!("time: unknown unit \"{unit}\" in duration \"{text}\"");
        assert_eq!(duration(text), Err(message));
    }
}

fn flags(line: &str) -> ModeFlags {
    ModeFlags::from_args(line.split_whitespace()).unwrap()
}

fn told(flags: &ModeFlags) -> String {
    let errors: Vec<String> = flags.errors().iter().map(ToString::to_string).collect();
    aggregate(&errors).unwrap_or_default()
}

#[test]
fn every_objection_to_flags_is_told_and_its_twin_is_not_objected_to() {
    for (bad, message, good) in [
        (
            "--authorization-mode=",
            "at least one authorization-mode must be passed",
            "--authorization-mode=RBAC",
        ),
        (
            "--authorization-mode=rbac",
            "authorization-mode \"rbac\" is not a valid mode",
            "--authorization-mode=RBAC",
        ),
        (
            "--authorization-mode=Node,ABAC",
            "authorization-mode ABAC's authorization policy file not passed",
            "--authorization-mode=Node,ABAC --authorization-policy-file=/p",
        ),
        (
            "--authorization-mode=Webhook",
            "authorization-mode Webhook's authorization config file not passed",
            "--authorization-mode=Webhook --authorization-webhook-config-file /k",
        ),
        (
            "--authorization-policy-file=/p",
            "cannot specify --authorization-policy-file without mode ABAC",
            "--authorization-policy-file=/p --authorization-mode=ABAC",
        ),
        (
            "--authorization-mode=RBAC --authorization-webhook-config-file=/k",
            "cannot specify --authorization-webhook-config-file without mode Webhook",
            "--authorization-mode=RBAC,Webhook --authorization-webhook-config-file=/k",
        ),
        (
            "--authorization-mode=RBAC,Node,RBAC",
            r#"authorization-mode ["RBAC" "Node" "RBAC"] has mode specified more than once"#,
            "--authorization-mode=RBAC,Node",
        ),
        (
            "--authorization-mode=RBAC --authorization-mode=RBAC",
            r#"authorization-mode ["RBAC" "RBAC"] has mode specified more than once"#,
            "--authorization-mode=RBAC --authorization-mode=Node",
        ),
        (
            "--authorization-mode=Foo,ABAC,Foo --authorization-webhook-config-file=/k",
            "[authorization-mode \"Foo\" is not a valid mode, authorization-mode ABAC's \
             authorization policy file not passed, cannot specify \
             --authorization-webhook-config-file without mode Webhook, authorization-mode [\"Foo\" \
             \"ABAC\" \"Foo\"] has mode specified more than once]",
            "",
        ),
    ] {
        assert_eq!(told(&flags(bad)), message);
        assert!(flags(bad).build().is_err());
        assert_eq!(told(&flags(good)), "", "{good}");
        assert!(flags(good).build().is_ok(), "{good}");
    }
    let tried = |attempts| ModeFlags {
        webhook_retry_attempts: Some(attempts),
        ..flags("--authorization-mode=RBAC")
    };
    let message = "number of webhook retry attempts must be greater than 0, but is: 0";
    assert_eq!(told(&tried(0)), message);
    assert_eq!(told(&tried(1)), "");
}

#[test]
fn a_file_leaves_no_room_for_the_flags_that_it_replaces() {
    let message = "--authorization-config can not be specified when --authorization-mode or \
                   --authorization-webhook-* flags are defined";
    let file = "--authorization-config=/a.yaml";
    for flag in [
        "--authorization-mode=Bad,Bad",
        "--authorization-webhook-config-file=/k",
        "--authorization-webhook-version=v1",
        "--authorization-webhook-cache-authorized-ttl=1s",
        "--authorization-webhook-cache-unauthorized-ttl=1s",
    ] {
        assert_eq!(told(&flags(&format!("{file} {flag}"))), message);
    }
    // The policy of ABAC still comes from its flag, and is not looked at.
    let with_policy = flags(&format!("{file} --authorization-policy-file=/p"));
    assert_eq!((told(&with_policy).as_str(), with_policy.policy_file.as_str()), ("", "/p"));
    let see = with_policy.build().unwrap_err();
    assert!(matches!(&see[..], [FlagError::SeeConfig(file)] if file == "/a.yaml"), "{see:?}");
}

#[test]
fn without_a_flag_everything_is_allowed_and_anonymous_requests_are_turned_off() {
    let chain = |line: &str| flags(line).build().unwrap();
    assert_eq!(chain("").authorizers, [AuthorizerEntry::mode(Mode::AlwaysAllow)]);
    assert!(flags("").turn_anonymous_off());
    assert!(flags("--authorization-mode=RBAC,AlwaysAllow").turn_anonymous_off());
    assert!(!flags("--authorization-mode=Node,RBAC").turn_anonymous_off());
    assert!(!flags("--authorization-config=/a.yaml").turn_anonymous_off());
}

#[test]
fn a_webhook_of_flags_has_the_defaults_of_flags() {
    let line = "--authorization-mode=Node,Webhook,RBAC --authorization-webhook-config-file=/k";
    let chain = flags(line).build().unwrap();
    let names: Vec<&str> = chain.authorizers.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["node", "default", "rbac"]);
    let (_, webhook) = chain.webhooks().next().unwrap();
    let expected = WebhookEntry {
        authorized_ttl: Duration::from_secs(300),
        cache_authorized_requests: true,
        unauthorized_ttl: Duration::from_secs(30),
        cache_unauthorized_requests: true,
        timeout: Duration::from_secs(30),
        subject_access_review_version: Version::V1beta1,
        failure_policy: FailurePolicy::NoOpinion,
        connection: Connection::KubeConfigFile("/k".into()),
        match_conditions: Vec::new(),
    };
    assert_eq!(webhook, &expected);

    let line = format!(
        "{line} --authorization-webhook-version=v1 --authorization-webhook-cache-authorized-ttl=0s \
         --authorization-webhook-cache-unauthorized-ttl=1m"
    );
    let chain = flags(&line).build().unwrap();
    let (_, webhook) = chain.webhooks().next().unwrap();
    assert_eq!(webhook.subject_access_review_version, Version::V1);
    assert_eq!(webhook.effective_authorized_ttl(), Duration::ZERO);
    assert_eq!(webhook.effective_unauthorized_ttl(), Duration::from_secs(60));
}

#[test]
fn a_version_that_does_not_exist_shows_when_the_client_is_made() {
    let line = "--authorization-mode=Webhook --authorization-webhook-config-file=/k \
                --authorization-webhook-version=v2";
    assert_eq!(told(&flags(line)), "");
    let error = &flags(line).build().unwrap_err()[0];
    let message =
        r#"unsupported webhook authorizer version "v2", supported versions are "v1", "v1beta1""#;
    assert_eq!(error.to_string(), message);
}

#[test]
fn flags_are_picked_out_of_a_command_line() {
    let line = "kube-apiserver --v=4 -h x --authorization-mode Node --authorization-mode=RBAC \
                --secure-port 6443 -- --authorization-mode=ABAC";
    let expected = Some(vec!["Node".to_owned(), "RBAC".to_owned()]);
    assert_eq!(flags(line).modes, expected);
    let error = ModeFlags::from_args(["--authorization-mode"]).unwrap_err();
    assert_eq!(error.to_string(), "flag needs an argument: --authorization-mode");
    let ttl = "--authorization-webhook-cache-authorized-ttl=5";
    let error = ModeFlags::from_args([ttl]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid argument \"5\" for \"--authorization-webhook-cache-authorized-ttl\" flag: time: \
         missing unit in duration \"5\""
    );
}

fn chain(modes: &str) -> AuthorizationConfiguration {
    let modes = format!(
        "--authorization-mode={modes} --authorization-policy-file=/p \
         --authorization-webhook-config-file=/k"
    );
    let mut flags = flags(&modes);
    if !modes.contains("ABAC") {
        flags.policy_file.clear();
    }
    if !modes.contains("Webhook") {
        flags.webhook_config_file = None;
    }
    flags.build().unwrap()
}

#[test]
fn a_reload_keeps_the_types_of_the_start_and_adds_none_that_has_to_be_built() {
    for (start, new, message) in [
        ("Node,RBAC", "RBAC,Node", ""),
        ("Node,RBAC", "Node,Webhook,RBAC", ""),
        ("Node,Webhook,RBAC", "Node,RBAC", ""),
        ("Node,RBAC", "Node,RBAC,AlwaysDeny,AlwaysAllow", ""),
        ("Node,RBAC", "Node", "missing required types: [RBAC]"),
        ("RBAC,Node,Webhook", "Webhook,AlwaysAllow", "missing required types: [Node RBAC]"),
        ("RBAC,AlwaysAllow,ABAC", "RBAC", "missing required types: [ABAC AlwaysAllow]"),
        (
            "Node",
            "Node,RBAC",
            "authorizer type RBAC is not allowed if it was not enabled at initial server startup",
        ),
        (
            "RBAC",
            "ABAC,Node,RBAC",
            "authorizer type ABAC is not allowed if it was not enabled at initial server startup",
        ),
        ("RBAC,Node", "ABAC,RBAC", "missing required types: [Node]"),
    ] {
        let errors = reload_errors(&chain(start), &chain(new));
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors.join(", "), message, "{start} -> {new}");
    }
}
