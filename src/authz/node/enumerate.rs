//! The inverse question: which nodes may do this, and through what?

use super::block::Block;
use super::ruling::{Ruling, ruling, selected};
use super::{Graph, Rule, Vertex};
use crate::model::Attributes;

/// A node that may do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'g> {
    /// Its name; `None`: every node, known or not.
    pub node: Option<&'g str>,
    /// Everything that says so.
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
    /// Which nodes may do what is asked, by name, each with all that it rests on.
    ///
    /// A node is among them exactly when [`authorize`](crate::authz::Authorizer::authorize) allows it the
    /// request, whether or not the graph knows it.
    ///
    /// ```
    /// use portcullis::api::graph::{Object, Pod};
    /// use portcullis::authz::node::{Editor, Gates, Via};
    /// use portcullis::model::{Attributes, ResourceAttributes};
    ///
    /// let mut pod = Pod::default();
    /// pod.namespace = "shop".into();
    /// pod.name = "web-0".into();
    /// pod.node_name = "n1".into();
    /// pod.secrets = vec!["tls".into()].into();
    /// let graph = Editor::load(Gates::default(), [&Object::Pod(pod)]).graph();
    ///
    /// let asked = ResourceAttributes::new("get", "secrets").in_namespace("shop").named("tls");
    /// let attributes = Attributes::Resource(asked);
    /// let rows = graph.who_can(&attributes);
    /// assert_eq!(rows[0].node, Some("n1"));
    /// let Via::Path(way) = &rows[0].via[0] else { panic!("{rows:?}") };
    /// let way: Vec<String> = way.iter().map(ToString::to_string).collect();
    /// assert_eq!(way, ["Secret shop/tls", "Pod shop/web-0"]);
    /// ```
    #[must_use]
    pub fn who_can<'g>(&'g self, attributes: &'g Attributes<'g>) -> Vec<Row<'g>> {
        let mut rows = Vec::new();
        match ruling(attributes, self.gates) {
            Ruling::Every => rows.push(Row { node: None, via: vec![Via::EveryNode] }),
            Ruling::Rule(index, rule) => {
                rows.push(Row { node: None, via: vec![Via::Rule(index, rule)] });
            }
            Ruling::Nobody(_) => {}
            // A node without a name may nothing (S-NODE-2).
            Ruling::Named("", _) => {}
            Ruling::Named(name, _) => {
                rows.push(Row { node: Some(name), via: vec![Via::OwnObject] });
            }
            Ruling::Selected(selector, _) => add_selected(&mut rows, selector),
            Ruling::Reached(object) => self.add_reached(&mut rows, object),
            Ruling::SelectedOrReached(selector, object) => {
                add_selected(&mut rows, selector);
                self.add_reached(&mut rows, object);
            }
        }
        // What a selector says of a node comes before the ways to it: the sort is stable.
        rows.sort_by_key(|row| row.node);
        rows.dedup_by(|next, row| {
            let same = next.node == row.node;
            if same {
                row.via.append(&mut next.via);
            }
            same
        });
        rows
    }

    fn add_reached<'g>(&'g self, rows: &mut Vec<Row<'g>>, object: Vertex<'_>) {
        let row = |block: &'g Block| {
            let via: Vec<Via<'_>> = self.paths(object, block).into_iter().map(Via::Path).collect();
            (!via.is_empty()).then(|| Row { node: Some(block.node().as_ref()), via })
        };
        rows.extend(self.shards.iter().filter_map(row));
    }
}

fn add_selected<'g>(rows: &mut Vec<Row<'g>>, selector: &'g [crate::model::FieldRequirement]) {
    let mut nodes: Vec<&str> = selected(selector).filter(|node| !node.is_empty()).collect();
    nodes.sort_unstable();
    nodes.dedup();
    rows.extend(nodes.into_iter().map(|node| Row { node: Some(node), via: vec![Via::Selector] }));
}
