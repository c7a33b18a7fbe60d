use std::sync::Arc;

use serde_json::Value;

use super::CREDENTIAL_ID;
use super::claims::{Claims, Session};
use super::error::IssuedTokenError;
use crate::authn::{
    Answering, Attempt, Authenticated, AuthnError, Keys, TokenAuthenticator, check_audiences, ready,
};
use crate::crypto::json::{JsonError, object_without_duplicates};
use crate::crypto::jws::Compact;
use crate::crypto::{Algorithm, VerifyError};
use crate::model::SharedRevocations;

/// What [`SigningAlgorithm`](crate::crypto::SigningAlgorithm) can be.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];

/// Knows the tokens of one [`Issuer`](super::Issuer).
pub struct IssuedTokens {
    issuer: String,
    audiences: Vec<String>,
    keys: Arc<dyn Keys>,
    revocations: Option<SharedRevocations>,
}

impl IssuedTokens {
    /// Knows the tokens of the issuer with this name, by these keys: the current one and those
    /// whose tokens are still good. `audiences` are ours: what a token must be for when the asker
    /// names none.
    #[must_use]
    pub fn new<A: Into<String>>(
        issuer: impl Into<String>,
        audiences: impl IntoIterator<Item = A>,
        keys: Arc<dyn Keys>,
    ) -> Self {
        let audiences = audiences.into_iter().map(Into::into).collect();
        Self { issuer: issuer.into(), audiences, keys, revocations: None }
    }

    /// Refuses what is on this list: by the token's id, and by its user and groups when it was issued
    /// before the time in the entry.
    #[must_use]
    pub fn with_revocations(mut self, revocations: SharedRevocations) -> Self {
        self.revocations = Some(revocations);
        self
    }

    /// Looks at one token; what [`TokenAuthenticator::authenticate`] answers.
    ///
    /// # Errors
    /// When the token names our issuer and is not in order. `None` when it does not, or is no
    /// compact JWS.
    pub fn verify(&self, attempt: Attempt<'_>) -> Result<Option<Authenticated>, IssuedTokenError> {
        Ok(self.verify_session(attempt)?.map(|(authenticated, _)| authenticated))
    }

    /// The same with the login that the token came from, if it came from one.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn verify_session(
        &self,
        attempt: Attempt<'_>,
    ) -> Result<Option<(Authenticated, Option<Session>)>, IssuedTokenError> {
        let Ok(token) = Compact::parse(attempt.token) else {
            return Ok(None);
        };
        let claims = match object_without_duplicates(token.payload()) {
            Ok(claims) => claims,
            // Whose it is cannot be told; whoever signed it, nobody reads it twice the same.
            Err(error @ JsonError::DuplicateMember { .. }) => {
                return Err(IssuedTokenError::Claims(error));
            }
            Err(_) => return Ok(None),
        };
        if claims.get("iss").and_then(Value::as_str) != Some(&self.issuer) {
            return Ok(None);
        }
        if let Err(error) = self.keys.current().verify(&token, &ALGORITHMS) {
            if let (VerifyError::NoKeys, Some(id)) = (&error, token.key_id()) {
                self.keys.unknown_key(id);
            }
            return Err(IssuedTokenError::Signature(error));
        }
        // From here on every word is our own.
        let claims = Claims::from_json(&claims)?;
        let audiences = check_audiences(&claims.audiences, attempt.audiences, &self.audiences)?;
        check_times(&claims, attempt.now)?;
        // What was renewed is as old as the login: whoever renews in the moment before a revocation is
        // known everywhere keeps nothing.
        let since = claims.session.as_ref().map_or(claims.issued_at, |session| session.since);
        let issued = since.min(claims.issued_at);
        if let Some(list) = &self.revocations
            && let Some(why) = list.load().of_token(&claims.id, &claims.user, issued)
        {
            return Err(IssuedTokenError::Revoked(why.to_string()));
        }
        let mut user = claims.user;
        user.extra.insert(CREDENTIAL_ID.to_owned(), vec![format!("JTI={}", claims.id)]);
        let authenticated = Authenticated { user, audiences, expires: Some(claims.expires) };
        Ok(Some((authenticated, claims.session)))
    }
}

fn check_times(claims: &Claims, now: i64) -> Result<(), IssuedTokenError> {
    let Claims { expires, not_before, issued_at, .. } = *claims;
    if now >= expires {
        return Err(IssuedTokenError::Expired { expires });
    }
    if now < not_before {
        return Err(IssuedTokenError::NotYetValid { not_before });
    }
    if now < issued_at {
        return Err(IssuedTokenError::IssuedInFuture { issued_at });
    }
    Ok(())
}

impl TokenAuthenticator for IssuedTokens {
    fn name(&self) -> &str {
        "issued"
    }

    fn authenticate<'a>(&'a self, attempt: Attempt<'a>) -> Answering<'a> {
        ready(self.verify(attempt).map_err(AuthnError::new))
    }
}

impl std::fmt::Debug for IssuedTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedTokens")
            .field("issuer", &self.issuer)
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}
