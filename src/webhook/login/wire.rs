use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

pub(super) use crate::api::login::API_VERSION;
use crate::crypto::request::SigningRequest;

/// The `kind` of a login.
pub(super) const KIND: &str = "LoginRequest";
/// The `kind` of what `GET /login` answers.
pub(super) const METHODS_KIND: &str = "LoginMethods";

/// What somebody wants who proves who they are.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) credential: Credential,
    pub(super) audiences: Vec<String>,
    pub(super) seconds: Option<i64>,
}

/// A kind of credential, and what is needed for it.
#[derive(Debug)]
pub(super) enum Credential {
    /// A token.
    Token,
    /// A client certificate for the key of this request.
    Certificate(Box<SigningRequest>),
}

/// Why a body is no login. Displays what to do about it.
#[derive(Debug, thiserror::Error)]
pub(super) enum WishError {
    #[error("the body is no LoginRequest: {0}")]
    Json(#[source] serde_json::Error),
    #[error("the body must say `apiVersion: {API_VERSION}` and `kind: {KIND}`, or be empty")]
    Kind,
    #[error("`spec.request` is missing: a certificate needs a signing request, base64 of its PEM")]
    NoRequest,
    #[error("`spec.request` must be the base64 of a signing request in PEM")]
    NotBase64,
    #[error("`spec.request`: {0}")]
    Request(#[source] crate::crypto::request::RequestError),
    #[error(
        "`spec.request` is for certificates; leave it out, or ask for `credential: Certificate`"
    )]
    NeedlessRequest,
    #[error("`spec.audiences` is for tokens; leave it out, or ask for `credential: Token`")]
    NeedlessAudiences,
    #[error("`spec.expirationSeconds` must be more than zero")]
    Seconds,
    #[error("`spec.audiences` must not hold an empty text, nor more than {MAX_AUDIENCES}")]
    Audiences,
}

const MAX_AUDIENCES: usize = 16;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LoginRequest {
    api_version: String,
    kind: String,
    #[serde(default)]
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    #[serde(default)]
    credential: Kind,
    request: Option<String>,
    #[serde(default)]
    audiences: Vec<String>,
    expiration_seconds: Option<i64>,
}

/// The kinds of credentials by their names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) enum Kind {
    #[default]
    Token,
    Certificate,
}

impl Wish {
    /// Reads the body of a login; an empty one wishes for a token.
    pub(super) fn read(body: &[u8]) -> Result<Self, WishError> {
        if body.trim_ascii().is_empty() {
            let credential = Credential::Token;
            return Ok(Self { credential, audiences: Vec::new(), seconds: None });
        }
        let LoginRequest { api_version, kind, spec } =
            serde_json::from_slice(body).map_err(WishError::Json)?;
        if api_version != API_VERSION || kind != KIND {
            return Err(WishError::Kind);
        }
        let Spec { credential, request, audiences, expiration_seconds } = spec;
        if expiration_seconds.is_some_and(|seconds| seconds < 1) {
            return Err(WishError::Seconds);
        }
        if audiences.len() > MAX_AUDIENCES || audiences.iter().any(String::is_empty) {
            return Err(WishError::Audiences);
        }
        let credential = match (credential, request) {
            (Kind::Token, None) => Credential::Token,
            (Kind::Token, Some(_)) => return Err(WishError::NeedlessRequest),
            (Kind::Certificate, None) => return Err(WishError::NoRequest),
            (Kind::Certificate, Some(_)) if !audiences.is_empty() => {
                return Err(WishError::NeedlessAudiences);
            }
            (Kind::Certificate, Some(request)) => {
                let pem = STANDARD.decode(request).map_err(|_| WishError::NotBase64)?;
                let request = SigningRequest::from_pem(&pem).map_err(WishError::Request)?;
                Credential::Certificate(Box::new(request))
            }
        };
        Ok(Self { credential, audiences, seconds: expiration_seconds })
    }
}

/// What is handed out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) status: Status,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    pub(super) user: Named,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) certificate: Option<String>,
    pub(super) expiration_timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refreshable_until: Option<String>,
}

/// Who it is, for whoever wonders.
#[derive(Serialize)]
pub(super) struct Named {
    pub(super) username: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) uid: String,
    pub(super) groups: Vec<String>,
}

/// What `GET /login` answers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Methods {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) methods: Vec<&'static str>,
    pub(super) credentials: Vec<Kind>,
    pub(super) refresh: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) oidc: Vec<OidcIssuer>,
}

/// An issuer whose tokens are taken.
#[derive(Clone, Serialize)]
pub(super) struct OidcIssuer {
    pub(super) issuer: String,
    #[serde(rename = "clientID")]
    pub(super) client_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(body: &str) -> String {
        Wish::read(body.as_bytes()).expect_err("it is no login").to_string()
    }

    fn with(spec: &str) -> String {
        format!(r#"{{"apiVersion":"{API_VERSION}","kind":"{KIND}","spec":{spec}}}"#)
    }

    #[test]
    fn nothing_is_a_wish_for_a_token_and_so_is_a_request_that_says_so() {
        for body in [String::new(), " \n".to_owned(), with("{}"), with(r#"{"credential":"Token"}"#)]
        {
            let wish = Wish::read(body.as_bytes()).unwrap();
            assert!(matches!(wish.credential, Credential::Token), "{body}");
        }
        let wish = Wish::read(with(r#"{"audiences":["a"],"expirationSeconds":60}"#).as_bytes());
        let wish = wish.unwrap();
        assert_eq!((wish.audiences, wish.seconds), (vec!["a".to_owned()], Some(60)));
    }

    #[test]
    fn what_is_no_login_is_told_with_what_to_do() {
        assert!(why("{").starts_with("the body is no LoginRequest: "));
        assert!(why(&with(r#"{"subject":"CN=admin"}"#)).contains("unknown field `subject`"));
        assert!(
            why(r#"{"apiVersion":"v1","kind":"LoginRequest"}"#).starts_with("the body must say")
        );
        assert!(
            why(&with(r#"{"credential":"Certificate"}"#)).starts_with("`spec.request` is missing")
        );
        assert!(
            why(&with(r#"{"request":"YQ=="}"#)).starts_with("`spec.request` is for certificates")
        );
        assert!(
            why(&with(r#"{"credential":"Certificate","request":"*"}"#))
                .starts_with("`spec.request` must be the base64")
        );
        assert!(why(&with(r#"{"expirationSeconds":0}"#)).contains("more than zero"));
        assert!(why(&with(r#"{"audiences":[""]}"#)).contains("empty text"));
    }
}
