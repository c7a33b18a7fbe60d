use std::path::Path;
use std::time::Duration;

use super::*;
use crate::authn::ldap::{Nested, Users};

const FULL: &str = "\
apiVersion: portcullis.dev/v1alpha1
kind: ServerConfiguration
listen: {address: 127.0.0.1:9443, tls: {certificateFile: tls.crt, keyFile: tls.key}}
policy: {paths: [policy/]}
authorizers: [{type: RBAC}]
authenticators:
- oidc: {configurationFile: authn.yaml, distributedClaims: [groups.example.org]}
- introspection: {url: 'https://idp/introspect', caFile: idp.crt, clientID: k8s, clientSecretFile: secret, usernamePrefix: ''}
directories:
- name: corp
  ldap:
    servers: ['ldaps://a.example.org', 'ldap://b.example.org']
    caFile: ldap.crt
    bindDN: cn=portcullis,dc=example,dc=org
    bindPasswordFile: ldap-password
    users: {baseDN: 'ou=people,dc=example,dc=org', filter: '(&(objectClass=person)(uid={username}))'}
    attributes: {username: uid, uid: entryUUID, extra: {example.org/mail: mail}}
    groups: {baseDN: 'ou=groups,dc=example,dc=org', filter: (objectClass=groupOfNames), nested: Detect, prefix: 'ldap:'}
liveGroups: {directory: corp, ttl: 30s, maxAge: 2m, exemptUsers: [break-glass]}
login:
  address: 127.0.0.1:9445
  tls: {certificateFile: login.crt, keyFile: login.key}
  methods:
  - passwordFile: {file: users.htpasswd}
  - ldap: {directory: corp}
  - kerberos: {keytabFile: http.keytab, service: HTTP/login.example.org, realms: [EXAMPLE.ORG], stripRealm: true}
  - oidc: {configurationFile: authn.yaml, groups: {directory: corp}}
  - clientCertificate: {caFile: badges.crt}
  token: {issuer: https://login, audiences: [api], keyFile: token.key, lifetime: 30m}
  certificate: {caCertificateFile: ca.crt, caKeyFile: ca.key, ledgerFile: ledger, revocationsFile: revoked}
  session: 8h
  guesses: {perUser: 3}
";

fn problems(text: &str) -> Vec<String> {
    match ServerConfig::parse("/etc/p/server.yaml", text.as_bytes()) {
        Ok(_) => Vec::new(),
        Err(error) => error.problems().iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn every_field_of_logins_is_read() {
    let config = ServerConfig::parse("/etc/p/server.yaml", FULL.as_bytes()).unwrap();
    let login = config.login.unwrap();
    assert_eq!(login.methods.len(), 5);
    assert_eq!(login.session, Duration::from_secs(8 * 3_600));
    assert_eq!(login.guesses, GuessConfig { per_user: 3, ..GuessConfig::default() });
    let token = login.token.unwrap();
    assert_eq!((token.lifetime, token.audiences), (Duration::from_secs(1_800), vec!["api".into()]));
    let certificate = login.certificate.unwrap();
    assert_eq!(certificate.ledger_file.path, Path::new("/etc/p/ledger"));
    assert_eq!(certificate.lifetime, Duration::from_secs(3_600));
    let [corp] = config.directories.as_slice() else { panic!("{:?}", config.directories) };
    assert!(matches!(corp.ldap.users, Users::Search(_)));
    let groups = corp.ldap.groups.as_ref().unwrap();
    assert_eq!((groups.prefix.as_str(), groups.nested), ("ldap:", Nested::DETECT));
    let live = config.live_groups.unwrap();
    assert_eq!(live.options.ttl, Duration::from_secs(30));
    assert!(live.options.exempt.contains("break-glass"));
    assert!(matches!(config.authenticators[0], AuthenticatorConfig::Oidc(_)));
    assert!(matches!(config.authenticators[1], AuthenticatorConfig::Introspection(_)));
}

/// What is replaced, by something as good, by something bad, and what is said of that.
const CASES: &[(&str, &str, &str, &str)] = &[
    (
        "  address: 127.0.0.1:9445\n",
        "  address: '[::1]:9445'\n",
        "",
        "20: `login`: `address` is missing",
    ),
    (
        "  - passwordFile: {file: users.htpasswd}",
        "  - passwordFile: {file: users.csv, format: csv}",
        "  - passwordFile: {file: users.csv, format: plain}",
        "24: `login.methods[0].passwordFile.format`: there is no `plain`",
    ),
    (
        "  - ldap: {directory: corp}",
        "  - ldap: {directory: 'corp'}",
        "  - ldap: {}",
        "25: `login.methods[1].ldap`: `directory` is missing",
    ),
    (
        "realms: [EXAMPLE.ORG], stripRealm: true",
        "realms: [EXAMPLE.ORG, OTHER.ORG]",
        "realms: [EXAMPLE.ORG, OTHER.ORG], stripRealm: true",
        "26: `login.methods[2].kerberos`: believes several realms, and has `stripRealm`",
    ),
    (
        "  - clientCertificate: {caFile: badges.crt}",
        "  - clientCertificate: {caFile: badges.crt, groups: {directory: corp}}",
        "  - clientCertificate: {caFile: badges.crt}\n  - clientCertificate: {caFile: other.crt}",
        "`login.methods`: `clientCertificate` stands there more than once; make one entry of it",
    ),
    (
        "lifetime: 30m",
        "lifetime: 24h",
        "lifetime: 25h",
        "29: `login.token.lifetime`: must be from `1m` to `24h`",
    ),
    ("session: 8h", "session: 720h", "session: 1s", "31: `login.session`: must be from `1m`"),
    (
        "    caFile: ldap.crt\n",
        "    caFile: /etc/ldap.crt\n",
        "",
        "11: `directories[0].ldap`: `caFile` is missing",
    ),
    (
        "    servers: ['ldaps://a.example.org', 'ldap://b.example.org']\n    caFile: ldap.crt\n",
        "    servers: ['ldap://a.example.org']\n    plainText: EverybodyOnTheWayReadsPasswords\n",
        "    servers: ['ldap://a.example.org']\n    plainText: true\n",
        "13: `directories[0].ldap.plainText`: must be a string",
    ),
    (
        "    bindPasswordFile: ldap-password\n",
        "    bindPasswordFile: other\n",
        "",
        "`bindPasswordFile` is missing: the file that holds the password of `bindDN`",
    ),
    (
        "filter: '(&(objectClass=person)(uid={username}))'",
        "filter: '(uid={username})'",
        "filter: '(uid=*)(x'",
        "16: `directories[0].ldap.users.filter`: ",
    ),
    (
        "liveGroups: {directory: corp, ",
        "liveGroups: {file: groups.yaml, ",
        "liveGroups: {directory: corp, file: groups.yaml, ",
        "19: `liveGroups`: names one of `directory` and `file`",
    ),
    (
        "usernamePrefix: ''",
        "usernamePrefix: 'idp:'",
        "usernameClaim: sub",
        "8: `authenticators[1].introspection`: `usernamePrefix` is missing",
    ),
    (
        "url: 'https://idp/introspect'",
        "url: 'https://idp/other'",
        "url: 'http://idp/introspect'",
        "8: `authenticators[1].introspection.url`: must begin with `https://`",
    ),
];

#[test]
fn mistakes_of_logins_are_told_with_their_place_and_their_twins_are_accepted() {
    for (from, good, bad, expected) in CASES {
        assert_eq!(FULL.matches(from).count(), 1, "{from}");
        assert_eq!(problems(&FULL.replace(from, good)), [""; 0], "{good}");
        let found = problems(&FULL.replace(from, bad));
        assert!(found.iter().any(|it| it.contains(expected)), "{bad}\n{expected}\n{found:#?}");
    }
}

#[test]
fn a_login_that_hands_out_nothing_is_no_login() {
    let text: String = FULL
        .lines()
        .filter(|line| !line.starts_with("  token:") && !line.starts_with("  certificate:"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let found = problems(&text);
    assert!(found.iter().any(|it| it.contains("`login`: hands out nothing")), "{found:?}");
}
