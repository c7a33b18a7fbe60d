use std::fs;

use tempfile::TempDir;

use super::*;
use crate::model::{Request, ResourceAttributes, User};

pub(in crate::webhook) const POLICY: &str = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: jane-reads}
subjects: [{kind: User, name: jane, apiGroup: rbac.authorization.k8s.io}]
roleRef: {kind: ClusterRole, name: reader, apiGroup: rbac.authorization.k8s.io}
";

pub(in crate::webhook) const ABAC: &str = r#"{"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spec": {"user": "bob", "namespace": "*", "resource": "pods", "apiGroup": "*", "readonly": true}}
"#;

pub(in crate::webhook) const SERVER: &str = "\
apiVersion: portcullis.dev/v1alpha1
kind: ServerConfiguration
listen: {address: 127.0.0.1:0, tls: {certificateFile: tls.crt, keyFile: tls.key}}
policy: {paths: [policy/]}
authorizers:
- {type: RBAC}
- {type: ABAC, file: abac.jsonl}
";

pub(in crate::webhook) struct Home(TempDir);

impl Home {
    pub(in crate::webhook) fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        home.write("server.yaml", SERVER);
        home.write("policy/rbac.yaml", POLICY);
        home.write("abac.jsonl", ABAC);
        home
    }

    pub(in crate::webhook) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(in crate::webhook) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn load(&self) -> Result<Loaded, Vec<String>> {
        let folder = format!("{}/", self.0.path().display());
        load(&self.path("server.yaml")).map_err(|error| {
            let lines = error.problems().iter().map(|line| line.to_string().replace(&folder, ""));
            lines.collect()
        })
    }
}

pub(in crate::webhook) fn pods(verb: &str) -> ResourceAttributes<'_> {
    ResourceAttributes { verb, version: "v1", resource: "pods", ..ResourceAttributes::default() }
}

pub(in crate::webhook) fn allows(loaded: &Loaded, user: &str, verb: &str) -> bool {
    let user = User::new(user);
    loaded.policy.snapshot.authorize(&Request::resource(&user, pods(verb))).is_allowed()
}

#[test]
fn roles_and_policy_lines_answer_in_the_order_of_the_chain() {
    let loaded = Home::new().load().unwrap();
    assert!(allows(&loaded, "jane", "get") && !allows(&loaded, "jane", "list"));
    assert!(allows(&loaded, "bob", "get") && !allows(&loaded, "bob", "create"));
    assert_eq!((loaded.policy.roles, loaded.policy.bindings), (1, 1));
    assert_eq!(loaded.warnings, []);
}

#[test]
fn default_roles_are_there_when_they_are_asked_for() {
    let home = Home::new();
    let basic = |loaded: &Loaded| {
        let user = User::new("anybody").with_groups(["system:authenticated"]);
        let request = Request::non_resource(&user, "get", "/version");
        loaded.policy.snapshot.authorize(&request).is_allowed()
    };
    assert!(!basic(&home.load().unwrap()));
    home.write("server.yaml", &SERVER.replace("[policy/]", "[policy/], defaultRoles: true"));
    let loaded = home.load().unwrap();
    assert!(basic(&loaded));
    assert!(loaded.policy.roles > 50, "{}", loaded.policy.roles);
}

const KUBECONFIG: &str = "\
apiVersion: v1
kind: Config
current-context: c
clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
";

#[test]
fn a_policy_of_a_cluster_is_a_servers_alone_and_can_be_checked_without_one() {
    let home = Home::new();
    let cluster = "cluster: {kubeconfig: kube.yaml}\n";
    let text = SERVER.replace("{paths: [policy/]}", "{fromCluster: true}");
    home.write("server.yaml", &format!("{text}{cluster}"));
    assert_eq!(
        home.load().unwrap_err(),
        ["server.yaml:8: `cluster`: only a server follows a cluster; name files in `policy.paths`"]
    );
    let told = |home: &Home| {
        let checked = check(&home.path("server.yaml"));
        // There is no certificate here, which is not what is asked.
        let found = checked.problems.iter().map(ToString::to_string);
        found.filter(|problem| !problem.contains("listen.tls")).collect::<Vec<_>>()
    };
    // A server would not start without it.
    let missing = told(&home);
    assert!(matches!(&*missing, [it] if it.contains("`cluster.kubeconfig`")), "{missing:?}");
    home.write("kube.yaml", KUBECONFIG);
    assert_eq!(told(&home), Vec::<String>::new());
    // Facts of objects would be missing, and what denies by them would let through.
    let rego = "- {type: Rego, paths: [deny.rego]}\n";
    home.write("server.yaml", &format!("{text}{rego}{cluster}"));
    let policy = |condition: &str| format!("package portcullis.authz\n\ndeny if {condition}\n");
    for (condition, is_refused) in [
        ("input.object.labels.locked == \"true\"", true),
        ("input.namespace.labels.locked == \"true\"", true),
        ("input.namespace.name == \"locked\"", false),
    ] {
        home.write("deny.rego", &policy(condition));
        let told = told(&home);
        let is_told = told.iter().any(|it| it.contains("are not taken from the cluster"));
        assert_eq!((is_told, told.len()), (is_refused, usize::from(is_refused)), "{told:?}");
    }
}

#[test]
fn a_candidate_is_loaded_beside() {
    let home = Home::new();
    home.write("candidate.yaml", &POLICY.replace("jane", "joan"));
    let shadow = "shadow: {policy: {paths: [candidate.yaml]}, authorizers: [{type: RBAC}]}\n";
    home.write("server.yaml", &format!("{SERVER}{shadow}"));
    let loaded = home.load().unwrap();
    let joan = User::new("joan");
    let request = Request::resource(&joan, pods("get"));
    assert!(loaded.shadow.unwrap().snapshot.authorize(&request).is_allowed());
    assert!(!loaded.policy.snapshot.authorize(&request).is_allowed());
}

#[test]
fn a_broken_candidate_is_told_and_holds_up_nothing_and_its_twin_of_the_policy_does() {
    let home = Home::new();
    let shadow = "shadow: {policy: {paths: [candidate.yaml]}, authorizers: [{type: ABAC, file: new.jsonl}, {type: RBAC}]}\n";
    home.write("server.yaml", &format!("{SERVER}{shadow}"));
    let problems = |home: &Home| {
        let loaded = home.load().unwrap();
        assert!(loaded.shadow.is_none() && allows(&loaded, "jane", "get"));
        loaded.shadow_problems.iter().map(|problem| problem.field.clone()).collect::<Vec<_>>()
    };
    let (paths, file) = ("shadow.policy.paths[0]", "shadow.authorizers[0].file");
    assert_eq!(problems(&home), [paths, file]);
    home.write("candidate.yaml", "kind: [");
    home.write("new.jsonl", "not json");
    assert_eq!(problems(&home), ["shadow.policy.paths", file]);
    home.write("new.jsonl", ABAC);
    assert_eq!(problems(&home), ["shadow.policy.paths"]);
    home.write("candidate.yaml", POLICY);
    let loaded = home.load().unwrap();
    assert!(loaded.shadow.is_some() && loaded.shadow_problems.is_empty());
    home.write("policy/rbac.yaml", "kind: [");
    assert!(home.load().is_err());
}

/// A file, what it holds instead, and what is said then.
const BROKEN: &[(&str, &str, &[&str])] = &[
    (
        "policy/rbac.yaml",
        "kind: [",
        &["server.yaml:4: `policy.paths`: policy/rbac.yaml:2: not YAML as Kubernetes reads it: "],
    ),
    (
        "policy/rbac.yaml",
        "{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\"}",
        &[
            "server.yaml:4: `policy.paths`: no Role, ClusterRole, RoleBinding or ClusterRoleBinding in it (documents read: 1); name the files that hold them, or take `RBAC` out of the chain",
        ],
    ),
    (
        "policy/rbac.yaml",
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\n",
        &[
            "server.yaml:4: `policy.paths`: roles, but not a single RoleBinding or ClusterRoleBinding, so nobody would be granted anything; name the files that hold the bindings",
        ],
    ),
    (
        "policy/rbac.yaml",
        "\n",
        &[
            "server.yaml:4: `policy.paths[0]`: `policy/`: nothing in it; fill it, or remove it from the paths",
        ],
    ),
    (
        "abac.jsonl",
        "# none yet\n",
        &[
            "server.yaml:7: `authorizers[1].file`: `abac.jsonl`: not a single policy line in it; fill it, or remove `ABAC`",
        ],
    ),
    (
        "abac.jsonl",
        "{\"user\": 1}\n",
        &["server.yaml:7: `authorizers[1].file`: error reading policy file abac.jsonl, line 1: "],
    ),
    (
        "server.yaml",
        "apiVersion: portcullis.dev/v1alpha1\nkind: ServerConfiguration\n",
        &["server.yaml:1: `listen` is missing", "server.yaml:1: `authorizers` is missing"],
    ),
];

#[test]
fn a_broken_part_fails_the_load_and_serves_when_it_is_healed() {
    for (file, text, expected) in BROKEN {
        let home = Home::new();
        let good = fs::read_to_string(home.path(file)).unwrap();
        home.write(file, text);
        let problems = home.load().unwrap_err();
        assert_eq!(problems.len(), expected.len(), "{problems:#?}");
        for (problem, expected) in problems.iter().zip(*expected) {
            assert!(problem.starts_with(expected), "{problem}\n{expected}");
        }
        home.write(file, &good);
        assert!(home.load().is_ok(), "{file}");
    }
}

#[test]
fn everything_that_is_missing_is_told_at_once() {
    let home = Home::new();
    fs::remove_file(home.path("abac.jsonl")).unwrap();
    fs::remove_dir_all(home.path("policy")).unwrap();
    let missing = "cannot be read; check the path and your permission to read it: \
                   No such file or directory (os error 2)";
    assert_eq!(
        home.load().unwrap_err(),
        [
            format!("server.yaml:4: `policy.paths[0]`: `policy/`: {missing}"),
            format!("server.yaml:7: `authorizers[1].file`: `abac.jsonl`: {missing}"),
        ]
    );
    fs::create_dir(home.path("policy")).unwrap();
    home.write("abac.jsonl", ABAC);
    let problems = home.load().unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("`policy/`: no policy in this directory"), "{problems:?}");
    fs::remove_file(home.path("server.yaml")).unwrap();
    let problems = home.load().unwrap_err();
    assert!(problems[0].starts_with("server.yaml: cannot be read"), "{problems:?}");
}

#[test]
fn what_is_left_out_is_a_warning_or_when_strict_an_error() {
    let home = Home::new();
    let skipped = "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\n\
                   metadata: {name: r}\nrules: [{verbs: get}]\n";
    home.write("policy/rbac.yaml", &format!("{POLICY}{skipped}"));
    let loaded = home.load().unwrap();
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("rbac.yaml:12 (document 3): Role `r` skipped"), "{warnings:?}");
    assert!(allows(&loaded, "jane", "get"));
    home.write("server.yaml", &SERVER.replace("[policy/]", "[policy/], strict: true"));
    let problems = home.load().unwrap_err();
    assert!(problems[0].contains("Role `r` skipped"), "{problems:?}");
}

#[test]
fn a_pipe_is_not_waited_for() {
    let home = Home::new();
    fs::remove_file(home.path("abac.jsonl")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(home.path("abac.jsonl")).status().unwrap();
    assert!(made.success());
    let problems = home.load().unwrap_err();
    assert!(problems[0].ends_with("it is no regular file"), "{problems:?}");
}

#[test]
fn equal_bytes_are_the_same_revision_wherever_they_are() {
    let (one, other) = (Home::new(), Home::new());
    let first = one.load().unwrap().revision;
    assert_eq!(other.load().unwrap().revision, first);
    assert_eq!(first.to_string().len(), 12);
    for (file, text) in [
        ("policy/rbac.yaml", POLICY.replace("jane", "joan")),
        ("policy/more.yaml", POLICY.replace("jane", "joan")),
        ("abac.jsonl", ABAC.replace("bob", "rob")),
        ("server.yaml", format!("{SERVER}# more\n")),
    ] {
        let home = Home::new();
        home.write(file, &text);
        let changed = home.load().unwrap().revision;
        assert_ne!(changed, first, "{file}");
        assert_ne!(changed.to_string(), first.to_string(), "{file}");
    }
}

#[test]
fn known_bytes_are_not_compiled_again() {
    let home = Home::new();
    let file = home.path("server.yaml");
    let known = home.load().unwrap();
    assert!(matches!(Draft::read(&file).unwrap().load(Some(&known)), Ok(Outcome::Unchanged)));
    home.write("abac.jsonl", &ABAC.replace("bob", "rob"));
    assert!(matches!(Draft::read(&file).unwrap().load(Some(&known)), Ok(Outcome::Loaded(_))));
}

#[test]
fn tls_files_are_read_and_an_open_key_is_a_warning() {
    let home = Home::new();
    home.write("tls.crt", "certificate");
    home.write("tls.key", "key");
    let config = ServerConfig::parse(home.path("server.yaml"), SERVER.as_bytes()).unwrap();
    let set = |mode| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(home.path("tls.key"), fs::Permissions::from_mode(mode)).unwrap();
    };
    set(0o600);
    let bytes = tls::read_tls(&config.listen.tls).unwrap();
    let fields = |bytes: &tls::TlsBytes| {
        bytes.warnings.iter().map(|warning| warning.field.clone()).collect::<Vec<_>>()
    };
    assert_eq!(fields(&bytes), ["listen.tls.clientCAFile"]);
    assert!(!format!("{bytes:?}").contains("107"), "{bytes:?}");
    set(0o644);
    let warned = tls::read_tls(&config.listen.tls).unwrap();
    assert_eq!(fields(&warned), ["listen.tls.clientCAFile", "listen.tls.keyFile"]);
    assert_eq!(warned.revision, bytes.revision);
    home.write("ca.crt", "authority");
    for (more, expected) in [
        ("clientCAFile: ca.crt", &["listen.tls.allowedClients", "listen.tls.keyFile"][..]),
        ("clientCAFile: ca.crt, allowedClients: [a]", &["listen.tls.keyFile"]),
    ] {
        let text = SERVER.replace("keyFile: tls.key", &format!("keyFile: tls.key, {more}"));
        let config = ServerConfig::parse(home.path("server.yaml"), text.as_bytes()).unwrap();
        assert_eq!(fields(&tls::read_tls(&config.listen.tls).unwrap()), expected, "{more}");
    }
    home.write("tls.key", " \n");
    fs::remove_file(home.path("tls.crt")).unwrap();
    let error = tls::read_tls(&config.listen.tls).unwrap_err();
    assert_eq!(error.problems().len(), 2, "{error}");
}

#[test]
fn a_config_map_swapped_while_it_is_read_is_read_whole() {
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    let home = Home::new();
    fs::remove_file(home.path("policy/rbac.yaml")).unwrap();
    let (role, binding) = POLICY.split_once("---\n").unwrap();
    // A binding of the one is worth nothing with the role of the other.
    for name in ["one", "two"] {
        home.write(&format!("policy/..{name}/role.yaml"), &role.replace("reader", name));
        home.write(&format!("policy/..{name}/a-binding.yaml"), &binding.replace("reader", name));
    }
    let swap = |name: &str| {
        symlink(format!("..{name}"), home.path("policy/..tmp")).unwrap();
        fs::rename(home.path("policy/..tmp"), home.path("policy/..data")).unwrap();
    };
    swap("one");
    for file in ["role.yaml", "a-binding.yaml"] {
        symlink(format!("..data/{file}"), home.path("policy").join(file)).unwrap();
    }
    // Between the two in order, so that reading takes a while.
    for number in 0..100 {
        home.write(&format!("policy/m-{number}.yaml"), &role.replace("reader", "other"));
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for name in ["two", "one"].into_iter().cycle() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                swap(name);
                std::thread::sleep(Duration::from_millis(30));
            }
        });
        let torn = (0..100).filter(|_| !allows(&home.load().unwrap(), "jane", "get")).count();
        stop.store(true, Ordering::Relaxed);
        assert_eq!(torn, 0);
    });
}

#[test]
fn grants_end_by_the_clock_and_those_that_nobody_can_read_are_a_warning() {
    let home = Home::new();
    let until = |end: &str| {
        let annotated =
            format!("{{name: jane-reads, annotations: {{portcullis.dev/not-after: '{end}'}}}}");
        home.write("policy/rbac.yaml", &POLICY.replace("{name: jane-reads}", &annotated));
    };
    until("2020-01-01T00:00:00Z");
    assert!(allows(&home.load().unwrap(), "jane", "get"), "off, it means nothing");
    home.write(
        "server.yaml",
        &SERVER.replace("[policy/]", "[policy/], grantTimes: {enabled: true}"),
    );
    assert!(!allows(&home.load().unwrap(), "jane", "get"));
    until("9999-12-31T23:59:59Z");
    assert!(allows(&home.load().unwrap(), "jane", "get"));
    until("never");
    let loaded = home.load().unwrap();
    assert!(!allows(&loaded, "jane", "get"));
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 1);
    let told = "rbac.yaml:6 (document 2): ClusterRoleBinding `jane-reads` never grants: \
                `portcullis.dev/not-after` is `never`";
    assert!(warnings[0].contains(told), "{warnings:?}");
}

#[test]
fn namespaces_inherit_by_the_file_that_is_named_and_a_broken_one_fails_the_load() {
    let home = Home::new();
    let binding = POLICY.replace("kind: ClusterRoleBinding", "kind: RoleBinding");
    let binding = binding.replace("{name: jane-reads}", "{name: jane-reads, namespace: acme}");
    home.write("policy/rbac.yaml", &binding);
    home.write("tree.yaml", "shop: acme\n");
    let in_shop = |loaded: &Loaded| {
        let jane = User::new("jane");
        let get = pods("get").in_namespace("shop");
        loaded.policy.snapshot.authorize(&Request::resource(&jane, get)).is_allowed()
    };
    assert!(!in_shop(&home.load().unwrap()));
    home.write("server.yaml", &SERVER.replace("[policy/]", "[policy/], hierarchy: tree.yaml"));
    let loaded = home.load().unwrap();
    assert!(in_shop(&loaded));
    // The file is part of what is served.
    home.write("tree.yaml", "bank: acme\n");
    let changed = home.load().unwrap();
    assert!(!in_shop(&changed) && changed.revision != loaded.revision);
    home.write("tree.yaml", "acme: acme\n");
    let problems = home.load().unwrap_err();
    assert_eq!(problems.len(), 1);
    let told = "`policy.hierarchy`: tree.yaml:1: namespace `acme` is its own parent";
    assert!(problems[0].contains(told), "{problems:?}");
    home.write("server.yaml", &SERVER.replace("[policy/]", "[policy/], hierarchy: labels"));
    let problems = home.load().unwrap_err();
    assert!(problems[0].contains("there is no Namespace object"), "{problems:?}");
}
