//! The lines of an ABAC policy file: the objects of `abac.authorization.kubernetes.io`.
//!
//! What does this line say? Each line holds one object (S-ABAC-1), in the current form or in the
//! legacy one without a version (S-ABAC-3, S-ABAC-4). Here it is read as it is written. Absent on
//! purpose: what the legacy form and `*` come to mean (S-ABAC-8), and files; see `authz::abac`.
//!
//! ```
//! use portcullis::api::abac::{Format, Statement};
//!
//! let line = r#"{"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy",
//!               "spec": {"user": "alice", "namespace": "web", "resource": "pods"}}"#;
//! let statement = Statement::parse(&line.replace('\n', " "))?;
//! assert_eq!(statement.format, Format::V1beta1);
//! assert_eq!(statement.spec.user, "alice");
//!
//! // YAML will do, and the legacy form needs no wrapping.
//! let legacy = Statement::parse("user: alice")?;
//! assert_eq!(legacy.format, Format::Unversioned);
//!
//! let error = Statement::parse("{user: alice}").unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "couldn't get version/kind; json parse error: \
//!      invalid character 'u' looking for beginning of object key string"
//! );
//! # Ok::<(), portcullis::api::abac::StatementError>(())
//! ```

mod decode;
mod error;
mod version;
mod yaml;

pub use error::StatementError;

use serde::Serialize;

use crate::api::Str;

/// The API group of ABAC policies.
pub const GROUP: &str = "abac.authorization.kubernetes.io";

/// The version of the current form.
pub const V1BETA1: &str = "abac.authorization.kubernetes.io/v1beta1";

/// What one line allows: who, and what. Empty strings are empty: whether they mean nothing or
/// everything depends on the [`Format`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicySpec {
    /// The user name, or `*`.
    #[serde(skip_serializing_if = "Str::is_empty")]
    pub user: Str,
    /// A group of the user, or `*`. With a user as well, both must match (S-ABAC-12).
    #[serde(skip_serializing_if = "Str::is_empty")]
    pub group: Str,
    /// Only `get`, `list` and `watch` (S-ABAC-13).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub readonly: bool,
    /// The API group, or `*`; empty is the core group.
    #[serde(skip_serializing_if = "Str::is_empty")]
    pub api_group: Str,
    /// The resource without its subresource, or `*` (S-ABAC-14).
    #[serde(skip_serializing_if = "Str::is_empty")]
    pub resource: Str,
    /// The namespace, or `*`; empty is cluster scope (S-ABAC-15).
    #[serde(skip_serializing_if = "Str::is_empty")]
    pub namespace: Str,
    /// A path, a prefix followed by `*`, or `*` (S-ABAC-16).
    #[serde(skip_serializing_if = "Str::is_empty")]
    pub non_resource_path: Str,
}

impl PolicySpec {
    /// The line in the current form that says this.
    ///
    /// ```
    /// use portcullis::api::abac::{PolicySpec, Statement};
    ///
    /// let spec = PolicySpec { user: "alice".into(), readonly: true, ..PolicySpec::default() };
    /// assert_eq!(
    ///     spec.to_line(),
    ///     r#"{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"user":"alice","readonly":true}}"#,
    /// );
    /// assert_eq!(Statement::parse(&spec.to_line())?.spec, spec);
    /// # Ok::<(), portcullis::api::abac::StatementError>(())
    /// ```
    #[must_use]
    pub fn to_line(&self) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Policy<'a> {
            api_version: &'a str,
            kind: &'a str,
            spec: &'a PolicySpec,
        }
        // Writing strings and booleans into memory cannot fail.
        serde_json::to_string(&Policy { api_version: V1BETA1, kind: "Policy", spec: self })
            .unwrap_or_default()
    }
}

/// In which form a line was written; it decides what empty fields mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `v1beta1` with a `spec`: empty fields stay empty (S-ABAC-9).
    V1beta1,
    /// The flat legacy form with `apiVersion: abac.authorization.kubernetes.io/v0`.
    V0,
    /// The flat legacy form, found by elimination: version or kind is missing (S-ABAC-4).
    Unversioned,
    /// `__internal`, the server's own type, which its decoder lets through: field names are those
    /// of the Go type (`Spec`, `User`, `APIGroup`) and `*` is not rewritten.
    Internal,
}

impl Format {
    /// Whether empty fields are filled in as S-ABAC-8 has it.
    #[must_use]
    pub const fn is_legacy(self) -> bool {
        matches!(self, Self::V0 | Self::Unversioned)
    }
}

/// A line as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The form.
    pub format: Format,
    /// What is written in it.
    pub spec: PolicySpec,
    /// Fields that the form does not know. They are ignored (S-ABAC-3), which in the legacy form
    /// makes the line grant more.
    pub unknown_fields: Vec<Str>,
}

impl Statement {
    /// Reads one line, which must be neither blank nor a comment.
    ///
    /// # Errors
    /// As the API server's loader words them (S-ABAC-5), except for mistakes of YAML syntax.
    pub fn parse(line: &str) -> Result<Self, StatementError> {
        // S-ABAC-1: only a brace makes it JSON.
        if line.trim_start().starts_with('{') {
            decode::decode(line, line)
        } else {
            decode::decode(&yaml::to_json(line)?, line)
        }
    }
}

#[cfg(test)]
mod tests;
