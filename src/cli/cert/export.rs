use std::io::{self, Write};

use clap::{Args, ValueEnum};
use portcullis::pki::ledger::CertificateRecord;
use portcullis::source::ledger::OpenMode;

use super::books;
use super::clock::now;
use super::place::PkiArgs;
use super::rows::Row;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::line;

/// Write all records of the ledger, with the certificates themselves
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The form
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    output: Form,
    #[command(flatten)]
    place: PkiArgs,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One record a line
    #[default]
    Ndjson,
    /// One document, as `cert list --all -o json` writes it
    Json,
}

/// Runs the verb.
pub(super) fn run(args: &ExportArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let ledger = books::open(&args.place, OpenMode::Read)?;
    let now = now();
    if args.output == Form::Ndjson {
        ledger.for_each(|record| line(out, &Row::of(&record, now)))?;
        return Ok(Exit::Yes);
    }
    // A record at a time: the document may be larger than memory.
    let mut between = "{\"certificates\":[\n";
    ledger.for_each(|record: CertificateRecord| {
        out.write_all(between.as_bytes())?;
        between = ",\n";
        serde_json::to_writer(&mut *out, &Row::of(&record, now)).map_err(io::Error::from)?;
        Ok::<(), Failure>(())
    })?;
    let begin = if between == ",\n" { "" } else { between };
    writeln!(out, "{begin}\n]}}")?;
    Ok(Exit::Yes)
}
