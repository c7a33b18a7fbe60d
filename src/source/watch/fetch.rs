//! A whole list of one kind, page by page.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::value::RawValue;

use super::decode::Reason;
use super::failure::Failure;
use super::store::{self, Entry, News};
use super::stream::{self, Bytes};
use super::{Connection, Key, Watched};
use crate::api::Str;
use crate::api::null::{self, ObjectsOnly, Text};

/// What is taken of one answer. A list without pages of 150,000 pods has about 1 GiB.
const LONGEST_LIST: usize = 3 << 30;
/// How many pages are taken: with 500 objects in each, more objects than any API server keeps. One that
/// goes on naming a next page would be asked for ever, and nobody would learn that there is no list.
const MOST_PAGES: u32 = 100_000;

/// A whole list.
#[derive(Debug)]
pub(super) struct Whole {
    /// The number of the version in which the kind is served.
    pub(super) served: usize,
    /// The version of the list, from which to watch.
    pub(super) version: Str,
    pub(super) news: News,
}

/// Why there is no list. Nothing of half a list is ever taken.
#[derive(Debug)]
pub(super) enum NoList {
    /// This API server does not have the kind.
    NotServed,
    Failed(Failure),
    /// The answer is no list of the kind.
    NotUnderstood(String),
}

/// Lists a kind: as it is now, not as a cache had it.
pub(super) async fn list(
    connection: &Connection,
    watched: &Watched,
    page: u32,
) -> Result<Whole, NoList> {
    let definition = watched.definition();
    for served in 0..definition.versions() {
        match pages(connection, watched, served, page).await {
            Err(NoList::Failed(failure)) if failure.code() == 404 && definition.is_optional => {}
            answer => return answer,
        }
    }
    Err(NoList::NotServed)
}

async fn pages(
    connection: &Connection,
    watched: &Watched,
    served: usize,
    page: u32,
) -> Result<Whole, NoList> {
    match paged(connection, watched, served, Some(page)).await? {
        Some(whole) => Ok(whole),
        // The API server forgot the list before it was read. In one piece it cannot.
        None => match paged(connection, watched, served, None).await? {
            Some(whole) => Ok(whole),
            None => Err(NoList::NotUnderstood("the list ends in the middle".to_owned())),
        },
    }
}

/// `None`: the rest of the list is not to be had any more.
async fn paged(
    connection: &Connection,
    watched: &Watched,
    served: usize,
    page: Option<u32>,
) -> Result<Option<Whole>, NoList> {
    let mut news = News { is_all: true, ..News::default() };
    let (mut version, mut token) = (Str::default(), String::new());
    for _ in 0..MOST_PAGES {
        let limit = page.map(|page| page.to_string());
        let rest = (!token.is_empty()).then_some(token.as_str());
        let path = url(watched, served, &[("limit", limit.as_deref()), ("continue", rest)]);
        let body = match connection.get(&path, accept(watched, "List")).await {
            Ok(body) => body,
            Err(failure) if failure.code() == 410 && rest.is_some() => return Ok(None),
            Err(failure) => return Err(NoList::Failed(failure)),
        };
        let body = stream::collect(body, connection.request_timeout(), LONGEST_LIST).await;
        let body = body.map_err(NoList::Failed)?;
        let kind = watched.clone();
        let read = tokio::task::spawn_blocking(move || Page::read(&body, &kind, served)).await;
        let mut read = read
            .map_err(|_| NoList::NotUnderstood("reading the list failed".to_owned()))?
            .map_err(NoList::NotUnderstood)?;
        if rest.is_some() && read.version != version || !token.is_empty() && read.next == token {
            return Ok(None);
        }
        version = read.version;
        news.entries.append(&mut read.entries);
        news.nameless.append(&mut read.nameless);
        if read.next.is_empty() {
            return Ok(Some(Whole { served, version, news }));
        }
        token = read.next;
    }
    Err(NoList::NotUnderstood(format!("the list has no end: {MOST_PAGES} pages, and yet another")))
}

/// What is asked for: JSON, or of it metadata alone. `List` for lists.
pub(super) fn accept(watched: &Watched, list: &str) -> &'static str {
    match (watched.definition().is_metadata, list) {
        (false, _) => "application/json",
        (true, "List") => "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
        (true, _) => "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
    }
}

/// The path of the collection with its selector and further parameters.
pub(super) fn url(watched: &Watched, served: usize, query: &[(&str, Option<&str>)]) -> String {
    let mut written = form_urlencoded::Serializer::new(String::new());
    if let Some((name, selector)) = watched.selector() {
        written.append_pair(name, &selector);
    }
    for (name, value) in query {
        if let Some(value) = value {
            written.append_pair(name, value);
        }
    }
    let (path, query) = (watched.path(served), written.finish());
    if query.is_empty() { path } else { format!("{path}?{query}") }
}

/// One page.
#[derive(Debug)]
struct Page {
    version: Str,
    /// The token for the next; empty when this is the last.
    next: String,
    entries: BTreeMap<Key, Option<Entry>>,
    nameless: Vec<Reason>,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    metadata: Metadata,
    // Without a default: a list that has no items says `null` or `[]`.
    #[serde(borrow, deserialize_with = "items")]
    items: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    resource_version: Str,
    #[serde(default, rename = "continue", deserialize_with = "null::or_default")]
    next: String,
}

fn items<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<&'de RawValue>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl Page {
    fn read(body: &Bytes, watched: &Watched, served: usize) -> Result<Self, String> {
        let definition = watched.definition();
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        // Not what the error says: it may show a value.
        let raw = Raw::deserialize(ObjectsOnly(&mut deserializer))
            .and_then(|raw| deserializer.end().map(|()| raw))
            .map_err(|_| "the answer is no list".to_owned())?;
        let expected: Cow<'_, str> = match definition.is_metadata {
            true => "PartialObjectMetadataList".into(),
            false => format!("{}List", definition.kind).into(),
        };
        if raw.kind.0 != expected || raw.metadata.resource_version.is_empty() {
            return Err(format!("the answer is no {expected} with a resource version"));
        }
        let (mut entries, mut nameless) = (BTreeMap::new(), Vec::new());
        for item in raw.items {
            match store::read(item.get(), watched, served) {
                Ok((key, entry)) => {
                    entries.insert(key, Some(entry));
                }
                Err(reason) => nameless.push(reason),
            }
        }
        let Metadata { resource_version: version, next } = raw.metadata;
        Ok(Self { version, next, entries, nameless })
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn read(text: &str) -> Result<Page, String> {
        Page::read(&Zeroizing::new(text.as_bytes().to_vec()), &Watched::ClusterRoles, 0)
    }

    #[test]
    fn a_page_is_a_list_of_its_kind_with_a_version_and_items() {
        let page = read(
            r#"{"kind":"ClusterRoleList","apiVersion":"rbac.authorization.k8s.io/v1",
            "metadata":{"resourceVersion":"7","continue":"c"},
            "items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"},"rules":7},{"metadata":{}},7]}"#,
        )
        .unwrap();
        assert_eq!((page.version.as_str(), page.next.as_str()), ("7", "c"));
        assert_eq!((page.entries.len(), page.nameless.len()), (2, 2));
        let readable: Vec<bool> =
            page.entries.values().map(|it| it.as_ref().unwrap().is_readable()).collect();
        assert_eq!(readable, [true, false]);
        let empty = r#"{"kind":"ClusterRoleList","metadata":{"resourceVersion":"7"},"items":null}"#;
        assert_eq!(read(empty).unwrap().entries.len(), 0);
        for twin in [
            r#"{"kind":"RoleList","metadata":{"resourceVersion":"7"},"items":[]}"#,
            r#"{"kind":"ClusterRoleList","metadata":{"resourceVersion":""},"items":[]}"#,
            r#"{"kind":"ClusterRoleList","metadata":{},"items":[]}"#,
            r#"{"kind":"ClusterRoleList","metadata":{"resourceVersion":"7"}}"#,
            r#"{"kind":"ClusterRoleList","metadata":{"resourceVersion":"7"},"items":[]"#,
            r#"["ClusterRoleList",{"resourceVersion":"7"},[]]"#,
            "",
        ] {
            assert!(read(twin).is_err(), "{twin}");
        }
    }

    #[test]
    fn selectors_are_encoded() {
        let watched = Watched::SigningRequests { signer: "a.b/c d".into() };
        assert_eq!(
            url(&watched, 0, &[("limit", Some("5")), ("continue", None)]),
            "/apis/certificates.k8s.io/v1/certificatesigningrequests?fieldSelector=spec.signerName%3Da.b%2Fc+d&limit=5"
        );
        let watched = Watched::ConfigMaps { namespace: "n".into(), labels: "a in (b)".into() };
        assert_eq!(
            url(&watched, 0, &[]),
            "/api/v1/namespaces/n/configmaps?labelSelector=a+in+%28b%29"
        );
        assert_eq!(
            url(&Watched::ResourceSlices, 1, &[]),
            "/apis/resource.k8s.io/v1beta2/resourceslices"
        );
    }
}
