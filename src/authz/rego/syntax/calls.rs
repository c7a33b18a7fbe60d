//! Which rules does a rule lead to, and how deep?

use std::collections::{BTreeMap, BTreeSet};

use super::{Reference, Rule, Syntax};
use crate::authz::rego::CompileError;

/// The rules of a policy and whom each of them refers to.
pub(in super::super) struct Graph<'a> {
    rules: BTreeMap<&'a [String], Node<'a>>,
}

#[derive(Default)]
struct Node<'a> {
    definitions: Vec<(&'a str, &'a Rule)>,
    depth: usize,
    references: BTreeSet<&'a Reference>,
}

impl<'a> Graph<'a> {
    pub(in super::super) fn new(syntax: &'a Syntax) -> Self {
        let mut rules: BTreeMap<&[String], Node<'_>> = BTreeMap::new();
        for (module, rule) in syntax.rules() {
            let node = rules.entry(&rule.path).or_default();
            node.definitions.push((&module.name, rule));
            node.depth = node.depth.max(rule.depth);
            node.references.extend(&rule.references);
        }
        Self { rules }
    }

    /// The rules that a reference may evaluate: those below its path, and those it reads a part of.
    fn targets(&self, reference: &'a Reference) -> impl Iterator<Item = &'a [String]> {
        let path: &'a [String] = &reference.path;
        let above = (1..path.len()).filter_map(move |length| {
            let head = path.get(..length)?;
            self.rules.contains_key(head).then_some(head)
        });
        let below = self.rules.range(path..).map(|(rule, _)| *rule);
        above.chain(below.take_while(move |rule| rule.starts_with(path)))
    }

    /// All that can be reached from these rules, themselves included.
    pub(in super::super) fn reachable(&self, from: &[Vec<String>]) -> BTreeSet<&'a [String]> {
        let mut seen: BTreeSet<&[String]> = BTreeSet::new();
        let mut pending: Vec<&[String]> = from
            .iter()
            .filter_map(|path| self.rules.get_key_value(path.as_slice()))
            .map(|(path, _)| *path)
            .collect();
        while let Some(path) = pending.pop() {
            if seen.insert(path)
                && let Some(node) = self.rules.get(path)
            {
                pending
                    .extend(node.references.iter().flat_map(|reference| self.targets(reference)));
            }
        }
        seen
    }

    /// Everything that these rules refer to.
    pub(in super::super) fn references<'b>(
        &'b self,
        rules: &'b BTreeSet<&'a [String]>,
    ) -> impl Iterator<Item = &'a Reference> + 'b {
        rules
            .iter()
            .filter_map(|path| self.rules.get(path))
            .flat_map(|node| node.references.iter().copied())
    }

    /// Whether one of these rules is a function with a value for all other arguments.
    pub(in super::super) fn has_default_function(&self, rules: &BTreeSet<&'a [String]>) -> bool {
        rules.iter().filter_map(|path| self.rules.get(path)).any(|node| {
            let is = |kind| node.definitions.iter().any(|(_, rule)| rule.kind == kind);
            is(super::Kind::Function) && is(super::Kind::Default)
        })
    }

    /// Whether the register machine may take one of these rules for something else than it says.
    pub(in super::super) fn is_beyond_machine(&self, rules: &BTreeSet<&'a [String]>) -> bool {
        let nodes = || rules.iter().filter_map(|path| self.rules.get(path));
        let reads_many = |reference: &'a Reference| {
            self.targets(reference).any(|rule| rule.len() > reference.path.len())
        };
        nodes().any(|node| {
            node.definitions.iter().any(|(_, rule)| rule.is_beyond_machine)
                || node.references.iter().any(|reference| reads_many(reference))
        })
    }

    /// Whether one of these rules may have several values at once, which is an error: such rules are
    /// given to the evaluator that finds it out.
    pub(in super::super) fn may_conflict(&self, rules: &BTreeSet<&'a [String]>) -> bool {
        rules.iter().filter_map(|path| self.rules.get(path)).any(|node| {
            let mut values =
                node.definitions.iter().map(|(_, rule)| *rule).filter(|rule| {
                    matches!(rule.kind, super::Kind::Complete | super::Kind::Function)
                });
            let Some(first) = values.next() else { return false };
            let others: Vec<&Rule> = values.collect();
            match &first.constant {
                None => first.has_loop || !others.is_empty(),
                constant => others.iter().any(|rule| rule.constant != *constant),
            }
        })
    }
}

/// How deep evaluating may recurse, from any rule.
///
/// # Errors
///
/// A rule leads back to itself.
pub(in super::super) fn deepest(graph: &Graph<'_>) -> Result<usize, CompileError> {
    let mut depths: BTreeMap<&[String], usize> = BTreeMap::new();
    // Depth first, on a stack of our own: a rule, and whether those it leads to are done.
    for start in graph.rules.keys() {
        let mut open: BTreeSet<&[String]> = BTreeSet::new();
        let mut stack = vec![(*start, false)];
        while let Some((path, is_done)) = stack.pop() {
            let Some(node) = graph.rules.get(path) else { continue };
            let targets = node.references.iter().flat_map(|reference| graph.targets(reference));
            if is_done {
                open.remove(path);
                let below = targets.filter_map(|target| depths.get(target)).max().unwrap_or(&0);
                depths.insert(path, below + node.depth + 1);
                continue;
            }
            if depths.contains_key(path) {
                continue;
            }
            open.insert(path);
            stack.push((path, true));
            for target in targets {
                if open.contains(target) {
                    return Err(recursion(graph, target));
                }
                if !depths.contains_key(target) {
                    stack.push((target, false));
                }
            }
        }
    }
    Ok(depths.into_values().max().unwrap_or(0))
}

fn recursion(graph: &Graph<'_>, path: &[String]) -> CompileError {
    let definition = graph.rules.get(path).and_then(|node| node.definitions.first());
    let (name, line) = definition.map_or(("", 0), |(name, rule)| (*name, rule.line));
    let rule = path.join(".");
    CompileError::new(name, format!("`{rule}` leads back to itself; rules must not be recursive"))
        .at(line, 0)
}
