//! The lines of a watch.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::failure::{Failure, Status};
use super::store::{self, Entry, News};
use super::trim::{Trimmed, trim};
use super::{Key, Watched};
use crate::api::Str;
use crate::api::null::{ObjectsOnly, Text};

/// What some lines say.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// What they change. Of several events about one object the last.
    pub(super) news: News,
    /// How far they come; `None` when they say nothing about that.
    pub(super) position: Option<Str>,
    /// How many events about objects there are.
    pub(super) count: usize,
    /// Why nothing after them counts.
    pub(super) stop: Option<Stop>,
}

/// Why a watch does not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    /// The API server says so.
    Told(Failure),
    /// A line is no event that this watch can have. It may have been one that matters.
    NotUnderstood(&'static str),
}

/// A line.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// What a line says.
enum Event {
    Bookmark(Str),
    Object { key: Key, version: Str, entry: Option<Entry> },
}

impl Events {
    /// Reads whole lines.
    pub(super) fn read(lines: &[u8], watched: &Watched, served: usize) -> Self {
        let mut events = Self::default();
        for line in lines.split(|byte| *byte == b'\n') {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match event(line, watched, served) {
                Ok(Event::Bookmark(version)) => events.position = Some(version),
                Ok(Event::Object { key, version, entry }) => {
                    events.news.entries.insert(key, entry);
                    events.position = Some(version);
                    events.count += 1;
                }
                Err(stop) => {
                    events.stop = Some(stop);
                    break;
                }
            }
        }
        events
    }
}

fn event(line: &[u8], watched: &Watched, served: usize) -> Result<Event, Stop> {
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    let Line { kind, object } = Line::deserialize(ObjectsOnly(&mut deserializer))
        .and_then(|line| deserializer.end().map(|()| line))
        .map_err(|_| Stop::NotUnderstood("a line of the watch is no event"))?;
    match kind.0.as_ref() {
        change @ ("ADDED" | "MODIFIED" | "DELETED") => {
            let (key, entry) = store::read(object.get(), watched, served).map_err(|_| {
                Stop::NotUnderstood("an event of the watch is about something else")
            })?;
            let version = entry.version.clone();
            if version.is_empty() {
                return Err(Stop::NotUnderstood("an event of the watch has no resource version"));
            }
            Ok(Event::Object { key, version, entry: (change != "DELETED").then_some(entry) })
        }
        "BOOKMARK" => match trim(object.get(), watched.definition()) {
            Ok(Trimmed { version, kind, .. })
                if !version.is_empty() && store::is_of_kind(&kind, watched.definition()) =>
            {
                Ok(Event::Bookmark(version))
            }
            _ => Err(Stop::NotUnderstood("a bookmark of the watch has no resource version")),
        },
        "ERROR" => {
            let status: Status = serde_json::from_str(object.get())
                .map_err(|_| Stop::NotUnderstood("an error of the watch is no status"))?;
            Err(Stop::Told(status.into_failure()))
        }
        _ => Err(Stop::NotUnderstood("an event of the watch is of no known type")),
    }
}

impl News {
    /// Nothing at all: a list of nothing.
    pub(super) fn none_left() -> Self {
        Self { is_all: true, entries: BTreeMap::new(), nameless: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str) -> Events {
        Events::read(lines.as_bytes(), &Watched::Roles, 0)
    }

    fn line(kind: &str, name: &str, version: &str) -> String {
        format!(
            r#"{{"type":"{kind}","object":{{"kind":"Role","apiVersion":"rbac.authorization.k8s.io/v1",
            "metadata":{{"name":"{name}","namespace":"n","resourceVersion":"{version}"}}}}}}"#
        )
        .replace('\n', " ")
    }

    #[test]
    fn of_events_about_one_object_the_last_counts_and_positions_advance() {
        let bookmark = line("BOOKMARK", "", "9").replace(r#""name":"","#, "");
        let text = [
            line("ADDED", "a", "1"),
            line("MODIFIED", "a", "2"),
            line("ADDED", "b", "3"),
            String::new(),
            line("DELETED", "b", "4"),
            bookmark,
        ];
        let events = read(&text.join("\n"));
        assert_eq!(events.stop, None);
        assert_eq!((events.count, events.position.as_deref()), (4, Some("9")));
        let said: Vec<(&str, Option<&str>)> = events
            .news
            .entries
            .iter()
            .map(|(key, it)| (key.name.as_str(), it.as_ref().map(|it| it.version.as_str())))
            .collect();
        assert_eq!(said, [("a", Some("2")), ("b", None)]);
    }

    #[test]
    fn what_is_no_event_stops_the_watch_and_what_came_before_counts() {
        let good = line("ADDED", "a", "1");
        for bad in [
            "garbage".to_owned(),
            "7".to_owned(),
            r#"{"type":"ADDED"}"#.to_owned(),
            r#"["ADDED",{}]"#.to_owned(),
            format!("{good}{good}"),
            line("RENAMED", "b", "2"),
            line("ADDED", "", "2"),
            line("ADDED", "b", ""),
            line("ADDED", "b", "2").replace(r#""Role""#, r#""RoleBinding""#),
            line("ADDED", "b", "2").replace("rbac.authorization.k8s.io", "example.com"),
            line("DELETED", "b", "2").replace(r#""namespace":"n","#, ""),
            line("BOOKMARK", "", ""),
            line("BOOKMARK", "", "2").replace(r#""Role""#, r#""Pod""#),
            r#"{"type":"ADDED","object":{"metadata":7}}"#.to_owned(),
            r#"{"type":"ERROR","object":7}"#.to_owned(),
        ] {
            let events = read(&format!("{good}\n{bad}\n{}\n", line("DELETED", "a", "3")));
            assert!(matches!(events.stop, Some(Stop::NotUnderstood(_))), "{bad}");
            assert_eq!((events.count, events.position.as_deref()), (1, Some("1")), "{bad}");
        }
    }

    #[test]
    fn an_error_says_its_code() {
        let text = r#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}"#;
        let Some(Stop::Told(failure)) = read(text).stop else { panic!("{text}") };
        assert_eq!(
            (failure.code(), failure.to_string().as_str()),
            (410, "the API server answered 410: too old")
        );
    }

    #[test]
    fn an_object_that_cannot_be_read_is_an_event_all_the_same() {
        let bad = line("MODIFIED", "a", "2").replace(r#""metadata""#, r#""rules":7,"metadata""#);
        let events = read(&bad);
        assert_eq!((events.stop, events.count), (None, 1));
        assert!(events.news.entries.values().all(|it| !it.as_ref().unwrap().is_readable()));
    }
}
