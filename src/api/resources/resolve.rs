//! `TYPE`, `TYPE.GROUP`, `TYPE.VERSION.GROUP`, each with `/NAME`, or `/path`: the argument of
//! `kubectl auth can-i`, read as kubectl's REST mapper reads it.

use super::{Note, ResourceInfo, ResourceTable};
use crate::util::nearest::nearest_by;

/// What an argument asks about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A path: the argument began with `/` (S-SAR-24).
    Path(String),
    /// A resource.
    Resource(Resolved),
}

/// A resource argument, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The API group; empty for core, and for an unknown resource.
    pub group: String,
    /// The plural, `*`, or what was written when nothing has that name.
    pub resource: String,
    /// Whether its objects live in namespaces; `None` for `*` and for an unknown resource.
    pub namespaced: Option<bool>,
    /// What stands after the first `/`.
    pub name: Option<String>,
    /// What deserves a warning.
    pub notes: Vec<Note>,
}

impl Resolved {
    /// The warning that is due when a namespace is part of the question. kubectl gives it unless
    /// `--all-namespaces` is set, and asks with the namespace all the same.
    #[must_use]
    pub fn scope_note(&self) -> Option<Note> {
        (self.namespaced == Some(false)).then(|| Note::NotNamespaced {
            resource: self.resource.clone(),
            group: self.group.clone(),
        })
    }
}

/// A name as far as it was given; empty parts are open.
#[derive(Debug, Clone, Copy)]
struct Partial<'a> {
    resource: &'a str,
    version: &'a str,
    group: &'a str,
}

impl ResourceTable {
    /// Reads an argument of `can-i` and `who-can`.
    ///
    /// Plural, singular, kind and short name are understood, in any case. Where several groups
    /// have the name, core wins, then the order of the table. A group may be abbreviated
    /// (`storageclass.storage`). An unknown name is returned as written with [`Note::Unknown`].
    ///
    /// ```
    /// use portcullis::api::resources::{ResourceTable, Target};
    ///
    /// let table = ResourceTable::builtin();
    /// assert_eq!(table.resolve("/healthz"), Target::Path("/healthz".into()));
    /// let Target::Resource(typo) = table.resolve("deploymnets") else { unreachable!() };
    /// assert_eq!(typo.resource, "deploymnets");
    /// assert_eq!(
    ///     typo.notes[0].to_string(),
    ///     "the server doesn't have a resource type 'deploymnets'; did you mean 'deployments'?",
    /// );
    /// ```
    #[must_use]
    pub fn resolve(&self, argument: &str) -> Target {
        if argument.starts_with('/') {
            return Target::Path(argument.to_owned());
        }
        let Some((written, name)) = argument.split_once('/') else {
            return Target::Resource(self.resolve_type(argument).0);
        };
        let (mut resolved, info) = self.resolve_type(written);
        resolved.name = Some(name.to_owned());
        let is_subresource = match info {
            Some(info) => info.has_subresource(name),
            // `*/scale` is how a rule writes it; in a question it names an object, too.
            None => written == "*" && self.iter().any(|info| info.has_subresource(name)),
        };
        if is_subresource {
            resolved.notes.push(Note::SubresourceInName {
                resource: info.map_or_else(|| written.to_owned(), ResourceInfo::qualified),
                subresource: name.to_owned(),
            });
        }
        Target::Resource(resolved)
    }

    fn resolve_type(&self, written: &str) -> (Resolved, Option<&ResourceInfo>) {
        if written == "*" {
            return (Resolved { resource: "*".to_owned(), ..Resolved::default() }, None);
        }
        let lower = written.to_lowercase();
        if let Some(group) = lower.strip_prefix("*.") {
            return (every_resource_of(group), None);
        }
        let (resource, group) = lower.split_once('.').unwrap_or((&lower, ""));
        let found = group
            .split_once('.')
            .and_then(|(version, group)| self.find(Partial { resource, version, group }))
            .or_else(|| self.find(Partial { resource, version: "", group }));
        if let Some((info, others)) = found {
            let mut resolved = Resolved {
                group: info.group.to_string(),
                resource: info.plural.to_string(),
                namespaced: Some(info.namespaced),
                ..Resolved::default()
            };
            if info.is_virtual && !is_kubectl_exception(info) {
                resolved.notes.push(Note::Virtual { resource: info.qualified() });
            }
            if !others.is_empty() {
                resolved.notes.push(Note::Ambiguous {
                    name: lower.clone(),
                    chosen: info.qualified(),
                    others: others.into_iter().map(ResourceInfo::qualified).collect(),
                });
            }
            return (resolved, Some(info));
        }
        let note = Note::Unknown {
            resource: resource.to_owned(),
            group: group.to_owned(),
            nearest: self.nearest(resource, group),
        };
        // Not lower-cased and not split at the dot: what kubectl sends.
        let resource = written.to_owned();
        (Resolved { resource, notes: vec![note], ..Resolved::default() }, None)
    }

    /// The preferred match, and the others when the choice deserves a remark.
    fn find<'t>(&'t self, asked: Partial<'_>) -> Option<(&'t ResourceInfo, Vec<&'t ResourceInfo>)> {
        // An empty type would match resources without a singular.
        if asked.resource.is_empty() {
            return None;
        }
        let (full, by_short) = self.expand(asked);
        let matches = self.matches(full);
        let Some(first) = matches.first().copied() else {
            return self.virtual_match(asked).map(|info| (info, Vec::new()));
        };
        // Two resources of one group, one's plural the other's singular: the plural is meant.
        let chosen = matches
            .iter()
            .copied()
            .find(|info| info.group == first.group && info.plural == full.resource)
            .unwrap_or(first);
        let mut others = by_short;
        // kubectl is silent about full names; so are we where core wins, since everybody means it.
        if asked.group.is_empty() && others.is_empty() && !chosen.group.is_empty() {
            others = matches;
            others.extend(self.virtual_match(asked));
        }
        others.retain(|info| (&info.group, &info.plural) != (&chosen.group, &chosen.plural));
        Some((chosen, others))
    }

    /// Writes out a short name, and lists what else it could stand for. A plural or a singular is
    /// never taken for a short name.
    fn expand<'n, 't: 'n>(&'t self, asked: Partial<'n>) -> (Partial<'n>, Vec<&'t ResourceInfo>) {
        let in_group = |info: &&ResourceInfo| asked.group.is_empty() || info.group == asked.group;
        if self.served().filter(in_group).any(|info| info.is_called(asked.resource)) {
            return (asked, Vec::new());
        }
        let has_short =
            |info: &&ResourceInfo| info.short_names.iter().any(|short| short == asked.resource);
        let mut by_short = self.served().filter(in_group).filter(has_short);
        if let Some(info) = by_short.next() {
            let full = Partial { resource: &info.plural, version: "", group: &info.group };
            return (full, by_short.collect());
        }
        let abbreviated = |info: &&ResourceInfo| info.group.starts_with(asked.group);
        match self.served().filter(abbreviated).find(has_short) {
            Some(info) if !asked.group.is_empty() => {
                let full = Partial { resource: &info.plural, group: &info.group, ..asked };
                (full, Vec::new())
            }
            _ => (asked, Vec::new()),
        }
    }

    /// Everything that fits a plural or singular, in order of preference.
    fn matches(&self, asked: Partial<'_>) -> Vec<&ResourceInfo> {
        let named = || self.served().filter(|info| info.is_called(asked.resource));
        let has_version =
            |info: &&ResourceInfo| info.versions.iter().any(|known| known == asked.version);
        let in_group = |info: &&ResourceInfo| info.group == asked.group;
        match (asked.group.is_empty(), asked.version.is_empty()) {
            (true, true) => named().collect(),
            (true, false) => named().filter(has_version).collect(),
            (false, false) => named().filter(in_group).filter(has_version).collect(),
            (false, true) => {
                let exact: Vec<_> = named().filter(in_group).collect();
                if exact.is_empty() {
                    named().filter(|info| info.group.starts_with(asked.group)).collect()
                } else {
                    exact
                }
            }
        }
    }

    fn virtual_match(&self, asked: Partial<'_>) -> Option<&ResourceInfo> {
        self.iter().filter(|info| info.is_virtual && asked.version.is_empty()).find(|info| {
            info.plural == asked.resource && (asked.group.is_empty() || info.group == asked.group)
        })
    }

    fn served(&self) -> impl Iterator<Item = &ResourceInfo> {
        self.iter().filter(|info| !info.is_virtual)
    }

    /// The nearest known name. For a name with a group: the nearest with its group, or the same
    /// resource in another group.
    fn nearest(&self, resource: &str, group: &str) -> Option<String> {
        if group.is_empty() {
            let names = self.iter().flat_map(|info| {
                let full = [info.plural.as_str(), info.singular.as_str()];
                full.into_iter()
                    .chain(info.short_names.iter().map(|short| short.as_str()))
                    .map(move |name| (name, info))
            });
            return nearest_by(resource, names).map(|info| info.plural.to_string());
        }
        let qualified: Vec<_> =
            self.iter().map(|info| (info.qualified(), info.qualified())).collect();
        let written = format!("{resource}.{group}");
        nearest_by(&written, qualified.iter().map(|(name, value)| (name.as_str(), value)))
            .cloned()
            .or_else(|| {
                self.iter().find(|info| info.is_called(resource)).map(ResourceInfo::qualified)
            })
    }
}

/// `users` and `groups`: kubectl knows these two and says nothing.
fn is_kubectl_exception(info: &ResourceInfo) -> bool {
    info.group.is_empty() && matches!(info.plural.as_str(), "users" | "groups")
}

fn every_resource_of(group: &str) -> Resolved {
    let notes = if group.is_empty() {
        Vec::new()
    } else {
        vec![Note::WildcardInGroup { group: group.to_owned() }]
    };
    Resolved { group: group.to_owned(), resource: "*".to_owned(), notes, ..Resolved::default() }
}
