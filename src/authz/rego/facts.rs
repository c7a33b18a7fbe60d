use std::fmt;
use std::hash::{Hash, Hasher};

use hashbrown::{Equivalent, HashMap};

use crate::api::Str;
use crate::api::inventory::Inventory;
use crate::api::meta::StrMap;
use crate::api::resources::ResourceTable;

/// What a policy may know of the cluster beyond the request: labels of namespaces, and labels and
/// annotations of the objects that were read.
#[derive(Default)]
pub struct Facts {
    namespaces: HashMap<Str, StrMap>,
    objects: HashMap<Key, Labels>,
}

/// What an object says about itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Labels {
    pub(super) labels: StrMap,
    pub(super) annotations: StrMap,
}

impl Facts {
    /// What an inventory tells. Objects whose resource nobody knows are left out: a request names
    /// resources, an object its kind.
    ///
    /// ```
    /// use portcullis::api::inventory::{Inventory, Namespace};
    /// use portcullis::authz::rego::Facts;
    ///
    /// let labels = [("env".into(), "prod".into())].into();
    /// let namespaces = vec![Namespace { name: "shop".into(), labels }];
    /// let facts = Facts::new(&Inventory { namespaces, ..Inventory::default() });
    /// assert_eq!(facts.namespace("shop").unwrap()["env"], "prod");
    /// assert!(facts.namespace("other").is_none());
    /// ```
    #[must_use]
    pub fn new(inventory: &Inventory) -> Self {
        let mut facts = Self::default();
        for namespace in &inventory.namespaces {
            facts.namespaces.insert(namespace.name.clone(), namespace.labels.clone());
        }
        if inventory.metadata.is_empty() {
            return facts;
        }
        let plurals = plurals(inventory);
        for object in &inventory.metadata {
            for resource in
                plurals.get(&(object.group.clone(), object.kind.clone())).into_iter().flatten()
            {
                let key = Key {
                    group: object.group.clone(),
                    resource: resource.clone(),
                    namespace: object.namespace.clone(),
                    name: object.name.clone(),
                };
                let labels = Labels {
                    labels: object.labels.clone(),
                    annotations: object.annotations.clone(),
                };
                facts.objects.insert(key, labels);
            }
        }
        facts
    }

    /// The labels of a namespace that was read.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<&StrMap> {
        self.namespaces.get(name)
    }

    pub(super) fn object(&self, key: &ObjectRef<'_>) -> Option<&Labels> {
        self.objects.get(key)
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts")
            .field("namespaces", &self.namespaces.len())
            .field("objects", &self.objects.len())
            .finish()
    }
}

/// By (group, kind): the resources of such objects.
fn plurals(inventory: &Inventory) -> HashMap<(Str, Str), Vec<Str>> {
    let table = ResourceTable::builtin();
    let builtin = table
        .iter()
        .filter(|resource| !resource.is_virtual)
        .map(|resource| (&resource.group, &resource.kind, &resource.plural));
    let custom = inventory
        .custom_resources
        .iter()
        .map(|resource| (&resource.group, &resource.kind, &resource.plural));
    let mut plurals: HashMap<(Str, Str), Vec<Str>> = HashMap::new();
    for (group, kind, plural) in builtin.chain(custom) {
        let known = plurals.entry((group.clone(), kind.clone())).or_default();
        if !known.contains(plural) {
            known.push(plural.clone());
        }
    }
    plurals
}

#[derive(PartialEq, Eq)]
struct Key {
    group: Str,
    resource: Str,
    namespace: Str,
    name: Str,
}

impl Key {
    fn parts(&self) -> ObjectRef<'_> {
        ObjectRef {
            group: &self.group,
            resource: &self.resource,
            namespace: &self.namespace,
            name: &self.name,
        }
    }
}

// As `ObjectRef` hashes, by which keys are looked up.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

/// An object as requests name it.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct ObjectRef<'a> {
    pub(super) group: &'a str,
    pub(super) resource: &'a str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

impl Equivalent<Key> for ObjectRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self == key.parts()
    }
}
