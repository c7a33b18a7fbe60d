//! Why: the reason to the letter, and the way from the object to the node.

use super::block::Block;
use super::ruling::{Ruling, ruling};
use super::table::Tag;
use super::{Graph, Vertex};
use crate::model::{Decision, Explain, Request, Step};

impl Graph {
    /// The way from an object to a node, if there is one: the object comes first, the node is left
    /// out. Of several the shortest, of those the first by name.
    #[must_use]
    pub fn path<'g>(&'g self, object: Vertex<'_>, node: &str) -> Option<Vec<Vertex<'g>>> {
        self.paths(object, self.shards.get(node)?).into_iter().next()
    }

    /// Every way from an object to the node of a block, the shortest first, then by name.
    pub(super) fn paths<'g>(&self, object: Vertex<'_>, block: &'g Block) -> Vec<Vec<Vertex<'g>>> {
        let mut found = Vec::new();
        let tag = Tag::of(self.shards.hasher(), object);
        let mut open: Vec<Vec<u32>> =
            block.find(tag, object).map(|id| vec![id]).into_iter().collect();
        while let Some(way) = open.pop() {
            let Some(&last) = way.last() else { continue };
            if block.vertex(last).is_some_and(|vertex| vertex.kind.is_last()) {
                found.push(way.into_iter().filter_map(|id| block.vertex(id)).collect());
            } else {
                // Edges go from kind to kind and never back, so every way ends.
                let further = block.successors(last).map(|next| [&way[..], &[next]].concat());
                open.extend(further);
            }
        }
        found.sort_unstable_by(|a: &Vec<_>, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
        found
    }
}

impl Explain for Graph {
    fn reason(&self, request: &Request<'_>, _: Decision) -> String {
        match self.judge(request.user, &request.attributes) {
            Some((node, Err(cause))) => cause.text(request, node),
            None | Some((_, Ok(()))) => String::new(),
        }
    }

    fn path(&self, request: &Request<'_>, _: Decision) -> Vec<Step> {
        let Some((node, Ok(()))) = self.judge(request.user, &request.attributes) else {
            return Vec::new();
        };
        let rule = |text: String| vec![step("rule", text)];
        match ruling(&request.attributes, self.gates) {
            Ruling::Reached(object) | Ruling::SelectedOrReached(_, object)
                if let Some(way) = self.path(object, node) =>
            {
                let way = way.iter().map(|vertex| step(vertex.kind.as_str(), vertex.qualified()));
                way.chain([step("Node", node.to_owned())]).collect()
            }
            Ruling::Rule(index, rule) => vec![
                step("ClusterRole", "system:node".to_owned()),
                step("rule", format!("rules[{index}]: {rule}")),
            ],
            Ruling::Named(..) => rule(format!("the object has the name of node {node}")),
            Ruling::Every => rule("every node may, as far as admission lets it".to_owned()),
            _ => rule(format!("the field selector says spec.nodeName={node}")),
        }
    }
}

fn step(kind: &'static str, text: String) -> Step {
    Step { kind, text, origin: None }
}
