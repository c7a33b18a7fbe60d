//! `cert`: user certificates from request to revocation.

mod authority;
mod bytes;
mod ca;
mod clock;
mod inspect;
mod place;
mod request;
mod verify;

use std::io::Write;

use clap::{Args, Subcommand};

use super::exit::{Exit, Failure};

/// Issue, list, check and revoke certificates of users
#[derive(Debug, Args)]
pub(crate) struct CertArgs {
    #[command(subcommand)]
    verb: CertVerb,
}

#[derive(Debug, Subcommand)]
enum CertVerb {
    Ca(ca::CaArgs),
    Inspect(inspect::InspectArgs),
    Request(request::RequestArgs),
    Verify(verify::VerifyArgs),
}

/// Runs the verb.
pub(crate) fn run(args: &CertArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    match &args.verb {
        CertVerb::Ca(args) => ca::run(args, out),
        CertVerb::Inspect(args) => inspect::run(args, out),
        CertVerb::Request(args) => request::run(args, out),
        CertVerb::Verify(args) => verify::run(args, out),
    }
}
