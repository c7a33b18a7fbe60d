//! `check --config`: would a server start with this, and what would it serve?

use std::fs;
use std::io::Write;
use std::path::Path;

use portcullis::authz::abac;
use portcullis::query::Level;
use portcullis::webhook::cluster::words;
use portcullis::webhook::config::{LoginMethodConfig, Problem, needs};
use portcullis::webhook::load::{self, Checked, Loaded, LoadedPolicy};
use serde::Serialize;

use super::CheckArgs;
use crate::cli::args::Format;
use crate::cli::describe::counted;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Place, Table, object, plain};
use crate::cli::speak::Speaker;

/// The code of every finding here.
const CODE: &str = "configuration";

#[derive(Serialize)]
struct Answer<'a> {
    findings: Vec<Found<'a>>,
    /// What would be served.
    #[serde(skip_serializing_if = "Option::is_none")]
    serves: Option<Serves>,
}

#[derive(Serialize)]
struct Found<'a> {
    level: String,
    code: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    field: &'a str,
    origin: Place,
    message: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Serves {
    revision: String,
    reviews: String,
    client_certificates: &'static str,
    operations: String,
    /// Where people log in, and how.
    #[serde(skip_serializing_if = "Option::is_none")]
    logins: Option<String>,
    policy: Policy,
    /// What is followed of the cluster.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    watches: Vec<&'static str>,
    authenticators: Vec<Authenticator>,
    audiences: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocations: Option<Revocations>,
    /// For which signers certificates are signed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    signers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shadow: Option<Policy>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    authorizers: Vec<String>,
    roles: usize,
    bindings: usize,
    policy_lines: usize,
}

#[derive(Serialize)]
struct Revocations {
    file: String,
    entries: usize,
}

#[derive(Serialize)]
struct Authenticator {
    name: String,
    detail: String,
}

/// Runs the verb.
pub(super) fn run(
    file: &Path,
    args: &CheckArgs,
    speaker: Speaker,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    // A file that is not there has no mistakes: that is wrong usage.
    if let Err(error) = fs::metadata(file) {
        return Err(Failure::Read { path: file.display().to_string(), error });
    }
    // One that cannot be read is told about below.
    #[cfg(all(feature = "kerberos", unix))]
    if let Ok(draft) = load::Draft::read(file) {
        crate::cli::keytab::ensure(draft.config())?;
    }
    let Checked { loaded, problems, warnings, .. } = load::check(file);
    let errors = problems.iter().map(|problem| (Level::Error, problem));
    let findings: Vec<(Level, &Problem)> =
        errors.chain(warnings.iter().map(|problem| (Level::Warning, problem))).collect();
    let serves = loaded.as_deref().map(serves);
    match args.output.output {
        format @ (Format::Json | Format::Yaml) => {
            let findings = findings.iter().map(|(level, problem)| found(*level, problem)).collect();
            object(out, format, &Answer { findings, serves })?;
        }
        Format::Table => {
            for (level, problem) in &findings {
                write_finding(*level, problem, out)?;
            }
            if let Some(serves) = &serves {
                write_serves(serves, out)?;
            }
        }
        Format::Wide => {
            let mut table = Table::new(&["LEVEL", "CODE", "PLACE", "FIELD", "MESSAGE"]);
            for (level, Problem { origin, field, message, .. }) in &findings {
                table.push(vec![
                    level.to_string(),
                    CODE.to_owned(),
                    origin.to_string(),
                    field.clone(),
                    message.clone(),
                ]);
            }
            table.write(out)?;
        }
        Format::Name => {
            for _ in &findings {
                writeln!(out, "{CODE}")?;
            }
        }
    }
    speaker.note(format!(
        "`{}` {}: {}, {}",
        file.display(),
        if loaded.is_some() { "can be served" } else { "would not start a server" },
        counted(problems.len(), "error"),
        counted(warnings.len(), "warning"),
    ));
    let fails = findings.iter().any(|(level, _)| args.fail_on.is_met_by(*level));
    Ok(if fails { Exit::No } else { Exit::Yes })
}

fn found(level: Level, problem: &Problem) -> Found<'_> {
    Found {
        level: level.to_string(),
        code: CODE,
        field: &problem.field,
        origin: Place::from(&problem.origin),
        message: &problem.message,
    }
}

fn serves(loaded: &Loaded) -> Serves {
    let config = &loaded.config;
    let asked = config.listen.tls.client_ca_file.is_some();
    let detail = |authenticator: &load::LoadedAuthenticator| Authenticator {
        name: authenticator.name.clone(),
        detail: authenticator.detail.clone(),
    };
    Serves {
        revision: loaded.revision.to_string(),
        reviews: format!("https://{}", config.listen.address),
        client_certificates: if asked { "required" } else { "not asked for" },
        operations: format!("http://{}", config.operations.address),
        logins: config.login.as_ref().map(|login| {
            let kinds: Vec<&str> = login.methods.iter().map(LoginMethodConfig::kind).collect();
            format!("https://{} ({})", login.address, kinds.join(", "))
        }),
        policy: policy(&loaded.policy),
        watches: needs(config).iter().map(words).collect(),
        authenticators: loaded.authenticators.iter().map(detail).collect(),
        audiences: config.audiences(),
        revocations: loaded.revocations.as_ref().map(|revocations| Revocations {
            file: revocations.path().map_or_else(
                || "what replicas share".to_owned(),
                |path| path.display().to_string(),
            ),
            entries: revocations.shared().load().len(),
        }),
        signers: config.signers.iter().map(|signer| signer.signer.to_string()).collect(),
        shadow: loaded.shadow.as_ref().map(policy),
    }
}

fn policy(policy: &LoadedPolicy) -> Policy {
    let LoadedPolicy { snapshot, roles, bindings, .. } = policy;
    Policy {
        authorizers: snapshot.links().iter().map(|link| link.name().to_owned()).collect(),
        roles: *roles,
        bindings: *bindings,
        policy_lines: snapshot.abac().map_or(0, abac::Policy::len),
    }
}

/// Place first, as editors and compilers have it.
fn write_finding(level: Level, problem: &Problem, out: &mut dyn Write) -> Result<(), Failure> {
    let Problem { origin, field, message, .. } = problem;
    let colour = if level == Level::Error { "\x1b[1;31m" } else { "\x1b[33m" };
    let field = if field.is_empty() { String::new() } else { format!("`{field}`: ") };
    let rest = plain(&format!("{field}{message}")).into_owned();
    writeln!(out, "{}: {colour}{level}\x1b[0m[{CODE}]: {rest}", plain(&origin.to_string()))?;
    Ok(())
}

fn write_serves(serves: &Serves, out: &mut dyn Write) -> Result<(), Failure> {
    let mut table = Table::new(&["WHAT", "SERVED"]);
    let mut row = |name: &str, value: String| table.push(vec![name.to_owned(), value]);
    row("revision", serves.revision.clone());
    let certificates = serves.client_certificates;
    row("reviews", format!("{} (client certificates {certificates})", serves.reviews));
    row("operations", serves.operations.clone());
    if let Some(logins) = &serves.logins {
        row("logins", logins.clone());
    }
    if serves.watches.is_empty() {
        row("policy", described(&serves.policy));
    } else {
        row("policy", format!("{}, from the cluster", serves.policy.authorizers.join(", then ")));
        row("watches", serves.watches.join(", "));
    }
    for Authenticator { name, detail } in &serves.authenticators {
        row("tokens", format!("{name} ({detail})"));
    }
    if !serves.audiences.is_empty() {
        row("audiences", serves.audiences.join(", "));
    }
    if let Some(Revocations { file, entries }) = &serves.revocations {
        row("revocations", format!("{entries} in {file}"));
    }
    if !serves.signers.is_empty() {
        row("signs for", serves.signers.join(", "));
    }
    if let Some(shadow) = &serves.shadow {
        row("shadow", described(shadow));
    }
    table.write(out)
}

fn described(policy: &Policy) -> String {
    let mut text = format!(
        "{}: {}, {}",
        policy.authorizers.join(", then "),
        counted(policy.roles, "role"),
        counted(policy.bindings, "binding"),
    );
    if policy.policy_lines > 0 {
        text.push_str(&format!(", {}", counted(policy.policy_lines, "policy line")));
    }
    text
}
