//! Lines that do not mean what they seem to mean.

use std::fmt;

use super::Policy;
use super::compile::effective;
use super::table::Line;
use crate::api::Str;
use crate::api::abac::{Format, PolicySpec, Statement};
use crate::model::{Origin, groups};

/// A line worth a second look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where the line stands.
    pub origin: Origin,
    /// The line as written.
    pub text: String,
    /// What is the matter with it.
    pub concern: Concern,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.concern)
    }
}

/// What is the matter with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Concern {
    /// Everything is granted to everyone who is authenticated, though the line does not say so:
    /// it is read in the legacy form, where what is missing means everything (S-ABAC-4).
    GrantsEverything {
        /// Whether only reading is granted.
        readonly: bool,
    },
    /// `*` for the user or group makes the other of the two void: the line applies to everyone
    /// who is authenticated (S-ABAC-10).
    SubjectIgnored {
        /// The user or group that is ignored.
        name: Str,
    },
    /// Fields that the form does not know are ignored (S-ABAC-3); a misspelt one restricts
    /// nothing.
    UnknownFields {
        /// Their names.
        names: Vec<Str>,
    },
    /// The legacy form without a version, about which the API server warns (S-ABAC-7).
    Unversioned {
        /// A line in the current form that means the same.
        instead: String,
    },
    /// Neither user nor group: the line matches nobody (S-ABAC-12).
    NoSubject,
    /// Resources are compared without their subresource, so this one never matches (S-ABAC-14).
    SubresourceNamed {
        /// The resource as written.
        resource: Str,
    },
    /// A `*` that is not at the end of a path is an ordinary character (S-ABAC-16).
    LiteralStar {
        /// The path as written.
        path: Str,
    },
    /// Neither resource nor path: nothing that a client can ask for matches (S-ABAC-17).
    GrantsNothing,
}

impl Concern {
    /// Whether the line may grant more than its author meant, as opposed to less.
    #[must_use]
    pub const fn is_dangerous(&self) -> bool {
        matches!(
            self,
            Self::GrantsEverything { .. }
                | Self::SubjectIgnored { .. }
                | Self::UnknownFields { .. }
        )
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GrantsEverything { readonly } => {
                let what = if *readonly { "reading everything" } else { "everything" };
                write!(f, "grants {what} to every authenticated user")
            }
            Self::SubjectIgnored { name } => {
                write!(f, "`*` applies to every authenticated user; `{name}` beside it is ignored")
            }
            Self::UnknownFields { names } => {
                write!(f, "ignored, because no such field exists: ")?;
                for (index, name) in names.iter().enumerate() {
                    write!(f, "{}`{name}`", if index > 0 { ", " } else { "" })?;
                }
                Ok(())
            }
            Self::Unversioned { instead } => {
                write!(f, "legacy form without a version; the same today: {instead}")
            }
            Self::NoSubject => f.write_str("names neither a user nor a group, so matches nobody"),
            Self::SubresourceNamed { resource } => write!(
                f,
                "`{resource}` never matches: a resource covers its subresources and is named \
                 without them"
            ),
            Self::LiteralStar { path } => {
                write!(f, "in `{path}` only a `*` at the very end is a wildcard")
            }
            Self::GrantsNothing => f.write_str("names neither a resource nor a path"),
        }
    }
}

impl Policy {
    /// Looks over the lines, in file order.
    ///
    /// ```
    /// use portcullis::authz::abac::{Concern, Policy};
    ///
    /// // The apiVersion got lost, and with it every restriction.
    /// let policy = Policy::parse("policy.jsonl", r#"{"spec": {"user": "alice"}}"#)?;
    /// let findings = policy.lint();
    /// assert_eq!(findings[0].concern, Concern::GrantsEverything { readonly: false });
    /// assert_eq!(
    ///     findings[0].to_string(),
    ///     "policy.jsonl:1: grants everything to every authenticated user"
    /// );
    /// # Ok::<(), portcullis::authz::abac::LoadError>(())
    /// ```
    #[must_use]
    pub fn lint(&self) -> Vec<Finding> {
        let finding = |line: &Line, concern| Finding {
            origin: self.origin(line),
            text: line.text.to_string(),
            concern,
        };
        self.table
            .lines
            .iter()
            .flat_map(|line| concerns(line).into_iter().map(move |concern| finding(line, concern)))
            .collect()
    }
}

fn concerns(line: &Line) -> Vec<Concern> {
    // It was read once, so it can be read again: the table keeps only what lines come to mean.
    let Ok(statement) = Statement::parse(&line.text) else {
        return Vec::new();
    };
    let Statement { format, spec: written, unknown_fields } = statement.clone();
    let meant = effective(statement);
    let mut concerns = Vec::new();
    if format.is_legacy() && is_everything(&meant) {
        concerns.push(Concern::GrantsEverything { readonly: meant.readonly });
    }
    if format != Format::Internal
        && let ("*", name) | (name, "*") = (written.user.as_str(), written.group.as_str())
        && !matches!(name, "" | "*" | groups::AUTHENTICATED)
    {
        concerns.push(Concern::SubjectIgnored { name: name.into() });
    }
    if !unknown_fields.is_empty() {
        concerns.push(Concern::UnknownFields { names: unknown_fields });
    }
    if meant.user.is_empty() && meant.group.is_empty() {
        concerns.push(Concern::NoSubject);
    }
    if meant.resource.contains('/') {
        concerns.push(Concern::SubresourceNamed { resource: meant.resource.clone() });
    }
    if meant.non_resource_path.trim_end_matches('*').contains('*') {
        concerns.push(Concern::LiteralStar { path: meant.non_resource_path.clone() });
    }
    if meant.resource.is_empty() && meant.non_resource_path.is_empty() {
        concerns.push(Concern::GrantsNothing);
    }
    if format == Format::Unversioned {
        concerns.push(Concern::Unversioned { instead: meant.to_line() });
    }
    concerns
}

fn is_everything(spec: &PolicySpec) -> bool {
    spec.user.is_empty()
        && spec.group == groups::AUTHENTICATED
        && [&spec.namespace, &spec.resource, &spec.api_group, &spec.non_resource_path]
            .into_iter()
            .all(|part| part == "*")
}
