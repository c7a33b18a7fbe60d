//! The compiled form: every string of the policy once, as a number; every line under its subject.
//!
//! A subject is a user, a group, or a user in a group. What a line allows is a key of (subject,
//! namespace, resource, API group), each of the last three a term or `*`; there are eight shapes
//! of such keys, and each subject knows which of them occur, so that a decision probes only those.
//! Paths have a key of their own, and prefixes of paths are kept sorted per subject.
//!
//! Memory: ten thousand lines (1.8 MB of text) over 3,300 subjects take about 6 MB, most of it the
//! lines themselves, text and fields, which only explanations and lists look at.

use hashbrown::HashMap;

use crate::api::Str;
use crate::api::abac::PolicySpec;
use crate::model::User;

/// A string of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TermId(u32);

impl TermId {
    /// `*`.
    pub(super) const ANY: Self = Self(0);
}

/// Someone or some group that lines are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SubjectId(u32);

/// A line and what it comes to mean.
#[derive(Debug)]
pub(super) struct Line {
    /// In the file, counted from 1.
    pub(super) number: u32,
    /// As written, without the blanks around it.
    pub(super) text: Box<str>,
    /// With everything filled in (S-ABAC-8).
    pub(super) spec: PolicySpec,
}

/// A name that lines use for a user, for a group, or for both.
#[derive(Debug, Default)]
pub(super) struct Name {
    /// The lines about the user of this name.
    pub(super) user: Option<SubjectId>,
    /// The lines about the group of this name.
    pub(super) group: Option<SubjectId>,
    /// The lines about the user of this name while in a group.
    pub(super) user_in_group: HashMap<Str, SubjectId>,
}

/// What lines allow on resources: each part a term or [`TermId::ANY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ResourceKey {
    pub(super) subject: SubjectId,
    pub(super) namespace: TermId,
    pub(super) resource: TermId,
    pub(super) group: TermId,
}

/// For which verbs a key was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verbs {
    /// `get`, `list` and `watch`.
    Read,
    /// Every verb.
    All,
}

impl Verbs {
    const fn of(spec: &PolicySpec) -> Self {
        if spec.readonly { Self::Read } else { Self::All }
    }

    /// Whether a verb is covered; of a verb it only matters whether it reads (S-ABAC-13).
    pub(super) const fn cover(self, reads: bool) -> bool {
        reads || matches!(self, Self::All)
    }
}

/// A set of the eight shapes of [`ResourceKey`]. Bit by bit: shape 1 names the namespace, 2 the
/// resource, 4 the API group, and sums of these name several; what is not named is `*`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Shapes(u8);

impl Shapes {
    /// The shapes that do not name a namespace, a resource, an API group.
    pub(super) const ANY_NAMESPACE: Self = Self(0b0101_0101);
    pub(super) const ANY_RESOURCE: Self = Self(0b0011_0011);
    pub(super) const ANY_GROUP: Self = Self(0b0000_1111);

    /// All eight.
    pub(super) const ALL: Self = Self(!0);

    /// Keeps those that are in `other`.
    pub(super) const fn retain(&mut self, other: Self) {
        self.0 &= other.0;
    }

    /// Those that are in both.
    pub(super) const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether `test` holds for one of the shapes; the widest is tried first.
    pub(super) fn any(self, mut test: impl FnMut(u32) -> bool) -> bool {
        let mut rest = self.0;
        while rest != 0 {
            if test(rest.trailing_zeros()) {
                return true;
            }
            // Takes the lowest bit away.
            rest &= rest.wrapping_sub(1);
        }
        false
    }

    fn insert(&mut self, key: &ResourceKey) {
        let side = |any: Self, term| if term == TermId::ANY { any.0 } else { !any.0 };
        self.0 |= side(Self::ANY_NAMESPACE, key.namespace)
            & side(Self::ANY_RESOURCE, key.resource)
            & side(Self::ANY_GROUP, key.group);
    }
}

/// Which terms may occur: a set that is sometimes wrong, and only in saying yes.
// PERF: spares nearly every probe for a subject that has lines, but none about this namespace.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Maybe(u64);

impl Maybe {
    fn insert(&mut self, term: TermId) {
        self.0 |= Self::bit(term);
    }

    /// Whether the term may occur; `false` is certain.
    pub(super) const fn contains(self, term: TermId) -> bool {
        self.0 & Self::bit(term) != 0
    }

    const fn bit(term: TermId) -> u64 {
        // Ids are given out one after the other, so their low bits are spread evenly.
        1 << (term.0 % u64::BITS)
    }
}

/// What a subject's lines look like, for one class of verbs.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// The shapes of its resource keys.
    pub(super) shapes: Shapes,
    /// The prefixes of paths.
    // INVARIANT: sorted, and none is a prefix of another, so that the greatest prefix not above
    // a path is the only one that can be a prefix of it.
    pub(super) prefixes: Box<[Str]>,
}

/// What is known of a subject.
#[derive(Debug, Default)]
pub(super) struct Subject {
    /// For `get`, `list` and `watch`: every line.
    pub(super) read: Reach,
    /// For other verbs: the lines that are not read-only.
    pub(super) other: Reach,
    /// The namespaces of its lines.
    pub(super) namespaces: Maybe,
    /// The resources of its lines.
    pub(super) resources: Maybe,
    /// The API groups of its lines.
    pub(super) groups: Maybe,
    /// The whole paths of its lines.
    pub(super) paths: Maybe,
    /// Its lines by index, ascending.
    pub(super) lines: Vec<usize>,
}

/// The compiled policy.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// In file order.
    pub(super) lines: Vec<Line>,
    /// Users and groups.
    pub(super) names: HashMap<Str, Name>,
    // INVARIANT: a SubjectId is an index of `subjects`.
    pub(super) subjects: Vec<Subject>,
    /// Namespaces, resources, API groups and whole paths.
    pub(super) terms: HashMap<Str, TermId>,
    /// What is allowed on resources.
    pub(super) resources: HashMap<ResourceKey, Verbs>,
    /// What is allowed on whole paths.
    pub(super) paths: HashMap<(SubjectId, TermId), Verbs>,
}

impl Table {
    /// Builds the table of these lines. Lines about nobody are only kept to be listed (S-ABAC-12).
    pub(super) fn compile(lines: Vec<Line>) -> Self {
        let mut table = Self::default();
        table.terms.insert("*".into(), TermId::ANY);
        for (index, line) in lines.iter().enumerate() {
            if let Some(subject) = table.subject_of(&line.spec) {
                table.add_keys(subject, &line.spec);
                if let Some(subject) = table.subjects.get_mut(subject.index()) {
                    subject.lines.push(index);
                }
            }
        }
        for subject in &mut table.subjects {
            let specs = || subject.lines.iter().filter_map(|index| lines.get(*index));
            let (read, other) = (prefixes(specs(), true), prefixes(specs(), false));
            subject.read.prefixes = read;
            subject.other.prefixes = other;
        }
        table.lines = lines;
        table
    }

    /// The subject of a line, made when it is new; `None` when the line is about nobody.
    fn subject_of(&mut self, spec: &PolicySpec) -> Option<SubjectId> {
        let next = SubjectId(id(self.subjects.len()));
        let name = if spec.user.is_empty() { &spec.group } else { &spec.user };
        if name.is_empty() {
            return None;
        }
        let entry = self.names.entry_ref(name).or_default();
        let subject = if spec.user.is_empty() {
            *entry.group.get_or_insert(next)
        } else if spec.group.is_empty() {
            *entry.user.get_or_insert(next)
        } else {
            *entry.user_in_group.entry_ref(&spec.group).or_insert(next)
        };
        if subject == next {
            self.subjects.push(Subject::default());
        }
        Some(subject)
    }

    fn add_keys(&mut self, subject: SubjectId, spec: &PolicySpec) {
        let key = ResourceKey {
            subject,
            namespace: self.term(&spec.namespace),
            resource: self.term(&spec.resource),
            group: self.term(&spec.api_group),
        };
        let path = self.term(&spec.non_resource_path);
        let verbs = Verbs::of(spec);
        // Of two lines with the same key the one for all verbs covers the other.
        let widen = |known: &mut Verbs| {
            if verbs == Verbs::All {
                *known = verbs;
            }
        };
        self.resources.entry(key).and_modify(widen).or_insert(verbs);
        // Every line has a path, and the empty path is one like any other (S-ABAC-17).
        self.paths.entry((subject, path)).and_modify(widen).or_insert(verbs);
        if let Some(known) = self.subjects.get_mut(subject.index()) {
            known.namespaces.insert(key.namespace);
            known.resources.insert(key.resource);
            known.groups.insert(key.group);
            known.paths.insert(path);
            known.read.shapes.insert(&key);
            if verbs == Verbs::All {
                known.other.shapes.insert(&key);
            }
        }
    }

    fn term(&mut self, text: &Str) -> TermId {
        let next = TermId(id(self.terms.len()));
        *self.terms.entry_ref(text).or_insert(next)
    }

    /// Visits every subject that `user` is, until `visit` says that it has seen enough; says
    /// whether it did (S-ABAC-12).
    pub(super) fn any_subject(
        &self,
        user: &User,
        mut visit: impl FnMut(SubjectId) -> bool,
    ) -> bool {
        let name = self.names.get(user.name.as_str());
        if name.and_then(|name| name.user).is_some_and(&mut visit) {
            return true;
        }
        let in_group = name.map(|name| &name.user_in_group).filter(|known| !known.is_empty());
        user.groups.iter().any(|group| {
            let subject = self.names.get(group.as_str()).and_then(|name| name.group);
            subject.is_some_and(&mut visit)
                || in_group
                    .and_then(|known| known.get(group.as_str()))
                    .copied()
                    .is_some_and(&mut visit)
        })
    }

    /// Roughly how many bytes the table occupies on the heap.
    pub(super) fn memory_usage(&self) -> usize {
        let lines = self.lines.iter().map(|line| line.text.len()).sum::<usize>();
        let subjects = self.subjects.iter().map(|subject| {
            let prefixes = [&subject.read, &subject.other].map(|reach| reach.prefixes.len());
            let lines = subject.lines.capacity().saturating_mul(size_of::<usize>());
            lines.saturating_add(prefixes.iter().sum::<usize>().saturating_mul(size_of::<Str>()))
        });
        [
            lines,
            self.lines.capacity().saturating_mul(size_of::<Line>()),
            subjects.sum(),
            self.subjects.capacity().saturating_mul(size_of::<Subject>()),
            self.names.allocation_size(),
            self.terms.allocation_size(),
            self.resources.allocation_size(),
            self.paths.allocation_size(),
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }
}

impl SubjectId {
    /// The index in [`Table::subjects`].
    pub(super) fn index(self) -> usize {
        // Never saturates where a table of that size fits into memory.
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// The id of the next of `len` things. By the limit on lines, each of which brings at most one
/// subject and four terms, it never saturates, so no two things share one.
fn id(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// The path prefixes of these lines for one class of verbs, as [`Reach::prefixes`] wants them.
fn prefixes<'a>(lines: impl Iterator<Item = &'a Line>, reads: bool) -> Box<[Str]> {
    let mut all: Vec<&str> = lines
        .filter(|line| Verbs::of(&line.spec).cover(reads))
        .filter_map(|line| prefix(&line.spec.non_resource_path))
        .collect();
    all.sort_unstable();
    let mut kept: Vec<Str> = Vec::new();
    for candidate in all {
        // Sorted: what a kept prefix covers follows it directly.
        if !kept.last().is_some_and(|last| candidate.starts_with(last.as_str())) {
            kept.push(candidate.into());
        }
    }
    kept.into_boxed_slice()
}

/// The prefix that a path with `*` at its end stands for: all of the stars are taken off
/// (S-ABAC-16).
pub(super) fn prefix(path: &str) -> Option<&str> {
    path.ends_with('*').then(|| path.trim_end_matches('*'))
}
