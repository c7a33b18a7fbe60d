//! The Node authorizer as §4 of the semantics tells it: keep every object, build all edges, walk them.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use portcullis::api::graph::{Key, Kind, Object, Pod};
use portcullis::authz::node::Gates;
use portcullis::model::{Attributes, FieldOperator, Request, ResourceAttributes, User};

/// Kind, namespace and name.
type Vertex = (&'static str, String, String);

type Edges = BTreeMap<Vertex, BTreeSet<Vertex>>;

/// Who holds what, as the API server's authorizer would.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    gates: Gates,
    // The object of which the edges are those of the graph, and the one that was seen last: for pods
    // they may differ (S-NODE-14).
    objects: Vec<(Key, Object, Object)>,
    // Built of all objects when it is asked for, and thrown away by every change.
    edges: OnceCell<Edges>,
}

impl Reference {
    pub(crate) fn new(gates: Gates) -> Self {
        Self { gates, objects: Vec::new(), edges: OnceCell::new() }
    }

    /// Of two objects with one key the later one counts.
    pub(crate) fn load<'o>(gates: Gates, objects: impl IntoIterator<Item = &'o Object>) -> Self {
        let last: BTreeMap<String, &Object> =
            objects.into_iter().map(|object| (format!("{:?}", object.key()), object)).collect();
        let mut reference = Self::new(gates);
        last.into_values().for_each(|object| reference.apply(object));
        reference
    }

    pub(crate) fn apply(&mut self, object: &Object) {
        self.edges = OnceCell::new();
        let key = object.key();
        match self.objects.iter_mut().find(|(known, ..)| *known == key) {
            None => self.objects.push((key, object.clone(), object.clone())),
            Some((_, counts, seen)) => {
                if is_rebuilt(seen, object) {
                    *counts = object.clone();
                }
                *seen = object.clone();
            }
        }
    }

    pub(crate) fn delete(&mut self, key: &Key) -> bool {
        self.edges = OnceCell::new();
        let before = self.objects.len();
        self.objects.retain(|(known, ..)| known != key);
        self.objects.len() < before
    }

    /// The nodes to which an edge leads.
    pub(crate) fn nodes(&self) -> BTreeSet<String> {
        let edges = self.edges();
        let ends = edges.values().flatten().filter(|(kind, ..)| *kind == "Node");
        ends.map(|(_, _, name)| name.clone()).collect()
    }

    fn edges(&self) -> &Edges {
        self.edges.get_or_init(|| self.build())
    }

    fn build(&self) -> Edges {
        let mut edges = Edges::new();
        let mut add = |from: Vertex, to: Vertex| {
            edges.entry(from).or_default().insert(to);
        };
        let node = |name: &str| ("Node", String::new(), name.to_owned());
        for (key, object, _) in &self.objects {
            let of = |kind| (kind, key.namespace.to_string(), key.name.to_string());
            match object {
                // S-NODE-13.
                Object::VolumeAttachment(it) if !it.node_name.is_empty() => {
                    add(of("VolumeAttachment"), node(&it.node_name));
                }
                Object::ResourceSlice(it) if !it.node_name.is_empty() => {
                    add(of("ResourceSlice"), node(&it.node_name));
                }
                Object::PodCertificateRequest(it) if !it.node_name.is_empty() => {
                    add(of("PodCertificateRequest"), node(&it.node_name));
                }
                // S-NODE-12.
                Object::PersistentVolume(volume) => {
                    if let Some((namespace, name)) = &volume.claim {
                        let claim = ("Claim", namespace.to_string(), name.to_string());
                        add(of("PersistentVolume"), claim);
                        for (namespace, name) in &volume.secrets {
                            let secret = ("Secret", namespace.to_string(), name.to_string());
                            add(secret, of("PersistentVolume"));
                        }
                    }
                }
                // S-NODE-9.
                Object::Pod(pod) if !pod.node_name.is_empty() => {
                    add(of("Pod"), node(&pod.node_name));
                    // S-NODE-10.
                    if !pod.is_mirror {
                        for (kind, name) in references(pod) {
                            add((kind, pod.namespace.to_string(), name), of("Pod"));
                        }
                    }
                }
                _ => {}
            }
        }
        edges
    }

    fn leads(&self, from: Vertex, node: &str) -> bool {
        let edges = self.edges();
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            if at.0 == "Node" {
                if at.2 == node {
                    return true;
                }
                // S-NODE-16: no way continues through a node.
                continue;
            }
            if seen.insert(at.clone()) {
                open.extend(edges.get(&at).into_iter().flatten().cloned());
            }
        }
        false
    }

    /// Whether it is allowed; if not, the reason.
    pub(crate) fn authorize(&self, request: &Request<'_>) -> Result<(), String> {
        let node = match node_of(request.user) {
            None => return no(""),
            Some("") => return no(&format!("unknown node for user {:?}", request.user.name)),
            Some(node) => node,
        };
        let asked = match &request.attributes {
            Attributes::Resource(asked) => asked,
            Attributes::NonResource(_) => return no(""),
        };
        let resource = match asked.group {
            "" => asked.resource.to_owned(),
            group => format!("{}.{group}", asked.resource),
        };
        let single = ["get"].contains(&asked.verb);
        let plain = asked.subresource.is_empty();
        match resource.as_str() {
            "secrets" => self.read(asked, "Secret", node),
            "configmaps" => self.read(asked, "ConfigMap", node),
            "persistentvolumeclaims" if asked.subresource == "status" => {
                demand(
                    ["update", "patch"].contains(&asked.verb),
                    "can only get/update/patch this type",
                )?;
                self.check(asked, "Claim", node)
            }
            "persistentvolumeclaims"
            | "persistentvolumes"
            | "volumeattachments.storage.k8s.io"
            | "resourceclaims.resource.k8s.io" => {
                demand(single, "can only get individual resources of this type")?;
                demand(plain, "cannot get subresource")?;
                let kind = match asked.resource {
                    "persistentvolumeclaims" => "Claim",
                    "persistentvolumes" => "PersistentVolume",
                    "volumeattachments" => "VolumeAttachment",
                    _ => "ResourceClaim",
                };
                self.check(asked, kind, node)
            }
            "serviceaccounts" if single && plain => {
                let gate = self.gates.service_account_token_for_credential_providers
                    || self.gates.pod_certificate_request;
                demand(gate, "not allowed to get service accounts")?;
                self.read(asked, "ServiceAccount", node)
            }
            "serviceaccounts" => {
                demand(
                    asked.verb == "create" && !asked.name.is_empty(),
                    "can only create tokens for individual service accounts",
                )?;
                demand(
                    asked.subresource == "token",
                    "can only create token subresource of serviceaccount",
                )?;
                self.check(asked, "ServiceAccount", node)
            }
            "leases.coordination.k8s.io" => {
                demand(
                    ["get", "create", "update", "patch", "delete"].contains(&asked.verb),
                    "can only get, create, update, patch, or delete a node lease",
                )?;
                demand(
                    asked.namespace == "kube-node-lease",
                    "can only access leases in the \"kube-node-lease\" system namespace",
                )?;
                demand(
                    asked.verb == "create" || asked.name == node,
                    "can only access node lease with the same name as the requesting node",
                )
            }
            "csinodes.storage.k8s.io" => {
                demand(
                    ["get", "create", "update", "patch", "delete"].contains(&asked.verb),
                    "can only get, create, update, patch, or delete a CSINode",
                )?;
                demand(plain, "cannot authorize CSINode subresources")?;
                demand(
                    asked.verb == "create" || asked.name == node,
                    "can only access CSINode with the same name as the requesting node",
                )
            }
            "resourceslices.resource.k8s.io" => {
                demand(plain, "cannot authorize ResourceSlice subresources")?;
                match asked.verb {
                    "create" => Ok(()),
                    "get" | "update" | "patch" | "delete" => {
                        self.check(asked, "ResourceSlice", node)
                    }
                    "watch" | "list" | "deletecollection" => demand(
                        selects(asked, node),
                        "can only list/watch/deletecollection resourceslices with nodeName field selector",
                    ),
                    _ => no(
                        "only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection",
                    ),
                }
            }
            "nodes" => match (asked.subresource, asked.verb) {
                ("", "create" | "update" | "patch") | ("status", "update" | "patch") => Ok(()),
                ("", "get" | "list" | "watch") => match asked.name {
                    name if name == node => Ok(()),
                    "" => no(&format!(
                        "node '{node}' cannot read all nodes, only its own Node object"
                    )),
                    name => {
                        no(&format!("node '{node}' cannot read '{name}', only its own Node object"))
                    }
                },
                _ => no(""),
            },
            "pods" => match (asked.subresource, asked.verb) {
                ("", "get") => self.check(asked, "Pod", node),
                ("", "list" | "watch") => {
                    if selects(asked, node) {
                        return Ok(());
                    }
                    if !asked.name.is_empty() {
                        return self.check(asked, "Pod", node);
                    }
                    no("can only list/watch pods with spec.nodeName field selector")
                }
                ("", "create" | "delete")
                | ("status", "update" | "patch")
                | ("eviction", "create") => Ok(()),
                _ => no(""),
            },
            "podcertificaterequests.certificates.k8s.io" if self.gates.pod_certificate_request => {
                demand(
                    plain,
                    "nodes may not access the status subresource of PodCertificateRequests",
                )?;
                match asked.verb {
                    "create" => Ok(()),
                    "get" => self.check(asked, "PodCertificateRequest", node),
                    "list" | "watch" => demand(
                        selects(asked, node),
                        "can only list/watch podcertificaterequests with nodeName field selector",
                    ),
                    verb => no(&format!("nodes may not {verb} podcertificaterequests")),
                }
            }
            _ => demand(by_rules(asked), ""),
        }
    }

    fn read(&self, asked: &ResourceAttributes<'_>, kind: &'static str, node: &str) -> Answer {
        demand(
            ["get", "list", "watch"].contains(&asked.verb),
            "can only read resources of this type",
        )?;
        demand(asked.subresource.is_empty(), "cannot read subresource")?;
        demand(!asked.namespace.is_empty(), "can only read namespaced object of this type")?;
        self.check(asked, kind, node)
    }

    // S-NODE-4.
    fn check(&self, asked: &ResourceAttributes<'_>, kind: &'static str, node: &str) -> Answer {
        demand(!asked.name.is_empty(), "No Object name found")?;
        let from = (kind, asked.namespace.to_owned(), asked.name.to_owned());
        let text = format!("no relationship found between node '{node}' and this object");
        demand(self.leads(from, node), &text)
    }
}

type Answer = Result<(), String>;

fn no(reason: &str) -> Answer {
    Err(reason.to_owned())
}

fn demand(fulfilled: bool, reason: &str) -> Answer {
    if fulfilled { Ok(()) } else { no(reason) }
}

// S-NODE-1.
fn node_of(user: &User) -> Option<&str> {
    let node = user.name.strip_prefix("system:node:")?;
    user.groups.iter().any(|group| group == "system:nodes").then_some(node)
}

// S-NODE-6.
fn selects(asked: &ResourceAttributes<'_>, node: &str) -> bool {
    asked.field_selector.requirements.iter().any(|requirement| {
        requirement.field == "spec.nodeName"
            && requirement.operator == FieldOperator::Equals
            && requirement.value == node
    })
}

// S-NODE-3, of the resources that have no checks of their own.
fn by_rules(asked: &ResourceAttributes<'_>) -> bool {
    let resource = match asked.subresource {
        "" => asked.resource.to_owned(),
        sub => format!("{}/{sub}", asked.resource),
    };
    let any = |verbs: &[&str]| verbs.contains(&asked.verb);
    match (asked.group, resource.as_str()) {
        ("authentication.k8s.io", "tokenreviews")
        | ("authorization.k8s.io", "localsubjectaccessreviews" | "subjectaccessreviews") => {
            any(&["create"])
        }
        ("", "services") | ("storage.k8s.io", "csidrivers") | ("node.k8s.io", "runtimeclasses") => {
            any(&["get", "list", "watch"])
        }
        ("" | "events.k8s.io", "events") => any(&["create", "update", "patch"]),
        ("", "endpoints") => any(&["get"]),
        ("certificates.k8s.io", "certificatesigningrequests") => {
            any(&["create", "get", "list", "watch"])
        }
        // No check is made for a resource that is written with its subresource.
        ("", "nodes/status" | "pods/status") => any(&["update", "patch"]),
        ("", "pods/eviction" | "serviceaccounts/token") => any(&["create"]),
        ("", "persistentvolumeclaims/status") => any(&["get", "update", "patch"]),
        _ => false,
    }
}

// S-NODE-14; of other objects every version counts.
fn is_rebuilt(old: &Object, new: &Object) -> bool {
    let (Object::Pod(old), Object::Pod(new)) = (old, new) else { return true };
    old.node_name != new.node_name
        || old.uid != new.uid
        || old.ephemeral_containers < new.ephemeral_containers
        || old.resource_claim_statuses != new.resource_claim_statuses
}

// S-NODE-11.
fn references(pod: &Pod) -> Vec<(&'static str, String)> {
    let mut all = vec![("ServiceAccount", pod.service_account.to_string())];
    all.extend(pod.secrets.iter().map(|name| ("Secret", name.to_string())));
    all.extend(pod.config_maps.iter().map(|name| ("ConfigMap", name.to_string())));
    all.extend(pod.claims.iter().map(|name| ("Claim", name.to_string())));
    all.extend(pod.resource_claims.iter().map(|name| ("ResourceClaim", name.to_string())));
    all.push(("ResourceClaim", pod.extended_resource_claim.to_string()));
    all.retain(|(_, name)| !name.is_empty());
    all
}

/// The kinds of objects that can be deleted.
pub(crate) const KINDS: [Kind; 5] = [
    Kind::Pod,
    Kind::PersistentVolume,
    Kind::VolumeAttachment,
    Kind::ResourceSlice,
    Kind::PodCertificateRequest,
];
