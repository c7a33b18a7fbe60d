//! Namespaces that inherit: by labels, by objects of HNC, by a file; and who does not.

use std::path::Path;

use portcullis::api::rbac::Kind;
use portcullis::model::{Clock, Moment, Request, ResourceAttributes, User};
use portcullis::snapshot::{Config, Mode, Snapshot, compile};
use portcullis::source::hierarchy::{self, Hierarchy, HierarchyError, INHERITED_FROM};
use portcullis::source::{self, Input, LoadOptions, Loaded};
use serde::Deserialize;

use crate::plain_yaml;

fn load(text: &str) -> Loaded {
    source::parse("team.yaml", text.as_bytes(), &LoadOptions::default()).unwrap()
}

fn sample(name: &str) -> Loaded {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/rbac").join(name);
    source::load(&[Input::from(&path)], &LoadOptions::default(), &mut |_| ()).unwrap()
}

fn tree(text: &str) -> Hierarchy {
    Hierarchy::parse("tree.yaml", text.as_bytes().to_vec()).unwrap()
}

fn inherited(mut loaded: Loaded, tree: &Hierarchy) -> Loaded {
    hierarchy::inherit(&mut loaded, tree).unwrap();
    loaded
}

/// Where a user may get pods.
fn places(loaded: &Loaded, user: &str, asked: &[&str]) -> Vec<String> {
    let snapshot = compile(&loaded.inventory, &Config::new([Mode::Rbac])).unwrap();
    let user = User::new(user);
    let may = |namespace: &&&str| {
        let get = ResourceAttributes::new("get", "pods").in_namespace(namespace);
        snapshot.authorize(&Request::resource(&user, get)).is_allowed()
    };
    asked.iter().filter(may).map(ToString::to_string).collect()
}

fn notices(loaded: &Loaded) -> Vec<String> {
    loaded.report.notices.iter().map(ToString::to_string).collect()
}

const ROLE: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: acme}
rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]
";

fn binding(name: &str, namespace: &str, user: &str, more: &str) -> String {
    format!(
        "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\n\
         metadata: {{name: {name}, namespace: {namespace}{more}}}\n\
         subjects: [{{kind: User, name: {user}}}]\nroleRef: {{kind: Role, name: reader}}\n"
    )
}

fn namespace(name: &str, labels: &[(&str, &str)]) -> String {
    let labels: Vec<String> = labels
        .iter()
        .map(|(above, depth)| format!("{above}.tree.hnc.x-k8s.io/depth: \"{depth}\""))
        .collect();
    format!(
        "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{}}}}}\n",
        labels.join(", ")
    )
}

const ALL: [&str; 5] = ["acme", "shop", "bank", "shop-test", "lab"];

#[test]
fn those_below_inherit_and_siblings_and_those_above_do_not() {
    let loaded = load(&format!("{ROLE}{}", binding("b", "acme", "jane", "")));
    assert_eq!(places(&loaded, "jane", &ALL), ["acme"], "nothing is inherited unasked");
    let by_tree = inherited(loaded, &tree("shop: acme\nshop-test: shop\nbank: other\n"));
    assert_eq!(places(&by_tree, "jane", &ALL), ["acme", "shop", "shop-test"]);
    // The binding is in the middle: the Role comes from above it, to a sibling nothing.
    let loaded = load(&format!("{ROLE}{}", binding("b", "shop", "jane", "")));
    let by_tree = inherited(loaded, &tree("shop: acme\nshop-test: shop\nbank: acme\n"));
    assert_eq!(places(&by_tree, "jane", &ALL), ["shop", "shop-test"]);
}

#[test]
fn every_inherited_object_says_where_it_comes_from() {
    let loaded = load(&format!("{ROLE}{}", binding("b", "acme", "jane", ", resourceVersion: '7'")));
    let loaded = inherited(loaded, &tree("shop: acme\n"));
    let copy = &loaded.inventory.role_bindings[1];
    assert_eq!(copy.origin.to_string(), "team.yaml:7 (document 2), inherited from namespace acme");
    assert_eq!(copy.value.metadata.labels[INHERITED_FROM], "acme");
    assert_eq!(copy.value.metadata.resource_version, "");
    let config = Config::new([Mode::Rbac]);
    let snapshot = compile(&loaded.inventory, &config).unwrap();
    let jane = User::new("jane");
    let get = ResourceAttributes::new("get", "pods").in_namespace("shop");
    let request = Request::resource(&jane, get);
    let path = snapshot.authorize(&request).path();
    let places: Vec<String> =
        path.iter().filter_map(|step| Some(step.origin.as_ref()?.to_string())).collect();
    assert_eq!(
        places,
        [
            "team.yaml:7 (document 2), inherited from namespace acme",
            "team.yaml:2, inherited from namespace acme"
        ]
    );
    // The reason is that of the copy, as if HNC had made it.
    assert_eq!(
        snapshot.authorize(&request).reason(),
        "RBAC: allowed by RoleBinding \"b/shop\" of Role \"reader\" to User \"jane\""
    );
    // Doing it again adds nothing.
    let again = inherited(loaded.clone(), &tree("shop: acme\n"));
    assert_eq!(again, loaded);
}

#[test]
fn the_nearest_of_a_name_counts_and_what_a_namespace_has_itself_is_not_replaced() {
    let text = [
        ROLE,
        &binding("b", "acme", "jane", ""),
        &binding("b", "shop", "joe", ""),
        &binding("c", "acme", "jim", ""),
    ]
    .concat();
    let loaded = inherited(load(&text), &tree("shop: acme\nshop-test: shop\nbank: acme\n"));
    assert_eq!(places(&loaded, "jane", &ALL), ["acme", "bank"]);
    assert_eq!(places(&loaded, "joe", &ALL), ["shop", "shop-test"]);
    assert_eq!(places(&loaded, "jim", &ALL), ["acme", "shop", "bank", "shop-test"]);
    assert_eq!(
        notices(&loaded),
        [
            "team.yaml:13 (document 3): RoleBinding `shop/b` stands in the way of the one of namespace \
          `acme` (team.yaml:7 (document 2)), which is not inherited here"
        ]
    );
}

#[test]
fn a_copy_that_hnc_made_is_not_made_again_and_hands_nothing_down() {
    let copied = ", labels: {hnc.x-k8s.io/inherited-from: acme}";
    let text = [ROLE, &binding("b", "acme", "jane", ""), &binding("b", "shop", "jane", copied)];
    let loaded = inherited(load(&text.concat()), &tree("shop: acme\nshop-test: shop\n"));
    assert_eq!(notices(&loaded), [""; 0]);
    assert_eq!(loaded.inventory.count(Kind::RoleBinding), 3);
    let of_test = &loaded.inventory.role_bindings[2];
    assert_eq!(of_test.value.metadata.labels[INHERITED_FROM], "acme");
    let origin = loaded.inventory.role_bindings[1].origin.to_string();
    assert_eq!(origin, "team.yaml:13 (document 3), inherited from namespace acme");
    // One whose source is gone is where it is, and goes nowhere.
    let text = [ROLE, &binding("stale", "shop", "jane", copied)].concat();
    let loaded = inherited(load(&text), &tree("shop: acme\nshop-test: shop\n"));
    assert_eq!(places(&loaded, "jane", &ALL), ["shop"]);
}

#[test]
fn exceptions_that_cannot_be_read_hand_nothing_down_and_are_told() {
    for (annotation, reason) in [
        (
            "none: maybe",
            "`propagate.hnc.x-k8s.io/none` is `maybe`, which is neither true nor false",
        ),
        (
            "treeSelect: 'shop,bank'",
            "`propagate.hnc.x-k8s.io/treeSelect` names more than one namespace without `!`",
        ),
        (
            "treeSelect: 'Shop'",
            "`propagate.hnc.x-k8s.io/treeSelect` names `Shop`, which no namespace can be called",
        ),
        (
            "select: 'env=production'",
            "it is for namespaces with certain labels, and those of `shop` were not read",
        ),
    ] {
        let more = format!(", annotations: {{propagate.hnc.x-k8s.io/{annotation}}}");
        let loaded = load(&format!("{ROLE}{}", binding("b", "acme", "jane", &more)));
        let loaded = inherited(loaded, &tree("shop: acme\n"));
        assert_eq!(places(&loaded, "jane", &ALL), ["acme"], "{annotation}");
        let told =
            format!("team.yaml:7 (document 2): RoleBinding `acme/b` is not inherited: {reason}");
        assert_eq!(notices(&loaded), [told]);
    }
    let more = ", annotations: {propagate.hnc.x-k8s.io/select: 'a in (b'}";
    let loaded = load(&format!("{ROLE}{}", binding("b", "acme", "jane", more)));
    let told = notices(&inherited(loaded, &tree("shop: acme\n")));
    assert!(told[0].contains("`propagate.hnc.x-k8s.io/select` is no selector: "), "{told:?}");
    // The twins: what says nothing, and who is selected.
    for annotation in ["none: 'false'", "treeSelect: shop", "treeSelect: '!bank'", "select: ''"] {
        let more = format!(", annotations: {{propagate.hnc.x-k8s.io/{annotation}}}");
        let loaded = load(&format!("{ROLE}{}", binding("b", "acme", "jane", &more)));
        let loaded = inherited(loaded, &tree("shop: acme\nbank: acme\nshop-test: shop\n"));
        let places = places(&loaded, "jane", &["shop", "shop-test"]);
        assert_eq!(places, ["shop", "shop-test"], "{annotation}");
    }
}

#[test]
fn labels_and_objects_of_hnc_say_the_tree() {
    let labels = [
        namespace("acme", &[("acme", "0")]),
        namespace("shop", &[("shop", "0"), ("acme", "1")]),
        namespace("shop-test", &[("shop-test", "0"), ("shop", "1"), ("acme", "2")]),
        namespace("lab", &[]),
    ]
    .concat();
    let by_labels = Hierarchy::from_labels(&load(&labels)).unwrap();
    let above =
        |tree: &Hierarchy, name: &str| tree.above(name).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(above(&by_labels, "shop-test"), ["shop", "acme"]);
    assert_eq!(above(&by_labels, "lab"), [""; 0]);
    let objects = "
apiVersion: hnc.x-k8s.io/v1alpha2
kind: HierarchyConfiguration
metadata: {name: hierarchy, namespace: shop}
spec: {parent: acme}
---
apiVersion: hnc.x-k8s.io/v1alpha2
kind: HierarchyConfiguration
metadata: {name: other, namespace: lab}
spec: {parent: acme}
---
apiVersion: hnc.x-k8s.io/v1alpha2
kind: SubnamespaceAnchor
metadata: {name: shop-test, namespace: shop}
";
    let by_objects = Hierarchy::from_labels(&load(objects)).unwrap();
    assert_eq!(above(&by_objects, "shop-test"), ["shop", "acme"]);
    assert_eq!(above(&by_objects, "lab"), [""; 0]);
    // JSON is read another way; and unless it is asked for, a load says what it always did.
    let json = br#"{"apiVersion": "hnc.x-k8s.io/v1alpha2", "kind": "HierarchyConfiguration",
        "metadata": {"name": "hierarchy", "namespace": "shop"}, "spec": {"parent": "acme"}}"#;
    let json = source::parse("t.json", json, &LoadOptions::default()).unwrap();
    assert_eq!(Hierarchy::from_labels(&json).unwrap().parent("shop"), Some("acme"));
    assert_eq!(json.report.other_kinds["HierarchyConfiguration.hnc.x-k8s.io"], 1);
    assert_eq!((json.report.objects, json.report.notices.len()), (0, 0));
}

#[test]
fn what_is_no_tree_is_refused_with_its_place() {
    let refused = |text: &str| Hierarchy::parse("tree.yaml", text.into()).unwrap_err().to_string();
    assert_eq!(refused("a: b\nc: c\n"), "tree.yaml:2: namespace `c` is its own parent");
    assert_eq!(
        refused("x: c\na: b\nb: c\nc: a\n"),
        "tree.yaml:2: parents go round in a circle: a -> b -> c -> a"
    );
    let hint = "; write a line `child: parent` for each namespace that has a parent";
    for (text, message) in [
        ("a: b\na: c\n", "tree.yaml:2: `a` stands here a second time"),
        ("a: [b]\n", "tree.yaml:1: the parent of `a` is no name (quote numbers)"),
        ("a: 7\n", "tree.yaml:1: the parent of `a` is no name (quote numbers)"),
        ("- a\n", "tree.yaml:1: this is no mapping"),
        ("# nothing\n", "tree.yaml: there is nothing in it"),
    ] {
        assert_eq!(refused(text), format!("{message}{hint}"));
    }
    assert!(Hierarchy::parse("tree.yaml", "a: ~\nb: a\n".into()).is_ok(), "a root may be said");

    let labels = |text: String| Hierarchy::from_labels(&load(&text)).unwrap_err().to_string();
    let no_tree = "team.yaml:2: the labels of namespace `shop` are no tree: ";
    for (of_shop, message) in [
        (&[("acme", "x")][..], "the distance of `acme` is `x`, which is no number"),
        (&[("acme", "0")], "`acme` is said to be the namespace itself"),
        (&[("shop", "1")], "the namespace is said to be 1 above itself"),
        (&[("acme", "1"), ("bank", "1")], "two others are said to be one above it"),
        (&[("acme", "2")], "above it is nothing, by the parents of each, but they say otherwise"),
        (
            &[("acme", "1"), ("bank", "2")],
            "above it is acme, by the parents of each, but they say otherwise",
        ),
    ] {
        assert_eq!(labels(namespace("shop", of_shop)), format!("{no_tree}{message}"));
    }
    let both = namespace("shop", &[("acme", "1")])
        + "---\napiVersion: hnc.x-k8s.io/v1alpha2\nkind: HierarchyConfiguration\n\
           metadata: {name: hierarchy, namespace: shop}\nspec: {parent: bank}\n";
    assert_eq!(
        labels(both),
        "team.yaml:6 (document 2): namespace `shop` has the parent `bank` here, and `acme` at \
         team.yaml:2"
    );
    let typed = "apiVersion: hnc.x-k8s.io/v1alpha2\nkind: HierarchyConfiguration\n\
                 metadata: {name: hierarchy, namespace: shop}\nspec: {parent: [bank]}\n";
    let message = labels(typed.to_owned());
    assert!(
        message.starts_with("team.yaml:1: this HierarchyConfiguration cannot be read: "),
        "{message}"
    );
    assert!(matches!(Hierarchy::from_labels(&load(ROLE)), Err(HierarchyError::NoNamespaces)));
}

#[test]
fn names_that_no_namespace_has_are_refused_where_namespaces_were_read() {
    let text = [namespace("acme", &[]), namespace("shop", &[])].concat();
    let mut loaded = load(&text);
    let before = loaded.clone();
    let refused = hierarchy::inherit(&mut loaded, &tree("shop: acmee\n")).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "tree.yaml:1: namespace `acmee` is not among those that were read; did you mean `acme`?"
    );
    assert_eq!(loaded, before);
    assert!(hierarchy::inherit(&mut loaded, &tree("shopp: acme\n")).is_err());
    assert!(hierarchy::inherit(&mut loaded, &tree("shop: acme\n")).is_ok());
    // Without them nobody can tell.
    assert!(hierarchy::inherit(&mut load(ROLE), &tree("shop: acmee\n")).is_ok());
}

#[test]
fn what_the_tree_says_nothing_about_is_told() {
    let text = [ROLE, &namespace("acme", &[]), &binding("b", "shop", "jane", "")].concat();
    let by_labels = |text: &str| {
        let loaded = load(text);
        let tree = Hierarchy::from_labels(&loaded).unwrap();
        notices(&inherited(loaded, &tree))
    };
    assert_eq!(by_labels(&text), ["no namespace that was read has a parent: nothing is inherited"]);
    let text = text + &namespace("lab", &[("acme", "1")]);
    assert_eq!(
        by_labels(&text),
        ["namespace `shop` holds RoleBindings, but its Namespace object was not read: what it \
          inherits is not known"]
    );
}

#[test]
fn the_end_of_a_grant_is_inherited_with_it() {
    let more = ", annotations: {portcullis.dev/not-after: '2026-11-27T08:00:00Z'}";
    let loaded = load(&format!("{ROLE}{}", binding("b", "acme", "jane", more)));
    let loaded = inherited(loaded, &tree("shop: acme\n"));
    let jane = User::new("jane");
    let get = ResourceAttributes::new("get", "pods").in_namespace("shop");
    for (now, is_allowed) in [("2026-11-27T07:59:59Z", true), ("2026-11-27T08:00:00Z", false)] {
        let config = Config::new([Mode::Rbac]).with_grant_times(Clock::fixed(now.parse().unwrap()));
        let snapshot = compile(&loaded.inventory, &config).unwrap();
        assert_eq!(snapshot.authorize(&Request::resource(&jane, get)).is_allowed(), is_allowed);
    }
}

#[test]
fn a_deep_tree_is_walked_and_not_climbed() {
    let lines: String = (1..4_000).map(|at| format!("n{at}: n{}\n", at - 1)).collect();
    let loaded =
        load(&format!("{ROLE}{}", binding("b", "n3990", "jane", "")).replace("acme", "n3990"));
    let loaded = inherited(loaded, &tree(&lines));
    assert_eq!(places(&loaded, "jane", &["n3989", "n3990", "n3999"]), ["n3990", "n3999"]);
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(default)]
    at: Option<String>,
    user: String,
    groups: Vec<String>,
    verb: String,
    #[serde(default)]
    group: String,
    resource: String,
    #[serde(default)]
    name: String,
    namespace: String,
    expect: String,
}

fn cases(name: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/rbac").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_value(plain_yaml::documents(&text).remove(0)).unwrap()
}

fn check(snapshot: &Snapshot, case: &Case) {
    let user = User::new(&case.user).with_groups(&case.groups);
    let asked = ResourceAttributes::new(&case.verb, &case.resource)
        .in_group(&case.group)
        .named(&case.name)
        .in_namespace(&case.namespace);
    let request = Request::resource(&user, asked);
    let verdict = snapshot.authorize(&request);
    let answer = if verdict.is_allowed() { "allow" } else { "no-opinion" };
    assert_eq!(answer, case.expect, "{case:?}");
}

#[test]
fn the_sample_hierarchy_answers_its_questions_by_either_tree() {
    let loaded = sample("hierarchy.yaml");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/rbac/hierarchy.tree.yaml");
    let (labels, file) =
        (Hierarchy::from_labels(&loaded).unwrap(), Hierarchy::from_file(&path).unwrap());
    let cases = cases("hierarchy.cases.yaml");
    assert_eq!(cases.len(), 25);
    for tree in [labels, file] {
        let loaded = inherited(loaded.clone(), &tree);
        assert_eq!(notices(&loaded), [""; 0]);
        let snapshot = compile(&loaded.inventory, &Config::new([Mode::Rbac])).unwrap();
        cases.iter().for_each(|case| check(&snapshot, case));
    }
}

#[test]
fn the_sample_of_grants_with_times_answers_its_questions() {
    let loaded = sample("time-bound.yaml");
    let cases = cases("time-bound.cases.yaml");
    assert!(cases.len() >= 16);
    for case in &cases {
        let at: Moment = case.at.as_deref().unwrap().parse().unwrap();
        let config = Config::new([Mode::Rbac]).with_grant_times(Clock::fixed(at));
        check(&compile(&loaded.inventory, &config).unwrap(), case);
    }
}
