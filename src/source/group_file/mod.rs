//! Who is in which group now, by a file that somebody keeps: a line `user: [group, …]` for each user.
//!
//! YAML or JSON, with the user names that requests carry. Read whole or not at all: a line that cannot be
//! meant refuses the file, since a missing group may be one that is denied something.
//!
//! ```
//! use portcullis::authz::live_groups::LiveGroups;
//! use portcullis::model::User;
//! use portcullis::source::group_file;
//!
//! let file = group_file::parse("groups.yaml", b"jane: [dev, 'oidc:ops']\njoe: []\n".to_vec())?;
//! assert_eq!(file.groups(&User::new("jane"))?.unwrap(), ["dev", "oidc:ops"]);
//! assert_eq!(file.groups(&User::new("joe"))?.unwrap(), [""; 0]);
//! assert_eq!(file.groups(&User::new("ann"))?, None);
//!
//! let error = group_file::parse("groups.yaml", b"jane: dev\n".to_vec()).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "groups.yaml:1: the groups of `jane` are no list; write a line such as `jane: [dev, ops]`",
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Absent on purpose: watching the file; whoever does makes a new resolver of it, or flushes the old one.
//! The file of `query::Groups` is the other way round, from group to users, and only adds.

use std::io;
use std::path::Path;

use super::LoadError;
use super::document::{self, Document, Node, Value};
use crate::authz::live_groups::{GroupFile, GroupFileError};
use crate::model::Origin;

/// Why a file of users and groups cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroupFileReadError {
    /// The file cannot be read.
    #[error("`{path}`: cannot be read; check the path and your permission to read it")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// It is no YAML.
    #[error(transparent)]
    Document(#[from] LoadError),
    /// It is no mapping from users to lists of groups.
    #[error("{origin}: {what}; write a line such as `jane: [dev, ops]`")]
    NoMapping {
        /// Where.
        origin: Origin,
        /// What stands there.
        what: String,
    },
    /// A name that is not to be used.
    #[error("{origin}: {error}")]
    Name {
        /// Where.
        origin: Origin,
        /// What is wrong with it.
        error: GroupFileError,
    },
}

/// Reads a file.
///
/// # Errors
/// When it cannot be read, or not be used as it stands.
pub fn load(path: &Path) -> Result<GroupFile, GroupFileReadError> {
    let name = path.display().to_string();
    match std::fs::read(path) {
        Ok(bytes) => parse(&name, bytes),
        Err(error) => Err(GroupFileReadError::Read { path: name, error }),
    }
}

/// The same for what is in memory already; `name` is what the source is called.
///
/// # Errors
/// When it cannot be used as it stands.
pub fn parse(name: &str, bytes: Vec<u8>) -> Result<GroupFile, GroupFileReadError> {
    let at = |line| Origin::new(name, 0, line);
    let no_mapping = |line, what: String| GroupFileReadError::NoMapping { origin: at(line), what };
    let Document { root, duplicates } = document::read(name, bytes)?;
    if let Some((user, line)) = duplicates.first() {
        return Err(no_mapping(*line, format!("user `{user}` stands here a second time")));
    }
    let Some(root) = root else {
        return Err(no_mapping(0, "there is nothing in it".to_owned()));
    };
    let Value::Map(entries) = root.value else {
        return Err(no_mapping(root.line, "this is no mapping".to_owned()));
    };
    let mut users = Vec::with_capacity(entries.len());
    for (user, groups) in entries {
        let line = groups.line;
        let Value::List(groups) = groups.value else {
            return Err(no_mapping(line, format!("the groups of `{user}` are no list")));
        };
        let groups = groups.into_iter().map(|group| match group {
            Node { value: Value::String(group), .. } => Ok(group.to_string()),
            Node { line, .. } => {
                Err(no_mapping(line, format!("a group of `{user}` is no text (quote numbers)")))
            }
        });
        let groups = groups.collect::<Result<Vec<String>, _>>()?;
        // Looked at by itself, so that the line is known.
        let entry = || [(user.as_str(), groups.iter().map(String::as_str))];
        if let Err(error) = GroupFile::new(name, entry()) {
            return Err(GroupFileReadError::Name { origin: at(line), error });
        }
        users.push((user.to_string(), groups));
    }
    GroupFile::new(name, users).map_err(|error| GroupFileReadError::Name { origin: at(0), error })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authz::live_groups::LiveGroups;
    use crate::model::User;

    fn refusal(text: &str) -> String {
        match parse("g", text.as_bytes().to_vec()) {
            Ok(file) => panic!("{text:?} was taken: {file:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_cannot_be_meant_refuses_the_file_with_its_line() {
        let example = "write a line such as `jane: [dev, ops]`";
        for (text, said) in [
            ("", format!("g: there is nothing in it; {example}")),
            ("- jane", format!("g:1: this is no mapping; {example}")),
            (
                "a: [x]\njane: [7]",
                format!("g:2: a group of `jane` is no text (quote numbers); {example}"),
            ),
            (
                "jane: [x]\njane: [y]",
                format!("g:2: user `jane` stands here a second time; {example}"),
            ),
            ("jane:", format!("g:1: the groups of `jane` are no list; {example}")),
        ] {
            assert_eq!(refusal(text), said, "{text:?}");
        }
        for (text, begins) in [
            (
                "a: [x]\njane: [system:masters]",
                "g:2: user `jane`: group `system:masters` is one of",
            ),
            ("system:node:n1: [x]", "g:1: user `system:node:n1` is one of the cluster's own"),
            ("jane: ['']", "g:1: user `jane`: a group has no name"),
        ] {
            assert!(refusal(text).starts_with(begins), "{}", refusal(text));
        }
    }

    #[test]
    fn json_is_read_like_the_yaml_that_it_is() {
        let file = parse("g.json", br#"{"jane": ["dev"], "joe": []}"#.to_vec()).unwrap();
        assert_eq!(file.groups(&User::new("jane")), Ok(Some(vec!["dev".to_owned()])));
        assert_eq!((file.len(), file.members("dev")), (2, vec!["jane"]));
    }
}
