use std::io::{Read, Write};
use std::path::PathBuf;

use clap::Args;
use portcullis::crypto::certificate::{Certificate, chain_from_pem};
use portcullis::pki::ledger::{CertificateRecord, Ledger, Provenance, Recorded};
use portcullis::source::ledger::OpenMode;

use super::clock::now;
use super::place::PkiArgs;
use super::{authority, books};
use crate::cli::describe::counted;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::plain;
use crate::cli::speak::Speaker;

/// Enter certificates into the ledger that were issued elsewhere
///
/// So that they are listed, and can be revoked by user, group and serial number. Certificates of
/// authorities are passed over. Prints a line for each: its fingerprint, and whether it is new.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis cert record jane.crt joe.crt
  kubectl get csr -o json | portcullis cert record -")]
pub(super) struct RecordArgs {
    /// PEM certificates, or CertificateSigningRequest objects with a certificate in their status
    /// (`-` is standard input)
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    place: PkiArgs,
    /// No notes on standard error
    #[arg(short, long)]
    quiet: bool,
}

/// A list of a thousand requests has some megabytes.
const MAX_BYTES: usize = 64 << 20;

/// Runs the verb.
pub(super) fn run(args: &RecordArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let now = now();
    let speaker = Speaker::new(args.quiet, false);
    let mut records = Vec::new();
    for path in &args.files {
        let bytes = if path.as_os_str() == "-" {
            let mut bytes = Vec::new();
            std::io::stdin()
                .lock()
                .take(u64::try_from(MAX_BYTES).unwrap_or(u64::MAX))
                .read_to_end(&mut bytes)
                .map_err(|error| Failure::Read { path: "-".to_owned(), error })?;
            bytes
        } else {
            authority::read(path, MAX_BYTES)?
        };
        let wrong = |error: &dyn std::fmt::Display| {
            Failure::usage(format!("`{}`: {error}; nothing was recorded", path.display()))
        };
        for der in chain_from_pem(&bytes).map_err(|error| wrong(&error))? {
            let read = Certificate::from_der(&der).map_err(|error| wrong(&error))?;
            if read.is_authority() {
                speaker.note(format!(
                    "`{}`: passed over the authority `{}`",
                    path.display(),
                    plain(&read.subject())
                ));
                continue;
            }
            let record = CertificateRecord::of_certificate(&der, Provenance::imported(now));
            records.push(record.map_err(|error| wrong(&error))?);
        }
    }
    let ledger = books::open(&args.place, OpenMode::Write)?;
    let done = ledger.record_all(&records)?;
    let mut refused = 0;
    for (record, done) in records.iter().zip(&done) {
        let known = ledger.find(&record.fingerprint)?;
        let is_revoked = known.is_some_and(|known| known.revoked.is_some());
        refused += usize::from(is_revoked && *done == Recorded::New);
        let done = match done {
            Recorded::New => "new",
            Recorded::Known => "known",
        };
        writeln!(out, "{} {done}", record.fingerprint)?;
    }
    let new = done.iter().filter(|done| **done == Recorded::New).count();
    speaker.note(format!(
        "{} recorded, {} known before",
        counted(new, "certificate"),
        done.len() - new
    ));
    if refused > 0 {
        speaker.warn(format!(
            "{refused} of them had been revoked before they were recorded, by number, user or group"
        ));
    }
    Ok(Exit::Yes)
}
