//! `cert`: user certificates from request to revocation.

mod approve;
mod authority;
mod bind;
mod books;
mod bytes;
mod ca;
mod crl;
mod desk;
mod export;
mod inspect;
mod issuance;
mod issue;
mod kubelets;
mod list;
mod objects;
mod permission;
mod place;
mod record;
mod renew;
mod request;
mod revoke;
#[cfg(feature = "watch")]
mod revoke_live;
mod rows;
mod show;
mod sign;
mod verify;

use std::io::Write;

use clap::{Args, Subcommand};

use super::clock;
use super::exit::{Exit, Failure};

/// Issue, list, check and revoke certificates of users
#[derive(Debug, Args)]
pub(crate) struct CertArgs {
    #[command(subcommand)]
    verb: CertVerb,
}

#[derive(Debug, Subcommand)]
enum CertVerb {
    Sign(Box<sign::SignArgs>),
    Approve(Box<approve::ApproveArgs>),
    Deny(Box<approve::DenyArgs>),
    Ca(ca::CaArgs),
    Inspect(inspect::InspectArgs),
    Request(request::RequestArgs),
    Issue(Box<issue::IssueArgs>),
    Renew(Box<renew::RenewArgs>),
    Verify(verify::VerifyArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Record(record::RecordArgs),
    Revoke(Box<revoke::RevokeArgs>),
    Export(export::ExportArgs),
    Crl(crl::CrlArgs),
}

/// Runs the verb.
pub(crate) fn run(args: &CertArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    match &args.verb {
        CertVerb::Sign(args) => sign::run(args, out),
        CertVerb::Approve(args) => approve::approve(args, out),
        CertVerb::Deny(args) => approve::deny(args, out),
        CertVerb::Ca(args) => ca::run(args, out),
        CertVerb::Inspect(args) => inspect::run(args, out),
        CertVerb::Request(args) => request::run(args, out),
        CertVerb::Issue(args) => issue::run(args),
        CertVerb::Renew(args) => renew::run(args),
        CertVerb::Verify(args) => verify::run(args, out),
        CertVerb::List(args) => list::run(args, out),
        CertVerb::Show(args) => show::run(args, out),
        CertVerb::Record(args) => record::run(args, out),
        CertVerb::Revoke(args) => revoke::run(args, out),
        CertVerb::Export(args) => export::run(args, out),
        CertVerb::Crl(args) => crl::run(args),
    }
}
