//! A code that is typed elsewhere (RFC 8628).

use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::time::sleep;

use super::Identified;
use super::discovery::Provider;
use super::tokens::GrantError;
use crate::source::fetch::FetchError;
use crate::source::login::server::one_line;
use crate::source::login::{LoginError, Person};
use crate::util::secret::Secret;

/// What polling slows down by each time the issuer says so (§3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// The pause between two questions when the issuer names none (§3.2).
const PAUSE: u64 = 5;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What the issuer answers first (§3.2).
#[derive(Deserialize)]
struct Authorization {
    device_code: String,
    user_code: String,
    verification_uri: String,
    expires_in: u64,
    interval: Option<u64>,
}

impl Provider<'_> {
    pub(super) async fn by_device(&self, person: &dyn Person) -> Result<Identified, LoginError> {
        let scope = self.scope();
        let answer = self.post(&self.device_endpoint()?, &[("scope", &scope)]).await;
        let answer = answer.map_err(|error| error.of(self))?;
        let authorization: Authorization = serde_json::from_slice(&answer)
            .map_err(|_| self.wrong("its device endpoint answers with something else"))?;
        let Authorization { device_code, user_code, verification_uri, expires_in, interval } =
            authorization;
        let device_code = Secret::new(device_code);
        // Not the address with the code in it: whoever is sent one by a stranger should see that it
        // asks for a code that they did not get from their own terminal (§5.4).
        person.visit(&one_line(&verification_uri), Some(&one_line(&user_code)));
        let patience = self.options.patience.min(Duration::from_secs(expires_in));
        let interval = Duration::from_secs(interval.unwrap_or(PAUSE).max(1));
        self.poll(&device_code, interval, patience).await
    }

    async fn poll(
        &self,
        device_code: &Secret,
        mut pause: Duration,
        patience: Duration,
    ) -> Result<Identified, LoginError> {
        let began = Instant::now();
        let fields = [("grant_type", GRANT), ("device_code", device_code.expose_secret())];
        loop {
            if began.elapsed().saturating_add(pause) > patience {
                return Err(LoginError::NoAnswer { seconds: patience.as_secs() });
            }
            sleep(pause).await;
            match self.grant(&fields).await {
                Ok(tokens) => return self.identified(tokens, None, None).await,
                Err(GrantError::Refused { code, .. }) if code == "authorization_pending" => {}
                Err(GrantError::Refused { code, .. }) if code == "slow_down" => {
                    pause = pause.saturating_add(SLOWER);
                }
                // §3.5: after a timeout the next question comes later; the code is still good.
                Err(GrantError::Failed(LoginError::Fetch {
                    error: FetchError::Timeout { .. } | FetchError::Connect(_),
                    ..
                })) => pause = pause.saturating_mul(2),
                Err(error) => return Err(error.of(self)),
            }
        }
    }
}
