//! The client of webhooks over real connections: a server on loopback that answers as it is told.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use portcullis::authz::webhook::{Remote as _, RemoteAnswer};
use portcullis::source::webhook_client::{ClientOptions, Retry, Warning, WebhookClient};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use crate::support::tls::{Authority, Identity};

// ---- the webhook ---------------------------------------------------------------------------------

/// What it answers with.
#[derive(Clone)]
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    delay: Duration,
    /// Between the bytes of the body.
    drip: Duration,
}

impl Reply {
    fn new(status: u16) -> Self {
        Self::json(status, r#"{"status": {"allowed": true}}"#)
    }

    fn json(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.into(),
            delay: Duration::ZERO,
            drip: Duration::ZERO,
        }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// What it was asked.
struct Seen {
    method: String,
    path: String,
    version: http::Version,
    headers: HeaderMap,
    body: Vec<u8>,
}

#[derive(Clone, Default)]
struct Script {
    /// Answers in order; the last one stays.
    replies: Arc<Mutex<VecDeque<Reply>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
}

impl Script {
    async fn answer(self, request: Request<Incoming>) -> Result<Response<Dripping>, hyper::Error> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes().to_vec();
        self.seen.lock().unwrap().push(Seen {
            method: head.method.to_string(),
            path: head.uri.path_and_query().unwrap().to_string(),
            version: head.version,
            headers: head.headers,
            body,
        });
        let reply = {
            let mut replies = self.replies.lock().unwrap();
            if replies.len() > 1 { replies.pop_front().unwrap() } else { replies[0].clone() }
        };
        tokio::time::sleep(reply.delay).await;
        let mut response = Response::builder().status(reply.status);
        for (name, value) in reply.headers {
            response = response.header(name, value);
        }
        Ok(response.body(Dripping::new(reply.body, reply.drip)).unwrap())
    }
}

/// A body in one piece, or byte by byte with pauses.
struct Dripping {
    rest: VecDeque<Bytes>,
    pause: Duration,
    sleep: Pin<Box<tokio::time::Sleep>>,
}

impl Dripping {
    fn new(body: Vec<u8>, pause: Duration) -> Self {
        let rest = match pause {
            Duration::ZERO => [Bytes::from(body)].into(),
            _ => body.into_iter().map(|byte| Bytes::from(vec![byte])).collect(),
        };
        Self { rest, pause, sleep: Box::pin(tokio::time::sleep(pause)) }
    }
}

impl Body for Dripping {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        ready!(self.sleep.as_mut().poll(context));
        let pause = self.pause;
        self.sleep.set(tokio::time::sleep(pause));
        Poll::Ready(self.rest.pop_front().map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// How it speaks TLS.
#[derive(Clone, Copy)]
struct Speech {
    protocols: &'static [&'static [u8]],
    asks_for_certificates: bool,
}

const BOTH: Speech = Speech { protocols: &[b"h2", b"http/1.1"], asks_for_certificates: false };
const OLD: Speech = Speech { protocols: &[b"http/1.1"], ..BOTH };
const MUTUAL: Speech = Speech { asks_for_certificates: true, ..BOTH };

struct Hook {
    // Before everything that lives on it.
    _runtime: Runtime,
    folder: TempDir,
    ca: Authority,
    address: SocketAddr,
    script: Script,
}

impl Hook {
    fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::speaking(BOTH, replies)
    }

    fn speaking(speech: Speech, replies: impl IntoIterator<Item = Reply>) -> Self {
        let ca = Authority::new("CA");
        let acceptor = acceptor(&ca, &ca.issue("webhook"), speech);
        let script = Script::default();
        *script.replies.lock().unwrap() = replies.into_iter().collect();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let serving = script.clone();
        runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                serving.connections.fetch_add(1, Ordering::SeqCst);
                let (acceptor, script) = (acceptor.clone(), serving.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = service_fn(move |request| script.clone().answer(request));
                    let http = auto::Builder::new(TokioExecutor::new());
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.crt"), &ca.pem).unwrap();
        Self { _runtime: runtime, folder, ca, address, script }
    }

    /// The kubeconfig of a webhook at `/authorize`, whose CA is in a file beside it.
    fn kubeconfig(&self, user: &str) -> PathBuf {
        let cluster = format!(
            "{{server: 'https://localhost:{}/authorize', certificate-authority: ca.crt}}",
            self.address.port()
        );
        write_kubeconfig(&self.folder, &cluster, user)
    }

    fn client(&self) -> WebhookClient {
        self.client_of("{}")
    }

    fn client_of(&self, user: &str) -> WebhookClient {
        WebhookClient::from_kubeconfig(&self.kubeconfig(user), &options(), None).unwrap()
    }

    fn asked(&self) -> usize {
        self.script.seen.lock().unwrap().len()
    }
}

fn write_kubeconfig(folder: &TempDir, cluster: &str, user: &str) -> PathBuf {
    let path = folder.path().join("kubeconfig");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
         contexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
         clusters: [{{name: k, cluster: {cluster}}}]\nusers: [{{name: u, user: {user}}}]\n"
    );
    fs::write(&path, text).unwrap();
    path
}

fn acceptor(ca: &Authority, identity: &Identity, speech: Speech) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = if speech.asks_for_certificates {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.pem.as_bytes()).unwrap()).unwrap();
        let roots = Arc::new(roots);
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots, provider).build().unwrap();
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = speech.protocols.iter().map(|name| name.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// As the API server, with short pauses.
fn options() -> ClientOptions {
    let retry = Retry { delay: Duration::from_millis(1), ..Retry::default() };
    ClientOptions::default().with_timeout(Duration::from_secs(10)).with_retry(retry)
}

const QUESTION: &[u8] = br#"{"kind":"SubjectAccessReview","spec":{}}"#;

/// The answer, or the error in words.
fn review(client: &WebhookClient) -> Result<RemoteAnswer, String> {
    client.review(QUESTION).map_err(|error| error.to_string())
}

fn status(client: &WebhookClient) -> u16 {
    review(client).unwrap().status
}

// ---- the request ---------------------------------------------------------------------------------

#[test]
fn a_review_is_posted_to_the_url_with_the_timeout_for_a_query() {
    // S-WHA-1: in the form of the recorded requests, over both versions of HTTP.
    for (speech, version) in [(BOTH, http::Version::HTTP_2), (OLD, http::Version::HTTP_11)] {
        let hook = Hook::speaking(speech, [Reply::new(200)]);
        let port = hook.address.port();
        for (server, timeout, path) in [
            ("/authorize", Duration::from_secs(3), "/authorize?timeout=3s"),
            ("/a%20b/?x=y&timeout=9s", Duration::from_millis(1_500), "/a%20b/?timeout=1.5s"),
            ("", Duration::from_secs(90), "/?timeout=1m30s"),
        ] {
            let cluster = format!(
                "{{server: 'https://localhost:{port}{server}', certificate-authority: ca.crt}}"
            );
            let path_to_file = write_kubeconfig(&hook.folder, &cluster, "{}");
            let options = options().with_timeout(timeout);
            let client = WebhookClient::from_kubeconfig(&path_to_file, &options, None).unwrap();
            assert_eq!(status(&client), 200);
            let seen = hook.script.seen.lock().unwrap().pop().unwrap();
            assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", path));
            assert_eq!((seen.version, seen.body.as_slice()), (version, QUESTION));
            assert_eq!(seen.headers["accept"], "application/json, */*");
            assert_eq!(seen.headers["content-type"], "application/json");
            assert!(!seen.headers.contains_key("authorization"));
        }
    }
}

#[test]
fn two_reviews_share_a_connection() {
    for speech in [BOTH, OLD] {
        let hook = Hook::speaking(speech, [Reply::new(200)]);
        let client = hook.client();
        assert_eq!((status(&client), status(&client)), (200, 200));
        assert_eq!(hook.script.connections.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn a_token_is_sent_from_the_kubeconfig_or_a_file_and_never_shown() {
    let hook = Hook::start([Reply::new(200)]);
    fs::write(hook.folder.path().join("token"), "s3cret-in-file\n").unwrap();
    for (user, header) in [
        ("{token: s3cret}", "Bearer s3cret"),
        ("{tokenFile: token}", "Bearer s3cret-in-file"),
        ("{token: s3cret, tokenFile: token}", "Bearer s3cret-in-file"),
    ] {
        let client = hook.client_of(user);
        assert_eq!(status(&client), 200);
        let seen = hook.script.seen.lock().unwrap().pop().unwrap();
        assert_eq!(seen.headers["authorization"], header);
        assert!(!format!("{client:?}").contains("s3cret"), "{client:?}");
    }
}

// ---- tries ---------------------------------------------------------------------------------------

#[test]
fn a_failure_that_may_pass_is_tried_again_until_there_is_an_answer() {
    // S-WHA-9.
    for failing in [429, 500, 502, 504, 599] {
        let hook = Hook::start([Reply::new(failing), Reply::new(failing), Reply::new(200)]);
        assert_eq!(status(&hook.client()), 200, "{failing}");
        assert_eq!(hook.asked(), 3, "{failing}");
    }
}

#[test]
fn it_is_tried_five_times_and_no_more() {
    // S-WHA-9.
    let hook = Hook::start([Reply::new(500)]);
    assert_eq!(status(&hook.client()), 500);
    assert_eq!(hook.asked(), 5);
}

#[test]
fn what_will_not_pass_is_not_tried_again() {
    // S-WHA-9: also a redirect is an answer.
    for status_code in [200, 206, 301, 302, 307, 400, 401, 403, 404, 422, 503] {
        let hook = Hook::start([Reply::new(status_code).with("location", "/elsewhere")]);
        assert_eq!(status(&hook.client()), status_code);
        assert_eq!(hook.asked(), 1, "{status_code}");
    }
}

#[test]
fn retry_after_is_obeyed_ten_times_within_an_attempt() {
    // S-WHA-9: 503 with the header is retried within the attempt, 429 after it, too.
    let hook = Hook::start([Reply::new(503).with("retry-after", "0")]);
    assert_eq!(status(&hook.client()), 503);
    assert_eq!(hook.asked(), 11);
    let hook = Hook::start([Reply::new(429).with("retry-after", "0")]);
    assert_eq!(status(&hook.client()), 429);
    assert_eq!(hook.asked(), 55);
    // A date is not a number of seconds.
    let date = "Wed, 21 Oct 2015 07:28:00 GMT";
    let hook = Hook::start([Reply::new(503).with("retry-after", date)]);
    assert_eq!((status(&hook.client()), hook.asked()), (503, 1));
}

#[test]
fn whoever_asks_for_a_second_gets_it() {
    let hook = Hook::start([Reply::new(429).with("retry-after", "1"), Reply::new(200)]);
    let start = Instant::now();
    assert_eq!((status(&hook.client()), hook.asked()), (200, 2));
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_wait_that_is_asked_for_counts_in_the_time_of_the_attempt() {
    // S-WHA-9, S-WHA-10: and a timeout is not tried again.
    let hook = Hook::start([Reply::new(429).with("retry-after", "100")]);
    let short = options().with_timeout(Duration::from_millis(400));
    let client = WebhookClient::from_kubeconfig(&hook.kubeconfig("{}"), &short, None).unwrap();
    assert_eq!(review(&client), Err("no answer from the webhook within 400ms".to_owned()));
    assert_eq!(hook.asked(), 1);
}

#[test]
fn the_time_is_that_of_each_attempt_and_not_of_all() {
    // S-WHA-10: four slow failures take longer than the timeout together.
    let slow = Reply { delay: Duration::from_millis(150), ..Reply::new(500) };
    let hook = Hook::start([slow.clone(), slow.clone(), slow.clone(), slow, Reply::new(200)]);
    let short = options().with_timeout(Duration::from_millis(500));
    let client = WebhookClient::from_kubeconfig(&hook.kubeconfig("{}"), &short, None).unwrap();
    let start = Instant::now();
    assert_eq!((status(&client), hook.asked()), (200, 5));
    assert!(start.elapsed() > Duration::from_millis(600));
}

#[test]
fn a_silent_webhook_and_one_that_drips_end_with_the_timeout() {
    for slow in [
        Reply { delay: Duration::from_secs(60), ..Reply::new(200) },
        Reply { drip: Duration::from_millis(100), ..Reply::new(200) },
    ] {
        let hook = Hook::start([slow]);
        let short = options().with_timeout(Duration::from_millis(500));
        let client = WebhookClient::from_kubeconfig(&hook.kubeconfig("{}"), &short, None).unwrap();
        let start = Instant::now();
        assert_eq!(review(&client), Err("no answer from the webhook within 500ms".to_owned()));
        assert_eq!(hook.asked(), 1);
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}

/// A plain server that resets the first connections, then answers. With how many there were.
fn resetting(resets: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let number = counted.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 1];
            stream.read_exact(&mut request).unwrap();
            if number < resets {
                // What was not read makes the system reset the connection.
                drop(stream);
                continue;
            }
            let mut rest = vec![0; 4_096];
            let _ = stream.read(&mut rest).unwrap();
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (address, connections)
}

fn plain(address: SocketAddr) -> WebhookClient {
    let folder = tempfile::tempdir().unwrap();
    let path = write_kubeconfig(&folder, &format!("{{server: 'http://{address}/'}}"), "{}");
    let client = WebhookClient::from_kubeconfig(&path, &options(), None).unwrap();
    assert_eq!(client.warnings(), []);
    client
}

#[test]
fn a_connection_that_is_reset_is_tried_again() {
    // S-WHA-9.
    let (address, connections) = resetting(2);
    assert_eq!(status(&plain(address)), 200);
    assert_eq!(connections.load(Ordering::SeqCst), 3);
    let (address, connections) = resetting(usize::MAX);
    let error = review(&plain(address)).unwrap_err();
    assert!(error.starts_with("no answer from the webhook: "), "{error}");
    assert_eq!(connections.load(Ordering::SeqCst), 5);
}

#[test]
fn a_connection_that_is_refused_is_not_tried_again() {
    // S-WHA-9: an attempt more would wait for a minute.
    let free = StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = write_kubeconfig(&folder, &format!("{{server: 'http://{free}/'}}"), "{}");
    let patient =
        options().with_retry(Retry { delay: Duration::from_secs(60), ..Retry::default() });
    let client = WebhookClient::from_kubeconfig(&path, &patient, None).unwrap();
    let start = Instant::now();
    let error = review(&client).unwrap_err();
    assert!(error.contains("refused"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(30));
}

// ---- the answer ----------------------------------------------------------------------------------

#[test]
fn an_answer_of_the_greatest_size_is_read_and_a_longer_one_is_refused() {
    let hook = Hook::start([Reply::json(200, &format!("{{{}}}", " ".repeat(98)))]);
    let client = |bytes| {
        let limited = options().with_max_answer_bytes(bytes);
        WebhookClient::from_kubeconfig(&hook.kubeconfig("{}"), &limited, None).unwrap()
    };
    assert_eq!(review(&client(100)).unwrap().body.len(), 100);
    let refused = Err("the answer of the webhook is larger than 99 bytes".to_owned());
    assert_eq!(review(&client(99)), refused);
    assert_eq!(hook.asked(), 2);
}

#[test]
fn what_stands_beside_a_refusal_may_be_of_any_size() {
    let hook = Hook::start([Reply::json(403, &"x".repeat(1_000))]);
    let limited = options().with_max_answer_bytes(10);
    let client = WebhookClient::from_kubeconfig(&hook.kubeconfig("{}"), &limited, None).unwrap();
    assert_eq!(status(&client), 403);
}

#[test]
fn yaml_is_read_as_the_json_that_it_says_and_everything_else_is_passed_on() {
    // S-WHA-7.
    for (body, content_type, passed_on) in [
        (r#"{"status": {}}"#, "application/json", Ok(r#"{"status": {}}"#)),
        (r#" {"status": {}}"#, "text/plain", Ok(r#" {"status": {}}"#)),
        (
            "status:\n  allowed: yes\n  reason: 'ok'\n",
            "application/yaml",
            Ok("{\"status\":{\"allowed\":true,\"reason\":\"ok\"}}\n"),
        ),
        ("", "application/json", Ok("")),
        ("k8s\0\n", "application/vnd.kubernetes.protobuf", Ok("k8s\0\n")),
        ("a: [", "application/yaml", Err("the answer of the webhook is neither JSON nor YAML")),
        (
            "a: 1\na: 2",
            "application/yaml",
            Err("the answer of the webhook is neither JSON nor YAML"),
        ),
    ] {
        let hook = Hook::start([Reply::json(200, body).with("content-type", content_type)]);
        let read = review(&hook.client()).map(|answer| {
            assert_eq!(answer.content_type, content_type);
            String::from_utf8(answer.body).unwrap()
        });
        assert_eq!(read.as_deref().map_err(String::as_str), passed_on, "{body:?}");
    }
}

// ---- who is who ----------------------------------------------------------------------------------

#[test]
fn a_webhook_of_another_authority_is_not_asked() {
    let hook = Hook::start([Reply::new(200)]);
    let client = hook.client();
    assert_eq!(status(&client), 200);
    fs::write(hook.folder.path().join("ca.crt"), Authority::new("other").pem).unwrap();
    // What was read stays as it is (S-ACFG-10).
    assert_eq!(status(&client), 200);
    let error = review(&hook.client()).unwrap_err();
    assert!(error.contains("certificate"), "{error}");
    assert_eq!(hook.asked(), 2);
}

#[test]
fn the_certificate_is_of_the_host_or_of_the_name_that_is_given() {
    // It is for `localhost`.
    let hook = Hook::start([Reply::new(200)]);
    let client = |host: &str, more: &str| {
        let port = hook.address.port();
        let cluster =
            format!("{{server: 'https://{host}:{port}/', certificate-authority: ca.crt{more}}}");
        let path = write_kubeconfig(&hook.folder, &cluster, "{}");
        WebhookClient::from_kubeconfig(&path, &options(), None).unwrap()
    };
    assert_eq!(status(&client("localhost", "")), 200);
    assert!(review(&client("127.0.0.1", "")).is_err());
    assert_eq!(status(&client("127.0.0.1", ", tls-server-name: localhost")), 200);
    assert!(review(&client("localhost", ", tls-server-name: other.example")).is_err());
}

#[test]
fn any_certificate_will_do_when_it_is_not_to_be_verified_and_that_is_warned_of() {
    let hook = Hook::start([Reply::new(200)]);
    let client = |more: &str| {
        let cluster = format!("{{server: 'https://{}/'{more}}}", hook.address);
        let path = write_kubeconfig(&hook.folder, &cluster, "{}");
        WebhookClient::from_kubeconfig(&path, &options(), None).map_err(|error| error.to_string())
    };
    let any = client(", insecure-skip-tls-verify: true").unwrap();
    assert_eq!(any.warnings(), [Warning::Unverified]);
    assert_eq!(status(&any), 200);
    let nobody = client(", insecure-skip-tls-verify: false").unwrap_err();
    assert!(nobody.contains("name the authority"), "{nobody}");
    let both =
        client(", insecure-skip-tls-verify: true, certificate-authority: ca.crt").unwrap_err();
    assert!(
        both.contains("specifying a root certificates file with the insecure flag is not allowed"),
        "{both}"
    );
}

#[test]
fn a_client_certificate_is_shown_from_files_and_from_the_kubeconfig() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    let hook = Hook::speaking(MUTUAL, [Reply::new(200)]);
    let client = hook.ca.issue("portcullis");
    for (name, text) in [("client.crt", &client.certificate), ("client.key", &client.key)] {
        fs::write(hook.folder.path().join(name), text).unwrap();
    }
    let files = "{client-certificate: client.crt, client-key: client.key}";
    assert_eq!(status(&hook.client_of(files)), 200);
    let (certificate, key) = (STANDARD.encode(&client.certificate), STANDARD.encode(&client.key));
    let data = format!("{{client-certificate-data: {certificate}, client-key-data: {key}}}");
    assert_eq!(status(&hook.client_of(&data)), 200);
    assert_eq!(hook.asked(), 2);
    assert!(review(&hook.client()).is_err());
    let stranger = Authority::new("other").issue("portcullis");
    fs::write(hook.folder.path().join("client.crt"), &stranger.certificate).unwrap();
    fs::write(hook.folder.path().join("client.key"), &stranger.key).unwrap();
    assert!(review(&hook.client_of(files)).is_err());
    assert_eq!(hook.asked(), 2);
}

// ---- where it is called --------------------------------------------------------------------------

#[test]
fn a_client_may_be_waited_for_within_the_runtime_that_it_uses() {
    let hook = Hook::start([Reply::new(200)]);
    // One thread does the work, and it is the one that waits.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    let client = WebhookClient::from_kubeconfig(&hook.kubeconfig("{}"), &options(), Some(handle));
    let client = Arc::new(client.unwrap());
    let asked = Arc::clone(&client);
    let task = runtime.spawn(async move { tokio::task::block_in_place(|| status(&asked)) });
    assert_eq!(runtime.block_on(task).unwrap(), 200);
    let asked = Arc::clone(&client);
    let task = runtime.spawn_blocking(move || status(&asked));
    assert_eq!(runtime.block_on(task).unwrap(), 200);
    // And from a thread that has nothing to do with it.
    assert_eq!(status(&client), 200);
}

#[test]
fn a_runtime_of_one_thread_is_not_waited_on() {
    let hook = Hook::start([Reply::new(200)]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    let client = WebhookClient::from_kubeconfig(&hook.kubeconfig("{}"), &options(), Some(handle));
    // The only thread waits, and drops the client while it runs.
    runtime.block_on(async move { assert_eq!(status(&client.unwrap()), 200) });
}

#[test]
fn a_runtime_that_ends_ends_the_waiting() {
    let hook = Hook::start([Reply { delay: Duration::from_secs(60), ..Reply::new(200) }]);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    let client = WebhookClient::from_kubeconfig(&hook.kubeconfig("{}"), &options(), Some(handle));
    let client = Arc::new(client.unwrap());
    let asking = Arc::clone(&client);
    let waiting = std::thread::spawn(move || review(&asking));
    while hook.asked() == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    runtime.shutdown_background();
    let ended = Err("the webhook was not waited for: the program is ending".to_owned());
    assert_eq!(waiting.join().unwrap(), ended);
    // And whoever asks later is told so, too.
    assert_eq!(review(&client), ended);
}
