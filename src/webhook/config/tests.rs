use std::path::Path;
use std::time::Duration;

use super::*;

const FULL: &str = "\
apiVersion: portcullis.dev/v1alpha1
kind: ServerConfiguration
listen:
  address: 127.0.0.1:9443
  tls:
    certificateFile: tls.crt
    keyFile: /run/tls.key
    clientCAFile: client-ca.crt
    allowedClients: [kube-apiserver]
operations: {address: 127.0.0.1:9444}
policy:
  paths: [policy/]
  defaultRoles: true
authorizers:
- {type: RBAC}
- {type: ABAC, file: abac.jsonl}
apiAudiences: [https://kubernetes.default.svc]
authenticators:
- tokenFile: {file: tokens.csv, format: csv}
- bootstrapTokens: {}
- serviceAccounts:
    issuers: [https://kubernetes.default.svc]
    keyFiles: [sa.pub]
    jwks: {url: 'https://issuer/keys', caFile: ca.crt, refresh: 5m}
    boundObjects: Check
- issuedTokens: {issuer: https://portcullis, audiences: [a], keyFiles: [own.pub]}
tokenCache: {success: 10s, failure: 0s, size: 100}
shadow:
  policy: {paths: [candidate/]}
  authorizers: [{type: RBAC}]
  sample: 0.5
reload: {watch: true, interval: 1m30s}
log:
  level: info
  format: json
  decisions: {file: '-', sampleAllows: 1.0, alwaysVerbs: [delete], sampleRefusals: 0.5, mask: Users, keyFile: digest.key}
";

fn parse(text: &str) -> Result<ServerConfig, ConfigError> {
    ServerConfig::parse("/etc/p/server.yaml", text.as_bytes())
}

fn problems(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(_) => Vec::new(),
        Err(error) => error.problems().iter().map(ToString::to_string).collect(),
    }
}

fn with(from: &str, to: &str) -> String {
    assert_eq!(FULL.matches(from).count(), 1, "{from}");
    FULL.replace(from, to)
}

#[test]
fn every_field_is_read() {
    let config = parse(FULL).unwrap();
    assert_eq!(config.listen.tls.certificate_file.path, Path::new("/etc/p/tls.crt"));
    assert_eq!(config.listen.tls.key_file.path, Path::new("/run/tls.key"));
    assert_eq!(config.listen.tls.allowed_clients, ["kube-apiserver"]);
    assert_eq!(config.policy.paths, [NamedPath::from("/etc/p/policy/")]);
    assert_eq!(config.policy.paths[0].origin.line, 12);
    assert!(config.policy.default_roles && !config.policy.strict);
    assert_eq!(config.authorizers[1], AuthorizerConfig::Abac { file: "/etc/p/abac.jsonl".into() });
    assert_eq!(config.authenticators.len(), 4);
    assert_eq!(config.token_cache.size, 100);
    assert_eq!(config.shadow.unwrap().sample, 0.5);
    assert_eq!(config.reload.interval, Duration::from_secs(90));
    assert_eq!(config.log.level, LogLevel::Info);
    assert_eq!(config.log.format, LogFormat::Json);
    let decisions = config.log.decisions.unwrap();
    assert_eq!((decisions.target, decisions.mask), (LogTarget::Stdout, Mask::Users));
    assert_eq!((decisions.sample_allows, decisions.sample_refusals), (1.0, 0.5));
    assert_eq!(decisions.key_file, Some("/etc/p/digest.key".into()));
}

#[test]
fn json_reads_as_yaml_does() {
    let text = "{\n\t\"apiVersion\": \"portcullis.dev/v1alpha1\",\n\t\"kind\": \"ServerConfiguration\",\n\
                \t\"listen\": {\"address\": \"[::1]:9443\", \"tls\": {\"certificateFile\": \"c\", \"keyFile\": \"k\"}},\n\
                \t\"authorizers\": [{\"type\": \"AlwaysDeny\"}]\n}\n";
    let config = parse(text).unwrap();
    assert_eq!(config.authorizers, [AuthorizerConfig::AlwaysDeny]);
    assert_eq!(config.reload, ReloadConfig::default());
    assert_eq!(config.token_cache.success, Duration::from_secs(10));
    let broken = text.replace("AlwaysDeny", "AlwayDeny");
    assert_eq!(
        problems(&broken),
        ["/etc/p/server.yaml:5: `authorizers[0].type`: there is no `AlwayDeny`; \
          did you mean `AlwaysDeny`?"]
    );
}

/// What is changed in the full configuration, into what that is accepted, into what that is not,
/// and what is said then.
const CASES: &[(&str, &str, &str, &[&str])] = &[
    (
        "  paths: [policy/]",
        "  paths: [policy/, more.yaml]",
        "  pahts: [policy/]",
        &[
            "11: `policy`: `policy.paths` is missing, and `RBAC` stands in the chain: name the files that hold roles and bindings",
            "12: `policy.pahts`: there is no such field; did you mean `paths`?",
            "20: `authenticators[1]`: `bootstrapTokens` reads Secrets from `policy.paths`, which is missing; name the files there",
            "21: `authenticators[2]`: `serviceAccounts` reads the objects that tokens are bound to from `policy.paths`, which is missing; name the files there",
        ],
    ),
    (
        "reload: {watch: true, interval: 1m30s}",
        "reload: {watch: yes, interval: 0s}",
        "reloads: {watch: true, interval: 1m30s}",
        &["32: `reloads`: there is no such field; did you mean `reload`?"],
    ),
    (
        "  defaultRoles: true",
        "  defaultRoles: on",
        "  defaultRoles: 'true'",
        &["13: `policy.defaultRoles`: must be `true` or `false`, but is the string `true`"],
    ),
    (
        "allowedClients: [kube-apiserver]",
        "allowedClients: ['y']",
        "allowedClients: [y, 12]",
        &[
            "9: `listen.tls.allowedClients[0]`: must be a string, but is the boolean `true`; put it in quotes",
            "9: `listen.tls.allowedClients[1]`: must be a string, but is the number `12`; put it in quotes",
        ],
    ),
    (
        "    clientCAFile: client-ca.crt\n    allowedClients: [kube-apiserver]\n",
        "",
        "    allowedClients: [kube-apiserver]\n",
        &["8: `listen.tls.allowedClients`: needs `clientCAFile`: without it nobody proves a name"],
    ),
    (
        "- bootstrapTokens: {}",
        "",
        "- bootstrapTokens: {}\n  tokenFile: {file: other.csv}",
        &[
            "20: `authenticators[1]`: has both `tokenFile` and `bootstrapTokens`; make two entries of it",
        ],
    ),
    (
        "- bootstrapTokens: {}\n",
        "",
        "- {}\n",
        &[
            "20: `authenticators[1]`: names no kind of authenticator; use one of `tokenFile`, `bootstrapTokens`, `serviceAccounts`, `issuedTokens`, `oidc`, `introspection` (with `{}` if there is nothing to say)",
        ],
    ),
    (
        "- bootstrapTokens: {}\n",
        "",
        "- bootstrapTokens: {}\n- bootstrapTokens: {}\n",
        &["21: `authenticators[2]`: `bootstrapTokens` stands there already; remove one"],
    ),
    (
        "success: 10s",
        "success: 1m0.5s",
        "success: 10",
        &["27: `tokenCache.success`: `10` has no unit; write `10s` for seconds"],
    ),
    (
        "refresh: 5m",
        "refresh: 300s",
        "refresh: 5 minutes",
        &[
            "24: `authenticators[2].serviceAccounts.jwks.refresh`: `5 minutes` is no duration; write `10s`, `1m30s` or `500ms`",
        ],
    ),
    (
        "https://issuer/keys",
        "https://other/keys",
        "http://issuer/keys",
        &[
            "24: `authenticators[2].serviceAccounts.jwks.url`: must begin with `https://`: whoever answers decides who is who",
        ],
    ),
    (
        "{url: 'https://issuer/keys', caFile: ca.crt, refresh: 5m}",
        "{url: 'http://127.0.0.1:8080/keys'}",
        "{url: 'https://issuer/keys'}",
        &[
            "24: `authenticators[2].serviceAccounts.jwks`: `caFile` is missing: the authorities that may vouch for that server, PEM",
        ],
    ),
    (
        "log:\n",
        "limits: {headers: 200, streams: 1000, headerTime: 1m, maxExtraBytes: 64Mi}\nlog:\n",
        "limits: {headers: 1000000, streams: 4000000000, headerTime: 100h, bodyBytes: 1, requests: 1000000000000, maxExtraBytes: 1Gi}\nlog:\n",
        &[
            "33: `limits.requests`: must be at most 1000000, which is no limit any more",
            "33: `limits.headers`: must be from 16 to 1000: each takes memory in every request, and clients send a few",
            "33: `limits.streams`: must be at most 1000000, which is no limit any more",
            "33: `limits.bodyBytes`: must be from `1Ki` to `64Mi`: no review fits into less, and none needs more",
            "33: `limits.headerTime`: must be from `1ms` to `24h`: less cuts everybody off, more nobody",
            "33: `limits.maxExtraBytes`: must be at most `64Mi`: it is part of a body",
        ],
    ),
    (
        "tokenCache: {success: 10s, failure: 0s, size: 100}",
        "tokenCache: {success: 1h, size: 1000000}",
        "tokenCache: {success: 48h, failure: 48h, size: 1000000000000}",
        &[
            "27: `tokenCache.success`: must be at most `24h`: so long a token that was taken back still opens",
            "27: `tokenCache.failure`: must be at most `24h`: so long a new token opens nothing",
            "27: `tokenCache.size`: must be at most 10000000, which is some gigabytes",
        ],
    ),
    (
        "caFile: ca.crt, refresh: 5m}",
        "caFile: ca.crt, refresh: 10s}",
        "caFile: ca.crt, refresh: 1ns}",
        &[
            "24: `authenticators[2].serviceAccounts.jwks.refresh`: must be from `1s` to `24h`: less floods the issuer, more misses its new keys",
        ],
    ),
    (
        "log:\n",
        "limits: {connections: 8, bodyBytes: 64Ki, headerBytes: 8Ki, idleTime: 1m, maxGroups: 10, handshakes: {burst: 3, exempt: [10.0.0.1]}}\nlog:\n",
        "limits: {conections: 8, bodyBytes: 64KB, headerBytes: 5Gi, idleTime: 0, maxGroups: 0, handshakes: {burst: 3, exempt: [host]}}\nlog:\n",
        &[
            "33: `limits.bodyBytes`: must be a size such as `1Mi`, `64Ki` or `4096`, but is the string `64KB`",
            "33: `limits.headerBytes`: must be from `1Ki` to `1Mi`: no request fits into less, and none needs more",
            "33: `limits.idleTime`: must be more than zero",
            "33: `limits.handshakes.exempt[0]`: must be an IP address, such as `10.0.0.1`",
            "33: `limits.maxGroups`: must be a whole number of at least 1, but is the number `0`",
            "33: `limits.conections`: there is no such field; did you mean `connections`?",
        ],
    ),
    (
        "    keyFiles: [sa.pub]\n    jwks: {url: 'https://issuer/keys', caFile: ca.crt, refresh: 5m}\n",
        "    keyFiles: [sa.pub]\n",
        "",
        &[
            "21: `authenticators[2].serviceAccounts`: has no keys; name `keyFiles`, or `jwks` with the issuer's URL",
        ],
    ),
    (
        "size: 100",
        "size: 1",
        "size: 0",
        &["27: `tokenCache.size`: must be a whole number of at least 1, but is the number `0`"],
    ),
    (
        "sample: 0.5",
        "sample: 1",
        "sample: 50",
        &["31: `shadow.sample`: must be a number from 0 to 1, but is the number `50`"],
    ),
    (
        "operations: {address: 127.0.0.1:9444}",
        "operations: {address: 0.0.0.0:9444, allowRemote: true}",
        "operations: {address: 0.0.0.0:9444}",
        &[
            "10: `operations.address`: `0.0.0.0:9444` can be reached from elsewhere, without TLS or a password; take a loopback address, or set `allowRemote: true` if the network protects it",
        ],
    ),
    (
        "address: 127.0.0.1:9444",
        "address: '[::1]:9444'",
        "address: localhost:9444",
        &[
            "10: `operations.address`: `localhost:9444` is no address; write IP and port, such as `127.0.0.1:9443` or `[::]:9443`",
        ],
    ),
    (
        "operations: {address: 127.0.0.1:9444}",
        "",
        "operations: {address: 127.0.0.1:9443}",
        &[
            "1: `listen` and `operations` have the same address `127.0.0.1:9443`; give one another port",
        ],
    ),
    (
        "- {type: ABAC, file: abac.jsonl}",
        "- {type: AlwaysDeny}",
        "- {type: ABAC}",
        &["16: `authorizers[1]`: `file` is missing: the file of policy lines"],
    ),
    (
        "- {type: ABAC, file: abac.jsonl}",
        "- {type: AlwaysAllow, danger: EverybodyMayDoEverything}",
        "- {type: AlwaysAllow}",
        &[
            "16: `authorizers[1].type`: allows everybody everything; use another, or add `danger: EverybodyMayDoEverything`",
        ],
    ),
    (
        "- {type: ABAC, file: abac.jsonl}",
        "",
        "- {type: rbac}\n- {type: Nod}\n- {type: Webhook}\n- {type: Rego}\n- {type: Node, featureGates: {X: true}}",
        &[
            "16: `authorizers[1].type`: there is no `rbac`; did you mean `RBAC`?",
            "17: `authorizers[2].type`: there is no `Nod`; did you mean `Node`?",
            "18: `authorizers[3]`: `webhook` is missing: how it is asked",
            "19: `authorizers[4]`: `paths` is missing: modules, data, directories or bundles",
            "20: `authorizers[5].featureGates.X`: the Node authorizer has no feature gate `X`; it knows `PodCertificateRequest` and `KubeletServiceAccountTokenForCredentialProviders`",
        ],
    ),
    (
        "- {type: ABAC, file: abac.jsonl}",
        "",
        "- {type: RBAC}\n- {type: AlwaysDeny, danger: no, file: x}",
        &[
            "16: `authorizers[1]`: `RBAC` stands in the chain already; remove one",
            "17: `authorizers[2].file`: `AlwaysDeny` reads no file; remove it (objects are in `policy.paths`)",
            "17: `authorizers[2].danger`: `AlwaysDeny` is no danger; remove it",
        ],
    ),
    (
        "- {type: ABAC, file: abac.jsonl}",
        "- {type: Rego, name: guard, paths: [rego/], package: a.b, v0: true, time: 20ms, onError: Deny}",
        "- {type: Rego, paths: [a]}\n- {type: Rego, paths: [b]}\n- {type: Rego, name: x, paths: [], time: 0s}\n- {type: AlwaysDeny, paths: [c], onError: Deny}",
        &[
            "17: `authorizers[2]`: `Rego` stands in the chain already; remove one, or give it another `name`",
            "18: `authorizers[3].paths`: must not be empty; name at least one, or leave the field out",
            "18: `authorizers[3].time`: must be more than zero",
            "19: `authorizers[4].paths`: `AlwaysDeny` reads no files of its own; remove them",
            "19: `authorizers[4].onError`: `AlwaysDeny` cannot fail; remove it",
        ],
    ),
    (
        "- {type: ABAC, file: abac.jsonl}",
        "- {type: Webhook, name: w, webhook: {timeout: 3s, subjectAccessReviewVersion: v1, failurePolicy: Deny, connectionInfo: {type: KubeConfigFile, kubeConfigFile: k}, matchConditionSubjectAccessReviewVersion: v1, matchConditions: [{expression: \"request.user == 'x'\"}]}}",
        "- {type: Webhook, webhook: {timeout: 31s, subjectAccessReviewVersion: v2, failurePolicy: Deny, connectionInfo: {type: InClusterConfig}, matchConditionSubjectAccessReviewVersion: v1, matchConditions: [{expression: 'request.usr'}]}}",
        &[
            "16: `authorizers[1].webhook.timeout`: must be at most 30s, as in an API server",
            "16: `authorizers[1].webhook.subjectAccessReviewVersion`: there is no `v2`; did you mean `v1`?",
            "16: `authorizers[1].webhook.connectionInfo.type`: there is no `InClusterConfig`; there is only `KubeConfigFile`",
            "16: `authorizers[1].webhook.connectionInfo`: `kubeConfigFile` is missing",
            "16: `authorizers[1].webhook.matchConditions[0].expression`: compilation failed: ERROR: <input>:1:8: undefined field 'usr'\n | request.usr\n | .......^",
        ],
    ),
    (
        "  authorizers: [{type: RBAC}]",
        "  authorizers: [{type: AlwaysDeny}]",
        "  authorizers: []",
        &["30: `shadow.authorizers`: must not be empty; name at least one, or leave the field out"],
    ),
    (
        "mask: Users",
        "mask: None",
        "mask: users",
        &["36: `log.decisions.mask`: there is no `users`; did you mean `Users`?"],
    ),
    (
        "  level: info\n",
        "  level: debug\n",
        "  level: verbose\n  level: info\n",
        &["35: `level`: this field stands twice; remove one of them"],
    ),
    (
        "apiVersion: portcullis.dev/v1alpha1\nkind: ServerConfiguration\n",
        "kind: ServerConfiguration\napiVersion: portcullis.dev/v1alpha1\n",
        "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\n",
        &[
            "1: `apiVersion`: must be `portcullis.dev/v1alpha1`, but is `apiserver.config.k8s.io/v1`; is this the right file?",
            "2: `kind`: must be `ServerConfiguration`, but is `AuthorizationConfiguration`; is this the right file?",
        ],
    ),
    (
        "    keyFile: /run/tls.key\n",
        "    keyFile: tls.key\n",
        "    keyFile:\n",
        &["5: `listen.tls`: `keyFile` is missing"],
    ),
    (
        "  tls:\n",
        "  tls: # the server's own\n",
        "  tls: yes\n  more:\n",
        &[
            "5: `listen.tls`: must be an object, but is the boolean `true`",
            "6: `listen.more`: there is no such field; use `address` or `tls`",
        ],
    ),
    (
        "policy:\n  paths",
        "\npolicy:\n  paths",
        "policy:\n\tpaths",
        &[
            "12: not YAML as Kubernetes reads it: tabs disallowed within this context (block indentation)",
        ],
    ),
];

#[test]
fn mistakes_are_told_with_place_field_and_advice_and_their_twins_are_accepted() {
    let mut wrong = Vec::new();
    for (from, good, bad, expected) in CASES {
        assert_eq!(problems(&with(from, good)), [""; 0], "{good}");
        let expected: Vec<String> =
            expected.iter().map(|line| format!("/etc/p/server.yaml:{line}")).collect();
        let found = problems(&with(from, bad));
        if found != expected {
            wrong.push(format!("{bad}\n  {found:#?}\n  {expected:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_empty_file_and_a_second_document_are_refused() {
    for (text, expected) in [
        (
            "",
            "/etc/p/server.yaml: there is nothing in it; begin with `apiVersion: portcullis.dev/v1alpha1` and `kind: ServerConfiguration`",
        ),
        (
            "# later\n---\n",
            "/etc/p/server.yaml: there is nothing in it; begin with `apiVersion: portcullis.dev/v1alpha1` and `kind: ServerConfiguration`",
        ),
        ("- a\n", "/etc/p/server.yaml:1: must be an object, but is a list"),
    ] {
        assert_eq!(problems(text), [expected], "{text}");
    }
    assert_eq!(problems(&format!("---\n{FULL}---\n")), [""; 0]);
    assert_eq!(
        problems(&format!("{FULL}---\nkind: More\n")),
        [
            "/etc/p/server.yaml:38: not YAML as Kubernetes reads it: a second document begins here; put everything into one"
        ]
    );
}

#[test]
fn all_mistakes_are_told_at_once_in_their_order() {
    let text = FULL.replace("127.0.0.1:9443", "here").replace("RBAC", "RBCA").replace("30s", "30");
    let error = parse(&text).unwrap_err();
    let lines: Vec<u32> = error.problems().iter().map(|problem| problem.origin.line).collect();
    assert_eq!(lines, [4, 15, 30, 32]);
    assert!(error.to_string().ends_with("(and 3 more)"), "{error}");
}

#[test]
fn relative_paths_begin_at_the_folder_of_the_file() {
    let config = ServerConfig::parse("server.yaml", FULL.as_bytes()).unwrap();
    assert_eq!(config.policy.paths[0].path, Path::new("policy/"));
    let config = ServerConfig::parse("conf/server.yaml", FULL.as_bytes()).unwrap();
    assert_eq!(config.policy.paths[0].path, Path::new("conf/policy/"));
}

#[test]
fn audiences_default_to_the_issuers() {
    let config = parse(&with("apiAudiences: [https://kubernetes.default.svc]", "")).unwrap();
    assert_eq!(config.audiences(), ["https://kubernetes.default.svc"]);
    let config =
        parse(&with("apiAudiences: [https://kubernetes.default.svc]", "apiAudiences: [x]"));
    assert_eq!(config.unwrap().audiences(), ["x"]);
}

#[test]
fn only_listeners_logs_and_the_like_need_a_restart() {
    let config = parse(FULL).unwrap();
    let policy = parse(&with("[policy/]", "[other/]")).unwrap();
    assert_eq!(policy.needs_restart(&config), [""; 0]);
    let port = parse(&with("127.0.0.1:9443", "127.0.0.1:9445")).unwrap();
    assert_eq!(port.needs_restart(&config), ["listen"]);
    // A line more above moves everything and changes nothing.
    let moved = parse(&format!("# why\n{FULL}")).unwrap();
    assert_eq!(moved.needs_restart(&config), [""; 0]);
}

fn traced(more: &str) -> String {
    with("  level: info\n", &format!("  level: info\n  openTelemetry: {{{more}}}\n"))
}

#[cfg(feature = "otel")]
#[test]
fn a_collector_is_taken_in_the_clear_only_on_this_machine_and_else_with_its_authorities() {
    for good in [
        "endpoint: 'http://127.0.0.1:4318/v1/traces'",
        "endpoint: 'http://[::1]:4318/', sample: 1, serviceName: p",
        "endpoint: 'https://otel.example/v1/traces', caFile: ca.crt, sample: 0.5",
    ] {
        assert_eq!(problems(&traced(good)), [""; 0], "{good}");
    }
    for (bad, expected) in [
        ("sample: 0.5", "`log.openTelemetry`: `endpoint` is missing"),
        (
            "endpoint: 'http://otel.example/v1/traces'",
            "`log.openTelemetry.endpoint`: `http://otel.example/v1/traces` must be https; http is for 127.0.0.1 and [::1] only",
        ),
        (
            "endpoint: 'http://127.0.0.1.example/'",
            "`log.openTelemetry.endpoint`: `http://127.0.0.1.example/` must be https; http is for 127.0.0.1 and [::1] only",
        ),
        (
            "endpoint: 'https://otel.example/'",
            "`log.openTelemetry`: `caFile` is missing: name the authorities that may vouch for the collector",
        ),
        (
            "endpoint: 'http://127.0.0.1:4318/', caFile: ca.crt",
            "`log.openTelemetry.caFile`: http knows no certificates; take https, or leave this out",
        ),
        (
            "endpoint: 'http://127.0.0.1:4318/', sample: 2",
            "`log.openTelemetry.sample`: must be a number from 0 to 1, but is the number `2`",
        ),
        (
            "endpoint: 'http://127.0.0.1:4318/', samples: 1",
            "`log.openTelemetry.samples`: there is no such field; did you mean `sample`?",
        ),
    ] {
        assert_eq!(problems(&traced(bad)), [format!("/etc/p/server.yaml:35: {expected}")], "{bad}");
    }
    let config = parse(&traced("endpoint: 'https://o/', caFile: ca.crt")).unwrap();
    let wanted = config.log.open_telemetry.as_ref().unwrap();
    assert_eq!((wanted.sample, wanted.service_name.as_str()), (0.01, "portcullis"));
    assert_eq!(wanted.ca_file, Some("/etc/p/ca.crt".into()));
    assert_eq!(config.needs_restart(&parse(FULL).unwrap()), ["log"]);
}

#[cfg(not(feature = "otel"))]
#[test]
fn a_collector_is_refused_by_a_program_that_cannot_send() {
    let expected = "/etc/p/server.yaml:35: `log.openTelemetry`: this program is built without the \
                    feature `otel`; build it with `--features otel`, or leave this out";
    assert_eq!(problems(&traced("endpoint: 'http://127.0.0.1:4318/v1/traces'")), [expected]);
    assert_eq!(problems(FULL), [""; 0]);
}

#[test]
fn grant_times_and_hierarchies_are_off_unless_they_are_said_and_never_half_understood() {
    let policy = |text: &str| parse(&with("  defaultRoles: true\n", text)).map(|read| read.policy);
    let read = policy("").unwrap();
    assert_eq!((read.grant_times, read.hierarchy), (None, None));
    let read = policy("  grantTimes: {enabled: true}\n  hierarchy: labels\n").unwrap();
    assert_eq!(read.grant_times, Some(Duration::from_secs(3_600)));
    assert_eq!(read.hierarchy, Some(HierarchyConfig::Labels));
    let text = "  grantTimes: {enabled: true, warnWithin: 15m}\n  hierarchy: tree.yaml\n";
    let read = policy(text).unwrap();
    assert_eq!(read.grant_times, Some(Duration::from_secs(900)));
    assert_eq!(read.hierarchy_file().unwrap().path, Path::new("/etc/p/tree.yaml"));
    assert_eq!(policy("  grantTimes: {enabled: false}\n").unwrap().grant_times, None);
    for (text, message) in [
        ("  grantTimes: {}\n", "`policy.grantTimes`: `enabled` is missing"),
        ("  grantTimes: {enabled: yes please}\n", "must be `true` or `false`"),
        ("  grantTimes: {enabled: true, warnWithin: soon}\n", "`soon` is no duration"),
        ("  hierarchy: [labels]\n", "`policy.hierarchy`: must be"),
    ] {
        let problems = problems(&with("  defaultRoles: true\n", text));
        assert!(problems.len() == 1 && problems[0].contains(message), "{problems:?}");
    }
    let no_rbac = "  paths: [policy/]\n  grantTimes: {enabled: true}\nauthorizers:\n";
    let text =
        with("  paths: [policy/]\n  defaultRoles: true\nauthorizers:\n- {type: RBAC}\n", no_rbac);
    let problems = problems(&text);
    assert!(problems[0].contains("are for `RBAC`, which is not in the chain"), "{problems:?}");
}

#[test]
fn a_directory_without_an_account_of_ours_is_read_as_whoever_logs_in() {
    let directory = |more: &str| {
        let text = format!(
            "{FULL}directories:\n- name: corp\n  ldap:\n    servers: ['ldap://ldap.ex.org']\n    \
             caFile: ca.crt\n    attributes: {{username: uid}}\n{more}"
        );
        parse(&text).map(|read| read.directories.into_iter().next().unwrap())
    };
    let direct = "    users: {dn: 'uid={username},ou=people,dc=ex,dc=org'}\n";
    let service = "    bindDN: cn=service,dc=ex,dc=org\n    bindPasswordFile: password\n";
    assert!(directory(direct).unwrap().ldap.reads_as_user);
    let bound = directory(&format!("{direct}{service}")).unwrap();
    assert!(!bound.ldap.reads_as_user && bound.service.is_some());
    // A search needs somebody to search as.
    let search = "    users: {baseDN: 'dc=ex,dc=org', filter: '(uid={username})'}\n";
    assert!(directory(search).is_err());
    assert!(directory(&format!("{search}{service}")).is_ok());
    // A name that is put nowhere is that of everybody.
    for nobody in ["    users: {dn: 'uid=jane'}\n", "    users: {dn: 'uid={name}'}\n"] {
        assert!(directory(nobody).is_err(), "{nobody}");
    }
}
