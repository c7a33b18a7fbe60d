//! Configuration files: which values stand in it, and at which lines are its mistakes?
//!
//! One YAML or JSON document with an `apiVersion` and a `kind` of ours. YAML is read as Kubernetes
//! reads it (S-ACFG-2), unknown fields and fields that stand twice are refused, and every mistake is
//! noted before anything is given up. Relative paths are relative to the folder of the file.
//!
//! Absent on purpose: what the fields mean (the caller reads them), environment variables, and
//! reading anything that a file names.

#[cfg_attr(
    not(feature = "webhook"),
    expect(
        dead_code,
        reason = "a server's configuration has kinds of values that a policy has not"
    )
)]
mod field;
mod problem;
mod scalar;

use std::path::{Path, PathBuf};

#[cfg(feature = "webhook")]
pub(crate) use field::instead;
pub(crate) use field::{Field, Object};
pub use problem::{ConfigError, Problem};

use super::document;
use crate::model::Origin;
use field::Problems;

/// A path that a configuration names, and where it does.
#[derive(Debug, Clone)]
pub struct NamedPath {
    /// The path; a relative one was joined to the folder of the configuration file.
    pub path: PathBuf,
    /// The line of the configuration file.
    pub origin: Origin,
    /// The field that names it.
    pub field: String,
}

impl<P: Into<PathBuf>> From<P> for NamedPath {
    /// A path that no file names.
    fn from(path: P) -> Self {
        Self { path: path.into(), origin: Origin::default(), field: String::new() }
    }
}

/// Where it was named makes no difference.
impl PartialEq for NamedPath {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for NamedPath {}

/// What a file must say it is.
#[derive(Clone, Copy)]
pub(crate) struct Header {
    pub(crate) api_version: &'static str,
    pub(crate) kind: &'static str,
}

/// Reads the configuration in `bytes`. `path` is the file they come from: errors name it, and its
/// folder is what `body` is given to join relative paths to. `body` gives `None` only when it noted
/// something.
pub(crate) fn read<T>(
    path: &Path,
    bytes: &[u8],
    expected: Header,
    body: impl FnOnce(&Object<'_>, &Path) -> Option<T>,
) -> Result<T, ConfigError> {
    let problems = Problems::new(&path.display().to_string());
    let read = read_noting(path, bytes, expected, &problems, body);
    match (read, problems.finish()) {
        (Some(read), problems) if problems.is_empty() => Ok(read),
        (_, problems) => Err(ConfigError::new(problems)),
    }
}

/// `None` only when something was noted.
fn read_noting<T>(
    path: &Path,
    bytes: &[u8],
    expected: Header,
    problems: &Problems,
    body: impl FnOnce(&Object<'_>, &Path) -> Option<T>,
) -> Option<T> {
    let name = path.display().to_string();
    let document = match document::read(&name, bytes.to_vec()) {
        Ok(document) => document,
        Err(error) => {
            let text = error.to_string();
            let (line, place) = error.origin().map_or((0, name), |at| (at.line, at.to_string()));
            let message = text.strip_prefix(&format!("{place}: ")).unwrap_or(&text);
            problems.note(line, "", message);
            return None;
        }
    };
    let Some(root) = &document.root else {
        let Header { api_version, kind } = expected;
        let message = format!(
            "there is nothing in it; begin with `apiVersion: {api_version}` and `kind: {kind}`"
        );
        problems.note(0, "", message);
        return None;
    };
    for (field, line) in &document.duplicates {
        problems.note(*line, field, "this field stands twice; remove one of them");
    }
    let root = Field::root(root, problems).object()?;
    header(&root, expected)?;
    // A file that was opened by its bare name is in the working directory.
    let read = body(&root, path.parent().unwrap_or_else(|| Path::new("")));
    root.finish();
    read
}

/// A file of another kind has no mistakes, it is the wrong file: nothing else is said about it.
fn header(root: &Object<'_>, expected: Header) -> Option<()> {
    let right = |name, value: &str| {
        let field = root.required(name)?;
        let text = field.text()?;
        if text != value {
            field.note(format!("must be `{value}`, but is `{text}`; is this the right file?"));
            return None;
        }
        Some(())
    };
    right("apiVersion", expected.api_version).and(right("kind", expected.kind))
}
