use std::borrow::Cow;

use super::error::EvaluationError;

/// The most that one evaluation may cost, in the units of `cel-go` (S-ACFG-15).
const MAX_COST: u64 = 1_000_000;

/// The most memory that one evaluation may ask for, in bytes. `cel-go` has no such bound, and none
/// is needed for what a condition does: names and lists of a request are kilobytes.
const MAX_MEMORY: usize = 16 << 20;

/// The most parts of an expression that are evaluated, and elements that are compared, in one
/// evaluation. Of `cel-go` some are free, constants for one, so that an expression of nothing else
/// in a loop would run for minutes.
const MAX_EFFORT: u32 = 4_000_000;

/// So many bytes of a text that is only gone through are as much effort as one part of an expression.
const SCANNED_BYTES: usize = 256;

/// What one evaluation may still use.
#[derive(Debug)]
pub(super) struct Budget {
    cost: u64,
    memory: usize,
    effort: Effort,
}

/// How many small steps may still be done, and whether all of them had an answer that is certain.
#[derive(Debug)]
pub(super) struct Effort {
    steps: u32,
    is_exact: bool,
}

impl Effort {
    /// Whether one more step may be done. When not, whoever asks must come to an end, and what it
    /// finds is not used.
    pub(super) const fn step(&mut self) -> bool {
        self.steps = self.steps.saturating_sub(1);
        self.steps > 0
    }

    /// Whether so many more steps may be done.
    pub(super) fn steps(&mut self, count: usize) -> bool {
        self.steps = self.steps.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
        self.steps > 0
    }

    /// What was found may be otherwise in the API server, and is not used.
    pub(super) const fn doubt(&mut self) {
        self.is_exact = false;
    }
}

/// Why there is no value.
#[derive(Debug)]
pub(super) enum Failure {
    /// The budget is used up. Nothing absorbs that.
    Cancelled,
    /// A field or key that is absent.
    NoSuchKey(Box<str>),
    Failed(Cow<'static, str>),
}

impl Budget {
    pub(super) const fn new() -> Self {
        Self {
            cost: MAX_COST,
            memory: MAX_MEMORY,
            effort: Effort { steps: MAX_EFFORT, is_exact: true },
        }
    }

    /// Pays for a step.
    pub(super) fn spend(&mut self, cost: u64) -> Result<(), Failure> {
        self.cost = self.cost.checked_sub(cost).ok_or(Failure::Cancelled)?;
        Ok(())
    }

    /// Pays for going through something of this size once, or through something so often.
    pub(super) fn spend_tenths(&mut self, size: usize) -> Result<(), Failure> {
        self.spend(tenths(size))
    }

    /// Pays for bytes that are about to be allocated.
    pub(super) fn reserve(&mut self, bytes: usize) -> Result<(), Failure> {
        self.memory = self.memory.checked_sub(bytes).ok_or(Failure::Cancelled)?;
        Ok(())
    }

    /// One part of an expression is evaluated.
    pub(super) fn step(&mut self) -> Result<(), Failure> {
        if self.effort.step() { Ok(()) } else { Err(Failure::Cancelled) }
    }

    /// A text of so many bytes is gone through at a price that does not grow with it. Names are too
    /// short to count here.
    pub(super) fn scan(&mut self, bytes: usize) -> Result<(), Failure> {
        let steps = u32::try_from(bytes / SCANNED_BYTES).unwrap_or(u32::MAX);
        self.effort.steps = self.effort.steps.saturating_sub(steps);
        if self.effort.steps > 0 { Ok(()) } else { Err(Failure::Cancelled) }
    }

    /// What a walk over values finds, if it came to its end.
    pub(super) fn walk<T>(&mut self, walk: impl FnOnce(&mut Effort) -> T) -> Result<T, Failure> {
        let found = walk(&mut self.effort);
        self.step()?;
        if std::mem::replace(&mut self.effort.is_exact, true) {
            Ok(found)
        } else {
            Err(Failure::DOUBTFUL)
        }
    }

    #[cfg(test)]
    pub(super) const fn spent(&self) -> u64 {
        MAX_COST - self.cost
    }
}

/// What it costs to go through something: a tenth of its size, rounded up.
pub(super) fn tenths(size: usize) -> u64 {
    u64::try_from(size.div_ceil(10)).unwrap_or(u64::MAX)
}

impl Failure {
    /// The types of the arguments are none that the function takes.
    pub(super) const NO_OVERLOAD: Self = Self::text("no such overload");

    /// Versions of the API server differ, or it is not known what they do.
    pub(super) const DOUBTFUL: Self =
        Self::text("not evaluated: it is not certain what the API server answers");

    pub(super) const fn text(text: &'static str) -> Self {
        Self::Failed(Cow::Borrowed(text))
    }

    pub(super) const fn owned(text: String) -> Self {
        Self::Failed(Cow::Owned(text))
    }
}

impl From<Failure> for EvaluationError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Cancelled => Self::new("operation cancelled: actual cost limit exceeded"),
            Failure::NoSuchKey(key) => Self::new(format!("no such key: {key}")),
            Failure::Failed(text) => Self::new(text),
        }
    }
}
