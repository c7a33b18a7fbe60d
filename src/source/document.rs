//! One document as a tree that knows its lines: for files that are no policy, such as the
//! configuration of the server. JSON is read as the YAML that it is.

use std::sync::Arc;

pub(crate) use super::node::{Node, Value};

use super::{Limits, LoadError, text, yaml};
use crate::api::Str;
use crate::model::Origin;

/// A document, every field on the line of its name.
#[derive(Debug, Default)]
pub(crate) struct Document {
    /// `None` when there is nothing but comments.
    pub(crate) root: Option<Node>,
    /// Fields that stand twice in one object, with the line of the second.
    pub(crate) duplicates: Vec<(Str, u32)>,
}

/// Reads the only document of a file.
pub(crate) fn read(name: &str, bytes: Vec<u8>) -> Result<Document, LoadError> {
    let name: Arc<str> = Arc::from(name);
    let text = text::decode(&name, bytes)?;
    yaml::single(&text, &Limits::default(), |line| Origin::new(Arc::clone(&name), 0, line))
}
