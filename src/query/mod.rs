//! What a policy means, asked from the other side: who may do this, what may this user do, what
//! came nearest to a yes, and what in the policy deserves a second look?
//!
//! Everything reads a [`Snapshot`](crate::snapshot::Snapshot) and changes no decision. Grants that
//! no request can use are marked, not hidden: what an API server's access review would answer and
//! what a client can ever ask for are two things, and a [`Mark`] says where they part.
//!
//! Absent on purpose: printing, and reading resource names as kubectl does (see
//! [`ResourceTable`](crate::api::resources::ResourceTable)).

#[cfg(all(feature = "files", feature = "oidc"))]
mod authentication;
mod binding;
#[cfg(all(feature = "files", feature = "structured-chain"))]
mod chain;
mod check;
mod groups;
mod mark;
mod members;
mod nearest;
#[cfg(feature = "node")]
mod node;
mod rules;
mod who_can;

#[cfg(all(feature = "files", feature = "oidc"))]
pub use authentication::{authentication_errors, check_authentication};
pub use binding::{
    BindingPlan, BindingRole, BindingRoleError, BindingScope, MayNotBind, NotBindable, may_bind,
};
#[cfg(all(feature = "files", feature = "structured-chain"))]
pub use chain::{chain_errors, check_chain};
#[cfg(feature = "files")]
pub use check::check_report;
pub use check::{Finding, Level, check};
pub use groups::{Groups, GroupsError};
pub use mark::{Mark, Reach, RuleMarks, mark_attributes, mark_rule};
pub use members::Directory;
pub use nearest::{Miss, Missing, nearest};
pub use rules::{Entry, Listing, rules};
pub use who_can::{Authority, Row, Subject, WhoCan, who_can};
