//! The authorizers that are part of the API server, as its flags and files name them.

use std::fmt;

/// An authorization mode, named as `--authorization-mode` names it (S-CHAIN-13). Alphabetical.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// Policy lines.
    Abac,
    /// Everything is allowed.
    AlwaysAllow,
    /// Nothing is granted; a later mode still may (S-CHAIN-9).
    AlwaysDeny,
    /// Kubelets, by the graph of pods and volumes.
    Node,
    /// Roles and bindings.
    Rbac,
}

impl Mode {
    /// The name, as `--authorization-mode` spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Abac => "ABAC",
            Self::AlwaysAllow => "AlwaysAllow",
            Self::AlwaysDeny => "AlwaysDeny",
            Self::Node => "Node",
            Self::Rbac => "RBAC",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
