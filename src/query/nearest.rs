use std::fmt;

use super::who_can::Subject;
use crate::api::Str;
use crate::api::rbac::PolicyRule;
use crate::api::resources::ResourceTable;
use crate::authz::rbac::BindingRef;
use crate::model::Request;
use crate::snapshot::Snapshot;

/// A grant that would have allowed, but for one thing. Displays as one sentence in plain words.
#[derive(Debug, Clone)]
pub struct Miss<'s> {
    /// The binding.
    pub binding: BindingRef<'s>,
    /// The subject of it: the one that is the user or, when membership is what is missing, the
    /// one that the user is not.
    pub subject: Subject,
    /// The rule and its index; `None` when the role is not there.
    pub rule: Option<(u32, PolicyRule)>,
    /// What is missing.
    pub missing: Missing,
}

/// What a grant lacks to allow a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// Everything fits but the API group.
    ApiGroup {
        /// The group asked for.
        asked: Str,
        /// The groups that the rule has.
        has: Vec<Str>,
    },
    /// The rule would allow, but is bound to somebody else.
    Membership,
    /// Everything fits but the object name.
    Name {
        /// The name asked for; may be empty.
        asked: Str,
        /// The names that the rule has.
        has: Vec<Str>,
    },
    /// The rule would allow in another namespace.
    Namespace {
        /// The namespace asked for; empty for cluster scope.
        asked: Str,
        /// The namespace in which it is granted.
        granted: Str,
    },
    /// Everything fits but the path.
    Path {
        /// The path asked for.
        asked: Str,
        /// The paths that the rule has.
        has: Vec<Str>,
    },
    /// Everything fits but the resource.
    Resource {
        /// The resource asked for.
        asked: Str,
        /// The resources that the rule has.
        has: Vec<Str>,
    },
    /// The role that the binding refers to is not there.
    Role,
    /// The resource is granted, the subresource is not; or the reverse.
    Subresource {
        /// `resource/subresource` or `resource`, as asked.
        asked: Str,
        /// What the rule has of this resource.
        has: Vec<Str>,
    },
    /// Everything fits but the verb.
    Verb {
        /// The verb asked for.
        asked: Str,
        /// The verbs that the rule has.
        has: Vec<Str>,
    },
}

impl fmt::Display for Miss<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.binding.describe())
    }
}

/// For a no: what came nearest to a yes, and what is missing; the nearest first. Empty for a yes.
#[must_use]
pub fn nearest<'s>(
    snapshot: &'s Snapshot,
    request: &Request<'_>,
    resources: &ResourceTable,
) -> Vec<Miss<'s>> {
    let _ = (snapshot, request, resources);
    Vec::new()
}
