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

#[cfg(test)]
mod tests {
    use crate::webhook::config::{ConfigError, ServerConfig};

    fn parse(more: &str) -> Result<ServerConfig, ConfigError> {
        let text = format!(
            "apiVersion: portcullis.dev/v1alpha1\nkind: ServerConfiguration\n\
             listen: {{address: '127.0.0.1:0', tls: {{certificateFile: a, keyFile: b}}}}\n\
             authorizers: [{{type: AlwaysDeny}}]\n{more}"
        );
        ServerConfig::parse("/etc/p/server.yaml", text.as_bytes())
    }

    const FACTS: &str = "cluster: {inCluster: true, facts: {namespace: portcullis-system}}\n";

    #[test]
    fn a_list_comes_from_a_file_or_the_cluster_or_both_and_never_from_nowhere() {
        for (revocation, file, from_cluster) in [
            ("{file: revoked}", true, false),
            ("{fromCluster: true}", false, true),
            ("{file: revoked, fromCluster: true}", true, true),
        ] {
            let read = parse(&format!("{FACTS}revocation: {revocation}\n")).unwrap();
            let read = read.revocation.unwrap();
            assert_eq!(
                (read.file.is_some(), read.from_cluster),
                (file, from_cluster),
                "{revocation}"
            );
        }
        for (more, expected) in [
            (format!("{FACTS}revocation: {{}}\n"), "names no list"),
            (format!("{FACTS}revocation: {{fromCluster: false}}\n"), "names no list"),
            ("revocation: {fromCluster: true}\n".to_owned(), "in `cluster.facts`"),
            (
                "cluster: {inCluster: true}\nrevocation: {fromCluster: true}\n".to_owned(),
                "in `cluster.facts`",
            ),
            (
                "cluster: {inCluster: true, facts: {namespace: A_b}}\n".to_owned(),
                "no name of a namespace",
            ),
            ("cluster: {inCluster: true, facts: {}}\n".to_owned(), "`namespace` is missing"),
            (
                "signers:\n- {signerName: kubernetes.io/kubelet-serving, authority: \
                 {certificateFile: a, keyFile: b}}\n"
                    .to_owned(),
                "takes requests from `cluster`, which is missing",
            ),
        ] {
            let told = parse(&more).unwrap_err().to_string();
            assert!(told.contains(expected), "{more}: {told}");
        }
    }
}
