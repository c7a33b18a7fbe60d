//! Who gets through the handshake, before and after a reload.

use portcullis::webhook::server::{AllowedClient, ClientAuth, Drain, Limits};
use rcgen::SanType;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::kit::*;

fn required() -> ClientAuth {
    ClientAuth::Required { allowed: Vec::new() }
}

fn quick() -> Drain {
    Drain { timeout: std::time::Duration::from_millis(200), ..Drain::default() }
}

#[tokio::test]
async fn only_a_certificate_of_the_client_ca_gets_in() {
    let (server_ca, client_ca) = (Authority::new("server CA"), Authority::new("client CA"));
    // The same name does not make it the same CA.
    let stranger = Authority::new("client CA");
    let own = server_ca.issue("server");
    let server =
        start(Limits::default(), tls(&own, Some(&client_ca.pem), required()), quick()).await;
    let good = client(&server_ca, Some(&client_ca.issue("kube-apiserver")));
    let wrong = client(&server_ca, Some(&stranger.issue("kube-apiserver")));
    let none = client(&server_ca, None);
    let answer = ask(server.address, &good, "/").await.unwrap();
    assert_eq!(answer, (200, "Some(\"kube-apiserver\")".to_owned()));
    ask(server.address, &wrong, "/").await.unwrap_err();
    server.until("one refused", |server| server.refused("handshake") == 1).await;
    assert_eq!(server.refused("no_certificate"), 0);
    ask(server.address, &none, "/").await.unwrap_err();
    server.until("another refused", |server| server.refused("no_certificate") == 1).await;
    // A certificate of the server's CA is not one of the client CA.
    ask(server.address, &client(&server_ca, Some(&own)), "/").await.unwrap_err();
    let mut http2 = h2(server.address, &good).await;
    assert_eq!(h2_get(&mut http2, "/").await.unwrap().0, 200);
}

#[tokio::test]
async fn only_clients_on_the_list_get_in() {
    let ca = Authority::new("CA");
    let allowed = vec![
        AllowedClient::CommonName("kube-apiserver".to_owned()),
        AllowedClient::Uri("spiffe://cluster/api".to_owned()),
        AllowedClient::Dns("api.example".to_owned()),
    ];
    let tls = tls(&ca.issue("server"), Some(&ca.pem), ClientAuth::Required { allowed });
    let server = start(Limits::default(), tls, quick()).await;
    let uri = |uri: &str| vec![SanType::URI(uri.try_into().unwrap())];
    let dns = |name: &str| vec![SanType::DnsName(name.try_into().unwrap())];
    for (identity, is_allowed) in [
        (ca.issue("kube-apiserver"), true),
        (ca.issue("kube-apiserver-2"), false),
        (ca.issue("Kube-Apiserver"), false),
        (ca.issue_with("x", uri("spiffe://cluster/api")), true),
        (ca.issue_with("x", uri("spiffe://cluster/api/2")), false),
        (ca.issue_with("x", dns("api.example")), true),
        (ca.issue_with("x", dns("other.example")), false),
        // A name of one kind is not one of another.
        (ca.issue("api.example"), false),
        (ca.issue_with("x", dns("kube-apiserver")), false),
    ] {
        let answer = ask(server.address, &client(&ca, Some(&identity)), "/").await;
        assert_eq!(answer.is_ok(), is_allowed, "{answer:?}");
    }
}

#[tokio::test]
async fn open_paths_need_no_certificate_and_all_others_do() {
    let ca = Authority::new("CA");
    let stranger = Authority::new("stranger");
    let clients =
        ClientAuth::RequiredExcept { allowed: Vec::new(), open: vec!["/readyz".to_owned()] };
    let tls = tls(&ca.issue("server"), Some(&ca.pem), clients);
    let server = start(Limits::default(), tls, quick()).await;
    let none = client(&ca, None);
    assert_eq!(ask(server.address, &none, "/readyz").await.unwrap().0, 200);
    for path in ["/", "/readyz/", "/readyz/../", "//readyz", "/READYZ", "/%72eadyz"] {
        assert_eq!(ask(server.address, &none, path).await.unwrap().0, 403, "{path}");
    }
    assert_eq!(server.refused("no_certificate"), 6);
    let good = client(&ca, Some(&ca.issue("api")));
    assert_eq!(ask(server.address, &good, "/").await.unwrap().0, 200);
    let wrong = client(&ca, Some(&stranger.issue("api")));
    ask(server.address, &wrong, "/readyz").await.unwrap_err();
}

#[tokio::test]
async fn a_reload_shows_new_connections_the_new_certificate_and_open_ones_go_on() {
    let ca = Authority::new("CA");
    let (old, new) = (ca.issue("old"), ca.issue("new"));
    let server = start(Limits::default(), tls(&old, Some(&ca.pem), required()), quick()).await;
    let config = client(&ca, Some(&ca.issue("api")));
    let seen = |stream: &tokio_rustls::client::TlsStream<TcpStream>| {
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let mut before = h1(server.address, &config).await;
    let mut before2 = h2(server.address, &config).await;
    assert_eq!(get_on(&mut before, "/").await.unwrap().0, 200);
    reload(&server.tls, &new, Some(&ca.pem)).unwrap();
    let after = h1(server.address, &config).await;
    assert_ne!(seen(&before), seen(&after));
    assert_eq!(get_on(&mut before, "/").await.unwrap().0, 200);
    assert_eq!(h2_get(&mut before2, "/").await.unwrap().0, 200);
    // The key of one with the certificate of the other keeps what there is.
    let torn = Identity { certificate: old.certificate.clone(), key: new.key.clone() };
    reload(&server.tls, &torn, Some(&ca.pem)).unwrap_err();
    reload(&server.tls, &old, None).unwrap_err();
    reload(&server.tls, &old, Some("-----BEGIN")).unwrap_err();
    let still = h1(server.address, &config).await;
    assert_eq!(seen(&after), seen(&still));
}

#[tokio::test]
async fn a_client_of_a_removed_ca_is_out_even_if_it_tries_to_resume() {
    let (ca, next) = (Authority::new("CA"), Authority::new("next CA"));
    let own = ca.issue("server");
    let both = format!("{}{}", ca.pem, next.pem);
    let server = start(Limits::default(), tls(&own, Some(&both), required()), quick()).await;
    let identity = ca.issue("api");
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        reload(&server.tls, &own, Some(&both)).unwrap();
        // One store of sessions for all of its connections.
        let mut config = client_of(&ca, Some(&identity), &[version]);
        config.resumption = rustls::client::Resumption::in_memory_sessions(8);
        for _ in 0..2 {
            let mut stream = h1(server.address, &config).await;
            assert_eq!(get_on(&mut stream, "/").await.unwrap().0, 200);
            let kind = stream.get_ref().1.handshake_kind();
            assert_eq!(kind, Some(rustls::HandshakeKind::Full), "{version:?}");
        }
        let newcomer = client(&ca, Some(&next.issue("api")));
        assert_eq!(ask(server.address, &newcomer, "/").await.unwrap().0, 200);
        reload(&server.tls, &own, Some(&next.pem)).unwrap();
        ask(server.address, &config, "/").await.unwrap_err();
        assert_eq!(ask(server.address, &newcomer, "/").await.unwrap().0, 200);
    }
}

#[tokio::test]
async fn connections_of_a_removed_ca_finish_what_is_in_flight_and_leave() {
    let (ca, next) = (Authority::new("CA"), Authority::new("next CA"));
    let own = ca.issue("server");
    let both = format!("{}{}", ca.pem, next.pem);
    let server = start(Limits::default(), tls(&own, Some(&both), required()), quick()).await;
    let config = client(&ca, Some(&ca.issue("api")));
    let mut busy = h1(server.address, &config).await;
    let mut idle = h1(server.address, &config).await;
    assert_eq!(get_on(&mut idle, "/").await.unwrap().0, 200);
    let mut http2 = h2(server.address, &config).await;
    let (busy, http2) = (
        async {
            let answer = get_on(&mut busy, "/slow").await.unwrap();
            assert!(is_closed(&mut busy).await);
            answer
        },
        async {
            let answer = h2_get(&mut http2, "/slow").await.unwrap();
            within("closed", async {
                while !http2.is_closed() {
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
            })
            .await;
            answer
        },
    );
    let remove = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        reload(&server.tls, &own, Some(&next.pem)).unwrap();
        assert!(is_closed(&mut idle).await);
        server.gate.notify_one();
        server.gate.notify_one();
    };
    let (busy, http2, ()) = tokio::join!(busy, http2, remove);
    assert_eq!((busy.0, http2.0), (200, 200));
}

/// A ClientHello of TLS 1.`minor - 1`, which offers one cipher suite that the server has.
fn client_hello(minor: u8) -> Vec<u8> {
    // supported_groups: P-256; signature_algorithms: ECDSA with P-256 and SHA-256.
    let extensions = [0, 10, 0, 4, 0, 2, 0, 23, 0, 13, 0, 4, 0, 2, 4, 3];
    let mut body = vec![3, minor];
    body.extend([7; 32]);
    // No session; TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256; no compression.
    body.extend([0, 0, 2, 0xc0, 0x2b, 1, 0, 0, u8::try_from(extensions.len()).unwrap()]);
    body.extend(extensions);
    let mut message = vec![1, 0, 0, u8::try_from(body.len()).unwrap()];
    message.append(&mut body);
    let mut record = vec![0x16, 3, 1, 0, u8::try_from(message.len()).unwrap()];
    record.append(&mut message);
    record
}

#[tokio::test]
async fn tls_1_1_is_refused_and_1_2_is_not() {
    let limits = limits(|limits| limits.handshake_time = std::time::Duration::from_millis(300));
    let (server, _) = open_server(limits, quick()).await;
    // Alert, fatal, protocol_version (RFC 8446 §6); or a handshake record with a ServerHello.
    for (minor, expected) in [(1, [0x15, 2, 70]), (2, [0x15, 2, 70]), (3, [0x16, 2, 0])] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&client_hello(minor)).await.unwrap();
        let mut answer = Vec::new();
        let _ = within("an alert", stream.read_to_end(&mut answer)).await;
        assert_eq!([answer[0], answer[5], answer[6]], expected, "{minor}: {answer:?}");
    }
    // TLS 1.2 is good enough.
    let authority = Authority::new("CA");
    let own = tls(&authority.issue("server"), None, ClientAuth::None);
    let server = start(Limits::default(), own, quick()).await;
    let config = client_of(&authority, None, &[&rustls::version::TLS12]);
    let mut stream = h1(server.address, &config).await;
    assert_eq!(get_on(&mut stream, "/").await.unwrap().0, 200);
    let version = stream.get_ref().1.protocol_version();
    assert_eq!(version, Some(rustls::ProtocolVersion::TLSv1_2));
}

#[tokio::test]
async fn bytes_that_are_not_tls_are_dropped() {
    let (server, config) = open_server(Limits::default(), quick()).await;
    for text in ["GET / HTTP/1.1\r\nhost: localhost\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        say(&mut stream, text).await;
        let mut answer = Vec::new();
        let _ = within("closed", stream.read_to_end(&mut answer)).await;
        assert_eq!(answer, b"", "{text}");
    }
    assert_eq!(server.refused("handshake"), 2);
    // Whoever only looks whether the port is open did nothing wrong.
    drop(TcpStream::connect(server.address).await.unwrap());
    assert_eq!(ask(server.address, &config, "/").await.unwrap().0, 200);
    assert_eq!(server.refused("handshake"), 2);
}
