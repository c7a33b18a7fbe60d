//! Two servers behind a balancer that follows readiness, each restarted in turn under load: as a Deployment
//! behind a Service is, with clients that keep their connections.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::kit::*;

/// The period of the balancer's probes.
const PROBE: Duration = Duration::from_millis(50);

/// Where a server answers, as the balancer knows it.
struct Backend {
    reviews: SocketAddr,
    operations: SocketAddr,
    is_ready: AtomicBool,
}

/// Hands connections on to whoever said last that it is ready, in turn. It looks now and then, like the
/// probes of a kubelet: what it knows is old.
struct Balancer {
    address: SocketAddr,
    backends: Arc<Mutex<Vec<Arc<Backend>>>>,
}

impl Balancer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let backends = Arc::<Mutex<Vec<Arc<Backend>>>>::default();
        let known = Arc::clone(&backends);
        tokio::spawn(async move {
            loop {
                let all = known.lock().unwrap().clone();
                for backend in all {
                    let answer = look(backend.operations, "/readyz").await;
                    let is_ready = answer.is_ok_and(|(status, _)| status == 200);
                    backend.is_ready.store(is_ready, Ordering::Relaxed);
                }
                sleep(PROBE).await;
            }
        });
        let known = Arc::clone(&backends);
        tokio::spawn(async move {
            let mut turn = 0_usize;
            loop {
                let Ok((mut client, _)) = listener.accept().await else { return };
                let ready: Vec<Arc<Backend>> = {
                    let all = known.lock().unwrap();
                    all.iter().filter(|it| it.is_ready.load(Ordering::Relaxed)).cloned().collect()
                };
                turn += 1;
                let Some(backend) = ready.get(turn % ready.len().max(1)) else { continue };
                let address = backend.reviews;
                tokio::spawn(async move {
                    // Refused: the client meets a connection that ends, and counts it as a failure.
                    let Ok(mut server) = TcpStream::connect(address).await else { return };
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Self { address, backends }
    }

    async fn add(&self, server: &Running) {
        let backend = Arc::new(Backend {
            reviews: server.reviews,
            operations: server.operations,
            is_ready: AtomicBool::new(false),
        });
        self.backends.lock().unwrap().push(Arc::clone(&backend));
        within("the balancer", async {
            while !backend.is_ready.load(Ordering::Relaxed) {
                sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    fn remove(&self, server: &Running) {
        self.backends.lock().unwrap().retain(|backend| backend.reviews != server.reviews);
    }
}

/// Asks over one connection for as long as that lasts, then over the next. Every request that is sent must be
/// answered, and every connection must come about.
async fn keep_asking(
    home: Home,
    balancer: SocketAddr,
    protocol: Protocol,
    stop: Arc<AtomicBool>,
    connections: Arc<AtomicUsize>,
) -> usize {
    let tls = home.tls();
    let body = pods("jane", "get").to_string();
    let mut answered = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut client = Client::connect(balancer, &tls, protocol).await.expect("a connection");
        connections.fetch_add(1, Ordering::Relaxed);
        // One that was told to go is no failure: nothing was sent.
        while client.is_open().await && !stop.load(Ordering::Relaxed) {
            let answer = match client.send("POST", "/authorize", body.clone()).await {
                Ok(answer) => answer,
                Err(error) if was_not_sent(&error) => break,
                Err(error) => panic!("{protocol:?}, after {answered}: {error:?}"),
            };
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.body["status"]["allowed"], true, "{answer:?}");
            answered += 1;
            if answer.headers.get("connection").is_some_and(|value| value == "close") {
                break;
            }
            // Now and then a connection is idle, and then used again.
            let pause = if answered % 50 == 0 { 30 } else { 1 };
            sleep(Duration::from_millis(pause)).await;
        }
    }
    answered
}

/// Whether the client was told that the connection goes before it sent the request, or that this one was not
/// looked at (RFC 9113, section 6.8): every client of HTTP/2 sends it over the next connection then.
fn was_not_sent(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error);
    let told = source.and_then(|source| source.downcast_ref::<h2::Error>());
    error.is_canceled()
        || told.is_some_and(|it| it.is_go_away() && it.reason() == Some(h2::Reason::NO_ERROR))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarting_one_server_after_the_other_loses_no_request() {
    let home = Home::new("shutdown: {delay: 1s, timeout: 5s}\n");
    let balancer = Balancer::start().await;
    let mut servers = vec![home.start(), home.start()];
    for server in &servers {
        balancer.add(server).await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let connections = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = [BOTH, BOTH]
        .concat()
        .into_iter()
        .map(|protocol| {
            let (home, stop, connections) =
                (home.clone(), Arc::clone(&stop), Arc::clone(&connections));
            tokio::spawn(keep_asking(home, balancer.address, protocol, stop, connections))
        })
        .collect();
    for _ in 0..2 {
        sleep(Duration::from_millis(200)).await;
        // The new one first, as `maxUnavailable: 0` has it.
        let new = home.start();
        balancer.add(&new).await;
        let old = servers.remove(0);
        old.process.signal("TERM");
        let process = &old.process;
        assert_eq!(tokio::task::block_in_place(|| process.wait()).code(), Some(0));
        balancer.remove(&old);
        servers.push(new);
    }
    sleep(Duration::from_millis(200)).await;
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        let answered = within("a client", client).await.expect("no request is lost");
        assert!(answered > 50, "{answered}");
    }
    // They did have to go elsewhere, and did so only when they were told.
    let connections = connections.load(Ordering::Relaxed);
    assert!(connections > 4, "{connections}");
}
