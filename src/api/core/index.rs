use super::{Kind, Node, Secret, ServiceAccount, Str, Uid};
use crate::api::inventory::Inventory;

/// A pod, as far as tokens depend on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pod {
    /// The namespace.
    pub namespace: Str,
    /// The name.
    pub name: Str,
    /// The uid; empty in manifests.
    pub uid: Uid,
    /// When it began to be deleted, in seconds since 1970-01-01 UTC.
    pub deletion_timestamp: Option<i64>,
}

/// The objects behind tokens by their names. Of two objects with one name the one that was read
/// later counts.
///
/// Sorted lists rather than hash tables: 150,000 pods take 88 bytes each and the text of names
/// longer than 24 bytes, and finding one is nothing beside verifying a signature.
///
/// ```
/// use portcullis::api::core::{Kind, ServiceAccount, TokenObjects};
/// use portcullis::api::inventory::Inventory;
///
/// let mut inventory = Inventory::default();
/// let (namespace, name) = ("shop".into(), "web".into());
/// let account = ServiceAccount { namespace, name, ..ServiceAccount::default() };
/// inventory.core.service_accounts.push(account);
///
/// let objects = TokenObjects::new(&inventory);
/// assert!(objects.service_account("shop", "web").is_some());
/// assert!(objects.service_account("bank", "web").is_none());
/// assert!(objects.holds(Kind::ServiceAccount));
/// assert!(!objects.holds(Kind::Pod));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenObjects {
    secrets: Table<Secret>,
    service_accounts: Table<ServiceAccount>,
    pods: Table<Pod>,
    nodes: Table<Node>,
}

impl TokenObjects {
    /// Copies out of an inventory what authenticators ask for.
    #[must_use]
    pub fn new(inventory: &Inventory) -> Self {
        let pods = inventory.pods.iter().filter(|pod| pod.kind == "Pod").map(|pod| Pod {
            namespace: pod.namespace.clone(),
            name: pod.name.clone(),
            uid: pod.uid.clone(),
            deletion_timestamp: pod.deletion_timestamp,
        });
        let core = &inventory.core;
        Self {
            secrets: Table::new(core.secrets.iter().cloned()),
            service_accounts: Table::new(core.service_accounts.iter().cloned()),
            pods: Table::new(pods),
            nodes: Table::new(core.nodes.iter().cloned()),
        }
    }

    /// A Secret by namespace and name.
    #[must_use]
    pub fn secret(&self, namespace: &str, name: &str) -> Option<&Secret> {
        self.secrets.get(namespace, name)
    }

    /// A service account by namespace and name.
    #[must_use]
    pub fn service_account(&self, namespace: &str, name: &str) -> Option<&ServiceAccount> {
        self.service_accounts.get(namespace, name)
    }

    /// A pod by namespace and name.
    #[must_use]
    pub fn pod(&self, namespace: &str, name: &str) -> Option<&Pod> {
        self.pods.get(namespace, name)
    }

    /// A node by name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.get("", name)
    }

    /// Whether the source held any object of a kind. When it did not, it was probably never meant
    /// to: that an object is missing from it says nothing.
    #[must_use]
    pub fn holds(&self, kind: Kind) -> bool {
        !match kind {
            Kind::Node => self.nodes.0.is_empty(),
            Kind::Pod => self.pods.0.is_empty(),
            Kind::Secret => self.secrets.0.is_empty(),
            Kind::ServiceAccount => self.service_accounts.0.is_empty(),
        }
    }
}

trait Named {
    /// The namespace, empty for cluster-scoped objects, and the name.
    fn key(&self) -> (&str, &str);
}

macro_rules! named {
    ($($kind:ident $namespace:expr),* $(,)?) => {$(
        impl Named for $kind {
            fn key(&self) -> (&str, &str) {
                let namespace: fn(&Self) -> &str = $namespace;
                (namespace(self), &self.name)
            }
        }
    )*};
}
named!(
    Secret | it | &it.namespace,
    ServiceAccount | it | &it.namespace,
    Pod | it | &it.namespace,
    Node | _ | ""
);

/// INVARIANT: sorted by key, no key twice.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Table<T>(Box<[T]>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(Box::default())
    }
}

impl<T: Named> Table<T> {
    fn new(objects: impl Iterator<Item = T>) -> Self {
        let mut objects: Vec<T> = objects.collect();
        // The sort is stable: of equal keys the later read one is last, and comes first reversed.
        objects.reverse();
        objects.sort_by(|a, b| a.key().cmp(&b.key()));
        objects.dedup_by(|later, first| later.key() == first.key());
        Self(objects.into_boxed_slice())
    }

    fn get(&self, namespace: &str, name: &str) -> Option<&T> {
        let at = self.0.binary_search_by(|object| object.key().cmp(&(namespace, name))).ok()?;
        self.0.get(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::inventory::PodIdentity;

    fn pod(kind: &str, namespace: &str, name: &str, uid: &str) -> PodIdentity {
        PodIdentity {
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
            uid: uid.into(),
            ..PodIdentity::default()
        }
    }

    #[test]
    fn the_later_of_two_objects_counts() {
        let pods = vec![
            pod("Pod", "b", "x", "1"),
            pod("Pod", "a", "x", "2"),
            pod("Pod", "b", "x", "3"),
            pod("Pod", "b", "y", "4"),
        ];
        let objects = TokenObjects::new(&Inventory { pods, ..Inventory::default() });
        let uid = |namespace, name| objects.pod(namespace, name).map(|pod| pod.uid.to_string());
        assert_eq!(uid("b", "x").as_deref(), Some("3"));
        assert_eq!(uid("a", "x").as_deref(), Some("2"));
        assert_eq!(uid("b", "y").as_deref(), Some("4"));
        assert_eq!(uid("a", "y"), None);
    }

    #[test]
    fn a_workload_is_no_pod() {
        let pods = vec![pod("Deployment", "a", "x", "1")];
        let objects = TokenObjects::new(&Inventory { pods, ..Inventory::default() });
        assert!(!objects.holds(Kind::Pod));
        assert!(objects.pod("a", "x").is_none());
    }

    #[test]
    fn a_pod_is_as_small_as_its_doc_says() {
        assert_eq!(size_of::<Pod>(), 88);
    }
}
