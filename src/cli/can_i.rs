//! `can-i`: one question, as `kubectl auth can-i` puts it.

use std::io::Write;

use clap::Args;
use portcullis::api::authorization::{PreparedReview, SubjectAccessReviewSpec};
use portcullis::api::resources::ResourceTable;
use portcullis::authz::{LinkAnswer, Walk};
use portcullis::model::{Attributes, Decision, Request, User, Verdict};
use portcullis::query::{self, Mark, Reach};
use serde::Serialize;

use super::args::{Format, LoudnessArgs, NameArgs, OutputArgs, PolicyArgs, ScopeArgs};
use super::describe;
use super::exit::{Exit, Failure};
use super::impersonation::{ByArgs, Impersonation, Judged};
use super::live::LiveArgs;
use super::load::{self, World};
use super::output::answer::{Asked, NearMiss, write_line, write_nearest, write_path, write_walk};
use super::output::{PathStep, object};
use super::rules;
use super::speak::Speaker;
use super::subject::SubjectArgs;
use super::target::TargetArgs;
use super::webhook;

/// May somebody do something? Answers yes or no, and why
///
/// The question is put as to `kubectl auth can-i`, and the answer is that of the API server.
/// Without -n it is about the namespace `default`, or about the cluster when the resource has no
/// namespaces.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  # May jane of group dev read the Secrets of namespace shop?
  portcullis can-i get secrets -n shop --as jane --as-group dev -f cluster.yaml

  # May that service account read the log of one pod? Show binding, role and rule.
  portcullis can-i get pods/web-0 --subresource log -n shop --as-sa shop/ci --explain -f dump/

  # May the kubelet of node n1 read that Secret, as in a cluster with the usual modes?
  portcullis can-i get secrets/tls -n shop --as-node n1 --mode Node,RBAC -f dump/ --explain

  # May the gateway act as jane to list pods, and may jane? Show everything that is asked
  portcullis can-i list pods -n shop --as jane --as-group dev --by gateway --explain -f dump/

  # What may the pod do at all?
  portcullis can-i --list -n shop --as-pod shop/web -f dump/

  # A path, by ABAC alone
  portcullis can-i get /healthz --as bob --abac policy.jsonl

Exit status:
  0  yes
  1  no (-o json tells a denial from no opinion)
  2  wrong usage or unusable input; nothing was answered
  3  no, as far as can be seen: objects that could matter were skipped or may not be listed, or an
     authorizer failed;
     or any answer that a webhook which was not asked could change (see --webhook), or about a name
     that may be a custom resource whose definition may not be listed")]
pub(crate) struct CanIArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Show the way to a yes (binding, role, rule and where they stand), or what came nearest
    ///
    /// Of a chain of several links, also what each of them said.
    #[arg(long)]
    explain: bool,
    /// List all that is allowed in the namespace instead of answering one question
    #[arg(long, conflicts_with_all = ["verb", "target", "subresource", "explain", "user_by"])]
    list: bool,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    subject: SubjectArgs,
    #[command(flatten)]
    by: ByArgs,
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

/// The answer as a document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    /// `allow`, `deny` or `no-opinion`.
    decision: &'static str,
    reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    evaluation_error: String,
    /// Whether something that could matter was skipped or failed.
    incomplete: bool,
    /// The link of the chain that decided; none when none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<&'a str>,
    path: Vec<PathStep>,
    /// With --by: whether that user may act as this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    impersonation: Option<Impersonation<'a>>,
    /// When this yes ends, if it rests on grants that end.
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_ends: Option<String>,
    /// With --explain: what each link of the chain said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    walk: Vec<Asked>,
    /// With --explain, for a no: the grants that came nearest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nearest: Vec<NearMiss>,
    /// The question, as a SubjectAccessReview would hold it.
    spec: &'a SubjectAccessReviewSpec,
}

/// `allow`, `deny` or `no-opinion`.
pub(super) const fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "allow",
        Decision::Deny => "deny",
        Decision::NoOpinion => "no-opinion",
    }
}

/// Runs the verb.
pub(crate) fn run(args: &CanIArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let speaker = Speaker::new(args.loudness.quiet, args.loudness.verbose);
    let format = args.output.output;
    if !args.list {
        args.target.words()?;
    }
    args.subject.check()?;
    args.by.check()?;
    let live = args.live.asked(args.subject.wanted())?;
    let world = load::load(&args.policy, live, args.scope.namespace.as_deref(), speaker)?;
    let user = args.subject.user(&world.inventory, speaker)?;
    describe::asker(&world, &user, speaker);
    if args.list {
        return rules::list(&world, &user, &args.scope, format, out, speaker);
    }
    let table = load::resources(&args.names, &world.inventory)?;
    let spec = args.target.spec(&args.scope, &table, speaker)?;
    let mut spec = asked_by(spec, &user);
    let judged = args.by.judge(&world, &args.subject, &user, &prepared(&spec)?.attributes())?;
    match judged.as_ref().map(Judged::user) {
        Some(Some(user)) => spec = asked_by(spec, user),
        Some(None) => {
            let is_doubtful = world.is_name_doubtful(&args.target, &table);
            return refused(args, &world, judged.as_ref(), is_doubtful, &spec, out);
        }
        None => {}
    }
    let question = prepared(&spec)?;
    let request = question.request();
    describe::namespace(&world, request.attributes.namespace(), speaker);
    // Some links are not to be asked twice, so that the walk is the only time.
    let walk = world.snapshot.chain().walk(&request);
    let verdict = &walk.verdict;
    // Of another group, a yes may be a no.
    let incomplete =
        is_incomplete(&world, verdict, &request) || world.is_name_doubtful(&args.target, &table);

    // A denial is no lack of a grant.
    let is_explained = args.explain && verdict.decision == Decision::NoOpinion;
    let nearest =
        if is_explained { query::nearest(&world.snapshot, &request, &table) } else { Vec::new() };
    let status = question.status(verdict);
    match format {
        Format::Json | Format::Yaml => {
            let answer = Answer {
                decision: word(verdict.decision),
                reason: status.reason,
                evaluation_error: status.evaluation_error,
                incomplete,
                decided_by: verdict.link(),
                path: verdict.path().into_iter().map(PathStep::from).collect(),
                impersonation: judged.as_ref().map(|judged| judged.document(args.explain)),
                grant_ends: verdict.grant_ends().map(|end| end.to_string()),
                walk: if args.explain { asked_in_turn(&walk) } else { Vec::new() },
                nearest: nearest.iter().map(NearMiss::from).collect(),
                spec: &spec,
            };
            object(out, format, &answer)?;
        }
        Format::Name => writeln!(out, "{}", word(verdict.decision))?,
        Format::Table | Format::Wide => {
            write_line(out, verdict.is_allowed(), &status.reason, &status.evaluation_error)?;
            if let Some(judged) = &judged {
                judged.write(args.explain, out)?;
            }
            if args.explain || format == Format::Wide {
                write_path(out, verdict)?;
                // A chain of one link has no turns.
                let chain = world.snapshot.chain();
                let has_turns = world.snapshot.links().len() > 1 || chain.groups_from().is_some();
                if args.explain && has_turns {
                    write_walk(out, &asked_in_turn(&walk))?;
                }
                write_nearest(out, is_explained, &nearest)?;
            }
        }
    }
    describe::grant_ends(&world, verdict, speaker);
    if let Some(mark) = mark_of(verdict, &request.attributes, &table) {
        speaker.warn(format!(
            "an access review answers yes, but no real request can use this grant: {}",
            mark.explanation()
        ));
    }
    if incomplete {
        speaker.doubt("the answer may be incomplete: what was skipped or failed could change it");
    }
    Ok(match (verdict.is_allowed(), incomplete) {
        (_, true) => Exit::Incomplete,
        (true, false) => Exit::Yes,
        (false, false) => Exit::No,
    })
}

fn prepared(spec: &SubjectAccessReviewSpec) -> Result<PreparedReview, Failure> {
    PreparedReview::of_valid(spec)
        .map_err(|errors| Failure::usage(format!("the question is invalid: {errors}")))
}

/// Who may not act as another has nothing done as that one: so it is a denial.
fn refused(
    args: &CanIArgs,
    world: &World,
    judged: Option<&Judged>,
    is_name_doubtful: bool,
    spec: &SubjectAccessReviewSpec,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let message = judged.map_or("", Judged::message);
    let incomplete = is_name_doubtful || judged.is_some_and(|judged| judged.is_incomplete(world));
    match args.output.output {
        format @ (Format::Json | Format::Yaml) => {
            let answer = Answer {
                decision: word(Decision::Deny),
                reason: message.to_owned(),
                evaluation_error: String::new(),
                incomplete,
                decided_by: None,
                path: Vec::new(),
                impersonation: judged.map(|judged| judged.document(args.explain)),
                grant_ends: None,
                walk: Vec::new(),
                nearest: Vec::new(),
                spec,
            };
            object(out, format, &answer)?;
        }
        Format::Name => writeln!(out, "{}", word(Decision::Deny))?,
        Format::Table | Format::Wide => {
            write_line(out, false, message, "")?;
            if let Some(judged) = judged {
                judged.write(args.explain, out)?;
            }
        }
    }
    if !incomplete {
        return Ok(Exit::No);
    }
    let speaker = Speaker::new(args.loudness.quiet, args.loudness.verbose);
    speaker.doubt("the answer may be incomplete: what was skipped or failed could change it");
    Ok(Exit::Incomplete)
}

fn asked_in_turn(walk: &Walk<'_>) -> Vec<Asked> {
    let asked = walk.answers.iter().map(|answer| {
        let LinkAnswer { name, verdict } = answer;
        let decision = Some(word(verdict.decision));
        let reason = verdict.reason().into_owned();
        Asked { link: (*name).to_owned(), decision, reason, errors: verdict.errors.clone() }
    });
    let unasked = walk.unasked.iter().map(|name| Asked {
        link: (*name).to_owned(),
        decision: None,
        reason: String::new(),
        errors: Vec::new(),
    });
    asked.chain(unasked).collect()
}

/// Why no request can use the grant, if so.
fn mark_of(
    verdict: &Verdict<'_>,
    attributes: &Attributes<'_>,
    table: &ResourceTable,
) -> Option<Mark> {
    let path = verdict.path();
    let reach = path.iter().find_map(|step| match step.kind {
        "ClusterRoleBinding" => Some(Reach::Cluster),
        "RoleBinding" => Some(Reach::Namespace),
        _ => None,
    });
    reach.and_then(|reach| query::mark_attributes(attributes, reach, table))
}

/// A yes is proved by what was read, unless a webhook that comes before was not asked; a no is as good
/// as what was read is complete.
pub(super) fn is_incomplete(world: &World, verdict: &Verdict<'_>, request: &Request<'_>) -> bool {
    !verdict.is_allowed() && (!verdict.errors.is_empty() || world.is_doubtful_for(request))
        || world.has_unasked && webhook::is_unasked(&world.snapshot, request)
}

fn asked_by(mut spec: SubjectAccessReviewSpec, user: &User) -> SubjectAccessReviewSpec {
    spec.user.clone_from(&user.name);
    spec.groups.clone_from(&user.groups);
    spec.uid.clone_from(&user.uid);
    spec.extra.clone_from(&user.extra);
    spec
}
