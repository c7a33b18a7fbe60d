use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::api::login::CredentialKind;

/// How somebody proves who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// With a name and a password.
    Basic,
    /// With a Kerberos ticket.
    Negotiate,
    /// With a client certificate.
    Certificate,
    /// At an OpenID Connect issuer.
    Oidc,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 4] = [Self::Basic, Self::Negotiate, Self::Certificate, Self::Oidc];

    /// Its name, as flags have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Negotiate => "negotiate",
            Self::Certificate => "certificate",
            Self::Oidc => "oidc",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|method| method.name() == text)
            .ok_or("write basic, negotiate, certificate or oidc")
    }
}

/// Which login this is. Two that differ in any field are kept apart in the cache, so that nobody
/// gets what another login was given.
///
/// ```
/// use portcullis::source::login::{Account, Method};
///
/// let jane = Account { user: "jane".to_owned(), ..Account::new(Method::Basic) };
/// let joe = Account { user: "joe".to_owned(), ..Account::new(Method::Basic) };
/// assert_ne!(jane.id(), joe.id());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Account {
    /// The URL of the login server. Without one the issuer's ID token itself is the credential.
    pub server: Option<String>,
    /// How it is proven who somebody is.
    pub method: Method,
    /// Who logs in, as typed; empty for whoever does. To an issuer it is a hint.
    pub user: String,
    /// The OIDC issuer; empty for the one that the server names.
    pub issuer: String,
    /// The OIDC client; empty for the one that the server names.
    pub client_id: String,
    /// OIDC scopes besides `openid`.
    pub scopes: Vec<String>,
    /// The file of the certificate to log in with; empty for none.
    pub client_certificate: String,
    /// What is to be had.
    pub credential: CredentialKind,
    /// Whom a token is to be for; empty for the server's default.
    pub audiences: Vec<String>,
    /// For how long, in seconds; the server may shorten it.
    pub lifetime: Option<u64>,
}

impl Account {
    /// An account with nothing but a method.
    #[must_use]
    pub fn new(method: Method) -> Self {
        Self {
            server: None,
            method,
            user: String::new(),
            issuer: String::new(),
            client_id: String::new(),
            scopes: Vec::new(),
            client_certificate: String::new(),
            credential: CredentialKind::Token,
            audiences: Vec::new(),
            lifetime: None,
        }
    }

    /// A digest of all of it, in hexadecimal: what its files are called.
    #[must_use]
    pub fn id(&self) -> String {
        // JSON has one meaning, its fields stand in one order, and texts and numbers cannot fail.
        let text = serde_json::to_vec(self).unwrap_or_default();
        digest(&SHA256, &text).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_makes_another_account() {
        let plain = Account::new(Method::Oidc);
        let texts = |text: &str| vec![text.to_owned()];
        let others = [
            Account { server: Some(String::new()), ..plain.clone() },
            Account { server: Some("https://a".to_owned()), ..plain.clone() },
            Account { method: Method::Basic, ..plain.clone() },
            Account { user: "a".to_owned(), ..plain.clone() },
            Account { issuer: "a".to_owned(), ..plain.clone() },
            Account { client_id: "a".to_owned(), ..plain.clone() },
            Account { scopes: texts("a"), ..plain.clone() },
            Account { scopes: texts("a b"), ..plain.clone() },
            Account { scopes: vec!["a".to_owned(), "b".to_owned()], ..plain.clone() },
            Account { client_certificate: "a".to_owned(), ..plain.clone() },
            Account { credential: CredentialKind::Certificate, ..plain.clone() },
            Account { audiences: texts("a"), ..plain.clone() },
            Account { lifetime: Some(1), ..plain.clone() },
        ];
        let mut ids: Vec<String> = others.iter().chain([&plain]).map(Account::id).collect();
        assert!(ids.iter().all(|id| id.len() == 64), "{ids:?}");
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), others.len() + 1);
        assert_eq!(plain.id(), plain.clone().id());
    }
}
