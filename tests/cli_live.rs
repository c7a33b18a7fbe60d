//! `--live` and `snapshot save`: the command against an API server, and against none.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::apiserver::ApiServer;

const RBAC: &str = "rbac.authorization.k8s.io/v1";
const GROUP: &str = "rbac.authorization.k8s.io";

#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        let ran = Self { code, out: text(output.stdout), err: text(output.stderr) };
        assert!(!ran.err.contains("panicked"), "{ran:?}");
        ran
    }
}

/// A cluster, and somebody who asks about it at home.
struct Site {
    server: ApiServer,
    home: tempfile::TempDir,
}

fn role(kind: &str, namespace: &str, name: &str, rules: Value) -> Value {
    let metadata = json!({"namespace": namespace, "name": name});
    json!({"apiVersion": RBAC, "kind": kind, "metadata": metadata, "rules": rules})
}

fn binding(kind: &str, namespace: &str, name: &str, role: (&str, &str), subject: Value) -> Value {
    let role = json!({"apiGroup": GROUP, "kind": role.0, "name": role.1});
    let metadata = json!({"namespace": namespace, "name": name});
    json!({
        "apiVersion": RBAC, "kind": kind, "metadata": metadata, "roleRef": role, "subjects": [subject],
    })
}

fn user(name: &str) -> Value {
    json!({"apiGroup": GROUP, "kind": "User", "name": name})
}

fn core(kind: &str, namespace: &str, name: &str) -> Value {
    let metadata = json!({
        "namespace": namespace, "name": name,
        "managedFields": [{"manager": "kubectl", "operation": "Update"}],
    });
    json!({"apiVersion": "v1", "kind": kind, "metadata": metadata})
}

fn with(mut object: Value, field: &str, value: Value) -> Value {
    object[field] = value;
    object
}

fn objects() -> Vec<Value> {
    let rule = |group: &str, resource: &str, verb: &str| json!([{"apiGroups": [group], "resources": [resource], "verbs": [verb]}]);
    let web = json!({
        "nodeName": "n1", "serviceAccountName": "ci",
        "containers": [{"name": "c", "image": "i", "env": [{"name": "P", "value": "hidden-in-a-pod"}]}],
        "volumes": [
            {"name": "a", "secret": {"secretName": "tls"}},
            {"name": "b", "persistentVolumeClaim": {"claimName": "data"}},
        ],
    });
    let volume = json!({
        "claimRef": {"namespace": "shop", "name": "data"},
        "csi": {"driver": "d", "nodePublishSecretRef": {"namespace": "infra", "name": "disk"}},
    });
    let attachment =
        json!({"attacher": "d", "nodeName": "n1", "source": {"persistentVolumeName": "pv"}});
    let widgets = json!({
        "group": "example.com", "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "shortNames": ["wd"]},
        "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                      "schema": {"openAPIV3Schema": {"type": "object"}}}],
    });
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"}, "spec": widgets,
    });
    let account = json!({"kind": "ServiceAccount", "namespace": "shop", "name": "ci"});
    let aggregated = json!({
        "apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": "all"},
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"to": "all"}}]},
        "rules": [{"apiGroups": ["example.com"], "resources": ["widgets"], "verbs": ["list"]}],
    });
    let mut part = role("ClusterRole", "", "part", rule("example.com", "widgets", "list"));
    part["metadata"]["labels"] = json!({"to": "all"});
    vec![
        role("ClusterRole", "", "secrets", rule("", "secrets", "get")),
        aggregated,
        part,
        role("Role", "shop", "pods", rule("", "pods", "get")),
        binding("ClusterRoleBinding", "", "audit", ("ClusterRole", "secrets"), user("sue")),
        binding("RoleBinding", "shop", "jane", ("Role", "pods"), user("jane")),
        binding("RoleBinding", "shop", "ci", ("ClusterRole", "all"), account),
        core("Namespace", "", "shop"),
        core("Namespace", "", "infra"),
        core("ServiceAccount", "shop", "ci"),
        core("Node", "", "n1"),
        with(core("Pod", "shop", "web"), "spec", web),
        with(core("PersistentVolume", "", "pv"), "spec", volume),
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment",
               "metadata": {"name": "va"}, "spec": attachment}),
        definition,
        with(core("Secret", "shop", "tls"), "data", json!({"tls.key": "aGlkZGVuIGtleQ=="})),
    ]
}

impl Site {
    fn new() -> Self {
        let site = Self { server: ApiServer::start(), home: tempfile::tempdir().unwrap() };
        site.server.load(objects());
        fs::create_dir(site.path(".kube")).unwrap();
        site.server.kubeconfig(&site.path(".kube/config"));
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(args).current_dir(self.home.path()).env("HOME", self.home.path());
        for variable in ["KUBECONFIG", "KUBERNETES_SERVICE_HOST", "https_proxy", "HTTPS_PROXY"] {
            command.env_remove(variable);
        }
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    #[track_caller]
    fn ends(&self, args: &[&str], code: i32) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code, code, "{args:?}: {ran:?}");
        ran
    }

    /// `can-i … --live`, in namespace shop.
    #[track_caller]
    fn can_i(&self, question: &str, more: &[&str], code: i32) -> Ran {
        let words = question.split(' ').collect::<Vec<_>>();
        let rest = ["-n", "shop", "--live"];
        self.ends(&[&["can-i"], &words[..], &rest, more].concat(), code)
    }
}

#[test]
fn can_i_is_answered_by_the_cluster_as_it_is_now() {
    let site = Site::new();
    let yes = site.can_i("get pods --as jane", &["--explain"], 0);
    assert!(yes.out.starts_with("yes") && yes.out.contains("RoleBinding"), "{yes:?}");
    assert_eq!(yes.err, "", "{yes:?}");
    let no = site.can_i("delete pods --as jane", &[], 1);
    assert_eq!(no.err, "", "{no:?}");
    assert!(site.server.delete("RoleBinding", "shop", "jane"));
    site.can_i("get pods --as jane", &[], 1);
    // Nothing is read that is not needed, and Secrets never are.
    for not in ["pods", "nodes", "secrets", "serviceaccounts", "persistentvolumes"] {
        assert_eq!(site.server.asked("list", not), 0, "{not}");
    }
    assert_eq!(site.server.asked("watch", "roles"), 0);
}

#[test]
fn names_of_the_cluster_are_known_and_mistyped_ones_are_told() {
    let site = Site::new();
    let yes = site.can_i("list wd --as-sa shop/ci", &[], 0);
    assert_eq!(yes.err, "");
    let typo = site.can_i("list wd --as-sa shop/cli", &[], 1);
    assert!(typo.err.contains("no service account `shop/cli`"), "{typo:?}");
    site.can_i("list widgets --as-pod shop/web", &["-q"], 0);
    let ran = site.ends(&["can-i", "get", "pods", "--as", "jane", "-n", "shpo", "--live"], 1);
    assert!(ran.err.contains("namespace `shpo` is not among"), "{ran:?}");
}

#[test]
fn kubelets_are_answered_by_the_pods_and_volumes_of_the_cluster() {
    let site = Site::new();
    let node = ["--mode", "Node,RBAC"];
    let yes = site.can_i("get secrets/tls --as-node n1", &node, 0);
    assert_eq!(yes.err, "", "{yes:?}");
    site.can_i("get secrets/tls --as-node n2", &[&node[..], &["-q"]].concat(), 1);
    let disk = ["can-i", "get", "secrets/disk", "-n", "infra", "--as-node", "n1", "--live"];
    site.ends(&[&disk[..], &node].concat(), 0);
}

#[test]
fn every_verb_can_ask_the_cluster() {
    let site = Site::new();
    let who = site.ends(&["who-can", "get", "secrets", "-n", "shop", "--live", "-o", "name"], 0);
    assert_eq!(who.out, "Group/system:masters\nUser/sue\n", "{who:?}");
    let rules = site.ends(&["rules", "--as", "jane", "-n", "shop", "--live"], 0);
    assert!(rules.out.contains("pods"), "{rules:?}");
    let question =
        json!({"user": "sue", "resourceAttributes": {"verb": "get", "resource": "secrets"}});
    fs::write(site.path("q"), question.to_string()).unwrap();
    let ran = site.ends(&["authorize", "--queries", "q", "--live"], 0);
    assert!(ran.out.starts_with(r#"{"allowed":true"#), "{ran:?}");
    let check = site.ends(&["check", "--live", "--fail-on", "warning"], 0);
    assert!(check.err.contains("objects looked over"), "{check:?}");
    let gone = json!({"kind": "ServiceAccount", "namespace": "shop", "name": "gone"});
    site.server.put(binding("RoleBinding", "shop", "gone", ("Role", "no"), gone));
    let check = site.ends(&["check", "--live", "--fail-on", "warning"], 1);
    assert!(check.out.contains("shop/gone"), "{check:?}");
}

#[test]
fn what_may_not_be_listed_is_told_and_makes_doubtful_what_may_depend_on_it() {
    let site = Site::new();
    site.server.forbid("rolebindings");
    let told =
        "warning: rolebindings cannot be listed, so grants in namespaces are missing: forbidden";
    let yes = site.can_i("get secrets --as sue", &[], 0);
    assert!(yes.err.contains(told), "{yes:?}");
    assert_eq!(yes.err.lines().count(), 1, "{yes:?}");
    let no = site.can_i("get pods --as jane", &["-q"], 3);
    assert!(no.out.starts_with("no") && no.err.contains(told), "{no:?}");
    assert!(no.err.contains("the answer may be incomplete"), "{no:?}");
    // Cluster-wide only grants for the whole cluster count.
    site.ends(&["can-i", "get", "pods", "-A", "--as", "jane", "--live"], 1);
    let who = site.ends(&["who-can", "get", "pods", "-n", "shop", "--live"], 3);
    assert!(who.err.contains("the list may be incomplete"), "{who:?}");
    site.ends(&["rules", "--as", "jane", "-n", "shop", "--live"], 3);
    let check = site.ends(&["check", "--live"], 3);
    assert!(check.err.contains("the findings may be wrong or incomplete"), "{check:?}");
    for (user, code) in [("sue", 0), ("jane", 3)] {
        let attributes = json!({"verb": "get", "resource": "secrets", "namespace": "shop"});
        let question = json!({"user": user, "resourceAttributes": attributes});
        fs::write(site.path("q"), question.to_string()).unwrap();
        site.ends(&["authorize", "--queries", "q", "--live"], code);
    }
    site.server.allow("rolebindings");
    site.server.forbid("clusterroles");
    site.ends(&["can-i", "get", "pods", "-A", "--as", "jane", "--live"], 3);
    site.can_i("get pods --as jane", &[], 0);
}

#[test]
fn pods_that_may_not_be_listed_matter_to_kubelets_alone() {
    let site = Site::new();
    site.server.forbid("pods");
    let node = ["--mode", "Node,RBAC", "-q"];
    let no = site.can_i("get secrets/tls --as-node n1", &node, 3);
    assert!(no.err.contains("pods cannot be listed, so what kubelets may do"), "{no:?}");
    site.can_i("get secrets/tls --as jane", &node, 1);
    // Old API servers have no slices, and then there are none.
    site.server.allow("pods");
    site.server.unserve("resourceslices");
    let no = site.can_i("get secrets/other --as-node n1", &node[..2], 1);
    assert!(no.err.contains("note: this API server has no resourceslices"), "{no:?}");
}

#[test]
fn definitions_that_may_not_be_listed_matter_to_names_that_are_not_known() {
    let site = Site::new();
    site.server.forbid("customresourcedefinitions");
    let no = site.can_i("list widgets --as-sa shop/ci", &[], 3);
    assert!(no.err.contains("names of custom resources are not known"), "{no:?}");
    // Whoever may list everything of the core group may not list widgets of another.
    let rules = json!([{"apiGroups": [""], "resources": ["*"], "verbs": ["list"]}]);
    site.server.put(role("ClusterRole", "", "core", rules));
    site.server.put(binding(
        "ClusterRoleBinding",
        "",
        "core",
        ("ClusterRole", "core"),
        user("corey"),
    ));
    for name in ["widgets", "widgets.example.com"] {
        let question = format!("list {name} --as corey");
        let yes = site.can_i(&question, &[], 3);
        assert!(yes.err.contains("the answer may be incomplete"), "{yes:?}");
        site.server.allow("customresourcedefinitions");
        site.can_i(&question, &[], 1);
        site.server.forbid("customresourcedefinitions");
    }
    site.can_i("list pods --as corey", &[], 0);
    // Of whoever may not act as another it is not known, either.
    site.can_i("list widgets --as jane --by sue", &[], 3);
    site.can_i("list pods --as jane --by sue", &[], 1);
    site.can_i("get secrets --as jane", &[], 1);
    site.can_i("get secrets --as sue", &[], 0);
}

#[test]
fn a_role_that_cannot_be_read_is_told_and_makes_a_no_doubtful() {
    let site = Site::new();
    let rules = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": "get"}]);
    site.server.put(role("Role", "shop", "odd", rules));
    let no = site.can_i("delete pods --as jane", &[], 3);
    assert!(no.err.contains("Role `shop/odd` skipped"), "{no:?}");
    site.can_i("get pods --as jane", &[], 0);
    let ran = site.run(&["can-i", "get", "pods", "--as", "jane", "--live", "--strict"]);
    assert!(ran.code == 2 && ran.err.contains("Role `shop/odd`"), "{ran:?}");
}

#[test]
fn who_cannot_be_asked_is_told_within_seconds_and_what_to_do_about_it() {
    let site = Site::new();
    let ask = ["can-i", "get", "pods", "--as", "jane", "--live"];
    let refused = |more: &[&str], told: &[&str]| {
        let begun = Instant::now();
        let ran = site.ends(&[&ask[..], more].concat(), 2);
        assert!(begun.elapsed() < Duration::from_secs(8), "{more:?} {:?}", begun.elapsed());
        assert_eq!(ran.out, "");
        for told in told {
            assert!(ran.err.contains(told), "{more:?}: {told}: {}", ran.err);
        }
        let errors = ran.err.lines().filter(|line| line.starts_with("error: ")).count();
        assert_eq!(errors, 1, "{}", ran.err);
        println!("{}", ran.err.trim_end());
    };
    refused(
        &["--context", "prod"],
        &["no cluster can be asked; check context `prod` of ~/.kube/config, or name"],
    );
    refused(
        &["--kubeconfig", "none"],
        &["check --kubeconfig `none`, or name another with --kubeconfig and --context: "],
    );
    fs::write(site.path("broken"), "clusters: {").unwrap();
    refused(&["--kubeconfig", "broken"], &["check --kubeconfig `broken`, "]);
    let usual = fs::read_to_string(site.path(".kube/config")).unwrap();
    let token = site.server.token();
    let broken = usual.replace(&token, "\"not\\na-token\"");
    fs::write(site.path("lines"), broken).unwrap();
    refused(&["--kubeconfig", "lines"], &["the token has a line break"]);

    // Nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let usual = fs::read_to_string(site.path(".kube/config")).unwrap();
    let nowhere = format!("https://127.0.0.1:{port}");
    fs::write(site.path("down"), usual.replace(&site.server.url(), &nowhere)).unwrap();
    refused(&["--kubeconfig", "down"], &[&nowhere, "cannot be asked; check that it runs"]);
    // Nobody answers there.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", silent.local_addr().unwrap());
    fs::write(site.path("mute"), usual.replace(&site.server.url(), &address)).unwrap();
    refused(&["--kubeconfig", "mute"], &[&address, "that --kubeconfig `mute` means it"]);
    // Another authority, and other credentials.
    site.server.set_token("another-token");
    refused(&[], &["does not accept the credentials"]);
    let other = ApiServer::start();
    fs::write(site.path("other"), usual.replace(&site.server.url(), &other.url())).unwrap();
    refused(&["--kubeconfig", "other"], &[&other.url(), "certificate"]);

    fs::remove_dir_all(site.path(".kube")).unwrap();
    refused(&[], &["check ~/.kube/config, or name another"]);
}

#[test]
fn the_kubeconfig_is_found_as_kubectl_finds_it() {
    let site = Site::new();
    let ask = ["can-i", "get", "pods", "-n", "shop", "--as", "jane", "--live"];
    site.ends(&[&ask[..], &["--context", "test"]].concat(), 0);
    fs::rename(site.path(".kube/config"), site.path("elsewhere")).unwrap();
    site.ends(&ask, 2);
    site.ends(&[&ask[..], &["--kubeconfig", "elsewhere"]].concat(), 0);
    let ran: Ran = site.command(&ask).env("KUBECONFIG", "elsewhere").output().unwrap().into();
    assert_eq!(ran.code, 0, "{ran:?}");
    site.server.kubeconfig_of_certificate(&site.path("elsewhere"));
    site.ends(&[&ask[..], &["--kubeconfig", "elsewhere"]].concat(), 0);
}

#[test]
fn namespaces_of_the_cluster_inherit_by_their_labels() {
    let site = Site::new();
    let labels = json!({"team.tree.hnc.x-k8s.io/depth": "0", "shop.tree.hnc.x-k8s.io/depth": "1"});
    site.server.put(json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team", "labels": labels},
    }));
    let ask = ["can-i", "get", "pods", "-n", "team", "--as", "jane", "--live", "-q"];
    site.ends(&ask, 1);
    let inherit = [&ask[..], &["--hierarchy", "labels"]].concat();
    site.ends(&inherit, 0);
    site.server.forbid("namespaces");
    site.ends(&ask, 1);
    // Without them nobody knows what is above what, so nothing is answered.
    let ran = site.ends(&inherit, 2);
    assert!(ran.err.contains("no Namespace object among what was read"), "{ran:?}");
}

#[test]
fn flags_that_do_not_go_together_are_refused_with_the_reason() {
    let site = Site::new();
    let ask = ["can-i", "get", "pods", "--as", "jane"];
    for (more, told) in [
        (&["--live", "-f", "x.yaml"][..], "leave out one of them"),
        (&["--context", "test", "-f", "x.yaml"], "--context says which cluster is asked"),
        (&["--kubeconfig", "k", "--with-defaults"], "--kubeconfig says which cluster is asked"),
        (&["--live", "--rego", "x.rego"], "policies in Rego may look at labels"),
        (&["--live", "--with-defaults"], "roles and bindings that the cluster has"),
    ] {
        let ran = site.ends(&[&ask[..], more].concat(), 2);
        assert!(ran.err.contains(told), "{more:?}: {}", ran.err);
    }
    let ran = site.ends(&["check", "--live", "--apiserver-flags", "x"], 2);
    assert!(ran.err.contains("leave out one of the two"), "{}", ran.err);
    assert!(site.server.requests().is_empty());
    let ran = site.ends(&["can-i", "get", "pods", "--as", "jane"], 2);
    assert!(ran.err.contains("ask a cluster with --live"), "{}", ran.err);
}

/// Questions that together depend on everything that is saved.
fn answers(site: &Site, from: &[&str]) -> Vec<(i32, String)> {
    let node = ["--mode", "Node,RBAC", "-q"];
    let questions: [&[&str]; 9] = [
        &["who-can", "get", "secrets", "-n", "shop", "--expand", "-o", "name"],
        &["who-can", "list", "widgets", "-n", "shop", "--expand", "-o", "name"],
        &["who-can", "get", "secrets/disk", "-n", "infra", "-o", "name"],
        &["rules", "--as", "jane", "-n", "shop"],
        &["can-i", "get", "secrets/tls", "-n", "shop", "--as-node", "n1"],
        &["can-i", "get", "secrets/tls", "-n", "shop", "--as-node", "n2"],
        &["can-i", "list", "wd", "-n", "shop", "--as-pod", "shop/web"],
        &["can-i", "update", "widgets", "--subresource", "status", "-n", "shop", "--as", "jane"],
        &["check", "-o", "name"],
    ];
    let ask = |question: &&[&str]| {
        let ran = site.run(&[question, &node[..], from].concat());
        assert_ne!(ran.code, 2, "{question:?}: {ran:?}");
        (ran.code, ran.out)
    };
    questions.iter().map(ask).collect()
}

#[test]
fn a_snapshot_answers_as_the_cluster_did() {
    let site = Site::new();
    let live = answers(&site, &["--live"]);
    assert!(live[2].1.contains("system:node:n1") && live[4].0 == 0 && live[5].0 == 1, "{live:?}");
    for out in ["a.json", "a.yaml.gz", "a/"] {
        let ran = site.ends(&["snapshot", "save", "--out", out], 0);
        let told = format!("15 objects of `{}` saved in `{out}`", site.server.url());
        assert!(ran.err.contains(&told) && ran.err.lines().count() == 1, "{ran:?}");
        assert_eq!(answers(&site, &["-f", out]), live, "{out}");
    }
    let text = fs::read_to_string(site.path("a.json")).unwrap();
    for not in ["aGlkZGVu", "hidden-in-a-pod", "managedFields", "Secret\""] {
        assert!(!text.contains(not), "{not}");
    }
    assert_eq!(site.server.asked("list", "secrets"), 0);
    // What is there already is not mixed with what is new, and a file is replaced.
    let ran = site.ends(&["snapshot", "save", "--out", "a"], 2);
    assert!(ran.err.contains("`a` is not empty"), "{ran:?}");
    site.server.delete("RoleBinding", "shop", "jane");
    site.ends(&["snapshot", "save", "--out", "a.json"], 0);
    let jane = ["can-i", "get", "pods", "-n", "shop", "--as", "jane", "-f"];
    site.ends(&[&jane[..], &["a.json"]].concat(), 1);
    site.ends(&[&jane[..], &["a.yaml.gz"]].concat(), 0);
}

#[test]
fn a_snapshot_of_some_kinds_has_these_and_of_secrets_names_only() {
    let site = Site::new();
    let kinds = ["--kinds", "roles,secrets"];
    let ran = site.ends(&[&["snapshot", "save", "--out", "-"], &kinds[..]].concat(), 0);
    let list: Value = serde_json::from_str(&ran.out).unwrap();
    let items = list["items"].as_array().unwrap();
    let secret = &items[1];
    assert_eq!((items.len(), &secret["kind"]), (2, &json!("Secret")), "{list}");
    assert_eq!(secret["metadata"]["name"], "tls");
    assert!(secret.get("data").is_none() && !ran.out.contains("aGlkZGVu"), "{list}");
    // Not even on the wire.
    let asked = site.server.requests();
    assert!(asked.iter().all(|request| request.verb == "list"), "{asked:?}");
    let ran = site.ends(&["snapshot", "save", "--out", "-", "--kinds", "rolls"], 2);
    assert!(ran.err.contains("it is none of clusterroles"), "{ran:?}");
    let ran = site.ends(&["snapshot", "save", "--out", "cluster"], 2);
    assert!(ran.err.contains("the name of a file ends in .json"), "{ran:?}");
}

#[test]
fn a_snapshot_that_lacks_something_says_so_and_one_of_nothing_leaves_the_old_one() {
    let site = Site::new();
    site.ends(&["snapshot", "save", "--out", "a.json"], 0);
    let whole = fs::read(site.path("a.json")).unwrap();
    site.server.go_down();
    let ran = site.ends(&["snapshot", "save", "--out", "a.json"], 2);
    assert!(ran.err.contains("cannot be asked; check that it runs"), "{ran:?}");
    assert_eq!(fs::read(site.path("a.json")).unwrap(), whole);
    site.server.come_up();
    site.server.forbid("rolebindings");
    let ran = site.ends(&["snapshot", "save", "--out", "b.json"], 3);
    assert!(ran.err.contains("rolebindings cannot be listed"), "{ran:?}");
    assert!(ran.err.contains("these files are not the whole cluster"), "{ran:?}");
    assert!(!fs::read_to_string(site.path("b.json")).unwrap().contains("\"RoleBinding\""));
    let ran = site.ends(&["snapshot", "save", "--out", "none/b.json"], 2);
    assert!(ran.err.contains("`none/b.json`: cannot be written"), "{ran:?}");
}
