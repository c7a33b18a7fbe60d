//! `cert`: user certificates from request to revocation.

mod authority;
mod bind;
mod books;
mod ca;
mod clock;
mod crl;
mod export;
mod issuance;
mod issue;
mod list;
mod permission;
mod place;
mod record;
mod renew;
mod request;
mod revoke;
mod rows;
mod show;

pub(crate) use authority::read;
pub(crate) use clock::{now, utc};

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
    Issue(issue::IssueArgs),
    Renew(renew::RenewArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Record(record::RecordArgs),
    Revoke(revoke::RevokeArgs),
    Export(export::ExportArgs),
    Crl(crl::CrlArgs),
}

/// Runs the verb.
pub(crate) fn run(args: &CertArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    match &args.verb {
        CertVerb::Ca(args) => ca::run(args, out),
        CertVerb::Request(args) => request::run(args, out),
        CertVerb::Issue(args) => issue::run(args),
        CertVerb::Renew(args) => renew::run(args),
        CertVerb::List(args) => list::run(args, out),
        CertVerb::Show(args) => show::run(args, out),
        CertVerb::Record(args) => record::run(args, out),
        CertVerb::Revoke(args) => revoke::run(args, out),
        CertVerb::Export(args) => export::run(args, out),
        CertVerb::Crl(args) => crl::run(args),
    }
}
