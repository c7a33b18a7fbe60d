use std::fmt;

use regorus::Value;

use super::compile::{Blueprint, compile};
use super::counters::Tallies;
use super::functions::{Caller, Scope};
use super::outcome::{Holds, grants, holds, messages, obligations};
use super::worker::{Owner, Time, Worker};
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

    /// Whether it looks at labels or annotations of objects and namespaces, which whoever asks must know.
    #[must_use]
    pub fn reads_objects(&self) -> bool {
        let reads = &self.blueprint.reads;
        let labels = reads.of("namespace").and_then(|namespace| namespace.of("labels"));
        reads.of("object").is_some() || labels.is_some()
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
        let now = self.options.clock.now().seconds();
        let input = worker.input.build(request, &world.facts, now);
        let caller = self
            .blueprint
            .is_about_rbac
            .then(|| Caller { rbac: world.rbac.clone(), user: request.user.clone() });
        let scope = Scope::enter(now, caller);
        let result = quiet::catch(|| self.run(&mut worker, input));
        drop(scope);
        let outcome = result.unwrap_or(Err(Failure::Panic));
        let outcome = outcome.unwrap_or_else(|failure| Outcome::failed(self.on_failure(), failure));
        match outcome.failure {
            None => worker.put_back(),
            // The evaluator is in an unknown state: the next evaluation has a new one.
            Some(failure) => worker.tally.count_failure(failure),
        }
        outcome
    }

    fn run(&self, worker: &mut Worker, input: Value) -> Result<Outcome, Failure> {
        let time = Time::begin(&self.options.budget);
        let [deny, allow] = within_limits(worker.decide(&self.blueprint, input, &time))?;
        // Whoever writes something else than was asked for has denied rather than not.
        let is_denied = holds(&deny) != Holds::No;
        let is_allowed = grants(&allow);
        if !is_denied && !is_allowed {
            return Ok(Outcome::silent());
        }
        let decision = if is_denied { Decision::Deny } else { Decision::Allow };
        let reasons = messages(if is_denied { &deny } else { &allow });
        let outcome =
            Outcome { decision, allow: is_allowed, deny: is_denied, reasons, ..Outcome::silent() };
        let explained = quiet::catch(|| self.explain(worker, &time));
        match explained.unwrap_or(Err(Failure::Panic)) {
            Ok((reasons, obligations)) if reasons.is_empty() => {
                Ok(Outcome { obligations, ..outcome })
            }
            Ok((reasons, obligations)) => Ok(Outcome { reasons, obligations, ..outcome }),
            // A denial stands whatever becomes of its reason; an allow without its obligations does not.
            Err(failure) if is_denied => Ok(Outcome { failure: Some(failure), ..outcome }),
            Err(failure) => Err(failure),
        }
    }

    fn explain(
        &self,
        worker: &mut Worker,
        time: &Time,
    ) -> Result<(Vec<String>, Option<serde_json::Value>), Failure> {
        let [reason, duties] = within_limits(worker.explain(&self.blueprint, time))?;
        let duties = match duties {
            Value::Undefined => None,
            duties => Some(obligations(&duties).ok_or(Failure::Limit)?),
        };
        Ok((messages(&reason), duties))
    }

    const fn on_failure(&self) -> Decision {
        match self.options.on_error {
            OnError::Auto if self.blueprint.entries.deny.is_some() => Decision::Deny,
            OnError::Deny => Decision::Deny,
            OnError::Auto | OnError::NoOpinion => Decision::NoOpinion,
        }
    }
}

/// Evaluators may take a function that went beyond its limits for one that is undefined.
fn within_limits<T>(result: Result<T, Failure>) -> Result<T, Failure> {
    match result {
        Ok(_) | Err(Failure::Error) if Scope::is_overrun() => Err(Failure::Limit),
        result => result,
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
