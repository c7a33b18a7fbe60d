//! `init rbac`: what it writes grants exactly what the configuration makes the server ask for; and
//! `init apiserver --from-cluster`, whose configuration it is written for.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use portcullis::model::{Request, ResourceAttributes, User};
use portcullis::snapshot::{self, Config, Mode, Snapshot};
use portcullis::source::{self, LoadOptions};
use portcullis::webhook::config::{AuthorizerConfig, ServerConfig};

use super::Folder;

const WHO: &str = "system:serviceaccount:portcullis-system:portcullis";

fn init_rbac(folder: &Path, more: &str, args: &[&str]) -> Output {
    let file = folder.join("server.yaml");
    let text = format!(
        "apiVersion: portcullis.dev/v1alpha1\nkind: ServerConfiguration\n\
         listen: {{address: '127.0.0.1:0', tls: {{certificateFile: a, keyFile: b}}}}\n{more}"
    );
    fs::write(&file, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(["init", "rbac", "--config"]).arg(&file).args(args);
    command.stdin(Stdio::null()).output().unwrap()
}

fn written(more: &str, args: &[&str]) -> (String, Snapshot) {
    let folder = tempfile::tempdir().unwrap();
    let output = init_rbac(folder.path(), more, args);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let loaded = source::parse("rbac.yaml", text.as_bytes(), &LoadOptions::default()).unwrap();
    assert!(loaded.report.skipped.is_empty() && loaded.report.notices.is_empty(), "{text}");
    let snapshot = snapshot::compile(&loaded.inventory, &Config::new([Mode::Rbac])).unwrap();
    (text, snapshot)
}

fn may(snapshot: &Snapshot, who: &str, verb: &str, what: (&str, &str, &str, &str)) -> bool {
    let (namespace, group, resource, name) = what;
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let user = User::new(who);
    let attributes = ResourceAttributes {
        namespace,
        group,
        subresource,
        name,
        ..ResourceAttributes::new(verb, resource)
    };
    snapshot.authorize(&Request::resource(&user, attributes)).is_allowed()
}

const RBAC: &str = "rbac.authorization.k8s.io";

#[test]
fn a_server_of_roles_and_bindings_may_read_these_and_nothing_else() {
    let (text, snapshot) = written(
        "cluster: {inCluster: true}\npolicy: {fromCluster: true}\nauthorizers: [{type: RBAC}]\n",
        &[],
    );
    for resource in ["roles", "clusterroles", "rolebindings", "clusterrolebindings"] {
        for verb in ["list", "watch"] {
            assert!(
                may(&snapshot, WHO, verb, ("", RBAC, resource, "")),
                "{verb} {resource}\n{text}"
            );
        }
        for verb in ["get", "create", "update", "bind", "escalate"] {
            assert!(!may(&snapshot, WHO, verb, ("", RBAC, resource, "")), "{verb} {resource}");
        }
        assert!(!may(
            &snapshot,
            "system:serviceaccount:shop:portcullis",
            "list",
            ("", RBAC, resource, "")
        ));
    }
    for resource in ["pods", "secrets", "configmaps", "serviceaccounts"] {
        assert!(!may(&snapshot, WHO, "list", ("", "", resource, "")), "{resource}");
    }
    assert!(!text.contains("Secrets of"), "{text}");
}

#[test]
fn secrets_are_granted_in_the_namespace_that_has_to_be_read_and_that_is_remarked() {
    let (text, snapshot) = written(
        "cluster: {inCluster: true}\npolicy: {fromCluster: true}\nauthorizers: [{type: RBAC}]\n\
         authenticators: [{bootstrapTokens: {}}]\n",
        &[],
    );
    assert!(may(&snapshot, WHO, "watch", ("kube-system", "", "secrets", "")), "{text}");
    for namespace in ["", "default"] {
        assert!(!may(&snapshot, WHO, "watch", (namespace, "", "secrets", "")), "{namespace}");
    }
    assert!(!may(&snapshot, WHO, "get", ("kube-system", "", "secrets", "bootstrap-token-abcdef")));
    assert!(text.contains("# Secrets of kube-system: "), "{text}");
}

#[test]
fn shared_facts_and_signers_may_write_what_is_theirs() {
    let (text, snapshot) = written(
        "cluster: {inCluster: true, facts: {namespace: portcullis-system}}\n\
         policy: {fromCluster: true}\nauthorizers: [{type: RBAC}]\n\
         signers:\n- signerName: example.com/people\n  authority: {certificateFile: c, keyFile: k}\n  policy: p\n",
        &[],
    );
    const CERTIFICATES: &str = "certificates.k8s.io";
    for verb in ["get", "list", "watch", "create", "update"] {
        assert!(may(&snapshot, WHO, verb, ("portcullis-system", "", "configmaps", "")), "{verb}");
        assert!(!may(&snapshot, WHO, verb, ("kube-system", "", "configmaps", "")), "{verb}");
    }
    assert!(!may(&snapshot, WHO, "delete", ("portcullis-system", "", "configmaps", "x")));
    let requests = "certificatesigningrequests";
    assert!(may(&snapshot, WHO, "watch", ("", CERTIFICATES, requests, "")), "{text}");
    let of = |part: &str| format!("{requests}/{part}");
    assert!(may(&snapshot, WHO, "update", ("", CERTIFICATES, &of("status"), "r")));
    // Nobody said that it approves.
    assert!(!may(&snapshot, WHO, "update", ("", CERTIFICATES, &of("approval"), "r")));
    assert!(may(&snapshot, WHO, "sign", ("", CERTIFICATES, "signers", "example.com/people")));
    assert!(!may(&snapshot, WHO, "approve", ("", CERTIFICATES, "signers", "example.com/people")));
    assert!(!may(&snapshot, WHO, "sign", ("", CERTIFICATES, "signers", "example.com/others")));
}

#[test]
fn it_is_written_for_whom_it_is_said() {
    let follows =
        "cluster: {inCluster: true}\npolicy: {fromCluster: true}\nauthorizers: [{type: RBAC}]\n";
    let (_, snapshot) = written(follows, &["--user", "porter: \"x\"", "--name", "watcher"]);
    assert!(may(&snapshot, "porter: \"x\"", "list", ("", RBAC, "roles", "")));
    assert!(!may(&snapshot, WHO, "list", ("", RBAC, "roles", "")));
    let (_, snapshot) = written(follows, &["--service-account", "shop/porter"]);
    assert!(may(&snapshot, "system:serviceaccount:shop:porter", "list", ("", RBAC, "roles", "")));
    let folder = tempfile::tempdir().unwrap();
    for (more, args, says) in [
        ("policy: {paths: [p]}\nauthorizers: [{type: RBAC}]\n", vec![], "follows no cluster"),
        (follows, vec!["--service-account", "porter"], "NAMESPACE/NAME"),
        (follows, vec!["--name", "a\nb"], "lower-case"),
        ("authorizers: [{type: RBAC}]\n", vec![], "`policy"),
    ] {
        let output = init_rbac(folder.path(), more, &args);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn from_cluster_writes_a_configuration_that_follows_it_and_never_asks_about_itself() {
    let folder = Folder::new();
    let said = folder.init(&["--from-cluster"]);
    assert!(said.contains("init rbac"), "{said}");
    let text = folder.text("server/server.yaml");
    let config = ServerConfig::parse("server.yaml", text.as_bytes()).unwrap();
    assert!(config.policy.from_cluster && config.cluster.is_some());
    assert_eq!(config.authorizers, [AuthorizerConfig::Rbac]);
    assert!(!folder.out().join("server/policy").exists());
    let authorization = folder.text("apiserver/authorization-config.yaml");
    assert!(authorization.contains(WHO), "{authorization}");
    // And what grants it.
    let file = folder.out().join("server/server.yaml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let output = command.args(["init", "rbac", "--config"]).arg(file).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");

    let other = Folder::new();
    let said = other.refuses(&["--from-cluster=admin.kubeconfig"]);
    assert!(said.contains("--exempt-user"), "{said}");
    other.init(&["--from-cluster=admin.kubeconfig", "--exempt-user", "porter"]);
    let text = other.text("server/server.yaml");
    assert!(text.contains("kubeconfig: \"admin.kubeconfig\""), "{text}");
    ServerConfig::parse("server.yaml", text.as_bytes()).unwrap();
}

#[test]
fn what_a_server_that_follows_a_cluster_would_not_start_with_is_found_before() {
    let folder = Folder::new();
    folder.init(&["--from-cluster"]);
    let server = folder.out().join("server");
    let file = server.join("server.yaml");
    let text = folder.text("server/server.yaml").replace(
        "inCluster: true",
        "kubeconfig: cluster.kubeconfig\n  facts: {namespace: portcullis-facts}",
    );
    let check = |text: &str| {
        fs::write(&file, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        let output = command.args(["check", "--config"]).arg(&file).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = check(&text);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("`cluster.kubeconfig`: the kubeconfig does not say"), "{said}");
    let kubeconfig = "\
        {current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}],
         clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1'}}],
         users: [{name: a, user: {exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never,
                                         command: /never/run}}}]}";
    fs::write(server.join("cluster.kubeconfig"), kubeconfig).unwrap();
    let (code, said) = check(&text);
    assert_eq!(code, Some(0), "{said}");
    let signers = "signers:\n- signerName: example.com/people\n  \
                   authority: {certificateFile: ../ca/ca.crt, keyFile: ../ca/ca.key}\n  policy: rules.yaml\n";
    let (code, said) = check(&format!("{text}{signers}"));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("`signers[0].policy`"), "{said}");
}
