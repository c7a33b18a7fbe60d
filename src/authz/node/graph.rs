use std::fmt;

use super::cause::Cause;
use super::identity::{Identity, identity};
use super::ruling::{Ruling, ruling, selected};
use super::shards::Shards;
use super::table::Tag;
use super::{Gates, Vertex};
use crate::authz::{Authorizer, Rules};
use crate::model::{Attributes, Decision, Request, User, Verdict};

/// Who refers to what, at one moment: immutable, cheap to clone, shared by any number of threads.
///
/// Made by an [`Editor`](super::Editor). Layout, from a request's point of view:
///
/// ```text
///  user ─► node ─► shard ─► table: every object that leads to this node
/// ```
///
/// A decision costs two look-ups, of the node and of the object among those of the node. Nothing of it
/// grows with the number of pods that share an object, or with the cluster.
#[derive(Clone)]
pub struct Graph {
    pub(super) gates: Gates,
    pub(super) shards: Shards,
}

impl Graph {
    pub(super) fn new(gates: Gates) -> Self {
        Self { gates, shards: Shards::new() }
    }

    /// The feature gates.
    #[must_use]
    pub const fn gates(&self) -> Gates {
        self.gates
    }

    /// The nodes that objects lead to, by name. Others may exist: a node on which nothing runs is not in
    /// the graph.
    #[must_use]
    pub fn nodes(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.shards.iter().map(|block| &**block.node()).collect();
        names.sort_unstable();
        names
    }

    /// Bytes held. Versions of a graph share most of them.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.shards.memory()
    }

    /// Whether a way leads from an object to a node.
    #[inline]
    pub(super) fn reaches(&self, object: Vertex<'_>, node: &str) -> bool {
        let tag = Tag::of(self.shards.hasher(), object);
        self.shards.get(node).is_some_and(|block| block.contains(tag, object))
    }

    /// Whether `node` may, and if not, why.
    #[inline]
    pub(super) fn judge(&self, ruling: Ruling<'_>, node: &str) -> Result<(), Cause> {
        let (may, cause) = match ruling {
            Ruling::Every | Ruling::Rule(..) => return Ok(()),
            Ruling::Nobody(cause) => return Err(cause),
            Ruling::Reached(object) => (self.reaches(object, node), Cause::Unrelated),
            Ruling::Named(name, cause) => (name == node, cause),
            Ruling::Selected(selector, cause) => (selected(selector).any(|it| it == node), cause),
            Ruling::SelectedOrReached(selector, object) => {
                let may = selected(selector).any(|it| it == node) || self.reaches(object, node);
                (may, Cause::Unrelated)
            }
        };
        if may { Ok(()) } else { Err(cause) }
    }

    /// Whether a user may, and if not, why; `None` when the user is no node.
    #[inline]
    pub(super) fn judge_user<'u>(
        &self,
        user: &'u User,
        attributes: &Attributes<'_>,
    ) -> Option<(&'u str, Result<(), Cause>)> {
        match identity(user) {
            Identity::Other => None,
            Identity::Unknown => Some(("", Err(Cause::UnknownNode))),
            Identity::Node(node) => Some((node, self.judge(ruling(attributes, self.gates), node))),
        }
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph")
            .field("gates", &self.gates)
            .field("nodes", &self.shards.iter().count())
            .finish_non_exhaustive()
    }
}

impl Authorizer for Graph {
    fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
        match self.judge_user(request.user, &request.attributes) {
            None => Verdict::no_opinion(""),
            Some((_, Ok(()))) => Verdict::deferred(Decision::Allow, self, request),
            Some((_, Err(cause))) => match cause.fixed() {
                Some(reason) => Verdict::no_opinion(reason),
                None => Verdict::deferred(Decision::NoOpinion, self, request),
            },
        }
    }

    /// Nothing: for a node, with the error that it cannot be listed (S-NODE-5).
    fn rules_for(&self, user: &User, _: &str) -> Rules {
        match identity(user) {
            Identity::Other => Rules::default(),
            Identity::Unknown | Identity::Node(_) => {
                Rules::incomplete("node authorizer does not support user rule resolution")
            }
        }
    }

    fn can_deny(&self) -> bool {
        false
    }

    fn passes(&self, user: &User) -> bool {
        identity(user) == Identity::Other
    }
}
