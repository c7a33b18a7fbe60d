use std::collections::HashMap;

use super::{LiveGroups, LiveGroupsError};
use crate::model::User;

/// Groups of users that somebody wrote down. Reading a file is the business of `source::group_file`.
///
/// ```
/// use portcullis::authz::live_groups::{GroupFile, LiveGroups};
/// use portcullis::model::User;
///
/// let file = GroupFile::new("groups.yaml", [("jane", ["dev", "ops"])])?;
/// assert_eq!(file.groups(&User::new("jane"))?.unwrap(), ["dev", "ops"]);
/// assert_eq!(file.groups(&User::new("joe"))?, None);
///
/// let error = GroupFile::new("groups.yaml", [("jane", ["system:masters"])]).unwrap_err();
/// assert!(error.to_string().starts_with("user `jane`: group `system:masters` "));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupFile {
    name: String,
    users: HashMap<String, Vec<String>>,
}

/// Why users and groups are not to be used as they stand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupFileError {
    /// A group without a name.
    #[error("user `{user}`: a group has no name; remove it")]
    EmptyGroup {
        /// Whose it is.
        user: String,
    },
    /// A user without a name.
    #[error("a user has no name; write the name that requests carry")]
    EmptyUser,
    /// A user listed twice.
    #[error("user `{user}` is listed a second time; write all groups into one list")]
    RepeatedUser {
        /// The user.
        user: String,
    },
    /// A group that only the cluster itself gives.
    #[error(
        "user `{user}`: group `{group}` is one of the cluster's own, which nobody else gives; bind what \
         the user needs to another group"
    )]
    SystemGroup {
        /// Whose it is.
        user: String,
        /// The group.
        group: String,
    },
    /// A user that nobody looks up.
    #[error(
        "user `{user}` is one of the cluster's own, whose groups are not replaced; remove the line"
    )]
    SystemUser {
        /// The user.
        user: String,
    },
}

/// What names of the cluster's own begin with.
pub(super) const SYSTEM: &str = "system:";

impl GroupFile {
    /// The groups of each user; `name` is what reasons call them.
    ///
    /// # Errors
    /// For names that begin with `system:`, for empty ones, and for a user who is listed twice.
    pub fn new<U, G, S>(
        name: impl Into<String>,
        users: impl IntoIterator<Item = (U, G)>,
    ) -> Result<Self, GroupFileError>
    where
        U: Into<String>,
        G: IntoIterator<Item = S>,
        S: Into<String>,
    {
        let mut file = Self { name: name.into(), users: HashMap::new() };
        for (user, groups) in users {
            let (user, groups) = (user.into(), groups.into_iter().map(Into::into).collect());
            check(&user, &groups)?;
            if file.users.contains_key(&user) {
                return Err(GroupFileError::RepeatedUser { user });
            }
            file.users.insert(user, groups);
        }
        Ok(file)
    }

    /// The users who are in a group, in order of their names.
    #[must_use]
    pub fn members(&self, group: &str) -> Vec<&str> {
        let is_in = |groups: &Vec<String>| groups.iter().any(|held| held == group);
        let members = self.users.iter().filter(|(_, groups)| is_in(groups));
        let mut members: Vec<&str> = members.map(|(user, _)| user.as_str()).collect();
        members.sort_unstable();
        members
    }

    /// How many users are listed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether nobody is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

fn check(user: &str, groups: &Vec<String>) -> Result<(), GroupFileError> {
    if user.is_empty() {
        return Err(GroupFileError::EmptyUser);
    }
    if user.starts_with(SYSTEM) {
        return Err(GroupFileError::SystemUser { user: user.to_owned() });
    }
    for group in groups {
        if group.is_empty() {
            return Err(GroupFileError::EmptyGroup { user: user.to_owned() });
        }
        if group.starts_with(SYSTEM) {
            return Err(GroupFileError::SystemGroup {
                user: user.to_owned(),
                group: group.clone(),
            });
        }
    }
    Ok(())
}

impl LiveGroups for GroupFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn groups(&self, user: &User) -> Result<Option<Vec<String>>, LiveGroupsError> {
        Ok(self.users.get(&user.name).cloned())
    }

    fn is_slow(&self) -> bool {
        false
    }
}
