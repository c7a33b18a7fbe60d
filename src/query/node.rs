//! Grants of the Node authorizer: which nodes may do something, each with the way that leads there.

use super::Subject;
use crate::api::Str;
use crate::authz::node::{Graph, Rule, Via};
use crate::model::{Attributes, Step, groups, names};

/// A node, or every node, and one way that lets it.
#[derive(Debug, Clone)]
pub(super) struct NodeGrant {
    /// The name; `None`: every node.
    node: Option<Str>,
    way: Way,
}

/// [`Via`], without the lifetime of a question.
#[derive(Debug, Clone)]
enum Way {
    /// Kinds and qualified names, from the object that was asked for.
    Path(Vec<(&'static str, String)>),
    OwnObject,
    Selector,
    Rule(usize, &'static Rule),
    EveryNode,
}

/// One grant a node and way, in the order of the graph.
pub(super) fn grants(graph: &Graph, attributes: &Attributes<'_>) -> Vec<NodeGrant> {
    let mut grants = Vec::new();
    for row in graph.who_can(attributes) {
        let node = row.node.map(Str::from);
        grants.extend(row.via.iter().map(|via| NodeGrant { node: node.clone(), way: way(via) }));
    }
    grants
}

fn way(via: &Via<'_>) -> Way {
    match via {
        Via::Path(path) => {
            Way::Path(path.iter().map(|at| (at.kind.as_str(), at.qualified())).collect())
        }
        Via::OwnObject => Way::OwnObject,
        Via::Selector => Way::Selector,
        Via::Rule(index, rule) => Way::Rule(*index, rule),
        Via::EveryNode => Way::EveryNode,
    }
}

impl NodeGrant {
    pub(super) fn subject(&self) -> Subject {
        match &self.node {
            Some(node) => Subject {
                kind: "User".into(),
                name: compact_str::format_compact!("{}{node}", names::NODE_PREFIX),
                while_in: Some(groups::NODES.into()),
                ..Subject::default()
            },
            None => Subject::group(groups::NODES),
        }
    }

    /// From the object that was asked for to the node; or what says so otherwise, in the words of the
    /// engine's own explanation.
    pub(super) fn path(&self) -> Vec<Step> {
        let step = |kind, text| Step { kind, text, origin: None };
        let rule = |text: String| vec![step("rule", text)];
        let node = self.node.as_deref().unwrap_or("any");
        match &self.way {
            Way::Path(path) => {
                let way = path.iter().map(|(kind, name)| step(kind, name.clone()));
                way.chain([step("Node", node.to_owned())]).collect()
            }
            Way::OwnObject => rule(format!("the object has the name of node {node}")),
            Way::Selector => rule(format!("the field selector says spec.nodeName={node}")),
            Way::Rule(index, rule) => vec![
                step("ClusterRole", "system:node".to_owned()),
                step("rule", format!("rules[{index}]: {rule}")),
            ],
            Way::EveryNode => rule("every node may, as far as admission lets it".to_owned()),
        }
    }
}
