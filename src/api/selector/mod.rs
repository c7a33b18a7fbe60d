//! Selectors: which objects a request or a role speaks about.
//!
//! Three shapes lead to requirements: label selectors as text ([`parse_labels`]), field selectors
//! as text ([`parse_fields`]), and label selectors as objects carry them ([`LabelMatcher`]).
//! Absent on purpose: matching fields, which no authorizer does (S-RBAC-13).

mod field;
mod label;
mod matcher;
mod syntax;

pub use field::{FieldSelectorError, parse_fields};
pub use label::{LabelSelectorError, parse_labels};
pub use matcher::{LabelMatcher, validate_label_selector};

pub(crate) use label::requirement;
pub(crate) use matcher::{Strictness, operator_of, validate_requirement};
