//! The RBAC engine: roles, bindings, and what they add up to.

pub mod aggregation;
pub mod escalation;
pub mod validation;
