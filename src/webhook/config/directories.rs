//! Directories of people, to be referred to by name.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::NamedPath;
use crate::authn::ldap::{
    Attribute, Dn, DnTemplate, Filter, FilterTemplate, Groups, LdapConfig, MemberUid, Nested,
    ReservedGroups, Scope, UidForm, UserSearch, Users,
};
use crate::authn::ldap::{AttributeMapping, DirectBind};
use crate::model::Origin;
use crate::source::config_file::{Field, Object};

/// What a `plainText` entry must say.
const DANGER: &str = "EverybodyOnTheWayReadsPasswords";

/// A directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryConfig {
    /// The name by which others refer to it.
    pub name: String,
    /// The line that begins it.
    pub origin: Origin,
    /// How users and groups are found in it.
    pub ldap: LdapConfig,
    /// The servers, in the order in which they are tried; never empty.
    pub servers: Vec<String>,
    /// How connections are secured.
    pub security: DirectorySecurity,
    /// As whom it is searched: a DN, and the file of its password. Without it everything is read as
    /// whoever logs in.
    pub service: Option<(String, NamedPath)>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long one operation may take.
    pub operation_timeout: Duration,
    /// How many connections there may be for searches.
    pub connections: usize,
}

/// How connections are secured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectorySecurity {
    /// TLS, from the first byte (`ldaps:`) or by StartTLS (`ldap:`).
    Tls {
        /// The authorities that may vouch for the servers, PEM.
        ca_file: NamedPath,
        /// A client certificate and its key, PEM.
        client: Option<Box<(NamedPath, NamedPath)>>,
    },
    /// None; the file names the danger.
    PlainText,
}

impl DirectoryConfig {
    /// The files that it names.
    pub(in crate::webhook) fn files(&self) -> impl Iterator<Item = &NamedPath> {
        let (ca, client) = match &self.security {
            DirectorySecurity::Tls { ca_file, client } => (Some(ca_file), client.as_deref()),
            DirectorySecurity::PlainText => (None, None),
        };
        let client = client.into_iter().flat_map(|(certificate, key)| [certificate, key]);
        ca.into_iter().chain(client)
    }
}

pub(super) fn directories(field: &Field<'_>, base: &Path) -> Option<Vec<DirectoryConfig>> {
    let mut directories: Vec<DirectoryConfig> = Vec::new();
    let mut whole = true;
    for entry in field.list()? {
        let Some(object) = entry.object() else {
            whole = false;
            continue;
        };
        let read = directory(&object, base);
        object.finish();
        let Some(read) = read else {
            whole = false;
            continue;
        };
        if directories.iter().any(|known| known.name == read.name) {
            field.note(format!("the name `{}` stands there twice; give one another", read.name));
            whole = false;
        }
        directories.push(read);
    }
    whole.then_some(directories)
}

fn directory(object: &Object<'_>, base: &Path) -> Option<DirectoryConfig> {
    let origin = object.origin();
    let name = object.required("name").and_then(|field| field.text());
    let ldap = object.required("ldap")?.object()?;
    let servers = ldap.required("servers").map(|field| field.filled_texts());
    let security = security(&ldap, servers.as_deref().unwrap_or_default(), base);
    let service = match (ldap.get("bindDN"), ldap.get("bindPasswordFile")) {
        (None, None) => Some(None),
        (Some(dn), Some(file)) => {
            let dn = parsed::<Dn>(&dn).map(|dn| dn.to_string());
            dn.zip(file.path(base)).map(Some)
        }
        (Some(_), None) => {
            ldap.note(
                "`bindPasswordFile` is missing: the file that holds the password of `bindDN`",
            );
            None
        }
        (None, Some(_)) => {
            ldap.note("`bindDN` is missing: whose password is in `bindPasswordFile`");
            None
        }
    };
    let mut config = name.and_then(|name| ldap_config(name, &ldap));
    if let (Some(config), Some(None)) = (&mut config, &service)
        && matches!(config.users, Users::Direct(_))
    {
        // There is nobody else to read entries as: what nobody may see would be missing.
        config.reads_as_user = true;
    }
    if let (Some(config), Some(None)) = (&config, &service)
        && matches!(config.users, Users::Search(_))
    {
        ldap.note("`bindDN` is missing: as whom users are searched; or name `users.dn` instead");
    }
    const RANGE: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);
    let time = |name, default| match ldap.get(name) {
        None => Some(default),
        Some(field) => field.within(field.duration()?, &RANGE, "from `100ms` to `60s`"),
    };
    let connect_timeout = time("connectTimeout", Duration::from_secs(3));
    let operation_timeout = time("operationTimeout", Duration::from_secs(5));
    let connections = match ldap.get("connections") {
        None => Some(4),
        Some(field) => field.count().and_then(|it| field.within(it, &(1..=256), "from 1 to 256")),
    };
    ldap.finish();
    Some(DirectoryConfig {
        name: name?.to_owned(),
        origin,
        ldap: config?,
        servers: servers?,
        security: security?,
        service: service?,
        connect_timeout: connect_timeout?,
        operation_timeout: operation_timeout?,
        connections: connections?,
    })
}

fn security(ldap: &Object<'_>, servers: &[String], base: &Path) -> Option<DirectorySecurity> {
    let ca_file = ldap.get("caFile").map(|field| field.path(base));
    let certificate = ldap.get("clientCertificateFile").map(|field| field.path(base));
    let key = ldap.get("clientKeyFile").map(|field| field.path(base));
    let is_plain = match ldap.get("plainText") {
        None => false,
        Some(field) => {
            if field.text()? != DANGER {
                field.note(format!(
                    "without TLS whoever is on the way reads every password; if that is meant, write \
                     `plainText: {DANGER}`"
                ));
                return None;
            }
            true
        }
    };
    if is_plain {
        if ca_file.is_some() || certificate.is_some() || key.is_some() {
            ldap.note("has `plainText` beside files for TLS; remove one or the other");
            return None;
        }
        if servers.iter().any(|server| server.starts_with("ldaps:")) {
            ldap.note("has `plainText` beside an `ldaps:` server; remove one or the other");
            return None;
        }
        return Some(DirectorySecurity::PlainText);
    }
    let Some(ca_file) = ca_file else {
        ldap.note("`caFile` is missing: the authorities that may vouch for the servers, PEM");
        return None;
    };
    let client = match (certificate, key) {
        (None, None) => Some(None),
        (Some(certificate), Some(key)) => certificate.zip(key).map(Box::new).map(Some),
        _ => {
            ldap.note("`clientCertificateFile` and `clientKeyFile` belong together; name both");
            None
        }
    };
    Some(DirectorySecurity::Tls { ca_file: ca_file?, client: client? })
}

fn ldap_config(name: &str, ldap: &Object<'_>) -> Option<LdapConfig> {
    let users = ldap.required("users").and_then(users);
    let mapping = ldap.required("attributes").and_then(|field| {
        let object = field.object()?;
        let mapping = attributes(&object);
        object.finish();
        mapping
    });
    let groups = ldap.get("groups").map(groups);
    let reserved = match ldap.get("reservedGroups") {
        None => Some(ReservedGroups::default()),
        Some(field) => {
            field.one_of(&[("Drop", ReservedGroups::Drop), ("Refuse", ReservedGroups::Refuse)])
        }
    };
    let budget = ldap.get("budget").map(|field| {
        let range = Duration::from_millis(100)..=Duration::from_secs(60);
        field.within(field.duration()?, &range, "from `100ms` to `60s`")
    });
    let mapping = mapping?;
    let mut config = LdapConfig::new(users?, mapping.username.clone());
    name.clone_into(&mut config.name);
    config.attributes = mapping;
    config.groups = groups.map_or(Some(None), |read| read.map(Some))?;
    config.reserved_groups = reserved?;
    if let Some(budget) = budget {
        config.budget = budget?;
    }
    Some(config)
}

fn users(field: Field<'_>) -> Option<Users> {
    let object = field.object()?;
    let read = match (object.get("dn"), object.get("baseDN")) {
        (Some(dn), None) => {
            let filter = object
                .get("filter")
                .map_or_else(|| "(objectClass=*)".parse::<Filter>().ok(), |field| parsed(&field));
            let dn = parsed::<DnTemplate>(&dn);
            dn.zip(filter).map(|(dn, filter)| Users::Direct(DirectBind { dn, filter }))
        }
        (None, Some(base)) => {
            let base = parsed::<Dn>(&base);
            let filter =
                object.required("filter").and_then(|field| parsed::<FilterTemplate>(&field));
            let scope = scope(&object);
            match (base, filter, scope) {
                (Some(base), Some(filter), Some(scope)) => {
                    Some(Users::Search(UserSearch { base, scope, filter }))
                }
                _ => None,
            }
        }
        (Some(_), Some(_)) => {
            object
                .note("has both `dn` and `baseDN`: users are bound as at once, or searched first");
            None
        }
        (None, None) => {
            object.note("names neither `baseDN`, where users are searched, nor `dn`");
            None
        }
    };
    object.finish();
    read
}

fn scope(object: &Object<'_>) -> Option<Scope> {
    let Some(field) = object.get("scope") else { return Some(Scope::Subtree) };
    field.one_of(&[
        ("subtree", Scope::Subtree),
        ("oneLevel", Scope::OneLevel),
        ("base", Scope::Base),
    ])
}

fn attributes(object: &Object<'_>) -> Option<AttributeMapping> {
    let username = object.required("username").and_then(|field| parsed::<Attribute>(&field));
    let prefix = object.get("usernamePrefix").map_or(Some(""), |field| field.any_text());
    let uid = object.get("uid").map(|field| parsed::<Attribute>(&field));
    let form = object.get("uidForm").map_or(Some(UidForm::Text), |field| {
        field.one_of(&[("text", UidForm::Text), ("objectGUID", UidForm::ObjectGuid)])
    });
    let extra = object.get("extra").map_or_else(
        || Some(BTreeMap::new()),
        |field| {
            let entries = field.entries()?;
            let read = entries.into_iter().map(|(key, field)| {
                parsed::<Attribute>(&field).map(|attribute| (key.to_owned(), attribute))
            });
            read.collect()
        },
    );
    let mut mapping = AttributeMapping::new(username?);
    prefix?.clone_into(&mut mapping.username_prefix);
    let form = form?;
    mapping.uid = uid.map_or(Some(None), |read| read.map(|uid| Some((uid, form))))?;
    mapping.extra = extra?;
    Some(mapping)
}

fn groups(field: Field<'_>) -> Option<Groups> {
    let object = field.object()?;
    let base = object.required("baseDN").and_then(|field| parsed::<Dn>(&field));
    let filter = object.required("filter").and_then(|field| parsed::<Filter>(&field));
    let scope = scope(&object);
    let attribute = |name: &'static str| object.get(name).map(|field| parsed::<Attribute>(&field));
    let (name, member, member_of) = (attribute("name"), attribute("member"), attribute("memberOf"));
    let member_uid = object.get("memberUid").map(|field| {
        let object = field.object()?;
        let group = object.required("group").and_then(|field| parsed::<Attribute>(&field));
        let user = object.required("user").and_then(|field| parsed::<Attribute>(&field));
        object.finish();
        Some(MemberUid { group: group?, user: user? })
    });
    let nested = object.get("nested").map_or(Some(Nested::Off), |field| {
        field.one_of(&[
            ("Off", Nested::Off),
            ("InChain", Nested::InChain),
            ("BreadthFirst", Nested::BREADTH_FIRST),
            ("Detect", Nested::DETECT),
        ])
    });
    let prefix = object.get("prefix").map_or(Some(""), |field| field.any_text());
    let remember = object.get("remember").map(|field| {
        let bounds = "at most `1h`: so long a group that was taken out of another goes on counting";
        field.within(field.duration()?, &(Duration::ZERO..=Duration::from_secs(3_600)), bounds)
    });
    object.finish();
    let mut groups = Groups::new(base?, filter?);
    groups.scope = scope?;
    if let Some(name) = name {
        groups.name = name?;
    }
    // Who names another way means that one, not `member` besides.
    if member.is_some() || member_of.is_some() || member_uid.is_some() {
        groups.member = member.map_or(Some(None), |read| read.map(Some))?;
    }
    groups.member_of = member_of.map_or(Some(None), |read| read.map(Some))?;
    groups.member_uid = member_uid.map_or(Some(None), |read| read.map(Some))?;
    groups.nested = nested?;
    if groups.nested != Nested::Off && groups.member.is_none() {
        groups.member = Some("member".parse().ok()?);
    }
    prefix?.clone_into(&mut groups.prefix);
    if let Some(remember) = remember {
        groups.remember = remember?;
    }
    Some(groups)
}

/// A value with a form of its own.
fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(field: &Field<'_>) -> Option<T> {
    match field.text()?.parse() {
        Ok(read) => Some(read),
        Err(error) => {
            field.note(error.to_string());
            None
        }
    }
}
