//! `whoami`: for whom would an API server take the bearer of these credentials, or why for nobody?

mod answer;
mod credentials;
mod trust;

use std::future::Future;
use std::io::Write;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use jiff::Timestamp;
use portcullis::authn::request::{Presented, RequestAuthenticator};
use portcullis::crypto::path::Strictness;

use super::args::OutputArgs;
use super::exit::{Exit, Failure};
use super::speak::Speaker;
use answer::Outcome;
use credentials::CredentialArgs;
use trust::TrustArgs;

/// Tell for whom an API server takes the bearer of a certificate or token, or why for nobody
///
/// Give what is presented, and what the API server trusts; the flags are called as the API server's.
/// Ways to prove oneself are tried in its order: the headers of a proxy, the client certificate, the
/// token. Nothing is sent anywhere.
///
/// Portcullis is stricter than the API server about some certificates, and knows revocation. Where that
/// makes a difference both answers are given; the exit status is that of the strict one.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis whoami --cert jane.crt --ca-file pki/ca.crt --revocations pki/revocations.ndjson
  portcullis whoami --kubeconfig jane.kubeconfig --ca-file pki/ca.crt
  portcullis whoami --token-file jane.token --tokens known_tokens.csv
  portcullis whoami --proxy-cert front-proxy-client.crt --header 'X-Remote-User: jane' \\
    --requestheader-ca-file front-proxy-ca.crt --requestheader-allowed-names front-proxy-client

Exit status:
  0  somebody
  1  nobody; the answer says why
  2  wrong usage or unusable input")]
pub(crate) struct WhoamiArgs {
    #[command(flatten)]
    credentials: CredentialArgs,
    #[command(flatten)]
    trust: TrustArgs,
    /// The time that counts, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    #[command(flatten)]
    output: OutputArgs,
    /// No notes on standard error
    #[arg(short, long)]
    quiet: bool,
}

/// Runs the verb.
pub(crate) fn run(args: &WhoamiArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let speaker = Speaker::new(args.quiet, false);
    let credentials = args.credentials.read()?;
    args.trust.check(&credentials)?;
    let trust = args.trust.load(speaker)?;
    let now = args.at.map_or_else(now, Timestamp::as_second);

    let certificates: Vec<&[u8]> = credentials.certificates.iter().map(Vec::as_slice).collect();
    let headers: Vec<(&str, &[u8])> =
        credentials.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let presented = Presented {
        certificates: &certificates,
        headers: &headers,
        authorization: credentials.authorization.as_ref().map(|value| value.expose_secret()),
        now,
        ..Presented::default()
    };
    let ours = ask(&trust.authenticator(Strictness::Strict), presented)?;
    let theirs = ask(&trust.authenticator(Strictness::AsKubernetes), presented)?
        .or_perhaps(trust.perhaps(&certificates, now));
    let exit = if ours.is_somebody() { Exit::Yes } else { Exit::No };
    answer::write(&ours, &theirs, args.output.output, out)?;
    Ok(exit)
}

/// Everything is in memory, so the answer is there at once.
fn ask(who: &RequestAuthenticator, presented: Presented<'_>) -> Result<Outcome, Failure> {
    let asked = pin!(who.authenticate(presented));
    match asked.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(found)) => Ok(Outcome::from(found.as_deref())),
        Poll::Ready(Err(error)) => Ok(Outcome::refused(error.to_string())),
        Poll::Pending => Err(Failure::usage(
            "an authenticator would have to ask somebody else; leave it out of the configuration",
        )),
    }
}

/// The time of the system's clock.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
