use std::fmt;
use std::time::Duration;

use crate::model::Clock;

/// How a policy is read and run.
#[derive(Clone)]
pub struct Options {
    /// How errors name the policy; mostly the name of its link. Default `Rego`.
    pub name: String,
    /// The package that holds `allow`, `deny`, `reason` and `obligations`. Default
    /// `portcullis.authz`.
    pub package: String,
    /// What one evaluation may use up.
    pub budget: Budget,
    /// What text and data may measure.
    pub limits: Limits,
    /// The answer when an evaluation fails. Default [`OnError::Auto`].
    pub on_error: OnError,
    /// What `input.time` and `time.now_ns()` say. Default: the system's clock.
    pub clock: Clock,
    /// Which evaluator runs the policy. Default [`Evaluator::Auto`].
    pub evaluator: Evaluator,
}

impl Options {
    /// The package with the entry points.
    #[must_use]
    pub fn with_package(mut self, package: impl Into<String>) -> Self {
        self.package = package.into();
        self
    }

    /// How errors name the policy.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// What one evaluation may use up.
    #[must_use]
    pub const fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// What text and data may measure.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The answer when an evaluation fails.
    #[must_use]
    pub const fn with_on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// What tells the time.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Which evaluator runs the policy.
    #[must_use]
    pub const fn with_evaluator(mut self, evaluator: Evaluator) -> Self {
        self.evaluator = evaluator;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "Rego".to_owned(),
            package: "portcullis.authz".to_owned(),
            budget: Budget::default(),
            limits: Limits::default(),
            on_error: OnError::default(),
            clock: Clock::system(),
            evaluator: Evaluator::default(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("name", &self.name)
            .field("package", &self.package)
            .field("budget", &self.budget)
            .field("limits", &self.limits)
            .field("on_error", &self.on_error)
            .field("evaluator", &self.evaluator)
            .finish_non_exhaustive()
    }
}

/// What one evaluation of a policy may use up. Whichever ends first ends the evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Wall time. Default 50 ms: a policy of ten rules takes a few µs, but on a busy machine a thread may
    /// wait for a processor longer than that.
    pub time: Duration,
    /// Instructions of the register machine; the interpreter has none to count. Default 10 million: more
    /// than 50 ms can run.
    pub instructions: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { time: Duration::from_millis(50), instructions: 10_000_000 }
    }
}

/// What text and data of a policy may measure. All is checked before anything is parsed, since neither a
/// stack that overflows nor memory that runs out can be caught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Modules. Default 1,000.
    pub modules: usize,
    /// Bytes of one module. Default 1 MiB.
    pub module_bytes: usize,
    /// Bytes of all modules together. Default 16 MiB.
    pub total_bytes: usize,
    /// Bytes of one line. Default 4,096.
    pub line_bytes: usize,
    /// Brackets and operators inside one another. Default 32.
    pub nesting: usize,
    /// Objects and arrays of data inside one another. Default 64.
    pub data_depth: usize,
    /// Scalars, keys and collections of data together. Default 5 million.
    pub data_values: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            modules: 1_000,
            module_bytes: 1 << 20,
            total_bytes: 16 << 20,
            line_bytes: 4_096,
            nesting: 32,
            data_depth: 64,
            data_values: 5_000_000,
        }
    }
}

/// The answer when an evaluation fails: it ran out of its budget, or the engine failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnError {
    /// Deny if the package holds a `deny` rule, since it may have applied; else no opinion.
    #[default]
    Auto,
    /// Deny.
    Deny,
    /// No opinion: whoever uses this must not rest on `deny` rules.
    NoOpinion,
}

/// Which of the engine's evaluators runs a policy. They do not always answer the same: the machine goes on
/// where `x := …`, or an element that is collected, is undefined, and does not see fields of fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Evaluator {
    /// The register machine where it is known to answer as the interpreter does, else the interpreter.
    #[default]
    Auto,
    /// The interpreter, always.
    Interpreter,
    /// The register machine, also where it may answer something else: for measurements, not for decisions.
    /// A policy that uses what it lacks (`with`) does not compile.
    Machine,
}
