//! What does the chain of an API server consist of, as its AuthorizationConfiguration file or its
//! mode flags say (S-ACFG, S-CHAIN-13 to 17)?
//!
//! These are the values after validation: defaults are filled in, durations are no text any more.
//! Reading and validating a file is [`source::authorization_config`]; answering with the chain is
//! `snapshot` with `authz::webhook`.
//!
//! Absent on purpose: the kubeconfig that a webhook names, and compiled match conditions; an
//! expression is kept as its text here.
//!
//! [`source::authorization_config`]: crate::source::authorization_config

mod duration;
mod flags;
mod reload;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::mode::Mode;

use super::authorization::Version;

pub use duration::{GoDuration, GoDurationError};
pub use flags::{FlagError, ModeFlags};
pub use reload::{ReloadError, reload_errors};

/// How long an allowed answer of a webhook is kept by default, and when the file says 0 (S-ACFG-4).
pub const DEFAULT_AUTHORIZED_TTL: Duration = Duration::from_secs(5 * 60);

/// How long any other answer is kept by default, and when the file says 0 (S-ACFG-4).
pub const DEFAULT_UNAUTHORIZED_TTL: Duration = Duration::from_secs(30);

/// The longest `timeout` of a webhook, and that of one that is configured by flags (S-CHAIN-16).
pub const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The most match conditions of a webhook (S-ACFG-5).
pub const MOST_MATCH_CONDITIONS: usize = 64;

/// A whole chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthorizationConfiguration {
    /// The authorizers, in the order in which they are asked.
    pub authorizers: Vec<AuthorizerEntry>,
}

impl AuthorizationConfiguration {
    /// Whether a type is in the chain.
    #[must_use]
    pub fn has(&self, kind: AuthorizerType) -> bool {
        self.authorizers.iter().any(|entry| entry.kind() == kind)
    }

    /// The webhooks, in order, with their names.
    pub fn webhooks(&self) -> impl Iterator<Item = (&str, &WebhookEntry)> {
        self.authorizers.iter().filter_map(|entry| match &entry.authorizer {
            ConfiguredAuthorizer::Webhook(webhook) => Some((entry.name.as_str(), &**webhook)),
            ConfiguredAuthorizer::Mode(_) => None,
        })
    }
}

/// One authorizer of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizerEntry {
    /// Its name, a DNS-1123 subdomain. Of everything but a webhook it is the type in lower case
    /// (S-ACFG-6).
    pub name: String,
    /// What it is.
    pub authorizer: ConfiguredAuthorizer,
}

impl AuthorizerEntry {
    /// An entry of a type that needs no more than itself, under the only name it may have.
    ///
    /// ```
    /// use portcullis::api::authorization_config::AuthorizerEntry;
    /// use portcullis::api::mode::Mode;
    ///
    /// assert_eq!(AuthorizerEntry::mode(Mode::Rbac).name, "rbac");
    /// ```
    #[must_use]
    pub fn mode(mode: Mode) -> Self {
        Self {
            name: mode.as_str().to_ascii_lowercase(),
            authorizer: ConfiguredAuthorizer::Mode(mode),
        }
    }

    /// Its type.
    #[must_use]
    pub const fn kind(&self) -> AuthorizerType {
        match &self.authorizer {
            ConfiguredAuthorizer::Mode(mode) => AuthorizerType::Mode(*mode),
            ConfiguredAuthorizer::Webhook(_) => AuthorizerType::Webhook,
        }
    }
}

/// What an entry configures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfiguredAuthorizer {
    /// An authorizer that is part of the API server; its policy comes from elsewhere.
    Mode(Mode),
    /// Somebody else, asked over a network.
    Webhook(Box<WebhookEntry>),
}

/// The value of `type` (S-CHAIN-13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AuthorizerType {
    /// An authorizer that is part of the API server.
    Mode(Mode),
    /// `Webhook`, which alone may stand several times.
    Webhook,
}

impl AuthorizerType {
    /// Every type, in the order in which messages list them.
    pub const ALL: [Self; 6] = [
        Self::Mode(Mode::Abac),
        Self::Mode(Mode::AlwaysAllow),
        Self::Mode(Mode::AlwaysDeny),
        Self::Mode(Mode::Node),
        Self::Mode(Mode::Rbac),
        Self::Webhook,
    ];

    /// The name, as files and flags spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mode(mode) => mode.as_str(),
            Self::Webhook => "Webhook",
        }
    }

    /// The type of a name; case matters.
    ///
    /// ```
    /// use portcullis::api::authorization_config::AuthorizerType;
    ///
    /// assert_eq!(AuthorizerType::from_name("Webhook"), Some(AuthorizerType::Webhook));
    /// assert_eq!(AuthorizerType::from_name("webhook"), None);
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for AuthorizerType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a webhook is asked, and what its failures mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEntry {
    /// How long an allowed answer is kept. Zero only from flags, where it turns the cache off.
    pub authorized_ttl: Duration,
    /// Whether allowed answers are kept at all.
    pub cache_authorized_requests: bool,
    /// How long any other answer is kept. Zero only from flags.
    pub unauthorized_ttl: Duration,
    /// Whether other answers are kept at all.
    pub cache_unauthorized_requests: bool,
    /// How long one request may take; more than zero, at most 30 s.
    pub timeout: Duration,
    /// The version of the SubjectAccessReviews that are sent.
    pub subject_access_review_version: Version,
    /// What a failure comes to.
    pub failure_policy: FailurePolicy,
    /// Where it is.
    pub connection: Connection,
    /// CEL expressions, all of which must be true for it to be asked; valid ones, without
    /// duplicates, as they were written.
    pub match_conditions: Vec<String>,
}

impl WebhookEntry {
    /// How long allowed answers are kept in effect; zero is not at all.
    #[must_use]
    pub const fn effective_authorized_ttl(&self) -> Duration {
        if self.cache_authorized_requests { self.authorized_ttl } else { Duration::ZERO }
    }

    /// How long other answers are kept in effect; zero is not at all.
    #[must_use]
    pub const fn effective_unauthorized_ttl(&self) -> Duration {
        if self.cache_unauthorized_requests { self.unauthorized_ttl } else { Duration::ZERO }
    }
}

/// What it comes to when a webhook does not answer, or its match conditions cannot be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailurePolicy {
    /// The request is denied.
    Deny,
    /// The next authorizer is asked; when nobody allows, the client gets an error (S-ACFG-17).
    NoOpinion,
}

impl FailurePolicy {
    /// The name, as files spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "Deny",
            Self::NoOpinion => "NoOpinion",
        }
    }

    /// The policy of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Deny, Self::NoOpinion].into_iter().find(|policy| policy.as_str() == name)
    }
}

/// How a webhook is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// As this kubeconfig says.
    KubeConfigFile(PathBuf),
    /// With the service account of the pod: valid for a file, but kube-apiserver panics on it
    /// (S-ACFG-7).
    InClusterConfig,
}

/// The version of SubjectAccessReviews that a word stands for.
#[must_use]
pub fn review_version(name: &str) -> Option<Version> {
    match name {
        "v1" => Some(Version::V1),
        "v1beta1" => Some(Version::V1beta1),
        _ => None,
    }
}
