use std::sync::Arc;

use super::cache::Known;
use super::file::SYSTEM;
use super::{LiveGroupsOptions, SystemGroups, UnknownUser};
use crate::model::{User, groups};

impl LiveGroupsOptions {
    /// Whether the groups of this user are replaced at all.
    pub(super) fn concerns(&self, user: &User) -> bool {
        !user.name.is_empty()
            && !user.name.starts_with(SYSTEM)
            && (self.exempt.is_empty() || !self.exempt.contains(&user.name))
    }

    /// Whether a group of a credential stays, because it begins with `system:` and is trusted.
    fn stays(&self, group: &str) -> bool {
        group.starts_with(SYSTEM)
            && match &self.system_groups {
                SystemGroups::All => true,
                SystemGroups::And(others) => {
                    group == groups::AUTHENTICATED || others.contains(group)
                }
                SystemGroups::Authenticated => group == groups::AUTHENTICATED,
            }
    }

    /// What of the source's answer is used, in its order: no group twice, none without a name, none of
    /// the cluster's own.
    pub(super) fn usable(groups: Vec<String>) -> Vec<String> {
        let mut seen = std::collections::HashSet::new();
        let mut usable = groups;
        usable.retain(|group| {
            !group.is_empty() && !group.starts_with(SYSTEM) && seen.insert(group.clone())
        });
        usable
    }

    /// The user in the groups of now: those of the source, then those of the credential that stay.
    pub(super) fn replaced(&self, known: &Known, user: &User) -> Arc<User> {
        let stays = |group: &&String| self.stays(group);
        let Some(live) = known.groups.as_deref().or_else(|| self.of_unknown()) else {
            // Nobody else has groups of their own that stay; whoever has is not met often enough to be
            // kept.
            let is_own = |group: &&String| !group.starts_with(SYSTEM);
            let staying = user.groups.iter().filter(|group| is_own(group) || stays(group));
            return Arc::new(User { groups: staying.cloned().collect(), ..user.clone() });
        };
        if let Some(last) = &*known.last.load()
            && last.uid == user.uid
            && last.extra == user.extra
            && last
                .groups
                .get(live.len()..)
                .is_some_and(|staying| staying.iter().eq(user.groups.iter().filter(stays)))
        {
            return Arc::clone(last);
        }
        let groups = live.iter().chain(user.groups.iter().filter(stays)).cloned().collect();
        let replaced = Arc::new(User {
            name: user.name.clone(),
            uid: user.uid.clone(),
            groups,
            extra: user.extra.clone(),
        });
        known.last.store(Some(Arc::clone(&replaced)));
        replaced
    }

    /// The groups of a user whom the source does not know; `None`: those of the credential.
    fn of_unknown(&self) -> Option<&'static [String]> {
        match self.unknown_user {
            UnknownUser::Keep => None,
            UnknownUser::NoGroups => Some(&[]),
        }
    }
}
