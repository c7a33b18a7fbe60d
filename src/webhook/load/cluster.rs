//! A policy whose objects are those of a cluster: what is built of them, and by whom are they followed?

use std::sync::Arc;

use super::Loaded;
use crate::model::{Origin, SharedRevocations};
use crate::snapshot::{self, CompileError};
use crate::webhook::cluster::{FollowedCluster, Plan, quiet_policy, words};
use crate::webhook::config::{Problem, ServerConfig, needs};

/// Who follows the cluster for whoever loads.
#[derive(Debug, Clone)]
pub(super) enum Following {
    /// Nobody: a policy of it cannot be loaded.
    Nobody,
    /// Nobody, and nothing is to be served: it is only looked whether it could be.
    Checked,
    /// A server.
    Server(FollowedCluster),
}

impl Following {
    /// What follows what serves goes on.
    pub(super) fn after(serving: Option<&Loaded>) -> Self {
        let followed = serving.and_then(|serving| serving.followed.clone());
        followed.map_or(Self::Nobody, Self::Server)
    }

    /// Who follows. Notes when the configuration asks for what nobody follows.
    pub(super) fn agreed(
        self,
        config: &ServerConfig,
        is_reload: bool,
        problems: &mut Vec<Problem>,
    ) -> Option<FollowedCluster> {
        let mut note = |message: String| {
            let origin = match &config.cluster {
                Some(cluster) => cluster.origin.clone(),
                None => Origin { line: 0, ..config.listen.tls.certificate_file.origin.clone() },
            };
            problems.push(Problem::new(origin, "cluster", message));
        };
        match self {
            Self::Server(followed) => {
                let missing: Vec<&str> = needs(config)
                    .iter()
                    .filter(|kind| !followed.watched().contains(kind))
                    .map(words)
                    .collect();
                if !missing.is_empty() {
                    note(format!(
                        "{} are needed now, and not watched since the start; restart the server",
                        missing.join(", ")
                    ));
                }
                Some(followed)
            }
            Self::Nobody if config.policy.from_cluster && is_reload => {
                note("nothing was followed since the start; restart the server".to_owned());
                None
            }
            Self::Nobody if config.policy.from_cluster => {
                note("only a server follows a cluster; name files in `policy.paths`".to_owned());
                None
            }
            Self::Nobody | Self::Checked => None,
        }
    }
}

/// How policies are built of the cluster's objects, if they are.
pub(super) fn plan(
    config: &ServerConfig,
    chain: snapshot::Config,
    revoked: Option<&SharedRevocations>,
) -> Result<Option<Arc<Plan>>, CompileError> {
    if !config.policy.from_cluster {
        return Ok(None);
    }
    Ok(Some(Arc::new(Plan { config: chain, quiet: Arc::new(quiet_policy(revoked)?) })))
}
