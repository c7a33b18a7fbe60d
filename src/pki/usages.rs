use crate::api::certificates::KeyUsage;
use crate::crypto::authority::{self, CertificateUsages, ExtendedUsage};

/// What stands in the certificate for these usages (S-CSR-17).
///
/// ```
/// use portcullis::api::certificates::KeyUsage;
/// use portcullis::crypto::authority::CertificateUsages;
/// use portcullis::pki::certificate_usages;
///
/// let usages = [KeyUsage::ClientAuth, KeyUsage::Signing];
/// assert_eq!(certificate_usages(&usages), CertificateUsages::client());
/// ```
#[must_use]
pub fn certificate_usages(usages: &[KeyUsage]) -> CertificateUsages {
    let mut written = CertificateUsages::default();
    for usage in usages {
        match bit_or_purpose(*usage) {
            Ok(bit) => written.key_usage |= bit,
            Err(purpose) => written.extended.push(purpose),
        }
    }
    written.extended.sort_unstable();
    written.extended.dedup();
    written
}

/// A bit of the key usage, or else a purpose.
const fn bit_or_purpose(usage: KeyUsage) -> Result<authority::KeyUsage, ExtendedUsage> {
    use authority::KeyUsage as Bit;

    match usage {
        KeyUsage::CertSign => Ok(Bit::KEY_CERT_SIGN),
        KeyUsage::ContentCommitment => Ok(Bit::CONTENT_COMMITMENT),
        KeyUsage::CrlSign => Ok(Bit::CRL_SIGN),
        KeyUsage::DataEncipherment => Ok(Bit::DATA_ENCIPHERMENT),
        KeyUsage::DecipherOnly => Ok(Bit::DECIPHER_ONLY),
        KeyUsage::DigitalSignature | KeyUsage::Signing => Ok(Bit::DIGITAL_SIGNATURE),
        KeyUsage::EncipherOnly => Ok(Bit::ENCIPHER_ONLY),
        KeyUsage::KeyAgreement => Ok(Bit::KEY_AGREEMENT),
        KeyUsage::KeyEncipherment => Ok(Bit::KEY_ENCIPHERMENT),
        KeyUsage::Any => Err(ExtendedUsage::Any),
        KeyUsage::ClientAuth => Err(ExtendedUsage::ClientAuth),
        KeyUsage::CodeSigning => Err(ExtendedUsage::CodeSigning),
        KeyUsage::EmailProtection | KeyUsage::SMime => Err(ExtendedUsage::EmailProtection),
        KeyUsage::IpsecEndSystem => Err(ExtendedUsage::IpsecEndSystem),
        KeyUsage::IpsecTunnel => Err(ExtendedUsage::IpsecTunnel),
        KeyUsage::IpsecUser => Err(ExtendedUsage::IpsecUser),
        KeyUsage::MicrosoftSgc => Err(ExtendedUsage::MicrosoftSgc),
        KeyUsage::NetscapeSgc => Err(ExtendedUsage::NetscapeSgc),
        KeyUsage::OcspSigning => Err(ExtendedUsage::OcspSigning),
        KeyUsage::ServerAuth => Err(ExtendedUsage::ServerAuth),
        KeyUsage::Timestamping => Err(ExtendedUsage::Timestamping),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usage_is_a_bit_or_a_purpose_and_synonyms_are_one() {
        let all = certificate_usages(&KeyUsage::ALL);
        // 23 names, of which two are synonyms; nine of the others are bits.
        assert_eq!(all.extended.len(), 12);
        assert!(all.extended.is_sorted());
        for bit in 0..9 {
            let one = KeyUsage::ALL.into_iter().filter_map(|usage| bit_or_purpose(usage).ok());
            assert!(
                one.into_iter().any(|one| format!("{one:?}") == format!("KeyUsage({})", 1 << bit))
            );
        }
        let twin = [KeyUsage::SMime, KeyUsage::EmailProtection, KeyUsage::SMime];
        assert_eq!(certificate_usages(&twin).extended, [ExtendedUsage::EmailProtection]);
        assert!(certificate_usages(&twin).key_usage.is_empty());
        assert_eq!(
            certificate_usages(&[KeyUsage::Signing]).key_usage,
            authority::KeyUsage::DIGITAL_SIGNATURE
        );
    }
}
