//! Clients that take too much: refused, while others are served.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use http_body_util::Full;
use portcullis::webhook::metrics::Metrics;
use portcullis::webhook::server::{Drain, Exposure, Limits, ListenerError, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::kit::*;

fn quick() -> Drain {
    Drain { timeout: Duration::from_millis(200), ..Drain::default() }
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[tokio::test]
async fn slow_headers_are_cut_off_and_headers_in_two_pieces_are_not() {
    let limits = limits(|limits| limits.header_time = ms(300));
    let (server, config) = open_server(limits, quick()).await;
    let mut fine = h1(server.address, &config).await;
    say(&mut fine, "GET / HTTP/1.1\r\nhost: ").await;
    sleep(ms(100)).await;
    say(&mut fine, "localhost\r\n\r\n").await;
    assert_eq!(hear(&mut fine).await.unwrap().0, 200);
    // The first request, and a later one.
    let mut silent = h1(server.address, &config).await;
    for stream in [&mut h1(server.address, &config).await, &mut fine] {
        let start = Instant::now();
        say(stream, "GET / HTTP/1.1\r\n").await;
        let drip = async {
            for _ in 0..200 {
                let _ = stream.write_all(b"a: b\r\n").await;
                let _ = stream.flush().await;
                let mut byte = [0];
                match tokio::time::timeout(ms(20), stream.read(&mut byte)).await {
                    Err(_) => {}
                    Ok(end) => return assert!(matches!(end, Ok(0) | Err(_)), "{end:?}"),
                }
            }
            panic!("not cut off");
        };
        drip.await;
        assert!((ms(250)..ms(8000)).contains(&start.elapsed()), "{:?}", start.elapsed());
    }
    // Nobody may do the handshake and then say nothing.
    assert!(is_closed(&mut silent).await);
    server.until("all are counted", |server| server.refused("slow") == 3).await;
}

#[tokio::test]
async fn an_idle_connection_outlives_the_header_time_and_ends_at_the_idle_time() {
    let limits = limits(|limits| {
        limits.header_time = ms(150);
        limits.idle_time = ms(800);
    });
    let (server, config) = open_server(limits, quick()).await;
    let mut stream = h1(server.address, &config).await;
    let mut http2 = h2(server.address, &config).await;
    for _ in 0..3 {
        assert_eq!(get_on(&mut stream, "/").await.unwrap().0, 200);
        assert_eq!(h2_get(&mut http2, "/").await.unwrap().0, 200);
        sleep(ms(400)).await;
    }
    let start = Instant::now();
    assert!(is_closed(&mut stream).await);
    within("the end", async {
        while !http2.is_closed() {
            sleep(ms(5)).await;
        }
    })
    .await;
    assert!((ms(200)..ms(8000)).contains(&start.elapsed()), "{:?}", start.elapsed());
    server.until("they are gone", |server| server.metric("portcullis_connections ") == 0).await;
    assert_eq!(server.refused("slow"), 0);
}

#[tokio::test]
async fn a_long_answer_is_not_idleness() {
    let limits = limits(|limits| {
        limits.header_time = ms(100);
        limits.idle_time = ms(100);
    });
    let (server, config) = open_server(limits, quick()).await;
    let mut stream = h1(server.address, &config).await;
    let mut http2 = h2(server.address, &config).await;
    let finish = async {
        sleep(ms(600)).await;
        server.gate.notify_one();
        server.gate.notify_one();
    };
    let (one, two, ()) =
        tokio::join!(get_on(&mut stream, "/slow"), h2_get(&mut http2, "/slow"), finish);
    assert_eq!((one.unwrap().0, two.unwrap().0), (200, 200));
    assert!(is_closed(&mut stream).await, "idle in the end");
}

#[tokio::test]
async fn a_slow_body_is_cut_off_and_one_in_pieces_is_not() {
    let limits = limits(|limits| limits.body_time = ms(300));
    let (server, config) = open_server(limits, quick()).await;
    let head = "POST /size HTTP/1.1\r\nhost: localhost\r\ncontent-length: 8\r\n\r\n";
    let mut fine = h1(server.address, &config).await;
    for piece in [head, "1234", "5678"] {
        say(&mut fine, piece).await;
        sleep(ms(50)).await;
    }
    let (status, _, body) = hear(&mut fine).await.unwrap();
    assert_eq!((status, body.as_str()), (200, "8"));
    let mut slow = h1(server.address, &config).await;
    say(&mut slow, head).await;
    say(&mut slow, "1234").await;
    let (status, head, _) = hear(&mut slow).await.unwrap();
    assert_eq!(status, 408);
    assert!(head.contains("connection: close\r\n"), "{head}");
    assert!(is_closed(&mut slow).await);
    assert_eq!(server.refused("slow"), 1);
}

#[tokio::test]
async fn a_body_too_large_is_413_and_the_largest_is_read() {
    let limits = limits(|limits| limits.body_bytes = 100_000);
    let (server, config) = open_server(limits, quick()).await;
    let mut http2 = h2(server.address, &config).await;
    for (length, expected) in [(0, 200), (1, 200), (100_000, 200), (100_001, 413)] {
        let head = "POST /size HTTP/1.1\r\nhost: localhost\r\n";
        let body = "x".repeat(length);
        let announced = format!("{head}content-length: {length}\r\n\r\n{body}");
        let (first, second) = body.split_at(length / 2);
        let chunk = |part: &str| match part.len() {
            0 => String::new(),
            length => format!("{length:x}\r\n{part}\r\n"),
        };
        let pieces = format!("{}{}0\r\n\r\n", chunk(first), chunk(second));
        let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{pieces}");
        for request in [announced, chunked] {
            let mut stream = h1(server.address, &config).await;
            say(&mut stream, &request).await;
            let (status, _, answer) = hear(&mut stream).await.unwrap();
            assert_eq!(status, expected, "{length}");
            assert!(status == 413 || answer == length.to_string());
        }
        let request = http::Request::post("https://localhost/size");
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let (parts, _) = h2_request(&mut http2, request).await.unwrap();
        assert_eq!(parts.status, expected, "{length}");
    }
    // Refused for what it announces, before any of it is sent.
    let mut stream = h1(server.address, &config).await;
    say(&mut stream, "POST /size HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999\r\n\r\n").await;
    assert_eq!(hear(&mut stream).await.unwrap().0, 413);
    assert!(is_closed(&mut stream).await);
    assert_eq!(server.refused("large"), 4);
}

#[tokio::test]
async fn too_many_and_too_large_headers_are_431() {
    let limits = limits(|limits| {
        limits.header_bytes = 10_000;
        limits.headers = 20;
    });
    let (server, config) = open_server(limits, quick()).await;
    let request = |count: usize, length: usize| {
        let headers: String =
            (0..count).map(|n| format!("x-{n}: {}\r\n", "v".repeat(length))).collect();
        format!("GET / HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n")
    };
    for (text, expected) in [
        (request(15, 10), 200),
        (request(25, 10), 431),
        (request(1, 9_000), 200),
        (request(1, 11_000), 431),
    ] {
        let mut stream = h1(server.address, &config).await;
        say(&mut stream, &text).await;
        assert_eq!(hear(&mut stream).await.unwrap().0, expected, "{}", text.len());
    }
    let mut http2 = h2(server.address, &config).await;
    for (length, expected) in [(9_000, 200), (11_000, 431)] {
        let request = http::Request::get("https://localhost/").header("x", "v".repeat(length));
        let answer = h2_request(&mut http2, request.body(Full::default()).unwrap()).await;
        // The client may know the limit and not even send it.
        let status = answer.map_or(431, |(parts, _)| parts.status.as_u16());
        assert_eq!(status, expected, "{length}");
    }
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_gets_in_when_another_left() {
    for per_source in [false, true] {
        let limits = limits(|limits| match per_source {
            true => limits.connections_per_source = 2,
            false => limits.connections = 2,
        });
        let (server, config) = open_server(limits, quick()).await;
        let mut first = h1(server.address, &config).await;
        let mut second = h1(server.address, &config).await;
        ask(server.address, &config, "/").await.unwrap_err();
        assert_eq!(server.refused("connections"), 1);
        assert_eq!(get_on(&mut first, "/").await.unwrap().0, 200);
        assert_eq!(get_on(&mut second, "/").await.unwrap().0, 200);
        // Operations are counted apart.
        assert_eq!(readyz(server.operations).await.unwrap(), "Serving");
        drop(first);
        server.until("one left", |server| server.metric("portcullis_connections ") == 1).await;
        assert_eq!(ask(server.address, &config, "/").await.unwrap().0, 200);
    }
}

pub(super) async fn readyz(address: std::net::SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = "GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    Ok(hear(&mut stream).await?.2)
}

#[tokio::test]
async fn one_request_too_many_is_503_at_once() {
    let limits = limits(|limits| limits.requests = 1);
    let (server, config) = open_server(limits, quick()).await;
    let mut slow = h1(server.address, &config).await;
    let mut other = h1(server.address, &config).await;
    let mut http2 = h2(server.address, &config).await;
    assert_eq!(get_on(&mut other, "/").await.unwrap().0, 200);
    say(&mut slow, "GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    sleep(ms(100)).await;
    say(&mut other, "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let (status, head, _) = hear(&mut other).await.unwrap();
    assert_eq!(status, 503);
    assert!(head.contains("retry-after: 1\r\n"), "{head}");
    assert_eq!(h2_get(&mut http2, "/").await.unwrap().0, 503);
    assert_eq!(server.refused("requests"), 2);
    // Probes are not reviews.
    assert_eq!(readyz(server.operations).await.unwrap(), "Serving");
    server.gate.notify_one();
    assert_eq!(hear(&mut slow).await.unwrap().0, 200);
    assert_eq!(get_on(&mut other, "/").await.unwrap().0, 200);
    assert_eq!(h2_get(&mut http2, "/").await.unwrap().0, 200);
}

#[tokio::test]
async fn one_request_too_many_of_a_connection_is_503_and_others_are_served() {
    let limits = limits(|limits| limits.requests_per_connection = 1);
    let (server, config) = open_server(limits, quick()).await;
    let mut http2 = h2(server.address, &config).await;
    let mut same = http2.clone();
    let rest = async {
        sleep(ms(100)).await;
        assert_eq!(h2_get(&mut same, "/").await.unwrap().0, 503);
        assert_eq!(ask(server.address, &config, "/").await.unwrap().0, 200);
        server.gate.notify_one();
    };
    let (slow, ()) = tokio::join!(h2_get(&mut http2, "/slow"), rest);
    assert_eq!(slow.unwrap().0, 200);
    assert_eq!(h2_get(&mut http2, "/").await.unwrap().0, 200);
}

#[tokio::test]
async fn requests_that_are_given_up_make_room() {
    let limits = limits(|limits| limits.requests = 1);
    let (server, config) = open_server(limits, quick()).await;
    let mut http2 = h2(server.address, &config).await;
    for _ in 0..3 {
        let never = tokio::time::timeout(ms(50), h2_get(&mut http2, "/never")).await;
        assert!(never.is_err());
        within("room", async {
            while h2_get(&mut http2, "/").await.unwrap().0 != 200 {
                sleep(ms(5)).await;
            }
        })
        .await;
    }
    let mut gone = h1(server.address, &config).await;
    say(&mut gone, "GET /never HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    sleep(ms(50)).await;
    assert_eq!(ask(server.address, &config, "/").await.unwrap().0, 503);
    drop(gone);
    within("room", async {
        while ask(server.address, &config, "/").await.unwrap().0 != 200 {
            sleep(ms(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_handler_that_panics_costs_its_request_and_no_place() {
    let limits = limits(|limits| {
        limits.requests = 1;
        limits.connections = 1;
    });
    let (server, config) = open_server(limits, quick()).await;
    for _ in 0..3 {
        ask(server.address, &config, "/panic").await.unwrap_err();
        server.until("it is gone", |server| server.metric("portcullis_connections ") == 0).await;
    }
    let mut http2 = h2(server.address, &config).await;
    for _ in 0..3 {
        h2_get(&mut http2, "/panic").await.unwrap_err();
        assert_eq!(h2_get(&mut http2, "/").await.unwrap().0, 200);
    }
}

#[tokio::test]
async fn failed_handshakes_use_up_a_budget_that_comes_back() {
    let limits = limits(|limits| {
        limits.handshakes.burst = 3;
        limits.handshakes.recovery = ms(1000);
        limits.handshakes.exempt_loopback = false;
    });
    let (server, config) = open_server(limits, quick()).await;
    let fail = async || {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let _ = stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await;
        assert!(is_closed(&mut stream).await);
    };
    // A success in between wipes the slate: four failures, never three in a row.
    for _ in 0..2 {
        fail().await;
        fail().await;
        assert_eq!(ask(server.address, &config, "/").await.unwrap().0, 200);
    }
    let mut open = h1(server.address, &config).await;
    for _ in 0..3 {
        fail().await;
    }
    ask(server.address, &config, "/").await.unwrap_err();
    assert!(server.refused("handshake_budget") >= 1);
    assert_eq!(server.refused("handshake"), 7);
    // Open connections are not meant, nor are operations.
    assert_eq!(get_on(&mut open, "/").await.unwrap().0, 200);
    assert_eq!(readyz(server.operations).await.unwrap(), "Serving");
    sleep(ms(1100)).await;
    assert_eq!(ask(server.address, &config, "/").await.unwrap().0, 200);
}

#[tokio::test]
async fn loopback_has_no_handshake_budget_unless_it_is_said() {
    let (server, config) = open_server(limits(|limits| limits.handshakes.burst = 1), quick()).await;
    for _ in 0..5 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let _ = stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await;
        assert!(is_closed(&mut stream).await);
    }
    assert_eq!(ask(server.address, &config, "/").await.unwrap().0, 200);
}

#[tokio::test]
async fn a_handshake_that_takes_too_long_is_ended() {
    let limits = limits(|limits| limits.handshake_time = ms(200));
    let (server, config) = open_server(limits, quick()).await;
    for first in [&b""[..], &b"\x16\x03\x01\x01\x00"[..]] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(first).await.unwrap();
        let start = Instant::now();
        assert!(is_closed(&mut stream).await);
        assert!((ms(150)..ms(8000)).contains(&start.elapsed()));
    }
    assert_eq!(server.refused("slow"), 2);
    assert_eq!(ask(server.address, &config, "/").await.unwrap().0, 200);
}

/// One HTTP/2 frame (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).map_or(0, |pages| pages.parse::<usize>().unwrap());
    pages * 4096
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rapid_reset_costs_little_memory_and_others_are_served() {
    let (server, config) = open_server(Limits::default(), quick()).await;
    let mut other = h2(server.address, &config).await;
    assert_eq!(h2_get(&mut other, "/").await.unwrap().0, 200);
    let before = resident_bytes();
    // GET https://localhost/never, without an end of the stream; then CANCEL.
    let mut block = vec![0x82, 0x87, 0x04, 6];
    block.extend(b"/never");
    block.extend([0x01, 9]);
    block.extend(b"localhost");
    let attack = async {
        let mut sent = 0_u32;
        for _ in 0..4 {
            let mut stream = connect(server.address, &config, "h2").await.unwrap();
            let _ = stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
            let _ = stream.write_all(&frame(4, 0, 0, &[])).await;
            for batch in 0..200_u32 {
                let mut bytes = Vec::new();
                for n in 0..100 {
                    let id = 2 * (batch * 100 + n) + 1;
                    bytes.extend(frame(1, 4, id, &block));
                    bytes.extend(frame(3, 0, id, &8_u32.to_be_bytes()));
                }
                if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                    break;
                }
                sent += 100;
            }
            // What comes back ends with GOAWAY, ENHANCE_YOUR_CALM (RFC 9113 §7).
            let mut answer = Vec::new();
            let _ = tokio::time::timeout(ms(1000), stream.read_to_end(&mut answer)).await;
            let goaway = answer
                .windows(17)
                .any(|window| window[3] == 7 && window[13..17] == 11_u32.to_be_bytes());
            assert!(goaway, "{sent} sent, {} bytes back", answer.len());
        }
    };
    let mut worst = Duration::ZERO;
    let calm = async {
        for _ in 0..100 {
            let start = Instant::now();
            assert_eq!(h2_get(&mut other, "/").await.unwrap().0, 200);
            worst = worst.max(start.elapsed());
            sleep(ms(2)).await;
        }
    };
    tokio::join!(attack, calm);
    assert!(worst < ms(5000), "{worst:?}");
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 64 * 1024 * 1024, "{grown} bytes");
    server.until("they are gone", |server| server.metric("portcullis_connections ") == 1).await;
}

#[tokio::test]
async fn an_operations_listener_for_the_network_must_be_asked_for() {
    let server = || Server::new(Limits::default(), std::sync::Arc::new(Metrics::new()));
    let bind = async |address: &str| TcpListener::bind(address).await.unwrap();
    let open = bind("0.0.0.0:0").await;
    let address = open.local_addr().unwrap();
    match server().operations(open, Router::new(), Exposure::Loopback) {
        Err(ListenerError::NotLoopback { address: named }) => assert_eq!(named, address),
        other => panic!("{other:?}"),
    }
    let open = bind("0.0.0.0:0").await;
    server().operations(open, Router::new(), Exposure::Network).unwrap();
    let local = bind("127.0.0.1:0").await;
    server().operations(local, Router::new(), Exposure::Loopback).unwrap();
}

/// Runs the test below with few file descriptors: the limit is the process's.
#[cfg(target_os = "linux")]
#[test]
fn without_file_descriptors_the_server_waits_and_recovers() {
    let Ok(own) = std::env::current_exe() else { return };
    let mut shell = std::process::Command::new("sh");
    let test = "webhook_transport::limits::in_a_process_with_64_file_descriptors";
    shell.args(["-c", "ulimit -n 64 && exec \"$0\" --exact \"$1\" --ignored"]).arg(own).arg(test);
    let output = shell.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "run by the test above"]
async fn in_a_process_with_64_file_descriptors() {
    let (server, config) = open_server(Limits::default(), quick()).await;
    assert_eq!(ask(server.address, &config, "/").await.unwrap().0, 200);
    let mut stat = std::fs::File::open("/proc/self/stat").unwrap();
    // Nothing is awaited, so nothing is accepted, until the last descriptor is gone.
    let mut taken = Vec::new();
    let error = loop {
        match std::net::TcpStream::connect(server.address) {
            Ok(stream) => taken.push(stream),
            Err(error) => break error,
        }
        assert!(taken.len() < 64);
    };
    assert_eq!(error.raw_os_error(), Some(24), "EMFILE: {error}");
    // The accepting task fails again and again; it must not do so all the time.
    let before = processor_ticks(&mut stat);
    sleep(ms(1000)).await;
    let spent = processor_ticks(&mut stat) - before;
    assert!(spent < 5, "{spent} of 100 ticks");
    taken.clear();
    assert_eq!(ask(server.address, &config, "/").await.unwrap().0, 200);
}

/// Hundredths of a second that this process has run; the file was opened in time.
#[cfg(target_os = "linux")]
fn processor_ticks(stat: &mut std::fs::File) -> u64 {
    use std::io::{Read as _, Seek as _};
    let mut text = String::new();
    stat.rewind().unwrap();
    stat.read_to_string(&mut text).unwrap();
    let (_, numbers) = text.rsplit_once(')').unwrap();
    numbers.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}
