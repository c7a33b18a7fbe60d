use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::config::{Groups, Nested};
use super::directory::{Entry, Scope, Search, Searcher};
use super::dn::{Dn, fold};
use super::error::LdapError;
use super::filter::{Attribute, Filter};
use super::graph::{GroupGraph, Membership, Walk};
use super::mapping::group_name;
use crate::authn::UnixSeconds;

/// How groups in groups are followed, once it is known which directory it is.
#[derive(Debug, Clone)]
pub(super) enum Follow {
    Not,
    /// By this matching rule.
    InChain(Attribute),
    LevelByLevel {
        depth: usize,
        batch: usize,
        budget: Duration,
    },
}

impl Follow {
    /// What was configured; `in_chain` is the rule, where the directory has it.
    pub(super) fn new(nested: Nested, in_chain: Option<&Attribute>) -> Self {
        match (nested, in_chain) {
            (Nested::Off, _) => Self::Not,
            (Nested::InChain | Nested::Detect { .. }, Some(rule)) => Self::InChain(rule.clone()),
            // Checked before: the rule is known wherever it was configured.
            (Nested::InChain, None) => Self::Not,
            (
                Nested::BreadthFirst { depth, batch, budget }
                | Nested::Detect { depth, batch, budget },
                _,
            ) => Self::LevelByLevel { depth, batch, budget },
        }
    }
}

/// Finds the groups of entries.
pub(super) struct GroupFinder<'a> {
    pub(super) searcher: &'a dyn Searcher,
    pub(super) config: &'a Groups,
    pub(super) graph: &'a GroupGraph,
    pub(super) follow: Follow,
    pub(super) now: UnixSeconds,
}

impl GroupFinder<'_> {
    /// The groups of an entry, each once, in the order in which they were found.
    pub(super) async fn find(&self, entry: &Entry) -> Result<Vec<Membership>, LdapError> {
        let depth = match self.follow {
            Follow::LevelByLevel { depth, .. } => depth,
            Follow::Not | Follow::InChain(_) => 0,
        };
        let mut walk = Walk::new(self.config.max_groups, depth);
        walk.add(&self.direct(entry).await?)?;
        if let Follow::LevelByLevel { batch, budget, .. } = self.follow {
            let climbing = self.climb(&mut walk, batch);
            tokio::time::timeout(budget, climbing)
                .await
                .map_err(|_| LdapError::OutOfTime(budget))??;
        }
        Ok(walk.finish())
    }

    /// The groups that an entry is in directly; by the rule, all of them.
    async fn direct(&self, entry: &Entry) -> Result<Vec<Membership>, LdapError> {
        let mut ways = Vec::new();
        if self.config.asks_members
            && let Some(member) = &self.config.member
        {
            ways.push(match &self.follow {
                Follow::InChain(rule) => Filter::by_rule(member, rule, entry.dn.as_bytes()),
                _ => Filter::equal(member, entry.dn.as_bytes()),
            });
        }
        if let Some(by_value) = &self.config.member_uid {
            let values = entry.values(by_value.user.as_str()).iter();
            ways.extend(values.map(|value| Filter::equal(&by_value.group, value.as_slice())));
        }
        let mut groups = Vec::new();
        if !ways.is_empty() {
            let found = self.search(Filter::any(ways), Vec::new()).await?;
            groups.extend(found.iter().map(|group| self.membership(group)));
        }
        if let Some(member_of) = &self.config.member_of {
            self.add_member_of(entry, member_of, &mut groups).await?;
        }
        Ok(groups)
    }

    /// Adds what the entry itself says that it is in.
    async fn add_member_of(
        &self,
        entry: &Entry,
        member_of: &Attribute,
        groups: &mut Vec<Membership>,
    ) -> Result<(), LdapError> {
        if entry.is_cut(member_of.as_str()) {
            return Err(LdapError::CutValues { attribute: member_of.to_string() });
        }
        let values = entry.values(member_of.as_str());
        if values.len() > self.config.max_groups {
            return Err(LdapError::TooManyGroups { limit: self.config.max_groups });
        }
        for value in values {
            let Ok(text) = std::str::from_utf8(value) else { continue };
            let is_known = groups.iter().any(|group| *group.dn == *text);
            let Ok(dn) = text.parse::<Dn>() else { continue };
            if is_known || !dn.is_in(&self.config.base, self.config.scope) {
                continue;
            }
            let name = dn.first_value(&self.config.name);
            if let Some(name) = name.filter(|_| self.config.filter.is_everything()) {
                let name = usable_name(name);
                groups.push(Membership { dn: text.into(), name });
            } else if let Some(group) = self.read(text).await? {
                groups.push(group);
            }
        }
        Ok(())
    }

    /// A group by its DN, if it is one.
    async fn read(&self, dn: &str) -> Result<Option<Membership>, LdapError> {
        let search = Search::for_one(dn, Scope::Base, self.config.filter.clone())
            .with_attributes([self.config.name.as_str()]);
        let found = self.searcher.search(search).await?;
        Ok(found.entries.first().map(|group| self.membership(group)))
    }

    /// Follows groups to the groups they are in, asking only about those of which it is not known.
    async fn climb(&self, walk: &mut Walk, batch: usize) -> Result<(), LdapError> {
        let Some(member) = &self.config.member else { return Ok(()) };
        while let Some(level) = walk.next_level() {
            let mut unknown = Vec::new();
            for dn in level {
                match self.graph.parents(&dn, self.now) {
                    Some(parents) => walk.add(&parents)?,
                    None => unknown.push(dn),
                }
            }
            for children in unknown.chunks(batch) {
                walk.add(&self.parents(member, children).await?)?;
            }
        }
        Ok(())
    }

    /// The groups that any of these is in directly. Learns which of them is in which.
    async fn parents(
        &self,
        member: &Attribute,
        children: &[Arc<str>],
    ) -> Result<Vec<Membership>, LdapError> {
        let ways: Vec<Filter> =
            children.iter().map(|dn| Filter::equal(member, dn.as_bytes())).collect();
        // Of several, the members tell which it is: only these, since there may be thousands. What is
        // not asked for is not there, so the name is asked for, too.
        let mut only_values = Vec::new();
        if children.len() > 1 {
            only_values.extend(ways.iter().cloned());
            only_values.push(Filter::Present(self.config.name.clone()));
        }
        let found = self.search(Filter::any(ways), only_values).await?;
        let parents: Vec<Membership> = found.iter().map(|group| self.membership(group)).collect();
        if let [child] = children {
            self.graph.learn(child, parents.clone(), self.now);
            return Ok(parents);
        }
        if let Some(of_each) = attribute(member, children, &found, &parents) {
            for (child, parents) in children.iter().zip(of_each) {
                self.graph.learn(child, parents, self.now);
            }
        }
        Ok(parents)
    }

    async fn search(
        &self,
        ways: Filter,
        only_values: Vec<Filter>,
    ) -> Result<Vec<Entry>, LdapError> {
        let mut attributes = vec![self.config.name.to_string()];
        if !only_values.is_empty() {
            attributes.extend(self.config.member.iter().map(ToString::to_string));
        }
        let search = Search {
            base: self.config.base.to_string(),
            scope: self.config.scope,
            filter: Filter::And(vec![self.config.filter.clone(), ways]),
            attributes,
            limit: self.config.max_groups,
            page_size: Some(self.config.page_size),
            only_values,
        };
        let found = self.searcher.search(search).await?;
        if found.is_complete {
            return Ok(found.entries);
        }
        Err(LdapError::TooManyGroups { limit: self.config.max_groups })
    }

    fn membership(&self, group: &Entry) -> Membership {
        Membership { dn: group.dn.as_str().into(), name: group_name(&self.config.name, group) }
    }
}

pub(super) fn usable_name(name: &[u8]) -> Option<Arc<str>> {
    let name = std::str::from_utf8(name).ok()?;
    let is_usable = !name.trim().is_empty() && !name.chars().any(char::is_control);
    is_usable.then(|| name.into())
}

/// Which parents each child has, by the members that the parents list. `None` when that cannot be told
/// for sure: then nothing is remembered, and the answer as a whole is right all the same.
fn attribute(
    member: &Attribute,
    children: &[Arc<str>],
    found: &[Entry],
    parents: &[Membership],
) -> Option<Vec<Vec<Membership>>> {
    let mut exact = HashMap::new();
    let mut folded = HashMap::new();
    for (place, child) in children.iter().enumerate() {
        exact.insert(&**child, place);
        if folded.insert(fold(child), place).is_some() {
            return None;
        }
    }
    let mut of_each = vec![Vec::new(); children.len()];
    for (entry, parent) in found.iter().zip(parents) {
        if entry.is_cut(member.as_str()) {
            return None;
        }
        let mut is_told = false;
        for value in entry.values(member.as_str()) {
            let Ok(text) = std::str::from_utf8(value) else { continue };
            let place = exact.get(text).or_else(|| folded.get(&fold(text)));
            let Some(place) = place else { continue };
            of_each.get_mut(*place)?.push(parent.clone());
            is_told = true;
        }
        if !is_told {
            return None;
        }
    }
    Some(of_each)
}
