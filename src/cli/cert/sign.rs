//! `cert sign`: a signing request in, a certificate out.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use portcullis::api::certificates::KeyUsage;
use portcullis::crypto::request::{RequestError, SigningRequest};
use portcullis::pki::issue::{IssueError, IssuingRules, Order};
use portcullis::pki::signer::Signer;
use portcullis::pki::validity::DEFAULT_SIGNING_DURATION;

use super::clock;
use super::desk::{Desk, NotSigned, approved_by};
use super::objects::{ObjectForm, Outcome, Requests, parse};
use super::permission::{Permission, PermissionArgs};
use super::place::PkiArgs;
use crate::cli::batch;
use crate::cli::describe::counted;
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::load::read_file;
use crate::cli::speak::{self, Speaker};

/// Sign a certificate signing request, or approved CertificateSigningRequest objects
///
/// A bare request (PEM or DER) is signed when the rules of the signer and the signing policy allow
/// it; standard output has the certificate. Of Kubernetes objects (YAML, JSON, lists) those that are
/// approved and wait for their certificate are signed; standard output has them with
/// status.certificate, or with the condition Failed when their signer does not sign such.
///
/// The certificate has the subject, the key and the alternative names of the request, byte for byte,
/// and is in the ledger before it is printed.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis cert sign jane.csr --requester jane --signing-policy signing.yaml > jane.crt
  portcullis cert sign jane.csr --expiration-seconds 3600 > jane.crt

  # Sign what was approved in a cluster, whose CA this is:
  kubectl get csr -o json | portcullis cert sign - -o json |
    kubectl replace --subresource=status -f -

  # May this user sign at all? (verb `sign` on `signers`)
  portcullis cert sign jane.csr --requester jane --as ca-bot -f cluster.yaml

Exit status:
  0  signed, or there was nothing to sign
  1  refused: by the rules of the signer, by the policy, or by whoever may sign
  2  wrong usage or unusable input, or something failed")]
pub(super) struct SignArgs {
    /// The request, or objects; `-` for standard input
    #[arg(value_name = "CSR|-")]
    request: PathBuf,
    /// Who signs a bare request: the rules of Kubernetes for this signer hold
    /// [default: kubernetes.io/kube-apiserver-client]
    #[arg(long, value_name = "NAME")]
    signer: Option<Signer>,
    /// What a bare request is for [default: client auth,digital signature]
    #[arg(long, value_name = "USAGE,…", value_delimiter = ',')]
    usages: Vec<KeyUsage>,
    #[command(flatten)]
    lifetime: LifetimeArgs,
    #[command(flatten)]
    permission: PermissionArgs,
    #[command(flatten)]
    place: PkiArgs,
    /// The form of objects that are printed
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    output: ObjectForm,
    /// No notes on standard error
    #[arg(short, long)]
    quiet: bool,
}

/// How long certificates last.
#[derive(Debug, Args)]
pub(super) struct LifetimeArgs {
    /// For how many days a bare request is to be good; the policy may shorten it
    #[arg(long, value_name = "N", conflicts_with = "expiration_seconds",
          value_parser = clap::value_parser!(i32).range(1..=24_855))]
    days: Option<i32>,
    /// The same in seconds, at least 600
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(600..))]
    expiration_seconds: Option<i32>,
    #[command(flatten)]
    signing: SigningDurationArgs,
}

/// How long they last at most.
#[derive(Debug, Args)]
pub(super) struct SigningDurationArgs {
    /// The longest life that is given, in seconds [default: 31536000, 8760 hours]
    #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_SIGNING_DURATION,
          hide_default_value = true, value_parser = clap::value_parser!(i64).range(600..=3_153_600_000))]
    pub(super) signing_duration: i64,
}

impl LifetimeArgs {
    /// What is asked for.
    fn seconds(&self) -> Option<i32> {
        self.expiration_seconds.or(self.days.map(|days| days.saturating_mul(86_400)))
    }
}

impl SignArgs {
    /// The first flag that says what objects say themselves.
    fn for_bare_requests(&self) -> Option<&'static str> {
        let LifetimeArgs { days, expiration_seconds, .. } = &self.lifetime;
        let flags = [
            ("--signer", self.signer.is_some()),
            ("--usages", !self.usages.is_empty()),
            ("--days", days.is_some()),
            ("--expiration-seconds", expiration_seconds.is_some()),
            ("--requester", self.permission.requester.is_some()),
        ];
        flags.into_iter().find(|(_, given)| *given).map(|(flag, _)| flag)
    }
}

/// Runs the verb.
pub(super) fn run(args: &SignArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let speaker = Speaker::new(args.quiet, false);
    batch::check_stdin(Some(&args.request), &args.permission.policy)?;
    let bytes = read_file(&args.request)?;
    let bare = bare(&bytes);
    if let Some(read) = bare {
        let name = args.request.display();
        let request = read.map_err(|error| {
            let found = pem::parse(&bytes).ok().map(|block| format!("; this is a {}", block.tag()));
            let found = found.filter(|_| matches!(error, RequestError::BlockType));
            Failure::usage(format!("`{name}`: {error}{}", found.unwrap_or_default()))
        })?;
        return sign_bare(args, &request, speaker, out);
    }
    let requests = parse(&args.request, &bytes)?;
    if let Some(flag) = args.for_bare_requests() {
        return Err(Failure::usage(format!(
            "{flag} is for bare requests; objects say that themselves, so leave it out"
        )));
    }
    let permission = args.permission.read(speaker)?;
    sign_objects(args, requests, &permission, speaker, out)
}

/// The request, when the bytes are one and no objects.
fn bare(bytes: &[u8]) -> Option<Result<SigningRequest, RequestError>> {
    // DER begins with a SEQUENCE, whose tag no text begins with, save a `0`.
    if bytes.starts_with(&[0x30]) && std::str::from_utf8(bytes).is_err() {
        return Some(SigningRequest::from_der(bytes));
    }
    let text = String::from_utf8_lossy(bytes);
    let mark = text.find("-----BEGIN ")?;
    // A block within an object is base64 of its own, or stands behind a field.
    let is_object = text.get(..mark).is_some_and(|before| before.contains("apiVersion"));
    (!is_object).then(|| SigningRequest::from_pem(bytes))
}

fn sign_bare(
    args: &SignArgs,
    request: &SigningRequest,
    speaker: Speaker,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let permission = args.permission.read(speaker)?;
    if permission.rules.is_some() && permission.requester.is_none() {
        return Err(Failure::usage(
            "the signing policy decides by who asks; name the user with --requester",
        ));
    }
    permission.say_what_is_missing(speaker);
    let user = request.common_name().unwrap_or_default();
    permission.warn_of_names(speaker, user, request.organizations());
    say_what_is_dropped(request, speaker);
    let signer = args.signer.as_ref().unwrap_or(&Signer::KubeApiserverClient);
    let may = permission
        .requester
        .as_ref()
        .map_or(Ok(()), |requester| permission.may_create(requester))
        .and_then(|()| permission.may_approve(signer, ""))
        .and_then(|()| permission.may_sign(signer, ""));
    if let Err(refusal) = may {
        speak::error(&refusal);
        return Ok(Exit::No);
    }
    let usages = match args.usages.as_slice() {
        [] => &[KeyUsage::ClientAuth, KeyUsage::DigitalSignature],
        usages => usages,
    };
    let rules = IssuingRules {
        policy: permission.rules.as_ref(),
        signing_duration: args.lifetime.signing.signing_duration,
    };
    let approver = permission.approver.as_ref().map_or("", |user| user.name.as_str());
    let order = Order {
        request,
        usages,
        signer,
        seconds: args.lifetime.seconds(),
        requester: permission.requester.as_ref(),
        request_name: "",
        approved_by: approver,
        now: clock::now(),
    };
    // What is refused needs no authority, and opens no ledger.
    if let Err(refusal) = rules.check(&order) {
        speak::error(&refusal.to_string());
        return Ok(Exit::No);
    }
    match Desk::open(&args.place, speaker)?.issue(&rules, &order) {
        Ok(issued) => {
            let certificate = &issued.certificate;
            out.write_all(certificate.pem().as_bytes())?;
            speaker.note(format!(
                "certificate {} of `{user}`, good until {} ({})",
                certificate.fingerprint(),
                clock::utc(certificate.not_after()),
                issued.decision
            ));
            Ok(Exit::Yes)
        }
        Err(IssueError::Refused(refusal)) => {
            speak::error(&refusal.to_string());
            Ok(Exit::No)
        }
        Err(error) => Err(Failure::usage(with_causes(&error))),
    }
}

fn say_what_is_dropped(request: &SigningRequest, speaker: Speaker) {
    if request.common_name().unwrap_or_default().is_empty() {
        speaker.warn("the request has no common name; to an API server its bearer is nobody");
    }
    let extensions = request.other_extensions().iter().map(String::as_str);
    let dropped: Vec<&str> = extensions.chain(request.other_names().iter().copied()).collect();
    if !dropped.is_empty() {
        speaker.note(format!("asked for and never granted: {}", dropped.join(", ")));
    }
}

fn sign_objects(
    args: &SignArgs,
    requests: Requests,
    permission: &Permission,
    speaker: Speaker,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    permission.say_what_is_missing(speaker);
    let is_list = requests.is_list();
    let mut outcome = Outcome::default();
    let all = requests.requests.len();
    let awaiting: Vec<_> =
        requests.requests.into_iter().filter(|request| request.awaits_certificate()).collect();
    speaker.note(format!("{} of {} to be signed", awaiting.len(), counted(all, "request")));
    if awaiting.is_empty() {
        return outcome.write(out, args.output, is_list);
    }
    let desk = Desk::open(&args.place, speaker)?;
    for mut object in awaiting {
        let name = object.name().to_owned();
        let by = approved_by(&object);
        match desk.sign(&mut object, permission, &by, args.lifetime.signing.signing_duration) {
            Ok(()) => outcome.changed.push(object),
            Err(NotSigned::Failed(message)) => {
                speaker.doubt(format!("`{name}` failed: {message}"));
                outcome.refused = true;
                outcome.changed.push(object);
            }
            Err(NotSigned::Refused(message) | NotSigned::NotPermitted(message)) => {
                speaker.doubt(format!("`{name}` is not signed: {message}"));
                outcome.refused = true;
            }
            Err(NotSigned::Stopped(message)) => {
                outcome.stopped = Some(format!("`{name}`: {message}"));
                break;
            }
        }
    }
    outcome.write(out, args.output, is_list)
}
