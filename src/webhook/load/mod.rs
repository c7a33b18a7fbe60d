//! From a configuration to something that serves: what do these files mean together, and which
//! revision of them is it?
//!
//! Everything is read, or nothing serves: a part that is configured and broken fails the load
//! (a server that goes on without it would answer wrongly and look well). Every problem is told,
//! at the line of the configuration that names the file. A candidate policy is the exception: it
//! decides nothing, so one that is broken is told about and left out.
//!
//! Absent on purpose: the listeners and their certificates (see [`tls`]), and any time but the
//! caller's.

mod check;
mod cluster;
mod counted;
pub(super) mod digest_key;
mod door;
mod door_state;
mod fetched;
mod introspection;
mod live_groups;
mod material;
mod organisation;
mod policy;
mod revocations;
mod shared_revocations;
pub mod tls;
mod tokens;

#[cfg(test)]
pub(super) mod tests;
#[cfg(test)]
mod token_tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cluster::{FollowedCluster, Plan};
use super::config::{ConfigError, Problem, ServerConfig};
use super::login::Door;
use super::metrics::{Metrics, PolicyObject};
use crate::api::core::TokenObjects;
use crate::authn::TokenLookup;
use crate::authn::chain::TokenChain;
use crate::model::Origin;
use crate::snapshot::Snapshot;
use crate::source::Report;
pub use check::{Checked, check};
use cluster::Following;
pub use fetched::FetchedKeys;
pub(super) use material::{read_file, unreadable, with_causes};

use door_state::DoorState;
use live_groups::LoadedLiveGroups;
use material::Material;
use organisation::Organisation;
use policy::{Asking, Compiled};
pub use revocations::{FollowedRevocations, RevocationStatus};
use tokens::Known;
pub use tokens::LoadedAuthenticator;

/// Which bytes decide: a SHA-256 over everything that was read, the configuration file included.
/// Printed as its first twelve hexadecimal digits; replicas with equal files print the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision([u8; 32]);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.iter().take(6) {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// A policy and how many objects it is made of.
#[derive(Debug)]
pub struct LoadedPolicy {
    /// The compiled policy.
    pub snapshot: Arc<Snapshot>,
    /// Roles and cluster roles, those of the API server included.
    pub roles: usize,
    /// Bindings of either kind, likewise.
    pub bindings: usize,
    /// The same by kind, and policy lines.
    pub(super) objects: [(PolicyObject, usize); 5],
    /// What reading met.
    pub report: Report,
}

/// Something that serves.
#[derive(Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// What was asked for.
    pub config: Arc<ServerConfig>,
    /// The policy.
    pub policy: LoadedPolicy,
    /// The candidate beside it.
    pub shadow: Option<LoadedPolicy>,
    /// The revoked client certificates, asked by the policy and by the candidate.
    pub revocations: Option<FollowedRevocations>,
    /// Who proves identities by tokens.
    pub tokens: Arc<TokenChain>,
    /// What the authenticators consist of, in the order in which they are asked.
    pub authenticators: Vec<LoadedAuthenticator>,
    /// Keys that come from URLs. As long as one of them has none, not everything is loaded that was
    /// asked for.
    pub fetched: Vec<FetchedKeys>,
    /// Where people log in, if they do.
    pub(super) door: Option<Arc<Door>>,
    /// What stays of it when it is loaded anew.
    door_state: Option<DoorState>,
    /// Directories and issuers.
    pub(super) organisation: Organisation,
    /// Groups of now.
    live_groups: Option<LoadedLiveGroups>,
    /// The API server that is followed.
    pub followed: Option<FollowedCluster>,
    /// How the policy is built of its objects, if it is: then `policy` is empty.
    pub(super) plan: Option<Arc<Plan>>,
    /// Why there is no candidate though one is configured. It is only tried: what decides does not
    /// wait for it, at the start neither.
    pub shadow_problems: Vec<Problem>,
    /// Which bytes it is made of.
    pub revision: Revision,
    /// What somebody should look at though it serves, such as objects that were left out.
    pub warnings: Vec<Problem>,
}

impl Loaded {
    /// Who proves identities, to be put behind a cache.
    #[must_use]
    pub fn tokens(&self) -> Arc<dyn TokenLookup> {
        Arc::<TokenChain>::clone(&self.tokens)
    }

    /// The same, counting what each authenticator says.
    #[must_use]
    pub fn counted_tokens(&self, metrics: &Arc<Metrics>) -> Arc<dyn TokenLookup> {
        let (chain, metrics) = (Arc::clone(&self.tokens), Arc::clone(metrics));
        Arc::new(counted::Counted { chain, metrics })
    }

    /// Says in the log what somebody should look at.
    pub(super) fn tell(&self) {
        for warning in &self.warnings {
            tracing::warn!("{warning}");
        }
        for problem in &self.shadow_problems {
            tracing::error!("no candidate policy is tried: {problem}");
        }
    }

    /// Sets the gauges that say what serves; those of objects of a cluster are set when they are read.
    pub fn count(&self, metrics: &Metrics) {
        for (kind, number) in self.policy.objects {
            metrics.policy_objects(kind, number);
        }
    }
}

/// How a load ended that found nothing wrong.
#[derive(Debug)]
pub enum Outcome {
    /// The same bytes as before: nothing was compiled.
    Unchanged,
    /// Something new.
    Loaded(Box<Loaded>),
}

/// Reads the configuration file and everything that it names.
///
/// # Errors
/// Everything that is wrong with them.
pub fn load(file: &Path) -> Result<Loaded, ConfigError> {
    Draft::read(file)?.load_first(Following::Nobody)
}

/// A configuration file that was read, and nothing that it names.
#[derive(Debug)]
pub struct Draft {
    file: PathBuf,
    bytes: Vec<u8>,
    config: ServerConfig,
}

impl Draft {
    /// Reads the file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        let bytes = material::read_file(file).map_err(|error| {
            let name = file.display().to_string();
            let message = format!("cannot be read; check the path and your permission: {error}");
            ConfigError::new(vec![Problem::new(Origin::named(name), "", message)])
        })?;
        let config = ServerConfig::parse(file, &bytes)?;
        Ok(Self { file: file.to_owned(), bytes: bytes.to_vec(), config })
    }

    /// What it says.
    #[must_use]
    pub const fn config(&self) -> &ServerConfig {
        &self.config
    }

    /// Every path that is worth watching: the file, and what it names.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        let mut paths = vec![self.file.clone()];
        paths.extend(material::named_paths(&self.config));
        paths
    }

    /// Reads everything that the configuration names, and compiles it unless the bytes are those
    /// of `serving`, what serves now. What is fetched from URLs is taken over from that, and
    /// waited for where it is new: call it on a thread for blocking work then.
    ///
    /// With keys from a URL it must be called within a Tokio runtime.
    ///
    /// # Errors
    /// Everything that is wrong with the files.
    pub fn load(self, serving: Option<&Loaded>) -> Result<Outcome, ConfigError> {
        let base = self.file.parent().unwrap_or_else(|| Path::new(""));
        assemble(self.config, &self.bytes, base, serving, Following::after(serving))
    }

    /// The same for the first policy of a server, which follows this cluster.
    pub(super) fn load_following(
        self,
        followed: Option<FollowedCluster>,
    ) -> Result<Loaded, ConfigError> {
        let following = followed.map_or(Following::Nobody, Following::Server);
        self.load_first(following)
    }

    fn load_first(self, following: Following) -> Result<Loaded, ConfigError> {
        let base = self.file.parent().unwrap_or_else(|| Path::new(""));
        match assemble(self.config, &self.bytes, base, None, following)? {
            Outcome::Loaded(loaded) => Ok(*loaded),
            // Without a known revision nothing is unchanged.
            Outcome::Unchanged => Err(ConfigError::new(Vec::new())),
        }
    }
}

/// Reads everything that a configuration names which was not read from a file.
///
/// # Errors
/// Everything that is wrong with the files.
pub fn load_config(config: ServerConfig) -> Result<Loaded, ConfigError> {
    match assemble(config, &[], Path::new(""), None, Following::Nobody)? {
        Outcome::Loaded(loaded) => Ok(*loaded),
        Outcome::Unchanged => Err(ConfigError::new(Vec::new())),
    }
}

fn assemble(
    config: ServerConfig,
    bytes: &[u8],
    base: &Path,
    serving: Option<&Loaded>,
    following: Following,
) -> Result<Outcome, ConfigError> {
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    let mut shadow_problems = Vec::new();
    let mut material = Material::read(&config, bytes, base, &mut problems, &mut shadow_problems);
    let revision = material.revision;
    if problems.is_empty() && serving.is_some_and(|serving| serving.revision == revision) {
        return Ok(Outcome::Unchanged);
    }
    let followed = following.agreed(&config, serving.is_some(), &mut problems);
    let revocations = config.revocation.as_ref().and_then(|revocation| {
        let serving = serving.and_then(|serving| serving.revocations.as_ref());
        let opened = FollowedRevocations::open(revocation, serving, &mut warnings);
        opened.map_err(|problem| problems.push(problem)).ok()
    });
    let revoked = revocations.as_ref().map(FollowedRevocations::shared);
    let objects = std::mem::take(&mut material.objects);
    let candidate = std::mem::take(&mut material.candidate);
    let organisation = Organisation::load(
        &config,
        &material,
        serving.map(|serving| &serving.organisation),
        &mut problems,
        &mut warnings,
    );
    let live_groups = config.live_groups.as_ref().and_then(|config| {
        let serving = serving.and_then(|serving| serving.live_groups.as_ref());
        live_groups::load(config, &material, &organisation, serving, &mut problems)
    });
    let resolver = live_groups.as_ref().map(LoadedLiveGroups::resolver);
    let chain = &config.authorizers;
    let policy = policy::compile(
        &config.policy,
        objects,
        chain,
        Asking { revoked, groups: resolver },
        &material,
        &mut problems,
        &mut warnings,
    );
    let compiled = policy.map(|Compiled { policy, tokens, config: chain }| {
        let plan = cluster::plan(&config, chain, revoked);
        let plan = plan.map_err(|error| {
            let origin = config.listen.tls.certificate_file.origin.clone();
            problems.push(Problem::new(origin, "cluster", with_causes(&error)));
        });
        (policy, tokens, plan.ok().flatten())
    });
    let (policy, tokens, plan) = match compiled {
        Some((policy, tokens, plan)) => (Some(policy), tokens, plan),
        None => (None, TokenObjects::default(), None),
    };
    let from_cluster = followed.as_ref().filter(|_| config.policy.from_cluster);
    let objects = match from_cluster {
        Some(followed) => followed.objects().clone(),
        None => tokens.into(),
    };
    let silence = from_cluster.map(FollowedCluster::silence);
    let fetched = serving.map(|serving| serving.fetched.as_slice());
    let door_state = serving.and_then(|serving| serving.door_state.as_ref());
    let opened = config.login.as_ref().and_then(|login| {
        let (problems, warnings) = (&mut problems, &mut warnings);
        door::open(login, &material, &organisation, revoked, door_state, problems, warnings)
    });
    let (door, (door_state, handed_out)) = match opened {
        Some(opened) => (Some(opened.door), (Some(opened.state), opened.tokens)),
        None => (None, (None, None)),
    };
    let known = Known { fetched, organisation: &organisation, revoked, handed_out, silence };
    let tokens = tokens::load(&config, &material, &objects, known, &mut problems, &mut warnings);
    let shadow = config.shadow.as_ref().map(|shadow| {
        let chain = &shadow.authorizers;
        let (policy, material) = (&shadow.policy, &material);
        let loaded = policy::compile(
            policy,
            candidate,
            chain,
            Asking { revoked, groups: resolver },
            material,
            &mut shadow_problems,
            &mut warnings,
        );
        loaded.map(|compiled| compiled.policy)
    });
    match (policy, shadow) {
        (Some(policy), shadow) if problems.is_empty() => Ok(Outcome::Loaded(Box::new(Loaded {
            config: Arc::new(config),
            policy,
            // Half a candidate would say nothing of the whole.
            shadow: shadow.flatten().filter(|_| shadow_problems.is_empty()),
            shadow_problems,
            door,
            door_state,
            organisation,
            live_groups,
            followed,
            plan,
            revocations,
            tokens: Arc::new(tokens.chain),
            authenticators: tokens.authenticators,
            fetched: tokens.fetched,
            revision,
            warnings,
        }))),
        _ => Err(ConfigError::new(problems)),
    }
}
