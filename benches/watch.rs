//! How quickly and how closely a policy follows a cluster, against the API server of the tests on loopback
//! over TLS. Prints percentiles itself, since each number is one run of a whole system.
//!
//! ```text
//! cargo bench --all-features --bench watch                     # everything
//! cargo bench --all-features --bench watch -- latency memory   # some: latency, list, saved, memory
//! ```
//!
//! | part | what |
//! |---|---|
//! | latency | from the API server's change to a changed decision; a reader's decisions with and without changes |
//! | list | from the start of the first list until everything is listed, beside the time of the bytes alone; then until there is a policy |
//! | saved | from the file on disk to a policy, with an API server that is away |
//! | memory | resident bytes of a process that follows all that the Node authorizer reads |
//!
//! Sizes are environment variables: `WATCH_BINDINGS` (100,000), `WATCH_SECONDS` (10), `WATCH_RATE` (100
//! changes a second), `WATCH_NODES` (5,000), `WATCH_PODS` (150,000).

#[path = "../tests/support/apiserver/mod.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "it is a part of tests, which need what this program does not"
)]
mod apiserver;
#[path = "watch/follow.rs"]
mod follow;
#[path = "watch/memory.rs"]
mod memory;
#[path = "gen/mod.rs"]
#[expect(dead_code, reason = "other targets need what this one does not")]
mod world;
#[path = "gen/write.rs"]
#[expect(dead_code, reason = "other targets need what this one does not")]
mod write;

use std::error::Error;
use std::io::{Write as _, stdout};
use std::path::Path;
use std::time::Duration;

use portcullis::source::watch::{
    Cluster, ClusterOptions, Connection, CredentialsFrom, Tuning, Watched,
};
use tokio::runtime::Runtime;

type Failure = Box<dyn Error + Send + Sync>;

const RBAC: [Watched; 4] =
    [Watched::ClusterRoles, Watched::ClusterRoleBindings, Watched::Roles, Watched::RoleBindings];

fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [child, kubeconfig] = words.as_slice()
        && child == memory::CHILD
    {
        return memory::child(Path::new(kubeconfig));
    }
    let is_wanted = |part: &str| words.is_empty() || words.iter().any(|word| word == part);
    if ["latency", "list", "saved"].into_iter().any(is_wanted) {
        follow::run(is_wanted)?;
    }
    if is_wanted("memory") {
        memory::run()?;
    }
    Ok(())
}

/// A size, or what the environment says instead.
fn size(name: &str, default: usize) -> Result<usize, Failure> {
    match std::env::var(name) {
        Err(_) => Ok(default),
        Ok(text) => Ok(text.parse().map_err(|_| format!("{name}={text} is no number"))?),
    }
}

fn say(line: impl std::fmt::Display) -> Result<(), Failure> {
    Ok(writeln!(stdout(), "{line}")?)
}

fn runtime() -> Result<Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

async fn connect(kubeconfig: &Path) -> Result<Connection, Failure> {
    let credentials =
        CredentialsFrom::Kubeconfig { file: Some(kubeconfig.to_owned()), context: None };
    Ok(Connection::open(&ClusterOptions::new(credentials)).await?)
}

/// Until everything is listed.
async fn listed(connection: &Connection, watched: &[Watched]) -> Cluster {
    let cluster = Cluster::start(connection, watched.to_vec(), None, Tuning::default());
    cluster.ready().await;
    cluster
}

/// Sorted times, and what to say of them.
struct Percentiles(Vec<Duration>);

impl Percentiles {
    fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    fn at(&self, thousandth: usize) -> Duration {
        let at = self.0.len().saturating_sub(1) * thousandth / 1000;
        self.0.get(at).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Percentiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [p50, p90, p99, p999, max] = [500, 900, 990, 999, 1000].map(|part| self.at(part));
        let count = self.0.len();
        write!(f, "p50 {p50:?}, p90 {p90:?}, p99 {p99:?}, p99.9 {p999:?}, max {max:?} of {count}")
    }
}
