use std::cmp::Ordering;
use std::fmt;

use crate::model::Origin;

/// How much a finding matters; the most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// The API server would refuse it, or it was left out of the policy.
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

/// Something in a policy that deserves a second look.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// What kind of finding it is, in words that stay: `dangling-role-ref`.
    pub code: &'static str,
    /// The object: ``RoleBinding `shop/developers` ``; empty when it is none.
    pub object: String,
    /// Where it stands.
    pub origin: Origin,
    /// What is the matter.
    pub message: String,
    /// What to do about it.
    pub advice: String,
}

impl Finding {
    /// Orders findings by place: source, line, document, object, importance. Those that are equal in
    /// this should stay in the order in which they come, so sort stably.
    ///
    /// ```
    /// # let (mut findings, more) = (Vec::<portcullis::query::Finding>::new(), Vec::new());
    /// use portcullis::query::Finding;
    ///
    /// findings.extend(more);
    /// findings.sort_by(Finding::by_place);
    /// ```
    #[must_use]
    pub fn by_place(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }

    fn place(&self) -> impl Ord + '_ {
        let Origin { source, document, line, .. } = &self.origin;
        (source, line, document, &self.object, self.level)
    }
}

/// Place, importance, object and message; the advice is left to the caller.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: ", self.origin, self.level)?;
        if !self.object.is_empty() {
            write!(f, "{}: ", self.object)?;
        }
        f.write_str(&self.message)
    }
}
