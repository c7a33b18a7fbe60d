//! Where people log in: by which proofs, for which credentials.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::NamedPath;
use super::jwt::{JwtConfig, jwt};
use crate::model::Origin;
use crate::source::config_file::{Field, Object};

/// The login listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginConfig {
    /// Address and port.
    pub address: SocketAddr,
    /// The server's certificate, PEM.
    pub certificate_file: NamedPath,
    /// Its private key, PEM.
    pub key_file: NamedPath,
    /// The ways to prove who one is, in the order in which passwords are tried; never empty.
    pub methods: Vec<LoginMethodConfig>,
    /// Short-lived tokens.
    pub token: Option<LoginTokenConfig>,
    /// Short-lived client certificates.
    pub certificate: Option<LoginCertificateConfig>,
    /// For how long credentials are renewed without another proof.
    pub session: Duration,
    /// Failures that are forgiven before somebody has to wait.
    pub guesses: GuessConfig,
}

impl LoginMethodConfig {
    /// The kind, as the file spells it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::PasswordFile(_) => "passwordFile",
            Self::Ldap { .. } => "ldap",
            Self::Kerberos(_) => "kerberos",
            Self::Oidc { .. } => "oidc",
            Self::ClientCertificate { .. } => "clientCertificate",
        }
    }
}

impl LoginConfig {
    /// The files that are read with the policy: not those of the listener, which are read apart, nor the
    /// books.
    pub(in crate::webhook) fn files(&self) -> impl Iterator<Item = &NamedPath> {
        let methods = self.methods.iter().filter_map(|method| match method {
            LoginMethodConfig::PasswordFile(config) => Some(&config.file),
            LoginMethodConfig::Kerberos(config) => Some(&config.keytab_file),
            LoginMethodConfig::Oidc { jwt, .. } => Some(&jwt.configuration_file),
            LoginMethodConfig::ClientCertificate { ca_file, .. } => Some(ca_file),
            LoginMethodConfig::Ldap { .. } => None,
        });
        let token = self.token.iter().map(|token| &token.key_file);
        let certificate = self
            .certificate
            .iter()
            .flat_map(|certificate| [&certificate.ca_certificate_file, &certificate.ca_key_file]);
        methods.chain(token).chain(certificate)
    }

    /// The authorities of clients that log in by certificates.
    pub(in crate::webhook) fn client_ca_files(&self) -> impl Iterator<Item = &NamedPath> {
        self.methods.iter().filter_map(|method| match method {
            LoginMethodConfig::ClientCertificate { ca_file, .. } => Some(ca_file),
            _ => None,
        })
    }
}

/// A way to prove who one is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginMethodConfig {
    /// A name and a password of a file.
    PasswordFile(PasswordFileConfig),
    /// A name and a password of a directory.
    Ldap {
        /// The directory's name among `directories`.
        directory: String,
        /// The line that names it.
        origin: Origin,
    },
    /// A Kerberos ticket.
    Kerberos(KerberosConfig),
    /// A token of an OpenID Connect issuer.
    Oidc {
        /// The issuers.
        jwt: JwtConfig,
        /// Where groups are looked up instead, by the user's name; also what makes renewal possible.
        groups: Option<NamedDirectory>,
    },
    /// A client certificate.
    ClientCertificate {
        /// The authorities that may vouch for it, PEM.
        ca_file: NamedPath,
        /// Where groups are looked up instead.
        groups: Option<NamedDirectory>,
    },
}

/// A directory that something refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedDirectory {
    /// Its name among `directories`.
    pub name: String,
    /// The line that names it.
    pub origin: Origin,
}

/// A file of names and passwords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordFileConfig {
    /// The file.
    pub file: NamedPath,
    /// Its form.
    pub format: PasswordFileFormat,
}

/// The form of a file of passwords.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PasswordFileFormat {
    /// Hashes, as `portcullis passwd` and `htpasswd` write them.
    #[default]
    Hashed,
    /// The API server's of old: the passwords themselves (S-BASIC-1).
    Csv,
}

/// Kerberos tickets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KerberosConfig {
    /// The keys of the service.
    pub keytab_file: NamedPath,
    /// The service that clients have tickets for, such as `HTTP/login.example.org`.
    pub service: String,
    /// Realms whose users are believed; never empty.
    pub realms: Vec<String>,
    /// Whether the realm is left out of the user's name.
    pub strip_realm: bool,
    /// Instances whose principals are users, such as `admin` of `jane/admin`.
    pub instances: Vec<String>,
    /// What is put before a name.
    pub prefix: String,
    /// Where groups are looked up; none: nobody has any.
    pub groups: Option<NamedDirectory>,
}

/// Short-lived tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginTokenConfig {
    /// The issuer that they name.
    pub issuer: String,
    /// For whom they are; never empty.
    pub audiences: Vec<String>,
    /// The key that signs them, PEM.
    pub key_file: NamedPath,
    /// How long they last at most.
    pub lifetime: Duration,
}

/// Short-lived client certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginCertificateConfig {
    /// The authority, PEM.
    pub ca_certificate_file: NamedPath,
    /// Its key, PEM.
    pub ca_key_file: NamedPath,
    /// The books.
    pub ledger_file: NamedPath,
    /// The list of what was revoked, beside the books.
    pub revocations_file: NamedPath,
    /// How long they last at most.
    pub lifetime: Duration,
}

/// How often somebody may guess wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuessConfig {
    /// Wrong passwords of one user from one address before that address has to wait.
    pub per_user: u32,
    /// Wrong passwords from one address, whoever they are for.
    pub per_source: u32,
    /// The longest such wait.
    pub longest_wait: Duration,
}

impl Default for GuessConfig {
    fn default() -> Self {
        Self { per_user: 5, per_source: 30, longest_wait: Duration::from_secs(900) }
    }
}

const KINDS: [&str; 5] = ["passwordFile", "ldap", "kerberos", "oidc", "clientCertificate"];

pub(super) fn login(field: Field<'_>, base: &Path) -> Option<LoginConfig> {
    let object = field.object()?;
    let address = object.required("address").and_then(|field| field.address());
    let tls = object.required("tls").and_then(|field| {
        let object = field.object()?;
        let certificate = object.required("certificateFile").and_then(|field| field.path(base));
        let key = object.required("keyFile").and_then(|field| field.path(base));
        object.finish();
        Some((certificate?, key?))
    });
    let methods = object.required("methods").and_then(|field| methods(&field, base));
    let token = object.get("token").map(|field| token(field, base));
    let certificate = object.get("certificate").map(|field| certificate(field, base));
    if token.is_none() && certificate.is_none() {
        object.note(
            "hands out nothing; name `token`, `certificate`, or both: what a login is rewarded with",
        );
    }
    let session = object.get("session").and_then(|field| {
        const RANGE: RangeInclusive<Duration> =
            Duration::from_secs(60)..=Duration::from_secs(30 * 86_400);
        let bounds = "from `1m` to `720h`: so long nobody proves again who they are";
        field.within(field.duration()?, &RANGE, bounds)
    });
    let guesses = object.get("guesses").and_then(guesses);
    object.finish();
    let (certificate_file, key_file) = tls?;
    Some(LoginConfig {
        address: address?,
        certificate_file,
        key_file,
        methods: methods?,
        // One that is configured and not understood must not be left out.
        token: token.map_or(Some(None), |read| read.map(Some))?,
        certificate: certificate.map_or(Some(None), |read| read.map(Some))?,
        session: session.unwrap_or(const { Duration::from_secs(12 * 3_600) }),
        guesses: guesses.unwrap_or_default(),
    })
}

fn methods(field: &Field<'_>, base: &Path) -> Option<Vec<LoginMethodConfig>> {
    let mut methods = Vec::new();
    let mut whole = true;
    for entry in field.filled_list()? {
        let Some(object) = entry.object() else {
            whole = false;
            continue;
        };
        let mut kinds: Vec<(&str, Field<'_>)> =
            KINDS.into_iter().filter_map(|kind| Some((kind, object.get(kind)?))).collect();
        let read = match (kinds.pop(), kinds.pop()) {
            (None, _) => {
                object.note(format!(
                    "names no way to log in; use one of {}",
                    KINDS.map(|kind| format!("`{kind}`")).join(", ")
                ));
                None
            }
            (Some((first, _)), Some((second, _))) => {
                object.note(format!("has both `{second}` and `{first}`; make two entries of it"));
                None
            }
            (Some((kind, field)), None) => method(kind, field, base),
        };
        whole &= read.is_some();
        methods.extend(read);
        object.finish();
    }
    let count = |is: fn(&LoginMethodConfig) -> bool| methods.iter().filter(|it| is(it)).count();
    for (what, number) in [
        ("kerberos", count(|method| matches!(method, LoginMethodConfig::Kerberos(_)))),
        ("oidc", count(|method| matches!(method, LoginMethodConfig::Oidc { .. }))),
        (
            "clientCertificate",
            count(|method| matches!(method, LoginMethodConfig::ClientCertificate { .. })),
        ),
    ] {
        if number > 1 {
            field.note(format!("`{what}` stands there more than once; make one entry of it"));
            whole = false;
        }
    }
    whole.then_some(methods)
}

fn method(kind: &str, field: Field<'_>, base: &Path) -> Option<LoginMethodConfig> {
    let object = field.object()?;
    let read = match kind {
        "passwordFile" => password_file(&object, base).map(LoginMethodConfig::PasswordFile),
        "ldap" => object.required("directory").and_then(|field| {
            let (directory, origin) = (field.text()?.to_owned(), field.origin());
            Some(LoginMethodConfig::Ldap { directory, origin })
        }),
        "kerberos" => kerberos(&object, base).map(LoginMethodConfig::Kerberos),
        "oidc" => {
            let jwt = jwt(&object, base);
            let groups = groups(&object);
            jwt.zip(groups).map(|(jwt, groups)| LoginMethodConfig::Oidc { jwt, groups })
        }
        _ => {
            let ca_file = object.required("caFile").and_then(|field| field.path(base));
            let groups = groups(&object);
            ca_file
                .zip(groups)
                .map(|(ca_file, groups)| LoginMethodConfig::ClientCertificate { ca_file, groups })
        }
    };
    object.finish();
    read
}

/// `Some(None)` when nothing is said.
fn groups(object: &Object<'_>) -> Option<Option<NamedDirectory>> {
    let Some(field) = object.get("groups") else { return Some(None) };
    let object = field.object()?;
    let read = object.required("directory").and_then(|field| {
        Some(NamedDirectory { name: field.text()?.to_owned(), origin: field.origin() })
    });
    object.finish();
    read.map(Some)
}

fn password_file(object: &Object<'_>, base: &Path) -> Option<PasswordFileConfig> {
    let file = object.required("file").and_then(|field| field.path(base));
    let format = object.get("format").map_or(Some(PasswordFileFormat::default()), |field| {
        field.one_of(&[("hashed", PasswordFileFormat::Hashed), ("csv", PasswordFileFormat::Csv)])
    });
    Some(PasswordFileConfig { file: file?, format: format? })
}

fn kerberos(object: &Object<'_>, base: &Path) -> Option<KerberosConfig> {
    let keytab_file = object.required("keytabFile").and_then(|field| field.path(base));
    let service = object.required("service").and_then(|field| field.text());
    let realms = object.required("realms").map(|field| field.filled_texts());
    let strip_realm = object.get("stripRealm").map_or(Some(false), |field| field.boolean());
    let instances = object.get("instances").map(|field| field.filled_texts());
    let prefix = object.get("prefix").map_or(Some(""), |field| field.any_text());
    let groups = groups(object);
    if let (Some(realms), Some(true)) = (&realms, strip_realm)
        && realms.len() > 1
    {
        object.note(
            "believes several realms, and has `stripRealm`: the same name in two of them would be \
             one user; remove `stripRealm`",
        );
    }
    Some(KerberosConfig {
        keytab_file: keytab_file?,
        service: service?.to_owned(),
        realms: realms?,
        strip_realm: strip_realm?,
        instances: instances.unwrap_or_default(),
        prefix: prefix?.to_owned(),
        groups: groups?,
    })
}

fn token(field: Field<'_>, base: &Path) -> Option<LoginTokenConfig> {
    let object = field.object()?;
    let issuer = object.required("issuer").and_then(|field| field.text());
    let audiences = object.required("audiences").map(|field| field.filled_texts());
    let key_file = object.required("keyFile").and_then(|field| field.path(base));
    let lifetime = lifetime(&object);
    object.finish();
    Some(LoginTokenConfig {
        issuer: issuer?.to_owned(),
        audiences: audiences?,
        key_file: key_file?,
        lifetime: lifetime?,
    })
}

fn certificate(field: Field<'_>, base: &Path) -> Option<LoginCertificateConfig> {
    let object = field.object()?;
    let file = |name| object.required(name).and_then(|field| field.path(base));
    let (ca_certificate_file, ca_key_file) = (file("caCertificateFile"), file("caKeyFile"));
    let (ledger_file, revocations_file) = (file("ledgerFile"), file("revocationsFile"));
    let lifetime = lifetime(&object);
    object.finish();
    Some(LoginCertificateConfig {
        ca_certificate_file: ca_certificate_file?,
        ca_key_file: ca_key_file?,
        ledger_file: ledger_file?,
        revocations_file: revocations_file?,
        lifetime: lifetime?,
    })
}

fn lifetime(object: &Object<'_>) -> Option<Duration> {
    const RANGE: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(86_400);
    let Some(field) = object.get("lifetime") else { return Some(Duration::from_secs(3_600)) };
    let bounds = "from `1m` to `24h`: so long a credential that was taken away may still open";
    field.within(field.duration()?, &RANGE, bounds)
}

fn guesses(field: Field<'_>) -> Option<GuessConfig> {
    let object = field.object()?;
    let default = GuessConfig::default();
    let count = |name| {
        let field = object.get(name)?;
        field.within(field.count()?, &(1..=1_000_000), "from 1 to 1000000")
    };
    let (per_user, per_source) = (count("perUser"), count("perSource"));
    let longest_wait = object.get("longestWait").and_then(|field| {
        let range = Duration::from_secs(1)..=Duration::from_secs(86_400);
        field.within(field.duration()?, &range, "from `1s` to `24h`")
    });
    object.finish();
    Some(GuessConfig {
        per_user: per_user.unwrap_or(default.per_user),
        per_source: per_source.unwrap_or(default.per_source),
        longest_wait: longest_wait.unwrap_or(default.longest_wait),
    })
}
