//! Being told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::kit::*;

#[tokio::test]
async fn what_is_in_flight_is_answered_and_nothing_new_is_taken() {
    let server = Home::new("").start();
    let body = pods("jane", "get").to_string();
    let (first, rest) = body.split_at(20);
    // Three requests whose bodies are still on their way, and a connection that is idle.
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let mut stream = h1(server.reviews, &server.tls).await;
        let length = body.len();
        say(
            &mut stream,
            &format!("POST /authorize HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n"),
        )
        .await;
        say(&mut stream, first).await;
        waiting.push(stream);
    }
    let mut idle = server.client(Protocol::Http2).await;
    assert!(idle.is_allowed("jane", "get").await);
    server
        .until("three in flight", "/metrics", |text| text.contains("requests_in_flight 3\n"))
        .await;
    server.process.signal("TERM");
    server.until("draining", "/readyz", |text| text.starts_with("not ready: stopping\n")).await;
    assert_eq!(server.look("/readyz").await.0, 503);
    within("the port", async {
        while connect(server.reviews, &server.tls, "h2").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    for stream in &mut waiting {
        say(stream, rest).await;
        let (status, head, answer) = hear(stream).await.unwrap();
        assert!(status == 200 && answer.contains("\"allowed\":true"), "{head}{answer}");
        assert!(head.contains("connection: close"), "{head}");
    }
    assert_eq!(server.process.wait().code(), Some(0));
    assert!(look(server.operations, "/readyz").await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_under_load_loses_no_request() {
    for signal in ["TERM", "INT"] {
        let server = Home::new("log: {format: json, decisions: {file: decisions.jsonl}}\n").start();
        let answered = Arc::new(AtomicUsize::new(0));
        let clients: Vec<_> = (0..6_usize)
            .map(|number| {
                let (address, tls) = (server.reviews, server.tls.clone());
                let answered = Arc::clone(&answered);
                tokio::spawn(async move {
                    let protocol = BOTH[number % 2];
                    // A client that connects anew for every request never sees one lost.
                    while let Ok(mut client) = Client::connect(address, &tls, protocol).await {
                        let body = pods("jane", "get").to_string();
                        let answer = client.send("POST", "/authorize", body).await.unwrap();
                        assert_eq!(answer.status, 200);
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(400)).await;
        server.process.signal(signal);
        for client in clients {
            within("a client", client).await.unwrap();
        }
        assert_eq!(server.process.wait().code(), Some(0), "{}", server.process.stderr());
        // Neither does the log.
        let lines = server.home.read("decisions.jsonl").lines().count();
        assert_eq!(lines, answered.load(Ordering::Relaxed));
        assert!(lines > 6);
    }
}
