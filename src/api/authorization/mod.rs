//! The review objects of `authorization.k8s.io`.

mod rules;

pub use rules::{NonResourceRule, ResourceRule, SubjectRulesReviewStatus};
