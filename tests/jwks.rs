//! Key sets over real TLS: a server on loopback with a certificate of a CA of its own.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use portcullis::authn::Keys;
use portcullis::crypto::jwk::JwkSetError;
use portcullis::crypto::{SigningAlgorithm, SigningKey};
use portcullis::source::fetch::{FetchConfigError, FetchError};
use portcullis::source::jwks::{Jwks, JwksConfig, JwksError};
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

// ---- the issuer's server -------------------------------------------------------------------------

/// What the server answers with.
#[derive(Clone, Default)]
struct Reply {
    status: u16,
    location: Option<String>,
    body: Bytes,
    delay: Duration,
}

struct Issuer {
    address: SocketAddr,
    ca: String,
    reply: Arc<Mutex<Reply>>,
    requests: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Issuer {
    async fn start(is_tls: bool) -> Self {
        let (ca, acceptor) = certificates();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let reply = Arc::new(Mutex::new(Reply::default()));
        let requests = Arc::new(AtomicUsize::new(0));
        let serving = (Arc::clone(&reply), Arc::clone(&requests));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, (reply, requests)) = (acceptor.clone(), serving.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request: Request<Incoming>| {
                        requests.fetch_add(1, Ordering::SeqCst);
                        let reply = reply.lock().unwrap().clone();
                        async move { Ok::<_, hyper::Error>(answer(&request, reply).await) }
                    });
                    let http = auto::Builder::new(TokioExecutor::new());
                    if is_tls {
                        let Ok(stream) = acceptor.accept(stream).await else { return };
                        let _ = http.serve_connection(TokioIo::new(stream), service).await;
                    } else {
                        let _ = http.serve_connection(TokioIo::new(stream), service).await;
                    }
                });
            }
        });
        Self { address, ca, reply, requests, task }
    }

    fn publish(&self, keys: &[&SigningKey]) {
        let jwks: Vec<_> = keys.iter().map(|key| key.jwk().unwrap()).collect();
        self.answer(200, json!({"keys": jwks}).to_string());
    }

    fn answer(&self, status: u16, body: impl Into<Bytes>) {
        *self.reply.lock().unwrap() = Reply { status, body: body.into(), ..Reply::default() };
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Refreshes only when it is asked to.
    fn config(&self) -> JwksConfig {
        JwksConfig::new(format!("https://{}/keys", self.address))
            .with_ca_bundle(self.ca.clone())
            .with_min_refresh(Duration::from_millis(5))
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(request: &Request<Incoming>, reply: Reply) -> Response<Full<Bytes>> {
    assert_eq!(request.uri().path(), "/keys");
    tokio::time::sleep(reply.delay).await;
    let mut response = Response::builder().status(reply.status);
    if let Some(location) = reply.location {
        response = response.header("location", location);
    }
    response.body(Full::new(reply.body)).unwrap()
}

/// A new CA, and a server with a certificate of it for 127.0.0.1.
fn certificates() -> (String, TlsAcceptor) {
    use rcgen::*;

    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &ca).unwrap();
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (ca.pem(), TlsAcceptor::from(Arc::new(config)))
}

// ---- waiting -------------------------------------------------------------------------------------

const PATIENCE: Duration = Duration::from_secs(20);

async fn ready(jwks: &Jwks) {
    tokio::time::timeout(PATIENCE, jwks.wait_ready()).await.expect("keys in time");
}

async fn until(jwks: &Jwks, what: impl Fn(&Jwks) -> bool) {
    let waiting = async {
        while !what(jwks) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| panic!("still waiting at {:?}", jwks.status()));
}

/// Asks for a refresh and waits for its end.
async fn refresh(jwks: &Jwks) {
    let before = jwks.status().fetches;
    jwks.request_refresh();
    until(jwks, |jwks| jwks.status().fetches > before).await;
}

/// The error of the first attempt.
async fn first_error(config: JwksConfig) -> JwksError {
    let jwks = Jwks::start(config).unwrap();
    until(&jwks, |jwks| jwks.status().fetches > 0).await;
    let status = jwks.status();
    assert_eq!((status.loaded_at, status.keys), (None, 0));
    assert!(jwks.keys().keys().is_empty());
    status.last_error.expect("an error")
}

fn key() -> SigningKey {
    SigningKey::generate(SigningAlgorithm::Es256).unwrap()
}

fn knows(jwks: &Jwks, key: &SigningKey) -> bool {
    jwks.keys().has_key_id(key.key_id())
}

// ---- what is fetched -----------------------------------------------------------------------------

#[tokio::test]
async fn keys_are_fetched_over_tls_and_a_rotation_is_picked_up() {
    let issuer = Issuer::start(true).await;
    let (old, new) = (key(), key());
    issuer.publish(&[&old]);
    let jwks = Jwks::start(issuer.config()).unwrap();
    ready(&jwks).await;
    assert!(knows(&jwks, &old) && !knows(&jwks, &new));

    issuer.publish(&[&new, &old]);
    // A token of the new key arrives.
    jwks.unknown_key(new.key_id());
    until(&jwks, |jwks| knows(jwks, &new)).await;
    assert!(knows(&jwks, &old));

    issuer.publish(&[&new]);
    refresh(&jwks).await;
    assert!(knows(&jwks, &new) && !knows(&jwks, &old));
    let status = jwks.status();
    assert_eq!((status.keys, status.failures, status.last_error), (1, 0, None));
    assert!(status.loaded_at.unwrap() > 1_700_000_000);
}

#[tokio::test]
async fn keys_are_refreshed_by_the_clock_alone() {
    let issuer = Issuer::start(true).await;
    let (old, new) = (key(), key());
    issuer.publish(&[&old]);
    let jwks = Jwks::start(issuer.config().with_refresh(Duration::from_millis(20))).unwrap();
    ready(&jwks).await;
    issuer.publish(&[&new]);
    until(&jwks, |jwks| knows(jwks, &new)).await;
}

#[tokio::test]
async fn an_outage_keeps_the_keys_and_they_are_refreshed_after_it() {
    let issuer = Issuer::start(true).await;
    let (old, new) = (key(), key());
    issuer.publish(&[&old]);
    let jwks = Jwks::start(issuer.config()).unwrap();
    ready(&jwks).await;
    let loaded_at = jwks.status().loaded_at;

    for status in [503, 204] {
        issuer.answer(status, "");
        refresh(&jwks).await;
        assert_eq!(jwks.status().last_error, Some(JwksError::Fetch(FetchError::Status { status })));
        assert!(knows(&jwks, &old), "{status}");
    }
    assert_eq!(jwks.status().failures, 2);
    assert_eq!((jwks.status().loaded_at, jwks.status().keys), (loaded_at, 1));

    // It retries by itself, long before the ordinary refresh of five minutes.
    issuer.publish(&[&new]);
    until(&jwks, |jwks| knows(jwks, &new)).await;
    assert_eq!(jwks.status().last_error, None);
}

#[tokio::test]
async fn a_server_that_is_gone_keeps_the_keys() {
    let issuer = Issuer::start(true).await;
    let old = key();
    issuer.publish(&[&old]);
    let jwks = Jwks::start(issuer.config().with_timeout(Duration::from_secs(2))).unwrap();
    ready(&jwks).await;
    issuer.reply.lock().unwrap().delay = Duration::from_secs(60);
    drop(issuer);
    refresh(&jwks).await;
    let error = jwks.status().last_error.unwrap();
    assert!(
        matches!(
            error,
            JwksError::Fetch(FetchError::Connect(_) | FetchError::Timeout { seconds: 2 })
        ),
        "{error}"
    );
    assert!(knows(&jwks, &old));
}

#[tokio::test]
async fn answers_that_are_no_good_set_are_refused_and_keep_the_keys() {
    let issuer = Issuer::start(true).await;
    let old = key();
    issuer.publish(&[&old]);
    let jwks = Jwks::start(issuer.config().with_max_keys(2)).unwrap();
    ready(&jwks).await;

    issuer.answer(200, r#"{"keys": []}"#);
    refresh(&jwks).await;
    assert_eq!(jwks.status().last_error, Some(JwksError::NoUsableKey { skipped: 0 }));
    issuer.answer(200, r#"{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}"#);
    refresh(&jwks).await;
    assert_eq!(jwks.status().last_error, Some(JwksError::NoUsableKey { skipped: 1 }));
    issuer.publish(&[&key(), &key(), &key()]);
    refresh(&jwks).await;
    let too_many = JwkSetError::TooMany { found: 3, allowed: 2 };
    assert_eq!(jwks.status().last_error, Some(JwksError::Set(too_many)));
    for text in ["<html>sign in</html>", "", "{}", r#"{"keys": [], "keys": []}"#] {
        issuer.answer(200, text);
        refresh(&jwks).await;
        assert!(matches!(jwks.status().last_error, Some(JwksError::Set(_))), "{text}");
    }
    assert!(knows(&jwks, &old));
    assert_eq!(jwks.keys().keys().len(), 1);
}

#[tokio::test]
async fn a_set_of_the_allowed_size_is_read_and_a_larger_one_is_not() {
    let issuer = Issuer::start(true).await;
    let mut text = json!({"keys": [key().jwk().unwrap()]}).to_string();
    text.push_str(&" ".repeat(10_000 - text.len()));
    issuer.answer(200, text.clone());
    let jwks = Jwks::start(issuer.config().with_max_bytes(10_000)).unwrap();
    ready(&jwks).await;
    let error = first_error(issuer.config().with_max_bytes(9_999)).await;
    assert_eq!(error, FetchError::TooLarge { max_bytes: 9_999 }.into());
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up() {
    let issuer = Issuer::start(true).await;
    issuer.reply.lock().unwrap().delay = Duration::from_secs(60);
    let config = issuer.config().with_timeout(Duration::from_secs(1));
    assert_eq!(first_error(config).await, FetchError::Timeout { seconds: 1 }.into());
}

// ---- who is asked --------------------------------------------------------------------------------

#[tokio::test]
async fn a_server_that_another_ca_vouches_for_is_refused() {
    let issuer = Issuer::start(true).await;
    issuer.publish(&[&key()]);
    let (other_ca, _) = certificates();
    let JwksError::Fetch(FetchError::Connect(text)) =
        first_error(issuer.config().with_ca_bundle(other_ca)).await
    else {
        panic!("not a matter of the connection");
    };
    assert!(text.contains("invalid peer certificate"), "{text}");
    assert_eq!(issuer.requests(), 0);
}

#[tokio::test]
async fn a_server_of_another_name_is_refused() {
    let issuer = Issuer::start(true).await;
    issuer.publish(&[&key()]);
    let mut config = issuer.config();
    config.url = format!("https://localhost:{}/keys", issuer.address.port());
    let JwksError::Fetch(FetchError::Connect(text)) = first_error(config).await else {
        panic!("not a matter of the connection");
    };
    assert!(text.contains("invalid peer certificate"), "{text}");
    assert_eq!(issuer.requests(), 0);
}

#[tokio::test]
async fn a_redirect_is_refused_and_its_target_not_asked() {
    let (issuer, target) = (Issuer::start(true).await, Issuer::start(true).await);
    target.publish(&[&key()]);
    for status in [301, 302, 303, 307, 308] {
        issuer.answer(status, "");
        issuer.reply.lock().unwrap().location = Some(format!("https://{}/keys", target.address));
        assert_eq!(first_error(issuer.config()).await, FetchError::Redirect { status }.into());
    }
    assert_eq!((issuer.requests(), target.requests()), (5, 0));
}

#[tokio::test]
async fn plain_http_is_for_loopback_addresses_only() {
    let issuer = Issuer::start(false).await;
    let known = key();
    issuer.publish(&[&known]);
    let jwks = Jwks::start(JwksConfig::new(format!("http://{}/keys", issuer.address))).unwrap();
    ready(&jwks).await;
    assert!(knows(&jwks, &known));

    for url in [
        "http://192.0.2.1/keys",
        "http://issuer.example/keys",
        "http://localhost/keys",
        "http://127.0.0.1.example/keys",
        "http://[::ffff:192.0.2.1]/keys",
        "http://0.0.0.0/keys",
    ] {
        let error = Jwks::start(JwksConfig::new(url)).unwrap_err();
        assert_eq!(error, FetchConfigError::NotHttps { url: url.to_owned() });
    }
    drop(Jwks::start(JwksConfig::new("http://[::1]:1/keys")).unwrap());
}

#[tokio::test]
async fn what_cannot_work_is_refused_at_the_start() {
    let refused = |config: JwksConfig| Jwks::start(config).unwrap_err();
    for url in
        ["", "issuer.example/keys", "/keys", "ftp://a/keys", "https://u:p@a/keys", "https://a/#k"]
    {
        let error = refused(JwksConfig::new(url).with_ca_bundle("x"));
        assert_eq!(error, FetchConfigError::Url { url: url.to_owned() });
    }
    let url = "https://issuer.example/keys";
    let error = refused(JwksConfig::new(url));
    assert_eq!(error, FetchConfigError::NoCaBundle { url: url.to_owned() });
    for bundle in ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let error = refused(JwksConfig::new(url).with_ca_bundle(bundle));
        assert_eq!(error, FetchConfigError::CaBundle, "{bundle}");
    }
    let config = JwksConfig::new(url).with_ca_bundle(certificates().0);
    drop(Jwks::start(config.clone()).unwrap());
    assert_eq!(
        refused(config.clone().with_timeout(Duration::ZERO)),
        FetchConfigError::Zero("timeout")
    );
    assert_eq!(refused(config.clone().with_max_keys(0)), FetchConfigError::Zero("max_keys"));
    let outside = std::thread::spawn(move || Jwks::start(config).unwrap_err());
    assert_eq!(outside.join().unwrap(), FetchConfigError::NoRuntime);
}

// ---- how often -----------------------------------------------------------------------------------

#[tokio::test]
async fn a_storm_of_unknown_keys_costs_few_requests() {
    let issuer = Issuer::start(true).await;
    issuer.publish(&[&key()]);
    let config = issuer.config().with_min_refresh(Duration::from_millis(100));
    let jwks = Jwks::start(config).unwrap();
    ready(&jwks).await;
    let end = tokio::time::Instant::now() + Duration::from_secs(1);
    while tokio::time::Instant::now() < end {
        jwks.unknown_key("made-up");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // After 0.1, 0.3 and 0.7 seconds: each that brings nothing doubles the next wait.
    let requests = issuer.requests();
    assert!((2..=4).contains(&requests), "{requests}");
}

#[tokio::test]
async fn no_request_is_made_before_the_shortest_wait_is_over() {
    let issuer = Issuer::start(true).await;
    issuer.publish(&[&key()]);
    let jwks = Jwks::start(issuer.config().with_min_refresh(Duration::from_secs(60))).unwrap();
    ready(&jwks).await;
    jwks.request_refresh();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(issuer.requests(), 1);
}

#[tokio::test]
async fn a_dropped_handle_asks_no_more() {
    let issuer = Issuer::start(true).await;
    issuer.publish(&[&key()]);
    let jwks = Jwks::start(issuer.config().with_refresh(Duration::from_millis(5))).unwrap();
    until(&jwks, |jwks| jwks.status().fetches > 2).await;
    drop(jwks);
    // One may be on its way.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let requests = issuer.requests();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(issuer.requests(), requests);
}
