//! What decides: the objects, and the candidate beside.

use std::path::Path;
use std::time::Duration;

use super::NamedPath;
use super::chain::{AuthorizerConfig, chain};
use crate::source::config_file::{Field, Object};

/// The Kubernetes objects that decide.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyConfig {
    /// Files and directories with objects of any kind.
    pub paths: Vec<NamedPath>,
    /// Whether the objects are those of the API server that `cluster` names, as they are there at any
    /// time. Then there are no `paths`.
    pub from_cluster: bool,
    /// Whether the roles and bindings that every API server creates are put in front of them. An
    /// object of the same name in `paths` counts instead.
    pub default_roles: bool,
    /// Whether an object that cannot be read refuses the load. Otherwise it is left out, which can
    /// only take a grant away, and reported.
    pub strict: bool,
    /// Whether bindings begin and end as their annotations say, and how long before its end a grant is
    /// one that ends soon. `None`: they grant for ever.
    pub grant_times: Option<Duration>,
    /// By which tree namespaces inherit Roles and RoleBindings. `None`: nothing is inherited.
    pub hierarchy: Option<HierarchyConfig>,
}

/// Where the tree of namespaces comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HierarchyConfig {
    /// Labels of the Namespace objects, as the Hierarchical Namespace Controller writes them.
    Labels,
    /// A file of lines `child: parent`.
    File(NamedPath),
}

impl PolicyConfig {
    /// Whether it names any objects.
    pub(super) fn has_objects(&self) -> bool {
        self.from_cluster || !self.paths.is_empty()
    }

    /// The file that says the tree, if one does.
    pub(in crate::webhook) const fn hierarchy_file(&self) -> Option<&NamedPath> {
        match &self.hierarchy {
            Some(HierarchyConfig::File(file)) => Some(file),
            _ => None,
        }
    }
}

/// A candidate policy.
#[derive(Debug, Clone, PartialEq)]
pub struct ShadowConfig {
    /// Its objects.
    pub policy: PolicyConfig,
    /// Its chain.
    pub authorizers: Vec<AuthorizerConfig>,
    /// The share of requests it is asked about, from 0 to 1.
    pub sample: f64,
}

pub(super) fn policy(field: Field<'_>, base: &Path) -> Option<PolicyConfig> {
    let object = field.object()?;
    let paths = object.get("paths").map(|field| field.paths(base)).unwrap_or_default();
    let default_roles = object.get("defaultRoles").and_then(|field| field.boolean());
    let strict = object.get("strict").and_then(|field| field.boolean());
    let grant_times = object.get("grantTimes").map_or(Some(None), grant_times);
    let hierarchy = object.get("hierarchy").map(|field| match field.text()? {
        "labels" => Some(HierarchyConfig::Labels),
        _ => field.path(base).map(HierarchyConfig::File),
    });
    let from_cluster = object.get("fromCluster").map_or(Some(false), |field| field.boolean());
    if from_cluster == Some(true) {
        if object.get("paths").is_some() {
            object.note_at(
                "paths",
                "stands beside `fromCluster`, and a policy has one source; remove one",
            );
        }
        for name in ["defaultRoles", "strict", "hierarchy"] {
            if object.get(name).is_some() {
                object.note_at(name, "is for objects of files; remove it, or `fromCluster`");
            }
        }
    }
    object.finish();
    Some(PolicyConfig {
        paths,
        from_cluster: from_cluster?,
        default_roles: default_roles.unwrap_or(false),
        strict: strict.unwrap_or(false),
        // What is configured and not understood must not be left out.
        grant_times: grant_times?,
        hierarchy: hierarchy.map_or(Some(None), |read| read.map(Some))?,
    })
}

fn grant_times(field: Field<'_>) -> Option<Option<Duration>> {
    let object = field.object()?;
    let enabled = object.required("enabled").and_then(|field| field.boolean());
    let warn_within = object.get("warnWithin").map_or(Some(HOUR), |field| field.duration());
    object.finish();
    let (enabled, warn_within) = (enabled?, warn_within?);
    Some(enabled.then_some(warn_within))
}

const HOUR: Duration = Duration::from_secs(3_600);

/// Whether the objects are there that the chain reads. `object` is what holds both.
pub(super) fn agree(object: &Object<'_>, policy: &PolicyConfig, chain: &[AuthorizerConfig]) {
    let rbac = chain.contains(&AuthorizerConfig::Rbac);
    let node = chain.iter().any(|link| matches!(link, AuthorizerConfig::Node(_)));
    if rbac && !policy.has_objects() {
        object.note_at(
            "policy",
            "`policy.paths` is missing, and `RBAC` stands in the chain: name the files that hold \
             roles and bindings",
        );
    } else if node && !policy.has_objects() {
        object.note_at(
            "policy",
            "`policy.paths` is missing, and `Node` stands in the chain: name the files that hold \
             pods and volumes",
        );
    }
    if !rbac && policy.default_roles {
        object.note_at(
            "policy",
            "`policy.defaultRoles` is for `RBAC`, which is not in the chain; add it or remove the \
             default roles",
        );
    }
    if !rbac && (policy.grant_times.is_some() || policy.hierarchy.is_some()) {
        object.note_at(
            "policy",
            "`policy.grantTimes` and `policy.hierarchy` are for `RBAC`, which is not in the chain; add \
             it or remove them",
        );
    }
}

/// Whether there is an API server to take the objects from. `object` is what holds both.
pub(super) fn agree_with_cluster(object: &Object<'_>, policy: &PolicyConfig, has_cluster: bool) {
    if policy.from_cluster && !has_cluster {
        note_from_cluster(
            object,
            "takes the objects from `cluster`, which is missing; say there how the API server is \
             reached",
        );
    }
}

/// A note at the field of the policy that is in `object`.
fn note_from_cluster(object: &Object<'_>, message: &str) {
    if let Some(policy) = object.get("policy").and_then(Field::object) {
        policy.note_at("fromCluster", message);
    }
}

pub(super) fn shadow(field: Field<'_>, base: &Path) -> Option<ShadowConfig> {
    let object = field.object()?;
    let policy = object
        .get("policy")
        .map_or_else(|| Some(PolicyConfig::default()), |field| self::policy(field, base));
    if policy.as_ref().is_some_and(|policy| policy.from_cluster) {
        note_from_cluster(
            &object,
            "a candidate is read from files: save the cluster's objects to `paths` and change them \
             there",
        );
    }
    let authorizers = object.required("authorizers").and_then(|field| chain(&field, base));
    if let (Some(policy), Some(authorizers)) = (&policy, &authorizers) {
        agree(&object, policy, authorizers);
    }
    let sample = object.get("sample").and_then(|field| field.share());
    object.finish();
    Some(ShadowConfig { policy: policy?, authorizers: authorizers?, sample: sample.unwrap_or(1.0) })
}
