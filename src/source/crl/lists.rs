//! From bytes to revocation lists that may serve.

use std::sync::Arc;

use super::error::CrlSourceError;
use crate::crypto::certificate::Certificate;
use crate::crypto::crl::{RevocationList, RevocationListError};

/// So many lists of one source are taken. Each is asked about each certificate, and somebody between
/// could repeat a good one until nobody is answered any more.
const MOST_LISTS: usize = 256;

/// Who must have signed, if anybody is named.
#[derive(Debug, Clone)]
pub(super) struct Issuers(pub(super) Option<Vec<Vec<u8>>>);

impl Issuers {
    fn check(&self, list: &RevocationList) -> Result<(), CrlSourceError> {
        let Some(issuers) = &self.0 else { return Ok(()) };
        let signed = issuers.iter().any(|der| {
            Certificate::from_der(der).is_ok_and(|issuer| {
                issuer.subject_der() == list.issuer_der()
                    && issuer.may_sign_crls()
                    && list.is_by(issuer.public_key_info())
            })
        });
        if signed { Ok(()) } else { Err(CrlSourceError::NotSigned { issuer: list.issuer() }) }
    }
}

/// Reads DER, or every list of a PEM text, and compares them with those that serve.
pub(super) fn read(
    bytes: &[u8],
    issuers: &Issuers,
    serving: &[Arc<RevocationList>],
) -> Result<Vec<Arc<RevocationList>>, CrlSourceError> {
    let lists = parse(bytes)?;
    for list in &lists {
        issuers.check(list)?;
        let same = |other: &&Arc<RevocationList>| other.issuer_der() == list.issuer_der();
        let (old, new) = (serving.iter().filter(same), lists.iter().filter(same));
        // Of several lists under one name, which are those of several keys or of parts, it is not known
        // which follows which.
        if let ([old], 1) = (old.collect::<Vec<_>>().as_slice(), new.count())
            && list.this_update() < old.this_update()
        {
            return Err(CrlSourceError::Older { issuer: list.issuer() });
        }
    }
    Ok(lists)
}

fn parse(bytes: &[u8]) -> Result<Vec<Arc<RevocationList>>, CrlSourceError> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    if !bytes.windows(BEGIN.len()).any(|window| window == BEGIN) {
        let list = RevocationList::from_pem_or_der(bytes).map_err(CrlSourceError::List)?;
        return Ok(vec![Arc::new(list)]);
    }
    let blocks = pem::parse_many(bytes).map_err(|_| CrlSourceError::NoList)?;
    // The parser passes over a block that is broken or has no end, and what it revokes with it.
    let begun = bytes.windows(BEGIN.len()).filter(|window| *window == BEGIN).count();
    if begun != blocks.len() {
        return Err(CrlSourceError::List(RevocationListError::Malformed));
    }
    let blocks = blocks.iter().filter(|block| block.tag() == "X509 CRL");
    let found = blocks.clone().count();
    if found > MOST_LISTS {
        return Err(CrlSourceError::TooMany { found, most: MOST_LISTS });
    }
    let lists: Vec<_> = blocks
        .map(|block| RevocationList::from_pem_or_der(block.contents()).map(Arc::new))
        .collect::<Result<_, _>>()
        .map_err(CrlSourceError::List)?;
    if lists.is_empty() { Err(CrlSourceError::NoList) } else { Ok(lists) }
}
