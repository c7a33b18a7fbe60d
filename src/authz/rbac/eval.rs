//! The hot path: one decision. Allocates nothing, takes no lock, writes nowhere.

use super::Policy;
use super::grants::{Grant, Table};
use super::index::{Asker, RoleId, mix};
use super::scope::Scope;
use super::vocabulary::Question;
use crate::model::{Attributes, Request, User};

impl Policy {
    /// Whether some binding grants what is asked. RBAC never denies (S-RBAC-24), so this is the
    /// whole decision; which binding is named as the reason is found when somebody asks.
    ///
    /// ```
    /// use portcullis::authz::rbac::Policy;
    /// use portcullis::api::inventory::Inventory;
    /// use portcullis::model::{Request, ResourceAttributes, User};
    ///
    /// let nothing = Policy::compile(&Inventory::default())?;
    /// let jane = User::new("jane");
    /// assert!(!nothing.allows(&Request::resource(&jane, ResourceAttributes::new("get", "pods"))));
    /// # Ok::<(), portcullis::authz::rbac::TooLarge>(())
    /// ```
    #[must_use]
    pub fn allows(&self, request: &Request<'_>) -> bool {
        let question = self.vocabulary.question(&request.attributes);
        // A non-resource request has no namespace: no RoleBinding applies to it (S-RBAC-20).
        let namespace = request.attributes.namespace();
        let namespace_hash = self.hasher.namespace(namespace);
        let of_namespace =
            if namespace.is_empty() { None } else { self.grants.table(namespace_hash) };
        // The names are compared last: most grants do not pass the role, and a yes needs both.
        let grants = |table: &Table, grant: Grant, asker: Asker<'_>, namespace: &str| {
            self.tests.get(grant.role()).is_some_and(|test| {
                test.may_allow(&question)
                    && table.is_of_kind(grant, asker)
                    && self.passes(test, grant.role(), &question)
                    && table.is_of(grant, asker, namespace)
            })
        };
        askers(request.user).any(|asker| {
            let hash = self.hasher.asker(asker);
            let cluster = &*self.cluster_grants;
            cluster.probe(mix(hash, 0)).any(|grant| grants(cluster, grant, asker, ""))
                || of_namespace.is_some_and(|table| {
                    let mut held = table.probe(mix(hash, namespace_hash));
                    held.any(|grant| grants(table, grant, asker, namespace))
                })
        })
    }

    /// The roles and subjects of a user's grants in one scope, in no order.
    pub(super) fn held<'p>(
        &'p self,
        user: &'p User,
        namespace: &'p str,
    ) -> impl Iterator<Item = (RoleId, u32)> + 'p {
        let namespace_hash = self.hasher.namespace(namespace);
        let table = if namespace.is_empty() {
            Some(&*self.cluster_grants)
        } else {
            self.grants.table(namespace_hash)
        };
        askers(user).flat_map(move |asker| {
            let hash = mix(self.hasher.asker(asker), namespace_hash);
            table.into_iter().flat_map(move |table| {
                let is_held = move |grant: &Grant| table.is_of(*grant, asker, namespace);
                let held = table.probe(hash).filter(is_held);
                held.filter_map(move |grant| Some((grant.role(), table.subject(grant)?)))
            })
        })
    }

    /// What is asked, in the words of this policy.
    pub(super) fn question<'a>(&self, attributes: &'a Attributes<'a>) -> Question<'a> {
        self.vocabulary.question(attributes)
    }

    /// The scopes that a request looks at, in the order of the visit (S-RBAC-20).
    pub(super) fn scopes(&self, namespace: &str) -> impl Iterator<Item = &Scope> {
        std::iter::once(&*self.cluster).chain(self.space(namespace))
    }
}

/// Everything that a binding may name and mean this user (S-RBAC-14).
#[inline]
pub(super) fn askers(user: &User) -> impl Iterator<Item = Asker<'_>> {
    let groups = user.groups.iter().map(|group| Asker::Group(group));
    std::iter::once(Asker::of_user(&user.name)).chain(groups)
}
