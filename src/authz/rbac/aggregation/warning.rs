use std::fmt;

use crate::api::Str;

/// Something odd about an aggregated role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AggregationWarning {
    /// The role, by its place in the input.
    pub role: usize,
    /// Its name.
    pub name: Str,
    /// What is odd.
    pub problem: AggregationProblem,
}

/// What can be odd about an aggregated role.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AggregationProblem {
    /// A selector cannot be read, so the controller leaves the rules alone (S-AGG-7).
    BadSelector {
        /// Which of the selectors.
        selector: usize,
        /// Why not.
        error: String,
    },
    /// The stored rules are not what the selectors yield.
    Differs {
        /// How many rules are stored.
        stored: usize,
        /// How many the selectors yield.
        computed: usize,
        /// Whether the stored ones are used.
        stored_is_used: bool,
    },
    /// Roles that select each other pass rules round and round, or there are too many to follow.
    Unsettled,
}

impl fmt::Display for AggregationWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "aggregated ClusterRole `{}`: ", self.name)?;
        match &self.problem {
            AggregationProblem::BadSelector { selector, error } => write!(
                f,
                "clusterRoleSelectors[{selector}] cannot be read, the rules stay as stored: {error}"
            ),
            AggregationProblem::Differs { stored, computed, stored_is_used } => {
                let used = if *stored_is_used { "stored" } else { "computed" };
                write!(
                    f,
                    "its {stored} stored rules are not the {computed} that its selectors yield; \
                     the {used} ones are used"
                )
            }
            AggregationProblem::Unsettled => f.write_str(
                "its rules did not settle, roles that select each other may be the reason; the \
                 last ones computed are used",
            ),
        }
    }
}
