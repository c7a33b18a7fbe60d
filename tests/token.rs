//! `portcullis token` as a person and a script meet it: files that are never lost, tokens that are
//! shown once, and names that nobody may take.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use portcullis::authn::token_file::{TokenFile, is_well_formed};
use portcullis::authn::{Attempt, ReservedNames};
use serde_json::Value;

struct Ran {
    code: i32,
    out: String,
    err: String,
}

#[track_caller]
fn run(folder: &Path, args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.arg("token").args(args).current_dir(folder).stdin(Stdio::null());
    let output = command.output().unwrap();
    let ran = Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    ran
}

#[track_caller]
fn done(folder: &Path, args: &[&str]) -> Ran {
    let ran = run(folder, args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran
}

/// It ends with status 2, prints nothing, and leaves the file as it was.
#[track_caller]
fn refused(folder: &Path, args: &[&str], because: &str) {
    let before = std::fs::read(tokens(folder)).ok();
    let ran = run(folder, args);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
    assert!(ran.err.contains(because), "{because}\n{}", ran.err);
    assert_eq!(std::fs::read(tokens(folder)).ok(), before);
}

fn tokens(folder: &Path) -> PathBuf {
    folder.join("tokens.ptk")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Who presents this token, by what the file says now.
fn who(folder: &Path, token: &str, now: i64) -> Option<String> {
    let text = std::fs::read_to_string(tokens(folder)).unwrap();
    let file = TokenFile::from_hashed("tokens.ptk", &text, ReservedNames::Refuse).unwrap();
    let found = file.find(Attempt { token, audiences: &[], now }).unwrap();
    found.map(|found| format!("{} {:?}", found.user.name, found.user.groups))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_new_token_is_printed_alone_and_works_until_it_is_revoked() {
    let folder = folder();
    let folder = folder.path();
    let new = ["new", "--user", "jane", "--group", "dev", "--group", "ops", "--uid", "7"];
    let made = done(folder, &[&new[..], &["--file", "tokens.ptk"]].concat());
    let token = made.out.strip_suffix('\n').unwrap();
    assert!(is_well_formed(token));
    assert!(!made.err.contains(token));
    assert!(made.err.contains("it expires in 90 days, at 20"), "{}", made.err);
    assert!(!std::fs::read_to_string(tokens(folder)).unwrap().contains(token.get(15..).unwrap()));
    assert_eq!(who(folder, token, 0).as_deref(), Some(r#"jane ["dev", "ops"]"#));

    // A second one beside it.
    let never = ["new", "--user", "joe", "--expires", "never", "--comment", "robot, old"];
    let other = done(folder, &[&never[..], &["--file", "tokens.ptk"]].concat());
    assert!(other.err.contains("it never expires"), "{}", other.err);
    let list = done(folder, &["list", "--file", "tokens.ptk", "-o", "json"]);
    let list: Value = serde_json::from_str(&list.out).unwrap();
    let rows = list["tokens"].as_array().unwrap();
    assert_eq!(
        (rows.len(), &rows[0]["user"], &rows[1]["user"]),
        (2, &"jane".into(), &"joe".into())
    );
    assert_eq!(rows[1]["comment"], "robot, old");

    let id = rows[0]["id"].as_str().unwrap();
    assert_eq!(token.split('_').nth(1), Some(id));
    let revoked = done(folder, &["revoke", id, "--file", "tokens.ptk"]);
    assert!(revoked.err.contains("of `jane` was taken out"), "{}", revoked.err);
    assert_eq!(who(folder, token, 0), None);
    assert!(who(folder, other.out.trim(), i64::MAX).is_some());
    assert_eq!(names(folder), ["tokens.ptk"]);
}

#[test]
fn times_of_expiry_are_counted_from_now() {
    let folder = folder();
    let folder = folder.path();
    let at = |when: &str| {
        let args = ["new", "--user", "jane", "--expires", when, "--file", "tokens.ptk"];
        done(folder, &args).out.trim().to_owned()
    };
    let (hour, far) = (at("1h"), at("2100-01-01T00:00:00Z"));
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    assert!(who(folder, &hour, now + 3_500).is_some());
    let text = std::fs::read_to_string(tokens(folder)).unwrap();
    let file = TokenFile::from_hashed("tokens.ptk", &text, ReservedNames::Refuse).unwrap();
    assert!(file.find(Attempt { token: &hour, audiences: &[], now: now + 3_601 }).is_err());
    assert!(
        file.find(Attempt { token: &far, audiences: &[], now: now + 3_601 }).unwrap().is_some()
    );
    let list = done(folder, &["list", "--file", "tokens.ptk"]);
    assert!(list.out.contains("2100-01-01T00:00:00Z"), "{}", list.out);
}

#[test]
fn what_nobody_may_have_is_refused_before_a_file_is_made() {
    let folder = folder();
    let folder = folder.path();
    for (args, because) in [
        (
            &["--user", "system:admin"][..],
            "the user name `system:admin` is reserved for Kubernetes",
        ),
        (
            &["--user", "jane", "--group", "system:masters"],
            "the group `system:masters` is reserved",
        ),
        (&["--user", ""], "`user` is empty"),
        (&["--user", "jane", "--group", "a,b"], "holds a comma"),
        (&["--user", "jane", "--expires", "2001-01-01T00:00:00Z"], "the time of --expires is over"),
        (&["--user", "jane", "--expires", "soon"], "write 90d"),
        (&["--group", "dev"], "--user"),
    ] {
        refused(folder, &[&["new", "--file", "tokens.ptk"], args].concat(), because);
    }
    assert_eq!(names(folder), [""; 0]);
}

#[test]
fn a_file_of_another_form_is_left_alone() {
    let folder = folder();
    let folder = folder.path();
    for text in ["t0k3n,jane,7\n", "", "# portcullis tokens, format 2\n"] {
        std::fs::write(tokens(folder), text).unwrap();
        let new = ["new", "--user", "jane", "--file", "tokens.ptk"];
        refused(folder, &new, "does not begin with the line");
        refused(folder, &["list", "--file", "tokens.ptk"], "does not begin with the line");
    }
    assert_eq!(names(folder), ["tokens.ptk"]);
}

#[test]
fn an_unknown_id_revokes_nothing_and_is_not_repeated() {
    let folder = folder();
    let folder = folder.path();
    let made = done(folder, &["new", "--user", "jane", "--file", "tokens.ptk"]);
    let id = made.out.split('_').nth(1).unwrap();
    refused(folder, &["revoke", id, "hunter2", "--file", "tokens.ptk"], "nothing was revoked");
    assert!(!run(folder, &["revoke", "hunter2", "--file", "tokens.ptk"]).err.contains("hunter2"));
    refused(folder, &["revoke", "x", "--file", "other.ptk"], "cannot be read");
}

#[cfg(unix)]
#[test]
fn a_new_file_is_its_owners_alone_and_an_old_one_keeps_its_mode_and_link() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let folder = folder();
    let folder = folder.path();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let new = |file: &str| done(folder, &["new", "--user", "jane", "--file", file]);
    new("tokens.ptk");
    assert_eq!(mode(&tokens(folder)), 0o600);
    std::fs::set_permissions(tokens(folder), std::fs::Permissions::from_mode(0o640)).unwrap();
    let link = folder.join("link.ptk");
    symlink("tokens.ptk", &link).unwrap();
    new("link.ptk");
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(mode(&tokens(folder)), 0o640);
    let list = done(folder, &["list", "--file", "tokens.ptk", "-o", "name"]);
    assert_eq!(list.out.lines().count(), 2);
}

#[test]
fn commands_at_the_same_time_lose_no_row() {
    let folder = folder();
    let folder = folder.path();
    done(folder, &["new", "--user", "first", "--file", "tokens.ptk"]);
    std::thread::scope(|scope| {
        for number in 0..12 {
            scope.spawn(move || {
                let user = format!("user-{number}");
                done(folder, &["new", "--user", &user, "--file", "tokens.ptk"]);
            });
        }
    });
    let list = done(folder, &["list", "--file", "tokens.ptk", "-o", "name"]);
    assert_eq!(list.out.lines().count(), 13);
    assert_eq!(names(folder), ["tokens.ptk"]);
}

#[test]
fn the_tokens_of_an_api_server_are_taken_over_as_digests() {
    let folder = folder();
    let folder = folder.path();
    let (strong, other) = ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210");
    let csv = format!("{strong},first,1\n,empty,2\n{strong},jane,7,\"dev,ops\"\n{other},joe,8,\n");
    std::fs::write(folder.join("known.csv"), csv).unwrap();
    let hash = done(folder, &["hash", "--csv", "known.csv", "--file", "tokens.ptk"]);
    assert_eq!(hash.out, "");
    assert!(
        hash.err
            .contains("empty token has been found in token file 'known.csv', record number '2'")
    );
    assert!(hash.err.contains("record 1: the token stands below again"), "{}", hash.err);
    assert!(hash.err.contains("2 tokens of `known.csv` added"), "{}", hash.err);
    assert_eq!(who(folder, strong, 0).as_deref(), Some(r#"jane ["dev", "ops"]"#));
    assert_eq!(who(folder, other, 0).as_deref(), Some("joe []"));
    let list = done(folder, &["list", "--file", "tokens.ptk"]);
    assert!(list.out.contains("record 3 of known.csv"), "{}", list.out);
    // The same tokens again belong to rows already.
    refused(folder, &["hash", "--csv", "known.csv", "--file", "tokens.ptk"], "belongs to one row");
}

#[test]
fn weak_tokens_are_taken_over_only_when_each_is_named() {
    let folder = folder();
    let folder = folder.path();
    std::fs::write(folder.join("known.csv"), "hunter2,jane,7\npassword,joe,8\n").unwrap();
    let hash = ["hash", "--csv", "known.csv", "--file", "tokens.ptk", "--allow-weak", "1"];
    refused(folder, &hash, "record 2 of `joe` (at most 37)");
    assert!(!run(folder, &hash).err.contains("password"));
    let both = done(folder, &[&hash[..], &["--allow-weak", "2"]].concat());
    assert!(both.err.contains("does not make a weak token strong"), "{}", both.err);
    assert!(who(folder, "hunter2", 0).is_some());
}

#[test]
fn a_csv_with_reserved_names_or_bad_quotes_is_not_taken_over() {
    let folder = folder();
    let folder = folder.path();
    for (csv, because) in [
        ("0123456789abcdef0123456789abcdef,system:admin,1\n", "is reserved for Kubernetes"),
        ("0123456789abcdef0123456789abcdef,,1\n", "record 1: `user` is empty"),
        ("a\"b,jane,1\n", "`known.csv`: parse error on line 1, column 2: bare \""),
        ("a,b\n", "must have at least 3 columns"),
    ] {
        std::fs::write(folder.join("known.csv"), csv).unwrap();
        refused(folder, &["hash", "--csv", "known.csv", "--file", "tokens.ptk"], because);
    }
    assert_eq!(names(folder), ["known.csv"]);
}
