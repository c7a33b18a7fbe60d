use super::groups::Groups;
use super::who_can::Subject;
use crate::api::Str;
use crate::api::inventory::Inventory;
use crate::model::{ServiceAccountName, groups};

/// Who is behind a group: the service accounts of a dump, and the users of a file of groups.
///
/// ```
/// use portcullis::api::inventory::Inventory;
/// use portcullis::query::{Directory, Groups, Subject};
///
/// let mut inventory = Inventory::default();
/// inventory.service_accounts = vec![("shop".into(), "web".into()), ("bank".into(), "api".into())];
/// let directory = Directory::new(&inventory, Groups::parse("groups.yaml", "dev: [jane]")?);
///
/// let behind = |name: &str| {
///     let group = Subject { kind: "Group".into(), name: name.into(), ..Subject::default() };
///     directory.members(&group).iter().map(ToString::to_string).collect::<Vec<_>>()
/// };
/// assert_eq!(behind("dev"), ["User jane"]);
/// assert_eq!(behind("system:serviceaccounts:shop"), ["ServiceAccount shop/web"]);
/// assert_eq!(behind("system:serviceaccounts").len(), 2);
/// assert!(behind("ops").is_empty());
/// # Ok::<(), portcullis::query::GroupsError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Directory {
    // Sorted.
    service_accounts: Vec<(Str, Str)>,
    groups: Groups,
}

impl Directory {
    /// The service accounts of an inventory and the users of a file.
    #[must_use]
    pub fn new(inventory: &Inventory, groups: Groups) -> Self {
        let mut service_accounts = inventory.service_accounts.clone();
        service_accounts.sort_unstable();
        service_accounts.dedup();
        Self { service_accounts, groups }
    }

    /// Who is known to be behind a subject: service accounts by name, then users as listed. Nobody
    /// when it is neither a group nor everybody.
    ///
    /// A grant to a user while in a group is followed when the user is known to be in it.
    #[must_use]
    pub fn members(&self, subject: &Subject) -> Vec<Subject> {
        if subject.everybody {
            return self.accounts(|_| true);
        }
        if let Some(group) = &subject.while_in {
            let member = Subject { while_in: None, ..subject.clone() };
            return Some(member).filter(|member| self.is_in(member, group)).into_iter().collect();
        }
        if subject.kind != "Group" {
            return Vec::new();
        }
        let mut members = self.accounts(|namespace| is_group_of(&subject.name, namespace));
        for name in self.groups.members(&subject.name) {
            let user = match ServiceAccountName::parse(name) {
                Ok(account) => service_account(account.namespace, account.name),
                Err(_) => Subject { kind: "User".into(), name: name.into(), ..Subject::default() },
            };
            if !members.contains(&user) {
                members.push(user);
            }
        }
        members
    }

    fn accounts(&self, is_meant: impl Fn(&str) -> bool) -> Vec<Subject> {
        let meant = self.service_accounts.iter().filter(|(namespace, _)| is_meant(namespace));
        meant.map(|(namespace, name)| service_account(namespace, name)).collect()
    }

    fn is_in(&self, user: &Subject, group: &str) -> bool {
        let listed = self.groups.members(group);
        listed.iter().any(|name| *name == user.name)
            || ServiceAccountName::parse(&user.name)
                .is_ok_and(|account| is_group_of(group, account.namespace))
    }
}

/// Whether the service accounts of a namespace are in a group by themselves (S-SAJWT-10).
fn is_group_of(group: &str, namespace: &str) -> bool {
    match group {
        groups::SERVICE_ACCOUNTS | groups::AUTHENTICATED => true,
        _ => group
            .strip_prefix(groups::SERVICE_ACCOUNTS)
            .and_then(|rest| rest.strip_prefix(':'))
            .is_some_and(|of| of == namespace),
    }
}

fn service_account(namespace: &str, name: &str) -> Subject {
    Subject {
        kind: "ServiceAccount".into(),
        namespace: namespace.into(),
        name: name.into(),
        ..Subject::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_while_in_a_group_is_followed_only_when_listed_there() {
        let groups = Groups::parse("g", "on-call: [carol]").unwrap();
        let directory = Directory::new(&Inventory::default(), groups);
        let in_group = |name: &str| Subject {
            kind: "User".into(),
            name: name.into(),
            while_in: Some("on-call".into()),
            ..Subject::default()
        };
        assert_eq!(directory.members(&in_group("carol")).len(), 1);
        assert!(directory.members(&in_group("joe")).is_empty());
    }

    #[test]
    fn a_group_of_one_namespace_is_not_that_of_another_whose_name_begins_so() {
        let accounts = vec![("shop".into(), "a".into()), ("shopping".into(), "b".into())];
        let inventory = Inventory { service_accounts: accounts, ..Inventory::default() };
        let directory = Directory::new(&inventory, Groups::default());
        let group = Subject::group("system:serviceaccounts:shop");
        let members = directory.members(&group);
        assert_eq!(members.iter().map(|m| &*m.name).collect::<Vec<_>>(), ["a"]);
        let authenticated = Subject::group("system:authenticated");
        assert_eq!(directory.members(&authenticated).len(), 2);
        assert!(directory.members(&Subject::group("system:unauthenticated")).is_empty());
        assert!(directory.members(&members[0]).is_empty());
    }
}
