//! `cert verify`: does anybody vouch for this certificate, and for whom?

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use portcullis::authn::ClientCertificates;
use portcullis::authn::x509::{Crls, UnknownStatus, X509Authenticator, X509Error};
use portcullis::crypto::certificate::{Certificate, fingerprint};
use portcullis::crypto::crl::RevocationList;
use portcullis::crypto::path::{PathInput, TrustAnchors, Usage, verify};
use portcullis::model::SharedRevocations;
use portcullis::source::revocations::RevocationFile;
use serde::Serialize;

use super::bytes::{certificates, read, unusable};
use super::clock;
use super::inspect::time;
use crate::cli::args::{Format, OutputArgs};
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::output::{object, plain};

/// Check a client certificate as the x509 authenticator does
///
/// It is good when a chain leads from it to an authority of the bundle and it is for client auth, and
/// neither a revocation file nor a revocation list of an issuer takes it back.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis cert verify jane.crt --ca-file pki/ca.crt
  portcullis cert verify jane.crt --ca-file pki/ca.crt --revocations pki/revocations.ndjson
  portcullis cert verify jane.crt --ca-file ca.crt --intermediates sub.crt --crl sub.crl --crl ca.crl
  portcullis cert verify jane.crt --ca-file pki/ca.crt --at 2027-01-31T00:00:00Z

Exit status:
  0  good
  1  refused, or good and nobody's; the answer says why
  2  wrong usage or unusable input")]
pub(super) struct VerifyArgs {
    /// The certificate, PEM or DER; further ones in the file may be between it and the authority
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The authorities that are trusted, PEM: what --client-ca-file is to an API server
    #[arg(long, value_name = "BUNDLE")]
    ca_file: PathBuf,
    /// Certificates that may be between it and the authority (repeatable)
    #[arg(long, value_name = "FILE")]
    intermediates: Vec<PathBuf>,
    /// The time that counts, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// A revocation file, as `cert revoke` writes it
    #[arg(long, value_name = "FILE")]
    revocations: Option<PathBuf>,
    /// A revocation list of an issuer, PEM or DER (repeatable)
    #[arg(long = "crl", value_name = "FILE")]
    crls: Vec<PathBuf>,
    /// What becomes of a certificate of which no --crl tells
    #[arg(long, value_enum, default_value_t, value_name = "WHAT", requires = "crls")]
    unknown_status: Unknown,
    #[command(flatten)]
    output: OutputArgs,
}

/// What becomes of a certificate without a revocation list.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Unknown {
    /// It passes
    Allow,
    /// It is refused
    #[default]
    Deny,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    uid: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_id: Option<String>,
    /// The subjects of the path, from the certificate to the authority.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    path: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Where an API server that trusts the same authorities says something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    kubernetes: Option<String>,
}

/// Runs the verb.
pub(super) fn run(args: &VerifyArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let bundle = read(&args.ca_file)?;
    let trusted = TrustAnchors::from_pem(&bundle)
        .map_err(|error| unusable(&args.ca_file, with_causes(&error)))?;
    let mut presented = certificates(&args.file)?;
    for path in &args.intermediates {
        presented.extend(certificates(path)?);
    }
    let presented: Vec<&[u8]> = presented.iter().map(Vec::as_slice).collect();
    let now = args.at.map_or_else(clock::now, Timestamp::as_second);
    let Some(presented) = ClientCertificates::presented(&presented, now) else {
        return Err(unusable(&args.file, "there is no certificate in it"));
    };
    let authenticator = authenticator(args, trusted.clone())?;
    let answer = answer(&authenticator, &trusted, &presented);
    let exit = if answer.verified { Exit::Yes } else { Exit::No };
    match args.output.output {
        format @ (Format::Json | Format::Yaml) => object(out, format, &answer)?,
        Format::Name => {
            writeln!(out, "{}", plain(answer.user.as_deref().unwrap_or("no")))?;
        }
        Format::Table | Format::Wide => {
            for line in answer.lines() {
                writeln!(out, "{}", plain(&line))?;
            }
        }
    }
    Ok(exit)
}

fn authenticator(args: &VerifyArgs, trusted: TrustAnchors) -> Result<X509Authenticator, Failure> {
    let mut authenticator = X509Authenticator::new(trusted);
    if let Some(path) = &args.revocations {
        let revocations = RevocationFile::new(path)
            .read()
            .map_err(|error| Failure::usage(with_causes(&error)))?;
        authenticator = authenticator.with_revocations(SharedRevocations::new(revocations));
    }
    if !args.crls.is_empty() {
        let mut lists = Vec::new();
        for path in &args.crls {
            let list = RevocationList::from_pem_or_der(&read(path)?);
            lists.push(Arc::new(list.map_err(|error| unusable(path, error))?));
        }
        let crls = Crls::default();
        crls.publish(lists);
        let unknown = match args.unknown_status {
            Unknown::Allow => UnknownStatus::Allow,
            Unknown::Deny => UnknownStatus::Deny,
        };
        authenticator = authenticator.with_crls(crls, unknown);
    }
    Ok(authenticator)
}

fn answer(
    authenticator: &X509Authenticator,
    trusted: &TrustAnchors,
    presented: &ClientCertificates<'_>,
) -> Answer {
    let refused = |reason: String, kubernetes: Option<String>| Answer {
        reason: Some(reason),
        kubernetes,
        ..Answer::default()
    };
    match authenticator.authenticate(presented) {
        Err(error) => refused(with_causes(&error), of_kubernetes(authenticator, presented, &error)),
        Ok(None) => refused("it has no common name, so it is nobody's".to_owned(), None),
        Ok(Some(found)) => {
            let ClientCertificates { leaf, intermediates, now } = *presented;
            let input = PathInput::new(leaf, intermediates, now, Usage::ClientAuth);
            let path = verify(&input, trusted).ok();
            let subject = |der: &[u8]| Certificate::from_der(der).map(|read| read.subject()).ok();
            Answer {
                verified: true,
                user: Some(found.user.name),
                uid: found.user.uid,
                groups: found.user.groups,
                credential_id: Some(fingerprint(leaf).credential_id()),
                not_after: path.as_ref().map(|path| time(path.not_after())),
                path: path
                    .iter()
                    .flat_map(|path| path.certificates())
                    .filter_map(subject)
                    .collect(),
                ..Answer::default()
            }
        }
    }
}

/// What an API server would say where we are stricter.
fn of_kubernetes(
    authenticator: &X509Authenticator,
    presented: &ClientCertificates<'_>,
    ours: &X509Error,
) -> Option<String> {
    match authenticator.as_kubernetes().authenticate(presented) {
        Ok(Some(found)) => Some(format!("takes it for user `{}`", found.user.name)),
        Ok(None) => Some("takes it for nobody".to_owned()),
        Err(_) if ours.is_stricter_than_kubernetes() => Some("might take it".to_owned()),
        Err(_) => None,
    }
}

impl Answer {
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        match (&self.user, &self.reason) {
            (Some(user), _) => {
                let groups = match self.groups.as_slice() {
                    [] => String::new(),
                    groups => format!(", groups {}", groups.join(", ")),
                };
                lines.push(format!("good: user {user}{groups}"));
                lines.push(format!("path: {}", self.path.join(" <- ")));
                lines.extend(self.not_after.as_ref().map(|time| format!("until: {time}")));
            }
            (None, reason) => lines.push(format!("no: {}", reason.as_deref().unwrap_or_default())),
        }
        lines.extend(self.kubernetes.as_ref().map(|text| format!("an API server {text}")));
        lines
    }
}
