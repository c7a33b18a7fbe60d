//! Everything goes wrong, in any order, while a writer changes bindings and a reader asks: no answer is one
//! that no version gives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use portcullis::snapshot::Snapshot;
use serde_json::json;

use super::harness::{Policy, World, binding, eventually, may, server, tuning};
use crate::support::apiserver::{ApiServer, Fault};

const BINDINGS: &str = "rolebindings";

/// Numbers from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// What the writer has done, and the reader may know.
#[derive(Default)]
struct Written {
    /// The newest generation, before it is written.
    newest: AtomicU64,
    is_over: AtomicBool,
}

/// In every version:
/// - `always` is bound by one of the bindings `roll-<n>`: the next is created before the last is deleted;
/// - the binding `swap` binds one of `left` and `right`;
/// - the binding `generation` binds one of `generation-<n>`, and `n` grows;
/// - `never` is bound to a role that there is not.
fn writer(server: &ApiServer, random: &mut Random, written: &Written, steps: u64) {
    for step in 1..=steps {
        match random.below(4) {
            0 => {
                let side = if random.below(2) == 0 { "left" } else { "right" };
                server.put(binding("swap", side));
            }
            1 => {
                let newest = written.newest.fetch_add(1, Ordering::SeqCst) + 1;
                server.put(binding("generation", &format!("generation-{newest}")));
            }
            2 => {
                server.put(binding(&format!("roll-{step}"), "always"));
                for old in server.list("RoleBinding") {
                    let name = old["metadata"]["name"].as_str().unwrap();
                    if name.starts_with("roll-") && name != format!("roll-{step}") {
                        server.delete("RoleBinding", "shop", name);
                    }
                }
            }
            _ => {
                let mut garbled = binding("garbled", "garbled");
                if random.below(2) == 0 {
                    garbled["subjects"] = json!([{"kind": ["User"], "name": "garbled"}]);
                }
                server.put(garbled);
            }
        }
        if random.below(3) == 0 {
            trouble(server, random);
        }
        thread::sleep(Duration::from_micros(random.below(3000)));
    }
}

/// One thing that goes wrong.
fn trouble(server: &ApiServer, random: &mut Random) {
    let bytes = usize::try_from(random.below(900)).unwrap();
    let pause = Duration::from_micros(random.below(2000));
    match random.below(21) {
        0 => server.inject_continued(BINDINGS, 1, Fault::expired_continue()),
        1 => server.inject("watch", BINDINGS, 1, Fault::gone()),
        2 => server.inject("watch", BINDINGS, 1, Fault::too_large()),
        3 => server.inject("watch", BINDINGS, 1, Fault::gone_event()),
        4 => server.inject("list", BINDINGS, 1, Fault::internal()),
        5 => server.inject("watch", BINDINGS, 1, Fault::too_many_requests(0)),
        6 => server.inject("list", BINDINGS, 1, Fault::CutAfter(bytes)),
        7 => server.inject("watch", BINDINGS, 1, Fault::CutAfter(bytes)),
        8 => server.inject("list", BINDINGS, 1, Fault::Slow(300, pause)),
        9 => server.inject("watch", BINDINGS, 1, Fault::NoAnswer),
        10 => server.disturb(BINDINGS, Fault::Slow(100, pause)),
        11 => server.disturb(BINDINGS, Fault::Cut),
        12 => server.disturb(BINDINGS, Fault::End),
        13 => server.disturb(BINDINGS, Fault::CutInNextEvent(bytes)),
        14 => server.disturb(BINDINGS, Fault::garbage()),
        15 => server.disturb(BINDINGS, Fault::gone_event()),
        16 => server.disturb(BINDINGS, Fault::Mute),
        17 => server.compact(BINDINGS),
        18 => server.cut(),
        19 => server.inject("watch", BINDINGS, 1, Fault::internal_event()),
        _ => server.bookmark(),
    }
}

fn reader(policy: &Policy, written: &Written) -> u64 {
    let mut seen = 0;
    let mut looked = 0;
    loop {
        let is_last = written.is_over.load(Ordering::SeqCst);
        let snapshot = policy.live().snapshot();
        seen = check(&snapshot, seen, written.newest.load(Ordering::SeqCst));
        looked += 1;
        if is_last {
            return looked;
        }
        thread::sleep(Duration::from_micros(200));
    }
}

/// The generation that this version says.
fn check(snapshot: &Snapshot, seen: u64, newest: u64) -> u64 {
    let get = |name: &str| may(snapshot, name, "get");
    assert!(get("always"), "bound in every version");
    assert!(!get("never"), "bound in none");
    assert!(get("left") != get("right"), "exactly one is bound in every version");
    let found = (0..=newest).filter(|number| get(&format!("generation-{number}")));
    let found: Vec<u64> = found.collect();
    match found.as_slice() {
        [one] => {
            assert!(*one >= seen, "generation {one} after {seen}");
            *one
        }
        others => panic!("not one version: {others:?}"),
    }
}

async fn run(seed: u64, steps: u64) {
    let server = server();
    server.bookmark_every(Duration::from_millis(30));
    server.put(binding("roll-0", "always"));
    server.put(binding("swap", "left"));
    server.put(binding("generation", "generation-0"));
    let mut never = binding("never", "never");
    never["roleRef"]["name"] = "nothing".into();
    server.put(never);
    let mut tuning = tuning();
    tuning.silence = Duration::from_millis(100);
    let world = World::start(server, tuning).await;
    let written = Arc::new(Written::default());
    let reading = {
        let (policy, written) = (Arc::clone(&world.policy), Arc::clone(&written));
        thread::spawn(move || reader(&policy, &written))
    };
    let writing = {
        let (server, written) = (Arc::clone(&world.server), Arc::clone(&written));
        thread::spawn(move || writer(&server, &mut Random(seed), &written, steps))
    };
    eventually("the writer", || writing.is_finished() || reading.is_finished()).await;
    assert!(!reading.is_finished(), "seed {seed}: {:?}", reading.join());
    writing.join().unwrap();
    world.server.clear_faults();
    world.settle().await;
    world.goes_on().await;
    written.is_over.store(true, Ordering::SeqCst);
    let looked = reading.join().unwrap_or_else(|_| panic!("seed {seed}"));
    assert!(looked > 100, "seed {seed}: the reader looked {looked} times");
}

/// `PORTCULLIS_SEED` runs one seed, the printed one of a failure.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_is_one_that_no_version_gives_whatever_goes_wrong() {
    let chosen = std::env::var("PORTCULLIS_SEED").ok().map(|seed| seed.parse().unwrap());
    let seeds = chosen.map_or(1..=4, |seed: u64| seed..=seed);
    for seed in seeds {
        eprintln!("PORTCULLIS_SEED={seed}");
        run(seed, 300).await;
    }
}
