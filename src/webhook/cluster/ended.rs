//! Which answers about tokens end with the objects that changed?

use std::collections::{HashMap, HashSet};

use crate::api::Str;
use crate::api::core::{Pod, SecretContent, TokenObjects};
use crate::authn::Proof;
use crate::model::User;
use crate::source::watch::{Batch, Change, Decoded, Key, Watched};

/// What every service account's name begins with.
const ACCOUNT: &str = "system:serviceaccount:";
const BOOTSTRAP_NAMESPACE: &str = "kube-system";
const BOOTSTRAP_SECRET: &str = "bootstrap-token-";
const BOOTSTRAP_USER: &str = "system:bootstrap:";
const POD_NAME: &str = "authentication.kubernetes.io/pod-name";
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";

/// Objects that are gone, or not what they were, by how users show them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ended {
    /// Names of users: service accounts, and bootstrap tokens by their Secrets.
    users: HashSet<String>,
    /// Pods by namespace.
    pods: HashMap<Str, HashSet<Str>>,
    nodes: HashSet<Str>,
    /// Namespaces of Secrets: no user shows which Secret a token is bound to, or in which it is held.
    secrets: HashSet<Str>,
    /// That nobody knows a token may have changed: it is in a new Secret.
    unknown: bool,
}

impl Ended {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an answer rests on one of these. Rather one too many: that costs one look-up.
    pub(super) fn ends(&self, proof: Option<&Proof>) -> bool {
        let Some(proof) = proof else { return self.unknown };
        let user = &proof.authenticated.user;
        if self.users.contains(&user.name) {
            return true;
        }
        let Some(account) = user.name.strip_prefix(ACCOUNT) else { return false };
        let namespace = account.split(':').next().unwrap_or_default();
        let pod = shown(user, POD_NAME);
        if let Some(pod) = pod
            && self.pods.get(namespace).is_some_and(|pods| pods.contains(pod))
        {
            return true;
        }
        // A token is bound to one object.
        pod.is_none() && self.secrets.contains(namespace)
            || shown(user, NODE_NAME).is_some_and(|node| self.nodes.contains(node))
    }

    /// What was there of this kind ends.
    fn add(&mut self, key: &Key, watched: &Watched) {
        let Key { namespace, name } = key;
        match watched {
            Watched::Pods => {
                self.pods.entry(namespace.clone()).or_default().insert(name.clone());
            }
            Watched::Nodes => _ = self.nodes.insert(name.clone()),
            Watched::ServiceAccounts => {
                self.users.insert(format!("{ACCOUNT}{namespace}:{name}"));
            }
            _ => {
                self.secrets.insert(namespace.clone());
                if let Some(id) = name.strip_prefix(BOOTSTRAP_SECRET)
                    && namespace == BOOTSTRAP_NAMESPACE
                {
                    self.users.insert(format!("{BOOTSTRAP_USER}{id}"));
                }
            }
        }
    }
}

fn shown<'a>(user: &'a User, key: &str) -> Option<&'a str> {
    user.extra.get(key)?.first().map(String::as_str)
}

/// Whether tokens depend on the objects of a kind.
pub(super) const fn concerns_tokens(watched: &Watched) -> bool {
    matches!(
        watched,
        Watched::Pods
            | Watched::Nodes
            | Watched::ServiceAccounts
            | Watched::BootstrapSecrets
            | Watched::ServiceAccountSecrets
            | Watched::SecretMetadata
    )
}

/// Makes the changes of a batch, and says whose answers end.
pub(super) fn change(objects: &mut TokenObjects, batch: &Batch) -> Ended {
    let mut ended = Ended::default();
    let is_metadata = batch.watched == Watched::SecretMetadata;
    for (key, _, change) in &batch.changes {
        let was_there = match change {
            Change::Applied(decoded) => {
                let is_new = is_new(objects, key, decoded, is_metadata);
                // In it may be a token that nobody knew.
                ended.unknown |= is_new && !is_metadata && matches!(**decoded, Decoded::Secret(_));
                is_new && put(objects, decoded, is_metadata)
            }
            Change::Deleted => remove(objects, key, &batch.watched),
        };
        if was_there {
            ended.add(key, &batch.watched);
        }
    }
    ended
}

/// Whether an object says something else than what is known: one that does not copies nothing.
fn is_new(objects: &TokenObjects, key: &Key, decoded: &Decoded, is_metadata: bool) -> bool {
    let Key { namespace, name } = key;
    match decoded {
        Decoded::Pod { identity, .. } => objects.pod(namespace, name) != Some(&Pod::from(identity)),
        Decoded::Node(node) => objects.node(name) != Some(node),
        Decoded::ServiceAccount(account) => {
            objects.service_account(namespace, name) != Some(account)
        }
        Decoded::Secret(secret) => {
            let known = match is_metadata {
                true => objects.bound_secret(namespace, name),
                false => objects.secret(namespace, name),
            };
            known != Some(secret)
        }
        _ => false,
    }
}

/// Puts an object in its place, and says whether another was there.
fn put(objects: &mut TokenObjects, decoded: &Decoded, is_metadata: bool) -> bool {
    match decoded {
        Decoded::Pod { identity, .. } => objects.put_pod(identity.into()).is_some(),
        Decoded::Node(node) => objects.put_node(node.clone()).is_some(),
        Decoded::ServiceAccount(account) => objects.put_service_account(account.clone()).is_some(),
        Decoded::Secret(secret) if is_metadata => {
            objects.put_secret_metadata(secret.clone()).is_some()
        }
        Decoded::Secret(secret) => objects.put_secret(secret.clone()).is_some(),
        _ => false,
    }
}

/// Removes an object, and says whether it was there.
fn remove(objects: &mut TokenObjects, key: &Key, watched: &Watched) -> bool {
    let Key { namespace, name } = key;
    match watched {
        Watched::Pods => objects.remove_pod(namespace, name).is_some(),
        Watched::Nodes => objects.remove_node("", name).is_some(),
        Watched::ServiceAccounts => objects.remove_service_account(namespace, name).is_some(),
        Watched::SecretMetadata => objects.remove_secret_metadata(namespace, name).is_some(),
        Watched::BootstrapSecrets | Watched::ServiceAccountSecrets => {
            // A Secret of that name that the other watch told of is another one, made since.
            let is_another = objects.secret(namespace, name).is_some_and(|secret| {
                matches!(
                    (&secret.content, watched),
                    (SecretContent::BootstrapToken(_), Watched::ServiceAccountSecrets)
                        | (SecretContent::ServiceAccountToken(_), Watched::BootstrapSecrets)
                )
            });
            !is_another && objects.remove_secret(namespace, name).is_some()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use super::*;
    use crate::api::core::{Node, Secret, ServiceAccount};
    use crate::api::inventory::PodIdentity;
    use crate::authn::Authenticated;
    use crate::model::Origin;

    fn key(namespace: &str, name: &str) -> Key {
        Key { namespace: namespace.into(), name: name.into() }
    }

    fn batch(watched: Watched, key: Key, change: Change) -> Batch {
        let changes = vec![(key, Origin::named("watch"), change)];
        Batch { watched, changes, received: SystemTime::UNIX_EPOCH }
    }

    fn pod(uid: &str, deletion_timestamp: Option<i64>) -> Change {
        let identity = PodIdentity {
            kind: "Pod".into(),
            namespace: "shop".into(),
            name: "web-0".into(),
            uid: uid.into(),
            deletion_timestamp,
            ..PodIdentity::default()
        };
        Change::Applied(Box::new(Decoded::Pod { identity, graph: Box::default() }))
    }

    fn proof(user: &str, extra: &[(&str, &str)]) -> Proof {
        let mut user = User::new(user);
        for (key, value) in extra {
            let key = format!("authentication.kubernetes.io/{key}");
            user.extra.insert(key, vec![(*value).to_owned()]);
        }
        let authenticated = Authenticated { user, audiences: Vec::new(), expires: None };
        Proof { authenticated, authenticator: Arc::from("service-account") }
    }

    fn web(extra: &[(&str, &str)]) -> Proof {
        proof("system:serviceaccount:shop:web", extra)
    }

    #[test]
    fn a_pod_that_is_deleted_marked_or_another_ends_its_tokens_and_no_others() {
        let mut objects = TokenObjects::default();
        let mut told = |change| {
            let batch = batch(Watched::Pods, key("shop", "web-0"), change);
            super::change(&mut objects, &batch)
        };
        // New, and the same again: nobody had a token of it.
        assert!(told(pod("1", None)).is_empty());
        assert!(told(pod("1", None)).is_empty());
        for change in [pod("1", Some(5)), pod("2", None), Change::Deleted] {
            let ended = told(change);
            assert!(ended.ends(Some(&web(&[("pod-name", "web-0"), ("node-name", "n")]))));
            assert!(!ended.ends(Some(&web(&[("pod-name", "web-1")]))));
            assert!(!ended.ends(Some(&web(&[]))));
            let bank = proof("system:serviceaccount:bank:web", &[("pod-name", "web-0")]);
            assert!(!ended.ends(Some(&bank)));
            assert!(!ended.ends(Some(&proof("jane", &[("pod-name", "web-0")]))));
            assert!(!ended.ends(None));
        }
        assert!(told(Change::Deleted).is_empty());
        assert_eq!(objects, TokenObjects::default());
    }

    #[test]
    fn an_account_ends_all_of_its_tokens() {
        let mut objects = TokenObjects::default();
        let account = |uid: &str| {
            let (namespace, name) = ("shop".into(), "web".into());
            let uid = uid.into();
            let account = ServiceAccount { namespace, name, uid, deletion_timestamp: None };
            Change::Applied(Box::new(Decoded::ServiceAccount(account)))
        };
        let mut told = |change| {
            let batch = batch(Watched::ServiceAccounts, key("shop", "web"), change);
            super::change(&mut objects, &batch)
        };
        assert!(told(account("1")).is_empty());
        for change in [account("2"), Change::Deleted] {
            let ended = told(change);
            assert!(ended.ends(Some(&web(&[]))) && ended.ends(Some(&web(&[("pod-name", "a")]))));
            assert!(!ended.ends(Some(&proof("system:serviceaccount:shop:db", &[]))));
        }
    }

    #[test]
    fn a_node_ends_what_shows_it() {
        let mut objects = TokenObjects::default();
        objects.put_node(Node { name: "n".into(), ..Node::default() });
        let ended = change(&mut objects, &batch(Watched::Nodes, key("", "n"), Change::Deleted));
        assert!(ended.ends(Some(&web(&[("node-name", "n")]))));
        assert!(!ended.ends(Some(&web(&[("node-name", "m")]))));
    }

    #[test]
    fn a_secret_ends_what_may_be_bound_to_it_and_a_bootstrap_token_its_user() {
        let mut objects = TokenObjects::default();
        let secret = |namespace: &str, name: &str, content| Secret {
            namespace: namespace.into(),
            name: name.into(),
            content,
            ..Secret::default()
        };
        objects.put_secret_metadata(secret("shop", "s", SecretContent::Other));
        let gone = batch(Watched::SecretMetadata, key("shop", "s"), Change::Deleted);
        let ended = change(&mut objects, &gone);
        assert!(ended.ends(Some(&web(&[]))) && ended.ends(Some(&web(&[("node-name", "n")]))));
        assert!(!ended.ends(Some(&web(&[("pod-name", "web-0")]))));
        assert!(!ended.ends(Some(&proof("system:serviceaccount:bank:web", &[]))));
        assert!(!ended.ends(None));

        let name = "bootstrap-token-abcdef";
        let content = SecretContent::BootstrapToken(Box::default());
        let new = Decoded::Secret(secret("kube-system", name, content));
        let new = Change::Applied(Box::new(new));
        let joe = proof("system:bootstrap:abcdef", &[]);
        let watched = Watched::BootstrapSecrets;
        let told = batch(watched.clone(), key("kube-system", name), new);
        // A token that nobody knew may be this one.
        let ended = change(&mut objects, &told);
        assert!(ended.ends(None) && !ended.ends(Some(&joe)));
        assert!(change(&mut objects, &told).is_empty());
        let gone = batch(watched, key("kube-system", name), Change::Deleted);
        let ended = change(&mut objects, &gone);
        assert!(ended.ends(Some(&joe)) && !ended.ends(None));
        assert!(!ended.ends(Some(&proof("system:bootstrap:ghijkl", &[]))));
    }

    #[test]
    fn a_secret_that_was_made_anew_of_another_type_outlives_the_end_of_the_one_before() {
        let name = "bootstrap-token-abcdef";
        let mut objects = TokenObjects::default();
        let secret = |uid: &str, content| Secret {
            namespace: BOOTSTRAP_NAMESPACE.into(),
            name: name.into(),
            uid: uid.into(),
            content,
            ..Secret::default()
        };
        let account = secret("2", SecretContent::ServiceAccountToken(b"t".to_vec().into()));
        objects.put_secret(secret("1", SecretContent::BootstrapToken(Box::default())));
        objects.put_secret(account.clone());
        let mut gone = |watched| {
            let gone = batch(watched, key(BOOTSTRAP_NAMESPACE, name), Change::Deleted);
            change(&mut objects, &gone);
            objects.secret(BOOTSTRAP_NAMESPACE, name).cloned()
        };
        // Two watches, and the one that tells of the older Secret comes last.
        assert_eq!(gone(Watched::BootstrapSecrets), Some(account));
        assert_eq!(gone(Watched::ServiceAccountSecrets), None);
    }
}
