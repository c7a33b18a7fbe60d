//! Resolution, and the embedded table against a real cluster.

use super::*;

fn resolve_in(table: &ResourceTable, argument: &str) -> Resolved {
    match table.resolve(argument) {
        Target::Resource(resolved) => resolved,
        Target::Path(path) => panic!("`{path}` was read as a path"),
    }
}

fn resolve(argument: &str) -> Resolved {
    resolve_in(&ResourceTable::builtin(), argument)
}

/// `resource.group`, and no remark.
fn silently(argument: &str) -> (String, String) {
    let resolved = resolve(argument);
    assert_eq!(resolved.notes, [], "{argument}");
    (resolved.resource, resolved.group)
}

fn pair(resource: &str, group: &str) -> (String, String) {
    (resource.to_owned(), group.to_owned())
}

fn custom(group: &str, plural: &str, short: &str) -> ResourceInfo {
    ResourceInfo {
        group: group.into(),
        versions: vec!["v1".into()],
        plural: plural.into(),
        singular: plural.trim_end_matches('s').into(),
        short_names: vec![short.into()],
        namespaced: true,
        ..ResourceInfo::default()
    }
}

#[test]
fn every_way_to_write_a_resource_is_understood() {
    for argument in [
        "deployments",
        "deployment",
        "Deployment",
        "DEPLOY",
        "deploy",
        "deployments.apps",
        "deploy.apps",
        "deployment.app",
        "deploy.app",
        "deployments.v1.apps",
        "deploy.v1.apps",
    ] {
        assert_eq!(silently(argument), pair("deployments", "apps"), "{argument}");
    }
    assert_eq!(silently("storageclass.storage"), pair("storageclasses", "storage.k8s.io"));
    assert_eq!(silently("roles.rbac"), pair("roles", "rbac.authorization.k8s.io"));
    assert_eq!(silently("pods.v1."), pair("pods", ""));
    assert_eq!(silently("endpoints"), pair("endpoints", ""));
}

#[test]
fn a_version_that_is_not_served_makes_the_name_unknown() {
    let resolved = resolve("deployments.v1beta1.apps");
    assert_eq!((&*resolved.resource, &*resolved.group), ("deployments.v1beta1.apps", ""));
    assert_eq!(
        resolved.notes,
        [Note::Unknown {
            resource: "deployments".into(),
            group: "v1beta1.apps".into(),
            nearest: Some("deployments.apps".into()),
        }]
    );
    // The twin: the version is served.
    assert_eq!(silently("horizontalpodautoscalers.v1.autoscaling").1, "autoscaling");
}

#[test]
fn of_several_groups_core_wins_and_a_written_group_overrules() {
    let mut table = ResourceTable::builtin();
    table.extend([custom("metrics.k8s.io", "pods", "")]);
    for (argument, group) in [("pods", ""), ("pods.metrics.k8s.io", "metrics.k8s.io")] {
        let resolved = resolve_in(&table, argument);
        assert_eq!((&*resolved.resource, &*resolved.group), ("pods", group));
        assert_eq!(resolved.notes, []);
    }
    assert_eq!(silently("events"), pair("events", ""));
    assert_eq!(silently("events.events.k8s.io"), pair("events", "events.k8s.io"));
    assert_eq!(silently("ingresses"), pair("ingresses", "networking.k8s.io"));
}

#[test]
fn an_ambiguous_short_name_is_noted_and_a_full_one_is_not() {
    let resolved = resolve("ev");
    assert_eq!((&*resolved.resource, &*resolved.group), ("events", ""));
    assert_eq!(
        resolved.notes,
        [Note::Ambiguous {
            name: "ev".into(),
            chosen: "events".into(),
            others: vec!["events.events.k8s.io".into()],
        }]
    );
    assert_eq!(resolve("event").notes, []);
}

#[test]
fn a_name_of_two_custom_groups_is_noted_and_the_first_group_counts() {
    let mut table = ResourceTable::builtin();
    table.extend_custom([custom("b.io", "clusters", "cl"), custom("a.io", "clusters", "cl")]);
    for argument in ["clusters", "cluster", "cl"] {
        let resolved = resolve_in(&table, argument);
        assert_eq!(resolved.group, "a.io");
        assert_eq!(
            resolved.notes,
            [Note::Ambiguous {
                name: argument.into(),
                chosen: "clusters.a.io".into(),
                others: vec!["clusters.b.io".into()],
            }]
        );
    }
    assert_eq!(resolve_in(&table, "clusters.b.io").notes, []);
}

#[test]
fn a_full_name_is_never_taken_for_a_short_name() {
    let mut table = ResourceTable::builtin();
    table.extend([custom("a.io", "things", "pods"), custom("b.io", "po", "")]);
    assert_eq!(resolve_in(&table, "pods").resource, "pods");
    assert_eq!(resolve_in(&table, "po").group, "b.io");
}

#[test]
fn a_plural_goes_before_a_singular_of_the_same_group() {
    let mut table = ResourceTable::empty();
    let mut odd = custom("a.io", "oddses", "");
    odd.singular = "odds".into();
    table.extend([odd, custom("a.io", "odds", "")]);
    assert_eq!(resolve_in(&table, "odds").resource, "odds");
    assert_eq!(resolve_in(&table, "oddses").resource, "oddses");
}

#[test]
fn an_unknown_resource_is_asked_as_written_with_the_nearest_name() {
    for (argument, resource, group, nearest) in [
        ("Deploymnets", "deploymnets", "", Some("deployments")),
        ("psod", "psod", "", Some("pods")),
        ("deployments.extensions", "deployments", "extensions", Some("deployments.apps")),
        ("deployments.apss", "deployments", "apss", Some("deployments.apps")),
        ("frobnications", "frobnications", "", None),
        ("", "", "", None),
        (".apps", "", "apps", None),
        ("certificates.k8s.io", "certificates", "k8s.io", None),
    ] {
        let resolved = resolve(argument);
        assert_eq!((&*resolved.resource, &*resolved.group), (argument, ""));
        assert_eq!(resolved.namespaced, None);
        let [Note::Unknown { resource: r, group: g, nearest: n }] = resolved.notes.as_slice()
        else {
            panic!("{argument}: {:?}", resolved.notes);
        };
        assert_eq!((&**r, &**g), (resource, group), "{argument}");
        assert_eq!(n.as_deref(), nearest, "{argument}");
    }
}

#[test]
fn wildcards_stay() {
    assert_eq!(silently("*"), pair("*", ""));
    assert_eq!(resolve("*").namespaced, None);
    let resolved = resolve("*.apps");
    assert_eq!((&*resolved.resource, &*resolved.group), ("*", "apps"));
    assert_eq!(resolved.notes, [Note::WildcardInGroup { group: "apps".into() }]);
}

#[test]
fn a_path_begins_with_a_slash_and_a_name_follows_one() {
    let table = ResourceTable::builtin();
    assert_eq!(table.resolve("/logs/"), Target::Path("/logs/".into()));
    assert_eq!(resolve("pods/web").name.as_deref(), Some("web"));
    assert_eq!(resolve("pods/a/b").name.as_deref(), Some("a/b"));
    assert_eq!(resolve("jobs.batch/").name.as_deref(), Some(""));
    assert_eq!(resolve("pods").name, None);
    assert_eq!(resolve("*/scale").name.as_deref(), Some("scale"));
}

#[test]
fn a_name_that_is_a_subresource_is_noted_and_still_a_name() {
    let note = |resource: &str, subresource: &str| {
        vec![Note::SubresourceInName {
            resource: resource.to_owned(),
            subresource: subresource.to_owned(),
        }]
    };
    let resolved = resolve("po/log");
    assert_eq!(resolved.name.as_deref(), Some("log"));
    assert_eq!(resolved.notes, note("pods", "log"));
    assert_eq!(resolve("deploy/scale").notes, note("deployments.apps", "scale"));
    assert_eq!(resolve("nodes/metrics").notes, note("nodes", "metrics"));
    assert_eq!(resolve("services/finalizers").notes, note("services", "finalizers"));
    assert_eq!(resolve("*/scale").notes, note("*", "scale"));
    assert_eq!(resolve("*/web").notes, []);
    assert_eq!(resolve("pods/logs").notes, []);
    assert_eq!(resolve("configmaps/log").notes, []);
}

#[test]
fn what_only_rules_know_is_found_and_said() {
    // kubectl knows these two.
    assert_eq!(silently("users"), pair("users", ""));
    assert_eq!(silently("groups/admins"), pair("groups", ""));
    // Real resources of the core group, not the virtual ones of the same name (S-IMP-3, S-IMP-9).
    assert_eq!(silently("serviceaccounts"), pair("serviceaccounts", ""));
    assert_eq!(silently("nodes"), pair("nodes", ""));
    for (argument, resource, group) in [
        ("uids", "uids", "authentication.k8s.io"),
        ("userextras", "userextras", "authentication.k8s.io"),
        ("users.authentication.k8s.io", "users", "authentication.k8s.io"),
        ("nodes.authentication.k8s.io", "nodes", "authentication.k8s.io"),
        ("signers", "signers", "certificates.k8s.io"),
        ("signers.certificates.k8s.io/a", "signers", "certificates.k8s.io"),
    ] {
        let resolved = resolve(argument);
        assert_eq!((&*resolved.resource, &*resolved.group), (resource, group));
        let resource = format!("{resource}.{group}");
        assert_eq!(resolved.notes, [Note::Virtual { resource }]);
    }
}

#[test]
fn a_custom_resource_called_users_takes_the_name_and_is_noted() {
    // As with kubectl (kubernetes issue 140961), where it happens silently.
    let mut table = ResourceTable::builtin();
    table.extend_custom([custom("example.com", "users", "")]);
    let resolved = resolve_in(&table, "users");
    assert_eq!(resolved.group, "example.com");
    assert!(matches!(&*resolved.notes, [Note::Ambiguous { others, .. }] if others[0] == "users"));
    assert_eq!(resolve_in(&table, "groups").group, "");
}

#[test]
fn a_resource_without_namespaces_says_so_and_one_with_them_does_not() {
    let note = |argument| resolve(argument).scope_note().map(|note| note.to_string());
    assert_eq!(note("no").as_deref(), Some("resource 'nodes' is not namespace scoped"));
    assert_eq!(
        note("sc").as_deref(),
        Some("resource 'storageclasses' is not namespace scoped in group 'storage.k8s.io'")
    );
    assert_eq!(note("pods"), None);
    assert_eq!(note("*"), None);
    assert_eq!(note("nonsense"), None);
}

#[test]
fn notes_begin_with_the_words_of_kubectl() {
    for (argument, text) in [
        (
            "foos.example.com",
            "the server doesn't have a resource type 'foos' in group 'example.com'; asked as \
             written in the core group, as kubectl does: give its CustomResourceDefinition or \
             --discovery",
        ),
        (
            "pods/log",
            "'log' was read as the name of one of pods; for the subresource say \
             --subresource=log",
        ),
        (
            "ev",
            "name 'ev' was read as events; it could also match lower priority events.events.k8s.io",
        ),
        ("*.apps", "'*.apps' was read as every resource in group 'apps'"),
        ("signers", "signers.certificates.k8s.io exists in rules only, no server serves it"),
    ] {
        assert_eq!(resolve(argument).notes[0].to_string(), text);
    }
}

proptest::proptest! {
    #[test]
    fn any_argument_is_read_and_only_a_slash_makes_a_path(argument in ".{0,40}") {
        match ResourceTable::builtin().resolve(&argument) {
            Target::Path(path) => assert!(path.starts_with('/')),
            Target::Resource(resolved) => {
                assert!(!argument.starts_with('/'));
                assert_eq!(resolved.name.is_some(), argument.contains('/'));
            }
        }
    }

    #[test]
    fn any_bytes_are_read_as_discovery_or_refused(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
        text in "(pods|NAME|v1|true|false|APIGROUP|[\\[\\]{}:, \n\t]|\"kind\"){0,30}",
    ) {
        for input in [bytes.as_slice(), text.as_bytes()] {
            if let Ok(resources) = discovery::parse("f", input) {
                assert!(!resources.is_empty());
            }
        }
    }
}

/// Files of a real cluster, which are not part of this repository.
fn real_cluster(file: &str) -> Option<Vec<u8>> {
    let path = format!("{}/../shared/real-cluster/dump/{file}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        println!("skipped: {path} is absent");
    }
    bytes
}

fn discovered() -> Option<Vec<ResourceInfo>> {
    let mut all = Vec::new();
    for file in ["discovery-api-aggregated.json", "discovery-apis-aggregated.json"] {
        all.extend(discovery::parse(file, &real_cluster(file)?).unwrap());
    }
    Some(all)
}

#[test]
fn every_row_of_a_real_cluster_resolves_by_each_of_its_names() {
    let (Some(text), Some(discovered)) = (real_cluster("api-resources.txt"), discovered()) else {
        return;
    };
    let rows = discovery::parse("api-resources.txt", &text).unwrap();
    assert!(rows.len() > 60);
    let mut from_discovery = ResourceTable::empty();
    from_discovery.extend(discovered);
    for table in [ResourceTable::builtin(), from_discovery] {
        for row in &rows {
            let expect = |argument: &str, group: &str| {
                let resolved = resolve_in(&table, argument);
                assert_eq!(resolved.resource, row.plural, "{argument}");
                assert_eq!(resolved.group, group, "{argument}");
                assert_eq!(resolved.namespaced, Some(row.namespaced), "{argument}");
            };
            // `events` is the one name of two groups; core has it.
            let group = if row.plural == "events" { "" } else { row.group.as_str() };
            expect(&row.plural, group);
            expect(&row.singular, group);
            expect(&row.kind, group);
            for short in &row.short_names {
                expect(short, group);
            }
            if !row.group.is_empty() {
                expect(&row.qualified(), &row.group);
                expect(&format!("{}.{}.{}", row.singular, row.versions[0], row.group), &row.group);
            }
        }
    }
}

#[test]
fn the_embedded_table_is_what_a_real_cluster_serves() {
    let (Some(text), Some(discovered)) = (real_cluster("api-resources.txt"), discovered()) else {
        return;
    };
    let builtin = ResourceTable::builtin();
    let served: Vec<_> = builtin.iter().filter(|info| !info.is_virtual).collect();
    assert_eq!(served.len(), discovered.len());
    for fact in &discovered {
        let mut fact = fact.clone();
        let mine = builtin.get(&fact.group, &fact.plural).unwrap();
        let missing: Vec<_> =
            fact.subresources.iter().filter(|name| !mine.has_subresource(name)).collect();
        assert_eq!(missing, Vec::<&Str>::new(), "{}", fact.qualified());
        fact.subresources.clone_from(&mine.subresources);
        assert_eq!(mine, &fact);
    }
    // Groups stand in the server's order, so preference is the same.
    let order = |infos: &mut dyn Iterator<Item = &ResourceInfo>| {
        let mut groups: Vec<Str> = infos.map(|info| info.group.clone()).collect();
        groups.dedup();
        groups
    };
    assert_eq!(order(&mut served.into_iter()), order(&mut discovered.iter()));
    // The text says the same, as far as it goes.
    for row in discovery::parse("api-resources.txt", &text).unwrap() {
        let mine = builtin.get(&row.group, &row.plural).unwrap();
        assert_eq!((&mine.kind, &mine.short_names), (&row.kind, &row.short_names));
        assert_eq!((&mine.verbs, &mine.categories), (&row.verbs, &row.categories));
    }
}
