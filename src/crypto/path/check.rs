//! What webpki has no eye for, on one path from a leaf to a trusted authority.

use super::{Anchor, PathError, PathInput, RevocationCheck, Strictness, Usage};
use crate::crypto::certificate::{Certificate, Extended};
use crate::crypto::crl::UnknownStatus;

/// A path that webpki found good.
pub(super) struct Candidate<'a> {
    pub(super) leaf: &'a Certificate<'a>,
    /// From the leaf up.
    pub(super) intermediates: &'a [Certificate<'a>],
    pub(super) anchor: &'a Anchor,
}

impl Candidate<'_> {
    /// In the order in which Go complains: each certificate from the top down, then the purpose.
    pub(super) fn check(&self, input: &PathInput<'_>) -> Result<(), PathError> {
        self.check_anchor(input.now)?;
        for authority in self.intermediates {
            if !authority.may_sign_certificates() {
                return Err(PathError::NotAnAuthority { subject: authority.subject() });
            }
        }
        self.check_usage(input.usage, input.strictness)?;
        if input.strictness == Strictness::Strict && self.leaf.key().is_weak() {
            return Err(PathError::WeakKey { bits: self.leaf.key().bits });
        }
        input.revocation.map_or(Ok(()), |check| self.check_revocation(&check, input.now))
    }

    /// The earliest end of the certificates.
    pub(super) fn not_after(&self) -> i64 {
        let below = self.intermediates.iter().map(Certificate::not_after).min();
        let above = below.unwrap_or(i64::MAX).min(self.anchor.not_after());
        self.leaf.not_after().min(above)
    }

    fn check_anchor(&self, now: i64) -> Result<(), PathError> {
        let anchor = self.anchor;
        if !anchor.is_understood {
            return Err(PathError::UnhandledCriticalExtension);
        }
        check_dates(anchor.not_before(), anchor.not_after(), now)?;
        if !anchor.may_sign {
            return Err(PathError::NotAnAuthority { subject: anchor.subject().to_owned() });
        }
        let between = u32::try_from(self.intermediates.len()).unwrap_or(u32::MAX);
        if anchor.path_length.is_some_and(|most| between > most) {
            return Err(PathError::PathLength);
        }
        Ok(())
    }

    fn check_usage(&self, usage: Usage, strictness: Strictness) -> Result<(), PathError> {
        let below = self.intermediates.iter().chain([self.leaf]).map(Certificate::extended);
        let mut all = below.chain([self.anchor.extended]);
        if all.all(|extended| allows(extended, usage, strictness)) {
            Ok(())
        } else {
            Err(PathError::IncompatibleUsage)
        }
    }

    fn check_revocation(&self, check: &RevocationCheck<'_>, now: i64) -> Result<(), PathError> {
        let certificates = [self.leaf].into_iter().chain(self.intermediates);
        for (index, certificate) in certificates.enumerate() {
            let (key, may_sign_crls) = match self.intermediates.get(index) {
                Some(issuer) => (issuer.public_key_info(), issuer.may_sign_crls()),
                None => (&*self.anchor.public_key_info, self.anchor.may_sign_crls),
            };
            let lists = check.lists.iter();
            let mut lists = lists
                .filter(|list| list.is_about(certificate, index > 0) && list.is_by(key))
                .peekable();
            let is_there = lists.peek().is_some();
            let mut is_good = false;
            for list in lists {
                if let Some(revoked) = list.find(certificate.serial()) {
                    return Err(PathError::Revoked {
                        subject: certificate.subject(),
                        at: revoked.at,
                        reason: revoked.reason.map(str::to_owned),
                    });
                }
                is_good |=
                    may_sign_crls && now < list.next_update() && list.vouches_for(certificate);
            }
            if !is_good && check.unknown == UnknownStatus::Deny {
                let (subject, issuer) = (certificate.subject(), certificate.issuer());
                return Err(if is_there && !may_sign_crls {
                    PathError::NotACrlSigner { subject, issuer }
                } else {
                    PathError::UnknownRevocationStatus { subject, issuer }
                });
            }
        }
        Ok(())
    }
}

pub(super) fn check_dates(not_before: i64, not_after: i64, now: i64) -> Result<(), PathError> {
    if now < not_before {
        return Err(PathError::NotYetValid { now, not_before });
    }
    if now > not_after {
        return Err(PathError::Expired { now, not_after });
    }
    Ok(())
}

pub(super) fn allows(extended: Extended, usage: Usage, strictness: Strictness) -> bool {
    match extended {
        Extended::Unlimited => true,
        Extended::Nothing => false,
        Extended::Limited { any, client_auth, code_signing, server_auth } => {
            let named = match usage {
                Usage::Any => true,
                Usage::ClientAuth => client_auth,
                Usage::CodeSigning => code_signing,
                Usage::ServerAuth => server_auth,
            };
            named || (any && strictness == Strictness::AsKubernetes)
        }
    }
}
