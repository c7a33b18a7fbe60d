//! `check`: what in a policy, or in the configuration of a server, deserves a second look.

mod authentication;
mod chain;
#[cfg(feature = "webhook")]
mod config;

use std::io::Write;

use clap::{Args, ValueEnum};
use portcullis::query::{self, Finding, Level};
use serde::Serialize;

use super::args::{Format, LoudnessArgs, NameArgs, OutputArgs, PolicyArgs};
use super::describe::counted;
use super::exit::{Exit, Failure};
use super::live::{LiveArgs, Wanted};
use super::load;
use super::output::{Place, Table, object, plain};
use super::speak::Speaker;

/// Look over a policy: dangling references, grants that reach nobody, misspelt names, and more
///
/// With --authorization-config and --authentication-config the file is read as the API server reads it,
/// and its own messages are told, each with the line. Findings are errors (the API server would refuse it, or it cannot mean what it says), warnings
/// (it grants more, or less, than it seems to) and advice.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis check -f manifests/
  portcullis check -f dump/ --discovery api-resources.txt --fail-on warning
  portcullis check --abac policy.jsonl -o json
  portcullis check --config server.yaml
  portcullis check --authorization-config authorization.yaml --elsewhere
  portcullis check --authentication-config authentication.yaml
  portcullis check --apiserver-flags /etc/kubernetes/manifests/kube-apiserver.yaml

Exit status:
  0  nothing of the level of --fail-on (default: error) was found
  1  something was
  2  wrong usage or unusable input; nothing was looked over
  3  looked over, but with --live something may not be listed: findings may be wrong or missing")]
pub(crate) struct CheckArgs {
    /// End with status 1 for findings of this level and above
    #[arg(long, value_enum, default_value_t, value_name = "LEVEL")]
    fail_on: Threshold,
    /// The configuration of a server, to be loaded with everything that it names
    ///
    /// Whatever would keep the server from starting is an error, told with the line that names it.
    /// Otherwise the answer says what would be served. No address is listened on.
    #[cfg(feature = "webhook")]
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "files", "abac", "with_defaults", "modes", "no_super_user", "strict", "discovery", "namespace",
        "authorization_config", "authentication_config", "apiserver_flags",
    ])]
    config: Option<std::path::PathBuf>,
    /// The flags of an API server: the manifest of its static pod, or a file of flags
    ///
    /// Looked over are the chain that --authorization-mode and the flags beside it amount to, and the
    /// issuer of the --oidc-* flags.
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "files", "abac", "with_defaults", "modes", "no_super_user", "strict", "discovery", "namespace",
        "authorization_config",
    ])]
    apiserver_flags: Option<std::path::PathBuf>,
    /// Whom an API server trusts: the file of its --authentication-config flag
    ///
    /// It is read as the API server reads it. With --apiserver-flags these are looked at besides: what
    /// they and the file may not both say, and the issuers of service accounts, which may not stand in
    /// the file.
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "files", "abac", "with_defaults", "modes", "no_super_user", "strict", "discovery", "namespace",
        "authorization_config",
    ])]
    authentication_config: Option<std::path::PathBuf>,
    /// The API server runs on another machine: do not look for the kubeconfig files of its webhooks
    #[arg(long, requires = "authorization_config")]
    elsewhere: bool,
    /// The namespace of objects that name none [default: default]
    #[arg(short, long, value_name = "NS")]
    namespace: Option<String>,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    live: LiveArgs,
    #[command(flatten)]
    names: NameArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    loudness: LoudnessArgs,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Threshold {
    #[default]
    Error,
    Warning,
    Advice,
}

impl Threshold {
    const fn is_met_by(self, level: Level) -> bool {
        match self {
            Self::Error => matches!(level, Level::Error),
            Self::Warning => matches!(level, Level::Error | Level::Warning),
            Self::Advice => true,
        }
    }
}

#[derive(Serialize)]
struct Findings<'a> {
    findings: Vec<Shown<'a>>,
}

#[derive(Serialize)]
struct Shown<'a> {
    level: String,
    code: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    object: &'a str,
    origin: Place,
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    advice: &'a str,
}

/// Runs the verb.
pub(crate) fn run(args: &CheckArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let speaker = Speaker::new(args.loudness.quiet, args.loudness.verbose);
    let live = args.live.asked(Wanted { service_accounts: true, ..Wanted::default() })?;
    if live.is_some() && looks_at_a_file(args) {
        return Err(Failure::usage(
            "--live looks over the policy of a cluster, and the file that is named says nothing about \
             that; leave out one of the two",
        ));
    }
    #[cfg(feature = "webhook")]
    if let Some(file) = &args.config {
        return config::run(file, args, speaker, out);
    }
    if args.apiserver_flags.is_some() || args.authentication_config.is_some() {
        let mut findings = authentication::look(args, speaker)?;
        if let Some(file) = &args.apiserver_flags {
            findings.extend(chain::look_at_flags(file, speaker)?);
        }
        return show(&findings, args, out);
    }
    let mut findings = Vec::new();
    if let Some(file) = &args.policy.authorization_config {
        let (found, ends) = chain::look(file, args, live.is_some(), speaker)?;
        if ends {
            return show(&found, args, out);
        }
        findings = found;
    }
    // What the load met is among the findings.
    let world = load::read(&args.policy, live, args.namespace.as_deref(), speaker)?;
    let table = load::resources(&args.names, &world.inventory)?;
    findings.extend(query::check_report(&world.report));
    findings.extend(query::check(&world.inventory, &world.snapshot, &table));
    findings.sort_by(|a, b| place(a).cmp(&place(b)));
    let exit = show(&findings, args, out)?;
    let looked_at = world.inventory.bindings()
        + world.inventory.roles.len()
        + world.inventory.cluster_roles.len()
        + world.snapshot.abac().map_or(0, portcullis::authz::abac::Policy::len);
    let looked_at = counted(looked_at, "object");
    speaker.note(format!("{looked_at} looked over: {}", counts(&findings)));
    if !world.missing.0.is_empty() {
        speaker.doubt(
            "the findings may be wrong or incomplete: what could not be listed may be what they miss",
        );
        return Ok(Exit::Incomplete);
    }
    Ok(exit)
}

/// Whether something other than policy is looked over.
const fn looks_at_a_file(args: &CheckArgs) -> bool {
    #[cfg(feature = "webhook")]
    if args.config.is_some() {
        return true;
    }
    args.apiserver_flags.is_some() || args.authentication_config.is_some()
}

/// `1 error, 0 warnings, 2 pieces of advice`.
fn counts(findings: &[Finding]) -> String {
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    format!(
        "{}, {}, {} of advice",
        counted(count(Level::Error), "error"),
        counted(count(Level::Warning), "warning"),
        counted(count(Level::Advice), "piece")
    )
}

/// Writes what was found, and tells how the verb ends.
fn show(findings: &[Finding], args: &CheckArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    match args.output.output {
        format @ (Format::Json | Format::Yaml) => {
            object(out, format, &Findings { findings: findings.iter().map(shown).collect() })?;
        }
        Format::Table => {
            for finding in findings {
                write_finding(finding, out)?;
            }
        }
        Format::Wide => {
            let mut table = Table::new(&["LEVEL", "CODE", "PLACE", "OBJECT", "MESSAGE", "ADVICE"]);
            for Finding { level, code, object, origin, message, advice, .. } in findings {
                table.push(vec![
                    level.to_string(),
                    (*code).to_owned(),
                    origin.to_string(),
                    object.clone(),
                    message.clone(),
                    advice.clone(),
                ]);
            }
            table.write(out)?;
        }
        Format::Name => {
            for finding in findings {
                writeln!(out, "{}", finding.code)?;
            }
        }
    }
    let fails = findings.iter().any(|finding| args.fail_on.is_met_by(finding.level));
    Ok(if fails { Exit::No } else { Exit::Yes })
}

fn place(finding: &Finding) -> (&str, u32, u32, Level) {
    let origin = &finding.origin;
    (&origin.source, origin.line, origin.document, finding.level)
}

fn shown(finding: &Finding) -> Shown<'_> {
    Shown {
        level: finding.level.to_string(),
        code: finding.code,
        object: &finding.object,
        origin: Place::from(&finding.origin),
        message: &finding.message,
        advice: &finding.advice,
    }
}

/// Place first, as editors and compilers have it.
fn write_finding(finding: &Finding, out: &mut dyn Write) -> Result<(), Failure> {
    let Finding { level, code, object, origin, message, advice, .. } = finding;
    let colour = match level {
        Level::Error => "\x1b[1;31m",
        Level::Warning => "\x1b[33m",
        Level::Advice => "\x1b[36m",
    };
    let object = if object.is_empty() { String::new() } else { format!("{object}: ") };
    let rest = plain(&format!("{object}{message}")).into_owned();
    writeln!(out, "{}: {colour}{level}\x1b[0m[{code}]: {rest}", plain(&origin.to_string()))?;
    if !advice.is_empty() {
        writeln!(out, "    {}", plain(advice))?;
    }
    Ok(())
}
