use std::fmt;
use std::sync::Arc;

use super::claims::Claims;
use super::distributed::{DistributedClaims, expand};
use super::error::OidcError;
use super::keys::ProviderKeys;
use super::rules::Rules;
use super::verify::{Read, Verifier, VerifyTokenError};
use crate::authn::{
    Answering, Attempt, Authenticated, AuthnError, TokenAuthenticator, unverified_issuer,
};
use crate::crypto::{KeySet, VerifyError};

/// Knows the tokens of one issuer.
pub struct OidcAuthenticator {
    rules: Rules,
    keys: Arc<dyn ProviderKeys>,
    distributed: Option<Arc<dyn DistributedClaims>>,
}

impl OidcAuthenticator {
    /// Holds tokens against these rules, with these keys.
    #[must_use]
    pub fn new(rules: Rules, keys: Arc<dyn ProviderKeys>) -> Self {
        Self { rules, keys, distributed: None }
    }

    /// Groups that are kept elsewhere are fetched. Default: a token that has them there is refused.
    #[must_use]
    pub fn with_distributed_claims(mut self, by: Arc<dyn DistributedClaims>) -> Self {
        self.distributed = Some(by);
        self
    }

    /// Whose tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.rules.issuer()
    }

    /// Looks at one token; what [`TokenAuthenticator::authenticate`] answers. Waits only for keys
    /// that are not known yet, and for distributed claims.
    ///
    /// # Errors
    /// When the token names the issuer and must be refused. `None` when it does not, or is no JWT.
    pub async fn check(&self, attempt: Attempt<'_>) -> Result<Option<Authenticated>, OidcError> {
        let Attempt { token, now, .. } = attempt;
        let verifier = self.rules.verifier();
        if !unverified_issuer(token).is_some_and(|issuer| verifier.is_issuer(&issuer)) {
            return Ok(None);
        }
        if self.keys.current().is_none() {
            return Err(OidcError::NotInitialized);
        }
        let mut read = verifier.read(token, now)?;
        signed_by(&verifier, &read, &*self.keys).await?;
        verifier.check_audiences(&read)?;
        let ends = expand(&self.rules, self.distributed.as_deref(), &mut read.claims, now)
            .await
            .map_err(OidcError::Distributed)?;
        let claims = Claims(&read.claims);
        let user = self.rules.user(claims)?;
        self.rules.check(claims, &user)?;
        let expires = ends.map_or(read.expires, |ends| ends.min(read.expires));
        Ok(Some(Authenticated { user, audiences: Vec::new(), expires: Some(expires) }))
    }
}

/// Whether a key of the provider made the signature, if need be one that is not known yet
/// (S-OIDC-8).
pub(super) async fn signed_by(
    verifier: &Verifier<'_>,
    read: &Read<'_>,
    keys: &dyn ProviderKeys,
) -> Result<(), VerifyTokenError> {
    let unknown = || VerifyTokenError::Signature(VerifyError::NoKeys);
    let known: Arc<KeySet> = keys.current().ok_or_else(unknown)?;
    let Err(error) = verifier.is_signed(read, &known) else { return Ok(()) };
    match keys.refreshed(&known).await {
        Some(fresh) => verifier.is_signed(read, &fresh),
        None => Err(error),
    }
}

impl TokenAuthenticator for OidcAuthenticator {
    fn name(&self) -> &str {
        "oidc"
    }

    fn authenticate<'a>(&'a self, attempt: Attempt<'a>) -> Answering<'a> {
        Box::pin(async move { self.check(attempt).await.map_err(AuthnError::new) })
    }
}

impl fmt::Debug for OidcAuthenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcAuthenticator")
            .field("issuer", &self.rules.issuer)
            .field("audiences", &self.rules.audiences)
            .field("distributed", &self.distributed.is_some())
            .finish_non_exhaustive()
    }
}
