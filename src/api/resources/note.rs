//! What deserves a line on standard error when a name was read.

use std::fmt;

/// A remark on how an argument was read. Where kubectl has a sentence for it, its sentence comes
/// first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// A short name, or a name outside the core group, that fits several resources.
    Ambiguous {
        /// What was written.
        name: String,
        /// The one that counts: `plural.group`.
        chosen: String,
        /// The others, the next preferred first.
        others: Vec<String>,
    },
    /// A resource without namespaces, asked about in one. kubectl says so unless `-A` is given.
    NotNamespaced {
        /// The plural.
        resource: String,
        /// Its group.
        group: String,
    },
    /// `pods/log` names a pod called `log`; the subresource is asked for by `--subresource`.
    SubresourceInName {
        /// The resource: `plural.group`.
        resource: String,
        /// The name, which is one of its subresources.
        subresource: String,
    },
    /// No resource has this name. It is asked about as written, in the core group, as kubectl does.
    Unknown {
        /// The part before the first dot, in lower case.
        resource: String,
        /// The part after the first dot.
        group: String,
        /// The known name that comes nearest.
        nearest: Option<String>,
    },
    /// A verb that Kubernetes never asks about.
    UnknownVerb {
        /// The verb.
        verb: String,
        /// The known verb that comes nearest.
        nearest: Option<String>,
    },
    /// No server serves this resource, so kubectl does not find its group; it was supplied.
    Virtual {
        /// The resource: `plural.group`.
        resource: String,
    },
    /// `*.apps` was read as every resource of the group. kubectl reads it as a resource with that
    /// very name in the core group, which nothing but `*` grants.
    WildcardInGroup {
        /// The group.
        group: String,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ambiguous { name, chosen, others } => write!(
                f,
                "name '{name}' was read as {chosen}; it could also match lower priority {}",
                others.join(", ")
            ),
            Self::NotNamespaced { resource, group } => {
                write!(f, "resource '{resource}' is not namespace scoped")?;
                in_group(f, group)
            }
            Self::SubresourceInName { resource, subresource } => write!(
                f,
                "'{subresource}' was read as the name of one of {resource}; \
                 for the subresource say --subresource={subresource}"
            ),
            Self::Unknown { resource, group, nearest } => {
                write!(f, "the server doesn't have a resource type '{resource}'")?;
                in_group(f, group)?;
                if !group.is_empty() {
                    f.write_str(
                        "; asked as written in the core group, as kubectl does: \
                         give its CustomResourceDefinition or --discovery",
                    )?;
                }
                did_you_mean(f, nearest.as_deref())
            }
            Self::UnknownVerb { verb, nearest } => {
                write!(f, "verb '{verb}' is not a known verb")?;
                did_you_mean(f, nearest.as_deref())
            }
            Self::Virtual { resource } => {
                write!(f, "{resource} exists in rules only, no server serves it")
            }
            Self::WildcardInGroup { group } => {
                write!(f, "'*.{group}' was read as every resource in group '{group}'")
            }
        }
    }
}

fn in_group(f: &mut fmt::Formatter<'_>, group: &str) -> fmt::Result {
    if group.is_empty() { Ok(()) } else { write!(f, " in group '{group}'") }
}

fn did_you_mean(f: &mut fmt::Formatter<'_>, nearest: Option<&str>) -> fmt::Result {
    nearest.map_or(Ok(()), |name| write!(f, "; did you mean '{name}'?"))
}
