//! `passwd`: set, check, list and delete the passwords of a file.

mod ask;
mod store;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use portcullis::authn::basic::{Cost, PasswordHash, PasswordRow};
use portcullis::model::User;
use serde::Serialize;

use super::args::{Format, OutputArgs};
use super::describe::counted;
use super::exit::{Exit, Failure};
use super::expiry::{self, Expiry};
use super::locked_file::When;
use super::output::{Table, object, plain};
use super::speak::Speaker;
use super::whole_file;
use ask::Ask;
use store::Store;

/// Set, check, list and delete the passwords of a file
///
/// The file is one of Apache's `htpasswd`, with hashes by Argon2id; groups, uid and expiry stand in
/// remarks that `htpasswd` keeps. What another made with `htpasswd -B`, `-2` or `-5` is read as well.
/// Without --delete, --list or --verify the password of USER is set; what is not said of a user who is
/// there stays as it was. The password is typed twice, or comes with --stdin; it is never an argument,
/// which anybody on the machine could read. The server reads the file again when it changes.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis passwd users.htpasswd jane --group dev --group ops --expires 90d
  pass show k8s/jane | portcullis passwd users.htpasswd jane --stdin
  portcullis passwd users.htpasswd jane --keep-password --group dev
  portcullis passwd users.htpasswd jane --verify
  portcullis passwd users.htpasswd --list
  portcullis passwd users.htpasswd jane --delete

Exit status:
  0  done, or the password is right
  1  --verify: it is not, or the account has expired
  2  wrong usage or unusable input; nothing was changed")]
pub(crate) struct PasswdArgs {
    /// The file; it is made if it is not there, readable by its owner only
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The user; not a name that begins with `system:`, which Kubernetes keeps for itself
    #[arg(value_name = "USER", required_unless_present = "list", conflicts_with = "list")]
    user: Option<String>,
    /// A group of the user (repeatable); those given are all there are
    #[arg(long = "group", value_name = "G", conflicts_with_all = WITHOUT_VALUES)]
    groups: Vec<String>,
    /// No groups
    #[arg(long, conflicts_with = "groups", conflicts_with_all = WITHOUT_VALUES)]
    no_groups: bool,
    /// The uid of the user
    #[arg(long, value_name = "X", conflicts_with_all = WITHOUT_VALUES)]
    uid: Option<String>,
    /// Until when: a time from now (90d, 12h, 30m, 2w), an RFC 3339 time, or `never` [default: never]
    #[arg(long, value_name = "WHEN", conflicts_with_all = WITHOUT_VALUES)]
    expires: Option<Expiry>,
    /// Change the groups, the uid or the expiry only
    #[arg(long, conflicts_with_all = WITHOUT_VALUES)]
    keep_password: bool,
    /// Read the password from standard input: its first and only line
    #[arg(long, conflicts_with_all = ["delete", "keep_password", "list"])]
    stdin: bool,
    /// Take the user out of the file
    #[arg(long, conflicts_with = "verify")]
    delete: bool,
    /// Whether a password is that of the user, for somebody who may log in now
    #[arg(long)]
    verify: bool,
    /// List the users: their groups, until when, and what their hashes cost
    #[arg(long, conflicts_with_all = ["delete", "verify"])]
    list: bool,
    /// No notes on standard error
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// With these nothing is set.
const WITHOUT_VALUES: [&str; 3] = ["delete", "list", "verify"];

impl PasswdArgs {
    const fn speaker(&self) -> Speaker {
        Speaker::new(self.quiet, false)
    }

    fn user(&self) -> Result<&str, Failure> {
        self.user.as_deref().ok_or_else(|| Failure::usage("name the user"))
    }

    fn no_such_user(&self, user: &str) -> String {
        format!(
            "`{}` has no user `{user}`; `portcullis passwd {0} --list` shows who there is",
            self.file.display()
        )
    }
}

/// Runs the verb.
pub(crate) fn run(args: &PasswdArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    if args.verify {
        return verify(args);
    }
    if args.list {
        list(args, out)?;
    } else if args.delete {
        delete(args)?;
    } else {
        set(args)?;
    }
    Ok(Exit::Yes)
}

fn set(args: &PasswdArgs) -> Result<(), Failure> {
    let user = args.user()?;
    let speaker = args.speaker();
    let now = expiry::now();
    let expires = args.expires.map(|expires| expires.at(now)).transpose()?;
    // What cannot be is refused before anybody types, and nothing is locked while he does.
    let when = if args.keep_password { When::Present } else { When::Absent };
    let is_there = Store::open(&args.file, when)?.passwords.get(user).is_some();
    if args.keep_password && !is_there {
        return Err(Failure::usage(args.no_such_user(user)));
    }
    let hash = |password| PasswordHash::of(&password).map_err(|it| Failure::usage(it.to_string()));
    let usage =
        |problem: portcullis::authn::basic::LineProblem| Failure::usage(problem.to_string());
    if !is_there {
        // A row of these names, whatever the password.
        let draft = User { uid: args.uid.clone().unwrap_or_default(), ..User::new(user) };
        let draft = draft.with_groups(&args.groups);
        PasswordRow::check(&draft).map_err(usage)?;
    }
    let new = if args.keep_password {
        None
    } else {
        let password = Ask::new(user, args.stdin).new_password(speaker)?;
        Some(hash(password)?)
    };

    let mut store = Store::open(&args.file, when)?;
    let old = store.passwords.get(user);
    let kept = old.map(|row| PasswordHash::parse(row.hash().expose_text())).transpose();
    let kept = kept.map_err(|problem| Failure::usage(problem.to_string()))?;
    let hash = new.or(kept).ok_or_else(|| Failure::usage(args.no_such_user(user)))?;
    let was = old.map_or_else(|| User::new(user), |row| row.user().clone());
    let end = expires.unwrap_or(old.and_then(PasswordRow::expires));
    let groups = if args.no_groups || !args.groups.is_empty() { &args.groups } else { &was.groups };
    let changed = User {
        uid: args.uid.clone().unwrap_or_else(|| was.uid.clone()),
        ..User::new(user).with_groups(groups)
    };
    let row = PasswordRow::new(changed, hash, end).map_err(usage)?;
    let (text, until) = (row.user().groups.join(", "), row.expires_text());
    store.passwords.set(row);
    store.save()?;

    let file = args.file.display();
    speaker.note(match (is_there, args.keep_password) {
        (_, true) => format!("what `{file}` says of `{user}` was changed"),
        (true, false) => format!("the password of `{user}` in `{file}` was changed"),
        (false, false) => format!("`{user}` was added to `{file}`"),
    });
    let groups = if text.is_empty() { "no groups".to_owned() } else { format!("groups: {text}") };
    speaker.note(format!("`{user}` has {groups}; expires: {until}"));
    if end.is_some_and(|end| end <= now) {
        speaker.warn("the account has expired; --expires sets another time");
    }
    if let Some(mode) = whole_file::mode_for_others(&args.file) {
        speaker.warn(format!(
            "`{file}` has mode {mode:04o}: others than its owner can read the hashes, and try passwords \
             as fast as they like; the server needs no more than to read it itself"
        ));
    }
    Ok(())
}

fn delete(args: &PasswdArgs) -> Result<(), Failure> {
    let user = args.user()?;
    let mut store = Store::open(&args.file, When::Present)?;
    if store.passwords.remove(user).is_none() {
        return Err(Failure::usage(args.no_such_user(user)));
    }
    store.save()?;
    let speaker = args.speaker();
    speaker.note(format!("`{user}` was taken out of `{}`", args.file.display()));
    speaker.note(
        "nobody logs in with that password any more, once the server has read the file again; tokens \
         and certificates that it was used to get are good until they end or are revoked",
    );
    Ok(())
}

fn verify(args: &PasswdArgs) -> Result<Exit, Failure> {
    let user = args.user()?;
    let speaker = args.speaker();
    let store = Store::open(&args.file, When::Present)?;
    let Some(row) = store.passwords.get(user) else {
        speaker.note(args.no_such_user(user));
        return Ok(Exit::No);
    };
    let password = Ask::new(user, args.stdin).password()?;
    let matches = row.hash().verify(password.expose_secret());
    if !matches.map_err(|it| Failure::usage(it.to_string()))? {
        speaker.note(format!("this is not the password of `{user}`"));
        return Ok(Exit::No);
    }
    if row.expires().is_some_and(|end| end <= expiry::now()) {
        speaker.note(format!(
            "this is the password of `{user}`, whose account expired at {}",
            row.expires_text()
        ));
        return Ok(Exit::No);
    }
    speaker.note(format!("this is the password of `{user}`"));
    Ok(Exit::Yes)
}

#[derive(Serialize)]
struct Listed<'a> {
    user: &'a str,
    uid: &'a str,
    groups: &'a [String],
    expires: String,
    expired: bool,
    cost: String,
    weak: bool,
}

#[derive(Serialize)]
struct List<'a> {
    users: Vec<Listed<'a>>,
}

fn list(args: &PasswdArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let store = Store::open(&args.file, When::Present)?;
    let now = expiry::now();
    let users: Vec<Listed<'_>> = store
        .passwords
        .rows()
        .map(|row| {
            let cost: Cost = row.hash().cost();
            Listed {
                user: &row.user().name,
                uid: &row.user().uid,
                groups: &row.user().groups,
                expires: row.expires_text(),
                expired: row.expires().is_some_and(|end| end <= now),
                cost: cost.to_string(),
                weak: cost.is_weak(),
            }
        })
        .collect();
    let (count, expired) = (users.len(), users.iter().filter(|user| user.expired).count());
    match args.output.output {
        format @ (Format::Json | Format::Yaml) => object(out, format, &List { users })?,
        Format::Table | Format::Wide => {
            let mut table = Table::new(&["USER", "UID", "GROUPS", "EXPIRES", "HASH"]);
            for user in users {
                let expired = if user.expired { " (expired)" } else { "" };
                let weak = if user.weak { " (weak)" } else { "" };
                table.push(vec![
                    user.user.to_owned(),
                    user.uid.to_owned(),
                    user.groups.join(","),
                    format!("{}{expired}", user.expires),
                    format!("{}{weak}", user.cost),
                ]);
            }
            table.write(out)?;
        }
        Format::Name => {
            for user in users {
                writeln!(out, "{}", plain(user.user))?;
            }
        }
    }
    let speaker = args.speaker();
    speaker.note(format!("{}, {expired} expired", counted(count, "user")));
    let notices = store.passwords.notices(&args.file.display().to_string());
    speaker.each(5, notices.iter(), |speaker, notice| speaker.warn(notice));
    Ok(())
}
