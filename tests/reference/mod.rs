//! Slow, obvious evaluators, written from the semantics and nothing else. Every fast path is held
//! against them, for ever.

pub(crate) mod rbac;
