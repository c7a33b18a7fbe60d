use std::time::Duration;

use super::cluster::Kind;
use super::failure::Failure;
use super::fetch::{self, NoList, Whole};
use super::{Connection, LiveFrom, Tuning, Watched, load};
use crate::source::Loaded;

/// How often an API server that is busy is asked again.
const ATTEMPTS: u32 = 4;
/// How long it is waited for at most between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What was listed.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Listed {
    /// The objects.
    pub loaded: Loaded,
    /// The trimmed objects as JSON, by kind, for a dump. Secrets without their values.
    pub dump: Vec<(Watched, Vec<Box<[u8]>>)>,
    /// What could not be listed, and why: forbidden, or not served by this API server.
    pub missing: Vec<(Watched, ListError)>,
}

/// Why a kind could not be listed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// This user may not.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// The API server does not serve the kind.
    #[error("not served by this API server")]
    NotServed,
    /// The API server answered something else, or not at all.
    #[error("the API server cannot be asked")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Lists kinds once, page by page.
///
/// An API server that is busy (429, 503) is asked a few times more, when it says; nothing else is asked for
/// twice.
///
/// # Errors
/// When the API server cannot be asked at all. What is forbidden or not served stands in
/// [`Listed::missing`].
pub async fn list(connection: &Connection, watched: &[Watched]) -> Result<Listed, ListError> {
    let lists = watched.iter().map(|watched| list_one(connection, watched));
    let lists = futures_util::future::join_all(lists).await;
    let mut listed = Listed::default();
    let mut kinds = Vec::new();
    for (watched, list) in watched.iter().zip(lists) {
        let whole = match list {
            Ok(whole) => whole,
            Err(NoList::NotServed) => {
                listed.missing.push((watched.clone(), ListError::NotServed));
                continue;
            }
            Err(NoList::Failed(Failure::Refused { code: 403, message, .. })) => {
                listed.missing.push((watched.clone(), ListError::Forbidden(message)));
                continue;
            }
            Err(NoList::Failed(failure)) => return Err(ListError::Failed(Box::new(failure))),
            Err(NoList::NotUnderstood(reason)) => return Err(ListError::Failed(reason.into())),
        };
        let mut kind = Kind::new(watched.clone());
        (kind.served, kind.version, kind.from) = (whole.served, whole.version, LiveFrom::Live);
        kind.store.take(whole.news);
        listed.dump.push((watched.clone(), dump(&kind)));
        kinds.push(kind);
    }
    listed.loaded = load::loaded(&kinds);
    Ok(listed)
}

async fn list_one(connection: &Connection, watched: &Watched) -> Result<Whole, NoList> {
    let page = Tuning::default().page;
    for _ in 1..ATTEMPTS {
        match fetch::list(connection, watched, page).await {
            Err(NoList::Failed(failure)) if matches!(failure.code(), 429 | 503) => {
                let pause = failure.retry_after().unwrap_or(Duration::from_secs(1));
                tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
            }
            list => return list,
        }
    }
    fetch::list(connection, watched, page).await
}

fn dump(kind: &Kind) -> Vec<Box<[u8]>> {
    let definition = kind.watched.definition();
    let api_version = definition.api_version(kind.served);
    let entries = kind.store.entries.iter();
    let objects = entries.filter_map(|(key, entry)| entry.dump(definition, &api_version, key));
    objects.map(Vec::into_boxed_slice).collect()
}
