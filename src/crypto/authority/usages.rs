use yasna::{DERWriter, DERWriterSeq};

use crate::crypto::asn1::{Oid, extension};

/// What a key may do (RFC 5280 §4.2.1.3): a set of bits.
///
/// ```
/// use portcullis::crypto::authority::KeyUsage;
///
/// let usage = KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT;
/// assert!(usage.contains(KeyUsage::DIGITAL_SIGNATURE));
/// assert!(!usage.contains(KeyUsage::CRL_SIGN));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyUsage(u16);

impl KeyUsage {
    /// `digital signature`, and `signing`.
    pub const DIGITAL_SIGNATURE: Self = Self(1);
    /// `content commitment`.
    pub const CONTENT_COMMITMENT: Self = Self(1 << 1);
    /// `key encipherment`.
    pub const KEY_ENCIPHERMENT: Self = Self(1 << 2);
    /// `data encipherment`.
    pub const DATA_ENCIPHERMENT: Self = Self(1 << 3);
    /// `key agreement`.
    pub const KEY_AGREEMENT: Self = Self(1 << 4);
    /// `cert sign`.
    pub const KEY_CERT_SIGN: Self = Self(1 << 5);
    /// `crl sign`.
    pub const CRL_SIGN: Self = Self(1 << 6);
    /// `encipher only`.
    pub const ENCIPHER_ONLY: Self = Self(1 << 7);
    /// `decipher only`.
    pub const DECIPHER_ONLY: Self = Self(1 << 8);

    /// Nothing; such a certificate carries no key usage, which allows everything.
    #[must_use]
    pub const fn empty() -> Self {
        Self(0)
    }

    /// Whether it is the empty set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of these are in it.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Writes the bit string: the first bit is the most significant, and there are no zeros after the
    /// last one (X.690 §11.2.2).
    fn write(self, writer: DERWriter<'_>) {
        let length = usize::try_from(16_u32.saturating_sub(self.0.leading_zeros())).unwrap_or(16);
        let bytes = self.0.reverse_bits().to_be_bytes();
        writer.write_bitvec_bytes(bytes.get(..length.div_ceil(8)).unwrap_or(&bytes), length);
    }
}

impl std::ops::BitOr for KeyUsage {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::ops::BitOrAssign for KeyUsage {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// What a certificate is for (RFC 5280 §4.2.1.12), as far as Kubernetes has a name for it (S-CSR-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ExtendedUsage {
    /// `any`.
    Any,
    /// `server auth`.
    ServerAuth,
    /// `client auth`.
    ClientAuth,
    /// `code signing`.
    CodeSigning,
    /// `email protection`, and `s/mime`.
    EmailProtection,
    /// `ipsec end system`.
    IpsecEndSystem,
    /// `ipsec tunnel`.
    IpsecTunnel,
    /// `ipsec user`.
    IpsecUser,
    /// `timestamping`.
    Timestamping,
    /// `ocsp signing`.
    OcspSigning,
    /// `microsoft sgc`.
    MicrosoftSgc,
    /// `netscape sgc`.
    NetscapeSgc,
}

impl ExtendedUsage {
    const fn oid(self) -> Oid {
        Oid::new(match self {
            Self::Any => &[2, 5, 29, 37, 0],
            Self::ServerAuth => &[1, 3, 6, 1, 5, 5, 7, 3, 1],
            Self::ClientAuth => &[1, 3, 6, 1, 5, 5, 7, 3, 2],
            Self::CodeSigning => &[1, 3, 6, 1, 5, 5, 7, 3, 3],
            Self::EmailProtection => &[1, 3, 6, 1, 5, 5, 7, 3, 4],
            Self::IpsecEndSystem => &[1, 3, 6, 1, 5, 5, 7, 3, 5],
            Self::IpsecTunnel => &[1, 3, 6, 1, 5, 5, 7, 3, 6],
            Self::IpsecUser => &[1, 3, 6, 1, 5, 5, 7, 3, 7],
            Self::Timestamping => &[1, 3, 6, 1, 5, 5, 7, 3, 8],
            Self::OcspSigning => &[1, 3, 6, 1, 5, 5, 7, 3, 9],
            Self::MicrosoftSgc => &[1, 3, 6, 1, 4, 1, 311, 10, 3, 3],
            Self::NetscapeSgc => &[2, 16, 840, 1, 113730, 4, 1],
        })
    }
}

/// What a certificate and its key may be used for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CertificateUsages {
    /// What the key may do.
    pub key_usage: KeyUsage,
    /// What the certificate is for; empty means anything, and the extension is left out.
    pub extended: Vec<ExtendedUsage>,
}

impl CertificateUsages {
    /// What a user needs to authenticate to an API server: `digital signature`, `client auth`.
    #[must_use]
    pub fn client() -> Self {
        Self { key_usage: KeyUsage::DIGITAL_SIGNATURE, extended: vec![ExtendedUsage::ClientAuth] }
    }

    pub(super) fn write(&self, writer: &mut DERWriterSeq<'_>) {
        write_key_usage(writer, self.key_usage);
        if !self.extended.is_empty() {
            extension(writer, Oid::EXTENDED_KEY_USAGE, false, |writer| {
                writer.write_sequence(|writer| {
                    self.extended.iter().for_each(|usage| usage.oid().write(writer.next()));
                });
            });
        }
    }
}

/// The extension, unless the set is empty, which the RFC does not allow.
pub(super) fn write_key_usage(writer: &mut DERWriterSeq<'_>, usage: KeyUsage) {
    if !usage.is_empty() {
        extension(writer, Oid::KEY_USAGE, true, |writer| usage.write(writer));
    }
}
