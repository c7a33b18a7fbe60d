//! kubectl itself, with the entry that `kubeconfig --login` writes.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::Home;
use super::server::LoginServer;

/// Writes a kubeconfig for this server, which is the API server, too.
#[track_caller]
fn kubeconfig(home: &Home, server: &LoginServer, file: &str, more: &[&str], flags: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(["kubeconfig", "--user", "jane", "--server", &server.url, "--ca-file", "ca.crt"]);
    command.args(["--out", file, "--login", "--login-command", env!("CARGO_BIN_EXE_portcullis")]);
    command.args(more).args(["--", "--server", &server.url]).args(flags.split(' '));
    let output = command.current_dir(home.folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// From another folder than that of the kubeconfig. `None` without kubectl.
fn kubectl(home: &Home, file: &str, args: &[&str]) -> Option<Output> {
    let mut command = Command::new("kubectl");
    command
        .args(["--kubeconfig".as_ref(), home.path(file).as_os_str()])
        .args(args)
        .current_dir("/")
        .env("HOME", home.folder.path())
        .env("XDG_CACHE_HOME", home.path("cache"))
        .env_remove("KUBERNETES_EXEC_INFO")
        .stdin(Stdio::null());
    match command.output() {
        Ok(output) => Some(output),
        Err(_) => {
            eprintln!("skipped: there is no kubectl");
            None
        }
    }
}

#[track_caller]
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const JANE: &str = "--ca-file ca.crt --method basic --user jane --password-file password";

#[test]
fn kubectl_logs_in_with_a_token_in_both_versions_and_keeps_it() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    for api in ["v1", "v1beta1"] {
        kubeconfig(&home, &server, api, &["--login-api", api], JANE);
    }
    for api in ["v1", "v1beta1", "v1"] {
        let Some(output) = kubectl(&home, api, &["get", "--raw", "/whoami"]) else { return };
        assert_eq!(said(&output), r#"{"username":"jane"}"#);
    }
    let seen = server.seen();
    let logins = seen.iter().filter(|seen| seen.path == "/login").count();
    let asked: Vec<_> = seen.iter().filter(|seen| seen.path == "/whoami").collect();
    assert_eq!((logins, asked.len()), (1, 3));
    assert!(asked.iter().all(|seen| seen.authorization.starts_with("Bearer token-0-of-jane")));
}

#[test]
fn kubectl_logs_in_with_a_certificate() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    kubeconfig(&home, &server, "c", &[], &format!("{JANE} --credential certificate"));
    for _ in 0..2 {
        let Some(output) = kubectl(&home, "c", &["get", "--raw", "/whoami"]) else { return };
        assert_eq!(said(&output), r#"{"username":"jane"}"#);
    }
    let seen = server.seen();
    let asked: Vec<_> = seen.iter().filter(|seen| seen.path == "/whoami").collect();
    let logins = seen.iter().filter(|seen| seen.path == "/login").count();
    assert_eq!((logins, asked.len()), (1, 2));
    assert!(asked.iter().all(|seen| seen.certificate == "jane" && seen.authorization.is_empty()));
}

#[test]
fn kubectl_fails_at_once_where_somebody_would_have_to_be_asked() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    kubeconfig(&home, &server, "k", &[], "--ca-file ca.crt --method basic --user jane");
    let Some(output) = kubectl(&home, "k", &["get", "--raw", "/whoami"]) else { return };
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("a password is needed (--password-file)"), "{said}");
    assert!(server.seen().is_empty());
}

#[test]
fn kubectl_reads_the_entry_as_it_was_meant() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    kubeconfig(&home, &server, "k", &[], JANE);
    let view = ["config", "view", "--raw", "-o", "json"];
    let Some(output) = kubectl(&home, "k", &view) else { return };
    let config: Value = serde_json::from_str(&said(&output)).unwrap();
    let exec = &config["users"][0]["user"]["exec"];
    assert_eq!(exec["apiVersion"], "client.authentication.k8s.io/v1");
    assert_eq!(exec["interactiveMode"], "IfAvailable");
    assert_eq!((&exec["env"], &exec["provideClusterInfo"]), (&Value::Null, &Value::Bool(false)));
    assert!(exec["installHint"].as_str().unwrap().contains("cargo install portcullis"));
    let args: Vec<&str> =
        exec["args"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    let absolute = |flag: &str, name: &str| {
        let folder = home.folder.path().canonicalize().unwrap();
        let path = args.iter().find_map(|it| it.strip_prefix(flag)).unwrap();
        assert_eq!(Path::new(path).canonicalize().unwrap(), folder.join(name));
        assert!(Path::new(path).is_absolute());
    };
    absolute("--ca-file=", "ca.crt");
    absolute("--password-file=", "password");
    assert!(args.contains(&"--user=jane") && args[0] == "login");
}

#[test]
fn an_entry_goes_into_a_kubeconfig_that_is_there_and_wrong_flags_into_none() {
    let home = Home::new();
    home.write("ca.crt", &LoginServer::start().ca);
    let old = "apiVersion: v1\nkind: Config\n# mine\nclusters:\n- name: kind\n  cluster:\n    \
               server: https://k:6443\n";
    home.write("config", old);
    let run = |flags: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(["kubeconfig", "--user", "jane", "--cluster", "kind", "--merge", "config"]);
        command.args(["--login", "--"]).args(flags.split(' '));
        command.current_dir(home.folder.path()).output().unwrap()
    };
    for (flags, because) in [
        ("--server https://l --method smoke", "behind `--`: invalid value 'smoke'"),
        ("--server https://l", "--method basic"),
        ("--method basic", "--server URL"),
        ("--server https://l --method basic --password hunter2", "unexpected argument"),
    ] {
        let output = run(flags);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(because), "{said}");
        assert_eq!(std::fs::read_to_string(home.path("config")).unwrap(), old);
    }
    let output = run("--server https://l --method oidc --device");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(home.path("config")).unwrap();
    assert!(text.contains("# mine"), "{text}");
    let Some(output) = kubectl(&home, "config", &["config", "view", "-o", "json"]) else { return };
    let config: Value = serde_json::from_str(&said(&output)).unwrap();
    assert_eq!(config["users"][0]["user"]["exec"]["command"], "portcullis");
    assert_eq!(config["current-context"], "jane@kind");
}
