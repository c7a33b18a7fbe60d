//! What decides: the objects, and the candidate beside.

use std::path::Path;

use super::NamedPath;
use super::chain::{AuthorizerConfig, chain};
use crate::source::config_file::{Field, Object};

/// The Kubernetes objects that decide.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyConfig {
    /// Files and directories with objects of any kind.
    pub paths: Vec<NamedPath>,
    /// Whether the roles and bindings that every API server creates are put in front of them. An
    /// object of the same name in `paths` counts instead.
    pub default_roles: bool,
    /// Whether an object that cannot be read refuses the load. Otherwise it is left out, which can
    /// only take a grant away, and reported.
    pub strict: bool,
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
    object.finish();
    Some(PolicyConfig {
        paths,
        default_roles: default_roles.unwrap_or(false),
        strict: strict.unwrap_or(false),
    })
}

/// Whether the objects are there that the chain reads. `object` is what holds both.
pub(super) fn agree(object: &Object<'_>, policy: &PolicyConfig, chain: &[AuthorizerConfig]) {
    let rbac = chain.contains(&AuthorizerConfig::Rbac);
    let node = chain.iter().any(|link| matches!(link, AuthorizerConfig::Node(_)));
    if rbac && policy.paths.is_empty() {
        object.note_at(
            "policy",
            "`policy.paths` is missing, and `RBAC` stands in the chain: name the files that hold \
             roles and bindings",
        );
    } else if node && policy.paths.is_empty() {
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
}

pub(super) fn shadow(field: Field<'_>, base: &Path) -> Option<ShadowConfig> {
    let object = field.object()?;
    let policy = object
        .get("policy")
        .map_or_else(|| Some(PolicyConfig::default()), |field| self::policy(field, base));
    let authorizers = object.required("authorizers").and_then(|field| chain(&field, base));
    if let (Some(policy), Some(authorizers)) = (&policy, &authorizers) {
        agree(&object, policy, authorizers);
    }
    let sample = object.get("sample").and_then(|field| field.share());
    object.finish();
    Some(ShadowConfig { policy: policy?, authorizers: authorizers?, sample: sample.unwrap_or(1.0) })
}
