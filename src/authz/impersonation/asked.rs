use std::sync::Arc;

use super::Mode;
use crate::model::{
    Attributes, Decision, NonResourceAttributes, Request, ResourceAttributes, User, Verdict,
};

/// One question that was put to the authorizer, and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// For which mode.
    pub mode: Mode,
    /// Who was asked about: the requester, in mode `associated-node` with other extra values (S-IMP-11).
    pub user: Arc<User>,
    /// The decision.
    pub decision: Decision,
    /// The reason.
    pub reason: String,
    /// What went wrong on the way.
    pub errors: Vec<String>,
    question: Question,
}

/// Attributes that outlive their request; selectors are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Question {
    Resource {
        verb: String,
        namespace: String,
        group: String,
        version: String,
        resource: String,
        subresource: String,
        name: String,
    },
    Path {
        verb: String,
        path: String,
    },
}

impl Check {
    pub(super) fn new(
        mode: Mode,
        user: &Arc<User>,
        asked: &Attributes<'_>,
        said: &Verdict<'_>,
    ) -> Self {
        let question = match *asked {
            Attributes::Resource(asked) => Question::Resource {
                verb: asked.verb.to_owned(),
                namespace: asked.namespace.to_owned(),
                group: asked.group.to_owned(),
                version: asked.version.to_owned(),
                resource: asked.resource.to_owned(),
                subresource: asked.subresource.to_owned(),
                name: asked.name.to_owned(),
            },
            Attributes::NonResource(asked) => {
                Question::Path { verb: asked.verb.to_owned(), path: asked.path.to_owned() }
            }
        };
        Self {
            mode,
            user: Arc::clone(user),
            decision: said.decision,
            reason: said.reason().into_owned(),
            errors: said.errors.clone(),
            question,
        }
    }

    /// What was asked, without the selectors that were asked with it.
    #[must_use]
    pub fn attributes(&self) -> Attributes<'_> {
        match &self.question {
            Question::Resource { verb, namespace, group, version, resource, subresource, name } => {
                Attributes::Resource(ResourceAttributes {
                    verb,
                    namespace,
                    group,
                    version,
                    resource,
                    subresource,
                    name,
                    ..ResourceAttributes::default()
                })
            }
            Question::Path { verb, path } => {
                Attributes::NonResource(NonResourceAttributes { verb, path })
            }
        }
    }

    /// The same, with who was asked about.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        Request { user: &self.user, attributes: self.attributes() }
    }

    /// Whether it was allowed.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.decision == Decision::Allow
    }
}
