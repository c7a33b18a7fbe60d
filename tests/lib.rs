//! Everything that is tested from outside, in one binary: one link step.

// `cfg(test)` tells clippy that helpers are test code, too.
#[cfg(test)]
#[cfg(feature = "files")]
mod bad;
#[cfg(test)]
#[cfg(feature = "files")]
mod odd;
