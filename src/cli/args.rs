//! Flags that several verbs share.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use clap::{Args, ValueEnum};
use portcullis::authz::rbac::aggregation::Aggregation;
use portcullis::model::{Clock, Moment};
use portcullis::snapshot::Mode;

/// Where the policy comes from and how it is read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Policy")]
pub(crate) struct PolicyArgs {
    /// Kubernetes objects to read: a file, a directory, or `-` for standard input
    ///
    /// JSON, YAML, NDJSON, lists and several documents in a file are understood, and so is gzip.
    /// Objects that are neither roles nor bindings are passed over, save those that tell about
    /// names: service accounts, pods and workloads, namespaces, CustomResourceDefinitions.
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
    /// Authorization modes, in the order in which they are asked: RBAC, ABAC, AlwaysAllow, AlwaysDeny
    ///
    /// Default: RBAC when -f or --with-defaults gives roles and bindings, then ABAC when --abac is
    /// given.
    #[arg(long = "mode", value_name = "MODE,…", value_delimiter = ',')]
    pub(crate) modes: Vec<Mode>,
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
    /// No gate changes a decision of the modes in this build; each is accepted with a note.
    #[arg(long, value_name = "NAME=BOOL,…", value_delimiter = ',', value_parser = feature_gate)]
    pub(crate) feature_gates: Vec<String>,
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
    #[arg(skip)]
    asked_at: Arc<Mutex<Option<Moment>>>,
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

fn feature_gate(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((name, "true" | "false")) if !name.is_empty() => Ok(name.to_owned()),
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
