//! `explain`: what was decided then, and what a policy says now.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use portcullis::api::decision_line::{DecisionLine, LineDecision, LineStep, NotReplayable};
use portcullis::api::resources::ResourceTable;
use portcullis::model::{Attributes, Decision, Request, Verdict};
use portcullis::query;
use serde::Serialize;

use super::args::{Format, LoudnessArgs, NameArgs, OutputArgs, PolicyArgs};
use super::batch;
use super::can_i::{is_incomplete, word};
use super::describe::counted;
use super::exit::{Exit, Failure, with_causes};
use super::live::{LiveArgs, Wanted};
use super::load::{self, World};
use super::output::answer::{NearMiss, write_nearest, write_path, write_steps};
use super::output::{PathStep, object, plain};
use super::speak::Speaker;

/// Replay lines of the decision log against a policy
///
/// For one line: what was decided then, what the policy says now and the way to it, and whether the
/// two agree. For several: how many agree, and which do not. The same question is asked again, by
/// the same user in the same groups; what is not in a line, such as selectors, is not asked.
///
/// With --grant-times each line is asked at the time at which it was decided, unless --at names another.
///
/// Token reviews and masked lines cannot be replayed: no policy decides the former, and a digest is
/// no name.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  # Why was that? The policy as it was.
  grep 0d1c7b8e decisions.jsonl | portcullis explain -f policy/

  # Which decisions of yesterday would change under the new policy?
  portcullis explain --line decisions.jsonl -f new-policy/ -o json

Exit status:
  0  one line: yes, then and now; several: all agree
  1  one line: no, then and now
  2  wrong usage or unusable input, such as a masked line; nothing was answered
  3  the policy does not explain the decision: it says something else now, or objects that could
     matter were skipped; of several lines: this holds for one, or one could not be replayed")]
pub(crate) struct ExplainArgs {
    /// Lines of the decision log, from a file or `-`
    #[arg(long, value_name = "FILE", default_value = "-")]
    line: PathBuf,
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

/// A line that was replayed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Replayed<'a> {
    /// Its number in the file.
    line: usize,
    /// Whether the decision is the same, and nothing is in the way of saying so.
    agrees: bool,
    /// Whether the reason is, to the letter.
    same_reason: bool,
    then: &'a DecisionLine<'a>,
    now: Now,
}

/// What the policy says now.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Now {
    /// `allow`, `deny` or `no-opinion`.
    decision: &'static str,
    reason: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<String>,
    /// Whether something that could matter was skipped or failed.
    incomplete: bool,
    path: Vec<PathStep>,
    /// For one line whose answer is no: the grants that came nearest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nearest: Vec<NearMiss>,
}

/// The answer for several lines.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    lines: usize,
    replayed: usize,
    agreeing: usize,
    token_reviews: usize,
    differing: Vec<Replayed<'a>>,
    /// Lines that could not be replayed, and why.
    skipped: Vec<Skipped>,
}

#[derive(Serialize)]
struct Skipped {
    line: usize,
    reason: String,
}

/// Runs the verb.
pub(crate) fn run(args: &ExplainArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let speaker = Speaker::new(args.loudness.quiet, args.loudness.verbose);
    batch::check_stdin(Some(&args.line), &args.policy)?;
    let live = args.live.asked(Wanted::default())?;
    let bytes = load::read_file(&args.line)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let lines: Vec<(usize, &[u8])> = bytes
        .split(|byte| *byte == b'\n')
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .collect();
    match lines.as_slice() {
        [] => Err(Failure::usage(format!("`{}`: not a single line in it", name(args)))),
        [(number, text)] => {
            let fail = |message| Failure::Line { path: name(args), line: *number, message };
            let line = parse(text).map_err(fail)?;
            // Refused before a large policy is loaded.
            let (user, attributes) = line.question().map_err(|why| fail(why.to_string()))?;
            let world = load::load(&args.policy, live, args.namespace.as_deref(), speaker)?;
            let table = load::resources(&args.names, &world.inventory)?;
            one(args, &world, &table, *number, &line, Request { user: &user, attributes }, out)
        }
        _ => {
            let world = load::load(&args.policy, live, args.namespace.as_deref(), speaker)?;
            several(args, &world, &lines, out)
        }
    }
}

fn name(args: &ExplainArgs) -> String {
    if args.line.as_os_str() == "-" {
        return "<stdin>".to_owned();
    }
    args.line.display().to_string()
}

fn parse(text: &[u8]) -> Result<DecisionLine<'_>, String> {
    DecisionLine::parse(text)
        .map_err(|error| with_causes(&error).replace(" at line 1 column ", " at column "))
}

fn one(
    args: &ExplainArgs,
    world: &World,
    table: &ResourceTable,
    number: usize,
    line: &DecisionLine<'_>,
    request: Request<'_>,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let speaker = Speaker::new(args.loudness.quiet, args.loudness.verbose);
    args.policy.ask_at(line.time.parse().ok());
    let verdict = world.snapshot.authorize(&request);
    let nearest = if verdict.is_allowed() {
        Vec::new()
    } else {
        query::nearest(&world.snapshot, &request, table)
    };
    let mut replayed = replay(world, number, line, &request, &verdict);
    match args.output.output {
        format @ (Format::Json | Format::Yaml) => {
            replayed.now.nearest = nearest.iter().map(NearMiss::from).collect();
            object(out, format, &replayed)?;
        }
        Format::Name => writeln!(out, "{}", if replayed.agrees { "agrees" } else { "differs" })?,
        Format::Table | Format::Wide => {
            writeln!(out, "{}", plain(&question(&request)))?;
            write_then(out, line)?;
            write_said(out, "now", replayed.now.decision, "", &replayed.now.reason)?;
            write_path(out, &verdict)?;
            write_nearest(out, !verdict.is_allowed(), &nearest)?;
            writeln!(out, "{}", conclusion(&replayed))?;
        }
    }
    if line.attributes.as_ref().is_some_and(|attributes| attributes.selectors) {
        speaker.note("the request had a selector, which the line does not hold; asked without it");
    }
    Ok(match (replayed.agrees, verdict.is_allowed()) {
        (true, true) => Exit::Yes,
        (true, false) => Exit::No,
        (false, _) => Exit::Incomplete,
    })
}

fn several(
    args: &ExplainArgs,
    world: &World,
    lines: &[(usize, &[u8])],
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let mut parsed = Vec::with_capacity(lines.len());
    let mut skipped = Vec::new();
    for (number, text) in lines {
        match parse(text) {
            Ok(line) => parsed.push((*number, line)),
            Err(reason) => skipped.push(Skipped { line: *number, reason }),
        }
    }
    let mut summary = Summary {
        lines: lines.len(),
        replayed: 0,
        agreeing: 0,
        token_reviews: 0,
        differing: Vec::new(),
        skipped,
    };
    for (number, line) in &parsed {
        let (user, attributes) = match line.question() {
            Ok(question) => question,
            Err(NotReplayable::TokenReview) => {
                summary.token_reviews += 1;
                continue;
            }
            Err(why) => {
                summary.skipped.push(Skipped { line: *number, reason: why.to_string() });
                continue;
            }
        };
        let request = Request { user: &user, attributes };
        args.policy.ask_at(line.time.parse().ok());
        let verdict = world.snapshot.authorize(&request);
        summary.replayed += 1;
        if agrees(world, line, &request, &verdict) {
            summary.agreeing += 1;
        } else {
            summary.differing.push(replay(world, *number, line, &request, &verdict));
        }
    }
    summary.skipped.sort_by_key(|skipped| skipped.line);
    if summary.replayed == 0 {
        let why = summary.skipped.first().map_or_else(
            || NotReplayable::TokenReview.to_string(),
            |first| format!("line {}: {}", first.line, first.reason),
        );
        let message = format!("`{}`: not a line that can be replayed; {why}", name(args));
        return Err(Failure::usage(message));
    }
    write_summary(args, &summary, out)?;
    let is_whole = summary.differing.is_empty() && summary.skipped.is_empty();
    Ok(if is_whole { Exit::Yes } else { Exit::Incomplete })
}

fn write_summary(
    args: &ExplainArgs,
    summary: &Summary<'_>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let speaker = Speaker::new(args.loudness.quiet, args.loudness.verbose);
    match args.output.output {
        format @ (Format::Json | Format::Yaml) => return object(out, format, summary),
        Format::Name => {
            for replayed in &summary.differing {
                writeln!(out, "{}", plain(&replayed.then.request_id))?;
            }
        }
        Format::Table | Format::Wide => {
            for Replayed { line, then, now, .. } in &summary.differing {
                let who = then.user.as_ref().map_or("", |user| &*user.name);
                let asked = then.question().map(|(_, attributes)| what(&attributes));
                let mut text = format!(
                    "{line}: {who} {}: {} then, {} now",
                    asked.unwrap_or_default(),
                    then.decision.as_str(),
                    now.decision
                );
                if now.incomplete {
                    text.push_str(" (something that could matter was skipped)");
                }
                writeln!(out, "{}", plain(&text))?;
            }
            writeln!(
                out,
                "{} replayed: {} agree, {} differ; {} passed over, {} skipped",
                counted(summary.replayed, "decision"),
                summary.agreeing,
                summary.differing.len(),
                counted(summary.token_reviews, "token review"),
                summary.skipped.len()
            )?;
        }
    }
    let say = |Skipped { line, reason }: &Skipped| format!("line {line}: {reason}");
    speaker.each(10, summary.skipped.iter().map(say), |speaker, text| speaker.doubt(text));
    Ok(())
}

fn replay<'a>(
    world: &World,
    number: usize,
    line: &'a DecisionLine<'a>,
    request: &Request<'_>,
    verdict: &Verdict<'_>,
) -> Replayed<'a> {
    let reason = verdict.reason().into_owned();
    Replayed {
        line: number,
        agrees: agrees(world, line, request, verdict),
        same_reason: line.reason == reason,
        then: line,
        now: Now {
            decision: word(verdict.decision),
            reason,
            errors: verdict.errors.clone(),
            incomplete: is_incomplete(world, verdict, request),
            path: verdict.path().into_iter().map(PathStep::from).collect(),
            nearest: Vec::new(),
        },
    }
}

/// A decision that failed then is explained by no policy.
fn agrees(
    world: &World,
    line: &DecisionLine<'_>,
    request: &Request<'_>,
    verdict: &Verdict<'_>,
) -> bool {
    let same = match verdict.decision {
        Decision::Allow => line.decision == LineDecision::Allow,
        Decision::Deny => line.decision == LineDecision::Deny,
        Decision::NoOpinion => line.decision == LineDecision::NoOpinion,
    };
    same && !is_incomplete(world, verdict, request)
}

fn conclusion(replayed: &Replayed<'_>) -> &'static str {
    match (replayed.agrees, replayed.now.incomplete, replayed.same_reason) {
        (false, true, _) => {
            "not explained: something that could matter was skipped, or an authorizer failed"
        }
        (false, false, _) => "not explained: the policy says something else now",
        (true, _, false) => "the same, for another reason",
        (true, _, true) => "the same",
    }
}

fn write_then(out: &mut dyn Write, line: &DecisionLine<'_>) -> Result<(), Failure> {
    let when = format!(" (at {}, policy generation {})", line.time, line.generation);
    write_said(out, "then", line.decision.as_str(), &when, &line.reason)?;
    for error in &line.errors {
        writeln!(out, "  error: {}", plain(error))?;
    }
    let steps = line.path.iter().map(|LineStep { kind, text, origin }| {
        let place = origin.as_ref().map(|origin| {
            let place =
                portcullis::model::Origin::new(&*origin.source, origin.document, origin.line);
            match &origin.inherited_from {
                Some(from) => place.inherited_from(&**from),
                None => place,
            }
        });
        (kind.as_ref(), text.as_ref(), place)
    });
    write_steps(out, &steps.collect::<Vec<_>>())?;
    if !line.grant_ends.is_empty() {
        writeln!(out, "  the grant was to end at {}", plain(&line.grant_ends))?;
    }
    Ok(())
}

fn write_said(
    out: &mut dyn Write,
    when: &str,
    decision: &str,
    more: &str,
    reason: &str,
) -> Result<(), Failure> {
    let reason = if reason.is_empty() { String::new() } else { format!(" - {reason}") };
    writeln!(out, "{when}: {}", plain(&format!("{decision}{more}{reason}")))?;
    Ok(())
}

fn question(request: &Request<'_>) -> String {
    let user = request.user;
    let groups = match user.groups.as_slice() {
        [] => "no groups".to_owned(),
        groups => format!("groups {}", groups.join(", ")),
    };
    format!("may {} ({groups}) {}?", user.name, what(&request.attributes))
}

fn what(attributes: &Attributes<'_>) -> String {
    match attributes {
        Attributes::NonResource(path) => format!("{} {}", path.verb, path.path),
        Attributes::Resource(of) => {
            let mut text = format!("{} {}", of.verb, of.resource);
            for (mark, part) in [(".", of.group), ("/", of.subresource)] {
                if !part.is_empty() {
                    text.push_str(mark);
                    text.push_str(part);
                }
            }
            if !of.name.is_empty() {
                text.push_str(&format!(" named {}", of.name));
            }
            if !of.namespace.is_empty() {
                text.push_str(&format!(" in {}", of.namespace));
            }
            text
        }
    }
}
