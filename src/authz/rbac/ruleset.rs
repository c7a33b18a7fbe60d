//! The rules of a role, twice: as they were written, in numbers, and as a table to decide from.
//!
//! Roles with identical rules share one rule set.

use std::sync::Arc;

use super::atoms::{AtomRow, AtomTable, NO_ROW};
use super::vocabulary::{PATH_BIT, Question, Vocabulary, bloom_bit};
use crate::api::Str;
use crate::api::rbac::PolicyRule;
use crate::model::{Attributes, NonResourceAttributes, ResourceAttributes};
use crate::util::num;

/// Past this many (group, resource) pairs a rule set is not tabulated but read word by word: a
/// hostile role of 10,000 groups times 10,000 resources must not become a hundred million rows, nor
/// many roles of 256 times 256, five kilobytes each, become gigabytes.
/// The largest default role, `edit`, has under 200.
const MOST_ATOMS: usize = 1 << 12;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct RuleSet {
    written: Written,
    table: AtomTable,
    named: Box<[NamedRow]>,
    paths: Box<[PathRow]>,
    // Signature of the atoms in the table, and of paths.
    bloom: u64,
    // Bits of every verb.
    verbs: u64,
    // Some verb has no bit of its own: questions with such a verb are read word by word.
    rare_verbs: bool,
    // There is no table: every question is read word by word.
    untabulated: bool,
}

/// The rules in numbers: what identifies a rule set.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Written {
    rules: Box<[RuleRow]>,
    // Verbs, groups and resources of each rule, one after the other.
    words: Box<[u32]>,
    // Resource names and URLs of each rule, likewise.
    texts: Box<[Str]>,
}

enum Word {
    Verb,
    Group,
    Resource,
}

// Ends of the lists of one rule; each begins where the one before it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct RuleRow {
    verbs: u32,
    groups: u32,
    resources: u32,
    names: u32,
    urls: u32,
}

// INVARIANT: `next` is a row before this one, or NO_ROW; so following it ends.
#[derive(Debug, Clone, Copy)]
struct NamedRow {
    verbs: u64,
    rule: u32,
    next: u32,
}

#[derive(Debug)]
struct PathRow {
    verbs: u64,
    prefix: bool,
    text: Str,
}

/// The part of a rule set that most tests end with: dense, so that the roles of a large cluster
/// stay in a near cache.
#[derive(Debug, Clone, Default)]
pub(super) struct RoleTest {
    bloom: u64,
    verbs: u64,
    table: AtomTable,
    untabulated: bool,
}

/// One rule, its lists still in numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct RuleRef<'s> {
    verbs: &'s [u32],
    groups: &'s [u32],
    resources: &'s [u32],
    names: &'s [Str],
    urls: &'s [Str],
}

impl Written {
    /// Puts rules in numbers; `None` when there is no room for a new word.
    pub(super) fn new(rules: &[PolicyRule], vocabulary: &mut Vocabulary) -> Option<Self> {
        Self::number(rules, |kind, word| match kind {
            Word::Verb => vocabulary.verbs.intern(word),
            Word::Group => vocabulary.group(word),
            Word::Resource => vocabulary.resource(word),
        })
    }

    /// Puts rules in numbers that are all known; `None` when a word is new.
    pub(super) fn known(rules: &[PolicyRule], vocabulary: &Vocabulary) -> Option<Self> {
        Self::number(rules, |kind, word| match kind {
            Word::Verb => vocabulary.verbs.get(word),
            Word::Group => vocabulary.groups.get(word),
            Word::Resource => vocabulary.resources.get(word),
        })
    }

    fn number(
        rules: &[PolicyRule],
        mut number: impl FnMut(Word, &str) -> Option<u32>,
    ) -> Option<Self> {
        let mut rows = Vec::with_capacity(rules.len());
        let mut words = Vec::new();
        let mut texts = Vec::new();
        for rule in rules {
            for verb in &rule.verbs {
                words.push(number(Word::Verb, verb)?);
            }
            let verbs = num::id(words.len())?;
            for group in &rule.api_groups {
                words.push(number(Word::Group, group)?);
            }
            let groups = num::id(words.len())?;
            for resource in &rule.resources {
                words.push(number(Word::Resource, resource)?);
            }
            let resources = num::id(words.len())?;
            texts.extend(rule.resource_names.iter().cloned());
            let names = num::id(texts.len())?;
            texts.extend(rule.non_resource_urls.iter().cloned());
            let urls = num::id(texts.len())?;
            rows.push(RuleRow { verbs, groups, resources, names, urls });
        }
        Some(Self { rules: rows.into(), words: words.into(), texts: texts.into() })
    }

    fn rules(&self) -> impl Iterator<Item = RuleRef<'_>> {
        (0..).map_while(|index| self.rule(index))
    }

    fn rule(&self, index: u32) -> Option<RuleRef<'_>> {
        let row = self.rules.get(num::index(index))?;
        let before = index.checked_sub(1).and_then(|before| self.rules.get(num::index(before)));
        let (word, text) = before.map_or((0, 0), |before| (before.resources, before.urls));
        Some(RuleRef {
            verbs: slice(&self.words, word, row.verbs),
            groups: slice(&self.words, row.verbs, row.groups),
            resources: slice(&self.words, row.groups, row.resources),
            names: slice(&self.texts, text, row.names),
            urls: slice(&self.texts, row.names, row.urls),
        })
    }
}

// By INVARIANT of `Written::new` the bounds are within the list; an empty list otherwise.
fn slice<T>(list: &[T], start: u32, end: u32) -> &[T] {
    list.get(num::index(start)..num::index(end)).unwrap_or(&[])
}

impl RuleSet {
    /// Builds the table; `None` when there is no room.
    pub(super) fn new(written: Written, vocabulary: &mut Vocabulary) -> Option<Self> {
        let mut set = Self::default();
        let mut rows: Vec<AtomRow> = Vec::new();
        let mut named = Vec::new();
        let mut paths = Vec::new();
        let pairs = |rule: RuleRef<'_>| rule.groups.len().saturating_mul(rule.resources.len());
        set.untabulated = written.rules().map(pairs).fold(0, usize::saturating_add) > MOST_ATOMS;
        for (index, rule) in written.rules().enumerate() {
            let (verbs, rare) = vocabulary.verb_mask(rule.verbs);
            set.rare_verbs |= rare;
            set.verbs |= verbs;
            for url in rule.urls {
                // All trailing stars are stripped (S-RBAC-10); `*` alone becomes the empty prefix.
                let prefix = url.ends_with('*');
                paths.push(PathRow { verbs, prefix, text: url.trim_end_matches('*').into() });
                set.bloom |= PATH_BIT;
            }
            if set.untabulated {
                continue;
            }
            for &group in rule.groups {
                for &resource in rule.resources {
                    let atom = vocabulary.atom(group, resource)?;
                    set.bloom |= bloom_bit(atom);
                    if rule.names.is_empty() {
                        rows.push(AtomRow { atom, named: NO_ROW, any_name: verbs });
                    } else {
                        let (rule, place) = (num::id(index)?, num::id(named.len())?);
                        named.push(NamedRow { verbs, rule, next: NO_ROW });
                        rows.push(AtomRow { atom, named: place, any_name: 0 });
                    }
                }
            }
        }
        set.table = AtomTable::new(rows, |row, next| {
            // By INVARIANT of the order in which they were made, `next` is older.
            if let Some(row) = named.get_mut(num::index(row)) {
                row.next = next;
            }
        });
        if set.untabulated {
            (set.bloom, set.verbs) = (u64::MAX, u64::MAX);
        }
        set.written = written;
        set.named = named.into();
        set.paths = paths.into();
        Some(set)
    }

    /// What to keep beside the role.
    pub(super) fn test(&self) -> RoleTest {
        RoleTest {
            bloom: self.bloom,
            verbs: self.verbs,
            table: self.table.clone(),
            untabulated: self.untabulated,
        }
    }

    /// The same for a role that is bound for a time: signatures alone, so that its row is looked at
    /// before anything is granted.
    pub(super) fn test_for_a_time(&self) -> RoleTest {
        RoleTest {
            bloom: self.bloom,
            verbs: self.verbs,
            table: AtomTable::default(),
            untabulated: true,
        }
    }

    /// Whether some rule grants what is asked.
    pub(super) fn allows(&self, question: &Question<'_>, vocabulary: &Vocabulary) -> bool {
        if question.oversized || self.untabulated || (question.rare_verb && self.rare_verbs) {
            return self.first_allowing(question.attributes, vocabulary).is_some();
        }
        match question.attributes {
            Attributes::Resource(asked) => question.atoms().any(|atom| {
                self.table.find(atom).is_some_and(|row| {
                    row.any_name & question.verb != 0
                        || self.allows_name(row.named, question.verb, asked.name)
                })
            }),
            Attributes::NonResource(asked) => self.paths.iter().any(|row| {
                row.verbs & question.verb != 0
                    && if row.prefix {
                        asked.path.starts_with(row.text.as_str())
                    } else {
                        asked.path == row.text
                    }
            }),
        }
    }

    fn allows_name(&self, first: u32, verb: u64, name: &str) -> bool {
        let mut next = first;
        while let Some(named) = self.named.get(num::index(next)) {
            // An unnamed request matches only if the empty name is listed (S-RBAC-8, S-RBAC-9).
            if named.verbs & verb != 0
                && self.written.rule(named.rule).is_some_and(|r| r.names.iter().any(|n| n == name))
            {
                return true;
            }
            next = named.next;
        }
        false
    }

    /// The index of the first rule that grants what is asked, read word by word.
    pub(super) fn first_allowing(
        &self,
        attributes: &Attributes<'_>,
        vocabulary: &Vocabulary,
    ) -> Option<u32> {
        let allowing = self.written.rules().position(|rule| rule.allows(attributes, vocabulary))?;
        num::id(allowing)
    }

    /// All rules, in order.
    pub(super) fn rules(&self) -> impl Iterator<Item = RuleRef<'_>> {
        self.written.rules()
    }

    /// The rule at an index.
    pub(super) fn rule(&self, index: u32) -> Option<RuleRef<'_>> {
        self.written.rule(index)
    }

    /// The rules in numbers.
    pub(super) const fn written(&self) -> &Written {
        &self.written
    }

    /// Bytes held, strings included.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>()
            + size_of_val(&*self.written.rules)
            + size_of_val(&*self.written.words)
            + size_of_val(&*self.written.texts)
            + self.table.memory()
            + size_of_val(&*self.named)
            + size_of_val(&*self.paths)
    }
}

impl RoleTest {
    /// Whether there is no verb at all: the role is not there, or grants nothing.
    pub(super) const fn is_blank(&self) -> bool {
        self.verbs == 0
    }

    /// Whether the signatures meet: without that nothing is granted.
    #[inline]
    pub(super) const fn may_allow(&self, question: &Question<'_>) -> bool {
        (self.bloom & question.bloom != 0 && self.verbs & question.verb != 0)
            || !question.is_plain()
    }

    /// Whether the role of this test grants what is asked, given that it [may](Self::may_allow);
    /// `rules` are fetched only when the test alone cannot tell.
    #[inline]
    pub(super) fn allows<'r>(
        &self,
        question: &Question<'_>,
        vocabulary: &Vocabulary,
        rules: impl FnOnce() -> Option<&'r Arc<RuleSet>>,
    ) -> bool {
        if !question.is_plain() {
            return rules().is_some_and(|rules| rules.allows(question, vocabulary));
        }
        let Attributes::Resource(_) = question.attributes else {
            return rules().is_some_and(|rules| rules.allows(question, vocabulary));
        };
        let mut undecided = self.untabulated;
        for row in question.atoms().filter_map(|atom| self.table.find(atom)) {
            if row.any_name & question.verb != 0 {
                return true;
            }
            undecided |= row.named != NO_ROW;
        }
        undecided && rules().is_some_and(|rules| rules.allows(question, vocabulary))
    }
}

impl RuleRef<'_> {
    /// S-RBAC-2 to S-RBAC-12, as they stand.
    fn allows(&self, attributes: &Attributes<'_>, vocabulary: &Vocabulary) -> bool {
        let is_verb = |&verb: &u32| {
            let verb = vocabulary.verbs.resolve(verb);
            verb == "*" || verb == attributes.verb()
        };
        self.verbs.iter().any(is_verb)
            && match attributes {
                Attributes::Resource(asked) => {
                    let is_group = |&group: &u32| {
                        let group = vocabulary.groups.resolve(group);
                        group == "*" || group == asked.group
                    };
                    self.groups.iter().any(is_group)
                        && self
                            .resources
                            .iter()
                            .any(|&word| is_resource(vocabulary.resources.resolve(word), asked))
                        && (self.names.is_empty() || self.names.iter().any(|n| n == asked.name))
                }
                Attributes::NonResource(asked) => self.urls.iter().any(|url| is_path(url, asked)),
            }
    }

    /// The rule as it was written.
    pub(super) fn to_rule(self, vocabulary: &Vocabulary) -> PolicyRule {
        let words = |ids: &[u32], interner: &crate::util::intern::Interner| {
            ids.iter().map(|&id| Str::from(interner.resolve(id))).collect()
        };
        PolicyRule {
            verbs: words(self.verbs, &vocabulary.verbs),
            api_groups: words(self.groups, &vocabulary.groups),
            resources: words(self.resources, &vocabulary.resources),
            resource_names: self.names.to_vec(),
            non_resource_urls: self.urls.to_vec(),
        }
    }
}

/// S-RBAC-5.
fn is_resource(entry: &str, asked: &ResourceAttributes<'_>) -> bool {
    if entry == "*" {
        return true;
    }
    if asked.subresource.is_empty() {
        return entry == asked.resource;
    }
    let is_of = |resource: &str| {
        entry.strip_prefix(resource).and_then(|rest| rest.strip_prefix('/'))
            == Some(asked.subresource)
    };
    is_of(asked.resource) || is_of("*")
}

/// S-RBAC-10.
fn is_path(entry: &str, asked: &NonResourceAttributes<'_>) -> bool {
    entry == asked.path
        || (entry.ends_with('*') && asked.path.starts_with(entry.trim_end_matches('*')))
}
