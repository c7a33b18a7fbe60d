use std::sync::Arc;

use super::Graph;
use super::block::Block;
use super::identity::{Identity, identity};
use super::ruling::ruling;
use super::table::Tag;
use crate::authz::Resolved;
use crate::model::{Attributes, User, Verdict};

/// A node, with what leads there.
struct Kubelet {
    graph: Graph,
    user: Arc<User>,
    // `None`: nothing does.
    block: Option<Block>,
}

/// Anybody else: never an opinion.
struct Nobody;

/// A user who is looked up once, for many questions. Keeps answering as the graph does now.
pub(super) fn resolve(graph: &Graph, user: &Arc<User>) -> Box<dyn Resolved> {
    let block = match identity(user) {
        Identity::Other => return Box::new(Nobody),
        Identity::Unknown => None,
        Identity::Node(node) => graph.shards.get(node).cloned(),
    };
    Box::new(Kubelet { graph: graph.clone(), user: Arc::clone(user), block })
}

impl Resolved for Kubelet {
    fn authorize<'a>(&'a self, attributes: &'a Attributes<'a>) -> Verdict<'a> {
        let answer = match identity(&self.user) {
            Identity::Node(node) => ruling(attributes, self.graph.gates).judge(node, |object| {
                let tag = Tag::of(self.graph.shards.hasher(), object);
                self.block.as_ref().is_some_and(|block| block.contains(tag, object))
            }),
            // The graph tells one without a name from one who is no node.
            Identity::Unknown | Identity::Other => match self.graph.judge(&self.user, attributes) {
                Some((_, answer)) => answer,
                None => return Verdict::no_opinion(""),
            },
        };
        self.graph.verdict(answer, &self.user, attributes)
    }
}

impl Resolved for Nobody {
    fn authorize<'a>(&'a self, _: &'a Attributes<'a>) -> Verdict<'a> {
        Verdict::no_opinion("")
    }
}
