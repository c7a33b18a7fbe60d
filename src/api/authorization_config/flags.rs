use std::path::PathBuf;
use std::time::Duration;

use super::super::mode::Mode;
use super::{
    AuthorizationConfiguration, AuthorizerEntry, AuthorizerType, ConfiguredAuthorizer, Connection,
    DEFAULT_AUTHORIZED_TTL, DEFAULT_UNAUTHORIZED_TTL, FailurePolicy, GoDuration, LONGEST_TIMEOUT,
    WebhookEntry, review_version,
};
use crate::util::goquote::{Quoted, QuotedList};

/// The flags of kube-apiserver that make a chain.
///
/// ```
/// use portcullis::api::authorization_config::ModeFlags;
///
/// let flags = ModeFlags::from_args(["--authorization-mode=Node,RBAC", "--v=2"])?;
/// let chain = flags.build().unwrap();
/// let names: Vec<&str> = chain.authorizers.iter().map(|entry| entry.name.as_str()).collect();
/// assert_eq!(names, ["node", "rbac"]);
///
/// let flags = ModeFlags::from_args(["--authorization-mode=Node,ABAC"])?;
/// assert_eq!(
///     flags.build().unwrap_err()[0].to_string(),
///     "authorization-mode ABAC's authorization policy file not passed",
/// );
/// # Ok::<(), portcullis::api::authorization_config::FlagError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModeFlags {
    /// `--authorization-mode`, in order; `None` when it is not set, which is `AlwaysAllow` unless
    /// there is a file (S-CHAIN-13).
    pub modes: Option<Vec<String>>,
    /// `--authorization-config`; empty is not set.
    pub config: String,
    /// `--authorization-policy-file`; empty is not set. The policy of ABAC comes from it in a chain
    /// that a file configures, too (S-CHAIN-15).
    pub policy_file: String,
    /// `--authorization-webhook-config-file`.
    pub webhook_config_file: Option<String>,
    /// `--authorization-webhook-version`; `v1beta1` when it is not set (S-CHAIN-16).
    pub webhook_version: Option<String>,
    /// `--authorization-webhook-cache-authorized-ttl`; 0 keeps nothing.
    pub webhook_cache_authorized_ttl: Option<GoDuration>,
    /// `--authorization-webhook-cache-unauthorized-ttl`; 0 keeps nothing.
    pub webhook_cache_unauthorized_ttl: Option<GoDuration>,
    /// How often a webhook is asked before it counts as failed. No flag sets it; servers that embed
    /// the options can.
    pub webhook_retry_attempts: Option<i64>,
}

/// What is wrong with flags, in the words of the API server (S-CHAIN-14, 15).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlagError {
    /// `--authorization-mode=` with nothing.
    #[error("at least one authorization-mode must be passed")]
    NoMode,
    /// A mode that does not exist; case matters.
    #[error("authorization-mode {} is not a valid mode", Quoted(.0))]
    UnknownMode(String),
    /// ABAC without its file.
    #[error("authorization-mode ABAC's authorization policy file not passed")]
    NoPolicyFile,
    /// Webhook without its file.
    #[error("authorization-mode Webhook's authorization config file not passed")]
    NoWebhookConfigFile,
    /// A policy file that nobody would read.
    #[error("cannot specify --authorization-policy-file without mode ABAC")]
    UnusedPolicyFile,
    /// A webhook that nobody would ask.
    #[error("cannot specify --authorization-webhook-config-file without mode Webhook")]
    UnusedWebhookConfigFile,
    /// A mode that stands twice.
    #[error("authorization-mode {} has mode specified more than once", QuotedList(.0))]
    RepeatedMode(Vec<String>),
    /// A webhook that would never be asked.
    #[error("number of webhook retry attempts must be greater than 0, but is: {0}")]
    RetryAttempts(i64),
    /// A file and flags that it replaces.
    #[error(
        "--authorization-config can not be specified when --authorization-mode or \
         --authorization-webhook-* flags are defined"
    )]
    ConfigAndFlags,
    /// A version of SubjectAccessReview that does not exist (S-WHA-4).
    #[error(
        "unsupported webhook authorizer version {}, supported versions are \"v1\", \"v1beta1\"",
        Quoted(.0)
    )]
    WebhookVersion(String),
    /// The chain stands in a file, which is to be read instead. The API server does not say this.
    #[error("the chain stands in the file of --authorization-config, `{0}`; read that file")]
    SeeConfig(String),
    /// A flag whose value cannot be read.
    #[error("invalid argument {} for \"--{flag}\" flag: {error}", Quoted(value))]
    Value {
        /// The flag.
        flag: &'static str,
        /// What it was set to.
        value: String,
        /// What is wrong with that.
        error: super::GoDurationError,
    },
    /// A flag without its value.
    #[error("flag needs an argument: --{0}")]
    NoValue(&'static str),
}

impl FlagError {
    /// The flag that it is about, without dashes.
    #[must_use]
    pub const fn flag(&self) -> &'static str {
        match self {
            Self::NoMode
            | Self::UnknownMode(_)
            | Self::NoPolicyFile
            | Self::NoWebhookConfigFile
            | Self::RepeatedMode(_)
            | Self::RetryAttempts(_) => MODE,
            Self::UnusedPolicyFile => POLICY_FILE,
            Self::UnusedWebhookConfigFile => WEBHOOK_CONFIG_FILE,
            Self::ConfigAndFlags | Self::SeeConfig(_) => CONFIG,
            Self::WebhookVersion(_) => WEBHOOK_VERSION,
            Self::Value { flag, .. } | Self::NoValue(flag) => flag,
        }
    }
}

const MODE: &str = "authorization-mode";
const CONFIG: &str = "authorization-config";
const POLICY_FILE: &str = "authorization-policy-file";
const WEBHOOK_CONFIG_FILE: &str = "authorization-webhook-config-file";
const WEBHOOK_VERSION: &str = "authorization-webhook-version";
const AUTHORIZED_TTL: &str = "authorization-webhook-cache-authorized-ttl";
const UNAUTHORIZED_TTL: &str = "authorization-webhook-cache-unauthorized-ttl";

impl ModeFlags {
    /// Picks the flags out of a command line of kube-apiserver; what is none of them is passed over.
    /// A mode list that is given twice is one longer list, of other flags the last counts.
    ///
    /// # Errors
    /// When a value is missing, or is no duration where one is needed.
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
            let known = [MODE, CONFIG, POLICY_FILE, WEBHOOK_CONFIG_FILE, WEBHOOK_VERSION]
                .into_iter()
                .chain([AUTHORIZED_TTL, UNAUTHORIZED_TTL])
                .find(|known| *known == name);
            let Some(flag) = known else { continue };
            let value = value.or_else(|| args.next().map(|next| next.as_ref().to_owned()));
            flags.set(flag, value.ok_or(FlagError::NoValue(flag))?)?;
        }
        Ok(flags)
    }

    fn set(&mut self, flag: &'static str, value: String) -> Result<(), FlagError> {
        match flag {
            MODE => {
                let modes = self.modes.get_or_insert_default();
                if !value.is_empty() {
                    modes.extend(value.split(',').map(str::to_owned));
                }
            }
            CONFIG => self.config = value,
            POLICY_FILE => self.policy_file = value,
            WEBHOOK_CONFIG_FILE => self.webhook_config_file = Some(value),
            WEBHOOK_VERSION => self.webhook_version = Some(value),
            _ => {
                let read = value.parse();
                let ttl = read.map_err(|error| FlagError::Value { flag, value, error })?;
                match flag {
                    AUTHORIZED_TTL => self.webhook_cache_authorized_ttl = Some(ttl),
                    _ => self.webhook_cache_unauthorized_ttl = Some(ttl),
                }
            }
        }
        Ok(())
    }

    /// The modes that count.
    fn modes(&self) -> Vec<String> {
        self.modes.clone().unwrap_or_else(|| vec![Mode::AlwaysAllow.as_str().to_owned()])
    }

    /// Whether anonymous requests are turned off, with no more than a warning, though a flag may say
    /// otherwise: they are when the modes, which default to it, have `AlwaysAllow` (S-CHAIN-17).
    #[must_use]
    pub fn turn_anonymous_off(&self) -> bool {
        self.config.is_empty() && self.modes().iter().any(|mode| mode == "AlwaysAllow")
    }

    /// Everything that the API server objects to, in its order; nothing when it would start.
    #[must_use]
    pub fn errors(&self) -> Vec<FlagError> {
        let webhook = self.webhook_config_file.as_deref().unwrap_or_default();
        if !self.config.is_empty() {
            let replaced = self.modes.is_some()
                || self.webhook_config_file.is_some()
                || self.webhook_version.is_some()
                || self.webhook_cache_authorized_ttl.is_some()
                || self.webhook_cache_unauthorized_ttl.is_some();
            return if replaced { vec![FlagError::ConfigAndFlags] } else { Vec::new() };
        }
        let modes = self.modes();
        let mut errors = Vec::new();
        if modes.is_empty() {
            errors.push(FlagError::NoMode);
        }
        for mode in &modes {
            if AuthorizerType::from_name(mode).is_none() {
                errors.push(FlagError::UnknownMode(mode.clone()));
            }
            if mode == "ABAC" && self.policy_file.is_empty() {
                errors.push(FlagError::NoPolicyFile);
            }
            if mode == "Webhook" && webhook.is_empty() {
                errors.push(FlagError::NoWebhookConfigFile);
            }
        }
        let has = |wanted: &str| modes.iter().any(|mode| mode == wanted);
        if !self.policy_file.is_empty() && !has("ABAC") {
            errors.push(FlagError::UnusedPolicyFile);
        }
        if !webhook.is_empty() && !has("Webhook") {
            errors.push(FlagError::UnusedWebhookConfigFile);
        }
        let repeated = |(at, mode)| modes.iter().take(at).any(|before: &String| before == mode);
        if modes.iter().enumerate().any(repeated) {
            errors.push(FlagError::RepeatedMode(modes));
        }
        if let Some(attempts) = self.webhook_retry_attempts.filter(|attempts| *attempts <= 0) {
            errors.push(FlagError::RetryAttempts(attempts));
        }
        errors
    }

    /// The chain that the flags amount to.
    ///
    /// # Errors
    /// [`Self::errors`]; a version of the webhook that does not exist, which only shows when its client
    /// is made; or that the chain stands in a file.
    pub fn build(&self) -> Result<AuthorizationConfiguration, Vec<FlagError>> {
        let errors = self.errors();
        if !errors.is_empty() {
            return Err(errors);
        }
        if !self.config.is_empty() {
            return Err(vec![FlagError::SeeConfig(self.config.clone())]);
        }
        let entry = |mode: &String| match AuthorizerType::from_name(mode) {
            Some(AuthorizerType::Mode(mode)) => Ok(AuthorizerEntry::mode(mode)),
            Some(AuthorizerType::Webhook) => Ok(AuthorizerEntry {
                name: "default".to_owned(),
                authorizer: ConfiguredAuthorizer::Webhook(Box::new(self.webhook()?)),
            }),
            None => Err(FlagError::UnknownMode(mode.clone())),
        };
        let entries: Result<Vec<_>, _> = self.modes().iter().map(entry).collect();
        entries
            .map(|authorizers| AuthorizationConfiguration { authorizers })
            .map_err(|error| vec![error])
    }

    fn webhook(&self) -> Result<WebhookEntry, FlagError> {
        let version = self.webhook_version.as_deref().unwrap_or("v1beta1");
        // What is below zero is over before it begins.
        let ttl = |set: Option<GoDuration>, default| {
            set.map_or(default, |set| set.to_std().unwrap_or(Duration::ZERO))
        };
        let file = PathBuf::from(self.webhook_config_file.clone().unwrap_or_default());
        Ok(WebhookEntry {
            authorized_ttl: ttl(self.webhook_cache_authorized_ttl, DEFAULT_AUTHORIZED_TTL),
            cache_authorized_requests: true,
            unauthorized_ttl: ttl(self.webhook_cache_unauthorized_ttl, DEFAULT_UNAUTHORIZED_TTL),
            cache_unauthorized_requests: true,
            timeout: LONGEST_TIMEOUT,
            subject_access_review_version: review_version(version)
                .ok_or_else(|| FlagError::WebhookVersion(version.to_owned()))?,
            failure_policy: FailurePolicy::NoOpinion,
            connection: Connection::KubeConfigFile(file),
            match_conditions: Vec::new(),
        })
    }
}
