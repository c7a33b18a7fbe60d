//! What the API server trusts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use portcullis::api::core::{Kind, TokenObjects};
use portcullis::authn::chain::{Member, TokenChain, Trust as ForWhom};
use portcullis::authn::request::RequestAuthenticator;
use portcullis::authn::request_header::{RequestHeaderAuthenticator, RequestHeaderConfig};
use portcullis::authn::service_account::{BoundObjects, LegacyServiceAccounts, ServiceAccounts};
use portcullis::authn::token_file::TokenFile;
use portcullis::authn::x509::{Crls, UnknownStatus, X509Authenticator};
use portcullis::authn::{CREDENTIAL_ID, ClientCertificates, Keys, ReservedNames, Secret};
use portcullis::crypto::certificate::Certificate;
use portcullis::crypto::crl::RevocationList;
use portcullis::crypto::path::{Strictness, TrustAnchors};
use portcullis::crypto::{KeySet, pem};
use portcullis::model::{SharedRevocations, User, groups};
use portcullis::source::revocations::RevocationFile;
use portcullis::source::{self, Input, LoadOptions};

use super::credentials::{Credentials, read};
use crate::cli::exit::{Failure, with_causes};
use crate::cli::speak::Speaker;

/// The flags, called as the API server's where it has them.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is trusted")]
pub(super) struct TrustArgs {
    /// Authorities of client certificates, PEM: the API server's --client-ca-file
    #[arg(long, visible_alias = "client-ca-file", value_name = "BUNDLE")]
    ca_file: Option<PathBuf>,
    /// A revocation file, as `cert revoke` writes it
    #[arg(long, value_name = "FILE", requires = "ca_file")]
    revocations: Option<PathBuf>,
    /// A revocation list of an authority, PEM or DER (repeatable)
    #[arg(long = "crl", value_name = "FILE", requires = "ca_file")]
    crls: Vec<PathBuf>,
    /// What becomes of a certificate that no --crl tells about
    #[arg(long, value_enum, default_value_t, value_name = "HOW", requires = "crls")]
    crl_unknown: Unknown,
    /// A file of tokens: the API server's --token-auth-file, or one of `portcullis token`
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,
    /// Keys of service account tokens, PEM: --service-account-key-file (repeatable)
    #[arg(long = "service-account-keys", value_name = "FILE", requires = "issuers")]
    keys: Vec<PathBuf>,
    /// Issuers of service account tokens: --service-account-issuer
    #[arg(long = "service-account-issuer", value_name = "URL,…", value_delimiter = ',')]
    issuers: Vec<String>,
    /// Audiences of the API server: --api-audiences [default: the issuers]
    #[arg(long, value_name = "A,…", value_delimiter = ',')]
    api_audiences: Vec<String>,
    /// Objects in which service account tokens are looked up (repeatable)
    #[arg(short, long = "filename", value_name = "PATH", requires = "keys")]
    files: Vec<PathBuf>,
    /// Token authenticators of a configuration of `portcullis serve`, in place of the flags for tokens
    #[cfg(feature = "webhook")]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tokens", "keys", "issuers", "api_audiences"])]
    config: Option<PathBuf>,
    /// Authorities of proxies, PEM: --requestheader-client-ca-file
    #[arg(long, visible_alias = "requestheader-client-ca-file", value_name = "BUNDLE")]
    requestheader_ca_file: Option<PathBuf>,
    /// Common names of proxies; without it every certificate of those authorities is one
    #[arg(long, value_name = "CN,…", value_delimiter = ',', requires = "requestheader_ca_file")]
    requestheader_allowed_names: Vec<String>,
    /// Headers with the user name [default: X-Remote-User]
    #[arg(long, value_name = "H,…", value_delimiter = ',', requires = "requestheader_ca_file")]
    requestheader_username_headers: Vec<String>,
    /// Headers with the uid [default: X-Remote-Uid]
    #[arg(long, value_name = "H,…", value_delimiter = ',', requires = "requestheader_ca_file")]
    requestheader_uid_headers: Vec<String>,
    /// Headers with groups [default: X-Remote-Group]
    #[arg(long, value_name = "H,…", value_delimiter = ',', requires = "requestheader_ca_file")]
    requestheader_group_headers: Vec<String>,
    /// Prefixes of headers with extra values [default: X-Remote-Extra-]
    #[arg(long, value_name = "P,…", value_delimiter = ',', requires = "requestheader_ca_file")]
    requestheader_extra_headers_prefix: Vec<String>,
}

/// What becomes of a certificate of which nothing is known.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Unknown {
    /// It is refused
    #[default]
    Deny,
    /// It passes
    Allow,
}

/// Everything that was trusted.
pub(super) struct Trust {
    x509: Option<X509Authenticator>,
    proxies: Option<RequestHeaderAuthenticator>,
    tokens: Arc<TokenChain>,
    audiences: Vec<String>,
}

impl Trust {
    /// Who answers.
    pub(super) fn authenticator(&self, strictness: Strictness) -> RequestAuthenticator {
        let tokens: Arc<TokenChain> = Arc::clone(&self.tokens);
        let mut who =
            RequestAuthenticator::new(tokens).with_api_audiences(self.audiences.iter().cloned());
        if let Some(proxies) = &self.proxies {
            who = who.with_request_header(Arc::new(proxies.clone().with_strictness(strictness)));
        }
        if let Some(x509) = &self.x509 {
            let x509 = match strictness {
                Strictness::AsKubernetes => x509.as_kubernetes(),
                Strictness::Strict => x509.clone(),
            };
            who = who.with_x509(Arc::new(x509));
        }
        who
    }

    /// Whom an API server may take the client for, where it is refused by a rule that an API server
    /// does not have, even when purposes are read as it reads them: who the certificate says. What else
    /// an API server would find is not known.
    pub(super) fn perhaps(&self, certificates: &[&[u8]], now: i64) -> Option<User> {
        let presented = ClientCertificates::presented(certificates, now)?;
        let refused = self.x509.as_ref()?.as_kubernetes().authenticate(&presented).err()?;
        if !refused.is_stricter_than_kubernetes() {
            return None;
        }
        let leaf = Certificate::from_der(presented.leaf).ok()?;
        let mut user = User::new(leaf.common_name().filter(|name| !name.is_empty())?);
        user.uid = leaf.uid().ok()?.unwrap_or_default();
        user.groups = leaf.organizations();
        let authenticated = groups::AUTHENTICATED.to_owned();
        if !user.groups.contains(&authenticated) {
            user.groups.push(authenticated);
        }
        let id = leaf.fingerprint().credential_id();
        user.extra.insert(CREDENTIAL_ID.to_owned(), vec![id]);
        Some(user)
    }
}

impl TrustArgs {
    /// Whether somebody could know what is presented.
    pub(super) fn check(&self, credentials: &Credentials) -> Result<(), Failure> {
        let believes_proxies = self.requestheader_ca_file.is_some();
        if !credentials.headers.is_empty() && !believes_proxies {
            return Err(Failure::usage(
                "--header is nothing without --requestheader-ca-file: an API server reads it from \
                 proxies only",
            ));
        }
        if !credentials.headers.is_empty() && credentials.certificates.is_empty() {
            return Err(Failure::usage(
                "--header is nothing without --proxy-cert: a proxy proves itself with a certificate",
            ));
        }
        if !credentials.certificates.is_empty() && self.ca_file.is_none() && !believes_proxies {
            return Err(Failure::usage(
                "say who vouches for client certificates: --ca-file with the bundle of the API \
                 server's --client-ca-file; what a certificate says of itself `portcullis cert \
                 inspect` shows",
            ));
        }
        if credentials.authorization.is_some() && !self.knows_tokens() {
            return Err(Failure::usage(
                "say who knows tokens: --tokens FILE, or --service-account-keys FILE with \
                 --service-account-issuer URL",
            ));
        }
        Ok(())
    }

    fn knows_tokens(&self) -> bool {
        #[cfg(feature = "webhook")]
        if self.config.is_some() {
            return true;
        }
        self.tokens.is_some() || !self.keys.is_empty()
    }

    /// Reads everything.
    pub(super) fn load(&self, speaker: Speaker) -> Result<Trust, Failure> {
        let authorities = self.ca_file.as_deref().map(bundle).transpose()?;
        let proxies = self.proxies(authorities.as_ref())?;
        let x509 = authorities.map(|authorities| self.x509(authorities)).transpose()?;
        #[cfg(feature = "webhook")]
        if let Some(path) = &self.config {
            let (tokens, audiences) = configured(path, speaker)?;
            return Ok(Trust { x509, proxies, tokens, audiences });
        }
        let audiences = match self.api_audiences.as_slice() {
            [] => self.issuers.clone(),
            audiences => audiences.to_vec(),
        };
        let tokens = Arc::new(self.chain(&audiences, speaker)?);
        Ok(Trust { x509, proxies, tokens, audiences })
    }

    fn x509(&self, authorities: TrustAnchors) -> Result<X509Authenticator, Failure> {
        let mut x509 = X509Authenticator::new(authorities);
        if let Some(revocations) = self.revoked()? {
            x509 = x509.with_revocations(revocations);
        }
        if !self.crls.is_empty() {
            let crls = Crls::default();
            let lists = self.crls.iter().map(|path| {
                let list = RevocationList::from_pem_or_der(&read(path)?);
                list.map(Arc::new).map_err(|error| wrong(path, &error))
            });
            crls.publish(lists.collect::<Result<_, _>>()?);
            let unknown = match self.crl_unknown {
                Unknown::Deny => UnknownStatus::Deny,
                Unknown::Allow => UnknownStatus::Allow,
            };
            x509 = x509.with_crls(crls, unknown);
        }
        Ok(x509)
    }

    fn revoked(&self) -> Result<Option<SharedRevocations>, Failure> {
        let Some(path) = &self.revocations else { return Ok(None) };
        let revocations = RevocationFile::new(path).read();
        let revocations = revocations.map_err(|error| Failure::usage(with_causes(&error)))?;
        Ok(Some(SharedRevocations::new(revocations)))
    }

    fn proxies(
        &self,
        users: Option<&TrustAnchors>,
    ) -> Result<Option<RequestHeaderAuthenticator>, Failure> {
        let Some(path) = &self.requestheader_ca_file else { return Ok(None) };
        let authorities = bundle(path)?;
        let mut config = RequestHeaderConfig::new(&self.requestheader_allowed_names);
        for (given, names) in [
            (&self.requestheader_username_headers, &mut config.username_headers),
            (&self.requestheader_uid_headers, &mut config.uid_headers),
            (&self.requestheader_group_headers, &mut config.group_headers),
            (&self.requestheader_extra_headers_prefix, &mut config.extra_prefixes),
        ] {
            if !given.is_empty() {
                names.clone_from(given);
            }
        }
        let made = match users {
            Some(users) => RequestHeaderAuthenticator::beside(users, authorities, config),
            None => RequestHeaderAuthenticator::new(authorities, config),
        };
        let made = made.map_err(|error| Failure::usage(error.to_string()))?;
        Ok(Some(match self.revoked()? {
            Some(revocations) => made.with_revocations(revocations),
            None => made,
        }))
    }

    /// In the order of the API server (S-AUTHN-2).
    fn chain(&self, audiences: &[String], speaker: Speaker) -> Result<TokenChain, Failure> {
        let mut chain = TokenChain::new(audiences);
        if let Some(path) = &self.tokens {
            let tokens = Arc::new(token_file(path, speaker)?);
            // The API server believes its file whatever it says.
            chain = chain.with(Member::new(tokens, ForWhom::Kubernetes).audience_agnostic());
        }
        if self.keys.is_empty() {
            return Ok(chain);
        }
        let mut keys = Vec::new();
        for path in &self.keys {
            keys.extend(pem::verifying_keys(&read(path)?).map_err(|error| wrong(path, &error))?);
        }
        let keys: Arc<dyn Keys> = Arc::new(Arc::new(KeySet::new(keys)));
        let inputs: Vec<Input> = self.files.iter().map(Input::from).collect();
        let loaded = source::load(&inputs, &LoadOptions::default(), &mut |_| {})?;
        let objects = Arc::new(TokenObjects::new(&loaded.inventory));
        let bound_objects = if objects.holds(Kind::ServiceAccount) {
            let legacy = LegacyServiceAccounts::new(Arc::clone(&keys), Arc::clone(&objects))
                .with_audiences(audiences.iter().cloned());
            chain = chain.with(Member::new(Arc::new(legacy), ForWhom::Kubernetes));
            BoundObjects::Check
        } else {
            speaker.note(
                "whether service accounts and pods of tokens still exist is not looked at; give their \
                 objects with -f",
            );
            BoundObjects::Skip
        };
        let bound = ServiceAccounts::new(self.issuers.iter().cloned(), keys, objects)
            .with_audiences(audiences.iter().cloned())
            .with_bound_objects(bound_objects);
        Ok(chain.with(Member::new(Arc::new(bound), ForWhom::Kubernetes)))
    }
}

/// Either form. The hashed one says so in its first line, which no CSV of the API server has.
fn token_file(path: &Path, speaker: Speaker) -> Result<TokenFile, Failure> {
    let name = path.display().to_string();
    let text = String::from_utf8(read(path)?)
        .map(Secret::new)
        .map_err(|_| Failure::usage(format!("`{name}`: not UTF-8 text; save the file as UTF-8")))?;
    let names = ReservedNames::Allow;
    if text.expose_secret().trim_start_matches('\u{feff}').starts_with("# portcullis") {
        return Ok(TokenFile::from_hashed(&name, text.expose_secret(), names)?);
    }
    let (tokens, notices) = TokenFile::from_csv(&name, text, names)?;
    speaker.each(5, notices.iter(), |speaker, notice| speaker.warn(notice));
    Ok(tokens)
}

/// The token authenticators of a server, as it would load them.
#[cfg(feature = "webhook")]
fn configured(path: &Path, speaker: Speaker) -> Result<(Arc<TokenChain>, Vec<String>), Failure> {
    use portcullis::webhook::load;

    let checked = load::check(path);
    // The others are about serving, which is not what is asked.
    let is_ours = |field: &str| field.starts_with("authenticators") || field == "apiAudiences";
    for warning in checked.warnings.iter().filter(|warning| is_ours(&warning.field)) {
        speaker.warn(warning.to_string());
    }
    let Some(loaded) = checked.loaded else {
        let problems: Vec<String> = checked.problems.iter().map(ToString::to_string).collect();
        return Err(Failure::usage(problems.join("; ")));
    };
    if !loaded.fetched.is_empty() {
        speaker.doubt("keys from URLs are not fetched; tokens signed with them are nobody's here");
    }
    Ok((Arc::clone(&loaded.tokens), loaded.config.audiences()))
}

fn bundle(path: &Path) -> Result<TrustAnchors, Failure> {
    TrustAnchors::from_pem(&read(path)?).map_err(|error| wrong(path, &error))
}

fn wrong(path: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::usage(format!("`{}`: {}", path.display(), with_causes(error)))
}
