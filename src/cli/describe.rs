//! What a load met, told on standard error.

use portcullis::api::graph::{Kind, Object};
use portcullis::api::inventory::{Inventory, Sourced};
use portcullis::api::meta::ObjectMeta;
use portcullis::authz::rbac::aggregation::{AggregationProblem, AggregationWarning};
use portcullis::authz::rbac::{NOT_AFTER, NOT_BEFORE};
use portcullis::model::{Moment, User, Verdict, groups, names};
use portcullis::snapshot::{Mode, Notice};

use super::load::{POLICY_KINDS, World};
use super::rego;
use super::speak::Speaker;

/// Of what loses nothing, so many are worth a line each.
const FEW: usize = 3;

/// The same for what was lost.
const MANY: usize = 10;

/// Policy that no mode consults is a surprise.
pub(super) fn unasked(
    modes: &[Mode],
    says: &str,
    has_rbac: bool,
    has_abac: bool,
    speaker: Speaker,
) {
    for (given, mode, flag) in [(has_rbac, Mode::Rbac, "-f"), (has_abac, Mode::Abac, "--abac")] {
        if given && !modes.contains(&mode) {
            speaker.warn(format!("what {flag} gives is not asked: {says} leaves out {mode}"));
        }
    }
}

/// Mode Node without a pod is a policy without its bindings; pods without mode Node are no mistake, but
/// kubelets that ask without it mostly are.
pub(super) fn graph(modes: &[Mode], inventory: &Inventory, speaker: Speaker) {
    let is_pod = |object: &Sourced<Object>| object.value.kind() == Kind::Pod;
    if modes.contains(&Mode::Node) && !inventory.graph.iter().any(is_pod) {
        speaker.warn(
            "there is no pod among what was read: mode Node has no opinion on every Secret, ConfigMap, \
             volume or other object that a kubelet needs for its pods",
        );
    }
}

/// A kubelet is the business of mode Node.
pub(super) fn asker(world: &World, user: &User, speaker: Speaker) {
    let is_node = user.name.starts_with(names::NODE_PREFIX) && user.is_member(groups::NODES);
    if is_node && world.snapshot.node().is_none() {
        speaker.note("a kubelet asks, and mode Node is not asked: clusters run --mode Node,RBAC");
    } else if !is_node && user.name.starts_with(names::NODE_PREFIX) {
        speaker.note(
            "only a user in the group system:nodes is a kubelet to mode Node: add --as-group \
             system:nodes, or ask with --as-node NAME",
        );
    }
}

/// A namespace that is not among those that were read is mostly mistyped.
pub(super) fn namespace(world: &World, asked: &str, speaker: Speaker) {
    let known = &world.inventory.namespaces;
    if !asked.is_empty() && !known.is_empty() && !known.iter().any(|known| known.name == asked) {
        speaker.note(format!("namespace `{asked}` is not among those that were read"));
    }
}

/// What a load met.
pub(super) fn loaded(world: &World, speaker: Speaker) {
    let World { report, snapshot, .. } = world;
    speaker.each(MANY, report.skipped.iter(), |speaker, text| speaker.doubt(text));
    speaker.each(FEW, report.notices.iter(), |speaker, text| speaker.note(text));
    describe_roles(snapshot.notices(), speaker);
    rego::warn(snapshot.links(), speaker);
    if report.defaulted_namespace > 0 {
        speaker.note(format!(
            "{} without a namespace: read as of namespace `{}` (-n names another)",
            counted(report.defaulted_namespace, "object"),
            world.default_namespace
        ));
    }
    grant_times_off(world, speaker);
    if speaker.is_verbose() {
        speaker.note(summary(world));
    }
}

/// Who wrote down an end may rely on it.
fn grant_times_off(world: &World, speaker: Speaker) {
    if world.snapshot.rbac().is_none_or(|policy| policy.moment().is_some()) {
        return;
    }
    let has_times = |metadata: &&ObjectMeta| {
        [NOT_BEFORE, NOT_AFTER].iter().any(|key| metadata.annotations.contains_key(*key))
    };
    let inventory = &world.inventory;
    let of_cluster = inventory.cluster_role_bindings.iter().map(|it| &it.value.metadata);
    let others = inventory.role_bindings.iter().map(|it| &it.value.metadata);
    let count = of_cluster.chain(others).filter(has_times).count();
    if count > 0 {
        speaker.warn(format!(
            "{} with an annotation {NOT_BEFORE} or {NOT_AFTER}, which means nothing without \
             --grant-times",
            counted(count, "binding")
        ));
    }
}

/// A yes that will be a no.
pub(super) fn grant_ends(world: &World, verdict: &Verdict<'_>, speaker: Speaker) {
    if let Some((end, now)) = world.snapshot.ends_soon(verdict).zip(verdict.moment()) {
        speaker.warn(format!("this rests on a grant that ends {}", until(now, end)));
    }
}

/// `at 2026-11-27T08:00:00Z, in 12 minutes`.
fn until(now: Moment, end: Moment) -> String {
    match end.seconds().saturating_sub(now.seconds()) {
        seconds if seconds < 60 => format!("at {end}, in {}", counted_i64(seconds, "second")),
        seconds => format!("at {end}, in {}", counted_i64(seconds / 60, "minute")),
    }
}

fn counted_i64(count: i64, noun: &str) -> String {
    counted(usize::try_from(count).unwrap_or_default(), noun)
}

/// A dump of a cluster whose controllers were off has dozens of these.
fn describe_roles(notices: &[Notice], speaker: Speaker) {
    let stored_is_used = |notice: &Notice| match notice {
        Notice::Aggregation(AggregationWarning {
            problem: AggregationProblem::Differs { stored_is_used, .. },
            ..
        }) => Some(*stored_is_used),
        _ => None,
    };
    let differing: Vec<bool> = notices.iter().filter_map(stored_is_used).collect();
    if differing.len() <= FEW || speaker.is_verbose() {
        speaker.each(FEW, notices.iter(), |speaker, text| speaker.note(text));
        return;
    }
    let others: Vec<_> = notices.iter().filter(|notice| stored_is_used(notice).is_none()).collect();
    speaker.each(FEW, others.into_iter(), |speaker, text| speaker.note(text));
    for (are_used, word, other) in [(true, "stored", "computed"), (false, "computed", "stored")] {
        let count = differing.iter().filter(|used| **used == are_used).count();
        if count > 0 {
            speaker.note(format!(
                "{count} aggregated ClusterRoles are stored with other rules than their selectors \
                 yield; the {word} ones are used (--aggregate {other} takes the others, -v lists \
                 the roles)"
            ));
        }
    }
}

fn summary(world: &World) -> String {
    let World { inventory, report, snapshot, took, .. } = world;
    let kinds = POLICY_KINDS.map(|kind| counted(inventory.count(kind), kind.as_str()));
    let passed: usize = report.other_kinds.values().sum();
    let modes: Vec<&str> = snapshot.chain().names().collect();
    let from = match &world.server {
        Some(server) => format!("`{server}`"),
        None => counted(report.files, "file"),
    };
    format!(
        "loaded {from} in {} ms: {}; {} of other kinds passed over, {} skipped; modes {}",
        took.as_millis(),
        kinds.join(", "),
        passed,
        report.skipped.len(),
        modes.join(",")
    )
}

/// `1 file`, `2 files`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
