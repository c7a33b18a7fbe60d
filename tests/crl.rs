//! Revocation lists from files and from a server on loopback: last good lists, back-off, signatures.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use portcullis::authn::x509::Crls;
use portcullis::crypto::crl::RevocationListError;
use portcullis::source::crl::{
    CrlConfig, CrlConfigError, CrlFeed, CrlSource, CrlSourceError, CrlStatus,
};
use portcullis::source::fetch::{FetchConfigError, FetchError};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use tokio::net::TcpListener;

// ---- lists ---------------------------------------------------------------------------------------

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A list made so many seconds from now, good for `life` seconds.
    fn list(&self, made: i64, life: i64, serials: &[u8]) -> rcgen::CertificateRevocationList {
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let at = |seconds: i64| epoch + Duration::from_secs(u64::try_from(seconds).unwrap());
        let made = now() + made;
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&[*serial]),
            revocation_time: at(made),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: at(made),
            next_update: at(made + life),
            crl_number: SerialNumber::from_slice(&[1]),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap()
    }

    fn der(&self, made: i64, life: i64, serials: &[u8]) -> Vec<u8> {
        self.list(made, life, serials).der().to_vec()
    }
}

fn now() -> i64 {
    i64::try_from(UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap()
}

/// The serial numbers below 10 that are revoked, whoever's.
fn revoked(crls: &Crls) -> Vec<u8> {
    let lists = crls.load();
    (0..10).filter(|serial| lists.iter().any(|list| list.find(&[*serial]).is_some())).collect()
}

// ---- the server ----------------------------------------------------------------------------------

struct Server {
    address: SocketAddr,
    reply: Arc<Mutex<(u16, Bytes)>>,
    requests: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start(body: impl Into<Bytes>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let reply = Arc::new(Mutex::new((200, body.into())));
        let requests = Arc::new(AtomicUsize::new(0));
        let serving = (Arc::clone(&reply), Arc::clone(&requests));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (reply, requests) = serving.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |_: Request<Incoming>| {
                        requests.fetch_add(1, Ordering::SeqCst);
                        let (status, body) = reply.lock().unwrap().clone();
                        let response = Response::builder().status(status).body(Full::new(body));
                        async move { response }
                    });
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, reply, requests, task }
    }

    fn answer(&self, status: u16, body: impl Into<Bytes>) {
        *self.reply.lock().unwrap() = (status, body.into());
    }

    fn url(&self) -> String {
        format!("http://{}/ca.crl", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// ---- waiting -------------------------------------------------------------------------------------

const PATIENCE: Duration = Duration::from_secs(20);

fn quick(sources: impl IntoIterator<Item = CrlSource>) -> CrlConfig {
    let often = Duration::from_millis(20);
    CrlConfig::new(sources).with_poll(often).with_refresh(often).with_min_refresh(often)
}

fn only(feed: &CrlFeed) -> CrlStatus {
    let status = feed.status();
    assert_eq!(status.len(), 1);
    status.into_iter().next().unwrap()
}

async fn until(feed: &CrlFeed, what: impl Fn() -> bool) {
    let waiting = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| panic!("still waiting at {:?}", feed.status()));
}

/// Waits for an attempt that began after now.
async fn another_attempt(feed: &CrlFeed) {
    let before = only(feed).attempts;
    until(feed, || only(feed).attempts > before + 1).await;
}

// ---- files ---------------------------------------------------------------------------------------

#[tokio::test]
async fn a_file_is_there_at_once_and_followed_and_a_broken_one_keeps_what_was_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.crl");
    let ca = Authority::new("ca");
    std::fs::write(&path, ca.der(-100, 3600, &[1])).unwrap();
    let crls = Crls::default();
    let feed = CrlFeed::start(quick([CrlSource::file(&path)]), crls.clone()).unwrap();
    assert_eq!(revoked(&crls), [1]);
    let status = only(&feed);
    assert_eq!((status.lists, status.entries, status.last_error), (1, 1, None));
    assert_eq!(status.this_update, status.next_update.map(|next| next - 3600));

    replace(&path, &ca.der(-50, 3600, &[1, 2]));
    until(&feed, || revoked(&crls) == [1, 2]).await;

    for broken in [&b"<html>"[..], b"", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"]
    {
        replace(&path, broken);
        until(&feed, || only(&feed).last_error.is_some()).await;
        assert_eq!(revoked(&crls), [1, 2]);
        replace(&path, &ca.der(-50, 3600, &[1, 2]));
        until(&feed, || only(&feed).last_error.is_none()).await;
    }
    std::fs::remove_file(&path).unwrap();
    let gone = CrlSourceError::Read(std::io::ErrorKind::NotFound);
    until(&feed, || only(&feed).last_error == Some(gone.clone())).await;
    assert_eq!(revoked(&crls), [1, 2]);
    assert!(only(&feed).loaded_at.is_some_and(|at| at <= now()));
}

/// As careful writers do it.
fn replace(path: &Path, bytes: &[u8]) {
    let draft = path.with_extension("new");
    std::fs::write(&draft, bytes).unwrap();
    std::fs::rename(&draft, path).unwrap();
}

#[tokio::test]
async fn a_file_of_several_lists_in_pem_is_all_of_them_beside_other_files() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b, c) = (Authority::new("a"), Authority::new("b"), Authority::new("c"));
    let several = format!(
        "{}{}{}",
        a.list(-10, 3600, &[1]).pem().unwrap(),
        b.list(-10, 3600, &[2]).pem().unwrap(),
        a.pem
    );
    let (first, second) = (folder.path().join("ab.pem"), folder.path().join("c.crl"));
    std::fs::write(&first, several).unwrap();
    std::fs::write(&second, c.der(-10, 3600, &[3])).unwrap();
    let crls = Crls::default();
    let sources = [CrlSource::file(&first), CrlSource::file(&second)];
    let feed = CrlFeed::start(quick(sources), crls.clone()).unwrap();
    assert_eq!(revoked(&crls), [1, 2, 3]);
    // One source changes, the other's lists stay.
    replace(&second, &c.der(-5, 3600, &[4]));
    until(&feed, || revoked(&crls) == [1, 2, 4]).await;
}

#[tokio::test]
async fn what_cannot_serve_at_the_start_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.crl");
    let refused = |config| CrlFeed::start(config, Crls::default()).unwrap_err();
    let file = |error| CrlConfigError::File { path: path.display().to_string(), error };
    let gone = CrlSourceError::Read(std::io::ErrorKind::NotFound);
    assert_eq!(refused(quick([CrlSource::file(&path)])), file(gone));
    let ca = Authority::new("ca");
    std::fs::write(&path, &ca.pem).unwrap();
    assert_eq!(refused(quick([CrlSource::file(&path)])), file(CrlSourceError::NoList));
    let pem = ca.list(-10, 3600, &[1]).pem().unwrap();
    // The second list has no end: what it revokes would pass.
    std::fs::write(&path, format!("{pem}{}", pem.get(..pem.len() / 2).unwrap())).unwrap();
    let cut = CrlSourceError::List(RevocationListError::Malformed);
    assert_eq!(refused(quick([CrlSource::file(&path)])), file(cut));
    std::fs::write(&path, pem.repeat(257)).unwrap();
    let too_many = CrlSourceError::TooMany { found: 257, most: 256 };
    assert_eq!(refused(quick([CrlSource::file(&path)])), file(too_many));
    std::fs::write(&path, pem.repeat(256)).unwrap();
    assert!(CrlFeed::start(quick([CrlSource::file(&path)]), Crls::default()).is_ok());
    let list = ca.der(-10, 3600, &[1]);
    std::fs::write(&path, &list).unwrap();
    let max_bytes = list.len() - 1;
    let small = quick([CrlSource::file(&path)]).with_max_bytes(max_bytes);
    assert_eq!(refused(small), file(CrlSourceError::TooLarge { max_bytes }));
    let enough = quick([CrlSource::file(&path)]).with_max_bytes(list.len());
    assert!(CrlFeed::start(enough, Crls::default()).is_ok());

    let wrong = refused(quick([CrlSource::file(&path).with_issuers("x")]));
    assert!(matches!(wrong, CrlConfigError::Issuers { .. }), "{wrong:?}");
    let never = quick([CrlSource::file(&path)]).with_poll(Duration::ZERO);
    assert_eq!(refused(never), FetchConfigError::Zero("poll").into());
    let url = "http://192.0.2.1/ca.crl";
    let not_https = FetchConfigError::NotHttps { url: url.to_owned() };
    assert_eq!(refused(quick([CrlSource::url(url)])), not_https.into());
    // With the issuers named the signature counts, and not who brings it.
    let plain = quick([CrlSource::plain_http(url, ca.pem.clone())]);
    assert!(CrlFeed::start(plain, Crls::default()).is_ok());
}

// ---- URLs ----------------------------------------------------------------------------------------

#[tokio::test]
async fn a_url_is_fetched_again_and_an_outage_keeps_the_list() {
    let ca = Authority::new("ca");
    let server = Server::start(ca.der(-100, 3600, &[1])).await;
    let crls = Crls::default();
    let feed = CrlFeed::start(quick([CrlSource::url(server.url())]), crls.clone()).unwrap();
    tokio::time::timeout(PATIENCE, feed.wait_ready()).await.expect("a list in time");
    assert_eq!(revoked(&crls), [1]);

    server.answer(503, "");
    let down = CrlSourceError::Fetch(FetchError::Status { status: 503 });
    until(&feed, || only(&feed).last_error == Some(down.clone())).await;
    assert_eq!((revoked(&crls), only(&feed).lists), (vec![1], 1));
    server.answer(200, ca.der(-50, 3600, &[1, 2]));
    until(&feed, || revoked(&crls) == [1, 2]).await;
    assert_eq!(only(&feed).last_error, None);
    assert!(only(&feed).failures >= 1);
    assert!(server.requests.load(Ordering::SeqCst) >= 3);
}

#[tokio::test]
async fn an_older_list_and_one_of_another_signer_do_not_push_out_the_good_one() {
    let (ca, forger) = (Authority::new("ca"), Authority::new("ca"));
    let server = Server::start(ca.der(-100, 3600, &[1])).await;
    let crls = Crls::default();
    let source = CrlSource::plain_http(server.url(), ca.pem.clone());
    let feed = CrlFeed::start(quick([source]), crls.clone()).unwrap();
    tokio::time::timeout(PATIENCE, feed.wait_ready()).await.expect("a list in time");

    type IsExpected = fn(CrlSourceError) -> bool;
    let refused: [(Vec<u8>, IsExpected); 3] = [
        (ca.der(-3700, 7200, &[]), |error| matches!(error, CrlSourceError::Older { .. })),
        (forger.der(-50, 3600, &[]), |error| matches!(error, CrlSourceError::NotSigned { .. })),
        (b"<html>sign in</html>".to_vec(), |error| matches!(error, CrlSourceError::List(_))),
    ];
    for (body, is_expected) in refused {
        server.answer(200, body);
        until(&feed, || only(&feed).last_error.is_some_and(is_expected)).await;
        assert_eq!(revoked(&crls), [1]);
    }
    server.answer(200, ca.der(-50, 3600, &[2]));
    until(&feed, || revoked(&crls) == [2]).await;
}

#[tokio::test]
async fn a_list_of_another_signer_at_the_start_is_not_taken() {
    let (ca, forger) = (Authority::new("ca"), Authority::new("ca"));
    let server = Server::start(forger.der(-100, 3600, &[1])).await;
    let crls = Crls::default();
    let source = CrlSource::plain_http(server.url(), ca.pem.clone());
    let feed = CrlFeed::start(quick([source]), crls.clone()).unwrap();
    another_attempt(&feed).await;
    assert_eq!((revoked(&crls), only(&feed).loaded_at), (vec![], None));
}

#[tokio::test]
async fn the_next_list_is_fetched_before_the_one_that_serves_has_expired() {
    let ca = Authority::new("ca");
    let server = Server::start(ca.der(-10, 12, &[1])).await;
    let crls = Crls::default();
    // Without the list's own end it would be an hour.
    let config =
        CrlConfig::new([CrlSource::url(server.url())]).with_min_refresh(Duration::from_millis(100));
    let feed = CrlFeed::start(config, crls.clone()).unwrap();
    tokio::time::timeout(PATIENCE, feed.wait_ready()).await.expect("a list in time");
    server.answer(200, ca.der(-5, 3600, &[2]));
    until(&feed, || revoked(&crls) == [2]).await;
    // And now it is: nobody asks any more.
    let asked = server.requests.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(server.requests.load(Ordering::SeqCst), asked);
}

#[tokio::test]
async fn a_feed_that_is_dropped_asks_no_more_and_leaves_what_it_published() {
    let ca = Authority::new("ca");
    let server = Server::start(ca.der(-10, 3600, &[1])).await;
    let crls = Crls::default();
    let feed = CrlFeed::start(quick([CrlSource::url(server.url())]), crls.clone()).unwrap();
    tokio::time::timeout(PATIENCE, feed.wait_ready()).await.expect("a list in time");
    drop(feed);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let asked = server.requests.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((server.requests.load(Ordering::SeqCst), revoked(&crls)), (asked, vec![1]));
}
