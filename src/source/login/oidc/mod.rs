//! How does somebody get an ID token of an issuer?
//!
//! By a browser that comes back to a socket of this machine (RFC 6749 §4.1 with PKCE, RFC 7636, as
//! RFC 8252 says for programs), by a code typed elsewhere (RFC 8628), or by a refresh token. Whatever
//! came, the ID token is checked before anybody believes it.
//!
//! Absent on purpose: the implicit flow, passwords given to issuers, access tokens (nobody here needs
//! one), user info.

mod browser;
mod callback;
mod device;
mod discovery;
mod id_token;
mod tokens;

pub use id_token::IdTokenError;

pub(super) use discovery::{Client, Provider};
pub(super) use id_token::Claims;

use aws_lc_rs::rand;

use super::{LoginError, OidcFlow, Person};
use crate::util::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What an issuer gave, checked.
pub(super) struct Identified {
    pub(super) id_token: Secret,
    pub(super) claims: Claims,
    pub(super) refresh_token: Option<Secret>,
}

impl Provider<'_> {
    /// A login by a person.
    pub(super) async fn log_in(&self, person: &dyn Person) -> Result<Identified, LoginError> {
        if !person.is_present() {
            let needed = "logging in at the issuer needs a person";
            return Err(LoginError::NotInteractive { needed });
        }
        match self.options.oidc_flow {
            OidcFlow::Browser => self.by_browser(person).await,
            OidcFlow::Device => self.by_device(person).await,
        }
    }
}

/// 256 bits that nobody can guess, as 43 characters that every place takes.
fn random() -> Result<Secret, LoginError> {
    let mut bytes = [0_u8; 32];
    rand::fill(&mut bytes).map_err(|_| LoginError::System("no randomness".to_owned()))?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}
