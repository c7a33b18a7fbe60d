use std::fmt;
use std::sync::Arc;

use super::answer::{self, AnswerError};
use super::cache::{self, Answers, Clock};
use super::{NOT_ASKED, Remote, RemoteError, WebhookOptions};
#[cfg(feature = "conditional-authorization")]
use crate::api::authorization::ConditionalMode;
use crate::api::authorization::{OutgoingReview, ReturnedReview};
use crate::api::authorization_config::FailurePolicy;
#[cfg(feature = "conditional-authorization")]
use crate::authz::Conditional;
use crate::authz::{Authorizer, Rules};
use crate::cel::Matched;
use crate::model::{Decision, Request, User, Verdict};

/// What a webhook says when it is asked to list what somebody may do (S-WHA-13).
pub const NO_RULES: &str = "webhook authorizer does not support user rule resolution";

/// A webhook in a chain.
///
/// Every answer costs the wait for it, unless it is kept: an allowed one for
/// [`WebhookOptions::authorized_ttl`], any other for [`WebhookOptions::unauthorized_ttl`], failures not
/// at all (S-WHA-5).
pub struct WebhookAuthorizer {
    options: WebhookOptions,
    remote: Arc<dyn Remote>,
    clock: Clock,
    answers: Answers,
}

impl WebhookAuthorizer {
    /// Asks `remote` as the options say, by the clock of the system.
    #[must_use]
    pub fn new(options: WebhookOptions, remote: Arc<dyn Remote>) -> Self {
        Self { options, remote, clock: Clock::system(), answers: Answers::new() }
    }

    /// The same, with another clock for what is kept.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How it asks.
    #[must_use]
    pub const fn options(&self) -> &WebhookOptions {
        &self.options
    }

    /// How many answers are kept, those whose time is over included.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.answers.len()
    }

    /// Forgets every answer.
    pub fn flush(&self) {
        self.answers.clear();
    }

    /// Why the webhook is not to be asked about a request, if so (S-ACFG-16).
    fn unmatched<'a>(&self, request: &Request<'_>) -> Option<Verdict<'a>> {
        match self.options.match_conditions.matches(request) {
            Matched::Yes => None,
            Matched::No => Some(Verdict::no_opinion("")),
            // An error beside no opinion is an error all the same (S-ACFG-17).
            Matched::Failed(errors) => Some(self.failure().with_errors(errors)),
        }
    }

    /// What the webhook says, now or lately.
    fn answer(
        &self,
        request: &Request<'_>,
        review: &OutgoingReview,
    ) -> Result<Arc<ReturnedReview>, AnswerError> {
        let spec = review.spec();
        if let Some(kept) = self.answers.get(spec, self.clock.now()) {
            return Ok(kept);
        }
        let answer = self.remote.review(review.body())?;
        let answer = Arc::new(answer::read(&answer, self.options.version)?);
        if cache::is_short(&request.attributes) {
            // An answer that is both is kept as one that allows (S-WHA-6).
            let ttl = match answer.status.allowed {
                true => self.options.authorized_ttl,
                false => self.options.unauthorized_ttl,
            };
            self.answers.keep(spec, &answer, ttl, self.clock.now());
        }
        Ok(answer)
    }

    /// What an answer comes to.
    #[cfg(not(feature = "conditional-authorization"))]
    fn verdict<'a>(&self, answer: &ReturnedReview) -> Verdict<'a> {
        answer::verdict(&answer.status)
    }

    /// What an answer comes to. Nobody asked for conditions; if there are any they are folded (S-COND-3).
    #[cfg(feature = "conditional-authorization")]
    fn verdict<'a>(&self, answer: &ReturnedReview) -> Verdict<'a> {
        match answer::conditional(answer) {
            Ok(answer) => answer.fold(),
            Err(error) => self.failed(&error.into()),
        }
    }

    /// The decision for want of an answer.
    fn failure<'a>(&self) -> Verdict<'a> {
        let decision = match self.options.failure_policy {
            FailurePolicy::Deny => Decision::Deny,
            FailurePolicy::NoOpinion => Decision::NoOpinion,
        };
        Verdict::new(decision, "")
    }

    /// An answer that did not come.
    fn failed<'a>(&self, error: &AnswerError) -> Verdict<'a> {
        match error {
            AnswerError::Remote(RemoteError::NotAsked) => {
                Verdict::no_opinion("").with_error(NOT_ASKED)
            }
            error => self.failure().with_error(error.to_string()),
        }
    }
}

impl Authorizer for WebhookAuthorizer {
    fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
        if let Some(verdict) = self.unmatched(request) {
            return verdict;
        }
        let review = OutgoingReview::new(request, self.options.version);
        match self.answer(request, &review) {
            Ok(answer) => self.verdict(&answer),
            Err(error) => self.failed(&error),
        }
    }

    #[cfg(feature = "conditional-authorization")]
    fn authorize_conditionally(&self, request: &Request<'_>, mode: ConditionalMode) -> Conditional {
        let mode = mode.for_verb(request.attributes.verb());
        if mode == ConditionalMode::Unsupported {
            return self.authorize(request).into();
        }
        if let Some(verdict) = self.unmatched(request) {
            return verdict.into();
        }
        let review = OutgoingReview::conditional(request, self.options.version, mode);
        let answer = self.answer(request, &review);
        match answer.and_then(|answer| Ok(answer::conditional(&answer)?)) {
            Ok(answer) => answer,
            Err(error) => self.failed(&error).into(),
        }
    }

    fn rules_for(&self, _: &User, _: &str) -> Rules {
        Rules::incomplete(NO_RULES)
    }

    fn can_deny(&self) -> bool {
        true
    }

    fn is_slow(&self) -> bool {
        true
    }

    /// By its failure policy. What was not asked is no failure, and settles nothing: that is for callers
    /// who look for [`NOT_ASKED`].
    fn settles_failures(&self) -> bool {
        true
    }
}

impl fmt::Debug for WebhookAuthorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookAuthorizer")
            .field("options", &self.options)
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}
