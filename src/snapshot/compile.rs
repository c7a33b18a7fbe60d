#[cfg(feature = "rbac")]
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::config::{Config, Mode, SuperUserStep};
use crate::api::inventory::Inventory;
#[cfg(feature = "rbac")]
use crate::api::rbac::ClusterRole;
#[cfg(feature = "abac")]
use crate::authz::abac;
#[cfg(feature = "rbac")]
use crate::authz::rbac::{self, Editor, TooLarge, aggregation};
use crate::authz::{
    AlwaysAllow, AlwaysDeny, Authorizer, Chain, ChainPrincipal, RevocationGate, Rules,
};
use crate::model::{Request, SharedRevocations, User, Verdict};

/// Why an inventory and a configuration do not make a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// A mode needs a policy that was not given.
    #[error("authorization mode `{0}` needs a policy; give one, or leave the mode out")]
    MissingPolicy(Mode),
    /// A mode stands twice in the list (S-CHAIN-14).
    #[error("authorization mode `{0}` is named more than once")]
    RepeatedMode(Mode),
    /// A mode whose engine is not compiled in.
    #[error("authorization mode `{0}` is not part of this build; enable its cargo feature")]
    MissingEngine(Mode),
    /// The policy does not fit its tables.
    #[cfg(feature = "rbac")]
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

/// Something about a policy that its owner should know and that changes no answer by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Stored and computed rules of an aggregated role differ, or its selectors are bad.
    #[cfg(feature = "rbac")]
    Aggregation(aggregation::AggregationWarning),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "rbac")]
            Self::Aggregation(warning) => warning.fmt(f),
            // There is no notice without an engine that has one.
            #[cfg(not(feature = "rbac"))]
            _ => f.write_str(""),
        }
    }
}

/// A compiled policy: immutable, shared, answering any number of threads at once.
///
/// ```
/// use portcullis::api::inventory::Inventory;
/// use portcullis::model::{Request, User};
/// use portcullis::snapshot::{Config, Mode, compile};
///
/// let snapshot = compile(&Inventory::default(), &Config::new([Mode::AlwaysAllow]))?;
/// let jane = User::new("jane");
/// assert!(snapshot.authorize(&Request::non_resource(&jane, "get", "/")).is_allowed());
/// # Ok::<(), portcullis::snapshot::CompileError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(super) generation: u64,
    pub(super) modes: Vec<Mode>,
    pub(super) super_user: SuperUserStep,
    pub(super) chain: Chain,
    pub(super) revocations: Option<SharedRevocations>,
    #[cfg(feature = "rbac")]
    pub(super) rbac: Option<Arc<rbac::Policy>>,
    #[cfg(feature = "abac")]
    pub(super) abac: Option<Arc<abac::Policy>>,
    pub(super) notices: Vec<Notice>,
}

/// Compiles what was said into what it means.
///
/// # Errors
/// When a mode lacks its policy or its engine, is named twice, or the policy is too large.
pub fn compile(inventory: &Inventory, config: &Config) -> Result<Snapshot, CompileError> {
    #[cfg(feature = "rbac")]
    let (rbac, notices) = if config.modes.contains(&Mode::Rbac) {
        let (editor, notices) = load_rbac(inventory, config)?;
        (Some(Arc::new(editor.policy())), notices)
    } else {
        (None, Vec::new())
    };
    #[cfg(not(feature = "rbac"))]
    let (_, notices) = (inventory, Vec::new());
    Ok(Snapshot {
        generation: 1,
        modes: config.modes.clone(),
        super_user: config.super_user,
        revocations: config.revocations.clone(),
        chain: build_chain(
            config,
            #[cfg(feature = "rbac")]
            rbac.as_ref(),
        )?,
        #[cfg(feature = "rbac")]
        rbac,
        #[cfg(feature = "abac")]
        abac: config.abac.clone().filter(|_| config.modes.contains(&Mode::Abac)),
        notices,
    })
}

/// Loads the RBAC part of an inventory, aggregated roles resolved as configured.
#[cfg(feature = "rbac")]
pub(super) fn load_rbac(
    inventory: &Inventory,
    config: &Config,
) -> Result<(Editor, Vec<Notice>), CompileError> {
    // Of roles with one name the last counts, for selection too.
    let mut last: HashMap<&str, usize> = HashMap::new();
    for (index, role) in inventory.cluster_roles.iter().enumerate() {
        last.insert(&role.value.metadata.name, index);
    }
    let mut counting: Vec<usize> = last.into_values().collect();
    counting.sort_unstable();
    let roles: Vec<&ClusterRole> = counting
        .iter()
        .filter_map(|&index| inventory.cluster_roles.get(index))
        .map(|role| &role.value)
        .collect();
    let resolution = aggregation::resolve(&roles, config.aggregation);
    let rules: HashMap<usize, _> = counting.into_iter().zip(&resolution.rules).collect();
    let editor = Editor::load_with_rules(inventory, |index| rules.get(&index).map(|r| r.as_ref()))?;
    Ok((editor, resolution.warnings.into_iter().map(Notice::Aggregation).collect()))
}

pub(super) fn build_chain(
    config: &Config,
    #[cfg(feature = "rbac")] rbac: Option<&Arc<rbac::Policy>>,
) -> Result<Chain, CompileError> {
    let mut chain = Chain::new().with_on_failure(config.on_failure);
    if config.super_user == SuperUserStep::LeaveOut {
        chain = chain.without_super_user();
    }
    if let Some(revocations) = &config.revocations {
        chain = chain.with_gate("Revocation", RevocationGate::new(revocations.clone()));
    }
    for (index, &mode) in config.modes.iter().enumerate() {
        if config.modes.iter().take(index).any(|&earlier| earlier == mode) {
            return Err(CompileError::RepeatedMode(mode));
        }
        let authorizer: Arc<dyn Authorizer> = match mode {
            Mode::AlwaysAllow => Arc::new(AlwaysAllow),
            Mode::AlwaysDeny => Arc::new(AlwaysDeny),
            #[cfg(feature = "rbac")]
            Mode::Rbac => {
                let policy = rbac.ok_or(CompileError::MissingPolicy(mode))?;
                Arc::<rbac::Policy>::clone(policy)
            }
            #[cfg(feature = "abac")]
            Mode::Abac => {
                let policy = config.abac.as_ref().ok_or(CompileError::MissingPolicy(mode))?;
                Arc::<abac::Policy>::clone(policy)
            }
            #[cfg(not(all(feature = "rbac", feature = "abac")))]
            _ => return Err(CompileError::MissingEngine(mode)),
        };
        chain = chain.with_shared(&mode.to_string(), authorizer);
    }
    for (name, authorizer) in &config.custom {
        chain = chain.with_shared(name, Arc::clone(authorizer));
    }
    Ok(chain)
}

impl Snapshot {
    /// Answers one request. Allocates nothing and takes no lock as long as no authorizer of your
    /// own does.
    pub fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
        self.chain.authorize(request)
    }

    /// Resolves a user once, for callers that decide often for one identity. The principal keeps
    /// answering as this snapshot does; take a new one when [`Self::generation`] has moved.
    #[must_use]
    pub fn principal(&self, user: &User) -> ChainPrincipal {
        self.chain.principal(&Arc::new(user.clone()))
    }

    /// Everything that `user` may do in `namespace`, as a rules review lists it (S-CHAIN-4).
    #[must_use]
    pub fn rules_for(&self, user: &User, namespace: &str) -> Rules {
        self.chain.rules_for(user, namespace)
    }

    /// Counts the versions of a policy that changes; 1 for one that was compiled once.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// The same policy, counted otherwise: for those who compile anew whenever something changes.
    #[must_use]
    pub fn with_generation(mut self, generation: u64) -> Self {
        self.generation = generation;
        self
    }

    /// The modes, in the order in which they are asked.
    #[must_use]
    pub fn modes(&self) -> &[Mode] {
        &self.modes
    }

    /// Whether the built-in step before the modes is there.
    #[must_use]
    pub const fn super_user(&self) -> SuperUserStep {
        self.super_user
    }

    /// The names of the authorizers that were brought along, which are asked after the modes.
    pub fn custom(&self) -> impl Iterator<Item = &str> {
        self.chain.names().skip(self.modes.len())
    }

    /// The authorizers, in order.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The list of revoked client certificates that is asked first, if there is one.
    #[must_use]
    pub const fn revocations(&self) -> Option<&SharedRevocations> {
        self.revocations.as_ref()
    }

    /// The RBAC policy, if mode RBAC is on.
    #[cfg(feature = "rbac")]
    #[must_use]
    pub fn rbac(&self) -> Option<&rbac::Policy> {
        self.rbac.as_deref()
    }

    /// The ABAC policy, if mode ABAC is on.
    #[cfg(feature = "abac")]
    #[must_use]
    pub fn abac(&self) -> Option<&abac::Policy> {
        self.abac.as_deref()
    }

    /// What the owner of the policy should know.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }
}
