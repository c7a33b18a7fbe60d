use std::sync::Arc;

use super::table::{Named, Table};
use super::{Kind, Node, Secret, SecretContent, ServiceAccount, Str, Uid};
use crate::api::inventory::{Inventory, PodIdentity};

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
/// longer than 24 bytes, and finding one is nothing beside verifying a signature. Versions share what
/// they have in common, so that a clone costs microseconds and a change some kilobytes: see
/// [`SharedTokenObjects`](super::SharedTokenObjects) for objects that change while they are asked for.
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
    secrets: Arc<Table<Secret>>,
    /// Secrets by name and uid alone, where another source than that of the values tells them.
    secret_metadata: Option<Arc<Table<Secret>>>,
    service_accounts: Arc<Table<ServiceAccount>>,
    pods: Arc<Table<Pod>>,
    nodes: Arc<Table<Node>>,
}

/// Adding and removing objects of a kind.
macro_rules! changes {
    ($kind:ident, $table:ident, $put:ident, $remove:ident, $($object:literal)+) => {
        #[doc = concat!("Adds ", $($object,)+ ", or replaces the one of its name, which is given back.")]
        pub fn $put(&mut self, object: $kind) -> Option<$kind> {
            Arc::make_mut(&mut self.$table).insert(object)
        }

        #[doc = concat!("Removes ", $($object,)+ " and gives it back.")]
        pub fn $remove(&mut self, namespace: &str, name: &str) -> Option<$kind> {
            Arc::make_mut(&mut self.$table).remove(namespace, name)
        }
    };
}

impl TokenObjects {
    /// Copies out of an inventory what authenticators ask for.
    #[must_use]
    pub fn new(inventory: &Inventory) -> Self {
        let pods = inventory.pods.iter().filter(|pod| pod.kind == "Pod").map(Pod::from);
        let core = &inventory.core;
        Self {
            secrets: Arc::new(Table::new(core.secrets.iter().cloned())),
            secret_metadata: None,
            service_accounts: Arc::new(Table::new(core.service_accounts.iter().cloned())),
            pods: Arc::new(Table::new(pods)),
            nodes: Arc::new(Table::new(core.nodes.iter().cloned())),
        }
    }

    /// The same of a cluster that is watched, where the metadata of all Secrets comes from one watch
    /// and the values of a few from others: neither overwrites or removes what the other says.
    #[must_use]
    pub fn of_cluster(inventory: &Inventory) -> Self {
        let (values, metadata): (Vec<&Secret>, Vec<&Secret>) = inventory
            .core
            .secrets
            .iter()
            .partition(|secret| secret.content != SecretContent::Other);
        Self {
            secrets: Arc::new(Table::new(values.into_iter().cloned())),
            secret_metadata: Some(Arc::new(Table::new(metadata.into_iter().cloned()))),
            ..Self::new(inventory)
        }
    }

    /// A Secret by namespace and name, for its values.
    #[must_use]
    pub fn secret(&self, namespace: &str, name: &str) -> Option<&Secret> {
        self.secrets.get(namespace, name)
    }

    /// A Secret by namespace and name, for those who ask whether it still exists and is the same.
    #[must_use]
    pub fn bound_secret(&self, namespace: &str, name: &str) -> Option<&Secret> {
        self.secret_metadata.as_ref().unwrap_or(&self.secrets).get(namespace, name)
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
            Kind::Node => self.nodes.is_empty(),
            Kind::Pod => self.pods.is_empty(),
            Kind::Secret => {
                self.secrets.is_empty()
                    && self.secret_metadata.as_ref().is_none_or(|table| table.is_empty())
            }
            Kind::ServiceAccount => self.service_accounts.is_empty(),
        }
    }

    /// How many objects of a kind there are; of Secrets those with values.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Node => self.nodes.len(),
            Kind::Pod => self.pods.len(),
            Kind::Secret => self.secrets.len(),
            Kind::ServiceAccount => self.service_accounts.len(),
        }
    }

    changes!(Secret, secrets, put_secret, remove_secret, "a Secret with its values");
    changes!(
        ServiceAccount,
        service_accounts,
        put_service_account,
        remove_service_account,
        "a service account"
    );
    changes!(Pod, pods, put_pod, remove_pod, "a pod");
    changes!(Node, nodes, put_node, remove_node, "a node");

    /// Adds the metadata of a Secret, or replaces what was known of it, which is given back. From then
    /// on [`Self::bound_secret`] asks the metadata alone.
    pub fn put_secret_metadata(&mut self, secret: Secret) -> Option<Secret> {
        Arc::make_mut(self.secret_metadata.get_or_insert_default()).insert(secret)
    }

    /// Removes the metadata of a Secret and gives it back.
    pub fn remove_secret_metadata(&mut self, namespace: &str, name: &str) -> Option<Secret> {
        Arc::make_mut(self.secret_metadata.as_mut()?).remove(namespace, name)
    }
}

impl From<&PodIdentity> for Pod {
    fn from(pod: &PodIdentity) -> Self {
        Self {
            namespace: pod.namespace.clone(),
            name: pod.name.clone(),
            uid: pod.uid.clone(),
            deletion_timestamp: pod.deletion_timestamp,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn metadata_of_a_secret_neither_hides_nor_removes_its_values() {
        let token = || Secret {
            namespace: "shop".into(),
            name: "web-token".into(),
            uid: "1".into(),
            content: SecretContent::ServiceAccountToken(b"t".to_vec().into()),
            ..Secret::default()
        };
        let metadata =
            |uid: &str| Secret { uid: uid.into(), content: SecretContent::Other, ..token() };
        let mut inventory = Inventory::default();
        inventory.core.secrets = vec![token(), metadata("1")];
        let mut objects = TokenObjects::of_cluster(&inventory);
        assert_eq!(objects.secret("shop", "web-token"), Some(&token()));
        assert_eq!(objects.bound_secret("shop", "web-token"), Some(&metadata("1")));
        // Made anew, which one watch tells before the other.
        assert_eq!(objects.remove_secret_metadata("shop", "web-token"), Some(metadata("1")));
        assert_eq!(objects.bound_secret("shop", "web-token"), None);
        objects.put_secret_metadata(metadata("2"));
        assert_eq!(objects.remove_secret("shop", "web-token"), Some(token()));
        assert_eq!(objects.secret("shop", "web-token"), None);
        assert_eq!(objects.bound_secret("shop", "web-token"), Some(&metadata("2")));
        // Of files one list says both.
        let objects = TokenObjects::new(&inventory);
        let found = objects.bound_secret("shop", "web-token");
        assert_eq!(found, objects.secret("shop", "web-token"));
        assert!(found.is_some());
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
