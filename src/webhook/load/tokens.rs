//! From token files, keys and objects to the chain of authenticators.

use std::collections::HashSet;
use std::sync::Arc;

use super::fetched::FetchedKeys;
use super::introspection;
use super::material::Material;
use super::organisation::Organisation;
use crate::api::core::{Kind, SharedTokenObjects};
use crate::authn::bootstrap_token::BootstrapTokens;
use crate::authn::chain::{Member, TokenChain, Trust};
use crate::authn::issued::IssuedTokens;
use crate::authn::service_account::{self, LegacyServiceAccounts, ServiceAccounts};
use crate::authn::token_file::TokenFile;
use crate::authn::{Keys, ReservedNames, Secret, TokenAuthenticator};
use crate::crypto::{KeySet, VerifyingKey, pem};
use crate::model::{Origin, SharedRevocations};
use crate::webhook::cluster::{Hushed, Silence};
use crate::webhook::config::{
    AuthenticatorConfig, BoundObjects, IntrospectionConfig, IssuedTokensConfig, JwtConfig,
    NamedPath, Problem, ServerConfig, ServiceAccountsConfig, TokenFileConfig, TokenFileFormat,
};

/// What problems of service account tokens as a whole are told of.
const FIELD: &str = "serviceAccounts";

/// An authenticator that was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadedAuthenticator {
    /// Its name, as in logs and metrics.
    pub name: String,
    /// What it consists of, for people: `12 tokens`.
    pub detail: String,
}

/// What proves identities.
#[derive(Debug)]
pub(super) struct LoadedTokens {
    pub(super) chain: TokenChain,
    pub(super) authenticators: Vec<LoadedAuthenticator>,
    pub(super) fetched: Vec<FetchedKeys>,
}

/// What authenticators need besides files.
pub(super) struct Known<'a> {
    /// The fetched keys of what serves, if something does.
    pub(super) fetched: Option<&'a [FetchedKeys]>,
    pub(super) organisation: &'a Organisation,
    pub(super) revoked: Option<&'a SharedRevocations>,
    /// Knows the tokens that are handed out at the login listener.
    pub(super) handed_out: Option<IssuedTokens>,
    /// Where the objects are those of a cluster: whether that is lost.
    pub(super) silence: Option<&'a Silence>,
}

/// Authenticators that are broken are problems, and none of them is left out quietly.
pub(super) fn load(
    config: &ServerConfig,
    material: &Material,
    objects: &SharedTokenObjects,
    known: Known<'_>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> LoadedTokens {
    let Known { fetched: serving, organisation, revoked, handed_out, silence } = known;
    let audiences = config.audiences();
    let mut loader = Loader {
        chain: TokenChain::new(audiences.clone()),
        authenticators: Vec::new(),
        fetched: Vec::new(),
        audiences,
        issuers: HashSet::new(),
        material,
        objects,
        serving,
        organisation,
        revoked,
        from_cluster: config.policy.from_cluster,
        silence,
        problems,
        warnings,
    };
    // What is handed out here is known here, without another word.
    if let (Some(tokens), Some(token)) =
        (handed_out, config.login.as_ref().and_then(|login| login.token.as_ref()))
    {
        let detail = format!("handed out at /login, issuer: {}", token.issuer);
        loader.add(Member::new(Arc::new(tokens), Trust::Foreign), detail);
    }
    for authenticator in &config.authenticators {
        match authenticator {
            AuthenticatorConfig::BootstrapTokens => loader.bootstrap_tokens(),
            AuthenticatorConfig::Introspection(config) => loader.introspection(config),
            AuthenticatorConfig::IssuedTokens(config) => loader.issued_tokens(config),
            AuthenticatorConfig::Oidc(config) => loader.oidc(config),
            AuthenticatorConfig::ServiceAccounts(config) => loader.service_accounts(config),
            AuthenticatorConfig::TokenFile(config) => loader.token_file(config),
        }
    }
    loader.need_audiences(config);
    loader.shown_elsewhere(config);
    let Loader { chain, authenticators, fetched, .. } = loader;
    LoadedTokens { chain, authenticators, fetched }
}

struct Loader<'a> {
    chain: TokenChain,
    authenticators: Vec<LoadedAuthenticator>,
    fetched: Vec<FetchedKeys>,
    audiences: Vec<String>,
    /// Those of `oidc` so far.
    issuers: HashSet<String>,
    material: &'a Material,
    objects: &'a SharedTokenObjects,
    serving: Option<&'a [FetchedKeys]>,
    organisation: &'a Organisation,
    revoked: Option<&'a SharedRevocations>,
    from_cluster: bool,
    silence: Option<&'a Silence>,
    problems: &'a mut Vec<Problem>,
    warnings: &'a mut Vec<Problem>,
}

impl Loader<'_> {
    fn problem(&mut self, named: &NamedPath, message: impl Into<String>) {
        self.problems.push(Problem::new(named.origin.clone(), &named.field, message));
    }

    fn warn(&mut self, named: &NamedPath, message: impl Into<String>) {
        self.warnings.push(Problem::new(named.origin.clone(), &named.field, message));
    }

    fn add(&mut self, member: Member, detail: String) {
        self.chain = std::mem::take(&mut self.chain).with(member);
        let name = self.chain.names().last().unwrap_or_default().to_owned();
        self.authenticators.push(LoadedAuthenticator { name, detail });
    }

    /// Adds an authenticator of Kubernetes' own that looks tokens up in the objects.
    fn add_looking_up(
        &mut self,
        authenticator: Arc<dyn TokenAuthenticator>,
        member: impl FnOnce(Arc<dyn TokenAuthenticator>) -> Member,
        detail: String,
    ) {
        let authenticator = match self.silence {
            Some(silence) => Arc::new(Hushed { authenticator, silence: silence.clone() }),
            None => authenticator,
        };
        self.add(member(authenticator), detail);
    }

    /// Tokens that say nothing of audiences are good for those of the API server; without knowing
    /// these nothing can be said to an API server, for it always asks for its own (S-TR-2,
    /// S-AUTHN-12). They are not guessed: for a wrong guess the answer would be yes.
    fn need_audiences(&mut self, config: &ServerConfig) {
        let is_agnostic = |authenticator: &&AuthenticatorConfig| match authenticator {
            AuthenticatorConfig::BootstrapTokens | AuthenticatorConfig::TokenFile(_) => true,
            AuthenticatorConfig::Oidc(_) => true,
            AuthenticatorConfig::Introspection(_) => true,
            AuthenticatorConfig::IssuedTokens(_) | AuthenticatorConfig::ServiceAccounts(_) => false,
        };
        if !self.audiences.is_empty() || !config.authenticators.iter().any(|it| is_agnostic(&it)) {
            return;
        }
        let message = "is missing, and no issuers of `serviceAccounts` stand in for it: an API server \
                       asks whether a token is good for its own audiences, and no token of \
                       `tokenFile`, `bootstrapTokens`, `oidc` or `introspection` is good for audiences that are not known; \
                       set it to `--api-audiences` of the API server, or to its \
                       `--service-account-issuer` when that is not set";
        let origin = Origin { line: 0, ..config.listen.tls.certificate_file.origin.clone() };
        self.warnings.push(Problem::new(origin, "apiAudiences", message));
    }

    /// Who is asked about a token has seen it.
    fn shown_elsewhere(&mut self, config: &ServerConfig) {
        let mut asked: Option<&IntrospectionConfig> = None;
        for authenticator in &config.authenticators {
            let kind = match authenticator {
                AuthenticatorConfig::Introspection(config) => {
                    asked = asked.or(Some(config));
                    continue;
                }
                AuthenticatorConfig::BootstrapTokens => "bootstrapTokens",
                AuthenticatorConfig::TokenFile(_) => "tokenFile",
                _ => continue,
            };
            let Some(asked) = asked else { continue };
            let message = format!(
                "stands before `{kind}`, so that {} is shown the tokens of that, too; put it after",
                asked.url
            );
            self.warnings.push(Problem::new(asked.origin.clone(), "introspection", message));
        }
    }

    /// A file that can be read and is no text is a problem; one that cannot was told about.
    fn text(&mut self, named: &NamedPath) -> Option<Secret> {
        let bytes = self.material.file(named)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Some(Secret::new(text.to_owned())),
            Err(_) => {
                let path = named.path.display();
                self.problem(named, format!("`{path}`: not UTF-8 text; save the file as UTF-8"));
                None
            }
        }
    }

    fn token_file(&mut self, config: &TokenFileConfig) {
        let TokenFileConfig { file, format } = config;
        let Some(text) = self.text(file) else { return };
        let name = file.path.display().to_string();
        let names = ReservedNames::Refuse;
        let read = match format {
            TokenFileFormat::Csv => TokenFile::from_csv(&name, text, names),
            TokenFileFormat::Hashed => TokenFile::from_hashed(&name, text.expose_secret(), names)
                .map(|tokens| (tokens, Vec::new())),
        };
        match read {
            Ok((tokens, notices)) => {
                for notice in notices {
                    self.warn(file, notice.to_string());
                }
                // Emptied on purpose by who takes every token back, so it is no error.
                if tokens.is_empty() {
                    self.warn(file, format!("`{name}`: not a single token in it"));
                }
                let detail = format!("tokens: {}", tokens.len());
                let member = Member::new(Arc::new(tokens), Trust::Foreign).audience_agnostic();
                self.add(member, detail);
            }
            Err(error) => self.problem(file, error.to_string()),
        }
    }

    fn bootstrap_tokens(&mut self) {
        let tokens = Arc::new(BootstrapTokens::new(self.objects.clone()));
        let member = |tokens| Member::new(tokens, Trust::Kubernetes).audience_agnostic();
        let of = if self.from_cluster { "cluster" } else { "policy" };
        self.add_looking_up(tokens, member, format!("Secrets of the {of}"));
    }

    fn service_accounts(&mut self, config: &ServiceAccountsConfig) {
        let ServiceAccountsConfig { issuers, key_files, bound_objects, legacy_tokens, .. } = config;
        let Some(keys) = self.keys(key_files) else { return };
        let looks_up = *legacy_tokens || *bound_objects == BoundObjects::Check;
        if looks_up && !self.from_cluster && !self.objects.load().holds(Kind::ServiceAccount) {
            let message = "`serviceAccounts` looks tokens up in the policy's objects, which hold no \
                           ServiceAccount, so every token would be refused; add the objects to \
                           `policy.paths`, or set `boundObjects: Skip` and `legacyTokens: false`";
            // What could not be read holds nothing, and was told about.
            if self.problems.is_empty() {
                self.problems.push(Problem::new(config.origin.clone(), FIELD, message));
            }
            return;
        }
        let mut detail = format!("keys: {}", keys.keys().len());
        let keys: Arc<dyn Keys> = match &config.jwks {
            None => Arc::new(Arc::new(keys)),
            Some(jwks) => match FetchedKeys::start(jwks, self.material, self.serving) {
                Ok(fetched) => {
                    detail.push_str(&format!(" and those of {}", fetched.url()));
                    let keys = fetched.with_files(keys);
                    self.fetched.push(fetched);
                    keys
                }
                Err(problem) => return self.problems.push(problem),
            },
        };
        detail.push_str(&format!(", issuers: {}", issuers.join(", ")));
        if *legacy_tokens {
            let legacy = LegacyServiceAccounts::new(Arc::clone(&keys), self.objects.clone())
                .with_audiences(self.audiences.clone());
            let member = |legacy| Member::new(legacy, Trust::Kubernetes);
            self.add_looking_up(Arc::new(legacy), member, detail.clone());
        }
        let bound_objects = match bound_objects {
            BoundObjects::Check => service_account::BoundObjects::Check,
            BoundObjects::Skip => service_account::BoundObjects::Skip,
        };
        let bound = ServiceAccounts::new(issuers.clone(), keys, self.objects.clone())
            .with_audiences(self.audiences.clone())
            .with_bound_objects(bound_objects);
        let member = |bound| Member::new(bound, Trust::Kubernetes);
        self.add_looking_up(Arc::new(bound), member, detail);
    }

    fn issued_tokens(&mut self, config: &IssuedTokensConfig) {
        let IssuedTokensConfig { issuer, audiences, key_files } = config;
        let Some(keys) = self.keys(key_files) else { return };
        let detail = format!("keys: {}, issuer: {issuer}", keys.keys().len());
        let keys: Arc<dyn Keys> = Arc::new(Arc::new(keys));
        let mut tokens = IssuedTokens::new(issuer.as_str(), audiences.iter().cloned(), keys);
        if let Some(list) = self.revoked {
            tokens = tokens.with_revocations(list.clone());
        }
        self.add(Member::new(Arc::new(tokens), Trust::Foreign), detail);
    }

    fn oidc(&mut self, config: &JwtConfig) {
        let Some(issuers) = self.organisation.issuers(config) else { return };
        for started in issuers {
            // What one set of rules refuses another could let in (S-ACONF-3 within a file).
            if !self.issuers.insert(started.issuer().to_owned()) {
                let message = format!(
                    "issuer `{}` stands in another `oidc` entry already; an issuer has one set of \
                     rules",
                    started.issuer()
                );
                self.problem(&config.configuration_file, message);
                continue;
            }
            let detail = format!("issuer: {}", started.issuer());
            let member = Member::new(started.authenticator(), Trust::Foreign).audience_agnostic();
            self.add(member, detail);
        }
    }

    fn introspection(&mut self, config: &IntrospectionConfig) {
        match introspection::authenticator(config, &self.audiences, self.material) {
            Ok(found) => {
                // Held against the audiences of its entry, as a JWT of an issuer is.
                let member = Member::new(Arc::new(found), Trust::Foreign).audience_agnostic();
                self.add(member, format!("asks {}", config.url));
            }
            Err(message) => {
                let problem = Problem::new(config.origin.clone(), "introspection", message);
                self.problems.push(problem);
            }
        }
    }

    /// `None` when one of the files holds no keys, which is told.
    fn keys(&mut self, files: &[NamedPath]) -> Option<KeySet> {
        let mut keys: Vec<VerifyingKey> = Vec::new();
        let mut whole = true;
        for file in files {
            let Some(bytes) = self.material.file(file) else {
                whole = false;
                continue;
            };
            match pem::verifying_keys(bytes) {
                Ok(found) => keys.extend(found),
                Err(error) => {
                    whole = false;
                    self.problem(file, format!("`{}`: {error}", file.path.display()));
                }
            }
        }
        whole.then(|| KeySet::new(keys))
    }
}
