use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::authz::Rules;
use crate::model::{
    FieldOperator, FieldRequirement, NonResourceAttributes, Request, ResourceAttributes, Selector,
    Verdict, groups,
};

/// Answers as a closure says.
struct By<F>(F);

impl<F: for<'a> Fn(&Request<'a>) -> Verdict<'static> + Send + Sync> Authorizer for By<F> {
    fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
        (self.0)(request)
    }

    fn rules_for(&self, _: &User, _: &str) -> Rules {
        Rules::default()
    }
}

/// Allows these, written as [`line`] writes checks; a line that ends with `…` allows what begins so.
fn allowing(lines: &'static [&'static str]) -> impl Authorizer {
    By(move |request: &Request<'_>| {
        let asked = line(&request.attributes);
        let is_allowed = lines.iter().any(|allowed| match allowed.strip_suffix('…') {
            Some(begin) => asked.starts_with(begin),
            None => asked == *allowed,
        });
        if is_allowed { Verdict::allow("") } else { Verdict::no_opinion("why") }
    })
}

/// `verb resource.group/v[/subresource] [ns/]name`, or `verb path`.
fn line(asked: &Attributes<'_>) -> String {
    match asked {
        Attributes::NonResource(asked) => format!("{} {}", asked.verb, asked.path),
        Attributes::Resource(asked) => {
            let mut line = format!("{} {}", asked.verb, asked.resource);
            for (mark, part) in [(".", asked.group), ("@", asked.version), ("/", asked.subresource)]
            {
                if !part.is_empty() {
                    line = format!("{line}{mark}{part}");
                }
            }
            if !asked.namespace.is_empty() || !asked.name.is_empty() {
                let space = if asked.namespace.is_empty() { "" } else { "/" };
                line = format!("{line} {}{space}{}", asked.namespace, asked.name);
            }
            line
        }
    }
}

fn lines(checks: &[Check]) -> Vec<String> {
    checks.iter().map(|check| line(&check.attributes())).collect()
}

fn alice() -> User {
    User::new("alice").with_groups(["dev", "system:authenticated"])
}

fn list_pods() -> Attributes<'static> {
    let list = ResourceAttributes::new("list", "pods").in_namespace("ns");
    Attributes::Resource(ResourceAttributes { version: "v1", ..list })
}

fn extra<const N: usize>(of: [(&str, &[&str]); N]) -> BTreeMap<String, Vec<String>> {
    let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    of.map(|(key, values)| (key.to_owned(), owned(values))).into()
}

fn on(authorizer: &dyn Authorizer, target: &Target) -> Result<Allowed, Refused> {
    check(authorizer, &alice(), target, &list_pods(), &Options::default())
}

fn off(authorizer: &dyn Authorizer, target: &Target) -> Result<Allowed, Refused> {
    check(authorizer, &alice(), target, &list_pods(), &Options::classic())
}

/// Everything of a user at once.
fn full(user: &str) -> Target {
    Target {
        uid: "u1".to_owned(),
        extra: extra([("acme.io/a", &["1", "2"])]),
        ..Target::new(user).with_groups(["g1", "g2"])
    }
}

#[test]
fn classic_checks_have_the_attributes_of_the_table_in_the_order_of_the_gate() {
    // S-IMP-3, S-IMP-4.
    let user = "impersonate users@v1 bob";
    let uid = "impersonate uids.authentication.k8s.io@v1 u1";
    let group = ["impersonate groups@v1 g1", "impersonate groups@v1 g2"];
    let extra = [
        "impersonate userextras.authentication.k8s.io@v1/acme.io/a 1",
        "impersonate userextras.authentication.k8s.io@v1/acme.io/a 2",
    ];
    let classic = allowing(&["impersonate …"]);
    let gated = on(&classic, &full("bob")).unwrap();
    assert_eq!((gated.mode, gated.constraint()), (Mode::Legacy, ""));
    let expected = [user, uid, group[0], group[1], extra[0], extra[1]];
    // Before them the denial of the only constrained mode that fits (S-IMP-8b).
    assert_eq!(lines(&gated.checks)[0], "impersonate-on:user-info:list pods@v1 ns/");
    assert_eq!(lines(&gated.checks)[1..], expected);
    let ungated = off(&classic, &full("bob")).unwrap();
    assert_eq!(lines(&ungated.checks), [user, group[0], group[1], extra[0], extra[1], uid]);
    assert_eq!(gated.user, ungated.user);
}

#[test]
fn every_classic_check_must_be_allowed_and_the_first_refusal_is_told() {
    for (missing, message) in [
        (
            "users",
            "users \"bob\" is forbidden: User \"alice\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope: why",
        ),
        (
            "groups",
            "groups \"g1\" is forbidden: User \"alice\" cannot impersonate resource \"groups\" in API group \"\" at the cluster scope: why",
        ),
        (
            "userextras",
            "userextras.authentication.k8s.io \"1\" is forbidden: User \"alice\" cannot impersonate resource \"userextras/acme.io/a\" in API group \"authentication.k8s.io\" at the cluster scope: why",
        ),
        (
            "uids",
            "uids.authentication.k8s.io \"u1\" is forbidden: User \"alice\" cannot impersonate resource \"uids\" in API group \"authentication.k8s.io\" at the cluster scope: why",
        ),
    ] {
        let but = By(move |request: &Request<'_>| match request.attributes {
            Attributes::Resource(asked) if asked.resource == missing => Verdict::no_opinion("why"),
            _ => Verdict::allow(""),
        });
        assert_eq!(off(&but, &full("bob")).unwrap_err().message, message);
    }
    assert!(off(&allowing(&["impersonate …"]), &full("bob")).is_ok());
}

#[test]
fn a_service_account_is_asked_for_as_one_and_its_invalid_twin_as_a_user() {
    // S-IMP-4.
    let all = allowing(&["impersonate …"]);
    let asked = |user: &str| lines(&off(&all, &Target::new(user)).unwrap().checks);
    assert_eq!(asked("system:serviceaccount:ns:sa"), ["impersonate serviceaccounts@v1 ns/sa"]);
    assert_eq!(
        asked("system:serviceaccount:NS:sa"),
        ["impersonate users@v1 system:serviceaccount:NS:sa"],
    );
    // The classic mode knows no nodes.
    assert_eq!(asked("system:node:n1"), ["impersonate users@v1 system:node:n1"]);
}

#[test]
fn an_error_beside_a_yes_refuses_only_with_the_gate_off_and_is_told_only_with_it_on() {
    // S-IMP-5.
    let shaky = By(|_: &Request<'_>| Verdict::allow("").with_error("half down"));
    assert!(on(&shaky, &Target::new("bob")).is_ok());
    let refused = off(&shaky, &Target::new("bob")).unwrap_err();
    assert!(refused.message.ends_with("at the cluster scope"), "{refused}");

    let down = |reason| By(move |_: &Request<'_>| Verdict::no_opinion(reason).with_error("down"));
    let said = |refused: Result<Allowed, Refused>| refused.unwrap_err().message;
    assert!(said(on(&down("why"), &Target::new("bob"))).ends_with("\"ns\": down: why"));
    assert!(said(on(&down(""), &Target::new("bob"))).ends_with("\"ns\": down"));
    assert!(said(off(&down("why"), &Target::new("bob"))).ends_with("cluster scope: why"));
    assert!(said(off(&down(""), &Target::new("bob"))).ends_with("cluster scope"));
}

#[test]
fn the_first_refusal_counts_and_not_the_classic_one() {
    // S-IMP-8b, run against a real API server.
    let refused = on(&allowing(&[]), &Target::new("bob")).unwrap_err();
    assert_eq!(
        refused.message,
        "pods is forbidden: User \"alice\" cannot impersonate-on:user-info:list resource \"pods\" in API \
         group \"\" in the namespace \"ns\": why",
    );
    assert_eq!(
        lines(&refused.checks),
        ["impersonate-on:user-info:list pods@v1 ns/", "impersonate users@v1 bob"],
    );
    // The mode that was right last time is tried first, and then its refusal is the first.
    let options = Options { first: Some(Mode::Legacy), ..Options::default() };
    let refused = check(&allowing(&[]), &alice(), &Target::new("bob"), &list_pods(), &options);
    assert!(refused.unwrap_err().message.starts_with("users \"bob\" is forbidden: "));
}

#[test]
fn a_constrained_mode_asks_for_the_deed_and_then_for_everything_that_the_target_is() {
    // S-IMP-9.
    let all = allowing(&["impersonate-on:user-info:list …", "impersonate:user-info …"]);
    let allowed = on(&all, &full("bob")).unwrap();
    assert_eq!(allowed.constraint(), "impersonate:user-info");
    assert_eq!(
        lines(&allowed.checks),
        [
            "impersonate-on:user-info:list pods@v1 ns/",
            "impersonate:user-info users.authentication.k8s.io@v1 bob",
            "impersonate:user-info uids.authentication.k8s.io@v1 u1",
            "impersonate:user-info groups.authentication.k8s.io@v1 g1",
            "impersonate:user-info groups.authentication.k8s.io@v1 g2",
            "impersonate:user-info userextras.authentication.k8s.io@v1/acme.io/a 1",
            "impersonate:user-info userextras.authentication.k8s.io@v1/acme.io/a 2",
        ],
    );
    let user = User {
        uid: "u1".to_owned(),
        extra: extra([("acme.io/a", &["1", "2"])]),
        ..User::new("bob").with_groups(["g1", "g2", "system:authenticated"])
    };
    assert_eq!(allowed.user, user);
    // The deed alone, and the target alone, are not enough.
    for half in [&["impersonate-on:user-info:list …"][..], &["impersonate:user-info …"]] {
        assert!(on(&allowing(half.to_vec().leak()), &full("bob")).is_err(), "{half:?}");
    }
}

#[test]
fn a_path_and_selectors_are_asked_as_they_are_but_for_the_verb() {
    let all = allowing(&["impersonate-on:user-info:get /version", "impersonate:user-info …"]);
    let get = Attributes::NonResource(NonResourceAttributes { verb: "get", path: "/version" });
    let (bob, options) = (Target::new("bob"), Options::default());
    assert!(check(&all, &alice(), &bob, &get, &options).is_ok());
    let post = Attributes::NonResource(NonResourceAttributes { verb: "post", path: "/version" });
    assert_eq!(
        check(&all, &alice(), &bob, &post, &options).unwrap_err().message,
        "forbidden: User \"alice\" cannot impersonate-on:user-info:post path \"/version\": why",
    );
    let terms = [FieldRequirement {
        field: "spec.nodeName".to_owned(),
        operator: FieldOperator::Equals,
        value: "n1".to_owned(),
    }];
    let selective = By(|request: &Request<'_>| match request.attributes {
        Attributes::Resource(asked)
            if asked.verb.starts_with("impersonate-on:")
                && asked.field_selector.requirements.is_empty() =>
        {
            Verdict::no_opinion("")
        }
        _ => Verdict::allow(""),
    });
    let Attributes::Resource(list) = list_pods() else { panic!("no resource") };
    let field_selector = Selector { requirements: &terms, parse_error: None };
    let selected = Attributes::Resource(ResourceAttributes { field_selector, ..list });
    let mode = |asked| check(&selective, &alice(), &bob, asked, &options).unwrap().mode;
    assert_eq!((mode(&selected), mode(&list_pods())), (Mode::UserInfo, Mode::Legacy));
}

#[test]
fn modes_are_tried_in_order_and_each_only_for_what_it_is_about() {
    // S-IMP-8, S-IMP-10: which modes are tried when everything is refused.
    let mut pod = User::service_account("ns", "agent");
    pod.extra = extra([("authentication.kubernetes.io/node-name", &["n1"])]);
    let mut two = pod.clone();
    two.extra = extra([("authentication.kubernetes.io/node-name", &["n1", "n2"])]);
    let no_account = User { name: "alice".to_owned(), ..pod.clone() };
    let tried = |requester: &User, target: &Target| -> Vec<Mode> {
        let none = allowing(&[]);
        let refused = check(&none, requester, target, &list_pods(), &Options::default());
        refused.unwrap_err().checks.iter().map(|check| check.mode).collect()
    };
    use Mode::{ArbitraryNode, AssociatedNode, Legacy, ServiceAccount, UserInfo};
    let node = Target::new("system:node:n1");
    assert_eq!(tried(&pod, &node), [AssociatedNode, ArbitraryNode, Legacy]);
    assert_eq!(tried(&pod, &Target::new("system:node:n2")), [ArbitraryNode, Legacy]);
    assert_eq!(tried(&two, &node), [ArbitraryNode, Legacy]);
    assert_eq!(tried(&no_account, &node), [ArbitraryNode, Legacy]);
    // With anything but a name there is only the classic one.
    assert_eq!(tried(&pod, &node.clone().with_groups(["g"])), [Legacy]);
    assert_eq!(tried(&pod, &Target { uid: "u".to_owned(), ..node.clone() }), [Legacy]);
    assert_eq!(tried(&pod, &Target { extra: extra([("a.io/b", &[])]), ..node }), [Legacy]);
    let account = Target::new("system:serviceaccount:ns:sa");
    assert_eq!(tried(&alice(), &account), [ServiceAccount, Legacy]);
    assert_eq!(tried(&alice(), &account.with_groups(["g"])), [Legacy]);
    // An illegal name makes neither a node nor a service account.
    assert_eq!(tried(&alice(), &Target::new("system:node:N_1")), [UserInfo, Legacy]);
    assert_eq!(tried(&alice(), &Target::new("system:serviceaccount:x")), [UserInfo, Legacy]);
}

#[test]
fn a_pod_acts_as_its_node_with_extra_values_that_name_no_node() {
    // S-IMP-11, S-IMP-12.
    let mut pod = User::service_account("ns", "agent");
    pod.extra = extra([
        ("authentication.kubernetes.io/pod-name", &["p"]),
        ("authentication.kubernetes.io/node-name", &["n1"]),
    ]);
    let by_node = By(|request: &Request<'_>| {
        let keys = extra([(
            "authentication.kubernetes.io/associated-node-keys",
            &["authentication.kubernetes.io/node-name", "authentication.kubernetes.io/pod-name"],
        )]);
        let is_asked = matches!(
            line(&request.attributes).as_str(),
            "impersonate-on:associated-node:list pods@v1 ns/"
                | "impersonate:associated-node nodes.authentication.k8s.io@v1 *"
        );
        if is_asked && request.user.extra == keys {
            Verdict::allow("")
        } else {
            Verdict::no_opinion("")
        }
    });
    let node = Target::new("system:node:n1");
    let allowed = check(&by_node, &pod, &node, &list_pods(), &Options::default()).unwrap();
    assert_eq!(allowed.constraint(), "impersonate:associated-node");
    assert_eq!(allowed.user, User::node("n1"));
    // The message is about what was asked.
    let deed = allowing(&["impersonate-on:associated-node:list …"]);
    let refused = check(&deed, &pod, &node, &list_pods(), &Options::default()).unwrap_err();
    assert_eq!(
        refused.message,
        "nodes.authentication.k8s.io \"*\" is forbidden: User \"system:serviceaccount:ns:agent\" cannot \
         impersonate:associated-node resource \"nodes\" in API group \"authentication.k8s.io\" at the cluster \
         scope: why",
    );
}

#[test]
fn any_node_and_any_service_account_are_asked_for_by_name() {
    let all = allowing(&["impersonate-on:…", "impersonate:…"]);
    let node = on(&all, &Target::new("system:node:n1")).unwrap();
    assert_eq!(
        lines(&node.checks)[1],
        "impersonate:arbitrary-node nodes.authentication.k8s.io@v1 n1"
    );
    assert_eq!(node.user, User::node("n1"));
    let account = on(&all, &Target::new("system:serviceaccount:ns:sa")).unwrap();
    assert_eq!(
        lines(&account.checks)[1],
        "impersonate:serviceaccount serviceaccounts.authentication.k8s.io@v1 ns/sa"
    );
    assert_eq!(account.user, User::service_account("ns", "sa"));
}

#[test]
fn the_groups_that_come_of_it_are_added_unchecked() {
    // S-IMP-6.
    let all = allowing(&["impersonate …"]);
    let groups = |target: Target| on(&all, &target).unwrap().user.groups;
    assert_eq!(groups(Target::new("bob")), [groups::AUTHENTICATED]);
    assert_eq!(
        groups(Target::new("bob").with_groups([groups::UNAUTHENTICATED])),
        [groups::UNAUTHENTICATED]
    );
    assert_eq!(groups(Target::new("system:anonymous")), [groups::UNAUTHENTICATED]);
    let account = Target::new("system:serviceaccount:ns:sa").with_groups(["g"]);
    assert_eq!(groups(account), ["g", groups::AUTHENTICATED]);
    // A node of the classic mode is in no group of nodes.
    assert_eq!(groups(Target::new("system:node:n1")), [groups::AUTHENTICATED]);
    // S-IMP-7: nothing of the requester is carried over.
    assert_eq!(on(&all, &Target::new("bob")).unwrap().user.extra, BTreeMap::new());
}

#[test]
fn the_mode_for_users_refuses_some_things_unasked_and_the_classic_one_may_allow_them() {
    // S-IMP-13.
    let constrained = allowing(&["impersonate-on:…", "impersonate:…"]);
    let with = |extra| Target { extra, ..Target::new("bob") };
    let path = "must be a domain-prefixed path (such as \"acme.io/foo\")";
    for (target, refusal) in [
        (
            Target::new("bob").with_groups(["g", ""]),
            "groups.authentication.k8s.io is forbidden: User \"alice\" cannot impersonate:user-info resource \
             \"groups\" in API group \"authentication.k8s.io\" at the cluster scope: impersonating the empty \
             string group is not allowed"
                .to_owned(),
        ),
        (
            Target::new("bob").with_groups(["g", "system:masters"]),
            "groups.authentication.k8s.io \"system:masters\" is forbidden: User \"alice\" cannot \
             impersonate:user-info resource \"groups\" in API group \"authentication.k8s.io\" at the cluster \
             scope: impersonating the system:masters group is not allowed"
                .to_owned(),
        ),
        (with(extra([("", &["v"])])), of_extra("the empty string key in extra is not allowed")),
        (
            with(extra([("project", &["v"])])),
            of_extra(&format!(
                "an invalid key in extra is not allowed: extra.key: Invalid value: \"project\": {path}"
            )),
        ),
        (
            with(extra([("acme.io/a b", &["v"])])),
            of_extra(
                "an invalid key in extra is not allowed: extra.key: Invalid value: \"a b\": Invalid path \
                 (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')",
            ),
        ),
        (
            with(extra([("acme.io/A", &["v"])])),
            of_extra("a non-lowercase key in extra is not allowed: \"acme.io/A\""),
        ),
        (with(extra([("acme.io/a", &[])])), of_extra("empty values in extra is not allowed")),
        (
            with(extra([("acme.io/a", &["v", ""])])),
            of_extra("the empty string value in extra is not allowed"),
        ),
    ] {
        assert_eq!(on(&constrained, &target).unwrap_err().message, refusal, "{target:?}");
        let all = allowing(&["impersonate…"]);
        assert_eq!(on(&all, &target).unwrap().mode, Mode::Legacy, "{target:?}");
    }
    assert!(on(&constrained, &with(extra([("acme.io/a", &["v"])]))).is_ok());
}

fn of_extra(detail: &str) -> String {
    format!(
        "userextras.authentication.k8s.io is forbidden: User \"alice\" cannot impersonate:user-info resource \
         \"userextras\" in API group \"authentication.k8s.io\" at the cluster scope: impersonating {detail}"
    )
}

#[test]
fn four_groups_are_asked_for_at_once_first_and_three_are_not() {
    // S-IMP-14.
    let at_once = allowing(&[
        "impersonate-on:…",
        "impersonate:user-info users…",
        "impersonate:user-info groups.authentication.k8s.io@v1 *",
    ]);
    let four = Target::new("bob").with_groups(["a", "b", "c", "d"]);
    assert_eq!(lines(&on(&at_once, &four).unwrap().checks).len(), 3);
    let three = Target::new("bob").with_groups(["a", "b", "c"]);
    assert!(on(&at_once, &three).is_err());
    // When that fails each is asked for.
    let each = allowing(&[
        "impersonate-on:…",
        "impersonate:user-info users…",
        "impersonate:user-info groups.authentication.k8s.io@v1 a",
        "impersonate:user-info groups.authentication.k8s.io@v1 b",
        "impersonate:user-info groups.authentication.k8s.io@v1 c",
        "impersonate:user-info groups.authentication.k8s.io@v1 d",
    ]);
    assert_eq!(lines(&on(&each, &four).unwrap().checks).len(), 7);
    // The classic mode never does that.
    let classic = off(&allowing(&["impersonate …"]), &four).unwrap();
    assert!(lines(&classic.checks).iter().all(|line| !line.ends_with('*')));
}

#[test]
fn four_keys_or_four_values_of_extra_are_asked_for_at_once_first() {
    // S-IMP-14.
    let at_once = allowing(&[
        "impersonate-on:…",
        "impersonate:user-info users…",
        "impersonate:user-info userextras.authentication.k8s.io@v1/* *",
    ]);
    let with = |extra| Target { extra, ..Target::new("bob") };
    let values = with(extra([("a.io/a", &["1", "2", "3"]), ("a.io/b", &["4"])]));
    let keys = with(extra([
        ("a.io/a", &["1"]),
        ("a.io/b", &["1"]),
        ("a.io/c", &["1"]),
        ("a.io/d", &["1"]),
    ]));
    let few = with(extra([("a.io/a", &["1", "2"]), ("a.io/b", &["3"])]));
    assert!(on(&at_once, &values).is_ok() && on(&at_once, &keys).is_ok());
    assert!(on(&at_once, &few).is_err());
}

#[test]
fn names_are_escaped_in_the_message_and_reasons_are_not() {
    // S-FMT-8.
    let none = By(|_: &Request<'_>| Verdict::no_opinion("<why> & \"so\""));
    let mallory = User::new("<m>&\"x\"");
    let refused =
        check(&none, &mallory, &Target::new("b<"), &list_pods(), &Options::classic()).unwrap_err();
    assert_eq!(
        refused.message,
        "users \"b<\" is forbidden: User \"&lt;m&gt;&amp;\\\"x\\\"\" cannot impersonate resource \"users\" in \
         API group \"\" at the cluster scope: <why> & \"so\"",
    );
}

#[test]
fn a_constrained_yes_is_kept_for_ten_seconds_for_the_request_and_for_the_target() {
    // S-IMP-15.
    let (cache, all) =
        (ImpersonationCache::new(), allowing(&["impersonate-on:…", "impersonate:…"]));
    let get = Attributes::Resource(ResourceAttributes::new("get", "pods").named("p"));
    let ask = |at: u64, target: &Target, asked: &Attributes<'_>| {
        let now = Duration::from_secs(at);
        let allowed = cache.check(now, &all, &alice(), target, asked, &Options::default());
        lines(&allowed.unwrap().checks)
    };
    let bob = Target::new("bob");
    assert_eq!(ask(0, &bob, &list_pods()).len(), 2);
    assert_eq!(ask(1, &bob, &list_pods()), [""; 0]);
    // Another request as the same target: the deed is asked for, the target is known.
    assert_eq!(ask(1, &bob, &get), ["impersonate-on:user-info:get pods p"]);
    assert_eq!(ask(1, &bob.clone().with_groups(["g"]), &get).len(), 3);
    assert_eq!(ask(10, &bob, &list_pods()).len(), 2);
    cache.flush();
    assert_eq!(ask(10, &bob, &list_pods()).len(), 2);
}

#[test]
fn the_cache_tells_requesters_apart_and_keeps_no_no_and_nothing_classic() {
    let cache = ImpersonationCache::new();
    let now = Duration::ZERO;
    let bob = Target::new("bob");
    let ask = |authorizer: &dyn Authorizer, requester: &User| {
        cache.check(now, authorizer, requester, &bob, &list_pods(), &Options::default())
    };
    let all = allowing(&["impersonate-on:…", "impersonate:…"]);
    assert!(ask(&allowing(&[]), &alice()).is_err());
    assert!(ask(&all, &alice()).is_ok());
    assert!(ask(&allowing(&[]), &alice()).is_ok()); // kept
    let other = User { uid: "other".to_owned(), ..alice() };
    assert!(ask(&allowing(&[]), &other).is_err());

    let eve = User::new("eve");
    assert_eq!(ask(&allowing(&["impersonate …"]), &eve).unwrap().checks.len(), 2);
    // The classic mode is remembered as the one to try first, its yes is not.
    assert_eq!(ask(&allowing(&["impersonate …"]), &eve).unwrap().checks.len(), 1);
    let refused = ask(&allowing(&[]), &eve).unwrap_err();
    assert!(refused.message.starts_with("users \"bob\" is forbidden"));
}

#[test]
fn what_is_kept_for_one_node_serves_every_node_of_the_same_account_under_its_own_name() {
    let (cache, all) =
        (ImpersonationCache::new(), allowing(&["impersonate-on:…", "impersonate:…"]));
    let on_node = |node: &str| {
        let mut pod = User::service_account("ns", "agent");
        pod.extra = extra([("authentication.kubernetes.io/node-name", &[node])]);
        let target = Target::new(format!("system:node:{node}"));
        let asked = list_pods();
        cache.check(Duration::ZERO, &all, &pod, &target, &asked, &Options::default()).unwrap()
    };
    assert_eq!(on_node("n1").checks.len(), 2);
    let second = on_node("n2");
    assert_eq!((second.checks.len(), second.user), (0, User::node("n2")));
}

#[test]
fn selectors_that_could_not_be_read_are_not_kept() {
    let (cache, all) =
        (ImpersonationCache::new(), allowing(&["impersonate-on:…", "impersonate:…"]));
    let Attributes::Resource(list) = list_pods() else { panic!("no resource") };
    let label_selector = Selector { requirements: &[], parse_error: Some("odd") };
    let odd = Attributes::Resource(ResourceAttributes { label_selector, ..list });
    for _ in 0..2 {
        let now = Duration::ZERO;
        let bob = Target::new("bob");
        let allowed = cache.check(now, &all, &alice(), &bob, &odd, &Options::default()).unwrap();
        assert!(
            lines(&allowed.checks)
                .contains(&"impersonate-on:user-info:list pods@v1 ns/".to_owned())
        );
    }
}

fn headers(of: &[(&str, &str)]) -> Result<Option<Target>, HeaderError> {
    parse_headers(of.iter().map(|(name, value)| (*name, value.as_bytes())), Constrained::On)
}

#[test]
fn headers_name_a_target() {
    // S-IMP-1.
    let target = headers(&[
        ("Accept", "x"),
        ("IMPERSONATE-USER", "bob"),
        ("Impersonate-User", "second"),
        ("Impersonate-Group", "a,b"),
        ("impersonate-group", ""),
        ("Impersonate-Uid", "u"),
        ("Impersonate-Extra-Acme.io%2FKey", "1"),
        ("impersonate-extra-acme.io%2fkey", "2"),
        ("Impersonate-Extra-Bad%zz", "3"),
        ("Impersonate-Extra-Plus+", "4"),
    ]);
    assert_eq!(
        target.unwrap().unwrap(),
        Target {
            user: "bob".to_owned(),
            uid: "u".to_owned(),
            groups: vec!["a,b".to_owned(), String::new()],
            extra: extra([("acme.io/key", &["1", "2"]), ("bad%zz", &["3"]), ("plus+", &["4"])]),
        }
    );
    assert_eq!(headers(&[("Accept", "x")]), Ok(None));
    assert_eq!(headers(&[("Impersonate-User", ""), ("Impersonate-Uid", "")]), Ok(None));
}

#[test]
fn headers_that_name_nobody_are_a_bad_request() {
    // S-IMP-2.
    for name in ["Impersonate-Group", "Impersonate-Uid", "Impersonate-Extra-A"] {
        let error = headers(&[(name, "x")]).unwrap_err();
        assert!(error.to_string().ends_with(" without impersonating a user name"), "{error}");
        // An empty first name is none, whatever follows.
        let error = headers(&[("Impersonate-User", ""), ("Impersonate-User", "bob"), (name, "x")]);
        assert!(error.is_err(), "{name}");
        let off = parse_headers([(name, &b"x"[..])], Constrained::Off).unwrap_err();
        assert!(off.to_string().ends_with(" without impersonating a user"), "{off}");
    }
    // A group header without a value is one (S-IMP-1: each is a group).
    assert!(headers(&[("Impersonate-Group", "")]).is_err());
    for odd in [("Impersonate-User", &b"\xff"[..]), ("Impersonate-Extra-%ff", b"x")] {
        let read = parse_headers([("Impersonate-User", &b"bob"[..]), odd, odd], Constrained::On);
        let is_refused = matches!(read, Err(HeaderError::NotText { .. }));
        // Of several user headers only the first is read.
        assert_eq!(is_refused, odd.0 != "Impersonate-User");
        assert!(matches!(parse_headers([odd], Constrained::On), Err(HeaderError::NotText { .. })));
    }
}
