use std::path::PathBuf;

use clap::Args;
use pem::{EncodeConfig, LineEnding, Pem};
use portcullis::crypto::authority::{CrlContent, RevokedSerial};
use portcullis::source::ledger::{OpenMode, RevokedNumber};

use super::clock::{now, utc};
use super::place::PkiArgs;
use super::rows::DAY;
use super::{authority, books, revoke};
use crate::cli::describe::counted;
use crate::cli::exit::{Exit, Failure};
use crate::cli::speak::Speaker;
use crate::cli::whole_file::{Readers, replace};

/// Export what was revoked as a CRL, signed by the authority
///
/// For software that reads CRLs. API servers do not; servers of Portcullis read the revocation file,
/// which says more and sooner. Certificates that expired stay in the list.
#[derive(Debug, Args)]
pub(super) struct CrlArgs {
    /// Where to; an older list is replaced
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// In so many days there will be a newer list; afterwards this one counts no more
    #[arg(long, value_name = "DAYS", default_value_t = 7,
          value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: u16,
    /// DER instead of PEM
    #[arg(long)]
    der: bool,
    #[command(flatten)]
    place: PkiArgs,
    /// No notes on standard error
    #[arg(short, long)]
    quiet: bool,
}

/// Runs the verb.
pub(super) fn run(args: &CrlArgs) -> Result<Exit, Failure> {
    let authority = authority::load(&args.place, Speaker::new(args.quiet, false))?;
    let failed = |error: &dyn std::fmt::Display| {
        Failure::usage(format!("`{}`: {error}", args.place.ca_cert().display()))
    };
    let now = now();
    let ledger = books::open(&args.place, OpenMode::Write)?;
    let revoked = ledger.revoked_of_issuer(authority.subject_der())?;
    let entries: Vec<RevokedSerial<'_>> = revoked.iter().map(entry).collect();
    let next_update = now.saturating_add(i64::from(args.days) * DAY);
    let mut content = CrlContent { number: 0, this_update: now, next_update, revoked: &entries };
    // Only a list that can be signed takes a number.
    authority.crl(&content).map_err(|error| failed(&error))?;
    content.number = ledger.next_crl_number()?;
    let der = authority.crl(&content).map_err(|error| failed(&error))?;
    let bytes = if args.der {
        der
    } else {
        let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
        pem::encode_config(&Pem::new("X509 CRL", der), config).into_bytes()
    };
    replace(&args.out, &bytes, Readers::Anybody)?;
    let speaker = Speaker::new(args.quiet, false);
    speaker.note(format!(
        "CRL number {} with {}; the next one is due before {}",
        content.number,
        counted(entries.len(), "certificate"),
        utc(next_update)
    ));
    let (users, groups) = (ledger.revoked_users()?, ledger.revoked_groups()?);
    if users + groups > 0 {
        speaker.warn(format!(
            "all certificates of {} and {} were revoked; a CRL names serial numbers, so those that \
             nobody recorded are not in it. The revocation file refuses them, too",
            counted(users, "user"),
            counted(groups, "group"),
        ));
    }
    Ok(Exit::Yes)
}

fn entry(revoked: &RevokedNumber) -> RevokedSerial<'_> {
    RevokedSerial {
        serial: &revoked.serial,
        at: revoked.said.at,
        reason: revoke::reason_code(&revoked.said.reason),
    }
}
