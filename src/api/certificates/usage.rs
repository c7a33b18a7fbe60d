use std::fmt;
use std::str::FromStr;

/// What a certificate may be used for, as `spec.usages` writes it (S-CSR-4). Alphabetical by what is
/// written, which is also the order in which errors list them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyUsage {
    /// `any`: any extended use.
    Any,
    /// `cert sign`
    CertSign,
    /// `client auth`
    ClientAuth,
    /// `code signing`
    CodeSigning,
    /// `content commitment`
    ContentCommitment,
    /// `crl sign`
    CrlSign,
    /// `data encipherment`
    DataEncipherment,
    /// `decipher only`
    DecipherOnly,
    /// `digital signature`
    DigitalSignature,
    /// `email protection`
    EmailProtection,
    /// `encipher only`
    EncipherOnly,
    /// `ipsec end system`
    IpsecEndSystem,
    /// `ipsec tunnel`
    IpsecTunnel,
    /// `ipsec user`
    IpsecUser,
    /// `key agreement`
    KeyAgreement,
    /// `key encipherment`
    KeyEncipherment,
    /// `microsoft sgc`
    MicrosoftSgc,
    /// `netscape sgc`
    NetscapeSgc,
    /// `ocsp signing`
    OcspSigning,
    /// `s/mime`: the same as `email protection` (S-CSR-17).
    SMime,
    /// `server auth`
    ServerAuth,
    /// `signing`: the same as `digital signature` (S-CSR-17).
    Signing,
    /// `timestamping`
    Timestamping,
}

/// No usage of this name is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no key usage; write one such as `client auth` or `digital signature`")]
pub struct UnknownUsage(pub String);

impl KeyUsage {
    /// Every usage, in order.
    pub const ALL: [Self; 23] = [
        Self::Any,
        Self::CertSign,
        Self::ClientAuth,
        Self::CodeSigning,
        Self::ContentCommitment,
        Self::CrlSign,
        Self::DataEncipherment,
        Self::DecipherOnly,
        Self::DigitalSignature,
        Self::EmailProtection,
        Self::EncipherOnly,
        Self::IpsecEndSystem,
        Self::IpsecTunnel,
        Self::IpsecUser,
        Self::KeyAgreement,
        Self::KeyEncipherment,
        Self::MicrosoftSgc,
        Self::NetscapeSgc,
        Self::OcspSigning,
        Self::SMime,
        Self::ServerAuth,
        Self::Signing,
        Self::Timestamping,
    ];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::CertSign => "cert sign",
            Self::ClientAuth => "client auth",
            Self::CodeSigning => "code signing",
            Self::ContentCommitment => "content commitment",
            Self::CrlSign => "crl sign",
            Self::DataEncipherment => "data encipherment",
            Self::DecipherOnly => "decipher only",
            Self::DigitalSignature => "digital signature",
            Self::EmailProtection => "email protection",
            Self::EncipherOnly => "encipher only",
            Self::IpsecEndSystem => "ipsec end system",
            Self::IpsecTunnel => "ipsec tunnel",
            Self::IpsecUser => "ipsec user",
            Self::KeyAgreement => "key agreement",
            Self::KeyEncipherment => "key encipherment",
            Self::MicrosoftSgc => "microsoft sgc",
            Self::NetscapeSgc => "netscape sgc",
            Self::OcspSigning => "ocsp signing",
            Self::SMime => "s/mime",
            Self::ServerAuth => "server auth",
            Self::Signing => "signing",
            Self::Timestamping => "timestamping",
        }
    }
}

impl fmt::Display for KeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KeyUsage {
    type Err = UnknownUsage;

    fn from_str(text: &str) -> Result<Self, UnknownUsage> {
        let known = Self::ALL.into_iter().find(|usage| usage.as_str() == text);
        known.ok_or_else(|| UnknownUsage(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usage_is_read_as_it_is_written_and_the_list_is_in_order() {
        for usage in KeyUsage::ALL {
            assert_eq!(usage.to_string().parse(), Ok(usage));
        }
        assert!(KeyUsage::ALL.map(KeyUsage::as_str).is_sorted());
        for text in ["", "Client Auth", "client-auth", "clientAuth", "client auth "] {
            assert_eq!(text.parse::<KeyUsage>(), Err(UnknownUsage(text.to_owned())));
        }
    }
}
