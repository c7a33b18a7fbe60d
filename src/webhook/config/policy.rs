//! What decides: objects, the chain of authorizers, the candidate beside it.

use std::path::Path;

use super::NamedPath;
use crate::snapshot::Mode;
use crate::source::config_file::{Field, Object, instead};

/// What an `AlwaysAllow` entry must say besides.
const DANGER: &str = "EverybodyMayDoEverything";

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

/// A link of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthorizerConfig {
    /// A policy of one line a policy.
    Abac {
        /// The policy file.
        file: NamedPath,
    },
    /// Everything is allowed; the file must name the danger.
    AlwaysAllow,
    /// Nothing is granted.
    AlwaysDeny,
    /// Roles and bindings of the policy's objects.
    Rbac,
}

impl AuthorizerConfig {
    /// The authorization mode.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        match self {
            Self::Abac { .. } => Mode::Abac,
            Self::AlwaysAllow => Mode::AlwaysAllow,
            Self::AlwaysDeny => Mode::AlwaysDeny,
            Self::Rbac => Mode::Rbac,
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
    object.finish();
    Some(PolicyConfig {
        paths,
        default_roles: default_roles.unwrap_or(false),
        strict: strict.unwrap_or(false),
    })
}

/// `None` when a link is broken.
pub(super) fn chain(field: &Field<'_>, base: &Path) -> Option<Vec<AuthorizerConfig>> {
    let entries = field.filled_list()?;
    let mut chain: Vec<AuthorizerConfig> = Vec::with_capacity(entries.len());
    let mut whole = true;
    for entry in entries {
        let Some(object) = entry.object() else {
            whole = false;
            continue;
        };
        match link(&object, base) {
            // S-CHAIN-14.
            Some(link) if chain.iter().any(|earlier| earlier.mode() == link.mode()) => {
                object.note(format!("`{}` stands in the chain already; remove one", link.mode()));
            }
            Some(link) => chain.push(link),
            None => whole = false,
        }
        object.finish();
    }
    whole.then_some(chain)
}

fn link(object: &Object<'_>, base: &Path) -> Option<AuthorizerConfig> {
    let kind = object.required("type");
    // Both are known whatever the type is, so that a wrong type is the only thing said.
    let file = object.get("file");
    let danger = object.get("danger");
    let kind = kind?;
    let name = kind.text()?;
    let link = match name {
        "ABAC" => {
            let Some(file) = &file else {
                object.note("`file` is missing: the file of policy lines");
                return None;
            };
            AuthorizerConfig::Abac { file: file.path(base)? }
        }
        "AlwaysAllow" => {
            if danger.as_ref().and_then(Field::text) != Some(DANGER) {
                kind.note(format!(
                    "allows everybody everything; use another, or add `danger: {DANGER}`"
                ));
                return None;
            }
            AuthorizerConfig::AlwaysAllow
        }
        "AlwaysDeny" => AuthorizerConfig::AlwaysDeny,
        "RBAC" => AuthorizerConfig::Rbac,
        "Node" => {
            kind.note(
                "`Node` is not part of this build; leave it out, and keep the API server's own \
                 Node authorizer in its AuthorizationConfiguration",
            );
            return None;
        }
        "Webhook" => {
            kind.note(
                "`Webhook` is not part of this build: this server asks no other; name the other \
                 webhook in the API server's AuthorizationConfiguration",
            );
            return None;
        }
        "Rego" => {
            kind.note("`Rego` is not part of this build; leave it out");
            return None;
        }
        other => {
            let known = ["RBAC", "ABAC", "AlwaysDeny", "AlwaysAllow"];
            kind.note(format!("there is no `{other}`; {}", instead(other, known.into_iter())));
            return None;
        }
    };
    match (&link, &file) {
        (AuthorizerConfig::Abac { .. }, _) | (_, None) => {}
        (_, Some(file)) => {
            file.note(format!("`{name}` reads no file; remove it (objects are in `policy.paths`)"));
        }
    }
    if let (Some(danger), false) = (&danger, link == AuthorizerConfig::AlwaysAllow) {
        danger.note(format!("`{name}` is no danger; remove it"));
    }
    Some(link)
}

/// Whether the objects are there that the chain reads. `object` is what holds both.
pub(super) fn agree(object: &Object<'_>, policy: &PolicyConfig, chain: &[AuthorizerConfig]) {
    let rbac = chain.contains(&AuthorizerConfig::Rbac);
    if rbac && policy.paths.is_empty() {
        object.note_at(
            "policy",
            "`policy.paths` is missing, and `RBAC` stands in the chain: name the files that hold \
             roles and bindings",
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
