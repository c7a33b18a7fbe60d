use std::collections::BTreeMap;
use std::fmt;

use super::text::{NAME, excerpt};
use crate::api::Str;
#[cfg(feature = "node")]
use crate::api::graph;
use crate::api::rbac::ObjectKey;
use crate::model::Origin;

/// What a load met besides what it loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Files read, standard input included.
    pub files: usize,
    /// Bytes of text read, decompressed.
    pub bytes: u64,
    /// Documents read, without empty ones.
    pub documents: usize,
    /// Objects taken into the inventory, of all kinds.
    pub objects: usize,
    /// Namespaced objects that name no namespace and got the default one.
    pub defaulted_namespace: usize,
    /// Policy that could not be read: answers may be incomplete while this is not empty.
    pub skipped: Vec<Skipped>,
    /// Things a reader of the policy should know; none of them loses anything.
    pub notices: Vec<Notice>,
    /// Objects of no interest, by kind and group, such as `Deployment.apps`.
    pub other_kinds: BTreeMap<String, usize>,
}

/// Policy that could not be read, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Where the object begins.
    pub origin: Origin,
    /// Its kind as written; empty when it has none.
    pub kind: Str,
    /// Its namespace as written.
    pub namespace: Str,
    /// Its name as written; empty when it has none.
    pub name: Str,
    /// Why.
    pub reason: SkipReason,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.kind.is_empty() { "object" } else { self.kind.as_str() };
        write!(f, "{}: {kind} ", self.origin)?;
        match (self.namespace.as_str(), self.name.as_str()) {
            (_, "") => f.write_str("without a name")?,
            ("", name) => write!(f, "`{name}`")?,
            (namespace, name) => write!(f, "`{namespace}/{name}`")?,
        }
        write!(f, " skipped: {}", self.reason)
    }
}

/// Why the API server would not have taken an object either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// A field holds a value of another type than it must.
    #[error(transparent)]
    WrongType(#[from] WrongType),
    /// A kind that the RBAC group does not have.
    #[error("`{group}` has no kind `{kind}`{}", did_you_mean(.suggestion))]
    UnknownKind {
        /// The API group.
        group: String,
        /// The kind as written.
        kind: String,
        /// A kind that is spelt almost so.
        suggestion: Option<&'static str>,
    },
    /// An RBAC kind under an `apiVersion` that does not have it.
    #[error("`{api_version}` has no kind `{kind}`; it is in `rbac.authorization.k8s.io/v1`")]
    UnknownVersion {
        /// The `apiVersion` as written; empty when missing.
        api_version: String,
        /// The kind.
        kind: String,
    },
    /// Rules or subjects in an object without a kind.
    #[error("it has rules or subjects but no `kind`")]
    NoKind,
    /// An object in a list that is not inside a `List` object.
    #[error("it stands in a bare list; put the items into an object of kind `List`")]
    BareList,
}

fn did_you_mean(suggestion: &Option<&'static str>) -> String {
    suggestion.map_or_else(String::new, |kind| format!("; did you mean `{kind}`?"))
}

/// A field of the wrong type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongType {
    /// The path of the field, such as `rules[0].verbs[1]`.
    pub field: String,
    /// What must stand there.
    pub expected: String,
    /// What stands there.
    pub found: String,
    /// The line of the value; 0 when unknown.
    pub line: u32,
}

impl fmt::Display for WrongType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, expected, found, line } = self;
        if field.is_empty() {
            write!(f, "must be {expected}, but is {found}")?;
        } else {
            write!(f, "`{field}` must be {expected}, but is {found}")?;
        }
        if *line > 0 {
            write!(f, " (line {line})")?;
        }
        if expected == "a string" && !found.starts_with("a list") && !found.starts_with("an object")
        {
            f.write_str("; put it in quotes")?;
        }
        Ok(())
    }
}

impl std::error::Error for WrongType {}

/// Something worth knowing that loses nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// An object was read a second time; this one counts.
    Duplicate {
        /// The one that counts.
        origin: Origin,
        /// The one that was replaced.
        earlier: Origin,
        /// Which object.
        key: ObjectKey,
    },
    /// The same for an object that the Node authorizer reads.
    #[cfg(feature = "node")]
    DuplicateInGraph {
        /// The one that counts.
        origin: Origin,
        /// The one that was replaced.
        earlier: Origin,
        /// Which object.
        key: graph::Key,
    },
    /// A field stands twice in an object; the last one counts.
    DuplicateField {
        /// The object.
        origin: Origin,
        /// The line of the second field; 0 when unknown.
        line: u32,
        /// The name of the field.
        field: Str,
    },
    /// An `apiVersion` that API servers served up to Kubernetes 1.21 and no longer do.
    OldVersion {
        /// The object.
        origin: Origin,
        /// Which object.
        key: ObjectKey,
        /// `v1beta1` or `v1alpha1`.
        version: &'static str,
        /// Whether a subject `User` `*` was read as `system:authenticated`, as v1alpha1 did.
        everyone: bool,
    },
    /// A cluster-scoped object names a namespace; the API server drops it.
    NamespaceIgnored {
        /// The object.
        origin: Origin,
        /// Which object.
        key: ObjectKey,
        /// The namespace that was dropped.
        namespace: Str,
    },
    /// An object of a kind that is not policy, but tells names, is not as it must be.
    Unreadable {
        /// The object.
        origin: Origin,
        /// Its kind.
        kind: Str,
        /// What is wrong.
        reason: WrongType,
    },
    /// An object is not handed down to the namespaces below its own, or not to all.
    NotInherited {
        /// The object.
        origin: Origin,
        /// Which object.
        key: ObjectKey,
        /// Why.
        reason: String,
    },
    /// An object stands where another of the same name would be inherited; it counts.
    InheritanceBlocked {
        /// The object.
        origin: Origin,
        /// Which object.
        key: ObjectKey,
        /// The namespace that the other is in.
        from: Str,
        /// Where the other stands.
        other: Origin,
    },
    /// A namespace holds RoleBindings, but was not read itself: what is above it is not known.
    NoNamespace {
        /// The namespace.
        namespace: Str,
    },
    /// Inheritance was asked for, but no namespace has a parent.
    NoHierarchy,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate { origin, earlier, key } => {
                write!(f, "{origin}: {key} replaces the one at {earlier}")
            }
            #[cfg(feature = "node")]
            Self::DuplicateInGraph { origin, earlier, key } => {
                write!(f, "{origin}: {key} replaces the one at {earlier}")
            }
            Self::DuplicateField { origin, line, field } => {
                write!(f, "{origin}: the field `{}` stands twice", excerpt(field, NAME))?;
                if *line > 0 {
                    write!(f, " (line {line})")?;
                }
                f.write_str("; the last one counts")
            }
            Self::OldVersion { origin, key, version, everyone } => {
                write!(
                    f,
                    "{origin}: {key} is written in {version}, which API servers no longer serve"
                )?;
                if *everyone {
                    f.write_str("; its user `*` was read as the group `system:authenticated`")?;
                }
                Ok(())
            }
            Self::NamespaceIgnored { origin, key, namespace } => {
                write!(
                    f,
                    "{origin}: {key} is cluster-scoped; its namespace `{namespace}` is ignored"
                )
            }
            Self::Unreadable { origin, kind, reason } => {
                write!(f, "{origin}: this {kind} was left out: {reason}")
            }
            Self::NotInherited { origin, key, reason } => {
                write!(f, "{origin}: {key} is not inherited: {reason}")
            }
            Self::InheritanceBlocked { origin, key, from, other } => write!(
                f,
                "{origin}: {key} stands in the way of the one of namespace `{from}` ({other}), which \
                 is not inherited here"
            ),
            Self::NoNamespace { namespace } => write!(
                f,
                "namespace `{namespace}` holds RoleBindings, but its Namespace object was not read: \
                 what it inherits is not known"
            ),
            Self::NoHierarchy => {
                f.write_str("no namespace that was read has a parent: nothing is inherited")
            }
        }
    }
}
