//! The strings in rules, which the API server does not judge (S-RVAL-7).

use super::roles::words;
use super::{At, Level, Lint};
use crate::api::Str;
use crate::api::rbac::PolicyRule;
use crate::api::resources::{Note, ResourceInfo, non_resource_verb_note, resource_verb_note};
use crate::query::mark::{Reach, mark_rule};
use crate::util::nearest::nearest;

impl Lint<'_> {
    pub(super) fn rules(&mut self, at: &At<'_>, rules: &[PolicyRule]) {
        for (index, rule) in rules.iter().enumerate() {
            self.names(at, index, rule);
            self.urls(at, index, rule);
            if !at.is_default {
                self.verbs(at, index, rule);
                self.groups(at, index, rule);
                for entry in &rule.resources {
                    self.resource(at, index, rule, entry);
                }
            }
        }
    }

    fn names(&mut self, at: &At<'_>, index: usize, rule: &PolicyRule) {
        let nameless = mark_rule(rule, Reach::Cluster, self.resources).nameless;
        if !nameless.is_empty() {
            let message = format!(
                "rules[{index}]: resourceNames beside the verb {}, whose requests name no object: \
                 they are not granted",
                words(&nameless)
            );
            let advice = "grant the verb in a rule without resourceNames; only `create` by PUT or \
                          server-side apply names its object";
            self.say(Level::Warning, "nameless-verb", at, message, advice);
        }
        if rule.resource_names.iter().any(|name| name == "*") {
            let message = format!(
                "rules[{index}]: `*` in resourceNames is literal: it stands for an object of that \
                 very name"
            );
            let advice = "leave resourceNames out to grant every name";
            self.say(Level::Warning, "star-in-resource-names", at, message, advice);
        }
    }

    fn urls(&mut self, at: &At<'_>, index: usize, rule: &PolicyRule) {
        for url in &rule.non_resource_urls {
            if url.trim_end_matches('*').contains('*') {
                let message =
                    format!("rules[{index}]: in `{url}` only a `*` at the very end is a wildcard");
                let advice = "name the paths one by one, or a prefix followed by `*`";
                self.say(Level::Warning, "inner-star-in-url", at, message, advice);
            } else if !url.starts_with('/') && url != "*" {
                let message =
                    format!("rules[{index}]: no path is `{url}`: paths begin with a slash");
                self.say(Level::Warning, "relative-url", at, message, "begin it with a slash");
            }
        }
    }

    fn verbs(&mut self, at: &At<'_>, index: usize, rule: &PolicyRule) {
        let on_paths = rule.resources.is_empty() && !rule.non_resource_urls.is_empty();
        for verb in &rule.verbs {
            let note =
                if on_paths { non_resource_verb_note(verb) } else { resource_verb_note(verb) };
            let Some(Note::UnknownVerb { nearest, .. }) = note else {
                continue;
            };
            // Operators ask for verbs of their own; only what looks mistyped is told.
            let meant = match verb.to_ascii_lowercase().as_str() {
                "post" if !on_paths => Some("create".to_owned()),
                "put" if !on_paths => Some("update".to_owned()),
                "head" if !on_paths => Some("get".to_owned()),
                _ => nearest,
            };
            if let Some(meant) = meant {
                let message =
                    format!("rules[{index}]: Kubernetes never asks for the verb `{verb}`");
                let advice = format!("did you mean `{meant}`?");
                self.say(Level::Warning, "unknown-verb", at, message, advice);
            }
        }
    }

    fn groups(&mut self, at: &At<'_>, index: usize, rule: &PolicyRule) {
        for group in &rule.api_groups {
            if group == "*" || self.is_known_group(group) {
                continue;
            }
            let message = format!("rules[{index}]: `{group}` is no API group of Kubernetes");
            if let Some(near) = self.near_group(group) {
                let advice = if near.is_empty() {
                    "the core group is the empty string".to_owned()
                } else {
                    format!("did you mean `{near}`?")
                };
                self.say(Level::Warning, "unknown-api-group", at, message, advice);
            }
        }
    }

    fn is_known_group(&self, group: &str) -> bool {
        self.groups.contains(group)
            || self.inventory.custom_resources.iter().any(|custom| custom.group == group)
    }

    /// A group that differs by a letter or two. Groups of operators are known only from their
    /// definitions, so that a name alone is no reason to complain.
    fn near_group(&self, group: &str) -> Option<String> {
        // With its version, as in `apiVersion`.
        if let Some((of, _)) = group.split_once('/')
            && self.is_known_group(of)
        {
            return Some(of.to_owned());
        }
        if matches!(group, "core" | "v1") {
            return Some(String::new());
        }
        if group.ends_with(".x-k8s.io") {
            return None;
        }
        let near = self.groups.iter().copied().filter(|known| differs_little(known, group));
        near.min().map(str::to_owned)
    }

    fn resource(&mut self, at: &At<'_>, index: usize, rule: &PolicyRule, entry: &Str) {
        let (plural, subresource) = match entry.split_once('/') {
            Some((plural, subresource)) => (plural, Some(subresource)),
            None => (entry.as_str(), None),
        };
        if subresource == Some("*") && plural != "*" {
            let message = format!(
                "rules[{index}]: `{entry}` is no wildcard: it grants no subresource of `{plural}`"
            );
            let advice = "name the subresources, such as `pods/log`";
            return self.say(Level::Warning, "star-subresource", at, message, advice);
        }
        if plural == "*" || rule.api_groups.iter().any(|group| group == "*") {
            return;
        }
        let resources = self.resources;
        let known: Vec<&ResourceInfo> =
            rule.api_groups.iter().filter_map(|group| resources.get(group, plural)).collect();
        if known.is_empty() {
            return self.unknown_resource(at, index, rule, plural);
        }
        let Some(subresource) = subresource else {
            return;
        };
        // Of other resources it is not known which subresources they have.
        let builtin: Vec<&ResourceInfo> =
            known.iter().filter_map(|info| self.builtin.get(&info.group, plural)).collect();
        if builtin.len() < known.len() || builtin.iter().any(|i| i.has_subresource(subresource)) {
            return;
        }
        let all = builtin.iter().flat_map(|info| &info.subresources).map(|known| known.as_str());
        let near = nearest(subresource, all).map(str::to_owned);
        let message = format!(
            "rules[{index}]: `{plural}` is not known to have a subresource `{subresource}`"
        );
        let (level, advice) = match near {
            Some(near) => (Level::Warning, format!("did you mean `{plural}/{near}`?")),
            None => (Level::Advice, "keep it only if something of your own asks".to_owned()),
        };
        self.say(level, "unknown-subresource", at, message, advice);
    }

    fn unknown_resource(&mut self, at: &At<'_>, index: usize, rule: &PolicyRule, plural: &str) {
        let custom = &self.inventory.custom_resources;
        let is_custom =
            |group: &Str| custom.iter().any(|c| c.group == *group && c.plural == plural);
        // What a group has that is not known at all, nobody can say.
        if rule.api_groups.is_empty()
            || rule.api_groups.iter().any(|group| !self.is_known_group(group) || is_custom(group))
        {
            return;
        }
        let groups = words(&rule.api_groups);
        let message =
            format!("rules[{index}]: there is no resource `{plural}` in API group {groups}");
        let in_groups = |info: &&ResourceInfo| rule.api_groups.contains(&info.group);
        let is_called = |info: &&ResourceInfo| {
            info.singular == plural
                || info.short_names.iter().any(|short| short == plural)
                || info.kind.eq_ignore_ascii_case(plural)
                || info.plural.eq_ignore_ascii_case(plural)
        };
        if let Some(meant) = self.resources.iter().filter(in_groups).find(is_called) {
            let advice = format!("rules name resources by their plural: `{}`", meant.plural);
            return self.say(Level::Warning, "unknown-resource", at, message, advice);
        }
        if let Some(meant) = self.resources.iter().find(|info| info.plural == plural) {
            let advice =
                format!("`{plural}` is in API group {}", words(std::slice::from_ref(&meant.group)));
            return self.say(Level::Warning, "unknown-resource", at, message, advice);
        }
        let plurals = self.resources.iter().filter(in_groups).map(|info| info.plural.as_str());
        match nearest(plural, plurals).map(str::to_owned) {
            Some(near) => {
                let advice = format!("did you mean `{near}`?");
                self.say(Level::Warning, "unknown-resource", at, message, advice);
            }
            None => {
                let advice = "Kubernetes 1.36 does not serve it by default";
                self.say(Level::Advice, "unknown-resource", at, message, advice);
            }
        }
    }
}

/// Whether two names are the same but for one place of two letters at most: those of different
/// domains are not.
fn differs_little(a: &str, b: &str) -> bool {
    let ahead = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let behind = a.bytes().rev().zip(b.bytes().rev()).take_while(|(a, b)| a == b).count();
    let longest = a.len().max(b.len());
    let shortest = a.len().min(b.len());
    let same = ahead.saturating_add(behind).min(shortest);
    ahead > 0 && shortest > 2 && longest.saturating_sub(same) <= 2
}
