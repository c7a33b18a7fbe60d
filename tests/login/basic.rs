//! Names and passwords, certificates, and what the server answers to them.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use portcullis::crypto::certificate::{Certificate, chain_from_pem};
use portcullis::crypto::private_key::PrivateKey;
use serde_json::{Value, json};

use super::server::{LoginServer, status};
use super::{Home, ended, finished, info, jane, token};

#[test]
fn a_password_is_exchanged_for_a_token_and_nothing_else_is_on_standard_output() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    for version in ["v1", "v1beta1"] {
        let mut args = jane(&server);
        args.push("--fresh");
        let ran = finished(home.command(Some(&info(version, false)), &args).output().unwrap());
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert_eq!(ran.out.lines().count(), 1);
        let credential: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(
            credential["apiVersion"],
            format!("client.authentication.k8s.io/{version}").as_str()
        );
        assert_eq!(credential["kind"], "ExecCredential");
        assert!(token(&credential).ends_with("-of-jane"));
        assert!(credential["status"]["expirationTimestamp"].as_str().unwrap().ends_with('Z'));
        assert!(!ran.err.contains("token-"), "{}", ran.err);
    }
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!((seen[0].method.as_str(), seen[0].path.as_str()), ("POST", "/login"));
    assert_eq!(seen[0].authorization, "Basic amFuZTpodW50ZXIy");
    assert_eq!(seen[0].body["spec"], json!({"credential": "Token"}));
}

#[test]
fn what_is_wished_for_reaches_the_server() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    let mut args = jane(&server);
    args.extend(["--audience", "a", "--audience", "b", "--lifetime", "2h"]);
    home.done(&args);
    let spec = server.seen()[0].body["spec"].clone();
    let wished = json!({"credential": "Token", "audiences": ["a", "b"], "expirationSeconds": 7200});
    assert_eq!(spec, wished);
}

#[test]
fn a_certificate_is_of_a_key_that_never_left_the_client() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    server.behave(|manners| manners.refreshable = 7200);
    let mut args = jane(&server);
    args.extend(["--credential", "certificate"]);
    let credential = home.credential(&args);
    let status = &credential["status"];
    assert_eq!(status.get("token"), None);
    let certificate = status["clientCertificateData"].as_str().unwrap();
    let key = status["clientKeyData"].as_str().unwrap();
    let private = PrivateKey::from_pem(key.as_bytes(), None).unwrap();
    let chain = chain_from_pem(certificate.as_bytes()).unwrap();
    let read = Certificate::from_der(&chain[0]).unwrap();
    assert!(read.has_key(private.public_key_info()));
    assert_eq!(read.common_name(), Some("jane"));
    for seen in server.seen() {
        assert!(!format!("{seen:?}").contains("PRIVATE KEY"));
    }
    // In the last quarter it is renewed with itself, and with another key.
    home.change(|session| session["current"]["obtained"] = 0.into());
    home.change(|session| {
        let soon = super::server::now() + 120;
        session["current"]["expires"] = soon.into();
    });
    let renewed = home.credential(&args);
    let seen = server.seen();
    assert_eq!((seen.len(), seen[0].path.as_str()), (1, "/login/refresh"));
    assert_eq!((seen[0].certificate.as_str(), seen[0].authorization.as_str()), ("jane", ""));
    assert_ne!(renewed["status"]["clientKeyData"], status["clientKeyData"]);
}

#[test]
fn a_certificate_is_a_proof_too_and_one_that_does_not_fit_its_key_is_not() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    let (certificate, key) = server.certificate("joe");
    home.write("joe.crt", &certificate);
    home.write("joe.key", &key);
    home.write("other.key", &server.certificate("x").1);
    let args = |key: &'static str| {
        let flags = "--ca-file ca.crt --method certificate --client-certificate joe.crt";
        let flags = ["--server", &server.url].into_iter().chain(flags.split(' '));
        flags.chain(["--client-key", key]).collect::<Vec<_>>()
    };
    home.refused(&args("other.key"), "do not match");
    home.refused(&args("joe.crt"), "`joe.crt`: it must be a private key in PEM");
    home.refused(&args("absent.key"), "absent.key");
    assert!(server.seen().is_empty());
    assert!(token(&home.credential(&args("joe.key"))).ends_with("-of-joe"));
    let seen = server.seen();
    assert_eq!((seen[0].certificate.as_str(), seen[0].authorization.as_str()), ("joe", ""));
}

#[test]
fn every_refusal_of_the_server_has_its_message_and_is_unusable() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    let args = jane(&server);
    for (code, headers, body, because) in [
        (401, "", status(401, "x"), "refuses this login"),
        (403, "", status(403, "the request is for a CA"), "the request is for a CA"),
        (429, "Retry-After: 17\r\n", status(429, "x"), "try again in 17 s"),
        (429, "", status(429, "x"), "try again in 30 s"),
        (503, "", status(503, "x"), "cannot check logins at the moment"),
        (400, "", status(400, "no such field"), "status 400: no such field"),
        (500, "", "boom".to_owned(), "status 500"),
        (307, "Location: https://evil.example/login\r\n", String::new(), "redirect (307)"),
        (200, "", "{}".to_owned(), "no LoginRequest"),
        (200, "", r#"{"apiVersion":"v2","kind":"LoginRequest"}"#.to_owned(), "another version"),
        (200, "", "x".repeat(2 << 20), "larger than"),
    ] {
        server.behave(|manners| manners.instead = Some((code, headers.to_owned(), body)));
        home.refused(&args, because);
        assert_eq!(server.asked(), ["POST /login"], "{because}");
    }
    assert!(home.sessions().is_empty());
}

#[test]
fn an_answer_that_is_not_what_was_asked_for_is_not_used() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    let args = jane(&server);
    let answer = |status: Value| {
        let body = json!({
            "apiVersion": "login.portcullis.dev/v1alpha1", "kind": "LoginRequest", "status": status,
        });
        server.behave(|manners| manners.instead = Some((200, String::new(), body.to_string())));
    };
    let later = "2100-01-01T00:00:00Z";
    answer(json!({"token": "t", "expirationTimestamp": "2020-01-01T00:00:00Z"}));
    home.refused(&args, "has ended already");
    answer(json!({"token": "a b", "expirationTimestamp": later}));
    home.refused(&args, "other characters");
    answer(json!({"token": "t", "certificate": "AAAA", "expirationTimestamp": later}));
    home.refused(&args, "something else");
    answer(json!({"token": "t", "expirationTimestamp": "soon"}));
    home.refused(&args, "no time");
    assert!(home.sessions().is_empty());
    answer(json!({"token": "t", "expirationTimestamp": later}));
    assert_eq!(token(&home.credential(&args)), "t");
}

#[test]
fn nothing_is_sent_without_tls_or_to_a_stranger() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    let plain = server.url.replace("https", "http").replace("localhost", "127.0.0.1");
    let with_url = |url| {
        let flags = "--ca-file ca.crt --method basic --user jane --password-file password";
        ["--server", url].into_iter().chain(flags.split(' ')).collect::<Vec<_>>()
    };
    home.refused(&with_url(&plain), "must be https");
    home.refused(&with_url("http://login.example"), "must be https");
    home.refused(&with_url("https://jane@login.example"), "must be a URL");
    home.write("other.crt", &LoginServer::start().ca);
    let stranger: Vec<&str> =
        jane(&server).into_iter().map(|it| if it == "ca.crt" { "other.crt" } else { it }).collect();
    home.refused(&stranger, "certificate");
    assert!(server.seen().is_empty());
}

#[test]
fn without_a_person_and_a_password_it_fails_at_once() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    let flags = "--ca-file ca.crt --method basic";
    let args: Vec<&str> = ["--server", &server.url].into_iter().chain(flags.split(' ')).collect();
    let began = Instant::now();
    home.refused(&args, "a user name is needed (--user)");
    let named: Vec<&str> = args.iter().copied().chain(["--user", "jane"]).collect();
    // Standard input is open and silent: it is not the plugin's to read.
    let mut command = home.command(Some(&info("v1", false)), &named);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let _kept_open = child.stdin.take();
    let ran = ended(child);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("a password is needed (--password-file)"), "{}", ran.err);
    assert!(began.elapsed().as_secs() < 20);
    assert!(server.seen().is_empty());
}

#[test]
fn a_script_pipes_a_password_in() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    let flags = "--ca-file ca.crt --method basic --user jane";
    let args: Vec<&str> = ["--server", &server.url].into_iter().chain(flags.split(' ')).collect();
    let with_input = |input: &str| {
        let mut child = home.command(None, &args).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        ended(child)
    };
    let ran = with_input("");
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    let ran = with_input("hunter2\nmore\n");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let credential: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(credential["apiVersion"], "client.authentication.k8s.io/v1");
}

/// Answers two questions at a terminal of its own, and prints what that showed.
const AT_A_TERMINAL: &str = "
import os, pty, sys, termios, time
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
shown, answers = b'', [(b'User name: ', b'jane\\n'), (b'Password of jane: ', b'hunter2\\n')]
while True:
    try:
        some = os.read(terminal, 4096)
    except OSError:
        break
    if not some:
        break
    shown += some
    while answers and answers[0][0] in shown:
        # A person sees the question before they type: the echo is off by then.
        while b'Password' in answers[0][0] and termios.tcgetattr(terminal)[3] & termios.ECHO:
            time.sleep(0.01)
        os.write(terminal, answers.pop(0)[1])
sys.stdout.write(shown.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";

#[test]
fn a_person_is_asked_at_the_terminal_without_an_echo_and_sees_no_token() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    let flags = "--ca-file ca.crt --method basic";
    let mut command = Command::new("python3");
    command.args(["-c", AT_A_TERMINAL, env!("CARGO_BIN_EXE_portcullis"), "login", "--server"]);
    command.arg(&server.url).args(flags.split(' ')).current_dir(home.folder.path());
    command.env_remove("KUBERNETES_EXEC_INFO").env("HOME", home.folder.path());
    command.env("XDG_CACHE_HOME", home.path("cache")).stdin(Stdio::null());
    let Ok(output) = command.output() else {
        eprintln!("skipped: there is no python3");
        return;
    };
    let ran = finished(output);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    assert!(ran.out.contains("logged in as `jane` until "), "{}", ran.out);
    assert!(!ran.out.contains("hunter2") && !ran.out.contains("token-"), "{}", ran.out);
    assert_eq!(server.seen()[0].authorization, "Basic amFuZTpodW50ZXIy");
}

#[test]
fn what_kubectl_says_in_another_version_is_unusable() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    for (info, because) in [
        (info("v1alpha1", false), "asks in version"),
        ("{}".to_owned(), "must hold an ExecCredential"),
    ] {
        let ran = finished(home.command(Some(&info), &jane(&server)).output().unwrap());
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        assert!(ran.err.contains(because), "{}", ran.err);
    }
    assert!(server.seen().is_empty());
}

#[cfg(not(feature = "kerberos"))]
#[test]
fn a_build_without_kerberos_says_so() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    let args = ["--server", &server.url, "--ca-file", "ca.crt", "--method", "negotiate"];
    home.refused(&args, "build it with the feature `kerberos`");
}
