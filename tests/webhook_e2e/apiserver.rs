//! As much of an API server as `kubectl` needs to be answered: TLS that asks for a client
//! certificate, authentication by certificate, authorization by the webhook, one kind of object.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use portcullis::authn::chain::TokenChain;
use portcullis::authn::request::{Presented, RequestAuthenticator};
use portcullis::authn::x509::X509Authenticator;
use portcullis::model::User;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme,
};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::kit::*;

/// An API server until it is dropped.
pub(super) struct ApiServer {
    pub(super) address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Everything that a request needs.
struct Site {
    who: RequestAuthenticator,
    webhook: SocketAddr,
    webhook_tls: ClientConfig,
}

impl ApiServer {
    /// Serves with this certificate; believes what `x509` does, and asks the webhook.
    pub(super) async fn start(
        identity: &Identity,
        x509: X509Authenticator,
        webhook: SocketAddr,
        webhook_tls: ClientConfig,
    ) -> Self {
        let who =
            RequestAuthenticator::new(Arc::new(TokenChain::default())).with_x509(Arc::new(x509));
        let site = Arc::new(Site { who, webhook, webhook_tls });
        let acceptor = TlsAcceptor::from(Arc::new(tls(identity)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(acceptor.clone(), stream, Arc::clone(&site)));
            }
        });
        Self { address, task }
    }
}

async fn connection(acceptor: TlsAcceptor, stream: TcpStream, site: Arc<Site>) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let certificates: Arc<Vec<Vec<u8>>> =
        Arc::new(certificates.iter().map(|certificate| certificate.to_vec()).collect());
    let service = service_fn(|request| {
        let (site, certificates) = (Arc::clone(&site), Arc::clone(&certificates));
        async move { Ok::<_, std::convert::Infallible>(answer(&site, &certificates, request).await) }
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    site: &Site,
    certificates: &[Vec<u8>],
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let certificates: Vec<&[u8]> = certificates.iter().map(Vec::as_slice).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let path = request.uri().path().to_owned();
    let presented = Presented {
        certificates: &certificates,
        path: &path,
        now: i64::try_from(now).unwrap(),
        ..Presented::default()
    };
    let user = match site.who.authenticate(presented).await {
        Ok(Some(proof)) => proof.authenticated.user.clone(),
        Ok(None) => return failure(401, "Unauthorized"),
        Err(error) => return failure(401, &error.to_string()),
    };
    if request.method() == Method::POST && path.ends_with("/selfsubjectreviews") {
        let review = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview",
            "status": {"userInfo": who(&user)},
        });
        return reply(201, &review);
    }
    match review(site, &user, &path).await {
        Ok(()) => reply(200, &json!({"apiVersion": "v1", "kind": "PodList", "items": []})),
        Err(reason) => failure(403, &format!("\"{}\" may not see {path}: {reason}", user.name)),
    }
}

/// Asks the webhook, as the API server does it: anew for each request.
async fn review(site: &Site, user: &User, path: &str) -> Result<(), String> {
    let parts: Vec<&str> = path.split('/').collect();
    let attributes = match parts.as_slice() {
        ["", "api", "v1", "namespaces", namespace, resource] => json!({"resourceAttributes":
            {"verb": "list", "version": "v1", "namespace": namespace, "resource": resource}}),
        _ => json!({"nonResourceAttributes": {"verb": "get", "path": path}}),
    };
    let mut spec = attributes;
    spec["user"] = json!(user.name);
    spec["groups"] = json!(user.groups);
    spec["extra"] = json!(user.extra);
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec,
    });
    let client = Client::connect(site.webhook, &site.webhook_tls, Protocol::Http2).await;
    let mut client = client.map_err(|error| error.to_string())?;
    let answered = client.post("/authorize?timeout=3s", &review).await;
    match answered.body["status"]["allowed"].as_bool() {
        Some(true) => Ok(()),
        _ => Err(answered.body["status"]["reason"].as_str().unwrap_or_default().to_owned()),
    }
}

fn who(user: &User) -> Value {
    json!({"username": user.name, "uid": user.uid, "groups": user.groups, "extra": user.extra})
}

fn failure(code: u16, message: &str) -> Response<Full<Bytes>> {
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code,
        "reason": if code == 401 { "Unauthorized" } else { "Forbidden" }, "message": message,
    });
    reply(code, &status)
}

fn reply(code: u16, body: &Value) -> Response<Full<Bytes>> {
    let response = Response::builder().status(code).header("content-type", "application/json");
    response.body(Full::new(Bytes::from(body.to_string()))).unwrap()
}

fn tls(identity: &Identity) -> ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(Arc::new(AnyHolder))
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap(),
        )
        .unwrap()
}

/// Lets any certificate through whose key the client has, and requires one: whose it is, is for the
/// authenticator (S-X509-1).
#[derive(Debug)]
struct AnyHolder;

impl ClientCertVerifier for AnyHolder {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
