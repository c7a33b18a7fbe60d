use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::authn::{Finding, Outcome};
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
        headers: &[("authorization", b"Bearer good")],
        authorization: Some("Bearer good"),
        websocket_protocols: &[GOOD],
        path: "/",
        ..Presented::default()
    };
    assert_eq!(
        format!("{request:?}"),
        r#"Presented { certificates: 0, headers: 1, authorization: Some("[secret]"), websocket_protocols: 1, path: "/", audiences: [], now: 0 }"#
    );
    assert_eq!(
        format!("{:?}", Header::parse("Bearer good")),
        r#"Header { token: Some("[secret]"), warning: None }"#
    );
}

// ---- certificates --------------------------------------------------------------------------------

/// Knows the leaf with its own name, and is at odds with one that is called `old`.
struct Knows(&'static str);

impl CertificateAuthenticator for Knows {
    fn name(&self) -> &str {
        self.0
    }

    fn authenticate(&self, request: &CertifiedRequest<'_>) -> Outcome {
        match request.certificates.leaf {
            b"old" => Err(AuthnError::new(Several(format!("{}: expired", self.0)))),
            b"both" => Ok(Some(())),
            leaf => Ok((leaf == self.0.as_bytes()).then_some(())),
        }
        .map(|found| {
            found.map(|()| Authenticated {
                user: User::new(format!("{} user", self.0)).with_groups(["dev"]),
                audiences: Vec::new(),
                expires: None,
            })
        })
    }

    fn reads_header(&self, name: &str) -> bool {
        name == "x-custom"
    }
}

fn certified() -> RequestAuthenticator {
    RequestAuthenticator::new(Arc::new(Tokens))
        .with_request_header(Arc::new(Knows("request-header")))
        .with_x509(Arc::new(Knows("x509")))
        .with_anonymous(Anonymous::everywhere())
}

fn by_certificate(leaf: &[u8], authorization: Option<&str>) -> Result<String, String> {
    let request = Presented { certificates: &[leaf], authorization, ..Presented::default() };
    let found = now(certified().authenticate(request)).map_err(|error| error.to_string())?;
    let proof = found.expect("anonymous at least");
    let authenticated = &proof.authenticated;
    Ok(format!("{} {:?}", authenticated.user.name, authenticated.user.groups))
}

#[test]
fn proxies_go_before_certificates_and_these_before_tokens() {
    let proxied = r#"request-header user ["dev", "system:authenticated"]"#;
    let own = r#"x509 user ["dev", "system:authenticated"]"#;
    assert_eq!(by_certificate(b"both", Some("Bearer good")).unwrap(), proxied);
    assert_eq!(by_certificate(b"request-header", None).unwrap(), proxied);
    assert_eq!(by_certificate(b"x509", Some("Bearer good")).unwrap(), own);
    assert_eq!(by_certificate(b"x509", Some("Bearer bad")).unwrap(), own);
    assert_eq!(by_certificate(b"other", Some("Bearer good")).unwrap(), "jane []");
}

#[test]
fn a_bad_certificate_beside_a_good_token_does_no_harm_and_alone_is_never_anonymous() {
    assert_eq!(by_certificate(b"old", Some("Bearer good")).unwrap(), "jane []");
    let both = "[request-header: expired, x509: expired]";
    assert_eq!(by_certificate(b"old", None).unwrap_err(), both);
    let three = "[request-header: expired, x509: expired, invalid bearer token]";
    assert_eq!(by_certificate(b"old", Some("Bearer bad")).unwrap_err(), three);
    // One that nobody has an opinion about is another matter.
    let anonymous = r#"system:anonymous ["system:unauthenticated"]"#;
    assert_eq!(by_certificate(b"other", None).unwrap(), anonymous);
    // Who has none is not asked about any.
    let nobody = Presented { headers: &[("x-remote-user", b"jane")], ..Presented::default() };
    let found = now(certified().authenticate(nobody)).unwrap().unwrap();
    assert_eq!(&*found.authenticator, Anonymous::NAME);
}

#[test]
fn without_the_authenticators_a_certificate_is_no_credential() {
    let tokens = RequestAuthenticator::new(Arc::new(Tokens));
    let request = Presented { certificates: &[b"x509"], ..Presented::default() };
    assert_eq!(now(tokens.authenticate(request)).unwrap(), None);
}

#[test]
fn what_a_proxy_says_is_good_for_the_audiences_of_the_api_server_and_for_no_others() {
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let ask = |own: &[&str], leaf: &[u8], asked: &[&str]| {
        let audiences = texts(asked);
        let who = certified().with_api_audiences(own.iter().copied());
        let request =
            Presented { certificates: &[leaf], audiences: &audiences, ..Presented::default() };
        let proof = now(who.authenticate(request)).unwrap().unwrap();
        (proof.authenticator.to_string(), proof.authenticated.audiences.clone())
    };
    let proxied = |audiences| ("request-header".to_owned(), texts(audiences));
    assert_eq!(ask(&["api"], b"both", &[]), proxied(&["api"]));
    assert_eq!(ask(&["api", "b"], b"both", &["x", "api"]), proxied(&["api"]));
    assert_eq!(ask(&[], b"both", &[]), proxied(&[]));
    // The certificate itself knows no audiences, and counts for all.
    let own = ("x509".to_owned(), Vec::new());
    assert_eq!(ask(&["api"], b"both", &["vault"]), own);
    assert_eq!(ask(&[], b"both", &["vault"]), own);
    let anonymous = (Anonymous::NAME.to_owned(), texts(&["vault"]));
    assert_eq!(ask(&["api"], b"request-header", &["vault"]), anonymous);
}

#[test]
fn credentials_are_removed_from_requests_and_other_headers_stay() {
    let who = certified();
    for name in [
        "Authorization",
        "x-remote-user",
        "X-Remote-Uid",
        "X-REMOTE-GROUP",
        "x-remote-extra-",
        "X-Remote-Extra-scopes",
        "x-custom",
    ] {
        assert!(who.removes_header(name), "{name}");
    }
    for name in ["x-remote", "x-remote-users", "x-remote-extra", "accept", "", "x-remote-éxtra-"] {
        assert!(!who.removes_header(name), "{name}");
    }
    assert!(!RequestAuthenticator::new(Arc::new(Tokens)).removes_header("x-custom"));
}
