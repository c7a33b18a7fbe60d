#[cfg(feature = "rbac")]
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

#[cfg(feature = "rbac")]
use super::config::GrantWarning;
use super::config::{Config, Link, SuperUserStep};
use crate::api::inventory::Inventory;
#[cfg(feature = "rbac")]
use crate::api::meta::ObjectMeta;
use crate::api::mode::Mode;
#[cfg(feature = "rbac")]
use crate::api::rbac::{ClusterRole, Kind, ObjectKey};
#[cfg(feature = "abac")]
use crate::authz::abac;
#[cfg(feature = "node")]
use crate::authz::node;
#[cfg(feature = "rbac")]
use crate::authz::rbac::{self, Editor, GrantTimes, GrantTimesError, TooLarge, aggregation};
#[cfg(feature = "rego")]
use crate::authz::rego;
use crate::authz::{
    AlwaysAllow, AlwaysDeny, Authorizer, Chain, ChainPrincipal, RevocationGate, Rules,
};
#[cfg(feature = "rbac")]
use crate::model::{Moment, Origin};
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
    /// Two links have one name, or a link has none (S-CHAIN-3).
    #[error("link `{0}` of the chain needs a name of its own")]
    Name(String),
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
    /// A binding says in a way that cannot be read when it grants, so it never does.
    #[cfg(feature = "rbac")]
    GrantTimes {
        /// Where it stands.
        origin: Origin,
        /// Which one.
        key: ObjectKey,
        /// What is wrong with it.
        error: GrantTimesError,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "rbac")]
            Self::Aggregation(warning) => warning.fmt(f),
            #[cfg(feature = "rbac")]
            Self::GrantTimes { origin, key, error } => {
                write!(f, "{origin}: {key} never grants: {error}")
            }
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
    pub(super) links: Arc<[Link]>,
    pub(super) super_user: SuperUserStep,
    pub(super) chain: Chain,
    pub(super) revocations: Option<SharedRevocations>,
    #[cfg_attr(
        not(any(feature = "rbac", feature = "abac", feature = "node")),
        expect(dead_code, reason = "without an engine there is none to ask for")
    )]
    pub(super) engines: Engines,
    pub(super) notices: Vec<Notice>,
    #[cfg(feature = "rbac")]
    pub(super) grant_warning: GrantWarning,
}

/// What the links of a chain were compiled to, as far as others than the chain ask for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Engines {
    #[cfg(feature = "rbac")]
    pub(super) rbac: Option<Arc<rbac::Policy>>,
    #[cfg(feature = "abac")]
    pub(super) abac: Option<Arc<abac::Policy>>,
    #[cfg(feature = "node")]
    pub(super) node: Option<Arc<node::Graph>>,
    /// What Rego may know of the inventory.
    #[cfg(feature = "rego")]
    pub(super) facts: Option<Arc<rego::Facts>>,
}

impl Engines {
    /// All that the inventory and the configuration give, but for the engines whose policy can be
    /// edited: those are the caller's.
    pub(super) fn new(inventory: &Inventory, config: &Config) -> Self {
        let _ = (inventory, config);
        Self {
            #[cfg(feature = "abac")]
            abac: config.abac.clone().filter(|_| config.has(Mode::Abac)),
            #[cfg(feature = "rego")]
            facts: (config.links.iter().any(|link| matches!(link, Link::Rego { .. })))
                .then(|| Arc::new(rego::Facts::new(inventory))),
            ..Self::default()
        }
    }

    /// What a policy in Rego meets.
    #[cfg(feature = "rego")]
    fn for_rego(&self) -> rego::World {
        rego::World {
            #[cfg(feature = "rbac")]
            rbac: self.rbac.clone().map(|policy| {
                let policy: Arc<dyn Authorizer> = policy;
                policy
            }),
            #[cfg(not(feature = "rbac"))]
            rbac: None,
            facts: self.facts.clone().unwrap_or_default(),
        }
    }
}

/// Compiles what was said into what it means.
///
/// # Errors
/// When a mode lacks its policy or its engine, is named twice, or the policy is too large.
pub fn compile(inventory: &Inventory, config: &Config) -> Result<Snapshot, CompileError> {
    let engines = Engines::new(inventory, config);
    #[cfg(feature = "rbac")]
    let (engines, notices) = match config.has(Mode::Rbac) {
        true => {
            let (editor, mut notices) = load_rbac(inventory, config)?;
            notices.extend(unreadable_times(inventory, config).into_values());
            (Engines { rbac: Some(Arc::new(editor.policy())), ..engines }, notices)
        }
        false => (engines, Vec::new()),
    };
    #[cfg(not(feature = "rbac"))]
    let notices = Vec::new();
    #[cfg(feature = "node")]
    let mut engines = engines;
    #[cfg(feature = "node")]
    if config.has(Mode::Node) {
        engines.node = Some(Arc::new(load_node(inventory, config).graph()));
    }
    let chain = build_chain(config, &engines)?;
    Ok(Snapshot::new(1, config, engines, chain, notices))
}

/// Loads the part of an inventory that the Node authorizer reads.
#[cfg(feature = "node")]
pub(super) fn load_node(inventory: &Inventory, config: &Config) -> node::Editor {
    node::Editor::load(config.node, inventory.graph.iter().map(|object| &object.value))
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
    let editor = match &config.grant_times {
        Some(clock) => Editor::with_grant_times(clock.clone()),
        None => Editor::new(),
    };
    let editor = editor.filled(inventory, |index| rules.get(&index).map(|r| r.as_ref()))?;
    Ok((editor, resolution.warnings.into_iter().map(Notice::Aggregation).collect()))
}

/// The bindings that never grant because nobody can read when; none where nobody asks the clock.
#[cfg(feature = "rbac")]
pub(super) fn unreadable_times(
    inventory: &Inventory,
    config: &Config,
) -> BTreeMap<ObjectKey, Notice> {
    let mut unreadable = BTreeMap::new();
    if config.grant_times.is_none() {
        return unreadable;
    }
    let Inventory { cluster_role_bindings, role_bindings, .. } = inventory;
    let mut read = |kind, namespace: &str, metadata: &ObjectMeta, origin: &Origin| {
        let key = ObjectKey { kind, namespace: namespace.into(), name: metadata.name.clone() };
        // Of two with one name the later one counts.
        match unreadable_time(&key, metadata, origin) {
            Some(notice) => drop(unreadable.insert(key, notice)),
            None => drop(unreadable.remove(&key)),
        }
    };
    for binding in cluster_role_bindings {
        read(Kind::ClusterRoleBinding, "", &binding.value.metadata, &binding.origin);
    }
    for binding in role_bindings {
        let metadata = &binding.value.metadata;
        read(Kind::RoleBinding, &metadata.namespace, metadata, &binding.origin);
    }
    unreadable
}

/// What there is to tell of one binding.
#[cfg(feature = "rbac")]
pub(super) fn unreadable_time(
    key: &ObjectKey,
    metadata: &ObjectMeta,
    origin: &Origin,
) -> Option<Notice> {
    let error = GrantTimes::of(metadata).err()?;
    Some(Notice::GrantTimes { origin: origin.clone(), key: key.clone(), error })
}

pub(super) fn build_chain(config: &Config, engines: &Engines) -> Result<Chain, CompileError> {
    let mut chain = Chain::new().with_on_failure(config.on_failure);
    if config.super_user == SuperUserStep::LeaveOut {
        chain = chain.without_super_user();
    }
    if let Some(runner) = &config.slow_runner {
        chain = chain.with_slow_runner(Arc::clone(runner));
    }
    #[cfg(feature = "live-groups")]
    if let Some(groups) = &config.live_groups {
        chain = chain.with_live_groups(groups.clone());
    }
    if let Some(revocations) = &config.revocations {
        chain = chain.with_gate("Revocation", RevocationGate::new(revocations.clone()));
    }
    for (index, link) in config.links.iter().enumerate() {
        let name = link.name();
        if name.is_empty() || config.links.iter().take(index).any(|before| before.name() == name) {
            return Err(match link.mode() {
                Some(mode) => CompileError::RepeatedMode(mode),
                None => CompileError::Name(name.to_owned()),
            });
        }
        let authorizer = match link {
            Link::Mode(mode) => of_mode(*mode, engines)?,
            #[cfg(feature = "rego")]
            Link::Rego { policy, .. } => {
                Arc::new(rego::RegoAuthorizer::new(Arc::clone(policy), engines.for_rego()))
            }
            Link::Authorizer { authorizer, .. } => Arc::clone(authorizer),
        };
        chain = chain.with_shared(name, authorizer);
    }
    Ok(chain)
}

fn of_mode(mode: Mode, engines: &Engines) -> Result<Arc<dyn Authorizer>, CompileError> {
    #[cfg(any(feature = "rbac", feature = "abac", feature = "node"))]
    fn given<A: Authorizer + 'static>(
        engine: Option<&Arc<A>>,
        mode: Mode,
    ) -> Result<Arc<dyn Authorizer>, CompileError> {
        let engine = engine.ok_or(CompileError::MissingPolicy(mode))?;
        Ok(Arc::<A>::clone(engine))
    }

    let _ = engines;
    match mode {
        Mode::AlwaysAllow => Ok(Arc::new(AlwaysAllow)),
        Mode::AlwaysDeny => Ok(Arc::new(AlwaysDeny)),
        #[cfg(feature = "rbac")]
        Mode::Rbac => given(engines.rbac.as_ref(), mode),
        #[cfg(feature = "abac")]
        Mode::Abac => given(engines.abac.as_ref(), mode),
        #[cfg(feature = "node")]
        Mode::Node => given(engines.node.as_ref(), mode),
        #[cfg(not(all(feature = "rbac", feature = "abac", feature = "node")))]
        _ => Err(CompileError::MissingEngine(mode)),
    }
}

impl Snapshot {
    pub(super) fn new(
        generation: u64,
        config: &Config,
        engines: Engines,
        chain: Chain,
        notices: Vec<Notice>,
    ) -> Self {
        Self {
            generation,
            links: config.links.as_slice().into(),
            super_user: config.super_user,
            chain,
            revocations: config.revocations.clone(),
            engines,
            notices,
            #[cfg(feature = "rbac")]
            grant_warning: config.grant_warning,
        }
    }

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

    /// When the grants end on which a yes of this snapshot rests, if that is soon: see
    /// [`Verdict::grant_ends`] and [`Config::with_grant_warning`].
    #[cfg(feature = "rbac")]
    #[must_use]
    pub fn ends_soon(&self, verdict: &Verdict<'_>) -> Option<Moment> {
        self.is_soon(verdict.moment()?, verdict.grant_ends()?)
    }

    /// The end, if it is soon after that moment.
    #[cfg(feature = "rbac")]
    pub(crate) fn is_soon(&self, now: Moment, end: Moment) -> Option<Moment> {
        let warning = i64::try_from(self.grant_warning.0.as_secs()).unwrap_or(i64::MAX);
        (end <= now.plus_seconds(warning)).then_some(end)
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

    /// The links, in the order in which they are asked.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// Whether the built-in step before the modes is there.
    #[must_use]
    pub const fn super_user(&self) -> SuperUserStep {
        self.super_user
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
        self.engines.rbac.as_deref()
    }

    /// The ABAC policy, if mode ABAC is on.
    #[cfg(feature = "abac")]
    #[must_use]
    pub fn abac(&self) -> Option<&abac::Policy> {
        self.engines.abac.as_deref()
    }

    /// The graph of the Node authorizer, if mode Node is on.
    #[cfg(feature = "node")]
    #[must_use]
    pub fn node(&self) -> Option<&node::Graph> {
        self.engines.node.as_deref()
    }

    /// What the owner of the policy should know.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }
}
