//! What a password costs, and whether the time of a refusal tells an unknown name from a wrong password.
//!
//! Not Criterion: both are statements about many measurements taken in turn. `--measurement-time SECONDS`
//! says how long each takes (default 10).

#![expect(
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::print_stdout,
    reason = "a bench stops on what is refused, and says what it compared"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis::authn::basic::{
    FileAuthenticator, HashPool, HashedPasswords, PasswordFile, PasswordHash, PasswordRow,
    PoolLimits,
};
use portcullis::authn::{PasswordAttempt, PasswordAuthenticator, ReservedNames, Secret};
use portcullis::model::User;

/// Users of the file; more would change nothing but the size of a hash table.
const USERS: usize = 20;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let seconds = args.iter().position(|arg| arg == "--measurement-time");
    let seconds = seconds.and_then(|at| args.get(at + 1)).and_then(|text| text.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(10));

    let argon2id = argon2id();
    equal("argon2id m=19456,t=2,p=1", &argon2id, time);
    // Cheap hashes show what the table and the pool cost around them, and so any difference best.
    equal("bcrypt 4", BCRYPT, time);
    throughput(&argon2id, time);
}

/// `password`, with the least cost there is.
const BCRYPT: &str = "$2a$04$UuTkLRZZ6QofpDOlMz32MuuxEHA43WOemOYHPz6.SjsVsyO1tDU96";

fn argon2id() -> String {
    let hash = PasswordHash::of(&Secret::new("password".to_owned())).unwrap();
    hash.expose_text().to_owned()
}

fn users(hash: &str) -> PasswordFile {
    let mut rows = HashedPasswords::default();
    for index in 0..USERS {
        let user = User::new(format!("user-{index}")).with_groups(["dev"]);
        rows.set(PasswordRow::new(user, PasswordHash::parse(hash).unwrap(), None).unwrap());
    }
    PasswordFile::from_hashed("users", &rows.expose_text(), ReservedNames::Refuse).unwrap().0
}

fn attempt<'a>(name: &'a str, password: &'a str) -> PasswordAttempt<'a> {
    PasswordAttempt { name, password, source: None, now: 0 }
}

/// Measures both in turn, in an order that changes, and compares their means by Welch's t: beyond 4.5 in either
/// direction they differ, as tests of constant time have it.
fn equal(kind: &str, hash: &str, time: Duration) {
    let file = users(hash);
    let measure = |name: &str| {
        let start = Instant::now();
        let outcome = file.check(attempt(name, black_box("wrong password")));
        let took = start.elapsed();
        // A known name is refused, an unknown one is nobody's.
        assert_eq!(outcome.is_err(), name.starts_with("user-"));
        took.as_secs_f64() * 1e6
    };
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    let begin = Instant::now();
    while begin.elapsed() < time || known.len() < 30 {
        let index = known.len();
        let (a, b) = (format!("user-{}", index % USERS), format!("none-{}", index % USERS));
        if index.is_multiple_of(2) {
            known.push(measure(&a));
            unknown.push(measure(&b));
        } else {
            unknown.push(measure(&b));
            known.push(measure(&a));
        }
    }
    // Interruptions of the machine are in the slowest tenth of each.
    let (known, unknown) = (Sample::of(known), Sample::of(unknown));
    let t = (known.mean - unknown.mean) / (known.error.powi(2) + unknown.error.powi(2)).sqrt();
    println!("refusal/{kind}: wrong password {known}, unknown user {unknown}, t = {t:.2}");
}

struct Sample {
    count: usize,
    mean: f64,
    /// The standard error of the mean.
    error: f64,
}

impl Sample {
    fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        times.truncate(times.len() * 9 / 10);
        let count = times.len() as f64;
        let mean = times.iter().sum::<f64>() / count;
        let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        Self { count: times.len(), mean, error: (variance / count).sqrt() }
    }
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} ± {:.2} µs (n = {})", self.mean, self.error, self.count)
    }
}

/// Log-ins a second through the pool, with more clients than places, and how many are told to come again.
fn throughput(hash: &str, time: Duration) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for parallel in [1, cores, cores * 4] {
        let pool = Arc::new(HashPool::new(PoolLimits::parallel(parallel)));
        let file = Arc::new(FileAuthenticator::new(users(hash), pool));
        let (done, busy, took) = runtime.block_on(async {
            let begin = Instant::now();
            let clients = (0..parallel * 32).map(|_| {
                let file = Arc::clone(&file);
                tokio::spawn(async move {
                    let (mut done, mut busy) = (0_u64, 0_u64);
                    while begin.elapsed() < time {
                        match file.authenticate(attempt("user-1", "password")).await {
                            Ok(found) => done += u64::from(found.is_some()),
                            Err(_) => {
                                busy += 1;
                                tokio::time::sleep(Duration::from_millis(10)).await;
                            }
                        }
                    }
                    (done, busy)
                })
            });
            let clients: Vec<_> = clients.collect();
            let (mut done, mut busy) = (0, 0);
            for client in clients {
                let (some, others) = client.await.unwrap();
                (done, busy) = (done + some, busy + others);
            }
            (done, busy, begin.elapsed())
        });
        assert!(done > 0);
        let rate = done as f64 / took.as_secs_f64();
        println!(
            "log-in/argon2id/{parallel} at once of {cores} cores: {rate:.1} a second, {busy} told to come again"
        );
    }
}
