//! A login server for the tests, which speaks `login.portcullis.dev/v1alpha1` and, beside it, is the
//! API server that the credentials are for: `/whoami` tells who a token or a certificate is.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use portcullis::crypto::certificate::Certificate;
use portcullis::crypto::request::SigningRequest;
use rcgen::{CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

pub(super) const API_VERSION: &str = "login.portcullis.dev/v1alpha1";

/// What somebody asked.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) authorization: String,
    /// The common name of the client certificate; empty without one.
    pub(super) certificate: String,
    pub(super) body: Value,
}

/// How the server behaves from now on.
#[derive(Debug, Clone)]
pub(super) struct Manners {
    /// How long credentials are good, in seconds.
    pub(super) lifetime: i64,
    /// How long they can be renewed; 0 for never.
    pub(super) refreshable: i64,
    /// How long a login takes.
    pub(super) delay: Duration,
    /// What is answered to every POST instead: status, headers, body.
    pub(super) instead: Option<(u16, String, String)>,
    /// What the methods name.
    pub(super) oidc: Value,
}

pub(super) struct LoginServer {
    pub(super) url: String,
    /// The authority of the server, PEM.
    pub(super) ca: String,
    state: Arc<State>,
    port: u16,
}

struct State {
    seen: Mutex<Vec<Seen>>,
    manners: Mutex<Manners>,
    tokens: Mutex<HashMap<String, String>>,
    count: AtomicU64,
    is_over: AtomicBool,
    users: Mutex<Users>,
    config: Arc<ServerConfig>,
}

/// The authority of users' certificates.
struct Users {
    issuer: Issuer<'static, KeyPair>,
}

impl LoginServer {
    pub(super) fn start() -> Self {
        let (ca, issuer) = authority("login server CA");
        let key = KeyPair::generate().unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        let (users_ca, users) = authority("users CA");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(users_ca.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .allow_unauthenticated()
                .build()
                .unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap(),
            )
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            seen: Mutex::default(),
            manners: Mutex::new(Manners {
                lifetime: 3600,
                refreshable: 0,
                delay: Duration::ZERO,
                instead: None,
                oidc: json!([]),
            }),
            tokens: Mutex::default(),
            count: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            users: Mutex::new(Users { issuer: users }),
            config: Arc::new(config),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.is_over.load(Ordering::Relaxed) {
                    return;
                }
                let state = Arc::clone(&shared);
                std::thread::spawn(move || state.serve(stream.unwrap()));
            }
        });
        Self { url: format!("https://localhost:{port}"), ca, state, port }
    }

    pub(super) fn behave(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.state.manners.lock().unwrap());
    }

    /// What was asked since the last time.
    pub(super) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.state.seen.lock().unwrap())
    }

    /// Method and path of what was asked since the last time.
    pub(super) fn asked(&self) -> Vec<String> {
        self.seen().iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect()
    }

    /// A certificate and its key for a user, PEM, of the authority that the server believes.
    pub(super) fn certificate(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let users = self.state.users.lock().unwrap();
        (user(name).signed_by(&key, &users.issuer).unwrap().pem(), key.serialize_pem())
    }
}

impl Drop for LoginServer {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn authority(name: &str) -> (String, Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    (pem, Issuer::new(params, key))
}

fn user(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// The key of a signing request: an uncompressed point of P-256, which ends it.
struct Point([u8; 65]);

impl PublicKeyData for Point {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

type Answer = (u16, String, String);

impl State {
    fn serve(&self, stream: TcpStream) {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let connection = ServerConnection::new(Arc::clone(&self.config)).unwrap();
        let mut stream = BufReader::new(StreamOwned::new(connection, stream));
        while let Some((seen, is_client)) = Self::read(&mut stream) {
            let (status, headers, body) = self.answer(seen, is_client);
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{headers}\
                 Content-Length: {length}\r\n\r\n{body}"
            );
            let stream = stream.get_mut();
            if stream.write_all(answer.as_bytes()).and_then(|()| stream.flush()).is_err() {
                return;
            }
        }
    }

    fn read(
        stream: &mut BufReader<StreamOwned<ServerConnection, TcpStream>>,
    ) -> Option<(Seen, bool)> {
        let mut first = String::new();
        stream.read_line(&mut first).ok().filter(|read| *read > 0)?;
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = (words.next()?, words.next()?);
        let (mut authorization, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            match name.to_lowercase().as_str() {
                "authorization" => authorization = value.to_owned(),
                "content-length" => length = value.parse().unwrap(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        let body = serde_json::from_slice(&body).unwrap_or_default();
        let chain = stream.get_ref().conn.peer_certificates().unwrap_or_default().to_vec();
        let name = chain.first().map(|der| {
            Certificate::from_der(der).unwrap().common_name().unwrap_or_default().to_owned()
        });
        let is_client = name.is_some();
        let certificate = name.unwrap_or_default();
        Some((Seen { method, path, authorization, certificate, body }, is_client))
    }

    fn answer(&self, seen: Seen, is_client: bool) -> Answer {
        let manners = self.manners.lock().unwrap().clone();
        let is_post = seen.method == "POST";
        if is_post {
            std::thread::sleep(manners.delay);
        }
        self.seen.lock().unwrap().push(seen.clone());
        let ok = |value: Value| (200, String::new(), value.to_string());
        match (seen.method.as_str(), seen.path.as_str()) {
            ("GET", "/login") => ok(json!({
                "apiVersion": API_VERSION, "kind": "LoginMethods",
                "methods": ["Basic", "OIDC", "Certificate"], "credentials": ["Token", "Certificate"],
                "refresh": true, "oidc": manners.oidc,
            })),
            ("GET", "/whoami") => match self.known(&seen, is_client) {
                Some(user) => ok(json!({"username": user})),
                None => refused(),
            },
            ("POST", _) if manners.instead.is_some() => manners.instead.unwrap(),
            ("POST", "/login") => match self.proven(&seen, is_client) {
                Some(user) => ok(self.given(&user, &seen.body, &manners)),
                None => refused(),
            },
            ("POST", "/login/refresh") => match self.known(&seen, is_client) {
                Some(user) if manners.refreshable > 0 => {
                    ok(self.given(&user, &seen.body, &manners))
                }
                _ => refused(),
            },
            _ => (404, String::new(), status(404, "not here")),
        }
    }

    /// Who holds a credential of this server.
    fn known(&self, seen: &Seen, is_client: bool) -> Option<String> {
        match seen.authorization.strip_prefix("Bearer ") {
            Some(token) => self.tokens.lock().unwrap().get(token).cloned(),
            None => (is_client && seen.authorization.is_empty()).then(|| seen.certificate.clone()),
        }
    }

    /// Who proves themselves.
    fn proven(&self, seen: &Seen, is_client: bool) -> Option<String> {
        let (scheme, value) = seen.authorization.split_once(' ').unwrap_or_default();
        match scheme {
            "Basic" => {
                let pair = String::from_utf8(STANDARD.decode(value).unwrap()).unwrap();
                let (name, password) = pair.split_once(':').unwrap();
                (password == "hunter2").then(|| name.to_owned())
            }
            // The tests' provider is believed here; what matters is what the client sends.
            "Bearer" => {
                let payload = value.split('.').nth(1)?;
                let claims: Value =
                    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
                Some(format!("oidc:{}", claims["sub"].as_str()?))
            }
            _ => is_client.then(|| seen.certificate.clone()),
        }
    }

    fn given(&self, name: &str, body: &Value, manners: &Manners) -> Value {
        assert_eq!(body["apiVersion"], API_VERSION, "{body}");
        assert_eq!(body["kind"], "LoginRequest", "{body}");
        let now = now();
        let mut status = json!({
            "user": {"username": name, "groups": ["dev"]},
            "expirationTimestamp": rfc3339(now + manners.lifetime),
        });
        if manners.refreshable > 0 {
            status["refreshableUntil"] = rfc3339(now + manners.refreshable).into();
        }
        if body["spec"]["credential"] == "Certificate" {
            let pem = STANDARD.decode(body["spec"]["request"].as_str().unwrap()).unwrap();
            let request = SigningRequest::from_pem(&pem).unwrap();
            let key = request.public_key_info();
            let point = Point(key[key.len() - 65..].try_into().unwrap());
            let users = self.users.lock().unwrap();
            let certificate = user(name).signed_by(&point, &users.issuer).unwrap().pem();
            status["certificate"] = STANDARD.encode(certificate).into();
        } else {
            let number = self.count.fetch_add(1, Ordering::Relaxed);
            let token = format!("token-{number}-of-{name}");
            self.tokens.lock().unwrap().insert(token.clone(), name.to_owned());
            status["token"] = token.into();
        }
        json!({"apiVersion": API_VERSION, "kind": "LoginRequest", "status": status})
    }
}

fn refused() -> Answer {
    let header = "WWW-Authenticate: Basic realm=\"portcullis\"\r\n".to_owned();
    (401, header, status(401, "Unauthorized"))
}

pub(super) fn status(code: u16, message: &str) -> String {
    json!({"kind": "Status", "apiVersion": "v1", "code": code, "message": message}).to_string()
}

pub(super) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

fn rfc3339(second: i64) -> String {
    let output = jiff::Timestamp::from_second(second).unwrap();
    output.to_string()
}
