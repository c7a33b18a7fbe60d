use crate::crypto::certificate::{Certificate, NotACertificate};
use crate::crypto::path::VerifiedPath;
use crate::model::{PresentedCertificate, Revocations};

/// Why a verified certificate does not count any more: it or an authority above it is on the list. The
/// leaf is looked up as whose it is, and the authorities as themselves; the trusted one is trusted.
pub(super) fn why_revoked(
    revocations: &Revocations,
    path: &VerifiedPath<'_>,
) -> Result<Option<String>, NotACertificate> {
    if revocations.is_empty() {
        return Ok(None);
    }
    let leaf = Certificate::from_der(path.leaf())?;
    let user = leaf.common_name().unwrap_or_default();
    if let Some(why) = one(revocations, &leaf, user, &leaf.organizations()) {
        return Ok(Some(why));
    }
    for der in path.intermediates() {
        if let Some(why) = one(revocations, &Certificate::from_der(der)?, "", &[]) {
            return Ok(Some(why));
        }
    }
    Ok(None)
}

fn one(
    revocations: &Revocations,
    certificate: &Certificate<'_>,
    user: &str,
    groups: &[String],
) -> Option<String> {
    let revoked = revocations.of_certificate(&PresentedCertificate {
        fingerprint: certificate.fingerprint(),
        issuer: certificate.issuer_der(),
        serial: certificate.serial(),
        user,
        groups,
        not_before: certificate.not_before(),
    });
    // Its owner may have written it in other bytes, which are still it.
    let named = || {
        let mut aliases = certificate.aliases().into_iter();
        aliases.find_map(|alias| revocations.of_fingerprint(&alias))
    };
    revoked.or_else(named).map(|revoked| revoked.to_string())
}
