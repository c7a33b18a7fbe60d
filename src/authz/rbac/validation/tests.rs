use super::*;

fn message(kind: &str, json: &str) -> String {
    let object: Object = match kind {
        "ClusterRole" => serde_json::from_str::<ClusterRole>(json).unwrap().into(),
        "ClusterRoleBinding" => serde_json::from_str::<ClusterRoleBinding>(json).unwrap().into(),
        "Role" => serde_json::from_str::<Role>(json).unwrap().into(),
        _ => serde_json::from_str::<RoleBinding>(json).unwrap().into(),
    };
    validate(&object).to_string()
}

/// Every distinct text that a real API server gave to the odd documents.
#[test]
fn the_texts_are_those_of_the_api_server() {
    let binding = r#""metadata": {"name": "b", "namespace": "n"}"#;
    let to_role = r#""roleRef": {"kind": "Role", "name": "r"}"#;
    let to_cluster_role = r#""roleRef": {"kind": "ClusterRole", "name": "r"}"#;
    let rb = |subject: &str| format!("{{{binding}, {to_role}, \"subjects\": [{subject}]}}");
    let crb =
        |subject: &str| format!("{{{binding}, {to_cluster_role}, \"subjects\": [{subject}]}}");
    let role = |rule: &str| format!("{{{binding}, \"rules\": [{rule}]}}");
    for (kind, json, expected) in [
        (
            "ClusterRole",
            r#"{"metadata": {}}"#.to_owned(),
            "metadata.name: Required value: name or generateName is required",
        ),
        (
            "ClusterRole",
            r#"{"metadata": {"name": "."}}"#.to_owned(),
            r#"metadata.name: Invalid value: ".": may not be '.'"#,
        ),
        (
            "ClusterRole",
            r#"{"metadata": {"name": ".."}}"#.to_owned(),
            r#"metadata.name: Invalid value: "..": may not be '..'"#,
        ),
        (
            "ClusterRole",
            r#"{"metadata": {"name": "a%b"}}"#.to_owned(),
            r#"metadata.name: Invalid value: "a%b": may not contain '%'"#,
        ),
        ("Role", r#"{"metadata": {"name": "a"}}"#.to_owned(), "metadata.namespace: Required value"),
        (
            "ClusterRole",
            role("{}"),
            "[rules[0].verbs: Required value: verbs must contain at least one value, \
             rules[0].apiGroups: Required value: resource rules must supply at least one api group, \
             rules[0].resources: Required value: resource rules must supply at least one resource]",
        ),
        (
            "ClusterRole",
            role(r#"{"verbs": ["get"], "resources": ["x"], "nonResourceURLs": ["/healthz"]}"#),
            r#"rules[0].nonResourceURLs: Invalid value: ["/healthz"]: rules cannot apply to both regular resources and non-resource URLs"#,
        ),
        (
            "Role",
            role(r#"{"verbs": ["get"], "nonResourceURLs": ["/healthz"]}"#),
            r#"rules[0].nonResourceURLs: Invalid value: ["/healthz"]: namespaced rules cannot apply to non-resource URLs"#,
        ),
        (
            "ClusterRole",
            r#"{"metadata": {"name": "d"}, "aggregationRule": {}}"#.to_owned(),
            "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil",
        ),
        (
            "ClusterRole",
            r#"{"metadata": {"name": "d"}, "aggregationRule": {"clusterRoleSelectors":
            [{"matchExpressions": [{"key": "a", "operator": "Equals", "values": ["b"]}]}]}}"#
                .to_owned(),
            "[aggregationRule.clusterRoleSelectors[0].matchExpressions[0].operator: Invalid value: \"Equals\": not a valid selector operator, \
             aggregationRule.clusterRoleSelectors[0]: Invalid value: null: invalid label selector.]",
        ),
        (
            "ClusterRoleBinding",
            format!("{{{binding}, {to_role}}}"),
            r#"roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole""#,
        ),
        (
            "RoleBinding",
            format!("{{{binding}}}"),
            r#"[roleRef.kind: Unsupported value: "": supported values: "Role", "ClusterRole", roleRef.name: Required value]"#,
        ),
        (
            "RoleBinding",
            format!(r#"{{{binding}, "roleRef": {{}}}}"#),
            r#"[roleRef.kind: Unsupported value: "": supported values: "Role", "ClusterRole", roleRef.name: Required value]"#,
        ),
        (
            "RoleBinding",
            format!(
                r#"{{{binding}, "roleRef": {{"kind": "Role", "name": "a/b", "apiGroup": "rbac.authorization.k8s.io/v1"}}}}"#
            ),
            r#"[roleRef.apiGroup: Unsupported value: "rbac.authorization.k8s.io/v1": supported values: "rbac.authorization.k8s.io", roleRef.name: Invalid value: "a/b": may not contain '/']"#,
        ),
        (
            "RoleBinding",
            rb(r#"null"#),
            r#"[subjects[0].name: Required value, subjects[0].kind: Unsupported value: "": supported values: "ServiceAccount", "User", "Group"]"#,
        ),
        ("RoleBinding", rb(r#"{"kind": "User"}"#), "subjects[0].name: Required value"),
        (
            "RoleBinding",
            rb(r#"{"kind": "Robot", "name": "r"}"#),
            r#"subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group""#,
        ),
        (
            "RoleBinding",
            rb(r#"{"kind": "ServiceAccount", "name": "a", "apiGroup": "v1"}"#),
            r#"subjects[0].apiGroup: Unsupported value: "v1": supported values: """#,
        ),
        (
            "RoleBinding",
            rb(r#"{"kind": "Group", "name": "a", "apiGroup": "v1"}"#),
            r#"subjects[0].apiGroup: Unsupported value: "v1": supported values: "rbac.authorization.k8s.io""#,
        ),
        (
            "RoleBinding",
            rb(r#"{"kind": "ServiceAccount", "name": "Not Valid!"}"#),
            r#"subjects[0].name: Invalid value: "Not Valid!": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#,
        ),
        (
            "ClusterRoleBinding",
            crb(r#"{"kind": "ServiceAccount", "name": ""}"#),
            "[subjects[0].name: Required value, subjects[0].namespace: Required value]",
        ),
    ] {
        assert_eq!(message(kind, &json), expected, "{kind} {json}");
    }
}

/// The twins of the above, each differing in what was wrong.
#[test]
fn good_objects_draw_no_objection() {
    for (kind, json) in [
        ("ClusterRole", r#"{"metadata": {"name": "system:Node 1"}, "rules": []}"#),
        ("ClusterRole", r#"{"metadata": {"name": "dropped", "namespace": "n"}}"#),
        (
            "ClusterRole",
            r#"{"metadata": {"name": "a"}, "rules": [{"verbs": [""], "apiGroups": [""], "resources": ["*/*"]}]}"#,
        ),
        (
            "ClusterRole",
            r#"{"metadata": {"name": "a"}, "rules": [{"verbs": ["get"], "nonResourceURLs": ["healthz"]}]}"#,
        ),
        (
            "ClusterRole",
            r#"{"metadata": {"name": "a"}, "aggregationRule": {"clusterRoleSelectors": [{}]}}"#,
        ),
        ("Role", r#"{"metadata": {"name": "a", "namespace": "n"}}"#),
        (
            "RoleBinding",
            r#"{"metadata": {"name": "a", "namespace": "n"}, "roleRef": {"kind": "Role", "name": "gone"},
            "subjects": [{"kind": "ServiceAccount", "name": "a.b"}, {"kind": "User", "name": "*", "namespace": "odd"}]}"#,
        ),
        (
            "ClusterRoleBinding",
            r#"{"metadata": {"name": "a"}, "roleRef": {"kind": "ClusterRole", "name": "r"}}"#,
        ),
    ] {
        assert_eq!(message(kind, json), "", "{kind} {json}");
    }
}

#[test]
fn a_role_ref_may_stay_and_may_not_change() {
    let (old, new) = (RoleRef::role("a"), RoleRef::cluster_role("a"));
    assert_eq!(validate_role_ref_change(&old, &old).to_string(), "");
    assert_eq!(
        validate_role_ref_change(&old, &new).to_string(),
        r#"roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"ClusterRole","Name":"a"}: cannot change roleRef"#
    );
}
