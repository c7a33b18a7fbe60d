use std::collections::HashMap;

use super::Node;
use crate::api::Str;

/// Beyond this many fields a hash finds duplicates faster than looking through them.
const FEW: usize = 16;

/// The fields of a map in the order in which they were first named; the last value counts.
#[derive(Default)]
pub(in crate::source) struct MapBuilder {
    fields: Vec<(Str, Node)>,
    index: HashMap<Str, usize>,
}

impl MapBuilder {
    /// Sets a field and returns the value it had.
    pub(in crate::source) fn insert(&mut self, name: Str, value: Node) -> Option<Node> {
        if let Some(slot) = self.find(&name).and_then(|at| self.fields.get_mut(at)) {
            return Some(std::mem::replace(&mut slot.1, value));
        }
        if !self.index.is_empty() {
            self.index.insert(name.clone(), self.fields.len());
        }
        self.fields.push((name, value));
        if self.fields.len() == FEW {
            self.index =
                self.fields.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
        }
        None
    }

    fn find(&self, name: &str) -> Option<usize> {
        if self.index.is_empty() {
            self.fields.iter().position(|(known, _)| known == name)
        } else {
            self.index.get(name).copied()
        }
    }

    /// The fields.
    pub(in crate::source) fn finish(self) -> Vec<(Str, Node)> {
        self.fields
    }
}
