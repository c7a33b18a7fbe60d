//! The inverse question: which nodes may do this, and through what?

use super::{Graph, Rule, Vertex};
use crate::model::Attributes;

/// A node that may do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'g> {
    /// Its name; `None`: every node, known or not.
    pub node: Option<&'g str>,
    /// Every way that leads there.
    pub via: Vec<Via<'g>>,
}

/// Why a node may.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Via<'g> {
    /// A way through the graph: from the object that was asked for to a pod on the node, or to
    /// whatever else belongs to it. The node itself is left out.
    Path(Vec<Vertex<'g>>),
    /// The request names the object that has the name of the node: its Node, Lease or CSINode.
    OwnObject,
    /// The field selector of the request selects what belongs to the node.
    Selector,
    /// A rule of ClusterRole `system:node`, by its index (S-NODE-3).
    Rule(usize, &'static Rule),
    /// The authorizer allows it to every node; admission may still limit it (S-NODE-7).
    EveryNode,
}

impl Graph {
    /// Which nodes may do what is asked: every node that [`authorize`](crate::authz::Authorizer)
    /// would allow it, by name, each with what it rests on.
    #[must_use]
    pub fn who_can<'g>(&'g self, attributes: &Attributes<'g>) -> Vec<Row<'g>> {
        let _ = attributes;
        Vec::new()
    }
}
