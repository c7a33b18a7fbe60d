//! Load for the review server: many access reviews over HTTP/2 and TLS, each about another
//! question, from one thread; prints one line of JSON.
//!
//! ```text
//! cargo run --release --features webhook --example review_load -- \
//!     --url https://127.0.0.1:9443/authorize --ca ca.crt --cert apiserver.crt --key apiserver.key \
//!     --queries queries.ndjson --connections 4 --streams 32 --seconds 10
//! ```
//!
//! `failed` counts everything but HTTP 200. Loopback only, bounded in time.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const USAGE: &str = "usage: review_load --url URL --ca FILE --cert FILE --key FILE \
                     (--queries FILE | --body FILE) [--connections N] [--streams N] [--seconds N]";

struct Args(BTreeMap<String, String>);

impl Args {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut args = BTreeMap::new();
        while let Some(flag) = words.next() {
            let name = flag.strip_prefix("--").ok_or(USAGE)?.to_owned();
            args.insert(name, words.next().ok_or(USAGE)?);
        }
        Ok(Self(args))
    }

    fn get(&self, name: &str) -> Result<&str> {
        Ok(self.0.get(name).ok_or(USAGE)?)
    }

    fn number(&self, name: &str, default: usize) -> Result<usize> {
        Ok(self.0.get(name).map_or(Ok(default), |text| text.parse())?)
    }
}

#[derive(Default)]
struct Outcome {
    micros: Vec<u32>,
    failed: usize,
}

fn main() -> Result<()> {
    let args = Args::parse(std::env::args().skip(1))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(&args))
}

async fn run(args: &Args) -> Result<()> {
    let uri: Uri = args.get("url")?.parse()?;
    let authority = uri.authority().ok_or(USAGE)?.to_string();
    let address: SocketAddr = authority.parse()?;
    if !address.ip().is_loopback() {
        return Err("this program sends load to loopback addresses only".into());
    }
    let bodies = Arc::new(bodies(args)?);
    let tls = TlsConnector::from(Arc::new(tls(args)?));
    let seconds = u64::try_from(args.number("seconds", 10)?.min(900))?;
    let until = Instant::now() + Duration::from_secs(seconds);
    let (connections, streams) = (args.number("connections", 4)?, args.number("streams", 32)?);

    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for connection in 0..connections {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::IpAddress(address.ip().into());
        let io = TokioIo::new(tls.connect(name, tcp).await?);
        let (sender, driver) = handshake(TokioExecutor::new(), io).await?;
        tokio::spawn(driver);
        for stream in 0..streams {
            let start = (connection * streams + stream) * bodies.len() / (connections * streams);
            tasks.spawn(send(sender.clone(), uri.clone(), Arc::clone(&bodies), start, until));
        }
    }
    let mut all = Outcome::default();
    while let Some(outcome) = tasks.join_next().await {
        let outcome = outcome?;
        all.micros.extend(outcome.micros);
        all.failed += outcome.failed;
    }
    report(all, started.elapsed())
}

async fn send(
    mut sender: SendRequest<Full<Bytes>>,
    uri: Uri,
    bodies: Arc<Vec<Bytes>>,
    start: usize,
    until: Instant,
) -> Outcome {
    let mut outcome = Outcome::default();
    for body in bodies.iter().cycle().skip(start) {
        let asked = Instant::now();
        if asked >= until {
            break;
        }
        match ask(&mut sender, &uri, body.clone()).await {
            Ok(200) => {
                let micros = asked.elapsed().as_micros();
                outcome.micros.push(u32::try_from(micros).unwrap_or(u32::MAX));
            }
            Ok(_) => outcome.failed += 1,
            Err(_) => {
                outcome.failed += 1;
                break;
            }
        }
    }
    outcome
}

async fn ask(sender: &mut SendRequest<Full<Bytes>>, uri: &Uri, body: Bytes) -> Result<u16> {
    sender.ready().await?;
    let request = Request::builder()
        .method(Method::POST)
        .uri(uri.clone())
        .header("content-type", "application/json")
        .body(Full::new(body))?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    response.into_body().collect().await?;
    Ok(status)
}

fn report(mut all: Outcome, took: Duration) -> Result<()> {
    all.micros.sort_unstable();
    let count = all.micros.len();
    let at = |per_mille: usize| {
        let index = (count * per_mille / 1000).min(count.saturating_sub(1));
        all.micros.get(index).copied().unwrap_or_default()
    };
    let rate = count * 1000 / usize::try_from(took.as_millis()).unwrap_or(usize::MAX).max(1);
    let line = json!({
        "requests": count, "failed": all.failed, "per_second": rate,
        "p50_us": at(500), "p90_us": at(900), "p99_us": at(990), "p999_us": at(999),
        "max_us": at(1000),
    });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// Whole bodies: one file, or one for each spec of a file of specs.
fn bodies(args: &Args) -> Result<Vec<Bytes>> {
    if let Ok(file) = args.get("body") {
        return Ok(vec![fs::read(file)?.into()]);
    }
    let specs = fs::read_to_string(args.get("queries")?)?;
    let bodies: Vec<Bytes> = specs.lines().map(body).collect();
    if bodies.is_empty() { Err("no queries".into()) } else { Ok(bodies) }
}

fn body(spec: &str) -> Bytes {
    format!(
        r#"{{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","metadata":{{}},"spec":{spec},"status":{{"allowed":false}}}}"#
    )
    .into()
}

fn tls(args: &Args) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(args.get("ca")?)? {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain: Vec<_> =
        CertificateDer::pem_file_iter(args.get("cert")?)?.collect::<std::result::Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(args.get("key")?)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}
