//! Password files as others make them: Apache's `htpasswd` and OpenSSL write, Portcullis reads, and the
//! other way round what Portcullis adds survives them.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use portcullis::authn::basic::{HashedPasswords, PasswordFile, PasswordHash, PasswordRow};
use portcullis::authn::{PasswordAttempt, ReservedNames, Secret};
use portcullis::model::User;

const PASSWORD: &str = "open sesame: ü";

/// What a program prints, given a password on its standard input; `None` where it is not installed.
fn run(program: &str, args: &[&str], folder: &Path) -> Option<(bool, String)> {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(_) => {
            eprintln!("skipped: `{program}` is not installed");
            return None;
        }
    };
    // One that reads nothing may have gone before.
    let _ = child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes());
    let output = child.wait_with_output().unwrap();
    Some((output.status.success(), String::from_utf8(output.stdout).unwrap()))
}

#[track_caller]
fn knows(text: &str, name: &str) {
    let (file, _) = PasswordFile::from_hashed("users", text, ReservedNames::Refuse).unwrap();
    let check = |password| {
        file.check(PasswordAttempt { name, password, source: None, now: 0 })
            .map_err(|it| it.to_string())
    };
    assert_eq!(check(PASSWORD).unwrap().unwrap().user.name, name);
    assert_eq!(check("open sesame").unwrap_err(), "wrong password");
}

fn read(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("users")).unwrap()
}

#[test]
fn what_htpasswd_writes_with_a_good_hash_is_read_and_its_others_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (index, flags) in
        [&["-B", "-C", "4"][..], &["-2"], &["-5"], &["-2", "-r", "1001"], &["-5", "-r", "12345"]]
            .into_iter()
            .enumerate()
    {
        let create = if index == 0 { "-ci" } else { "-i" };
        let name = format!("user {index}");
        let args = [&[create][..], flags, &["users", &name]].concat();
        let Some((worked, _)) = run("htpasswd", &args, folder) else { return };
        assert!(worked, "{args:?}");
        knows(&read(folder), &name);
    }
    let before = read(folder);
    assert_eq!(before.lines().count(), 5);
    for (flag, what) in
        [("-m", "MD5"), ("-s", "SHA-1"), ("-d", "plain password"), ("-p", "plain password")]
    {
        std::fs::write(folder.join("users"), &before).unwrap();
        assert!(run("htpasswd", &["-i", flag, "users", "old"], folder).unwrap().0);
        let refused = PasswordFile::from_hashed("users", &read(folder), ReservedNames::Refuse);
        let refused = refused.unwrap_err().to_string();
        let is_told =
            refused.starts_with("users:6: the hash of `old`: ") && refused.contains(what);
        // A plain password with a colon in it looks like two fields.
        let is_split = flag == "-p" && refused.starts_with("users:6: something follows the hash");
        assert!(is_told || is_split, "{refused}");
    }
}

#[test]
fn what_openssl_writes_is_read() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, salt) in
        [("-5", "rounds=1234$pepper"), ("-6", "rounds=1234$pepper"), ("-6", "pepper")]
    {
        let args = ["passwd", kind, "-salt", salt, "-stdin"];
        let Some((worked, hash)) = run("openssl", &args, folder.path()) else { return };
        assert!(worked, "{args:?}");
        knows(&format!("jane:{hash}"), "jane");
    }
}

#[test]
fn htpasswd_keeps_what_is_said_of_a_user_and_a_user_it_deletes_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let groups: Vec<String> =
        (0..30).map(|number| format!("a group with number {number}")).collect();
    let mut rows = HashedPasswords::default();
    for name in ["ann", "jane"] {
        let user = User { uid: "7".to_owned(), ..User::new(name).with_groups(&groups) };
        let hash = PasswordHash::of(&Secret::new("another".to_owned())).unwrap();
        rows.set(PasswordRow::new(user, hash, Some(2_000_000_000)).unwrap());
    }
    std::fs::write(folder.join("users"), rows.expose_text()).unwrap();

    let Some((worked, _)) = run("htpasswd", &["-iB", "-C", "4", "users", "jane"], folder) else {
        return;
    };
    assert!(worked);
    knows(&read(folder), "jane");
    let parsed = HashedPasswords::parse("users", &read(folder), ReservedNames::Refuse).unwrap();
    let jane = parsed.get("jane").unwrap();
    assert_eq!((&jane.user().groups, jane.expires()), (&groups, Some(2_000_000_000)));
    assert_eq!(jane.user().uid, "7");
    assert!(parsed.get("ann").unwrap().hash().verify("another").unwrap());
    // `htpasswd` finds the password behind the remarks, too.
    assert!(run("htpasswd", &["-vi", "users", "jane"], folder).unwrap().0);

    assert!(run("htpasswd", &["-D", "users", "jane"], folder).unwrap().0);
    let missed =
        PasswordFile::from_hashed("users", &read(folder), ReservedNames::Refuse).unwrap_err();
    assert!(
        missed.to_string().contains("`jane` is described here and has no line `jane:hash`"),
        "{missed}"
    );
}
