use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, USER_AGENT};
use http::{Request, Uri};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::config::JwksConfig;
use super::error::{FetchError, JwksConfigError};
use crate::crypto::jwk::{self, ParsedSet};

/// A connection that was not used for this long is closed; a refresh is minutes later anyway.
const IDLE: Duration = Duration::from_secs(30);

/// Fetches one JWK set.
pub(super) struct Client {
    http: HttpClient<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    uri: Uri,
    timeout: Duration,
    max_bytes: usize,
    max_keys: usize,
}

impl Client {
    pub(super) fn new(config: &JwksConfig) -> Result<Self, JwksConfigError> {
        let uri = check_url(&config.url)?;
        for (name, is_zero) in [
            ("refresh", config.refresh.is_zero()),
            ("min_refresh", config.min_refresh.is_zero()),
            ("timeout", config.timeout.is_zero()),
            ("max_bytes", config.max_bytes == 0),
            ("max_keys", config.max_keys == 0),
        ] {
            if is_zero {
                return Err(JwksConfigError::Zero(name));
            }
        }
        let connector = connector(&uri, config.ca_bundle.as_deref(), config.timeout)?;
        let http = HttpClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        let &JwksConfig { timeout, max_bytes, max_keys, .. } = config;
        Ok(Self { http, uri, timeout, max_bytes, max_keys })
    }

    /// One attempt, from the connection to the keys. Gives at least one key.
    pub(super) async fn fetch(&self) -> Result<ParsedSet, FetchError> {
        let seconds = self.timeout.as_secs();
        let text = tokio::time::timeout(self.timeout, self.download())
            .await
            .map_err(|_| FetchError::Timeout { seconds })??;
        let set = jwk::parse(&text, self.max_keys).map_err(FetchError::Set)?;
        if set.keys.is_empty() {
            return Err(FetchError::NoUsableKey { skipped: set.skipped.len() });
        }
        Ok(set)
    }

    async fn download(&self) -> Result<Bytes, FetchError> {
        let request = Request::get(self.uri.clone())
            .header(ACCEPT, "application/jwk-set+json, application/json")
            .header(USER_AGENT, concat!("portcullis/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(|error| FetchError::Connect(chain(&error)))?;
        let response =
            self.http.request(request).await.map_err(|error| FetchError::Connect(chain(&error)))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(FetchError::Redirect { status: status.as_u16() });
        }
        if status != http::StatusCode::OK {
            return Err(FetchError::Status { status: status.as_u16() });
        }
        let body = Limited::new(response.into_body(), self.max_bytes).collect().await;
        let body = body.map_err(|error| {
            if error.is::<LengthLimitError>() {
                FetchError::TooLarge { max_bytes: self.max_bytes }
            } else {
                FetchError::Body(chain(&*error))
            }
        })?;
        Ok(body.to_bytes())
    }
}

/// An absolute URL to a host, `https` unless the host is a loopback address. The name `localhost`
/// does not count: what it resolves to is for others to say.
pub(crate) fn check_url(url: &str) -> Result<Uri, JwksConfigError> {
    let wrong = || JwksConfigError::Url { url: url.to_owned() };
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let authority = uri.authority().ok_or_else(wrong)?;
    if authority.as_str().contains('@') || authority.host().is_empty() || url.contains('#') {
        return Err(wrong());
    }
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if is_loopback(authority.host()) => Ok(uri),
        Some("http") => Err(JwksConfigError::NotHttps { url: url.to_owned() }),
        _ => Err(wrong()),
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Connects to `uri`, and to nobody in plain text if that is https. `ca_bundle` is PEM.
pub(crate) fn connector(
    uri: &Uri,
    ca_bundle: Option<&[u8]>,
    timeout: Duration,
) -> Result<HttpsConnector<HttpConnector>, JwksConfigError> {
    let is_plain = uri.scheme_str() == Some("http");
    let roots = match ca_bundle {
        Some(pem) => roots(pem)?,
        // No TLS, so nobody has to vouch.
        None if is_plain => RootCertStore::empty(),
        None => return Err(JwksConfigError::NoCaBundle { url: uri.to_string() }),
    };
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(timeout));
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls(roots)?);
    let builder = if is_plain { builder.https_or_http() } else { builder.https_only() };
    Ok(builder.enable_all_versions().wrap_connector(tcp))
}

fn roots(pem: &[u8]) -> Result<RootCertStore, JwksConfigError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| JwksConfigError::CaBundle)?;
        roots.add(certificate).map_err(|_| JwksConfigError::CaBundle)?;
    }
    if roots.is_empty() { Err(JwksConfigError::CaBundle) } else { Ok(roots) }
}

/// The provider is named, not taken from the process: no other crate can swap it.
fn tls(roots: RootCertStore) -> Result<ClientConfig, JwksConfigError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| JwksConfigError::Tls)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
