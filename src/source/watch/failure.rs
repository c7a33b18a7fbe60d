//! Why the API server was asked in vain, in words that show no credential.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use kube::client::{AuthError, Body};
use kube::config::KubeconfigError;
use serde::Deserialize;

use super::stream;
use crate::api::null;

/// How much of an answer that is no 200 is read.
const LONGEST_ANSWER: usize = 64 * 1024;
/// How much of what the API server says is told.
const LONGEST_MESSAGE: usize = 300;

/// Why there is no 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is no answer.
    Unreachable(String),
    /// There is an answer.
    Refused {
        /// The HTTP status.
        code: u16,
        /// What the API server says, on one line.
        message: String,
        /// When to come again.
        retry_after: Option<Duration>,
        /// Whether it has not seen the resource version yet that was asked for.
        is_too_new: bool,
    },
}

impl Failure {
    /// Nothing came for that long.
    pub(super) fn silent(limit: Duration) -> Self {
        Self::Unreachable(format!("no byte within {} s", limit.as_secs_f64()))
    }

    /// The body broke off.
    pub(super) fn broken(error: &kube::Error) -> Self {
        Self::Unreachable(format!("the answer broke off: {}", told_by_client(error)))
    }

    /// What an answer that is no 200 says.
    pub(super) async fn of_answer(answer: http::Response<Body>, patience: Duration) -> Self {
        let code = answer.status().as_u16();
        let header = answer.headers().get(http::header::RETRY_AFTER);
        let seconds = header.and_then(|it| it.to_str().ok()?.trim().parse::<u64>().ok());
        let text = stream::collect(answer.into_body(), patience, LONGEST_ANSWER).await;
        // What is no Status is the page of a proxy, which says nothing that the code does not.
        let status = text.ok().and_then(|text| serde_json::from_slice::<Status>(&text).ok());
        let status = status.unwrap_or_default();
        Self::Refused {
            code,
            message: status.told(),
            retry_after: seconds.or(status.details.retry_after_seconds).map(Duration::from_secs),
            is_too_new: status.is_too_new(),
        }
    }

    /// The HTTP status; 0 when there is none.
    pub(super) const fn code(&self) -> u16 {
        match self {
            Self::Unreachable(_) => 0,
            Self::Refused { code, .. } => *code,
        }
    }

    /// When to come again, where the API server says so.
    pub(super) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unreachable(_) => None,
            Self::Refused { retry_after, .. } => *retry_after,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (code, message) = match self {
            Self::Unreachable(reason) => return f.write_str(reason),
            Self::Refused { code, message, .. } => (code, message),
        };
        match code {
            401 => f.write_str("the API server does not accept the credentials")?,
            403 => f.write_str("forbidden")?,
            code => write!(f, "the API server answered {code}")?,
        }
        match message.as_str() {
            "" => Ok(()),
            message => write!(f, ": {message}"),
        }
    }
}

impl Error for Failure {}

/// The object by which API servers say what went wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    #[serde(deserialize_with = "null::or_default")]
    message: String,
    #[serde(deserialize_with = "null::or_default")]
    reason: String,
    #[serde(deserialize_with = "null::or_default")]
    pub(super) code: u16,
    #[serde(deserialize_with = "null::or_default")]
    details: Details,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Details {
    #[serde(deserialize_with = "null::optional")]
    retry_after_seconds: Option<u64>,
    #[serde(deserialize_with = "null::list")]
    causes: Vec<Cause>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Cause {
    #[serde(deserialize_with = "null::or_default")]
    reason: String,
}

impl Status {
    /// The message, else the reason, on one line and not too long.
    pub(super) fn told(&self) -> String {
        let text = if self.message.is_empty() { &self.reason } else { &self.message };
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        line.chars().filter(|it| !it.is_control()).take(LONGEST_MESSAGE).collect()
    }

    /// An API server that has not seen a version yet answers 504 with this cause; older ones say it in
    /// the message alone.
    fn is_too_new(&self) -> bool {
        self.details.causes.iter().any(|cause| cause.reason == "ResourceVersionTooLarge")
            || self.message.contains("Too large resource version")
    }

    /// As an answer of that code.
    pub(super) fn into_failure(self) -> Failure {
        Failure::Refused {
            code: self.code,
            message: self.told(),
            retry_after: self.details.retry_after_seconds.map(Duration::from_secs),
            is_too_new: self.is_too_new(),
        }
    }
}

/// An error and what caused it, on one line. Errors about credentials show what they were read from or what
/// a credential plugin printed, so of those only the kind is told.
pub(super) fn told_by_client(error: &kube::Error) -> String {
    match error {
        kube::Error::Auth(error) => return told_by_credentials(error),
        kube::Error::InferKubeconfig(error) => return told_by_kubeconfig(error),
        // A proxy may stand there with its password.
        kube::Error::ProxyProtocolUnsupported { .. }
        | kube::Error::ProxyProtocolDisabled { .. } => {
            return "the proxy of the kubeconfig is not supported; remove its `proxy-url`"
                .to_owned();
        }
        _ => {}
    }
    let mut told: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(error) = cause.downcast_ref::<AuthError>() {
            return told_by_credentials(error);
        }
        if let Some(error) = cause.downcast_ref::<KubeconfigError>() {
            return told_by_kubeconfig(error);
        }
        let text = cause.to_string();
        // Many errors repeat their cause.
        if !told.iter().any(|known| known.contains(&text)) {
            told.push(text);
        }
        next = cause.source();
    }
    if told.is_empty() { "no answer".to_owned() } else { told.join(": ") }
}

fn told_by_credentials(error: &AuthError) -> String {
    match error {
        AuthError::AuthExecStart(error) => format!("the credential plugin does not start: {error}"),
        AuthError::AuthExecRun { out, .. } => {
            format!("the credential plugin failed ({})", out.status)
        }
        AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed => {
            "the credential plugin printed no ExecCredential with a status".to_owned()
        }
        AuthError::ReadTokenFile(error, path) => {
            format!("the token file `{}` cannot be read: {error}", path.display())
        }
        AuthError::InvalidBearerToken(_) => "the token holds bytes that no header takes".to_owned(),
        AuthError::MissingCommand => "the credential plugin has no `command`".to_owned(),
        _ => "the credentials cannot be read".to_owned(),
    }
}

/// What is wrong with a kubeconfig, but not what it holds.
pub(super) fn told_by_kubeconfig(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::ReadConfig(error, path) => {
            format!("`{}` cannot be read: {error}", path.display())
        }
        KubeconfigError::Parse(_) => "it is no YAML of a kubeconfig".to_owned(),
        KubeconfigError::ParseProxyUrl(_) => "its `proxy-url` is no URL".to_owned(),
        KubeconfigError::CurrentContextNotSet => "it has no current context; name one".to_owned(),
        KubeconfigError::LoadContext(context) => format!("it has no context `{context}`"),
        KubeconfigError::LoadClusterOfContext(cluster) => format!("it has no cluster `{cluster}`"),
        KubeconfigError::FindPath => "there is none; name one, or set `KUBECONFIG`".to_owned(),
        other => other.to_string(),
    }
}

/// A URL without the name and password that may stand in it.
pub(super) fn without_user(url: &http::Uri) -> String {
    let scheme = url.scheme_str().unwrap_or("https");
    let port = url.port_u16().map_or_else(String::new, |port| format!(":{port}"));
    let path = url.path().trim_end_matches('/');
    format!("{scheme}://{}{port}{path}", url.host().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(text: &str) -> Failure {
        serde_json::from_str::<Status>(text).unwrap().into_failure()
    }

    #[test]
    fn a_status_is_told_on_one_line() {
        let forbidden = status(
            r#"{"kind":"Status","code":403,"reason":"Forbidden","message":"roles is forbidden:\n User \"x\" cannot list","details":null}"#,
        );
        assert_eq!(forbidden.to_string(), "forbidden: roles is forbidden: User \"x\" cannot list");
        let long = status(&format!(r#"{{"code":500,"message":"{}"}}"#, "x".repeat(4000)));
        assert!(long.to_string().len() < 350);
        assert_eq!(
            status(r#"{"code":500,"reason":"InternalError"}"#).to_string(),
            "the API server answered 500: InternalError"
        );
    }

    #[test]
    fn a_version_from_the_future_is_known_by_its_cause_or_its_message() {
        let told = |text| match status(text) {
            Failure::Refused { is_too_new, .. } => is_too_new,
            Failure::Unreachable(_) => panic!("{text}"),
        };
        assert!(told(
            r#"{"code":504,"details":{"causes":[{"reason":"ResourceVersionTooLarge"}]}}"#
        ));
        assert!(told(
            r#"{"code":504,"message":"Timeout: Too large resource version: 9, current: 3"}"#
        ));
        assert!(!told(r#"{"code":504,"message":"Timeout: request did not complete"}"#));
    }

    #[test]
    fn an_address_is_shown_without_a_password() {
        let shown = |url: &str| without_user(&url.parse().unwrap());
        assert_eq!(
            shown("https://me:hunter2@k8s.example:6443/clusters/c/"),
            "https://k8s.example:6443/clusters/c"
        );
        assert_eq!(shown("https://10.0.0.1/"), "https://10.0.0.1");
    }

    #[test]
    fn nothing_that_a_credential_plugin_printed_is_told() {
        let out = std::process::Command::new("sh").args(["-c", "echo hunter2; exit 3"]).output();
        let error =
            AuthError::AuthExecRun { cmd: "hunter2".to_owned(), out: Box::new(out.unwrap()) };
        let direct = told_by_client(&kube::Error::Auth(error));
        assert_eq!(direct, "the credential plugin failed (exit status: 3)");
        let out = std::process::Command::new("sh").args(["-c", "echo hunter2; exit 3"]).output();
        let error =
            AuthError::AuthExecRun { cmd: "hunter2".to_owned(), out: Box::new(out.unwrap()) };
        assert_eq!(told_by_client(&kube::Error::Service(Box::new(error))), direct);
    }
}
