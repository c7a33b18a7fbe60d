use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

#[cfg(feature = "abac")]
use crate::authz::abac;
#[cfg(feature = "rbac")]
use crate::authz::rbac::aggregation::Aggregation;
use crate::authz::{Authorizer, OnFailure};
use crate::model::SharedRevocations;

/// An authorization mode, named as `--authorization-mode` names it (S-CHAIN-13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Policy lines.
    Abac,
    /// Everything is allowed.
    AlwaysAllow,
    /// Nothing is granted; a later mode still may (S-CHAIN-9).
    AlwaysDeny,
    /// Roles and bindings.
    Rbac,
}

/// Not a mode that this build can run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModeError {
    /// No API server knows it.
    #[error(
        "authorization mode `{0}` does not exist; use {known} (case matters)",
        known = "AlwaysAllow, AlwaysDeny, ABAC or RBAC"
    )]
    Unknown(String),
    /// The API server knows it, this build does not.
    #[error(
        "authorization mode `{0}` is not part of this build; leave it out to ask the other modes \
         alone, and read a no as: unless `{0}` allows it"
    )]
    Unavailable(String),
}

impl FromStr for Mode {
    type Err = ModeError;

    fn from_str(name: &str) -> Result<Self, ModeError> {
        match name {
            "ABAC" => Ok(Self::Abac),
            "AlwaysAllow" => Ok(Self::AlwaysAllow),
            "AlwaysDeny" => Ok(Self::AlwaysDeny),
            "RBAC" => Ok(Self::Rbac),
            "Node" | "Webhook" => Err(ModeError::Unavailable(name.to_owned())),
            _ => Err(ModeError::Unknown(name.to_owned())),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Abac => "ABAC",
            Self::AlwaysAllow => "AlwaysAllow",
            Self::AlwaysDeny => "AlwaysDeny",
            Self::Rbac => "RBAC",
        })
    }
}

/// Whether members of `system:masters` pass before every mode (S-CHAIN-10).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SuperUserStep {
    /// As in every API server.
    #[default]
    Include,
    /// To see what the policy alone says.
    LeaveOut,
}

/// What the chain consists of.
///
/// ```
/// use portcullis::snapshot::{Config, Mode};
///
/// let config = Config::new([Mode::Rbac, Mode::AlwaysDeny]);
/// assert_eq!(config.modes, [Mode::Rbac, Mode::AlwaysDeny]);
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Config {
    /// The modes, in the order in which they are asked.
    pub modes: Vec<Mode>,
    /// The built-in step before them. Default: included.
    pub super_user: SuperUserStep,
    /// What follows when a member that can deny fails. Default: as in the API server.
    pub on_failure: OnFailure,
    /// Where aggregated roles have their rules from. Default: as stored for objects that were read
    /// from a server, computed for others.
    #[cfg(feature = "rbac")]
    pub aggregation: Aggregation,
    /// The policy of mode ABAC.
    #[cfg(feature = "abac")]
    pub abac: Option<Arc<abac::Policy>>,
    /// The list of revoked client certificates, asked before everything else, each time anew.
    /// Default: none, and nobody asks.
    pub revocations: Option<SharedRevocations>,
    /// Authorizers of your own, asked after the modes, with their names.
    pub custom: Vec<(String, Arc<dyn Authorizer>)>,
}

impl Config {
    /// A chain of these modes, everything else at its default.
    #[must_use]
    pub fn new(modes: impl IntoIterator<Item = Mode>) -> Self {
        Self { modes: modes.into_iter().collect(), ..Self::default() }
    }

    /// The same, with other rules for the `system:masters` step.
    #[must_use]
    pub fn with_super_user(mut self, step: SuperUserStep) -> Self {
        self.super_user = step;
        self
    }

    /// The same, with another rule for members that fail.
    #[must_use]
    pub fn with_on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// The same, with aggregated roles taken from elsewhere.
    #[cfg(feature = "rbac")]
    #[must_use]
    pub fn with_aggregation(mut self, aggregation: Aggregation) -> Self {
        self.aggregation = aggregation;
        self
    }

    /// The same, with a policy for mode ABAC.
    #[cfg(feature = "abac")]
    #[must_use]
    pub fn with_abac(mut self, policy: impl Into<Arc<abac::Policy>>) -> Self {
        self.abac = Some(policy.into());
        self
    }

    /// The same, with a list of revoked client certificates to ask first. It is asked where it is: a
    /// change needs no new policy.
    #[must_use]
    pub fn with_revocations(mut self, revocations: SharedRevocations) -> Self {
        self.revocations = Some(revocations);
        self
    }

    /// The same, with an authorizer of your own at the end of the chain.
    #[must_use]
    pub fn with_authorizer(
        mut self,
        name: impl Into<String>,
        authorizer: impl Authorizer + 'static,
    ) -> Self {
        self.custom.push((name.into(), Arc::new(authorizer)));
        self
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let custom: Vec<&String> = self.custom.iter().map(|(name, _)| name).collect();
        f.debug_struct("Config")
            .field("modes", &self.modes)
            .field("super_user", &self.super_user)
            .field("revocations", &self.revocations)
            .field("custom", &custom)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_case_sensitive_and_those_of_other_builds_are_told_apart() {
        assert_eq!("RBAC".parse(), Ok(Mode::Rbac));
        assert_eq!("rbac".parse::<Mode>(), Err(ModeError::Unknown("rbac".to_owned())));
        assert_eq!("Node".parse::<Mode>(), Err(ModeError::Unavailable("Node".to_owned())));
        for mode in [Mode::Abac, Mode::AlwaysAllow, Mode::AlwaysDeny, Mode::Rbac] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
    }
}
