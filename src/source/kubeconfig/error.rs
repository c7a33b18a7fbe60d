use crate::source::LoadError;

/// Why a kubeconfig cannot be read, or nothing be merged into it. No message shows a value of the
/// file: it may be a key or a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KubeconfigError {
    /// It is no YAML and no JSON, or it is more than one document.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It says that it is something else.
    #[error(
        "`{path}`: no kubeconfig, its `{field}` is another; name a file of `kind: Config`, `apiVersion: v1`"
    )]
    WrongKind {
        /// The file.
        path: String,
        /// `kind` or `apiVersion`.
        field: &'static str,
    },
    /// A value is of the wrong type.
    #[error("`{path}:{line}`: `{field}` must be {expected}, but is {found}")]
    WrongType {
        /// The file.
        path: String,
        /// The line, counted from 1.
        line: u32,
        /// The path of the field.
        field: String,
        /// What it must be.
        expected: &'static str,
        /// The type that it is of.
        found: &'static str,
    },
    /// A field stands twice in one object.
    #[error("`{path}:{line}`: `{field}` stands twice; remove one of them")]
    DuplicateField {
        /// The file.
        path: String,
        /// The line of the second.
        line: u32,
        /// The name of the field.
        field: String,
    },
    /// Two entries of one list have one name; kubectl refuses such a file, too.
    #[error("`{path}:{line}`: `{section}` has two entries called `{name}`; remove or rename one")]
    DuplicateName {
        /// The file.
        path: String,
        /// The line of the second.
        line: u32,
        /// The list.
        section: &'static str,
        /// The name.
        name: String,
    },
    /// Entries of these names are there already and say something else.
    #[error(
        "`{path}` has {taken} already, and not as it would be now; replace with --overwrite, or use other names"
    )]
    Taken {
        /// The file.
        path: String,
        /// Which entries, as `user \`jane\``.
        taken: String,
    },
    /// The context would name a cluster that is neither in the file nor given.
    #[error("`{path}` has no cluster `{name}`; say where it is with --server and --ca-file")]
    NoSuchCluster {
        /// The file.
        path: String,
        /// The name.
        name: String,
    },
    /// What would be written does not read back as what was meant; nothing is written.
    #[error(
        "`{path}`: the entries cannot be put into this file without changing others ({reason}); write them to a file of their own with --out"
    )]
    Unprovable {
        /// The file.
        path: String,
        /// What stands in the way.
        reason: &'static str,
    },
}
