//! AuthenticationConfiguration files and the flags that they replace: every objection of the API
//! server, in its words and on its line, and the twin to which it does not object (S-ACONF-1 to 14,
//! S-OIDC-1 to 3).

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use portcullis::api::authentication_config::{
    AnonymousCondition, AnonymousConfig, AuthenticationConfiguration, ClaimMappings,
    ClaimOrExpression, ClaimValidationRule, ExtraMapping, Issuer, JwtAuthenticator,
    PrefixedClaimOrExpression, UserValidationRule,
};
use portcullis::source::authentication_config::{
    AuthenticationConfigError, AuthenticationFlags, FlagError, OidcFlags, ServerFlags, load, parse,
    parse_beside, parse_with, reload, reload_errors, server_flags, validate,
};
use proptest::prelude::*;
use serde::Deserialize;

use crate::support::corpus;

/// A file with everything in it.
const GOOD: &str = "\
apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
jwt:
- issuer:
    url: https://a.example
    discoveryURL: https://discovery.example/a
    audiences: [kubernetes, 'yes']
    audienceMatchPolicy: MatchAny
    egressSelectorType: controlplane
  claimValidationRules:
  - claim: hd
    requiredValue: a.example
  - expression: claims.email_verified == true
    message: not verified
  claimMappings:
    username:
      expression: claims.email
    groups:
      claim: groups
      prefix: 'a:'
    uid:
      claim: sub
    extra:
    - key: a.example/team
      valueExpression: claims.team
  userValidationRules:
  - expression: \"!user.username.startsWith('system:')\"
    message: reserved
- issuer:
    url: https://b.example
    audiences: [kubernetes]
  claimMappings:
    username:
      claim: sub
      prefix: ''
    uid:
      expression: claims.oid
anonymous:
  enabled: true
  conditions:
  - path: /livez
";

/// The same, its fields in another order.
const GOOD_JSON: &str = r#"{"kind": "AuthenticationConfiguration", "apiVersion": "apiserver.config.k8s.io/v1",
"anonymous": {"conditions": [{"path": "\/livez"}], "enabled": true},
"jwt": [{
"userValidationRules": [{"message": "reserved", "expression": "!user.username.startsWith('system:')"}],
"claimMappings": {"username": {"expression": "claims.email"},
"groups": {"claim": "groups", "prefix": "a:"}, "uid": {"claim": "sub"},
"extra": [{"key": "a.example/team", "valueExpression": "claims.team"}]},
"claimValidationRules": [{"claim": "hd", "requiredValue": "a.example"},
{"expression": "claims.email_verified == true", "message": "not verified"}],
"issuer": {"url": "https://a.example", "discoveryURL": "https://discovery.example/a",
"audiences": ["kubernetes", "y\u0065s"], "audienceMatchPolicy": "MatchAny",
"egressSelectorType": "controlplane"}},
{"issuer": {"url": "https://b.example", "audiences": ["kubernetes"]},
"claimMappings": {"username": {"claim": "sub", "prefix": ""},
"uid": {"expression": "claims.oid"}}}]}
"#;

fn text(text: &str) -> String {
    text.to_owned()
}

fn claim(claim: &str, prefix: &str) -> PrefixedClaimOrExpression {
    PrefixedClaimOrExpression {
        claim: text(claim),
        prefix: Some(text(prefix)),
        ..Default::default()
    }
}

fn good() -> AuthenticationConfiguration {
    let first = JwtAuthenticator {
        issuer: Issuer {
            url: text("https://a.example"),
            discovery_url: text("https://discovery.example/a"),
            audiences: vec![text("kubernetes"), text("yes")],
            audience_match_policy: text("MatchAny"),
            egress_selector_type: text("controlplane"),
            ..Default::default()
        },
        claim_validation_rules: vec![
            ClaimValidationRule {
                claim: text("hd"),
                required_value: text("a.example"),
                ..Default::default()
            },
            ClaimValidationRule {
                expression: text("claims.email_verified == true"),
                message: text("not verified"),
                ..Default::default()
            },
        ],
        claim_mappings: ClaimMappings {
            username: PrefixedClaimOrExpression {
                expression: text("claims.email"),
                ..Default::default()
            },
            groups: claim("groups", "a:"),
            uid: ClaimOrExpression { claim: text("sub"), ..Default::default() },
            extra: vec![ExtraMapping {
                key: text("a.example/team"),
                value_expression: text("claims.team"),
            }],
        },
        user_validation_rules: vec![UserValidationRule {
            expression: text("!user.username.startsWith('system:')"),
            message: text("reserved"),
        }],
        signing_algorithms: Vec::new(),
    };
    let second = JwtAuthenticator {
        issuer: Issuer {
            url: text("https://b.example"),
            audiences: vec![text("kubernetes")],
            ..Default::default()
        },
        claim_mappings: ClaimMappings {
            username: claim("sub", ""),
            uid: ClaimOrExpression { expression: text("claims.oid"), ..Default::default() },
            ..Default::default()
        },
        ..Default::default()
    };
    let conditions = vec![AnonymousCondition { path: text("/livez") }];
    AuthenticationConfiguration {
        jwt: vec![first, second],
        anonymous: Some(AnonymousConfig { enabled: true, conditions }),
    }
}

fn read(text: &str) -> Result<AuthenticationConfiguration, AuthenticationConfigError> {
    parse("authn.yaml", text.as_bytes())
}

#[track_caller]
fn refused(text: &str) -> AuthenticationConfigError {
    match read(text) {
        Err(error) => error,
        Ok(configuration) => panic!("accepted: {configuration:?}\n{text}"),
    }
}

/// The good file with something else in it, which must be in it once.
#[track_caller]
fn with(from: &str, to: &str) -> String {
    assert_eq!(GOOD.matches(from).count(), 1, "{from:?}");
    GOOD.replace(from, to)
}

fn lines(error: &AuthenticationConfigError) -> Vec<u32> {
    error.problems().iter().map(|problem| problem.origin.line).collect()
}

#[test]
fn a_good_file_says_what_it_says_in_every_version_and_in_json() {
    assert_eq!(read(GOOD).unwrap(), good());
    for version in ["v1beta1", "v1alpha1"] {
        assert_eq!(read(&with("io/v1\n", &format!("io/{version}\n"))).unwrap(), good());
    }
    assert_eq!(read(GOOD_JSON).unwrap(), good());
    let error = refused(&GOOD_JSON.replace("https://b", "http://b"));
    assert_eq!(lines(&error), [13]);
    assert!(validate(&good(), &[]).is_ok());
}

#[test]
fn a_file_that_says_nothing_is_valid_and_null_is_absent() {
    let header = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n";
    for rest in ["", "jwt:\n", "jwt: []\n", "anonymous: null\n"] {
        let read = read(&format!("{header}{rest}")).unwrap();
        assert_eq!(read, AuthenticationConfiguration::default(), "{rest}");
    }
    // What is written is there, empty as it may be (S-ACONF-13, 14).
    let read = read(&format!("{header}anonymous: {{}}\n")).unwrap();
    assert_eq!(read.anonymous, Some(AnonymousConfig::default()));
    // An absent prefix is not an empty one (S-ACONF-6).
    let error = refused(&with("      prefix: ''\n", "      prefix:\n"));
    assert!(error.to_string().contains("username.prefix: Required value"), "{error}");
    assert_eq!(lines(&error), [35]);
}

/// A bad file of the corpus.
#[derive(Deserialize)]
struct Bad {
    file: String,
    /// All that the API server says.
    message: String,
    lines: Vec<u32>,
    /// What to put in place of what, to have a file that it accepts.
    fix: Option<(String, String)>,
}

#[test]
fn every_bad_file_is_told_in_full_on_its_lines_and_its_twin_is_accepted() {
    let folder = corpus("bad-authn");
    let cases = fs::read_to_string(folder.join("expected.json")).unwrap();
    let cases: Vec<Bad> = serde_json::from_str(&cases).unwrap();
    for Bad { file, message, lines: expected, fix } in &cases {
        let bad = fs::read_to_string(folder.join(file)).unwrap();
        let error = parse(file, bad.as_bytes()).expect_err(file);
        assert_eq!(error.to_string(), message.replace("{file}", file), "{file}");
        assert_eq!(&lines(&error), expected, "{file}");
        for problem in error.problems() {
            assert!(message.contains(&problem.message), "{file}: {problem}");
            assert_eq!(problem.origin.source.as_ref(), file);
        }
        if let Some((from, to)) = fix
            && let Err(error) = parse(file, bad.replacen(from.as_str(), to, 1).as_bytes())
        {
            panic!("the twin of {file}: {error}");
        }
    }
    let mut files: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "expected.json")
        .collect();
    let mut told: Vec<String> = cases.into_iter().map(|case| case.file).collect();
    files.sort();
    told.sort();
    assert_eq!(files, told);
}

#[test]
fn an_objection_to_a_value_names_its_field() {
    let error = refused(&with("      valueExpression: claims.team\n", ""));
    assert_eq!(error.problems()[0].field, "jwt[0].claimMappings.extra[0].valueExpression");
    assert_eq!(lines(&error), [24]);
}

#[test]
fn an_expression_that_does_not_compile_is_refused_with_its_line() {
    for (from, to, field, line) in [
        (
            "claims.email_verified == true",
            "claims.email_verified ==",
            "claimValidationRules[1].expression",
            13,
        ),
        (
            "expression: claims.email\n",
            "expression: user.name\n",
            "claimMappings.username.expression",
            17,
        ),
        ("claims.team", "claims.g.map(x, x)", "claimMappings.extra[0].valueExpression", 25),
        ("claims.oid", "claims.oid +", "claimMappings.uid.expression", 37),
        ("!user.username", "!claims.name", "userValidationRules[0].expression", 27),
    ] {
        let error = refused(&with(from, to));
        let problem = &error.problems()[0];
        assert_eq!(problem.field, format!("jwt[{}].{field}", u8::from(line == 37)));
        assert!(problem.message.contains(": compilation failed: "), "{error}");
        assert!(problem.message.starts_with(&format!("{}: Invalid value: ", problem.field)));
        assert_eq!(problem.origin.line, line, "{error}");
    }
}

#[test]
fn verified_addresses_may_be_asked_for_in_any_of_three_places() {
    let rule = "  - expression: claims.email_verified == true\n    message: not verified\n";
    let without = with(rule, "");
    assert!(read(GOOD).is_ok());
    assert!(refused(&without).to_string().contains("claims.email_verified must be used in"));
    let username = "expression: claims.email\n";
    let both = "expression: \"claims.email_verified ? claims.email : ''\"\n";
    assert!(read(&without.replace(username, both)).is_ok());
    assert!(read(&without.replace("claims.team", "string(claims.email_verified)")).is_ok());
    // What only looks like the claim is none (S-ACONF-10).
    for other in ["claims['email']", "claims.x.email"] {
        let text = without.replace(username, &format!("expression: {other}\n"));
        assert!(read(&text).is_ok(), "{other}");
    }
}

#[test]
fn sixty_four_issuers_are_accepted_and_one_more_is_not() {
    let issuers = |count: usize| {
        let issuer = |number| {
            format!(
                "- issuer: {{url: 'https://{number}.example', audiences: [k]}}\n  claimMappings: \
                 {{username: {{claim: sub, prefix: ''}}}}\n"
            )
        };
        let all: String = (0..count).map(issuer).collect();
        format!(
            "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwt:\n{all}"
        )
    };
    assert_eq!(read(&issuers(64)).unwrap().jwt.len(), 64);
    let error = refused(&issuers(65));
    assert_eq!(
        error.to_string(),
        "invalid authentication configuration: jwt: Too many: 65: must have at most 64 items"
    );
    assert_eq!(lines(&error), [3]);
}

#[test]
fn a_certificate_authority_is_accepted_wherever_it_stands_in_the_bundle() {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::new(vec![text("ca.example")]).unwrap();
    let pem = certificate.self_signed(&key).unwrap().pem();
    let bundle = |pem: &str| {
        let pem: String = pem.lines().map(|line| format!("      {line}\n")).collect();
        with(
            "    url: https://b.example\n",
            &format!("    url: https://b.example\n    certificateAuthority: |\n{pem}"),
        )
    };
    let authority = &read(&bundle(&pem)).unwrap().jwt[1].issuer.certificate_authority;
    assert_eq!(authority.trim(), pem.replace("\r\n", "\n").trim());
    assert!(read(&bundle(&format!("# ours\n{}{pem}", key.serialize_pem()))).is_ok());
    assert!(refused(&bundle(&key.serialize_pem())).to_string().contains("<omitted>"));
}

#[test]
fn an_issuer_of_service_accounts_is_refused() {
    let disallowed = ["https://kubernetes.default.svc", "https://b.example", "https://b.example"];
    let disallowed = disallowed.map(str::to_owned);
    let error = parse_with("authn.yaml", GOOD.as_bytes(), &disallowed).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid authentication configuration: jwt[1].issuer.url: Invalid value: \
         \"https://b.example\": URL must not overlap with disallowed issuers: [https://b.example \
         https://kubernetes.default.svc]"
    );
    assert_eq!(lines(&error), [30]);
    assert!(validate(&good(), &disallowed).is_err());
    // Only the whole text counts, and a discovery URL may be the same.
    let near = ["https://b.example/", "https://discovery.example/a"].map(str::to_owned);
    assert!(parse_with("authn.yaml", GOOD.as_bytes(), &near).is_ok());
}

#[test]
fn a_reload_may_change_everything_but_what_becomes_of_anonymous_requests() {
    let start = good();
    let again = |text: &str| {
        reload("a", text.as_bytes(), &[], &start)
            .map_err(|error| (error.to_string(), lines(&error)))
    };
    let other = again(&with("https://b.example", "https://c.example")).unwrap();
    assert_eq!(other.jwt[1].issuer.url, "https://c.example");
    assert!(reload_errors(&start, &other).is_empty());
    let message = "invalid authentication configuration: anonymous: Forbidden: changed from initial \
                   configuration file";
    let changed = with("/livez", "/readyz");
    assert_eq!(again(&changed), Err((text(message), vec![38])));
    assert!(read(&changed).is_ok());
    let gone = with("anonymous:\n  enabled: true\n  conditions:\n  - path: /livez\n", "");
    assert_eq!(again(&gone), Err((text(message), vec![1])));
    // It is told with all the rest.
    let (told, on) = again(&changed.replace("https://b", "http://b")).unwrap_err();
    assert!(told.contains("[jwt[1].issuer.url: ") && told.contains(", anonymous: Forbidden"));
    assert_eq!(on, [30, 38]);
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authn.yaml");
    let shown = path.display().to_string();
    assert_eq!(
        load(&path).unwrap_err().to_string(),
        format!(
            "failed to load authentication configuration from file \"{shown}\": open {shown}: no \
             such file or directory"
        )
    );
    assert!(load(folder.path()).unwrap_err().to_string().ends_with(": is a directory"));
    fs::write(&path, GOOD).unwrap();
    assert_eq!(load(&path).unwrap(), good());
    fs::write(&path, GOOD.replace("https://b", "http://b")).unwrap();
    let error = load(&path).unwrap_err();
    assert_eq!(error.problems()[0].origin.to_string(), format!("{shown}:30"));
}

#[test]
fn sample_files_are_accepted() {
    let mut count = 0;
    for entry in fs::read_dir(samples()).unwrap() {
        let path = entry.unwrap().path();
        if let Err(error) = load(&path) {
            panic!("{}: {error}", path.display());
        }
        count += 1;
    }
    assert!(count >= 3);
}

/// What is found in a file that is accepted.
#[cfg(feature = "query")]
#[track_caller]
fn found(text: &str) -> Vec<(&'static str, u32)> {
    let loaded = parse_beside("a", text.as_bytes(), &AuthenticationFlags::default()).unwrap();
    let findings = portcullis::query::check_authentication(&loaded);
    findings.iter().map(|finding| (finding.code, finding.origin.line)).collect()
}

#[cfg(feature = "query")]
#[test]
fn what_an_owner_may_not_mean_is_found_and_its_twin_is_not() {
    // The second issuer has no prefix, and no rule about names.
    assert_eq!(found(GOOD), [("issuer-names-anybody", 35)]);
    let safe = GOOD.replace("prefix: ''", "prefix: 'b:'");
    assert_eq!(found(&safe), []);
    assert_eq!(
        found(&GOOD.replace("claim: sub\n      prefix: ''", "claim: email\n      prefix: ''")),
        []
    );
    let with_rules = |rules: &str| {
        GOOD.replace("anonymous:\n", &format!("  userValidationRules:{rules}\nanonymous:\n"))
    };
    assert_eq!(
        found(&with_rules("\n  - expression: \"!user.username.startsWith('system:')\"")),
        []
    );
    assert_eq!(
        found(&with_rules("\n  - expression: user.username != 'system:admin'")),
        [("issuer-names-anybody", 35)]
    );
    let masters = safe.replace("prefix: 'a:'", "prefix: ''");
    assert_eq!(found(&masters), [("issuer-makes-masters", 20)]);
    let refused = masters
        .replace("!user.username.startsWith('system:')", "!('system:masters' in user.groups)");
    assert_eq!(found(&refused), []);
    assert_eq!(found(&safe.replace("      claim: groups\n", "")), [("prefix-without-groups", 18)]);
    let verified = safe.replace(
        "claim: hd\n    requiredValue: a.example",
        "claim: email_verified\n    requiredValue: 'true'",
    );
    assert_eq!(found(&verified), [("verified-is-no-text", 12)]);
    for path in ["livez", "/healthz/*", "/livez?verbose"] {
        assert_eq!(found(&safe.replace("/livez", path)), [("path-never-matches", 41)], "{path}");
    }
}

#[cfg(feature = "query")]
#[test]
fn there_is_nothing_to_say_about_the_samples() {
    for entry in fs::read_dir(samples()).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert_eq!(found(&text), []);
    }
}

fn samples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("policies/authn")
}

fn oidc(issuer: &str) -> OidcFlags {
    OidcFlags {
        issuer_url: Some(text(issuer)),
        client_id: Some(text("kubernetes")),
        ..OidcFlags::default()
    }
}

#[track_caller]
fn told(flags: &OidcFlags) -> String {
    let errors = flags.build(&[]).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0].to_string()
}

#[test]
fn flags_amount_to_one_authenticator() {
    let flags = OidcFlags {
        username_claim: Some(text("name")),
        groups_claim: Some(text("groups")),
        groups_prefix: Some(text("g:")),
        signing_algs: Some(vec![text("ES256"), text("PS512")]),
        required_claims: Some(BTreeMap::from([
            (text("hd"), text("a")),
            (text("b"), String::new()),
        ])),
        ..oidc("https://a.example")
    };
    let jwt = flags.build(&[]).unwrap().jwt.remove(0);
    assert_eq!(jwt.issuer.url, "https://a.example");
    assert_eq!(jwt.issuer.audiences, ["kubernetes"]);
    assert_eq!(jwt.claim_mappings.username, claim("name", "https://a.example#"));
    assert_eq!(jwt.claim_mappings.groups, claim("groups", "g:"));
    assert_eq!(jwt.signing_algorithms, ["ES256", "PS512"]);
    let required: Vec<(&str, &str)> = jwt
        .claim_validation_rules
        .iter()
        .map(|rule| (rule.claim.as_str(), rule.required_value.as_str()))
        .collect();
    assert_eq!(required, [("b", ""), ("hd", "a")]);
    // No flag, no authenticator; and what is not given has its default (S-OIDC-1).
    assert_eq!(OidcFlags::default().build(&[]).unwrap(), AuthenticationConfiguration::default());
    let jwt = oidc("https://a.example").build(&[]).unwrap().jwt.remove(0);
    assert_eq!(jwt.claim_mappings.username, claim("sub", "https://a.example#"));
    assert_eq!(jwt.claim_mappings.groups, PrefixedClaimOrExpression::default());
    assert_eq!(jwt.signing_algorithms, ["RS256"]);
}

#[test]
fn the_prefix_of_names_is_that_of_the_flag_or_the_issuer_unless_it_is_an_address() {
    let prefix = |claim: Option<&str>, prefix: Option<&str>| {
        let flags = OidcFlags {
            username_claim: claim.map(str::to_owned),
            username_prefix: prefix.map(str::to_owned),
            ..oidc("https://a.example")
        };
        flags.build(&[]).unwrap().jwt.remove(0).claim_mappings.username.prefix.unwrap()
    };
    assert_eq!(prefix(None, None), "https://a.example#");
    assert_eq!(prefix(Some("upn"), Some("")), "https://a.example#");
    assert_eq!(prefix(Some("email"), None), "");
    assert_eq!(prefix(Some("email"), Some("e:")), "e:");
    assert_eq!(prefix(None, Some("-")), "");
    assert_eq!(prefix(None, Some("--")), "--");
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    let together = "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* \
                    flags are set";
    let issuer = "https://a.example";
    assert!(oidc(issuer).build(&[]).is_ok());
    assert_eq!(told(&OidcFlags { client_id: None, ..oidc(issuer) }), together);
    assert_eq!(told(&OidcFlags { issuer_url: Some(String::new()), ..oidc(issuer) }), together);
    let other = OidcFlags { groups_prefix: Some(String::new()), ..OidcFlags::default() };
    assert_eq!(told(&other), together);
    let http = told(&oidc("http://a.example"));
    assert_eq!(
        http,
        "invalid authentication configuration: jwt[0].issuer.url: Invalid value: \
         \"http://a.example\": URL scheme must be https"
    );
    let own = oidc(issuer).build(&[text(issuer)]).unwrap_err();
    assert!(own[0].to_string().contains("URL must not overlap with disallowed issuers"));
    for name in ["HS256", "none", "EdDSA", "rs256"] {
        let flags = OidcFlags { signing_algs: Some(vec![text(name)]), ..oidc(issuer) };
        assert_eq!(told(&flags), format!("oidc: unsupported signing alg: \"{name}\""));
    }
    let flags = OidcFlags { username_claim: Some(String::new()), ..oidc(issuer) };
    assert!(told(&flags).ends_with("username: Required value: claim or expression is required"));
}

#[test]
fn the_file_of_authorities_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let flags = |path: &std::path::Path| OidcFlags {
        ca_file: Some(path.display().to_string()),
        ..oidc("https://a.example")
    };
    let shown = path.display();
    assert_eq!(told(&flags(&path)), format!("open {shown}: no such file or directory"));
    fs::write(&path, "nothing").unwrap();
    assert!(told(&flags(&path)).ends_with(
        "jwt[0].issuer.certificateAuthority: Invalid value: \"<omitted>\": data does not contain \
         any valid RSA or ECDSA certificates"
    ));
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::new(vec![text("ca.example")]).unwrap();
    let pem = certificate.self_signed(&key).unwrap().pem();
    fs::write(&path, &pem).unwrap();
    let jwt = flags(&path).build(&[]).unwrap().jwt.remove(0);
    assert_eq!(jwt.issuer.certificate_authority, pem);
}

const MANIFEST: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver, namespace: kube-system}
spec:
  containers:
  - name: kube-apiserver
    command:
    - kube-apiserver
    - --anonymous-auth=false
    - --service-account-issuer=https://kubernetes.default.svc
    - --oidc-issuer-url=https://a.example
    - --oidc-client-id
    - kubernetes
    - --oidc-username-claim=email
    - --oidc-signing-algs=ES256,ES384
    - --oidc-signing-algs=PS256
    - --oidc-required-claim=hd = a=b
    - --authorization-mode=Node,RBAC
";

#[test]
fn a_manifest_is_read_and_its_flags_are_told_with_their_lines() {
    let read = |text: &str| server_flags("pod.yaml", text.as_bytes());
    let ServerFlags { flags, configuration, .. } = read(MANIFEST).unwrap();
    assert_eq!(flags.anonymous, Some(false));
    assert_eq!(flags.service_account_issuers, ["https://kubernetes.default.svc"]);
    let jwt = configuration.unwrap().jwt.remove(0);
    assert_eq!(jwt.claim_mappings.username, claim("email", ""));
    assert_eq!(jwt.signing_algorithms, ["ES256", "ES384", "PS256"]);
    assert_eq!(jwt.claim_validation_rules[0].claim, "hd");
    assert_eq!(jwt.claim_validation_rules[0].required_value, "a=b");
    for (from, to, message, line) in [
        (
            "https://a.example",
            "http://a.example",
            "jwt[0].issuer.url: Invalid value: \"http://a.example\": URL scheme must be https",
            11,
        ),
        (
            "https://a.example",
            "https://kubernetes.default.svc",
            "jwt[0].issuer.url: Invalid value: \"https://kubernetes.default.svc\": URL must not \
             overlap with disallowed issuers: [https://kubernetes.default.svc]",
            11,
        ),
        (
            "    - --oidc-client-id\n    - kubernetes\n",
            "",
            "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags \
             are set",
            11,
        ),
        (
            "--authorization-mode=Node,RBAC",
            "--authentication-config=/etc/authn.yaml",
            "authentication-config file and oidc-* flags are mutually exclusive",
            18,
        ),
        ("ES256,ES384", "ES256,HS256", "oidc: unsupported signing alg: \"HS256\"", 15),
        (
            "hd = a=b",
            "hd",
            "invalid argument \"hd\" for \"--oidc-required-claim\" flag: malformed pair, expect \
             string=string",
            17,
        ),
        (
            "anonymous-auth=false",
            "anonymous-auth=no",
            "invalid argument \"no\" for \"--anonymous-auth\" flag: strconv.ParseBool: parsing \
             \"no\": invalid syntax",
            9,
        ),
        (
            "--authorization-mode=Node,RBAC",
            "--oidc-ca-file",
            "flag needs an argument: --oidc-ca-file",
            18,
        ),
    ] {
        assert_eq!(MANIFEST.matches(from).count(), 1, "{from}");
        let error = read(&MANIFEST.replace(from, to)).unwrap_err();
        assert_eq!(error.problems()[0].message, message);
        assert_eq!(lines(&error), [line], "{message}");
        assert!(error.to_string().ends_with(message));
    }
    // A file of flags, too; an argument that stands alone turns it on.
    let text = "# old\nkube-apiserver --anonymous-auth \\\n  --authentication-config /a.yaml\n";
    let ServerFlags { flags, configuration, .. } = read(text).unwrap();
    assert_eq!((flags.anonymous, flags.config.as_str()), (Some(true), "/a.yaml"));
    assert_eq!(configuration, None);
    assert!(read("kind: Pod\nspec: {containers: []}\n").is_err());
}

#[test]
fn a_flag_and_a_file_may_not_both_say_what_becomes_of_anonymous_requests() {
    let flags = |args: &[&str]| AuthenticationFlags::from_args(args).unwrap();
    let both = flags(&["--authentication-config=a", "--anonymous-auth=true"]);
    let beside = |text: &str, flags: &AuthenticationFlags| {
        let read = parse_beside("authn.yaml", text.as_bytes(), flags);
        read.map_err(|error| (error.to_string(), lines(&error)))
    };
    let message = "anonymous: Forbidden: --anonymous-auth flag cannot be set when anonymous field is \
                   configured in authentication configuration file";
    assert_eq!(beside(GOOD, &both), Err((text(message), vec![38])));
    assert_eq!(both.anonymous_error(&good()), Some(FlagError::AnonymousTwice));
    let silent = with("anonymous:\n  enabled: true\n  conditions:\n  - path: /livez\n", "");
    assert!(beside(&silent, &both).is_ok());
    assert!(beside(GOOD, &flags(&["--authentication-config=a"])).is_ok());
    let issuer = flags(&["--service-account-issuer=https://b.example"]);
    assert!(beside(GOOD, &issuer).unwrap_err().0.contains("must not overlap"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse("a", &bytes);
        let _ = server_flags("a", &bytes);
    }

    #[test]
    fn no_change_of_a_file_makes_the_reader_panic(
        at in 0..GOOD.len(),
        length in 0_usize..40,
        insert in prop_oneof![
            "[ -~]{0,6}",
            Just("\u{0}".to_owned()),
            Just("{a: [&x *x]}".to_owned()),
            Just("\n- ".to_owned()),
            Just("\u{e9}%".to_owned()),
        ],
        is_json in any::<bool>(),
    ) {
        let good = if is_json { GOOD_JSON } else { GOOD };
        let at = at.min(good.len());
        let end = (at + length).min(good.len());
        let text = format!("{}{insert}{}", good.get(..at).unwrap(), good.get(end..).unwrap());
        if let Err(error) = parse("a", text.as_bytes()) {
            prop_assert!(!error.problems().is_empty());
            prop_assert!(!error.to_string().is_empty());
            let count = u32::try_from(text.lines().count()).unwrap();
            prop_assert!(error.problems().iter().all(|problem| problem.origin.line <= count + 1));
        }
    }

    #[test]
    fn no_value_makes_the_validation_panic(
        url in "(https://)?[ -~é]{0,12}",
        expression in "(claims|user)?[ -~]{0,10}",
        key in "[ -~]{0,8}",
    ) {
        let mut configuration = good();
        let jwt = &mut configuration.jwt[0];
        jwt.issuer.url.clone_from(&url);
        jwt.issuer.discovery_url = url;
        jwt.claim_mappings.username.expression.clone_from(&expression);
        jwt.claim_mappings.extra[0].key = key;
        jwt.claim_validation_rules[1].expression.clone_from(&expression);
        jwt.user_validation_rules[0].expression = expression;
        let _ = validate(&configuration, &[]);
    }
}
