//! What the same candidate would have said elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Shadow, ShadowSummary};
use crate::source::fetch::unix_now;
use crate::source::shared_facts::{Summaries, Summary};
use crate::webhook::load::with_causes;

/// How often a replica tells others.
const EVERY: Duration = Duration::from_secs(15);

/// A replica that has said nothing for so long is gone.
const GONE: Duration = Duration::from_secs(90);

/// What replicas say of their candidates.
#[derive(Debug)]
pub struct Replicas(Summaries);

/// What one replica has counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaCount {
    /// Which candidate.
    pub revision: String,
    /// About how many requests it was asked.
    pub asked: u64,
    /// How many of them ended how.
    pub differences: BTreeMap<String, u64>,
}

/// A replica, and what it has counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replica {
    /// What it calls itself.
    pub name: String,
    /// How many seconds ago it said so.
    pub seconds_ago: i64,
    /// What.
    #[serde(flatten)]
    pub count: ReplicaCount,
}

/// What all replicas have counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AllReplicas {
    /// The sum of those that try the candidate of this one.
    pub sum: Option<ReplicaCount>,
    /// Each by itself.
    pub replicas: Vec<Replica>,
}

impl ShadowSummary {
    fn count(&self) -> Option<ReplicaCount> {
        let revision = self.candidate.as_ref()?.revision.clone();
        let differences =
            self.differences.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect();
        Some(ReplicaCount { revision, asked: self.asked, differences })
    }
}

impl Replicas {
    /// To be told to others, and heard from them, by these.
    #[must_use]
    pub const fn new(summaries: Summaries) -> Self {
        Self(summaries)
    }

    /// Tells others now and then, for ever. Nothing is said without a candidate.
    pub async fn run(self: Arc<Self>, shadow: Arc<Shadow>) {
        loop {
            self.tell(&shadow.summary()).await;
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn tell(&self, summary: &ShadowSummary) {
        let Some(said) = summary.count().and_then(|count| serde_json::to_value(count).ok()) else {
            return;
        };
        if let Err(error) = self.0.say(unix_now(), said).await {
            let error = with_causes(&error);
            tracing::warn!(error, "other replicas are not told of the candidate policy");
        }
    }

    /// What all have counted. What this one has is the newest, whatever it told others.
    pub(super) fn all(&self, own: &ShadowSummary) -> AllReplicas {
        let now = unix_now();
        all(own.count(), self.0.writer(), &self.0.latest(now, GONE), now)
    }
}

fn all(own: Option<ReplicaCount>, writer: &str, said: &[Summary], now: i64) -> AllReplicas {
    let mut replicas: Vec<Replica> = said
        .iter()
        .filter(|summary| summary.writer != writer)
        .filter_map(|summary| {
            let count = serde_json::from_value(summary.said.clone()).ok()?;
            let seconds_ago = now.saturating_sub(summary.at).max(0);
            Some(Replica { name: summary.writer.clone(), seconds_ago, count })
        })
        .collect();
    let sum = own.map(|own| {
        replicas.push(Replica { name: writer.to_owned(), seconds_ago: 0, count: own.clone() });
        let same = replicas.iter().filter(|replica| replica.count.revision == own.revision);
        let mut sum =
            ReplicaCount { revision: own.revision.clone(), asked: 0, differences: BTreeMap::new() };
        for Replica { count, .. } in same {
            sum.asked = sum.asked.saturating_add(count.asked);
            for (kind, number) in &count.differences {
                let held = sum.differences.entry(kind.clone()).or_default();
                *held = held.saturating_add(*number);
            }
        }
        sum
    });
    replicas.sort_by(|one, other| one.name.cmp(&other.name));
    AllReplicas { sum, replicas }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(revision: &str, asked: u64, would_allow: u64) -> ReplicaCount {
        let differences = [("would_allow".to_owned(), would_allow)].into();
        ReplicaCount { revision: revision.to_owned(), asked, differences }
    }

    #[test]
    fn replicas_that_try_the_same_candidate_are_summed_and_all_are_named() {
        let said = |writer: &str, count: ReplicaCount| Summary {
            writer: writer.to_owned(),
            at: 90,
            said: serde_json::to_value(count).unwrap(),
        };
        let said = [
            said("a", count("r2", 10, 1)),
            said("b", count("r2", 5, 0)),
            said("old", count("r1", 100, 100)),
            said("me", count("r2", 1, 1)),
        ];
        let all = all(Some(count("r2", 7, 2)), "me", &said, 100);
        assert_eq!(all.sum, Some(count("r2", 22, 3)));
        let names: Vec<_> =
            all.replicas.iter().map(|it| (it.name.as_str(), it.seconds_ago)).collect();
        assert_eq!(names, [("a", 10), ("b", 10), ("me", 0), ("old", 10)]);
    }
}
