use crate::authn::{UnixSeconds, WrongAudiences};
use crate::crypto::json::JsonError;
use crate::crypto::{FromPemError, SignError, SigningKeyError, VerifyError};

/// Why a token that names us as its issuer was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssuedTokenError {
    /// None of our keys signed it.
    #[error("{0}")]
    Signature(VerifyError),
    /// What was signed is no JSON object without repeated members.
    #[error("the token's claims: {0}")]
    Claims(JsonError),
    /// A claim that we always write is missing or of another type.
    #[error("claim `{claim}` must be {expected}")]
    Claim {
        /// Which.
        claim: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// The token is for others (S-SAJWT-3).
    #[error(transparent)]
    Audiences(#[from] WrongAudiences),
    /// It has ended.
    #[error("token has expired")]
    Expired {
        /// When it ended.
        expires: UnixSeconds,
    },
    /// It has not begun.
    #[error("token is not valid yet")]
    NotYetValid {
        /// When it begins.
        not_before: UnixSeconds,
    },
    /// It is on the revocation list; by which entry.
    #[error("{0}")]
    Revoked(String),
    /// It was issued later than now, so one clock is wrong.
    #[error("token is issued in the future")]
    IssuedInFuture {
        /// When it was issued.
        issued_at: UnixSeconds,
    },
}

/// Why no token was issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The issuer has no name, so nobody could tell its tokens.
    #[error("the issuer must have a name")]
    NoIssuer,
    /// A token without an audience would be good for nobody.
    #[error("name at least one audience, and no empty one")]
    NoAudience,
    /// A user without a name is nobody.
    #[error("the user must have a name")]
    NoUser,
    /// Zero, negative or longer than the issuer's longest.
    #[error("the lifetime must be between 1 and {longest} seconds")]
    Lifetime {
        /// The longest the issuer allows.
        longest: i64,
    },
    /// No randomness for an id.
    #[error("the cryptographic back-end gave no randomness")]
    Random,
    /// Signing failed, or the token is too long.
    #[error("{0}")]
    Sign(SignError),
}

/// Why files are no set of issuer keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerKeysError {
    /// There is no file whose name ends in `.pem`.
    #[error(
        "there is no `*.pem` file; make one with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`"
    )]
    NoFiles,
    /// A file holds no key.
    #[error("`{file}`: {error}")]
    Verifying {
        /// Which file.
        file: String,
        /// What is wrong.
        error: FromPemError,
    },
    /// The file with the last name cannot sign.
    #[error("`{file}` has the last name, so it signs: {error}")]
    Signing {
        /// Which file.
        file: String,
        /// What is wrong.
        error: SigningKeyError,
    },
}
