use super::claims::ClaimError;
use super::distributed::DistributedClaimsError;
use super::verify::VerifyTokenError;
use crate::cel::EvaluationError;
use crate::util::goquote::Quoted;

/// Why a token of the issuer was refused, in the words of the API server (S-OIDC-5 to S-OIDC-22).
/// Values in them are those of verified tokens.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum OidcError {
    /// Nobody knows the keys of the issuer yet: its discovery document could not be fetched so far
    /// (S-OIDC-5).
    #[error("oidc: authenticator not initialized")]
    NotInitialized,
    /// The token is not in order (S-OIDC-6).
    #[error("oidc: verify token: {0}")]
    Verify(VerifyTokenError),
    /// Groups that are kept elsewhere could not be had (S-OIDC-22).
    #[error("oidc: could not expand distributed claims: {0}")]
    Distributed(DistributedClaimsError),
    /// The claim of the user name is missing or no string (S-OIDC-10).
    #[error("oidc: parse username claims {}: {error}", Quoted(.claim))]
    UsernameClaim {
        /// Which.
        claim: String,
        /// Why.
        error: ClaimError,
    },
    /// `email_verified` is no truth value.
    #[error("oidc: parse 'email_verified' claim: {0}")]
    EmailVerifiedClaim(ClaimError),
    /// `email_verified` is not true.
    #[error("oidc: email not verified")]
    EmailNotVerified,
    /// The expression of the user name has no value (S-OIDC-11).
    #[error("oidc: error evaluating username claim expression: {0}")]
    UsernameEvaluation(EvaluationFailure),
    /// Its value is no string.
    #[error(
        "oidc: error evaluating username claim expression: username claim expression must return \
         a string"
    )]
    UsernameType,
    /// Its value is empty.
    #[error("oidc: empty username via CEL expression is not allowed")]
    UsernameEmpty,
    /// The claim of the groups is neither a string nor a list of strings (S-OIDC-12).
    #[error("oidc: parse groups claim {}: {error}", Quoted(.claim))]
    GroupsClaim {
        /// Which.
        claim: String,
        /// Why.
        error: ClaimError,
    },
    /// The expression of the groups has no value (S-OIDC-13).
    #[error("oidc: error evaluating group claim expression: {0}")]
    GroupsEvaluation(EvaluationFailure),
    /// Its value is neither a string nor a list of strings.
    #[error(
        "oidc: error evaluating group claim expression: expression must return a string or a list \
         of strings"
    )]
    GroupsType,
    /// The claim of the uid is missing or no string (S-OIDC-14).
    #[error("oidc: parse uid claim {}: {error}", Quoted(.claim))]
    UidClaim {
        /// Which.
        claim: String,
        /// Why.
        error: ClaimError,
    },
    /// The expression of the uid has no value.
    #[error("oidc: error evaluating uid claim expression: {0}")]
    UidEvaluation(EvaluationFailure),
    /// Its value is no string.
    #[error(
        "oidc: error evaluating uid claim expression: uid claim expression must return a string"
    )]
    UidType,
    /// The expression of an extra value has no value (S-OIDC-15).
    #[error("{0}")]
    ExtraEvaluation(EvaluationFailure),
    /// Its value is neither a string nor a list of strings.
    #[error(
        "oidc: error evaluating extra claim expression: {expression}: expression must return a \
         string or a list of strings"
    )]
    ExtraType {
        /// The expression.
        expression: String,
    },
    /// A required claim is missing (S-OIDC-17).
    #[error("oidc: required claim {claim} not present in ID token")]
    RequiredAbsent {
        /// Which.
        claim: String,
    },
    /// A required claim is no string.
    #[error("oidc: parse claim {claim}: {error}")]
    RequiredType {
        /// Which.
        claim: String,
        /// Why.
        error: ClaimError,
    },
    /// A required claim has another value.
    #[error("oidc: required claim {claim} value does not match. Got = {got}, want = {want}")]
    RequiredValue {
        /// Which.
        claim: String,
        /// The token's.
        got: String,
        /// The one that it must have.
        want: String,
    },
    /// A rule over the claims has no answer (S-OIDC-18).
    #[error("oidc: error evaluating claim validation expression: {0}")]
    ClaimRuleEvaluation(EvaluationFailure),
    /// A rule over the claims does not hold.
    #[error(
        "oidc: error evaluating claim validation expression: validation expression '{expression}' \
         failed: {message}"
    )]
    ClaimRule {
        /// The rule.
        expression: String,
        /// What is configured to be said.
        message: String,
    },
    /// A rule over the user has no answer (S-OIDC-18).
    #[error("oidc: error evaluating user info validation rule: {0}")]
    UserRuleEvaluation(EvaluationFailure),
    /// A rule over the user does not hold.
    #[error(
        "oidc: error evaluating user info validation rule: validation expression '{expression}' \
         failed: {message}"
    )]
    UserRule {
        /// The rule.
        expression: String,
        /// What is configured to be said.
        message: String,
    },
}

/// An expression that has no value for a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expression '{expression}' resulted in error: {error}")]
pub struct EvaluationFailure {
    /// The expression.
    pub expression: String,
    /// Why.
    pub error: EvaluationError,
}

impl From<VerifyTokenError> for OidcError {
    fn from(error: VerifyTokenError) -> Self {
        Self::Verify(error)
    }
}
