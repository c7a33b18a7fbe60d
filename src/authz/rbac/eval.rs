//! The hot path: one decision. Allocates nothing, takes no lock, writes nowhere.

use super::Policy;
use super::grants::{Grant, Table};
use super::index::{Asker, RoleId, mix};
use super::scope::Scope;
use super::vocabulary::Question;
use crate::model::{Attributes, Moment, Request, User};

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
        self.decide(request).0
    }

    /// The same, and what the clock showed if it was asked.
    #[inline]
    pub(super) fn decide(&self, request: &Request<'_>) -> (bool, Option<Moment>) {
        let namespace = request.attributes.namespace();
        let namespace_hash = self.hasher.namespace(namespace);
        let search = Search {
            policy: self,
            question: self.question(&request.attributes),
            namespace,
            namespace_hash,
            // A non-resource request has no namespace: no RoleBinding applies (S-RBAC-20).
            of_namespace: (!namespace.is_empty())
                .then(|| self.grants.table(namespace_hash))
                .flatten(),
        };
        let is_allowed = search.grants(Asker::of_user(&request.user.name))
            || request.user.groups.iter().any(|group| search.grants(Asker::Group(group)));
        (is_allowed, search.question.moment.get())
    }

    /// The roles and subjects of a user's grants in one scope, in no order, whether or not they are
    /// in force.
    pub(super) fn held(&self, user: &User, namespace: &str) -> Vec<(RoleId, u32)> {
        let mut held = Vec::new();
        self.each_held(user, namespace, |role, subject| held.push((role, subject)));
        held
    }

    /// The same without a list.
    pub(super) fn each_held(
        &self,
        user: &User,
        namespace: &str,
        mut with: impl FnMut(RoleId, u32),
    ) {
        let namespace_hash = self.hasher.namespace(namespace);
        let table = match namespace {
            "" => Some(&*self.cluster_grants),
            _ => self.grants.table(namespace_hash),
        };
        let Some(table) = table else { return };
        for asker in askers(user) {
            let hash = mix(self.hasher.asker(asker), namespace_hash);
            table.held(hash, asker, namespace, &mut with);
        }
    }

    /// What is asked, in the words of this policy.
    #[inline]
    pub(super) fn question<'a>(&self, attributes: &'a Attributes<'a>) -> Question<'a> {
        self.vocabulary.question(attributes)
    }

    /// The scopes that a request looks at, in the order of the visit (S-RBAC-20).
    pub(super) fn scopes(&self, namespace: &str) -> impl Iterator<Item = &Scope> {
        std::iter::once(&*self.cluster).chain(self.space(namespace))
    }
}

/// One question, on its way through the subjects of the user.
struct Search<'a> {
    policy: &'a Policy,
    question: Question<'a>,
    namespace: &'a str,
    namespace_hash: u64,
    of_namespace: Option<&'a Table>,
}

impl Search<'_> {
    /// Whether a grant of this subject, cluster-wide or in the namespace, holds what is asked.
    #[inline]
    fn grants(&self, asker: Asker<'_>) -> bool {
        let hash = self.policy.hasher.asker(asker);
        let cluster = &*self.policy.cluster_grants;
        cluster.any(mix(hash, 0), |grant| self.grants_by(cluster, grant, asker, ""))
            || self.of_namespace.is_some_and(|table| {
                table.any(mix(hash, self.namespace_hash), |grant| {
                    self.grants_by(table, grant, asker, self.namespace)
                })
            })
    }

    // The names are compared last: most grants do not pass the role, and a yes needs both.
    fn grants_by(&self, table: &Table, grant: Grant, asker: Asker<'_>, namespace: &str) -> bool {
        self.policy.tests.get(grant.role()).is_some_and(|test| {
            test.may_allow(&self.question)
                && self.policy.passes(test, grant.role(), &self.question)
                && table.is_of(grant, asker, namespace)
        })
    }
}

/// Everything that a binding may name and mean this user (S-RBAC-14).
#[inline]
pub(super) fn askers(user: &User) -> impl Iterator<Item = Asker<'_>> {
    let groups = user.groups.iter().map(|group| Asker::Group(group));
    std::iter::once(Asker::of_user(&user.name)).chain(groups)
}
