//! A miss in plain words.

use std::fmt;

use super::{Miss, Missing};
use crate::api::Str;

impl fmt::Display for Miss<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binding = &self.binding;
        write!(f, "{} `", binding.kind())?;
        if !binding.namespace().is_empty() {
            write!(f, "{}/", binding.namespace())?;
        }
        let (kind, role) = (binding.role_kind(), binding.role_name());
        write!(f, "{}` of {kind} `{role}` ({}): ", binding.name(), binding.origin())?;
        if let Some((index, _)) = &self.rule {
            write!(f, "rules[{index}] ")?;
        }
        match &self.missing {
            Missing::Time { granted, asked } => {
                write!(f, "grants this {granted}; this is asked at {asked}")
            }
            Missing::Subresource { asked, has } => {
                write!(f, "grants {}, which does not include `{asked}`", Words(has))?;
                if has.iter().any(|entry| entry.ends_with("/*")) {
                    f.write_str("; `/*` is no wildcard for subresources")?;
                }
                Ok(())
            }
            Missing::Name { asked, has } if asked.is_empty() => {
                write!(f, "grants only objects named {}; this request names none", Words(has))
            }
            Missing::Name { asked, has } => {
                write!(f, "grants only objects named {}, not `{asked}`", Words(has))
            }
            Missing::Verb { asked, has } => {
                write!(f, "has the verbs {}, but not `{asked}`", Words(has))
            }
            Missing::ApiGroup { asked, has } => {
                write!(f, "is for the API groups {}, not {}", Words(has), Group(asked))
            }
            Missing::Namespace { asked, granted } if asked.is_empty() => write!(
                f,
                "grants this in namespace `{granted}` only; this request is for all namespaces"
            ),
            Missing::Namespace { asked, granted } => {
                write!(f, "grants this in namespace `{granted}`, not in `{asked}`")
            }
            Missing::ClusterScope { .. } => f.write_str(
                "would grant this, but a RoleBinding reaches only into its namespace and this is \
                 asked at cluster scope; it takes a ClusterRoleBinding",
            ),
            Missing::Role => write!(f, "the {kind} is not there, so it grants nothing"),
            Missing::Path { asked, has } => {
                write!(f, "grants the paths {}, which do not cover `{asked}`", Words(has))
            }
            Missing::Membership => {
                let subject = self.subject.clone().unwrap_or_default();
                write!(f, "grants this to {subject}")?;
                f.write_str(if subject.kind == "Group" {
                    ", of which the user is not a member"
                } else {
                    ", who is somebody else"
                })
            }
            Missing::Resource { asked, has } => {
                write!(f, "grants the same verb on {}, but not on `{asked}`", Words(has))
            }
        }
    }
}

/// Words in backticks; long lists are cut.
struct Words<'a>(&'a [Str]);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 8;
        for (index, word) in self.0.iter().take(MOST).enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            // The core group.
            let word = if word.is_empty() { "\"\"" } else { word.as_str() };
            write!(f, "{separator}`{word}`")?;
        }
        match self.0.len().saturating_sub(MOST) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

struct Group<'a>(&'a str);

impl fmt::Display for Group<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("the core group") } else { write!(f, "`{}`", self.0) }
    }
}
