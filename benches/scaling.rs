//! How many more decisions two threads take than one, on one shared policy: 2.0 when readers do not
//! disturb each other. Prints a line for each size.
//!
//! Not a criterion bench, which measures one thread. Each thread walks through all questions from a
//! place of its own; the slowest counts.

#[path = "gen/mod.rs"]
#[expect(dead_code, reason = "other targets need what this one does not")]
mod world;

use std::error::Error;
use std::io::{Write, stdout};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use portcullis::authz::rbac::Policy;

use world::queries::Query;
use world::{LARGE, MEDIUM, MIX, Params, SMALL, World};

/// Times that a thread goes through the questions: some tenths of a second of work.
const PASSES: usize = 20;
/// Runs of each kind, of which the fastest counts: others use the machine too.
const RUNS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    for bindings in [SMALL, MEDIUM, LARGE] {
        let world = World::generate(&Params { bindings, seed: 1 });
        let policy = Policy::compile(&world.inventory)?;
        let queries = world.questioner().mix(MIX);
        let one = fastest(&policy, &queries, 1);
        let two = fastest(&policy, &queries, 2);
        let ratio = 2.0 * one.as_secs_f64() / two.as_secs_f64();
        let decisions = u32::try_from(queries.len() * PASSES)?;
        let each = one.as_secs_f64() * 1e9 / f64::from(decisions);
        let name = format!("rbac/scaling/mix/{bindings}");
        writeln!(stdout(), "{name:<30} {each:8.1} ns on one thread, two threads x{ratio:.2}")?;
    }
    Ok(())
}

fn fastest(policy: &Policy, queries: &[Query], threads: usize) -> Duration {
    (0..RUNS).map(|_| together(policy, queries, threads)).min().unwrap_or_default()
}

/// How long the slowest of the threads needs for all its decisions.
fn together(policy: &Policy, queries: &[Query], threads: usize) -> Duration {
    let start = Barrier::new(threads);
    let work = |first: usize| {
        let (later, sooner) = queries.split_at(first);
        start.wait();
        let began = Instant::now();
        for _ in 0..PASSES {
            for query in sooner.iter().chain(later) {
                assert_eq!(policy.allows(&query.request()), query.allowed);
            }
        }
        began.elapsed()
    };
    let (work, spread) = (&work, queries.len() / threads);
    thread::scope(|scope| {
        let started: Vec<_> =
            (0..threads).map(|index| scope.spawn(move || work(index * spread))).collect();
        let times = started.into_iter().filter_map(|thread| thread.join().ok());
        times.max().unwrap_or(Duration::MAX)
    })
}
