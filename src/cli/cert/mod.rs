//! `cert`: user certificates from request to revocation.

mod books;
mod place;

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
enum CertVerb {}

/// Runs the verb.
pub(crate) fn run(args: &CertArgs, _out: &mut dyn Write) -> Result<Exit, Failure> {
    match args.verb {}
}
