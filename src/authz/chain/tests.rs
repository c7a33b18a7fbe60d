use super::*;
use crate::authz::{AlwaysAllow, AlwaysDeny};

struct Fixed(Decision, &'static str, Option<&'static str>);

impl Authorizer for Fixed {
    fn authorize<'a>(&'a self, _: &'a Request<'a>) -> Verdict<'a> {
        let verdict = Verdict::new(self.0, self.1);
        match self.2 {
            Some(error) => verdict.with_error(error),
            None => verdict,
        }
    }

    fn rules_for(&self, _: &User, _: &str) -> Rules {
        Rules::incomplete("cannot list")
    }
}

fn ask(chain: &Chain, user: &User) -> (Decision, String, Vec<String>) {
    let request = Request::non_resource(user, "get", "/");
    let verdict = chain.authorize(&request);
    let direct = (verdict.decision, verdict.reason().into_owned(), verdict.errors.clone());
    let principal = chain.principal(&user.clone().into());
    let resolved = principal.authorize(&request.attributes);
    let resolved = (resolved.decision, resolved.reason().into_owned(), resolved.errors.clone());
    assert_eq!(direct, resolved);
    direct
}

#[test]
fn the_first_that_allows_or_denies_decides_and_what_came_before_is_forgotten() {
    let unsure = || Fixed(Decision::NoOpinion, "unsure", Some("broken"));
    let chain = Chain::new().with("a", unsure()).with("b", Fixed(Decision::Deny, "no", None));
    let jane = User::new("jane");
    assert_eq!(ask(&chain, &jane), (Decision::Deny, "no".to_owned(), vec![]));
    let chain = chain.with("c", AlwaysAllow);
    assert_eq!(ask(&chain, &jane).0, Decision::Deny);
    let chain = Chain::new().with("a", unsure()).with("c", AlwaysAllow);
    assert_eq!(ask(&chain, &jane), (Decision::Allow, String::new(), vec![]));
}

#[test]
fn without_an_opinion_reasons_and_errors_are_collected() {
    let chain = Chain::new()
        .with("a", Fixed(Decision::NoOpinion, "first", Some("broken")))
        .with("b", Fixed(Decision::NoOpinion, "", None))
        .with("c", AlwaysDeny);
    let (decision, reason, errors) = ask(&chain, &User::new("jane"));
    assert_eq!(decision, Decision::NoOpinion);
    assert_eq!(reason, "first\nEverything is forbidden.");
    assert_eq!(errors, ["broken"]);
}

#[test]
fn a_failure_that_may_hide_a_denial_stops_a_chain_that_is_told_so() {
    struct OnlyGrants(Fixed);

    impl Authorizer for OnlyGrants {
        fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
            self.0.authorize(request)
        }

        fn rules_for(&self, user: &User, namespace: &str) -> Rules {
            self.0.rules_for(user, namespace)
        }

        fn can_deny(&self) -> bool {
            false
        }
    }

    let jane = User::new("jane");
    let broken = || Fixed(Decision::NoOpinion, "", Some("broken"));
    let chain = Chain::new().with("a", broken()).with("b", AlwaysAllow);
    assert_eq!(ask(&chain, &jane), (Decision::Allow, String::new(), vec![]));
    let strict = chain.with_on_failure(OnFailure::Deny);
    assert_eq!(ask(&strict, &jane), (Decision::Deny, String::new(), vec!["broken".to_owned()]));
    // What only grants hides no denial.
    let chain = Chain::new().with("a", OnlyGrants(broken())).with("b", AlwaysAllow);
    let strict = chain.with_on_failure(OnFailure::Deny);
    assert_eq!(ask(&strict, &jane).0, Decision::Allow);
    // A member without an opinion that did not fail stops nothing.
    let chain = Chain::new().with("a", Fixed(Decision::NoOpinion, "unsure", None));
    let strict = chain.with("b", AlwaysAllow).with_on_failure(OnFailure::Deny);
    assert_eq!(ask(&strict, &jane).0, Decision::Allow);
}

#[test]
fn masters_pass_before_a_deny_and_only_while_the_step_is_there() {
    let root = User::new("root").with_groups(["system:masters"]);
    let chain = Chain::new().with("a", Fixed(Decision::Deny, "no", None));
    assert_eq!(ask(&chain, &root), (Decision::Allow, String::new(), vec![]));
    assert_eq!(ask(&chain.clone().without_super_user(), &root).0, Decision::Deny);
    assert_eq!(ask(&chain, &User::new("system:masters")).0, Decision::Deny);
}

#[test]
fn a_gate_denies_before_masters_pass_and_one_without_an_opinion_changes_nothing() {
    let root = User::new("root").with_groups(["system:masters"]);
    let jane = User::new("jane");
    let closed = Chain::new()
        .with_gate("closed", Fixed(Decision::Deny, "closed", None))
        .with("a", AlwaysAllow);
    for user in [&root, &jane] {
        assert_eq!(ask(&closed, user), (Decision::Deny, "closed".to_owned(), vec![]));
    }
    let open =
        Chain::new().with_gate("open", Fixed(Decision::NoOpinion, "", None)).with("a", AlwaysAllow);
    for user in [&root, &jane] {
        assert_eq!(ask(&open, user).0, Decision::Allow);
    }
    assert_eq!(open.names().collect::<Vec<_>>(), ["a"]);
    assert_eq!(open.gates().collect::<Vec<_>>(), ["open"]);
    // It is no member of the union of rules.
    assert!(!open.rules_for(&jane, "ns").incomplete);
    assert_eq!(open.rules_by_member(&jane, "ns").count(), 1);
}

#[test]
fn the_first_gate_that_decides_does_and_what_a_gate_said_without_an_opinion_is_kept() {
    let unsure = || Fixed(Decision::NoOpinion, "unsure", Some("broken"));
    let chain = Chain::new()
        .with_gate("a", unsure())
        .with_gate("b", Fixed(Decision::Deny, "no", None))
        .with_gate("c", Fixed(Decision::Deny, "never asked", None));
    let jane = User::new("jane");
    assert_eq!(ask(&chain, &jane), (Decision::Deny, "no".to_owned(), vec![]));
    let chain = Chain::new().with_gate("a", unsure()).with("b", AlwaysDeny);
    let said = "unsure\nEverything is forbidden.".to_owned();
    assert_eq!(ask(&chain, &jane), (Decision::NoOpinion, said, vec!["broken".to_owned()]));
    // A failure that may hide a denial stops a chain that is told so, masters too.
    let strict = chain.with_on_failure(OnFailure::Deny);
    let root = User::new("root").with_groups(["system:masters"]);
    assert_eq!(ask(&strict, &root), (Decision::Deny, String::new(), vec!["broken".to_owned()]));
}

#[test]
fn rules_are_concatenated_and_one_incomplete_list_makes_the_whole_incomplete() {
    let chain = Chain::new().with("a", AlwaysAllow).with("b", Fixed(Decision::NoOpinion, "", None));
    let rules = chain.rules_for(&User::new("jane"), "ns");
    assert_eq!((rules.resource.len(), rules.non_resource.len()), (1, 1));
    assert!(rules.incomplete);
    assert_eq!(rules.errors, ["cannot list"]);
}

/// Counts how often it is asked; its reason says how often, so that a second question shows.
struct Slow(std::sync::atomic::AtomicUsize);

impl Slow {
    fn new() -> Self {
        Self(std::sync::atomic::AtomicUsize::new(0))
    }
}

impl Authorizer for Slow {
    fn authorize<'a>(&'a self, _: &'a Request<'a>) -> Verdict<'a> {
        let asked = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        Verdict::no_opinion(format!("asked {asked}"))
    }

    fn rules_for(&self, _: &User, _: &str) -> Rules {
        Rules::default()
    }

    fn is_slow(&self) -> bool {
        true
    }
}

#[test]
fn a_slow_link_is_asked_once_and_its_reason_stands_where_it_stands() {
    let jane = User::new("jane");
    let request = Request::non_resource(&jane, "get", "/");
    let chain = || {
        Chain::new()
            .with_gate("gate", Fixed(Decision::NoOpinion, "gate", None))
            .with("first", Fixed(Decision::NoOpinion, "first", Some("broken")))
            .with("slow", Slow::new())
            .with("last", AlwaysDeny)
    };
    let expected = "gate\nfirst\nasked 1\nEverything is forbidden.";
    let asked = chain();
    let verdict = asked.authorize(&request);
    assert_eq!(verdict.reason(), expected);
    assert_eq!(verdict.reason(), expected);
    assert_eq!(verdict.errors, ["broken"]);
    let principal = chain().principal(&jane.clone().into());
    let verdict = principal.authorize(&request.attributes);
    assert_eq!((verdict.reason().as_ref(), verdict.link()), (expected, None));
    let walked = chain();
    assert_eq!(walked.walk(&request).verdict.reason(), expected);
    // Whatever came before, it is not asked when somebody has decided.
    let slow = Arc::new(Slow::new());
    let decided = Chain::new().with("all", AlwaysAllow).with_shared("slow", slow.clone());
    assert!(decided.authorize(&request).is_allowed());
    assert_eq!(slow.0.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[test]
fn a_verdict_names_the_link_that_decided_and_only_that() {
    let (jane, root) = (User::new("jane"), User::new("root").with_groups(["system:masters"]));
    let chain = Chain::new()
        .with("a", Fixed(Decision::NoOpinion, "", None))
        .with("b", Fixed(Decision::Deny, "no", None))
        .with("c", AlwaysAllow);
    let link = |chain: &Chain, user: &User| {
        let request = Request::non_resource(user, "get", "/");
        let link = chain.authorize(&request).link().map(str::to_owned);
        let principal = chain.principal(&user.clone().into());
        assert_eq!(principal.authorize(&request.attributes).link(), link.as_deref());
        assert_eq!(chain.walk(&request).verdict.link(), link.as_deref());
        link
    };
    assert_eq!(link(&chain, &jane).as_deref(), Some("b"));
    assert_eq!(link(&chain, &root).as_deref(), Some("system:masters"));
    let undecided = Chain::new().with("a", AlwaysDeny);
    assert_eq!(link(&undecided, &jane), None);
    let broken = Chain::new()
        .with("a", Fixed(Decision::NoOpinion, "", Some("broken")))
        .with_on_failure(OnFailure::Deny);
    assert_eq!(link(&broken, &jane).as_deref(), Some("a"));
}

#[test]
fn a_walk_tells_what_each_said_and_who_was_not_asked_any_more() {
    let jane = User::new("jane");
    let request = Request::non_resource(&jane, "get", "/");
    let chain = Chain::new()
        .with_gate("gate", Fixed(Decision::NoOpinion, "", None))
        .with("a", Fixed(Decision::NoOpinion, "unsure", Some("broken")))
        .with("b", Fixed(Decision::Allow, "because", None))
        .with("c", AlwaysDeny);
    let walk = chain.walk(&request);
    let said: Vec<_> = walk
        .answers
        .iter()
        .map(|answer| (answer.name, answer.verdict.decision, answer.verdict.reason().into_owned()))
        .collect();
    assert_eq!(
        said,
        [
            ("gate", Decision::NoOpinion, String::new()),
            ("system:masters", Decision::NoOpinion, String::new()),
            ("a", Decision::NoOpinion, "unsure".to_owned()),
            ("b", Decision::Allow, "because".to_owned()),
        ]
    );
    assert_eq!(walk.unasked, ["c"]);
    assert_eq!(walk.verdict.reason(), chain.authorize(&request).reason());
    assert_eq!(walk.verdict.errors, chain.authorize(&request).errors);
    let walk = chain.clone().without_super_user();
    assert!(walk.walk(&request).answers.iter().all(|answer| answer.name != "system:masters"));
}

#[test]
fn slow_links_alone_are_asked_through_the_runner_and_one_that_does_not_run_is_a_failure() {
    let jane = User::new("jane");
    let request = Request::non_resource(&jane, "get", "/");
    let ran = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = ran.clone();
    let runner: crate::authz::SlowRunner = Arc::new(move |ask: &mut dyn FnMut()| {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        ask();
        // Once is enough.
        ask();
    });
    let chain =
        Chain::new().with("quick", AlwaysDeny).with("slow", Slow::new()).with_slow_runner(runner);
    let said = "Everything is forbidden.\nasked 1";
    assert_eq!(chain.authorize(&request).reason(), said);
    assert_eq!(ran.load(std::sync::atomic::Ordering::Relaxed), 1);
    let idle: crate::authz::SlowRunner = Arc::new(|_: &mut dyn FnMut()| ());
    let verdict = chain.with_slow_runner(idle);
    let verdict = verdict.authorize(&request);
    assert_eq!(verdict.decision, Decision::Deny);
    assert_eq!(verdict.errors, ["an authorizer was not asked"]);
}

#[test]
fn the_failure_of_a_link_that_settles_its_own_is_what_it_says() {
    struct Settled(Fixed);

    impl Authorizer for Settled {
        fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
            self.0.authorize(request)
        }

        fn rules_for(&self, _: &User, _: &str) -> Rules {
            Rules::default()
        }

        fn settles_failures(&self) -> bool {
            true
        }
    }

    let jane = User::new("jane");
    let chain = |decision| {
        Chain::new()
            .with("settled", Settled(Fixed(decision, "", Some("broken"))))
            .with("all", AlwaysAllow)
            .with_on_failure(OnFailure::Deny)
    };
    assert_eq!(ask(&chain(Decision::NoOpinion), &jane).0, Decision::Allow);
    assert_eq!(ask(&chain(Decision::Deny), &jane).0, Decision::Deny);
    // The twin that does not settle it.
    let hidden = Chain::new()
        .with("broken", Fixed(Decision::NoOpinion, "", Some("broken")))
        .with("all", AlwaysAllow)
        .with_on_failure(OnFailure::Deny);
    assert_eq!(ask(&hidden, &jane).0, Decision::Deny);
}

#[cfg(feature = "conditional-authorization")]
#[test]
fn the_failure_of_a_link_that_settles_its_own_is_what_it_says_to_who_knows_conditions_too() {
    struct Settles(bool);

    impl Authorizer for Settles {
        fn authorize<'a>(&'a self, _: &'a Request<'a>) -> Verdict<'a> {
            Verdict::deny("not evaluated").with_error("broken")
        }

        fn rules_for(&self, _: &User, _: &str) -> Rules {
            Rules::default()
        }

        fn settles_failures(&self) -> bool {
            self.0
        }
    }

    let jane = User::new("jane");
    let request = Request::resource(&jane, crate::model::ResourceAttributes::new("create", "pods"));
    for (settles, errors) in [(true, 0), (false, 1)] {
        let chain = Chain::new().with("it", Settles(settles)).with_on_failure(OnFailure::Deny);
        let answer = chain.authorize_conditionally(&request, ConditionalMode::HumanReadable);
        let verdict = answer.fold();
        // A denial with an error is a failure of the review, and no more a no.
        assert_eq!((verdict.decision, verdict.errors.len()), (Decision::Deny, errors));
    }
}

#[test]
fn a_principal_keeps_the_error_of_a_slow_link_whose_reason_is_not_ready() {
    struct Slow;

    impl Authorizer for Slow {
        fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
            Verdict::deferred(Decision::NoOpinion, &super::SUPER_USER_STEP, request)
                .with_error("broken")
        }

        fn rules_for(&self, _: &User, _: &str) -> Rules {
            Rules::default()
        }

        fn is_slow(&self) -> bool {
            true
        }
    }

    let chain = Chain::new().with("slow", Slow).with("all", AlwaysAllow);
    let chain = chain.with_on_failure(OnFailure::Deny);
    let jane = User::new("jane");
    let request = Request::non_resource(&jane, "get", "/");
    assert_eq!(chain.authorize(&request).decision, Decision::Deny);
    let principal = chain.principal(&jane.clone().into());
    let verdict = principal.authorize(&request.attributes);
    assert_eq!((verdict.decision, &*verdict.errors), (Decision::Deny, &["broken".to_owned()][..]));
}
