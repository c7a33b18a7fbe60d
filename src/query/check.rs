use std::fmt;

use crate::api::inventory::Inventory;
use crate::api::resources::ResourceTable;
use crate::model::Origin;
use crate::snapshot::Snapshot;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// The API server would refuse it, or it cannot mean what it says.
    Error,
    /// It grants more, or less, than it seems to.
    Warning,
    /// Worth a look.
    Advice,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Advice => "advice",
        })
    }
}

/// Something in a policy that deserves a second look. Sorts by place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// What kind of finding it is, in words that stay: `dangling-role-ref`.
    pub code: &'static str,
    /// The object: ``RoleBinding `shop/developers` ``; empty when there is none.
    pub object: String,
    /// Where it stands.
    pub origin: Origin,
    /// What is the matter.
    pub message: String,
    /// What to do about it.
    pub advice: String,
}

/// Looks over a policy.
#[must_use]
pub fn check(
    inventory: &Inventory,
    snapshot: &Snapshot,
    resources: &ResourceTable,
) -> Vec<Finding> {
    let _ = (inventory, snapshot, resources);
    Vec::new()
}

/// Turns what a load met into findings.
#[cfg(feature = "files")]
#[must_use]
pub fn check_report(report: &crate::source::Report) -> Vec<Finding> {
    let _ = report;
    Vec::new()
}
