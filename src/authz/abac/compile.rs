//! From lines to the table. Every error of a policy file is found here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::table::{Line, Table};
use super::{LoadError, Policy};
use crate::api::Str;
use crate::api::abac::{Format, PolicySpec, Statement};
use crate::model::groups;

/// The longest line without its line feed (S-ABAC-2).
const MAX_LINE_LEN: usize = 65_535;

/// The most lines: a quarter of the ids of the table, since a line brings up to four terms.
const MAX_LINES: u32 = u32::MAX / 4;

impl Policy {
    /// Compiles the text of a policy file; `name` is what errors and origins call it.
    ///
    /// Bytes that are not UTF-8 are read by the API server as U+FFFD;
    /// [`String::from_utf8_lossy`] does the same.
    ///
    /// ```
    /// use portcullis::authz::abac::Policy;
    ///
    /// let error = Policy::parse("policy.jsonl", "# ours\n{\"user\":1}").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "error reading policy file policy.jsonl, line 2: {\"user\":1}: \
    ///      json: cannot unmarshal number into Go struct field Policy.user of type string"
    /// );
    /// ```
    ///
    /// # Errors
    /// The first line that cannot be read or is too long (S-ABAC-5, S-ABAC-6).
    pub fn parse(name: impl Into<Arc<str>>, text: &str) -> Result<Self, LoadError> {
        static STAMPS: AtomicU64 = AtomicU64::new(0);

        let source: Arc<str> = name.into();
        let mut lines = Vec::new();
        let mut unversioned = 0_usize;
        for (index, written) in text.split('\n').enumerate() {
            let path = || Arc::clone(&source);
            let number = u32::try_from(index)
                .ok()
                .map(|index| index.saturating_add(1))
                .filter(|number| *number < MAX_LINES)
                .ok_or_else(|| LoadError::TooManyLines { path: path() })?;
            if written.len() > MAX_LINE_LEN {
                return Err(LoadError::LineTooLong { path: path(), line: number });
            }
            let written = written.strip_suffix('\r').unwrap_or(written);
            if is_ignored(written) {
                continue;
            }
            let statement = Statement::parse(written).map_err(|cause| LoadError::Line {
                path: path(),
                line: number,
                text: written.to_owned(),
                cause,
            })?;
            if statement.format == Format::Unversioned {
                unversioned = unversioned.saturating_add(1);
            }
            lines.push(Line {
                number,
                // Blanks around a line never matter; other white space may.
                text: written.trim_matches([' ', '\t']).into(),
                spec: effective(statement),
            });
        }
        let table = Table::compile(lines);
        let stamp = STAMPS.fetch_add(1, Ordering::Relaxed);
        Ok(Self { source, table: Arc::new(table), unversioned, stamp })
    }
}

/// Blank lines and comments (S-ABAC-1).
fn is_ignored(line: &str) -> bool {
    let trimmed = line.trim();
    trimmed.is_empty() || trimmed.starts_with('#')
}

/// What a line comes to mean (S-ABAC-8, S-ABAC-9).
pub(super) fn effective(statement: Statement) -> PolicySpec {
    let Statement { format, mut spec, .. } = statement;
    let nobody = spec.user.is_empty() && spec.group.is_empty();
    let everybody = spec.user == "*" || spec.group == "*";
    // (a) is for the legacy form, (b) for both; the server's own type is taken literally.
    if (format.is_legacy() && nobody) || (format != Format::Internal && everybody) {
        spec.user = Str::default();
        spec.group = groups::AUTHENTICATED.into();
    }
    if format.is_legacy() {
        // (f) before (c) and (d) fill in what it looks at.
        let anything = spec.namespace.is_empty() && spec.resource.is_empty();
        spec.non_resource_path = if anything { "*".into() } else { Str::default() };
        for empty in [&mut spec.namespace, &mut spec.resource] {
            if empty.is_empty() {
                *empty = "*".into();
            }
        }
        spec.api_group = "*".into();
    }
    spec
}
