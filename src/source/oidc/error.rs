use crate::authn::oidc::RulesError;
use crate::crypto::json::JsonError;
use crate::source::fetch::{FetchConfigError, FetchError};
use crate::util::goquote::Quoted;

/// Why an attempt at discovery failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// There was no answer, or none of use.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The answer is no JSON object without repeated members.
    #[error("the discovery document: {0}")]
    Json(JsonError),
    /// The document is another issuer's (S-OIDC-8).
    #[error(
        "oidc: issuer did not match the issuer returned by provider, expected {} got {}",
        Quoted(.expected),
        Quoted(.got)
    )]
    Issuer {
        /// Whose it must be.
        expected: String,
        /// Whose it is.
        got: String,
    },
    /// The document does not say where the keys are.
    #[error("the discovery document must have an https URL in `jwks_uri`")]
    NoJwksUri,
    /// The keys are at a URL that is not fetched.
    #[error("`jwks_uri` of the discovery document: {0}")]
    JwksUri(FetchConfigError),
}

/// Why nothing was started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("jwt[{index}]: {problem}")]
pub struct StartError {
    /// Which entry, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub problem: StartProblem,
}

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartProblem {
    /// The rules have no meaning.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The issuer cannot be fetched from.
    #[error(transparent)]
    Fetch(#[from] FetchConfigError),
}

/// Why a distributed claim was not fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DistributedError {
    /// There was no answer, or none of use.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The endpoint, or the issuer of what it answered, is no https URL. Not repeated, since it may
    /// hold a password.
    #[error("not an https URL without a user name")]
    Url,
    /// The issuer of what an endpoint answered cannot be fetched from.
    #[error(transparent)]
    Issuer(FetchConfigError),
    /// The host is none of those that may be asked.
    #[error("the host `{0}` is none of those that distributed claims may come from")]
    Host(String),
    /// The access token for the endpoint cannot be sent.
    #[error("the access token of the claim's source cannot be sent in a header")]
    AccessToken,
    /// The answer is no text.
    #[error("the endpoint's answer is no JWT")]
    NotText,
    /// Too many are being fetched.
    #[error("too many distributed claims are being fetched; try again")]
    Busy,
    /// Too many issuers answered at endpoints.
    #[error("distributed claims come from more than {0} issuers; no further one is asked")]
    TooManyIssuers(usize),
    /// The keys of the issuer could not be had in time.
    #[error("no keys of the issuer: {0}")]
    NotReady(Box<DiscoveryError>),
    /// The keys of the issuer are still being fetched.
    #[error("no keys of the issuer in time")]
    Slow,
}
