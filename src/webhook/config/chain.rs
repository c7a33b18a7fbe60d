//! The chain of authorizers: which links, in which order, and what each of them needs.

use std::path::Path;
use std::time::Duration;

use super::NamedPath;
use super::asked_webhook::{self, WebhookConfig};
use crate::authz::{node, rego};
use crate::source::config_file::{Field, Object, instead};

/// What an `AlwaysAllow` entry must say besides.
const DANGER: &str = "EverybodyMayDoEverything";

/// The types of links, as the file spells them.
const TYPES: [&str; 7] = ["Node", "RBAC", "ABAC", "Rego", "Webhook", "AlwaysDeny", "AlwaysAllow"];

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
    /// Kubelets, by the pods and volumes of the policy's objects.
    Node(node::Gates),
    /// Roles and bindings of the policy's objects.
    Rbac,
    /// Policies in Rego.
    Rego(RegoConfig),
    /// Another webhook.
    Webhook(WebhookConfig),
}

/// A link of policies in Rego.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegoConfig {
    /// The name of the link. Default: `Rego`.
    pub name: String,
    /// Modules, data, directories and bundles; never empty.
    pub paths: Vec<NamedPath>,
    /// The package that decides.
    pub package: String,
    /// Whether modules are in the old syntax when nothing says otherwise. Default: no.
    pub v0: bool,
    /// How long one decision may take.
    pub time: Duration,
    /// What a decision is that could not be reached.
    pub on_error: rego::OnError,
}

impl AuthorizerConfig {
    /// The name of the link.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Abac { .. } => "ABAC",
            Self::AlwaysAllow => "AlwaysAllow",
            Self::AlwaysDeny => "AlwaysDeny",
            Self::Node(_) => "Node",
            Self::Rbac => "RBAC",
            Self::Rego(config) => &config.name,
            Self::Webhook(config) => &config.name,
        }
    }
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
            // S-CHAIN-3, S-CHAIN-14.
            Some(link) if chain.iter().any(|earlier| earlier.name() == link.name()) => {
                let or = match link {
                    AuthorizerConfig::Rego(_) | AuthorizerConfig::Webhook(_) => {
                        ", or give it another `name`"
                    }
                    _ => "",
                };
                let name = link.name();
                object.note(format!("`{name}` stands in the chain already; remove one{or}"));
            }
            Some(link) => chain.push(link),
            None => whole = false,
        }
        object.finish();
    }
    whole.then_some(chain)
}

/// A field that some types of link have, and the others have not.
struct Own<'a> {
    field: Option<Field<'a>>,
    /// The types, and what to do when it is another.
    of: &'static [&'static str],
    otherwise: &'static str,
}

fn link(object: &Object<'_>, base: &Path) -> Option<AuthorizerConfig> {
    let kind = object.required("type");
    let own = |name, of, otherwise| Own { field: object.get(name), of, otherwise };
    // All are known whatever the type is, so that a wrong type is the only thing said.
    let fields = [
        own("file", &["ABAC"], "reads no file; remove it (objects are in `policy.paths`)"),
        own("danger", &["AlwaysAllow"], "is no danger; remove it"),
        own("featureGates", &["Node"], "has no feature gates; remove them"),
        own("name", &["Rego", "Webhook"], "is always called that; remove the name"),
        own("paths", &["Rego"], "reads no files of its own; remove them"),
        own("package", &["Rego"], "has no packages; remove it"),
        own("v0", &["Rego"], "is no Rego; remove it"),
        own("time", &["Rego"], "takes no time; remove it"),
        own("onError", &["Rego"], "cannot fail; remove it"),
        own("webhook", &["Webhook"], "asks nobody; remove it"),
    ];
    let kind = kind?;
    let name = kind.text()?;
    let [file, danger, gates, link_name, paths, package, v0, time, on_error, webhook] = &fields;
    let link = match name {
        "ABAC" => match &file.field {
            Some(file) => AuthorizerConfig::Abac { file: file.path(base)? },
            None => {
                object.note("`file` is missing: the file of policy lines");
                return None;
            }
        },
        "AlwaysAllow" => {
            if danger.field.as_ref().and_then(Field::text) != Some(DANGER) {
                kind.note(format!(
                    "allows everybody everything; use another, or add `danger: {DANGER}`"
                ));
                return None;
            }
            AuthorizerConfig::AlwaysAllow
        }
        "AlwaysDeny" => AuthorizerConfig::AlwaysDeny,
        "Node" => AuthorizerConfig::Node(node_gates(gates.field.as_ref())?),
        "RBAC" => AuthorizerConfig::Rbac,
        "Rego" => {
            let Some(paths) = &paths.field else {
                object.note("`paths` is missing: modules, data, directories or bundles");
                return None;
            };
            let defaults = rego::Options::default();
            AuthorizerConfig::Rego(RegoConfig {
                name: or(&link_name.field, Field::text, "Rego")?.to_owned(),
                paths: paths.paths(base),
                package: or(&package.field, Field::text, &defaults.package)?.to_owned(),
                v0: or(&v0.field, Field::boolean, false)?,
                time: or(&time.field, Field::positive_duration, defaults.budget.time)?,
                on_error: or(&on_error.field, on_rego_error, defaults.on_error)?,
            })
        }
        "Webhook" => {
            let Some(webhook) = &webhook.field else {
                object.note("`webhook` is missing: how it is asked");
                return None;
            };
            let name = or(&link_name.field, Field::text, "Webhook")?.to_owned();
            AuthorizerConfig::Webhook(asked_webhook::read(webhook, name, base)?)
        }
        other => {
            kind.note(format!("there is no `{other}`; {}", instead(other, TYPES.into_iter())));
            return None;
        }
    };
    for Own { field, of, otherwise } in &fields {
        if let Some(field) = field
            && !of.contains(&name)
        {
            field.note(format!("`{name}` {otherwise}"));
        }
    }
    Some(link)
}

/// What a field says; the default when it is absent, `None` when it is wrong.
fn or<'a, T>(
    field: &'a Option<Field<'a>>,
    read: impl FnOnce(&'a Field<'a>) -> Option<T>,
    default: T,
) -> Option<T> {
    field.as_ref().map_or(Some(default), read)
}

fn on_rego_error(field: &Field<'_>) -> Option<rego::OnError> {
    field.one_of(&[
        ("Auto", rego::OnError::Auto),
        ("Deny", rego::OnError::Deny),
        ("NoOpinion", rego::OnError::NoOpinion),
    ])
}

fn node_gates(field: Option<&Field<'_>>) -> Option<node::Gates> {
    let mut gates = node::Gates::default();
    for (name, field) in field.map_or_else(|| Some(Vec::new()), Field::entries)? {
        let on = field.boolean()?;
        if let Err(error) = gates.set(name, on) {
            field.note(error.to_string());
            return None;
        }
    }
    Some(gates)
}
