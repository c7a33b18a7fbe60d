//! The login server.

use http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use hyper::body::Bytes;
use serde::Deserialize;

use super::http::{Http, https_url, request};
use super::identity::Identity;
use super::proof::Wish;
use super::{LoginError, LoginOptions};
use crate::api::login::{API_VERSION, LoginMethods, LoginRequest, LoginStatus};

/// When a server asks to wait and does not say how long.
const RETRY_SECONDS: u64 = 30;

/// What a server may say in an error, in characters.
const MAX_MESSAGE: usize = 300;

/// Where logins go.
pub(super) struct Server<'a> {
    url: &'a str,
    options: &'a LoginOptions,
}

/// What a server answered, and the header in which it proves itself.
pub(super) struct Answer {
    pub(super) status: LoginStatus,
    #[cfg_attr(
        not(feature = "kerberos"),
        expect(dead_code, reason = "only Kerberos proves the server by a header")
    )]
    pub(super) challenge: Option<HeaderValue>,
}

impl<'a> Server<'a> {
    pub(super) fn new(url: &'a str, options: &'a LoginOptions) -> Result<Self, LoginError> {
        https_url(url)?;
        if url.contains('?') {
            return Err(LoginError::Unsendable("the URL of a login server has no query"));
        }
        Ok(Self { url, options })
    }

    /// The name of its machine.
    #[cfg(feature = "kerberos")]
    pub(super) fn host(&self) -> Result<String, LoginError> {
        Ok(https_url(self.url)?.host().unwrap_or_default().to_owned())
    }

    /// How one may log in there.
    pub(super) async fn methods(&self) -> Result<LoginMethods, LoginError> {
        let http = self.http(None)?;
        let uri = self.uri("/login")?;
        let answer = self.sent(http.send(request(&uri, None, None)?).await)?;
        let methods: LoginMethods = serde_json::from_slice(answer.body())
            .map_err(|_| self.unusable("it is no LoginMethods"))?;
        if methods.api_version != API_VERSION || methods.kind != "LoginMethods" {
            return Err(self.unusable("it is of another version than this program speaks"));
        }
        Ok(methods)
    }

    /// A first login.
    pub(super) async fn login(
        &self,
        identity: Option<&Identity>,
        proof: Option<HeaderValue>,
        wish: &Wish,
    ) -> Result<Answer, LoginError> {
        self.ask("/login", identity, proof, wish).await
    }

    /// A renewal, with what was given before.
    pub(super) async fn refresh(
        &self,
        identity: Option<&Identity>,
        proof: Option<HeaderValue>,
        wish: &Wish,
    ) -> Result<Answer, LoginError> {
        self.ask("/login/refresh", identity, proof, wish).await
    }

    async fn ask(
        &self,
        path: &str,
        identity: Option<&Identity>,
        proof: Option<HeaderValue>,
        wish: &Wish,
    ) -> Result<Answer, LoginError> {
        let body = serde_json::to_vec(&LoginRequest::new(wish.spec.clone())).unwrap_or_default();
        let http = self.http(identity)?;
        let request = request(&self.uri(path)?, proof, Some(("application/json", body)))?;
        let answer = self.sent(http.send(request).await)?;
        let challenges = answer.headers().get_all(WWW_AUTHENTICATE);
        let challenge = challenges.into_iter().find(|value| {
            value.as_bytes().get(..10).is_some_and(|it| it.eq_ignore_ascii_case(b"Negotiate "))
        });
        let challenge = challenge.cloned();
        let read: LoginRequest = serde_json::from_slice(answer.body())
            .map_err(|_| self.unusable("it is no LoginRequest"))?;
        if read.api_version != API_VERSION || read.kind != "LoginRequest" {
            return Err(self.unusable("it is of another version than this program speaks"));
        }
        let status = read.status.ok_or_else(|| self.unusable("it has no status"))?;
        Ok(Answer { status, challenge })
    }

    pub(super) fn unusable(&self, problem: &'static str) -> LoginError {
        LoginError::Answer { server: self.url.to_owned(), problem }
    }

    fn http(&self, identity: Option<&Identity>) -> Result<Http, LoginError> {
        Http::new(self.options.ca_bundle.as_deref(), identity, self.options.timeout)
    }

    fn uri(&self, path: &str) -> Result<http::Uri, LoginError> {
        https_url(&format!("{}{path}", self.url.trim_end_matches('/')))
    }

    /// What arrived, if it is a yes.
    fn sent(
        &self,
        answer: Result<Response<Bytes>, crate::source::fetch::FetchError>,
    ) -> Result<Response<Bytes>, LoginError> {
        let server = self.url.to_owned();
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Err(LoginError::Fetch { url: server, error }),
        };
        Err(match answer.status() {
            StatusCode::OK => return Ok(answer),
            StatusCode::UNAUTHORIZED => LoginError::Refused { server },
            StatusCode::FORBIDDEN => LoginError::Forbidden { server, message: message(&answer) },
            StatusCode::TOO_MANY_REQUESTS => {
                let seconds = answer.headers().get(RETRY_AFTER).and_then(|it| it.to_str().ok());
                let seconds = seconds.and_then(|it| it.parse().ok()).unwrap_or(RETRY_SECONDS);
                LoginError::TooMany { server, seconds }
            }
            StatusCode::SERVICE_UNAVAILABLE => LoginError::Unavailable { server },
            status => {
                let (status, message) = (status.as_u16(), message(&answer));
                LoginError::Status { server, status, message }
            }
        })
    }
}

/// The message of a `Status` object, not too long, in one line.
fn message(answer: &Response<Bytes>) -> String {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Status {
        message: String,
    }
    let status: Status = serde_json::from_slice(answer.body()).unwrap_or_default();
    one_line(&status.message)
}

/// A text of somebody else's, fit for a message.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_MESSAGE).collect()
}
