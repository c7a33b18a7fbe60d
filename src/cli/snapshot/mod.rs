//! `snapshot`: a cluster as it is now, in files.

mod dump;
mod place;

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use portcullis::source::watch::Listed;

use super::args::LoudnessArgs;
use super::describe::counted;
use super::exit::{Exit, Failure};
use super::live::{self, ClusterArgs};
use super::speak::Speaker;
use dump::{KINDS, Kind};
use place::Place;

/// Keep what a cluster says now, to ask about it later
#[derive(Debug, Args)]
pub(crate) struct SnapshotArgs {
    #[command(subcommand)]
    verb: SnapshotVerb,
}

#[derive(Debug, Subcommand)]
enum SnapshotVerb {
    Save(SaveArgs),
}

/// Write the objects of a cluster that decide who may do what to a file or folder, for -f
///
/// These are roles and bindings; pods, volumes and what else leads to nodes; namespaces, service accounts,
/// nodes and CustomResourceDefinitions. Of each object there is what decisions read, so that the same
/// questions have the same answers; nothing else of it, and so no values of a pod's environment. What Secrets
/// hold is never read. Policies in Rego that look at labels or annotations need whole objects, as `kubectl
/// get … -o yaml` has them.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis snapshot save --out cluster.json.gz
  portcullis snapshot save --context production --out dump/
  portcullis snapshot save --kinds clusterroles,clusterrolebindings,roles,rolebindings --out - |
    portcullis who-can get secrets -n shop -f -

Exit status:
  0  all is written
  2  wrong usage, no cluster to ask, or nothing can be written; nothing was written
  3  written, but something could not be listed: answers from these files are not those of the cluster")]
struct SaveArgs {
    /// The file, which ends in .json, .ndjson, .yaml or .yml, and in .gz besides to be compressed; or a new
    /// or empty folder, which ends in /, for a file a kind; or `-`
    ///
    /// A file that is there is replaced once all is listed.
    #[arg(long, value_name = "FILE|DIR/")]
    out: PathBuf,
    /// Which kinds [default: all but secrets]
    ///
    /// Of secrets there are names and uids, and still whoever lists them must be permitted to read them.
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', value_parser = dump::kind)]
    kinds: Vec<&'static Kind>,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    loudness: LoudnessArgs,
}

/// Runs the verb.
pub(crate) fn run(args: &SnapshotArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let SnapshotVerb::Save(args) = &args.verb;
    let speaker = Speaker::new(args.loudness.quiet, args.loudness.verbose);
    let place = Place::of(&args.out)?;
    let kinds: Vec<&Kind> = match args.kinds.as_slice() {
        [] => KINDS.iter().filter(|kind| !kind.is_secret()).collect(),
        kinds => KINDS.iter().filter(|kind| kinds.contains(kind)).collect(),
    };
    let watched: Vec<_> = kinds.iter().map(|kind| kind.watched.clone()).collect();
    let (server, listed) = live::connected(&args.cluster, &watched)?;
    let Listed { dump, missing, loaded, .. } = listed;
    let mut count = 0;
    let mut groups = Vec::new();
    for kind in kinds {
        let objects = dump.iter().filter(|(watched, _)| *watched == kind.watched);
        let objects: Vec<&[u8]> =
            objects.flat_map(|(_, objects)| objects.iter().map(AsRef::as_ref)).collect();
        let objects = objects.into_iter().map(|object| dump::complete(kind, object));
        let objects = objects.collect::<Result<Vec<_>, _>>().map_err(std::io::Error::from)?;
        count += objects.len();
        groups.push((kind, objects));
    }
    place.write(&groups, out)?;
    let missing = live::missing(&missing, speaker);
    speaker.each(10, loaded.report.skipped.iter(), |speaker, text| speaker.doubt(text));
    speaker.each(10, loaded.report.notices.iter(), |speaker, text| speaker.doubt(text));
    speaker.note(format!("{} of `{server}` saved in {}", counted(count, "object"), place.name()));
    let unread = &loaded.report;
    if missing.0.is_empty() && unread.skipped.is_empty() && unread.notices.is_empty() {
        return Ok(Exit::Yes);
    }
    speaker.doubt(
        "these files are not the whole cluster: answers from them lack what could not be listed or read, \
         and nothing in them says so",
    );
    Ok(Exit::Incomplete)
}
