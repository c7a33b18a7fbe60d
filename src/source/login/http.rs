//! One request after the other, over TLS and to nobody else.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};

use super::LoginError;
use super::identity::Identity;
use crate::source::fetch::{FetchConfigError, FetchError, chain, check_url, connector_with, roots};

/// No answer of a login server or an issuer is longer.
const MAX_ANSWER: usize = 1 << 20;

/// A client for one trust and one identity. Redirects are not followed: a proof goes where it was
/// meant to, or nowhere.
pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

impl Http {
    /// Opens no connection yet.
    pub(super) fn new(
        ca_bundle: Option<&[u8]>,
        identity: Option<&Identity>,
        timeout: Duration,
    ) -> Result<Self, LoginError> {
        let roots = match ca_bundle {
            Some(pem) => roots(pem)?,
            None => machine_roots()?,
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| FetchConfigError::Tls)?
            .with_root_certificates(roots);
        let tls = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let unusable =
                    || LoginError::Unsendable("the certificate and its key do not match");
                let (chain, key) = identity.parse().map_err(|_| unusable())?;
                builder.with_client_auth_cert(chain, key).map_err(|_| unusable())?
            }
        };
        let connector = connector_with(tls, false, None, timeout);
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), timeout })
    }

    /// One exchange, from the connection to the last byte of the answer.
    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, FetchError> {
        let seconds = self.timeout.as_secs();
        tokio::time::timeout(self.timeout, self.exchange(request))
            .await
            .map_err(|_| FetchError::Timeout { seconds })?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, FetchError> {
        let answer = self.client.request(request).await;
        let (parts, body) =
            answer.map_err(|error| FetchError::Connect(chain(&error)))?.into_parts();
        if parts.status.is_redirection() {
            return Err(FetchError::Redirect { status: parts.status.as_u16() });
        }
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                FetchError::TooLarge { max_bytes: MAX_ANSWER }
            } else {
                FetchError::Body(chain(&*error))
            }
        })?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}

/// A URL that secrets may go to. The name of the scheme is not case sensitive, and `http` parses it
/// so.
pub(super) fn https_url(url: &str) -> Result<Uri, LoginError> {
    let uri = check_url(url)?;
    if uri.scheme_str() != Some("https") {
        return Err(LoginError::NotHttps { url: url.to_owned() });
    }
    Ok(uri)
}

/// A request as all of them are. `body` is its type and its bytes.
pub(super) fn request(
    uri: &Uri,
    authorization: Option<HeaderValue>,
    body: Option<(&'static str, Vec<u8>)>,
) -> Result<Request<Full<Bytes>>, LoginError> {
    let builder = match body {
        None => Request::get(uri.clone()),
        Some((kind, _)) => Request::post(uri.clone()).header(CONTENT_TYPE, kind),
    };
    let builder = builder
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, concat!("portcullis/", env!("CARGO_PKG_VERSION")));
    let builder = match authorization {
        None => builder,
        Some(mut value) => {
            value.set_sensitive(true);
            builder.header(AUTHORIZATION, value)
        }
    };
    let body = body.map(|(_, bytes)| bytes).unwrap_or_default();
    builder
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| LoginError::Unsendable("what is to be sent is no HTTP request"))
}

/// The authorities that this machine believes; those among them that cannot be read are passed over.
fn machine_roots() -> Result<RootCertStore, LoginError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(LoginError::NoRoots) } else { Ok(roots) }
}
