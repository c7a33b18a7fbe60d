//! `authorize`: many decisions, as a webhook would take them one by one.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use portcullis::api::authorization::{
    PreparedReview, Review, ReviewContext, ReviewError, SubjectAccessReviewStatus,
};

use super::args::{LoudnessArgs, PolicyArgs};
use super::batch;
use super::can_i::is_incomplete;
use super::describe::counted;
use super::exit::{Exit, Failure, with_causes};
use super::live::{LiveArgs, Wanted};
use super::load::{self, World};
use super::output::line;
use super::speak::{self, Speaker};
use super::stats;

/// Answer many SubjectAccessReviews, one a line
///
/// In: a SubjectAccessReview (or LocalSubjectAccessReview) object or its bare spec a line. Out: its
/// status a line, in the same order. Nothing is added to what a line says: a user without groups is
/// in no group.
///
/// A review that the API server would refuse (it answers 422 or 400 and decides nothing) gets a
/// status that allows nothing and carries the refusal as evaluationError; how many these were is
/// said on standard error. A line that is no review at all ends the run before anything is
/// answered.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis authorize --queries questions.ndjson -f dump/ > answers.ndjson
  echo '{\"user\":\"jane\",\"resourceAttributes\":{\"verb\":\"get\",\"resource\":\"pods\"}}' |
    portcullis authorize --queries - -f cluster.yaml

  # How fast is that?
  portcullis authorize --queries questions.ndjson -f dump/ --repeat 100 --stats > /dev/null

--stats prints one line of JSON to standard error: load_ms (reading and compiling), bindings,
resident_bytes (null where the system does not tell), decisions, mean_ns, p50_ns and p99_ns
(decisions are timed 64 at a time; reading questions and writing answers are left out, each batch is
read over once before its clock starts), allocations_per_decision.

Exit status:
  0  every line is answered
  2  wrong usage or unusable input; nothing was answered
  3  every line is answered, but a no among the answers may be incomplete: objects that could
     matter were skipped, or an authorizer failed")]
pub(crate) struct AuthorizeArgs {
    /// The questions, from a file or `-`
    #[arg(long, value_name = "FILE")]
    queries: PathBuf,
    /// Decide everything this many times (for measuring; answered once)
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Print statistics to standard error
    #[arg(long)]
    stats: bool,
    /// The namespace of objects that name none [default: default]
    #[arg(short, long, value_name = "NS")]
    namespace: Option<String>,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    live: LiveArgs,
    #[command(flatten)]
    loudness: LoudnessArgs,
}

/// A line of the batch, ready to be decided.
enum Question {
    Asked(Box<PreparedReview>),
    /// What the API server says instead of deciding.
    Refused(String),
}

/// Runs the verb.
pub(crate) fn run(args: &AuthorizeArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let speaker = Speaker::new(args.loudness.quiet, args.loudness.verbose);
    batch::check_stdin(Some(&args.queries), &args.policy)?;
    let live = args.live.asked(Wanted::default())?;
    let mut world = load::load(&args.policy, live, args.namespace.as_deref(), speaker)?;
    let bindings = world.inventory.bindings();
    // What was said is not needed any more; a server would not keep it either.
    world.inventory = Default::default();
    let resident = stats::resident_bytes();

    let questions = batch::read(&args.queries, prepare)?;
    let refused = questions.iter().filter(|q| matches!(q, Question::Refused(_))).count();
    if refused > 0 {
        speaker.warn(format!(
            "{} refused as the API server would, see evaluationError",
            counted(refused, "question")
        ));
    }
    if args.stats || args.repeat > 1 {
        let requests: Vec<_> = questions
            .iter()
            .filter_map(|question| match question {
                Question::Asked(review) => Some(review.request()),
                Question::Refused(_) => None,
            })
            .collect();
        let timing = stats::measure(&world.snapshot, &requests, args.repeat);
        if args.stats {
            let stats = stats::Stats::new(world.took, bindings, resident, timing);
            let text = serde_json::to_string(&stats).map_err(std::io::Error::from)?;
            speak::raw(&text)?;
        }
    }
    answer_all(&world, &questions, out, speaker)
}

fn answer_all(
    world: &World,
    questions: &[Question],
    out: &mut dyn Write,
    speaker: Speaker,
) -> Result<Exit, Failure> {
    let mut incomplete = 0;
    for question in questions {
        let status = match question {
            Question::Refused(error) => SubjectAccessReviewStatus {
                evaluation_error: error.clone(),
                ..SubjectAccessReviewStatus::default()
            },
            Question::Asked(review) => {
                let request = review.request();
                let verdict = world.snapshot.authorize(&request);
                incomplete += usize::from(is_incomplete(world, &verdict, &request));
                review.status(&verdict)
            }
        };
        line(out, &status)?;
    }
    if incomplete == 0 {
        return Ok(Exit::Yes);
    }
    speaker.doubt(format!(
        "{} may be incomplete: what was skipped or failed could change them",
        counted(incomplete, "answer")
    ));
    Ok(Exit::Incomplete)
}

fn prepare(text: &[u8]) -> Result<Question, String> {
    let review = Review::from_query(text).map_err(|error| match &error {
        ReviewError::Json(cause) => format!("{error}: {}", batch::without_line(cause)),
        _ => with_causes(&error),
    })?;
    match review {
        Review::Rules(_) => {
            Err("a SelfSubjectRulesReview is not decided; ask with `rules --queries`".to_owned())
        }
        Review::Access(review) => Ok(match review.prepare(ReviewContext::default()) {
            Ok(question) => Question::Asked(Box::new(question)),
            Err(refusal) => Question::Refused(with_causes(&refusal)),
        }),
    }
}
