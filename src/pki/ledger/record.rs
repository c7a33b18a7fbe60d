use serde::{Deserialize, Serialize};

use super::wire;
use crate::crypto::certificate::{Certificate, NotACertificate};
use crate::model::Fingerprint;
use crate::pki::issue::LOGIN_SIGNER;
use crate::pki::validity::BACKDATE;

/// What is known of a certificate. Times are seconds since 1970-01-01 UTC; in JSON they are RFC 3339
/// text, bytes are base64, and the serial number is in hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CertificateRecord {
    /// The SHA-256 of the certificate: what an API server says of a request made with it
    /// (S-X509-6).
    #[serde(with = "wire::text")]
    pub fingerprint: Fingerprint,
    /// The serial number, big-endian, without leading zero bytes.
    #[serde(with = "wire::hex")]
    pub serial: Vec<u8>,
    /// The name of the issuer, as RFC 4514 writes it.
    pub issuer: String,
    /// The name of the subject, as RFC 4514 writes it.
    pub subject: String,
    /// The user it makes of its bearer: the common name (S-X509-4).
    pub user: String,
    /// The groups: the organisations, in order (S-X509-4).
    pub groups: Vec<String>,
    /// The uid (S-X509-5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Valid from. Signers set it back by some minutes, so it is not when it was issued.
    #[serde(with = "wire::time")]
    pub not_before: i64,
    /// Valid until, this second included.
    #[serde(with = "wire::time")]
    pub not_after: i64,
    /// When it was recorded; of an issued one that is when it was issued.
    #[serde(with = "wire::time")]
    pub recorded_at: i64,
    /// How it came into the books.
    pub source: RecordSource,
    /// The name of the signer, such as `kubernetes.io/kube-apiserver-client`; empty when unknown.
    pub signer: String,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<Requester>,
    /// Which rule of the policy allowed it, or who approved it; empty when unknown.
    pub decision: String,
    /// The name of the CertificateSigningRequest object; empty for a bare request.
    pub request_name: String,
    /// The kind of its key, such as `ECDSA P-256`.
    pub key: String,
    /// The certificate, DER.
    #[serde(with = "wire::base64")]
    pub certificate: Vec<u8>,
    /// That it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<RevokedRecord>,
}

/// How a certificate came into the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RecordSource {
    /// It was issued here.
    Issued,
    /// It was issued elsewhere, and seen here.
    Imported,
}

/// Who asked for a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Requester {
    /// The user name.
    pub name: String,
    /// The groups.
    pub groups: Vec<String>,
}

/// That a certificate was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevokedRecord {
    /// When.
    #[serde(with = "wire::time")]
    pub at: i64,
    /// Why: a name of RFC 5280 section 5.3.1 such as `keyCompromise`, or free text.
    pub reason: String,
    /// Who said so.
    pub by: String,
}

/// What a certificate does not say of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// How it came into the books.
    pub source: RecordSource,
    /// When it is recorded.
    pub recorded_at: i64,
    /// The name of the signer; empty when unknown.
    pub signer: String,
    /// Who asked for it.
    pub requester: Option<Requester>,
    /// Which rule of the policy allowed it, or who approved it; empty when unknown.
    pub decision: String,
    /// The name of the CertificateSigningRequest object; empty for a bare request.
    pub request_name: String,
}

impl Provenance {
    /// A certificate that was issued elsewhere and is seen now.
    #[must_use]
    pub const fn imported(now: i64) -> Self {
        Self {
            source: RecordSource::Imported,
            recorded_at: now,
            signer: String::new(),
            requester: None,
            decision: String::new(),
            request_name: String::new(),
        }
    }
}

/// Whether a certificate is good for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateState {
    /// Its time is yet to come.
    NotYetValid,
    /// Neither expired nor revoked.
    Valid,
    /// Its time is over.
    Expired,
    /// It was taken back, whether or not its time is over.
    Revoked,
}

impl CertificateState {
    /// One or two words for tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotYetValid => "not yet valid",
            Self::Valid => "valid",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl CertificateRecord {
    /// The record of a certificate: what the certificate says, and what else is known.
    ///
    /// A uid that no API server could read (S-X509-5) is left out; the certificate proves nobody.
    ///
    /// # Errors
    /// When the bytes are no certificate.
    pub fn of_certificate(der: &[u8], provenance: Provenance) -> Result<Self, NotACertificate> {
        let read = Certificate::from_der(der)?;
        let Provenance { source, recorded_at, signer, requester, decision, request_name } =
            provenance;
        Ok(Self {
            fingerprint: read.fingerprint(),
            serial: read.serial().to_vec(),
            issuer: read.issuer(),
            subject: read.subject(),
            user: read.common_name().unwrap_or_default().to_owned(),
            groups: read.organizations(),
            uid: read.uid().ok().flatten(),
            not_before: read.not_before(),
            not_after: read.not_after(),
            recorded_at,
            source,
            signer,
            requester,
            decision,
            request_name,
            key: read.key().to_string(),
            certificate: der.to_vec(),
            revoked: None,
        })
    }

    /// The serial number in hexadecimal digits, as `openssl x509 -serial` writes it but for the
    /// case.
    #[must_use]
    pub fn serial_hex(&self) -> String {
        wire::to_hex(&self.serial)
    }

    /// Whether it is good for anything at this time.
    #[must_use]
    pub fn state(&self, now: i64) -> CertificateState {
        if self.revoked.is_some() {
            CertificateState::Revoked
        } else if now > self.not_after {
            CertificateState::Expired
        } else if now < self.not_before {
            CertificateState::NotYetValid
        } else {
            CertificateState::Valid
        }
    }

    /// When it was issued, as far as that is known. Of an imported one only its beginning is known,
    /// which signers set back.
    ///
    /// One that renews another of a login is as old as the login, see [`renewed_since`](Self::renewed_since).
    #[must_use]
    pub fn issued_at(&self) -> i64 {
        match (self.renewed_since(), self.source) {
            (Some(since), _) => since,
            (None, RecordSource::Issued) => self.recorded_at,
            (None, RecordSource::Imported) => self.not_before,
        }
    }

    /// When the bearer of a renewed certificate had logged in. What was said of the user since then holds
    /// for it, too: whoever renews in the moment before a revocation is known everywhere keeps nothing.
    #[must_use]
    pub fn renewed_since(&self) -> Option<i64> {
        let since = self.not_before.saturating_add(BACKDATE);
        let is_of_login = self.signer == LOGIN_SIGNER && self.source == RecordSource::Issued;
        (is_of_login && since < self.recorded_at).then_some(since)
    }
}
