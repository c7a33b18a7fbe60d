//! The token endpoint (RFC 6749 §3.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::Serializer;
use http::header::HeaderValue;
use http::{StatusCode, Uri};
use hyper::body::Bytes;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::discovery::Provider;
use super::id_token::{self, Expected};
use super::{Claims, Identified};
use crate::source::fetch::{FetchError, unix_now};
use crate::source::login::LoginError;
use crate::source::login::http::request;
use crate::source::login::server::one_line;
use crate::util::secret::Secret;

const FORM: &str = "application/x-www-form-urlencoded";

/// What it gives. The access token is for others.
#[derive(Deserialize)]
pub(super) struct Tokens {
    id_token: Option<String>,
    refresh_token: Option<String>,
}

/// What it says instead (RFC 6749 §5.2).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error: String,
    error_description: String,
}

/// Why a grant gave nothing.
pub(super) enum GrantError {
    /// The issuer says no, by this code.
    Refused { code: String, description: String },
    /// Something else.
    Failed(LoginError),
}

impl From<LoginError> for GrantError {
    fn from(error: LoginError) -> Self {
        Self::Failed(error)
    }
}

impl GrantError {
    pub(super) fn of(self, provider: &Provider<'_>) -> LoginError {
        match self {
            Self::Failed(error) => error,
            Self::Refused { code, description } => {
                let code = one_line(&code);
                let reason = match one_line(&description) {
                    text if text.is_empty() => format!("`{code}`"),
                    text => format!("`{code}`: {text}"),
                };
                LoginError::IssuerRefuses { issuer: provider.issuer().to_owned(), reason }
            }
        }
    }
}

impl Provider<'_> {
    /// Sends a form as this client, to the token endpoint or one that is like it.
    pub(super) async fn post(
        &self,
        endpoint: &Uri,
        fields: &[(&str, &str)],
    ) -> Result<Bytes, GrantError> {
        let mut form = Serializer::new(String::new());
        form.extend_pairs(fields);
        // One proof, not two (RFC 6749 §2.3).
        let authorization = match &self.client.secret {
            None => {
                form.append_pair("client_id", &self.client.id);
                None
            }
            Some(secret) if self.takes_secret_in_body() => {
                form.append_pair("client_id", &self.client.id);
                form.append_pair("client_secret", secret.expose_secret());
                None
            }
            Some(secret) => Some(self.basic(secret)?),
        };
        let body = form.finish().into_bytes();
        let request = request(endpoint, authorization, Some((FORM, body)))?;
        let failed = |error| LoginError::Fetch { url: endpoint.to_string(), error };
        let answer = self.http.send(request).await.map_err(failed)?;
        if answer.status() == StatusCode::OK {
            return Ok(answer.into_body());
        }
        match serde_json::from_slice::<Refusal>(answer.body()) {
            Ok(Refusal { error, error_description }) if !error.is_empty() => {
                Err(GrantError::Refused { code: error, description: error_description })
            }
            _ => Err(failed(FetchError::Status { status: answer.status().as_u16() }).into()),
        }
    }

    /// RFC 6749 §2.3.1: both halves are encoded as in a form first.
    fn basic(&self, secret: &Secret) -> Result<HeaderValue, LoginError> {
        let encoded =
            |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
        let (id, secret) = (encoded(&self.client.id), encoded(secret.expose_secret()));
        let pair = Zeroizing::new(format!("{id}:{secret}"));
        HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair.as_bytes())))
            .map_err(|_| LoginError::Unsendable("the secret of the client cannot be sent"))
    }

    /// A grant for tokens.
    pub(super) async fn grant(&self, fields: &[(&str, &str)]) -> Result<Tokens, GrantError> {
        let answer = self.post(&self.token_endpoint()?, fields).await?;
        serde_json::from_slice(&answer).map_err(|_| {
            GrantError::Failed(self.wrong("its token endpoint answers with something else"))
        })
    }

    /// What the tokens say, once that is proven.
    pub(super) async fn identified(
        &self,
        tokens: Tokens,
        nonce: Option<&Secret>,
        subject: Option<&str>,
    ) -> Result<Identified, LoginError> {
        let Some(id_token) = tokens.id_token else {
            return Err(self.wrong("it gives no ID token; is the scope `openid` granted?"));
        };
        let id_token = Secret::new(id_token);
        let expected = Expected {
            issuer: self.issuer(),
            client_id: &self.client.id,
            nonce,
            subject,
            algorithms: &self.algorithms(),
        };
        let keys = self.keys().await?;
        let claims: Claims =
            id_token::verify(id_token.expose_secret(), &keys, &expected, unix_now())
                .map_err(|error| LoginError::IdToken { issuer: self.issuer().to_owned(), error })?;
        let refresh_token = tokens.refresh_token.filter(|it| !it.is_empty()).map(Secret::new);
        Ok(Identified { id_token, claims, refresh_token })
    }

    /// New tokens for a refresh token (RFC 6749 §6); `None` when it is no longer good.
    pub(in crate::source::login) async fn refresh(
        &self,
        refresh_token: &Secret,
        subject: &str,
    ) -> Result<Option<Identified>, LoginError> {
        let fields =
            [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose_secret())];
        match self.grant(&fields).await {
            Err(GrantError::Refused { code, .. }) if code == "invalid_grant" => Ok(None),
            Err(error) => Err(error.of(self)),
            // OpenID Connect Core §12.2: an answer need not have an ID token, and then is of no use.
            Ok(Tokens { id_token: None, .. }) => Ok(None),
            Ok(tokens) => self.identified(tokens, None, Some(subject)).await.map(Some),
        }
    }

    /// Gives a refresh token back (RFC 7009), where the issuer takes them.
    pub(in crate::source::login) async fn revoke(
        &self,
        refresh_token: &Secret,
    ) -> Result<(), LoginError> {
        let Some(endpoint) = self.revocation_endpoint() else { return Ok(()) };
        let token = ("token", refresh_token.expose_secret());
        let fields = [token, ("token_type_hint", "refresh_token")];
        self.post(&endpoint, &fields).await.map(|_| ()).map_err(|error| error.of(self))
    }
}
