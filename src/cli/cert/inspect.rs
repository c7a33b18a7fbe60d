//! `cert inspect`: what is in these files, and whom Kubernetes would take it for.

mod described;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use portcullis::crypto::certificate::Certificate;
use portcullis::crypto::crl::RevocationList;
use portcullis::crypto::request::SigningRequest;
use serde::Serialize;

use super::bytes::{read, unusable};
use crate::cli::args::{Format, OutputArgs};
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::output::{object, plain};
use described::Described;
pub(super) use described::time;

/// Show what certificates, signing requests and revocation lists say
///
/// Nothing is checked but the form, and the signature of requests: `cert verify` tells whether anybody
/// vouches for a certificate.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis cert inspect jane.crt
  portcullis cert inspect pki/ca.crt jane.csr revoked.crl -o yaml
  kubectl config view --raw -o jsonpath='{..client-certificate-data}' | base64 -d |
    portcullis cert inspect -

Exit status:
  0  shown
  2  wrong usage or unusable input")]
pub(super) struct InspectArgs {
    /// PEM with any number of certificates, requests and lists, or one of them in DER; `-` for
    /// standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Items {
    items: Vec<Described>,
}

/// Runs the verb.
pub(super) fn run(args: &InspectArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let mut items = Vec::new();
    for path in &args.files {
        items.extend(described(path)?);
    }
    match args.output.output {
        format @ (Format::Json | Format::Yaml) => object(out, format, &Items { items })?,
        Format::Table | Format::Wide => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    writeln!(out)?;
                }
                for (name, value) in item.lines() {
                    writeln!(out, "{:<22}{}", format!("{name}:"), plain(&value))?;
                }
            }
        }
        Format::Name => {
            for item in items {
                writeln!(out, "{}", plain(item.name()))?;
            }
        }
    }
    Ok(Exit::Yes)
}

/// Everything in a file.
fn described(path: &Path) -> Result<Vec<Described>, Failure> {
    let bytes = read(path)?;
    let file = path.display().to_string();
    if !bytes.starts_with(&[0x30]) {
        return in_pem(path, &file, &bytes);
    }
    let item = Certificate::from_der(&bytes)
        .map(|certificate| Described::certificate(&file, &certificate))
        .ok()
        .or_else(|| {
            let request = SigningRequest::from_der(&bytes).ok()?;
            Some(Described::request(&file, &request))
        })
        .or_else(|| {
            let list = RevocationList::from_pem_or_der(&bytes).ok()?;
            Some(Described::list(&file, &list))
        });
    let item = item.ok_or_else(|| {
        unusable(path, "neither a certificate nor a signing request nor a revocation list")
    })?;
    Ok(vec![item])
}

fn in_pem(path: &Path, file: &str, text: &[u8]) -> Result<Vec<Described>, Failure> {
    let blocks = ::pem::parse_many(text).map_err(|_| unusable(path, "broken PEM"))?;
    let mut items = Vec::new();
    for (block, number) in blocks.iter().zip(1..) {
        let wrong = |error: &dyn std::error::Error| {
            unusable(path, format!("block {number}: {}", with_causes(error)))
        };
        let der = block.contents();
        match block.tag() {
            "CERTIFICATE" => {
                let read = Certificate::from_der(der).map_err(|error| wrong(&error))?;
                items.push(Described::certificate(file, &read));
            }
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
                let read = SigningRequest::from_der(der).map_err(|error| wrong(&error))?;
                items.push(Described::request(file, &read));
            }
            "X509 CRL" => {
                let read = RevocationList::from_pem_or_der(der).map_err(|error| wrong(&error))?;
                items.push(Described::list(file, &read));
            }
            _ => {}
        }
    }
    if items.is_empty() {
        return Err(unusable(
            path,
            "no `CERTIFICATE`, `CERTIFICATE REQUEST` or `X509 CRL` block in it",
        ));
    }
    Ok(items)
}
