use crate::crypto::KeyError;
use crate::crypto::private_key::PrivateKeyError;

/// Why there is no signing request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// More bytes than a request can have.
    #[error("a certificate signing request has at most {} bytes", super::MAX_BYTES)]
    TooLarge,
    /// The first PEM block is not there, broken, or of another kind (S-CSR-3).
    #[error("PEM block type must be CERTIFICATE REQUEST")]
    BlockType,
    /// Not a PKCS#10 request.
    #[error("not a certificate signing request in DER (RFC 2986): {0}")]
    Malformed(&'static str),
    /// The key that is to be certified is too short, too long, or unknown.
    #[error("the key of the request: {0}")]
    Key(#[from] KeyError),
    /// Signed with a digest that can be forged.
    #[error("the request is signed with {0}, which can be forged; sign it with SHA-256")]
    WeakSignature(&'static str),
    /// Signed with an algorithm that is unknown, or that the key cannot have used.
    #[error("the request is signed with an algorithm that is unknown, or not one of its key")]
    UnsupportedSignature,
    /// Somebody else's key, or the request was changed after it was signed.
    #[error("the signature of the request is not that of the key in it")]
    Signature,
    /// An attribute that decides who the user is cannot be read as text.
    #[error(
        "the {0} in the subject is not valid text in UTF-8, printable or ASCII; write it as UTF-8"
    )]
    Text(&'static str),
    /// A name in the request for alternative names is none.
    #[error("the {0} in the subject alternative names is not valid")]
    AlternativeName(&'static str),
    /// Without a common name a certificate is nobody's (S-X509-4).
    #[error("the common name is empty; a certificate needs the name of a user")]
    NoCommonName,
    /// An API server refuses such a certificate (S-X509-5).
    #[error("the uid is empty; give one, or leave it out")]
    EmptyUid,
    /// An API server refuses such a certificate, too (S-X509-5).
    #[error("the subject has several uids; give one, or leave it out")]
    SeveralUids,
    /// A name that could not be shown or compared safely.
    #[error("`{0:?}` holds a control character; names are plain text")]
    ControlCharacter(String),
    /// The request could not be signed.
    #[error(transparent)]
    PrivateKey(#[from] PrivateKeyError),
}
