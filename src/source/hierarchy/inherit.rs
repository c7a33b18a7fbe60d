//! Handing down: the Roles and RoleBindings of a namespace to all below it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::exceptions::{Exceptions, Passes};
use super::{Hierarchy, HierarchyError};
use crate::api::Str;
use crate::api::inventory::{Inventory, Namespace, Sourced};
use crate::api::meta::ObjectMeta;
use crate::api::rbac::{Kind, ObjectKey, Role, RoleBinding};
use crate::source::{Loaded, Notice};
use crate::util::nearest::nearest;

/// The label of what the Hierarchical Namespace Controller copied, with the namespace that it comes
/// from.
pub const INHERITED_FROM: &str = "hnc.x-k8s.io/inherited-from";

/// A tree of a thousand namespaces under one with a thousand bindings is a fourth of this.
const MOST: usize = 4_000_000;

/// Gives every namespace the Roles and RoleBindings of those above it, each with the place where it
/// stands and the namespace that it comes from. Of two with one name the one of the nearest namespace
/// counts; one that a namespace has itself is never replaced, and told as a notice unless it is the
/// copy of what would be inherited. What HNC is told to keep from a namespace
/// (`propagate.hnc.x-k8s.io/none`, `/select`, `/treeSelect`) is kept from it.
///
/// Subjects stand as they are written: a service account without a namespace is one of the namespace
/// that inherits (S-RBAC-16), as in a copy of HNC.
///
/// # Errors
/// When namespaces were read and the tree names another, or when it would be too many. Nothing is
/// changed then.
pub fn inherit(loaded: &mut Loaded, hierarchy: &Hierarchy) -> Result<(), HierarchyError> {
    let Loaded { inventory, report } = loaded;
    let namespaces: HashMap<&str, &Namespace> =
        inventory.namespaces.iter().map(|it| (it.name.as_str(), it)).collect();
    check_names(inventory, &namespaces, hierarchy)?;
    let mut notices = Vec::new();
    let roles = handed_down(&inventory.roles, &namespaces, hierarchy, &mut notices)?;
    let bindings = handed_down(&inventory.role_bindings, &namespaces, hierarchy, &mut notices)?;
    if roles.len() + bindings.len() > MOST {
        return Err(HierarchyError::TooMany { limit: MOST });
    }
    notices.extend(untold(inventory, &namespaces, hierarchy));
    inventory.roles.iter_mut().for_each(mark_copy);
    inventory.role_bindings.iter_mut().for_each(mark_copy);
    inventory.roles.extend(roles);
    inventory.role_bindings.extend(bindings);
    report.notices.extend(notices);
    Ok(())
}

/// Where namespaces were read, others are slips of the pen.
fn check_names(
    inventory: &Inventory,
    known: &HashMap<&str, &Namespace>,
    hierarchy: &Hierarchy,
) -> Result<(), HierarchyError> {
    if known.is_empty() {
        return Ok(());
    }
    for (child, parent) in hierarchy.pairs() {
        for name in [child, &parent.name] {
            if known.contains_key(name.as_str()) {
                continue;
            }
            let names = inventory.namespaces.iter().map(|it| it.name.as_str());
            return Err(HierarchyError::Unknown {
                origin: parent.origin.clone(),
                namespace: name.to_string(),
                suggestion: nearest(name, names).map(str::to_owned),
            });
        }
    }
    Ok(())
}

/// Namespaces of bindings about whose place nothing was read.
fn untold(
    inventory: &Inventory,
    known: &HashMap<&str, &Namespace>,
    hierarchy: &Hierarchy,
) -> Vec<Notice> {
    if hierarchy.is_empty() {
        return vec![Notice::NoHierarchy];
    }
    if known.is_empty() {
        return Vec::new();
    }
    let of_bindings = inventory.role_bindings.iter().map(|it| &it.value.metadata.namespace);
    let unknown: BTreeSet<&Str> =
        of_bindings.filter(|name| !known.contains_key(name.as_str())).collect();
    unknown.into_iter().map(|name| Notice::NoNamespace { namespace: name.clone() }).collect()
}

/// Objects and namespaces that are put together, those included that inherit nothing of it.
const MOST_LOOKED_AT: usize = 8 * MOST;

/// An object that belongs to a namespace.
trait Namespaced: Clone {
    const KIND: Kind;
    fn metadata(&self) -> &ObjectMeta;
    fn metadata_mut(&mut self) -> &mut ObjectMeta;
}

impl Namespaced for Role {
    const KIND: Kind = Kind::Role;
    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Namespaced for RoleBinding {
    const KIND: Kind = Kind::RoleBinding;
    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

fn source_of(metadata: &ObjectMeta) -> Option<&Str> {
    metadata.labels.get(INHERITED_FROM)
}

/// A copy that HNC made shows where it comes from, too.
fn mark_copy<T: Namespaced>(object: &mut Sourced<T>) {
    if let Some(from) = source_of(object.value.metadata()) {
        object.origin.inherited_from.get_or_insert_with(|| Arc::from(from.as_str()));
    }
}

fn key<T: Namespaced>(object: &Sourced<T>) -> ObjectKey {
    let ObjectMeta { namespace, name, .. } = object.value.metadata();
    ObjectKey { kind: T::KIND, namespace: namespace.clone(), name: name.clone() }
}

/// What is handed down of one kind.
fn handed_down<T: Namespaced>(
    objects: &[Sourced<T>],
    known: &HashMap<&str, &Namespace>,
    hierarchy: &Hierarchy,
    notices: &mut Vec<Notice>,
) -> Result<Vec<Sourced<T>>, HierarchyError> {
    let mut sources: HashMap<&str, Vec<(&Sourced<T>, Exceptions)>> = HashMap::new();
    let mut own: HashMap<(&str, &str), &Sourced<T>> = HashMap::new();
    for object in objects {
        let metadata = object.value.metadata();
        own.insert((&metadata.namespace, &metadata.name), object);
        // A copy is handed down from where it comes from.
        if source_of(metadata).is_some() || metadata.name.is_empty() {
            continue;
        }
        match Exceptions::of(metadata) {
            Ok(exceptions) => {
                sources.entry(&metadata.namespace).or_default().push((object, exceptions));
            }
            Err(reason) => notices.push(Notice::NotInherited {
                origin: object.origin.clone(),
                key: key(object),
                reason,
            }),
        }
    }
    let givers = nearest_givers(hierarchy, |namespace| sources.contains_key(namespace));
    let mut all = Vec::new();
    let mut looked_at = 0_usize;
    for (child, _) in hierarchy.pairs() {
        // By name, so that the nearest comes first and all come in order.
        let mut found: BTreeMap<&str, (&Sourced<T>, &str)> = BTreeMap::new();
        let next = |namespace: &str| givers.get(namespace).copied().flatten();
        for above in std::iter::successors(next(child), |above| next(above)) {
            for (object, exceptions) in sources.get(above).into_iter().flatten() {
                looked_at += 1;
                if looked_at > MOST_LOOKED_AT {
                    return Err(HierarchyError::TooMany { limit: MOST });
                }
                let name = object.value.metadata().name.as_str();
                match exceptions.passes(child, known.get(child.as_str()).copied(), hierarchy) {
                    Passes::Yes => {}
                    Passes::No => continue,
                    Passes::Unknown => {
                        notices.push(Notice::NotInherited {
                            origin: object.origin.clone(),
                            key: key(object),
                            reason: format!(
                                "it is for namespaces with certain labels, and those of `{child}` \
                                 were not read"
                            ),
                        });
                        continue;
                    }
                }
                found.entry(name).or_insert((object, above));
            }
        }
        for (name, (object, above)) in found {
            match own.get(&(child.as_str(), name)) {
                Some(there) if source_of(there.value.metadata()).is_some_and(|of| of == above) => {}
                Some(there) => notices.push(Notice::InheritanceBlocked {
                    origin: there.origin.clone(),
                    key: key(there),
                    from: above.into(),
                    other: object.origin.clone(),
                }),
                None if all.len() >= MOST => return Err(HierarchyError::TooMany { limit: MOST }),
                None => all.push(copy(object, child, above)),
            }
        }
    }
    Ok(all)
}

/// For each namespace the nearest above it that has something to give: trees may be deep, and most of
/// what is above has nothing.
fn nearest_givers(
    hierarchy: &Hierarchy,
    has_some: impl Fn(&str) -> bool,
) -> HashMap<&str, Option<&str>> {
    let mut givers: HashMap<&str, Option<&str>> = HashMap::new();
    for (namespace, _) in hierarchy.pairs() {
        // Up to what is known, then down again.
        let mut way = Vec::new();
        let mut at = Some(namespace.as_str());
        while let Some(name) = at.filter(|name| !givers.contains_key(name)) {
            way.push(name);
            at = hierarchy.parent(name);
        }
        for name in way.into_iter().rev() {
            let giver = hierarchy.parent(name).and_then(|parent| {
                if has_some(parent) { Some(parent) } else { givers.get(parent).copied().flatten() }
            });
            givers.insert(name, giver);
        }
    }
    givers
}

fn copy<T: Namespaced>(object: &Sourced<T>, child: &Str, above: &str) -> Sourced<T> {
    let mut value = object.value.clone();
    let metadata = value.metadata_mut();
    metadata.namespace = child.clone();
    // No API server has it.
    metadata.resource_version = Str::default();
    metadata.labels.insert(INHERITED_FROM.into(), above.into());
    Sourced { value, origin: object.origin.clone().inherited_from(above) }
}
