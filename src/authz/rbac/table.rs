//! The compiled policy: what readers hold.

use std::sync::Arc;

use hashbrown::HashTable;

use super::grants::Table;
use super::index::{Hasher, Index, RoleId};
use super::reach::{Reach, SpaceId};
use super::ruleset::{RoleTest, RuleSet};
use super::scope::{Place, Scope};
use super::times::GrantTimes;
use super::vocabulary::{Question, Vocabulary};
use crate::api::Str;
use crate::model::{Clock, Origin};
use crate::util::cowvec::CowVec;
use crate::util::goquote::Quoted;

/// Roles and bindings, compiled: immutable, cheap to clone, shared by any number of threads.
///
/// Made by [`Policy::compile`] or by an [`Editor`](super::Editor). Layout, from a request's point
/// of view:
///
/// ```text
///  deciding    subject, namespace ─► grants ─► roles ─► RuleSet: (group, resource) ─► verbs
///              vocabulary: the request's strings ─► numbers
///  explaining  cluster, spaces: bindings by name, with their subjects and places
/// ```
///
/// A decision costs one look-up a string of the request, one probe a subject in each of two scopes,
/// and a few bit tests a role held: nothing of it grows with the cluster.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(super) vocabulary: Arc<Vocabulary>,
    pub(super) cluster_grants: Arc<Table>,
    pub(super) grants: Arc<Index>,
    pub(super) cluster: Arc<Scope>,
    pub(super) spaces: Arc<Spaces>,
    // By role, like `roles`; apart from it so that it stays dense.
    pub(super) tests: Arc<CowVec<RoleTest>>,
    pub(super) roles: Arc<CowVec<RoleRow>>,
    pub(super) reach: Arc<Reach>,
    pub(super) sources: Arc<CowVec<Source>>,
    pub(super) hasher: Hasher,
    // By which grants begin and end; without one they do not.
    pub(super) clock: Option<Clock>,
}

/// A source, and for what is inherited the namespace it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Source {
    pub(super) name: Arc<str>,
    pub(super) inherited_from: Option<Arc<str>>,
}

/// The scopes of the namespaces.
#[derive(Debug, Clone, Default)]
pub(super) struct Spaces {
    pub(super) ids: HashTable<(u64, SpaceId)>,
    pub(super) scopes: CowVec<Arc<Scope>>,
}

/// A role that exists or is referred to. One that is bound for a time has a row for each such time
/// besides its own.
#[derive(Debug, Clone)]
pub(super) struct RoleRow {
    /// `None`: referred to, but not there.
    pub(super) rules: Option<Arc<RuleSet>>,
    pub(super) info: Arc<RoleInfo>,
    /// When those grant who are bound to this row; `None`: always.
    pub(super) times: Option<Box<GrantTimes>>,
}

/// What a role is called and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RoleInfo {
    pub(super) kind: RoleKind,
    pub(super) namespace: Str,
    pub(super) name: Str,
    pub(super) place: Place,
}

/// The kinds that a roleRef may name (S-RBAC-22).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum RoleKind {
    ClusterRole,
    Role,
    /// Anything else: an error of every binding that says so.
    Unsupported(Str),
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        (self.source, self.document, self.line) == (other.source, other.document, other.line)
    }
}

impl Eq for Place {}

impl RoleKind {
    pub(super) fn new(kind: &Str) -> Self {
        match kind.as_str() {
            "ClusterRole" => Self::ClusterRole,
            "Role" => Self::Role,
            _ => Self::Unsupported(kind.clone()),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::ClusterRole => "ClusterRole",
            Self::Role => "Role",
            Self::Unsupported(kind) => kind,
        }
    }
}

impl RoleInfo {
    /// Why the role cannot be resolved: to the letter as the API server says it (S-RBAC-22,
    /// S-FMT-11: the resource word is singular, because it looks in its cache).
    pub(super) fn unresolved(&self) -> String {
        let name = Quoted(&self.name);
        match &self.kind {
            RoleKind::ClusterRole => {
                format!("clusterrole.rbac.authorization.k8s.io {name} not found")
            }
            RoleKind::Role => format!("role.rbac.authorization.k8s.io {name} not found"),
            RoleKind::Unsupported(kind) => {
                format!("unsupported role reference kind: {}", Quoted(kind))
            }
        }
    }
}

impl Spaces {
    #[inline]
    pub(super) fn find(&self, hash: u64, namespace: &str) -> Option<(SpaceId, &Arc<Scope>)> {
        self.ids.iter_hash(hash).filter(|(of, _)| *of == hash).find_map(|&(_, id)| {
            let scope = self.scopes.get(id)?;
            (scope.namespace == namespace).then_some((id, scope))
        })
    }
}

impl Policy {
    pub(super) fn empty() -> Self {
        Self {
            vocabulary: Arc::new(Vocabulary::new()),
            cluster_grants: Arc::default(),
            grants: Arc::new(Index::new(0)),
            cluster: Arc::new(Scope::new(Str::default())),
            spaces: Arc::default(),
            tests: Arc::default(),
            roles: Arc::default(),
            reach: Arc::new(Reach::new()),
            sources: Arc::default(),
            hasher: Hasher::default(),
            clock: None,
        }
    }

    pub(super) fn hash_role(
        &self,
        kind: &RoleKind,
        namespace: &str,
        name: &str,
        times: Option<&GrantTimes>,
    ) -> u64 {
        self.hasher.of((kind.as_str(), namespace, name, times))
    }

    /// The scope of a namespace, if it holds bindings; none for the empty namespace (S-SAR-5).
    #[inline]
    pub(super) fn space(&self, namespace: &str) -> Option<&Scope> {
        if namespace.is_empty() {
            return None;
        }
        let (_, scope) = self.spaces.find(self.hasher.namespace(namespace), namespace)?;
        Some(scope)
    }

    /// Whether a role grants what is asked; a role that is not there grants nothing.
    #[inline]
    pub(super) fn role_allows(&self, role: RoleId, question: &Question<'_>) -> bool {
        self.tests
            .get(role)
            .is_some_and(|test| test.may_allow(question) && self.passes(test, role, question))
    }

    /// The same for a test that was fetched and whose signature meets the question.
    #[inline]
    pub(super) fn passes(&self, test: &RoleTest, role: RoleId, question: &Question<'_>) -> bool {
        test.allows(question, &self.vocabulary, || {
            let row = self.roles.get(role)?;
            // PERF: the test of a row with times decides nothing by itself, so others pay at most for
            // seeing that they have none.
            let is_in_force =
                row.times.as_ref().is_none_or(|times| times.hold_at(self.moment_of(question)));
            row.rules.as_ref().filter(|_| is_in_force)
        })
    }

    pub(super) fn origin(&self, place: Place) -> Origin {
        match self.sources.get(place.source) {
            Some(Source { name, inherited_from }) => {
                let origin = Origin::new(Arc::clone(name), place.document, place.line);
                Origin { inherited_from: inherited_from.clone(), ..origin }
            }
            None => Origin::default(),
        }
    }

    /// How many bindings of either kind there are.
    #[must_use]
    pub fn bindings(&self) -> usize {
        let of_namespaces = self.spaces.scopes.iter().map(|scope| scope.slots().len());
        self.cluster.slots().len() + of_namespaces.sum::<usize>()
    }

    /// The namespaces that hold RoleBindings, in no order.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        let held = self.spaces.scopes.iter().filter(|scope| scope.slots().len() > 0);
        held.map(|scope| scope.namespace.as_str())
    }

    /// What the policy occupies, in bytes.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let (mut bindings, mut strings) = self.cluster.memory();
        for scope in self.spaces.scopes.iter() {
            let (rows, text) = scope.memory();
            bindings += rows;
            strings += text;
        }
        bindings += self.spaces.scopes.memory() + self.spaces.ids.allocation_size();
        for (rows, text) in [self.grants.memory(), self.cluster_grants.memory()] {
            bindings += rows;
            strings += text;
        }
        let mut roles = self.roles.memory() + self.tests.memory() + self.vocabulary.memory();
        let mut seen = hashbrown::HashSet::new();
        for row in self.roles.iter() {
            roles += size_of::<RoleInfo>();
            roles += row.times.as_ref().map_or(0, |_| size_of::<GrantTimes>());
            if let Some(rules) = &row.rules
                && seen.insert(Arc::as_ptr(rules))
            {
                roles += rules.memory();
            }
        }
        Memory { bindings, strings, roles, reach: self.reach.memory() }
    }
}

/// Bytes that a compiled policy occupies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Bindings, subjects and their index.
    pub bindings: usize,
    /// The names of bindings and subjects.
    pub strings: usize,
    /// Roles, their rules and the words in them.
    pub roles: usize,
    /// The index from subjects to namespaces.
    pub reach: usize,
}
