use std::fmt;
use std::sync::Arc;

use super::throttle::{Throttle, Throttled};
use super::{LONGEST_NAME, LONGEST_PASSWORD};
use crate::authn::{
    AuthnError, Outcome, PasswordAttempt, PasswordAuthenticator, Proof, Reserved, ReservedNames,
    add_group, reserved_name,
};
use crate::model::User;

/// Who of several authenticators knows this name and password? They are asked in order, errors do not end
/// the search, and the first that says yes wins (S-AUTHN-2, S-AUTHN-3).
///
/// Nobody is asked with a password that is empty or holds a NUL, which some directories take for none at all
/// (RFC 4513 section 5.1.2), nor with a name or password that is longer than any. Names that Kubernetes keeps
/// for itself are nobody's, unless a member may have them.
///
/// ```
/// use std::sync::Arc;
///
/// use portcullis::authn::basic::{
///     FileAuthenticator, HashPool, PasswordChain, PasswordFile, Throttle, ThrottleConfig,
/// };
/// use portcullis::authn::{PasswordAttempt, ReservedNames};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let text = "jane:$2y$04$UuTkLRZZ6QofpDOlMz32MuuxEHA43WOemOYHPz6.SjsVsyO1tDU96\n";
/// let (file, _) = PasswordFile::from_hashed("users", text, ReservedNames::Refuse)?;
/// let file = FileAuthenticator::new(file, Arc::new(HashPool::default()));
/// let throttle = Arc::new(Throttle::new(ThrottleConfig::default())?);
/// let chain = PasswordChain::default().with(Arc::new(file)).throttled(throttle);
///
/// let attempt = |password| PasswordAttempt { name: "jane", password, source: None, now: 0 };
/// let proof = chain.find(attempt("password")).await?;
/// assert_eq!(proof.authenticated.user.groups, ["system:authenticated"]);
///
/// let refusal = chain.find(attempt("guess")).await.unwrap_err();
/// assert_eq!(refusal.to_string(), "invalid username/password combination: password-file: wrong password");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct PasswordChain {
    members: Vec<Member>,
    throttle: Option<Arc<Throttle>>,
}

struct Member {
    authenticator: Arc<dyn PasswordAuthenticator>,
    name: Arc<str>,
    names: ReservedNames,
}

/// Why nobody gets in. Displays as one line for the log; the outside is told the same of all but
/// [`Throttled`](Self::Throttled) and [`Unavailable`](Self::Unavailable), which say nothing about whom.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordRefusal {
    /// Nobody was asked.
    #[error(transparent)]
    Malformed(AttemptProblem),
    /// Nobody was asked: there were too many failures.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// Nobody knows the name, or it is not the password (S-BASIC-1).
    #[error("invalid username/password combination{errors}")]
    Wrong {
        /// Why those refused who know the name; empty when nobody does.
        errors: MemberErrors,
    },
    /// Nobody said yes, and somebody could not look.
    #[error("the password could not be checked{errors}")]
    Unavailable {
        /// What each had to say.
        errors: MemberErrors,
    },
}

impl PasswordRefusal {
    /// In so many seconds the same attempt would be looked at. `None` when waiting does not help.
    #[must_use]
    pub const fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Throttled(throttled) => Some(throttled.retry_after),
            _ => None,
        }
    }

    /// Whether the same attempt may succeed later, once somebody answers again.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// One word for metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Throttled(_) => "throttled",
            Self::Wrong { .. } => "wrong",
            Self::Unavailable { .. } => "unavailable",
        }
    }
}

/// What is no attempt at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttemptProblem {
    /// No password.
    #[error("the password is empty; nobody is asked with such a one")]
    EmptyPassword,
    /// A NUL in the password, which ends it for some who are asked.
    #[error("the password holds a NUL; nobody is asked with such a one")]
    NulPassword,
    /// A password that is longer than any.
    #[error("the password has more than {LONGEST_PASSWORD} bytes; nobody is asked with such a one")]
    LongPassword,
    /// No name.
    #[error("the user name is empty; nobody is asked with such a one")]
    EmptyName,
    /// Control characters in the name.
    #[error("the user name holds control characters; nobody is asked with such a one")]
    ControlName,
    /// A name that is longer than any.
    #[error("the user name has more than {LONGEST_NAME} bytes; nobody is asked with such a one")]
    LongName,
    /// A name that Kubernetes keeps for itself.
    #[error("the user name is reserved for Kubernetes; nobody is asked with such a one")]
    ReservedName,
}

/// What members of a chain had to say, each with its name. Displays with a `: ` before it, or as nothing.
#[derive(Debug, Clone, Default)]
pub struct MemberErrors(Vec<(Arc<str>, AuthnError)>);

impl MemberErrors {
    /// Each error with the name of its authenticator.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &AuthnError)> {
        self.0.iter().map(|(name, error)| (&**name, error))
    }
}

impl fmt::Display for MemberErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, error)) in self.iter().enumerate() {
            f.write_str(if index == 0 { ": " } else { "; " })?;
            write!(f, "{name}: {error}")?;
        }
        Ok(())
    }
}

impl PasswordChain {
    /// The chain with one more authenticator at its end, which may not give reserved names.
    #[must_use]
    pub fn with(self, authenticator: Arc<dyn PasswordAuthenticator>) -> Self {
        self.with_names(authenticator, ReservedNames::Refuse)
    }

    /// The same for one that may, such as a file with the identities of a control plane.
    #[must_use]
    pub fn with_names(
        mut self,
        authenticator: Arc<dyn PasswordAuthenticator>,
        names: ReservedNames,
    ) -> Self {
        let name = authenticator.name().into();
        self.members.push(Member { authenticator, name, names });
        self
    }

    /// The chain behind a throttle. Give the new chain the old one's when a configuration changes.
    #[must_use]
    pub fn throttled(mut self, throttle: Arc<Throttle>) -> Self {
        self.throttle = Some(throttle);
        self
    }

    /// The names of the authenticators, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.members.iter().map(|member| &*member.name)
    }

    /// Asks one after another. Who gets in is in `system:authenticated` (S-AUTHN-5).
    ///
    /// # Errors
    /// [`PasswordRefusal`], with the text for the log.
    pub async fn find(&self, attempt: PasswordAttempt<'_>) -> Result<Proof, PasswordRefusal> {
        self.find_telling(attempt, |_, _| {}).await
    }

    /// The same, telling `said` what each authenticator that was asked said, by its name.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub async fn find_telling(
        &self,
        attempt: PasswordAttempt<'_>,
        said: impl Fn(&str, &Outcome),
    ) -> Result<Proof, PasswordRefusal> {
        self.check(attempt).map_err(PasswordRefusal::Malformed)?;
        let PasswordAttempt { name, source, now, .. } = attempt;
        // Dropped half-way, when the client goes away, it counts as a failure.
        let admission =
            self.throttle.as_ref().map(|throttle| throttle.admit(name, source, now)).transpose()?;
        let mut errors = Vec::new();
        for member in &self.members {
            let outcome = member.ask(attempt).await;
            said(&member.name, &outcome);
            match outcome {
                Ok(None) => {}
                Ok(Some(mut authenticated)) => {
                    add_group(&mut authenticated.user);
                    if let Some(admission) = admission {
                        admission.succeeded(now);
                    }
                    return Ok(Proof { authenticated, authenticator: Arc::clone(&member.name) });
                }
                Err(error) => errors.push((Arc::clone(&member.name), error)),
            }
        }
        let is_unavailable = errors.iter().any(|(_, error)| error.is_unavailable());
        let was_refused = errors.iter().any(|(_, error)| !error.is_unavailable());
        if let Some(admission) = admission {
            // An outage is nobody's failure; a password that somebody knew to be wrong is one all the same.
            if is_unavailable && !was_refused {
                admission.undecided(now);
            } else {
                admission.failed(now);
            }
        }
        let errors = MemberErrors(errors);
        Err(if is_unavailable {
            PasswordRefusal::Unavailable { errors }
        } else {
            PasswordRefusal::Wrong { errors }
        })
    }

    fn check(&self, attempt: PasswordAttempt<'_>) -> Result<(), AttemptProblem> {
        let PasswordAttempt { name, password, .. } = attempt;
        let may_be_reserved = self.members.iter().any(|it| it.names == ReservedNames::Allow);
        let problem = if password.is_empty() {
            AttemptProblem::EmptyPassword
        } else if password.contains('\0') {
            AttemptProblem::NulPassword
        } else if password.len() > LONGEST_PASSWORD {
            AttemptProblem::LongPassword
        } else if name.is_empty() {
            AttemptProblem::EmptyName
        } else if name.contains(char::is_control) {
            AttemptProblem::ControlName
        } else if name.len() > LONGEST_NAME {
            AttemptProblem::LongName
        } else if !may_be_reserved && reserved_name(&User::new(name)).is_some() {
            AttemptProblem::ReservedName
        } else {
            return Ok(());
        };
        Err(problem)
    }
}

impl Member {
    async fn ask(&self, attempt: PasswordAttempt<'_>) -> Outcome {
        if self.names == ReservedNames::Refuse && reserved_name(&User::new(attempt.name)).is_some()
        {
            return Ok(None);
        }
        let Some(found) = self.authenticator.authenticate(attempt).await? else { return Ok(None) };
        if found.user.name.is_empty() {
            return Err(AuthnError::new(NoName));
        }
        if self.names == ReservedNames::Refuse
            && let Some(reserved) = reserved_name(&found.user)
        {
            return Err(AuthnError::new(ForeignName { reserved }));
        }
        Ok(Some(found))
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("name", &self.name)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

/// An authenticator that is not Kubernetes' own named somebody of Kubernetes.
#[derive(Debug, Clone, thiserror::Error)]
#[error("it gave the {reserved}, which is reserved for Kubernetes' own authenticators")]
struct ForeignName {
    reserved: Reserved,
}

/// An authenticator named nobody.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("it gave a user without a name; name whose password it is")]
struct NoName;
