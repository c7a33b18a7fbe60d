use std::fmt;

use super::mark::{Mark, Reach, mark_attributes};
#[cfg(feature = "node")]
use super::node::{self, NodeGrant};
use crate::api::Str;
use crate::api::rbac::{PolicyRule, Subject as BoundSubject};
use crate::api::resources::ResourceTable;
#[cfg(feature = "abac")]
use crate::authz::abac;
use crate::authz::rbac::{self, BindingRef};
use crate::model::{Attributes, Origin, ServiceAccountName, Step, User, groups};
use crate::snapshot::{Mode, Snapshot, SuperUserStep};
use crate::util::aggregate::aggregate;

/// Who may do something, over the whole chain.
#[derive(Debug, Clone, Default)]
pub struct WhoCan<'s> {
    /// One row a subject of every grant, duplicates kept: `system:masters` first (unless that step
    /// is left out), then by the order of the modes, each in its own order.
    pub rows: Vec<Row<'s>>,
    /// What could not be resolved, as the API server words it (S-WHO-2).
    pub errors: Vec<String>,
    /// Authorizers that cannot list whom they allow, and may deny what others allow: with any of
    /// them the answer is incomplete.
    pub incomplete: Vec<&'s str>,
    /// Who tells who is in these groups, where credentials do not: the name of a source of live groups.
    /// Users who are named `system:…` are in the groups of their credentials all the same.
    pub groups_from: Option<&'s str>,
    /// Bindings that grant it at another time: they have ended, or are to begin.
    pub dormant: Vec<BindingRef<'s>>,
}

impl WhoCan<'_> {
    /// The errors as the API server's subject locator gives them (S-FMT-1); empty when there are
    /// none.
    #[must_use]
    pub fn evaluation_error(&self) -> String {
        aggregate(&self.errors).unwrap_or_default()
    }
}

/// One subject and one grant. Cheap; what it says is written when asked for.
#[derive(Debug, Clone)]
pub struct Row<'s> {
    grant: Grant<'s>,
    mark: Option<Mark>,
}

#[derive(Debug, Clone)]
enum Grant<'s> {
    SuperUser,
    AlwaysAllow,
    Rbac(rbac::Row<'s>),
    #[cfg(feature = "abac")]
    Abac(Box<abac::Row>),
    #[cfg(feature = "node")]
    Node(Box<NodeGrant>),
}

/// Who grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Authority {
    /// The built-in step for `system:masters` (S-CHAIN-10).
    SuperUser,
    /// A mode of the chain.
    Rbac,
    /// Likewise.
    Abac,
    /// Likewise.
    AlwaysAllow,
    /// Likewise.
    Node,
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SuperUser => "built-in",
            Self::Rbac => "RBAC",
            Self::Abac => "ABAC",
            Self::AlwaysAllow => "AlwaysAllow",
            Self::Node => "Node",
        })
    }
}

/// Whom a grant reaches.
///
/// ```
/// use portcullis::query::Subject;
///
/// let account = Subject {
///     kind: "ServiceAccount".into(),
///     namespace: "shop".into(),
///     name: "web".into(),
///     ..Subject::default()
/// };
/// assert_eq!(account.to_string(), "ServiceAccount shop/web");
/// assert_eq!(Subject::everybody().to_string(), "everybody");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// `User`, `Group`, `ServiceAccount`, or what else a binding says.
    pub kind: Str,
    /// Of a service account: the one that counts, of the subject or of its RoleBinding
    /// (S-RBAC-16).
    pub namespace: Str,
    /// The name.
    pub name: Str,
    /// The group that the user must be in besides: so it is with some grants of ABAC, and with nodes,
    /// whose name alone makes nobody a kubelet (S-NODE-1).
    pub while_in: Option<Str>,
    /// Everybody, whether authenticated or not; then nothing else is set.
    pub everybody: bool,
}

impl Subject {
    /// Everybody, whether authenticated or not.
    #[must_use]
    pub fn everybody() -> Self {
        Self { everybody: true, ..Self::default() }
    }

    /// Whether a grant to this subject reaches the user.
    ///
    /// ```
    /// use portcullis::model::User;
    /// use portcullis::query::Subject;
    ///
    /// let dev = Subject { kind: "Group".into(), name: "dev".into(), ..Subject::default() };
    /// assert!(dev.is_user(&User::new("jane").with_groups(["dev"])));
    /// assert!(!dev.is_user(&User::new("dev")));
    /// ```
    #[must_use]
    pub fn is_user(&self, user: &User) -> bool {
        let Self { kind, namespace, name, while_in, everybody } = self;
        let is_named = match kind.as_str() {
            "Group" => user.is_member(name),
            "ServiceAccount" => {
                // S-RBAC-16: without a namespace it is nobody.
                !namespace.is_empty()
                    && ServiceAccountName::is_username_of(&user.name, namespace, name)
            }
            "User" => user.name == *name,
            _ => false,
        };
        *everybody || is_named && while_in.as_ref().is_none_or(|group| user.is_member(group))
    }

    pub(super) fn group(name: &str) -> Self {
        Self { kind: "Group".into(), name: name.into(), ..Self::default() }
    }

    /// A subject of a binding, the namespace of a service account filled in.
    pub(super) fn of(bound: BoundSubject, binding: &BindingRef<'_>) -> Self {
        let BoundSubject { kind, name, mut namespace, .. } = bound;
        if kind == "ServiceAccount" {
            if namespace.is_empty() {
                namespace = binding.namespace().into();
            }
        } else {
            namespace = Str::default();
        }
        Self { kind, namespace, name, ..Self::default() }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.everybody {
            return f.write_str("everybody");
        }
        write!(f, "{} ", self.kind)?;
        if self.kind == "ServiceAccount" {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)?;
        match &self.while_in {
            Some(group) => write!(f, " while in Group {group}"),
            None => Ok(()),
        }
    }
}

/// Every subject that may do what is asked, and what lets it.
///
/// Without a namespace only cluster-wide grants count (S-SAR-5). Costs a look at each binding of
/// the two scopes; rows are written when asked for.
///
/// ```
/// use portcullis::api::inventory::Inventory;
/// use portcullis::api::rbac::{ClusterRole, ClusterRoleBinding, RoleRef, Subject};
/// use portcullis::api::resources::ResourceTable;
/// use portcullis::model::{Attributes, Origin, ResourceAttributes};
/// use portcullis::query;
/// use portcullis::snapshot::{Config, Mode, compile};
///
/// let role: ClusterRole = serde_json::from_str(
///     r#"{"metadata": {"name": "reader"},
///         "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}"#,
/// )?;
/// let mut binding = ClusterRoleBinding {
///     subjects: vec![Subject::user("jane")],
///     role_ref: RoleRef::cluster_role("reader"),
///     ..Default::default()
/// };
/// binding.metadata.name = "readers".into();
/// let mut inventory = Inventory::default();
/// inventory.push(role.into(), Origin::default());
/// inventory.push(binding.into(), Origin::default());
/// let snapshot = compile(&inventory, &Config::new([Mode::Rbac]))?;
///
/// let get = Attributes::Resource(ResourceAttributes::new("get", "pods"));
/// let who = query::who_can(&snapshot, &get, &ResourceTable::builtin());
/// let subjects: Vec<String> = who.rows.iter().map(|row| row.subject().to_string()).collect();
/// assert_eq!(subjects, ["Group system:masters", "User jane"]);
/// assert_eq!(who.rows[1].binding().unwrap().name(), "readers");
///
/// let delete = Attributes::Resource(ResourceAttributes::new("delete", "pods"));
/// assert_eq!(query::who_can(&snapshot, &delete, &ResourceTable::builtin()).rows.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn who_can<'s>(
    snapshot: &'s Snapshot,
    attributes: &Attributes<'_>,
    resources: &ResourceTable,
) -> WhoCan<'s> {
    let mut who = WhoCan { groups_from: snapshot.chain().groups_from(), ..WhoCan::default() };
    if snapshot.super_user() == SuperUserStep::Include {
        who.rows.push(Row { grant: Grant::SuperUser, mark: None });
    }
    for link in snapshot.links() {
        let Some(mode) = link.mode() else {
            who.incomplete.push(link.name());
            continue;
        };
        match mode {
            Mode::AlwaysAllow => who.rows.push(Row { grant: Grant::AlwaysAllow, mark: None }),
            Mode::AlwaysDeny => {}
            Mode::Rbac => add_rbac(&mut who, snapshot, attributes, resources),
            #[cfg(feature = "abac")]
            Mode::Abac => {
                let rows = snapshot.abac().map(|policy| policy.who_can(attributes));
                let row = |row| Row { grant: Grant::Abac(Box::new(row)), mark: None };
                who.rows.extend(rows.into_iter().flatten().map(row));
            }
            // Compiling refuses a mode without its engine.
            #[cfg(not(feature = "abac"))]
            Mode::Abac => {}
            #[cfg(feature = "node")]
            Mode::Node => {
                let grants = snapshot.node().map(|graph| node::grants(graph, attributes));
                let row = |grant| Row { grant: Grant::Node(Box::new(grant)), mark: None };
                who.rows.extend(grants.into_iter().flatten().map(row));
            }
            #[cfg(not(feature = "node"))]
            Mode::Node => {}
        }
    }
    who
}

fn add_rbac<'s>(
    who: &mut WhoCan<'s>,
    snapshot: &'s Snapshot,
    attributes: &Attributes<'_>,
    resources: &ResourceTable,
) {
    let Some(policy) = snapshot.rbac() else {
        return;
    };
    let found = policy.who_can(attributes);
    let in_cluster = mark_attributes(attributes, Reach::Cluster, resources);
    let in_namespace = mark_attributes(attributes, Reach::Namespace, resources);
    who.errors.extend(found.errors);
    who.dormant.extend(found.dormant);
    who.rows.extend(found.rows.into_iter().map(|row| {
        let is_cluster = row.binding.namespace().is_empty();
        Row { mark: if is_cluster { in_cluster } else { in_namespace }, grant: Grant::Rbac(row) }
    }));
}

impl<'s> Row<'s> {
    /// Whom the grant reaches.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match &self.grant {
            Grant::SuperUser => Subject::group(groups::MASTERS),
            Grant::AlwaysAllow => Subject::everybody(),
            Grant::Rbac(row) => Subject::of(row.subject(), &row.binding),
            #[cfg(feature = "abac")]
            Grant::Abac(row) => match (&row.user, &row.group) {
                (Some(user), group) => Subject {
                    kind: "User".into(),
                    name: user.clone(),
                    while_in: group.clone(),
                    ..Subject::default()
                },
                (None, group) => Subject::group(group.as_deref().unwrap_or_default()),
            },
            #[cfg(feature = "node")]
            Grant::Node(grant) => grant.subject(),
        }
    }

    /// The subject as the API server's locator lists it, as it was bound (S-WHO-3); `None` for a
    /// grant that is not of RBAC and not the built-in one.
    #[must_use]
    pub fn bound_subject(&self) -> Option<BoundSubject> {
        match &self.grant {
            Grant::SuperUser => Some(BoundSubject::group(groups::MASTERS)),
            Grant::Rbac(row) => Some(row.subject()),
            _ => None,
        }
    }

    /// Who grants.
    #[must_use]
    pub const fn authority(&self) -> Authority {
        match &self.grant {
            Grant::SuperUser => Authority::SuperUser,
            Grant::AlwaysAllow => Authority::AlwaysAllow,
            Grant::Rbac(_) => Authority::Rbac,
            #[cfg(feature = "abac")]
            Grant::Abac(_) => Authority::Abac,
            #[cfg(feature = "node")]
            Grant::Node(_) => Authority::Node,
        }
    }

    /// The binding, for grants of RBAC.
    #[must_use]
    pub const fn binding(&self) -> Option<BindingRef<'s>> {
        match &self.grant {
            Grant::Rbac(row) => Some(row.binding),
            _ => None,
        }
    }

    /// The first rule of the role that allows it, and its index, for grants of RBAC.
    #[must_use]
    pub fn rule(&self) -> Option<(u32, PolicyRule)> {
        match &self.grant {
            Grant::Rbac(row) => Some((row.rule_index, row.rule()?)),
            _ => None,
        }
    }

    /// The policy line as written and where it stands, for grants of ABAC.
    #[must_use]
    pub fn line(&self) -> Option<(&str, &Origin)> {
        match &self.grant {
            #[cfg(feature = "abac")]
            Grant::Abac(row) => Some((&row.text, &row.origin)),
            _ => None,
        }
    }

    /// Why no request can use the grant, if so.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        let Grant::Rbac(_) = &self.grant else {
            return self.mark;
        };
        self.mark.or_else(|| {
            let subject = self.subject();
            let is_nobody = match subject.kind.as_str() {
                "User" | "Group" => false,
                "ServiceAccount" => subject.namespace.is_empty(),
                _ => true,
            };
            is_nobody.then_some(Mark::Nobody)
        })
    }

    /// The way from the subject to the grant: binding, role and rule, or policy line.
    #[must_use]
    pub fn path(&self) -> Vec<Step> {
        match &self.grant {
            Grant::SuperUser => vec![Step {
                kind: "built-in",
                text: format!("members of {} are allowed everything", groups::MASTERS),
                origin: None,
            }],
            Grant::AlwaysAllow => vec![Step {
                kind: "mode",
                text: "AlwaysAllow allows everything".to_owned(),
                origin: None,
            }],
            Grant::Rbac(row) => {
                let (binding, rule_index) = (row.binding, row.rule_index);
                let grant =
                    |rule| rbac::Grant { binding, subject: row.subject(), rule, rule_index };
                row.rule().map(|rule| grant(rule).path()).unwrap_or_default()
            }
            #[cfg(feature = "abac")]
            Grant::Abac(row) => {
                let subject = self.subject().to_string();
                let origin = Some(row.origin.clone());
                vec![
                    Step { kind: "subject", text: subject, origin: None },
                    Step { kind: "policy", text: row.text.clone(), origin },
                ]
            }
            #[cfg(feature = "node")]
            Grant::Node(grant) => grant.path(),
        }
    }
}
