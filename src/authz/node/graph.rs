use std::fmt;
use std::sync::Arc;

use super::Gates;
use super::cause::Cause;
use super::identity::{Identity, identity};
use super::principal;
use super::ruling::ruling;
use super::shards::Shards;
use super::table::Tag;
use crate::authz::{Authorizer, Resolved, Rules};
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

    /// Whether a user may, and if not, why; `None` when the user is no node.
    #[inline]
    pub(super) fn judge<'u>(
        &self,
        user: &'u User,
        attributes: &Attributes<'_>,
    ) -> Option<(&'u str, Result<(), Cause>)> {
        let node = match identity(user) {
            Identity::Other => return None,
            Identity::Unknown => return Some(("", Err(Cause::UnknownNode))),
            Identity::Node(node) => node,
        };
        let answer = ruling(attributes, self.gates).judge(node, |object| {
            let tag = Tag::of(self.shards.hasher(), object);
            self.shards.get(node).is_some_and(|block| block.contains(tag, object))
        });
        Some((node, answer))
    }

    /// The verdict on that; the reason is written when asked for.
    #[inline]
    pub(super) fn verdict<'a>(
        &'a self,
        answer: Result<(), Cause>,
        user: &'a User,
        attributes: &'a Attributes<'a>,
    ) -> Verdict<'a> {
        let deferred = |decision| Verdict::deferred_for(decision, self, user, attributes);
        match answer {
            Ok(()) => deferred(Decision::Allow),
            Err(cause) => match cause.fixed() {
                Some(reason) => Verdict::no_opinion(reason),
                None => deferred(Decision::NoOpinion),
            },
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
        match self.judge(request.user, &request.attributes) {
            None => Verdict::no_opinion(""),
            Some((_, answer)) => self.verdict(answer, request.user, &request.attributes),
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

    fn resolve(&self, user: &Arc<User>) -> Option<Box<dyn Resolved>> {
        Some(principal::resolve(self, user))
    }
}
