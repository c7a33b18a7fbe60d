//! The hot path.

use super::Policy;
use super::table::{Reach, ResourceKey, Shapes, Subject, SubjectId, Table, TermId, Verbs};
use crate::model::{Attributes, Decision, ResourceAttributes, User};

impl Table {
    /// Whether a line allows it.
    pub(super) fn allows(&self, user: &User, attributes: &Attributes<'_>) -> bool {
        // Most users are in some line, but why look up what is asked for one who is in none?
        let mut question = None;
        self.any_subject(user, |subject| {
            let question = question.get_or_insert_with(|| self.question(attributes));
            self.grants(subject, question)
        })
    }

    fn question<'a>(&self, attributes: &Attributes<'a>) -> Question<'a> {
        let reads = attributes.is_read_only();
        match attributes {
            Attributes::Resource(asked) => self.resource_question(asked, reads),
            Attributes::NonResource(asked) => {
                let whole = self.terms.get(asked.path).copied();
                Question::Path { path: asked.path, whole, reads }
            }
        }
    }

    fn resource_question<'a>(&self, asked: &ResourceAttributes<'_>, reads: bool) -> Question<'a> {
        let mut shapes = Shapes::ALL;
        let mut term = |text: &str, without| {
            // No line names an unknown term: only `*` can match it.
            self.terms.get(text).copied().unwrap_or_else(|| {
                shapes.retain(without);
                TermId::ANY
            })
        };
        let namespace = term(asked.namespace, Shapes::ANY_NAMESPACE);
        let resource = term(asked.resource, Shapes::ANY_RESOURCE);
        let group = term(asked.group, Shapes::ANY_GROUP);
        Question::Resource { namespace, resource, group, shapes, reads }
    }

    fn grants(&self, id: SubjectId, question: &Question<'_>) -> bool {
        let Some(subject) = self.subjects.get(id.index()) else {
            return false;
        };
        match *question {
            Question::Resource { namespace, resource, group, shapes, reads } => {
                let mut shapes = subject.reach(reads).shapes.intersection(shapes);
                for (known, term, without) in [
                    (subject.namespaces, namespace, Shapes::ANY_NAMESPACE),
                    (subject.resources, resource, Shapes::ANY_RESOURCE),
                    (subject.groups, group, Shapes::ANY_GROUP),
                ] {
                    if !known.contains(term) {
                        shapes.retain(without);
                    }
                }
                let pick = |term, named| if named { term } else { TermId::ANY };
                shapes.any(|shape| {
                    let key = ResourceKey {
                        subject: id,
                        namespace: pick(namespace, shape & 1 != 0),
                        resource: pick(resource, shape & 2 != 0),
                        group: pick(group, shape & 4 != 0),
                    };
                    self.resources.get(&key).is_some_and(|verbs| verbs.cover(reads))
                })
            }
            Question::Path { path, whole, reads } => {
                let whole = whole.filter(|term| subject.paths.contains(*term));
                let verbs = whole.and_then(|term| self.paths.get(&(id, term)));
                verbs.is_some_and(|verbs: &Verbs| verbs.cover(reads))
                    || subject.reach(reads).has_prefix_of(path)
            }
        }
    }
}

/// What is asked, in terms of the table.
enum Question<'a> {
    Resource { namespace: TermId, resource: TermId, group: TermId, shapes: Shapes, reads: bool },
    Path { path: &'a str, whole: Option<TermId>, reads: bool },
}

impl Subject {
    const fn reach(&self, reads: bool) -> &Reach {
        if reads { &self.read } else { &self.other }
    }
}

impl Reach {
    fn has_prefix_of(&self, path: &str) -> bool {
        // By INVARIANT on `prefixes` only the last one not above the path can match.
        let above = self.prefixes.partition_point(|prefix| prefix.as_str() <= path);
        let candidate = above.checked_sub(1).and_then(|last| self.prefixes.get(last));
        candidate.is_some_and(|prefix| path.starts_with(prefix.as_str()))
    }
}

/// A user's subjects, looked up once: which lines are about them, directly or by group.
///
/// ```
/// use portcullis::authz::abac::Policy;
/// use portcullis::model::{Attributes, Decision, ResourceAttributes, User};
///
/// let policy = Policy::parse("policy.jsonl", r#"{"group": "dev", "namespace": "web"}"#)?;
/// let principal = policy.principal(&User::new("alice").with_groups(["dev"]));
/// let ask = |namespace| {
///     Attributes::Resource(ResourceAttributes::new("get", "pods").in_namespace(namespace))
/// };
/// assert_eq!(principal.authorize(&policy, &ask("web")), Decision::Allow);
/// assert_eq!(principal.authorize(&policy, &ask("db")), Decision::NoOpinion);
/// # Ok::<(), portcullis::authz::abac::LoadError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Principal {
    stamp: u64,
    subjects: Box<[SubjectId]>,
}

impl Principal {
    /// Answers what `policy` answers for the user. Of any other policy than the one that made it
    /// a principal knows nothing, and has no opinion.
    #[must_use]
    pub fn authorize(&self, policy: &Policy, attributes: &Attributes<'_>) -> Decision {
        if self.stamp != policy.stamp || self.subjects.is_empty() {
            return Decision::NoOpinion;
        }
        let question = policy.table.question(attributes);
        if self.subjects.iter().any(|subject| policy.table.grants(*subject, &question)) {
            Decision::Allow
        } else {
            Decision::NoOpinion
        }
    }
}

impl Policy {
    /// Looks the user up once, for many questions.
    #[must_use]
    pub fn principal(&self, user: &User) -> Principal {
        let mut subjects = Vec::new();
        self.table.any_subject(user, |subject| {
            subjects.push(subject);
            false
        });
        subjects.sort_unstable();
        subjects.dedup();
        Principal { stamp: self.stamp, subjects: subjects.into() }
    }
}
