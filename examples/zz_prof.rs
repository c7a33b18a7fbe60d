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
    println!("compile {:?} memory {:?} per binding {}", t.elapsed(), policy.memory(), {
        let m = policy.memory();
        (m.bindings + m.reach) / n
    });
    for class in [Class::ServiceAccount, Class::Person, Class::Path] {
        let queries = world.questioner().ask(class, 50_000);
        let grants: usize = queries
            .iter()
            .take(2000)
            .map(|q| policy.bindings_for(&q.user, q.asked.attributes().namespace()).len())
            .sum();
        let groups: usize = queries.iter().map(|q| q.user.groups.len()).sum();
        let touch = |q: &world::queries::Query| {
            let r = q.request();
            r.user.name.bytes().map(usize::from).sum::<usize>()
                + r.user
                    .groups
                    .iter()
                    .map(|g| g.bytes().map(usize::from).sum::<usize>())
                    .sum::<usize>()
                + r.attributes.verb().bytes().map(usize::from).sum::<usize>()
                + r.attributes.namespace().bytes().map(usize::from).sum::<usize>()
                + match &r.attributes {
                    portcullis::model::Attributes::Resource(a) => a
                        .resource
                        .bytes()
                        .chain(a.group.bytes())
                        .chain(a.name.bytes())
                        .chain(a.subresource.bytes())
                        .map(usize::from)
                        .sum::<usize>(),
                    portcullis::model::Attributes::NonResource(a) => {
                        a.path.bytes().map(usize::from).sum()
                    }
                }
        };
        let mut out = String::new();
        for only in [None, Some(true), Some(false)] {
            let queries: Vec<_> =
                queries.iter().filter(|q| only.is_none_or(|o| o == q.allowed)).collect();
            let mut best = f64::MAX;
            for _ in 0..60 {
                let mut spent = 0;
                let mut ok = 0;
                let mut sum = 0;
                for batch in queries.chunks(64) {
                    for q in batch {
                        sum += touch(q);
                    }
                    std::hint::black_box(sum);
                    let t = Instant::now();
                    for q in batch {
                        ok += usize::from(policy.allows(&q.request()) == q.allowed);
                    }
                    spent += t.elapsed().as_nanos();
                }
                assert_eq!(ok, queries.len());
                best = best.min(spent as f64 / queries.len() as f64);
            }
            out += &format!(" {only:?}={best:.0}");
        }
        let best = out;
        let best2 = 0;
        println!(
            "{class:?} {n}: {best} {best2}, {:.1} bindings a question, {:.1} groups",
            grants as f64 / 2000.0,
            groups as f64 / queries.len() as f64
        );
    }
}
