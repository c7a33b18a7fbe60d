//! The review objects of `authorization.k8s.io`: somebody asks, and here is how to read the
//! question, what is wrong with it, what an authorizer sees of it, and how the answer looks.
//!
//! ```
//! use portcullis::api::authorization::{PreparedReview, Review};
//! use portcullis::model::Verdict;
//!
//! let review = Review::from_json(
//!     br#"{"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
//!          "spec": {"user": "jane", "resourceAttributes": {"verb": "get", "resource": "pods"}}}"#,
//! )?;
//! let Review::Access(review) = review else { unreachable!() };
//! let question = PreparedReview::of_valid(&review.spec)?;
//! assert_eq!(question.attributes().verb(), "get");
//!
//! let status = question.status(&Verdict::no_opinion("")); // an authorizer says this
//! let answer: serde_json::Value = serde_json::from_slice(&review.answer(&status).to_json())?;
//! assert_eq!(answer["status"]["allowed"], false);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Absent on purpose: deciding (see `authz`) and HTTP (see `webhook`).

mod answer;
mod compact;
#[cfg(feature = "conditional-authorization")]
mod conditions;
mod incoming;
mod metadata;
mod outgoing;
mod prepared;
mod returned;
mod review;
mod rules;
mod spec;
mod validation;

pub use answer::{Answer, SubjectAccessReviewStatus};
pub use compact::{RuleRow, compact};
#[cfg(feature = "conditional-authorization")]
pub use conditions::{Condition, ConditionSet, ConditionalMode, Effect, FailureMode};
pub use incoming::{Identity, IncomingReview};
pub use metadata::{OwnerReference, ReviewMetadata};
pub use outgoing::OutgoingReview;
pub use prepared::PreparedReview;
pub use returned::{GoType, ReturnedReview, ReturnedReviewError};
pub use review::{
    AccessKind, AccessReview, GROUP, Review, ReviewContext, ReviewError, RulesReview, Version,
};
pub use rules::{NonResourceRule, ResourceRule, SubjectRulesReviewStatus};
pub use spec::{
    FieldSelectorAttributes, FieldSelectorRequirement, LabelSelectorAttributes,
    NonResourceAttributes, ResourceAttributes, SubjectAccessReviewSpec,
};
