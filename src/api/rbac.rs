//! The objects of `rbac.authorization.k8s.io`.
//!
//! ```
//! use portcullis::api::rbac::RoleBinding;
//!
//! let binding: RoleBinding = serde_json::from_str(
//!     r#"{"metadata": {"name": "b", "namespace": "ns"},
//!         "subjects": [{"kind": "User", "name": "jane"}],
//!         "roleRef": {"kind": "Role", "name": "r"}}"#,
//! )?;
//! // Empty references are defaulted as the API server does (S-RVAL-1).
//! assert_eq!(binding.role_ref.api_group, "rbac.authorization.k8s.io");
//! assert_eq!(binding.subjects[0].api_group, "rbac.authorization.k8s.io");
//! # Ok::<(), serde_json::Error>(())
//! ```

use serde::{Deserialize, Serialize};

use super::meta::{LabelSelector, ObjectMeta};
use super::{Str, null};

/// The API group of roles and bindings, and of `User` and `Group` subjects.
pub const GROUP: &str = "rbac.authorization.k8s.io";

/// One rule of a role. All matching is exact and case-sensitive (S-RBAC-1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, remote = "Self")]
pub struct PolicyRule {
    /// `*` or verbs.
    #[serde(deserialize_with = "null::list")]
    pub verbs: Vec<Str>,
    /// `*` or API groups; the core group is the empty string. Empty: no resource request.
    #[serde(deserialize_with = "null::list", skip_serializing_if = "Vec::is_empty")]
    pub api_groups: Vec<Str>,
    /// `*`, `resource`, `resource/subresource` or `*/subresource`.
    #[serde(deserialize_with = "null::list", skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Str>,
    /// Empty: any name, the empty one too. Otherwise one of these, literally (S-RBAC-8).
    #[serde(deserialize_with = "null::list", skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<Str>,
    /// `*`, a path, or a prefix followed by `*` (S-RBAC-10).
    #[serde(
        rename = "nonResourceURLs",
        deserialize_with = "null::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub non_resource_urls: Vec<Str>,
}

/// Whom a binding binds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// `User`, `Group` or `ServiceAccount`; any other kind matches nobody (S-RBAC-15).
    pub kind: Str,
    /// Defaulted on reading, not consulted in evaluation (S-RBAC-14).
    #[serde(skip_serializing_if = "Str::is_empty")]
    pub api_group: Str,
    /// The name, literally; there are no wildcards (S-RBAC-17).
    pub name: Str,
    /// For service accounts; empty means the namespace of the RoleBinding (S-RBAC-16).
    #[serde(skip_serializing_if = "Str::is_empty")]
    pub namespace: Str,
}

impl Subject {
    /// A user.
    #[must_use]
    pub fn user(name: impl Into<Str>) -> Self {
        Self { kind: "User".into(), api_group: GROUP.into(), name: name.into(), ..Self::default() }
    }

    /// A group.
    #[must_use]
    pub fn group(name: impl Into<Str>) -> Self {
        Self { kind: "Group".into(), api_group: GROUP.into(), name: name.into(), ..Self::default() }
    }

    /// A service account.
    #[must_use]
    pub fn service_account(namespace: impl Into<Str>, name: impl Into<Str>) -> Self {
        Self {
            kind: "ServiceAccount".into(),
            name: name.into(),
            namespace: namespace.into(),
            ..Self::default()
        }
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize, Default)]
        #[serde(rename_all = "camelCase", default, rename = "Subject")]
        struct AsWritten {
            #[serde(deserialize_with = "null::or_default")]
            kind: Str,
            #[serde(deserialize_with = "group")]
            api_group: Str,
            #[serde(deserialize_with = "null::or_default")]
            name: Str,
            #[serde(deserialize_with = "null::or_default")]
            namespace: Str,
        }
        let null::Plain(AsWritten { kind, mut api_group, name, namespace }) =
            null::Plain::deserialize(deserializer)?;
        // S-RVAL-1; service accounts are in the empty group.
        if api_group.is_empty() && (kind == "User" || kind == "Group") {
            api_group = Str::const_new(GROUP);
        }
        Ok(Self { kind, api_group, name, namespace })
    }
}

/// The role that a binding grants.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleRef {
    /// Defaulted on reading, not consulted in evaluation (S-RBAC-22).
    pub api_group: Str,
    /// `Role` or `ClusterRole`; any other kind is an error of the binding (S-RBAC-22).
    pub kind: Str,
    /// The name of the role.
    pub name: Str,
}

/// A reference that is absent is defaulted too (S-RVAL-1).
impl Default for RoleRef {
    fn default() -> Self {
        Self { api_group: GROUP.into(), kind: Str::default(), name: Str::default() }
    }
}

impl RoleRef {
    /// A reference to a ClusterRole.
    #[must_use]
    pub fn cluster_role(name: impl Into<Str>) -> Self {
        Self { api_group: GROUP.into(), kind: "ClusterRole".into(), name: name.into() }
    }

    /// A reference to a Role of the binding's namespace.
    #[must_use]
    pub fn role(name: impl Into<Str>) -> Self {
        Self { api_group: GROUP.into(), kind: "Role".into(), name: name.into() }
    }
}

impl<'de> Deserialize<'de> for RoleRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize, Default)]
        #[serde(rename_all = "camelCase", default, rename = "RoleRef")]
        struct AsWritten {
            #[serde(deserialize_with = "group")]
            api_group: Str,
            #[serde(deserialize_with = "null::or_default")]
            kind: Str,
            #[serde(deserialize_with = "null::or_default")]
            name: Str,
        }
        let null::Plain(AsWritten { mut api_group, kind, name }) =
            null::Plain::deserialize(deserializer)?;
        if api_group.is_empty() {
            api_group = Str::const_new(GROUP);
        }
        Ok(Self { api_group, kind, name })
    }
}

/// An API group. Nearly all of them are [`GROUP`], one letter too long to be stored in place, so
/// that one is shared.
fn group<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Str, D::Error> {
    struct Group;

    impl<'de> serde::de::Visitor<'de> for Group {
        type Value = Str;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E>(self, group: &str) -> Result<Str, E> {
            Ok(if group == GROUP { Str::const_new(GROUP) } else { group.into() })
        }

        fn visit_unit<E>(self) -> Result<Str, E> {
            Ok(Str::default())
        }

        fn visit_none<E>(self) -> Result<Str, E> {
            Ok(Str::default())
        }

        fn visit_some<D: serde::Deserializer<'de>>(self, inner: D) -> Result<Str, D::Error> {
            inner.deserialize_str(self)
        }
    }

    deserializer.deserialize_option(Group)
}

/// Selects the ClusterRoles whose rules fill this one (S-AGG-2).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, remote = "Self")]
pub struct AggregationRule {
    /// A role is selected when any of these selects it (S-AGG-3); an empty one selects every role.
    #[serde(deserialize_with = "null::list", skip_serializing_if = "Vec::is_empty")]
    pub cluster_role_selectors: Vec<LabelSelector>,
}

/// Rules for the whole cluster, or for the namespace of a RoleBinding that refers to them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, remote = "Self")]
pub struct ClusterRole {
    /// Name and labels.
    #[serde(deserialize_with = "null::or_default")]
    pub metadata: ObjectMeta,
    /// The rules, in order.
    #[serde(deserialize_with = "null::list")]
    pub rules: Vec<PolicyRule>,
    /// Present on aggregated roles: a controller writes `rules` (S-AGG-4).
    #[serde(deserialize_with = "null::optional", skip_serializing_if = "Option::is_none")]
    pub aggregation_rule: Option<AggregationRule>,
}

/// Rules for one namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, remote = "Self")]
pub struct Role {
    /// Name and namespace.
    #[serde(deserialize_with = "null::or_default")]
    pub metadata: ObjectMeta,
    /// The rules, in order.
    #[serde(deserialize_with = "null::list")]
    pub rules: Vec<PolicyRule>,
}

/// Grants a ClusterRole in the whole cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, remote = "Self")]
pub struct ClusterRoleBinding {
    /// The name.
    #[serde(deserialize_with = "null::or_default")]
    pub metadata: ObjectMeta,
    /// To whom.
    #[serde(deserialize_with = "null::list", skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<Subject>,
    /// What.
    #[serde(deserialize_with = "null::or_default")]
    pub role_ref: RoleRef,
}

/// Grants a Role or ClusterRole in one namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, remote = "Self")]
pub struct RoleBinding {
    /// Name and namespace.
    #[serde(deserialize_with = "null::or_default")]
    pub metadata: ObjectMeta,
    /// To whom.
    #[serde(deserialize_with = "null::list", skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<Subject>,
    /// What.
    #[serde(deserialize_with = "null::or_default")]
    pub role_ref: RoleRef,
}

null::object_only!(AggregationRule, ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding,);

/// Any of the four kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// A ClusterRole.
    ClusterRole(ClusterRole),
    /// A ClusterRoleBinding.
    ClusterRoleBinding(ClusterRoleBinding),
    /// A Role.
    Role(Role),
    /// A RoleBinding.
    RoleBinding(RoleBinding),
}

/// The four kinds, in the order of their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// ClusterRole.
    ClusterRole,
    /// ClusterRoleBinding.
    ClusterRoleBinding,
    /// Role.
    Role,
    /// RoleBinding.
    RoleBinding,
}

impl Kind {
    /// The kind as manifests spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClusterRole => "ClusterRole",
            Self::ClusterRoleBinding => "ClusterRoleBinding",
            Self::Role => "Role",
            Self::RoleBinding => "RoleBinding",
        }
    }

    /// The kind of this name, exactly.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "ClusterRole" => Self::ClusterRole,
            "ClusterRoleBinding" => Self::ClusterRoleBinding,
            "Role" => Self::Role,
            "RoleBinding" => Self::RoleBinding,
            _ => return None,
        })
    }

    /// Whether objects of this kind live in a namespace.
    #[must_use]
    pub const fn is_namespaced(self) -> bool {
        matches!(self, Self::Role | Self::RoleBinding)
    }
}

impl Object {
    /// Which of the four it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::ClusterRole(_) => Kind::ClusterRole,
            Self::ClusterRoleBinding(_) => Kind::ClusterRoleBinding,
            Self::Role(_) => Kind::Role,
            Self::RoleBinding(_) => Kind::RoleBinding,
        }
    }

    /// Its metadata.
    #[must_use]
    pub const fn metadata(&self) -> &ObjectMeta {
        match self {
            Self::ClusterRole(object) => &object.metadata,
            Self::ClusterRoleBinding(object) => &object.metadata,
            Self::Role(object) => &object.metadata,
            Self::RoleBinding(object) => &object.metadata,
        }
    }

    /// Likewise, to be filled in.
    #[cfg(feature = "files")]
    pub(crate) const fn metadata_mut(&mut self) -> &mut ObjectMeta {
        match self {
            Self::ClusterRole(object) => &mut object.metadata,
            Self::ClusterRoleBinding(object) => &mut object.metadata,
            Self::Role(object) => &mut object.metadata,
            Self::RoleBinding(object) => &mut object.metadata,
        }
    }

    /// What identifies it.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        let ObjectMeta { name, namespace, .. } = self.metadata();
        let namespace =
            if self.kind().is_namespaced() { namespace.clone() } else { Str::default() };
        ObjectKey { kind: self.kind(), namespace, name: name.clone() }
    }
}

macro_rules! object_from {
    ($($kind:ident),*) => {$(
        impl From<$kind> for Object {
            fn from(object: $kind) -> Self {
                Self::$kind(object)
            }
        }
    )*};
}
object_from!(ClusterRole, ClusterRoleBinding, Role, RoleBinding);

/// Kind, namespace and name of an object; the namespace of cluster-scoped kinds is empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Which of the four kinds.
    pub kind: Kind,
    /// Empty for cluster-scoped kinds.
    pub namespace: Str,
    /// The name.
    pub name: Str,
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} `{}`", self.kind.as_str(), self.name)
        } else {
            write!(f, "{} `{}/{}`", self.kind.as_str(), self.namespace, self.name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_in_the_place_of_an_object_is_refused_and_the_object_is_read() {
        let read = |json: &str| serde_json::from_str::<ClusterRole>(json);
        assert!(read(r#"{"rules": [{"verbs": ["*"]}]}"#).is_ok());
        for bad in [
            r#"{"rules": [[["*"], ["*"], ["*"]]]}"#,
            r#"[{"name": "x"}, [{"verbs": ["*"]}]]"#,
            r#"{"metadata": ["x"]}"#,
            r#"{"aggregationRule": [[]]}"#,
            r#"{"aggregationRule": {"clusterRoleSelectors": [[{"a": "b"}]]}}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let read = |json: &str| serde_json::from_str::<ClusterRoleBinding>(json);
        assert!(read(r#"{"subjects": [{"kind": "User", "name": "a"}]}"#).is_ok());
        assert!(read(r#"{"subjects": [["User", "", "a"]]}"#).is_err());
        assert!(read(r#"{"roleRef": ["", "ClusterRole", "cluster-admin"]}"#).is_err());
    }

    #[test]
    fn null_is_the_zero_value_wherever_it_stands() {
        let role: ClusterRole = serde_json::from_str(
            r#"{"metadata": {"name": "a", "labels": null}, "rules": [{"verbs": null,
                "apiGroups": [null], "resources": ["pods"]}, null], "aggregationRule": null}"#,
        )
        .unwrap();
        assert_eq!(role.rules.len(), 2);
        assert_eq!(role.rules[0].api_groups, [""]);
        assert_eq!(role.rules[1], PolicyRule::default());
        assert_eq!(role.aggregation_rule, None);
    }
}
