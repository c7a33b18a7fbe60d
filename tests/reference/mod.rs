//! Slow, obvious evaluators, written from the semantics and nothing else. Every fast path is held
//! against them, for ever.

#[cfg(feature = "node")]
pub(crate) mod node;
#[cfg(all(feature = "files", feature = "rbac"))]
pub(crate) mod orders;
#[cfg(feature = "rbac")]
pub(crate) mod rbac;
