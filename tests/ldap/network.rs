//! TLS, certificates, files that change, referrals.

use portcullis::authn::ldap::DirectoryError;
use portcullis::source::ldap::{ClientCertificate, PoolError};

use super::*;
use crate::support::slapd::has_ipv6;

#[tokio::test]
async fn over_plain_text_starttls_and_ldaps_a_password_logs_in_and_another_does_not() {
    let Some(Shared { pki, slapd }) = shared() else { return };
    for (what, options) in [
        ("plain", plain(pki, &[slapd.url()])),
        ("StartTLS", safe(pki, &[slapd.url()])),
        ("LDAPS", safe(pki, &[slapd.tls_url()])),
        ("LDAPS by address", safe(pki, &[format!("ldaps://127.0.0.1:{}", slapd.tls_port)])),
    ] {
        let users = users(search_config(), options);
        let user = log_in(&users, "jane", "pw-jane").await.unwrap().expect(what);
        assert_eq!(user, User::new("jane").with_groups(["dev"]), "{what}");
        let wrong = LdapError::WrongPassword { name: "jane".to_owned() };
        assert_eq!(log_in(&users, "jane", "pw-joe").await, Err(wrong), "{what}");
        assert_eq!(log_in(&users, "nobody", "pw-jane").await, Ok(None), "{what}");
    }
    let log = slapd.log();
    assert!(log.contains(" STARTTLS"), "no StartTLS in the log of the server");
    assert!(log.contains("TLS established"));
}

#[tokio::test]
async fn a_server_at_an_ipv6_address_proves_that_address() {
    let Some(Shared { pki, slapd }) = shared() else { return };
    if !has_ipv6() {
        println!("skipped: there is no IPv6 on loopback");
        return;
    }
    let url = format!("ldaps://[::1]:{}", slapd.tls_port);
    let right = users(search_config(), safe(pki, std::slice::from_ref(&url)));
    assert!(logs_in(&right, "jane").await);
    let mut options = safe(pki, &[url]);
    options.server_name = Some("::2".to_owned());
    let error = Pool::new(options).unwrap().check().await.unwrap_err();
    assert!(error.is_outage(), "{error}");
}

#[tokio::test]
async fn a_server_of_another_authority_or_name_is_not_talked_to() {
    let Some(Shared { pki, slapd }) = shared() else { return };
    for url in [slapd.url(), slapd.tls_url()] {
        let mut other = safe(pki, std::slice::from_ref(&url));
        other.ca_file = Some(pki.file("other-ca.pem"));
        let mut renamed = safe(pki, std::slice::from_ref(&url));
        renamed.server_name = Some("ldap.example.org".to_owned());
        for options in [other, renamed] {
            let users = users(search_config(), options);
            let error = log_in(&users, "jane", "pw-jane").await.unwrap_err();
            assert!(error.is_outage() && error.to_string().contains("certificate"), "{error}");
        }
        assert!(logs_in(&users(search_config(), safe(pki, &[url])), "jane").await);
    }
}

#[tokio::test]
async fn a_server_that_does_not_offer_starttls_sees_no_password() {
    let Some(Shared { pki, .. }) = shared() else { return };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // A server that answers every request with `protocolError`, and notes what it was sent.
    let seen = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        let mut buffer = [0; 1024];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            seen.extend_from_slice(&buffer[..count]);
            let refusal = [0x30, 12, 2, 1, 1, 0x78, 7, 10, 1, 2, 4, 0, 4, 0];
            if stream.write_all(&refusal).await.is_err() {
                break;
            }
        }
        seen
    });
    let url = format!("ldap://localhost:{port}");
    let users = users(direct_config(), safe(pki, &[url]));
    let error = log_in(&users, "jane", "pw-jane").await.unwrap_err();
    assert!(error.is_outage(), "{error}");
    drop(users);
    let seen = seen.await.unwrap();
    let text = String::from_utf8_lossy(&seen);
    assert!(text.contains("1.3.6.1.4.1.1466.20037"), "StartTLS was asked for: {text:?}");
    assert!(!text.contains("pw-jane") && !text.contains(SERVICE_PASSWORD), "{text:?}");
}

#[tokio::test]
async fn a_client_certificate_is_a_service_account_and_without_one_there_is_none() {
    let Some(Shared { pki, slapd }) = shared() else { return };
    let mut options = safe(pki, &[slapd.tls_url()]);
    options.service = Service::Certificate;
    let error = Pool::new(options.clone()).unwrap_err();
    assert!(matches!(error, PoolError::NoClientCertificate), "{error}");
    options.client_certificate = Some(ClientCertificate {
        certificate_file: pki.file("client.pem"),
        key_file: pki.file("client.key"),
    });
    let users = users(search_config(), options);
    assert!(logs_in(&users, "jane").await);
}

#[test]
fn trap_t5_what_is_configured_and_broken_stops_the_start() {
    let pki = Pki::new();
    let url = ["ldaps://localhost".to_owned()];
    assert!(Pool::new(safe(&pki, &url)).is_ok());
    let broken = |change: &dyn Fn(&mut PoolOptions)| {
        let mut options = safe(&pki, &url);
        change(&mut options);
        Pool::new(options).unwrap_err()
    };
    let empty = password_file(&pki, "empty", "");
    let two = password_file(&pki, "two", "a\nb");
    let service = |password_file: &PathBuf| Service::Simple {
        dn: SERVICE_DN.to_owned(),
        password_file: password_file.clone(),
    };
    let client = |certificate: &str, key: &str| {
        Some(ClientCertificate { certificate_file: pki.file(certificate), key_file: pki.file(key) })
    };
    let read = |error: PoolError| matches!(error, PoolError::Read { .. });
    let content = |error: PoolError| matches!(error, PoolError::Content { .. });
    assert!(matches!(broken(&|o| o.servers.clear()), PoolError::NoServer));
    assert!(matches!(broken(&|o| o.ca_file = None), PoolError::NoCaFile { .. }));
    assert!(read(broken(&|o| o.ca_file = Some(pki.file("none.pem")))));
    assert!(content(broken(&|o| o.ca_file = Some(pki.file("server.key")))));
    assert!(read(broken(&|o| o.service = service(&pki.file("none")))));
    assert!(content(broken(&|o| o.service = service(&empty))));
    assert!(content(broken(&|o| o.service = service(&two))));
    assert!(content(broken(&|o| o.client_certificate = client("client.key", "client.key"))));
    assert!(content(broken(&|o| o.client_certificate = client("client.pem", "client.pem"))));
    let other_key = broken(&|o| o.client_certificate = client("client.pem", "server.key"));
    assert!(matches!(other_key, PoolError::Tls(_)), "{other_key}");
    let name = broken(&|o| o.server_name = Some("not a name".to_owned()));
    assert!(matches!(name, PoolError::ServerName { .. }));
    assert!(matches!(broken(&|o| o.budget = Duration::ZERO), PoolError::Zero("budget")));
}

#[tokio::test]
async fn the_service_account_s_password_is_read_again_for_each_connection() {
    let pki = Pki::new();
    let setup = Setup { ldif: person("jane", ""), ..Setup::default() };
    let Some(slapd) = Slapd::start(&pki, &setup) else { return };
    let path = password_file(&pki, "changing", "old");
    let mut options = plain(&pki, &[slapd.url()]);
    options.max_age = Duration::from_nanos(1);
    options.service = Service::Simple { dn: SERVICE_DN.to_owned(), password_file: path.clone() };
    let users = users(search_config(), options);
    let error = log_in(&users, "jane", "pw-jane").await.unwrap_err();
    let LdapError::Directory(DirectoryError::Service { code: 49, .. }) = &error else {
        panic!("{error}");
    };
    assert!(error.is_outage(), "nothing is said about jane");
    let told = format!("{error} {error:?} {users:?}");
    assert!(!told.contains("old\""), "{told}");

    fs::write(&path, SERVICE_PASSWORD).unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(logs_in(&users, "jane").await);
    // An empty file is not tried, that would be a bind as nobody: the known one goes on serving.
    fs::write(&path, "").unwrap();
    assert!(logs_in(&users, "jane").await);
    assert!(!slapd.log().contains("BIND dn=\"\" method=128"), "{}", slapd.log());
}

#[tokio::test]
async fn referrals_are_not_followed() {
    let pki = Pki::new();
    let elsewhere = "ldap://127.0.0.1:9/ou=elsewhere,dc=example,dc=org";
    let referral = |name: &str| {
        format!(
            "dn: ou={name},ou=people,{BASE}\nobjectClass: referral\nobjectClass: extensibleObject\n\
             ou: {name}\nref: {elsewhere}\n\n"
        )
    };
    let ldif = person("jane", "") + &referral("branch");
    let setup = Setup { ldif, ..Setup::default() };
    let Some(slapd) = Slapd::start(&pki, &setup) else { return };
    let users_of = |base: &str| {
        let mut config = search_config();
        if let Users::Search(search) = &mut config.users {
            search.base = base.parse().unwrap();
        }
        users(config, plain(&pki, &[slapd.url()]))
    };
    // Who is here is found beside a reference to elsewhere.
    let here = users_of(&format!("ou=people,{BASE}"));
    assert!(logs_in(&here, "jane").await);
    assert_eq!(log_in(&here, "joe", "pw-joe").await, Ok(None));
    let there = users_of(&format!("ou=branch,ou=people,{BASE}"));
    let error = log_in(&there, "jane", "pw-jane").await.unwrap_err();
    assert_eq!(error, LdapError::Directory(DirectoryError::Referral));
    let nowhere = users_of(&format!("ou=nowhere,{BASE}"));
    let error = log_in(&nowhere, "jane", "pw-jane").await.unwrap_err();
    assert!(matches!(error, LdapError::Directory(DirectoryError::NoSuchBase { .. })), "{error}");
}

/// 60 KB would end the process, if they came as far as the client library.
#[tokio::test]
async fn an_answer_to_starttls_that_nests_without_end_is_an_error() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let Some(Shared { pki, .. }) = shared() else { return };
    let mut answer = vec![4, 0];
    for _ in 0..20_000 {
        let length = u32::try_from(answer.len()).unwrap().to_be_bytes();
        answer = [&[0x30, 0x84][..], &length, &answer].concat();
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ldap://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(&answer).await;
        }
    });
    let users = users(direct_config(), safe(pki, &[url]));
    let error = log_in(&users, "jane", "pw-jane").await.unwrap_err();
    assert!(error.is_outage(), "{error}");
    server.abort();
}

#[tokio::test]
async fn a_pool_sends_no_bind_that_a_directory_might_take_for_none() {
    use portcullis::authn::ldap::Directory as _;
    let Some(Shared { pki, slapd }) = shared() else { return };
    let pool = Pool::new(plain(pki, &[slapd.url()])).unwrap();
    let dn = person_dn("jane");
    for (dn, password) in [("", "x"), (" ", "x"), (&dn, ""), (&dn, "\0"), (&dn, "pw-jane\0")] {
        assert_eq!(pool.bind(dn, password).await.unwrap().code, 53);
    }
    assert_eq!(pool.bind(&dn, "pw-jane").await.unwrap().code, 0);
}
