//! `cert renew`: the same user again, for longer.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use portcullis::api::kubeconfig::{Context, Credentials, Entries, Kubeconfig, Material, Named};
use portcullis::authn::SecretBytes;
use portcullis::crypto::authority::MAX_PEM_BYTES;
use portcullis::crypto::certificate::{Certificate, chain_from_pem, fingerprint};
use portcullis::crypto::private_key::{self, KeyAlgorithm, PrivateKey};
use portcullis::crypto::subject::Subject;
use portcullis::model::Fingerprint;
use portcullis::pki::issue::Issued;
use portcullis::pki::ledger::Ledger;
use portcullis::source::kubeconfig::{self as file, Existing};
use portcullis::source::ledger::{LedgerFile, OpenMode, Revoke, Saying};

use super::authority::{is_there, read};
use super::books;
use super::clock::{now, utc};
use super::issuance::{DaysArgs, Issuance, NotIssued, Written};
use super::permission::PermissionArgs;
use super::place::PkiArgs;
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::kubeconfig::Held;
use crate::cli::speak::Speaker;
use crate::cli::whole_file::{Readers, replace, write_new};

const DAY: i64 = 86_400;

/// Replace a certificate before it ends, and its key
///
/// The names stay the same, and every rule is asked again. Of two files the new ones are written
/// beside the old (FILE.new) first, then the key is put in place, then the certificate: after an
/// interruption the same `cert renew` finishes what was begun. A kubeconfig is replaced in one step.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis cert renew --cert jane.crt --key jane.key
  portcullis cert renew --cert jane.crt --key jane.key --if-within 14 --keep-key
  portcullis cert renew --kubeconfig ~/.kube/config --user jane --revoke-old

Exit status:
  0  renewed, or not due
  1  refused by a rule; nothing was written
  2  wrong usage or unusable input; what was written is named")]
pub(super) struct RenewArgs {
    /// The certificate, PEM; it is replaced
    #[arg(long, value_name = "FILE", requires = "key", required_unless_present = "kubeconfig")]
    cert: Option<PathBuf>,
    /// Its key, PEM; it is replaced
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// A kubeconfig in which certificate and key stand
    #[arg(long, value_name = "FILE", requires = "user", conflicts_with_all = ["cert", "key"])]
    kubeconfig: Option<PathBuf>,
    /// What the user is called in the kubeconfig
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    user: Option<String>,
    /// Renew only what ends within so many days [default: the last third of its life]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=36_500))]
    if_within: Option<u32>,
    /// Keep the key; only the certificate is new
    #[arg(long)]
    keep_key: bool,
    /// What kind of key the new one is [default: as the old]
    #[arg(long, value_name = "KIND", conflicts_with = "keep_key")]
    key_type: Option<KeyAlgorithm>,
    /// Revoke the old certificate when the new one is there
    #[arg(long)]
    revoke_old: bool,
    #[command(flatten)]
    days: DaysArgs,
    #[command(flatten)]
    permission: PermissionArgs,
    #[command(flatten)]
    place: PkiArgs,
    /// No notes on standard error
    #[arg(short, long)]
    quiet: bool,
}

/// A certificate and its key, as they are.
struct Pair {
    certificate: Vec<u8>,
    key: PrivateKey,
}

/// Runs the verb.
pub(super) fn run(args: &RenewArgs) -> Result<Exit, Failure> {
    let speaker = Speaker::new(args.quiet, false);
    renew(args, speaker).map_or_else(NotIssued::exit, |()| Ok(Exit::Yes))
}

fn renew(args: &RenewArgs, speaker: Speaker) -> Result<(), NotIssued> {
    let old = match (&args.cert, &args.key, &args.kubeconfig) {
        (Some(certificate), Some(key), _) => {
            let supersede = |old| match args.revoke_old {
                true => superseded(&books::open(&args.place, OpenMode::Write)?, old),
                false => Ok(()),
            };
            if finish(certificate, key, supersede)? {
                speaker.note("an earlier renewal was interrupted; it is finished now");
                if args.revoke_old {
                    speaker.note("the old certificate is revoked");
                }
                return Ok(());
            }
            pair(
                &read(certificate, MAX_PEM_BYTES)?,
                &read(key, private_key::MAX_PEM_BYTES)?,
                &certificate.display().to_string(),
            )?
        }
        (_, _, Some(path)) => embedded(path, args.user.as_deref().unwrap_or_default())?,
        // The arguments ask for one of them.
        _ => return Err(Failure::usage("say what is to be renewed: --cert and --key").into()),
    };
    let certificate = Certificate::from_der(&old.certificate)
        .map_err(|error| Failure::usage(error.to_string()))?;
    let now = now();
    if let Some(from) = not_due(&certificate, args.if_within, now) {
        speaker.note(format!(
            "not due: the certificate is good until {}, and is renewed from {} on",
            utc(certificate.not_after()),
            utc(from)
        ));
        return Ok(());
    }
    let issuance = Issuance::open(&args.place, &args.permission, &args.days, speaker)?;
    known(&issuance, &certificate)?;
    let subject = Subject {
        common_name: certificate.common_name().unwrap_or_default().to_owned(),
        organizations: certificate.organizations(),
        uid: certificate.uid().map_err(|error| Failure::usage(error.to_string()))?,
    };
    let fresh = if args.keep_key {
        None
    } else {
        let algorithm = args.key_type.unwrap_or(old.key.algorithm());
        let made = PrivateKey::generate(algorithm);
        Some(made.map_err(|error| Failure::usage(error.to_string()))?)
    };
    let request = issuance.request(fresh.as_ref().unwrap_or(&old.key), &subject, speaker)?;
    let mut written = Written::default();
    let issued = match (&args.cert, &args.key, &args.kubeconfig) {
        (Some(certificate), Some(key), _) => {
            let drafts = (beside(certificate), beside(key));
            if let Some(fresh) = &fresh {
                write_new(&drafts.1, fresh.to_pem().expose_secret().as_bytes(), Readers::Owner)?;
                written.file("new key", &drafts.1);
            }
            let issued = written.told(issuance.issue(&request))?;
            written.record(&issued);
            let pem = issued.certificate.pem();
            let supersede = |old| match args.revoke_old {
                true => superseded(&issuance.ledger, old),
                false => Ok(()),
            };
            let put = || -> Result<(), NotIssued> {
                write_new(&drafts.0, pem.as_bytes(), Readers::Anybody)?;
                finish(certificate, key, supersede)?;
                Ok(())
            };
            written.told(put())?;
            issued
        }
        (_, _, Some(path)) => {
            // A lock that was left behind is found before there is a certificate.
            let held = Held::take(path)?;
            let issued = written.told(issuance.issue(&request))?;
            written.record(&issued);
            let key = fresh.as_ref().unwrap_or(&old.key);
            let user = args.user.as_deref().unwrap_or_default();
            written.told(into_kubeconfig(&held, path, user, &issued, key, speaker))?;
            if args.revoke_old {
                written.told(
                    superseded(&issuance.ledger, certificate.fingerprint()).map_err(Into::into),
                )?;
            }
            issued
        }
        _ => return Ok(()),
    };
    speaker.note(format!(
        "`{}` has a new certificate until {}",
        subject.common_name,
        utc(issued.certificate.not_after())
    ));
    if args.revoke_old {
        speaker.note("the old certificate is revoked");
    }
    Ok(())
}

/// From when on it is to be renewed, if that is still to come.
fn not_due(certificate: &Certificate<'_>, within: Option<u32>, now: i64) -> Option<i64> {
    let (begin, end) = (certificate.not_before(), certificate.not_after());
    let before_end = match within {
        Some(days) => i64::from(days).saturating_mul(DAY),
        None => end.saturating_sub(begin) / 3,
    };
    let from = end.saturating_sub(before_end);
    (now < from).then_some(from)
}

/// Only what the books know and have not taken back is renewed: anybody can make a certificate that
/// says `system:masters`.
fn known(issuance: &Issuance, certificate: &Certificate<'_>) -> Result<(), NotIssued> {
    let found = issuance.ledger.find(&certificate.fingerprint());
    let found = found.map_err(|error| Failure::usage(with_causes(&error)))?;
    match found {
        Some(record) if record.revoked.is_some() => Err(NotIssued::Refused(
            "this certificate was revoked; the user needs a new one, by `cert issue`".to_owned(),
        )),
        Some(_) => Ok(()),
        None => Err(NotIssued::Refused(
            "this certificate is not in the ledger; `portcullis cert record` takes in one that the \
             authority did issue"
                .to_owned(),
        )),
    }
}

/// The first certificate of a file.
fn first_of(path: &Path) -> Result<Vec<u8>, Failure> {
    let chain = chain_from_pem(&read(path, MAX_PEM_BYTES)?)
        .map_err(|error| Failure::usage(format!("`{}`: {error}", path.display())))?;
    Ok(chain.into_iter().next().unwrap_or_default())
}

fn pair(certificate: &[u8], key: &[u8], name: &str) -> Result<Pair, Failure> {
    let wrong = |error: &dyn std::error::Error| Failure::usage(format!("`{name}`: {error}"));
    let chain = chain_from_pem(certificate).map_err(|error| wrong(&error))?;
    let der = chain.into_iter().next().unwrap_or_default();
    let key = PrivateKey::from_pem(key, None).map_err(|error| wrong(&error))?;
    let read = Certificate::from_der(&der).map_err(|error| wrong(&error))?;
    if !read.has_key(key.public_key_info()) {
        return Err(Failure::usage(format!(
            "`{name}`: certificate and key do not belong together"
        )));
    }
    Ok(Pair { certificate: der, key })
}

fn embedded(path: &Path, user: &str) -> Result<Pair, Failure> {
    let name = path.display().to_string();
    let config = file::parse(&name, &read(path, usize::MAX >> 1)?)?;
    let found = config
        .user(user)
        .ok_or_else(|| Failure::usage(format!("`{name}` has no user `{user}`")))?;
    // Found out before there is a certificate.
    let context = context_of(&config, user, &name)?;
    if config.cluster(&context.value.cluster).is_none() {
        return Err(Failure::usage(format!(
            "`{name}`: the context `{}` is of a cluster that is not there",
            context.name
        )));
    }
    let (Some(Material::Embedded(certificate)), Some(Material::Embedded(key))) =
        (&found.client_certificate, &found.client_key)
    else {
        return Err(Failure::usage(format!(
            "`{name}`: certificate and key of `{user}` do not stand in it; if they are in files, \
             renew those with --cert and --key"
        )));
    };
    if !found.others.is_empty() || found.token.is_some() {
        return Err(Failure::usage(format!(
            "`{name}`: the user `{user}` has more than certificate and key, which would be lost"
        )));
    }
    pair(certificate, key.expose_secret(), &name)
}

/// The user's entry alone is replaced: the context that is named for it is one that is there.
fn into_kubeconfig(
    held: &Held<'_>,
    path: &Path,
    user: &str,
    issued: &Issued,
    key: &PrivateKey,
    speaker: Speaker,
) -> Result<(), NotIssued> {
    let name = path.display().to_string();
    let config = file::parse(&name, &read(path, usize::MAX >> 1)?).map_err(Failure::from)?;
    let credentials = Credentials::certificate(
        Material::Embedded(issued.certificate.pem().into_bytes()),
        Material::Embedded(SecretBytes::from(key.to_pem().expose_secret().as_bytes().to_vec())),
    );
    let context = context_of(&config, user, &name)?;
    let Context { cluster, .. } = &context.value;
    let mut entries = Entries::new(user, credentials, cluster);
    entries.context = Named::new(context.name.clone(), context.value.clone());
    entries.make_current = false;
    held.put(&entries, Existing::Replace, speaker)?;
    Ok(())
}

fn context_of<'a>(
    config: &'a Kubeconfig,
    user: &str,
    name: &str,
) -> Result<&'a Named<Context>, Failure> {
    let context = config.contexts.iter().find(|named| named.value.user == user);
    context.ok_or_else(|| Failure::usage(format!("`{name}` has no context of the user `{user}`")))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

/// Puts new files in place that lie beside the old, the key first; whether there were any. The
/// certificate is there only when both were written, so it tells that the renewal was complete.
///
/// `supersede` gets the old certificate before the new one takes its place, as nobody could tell
/// afterwards which it was. When it fails, the new pair is put in place all the same.
fn finish(
    certificate: &Path,
    key: &Path,
    supersede: impl FnOnce(Fingerprint) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let (new_certificate, new_key) = (beside(certificate), beside(key));
    if !is_there(&new_certificate) {
        if is_there(&new_key) {
            return Err(Failure::usage(format!(
                "`{}` was left by a renewal that was interrupted before it had a certificate; remove \
                 it, and renew again",
                new_key.display()
            )));
        }
        return Ok(false);
    }
    let key_now = if is_there(&new_key) { &new_key } else { key };
    let pem = read(&new_certificate, MAX_PEM_BYTES)?;
    let key_pem = SecretBytes::from(read(key_now, private_key::MAX_PEM_BYTES)?);
    let name = new_certificate.display().to_string();
    let new = pair(&pem, key_pem.expose_secret(), &name)?.certificate;
    let old = first_of(certificate)?;
    if is_there(&new_key) {
        replace(key, key_pem.expose_secret(), Readers::Owner)?;
        remove(&new_key)?;
    }
    let superseded = if old == new { Ok(()) } else { supersede(fingerprint(&old)) };
    replace(certificate, &pem, Readers::Anybody)?;
    remove(&new_certificate)?;
    superseded.map(|()| true)
}

fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::Write { path: path.display().to_string(), error })
        }
        _ => Ok(()),
    }
}

/// Says that a certificate was replaced by another.
fn superseded(ledger: &LedgerFile, old: Fingerprint) -> Result<(), Failure> {
    let saying = Saying { at: now(), reason: "superseded", by: "cert renew" };
    ledger.revoke(&Revoke::Certificate(old), &saying)?;
    Ok(())
}
