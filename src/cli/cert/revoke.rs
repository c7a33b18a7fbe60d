use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use portcullis::crypto::authority::MAX_PEM_BYTES;
use portcullis::crypto::certificate::{Certificate, chain_from_pem};
use portcullis::model::{Fingerprint, JTI_CREDENTIAL_PREFIX};
use portcullis::pki::ledger::{CertificateRecord, Ledger, Provenance};
use portcullis::source::ledger::{OpenMode, Outcome, Revoke, Saying};

use super::clock::{now, utc};
use super::place::PkiArgs;
#[cfg(feature = "watch")]
use super::revoke_live::{self, LiveRevokeArgs};
use super::rows::{self, named};
use super::{authority, books};
use crate::cli::args::{Format, OutputArgs};
use crate::cli::describe::counted;
use crate::cli::exit::{Exit, Failure};
use crate::cli::speak::Speaker;

/// Take certificates and tokens back: servers refuse them within a second
///
/// What was revoked stays revoked. With --user and --group certificates that nobody recorded are
/// refused as well; those that are issued from now on are not.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis cert revoke --cert jane.crt --reason keyCompromise
  portcullis cert revoke --user jane --reason cessationOfOperation
  portcullis cert revoke --token JTI=2dK1…  # the credential id in an audit log
  portcullis cert revoke --group contractors --issued-before 2026-11-01T00:00:00Z
  portcullis cert revoke --serial 5f0c12 --issuer old-ca.crt
  portcullis cert revoke --user jane --live  # at all servers of a cluster that share what they know

Exit status:
  0  revoked, now or before
  2  wrong usage or unusable input; nothing was revoked")]
pub(super) struct RevokeArgs {
    #[command(flatten)]
    which: Which,
    /// The certificate of the authority that issued the one with --serial, in case nobody recorded
    /// that
    #[arg(long, value_name = "FILE", requires = "serial")]
    issuer: Option<PathBuf>,
    /// With --user or --group: only certificates issued before this time (RFC 3339)
    #[arg(long, value_name = "TIME", conflicts_with_all = ["serial", "fingerprint", "token", "cert"])]
    issued_before: Option<Timestamp>,
    /// Why: keyCompromise, cessationOfOperation, superseded, affiliationChanged, privilegeWithdrawn,
    /// unspecified, or a sentence
    #[arg(long, value_name = "REASON", default_value = "unspecified", value_parser = reason)]
    reason: String,
    /// Who says so [default: the user of this command]
    #[arg(long, value_name = "WHO", value_parser = one_line)]
    by: Option<String>,
    /// Revoke also users and groups of Kubernetes itself, whose names begin with `system:`
    #[arg(short, long)]
    yes: bool,
    /// Show what would be revoked, and revoke nothing
    #[arg(long)]
    dry_run: bool,
    #[cfg(feature = "watch")]
    #[command(flatten)]
    live: LiveRevokeArgs,
    #[command(flatten)]
    place: PkiArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// No notes on standard error
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The certificate with this serial number, in hexadecimal digits
    #[arg(long, value_name = "HEX")]
    serial: Option<String>,
    /// The certificate with this SHA-256: 64 hexadecimal digits, with or without `X509SHA256=`
    #[arg(long, value_name = "HEX")]
    fingerprint: Option<String>,
    /// The token with this id: its `jti`, as in `JTI=…` of audit logs
    #[arg(long, value_name = "ID")]
    token: Option<String>,
    /// All certificates of a user, and the tokens of his logins
    #[arg(long, value_name = "U")]
    user: Option<String>,
    /// All certificates and tokens of logins that name a group
    #[arg(long, value_name = "G")]
    group: Option<String>,
    /// The certificate in this file, PEM; it is recorded, too
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
}

/// Reasons of RFC 5280 section 5.3.1 that are final and of end entities, and their codes.
const REASONS: [(&str, Option<u8>); 6] = [
    ("unspecified", None),
    ("keyCompromise", Some(1)),
    ("affiliationChanged", Some(3)),
    ("superseded", Some(4)),
    ("cessationOfOperation", Some(5)),
    ("privilegeWithdrawn", Some(9)),
];

/// Longer remarks are for tickets.
const LONGEST_TEXT: usize = 500;

/// The code of a reason in a CRL; a sentence has none.
pub(super) fn reason_code(reason: &str) -> Option<u8> {
    REASONS.iter().find(|(name, _)| *name == reason).and_then(|(_, code)| *code)
}

/// A name of the RFC in its own spelling, or a sentence.
fn reason(text: &str) -> Result<String, String> {
    let known = REASONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    known.map_or_else(|| one_line(text), |(name, _)| Ok((*name).to_owned()))
}

fn one_line(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) || text.len() > LONGEST_TEXT {
        return Err(format!("write one line of at most {LONGEST_TEXT} bytes"));
    }
    Ok(text.to_owned())
}

/// Runs the verb.
pub(super) fn run(args: &RevokeArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let now = now();
    // What cannot be read is refused before the books are opened.
    let seen = args.which.cert.as_deref().map(|path| certificate(path, now)).transpose()?;
    let what = what(args, seen.as_ref())?;
    let by = args.by.clone().unwrap_or_else(user_of_this_command);
    let saying = Saying { at: now, reason: &args.reason, by: &by };
    let speaker = Speaker::new(args.quiet, false);
    #[cfg(feature = "watch")]
    if args.live.is_meant()? {
        let (outcome, place) = revoke_live::run(args, &what, &saying, seen.as_ref(), speaker)?;
        if args.only_shows() {
            return args.show_only(out, &outcome, now, speaker);
        }
        show(args, out, &outcome, now)?;
        tell(args, &outcome, &place, speaker);
        return Ok(Exit::Yes);
    }
    let ledger = books::open(&args.place, OpenMode::Write)?;
    if args.only_shows() {
        let outcome = ledger.would_revoke(&what, &saying)?;
        return args.show_only(out, &outcome, now, speaker);
    }
    if let Some(seen) = &seen {
        ledger.record(seen)?;
    }
    let outcome = ledger.revoke(&what, &saying)?;
    // The ledger is closed before anybody reads this: another command may follow at once.
    let path = args.place.revocations();
    drop(ledger);
    show(args, out, &outcome, now)?;
    tell(args, &outcome, &format!("servers that read `{}`", path.display()), speaker);
    Ok(Exit::Yes)
}

impl RevokeArgs {
    /// The name of a user or a group, where it is one of Kubernetes itself and that was not confirmed.
    fn unconfirmed(&self) -> Option<&str> {
        let name = self.which.user.as_ref().or(self.which.group.as_ref())?;
        (name.starts_with("system:") && !self.yes).then_some(name)
    }

    /// Whether nothing is revoked, only shown.
    pub(super) fn only_shows(&self) -> bool {
        self.dry_run || self.unconfirmed().is_some()
    }

    #[cfg(feature = "watch")]
    pub(super) const fn live(&self) -> &LiveRevokeArgs {
        &self.live
    }

    fn show_only(
        &self,
        out: &mut dyn Write,
        outcome: &Outcome,
        now: i64,
        speaker: Speaker,
    ) -> Result<Exit, Failure> {
        show(self, out, outcome, now)?;
        if let Some(name) = self.unconfirmed().filter(|_| !self.dry_run) {
            // The table helps to decide, so it is shown with the error.
            out.flush()?;
            return Err(Failure::usage(format!(
                "`{name}` is a name of Kubernetes itself: components of the cluster may be locked out, \
                 {} recorded among them; nothing was revoked: say --yes to do it",
                counted(outcome.revoked.len(), "certificate"),
            )));
        }
        speaker.note(format!(
            "{} would be revoked; nothing was changed",
            counted(outcome.revoked.len(), "recorded certificate")
        ));
        Ok(Exit::Yes)
    }
}

/// What is hit; no table when that is nothing.
fn show(
    args: &RevokeArgs,
    out: &mut dyn Write,
    outcome: &Outcome,
    now: i64,
) -> Result<(), Failure> {
    let format = args.output.output;
    if outcome.revoked.is_empty() && matches!(format, Format::Table | Format::Wide) {
        return Ok(());
    }
    rows::write(out, format, &outcome.revoked, now)
}

fn what(args: &RevokeArgs, seen: Option<&CertificateRecord>) -> Result<Revoke, Failure> {
    let Which { serial, fingerprint, token, user, group, cert: _ } = &args.which;
    let issued_before = args.issued_before.map(cutoff);
    let named = |name: &String| {
        if name.is_empty() {
            return Err(Failure::usage("a user or a group has a name; write one"));
        }
        Ok(name.clone())
    };
    if let Some(name) = user {
        return Ok(Revoke::User { name: named(name)?, issued_before });
    }
    if let Some(name) = group {
        return Ok(Revoke::Group { name: named(name)?, issued_before });
    }
    if let Some(id) = token {
        let id = id.strip_prefix(JTI_CREDENTIAL_PREFIX).unwrap_or(id);
        if id.is_empty() {
            return Err(Failure::usage("a token has an id; write its `jti`"));
        }
        return Ok(Revoke::Token { id: id.to_owned() });
    }
    if let Some(text) = fingerprint {
        let read = Fingerprint::from_credential_id(text).map_or_else(|| text.parse(), Ok);
        let fingerprint = read.map_err(|error| {
            Failure::usage(format!(
                "--fingerprint: {error}; `portcullis cert list -o name` lists them"
            ))
        })?;
        return Ok(Revoke::Certificate(fingerprint));
    }
    if let Some(text) = serial {
        let issuer = args.issuer.as_deref().map(issuer).transpose()?;
        return Ok(Revoke::Serial { serial: number(text)?, issuer });
    }
    seen.map(|record| Revoke::Certificate(record.fingerprint)).ok_or_else(|| {
        Failure::usage("say which: --serial, --fingerprint, --token, --user, --group or --cert")
    })
}

/// Certificates have whole seconds: one of 08:00:00 was issued before 08:00:00.5.
fn cutoff(time: Timestamp) -> i64 {
    let seconds = time.as_second();
    if time.subsec_nanosecond() > 0 { seconds.saturating_add(1) } else { seconds }
}

/// The bytes of a serial number, without leading zeros.
fn number(text: &str) -> Result<Vec<u8>, Failure> {
    let digits = super::show::digits(text)?;
    let even = if digits.len().is_multiple_of(2) { digits } else { format!("0{digits}") };
    let bytes = even.as_bytes().chunks(2).filter_map(|pair| {
        std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())
    });
    Ok(bytes.skip_while(|byte| *byte == 0).collect())
}

/// The first certificate of a file, to be recorded.
fn certificate(path: &Path, now: i64) -> Result<CertificateRecord, Failure> {
    let wrong =
        |error: &dyn std::fmt::Display| Failure::usage(format!("`{}`: {error}", path.display()));
    let text = authority::read(path, MAX_PEM_BYTES)?;
    let chain = chain_from_pem(&text).map_err(|error| wrong(&error))?;
    let first = chain.first().map(Vec::as_slice).unwrap_or_default();
    CertificateRecord::of_certificate(first, Provenance::imported(now))
        .map_err(|error| wrong(&error))
}

/// The name of an authority, DER.
fn issuer(path: &Path) -> Result<Vec<u8>, Failure> {
    let wrong =
        |error: &dyn std::fmt::Display| Failure::usage(format!("`{}`: {error}", path.display()));
    let text = authority::read(path, MAX_PEM_BYTES)?;
    let chain = chain_from_pem(&text).map_err(|error| wrong(&error))?;
    let first = chain.first().map(Vec::as_slice).unwrap_or_default();
    let read = Certificate::from_der(first).map_err(|error| wrong(&error))?;
    if !read.is_authority() {
        return Err(wrong(
            &"not the certificate of an authority; --issuer names the one that signed",
        ));
    }
    Ok(read.subject_der().to_vec())
}

pub(super) fn user_of_this_command() -> String {
    let name = env::var("USER").or_else(|_| env::var("LOGNAME")).unwrap_or_default();
    one_line(&name).unwrap_or_default()
}

/// `servers` are those that know.
fn tell(args: &RevokeArgs, outcome: &Outcome, servers: &str, speaker: Speaker) {
    let is_wide = args.which.user.is_some() || args.which.group.is_some();
    for record in outcome.already.iter().filter(|_| !is_wide) {
        if let Some(said) = &record.revoked {
            let because = if said.reason.is_empty() { "no reason" } else { &said.reason };
            speaker.note(format!(
                "{} was revoked already, at {} ({because}); that stays as it was said",
                named(record),
                utc(said.at)
            ));
        }
    }
    if !outcome.is_new {
        speaker.note("all of this had been revoked before; nothing was changed");
        return;
    }
    if is_wide {
        speaker.note(format!(
            "{} revoked, {} before, {} spared since issued later; what nobody recorded is refused, too",
            counted(outcome.revoked.len(), "recorded certificate"),
            outcome.already.len(),
            outcome.spared.len(),
        ));
    } else if outcome.is_by_number {
        speaker.warn(
            "nobody recorded this certificate, so only its number is known: servers that verify \
             certificates refuse it, but an authorizer is told no numbers and cannot. Revoke its user, \
             or give the certificate with --cert",
        );
    } else if outcome.revoked.is_empty() {
        speaker.warn(
            "nobody recorded this certificate: it is refused, but cannot be in a CRL, and its owner can \
             write its signature in another way, which has another fingerprint. Record it with `cert \
             record`, or revoke its user",
        );
    }
    speaker.note(format!("{servers} know within a second"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_of_the_rfc_are_known_in_any_case_and_others_are_sentences() {
        assert_eq!(reason("keycompromise").as_deref(), Ok("keyCompromise"));
        assert_eq!(reason("left the company").as_deref(), Ok("left the company"));
        assert!(reason("two\nlines").is_err() && reason(&"x".repeat(501)).is_err());
        assert_eq!((reason_code("keyCompromise"), reason_code("unspecified")), (Some(1), None));
        assert_eq!(reason_code("left the company"), None);
    }

    #[test]
    fn numbers_are_read_as_tools_write_them() {
        for (text, bytes) in [
            ("0A:FF", &[0x0a, 0xff][..]),
            ("aff", &[0x0a, 0xff]),
            ("0x00aff", &[0x0a, 0xff]),
            ("0000", &[]),
        ] {
            assert_eq!(number(text).unwrap(), bytes, "{text}");
        }
        for text in ["", "1", "12g4", "-12", "12 34"] {
            assert!(number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_part_of_a_second_belongs_to_the_next() {
        for (text, second) in [
            ("1970-01-01T00:00:10Z", 10),
            ("1970-01-01T00:00:10.5Z", 11),
            ("1970-01-01T01:00:10+01:00", 10),
        ] {
            assert_eq!(cutoff(text.parse().unwrap()), second, "{text}");
        }
    }
}
