//! A browser of this machine (RFC 8252), with PKCE (RFC 7636).

use aws_lc_rs::digest::{SHA256, digest};
use form_urlencoded::Serializer;
use tokio::net::TcpListener;

use super::callback::{self, Arrived, Expected};
use super::discovery::Provider;
use super::tokens::GrantError;
use super::{Identified, random};
use crate::source::login::{LoginError, Person};
use crate::util::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What only the one who asked knows.
struct Question {
    /// Comes back with the answer, so that it is an answer to this question.
    state: Secret,
    /// Comes back in the ID token, so that it is one for this question.
    nonce: Secret,
    /// Is shown when the code is redeemed, so that a stolen code is worth nothing.
    verifier: Secret,
}

impl Question {
    fn new() -> Result<Self, LoginError> {
        Ok(Self { state: random()?, nonce: random()?, verifier: random()? })
    }

    /// `S256` (RFC 7636 §4.2).
    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier.expose_secret().as_bytes()))
    }
}

impl Provider<'_> {
    pub(super) async fn by_browser(&self, person: &dyn Person) -> Result<Identified, LoginError> {
        let port = self.options.redirect_port;
        let failed = |error| LoginError::Listen { port, error };
        // The number, not the name: what `localhost` is, others decide (RFC 8252 §8.3).
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(failed)?;
        let host = format!("127.0.0.1:{}", listener.local_addr().map_err(failed)?.port());
        let redirect = format!("http://{host}{}", callback::PATH);
        let question = Question::new()?;
        person.visit(&self.authorization_url(&redirect, &question)?, None);
        let expected = Expected { host, state: &question.state };
        let patience = self.options.patience;
        let arrived = tokio::time::timeout(patience, callback::wait(listener, &expected)).await;
        let arrived = arrived.map_err(|_| LoginError::NoAnswer { seconds: patience.as_secs() })?;
        let code = self.code(arrived)?;
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("redirect_uri", &redirect),
            ("code_verifier", question.verifier.expose_secret()),
        ];
        let tokens = self.grant(&fields).await.map_err(|error| error.of(self))?;
        self.identified(tokens, Some(&question.nonce), None).await
    }

    fn authorization_url(&self, redirect: &str, question: &Question) -> Result<String, LoginError> {
        let endpoint = self.authorization_endpoint()?.to_string();
        let scope = self.scope();
        let mut query = Serializer::new(String::new());
        query.extend_pairs([
            ("response_type", "code"),
            ("client_id", &self.client.id),
            ("redirect_uri", redirect),
            ("scope", &scope),
            ("state", question.state.expose_secret()),
            ("nonce", question.nonce.expose_secret()),
            ("code_challenge", &question.challenge()),
            ("code_challenge_method", "S256"),
        ]);
        let user = &self.options.account.user;
        if !user.is_empty() {
            query.append_pair("login_hint", user);
        }
        // An endpoint may have a query of its own, which stays (RFC 6749 §3.1).
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        Ok(format!("{endpoint}{joint}{}", query.finish()))
    }

    /// The code in an answer, if the answer is this issuer's (RFC 9207 §2.4).
    fn code(&self, arrived: Arrived) -> Result<Secret, LoginError> {
        match arrived.issuer {
            Some(issuer) if issuer != self.issuer() => {
                return Err(self.wrong("the answer in the browser is another issuer's"));
            }
            None if self.names_itself() => {
                return Err(self.wrong("the answer in the browser does not say whose it is"));
            }
            _ => {}
        }
        arrived.outcome.map_err(|refusal| {
            let (code, description) = (refusal.code, refusal.description);
            GrantError::Refused { code, description }.of(self)
        })
    }
}
