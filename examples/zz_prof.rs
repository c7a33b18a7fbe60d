//! Scratch.
#[path = "../benches/gen/mod.rs"]
#[allow(dead_code, reason = "scratch")]
mod world;
use portcullis::authz::rbac::Policy;
use std::time::Instant;
use world::queries::Class;
use world::{Params, World};
fn main() {
    let n: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    let world = World::generate(&Params { bindings: n, seed: 1 });
    let t = Instant::now();
    let policy = Policy::compile(&world.inventory).unwrap();
    println!("compile {:?} memory {:?} per binding {}", t.elapsed(), policy.memory(), { let m = policy.memory(); (m.bindings + m.reach) / n });
    for class in [Class::ServiceAccount, Class::Person, Class::Path] {
        let queries = world.questioner().ask(class, 50_000);
        let grants: usize = queries.iter().take(2000).map(|q| policy.bindings_for(&q.user, q.asked.attributes().namespace()).len()).sum();
        let groups: usize = queries.iter().map(|q| q.user.groups.len()).sum();
        let mut best = f64::MAX;
        for _ in 0..7 {
            let t = Instant::now();
            let mut ok = 0;
            for q in &queries { ok += usize::from(policy.allows(&q.request()) == q.allowed); }
            assert_eq!(ok, queries.len());
            best = best.min(t.elapsed().as_nanos() as f64 / queries.len() as f64);
        }
        let mut best2 = f64::MAX;
        for _ in 0..7 {
            let t = Instant::now();
            let mut ok = 0;
            for q in &queries { ok += q.request().attributes.verb().len() + q.request().user.groups.len(); }
            std::hint::black_box(ok);
            best2 = best2.min(t.elapsed().as_nanos() as f64 / queries.len() as f64);
        }
        println!("{class:?} {n}: best {best:.0} ns (walk {best2:.0}), {:.1} bindings a question, {:.1} groups", grants as f64 / 2000.0, groups as f64 / queries.len() as f64);
    }
}
