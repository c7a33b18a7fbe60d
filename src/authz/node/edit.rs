//! Changing a graph: the writer's side.
//!
//! An editor keeps of each object where it is tied to, and changes the blocks of the nodes concerned in
//! place as long as nobody else holds them; blocks that readers hold are copied first. So the same code
//! loads a hundred thousand pods and applies a single one in microseconds.

use std::sync::Arc;

use hashbrown::HashMap;

use super::block::{Block, Known};
use super::graph::Graph;
use super::table::Tag;
use super::{Gates, Vertex, VertexKind};
use crate::api::Str;
use crate::api::graph::{Key, Kind, Object, OnNode, PersistentVolume, Pod};
use crate::api::meta::Uid;

/// Applies and deletes objects, and gives out the graph as it stands.
///
/// ```
/// use portcullis::api::graph::{Object, Pod};
/// use portcullis::authz::Authorizer;
/// use portcullis::authz::node::{Editor, Gates};
/// use portcullis::model::{Request, ResourceAttributes, User};
///
/// let mut pod = Pod::default();
/// pod.namespace = "shop".into();
/// pod.name = "web-0".into();
/// pod.node_name = "n1".into();
/// pod.secrets = vec!["tls".into()].into();
/// let pod = Object::Pod(pod);
///
/// let mut editor = Editor::new(Gates::default());
/// let before = editor.graph();
/// editor.apply(&pod);
/// let after = editor.graph();
/// assert!(editor.delete(&pod.key()));
///
/// let kubelet = User::new("system:node:n1").with_groups(["system:nodes"]);
/// let secret = ResourceAttributes::new("get", "secrets").in_namespace("shop").named("tls");
/// let request = Request::resource(&kubelet, secret);
/// assert!(!before.authorize(&request).is_allowed());
/// assert!(after.authorize(&request).is_allowed(), "a reader keeps the version it took");
/// assert!(!editor.graph().authorize(&request).is_allowed());
/// ```
#[derive(Debug)]
pub struct Editor {
    graph: Graph,
    objects: HashMap<Key, State>,
    // By namespace and name: claims that lead to a node, or to which a volume is bound.
    claims: HashMap<(Str, Str), Claim>,
}

/// What is known of an object that was applied.
#[derive(Debug)]
enum State {
    Pod(PodState),
    Volume(PersistentVolume),
    /// The node that it belongs to, if any.
    OnNode(Option<Arc<str>>),
}

/// A pod as it was applied last, as far as an update is compared with it (S-NODE-14).
#[derive(Debug)]
struct PodState {
    node: Option<Arc<str>>,
    uid: Uid,
    ephemeral_containers: u32,
    resource_claim_statuses: Box<[(Str, Option<Str>)]>,
}

#[derive(Debug, Default)]
struct Claim {
    /// The names of the volumes bound to it: at most one, unless somebody made up objects.
    volumes: Vec<Str>,
    /// The nodes it leads to; each is the very allocation that the block of the node holds.
    nodes: Vec<Arc<str>>,
}

impl Claim {
    fn is_idle(&self) -> bool {
        self.volumes.is_empty() && self.nodes.is_empty()
    }
}

impl PodState {
    fn new(pod: &Pod) -> Self {
        Self {
            node: None,
            uid: pod.uid.clone(),
            ephemeral_containers: pod.ephemeral_containers,
            resource_claim_statuses: pod.resource_claim_statuses.clone(),
        }
    }

    /// Whether the API server would look at the references of a pod again.
    fn is_outdated_by(&self, pod: &Pod) -> bool {
        self.node.as_deref().unwrap_or_default() != pod.node_name.as_str()
            || self.uid != pod.uid
            || self.ephemeral_containers < pod.ephemeral_containers
            || self.resource_claim_statuses != pod.resource_claim_statuses
    }
}

impl Editor {
    /// An editor of an empty graph.
    #[must_use]
    pub fn new(gates: Gates) -> Self {
        Self { graph: Graph::new(gates), objects: HashMap::new(), claims: HashMap::new() }
    }

    /// An editor of these objects. Of two with the same key the later one counts, whole: in files that
    /// is a correction, not an update.
    #[must_use]
    pub fn load<'o>(gates: Gates, objects: impl IntoIterator<Item = &'o Object>) -> Self {
        let mut editor = Self::new(gates);
        for object in objects {
            editor.replace(object);
        }
        editor
    }

    /// The graph as it stands. Later changes do not touch it.
    #[must_use]
    pub fn graph(&self) -> Graph {
        self.graph.clone()
    }

    /// Adds an object, or updates the one of its key as the API server's authorizer does.
    ///
    /// Of a pod that it has seen it looks at the references again only when the node or the uid has
    /// changed, when there are more ephemeral containers, or when `status.resourceClaimStatuses` has
    /// changed (S-NODE-14): everything else that a pod refers to cannot change. It misses one thing,
    /// `status.extendedResourceClaimStatus`, and so does this.
    ///
    /// What would not fit the tables (4 GiB of names on one node) is left out: the node may do less.
    pub fn apply(&mut self, object: &Object) {
        if let Object::Pod(pod) = object
            && let Some(State::Pod(known)) = self.objects.get_mut(&object.key())
            && !known.is_outdated_by(pod)
        {
            known.ephemeral_containers = pod.ephemeral_containers;
            return;
        }
        self.replace(object);
    }

    /// Removes an object with its edges, and what led to its node through it alone (S-NODE-16). Whether
    /// it was there.
    pub fn delete(&mut self, key: &Key) -> bool {
        match self.objects.remove(key) {
            None => return false,
            Some(State::Volume(volume)) => self.unbind(&volume),
            Some(State::Pod(PodState { node: Some(node), .. }) | State::OnNode(Some(node))) => {
                self.leave(&node, vertex_of(key));
            }
            Some(State::Pod(_) | State::OnNode(None)) => {}
        }
        true
    }

    fn replace(&mut self, object: &Object) {
        let key = object.key();
        let state = match object {
            Object::PersistentVolume(volume) => {
                if matches!(self.objects.get(&key), Some(State::Volume(known)) if known == volume) {
                    return;
                }
                self.delete(&key);
                self.bind(volume);
                State::Volume(volume.clone())
            }
            Object::Pod(pod) => {
                self.delete(&key);
                State::Pod(PodState {
                    node: self.place(pod, vertex_of(&key)),
                    ..PodState::new(pod)
                })
            }
            Object::VolumeAttachment(it)
            | Object::ResourceSlice(it)
            | Object::PodCertificateRequest(it) => {
                self.delete(&key);
                State::OnNode(self.settle(it, vertex_of(&key)))
            }
        };
        self.objects.insert(key, state);
    }

    /// Enters a pod and what it refers to; gives its node (S-NODE-9, S-NODE-10).
    fn place(&mut self, pod: &Pod, vertex: Vertex<'_>) -> Option<Arc<str>> {
        if pod.node_name.is_empty() {
            return None;
        }
        let Self { graph, claims, objects } = self;
        let hasher = graph.shards.hasher().clone();
        let block = graph.shards.get_or_insert(&pod.node_name)?;
        let node = Arc::clone(block.node());
        let Some((to, _)) = block.enter(&hasher, vertex) else { return Some(node) };
        block.tie(to);
        if pod.is_mirror {
            return Some(node);
        }
        let mut sources = Vec::new();
        for (kind, names) in references(pod) {
            for name in names.iter().filter(|name| !name.is_empty()) {
                let source = Vertex { kind, namespace: &pod.namespace, name };
                let Some((from, known)) = block.enter(&hasher, source) else { continue };
                sources.push(from);
                if kind == VertexKind::PersistentVolumeClaim && known == Known::FromNowOn {
                    let claim = claims.entry((pod.namespace.clone(), name.clone())).or_default();
                    claim.nodes.push(Arc::clone(&node));
                    for volume in &claim.volumes {
                        let key = volume_key(volume);
                        if let Some(State::Volume(volume)) = objects.get(&key) {
                            attach(block, &hasher, volume, from);
                        }
                    }
                }
            }
        }
        sources.sort_unstable();
        sources.dedup();
        sources.into_iter().for_each(|from| block.link(from, to));
        Some(node)
    }

    /// Enters an object that belongs to a node; gives the node (S-NODE-13).
    fn settle(&mut self, object: &OnNode, vertex: Vertex<'_>) -> Option<Arc<str>> {
        if object.node_name.is_empty() {
            return None;
        }
        let shards = &mut self.graph.shards;
        let hasher = shards.hasher().clone();
        let block = shards.get_or_insert(&object.node_name)?;
        if let Some((id, _)) = block.enter(&hasher, vertex) {
            block.tie(id);
        }
        Some(Arc::clone(block.node()))
    }

    /// Removes an object from the block of its node.
    fn leave(&mut self, node: &str, vertex: Vertex<'_>) {
        let Self { graph, claims, .. } = self;
        let hasher = graph.shards.hasher().clone();
        let Some(block) = graph.shards.get_mut(node) else { return };
        let Some(id) = block.find(Tag::of(&hasher, vertex), vertex) else { return };
        let name = Arc::clone(block.node());
        block.remove(id, |gone| {
            if gone.kind != VertexKind::PersistentVolumeClaim {
                return;
            }
            let key = (Str::from(gone.namespace), Str::from(gone.name));
            if let Some(claim) = claims.get_mut(&key) {
                claim.nodes.retain(|node| !Arc::ptr_eq(node, &name));
                if claim.is_idle() {
                    claims.remove(&key);
                }
            }
        });
        if block.is_empty() {
            graph.shards.remove(node);
        }
    }

    /// Enters a volume at every node that its claim leads to (S-NODE-12).
    fn bind(&mut self, volume: &PersistentVolume) {
        let Some(key) = &volume.claim else { return };
        let shards = &mut self.graph.shards;
        let hasher = shards.hasher().clone();
        let claim = self.claims.entry(key.clone()).or_default();
        claim.volumes.push(volume.name.clone());
        let vertex = claim_vertex(key);
        let tag = Tag::of(&hasher, vertex);
        for node in &claim.nodes {
            if let Some(block) = shards.get_mut(node)
                && let Some(id) = block.find(tag, vertex)
            {
                attach(block, &hasher, volume, id);
            }
        }
    }

    /// Removes a volume wherever its claim leads to.
    fn unbind(&mut self, volume: &PersistentVolume) {
        let Some(key) = &volume.claim else { return };
        let shards = &mut self.graph.shards;
        let hasher = shards.hasher().clone();
        let Some(claim) = self.claims.get_mut(key) else { return };
        claim.volumes.retain(|name| *name != volume.name);
        let vertex = volume_vertex(volume);
        let tag = Tag::of(&hasher, vertex);
        for node in &claim.nodes {
            if let Some(block) = shards.get_mut(node)
                && let Some(id) = block.find(tag, vertex)
            {
                // Volumes and their secrets go; claims stay, since nothing of them changes.
                block.remove(id, |_| ());
            }
        }
        if claim.is_idle() {
            self.claims.remove(key);
        }
    }
}

/// What a pod refers to, by kind (S-NODE-11).
fn references(pod: &Pod) -> [(VertexKind, &[Str]); 6] {
    [
        (VertexKind::ServiceAccount, std::slice::from_ref(&pod.service_account)),
        (VertexKind::Secret, &pod.secrets),
        (VertexKind::ConfigMap, &pod.config_maps),
        (VertexKind::PersistentVolumeClaim, &pod.claims),
        (VertexKind::ResourceClaim, &pod.resource_claims),
        (VertexKind::ResourceClaim, std::slice::from_ref(&pod.extended_resource_claim)),
    ]
}

/// Adds secrets -> volume -> claim to a block that has the claim.
fn attach(
    block: &mut Block,
    hasher: &hashbrown::DefaultHashBuilder,
    volume: &PersistentVolume,
    claim: u32,
) {
    let Some((id, Known::FromNowOn)) = block.enter(hasher, volume_vertex(volume)) else { return };
    block.link(id, claim);
    let mut sources = Vec::new();
    for (namespace, name) in &volume.secrets {
        let secret = Vertex { kind: VertexKind::Secret, namespace, name };
        sources.extend(block.enter(hasher, secret).map(|(from, _)| from));
    }
    sources.sort_unstable();
    sources.dedup();
    sources.into_iter().for_each(|from| block.link(from, id));
}

fn volume_vertex(volume: &PersistentVolume) -> Vertex<'_> {
    Vertex { kind: VertexKind::PersistentVolume, namespace: "", name: &volume.name }
}

fn claim_vertex((namespace, name): &(Str, Str)) -> Vertex<'_> {
    Vertex { kind: VertexKind::PersistentVolumeClaim, namespace, name }
}

fn volume_key(name: &Str) -> Key {
    Key { kind: Kind::PersistentVolume, namespace: Str::default(), name: name.clone() }
}

fn vertex_of(key: &Key) -> Vertex<'_> {
    let kind = match key.kind {
        Kind::Pod => VertexKind::Pod,
        Kind::PersistentVolume => VertexKind::PersistentVolume,
        Kind::VolumeAttachment => VertexKind::VolumeAttachment,
        Kind::ResourceSlice => VertexKind::ResourceSlice,
        Kind::PodCertificateRequest => VertexKind::PodCertificateRequest,
    };
    Vertex { kind, namespace: &key.namespace, name: &key.name }
}
