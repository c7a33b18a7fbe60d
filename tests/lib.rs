//! Everything that is tested from outside, in one binary: one link step.

// `cfg(test)` tells clippy that helpers are test code, too.
#[cfg(test)]
#[cfg(feature = "files")]
mod bad;
#[cfg(test)]
#[cfg(feature = "rbac")]
mod churn_rbac;
#[cfg(test)]
#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "abac")]
mod golden_abac;
#[cfg(feature = "rbac")]
mod golden_policy;
#[cfg(feature = "rbac")]
mod golden_rbac;
#[cfg(test)]
#[cfg(all(feature = "files", feature = "rbac"))]
mod golden_real_cluster;
#[cfg(test)]
mod golden_review;
#[cfg(test)]
#[cfg(feature = "files")]
mod odd;
mod plain_yaml;
#[cfg(feature = "rbac")]
mod prop_rbac;
#[cfg(test)]
#[cfg(all(feature = "abac", feature = "files", feature = "query"))]
mod query;
mod reference;
#[cfg(feature = "abac")]
mod reference_abac;
mod support;
#[cfg(test)]
mod tidy;
