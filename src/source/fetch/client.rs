use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, HeaderValue, USER_AGENT};
use http::{Request, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use super::error::{FetchConfigError, FetchError};

/// A connection that was not used for this long is closed; a refresh is minutes later anyway.
const IDLE: Duration = Duration::from_secs(30);

/// What is fetched, and what it may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FetchOptions<'a> {
    /// The URL.
    pub(crate) url: &'a str,
    /// The media types that are welcome.
    pub(crate) accept: &'static str,
    /// Authorities that may vouch for the server, PEM.
    pub(crate) ca_bundle: Option<&'a [u8]>,
    /// Whether those of this machine may, where there are no others.
    pub(crate) host_roots: bool,
    /// How long an attempt may take in all.
    pub(crate) timeout: Duration,
    /// How large the answer may be.
    pub(crate) max_bytes: usize,
    /// Where `http` may go.
    pub(crate) plain_http: PlainHttp,
}

/// Where `http` may go, which shows who answers to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlainHttp {
    /// Anywhere, for what is signed and checked.
    #[cfg_attr(
        not(feature = "crl"),
        expect(dead_code, reason = "only revocation lists are signed")
    )]
    Anywhere,
    /// To this machine.
    Loopback,
}

/// Fetches one document.
pub(crate) struct Client {
    http: HttpClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    uri: Uri,
    accept: &'static str,
    timeout: Duration,
    max_bytes: usize,
}

impl Client {
    /// Opens no connection yet.
    pub(crate) fn new(options: &FetchOptions<'_>) -> Result<Self, FetchConfigError> {
        let &FetchOptions { url, accept, ca_bundle, timeout, max_bytes, plain_http, .. } = options;
        let uri = match plain_http {
            PlainHttp::Anywhere => parse_url(url)?,
            PlainHttp::Loopback => check_url(url)?,
        };
        for (name, is_zero) in [("timeout", timeout.is_zero()), ("max_bytes", max_bytes == 0)] {
            if is_zero {
                return Err(FetchConfigError::Zero(name));
            }
        }
        let http = HttpClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector_by(&uri, ca_bundle, options.host_roots, timeout)?);
        Ok(Self { http, uri, accept, timeout, max_bytes })
    }

    /// One attempt, from the connection to the last byte.
    pub(crate) async fn fetch(&self) -> Result<Bytes, FetchError> {
        let request = Request::get(self.uri.clone())
            .body(Full::default())
            .map_err(|error| FetchError::Connect(chain(&error)))?;
        self.send(request).await
    }

    /// Where [`Self::fetch`] goes.
    #[cfg(feature = "oidc")]
    pub(crate) const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// One attempt with a request of one's own, which may go to another URL; in plain text only if
    /// the client's own does.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Bytes, FetchError> {
        let seconds = self.timeout.as_secs();
        tokio::time::timeout(self.timeout, self.download(request))
            .await
            .map_err(|_| FetchError::Timeout { seconds })?
    }

    async fn download(&self, mut request: Request<Full<Bytes>>) -> Result<Bytes, FetchError> {
        const AGENT: &str = concat!("portcullis/", env!("CARGO_PKG_VERSION"));
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(self.accept));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
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
pub(crate) fn check_url(url: &str) -> Result<Uri, FetchConfigError> {
    let uri = parse_url(url)?;
    let is_plain = uri.scheme_str() == Some("http");
    if is_plain && !uri.host().is_some_and(is_loopback) {
        return Err(FetchConfigError::NotHttps { url: url.to_owned() });
    }
    Ok(uri)
}

/// An absolute URL to a host, `http` or `https`.
fn parse_url(url: &str) -> Result<Uri, FetchConfigError> {
    let wrong = || FetchConfigError::Url { url: url.to_owned() };
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let authority = uri.authority().ok_or_else(wrong)?;
    if authority.as_str().contains('@') || authority.host().is_empty() || url.contains('#') {
        return Err(wrong());
    }
    match uri.scheme_str() {
        Some("http" | "https") => Ok(uri),
        _ => Err(wrong()),
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Connects to `uri`, and to nobody in plain text if that is https. `ca_bundle` is PEM.
#[cfg(feature = "otel")]
pub(crate) fn connector(
    uri: &Uri,
    ca_bundle: Option<&[u8]>,
    timeout: Duration,
) -> Result<HttpsConnector<HttpConnector>, FetchConfigError> {
    connector_by(uri, ca_bundle, false, timeout)
}

fn connector_by(
    uri: &Uri,
    ca_bundle: Option<&[u8]>,
    use_host_roots: bool,
    timeout: Duration,
) -> Result<HttpsConnector<HttpConnector>, FetchConfigError> {
    let is_plain = uri.scheme_str() == Some("http");
    let roots = match ca_bundle {
        Some(pem) => roots(pem)?,
        // No TLS, so nobody has to vouch.
        None if is_plain => RootCertStore::empty(),
        None if use_host_roots => host_roots()?,
        None => return Err(FetchConfigError::NoCaBundle { url: uri.to_string() }),
    };
    Ok(connector_with(tls(roots)?, is_plain, None, timeout))
}

/// The same with TLS of one's own; in plain text if `is_plain`, and then to nobody else. The server
/// proves the name of its URL, unless it is to have another.
pub(crate) fn connector_with(
    tls: ClientConfig,
    is_plain: bool,
    server_name: Option<ServerName<'static>>,
    timeout: Duration,
) -> HttpsConnector<HttpConnector> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(timeout));
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls);
    let builder = if is_plain { builder.https_or_http() } else { builder.https_only() };
    let builder = match server_name {
        Some(name) => builder.with_server_name_resolver(FixedServerNameResolver::new(name)),
        None => builder,
    };
    builder.enable_all_versions().wrap_connector(tcp)
}

/// The authorities of a bundle in PEM.
pub(crate) fn roots(pem: &[u8]) -> Result<RootCertStore, FetchConfigError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| FetchConfigError::CaBundle)?;
        roots.add(certificate).map_err(|_| FetchConfigError::CaBundle)?;
    }
    if roots.is_empty() { Err(FetchConfigError::CaBundle) } else { Ok(roots) }
}

/// The authorities that this machine trusts. What of them cannot be read is passed over, as every TLS
/// client does: there are always some.
pub(crate) fn host_roots() -> Result<RootCertStore, FetchConfigError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(FetchConfigError::NoHostRoots) } else { Ok(roots) }
}

/// The provider is named, not taken from the process: no other crate can swap it.
fn tls(roots: RootCertStore) -> Result<ClientConfig, FetchConfigError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| FetchConfigError::Tls)?;
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
