//! `cert approve` and `cert deny`: decide about CertificateSigningRequest objects.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use portcullis::api::certificates::{APPROVED, CertificateSigningRequest, Condition, DENIED};
use portcullis::pki::issue::{IssuingRules, Order};
use portcullis::pki::validity::DEFAULT_SIGNING_DURATION;

use super::desk::{Desk, NotSigned, read as read_object};
use super::objects::{ObjectForm, Outcome, Requests, read};
use super::permission::{Permission, PermissionArgs};
use super::place::PkiArgs;
use super::{authority, clock};
use crate::cli::batch;
use crate::cli::exit::{Exit, Failure};
use crate::cli::speak::Speaker;

/// Approve CertificateSigningRequest objects, and sign them
///
/// Objects come from standard input, as `kubectl get csr -o yaml` writes them. Of those that are
/// undecided the ones that the rules of their signer and the signing policy allow are approved, and
/// signed when the authority is here; so are those that were approved before and have no
/// certificate. The others stay pending, with the reason on standard error. Standard output has the
/// objects that changed.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  kubectl get csr -o yaml | portcullis cert approve --signing-policy signing.yaml

  # Back into the cluster. Approvals go to /approval, which takes one object at a time:
  kubectl get csr -o json | portcullis cert approve --no-sign -o json | jq -c '.items[]' |
    while read -r csr; do
      name=$(printf %s \"$csr\" | jq -r .metadata.name)
      printf %s \"$csr\" | kubectl replace -f - \\
        --raw /apis/certificates.k8s.io/v1/certificatesigningrequests/$name/approval
    done
  # then certificates to /status, which takes all of them:
  kubectl get csr -o json | portcullis cert sign - -o json |
    kubectl replace --subresource=status -f -

In the books it is written who asked, which rule allowed it, and who approved. Only objects that come
from an API server can be believed in who asked: in a file anybody can write it.

Exit status:
  0  done; nothing was refused
  1  some were refused and stay pending, or are denied with --deny-refused
  2  wrong usage or unusable input, or something failed")]
pub(super) struct ApproveArgs {
    /// Only the objects of these names
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Where the objects are; `-` for standard input
    #[arg(long = "from", value_name = "FILE", default_value = "-")]
    from: PathBuf,
    /// Deny what is refused, for ever, instead of leaving it pending
    #[arg(long)]
    deny_refused: bool,
    /// Sign as well, and fail when the authority is not here [default: sign when it is]
    #[arg(long, conflicts_with = "no_sign")]
    sign: bool,
    /// Approve only
    #[arg(long)]
    no_sign: bool,
    #[command(flatten)]
    permission: PermissionArgs,
    #[command(flatten)]
    place: PkiArgs,
    /// The form of the objects that are printed
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    output: ObjectForm,
    /// No notes on standard error
    #[arg(short, long)]
    quiet: bool,
}

/// Deny CertificateSigningRequest objects, for ever
///
/// Objects come from standard input. Standard output has those that are denied now.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  kubectl get csr jane -o json | portcullis cert deny jane -o json |
    kubectl replace -f - \\
      --raw /apis/certificates.k8s.io/v1/certificatesigningrequests/jane/approval

Exit status:
  0  done
  1  some were approved before, and cannot be denied
  2  wrong usage or unusable input; nothing was changed")]
pub(super) struct DenyArgs {
    /// The objects' names
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Where the objects are; `-` for standard input
    #[arg(long = "from", value_name = "FILE", default_value = "-")]
    from: PathBuf,
    /// Why, for the requester to read
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "This CSR was denied by portcullis cert deny."
    )]
    message: String,
    #[command(flatten)]
    permission: PermissionArgs,
    /// The form of the objects that are printed
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    output: ObjectForm,
    /// No notes on standard error
    #[arg(short, long)]
    quiet: bool,
}

/// The word for programs in the condition.
const APPROVE: &str = "PortcullisApprove";
const DENY: &str = "PortcullisDeny";

/// Runs `cert approve`.
pub(super) fn approve(args: &ApproveArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let speaker = Speaker::new(args.quiet, false);
    batch::check_stdin(Some(&args.from), &args.permission.policy)?;
    if args.permission.requester.is_some() {
        return Err(Failure::usage("objects say themselves who asks; leave out --requester"));
    }
    let requests = read(&args.from)?;
    requests.find_all(&args.names)?;
    let permission = args.permission.read(speaker)?;
    permission.say_what_is_missing(speaker);
    if requests.is_empty() {
        speaker.note("there is no request to decide about");
    }
    let desk = desk(args, &requests, speaker)?;
    let is_list = requests.is_list();
    let mut outcome = Outcome::default();
    for mut object in requests.requests {
        let name = object.name().to_owned();
        if !args.names.is_empty() && !args.names.contains(&name) {
            continue;
        }
        match decide(args, &mut object, &permission, desk.as_ref()) {
            Ok(false) => {}
            Ok(true) => outcome.changed.push(object),
            Err(NotSigned::Refused(message)) => {
                outcome.refused = true;
                if args.deny_refused && object.is_pending() {
                    speaker.doubt(format!("`{name}` is denied: {message}"));
                    let denied = Condition::new(DENIED, DENY, message);
                    object.add_condition(denied, &clock::utc(clock::now()));
                } else {
                    speaker.doubt(format!("`{name}` stays pending: {message}"));
                    // It may have been approved, and not signed.
                    if !object.awaits_certificate() {
                        continue;
                    }
                }
                outcome.changed.push(object);
            }
            Err(NotSigned::Failed(message)) => {
                speaker.doubt(format!("`{name}` failed: {message}"));
                outcome.refused = true;
                outcome.changed.push(object);
            }
            Err(NotSigned::Stopped(message)) => {
                outcome.stopped = Some(format!("`{name}`: {message}"));
                break;
            }
        }
    }
    outcome.write(out, args.output, is_list)
}

/// The authority, when it is wanted and there is something to do for it.
fn desk(
    args: &ApproveArgs,
    requests: &Requests,
    speaker: Speaker,
) -> Result<Option<Desk>, Failure> {
    let wanted = |object: &CertificateSigningRequest| {
        (object.is_pending() || object.awaits_certificate())
            && (args.names.is_empty() || args.names.iter().any(|name| name == object.name()))
    };
    if args.no_sign || !requests.requests.iter().any(wanted) {
        return Ok(None);
    }
    let is_here =
        authority::is_there(&args.place.ca_cert()) && authority::is_there(&args.place.ca_key());
    if !args.sign && !is_here {
        speaker.note("there is no authority here, so nothing is signed; --pki names its folder");
        return Ok(None);
    }
    Desk::open(&args.place).map(Some)
}

/// Approves and signs one object; whether it changed.
fn decide(
    args: &ApproveArgs,
    object: &mut CertificateSigningRequest,
    permission: &Permission,
    desk: Option<&Desk>,
) -> Result<bool, NotSigned> {
    let approver =
        permission.approver.as_ref().map_or("portcullis cert approve", |user| &user.name);
    let mut changed = false;
    if object.is_pending() {
        let rule = may_be(object, permission).map_err(NotSigned::Refused)?;
        let by = match &permission.approver {
            Some(user) => format!(" for {}", user.name),
            None => String::new(),
        };
        let message = format!("This CSR was approved by portcullis cert approve{by}: {rule}.");
        let approved = Condition::new(APPROVED, APPROVE, message);
        object.add_condition(approved, &clock::utc(clock::now()));
        changed = true;
    }
    let _ = args;
    match desk {
        Some(desk) if object.awaits_certificate() => {
            desk.sign(object, permission, approver, DEFAULT_SIGNING_DURATION)?;
            Ok(true)
        }
        _ => Ok(changed),
    }
}

/// Whether it may be approved, and what allows it.
fn may_be(object: &CertificateSigningRequest, permission: &Permission) -> Result<String, String> {
    let (valid, signer) = read_object(object)?;
    permission.may_approve(&signer)?;
    let rules = IssuingRules { policy: permission.rules.as_ref(), ..IssuingRules::default() };
    let granted = rules.check(&Order {
        request: &valid.request,
        usages: &valid.usages,
        signer: &signer,
        seconds: object.spec().expiration_seconds,
        requester: Some(object.requester()),
        request_name: object.name(),
        approved_by: "",
        now: clock::now(),
    });
    let granted = granted.map_err(|refusal| refusal.to_string())?;
    Ok(granted.rule.map_or("the rules of its signer allow it".to_owned(), |rule| {
        format!("rule `{rule}` of the signing policy allows it")
    }))
}

/// Runs `cert deny`.
pub(super) fn deny(args: &DenyArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let speaker = Speaker::new(args.quiet, false);
    batch::check_stdin(Some(&args.from), &args.permission.policy)?;
    let requests = read(&args.from)?;
    requests.find_all(&args.names)?;
    let permission = args.permission.read(speaker)?;
    let is_list = requests.is_list();
    let mut outcome = Outcome::default();
    for mut object in requests.requests {
        let name = object.name().to_owned();
        if !args.names.contains(&name) || object.is_denied() {
            continue;
        }
        let may = match object.spec().signer_name.parse() {
            Ok(signer) => permission.may_approve(&signer),
            Err(error) => Err(portcullis::pki::signer::SignerNameError::to_string(&error)),
        };
        if let Err(refusal) = may {
            speaker.doubt(format!("`{name}` is not denied: {refusal}"));
            outcome.refused = true;
        } else if object.is_approved() {
            speaker.doubt(format!(
                "`{name}` was approved, and that cannot be taken back; `portcullis cert revoke` takes \
                 back its certificate"
            ));
            outcome.refused = true;
        } else {
            let denied = Condition::new(DENIED, DENY, args.message.as_str());
            object.add_condition(denied, &clock::utc(clock::now()));
            outcome.changed.push(object);
        }
    }
    outcome.write(out, args.output, is_list)
}
