//! `init rbac`: the roles that a server needs to follow the cluster, and nothing more.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use portcullis::source::watch::{Permission, Watched, permissions};
use portcullis::webhook::ServeError;
use portcullis::webhook::config::{Approve, ServerConfig, SignerConfig, needs};
use portcullis::webhook::load::Draft;

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
    let fits =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    match begins && text.len() <= 253 && text.bytes().all(fits) {
        true => Ok(text.to_owned()),
        false => Err("write lower-case letters, digits, `-` and `.`, a letter first".to_owned()),
    }
}

pub(super) fn run(args: &RbacArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let draft = Draft::read(&args.config).map_err(ServeError::from)?;
    let grants = Grants::of(draft.config());
    if grants.roles.is_empty() {
        return Err(Failure::usage(format!(
            "`{}` follows no cluster, so the server needs nothing there; it does with `cluster` and \
             `policy: {{fromCluster: true}}`",
            args.config.display()
        )));
    }
    let file = args.config.display();
    writeln!(
        out,
        "# Written by `portcullis init rbac` for {file}: what the server needs of the API server."
    )?;
    for remark in &grants.remarks {
        writeln!(out, "# {remark}")?;
    }
    for (namespace, rules) in &grants.roles {
        write_role(out, args, namespace, rules)?;
    }
    Ok(Exit::Yes)
}

/// One rule of a role.
struct Rule {
    group: &'static str,
    resources: Vec<&'static str>,
    /// Quoted; empty for all.
    names: Vec<String>,
    verbs: &'static str,
}

/// What is granted: rules by namespace, and what somebody should know before he grants them.
#[derive(Default)]
struct Grants {
    /// The empty namespace is the cluster.
    roles: BTreeMap<String, Vec<Rule>>,
    remarks: Vec<&'static str>,
}

impl Grants {
    fn of(config: &ServerConfig) -> Self {
        let mut grants = Self::default();
        let watched = needs(config);
        grants.watch(&watched);
        grants.remark(&watched);
        if let Some(facts) = config.cluster.as_ref().and_then(|cluster| cluster.facts.as_ref()) {
            // Names of ConfigMaps cannot be granted for creating them.
            grants.add(&facts.namespace, CORE, "configmaps", "get, list, watch, create, update");
        }
        for signer in &config.signers {
            grants.sign(signer);
        }
        grants
    }

    fn add(
        &mut self,
        namespace: &str,
        group: &'static str,
        resource: &'static str,
        verbs: &'static str,
    ) {
        let rules = self.roles.entry(namespace.to_owned()).or_default();
        let same =
            |rule: &&mut Rule| rule.group == group && rule.verbs == verbs && rule.names.is_empty();
        match rules.iter_mut().find(same) {
            Some(rule) if rule.resources.contains(&resource) => {}
            Some(rule) => rule.resources.push(resource),
            None => rules.push(Rule { group, resources: vec![resource], names: Vec::new(), verbs }),
        }
    }

    fn watch(&mut self, watched: &[Watched]) {
        for Permission { namespace, group, resource } in permissions(watched) {
            self.add(&namespace, group, resource, "list, watch");
        }
    }

    /// Requests are read, their status is written, and the API server asks besides who may sign
    /// (S-CSR-9).
    fn sign(&mut self, config: &SignerConfig) {
        let signer = config.signer.to_string();
        self.watch(&[Watched::SigningRequests { signer: signer.as_str().into() }]);
        self.add("", CERTIFICATES, "certificatesigningrequests/status", "update");
        let approves = config.approve != Approve::Never;
        if approves {
            self.add("", CERTIFICATES, "certificatesigningrequests/approval", "update");
        }
        let names = vec![serde_json::Value::from(signer).to_string()];
        let verbs = if approves { "approve, sign" } else { "sign" };
        let resources = vec!["signers"];
        let rule = Rule { group: CERTIFICATES, resources, names, verbs };
        self.roles.entry(String::new()).or_default().push(rule);
    }

    fn remark(&mut self, watched: &[Watched]) {
        let remarks = [
            (
                Watched::SecretMetadata,
                "Secrets of all namespaces: asked for is only that they exist (their metadata), for tokens \
                 bound to one; RBAC cannot grant that alone.",
            ),
            (
                Watched::ServiceAccountSecrets,
                "Secrets of all namespaces: asked for are those of type \
                 kubernetes.io/service-account-token, for legacy tokens; RBAC cannot grant that alone.",
            ),
            (
                Watched::BootstrapSecrets,
                "Secrets of kube-system: asked for are those of type bootstrap.kubernetes.io/token; RBAC \
                 cannot grant that alone.",
            ),
        ];
        let meant = remarks.into_iter().filter(|(kind, _)| watched.contains(kind));
        self.remarks.extend(meant.map(|(_, remark)| remark));
    }
}

const CORE: &str = "";
const CERTIFICATES: &str = "certificates.k8s.io";

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, resources, names, verbs } = self;
        writeln!(f, "- apiGroups: [\"{group}\"]")?;
        writeln!(f, "  resources: [{}]", resources.join(", "))?;
        if !names.is_empty() {
            writeln!(f, "  resourceNames: [{}]", names.join(", "))?;
        }
        writeln!(f, "  verbs: [{verbs}]")
    }
}

fn write_role(
    out: &mut dyn Write,
    args: &RbacArgs,
    namespace: &str,
    rules: &[Rule],
) -> std::io::Result<()> {
    let rules: String = rules.iter().map(Rule::to_string).collect();
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
    write!(
        out,
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
    )
}
