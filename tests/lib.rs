//! Everything that is tested from outside, in one binary: one link step.

mod golden_rbac;
#[cfg(test)] // Which is always so, and lets clippy know that helpers are tests too.
mod golden_review;
mod prop_rbac;
mod reference;
mod support;
