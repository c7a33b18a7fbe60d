//! Who gets in, and what it may send.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::kit::*;

#[tokio::test]
async fn only_the_api_servers_certificate_gets_in() {
    let server = Home::new("").start();
    let ca = &server.home.ca;
    // The same name does not make it the same authority.
    let stranger = Authority::new("CA");
    for (identity, gets_in) in [
        (Some(ca.issue("kube-apiserver")), true),
        (Some(ca.issue("kubelet")), false),
        (Some(stranger.issue("kube-apiserver")), false),
        (None, false),
    ] {
        for protocol in BOTH {
            let tls = client(ca, identity.as_ref());
            // In TLS 1.3 a client learns of its refusal from the first answer.
            let answered = match Client::connect(server.reviews, &tls, protocol).await {
                Ok(mut client) => {
                    client.send("POST", "/authorize", pods("jane", "get").to_string()).await.ok()
                }
                Err(_) => None,
            };
            assert_eq!(answered.is_some(), gets_in, "{protocol:?}: {answered:?}");
        }
    }
    // Each twice; who shows no certificate is counted apart.
    let refused = |reason| format!("portcullis_refused_total{{reason=\"{reason}\"}}");
    assert_eq!(server.metric(&refused("handshake")).await, 4);
    assert_eq!(server.metric(&refused("no_certificate")).await, 2);
    assert_eq!(server.metric("portcullis_authorize_duration_seconds_count").await, 2);
}

#[tokio::test]
async fn without_a_client_authority_everybody_may_ask_and_the_log_says_so() {
    let home = Home::new("");
    let config = home.read("server.yaml");
    let config = config.replace("    clientCAFile: ca.crt\n", "");
    home.write("server.yaml", &config.replace("    allowedClients: [kube-apiserver]\n", ""));
    let server = home.start();
    let tls = client(&server.home.ca, None);
    let mut client = Client::connect(server.reviews, &tls, Protocol::Http2).await.unwrap();
    assert!(client.is_allowed("jane", "get").await);
    let said = server.process.stderr();
    assert!(said.contains("everybody may ask for reviews"), "{said}");
}

#[tokio::test]
async fn what_is_no_tls_is_dropped_and_the_next_is_answered() {
    let server = Home::new("").start();
    for bytes in [&b"POST /authorize HTTP/1.1\r\nhost: localhost\r\n\r\n"[..], &[0xff; 600]] {
        let mut stream = TcpStream::connect(server.reviews).await.unwrap();
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = within("closed", stream.read_to_end(&mut answer)).await;
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    }
    assert!(server.client(Protocol::Http2).await.is_allowed("jane", "get").await);
}

#[tokio::test]
async fn paths_and_methods_and_bodies_that_are_none_are_refused() {
    let server = Home::new("").start();
    let review = pods("jane", "get").to_string();
    for protocol in BOTH {
        let mut client = server.client(protocol).await;
        for (method, path, body, status) in [
            ("POST", "/authorize", review.as_str(), 200),
            ("GET", "/authorize", "", 405),
            ("PUT", "/authorize", &review, 405),
            ("GET", "/authenticate", "", 405),
            ("POST", "/", &review, 404),
            ("POST", "/authorize/", &review, 404),
            ("POST", "/Authorize", &review, 404),
            // Operations are apart.
            ("GET", "/metrics", "", 404),
            ("GET", "/readyz", "", 404),
            ("POST", "/authorize", "", 400),
            ("POST", "/authorize", "{", 400),
            ("POST", "/authorize", "null", 400),
            ("POST", "/authorize", "\u{0}\u{1}\u{2}", 400),
            ("POST", "/authorize", "apiVersion: v1", 400),
            ("POST", "/authenticate", "{}", 400),
            ("POST", "/authenticate", "[]", 400),
            ("POST", "/authorize?timeout=3s", &review, 200),
        ] {
            let answered = client.send(method, path, body.to_owned()).await.unwrap();
            assert_eq!(answered.status, status, "{protocol:?} {method} {path} {body}");
        }
    }
    // Reviews are no operations.
    assert_eq!(server.look("/authorize").await.0, 404);
    assert_eq!(server.look("/livez").await, (200, "ok\n".to_owned()));
}

/// A POST by hand, with these headers besides.
fn head(more: &str) -> String {
    format!("POST /authorize HTTP/1.1\r\nhost: localhost\r\n{more}\r\n")
}

#[tokio::test]
async fn slow_and_oversized_clients_are_cut_off_and_others_are_answered_meanwhile() {
    let server = Home::new(
        "limits: {headerTime: 1s, bodyTime: 1s, bodyBytes: 4Ki, headers: 20, headerBytes: 8Ki}\n",
    )
    .start();
    let mut other = server.client(Protocol::Http2).await;
    let body = pods("jane", "get").to_string();
    let length = format!("content-length: {}\r\n", body.len());
    let (first, rest) = body.split_at(10);

    // Headers that never end, a body that never ends, and one that comes just in time.
    let mut headers = h1(server.reviews, &server.tls).await;
    say(&mut headers, "POST /authorize HTTP/1.1\r\nhost: localhost\r\n").await;
    let mut slow = h1(server.reviews, &server.tls).await;
    say(&mut slow, &head(&length)).await;
    say(&mut slow, first).await;
    let mut timely = h1(server.reviews, &server.tls).await;
    say(&mut timely, &head(&length)).await;
    say(&mut timely, first).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    say(&mut timely, rest).await;
    assert_eq!(hear(&mut timely).await.unwrap().0, 200);
    assert!(other.is_allowed("jane", "get").await);
    assert_eq!(hear(&mut slow).await.unwrap().0, 408);
    assert!(is_closed(&mut slow).await && is_closed(&mut headers).await);
    let refused = |reason| format!("portcullis_refused_total{{reason=\"{reason}\"}}");
    assert_eq!(server.metric(&refused("slow")).await, 2);

    // Too large a body: told by its length before it is sent, or found while it comes.
    let mut large = h1(server.reviews, &server.tls).await;
    say(&mut large, &head("content-length: 4097\r\n")).await;
    assert_eq!(hear(&mut large).await.unwrap().0, 413);
    assert!(is_closed(&mut large).await);
    let padded = |size: usize| format!("{}{body}", " ".repeat(size - body.len()));
    for protocol in BOTH {
        let mut client = server.client(protocol).await;
        let fits = client.send("POST", "/authorize", padded(4096)).await.unwrap();
        assert_eq!((fits.status, &fits.body["status"]["allowed"]), (200, &Value::Bool(true)));
        let answered = client.send("POST", "/authorize", padded(4097)).await.unwrap();
        assert_eq!(answered.status, 413, "{protocol:?}");
    }
    assert_eq!(server.metric(&refused("large")).await, 3);

    // Too many headers; as many as there may be; one that is too long.
    let with = |count: usize| {
        let more: String = (0..count).map(|number| format!("x-{number}: y\r\n")).collect();
        format!("{}{body}", head(&format!("{length}{more}")))
    };
    for (request, status) in [
        (with(18), 200),
        (with(19), 431),
        (format!("{}{body}", head(&format!("{length}x: {}\r\n", "y".repeat(9000)))), 431),
    ] {
        let mut stream = h1(server.reviews, &server.tls).await;
        let _ = stream.write_all(request.as_bytes()).await;
        assert_eq!(hear(&mut stream).await.unwrap().0, status);
    }
    assert!(other.is_allowed("jane", "get").await);
}

#[tokio::test]
async fn users_with_too_many_groups_or_too_much_extra_are_refused() {
    let server = Home::new("limits: {maxGroups: 3, maxExtraBytes: 64}\n").start();
    let mut client = server.client(Protocol::Http2).await;
    for (groups, extra, status) in [(3, 10, 200), (4, 10, 422), (3, 100, 422)] {
        let mut review = pods("jane", "get");
        review["spec"]["groups"] = (0..groups).map(|number| format!("g{number}")).collect();
        review["spec"]["extra"] = serde_json::json!({"key": ["x".repeat(extra)]});
        let answered = client.post("/authorize", &review).await;
        assert_eq!(answered.status, status, "{groups} {extra}: {answered:?}");
    }
}
