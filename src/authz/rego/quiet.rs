//! A panic of the engine is caught and counted. What it has to say may hold values of the request, so
//! that nobody prints it.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Makes panics inside [`catch`] silent; all others are told as before.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    // A panicking thread must not touch the hook.
    if !std::thread::panicking() {
        INSTALLED.call_once(|| {
            let tell = panic::take_hook();
            panic::set_hook(Box::new(move |what| {
                if !IS_QUIET.get() {
                    tell(what);
                }
            }));
        });
    }
}

/// Runs something that may panic; `None`: it did. Whatever it changed must not be used any more.
pub(super) fn catch<T>(run: impl FnOnce() -> T) -> Option<T> {
    let before = IS_QUIET.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    IS_QUIET.set(before);
    result.ok()
}
