//! Slow, obvious evaluators, written from the semantics and nothing else. Every fast path is held
//! against them, for ever.

#[cfg(all(feature = "files", feature = "rbac"))]
pub(crate) mod orders;
pub(crate) mod rbac;
