//! What would another policy have said? A candidate is asked about live requests, beside the live
//! policy and after it; differences are counted, and the last few of each kind are kept.
//!
//! The live answer is never changed and never fails: a candidate that panics is caught. It is held
//! up by no more than what the candidate takes, a few microseconds for RBAC. A candidate that takes
//! longer than [`ShadowOptions::patience`] three times in a row is left alone for a hundred times as
//! long, and one that panics for a second, so that neither goes on to cost more than a hundredth of
//! a thread's time. Being slow once is no reason: the system may have stopped the thread.
//!
//! ```
//! use std::sync::Arc;
//!
//! use portcullis::api::inventory::Inventory;
//! use portcullis::model::{Request, User};
//! use portcullis::snapshot::{Config, Mode, compile};
//! use portcullis::webhook::digest::DigestKey;
//! use portcullis::webhook::metrics::{Metrics, ShadowDifference};
//! use portcullis::webhook::shadow::{Answer, Shadow, ShadowOptions};
//!
//! let shadow = Shadow::new(
//!     ShadowOptions::default(), DigestKey::random()?.into(), Metrics::new().into());
//! let jane = User::new("jane");
//! let request = Request::non_resource(&jane, "get", "/healthz");
//! let live = Answer { decision: portcullis::model::Decision::NoOpinion, reason: "", errors: &[] };
//! assert_eq!(shadow.compare(&request, live), None);
//!
//! let candidate = compile(&Inventory::default(), &Config::new([Mode::AlwaysAllow]))?;
//! shadow.set_candidate(Arc::new(candidate), "git:4f2c");
//! assert_eq!(shadow.compare(&request, live), Some(ShadowDifference::WouldAllow));
//! assert_eq!(shadow.summary().samples[0].user, "jane");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Absent on purpose: loading the candidate, and tokens: only access reviews are compared.

mod replicas;
mod samples;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwapOption;
use serde::Serialize;

use super::digest::DigestKey;
use super::metrics::{Metrics, ShadowDifference};
use super::sample::{Rate, Sampler};
use crate::api::decision_line::{LineDecision, Mask};
use crate::model::{Attributes, Decision, Request};
use crate::snapshot::Snapshot;
pub use replicas::{AllReplicas, Replica, ReplicaCount, Replicas};
use samples::{Met, Ring, written};
pub use samples::{Said, Sample};

/// The kinds of which samples are kept, the gravest first.
const SAMPLED: [ShadowDifference; 5] = [
    ShadowDifference::WouldAllow,
    ShadowDifference::WouldRefuse,
    ShadowDifference::Failed,
    ShadowDifference::OtherNo,
    ShadowDifference::OtherReason,
];

/// How long a candidate rests for each moment that it was too slow.
const REST: u32 = 100;
/// So many slow answers in a row are the candidate's own fault.
const STRIKES: u32 = 3;
/// How long one rests that panicked: the message of a panic goes to standard error.
const REST_AFTER_PANIC: Duration = Duration::from_secs(1);
/// How often a new difference is said in the log.
const SAID_EVERY: Duration = Duration::from_secs(1);

/// How a candidate is tried.
#[derive(Debug, Clone, PartialEq)]
pub struct ShadowOptions {
    /// The share of the access reviews about which it is asked.
    pub sample: Rate,
    /// How many differences of each kind are kept as samples.
    pub samples: usize,
    /// How long an answer may take; a candidate that takes longer three times in a row is left
    /// alone for a while.
    pub patience: Duration,
    /// What of the samples is hidden.
    pub mask: Mask,
}

impl Default for ShadowOptions {
    /// All reviews, 20 samples of each kind, a millisecond, nothing hidden.
    fn default() -> Self {
        Self {
            sample: Rate::ALL,
            samples: 20,
            patience: Duration::from_millis(1),
            mask: Mask::None,
        }
    }
}

/// An answer of a policy, as it was given.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The decision.
    pub decision: Decision,
    /// The reason, rendered.
    pub reason: &'a str,
    /// What authorizers complained about.
    pub errors: &'a [String],
}

impl Answer<'_> {
    /// Whether the server could not say yes or no: HTTP 500 (S-CHAIN-6).
    fn is_failure(&self) -> bool {
        self.decision != Decision::Allow && !self.errors.is_empty()
    }
}

/// The candidate beside the live policy, if there is one.
#[derive(Debug)]
pub struct Shadow {
    options: ShadowOptions,
    key: Arc<DigestKey>,
    metrics: Arc<Metrics>,
    candidate: ArcSwapOption<Candidate>,
    /// Who tells what other replicas have counted.
    replicas: ArcSwapOption<Replicas>,
    /// The share, as the bits of its number.
    sample: AtomicU64,
    sampler: Sampler,
    hasher: RandomState,
}

/// One candidate and what is known about it; nothing outlives it.
#[derive(Debug)]
struct Candidate {
    snapshot: Arc<Snapshot>,
    revision: String,
    since: SystemTime,
    started: Instant,
    /// Nanoseconds since the start until which it rests.
    rests_until: AtomicU64,
    /// Slow answers in a row.
    strikes: AtomicU32,
    said_until: AtomicU64,
    counts: Box<[(ShadowDifference, AtomicU64)]>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    first: Option<SystemTime>,
    last: Option<SystemTime>,
    rings: [Ring; SAMPLED.len()],
}

impl Shadow {
    /// Without a candidate.
    #[must_use]
    pub fn new(options: ShadowOptions, key: Arc<DigestKey>, metrics: Arc<Metrics>) -> Self {
        Self {
            sample: AtomicU64::new(options.sample.get().to_bits()),
            options,
            key,
            metrics,
            candidate: ArcSwapOption::empty(),
            replicas: ArcSwapOption::empty(),
            sampler: Sampler::default(),
            hasher: RandomState::new(),
        }
    }

    /// Tries this candidate from now on; what was known about an earlier one is forgotten.
    /// `revision` is how its owner tells candidates apart.
    pub fn set_candidate(&self, snapshot: Arc<Snapshot>, revision: impl Into<String>) {
        self.candidate.store(Some(Arc::new(Candidate {
            snapshot,
            revision: revision.into(),
            since: SystemTime::now(),
            started: Instant::now(),
            rests_until: AtomicU64::new(0),
            strikes: AtomicU32::new(0),
            said_until: AtomicU64::new(0),
            counts: ShadowDifference::ALL.iter().map(|kind| (*kind, AtomicU64::new(0))).collect(),
            seen: Mutex::default(),
        })));
    }

    /// Shows from now on what other replicas have counted, too.
    pub fn set_replicas(&self, replicas: Arc<Replicas>) {
        self.replicas.store(Some(replicas));
    }

    /// Asks about another share of the access reviews from now on.
    pub fn set_sample(&self, sample: Rate) {
        self.sample.store(sample.get().to_bits(), Ordering::Relaxed);
    }

    fn sample(&self) -> Rate {
        Rate::new(f64::from_bits(self.sample.load(Ordering::Relaxed))).unwrap_or_default()
    }

    /// Tries no candidate from now on.
    pub fn clear_candidate(&self) {
        self.candidate.store(None);
    }

    /// Asks the candidate what the live policy has answered, and compares. `None` without a
    /// candidate, or for a request that sampling leaves out.
    ///
    /// To be called when the live answer is rendered. Never panics and takes no lock for which it
    /// would have to wait.
    pub fn compare(&self, request: &Request<'_>, live: Answer<'_>) -> Option<ShadowDifference> {
        let candidate = self.candidate.load();
        let candidate = candidate.as_ref()?;
        if !self.sampler.takes(self.sample()) {
            return None;
        }
        let difference = self.ask(candidate, request, live);
        self.metrics.shadowed(difference);
        if let Some((_, count)) = candidate.counts.iter().find(|(kind, _)| *kind == difference) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Some(difference)
    }

    fn ask(
        &self,
        candidate: &Candidate,
        request: &Request<'_>,
        live: Answer<'_>,
    ) -> ShadowDifference {
        let asked = candidate.started.elapsed();
        if nanos(asked) < candidate.rests_until.load(Ordering::Relaxed) {
            return ShadowDifference::Skipped;
        }
        // The candidate is only read, and an authorizer of somebody else's that panics while it
        // holds a lock of its own is asked again at the risk of its own answers alone.
        let answer = catch_unwind(AssertUnwindSafe(|| {
            let verdict = candidate.snapshot.authorize(request);
            let reason = verdict.reason().into_owned();
            (verdict.decision, reason, verdict.errors)
        }));
        let took = candidate.started.elapsed().saturating_sub(asked);
        let rest = match &answer {
            Err(_) => REST_AFTER_PANIC,
            Ok(_) if candidate.is_slow(took, self.options.patience) => took.saturating_mul(REST),
            Ok(_) => Duration::ZERO,
        };
        if !rest.is_zero() {
            let until = nanos(asked.saturating_add(took).saturating_add(rest));
            candidate.rests_until.fetch_max(until, Ordering::Relaxed);
        }
        let said = answer.as_ref().ok().map(|(decision, reason, errors)| Answer {
            decision: *decision,
            reason,
            errors,
        });
        let difference = said.map_or(ShadowDifference::Failed, |said| difference(live, said));
        if difference != ShadowDifference::Same {
            let at = SystemTime::now();
            // Of both policies it is the same one.
            let asked_as = match self.options.mask {
                Mask::None => None,
                _ => candidate.snapshot.chain().asker(request.user).ok(),
            };
            let asked_as = asked_as.as_deref();
            let met = Met { difference, request, asked_as, live, candidate: said, at };
            self.remember(candidate, &met);
        }
        difference
    }

    fn remember(&self, candidate: &Candidate, met: &Met<'_>) {
        let Some(index) = SAMPLED.iter().position(|kind| *kind == met.difference) else {
            return;
        };
        // Whoever comes second does not wait: it is counted, only its sample is lost.
        let Ok(mut seen) = candidate.seen.try_lock() else {
            return;
        };
        seen.first.get_or_insert(met.at);
        seen.last = Some(met.at);
        let key = self.key_of(met.request);
        let Some(ring) = seen.rings.get_mut(index) else {
            return;
        };
        let sample = || met.sample(&self.key, self.options.mask);
        if let Some(new) = ring.remember(self.options.samples, key, met.at, sample)
            && candidate.is_worth_saying()
        {
            let Sample { difference, user, verb, resource, path, .. } = new;
            let difference = difference.as_str();
            tracing::info!(difference, user, verb, resource, path, "the candidate policy differs");
        }
    }

    /// Differences of one user, verb and resource are one.
    fn key_of(&self, request: &Request<'_>) -> u64 {
        let user = request.user.name.as_str();
        match &request.attributes {
            Attributes::Resource(of) => {
                self.hasher.hash_one((user, of.verb, of.group, of.resource, of.subresource))
            }
            Attributes::NonResource(of) => self.hasher.hash_one((user, of.verb, of.path)),
        }
    }

    /// What is known about the candidate.
    #[must_use]
    pub fn summary(&self) -> ShadowSummary {
        let candidate = self.candidate.load_full();
        let mut summary =
            ShadowSummary { sample_rate: self.sample().get(), ..ShadowSummary::default() };
        let Some(candidate) = candidate else {
            return summary;
        };
        summary.candidate = Some(CandidateInfo {
            revision: candidate.revision.clone(),
            generation: candidate.snapshot.generation(),
            since: written(candidate.since),
        });
        for (kind, count) in &candidate.counts {
            let count = count.load(Ordering::Relaxed);
            summary.asked += count;
            summary.differences.insert(kind.as_str(), count);
        }
        let seen = candidate.seen.lock().unwrap_or_else(PoisonError::into_inner);
        summary.first_difference = seen.first.map(written);
        summary.last_difference = seen.last.map(written);
        for ring in &seen.rings {
            summary.forgotten_samples += ring.forgotten;
            summary.samples.extend(ring.newest_first().cloned());
        }
        drop(seen);
        summary.all_replicas = self.replicas.load().as_ref().map(|replicas| replicas.all(&summary));
        summary
    }
}

impl Candidate {
    /// Whether this answer is one too many, or so slow that it is so by itself.
    fn is_slow(&self, took: Duration, patience: Duration) -> bool {
        if took <= patience {
            if self.strikes.load(Ordering::Relaxed) > 0 {
                self.strikes.store(0, Ordering::Relaxed);
            }
            return false;
        }
        let strikes = self.strikes.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        strikes >= STRIKES || took > patience.saturating_mul(REST)
    }

    fn is_worth_saying(&self) -> bool {
        let now = self.started.elapsed();
        let until = self.said_until.load(Ordering::Relaxed);
        if until > nanos(now) {
            return false;
        }
        self.said_until.store(nanos(now.saturating_add(SAID_EVERY)), Ordering::Relaxed);
        true
    }
}

/// What is known about a candidate, to be shown as JSON at `/shadow`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShadowSummary {
    /// The candidate; nothing without one.
    pub candidate: Option<CandidateInfo>,
    /// The share of the access reviews about which it is asked.
    pub sample_rate: f64,
    /// About how many it was asked, those included that were skipped.
    pub asked: u64,
    /// How many of them ended how.
    pub differences: BTreeMap<&'static str, u64>,
    /// When it first differed, of those times that were noted.
    pub first_difference: Option<String>,
    /// When it last did.
    pub last_difference: Option<String>,
    /// The last differences of each kind, the gravest kind and then the newest first.
    pub samples: Vec<Sample>,
    /// How many samples had to make room.
    pub forgotten_samples: u64,
    /// What this and other replicas have counted together, where they tell each other
    /// (`cluster.facts`). Samples are of this one alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_replicas: Option<AllReplicas>,
}

/// Which candidate it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CandidateInfo {
    /// What its owner calls it.
    pub revision: String,
    /// Its generation.
    pub generation: u64,
    /// Since when it is tried.
    pub since: String,
}

/// How the candidate's answer differs from the live one. An answer that the server could not give
/// (HTTP 500) is a no for the client, but another one than a plain no.
fn difference(live: Answer<'_>, candidate: Answer<'_>) -> ShadowDifference {
    let is_allow = |answer: &Answer<'_>| answer.decision == Decision::Allow;
    match (is_allow(&live), is_allow(&candidate)) {
        (false, true) => ShadowDifference::WouldAllow,
        (_, false) if candidate.is_failure() && !live.is_failure() => ShadowDifference::Failed,
        (true, false) => ShadowDifference::WouldRefuse,
        _ if live.decision != candidate.decision => ShadowDifference::OtherNo,
        _ if live.is_failure() != candidate.is_failure() => ShadowDifference::OtherNo,
        _ if live.reason != candidate.reason => ShadowDifference::OtherReason,
        _ => ShadowDifference::Same,
    }
}

const fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => LineDecision::Allow.as_str(),
        Decision::Deny => LineDecision::Deny.as_str(),
        Decision::NoOpinion => LineDecision::NoOpinion.as_str(),
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
