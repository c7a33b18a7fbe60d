//! Flags that several verbs share.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use clap::{Args, ValueEnum};
use portcullis::authz::rbac::aggregation::Aggregation;
use portcullis::model::{Clock, Moment};
use portcullis::snapshot::{Mode, ModeError};

use super::webhook::WebhookUse;

/// Where the policy comes from and how it is read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Policy")]
pub(crate) struct PolicyArgs {
    /// Kubernetes objects to read: a file, a directory, or `-` for standard input
    ///
    /// JSON, YAML, NDJSON, lists and several documents in a file are understood, and so is gzip.
    /// Objects that are neither roles nor bindings are passed over, save those that tell about
    /// names: service accounts, pods and workloads, namespaces, CustomResourceDefinitions; and those
    /// by which mode Node answers: Pods, PersistentVolumes, VolumeAttachments, ResourceSlices,
    /// PodCertificateRequests.
    #[arg(short, long = "filename", value_name = "PATH")]
    pub(crate) files: Vec<PathBuf>,
    /// An ABAC policy file, one policy a line
    #[arg(long, value_name = "FILE")]
    pub(crate) abac: Option<PathBuf>,
    /// Add the roles and bindings that every API server of Kubernetes 1.36 creates
    ///
    /// What is read with -f counts where both have an object.
    #[arg(long)]
    pub(crate) with_defaults: bool,
    /// Authorization modes, in the order in which they are asked: Node, RBAC, ABAC, Rego, AlwaysAllow,
    /// AlwaysDeny
    ///
    /// Default: RBAC when -f or --with-defaults gives roles and bindings, then ABAC when --abac is
    /// given, then Rego when --rego is. `Rego` in this list says where else the policies of --rego are
    /// asked: only before RBAC can they deny what RBAC allows. Most clusters run Node,RBAC; mode Node answers kubelets by the pods and volumes among
    /// the -f objects.
    #[arg(long = "mode", value_name = "MODE,…", value_delimiter = ',')]
    pub(crate) modes: Vec<Asked>,
    /// Where aggregated ClusterRoles have their rules from
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub(crate) aggregate: Aggregate,
    /// Leave out the built-in step that allows members of system:masters everything
    #[arg(long)]
    pub(crate) no_super_user: bool,
    /// Refuse a policy with objects that would have to be skipped
    #[arg(long)]
    pub(crate) strict: bool,
    /// Kubernetes feature gates, as NAME=true or NAME=false
    ///
    /// Two of them change what mode Node answers: PodCertificateRequest (off unless it is named) and
    /// KubeletServiceAccountTokenForCredentialProviders (on). Every other is accepted with a note.
    #[arg(long, value_name = "NAME=BOOL,…", value_delimiter = ',', value_parser = feature_gate)]
    pub(crate) feature_gates: Vec<(String, bool)>,
    /// The chain, as an AuthorizationConfiguration file of the API server says it
    ///
    /// Roles, bindings and pods come from -f all the same, and the policy of ABAC from --abac. The
    /// kubeconfig files that it names are looked for only with `--webhook ask`.
    #[arg(long, value_name = "FILE", conflicts_with = "modes")]
    pub(crate) authorization_config: Option<PathBuf>,
    /// What becomes of the webhooks of the chain
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub(crate) webhook: WebhookUse,
    /// Policies in Rego: a module, a data file, a directory, or a bundle (repeatable)
    ///
    /// Modules end in .rego, data in .json, .yaml or .yml, bundles in .tar.gz. The policies are asked last,
    /// unless --mode says where.
    #[arg(long, value_name = "PATH")]
    pub(crate) rego: Vec<PathBuf>,
    /// The package of these policies that has `allow`, `deny`, `reason` and `obligations`
    #[arg(long, value_name = "NAME", default_value = "portcullis.authz", requires = "rego")]
    pub(crate) rego_package: String,
    /// Read modules as Rego v0, where nothing else is said
    #[arg(long, requires = "rego")]
    pub(crate) rego_v0: bool,
    /// Let bindings begin and end as their annotations say: portcullis.dev/not-before and
    /// portcullis.dev/not-after, RFC 3339 times
    ///
    /// The API server knows neither and grants for ever; so does Portcullis without this flag.
    #[arg(long)]
    pub(crate) grant_times: bool,
    /// The moment that is asked about, as an RFC 3339 time [default: now]
    #[arg(long, value_name = "TIME", requires = "grant_times")]
    pub(crate) at: Option<Moment>,
    /// Let namespaces inherit the Roles and RoleBindings of those above them: by the `labels` of the
    /// Hierarchical Namespace Controller, or by a YAML file of lines `child: parent`
    ///
    /// For labels the Namespace objects must be among the files; HierarchyConfiguration and
    /// SubnamespaceAnchor objects are read, too.
    #[arg(long, value_name = "labels|FILE")]
    pub(crate) hierarchy: Option<HierarchyFrom>,
    /// Replace the groups of users by those of now, before anybody is asked: by a YAML or JSON file of
    /// lines `user: [group, …]`
    ///
    /// So does a server with live groups. Of the groups that the question names only
    /// system:authenticated stays, and a user who is not in the file is in no other group. Users whose
    /// names begin with system: are left as they are.
    #[cfg(feature = "live-groups")]
    #[arg(long, value_name = "FILE")]
    pub(crate) live_groups: Option<PathBuf>,
    #[arg(skip)]
    asked_at: Arc<Mutex<Option<Moment>>>,
}

/// Who is asked, in `--mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A mode of the API server.
    Mode(Mode),
    /// The policies of `--rego`.
    Rego,
}

impl FromStr for Asked {
    type Err = ModeError;

    fn from_str(name: &str) -> Result<Self, ModeError> {
        if name == "Rego" { Ok(Self::Rego) } else { name.parse().map(Self::Mode) }
    }
}

/// Where the tree of namespaces comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HierarchyFrom {
    /// Labels and objects of HNC.
    Labels,
    /// A file; one that is called `labels` is `./labels`.
    File(PathBuf),
}

impl From<String> for HierarchyFrom {
    fn from(text: String) -> Self {
        if text == "labels" { Self::Labels } else { Self::File(text.into()) }
    }
}

impl PolicyArgs {
    /// The clock by which bindings begin and end, if they do. A question is about one moment, however
    /// long it takes to answer.
    pub(crate) fn clock(&self) -> Option<Clock> {
        let (asked, started) = (Arc::clone(&self.asked_at), Clock::system().now());
        let at = self.at.unwrap_or(started);
        let now = move || asked.lock().ok().and_then(|asked| *asked).unwrap_or(at);
        self.grant_times.then(|| Clock::new(now))
    }

    /// Sets that clock for the next question, unless `--at` does.
    pub(crate) fn ask_at(&self, moment: Option<Moment>) {
        if self.at.is_none()
            && let Ok(mut asked) = self.asked_at.lock()
        {
            *asked = moment;
        }
    }
}

/// Where aggregated roles have their rules from.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Aggregate {
    /// As stored for objects with a resourceVersion (read from a server), computed for others
    #[default]
    Auto,
    /// As the objects have them
    Stored,
    /// As the controller of a cluster would fill them
    Computed,
}

impl From<Aggregate> for Aggregation {
    fn from(aggregate: Aggregate) -> Self {
        match aggregate {
            Aggregate::Auto => Self::Auto,
            Aggregate::Stored => Self::Stored,
            Aggregate::Computed => Self::Computed,
        }
    }
}

fn feature_gate(text: &str) -> Result<(String, bool), String> {
    match text.split_once('=') {
        Some((name, state @ ("true" | "false"))) if !name.is_empty() => {
            Ok((name.to_owned(), state == "true"))
        }
        _ => Err("write NAME=true or NAME=false".to_owned()),
    }
}

/// What resource names mean.
#[derive(Debug, Args)]
#[command(next_help_heading = "Names")]
pub(crate) struct NameArgs {
    /// Discovery output of the cluster, so that its resources are known (repeatable)
    ///
    /// Understood are `kubectl api-resources [-o wide]`, and `kubectl get --raw /apis` with and
    /// without aggregated discovery. CustomResourceDefinitions among the -f files do as well.
    #[arg(long, value_name = "FILE")]
    pub(crate) discovery: Vec<PathBuf>,
}

/// Which namespace is asked about.
#[derive(Debug, Args)]
pub(crate) struct ScopeArgs {
    /// The namespace of the question, and of objects that name none [default: default]
    #[arg(short, long, value_name = "NS", conflicts_with = "all_namespaces")]
    pub(crate) namespace: Option<String>,
    /// Ask for all namespaces at once (cluster scope)
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
}

/// How much is said.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct LoudnessArgs {
    /// No notes on standard error
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// All notes, and what was loaded
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// How the answer is written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// The form of the answer
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: Format,
}

/// A form of output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Table,
    /// For people with wide screens: where everything stands, too
    Wide,
    /// JSON
    Json,
    /// YAML
    Yaml,
    /// The bare answer, or one name a line
    Name,
}
