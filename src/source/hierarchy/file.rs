//! A tree from a file: one line `child: parent` for each namespace that has a parent.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Hierarchy, HierarchyError, Parent};
use crate::api::Str;
use crate::model::Origin;
use crate::source::document::{self, Document, Value};

impl Hierarchy {
    /// The tree that a file says: a YAML or JSON mapping from child to parent.
    ///
    /// # Errors
    /// When it cannot be read, or is no tree.
    pub fn from_file(path: &Path) -> Result<Self, HierarchyError> {
        let name = path.display().to_string();
        match std::fs::read(path) {
            Ok(bytes) => Self::parse(&name, bytes),
            Err(error) => Err(HierarchyError::Read { path: name, error }),
        }
    }

    /// The same for what is in memory already. `name` is what origins call it.
    ///
    /// # Errors
    /// When it is no tree.
    pub fn parse(name: &str, bytes: Vec<u8>) -> Result<Self, HierarchyError> {
        let at = |line| Origin::new(name, 0, line);
        let no_mapping = |line, what: String| HierarchyError::NoMapping { origin: at(line), what };
        let Document { root, duplicates } = document::read(name, bytes)?;
        if let Some((field, line)) = duplicates.first() {
            return Err(no_mapping(*line, format!("`{field}` stands here a second time")));
        }
        let Some(root) = root else {
            return Err(no_mapping(0, "there is nothing in it".to_owned()));
        };
        let Value::Map(entries) = root.value else {
            return Err(no_mapping(root.line, "this is no mapping".to_owned()));
        };
        let mut parents = BTreeMap::new();
        for (child, parent) in entries {
            let origin = at(parent.line);
            let name = match parent.value {
                Value::String(name) if !name.is_empty() && !child.is_empty() => name,
                // Written down to say that it is a root.
                Value::Null => continue,
                _ => {
                    let what = format!("the parent of `{child}` is no name (quote numbers)");
                    return Err(HierarchyError::NoMapping { origin, what });
                }
            };
            parents.insert(Str::from(child.as_str()), Parent { name, origin });
        }
        Self::new(parents)
    }
}
