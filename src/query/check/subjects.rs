use super::roles::words;
use super::{At, Level, Lint};
use crate::api::Str;
use crate::api::rbac::Subject;
use crate::model::{ServiceAccountName, groups, names};

impl Lint<'_> {
    pub(super) fn subject(&mut self, at: &At<'_>, index: usize, subject: &Subject) {
        match subject.kind.as_str() {
            "User" => self.user(at, index, &subject.name),
            "Group" => self.group(at, index, &subject.name),
            // Service accounts are looked at together; of other kinds validation tells.
            _ => {}
        }
    }

    /// Service accounts that are bound and not there: one finding a binding.
    pub(super) fn service_accounts(&mut self, at: &At<'_>, subjects: &[Subject], home: &str) {
        // A dump without service accounts says nothing about them, and Kubernetes creates those of
        // its own bindings when it needs them.
        if self.service_accounts.is_empty() || at.is_default {
            return;
        }
        let accounts = subjects.iter().filter(|subject| subject.kind == "ServiceAccount");
        let missing: Vec<Str> = accounts
            .map(|subject| {
                let own = subject.namespace.as_str();
                (if own.is_empty() { home } else { own }, subject.name.as_str())
            })
            .filter(|account| !account.0.is_empty() && !self.service_accounts.contains(account))
            // Every namespace gets this one (S-SA-2).
            .filter(|(namespace, name)| *name != "default" || !self.is_namespace(namespace))
            .map(|(namespace, name)| format!("{namespace}/{name}").into())
            .collect();
        let message = match missing.as_slice() {
            [] => return,
            [one] => format!("ServiceAccount `{one}` is not there"),
            several => format!("ServiceAccounts {} are not there", words(several)),
        };
        let advice = "remove the subject: whoever creates a service account of this name holds \
                      what is granted here";
        self.say(Level::Warning, "missing-service-account", at, message, advice);
    }

    fn is_namespace(&self, name: &str) -> bool {
        self.inventory.namespaces.iter().any(|known| known.name == name)
    }

    fn user(&mut self, at: &At<'_>, index: usize, name: &str) {
        if name == "*" {
            return self.star(at, index, "User");
        }
        if ServiceAccountName::parse(name).is_ok() {
            let message =
                format!("subjects[{index}]: User `{name}` is a service account by its user name");
            let advice = "works; say kind ServiceAccount with name and namespace";
            return self.say(Level::Advice, "service-account-as-user", at, message, advice);
        }
        if name.starts_with(names::SERVICE_ACCOUNT_PREFIX) {
            let message = format!(
                "subjects[{index}]: no user is called `{name}`: the name of a service account \
                 reads `system:serviceaccount:<namespace>:<name>`"
            );
            let advice = "say kind ServiceAccount with name and namespace";
            return self.say(Level::Warning, "no-such-user", at, message, advice);
        }
        if is_group_name(name) {
            let message = format!("subjects[{index}]: `{name}` is a group, and bound as a user");
            self.say(Level::Warning, "group-as-user", at, message, "say kind Group");
        }
    }

    fn group(&mut self, at: &At<'_>, index: usize, name: &str) {
        if name == "*" {
            return self.star(at, index, "Group");
        }
        if let Some(rest) = name.strip_prefix(names::SERVICE_ACCOUNT_PREFIX) {
            let (message, advice) = match rest.split_once(':') {
                Some((namespace, account)) => (
                    format!("subjects[{index}]: `{name}` is a user, and bound as a group"),
                    format!("say kind ServiceAccount, name `{account}`, namespace `{namespace}`"),
                ),
                None => (
                    format!(
                        "subjects[{index}]: there is no group `{name}`; the service accounts of \
                         a namespace are `{}:{rest}`",
                        groups::SERVICE_ACCOUNTS
                    ),
                    format!("say `{}:{rest}`", groups::SERVICE_ACCOUNTS),
                ),
            };
            return self.say(Level::Warning, "service-account-as-group", at, message, advice);
        }
        if name == names::ANONYMOUS {
            let message = format!("subjects[{index}]: `{name}` is a user, and bound as a group");
            self.say(Level::Warning, "user-as-group", at, message, "say kind User");
        }
    }

    fn star(&mut self, at: &At<'_>, index: usize, kind: &str) {
        let message = format!(
            "subjects[{index}]: {kind} `*` is literal: it reaches nobody but one of that very name"
        );
        let advice = format!(
            "say Group `{}` for every user, `{}` for every service account",
            groups::AUTHENTICATED,
            groups::SERVICE_ACCOUNTS
        );
        self.say(Level::Warning, "wildcard-subject", at, message, advice);
    }
}

/// S-ATTR-2.
fn is_group_name(name: &str) -> bool {
    const SERVICE_ACCOUNTS_OF: &str = "system:serviceaccounts:";
    [
        groups::MASTERS,
        groups::AUTHENTICATED,
        groups::UNAUTHENTICATED,
        groups::SERVICE_ACCOUNTS,
        groups::NODES,
    ]
    .contains(&name)
        || name.starts_with(SERVICE_ACCOUNTS_OF)
}
