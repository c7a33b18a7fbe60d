use crate::api::Str;
use crate::api::rbac::GROUP;
use crate::util::goquote::Quoted;

/// Why the API server would refuse the write. The texts are its own, to the letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The write would grant what the writer does not hold, or needs cluster-admin (S-FMT-6).
    #[error("{}", forbidden(.resource, .name, .cause))]
    Forbidden {
        /// The plural of the written kind.
        resource: &'static str,
        /// The name of the written object; may be empty.
        name: Str,
        /// What is missing.
        cause: String,
    },
    /// A RoleBinding without a namespace (S-ESC-15).
    #[error("namespace is required")]
    NamespaceRequired,
    /// The binding refers to a role that does not exist (S-ESC-12, S-FMT-11).
    #[error("{resource}.{GROUP} {} not found", Quoted(.name))]
    RoleNotFound {
        /// The plural of the missing kind.
        resource: &'static str,
        /// The name of the missing role.
        name: Str,
    },
    /// The binding refers to something that is no role (S-RBAC-22).
    #[error("unsupported role reference kind: {}", Quoted(.kind))]
    UnsupportedRoleKind {
        /// The kind as written.
        kind: Str,
    },
}

impl Refusal {
    /// The HTTP status of the answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Forbidden { .. } => 403,
            Self::NamespaceRequired => 400,
            Self::RoleNotFound { .. } => 404,
            Self::UnsupportedRoleKind { .. } => 500,
        }
    }
}

fn forbidden(resource: &str, name: &str, cause: &str) -> String {
    if name.is_empty() {
        format!("{resource}.{GROUP} is forbidden: {cause}")
    } else {
        format!("{resource}.{GROUP} {} is forbidden: {cause}", Quoted(name))
    }
}
