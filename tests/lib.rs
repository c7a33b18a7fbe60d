//! Everything that is tested from outside, in one binary: one link step.

#[cfg(feature = "abac")]
mod golden_abac;
#[cfg(feature = "abac")]
mod reference_abac;
