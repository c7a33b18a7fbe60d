//! What a revocation list of a million entries costs: a decision with it and without it, one more
//! entry, and reading its file. Ids are `revocation/operation/shape`.
//!
//! Questions are decided in batches of 64, one batch an iteration, walking through 50,000 shuffled
//! users with a certificate each, as those of `authorize` do, or through the few of them that a large
//! cluster has. A `miss` is a certificate that is not on the list, `miss-of-512` the same of 512 users
//! who keep asking, `hit` one that is on the list, `token` a user without one. Users are the same with and without the
//! list; what it adds is the difference, printed after each pair from the medians of batches taken
//! in turns, so that a busy machine hardly counts.

#![expect(clippy::print_stdout, reason = "what the list adds belongs to the report")]

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use portcullis::api::inventory::Inventory;
use portcullis::api::rbac::{ClusterRole, ClusterRoleBinding, PolicyRule, RoleRef, Subject};
use portcullis::model::{
    Attributes, CREDENTIAL_ID, Fingerprint, Origin, Request, ResourceAttributes, Revocation,
    RevocationEntry, Revocations, SharedRevocations, User,
};
use portcullis::snapshot::{Config, Mode, Snapshot, compile};

const ENTRIES: u64 = 1_000_000;
const USERS: u64 = 50_000;
const BATCH: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let list: Revocations = (0..ENTRIES).map(entry).collect();
    assert_eq!(list.len(), 1_000_000);
    let config = Config::new([Mode::Rbac]);
    let without = compile(&inventory(), &config)?;
    let with =
        compile(&inventory(), &config.with_revocations(SharedRevocations::new(list.clone())))?;
    let misses = users(|index| Some(ENTRIES + index));
    for (shape, users) in [
        ("miss-of-512", misses.iter().take(512).cloned().collect()),
        ("miss", misses),
        ("hit", users(|index| Some(index * 19))),
        ("token", users(|_| None)),
    ] {
        decide(&mut criterion, shape, &users, &without, &with);
    }
    change(&mut criterion, &list);
    #[cfg(feature = "files")]
    read(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

/// A digest as any other: every bit depends on the index.
fn fingerprint(index: u64) -> Fingerprint {
    let mut state = index;
    let mut bytes = [0; 32];
    for part in bytes.chunks_exact_mut(8) {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        part.copy_from_slice(&(mixed ^ (mixed >> 31)).to_be_bytes());
        state ^= mixed;
    }
    Fingerprint::from_bytes(bytes)
}

fn entry(index: u64) -> RevocationEntry {
    let what = Revocation::Certificate { fingerprint: fingerprint(index) };
    RevocationEntry { what, at: 0, reason: "superseded".to_owned(), by: "ops".to_owned() }
}

/// In an order that no cache foresees.
fn users(certificate: impl Fn(u64) -> Option<u64>) -> Vec<User> {
    let mut users: Vec<(Fingerprint, User)> = (0..USERS)
        .map(|index| {
            let mut user = User::new(format!("user-{index}"));
            user.groups = vec!["dev".to_owned(), "system:authenticated".to_owned()];
            let id = certificate(index).map(|index| fingerprint(index).credential_id());
            let id = id.unwrap_or_else(|| "JTI=b1946ac9-2492-4d23-8a1b-0d1a2f3c4e5f".to_owned());
            user.extra.insert(CREDENTIAL_ID.to_owned(), vec![id]);
            (fingerprint(index ^ 0xabcdef), user)
        })
        .collect();
    users.sort_by_key(|(key, _)| *key);
    users.into_iter().map(|(_, user)| user).collect()
}

/// A role for everybody and one for each hundredth user.
fn inventory() -> Inventory {
    let origin = Origin::named("bench");
    let mut inventory = Inventory::default();
    let rule = PolicyRule {
        verbs: vec!["get".into()],
        api_groups: vec!["".into()],
        resources: vec!["pods".into()],
        ..PolicyRule::default()
    };
    let mut role = ClusterRole { rules: vec![rule], ..ClusterRole::default() };
    role.metadata.name = "reader".into();
    inventory.push(role.into(), origin.clone());
    for index in (0..USERS).step_by(100) {
        let mut binding = ClusterRoleBinding {
            subjects: vec![Subject::user(format!("user-{index}"))],
            role_ref: RoleRef::cluster_role("reader"),
            ..ClusterRoleBinding::default()
        };
        binding.metadata.name = format!("b-{index}").into();
        inventory.push(binding.into(), origin.clone());
    }
    inventory
}

fn decide(
    criterion: &mut Criterion,
    shape: &str,
    users: &[User],
    without: &Snapshot,
    with: &Snapshot,
) {
    let attributes = Attributes::Resource(ResourceAttributes::new("get", "pods"));
    let allowed = |snapshot: &Snapshot| {
        let asked = users.iter().map(|user| Request { user, attributes });
        asked.filter(|request| snapshot.authorize(request).is_allowed()).count()
    };
    assert!(allowed(without) > 0);
    assert_eq!(allowed(with), if shape == "hit" { 0 } else { allowed(without) });
    let mut group = criterion.benchmark_group("revocation/decide");
    group.throughput(Throughput::Elements(64));
    for (name, snapshot) in [("without", without), ("with", with)] {
        let mut next = users.iter().cycle();
        group.bench_function(format!("{shape}/{name}"), |bencher| {
            bencher.iter(|| {
                for user in next.by_ref().take(BATCH) {
                    let request = Request { user, attributes };
                    black_box(snapshot.authorize(black_box(&request)).decision);
                }
            });
        });
    }
    group.finish();
    // Batch by batch in turns, each so short that the system hardly ever takes the processor away
    // within it. A server has just parsed what it asks about, so the users are looked at before, with
    // and without the list: what counts is how far away the list is.
    let batch = |snapshot: &Snapshot, users: &[User]| {
        for user in users {
            black_box(user.clone());
        }
        let started = Instant::now();
        for user in users {
            let request = Request { user, attributes };
            black_box(snapshot.authorize(black_box(&request)).decision);
        }
        started.elapsed().as_secs_f64() * 1e9 / 64.0
    };
    let (mut bare, mut asked) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        for users in users.chunks_exact(BATCH) {
            bare.push(batch(without, users));
            asked.push(batch(with, users));
        }
    }
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let (bare, asked) = (median(bare), median(asked));
    println!(
        "revocation/decide/{shape}: {bare:.1} ns without, {asked:.1} ns with the list, {:.1} ns added",
        asked - bare
    );
}

/// What this thread has computed so far; where the system does not say, the time of day.
fn cpu_time() -> Duration {
    thread_local! {
        static START: Instant = Instant::now();
    }
    let read = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = read.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| START.with(Instant::elapsed), Duration::from_nanos)
}

/// One entry more, and the set that it makes put in place.
fn change(criterion: &mut Criterion, list: &Revocations) {
    let shared = SharedRevocations::new(list.clone());
    let mut index = ENTRIES;
    criterion.bench_function("revocation/append/one", |bencher| {
        bencher.iter(|| {
            index += 1;
            shared.publish(shared.load().extended([entry(index)]));
        });
    });
    // Unless this one was left out on the command line.
    assert_eq!(shared.load().len() > list.len(), index > ENTRIES);
}

#[cfg(feature = "files")]
fn read(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    use portcullis::source::revocations::{RevocationFile, RevocationFollower};

    let folder = tempfile::tempdir()?;
    let file = RevocationFile::new(folder.path().join("revoked.ndjson"));
    let entries: Vec<RevocationEntry> = (0..ENTRIES).map(entry).collect();
    file.append(&entries)?;
    let bytes = std::fs::metadata(file.path())?.len();
    println!("revocation/read: {bytes} bytes");
    for _ in 0..3 {
        let (wall, cpu) = (Instant::now(), cpu_time());
        let list = file.read()?;
        let (wall, cpu) = (wall.elapsed().as_millis(), (cpu_time() - cpu).as_millis());
        println!("revocation/read/whole: {} entries in {wall} ms, {cpu} ms computing", list.len());
    }
    let mut group = criterion.benchmark_group("revocation/read");
    group.sample_size(10);
    let mut follower = RevocationFollower::open(file.path(), Instant::now())?;
    assert_eq!(follower.revocations().len(), 1_000_000);
    group.bench_function("unchanged", |bencher| bencher.iter(|| follower.poll(Instant::now())));
    let mut index = ENTRIES;
    // Durable on disk, and noticed.
    group.bench_function("appended", |bencher| {
        bencher.iter(|| {
            index += 1;
            file.append(&[entry(index)]).map(|_| follower.poll(Instant::now()))
        });
    });
    assert_eq!(follower.revocations().len() > 1_000_000, index > ENTRIES);
    group.finish();
    Ok(())
}
