//! T5: a keytab that cannot work stops the start, where others only warn and go on without.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::World;
use super::child::Setup;
use crate::support::kdc::REALM;

/// Why a server does not start.
fn why(world: &World, setup: Setup<'_>) -> String {
    setup.start(world.kdc).map(|_| ()).unwrap_err()
}

fn with(keytab: &Path, variable: &'static str, value: Option<&str>) -> Setup<'static> {
    let keytab = Box::leak(keytab.to_owned().into_boxed_path());
    let environment = vec![(variable, value.map(str::to_owned))];
    Setup { environment, ..Setup::new(keytab) }
}

#[test]
fn t5_a_keytab_that_is_missing_or_none_stops_the_start() {
    let Some(world) = World::get() else { return };
    let missing = world.kdc.path("missing.keytab");
    assert_eq!(
        why(world, Setup::new(&missing)),
        format!(
            "keytab `{}`: cannot be read: No such file or directory (os error 2)",
            missing.display()
        )
    );
    let folder = world.kdc.path("folder.keytab");
    fs::create_dir_all(&folder).unwrap();
    assert_eq!(
        why(world, Setup::new(&folder)),
        format!("keytab `{}`: is no file", folder.display())
    );
    let file = |name: &str, bytes: &[u8]| {
        let path = world.kdc.path(name);
        fs::write(&path, bytes).unwrap();
        (why(world, Setup::new(&path)), format!("keytab `{}`: ", path.display()))
    };
    let whole = fs::read(&world.keytab).unwrap();
    for (name, bytes, problem) in [
        ("text.keytab", &b"not a keytab\n"[..], "is no keytab of format 0x502"),
        ("nothing.keytab", b"", "is no keytab of format 0x502"),
        ("empty.keytab", b"\x05\x02", "holds no key"),
        ("short.keytab", &whole[..whole.len() - 1], "is damaged at byte "),
    ] {
        let (said, keytab) = file(name, bytes);
        assert!(said.starts_with(&format!("{keytab}{problem}")), "{said}");
    }
}

#[test]
fn t5_a_keytab_that_this_process_may_not_read_stops_the_start() {
    let Some(world) = World::get() else { return };
    let locked = world.kdc.path("locked.keytab");
    fs::copy(&world.keytab, &locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    let mut setup = Setup::new(&locked);
    if fs::File::open(&locked).is_ok() {
        // Root reads every file, unless it gives up what makes it so.
        setup.starter = vec!["setpriv", "--bounding-set", "-dac_override,-dac_read_search"];
    }
    let said = why(world, setup);
    assert!(said.ends_with("cannot be read: Permission denied (os error 13)"), "{said}");
}

#[test]
fn t5_a_keytab_without_a_usable_key_of_the_service_stops_the_start() {
    let Some(world) = World::get() else { return };
    let other = "HTTP/other.ex.org";
    let said = why(world, Setup { service: other, ..Setup::new(&world.keytab) });
    assert_eq!(
        said,
        format!(
            "keytab `{}`: holds no key of `HTTP/other.ex.org`, but of \
             `HTTP/login.ex.org@EX.ORG`, `host/login.ex.org@EX.ORG`",
            world.keytab.display()
        )
    );
    let elsewhere = "HTTP/login.ex.org@OTHER.ORG";
    let said = why(world, Setup { service: elsewhere, ..Setup::new(&world.keytab) });
    assert!(said.contains("holds no key of `HTTP/login.ex.org@OTHER.ORG`"), "{said}");
    let said = why(world, Setup { service: "login.ex.org", ..Setup::new(&world.keytab) });
    assert!(said.starts_with("the service `login.ex.org` must have the form "), "{said}");
    // One entry, whose key is for DES: `HTTP/des@EX.ORG`, type of name, time, version, key.
    let entry = [
        &b"\0\x02\0\x06EX.ORG\0\x04HTTP\0\x03des"[..],
        b"\0\0\0\x01\0\0\0\0\x02\0\x03\0\x0812345678",
    ]
    .concat();
    let length = u32::try_from(entry.len()).unwrap().to_be_bytes();
    let des = world.kdc.path("des.keytab");
    fs::write(&des, [&b"\x05\x02"[..], &length, &entry].concat()).unwrap();
    let said = why(world, Setup { service: "HTTP/des", ..Setup::new(&des) });
    assert_eq!(
        said,
        format!(
            "keytab `{}`: holds keys of `HTTP/des` only for des-cbc-md5, which are broken or \
             unknown: get AES keys for it",
            des.display()
        )
    );
}

#[test]
fn t5_a_library_that_would_look_into_another_keytab_stops_the_start() {
    let Some(world) = World::get() else { return };
    let keytab = world.keytab.as_path();
    let said = why(world, with(keytab, "KRB5_KTNAME", None));
    assert_eq!(
        said,
        format!(
            "the environment variable KRB5_KTNAME is not set, and the Kerberos library finds \
             keytab `{}` only by it",
            keytab.display()
        )
    );
    let said = why(world, with(keytab, "KRB5_KTNAME", Some("FILE:/etc/krb5.keytab")));
    assert!(
        said.starts_with("the environment variable KRB5_KTNAME names `FILE:/etc/krb5.keytab`, and"),
        "{said}"
    );
    let said = why(world, Setup::new(Path::new("http.keytab")));
    assert!(said.starts_with("the keytab must be named by an absolute path"), "{said}");
    // Its own form of the same path is not another.
    let path = keytab.display().to_string();
    assert!(with(keytab, "KRB5_KTNAME", Some(&path)).start(world.kdc).is_ok());
}

#[test]
fn t5_a_program_whose_environment_the_library_ignores_stops_the_start() {
    let Some(world) = World::get() else { return };
    let mut setup = Setup::new(&world.keytab);
    // As if set-user-id: the real user is another than the effective one.
    setup.starter = vec!["setpriv", "--ruid", "65534", "--clear-groups"];
    let tried = world.kdc.command("setpriv").args(&setup.starter[1..]).arg("true").output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        eprintln!("skipped: only root can be two users at once, by setpriv");
        return;
    }
    let said = why(world, setup);
    assert!(said.starts_with("the Kerberos library ignores KRB5_KTNAME in a program"), "{said}");
}

#[test]
fn a_keytab_that_everybody_can_read_starts_with_a_notice() {
    let Some(world) = World::get() else { return };
    let keytab = world.kdc.path("readable.keytab");
    fs::copy(&world.keytab, &keytab).unwrap();
    let notices = |mode| {
        fs::set_permissions(&keytab, fs::Permissions::from_mode(mode)).unwrap();
        Setup::new(&keytab).start(world.kdc).unwrap().notices
    };
    assert_eq!(notices(0o640), Vec::<String>::new());
    assert_eq!(
        notices(0o644),
        [format!(
            "keytab `{}` can be read by everybody on this host: whoever reads it can be anybody",
            keytab.display()
        )]
    );
}

#[test]
fn t5_a_library_that_could_tell_no_replay_stops_the_start() {
    let Some(world) = World::get() else { return };
    for (variable, value) in [("KRB5RCACHENAME", "none:"), ("KRB5RCACHETYPE", "none")] {
        let said = why(world, with(&world.keytab, variable, Some(value)));
        assert_eq!(
            said,
            format!(
                "the environment variable `{variable}` turns the replay cache of the Kerberos \
                 library off: unset it"
            )
        );
    }
    let nowhere = world.kdc.path("nowhere").display().to_string();
    let said = why(world, with(&world.keytab, "KRB5RCACHEDIR", Some(&nowhere)));
    assert!(
        said.starts_with("the replay cache of the Kerberos library cannot be written in"),
        "{said}"
    );
}

#[test]
fn t5_a_configuration_of_the_library_that_cannot_be_read_stops_the_start() {
    let Some(world) = World::get() else { return };
    let broken = world.kdc.path("broken.conf");
    fs::write(&broken, "[libdefaults\n nonsense").unwrap();
    let setup = with(&world.keytab, "KRB5_CONFIG", broken.to_str());
    let said = why(world, setup);
    let expected =
        format!("the Kerberos library cannot use keytab `{}` for ", world.keytab.display());
    assert!(said.starts_with(&expected), "{said}");
    assert!(said.contains(REALM), "{said}");
}
