use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Semaphore;
use tokio::task::yield_now;

use super::*;
use crate::authn::Authenticated;
use crate::model::User;

#[derive(Debug, Clone, thiserror::Error)]
#[error("bad signature")]
struct Bad;

/// Counts what it is asked, and can be made to wait.
struct Source {
    asked: AtomicUsize,
    /// Look-ups pass one permit each; closed doors are ones without permits.
    door: Semaphore,
    panics: AtomicBool,
    expires: Option<UnixSeconds>,
    /// Told apart after a replacement.
    name: &'static str,
}

impl Source {
    fn open() -> Arc<Self> {
        Self::with(Semaphore::MAX_PERMITS, None, "a")
    }

    fn closed() -> Arc<Self> {
        Self::with(0, None, "a")
    }

    fn with(permits: usize, expires: Option<UnixSeconds>, name: &'static str) -> Arc<Self> {
        Arc::new(Self {
            asked: AtomicUsize::new(0),
            door: Semaphore::new(permits),
            panics: AtomicBool::new(false),
            expires,
            name,
        })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Waits until so many look-ups began.
    async fn until_asked(&self, times: usize) {
        while self.asked() < times {
            yield_now().await;
        }
    }
}

impl TokenLookup for Source {
    fn look_up<'a>(&'a self, attempt: Attempt<'a>) -> Finding<'a> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.door.acquire().await.unwrap().forget();
            assert!(!self.panics.load(Ordering::SeqCst), "the look-up breaks");
            match attempt.token {
                "bad" => Err(AuthnError::new(Bad)),
                "unknown" => Ok(None),
                name => Ok(Some(Arc::new(Proof {
                    authenticated: Authenticated {
                        user: User::new(name),
                        audiences: attempt.audiences.to_vec(),
                        expires: self.expires,
                    },
                    authenticator: self.name.into(),
                }))),
            }
        })
    }
}

fn cache(source: &Arc<Source>) -> Arc<TokenCache> {
    with(source, CacheConfig::default())
}

fn with(source: &Arc<Source>, config: CacheConfig) -> Arc<TokenCache> {
    let look_up: Arc<dyn TokenLookup> = Arc::<Source>::clone(source);
    Arc::new(TokenCache::new(look_up, config).unwrap())
}

async fn ask(cache: &TokenCache, token: &str, now: UnixSeconds) -> (CacheUse, Found) {
    cache.find(Attempt { token, audiences: &[], now }).await
}

async fn used(cache: &TokenCache, token: &str, now: UnixSeconds) -> CacheUse {
    ask(cache, token, now).await.0
}

/// A request in a task of its own, which has reached the look-up once it returns.
async fn begun(
    cache: &Arc<TokenCache>,
    source: &Source,
    token: &'static str,
) -> tokio::task::JoinHandle<(CacheUse, Found)> {
    let (cache, before) = (Arc::clone(cache), source.asked());
    let task = tokio::spawn(async move { ask(&cache, token, 0).await });
    source.until_asked(before + 1).await;
    task
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_requests_with_one_token_are_one_look_up() {
    let source = Source::closed();
    let cache = cache(&source);
    let mut first = vec![begun(&cache, &source, "jane").await];
    for _ in 1..100 {
        let cache = Arc::clone(&cache);
        first.push(tokio::spawn(async move { ask(&cache, "jane", 0).await }));
    }
    // All of them must be waiting before the door opens, or they would be hits.
    while watchers(&cache) < 100 {
        yield_now().await;
    }
    source.door.add_permits(1);
    let mut joined = 0;
    for task in first {
        let (used, found) = task.await.unwrap();
        assert_eq!(found.unwrap().unwrap().authenticated.user.name, "jane");
        joined += usize::from(used == CacheUse::Joined);
    }
    assert_eq!((source.asked(), joined), (1, 99));
    assert_eq!(used(&cache, "jane", 0).await, CacheUse::Hit);
    assert_eq!(cache.shared.state().flights.len(), 0);
}

/// How many requests wait for look-ups.
fn watchers(cache: &TokenCache) -> usize {
    let state = cache.shared.state();
    state.flights.values().map(Flight::waiting).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn different_tokens_under_load_are_looked_up_once_each() {
    let source = Source::open();
    let cache = cache(&source);
    let mut tasks = Vec::new();
    for number in 0..400 {
        let cache = Arc::clone(&cache);
        tasks.push(tokio::spawn(async move {
            let token = format!("user-{}", number % 20);
            let (_, found) = ask(&cache, &token, 0).await;
            assert_eq!(found.unwrap().unwrap().authenticated.user.name, token);
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!((source.asked(), cache.len()), (20, 20));
}

#[tokio::test]
async fn a_first_request_that_goes_away_neither_ends_nor_sticks_the_look_up() {
    let source = Source::closed();
    let cache = cache(&source);
    let first = begun(&cache, &source, "jane").await;
    let second = tokio::spawn({
        let cache = Arc::clone(&cache);
        async move { ask(&cache, "jane", 0).await }
    });
    while watchers(&cache) < 2 {
        yield_now().await;
    }
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    source.door.add_permits(1);
    let (used_by_second, found) = second.await.unwrap();
    assert_eq!(used_by_second, CacheUse::Joined);
    assert!(found.unwrap().is_some());
    assert_eq!(used(&cache, "jane", 0).await, CacheUse::Hit);
    assert_eq!(source.asked(), 1);
}

#[tokio::test]
async fn a_look_up_that_everybody_left_is_still_kept() {
    let source = Source::closed();
    let cache = cache(&source);
    begun(&cache, &source, "jane").await.abort();
    source.door.add_permits(1);
    while cache.is_empty() {
        yield_now().await;
    }
    assert_eq!(used(&cache, "jane", 0).await, CacheUse::Hit);
}

#[tokio::test]
async fn errors_are_told_and_never_kept() {
    let source = Source::open();
    let cache = with(&source, CacheConfig { no_seconds: 60, ..CacheConfig::default() });
    for asked in 1..=3 {
        let (used, found) = ask(&cache, "bad", 0).await;
        assert_eq!(
            (used, found.unwrap_err().to_string().as_str()),
            (CacheUse::Miss, "bad signature")
        );
        assert_eq!((source.asked(), cache.len()), (asked, 0));
    }
}

#[tokio::test]
async fn a_yes_is_kept_for_ten_seconds_and_a_no_not_at_all() {
    let source = Source::open();
    let cache = cache(&source);
    assert_eq!(used(&cache, "jane", 100).await, CacheUse::Miss);
    assert_eq!(used(&cache, "jane", 100).await, CacheUse::Hit);
    assert_eq!(used(&cache, "jane", 109).await, CacheUse::Hit);
    assert_eq!(used(&cache, "jane", 110).await, CacheUse::Miss);
    for _ in 0..2 {
        let (used, found) = ask(&cache, "unknown", 100).await;
        assert_eq!((used, found.unwrap()), (CacheUse::Miss, None));
    }
}

#[tokio::test]
async fn a_no_is_kept_for_its_own_time_when_it_has_one() {
    let source = Source::open();
    let config = CacheConfig { yes_seconds: 0, no_seconds: 5, ..CacheConfig::default() };
    let cache = with(&source, config);
    assert_eq!(used(&cache, "unknown", 0).await, CacheUse::Miss);
    let (used_again, found) = ask(&cache, "unknown", 4).await;
    assert_eq!((used_again, found.unwrap()), (CacheUse::Hit, None));
    assert_eq!(used(&cache, "unknown", 5).await, CacheUse::Miss);
    for _ in 0..2 {
        assert_eq!(used(&cache, "jane", 0).await, CacheUse::Miss);
    }
}

#[tokio::test]
async fn nothing_is_kept_past_the_end_of_the_credential() {
    let source = Source::with(Semaphore::MAX_PERMITS, Some(103), "a");
    let cache = cache(&source);
    assert_eq!(used(&cache, "jane", 100).await, CacheUse::Miss);
    assert_eq!(used(&cache, "jane", 102).await, CacheUse::Hit);
    assert_eq!(used(&cache, "jane", 103).await, CacheUse::Miss);
}

#[tokio::test]
async fn who_joins_after_the_end_of_the_credential_is_refused() {
    let source = Source::with(0, Some(103), "a");
    let cache = cache(&source);
    let first = begun(&cache, &source, "jane").await;
    let late = tokio::spawn({
        let cache = Arc::clone(&cache);
        async move { ask(&cache, "jane", 103).await }
    });
    while watchers(&cache) < 2 {
        yield_now().await;
    }
    source.door.add_permits(1);
    assert!(first.await.unwrap().1.unwrap().is_some());
    let (used, found) = late.await.unwrap();
    assert_eq!(used, CacheUse::Joined);
    assert_eq!(found.unwrap_err().to_string(), "the credential has expired");
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_lengthen_what_is_kept() {
    let source = Source::open();
    let cache = cache(&source);
    assert_eq!(used(&cache, "jane", 1_000).await, CacheUse::Miss);
    assert_eq!(used(&cache, "jane", 500).await, CacheUse::Miss);
    assert_eq!(used(&cache, "jane", 500).await, CacheUse::Hit);
    assert_eq!(used(&cache, "jane", 1_005).await, CacheUse::Miss);
}

#[tokio::test]
async fn a_flush_forgets_what_is_kept() {
    let source = Source::open();
    let cache = cache(&source);
    assert_eq!(used(&cache, "jane", 0).await, CacheUse::Miss);
    cache.flush();
    assert!(cache.is_empty());
    assert_eq!(used(&cache, "jane", 0).await, CacheUse::Miss);
    assert_eq!(used(&cache, "jane", 0).await, CacheUse::Hit);
}

#[tokio::test]
async fn a_look_up_that_a_flush_overtakes_is_not_kept_and_not_joined() {
    let source = Source::closed();
    let cache = cache(&source);
    let before = begun(&cache, &source, "jane").await;
    cache.flush();
    // The next one does not join the old look-up: it begins its own.
    let after = begun(&cache, &source, "jane").await;
    assert_eq!(source.asked(), 2);
    source.door.add_permits(1);
    let (used_before, found) = before.await.unwrap();
    assert_eq!(used_before, CacheUse::Miss);
    assert!(found.unwrap().is_some());
    assert!(cache.is_empty(), "the old answer came back");
    // The end of the old one did not take the new one down.
    assert_eq!(cache.shared.state().flights.len(), 1);
    source.door.add_permits(1);
    assert_eq!(after.await.unwrap().0, CacheUse::Miss);
    assert_eq!(used(&cache, "jane", 0).await, CacheUse::Hit);
}

#[tokio::test]
async fn after_a_replacement_the_new_one_answers() {
    let (old, new) = (Source::closed(), Source::with(1, None, "b"));
    let cache = cache(&old);
    let before = begun(&cache, &old, "jane").await;
    cache.replace(Arc::<Source>::clone(&new));
    let by = |found: Found| found.unwrap().unwrap().authenticator.to_string();
    assert_eq!(by(ask(&cache, "jane", 0).await.1), "b");
    old.door.add_permits(1);
    assert_eq!(by(before.await.unwrap().1), "a");
    let (used, found) = ask(&cache, "jane", 0).await;
    assert_eq!((used, by(found).as_str()), (CacheUse::Hit, "b"));
    assert_eq!((old.asked(), new.asked()), (1, 1));
}

#[tokio::test]
async fn a_panic_fails_who_waits_and_nobody_later() {
    let source = Source::closed();
    let cache = cache(&source);
    let first = begun(&cache, &source, "jane").await;
    source.panics.store(true, Ordering::SeqCst);
    source.door.add_permits(1);
    let (_, found) = first.await.unwrap();
    assert_eq!(
        found.unwrap_err().to_string(),
        "the look-up of the token failed; see the server's log"
    );
    source.panics.store(false, Ordering::SeqCst);
    source.door.add_permits(1);
    let (used, found) = ask(&cache, "jane", 0).await;
    assert_eq!(used, CacheUse::Miss);
    assert!(found.unwrap().is_some());
}

#[tokio::test]
async fn a_look_up_has_its_time_and_no_more() {
    let source = Source::closed();
    let config = CacheConfig { look_up_time: Duration::from_millis(20), ..CacheConfig::default() };
    let cache = with(&source, config);
    let (_, found) = ask(&cache, "jane", 0).await;
    assert_eq!(found.unwrap_err().to_string(), "the look-up of the token took longer than 20ms");
    source.door.add_permits(1);
    assert!(ask(&cache, "jane", 0).await.1.unwrap().is_some());
}

#[tokio::test]
async fn no_more_look_ups_than_allowed_are_under_way() {
    let source = Source::closed();
    let cache = with(&source, CacheConfig { look_ups: 1, ..CacheConfig::default() });
    let first = begun(&cache, &source, "jane").await;
    let (_, found) = ask(&cache, "joe", 0).await;
    assert_eq!(found.unwrap_err().to_string(), "too many tokens are being looked up; try again");
    source.door.add_permits(2);
    assert!(first.await.unwrap().1.unwrap().is_some());
    assert!(ask(&cache, "joe", 0).await.1.unwrap().is_some());
}

#[tokio::test]
async fn answers_for_other_audiences_are_other_answers() {
    let source = Source::open();
    let cache = cache(&source);
    for audiences in [&[][..], &["a"], &["b"], &["a", "b"], &["ab"], &["b", "a"], &[""]] {
        let audiences: Vec<String> = audiences.iter().map(|text| (*text).to_owned()).collect();
        for expected in [CacheUse::Miss, CacheUse::Hit] {
            let attempt = Attempt { token: "jane", audiences: &audiences, now: 0 };
            let (used, found) = cache.find(attempt).await;
            assert_eq!(used, expected, "{audiences:?}");
            assert_eq!(found.unwrap().unwrap().authenticated.audiences, audiences);
        }
    }
    // The border between token and audiences counts, too.
    let shifted = [String::from("e")];
    let attempt = Attempt { token: "jan", audiences: &shifted, now: 0 };
    assert_eq!(cache.find(attempt).await.0, CacheUse::Miss);
}

#[tokio::test]
async fn the_size_is_bounded() {
    let source = Source::open();
    let cache = with(&source, CacheConfig { capacity: 100, ..CacheConfig::default() });
    for number in 0..1_000 {
        ask(&cache, &format!("user-{number}"), 0).await.1.unwrap();
    }
    assert!(cache.len() <= 128, "{}", cache.len());
}

#[tokio::test]
async fn debug_shows_sizes_and_no_token() {
    let cache = cache(&Source::open());
    ask(&cache, "hunter2", 0).await.1.unwrap();
    assert_eq!(
        format!("{cache:?}"),
        "TokenCache { config: CacheConfig { capacity: 10000, yes_seconds: 10, no_seconds: 0, \
         look_up_time: 30s, look_ups: 1000 }, len: 1, .. }"
    );
}

/// `cargo test --release --features webhook --lib cache_hit -- --ignored --nocapture`
#[tokio::test]
#[ignore = "a measurement"]
async fn cache_hit_time() {
    let source = Source::open();
    let cache = cache(&source);
    let (short, long) = ("x".repeat(64), "x".repeat(900));
    let audiences = ["https://kubernetes.default.svc".to_owned()];
    for (name, token) in [("64 bytes", &*short), ("900 bytes", &*long)] {
        let attempt = Attempt { token, audiences: &audiences, now: 0 };
        cache.find(attempt).await.1.unwrap();
        let rounds = 200_000_u32;
        let began = std::time::Instant::now();
        for _ in 0..rounds {
            let (used, _) = cache.find(attempt).await;
            assert_eq!(used, CacheUse::Hit);
        }
        println!("{name}: {:?} a hit", began.elapsed() / rounds);
    }
}

#[tokio::test]
async fn the_furthest_times_that_there_are_overflow_nothing() {
    let source = Source::with(Semaphore::MAX_PERMITS, None, "a");
    let cache = cache(&source);
    for now in [UnixSeconds::MAX, UnixSeconds::MIN, UnixSeconds::MAX - 5, 0] {
        assert_eq!(used(&cache, "jane", now).await, CacheUse::Miss, "{now}");
    }
}

#[tokio::test]
async fn what_is_picked_is_forgotten_and_the_rest_is_kept() {
    let source = Source::open();
    let cache = with(&source, CacheConfig { no_seconds: 10, ..CacheConfig::default() });
    for token in ["jane", "joe", "unknown"] {
        assert_eq!(used(&cache, token, 0).await, CacheUse::Miss);
        assert_eq!(used(&cache, token, 1).await, CacheUse::Hit);
    }
    cache.forget(|proof| proof.is_some_and(|proof| proof.authenticated.user.name == "jane"));
    assert_eq!(used(&cache, "jane", 1).await, CacheUse::Miss);
    for token in ["jane", "joe", "unknown"] {
        assert_eq!(used(&cache, token, 1).await, CacheUse::Hit);
    }
    cache.forget(|proof| proof.is_none());
    assert_eq!(used(&cache, "unknown", 1).await, CacheUse::Miss);
    assert_eq!(used(&cache, "joe", 1).await, CacheUse::Hit);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_when_something_is_forgotten_is_neither_kept_nor_joined() {
    let source = Source::closed();
    let cache = with(&source, CacheConfig { look_ups: 1, ..CacheConfig::default() });
    let first = begun(&cache, &source, "jane").await;
    // Whom it will be about is not known yet, so nothing need be picked.
    cache.forget(|_| false);
    let second = begun(&cache, &source, "jane").await;
    // It goes on counting: nobody gets past the limit by it.
    let (_, busy) = ask(&cache, "joe", 0).await;
    assert!(busy.unwrap_err().to_string().contains("too many"));
    source.door.add_permits(2);
    for task in [first, second] {
        assert!(matches!(task.await.unwrap(), (CacheUse::Miss, Ok(Some(_)))));
    }
    // Only what began after the change is kept.
    assert_eq!(used(&cache, "jane", 1).await, CacheUse::Hit);
    let again = begun(&cache, &source, "joe").await;
    cache.forget(|_| false);
    source.door.add_permits(1);
    assert!(again.await.unwrap().1.unwrap().is_some());
    source.door.add_permits(1);
    assert_eq!(used(&cache, "joe", 1).await, CacheUse::Miss);
}
