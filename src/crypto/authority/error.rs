use crate::crypto::private_key::PrivateKeyError;

/// Why there is no authority, or why it signed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// The text has no certificate.
    #[error("no certificate; it must hold a PEM block `-----BEGIN CERTIFICATE-----`")]
    NoCertificate,
    /// A block is no certificate. Counted from 1.
    #[error("certificate {0} of the file cannot be read; it may be cut off")]
    NotACertificate(usize),
    /// More bytes than a chain of certificates can have.
    #[error("the certificates of an authority have at most {} bytes", super::MAX_PEM_BYTES)]
    TooLarge,
    /// The first certificate is somebody's, not an authority's.
    #[error("the first certificate is no authority's: its basic constraints do not say CA")]
    NotAnAuthority,
    /// Its key usage is not for signing certificates.
    #[error(
        "the certificate of the authority may not sign certificates: its key usage lacks keyCertSign"
    )]
    MayNotSignCertificates,
    /// The key belongs to another certificate.
    #[error("the key is not that of the certificate; name the key that belongs to it")]
    OtherKey,
    /// The certificate may not sign lists of revoked certificates, as kubeadm's may not.
    #[error(
        "the certificate of the authority may not sign a CRL: its key usage lacks cRLSign; nobody \
         would accept one. The revocation file needs no signature"
    )]
    MayNotSignCrls,
    /// Valid from after valid until.
    #[error("the validity is empty: it would end before it begins")]
    EmptyValidity,
    /// A time that no certificate can hold.
    #[error("a time is out of range; certificates know the years 0 to 9999")]
    Time,
    /// Nobody would accept the certificate once that of the authority has expired.
    #[error("the certificate would outlive that of its authority; let it end no later")]
    OutlivesAuthority,
    /// An authority without a name cannot be told apart.
    #[error("the authority has no name; give it a common name")]
    NoName,
    /// Not a reason of RFC 5280 §5.3.1, or one that a whole list cannot have.
    #[error("{0} is no reason code of a revoked certificate (RFC 5280 §5.3.1)")]
    Reason(u8),
    /// A serial number that is zero or longer than 20 bytes.
    #[error("a serial number has 1 to 20 bytes and is not zero")]
    Serial,
    /// The back-end failed.
    #[error(transparent)]
    PrivateKey(#[from] PrivateKeyError),
}
