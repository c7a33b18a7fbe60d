//! Was the certificate of whoever asks taken back?

use super::{Authorizer, Rules};
use crate::model::{
    CREDENTIAL_ID, Decision, Explain, JTI_CREDENTIAL_PREFIX, Request, SharedRevocations, Step,
    User, Verdict, X509_CREDENTIAL_PREFIX,
};

/// Denies requests of users whose client certificate or token is revoked, and has no opinion on others. To be
/// put before everything else: see [`Chain::with_gate`](super::Chain::with_gate).
///
/// It asks the newest list each time, for principals that were resolved earlier too. As long as
/// nothing is revoked it allocates nothing and takes no lock.
///
/// ```
/// use portcullis::authz::{AlwaysAllow, Authorizer, Chain, RevocationGate};
/// use portcullis::model::{
///     CREDENTIAL_ID, Fingerprint, Request, Revocation, RevocationEntry, SharedRevocations, User,
/// };
///
/// let list = SharedRevocations::default();
/// let gate = RevocationGate::new(list.clone());
/// let chain = Chain::new().with_gate("Revocation", gate).with("AlwaysAllow", AlwaysAllow);
///
/// let fingerprint = Fingerprint::from_bytes([7; 32]);
/// let mut root = User::new("root").with_groups(["system:masters"]);
/// root.extra.insert(CREDENTIAL_ID.to_owned(), vec![fingerprint.credential_id()]);
/// let request = Request::non_resource(&root, "get", "/");
/// assert!(chain.authorize(&request).is_allowed());
///
/// let what = Revocation::Certificate { fingerprint };
/// let reason = "key compromise".to_owned();
/// list.publish([RevocationEntry { what, at: 0, reason, by: String::new() }].into_iter().collect());
/// let verdict = chain.authorize(&request);
/// assert!(!verdict.is_allowed());
/// assert!(verdict.reason().ends_with("was revoked at 1970-01-01T00:00:00Z: key compromise"));
/// ```
#[derive(Debug, Clone)]
pub struct RevocationGate {
    revocations: SharedRevocations,
}

impl RevocationGate {
    /// A gate that asks this list.
    #[must_use]
    pub const fn new(revocations: SharedRevocations) -> Self {
        Self { revocations }
    }
}

impl Authorizer for RevocationGate {
    fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
        if self.passes(request.user) {
            return Verdict::no_opinion("");
        }
        Verdict::deferred(Decision::Deny, self, request)
    }

    fn passes(&self, user: &User) -> bool {
        let ids = user.extra.get(CREDENTIAL_ID).map_or(&[][..], Vec::as_slice);
        // Most users have neither a certificate nor a token with an id, and then nobody needs the list.
        let has_id = |id: &String| {
            id.starts_with(X509_CREDENTIAL_PREFIX) || id.starts_with(JTI_CREDENTIAL_PREFIX)
        };
        !ids.iter().any(has_id) || self.revocations.load().of_credential_ids(ids, user).is_none()
    }

    /// It grants nothing.
    fn rules_for(&self, _: &User, _: &str) -> Rules {
        Rules::default()
    }
}

impl Explain for RevocationGate {
    fn reason(&self, request: &Request<'_>, decision: Decision) -> String {
        match (decision, self.revocations.load().of_user(request.user)) {
            (Decision::Deny, Some(revoked)) => revoked.to_string(),
            // Between the decision and this question another list was put in place.
            (Decision::Deny, None) => "the credential was revoked".to_owned(),
            _ => String::new(),
        }
    }

    fn path(&self, request: &Request<'_>, decision: Decision) -> Vec<Step> {
        let text = self.reason(request, decision);
        if text.is_empty() {
            return Vec::new();
        }
        vec![Step { kind: "revocation", text, origin: None }]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::authz::{AlwaysAllow, Chain};
    use crate::model::{
        Attributes, Fingerprint, NonResourceAttributes, Revocation, RevocationEntry, Revocations,
    };

    fn list<const N: usize>(what: [Revocation; N]) -> Revocations {
        let entry = |what| RevocationEntry { what, at: 0, reason: "why".into(), by: String::new() };
        what.into_iter().map(entry).collect()
    }

    fn user(byte: u8) -> User {
        let mut user = User::new("jane").with_groups(["system:masters"]);
        let id = Fingerprint::from_bytes([byte; 32]).credential_id();
        user.extra.insert(CREDENTIAL_ID.to_owned(), vec![id]);
        user
    }

    #[test]
    fn a_principal_resolved_before_is_refused_from_the_moment_of_the_entry_on() {
        let shared = SharedRevocations::default();
        let chain = Chain::new()
            .with_gate("Revocation", RevocationGate::new(shared.clone()))
            .with("AlwaysAllow", AlwaysAllow);
        let (bad, good) =
            (chain.principal(&Arc::new(user(1))), chain.principal(&Arc::new(user(2))));
        let get = get();
        assert!(bad.authorize(&get).is_allowed() && good.authorize(&get).is_allowed());
        let fingerprint = Fingerprint::from_bytes([1; 32]);
        shared.publish(list([Revocation::Certificate { fingerprint }]));
        let verdict = bad.authorize(&get);
        assert_eq!(verdict.decision, Decision::Deny);
        assert!(verdict.reason().contains("was revoked at 1970-01-01T00:00:00Z: why"));
        let [step] = &verdict.path()[..] else { panic!("{:?}", verdict.path()) };
        assert_eq!((step.kind, &*step.text), ("revocation", &*verdict.reason()));
        assert!(good.authorize(&get).is_allowed());
        // A list that takes entries back gives the right back.
        shared.publish(Revocations::default());
        assert!(bad.authorize(&get).is_allowed());
    }

    #[test]
    fn it_has_no_opinion_on_others_and_its_rules_are_none_and_complete() {
        let gate = RevocationGate::new(SharedRevocations::new(list([Revocation::User {
            name: "jane".into(),
            issued_before: i64::MAX,
        }])));
        let sam = User::new("sam");
        let request = Request { user: &sam, attributes: get() };
        let verdict = gate.authorize(&request);
        assert_eq!((verdict.decision, &*verdict.reason()), (Decision::NoOpinion, ""));
        let jane = user(1);
        let request = Request { user: &jane, attributes: get() };
        assert_eq!(gate.authorize(&request).decision, Decision::Deny);
        assert_eq!(gate.rules_for(&jane, "ns"), Rules::default());
        assert!(gate.can_deny());
    }

    const fn get() -> Attributes<'static> {
        Attributes::NonResource(NonResourceAttributes { verb: "get", path: "/" })
    }
}
