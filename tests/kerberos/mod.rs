//! Logins by ticket against a real KDC: `authn::kerberos` and `source::kerberos` from outside.

mod child;
mod start;

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::kdc::{Kdc, OTHER_REALM, REALM};
use child::{Acceptor, Client, Setup};

/// What most tests need: the KDC, the keytab of `HTTP/login.ex.org`, and the tickets of jane.
struct World {
    kdc: &'static Kdc,
    keytab: PathBuf,
    jane: PathBuf,
}

impl World {
    fn get() -> Option<&'static Self> {
        static WORLD: OnceLock<Option<World>> = OnceLock::new();
        let make = || {
            let kdc = Kdc::shared()?;
            // With keys of a second service, whose tickets are not for this one.
            let keytab = kdc.keytab("http.keytab", &["HTTP/login.ex.org", "host/login.ex.org"]);
            Some(World { kdc, keytab, jane: kdc.login("jane.cc", "jane", &[]) })
        };
        WORLD.get_or_init(make).as_ref()
    }

    fn acceptor(&self) -> Acceptor {
        Setup::new(&self.keytab).start(self.kdc).unwrap()
    }

    fn acceptor_by(&self, rules: serde_json::Value) -> Acceptor {
        Setup { rules, ..Setup::new(&self.keytab) }.start(self.kdc).unwrap()
    }

    fn jane(&self) -> Client {
        Client::new(self.kdc, &self.jane)
    }
}

#[test]
fn t2_a_keytab_starts_a_server_that_takes_a_ticket_and_proves_itself() {
    // T2: where others' check of the keytab was the wrong way round, nobody could ever start.
    let Some(world) = World::get() else { return };
    let (mut server, mut jane) = (world.acceptor(), world.jane());
    let accepted = server.accept(&jane.token()).unwrap();
    assert_eq!(accepted.user, "jane@EX.ORG");
    // An hour at most, as the KDC says, and the five minutes by which clocks may differ.
    assert!((1..=3600 + 300).contains(&accepted.lifetime), "{}", accepted.lifetime);
    jane.verify(&accepted.reply).unwrap();
}

#[test]
fn a_reply_that_is_missing_changed_or_another_login_s_proves_no_server() {
    let Some(world) = World::get() else { return };
    let (mut server, mut jane) = (world.acceptor(), world.jane());
    let old = server.accept(&jane.token()).unwrap().reply;
    let refused = "the server did not prove to be `HTTP@login.ex.org`: ";
    let mut replies = vec![old, Vec::new(), b"garbage".to_vec()];
    for reply in replies.drain(..) {
        server.accept(&jane.token()).unwrap();
        let said = jane.verify(&reply).unwrap_err();
        assert!(said.starts_with(refused) && said.len() > refused.len(), "{said}");
    }
    // One bit of the proof itself, which is at the end.
    let mut reply = server.accept(&jane.token()).unwrap().reply;
    *reply.last_mut().unwrap() ^= 1;
    assert!(jane.verify(&reply).unwrap_err().starts_with(refused));
    let reply = server.accept(&jane.token()).unwrap().reply;
    jane.verify(&reply).unwrap();
}

#[test]
fn a_ticket_of_another_key_or_another_service_is_refused() {
    let Some(world) = World::get() else { return };
    let mut jane = world.jane();
    // The same version of the key, and another key.
    let create = "addprinc -randkey HTTP/wrong.ex.org";
    world.kdc.admin(REALM, &[create]);
    let keytab = world.kdc.keytab("wrong.keytab", &["HTTP/wrong.ex.org"]);
    let service = "HTTP/wrong.ex.org";
    let setup = || Setup { service, ..Setup::new(&keytab) }.start(world.kdc).unwrap();
    let token = jane.token_for("HTTP@wrong.ex.org", None).unwrap();
    assert_eq!(setup().accept(&token).unwrap().user, "jane@EX.ORG");
    world.kdc.admin(
        REALM,
        &["delprinc -force HTTP/wrong.ex.org", create, "cpw -randkey HTTP/wrong.ex.org"],
    );
    let fresh = world.kdc.login("fresh.cc", "jane", &[]);
    let token = Client::new(world.kdc, &fresh).token_for("HTTP@wrong.ex.org", None).unwrap();
    let said = setup().accept(&token).unwrap_err();
    assert!(said.starts_with("the ticket is refused: "), "{said}");
    assert!(said.contains("HTTP/wrong.ex.org@EX.ORG"), "{said}");
    // A key that is in the keytab, too, and not that of the service.
    let token = jane.token_for("host@login.ex.org", None).unwrap();
    let said = world.acceptor().accept(&token).unwrap_err();
    assert!(said.starts_with("the ticket is refused: "), "{said}");
}

#[test]
fn a_token_is_taken_once_also_after_a_restart_and_without_the_library_s_replay_cache() {
    let Some(world) = World::get() else { return };
    let (mut server, mut jane) = (world.acceptor(), world.jane());
    let token = jane.token();
    server.accept(&token).unwrap();
    let said = server.accept(&token).unwrap_err();
    assert!(said.to_lowercase().contains("replay"), "{said}");
    drop(server);
    let said = world.acceptor().accept(&token).unwrap_err();
    assert!(said.starts_with("the ticket is refused: ") && said.contains("replay"), "{said}");
    // A line of `krb5.conf` turns the library's cache off, and ours is left.
    let config = world.kdc.config("no_replay_cache.conf", "default_rcache_name = none:");
    let environment = vec![("KRB5_CONFIG", Some(config.display().to_string()))];
    let mut server = Setup { environment, ..Setup::new(&world.keytab) }.start(world.kdc).unwrap();
    let token = jane.token();
    server.accept(&token).unwrap();
    let said = server.accept(&token).unwrap_err();
    assert_eq!(said, "the ticket was presented before: this is a replay");
    server.accept(&jane.token()).unwrap();
}

#[test]
fn a_ticket_ends_and_is_refused_from_then_on() {
    let Some(world) = World::get() else { return };
    let short = world.kdc.login("short.cc", "jane", &["-l", "4s"]);
    let mut jane = Client::new(world.kdc, &short);
    let begun = Instant::now();
    let token = jane.token();
    // Clocks may differ by two seconds here, not by five minutes.
    let config = world.kdc.config("two_seconds.conf", "clockskew = 2");
    let environment = vec![("KRB5_CONFIG", Some(config.display().to_string()))];
    let mut server = Setup { environment, ..Setup::new(&world.keytab) }.start(world.kdc).unwrap();
    let accepted = server.accept(&jane.token()).unwrap();
    assert!((1..=6).contains(&accepted.lifetime), "{}", accepted.lifetime);
    std::thread::sleep(Duration::from_secs(7).saturating_sub(begun.elapsed()));
    let said = server.accept(&token).unwrap_err();
    assert_eq!(said, "the ticket is refused: Ticket expired");
    // The client's library knows it, too.
    let said = jane.token_for("HTTP@login.ex.org", None).unwrap_err();
    assert!(said.starts_with("no Kerberos ticket for `HTTP@login.ex.org`: "), "{said}");
}

#[test]
fn users_of_another_realm_are_refused_unless_it_is_allowed_and_are_others_then() {
    let Some(world) = World::get() else { return };
    let cache = world.kdc.login("other.cc", &format!("jane@{OTHER_REALM}"), &[]);
    let mut jane = Client::new(world.kdc, &cache);
    let said = world.acceptor().accept(&jane.token()).unwrap_err();
    assert_eq!(said, "principal `jane@OTHER.ORG` is of realm `OTHER.ORG`, which is not allowed");
    let mut server = world.acceptor_by(json!({ "realms": ["EX.ORG", "OTHER.ORG"] }));
    assert_eq!(server.accept(&jane.token()).unwrap().user, "jane@OTHER.ORG");
    assert_eq!(server.accept(&world.jane().token()).unwrap().user, "jane@EX.ORG");
    // Without a realm in the names there is one jane, and it is not this one.
    let mut server = world.acceptor_by(json!({ "realms": ["EX.ORG"], "short": true }));
    assert!(server.accept(&jane.token()).is_err());
    assert_eq!(server.accept(&world.jane().token()).unwrap().user, "jane");
    let mut server = world.acceptor_by(json!({ "realms": ["ex.org"] }));
    assert!(server.accept(&world.jane().token()).is_err());
}

#[test]
fn jane_admin_is_not_jane() {
    let Some(world) = World::get() else { return };
    let cache = world.kdc.login("admin.cc", "jane/admin", &[]);
    let mut admin = Client::new(world.kdc, &cache);
    let said = world
        .acceptor_by(json!({ "realms": ["EX.ORG"], "short": true }))
        .accept(&admin.token())
        .unwrap_err();
    assert_eq!(
        said,
        "principal `jane/admin@EX.ORG` has an instance (what follows the `/`) that is not allowed"
    );
    let rules = json!({ "realms": ["EX.ORG"], "short": true, "instances": ["admin"] });
    let mut server = world.acceptor_by(rules);
    assert_eq!(server.accept(&admin.token()).unwrap().user, "jane/admin");
    assert_eq!(server.accept(&world.jane().token()).unwrap().user, "jane");
}

#[test]
fn names_of_principals_are_read_as_the_library_writes_them() {
    let Some(world) = World::get() else { return };
    let names = [r"slash\/ed", r"at\@ed", r"back\\slashed", "hélène"];
    for (index, name) in names.iter().enumerate() {
        world.kdc.admin(REALM, &[&format!("addprinc -pw correct-horse \"{name}\"")]);
        // Straight for the service: MIT's KDC trips over its own PAC where a name needs an escape.
        let service = ["-S", "HTTP/login.ex.org"];
        let cache = world.kdc.login(&format!("name{index}.cc"), name, &service);
        let token = Client::new(world.kdc, &cache).token_for("HTTP@login.ex.org", None);
        let token = token.unwrap_or_else(|error| panic!("{name}: {error}"));
        let accepted = world.acceptor().accept(&token).unwrap();
        assert_eq!(accepted.user, format!("{name}@EX.ORG"));
    }
    let cache = world.kdc.login("system.cc", "system:admin", &[]);
    let said = world.acceptor().accept(&Client::new(world.kdc, &cache).token()).unwrap_err();
    assert_eq!(
        said,
        "principal `system:admin@EX.ORG` would be user name `system:admin@EX.ORG`, and `system:` \
         names are Kubernetes' own"
    );
}

#[test]
fn garbage_ntlm_and_half_tokens_are_refused() {
    let Some(world) = World::get() else { return };
    let (mut server, mut jane) = (world.acceptor(), world.jane());
    let unreadable = "the Negotiate token cannot be read as SPNEGO with a Kerberos ticket";
    assert_eq!(server.accept(b"garbage").unwrap_err(), unreadable);
    assert_eq!(server.accept(b"").unwrap_err(), "the Negotiate token is empty");
    let said = server.accept(b"NTLMSSP\0\x01\0\0\0\x97\x82\x08\xe2").unwrap_err();
    assert!(said.starts_with("the client offers NTLM and not Kerberos: "), "{said}");
    let token = jane.token();
    assert_eq!(server.accept(&token[..token.len() - 1]).unwrap_err(), unreadable);
    assert_eq!(server.accept(&[&token[..], b"x"].concat()).unwrap_err(), unreadable);
    // A bit of the encrypted part, which only the library can tell.
    let mut changed = token.clone();
    *changed.last_mut().unwrap() ^= 1;
    let said = server.accept(&changed).unwrap_err();
    assert!(said.starts_with("the ticket is refused: "), "{said}");
    // After all that the server still serves, and the token is still good.
    assert_eq!(server.accept(&token).unwrap().user, "jane@EX.ORG");
}

#[test]
fn a_kerberos_token_without_spnego_is_refused_unless_allowed() {
    let Some(world) = World::get() else { return };
    let mut jane = world.jane();
    let mut unwrapped = || {
        let token = jane.token();
        // The Kerberos token within: its tag and length are before its mechanism.
        let mechanism = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2, 1, 0, 0x6e];
        let at = token.windows(mechanism.len()).position(|window| window == mechanism).unwrap();
        token[at - 4..].to_vec()
    };
    let said = world.acceptor().accept(&unwrapped()).unwrap_err();
    assert_eq!(said, "the token is a Kerberos token outside of SPNEGO (RFC 4559 wants it inside)");
    let mut server = world.acceptor_by(json!({ "realms": ["EX.ORG"], "unwrapped": true }));
    assert_eq!(server.accept(&unwrapped()).unwrap().user, "jane@EX.ORG");
}

#[test]
fn a_channel_binding_must_be_that_of_the_connection() {
    let Some(world) = World::get() else { return };
    let mut jane = world.jane();
    let (ours, theirs) = ("tls-server-end-point:ours", "tls-server-end-point:theirs");
    let mut token = |binding| jane.token_for("HTTP@login.ex.org", binding).unwrap();
    let mut server = world.acceptor();
    let mut strict = world.acceptor_by(json!({ "realms": ["EX.ORG"], "bound": true }));
    // Bound and right.
    server.accept_bound(&token(Some(ours)), Some(ours)).unwrap();
    strict.accept_bound(&token(Some(ours)), Some(ours)).unwrap();
    // Bound to another connection: somebody is in between.
    let said = server.accept_bound(&token(Some(theirs)), Some(ours)).unwrap_err();
    assert!(said.starts_with("the ticket is refused: Incorrect channel bindings"), "{said}");
    assert!(strict.accept_bound(&token(Some(theirs)), Some(ours)).is_err());
    // Not bound: MIT Kerberos takes it, and only `Require` does not.
    server.accept_bound(&token(None), Some(ours)).unwrap();
    assert_eq!(
        strict.accept_bound(&token(None), Some(ours)).unwrap_err(),
        "a channel binding is required, and the client of `jane@EX.ORG` sent none"
    );
    // The server does not know its own: what the client bound is not looked at.
    server.accept_bound(&token(Some(ours)), None).unwrap();
    assert!(strict.accept_bound(&token(Some(ours)), None).unwrap_err().contains("has none"));
}

#[test]
fn the_number_that_windows_has_for_kerberos_is_kerberos() {
    let Some(world) = World::get() else { return };
    let mut token = world.jane().token();
    // The first mechanism of the list, in which Windows lost a bit: 1.2.840.48018.1.2.2.
    let mechanism = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2];
    let at = token.windows(mechanism.len()).position(|window| window == mechanism).unwrap();
    token[at + 3] = 0x82;
    assert_eq!(world.acceptor().accept(&token).unwrap().user, "jane@EX.ORG");
}

#[test]
fn what_a_client_delegates_is_not_kept() {
    let Some(world) = World::get() else { return };
    let cache = world.kdc.login("forwardable.cc", "jane", &["-f"]);
    let mut jane = Client::new(world.kdc, &cache);
    let (plain, delegating) = (jane.token(), jane.delegating_token());
    assert!(delegating.len() > plain.len(), "{} {}", delegating.len(), plain.len());
    // What the library stores would be in the server's own cache.
    let own = world.kdc.path("server.cc");
    let environment = vec![("KRB5CCNAME", Some(format!("FILE:{}", own.display())))];
    let mut server = Setup { environment, ..Setup::new(&world.keytab) }.start(world.kdc).unwrap();
    assert_eq!(server.accept(&delegating).unwrap().user, "jane@EX.ORG");
    assert!(!own.exists());
}

#[test]
fn many_logins_at_once_are_each_taken_once() {
    let Some(world) = World::get() else { return };
    let (mut server, mut jane) = (world.acceptor(), world.jane());
    let mut tokens: Vec<Vec<u8>> = (0..40).map(|_| jane.token()).collect();
    // Each twice, so that both meet.
    tokens = tokens.into_iter().flat_map(|token| [token.clone(), token]).collect();
    let accepted = server.accept_all(&tokens);
    assert_eq!(accepted.len(), 80);
    for (pair, twice) in accepted.chunks_exact(2).enumerate() {
        assert_ne!(twice[0], twice[1], "login {pair}");
    }
}

#[test]
fn a_new_key_in_the_keytab_counts_at_once() {
    let Some(world) = World::get() else { return };
    world.kdc.admin(REALM, &["addprinc -randkey HTTP/rotated.ex.org"]);
    let keytab = world.kdc.keytab("rotated.keytab", &["HTTP/rotated.ex.org"]);
    let service = "HTTP/rotated.ex.org@EX.ORG";
    let mut server = Setup { service, ..Setup::new(&keytab) }.start(world.kdc).unwrap();
    let mut login = |name: &str| {
        let cache = world.kdc.login(name, "jane", &[]);
        let token = Client::new(world.kdc, &cache).token_for("HTTP@rotated.ex.org", None);
        server.accept(&token.unwrap()).unwrap().user
    };
    assert_eq!(login("before.cc"), "jane@EX.ORG");
    world.kdc.keytab("rotated.keytab", &["HTTP/rotated.ex.org"]);
    assert_eq!(login("after.cc"), "jane@EX.ORG");
}

#[test]
fn without_a_ticket_or_a_service_the_client_says_so() {
    let Some(world) = World::get() else { return };
    let mut nobody = Client::new(world.kdc, &world.kdc.path("nobody.cc"));
    let said = nobody.token_for("HTTP@login.ex.org", None).unwrap_err();
    assert!(said.starts_with("no Kerberos credentials: "), "{said}");
    assert!(said.ends_with("; log in with `kinit` first"), "{said}");
    let said = world.jane().token_for("HTTP@nowhere.ex.org", None).unwrap_err();
    assert!(said.starts_with("no Kerberos ticket for `HTTP@nowhere.ex.org`: "), "{said}");
    let said = world.jane().token_for("HTTP/login.ex.org", None).unwrap_err();
    assert_eq!(said, "the service `HTTP/login.ex.org` must have the form `HTTP@host.example.org`");
}
