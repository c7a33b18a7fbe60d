//! How long the RBAC engine takes: to decide, to resolve a user, to list who can, to change, and to
//! compile. Ids are `rbac/operation/shape/bindings`; `snapshot/…` is the same through the chain that
//! callers hold, with its `system:masters` step.
//!
//! Questions are decided in batches of 64, one batch an iteration, walking through 50,000 shuffled
//! ones: neither they nor the tables they touch are in a cache by the time they come round again.
//! Every answer is compared with that of the reference. `PORTCULLIS_BENCH_HUGE=1` adds a million
//! bindings, for which the generator needs a minute and 2 GB.

#[path = "gen/mod.rs"]
#[expect(dead_code, reason = "other targets need what this one does not")]
mod world;

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use portcullis::api::rbac::{Object, RoleBinding};
use portcullis::authz::rbac::{Editor, Policy};
use portcullis::model::Origin;
use portcullis::snapshot::{self, Config, Live, Mode, Snapshot};

use world::queries::{Class, Query};
use world::reference::Linear;
use world::{HUGE, LARGE, MEDIUM, MIX, Params, SMALL, World};

/// As `portcullis authorize --stats` counts: a clock read for each decision would cost as much as
/// the decision.
const BATCH: usize = 64;

/// Users that are kept resolved, as a webhook keeps those it saw of late.
const RESOLVED: usize = 1_024;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(2))
        .measurement_time(Duration::from_secs(5))
        .configure_from_args();
    let huge = std::env::var_os("PORTCULLIS_BENCH_HUGE").map(|_| HUGE);
    for bindings in [SMALL, MEDIUM, LARGE].into_iter().chain(huge) {
        let world = World::generate(&Params { bindings, seed: 1 });
        let policy = Policy::compile(&world.inventory)?;
        if bindings <= MEDIUM {
            verify(&world, &policy);
        }
        let snapshot = snapshot::compile(&world.inventory, &Config::new([Mode::Rbac]))?;
        decide(&mut criterion, &world, &policy, &snapshot);
        resolve(&mut criterion, &world, &policy);
        who_can(&mut criterion, &world, &policy);
        change(&mut criterion, &world)?;
        compile(&mut criterion, &world);
    }
    criterion.final_summary();
    Ok(())
}

/// The engine, the reference by which questions were made, and the linear scan agree.
fn verify(world: &World, policy: &Policy) {
    let linear = Linear::new(&world.inventory);
    for query in world.questioner().mix(2_000) {
        let scanned = linear.allows(&query.user, &query.asked.attributes());
        let decided = policy.allows(&query.request());
        assert_eq!((decided, scanned), (query.allowed, query.allowed), "{query:?}");
    }
    for query in world.questioner().ask(Class::WhoCan, 200) {
        let attributes = query.asked.attributes();
        // A service account's namespace may be that of its binding (S-RBAC-16); here it never is.
        let mut scanned: Vec<_> =
            linear.who_can(&attributes).into_iter().map(|(subject, _)| subject.clone()).collect();
        let mut listed = policy.who_can(&attributes).subjects();
        scanned.sort();
        scanned.dedup();
        listed.sort();
        listed.dedup();
        assert_eq!(listed, scanned, "{query:?}");
    }
}

/// `rbac/authorize/<class>/<bindings>`: one decision for a user who was not seen before.
fn decide(criterion: &mut Criterion, world: &World, policy: &Policy, snapshot: &Snapshot) {
    for class in [Class::ServiceAccount, Class::Person, Class::Path] {
        let queries = world.questioner().ask(class, MIX);
        let name = format!("rbac/authorize/{}", class.name());
        run_parsed(
            criterion,
            &name,
            world,
            &queries,
            |query| query,
            |query| policy.allows(&query.request()) == query.allowed,
        );
        let name = format!("snapshot/authorize/{}", class.name());
        run_parsed(
            criterion,
            &name,
            world,
            &queries,
            |query| query,
            |query| snapshot.authorize(&query.request()).is_allowed() == query.allowed,
        );
    }
}

/// `rbac/resolve/<class>/<bindings>`: everything a user holds; and
/// `rbac/principal/<class>/<bindings>`: one decision for a user who is resolved already.
fn resolve(criterion: &mut Criterion, world: &World, policy: &Policy) {
    for class in [Class::ServiceAccount, Class::Person] {
        let queries = world.questioner().ask(class, RESOLVED);
        let users: Vec<_> = queries.iter().map(|query| Arc::new(query.user.clone())).collect();
        let name = format!("rbac/resolve/{}", class.name());
        run(criterion, &name, world, &users, 1, |user| {
            black_box(policy.principal(user));
            true
        });
        let resolved: Vec<_> =
            users.iter().map(|user| policy.principal(user)).zip(&queries).collect();
        let name = format!("rbac/principal/{}", class.name());
        run_parsed(
            criterion,
            &name,
            world,
            &resolved,
            |(_, query)| query,
            |(principal, query)| principal.allows(&query.asked.attributes()) == query.allowed,
        );
    }
}

/// `rbac/who_can/<bindings>`: every subject of one question, listed.
fn who_can(criterion: &mut Criterion, world: &World, policy: &Policy) {
    let queries = world.questioner().ask(Class::WhoCan, 1_000);
    run(criterion, "rbac/who_can", world, &queries, 1, |query: &Query| {
        !policy.who_can(&query.asked.attributes()).subjects().is_empty()
    });
}

/// `rbac/apply/<bindings>`: one RoleBinding applied and published, deleted and published, while
/// a reader holds the version before. `snapshot/apply/<bindings>`: the same through `Live`.
fn change(criterion: &mut Criterion, world: &World) -> Result<(), Box<dyn Error>> {
    let mut editor = Editor::load(&world.inventory)?;
    let extra = |binding: &RoleBinding| {
        let mut binding = binding.clone();
        binding.metadata.name = "applied-by-the-bench".into();
        Object::from(binding)
    };
    let all = world.inventory.role_bindings.iter();
    let changes: Vec<Object> = all.step_by(97).map(|binding| extra(&binding.value)).collect();
    let origin = Origin::default();
    let mut published = editor.policy();
    run(criterion, "rbac/apply", world, &changes, 1, |object| {
        let applied = editor.apply(object, &origin).is_ok();
        published = editor.policy();
        let deleted = editor.delete(&object.key());
        published = editor.policy();
        applied && deleted
    });
    black_box(published);

    let live = Live::new(&world.inventory, Config::new([Mode::Rbac]))?;
    run(criterion, "snapshot/apply", world, &changes, 1, |object| {
        let applied = live.apply(object.clone(), &origin).is_ok();
        applied && live.delete(&object.key()).is_ok()
    });
    Ok(())
}

/// `rbac/compile/<bindings>`: from objects to a policy.
fn compile(criterion: &mut Criterion, world: &World) {
    let mut group = criterion.benchmark_group("rbac/compile");
    group.sample_size(10);
    group.bench_function(world.inventory.bindings().to_string(), |bencher| {
        bencher.iter(|| assert!(Policy::compile(&world.inventory).is_ok()));
    });
    group.finish();
}

/// Benchmarks of questions: as [`run`], but each batch is read once before its clock starts. A server
/// decides on a request that it has just parsed; fetching the text of a stored one is not deciding.
/// The tables of the policy stay as cold as the shuffled mix leaves them.
fn run_parsed<T>(
    criterion: &mut Criterion,
    name: &str,
    world: &World,
    items: &[T],
    query_of: impl Fn(&T) -> &Query,
    mut right: impl FnMut(&T) -> bool,
) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(u64::try_from(BATCH).unwrap_or(1)));
    group.bench_function(world.inventory.bindings().to_string(), |bencher| {
        let mut batches = items.chunks_exact(BATCH).cycle();
        bencher.iter_custom(|iterations| {
            let mut spent = Duration::ZERO;
            for _ in 0..iterations {
                let Some(batch) = batches.next() else { break };
                black_box(batch.iter().map(|item| query_of(item).read_over()).sum::<usize>());
                let started = Instant::now();
                let all = batch.iter().all(&mut right);
                spent += started.elapsed();
                assert!(all);
            }
            spent
        });
    });
    group.finish();
}

/// One benchmark: `batch` items an iteration, moving on through the list, each answered rightly.
fn run<T>(
    criterion: &mut Criterion,
    name: &str,
    world: &World,
    items: &[T],
    batch: usize,
    mut right: impl FnMut(&T) -> bool,
) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(u64::try_from(batch).unwrap_or(1)));
    group.bench_function(world.inventory.bindings().to_string(), |bencher| {
        let mut batches = items.chunks_exact(batch).cycle();
        bencher.iter(|| assert!(batches.next().is_some_and(|batch| batch.iter().all(&mut right))));
    });
    group.finish();
}
