//! Everything that is tested from outside, in one binary: one link step.

#[cfg(feature = "rbac")]
mod golden_policy;
#[cfg(feature = "rbac")]
mod golden_rbac;
#[cfg(test)]
mod golden_review;
mod plain_yaml;
#[cfg(feature = "rbac")]
mod prop_rbac;
mod reference;
mod support;
// The attribute tells clippy that these are tests, helpers included.
#[cfg(feature = "abac")]
mod golden_abac;
#[cfg(feature = "files")]
mod odd;
#[cfg(feature = "abac")]
mod reference_abac;
#[cfg(test)]
mod tidy;
