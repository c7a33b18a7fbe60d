use std::io;

use crate::model::Origin;
use crate::source::LoadError;

/// Why there is no tree of namespaces, or why nothing can be inherited by it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HierarchyError {
    /// The file cannot be read.
    #[error("`{path}`: cannot be read; check the path and your permission to read it")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The file is no YAML.
    #[error(transparent)]
    Document(#[from] LoadError),
    /// The file is no mapping of names.
    #[error("{origin}: {what}; write a line `child: parent` for each namespace that has a parent")]
    NoMapping {
        /// Where.
        origin: Origin,
        /// What stands there.
        what: String,
    },
    /// A namespace with two parents.
    #[error(
        "{origin}: namespace `{namespace}` has the parent `{parent}` here, and `{other}` at {earlier}"
    )]
    TwoParents {
        /// Where the second stands.
        origin: Origin,
        /// The namespace.
        namespace: String,
        /// The second.
        parent: String,
        /// The first.
        other: String,
        /// Where the first stands.
        earlier: Box<Origin>,
    },
    /// A namespace that is its own parent.
    #[error("{origin}: namespace `{namespace}` is its own parent")]
    OwnParent {
        /// Where that is said.
        origin: Origin,
        /// The namespace.
        namespace: String,
    },
    /// Namespaces above each other.
    #[error("{origin}: parents go round in a circle: {}", .round.join(" -> "))]
    Cycle {
        /// Where one of them is said.
        origin: Origin,
        /// The circle, from child to parent.
        round: Vec<String>,
    },
    /// A name that no namespace has.
    #[error(
        "{origin}: namespace `{namespace}` is not among those that were read{}",
        did_you_mean(.suggestion)
    )]
    Unknown {
        /// Where it is named.
        origin: Origin,
        /// The name.
        namespace: String,
        /// A namespace that is called almost so.
        suggestion: Option<String>,
    },
    /// Labels that contradict themselves, or those of a namespace above.
    #[error("{origin}: the labels of namespace `{namespace}` are no tree: {what}")]
    Labels {
        /// Where the namespace stands.
        origin: Origin,
        /// The namespace.
        namespace: String,
        /// What is wrong with them.
        what: String,
    },
    /// An object of the Hierarchical Namespace Controller that cannot be read.
    #[error("{origin}: this {kind} cannot be read: {reason}")]
    Unreadable {
        /// Where it stands.
        origin: Origin,
        /// Its kind.
        kind: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Labels are to tell, but no namespace was read.
    #[error(
        "there is no Namespace object among what was read, so no label tells who is above whom; add \
         `kubectl get namespaces -o yaml` to the files, or name a file of lines `child: parent`"
    )]
    NoNamespaces,
    /// More than anybody means to hand down.
    #[error("more than {limit} Roles and RoleBindings would be inherited; is the tree right?")]
    TooMany {
        /// How many may be.
        limit: usize,
    },
}

fn did_you_mean(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}
