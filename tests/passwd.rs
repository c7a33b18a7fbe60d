//! `portcullis passwd` as a person and a script meet it: files that are never lost, passwords that are shown
//! nowhere, and names that nobody may take.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use portcullis::authn::basic::PasswordFile;
use portcullis::authn::{PasswordAttempt, ReservedNames};
use serde_json::Value;

const PASSWORD: &str = "open sesame: ü";

struct Ran {
    code: i32,
    out: String,
    err: String,
}

#[track_caller]
fn run(folder: &Path, args: &[&str], stdin: &str) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.arg("passwd").args(args).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that reads nothing may have gone before.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let ran = Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    for said in [&ran.out, &ran.err] {
        assert!(!said.contains("sesame") && !said.contains("$argon2"), "{said}");
    }
    ran
}

#[track_caller]
fn done(folder: &Path, args: &[&str], stdin: &str) -> Ran {
    let ran = run(folder, args, stdin);
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran
}

/// It ends with status 2, prints nothing, and leaves the file as it was.
#[track_caller]
fn refused(folder: &Path, args: &[&str], stdin: &str, because: &str) {
    let before = std::fs::read(folder.join("users")).ok();
    let ran = run(folder, args, stdin);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
    assert!(ran.err.contains(because), "{because}\n{}", ran.err);
    assert_eq!(std::fs::read(folder.join("users")).ok(), before);
}

fn text(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("users")).unwrap()
}

/// Who this is, by what the file says.
fn who(folder: &Path, name: &str, password: &str) -> Option<String> {
    let (file, _) =
        PasswordFile::from_hashed("users", &text(folder), ReservedNames::Refuse).unwrap();
    let found = file.check(PasswordAttempt { name, password, source: None, now: 0 }).ok()??;
    Some(format!("{} {:?} {:?}", found.user.uid, found.user.groups, found.expires))
}

#[test]
fn a_password_is_set_checked_changed_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let set = ["users", "jane", "--stdin", "--group", "dev", "--group", "ops", "--uid", "7"];
    let ran = done(folder, &set, &format!("{PASSWORD}\n"));
    assert_eq!(ran.out, "");
    assert!(ran.err.contains("`jane` was added to `users`"), "{}", ran.err);
    assert!(ran.err.contains("groups: dev, ops; expires: never"), "{}", ran.err);
    assert_eq!(who(folder, "jane", PASSWORD).unwrap(), "7 [\"dev\", \"ops\"] None");
    assert!(text(folder).contains("\njane:$argon2id$v=19$m=19456,t=2,p=1$"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        assert_eq!(std::fs::metadata(folder.join("users")).unwrap().mode() & 0o777, 0o600);
    }

    let verify = ["users", "jane", "--verify", "--stdin"];
    done(folder, &verify, PASSWORD);
    assert_eq!(run(folder, &verify, "open").code, 1);
    assert_eq!(run(folder, &["users", "joe", "--verify", "--stdin"], PASSWORD).code, 1);

    // Another password, and all else as it was; then the other way round.
    done(folder, &["users", "jane", "--stdin"], "a new password\r\n");
    assert_eq!(who(folder, "jane", PASSWORD), None);
    assert_eq!(who(folder, "jane", "a new password").unwrap(), "7 [\"dev\", \"ops\"] None");
    let keep =
        ["users", "jane", "--keep-password", "--group", "dev", "--expires", "2033-05-18T03:33:20Z"];
    done(folder, &keep, "");
    assert_eq!(who(folder, "jane", "a new password").unwrap(), "7 [\"dev\"] Some(2000000000)");
    let clear =
        ["users", "jane", "--keep-password", "--no-groups", "--uid", "", "--expires", "never"];
    done(folder, &clear, "");
    assert_eq!(who(folder, "jane", "a new password").unwrap(), " [] None");
    assert_eq!(text(folder).lines().count(), 1);

    done(folder, &["users", "jane", "--delete"], "");
    assert_eq!(text(folder), "");
    refused(folder, &["users", "jane", "--delete"], "", "`users` has no user `jane`");
}

#[test]
fn what_cannot_be_is_refused_and_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Nothing is made for a mistake.
    for (args, stdin, because) in [
        (&["users", "jane", "--stdin"][..], "", "the password is empty"),
        (&["users", "jane", "--stdin"], "\n", "the password is empty"),
        (&["users", "jane", "--stdin"], "two\nlines\n", "control characters"),
        (&["users", "jane", "--stdin"], "nul\0", "control characters"),
        (&["users", "jane", "--stdin"], &"x".repeat(1025), "more than 1024 bytes"),
        (&["users", "system:admin", "--stdin"], PASSWORD, "colon"),
        (
            &["users", "jane", "--stdin", "--group", "system:masters"],
            PASSWORD,
            "reserved for Kubernetes",
        ),
        (&["users", "", "--stdin"], PASSWORD, "name before the colon"),
        (&["users", "jane", "--stdin", "--expires", "1999-01-01T00:00:00Z"], PASSWORD, "is over"),
        (&["users", "jane", "--keep-password"], "", "cannot be read"),
        (&["users", "jane", "--delete"], "", "cannot be read"),
        (&["users", "--list"], "", "cannot be read"),
        (&["users", "jane", "secret"], "", "unexpected argument"),
        (&["users"], "", "required"),
        (&["users", "jane", "--list"], "", "cannot be used with"),
        (&["users", "jane", "--delete", "--verify"], "", "cannot be used with"),
        (&["users", "jane", "--delete", "--group", "dev"], "", "cannot be used with"),
    ] {
        refused(folder, args, stdin, because);
        assert!(!folder.join("users").exists(), "{args:?}");
    }
    done(folder, &["users", "jane", "--stdin"], PASSWORD);
    refused(folder, &["users", "joe", "--keep-password"], "", "has no user `joe`");
    refused(folder, &["users", "jane", "--stdin"], "", "the password is empty");
    refused(folder, &["users", "jane", "--keep-password", "--group", "system:x"], "", "reserved");
    // A file with a line that is not understood would not survive.
    std::fs::write(folder.join("users"), "hunter2\n").unwrap();
    refused(folder, &["users", "jane", "--stdin"], PASSWORD, "users:1: a line is `name:hash`");
}

#[test]
fn the_list_shows_who_there_is_and_no_hash() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    done(folder, &["users", "jane", "--stdin", "--group", "dev", "--uid", "7"], PASSWORD);
    let weak = "# portcullis: {\"user\":\"old\",\"expires\":\"2001-01-01T00:00:00Z\"}\n\
                old:$2a$04$UuTkLRZZ6QofpDOlMz32MuuxEHA43WOemOYHPz6.SjsVsyO1tDU96\n";
    std::fs::write(folder.join("users"), format!("{}{weak}", text(folder))).unwrap();
    let listed = done(folder, &["users", "--list"], "");
    let lines: Vec<Vec<&str>> =
        listed.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["USER", "UID", "GROUPS", "EXPIRES", "HASH"]);
    assert_eq!(lines[1], ["jane", "7", "dev", "never", "argon2id", "m=19456,t=2,p=1"]);
    assert_eq!(lines[2], ["old", "2001-01-01T00:00:00Z", "(expired)", "bcrypt", "4", "(weak)"]);
    assert!(listed.err.contains("2 users, 1 expired"), "{}", listed.err);
    assert!(listed.err.contains("is tried too fast"), "{}", listed.err);
    assert!(!listed.out.contains("UuTkLR") && !listed.err.contains("UuTkLR"));

    let json: Value =
        serde_json::from_str(&done(folder, &["users", "--list", "-o", "json"], "").out).unwrap();
    assert_eq!(json["users"][0]["groups"][0], "dev");
    assert_eq!(
        (&json["users"][1]["expired"], &json["users"][1]["weak"]),
        (&true.into(), &true.into())
    );
    assert_eq!(done(folder, &["users", "--list", "-o", "name", "-q"], "").out, "jane\nold\n");
    // Expired: the password is right, and nobody gets in with it.
    let ran = run(folder, &["users", "old", "--verify", "--stdin"], "password\n");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("expired at 2001-01-01T00:00:00Z"), "{}", ran.err);
}

#[test]
fn commands_at_the_same_time_lose_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    done(folder, &["users", "first", "--stdin"], PASSWORD);
    std::thread::scope(|scope| {
        for index in 0..6 {
            scope.spawn(move || {
                done(folder, &["users", &format!("user{index}"), "--stdin"], PASSWORD)
            });
        }
    });
    assert_eq!(text(folder).lines().count(), 7);
    // No draft is left behind.
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
}

#[test]
fn a_file_of_htpasswd_is_changed_and_stays_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let made = Command::new("htpasswd")
        .args(["-cbB", "-C", "4", "users", "jane", PASSWORD])
        .current_dir(folder)
        .stderr(Stdio::null())
        .status();
    let Ok(made) = made else {
        eprintln!("skipped: `htpasswd` is not installed");
        return;
    };
    assert!(made.success());
    done(folder, &["users", "jane", "--verify", "--stdin"], PASSWORD);
    done(folder, &["users", "jane", "--keep-password", "--group", "dev"], "");
    assert_eq!(who(folder, "jane", PASSWORD).unwrap(), " [\"dev\"] None");
    let verified = Command::new("htpasswd")
        .args(["-vb", "users", "jane", PASSWORD])
        .current_dir(folder)
        .stderr(Stdio::null())
        .status();
    assert!(verified.unwrap().success());
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_read_is_remarked_upon_and_keeps_its_mode() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    done(folder, &["users", "jane", "--stdin"], PASSWORD);
    let path = folder.join("users");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let ran = done(folder, &["users", "joe", "--stdin"], "short");
    assert!(ran.err.contains("has mode 0640"), "{}", ran.err);
    assert!(ran.err.contains("less than 8 characters"), "{}", ran.err);
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
}
