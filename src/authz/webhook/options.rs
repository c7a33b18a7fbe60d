use std::time::Duration;

use crate::api::authorization::Version;
use crate::api::authorization_config::{
    DEFAULT_AUTHORIZED_TTL, DEFAULT_UNAUTHORIZED_TTL, FailurePolicy, WebhookEntry,
};
use crate::cel::{CompileError, Expression, MatchConditions};
use crate::util::goquote::Quoted;

/// When a webhook is asked, what its failures mean, and for how long its answers are kept.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WebhookOptions {
    /// The version of the reviews that it is sent.
    pub version: Version,
    /// How long an allowed answer is kept; zero for not at all. Default: 5 min (S-CHAIN-16).
    pub authorized_ttl: Duration,
    /// How long any other answer is kept; zero for not at all. Default: 30 s (S-CHAIN-16).
    pub unauthorized_ttl: Duration,
    /// What a failure comes to. Default: no opinion (S-WHA-14).
    pub failure_policy: FailurePolicy,
    /// What must be true of a request for the webhook to be asked. Default: nothing.
    pub match_conditions: MatchConditions,
}

impl WebhookOptions {
    /// The defaults of a webhook that is configured by flags (S-CHAIN-16, S-WHA-14).
    #[must_use]
    pub fn new(version: Version) -> Self {
        Self {
            version,
            authorized_ttl: DEFAULT_AUTHORIZED_TTL,
            unauthorized_ttl: DEFAULT_UNAUTHORIZED_TTL,
            failure_policy: FailurePolicy::NoOpinion,
            match_conditions: MatchConditions::default(),
        }
    }

    /// As an entry of an AuthorizationConfiguration says.
    ///
    /// # Errors
    /// [`CompileError`] when a match condition does not compile. Those of an entry that was read from
    /// a file do.
    pub fn from_entry(entry: &WebhookEntry) -> Result<Self, CompileError> {
        let conditions = entry.match_conditions.iter().map(|text| Expression::compile(text));
        Ok(Self {
            version: entry.subject_access_review_version,
            authorized_ttl: entry.effective_authorized_ttl(),
            unauthorized_ttl: entry.effective_unauthorized_ttl(),
            failure_policy: entry.failure_policy,
            match_conditions: MatchConditions::new(conditions.collect::<Result<_, _>>()?),
        })
    }

    /// The same, with other times for answers to be kept.
    #[must_use]
    pub const fn with_ttls(mut self, authorized: Duration, unauthorized: Duration) -> Self {
        self.authorized_ttl = authorized;
        self.unauthorized_ttl = unauthorized;
        self
    }

    /// The same, with another meaning of failures.
    #[must_use]
    pub const fn with_failure_policy(mut self, policy: FailurePolicy) -> Self {
        self.failure_policy = policy;
        self
    }

    /// The same, with conditions for it to be asked.
    #[must_use]
    pub fn with_match_conditions(mut self, conditions: MatchConditions) -> Self {
        self.match_conditions = conditions;
        self
    }
}

/// A version that no webhook is asked in; the text is that of the API server (S-WHA-4).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    r#"unsupported webhook authorizer version {}, supported versions are "v1", "v1beta1""#,
    Quoted(.0)
)]
pub struct UnsupportedVersion(pub String);

/// The version of reviews, as flags name it (S-WHA-4).
///
/// ```
/// use portcullis::api::authorization::Version;
/// use portcullis::authz::webhook::parse_version;
///
/// assert_eq!(parse_version("v1beta1"), Ok(Version::V1beta1));
/// assert_eq!(
///     parse_version("v2").unwrap_err().to_string(),
///     r#"unsupported webhook authorizer version "v2", supported versions are "v1", "v1beta1""#
/// );
/// ```
///
/// # Errors
/// [`UnsupportedVersion`] for any other than `v1` and `v1beta1`.
pub fn parse_version(version: &str) -> Result<Version, UnsupportedVersion> {
    match version {
        "v1" => Ok(Version::V1),
        "v1beta1" => Ok(Version::V1beta1),
        other => Err(UnsupportedVersion(other.to_owned())),
    }
}
