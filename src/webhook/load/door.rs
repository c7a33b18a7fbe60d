//! Everything behind the login listener: who is asked, who signs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::door_state::DoorState;
use super::material::{Material, with_causes};
use super::organisation::Organisation;
use crate::authn::basic::{FileAuthenticator, PasswordChain, PasswordFile};
use crate::authn::chain::{Member, TokenChain, Trust};
use crate::authn::issued::{IssuedTokens, Issuer};
use crate::authn::ldap::LdapUsers;
use crate::authn::x509::X509Authenticator;
use crate::authn::{GroupLookup, Keys, ReservedNames, Secret};
use crate::crypto::authority::Authority;
use crate::crypto::path::TrustAnchors;
use crate::crypto::private_key::PrivateKey;
use crate::crypto::{KeySet, SigningKey};
use crate::model::{Origin, SharedRevocations};
use crate::webhook::config::{
    KerberosConfig, LoginCertificateConfig, LoginConfig, LoginMethodConfig, LoginTokenConfig,
    NamedDirectory, NamedPath, PasswordFileConfig, PasswordFileFormat, Problem,
};
use crate::webhook::login::{CertificateDesk, Door, Lookup, OIDC, TokenDesk, Ways};

/// A door, or everything that is wrong with it.
pub(super) struct Opened {
    pub(super) door: Arc<Door>,
    pub(super) state: DoorState,
    /// Knows the tokens that are handed out.
    pub(super) tokens: Option<IssuedTokens>,
}

/// `None` when something was noted. `serving` is what stays of what serves.
pub(super) fn open(
    config: &LoginConfig,
    material: &Material,
    organisation: &Organisation,
    revoked: Option<&SharedRevocations>,
    serving: Option<&DoorState>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<Opened> {
    let before = problems.len();
    if revoked.is_none() {
        let message = "`revocation` is not configured: what is handed out here cannot be taken back, and \
                       is renewed for as long as the session lasts";
        let origin = config.certificate_file.origin.clone();
        warnings.push(Problem::new(origin, "login", message));
    }
    let state = match DoorState::of(config, serving) {
        Ok(state) => state,
        Err(message) => {
            let origin = config.certificate_file.origin.clone();
            problems.push(Problem::new(origin, "login", message));
            return None;
        }
    };
    let mut opener = Opener {
        material,
        organisation,
        revoked,
        state,
        ways: Ways::default(),
        lookups: HashMap::new(),
        names: HashSet::new(),
        problems,
        warnings,
    };
    for method in &config.methods {
        opener.method(method);
    }
    let tokens = config.token.as_ref().map(|token| opener.token_desk(token));
    let certificates =
        config.certificate.as_ref().map(|certificate| opener.certificate_desk(certificate));
    let Opener { state, mut ways, lookups, problems, .. } = opener;
    if problems.len() > before {
        return None;
    }
    ways.passwords =
        ways.passwords.map(|passwords| passwords.throttled(Arc::clone(&state.throttle)));
    let (desk, known) = tokens.flatten().unzip();
    let session = seconds(config.session);
    let door = Door::new(ways, lookups, desk, certificates.flatten(), session);
    Some(Opened { door: Arc::new(door), state, tokens: known })
}

struct Opener<'a> {
    material: &'a Material,
    organisation: &'a Organisation,
    revoked: Option<&'a SharedRevocations>,
    state: DoorState,
    ways: Ways,
    lookups: HashMap<String, Lookup>,
    /// By which names credentials tell the methods apart.
    names: HashSet<String>,
    problems: &'a mut Vec<Problem>,
    warnings: &'a mut Vec<Problem>,
}

impl Opener<'_> {
    fn problem(&mut self, named: &NamedPath, message: impl std::fmt::Display) {
        let message = format!("`{}`: {message}", named.path.display());
        self.problems.push(Problem::new(named.origin.clone(), &named.field, message));
    }

    fn warn(&mut self, named: &NamedPath, message: impl std::fmt::Display) {
        let message = message.to_string();
        self.warnings.push(Problem::new(named.origin.clone(), &named.field, message));
    }

    fn method(&mut self, method: &LoginMethodConfig) {
        match method {
            LoginMethodConfig::PasswordFile(config) => self.password_file(config),
            LoginMethodConfig::Ldap { directory, origin } => {
                self.name(directory, origin);
                if let Some(users) = self.directory(directory, origin) {
                    let name = crate::authn::PasswordAuthenticator::name(&*users).to_owned();
                    let passwords = self.ways.passwords.take().unwrap_or_default();
                    self.ways.passwords = Some(passwords.with(Arc::<LdapUsers>::clone(&users)));
                    self.look_up(&name, users, false);
                }
            }
            LoginMethodConfig::Kerberos(config) => self.kerberos(config),
            LoginMethodConfig::Oidc { jwt, groups } => {
                self.name(OIDC, &jwt.configuration_file.origin);
                let Some(issuers) = self.organisation.issuers(jwt) else { return };
                // An issuer knows its own audiences, which are not those of the API server.
                let mut chain = TokenChain::new(Vec::<String>::new());
                for started in issuers {
                    let member = Member::new(started.authenticator(), Trust::Foreign);
                    chain = chain.with(member);
                }
                self.ways.tokens = Some(chain);
                self.ways.issuers = self.organisation.client_ids(jwt);
                self.named_lookup(OIDC, groups.as_ref());
            }
            LoginMethodConfig::ClientCertificate { ca_file, groups } => {
                self.name(X509Authenticator::NAME, &ca_file.origin);
                let Some(bytes) = self.material.file(ca_file) else { return };
                match TrustAnchors::from_pem(bytes) {
                    Ok(anchors) => {
                        self.ways.certificates = Some(self.verifier(anchors));
                        self.named_lookup(X509Authenticator::NAME, groups.as_ref());
                    }
                    Err(error) => self.problem(ca_file, error),
                }
            }
        }
    }

    fn verifier(&self, anchors: TrustAnchors) -> X509Authenticator {
        let verifier = X509Authenticator::new(anchors);
        match self.revoked {
            Some(list) => verifier.with_revocations(list.clone()),
            None => verifier,
        }
    }

    fn directory(&mut self, name: &str, origin: &Origin) -> Option<Arc<LdapUsers>> {
        let found = self.organisation.directory(name);
        if found.is_none() && !self.organisation.is_named(name) {
            let message = format!("there is no directory `{name}` among `directories`");
            self.problems.push(Problem::new(origin.clone(), "directory", message));
        }
        found
    }

    fn named_lookup(&mut self, method: &str, named: Option<&NamedDirectory>) {
        let Some(NamedDirectory { name, origin }) = named else { return };
        if let Some(users) = self.directory(name, origin) {
            self.look_up(method, users, true);
        }
    }

    /// Two methods of one name could not be told apart later: whom a renewal asks is found by the name,
    /// and a directory may be called anything.
    fn name(&mut self, method: &str, origin: &Origin) {
        if !self.names.insert(method.to_owned()) {
            let message = format!(
                "two of the methods are called `{method}`; remove one, or call the directory otherwise"
            );
            self.problems.push(Problem::new(origin.clone(), "login.methods", message));
        }
    }

    /// Who knows the groups of one method.
    fn look_up(&mut self, method: &str, groups: Arc<dyn GroupLookup>, at_login: bool) {
        self.lookups.insert(method.to_owned(), Lookup { groups, at_login });
    }

    fn password_file(&mut self, config: &PasswordFileConfig) {
        let PasswordFileConfig { file, format } = config;
        let Some(bytes) = self.material.file(file) else { return };
        let Ok(text) = std::str::from_utf8(bytes) else {
            return self.problem(file, "not UTF-8 text; save the file as UTF-8");
        };
        let name = file.path.display().to_string();
        let read = match format {
            PasswordFileFormat::Hashed => {
                PasswordFile::from_hashed(&name, text, ReservedNames::Refuse)
            }
            PasswordFileFormat::Csv => {
                let text = Secret::new(text.to_owned());
                PasswordFile::from_csv(&name, text, ReservedNames::Refuse)
            }
        };
        match read {
            Ok((passwords, notices)) => {
                for notice in notices {
                    self.warn(file, notice);
                }
                let pool = Arc::clone(&self.state.pool);
                let passwords = Arc::new(FileAuthenticator::new(passwords, pool));
                let chain = self.ways.passwords.take().unwrap_or_else(PasswordChain::default);
                self.ways.passwords = Some(chain.with(Arc::<FileAuthenticator>::clone(&passwords)));
                let name = GroupLookup::name(&*passwords).to_owned();
                self.name(&name, &file.origin);
                self.look_up(&name, passwords, false);
            }
            Err(error) => {
                self.problems.push(Problem::new(
                    file.origin.clone(),
                    &file.field,
                    with_causes(&error),
                ));
            }
        }
    }

    #[cfg(not(feature = "kerberos"))]
    fn kerberos(&mut self, config: &KerberosConfig) {
        let message =
            "this program was built without Kerberos; build it with the feature `kerberos`";
        self.problem(&config.keytab_file, message);
    }

    #[cfg(feature = "kerberos")]
    fn kerberos(&mut self, config: &KerberosConfig) {
        use crate::authn::kerberos::{
            Instances, KerberosAuthenticator, KerberosOptions, PrincipalConfig, PrincipalRules,
            UserNameForm,
        };
        use crate::source::kerberos::{GssAcceptor, GssAcceptorOptions};

        self.name(KERBEROS, &config.keytab_file.origin);
        let groups: Option<Arc<dyn GroupLookup>> = match &config.groups {
            None => None,
            Some(NamedDirectory { name, origin }) => {
                let Some(users) = self.directory(name, origin) else { return };
                self.look_up(KERBEROS, Arc::<LdapUsers>::clone(&users), false);
                Some(users)
            }
        };
        // Tickets that were seen are remembered as long as nothing changes.
        if let Some((known, way)) = &self.state.kerberos
            && known == config
            && groups.is_none()
        {
            self.ways.negotiate = Some(Arc::clone(way));
            return;
        }
        let rules = PrincipalRules::compile(PrincipalConfig {
            realms: config.realms.clone(),
            user_name: match config.strip_realm {
                true => UserNameForm::WithoutRealm,
                false => UserNameForm::Full,
            },
            instances: match config.instances.as_slice() {
                [] => Instances::Refuse,
                named => Instances::Of(named.to_vec()),
            },
            prefix: config.prefix.clone(),
            ..PrincipalConfig::default()
        });
        let keytab = std::path::absolute(&config.keytab_file.path)
            .unwrap_or_else(|_| config.keytab_file.path.clone());
        let options = GssAcceptorOptions { keytab, service: config.service.clone() };
        let acceptor = match GssAcceptor::open(&options) {
            Ok(acceptor) => acceptor,
            Err(error) => return self.problem(&config.keytab_file, with_causes(&error)),
        };
        for notice in acceptor.notices() {
            self.warn(&config.keytab_file, notice);
        }
        let made = rules.map_err(|error| error.to_string()).and_then(|rules| {
            let options = KerberosOptions::default();
            KerberosAuthenticator::new(rules, Arc::new(acceptor), groups, options)
                .map_err(|error| error.to_string())
        });
        match made {
            Ok(way) => {
                let way: Arc<dyn crate::authn::NegotiateAuthenticator> = Arc::new(way);
                self.state.kerberos = Some((config.clone(), Arc::clone(&way)));
                self.ways.negotiate = Some(way);
            }
            Err(message) => self.problem(&config.keytab_file, message),
        }
    }

    fn token_desk(&mut self, config: &LoginTokenConfig) -> Option<(TokenDesk, IssuedTokens)> {
        let LoginTokenConfig { issuer, audiences, key_file, lifetime } = config;
        let bytes = self.material.file(key_file)?;
        let key = match SigningKey::from_pem(bytes) {
            Ok(key) => Arc::new(key),
            Err(error) => {
                self.problem(key_file, error);
                return None;
            }
        };
        let keys = KeySet::new([key.verifying_key().clone()]);
        let keys: Arc<dyn Keys> = Arc::new(Arc::new(keys));
        let lifetime = seconds(*lifetime);
        let made = Issuer::new(issuer.as_str(), audiences.iter().cloned(), key, lifetime);
        let signs = match made {
            Ok(signs) => signs,
            Err(error) => {
                self.problem(key_file, error);
                return None;
            }
        };
        let verifier = || {
            let known = IssuedTokens::new(issuer.as_str(), audiences.clone(), Arc::clone(&keys));
            match self.revoked {
                Some(list) => known.with_revocations(list.clone()),
                None => known,
            }
        };
        let audiences = audiences.clone();
        let desk = TokenDesk { issuer: signs, verifier: verifier(), audiences, lifetime };
        Some((desk, verifier()))
    }

    fn certificate_desk(&mut self, config: &LoginCertificateConfig) -> Option<CertificateDesk> {
        let LoginCertificateConfig { ca_certificate_file, ca_key_file, .. } = config;
        let certificate = self.material.file(ca_certificate_file)?;
        let key = match PrivateKey::from_pem(self.material.file(ca_key_file)?, None) {
            Ok(key) => key,
            Err(error) => {
                self.problem(ca_key_file, error);
                return None;
            }
        };
        let authority = match Authority::from_pem(certificate, key) {
            Ok(authority) => authority,
            Err(error) => {
                self.problem(ca_certificate_file, error);
                return None;
            }
        };
        let anchors = match TrustAnchors::from_pem(authority.certificate_pem().as_bytes()) {
            Ok(anchors) => anchors,
            Err(error) => {
                self.problem(ca_certificate_file, error);
                return None;
            }
        };
        Some(CertificateDesk {
            own: self.verifier(anchors),
            authority,
            ledger: config.ledger_file.path.clone(),
            revocations: config.revocations_file.path.clone(),
            lifetime: seconds(config.lifetime),
        })
    }
}

/// The name of the method by which tickets are taken.
#[cfg(feature = "kerberos")]
const KERBEROS: &str = "kerberos";

fn seconds(time: std::time::Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
