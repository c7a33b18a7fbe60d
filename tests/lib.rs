//! Everything that is tested from outside, in one binary: one link step.

#[cfg(feature = "rbac")]
mod golden_policy;
#[cfg(feature = "rbac")]
mod plain_yaml;
