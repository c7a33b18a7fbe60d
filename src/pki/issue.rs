//! The one way to a certificate: the rules of the signer, the policy, the times, the signature, the
//! books. Whoever issues, issues through here.
//!
//! A certificate is recorded before anybody sees it: what cannot be recorded is not handed out.

use super::ledger::{CertificateRecord, Ledger, LedgerError, Provenance, RecordSource, Requester};
use super::policy::{Asked, KeyRule, PolicyRefusal, SigningPolicy};
use super::requested::Requested;
use super::signer::{Signer, SignerRefusal};
use super::usages::certificate_usages;
use super::validity::{AuthorityExpired, BACKDATE, DEFAULT_SIGNING_DURATION, Validity, lifetime};
use crate::api::certificates::KeyUsage;
use crate::crypto::authority::{
    Authority, AuthorityError, CertificateUsages, IssuedCertificate, Leaf, SerialNumber,
};
use crate::crypto::certificate::NotACertificate;
use crate::crypto::request::SigningRequest;
use crate::crypto::subject::Subject;
use crate::model::{User, groups};

/// What decides about certificates.
#[derive(Debug, Clone, Copy)]
pub struct IssuingRules<'a> {
    /// The policy. Without one only the rules of Kubernetes' signers decide, and a signer that has
    /// none signs nothing.
    pub policy: Option<&'a SigningPolicy>,
    /// The longest life, in seconds, that is given (S-CSR-16).
    pub signing_duration: i64,
}

impl Default for IssuingRules<'_> {
    /// No policy, and the signing duration of kube-controller-manager.
    fn default() -> Self {
        Self { policy: None, signing_duration: DEFAULT_SIGNING_DURATION }
    }
}

/// A certificate that somebody wants.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// What is asked for.
    pub request: &'a SigningRequest,
    /// What the certificate is to be for.
    pub usages: &'a [KeyUsage],
    /// Who is to sign.
    pub signer: &'a Signer,
    /// How many seconds it should last.
    pub seconds: Option<i32>,
    /// Who asks; a policy has to know.
    pub requester: Option<&'a User>,
    /// The name of the CertificateSigningRequest object; empty for a bare request.
    pub request_name: &'a str,
    /// Who approved it, for the books; empty when nobody did.
    pub approved_by: &'a str,
    /// The time.
    pub now: i64,
}

/// A yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// Which rule of the policy allowed it; `None` without a policy.
    pub rule: Option<String>,
    /// The longest life in seconds.
    pub longest: i64,
}

/// A no: nothing failed, it is not to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueRefusal {
    /// The rules of the signer.
    #[error(transparent)]
    Signer(#[from] SignerRefusal),
    /// In Kubernetes' domain, but no signer of Kubernetes (S-CSR-15).
    #[error(
        "there is no signer `{0}`; Kubernetes' own are kubernetes.io/kube-apiserver-client, \
             kubernetes.io/kube-apiserver-client-kubelet and kubernetes.io/kubelet-serving"
    )]
    Nobody(String),
    /// The signer of logins, for which nobody asks by a request.
    #[error("signer `{LOGIN_SIGNER}` signs for those who log in; name another signer")]
    OfLogins,
    /// No rules of Kubernetes hold for it, so a policy must.
    #[error(
        "signer `{0}` has no rules in Kubernetes; a signing policy with a rule for it is needed"
    )]
    NoRules(String),
    /// A key that is too weak, or of a kind that clients do not have.
    #[error(
        "a key of kind {0} is not certified; take ECDSA P-256, Ed25519, or RSA from 2048 bits on"
    )]
    Key(String),
    /// The policy.
    #[error(transparent)]
    Policy(#[from] PolicyRefusal),
    /// The policy has to know who asks.
    #[error(
        "the signing policy decides by who asks, and nobody is named; in objects only an API server \
         writes `spec.username`"
    )]
    NoRequester,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// It is not to be.
    #[error(transparent)]
    Refused(#[from] IssueRefusal),
    /// The authority's time is over.
    #[error(transparent)]
    Expired(#[from] AuthorityExpired),
    /// It could not be signed.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// What was signed cannot be read again.
    #[error("what was signed cannot be read again, so it is not handed out")]
    Unreadable(#[from] NotACertificate),
    /// It was signed and could not be recorded; it is gone.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A certificate that is in the books, and how it came about.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate.
    pub certificate: IssuedCertificate,
    /// Which rule allowed it and who approved it, as it is in the books.
    pub decision: String,
}

impl IssuingRules<'_> {
    /// Whether it may be issued: the rules of the signer (S-CSR-12, S-CSR-13), then the policy.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, order: &Order<'_>) -> Result<Granted, IssueRefusal> {
        let Order { request, usages, signer, .. } = order;
        let requested = Requested::from(*request);
        if signer.is_nobody() {
            return Err(IssueRefusal::Nobody(signer.to_string()));
        }
        // Who has a certificate of it in the books has logged in.
        if signer.as_str() == LOGIN_SIGNER {
            return Err(IssueRefusal::OfLogins);
        }
        signer.check(&requested, usages)?;
        let Some(policy) = self.policy else {
            if !signer.has_rules() {
                return Err(IssueRefusal::NoRules(signer.to_string()));
            }
            return Ok(Granted { rule: None, longest: self.signing_duration });
        };
        let named = order.requester.filter(|requester| !requester.name.is_empty());
        let requester = named.ok_or(IssueRefusal::NoRequester)?;
        let allowed = policy.decide(&Asked { requester, requested, signer })?;
        let longest = allowed.max_lifetime.unwrap_or(i64::MAX).min(self.signing_duration);
        Ok(Granted { rule: Some(allowed.rule.to_owned()), longest })
    }

    /// Issues a certificate, and records it before anybody sees it.
    ///
    /// # Errors
    /// When it may not be, or when something failed; there is no certificate then.
    pub fn issue(
        &self,
        order: &Order<'_>,
        authority: &Authority,
        ledger: &dyn Ledger,
    ) -> Result<Issued, IssueError> {
        let granted = self.check(order)?;
        let Order { request, usages, seconds, now, .. } = *order;
        let Validity { not_before, not_after } =
            lifetime(now, seconds, granted.longest, authority.not_after())?;
        // A signer gives ten minutes to whoever asks for less (S-CSR-16); a policy that gives less
        // than that means it.
        let not_after = match granted.rule {
            Some(_) => not_after.min(now.saturating_add(granted.longest)),
            None => not_after,
        };
        let certificate = authority.issue(&Leaf {
            request,
            usages: certificate_usages(usages),
            not_before,
            not_after,
            serial: SerialNumber::random()?,
        })?;
        let decision = decision(&granted, order.approved_by);
        let provenance = Provenance {
            source: RecordSource::Issued,
            recorded_at: now,
            signer: order.signer.to_string(),
            requester: order
                .requester
                .map(|user| Requester { name: user.name.clone(), groups: user.groups.clone() }),
            decision: decision.clone(),
            request_name: order.request_name.to_owned(),
        };
        ledger.record(&CertificateRecord::of_certificate(certificate.der(), provenance)?)?;
        Ok(Issued { certificate, decision })
    }
}

/// A client certificate for somebody who has just proved who they are. Whom it is for comes from that
/// proof; of the request only the key counts, whatever else it asks for.
#[derive(Debug, Clone, Copy)]
pub struct ProvenOrder<'a> {
    /// The key, and the proof that the client has it.
    pub request: &'a SigningRequest,
    /// Who it is.
    pub user: &'a User,
    /// How that was proved, for the books: the name of the method.
    pub method: &'a str,
    /// When it was proved first; seconds since 1970-01-01 UTC. Becomes the first second of the
    /// certificate, less the usual five minutes, so that whoever renews it can tell.
    pub since: i64,
    /// The last second that it may be valid.
    pub not_after: i64,
    /// The time.
    pub now: i64,
}

/// What [`Provenance::signer`] of such certificates says.
pub const LOGIN_SIGNER: &str = "portcullis.dev/login";

/// Issues such a certificate, and records it before anybody sees it.
///
/// # Errors
/// When something failed; there is no certificate then.
pub fn issue_proven(
    order: &ProvenOrder<'_>,
    authority: &Authority,
    ledger: &dyn Ledger,
) -> Result<IssuedCertificate, IssueError> {
    let ProvenOrder { request, user, method, since, not_after, now } = *order;
    if now >= authority.not_after() {
        return Err(AuthorityExpired.into());
    }
    let key = request.key();
    if !KeyRule::DEFAULT.iter().any(|rule| rule.takes(&key)) {
        return Err(IssueRefusal::Key(key.to_string()).into());
    }
    let uid = Some(user.uid.clone()).filter(|uid| !uid.is_empty());
    // What every proven user is a member of is added wherever the certificate is presented
    // (S-AUTHN-5).
    let groups = user.groups.iter().filter(|group| *group != groups::AUTHENTICATED).cloned();
    let subject = Subject { common_name: user.name.clone(), organizations: groups.collect(), uid };
    let leaf = Leaf {
        request,
        usages: CertificateUsages::client(),
        not_before: since.saturating_sub(BACKDATE).max(authority.not_before()),
        not_after: not_after.min(authority.not_after()),
        serial: SerialNumber::random()?,
    };
    let certificate = authority.issue_for(&leaf, &subject)?;
    let provenance = Provenance {
        source: RecordSource::Issued,
        recorded_at: now,
        signer: LOGIN_SIGNER.to_owned(),
        requester: Some(Requester { name: user.name.clone(), groups: user.groups.clone() }),
        decision: format!("logged in by {method}"),
        request_name: method.to_owned(),
    };
    ledger.record(&CertificateRecord::of_certificate(certificate.der(), provenance)?)?;
    Ok(certificate)
}

fn decision(granted: &Granted, approved_by: &str) -> String {
    let rule = match &granted.rule {
        Some(rule) => format!("rule `{rule}` of the signing policy"),
        None => "the rules of the signer".to_owned(),
    };
    match approved_by {
        "" => rule,
        by => format!("approved by {by}; {rule}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::private_key::{KeyAlgorithm, PrivateKey};

    #[test]
    fn nobody_gets_into_the_books_of_logins_by_a_request_whatever_a_policy_says() {
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let subject =
            Subject { common_name: "jane".to_owned(), organizations: Vec::new(), uid: None };
        let request = SigningRequest::create(&key, &subject).unwrap();
        let said = |signer: &str| {
            let signer: Signer = signer.parse().unwrap();
            let order = Order {
                request: &request,
                usages: &[KeyUsage::ClientAuth],
                signer: &signer,
                seconds: None,
                requester: None,
                request_name: "password-file",
                approved_by: "",
                now: 0,
            };
            IssuingRules::default().check(&order)
        };
        assert_eq!(said(LOGIN_SIGNER), Err(IssueRefusal::OfLogins));
        assert!(said("kubernetes.io/kube-apiserver-client").is_ok());
    }
}
