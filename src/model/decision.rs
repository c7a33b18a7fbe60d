use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::{Attributes, Moment, Request, Step, User};

/// What an authorizer says.
///
/// Exhaustive on purpose: a caller that forgets one of the three must not compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Yes; nobody else is asked.
    Allow,
    /// No; nobody else is asked.
    Deny,
    /// Nothing to say; the next authorizer is asked, and at the end of the chain it is a no.
    NoOpinion,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::NoOpinion => "no opinion",
        })
    }
}

/// Renders a reason after the fact, so that deciding costs no text.
///
/// Implemented by engines; `decision` is what they had answered to `request`.
pub trait Explain: Sync {
    /// The reason, to the letter as the API server would give it.
    fn reason(&self, request: &Request<'_>, decision: Decision) -> String;

    /// The way from the user to the grant; empty when there is none.
    fn path(&self, request: &Request<'_>, decision: Decision) -> Vec<Step>;

    /// The reason of a decision for which the clock was asked, with what it showed. Default: it makes
    /// no difference.
    fn reason_at(&self, request: &Request<'_>, decision: Decision, moment: Moment) -> String {
        let _ = moment;
        self.reason(request, decision)
    }

    /// The way, likewise.
    fn path_at(&self, request: &Request<'_>, decision: Decision, moment: Moment) -> Vec<Step> {
        let _ = moment;
        self.path(request, decision)
    }

    /// When the grants end that allowed this, by what is known now: see [`Verdict::grant_ends`].
    /// Default: never.
    fn grant_ends(&self, request: &Request<'_>, moment: Moment) -> Option<Moment> {
        let _ = (request, moment);
        None
    }
}

/// Why a decision was taken: a text, or somebody who can write one.
#[derive(Clone)]
pub enum Reason<'a> {
    /// A ready text; often empty.
    Text(Cow<'a, str>),
    /// Written when asked for.
    Deferred {
        /// Who decided.
        by: &'a dyn Explain,
        /// Who asked.
        user: &'a User,
        /// What was asked.
        attributes: &'a Attributes<'a>,
    },
}

impl fmt::Debug for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.debug_tuple("Text").field(text).finish(),
            Self::Deferred { .. } => f.debug_struct("Deferred").finish_non_exhaustive(),
        }
    }
}

/// The answer: a decision, why, and what went wrong on the way.
///
/// Making one allocates nothing; [`Verdict::reason`] and [`Verdict::path`] do.
///
/// ```
/// use portcullis::model::{Decision, Verdict};
///
/// let verdict = Verdict::no_opinion("No policy matched.");
/// assert_eq!(verdict.decision, Decision::NoOpinion);
/// assert!(!verdict.is_allowed());
/// assert_eq!(verdict.reason(), "No policy matched.");
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Verdict<'a> {
    /// Allow, deny, or nothing to say.
    pub decision: Decision,
    reason: Reason<'a>,
    link: Option<&'a str>,
    moment: Option<Moment>,
    asked_as: Option<Arc<User>>,
    /// Errors of authorizers. With anything but [`Decision::Allow`] they mean that the answer is
    /// not a plain no (S-CHAIN-6): the API server answers 500, not 403.
    pub errors: Vec<String>,
}

impl<'a> Verdict<'a> {
    /// An answer with a ready reason.
    pub fn new(decision: Decision, reason: impl Into<Cow<'a, str>>) -> Self {
        let reason = Reason::Text(reason.into());
        Self { decision, reason, link: None, moment: None, asked_as: None, errors: Vec::new() }
    }

    /// A yes.
    pub fn allow(reason: impl Into<Cow<'a, str>>) -> Self {
        Self::new(Decision::Allow, reason)
    }

    /// A no that ends the chain.
    pub fn deny(reason: impl Into<Cow<'a, str>>) -> Self {
        Self::new(Decision::Deny, reason)
    }

    /// Nothing to say.
    pub fn no_opinion(reason: impl Into<Cow<'a, str>>) -> Self {
        Self::new(Decision::NoOpinion, reason)
    }

    /// An answer whose reason is written by `by` when asked for.
    pub const fn deferred(
        decision: Decision,
        by: &'a dyn Explain,
        request: &'a Request<'a>,
    ) -> Self {
        Self::deferred_for(decision, by, request.user, &request.attributes)
    }

    /// The same for callers that hold the user and the attributes apart.
    pub const fn deferred_for(
        decision: Decision,
        by: &'a dyn Explain,
        user: &'a User,
        attributes: &'a Attributes<'a>,
    ) -> Self {
        let reason = Reason::Deferred { by, user, attributes };
        Self { decision, reason, link: None, moment: None, asked_as: None, errors: Vec::new() }
    }

    /// The same answer with an error beside it.
    pub fn with_error(mut self, error: impl Into<String>) -> Self {
        self.errors.push(error.into());
        self
    }

    /// The same answer with these errors instead of the ones it had.
    pub fn with_errors(mut self, errors: Vec<String>) -> Self {
        self.errors = errors;
        self
    }

    /// The same answer, given by the link of a chain that has this name.
    pub const fn by_link(mut self, name: &'a str) -> Self {
        self.link = Some(name);
        self
    }

    /// The same answer, for which the clock was asked and showed this; `None`: nobody asked it.
    pub const fn at(mut self, moment: Option<Moment>) -> Self {
        self.moment = moment;
        self
    }

    /// What the clock showed when it was asked for this decision: it was if something was looked at that
    /// begins or ends.
    #[must_use]
    pub const fn moment(&self) -> Option<Moment> {
        self.moment
    }

    /// The same answer, found for this user in the place of the one who asked: it is the same one, in
    /// other groups. Reason and path are written of this one.
    pub fn asked_as(mut self, user: Arc<User>) -> Self {
        self.asked_as = Some(user);
        self
    }

    /// The user for whom the answer was found, where that is not the one who asked, word for word: one
    /// whose groups were replaced before anybody was asked.
    #[must_use]
    pub const fn replaced_user(&self) -> Option<&Arc<User>> {
        self.asked_as.as_ref()
    }

    /// The name of the link of a chain that decided; `None` when none did, or nobody asked a chain.
    #[must_use]
    pub const fn link(&self) -> Option<&'a str> {
        self.link
    }

    /// The same answer for somebody who keeps it longer than the question: a ready reason is copied. One
    /// that is yet to be written is `None`; ask again for it.
    #[must_use]
    pub fn into_text<'b>(self) -> Option<Verdict<'b>> {
        let Self { decision, reason, moment, asked_as, errors, .. } = self;
        match reason {
            Reason::Text(text) => {
                let reason = Reason::Text(Cow::Owned(text.into_owned()));
                Some(Verdict { decision, reason, link: None, moment, asked_as, errors })
            }
            Reason::Deferred { .. } => None,
        }
    }

    /// Whether the decision is [`Decision::Allow`]. An error beside it does not matter (S-CHAIN-5).
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.decision == Decision::Allow
    }

    /// The reason, as the API server would put it; empty when it gives none.
    #[must_use]
    pub fn reason(&self) -> Cow<'_, str> {
        match &self.reason {
            Reason::Text(text) => Cow::Borrowed(text),
            Reason::Deferred { by, user, attributes } => {
                let request = self.request(user, attributes);
                Cow::Owned(match self.moment {
                    Some(moment) => by.reason_at(&request, self.decision, moment),
                    None => by.reason(&request, self.decision),
                })
            }
        }
    }

    /// The way from the user to the grant: binding, role and rule, or policy line. Empty when
    /// nothing was granted or the authorizer cannot tell.
    #[must_use]
    pub fn path(&self) -> Vec<Step> {
        match &self.reason {
            Reason::Text(_) => Vec::new(),
            Reason::Deferred { by, user, attributes } => {
                let request = self.request(user, attributes);
                match self.moment {
                    Some(moment) => by.path_at(&request, self.decision, moment),
                    None => by.path(&request, self.decision),
                }
            }
        }
    }

    /// When this yes ends, if it rests on grants that end: the first moment at which, by what is known
    /// now, nothing of who gave it would allow the same. `None` for every other answer, and for a yes
    /// that lasts.
    #[must_use]
    pub fn grant_ends(&self) -> Option<Moment> {
        match (&self.reason, self.moment) {
            // Who asked no clock looked at nothing that ends.
            (Reason::Deferred { by, user, attributes }, Some(moment)) if self.is_allowed() => {
                by.grant_ends(&self.request(user, attributes), moment)
            }
            _ => None,
        }
    }

    /// The question that was answered.
    fn request<'b>(&'b self, user: &'b User, attributes: &Attributes<'b>) -> Request<'b> {
        Request { user: self.asked_as.as_deref().unwrap_or(user), attributes: *attributes }
    }
}
