//! Logins and groups against real directory servers (slapd), over plain LDAP, StartTLS and LDAPS.

mod accounts;
mod groups;
mod injection;
mod network;
mod outage;
mod wire;

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use portcullis::authn::PasswordAttempt;
use portcullis::authn::ldap::{
    Attribute, DirectBind, Groups, LdapConfig, LdapError, LdapUsers, Scope, UserSearch, Users,
};
use portcullis::model::User;
use portcullis::source::ldap::{Encryption, Pool, PoolOptions, Service};

use crate::support::slapd::{
    BASE, Pki, SERVICE_DN, SERVICE_PASSWORD, Setup, Slapd, group, person, person_dn,
};

/// The server that most tests share, and its certificates.
struct Shared {
    pki: Pki,
    slapd: Slapd,
}

fn shared() -> Option<&'static Shared> {
    static SHARED: OnceLock<Option<Shared>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| {
        let pki = Pki::new();
        let ldif = [
            person("jane", "mail: jane@example.org\n"),
            person("joe", "mail: twice@example.org\n"),
            person("jim", "mail: twice@example.org\n"),
            group("dev", &[person_dn("jane"), person_dn("joe")]),
            group("system:masters", &[person_dn("jane")]),
            injection::odd_people(),
            accounts::people(),
        ]
        .concat();
        // `bind_anon_dn`: an empty password is a success, as in Active Directory.
        let setup = Setup { ldif, global: "allow bind_anon_dn\n", ..Setup::default() };
        let slapd = Slapd::start(&pki, &setup)?;
        Some(Shared { pki, slapd })
    });
    shared.as_ref()
}

fn attribute(name: &str) -> Attribute {
    name.parse().unwrap()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// A file with the service account's password, in the folder of the certificates.
fn password_file(pki: &Pki, name: &str, password: &str) -> PathBuf {
    let path = pki.file(name);
    fs::write(&path, format!("{password}\n")).unwrap();
    path
}

fn service(pki: &Pki) -> Service {
    Service::Simple { dn: SERVICE_DN.to_owned(), password_file: pki.file("service-password") }
}

/// Options for plain text, quick to give up.
fn plain(pki: &Pki, urls: &[String]) -> PoolOptions {
    let mut options = PoolOptions::new(urls.iter().cloned()).with_service(service(pki));
    options.encryption = Encryption::PlainText;
    options.connect_timeout = Duration::from_millis(500);
    options.operation_timeout = Duration::from_secs(2);
    options.budget = Duration::from_secs(3);
    options.first_back_off = Duration::from_millis(100);
    options.longest_back_off = Duration::from_millis(400);
    options
}

fn safe(pki: &Pki, urls: &[String]) -> PoolOptions {
    let mut options = plain(pki, urls).with_ca_file(pki.file("ca.pem"));
    options.encryption = Encryption::Required;
    options
}

fn search_config() -> LdapConfig {
    let search = UserSearch {
        base: format!("ou=people,{BASE}").parse().unwrap(),
        scope: Scope::Subtree,
        filter: "(&(objectClass=inetOrgPerson)(|(uid={username})(mail={username})))"
            .parse()
            .unwrap(),
    };
    let mut config = LdapConfig::new(Users::Search(search), attribute("uid"));
    config.groups = Some(member_groups());
    config
}

fn direct_config() -> LdapConfig {
    let direct = DirectBind {
        dn: format!("uid={{username}},ou=people,{BASE}").parse().unwrap(),
        filter: "(objectClass=inetOrgPerson)".parse().unwrap(),
    };
    LdapConfig::new(Users::Direct(direct), attribute("uid"))
}

fn member_groups() -> Groups {
    let base = format!("ou=groups,{BASE}").parse().unwrap();
    Groups::new(base, "(objectClass=groupOfNames)".parse().unwrap())
}

fn users(config: LdapConfig, options: PoolOptions) -> LdapUsers {
    let pool = Pool::new(options).unwrap();
    LdapUsers::new(config, Arc::new(pool), Arc::new(now)).unwrap()
}

async fn log_in(users: &LdapUsers, name: &str, password: &str) -> Result<Option<User>, LdapError> {
    let attempt = PasswordAttempt { name, password, source: None, now: now() };
    Ok(users.log_in(attempt).await?.map(|authenticated| authenticated.user))
}

/// Whether somebody logs in with the password that is theirs.
async fn logs_in(users: &LdapUsers, name: &str) -> bool {
    match log_in(users, name, &format!("pw-{name}")).await {
        Ok(Some(user)) => user.name == name,
        Ok(None) => false,
        Err(error) => {
            println!("{name}: {error}");
            false
        }
    }
}
