//! The time of the evaluation that runs on this thread.

use std::cell::Cell;

thread_local! {
    static NOW: Cell<Option<i64>> = const { Cell::new(None) };
}

/// Sets it, in nanoseconds since 1970-01-01 UTC.
pub(in super::super) fn set(now: Option<i64>) {
    NOW.set(now);
}

/// What was set.
pub(super) fn now() -> Option<i64> {
    NOW.get()
}
