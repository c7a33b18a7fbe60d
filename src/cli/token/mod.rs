//! `token`: make, list and revoke the tokens of a file, and take over those of an API server.

mod hash;
mod store;

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use portcullis::authn::token_file::{HashedToken, NewToken};
use portcullis::model::User;
use serde::Serialize;

use super::args::{Format, OutputArgs};
use super::describe::counted;
use super::exit::{Exit, Failure};
use super::expiry::{self, Expiry};
use super::locked_file::When;
use super::output::{Table, object, plain};
use super::speak::Speaker;
use store::Store;

/// Make, list and revoke bearer tokens kept in a file as digests
///
/// The file holds no token, only the SHA-256 of each: a token is 256 random bits, and shown once,
/// when it is made. The server reads the file again when it changes.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis token new --user jane --group dev --file tokens.ptk > jane.token
  portcullis token list --file tokens.ptk
  portcullis token revoke k3v9q2m7xa --file tokens.ptk
  portcullis token hash --csv known_tokens.csv --file tokens.ptk

Exit status:
  0  done
  2  wrong usage or unusable input; nothing was changed")]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    verb: TokenVerb,
}

#[derive(Debug, Subcommand)]
enum TokenVerb {
    New(NewArgs),
    List(ListArgs),
    Revoke(RevokeArgs),
    Hash(hash::HashArgs),
}

/// Make a token, add it to the file, and print it: the only time it is shown
///
/// Standard output has the token alone. The file is made if it is not there, readable by its owner
/// only.
#[derive(Debug, Args)]
struct NewArgs {
    /// Whose token it is; not a name that begins with `system:`, which Kubernetes keeps for itself
    #[arg(long, value_name = "U")]
    user: String,
    /// A group of the user (repeatable)
    #[arg(long = "group", value_name = "G")]
    groups: Vec<String>,
    /// The uid of the user
    #[arg(long, value_name = "X", default_value = "", hide_default_value = true)]
    uid: String,
    /// Until when: a time from now (90d, 12h, 30m, 2w), an RFC 3339 time, or `never`
    #[arg(long, value_name = "WHEN", default_value = Expiry::DEFAULT)]
    expires: Expiry,
    /// A remark, for `token list`
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    comment: String,
    #[command(flatten)]
    file: FileArgs,
}

/// List the tokens of a file: whose, and until when
#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Take tokens out of the file, so that they are refused
#[derive(Debug, Args)]
struct RevokeArgs {
    /// The ids, as `token list` shows them: the part of a token between `pct_` and the next `_`
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    file: FileArgs,
}

/// Which file, and how much is said.
#[derive(Debug, Args)]
struct FileArgs {
    /// The file of tokens
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// No notes on standard error
    #[arg(short, long)]
    quiet: bool,
}

impl FileArgs {
    const fn speaker(&self) -> Speaker {
        Speaker::new(self.quiet, false)
    }
}

/// Runs the verb.
pub(crate) fn run(args: &TokenArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    match &args.verb {
        TokenVerb::New(args) => new(args, out),
        TokenVerb::List(args) => list(args, out),
        TokenVerb::Revoke(args) => revoke(args),
        TokenVerb::Hash(args) => hash::run(args),
    }?;
    Ok(Exit::Yes)
}

fn new(args: &NewArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let NewArgs { user, groups, uid, expires, comment, file } = args;
    let user = User { uid: uid.clone(), ..User::new(user).with_groups(groups) };
    let expires = expires.at(expiry::now())?;
    // What cannot be a row is refused before anything is locked or made.
    let row = |made: &NewToken| {
        HashedToken::new(&made.id, made.digest, user.clone(), expires, comment)
            .map_err(|problem| Failure::usage(problem.to_string()))
    };
    let made = NewToken::generate()?;
    let row = row(&made)?;
    let until = row.expires_text();
    let mut store = Store::open(&file.file, When::Absent)?;
    store.tokens.insert(row).map_err(|problem| Failure::usage(problem.to_string()))?;
    // The token is told only once it counts.
    store.save()?;
    writeln!(out, "{}", made.token.expose_secret())?;
    let speaker = file.speaker();
    speaker.note(format!(
        "token `{}` of `{}` was added to `{}`; this is the only time that it is shown",
        made.id,
        user.name,
        file.file.display()
    ));
    if expires.is_none() {
        speaker.warn("it never expires; `token revoke` is the only end of it");
    } else if args.expires.is_default() {
        speaker.note(format!("it expires in 90 days, at {until}; --expires sets another time"));
    } else {
        speaker.note(format!("it expires at {until}"));
    }
    Ok(())
}

#[derive(Serialize)]
struct Listed<'a> {
    id: &'a str,
    user: &'a str,
    uid: &'a str,
    groups: &'a [String],
    expires: String,
    expired: bool,
    comment: &'a str,
}

#[derive(Serialize)]
struct List<'a> {
    tokens: Vec<Listed<'a>>,
}

fn list(args: &ListArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let store = Store::open(&args.file.file, When::Present)?;
    let now = expiry::now();
    let tokens: Vec<Listed<'_>> = store
        .tokens
        .rows()
        .iter()
        .map(|row| Listed {
            id: row.id(),
            user: &row.user().name,
            uid: &row.user().uid,
            groups: &row.user().groups,
            expires: row.expires_text(),
            expired: row.expires().is_some_and(|end| end <= now),
            comment: row.comment(),
        })
        .collect();
    let expired = tokens.iter().filter(|token| token.expired).count();
    let count = tokens.len();
    match args.output.output {
        format @ (Format::Json | Format::Yaml) => object(out, format, &List { tokens })?,
        Format::Table | Format::Wide => {
            let mut table = Table::new(&["ID", "USER", "UID", "GROUPS", "EXPIRES", "COMMENT"]);
            for token in tokens {
                let mark = if token.expired { " (expired)" } else { "" };
                table.push(vec![
                    token.id.to_owned(),
                    token.user.to_owned(),
                    token.uid.to_owned(),
                    token.groups.join(","),
                    format!("{}{mark}", token.expires),
                    token.comment.to_owned(),
                ]);
            }
            table.write(out)?;
        }
        Format::Name => {
            for token in tokens {
                writeln!(out, "{}", plain(token.id))?;
            }
        }
    }
    args.file.speaker().note(format!("{}, {expired} expired", counted(count, "token")));
    Ok(())
}

fn revoke(args: &RevokeArgs) -> Result<(), Failure> {
    let path = args.file.file.display();
    let mut store = Store::open(&args.file.file, When::Present)?;
    let mut revoked = Vec::new();
    for id in &args.ids {
        let row = store.tokens.remove(id).ok_or_else(|| {
            // What was typed is not repeated: it may be a token.
            Failure::usage(format!(
                "`{path}` has no token with one of these ids; `portcullis token list` shows them; \
                 nothing was revoked"
            ))
        })?;
        revoked.push(row);
    }
    store.save()?;
    let speaker = args.file.speaker();
    for row in revoked {
        speaker.note(format!(
            "token `{}` of `{}` was taken out of `{path}`",
            row.id(),
            row.user().name
        ));
    }
    speaker.note(
        "it is refused once the server has read the file again and an API server's cache has \
         forgotten it (2 minutes, unless set otherwise)",
    );
    Ok(())
}
