//! Logins of an organisation's people: by a real directory, and by the tokens of a real issuer.

use serde_json::{Value, json};

use super::kit::*;
use super::login::{BEARER, Door, OpenDoor, Seen};
use crate::support::oidc_provider::Provider;
use crate::support::slapd::{Pki, SERVICE_DN, SERVICE_PASSWORD, Setup, Slapd};
use crate::support::slapd::{group, group_dn, person, person_dn};

/// People who may be disabled, jane in `dev` and joe in both.
pub(super) fn people() -> String {
    let may_be_locked = "objectClass: foreignAccount\n";
    let (jane, joe) = (person_dn("jane"), person_dn("joe"));
    [
        person("jane", may_be_locked),
        person("joe", may_be_locked),
        group("dev", &[jane, joe.clone()]),
        group("ops", &[joe]),
    ]
    .concat()
}

/// The part of a configuration that names the directory.
pub(super) fn directory(slapd: &Slapd) -> String {
    format!(
        "
directories:
- name: corp
  ldap:
    servers: ['{}']
    caFile: ldap-ca.crt
    bindDN: {SERVICE_DN}
    bindPasswordFile: ldap-password
    users: {{baseDN: 'ou=people,dc=example,dc=org', filter: '(uid={{username}})'}}
    attributes: {{username: uid}}
    groups: {{baseDN: 'ou=groups,dc=example,dc=org', filter: '(objectClass=groupOfNames)', remember: 0s}}
",
        slapd.tls_url()
    )
}

pub(super) fn write_directory(home: &Home, pki: &Pki) {
    home.write("ldap-ca.crt", &std::fs::read_to_string(pki.file("ca.pem")).unwrap());
    home.write("ldap-password", SERVICE_PASSWORD);
}

fn log_in(open: &OpenDoor, user: &str) -> Seen {
    open.curl("/login", &["-u", user, "-X", "POST"])
}

fn renew(open: &OpenDoor, token: &str) -> Seen {
    open.curl("/login/refresh", &["-H", &format!("{BEARER}{token}"), "-X", "POST"])
}

fn sorted(groups: &Value) -> Vec<&str> {
    let mut groups: Vec<_> = groups.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    groups.sort_unstable();
    groups
}

#[tokio::test]
async fn a_directory_decides_who_logs_in_and_at_each_renewal_who_still_does() {
    let pki = Pki::new();
    let setup = Setup { ldif: people(), ..Setup::default() };
    let Some(mut slapd) = Slapd::start(&pki, &setup) else { return };
    let door = Door::with("  - ldap: {directory: corp}", &directory(&slapd));
    write_directory(&door.home, &pki);
    let open = door.start();
    let jane = log_in(&open, "jane:pw-jane");
    assert_eq!(jane.status, 200, "{}\n{}", jane.body, open.running.process.stderr());
    assert_eq!(jane.groups(), &json!(["dev"]));
    let joe = log_in(&open, "joe:pw-joe");
    assert_eq!(sorted(joe.groups()), ["dev", "ops"]);
    for wrong in ["jane:pw-joe", "jane:", "nobody:pw-jane", "*:pw-jane", "jane)(uid=joe:pw-joe"] {
        assert_eq!(log_in(&open, wrong).status, 401, "{wrong}");
    }
    let status = open.review(jane.token()).await;
    assert_eq!(status["user"]["username"], "jane", "{status}");
    assert_eq!(status["user"]["groups"], json!(["dev", "system:authenticated"]));

    let ops = group_dn("ops");
    slapd.modify(&format!(
        "dn: {ops}\nchangetype: modify\nadd: member\nmember: {}\n",
        person_dn("jane")
    ));
    let renewed = renew(&open, jane.token());
    assert_eq!(renewed.status, 200, "{}", renewed.body);
    assert_eq!(sorted(renewed.groups()), ["dev", "ops"]);
    assert_eq!(renewed.body["status"]["refreshableUntil"], jane.body["status"]["refreshableUntil"]);

    // Disabled: nothing is renewed, nor is the right password worth anything. Joe goes on.
    let who = person_dn("jane");
    slapd.modify(&format!(
        "dn: {who}\nchangetype: modify\nadd: nsAccountLock\nnsAccountLock: TRUE\n"
    ));
    for seen in [renew(&open, renewed.token()), log_in(&open, "jane:pw-jane")] {
        assert_eq!(seen.status, 401, "{}", seen.body);
        assert_eq!(seen.body["message"], "Unauthorized");
    }
    assert_eq!(renew(&open, joe.token()).status, 200);
    slapd.modify(&format!("dn: {who}\nchangetype: modify\ndelete: nsAccountLock\n"));
    assert_eq!(renew(&open, renewed.token()).status, 200);
    // Gone for good.
    slapd.modify(&format!("dn: {who}\nchangetype: delete\n"));
    assert_eq!(renew(&open, renewed.token()).status, 401);

    // Nobody is asked, nobody is told who is who; and it ends with the outage.
    slapd.kill();
    for (what, seen) in [
        ("right", log_in(&open, "joe:pw-joe")),
        ("wrong", log_in(&open, "joe:wrong")),
        ("renewal", renew(&open, joe.token())),
    ] {
        assert_eq!(seen.status, 503, "{what}: {}\n{}", seen.body, open.running.process.stderr());
        assert!(seen.lower().contains("retry-after: "), "{}", seen.headers);
    }
    // Nor is an outage a wrong guess, of which three are one too many.
    for _ in 0..4 {
        assert_eq!(log_in(&open, "joe:pw-joe").status, 503);
    }
    slapd.restart();
    let back = || log_in(&open, "joe:pw-joe").status == 200;
    open.running.until("the directory is back", "/metrics", |_| back()).await;
    assert_eq!(renew(&open, joe.token()).status, 200);
}

/// The API server's own configuration of an issuer.
pub(super) fn authentication(provider: &Provider) -> String {
    let config = json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "jwt": [{
            "issuer": {
                "url": provider.issuer,
                "audiences": ["kubectl"],
                "certificateAuthority": provider.ca,
            },
            "claimMappings": {
                "username": {"claim": "sub", "prefix": ""},
                "groups": {"claim": "groups", "prefix": ""},
            },
        }],
    });
    config.to_string()
}

/// The first login that succeeds, once the issuer is known.
pub(super) async fn exchanged(open: &OpenDoor, token: &str) -> Seen {
    let header = format!("{BEARER}{token}");
    let post = || open.curl("/login", &["-H", &header, "-X", "POST"]);
    open.running.until("the issuer", "/metrics", |_| post().status == 200).await;
    post()
}

#[tokio::test]
async fn a_token_of_the_issuer_is_worth_one_of_ours_for_as_long_as_it_lasts() {
    let Some(provider) = Provider::start() else { return };
    let door = Door::new("  - oidc: {configurationFile: authentication.json}");
    door.home.write("authentication.json", &authentication(&provider));
    let open = door.start();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let theirs = provider.token("ES256", json!({"groups": ["dev"], "exp": now + 120}));
    let ours = exchanged(&open, &theirs).await;
    assert_eq!(ours.body["status"]["user"], json!({"username": "jane", "groups": ["dev"]}));
    let end = ours.body["status"]["expirationTimestamp"].as_str().unwrap();
    let end: jiff::Timestamp = end.parse().unwrap();
    assert!(end.as_second() <= i64::try_from(now).unwrap() + 120, "{end}");
    let status = open.review(ours.token()).await;
    assert_eq!(status["user"]["groups"], json!(["dev", "system:authenticated"]), "{status}");
    // Theirs is none for the API server: nobody said so.
    assert_ne!(open.review(&theirs).await["authenticated"], true);
    let seen = open.curl("/login", &[]);
    let issuers = json!([{"issuer": provider.issuer, "clientID": "kubectl"}]);
    assert_eq!((&seen.body["oidc"], &seen.body["refresh"]), (&issuers, &json!(false)));

    for (claims, why) in [
        (json!({"exp": now - 120}), "it is over"),
        (json!({"aud": "somebody"}), "it is for somebody else"),
        (json!({"groups": ["system:masters"]}), "a group of the cluster's own"),
        (json!({"sub": "system:admin"}), "a user of the cluster's own"),
        (json!({"iss": "https://elsewhere.example.org"}), "another issuer"),
    ] {
        let header = format!("{BEARER}{}", provider.token("ES256", claims));
        let seen = open.curl("/login", &["-H", &header, "-X", "POST"]);
        assert_eq!(seen.status, 401, "{why}: {}", seen.body);
        assert_eq!(seen.body["message"], "Unauthorized");
    }
    // Ours is no proof, and theirs is not renewed; of ours nobody knows whether jane is still there.
    let ours = format!("{BEARER}{}", ours.token());
    assert_eq!(open.curl("/login", &["-H", &ours, "-X", "POST"]).status, 401);
    assert_eq!(open.curl("/login/refresh", &["-H", &ours, "-X", "POST"]).status, 401);
    assert_eq!(renew(&open, &theirs).status, 401);
    // Two headers are none.
    let good = format!("{BEARER}{theirs}");
    let both = ["-H", "Authorization: Bearer a.b.c", "-H", &good, "-X", "POST"];
    assert_eq!(open.curl("/login", &both).status, 401);
}
