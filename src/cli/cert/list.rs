use std::io::Write;

use clap::Args;
use portcullis::pki::ledger::{CertificateRecord, CertificateState, Ledger, LedgerError};
use portcullis::source::ledger::{LedgerFile, LedgerFileError, OpenMode};

use super::books;
use super::clock::{now, utc};
use super::place::PkiArgs;
use super::rows::{self, DAY, days, days_left, named};
use crate::cli::args::{LoudnessArgs, OutputArgs};
use crate::cli::describe::counted;
use crate::cli::exit::{Exit, Failure};
use crate::cli::speak::Speaker;

/// List the certificates of the ledger: whose, and until when
///
/// Those that are valid now, unless something else is asked for.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis cert list
  portcullis cert list --user jane --all -o wide
  portcullis cert list --expiring 14
  portcullis cert list --revoked -o json")]
pub(super) struct ListArgs {
    /// Only those of a user
    #[arg(long, value_name = "U")]
    user: Option<String>,
    /// Only those that name a group
    #[arg(long, value_name = "G")]
    group: Option<String>,
    /// Only valid ones that end within so many days
    #[arg(long, value_name = "DAYS", conflicts_with_all = ["revoked", "all"])]
    expiring: Option<u32>,
    /// Only revoked ones
    #[arg(long, conflicts_with = "all")]
    revoked: bool,
    /// Expired, revoked and future ones, too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    place: PkiArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    loudness: LoudnessArgs,
}

/// Warnings about ends that are near: more are counted.
const WARNINGS: usize = 10;

/// Runs the verb.
pub(super) fn run(args: &ListArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let now = now();
    let ledger = books::open(&args.place, OpenMode::Read)?;
    let mut records = candidates(args, &ledger, now)?;
    records.retain(|record| is_asked(args, record, now));
    rows::write(out, args.output.output, &records, now)?;
    let speaker = Speaker::new(args.loudness.quiet, args.loudness.verbose);
    let soon: Vec<String> = records.iter().filter_map(|record| warning(record, now)).collect();
    speaker.each(WARNINGS, soon.iter(), |speaker, text| speaker.warn(text));
    speaker.note(counted(records.len(), "certificate"));
    Ok(Exit::Yes)
}

/// A set that holds what is asked, the smallest for which there is an index.
fn candidates(
    args: &ListArgs,
    ledger: &LedgerFile,
    now: i64,
) -> Result<Vec<CertificateRecord>, Failure> {
    if let Some(user) = &args.user {
        return Ok(ledger.of_user(user)?);
    }
    if let Some(group) = &args.group {
        return Ok(ledger.of_group(group)?);
    }
    if args.revoked {
        return Ok(ledger.revoked()?);
    }
    let from = if args.all { i64::MIN } else { now };
    Ok(ledger.ending(from, end(args, now))?)
}

fn end(args: &ListArgs, now: i64) -> i64 {
    args.expiring.map_or(i64::MAX, |days| now.saturating_add(i64::from(days) * DAY))
}

fn is_asked(args: &ListArgs, record: &CertificateRecord, now: i64) -> bool {
    let is_of_group = |group: &String| record.groups.contains(group);
    if !args.group.as_ref().is_none_or(is_of_group) {
        return false;
    }
    match record.state(now) {
        _ if args.all => true,
        CertificateState::Revoked => args.revoked,
        CertificateState::Valid => !args.revoked && record.not_after <= end(args, now),
        _ => false,
    }
}

fn warning(record: &CertificateRecord, now: i64) -> Option<String> {
    let left = days(days_left(record, now)?);
    let until = utc(record.not_after);
    Some(format!("{} ends in {left}, at {until}; renew it before", named(record)))
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        // What the pipeline says around it is for those who issue.
        let source = match error {
            LedgerError::Record(source) | LedgerError::Read(source) => source,
            other => return Self::usage(other.to_string()),
        };
        match source.downcast::<LedgerFileError>() {
            Ok(error) => Self::Ledger(*error),
            Err(error) => Self::usage(error.to_string()),
        }
    }
}
