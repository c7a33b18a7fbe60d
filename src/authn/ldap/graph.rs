use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;

use super::error::LdapError;
use crate::authn::UnixSeconds;

/// A group that somebody or something is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Membership {
    /// Its DN, as the directory writes it.
    pub(super) dn: Arc<str>,
    /// What it is called; `None` if that is of no use. It may still be in other groups.
    pub(super) name: Option<Arc<str>>,
}

/// Which group is in which, remembered for a while. Keyed by DNs as the directory writes them: another
/// spelling of one is asked about again, and two that differ are never taken for one.
pub(super) struct GroupGraph {
    parents: Cache<Arc<str>, Parents>,
    remember: i64,
}

#[derive(Clone)]
struct Parents {
    at: UnixSeconds,
    groups: Arc<[Membership]>,
}

impl GroupGraph {
    pub(super) fn new(capacity: usize, remember: Duration) -> Self {
        let remember = i64::try_from(remember.as_secs()).unwrap_or(i64::MAX);
        Self { parents: Cache::new(capacity), remember }
    }

    /// The groups that a group is in directly, if that is known.
    pub(super) fn parents(&self, dn: &str, now: UnixSeconds) -> Option<Arc<[Membership]>> {
        let known = self.parents.get(dn)?;
        let age = now.checked_sub(known.at)?;
        // A clock that was set back makes nothing younger than it is.
        (0..self.remember).contains(&age).then_some(known.groups)
    }

    pub(super) fn learn(&self, dn: &Arc<str>, groups: Vec<Membership>, now: UnixSeconds) {
        if self.remember > 0 {
            let known = Parents { at: now, groups: groups.into() };
            self.parents.insert(Arc::clone(dn), known);
        }
    }
}

/// A walk from the groups of a user to the groups that those are in, level by level. Each group is
/// visited once, so that circles end.
pub(super) struct Walk {
    seen: HashSet<Arc<str>>,
    found: Vec<Membership>,
    next: Vec<Arc<str>>,
    max_groups: usize,
    depth: usize,
    level: usize,
}

impl Walk {
    /// A walk that ends with an error beyond so many groups or levels of groups in groups.
    pub(super) fn new(max_groups: usize, depth: usize) -> Self {
        Self {
            seen: HashSet::new(),
            found: Vec::new(),
            next: Vec::new(),
            max_groups,
            depth,
            level: 0,
        }
    }

    /// Notes groups; those not seen before are the next level.
    pub(super) fn add(&mut self, groups: &[Membership]) -> Result<(), LdapError> {
        for group in groups {
            if !self.seen.insert(Arc::clone(&group.dn)) {
                continue;
            }
            if self.level > self.depth {
                return Err(LdapError::TooDeep { depth: self.depth });
            }
            if self.found.len() == self.max_groups {
                return Err(LdapError::TooManyGroups { limit: self.max_groups });
            }
            self.found.push(group.clone());
            self.next.push(Arc::clone(&group.dn));
        }
        Ok(())
    }

    /// The groups whose parents are to be added next; `None` when there are none.
    pub(super) fn next_level(&mut self) -> Option<Vec<Arc<str>>> {
        if self.next.is_empty() {
            return None;
        }
        self.level += 1;
        Some(std::mem::take(&mut self.next))
    }

    /// All that was found, in the order in which it was.
    pub(super) fn finish(self) -> Vec<Membership> {
        self.found
    }
}
