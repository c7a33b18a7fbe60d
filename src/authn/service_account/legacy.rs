use std::sync::Arc;

use super::verify::Verifier;
use super::{Notices, ServiceAccountError, user};
use crate::api::core::{Kind, SecretContent, SharedTokenObjects};
use crate::authn::{
    Answering, Attempt, Authenticated, AuthnError, Keys, TokenAuthenticator, ready,
};
use crate::model::ServiceAccountName;

/// The issuer that legacy tokens name (S-SAJWT-4).
const ISSUER: &str = "kubernetes/serviceaccount";

/// Whether legacy tokens are looked up (S-SAJWT-5).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lookup {
    /// No: such a token is good for ever, even when its Secret was deleted. The API server's
    /// `--service-account-lookup=false`.
    Off,
    /// Its Secret and its service account must exist.
    #[default]
    On,
}

/// Proves the tokens that Secrets of type `kubernetes.io/service-account-token` hold.
///
/// Their time claims are not looked at, as the API server does not (S-SAJWT-4).
pub struct LegacyServiceAccounts {
    verifier: Verifier,
    objects: SharedTokenObjects,
    lookup: Lookup,
}

/// What a legacy token names.
struct Names<'a> {
    namespace: &'a str,
    secret: &'a str,
    name: &'a str,
    uid: &'a str,
}

impl LegacyServiceAccounts {
    /// Verifies with these keys, looks up in these objects.
    #[must_use]
    pub fn new(keys: Arc<dyn Keys>, objects: impl Into<SharedTokenObjects>) -> Self {
        let (issuers, audiences) = (vec![ISSUER.to_owned()], Vec::new());
        let verifier = Verifier { issuers, keys, audiences, notices: None };
        Self { verifier, objects: objects.into(), lookup: Lookup::default() }
    }

    /// The API server's audiences, which such tokens are good for (S-AUTHN-12). Default: none.
    #[must_use]
    pub fn with_audiences(mut self, audiences: impl IntoIterator<Item = String>) -> Self {
        self.verifier.audiences = audiences.into_iter().collect();
        self
    }

    /// Whether tokens are looked up. Default: yes.
    #[must_use]
    pub const fn with_lookup(mut self, lookup: Lookup) -> Self {
        self.lookup = lookup;
        self
    }

    /// Tells what is worth counting. Default: nobody.
    #[must_use]
    pub fn with_notices(mut self, notices: Notices) -> Self {
        self.verifier.notices = Some(notices);
        self
    }

    /// Who presents the token; `None` when it is not one of these.
    ///
    /// # Errors
    /// When it is one of these and must be refused.
    pub fn check(
        &self,
        attempt: Attempt<'_>,
    ) -> Result<Option<Authenticated>, ServiceAccountError> {
        let Some(verified) = self.verifier.verify(attempt)? else { return Ok(None) };
        let claims = verified.claims();
        let claim = |claim, short| match claims.text(claim)? {
            "" => Err(ServiceAccountError::MissingClaim(short)),
            text => Ok(text),
        };
        let subject = claim("sub", "sub")?;
        let names = Names {
            namespace: claim("kubernetes.io/serviceaccount/namespace", "namespace")?,
            secret: claim("kubernetes.io/serviceaccount/secret.name", "secretName")?,
            name: claim("kubernetes.io/serviceaccount/service-account.name", "serviceAccountName")?,
            uid: claim("kubernetes.io/serviceaccount/service-account.uid", "serviceAccountUID")?,
        };
        let wanted = ServiceAccountName { namespace: names.namespace, name: names.name };
        if ServiceAccountName::parse(subject) != Ok(wanted) {
            return Err(ServiceAccountError::Subject);
        }
        if self.lookup == Lookup::On {
            self.look_up(&names, attempt.token)?;
        }
        let user = user(names.namespace, names.name, names.uid);
        Ok(Some(Authenticated { user, audiences: verified.audiences, expires: None }))
    }

    fn look_up(&self, names: &Names<'_>, token: &str) -> Result<(), ServiceAccountError> {
        // One version for all that is asked.
        let objects = self.objects.load();
        let held = |kind| match objects.holds(kind) {
            true => Ok(()),
            false => Err(ServiceAccountError::LegacyNotHeld(kind)),
        };
        let Names { namespace, secret: secret_name, name, uid } = *names;
        held(Kind::Secret)?;
        let secret = objects
            .secret(namespace, secret_name)
            .filter(|secret| secret.deletion_timestamp.is_none())
            .ok_or(ServiceAccountError::LegacyInvalidated)?;
        match &secret.content {
            SecretContent::ServiceAccountToken(held) if held.is(token.as_bytes()) => {}
            _ => return Err(ServiceAccountError::NotServersCopy),
        }
        held(Kind::ServiceAccount)?;
        let account = objects
            .service_account(namespace, name)
            .ok_or_else(|| ServiceAccountError::AccountNotFound(name.to_owned()))?;
        if account.deletion_timestamp.is_some() {
            let (namespace, name) = (namespace.to_owned(), name.to_owned());
            return Err(ServiceAccountError::LegacyAccountDeleted { namespace, name });
        }
        if account.uid.to_string() != uid {
            let (actual, claim) = (account.uid.clone(), uid.to_owned());
            return Err(ServiceAccountError::LegacyAccountUid { actual, claim });
        }
        if !secret.invalid_since.is_empty() {
            return Err(ServiceAccountError::MarkedInvalid {
                namespace: namespace.to_owned(),
                secret: secret_name.to_owned(),
                name: name.to_owned(),
            });
        }
        Ok(())
    }
}

impl TokenAuthenticator for LegacyServiceAccounts {
    fn name(&self) -> &str {
        "service-account-legacy"
    }

    fn authenticate<'a>(&'a self, attempt: Attempt<'a>) -> Answering<'a> {
        ready(self.check(attempt).map_err(AuthnError::new))
    }
}
