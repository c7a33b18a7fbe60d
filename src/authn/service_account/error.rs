use crate::api::core::Kind;
use crate::api::meta::Uid;
use crate::authn::WrongAudiences;
use crate::crypto::VerifyError;
use crate::crypto::json::JsonError;
use crate::crypto::jws::JwsError;
use crate::util::goquote::Quoted;

/// Why a service account token was refused. The texts are the API server's where it has one
/// (S-SAJWT-2 to S-SAJWT-8). Values in them are those of verified tokens and of objects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceAccountError {
    /// It names our issuer, but is no JWS that is read here.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// No key verifies its signature.
    #[error(transparent)]
    Signature(#[from] VerifyError),
    /// Its payload is no JSON object, or repeats a claim.
    #[error("the token's payload {0}")]
    Payload(JsonError),
    /// A claim is not of its type.
    #[error("the claim `{claim}` of the token must be {expected}")]
    ClaimType {
        /// The claim.
        claim: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// The signed issuer is another than the one the token was taken for.
    #[error("token issuer {} is invalid", Quoted(.0))]
    Issuer(String),
    /// It is for somebody else.
    #[error(transparent)]
    Audiences(#[from] WrongAudiences),
    /// A legacy token lacks a claim.
    #[error("{0} claim is missing")]
    MissingClaim(&'static str),
    /// The subject of a legacy token is not the service account that it names.
    #[error("sub claim is invalid")]
    Subject,
    /// The Secret of a legacy token is gone or going.
    #[error("Token has been invalidated")]
    LegacyInvalidated,
    /// The Secret of a legacy token holds another token.
    #[error("Token does not match server's copy")]
    NotServersCopy,
    /// The service account of a legacy token is being deleted.
    #[error("ServiceAccount {namespace}/{name} has been deleted")]
    LegacyAccountDeleted {
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
    },
    /// The service account of a legacy token was made anew.
    #[error("ServiceAccount UID ({actual}) does not match claim ({claim})")]
    LegacyAccountUid {
        /// The account's.
        actual: Uid,
        /// The token's.
        claim: String,
    },
    /// Nobody used the legacy token for long, and its Secret was marked.
    #[error(
        "the token in secret {namespace}/{secret} for service account {namespace}/{name} has been \
         marked invalid. Use tokens from the TokenRequest API or manually created secret-based \
         tokens, or remove the 'kubernetes.io/legacy-token-invalid-since' label from the secret to \
         temporarily allow use of this token"
    )]
    MarkedInvalid {
        /// The namespace.
        namespace: String,
        /// The Secret.
        secret: String,
        /// The service account.
        name: String,
    },
    /// A bound token names no service account, or not all of one.
    #[error("the token names no service account by namespace, name and uid")]
    NoAccount,
    /// There is no such service account.
    #[error("serviceaccounts {} not found", Quoted(.0))]
    AccountNotFound(String),
    /// The end of a bound token has passed.
    #[error("service account token has expired")]
    Expired,
    /// The beginning of a bound token has not come.
    #[error("service account token is not valid yet")]
    NotValidYet,
    /// A bound token claims to be made later than now.
    #[error("service account token is issued in the future")]
    IssuedInTheFuture,
    /// The service account of a bound token was made anew.
    #[error("service account UID ({actual}) does not match claim ({claim})")]
    AccountUid {
        /// The account's.
        actual: Uid,
        /// The token's.
        claim: String,
    },
    /// The service account of a bound token was deleted.
    #[error("service account {namespace}/{name} has been deleted")]
    AccountDeleted {
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
    },
    /// What the token is bound to is gone.
    #[error("service account token has been invalidated")]
    Invalidated,
    /// What the token is bound to was made anew.
    #[error(
        "{kind} UID ({actual}) does not match service account {kind} ref claim ({claim})",
        kind = lower_case(.kind)
    )]
    BoundUid {
        /// What it is bound to.
        kind: Kind,
        /// The object's.
        actual: Uid,
        /// The token's.
        claim: String,
    },
    /// The source holds no object of a kind that a bound token must be checked against.
    #[error(
        "the policy source holds no {0} objects, so the token cannot be checked; add them to the \
         source, or set `boundObjects: Skip` to do without the check"
    )]
    NotHeld(Kind),
    /// The source holds no object of a kind that a legacy token must be checked against.
    #[error(
        "the policy source holds no {0} objects, so the legacy token cannot be checked; add them to \
         the source"
    )]
    LegacyNotHeld(Kind),
}

const fn lower_case(kind: &Kind) -> &'static str {
    match kind {
        Kind::Node => "node",
        Kind::Pod => "pod",
        Kind::Secret => "secret",
        Kind::ServiceAccount => "service account",
    }
}
