//! Asks other engines what Portcullis is asked, on the same world, and prints how much longer they
//! take. Run it with `cargo run --release` in this directory.
//!
//! The world is that of 1,000 bindings, because the others scan. Each engine is modelled as its
//! own documentation would have it, loaded before, and handed its request ready-made; only the
//! decision is timed. Every answer is checked against the linear scan. Slow engines get fewer of
//! the same questions, from the front of the list.

mod casbin;
mod cedar;
mod flat;
mod native;
mod rego;
#[path = "../../gen/mod.rs"]
#[expect(dead_code, reason = "other targets need what this one does not")]
mod world;

use std::error::Error;
use std::time::Instant;

use flat::Flat;
use world::queries::{Class, Query};
use world::{Params, SMALL, World};

/// An engine with its requests prepared.
pub(crate) trait Peer {
    /// Whether question `index` is allowed.
    fn allows(&mut self, index: usize) -> Result<bool, Box<dyn Error>>;
}

/// Decisions that are timed together; a clock read costs as much as one of the fast ones.
const FAST: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let world = World::generate(&Params { bindings: SMALL, seed: 1 });
    let flat = Flat::new(&world.inventory);
    let mut queries = world.questioner().mix(6_000);
    // Only resources: not every engine has a notion of paths.
    queries.retain(|query| query.class != Class::Path);
    println!(
        "{} bindings: {} rows of holder, namespace and role; {} roles with {} rules",
        world.inventory.bindings(),
        flat.held.len(),
        flat.roles.len(),
        flat.roles.values().map(|rules| rules.len()).sum::<usize>(),
    );

    let [many, some, few] = [4_096, 256, 32].map(|count| &queries[..count]);
    let policy = portcullis::authz::rbac::Policy::compile(&world.inventory)?;
    let mut table = Table::default();
    table.measure(
        "portcullis, user resolved",
        &mut native::Resolved::new(&policy, many),
        many,
        FAST,
    )?;
    table.measure("portcullis", &mut native::Indexed::new(&policy, many), many, FAST)?;
    table.measure("linear scan", &mut native::Scan::new(&world.inventory, many), many, 1)?;
    table.measure("regorus, indexed data, RVM", &mut rego::Indexed::new(&flat, some)?, some, 1)?;
    table.measure("regorus, scan, interpreter", &mut rego::Scan::new(&flat, some)?, some, 1)?;
    table.measure(
        "cedar, a policy for each rule",
        &mut cedar::Cedar::new(&flat, some)?,
        some,
        1,
    )?;
    table.measure("casbin, a row for each rule", &mut casbin::Casbin::new(&flat, few)?, few, 1)?;
    table.print();
    Ok(())
}

/// Engine, questions, median nanoseconds of a decision.
#[derive(Default)]
struct Table(Vec<(&'static str, usize, f64)>);

impl Table {
    /// Checks every answer, which also warms up, then times each batch and keeps the median.
    fn measure(
        &mut self,
        name: &'static str,
        peer: &mut dyn Peer,
        queries: &[Query],
        batch: usize,
    ) -> Result<(), Box<dyn Error>> {
        for (index, query) in queries.iter().enumerate() {
            if peer.allows(index)? != query.allowed {
                return Err(format!("{name} answers {query:?} differently").into());
            }
        }
        let mut times = Vec::with_capacity(queries.len() / batch);
        for first in (0..queries.len()).step_by(batch) {
            let began = Instant::now();
            for index in first..first + batch {
                std::hint::black_box(peer.allows(index)?);
            }
            times.push(began.elapsed().as_secs_f64() * 1e9 / batch as f64);
        }
        times.sort_by(f64::total_cmp);
        self.0.push((name, queries.len(), times[times.len() / 2]));
        Ok(())
    }

    fn print(&self) {
        let ours = self.0.iter().find(|(name, ..)| *name == "portcullis");
        let ours = ours.map_or(f64::NAN, |(_, _, median)| *median);
        println!("{:<32} {:>9} {:>14} {:>10}", "engine", "questions", "median ns", "ratio");
        for (name, questions, median) in &self.0 {
            println!("{name:<32} {questions:>9} {median:>14.0} {:>10.1}", median / ours);
        }
    }
}
