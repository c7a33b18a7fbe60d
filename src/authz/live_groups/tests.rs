use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use super::*;
use crate::authz::{
    AlwaysAllow, AlwaysDeny, Asker, Authorizer, Chain, LIVE_GROUPS, OnFailure, Rules,
};
use crate::model::{
    Attributes, Decision, NonResourceAttributes, Request, Stopwatch, User, Verdict, groups,
};

type Answer = Result<Option<Vec<String>>, LiveGroupsError>;

/// Says what it is told to, and counts.
#[derive(Default)]
struct Source {
    answer: Mutex<Option<Answer>>,
    asked: AtomicUsize,
    is_quick: bool,
}

impl Source {
    fn says(&self, answer: Answer) {
        *self.answer.lock().unwrap() = Some(answer);
    }

    fn groups_are(&self, groups: &[&str]) {
        self.says(Ok(Some(groups.iter().map(|group| (*group).to_owned()).collect())));
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl LiveGroups for Source {
    fn name(&self) -> &str {
        "directory"
    }

    fn groups(&self, user: &User) -> Answer {
        assert_eq!(*user, User::new(&user.name), "more than the name is passed on");
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.answer.lock().unwrap().clone().unwrap_or(Ok(None))
    }

    fn is_slow(&self) -> bool {
        !self.is_quick
    }
}

/// A clock that is set by hand, in seconds.
#[derive(Clone, Default)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn set(&self, seconds: u64) {
        self.0.store(seconds, Ordering::SeqCst);
    }

    fn clock(&self) -> Stopwatch {
        let hand = Arc::clone(&self.0);
        Stopwatch::new(move || Duration::from_secs(hand.load(Ordering::SeqCst)))
    }
}

fn resolver(options: LiveGroupsOptions) -> (Arc<Source>, Hand, GroupResolver) {
    let (source, hand) = (Arc::new(Source::default()), Hand::default());
    source.groups_are(&["dev"]);
    let shared: Arc<dyn LiveGroups> = Arc::<Source>::clone(&source);
    let resolver = GroupResolver::new(shared, options).with_clock(hand.clock());
    (source, hand, resolver)
}

fn jane() -> User {
    User::new("jane").with_groups(["frozen", "system:masters", "x:y", groups::AUTHENTICATED])
}

fn replaced(resolver: &GroupResolver, user: &User) -> Vec<String> {
    resolver.look_up(user).unwrap().groups.clone()
}

fn down() -> Answer {
    Err(LiveGroupsError::Source("connection refused".to_owned()))
}

#[test]
fn frozen_groups_are_gone_and_only_authenticated_stays_of_the_clusters_own() {
    let (source, _, resolver) = resolver(LiveGroupsOptions::default());
    source.groups_are(&["dev", "", "system:masters", "ops", "dev", "system:nodes"]);
    assert_eq!(replaced(&resolver, &jane()), ["dev", "ops", groups::AUTHENTICATED]);
    // Nothing else changes.
    let mut presented = jane();
    presented.uid = "u".to_owned();
    presented.extra.insert("k".to_owned(), vec!["v".to_owned()]);
    let asker = resolver.look_up(&presented).unwrap();
    let expected = User { groups: asker.groups.clone(), ..presented.clone() };
    assert_eq!(*asker, expected);
    // Who was not authenticated is not made so.
    assert_eq!(replaced(&resolver, &User::new("jane")), ["dev", "ops"]);
}

#[test]
fn other_groups_of_the_clusters_own_stay_only_where_somebody_says_so() {
    let with = |system_groups| LiveGroupsOptions { system_groups, ..LiveGroupsOptions::default() };
    let all = ["dev", "system:masters", groups::AUTHENTICATED];
    let (_, _, trusting) = resolver(with(SystemGroups::All));
    assert_eq!(replaced(&trusting, &jane()), all);
    let masters = BTreeSet::from([groups::MASTERS.to_owned()]);
    let (_, _, named) = resolver(with(SystemGroups::And(masters)));
    assert_eq!(replaced(&named, &jane()), all);
    let monitor = User::new("jane").with_groups(["system:monitoring", groups::AUTHENTICATED]);
    assert_eq!(replaced(&named, &monitor), ["dev", groups::AUTHENTICATED]);
}

#[test]
fn the_clusters_own_users_the_nameless_and_the_exempt_are_never_looked_up() {
    let exempt = BTreeSet::from(["break-glass".to_owned()]);
    let (source, _, resolver) = resolver(LiveGroupsOptions { exempt, ..Default::default() });
    for user in [
        User::node("n1"),
        User::service_account("ns", "sa"),
        User::new("system:anonymous").with_groups([groups::UNAUTHENTICATED]),
        User::new("system:").with_groups(["frozen"]),
        User::new("").with_groups(["frozen"]),
        User::new("break-glass").with_groups(["system:masters"]),
    ] {
        for asker in [resolver.known(&user).unwrap(), resolver.look_up(&user)] {
            assert!(matches!(asker.unwrap(), Asker::Presented(same) if *same == user));
        }
    }
    assert_eq!(source.asked(), 0);
    assert_eq!(replaced(&resolver, &User::new("systemic")), ["dev"]);
}

#[test]
fn an_unknown_user_is_in_no_group_unless_the_credential_is_to_count() {
    let (source, _, strict) = resolver(LiveGroupsOptions::default());
    source.says(Ok(None));
    assert_eq!(replaced(&strict, &jane()), [groups::AUTHENTICATED]);
    let keep = LiveGroupsOptions { unknown_user: UnknownUser::Keep, ..Default::default() };
    let (source, _, lenient) = resolver(keep);
    source.says(Ok(None));
    // Not those that are not trusted of anybody.
    assert_eq!(replaced(&lenient, &jane()), ["frozen", "x:y", groups::AUTHENTICATED]);
}

#[test]
fn an_answer_is_kept_for_its_time_by_name_for_every_credential() {
    let (source, hand, resolver) = resolver(LiveGroupsOptions::default());
    assert!(resolver.known(&jane()).is_none());
    assert_eq!(replaced(&resolver, &jane()), ["dev", groups::AUTHENTICATED]);
    let mut token = User::new("jane").with_groups([groups::AUTHENTICATED]);
    token.extra.insert("k".to_owned(), vec!["v".to_owned()]);
    hand.set(59);
    for user in [&jane(), &token, &jane()] {
        let asker = resolver.known(user).unwrap().unwrap();
        assert_eq!(asker.groups, ["dev", groups::AUTHENTICATED]);
        assert_eq!((&asker.uid, &asker.extra), (&user.uid, &user.extra));
    }
    assert_eq!((source.asked(), resolver.lookups(), resolver.kept()), (1, 1, 1));
    hand.set(60);
    source.groups_are(&["ops"]);
    assert!(resolver.known(&jane()).is_none());
    assert_eq!(replaced(&resolver, &jane()), ["ops", groups::AUTHENTICATED]);
}

#[test]
fn the_same_user_is_built_once() {
    let (_, _, resolver) = resolver(LiveGroupsOptions::default());
    let (Asker::Replaced(first), Asker::Replaced(second)) =
        (resolver.look_up(&jane()).unwrap(), resolver.known(&jane()).unwrap().unwrap())
    else {
        panic!("not replaced")
    };
    assert!(Arc::ptr_eq(&first, &second));
    let other = User::new("jane").with_groups(["frozen"]);
    let Asker::Replaced(other) = resolver.known(&other).unwrap().unwrap() else {
        panic!("not replaced")
    };
    assert_eq!(other.groups, ["dev"]);
}

#[test]
fn nobody_is_unknown_for_longer_than_the_short_time() {
    let (source, hand, resolver) = resolver(LiveGroupsOptions::default());
    source.says(Ok(None));
    assert_eq!(replaced(&resolver, &jane()), [groups::AUTHENTICATED]);
    source.groups_are(&["dev"]);
    hand.set(9);
    assert!(resolver.known(&jane()).is_some());
    hand.set(10);
    // Not even while the source fails.
    source.says(down());
    assert!(resolver.look_up(&jane()).is_err());
}

#[test]
fn a_user_who_was_removed_loses_the_groups_at_the_next_look() {
    let (source, hand, resolver) = resolver(LiveGroupsOptions::default());
    assert_eq!(replaced(&resolver, &jane()).len(), 2);
    source.says(Ok(None));
    hand.set(60);
    assert_eq!(replaced(&resolver, &jane()), [groups::AUTHENTICATED]);
}

#[test]
fn old_groups_serve_while_the_source_fails_but_not_for_ever() {
    let (source, hand, resolver) = resolver(LiveGroupsOptions::default());
    assert_eq!(replaced(&resolver, &jane()).len(), 2);
    source.says(down());
    for (at, asked) in [(60, 2), (60, 2), (61, 3), (298, 4)] {
        hand.set(at);
        assert_eq!(replaced(&resolver, &jane()), ["dev", groups::AUTHENTICATED], "{at}");
        assert_eq!(source.asked(), asked, "{at}");
    }
    // At once with what is known, as long as the failure is fresh.
    assert!(resolver.known(&jane()).unwrap().is_ok());
    hand.set(300);
    let error = resolver.look_up(&jane()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the groups of `jane` are not known, so that nothing is decided: directory: connection refused",
    );
    assert_eq!(resolver.failures(), 4);
    source.groups_are(&["dev"]);
    assert!(resolver.known(&jane()).unwrap().is_err());
    hand.set(301);
    assert_eq!(replaced(&resolver, &jane()).len(), 2);
}

#[test]
fn too_many_groups_are_a_failure() {
    let (source, _, resolver) = resolver(LiveGroupsOptions { max_groups: 2, ..Default::default() });
    source.groups_are(&["a", "b", "c"]);
    let error = resolver.look_up(&jane()).unwrap_err();
    assert_eq!(error.reason, "3 groups, more than the 2 that are taken");
    source.groups_are(&["a", "b"]);
    assert_eq!(replaced(&resolver, &User::new("joe")), ["a", "b"]);
}

#[test]
fn everything_is_forgotten_at_once_also_what_is_being_looked_up() {
    let gate = Gate::new(["old"]);
    let old = || vec!["old".to_owned()];
    let resolver = GroupResolver::new(Arc::clone(&gate.source), LiveGroupsOptions::default());
    thread::scope(|scope| {
        let before = scope.spawn(|| replaced(&resolver, &User::new("jane")));
        gate.arrived.recv().unwrap();
        resolver.flush();
        // Who comes now does not wait for the old answer.
        let after = scope.spawn(|| replaced(&resolver, &User::new("jane")));
        gate.arrived.recv().unwrap();
        gate.open(2);
        assert_eq!((before.join().unwrap(), after.join().unwrap()), (old(), old()));
    });
    assert_eq!((resolver.lookups(), resolver.kept()), (2, 1));
}

/// A source that waits until it is let go on.
struct Gate {
    source: Arc<dyn LiveGroups>,
    arrived: Receiver<()>,
    go: Sender<()>,
}

struct Gated {
    groups: Vec<String>,
    arrived: Mutex<Sender<()>>,
    go: Mutex<Receiver<()>>,
}

impl Gate {
    fn new<const N: usize>(groups: [&str; N]) -> Self {
        let (arrived, arrivals) = channel();
        let (go, gone) = channel();
        let groups = groups.map(str::to_owned).to_vec();
        let source = Gated { groups, arrived: Mutex::new(arrived), go: Mutex::new(gone) };
        Self { source: Arc::new(source), arrived: arrivals, go }
    }

    fn open(&self, times: usize) {
        for _ in 0..times {
            self.go.send(()).unwrap();
        }
    }
}

impl LiveGroups for Gated {
    fn name(&self) -> &str {
        "gate"
    }

    fn groups(&self, _: &User) -> Answer {
        self.arrived.lock().unwrap().send(()).unwrap();
        self.go.lock().unwrap().recv().unwrap();
        Ok(Some(self.groups.clone()))
    }
}

#[test]
fn a_crowd_makes_one_look_up_of_a_user() {
    let gate = Gate::new(["dev"]);
    let options = LiveGroupsOptions { max_wait: Duration::from_secs(60), ..Default::default() };
    let resolver = GroupResolver::new(Arc::clone(&gate.source), options);
    let (crowd, ready) = (16, Barrier::new(17));
    thread::scope(|scope| {
        let ask = || {
            ready.wait();
            replaced(&resolver, &User::new("jane"))
        };
        let threads: Vec<_> = (0..crowd).map(|_| scope.spawn(ask)).collect();
        ready.wait();
        gate.arrived.recv().unwrap();
        gate.open(1);
        for thread in threads {
            assert_eq!(thread.join().unwrap(), ["dev"]);
        }
    });
    assert_eq!(resolver.lookups(), 1);
}

#[test]
fn nobody_waits_for_ever_nor_in_any_crowd_and_look_ups_are_counted() {
    let gate = Gate::new(["dev"]);
    let options = LiveGroupsOptions {
        max_wait: Duration::from_millis(20),
        max_waiting: 1,
        max_lookups: 2,
        ..Default::default()
    };
    let resolver = GroupResolver::new(Arc::clone(&gate.source), options.clone());
    let crowded = GroupResolver::new(
        Arc::clone(&gate.source),
        LiveGroupsOptions { max_waiting: 0, ..options },
    );
    let why = |resolver: &GroupResolver, name: &str| {
        resolver.look_up(&User::new(name)).map(|_| ()).unwrap_err().reason
    };
    thread::scope(|scope| {
        for name in ["jane", "joe"] {
            let resolver = &resolver;
            scope.spawn(move || replaced(resolver, &User::new(name)));
            gate.arrived.recv().unwrap();
        }
        assert_eq!(why(&resolver, "jane"), "no answer within 20ms");
        assert_eq!(why(&resolver, "ann"), "too many look-ups at once");
        scope.spawn(|| replaced(&crowded, &User::new("jane")));
        gate.arrived.recv().unwrap();
        assert_eq!(why(&crowded, "jane"), "too many look-ups at once");
        gate.open(3);
    });
    // Room again.
    gate.open(1);
    assert_eq!(replaced(&resolver, &User::new("ann")), ["dev"]);
}

#[test]
fn a_source_that_panics_leaves_nobody_waiting() {
    struct Panics;
    impl LiveGroups for Panics {
        fn name(&self) -> &str {
            "panics"
        }
        fn groups(&self, _: &User) -> Answer {
            panic!("as it is meant to")
        }
    }
    let resolver = GroupResolver::new(Arc::new(Panics), LiveGroupsOptions::default());
    for _ in 0..2 {
        let unwinding =
            std::panic::AssertUnwindSafe(|| resolver.look_up(&User::new("jane")).is_ok());
        assert!(std::panic::catch_unwind(unwinding).is_err());
    }
    assert_eq!(resolver.lookups(), 2);
}

#[test]
fn a_refresher_asks_anew_while_everybody_goes_on_with_the_old_groups() {
    type Jobs = Arc<Mutex<Vec<Box<dyn FnOnce() + Send>>>>;
    let (source, hand, resolver) = resolver(LiveGroupsOptions::default());
    let jobs = Jobs::default();
    let queue = Arc::clone(&jobs);
    let resolver = resolver.with_refresher(Arc::new(move |job| queue.lock().unwrap().push(job)));
    assert_eq!(replaced(&resolver, &jane())[0], "dev");
    source.groups_are(&["ops"]);
    hand.set(60);
    for _ in 0..3 {
        assert_eq!(resolver.known(&jane()).unwrap().unwrap().groups[0], "dev");
    }
    let mut queued = std::mem::take(&mut *jobs.lock().unwrap());
    assert_eq!((queued.len(), source.asked()), (1, 1));
    queued.pop().unwrap()();
    assert_eq!(resolver.known(&jane()).unwrap().unwrap().groups[0], "ops");
    // One that drops its job is asked again.
    hand.set(120);
    for _ in 0..2 {
        assert!(resolver.known(&jane()).is_some());
        drop(std::mem::take(&mut *jobs.lock().unwrap()));
    }
    hand.set(360);
    assert!(resolver.known(&jane()).is_none());
}

// ---- in a chain ----------------------------------------------------------------------------------

/// Allows who is in a group, and says so.
struct Members(&'static str);

impl Authorizer for Members {
    fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
        match request.user.is_member(self.0) {
            true => Verdict::deferred(Decision::Allow, self, request),
            false => Verdict::no_opinion("not a member"),
        }
    }

    fn rules_for(&self, user: &User, _: &str) -> Rules {
        Rules::incomplete(user.groups.join(","))
    }
}

impl crate::model::Explain for Members {
    fn reason(&self, request: &Request<'_>, _: Decision) -> String {
        format!("{} is in {}", request.user.name, request.user.groups.join(","))
    }

    fn path(&self, request: &Request<'_>, decision: Decision) -> Vec<crate::model::Step> {
        let text = self.reason(request, decision);
        vec![crate::model::Step { kind: "group", text, origin: None }]
    }
}

const GET: Attributes<'static> =
    Attributes::NonResource(NonResourceAttributes { verb: "get", path: "/" });

fn about(user: &User) -> Request<'_> {
    Request { user, attributes: GET }
}

#[test]
fn the_live_groups_decide_and_the_frozen_ones_do_not() {
    let (source, _, resolver) = resolver(LiveGroupsOptions::default());
    let frozen = jane();
    let by = |group| Chain::new().with("M", Members(group)).with_live_groups(resolver.clone());
    assert!(by("dev").authorize(&about(&frozen)).is_allowed());
    let (chain, request) = (by("frozen"), about(&frozen));
    let verdict = chain.authorize(&request);
    assert_eq!((verdict.decision, &*verdict.reason()), (Decision::NoOpinion, "not a member"));
    assert_eq!(verdict.replaced_user().unwrap().groups, ["dev", groups::AUTHENTICATED]);
    // Nor does a certificate of system:masters make a super user.
    assert!(Chain::new().with("M", Members("frozen")).authorize(&about(&frozen)).is_allowed());
    source.groups_are(&["system:masters"]);
    resolver.flush();
    assert!(!Chain::new().with_live_groups(resolver).authorize(&about(&frozen)).is_allowed());
}

#[test]
fn a_super_user_stays_one_only_where_the_credential_is_trusted() {
    let options = LiveGroupsOptions { system_groups: SystemGroups::All, ..Default::default() };
    let (_, _, resolver) = resolver(options);
    let chain = Chain::new().with_live_groups(resolver);
    let root = jane();
    let request = about(&root);
    let verdict = chain.authorize(&request);
    assert_eq!((verdict.is_allowed(), verdict.link()), (true, Some(groups::MASTERS)));
    assert_eq!(verdict.path()[0].kind, "built-in");
}

#[test]
fn reason_and_path_are_of_the_groups_that_decided_even_when_they_change_meanwhile() {
    let (source, hand, resolver) = resolver(LiveGroupsOptions::default());
    let chain = Chain::new().with("M", Members("dev")).with_live_groups(resolver);
    let frozen = jane();
    let request = about(&frozen);
    let verdict = chain.authorize(&request);
    source.groups_are(&["ops"]);
    hand.set(60);
    assert!(!chain.authorize(&request).is_allowed());
    assert_eq!(verdict.link(), Some("M"));
    assert_eq!(verdict.reason(), "jane is in dev,system:authenticated");
    assert_eq!(verdict.path()[0].text, "jane is in dev,system:authenticated");
}

#[test]
fn without_the_groups_everything_is_denied_with_an_error_whatever_else_would_allow_it() {
    let (source, _, resolver) = resolver(LiveGroupsOptions::default());
    source.says(down());
    for on_failure in [OnFailure::Continue, OnFailure::Deny] {
        let chain = Chain::new()
            .with("AlwaysAllow", AlwaysAllow)
            .with_on_failure(on_failure)
            .with_live_groups(resolver.clone());
        let user = jane();
        let request = about(&user);
        let verdict = chain.authorize(&request);
        assert_eq!((verdict.decision, verdict.link()), (Decision::Deny, Some(LIVE_GROUPS)));
        assert!(
            verdict.errors[0].ends_with("directory: connection refused"),
            "{:?}",
            verdict.errors
        );
        // A server takes it for a failure, and not for a meant no.
        assert!(chain.link(LIVE_GROUPS).is_none());
        let principal = chain.principal(&Arc::new(jane()));
        assert_eq!(principal.authorize(&GET).decision, Decision::Deny);
        let rules = chain.rules_for(&user, "");
        assert!(rules.incomplete && rules.resource.is_empty() && !rules.errors.is_empty());
        // Who is not looked up does not suffer.
        assert!(chain.authorize(&about(&User::node("n1"))).is_allowed());
    }
}

#[test]
fn a_gate_decides_before_anybody_is_looked_up_and_sees_the_user_as_presented() {
    struct Frozen;
    impl Authorizer for Frozen {
        fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
            match request.user.is_member("frozen") {
                true => Verdict::deny("revoked"),
                false => Verdict::no_opinion(""),
            }
        }
        fn rules_for(&self, _: &User, _: &str) -> Rules {
            Rules::default()
        }
    }
    let (source, _, resolver) = resolver(LiveGroupsOptions::default());
    let chain = Chain::new().with_gate("Frozen", Frozen).with_live_groups(resolver);
    let (frozen, free) = (jane(), User::new("jane"));
    assert_eq!(chain.authorize(&about(&frozen)).reason(), "revoked");
    assert_eq!(chain.principal(&Arc::new(jane())).authorize(&GET).reason(), "revoked");
    assert_eq!(source.asked(), 0);
    assert_eq!(chain.authorize(&about(&free)).decision, Decision::NoOpinion);
    assert_eq!(source.asked(), 1);
}

#[test]
fn only_an_unknown_user_of_a_slow_source_goes_through_the_slow_runner() {
    let ran = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ran);
    let runner: crate::authz::SlowRunner = Arc::new(move |ask: &mut dyn FnMut()| {
        count.fetch_add(1, Ordering::SeqCst);
        ask();
    });
    let (_, _, slow) = resolver(LiveGroupsOptions::default());
    let chain = Chain::new().with("M", Members("dev")).with_slow_runner(runner);
    let slow = chain.clone().with_live_groups(slow);
    let user = jane();
    for _ in 0..3 {
        assert!(slow.authorize(&about(&user)).is_allowed());
    }
    assert_eq!(ran.load(Ordering::SeqCst), 1);
    let file = GroupFile::new("file", [("jane", ["dev"])]).unwrap();
    let quick = GroupResolver::new(Arc::new(file), LiveGroupsOptions::default());
    assert!(chain.with_live_groups(quick).authorize(&about(&user)).is_allowed());
    assert_eq!(ran.load(Ordering::SeqCst), 1);
}

#[test]
fn a_runner_that_does_not_run_leaves_the_groups_unknown() {
    let (_, _, resolver) = resolver(LiveGroupsOptions::default());
    let chain = Chain::new()
        .with("AlwaysAllow", AlwaysAllow)
        .with_slow_runner(Arc::new(|_: &mut dyn FnMut()| {}))
        .with_live_groups(resolver);
    let user = jane();
    let request = about(&user);
    let verdict = chain.authorize(&request);
    assert_eq!(verdict.decision, Decision::Deny);
    assert!(verdict.errors[0].ends_with("the source was not asked"));
}

#[test]
fn a_principal_follows_the_groups_of_now() {
    let (source, hand, resolver) = resolver(LiveGroupsOptions::default());
    let chain = Chain::new().with("M", Members("dev")).with_live_groups(resolver);
    let principal = chain.principal(&Arc::new(jane()));
    for _ in 0..2 {
        let verdict = principal.authorize(&GET);
        assert_eq!((verdict.is_allowed(), verdict.link()), (true, Some("M")));
        assert_eq!(verdict.reason(), "jane is in dev,system:authenticated");
    }
    source.groups_are(&["ops"]);
    hand.set(60);
    assert!(!principal.authorize(&GET).is_allowed());
    assert_eq!(principal.user().groups, jane().groups);
    source.groups_are(&["dev"]);
    hand.set(120);
    assert!(principal.authorize(&GET).is_allowed());
}

#[test]
fn a_walk_tells_what_became_of_the_groups() {
    let (source, _, resolver) = resolver(LiveGroupsOptions::default());
    let chain = Chain::new()
        .with("AlwaysDeny", AlwaysDeny)
        .with("M", Members("dev"))
        .with_live_groups(resolver.clone());
    let user = jane();
    let request = about(&user);
    let walk = chain.walk(&request);
    let said: Vec<_> =
        walk.answers.iter().map(|answer| (answer.name, answer.verdict.reason())).collect();
    assert_eq!(said[0].0, LIVE_GROUPS);
    assert_eq!(
        said[0].1,
        "groups replaced by those of `directory`: dev, system:authenticated; gone: frozen, \
         system:masters, x:y",
    );
    assert_eq!(said[3], ("M", "jane is in dev,system:authenticated".into()));
    assert_eq!((walk.verdict.is_allowed(), walk.verdict.link()), (true, Some("M")));
    let node = User::node("n1");
    let request = about(&node);
    let walk = chain.walk(&request);
    assert!(walk.answers[0].verdict.reason().starts_with("groups as presented"));
    // Its words are no opinion of the chain's.
    assert_eq!(walk.verdict.reason(), chain.authorize(&request).reason());
    source.says(down());
    resolver.flush();
    let request = about(&user);
    let walk = chain.walk(&request);
    assert_eq!((walk.answers.len(), walk.unasked.len()), (1, 3));
    assert_eq!((walk.verdict.decision, walk.verdict.link()), (Decision::Deny, Some(LIVE_GROUPS)));
}

#[test]
fn rules_are_those_of_the_live_groups() {
    let (_, _, resolver) = resolver(LiveGroupsOptions::default());
    let chain = Chain::new().with("M", Members("dev")).with_live_groups(resolver);
    assert_eq!(chain.rules_for(&jane(), "").errors, ["dev,system:authenticated"]);
}

#[cfg(feature = "conditional-authorization")]
#[test]
fn conditions_are_asked_about_the_live_groups_and_not_without_them() {
    use crate::api::authorization::ConditionalMode;
    let (source, _, resolver) = resolver(LiveGroupsOptions::default());
    let chain = Chain::new().with("M", Members("dev")).with_live_groups(resolver.clone());
    let user = jane();
    let create = crate::model::ResourceAttributes::new("create", "pods");
    let request = Request::resource(&user, create);
    let ask = || chain.authorize_conditionally(&request, ConditionalMode::HumanReadable).fold();
    assert!(ask().is_allowed());
    source.groups_are(&["ops"]);
    resolver.flush();
    assert_eq!(ask().decision, Decision::NoOpinion);
    source.says(down());
    resolver.flush();
    let verdict = ask();
    assert_eq!((verdict.decision, verdict.errors.len()), (Decision::Deny, 1));
}
