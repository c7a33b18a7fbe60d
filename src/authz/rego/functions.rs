//! How do both evaluators reach functions that the engine does not have, or has without a limit?
//!
//! The functions are plain: what they need beside their arguments (the time, who asks, the RBAC policy)
//! stands in a [`Scope`] of the thread for as long as one evaluation takes.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, OnceLock};

use regorus::{LimitError, Value};

use super::builtins::{self, Builtin, Fault};
use super::rbac;
use super::values::{string, to_text};
use crate::authz::Authorizer;
use crate::model::User;

/// Whom the functions about RBAC speak of, and who answers.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) rbac: Option<Arc<dyn Authorizer>>,
    pub(super) user: User,
}

/// The most bytes of JSON that a policy may write at once.
const LONGEST_TEXT: usize = 1 << 20;

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(0) };
    static CALLER: RefCell<Option<Caller>> = const { RefCell::new(None) };
    static IS_OVERRUN: Cell<bool> = const { Cell::new(false) };
    static IS_STRICT: Cell<bool> = const { Cell::new(false) };
}

/// The surroundings of one evaluation. They end with it, and those of an evaluation around it return.
pub(super) struct Scope {
    now: i64,
    caller: Option<Caller>,
    is_overrun: bool,
}

impl Scope {
    pub(super) fn enter(now: i64, caller: Option<Caller>) -> Self {
        Self {
            now: NOW.replace(now),
            caller: CALLER.replace(caller),
            is_overrun: IS_OVERRUN.replace(false),
        }
    }

    /// Whether a function refused to go on because of what it would cost. An evaluator may take that for
    /// an undefined call, and `not` would make a yes of it.
    pub(super) fn is_overrun() -> bool {
        IS_OVERRUN.get()
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        NOW.set(self.now);
        CALLER.replace(self.caller.take());
        IS_OVERRUN.set(self.is_overrun);
    }
}

/// The time of the evaluation, in seconds since 1970-01-01 UTC.
pub(super) fn now() -> i64 {
    NOW.get()
}

/// Makes arguments that a function cannot take an error on this thread, as the conformance suite asks.
pub(super) fn be_strict(is_strict: bool) {
    IS_STRICT.set(is_strict);
}

/// The functions of this module. `time.now_ns` is the engine's otherwise, with a clock of its own, and
/// `json.marshal`, without an end for values that hold themselves many times.
static OWN: [Builtin; 4] = [
    Builtin { name: "json.marshal", arity: 1, run: marshal },
    Builtin { name: "time.now_ns", arity: 0, run: now_ns },
    Builtin { name: "portcullis.rbac.allowed", arity: 1, run: allowed },
    Builtin { name: "portcullis.rbac.rules", arity: 3, run: rules },
];

/// Every function, at the place that programs know it by.
pub(super) fn table() -> &'static [&'static Builtin] {
    static TABLE: OnceLock<Vec<&'static Builtin>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table: Vec<&Builtin> = OWN.iter().collect();
        for builtin in builtins::all() {
            if !table.iter().any(|known| known.name == builtin.name) {
                table.push(builtin);
            }
        }
        table
    })
}

/// Whether a policy that calls this asks about RBAC.
pub(super) fn is_about_rbac(name: &str) -> bool {
    name.starts_with("portcullis.rbac.")
}

/// Calls one of them. Arguments that it cannot take make the call undefined, as in OPA.
pub(super) fn call(builtin: &Builtin, arguments: &[Value]) -> Result<Value, LimitError> {
    let is_right = arguments.len() == usize::from(builtin.arity);
    if !is_right || arguments.contains(&Value::Undefined) {
        return Ok(Value::Undefined);
    }
    (builtin.run)(arguments).or_else(|fault| match fault {
        Fault::Argument(_) if !IS_STRICT.get() => Ok(Value::Undefined),
        Fault::Argument(_) | Fault::Limit(_) => {
            IS_OVERRUN.set(true);
            Err(LimitError::MemoryLimitExceeded { usage: 0, limit: 0 })
        }
    })
}

/// Calls the function at a place of the table, which is the last of the arguments.
pub(super) fn call_by_place(arguments: &[Value]) -> Result<Value, LimitError> {
    let place = arguments.split_last().and_then(|(place, arguments)| {
        let place = usize::try_from(place.as_u64().ok()?).ok()?;
        Some((table().get(place)?, arguments))
    });
    place.map_or(Ok(Value::Undefined), |(builtin, arguments)| call(builtin, arguments))
}

fn now_ns(_: &[Value]) -> Result<Value, Fault> {
    Ok(Value::from(NOW.get().saturating_mul(1_000_000_000)))
}

fn marshal(arguments: &[Value]) -> Result<Value, Fault> {
    let [value] = arguments else { return Ok(Value::Undefined) };
    to_text(value, LONGEST_TEXT)
        .map(|text| string(&text))
        .ok_or_else(|| Fault::Limit("the JSON would be too long".to_owned()))
}

fn allowed(arguments: &[Value]) -> Result<Value, Fault> {
    let [spec] = arguments else { return Ok(Value::Undefined) };
    // The authorizer may evaluate a policy of its own, which enters a scope.
    let caller = CALLER.with_borrow(Clone::clone);
    caller.map_or(Ok(Value::Undefined), |caller| rbac::allowed(&caller, spec))
}

fn rules(arguments: &[Value]) -> Result<Value, Fault> {
    let [user, groups, namespace] = arguments else { return Ok(Value::Undefined) };
    let caller = CALLER.with_borrow(Clone::clone);
    caller.map_or(Ok(Value::Undefined), |caller| rbac::rules(&caller, user, groups, namespace))
}
