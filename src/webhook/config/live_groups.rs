//! Groups that are looked up when a request is decided.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::NamedPath;
use super::login::NamedDirectory;
use crate::authz::live_groups::{LiveGroupsOptions, SystemGroups, UnknownUser};
use crate::source::config_file::Field;

/// Where the groups of now come from, and how they replace those of credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveGroupsConfig {
    /// Where they come from.
    pub from: LiveGroupsFrom,
    /// How.
    pub options: LiveGroupsOptions,
}

/// Where the groups of now come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiveGroupsFrom {
    /// A directory.
    Directory(NamedDirectory),
    /// A file of names and groups.
    File(NamedPath),
}

pub(super) fn live_groups(field: Field<'_>, base: &Path) -> Option<LiveGroupsConfig> {
    let object = field.object()?;
    let from = match (object.get("directory"), object.get("file")) {
        (Some(directory), None) => directory.text().map(|name| {
            let (name, origin) = (name.to_owned(), directory.origin());
            LiveGroupsFrom::Directory(NamedDirectory { name, origin })
        }),
        (None, Some(file)) => file.path(base).map(LiveGroupsFrom::File),
        _ => {
            object.note("names one of `directory` and `file`: where the groups of now come from");
            None
        }
    };
    let mut options = LiveGroupsOptions::default();
    const DAY: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(86_400);
    let time = |name, default: Duration| match object.get(name) {
        None => Some(default),
        Some(field) => {
            field.within(field.duration()?, &DAY, "at most `24h`: so long old groups count")
        }
    };
    let (ttl, max_age) = (time("ttl", options.ttl), time("maxAge", options.max_age));
    let unknown = object.get("unknownUsers").map_or(Some(options.unknown_user), |field| {
        field.one_of(&[("NoGroups", UnknownUser::NoGroups), ("Keep", UnknownUser::Keep)])
    });
    let exempt = object.get("exemptUsers").map(|field| field.filled_texts()).unwrap_or_default();
    let kept = object.get("keepSystemGroups").map(|field| field.filled_texts());
    object.finish();
    (options.ttl, options.max_age) = (ttl?, max_age?);
    if options.max_age < options.ttl {
        options.max_age = options.ttl;
    }
    options.unknown_user = unknown?;
    options.exempt = exempt.into_iter().collect();
    if let Some(kept) = kept {
        options.system_groups = SystemGroups::And(kept.into_iter().collect());
    }
    Some(LiveGroupsConfig { from: from?, options })
}
