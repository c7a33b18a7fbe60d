use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::authn::{Authenticated, Finding};
use crate::model::User;

fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a look-up in memory waits for something"),
    }
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("expired")]
struct Expired;

/// Knows `good`, and why `old` is not.
struct Tokens;

impl TokenLookup for Tokens {
    fn look_up<'a>(&'a self, attempt: Attempt<'a>) -> Finding<'a> {
        let found = match attempt.token {
            "good" => Ok(Some(Arc::new(Proof {
                authenticated: Authenticated {
                    user: User::new("jane"),
                    audiences: attempt.audiences.to_vec(),
                    expires: None,
                },
                authenticator: "tokens".into(),
            }))),
            "old" => Err(AuthnError::new(Expired)),
            _ => Ok(None),
        };
        Box::pin(std::future::ready(found))
    }
}

/// `good`, `old` and `bad` in base64url without padding.
const GOOD: &str = "base64url.bearer.authorization.k8s.io.Z29vZA";
const OLD: &str = "base64url.bearer.authorization.k8s.io.b2xk";
const BAD: &str = "base64url.bearer.authorization.k8s.io.YmFk";

fn who(request: Presented<'_>) -> Result<String, String> {
    let tokens = RequestAuthenticator::new(Arc::new(Tokens));
    let asked = tokens.with_anonymous(Anonymous::everywhere());
    let found = now(asked.authenticate(request)).map_err(|error| error.to_string())?;
    Ok(found.map_or_else(String::new, |proof| proof.authenticated.user.name.clone()))
}

fn by_header(value: &str) -> Result<String, String> {
    who(Presented { authorization: Some(value), ..Presented::default() })
}

fn by_websocket(protocols: &[&str]) -> Result<String, String> {
    who(Presented { websocket_protocols: protocols, ..Presented::default() })
}

#[test]
fn the_header_is_read_as_the_api_server_reads_it() {
    for (value, token) in [
        ("Bearer good", Some("good")),
        ("bEARER good", Some("good")),
        ("  Bearer good\t", Some("good")),
        ("Bearer good extra", Some("good")),
        ("Bearer good extra words", Some("good")),
        ("Bearer\tgood", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("Bearergood", None),
        ("Basic good", None),
        ("good", None),
        ("", None),
    ] {
        assert_eq!(Header::parse(value), Header { token, warning: None }, "{value:?}");
    }
    let warned = Header { token: None, warning: Some(EXTRA_SPACE) };
    assert_eq!(Header::parse("Bearer  good"), warned);
    assert_eq!(Header::parse("Basic  good").warning, None);
}

#[test]
fn an_accepted_token_is_its_user_and_an_unknown_one_is_not_anonymous() {
    assert_eq!(by_header("Bearer good").unwrap(), "jane");
    assert_eq!(by_header("Bearer bad").unwrap_err(), "invalid bearer token");
    assert_eq!(by_header("Bearer old").unwrap_err(), "expired");
    // No bearer token at all is another matter.
    for value in ["", "Basic amFuZTpw", "Bearer  good"] {
        assert_eq!(by_header(value).unwrap(), "system:anonymous", "{value:?}");
    }
    assert_eq!(who(Presented::default()).unwrap(), "system:anonymous");
}

#[test]
fn without_anonymous_a_request_without_credentials_is_nobody() {
    let tokens = RequestAuthenticator::new(Arc::new(Tokens));
    assert_eq!(now(tokens.authenticate(Presented::default())).unwrap(), None);
}

#[test]
fn the_websocket_token_is_taken_beside_another_protocol() {
    assert_eq!(by_websocket(&[GOOD, "v4.channel.k8s.io"]).unwrap(), "jane");
    let joined = format!("v4.channel.k8s.io , {GOOD}");
    assert_eq!(by_websocket(&[&joined]).unwrap(), "jane");
    let parsed = Websocket::parse(&["a", GOOD, "b"]).unwrap().unwrap();
    assert_eq!((parsed.token(), parsed.other_protocols().as_str()), ("good", "a,b"));
    assert_eq!(format!("{parsed:?}"), r#"Websocket { token: [secret], others: ["a", "b"] }"#);
}

#[test]
fn a_websocket_token_that_cannot_be_read_is_an_error_and_never_anonymous() {
    let prefix = "base64url.bearer.authorization.k8s.io.";
    for (protocols, text) in [
        (&[GOOD][..], "missing additional subprotocol"),
        (&[GOOD, GOOD, "v4"], "multiple base64.bearer.authorization tokens specified"),
        (&[BAD, "v4"], "invalid bearer token"),
        (&[OLD, "v4"], "expired"),
        (
            &[&format!("{prefix}Z29vZA=="), "v4"],
            "invalid base64.bearer.authorization token encoding",
        ),
        (&[&format!("{prefix}a+/b"), "v4"], "invalid base64.bearer.authorization token encoding"),
        (&[&format!("{prefix}_w"), "v4"], "invalid base64.bearer.authorization token"),
        (&[prefix], "missing additional subprotocol"),
    ] {
        assert_eq!(by_websocket(protocols).unwrap_err(), text, "{protocols:?}");
    }
    // An empty payload is no opinion, and so is another protocol.
    assert_eq!(by_websocket(&[prefix, "v4"]).unwrap(), "system:anonymous");
    assert_eq!(by_websocket(&["v4"]).unwrap(), "system:anonymous");
}

#[test]
fn one_good_way_outweighs_a_bad_one_and_two_bad_ones_are_told() {
    let both = |authorization, websocket| {
        who(Presented {
            authorization: Some(authorization),
            websocket_protocols: &[websocket, "v4"],
            ..Presented::default()
        })
    };
    assert_eq!(both("Bearer bad", GOOD).unwrap(), "jane");
    assert_eq!(both("Bearer good", BAD).unwrap(), "jane");
    assert_eq!(both("Bearer bad", OLD).unwrap_err(), "[invalid bearer token, expired]");
    assert_eq!(both("Bearer bad", BAD).unwrap_err(), "invalid bearer token");
}

#[test]
fn anonymous_reports_its_groups_and_the_audiences_asked_for() {
    let audiences = ["api".to_owned()];
    let anonymous = Anonymous::everywhere().user("/x", &audiences).unwrap();
    assert_eq!(anonymous.user.groups, ["system:unauthenticated"]);
    assert_eq!((anonymous.user.uid.as_str(), anonymous.user.extra.len()), ("", 0));
    assert_eq!(anonymous.audiences, audiences);
}

#[test]
fn anonymous_on_some_paths_is_nobody_on_others() {
    let probes = Anonymous::on_paths(["/healthz"]);
    assert!(probes.user("/healthz", &[]).is_some());
    for path in ["/healthz/", "/healthz?x", "/HEALTHZ", "/", "", "healthz", "/healthz/etcd"] {
        assert!(probes.user(path, &[]).is_none(), "{path}");
    }
    assert_eq!(Anonymous::on_paths(Vec::<String>::new()), Anonymous::everywhere());
}

#[test]
fn debug_shows_no_token() {
    let request = Presented {
        authorization: Some("Bearer good"),
        websocket_protocols: &[GOOD],
        path: "/",
        ..Presented::default()
    };
    assert_eq!(
        format!("{request:?}"),
        r#"Presented { authorization: Some("[secret]"), websocket_protocols: 1, path: "/", audiences: [], now: 0 }"#
    );
    assert_eq!(
        format!("{:?}", Header::parse("Bearer good")),
        r#"Header { token: Some("[secret]"), warning: None }"#
    );
}
