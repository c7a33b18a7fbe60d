//! The command line: arguments, answers, exit codes. One file a verb.
//!
//! Absent on purpose: any judgement. What a verb answers, a function of the library answers too.

mod args;
mod authorize;
mod batch;
mod can_i;
#[cfg(feature = "ledger")]
mod cert;
#[cfg(feature = "webhook")]
mod certificates;
mod chain;
mod check;
#[cfg(any(feature = "ledger", feature = "login"))]
mod clock;
mod describe;
mod exit;
#[cfg(any(feature = "basic", feature = "token-file"))]
mod expiry;
mod explain;
mod impersonation;
#[cfg(feature = "webhook")]
mod init;
#[cfg(all(feature = "kerberos", feature = "webhook", unix))]
mod keytab;
#[cfg(any(feature = "ledger", feature = "login"))]
mod kubeconfig;
mod live;
mod load;
#[cfg(any(feature = "basic", feature = "token-file"))]
mod locked_file;
#[cfg(feature = "login")]
mod login;
mod output;
#[cfg(feature = "basic")]
mod passwd;
mod progress;
mod rego;
mod rules;
#[cfg(feature = "webhook")]
mod serve;
#[cfg(any(feature = "ledger", feature = "login"))]
mod short_file;
#[cfg(feature = "watch")]
mod snapshot;
mod speak;
mod stats;
mod subject;
mod target;
#[cfg(feature = "token-file")]
mod token;
mod webhook;
mod who_can;
#[cfg(all(
    feature = "ledger",
    feature = "request-header",
    feature = "service-account",
    feature = "token-file"
))]
mod whoami;
#[cfg(any(
    feature = "basic",
    feature = "ledger",
    feature = "login",
    feature = "token-file",
    feature = "watch"
))]
mod whole_file;

use std::io::{BufWriter, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use exit::{Exit, Failure};

/// Who may do what in a Kubernetes cluster, and who is asking?
///
/// Reads roles, bindings and ABAC policy from files, and decides, explains and lists exactly as the
/// API server of Kubernetes 1.36 does; built with the feature `webhook`, it answers the API server's
/// own questions, too.
#[derive(Debug, Parser)]
#[command(
    name = "portcullis",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "\
Get something to ask:
  kubectl get clusterroles,clusterrolebindings,roles,rolebindings -A -o yaml > cluster.yaml
  portcullis can-i get secrets -n shop --as jane -f cluster.yaml
Or ask the cluster itself, where this build can: add --live in the place of -f.

`portcullis VERB --help` shows more, with examples."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    CanI(can_i::CanIArgs),
    WhoCan(who_can::WhoCanArgs),
    Rules(rules::RulesArgs),
    Authorize(authorize::AuthorizeArgs),
    Check(check::CheckArgs),
    Explain(explain::ExplainArgs),
    #[cfg(feature = "watch")]
    Snapshot(snapshot::SnapshotArgs),
    #[cfg(feature = "webhook")]
    Serve(serve::ServeArgs),
    #[cfg(feature = "webhook")]
    Init(init::InitArgs),
    #[cfg(feature = "token-file")]
    Token(token::TokenArgs),
    #[cfg(feature = "basic")]
    Passwd(passwd::PasswdArgs),
    #[cfg(feature = "ledger")]
    Cert(cert::CertArgs),
    #[cfg(any(feature = "ledger", feature = "login"))]
    Kubeconfig(Box<kubeconfig::KubeconfigArgs>),
    #[cfg(feature = "login")]
    Login(Box<login::LoginArgs>),
    #[cfg(all(
        feature = "ledger",
        feature = "request-header",
        feature = "service-account",
        feature = "token-file"
    ))]
    Whoami(whoami::WhoamiArgs),
}

/// Runs the command.
pub(crate) fn main() -> ExitCode {
    #[cfg(feature = "ledger")]
    leave_damage_to_the_ledger();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help that nobody reads is no failure.
            let _ = error.print();
            let exit = if error.use_stderr() { Exit::Unusable } else { Exit::Yes };
            return exit.into();
        }
    };
    let mut out = BufWriter::new(anstream::stdout());
    let ran = match &cli.verb {
        Verb::CanI(args) => can_i::run(args, &mut out),
        Verb::WhoCan(args) => who_can::run(args, &mut out),
        Verb::Check(args) => check::run(args, &mut out),
        Verb::Explain(args) => explain::run(args, &mut out),
        Verb::Rules(args) => rules::run(args, &mut out),
        Verb::Authorize(args) => authorize::run(args, &mut out),
        #[cfg(feature = "watch")]
        Verb::Snapshot(args) => snapshot::run(args, &mut out),
        #[cfg(feature = "webhook")]
        Verb::Serve(args) => serve::run(args, &mut out),
        #[cfg(feature = "token-file")]
        Verb::Token(args) => token::run(args, &mut out),
        #[cfg(feature = "basic")]
        Verb::Passwd(args) => passwd::run(args, &mut out),
        #[cfg(feature = "ledger")]
        Verb::Cert(args) => cert::run(args, &mut out),
        #[cfg(any(feature = "ledger", feature = "login"))]
        Verb::Kubeconfig(args) => kubeconfig::run(args, &mut out),
        #[cfg(feature = "login")]
        Verb::Login(args) => login::run(args, &mut out),
        #[cfg(all(
            feature = "ledger",
            feature = "request-header",
            feature = "service-account",
            feature = "token-file"
        ))]
        Verb::Whoami(args) => whoami::run(args, &mut out),
        #[cfg(feature = "webhook")]
        Verb::Init(args) => init::run(args, &mut out),
    };
    let ran = ran.and_then(|exit| out.flush().map(|()| exit).map_err(Failure::from));
    match ran {
        Ok(exit) => exit.into(),
        Err(failure) if failure.is_broken_pipe() => Exit::Yes.into(),
        Err(failure) => {
            // Half an answer is none: what is still in the buffer is not written.
            let _ = out.into_parts();
            failure.messages().iter().for_each(|message| speak::error(message));
            Exit::Unusable.into()
        }
    }
}

/// The store of the ledger panics when it walks through damaged pages. The ledger catches that and says
/// what to do; the trace on top would only hide it.
#[cfg(feature = "ledger")]
fn leave_damage_to_the_ledger() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |about| {
        let is_of_the_store = about.location().is_some_and(|at| at.file().contains("/redb-"));
        if !is_of_the_store {
            usual(about);
        }
    }));
}
