//! `cert request`: a key and a signing request, made where the key will be used.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use portcullis::crypto::private_key::{KeyAlgorithm, PrivateKey};
use portcullis::crypto::request::SigningRequest;
use portcullis::crypto::subject::Subject;
use portcullis::model::groups;
use serde_json::json;

use super::authority::{load_key, passphrase};
use crate::cli::args::Format;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::object;
use crate::cli::speak::Speaker;
use crate::cli::whole_file::{Readers, check_new, write_new};

const SIGNER: &str = "kubernetes.io/kube-apiserver-client";

/// Make a key and a certificate signing request for a user
///
/// The key stays here: whoever signs needs the request alone. No file is ever overwritten.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis cert request --user jane --group dev --key-out jane.key > jane.csr
  portcullis cert request --user jane --key jane.key --csr-out jane2.csr
  portcullis cert request --user jane --key-out jane.key --kubernetes jane | kubectl create -f -

Exit status:
  0  done
  2  wrong usage or unusable input; nothing was written")]
pub(super) struct RequestArgs {
    /// Whom the certificate is for: its common name
    #[arg(long, value_name = "U")]
    user: String,
    /// A group of the user (repeatable; the order is kept)
    #[arg(long = "group", value_name = "G")]
    groups: Vec<String>,
    /// The uid of the user; API servers read it since 1.33
    #[arg(long, value_name = "X")]
    uid: Option<String>,
    /// What kind of key: ecdsa-p256, ecdsa-p384, ed25519, rsa2048, rsa3072, rsa4096
    #[arg(long, value_name = "KIND", default_value_t)]
    key_type: KeyAlgorithm,
    /// Where the new key goes, readable by its owner only
    #[arg(long, value_name = "FILE", required_unless_present = "key", conflicts_with = "key")]
    key_out: Option<PathBuf>,
    /// Use this key instead of a new one
    #[arg(long, value_name = "FILE", conflicts_with = "key_type")]
    key: Option<PathBuf>,
    /// A file whose first line is the passphrase of the key, new or old
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Where the request goes [default: standard output]
    #[arg(long, value_name = "FILE")]
    csr_out: Option<PathBuf>,
    /// Write a CertificateSigningRequest object of this name, for kubectl
    #[arg(long, value_name = "NAME")]
    kubernetes: Option<String>,
    /// For how long the certificate shall be good; the signer may shorten it
    #[arg(long, value_name = "SECONDS", requires = "kubernetes",
          value_parser = clap::value_parser!(i32).range(600..))]
    expiration_seconds: Option<i32>,
    /// No notes on standard error
    #[arg(short, long)]
    quiet: bool,
}

/// Runs the verb.
pub(super) fn run(args: &RequestArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let speaker = Speaker::new(args.quiet, false);
    let passphrase = passphrase(args.passphrase_file.as_deref())?;
    // What would fail at the end fails before there is a key that nobody asked for.
    for path in [&args.key_out, &args.csr_out].into_iter().flatten() {
        check_new(path)?;
    }
    let unusable = |error: &dyn std::error::Error| Failure::usage(error.to_string());
    let key = match &args.key {
        Some(path) => load_key(path, passphrase.as_ref(), "--passphrase-file")?,
        None => PrivateKey::generate(args.key_type).map_err(|error| unusable(&error))?,
    };
    let subject = Subject {
        common_name: args.user.clone(),
        organizations: args.groups.clone(),
        uid: args.uid.clone(),
    };
    let request = SigningRequest::create(&key, &subject).map_err(|error| unusable(&error))?;
    if let Some(path) = &args.key_out {
        let pem = match &passphrase {
            Some(passphrase) => key.to_encrypted_pem(passphrase),
            None => Ok(key.to_pem()),
        };
        let pem = pem.map_err(|error| unusable(&error))?;
        write_new(path, pem.expose_secret().as_bytes(), Readers::Owner)?;
        speaker.note(format!("the key is in `{}`; it is needed nowhere else", path.display()));
    }
    let text = match &args.kubernetes {
        Some(name) => manifest(name, &request, args.expiration_seconds)?,
        None => request.pem().into_bytes(),
    };
    match &args.csr_out {
        Some(path) => write_new(path, &text, Readers::Anybody)?,
        None => out.write_all(&text)?,
    }
    if args.groups.iter().any(|group| group == groups::MASTERS) {
        // S-CSR-12.
        speaker.warn(format!(
            "no API server takes a request for the group `{}` with the signer `{SIGNER}`",
            groups::MASTERS
        ));
    }
    Ok(Exit::Yes)
}

/// The object that asks an API server's signer for a client certificate (S-CSR-1).
fn manifest(
    name: &str,
    request: &SigningRequest,
    expiration_seconds: Option<i32>,
) -> Result<Vec<u8>, Failure> {
    let encoded = base64(request.pem().as_bytes());
    let mut spec = json!({
        "request": encoded,
        "signerName": SIGNER,
        "usages": ["client auth"],
    });
    if let (Some(seconds), Some(spec)) = (expiration_seconds, spec.as_object_mut()) {
        spec.insert("expirationSeconds".to_owned(), seconds.into());
    }
    let object_ = json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": { "name": name },
        "spec": spec,
    });
    let mut text = Vec::new();
    object(&mut text, Format::Yaml, &object_)?;
    Ok(text)
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;

    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: RequestArgs,
    }

    fn run_with(words: &[&str]) -> Result<Vec<u8>, String> {
        let line = Line::try_parse_from(["request", "-q"].iter().chain(words));
        let mut out = Vec::new();
        let args = line.map_err(|error| error.to_string())?.args;
        run(&args, &mut out).map_err(|failure| failure.to_string())?;
        Ok(out)
    }

    #[test]
    fn a_request_has_what_was_said_and_the_key_is_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("jane.key");
        let key = key.to_str().unwrap();
        let who = ["--user", "jane", "--group", "ops", "--group", "dev", "--group", "ops"];
        let pem = run_with(&[&who[..], &["--key-out", key]].concat()).unwrap();
        let request = SigningRequest::from_pem(&pem).unwrap();
        assert_eq!(request.common_name(), Some("jane"));
        assert_eq!(request.organizations(), ["ops", "dev", "ops"]);
        let made = std::fs::read(key).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(key).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }

        // Neither file is ever overwritten, and what fails makes no key.
        let failure = run_with(&[&who[..], &["--key-out", key]].concat()).unwrap_err();
        assert!(failure.contains("was left as it is"), "{failure}");
        let other = folder.path().join("other.key");
        let args = ["--key-out", other.to_str().unwrap(), "--csr-out", key];
        assert!(run_with(&[&who[..], &args].concat()).is_err());
        assert!(run_with(&["--user", "", "--key-out", other.to_str().unwrap()]).is_err());
        assert!(!other.exists());
        assert_eq!(std::fs::read(key).unwrap(), made);

        // `-` is no file, and nobody finds a key of that name again.
        let failure = run_with(&[&who[..], &["--key-out", "-"]].concat()).unwrap_err();
        assert!(failure.contains("`-` is no file"), "{failure}");
        assert!(!std::path::Path::new("-").exists());

        // The same key again.
        let again = run_with(&[&who[..], &["--key", key]].concat()).unwrap();
        let again = SigningRequest::from_pem(&again).unwrap();
        assert_eq!(again.public_key_info(), request.public_key_info());
    }

    #[test]
    fn an_object_for_kubernetes_holds_the_request() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jane.yaml");
        let key = folder.path().join("jane.key");
        let (path, key) = (path.to_str().unwrap(), key.to_str().unwrap());
        let args = ["--user", "jane", "--key-out", key, "--key-type", "ed25519"];
        let more = ["--kubernetes", "jane", "--expiration-seconds", "3600", "--csr-out", path];
        assert_eq!(run_with(&[&args[..], &more].concat()).unwrap(), b"");
        let text = std::fs::read_to_string(path).unwrap();
        for line in [
            "apiVersion: certificates.k8s.io/v1",
            "kind: CertificateSigningRequest",
            "  name: jane",
            "  expirationSeconds: 3600",
            "  signerName: kubernetes.io/kube-apiserver-client",
            "  usages: [\"client auth\"]",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        let encoded = text.lines().find_map(|line| line.strip_prefix("  request: ")).unwrap();
        let encoded = encoded.trim_matches('"');
        let pem = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, encoded);
        let request = SigningRequest::from_pem(&pem.unwrap()).unwrap();
        assert_eq!(request.key().to_string(), "Ed25519");
        // S-CSR-3: no less than ten minutes.
        assert!(
            run_with(&[
                "--user",
                "a",
                "--key",
                key,
                "--kubernetes",
                "a",
                "--expiration-seconds",
                "599"
            ])
            .is_err()
        );
    }
}
