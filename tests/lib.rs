//! Everything that is tested from outside, in one binary: one link step.

mod golden_rbac;
mod golden_review;
mod prop_rbac;
mod reference;
mod support;
