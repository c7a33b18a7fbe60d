//! `cert ca`: an authority of one's own, and its successor.
//!
//! A folder holds the authority that signs (`ca.crt`, `ca.key`), the next one (`next.*`) and the one
//! before (`retiring.*`) while there are such, and `bundle.crt`: all that API servers shall trust.
//! Rotation is three verbs, with time between them for every API server to read the bundle:
//! [`next`] makes a second authority, [`activate`] lets it sign, [`retire`] ends the first.
//!
//! # Interruptions
//!
//! Every verb holds a lock on the folder, and is a row of steps each of which is atomic: a file
//! that is linked in place whole, or a rename. After each of them the folder works, and the same verb
//! run again finishes what was begun.
//!
//! | verb | steps, in order | after an interruption |
//! |---|---|---|
//! | `init` | `ca.key`, `bundle.crt`, `revocations.ndjson`, `ca.crt` | without `ca.crt` there is no authority yet; the key that is there is used |
//! | `next` | `next.key`, `next.crt`, `bundle.crt` | the old authority signs; what is there of the next one is used |
//! | `activate` | `bundle.crt`, `retiring.crt`, `retiring.key`, `next.key` → `ca.key`, `next.crt` → `ca.crt` | `next.crt` without `next.key` says that `ca.key` is the next one's already: with that certificate it signs ([`certificate_in`]) |
//! | `retire` | `bundle.crt`, `retiring.key`, `retiring.crt` | the new authority signs; `retiring.crt` goes last |

mod activate;
mod folder;
mod init;
mod living;
mod next;
mod retire;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use portcullis::crypto::private_key::KeyAlgorithm;

use crate::cli::exit::{Exit, Failure};
use crate::cli::speak::Speaker;

pub(super) use folder::certificate_in;

/// Make a certificate authority for users, and replace it in time
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis cert ca init --pki pki
  kube-apiserver --client-ca-file=pki/bundle.crt …

  portcullis cert ca next          # then give bundle.crt to every API server
  portcullis cert ca activate      # then renew the certificates of users
  portcullis cert ca retire        # then give bundle.crt to every API server

Exit status:
  0  done
  1  certificates of the old authority are still in use (retire)
  2  wrong usage or unusable input")]
pub(super) struct CaArgs {
    #[command(subcommand)]
    verb: CaVerb,
}

#[derive(Debug, Subcommand)]
enum CaVerb {
    Init(init::InitArgs),
    Next(next::NextArgs),
    Activate(activate::ActivateArgs),
    Retire(retire::RetireArgs),
}

/// Which folder, and how much is said.
#[derive(Debug, Args)]
struct FolderArgs {
    /// The folder of the authority
    #[arg(long, value_name = "DIR", default_value = "pki")]
    pki: PathBuf,
    /// No notes on standard error
    #[arg(short, long)]
    quiet: bool,
}

impl FolderArgs {
    const fn speaker(&self) -> Speaker {
        Speaker::new(self.quiet, false)
    }
}

/// What a new authority is.
#[derive(Debug, Args)]
struct NewArgs {
    /// What kind of key: ecdsa-p256, ecdsa-p384, ed25519, rsa2048, rsa3072, rsa4096
    #[arg(long, value_name = "KIND", default_value_t)]
    key_type: KeyAlgorithm,
    /// For how many days it is good
    #[arg(long, value_name = "N", default_value_t = 3650,
          value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
    /// A file whose first line is the passphrase that the new key is put under
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// Runs the verb.
pub(super) fn run(args: &CaArgs, _out: &mut dyn Write) -> Result<Exit, Failure> {
    match &args.verb {
        CaVerb::Init(args) => init::run(args),
        CaVerb::Next(args) => next::run(args),
        CaVerb::Activate(args) => activate::run(args),
        CaVerb::Retire(args) => retire::run(args),
    }
}
