//! Live groups over the recorded worlds: a source that says what the credentials say changes nothing, and
//! one that says something else decides as the plain chain does about a user in those groups.

use std::path::Path;
use std::sync::{Arc, Mutex};

use portcullis::api::authorization::{PreparedReview, SubjectAccessReviewSpec};
use portcullis::api::inventory::Inventory;
use portcullis::authz::live_groups::{
    GroupResolver, LiveGroups, LiveGroupsError, LiveGroupsOptions, SystemGroups,
};
use portcullis::authz::rbac::NOT_AFTER;
use portcullis::authz::rbac::aggregation::Aggregation;
use portcullis::model::{Clock, Moment, Request, User, Verdict};
use portcullis::snapshot::{Config, Mode, Snapshot, compile};

use crate::support::world::{RulesQuery, read_list};
use crate::support::{corpus, ndjson};

/// Says of everybody what it is told.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl LiveGroups for Told {
    fn name(&self) -> &str {
        "told"
    }

    fn groups(&self, _: &User) -> Result<Option<Vec<String>>, LiveGroupsError> {
        Ok(Some(self.0.lock().unwrap().clone()))
    }
}

/// A plain policy, and the same with live groups.
struct Worlds {
    plain: Snapshot,
    live: Snapshot,
    source: Arc<Told>,
    resolver: GroupResolver,
}

impl Worlds {
    fn new(inventory: &Inventory, config: Config) -> Self {
        let source = Arc::new(Told::default());
        let shared: Arc<dyn LiveGroups> = Arc::<Told>::clone(&source);
        let options =
            LiveGroupsOptions { system_groups: SystemGroups::All, ..LiveGroupsOptions::default() };
        let resolver = GroupResolver::new(shared, options);
        let with_groups = config.clone().with_live_groups(resolver.clone());
        let plain = compile(inventory, &config).unwrap();
        let live = compile(inventory, &with_groups).unwrap();
        Self { plain, live, source, resolver }
    }

    /// From here on everybody is in these groups.
    fn tell(&self, groups: &[String]) {
        *self.source.0.lock().unwrap() = groups.to_vec();
        self.resolver.flush();
    }
}

#[track_caller]
fn assert_same(found: &Verdict<'_>, expected: &Verdict<'_>, at: &str) {
    assert_eq!(found.decision, expected.decision, "{at}");
    assert_eq!(found.errors, expected.errors, "{at}");
    assert_eq!(found.link(), expected.link(), "{at}");
    assert_eq!(found.reason(), expected.reason(), "{at}");
    assert_eq!(found.path(), expected.path(), "{at}");
    assert_eq!(found.grant_ends(), expected.grant_ends(), "{at}");
}

/// Compares every question and list of a world; how many there were.
fn compare(path: &Path, worlds: &Worlds) -> usize {
    let queries: Vec<SubjectAccessReviewSpec> = ndjson(&path.join("queries.ndjson"));
    let questions: Vec<PreparedReview> = queries.iter().filter_map(PreparedReview::of).collect();
    let mut replaced = 0;
    for (index, question) in questions.iter().enumerate() {
        let request = question.request();
        let user = request.user;
        // A group without a name never comes from a source.
        if user.is_member("") {
            continue;
        }
        let at = format!("{}: {user:?} {:?}", path.display(), request.attributes);
        // Their own groups change nothing.
        worlds.tell(&user.groups);
        let expected = worlds.plain.authorize(&request);
        let found = worlds.live.authorize(&request);
        assert_same(&found, &expected, &at);
        assert_eq!(worlds.live.chain().walk(&request).verdict.decision, expected.decision, "{at}");
        replaced += usize::from(found.replaced_user().is_some());
        // A principal, met before its groups change, follows them.
        let principal = worlds.live.principal(user);
        assert_same(&principal.authorize(&request.attributes), &expected, &at);

        // Those of somebody else make it somebody else's answer.
        let others = &questions[(index + 1) % questions.len()].request().user.groups;
        worlds.tell(others);
        let asker = worlds.live.chain().asker(user).unwrap();
        let other = Request { user: &asker, attributes: request.attributes };
        let expected = worlds.plain.authorize(&other);
        assert_same(&worlds.live.authorize(&request), &expected, &at);
        assert_same(&principal.authorize(&request.attributes), &expected, &at);
    }
    let lists: Vec<RulesQuery> = ndjson(&path.join("rules-queries.ndjson"));
    for query in &lists {
        let user = query.user();
        if user.is_member("") {
            continue;
        }
        worlds.tell(&user.groups);
        let expected = worlds.plain.rules_for(&user, &query.namespace);
        assert_eq!(worlds.live.rules_for(&user, &query.namespace), expected, "{user:?}");
    }
    assert!(replaced > questions.len() / 3, "{replaced} of {}", questions.len());
    questions.len()
}

#[test]
fn a_source_that_says_what_credentials_say_changes_no_answer() {
    for (world, least) in [("rbac-1", 2_900), ("rbac-bootstrap-1", 400)] {
        let path = corpus(world);
        let inventory = read_list(&path.join("world.json"));
        let config = Config::new([Mode::Rbac]).with_aggregation(Aggregation::Stored);
        assert!(compare(&path, &Worlds::new(&inventory, config)) > least, "{world}");
    }
}

#[test]
fn nor_where_grants_end() {
    let path = corpus("rbac-bootstrap-1");
    let mut inventory = read_list(&path.join("world.json"));
    let bindings = inventory.cluster_role_bindings.iter_mut();
    for metadata in bindings.map(|binding| &mut binding.value.metadata).step_by(2) {
        metadata.annotations.insert(NOT_AFTER.into(), "2026-11-28T00:00:00Z".into());
    }
    let today = Clock::fixed("2026-11-27T12:00:00Z".parse::<Moment>().unwrap());
    let config = Config::new([Mode::Rbac]).with_grant_times(today);
    let worlds = Worlds::new(&inventory, config);
    let has_end = |question: &PreparedReview| {
        let request = question.request();
        worlds.tell(&request.user.groups);
        worlds.live.authorize(&request).grant_ends().is_some()
    };
    let queries: Vec<SubjectAccessReviewSpec> = ndjson(&path.join("queries.ndjson"));
    assert!(queries.iter().filter_map(PreparedReview::of).any(|question| has_end(&question)));
    compare(&path, &worlds);
}

#[cfg(feature = "abac")]
#[test]
fn nor_in_a_chain_of_several_modes() {
    let path = corpus("union-1");
    let inventory = read_list(&path.join("world.json"));
    let policy = std::fs::read_to_string(path.join("policy.jsonl")).unwrap();
    let policy = portcullis::authz::abac::Policy::parse("policy.jsonl", &policy).unwrap();
    for modes in [[Mode::Abac, Mode::Rbac], [Mode::Rbac, Mode::AlwaysDeny]] {
        let config = Config::new(modes).with_abac(policy.clone());
        compare(&path, &Worlds::new(&inventory, config));
    }
}
