//! Everything that is tested from outside, in one binary: one link step.

#[cfg(test)]
#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "rbac")]
mod golden_policy;
#[cfg(feature = "rbac")]
mod golden_rbac;
#[cfg(test)]
#[cfg(all(feature = "files", feature = "rbac"))]
mod golden_real_cluster;
#[cfg(test)]
mod golden_review;
mod plain_yaml;
#[cfg(feature = "rbac")]
mod prop_rbac;
#[cfg(test)]
#[cfg(all(feature = "abac", feature = "files", feature = "query"))]
mod query;
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
