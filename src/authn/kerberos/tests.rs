//! The rules around the library, with a library that says what it is told to. The real one is in
//! `tests/kerberos`.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::token::tests::{sample, unwrapped};
use super::*;
use crate::authn::{
    Authenticated, AuthnError, GroupLookup, LookingUp, NegotiateAuthenticator, Negotiated,
};
use crate::model::User;

const NOW: i64 = 2_000_000_000;

/// Accepts every token as that of one principal.
struct Says(Accepted);

impl TicketAcceptor for Says {
    fn accept(&self, _: &[u8], _: Option<&[u8]>) -> Result<Accepted, AcceptError> {
        Ok(self.0.clone())
    }
}

/// A directory that knows some users.
struct Directory(Vec<(&'static str, Result<Vec<&'static str>, &'static str>)>);

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Out(&'static str);

impl GroupLookup for Directory {
    fn name(&self) -> &str {
        "ldap"
    }

    fn groups_of<'a>(&'a self, user: &'a User) -> LookingUp<'a> {
        let found = self.0.iter().find(|(name, _)| *name == user.name);
        let found = match found.map(|(_, groups)| groups) {
            None => Ok(None),
            Some(Ok(groups)) => Ok(Some(groups.iter().map(|group| (*group).to_owned()).collect())),
            Some(Err(why)) => Err(AuthnError::new(Out(why))),
        };
        Box::pin(std::future::ready(found))
    }
}

fn accepted(principal: &str) -> Accepted {
    Accepted {
        principal: principal.to_owned(),
        lifetime: Some(Duration::from_secs(600)),
        is_channel_bound: false,
        reply: Some(b"reply".to_vec()),
    }
}

fn rules() -> PrincipalRules {
    let realms = vec!["EX.ORG".to_owned()];
    let user_name = UserNameForm::WithoutRealm;
    PrincipalRules::compile(PrincipalConfig { realms, user_name, ..PrincipalConfig::default() })
        .unwrap()
}

fn of(accepted: Accepted, options: KerberosOptions) -> KerberosAuthenticator {
    KerberosAuthenticator::new(rules(), Arc::new(Says(accepted)), None, options).unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn ask(
    authenticator: &KerberosAuthenticator,
    token: &[u8],
    binding: Option<&[u8]>,
) -> Result<(Authenticated, Option<Vec<u8>>), String> {
    let Negotiated { outcome, reply } =
        runtime().block_on(authenticator.negotiate(token, binding, NOW));
    match outcome {
        Ok(authenticated) => Ok((authenticated.unwrap(), reply)),
        Err(error) => {
            assert_eq!(reply, None, "nothing is proven to whom is refused");
            Err(error.to_string())
        }
    }
}

#[test]
fn a_ticket_becomes_a_user_with_an_end_and_a_reply() {
    let authenticator = of(accepted("jane@EX.ORG"), KerberosOptions::default());
    let (jane, reply) = ask(&authenticator, &sample(b"1"), None).unwrap();
    assert_eq!(jane.user, User::new("jane"));
    assert_eq!(jane.expires, Some(NOW + 600));
    assert_eq!(reply.as_deref(), Some(&b"reply"[..]));
}

#[test]
fn an_instance_never_becomes_the_user_before_the_slash() {
    // A library once made `jane@ex.org` of this.
    let authenticator = of(accepted("jane/admin@EX.ORG"), KerberosOptions::default());
    assert_eq!(
        ask(&authenticator, &sample(b"1"), None).unwrap_err(),
        "principal `jane/admin@EX.ORG` has an instance (what follows the `/`) that is not allowed"
    );
}

#[test]
fn a_login_is_taken_once_even_if_the_library_would_take_it_twice() {
    let authenticator = of(accepted("jane@EX.ORG"), KerberosOptions::default());
    assert!(ask(&authenticator, &sample(b"1"), None).is_ok());
    assert_eq!(
        ask(&authenticator, &sample(b"1"), None).unwrap_err(),
        "the ticket was presented before: this is a replay"
    );
    // Another login of hers.
    assert!(ask(&authenticator, &sample(b"2"), None).is_ok());
    // The same authenticator in another wrapping is the same login.
    let options = KerberosOptions { unwrapped: UnwrappedTokens::Accept, ..Default::default() };
    let authenticator = of(accepted("jane@EX.ORG"), options);
    assert!(ask(&authenticator, &sample(b"1"), None).is_ok());
    assert!(ask(&authenticator, &unwrapped(b"1"), None).is_err());
}

#[test]
fn a_token_without_spnego_is_taken_only_where_that_is_allowed() {
    let authenticator = of(accepted("jane@EX.ORG"), KerberosOptions::default());
    assert_eq!(
        ask(&authenticator, &unwrapped(b"1"), None).unwrap_err(),
        "the token is a Kerberos token outside of SPNEGO (RFC 4559 wants it inside)"
    );
    let options = KerberosOptions { unwrapped: UnwrappedTokens::Accept, ..Default::default() };
    assert!(ask(&of(accepted("jane@EX.ORG"), options), &unwrapped(b"1"), None).is_ok());
}

#[test]
fn a_required_channel_binding_must_be_there_and_be_the_client_s() {
    let binding: &[u8] = b"tls-server-end-point:x";
    let options =
        KerberosOptions { channel_binding: ChannelBinding::Require, ..Default::default() };
    let bound = Accepted { is_channel_bound: true, ..accepted("jane@EX.ORG") };
    let authenticator = of(bound, options.clone());
    assert!(ask(&authenticator, &sample(b"1"), Some(binding)).is_ok());
    assert_eq!(
        ask(&authenticator, &sample(b"2"), None).unwrap_err(),
        "a channel binding is required, and this connection has none: it does not come by TLS that \
         ends here"
    );
    let authenticator = of(accepted("jane@EX.ORG"), options);
    assert_eq!(
        ask(&authenticator, &sample(b"1"), Some(binding)).unwrap_err(),
        "a channel binding is required, and the client of `jane@EX.ORG` sent none"
    );
}

#[test]
fn a_ticket_that_has_ended_and_a_name_that_is_none_are_refused() {
    let ended = Accepted { lifetime: Some(Duration::ZERO), ..accepted("jane@EX.ORG") };
    assert_eq!(
        ask(&of(ended, KerberosOptions::default()), &sample(b"1"), None).unwrap_err(),
        "the ticket of `jane@EX.ORG` has expired"
    );
    let endless = Accepted { lifetime: None, ..accepted("jane@EX.ORG") };
    let (jane, _) = ask(&of(endless, KerberosOptions::default()), &sample(b"1"), None).unwrap();
    assert_eq!(jane.expires, None);
    let nobody = of(accepted("jane"), KerberosOptions::default());
    assert_eq!(
        ask(&nobody, &sample(b"1"), None).unwrap_err(),
        "`jane` is no principal: the realm is missing, as in `jane@EX.ORG`"
    );
}

#[test]
fn groups_are_those_of_the_directory_and_without_an_account_there_is_no_login() {
    let directory: Arc<dyn GroupLookup> = Arc::new(Directory(vec![
        ("jane", Ok(vec!["dev", "ops"])),
        ("mallory", Ok(vec!["dev", "system:masters"])),
        ("joe", Err("the directory is out")),
    ]));
    let ask = |principal: &str| {
        let authenticator = KerberosAuthenticator::new(
            rules(),
            Arc::new(Says(accepted(principal))),
            Some(Arc::clone(&directory)),
            KerberosOptions::default(),
        );
        ask(&authenticator.unwrap(), &sample(b"1"), None).map(|(found, _)| found.user.groups)
    };
    assert_eq!(ask("jane@EX.ORG").unwrap(), ["dev", "ops"]);
    assert_eq!(
        ask("gone@EX.ORG").unwrap_err(),
        "`gone` has a ticket and no account in `ldap`: it is missing, disabled or expired"
    );
    assert_eq!(
        ask("mallory@EX.ORG").unwrap_err(),
        "`ldap` gives user `mallory` the group `system:masters`, and `system:` names are \
         Kubernetes' own"
    );
    assert_eq!(ask("joe@EX.ORG").unwrap_err(), "the directory is out");
}

/// Takes a ticket only when it is told to, and counts how many it holds.
struct Slow {
    holds: AtomicUsize,
    most: AtomicUsize,
    begun: Mutex<Sender<()>>,
    go: Mutex<Receiver<()>>,
}

impl TicketAcceptor for Slow {
    fn accept(&self, _: &[u8], _: Option<&[u8]>) -> Result<Accepted, AcceptError> {
        let holds = self.holds.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(holds, Ordering::SeqCst);
        self.begun.lock().unwrap().send(()).unwrap();
        self.go.lock().unwrap().recv().unwrap();
        self.holds.fetch_sub(1, Ordering::SeqCst);
        Ok(accepted("jane@EX.ORG"))
    }
}

#[test]
fn so_many_tickets_are_looked_at_at_a_time_so_many_wait_and_the_rest_is_refused() {
    let (begin, begun) = channel();
    let (go, wait) = channel();
    let slow = Arc::new(Slow {
        holds: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
        begun: Mutex::new(begin),
        go: Mutex::new(wait),
    });
    let options = KerberosOptions { parallel: 2, waiting: 1, ..Default::default() };
    let acceptor: Arc<dyn TicketAcceptor> = slow.clone();
    let authenticator =
        Arc::new(KerberosAuthenticator::new(rules(), acceptor, None, options).unwrap());
    runtime().block_on(async {
        let ask = |cipher: &'static [u8]| {
            let authenticator = Arc::clone(&authenticator);
            tokio::spawn(async move { authenticator.negotiate(&sample(cipher), None, NOW).await })
        };
        let (first, second) = (ask(b"1"), ask(b"2"));
        for _ in 0..2 {
            begun.recv().unwrap();
        }
        let third = ask(b"3");
        // The third takes the last place before the fourth comes.
        while authenticator.free_places() > 0 {
            tokio::task::yield_now().await;
        }
        let fourth = ask(b"4").await.unwrap();
        assert_eq!(
            fourth.outcome.unwrap_err().to_string(),
            "too many logins by ticket at once: 1 wait already"
        );
        for _ in 0..3 {
            go.send(()).unwrap();
        }
        for asked in [first, second, third] {
            assert!(asked.await.unwrap().outcome.is_ok());
        }
    });
    assert_eq!(slow.most.load(Ordering::SeqCst), 2);
}

#[test]
fn a_login_that_waits_too_long_is_refused() {
    let (begin, begun) = channel();
    let (go, wait) = channel();
    let slow = Slow {
        holds: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
        begun: Mutex::new(begin),
        go: Mutex::new(wait),
    };
    let patience = Duration::from_millis(20);
    let options = KerberosOptions { parallel: 1, patience, ..Default::default() };
    let authenticator =
        Arc::new(KerberosAuthenticator::new(rules(), Arc::new(slow), None, options).unwrap());
    runtime().block_on(async {
        let other = Arc::clone(&authenticator);
        let first = tokio::spawn(async move { other.negotiate(&sample(b"1"), None, NOW).await });
        begun.recv().unwrap();
        let late = authenticator.negotiate(&sample(b"2"), None, NOW).await;
        let said = late.outcome.unwrap_err().to_string();
        assert_eq!(said, "the login waited 20 ms for others, longer than it may");
        go.send(()).unwrap();
        assert!(first.await.unwrap().outcome.is_ok());
    });
}

#[test]
fn without_a_runtime_a_login_is_refused_and_nothing_panics() {
    use std::task::{Context, Poll, Waker};
    let authenticator = of(accepted("jane@EX.ORG"), KerberosOptions::default());
    let token = sample(b"1");
    let mut asked = authenticator.negotiate(&token, None, NOW);
    let Poll::Ready(Negotiated { outcome, .. }) =
        asked.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    else {
        panic!("waits for nothing")
    };
    assert_eq!(outcome.unwrap_err().to_string(), "logins by ticket need a Tokio runtime");
}

#[test]
fn options_by_which_nobody_could_log_in_or_replays_be_told_are_refused() {
    let why = |options| {
        let acceptor = Arc::new(Says(accepted("jane@EX.ORG")));
        KerberosAuthenticator::new(rules(), acceptor, None, options).unwrap_err()
    };
    let options = KerberosOptions::default();
    assert_eq!(
        why(KerberosOptions { parallel: 0, ..options.clone() }),
        KerberosOptionsError::Zero("parallel")
    );
    assert_eq!(
        why(KerberosOptions { replay_seconds: 300, ..options }),
        KerberosOptionsError::ReplaySeconds { given: 300, least: 600 }
    );
}

#[test]
fn no_token_and_no_reply_is_shown_by_debug() {
    let shown = format!("{:?}", accepted("jane@EX.ORG"));
    assert_eq!(
        shown,
        "Accepted { principal: \"jane@EX.ORG\", lifetime: Some(600s), is_channel_bound: false, \
         reply: Some(\"[secret]\") }"
    );
}
