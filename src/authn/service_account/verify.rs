use std::sync::Arc;

use serde_json::{Map, Value};

use super::claims::Claims;
use super::{Notice, Notices, ServiceAccountError};
use crate::authn::{Attempt, Keys, check_audiences, unverified_issuer};
use crate::crypto::json::object_without_duplicates;
use crate::crypto::jws::Compact;
use crate::crypto::{Algorithm, VerifyError};

/// What both authenticators ask of a token before they look at what it is bound to.
pub(super) struct Verifier {
    pub(super) issuers: Vec<String>,
    pub(super) keys: Arc<dyn Keys>,
    /// The API server's own audiences (S-AUTHN-12).
    pub(super) audiences: Vec<String>,
    pub(super) notices: Option<Notices>,
}

/// A token whose signature, issuer and audiences are in order.
pub(super) struct Verified {
    claims: Map<String, Value>,
    pub(super) audiences: Vec<String>,
}

impl Verified {
    pub(super) fn claims(&self) -> Claims<'_> {
        Claims(&self.claims)
    }
}

impl Verifier {
    /// `None` when the token is of another issuer, or no token at all (S-SAJWT-1).
    pub(super) fn verify(
        &self,
        attempt: Attempt<'_>,
    ) -> Result<Option<Verified>, ServiceAccountError> {
        if !unverified_issuer(attempt.token).is_some_and(|issuer| self.knows(&issuer)) {
            return Ok(None);
        }
        let token = Compact::parse(attempt.token)?;
        let keys = self.keys.current();
        if let Err(error) = keys.verify(&token, &Algorithm::SERVICE_ACCOUNT) {
            if let (VerifyError::NoKeys, Some(id)) = (&error, token.key_id()) {
                self.keys.unknown_key(id);
            }
            return Err(error.into());
        }
        let claims =
            object_without_duplicates(token.payload()).map_err(ServiceAccountError::Payload)?;
        let issuer = Claims(&claims).text("iss")?;
        if !self.knows(issuer) {
            return Err(ServiceAccountError::Issuer(issuer.to_owned()));
        }
        let audiences = self.audiences(Claims(&claims), attempt.audiences)?;
        Ok(Some(Verified { claims, audiences }))
    }

    fn knows(&self, issuer: &str) -> bool {
        self.issuers.iter().any(|known| known == issuer)
    }

    /// The audiences that were asked for and that the token is good for (S-SAJWT-3). Only legacy
    /// tokens may have none: where the API server has none of its own and none were asked for.
    ///
    /// One case is stricter than the API server, which has audiences of its own whenever it has
    /// issuers: when we have none and some were asked for, one of them must still be the token's.
    fn audiences(
        &self,
        claims: Claims<'_>,
        asked: &[String],
    ) -> Result<Vec<String>, ServiceAccountError> {
        let mut token = claims.texts("aud")?;
        if token.is_empty() {
            self.notice(Notice::NoAudience);
            token.clone_from(&self.audiences);
        }
        if asked.is_empty() && self.audiences.is_empty() {
            return Ok(Vec::new());
        }
        Ok(check_audiences(&token, asked, &self.audiences)?)
    }

    pub(super) fn notice(&self, notice: Notice) {
        if let Some(notices) = &self.notices {
            notices(notice);
        }
    }
}
