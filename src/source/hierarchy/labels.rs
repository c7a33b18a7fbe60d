//! The tree of the Hierarchical Namespace Controller: labels of namespaces, and the objects that it is
//! told by.

use std::collections::{BTreeMap, HashSet};

use super::{Hierarchy, HierarchyError, Parent};
use crate::api::Str;
use crate::api::inventory::{Inventory, Kinship};
use crate::model::Origin;
use crate::source::Loaded;

impl Hierarchy {
    /// The tree that the Hierarchical Namespace Controller keeps: its labels on namespaces
    /// (`<ancestor>.tree.hnc.x-k8s.io/depth`), and the HierarchyConfiguration and SubnamespaceAnchor
    /// objects that it is told by. Where both speak they must agree.
    ///
    /// # Errors
    /// When it is no tree, and when nothing was read that could tell.
    pub fn from_labels(loaded: &Loaded) -> Result<Self, HierarchyError> {
        let Inventory { namespaces, kinships, .. } = &loaded.inventory;
        if namespaces.is_empty() && kinships.is_empty() {
            return Err(HierarchyError::NoNamespaces);
        }
        let mut parents: BTreeMap<Str, Parent> = BTreeMap::new();
        let mut add = |namespace: &Str, parent: &Str, origin: &Origin| {
            let new = Parent { name: parent.clone(), origin: origin.clone() };
            match parents.insert(namespace.clone(), new) {
                Some(other) if other.name != *parent => Err(HierarchyError::TwoParents {
                    origin: origin.clone(),
                    namespace: namespace.to_string(),
                    parent: parent.to_string(),
                    other: other.name.to_string(),
                    earlier: Box::new(other.origin),
                }),
                _ => Ok(()),
            }
        };
        for kinship in kinships {
            let origin = &kinship.origin;
            match &kinship.value {
                Kinship::Depths { namespace, depths } => {
                    if let Some(parent) = parent_by_depth(namespace, depths, origin)? {
                        add(namespace, parent, origin)?;
                    }
                }
                Kinship::Parent { namespace, parent } => {
                    if !parent.is_empty() {
                        add(namespace, parent, origin)?;
                    }
                }
                Kinship::Unreadable { kind, reason } => {
                    return Err(HierarchyError::Unreadable {
                        origin: origin.clone(),
                        kind: kind.to_string(),
                        reason: reason.clone(),
                    });
                }
            }
        }
        let tree = Self::new(parents)?;
        for kinship in kinships {
            if let Kinship::Depths { namespace, depths } = &kinship.value {
                tree.agrees(namespace, depths, &kinship.origin)?;
            }
        }
        Ok(tree)
    }

    /// Labels name all that is above, each with its distance: a parent that was moved meanwhile shows.
    fn agrees(
        &self,
        namespace: &Str,
        depths: &[(Str, Str)],
        origin: &Origin,
    ) -> Result<(), HierarchyError> {
        let above: Vec<&str> = self.above(namespace).collect();
        let told: HashSet<(&str, usize)> = depths
            .iter()
            .filter(|(other, _)| other != namespace)
            .filter_map(|(other, depth)| Some((other.as_str(), depth.parse().ok()?)))
            .collect();
        let found: HashSet<(&str, usize)> = above.iter().copied().zip(1..).collect();
        if told == found {
            return Ok(());
        }
        let chain = if above.is_empty() { "nothing".to_owned() } else { above.join(", then ") };
        let what = format!("above it is {chain}, by the parents of each, but they say otherwise");
        Err(labels(namespace, origin, what))
    }
}

/// The one that is one above.
fn parent_by_depth<'d>(
    namespace: &Str,
    depths: &'d [(Str, Str)],
    origin: &Origin,
) -> Result<Option<&'d Str>, HierarchyError> {
    let mut parent = None;
    for (other, depth) in depths {
        let wrong = |what: String| Err(labels(namespace, origin, what));
        let Ok(number) = depth.parse::<usize>() else {
            return wrong(format!("the distance of `{other}` is `{depth}`, which is no number"));
        };
        match number {
            0 if other != namespace => {
                return wrong(format!("`{other}` is said to be the namespace itself"));
            }
            0 => {}
            _ if other == namespace => {
                return wrong(format!("the namespace is said to be {number} above itself"));
            }
            1 if parent.is_some() => {
                return wrong("two others are said to be one above it".to_owned());
            }
            1 => parent = Some(other),
            _ => {}
        }
    }
    Ok(parent)
}

fn labels(namespace: &Str, origin: &Origin, what: String) -> HierarchyError {
    HierarchyError::Labels { origin: origin.clone(), namespace: namespace.to_string(), what }
}
