use crate::util::goquote::Quoted;

/// Why a line cannot be read. The texts are those of the API server (S-ABAC-5), which is why some
/// of them talk about its types.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// The line is neither blank, a comment, JSON nor YAML.
    #[error("yaml: {problem}")]
    Yaml {
        /// What is wrong, in the words of our YAML parser.
        problem: String,
    },
    /// YAML that JSON cannot express: an infinite number.
    #[error("json: unsupported value: {value}")]
    NotJson {
        /// The number.
        value: String,
    },
    /// The line begins with a brace and is not one JSON object.
    #[error("couldn't get version/kind; json parse error: {problem}")]
    Json {
        /// What is wrong.
        problem: String,
    },
    /// The line is a list, a string, a number or a boolean.
    #[error(
        "couldn't get version/kind; json parse error: json: cannot unmarshal {found} into Go value \
         of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; \
         Kind string \"json:\\\"kind,omitempty\\\"\" }}"
    )]
    NotAnObject {
        /// What it is.
        found: &'static str,
    },
    /// `apiVersion` or `kind` is not a string.
    #[error(
        "couldn't get version/kind; json parse error: json: cannot unmarshal {found} into Go \
         struct field .{field} of type string"
    )]
    VersionOrKindType {
        /// Which of them.
        field: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// `apiVersion` has more than one slash.
    #[error("unexpected GroupVersion string: {version}")]
    Version {
        /// The version as written.
        version: String,
    },
    /// `apiVersion` ends with a slash.
    #[error("Object 'apiVersion' is missing in '{line}'")]
    VersionMissing {
        /// The line as written.
        line: String,
    },
    /// Version and kind are well-formed and there is no such policy.
    #[error(
        "no kind {} is registered for version {} in scheme \"pkg/apis/abac/register.go:33\"",
        Quoted(kind),
        Quoted(version)
    )]
    NotRegistered {
        /// The kind.
        kind: String,
        /// The group and version.
        version: String,
    },
    /// The version is there and the kind is missing.
    #[error("converting ({version}.Policy) to (v0.Policy): unknown conversion")]
    KindMissing {
        /// The Go package of the version.
        version: &'static str,
    },
    /// A field is of the wrong type.
    #[error("json: cannot unmarshal {found} into Go struct field {field} of type {expected}")]
    FieldType {
        /// The field, such as `PolicySpec.spec.readonly`.
        field: String,
        /// What it is.
        found: &'static str,
        /// What it must be.
        expected: &'static str,
    },
}
