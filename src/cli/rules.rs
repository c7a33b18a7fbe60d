//! `rules`: everything somebody may do, as a SelfSubjectRulesReview lists it.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use portcullis::api::authorization::{RuleRow, SubjectRulesReviewStatus, compact};
use portcullis::authz::rbac::BindingRef;
use portcullis::model::User;
use serde::Deserialize;

use super::args::{Format, LoudnessArgs, OutputArgs, PolicyArgs, ScopeArgs};
use super::batch;
use super::describe;
use super::exit::{Exit, Failure};
use super::live::LiveArgs;
use super::load::{self, DEFAULT_NAMESPACE, World};
use super::output::{Table, line, object};
use super::speak::Speaker;
use super::subject::SubjectArgs;

/// List everything somebody may do in a namespace
///
/// The table is that of `kubectl auth can-i --list`: rules broken down, merged and sorted. JSON and
/// YAML give the status of a SelfSubjectRulesReview as the API server would.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis rules --as jane --as-group dev -n shop -f cluster.yaml
  portcullis rules --as-sa shop/ci -n shop -o json -f dump/

  # Many at once: lines of {\"user\": …, \"groups\": […], \"namespace\": …} in, statuses out
  portcullis rules --queries questions.ndjson -f dump/

Batch lines are taken as they are: no group is added. A line without a namespace is answered by
what the API server says to it, as evaluationError.

Exit status:
  0  done
  2  wrong usage or unusable input; nothing was answered
  3  done, but objects that could matter were skipped, so there may be more")]
pub(crate) struct RulesArgs {
    /// Lines of {user, groups, namespace} to answer, from a file or `-`
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["user", "groups", "as_uid", "as_user_extra", "as_sa", "as_pod", "as_node", "directory", "all_namespaces"]
    )]
    queries: Option<PathBuf>,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    subject: SubjectArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    live: LiveArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    loudness: LoudnessArgs,
}

/// A line of a batch.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    #[serde(default)]
    user: String,
    #[serde(default)]
    groups: Option<Vec<String>>,
    #[serde(default)]
    namespace: String,
}

/// Runs the verb.
pub(crate) fn run(args: &RulesArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let speaker = Speaker::new(args.loudness.quiet, args.loudness.verbose);
    batch::check_stdin(args.queries.as_deref(), &args.policy)?;
    if args.queries.is_none() {
        args.subject.check()?;
    }
    let live = args.live.asked(args.subject.wanted())?;
    let world = load::load(&args.policy, live, args.scope.namespace.as_deref(), speaker)?;
    if let Some(path) = &args.queries {
        return answer_all(&world, path, out);
    }
    let user = args.subject.user(&world.inventory, speaker)?;
    describe::asker(&world, &user, speaker);
    list(&world, &user, &args.scope, args.output.output, out, speaker)
}

fn answer_all(world: &World, path: &std::path::Path, out: &mut dyn Write) -> Result<Exit, Failure> {
    let read = |text: &[u8]| {
        serde_json::from_slice::<Query>(text).map_err(|error| batch::without_line(&error))
    };
    let mut exit = Exit::Yes;
    for Query { user, groups, namespace } in batch::read(path, read)? {
        if namespace.is_empty() {
            let evaluation_error = "no namespace on request".to_owned();
            line(out, &SubjectRulesReviewStatus { evaluation_error, ..Default::default() })?;
            continue;
        }
        let user = User::new(user).with_groups(groups.unwrap_or_default());
        let rules = world.snapshot.rules_for(&user, &namespace);
        line(out, &SubjectRulesReviewStatus::from(rules))?;
        if world.is_doubtful(&namespace) || world.has_unasked {
            exit = Exit::Incomplete;
        }
    }
    Ok(exit)
}

/// Lists what one user may do; `can-i --list` does the same.
pub(super) fn list(
    world: &World,
    user: &User,
    scope: &ScopeArgs,
    format: Format,
    out: &mut dyn Write,
    speaker: Speaker,
) -> Result<Exit, Failure> {
    let namespace = match (&scope.namespace, scope.all_namespaces) {
        (_, true) => "",
        (Some(namespace), false) => namespace,
        (None, false) => {
            speaker.note("asked in namespace `default` (-n NS names another, -A asks for all)");
            DEFAULT_NAMESPACE
        }
    };
    // What is shown besides is that of the groups of now.
    let asker = world.snapshot.chain().asker(user);
    let shown = asker.as_deref().unwrap_or(user);
    if shown.is_member(portcullis::model::groups::MASTERS) {
        speaker.note(
            "members of system:masters are allowed everything before any mode is asked; \
             no list of rules shows that",
        );
    }
    describe::namespace(world, namespace, speaker);
    let status = SubjectRulesReviewStatus::from(world.snapshot.rules_for(user, namespace));
    match format {
        Format::Json | Format::Yaml => object(out, format, &status)?,
        Format::Table | Format::Wide => write_table(out, &status)?,
        Format::Name => return Err(Failure::usage("a list of rules has no -o name")),
    }
    let bindings = world.snapshot.rbac().map(|policy| policy.bindings_for(shown, namespace));
    let ends: Vec<String> = bindings.iter().flatten().filter_map(end_of).collect();
    speaker.each(10, ends.iter(), |speaker, text| speaker.note(text));
    if status.incomplete || !status.evaluation_error.is_empty() {
        // As kubectl puts it.
        speaker.warn(format!("the list may be incomplete: {}", status.evaluation_error));
    }
    if world.is_doubtful(namespace) || world.has_unasked {
        speaker.doubt("the list may be incomplete: what was skipped could add to it");
        return Ok(Exit::Incomplete);
    }
    Ok(Exit::Yes)
}

/// What a list in the form of a review cannot say.
fn end_of(binding: &BindingRef<'_>) -> Option<String> {
    let times = binding.times()?;
    times.not_after.map(|end| {
        format!("what {} grants ends at {end} ({})", binding.describe(), binding.origin())
    })
}

/// kubectl's columns.
fn write_table(out: &mut dyn Write, status: &SubjectRulesReviewStatus) -> Result<(), Failure> {
    let mut table = Table::new(&["Resources", "Non-Resource URLs", "Resource Names", "Verbs"]);
    for RuleRow { resources, non_resource_urls, resource_names, verbs } in compact(status) {
        let list = |words: &[portcullis::api::Str]| format!("[{}]", words.join(" "));
        table.push(vec![resources, list(&non_resource_urls), list(&resource_names), list(&verbs)]);
    }
    table.write(out)
}
