//! `who-can`: everybody who may do something, and what lets them.

use std::collections::{BTreeSet, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use portcullis::api::authorization::{PreparedReview, Review};
use portcullis::api::rbac::Subject as BoundSubject;
use portcullis::api::resources::ResourceTable;
use portcullis::model::{Attributes, groups};
use portcullis::query::{self, Authority, Directory, Row, WhoCan};
use serde::Serialize;

use super::args::{Format, LoudnessArgs, NameArgs, OutputArgs, PolicyArgs, ScopeArgs};
use super::batch;
use super::describe::{self, counted};
use super::exit::{Exit, Failure, with_causes};
use super::live::{LiveArgs, Wanted};
use super::load::{self, World};
use super::output::{line, object, plain, who};
use super::speak::Speaker;
use super::target::TargetArgs;

/// List everybody who may do something, with binding, role and rule
///
/// One row a subject of every grant: system:masters first, then the modes in their order. With mode
/// Node there is a row for each node and for each pod or volume that leads to it. Groups are listed as
/// groups; --expand adds the service accounts that were read and the users of --groups. A MARK
/// tells why no real request can use a grant (`unreachable`, `dead`, …), although access reviews
/// answer yes.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis who-can get secrets -n kube-system -f dump/
  portcullis who-can delete pods/web-0 -n shop --expand --groups groups.yaml -f dump/
  portcullis who-can create pods --subresource exec -A -o name -f dump/
  portcullis who-can get /metrics -f dump/

  # Which nodes may read that Secret, and through which pods?
  portcullis who-can get secrets/tls -n shop --mode Node,RBAC -f dump/

  # Many at once: specs of SubjectAccessReviews without a user in,
  # {\"subjects\": […], \"error\": …} out
  portcullis who-can --queries questions.ndjson -f dump/

Without -n the question is about the namespace `default`; with -A it is about all namespaces at
once, so only cluster-wide grants count.

Exit status:
  0  done, also when nobody may
  2  wrong usage or unusable input; nothing was answered
  3  done, but objects that could matter were skipped, so there may be more")]
pub(crate) struct WhoCanArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Questions to answer, one a line, from a file or `-`
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["verb", "target", "subresource", "all_namespaces", "expand", "groups"]
    )]
    queries: Option<PathBuf>,
    /// Add the known members of every group
    #[arg(long)]
    expand: bool,
    /// Who is in which group: a YAML or JSON map from group to list of users
    #[arg(long, value_name = "FILE", requires = "expand")]
    groups: Option<PathBuf>,
    #[command(flatten)]
    scope: ScopeArgs,
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

/// Runs the verb.
pub(crate) fn run(args: &WhoCanArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let speaker = Speaker::new(args.loudness.quiet, args.loudness.verbose);
    batch::check_stdin(args.queries.as_deref(), &args.policy)?;
    if args.queries.is_none() {
        args.target.words()?;
    }
    let live = args.live.asked(Wanted { service_accounts: args.expand, ..Wanted::default() })?;
    let world = load::load(&args.policy, live, args.scope.namespace.as_deref(), speaker)?;
    let table = load::resources(&args.names, &world.inventory)?;
    if let Some(path) = &args.queries {
        return answer_all(&world, &table, path, out);
    }
    let directory = directory(args, &world)?;
    let spec = args.target.spec(&args.scope, &table, speaker)?;
    let Some(question) = PreparedReview::of(&spec) else {
        return Err(Failure::usage("nothing is asked"));
    };
    let attributes = question.attributes();
    describe::namespace(&world, attributes.namespace(), speaker);
    let found = query::who_can(&world.snapshot, &attributes, &table);
    let is_doubtful = is_doubtful(&world, &attributes)
        || args.expand && world.missing.has("ServiceAccounts")
        || world.is_name_doubtful(&args.target, &table);
    match args.output.output {
        format @ (Format::Json | Format::Yaml) => {
            object(out, format, &who::Answer::new(&found, directory.as_ref(), is_doubtful, &spec))?;
        }
        Format::Name => write_names(&found, directory.as_ref(), out)?,
        Format::Table => who::write(&found, directory.as_ref(), false, out)?,
        Format::Wide => who::write(&found, directory.as_ref(), true, out)?,
    }
    if let Some(from) = found.groups_from {
        speaker.note(format!(
            "who is in these groups is told by `{from}`, not by certificates and tokens; only users named \
             system:… are in other groups of the cluster's own than system:authenticated"
        ));
    }
    let errors: BTreeSet<&String> = found.errors.iter().collect();
    speaker.each(10, errors.into_iter(), |speaker, text| speaker.warn(text));
    let dormant = found.dormant.iter().map(|binding| {
        let times = binding.times().map(|times| times.to_string()).unwrap_or_default();
        format!("{} grants this, but {times} ({})", binding.describe(), binding.origin())
    });
    speaker.each(10, dormant, |speaker, text| speaker.note(text));
    let marked = found.rows.iter().filter(|row| row.mark().is_some()).count();
    if marked > 0 {
        speaker.note(format!(
            "{} marked: a review answers yes, but no real request can use the grant",
            counted(marked, "row")
        ));
    }
    if is_doubtful || !found.incomplete.is_empty() {
        speaker.doubt("the list may be incomplete: what was skipped could add to it");
        return Ok(Exit::Incomplete);
    }
    Ok(Exit::Yes)
}

fn is_doubtful(world: &World, attributes: &Attributes<'_>) -> bool {
    world.is_doubtful(attributes.namespace()) || world.is_graph_doubtful()
}

fn directory(args: &WhoCanArgs, world: &World) -> Result<Option<Directory>, Failure> {
    if !args.expand {
        return Ok(None);
    }
    let groups = load::groups(args.groups.as_deref())?;
    Ok(Some(Directory::new(&world.inventory, groups)))
}

/// Each subject once, in the order of the list.
fn write_names(
    found: &WhoCan<'_>,
    directory: Option<&Directory>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut seen = HashSet::new();
    for row in &found.rows {
        let subject = row.subject();
        let members = directory.map(|directory| directory.members(&subject)).unwrap_or_default();
        let names = std::iter::once(who::name_of(&subject)).chain(members.iter().map(who::name_of));
        for name in names {
            if seen.insert(name.clone()) {
                writeln!(out, "{}", plain(&name))?;
            }
        }
    }
    Ok(())
}

/// A line of the batch's answer: the API server's subject locator (S-WHO).
#[derive(Serialize)]
struct Subjects {
    /// `null` when nothing was asked.
    subjects: Option<Vec<BoundSubject>>,
    error: String,
}

fn answer_all(
    world: &World,
    table: &ResourceTable,
    path: &Path,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let mut exit = Exit::Yes;
    for question in batch::read(path, prepare)? {
        let Some(question) = question else {
            line(out, &Subjects { subjects: None, error: String::new() })?;
            continue;
        };
        let attributes = question.attributes();
        let found = query::who_can(&world.snapshot, &attributes, table);
        let subjects = found.rows.iter().flat_map(bound).collect();
        line(out, &Subjects { subjects: Some(subjects), error: found.evaluation_error() })?;
        if is_doubtful(world, &attributes) || !found.incomplete.is_empty() {
            exit = Exit::Incomplete;
        }
    }
    Ok(exit)
}

/// A subject as bindings write it. Everybody is two groups; nodes are none of the locator's business.
fn bound(row: &Row<'_>) -> Vec<BoundSubject> {
    if row.authority() == Authority::Node {
        return Vec::new();
    }
    if let Some(subject) = row.bound_subject() {
        return vec![subject];
    }
    let subject = row.subject();
    match subject.kind.as_str() {
        _ if subject.everybody => {
            [groups::AUTHENTICATED, groups::UNAUTHENTICATED].map(BoundSubject::group).to_vec()
        }
        "User" => vec![BoundSubject::user(subject.name)],
        _ => vec![BoundSubject::group(subject.name)],
    }
}

/// Nobody asks, so the question is not validated; `None` when nothing is asked.
fn prepare(text: &[u8]) -> Result<Option<PreparedReview>, String> {
    match Review::from_query(text) {
        Ok(Review::Access(review)) => Ok(PreparedReview::of(&review.spec)),
        Ok(Review::Rules(_)) => Err("a SelfSubjectRulesReview asks for no action".to_owned()),
        Err(error) => Err(with_causes(&error).replace(" at line 1 column ", " at column ")),
    }
}
