use super::Mode;

/// By which rules impersonation is judged.
///
/// ```
/// use portcullis::authz::impersonation::{Constrained, Options};
///
/// assert_eq!(Options::default().constrained, Constrained::On);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// The gate ConstrainedImpersonation of the API server.
    pub constrained: Constrained,
    /// The mode to try before all others: the one that last allowed the same requester something. It
    /// changes which refusal is the first one, and no answer (S-IMP-8). Default: none.
    pub first: Option<Mode>,
}

impl Options {
    /// The rules of API servers before 1.36, and of later ones with the gate off.
    #[must_use]
    pub const fn classic() -> Self {
        Self { constrained: Constrained::Off, first: None }
    }
}

/// The gate ConstrainedImpersonation (KEP-5284).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Constrained {
    /// The constrained modes are tried, then the classic permission: as Kubernetes 1.36 does unless told
    /// otherwise (S-IMP-8).
    #[default]
    On,
    /// The classic permission alone.
    Off,
}
