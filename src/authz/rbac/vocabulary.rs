//! The words of the policy, and a request put in those words.
//!
//! Every verb, group and resource of every rule has a number; every (group, resource) pair that a
//! rule names has one too, its *atom*. A request is at most six atoms (itself, with either side
//! wild, and the same for `*/subresource`) and one bit for its verb.

use std::cell::Cell;

use hashbrown::HashTable;

use crate::model::{Attributes, Moment, ResourceAttributes};
use crate::util::intern::Interner;
use crate::util::num;

/// A (group, resource) pair that some rule names.
pub(super) type Atom = u32;

/// No such atom.
pub(super) const NONE: Atom = Atom::MAX;
/// The signature bit of paths; some atoms share it.
pub(super) const PATH_BIT: u64 = 1;
/// `*` as a group and as a resource.
const STAR: u32 = 0;
/// The core group, `""`.
const CORE: u32 = 1;
/// Verbs with a bit of their own. The last bit stands for every other verb.
const VERB_BITS: u32 = 63;
/// Longest `resource/subresource` that is looked up on the stack; real ones are a tenth of it.
const COMBINED: usize = 256;

/// Verbs that get a bit before any policy is read: those of Kubernetes.
const VERBS: [&str; 24] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "use",
    "bind",
    "escalate",
    "impersonate",
    "approve",
    "sign",
    "attest",
    "proxy",
    "head",
    "post",
    "put",
    "options",
    "request-serviceaccounts-token-audience",
    "unsafe-delete-ignore-read-errors",
    "connect",
    "*",
];

/// The numbers of the verbs of nearly every request, without a look-up. A test holds them against
/// the list above.
#[inline]
fn usual_verb(verb: &str) -> Option<u32> {
    Some(match verb {
        "get" => 0,
        "list" => 1,
        "watch" => 2,
        "create" => 3,
        "update" => 4,
        "patch" => 5,
        "delete" => 6,
        "deletecollection" => 7,
        _ => return None,
    })
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Vocabulary {
    pub(super) verbs: Interner,
    pub(super) groups: Interner,
    pub(super) resources: Interner,
    pairs: HashTable<Pair>,
    // By resource: the atom of that resource in any group.
    any_group: Vec<Atom>,
    // By group: the atom of any resource in that group.
    any_resource: Vec<Atom>,
}

#[derive(Debug, Clone, Copy)]
struct Pair {
    group: u32,
    resource: u32,
    atom: Atom,
}

/// A request in the words of the policy.
#[derive(Debug)]
pub(super) struct Question<'a> {
    /// What was asked, for the rare questions that are answered from the words themselves.
    pub(super) attributes: &'a Attributes<'a>,
    /// One bit: that of the verb, or the last for a verb without one.
    pub(super) verb: u64,
    /// The verb is in the policy but has no bit: rule sets that hold such verbs read their words.
    pub(super) rare_verb: bool,
    /// Longer than any policy writes: rule sets read their words.
    pub(super) oversized: bool,
    atoms: [Atom; 6],
    /// Signature of the atoms: a rule set that shares no bit with it grants none of them.
    pub(super) bloom: u64,
    /// What the clock showed when the first grant with times was looked at. Once a question: what ends
    /// as another begins leaves no gap.
    pub(super) moment: Cell<Option<Moment>>,
}

impl Question<'_> {
    /// Whether bits and atoms say all of it, so that no rule needs to be read for what they deny.
    #[inline]
    pub(super) const fn is_plain(&self) -> bool {
        !self.rare_verb && !self.oversized
    }

    /// The atoms that grant what was asked; a rule set needs one of them.
    pub(super) fn atoms(&self) -> impl Iterator<Item = Atom> {
        self.atoms.iter().copied().filter(|&atom| atom != NONE)
    }
}

/// Spreads an atom over a 64-bit hash (Fibonacci hashing; atoms are our own small numbers).
#[inline]
pub(super) fn spread(atom: Atom) -> u64 {
    u64::from(atom).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// The signature bit of an atom.
#[inline]
pub(super) fn bloom_bit(atom: Atom) -> u64 {
    1 << (spread(atom) >> 58)
}

impl Vocabulary {
    pub(super) fn new() -> Self {
        let mut vocabulary = Self {
            verbs: Interner::default(),
            groups: Interner::default(),
            resources: Interner::default(),
            pairs: HashTable::new(),
            any_group: Vec::new(),
            any_resource: Vec::new(),
        };
        for verb in VERBS {
            vocabulary.verbs.intern(verb);
        }
        for group in ["*", ""] {
            vocabulary.group(group);
        }
        vocabulary.resource("*");
        vocabulary
    }

    /// The number of a group of a rule.
    pub(super) fn group(&mut self, group: &str) -> Option<u32> {
        let id = self.groups.intern(group)?;
        if num::index(id) == self.any_resource.len() {
            self.any_resource.push(NONE);
        }
        Some(id)
    }

    /// The number of a resource of a rule.
    pub(super) fn resource(&mut self, resource: &str) -> Option<u32> {
        let id = self.resources.intern(resource)?;
        if num::index(id) == self.any_group.len() {
            self.any_group.push(NONE);
        }
        Some(id)
    }

    /// The atom of a pair of numbers, given out when new.
    pub(super) fn atom(&mut self, group: u32, resource: u32) -> Option<Atom> {
        if let Some(atom) = self.pair(group, resource) {
            return Some(atom);
        }
        let atom = num::id(self.pairs.len()).filter(|&atom| atom != NONE)?;
        let pair = Pair { group, resource, atom };
        self.pairs.insert_unique(pair.hash(), pair, Pair::hash);
        if group == STAR
            && let Some(slot) = self.any_group.get_mut(num::index(resource))
        {
            *slot = atom;
        }
        if resource == STAR
            && let Some(slot) = self.any_resource.get_mut(num::index(group))
        {
            *slot = atom;
        }
        Some(atom)
    }

    /// The bits of a rule's verbs, and whether some verb has none. `*` has all, the last too.
    pub(super) fn verb_mask(&self, verbs: &[u32]) -> (u64, bool) {
        let mut mask = 0;
        let mut rare = false;
        for &verb in verbs {
            match verb {
                _ if self.verbs.resolve(verb) == "*" => return (u64::MAX, false),
                bit if bit < VERB_BITS => mask |= 1 << bit,
                _ => rare = true,
            }
        }
        (mask, rare)
    }

    /// Puts a request in the words of the policy.
    #[inline]
    pub(super) fn question<'a>(&self, attributes: &'a Attributes<'a>) -> Question<'a> {
        let number = usual_verb(attributes.verb()).or_else(|| self.verbs.get(attributes.verb()));
        let (verb, rare_verb) = match number {
            Some(bit) if bit < VERB_BITS => (1 << bit, false),
            known => (1 << VERB_BITS, known.is_some()),
        };
        let mut question = Question {
            attributes,
            verb,
            rare_verb,
            oversized: false,
            atoms: [NONE; 6],
            bloom: 0,
            moment: Cell::new(None),
        };
        match attributes {
            Attributes::Resource(resource) => self.resource_atoms(resource, &mut question),
            Attributes::NonResource(_) => question.bloom = PATH_BIT,
        }
        question
    }

    fn resource_atoms(&self, asked: &ResourceAttributes<'_>, question: &mut Question<'_>) {
        let group = if asked.group.is_empty() { Some(CORE) } else { self.groups.get(asked.group) };
        let mut set = |slot: usize, atom: Option<Atom>| {
            if let Some(atom) = atom.filter(|&atom| atom != NONE)
                && let Some(place) = question.atoms.get_mut(slot)
            {
                *place = atom;
                question.bloom |= bloom_bit(atom);
            }
        };
        // `*` covers resources and all their subresources (S-RBAC-6).
        set(0, self.any_group.get(num::index(STAR)).copied());
        set(1, group.and_then(|group| self.any_resource.get(num::index(group)).copied()));
        let mut of_resource = |slot: usize, resource: Option<u32>| {
            let Some(resource) = resource else { return };
            set(slot, self.any_group.get(num::index(resource)).copied());
            set(slot + 1, group.and_then(|group| self.pair(group, resource)));
        };
        if asked.subresource.is_empty() {
            of_resource(2, self.resources.get(asked.resource));
            return;
        }
        // With a subresource, `resource/sub` or `*/sub` (S-RBAC-5).
        let mut combined = [0; COMBINED];
        let Some(both) = join(&mut combined, asked.resource, asked.subresource) else {
            question.oversized = true;
            return;
        };
        of_resource(2, self.resources.get_bytes(both));
        if let Some(wild) = join(&mut combined, "*", asked.subresource) {
            of_resource(4, self.resources.get_bytes(wild));
        }
    }

    #[inline]
    fn pair(&self, group: u32, resource: u32) -> Option<Atom> {
        let wanted = Pair { group, resource, atom: NONE };
        self.pairs
            .find(wanted.hash(), |pair| pair.group == group && pair.resource == resource)
            .map(|pair| pair.atom)
    }

    /// Bytes held.
    pub(super) fn memory(&self) -> usize {
        self.verbs.memory()
            + self.groups.memory()
            + self.resources.memory()
            + self.pairs.allocation_size()
            + (self.any_group.capacity() + self.any_resource.capacity()) * size_of::<Atom>()
    }
}

impl Pair {
    #[inline]
    fn hash(&self) -> u64 {
        let both = (u64::from(self.group) << 32) | u64::from(self.resource);
        let mixed = both.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^ (mixed >> 29)
    }
}

/// `resource/sub` in the buffer; `None` when it does not fit.
fn join<'b>(buffer: &'b mut [u8; COMBINED], resource: &str, sub: &str) -> Option<&'b [u8]> {
    let length = resource.len().checked_add(1)?.checked_add(sub.len())?;
    let whole = buffer.get_mut(..length)?;
    let (front, back) = whole.split_at_mut_checked(resource.len())?;
    front.copy_from_slice(resource.as_bytes());
    let (slash, back) = back.split_first_mut()?;
    *slash = b'/';
    back.copy_from_slice(sub.as_bytes());
    buffer.get(..length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_verbs_have_the_numbers_they_are_interned_with() {
        let vocabulary = Vocabulary::new();
        for verb in VERBS {
            if let Some(number) = usual_verb(verb) {
                assert_eq!(vocabulary.verbs.get(verb), Some(number), "{verb}");
            }
        }
        assert_eq!(VERBS.iter().filter(|verb| usual_verb(verb).is_some()).count(), 8);
    }
}
