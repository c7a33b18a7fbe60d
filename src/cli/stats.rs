//! How fast, how much memory, how many allocations.

use std::hint::black_box;
use std::time::{Duration, Instant};

use portcullis::model::{Attributes, Request};
use portcullis::snapshot::Snapshot;
use serde::Serialize;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region};

/// Decisions timed together: one look at the clock costs as much as some decisions.
const BATCH: usize = 64;

/// What `--stats` prints.
#[derive(Debug, Serialize)]
pub(crate) struct Stats {
    load_ms: f64,
    bindings: usize,
    resident_bytes: Option<u64>,
    decisions: u64,
    mean_ns: f64,
    p50_ns: f64,
    p99_ns: f64,
    allocations_per_decision: f64,
}

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Timing {
    decisions: u64,
    total_ns: f64,
    /// Nanoseconds a decision, by batch, in ascending order.
    means: Vec<f64>,
    allocations: usize,
}

impl Stats {
    pub(crate) fn new(
        load: Duration,
        bindings: usize,
        resident_bytes: Option<u64>,
        timing: Timing,
    ) -> Self {
        let each =
            |sum: f64| if timing.decisions == 0 { 0.0 } else { sum / real(timing.decisions) };
        Self {
            load_ms: round(load.as_secs_f64() * 1e3),
            bindings,
            resident_bytes,
            decisions: timing.decisions,
            mean_ns: round(each(timing.total_ns)),
            p50_ns: round(percentile(&timing.means, 50)),
            p99_ns: round(percentile(&timing.means, 99)),
            allocations_per_decision: round(each(
                u64::try_from(timing.allocations).map_or(f64::MAX, real),
            )),
        }
    }
}

/// Decides everything `repeat` times, and looks at the clock every [`BATCH`] decisions.
pub(crate) fn measure(snapshot: &Snapshot, requests: &[Request<'_>], repeat: u32) -> Timing {
    let batches = requests.len().div_ceil(BATCH);
    let rounds = usize::try_from(repeat).unwrap_or(usize::MAX);
    // Room for all, so that the measurement itself allocates nothing.
    let mut means = Vec::with_capacity(batches.saturating_mul(rounds));
    let (mut decisions, mut total_ns) = (0, 0.0);
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    for _ in 0..repeat {
        for batch in requests.chunks(BATCH) {
            black_box(batch.iter().map(read_over).sum::<usize>());
            let started = Instant::now();
            for request in batch {
                let _ = black_box(snapshot.authorize(black_box(request)));
            }
            let spent = started.elapsed().as_secs_f64() * 1e9;
            let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
            decisions += count;
            total_ns += spent;
            means.push(spent / real(count));
        }
    }
    let change = region.change();
    let allocations = change.allocations.saturating_add(change.reallocations);
    means.sort_unstable_by(f64::total_cmp);
    Timing { decisions, total_ns, means, allocations }
}

/// Reads a request once, before the clock starts. A server decides on a request that it has just
/// parsed; here a hundred thousand of them wait in memory, and fetching their text is not deciding.
fn read_over(request: &Request<'_>) -> usize {
    let read = |text: &str| text.bytes().map(usize::from).sum::<usize>();
    let user = read(&request.user.name)
        + request.user.groups.iter().map(|group| read(group)).sum::<usize>();
    user + read(request.attributes.verb())
        + match &request.attributes {
            Attributes::Resource(asked) => {
                read(asked.namespace)
                    + read(asked.group)
                    + read(asked.resource)
                    + read(asked.subresource)
                    + read(asked.name)
            }
            Attributes::NonResource(asked) => read(asked.path),
        }
}

/// Of sorted values the smallest that is not exceeded by `share` percent of them.
fn percentile(sorted: &[f64], share: usize) -> f64 {
    let rank = sorted.len().saturating_mul(share).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// Exact up to 2^53, far beyond any count here.
fn real(count: u64) -> f64 {
    let high = u32::try_from(count >> 32).unwrap_or(u32::MAX);
    let low = u32::try_from(count & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}

/// Three digits behind the point are more than the clock can tell.
fn round(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// Memory of this process that is in RAM, where the system tells (Linux).
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        assert_eq!(percentile(&[], 50), 0.0);
        assert_eq!(percentile(&[7.0], 99), 7.0);
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!((percentile(&hundred, 50), percentile(&hundred, 99)), (50.0, 99.0));
    }

    #[test]
    fn large_counts_become_reals_without_loss() {
        assert_eq!(real(0), 0.0);
        assert_eq!(real(5_000_000_000), 5e9);
    }
}
