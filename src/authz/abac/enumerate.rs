//! The inverse: who may do this, what may they do, and which line says so. Lists look at the
//! lines themselves; they are as slow as the policy is long.

use super::Policy;
use super::table::{Line, Table, prefix};
use crate::api::Str;
use crate::api::abac::PolicySpec;
use crate::api::authorization::{NonResourceRule, ResourceRule};
use crate::authz::Rules;
use crate::model::{Attributes, Origin, Request, Step, User};

/// One line that allows something to somebody: to a user, to a group, or, with both, to this user
/// while in this group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The user; `None` for anybody in the group.
    pub user: Option<Str>,
    /// The group that the user must be in, if any.
    pub group: Option<Str>,
    /// The line as written.
    pub text: String,
    /// Where it stands.
    pub origin: Origin,
}

impl Policy {
    /// Every line that allows this to anybody, in file order, so that a subject may come twice.
    /// Lines about nobody are left out (S-ABAC-12).
    ///
    /// ```
    /// use portcullis::authz::abac::Policy;
    /// use portcullis::model::{Attributes, ResourceAttributes};
    ///
    /// let policy = Policy::parse("policy.jsonl", r#"{"user": "alice", "group": "dev"}"#)?;
    /// let rows = policy.who_can(&Attributes::Resource(ResourceAttributes::new("get", "pods")));
    /// assert_eq!(rows[0].user.as_deref(), Some("alice"));
    /// assert_eq!(rows[0].group.as_deref(), Some("dev"));
    /// # Ok::<(), portcullis::authz::abac::LoadError>(())
    /// ```
    #[must_use]
    pub fn who_can(&self, attributes: &Attributes<'_>) -> Vec<Row> {
        let set = |name: &Str| Some(name.clone()).filter(|name| !name.is_empty());
        let rows = self.table.lines.iter().filter(|line| covers(&line.spec, attributes));
        rows.map(|line| Row {
            user: set(&line.spec.user),
            group: set(&line.spec.group),
            text: line.text.to_string(),
            origin: self.origin(line),
        })
        .filter(|row| row.user.is_some() || row.group.is_some())
        .collect()
    }

    /// The first line in file order that allows the request.
    pub(super) fn first_match(&self, request: &Request<'_>) -> Option<Step> {
        let lines = self.table.lines_of(request.user);
        let line = lines.into_iter().find(|line| covers(&line.spec, &request.attributes))?;
        Some(Step { kind: "policy", text: line.text.to_string(), origin: Some(self.origin(line)) })
    }

    /// Where a line stands.
    pub(super) fn origin(&self, line: &Line) -> Origin {
        Origin::new(std::sync::Arc::clone(&self.source), 0, line.number)
    }
}

impl Table {
    /// Everything the user may do in a namespace (S-ABAC-19).
    pub(super) fn rules_for(&self, user: &User, namespace: &str) -> Rules {
        let mut rules = Rules::default();
        // The namespace decides over paths too (S-ABAC-20).
        let here = |line: &&Line| is_or_any(&line.spec.namespace, namespace);
        for Line { spec, .. } in self.lines_of(user).into_iter().filter(here) {
            let verbs = || -> Vec<Str> {
                if spec.readonly {
                    vec!["get".into(), "list".into(), "watch".into()]
                } else {
                    vec!["*".into()]
                }
            };
            if !spec.resource.is_empty() {
                rules.resource.push(ResourceRule {
                    verbs: verbs(),
                    api_groups: vec![spec.api_group.clone()],
                    resources: vec![spec.resource.clone()],
                    resource_names: Vec::new(),
                });
            }
            if !spec.non_resource_path.is_empty() {
                rules.non_resource.push(NonResourceRule {
                    verbs: verbs(),
                    non_resource_urls: vec![spec.non_resource_path.clone()],
                });
            }
        }
        rules
    }

    /// The lines about a user, in file order.
    fn lines_of(&self, user: &User) -> Vec<&Line> {
        let mut indices: Vec<usize> = Vec::new();
        self.any_subject(user, |id| {
            let subject = self.subjects.get(id.index());
            indices.extend(subject.into_iter().flat_map(|subject| &subject.lines));
            false
        });
        // A group that is given twice brings its lines twice.
        indices.sort_unstable();
        indices.dedup();
        indices.into_iter().filter_map(|index| self.lines.get(index)).collect()
    }
}

/// Whether a line allows this to its subject (S-ABAC-13, S-ABAC-14, S-ABAC-16).
fn covers(spec: &PolicySpec, asked: &Attributes<'_>) -> bool {
    let verb = !spec.readonly || asked.is_read_only();
    verb && match asked {
        Attributes::Resource(asked) => {
            is_or_any(&spec.namespace, asked.namespace)
                && is_or_any(&spec.resource, asked.resource)
                && is_or_any(&spec.api_group, asked.group)
        }
        Attributes::NonResource(asked) => {
            let path = spec.non_resource_path.as_str();
            path == asked.path || prefix(path).is_some_and(|prefix| asked.path.starts_with(prefix))
        }
    }
}

fn is_or_any(written: &str, asked: &str) -> bool {
    written == "*" || written == asked
}
