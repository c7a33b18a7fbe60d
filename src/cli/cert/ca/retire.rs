use clap::Args;

use super::FolderArgs;
use super::folder::{BUNDLE, CA_CERT, Folder, RETIRING_CERT, RETIRING_KEY, certificate_in};
use super::living;
use crate::cli::cert::authority::is_there;
use crate::cli::cert::clock;
use crate::cli::describe::counted;
use crate::cli::exit::{Exit, Failure};

/// Rotation, step 3: stop trusting the old authority
///
/// Takes it out of bundle.crt and deletes its key. Refused while the ledger knows certificates of it
/// that are good.
#[derive(Debug, Args)]
pub(super) struct RetireArgs {
    /// Retire it all the same: whoever has such a certificate is locked out
    #[arg(long)]
    force: bool,
    /// The ledger of certificates [default: DIR/ledger.redb]
    #[arg(long, value_name = "FILE")]
    ledger: Option<std::path::PathBuf>,
    #[command(flatten)]
    folder: FolderArgs,
}

/// Runs the verb. The certificate goes last: with it there is something to retire.
pub(super) fn run(args: &RetireArgs) -> Result<Exit, Failure> {
    let folder = Folder::open(&args.folder.pki)?;
    if !folder.has(RETIRING_CERT) {
        return Err(Failure::usage(
            "no authority is retiring; `portcullis cert ca activate` makes the present one retire",
        ));
    }
    let (old, present) = (folder.certificate(RETIRING_CERT)?, folder.certificate(CA_CERT)?);
    if certificate_in(&args.folder.pki) != folder.at(CA_CERT) || old == present {
        return Err(Failure::usage(
            "`cert ca activate` was interrupted; run it again first, it finishes what it began",
        ));
    }
    let speaker = args.folder.speaker();
    let ledger = args.ledger.clone().unwrap_or_else(|| folder.at("ledger.redb"));
    // Only where nobody names a ledger there may be none.
    if args.ledger.is_none() && !is_there(&ledger) {
        speaker.note(format!(
            "there is no ledger at `{}`; whether certificates of it are in use is not known",
            ledger.display()
        ));
    } else {
        let count = living::of_authority(&ledger, &old, clock::now())?;
        if count > 0 && !args.force {
            speaker.doubt(format!(
                "{} of the old authority {} good and not revoked; renew or revoke (`portcullis cert \
                 list` shows them), or say --force. Nothing was changed",
                counted(count, "certificate"),
                if count == 1 { "is" } else { "are" }
            ));
            return Ok(Exit::No);
        }
        if count > 0 {
            speaker
                .warn(format!("{} that were good are so no longer", counted(count, "certificate")));
        }
    }
    folder.bundle(&[&present], Some(&old))?;
    folder.remove(RETIRING_KEY)?;
    folder.remove(RETIRING_CERT)?;
    speaker.note(format!(
        "the old authority is out of `{}`, and its key is deleted. Give the file to every API \
         server's --client-ca-file",
        folder.at(BUNDLE).display()
    ));
    Ok(Exit::Yes)
}
