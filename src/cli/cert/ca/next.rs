use clap::Args;
use portcullis::crypto::certificate::Certificate;

use super::folder::{BUNDLE, CA_CERT, Folder, NEXT_CERT, NEXT_KEY, RETIRING_CERT, certificate_in};
use super::{FolderArgs, NewArgs};
use crate::cli::exit::{Exit, Failure};

/// Rotation, step 1: make the next authority, to be trusted beside the present one
///
/// The present one goes on signing. Writes next.key, next.crt, and both certificates into bundle.crt.
#[derive(Debug, Args)]
pub(super) struct NextArgs {
    /// The name of the next one [default: the present one's, with a number]
    #[arg(long, value_name = "NAME")]
    common_name: Option<String>,
    #[command(flatten)]
    new: NewArgs,
    #[command(flatten)]
    folder: FolderArgs,
}

/// Runs the verb.
pub(super) fn run(args: &NextArgs) -> Result<Exit, Failure> {
    let folder = Folder::open(&args.folder.pki)?;
    if certificate_in(&args.folder.pki) != folder.at(CA_CERT) {
        return Err(Failure::usage(
            "`cert ca activate` was interrupted; run it again first, it finishes what it began",
        ));
    }
    if folder.has(RETIRING_CERT) {
        return Err(Failure::usage(format!(
            "an authority is still retiring (`{}`); end that rotation first: `portcullis cert ca \
             activate` if it was interrupted, then `portcullis cert ca retire`",
            folder.at(RETIRING_CERT).display()
        )));
    }
    let speaker = args.folder.speaker();
    let present = folder.certificate(CA_CERT)?;
    let is_new = !folder.has(NEXT_CERT);
    if is_new {
        let name = match &args.common_name {
            Some(name) => name.clone(),
            None => successor(Certificate::from_der(&present).ok().as_ref()),
        };
        folder.make_authority([NEXT_CERT, NEXT_KEY], &name, &args.new, |_| Ok(()))?;
    } else {
        speaker.note(format!("`{}` was there already and is kept", folder.at(NEXT_CERT).display()));
    }
    folder.bundle(&[&present, &folder.certificate(NEXT_CERT)?], None)?;
    speaker.note(format!(
        "the present authority goes on signing. Give `{}` to every API server's --client-ca-file \
         first, and wait until each has read it; then `portcullis cert ca activate`",
        folder.at(BUNDLE).display()
    ));
    Ok(Exit::Yes)
}

/// Authorities of one name are hard to tell apart, for people and for path building.
fn successor(present: Option<&Certificate<'_>>) -> String {
    let name = present.and_then(Certificate::common_name).unwrap_or("portcullis-users");
    let numbered = name.rsplit_once(' ').and_then(|(stem, number)| {
        let number: u32 = number.parse().ok()?;
        Some((stem, number.checked_add(1)?))
    });
    match numbered {
        Some((stem, number)) => format!("{stem} {number}"),
        None => format!("{name} 2"),
    }
}
