//! What an issuer says of itself (OpenID Connect Discovery 1.0 §4).

use std::path::Path;

use http::Uri;
use serde::Deserialize;

use crate::crypto::jwk;
use crate::crypto::{Algorithm, KeySet};
use crate::source::login::http::{Http, https_url, request};
use crate::source::login::{LoginError, LoginOptions, identity};
use crate::util::secret::Secret;

/// More keys than this are not looked at.
const MAX_KEYS: usize = 100;

/// What of it is of interest here.
#[derive(Debug, Deserialize)]
struct Metadata {
    issuer: String,
    #[serde(default)]
    authorization_endpoint: String,
    #[serde(default)]
    token_endpoint: String,
    #[serde(default)]
    device_authorization_endpoint: String,
    #[serde(default)]
    revocation_endpoint: String,
    #[serde(default)]
    jwks_uri: String,
    #[serde(default)]
    scopes_supported: Vec<String>,
    #[serde(default)]
    id_token_signing_alg_values_supported: Vec<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    /// RFC 9207.
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Who asks.
pub(in crate::source::login) struct Client {
    pub(in crate::source::login) id: String,
    pub(in crate::source::login) secret: Option<Secret>,
}

impl Client {
    /// A client; its secret is the first line of a file, if it has one.
    pub(in crate::source::login) fn new(
        id: &str,
        secret: Option<&Path>,
    ) -> Result<Self, LoginError> {
        let read = |path: &Path| {
            let wrong = || LoginError::File {
                path: path.to_owned(),
                problem: "its first line must be the secret of the client",
            };
            let text = Secret::new(String::from_utf8(identity::read(path)?).map_err(|_| wrong())?);
            let line = text.expose_secret().lines().next().unwrap_or_default();
            if line.is_empty() { Err(wrong()) } else { Ok(Secret::new(line.to_owned())) }
        };
        Ok(Self { id: id.to_owned(), secret: secret.map(read).transpose()? })
    }
}

/// An issuer that can be asked.
pub(in crate::source::login) struct Provider<'a> {
    pub(super) options: &'a LoginOptions,
    pub(super) client: Client,
    pub(super) http: Http,
    metadata: Metadata,
}

impl<'a> Provider<'a> {
    /// Reads what the issuer says of itself.
    pub(in crate::source::login) async fn discover(
        options: &'a LoginOptions,
        issuer: &str,
        client: Client,
    ) -> Result<Self, LoginError> {
        https_url(issuer)?;
        let http = Http::new(options.issuer_ca_bundle.as_deref(), None, options.timeout)?;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let document = get(&http, &url).await?;
        let wrong = |problem: String| LoginError::Issuer { issuer: issuer.to_owned(), problem };
        let metadata: Metadata = serde_json::from_slice(&document)
            .map_err(|_| wrong(format!("`{url}` is no discovery document")))?;
        // Discovery §4.3: exactly, or one issuer could speak for another.
        if metadata.issuer != issuer {
            return Err(wrong(format!("`{url}` is of `{}`; name that one", metadata.issuer)));
        }
        Ok(Self { options, client, http, metadata })
    }

    pub(in crate::source::login) fn issuer(&self) -> &str {
        &self.metadata.issuer
    }

    pub(in crate::source::login) fn client_id(&self) -> &str {
        &self.client.id
    }

    pub(super) fn wrong(&self, problem: impl Into<String>) -> LoginError {
        LoginError::Issuer { issuer: self.issuer().to_owned(), problem: problem.into() }
    }

    fn endpoint(&self, url: &str, name: &str) -> Result<Uri, LoginError> {
        if url.is_empty() {
            return Err(self.wrong(format!("its discovery document has no `{name}`")));
        }
        https_url(url)
    }

    pub(super) fn authorization_endpoint(&self) -> Result<Uri, LoginError> {
        self.endpoint(&self.metadata.authorization_endpoint, "authorization_endpoint")
    }

    pub(super) fn token_endpoint(&self) -> Result<Uri, LoginError> {
        self.endpoint(&self.metadata.token_endpoint, "token_endpoint")
    }

    pub(super) fn device_endpoint(&self) -> Result<Uri, LoginError> {
        let url = &self.metadata.device_authorization_endpoint;
        self.endpoint(url, "device_authorization_endpoint")
    }

    /// Where tokens are given back (RFC 7009), if there is such a place.
    pub(super) fn revocation_endpoint(&self) -> Option<Uri> {
        https_url(&self.metadata.revocation_endpoint).ok()
    }

    /// Whether answers to browsers name their issuer (RFC 9207 §3).
    pub(super) const fn names_itself(&self) -> bool {
        self.metadata.authorization_response_iss_parameter_supported
    }

    /// Whether the secret of the client goes into the body; it goes into a header by default.
    pub(super) fn takes_secret_in_body(&self) -> bool {
        let methods = &self.metadata.token_endpoint_auth_methods_supported;
        let has = |name: &str| methods.iter().any(|method| method == name);
        has("client_secret_post") && !has("client_secret_basic")
    }

    /// `openid`, what was asked for, and what refresh tokens are given for where that is known.
    pub(super) fn scope(&self) -> String {
        let offline = "offline_access";
        let knows_offline = self.metadata.scopes_supported.iter().any(|scope| scope == offline);
        let mut scopes = vec!["openid"];
        scopes.extend(self.options.account.scopes.iter().map(String::as_str));
        scopes.extend(knows_offline.then_some(offline));
        let mut distinct: Vec<&str> = Vec::with_capacity(scopes.len());
        for scope in scopes {
            if !distinct.contains(&scope) {
                distinct.push(scope);
            }
        }
        distinct.join(" ")
    }

    /// What its ID tokens may be signed with; RS256 where it does not say (Discovery §3).
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        let names = &self.metadata.id_token_signing_alg_values_supported;
        if names.is_empty() {
            return vec![Algorithm::Rs256];
        }
        names.iter().filter_map(|name| Algorithm::from_name(name)).collect()
    }

    /// The keys its ID tokens are signed with.
    pub(super) async fn keys(&self) -> Result<KeySet, LoginError> {
        let url = &self.metadata.jwks_uri;
        self.endpoint(url, "jwks_uri")?;
        let set = jwk::parse(&get(&self.http, url).await?, MAX_KEYS);
        Ok(KeySet::new(set.map_err(|error| self.wrong(error.to_string()))?.keys))
    }
}

/// A document. Any status but 200 is an error.
async fn get(http: &Http, url: &str) -> Result<hyper::body::Bytes, LoginError> {
    let request = request(&https_url(url)?, None, None)?;
    let failed = |error| LoginError::Fetch { url: url.to_owned(), error };
    let answer = http.send(request).await.map_err(failed)?;
    if answer.status() != http::StatusCode::OK {
        let status = answer.status().as_u16();
        return Err(failed(crate::source::fetch::FetchError::Status { status }));
    }
    Ok(answer.into_body())
}
