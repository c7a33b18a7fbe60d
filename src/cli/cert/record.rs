use std::io::{Read, Write};
use std::path::PathBuf;

use clap::Args;
use portcullis::api::certificates::CertificateSigningRequest;
use portcullis::crypto::certificate::{Certificate, chain_from_pem};
use portcullis::pki::ledger::{CertificateRecord, Ledger, Provenance, Recorded, Requester};
use portcullis::source::ledger::OpenMode;
use portcullis::source::objects;

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
  kubectl get csr -o yaml | portcullis cert record -")]
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
        for (der, provenance) in found(&path.display().to_string(), bytes, now)? {
            let read = Certificate::from_der(&der).map_err(|error| wrong(&error))?;
            if read.is_authority() {
                speaker.note(format!(
                    "`{}`: passed over the authority `{}`",
                    path.display(),
                    plain(&read.subject())
                ));
                continue;
            }
            let record = CertificateRecord::of_certificate(&der, provenance);
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

/// The certificates of a file, and what it says about them.
fn found(name: &str, bytes: Vec<u8>, now: i64) -> Result<Vec<(Vec<u8>, Provenance)>, Failure> {
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::usage(format!("`{name}`: {error}; nothing was recorded"))
    };
    let is_pem = bytes.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"-----BEGIN "));
    if is_pem {
        let chain = chain_from_pem(&bytes).map_err(|error| wrong(&error))?;
        return Ok(chain.into_iter().map(|der| (der, Provenance::imported(now))).collect());
    }
    let mut found = Vec::new();
    for object in objects::read(name, &bytes)?.objects {
        let origin = object.origin;
        let request = CertificateSigningRequest::from_value(object.value)
            .map_err(|error| wrong(&format!("{origin}: {error}")))?;
        // One that nobody signed yet is nothing to record.
        if request.certificate().is_empty() {
            continue;
        }
        let chain = chain_from_pem(request.certificate());
        let chain =
            chain.map_err(|error| wrong(&format!("request `{}`: {error}", request.name())))?;
        // What follows is the chain of the authority.
        let leaf = chain.into_iter().next().unwrap_or_default();
        let requester = request.requester();
        let provenance = Provenance {
            signer: request.spec().signer_name.clone(),
            requester: Some(Requester {
                name: requester.name.clone(),
                groups: requester.groups.clone(),
            }),
            request_name: request.name().to_owned(),
            ..Provenance::imported(now)
        };
        found.push((leaf, provenance));
    }
    Ok(found)
}
