use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
#[cfg(feature = "rbac")]
use std::time::Duration;

use crate::api::mode::Mode;
#[cfg(feature = "abac")]
use crate::authz::abac;
#[cfg(feature = "live-groups")]
use crate::authz::live_groups::GroupResolver;
#[cfg(feature = "node")]
use crate::authz::node;
#[cfg(feature = "rbac")]
use crate::authz::rbac::aggregation::Aggregation;
#[cfg(feature = "rego")]
use crate::authz::rego;
use crate::authz::{Authorizer, OnFailure, SlowRunner};
#[cfg(feature = "rbac")]
use crate::model::Clock;
use crate::model::SharedRevocations;

/// Not a mode that this build can run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModeError {
    /// No API server knows it.
    #[error(
        "authorization mode `{0}` does not exist; use {known} (case matters)",
        known = "Node, RBAC, ABAC, AlwaysDeny or AlwaysAllow"
    )]
    Unknown(String),
    /// A webhook needs to be told which.
    #[error(
        "authorization mode `Webhook` needs a connection, which a list of modes cannot tell; name it \
         in an AuthorizationConfiguration file"
    )]
    Webhook,
}

impl FromStr for Mode {
    type Err = ModeError;

    fn from_str(name: &str) -> Result<Self, ModeError> {
        match name {
            "ABAC" => Ok(Self::Abac),
            "AlwaysAllow" => Ok(Self::AlwaysAllow),
            "AlwaysDeny" => Ok(Self::AlwaysDeny),
            "RBAC" => Ok(Self::Rbac),
            "Node" => Ok(Self::Node),
            "Webhook" => Err(ModeError::Webhook),
            _ => Err(ModeError::Unknown(name.to_owned())),
        }
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

/// A link of the chain.
#[derive(Clone)]
#[non_exhaustive]
pub enum Link {
    /// A mode of the API server; its policy comes from the inventory or stands in [`Config`].
    Mode(Mode),
    /// A policy in Rego, under a name. It meets the RBAC policy and the facts of the inventory when
    /// the chain is compiled.
    #[cfg(feature = "rego")]
    Rego {
        /// The name of the link.
        name: String,
        /// What it says.
        policy: Arc<rego::Policy>,
    },
    /// Any other authorizer, under a name.
    Authorizer {
        /// The name of the link.
        name: String,
        /// Who is asked.
        authorizer: Arc<dyn Authorizer>,
    },
}

impl Link {
    /// The name, as the chain calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Mode(mode) => mode.as_str(),
            #[cfg(feature = "rego")]
            Self::Rego { name, .. } => name,
            Self::Authorizer { name, .. } => name,
        }
    }

    /// The mode, if it is one.
    #[must_use]
    pub const fn mode(&self) -> Option<Mode> {
        match self {
            Self::Mode(mode) => Some(*mode),
            _ => None,
        }
    }
}

impl From<Mode> for Link {
    fn from(mode: Mode) -> Self {
        Self::Mode(mode)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Link").field(&self.name()).finish()
    }
}

/// What the chain consists of.
///
/// ```
/// use portcullis::snapshot::{Config, Mode};
///
/// let config = Config::new([Mode::Rbac, Mode::AlwaysDeny]);
/// assert!(config.has(Mode::Rbac) && !config.has(Mode::Abac));
/// assert_eq!(config.links[1].name(), "AlwaysDeny");
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Config {
    /// The links, in the order in which they are asked.
    pub links: Vec<Link>,
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
    /// How links are asked that may take their time. Default: like all others.
    pub slow_runner: Option<SlowRunner>,
    /// Who replaces the groups of users by those of now, before anybody but the list of revoked
    /// certificates is asked. Default: nobody.
    #[cfg(feature = "live-groups")]
    pub live_groups: Option<GroupResolver>,
    /// What the Node authorizer does beyond the defaults of Kubernetes 1.36.
    #[cfg(feature = "node")]
    pub node: node::Gates,
    /// By which clock bindings begin and end that carry times. Default: by none, and such bindings
    /// grant for ever, as they do in the API server.
    #[cfg(feature = "rbac")]
    pub grant_times: Option<Clock>,
    /// How long before its end a grant is one that ends soon, for those who tell of it.
    #[cfg(feature = "rbac")]
    pub grant_warning: GrantWarning,
}

/// How long before its end a grant is one that ends soon. Default: an hour.
#[cfg(feature = "rbac")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantWarning(pub Duration);

#[cfg(feature = "rbac")]
impl Default for GrantWarning {
    fn default() -> Self {
        Self(Duration::from_secs(3_600))
    }
}

impl Config {
    /// A chain of these modes, everything else at its default.
    #[must_use]
    pub fn new(modes: impl IntoIterator<Item = Mode>) -> Self {
        Self { links: modes.into_iter().map(Link::Mode).collect(), ..Self::default() }
    }

    /// Whether a mode is among the links.
    #[must_use]
    pub fn has(&self, mode: Mode) -> bool {
        self.links.iter().any(|link| link.mode() == Some(mode))
    }

    /// The same, with one more link at the end of the chain.
    #[must_use]
    pub fn with_link(mut self, link: impl Into<Link>) -> Self {
        self.links.push(link.into());
        self
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

    /// The same, with slow links asked through `runner`, see [`Chain::with_slow_runner`].
    ///
    /// [`Chain::with_slow_runner`]: crate::authz::Chain::with_slow_runner
    #[must_use]
    pub fn with_slow_runner(mut self, runner: SlowRunner) -> Self {
        self.slow_runner = Some(runner);
        self
    }

    /// The same, with the groups of users replaced by those of now: see
    /// [`live_groups`](crate::authz::live_groups). Give the same resolver, or a clone of it, to each policy
    /// that follows another: what it keeps is about users, not about policies.
    #[cfg(feature = "live-groups")]
    #[must_use]
    pub fn with_live_groups(mut self, groups: GroupResolver) -> Self {
        self.live_groups = Some(groups);
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

    /// The same, with an authorizer of your own at the end of the chain. Names are its caller's; give
    /// each link another.
    #[must_use]
    pub fn with_authorizer(
        mut self,
        name: impl Into<String>,
        authorizer: impl Authorizer + 'static,
    ) -> Self {
        let authorizer = Arc::new(authorizer);
        self.links.push(Link::Authorizer { name: name.into(), authorizer });
        self
    }

    /// The same, with a policy in Rego at the end of the chain.
    #[cfg(feature = "rego")]
    #[must_use]
    pub fn with_rego(self, name: impl Into<String>, policy: impl Into<Arc<rego::Policy>>) -> Self {
        self.with_link(Link::Rego { name: name.into(), policy: policy.into() })
    }

    /// The same, with other feature gates of the Node authorizer.
    #[cfg(feature = "node")]
    #[must_use]
    pub const fn with_node(mut self, gates: node::Gates) -> Self {
        self.node = gates;
        self
    }

    /// The same, with bindings that begin and end as their annotations say, by this clock: see
    /// [`GrantTimes`](crate::authz::rbac::GrantTimes). It is asked at every decision that such a binding
    /// could make; nothing needs to be loaded anew when one ends.
    #[cfg(feature = "rbac")]
    #[must_use]
    pub fn with_grant_times(mut self, clock: Clock) -> Self {
        self.grant_times = Some(clock);
        self
    }

    /// The same, where another time before its end makes a grant one that ends soon: see
    /// [`Snapshot::ends_soon`](super::Snapshot::ends_soon).
    #[cfg(feature = "rbac")]
    #[must_use]
    pub const fn with_grant_warning(mut self, before: Duration) -> Self {
        self.grant_warning = GrantWarning(before);
        self
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("links", &self.links)
            .field("super_user", &self.super_user)
            .field("revocations", &self.revocations)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_case_sensitive_and_a_webhook_is_told_apart() {
        assert_eq!("RBAC".parse(), Ok(Mode::Rbac));
        assert_eq!("rbac".parse::<Mode>(), Err(ModeError::Unknown("rbac".to_owned())));
        assert_eq!("Webhook".parse::<Mode>(), Err(ModeError::Webhook));
        for mode in [Mode::Abac, Mode::AlwaysAllow, Mode::AlwaysDeny, Mode::Node, Mode::Rbac] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
    }
}
