use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::api::authorization::ReturnedReview;
use crate::model::Attributes;

/// How many answers are kept at most (S-WHA-5).
const ENTRIES: usize = 8_192;

/// A question of up to this many bytes is one entry, a longer one as many as it would fill. The API
/// server counts each once, and whoever may choose their own groups could fill its memory.
const ENTRY_BYTES: usize = 8 * 1_024;

/// A question whose attributes are longer than this together is not kept (S-WHA-5).
const LONGEST_ATTRIBUTES: usize = 10_000;

/// Time that only moves on, from any beginning.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Duration + Send + Sync>);

impl Clock {
    /// A clock that shows what `now` says.
    #[must_use]
    pub fn new(now: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The clock of the system.
    #[must_use]
    pub fn system() -> Self {
        let start = Instant::now();
        Self::new(move || start.elapsed())
    }

    pub(super) fn now(&self) -> Duration {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Answers by the JSON of the spec, so that everything about user and question tells them apart.
pub(super) struct Answers(Cache<Box<[u8]>, Kept, Bytes>);

#[derive(Clone)]
struct Kept {
    answer: Arc<ReturnedReview>,
    until: Duration,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Box<[u8]>, Kept> for Bytes {
    fn weight(&self, key: &Box<[u8]>, _: &Kept) -> u64 {
        u64::try_from(key.len().div_ceil(ENTRY_BYTES)).unwrap_or(u64::MAX).max(1)
    }
}

impl Answers {
    pub(super) fn new() -> Self {
        let capacity = u64::try_from(ENTRIES).unwrap_or(u64::MAX);
        Self(Cache::with_weighter(ENTRIES, capacity, Bytes))
    }

    /// The answer that is kept and still good; it is at the very end of its time.
    pub(super) fn get(&self, spec: &[u8], now: Duration) -> Option<Arc<ReturnedReview>> {
        let Kept { answer, until } = self.0.get(spec)?;
        (now <= until).then_some(answer)
    }

    /// Keeps an answer for a time, unless that is zero.
    pub(super) fn keep(
        &self,
        spec: &[u8],
        answer: &Arc<ReturnedReview>,
        ttl: Duration,
        now: Duration,
    ) {
        if !ttl.is_zero() {
            let kept = Kept { answer: Arc::clone(answer), until: now.saturating_add(ttl) };
            self.0.insert(spec.into(), kept);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn clear(&self) {
        self.0.clear();
    }
}

/// Whether a question is short enough to be kept. What is said of the user does not count (S-WHA-5).
pub(super) fn is_short(attributes: &Attributes<'_>) -> bool {
    let length = match attributes {
        Attributes::Resource(asked) => [
            asked.namespace,
            asked.verb,
            asked.group,
            asked.version,
            asked.resource,
            asked.subresource,
            asked.name,
        ]
        .into_iter()
        .map(str::len)
        .sum(),
        Attributes::NonResource(asked) => asked.verb.len() + asked.path.len(),
    };
    let length: usize = length;
    length < LONGEST_ATTRIBUTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_counts_for_as_many_as_it_would_fill() {
        let kept = Kept { answer: Arc::default(), until: Duration::ZERO };
        for (bytes, weight) in [(0, 1), (8_192, 1), (8_193, 2), (1 << 20, 128)] {
            assert_eq!(Bytes.weight(&vec![0; bytes].into(), &kept), weight, "{bytes}");
        }
    }
}
