//! A renewal of two files between any two of its steps, made by hand.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use portcullis::crypto::certificate::chain_from_pem;

use super::{Site, mode};

const WITHIN: [&str; 2] = ["--if-within", "9999"];

/// A user's pair and the one that follows it: certificate and key.
fn pairs(site: &Site, user: &str) -> [[Vec<u8>; 2]; 2] {
    let read = |stem: &str| {
        ["crt", "key"].map(|ending| fs::read(site.path(&format!("{stem}.{ending}"))).unwrap())
    };
    let other = format!("{user}-other");
    let [certificate, key] = ["crt", "key"].map(|ending| format!("{other}.{ending}"));
    site.done(&["cert", "issue", "--user", user, "--out-dir", "."]);
    for ending in ["crt", "key"] {
        let [from, to] = [user, &other].map(|stem| site.path(&format!("{stem}.{ending}")));
        fs::copy(from, to).unwrap();
    }
    let renew = ["cert", "renew", "--cert", &certificate, "--key", &key];
    site.done(&[&renew[..], &WITHIN].concat());
    [read(user), read(&other)]
}

#[test]
fn a_renewal_cut_off_between_two_steps_is_finished_and_only_the_old_certificate_revoked() {
    let site = Site::new();
    // Which of old and new lie there: certificate, key; and which new files beside them.
    for (number, (certificate, key, beside, revoke)) in [
        (0, 0, [true, true], false),
        (0, 0, [true, true], true),
        (0, 1, [true, true], true),
        (0, 1, [true, false], true),
        (1, 1, [true, false], true),
    ]
    .into_iter()
    .enumerate()
    {
        let user = format!("user-{number}");
        let pairs = pairs(&site, &user);
        let path = |ending: &str| site.path(&format!("{user}.{ending}"));
        fs::write(path("crt"), &pairs[certificate][0]).unwrap();
        fs::write(path("key"), &pairs[key][1]).unwrap();
        for ((ending, content), is_there) in
            ["crt.new", "key.new"].iter().zip(&pairs[1]).zip(beside)
        {
            if is_there {
                fs::write(path(ending), content).unwrap();
                fs::set_permissions(path(ending), Permissions::from_mode(0o600)).unwrap();
            }
        }
        site.check();
        let [old, new] = [0, 1].map(|which| chain_from_pem(&pairs[which][0]).unwrap().remove(0));
        let files = ["crt", "key"].map(|ending| format!("{user}.{ending}"));
        let renew = ["cert", "renew", "--cert", &files[0], "--key", &files[1]];
        let more: &[&str] = if revoke { &["--revoke-old"] } else { &[] };
        let ran = site.done(&[&renew[..], &WITHIN, more].concat());
        assert!(ran.err.contains("it is finished now"), "{}", ran.err);
        assert_eq!([fs::read(path("crt")).unwrap(), fs::read(path("key")).unwrap()], pairs[1]);
        assert!(!path("crt.new").exists() && !path("key.new").exists());
        let books = site.check();
        let is_revoked = |der: &[u8]| books.record(der).unwrap().revoked.is_some();
        // In the last state it was revoked before its certificate was replaced; nobody can tell now.
        assert_eq!(is_revoked(&old), revoke && certificate == 0, "state {number}");
        assert!(!is_revoked(&new), "state {number}");
        books.agree();
    }
}

#[test]
fn a_renewal_before_it_had_a_certificate_says_what_to_remove_and_changes_nothing() {
    let site = Site::new();
    let [old, new] = pairs(&site, "jane");
    fs::write(site.path("jane.key.new"), &new[1]).unwrap();
    fs::set_permissions(site.path("jane.key.new"), Permissions::from_mode(0o600)).unwrap();
    let renew = ["cert", "renew", "--cert", "jane.crt", "--key", "jane.key"];
    let ran = site.run(&[&renew[..], &WITHIN].concat());
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("`jane.key.new` was left by a renewal"), "{}", ran.err);
    assert_eq!([site.text("jane.crt").into_bytes(), site.text("jane.key").into_bytes()], old);
}

#[test]
fn who_may_read_a_renewed_pair_and_where_its_links_lead_stays() {
    let site = Site::new();
    site.done(&["cert", "issue", "--user", "jane", "--out-dir", "store"]);
    // Who serves with it reads it as a group; certificates are often linked to.
    fs::set_permissions(site.path("store/jane.key"), Permissions::from_mode(0o640)).unwrap();
    symlink("store/jane.crt", site.path("link.crt")).unwrap();
    let before = site.text("store/jane.crt");
    let renew = ["cert", "renew", "--cert", "link.crt", "--key", "store/jane.key"];
    site.done(&[&renew[..], &WITHIN].concat());
    assert!(fs::symlink_metadata(site.path("link.crt")).unwrap().is_symlink());
    assert_ne!(site.text("store/jane.crt"), before);
    assert_eq!(mode(&site.path("store/jane.key")), 0o640);
    fs::set_permissions(site.path("store/jane.key"), Permissions::from_mode(0o600)).unwrap();
    site.check();
}
