//! The products over a snapshot: who-can, rules, nearest, check; on the sample policies and on the
//! recorded worlds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use portcullis::api::inventory::Inventory;
use portcullis::api::rbac::{Object, PolicyRule};
use portcullis::api::resources::ResourceTable;
use portcullis::authz::abac;
use portcullis::authz::rbac::aggregation::Aggregation;
use portcullis::model::{
    Attributes, NonResourceAttributes, Origin, Request, ResourceAttributes, User,
};
use portcullis::query::{self, Authority, Finding, Level, Mark, Reach, Subject, mark_rule};
use portcullis::snapshot::{Config, Mode, Snapshot, SuperUserStep, compile};
use portcullis::source::{self, Input, LoadOptions, Loaded};

use crate::support::world::{ExpectedSubjects, Query, read_list, sorted};
use crate::support::{corpus, ndjson, shared};

fn policies(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("policies").join(path)
}

fn load(paths: &[PathBuf]) -> Loaded {
    let inputs: Vec<Input> = paths.iter().cloned().map(Input::from).collect();
    source::load(&inputs, &LoadOptions::default(), &mut |_| {}).unwrap()
}

fn sample() -> (Inventory, Snapshot) {
    let loaded = load(&[policies("rbac/sample-cluster.yaml")]);
    let snapshot = compile(&loaded.inventory, &Config::new([Mode::Rbac])).unwrap();
    (loaded.inventory, snapshot)
}

fn team() -> abac::Policy {
    let text = std::fs::read_to_string(policies("abac/team.jsonl")).unwrap();
    abac::Policy::parse("team.jsonl", &text).unwrap()
}

/// `verb resource[/subresource][.group] [namespace] [name]`, or `verb /path`.
fn ask(text: &str) -> Attributes<'_> {
    let mut words = text.split(' ');
    let (verb, what) = (words.next().unwrap(), words.next().unwrap());
    if what.starts_with('/') {
        return Attributes::NonResource(NonResourceAttributes { verb, path: what });
    }
    let (what, group) = what.split_once('.').unwrap_or((what, ""));
    let (resource, subresource) = what.split_once('/').unwrap_or((what, ""));
    Attributes::Resource(
        ResourceAttributes::new(verb, resource)
            .with_subresource(subresource)
            .in_group(group)
            .in_namespace(words.next().unwrap_or_default())
            .named(words.next().unwrap_or_default()),
    )
}

const QUESTIONS: [&str; 22] = [
    "get secrets kube-system",
    "get secrets kube-system ingress-default-cert",
    "list secrets",
    "create pods/exec shop",
    "get pods/log shop",
    "delete pods payments",
    "get configmaps shop checkout-flags",
    "get nodes",
    "list nodes monitoring",
    "get namespaces shop shop",
    "patch deployments/scale.apps shop",
    "create leases.coordination.k8s.io kube-system",
    "create serviceaccounts/token payments api",
    "list configmaps payments ledger",
    "impersonate users",
    "escalate clusterroles.rbac.authorization.k8s.io",
    "* *",
    "get /metrics",
    "get /healthz",
    "get /version",
    "post /api",
    "get /debug/pprof/heap",
];

/// A user that is this subject and nothing else.
fn user_of(subject: &Subject) -> Option<User> {
    let user = match subject.kind.as_str() {
        _ if subject.everybody => User::new("anybody"),
        "User" => User::new(subject.name.as_str()),
        "Group" => User::new("somebody").with_groups([subject.name.as_str()]),
        "ServiceAccount" => {
            User { groups: Vec::new(), ..User::service_account(&subject.namespace, &subject.name) }
        }
        _ => return None,
    };
    Some(match &subject.while_in {
        Some(group) => user.with_groups([group.as_str()]),
        None => user,
    })
}

/// The inverse law: who is in a row is allowed, who is in none is not.
fn check_inverse(snapshot: &Snapshot, everybody: &BTreeSet<Subject>, asked: &Attributes<'_>) {
    let table = ResourceTable::builtin();
    let who = query::who_can(snapshot, asked, &table);
    let named: BTreeSet<Subject> = who
        .rows
        .iter()
        .filter(|row| row.mark() != Some(Mark::Nobody))
        .map(query::Row::subject)
        .collect();
    for subject in everybody.iter().chain(&named) {
        let Some(user) = user_of(subject) else { continue };
        let request = Request { user: &user, attributes: *asked };
        let is_named = named.iter().any(|row| row.is_user(&user));
        assert_eq!(snapshot.authorize(&request).is_allowed(), is_named, "{subject}: {asked:?}");
    }
    for row in &who.rows {
        assert!(!row.path().is_empty(), "{row:?}");
    }
}

fn everybody_in(snapshot: &Snapshot) -> BTreeSet<Subject> {
    let mut all: BTreeSet<Subject> = BTreeSet::new();
    for binding in snapshot.rbac().into_iter().flat_map(|policy| policy.all_bindings()) {
        all.extend(binding.subjects().map(|bound| Subject {
            namespace: match (bound.kind.as_str(), bound.namespace.as_str()) {
                ("ServiceAccount", "") => binding.namespace().into(),
                ("ServiceAccount", own) => own.into(),
                _ => Default::default(),
            },
            kind: bound.kind,
            name: bound.name,
            ..Subject::default()
        }));
    }
    for (kind, name) in [("User", "nobody"), ("Group", "nobody"), ("User", "carol")] {
        all.insert(Subject { kind: kind.into(), name: name.into(), ..Subject::default() });
    }
    all
}

#[test]
fn who_is_in_a_row_is_allowed_and_who_is_in_none_is_not() {
    let (inventory, snapshot) = sample();
    let everybody = everybody_in(&snapshot);
    let without = Config::new([Mode::Rbac]).with_super_user(SuperUserStep::LeaveOut);
    let both = Config::new([Mode::Rbac, Mode::Abac]).with_abac(team());
    for config in [Config::new([Mode::Rbac]), without, both, Config::new([Mode::AlwaysDeny])] {
        let snapshot = compile(&inventory, &config).unwrap();
        for question in QUESTIONS {
            check_inverse(&snapshot, &everybody, &ask(question));
        }
    }
    let open = compile(&inventory, &Config::new([Mode::AlwaysAllow])).unwrap();
    check_inverse(&open, &everybody, &ask("get secrets shop"));
}

#[test]
fn the_default_policy_obeys_the_inverse_law() {
    let loaded = load(&[policies("rbac/kubernetes-defaults.yaml")]);
    let snapshot = compile(&loaded.inventory, &Config::new([Mode::Rbac])).unwrap();
    let everybody = everybody_in(&snapshot);
    for question in QUESTIONS {
        check_inverse(&snapshot, &everybody, &ask(question));
    }
}

#[test]
fn the_locators_of_the_corpus_are_answered_as_recorded() {
    check_locators(&corpus("rbac-1"));
    check_locators(&corpus("rbac-bootstrap-1"));
}

#[test]
fn every_recorded_locator_is_answered_as_recorded() {
    for world in ["rbac-2", "rbac-3", "rbac-4", "rbac-5", "rbac-6", "rbac-bootstrap-1"] {
        let Some(path) = shared(&format!("golden/worlds/{world}")) else {
            return;
        };
        check_locators(&path);
    }
}

fn check_locators(world: &Path) {
    let table = ResourceTable::builtin();
    let inventory = read_list(&world.join("world.json"));
    let config = Config::new([Mode::Rbac]).with_aggregation(Aggregation::Stored);
    let snapshot = compile(&inventory, &config).unwrap();
    let queries: Vec<Query> = ndjson(&world.join("whocan-queries.ndjson"));
    let expected: Vec<ExpectedSubjects> = ndjson(&world.join("whocan-expected.ndjson"));
    assert_eq!(queries.len(), expected.len());
    for (query, expected) in queries.iter().zip(&expected) {
        let Some(subjects) = &expected.subjects else { continue };
        let attributes = query.attributes();
        let who = query::who_can(&snapshot, &attributes, &table);
        assert_eq!(who.rows[0].authority(), Authority::SuperUser);
        let listed = who.rows.iter().filter_map(query::Row::bound_subject);
        assert_eq!(sorted(listed), sorted(subjects.clone()), "{}: {query:?}", world.display());
    }
}

#[test]
fn the_super_user_row_comes_first_and_goes_with_its_step() {
    let (inventory, with) = sample();
    let config = Config::new([Mode::Rbac]).with_super_user(SuperUserStep::LeaveOut);
    let without = compile(&inventory, &config).unwrap();
    let table = ResourceTable::builtin();
    let asked = ask("delete nodes");
    let first = |snapshot| {
        let who = query::who_can(snapshot, &asked, &table);
        (who.rows.len(), who.rows[0].authority())
    };
    let ((more, built_in), (fewer, rbac)) = (first(&with), first(&without));
    assert_eq!((built_in, rbac), (Authority::SuperUser, Authority::Rbac));
    assert_eq!(more, fewer + 1);
}

#[test]
fn abac_rows_name_their_line_and_the_condition_of_a_user_in_a_group() {
    let config = Config::new([Mode::Abac]).with_abac(team());
    let snapshot = compile(&Inventory::default(), &config).unwrap();
    let who = query::who_can(&snapshot, &ask("delete pods db"), &ResourceTable::builtin());
    let subjects: Vec<String> = who.rows.iter().map(|row| row.subject().to_string()).collect();
    assert_eq!(
        subjects,
        ["Group system:masters", "Group platform", "User carol while in Group on-call"]
    );
    let (line, origin) = who.rows[2].line().unwrap();
    assert!(line.contains("carol") && origin.line > 0, "{origin}");
    assert_eq!(who.rows[2].path()[1].kind, "policy");
    let elsewhere = query::who_can(&snapshot, &ask("delete pods web"), &ResourceTable::builtin());
    assert!(elsewhere.rows.iter().all(|row| row.subject().while_in.is_none()));
}

#[test]
fn an_authorizer_that_cannot_list_makes_the_answer_incomplete() {
    use portcullis::authz::AlwaysDeny;
    let config = Config::new([Mode::AlwaysDeny]).with_authorizer("mine", AlwaysDeny);
    let snapshot = compile(&Inventory::default(), &config).unwrap();
    let table = ResourceTable::builtin();
    assert_eq!(query::who_can(&snapshot, &ask("get pods"), &table).incomplete, ["mine"]);
    let snapshot = compile(&Inventory::default(), &Config::new([Mode::AlwaysDeny])).unwrap();
    assert!(query::who_can(&snapshot, &ask("get pods"), &table).incomplete.is_empty());
}

// ---- marks ------------------------------------------------------------------------------------

fn rule(json: &str) -> PolicyRule {
    serde_json::from_str(json).unwrap()
}

#[test]
fn grants_that_no_request_can_use_are_marked_and_their_twins_are_not() {
    let table = ResourceTable::builtin();
    let whole = |json: &str, reach| mark_rule(&rule(json), reach, &table).whole;
    let through_role_binding = |json: &str| whole(json, Reach::Namespace);
    let nodes = r#"{"verbs": ["get"], "apiGroups": [""], "resources": ["nodes", "nodes/log"]}"#;
    assert_eq!(through_role_binding(nodes), Some(Mark::Unreachable));
    assert_eq!(whole(nodes, Reach::Cluster), None);
    // One of two resources, and one of two groups, can be reached.
    for json in [
        r#"{"verbs": ["get"], "apiGroups": [""], "resources": ["nodes", "pods"]}"#,
        r#"{"verbs": ["get"], "apiGroups": ["", "metrics.k8s.io"], "resources": ["nodes"]}"#,
        r#"{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}"#,
    ] {
        assert_eq!(through_role_binding(json), None, "{json}");
    }
    // S-ATTR-16: a request for one namespace carries its name, a list does not.
    let namespaces = |verb: &str| {
        let json = r#"{"verbs": ["VERB"], "apiGroups": [""], "resources": ["namespaces"]}"#;
        through_role_binding(&json.replace("VERB", verb))
    };
    assert_eq!(namespaces("get"), None);
    assert_eq!(namespaces("list"), Some(Mark::Unreachable));
    // S-ESC-11: who binds a ClusterRole in a namespace is asked for `bind` there.
    let cluster_roles = |verb: &str| {
        let json = r#"{"verbs": ["VERB"], "apiGroups": ["rbac.authorization.k8s.io"],
                       "resources": ["clusterroles"]}"#;
        through_role_binding(&json.replace("VERB", verb))
    };
    assert_eq!(cluster_roles("bind"), None);
    assert_eq!(cluster_roles("get"), Some(Mark::Unreachable));
    // S-ATTR-19.
    let named = |verbs: &str, resource: &str| {
        let json = r#"{"verbs": VERBS, "apiGroups": [""], "resources": ["WHAT"],
                       "resourceNames": ["a"]}"#;
        let rule = rule(&json.replace("VERBS", verbs).replace("WHAT", resource));
        mark_rule(&rule, Reach::Cluster, &table)
    };
    assert_eq!(named(r#"["deletecollection"]"#, "pods").whole, Some(Mark::Nameless));
    assert_eq!(named(r#"["delete"]"#, "pods").whole, None);
    assert_eq!(named(r#"["create", "get"]"#, "pods").nameless, ["create"]);
    assert!(named(r#"["create"]"#, "pods/exec").nameless.is_empty());
}

#[test]
fn marks_are_advice_and_change_no_row() {
    let (_, snapshot) = sample();
    let table = ResourceTable::builtin();
    let listing = query::rules(
        &snapshot,
        &User::service_account("monitoring", "grafana"),
        "monitoring",
        &table,
    );
    let dead: Vec<_> = listing.entries.iter().filter(|entry| entry.marks.dead_paths).collect();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].binding.unwrap().name(), "grafana-metrics");
    assert_eq!(dead[0].marks.whole, Some(Mark::Dead));
    // The same role cluster-wide would not be marked; discovery is bound so.
    assert!(
        listing.entries.iter().any(|e| !e.rule.non_resource_urls.is_empty() && !e.marks.dead_paths)
    );
}

#[test]
fn a_cluster_scoped_resource_through_a_role_binding_is_listed_and_marked() {
    let objects = serde_json::json!([
        {"kind": "Role", "metadata": {"name": "r", "namespace": "ns"},
         "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["nodes", "pods"]}]},
        {"kind": "RoleBinding", "metadata": {"name": "b", "namespace": "ns"},
         "subjects": [{"kind": "User", "name": "jane"}, {"kind": "Robot", "name": "r2"}],
         "roleRef": {"kind": "Role", "name": "r"}},
    ]);
    let inventory = crate::support::world::inventory(objects.as_array().unwrap());
    let snapshot = compile(&inventory, &Config::new([Mode::Rbac])).unwrap();
    let table = ResourceTable::builtin();
    let marks = |question: &str| -> Vec<Option<Mark>> {
        let who = query::who_can(&snapshot, &ask(question), &table);
        who.rows.iter().map(query::Row::mark).collect()
    };
    let unreachable = Some(Mark::Unreachable);
    assert_eq!(marks("get nodes ns"), [None, unreachable, unreachable]);
    assert_eq!(marks("get pods ns"), [None, None, Some(Mark::Nobody)]);
    assert_eq!(marks("get nodes"), [None]);
    let jane = User::new("jane");
    let request = Request { user: &jane, attributes: ask("get nodes ns") };
    assert!(snapshot.authorize(&request).is_allowed());
    // At cluster scope the RoleBinding is what came nearest.
    let request = Request { user: &jane, attributes: ask("get nodes") };
    let misses = query::nearest(&snapshot, &request, &table);
    assert_eq!(misses[0].missing.as_str(), "cluster-scope");
}

// ---- rules --------------------------------------------------------------------------------------

#[test]
fn the_listing_says_what_a_rules_review_says() {
    let (inventory, _) = sample();
    let config = Config::new([Mode::AlwaysDeny, Mode::Abac, Mode::Rbac]).with_abac(team());
    let snapshot = compile(&inventory, &config).unwrap();
    let table = ResourceTable::builtin();
    for (user, namespace) in [
        (User::impersonated("jane@example.com", ["oidc:shop-leads"]), "shop"),
        (User::impersonated("carol", ["on-call", "platform"]), "db"),
        (User::service_account("shop", "ci-deployer"), "shop"),
        (User::service_account("monitoring", "prometheus"), ""),
        (User::new("nobody"), "shop"),
    ] {
        let listing = query::rules(&snapshot, &user, namespace, &table);
        let review = snapshot.rules_for(&user, namespace);
        let on_resources = listing.entries.iter().filter(|e| !e.rule.resources.is_empty());
        let listed = on_resources.map(|e| (e.rule.verbs.clone(), e.rule.resources.clone()));
        let reviewed = review.resource.iter().map(|r| (r.verbs.clone(), r.resources.clone()));
        assert_eq!(listed.collect::<Vec<_>>(), reviewed.collect::<Vec<_>>());
        let on_paths = listing.entries.iter().filter(|e| !e.rule.non_resource_urls.is_empty());
        assert_eq!(on_paths.count(), review.non_resource.len());
        assert_eq!((listing.incomplete, &listing.errors), (review.incomplete, &review.errors));
        for entry in &listing.entries {
            assert_eq!(entry.binding.is_some(), entry.authorizer == "RBAC");
        }
    }
    let deployer = User::service_account("shop", "ci-deployer");
    let listing = query::rules(&snapshot, &deployer, "shop", &table);
    assert_eq!(listing.errors.len(), 1, "{:?}", listing.errors);
}

// ---- nearest ------------------------------------------------------------------------------------

#[test]
fn what_came_nearest_is_told_and_what_is_missing() {
    let (_, snapshot) = sample();
    let jane = || User::impersonated("jane@example.com", Vec::<String>::new());
    let account = User::service_account;
    let in_group = |group: &str| User::impersonated("somebody", [group]);
    for (user, question, missing, text) in [
        (jane(), "delete pods shop", "verb", "`shop/debugger` of Role `debugger`"),
        (jane(), "get pods/exec shop", "subresource", "grants `pods`, `pods/log`"),
        (jane(), "get pods payments", "namespace", "in namespace `shop`, not in `payments`"),
        (jane(), "list pods", "namespace", "this request is for all namespaces"),
        (jane(), "get pods.metrics.k8s.io shop", "api-group", "not `metrics.k8s.io`"),
        (
            account("shop", "checkout"),
            "get secrets shop other",
            "name",
            "`checkout-db`, not `other`",
        ),
        (account("shop", "checkout"), "get secrets shop", "name", "this request names none"),
        (account("payments", "ledger"), "get configmaps payments ledger", "verb", "`list`"),
        (account("payments", "ledger"), "list secrets payments", "name-or-verb", ""),
        (account("shop", "ci-deployer"), "delete jobs.batch shop", "verb", "but not `delete`"),
        (
            account("monitoring", "grafana"),
            "get /debug/pprof/heap",
            "cluster-scope",
            "ClusterRoleBinding",
        ),
        (jane(), "get /version/", "path", "`/version`"),
        (jane(), "post /version", "verb", "`get`, but not `post`"),
        (
            in_group("oidc:shop-developers"),
            "get secrets shop",
            "verb",
            "`create`, `update`, `patch`",
        ),
        (in_group("oidc:nobody"), "get pods/log shop", "membership", "not a member"),
        (User::new("deploy@example.com"), "create pods shop", "role", "`deployer-v1`"),
    ] {
        let request = Request { user: &user, attributes: ask(question) };
        let misses = query::nearest(&snapshot, &request, &ResourceTable::builtin());
        let told: Vec<String> = misses.iter().map(ToString::to_string).collect();
        let context = format!("{} {question}: {told:#?}", user.name);
        assert!(misses.len() <= 10, "{context}");
        if missing == "name-or-verb" {
            // Two things are missing: that rule is no near miss.
            assert!(misses.iter().all(|miss| miss.missing.as_str() != "name"), "{context}");
            continue;
        }
        let first = misses.iter().position(|miss| miss.missing.as_str() == missing);
        assert!(first.is_some_and(|at| told[at].contains(text)), "{context}");
        let is_own = |at: usize| misses[..at].iter().all(|m| m.missing.as_str() != "membership");
        assert!(first.is_some_and(is_own), "{context}");
    }
}

#[test]
fn a_dangling_role_is_told_with_what_else_is_near() {
    let (_, snapshot) = sample();
    let deployer = User::service_account("shop", "ci-deployer");
    let request = Request { user: &deployer, attributes: ask("delete deployments.apps shop") };
    let misses = query::nearest(&snapshot, &request, &ResourceTable::builtin());
    let kinds: Vec<&str> = misses.iter().map(|miss| miss.missing.as_str()).collect();
    assert_eq!(kinds[0], "verb");
    assert!(kinds.contains(&"role"), "{kinds:?}");
}

#[test]
fn nothing_is_near_a_yes_or_a_denial() {
    use portcullis::authz::{Authorizer, Rules};
    use portcullis::model::Verdict;

    struct Freeze;
    impl Authorizer for Freeze {
        fn authorize<'a>(&'a self, _: &'a Request<'a>) -> Verdict<'a> {
            Verdict::deny("freeze")
        }
        fn rules_for(&self, _: &User, _: &str) -> Rules {
            Rules::default()
        }
    }

    let (inventory, snapshot) = sample();
    let jane = User::new("jane@example.com");
    let table = ResourceTable::builtin();
    let yes = Request { user: &jane, attributes: ask("get pods shop") };
    assert!(query::nearest(&snapshot, &yes, &table).is_empty());
    let no = Request { user: &jane, attributes: ask("delete pods shop") };
    assert!(!query::nearest(&snapshot, &no, &table).is_empty());
    let config = Config::new([Mode::Rbac]).with_authorizer("freeze", Freeze);
    let frozen = compile(&inventory, &config).unwrap();
    assert!(query::nearest(&frozen, &no, &table).is_empty());
}

// ---- check --------------------------------------------------------------------------------------

fn check(loaded: &Loaded, config: &Config) -> Vec<Finding> {
    let snapshot = compile(&loaded.inventory, config).unwrap();
    let mut findings = query::check(&loaded.inventory, &snapshot, &ResourceTable::builtin());
    findings.extend(query::check_report(&loaded.report));
    findings
}

fn codes(text: &str) -> Vec<&'static str> {
    let loaded = source::parse("test.yaml", text.as_bytes(), &LoadOptions::default()).unwrap();
    check(&loaded, &Config::new([Mode::Rbac])).iter().map(|finding| finding.code).collect()
}

#[test]
fn the_default_policy_is_passed_over_in_silence() {
    let loaded = load(&[policies("rbac/kubernetes-defaults.yaml")]);
    assert_eq!(check(&loaded, &Config::new([Mode::Rbac])), []);
}

#[test]
fn the_mistakes_of_the_sample_cluster_are_found_and_nothing_else() {
    let loaded = load(&[policies("rbac/sample-cluster.yaml")]);
    let findings = check(&loaded, &Config::new([Mode::Rbac, Mode::Abac]).with_abac(team()));
    let told: Vec<_> = findings.iter().map(|f| (f.code, f.object.as_str())).collect();
    assert_eq!(
        told,
        [
            ("dead-rule", "RoleBinding `monitoring/grafana-metrics`"),
            ("dangling-role-ref", "RoleBinding `shop/legacy-deploy`"),
            ("missing-service-account", "RoleBinding `payments/old-ci`"),
        ]
    );
    assert!(findings.iter().all(|f| f.origin.line > 0 && !f.advice.is_empty()));
}

const ROLE: &str = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\n\
                    metadata: {name: r, namespace: ns}\nrules: [RULE]\n";

#[test]
fn rules_that_do_not_mean_what_they_say_are_found_and_their_twins_are_not() {
    for (rule, code) in [
        ("{verbs: [get], apiGroups: [''], resources: [pods]}", ""),
        ("{verbs: [], apiGroups: [''], resources: [pods]}", "invalid-object"),
        ("{verbs: [get], apiGroups: [''], resources: [nodes]}", "unreachable-rule"),
        (
            "{verbs: [create], apiGroups: [''], resources: [pods], resourceNames: [a]}",
            "nameless-verb",
        ),
        ("{verbs: [create], apiGroups: [''], resources: [pods/exec], resourceNames: [a]}", ""),
        (
            "{verbs: [get], apiGroups: [''], resources: [pods], resourceNames: ['*']}",
            "star-in-resource-names",
        ),
        ("{verbs: [get], apiGroups: [''], resources: ['pods/*']}", "star-subresource"),
        ("{verbs: [get], apiGroups: [''], resources: ['*/scale']}", ""),
        ("{verbs: [get], apiGroups: [''], resources: [pods/logs]}", "unknown-subresource"),
        ("{verbs: [get], apiGroups: [''], resources: [pods/log]}", ""),
        ("{verbs: [get], apiGroups: [''], resources: [pod]}", "unknown-resource"),
        ("{verbs: [get], apiGroups: [''], resources: [deployments]}", "unknown-resource"),
        ("{verbs: [get], apiGroups: ['', apps], resources: [deployments]}", ""),
        ("{verbs: [get], apiGroups: [app], resources: [deployments]}", "unknown-api-group"),
        ("{verbs: [get], apiGroups: [apps/v1], resources: [deployments]}", "unknown-api-group"),
        ("{verbs: [get], apiGroups: [networking.istio.io], resources: [gateways]}", ""),
        ("{verbs: [Get], apiGroups: [''], resources: [pods]}", "unknown-verb"),
        ("{verbs: [post], apiGroups: [''], resources: [pods]}", "unknown-verb"),
        ("{verbs: [archive], apiGroups: [example.com], resources: [things]}", ""),
    ] {
        let expected: Vec<&str> = Some(code).filter(|code| !code.is_empty()).into_iter().collect();
        assert_eq!(codes(&ROLE.replace("RULE", rule)), expected, "{rule}");
    }
}

const BINDING: &str = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: app, namespace: ns}\n\
                       ---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n\
                       metadata: {name: c}\nrules: []\n---\n\
                       apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\n\
                       metadata: {name: b}\nsubjects: [SUBJECT]\n\
                       roleRef: {kind: ClusterRole, name: c}\n";

#[test]
fn subjects_that_are_not_who_they_seem_are_found_and_their_twins_are_not() {
    for (subject, code) in [
        ("{kind: ServiceAccount, name: app, namespace: ns}", ""),
        ("{kind: ServiceAccount, name: gone, namespace: ns}", "missing-service-account"),
        ("{kind: ServiceAccount, name: app}", "invalid-object"),
        ("{kind: User, name: jane}", ""),
        ("{kind: User, name: '*'}", "wildcard-subject"),
        ("{kind: Group, name: '*'}", "wildcard-subject"),
        ("{kind: User, name: 'system:serviceaccount:ns:app'}", "service-account-as-user"),
        ("{kind: User, name: 'system:serviceaccount:ns'}", "no-such-user"),
        ("{kind: User, name: 'system:authenticated'}", "group-as-user"),
        ("{kind: Group, name: 'system:authenticated'}", ""),
        ("{kind: Group, name: 'system:serviceaccount:ns'}", "service-account-as-group"),
        ("{kind: Group, name: 'system:serviceaccount:ns:app'}", "service-account-as-group"),
        ("{kind: Group, name: 'system:serviceaccounts:ns'}", ""),
        ("{kind: Group, name: 'system:anonymous'}", "user-as-group"),
        ("{kind: Robot, name: r2}", "invalid-object"),
        ("", "no-subjects"),
    ] {
        let expected: Vec<&str> = Some(code).filter(|code| !code.is_empty()).into_iter().collect();
        assert_eq!(codes(&BINDING.replace("SUBJECT", subject)), expected, "{subject}");
    }
}

#[test]
fn a_default_role_that_was_not_loaded_is_only_advice() {
    let binding = "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\n\
                   metadata: {name: b, namespace: ns}\nsubjects: [{kind: User, name: jane}]\n\
                   roleRef: {kind: ClusterRole, name: NAME}\n";
    assert_eq!(codes(&binding.replace("NAME", "view")), ["default-role-not-loaded"]);
    assert_eq!(codes(&binding.replace("NAME", "viewer")), ["dangling-role-ref"]);
}

#[test]
fn objects_that_stand_twice_are_found_in_files_and_in_inventories() {
    let role = ROLE.replace("RULE", "");
    assert_eq!(codes(&format!("{role}---\n{role}")), ["duplicate-object"]);
    let object: Object = Object::Role(
        serde_json::from_str(r#"{"metadata": {"name": "r", "namespace": "n"}}"#).unwrap(),
    );
    let mut loaded = Loaded::default();
    loaded.inventory.push(object.clone(), Origin::default());
    assert_eq!(check(&loaded, &Config::new([Mode::Rbac])), []);
    loaded.inventory.push(object, Origin::default());
    assert_eq!(check(&loaded, &Config::new([Mode::Rbac]))[0].code, "duplicate-object");
}

#[test]
fn lines_of_abac_are_looked_over() {
    let policy = abac::Policy::parse("p.jsonl", r#"{"spec": {"user": "alice"}}"#).unwrap();
    let config = Config::new([Mode::Abac]).with_abac(policy);
    let findings = check(&Loaded::default(), &config);
    let told: Vec<_> = findings.iter().map(|f| (f.level, f.code)).collect();
    assert!(told.contains(&(Level::Warning, "abac-grants-everything")), "{told:?}");
}

#[test]
fn a_real_cluster_is_loaded_without_a_complaint_that_is_not_true() {
    let Some(dump) = shared("real-cluster/dump") else { return };
    let files = ["rbac.yaml", "serviceaccounts.json", "namespaces.json"].map(|f| dump.join(f));
    let loaded = load(&files);
    let findings = check(&loaded, &Config::new([Mode::Rbac]));
    // Read one by one when this was written; the API server took every object.
    let known: BTreeSet<&str> = [
        "aggregation-differs",
        "dangling-role-ref",
        "dead-rule",
        "missing-service-account",
        "nameless-verb",
        "no-subjects",
        "unknown-resource",
        "unknown-subresource",
        "unreachable-rule",
    ]
    .into();
    assert_eq!(findings.iter().map(|f| f.code).collect::<BTreeSet<_>>(), known);
    assert!(findings.len() < 200, "{}", findings.len());
}

#[test]
fn recorded_worlds_are_looked_over_in_the_same_order_each_time() {
    let inventory = read_list(&corpus("rbac-1/world.json"));
    let snapshot = compile(&inventory, &Config::new([Mode::Rbac])).unwrap();
    let once = query::check(&inventory, &snapshot, &ResourceTable::builtin());
    assert!(!once.is_empty());
    assert_eq!(once, query::check(&inventory, &snapshot, &ResourceTable::builtin()));
}
