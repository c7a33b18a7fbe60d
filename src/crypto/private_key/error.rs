/// Why there is no private key, or why it did not sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrivateKeyError {
    /// More bytes than a key file can have.
    #[error("a key file has at most {} bytes", super::MAX_PEM_BYTES)]
    TooLarge,
    /// The text is not PEM, or has no block of a private key.
    #[error("no private key; it must hold a PEM block such as `-----BEGIN PRIVATE KEY-----`")]
    NoKey,
    /// More than one key: which is meant?
    #[error("more than one private key; keep the one that is meant, and move the others away")]
    SeveralKeys,
    /// Under a passphrase, and none was given.
    #[error("the private key is encrypted; give its passphrase")]
    PassphraseMissing,
    /// Under another passphrase than the one that was given.
    #[error("the private key cannot be decrypted; the passphrase is another")]
    PassphraseWrong,
    /// An empty passphrase protects nothing.
    #[error("the passphrase is empty; give one, or write the key without")]
    PassphraseEmpty,
    /// OpenSSL's traditional encryption (RFC 1421 headers): one round of MD5.
    #[error(
        "the private key is encrypted in OpenSSL's traditional form, which is weak; convert it with \
         `openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256`"
    )]
    TraditionalEncryption,
    /// PBES1, 3DES, SHA-1 and the like.
    #[error(
        "the private key is encrypted with an outdated or unknown algorithm; convert it with \
         `openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256`"
    )]
    UnsupportedEncryption,
    /// Deriving the key from the passphrase would take too long, or too much memory. Whoever made
    /// such a file may want just that.
    #[error(
        "the private key asks for too much work before it can be decrypted; allowed are {} rounds \
         of PBKDF2, and scrypt with N·r·p up to {}",
        super::passphrase::MAX_ROUNDS,
        super::passphrase::MAX_SCRYPT_WORK
    )]
    TooMuchWork,
    /// RSA below 2048 bits.
    #[error("an RSA key must have at least 2048 bits, but has {bits}; make a longer one")]
    RsaTooShort {
        /// The length of the modulus.
        bits: u32,
    },
    /// RSA above 4096 bits: every signature would take too long.
    #[error("an RSA key must have at most 4096 bits, but has {bits}; make a shorter one")]
    RsaTooLong {
        /// The length of the modulus.
        bits: u32,
    },
    /// A P-521 key: few programs verify what it signs.
    #[error("a P-521 key is not supported here; make a P-256 or P-384 key")]
    P521,
    /// Neither RSA nor P-256, P-384 or Ed25519, or broken.
    #[error("not a valid RSA, P-256, P-384 or Ed25519 private key in PKCS#8, PKCS#1 or SEC 1")]
    Unknown,
    /// A kind that is read but not made.
    #[error("keys of the kind `{0}` are not made; ask for one that `KeyAlgorithm` names")]
    NotMade(super::KeyAlgorithm),
    /// The back-end failed: there is no randomness, or the key is not what it seemed.
    #[error("the cryptographic back-end failed")]
    Backend,
}
