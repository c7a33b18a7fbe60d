//! AuthorizationConfiguration files: every objection of the API server, in its words and on its line,
//! and the twin to which it does not object (S-ACFG-1 to 8).

use std::path::{Path, PathBuf};
use std::time::Duration;

use portcullis::api::authorization::Version;
use portcullis::api::authorization_config::{
    AuthorizationConfiguration, AuthorizerEntry, AuthorizerType, Connection, FailurePolicy,
};
use portcullis::api::mode::Mode;
use portcullis::query;
use portcullis::source::authorization_config::{
    ConfigurationError, KubeconfigFiles, Loaded, load, parse, reload, server_flags,
};
use proptest::prelude::*;

use crate::support::corpus;

/// A file with everything in it.
const GOOD: &str = "\
apiVersion: apiserver.config.k8s.io/v1
kind: AuthorizationConfiguration
authorizers:
- type: Webhook
  name: guard
  webhook:
    authorizedTTL: 2m
    cacheAuthorizedRequests: true
    unauthorizedTTL: 10s
    cacheUnauthorizedRequests: no
    timeout: 3s
    subjectAccessReviewVersion: v1beta1
    matchConditionSubjectAccessReviewVersion: v1
    failurePolicy: Deny
    connectionInfo:
      type: KubeConfigFile
      kubeConfigFile: /k
    matchConditions:
    - expression: has(request.resourceAttributes)
    - expression: request.user != 'x'
- type: Node
  name: node
- type: RBAC
  name: rbac
";

const PREFIX: &str = "failed to load AuthorizationConfiguration from file: ";

fn read(text: &str) -> Result<Loaded, ConfigurationError> {
    parse("authz.yaml", text.as_bytes(), KubeconfigFiles::Elsewhere)
}

#[track_caller]
fn refused(text: &str) -> ConfigurationError {
    match read(text) {
        Err(error) => error,
        Ok(loaded) => panic!("accepted: {loaded:?}\n{text}"),
    }
}

/// The good file with something else in it, which must be in it once.
#[track_caller]
fn with(from: &str, to: &str) -> String {
    assert_eq!(GOOD.matches(from).count(), 1, "{from:?}");
    GOOD.replace(from, to)
}

fn lines(error: &ConfigurationError) -> Vec<u32> {
    error.problems().iter().map(|problem| problem.origin.line).collect()
}

#[test]
fn a_good_file_says_what_it_says() {
    let loaded = read(GOOD).unwrap();
    let chain = &loaded.configuration;
    let names: Vec<&str> = chain.authorizers.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["guard", "node", "rbac"]);
    assert!(chain.has(AuthorizerType::Mode(Mode::Node)));
    assert!(!chain.has(AuthorizerType::Mode(Mode::Abac)));
    let (_, webhook) = chain.webhooks().next().unwrap();
    assert_eq!(webhook.authorized_ttl, Duration::from_secs(120));
    assert_eq!(webhook.effective_authorized_ttl(), Duration::from_secs(120));
    assert_eq!(webhook.unauthorized_ttl, Duration::from_secs(10));
    assert_eq!(webhook.effective_unauthorized_ttl(), Duration::ZERO);
    assert_eq!(webhook.timeout, Duration::from_secs(3));
    assert_eq!(webhook.subject_access_review_version, Version::V1beta1);
    assert_eq!(webhook.failure_policy, FailurePolicy::Deny);
    assert_eq!(webhook.connection, Connection::KubeConfigFile(PathBuf::from("/k")));
    let conditions = ["has(request.resourceAttributes)", "request.user != 'x'"];
    assert_eq!(webhook.match_conditions, conditions);
    let places: Vec<u32> = loaded.places.iter().map(|places| places.entry.line).collect();
    assert_eq!(places, [4, 21, 23]);
    assert_eq!(loaded.places[0].match_conditions.line, 18);
}

#[test]
fn every_version_and_json_say_the_same() {
    let chain = read(GOOD).unwrap().configuration;
    for version in ["v1beta1", "v1alpha1"] {
        assert_eq!(
            read(&with("io/v1\n", &format!("io/{version}\n"))).unwrap().configuration,
            chain
        );
    }
    // The text of a JSON file says the same, on its own lines.
    let json = r#"{"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthorizationConfiguration",
"authorizers": [
{"type": "Webhook", "name": "guard", "webhook": {"authorizedTTL": "2m",
"unauthorizedTTL": "10s", "cacheUnauthorizedRequests": false, "timeout": "3s",
"subjectAccessReviewVersion": "v1beta1", "matchConditionSubjectAccessReviewVersion": "v1",
"failurePolicy": "Deny", "connectionInfo": {"type": "KubeConfigFile", "kubeConfigFile": "\/k"},
"matchConditions": [{"expression": "has(request.resourceAttributes)"},
{"expression": "request.user != 'x'"}]}},
{"type": "Node", "name": "n\u006fde"},
{"type": "RBAC",
 "name": "rbac"}]}
"#;
    assert_eq!(read(json).unwrap().configuration, chain);
    let error = refused(&json.replace("\"rbac\"", "\"roles\""));
    assert_eq!(error.to_string(), "expected name rbac for authorizer RBAC instead of roles");
    assert_eq!(lines(&error), [11]);
}

#[test]
fn what_is_left_out_has_its_default() {
    let text = "
apiVersion: apiserver.config.k8s.io/v1
kind: AuthorizationConfiguration
authorizers:
- type: Webhook
  name: w
  webhook:
    timeout: 30s
    authorizedTTL: 0s
    subjectAccessReviewVersion: v1
    failurePolicy: NoOpinion
    connectionInfo: {type: KubeConfigFile, kubeConfigFile: /k}
";
    let loaded = read(text).unwrap();
    let (_, webhook) = loaded.configuration.webhooks().next().unwrap();
    // 0 means the default, too (S-ACFG-4).
    assert_eq!(webhook.effective_authorized_ttl(), Duration::from_secs(300));
    assert_eq!(webhook.effective_unauthorized_ttl(), Duration::from_secs(30));
    assert!(webhook.match_conditions.is_empty());
    assert_eq!(loaded.places[0].zero_authorized_ttl.as_ref().map(|place| place.line), Some(9));
    assert_eq!(loaded.places[0].zero_unauthorized_ttl, None);
}

#[test]
fn every_objection_to_a_value_has_its_line_and_a_twin_that_is_accepted() {
    let subdomain = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric \
                     characters, '-' or '.', and must start and end with an alphanumeric character \
                     (e.g. 'example.com', regex used for validation is \
                     '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    let name = format!(
        "authorizers[0].name: Invalid value: \"Guard\": authorizer name is invalid: {subdomain}"
    );
    let long = "a".repeat(254);
    let too_long = format!(
        "authorizers[0].name: Invalid value: \"{long}\": authorizer name is invalid: must be no \
         more than 253 bytes"
    );
    // (replace, by, message without `authorizers[0].` or `authorizers[2].`, line, by instead)
    let cases: &[(&str, &str, &str, u32, &str)] = &[
        (
            "- type: RBAC\n",
            "- type: ''\n",
            "authorizers[2].type: Required value",
            23,
            "- type: RBAC\n",
        ),
        (
            "- type: RBAC\n",
            "- type: Rbac\n",
            "authorizers[2].type: Unsupported value: \"Rbac\": supported values: \"ABAC\", \
             \"AlwaysAllow\", \"AlwaysDeny\", \"Node\", \"RBAC\", \"Webhook\"",
            23,
            "- type: 'RBAC'\n",
        ),
        (
            "- type: RBAC\n  name: rbac\n",
            "- type: Node\n  name: x\n",
            "authorizers[2].type: Duplicate value: \"Node\"",
            23,
            "- type: ABAC\n  name: abac\n",
        ),
        ("  name: guard\n", "", "authorizers[0].name: Required value", 4, "  name: g\n"),
        (
            "name: guard",
            "name: node",
            "authorizers[1].name: Duplicate value: \"node\"",
            22,
            "name: nodes",
        ),
        ("name: guard", "name: Guard", &name, 5, "name: guard.example.com"),
        ("name: guard", &format!("name: {long}"), &too_long, 5, "name: guard-1"),
        (
            "  name: rbac\n",
            "  name: rbac\n- {type: Webhook, name: second}\n",
            "authorizers[3].webhook: Required value: required when type=Webhook",
            25,
            "  name: rbac\n- {type: AlwaysDeny, name: alwaysdeny}\n",
        ),
        (
            "  name: rbac\n",
            "  name: rbac\n  webhook: {}\n",
            "authorizers[2].webhook: Invalid value: \"non-null\": may only be specified when type=Webhook",
            25,
            "  name: rbac\n  webhook: null\n",
        ),
        (
            "    timeout: 3s\n",
            "",
            "authorizers[0].timeout: Required value",
            6,
            "    timeout: 1ns\n",
        ),
        (
            "timeout: 3s",
            "timeout: 0s",
            "authorizers[0].timeout: Required value",
            11,
            "timeout: 30s",
        ),
        (
            "timeout: 3s",
            "timeout: 31s",
            "authorizers[0].timeout: Invalid value: \"31s\": must be > 0s and <= 30s",
            11,
            "timeout: 0.5m",
        ),
        (
            "timeout: 3s",
            "timeout: -1s",
            "authorizers[0].timeout: Invalid value: \"-1s\": must be > 0s and <= 30s",
            11,
            "timeout: +1s",
        ),
        (
            "timeout: 3s",
            "timeout: 90m",
            "authorizers[0].timeout: Invalid value: \"1h30m0s\": must be > 0s and <= 30s",
            11,
            "timeout: 90ms",
        ),
        (
            "unauthorizedTTL: 10s",
            "unauthorizedTTL: -1m",
            "authorizers[0].unauthorizedTTL: Invalid value: \"-1m0s\": must be > 0s",
            9,
            "unauthorizedTTL: 0s",
        ),
        (
            " authorizedTTL: 2m",
            " authorizedTTL: -1ns",
            "authorizers[0].authorizedTTL: Invalid value: \"-1ns\": must be > 0s",
            7,
            " authorizedTTL: 1000h",
        ),
        (
            "subjectAccessReviewVersion: v1beta1",
            "subjectAccessReviewVersion: v2",
            "authorizers[0].subjectAccessReviewVersion: Unsupported value: \"v2\": supported values: \"v1\", \"v1beta1\"",
            12,
            "subjectAccessReviewVersion: v1",
        ),
        (
            "    subjectAccessReviewVersion: v1beta1\n",
            "",
            "authorizers[0].subjectAccessReviewVersion: Required value",
            6,
            "    subjectAccessReviewVersion: v1\n",
        ),
        (
            "    matchConditionSubjectAccessReviewVersion: v1\n",
            "",
            "authorizers[0].matchConditionSubjectAccessReviewVersion: Required value: required if match conditions are specified",
            6,
            "    matchConditionSubjectAccessReviewVersion: \"v1\"\n",
        ),
        (
            "matchConditionSubjectAccessReviewVersion: v1\n",
            "matchConditionSubjectAccessReviewVersion: v1beta1\n",
            "authorizers[0].matchConditionSubjectAccessReviewVersion: Unsupported value: \"v1beta1\": supported values: \"v1\"",
            13,
            "matchConditionSubjectAccessReviewVersion: 'v1'\n",
        ),
        (
            "failurePolicy: Deny",
            "failurePolicy: Allow",
            "authorizers[0].failurePolicy: Unsupported value: \"Allow\": supported values: \"NoOpinion\", \"Deny\"",
            14,
            "failurePolicy: NoOpinion",
        ),
        (
            "    failurePolicy: Deny\n",
            "    failurePolicy:\n",
            "authorizers[0].failurePolicy: Required value",
            14,
            "    failurePolicy: NoOpinion\n",
        ),
        (
            "      type: KubeConfigFile\n",
            "",
            "authorizers[0].connectionInfo.type: Required value",
            15,
            "      type: \"KubeConfigFile\"\n",
        ),
        (
            "      type: KubeConfigFile\n      kubeConfigFile: /k\n",
            "      type: Foo\n",
            "authorizers[0].connectionInfo.type: Unsupported value: {\"Type\":\"Foo\",\"KubeConfigFile\":null}: supported values: \"InClusterConfig\", \"KubeConfigFile\"",
            16,
            "      type: KubeConfigFile\n      kubeConfigFile: /l\n",
        ),
        (
            "type: KubeConfigFile\n",
            "type: kubeConfigFile\n",
            "authorizers[0].connectionInfo.type: Unsupported value: {\"Type\":\"kubeConfigFile\",\"KubeConfigFile\":\"/k\"}: supported values: \"InClusterConfig\", \"KubeConfigFile\"",
            16,
            "type: 'KubeConfigFile'\n",
        ),
        (
            "      kubeConfigFile: /k\n",
            "",
            "authorizers[0].connectionInfo.kubeConfigFile: Required value",
            15,
            "      kubeConfigFile: /k/l\n",
        ),
        (
            "type: KubeConfigFile\n",
            "type: InClusterConfig\n",
            "authorizers[0].connectionInfo.kubeConfigFile: Invalid value: \"/k\": can only be set when type=KubeConfigFile",
            17,
            "type: !!str KubeConfigFile\n",
        ),
        (
            "kubeConfigFile: /k",
            "kubeConfigFile: k.yaml",
            "authorizers[0].connectionInfo.kubeConfigFile: Invalid value: \"k.yaml\": must be an absolute path",
            17,
            "kubeConfigFile: /k.yaml",
        ),
        (
            "request.user != 'x'",
            "' '",
            "authorizers[0].matchConditions[1].expression: Required value",
            20,
            "request.user == 'y'",
        ),
        (
            "- expression: request.user != 'x'",
            "- {}",
            "authorizers[0].matchConditions[1].expression: Required value",
            20,
            "- {expression: request.user != 'x'}",
        ),
        (
            "request.user != 'x'",
            "has(request.resourceAttributes)",
            "authorizers[0].matchConditions[1].expression: Duplicate value: \"has(request.resourceAttributes)\"",
            20,
            "has(request.nonResourceAttributes)",
        ),
        (
            "request.user != 'x'",
            "request.user",
            "authorizers[0].matchConditions[1].expression: Invalid value: \"request.user\": must evaluate to bool but got string",
            20,
            "request.user == 'x'",
        ),
    ];
    for (from, bad, message, line, good) in cases {
        let error = refused(&with(from, bad));
        assert_eq!(error.to_string(), *message);
        assert_eq!(lines(&error), [*line], "{message}");
        let path = message.split(": ").next().unwrap();
        let field = &error.problems()[0].field;
        assert_eq!(field.replace(".webhook.", "."), path);
        if let Err(error) = read(&with(from, good)) {
            panic!("the twin {good:?} of {bad:?}: {error}");
        }
    }
}

#[test]
fn an_expression_that_does_not_compile_is_refused_with_its_line() {
    let error = refused(&with("request.user != 'x'", "request.usr != 'x'"));
    let begin = "authorizers[0].matchConditions[1].expression: Invalid value: \"request.usr != \
                 'x'\": compilation failed: ";
    assert!(error.to_string().starts_with(begin), "{error}");
    assert_eq!(lines(&error), [20]);
    assert_eq!(error.problems()[0].field, "authorizers[0].webhook.matchConditions[1].expression");
}

#[test]
fn sixty_four_conditions_are_accepted_and_one_more_is_not() {
    let conditions = |count: usize| {
        let conditions: String = (1..count)
            .map(|number| format!("\n    - expression: request.user != 'u{number}'"))
            .collect();
        with("\n    - expression: request.user != 'x'", &conditions)
    };
    assert!(read(&conditions(64)).is_ok());
    let error = refused(&conditions(65));
    let message = "authorizers[0].matchConditions: Too many: 65: must have at most 64 items";
    assert_eq!(error.to_string(), message);
    assert_eq!(lines(&error), [18]);
}

#[test]
fn all_objections_are_told_in_order_and_equal_ones_once() {
    let text = "
apiVersion: apiserver.config.k8s.io/v1
kind: AuthorizationConfiguration
authorizers:
- type: Webhook
  name: Bad
  webhook:
    failurePolicy: Allow
    timeout: 1m
- {}
- {type: Foo}
- type: RBAC
  webhook: {}
";
    let error = refused(text);
    let messages: Vec<&str> =
        error.problems().iter().map(|problem| problem.message.as_str()).collect();
    let begins = [
        "authorizers[0].name: Invalid value: \"Bad\": ",
        "authorizers[0].timeout: Invalid value: \"1m0s\"",
        "authorizers[0].subjectAccessReviewVersion: Required value",
        "authorizers[0].failurePolicy: Unsupported value: \"Allow\"",
        "authorizers[0].connectionInfo.type: Required value",
        "authorizers[1].type: Required value",
        "authorizers[2].type: Unsupported value: \"Foo\"",
        "authorizers[3].name: Required value",
        "authorizers[3].webhook: Invalid value: \"non-null\"",
    ];
    assert_eq!(messages.len(), begins.len(), "{messages:#?}");
    for (message, begin) in messages.iter().zip(begins) {
        assert!(message.starts_with(begin), "{message}");
    }
    assert_eq!(error.to_string(), format!("[{}]", messages.join(", ")));
    assert_eq!(lines(&error), [6, 9, 7, 8, 7, 10, 11, 12, 13]);
}

#[test]
fn a_file_without_entries_fails_validation_whatever_its_form() {
    let required = "authorizers: Required value: at least one authorization mode must be defined";
    let header = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\n";
    for rest in ["", "authorizers:\n", "authorizers: []\n"] {
        assert_eq!(refused(&format!("{header}{rest}")).to_string(), required);
    }
    // Nothing at all is decoded as nothing (S-ACFG-3); a comment is not.
    assert_eq!(refused("").to_string(), required);
    let error = refused("# soon\n");
    assert_eq!(error.to_string(), format!("{PREFIX}Object 'Kind' is missing in '# soon\n'"));
    assert!(read(&format!("{header}authorizers: [{{type: RBAC, name: rbac}}]")).is_ok());
}

#[test]
fn the_header_must_name_the_kind_in_a_version_that_there_is() {
    let scheme = "in scheme \"k8s.io/apiserver/pkg/apis/apiserver/load/load.go:33\"";
    for (from, to, message, line) in [
        (
            "k8s.io/v1\n",
            "k8s.io/v2\n",
            format!(
                "no kind \"AuthorizationConfiguration\" is registered for version \
                 \"apiserver.config.k8s.io/v2\" {scheme}"
            ),
            1,
        ),
        (
            "kind: AuthorizationConfiguration",
            "kind: AuthorisationConfiguration",
            format!(
                "no kind \"AuthorisationConfiguration\" is registered for version \
                 \"apiserver.config.k8s.io/v1\" {scheme}"
            ),
            2,
        ),
        (
            "kind: AuthorizationConfiguration",
            "kind: AuthenticationConfiguration",
            "expected AuthorizationConfiguration, got *apiserver.AuthenticationConfiguration"
                .to_owned(),
            2,
        ),
        (
            "config.k8s.io/v1\n",
            "config.k8s.io/a/v1\n",
            "unexpected GroupVersion string: apiserver.config.k8s.io/a/v1".to_owned(),
            1,
        ),
        (
            "kind: AuthorizationConfiguration",
            "kind: 5",
            "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go \
             struct field .kind of type string"
                .to_owned(),
            2,
        ),
    ] {
        let error = refused(&with(from, to));
        assert_eq!(error.to_string(), format!("{PREFIX}{message}"));
        assert_eq!(lines(&error), [line]);
    }
    for (from, what) in [
        ("kind: AuthorizationConfiguration\n", "Kind"),
        ("apiVersion: apiserver.config.k8s.io/v1\n", "apiVersion"),
    ] {
        let text = with(from, "");
        let message = format!("{PREFIX}Object '{what}' is missing in '{text}'");
        assert_eq!(refused(&text).to_string(), message);
    }
    let message = format!(
        "{PREFIX}couldn't get version/kind; json parse error: json: cannot unmarshal array into Go \
         value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind \
         string \"json:\\\"kind,omitempty\\\"\" }}"
    );
    assert_eq!(refused("- a\n").to_string(), message);
}

#[test]
fn unknown_fields_and_fields_that_stand_twice_are_refused() {
    let told = |text: &str, expected: &[(&str, u32)]| {
        let error = refused(text);
        let found: Vec<(&str, u32)> = error
            .problems()
            .iter()
            .map(|problem| (problem.message.as_str(), problem.origin.line))
            .collect();
        assert_eq!(found, expected);
        error.to_string()
    };
    let strict = format!("{PREFIX}strict decoding error: ");
    let text = with("    timeout: 3s\n", "    timeout: 3s\n    retries: 3\n");
    let message = "unknown field \"authorizers[0].webhook.retries\"";
    assert_eq!(told(&text, &[(message, 12)]), format!("{strict}{message}"));
    // Case matters, and all are told: sorted by name, for YAML becomes JSON first.
    let text = with("- type: Node\n", "- type: Node\n  Type: Node\n  A: 1\n");
    let (a, b) = ("unknown field \"authorizers[1].A\"", "unknown field \"authorizers[1].Type\"");
    assert_eq!(told(&text, &[(a, 23), (b, 22)]), format!("{strict}{a}, {b}"));
    // The line in the message is that of the value, the one beside it that of the name.
    let text = with("  name: node\n", "  name: node\n  name: node\nauthorizers:\n- {}\n");
    let (a, b) = ("key \"name\" already set in map", "key \"authorizers\" already set in map");
    let error = told(&text, &[(a, 23), (b, 24)]);
    let yaml = format!("{strict}yaml: unmarshal errors:\n  line 23: {a}\n  line 25: {b}");
    assert_eq!(error, yaml);
    let text = with("  name: node\n", "  name: node\n  name: node\n  x: 1\n");
    let unknown = "unknown field \"authorizers[1].x\"";
    let error = told(&text, &[(a, 23), (unknown, 24)]);
    assert_eq!(error, format!("{strict}yaml: unmarshal errors:\n  line 23: {a}, {unknown}"));
    // JSON says it otherwise.
    let text = r#"{"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthorizationConfiguration",
"authorizers": [{"type": "RBAC", "type": "RBAC",
"name": "rbac", "b": 1, "a": 1, "b": 2}]}"#;
    let (a, b) = ("duplicate field \"authorizers[0].type\"", "unknown field \"authorizers[0].b\"");
    let c = "unknown field \"authorizers[0].a\"";
    assert_eq!(told(text, &[(a, 2), (b, 3), (c, 3)]), format!("{strict}{a}, {b}, {c}"));
}

#[test]
fn yaml_reads_words_as_booleans_and_a_wrong_type_is_told_as_go_tells_it() {
    let json = |text: &str| format!("{PREFIX}json: cannot unmarshal {text}");
    for (from, to, message, line) in [
        (
            "name: node",
            "name: y",
            "bool into Go struct field AuthorizerConfiguration.authorizers.name of type string",
            22,
        ),
        (
            "name: node",
            "name: 12",
            "number into Go struct field AuthorizerConfiguration.authorizers.name of type string",
            22,
        ),
        (
            "cacheAuthorizedRequests: true",
            "cacheAuthorizedRequests: 'true'",
            "string into Go struct field WebhookConfiguration.authorizers.webhook.cacheAuthorizedRequests of type bool",
            8,
        ),
        (
            "timeout: 3s",
            "timeout: 3",
            "number into Go struct field WebhookConfiguration.authorizers.webhook.timeout of type string",
            11,
        ),
        (
            "- type: Node\n  name: node",
            "- [Node]",
            "array into Go struct field AuthorizationConfiguration.authorizers of type v1.AuthorizerConfiguration",
            21,
        ),
        (
            "  name: node",
            "  name: node\n  webhook: none",
            "string into Go struct field AuthorizerConfiguration.authorizers.webhook of type v1.WebhookConfiguration",
            23,
        ),
        (
            "\n    - expression: has(request.resourceAttributes)\n    - expression: request.user != 'x'",
            " {a: b}",
            "object into Go struct field WebhookConfiguration.authorizers.webhook.matchConditions of type []v1.WebhookMatchCondition",
            18,
        ),
        (
            "kubeConfigFile: /k",
            "kubeConfigFile: [/k]",
            "array into Go struct field WebhookConnectionInfo.authorizers.webhook.connectionInfo.kubeConfigFile of type string",
            17,
        ),
    ] {
        let error = refused(&with(from, to));
        assert_eq!(error.to_string(), json(message));
        assert_eq!(lines(&error), [line], "{message}");
    }
    // The names of types are those of the version.
    let text = with("- type: Node\n  name: node", "- [Node]").replace("io/v1\n", "io/v1beta1\n");
    assert!(refused(&text).to_string().ends_with(" of type v1beta1.AuthorizerConfiguration"));
    // Of several the first is told, though all are listed; a duration goes before everything.
    let text = with("name: node", "name: y").replace("name: rbac", "name: 1");
    let error = refused(&text);
    assert_eq!(lines(&error), [22, 24]);
    assert!(error.to_string().contains("unmarshal bool"), "{error}");
    let error = refused(&text.replace("timeout: 3s", "timeout: 3"));
    assert!(error.to_string().contains(".timeout of type string"), "{error}");
    for (timeout, message) in [
        ("soon", "time: invalid duration \"soon\""),
        ("'3'", "time: missing unit in duration \"3\""),
        ("3d", "time: unknown unit \"d\" in duration \"3d\""),
        ("null", "time: invalid duration \"\""),
    ] {
        let error = refused(&with("timeout: 3s", &format!("timeout: {timeout}")));
        assert_eq!(error.to_string(), format!("{PREFIX}{message}"));
        assert_eq!(lines(&error), [11]);
    }
    // Words in quotes are words, and words without may be booleans where these are meant.
    assert!(read(&with("cacheAuthorizedRequests: true", "cacheAuthorizedRequests: on")).is_ok());
    assert_eq!(
        refused(&with("name: guard", "name: 'yes'\n  x: 1")).to_string(),
        format!("{PREFIX}strict decoding error: unknown field \"authorizers[0].x\"")
    );
    assert!(read(&with("name: guard", "name: 'yes'")).is_ok());
}

#[test]
fn modes_have_the_only_names_that_kube_apiserver_takes() {
    let text = with("  name: rbac", "  name: roles").replace("  name: node", "  name: kubelets");
    let error = refused(&text);
    assert_eq!(
        error.to_string(),
        "[expected name node for authorizer Node instead of kubelets, expected name rbac for \
         authorizer RBAC instead of roles]"
    );
    assert_eq!(lines(&error), [22, 24]);
    assert_eq!(error.problems()[1].field, "authorizers[2].name");
}

#[test]
fn a_connection_from_within_the_cluster_is_refused_though_the_validation_accepts_it() {
    let text = with(
        "      type: KubeConfigFile\n      kubeConfigFile: /k\n",
        "      type: InClusterConfig\n",
    );
    let error = refused(&text);
    assert!(error.to_string().contains("kube-apiserver accepts InClusterConfig and then panics"));
    assert_eq!(lines(&error), [16]);
    // Whatever the API server says itself comes first.
    let error = refused(&text.replace("timeout: 3s", "timeout: 0s"));
    assert_eq!(error.to_string(), "authorizers[0].timeout: Required value");
}

#[test]
fn kubeconfig_files_must_be_there_where_the_api_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("k");
    std::fs::write(&file, "").unwrap();
    let text =
        |path: &Path| with("kubeConfigFile: /k", &format!("kubeConfigFile: {}", path.display()));
    let here = |path: &Path| parse("a", text(path).as_bytes(), KubeconfigFiles::MustExist);
    assert!(here(&file).is_ok());
    let field = "authorizers[0].connectionInfo.kubeConfigFile: Invalid value: ";
    for (path, detail) in [
        (folder.path().join("gone"), "error loading file: stat {path}: no such file or directory"),
        (file.join("k"), "error loading file: stat {path}: not a directory"),
        (folder.path().to_owned(), "must be a regular file"),
        (PathBuf::from("/dev/null"), "must be a regular file"),
    ] {
        let shown = path.display().to_string();
        let error = here(&path).unwrap_err();
        let message = format!("{field}\"{shown}\": {}", detail.replace("{path}", &shown));
        assert_eq!(error.to_string(), message);
        assert_eq!(lines(&error), [17]);
        assert!(read(&text(&path)).is_ok());
    }
    let long = PathBuf::from(format!("/{}", "x".repeat(300)));
    assert!(here(&long).unwrap_err().to_string().ends_with(": file name too long"));
}

#[test]
fn a_file_that_cannot_be_read_is_told_without_more_ado() {
    let folder = tempfile::tempdir().unwrap();
    let gone = folder.path().join("authz.yaml");
    let error = load(&gone, KubeconfigFiles::Elsewhere).unwrap_err();
    let message = format!("open {}: no such file or directory", gone.display());
    assert_eq!(error.to_string(), message);
    let error = load(folder.path(), KubeconfigFiles::Elsewhere).unwrap_err();
    assert_eq!(error.to_string(), format!("read {}: is a directory", folder.path().display()));
    std::fs::write(&gone, GOOD).unwrap();
    let loaded = load(&gone, KubeconfigFiles::Elsewhere).unwrap();
    assert_eq!(loaded.places[2].entry.to_string(), format!("{}:23", gone.display()));
}

#[test]
fn a_reload_is_judged_by_the_chain_of_the_start() {
    let start = read(GOOD).unwrap().configuration;
    let again = |text: &str| {
        let read = reload("a", text.as_bytes(), KubeconfigFiles::Elsewhere, &start);
        read.map_err(|error| error.to_string())
    };
    assert!(again(GOOD).is_ok());
    // Equal in meaning: nothing is to be done about it.
    let other = again(&GOOD.replace("2m\n", "120s # two minutes\n")).unwrap();
    assert_eq!(other.configuration, start);
    let webhook_gone = "
apiVersion: apiserver.config.k8s.io/v1
kind: AuthorizationConfiguration
authorizers:
- {type: RBAC, name: rbac}
- {type: Node, name: node}
- {type: AlwaysDeny, name: alwaysdeny}
";
    assert!(again(webhook_gone).is_ok());
    let without = |line: &str| webhook_gone.replace(line, "");
    assert_eq!(
        again(&without("- {type: Node, name: node}\n")),
        Err("missing required types: [Node]".to_owned())
    );
    assert_eq!(
        again(
            &webhook_gone
                .replace("{type: AlwaysDeny, name: alwaysdeny}", "{type: ABAC, name: abac}")
        ),
        Err("authorizer type ABAC is not allowed if it was not enabled at initial server startup"
            .to_owned())
    );
    // Wrong names and missing types are one message.
    assert_eq!(
        again(&without("- {type: Node, name: node}\n").replace("name: rbac", "name: r")),
        Err(
            "[expected name rbac for authorizer RBAC instead of r, missing required types: [Node]]"
                .to_owned()
        )
    );
}

#[test]
fn what_an_owner_may_not_mean_is_found_and_its_twin_is_not() {
    let codes = |text: &str| -> Vec<(&'static str, u32)> {
        let findings = query::check_chain(&read(text).unwrap());
        findings.iter().map(|finding| (finding.code, finding.origin.line)).collect()
    };
    // The conditions spare nobody but `x`.
    let usual = [("webhook-before-system-users", 18), ("node-restriction", 21)];
    assert_eq!(codes(GOOD), usual);
    let spared = with("request.user != 'x'", "\"!request.user.startsWith('system:')\"");
    assert_eq!(codes(&spared), [("node-restriction", 21)]);
    let nodes = with("request.user != 'x'", "\"!request.user.startsWith('system:kube-')\"");
    let findings = query::check_chain(&read(&nodes).unwrap());
    assert!(findings[0].message.starts_with("it is asked about nodes before"), "{}", findings[0]);
    let errors = spared.replace("failurePolicy: Deny", "failurePolicy: NoOpinion");
    assert_eq!(codes(&errors), [("condition-errors-pass", 14), ("node-restriction", 21)]);
    let zero = spared.replace("TTL: 10s", "TTL: 0s");
    assert_eq!(codes(&zero), [("zero-ttl", 9), ("node-restriction", 21)]);
    let add = |kind: &str| {
        let name = kind.to_lowercase();
        (
            spared.replace(
                "- type: Node",
                &format!("- {{type: {kind}, name: {name}}}\n- type: Node"),
            ),
            format!("{spared}- {{type: {kind}, name: {name}}}\n"),
        )
    };
    let (first, last) = add("AlwaysDeny");
    assert_eq!(codes(&first), [("always-deny-denies-nothing", 21), ("node-restriction", 22)]);
    assert_eq!(codes(&last), [("node-restriction", 21)]);
    let (first, last) = add("AlwaysAllow");
    assert_eq!(codes(&first), [("always-allow", 21), ("node-restriction", 22)]);
    assert_eq!(codes(&last), [("node-restriction", 21), ("always-allow", 25)]);
    let findings = query::check_chain(&read(&first).unwrap());
    assert!(
        findings[0].message.ends_with("`node` and `rbac` will never be asked"),
        "{}",
        findings[0]
    );
}

/// What a file is expected to be refused with.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    file: String,
    begins: String,
    lines: Vec<u32>,
}

#[test]
fn the_corpus_of_bad_chains_is_refused() {
    let folder = corpus("bad-chain");
    let text = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let expected: Vec<Expected> = serde_json::from_str(&text).unwrap();
    for Expected { file, begins, lines: at } in &expected {
        let error = load(&folder.join(file), KubeconfigFiles::Elsewhere).expect_err(file);
        assert!(error.to_string().starts_with(begins), "{file}: {error}");
        assert_eq!(&lines(&error), at, "{file}: {error}");
    }
    let files = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(files, expected.len() + 1, "a file is not in expected.json");
}

/// What a line can become.
#[derive(Debug, Clone)]
enum Mutation {
    Delete(usize),
    Repeat(usize),
    Swap(usize, usize),
    Indent(usize, usize),
    Value(usize, &'static str),
    Byte(usize, u8),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let line = 0..GOOD.lines().count();
    let value = prop::sample::select(vec![
        "",
        "null",
        "yes",
        "5",
        "\"\"",
        "[]",
        "{}",
        "RBAC",
        "ABAC",
        "Webhook",
        "0s",
        "|",
        ">-",
        "&a",
        "*a",
        "!!str",
        "'",
        "<<",
        "- type: Node",
    ]);
    prop_oneof![
        line.clone().prop_map(Mutation::Delete),
        line.clone().prop_map(Mutation::Repeat),
        (line.clone(), line.clone()).prop_map(|(a, b)| Mutation::Swap(a, b)),
        (line.clone(), 0..5_usize).prop_map(|(at, by)| Mutation::Indent(at, by)),
        (line, value).prop_map(|(at, value)| Mutation::Value(at, value)),
        (0..GOOD.len(), any::<u8>()).prop_map(|(at, byte)| Mutation::Byte(at, byte)),
    ]
}

fn mutate(text: &mut Vec<u8>, mutation: &Mutation) {
    if let Mutation::Byte(at, byte) = mutation {
        let at = at % text.len().max(1);
        if let Some(slot) = text.get_mut(at) {
            *slot = *byte;
        }
        return;
    }
    let whole = String::from_utf8_lossy(text).into_owned();
    let mut lines: Vec<String> = whole.lines().map(str::to_owned).collect();
    if lines.is_empty() {
        return;
    }
    let count = lines.len();
    match mutation {
        Mutation::Delete(at) => drop(lines.remove(at % count)),
        Mutation::Repeat(at) => {
            let line = lines[at % count].clone();
            lines.insert(at % count, line);
        }
        Mutation::Swap(a, b) => lines.swap(a % count, b % count),
        Mutation::Indent(at, by) => {
            let line = &mut lines[at % count];
            *line = format!("{}{}", " ".repeat(*by), line.trim_start());
        }
        Mutation::Value(at, value) => {
            let line = &mut lines[at % count];
            let name = line.split_once(": ").map_or(line.as_str(), |(name, _)| name);
            *line = format!("{name}: {value}");
        }
        // Made before the text was cut into lines.
        Mutation::Byte(..) => {}
    }
    *text = lines.join("\n").into_bytes();
}

/// The types of a file as somebody sees them who only runs down the lines.
fn types_at_a_glance(text: &str) -> Vec<&str> {
    let glance = |line| {
        let line: &str = line;
        let line = line.trim_start().trim_start_matches("- ").trim_start();
        line.strip_prefix("type:").map(str::trim)
    };
    let types = text.lines().filter_map(glance);
    types.filter(|kind| *kind != "KubeConfigFile").collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever happens to a file: it is refused, or it is the chain that stands there.
    #[test]
    fn a_mutated_file_is_refused_or_is_the_chain_that_it_shows(
        mutations in prop::collection::vec(mutation(), 1..5)
    ) {
        let mut text = GOOD.as_bytes().to_vec();
        for mutation in &mutations {
            mutate(&mut text, mutation);
        }
        let read = parse("a", &text, KubeconfigFiles::Elsewhere);
        match &read {
            Err(error) => {
                prop_assert!(!error.problems().is_empty());
                prop_assert!(!error.to_string().is_empty());
            }
            Ok(Loaded { configuration: AuthorizationConfiguration { authorizers }, places, .. }) => {
                let text = String::from_utf8_lossy(&text);
                let kinds: Vec<&str> = authorizers.iter().map(|entry| entry.kind().as_str()).collect();
                prop_assert_eq!(kinds, types_at_a_glance(&text), "{}", text);
                prop_assert_eq!(authorizers.len(), places.len());
                let is_named = |entry: &AuthorizerEntry| match entry.kind() {
                    AuthorizerType::Webhook => text.contains(&entry.name),
                    kind => entry.name == kind.as_str().to_ascii_lowercase(),
                };
                prop_assert!(authorizers.iter().all(is_named));
            }
        }
    }
}

#[test]
fn flags_of_a_manifest_amount_to_a_chain_or_are_refused_with_their_line() {
    let manifest = |flags: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: other\n    command: [sleep, \
             --authorization-mode=ABAC]\n  - name: kube-apiserver\n    command:\n    - kube-apiserver\n    \
             - --secure-port=6443\n{flags}"
        )
    };
    let read = |text: &str| server_flags("m.yaml", text.as_bytes());
    let good = read(&manifest("    - --authorization-mode=Node,RBAC\n")).unwrap();
    let chain = good.chain.unwrap();
    assert_eq!(chain.configuration.authorizers.len(), 2);
    assert_eq!(chain.places[1].entry.to_string(), "m.yaml:11");
    let error = read(&manifest(
        "    - --authorization-mode=Node,Foo\n    args: [--authorization-policy-file, /p]\n",
    ));
    let error = error.unwrap_err();
    assert_eq!(
        error.to_string(),
        "[authorization-mode \"Foo\" is not a valid mode, cannot specify \
         --authorization-policy-file without mode ABAC]"
    );
    assert_eq!(lines(&error), [11, 12]);
    // A file of flags, as a unit of systemd or a shell has them.
    let text = "# kube-apiserver\n--v=2 \\\n  --authorization-config=/etc/authz.yaml \\\n";
    let flags = read(text).unwrap();
    assert_eq!((flags.chain, flags.flags.config.as_str()), (None, "/etc/authz.yaml"));
    let error = read(&format!("{text}  --authorization-mode=\"RBAC\"\n")).unwrap_err();
    assert!(error.to_string().starts_with("--authorization-config can not be specified when"));
    assert_eq!(lines(&error), [3]);
    let error = read("kind: Pod\n").unwrap_err();
    assert!(error.to_string().starts_with("no container here runs kube-apiserver"), "{error}");
}

#[cfg(feature = "cli")]
mod command {
    use std::path::PathBuf;
    use std::process::Command;

    use super::{GOOD, with};

    fn run(args: &[&str]) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_portcullis")).args(args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn policies(file: &str) -> String {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        root.join("policies/chain").join(file).display().to_string()
    }

    /// May somebody get the Secrets of `shop`?
    fn ask(user: &str, chain: &str, more: &[&str]) -> (i32, String, String) {
        let (objects, chain) = (policies("objects.yaml"), policies(chain));
        let base = ["can-i", "get", "secrets", "-n", "shop", "--as", user, "-f", &objects];
        let args = [&base[..], &["--authorization-config", &chain], more].concat();
        run(&args)
    }

    #[test]
    fn an_unasked_webhook_leaves_a_yes_incomplete_and_one_without_opinion_does_not() {
        let (code, out, err) = ask("jane", "webhook-first.yaml", &[]);
        assert!(code == 3 && out.starts_with("yes"), "{code} {out} {err}");
        let (code, out, _) = ask("jane", "webhook-first.yaml", &["--webhook", "no-opinion"]);
        assert!(code == 0 && out.starts_with("yes"), "{out}");
        // The webhook is not asked about these.
        let (code, out, _) = ask("system:x", "webhook-first.yaml", &[]);
        assert!(code == 1 && out.starts_with("no"), "{out}");
        assert_eq!(ask("jane", "kubeadm.yaml", &[]).0, 0);
        assert_eq!(ask("joe", "kubeadm.yaml", &[]).0, 1);
        // Links have the names of the file; modes those that they have everywhere.
        let (_, out, _) = ask("joe", "webhook-first.yaml", &["--explain", "-o", "json"]);
        for name in ["\"grants.example.com\"", "\"Node\"", "\"RBAC\""] {
            assert!(out.contains(name), "{name}: {out}");
        }
    }

    #[test]
    fn a_chain_that_lacks_its_policy_or_is_refused_is_not_asked() {
        let (code, _, err) = ask("jane", "abac-legacy.yaml", &[]);
        assert!(code == 2 && err.contains("ABAC"), "{err}");
        let (code, _, err) = ask("jane", "kubeadm.yaml", &["--mode", "RBAC"]);
        assert!(code == 2 && err.contains("--mode"), "{err}");
        let (code, _, err) = ask("jane", "gone.yaml", &[]);
        assert!(code == 2 && err.contains("gone.yaml"), "{err}");
        let (code, out, err) =
            ask("jane", "../../tests/corpus/bad-chain/every-mode-twice.yaml", &[]);
        assert!(code == 2 && out.is_empty(), "{out}");
        assert!(
            err.contains("every-mode-twice.yaml:5: authorizers[1].type: Duplicate value"),
            "{err}"
        );
        assert!(
            err.contains("every-mode-twice.yaml:7: authorizers[3].type: Duplicate value"),
            "{err}"
        );
    }

    #[test]
    fn check_tells_the_messages_of_the_api_server_with_their_lines() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("authz.yaml");
        let name = file.display().to_string();
        let check = |text: &str, more: &[&str]| {
            std::fs::write(&file, text).unwrap();
            run(&[&["check", "--authorization-config", &name], more].concat())
        };
        let (code, out, err) = check(&with("timeout: 3s", "timeout: 31s"), &["--elsewhere"]);
        assert_eq!(code, 1);
        let message = "authorizers[0].timeout: Invalid value: \"31s\": must be > 0s and <= 30s";
        assert_eq!(out, format!("{name}:11: error[authorization-config]: {message}\n"));
        assert!(err.contains("would not start"), "{err}");
        // Here the kubeconfig is looked for.
        let (code, out, _) = check(GOOD, &[]);
        assert!(code == 1 && out.contains("stat /k: no such file or directory"), "{out}");
        let (code, out, err) = check(GOOD, &["--elsewhere"]);
        assert_eq!(code, 0, "{out}");
        assert!(out.contains("warning[webhook-before-system-users]"), "{out}");
        assert!(
            err.contains("accepts") && err.contains("Webhook `guard`, then Node `node`"),
            "{err}"
        );
        assert_eq!(check(GOOD, &["--elsewhere", "--fail-on", "warning"]).0, 1);
        let (_, out, _) = check(GOOD, &["--elsewhere", "-o", "json"]);
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(json["findings"][0]["origin"]["line"], 18, "{json}");
        assert_eq!(run(&["check", "--authorization-config", "/gone.yaml"]).0, 2);
        // With a policy, both are looked over.
        let objects = policies("objects.yaml");
        let (code, out, err) = check(GOOD, &["--elsewhere", "-f", &objects]);
        assert!(code == 0 && out.contains("node-restriction"), "{out} {err}");

        let flags = folder.path().join("flags");
        std::fs::write(&flags, "--authorization-mode=AlwaysAllow,RBAC\n").unwrap();
        let (code, out, err) = run(&["check", "--apiserver-flags", flags.to_str().unwrap()]);
        assert!(code == 0 && out.contains("flags:1: warning[always-allow]"), "{out}");
        assert!(err.contains("anonymous requests are turned off"), "{err}");
    }
}
