//! Spans at a collector: with the feature `otel` they arrive and tell little; without it a
//! configuration that asks for them is refused.

use super::kit::*;

#[cfg(not(feature = "otel"))]
#[test]
fn without_the_feature_a_server_with_a_collector_does_not_start() {
    let home = Home::new("log: {openTelemetry: {endpoint: 'http://127.0.0.1:4318/v1/traces'}}\n");
    let said = home.cannot_start();
    assert!(said.contains("server.yaml:13: `log.openTelemetry`"), "{said}");
    assert!(said.contains("without the feature `otel`"), "{said}");
    let (status, said, _) = run(&home.path(""), &["check", "--config", "server.yaml"]);
    assert!(status != Some(0) && said.contains("without the feature `otel`"), "{said}");
}

#[cfg(feature = "otel")]
mod with_collector {
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    use http_body_util::{BodyExt as _, Empty};
    use hyper::Response;
    use hyper::body::{Bytes, Incoming};
    use hyper::service::service_fn;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use hyper_util::server::conn::auto;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// Takes what is posted.
    struct Collector {
        port: u16,
        bytes: Arc<Mutex<Vec<u8>>>,
    }

    impl Collector {
        async fn start(tls: Option<TlsAcceptor>) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let bytes = Arc::new(Mutex::new(Vec::new()));
            let into = Arc::clone(&bytes);
            tokio::spawn(async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let (into, tls) = (Arc::clone(&into), tls.clone());
                    let service = service_fn(move |request: http::Request<Incoming>| {
                        let into = Arc::clone(&into);
                        async move {
                            let body = request.into_body().collect().await.unwrap().to_bytes();
                            into.lock().unwrap().extend_from_slice(&body);
                            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
                        }
                    });
                    let http = auto::Builder::new(TokioExecutor::new());
                    tokio::spawn(async move {
                        if let Some(tls) = tls {
                            let Ok(stream) = tls.accept(stream).await else { return };
                            let _ = http.serve_connection(TokioIo::new(stream), service).await;
                        } else {
                            let _ = http.serve_connection(TokioIo::new(stream), service).await;
                        }
                    });
                }
            });
            Self { port, bytes }
        }

        /// What arrived, with replacement characters for what is no text.
        fn text(&self) -> String {
            String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
        }
    }

    fn config(endpoint: &str, more: &str) -> String {
        format!(
            "log: {{format: json, openTelemetry: {{endpoint: '{endpoint}', sample: 1, serviceName: gate-7{more}}}}}\n"
        )
    }

    /// The server ends in good order, also while other tasks of this test must go on.
    async fn stop(server: Running) -> (Option<i32>, Running) {
        let stopping = tokio::task::spawn_blocking(move || (server.stop(), server));
        stopping.await.unwrap()
    }

    #[tokio::test]
    async fn a_span_arrives_for_each_request_and_tells_neither_who_nor_what_nor_a_token() {
        let collector = Collector::start(None).await;
        let endpoint = format!("http://127.0.0.1:{}/v1/traces", collector.port);
        let home = Home::new(&format!(
            "{}authenticators: [{{tokenFile: {{file: tokens.csv}}}}]\n",
            config(&endpoint, "")
        ));
        home.write("tokens.csv", "t0k3n-of-joe,joe,7,dev\n");
        let server = home.start();
        let mut client = server.client(Protocol::Http2).await;
        assert!(client.is_allowed("jane", "get").await);
        assert!(!client.is_allowed("joan", "get").await);
        assert_eq!(client.user("t0k3n-of-joe").await.as_deref(), Some("joe"));
        assert_eq!(client.user("t0k3n-of-nobody").await, None);
        client.send("POST", "/authorize?token=qu3ry", "{\"s3cret\"").await.unwrap();
        let (status, server) = stop(server).await;
        assert_eq!(status, Some(0), "{}", server.process.stderr());
        let text = collector.text();
        assert_eq!(text.matches("POST /authorize").count(), 3, "{text}");
        assert_eq!(text.matches("POST /authenticate").count(), 2, "{text}");
        for part in ["gate-7", "allow", "no_opinion", "authenticated", "unknown", "malformed"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        for part in ["jane", "joan", "joe", "t0k3n", "qu3ry", "s3cret", "shop", "pods", "reader"] {
            assert!(!text.contains(part), "{part}: {text}");
        }
    }

    #[tokio::test]
    async fn a_collector_behind_tls_needs_the_authority_that_is_named() {
        let other = Authority::new("other");
        let home = Home::new("");
        let identity = home.ca.issue("collector");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap(),
            )
            .unwrap();
        let collector = Collector::start(Some(TlsAcceptor::from(Arc::new(tls)))).await;
        let endpoint = format!("https://localhost:{}/v1/traces", collector.port);
        home.configure(&config(&endpoint, ", caFile: collector-ca.crt"));
        assert!(home.cannot_start().contains("server.yaml:13: `log.openTelemetry.caFile`"));
        home.write("collector-ca.crt", "no certificate");
        assert!(home.cannot_start().contains("`collector-ca.crt`: the CA bundle must be PEM"));
        let (_, said, _) = run(&home.path(""), &["check", "--config", "server.yaml"]);
        assert!(said.contains("collector-ca.crt"), "{said}");
        for (authority, is_trusted) in [(&other, false), (&*home.ca, true)] {
            home.write("collector-ca.crt", &authority.pem);
            let server = home.start();
            assert!(server.client(Protocol::Http1).await.is_allowed("jane", "get").await);
            let (status, server) = stop(server).await;
            assert_eq!(status, Some(0));
            assert_eq!(collector.text().contains("gate-7"), is_trusted);
            let said = server.process.stderr();
            assert_eq!(said.contains("spans do not reach the collector"), !is_trusted, "{said}");
            assert_eq!(said.contains("UnknownIssuer"), !is_trusted, "{said}");
        }
    }

    #[tokio::test]
    async fn a_collector_that_is_down_slows_nobody_and_is_told_once() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let server = Home::new(&config(&format!("http://127.0.0.1:{port}/"), "")).start();
        let mut client = server.client(Protocol::Http2).await;
        assert!(client.is_allowed("jane", "get").await);
        server.until("lost", "/metrics", |text| text.contains("spans_lost_total 1\n")).await;
        assert!(!client.is_allowed("jane", "list").await);
        server.until("lost", "/metrics", |text| text.contains("spans_lost_total 2\n")).await;
        let (status, server) = stop(server).await;
        assert_eq!(status, Some(0));
        let said = server.process.stderr();
        assert_eq!(said.matches("spans do not reach the collector").count(), 1, "{said}");
    }

    #[tokio::test]
    async fn a_collector_that_never_answers_slows_nobody_and_not_the_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/", listener.local_addr().unwrap());
        let server = Home::new(&config(&endpoint, "")).start();
        let mut client = server.client(Protocol::Http2).await;
        let started = Instant::now();
        for _ in 0..300 {
            assert!(client.is_allowed("jane", "get").await);
        }
        // The collector would be waited for ten seconds.
        assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
        drop(client);
        let started = Instant::now();
        let (status, server) = stop(server).await;
        assert_eq!(status, Some(0));
        assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
        let said = server.process.stderr();
        assert!(said.contains("the last spans could not be sent"), "{said}");
    }
}
