//! Mode Node on the command line: who asks, what is answered, and what is said when there is nothing to
//! answer by.

use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

const CLUSTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/node/small-cluster.yaml");

/// What a run left behind.
#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let ran = Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(!ran.err.contains("panicked"), "{ran:?}");
        ran
    }
}

fn run(args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(args).stdin(Stdio::null()).output().unwrap().into()
}

/// A run on the sample cluster with the modes of most clusters.
fn ask(args: &[&str]) -> Ran {
    let policy = ["--mode", "Node,RBAC", "--with-defaults", "-f", CLUSTER];
    run(&[args, &policy].concat())
}

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn a_kubelet_reads_what_its_pods_need_and_no_other_does() {
    let secret = ["can-i", "get", "secrets/tls", "-n", "shop"];
    let here = ask(&[&secret[..], &["--as-node", "n1", "--explain"]].concat());
    assert_eq!(here.code, 0, "{here:?}");
    assert!(here.out.starts_with("yes"), "{here:?}");
    for step in ["Secret shop/tls", "Pod shop/web-0", "Node n1"] {
        let (kind, name) = step.split_once(' ').unwrap();
        assert!(here.out.contains(kind) && here.out.contains(name), "{step}: {here:?}");
    }
    assert_eq!(here.err, "");
    let elsewhere = ask(&[&secret[..], &["--as-node", "n2"]].concat());
    assert_eq!(elsewhere.code, 1, "{elsewhere:?}");
    let why = "no relationship found between node 'n2' and this object";
    assert!(elsewhere.out.contains(why), "{elsewhere:?}");
}

#[test]
fn as_node_is_the_user_of_the_kubelet_in_its_groups() {
    let secret = ["can-i", "get", "secrets/tls", "-n", "shop", "-o", "json"];
    let spec = |who: &[&str]| -> Value {
        let ran = ask(&[&secret[..], who].concat());
        serde_json::from_str::<Value>(&ran.out).unwrap()["spec"].clone()
    };
    let node = spec(&["--as-node", "n1"]);
    assert_eq!(node["user"], "system:node:n1");
    assert_eq!(node["groups"], json!(["system:nodes", "system:authenticated"]));
    assert_eq!(node, spec(&["--as", "system:node:n1", "--as-group", "system:nodes"]));
    let more = spec(&["--as-node", "n1", "--as-group", "edge", "--as-group", "system:nodes"]);
    assert_eq!(more["groups"], json!(["system:nodes", "system:authenticated", "edge"]));

    for (args, said) in [
        (&["--as-node", ""][..], "--as-node is empty"),
        (&["--as-node", "system:node:n1"], "the name of the node alone: `n1`"),
        (&["--as-node", "n1", "--as", "jane"], "cannot be used with"),
        (&["--as-node", "n1", "--as-sa", "shop/web"], "cannot be used with"),
        (&["--as-node", "n1", "--as-pod", "shop/web"], "cannot be used with"),
        (&[], "--as-node NAME"),
    ] {
        let ran = ask(&[&secret[..], args].concat());
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(said), "{ran:?}");
    }
}

#[test]
fn a_node_that_nothing_is_on_is_told() {
    let secret = ["can-i", "get", "secrets/tls", "-n", "shop", "--as-node"];
    let ran = ask(&[&secret[..], &["n9"]].concat());
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("nothing that was read is on a node `n9`"), "{ran:?}");
}

/// A name alone makes nobody a kubelet (S-NODE-1).
#[test]
fn who_is_not_in_the_group_of_nodes_is_told_why_it_is_no_kubelet() {
    let secret = ["can-i", "get", "secrets/tls", "-n", "shop", "--as", "system:node:n1"];
    let ran = ask(&secret);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("system:nodes"), "{ran:?}");
    let member = ask(&[&secret[..], &["--as-group", "system:nodes"]].concat());
    assert_eq!((member.code, member.err.as_str()), (0, ""), "{member:?}");
}

#[test]
fn without_mode_node_a_kubelet_is_told_what_it_lacks() {
    let args = ["can-i", "get", "secrets/tls", "-n", "shop", "--as-node", "n1", "-f", CLUSTER];
    let ran = run(&[&args[..], &["--with-defaults"]].concat());
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("--mode Node,RBAC"), "{ran:?}");
    let jane = run(&["can-i", "get", "pods", "--as", "jane", "-f", CLUSTER, "--with-defaults"]);
    assert!(!jane.err.contains("Node"), "{jane:?}");
}

#[test]
fn mode_node_wants_objects_and_says_when_there_is_no_pod_among_them() {
    let question = ["can-i", "get", "secrets/tls", "-n", "shop", "--as-node", "n1"];
    let none = run(&[&question[..], &["--mode", "Node,RBAC", "--with-defaults"]].concat());
    assert_eq!(none.code, 2, "{none:?}");
    assert!(none.err.contains("mode Node needs the pods and volumes"), "{none:?}");

    let folder = tempfile::tempdir().unwrap();
    let empty =
        file(&folder, "n.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n");
    let ran = run(&[&question[..], &["--mode", "Node", "-f", &empty]].concat());
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("there is no pod among what was read"), "{ran:?}");
    let with = run(&[&question[..], &["--mode", "Node", "-f", CLUSTER]].concat());
    assert_eq!((with.code, with.err.as_str()), (0, ""), "{with:?}");
}

/// A no that rests on a pod which could not be read is no plain no; a yes is a yes.
#[test]
fn a_pod_that_was_left_out_makes_a_no_to_a_kubelet_doubtful() {
    let folder = tempfile::tempdir().unwrap();
    let broken = "apiVersion: v1\nkind: Pod\nmetadata: {name: b, namespace: shop}\n\
                  spec: {nodeName: n2, volumes: [{name: v, secret: tls}]}\n";
    let path = file(&folder, "broken.yaml", broken);
    let ask = |who: &[&str]| {
        let secret = ["can-i", "get", "secrets/tls", "-n", "shop", "--mode", "Node", "-f", CLUSTER];
        run(&[&secret[..], &["-f", &path], who].concat())
    };
    let ran = ask(&["--as-node", "n2"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.err.contains("this Pod was left out: `spec.volumes[0].secret`"), "{ran:?}");
    assert_eq!(ask(&["--as-node", "n1"]).code, 0);
    assert_eq!(ask(&["--as", "jane"]).code, 1);
    let who = run(&[
        "who-can",
        "get",
        "secrets/tls",
        "-n",
        "shop",
        "--mode",
        "Node",
        "-f",
        CLUSTER,
        "-f",
        &path,
    ]);
    assert_eq!(who.code, 3, "{who:?}");
}

#[test]
fn feature_gates_of_mode_node_are_heeded_and_others_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let discovery = "NAME SHORTNAMES APIVERSION NAMESPACED KIND\n\
                     podcertificaterequests certificates.k8s.io/v1beta1 true PodCertificateRequest\n";
    let discovery = file(&folder, "api-resources.txt", discovery);
    let object = "podcertificaterequests.certificates.k8s.io/req-1";
    let question =
        ["can-i", "get", object, "-n", "shop", "--as-node", "n1", "--discovery", &discovery];
    let off = ask(&question);
    assert_eq!(off.code, 1, "{off:?}");
    let on = ask(&[&question[..], &["--feature-gates", "PodCertificateRequest=true"]].concat());
    assert_eq!(on.code, 0, "{on:?}");
    assert!(!on.err.contains("gate"), "{on:?}");
    let off = ask(&[&question[..], &["--feature-gates", "PodCertificateRequest=false"]].concat());
    assert_eq!(off.code, 1, "{off:?}");

    let account = ["can-i", "get", "serviceaccounts/web", "-n", "shop", "--as-node", "n1"];
    let gate = "KubeletServiceAccountTokenForCredentialProviders=false,Other=true";
    assert_eq!(ask(&account).code, 0);
    let ran = ask(&[&account[..], &["--feature-gates", gate]].concat());
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("not allowed to get service accounts"), "{ran:?}");
    assert!(ran.err.contains("feature gate `Other` changes nothing"), "{ran:?}");

    let args = ["can-i", "get", "pods", "--as", "jane", "--with-defaults"];
    let ran = run(&[&args[..], &["--feature-gates", "PodCertificateRequest=true"]].concat());
    assert!(ran.err.contains("changes nothing: --mode has no Node"), "{ran:?}");
}

fn document(args: &[&str]) -> Value {
    let ran = ask(&[args, &["-o", "json"]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn who_can_lists_the_nodes_and_the_pods_that_lead_there() {
    let answer = document(&["who-can", "get", "configmaps/kube-root-ca.crt", "-n", "shop"]);
    let nodes: Vec<(String, Vec<String>)> = answer["subjects"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|subject| subject["authority"] == "Node")
        .map(|subject| {
            assert_eq!(subject["kind"], "User");
            assert_eq!(subject["whileIn"], "system:nodes");
            let steps = subject["path"].as_array().unwrap();
            let step = |step: &Value| {
                format!("{} {}", step["kind"].as_str().unwrap(), step["text"].as_str().unwrap())
            };
            (subject["name"].as_str().unwrap().to_owned(), steps.iter().map(step).collect())
        })
        .collect();
    let way = |pod: &str, node: &str| {
        [
            "ConfigMap shop/kube-root-ca.crt".to_owned(),
            format!("Pod shop/{pod}"),
            format!("Node {node}"),
        ]
    };
    assert_eq!(
        nodes,
        [
            ("system:node:n1".to_owned(), way("web-0", "n1").to_vec()),
            ("system:node:n2".to_owned(), way("report-27", "n2").to_vec()),
        ]
    );
    let names = ask(&["who-can", "get", "secrets/tls", "-n", "shop", "-o", "name"]);
    assert!(names.out.contains("User/system:node:n1\n"), "{names:?}");
    assert!(!names.out.contains("n2"), "{names:?}");

    let table = ask(&["who-can", "get", "secrets/mount", "-n", "storage"]);
    let line = table.out.lines().find(|line| line.contains("system:node:n1")).unwrap();
    for part in [
        "Secret storage/mount",
        "PersistentVolume pv-data",
        "PersistentVolumeClaim shop/data-web-0",
        "Pod shop/web-0",
    ] {
        assert!(line.contains(part), "{line}");
    }
    let nobody = ask(&["who-can", "get", "secrets/admin", "-n", "storage"]);
    assert!(!nobody.out.contains("system:node:"), "{nobody:?}");
}

#[test]
fn what_every_node_may_is_one_row_of_their_group() {
    let answer = document(&["who-can", "list", "services", "-n", "shop"]);
    let of_nodes: Vec<&Value> = answer["subjects"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|subject| subject["authority"] == "Node")
        .collect();
    assert_eq!(of_nodes.len(), 1, "{answer}");
    assert_eq!(
        (&of_nodes[0]["kind"], &of_nodes[0]["name"]),
        (&json!("Group"), &json!("system:nodes"))
    );
    assert_eq!(of_nodes[0]["path"][0]["text"], "system:node");
    let wide = ask(&["who-can", "list", "services", "-n", "shop", "-o", "wide"]);
    assert!(wide.out.contains("ClusterRole/system:node"), "{wide:?}");
    assert!(wide.out.contains("resources [services]"), "{wide:?}");
}

/// The batch is the API server's subject locator, which knows RBAC alone (S-WHO-1).
#[test]
fn a_batch_of_who_can_is_the_same_with_mode_node_and_without() {
    let folder = tempfile::tempdir().unwrap();
    let question = json!({"resourceAttributes":
        {"verb": "get", "resource": "secrets", "namespace": "shop", "name": "tls"}});
    let path = file(&folder, "q.ndjson", &format!("{question}\n"));
    let batch = |modes: &str| {
        let args =
            ["who-can", "--queries", &path, "--with-defaults", "-f", CLUSTER, "--mode", modes];
        let ran = run(&args);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.out
    };
    assert_eq!(batch("Node,RBAC"), batch("RBAC"));
    assert!(!batch("Node,RBAC").contains("system:node:n1"));
}

/// S-NODE-5.
#[test]
fn rules_of_a_kubelet_are_incomplete_and_say_so() {
    let ran = ask(&["rules", "--as-node", "n1", "-n", "shop"]);
    assert!(ran.err.contains("node authorizer does not support user rule resolution"), "{ran:?}");
    let answer: Value =
        serde_json::from_str(&ask(&["rules", "--as-node", "n1", "-n", "shop", "-o", "json"]).out)
            .unwrap();
    assert_eq!(answer["incomplete"], true);
    let jane: Value =
        serde_json::from_str(&ask(&["rules", "--as", "jane", "-n", "shop", "-o", "json"]).out)
            .unwrap();
    assert_eq!(jane["incomplete"], false);
    let batch = ask(&["rules", "--queries", "-", "--as-node", "n1"]);
    assert_eq!(batch.code, 2, "{batch:?}");
}

#[test]
fn a_pod_that_stands_twice_is_found_by_check() {
    let folder = tempfile::tempdir().unwrap();
    let pod =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}\nspec: {nodeName: n1}\n";
    let path = file(&folder, "pods.yaml", &format!("{pod}---\n{pod}"));
    let ran = run(&["check", "-f", &path, "--mode", "Node", "-o", "name"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.out, "duplicate-object\n");
    let ran = run(&["check", "-f", CLUSTER, "--mode", "Node", "-o", "name"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{ran:?}");
}
