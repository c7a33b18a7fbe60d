//! The flags of kube-apiserver that are about who is who, from the manifest of its static pod or a
//! file of flags.

use super::flags::{ANONYMOUS, CONFIG, OIDC, SERVICE_ACCOUNT_ISSUER};
use super::{AuthenticationConfigError, FlagError, INVALID, OidcFlags};
use crate::api::authentication_config::AuthenticationConfiguration;
use crate::source::apiserver_file::{CommandLine, Problem};
use crate::util::goquote::Quoted;

/// The flags that are about who is who.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthenticationFlags {
    /// `--oidc-*`.
    pub oidc: OidcFlags,
    /// `--authentication-config`; empty is not set.
    pub config: String,
    /// `--anonymous-auth`; `None` when it is not set, which is on.
    pub anonymous: Option<bool>,
    /// `--service-account-issuer`: no issuer of JWTs may be one of them (S-ACONF-3).
    pub service_account_issuers: Vec<String>,
}

/// The flags of an API server, and the configuration that they amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerFlags {
    /// The flags.
    pub flags: AuthenticationFlags,
    /// The configuration; `None` when it stands in the file of [`AuthenticationFlags::config`].
    pub configuration: Option<AuthenticationConfiguration>,
}

impl AuthenticationFlags {
    /// Picks the flags out of a command line of kube-apiserver; what is none of them is passed over.
    ///
    /// # Errors
    /// When a value is missing, or cannot be read.
    pub fn from_args<T: AsRef<str>>(args: impl IntoIterator<Item = T>) -> Result<Self, FlagError> {
        let mut flags = Self::default();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let arg = arg.as_ref();
            if arg == "--" {
                break;
            }
            let Some(text) = arg.strip_prefix("--") else { continue };
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (text, None),
            };
            if name == ANONYMOUS {
                // A truth value stands behind an equals sign, or not at all.
                flags.anonymous = Some(value.map_or(Ok(true), truth)?);
                continue;
            }
            let mut known = OIDC.into_iter().chain([CONFIG, SERVICE_ACCOUNT_ISSUER]);
            let Some(flag) = known.find(|known| *known == name) else { continue };
            let value = value.or_else(|| args.next().map(|next| next.as_ref().to_owned()));
            let value = value.ok_or(FlagError::NoValue(flag))?;
            match flag {
                CONFIG => flags.config = value,
                SERVICE_ACCOUNT_ISSUER => flags.service_account_issuers.push(value),
                _ => flags.oidc.set(flag, value)?,
            }
        }
        Ok(flags)
    }

    /// The configuration that the flags amount to; `None` when it stands in a file.
    ///
    /// # Errors
    /// As [`OidcFlags::build`]; when there is a file, too.
    pub fn build(&self) -> Result<Option<AuthenticationConfiguration>, Vec<FlagError>> {
        if self.config.is_empty() {
            return self.oidc.build(&self.service_account_issuers).map(Some);
        }
        if self.oidc.is_set() { Err(vec![FlagError::FileAndFlags]) } else { Ok(None) }
    }

    /// What the API server objects to in the file of [`Self::config`] because of the flags beside it,
    /// though both are good: what becomes of anonymous requests stands in both (S-ACONF-13).
    #[must_use]
    pub fn anonymous_error(&self, file: &AuthenticationConfiguration) -> Option<FlagError> {
        let both = self.anonymous.is_some() && file.anonymous.is_some();
        both.then_some(FlagError::AnonymousTwice)
    }
}

/// A truth value as Go reads it.
fn truth(value: String) -> Result<bool, FlagError> {
    match value.as_str() {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        text => {
            let error = format!("strconv.ParseBool: parsing {}: invalid syntax", Quoted(text));
            Err(FlagError::Value { flag: ANONYMOUS, value, error })
        }
    }
}

/// Reads the manifest of a pod that runs kube-apiserver, or a text of flags: words between white space,
/// of which `#` begins a comment at the beginning of a line and `\` ends one. `name` is what messages
/// call it.
///
/// ```
/// use portcullis::source::authentication_config;
///
/// let manifest = "
/// kind: Pod
/// spec:
///   containers:
///   - command:
///     - kube-apiserver
///     - --oidc-issuer-url=http://issuer.example
///     - --oidc-client-id=kubernetes
/// ";
/// let error =
///     authentication_config::server_flags("kube-apiserver.yaml", manifest.as_bytes()).unwrap_err();
/// assert_eq!(
///     error.problems()[0].to_string(),
///     r#"kube-apiserver.yaml:7: jwt[0].issuer.url: Invalid value: "http://issuer.example": URL scheme must be https"#,
/// );
/// ```
///
/// # Errors
/// Everything that the API server says about the flags (S-OIDC-1 to 3); when the text is neither.
pub fn server_flags(name: &str, bytes: &[u8]) -> Result<ServerFlags, AuthenticationConfigError> {
    let refused = |problems: Vec<Problem>| AuthenticationConfigError::joined("", problems);
    let line = CommandLine::read(name, bytes).map_err(|problem| refused(vec![problem]))?;
    let problem = |error: &FlagError| line.problem(error.flag(), message(error));
    let flags = AuthenticationFlags::from_args(line.words())
        .map_err(|error| refused(vec![problem(&error)]))?;
    let configuration = flags.build().map_err(|errors| {
        let is_invalid = errors.iter().all(|error| matches!(error, FlagError::Invalid(_)));
        let before = if is_invalid { INVALID } else { "" };
        AuthenticationConfigError::joined(before, errors.iter().map(problem).collect())
    })?;
    Ok(ServerFlags { flags, configuration })
}

/// What is wrong, without what stands before all of it.
fn message(error: &FlagError) -> String {
    match error {
        FlagError::Invalid(error) => error.to_string(),
        other => other.to_string(),
    }
}
