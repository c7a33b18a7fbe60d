//! Policies in Rego that decide less, or more, than one may think.

use super::{Finding, Level};
use crate::model::Origin;
use crate::snapshot::{Link, Snapshot};

/// The warnings of every policy in the chain.
pub(super) fn findings(snapshot: &Snapshot) -> Vec<Finding> {
    let policies = snapshot.links().iter().filter_map(|link| match link {
        Link::Rego { name, policy } => Some((name, policy)),
        _ => None,
    });
    let finding = |(name, policy): (&String, _)| {
        let policy: &std::sync::Arc<crate::authz::rego::Policy> = policy;
        let finding = policy.warnings().iter().map(|warning| Finding {
            level: Level::Warning,
            code: "rego-policy",
            object: String::new(),
            origin: match warning.name.as_str() {
                "" => Origin::named(name.as_str()),
                module => Origin::new(module, 0, warning.line),
            },
            message: warning.text.clone(),
            advice: String::new(),
        });
        finding.collect::<Vec<_>>()
    };
    policies.flat_map(finding).collect()
}
