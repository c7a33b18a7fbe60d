//! Which certificates do not count any more.

use std::path::Path;

use super::NamedPath;
use crate::source::config_file::Field;

/// The list of revoked client certificates, asked before every authorizer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RevocationConfig {
    /// The file, see [`source::revocations`](crate::source::revocations).
    pub file: NamedPath,
}

pub(super) fn revocation(field: Field<'_>, base: &Path) -> Option<RevocationConfig> {
    let object = field.object()?;
    let file = object.required("file").and_then(|field| field.path(base));
    object.finish();
    Some(RevocationConfig { file: file? })
}
