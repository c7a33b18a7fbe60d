//! `init rbac`: the roles that a server needs to follow the cluster, and nothing more.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use portcullis::source::watch::{Permission, Watched, permissions};
use portcullis::webhook::load::Draft;
use portcullis::webhook::needs;

use crate::cli::exit::{Exit, Failure};

/// The least RBAC that a server with this configuration needs at its API server
///
/// Writes Roles, ClusterRoles and their bindings as YAML to standard output, for `kubectl apply -f -`. They
/// follow from the chain and the authenticators of the configuration: write them anew when it changes.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis init rbac --config server.yaml | kubectl apply -f -
  portcullis init rbac --config server.yaml --user portcullis > rbac.yaml

Exit status:
  0  written
  2  wrong usage, or a configuration that follows no cluster")]
pub(super) struct RbacArgs {
    /// The configuration of the server
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The service account that the server runs as
    #[arg(long, value_name = "NAMESPACE/NAME", default_value = "portcullis-system/portcullis")]
    service_account: ServiceAccount,
    /// The user that the server is, instead of a service account: whom the kubeconfig's credentials prove
    #[arg(long, value_name = "NAME", conflicts_with = "service_account")]
    user: Option<String>,
    /// What the roles and bindings are called
    #[arg(long, value_name = "NAME", default_value = "portcullis", value_parser = plain_name)]
    name: String,
}

#[derive(Debug, Clone)]
struct ServiceAccount {
    namespace: String,
    name: String,
}

impl std::str::FromStr for ServiceAccount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (namespace, name) = text.split_once('/').ok_or("write NAMESPACE/NAME")?;
        Ok(Self { namespace: plain_name(namespace)?, name: plain_name(name)? })
    }
}

/// A name that needs no quotes in YAML, as names of objects have it (RFC 1123).
fn plain_name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    match begins && text.len() <= 253 && text.bytes().all(fits) {
        true => Ok(text.to_owned()),
        false => Err("write lower-case letters, digits, `-` and `.`, a letter first".to_owned()),
    }
}

pub(super) fn run(args: &RbacArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let draft = Draft::read(&args.config)?;
    let watched = needs(draft.config());
    if watched.is_empty() {
        return Err(Failure::usage(format!(
            "`{}` follows no cluster, so the server needs nothing there; it does with `cluster` and \
             `policy: {{fromCluster: true}}`",
            args.config.display()
        )));
    }
    let text = manifests(args, &watched);
    out.write_all(text.as_bytes())?;
    Ok(Exit::Yes)
}

fn manifests(args: &RbacArgs, watched: &[Watched]) -> String {
    let mut text = format!(
        "# Written by `portcullis init rbac` for {}: what the server needs to follow the cluster.\n",
        args.config.display()
    );
    for warning in warnings(watched) {
        let _ = writeln!(text, "# {warning}");
    }
    for (namespace, groups) in by_namespace(permissions(watched)) {
        let rules: String = groups
            .iter()
            .map(|(group, resources)| {
                let resources = resources.join(", ");
                format!(
                    "- apiGroups: [\"{group}\"]\n  resources: [{resources}]\n  verbs: [list, watch]\n"
                )
            })
            .collect();
        write_role(&mut text, args, &namespace, &rules);
    }
    text
}

/// What somebody should know before he grants it.
fn warnings(watched: &[Watched]) -> Vec<&'static str> {
    let mut said = Vec::new();
    if watched.contains(&Watched::SecretMetadata) {
        said.push(
            "Secrets of all namespaces: asked for is only that they exist (their metadata), for tokens \
             bound to one; RBAC cannot grant that alone.",
        );
    }
    if watched.contains(&Watched::ServiceAccountSecrets) {
        said.push(
            "Secrets of all namespaces: asked for are those of type kubernetes.io/service-account-token, \
             for legacy tokens; RBAC cannot grant that alone.",
        );
    }
    if watched.contains(&Watched::BootstrapSecrets) {
        said.push(
            "Secrets of kube-system: asked for are those of type bootstrap.kubernetes.io/token; RBAC cannot \
             grant that alone.",
        );
    }
    said
}

type Groups = BTreeMap<&'static str, Vec<&'static str>>;

/// Resources by API group, by namespace; the empty one is the cluster.
fn by_namespace(permissions: Vec<Permission>) -> BTreeMap<String, Groups> {
    let mut namespaces: BTreeMap<String, Groups> = BTreeMap::new();
    for Permission { namespace, group, resource } in permissions {
        let resources = namespaces.entry(namespace).or_default().entry(group).or_default();
        if !resources.contains(&resource) {
            resources.push(resource);
        }
    }
    namespaces
}

fn write_role(text: &mut String, args: &RbacArgs, namespace: &str, rules: &str) {
    let name = &args.name;
    let (prefix, place) = match namespace {
        "" => ("Cluster", String::new()),
        namespace => ("", format!("\n  namespace: {namespace}")),
    };
    let subject = match &args.user {
        Some(user) => {
            let user = serde_json::Value::from(user.as_str());
            format!("- kind: User\n  apiGroup: rbac.authorization.k8s.io\n  name: {user}")
        }
        None => {
            let ServiceAccount { namespace, name } = &args.service_account;
            format!("- kind: ServiceAccount\n  namespace: {namespace}\n  name: {name}")
        }
    };
    let _ = write!(
        text,
        "\
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {prefix}Role
metadata:
  name: {name}{place}
rules:
{rules}---
apiVersion: rbac.authorization.k8s.io/v1
kind: {prefix}RoleBinding
metadata:
  name: {name}{place}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {prefix}Role
  name: {name}
subjects:
{subject}
"
    );
}
