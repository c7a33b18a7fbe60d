//! Certificates in PEM (RFC 7468).

use super::{Certificate, NotACertificate};

/// Why a text holds no certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// Broken PEM.
    #[error("not PEM: a block is broken; the text may be cut off")]
    NotPem,
    /// No block that is a certificate.
    #[error("no `CERTIFICATE` block; certificates in PEM begin with `-----BEGIN CERTIFICATE-----`")]
    NoCertificate,
    /// A block with something else in it.
    #[error("certificate {number} of the text")]
    Certificate {
        /// Which of the certificates, counted from 1.
        number: usize,
        /// What is wrong with it.
        #[source]
        error: NotACertificate,
    },
}

/// The DER of every `CERTIFICATE` block of a text, in order; at least one. Blocks of other labels are
/// passed over, such as a private key in the same file.
///
/// # Errors
/// When there is none, a block is broken, or one is no certificate.
pub fn chain_from_pem(text: &[u8]) -> Result<Vec<Vec<u8>>, ChainError> {
    let certificates = blocks(text)
        .ok_or(ChainError::NotPem)?
        .into_iter()
        .filter(|block| block.tag() == "CERTIFICATE");
    let mut chain = Vec::new();
    for block in certificates {
        let der = block.into_contents();
        let number = chain.len().saturating_add(1);
        Certificate::from_der(&der).map_err(|error| ChainError::Certificate { number, error })?;
        chain.push(der);
    }
    if chain.is_empty() { Err(ChainError::NoCertificate) } else { Ok(chain) }
}

/// All blocks of a text. `None` when one is broken or has no end: the parser passes over such a one
/// without a word, and an authority or a revoked certificate would be missing.
pub(in crate::crypto) fn blocks(text: &[u8]) -> Option<Vec<::pem::Pem>> {
    let blocks = ::pem::parse_many(text).ok()?;
    let begun = text.windows(BEGIN.len()).filter(|window| *window == BEGIN).count();
    (begun == blocks.len()).then_some(blocks)
}

const BEGIN: &[u8] = b"-----BEGIN ";
