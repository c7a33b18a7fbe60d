//! Everything that is tested from outside, in one binary: one link step.

#[cfg(feature = "files")]
mod bad;
#[cfg(feature = "files")]
mod odd;
