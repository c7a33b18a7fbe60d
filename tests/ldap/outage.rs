//! Servers that die, come back, or do not answer.

use std::time::Instant;

use portcullis::authn::ldap::DirectoryError;

use super::*;

fn start(pki: &Pki) -> Option<Slapd> {
    Slapd::start(pki, &Setup { ldif: person("jane", ""), ..Setup::default() })
}

#[tokio::test]
async fn of_two_servers_one_may_die_and_when_both_do_the_answer_is_an_error_in_time() {
    let pki = Pki::new();
    let (Some(mut first), Some(mut second)) = (start(&pki), start(&pki)) else { return };
    let pool = Pool::new(plain(&pki, &[first.url(), second.url()])).unwrap();
    let users = LdapUsers::new(search_config(), Arc::new(pool.clone()), Arc::new(now)).unwrap();
    assert!(logs_in(&users, "jane").await);
    first.kill();
    let began = Instant::now();
    assert!(logs_in(&users, "jane").await);
    assert!(began.elapsed() < Duration::from_secs(3));
    assert!(pool.status()[0].last_error.is_some());

    second.kill();
    let began = Instant::now();
    let error = log_in(&users, "jane", "pw-jane").await.unwrap_err();
    assert!(matches!(error, LdapError::Directory(DirectoryError::Unavailable { .. })), "{error}");
    assert!(error.is_outage() && error.to_string().contains(&second.url()), "{error}");
    assert!(began.elapsed() < Duration::from_secs(3));
    // While both are left alone nobody waits for anything.
    let began = Instant::now();
    for _ in 0..50 {
        assert!(log_in(&users, "jane", "pw-jane").await.is_err());
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());

    first.restart();
    tokio::time::sleep(Duration::from_millis(450)).await;
    assert!(logs_in(&users, "jane").await);
    assert_eq!(pool.status()[0].last_error, None);
}

#[tokio::test]
async fn connections_that_died_with_a_restart_cost_no_login() {
    let pki = Pki::new();
    let Some(mut slapd) = start(&pki) else { return };
    let users = users(search_config(), plain(&pki, &[slapd.url()]));
    assert!(logs_in(&users, "jane").await);
    slapd.kill();
    slapd.restart();
    assert!(logs_in(&users, "jane").await);
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_in_time_and_nobody_piles_up() {
    let pki = Pki::new();
    let Some(slapd) = start(&pki) else { return };
    let mut options = plain(&pki, &[slapd.url()]);
    options.connections = 2;
    options.waiters = 4;
    options.operation_timeout = Duration::from_millis(500);
    options.budget = Duration::from_millis(900);
    options.longest_back_off = Duration::from_secs(5);
    let pool = Pool::new(options).unwrap();
    let users =
        Arc::new(LdapUsers::new(search_config(), Arc::new(pool.clone()), Arc::new(now)).unwrap());
    assert!(logs_in(&users, "jane").await);

    slapd.signal("-STOP");
    let began = Instant::now();
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let users = Arc::clone(&users);
        asking.spawn(async move { log_in(&users, "jane", "pw-jane").await });
    }
    let mut overloaded = 0;
    while let Some(answer) = asking.join_next().await {
        let error = answer.unwrap().unwrap_err();
        assert!(error.is_outage(), "{error}");
        overloaded += usize::from(error == LdapError::Directory(DirectoryError::Overloaded));
    }
    let took = began.elapsed();
    slapd.signal("-CONT");
    assert!(overloaded >= 90, "{overloaded} were refused at once, six may wait");
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(pool.waiting(), 0);

    tokio::time::sleep(Duration::from_millis(700)).await;
    let mut tries = 0;
    while !logs_in(&users, "jane").await {
        tries += 1;
        assert!(tries < 30, "the server is back and nobody logs in");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_ldap_is_an_error_and_no_panic() {
    let pki = Pki::new();
    for answer in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
        &[0x30, 0],
        &[0x30, 3, 2, 1, 1],
        &[0x30, 5, 2, 1, 1, 0x61, 0],
        &[0x30, 7, 2, 1, 1, 0x61, 2, 4, 0],
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ldap://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(answer).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let mut options = plain(&pki, &[url]);
        options.operation_timeout = Duration::from_millis(200);
        let users = users(search_config(), options);
        let began = Instant::now();
        assert!(log_in(&users, "jane", "pw-jane").await.is_err(), "{answer:?}");
        assert!(began.elapsed() < Duration::from_secs(4), "{answer:?}");
        server.abort();
    }
}

#[tokio::test]
async fn a_server_that_is_slow_with_one_account_stays_a_good_one_for_others() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let pki = Pki::new();
    let ldif = person("jane", "") + &person("slow", "");
    let Some(slapd) = Slapd::start(&pki, &Setup { ldif, ..Setup::default() }) else { return };
    let port = slapd.port;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ldap://{}", listener.local_addr().unwrap());
    // In between, somebody who keeps the binds of one user to himself.
    let between = tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let server = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
                    let text = String::from_utf8_lossy(&buffer[..count]);
                    if !text.contains("pw-slow") {
                        to_server.write_all(&buffer[..count]).await.unwrap();
                    }
                }
            });
        }
    });
    let mut options = plain(&pki, &[url]);
    options.operation_timeout = Duration::from_millis(500);
    let pool = Pool::new(options).unwrap();
    let users = LdapUsers::new(search_config(), Arc::new(pool.clone()), Arc::new(now)).unwrap();
    let error = log_in(&users, "slow", "pw-slow").await.unwrap_err();
    assert_eq!(error, LdapError::Directory(DirectoryError::Timeout(Duration::from_millis(500))));
    assert_eq!(pool.status()[0].failures, 0);
    assert!(logs_in(&users, "jane").await);
    between.abort();
}
