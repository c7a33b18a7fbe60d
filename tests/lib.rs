//! Everything that is tested from outside, in one binary: one link step.

// The attribute tells clippy that these are tests, helpers included.
#[cfg(test)]
mod tidy;
