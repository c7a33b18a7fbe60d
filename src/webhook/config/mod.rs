//! The server's configuration file: what is to be served, from which files, behind which listener?
//!
//! One YAML or JSON file. Every mistake is told at once, with its line and the path of its field.
//! Relative paths are relative to the folder of the file. YAML is read as Kubernetes reads it
//! (S-ACFG-2), unknown fields and fields that stand twice are refused.
//!
//! Absent on purpose: environment variables and flags that change what the file says, secrets
//! (files hold them), and reading anything that the file names (see [`load`](super::load)).
//!
//! ```
//! use portcullis::webhook::config::ServerConfig;
//!
//! let text = "
//! apiVersion: portcullis.dev/v1alpha1
//! kind: ServerConfiguration
//! listen: {address: 127.0.0.1:9443, tls: {certificateFile: tls.crt, keyFile: tls.key}}
//! policy: {paths: [policy/]}
//! authorizers: [{type: RBAC}]
//! authenticator: []
//! ";
//! let error = ServerConfig::parse("/etc/portcullis/server.yaml", text.as_bytes()).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "/etc/portcullis/server.yaml:7: `authenticator`: there is no such field; \
//!      did you mean `authenticators`?",
//! );
//! ```

mod asked_webhook;
mod chain;
mod cluster;
mod directories;
mod facts;
mod jwt;
mod limits;
mod live_groups;
mod login;
mod needs;
mod policy;
mod revocation;
mod serve;
mod shutdown;
mod signers;
mod tokens;
mod traces;

#[cfg(test)]
mod login_tests;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use asked_webhook::WebhookConfig;
pub use chain::{AuthorizerConfig, RegoConfig};
pub use cluster::{ClusterConfig, ClusterCredentials, SavedStateConfig, WhenLost, WhenLostConfig};
pub use directories::{DirectoryConfig, DirectorySecurity};
pub use facts::FactsConfig;
pub use jwt::{IntrospectionConfig, JwtConfig};
pub use limits::LimitsConfig;
pub use live_groups::{LiveGroupsConfig, LiveGroupsFrom};
pub use login::{
    GuessConfig, KerberosConfig, LoginCertificateConfig, LoginConfig, LoginMethodConfig,
    LoginTokenConfig, NamedDirectory, PasswordFileConfig, PasswordFileFormat,
};
pub use needs::needs;
pub use policy::{HierarchyConfig, PolicyConfig, ShadowConfig};
pub use revocation::RevocationConfig;
pub use serve::{
    DecisionLogConfig, ListenConfig, LogConfig, LogLevel, LogTarget, OperationsConfig,
    ReloadConfig, TlsConfig,
};
pub use shutdown::ShutdownConfig;
pub use signers::{Approve, SignerAuthorityConfig, SignerConfig, SignerLedgerConfig};
pub use tokens::{
    AuthenticatorConfig, BoundObjects, IssuedTokensConfig, JwksConfig, ServiceAccountsConfig,
    TokenCacheConfig, TokenFileConfig, TokenFileFormat,
};

pub use traces::OpenTelemetryConfig;

pub use crate::api::decision_line::Mask;
use crate::source::config_file::{self, Header, Object};
pub use crate::source::config_file::{ConfigError, NamedPath, Problem};
pub use crate::webhook::telemetry::LogFormat;

/// The `apiVersion` of the file.
pub const API_VERSION: &str = "portcullis.dev/v1alpha1";
/// The `kind` of the file.
pub const KIND: &str = "ServerConfiguration";

/// What a server serves.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Where reviews are answered.
    pub listen: ListenConfig,
    /// Where people and probes look: `/metrics`, `/livez`, `/readyz`, `/shadow`.
    pub operations: OperationsConfig,
    /// The API server whose objects are followed.
    pub cluster: Option<ClusterConfig>,
    /// The Kubernetes objects that decide.
    pub policy: PolicyConfig,
    /// The chain, in the order in which it is asked; never empty.
    pub authorizers: Vec<AuthorizerConfig>,
    /// The client certificates that do not count any more; nobody asks without it. A reload keeps the
    /// list of an unchanged file, and reads another whole.
    pub revocation: Option<RevocationConfig>,
    /// The audiences of the API server (S-AUTHN-12): those of tokens that are presented without any,
    /// and the only ones for which tokens that know no audiences are good.
    pub api_audiences: Vec<String>,
    /// The token authenticators, in order.
    pub authenticators: Vec<AuthenticatorConfig>,
    /// How long answers about tokens are kept.
    pub token_cache: TokenCacheConfig,
    /// Directories of people.
    pub directories: Vec<DirectoryConfig>,
    /// Groups that are looked up when a request is decided, instead of those of the credential.
    pub live_groups: Option<LiveGroupsConfig>,
    /// Where people log in.
    pub login: Option<LoginConfig>,
    /// Whose CertificateSigningRequests are signed here.
    pub signers: Vec<SignerConfig>,
    /// A candidate policy to be asked beside the one that serves.
    pub shadow: Option<ShadowConfig>,
    /// What clients may take.
    pub limits: LimitsConfig,
    /// How changes of files are noticed.
    pub reload: ReloadConfig,
    /// How it stops.
    pub shutdown: ShutdownConfig,
    /// What is logged.
    pub log: LogConfig,
}

impl ServerConfig {
    /// Reads the configuration in `bytes`. `path` is the file they come from: errors name it, and
    /// its folder is where relative paths begin.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(path: impl AsRef<Path>, bytes: &[u8]) -> Result<Self, ConfigError> {
        let header = Header { api_version: API_VERSION, kind: KIND };
        config_file::read(path.as_ref(), bytes, header, body)
    }

    /// The audiences of the API server: those that are configured, or the issuers of service account
    /// tokens (S-AUTHN-12). Without either there are none, and loading warns when tokens of files or
    /// bootstrap tokens would need them.
    #[must_use]
    pub fn audiences(&self) -> Vec<String> {
        if !self.api_audiences.is_empty() {
            return self.api_audiences.clone();
        }
        let issuers = self.authenticators.iter().find_map(|authenticator| match authenticator {
            AuthenticatorConfig::ServiceAccounts(config) => Some(config.issuers.clone()),
            _ => None,
        });
        issuers.unwrap_or_default()
    }

    /// Whether people log in at the same listener; everything behind it is loaded anew.
    fn has_same_door(&self, other: &Self) -> bool {
        let listener = |config: &Self| {
            let login = config.login.as_ref()?;
            let client_cas =
                (login.client_ca_files().next().is_some(), login.certificate.is_some());
            Some((
                login.address,
                login.certificate_file.clone(),
                login.key_file.clone(),
                client_cas,
            ))
        };
        listener(self) == listener(other)
    }

    /// Which parts differ from `other` that only a restart changes, by the names of their fields.
    #[must_use]
    pub fn needs_restart(&self, other: &Self) -> Vec<&'static str> {
        let from_cluster =
            |config: &Self| config.revocation.as_ref().is_some_and(|it| it.from_cluster);
        let parts = [
            ("listen", self.listen != other.listen),
            ("cluster", self.cluster != other.cluster),
            ("operations", self.operations != other.operations),
            ("login", !self.has_same_door(other)),
            ("limits", self.limits != other.limits),
            ("reload", self.reload != other.reload),
            ("shutdown", self.shutdown != other.shutdown),
            ("log", self.log != other.log),
            ("tokenCache", self.token_cache != other.token_cache),
            ("signers", self.signers != other.signers),
            ("revocation", from_cluster(self) != from_cluster(other)),
        ];
        parts.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect()
    }
}

fn body(root: &Object<'_>, base: &Path) -> Option<ServerConfig> {
    let listen = root.required("listen").and_then(|field| serve::listen(field, base));
    let operations =
        root.get("operations").map_or_else(|| Some(OperationsConfig::default()), serve::operations);
    if let (Some(listen), Some(operations)) = (&listen, &operations)
        && listen.address == operations.address
        && listen.address.port() != 0
    {
        root.note(format!(
            "`listen` and `operations` have the same address `{}`; give one another port",
            listen.address
        ));
    }
    let policy = root
        .get("policy")
        .map_or_else(|| Some(PolicyConfig::default()), |field| policy::policy(field, base));
    let authorizers = root.required("authorizers").and_then(|field| chain::chain(&field, base));
    if let (Some(policy), Some(authorizers)) = (&policy, &authorizers) {
        policy::agree(root, policy, authorizers);
    }
    let cluster = root.get("cluster");
    if let Some(policy) = &policy {
        policy::agree_with_cluster(root, policy, cluster.is_some());
    }
    let cluster = cluster.map(|field| cluster::cluster(field, base));
    // About a cluster that cannot be read enough is said.
    let has_facts =
        cluster.as_ref().is_some_and(|it| it.as_ref().is_none_or(|it| it.facts.is_some()));
    let shadow = root.get("shadow").map(|field| policy::shadow(field, base));
    let revocation =
        root.get("revocation").map(|field| revocation::revocation(field, base, has_facts));
    let signers = root
        .get("signers")
        .map(|field| signers::signers(&field, base, cluster.is_some(), has_facts));
    let api_audiences = root.get("apiAudiences").map(|field| field.filled_texts());
    // About a policy that cannot be read enough is said.
    let has_objects = policy.as_ref().is_none_or(PolicyConfig::has_objects);
    let authenticators = root
        .get("authenticators")
        .map(|field| tokens::authenticators(&field, base, has_objects))
        .unwrap_or_default();
    let directories = root
        .get("directories")
        .map_or_else(|| Some(Vec::new()), |field| directories::directories(&field, base));
    let live_groups = root.get("liveGroups").map(|field| live_groups::live_groups(field, base));
    let login = root.get("login").map(|field| login::login(field, base));
    let token_cache = root.get("tokenCache").and_then(tokens::cache);
    let limits = root.get("limits").and_then(limits::limits);
    let reload = root.get("reload").and_then(serve::reload);
    let shutdown = root.get("shutdown").and_then(shutdown::shutdown);
    let log = root.get("log").and_then(|field| serve::log(field, base));
    Some(ServerConfig {
        listen: listen?,
        operations: operations?,
        cluster: cluster.map_or(Some(None), |read| read.map(Some))?,
        policy: policy?,
        authorizers: authorizers?,
        // One that is configured and not understood must not be left out.
        revocation: revocation.map_or(Some(None), |read| read.map(Some))?,
        api_audiences: api_audiences.unwrap_or_default(),
        authenticators,
        token_cache: token_cache.unwrap_or_default(),
        directories: directories?,
        live_groups: live_groups.map_or(Some(None), |read| read.map(Some))?,
        login: login.map_or(Some(None), |read| read.map(Some))?,
        signers: signers.unwrap_or_else(|| Some(Vec::new()))?,
        shadow: shadow.flatten(),
        limits: limits.unwrap_or_default(),
        reload: reload.unwrap_or_default(),
        shutdown: shutdown.unwrap_or_default(),
        log: log.unwrap_or_default(),
    })
}
