use super::door::{Door, Ended};
use super::proof::{Proof, Shown, with_certificates};
use super::session::Proven;
use crate::authn::{Attempt, ClientCertificates, UnixSeconds};
use crate::crypto::certificate::Certificate;
use crate::model::User;
use crate::pki::validity::BACKDATE;

/// What a credential of ours says of the login that it came from.
struct Carried {
    user: User,
    method: String,
    since: UnixSeconds,
    refreshable_until: UnixSeconds,
    /// For whom it is good; none: everybody.
    audiences: Vec<String>,
}

impl Door {
    /// Somebody shows a credential of ours and wishes for another.
    pub(super) async fn refresh(&self, shown: Shown<'_>, body: &[u8]) -> Ended {
        match self.renewed(shown).await {
            Ok((proven, audiences)) => self.serve(proven, body, &audiences, shown.now).await,
            Err(ended) => *ended,
        }
    }

    async fn renewed(&self, shown: Shown<'_>) -> Result<(Proven, Vec<String>), Box<Ended>> {
        let carried = match shown.proof {
            Proof::Bearer(token) => self.of_token(token, shown.now)?,
            Proof::Certificates(_) => self.of_certificate(shown).await?,
            Proof::Basic(_) | Proof::Negotiate(_) | Proof::None => {
                return Err(no("only what was handed out here is renewed"));
            }
        };
        let Carried { user, method, since, refreshable_until, audiences } = carried;
        if shown.now >= refreshable_until {
            return Err(Box::new(Ended::unauthorized(&method, "the session is over")));
        }
        let user = self.look_up_again(user, &method).await?;
        let refreshable_until = Some(refreshable_until);
        let proven = Proven { user, method: method.into(), since, refreshable_until, ends: None };
        Ok((proven, audiences))
    }

    fn of_token(&self, token: &str, now: UnixSeconds) -> Result<Carried, Box<Ended>> {
        let desk = self.tokens.as_ref().ok_or_else(|| no("no tokens are handed out here"))?;
        let attempt = Attempt { token, audiences: &[], now };
        let verified = desk.verifier.verify_session(attempt).map_err(|error| no(error))?;
        let Some((authenticated, Some(session))) = verified else {
            return Err(no("it is no token of a login"));
        };
        Ok(Carried {
            user: authenticated.user,
            method: session.method,
            since: session.since,
            // A configuration that has become stricter counts for old logins, too.
            refreshable_until: session
                .refreshable_until
                .min(session.since.saturating_add(self.session)),
            audiences: authenticated.audiences,
        })
    }

    /// A certificate does not say by which method its bearer logged in; the books do. When that was, its
    /// first second says.
    async fn of_certificate(&self, shown: Shown<'_>) -> Result<Carried, Box<Ended>> {
        let Proof::Certificates(chain) = shown.proof else { return Err(no("no certificate")) };
        let desk = self.certificates.as_ref().ok_or_else(|| no("none are handed out here"))?;
        let look = |presented: &ClientCertificates<'_>| desk.own.authenticate(presented);
        let found = with_certificates(chain, shown.now, look);
        let user = match found {
            Some(Ok(Some(found))) => found.user,
            Some(Ok(None)) | None => return Err(no("it names nobody")),
            Some(Err(error)) => return Err(no(error)),
        };
        let leaf = chain.first().map(AsRef::as_ref).unwrap_or_default();
        let leaf = Certificate::from_der(leaf).map_err(|error| no(error))?;
        let fingerprint = leaf.fingerprint();
        let begun = leaf.not_before().saturating_add(BACKDATE);
        let record = self
            .of_books(chain)
            .await?
            .into_iter()
            .find(|record| record.fingerprint == fingerprint)
            .ok_or_else(|| no("the books do not have it among those of logins"))?;
        // Of an authority younger than that no certificate begins before it.
        let (since, method) = (begun.min(record.recorded_at), record.request_name);
        let refreshable_until = since.saturating_add(self.session);
        Ok(Carried { user, method, since, refreshable_until, audiences: Vec::new() })
    }
}

fn no(reason: impl std::fmt::Display) -> Box<Ended> {
    Box::new(Ended::unauthorized("refresh", reason))
}
