//! Logins by the tickets of a real KDC.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::SanType;

use super::login::{BEARER, Door, OpenDoor, Seen};
use crate::support::kdc::{Kdc, REALM};

/// A door that takes tickets for `HTTP/<host>`, a service of nobody else: new keys of one that others
/// have tickets for would be their end.
pub(super) fn door(kdc: &Kdc, host: &str, methods: &str, more: &str) -> Door {
    let service = format!("HTTP/{host}");
    kdc.admin(REALM, &[&format!("addprinc -randkey {service}")]);
    let keytab = kdc.keytab(&format!("{host}.keytab"), &[&service]);
    let tickets = format!(
        "  - kerberos: {{keytabFile: '{}', service: {service}, realms: [{REALM}], stripRealm: true}}",
        keytab.display()
    );
    let door = Door::with(&format!("{methods}{tickets}"), more);
    let names = vec![SanType::DnsName(host.try_into().unwrap())];
    let server = door.home.ca.issue_with("portcullis", names);
    door.home.write("tls.crt", &server.certificate);
    door.home.write("tls.key", &server.key);
    door
}

pub(super) fn start(kdc: &Kdc, door: &Door) -> OpenDoor {
    Door::open(door.home.start_by(kdc.command(env!("CARGO_BIN_EXE_portcullis"))))
}

/// Asks with the tickets of this cache.
pub(super) fn negotiate(
    kdc: &Kdc,
    open: &OpenDoor,
    host: &str,
    cache: &str,
    args: &[&str],
) -> Seen {
    let mut curl: Command = kdc.command("curl");
    curl.env("KRB5CCNAME", kdc.path(cache));
    let args = [&["--negotiate", "-u", ":", "-X", "POST"][..], args].concat();
    open.curl_by(curl, host, "/login", &args)
}

#[tokio::test]
async fn a_ticket_is_worth_a_token_and_the_server_proves_itself_too() {
    const HOST: &str = "e2e.ex.org";
    let Some(kdc) = Kdc::shared() else { return };
    let door = door(kdc, HOST, "", "");
    let open = start(kdc, &door);
    kdc.login("e2e-jane", "jane", &[]);
    let seen = negotiate(kdc, &open, HOST, "e2e-jane", &[]);
    assert_eq!(seen.status, 200, "{}\n{}", seen.body, open.running.process.stderr());
    assert_eq!(seen.body["status"]["user"]["username"], "jane");
    let mutual = seen.headers.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("www-authenticate").then(|| value.strip_prefix("Negotiate "))?
    });
    let mutual = STANDARD.decode(mutual.expect(&seen.headers).trim()).unwrap();
    assert!(mutual.len() > 50, "{mutual:?}");
    let status = open.review(seen.token()).await;
    assert_eq!(status["user"]["username"], "jane", "{status}");

    // Nobody can be asked for jane: nothing is renewed.
    let token = format!("{BEARER}{}", seen.token());
    let args = ["-H", &token, "-X", "POST"];
    let renewed = open.curl_by(Command::new("curl"), HOST, "/login/refresh", &args);
    assert_eq!(renewed.status, 401, "{}", renewed.body);

    // No ticket, no instance that nobody allowed, no user of the cluster's own.
    kdc.login("e2e-admin", "jane/admin", &[]);
    kdc.login("e2e-system", "system:admin", &[]);
    for cache in ["e2e-nobody", "e2e-admin", "e2e-system"] {
        let seen = negotiate(kdc, &open, HOST, cache, &[]);
        assert_eq!(seen.status, 401, "{cache}: {}", seen.body);
        assert_eq!(seen.body["message"], "Unauthorized", "{cache}");
        assert!(seen.lower().contains("www-authenticate: negotiate"), "{}", seen.headers);
    }
    // A ticket that was seen is worth nothing a second time.
    let shown = negotiate(kdc, &open, HOST, "e2e-jane", &["-v"]);
    assert_eq!(shown.status, 200, "{}", shown.body);
    let again = shown_ticket(&shown);
    let args = ["-H", &again, "-X", "POST"];
    let seen = open.curl_by(Command::new("curl"), HOST, "/login", &args);
    assert_eq!(seen.status, 401, "{}", seen.body);
}

/// The header with the ticket that curl says it sent.
pub(super) fn shown_ticket(seen: &Seen) -> String {
    let line = seen.said.lines().find_map(|line| {
        let at = line.find("Authorization: Negotiate ")?;
        Some(line.get(at..)?.trim().to_owned())
    });
    line.filter(|line| line.len() > 100).unwrap_or_else(|| panic!("{}", seen.said))
}
