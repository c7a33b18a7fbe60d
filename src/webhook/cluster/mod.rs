//! The policy of a cluster, as it is there at any time: what follows the API server while reviews are
//! answered?
//!
//! [`FollowedCluster`] is opened once, before the first policy is loaded. Once of every kind there is a whole
//! list, live or from disk (where Secrets never are: after a start from there they are not waited for), the
//! policy and the objects behind tokens are built from it, and from then on each
//! batch of changes is one change of both: readers take what is newest without a lock and never see half of
//! it. A configuration that is loaded anew builds anew, and the one before serves until that is done.
//!
//! What ends with an object ends at once: answers about tokens that were bound to it are forgotten. What
//! counts when the API server is not heard any more is the configuration's choice, see
//! [`WhenLost`](super::config::WhenLost).
//!
//! Absent on purpose: lists and watches (see [`source::watch`](crate::source::watch)), the file of the saved
//! state (see its `saved`), and a default answer: until there is a policy, reviews are answered with 503.

mod ended;
mod follower;
mod kinds;
mod open;
mod quiet;
mod readings;
mod saving;
mod standing;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::app::App;
use super::config::ClusterConfig;
use super::reload::Generations;
use crate::api::core::{SharedTokenObjects, TokenObjects};
use crate::snapshot::{self, CompileError, Snapshot};
use crate::source::Loaded;
use crate::source::watch::{Cluster, Connection, Follower, Watched};
use follower::PolicyFollower;
pub use kinds::words;
pub(super) use open::unusable;
pub(super) use quiet::{Hushed, Silence, quiet_policy};
use saving::Disk;

/// How long a policy that could not be built is left alone.
const BUILD_AGAIN: Duration = Duration::from_secs(10);

/// An API server whose objects are followed. Clones are handles of the same one.
#[derive(Clone)]
pub struct FollowedCluster(Arc<Inner>);

struct Inner {
    config: ClusterConfig,
    connection: Connection,
    cluster: Cluster,
    watched: Vec<Watched>,
    started: SystemTime,
    objects: SharedTokenObjects,
    silence: Silence,
    disk: ArcSwap<Disk>,
    /// Held while the file is written.
    writing: Mutex<()>,
    /// Held by whoever attaches. Taken before what the cluster locks, and that before the desk.
    attaching: Mutex<()>,
    desk: Mutex<Desk>,
    /// The policy must be built anew.
    broken: Notify,
}

/// Who decides which policy serves.
#[derive(Default)]
struct Desk {
    plan: Option<Arc<Plan>>,
    app: Weak<App>,
    generations: Generations,
    /// The policy that is kept, once it was built.
    live: Option<Arc<snapshot::Live>>,
    /// Whether the cluster was lost for so long that nothing of it counts.
    is_silent: bool,
    /// The same, where only readiness fails.
    is_unready: bool,
    /// Since when the newest policy is not what the cluster says, and why.
    problem: Option<(Instant, String)>,
}

/// What a policy is built of besides the cluster's objects.
#[derive(Debug)]
pub(super) struct Plan {
    /// The chain.
    pub(super) config: snapshot::Config,
    /// What serves instead while the cluster is lost.
    pub(super) quiet: Arc<Snapshot>,
}

impl fmt::Debug for FollowedCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FollowedCluster")
            .field("server", &self.server())
            .field("watched", &self.0.watched)
            .finish_non_exhaustive()
    }
}

impl FollowedCluster {
    /// The URL of the API server.
    #[must_use]
    pub fn server(&self) -> &str {
        self.0.connection.server()
    }

    /// The connection, for those who write.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.0.connection
    }

    /// The objects as they are watched.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.0.cluster
    }

    /// The kinds that are watched.
    #[must_use]
    pub fn watched(&self) -> &[Watched] {
        &self.0.watched
    }

    /// The objects behind tokens, as they are at any time.
    pub(super) fn objects(&self) -> &SharedTokenObjects {
        &self.0.objects
    }

    /// Tells authenticators when nothing of the cluster counts any more.
    pub(super) fn silence(&self) -> &Silence {
        &self.0.silence
    }

    /// Whether there is a policy made of it that serves, or would.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        self.0.desk().live.is_some()
    }

    /// Whether it was lost for so long that readiness is to fail.
    #[must_use]
    pub fn is_unready(&self) -> bool {
        self.0.desk().is_unready
    }

    /// Serves a policy by this plan from now on, or as soon as there is one. Blocks as long as building
    /// takes.
    pub(super) fn serve(&self, plan: &Arc<Plan>, app: &Arc<App>, generations: &Generations) {
        {
            let mut desk = self.0.desk();
            desk.plan = Some(Arc::clone(plan));
            desk.app = Arc::downgrade(app);
            desk.generations = generations.clone();
        }
        if self.0.cluster.is_ready() {
            self.attach();
        }
    }

    /// Nothing that is built from the cluster serves any more.
    pub(super) fn stop(&self) {
        let mut desk = self.0.desk();
        // Whether the cluster is lost stays known: another plan may come before it is found.
        desk.plan = None;
        desk.live = None;
        desk.problem = None;
    }

    /// Builds the policy by the newest plan, and follows.
    fn attach(&self) {
        let _one = self.0.attaching.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(plan) = self.0.desk().plan.clone() else { return };
        if let Err(error) = self.0.cluster.attach(|loaded| Inner::build(&self.0, &plan, loaded)) {
            tracing::error!(%error, "no policy from the cluster; what served goes on serving");
            self.0.desk().fail(error.to_string());
            self.0.broken.notify_one();
        }
    }

    /// Follows, looks whether the cluster is still heard, and keeps the saved state, for as long as it is
    /// polled.
    pub(super) async fn run(self) {
        tokio::join!(self.follow(), self.watch_over(), self.keep_saving());
    }

    /// Builds the policy as soon as there is a list of everything, and anew when a change failed.
    async fn follow(&self) {
        self.0.cluster.ready().await;
        loop {
            let must_build = {
                let desk = self.0.desk();
                desk.plan.is_some() && (desk.live.is_none() || desk.problem.is_some())
            };
            if must_build {
                let this = self.clone();
                let built = tokio::task::spawn_blocking(move || this.attach());
                if let Err(error) = built.await {
                    tracing::error!(%error, "building a policy broke off; please report this");
                    self.0.desk().fail("building it broke off".to_owned());
                }
                if self.0.desk().problem.is_some() {
                    tokio::time::sleep(BUILD_AGAIN).await;
                    continue;
                }
            }
            self.0.broken.notified().await;
        }
    }
}

impl Inner {
    /// A panic elsewhere leaves the desk whole: nothing below panics between two changes.
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Called while the cluster stands still.
    fn build(
        this: &Arc<Self>,
        plan: &Arc<Plan>,
        loaded: Loaded,
    ) -> Result<Arc<dyn Follower>, CompileError> {
        let live = Arc::new(snapshot::Live::new(&loaded.inventory, plan.config.clone())?);
        let (roles, bindings) = (
            loaded.inventory.roles.len() + loaded.inventory.cluster_roles.len(),
            loaded.inventory.bindings(),
        );
        this.objects.publish(TokenObjects::of_cluster(&loaded.inventory));
        let mut desk = this.desk();
        // Building takes long enough for a configuration to be loaded that wants no such policy, or another:
        // that one serves already, or is built next.
        if desk.plan.as_ref().is_some_and(|newest| Arc::ptr_eq(newest, plan)) {
            desk.live = Some(Arc::clone(&live));
            desk.problem = None;
            desk.publish(plan);
            tracing::info!(roles, bindings, "the policy is that of the cluster");
        }
        if let Some(app) = desk.app.upgrade() {
            app.tokens().flush();
        }
        Ok(Arc::new(PolicyFollower::new(this, live, &plan.config)))
    }
}

impl Desk {
    /// The newest policy is not what the cluster says.
    fn fail(&mut self, why: String) {
        let since = self.problem.as_ref().map_or_else(Instant::now, |(since, _)| *since);
        self.problem = Some((since, why));
    }

    /// Lets the newest policy decide, or nothing of it while the cluster is lost.
    fn publish(&self, plan: &Plan) {
        let (Some(app), Some(live)) = (self.app.upgrade(), &self.live) else { return };
        let generation = self.generations.next();
        let snapshot = if self.is_silent { Arc::clone(&plan.quiet) } else { live.snapshot() };
        let snapshot = Snapshot::clone(&snapshot).with_generation(generation);
        app.publish(Arc::new(snapshot), generation);
        app.metrics().policy_generation(generation);
    }
}
