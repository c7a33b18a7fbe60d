use std::path::PathBuf;

use clap::Args;

use super::FolderArgs;
use super::folder::{
    CA_CERT, CA_KEY, Folder, NEXT_CERT, NEXT_KEY, RETIRING_CERT, RETIRING_KEY, certificate_in,
};
use crate::cli::exit::{Exit, Failure};

/// Rotation, step 2: let the next authority sign
///
/// Every API server must trust it already: with `ca next` it went into bundle.crt. The old one is
/// kept as retiring.crt and retiring.key, and its certificates stay good.
#[derive(Debug, Args)]
pub(super) struct ActivateArgs {
    /// A file whose first line is the passphrase of the next key
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    folder: FolderArgs,
}

/// Runs the verb. See the module for what an interruption leaves.
pub(super) fn run(args: &ActivateArgs) -> Result<Exit, Failure> {
    let folder = Folder::open(&args.folder.pki)?;
    let is_cut_off = certificate_in(&args.folder.pki) != folder.at(CA_CERT);
    if !is_cut_off {
        if !folder.has(NEXT_CERT) {
            return Err(Failure::usage(
                "there is no next authority; `portcullis cert ca next` makes one",
            ));
        }
        begin(&folder, args)?;
        folder.rename(NEXT_KEY, CA_KEY)?;
    }
    folder.rename(NEXT_CERT, CA_CERT)?;
    let speaker = args.folder.speaker();
    speaker.note(
        "the next authority signs from now on. Renew the certificates of users; when no old one is \
         in use any more: `portcullis cert ca retire`",
    );
    Ok(Exit::Yes)
}

/// All that can be refused is refused here, before anything changes places.
fn begin(folder: &Folder, args: &ActivateArgs) -> Result<(), Failure> {
    folder.check_pair([NEXT_CERT, NEXT_KEY], args.passphrase_file.as_deref())?;
    let (present, next) = (folder.certificate(CA_CERT)?, folder.certificate(NEXT_CERT)?);
    if folder.has(RETIRING_CERT) && folder.certificate(RETIRING_CERT)? != present {
        return Err(Failure::usage(format!(
            "an authority is still retiring (`{}`); `portcullis cert ca retire` comes first",
            folder.at(RETIRING_CERT).display()
        )));
    }
    folder.bundle(&[&present, &next], None)?;
    folder.link(CA_CERT, RETIRING_CERT)?;
    folder.link(CA_KEY, RETIRING_KEY)
}
