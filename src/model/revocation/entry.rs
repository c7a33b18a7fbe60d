use crate::model::Fingerprint;

/// What one entry of a revocation list says. Times are seconds since 1970-01-01 UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revocation {
    /// This certificate does not count.
    Certificate {
        /// Which.
        fingerprint: Fingerprint,
    },
    /// The certificate with this number does not count. For those whose bytes nobody has; a request
    /// to an authorizer names no serial number, so only whoever sees the certificate refuses it.
    Serial {
        /// The DER of the issuer's name.
        issuer: Box<[u8]>,
        /// Big-endian, without leading zero bytes.
        serial: Box<[u8]>,
    },
    /// The token with this id (`jti`) does not count: an API server names it to its authorizers
    /// (S-SAJWT-10, S-OIDC-16), whoever issued it.
    Token {
        /// The id.
        id: Box<str>,
    },
    /// All certificates of a user issued before a time do not count, known or not; nor do the tokens
    /// that Portcullis issued.
    User {
        /// The user name.
        name: String,
        /// Those issued at this second or later still count.
        issued_before: i64,
    },
    /// The same for a group's members.
    Group {
        /// The group.
        name: String,
        /// Those issued at this second or later still count.
        issued_before: i64,
    },
    /// Not a revocation: this certificate was issued then, which spares it from the entries for
    /// users and groups whose time is not later. It spares it from no other.
    Issued {
        /// Which.
        fingerprint: Fingerprint,
        /// When.
        at: i64,
    },
}

/// An entry of a revocation list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationEntry {
    /// What it says.
    pub what: Revocation,
    /// When it was said, in seconds since 1970-01-01 UTC.
    pub at: i64,
    /// Why: free text, or one of the reasons of RFC 5280. May be empty.
    pub reason: String,
    /// Who said it. May be empty.
    pub by: String,
}

/// A certificate as whoever verified it sees it.
#[derive(Debug, Clone, Copy)]
pub struct PresentedCertificate<'a> {
    /// The SHA-256 of its DER.
    pub fingerprint: Fingerprint,
    /// The DER of its issuer's name.
    pub issuer: &'a [u8],
    /// Its number: big-endian, without leading zero bytes.
    pub serial: &'a [u8],
    /// Whose it is (S-X509-4).
    pub user: &'a str,
    /// The groups it names (S-X509-4).
    pub groups: &'a [String],
    /// From when on it is valid, in seconds since 1970-01-01 UTC.
    pub not_before: i64,
}
