//! Whom the organisation's users are looked up with: directories and issuers. Their connections and
//! keys outlive a reload that does not change them.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::material::{Material, with_causes};
use crate::api::authentication_config::AuthenticationConfiguration;
use crate::authn::ldap::LdapUsers;
use crate::model::Clock;
use crate::source::authentication_config;
use crate::source::ldap::{
    ClientCertificate, Encryption, Pool, PoolOptions, ServerStatus, Service,
};
use crate::source::oidc::{self, Distributed, Options, Started};
use crate::webhook::config::{
    AuthenticatorConfig, DirectoryConfig, DirectorySecurity, JwtConfig, LoginMethodConfig, Problem,
    ServerConfig,
};

/// How long a reload waits for new issuers to become healthy (S-ACONF-14).
const PATIENCE: Duration = Duration::from_secs(30);

/// Directories and issuers.
#[derive(Debug, Clone, Default)]
pub(in crate::webhook) struct Organisation {
    named: Vec<String>,
    directories: Vec<LoadedDirectory>,
    issuers: Vec<LoadedIssuers>,
}

/// A directory that is connected to when somebody asks.
#[derive(Clone)]
pub(in crate::webhook) struct LoadedDirectory {
    config: DirectoryConfig,
    pool: Arc<Pool>,
    pub(super) users: Arc<LdapUsers>,
}

impl std::fmt::Debug for LoadedDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadedDirectory").field("name", &self.config.name).finish_non_exhaustive()
    }
}

/// The issuers of a file.
#[derive(Debug, Clone)]
pub(in crate::webhook) struct LoadedIssuers {
    config: JwtConfig,
    file: AuthenticationConfiguration,
    started: Vec<Started>,
}

impl Organisation {
    /// What is configured, taken over from `serving` where it is the same. Must be called inside of a
    /// Tokio runtime.
    pub(super) fn load(
        config: &ServerConfig,
        material: &Material,
        serving: Option<&Self>,
        problems: &mut Vec<Problem>,
        warnings: &mut Vec<Problem>,
    ) -> Self {
        let mut all = Self::default();
        for directory in &config.directories {
            all.named.push(directory.name.clone());
            match all.directory_of(directory, material, serving) {
                Ok(loaded) => all.directories.push(loaded),
                Err(message) => {
                    problems.push(Problem::new(directory.origin.clone(), "directories", message));
                }
            }
        }
        let of_tokens =
            config.authenticators.iter().filter_map(|authenticator| match authenticator {
                AuthenticatorConfig::Oidc(jwt) => Some(jwt),
                _ => None,
            });
        let methods = config.login.iter().flat_map(|login| &login.methods);
        let of_logins = methods.filter_map(|method| match method {
            LoginMethodConfig::Oidc { jwt, .. } => Some(jwt),
            _ => None,
        });
        for jwt in of_tokens.chain(of_logins) {
            if all.issuers.iter().any(|known| known.config == *jwt) {
                continue;
            }
            match issuers_of(jwt, config, material, serving, warnings) {
                Ok(Some(loaded)) => all.issuers.push(loaded),
                Ok(None) => {}
                Err(message) => {
                    let named = &jwt.configuration_file;
                    problems.push(Problem::new(named.origin.clone(), &named.field, message));
                }
            }
        }
        all
    }

    fn directory_of(
        &self,
        config: &DirectoryConfig,
        material: &Material,
        serving: Option<&Self>,
    ) -> Result<LoadedDirectory, String> {
        // Files that cannot be read have been told.
        let whole = config.files().all(|file| material.file(file).is_some());
        let known = serving.and_then(|all| all.directories.iter().find(|it| it.config == *config));
        if let Some(known) = known.filter(|_| whole) {
            return Ok(known.clone());
        }
        let pool = Pool::new(options(config)).map_err(|error| with_causes(&error))?;
        let pool = Arc::new(pool);
        let clock = Arc::new(|| Clock::system().now().seconds());
        let users = LdapUsers::new(config.ldap.clone(), Arc::<Pool>::clone(&pool), clock);
        let users = Arc::new(users.map_err(|error| with_causes(&error))?);
        Ok(LoadedDirectory { config: config.clone(), pool, users })
    }

    /// Whether the configuration has a directory of that name, be it a broken one.
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.named.iter().any(|known| known == name)
    }

    pub(super) fn loaded(&self, name: &str) -> Option<&LoadedDirectory> {
        self.directories.iter().find(|directory| directory.config.name == name)
    }

    pub(super) fn directory(&self, name: &str) -> Option<Arc<LdapUsers>> {
        self.loaded(name).map(|directory| Arc::clone(&directory.users))
    }

    /// The issuers of a file; `None` when there are none because something was noted.
    pub(super) fn issuers(&self, config: &JwtConfig) -> Option<&[Started]> {
        let loaded = self.issuers.iter().find(|issuers| issuers.config == *config)?;
        Some(&loaded.started)
    }

    /// The issuers of a file and the clients that their tokens are for.
    pub(super) fn client_ids(&self, config: &JwtConfig) -> Vec<(String, String)> {
        let loaded = self.issuers.iter().find(|issuers| issuers.config == *config);
        let entries = loaded.iter().flat_map(|loaded| &loaded.file.jwt);
        let ids = entries.filter_map(|entry| {
            let first = entry.issuer.audiences.first()?;
            Some((entry.issuer.url.clone(), first.clone()))
        });
        ids.collect()
    }

    /// How the servers of each directory do.
    pub(in crate::webhook) fn directories(
        &self,
    ) -> impl Iterator<Item = (&str, Vec<ServerStatus>)> {
        let status = |directory: &LoadedDirectory| directory.pool.status();
        self.directories.iter().map(move |it| (it.config.name.as_str(), status(it)))
    }

    /// All issuers.
    pub(in crate::webhook) fn all_issuers(&self) -> impl Iterator<Item = &Started> {
        self.issuers.iter().flat_map(|issuers| &issuers.started)
    }
}

fn options(config: &DirectoryConfig) -> PoolOptions {
    let mut options = PoolOptions::new(config.servers.iter().cloned());
    match &config.security {
        DirectorySecurity::PlainText => options.encryption = Encryption::PlainText,
        DirectorySecurity::Tls { ca_file, client } => {
            options.ca_file = Some(ca_file.path.clone());
            options.client_certificate = client.as_ref().map(|(certificate, key)| {
                let (certificate_file, key_file) = (certificate.path.clone(), key.path.clone());
                ClientCertificate { certificate_file, key_file }
            });
        }
    }
    if let Some((dn, password)) = &config.service {
        let password_file = password.path.clone();
        options.service = Service::Simple { dn: dn.clone(), password_file };
    }
    options.connect_timeout = config.connect_timeout;
    options.operation_timeout = config.operation_timeout;
    options.budget = config.ldap.budget;
    options.connections = config.connections;
    options
}

/// `None` when the file could not be read, which was told.
fn issuers_of(
    config: &JwtConfig,
    server: &ServerConfig,
    material: &Material,
    serving: Option<&Organisation>,
    warnings: &mut Vec<Problem>,
) -> Result<Option<LoadedIssuers>, String> {
    let named = &config.configuration_file;
    let Some(bytes) = material.file(named) else { return Ok(None) };
    let name = Path::new(&named.path).display().to_string();
    let mut disallowed: Vec<String> = server
        .authenticators
        .iter()
        .flat_map(|authenticator| match authenticator {
            AuthenticatorConfig::ServiceAccounts(accounts) => accounts.issuers.as_slice(),
            // A token that was taken back must not be good by other rules.
            AuthenticatorConfig::IssuedTokens(issued) => std::slice::from_ref(&issued.issuer),
            _ => &[],
        })
        .cloned()
        .collect();
    let handed_out = server.login.as_ref().and_then(|login| login.token.as_ref());
    disallowed.extend(handed_out.map(|token| token.issuer.clone()));
    let file = authentication_config::parse_with(&name, bytes, &disallowed)
        .map_err(|error| error.to_string())?;
    if file.anonymous.is_some() {
        let message = "`anonymous` is for the API server itself; nothing is anonymous here";
        warnings.push(Problem::new(named.origin.clone(), &named.field, message));
    }
    let known = serving.and_then(|all| {
        let is_same = |it: &&LoadedIssuers| it.config == *config && it.file == file;
        all.issuers.iter().find(is_same)
    });
    if let Some(known) = known {
        return Ok(Some(known.clone()));
    }
    let distributed = match config.distributed_claims.as_slice() {
        [] => Distributed::Off,
        hosts if hosts.iter().any(|host| host == "*") => Distributed::AnyHost,
        hosts => Distributed::Hosts(hosts.to_vec()),
    };
    let options = Options::default().with_distributed(distributed);
    let started = oidc::start(&file, &options).map_err(|error| with_causes(&error))?;
    if serving.is_some() {
        wait(&started)?;
    }
    Ok(Some(LoadedIssuers { config: config.clone(), file, started }))
}

/// What serves is not replaced by what knows no keys. Blocks.
fn wait(started: &[Started]) -> Result<(), String> {
    let begun = Instant::now();
    while let Some(late) = started.iter().find(|issuer| !issuer.is_ready()) {
        if begun.elapsed() >= PATIENCE {
            return Err(format!("issuer `{}` did not become healthy in time", late.issuer()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
