use portcullis::source::watch::Watched;
use serde_json::{Map, Value};

/// A kind of which objects are saved.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) watched: Watched,
    /// As kubectl has it.
    pub(super) plural: &'static str,
    api_version: &'static str,
    kind: &'static str,
}

impl Kind {
    const fn new(
        watched: Watched,
        plural: &'static str,
        api_version: &'static str,
        kind: &'static str,
    ) -> Self {
        Self { watched, plural, api_version, kind }
    }

    pub(super) fn is_secret(&self) -> bool {
        self.watched == Watched::SecretMetadata
    }
}

const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// In the order in which they are written.
pub(super) static KINDS: [Kind; 14] = [
    Kind::new(Watched::ClusterRoles, "clusterroles", RBAC, "ClusterRole"),
    Kind::new(Watched::ClusterRoleBindings, "clusterrolebindings", RBAC, "ClusterRoleBinding"),
    Kind::new(Watched::Roles, "roles", RBAC, "Role"),
    Kind::new(Watched::RoleBindings, "rolebindings", RBAC, "RoleBinding"),
    Kind::new(Watched::Namespaces, "namespaces", "v1", "Namespace"),
    Kind::new(Watched::ServiceAccounts, "serviceaccounts", "v1", "ServiceAccount"),
    Kind::new(Watched::Pods, "pods", "v1", "Pod"),
    Kind::new(Watched::Nodes, "nodes", "v1", "Node"),
    Kind::new(Watched::PersistentVolumes, "persistentvolumes", "v1", "PersistentVolume"),
    Kind::new(
        Watched::VolumeAttachments,
        "volumeattachments",
        "storage.k8s.io/v1",
        "VolumeAttachment",
    ),
    Kind::new(Watched::ResourceSlices, "resourceslices", "resource.k8s.io/v1", "ResourceSlice"),
    Kind::new(
        Watched::PodCertificateRequests,
        "podcertificaterequests",
        "certificates.k8s.io/v1beta1",
        "PodCertificateRequest",
    ),
    Kind::new(
        Watched::CustomResourceDefinitions,
        "customresourcedefinitions",
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
    ),
    Kind::new(Watched::SecretMetadata, "secrets", "v1", "Secret"),
];

/// A kind of `--kinds`.
pub(super) fn kind(name: &str) -> Result<&'static Kind, String> {
    let found = KINDS.iter().find(|kind| kind.plural.eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        let names: Vec<&str> = KINDS.iter().map(|kind| kind.plural).collect();
        format!("it is none of {}", names.join(", "))
    })
}

/// An object as a file holds it: lists leave out what each of their items is. What nobody asks about, and
/// what nobody may see, is left out.
pub(super) fn complete(kind: &Kind, object: &[u8]) -> Result<Value, serde_json::Error> {
    let mut object: Map<String, Value> = serde_json::from_slice(object)?;
    let mut whole = Map::new();
    for (field, value) in [("apiVersion", kind.api_version), ("kind", kind.kind)] {
        let own = object.remove(field).filter(|_| !kind.is_secret());
        whole.insert(field.to_owned(), own.unwrap_or_else(|| value.into()));
    }
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        metadata.remove("managedFields");
        if kind.is_secret() {
            // Annotations may repeat what a Secret holds.
            metadata.retain(|field, _| ["namespace", "name", "uid"].contains(&field.as_str()));
        }
    }
    if kind.is_secret() {
        object.retain(|field, _| ["metadata", "type"].contains(&field.as_str()));
    }
    whole.append(&mut object);
    Ok(Value::Object(whole))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(plural: &str) -> &'static Kind {
        kind(plural).unwrap()
    }

    #[test]
    fn an_item_of_a_list_becomes_an_object_without_its_managers() {
        let item = json!({"metadata": {"name": "view", "managedFields": [1]}, "rules": []});
        let whole = complete(of("ClusterRoles"), item.to_string().as_bytes()).unwrap();
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": "view"}, "rules": [],
        });
        assert_eq!(whole, role);
        // What says itself which version it is knows best.
        let slice = json!({"apiVersion": "resource.k8s.io/v1beta1", "kind": "ResourceSlice"});
        assert_eq!(complete(of("resourceslices"), slice.to_string().as_bytes()).unwrap(), slice);
        assert!(complete(of("pods"), b"[]").is_err());
    }

    #[test]
    fn of_a_secret_there_is_a_name_whatever_was_handed_over() {
        let secret = json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "type": "Opaque",
            "metadata": {
                "namespace": "shop", "name": "db", "uid": "7", "labels": {"a": "b"},
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "c2VjcmV0"},
            },
            "data": {"password": "c2VjcmV0"}, "stringData": {"password": "secret"},
        });
        let whole = complete(of("secrets"), secret.to_string().as_bytes()).unwrap();
        let left = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"namespace": "shop", "name": "db", "uid": "7"},
        });
        assert_eq!(whole, left);
    }

    #[test]
    fn a_kind_that_is_not_saved_is_told_from_those_that_are() {
        assert!(kind("deployments").unwrap_err().starts_with("it is none of clusterroles, "));
    }
}
