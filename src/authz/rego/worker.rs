//! One thread's evaluator of one policy.
//!
//! Evaluators are not shared: what they share they count references to, and threads that count in one
//! place wait for each other (two threads were then slower than one).

use std::cell::{Cell, RefCell};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use regorus::rvm::vm::{RegoVM, VmError};
use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, LimitError, Value};

use super::compile::{Blueprint, interpreter};
use super::counters::Tally;
use super::input::Builder;
use super::values::copy;
use super::{Budget, Failure, machine};

/// The most evaluators that a thread keeps: one for each policy it meets.
const MOST_WORKERS: usize = 16;

/// How many steps an evaluator may take between two looks at the clock. One step may be a call of a
/// function that takes a while.
const STEPS: NonZeroU32 = match NonZeroU32::new(16) {
    Some(steps) => steps,
    None => NonZeroU32::MIN,
};

/// Which policy an evaluator belongs to, and whether that is still there.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) id: u64,
    alive: Arc<()>,
}

/// Counts the policies that are gone.
static GONE: AtomicU64 = AtomicU64::new(0);

impl Owner {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), alive: Arc::new(()) }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        GONE.fetch_add(1, Ordering::Relaxed);
    }
}

thread_local! {
    static WORKERS: RefCell<Vec<Worker>> = const { RefCell::new(Vec::new()) };
    static GONE_SEEN: Cell<u64> = const { Cell::new(0) };
}

pub(super) struct Worker {
    owner: u64,
    alive: Weak<()>,
    pub(super) input: Builder,
    pub(super) tally: Arc<Tally>,
    runner: Runner,
}

enum Runner {
    Machine(Box<RegoVM>),
    Interpreter(Box<Engine>),
}

impl Worker {
    /// The evaluator of this thread, taken out of its place: one that is not [put back](Self::put_back)
    /// is gone.
    pub(super) fn take(owner: &Owner) -> Option<Self> {
        let gone = GONE.load(Ordering::Relaxed);
        let dropped = WORKERS.with_borrow_mut(|workers| {
            let mut dropped = Vec::new();
            if GONE_SEEN.replace(gone) != gone {
                dropped.extend(workers.extract_if(.., |worker| worker.alive.strong_count() == 0));
            }
            let place = workers.iter().position(|worker| worker.owner == owner.id);
            (place.map(|place| workers.swap_remove(place)), dropped)
        });
        dropped.0
    }

    pub(super) fn put_back(self) {
        let replaced = WORKERS.with_borrow_mut(|workers| {
            let place = workers.iter().position(|worker| worker.owner == self.owner);
            let replaced = match place {
                Some(place) => Some(workers.swap_remove(place)),
                None => (workers.len() >= MOST_WORKERS).then(|| workers.remove(0)),
            };
            workers.push(self);
            replaced
        });
        drop(replaced);
    }

    pub(super) fn new(
        owner: &Owner,
        blueprint: &Blueprint,
        budget: &Budget,
        tally: Arc<Tally>,
    ) -> Result<Self, Failure> {
        let runner = match &blueprint.program {
            Some(program) => {
                let mut vm = Box::new(RegoVM::new());
                vm.load_program(machine::own(program));
                let data = match blueprint.copies_data {
                    true => copy(&blueprint.data),
                    false => blueprint.data.clone(),
                };
                vm.set_data(data).map_err(|_| Failure::Error)?;
                vm.set_max_instructions(budget.instructions);
                vm.set_strict_builtin_errors(false);
                vm.set_execution_timer_config(Some(timer(budget.time)));
                Runner::Machine(vm)
            }
            None => {
                let engine = interpreter(blueprint).map_err(|_| Failure::Error)?;
                Runner::Interpreter(Box::new(engine))
            }
        };
        let input = Builder::new(&blueprint.reads);
        Ok(Self { owner: owner.id, alive: Arc::downgrade(&owner.alive), input, tally, runner })
    }

    /// The values of `deny` and `allow`.
    pub(super) fn decide(
        &mut self,
        blueprint: &Blueprint,
        input: Value,
        time: &Time,
    ) -> Result<[Value; 2], Failure> {
        match &mut self.runner {
            Runner::Machine(vm) => {
                vm.set_input(input);
                run(vm, machine::DECIDE, time)
            }
            Runner::Interpreter(engine) => {
                engine.set_input(input);
                let entries = &blueprint.entries;
                Ok([
                    evaluate(engine, entries.deny.as_deref(), time)?,
                    evaluate(engine, entries.allow.as_deref(), time)?,
                ])
            }
        }
    }

    /// The values of `reason` and `obligations`, for the same input.
    pub(super) fn explain(
        &mut self,
        blueprint: &Blueprint,
        time: &Time,
    ) -> Result<[Value; 2], Failure> {
        let entries = &blueprint.entries;
        if entries.reason.is_none() && entries.obligations.is_none() {
            return Ok([Value::Undefined, Value::Undefined]);
        }
        match &mut self.runner {
            Runner::Machine(vm) => {
                vm.set_execution_timer_config(Some(timer(time.left()?)));
                let values = run(vm, machine::EXPLAIN, time);
                vm.set_execution_timer_config(Some(timer(time.limit)));
                values
            }
            Runner::Interpreter(engine) => Ok([
                evaluate(engine, entries.reason.as_deref(), time)?,
                evaluate(engine, entries.obligations.as_deref(), time)?,
            ]),
        }
    }
}

/// The time that one evaluation has, from when it began.
pub(super) struct Time {
    began: Instant,
    limit: Duration,
}

impl Time {
    pub(super) fn begin(budget: &Budget) -> Self {
        Self { began: Instant::now(), limit: budget.time }
    }

    const fn failure(&self) -> Failure {
        Failure::Timeout(self.limit)
    }

    fn left(&self) -> Result<Duration, Failure> {
        self.limit.checked_sub(self.began.elapsed()).ok_or(self.failure())
    }
}

const fn timer(limit: Duration) -> ExecutionTimerConfig {
    ExecutionTimerConfig { limit, check_interval: STEPS }
}

fn run(vm: &mut RegoVM, entry: &str, time: &Time) -> Result<[Value; 2], Failure> {
    vm.execute_entry_point_by_name(entry).map_err(|error| match error {
        VmError::TimeLimitExceeded { .. } => time.failure(),
        VmError::InstructionLimitExceeded { .. }
        | VmError::MemoryLimitExceeded { .. }
        | VmError::RegexSizeLimitExceeded { .. }
        | VmError::NumericOverflow { .. } => Failure::Limit,
        _ => Failure::Error,
    })?;
    let register = |at: usize| vm.get_registers().get(at).cloned().unwrap_or(Value::Undefined);
    Ok([register(0), register(1)])
}

fn evaluate(engine: &mut Engine, rule: Option<&str>, time: &Time) -> Result<Value, Failure> {
    let Some(rule) = rule else { return Ok(Value::Undefined) };
    engine.set_execution_timer_config(timer(time.left()?));
    let result = engine.eval_rule(rule.to_owned());
    // The interpreter takes what a function ran into for an undefined call, the end of its time too.
    time.left()?;
    // Prints are kept until they are taken.
    let _ = engine.take_prints();
    result.map_err(|error| match error.downcast_ref() {
        Some(LimitError::TimeLimitExceeded { .. }) => time.failure(),
        Some(_) => Failure::Limit,
        None => Failure::Error,
    })
}

/// How many evaluators this thread keeps.
#[cfg(test)]
pub(super) fn kept() -> usize {
    WORKERS.with_borrow(Vec::len)
}
