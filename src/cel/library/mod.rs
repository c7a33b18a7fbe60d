//! What do the functions of CEL and of Kubernetes' libraries answer? Each pays from a budget.
//!
//! Absent on purpose: what could not be made exact (see `function::UNSUPPORTED`).

pub(super) mod doubles;
pub(super) mod lists;
pub(super) mod net;
pub(super) mod numbers;
pub(super) mod strings;
