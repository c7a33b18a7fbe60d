//! `cert`: user certificates from request to revocation.

mod authority;
mod ca;
mod clock;
mod place;
mod request;

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
    Request(request::RequestArgs),
}

/// Runs the verb.
pub(crate) fn run(args: &CertArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    match &args.verb {
        CertVerb::Ca(args) => ca::run(args, out),
        CertVerb::Request(args) => request::run(args, out),
    }
}
