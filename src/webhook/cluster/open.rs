//! The start: credentials, what was kept on disk, and the first watch.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::saving::Disk;
use super::{Desk, FollowedCluster, Inner, Silence};
use crate::api::core::SharedTokenObjects;
use crate::source::watch::saved::{Saved, SavedFile};
use crate::source::watch::{Cluster, ConnectError, Connection, Tuning, Watched};
use crate::webhook::config::{
    ClusterConfig, ClusterCredentials, ConfigError, Problem, SavedStateConfig,
};
use crate::webhook::load::with_causes;

impl FollowedCluster {
    /// Reads the credentials and the saved state, and begins to watch. The API server need not be there. Must
    /// be called within a Tokio runtime.
    ///
    /// # Errors
    /// When the credentials cannot be used. A saved state that cannot be vouched for is told, and does not
    /// count.
    pub async fn open(
        config: &ClusterConfig,
        watched: Vec<Watched>,
        now: SystemTime,
    ) -> Result<Self, ConfigError> {
        let connection = Connection::open(&config.options()).await;
        let connection = connection.map_err(|error| unusable(config, &error))?;
        let (saved, disk) = match &config.saved_state {
            None => (None, Disk::default()),
            Some(file) => read(file, connection.server().to_owned(), now).await,
        };
        tracing::info!(server = connection.server(), "following the cluster");
        let cluster = Cluster::start(&connection, watched.clone(), saved, Tuning::default());
        Ok(Self(Arc::new(Inner {
            config: config.clone(),
            connection,
            cluster,
            watched,
            started: now,
            objects: SharedTokenObjects::default(),
            silence: Silence::default(),
            disk: ArcSwap::from_pointee(disk),
            writing: Mutex::default(),
            attaching: Mutex::default(),
            desk: Mutex::new(Desk::default()),
            broken: Notify::new(),
        })))
    }
}

/// Credentials that cannot be used.
pub(in crate::webhook) fn unusable(config: &ClusterConfig, error: &ConnectError) -> ConfigError {
    let (origin, field) = match &config.credentials {
        ClusterCredentials::InCluster => (&config.origin, "cluster.inCluster"),
        ClusterCredentials::Kubeconfig { file, .. } => (&file.origin, "cluster.kubeconfig"),
    };
    ConfigError::new(vec![Problem::new(origin.clone(), field, with_causes(error))])
}

/// What counts of the file, and what is said of it.
async fn read(config: &SavedStateConfig, server: String, now: SystemTime) -> (Option<Saved>, Disk) {
    let file = SavedFile { path: config.file.path.clone(), max_age: Some(config.max_age) };
    let path = file.path.display().to_string();
    let read = tokio::task::spawn_blocking(move || file.read(&server, now)).await;
    let told = match &read {
        Ok(Ok(Some(saved))) => {
            let age = saved.age(now);
            tracing::info!(file = path, %age, "starting from the saved state");
            format!("began with it, {age}")
        }
        Ok(Ok(None)) => {
            tracing::info!(file = path, "no saved state; waiting for the API server");
            "there was none at the start".to_owned()
        }
        Ok(Err(error)) => {
            let error = with_causes(error);
            tracing::error!(error, "the saved state does not count; waiting for the API server");
            format!("refused at the start: {error}")
        }
        Err(error) => {
            tracing::error!(%error, "reading the saved state broke off; please report this");
            format!("not read at the start: {error}")
        }
    };
    let saved = read.ok().and_then(Result::ok).flatten();
    (saved, Disk { at_start: Some(told), ..Disk::default() })
}
