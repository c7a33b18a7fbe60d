//! What do a login and its answer look like on the wire?
//!
//! The protocol of `/login`, version `login.portcullis.dev/v1alpha1`: a client proves who it is once,
//! by whatever means its organisation has, and gets a short-lived credential for the API server.
//! `GET /login` answers [`LoginMethods`]; `POST /login` and `POST /login/refresh` take and answer a
//! [`LoginRequest`].
//!
//! Absent on purpose: the proof itself, which is in the headers or in the TLS handshake, and every
//! judgement. `token` is a plain text here: whoever holds one of these values holds a secret, and
//! their `Debug` leaves it out.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The group and version of all bodies.
pub const API_VERSION: &str = "login.portcullis.dev/v1alpha1";

/// How one may log in, and what one gets.
///
/// ```
/// use portcullis::api::login::{CredentialKind, LoginMethod, LoginMethods};
///
/// let methods: LoginMethods = serde_json::from_str(
///     r#"{"apiVersion": "login.portcullis.dev/v1alpha1", "kind": "LoginMethods",
///         "methods": ["Basic", "Carrier Pigeon"], "credentials": ["Token"], "refresh": true}"#,
/// )?;
/// assert_eq!(methods.methods, [LoginMethod::Basic, LoginMethod::Other]);
/// assert_eq!(methods.credentials, [CredentialKind::Token]);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoginMethods {
    /// [`API_VERSION`].
    pub api_version: String,
    /// `LoginMethods`.
    pub kind: String,
    /// What counts as a proof.
    #[serde(default)]
    pub methods: Vec<LoginMethod>,
    /// What one may get.
    #[serde(default)]
    pub credentials: Vec<CredentialKind>,
    /// Whether credentials can be renewed with themselves.
    #[serde(default)]
    pub refresh: bool,
    /// Whose tokens are taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub oidc: Vec<OidcClient>,
}

/// A way to prove who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoginMethod {
    /// Name and password in `Authorization: Basic` (RFC 7617).
    Basic,
    /// A Kerberos ticket in `Authorization: Negotiate` (RFC 4559).
    Negotiate,
    /// An ID token in `Authorization: Bearer`.
    #[serde(rename = "OIDC")]
    Oidc,
    /// A TLS client certificate, and no `Authorization` header.
    Certificate,
    /// One that a newer server knows.
    #[serde(other)]
    Other,
}

/// What a login gives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CredentialKind {
    /// A signed bearer token.
    #[default]
    Token,
    /// A certificate for a key that never leaves the client.
    Certificate,
    /// One that a newer server knows.
    #[serde(other)]
    Other,
}

/// An OIDC client that a server takes the tokens of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OidcClient {
    /// The issuer, as its tokens name it.
    pub issuer: String,
    /// The client, which its tokens are for.
    #[serde(rename = "clientID")]
    pub client_id: String,
}

/// A wish, and later its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoginRequest {
    /// [`API_VERSION`].
    pub api_version: String,
    /// `LoginRequest`.
    pub kind: String,
    /// What is wished for.
    #[serde(default)]
    pub spec: LoginSpec,
    /// What is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<LoginStatus>,
}

impl LoginRequest {
    /// A wish.
    #[must_use]
    pub fn new(spec: LoginSpec) -> Self {
        let (api_version, kind) = (API_VERSION.to_owned(), "LoginRequest".to_owned());
        Self { api_version, kind, spec, status: None }
    }
}

/// What is wished for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LoginSpec {
    /// What kind of credential. Default: a token.
    pub credential: CredentialKind,
    /// The signing request for a certificate: PEM (PKCS#10), in base64.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub request: String,
    /// Whom a token is to be for; empty for the server's default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// For how long, in seconds; the server may shorten it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_seconds: Option<u64>,
}

/// What is given: exactly one of token and certificate.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LoginStatus {
    /// Who was proven.
    pub user: LoginUser,
    /// A bearer token; empty for none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token: String,
    /// A chain of certificates: PEM, in base64; empty for none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub certificate: String,
    /// When the credential ends, RFC 3339.
    pub expiration_timestamp: String,
    /// Until when it, and those that follow it, can be renewed; RFC 3339, empty for never.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub refreshable_until: String,
}

impl fmt::Debug for LoginStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginStatus")
            .field("user", &self.user)
            .field("expiration_timestamp", &self.expiration_timestamp)
            .field("refreshable_until", &self.refreshable_until)
            .finish_non_exhaustive()
    }
}

/// Who was proven, as policies see them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoginUser {
    /// The name.
    pub username: String,
    /// The uid; empty for none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// The groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_written_without_what_it_leaves_open() {
        let wish = serde_json::to_value(LoginRequest::new(LoginSpec::default())).unwrap();
        assert_eq!(
            wish,
            serde_json::json!({
                "apiVersion": "login.portcullis.dev/v1alpha1",
                "kind": "LoginRequest",
                "spec": {"credential": "Token"},
            })
        );
    }

    #[test]
    fn an_answer_is_read_and_its_debug_has_no_token() {
        let answer: LoginRequest = serde_json::from_str(
            r#"{"apiVersion": "login.portcullis.dev/v1alpha1", "kind": "LoginRequest", "status": {
                "user": {"username": "jane", "groups": ["dev"]}, "token": "s3cret",
                "expirationTimestamp": "2026-11-26T12:00:00Z", "new": 1}}"#,
        )
        .unwrap();
        let status = answer.status.as_ref().unwrap();
        assert_eq!((status.token.as_str(), status.user.username.as_str()), ("s3cret", "jane"));
        assert_eq!((status.certificate.as_str(), status.refreshable_until.as_str()), ("", ""));
        assert!(!format!("{answer:?}").contains("s3cret"));
    }
}
