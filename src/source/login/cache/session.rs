//! What is kept of a login.

use serde::{Deserialize, Serialize};

use crate::api::client_authentication::ClientCredential;
use crate::source::login::Account;
use crate::util::secret::Secret;

/// What stands in files that this version can read.
const VERSION: &str = "login.portcullis.dev/session-v1";

/// A credential is renewed once less than this part of its life is left, ...
const RENEWED_PART: i64 = 4;
/// ... and not earlier than so many seconds before its end.
const RENEWED_MOST: i64 = 10 * 60;
/// One that ends within so many seconds may be over when it arrives.
const ARRIVAL: i64 = 5;

/// All that is kept of an account.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::source::login) struct Session {
    version: String,
    pub(in crate::source::login) account: Account,
    /// Who the server says it is; empty when it does not.
    pub(in crate::source::login) username: String,
    pub(in crate::source::login) current: Option<Current>,
    /// The issuer of the refresh token, which goes to nobody else; empty for none.
    pub(in crate::source::login) issuer: String,
    /// The client that it was given to.
    pub(in crate::source::login) client_id: String,
    /// The `sub` of the issuer's ID token, which those that follow must have, too.
    pub(in crate::source::login) subject: String,
    #[serde(with = "optional_secret")]
    pub(in crate::source::login) refresh_token: Option<Secret>,
}

/// The credential of now.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::source::login) struct Current {
    #[serde(with = "optional_secret")]
    pub(in crate::source::login) token: Option<Secret>,
    pub(in crate::source::login) certificate: String,
    #[serde(with = "optional_secret")]
    pub(in crate::source::login) key: Option<Secret>,
    pub(in crate::source::login) obtained: i64,
    pub(in crate::source::login) expires: i64,
    /// Until when the server renews it; 0 for never.
    pub(in crate::source::login) refreshable_until: i64,
}

impl Session {
    /// Nothing yet.
    pub(in crate::source::login) fn new(account: Account) -> Self {
        Self {
            version: VERSION.to_owned(),
            account,
            username: String::new(),
            current: None,
            issuer: String::new(),
            client_id: String::new(),
            subject: String::new(),
            refresh_token: None,
        }
    }

    /// Reads a file; `None` when it is none of this version, or broken: then somebody logs in again.
    pub(in crate::source::login) fn from_json(bytes: &[u8]) -> Option<Self> {
        let session: Self = serde_json::from_slice(bytes).ok()?;
        (session.version == VERSION).then_some(session)
    }

    pub(in crate::source::login) fn to_json(&self) -> Secret {
        // Texts, numbers and lists cannot fail.
        Secret::new(serde_json::to_string(self).unwrap_or_default())
    }
}

impl Current {
    /// Whether it will still be believed when it arrives.
    pub(in crate::source::login) const fn is_usable(&self, now: i64) -> bool {
        now.saturating_add(ARRIVAL) < self.expires
    }

    /// Whether it need not be renewed yet. One that seems to be of the future is: a clock was wrong.
    pub(in crate::source::login) fn is_fresh(&self, now: i64) -> bool {
        let margin = (self.expires.saturating_sub(self.obtained) / RENEWED_PART).min(RENEWED_MOST);
        self.is_usable(now)
            && now >= self.obtained.saturating_sub(60)
            && now.saturating_add(margin) < self.expires
    }

    /// Whether the server may renew it with itself.
    pub(in crate::source::login) const fn is_refreshable(&self, now: i64) -> bool {
        now < self.expires && now < self.refreshable_until
    }

    /// What is given to kubectl.
    pub(in crate::source::login) fn credential(&self) -> Option<ClientCredential> {
        let copy = |secret: &Secret| Secret::new(secret.expose_secret().to_owned());
        match (&self.token, &self.key) {
            (Some(token), None) => Some(ClientCredential::Token(copy(token))),
            (None, Some(key)) if !self.certificate.is_empty() => {
                let certificate = self.certificate.clone();
                Some(ClientCredential::Certificate { certificate, key: copy(key) })
            }
            _ => None,
        }
    }
}

/// Secrets have no serialisation of their own, so that none is written by accident; here they are
/// meant to be.
mod optional_secret {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::util::secret::Secret;

    pub(super) fn serialize<S: Serializer>(
        secret: &Option<Secret>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        secret.as_ref().map(Secret::expose_secret).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Secret>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::login::Method;

    fn current(obtained: i64, expires: i64) -> Current {
        let token = Some(Secret::new("s3cret".to_owned()));
        let (certificate, key) = (String::new(), None);
        Current { token, certificate, key, obtained, expires, refreshable_until: 0 }
    }

    #[test]
    fn a_credential_is_renewed_in_the_last_quarter_of_its_life_or_the_last_ten_minutes() {
        let hour = current(1_000, 4_600);
        assert!(hour.is_fresh(1_000) && hour.is_fresh(3_999) && !hour.is_fresh(4_000));
        assert!(hour.is_usable(4_594) && !hour.is_usable(4_595));
        let short = current(1_000, 1_060);
        assert!(short.is_fresh(1_044) && !short.is_fresh(1_045) && short.is_usable(1_054));
    }

    #[test]
    fn a_credential_of_the_future_is_not_fresh() {
        assert!(!current(2_000, 5_600).is_fresh(1_000));
    }

    #[test]
    fn a_session_is_read_as_it_was_written_and_its_debug_has_no_secret() {
        let mut session = Session::new(Account::new(Method::Basic));
        session.current = Some(current(1, 2));
        session.refresh_token = Some(Secret::new("s3cret too".to_owned()));
        let text = session.to_json();
        let read = Session::from_json(text.expose_secret().as_bytes()).unwrap();
        assert!(read.refresh_token.as_ref().unwrap().is("s3cret too"));
        assert!(read.current.as_ref().unwrap().token.as_ref().unwrap().is("s3cret"));
        assert_eq!(read.account, session.account);
        assert!(!format!("{read:?}").contains("s3cret"));
        let newer = text.expose_secret().replace("session-v1", "session-v2");
        assert!(Session::from_json(newer.as_bytes()).is_none());
    }
}
