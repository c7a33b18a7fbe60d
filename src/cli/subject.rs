//! Who asks: `--as` and its relatives.

use std::path::PathBuf;

use clap::Args;
use portcullis::api::inventory::{Inventory, PodIdentity};
use portcullis::model::{User, names};

use super::exit::Failure;
use super::impersonation;
use super::live::Wanted;
use super::load;
use super::speak::Speaker;

/// Who asks.
#[derive(Debug, Args)]
#[command(next_help_heading = "Who asks")]
pub(crate) struct SubjectArgs {
    /// A user name, as kubectl's --as takes it
    ///
    /// Everybody but system:anonymous is in system:authenticated; a service account
    /// (system:serviceaccount:NS:NAME) is in its groups unless --as-group names others.
    #[arg(long = "as", value_name = "USER")]
    pub(crate) user: Option<String>,
    /// A group of the user (repeatable)
    #[arg(long = "as-group", value_name = "GROUP")]
    pub(crate) groups: Vec<String>,
    /// The uid of the user
    #[arg(long, value_name = "UID")]
    as_uid: Option<String>,
    /// An extra value of the user (repeatable)
    #[arg(long, value_name = "KEY=VALUE", value_parser = impersonation::extra)]
    as_user_extra: Vec<(String, String)>,
    /// The service account NAME of namespace NS, with its groups
    #[arg(long, value_name = "NS/NAME", conflicts_with = "user")]
    pub(crate) as_sa: Option<String>,
    /// The service account that a pod, or a workload that makes pods, runs as
    ///
    /// The pod is looked up among the objects that are read.
    #[arg(long, value_name = "NS/NAME", conflicts_with_all = ["user", "as_sa"])]
    pub(crate) as_pod: Option<String>,
    /// The kubelet of a node, in the group system:nodes
    #[arg(long, value_name = "NAME", conflicts_with_all = ["user", "as_sa", "as_pod"])]
    pub(crate) as_node: Option<String>,
    /// Who is in which group: a YAML or JSON map from group to list of users
    ///
    /// The user gets the groups in which the file lists it, besides those of --as-group.
    #[arg(long = "groups", value_name = "FILE")]
    directory: Option<PathBuf>,
}

impl SubjectArgs {
    /// Whether anybody asks; found out before anything is loaded.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if let Some(node) = self.as_node.as_deref() {
            return node_name(node).map(|_| ());
        }
        match (self.user.as_deref(), &self.as_sa, &self.as_pod) {
            (Some(""), ..) => Err(Failure::usage("--as is empty; say who asks")),
            (None, None, None) => Err(Failure::usage(
                "say who asks: --as USER (with --as-group GROUP for each group), \
                 --as-sa NS/NAME, --as-pod NS/NAME or --as-node NAME",
            )),
            _ => Ok(()),
        }
    }

    /// What these flags look at.
    pub(crate) fn wanted(&self) -> Wanted {
        Wanted { pods: self.as_pod.is_some(), service_accounts: self.as_sa.is_some() }
    }

    /// The user, with the groups that impersonation yields (S-IMP-6).
    pub(crate) fn user(&self, inventory: &Inventory, speaker: Speaker) -> Result<User, Failure> {
        let mut user = self.named(inventory, speaker)?;
        user.uid = self.as_uid.clone().unwrap_or_default();
        for (key, value) in &self.as_user_extra {
            user.extra.entry(key.clone()).or_default().push(value.clone());
        }
        Ok(user)
    }

    /// The groups in which the file of --groups lists somebody.
    pub(crate) fn listed(&self, name: &str) -> Result<Vec<String>, Failure> {
        let directory = load::groups(self.directory.as_deref())?;
        Ok(directory.groups_of(name).map(str::to_owned).collect())
    }

    fn named(&self, inventory: &Inventory, speaker: Speaker) -> Result<User, Failure> {
        if let Some(name) = &self.user {
            let listed = self.listed(name)?;
            return Ok(User::impersonated(name, self.groups.iter().cloned().chain(listed)));
        }
        if let Some(node) = &self.as_node {
            let name = node_name(node)?;
            if !inventory.graph.is_empty() && !is_node_known(inventory, name) {
                speaker.warn(format!("nothing that was read is on a node `{name}`"));
            }
            let mut user = User::node(name);
            let given = self.groups.iter().filter(|group| !user.is_member(group));
            let given: Vec<String> = given.cloned().collect();
            user.groups.extend(given);
            return Ok(user);
        }
        let (namespace, name) = match (&self.as_sa, &self.as_pod) {
            (Some(account), _) => {
                let (namespace, name) = pair("--as-sa", account)?;
                if !inventory.service_accounts.is_empty() && !is_known(inventory, namespace, name) {
                    speaker.warn(format!(
                        "no service account `{namespace}/{name}` among what was read"
                    ));
                }
                (namespace, name)
            }
            (None, Some(pod)) => {
                let (namespace, name) = pair("--as-pod", pod)?;
                let account = account_of(inventory, namespace, name)?;
                speaker
                    .note(format!("pod `{pod}` runs as service account `{namespace}/{account}`"));
                (namespace, account)
            }
            (None, None) => return Ok(User::default()), // [`Self::check`] refuses that.
        };
        let account = User::service_account(namespace, name);
        if self.groups.is_empty() {
            return Ok(account);
        }
        Ok(User::impersonated(account.name, &self.groups))
    }
}

/// The name of a node, which is not the name of its user.
fn node_name(text: &str) -> Result<&str, Failure> {
    if text.is_empty() {
        return Err(Failure::usage("--as-node is empty; say which node asks"));
    }
    match text.strip_prefix(names::NODE_PREFIX) {
        Some(name) => Err(Failure::usage(format!(
            "--as-node takes the name of the node alone: `{name}`, not `{text}`"
        ))),
        None => Ok(text),
    }
}

fn is_node_known(inventory: &Inventory, name: &str) -> bool {
    inventory.graph.iter().any(|object| object.value.node_name() == name)
}

fn pair<'a>(flag: &str, text: &'a str) -> Result<(&'a str, &'a str), Failure> {
    match text.split_once('/') {
        Some((namespace, name))
            if !namespace.is_empty() && !name.is_empty() && !name.contains('/') =>
        {
            Ok((namespace, name))
        }
        _ => Err(Failure::usage(format!("{flag} takes NAMESPACE/NAME, not `{text}`"))),
    }
}

fn is_known(inventory: &Inventory, namespace: &str, name: &str) -> bool {
    inventory.service_accounts.iter().any(|(of, account)| of == namespace && account == name)
}

/// A pod itself goes before the workloads of the same name.
fn account_of<'a>(
    inventory: &'a Inventory,
    namespace: &str,
    name: &str,
) -> Result<&'a str, Failure> {
    let mut found: Vec<&PodIdentity> = inventory
        .pods
        .iter()
        .filter(|pod| pod.namespace == namespace && pod.name == name)
        .collect();
    if found.iter().any(|pod| pod.kind == "Pod") {
        found.retain(|pod| pod.kind == "Pod");
    }
    // Of objects that were read twice the last counts.
    let Some(last) = found.last() else {
        let hint = if inventory.pods.is_empty() {
            "none was read; give a dump of pods or workloads with -f"
        } else {
            "it is not among what was read"
        };
        return Err(Failure::usage(format!("no pod or workload `{namespace}/{name}`: {hint}")));
    };
    if let Some(other) = found
        .iter()
        .find(|pod| pod.kind != last.kind && pod.service_account != last.service_account)
    {
        return Err(Failure::usage(format!(
            "`{namespace}/{name}` is both a {} (service account `{}`) and a {} (`{}`); \
             ask with --as-sa",
            other.kind, other.service_account, last.kind, last.service_account
        )));
    }
    Ok(&last.service_account)
}
