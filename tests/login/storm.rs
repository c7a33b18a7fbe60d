//! Many at the same time (tab storms).

use std::process::{Child, Stdio};
use std::time::Duration;

use super::server::{LoginServer, now};
use super::{Home, Ran, ended, info, jane, token};

const MANY: usize = 20;

fn storm(home: &Home, args: &[&str]) -> Vec<Ran> {
    let children: Vec<Child> =
        (0..MANY).map(|_| home.command(Some(&info("v1", false)), args).spawn().unwrap()).collect();
    children.into_iter().map(ended).collect()
}

#[test]
fn twenty_processes_make_one_login() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    server.behave(|manners| manners.delay = Duration::from_millis(300));
    let all = storm(&home, &jane(&server));
    assert_eq!(server.asked(), ["POST /login"]);
    for ran in &all {
        assert_eq!((ran.code, ran.out.as_str()), (0, all[0].out.as_str()), "{}", ran.err);
    }
}

#[test]
fn twenty_processes_make_one_login_when_what_is_kept_has_ended() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    home.done(&jane(&server));
    home.change(|session| session["current"]["expires"] = (now() - 1).into());
    server.behave(|manners| manners.delay = Duration::from_millis(300));
    server.seen();
    assert!(storm(&home, &jane(&server)).iter().all(|ran| ran.code == 0));
    assert_eq!(server.asked(), ["POST /login"]);
}

#[test]
fn twenty_processes_make_one_renewal_and_nobody_waits_for_it() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    server.behave(|manners| manners.refreshable = 7200);
    let first = home.credential(&jane(&server));
    home.change(|session| {
        session["current"]["obtained"] = (now() - 3000).into();
        session["current"]["expires"] = (now() + 60).into();
    });
    server.behave(|manners| manners.delay = Duration::from_secs(3));
    server.seen();
    let all = storm(&home, &jane(&server));
    assert_eq!(server.asked(), ["POST /login/refresh"]);
    let old = all.iter().filter(|ran| ran.out.contains(token(&first))).count();
    assert!(all.iter().all(|ran| ran.code == 0) && old > 0, "{old}");
}

#[test]
fn one_wrong_password_is_tried_once_by_all_who_wait() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    // All of them are there before the answer is.
    server.behave(|manners| manners.delay = Duration::from_secs(4));
    let wrong: Vec<&str> =
        jane(&server).into_iter().map(|it| if it == "password" { "wrong" } else { it }).collect();
    let all = storm(&home, &wrong);
    assert_eq!(server.asked(), ["POST /login"]);
    assert!(all.iter().all(|ran| ran.code == 2 && ran.out.is_empty()));
    let shared = all.iter().filter(|ran| ran.err.contains("another process tried")).count();
    assert_eq!(shared, MANY - 1);
    assert!(all.iter().all(|ran| ran.err.contains("refuses this login")));
    // Whoever comes later tries again.
    server.behave(|manners| manners.delay = Duration::ZERO);
    home.refused(&wrong, "refuses this login");
    assert_eq!(server.asked(), ["POST /login"]);
    home.done(&jane(&server));
}

#[test]
fn a_login_that_does_not_end_is_waited_for_so_long_and_its_end_by_force_frees_the_others() {
    let server = LoginServer::start();
    let home = Home::with(&server);
    server.behave(|manners| manners.delay = Duration::from_secs(15));
    let mut command = home.command(Some(&info("v1", false)), &jane(&server));
    let mut first = command.stderr(Stdio::null()).spawn().unwrap();
    // The lock is there once the file of it is, or a moment later.
    let locked = || std::fs::read_dir(home.cache()).is_ok_and(|entries| entries.count() > 0);
    while !locked() {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(500));
    let mut impatient = jane(&server);
    impatient.extend(["--patience", "1s"]);
    home.refused(&impatient, "another process has been logging in for 1 s");
    first.kill().unwrap();
    first.wait().unwrap();
    server.behave(|manners| manners.delay = Duration::ZERO);
    home.done(&impatient);
}
