use crate::model::utc::Utc;

/// Why nobody vouches for a certificate. Where the API server has a text for it, this displays as that
/// text (S-X509-3).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Its validity is over, or that of one above it.
    #[error(
        "x509: certificate has expired or is not yet valid: current time {} is after {}",
        Utc(*.now), Utc(*.not_after)
    )]
    Expired {
        /// The time that counts; seconds since 1970-01-01 UTC.
        now: i64,
        /// The last good second.
        not_after: i64,
    },
    /// Its validity has not begun, or that of one above it.
    #[error(
        "x509: certificate has expired or is not yet valid: current time {} is before {}",
        Utc(*.now), Utc(*.not_before)
    )]
    NotYetValid {
        /// The time that counts; seconds since 1970-01-01 UTC.
        now: i64,
        /// The first good second.
        not_before: i64,
    },
    /// No trusted authority has the name of its issuer, and none that was presented leads to one.
    #[error("x509: certificate signed by unknown authority")]
    UnknownAuthority,
    /// An authority of the right name did not sign it. To the API server that is an unknown authority.
    #[error(
        "x509: certificate signed by unknown authority (one has the name of the issuer, and its key \
         did not make the signature)"
    )]
    WrongSignature,
    /// It may not be used for this purpose, or one above it may not.
    #[error("x509: certificate specifies an incompatible key usage")]
    IncompatibleUsage,
    /// A critical extension that nobody here knows.
    #[error("x509: unhandled critical extension")]
    UnhandledCriticalExtension,
    /// A critical extension about certificate policies, which the API server reads and nobody here does.
    #[error(
        "the certificate, or one above it, has a critical extension about certificate policies, which \
         are not evaluated; issue it with that extension not critical"
    )]
    CriticalPolicies,
    /// More authorities between it and one above it than that one allows.
    #[error("x509: too many intermediates for path length constraint")]
    PathLength,
    /// A name in it is not among those that an authority above may give.
    #[error("x509: a root or intermediate certificate is not authorized to sign for this name")]
    NameConstraints,
    /// Something above it is no authority: it does not say so, or its key usages do not hold `cert
    /// sign`.
    #[error("x509: `{subject}` is not authorized to sign other certificates")]
    NotAnAuthority {
        /// The subject of the one above.
        subject: String,
    },
    /// An authority in the place of a user. The API server takes such a certificate.
    #[error("the certificate is that of an authority, which is nobody's identity; use a leaf")]
    AuthorityAsLeaf,
    /// A signature with MD5, SHA-1, or an algorithm that is not known here.
    #[error(
        "the signature algorithm {algorithm} is not accepted; use RSA or ECDSA with SHA-256 or \
         better, or Ed25519"
    )]
    SignatureAlgorithm {
        /// Its name, or its dotted identifier.
        algorithm: String,
    },
    /// An RSA key of less than 2048 bits, in the certificate or above it.
    #[error("an RSA key of {bits} bits is too short; use 2048 bits or more, or ECDSA")]
    WeakKey {
        /// Its size.
        bits: u32,
    },
    /// Not a certificate of version 3.
    #[error("the certificate is not of version 3 (RFC 5280)")]
    Version,
    /// The certificate is broken, or breaks a rule of DER or RFC 5280.
    #[error("the certificate is malformed: {0}")]
    Malformed(String),
    /// More certificates were presented than anybody needs.
    #[error("{presented} certificates were presented; at most {most} are looked at")]
    TooMany {
        /// How many, the leaf included.
        presented: usize,
        /// The limit.
        most: usize,
    },
    /// More bytes were presented than anybody needs.
    #[error("{presented} bytes of certificates were presented; at most {most} are looked at")]
    TooLarge {
        /// How many.
        presented: usize,
        /// The limit.
        most: usize,
    },
    /// The way to an authority is too long, or the search for it took too many steps.
    #[error("the way from the certificate to a trusted authority is too long or too tangled")]
    TooComplex,
    /// Its issuer, or that of one above it, has revoked it.
    #[error(
        "certificate of `{subject}` was revoked by its issuer at {}{}", Utc(*.at),
        said(.reason.as_deref())
    )]
    Revoked {
        /// The subject of the revoked certificate.
        subject: String,
        /// Since when; seconds since 1970-01-01 UTC.
        at: i64,
        /// The reason, by its name in RFC 5280.
        reason: Option<String>,
    },
    /// No revocation list tells about it, or about one above it, that is of the issuer and has not
    /// expired.
    #[error(
        "whether the certificate of `{subject}` is revoked is not known: there is no revocation list \
         of `{issuer}` that has not expired; fetch a new one"
    )]
    UnknownRevocationStatus {
        /// The subject of the certificate.
        subject: String,
        /// Its issuer.
        issuer: String,
    },
    /// The only revocation list is of an issuer whose key usages do not hold `crl sign`.
    #[error(
        "whether the certificate of `{subject}` is revoked is not known: the key usages of `{issuer}` \
         do not let it sign revocation lists"
    )]
    NotACrlSigner {
        /// The subject of the certificate.
        subject: String,
        /// Its issuer.
        issuer: String,
    },
    /// Something else.
    #[error("the certificate is not accepted: {0}")]
    Other(String),
}

/// The signature algorithms that Go accepts, by its names.
const KNOWN_TO_GO: [&str; 8] = [
    "ECDSA-SHA256",
    "ECDSA-SHA384",
    "ECDSA-SHA512",
    "Ed25519",
    "RSAPSS",
    "SHA256-RSA",
    "SHA384-RSA",
    "SHA512-RSA",
];

fn said(reason: Option<&str>) -> String {
    reason.map(|reason| format!(": {reason}")).unwrap_or_default()
}

impl PathError {
    /// Whether this is a rule that the API server does not have: it might take the certificate.
    /// Limits of work are among them, and everything about revocation lists. Names that an authority
    /// above may not give are not, although constraints of mail addresses and URIs are refused here
    /// without being read.
    #[must_use]
    pub fn is_stricter_than_kubernetes(&self) -> bool {
        if let Self::SignatureAlgorithm { algorithm } = self {
            // With a key or with parameters that are not known here. MD5 and SHA-1 Go refuses, too.
            return KNOWN_TO_GO.contains(&algorithm.as_str());
        }
        matches!(
            self,
            Self::AuthorityAsLeaf
                | Self::CriticalPolicies
                | Self::NotACrlSigner { .. }
                | Self::Revoked { .. }
                | Self::TooComplex
                | Self::TooLarge { .. }
                | Self::TooMany { .. }
                | Self::UnknownRevocationStatus { .. }
                | Self::Version
                | Self::WeakKey { .. }
        )
    }
}

/// Why a bundle of trusted authorities cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustAnchorsError {
    /// No certificates.
    #[error("the bundle of authorities cannot be used")]
    Pem(#[from] crate::crypto::certificate::ChainError),
    /// A certificate that cannot be trusted by anybody.
    #[error("certificate {number} of the bundle cannot be an authority: {reason}")]
    Unusable {
        /// Which, counted from 1.
        number: usize,
        /// What is wrong.
        reason: String,
    },
}
