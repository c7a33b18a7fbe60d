use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::authn::{Authenticated, ready};
use crate::model::User;

/// Every authenticator below answers at once.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("an authenticator in memory waits for something"),
    }
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
struct Refusal(&'static str);

/// Says one thing about the token `good`, and nothing about others.
struct Says {
    name: &'static str,
    outcome: Outcome,
}

impl TokenAuthenticator for Says {
    fn name(&self) -> &str {
        self.name
    }

    fn authenticate<'a>(&'a self, attempt: Attempt<'a>) -> Answering<'a> {
        ready(if attempt.token == "good" { self.outcome.clone() } else { Ok(None) })
    }
}

fn member(name: &'static str, outcome: Outcome) -> Member {
    Member::new(Arc::new(Says { name, outcome }), Trust::Kubernetes)
}

fn foreign(name: &'static str, user: User) -> Member {
    Member { trust: Trust::Foreign, ..member(name, yes(user, &[])) }
}

fn yes(user: User, audiences: &[&str]) -> Outcome {
    let audiences = strings(audiences);
    Ok(Some(Authenticated { user, audiences, expires: None }))
}

fn no(text: &'static str) -> Outcome {
    Err(AuthnError::new(Refusal(text)))
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn chain<const N: usize>(members: [Member; N]) -> TokenChain {
    with_audiences(&[], members)
}

fn with_audiences<const N: usize>(api: &[&str], members: [Member; N]) -> TokenChain {
    members.into_iter().fold(TokenChain::new(strings(api)), TokenChain::with)
}

fn ask(chain: &TokenChain, audiences: &[&str]) -> Found {
    now(chain.find(Attempt { token: "good", audiences: &strings(audiences), now: 0 }))
}

#[track_caller]
fn audiences_of(found: Found) -> Vec<String> {
    found.unwrap().expect("a user").authenticated.audiences.clone()
}

#[test]
fn the_first_yes_wins_and_tells_who_said_it() {
    let chain = chain([
        member("a", Ok(None)),
        member("b", yes(User::new("bea"), &[])),
        member("c", yes(User::new("cem"), &[])),
    ]);
    let proof = ask(&chain, &[]).unwrap().unwrap();
    assert_eq!((&*proof.authenticator, proof.authenticated.user.name.as_str()), ("b", "bea"));
    assert_eq!(chain.names().collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[test]
fn an_error_does_not_end_the_search_and_is_dropped_by_a_yes() {
    let chain = chain([member("a", no("expired")), member("b", yes(User::new("bea"), &[]))]);
    assert_eq!(ask(&chain, &[]).unwrap().unwrap().authenticated.user.name, "bea");
}

#[test]
fn without_a_yes_all_errors_are_told_as_kubernetes_joins_them() {
    for (errors, text) in [
        ([no("expired"), Ok(None), Ok(None)], "expired"),
        ([no("expired"), Ok(None), no("expired")], "expired"),
        ([no("expired"), Ok(None), no("bad signature")], "[expired, bad signature]"),
    ] {
        let [a, b, c] = errors;
        let chain = chain([member("a", a), member("b", b), member("c", c)]);
        let error = ask(&chain, &[]).unwrap_err();
        assert_eq!(error.to_string(), text);
        let parts = error.get().downcast_ref::<ChainError>().unwrap();
        assert_eq!(parts.errors().next().unwrap().0, "a");
    }
}

#[test]
fn a_token_that_nobody_knows_has_no_user_and_no_error() {
    let chain = chain([member("a", yes(User::new("ann"), &[])), member("b", no("never"))]);
    for token in ["other", "", "goo", "good "] {
        let attempt = Attempt { token, audiences: &[], now: 0 };
        assert_eq!(now(chain.find(attempt)).unwrap(), None, "{token:?}");
    }
    assert_eq!(ask(&TokenChain::default(), &[]).unwrap(), None);
}

#[test]
fn who_proved_an_identity_is_authenticated_and_anonymous_is_not() {
    for (user, groups) in [
        (User::new("jane"), &["system:authenticated"][..]),
        (User::new("jane").with_groups(["dev"]), &["dev", "system:authenticated"]),
        (
            User::new("jane").with_groups(["system:authenticated", "dev"]),
            &["system:authenticated", "dev"],
        ),
        (User::new("jane").with_groups(["system:unauthenticated"]), &["system:unauthenticated"]),
        (User::new("system:anonymous"), &[]),
    ] {
        let chain = chain([member("a", yes(user, &[]))]);
        assert_eq!(ask(&chain, &[]).unwrap().unwrap().authenticated.user.groups, groups);
    }
}

#[test]
fn a_foreign_member_names_nobody_of_kubernetes_and_kubernetes_own_may() {
    for (user, text) in [
        (User::new("system:admin"), "user name `system:admin`"),
        (User::new("jane").with_groups(["dev", "system:masters"]), "group `system:masters`"),
        // Even the harmless group is for the chain to give.
        (User::new("jane").with_groups(["system:authenticated"]), "group `system:authenticated`"),
    ] {
        let error = ask(&chain([foreign("ldap", user.clone())]), &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("`ldap` gave the {text}, which is reserved for Kubernetes' own authenticators")
        );
        assert!(ask(&chain([member("k8s", yes(user, &[]))]), &[]).unwrap().is_some());
    }
    let jane = ask(&chain([foreign("ldap", User::new("system.admin"))]), &[]);
    assert!(jane.unwrap().is_some());
}

#[test]
fn a_foreign_member_gives_no_extra_values_of_kubernetes_and_kubernetes_own_may() {
    let with_extra = |key: &str| {
        let mut user = User::new("jane");
        user.extra.insert(key.to_owned(), strings(&["x"]));
        user
    };
    let pod = || with_extra("authentication.kubernetes.io/pod-name");
    assert_eq!(
        ask(&chain([foreign("jwt", pod())]), &[]).unwrap_err().to_string(),
        "`jwt` gave the extra key `authentication.kubernetes.io/pod-name`, which is reserved for \
         Kubernetes' own authenticators"
    );
    assert!(ask(&chain([member("k8s", yes(pod(), &[]))]), &[]).unwrap().is_some());
    for key in [crate::authn::CREDENTIAL_ID, "acme.io/team"] {
        let found = ask(&chain([foreign("jwt", with_extra(key))]), &[]).unwrap().unwrap();
        assert_eq!(found.authenticated.user.extra[key], ["x"]);
    }
}

#[test]
fn a_user_without_a_name_is_nobody_whoever_gives_it() {
    let nameless = || User::new("").with_groups(["dev"]);
    for member in [foreign("file", nameless()), member("file", yes(nameless(), &[]))] {
        assert_eq!(
            ask(&chain([member]), &[]).unwrap_err().to_string(),
            "`file` gave a user without a name; name whose token it is"
        );
    }
}

#[test]
fn a_refused_name_leaves_the_word_to_the_next() {
    let chain = chain([
        foreign("ldap", User::new("system:admin")),
        member("k8s", yes(User::new("system:admin"), &[])),
    ]);
    assert_eq!(&*ask(&chain, &[]).unwrap().unwrap().authenticator, "k8s");
}

#[test]
fn agnostic_members_answer_for_the_audiences_of_the_api_server_only() {
    let agnostic = || member("file", yes(User::new("jane"), &[])).audience_agnostic();
    let chain = with_audiences(&["api", "kubernetes"], [agnostic()]);
    assert_eq!(audiences_of(ask(&chain, &[])), ["api", "kubernetes"]);
    assert_eq!(audiences_of(ask(&chain, &["vault", "kubernetes"])), ["kubernetes"]);
    assert_eq!(ask(&chain, &["vault"]).unwrap(), None);
    // An API server without audiences has none to offer to who asks for some.
    let chain = with_audiences(&[], [agnostic()]);
    assert_eq!(audiences_of(ask(&chain, &[])), [""; 0]);
    assert_eq!(ask(&chain, &["api"]).unwrap(), None);
}

#[test]
fn agnostic_members_are_not_even_asked_about_foreign_audiences() {
    let chain = with_audiences(&["api"], [member("file", no("expired")).audience_agnostic()]);
    assert_eq!(ask(&chain, &["vault"]).unwrap(), None);
    assert_eq!(ask(&chain, &["api"]).unwrap_err().to_string(), "expired");
}

#[test]
fn an_agnostic_member_that_names_audiences_is_wrongly_configured() {
    let chain = with_audiences(
        &["api"],
        [member("jwt", yes(User::new("j"), &["api"])).audience_agnostic()],
    );
    assert_eq!(
        ask(&chain, &[]).unwrap_err().to_string(),
        "`jwt` is configured to know no audiences, and named some"
    );
}

#[test]
fn an_aware_member_answers_for_what_was_asked_and_no_more() {
    let aware = |audiences: &[&str]| {
        with_audiences(&["api"], [member("jwt", yes(User::new("j"), audiences))])
    };
    assert_eq!(audiences_of(ask(&aware(&["api", "vault"]), &["vault"])), ["vault"]);
    assert_eq!(audiences_of(ask(&aware(&["api", "vault"]), &[])), ["api"]);
    assert_eq!(ask(&aware(&["vault"]), &["api"]).unwrap(), None);
    // One that forgets them means the API server's own.
    assert_eq!(audiences_of(ask(&aware(&[]), &["api"])), ["api"]);
    assert_eq!(ask(&aware(&[]), &["vault"]).unwrap(), None);
}

#[test]
fn a_chain_can_be_a_member_of_a_chain() {
    let inner = chain([member("a", yes(User::new("ann"), &[]))]);
    let outer = chain([Member::new(Arc::new(inner), Trust::Kubernetes)]);
    let proof = ask(&outer, &[]).unwrap().unwrap();
    assert_eq!((&*proof.authenticator, &*proof.authenticated.user.name), ("chain", "ann"));
}
