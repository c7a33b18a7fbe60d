use std::io::Write;

use clap::Args;
use portcullis::crypto::certificate::Certificate;
use portcullis::model::X509_CREDENTIAL_PREFIX;
use portcullis::pki::ledger::{CertificateRecord, RecordSource};
use portcullis::source::ledger::{LedgerFile, OpenMode};

use super::books;
use super::clock::{now, utc};
use super::place::PkiArgs;
use super::rows::{self, Row};
use crate::cli::args::{Format, OutputArgs};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{object, plain};

/// Show what the ledger knows of one certificate
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis cert show 3f9a
  portcullis cert show X509SHA256=3f9a…  (a credential id from an audit log)
  portcullis cert show 3f9a --pem > jane.crt")]
pub(super) struct ShowArgs {
    /// Its fingerprint or serial number in hexadecimal digits, or enough of its beginning
    #[arg(value_name = "FINGERPRINT|SERIAL")]
    which: String,
    /// Print the certificate itself, and nothing else
    #[arg(long, conflicts_with = "output")]
    pem: bool,
    #[command(flatten)]
    place: PkiArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Fewer digits find half of the ledger.
const FEWEST_DIGITS: usize = 2;

/// Runs the verb.
pub(super) fn run(args: &ShowArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let ledger = books::open(&args.place, OpenMode::Read)?;
    let record = find(&ledger, &args.which)?;
    let now = now();
    if args.pem {
        out.write_all(pem_of(&record).as_bytes())?;
        return Ok(Exit::Yes);
    }
    match args.output.output {
        format @ (Format::Json | Format::Yaml) => object(out, format, &Row::of(&record, now))?,
        Format::Name => writeln!(out, "{}", record.fingerprint)?,
        Format::Table | Format::Wide => describe(out, &record, now)?,
    }
    Ok(Exit::Yes)
}

/// The certificate whose fingerprint or number begins so; exactly one must.
pub(super) fn find(ledger: &LedgerFile, which: &str) -> Result<CertificateRecord, Failure> {
    let digits = digits(which)?;
    let mut found = ledger.beginning_with(&digits)?;
    // A whole number is meant, though other numbers go on from it.
    let is_whole = |record: &CertificateRecord| {
        record.serial_hex() == digits || record.fingerprint.to_string() == digits
    };
    if found.iter().filter(|record| is_whole(record)).count() == 1 {
        found.retain(is_whole);
    }
    match <[CertificateRecord; 1]>::try_from(found) {
        Ok([record]) => Ok(record),
        Err(none) if none.is_empty() => Err(Failure::usage(format!(
            "no certificate whose fingerprint or serial number begins with `{digits}` is known; \
             `portcullis cert list --all -o wide` shows all"
        ))),
        Err(several) => {
            let names: Vec<String> = several
                .iter()
                .take(10)
                .map(|record| format!("{} of `{}`", record.fingerprint, plain(&record.user)))
                .collect();
            let more = if several.len() > names.len() { ", …" } else { "" };
            Err(Failure::usage(format!(
                "`{digits}` is the beginning of several: {}{more}; write more digits",
                names.join(", ")
            )))
        }
    }
}

/// Hexadecimal digits in the forms in which tools write them.
pub(super) fn digits(text: &str) -> Result<String, Failure> {
    let bare = text.strip_prefix(X509_CREDENTIAL_PREFIX).unwrap_or(text);
    let bare = bare.strip_prefix("0x").unwrap_or(bare);
    let digits: String = bare
        .chars()
        .filter(|digit| *digit != ':')
        .map(|digit| digit.to_ascii_lowercase())
        .collect();
    let is_number = digits.chars().all(|digit| digit.is_ascii_hexdigit());
    if !is_number || digits.len() < FEWEST_DIGITS || digits.len() > 64 {
        return Err(Failure::usage(format!(
            "`{}`: write between {FEWEST_DIGITS} and 64 hexadecimal digits of a fingerprint or a \
             serial number",
            plain(text)
        )));
    }
    Ok(digits)
}

fn pem_of(record: &CertificateRecord) -> String {
    let block = pem::Pem::new("CERTIFICATE", record.certificate.clone());
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&block, config)
}

fn describe(out: &mut dyn Write, record: &CertificateRecord, now: i64) -> Result<(), Failure> {
    let source = match record.source {
        RecordSource::Issued => "issued here",
        RecordSource::Imported => "issued elsewhere, seen here",
    };
    let requester = record.requester.as_ref().map(|requester| {
        let groups = requester.groups.join(", ");
        if groups.is_empty() {
            requester.name.clone()
        } else {
            format!("{} ({groups})", requester.name)
        }
    });
    let usages = Certificate::from_der(&record.certificate)
        .map(|read| read.extended_key_usages().join(", "))
        .unwrap_or_default();
    let left = rows::days_left(record, now).map(|left| format!(", {} left", rows::days(left)));
    let mut lines = vec![
        ("user", record.user.clone()),
        ("groups", record.groups.join(", ")),
        ("uid", record.uid.clone().unwrap_or_default()),
        ("state", format!("{}{}", record.state(now).as_str(), left.unwrap_or_default())),
        ("valid from", utc(record.not_before)),
        ("valid until", utc(record.not_after)),
        ("fingerprint", record.fingerprint.to_string()),
        ("serial", record.serial_hex()),
        ("subject", record.subject.clone()),
        ("issuer", record.issuer.clone()),
        ("key", record.key.clone()),
        ("usages", usages),
        ("recorded", format!("{}, {source}", utc(record.recorded_at))),
        ("signer", record.signer.clone()),
        ("requester", requester.unwrap_or_default()),
        ("decision", record.decision.clone()),
        ("request", record.request_name.clone()),
    ];
    if let Some(said) = &record.revoked {
        lines.extend([
            ("revoked", utc(said.at)),
            ("because", said.reason.clone()),
            ("by", said.by.clone()),
        ]);
    }
    for (name, value) in lines {
        if !value.is_empty() {
            writeln!(out, "{name:12} {}", plain(&value))?;
        }
    }
    Ok(())
}
