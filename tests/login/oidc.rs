//! Logging in at an issuer of another implementation, by browser and by device code.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Child;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::server::{LoginServer, now};
use super::{Home, Ran, ended, info, read_until, token};
use crate::support::oidc_provider::Provider;

/// Each test has its own: they tell it how to behave.
fn provider() -> Option<Provider> {
    // One at a time installs what it needs.
    static FIRST: OnceLock<bool> = OnceLock::new();
    FIRST.get_or_init(|| Provider::start().is_some()).then(Provider::start).flatten()
}

fn home(provider: &Provider) -> Home {
    let home = Home::new();
    home.write("issuer.crt", &provider.ca);
    home
}

/// Flags of a login whose ID token is the credential.
fn direct<'a>(provider: &'a Provider, more: &[&'a str]) -> Vec<&'a str> {
    let flags = "--client-id kubectl --issuer-ca-file issuer.crt --no-browser";
    let flags = ["--direct", "--issuer", &provider.issuer].into_iter().chain(flags.split(' '));
    flags.chain(more.iter().copied()).collect()
}

fn started(home: &Home, args: &[&str]) -> Child {
    home.command(Some(&info("v1", true)), args).spawn().unwrap()
}

/// The address of the login page, once the program shows it.
fn shown(child: &mut Child) -> String {
    let said = read_until(child, "\n");
    said.trim().split(' ').find(|word| word.starts_with("https://")).unwrap().to_owned()
}

/// Where the issuer sends a browser: it is asked with curl, which follows nothing.
fn redirected(home: &Home, url: &str) -> String {
    let mut command = std::process::Command::new("curl");
    command.args(["--silent", "--cacert", "issuer.crt", "--output", "/dev/null"]);
    command.args(["--write-out", "%{redirect_url}", url]).current_dir(home.folder.path());
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

/// A request of a browser; status and page.
fn visit(url: &str) -> (u16, String) {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

/// A whole login by browser, as somebody does it who says yes.
fn by_browser(home: &Home, args: &[&str]) -> Ran {
    let mut child = started(home, args);
    let url = shown(&mut child);
    let back = redirected(home, &url);
    assert_eq!(visit(&back).0, 200);
    ended(child)
}

fn credential(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

fn claims(credential: &Value) -> Value {
    use base64::Engine as _;

    let payload = token(credential).split('.').nth(1).unwrap();
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

fn field(url: &str, name: &str) -> String {
    let query = url.split_once('?').unwrap().1;
    let pairs: Vec<(String, String)> =
        form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    pairs.into_iter().find(|(key, _)| key == name).unwrap().1
}

#[test]
fn a_login_by_browser_with_pkce_gives_the_id_token() {
    let Some(provider) = provider() else { return };
    let home = home(&provider);
    let args = direct(&provider, &["--user", "jane@example.com", "--scope", "groups"]);
    let mut child = started(&home, &args);
    let url = shown(&mut child);
    assert!(url.starts_with(&format!("{}/authorize?", provider.issuer)), "{url}");
    assert_eq!(field(&url, "code_challenge_method"), "S256");
    assert_eq!(field(&url, "login_hint"), "jane@example.com");
    assert_eq!(field(&url, "scope"), "openid groups offline_access");
    let redirect = field(&url, "redirect_uri");
    assert!(redirect.starts_with("http://127.0.0.1:") && redirect.ends_with("/callback"));
    assert!(field(&url, "state").len() == 43 && field(&url, "nonce").len() == 43);
    // Whatever else comes to the socket changes nothing.
    assert_eq!(visit(&format!("{redirect}?code=stolen&state=guessed")).0, 400);
    assert_eq!(visit(&redirect.replace("callback", "other")).0, 404);
    let idle = TcpStream::connect(redirect.split('/').nth(2).unwrap()).unwrap();
    let back = redirected(&home, &url);
    let (status, page) = visit(&back);
    assert_eq!(status, 200);
    assert!(page.contains("You can close this page") && !page.contains(&field(&back, "code")));
    drop(idle);
    let ran = ended(child);
    let credential = credential(&ran);
    assert_eq!(claims(&credential)["sub"], "jane");
    assert!(!ran.err.contains(token(&credential)));
    // The verifier went to the issuer, and nothing secret was in the address.
    let asked = provider.requests();
    let redeemed = asked.iter().find(|it| it["path"] == "/token").unwrap();
    let verifier = redeemed["form"]["code_verifier"].as_str().unwrap();
    assert!(verifier.len() == 43 && !url.contains(verifier));
    // It is kept: a second run needs nobody.
    let again = home.credential(&args);
    assert_eq!(token(&again), token(&credential));
    assert!(provider.requests().is_empty());
}

#[test]
fn answers_that_are_not_to_be_believed_end_the_login() {
    let Some(provider) = provider() else { return };
    let home = home(&provider);
    let args = direct(&provider, &[]);
    for (set, because) in [
        (json!({"authorize_mode": "deny"}), "refuses: `access_denied`: jane said no"),
        (json!({"authorize_mode": "wrong_iss"}), "another issuer's"),
        (json!({"authorize_mode": "approve", "id_token": {"nonce": "x"}}), "its `nonce` is not"),
        (json!({"id_token": {"aud": "other"}}), "its `aud` is not the client `kubectl`"),
        (json!({"id_token": {"iss": "https://other.example"}}), "its `iss` is another issuer"),
        (json!({"id_token": {"exp": now() - 1}}), "it has ended"),
        (json!({"id_token": {"aud": ["kubectl", "x"]}}), "its `azp` is not the client"),
    ] {
        let mut set = set;
        set["do"] = "set".into();
        provider.tell(set);
        let ran = by_browser(&home, &args);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{because}");
        assert!(ran.err.contains(because), "{because}: {}", ran.err);
        assert!(home.sessions().is_empty());
    }
    provider.tell(json!({"do": "set", "id_token": {}, "authorize_mode": "with_iss"}));
    credential(&by_browser(&home, &args));
}

#[test]
fn an_answer_with_another_state_is_passed_over_and_the_wait_is_bounded() {
    let Some(provider) = provider() else { return };
    let home = home(&provider);
    provider.tell(json!({"do": "set", "authorize_mode": "wrong_state"}));
    let mut child = started(&home, &direct(&provider, &["--patience", "2s"]));
    let url = shown(&mut child);
    assert_eq!(visit(&redirected(&home, &url)).0, 400);
    let ran = ended(child);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("nobody logged in within 2 s"), "{}", ran.err);
}

#[test]
fn a_token_of_a_stranger_is_not_believed() {
    let Some(provider) = provider() else { return };
    let home = home(&provider);
    let forged = provider.mint(json!({"alg": "ES256", "stranger": true}));
    provider.behave("/token", json!({"json": {"id_token": forged, "token_type": "Bearer"}}));
    let ran = by_browser(&home, &direct(&provider, &[]));
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("is not to be believed"), "{}", ran.err);
    let unsigned = provider.mint(json!({"alg": "none"}));
    provider.behave("/token", json!({"json": {"id_token": unsigned, "token_type": "Bearer"}}));
    let ran = by_browser(&home, &direct(&provider, &[]));
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
}

#[test]
fn a_device_code_is_typed_elsewhere() {
    let Some(provider) = provider() else { return };
    let home = home(&provider);
    provider.tell(json!({"do": "set", "device_mode": "by_hand"}));
    let args = direct(&provider, &["--device"]);
    let mut child = started(&home, &args);
    let said = read_until(&mut child, "\n");
    let code = said.trim().rsplit(' ').next().unwrap();
    assert!(said.contains(&format!("open {}/device and type", provider.issuer)), "{said}");
    let mut command = std::process::Command::new("curl");
    let page = format!("{}/device?user_code={code}", provider.issuer);
    command.args(["--silent", "--cacert", "issuer.crt", &page]).current_dir(home.folder.path());
    assert_eq!(command.output().unwrap().stdout, b"approved");
    let credential = credential(&ended(child));
    assert_eq!(claims(&credential)["sub"], "jane");
    for (mode, because) in [("deny", "access_denied"), ("expire", "expired_token")] {
        provider.tell(json!({"do": "set", "device_mode": mode}));
        let mut fresh = args.clone();
        fresh.push("--fresh");
        let ran = ended(started(&home, &fresh));
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        assert!(ran.err.contains(because), "{}", ran.err);
    }
    provider.tell(json!({"do": "set", "device_mode": "pending"}));
    let ran =
        ended(started(&home, &direct(&provider, &["--device", "--fresh", "--patience", "2s"])));
    assert!(ran.err.contains("nobody logged in within 2 s"), "{}", ran.err);
}

#[test]
fn a_refresh_token_renews_the_login_and_is_used_once() {
    let Some(provider) = provider() else { return };
    let home = home(&provider);
    let args = direct(&provider, &[]);
    let first = credential(&by_browser(&home, &args));
    let used = home.session()["refreshToken"].as_str().unwrap().to_owned();
    let ended = || home.change(|session| session["current"]["expires"] = (now() - 1).into());
    ended();
    provider.requests();
    // Nobody is there, and nobody is needed.
    let second = home.credential(&args);
    assert_ne!(token(&first), token(&second));
    let asked = provider.requests();
    let renewed = asked.iter().find(|it| it["path"] == "/token").unwrap();
    assert_eq!(renewed["form"]["grant_type"], "refresh_token");
    assert_eq!(renewed["form"]["refresh_token"], used.as_str());
    assert_ne!(home.session()["refreshToken"], used.as_str());
    // Another person's token is not taken for ours.
    ended();
    provider.tell(json!({"do": "set", "id_token": {"sub": "joe"}}));
    home.refused(&args, "another person's");
    provider.tell(json!({"do": "set", "id_token": {}}));
    // One that the issuer no longer takes leads to a login by a person.
    home.change(|session| session["refreshToken"] = "gone".into());
    home.refused(&args, "needs a person");
    assert_eq!(home.session()["refreshToken"], Value::Null);
    credential(&by_browser(&home, &args));
}

#[test]
fn an_id_token_is_exchanged_at_the_login_server_which_names_the_issuer() {
    let Some(provider) = provider() else { return };
    let home = home(&provider);
    let server = LoginServer::start();
    home.write("ca.crt", &server.ca);
    let flags = "--ca-file ca.crt --method oidc --issuer-ca-file issuer.crt --no-browser";
    let args: Vec<&str> = ["--server", &server.url].into_iter().chain(flags.split(' ')).collect();
    let interactive = || ended(started(&home, &args));
    let ran = interactive();
    assert!(ran.err.contains("takes tokens of none"), "{}", ran.err);
    let ours = json!({"issuer": provider.issuer, "clientID": "kubectl"});
    let other = json!({"issuer": "https://other.example", "clientID": "x"});
    server.behave(|manners| manners.oidc = json!([ours, other]));
    let ran = interactive();
    assert!(ran.err.contains("`https://other.example` for the client `x`"), "{}", ran.err);
    server.behave(|manners| manners.oidc = json!([ours]));
    server.seen();
    let first = credential(&by_browser(&home, &args));
    assert_eq!(token(&first), "token-0-of-oidc:jane");
    let seen = server.seen();
    assert_eq!(seen.iter().map(|it| it.path.as_str()).collect::<Vec<_>>(), ["/login", "/login"]);
    assert!(seen[1].authorization.starts_with("Bearer ey"));
    // When it has ended the refresh token makes the next, at the issuer that gave it, whatever the
    // server names today.
    server.behave(|manners| manners.oidc = json!([other]));
    home.change(|session| session["current"]["expires"] = (now() - 1).into());
    assert_eq!(token(&home.credential(&args)), "token-1-of-oidc:jane");
    assert_eq!(server.asked(), ["POST /login"]);
    // An outage of the server does not cost the refresh token.
    home.change(|session| session["current"]["expires"] = (now() - 1).into());
    server.behave(|manners| manners.instead = Some((503, String::new(), String::new())));
    home.refused(&args, "cannot check logins");
    server.behave(|manners| manners.instead = None);
    assert_eq!(token(&home.credential(&args)), "token-2-of-oidc:jane");
}

#[test]
fn an_issuer_that_is_not_what_it_says_is_not_asked_for_a_login() {
    let Some(provider) = provider() else { return };
    let home = home(&provider);
    let args = direct(&provider, &[]);
    let at = "/.well-known/openid-configuration";
    for (document, because) in [
        (json!({"json": {"issuer": "https://other.example"}}), "is of `https://other.example`"),
        (json!({"json": []}), "no discovery document"),
        (json!({"status": 500}), "HTTP status 500"),
        (json!({"json": {"issuer": provider.issuer}}), "has no `authorization_endpoint`"),
        (
            json!({"json": {"issuer": provider.issuer, "authorization_endpoint": "http://a/"}}),
            "must be https",
        ),
    ] {
        provider.behave(at, document);
        let ran = ended(started(&home, &args));
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{because}");
        assert!(ran.err.contains(because), "{because}: {}", ran.err);
    }
    provider.behave(at, json!({}));
    // Nor is anybody asked where nobody is.
    provider.requests();
    home.refused(&args, "needs a person");
    assert!(provider.requests().iter().all(|it| it["path"] != "/token"));
}

#[test]
fn a_client_with_a_secret_proves_itself() {
    let Some(provider) = provider() else { return };
    let home = home(&provider);
    provider.tell(json!({"do": "client", "id": "kube:ctl", "secret": "s3:cret ü"}));
    home.write("secret", "s3:cret ü\n");
    let flags = "--client-id kube:ctl --issuer-ca-file issuer.crt --no-browser";
    let args: Vec<&str> =
        ["--direct", "--issuer", &provider.issuer].into_iter().chain(flags.split(' ')).collect();
    let ran = by_browser(&home, &args);
    assert!(ran.err.contains("invalid_client"), "{}", ran.err);
    let with: Vec<&str> = args.iter().copied().chain(["--client-secret-file", "secret"]).collect();
    let ran = by_browser(&home, &with);
    assert!(!ran.err.contains("s3:cret"));
    assert_eq!(claims(&credential(&ran))["aud"], "kube:ctl");
}
