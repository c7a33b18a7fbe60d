//! The API server that is followed: how it is reached, what of it is kept, and what counts without it.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::NamedPath;
use super::facts::{self, FactsConfig};
use crate::model::Origin;
use crate::source::config_file::{Field, Object};
use crate::source::watch::{ClusterOptions, CredentialsFrom};

/// An API server whose objects are followed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterConfig {
    /// The line that begins it.
    pub origin: Origin,
    /// Whose credentials are used.
    pub credentials: ClusterCredentials,
    /// Where its objects are kept, so that a server can start without it. `None`: nowhere.
    pub saved_state: Option<SavedStateConfig>,
    /// What counts when it cannot be heard any more.
    pub when_lost: WhenLostConfig,
    /// Where replicas tell each other what they learn. `None`: nowhere.
    pub facts: Option<FactsConfig>,
}

/// Whose credentials are used for the API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterCredentials {
    /// The service account of the pod.
    InCluster,
    /// A kubeconfig file.
    Kubeconfig {
        /// The file. It is read at the start; the tokens that it names are read again as they rotate.
        file: NamedPath,
        /// Another context than its current one.
        context: Option<String>,
    },
}

/// A file of what the API server last said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedStateConfig {
    /// The file.
    pub file: NamedPath,
    /// How old it may be when it is read. Default: a day.
    pub max_age: Duration,
    /// How often it is written at most, when something has changed. Default: 30 s.
    pub every: Duration,
}

/// What counts when the API server cannot be heard any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WhenLostConfig {
    /// For how long the last state counts whatever is configured. Default: 15 minutes.
    pub after: Duration,
    /// What happens then.
    pub then: WhenLost,
}

impl Default for WhenLostConfig {
    fn default() -> Self {
        Self { after: Duration::from_secs(900), then: WhenLost::default() }
    }
}

/// What happens when the API server was not heard for too long, or what it says could not be built in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WhenLost {
    /// The last state goes on counting.
    #[default]
    Keep,
    /// Reviews are answered with no opinion, and tokens that the cluster vouches for are not known.
    NoOpinion,
    /// The last state goes on counting, but `/readyz` fails.
    NotReady,
}

impl ClusterConfig {
    /// How the API server is reached.
    #[must_use]
    pub fn options(&self) -> ClusterOptions {
        ClusterOptions::new(match &self.credentials {
            ClusterCredentials::InCluster => CredentialsFrom::InCluster,
            ClusterCredentials::Kubeconfig { file, context } => CredentialsFrom::Kubeconfig {
                file: Some(file.path.clone()),
                context: context.clone(),
            },
        })
    }
}

pub(super) fn cluster(field: Field<'_>, base: &Path) -> Option<ClusterConfig> {
    let object = field.object()?;
    let credentials = credentials(&object, base);
    let saved_state = object.get("savedState").map(|field| saved_state(field, base));
    let when_lost =
        object.get("whenLost").map_or_else(|| Some(WhenLostConfig::default()), when_lost);
    let facts = object.get("facts").map(facts::facts);
    let origin = object.origin();
    object.finish();
    Some(ClusterConfig {
        origin,
        credentials: credentials?,
        // What is configured and not understood must not be left out.
        saved_state: saved_state.map_or(Some(None), |read| read.map(Some))?,
        when_lost: when_lost?,
        facts: facts.map_or(Some(None), |read| read.map(Some))?,
    })
}

fn credentials(object: &Object<'_>, base: &Path) -> Option<ClusterCredentials> {
    let (kubeconfig, context) = (object.get("kubeconfig"), object.get("context"));
    let in_cluster = object.get("inCluster");
    let is_in_cluster = match &in_cluster {
        Some(field) => field.boolean()?,
        None => false,
    };
    match (kubeconfig, is_in_cluster) {
        (Some(_), true) => {
            object.note("has both `kubeconfig` and `inCluster`; remove one");
            None
        }
        (None, false) => {
            object.note(
                "names no credentials; use `kubeconfig` with a file, or `inCluster: true` in a pod",
            );
            None
        }
        (None, true) => {
            if let Some(context) = context {
                context.note("is for a `kubeconfig`; a pod has one API server, so remove it");
                return None;
            }
            Some(ClusterCredentials::InCluster)
        }
        (Some(file), false) => {
            let context = match &context {
                Some(field) => Some(field.text()?.to_owned()),
                None => None,
            };
            Some(ClusterCredentials::Kubeconfig { file: file.path(base)?, context })
        }
    }
}

fn saved_state(field: Field<'_>, base: &Path) -> Option<SavedStateConfig> {
    const AGE: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(31_536_000);
    const EVERY: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(86_400);
    let object = field.object()?;
    let file = object.required("file").and_then(|field| field.path(base));
    let max_age = object.get("maxAge").map_or(Some(DAY), |field| {
        let bounds = "from `1m` to `8760h`: so old a state may be that is served at the start";
        field.within(field.duration()?, &AGE, bounds)
    });
    let every = object.get("every").map_or(Some(HALF_A_MINUTE), |field| {
        field.within(field.duration()?, &EVERY, "from `1s` to `24h`: so much is lost in a crash")
    });
    object.finish();
    Some(SavedStateConfig { file: file?, max_age: max_age?, every: every? })
}

const DAY: Duration = Duration::from_secs(86_400);
const HALF_A_MINUTE: Duration = Duration::from_secs(30);

fn when_lost(field: Field<'_>) -> Option<WhenLostConfig> {
    const AFTER: RangeInclusive<Duration> =
        Duration::from_secs(1)..=Duration::from_secs(31_536_000);
    let object = field.object()?;
    let default = WhenLostConfig::default();
    let after = object.get("after").map_or(Some(default.after), |field| {
        let bounds = "from `1s` to `8760h`: less and a restart of the API server is a loss";
        field.within(field.duration()?, &AFTER, bounds)
    });
    let then = object.get("then").map_or(Some(default.then), |field| {
        field.one_of(&[
            ("Keep", WhenLost::Keep),
            ("NoOpinion", WhenLost::NoOpinion),
            ("NotReady", WhenLost::NotReady),
        ])
    });
    object.finish();
    Some(WhenLostConfig { after: after?, then: then? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::config::{ConfigError, ServerConfig};

    const HEAD: &str = "apiVersion: portcullis.dev/v1alpha1\nkind: ServerConfiguration\n\
        listen: {address: '127.0.0.1:0', tls: {certificateFile: tls.crt, keyFile: tls.key}}\n\
        authorizers: [{type: RBAC}]\n";

    fn parse(more: &str) -> Result<ServerConfig, ConfigError> {
        ServerConfig::parse("/etc/p/server.yaml", format!("{HEAD}{more}").as_bytes())
    }

    fn problems(more: &str) -> Vec<String> {
        parse(more).unwrap_err().problems().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn everything_that_can_be_said_is_read() {
        let config = parse(
            "cluster:\n  kubeconfig: kube.yaml\n  context: admin\n  savedState: {file: s/c.state, \
             maxAge: 2h, every: 5s}\n  whenLost: {after: 1m, then: NoOpinion}\n\
             policy: {fromCluster: true, grantTimes: {enabled: true}}\n",
        )
        .unwrap();
        let cluster = config.cluster.unwrap();
        let ClusterCredentials::Kubeconfig { file, context } = &cluster.credentials else {
            panic!("{cluster:?}")
        };
        assert_eq!(file.path, Path::new("/etc/p/kube.yaml"));
        assert_eq!(context.as_deref(), Some("admin"));
        let saved = cluster.saved_state.unwrap();
        assert_eq!(saved.file.path, Path::new("/etc/p/s/c.state"));
        assert_eq!((saved.max_age.as_secs(), saved.every.as_secs()), (7200, 5));
        let expected = WhenLostConfig { after: Duration::from_secs(60), then: WhenLost::NoOpinion };
        assert_eq!(cluster.when_lost, expected);
        assert!(config.policy.from_cluster);
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        let config = parse(
            "cluster: {inCluster: true, savedState: {file: f}}\npolicy: {fromCluster: true}\n",
        );
        let cluster = config.unwrap().cluster.unwrap();
        assert_eq!(cluster.credentials, ClusterCredentials::InCluster);
        let saved = cluster.saved_state.unwrap();
        assert_eq!((saved.max_age.as_secs(), saved.every.as_secs()), (86_400, 30));
        assert_eq!(cluster.when_lost.then, WhenLost::Keep);
        assert_eq!(cluster.when_lost.after.as_secs(), 900);
    }

    #[test]
    fn mistakes_are_told_with_line_and_field() {
        let from = "policy: {fromCluster: true}\n";
        for (more, expected) in [
            (
                "policy: {fromCluster: true}\n".to_owned(),
                "/etc/p/server.yaml:5: `policy.fromCluster`: takes the objects from `cluster`, which is \
                 missing; say there how the API server is reached",
            ),
            (
                "cluster: {inCluster: true}\npolicy: {fromCluster: true, paths: [p]}\n".to_owned(),
                "/etc/p/server.yaml:6: `policy.paths`: stands beside `fromCluster`, and a policy has one \
                 source; remove one",
            ),
            (
                "cluster: {inCluster: true}\npolicy: {fromCluster: true, hierarchy: labels}\n"
                    .to_owned(),
                "/etc/p/server.yaml:6: `policy.hierarchy`: is for objects of files; remove it, or \
                 `fromCluster`",
            ),
            (
                "cluster: {inCluster: true}\npolicy: {fromCluster: true, defaultRoles: true}\n"
                    .to_owned(),
                "/etc/p/server.yaml:6: `policy.defaultRoles`: is for objects of files; remove it, or \
                 `fromCluster`",
            ),
            (
                format!("cluster: {{}}\n{from}"),
                "/etc/p/server.yaml:5: `cluster`: names no credentials; use `kubeconfig` with a file, or \
                 `inCluster: true` in a pod",
            ),
            (
                format!("cluster: {{inCluster: true, kubeconfig: k}}\n{from}"),
                "/etc/p/server.yaml:5: `cluster`: has both `kubeconfig` and `inCluster`; remove one",
            ),
            (
                format!("cluster: {{inCluster: true, context: a}}\n{from}"),
                "/etc/p/server.yaml:5: `cluster.context`: is for a `kubeconfig`; a pod has one API \
                 server, so remove it",
            ),
            (
                format!("cluster: {{inCluster: true, whenLost: {{then: Fail}}}}\n{from}"),
                "/etc/p/server.yaml:5: `cluster.whenLost.then`: there is no `Fail`; use `Keep`, \
                 `NoOpinion` or `NotReady`",
            ),
            (
                format!(
                    "cluster: {{inCluster: true}}\n{from}shadow: {{policy: {{fromCluster: true}}, \
                     authorizers: [{{type: RBAC}}]}}\n"
                ),
                "/etc/p/server.yaml:7: `shadow.policy.fromCluster`: a candidate is read from files: save \
                 the cluster's objects to `paths` and change them there",
            ),
        ] {
            assert_eq!(problems(&more), [expected], "{more}");
        }
    }

    #[test]
    fn token_objects_come_from_the_cluster_where_the_policy_does() {
        let config = parse(
            "cluster: {inCluster: true}\npolicy: {fromCluster: true}\n\
             authenticators: [{bootstrapTokens: {}}]\n",
        );
        assert!(config.is_ok(), "{config:?}");
        let told = problems("policy: {}\nauthenticators: [{bootstrapTokens: {}}]\n");
        assert!(told.iter().any(|it| it.contains("`bootstrapTokens` reads Secrets")), "{told:?}");
    }

    #[test]
    fn another_cluster_needs_a_restart() {
        let with = |cluster: &str| {
            parse(&format!("cluster: {{{cluster}}}\npolicy: {{fromCluster: true}}\n")).unwrap()
        };
        let (one, other) = (with("inCluster: true"), with("kubeconfig: k"));
        assert_eq!(one.needs_restart(&other), ["cluster"]);
        assert!(one.needs_restart(&one).is_empty());
    }
}
