use std::fmt;

use super::compile::{Blueprint, compile};
use super::counters::Tallies;
use super::functions::{Caller, Scope};
use super::outcome::{Holds, holds, messages, obligations};
use super::worker::{Owner, Worker};
use super::{
    CompileError, Counters, Evaluator, Failure, OnError, Options, Outcome, Sources, Warning, World,
    quiet,
};
use crate::model::{Decision, Request};

/// Compiled modules and data. Threads evaluate it without waiting for each other.
pub struct Policy {
    options: Options,
    blueprint: Blueprint,
    tallies: Tallies,
    owner: Owner,
}

impl Policy {
    /// Compiles sources.
    ///
    /// ```
    /// use portcullis::authz::rego::{Options, Policy, Sources};
    ///
    /// let text = "package portcullis.authz\n\nallowed if input.user == \"jane\"\n";
    /// let policy = Policy::compile(Sources::module("main.rego", text), Options::default())?;
    /// assert_eq!(
    ///     policy.warnings()[0].to_string(),
    ///     "main.rego:3: nothing asks for `allowed`; did you mean `allow`?"
    /// );
    ///
    /// let bad = Sources::module("main.rego", "package portcullis.authz\nallow if { input. }\n");
    /// let error = Policy::compile(bad, Options::default()).unwrap_err();
    /// assert!(error.to_string().starts_with("main.rego:2:"), "{error}");
    /// # Ok::<(), portcullis::authz::rego::CompileError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Sources are larger or deeper than the [limits](Options::limits), contradict each other, are
    /// recursive, or are no Rego.
    pub fn compile(sources: Sources, options: Options) -> Result<Self, CompileError> {
        let blueprint = compile(sources, &options)?;
        Ok(Self { options, blueprint, tallies: Tallies::default(), owner: Owner::new() })
    }

    /// How errors name it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.options.name
    }

    /// What makes it decide less, or more, than one may think.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.blueprint.warnings
    }

    /// Whether it may deny: it has a `deny` rule, or failing means to deny.
    #[must_use]
    pub const fn can_deny(&self) -> bool {
        self.blueprint.entries.deny.is_some() || matches!(self.options.on_error, OnError::Deny)
    }

    /// Which evaluator runs it: never [`Evaluator::Auto`].
    #[must_use]
    pub const fn evaluator(&self) -> Evaluator {
        match self.blueprint.program {
            Some(_) => Evaluator::Machine,
            None => Evaluator::Interpreter,
        }
    }

    /// How often it was evaluated, and how often that failed.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.tallies.sum()
    }

    /// What it says about a request.
    pub(super) fn evaluate(&self, request: &Request<'_>, world: &World) -> Outcome {
        let entries = &self.blueprint.entries;
        if entries.allow.is_none() && entries.deny.is_none() {
            return Outcome::silent();
        }
        let budget = &self.options.budget;
        let worker = Worker::take(&self.owner).map_or_else(
            || Worker::new(&self.owner, &self.blueprint, budget, self.tallies.join()),
            Ok,
        );
        let mut worker = match worker {
            Ok(worker) => worker,
            Err(failure) => {
                let tally = self.tallies.join();
                tally.count_evaluation();
                tally.count_failure(failure);
                return Outcome::failed(self.on_failure(), failure);
            }
        };
        worker.tally.count_evaluation();
        let now = (self.options.clock)();
        let input = worker.input.build(request, &world.facts, now);
        let caller = self
            .blueprint
            .is_about_rbac
            .then(|| Caller { rbac: world.rbac.clone(), user: request.user.clone() });
        let scope = Scope::enter(now, caller);
        let result = quiet::catch(|| self.run(&mut worker, input));
        let is_overrun = Scope::is_overrun();
        drop(scope);
        let outcome = match result {
            Some(Ok(_)) if is_overrun => Err(Failure::Limit),
            Some(Err(Failure::Error)) if is_overrun => Err(Failure::Limit),
            Some(result) => result,
            None => Err(Failure::Panic),
        };
        match outcome {
            Ok(outcome) => {
                worker.put_back();
                outcome
            }
            // The evaluator is in an unknown state: the next evaluation has a new one.
            Err(failure) => {
                worker.tally.count_failure(failure);
                Outcome::failed(self.on_failure(), failure)
            }
        }
    }

    fn run(&self, worker: &mut Worker, input: regorus::Value) -> Result<Outcome, Failure> {
        let (blueprint, budget) = (&self.blueprint, &self.options.budget);
        let [deny, allow] = worker.decide(blueprint, input, budget)?;
        // Whoever writes something else than was asked for has denied rather than not.
        let is_denied = holds(&deny) != Holds::No;
        let is_allowed = holds(&allow) == Holds::Yes;
        if !is_denied && !is_allowed {
            return Ok(Outcome::silent());
        }
        let decision = if is_denied { Decision::Deny } else { Decision::Allow };
        let mut outcome =
            Outcome { decision, allow: is_allowed, deny: is_denied, ..Outcome::silent() };
        let [reason, duties] = worker.explain(blueprint, budget)?;
        outcome.reasons = messages(&reason);
        if outcome.reasons.is_empty() {
            outcome.reasons = messages(if is_denied { &deny } else { &allow });
        }
        if duties != regorus::Value::Undefined {
            outcome.obligations = Some(obligations(&duties).ok_or(Failure::Limit)?);
        }
        Ok(outcome)
    }

    const fn on_failure(&self) -> Decision {
        match self.options.on_error {
            OnError::Auto if self.blueprint.entries.deny.is_some() => Decision::Deny,
            OnError::Deny => Decision::Deny,
            OnError::Auto | OnError::NoOpinion => Decision::NoOpinion,
        }
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("options", &self.options)
            .field("entries", &self.blueprint.entries)
            .field("reads", &self.blueprint.reads)
            .field("evaluator", &self.evaluator())
            .field("warnings", &self.blueprint.warnings)
            .finish_non_exhaustive()
    }
}
