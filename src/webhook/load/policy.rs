//! From objects and policy lines to a snapshot.

use std::sync::Arc;

use super::LoadedPolicy;
use super::material::{Material, at_rego, with_causes};
use crate::api::core::TokenObjects;
use crate::api::inventory::Inventory;
use crate::authz::live_groups::GroupResolver;
use crate::authz::rego::{self, Budget, RegoVersion};
use crate::authz::webhook::WebhookAuthorizer;
use crate::authz::{OnFailure, abac};
use crate::model::{Clock, SharedRevocations};
use crate::snapshot::{self, Config, Mode, Notice, Snapshot};
use crate::source::hierarchy::{self, Hierarchy};
use crate::source::rego::RegoLoadOptions;
use crate::source::{self, LoadOptions, Raw, webhook_client};
use crate::webhook::config::{
    AuthorizerConfig, HierarchyConfig, NamedPath, PolicyConfig, Problem, RegoConfig, WebhookConfig,
};
use crate::webhook::metrics::PolicyObject;
use crate::webhook::slow;

/// What is asked before the chain, by the policy and by the candidate alike.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) revoked: Option<&'a SharedRevocations>,
    pub(super) groups: Option<&'a GroupResolver>,
}

/// A policy, and what others make of its objects and chain.
pub(super) struct Compiled {
    pub(super) policy: LoadedPolicy,
    pub(super) tokens: TokenObjects,
    pub(super) config: Config,
}

/// `None` when something was noted that is wrong. A policy that comes from the cluster is empty here.
pub(super) fn compile(
    config: &PolicyConfig,
    objects: Vec<Raw>,
    chain: &[AuthorizerConfig],
    asking: Asking<'_>,
    material: &Material,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<Compiled> {
    let before = problems.len();
    // What could not be read has been told; what is left of the objects says nothing.
    let complete = before == 0;
    let has_rego = chain.iter().any(|link| matches!(link, AuthorizerConfig::Rego(_)));
    let options =
        LoadOptions { strict: config.strict, keep_metadata: has_rego, ..LoadOptions::default() };
    let mut loaded = match source::parse_raw(objects, &options) {
        Ok(loaded) => loaded,
        Err(error) => {
            problems.push(at_paths(config, with_causes(&error)));
            source::Loaded::default()
        }
    };
    for skipped in &loaded.report.skipped {
        warnings.push(Problem::new(
            skipped.origin.clone(),
            "",
            strip(&skipped.to_string(), &skipped.origin.to_string()),
        ));
    }
    let is_of_files = !config.from_cluster;
    if is_of_files
        && chain.contains(&AuthorizerConfig::Rbac)
        && complete
        && problems.len() == before
    {
        if let Some(message) = is_empty(&loaded) {
            problems.push(at_paths(config, message));
        }
        if config.default_roles
            && let Err(error) = source::put_default_roles_in_front(&mut loaded, &options)
        {
            problems.push(at_paths(config, with_causes(&error)));
        }
    }
    if let Some(from) = &config.hierarchy
        && complete
        && problems.len() == before
    {
        inherit(from, config, &mut loaded, material, problems, warnings);
    }
    // Whose denial may be missing is not passed over: the answer is HTTP 500 (S-WHA-12).
    let mut compiled =
        Config::default().with_on_failure(OnFailure::Deny).with_slow_runner(slow::runner());
    compiled.revocations = asking.revoked.cloned();
    compiled.live_groups = asking.groups.cloned();
    if let Some(warn_within) = config.grant_times {
        compiled = compiled.with_grant_times(Clock::system()).with_grant_warning(warn_within);
    }
    for authorizer in chain {
        compiled = link(authorizer, !is_of_files, compiled, material, problems, warnings);
    }
    if problems.len() > before {
        return None;
    }
    let inventory = loaded.inventory;
    match snapshot::compile(&inventory, &compiled) {
        Ok(snapshot) => {
            for notice in snapshot.notices() {
                if let Notice::GrantTimes { origin, .. } = notice {
                    let message = strip(&notice.to_string(), &origin.to_string());
                    warnings.push(Problem::new(origin.clone(), "", message));
                }
            }
            let tokens = TokenObjects::new(&inventory);
            let policy = LoadedPolicy {
                roles: inventory.roles.len() + inventory.cluster_roles.len(),
                bindings: inventory.bindings(),
                objects: count(&inventory, &snapshot),
                snapshot: Arc::new(snapshot),
                report: loaded.report,
            };
            Some(Compiled { policy, tokens, config: compiled })
        }
        Err(error) if complete => {
            problems.push(at_paths(config, with_causes(&error)));
            None
        }
        Err(_) => None,
    }
}

/// Hands Roles and RoleBindings down. What is left out on the way is told.
fn inherit(
    from: &HierarchyConfig,
    config: &PolicyConfig,
    loaded: &mut source::Loaded,
    material: &Material,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) {
    let tree = match from {
        HierarchyConfig::Labels => Hierarchy::from_labels(loaded),
        HierarchyConfig::File(file) => {
            // One that could not be read was told.
            let Some(bytes) = material.file(file) else { return };
            Hierarchy::parse(&file.path.display().to_string(), bytes.to_vec())
        }
    };
    let told = loaded.report.notices.len();
    if let Err(error) = tree.and_then(|tree| hierarchy::inherit(loaded, &tree)) {
        problems.push(match from {
            HierarchyConfig::Labels => at_paths(config, with_causes(&error)),
            HierarchyConfig::File(file) => {
                Problem::new(file.origin.clone(), &file.field, with_causes(&error))
            }
        });
        return;
    }
    for notice in loaded.report.notices.iter().skip(told) {
        warnings.push(at_paths(config, notice.to_string()));
    }
}

/// The configuration with one more link. What is wrong with it is noted, and then its place is empty.
fn link(
    authorizer: &AuthorizerConfig,
    from_cluster: bool,
    config: Config,
    material: &Material,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Config {
    match authorizer {
        AuthorizerConfig::AlwaysAllow => config.with_link(Mode::AlwaysAllow),
        AuthorizerConfig::AlwaysDeny => config.with_link(Mode::AlwaysDeny),
        AuthorizerConfig::Rbac => config.with_link(Mode::Rbac),
        AuthorizerConfig::Node(gates) => config.with_link(Mode::Node).with_node(*gates),
        AuthorizerConfig::Abac { file } => match read_abac(file, material, problems) {
            Some(policy) => config.with_link(Mode::Abac).with_abac(policy),
            None => config,
        },
        AuthorizerConfig::Rego(rego) => match compile_rego(rego, material, problems, warnings) {
            Some(policy) if from_cluster && policy.reads_objects() => {
                let message = "reads labels or annotations of objects (`input.object`, \
                               `input.namespace.labels`), which are not taken from the cluster; \
                               remove that, or name the objects in `policy.paths`";
                problems.push(at_rego(rego, message.to_owned()));
                config
            }
            Some(policy) => config.with_rego(&rego.name, policy),
            None => config,
        },
        AuthorizerConfig::Webhook(webhook) => match connect(webhook, problems) {
            Some(authorizer) => config.with_authorizer(&webhook.name, authorizer),
            None => config,
        },
    }
}

/// Another webhook. Its connections have a runtime of their own: every thread of the one that serves may
/// come to wait for an answer, and somebody must be left to read it.
fn connect(webhook: &WebhookConfig, problems: &mut Vec<Problem>) -> Option<WebhookAuthorizer> {
    let authorizer = webhook_client::authorizer(&webhook.entry, None);
    authorizer
        .map_err(|error| {
            let NamedPath { origin, field, .. } = &webhook.kubeconfig;
            problems.push(Problem::new(origin.clone(), field, with_causes(&error)));
        })
        .ok()
}

/// Policies in Rego. What makes them decide less, or more, than one may think is a warning.
fn compile_rego(
    link: &RegoConfig,
    material: &Material,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<rego::Policy> {
    let version = if link.v0 { RegoVersion::V0 } else { RegoVersion::V1 };
    let options = RegoLoadOptions { version, ..RegoLoadOptions::default() };
    let files = material.rego(link)?.to_vec();
    let compiled = source::rego::parse(files, &options).map_err(|error| with_causes(&error));
    let compiled = compiled.and_then(|loaded| {
        if loaded.sources.modules.is_empty() {
            return Err("no module (`.rego`) in it; name the files that hold them".to_owned());
        }
        let budget = Budget { time: link.time, ..Budget::default() };
        let options = rego::Options::default()
            .with_name(&link.name)
            .with_package(&link.package)
            .with_budget(budget)
            .with_on_error(link.on_error);
        rego::Policy::compile(loaded.sources, options).map_err(|error| with_causes(&error))
    });
    match compiled {
        Ok(policy) => {
            let told = policy.warnings().iter().map(|warning| at_rego(link, warning.to_string()));
            warnings.extend(told);
            Some(policy)
        }
        Err(message) => {
            problems.push(at_rego(link, message));
            None
        }
    }
}

fn count(inventory: &Inventory, snapshot: &Snapshot) -> [(PolicyObject, usize); 5] {
    [
        (PolicyObject::ClusterRole, inventory.cluster_roles.len()),
        (PolicyObject::ClusterRoleBinding, inventory.cluster_role_bindings.len()),
        (PolicyObject::Role, inventory.roles.len()),
        (PolicyObject::RoleBinding, inventory.role_bindings.len()),
        (PolicyObject::AbacLine, snapshot.abac().map_or(0, abac::Policy::len)),
    ]
}

/// Roles without bindings are empty, too: somebody forgot half of the files.
fn is_empty(loaded: &source::Loaded) -> Option<String> {
    let inventory = &loaded.inventory;
    if inventory.bindings() > 0 {
        return None;
    }
    Some(if inventory.roles.is_empty() && inventory.cluster_roles.is_empty() {
        format!(
            "no Role, ClusterRole, RoleBinding or ClusterRoleBinding in it (documents read: {}); \
             name the files that hold them, or take `RBAC` out of the chain",
            loaded.report.documents
        )
    } else {
        "roles, but not a single RoleBinding or ClusterRoleBinding, so nobody would be granted \
         anything; name the files that hold the bindings"
            .to_owned()
    })
}

/// An empty policy file is an unfinished download.
fn read_abac(
    file: &NamedPath,
    material: &Material,
    problems: &mut Vec<Problem>,
) -> Option<abac::Policy> {
    let name = file.path.display().to_string();
    let bytes = material.file(file)?;
    let message = match std::str::from_utf8(bytes) {
        Err(_) => format!("`{name}`: not UTF-8 text; save the file as UTF-8"),
        Ok(text) => match abac::Policy::parse(name.as_str(), text) {
            Ok(policy) if policy.is_empty() => {
                format!("`{name}`: not a single policy line in it; fill it, or remove `ABAC`")
            }
            Ok(policy) => return Some(policy),
            Err(error) => error.to_string(),
        },
    };
    problems.push(Problem::new(file.origin.clone(), &file.field, message));
    None
}

/// A problem of all paths together stands where the first of them is named.
fn at_paths(config: &PolicyConfig, message: String) -> Problem {
    match config.paths.first() {
        Some(first) => {
            let field = first.field.strip_suffix("[0]").unwrap_or(&first.field);
            Problem::new(first.origin.clone(), field, message)
        }
        None => Problem::new(crate::model::Origin::default(), "policy", message),
    }
}

fn strip(text: &str, origin: &str) -> String {
    text.strip_prefix(&format!("{origin}: ")).unwrap_or(text).to_owned()
}
