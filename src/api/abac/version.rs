//! Which form is this? Version and kind decide (S-ABAC-4).

use super::{Format, GROUP, StatementError};
use crate::util::gojson::{Kind, Raw};

/// Finds the form of a line, or why there is none.
pub(super) fn format_of(object: Raw<'_>, line: &str) -> Result<Format, StatementError> {
    let TypeMeta { version, kind } = TypeMeta::read(object)?;
    let (group, version) = split(&version)?;
    if !kind.is_empty() && !version.is_empty() {
        return registered(group, version, &kind);
    }
    // The loader's second try: what is missing is that of the legacy form.
    let kind = if kind.is_empty() { "Policy" } else { &kind };
    let (group, version) = match (group, version) {
        ("" | GROUP, "") => (GROUP, "v0"),
        (_, "") => return Err(StatementError::VersionMissing { line: line.to_owned() }),
        written => written,
    };
    match registered(group, version, kind)? {
        Format::V0 | Format::Unversioned => Ok(Format::Unversioned),
        other => Ok(other),
    }
}

/// What the loader says when a line that is not legacy comes out of its second try: it has no
/// kind. Fields of the wrong type are complained about before.
pub(super) fn check_kind(object: Raw<'_>, format: Format) -> Result<(), StatementError> {
    let version = match format {
        Format::V0 | Format::Unversioned => return Ok(()),
        Format::V1beta1 => "v1beta1",
        Format::Internal => "abac",
    };
    if TypeMeta::read(object)?.kind.is_empty() {
        Err(StatementError::KindMissing { version })
    } else {
        Ok(())
    }
}

fn registered(group: &str, version: &str, kind: &str) -> Result<Format, StatementError> {
    match (group, version, kind) {
        (GROUP, "v1beta1", "Policy") => Ok(Format::V1beta1),
        (GROUP, "v0", "Policy") => Ok(Format::V0),
        (GROUP, "__internal", "Policy") => Ok(Format::Internal),
        _ => Err(StatementError::NotRegistered {
            kind: kind.to_owned(),
            version: if group.is_empty() {
                version.to_owned()
            } else {
                format!("{group}/{version}")
            },
        }),
    }
}

/// Group and version; without a slash all of it is the version.
fn split(written: &str) -> Result<(&str, &str), StatementError> {
    match written.split_once('/') {
        None => Ok(("", written)),
        Some((group, version)) if !version.contains('/') => Ok((group, version)),
        Some(_) => Err(StatementError::Version { version: written.to_owned() }),
    }
}

#[derive(Default)]
struct TypeMeta {
    version: String,
    kind: String,
}

impl TypeMeta {
    /// Unlike the rest of the object these two are found in any case of letters, as the standard
    /// library of Go does.
    fn read(object: Raw<'_>) -> Result<Self, StatementError> {
        let mut meta = Self::default();
        match object.kind() {
            // Go reads `null` as an empty object.
            Kind::Object | Kind::Null => {}
            other => return Err(StatementError::NotAnObject { found: other.name() }),
        }
        for (key, value) in object.members() {
            let (field, slot) = if folds_to(&key, "apiversion") {
                ("apiVersion", &mut meta.version)
            } else if folds_to(&key, "kind") {
                ("kind", &mut meta.kind)
            } else {
                continue;
            };
            match value.kind() {
                Kind::String => *slot = value.string(),
                // Leaves what an earlier duplicate said.
                Kind::Null => {}
                other => {
                    return Err(StatementError::VersionOrKindType { field, found: other.name() });
                }
            }
        }
        Ok(meta)
    }
}

/// Equality without case; two letters outside ASCII have lower-case forms within it.
fn folds_to(key: &str, lower: &str) -> bool {
    let fold = |letter: char| match letter {
        '\u{212a}' => 'k',
        '\u{17f}' => 's',
        other => other.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(lower.chars())
}
