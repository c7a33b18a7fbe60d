//! From what changed in the cluster to what changes in the policy.

use std::sync::{Arc, Weak};

use super::Inner;
use super::ended::{self, concerns_tokens};
use crate::api::graph;
use crate::api::mode::Mode;
use crate::api::rbac::{Kind, ObjectKey};
use crate::snapshot::{self, Change as PolicyChange};
use crate::source::watch::{Batch, Change, Decoded, Follower, Key, Watched};

/// Makes each batch one change of a policy and of the objects behind tokens.
pub(super) struct PolicyFollower {
    cluster: Weak<Inner>,
    live: Arc<snapshot::Live>,
    has_rbac: bool,
    has_node: bool,
}

impl PolicyFollower {
    pub(super) fn new(
        cluster: &Arc<Inner>,
        live: Arc<snapshot::Live>,
        config: &snapshot::Config,
    ) -> Self {
        Self {
            cluster: Arc::downgrade(cluster),
            live,
            has_rbac: config.has(Mode::Rbac),
            has_node: config.has(Mode::Node),
        }
    }

    /// What of a batch concerns the policy.
    fn policy_changes(&self, batch: &Batch) -> Vec<PolicyChange> {
        let changes = batch.changes.iter();
        if let Some(kind) = rbac_kind(&batch.watched).filter(|_| self.has_rbac) {
            return changes
                .filter_map(|(key, origin, change)| match change {
                    Change::Applied(decoded) => match &**decoded {
                        Decoded::Rbac(object) => {
                            Some(PolicyChange::Apply(object.clone(), origin.clone()))
                        }
                        _ => None,
                    },
                    Change::Deleted => Some(PolicyChange::Delete(object_key(kind, key))),
                })
                .collect();
        }
        let Some(kind) = graph_kind(&batch.watched).filter(|_| self.has_node) else {
            return Vec::new();
        };
        changes
            .filter_map(|(key, _, change)| match change {
                Change::Applied(decoded) => match &**decoded {
                    Decoded::Pod { graph, .. } => {
                        Some(PolicyChange::ApplyGraph(graph::Object::Pod((**graph).clone())))
                    }
                    Decoded::Graph(object) => Some(PolicyChange::ApplyGraph(object.clone())),
                    _ => None,
                },
                Change::Deleted => Some(PolicyChange::DeleteGraph(graph::Key {
                    kind,
                    namespace: key.namespace.clone(),
                    name: key.name.clone(),
                })),
            })
            .collect()
    }
}

impl Follower for PolicyFollower {
    fn changed(&self, batch: &Batch) {
        let Some(cluster) = self.cluster.upgrade() else { return };
        if concerns_tokens(&batch.watched) {
            let ended = cluster.objects.change(|objects| ended::change(objects, batch));
            let app = cluster.desk().app.upgrade();
            if let Some(app) = app.filter(|_| !ended.is_empty()) {
                app.tokens().forget(|proof| ended.ends(proof));
            }
        }
        let changes = self.policy_changes(batch);
        if changes.is_empty() {
            return;
        }
        let changed = self.live.change(changes);
        let mut desk = cluster.desk();
        // Another one follows by now.
        if !desk.live.as_ref().is_some_and(|live| Arc::ptr_eq(live, &self.live)) {
            return;
        }
        match (changed, &desk.plan) {
            (Ok(_), Some(plan)) => desk.publish(plan),
            (Ok(_), None) => {}
            (Err(error), _) => {
                tracing::error!(%error, "a change of the cluster was not taken; building anew");
                desk.fail(error.to_string());
                cluster.broken.notify_one();
            }
        }
    }
}

fn object_key(kind: Kind, key: &Key) -> ObjectKey {
    ObjectKey { kind, namespace: key.namespace.clone(), name: key.name.clone() }
}

const fn rbac_kind(watched: &Watched) -> Option<Kind> {
    match watched {
        Watched::ClusterRoles => Some(Kind::ClusterRole),
        Watched::ClusterRoleBindings => Some(Kind::ClusterRoleBinding),
        Watched::Roles => Some(Kind::Role),
        Watched::RoleBindings => Some(Kind::RoleBinding),
        _ => None,
    }
}

const fn graph_kind(watched: &Watched) -> Option<graph::Kind> {
    match watched {
        Watched::Pods => Some(graph::Kind::Pod),
        Watched::PersistentVolumes => Some(graph::Kind::PersistentVolume),
        Watched::VolumeAttachments => Some(graph::Kind::VolumeAttachment),
        Watched::ResourceSlices => Some(graph::Kind::ResourceSlice),
        Watched::PodCertificateRequests => Some(graph::Kind::PodCertificateRequest),
        _ => None,
    }
}
