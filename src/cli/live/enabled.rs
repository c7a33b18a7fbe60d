use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use portcullis::source::watch::{
    self, ClusterOptions, Connection, CredentialsFrom, ListError, Listed, Watched,
};

use super::{Missing, Seen, Wanted};
use crate::cli::args::PolicyArgs;
use crate::cli::exit::{Failure, with_causes};
use crate::cli::speak::Speaker;

/// How long an API server may take to be reached. A person waits for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The API server instead of files.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct LiveArgs {
    /// Ask about the cluster as it is now, instead of about files: the objects come from the API server
    ///
    /// Roles and bindings are listed, names of namespaces and custom resources, and what else the
    /// question needs, such as pods for mode Node. What the user of the kubeconfig may not list is told,
    /// and where an answer may depend on it the exit status is 3.
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Which cluster.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArgs {
    /// The context of the kubeconfig [default: its current context]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// The kubeconfig [default: what KUBECONFIG names, or ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

/// That the cluster is asked, and about what.
#[derive(Debug)]
pub(crate) struct Live {
    cluster: ClusterArgs,
    wanted: Wanted,
}

impl LiveArgs {
    /// Whether the cluster is asked.
    pub(crate) fn asked(&self, wanted: Wanted) -> Result<Option<Live>, Failure> {
        let ClusterArgs { context, kubeconfig } = &self.cluster;
        let given = [("--context", context.is_some()), ("--kubeconfig", kubeconfig.is_some())];
        if let Some((flag, _)) = given.into_iter().find(|(_, given)| *given && !self.live) {
            return Err(Failure::usage(format!(
                "{flag} says which cluster is asked, and none is; add --live"
            )));
        }
        Ok(self.live.then_some(Live { cluster: self.cluster.clone(), wanted }))
    }
}

impl Live {
    /// Lists what the question needs; `node` tells whether mode Node is asked. What could not be seen is
    /// told on standard error.
    pub(crate) fn read(
        self,
        policy: &PolicyArgs,
        node: bool,
        speaker: Speaker,
    ) -> Result<Seen, Failure> {
        if !policy.files.is_empty() {
            return Err(Failure::usage(
                "with --live the objects come from the API server, with -f from files; leave out one of \
                 them (`portcullis snapshot save --out cluster.json` makes a file of the cluster, beside \
                 which -f may name others)",
            ));
        }
        if !policy.rego.is_empty() {
            return Err(Failure::usage(
                "policies in Rego may look at labels and annotations, which --live does not read; get the \
                 objects with `kubectl get … -o yaml`, and name the files with -f",
            ));
        }
        if policy.with_defaults {
            return Err(Failure::usage(
                "--live asks about the roles and bindings that the cluster has, and --with-defaults adds \
                 others; leave out one of them",
            ));
        }
        let kinds = kinds(self.wanted, node);
        let (server, listed) = connected(&self.cluster, &kinds)?;
        let Listed { loaded, missing: not_seen, .. } = listed;
        Ok(Seen { loaded, missing: missing(&not_seen, speaker), server })
    }
}

fn kinds(wanted: Wanted, node: bool) -> Vec<Watched> {
    let mut kinds = vec![
        Watched::ClusterRoles,
        Watched::ClusterRoleBindings,
        Watched::Roles,
        Watched::RoleBindings,
        Watched::Namespaces,
        Watched::CustomResourceDefinitions,
    ];
    if node || wanted.pods {
        kinds.push(Watched::Pods);
    }
    if node {
        kinds.extend([
            Watched::PersistentVolumes,
            Watched::VolumeAttachments,
            Watched::ResourceSlices,
            Watched::PodCertificateRequests,
        ]);
    }
    if wanted.service_accounts {
        kinds.push(Watched::ServiceAccounts);
    }
    kinds
}

/// Lists kinds of a cluster, and tells its URL.
pub(crate) fn connected(
    cluster: &ClusterArgs,
    kinds: &[Watched],
) -> Result<(String, Listed), Failure> {
    let named = || named(cluster, &credentials(cluster));
    cluster.with_connection(async |connection| {
        let server = connection.server().to_owned();
        match watch::list(&connection, kinds).await {
            Ok(listed) => Ok((server, listed)),
            Err(ListError::Failed(error)) => Err(Failure::List { server, named: named(), error }),
            Err(error) => Err(Failure::List { server, named: named(), error: error.into() }),
        }
    })
}

impl ClusterArgs {
    /// A flag of these that was given.
    #[cfg(feature = "ledger")]
    pub(crate) fn given(&self) -> Option<&'static str> {
        let flags =
            [("--context", self.context.is_some()), ("--kubeconfig", self.kubeconfig.is_some())];
        flags.into_iter().find(|(_, given)| *given).map(|(flag, _)| flag)
    }

    /// Does something with a connection to the cluster.
    pub(crate) fn with_connection<T>(
        &self,
        work: impl AsyncFnOnce(Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut options = ClusterOptions::new(credentials(self));
        options.connect_timeout = PATIENCE;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(Failure::Runtime)?;
        runtime.block_on(async {
            let connection = Connection::open(&options).await.map_err(|error| {
                Failure::Connect { named: named(self, &options.credentials), error }
            })?;
            work(connection).await
        })
    }
}

/// As kubectl finds them: a pod's own only where there is no kubeconfig.
fn credentials(cluster: &ClusterArgs) -> CredentialsFrom {
    let ClusterArgs { context, kubeconfig } = cluster;
    let is_named = context.is_some() || kubeconfig.is_some() || has("KUBECONFIG");
    if !is_named && has("KUBERNETES_SERVICE_HOST") && !has_usual_kubeconfig() {
        return CredentialsFrom::InCluster;
    }
    CredentialsFrom::Kubeconfig { file: kubeconfig.clone(), context: context.clone() }
}

/// Where it is said which cluster is asked, and as whom.
fn named(cluster: &ClusterArgs, credentials: &CredentialsFrom) -> String {
    let ClusterArgs { context, kubeconfig } = cluster;
    let variable = std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty());
    let file = match (credentials, kubeconfig, variable) {
        (CredentialsFrom::InCluster, ..) => "the service account of this pod".to_owned(),
        (_, Some(file), _) => format!("--kubeconfig `{}`", file.display()),
        (_, None, Some(value)) => format!("KUBECONFIG `{}`", value.display()),
        (_, None, None) => "~/.kube/config".to_owned(),
    };
    match context {
        Some(context) => format!("context `{context}` of {file}"),
        None => file,
    }
}

fn has(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

fn has_usual_kubeconfig() -> bool {
    std::env::home_dir().is_some_and(|home| home.join(".kube/config").exists())
}

/// Tells what could not be seen, one line a kind.
pub(crate) fn missing(not_seen: &[(Watched, ListError)], speaker: Speaker) -> Missing {
    let mut missing = Vec::new();
    for (watched, error) in not_seen {
        if matches!(error, ListError::NotServed) {
            speaker.note(format!("this API server has no {watched}: it does not serve them"));
            continue;
        }
        let text = format!("{watched} cannot be listed, {}: {}", lost(watched), with_causes(error));
        match watched {
            // Of these the answer depends on rarely, and then that is said.
            Watched::Namespaces | Watched::CustomResourceDefinitions | Watched::ServiceAccounts => {
                speaker.warn(text)
            }
            _ => speaker.doubt(text),
        }
        missing.push(watched.name().into_owned());
    }
    Missing(missing)
}

/// What is not known without a kind.
const fn lost(watched: &Watched) -> &'static str {
    match watched {
        Watched::ClusterRoles => "so what they and the bindings to them grant is missing",
        Watched::ClusterRoleBindings => "so grants for the whole cluster are missing",
        Watched::Roles | Watched::RoleBindings => "so grants in namespaces are missing",
        Watched::Pods
        | Watched::PersistentVolumes
        | Watched::VolumeAttachments
        | Watched::ResourceSlices
        | Watched::PodCertificateRequests => "so what kubelets may do for them is missing",
        Watched::ServiceAccounts => "so nobody knows which there are",
        Watched::Namespaces => "so a mistyped namespace is not noticed",
        Watched::CustomResourceDefinitions => {
            "so names of custom resources are not known (--discovery tells them)"
        }
        _ => "so they are missing",
    }
}
