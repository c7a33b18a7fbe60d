//! Records of certificates on standard output.

use std::io::Write;

use portcullis::pki::ledger::{CertificateRecord, CertificateState};
use serde::Serialize;

use super::clock::utc;
use crate::cli::args::Format;
use crate::cli::exit::Failure;
use crate::cli::output::{Table, object, plain};

/// A record, and what it is good for now.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row<'a> {
    pub(super) state: &'static str,
    #[serde(flatten)]
    pub(super) record: &'a CertificateRecord,
}

#[derive(Serialize)]
struct Rows<'a> {
    certificates: Vec<Row<'a>>,
}

/// A day in seconds.
pub(super) const DAY: i64 = 86_400;

/// Who is warned of an end that is so near.
pub(super) const SOON: i64 = 30 * DAY;

impl<'a> Row<'a> {
    pub(super) fn of(record: &'a CertificateRecord, now: i64) -> Self {
        Self { state: record.state(now).as_str(), record }
    }
}

/// How many whole days a valid certificate has left, when these are few.
pub(super) fn days_left(record: &CertificateRecord, now: i64) -> Option<i64> {
    let left = record.not_after.saturating_sub(now);
    (record.state(now) == CertificateState::Valid && left <= SOON).then_some(left / DAY)
}

/// So many days, in words.
pub(super) fn days(count: i64) -> String {
    match count {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        count => format!("{count} days"),
    }
}

fn state(record: &CertificateRecord, now: i64) -> String {
    match days_left(record, now) {
        Some(left) => format!("valid, {} left", days(left)),
        None => record.state(now).as_str().to_owned(),
    }
}

/// Writes records in the form that was asked for.
pub(super) fn write(
    out: &mut dyn Write,
    format: Format,
    records: &[CertificateRecord],
    now: i64,
) -> Result<(), Failure> {
    match format {
        Format::Json | Format::Yaml => {
            let certificates = records.iter().map(|record| Row::of(record, now)).collect();
            object(out, format, &Rows { certificates })
        }
        Format::Name => {
            for record in records {
                writeln!(out, "{}", record.fingerprint)?;
            }
            Ok(())
        }
        Format::Table => {
            let mut table = Table::new(&["USER", "GROUPS", "SERIAL", "UNTIL", "STATE"]);
            records.iter().for_each(|record| table.push(cells(record, now)));
            table.write(out)
        }
        Format::Wide => {
            let mut table = Table::new(&[
                "USER",
                "GROUPS",
                "SERIAL",
                "UNTIL",
                "STATE",
                "RECORDED",
                "REQUESTER",
                "DECISION",
                "SIGNER",
                "FINGERPRINT",
            ]);
            for record in records {
                let requester = record.requester.as_ref().map(|requester| requester.name.clone());
                let mut row = cells(record, now);
                row.extend([
                    utc(record.recorded_at),
                    requester.unwrap_or_default(),
                    record.decision.clone(),
                    record.signer.clone(),
                    record.fingerprint.to_string(),
                ]);
                table.push(row);
            }
            table.write(out)
        }
    }
}

fn cells(record: &CertificateRecord, now: i64) -> Vec<String> {
    vec![
        record.user.clone(),
        record.groups.join(","),
        record.serial_hex(),
        utc(record.not_after),
        state(record, now),
    ]
}

/// A certificate in a sentence.
pub(super) fn named(record: &CertificateRecord) -> String {
    format!(
        "the certificate of `{}` with serial number {}",
        plain(&record.user),
        record.serial_hex()
    )
}
