use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use clap::Args;
use portcullis::authn::token_file::{
    CsvToken, CsvTokens, HashedToken, NewToken, TokenDigest, strength,
};
use portcullis::authn::{ReservedNames, Secret};

use super::FileArgs;
use super::store::Store;
use crate::cli::describe::counted;
use crate::cli::exit::Failure;
use crate::cli::expiry::{self, Expiry};
use crate::cli::locked_file::When;

/// What can be tried in no lifetime.
const ENOUGH: u32 = 128;

/// Take over the tokens of an API server's --token-auth-file: the same tokens, kept as digests
///
/// A digest hides a random token, not a chosen one: who gets hold of the file can try words and
/// short tokens, billions a second. Tokens of less than 128 bits are therefore refused, unless each
/// is named with --allow-weak; better give their users new ones.
#[derive(Debug, Args)]
pub(super) struct HashArgs {
    /// The CSV: token, user, uid, groups
    #[arg(long, value_name = "FILE")]
    csv: PathBuf,
    /// Until when they are good: a time from now, an RFC 3339 time, or `never`
    #[arg(long, value_name = "WHEN", default_value = "never")]
    expires: Expiry,
    /// Take over this weak token: its record in the CSV, counted from 1 (repeatable)
    #[arg(long, value_name = "RECORD")]
    allow_weak: Vec<usize>,
    #[command(flatten)]
    file: FileArgs,
}

/// Runs the verb.
pub(super) fn run(args: &HashArgs) -> Result<(), Failure> {
    let speaker = args.file.speaker();
    let path = args.csv.display().to_string();
    let text = fs::read_to_string(&args.csv)
        .map(Secret::new)
        .map_err(|error| Failure::Read { path: path.clone(), error })?;
    let expires = args.expires.at(expiry::now())?;
    let CsvTokens { tokens, notices } = CsvTokens::read(&path, &text, ReservedNames::Refuse)
        .map_err(|error| Failure::usage(format!("`{path}`: {error}")))?;
    speaker.each(5, notices.iter(), |speaker, notice| speaker.warn(notice));

    let weak = weak(&tokens, &args.allow_weak);
    if !weak.is_empty() {
        return Err(Failure::usage(format!(
            "`{path}`: tokens of less than {ENOUGH} bits can be found by trying: {}; make new ones \
             with `portcullis token new`, or name each with --allow-weak RECORD; nothing was taken \
             over",
            weak.join(", ")
        )));
    }
    let mut store = Store::open(&args.file.file, When::Absent)?;
    let mut taken = 0;
    let last: HashMap<TokenDigest, usize> =
        tokens.iter().map(|it| (TokenDigest::of(it.token.expose_secret()), it.record)).collect();
    for CsvToken { record, token, user } in &tokens {
        let at = |problem: &dyn std::fmt::Display| {
            Failure::usage(format!("`{path}`: record {record}: {problem}"))
        };
        let digest = TokenDigest::of(token.expose_secret());
        if last.get(&digest) != Some(record) {
            speaker.warn(format!(
                "`{path}`: record {record}: the token stands below again; the last one counts"
            ));
            continue;
        }
        let mut user = user.clone();
        // The API server makes a group without a name of an empty column (S-TOKF-4).
        user.groups.retain(|group| !group.is_empty());
        // The id of a random token: it names the row and has nothing to do with this token.
        let id = NewToken::generate()?.id;
        let comment = format!("record {record} of {}", plain_name(&args.csv));
        let row = HashedToken::new(&id, digest, user, expires, &comment).map_err(|it| at(&it))?;
        store.tokens.insert(row).map_err(|it| at(&it))?;
        taken += 1;
    }
    store.save()?;
    speaker.note(format!(
        "{} of `{path}` added to `{}`; the CSV is as it was: delete it when nobody reads it any more",
        counted(taken, "token"),
        args.file.file.display()
    ));
    if !args.allow_weak.is_empty() {
        speaker.doubt(
            "a digest does not make a weak token strong: who gets hold of the file finds those \
             named with --allow-weak by trying",
        );
    }
    Ok(())
}

/// The weak tokens that nobody named.
fn weak(tokens: &[CsvToken], allowed: &[usize]) -> Vec<String> {
    let weak = tokens.iter().filter(|token| !allowed.contains(&token.record));
    weak.filter_map(|token| {
        let bits = strength(token.token.expose_secret());
        let CsvToken { record, user, .. } = token;
        (bits < ENOUGH).then(|| format!("record {record} of `{}` (at most {bits})", user.name))
    })
    .collect()
}

/// The name of the file without its folders, fit for a comment.
fn plain_name(path: &std::path::Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.chars().filter(|character| !character.is_control()).collect()
}
