//! What came nearest to a yes, and what is missing?
//!
//! Looks at the user's own bindings, at the same grant in other namespaces, and at whom the grant
//! is bound to; what it looks at is bounded. Absent on purpose: policies other than RBAC, and
//! mistyped names, which reading a resource argument notes.

mod text;

use super::mark::{Reach, mark_attributes};
use super::who_can::Subject;
use crate::api::Str;
use crate::api::rbac::PolicyRule;
use crate::api::resources::ResourceTable;
use crate::authz::rbac::{self, BindingRef, GrantTimes, Policy};
use crate::model::{
    Attributes, Decision, Moment, NonResourceAttributes, Request, ResourceAttributes, User, groups,
};
use crate::snapshot::Snapshot;
use crate::util::nearest::nearest as nearest_word;

/// How many misses are told at most, and how many of them for one reason.
const MOST: usize = 10;
const MOST_OF_A_KIND: usize = 3;

/// How many bindings, namespaces and rows are looked at: explaining a no must not take longer in a
/// large cluster.
const LOOKED_AT: usize = 2_000;

/// A grant that would have allowed, but for one thing. Displays as one sentence in plain words.
#[derive(Debug, Clone)]
pub struct Miss<'s> {
    /// The binding.
    pub binding: BindingRef<'s>,
    /// The subject of it: one that is the user or, when membership is what is missing, one that
    /// the user is not. `None` when any of several may be meant.
    pub subject: Option<Subject>,
    /// The rule and its index; `None` when the role is not there.
    pub rule: Option<(u32, PolicyRule)>,
    /// What is missing.
    pub missing: Missing,
}

/// What a grant lacks to allow a request. The order is that of nearness.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// Everything fits, at another time.
    Time {
        /// When it is granted.
        granted: GrantTimes,
        /// When it was asked.
        asked: Moment,
    },
    /// The resource is granted, the subresource is not; or the reverse (S-RBAC-6).
    Subresource {
        /// `resource/subresource` or `resource`, as asked.
        asked: Str,
        /// What the rule has of this resource.
        has: Vec<Str>,
    },
    /// Everything fits but the object name.
    Name {
        /// The name asked for; may be empty.
        asked: Str,
        /// The names that the rule has.
        has: Vec<Str>,
    },
    /// Everything fits but the verb.
    Verb {
        /// The verb asked for.
        asked: Str,
        /// The verbs that the rule has.
        has: Vec<Str>,
    },
    /// Everything fits but the API group.
    ApiGroup {
        /// The group asked for.
        asked: Str,
        /// The groups that the rule has.
        has: Vec<Str>,
    },
    /// The rule would allow in another namespace.
    Namespace {
        /// The namespace asked for; empty for cluster scope.
        asked: Str,
        /// The namespace in which it is granted.
        granted: Str,
    },
    /// The rule would allow, but a RoleBinding cannot grant this: a path or a cluster-scoped
    /// resource.
    ClusterScope {
        /// The namespace of the RoleBinding.
        granted: Str,
    },
    /// The role that the binding refers to is not there.
    Role,
    /// Everything fits but the path.
    Path {
        /// The path asked for.
        asked: Str,
        /// The paths that the rule has.
        has: Vec<Str>,
    },
    /// The rule would allow, but is bound to somebody else.
    Membership,
    /// Everything fits but the resource.
    Resource {
        /// The resource asked for, with its subresource.
        asked: Str,
        /// The resources that the rule has.
        has: Vec<Str>,
    },
}

impl Missing {
    /// One word, for JSON: `verb`, `namespace`, ….
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Time { .. } => "time",
            Self::Subresource { .. } => "subresource",
            Self::Name { .. } => "name",
            Self::Verb { .. } => "verb",
            Self::ApiGroup { .. } => "api-group",
            Self::Namespace { .. } => "namespace",
            Self::ClusterScope { .. } => "cluster-scope",
            Self::Role => "role",
            Self::Path { .. } => "path",
            Self::Membership => "membership",
            Self::Resource { .. } => "resource",
        }
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Time { .. } => 0,
            Self::Subresource { .. } => 1,
            Self::Name { .. } => 2,
            Self::Verb { .. } => 3,
            Self::ApiGroup { .. } => 4,
            Self::Namespace { .. } => 5,
            Self::ClusterScope { .. } => 6,
            Self::Role => 7,
            Self::Path { .. } => 8,
            Self::Membership => 9,
            Self::Resource { .. } => 10,
        }
    }
}

/// For a no of RBAC: what came nearest to a yes, and what is missing; the nearest first, at most
/// ten. Empty for a yes, and for a no that an authorizer insists on.
///
/// ```
/// use portcullis::api::inventory::Inventory;
/// use portcullis::api::rbac::{Role, RoleBinding};
/// use portcullis::api::resources::ResourceTable;
/// use portcullis::model::{Origin, Request, ResourceAttributes, User};
/// use portcullis::query::{self, Missing};
/// use portcullis::snapshot::{Config, Mode, compile};
///
/// let role: Role = serde_json::from_str(
///     r#"{"metadata": {"name": "debugger", "namespace": "shop"},
///         "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}"#,
/// )?;
/// let binding: RoleBinding = serde_json::from_str(
///     r#"{"metadata": {"name": "debuggers", "namespace": "shop"},
///         "subjects": [{"kind": "User", "name": "jane"}],
///         "roleRef": {"kind": "Role", "name": "debugger"}}"#,
/// )?;
/// let mut inventory = Inventory::default();
/// inventory.push(role.into(), Origin::new("shop.yaml", 1, 1));
/// inventory.push(binding.into(), Origin::new("shop.yaml", 2, 9));
/// let snapshot = compile(&inventory, &Config::new([Mode::Rbac]))?;
///
/// let jane = User::new("jane");
/// let asked = ResourceAttributes::new("get", "pods").with_subresource("log").in_namespace("shop");
/// let misses =
///     query::nearest(&snapshot, &Request::resource(&jane, asked), &ResourceTable::builtin());
/// assert!(matches!(misses[0].missing, Missing::Subresource { .. }));
/// assert_eq!(
///     misses[0].to_string(),
///     "RoleBinding `shop/debuggers` of Role `debugger` (shop.yaml:9 (document 2)): rules[0] \
///      grants `pods`, which does not include `pods/log`",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn nearest<'s>(
    snapshot: &'s Snapshot,
    request: &Request<'_>,
    resources: &ResourceTable,
) -> Vec<Miss<'s>> {
    let Some(policy) = snapshot.rbac() else {
        return Vec::new();
    };
    if snapshot.authorize(request).decision != Decision::NoOpinion {
        return Vec::new();
    }
    // Bindings are those of the groups that were asked about.
    let Ok(asker) = snapshot.chain().asker(request.user) else { return Vec::new() };
    let request = &Request { user: &asker, attributes: request.attributes };
    let mut misses = at_another_time(policy, request);
    misses.extend(own(policy, request));
    misses.extend(elsewhere(policy, request, resources));
    misses.extend(of_others(policy, request, resources));
    // Stable: within a kind the order is that in which the API server visits.
    misses.sort_by_key(|miss| miss.missing.rank());
    let mut told = [0; 11];
    misses.retain(|miss| {
        let Some(count) = told.get_mut(usize::from(miss.missing.rank())) else {
            return false;
        };
        *count += 1;
        *count <= MOST_OF_A_KIND
    });
    misses.truncate(MOST);
    misses
}

/// Bindings of the user that have ended, or are to begin.
fn at_another_time<'s>(policy: &'s Policy, request: &Request<'_>) -> Vec<Miss<'s>> {
    let Some(asked) = policy.moment() else { return Vec::new() };
    let bindings = policy.dormant_bindings_for(request.user, request.attributes.namespace());
    let miss = |binding: BindingRef<'s>| {
        let rule = Some(rule_allowing(&binding, &request.attributes)?);
        let missing = Missing::Time { granted: binding.times()?, asked };
        Some(Miss { subject: subject_of(&binding, request.user), binding, rule, missing })
    };
    bindings.into_iter().take(LOOKED_AT).filter_map(miss).collect()
}

// ---- the user's own bindings ----------------------------------------------------------------

fn own<'s>(policy: &'s Policy, request: &Request<'_>) -> Vec<Miss<'s>> {
    let bindings = policy.bindings_for(request.user, request.attributes.namespace());
    let mut misses = Vec::new();
    for binding in bindings.into_iter().take(LOOKED_AT) {
        let subject = subject_of(&binding, request.user);
        let Some(rules) = binding.role_rules() else {
            misses.push(Miss { binding, subject, rule: None, missing: Missing::Role });
            continue;
        };
        let mut of_binding: Vec<Miss<'s>> = Vec::new();
        for (index, rule) in (0..).zip(rules) {
            let Some(missing) = missing_of(&rule, &request.attributes) else {
                continue;
            };
            match of_binding.iter_mut().find(|miss| miss.missing.rank() == missing.rank()) {
                Some(known) => known.missing.add(missing),
                None => {
                    let (subject, rule) = (subject.clone(), Some((index, rule)));
                    of_binding.push(Miss { binding, subject, rule, missing });
                }
            }
        }
        misses.extend(of_binding);
    }
    misses
}

impl Missing {
    /// Takes in what another rule of the same role has.
    fn add(&mut self, other: Self) {
        let (
            Self::Subresource { has, .. }
            | Self::Name { has, .. }
            | Self::Verb { has, .. }
            | Self::ApiGroup { has, .. }
            | Self::Path { has, .. }
            | Self::Resource { has, .. },
            Self::Subresource { has: more, .. }
            | Self::Name { has: more, .. }
            | Self::Verb { has: more, .. }
            | Self::ApiGroup { has: more, .. }
            | Self::Path { has: more, .. }
            | Self::Resource { has: more, .. },
        ) = (self, other)
        else {
            return;
        };
        for word in more {
            if !has.contains(&word) {
                has.push(word);
            }
        }
    }
}

/// The one thing that keeps a rule from allowing; `None` when it is none, or more than one.
fn missing_of(rule: &PolicyRule, attributes: &Attributes<'_>) -> Option<Missing> {
    match attributes {
        Attributes::Resource(asked) => missing_on_resource(rule, asked),
        Attributes::NonResource(asked) => missing_on_path(rule, asked),
    }
}

fn missing_on_resource(rule: &PolicyRule, asked: &ResourceAttributes<'_>) -> Option<Missing> {
    if rule.resources.is_empty() || rule.api_groups.is_empty() {
        return None;
    }
    let has = |list: &[Str], word: &str| list.iter().any(|entry| entry == "*" || entry == word);
    let combined = combined(asked);
    let star = format!("*/{}", asked.subresource);
    let is_resource = rule.resources.iter().any(|entry| {
        entry == "*"
            || entry == combined.as_str()
            || (!asked.subresource.is_empty() && *entry == star)
    });
    let lacks = (
        !has(&rule.verbs, asked.verb),
        !has(&rule.api_groups, asked.group),
        !is_resource,
        !(rule.resource_names.is_empty() || rule.resource_names.iter().any(|n| n == asked.name)),
    );
    Some(match lacks {
        (true, false, false, false) => {
            Missing::Verb { asked: asked.verb.into(), has: rule.verbs.clone() }
        }
        (false, true, false, false) => {
            Missing::ApiGroup { asked: asked.group.into(), has: rule.api_groups.clone() }
        }
        (false, false, true, false) => resource_or_subresource(rule, asked, combined),
        (false, false, false, true) => {
            Missing::Name { asked: asked.name.into(), has: rule.resource_names.clone() }
        }
        _ => return None,
    })
}

fn resource_or_subresource(
    rule: &PolicyRule,
    asked: &ResourceAttributes<'_>,
    combined: Str,
) -> Missing {
    let plural =
        |entry: &str| entry.split_once('/').map_or(entry.len(), |(plural, _)| plural.len());
    let is_of = |entry: &&Str| entry.get(..plural(entry)) == Some(asked.resource);
    let same: Vec<Str> = rule.resources.iter().filter(is_of).cloned().collect();
    if same.is_empty() {
        Missing::Resource { asked: combined, has: rule.resources.clone() }
    } else {
        Missing::Subresource { asked: combined, has: same }
    }
}

fn combined(asked: &ResourceAttributes<'_>) -> Str {
    if asked.subresource.is_empty() {
        asked.resource.into()
    } else {
        format!("{}/{}", asked.resource, asked.subresource).into()
    }
}

fn missing_on_path(rule: &PolicyRule, asked: &NonResourceAttributes<'_>) -> Option<Missing> {
    if rule.non_resource_urls.is_empty() {
        return None;
    }
    let has_verb = rule.verbs.iter().any(|verb| verb == "*" || verb == asked.verb);
    // S-RBAC-10.
    let has_path = rule.non_resource_urls.iter().any(|url| {
        url == asked.path
            || (url.ends_with('*') && asked.path.starts_with(url.trim_end_matches('*')))
    });
    match (has_verb, has_path) {
        (false, true) => Some(Missing::Verb { asked: asked.verb.into(), has: rule.verbs.clone() }),
        (true, false) => {
            let near: Vec<Str> = near_paths(rule, asked.path);
            (!near.is_empty()).then(|| Missing::Path { asked: asked.path.into(), has: near })
        }
        _ => None,
    }
}

/// Paths that lie above or below the one asked for, or read almost like it.
fn near_paths(rule: &PolicyRule, asked: &str) -> Vec<Str> {
    let is_near = |url: &&Str| {
        let bare = url.trim_end_matches(['*', '/']);
        let asked = asked.trim_end_matches('/');
        !bare.is_empty()
            && (asked.starts_with(bare)
                || bare.starts_with(asked)
                || nearest_word(asked, [bare]).is_some())
    };
    rule.non_resource_urls.iter().filter(is_near).cloned().collect()
}

// ---- the same grant somewhere else ------------------------------------------------------------

fn elsewhere<'s>(
    policy: &'s Policy,
    request: &Request<'_>,
    resources: &ResourceTable,
) -> Vec<Miss<'s>> {
    let asked = request.attributes.namespace();
    let is_out = mark_attributes(&request.attributes, Reach::Namespace, resources).is_some();
    let mut misses = Vec::new();
    let mut looked_at = 0;
    for namespace in policy.namespaces_of(request.user) {
        if namespace == asked {
            continue;
        }
        for binding in policy.bindings_for(request.user, namespace) {
            looked_at += 1;
            if looked_at > LOOKED_AT || misses.len() >= MOST_OF_A_KIND {
                return misses;
            }
            // Cluster-wide bindings are looked at anyway.
            if binding.namespace().is_empty() {
                continue;
            }
            let Some(rule) = rule_allowing(&binding, &request.attributes) else {
                continue;
            };
            let granted: Str = namespace.into();
            let missing = if is_out {
                Missing::ClusterScope { granted }
            } else {
                Missing::Namespace { asked: asked.into(), granted }
            };
            let subject = subject_of(&binding, request.user);
            misses.push(Miss { binding, subject, rule: Some(rule), missing });
            break;
        }
    }
    misses
}

fn rule_allowing(
    binding: &BindingRef<'_>,
    attributes: &Attributes<'_>,
) -> Option<(u32, PolicyRule)> {
    let index = binding.first_allowing(attributes)?;
    (0..).zip(binding.role_rules()?).find(|(at, _)| *at == index)
}

// ---- the same grant to somebody else ------------------------------------------------------------

fn of_others<'s>(
    policy: &'s Policy,
    request: &Request<'_>,
    resources: &ResourceTable,
) -> Vec<Miss<'s>> {
    let found = policy.who_can(&request.attributes);
    let is_out = mark_attributes(&request.attributes, Reach::Namespace, resources).is_some();
    // From the end: grants in the namespace itself are narrower than cluster-wide ones, and those
    // to groups can be had by joining.
    let mut candidates: Vec<(u8, Subject, &rbac::Row<'s>)> = Vec::new();
    for row in found.rows.iter().rev().take(LOOKED_AT) {
        let is_cluster = row.binding.namespace().is_empty();
        if !is_cluster && is_out {
            continue;
        }
        let subject = Subject::of(row.subject(), &row.binding);
        // They may do everything already; nobody should join for one permission.
        if subject.kind == "Group" && subject.name == groups::MASTERS {
            continue;
        }
        let is_built_in = subject.name.starts_with("system:");
        let order = match (subject.kind.as_str(), is_built_in) {
            ("Group", false) => 0,
            ("User", false) => 1,
            ("ServiceAccount", _) => 2,
            ("Group" | "User", true) => 3,
            _ => continue,
        };
        candidates.push((if is_cluster { order + 4 } else { order }, subject, row));
    }
    candidates.sort_by_key(|(order, ..)| *order);
    let mut misses: Vec<Miss<'s>> = Vec::new();
    for (_, subject, row) in candidates {
        let binding = row.binding;
        let is_told = misses.iter().any(|told| {
            (told.binding.namespace(), told.binding.name()) == (binding.namespace(), binding.name())
        });
        if !is_told {
            let rule = row.rule().map(|rule| (row.rule_index, rule));
            let missing = Missing::Membership;
            misses.push(Miss { binding, subject: Some(subject), rule, missing });
        }
        if misses.len() >= MOST_OF_A_KIND {
            break;
        }
    }
    misses
}

/// The first subject of a binding that means the user (S-RBAC-14, S-RBAC-16).
fn subject_of(binding: &BindingRef<'_>, user: &User) -> Option<Subject> {
    let subjects = binding.subjects().map(|subject| Subject::of(subject, binding));
    subjects.into_iter().find(|subject| subject.is_user(user))
}
