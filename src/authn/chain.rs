//! Who of several authenticators knows this token? They are asked in order, errors do not end the
//! search, and the first that says yes wins (S-AUTHN-2, S-AUTHN-3).
//!
//! ```
//! use std::sync::Arc;
//!
//! use portcullis::authn::chain::{Member, TokenChain, Trust};
//! use portcullis::authn::{
//!     Answering, Attempt, Authenticated, TokenAuthenticator, TokenLookup, ready,
//! };
//! use portcullis::model::User;
//!
//! struct Fixed(&'static str);
//!
//! impl TokenAuthenticator for Fixed {
//!     fn name(&self) -> &str {
//!         "fixed"
//!     }
//!
//!     fn authenticate<'a>(&'a self, attempt: Attempt<'a>) -> Answering<'a> {
//!         let user = || User::new(self.0);
//!         let yes = || Authenticated { user: user(), audiences: Vec::new(), expires: None };
//!         ready(Ok((attempt.token == "t0k3n").then(yes)))
//!     }
//! }
//!
//! # async fn ask() -> Result<(), portcullis::authn::AuthnError> {
//! let chain = TokenChain::new(Vec::<String>::new())
//!     .with(Member::new(Arc::new(Fixed("jane")), Trust::Foreign).audience_agnostic());
//! let found = chain.look_up(Attempt { token: "t0k3n", audiences: &[], now: 0 }).await?;
//! let proof = found.expect("the token is known");
//! assert_eq!(&*proof.authenticator, "fixed");
//! // Everybody who proved an identity is in this group (S-AUTHN-5).
//! assert_eq!(proof.authenticated.user.groups, ["system:authenticated"]);
//! # Ok(())
//! # }
//! # let mut task = std::pin::pin!(ask());
//! # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
//! # let std::task::Poll::Ready(done) = std::future::Future::poll(task.as_mut(), &mut context)
//! #     else { panic!() };
//! # done.unwrap();
//! ```
//!
//! Absent on purpose: certificates and headers, of which a review sends none, anonymous (see
//! [`request`](super::request)), and remembering answers (see `authn::cache`).

use std::fmt;
use std::sync::Arc;

use super::{
    Answering, Attempt, AuthnError, Finding, Found, Outcome, Proof, Reserved, TokenAuthenticator,
    TokenLookup, add_group, reserved_name, shared_audiences,
};
use crate::util::aggregate::aggregate;

/// Whether an authenticator may name what is reserved for Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// It may not: a yes is an error when a name in it begins with `system:`, or an extra key is one
    /// of Kubernetes' own; see [`reserved_name`].
    Foreign,
    /// It is Kubernetes' own, such as that of service accounts.
    Kubernetes,
}

/// An authenticator in a chain.
pub struct Member {
    authenticator: Arc<dyn TokenAuthenticator>,
    name: Arc<str>,
    trust: Trust,
    is_agnostic: bool,
}

impl Member {
    /// An authenticator that knows for which audiences its tokens are, and how far it is trusted.
    #[must_use]
    pub fn new(authenticator: Arc<dyn TokenAuthenticator>, trust: Trust) -> Self {
        let name = authenticator.name().into();
        Self { authenticator, name, trust, is_agnostic: false }
    }

    /// The same for an authenticator that knows no audiences, such as a token file or bootstrap
    /// tokens (S-AUTHN-12): where audiences are asked for, or configured, its tokens are good for
    /// those of the API server and for no others.
    #[must_use]
    pub fn audience_agnostic(mut self) -> Self {
        self.is_agnostic = true;
        self
    }

    /// Asks the authenticator. `audiences` are those that count.
    async fn ask(
        &self,
        attempt: Attempt<'_>,
        audiences: &[String],
        api_audiences: &[String],
    ) -> Outcome {
        if self.is_agnostic
            && !audiences.is_empty()
            && shared_audiences(audiences, api_audiences).is_empty()
        {
            return Ok(None);
        }
        let attempt = Attempt { audiences, ..attempt };
        let Some(mut found) = self.authenticator.authenticate(attempt).await? else {
            return Ok(None);
        };
        if self.is_agnostic && !found.audiences.is_empty() {
            return Err(AuthnError::new(NotAgnostic { name: Arc::clone(&self.name) }));
        }
        if !audiences.is_empty() {
            // Who names no audiences means those of the API server; who names others than were
            // asked for did not answer the question (S-TR-4, S-AUTHN-10).
            let good = if found.audiences.is_empty() { api_audiences } else { &found.audiences };
            found.audiences = shared_audiences(audiences, good);
            if found.audiences.is_empty() {
                return Ok(None);
            }
        }
        if found.user.name.is_empty() {
            return Err(AuthnError::new(NoName { name: Arc::clone(&self.name) }));
        }
        if self.trust == Trust::Foreign
            && let Some(reserved) = reserved_name(&found.user)
        {
            return Err(AuthnError::new(ForeignName { name: Arc::clone(&self.name), reserved }));
        }
        Ok(Some(found))
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("name", &self.name)
            .field("trust", &self.trust)
            .field("is_agnostic", &self.is_agnostic)
            .finish_non_exhaustive()
    }
}

/// Authenticators in the order in which they are asked.
#[derive(Debug, Default)]
pub struct TokenChain {
    members: Vec<Member>,
    api_audiences: Vec<String>,
}

impl TokenChain {
    /// A chain of nobody, for an API server with these audiences; none, if it has none.
    #[must_use]
    pub fn new<A: Into<String>>(api_audiences: impl IntoIterator<Item = A>) -> Self {
        Self {
            members: Vec::new(),
            api_audiences: api_audiences.into_iter().map(Into::into).collect(),
        }
    }

    /// The chain with one more authenticator at its end.
    #[must_use]
    pub fn with(mut self, member: Member) -> Self {
        self.members.push(member);
        self
    }

    /// The names of the authenticators, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.members.iter().map(|member| &*member.name)
    }

    /// Asks one after another. An attempt without audiences is one for those of the API server
    /// (S-TR-13). An empty token is nobody's (S-AUTHN-13).
    ///
    /// # Errors
    /// When nobody knows the token and somebody had an error: all of them, as one
    /// [`ChainError`] (S-AUTHN-3).
    pub async fn find(&self, attempt: Attempt<'_>) -> Found {
        self.find_telling(attempt, |_, _| {}).await
    }

    /// The same, telling `said` what each authenticator that was asked said, by its name.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub async fn find_telling(&self, attempt: Attempt<'_>, said: impl Fn(&str, &Outcome)) -> Found {
        if attempt.token.is_empty() {
            return Ok(None);
        }
        let audiences = match attempt.audiences {
            [] => &self.api_audiences,
            asked => asked,
        };
        let mut errors = Vec::new();
        for member in &self.members {
            let outcome = member.ask(attempt, audiences, &self.api_audiences).await;
            said(&member.name, &outcome);
            match outcome {
                Ok(None) => {}
                Ok(Some(mut authenticated)) => {
                    add_group(&mut authenticated.user);
                    let authenticator = Arc::clone(&member.name);
                    return Ok(Some(Arc::new(Proof { authenticated, authenticator })));
                }
                Err(error) => errors.push((Arc::clone(&member.name), error)),
            }
        }
        // Somebody who could not look might have known it.
        let is_unavailable = errors.iter().any(|(_, error)| error.is_unavailable());
        match errors.is_empty() {
            true => Ok(None),
            false if is_unavailable => Err(AuthnError::unavailable(ChainError { errors })),
            false => Err(AuthnError::new(ChainError { errors })),
        }
    }
}

impl TokenLookup for TokenChain {
    fn look_up<'a>(&'a self, attempt: Attempt<'a>) -> Finding<'a> {
        Box::pin(self.find(attempt))
    }
}

impl TokenAuthenticator for TokenChain {
    /// Chains can be members of chains.
    fn name(&self) -> &str {
        "chain"
    }

    fn authenticate<'a>(&'a self, attempt: Attempt<'a>) -> Answering<'a> {
        Box::pin(async move {
            let found = self.find(attempt).await?;
            Ok(found.map(|proof| Arc::unwrap_or_clone(proof).authenticated))
        })
    }
}

/// The errors of all authenticators that had one, as one text (S-FMT-1).
#[derive(Debug, Clone)]
pub struct ChainError {
    errors: Vec<(Arc<str>, AuthnError)>,
}

impl ChainError {
    /// Each error with the name of its authenticator, for logs.
    pub fn errors(&self) -> impl ExactSizeIterator<Item = (&str, &AuthnError)> {
        self.errors.iter().map(|(name, error)| (&**name, error))
    }
}

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.errors.iter().map(|(_, error)| error.to_string()).collect();
        f.write_str(&aggregate(&texts).unwrap_or_default())
    }
}

impl std::error::Error for ChainError {}

/// An authenticator that is not Kubernetes' own named somebody of Kubernetes.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{name}` gave the {reserved}, which is reserved for Kubernetes' own authenticators")]
struct ForeignName {
    name: Arc<str>,
    reserved: Reserved,
}

/// An authenticator named nobody. An API server takes such an answer for a user without a name
/// (S-TR-7); here it is no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{name}` gave a user without a name; name whose token it is")]
struct NoName {
    name: Arc<str>,
}

/// An authenticator said that it knows no audiences, and then named some.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{name}` is configured to know no audiences, and named some")]
struct NotAgnostic {
    name: Arc<str>,
}

#[cfg(test)]
mod tests;
