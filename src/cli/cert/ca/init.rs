use clap::Args;
use portcullis::source::revocations::RevocationFile;

use super::folder::{BUNDLE, CA_CERT, CA_KEY, Folder};
use super::{FolderArgs, NewArgs};
use crate::cli::exit::{Exit, Failure, with_causes};

/// Where revocations are, unless somebody says otherwise.
const REVOCATIONS: &str = "revocations.ndjson";

/// Make a certificate authority
///
/// Writes ca.key (readable by its owner only), ca.crt, and bundle.crt, the file that API servers take
/// as --client-ca-file; and an empty revocations.ndjson, so that a server that is to read it can start.
/// An authority that is there is never replaced.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Its name, as certificates show it
    #[arg(long, value_name = "NAME", default_value = "portcullis-users")]
    common_name: String,
    #[command(flatten)]
    new: NewArgs,
    #[command(flatten)]
    folder: FolderArgs,
}

/// Runs the verb. The certificate comes last: with it there is an authority.
pub(super) fn run(args: &InitArgs) -> Result<Exit, Failure> {
    let folder = Folder::make(&args.folder.pki)?;
    if folder.has(CA_CERT) {
        return Err(Failure::usage(format!(
            "`{}` is there already and was left as it is; `portcullis cert ca next` makes its \
             successor",
            folder.at(CA_CERT).display()
        )));
    }
    let speaker = args.folder.speaker();
    if folder.has(CA_KEY) {
        speaker.note(format!("the key in `{}` is used", folder.at(CA_KEY).display()));
    }
    folder.make_authority([CA_CERT, CA_KEY], &args.common_name, &args.new, |authority| {
        // A bundle that an interrupted run left holds a certificate that nobody has the rest of.
        folder.remove(BUNDLE)?;
        folder.bundle(&[authority.certificate_der()], None)?;
        RevocationFile::new(folder.at(REVOCATIONS))
            .append(&[])
            .map(drop)
            .map_err(|error| Failure::usage(with_causes(&error)))
    })?;
    speaker.note(format!(
        "the authority `{}` is in `{}`; API servers trust it with --client-ca-file={}",
        args.common_name,
        args.folder.pki.display(),
        folder.at(BUNDLE).display()
    ));
    Ok(Exit::Yes)
}
