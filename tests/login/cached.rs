//! What is kept, for how long, and who may see it.

use std::fs;

use serde_json::json;

use super::server::{LoginServer, now};
use super::{Home, jane, mode, set_mode, token};

#[test]
fn a_second_run_asks_nobody() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    let first = home.credential(&jane(&server));
    assert_eq!(server.asked(), ["POST /login"]);
    assert_eq!(home.credential(&jane(&server)), first);
    assert!(server.asked().is_empty());
    // Nor does anybody need the password for it.
    fs::remove_file(home.path("password")).unwrap();
    assert_eq!(home.credential(&jane(&server)), first);
    let mut again = jane(&server);
    again.push("--fresh");
    home.refused(&again, "password");
}

#[test]
fn what_is_kept_only_its_owner_can_read() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    home.done(&jane(&server));
    assert_eq!(mode(&home.cache()), 0o700);
    for entry in fs::read_dir(home.cache()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    // The password is in none of them.
    assert!(!home.session().to_string().contains("hunter2"));
}

#[test]
fn a_session_that_others_can_read_is_refused_and_so_is_such_a_folder() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    home.done(&jane(&server));
    let [session] = &home.sessions()[..] else { panic!() };
    for wide in [0o640, 0o604, 0o620] {
        set_mode(session, wide);
        home.refused(&jane(&server), "must be 0600");
    }
    set_mode(session, 0o600);
    set_mode(&home.cache(), 0o755);
    home.refused(&jane(&server), "its mode is 0755 and must be 0700");
    home.refused(&["--accounts"], "must be 0700");
    set_mode(&home.cache(), 0o700);
    let lock = session.with_extension("lock");
    set_mode(&lock, 0o666);
    let mut again = jane(&server);
    again.push("--fresh");
    home.refused(&again, "must be 0600");
    set_mode(&lock, 0o600);
    home.done(&again);
}

#[test]
fn a_session_of_another_user_is_refused() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    home.done(&jane(&server));
    let [session] = &home.sessions()[..] else { panic!() };
    if std::os::unix::fs::chown(session, Some(12_345), None).is_err() {
        eprintln!("skipped: only root can give files away");
        return;
    }
    home.refused(&jane(&server), "belongs to the user of number 12345");
}

#[test]
fn logins_that_differ_in_anything_are_kept_apart() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    let joe: Vec<&str> =
        jane(&server).into_iter().map(|it| if it == "jane" { "joe" } else { it }).collect();
    let mut other = jane(&server);
    other.extend(["--audience", "other"]);
    let tokens =
        [&jane(&server), &joe, &other].map(|args| token(&home.credential(args)).to_owned());
    assert!(tokens[0].ends_with("-of-jane") && tokens[1].ends_with("-of-joe"));
    assert_ne!(tokens[0], tokens[2]);
    assert_eq!(server.seen().len(), 3);
    assert_eq!(token(&home.credential(&joe)), tokens[1]);
    assert_eq!(token(&home.credential(&jane(&server))), tokens[0]);
    assert!(server.seen().is_empty());
}

#[test]
fn a_token_that_ends_soon_is_renewed_with_itself() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    server.behave(|manners| manners.refreshable = 7200);
    let first = home.credential(&jane(&server));
    home.change(|session| {
        session["current"]["obtained"] = (now() - 3000).into();
        session["current"]["expires"] = (now() + 60).into();
    });
    // The password is not needed.
    fs::remove_file(home.path("password")).unwrap();
    server.seen();
    let second = home.credential(&jane(&server));
    let seen = server.seen();
    assert_eq!((seen.len(), seen[0].path.as_str()), (1, "/login/refresh"));
    assert_eq!(seen[0].authorization, format!("Bearer {}", token(&first)));
    assert_ne!(token(&first), token(&second));
}

#[test]
fn a_token_that_has_ended_is_replaced_by_a_new_login() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    server.behave(|manners| manners.refreshable = 7200);
    home.done(&jane(&server));
    home.change(|session| session["current"]["expires"] = (now() - 1).into());
    server.seen();
    home.done(&jane(&server));
    assert_eq!(server.asked(), ["POST /login"]);
    // Without the password there is none.
    home.change(|session| session["current"]["expires"] = (now() - 1).into());
    fs::remove_file(home.path("password")).unwrap();
    home.refused(&jane(&server), "password");
}

#[test]
fn a_renewal_that_is_refused_leads_to_a_new_login() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    server.behave(|manners| manners.refreshable = 7200);
    home.done(&jane(&server));
    server.behave(|manners| manners.refreshable = 0);
    home.change(|session| {
        session["current"]["obtained"] = (now() - 3000).into();
        session["current"]["expires"] = (now() + 60).into();
    });
    server.seen();
    home.done(&jane(&server));
    assert_eq!(server.asked(), ["POST /login/refresh", "POST /login"]);
}

#[test]
fn an_outage_while_renewing_leaves_what_is_still_good() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    server.behave(|manners| manners.refreshable = 7200);
    let first = home.credential(&jane(&server));
    let ends_soon = || {
        home.change(|session| {
            session["current"]["obtained"] = (now() - 3000).into();
            session["current"]["expires"] = (now() + 60).into();
        });
    };
    ends_soon();
    server.behave(|manners| manners.instead = Some((503, String::new(), "{}".to_owned())));
    let ran = home.done(&jane(&server));
    assert!(ran.out.contains(token(&first)));
    assert!(ran.err.contains("was not renewed"), "{}", ran.err);
    // Once it has ended the outage is an error.
    home.change(|session| session["current"]["expires"] = (now() - 1).into());
    home.refused(&jane(&server), "cannot check logins at the moment");
}

#[test]
fn a_session_that_is_broken_or_of_another_login_is_as_good_as_none() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    for spoil in ["", "{", "{}", r#"{"version":"login.portcullis.dev/session-v1"}"#] {
        home.done(&jane(&server));
        let [session] = &home.sessions()[..] else { panic!() };
        fs::write(session, spoil).unwrap();
        server.seen();
        home.done(&jane(&server));
        assert_eq!(server.asked(), ["POST /login"], "{spoil}");
    }
    home.change(|session| session["account"]["user"] = "joe".into());
    home.done(&jane(&server));
    assert_eq!(server.asked(), ["POST /login"]);
}

#[test]
fn logins_are_listed_without_secrets_and_forgotten() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    assert_eq!(home.done(&["--accounts"]).out.lines().count(), 1);
    server.behave(|manners| manners.refreshable = 7200);
    let first = home.credential(&jane(&server));
    let joe: Vec<&str> =
        jane(&server).into_iter().map(|it| if it == "jane" { "joe" } else { it }).collect();
    home.done(&joe);
    let listed = home.done(&["--accounts"]);
    assert_eq!(listed.out.lines().count(), 3, "{}", listed.out);
    let line = listed.out.lines().find(|line| line.contains("jane")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[..5], [server.url.as_str(), "basic", "jane", "token", "jane"]);
    assert_eq!(words[6], "yes");
    assert!(!listed.out.contains(token(&first)) && !listed.out.contains("token-"));

    let mut logout = jane(&server);
    logout.push("--logout");
    assert!(home.done(&logout).err.contains("the login is forgotten"));
    assert!(home.done(&logout).err.contains("no such login"));
    assert_eq!(home.sessions().len(), 1);
    server.seen();
    home.done(&joe);
    assert!(server.seen().is_empty());
    assert!(home.done(&["--logout", "--all"]).err.contains("1 logins forgotten"));
    assert!(home.sessions().is_empty());
}

#[test]
fn the_cache_is_below_kubectls_when_no_other_place_is_named() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    let mut command = home.command(None, &jane(&server));
    command.env_remove("XDG_CACHE_HOME");
    assert!(command.output().unwrap().status.success());
    let folder = home.path(".kube/cache/portcullis");
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    let mut command = home.command(None, &jane(&server));
    command.env_remove("XDG_CACHE_HOME").env("HOME", "relative");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(json!(server.seen().len()), json!(1));
}
