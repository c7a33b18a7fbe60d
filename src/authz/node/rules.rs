//! What every node may do, whatever runs on it: the rules of ClusterRole `system:node` (S-NODE-3).

use std::fmt;

/// A rule of ClusterRole `system:node`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The verbs.
    pub verbs: &'static [&'static str],
    /// The API groups; the core group is empty.
    pub api_groups: &'static [&'static str],
    /// The resources, with their subresources.
    pub resources: &'static [&'static str],
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        Ok(())
    }
}
