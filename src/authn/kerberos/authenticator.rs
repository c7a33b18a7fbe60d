use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::replay::{Remembered, Replays};
use super::{
    Accepted, KerberosError, KerberosOptionsError, Principal, PrincipalRules, TicketAcceptor,
    TokenProblem, token,
};
use crate::authn::{
    Authenticated, AuthnError, GroupLookup, NegotiateAuthenticator, Negotiated, Negotiating,
    SecretBytes, UnixSeconds, reserved_name,
};
use crate::model::User;

/// An authenticator may be five minutes old or early, as Kerberos' clocks go: that is the least for
/// which logins must be remembered.
const LEAST_REPLAY_SECONDS: i64 = 600;

/// What else there is to decide. The defaults are strict, save for channel bindings, which few
/// clients send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KerberosOptions {
    /// What becomes of Kerberos tokens without SPNEGO around them.
    pub unwrapped: UnwrappedTokens,
    /// Whether a client must bind its ticket to the TLS connection.
    pub channel_binding: ChannelBinding,
    /// How many tickets are looked at at a time, each on a thread of its own. Default: 8.
    pub parallel: usize,
    /// How many logins may wait for that. Default: 128.
    pub waiting: usize,
    /// How long one may wait. Default: 5 seconds.
    pub patience: Duration,
    /// For how many seconds a login is remembered, so that it is not taken twice: twice the
    /// `clockskew` of `krb5.conf`, or more. Default: 900.
    pub replay_seconds: i64,
    /// How many logins are remembered; beyond it, logins are refused. Default: 262,144.
    pub replay_capacity: usize,
}

impl Default for KerberosOptions {
    fn default() -> Self {
        Self {
            unwrapped: UnwrappedTokens::Refuse,
            channel_binding: ChannelBinding::IfSent,
            parallel: 8,
            waiting: 128,
            patience: Duration::from_secs(5),
            replay_seconds: 900,
            replay_capacity: 1 << 18,
        }
    }
}

/// What becomes of Kerberos tokens without SPNEGO around them, which RFC 4559 does not know and
/// some clients send.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UnwrappedTokens {
    /// They are taken like others.
    Accept,
    /// They are refused.
    #[default]
    Refuse,
}

/// Whether a client must bind its ticket to the TLS connection (RFC 5929 `tls-server-end-point`),
/// by which nobody in between can pass the ticket on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ChannelBinding {
    /// A binding that is sent must be right; a client that sends none is let in.
    #[default]
    IfSent,
    /// Clients that send none are refused.
    Require,
}

/// Tells by a Kerberos ticket who somebody is.
pub struct KerberosAuthenticator {
    rules: PrincipalRules,
    acceptor: Arc<dyn TicketAcceptor>,
    groups: Option<Arc<dyn GroupLookup>>,
    options: KerberosOptions,
    replays: Replays,
    /// Who may wait or be looked at.
    places: Semaphore,
    /// Who is looked at.
    threads: Arc<Semaphore>,
}

impl KerberosAuthenticator {
    /// Puts the parts together. Without `groups` users are in none.
    ///
    /// # Errors
    /// When nobody could log in by the options.
    pub fn new(
        rules: PrincipalRules,
        acceptor: Arc<dyn TicketAcceptor>,
        groups: Option<Arc<dyn GroupLookup>>,
        options: KerberosOptions,
    ) -> Result<Self, KerberosOptionsError> {
        for (name, is_zero) in [
            ("parallel", options.parallel == 0),
            ("patience", options.patience.is_zero()),
            ("replay_capacity", options.replay_capacity == 0),
        ] {
            if is_zero {
                return Err(KerberosOptionsError::Zero(name));
            }
        }
        if options.replay_seconds < LEAST_REPLAY_SECONDS {
            return Err(KerberosOptionsError::ReplaySeconds {
                given: options.replay_seconds,
                least: LEAST_REPLAY_SECONDS,
            });
        }
        let replays = Replays::new(options.replay_seconds, options.replay_capacity)
            .map_err(|_| KerberosOptionsError::NoRandomness)?;
        let places = options.parallel.saturating_add(options.waiting).min(Semaphore::MAX_PERMITS);
        let threads = options.parallel.min(Semaphore::MAX_PERMITS);
        Ok(Self {
            rules,
            acceptor,
            groups,
            options,
            replays,
            places: Semaphore::new(places),
            threads: Arc::new(Semaphore::new(threads)),
        })
    }

    async fn check(
        &self,
        token: &[u8],
        channel_binding: Option<&[u8]>,
        now: UnixSeconds,
    ) -> Result<(Authenticated, Option<Vec<u8>>), AuthnError> {
        let (user, accepted) =
            self.user(token, channel_binding, now).await.map_err(AuthnError::from)?;
        let user = match &self.groups {
            None => user,
            Some(directory) => self.with_groups(user, &**directory).await?,
        };
        let expires = accepted
            .lifetime
            .map(|left| now.saturating_add(i64::try_from(left.as_secs()).unwrap_or(i64::MAX)));
        Ok((Authenticated { user, audiences: Vec::new(), expires }, accepted.reply))
    }

    /// How many more logins may come in now.
    #[cfg(test)]
    pub(super) fn free_places(&self) -> usize {
        self.places.available_permits()
    }

    /// Whose ticket it is, by the library and the rules.
    async fn user(
        &self,
        token: &[u8],
        channel_binding: Option<&[u8]>,
        now: UnixSeconds,
    ) -> Result<(User, Accepted), KerberosError> {
        let ticketed = token::read(token)?;
        if ticketed.is_unwrapped && self.options.unwrapped == UnwrappedTokens::Refuse {
            return Err(TokenProblem::Unwrapped.into());
        }
        let must_be_bound = self.options.channel_binding == ChannelBinding::Require;
        if must_be_bound && channel_binding.is_none() {
            return Err(KerberosError::NoChannelBinding);
        }
        let accepted = self.accept(token, channel_binding).await?;
        // Whatever comes of it, this ticket has had its turn.
        match self.replays.remember(ticketed.authenticator, now) {
            Remembered::New => {}
            Remembered::Before => return Err(KerberosError::Replay),
            Remembered::Full => return Err(KerberosError::ReplaysFull),
        }
        let principal: Principal = accepted.principal.parse()?;
        if must_be_bound && !accepted.is_channel_bound {
            return Err(KerberosError::NotBound(principal.to_string()));
        }
        if accepted.lifetime.is_some_and(|left| left.is_zero()) {
            return Err(KerberosError::Expired(principal.to_string()));
        }
        Ok((User::new(self.rules.user_name(&principal)?), accepted))
    }

    /// Shows the token to the library, on a thread that may block.
    async fn accept(
        &self,
        token: &[u8],
        channel_binding: Option<&[u8]>,
    ) -> Result<Accepted, KerberosError> {
        let Ok(_place) = self.places.try_acquire() else {
            return Err(KerberosError::Busy(self.options.waiting));
        };
        let runtime = Handle::try_current().map_err(|_| KerberosError::NoRuntime)?;
        let turn = timeout(self.options.patience, Arc::clone(&self.threads).acquire_owned());
        let Ok(Ok(turn)) = turn.await else {
            return Err(KerberosError::Timeout(self.options.patience));
        };
        let acceptor = Arc::clone(&self.acceptor);
        let token = SecretBytes::from(token.to_vec());
        let channel_binding = channel_binding.map(<[u8]>::to_vec);
        let checking = runtime.spawn_blocking(move || {
            // Given back when the library is done, even if nobody waits for it any more.
            let _turn: OwnedSemaphorePermit = turn;
            acceptor.accept(token.expose_secret(), channel_binding.as_deref())
        });
        Ok(checking.await.map_err(|_| KerberosError::Ended)??)
    }

    async fn with_groups(
        &self,
        user: User,
        directory: &dyn GroupLookup,
    ) -> Result<User, AuthnError> {
        let Some(groups) = directory.groups_of(&user).await? else {
            return Err(AuthnError::new(KerberosError::NoAccount {
                user: user.name,
                directory: directory.name().to_owned(),
            }));
        };
        let user = user.with_groups(groups);
        match reserved_name(&user) {
            None => Ok(user),
            Some(reserved) => Err(AuthnError::new(KerberosError::Reserved {
                user: user.name,
                directory: directory.name().to_owned(),
                reserved,
            })),
        }
    }
}

impl NegotiateAuthenticator for KerberosAuthenticator {
    fn name(&self) -> &'static str {
        "kerberos"
    }

    fn negotiate<'a>(
        &'a self,
        token: &'a [u8],
        channel_binding: Option<&'a [u8]>,
        now: UnixSeconds,
    ) -> Negotiating<'a> {
        Box::pin(async move {
            match self.check(token, channel_binding, now).await {
                Ok((authenticated, reply)) => {
                    Negotiated { outcome: Ok(Some(authenticated)), reply }
                }
                // Nothing is proven to whom is refused.
                Err(error) => Negotiated { outcome: Err(error), reply: None },
            }
        })
    }
}

impl fmt::Debug for KerberosAuthenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KerberosAuthenticator")
            .field("rules", &self.rules)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
