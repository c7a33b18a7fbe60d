//! Stopping: nothing in flight is lost, and nothing holds the server up for ever.

use std::time::{Duration, Instant};

use portcullis::webhook::server::{Drain, Limits, Phase};
use tokio::time::sleep;

use super::kit::*;
use super::limits::readyz;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[tokio::test]
async fn what_is_in_flight_is_answered_and_nothing_new_is_taken() {
    let (server, config) = open_server(Limits::default(), Drain::default()).await;
    let (address, operations, gate) =
        (server.address, server.operations, std::sync::Arc::clone(&server.gate));
    let mut phase = server.phase.clone();
    let mut stream = h1(address, &config).await;
    let mut idle = h1(address, &config).await;
    let mut http2 = h2(address, &config).await;
    assert_eq!(get_on(&mut idle, "/").await.unwrap().0, 200);
    let mut unused = http2.clone();
    let stop = async {
        sleep(ms(100)).await;
        let done = server.stop();
        phase.wait_for(|phase| *phase == Phase::Draining).await.unwrap();
        assert!(is_closed(&mut idle).await, "idle connections are closed at once");
        sleep(ms(200)).await;
        assert!(connect(address, &config, "h2").await.is_err(), "nobody listens");
        assert!(h2_get(&mut unused, "/").await.is_err(), "no new streams");
        assert_eq!(readyz(operations).await.unwrap(), "Draining");
        assert!(!done.is_finished());
        gate.notify_one();
        gate.notify_one();
        let drained = within("the end", done).await.unwrap();
        assert_eq!((drained.connections_cut, drained.requests_cut), (0, 0));
    };
    let h1_answer = async {
        let request = "GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n";
        say(&mut stream, request).await;
        let answer = hear(&mut stream).await.unwrap();
        assert!(is_closed(&mut stream).await);
        answer
    };
    let (one, two, ()) = tokio::join!(h1_answer, h2_get(&mut http2, "/slow"), stop);
    assert_eq!((one.0, one.2.as_str()), (200, "slow"));
    assert!(one.1.contains("connection: close"), "{}", one.1);
    assert_eq!(two.unwrap(), (200, "slow".to_owned()));
    assert!(readyz(operations).await.is_err(), "operations end last");
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut_and_counted() {
    let drain = Drain { timeout: ms(300), ..Drain::default() };
    let (server, config) = open_server(Limits::default(), drain).await;
    let mut http2 = h2(server.address, &config).await;
    let mut same = http2.clone();
    let mut stream = h1(server.address, &config).await;
    let stop = async {
        sleep(ms(100)).await;
        let start = Instant::now();
        let drained = within("the end", server.stop()).await.unwrap();
        assert!((ms(250)..ms(8000)).contains(&start.elapsed()), "{:?}", start.elapsed());
        assert_eq!((drained.connections_cut, drained.requests_cut), (2, 3));
    };
    let (one, two, three, ()) = tokio::join!(
        h2_get(&mut http2, "/never"),
        h2_get(&mut same, "/never"),
        get_on(&mut stream, "/never"),
        stop
    );
    assert!(one.is_err() && two.is_err() && three.is_err());
}

#[tokio::test]
async fn readiness_fails_before_the_server_stops_accepting() {
    let drain = Drain { delay: ms(500), timeout: ms(300) };
    let (server, config) = open_server(Limits::default(), drain).await;
    let (address, operations) = (server.address, server.operations);
    assert_eq!(readyz(operations).await.unwrap(), "Serving");
    let done = server.stop();
    sleep(ms(100)).await;
    assert_eq!(readyz(operations).await.unwrap(), "Draining");
    assert_eq!(ask(address, &config, "/").await.unwrap().0, 200);
    within("the end", done).await.unwrap();
    assert!(ask(address, &config, "/").await.is_err());
}

#[tokio::test]
async fn a_request_on_its_way_when_the_server_stops_is_answered() {
    let (server, config) = open_server(Limits::default(), Drain::default()).await;
    let mut fresh = h1(server.address, &config).await;
    let mut silent = h1(server.address, &config).await;
    let done = server.stop();
    sleep(ms(100)).await;
    assert_eq!(get_on(&mut fresh, "/").await.unwrap().0, 200);
    assert!(is_closed(&mut silent).await);
    let drained = within("the end", done).await.unwrap();
    assert_eq!((drained.connections_cut, drained.requests_cut), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_under_load_loses_no_request() {
    let (server, config) = open_server(Limits::default(), Drain::default()).await;
    let address = server.address;
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let config = config.clone();
            tokio::spawn(async move {
                let mut answered = 0_u32;
                // A client that connects anew for every request must never see one lost.
                while let Ok(mut stream) = connect(address, &config, "http/1.1").await {
                    assert_eq!(get_on(&mut stream, "/").await.unwrap().0, 200);
                    answered += 1;
                }
                answered
            })
        })
        .collect();
    sleep(ms(500)).await;
    let drained = within("the end", server.stop()).await.unwrap();
    assert_eq!(drained.requests_cut, 0);
    for client in clients {
        assert!(within("a client", client).await.unwrap() > 0);
    }
}
