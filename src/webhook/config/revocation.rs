//! Which certificates do not count any more.

use std::path::Path;

use super::NamedPath;
use crate::source::config_file::Field;

/// The lists of revoked client certificates, asked before every authorizer. With both, what either says
/// counts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RevocationConfig {
    /// The file, see [`source::revocations`](crate::source::revocations).
    pub file: Option<NamedPath>,
    /// Whether the revocations count that replicas and tools share, see
    /// [`source::shared_facts`](crate::source::shared_facts).
    pub from_cluster: bool,
}

/// `has_facts`: whether replicas share anything.
pub(super) fn revocation(
    field: Field<'_>,
    base: &Path,
    has_facts: bool,
) -> Option<RevocationConfig> {
    let object = field.object()?;
    let file = object.get("file").map(|field| field.path(base));
    let from_cluster = object.get("fromCluster").map_or(Some(false), |field| field.boolean());
    if from_cluster == Some(true) && !has_facts {
        object.note_at(
            "fromCluster",
            "reads what replicas share, and nothing says where: name a namespace in `cluster.facts`",
        );
    }
    if file.is_none() && from_cluster == Some(false) {
        object.note("names no list; use `file`, or `fromCluster: true`, or both");
        return None;
    }
    object.finish();
    Some(RevocationConfig {
        // What is configured and not understood must not be left out.
        file: file.map_or(Some(None), |read| read.map(Some))?,
        from_cluster: from_cluster?,
    })
}
