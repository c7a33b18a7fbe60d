//! The hot path: one decision. Allocates nothing, takes no lock, writes nowhere.

use super::Policy;
use super::scope::{Asker, RoleId, Scope};
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
        // A non-resource request has no namespace: no RoleBinding applies to it (S-RBAC-20).
        let space = self.space(request.attributes.namespace());
        let question = self.vocabulary.question(&request.attributes);
        let test = |role: RoleId| self.role_allows(role, &question);
        askers(request.user).any(|asker| {
            let hash = self.hash_asker(asker);
            self.cluster.any(hash, asker, test)
                || space.is_some_and(|space| space.any(hash, asker, test))
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
    std::iter::once(Asker::User(&user.name)).chain(groups)
}
