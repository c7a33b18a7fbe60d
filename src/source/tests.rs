use std::io::Write as _;

use super::*;
use crate::api::rbac::{GROUP, Subject};

fn read(name: &str, text: &str) -> Loaded {
    parse(name, text.as_bytes(), &LoadOptions::default()).unwrap()
}

fn refused(name: &str, bytes: &[u8]) -> String {
    parse(name, bytes, &LoadOptions::default()).unwrap_err().to_string()
}

const ROLE: &str = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n";

#[test]
fn the_kind_of_a_typed_list_may_come_after_its_items() {
    let yaml = "items:\n- metadata: {name: a}\n- metadata: {name: b, namespace: x}\n\
                kind: RoleList\napiVersion: rbac.authorization.k8s.io/v1\n";
    let json = r#"{"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b","namespace":"x"}}],
        "kind":"RoleList","apiVersion":"rbac.authorization.k8s.io/v1"}"#;
    for (name, text) in [("a.yaml", yaml), ("a.json", json)] {
        let loaded = read(name, text);
        let roles: Vec<_> = loaded
            .inventory
            .roles
            .iter()
            .map(|role| role.value.metadata.namespace.as_str())
            .collect();
        assert_eq!(roles, ["default", "x"], "{name}");
        assert_eq!(loaded.report.defaulted_namespace, 1, "{name}");
    }
}

#[test]
fn lists_within_lists_are_read_and_other_objects_with_items_are_not() {
    let list = r#"{"kind":"List","apiVersion":"v1","items":[{"kind":"List","apiVersion":"v1",
        "items":[{"kind":"ClusterRole","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"name":"a"}}]}]}"#;
    let box_of = list.replacen("\"List\"", "\"Box\"", 1);
    for name in ["a.json", "a.yaml"] {
        assert_eq!(read(name, list).inventory.cluster_roles.len(), 1, "{name}");
        let loaded = read(name, &box_of);
        assert!(loaded.inventory.cluster_roles.is_empty(), "{name}");
        assert_eq!(loaded.report.other_kinds["Box"], 1, "{name}");
    }
    // The YAML reading of the same.
    assert_eq!(read("b.yaml", &format!("# \n{list}")).inventory.cluster_roles.len(), 1);
    assert!(read("b.yaml", &format!("# \n{box_of}")).inventory.cluster_roles.is_empty());
}

/// Derived types read a list as their fields in order; Go does not.
#[test]
fn a_list_is_no_object_whatever_stands_in_it() {
    let fields = r#"["rbac.authorization.k8s.io/v1","ClusterRoleBinding",{"name":"b"},[],
        [{"kind":"Group","name":"system:authenticated"}],
        {"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"cluster-admin"}]"#;
    let in_list = format!(r#"{{"kind":"List","apiVersion":"v1","items":[{fields}]}}"#);
    for text in [fields.to_owned(), in_list.clone(), format!("# \n{in_list}")] {
        let loaded = read("a", &text);
        assert_eq!(loaded.inventory, Inventory::default(), "{text}");
    }
}

#[test]
fn of_two_fields_named_items_the_second_counts() {
    let role = "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: ";
    for (second, names) in [("&x ", vec!["b"]), ("", vec!["b"]), ("!!null ~ # ", vec![])] {
        let text = format!(
            "kind: List\napiVersion: v1\nitems: [{role}a}}}}]\nitems: {second}[{role}b}}}}]\n"
        );
        let loaded = read("a.yaml", &text);
        let found: Vec<_> = loaded
            .inventory
            .cluster_roles
            .iter()
            .map(|role| role.value.metadata.name.as_str())
            .collect();
        assert_eq!(found, names, "{second}");
        assert!(matches!(loaded.report.notices[..], [Notice::DuplicateField { line: 4, .. }]));
    }
}

#[test]
fn of_two_objects_with_one_name_the_later_counts_and_is_told() {
    let text = format!(
        "{ROLE}metadata: {{name: a}}\n---\n{ROLE}metadata: {{name: b}}\n---\n\
         {ROLE}metadata: {{name: a, labels: {{x: z}}}}\n"
    );
    let loaded = read("a.yaml", &text);
    let names: Vec<_> = loaded
        .inventory
        .cluster_roles
        .iter()
        .map(|role| role.value.metadata.name.as_str())
        .collect();
    assert_eq!(names, ["b", "a"]);
    assert_eq!(loaded.inventory.cluster_roles[1].value.metadata.labels["x"], "z");
    assert_eq!(
        loaded.report.notices[0].to_string(),
        "a.yaml:9 (document 3): ClusterRole `a` replaces the one at a.yaml:1"
    );
}

#[test]
fn a_cluster_scoped_object_loses_its_namespace_and_a_namespaced_one_keeps_it() {
    let text = format!("{ROLE}metadata: {{name: a, namespace: x}}\n");
    let loaded = read("a.yaml", &text);
    assert_eq!(loaded.inventory.cluster_roles[0].value.metadata.namespace, "");
    assert!(matches!(loaded.report.notices[..], [Notice::NamespaceIgnored { .. }]));
    let loaded = read("a.yaml", &text.replace("ClusterRole", "Role"));
    assert_eq!(loaded.inventory.roles[0].value.metadata.namespace, "x");
    assert!(loaded.report.notices.is_empty());
}

#[test]
fn the_star_of_v1alpha1_is_everybody_and_that_of_v1beta1_is_a_name() {
    let text = |version: &str, subject: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/{version}\nkind: ClusterRoleBinding\n\
             metadata: {{name: a}}\nroleRef: {{kind: ClusterRole, name: r}}\nsubjects: [{subject}]\n"
        )
    };
    let star = "{kind: User, name: '*'}";
    let subject = |version, subject| {
        let loaded = read("a.yaml", &text(version, subject));
        let is_old = matches!(loaded.report.notices[..], [Notice::OldVersion { .. }]);
        assert_eq!(is_old, version != "v1", "{version}");
        loaded.inventory.cluster_role_bindings[0].value.subjects[0].clone()
    };
    assert_eq!(subject("v1alpha1", star), Subject::group("system:authenticated"));
    assert_eq!(subject("v1beta1", star), Subject::user("*"));
    assert_eq!(subject("v1", star), Subject::user("*"));
    // Only in the RBAC group, and only the user.
    assert_eq!(subject("v1alpha1", "{kind: User, name: '*', apiVersion: v1}"), Subject::user("*"));
    assert_eq!(subject("v1alpha1", "{kind: Group, name: '*'}"), Subject::group("*"));
    assert_eq!(
        subject("v1alpha1", "{kind: ServiceAccount, name: s, namespace: ns, apiVersion: v1}"),
        Subject::service_account("ns", "s")
    );
}

#[test]
fn json_documents_may_be_parted_by_dashes_and_go_on_as_yaml() {
    let one = r#"{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"a"}}"#;
    let text = format!(
        "{one}\n---\n{}\n---\n{ROLE}metadata: {{name: c}}\n",
        one.replace("\"a\"", "\"b\"")
    );
    let loaded = read("a.json", &text);
    let lines: Vec<_> =
        loaded.inventory.cluster_roles.iter().map(|role| role.origin.line).collect();
    assert_eq!(lines, [1, 3, 5]);
}

#[test]
fn a_list_is_no_object_in_json_either() {
    // Derived code would take the list for the fields in their order.
    let role = |rules: &str| {
        format!(
            r#"{{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole",
            "metadata":{{"name":"a"}},"rules":{rules}}}"#
        )
    };
    let loaded = read("a.json", &role(r#"[[["*"],["*"],["*"],[],[]]]"#));
    assert_eq!(
        loaded.report.skipped[0].reason.to_string(),
        "`rules[0]` must be an object, but is a list (line 2)"
    );
    assert!(loaded.inventory.cluster_roles.is_empty());
    let loaded = read("a.json", &role(r#"[{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}]"#));
    assert_eq!(loaded.inventory.cluster_roles.len(), 1);
}

#[test]
fn the_second_of_two_json_fields_counts_as_in_go() {
    let loaded = read(
        "a.json",
        r#"{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole",
            "metadata":{"name":"a"},"metadata":{"labels":{"x":"y"}},
            "rules":[{"verbs":["get"],"resources":["pods"]}],"rules":[{"verbs":["list"]}]}"#,
    );
    let role = &loaded.inventory.cluster_roles[0].value;
    assert_eq!((role.metadata.name.as_str(), role.metadata.labels["x"].as_str()), ("a", "y"));
    assert_eq!(role.rules[0].verbs, ["list"]);
    assert_eq!(role.rules[0].resources, ["pods"]);
    assert_eq!(loaded.report.notices.len(), 2);
}

#[test]
fn names_are_collected_from_other_objects() {
    let text = "
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Namespace, metadata: {name: ns}}
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: s, namespace: ns}}
- {apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ns}, spec: {serviceAccount: old}}
- {apiVersion: batch/v1, kind: CronJob, metadata: {name: c}, spec: {jobTemplate: {spec: {template: {spec: {serviceAccountName: t}}}}}}
- {apiVersion: apps/v1, kind: Deployment, metadata: {name: d}}
- apiVersion: apiextensions.k8s.io/v1
  kind: CustomResourceDefinition
  metadata: {name: foos.x.io}
  spec:
    group: x.io
    scope: Namespaced
    names: {kind: Foo, plural: foos, shortNames: [fo]}
    versions: [{name: v1, served: true, subresources: {status: {}}}, {name: v0, served: false}]
- {apiVersion: v1, kind: Secret, metadata: {name: x}}
";
    let json = |value: serde_json::Value| value.to_string();
    let Loaded { inventory, report } = read("a.yaml", text);
    assert_eq!(inventory.namespaces.len(), 1);
    assert_eq!(inventory.namespaces[0].name, "ns");
    assert_eq!(inventory.service_accounts, [("ns".into(), "s".into())]);
    let pods: Vec<_> = inventory
        .pods
        .iter()
        .map(|pod| format!("{} {}/{} {}", pod.kind, pod.namespace, pod.name, pod.service_account))
        .collect();
    assert_eq!(pods, ["Pod ns/p old", "CronJob default/c t", "Deployment default/d default"]);
    let foo = &inventory.custom_resources[0];
    assert_eq!((foo.plural.as_str(), foo.singular.as_str(), foo.namespaced), ("foos", "foo", true));
    assert_eq!(
        (&foo.versions[..], &foo.subresources[..]),
        (&["v1".into()][..], &["status".into()][..])
    );
    assert_eq!(report.other_kinds["Secret"], 1);
    // The quick reading of JSON says the same.
    let same = json(serde_json::json!({"kind": "List", "apiVersion": "v1", "items": [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "ns"}, "spec": {"serviceAccount": "old"}}
    ]}));
    assert_eq!(read("a.json", &same).inventory.pods[0], inventory.pods[0]);
}

#[test]
fn policy_under_a_wrong_name_is_skipped_and_told_how() {
    for (head, reason) in [
        (
            "apiVersion: v1\nkind: ClusterRole\n",
            "`v1` has no kind `ClusterRole`; it is in `rbac.authorization.k8s.io/v1`",
        ),
        (
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBingding\n",
            "`rbac.authorization.k8s.io` has no kind `RoleBingding`; did you mean `RoleBinding`?",
        ),
        (
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: clusterrole\n",
            "`rbac.authorization.k8s.io` has no kind `clusterrole`; did you mean `ClusterRole`?",
        ),
        ("rules: []\n", "it has rules or subjects but no `kind`"),
    ] {
        let loaded = read("a.yaml", &format!("{head}metadata: {{name: a}}\n"));
        assert_eq!(loaded.report.skipped[0].reason.to_string(), reason);
        let strict = LoadOptions { strict: true, ..LoadOptions::default() };
        assert!(matches!(parse("a.yaml", head.as_bytes(), &strict), Err(LoadError::Skipped(_))));
    }
    let other = read("a.yaml", "apiVersion: authorization.openshift.io/v1\nkind: Role\n");
    assert!(other.report.skipped.is_empty());
    assert_eq!(other.report.other_kinds["Role.authorization.openshift.io"], 1);
}

#[test]
fn fields_of_metadata_that_mean_nothing_must_still_be_of_their_type() {
    let text = |value: &str| format!("{ROLE}metadata:\n  name: a\n  annotations: {{x: {value}}}\n");
    assert_eq!(
        read("a.yaml", &text("true")).report.skipped[0].reason.to_string(),
        "`metadata.annotations.x` must be a string, but is the boolean `true` (line 5); put it in quotes"
    );
    assert!(read("a.yaml", &text("'true'")).report.skipped.is_empty());
}

#[test]
fn a_bomb_is_refused_within_its_budget_and_the_same_in_small_is_read() {
    let laughs = |levels: usize| {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..levels {
            let alias = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{alias}]\n"));
        }
        text
    };
    read("a.yaml", &laughs(3));
    assert!(
        refused("a.yaml", laughs(10).as_bytes()).contains("aliases expand to more than 400000")
    );
    let nested = |depth: usize| format!("a: {}{}", "[".repeat(depth), "]".repeat(depth));
    read("a.yaml", &nested(50));
    assert!(refused("a.yaml", nested(150).as_bytes()).contains("nested more than 100 deep"));
    assert!(refused("a.yaml", nested(100_000).as_bytes()).contains("a.yaml:1"));
    let block: String = (0..200).map(|depth| format!("{}-\n", " ".repeat(depth))).collect();
    assert!(refused("a.yaml", block.as_bytes()).contains("nested more than 100 deep"));
}

#[test]
fn gzip_is_known_by_its_bytes_and_a_bomb_is_refused() {
    let compress = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let packed = compress(format!("{ROLE}metadata: {{name: a}}\n").as_bytes());
    let loaded = parse("a.yaml", &packed, &LoadOptions::default()).unwrap();
    assert_eq!(loaded.inventory.cluster_roles.len(), 1);
    assert!(refused("a.yaml", &packed[..packed.len() - 9]).contains("not a whole gzip stream"));
    let limits = Limits { max_bytes: 1000, ..Limits::default() };
    let small = LoadOptions { limits, ..LoadOptions::default() };
    let error = parse("a.gz", &compress(&[b' '; 2000]), &small).unwrap_err();
    assert!(matches!(error, LoadError::TooLarge { limit: 1000, .. }));
    let error = refused("a.gz", &compress(&vec![b' '; 70 << 20]));
    assert!(error.contains("expands more than 250-fold"), "{error}");
}

#[test]
fn no_prefix_of_a_document_makes_the_reader_panic() {
    let yaml = format!(
        "%YAML 1.1\n---\n{ROLE}metadata: &m {{name: 'a', labels: {{<<: *m}}}}\nrules:\n- &r\n  verbs: \
         [\"get\\u0041\", !!binary aGk=]\n- <<: [*r]\n  x: |2-\n    text\n  ? [a]\n  : b\n...\n"
    );
    let json = r#"{"apiVersion":"v1","kind":"List","items":[{"kind":"Role","rules":[[1.5e3,"\ud83d\ude00",null]]}]}"#;
    for text in [yaml.as_str(), json] {
        for end in 0..=text.len() {
            for middle in ["", "\t", "{", "\"", "\u{0}", "&", "*", "- ", ": ", "\r"] {
                let bytes =
                    [&text.as_bytes()[..end], middle.as_bytes(), &text.as_bytes()[end..]].concat();
                drop(parse("a", &bytes, &LoadOptions::default()));
                drop(parse("a", &bytes[..end + middle.len()], &LoadOptions::default()));
            }
        }
    }
}

#[test]
fn what_was_skipped_is_not_quoted_by_the_megabyte() {
    let long = "x".repeat(1 << 20);
    for text in [
        format!(
            r#"{{"apiVersion": "{GROUP}/v1", "kind": "Role", "metadata": {{"name": "{long}"}}, "rules": "{long}"}}"#
        ),
        format!(r#"{{"apiVersion": "{GROUP}/v1", "kind": "{long}", "metadata": {{}}}}"#),
        format!(r#"{{"apiVersion": "rbac.{long}/v1", "kind": "Role", "metadata": {{}}}}"#),
        format!(
            r#"{{"apiVersion": "{GROUP}/v1", "kind": "Role", "metadata": {{"labels": {{"{long}": 1}}}}}}"#
        ),
    ] {
        let loaded = parse("long.json", text.as_bytes(), &LoadOptions::default()).unwrap();
        let [skipped] = loaded.report.skipped.as_slice() else {
            panic!("{}", loaded.report.skipped.len())
        };
        assert!(skipped.to_string().len() < 2_000, "{}", skipped.to_string().len());
    }
}

#[test]
fn truncated_json_is_named_as_json_and_a_flow_mapping_is_still_yaml() {
    let read = |text: &str| parse("<stdin>", text.as_bytes(), &LoadOptions::default());
    let error = read("{\"kind\":").unwrap_err();
    assert!(matches!(error, LoadError::Json { .. }), "{error}");
    assert!(error.to_string().starts_with("<stdin>:1"), "{error}");
    assert!(read("{kind: ConfigMap, apiVersion: v1}\n").is_ok());
}

/// What follows a NUL was left out without a word: of a binding its second subject, of a file its rest.
#[test]
fn a_nul_in_yaml_is_refused_with_its_line_and_not_taken_for_the_end() {
    let text = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: a}\n";
    let load = |text: &str| super::parse("a.yaml", text.as_bytes(), &super::LoadOptions::default());
    assert_eq!(load(&format!("{text}---\n{text}")).unwrap().inventory.roles.len(), 1);
    for nul in ["\0", "# \0\n", "\0\n"] {
        let error = load(&format!("{text}{nul}---\n{text}")).unwrap_err().to_string();
        assert!(error.contains("a.yaml:4") && error.contains("NUL"), "{error}");
    }
}
