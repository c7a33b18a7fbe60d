//! `init apiserver`: what it writes is what an API server and `serve` accept, the webhook is kept
//! away from exactly those it must not be able to lock out, and nothing is ever half-written or
//! written over.

mod rbac;
mod rules;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use portcullis::api::authorization::IncomingReview;
use portcullis::cel::Expression;
use portcullis::model::Request;
use portcullis::source::authorization_config::{self, KubeconfigFiles};
use portcullis::webhook::config::{AuthorizerConfig, ServerConfig};
use serde_json::{Value, json};

use crate::plain_yaml;
use rules::{expressions, mistakes};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn out(&self) -> PathBuf {
        self.0.path().join("portcullis")
    }

    fn run(&self, args: &[&str]) -> Output {
        let out = self.out();
        let mut all = vec!["init", "apiserver", "--out", out.to_str().unwrap()];
        all.extend(args);
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(all).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs it and expects success; what it said.
    #[track_caller]
    fn init(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs it and expects a refusal; what it said.
    #[track_caller]
    fn refuses(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.out().join(path)).unwrap()
    }

    fn yaml(&self, path: &str) -> Value {
        let mut documents = plain_yaml::documents(&self.text(path));
        assert_eq!(documents.len(), 1);
        documents.remove(0)
    }

    /// Every file below the folder, with its content.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let (mut files, mut folders) = (Vec::new(), vec![self.0.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let content = fs::read(&path).unwrap();
                    files.push((path, content));
                }
            }
        }
        files.sort();
        files
    }
}

// ---- what an API server says about it -----------------------------------------------------------

#[test]
fn each_version_accepts_its_configuration() {
    for (version, minor) in
        [("1.30", 30), ("1.31.4", 31), ("v1.33", 33), ("1.34", 34), ("1.36", 36)]
    {
        let folder = Folder::new();
        folder.init(&["--kubernetes-version", version, "--exempt-user", "o'hara\\n"]);
        let written = folder.yaml("apiserver/authorization-config.yaml");
        assert_eq!(mistakes(&written, minor), [""; 0], "{version}");
        // And by the reader of such files, which knows every rule of S-ACFG-1 to S-ACFG-7.
        let text = folder.text("apiserver/authorization-config.yaml");
        let read =
            authorization_config::parse("a.yaml", text.as_bytes(), KubeconfigFiles::Elsewhere);
        let read = read.unwrap_or_else(|error| panic!("{version}: {error}"));
        assert_eq!(read.configuration.authorizers.len(), 3, "{version}");
        // Its deny twin: the reader sees what is wrong with it.
        let wrong = text.replace("failurePolicy: Deny", "failurePolicy: Perhaps");
        assert_ne!(wrong, text, "{version}");
        let wrong = wrong.as_bytes();
        let refused = authorization_config::parse("a.yaml", wrong, KubeconfigFiles::Elsewhere);
        assert!(refused.is_err(), "{version}");
        let order: Vec<&Value> =
            written["authorizers"].as_array().unwrap().iter().map(|one| &one["type"]).collect();
        assert_eq!(order, ["Webhook", "Node", "RBAC"]);
        let webhook = &written["authorizers"][0]["webhook"];
        assert_eq!(webhook["failurePolicy"], "Deny");
        // S-ACFG-4: no cache where that can be said, a second elsewhere, never the five minutes.
        if minor >= 34 {
            assert_eq!(webhook["cacheAuthorizedRequests"], false);
            assert_eq!(webhook["cacheUnauthorizedRequests"], false);
        } else {
            assert_eq!(webhook["authorizedTTL"], "1s");
            assert_eq!(webhook["unauthorizedTTL"], "1s");
        }
    }
}

#[test]
fn the_rules_find_what_an_older_or_stricter_server_would() {
    let folder = Folder::new();
    folder.init(&[]);
    let good = folder.yaml("apiserver/authorization-config.yaml");
    assert_eq!(mistakes(&good, 36), [""; 0]);
    assert_eq!(mistakes(&good, 33).len(), 2, "the cache fields are unknown to 1.33");
    assert_eq!(mistakes(&good, 31).len(), 3, "and so is v1 to 1.31");
    for (pointer, value) in [
        ("/authorizers", json!([])),
        ("/authorizers/0/name", json!("Port_cullis")),
        ("/authorizers/1/name", json!("nodes")),
        ("/authorizers/2/type", json!("Node")),
        ("/authorizers/0/webhook/timeout", json!("31s")),
        ("/authorizers/0/webhook/timeout", json!("0s")),
        ("/authorizers/0/webhook/failurePolicy", json!("Allow")),
        ("/authorizers/0/webhook/subjectAccessReviewVersion", json!("v2")),
        ("/authorizers/0/webhook/connectionInfo/type", json!("InClusterConfig")),
        ("/authorizers/0/webhook/connectionInfo/kubeConfigFile", json!("webhook.kubeconfig")),
        ("/authorizers/0/webhook/matchConditions/1/expression", json!("!(")),
        ("/authorizers/0/webhook/matchConditions/1/expression", json!(" ")),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        assert_ne!(mistakes(&bad, 36), [""; 0], "{pointer}");
    }
}

#[test]
fn a_server_too_old_for_match_conditions_is_refused_and_nothing_is_written() {
    for version in ["1.29", "1.29.9", "1.8", "2.0", "latest"] {
        let folder = Folder::new();
        let said = folder.refuses(&["--kubernetes-version", version]);
        assert!(said.contains("--kubernetes-version"), "{said}");
        assert_eq!(folder.files().len(), 0);
    }
}

// ---- whom the webhook is asked about ------------------------------------------------------------

/// Whether the API server asks the webhook (S-ACFG-16).
#[track_caller]
fn is_asked(conditions: &[String], request: &Value) -> bool {
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": request,
    });
    let review = review.to_string();
    let review = IncomingReview::from_json(review.as_bytes()).unwrap();
    let user = review.identity().to_user();
    let asked = Request { user: &user, attributes: review.attributes() };
    // Each is evaluated, so that none can fail unseen behind a false one.
    let values: Vec<bool> = conditions
        .iter()
        .map(|condition| {
            let answer = Expression::compile(condition).unwrap().evaluate(&asked);
            answer.unwrap_or_else(|error| panic!("{condition} about {request}: {error}"))
        })
        .collect();
    values.into_iter().all(|value| value)
}

fn by(user: &str, groups: &[&str]) -> Value {
    json!({"user": user, "uid": "", "groups": groups, "extra": {}})
}

/// A request for a resource, as the expressions see it (S-ACFG-12).
fn resource(user: &str, groups: &[&str], [group, resource, subresource]: [&str; 3]) -> Value {
    let mut request = by(user, groups);
    request["resourceAttributes"] = json!({
        "namespace": "", "verb": "get", "group": group, "version": "v1", "resource": resource,
        "subresource": subresource, "name": "",
    });
    request
}

fn path(user: &str, groups: &[&str], verb: &str, path: &str) -> Value {
    let mut request = by(user, groups);
    request["nonResourceAttributes"] = json!({"verb": verb, "path": path});
    request
}

const PODS: [&str; 3] = ["", "pods", ""];

fn conditions(args: &[&str]) -> Vec<String> {
    let folder = Folder::new();
    folder.init(args);
    let written = folder.yaml("apiserver/authorization-config.yaml");
    expressions(&written["authorizers"][0]["webhook"])
}

#[test]
fn the_control_plane_is_exempt_and_whoever_only_looks_like_it_is_not() {
    let conditions = conditions(&[]);
    const CONTROLLER: &str = "system:serviceaccount:kube-system:replicaset-controller";
    const KUBELET_CLIENT: &str = "kube-apiserver-kubelet-client";
    for request in [
        resource("system:node:a", &["system:nodes", "system:authenticated"], PODS),
        path("system:node:a", &["system:nodes"], "get", "/metrics"),
        resource("system:kube-controller-manager", &["system:authenticated"], PODS),
        resource("system:kube-scheduler", &[], PODS),
        resource("system:kube-proxy", &[], PODS),
        resource("system:serviceaccount:kube-system:kube-proxy", &[], PODS),
        resource(CONTROLLER, &["system:serviceaccounts"], PODS),
        resource(KUBELET_CLIENT, &["kubeadm:cluster-admins"], ["", "nodes", "proxy"]),
    ] {
        assert!(!is_asked(&conditions, &request), "{request}");
    }
    for request in [
        resource("jane", &["system:authenticated"], PODS),
        resource("", &[], PODS),
        // One mark of a node is not enough.
        resource("system:node:a", &["system:authenticated"], PODS),
        resource("mallory", &["system:nodes"], PODS),
        resource("kube-scheduler", &["system:kube-scheduler"], PODS),
        resource("system:kube-scheduler2", &[], PODS),
        // Neither the namespace nor the name alone makes a controller.
        resource("system:serviceaccount:kube-system:coredns", &[], PODS),
        resource("system:serviceaccount:shop:replicaset-controller", &[], PODS),
        resource("mallory", &["system:serviceaccounts:kube-system"], PODS),
        // The API server asks kubelets for these and nothing else by that name.
        resource(KUBELET_CLIENT, &[], PODS),
        resource(KUBELET_CLIENT, &[], ["", "nodes", ""]),
        resource(KUBELET_CLIENT, &[], ["metrics.k8s.io", "nodes", "proxy"]),
        path(KUBELET_CLIENT, &[], "get", "/metrics"),
        // Administrators by RBAC are not a way round; system:masters is.
        resource("kubernetes-admin", &["kubeadm:cluster-admins"], PODS),
        resource("system:bootstrap:abcdef", &["system:bootstrappers"], PODS),
    ] {
        assert!(is_asked(&conditions, &request), "{request}");
    }
}

#[test]
fn probes_of_the_api_server_are_exempt_and_other_paths_are_not() {
    let conditions = conditions(&[]);
    for probe in ["/livez", "/readyz", "/healthz"] {
        let anonymous = ["system:unauthenticated"];
        assert!(!is_asked(&conditions, &path("system:anonymous", &anonymous, "get", probe)));
        assert!(is_asked(&conditions, &path("system:anonymous", &anonymous, "post", probe)));
    }
    for other in ["/livez/ping", "/livez2", "/metrics", "/", "/version", "/healthz/"] {
        assert!(is_asked(&conditions, &path("jane", &[], "get", other)), "{other}");
    }
}

#[test]
fn named_users_and_groups_are_exempt_and_their_neighbours_are_not() {
    let odd = r"o'hara\x";
    let conditions = conditions(&[
        "--exempt-user",
        "jane",
        "--exempt-user",
        odd,
        "--exempt-group",
        "break glass",
    ]);
    for request in [
        resource("jane", &[], PODS),
        resource(odd, &[], PODS),
        path("bob", &["a", "break glass"], "get", "/metrics"),
    ] {
        assert!(!is_asked(&conditions, &request), "{request}");
    }
    for request in [
        resource("jan", &["jane"], PODS),
        resource("o'hara", &[], PODS),
        resource("break glass", &["break"], PODS),
    ] {
        assert!(is_asked(&conditions, &request), "{request}");
    }
}

#[test]
fn groups_of_everybody_cannot_be_exempted() {
    for group in ["system:authenticated", "system:unauthenticated", "system:masters", "", "a\nb"] {
        let folder = Folder::new();
        let said = folder.refuses(&["--exempt-group", group]);
        assert!(said.contains("cannot be exempted"), "{said}");
        assert_eq!(folder.files().len(), 0);
    }
}

#[test]
fn the_report_names_everybody_the_webhook_cannot_stop() {
    let said = Folder::new().init(&["--exempt-user", "jane", "--exempt-group", "break-glass"]);
    for who in [
        "system:masters",
        "/livez",
        "kubelets",
        "kube-controller-manager and kube-scheduler",
        "controllers of kube-controller-manager",
        "kube-proxy",
        "kube-apiserver-kubelet-client",
        "jane",
        "break-glass",
    ] {
        assert!(said.contains(who), "{who}: {said}");
    }
    let (_, exempt) = said.split_once("cannot stop them:").unwrap();
    let exempt = exempt.lines().filter(|line| line.starts_with("  - ")).count();
    let conditions = conditions(&["--exempt-user", "jane", "--exempt-group", "break-glass"]);
    assert_eq!(exempt, conditions.len() + 1, "one line each, and system:masters");
}

// ---- the other files ----------------------------------------------------------------------------

#[test]
fn kubeconfigs_name_files_where_the_api_server_sees_them() {
    let folder = Folder::new();
    folder.init(&["--mounted-at", "/srv/auth/", "--address", "[::1]:7443"]);
    for (file, url) in [
        ("authorization-webhook.kubeconfig", "https://[::1]:7443/authorize"),
        ("token-webhook.kubeconfig", "https://[::1]:7443/authenticate"),
    ] {
        let config = folder.yaml(&format!("apiserver/{file}"));
        assert_eq!(config["current-context"], config["contexts"][0]["name"]);
        let cluster = &config["clusters"][0]["cluster"];
        assert_eq!(cluster["server"], url);
        let user = &config["users"][0]["user"];
        for named in
            [&cluster["certificate-authority"], &user["client-certificate"], &user["client-key"]]
        {
            let name = named.as_str().unwrap().strip_prefix("/srv/auth/").unwrap();
            assert!(folder.out().join("apiserver").join(name).is_file(), "{name}");
        }
    }
    let written = folder.yaml("apiserver/authorization-config.yaml");
    assert_eq!(
        written["authorizers"][0]["webhook"]["connectionInfo"]["kubeConfigFile"],
        "/srv/auth/authorization-webhook.kubeconfig"
    );
}

#[test]
fn flags_are_the_same_for_every_way_to_pass_them() {
    let folder = Folder::new();
    folder.init(&[]);
    let text = folder.text("kube-apiserver-flags.txt");
    let flags: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("--").map(|flag| flag.split_once('=').unwrap()))
        .collect();
    assert_eq!(
        flags,
        [
            ("authorization-config", "/etc/kubernetes/portcullis/authorization-config.yaml"),
            (
                "authentication-token-webhook-config-file",
                "/etc/kubernetes/portcullis/token-webhook.kubeconfig"
            ),
            ("authentication-token-webhook-version", "v1"),
            ("authentication-token-webhook-cache-ttl", "10s"),
        ]
    );
    let newer = folder.yaml("kubeadm.yaml");
    assert_eq!(newer["apiVersion"], "kubeadm.k8s.io/v1beta4");
    let folder = Folder::new();
    folder.init(&["--kubernetes-version", "1.30"]);
    let older = folder.yaml("kubeadm.yaml");
    assert_eq!(older["apiVersion"], "kubeadm.k8s.io/v1beta3");
    for (index, (name, value)) in flags.iter().enumerate() {
        let newer = &newer["apiServer"]["extraArgs"][index];
        assert_eq!(*newer, json!({"name": name, "value": value}));
        assert_eq!(older["apiServer"]["extraArgs"][name], *value);
    }
}

#[test]
fn the_server_accepts_its_configuration() {
    for (args, listen, operations) in [
        (&[][..], "127.0.0.1:9443", "127.0.0.1:9444"),
        (&["--address", "127.0.0.1:9444"], "127.0.0.1:9444", "127.0.0.1:9445"),
        (&["--address", "auth.example:9443"], "0.0.0.0:9443", "127.0.0.1:9444"),
        (&["--address", "10.96.0.53:443", "--listen", "[::]:9443"], "[::]:9443", "127.0.0.1:9444"),
    ] {
        let folder = Folder::new();
        folder.init(args);
        let path = folder.out().join("server/server.yaml");
        let config = ServerConfig::parse(&path, &fs::read(&path).unwrap()).unwrap();
        assert_eq!(config.listen.address.to_string(), listen);
        assert_eq!(config.operations.address.to_string(), operations);
        assert_eq!(config.listen.tls.allowed_clients, ["kube-apiserver"]);
        assert_eq!(config.authorizers, [AuthorizerConfig::Rbac]);
        let tls = &config.listen.tls;
        let named = [&tls.certificate_file, &tls.key_file, tls.client_ca_file.as_ref().unwrap()];
        for file in named.into_iter().chain(&config.policy.paths) {
            assert!(file.path.exists(), "{}", file.path.display());
        }
    }
}

/// The exit code and standard error of a command.
fn portcullis(args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let ran = command.args(args).stdin(Stdio::null()).output().unwrap();
    (ran.status.code(), String::from_utf8(ran.stderr).unwrap())
}

#[test]
fn the_server_would_start_with_everything_as_it_was_written() {
    let folder = Folder::new();
    folder.init(&[]);
    let config = folder.out().join("server/server.yaml");
    let config = config.to_str().unwrap();
    let (code, said) = portcullis(&["check", "--config", config]);
    assert_eq!(code, Some(0), "{said}");
    fs::remove_file(folder.out().join("server/tls.key")).unwrap();
    assert_ne!(portcullis(&["check", "--config", config]).0, Some(0));
}

#[test]
fn the_sample_policy_grants_in_a_made_up_namespace_and_nowhere_else() {
    let folder = Folder::new();
    folder.init(&[]);
    let policy = folder.out().join("server/policy");
    let can = |namespace, group| {
        let policy = policy.to_str().unwrap();
        let asked = ["can-i", "get", "pods", "-n", namespace, "--as", "x", "--as-group", group];
        portcullis(&[&asked[..], &["-f", policy]].concat()).0
    };
    assert_eq!(can("portcullis-example", "portcullis-example"), Some(0));
    assert_eq!(can("default", "portcullis-example"), Some(1));
    assert_eq!(can("portcullis-example", "shop"), Some(1));
}

#[test]
fn addresses_names_and_paths_that_cannot_work_are_refused() {
    for args in [
        ["--address", "0.0.0.0:9443"],
        ["--address", "127.0.0.1"],
        ["--address", "https://127.0.0.1:9443"],
        ["--server-name", "a b"],
        ["--server-name", "https://a.example"],
        ["--mounted-at", "relative/path"],
        ["--mounted-at", "/with space"],
        ["--mounted-at", "/a:b"],
        ["--listen", "auth.example:9443"],
    ] {
        let folder = Folder::new();
        folder.refuses(&args);
        assert_eq!(folder.files().len(), 0, "{args:?}");
    }
}

// ---- writing ------------------------------------------------------------------------------------

#[test]
#[cfg(unix)]
fn keys_are_readable_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    folder.init(&[]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut keys = 0;
    for (path, content) in folder.files() {
        if String::from_utf8(content).unwrap().contains("PRIVATE KEY") {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            assert_eq!(mode(path.parent().unwrap()), 0o700);
            keys += 1;
        }
    }
    assert_eq!(keys, 3);
    // The API server's folder holds no key of the server, and the other way round.
    let part = |name: &str| fs::read_dir(folder.out().join(name)).unwrap();
    let keys = |name| {
        part(name).filter(|e| e.as_ref().unwrap().path().extension().is_some_and(|x| x == "key"))
    };
    assert_eq!((keys("apiserver").count(), keys("server").count()), (1, 1));
}

#[test]
fn what_is_there_is_not_written_over() {
    let folder = Folder::new();
    folder.init(&[]);
    let before = folder.files();
    let said = folder.refuses(&[]);
    assert!(said.contains("nothing was written") && said.contains("--force"), "{said}");
    assert_eq!(folder.files(), before);
}

#[test]
fn one_file_in_the_way_is_enough_to_write_none() {
    let folder = Folder::new();
    fs::create_dir(folder.out()).unwrap();
    fs::write(folder.out().join("kubeadm.yaml"), "mine").unwrap();
    folder.refuses(&[]);
    assert_eq!(folder.files().len(), 1);
    assert_eq!(folder.text("kubeadm.yaml"), "mine");
}

#[test]
fn a_folder_with_other_things_in_it_keeps_them() {
    let folder = Folder::new();
    fs::create_dir(folder.out()).unwrap();
    fs::write(folder.out().join("notes.txt"), "mine").unwrap();
    folder.init(&[]);
    assert_eq!(folder.text("notes.txt"), "mine");
    assert_eq!(folder.files().len(), 16, "nothing temporary is left: {:?}", folder.files());
}

#[test]
fn force_replaces_what_was_generated_and_keeps_the_policy() {
    let folder = Folder::new();
    folder.init(&[]);
    let authority = folder.text("ca/ca.crt");
    fs::write(folder.out().join("server/policy/policy.yaml"), "# mine\n").unwrap();
    folder.init(&["--force", "--address", "127.0.0.1:7443"]);
    assert_eq!(folder.text("server/policy/policy.yaml"), "# mine\n");
    assert_ne!(folder.text("ca/ca.crt"), authority);
    assert!(folder.text("server/server.yaml").contains("127.0.0.1:7443"));
    assert_eq!(folder.files().len(), 15);
}

#[test]
fn renewal_changes_the_certificates_and_nothing_else() {
    let folder = Folder::new();
    folder.init(&[]);
    let before = folder.files();
    folder.init(&["--renew"]);
    let after = folder.files();
    let changed: Vec<&str> = before
        .iter()
        .zip(&after)
        .filter(|(before, after)| before != after)
        .map(|((path, _), _)| path.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(changed, ["client.crt", "client.key", "tls.crt", "tls.key"]);
    assert_eq!(before.len(), after.len());
}

#[test]
fn renewal_without_the_authority_is_refused_and_changes_nothing() {
    let folder = Folder::new();
    folder.init(&[]);
    fs::remove_file(folder.out().join("ca/ca.key")).unwrap();
    let before = folder.files();
    let said = folder.refuses(&["--renew"]);
    assert!(said.contains("ca.key"), "{said}");
    assert_eq!(folder.files(), before);

    let other = Folder::new();
    other.init(&[]);
    fs::copy(other.out().join("ca/ca.key"), folder.out().join("ca/ca.key")).unwrap();
    let before = folder.files();
    folder.refuses(&["--renew"]);
    assert_eq!(folder.files(), before);
}

#[test]
fn a_place_that_cannot_be_written_to_is_named() {
    let folder = Folder::new();
    fs::write(folder.out(), "a file").unwrap();
    let said = folder.refuses(&[]);
    assert!(said.contains("cannot be written"), "{said}");
    assert_eq!(folder.files().len(), 1);
}
