//! Role-based access control: does some binding give one of the user's names a role with a rule
//! that covers the request?
//!
//! The rule, in our words: a ClusterRoleBinding grants its role everywhere, a RoleBinding in its
//! namespace; a rule grants when its verbs, groups, resources and names (or its verbs and URLs)
//! all hold what is asked, `*` standing for anything (S-RBAC-1 to S-RBAC-12). Nothing denies: the
//! answer is yes or no opinion (S-RBAC-24).
//!
//! Absent on purpose: selectors (RBAC ignores them, S-RBAC-13), API versions (S-RBAC-4), and the
//! `system:masters` step, which stands before every authorizer (S-CHAIN-10) and belongs to the
//! chain.
//!
//! ```
//! use portcullis::api::inventory::Inventory;
//! use portcullis::api::rbac::{ClusterRole, ClusterRoleBinding};
//! use portcullis::authz::Authorizer;
//! use portcullis::authz::rbac::Policy;
//! use portcullis::model::{Origin, Request, ResourceAttributes, User};
//!
//! let role: ClusterRole = serde_json::from_str(
//!     r#"{"metadata": {"name": "reader"},
//!         "rules": [{"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}]}"#,
//! )?;
//! let binding: ClusterRoleBinding = serde_json::from_str(
//!     r#"{"metadata": {"name": "readers"},
//!         "subjects": [{"kind": "Group", "name": "dev"}],
//!         "roleRef": {"kind": "ClusterRole", "name": "reader"}}"#,
//! )?;
//! let mut inventory = Inventory::default();
//! inventory.push(role.into(), Origin::new("rbac.yaml", 1, 1));
//! inventory.push(binding.into(), Origin::new("rbac.yaml", 2, 9));
//! let policy = Policy::compile(&inventory)?;
//!
//! let jane = User::new("jane").with_groups(["dev"]);
//! let get = Request::resource(&jane, ResourceAttributes::new("get", "pods").in_namespace("shop"));
//! let verdict = policy.authorize(&get);
//! assert!(verdict.is_allowed());
//! assert_eq!(
//!     verdict.reason(),
//!     r#"RBAC: allowed by ClusterRoleBinding "readers" of ClusterRole "reader" to Group "dev""#
//! );
//!
//! let delete = Request::resource(&jane, ResourceAttributes::new("delete", "pods"));
//! assert!(!policy.authorize(&delete).is_allowed());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod aggregation;
mod atoms;
mod binding;
mod edit;
mod enumerate;
pub mod escalation;
mod eval;
mod explain;
mod grants;
mod index;
mod principal;
mod reach;
mod reason;
mod ruleset;
mod scope;
mod table;
mod times;
pub mod validation;
mod vocabulary;

pub use binding::BindingRef;
pub use edit::{Editor, TooLarge};
pub use enumerate::{Row, WhoCan};
pub use explain::{Explanation, Grant};
pub use principal::Principal;
pub use table::{Memory, Policy};
pub use times::{GrantTimes, GrantTimesError, NOT_AFTER, NOT_BEFORE};

use std::sync::Arc;

use super::{Authorizer, Resolved, Rules};
use crate::api::inventory::Inventory;
use crate::model::{Decision, Request, User, Verdict};

impl Policy {
    /// Compiles an inventory. Aggregated roles have the rules they are stored with.
    ///
    /// # Errors
    /// When the policy is too large for its tables.
    pub fn compile(inventory: &Inventory) -> Result<Self, TooLarge> {
        Ok(Editor::load(inventory)?.policy())
    }
}

impl Authorizer for Policy {
    /// It only grants (S-RBAC-24).
    fn can_deny(&self) -> bool {
        false
    }

    fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
        let (is_allowed, moment) = self.decide(request);
        let decision = if is_allowed { Decision::Allow } else { Decision::NoOpinion };
        Verdict::deferred(decision, self, request).at(moment)
    }

    fn rules_for(&self, user: &User, namespace: &str) -> Rules {
        self.rules_of(user, namespace)
    }

    fn resolve(&self, user: &Arc<User>) -> Option<Box<dyn Resolved>> {
        Some(Box::new(self.principal(user)))
    }
}
