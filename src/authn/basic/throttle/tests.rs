use super::*;

const HERE: &str = "192.0.2.1";
const THERE: &str = "198.51.100.7";

struct World(Arc<Throttle>);

impl World {
    fn new() -> Self {
        Self::with(ThrottleConfig::default())
    }

    fn with(config: ThrottleConfig) -> Self {
        Self(Arc::new(Throttle::new(config).unwrap()))
    }

    fn admit(&self, name: &str, source: &str, now: UnixSeconds) -> Result<Admission, Throttled> {
        self.0.admit(name, source.parse().ok(), now)
    }

    /// A failure, which must be let through.
    #[track_caller]
    fn fail(&self, name: &str, source: &str, now: UnixSeconds) {
        self.admit(name, source, now).unwrap().failed(now);
    }

    #[track_caller]
    fn succeed(&self, name: &str, source: &str, now: UnixSeconds) {
        self.admit(name, source, now).unwrap().succeeded(now);
    }

    /// Which budget is used up, and for how long.
    #[track_caller]
    fn refused(&self, name: &str, source: &str, now: UnixSeconds) -> (ThrottleScope, u32) {
        let Throttled { scope, retry_after } = self.admit(name, source, now).unwrap_err();
        (scope, retry_after)
    }

    /// So many failures at once at one user, of sources that fail four times each.
    #[track_caller]
    fn fail_from_many(&self, name: &str, failures: u32, now: UnixSeconds) {
        for index in 0..failures {
            let [.., high, low] = (index / 4).to_be_bytes();
            self.fail(name, &format!("10.9.{high}.{low}"), now);
        }
    }

    /// Five minutes of a hundred machines who come again whenever they are told to.
    fn attack(&self, name: &str, until: UnixSeconds) {
        let mut due = [0; 100];
        for now in until - 300..=until {
            for (index, due) in due.iter_mut().enumerate().filter(|(_, due)| **due <= now) {
                match self.admit(name, &format!("10.0.0.{index}"), now) {
                    Ok(admission) => admission.failed(now),
                    Err(Throttled { retry_after, .. }) => *due = now + i64::from(retry_after),
                }
            }
        }
    }
}

// ---- one source at one user ---------------------------------------------------------------------

#[test]
fn five_failures_lock_the_pair_and_nobody_else() {
    let world = World::new();
    for _ in 0..5 {
        world.fail("jane", HERE, 100);
    }
    assert_eq!(world.refused("jane", HERE, 100), (ThrottleScope::Pair, 2));
    world.succeed("jane", THERE, 100);
    world.succeed("joe", HERE, 100);
}

#[test]
fn a_lock_doubles_with_each_failure_up_to_the_longest_and_ends_by_itself() {
    let world = World::new();
    for _ in 0..4 {
        world.fail("jane", HERE, 0);
    }
    let mut now = 0;
    for lock in [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900] {
        world.fail("jane", HERE, now);
        assert_eq!(world.refused("jane", HERE, now), (ThrottleScope::Pair, lock));
        now += i64::from(lock) - 1;
        assert_eq!(world.refused("jane", HERE, now), (ThrottleScope::Pair, 1));
        now += 1;
    }
    world.succeed("jane", HERE, now);
}

#[test]
fn a_success_ends_the_count_and_an_hour_without_a_failure_does_and_less_does_not() {
    let world = World::new();
    for _ in 0..4 {
        world.fail("jane", HERE, 0);
    }
    world.succeed("jane", HERE, 0);
    for _ in 0..4 {
        world.fail("jane", HERE, 0);
    }
    // Nearly an hour later the fifth locks.
    world.fail("jane", HERE, 3_599);
    assert_eq!(world.refused("jane", HERE, 3_599).0, ThrottleScope::Pair);
    // An hour after that the count begins anew.
    for _ in 0..4 {
        world.fail("jane", HERE, 3_599 + 3_600);
    }
    world.succeed("jane", HERE, 3_599 + 3_600);
}

#[test]
fn only_failures_count() {
    let world = World::new();
    for _ in 0..1_000 {
        world.succeed("jane", HERE, 100);
        world.admit("jane", THERE, 100).unwrap().undecided(100);
    }
    world.succeed("joe", HERE, 100);
}

#[test]
fn twenty_at_once_are_let_through_and_after_a_failure_one_at_a_time() {
    let world = World::new();
    let at_once: Vec<_> = (0..20).map(|_| world.admit("jane", HERE, 100).unwrap()).collect();
    assert_eq!(world.refused("jane", HERE, 100), (ThrottleScope::Pair, 1));
    at_once.into_iter().for_each(|admission| admission.succeeded(100));
    world.fail("jane", HERE, 100);
    let one = world.admit("jane", HERE, 100).unwrap();
    assert_eq!(world.refused("jane", HERE, 100), (ThrottleScope::Pair, 1));
    one.succeeded(100);
    world.succeed("jane", HERE, 100);
}

#[test]
fn an_admission_that_is_dropped_is_a_failure() {
    let world = World::new();
    for _ in 0..5 {
        drop(world.admit("jane", HERE, 100));
    }
    assert_eq!(world.refused("jane", HERE, 100), (ThrottleScope::Pair, 2));
}

#[test]
fn spellings_that_a_directory_takes_for_one_name_share_a_budget() {
    let world = World::new();
    for name in ["jane", "ＪANE", "ⓙäne ", " ja\u{ad} ne", "j\u{a0}ªne"] {
        world.fail(name, HERE, 100);
    }
    assert_eq!(world.refused("jAnE", HERE, 100).0, ThrottleScope::Pair);
    world.succeed("janet", HERE, 100);
}

#[test]
fn a_clock_that_is_set_back_locks_nobody_for_longer() {
    let world = World::new();
    for _ in 0..5 {
        world.fail("jane", HERE, 1_000_000);
    }
    assert_eq!(world.refused("jane", HERE, 0), (ThrottleScope::Pair, 2));
    let world = World::new();
    for user in 0..30 {
        world.fail(&format!("user {user}"), HERE, 1_000_000);
    }
    assert_eq!(world.refused("jane", HERE, 0), (ThrottleScope::Source, 10));
}

// ---- one source at all users --------------------------------------------------------------------

#[test]
fn thirty_failures_at_whatever_names_use_up_a_source_and_one_comes_back_in_ten_seconds() {
    let world = World::new();
    for user in 0..30 {
        world.fail(&format!("user {user}"), HERE, 100);
    }
    assert_eq!(world.refused("jane", HERE, 100), (ThrottleScope::Source, 10));
    assert_eq!(world.refused("jane", HERE, 109), (ThrottleScope::Source, 1));
    world.succeed("jane", THERE, 109);
    world.fail("jane", HERE, 110);
    assert_eq!(world.refused("joe", HERE, 110), (ThrottleScope::Source, 10));
    // All of it in five minutes.
    for user in 0..30 {
        world.fail(&format!("another {user}"), HERE, 110 + 300);
    }
}

#[test]
fn who_has_logged_in_from_a_source_is_not_locked_out_by_a_neighbour_but_by_own_failures() {
    let world = World::new();
    world.succeed("jane", HERE, 0);
    for user in 0..30 {
        world.fail(&format!("user {user}"), HERE, 100);
    }
    assert_eq!(world.refused("joe", HERE, 100).0, ThrottleScope::Source);
    world.succeed("jane", HERE, 100);
    world.fail("jane", HERE, 100);
    assert_eq!(world.refused("jane", HERE, 100).0, ThrottleScope::Source);
}

#[test]
fn addresses_of_one_ipv6_network_are_one_source_and_a_mapped_one_is_ipv4() {
    let world = World::new();
    for host in 0..5 {
        world.fail("jane", &format!("2001:db8:0:1::{host:x}"), 100);
    }
    assert_eq!(world.refused("jane", "2001:db8:0:1:ffff::1", 100).0, ThrottleScope::Pair);
    world.succeed("jane", "2001:db8:0:2::1", 100);
    for _ in 0..5 {
        world.fail("joe", HERE, 100);
    }
    assert_eq!(world.refused("joe", "::ffff:192.0.2.1", 100).0, ThrottleScope::Pair);
    world.succeed("joe", "::ffff:192.0.2.2", 100);
}

// ---- one user from all sources ------------------------------------------------------------------

#[test]
fn under_attack_a_new_source_waits_once_and_a_known_one_does_not() {
    let world = World::new();
    world.succeed("jane", HERE, 0);
    world.fail_from_many("jane", 19, 1_000);
    world.fail("jane", "10.1.0.1", 1_000);
    // The twentieth: from now on new sources wait, and each failure doubles it.
    assert_eq!(world.refused("jane", THERE, 1_000), (ThrottleScope::User, 1));
    world.succeed("jane", HERE, 1_000);
    world.succeed("joe", THERE, 1_000);
    world.succeed("jane", THERE, 1_001);
    // Now it is known, too.
    world.attack("jane", 1_400);
    assert_eq!(world.refused("jane", "203.0.113.1", 1_400), (ThrottleScope::User, 60));
    world.succeed("jane", THERE, 1_400);
}

#[test]
fn an_attack_without_end_costs_a_new_source_a_minute_and_nobody_takes_its_turn() {
    let world = World::new();
    world.attack("jane", 1_300);
    let (scope, wait) = world.refused("jane", THERE, 1_300);
    assert_eq!((scope, wait), (ThrottleScope::User, 60));
    world.attack("jane", 1_359);
    assert_eq!(world.refused("jane", THERE, 1_359), (ThrottleScope::User, 1));
    world.attack("jane", 1_360);
    world.succeed("jane", THERE, 1_360);
    // And it is over soon after the attack is: ten failures beyond, at 30 s each.
    assert_eq!(world.refused("jane", "203.0.113.1", 1_360).0, ThrottleScope::User);
    assert_eq!(world.refused("jane", "203.0.113.2", 1_360 + 240).0, ThrottleScope::User);
    world.succeed("jane", "203.0.113.3", 1_360 + 330);
}

#[test]
fn a_wait_is_for_one_attempt_and_the_next_failure_waits_again() {
    let world = World::new();
    world.attack("jane", 1_000);
    let (_, wait) = world.refused("jane", THERE, 1_000);
    assert_eq!(wait, 60);
    assert_eq!(world.refused("jane", THERE, 1_020), (ThrottleScope::User, 40));
    world.fail("jane", THERE, 1_060);
    assert_eq!(world.refused("jane", THERE, 1_060).0, ThrottleScope::User);
    // Who does not come when it is time has to wait again.
    let world = World::new();
    world.attack("jane", 1_000);
    world.refused("jane", THERE, 1_000);
    world.attack("jane", 1_000 + 60 + 599);
    let later = 1_000 + 60 + 600;
    assert_eq!(world.refused("jane", THERE, later).0, ThrottleScope::User);
}

#[test]
fn without_a_source_all_are_one() {
    let world = World::new();
    for _ in 0..5 {
        world.0.admit("jane", None, 100).unwrap().failed(100);
    }
    assert_eq!(world.0.admit("jane", None, 100).unwrap_err().scope, ThrottleScope::Pair);
    world.0.admit("jane", None, 102).unwrap().succeeded(102);
    // Nobody is known by it.
    world.attack("jane", 1_000);
    assert_eq!(world.0.admit("jane", None, 1_000).unwrap_err().scope, ThrottleScope::User);
}

#[test]
fn where_a_user_logged_in_is_known_for_thirty_days_and_from_sixteen_places() {
    let day = 86_400;
    let world = World::new();
    world.succeed("jane", HERE, 0);
    world.attack("jane", 30 * day - 1);
    world.succeed("jane", HERE, 30 * day - 1);
    world.attack("jane", 61 * day);
    assert_eq!(world.refused("jane", HERE, 61 * day).0, ThrottleScope::User);

    let world = World::new();
    for place in 1..=17 {
        world.succeed("jane", &format!("192.0.2.{place}"), 0);
    }
    world.attack("jane", 1_000);
    world.succeed("jane", "192.0.2.2", 1_000);
    assert_eq!(world.refused("jane", "192.0.2.1", 1_000).0, ThrottleScope::User);
}

// ---- memory -------------------------------------------------------------------------------------

#[test]
fn names_that_somebody_makes_up_fill_nothing_and_push_out_no_lock() {
    let world = World::with(ThrottleConfig { capacity: 64, ..ThrottleConfig::default() });
    world.succeed("jane", THERE, 0);
    for _ in 0..5 {
        world.fail("jane", HERE, 1_000);
    }
    for index in 0..2_000_u32 {
        let [_, a, b, c] = index.to_be_bytes();
        let long = "x".repeat(256);
        world.fail(&format!("{long}{index}"), &format!("10.{a}.{b}.{c}"), 1_001);
        if index % 16 == 0 {
            // A lock that is tried against is not the one to go.
            assert_eq!(world.refused("jane", HERE, 1_001).0, ThrottleScope::Pair, "{index}");
        }
    }
    assert!(world.0.len() <= 3 * 64 + 1, "{}", world.0.len());
    world.succeed("jane", THERE, 1_001);
}

#[test]
fn records_that_are_over_make_room_first() {
    let world = World::with(ThrottleConfig { capacity: 8, ..ThrottleConfig::default() });
    for index in 0..8 {
        world.fail(&format!("user {index}"), &format!("10.0.0.{index}"), 0);
    }
    let now = 4_000;
    for _ in 0..5 {
        world.fail("jane", HERE, now);
    }
    for index in 0..7 {
        world.fail(&format!("new {index}"), &format!("10.0.1.{index}"), now);
    }
    assert_eq!(world.refused("jane", HERE, now).0, ThrottleScope::Pair);
    assert!(!world.0.state().pairs.is_crowded(now, 60));
}

#[test]
fn when_waits_cannot_be_kept_new_sources_are_let_in_without_one() {
    let world = World::with(ThrottleConfig { capacity: 64, ..ThrottleConfig::default() });
    for index in 0..2_000_u32 {
        let [.., high, low] = index.to_be_bytes();
        if let Ok(admission) = world.admit("jane", &format!("10.0.{high}.{low}"), 1_000) {
            admission.failed(1_000);
        }
    }
    world.succeed("jane", THERE, 1_000);
    // The pair's own lock is as it was.
    for _ in 0..5 {
        world.fail("jane", HERE, 1_000);
    }
    assert_eq!(world.refused("jane", HERE, 1_000).0, ThrottleScope::Pair);
}

#[test]
fn debug_shows_no_names() {
    let world = World::new();
    world.fail("jane", HERE, 100);
    let admission = world.admit("jane", HERE, 100).unwrap();
    let shown = format!("{:?} {admission:?}", world.0);
    assert!(!shown.contains("jane") && !shown.contains("[key]"), "{shown}");
    admission.undecided(100);
}
