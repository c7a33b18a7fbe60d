//! Lists of ConfigMaps, in pages: all of them together may be larger than any answer.

use std::fmt::Write as _;

use http::Method;
use serde_json::Value;

use super::chunk::Chunk;
use crate::source::api_server::{ApiError, send};
use crate::source::watch::Connection;

/// So many ConfigMaps of a mebibyte are one answer.
const PAGE: usize = 32;

/// An etcd has no room for more.
const MOST_PAGES: usize = 1000;

/// A list that takes so long that the API server forgets where it was is begun anew so often.
const TRIES: usize = 3;

/// The ConfigMaps of a namespace with these labels, which are `name=value`.
pub(super) async fn list(
    connection: &Connection,
    namespace: &str,
    labels: &[(&str, &str)],
) -> Result<Vec<Chunk>, ApiError> {
    let labels: Vec<String> = labels.iter().map(|(name, is)| format!("{name}={is}")).collect();
    let selector = escaped(&labels.join(","));
    let first =
        format!("/api/v1/namespaces/{namespace}/configmaps?labelSelector={selector}&limit={PAGE}");
    let mut tries = 1;
    loop {
        match pages(connection, &first).await {
            Err(error) if error.is_expired() && tries < TRIES => tries += 1,
            answer => return answer,
        }
    }
}

async fn pages(connection: &Connection, first: &str) -> Result<Vec<Chunk>, ApiError> {
    let mut chunks = Vec::new();
    let mut path = first.to_owned();
    for _ in 0..MOST_PAGES {
        let mut page = send(connection, Method::GET, &path, None).await?;
        let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) else {
            return Err(ApiError::Answer("it is no list".into()));
        };
        chunks.extend(items.into_iter().filter_map(Chunk::of));
        let metadata = page.get("metadata");
        let token = metadata.and_then(|metadata| metadata.get("continue")).and_then(Value::as_str);
        match token.filter(|token| !token.is_empty()) {
            None => return Ok(chunks),
            Some(token) => path = format!("{first}&continue={}", escaped(token)),
        }
    }
    Err(ApiError::Answer("the list has no end".into()))
}

/// As a part of a query.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_has_a_meaning_in_a_query_is_escaped() {
        assert_eq!(escaped("portcullis.dev/facts=x,y"), "portcullis.dev%2Ffacts%3Dx%2Cy");
        assert_eq!(escaped("a&continue=+ü"), "a%26continue%3D%2B%C3%BC");
    }
}
