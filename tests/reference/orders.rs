//! Every order of the bindings at once.

use std::collections::BTreeSet;

use portcullis::authz::rbac::{Grant, Policy};
use portcullis::model::Request;

use super::rbac::{allows, applies};

/// Every reason that is right for a yes of RBAC, under some order of the bindings (S-RBAC-21): one
/// a binding that allows, with its first subject that means the user.
pub(crate) fn allow_reasons(policy: &Policy, request: &Request<'_>) -> BTreeSet<String> {
    let user = request.user;
    let mut reasons = BTreeSet::new();
    for binding in policy.bindings_for(user, request.attributes.namespace()) {
        let rules = binding.role_rules().unwrap_or_default();
        let allowing = (0..).zip(rules).find(|(_, rule)| allows(rule, &request.attributes));
        let subject =
            binding.subjects().find(|subject| applies(subject, user, binding.namespace()));
        if let (Some((rule_index, rule)), Some(subject)) = (allowing, subject) {
            let grant = Grant { binding, subject, rule, rule_index };
            reasons.insert(format!("RBAC: allowed by {}", grant.describe()));
        }
    }
    reasons
}
