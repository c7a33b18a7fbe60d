//! Grants of one scope, or of a few namespaces, in a table of eight-byte places.

use hashbrown::HashMap;

use super::index::{Asker, Hasher, RoleId, mix};
use crate::util::num;

/// One subject of one binding that can match somebody: a place of a [`Table`].
///
/// Eight bytes hold all that a probe needs: 12 bits of the hash, the role (26 bits), and where the
/// names stand in the text (26 bits, in units of eight bytes: 512 MiB of names in one table).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grant(u64);

const FIELD: u32 = 26;
const FIELD_MASK: u64 = (1 << FIELD) - 1;
const TAG_SHIFT: u32 = 2 * FIELD;
// What the text is addressed in: names begin at multiples of it.
const UNIT: usize = 8;

impl Grant {
    const EMPTY: Self = Self(0);
    const REMOVED: Self = Self(1 << TAG_SHIFT);

    // `None` when the role or the text is out of range.
    fn new(hash: u64, role: RoleId, at: usize) -> Option<Self> {
        let at = u64::try_from(at / UNIT).ok().filter(|at| *at <= FIELD_MASK)?;
        let role = Some(u64::from(role)).filter(|role| *role <= FIELD_MASK)?;
        Some(Self((tag(hash) << TAG_SHIFT) | (role << FIELD) | at))
    }

    #[inline]
    const fn tag(self) -> u64 {
        self.0 >> TAG_SHIFT
    }

    #[inline]
    pub(super) const fn role(self) -> RoleId {
        num::low32((self.0 >> FIELD) & FIELD_MASK)
    }

    #[inline]
    const fn at(self) -> usize {
        num::low_index(self.0 & FIELD_MASK) * UNIT
    }
}

// At least 2: 0 and 1 are those of places that hold no grant.
#[inline]
fn tag(hash: u64) -> u64 {
    (hash >> TAG_SHIFT).max(2)
}

/// Grants of one scope, or of a few namespaces.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    // INVARIANT: a power of two of places, or none; at least a third is EMPTY, so that every probe
    // ends, and soon.
    places: Box<[Grant]>,
    // A bit for each hash that was placed: it turns away most of those who hold nothing here.
    // Within the table itself as long as that is small, which saves a look elsewhere.
    filter: [u64; NEAR],
    // For more places than the near filter serves, a word for eight of them.
    // INVARIANT: a power of two of words, or none.
    far_filter: Box<[u64]>,
    // For each grant: kind, subject, lengths, namespace, name.
    text: Vec<u8>,
    // Places that are not EMPTY, and those of them that are REMOVED.
    used: usize,
    removed: usize,
    // By hash: where the walk of a subject with many grants ended, so that the next grant need not
    // walk past all of them. `None` nearly always.
    ends: Option<Box<HashMap<u64, Walk>>>,
}

/// The places at which the grants of one hash may stand, each once: those of the home's line, then
/// those of other lines in steps that depend on the hash. So a look mostly stays in one line of a
/// cache, and a subject with very many grants does not fill a stretch that the walks of others have
/// to cross.
#[derive(Debug, Clone, Copy)]
struct Walk {
    at: usize,
    mask: usize,
    steps: usize,
    hash: u64,
}

// Words of the near filter: half a line of a cache.
const NEAR: usize = 4;

// Bits of the hash that neither the tag nor the place uses.
#[inline]
fn filter_bit(words: usize, hash: u64) -> (usize, u64) {
    let word = num::low_index(hash >> 32) & words.wrapping_sub(1);
    (word, 1 << ((hash >> 26) & 63))
}

/// Places in one line.
const LINE: usize = 8;
/// From so many steps on the end of a walk is remembered.
const LONG: usize = 64;

impl Walk {
    #[inline]
    fn step(&mut self) {
        self.steps = self.steps.wrapping_add(1);
        let within = self.at.wrapping_add(1) & (LINE - 1) & self.mask;
        self.at = (self.at & !(LINE - 1)) | within;
        if self.steps.is_multiple_of(LINE) {
            // An odd number of lines comes to every line of a power of two.
            let lines = num::low_index(self.hash >> 24) | 1;
            self.at = self.at.wrapping_add(lines.wrapping_mul(LINE)) & self.mask;
        }
    }
}

// To where names may begin.
fn pad(text: &mut Vec<u8>) {
    text.resize(text.len().next_multiple_of(UNIT), 0);
}

/// What the text says of a grant.
#[derive(Debug, PartialEq, Eq)]
struct Names<'a> {
    kind: u8,
    subject: u32,
    namespace: &'a [u8],
    name: &'a [u8],
}

// Kind (1), subject (4), length of the namespace (4), length of the name (4).
const HEAD: usize = 13;

impl Table {
    #[inline]
    fn walk(&self, hash: u64) -> Walk {
        let mask = self.places.len().wrapping_sub(1);
        Walk { at: num::low_index(hash) & mask, mask, steps: 0, hash }
    }

    /// Whether some grant that a subject of this hash may hold passes `test`; [`Self::is_of`] makes
    /// sure that it is the subject's.
    #[inline]
    pub(super) fn any(&self, hash: u64, mut test: impl FnMut(Grant) -> bool) -> bool {
        if !self.may_hold(hash) {
            return false;
        }
        let wanted = tag(hash);
        let mut walk = self.walk(hash);
        // Out of bounds only in a table without places.
        while let Some(&grant) = self.places.get(walk.at) {
            if grant.tag() == wanted && test(grant) {
                return true;
            }
            if grant == Grant::EMPTY {
                return false;
            }
            walk.step();
        }
        false
    }

    #[inline]
    fn may_hold(&self, hash: u64) -> bool {
        let filter = if self.far_filter.is_empty() { &self.filter[..] } else { &self.far_filter };
        let (word, bit) = filter_bit(filter.len(), hash);
        filter.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Every grant of `asker` in `namespace`, with its subject.
    pub(super) fn held(
        &self,
        hash: u64,
        asker: Asker<'_>,
        namespace: &str,
        mut with: impl FnMut(RoleId, u32),
    ) {
        self.any(hash, |grant| {
            if self.is_of(grant, asker, namespace)
                && let Some(subject) = self.subject(grant)
            {
                with(grant.role(), subject);
            }
            false
        });
    }

    /// Whether a grant is that of `asker` in `namespace`, to the byte.
    #[inline]
    pub(super) fn is_of(&self, grant: Grant, asker: Asker<'_>, namespace: &str) -> bool {
        let (kind, name) = asker.parts();
        self.names(grant).is_some_and(|found| {
            found.kind == kind
                && found.name == name.as_bytes()
                && found.namespace == namespace.as_bytes()
        })
    }

    /// The subject of a grant, by its place in its scope.
    pub(super) fn subject(&self, grant: Grant) -> Option<u32> {
        self.names(grant).map(|names| names.subject)
    }

    #[inline]
    fn names(&self, grant: Grant) -> Option<Names<'_>> {
        let entry = self.text.get(grant.at()..)?;
        let (head, rest) = entry.split_first_chunk::<HEAD>()?;
        let [kind, s0, s1, s2, s3, n0, n1, n2, n3, k0, k1, k2, k3] = *head;
        let (namespace, rest) =
            rest.split_at_checked(num::index(u32::from_le_bytes([n0, n1, n2, n3])))?;
        let name = rest.get(..num::index(u32::from_le_bytes([k0, k1, k2, k3])))?;
        Some(Names { kind, subject: u32::from_le_bytes([s0, s1, s2, s3]), namespace, name })
    }

    /// Adds a grant; `None` when there is no room for it.
    pub(super) fn insert(
        &mut self,
        hasher: &Hasher,
        asker: Asker<'_>,
        namespace: &str,
        role: RoleId,
        subject: u32,
    ) -> Option<()> {
        if (self.used + 1) * 3 > self.places.len() * 2 {
            self.rebuild(hasher)?;
        }
        let (kind, name) = asker.parts();
        let hash = mix(hasher.asker(asker), hasher.namespace(namespace));
        pad(&mut self.text);
        let grant = match Grant::new(hash, role, self.text.len()) {
            Some(grant) => grant,
            // Perhaps the names of removed grants take the room.
            None if self.removed > 0 => {
                self.rebuild(hasher)?;
                pad(&mut self.text);
                Grant::new(hash, role, self.text.len())?
            }
            None => return None,
        };
        self.text.push(kind);
        self.text.extend_from_slice(&subject.to_le_bytes());
        self.text.extend_from_slice(&num::id(namespace.len())?.to_le_bytes());
        self.text.extend_from_slice(&num::id(name.len())?.to_le_bytes());
        self.text.extend_from_slice(namespace.as_bytes());
        self.text.extend_from_slice(name.as_bytes());
        self.place(hash, grant);
        Some(())
    }

    // There is room, see the INVARIANT.
    fn place(&mut self, hash: u64, grant: Grant) {
        // Places are filled and never emptied: where the last walk ended, this one goes on.
        let known = self.ends.as_ref().and_then(|ends| ends.get(&hash)).copied();
        let mut walk = known.unwrap_or_else(|| self.walk(hash));
        while self.places.get(walk.at).is_some_and(|&taken| taken != Grant::EMPTY) {
            walk.step();
        }
        if let Some(place) = self.places.get_mut(walk.at) {
            *place = grant;
            self.used += 1;
        }
        let filter =
            if self.far_filter.is_empty() { &mut self.filter[..] } else { &mut self.far_filter };
        let (word, bit) = filter_bit(filter.len(), hash);
        if let Some(word) = filter.get_mut(word) {
            *word |= bit;
        }
        if walk.steps >= LONG {
            self.ends.get_or_insert_default().insert(hash, walk);
        }
    }

    /// Removes the grant of a subject.
    pub(super) fn remove(
        &mut self,
        hasher: &Hasher,
        asker: Asker<'_>,
        namespace: &str,
        subject: u32,
    ) {
        let hash = mix(hasher.asker(asker), hasher.namespace(namespace));
        let mut walk = self.walk(hash);
        while let Some(&found) = self.places.get(walk.at)
            && found != Grant::EMPTY
        {
            let is_it = found.tag() == tag(hash)
                && self.subject(found) == Some(subject)
                && self.is_of(found, asker, namespace);
            if is_it && let Some(place) = self.places.get_mut(walk.at) {
                *place = Grant::REMOVED;
                self.removed += 1;
                return;
            }
            walk.step();
        }
    }

    /// Removes every grant of a namespace; of the cluster, if the name is empty.
    pub(super) fn clear(&mut self, namespace: &str) {
        let is_of = |grant: Grant| {
            grant != Grant::EMPTY
                && grant != Grant::REMOVED
                && self.names(grant).is_some_and(|n| n.namespace == namespace.as_bytes())
        };
        let of_namespace: Vec<usize> =
            (0..).zip(&self.places).filter(|(_, grant)| is_of(**grant)).map(|(at, _)| at).collect();
        for at in of_namespace {
            if let Some(place) = self.places.get_mut(at) {
                *place = Grant::REMOVED;
                self.removed += 1;
            }
        }
    }

    // Makes room: twice the places that the live grants need, and no text of dead ones.
    fn rebuild(&mut self, hasher: &Hasher) -> Option<()> {
        let live = self.used - self.removed;
        self.resize(hasher, ((live + 1) * 2).next_power_of_two())
    }

    /// As small as it can be: called once all of a policy is loaded.
    pub(super) fn shrink(&mut self, hasher: &Hasher) {
        let live = self.used - self.removed;
        let places = ((live * 5).div_ceil(3) + 1).next_power_of_two();
        if places < self.places.len() || self.removed > 0 {
            // Cannot fail: nothing grows.
            let _ = self.resize(hasher, places);
        }
        self.text.shrink_to_fit();
    }

    fn resize(&mut self, hasher: &Hasher, places: usize) -> Option<()> {
        let mut resized = Self {
            places: vec![Grant::EMPTY; places].into(),
            far_filter: if places > NEAR * 32 {
                vec![0; places / 8].into()
            } else {
                Box::default()
            },
            text: Vec::with_capacity(if self.removed == 0 { self.text.len() } else { 0 }),
            ..Self::default()
        };
        for &grant in &self.places {
            if grant == Grant::EMPTY || grant == Grant::REMOVED {
                continue;
            }
            let Names { kind, namespace, name, .. } = self.names(grant)?;
            let end = grant.at() + HEAD + namespace.len() + name.len();
            let (name, namespace) =
                (std::str::from_utf8(name).ok()?, std::str::from_utf8(namespace).ok()?);
            let asker = match kind {
                b'U' => Asker::User(name),
                b'S' => Asker::ServiceAccount(name),
                _ => Asker::Group(name),
            };
            let hash = mix(hasher.asker(asker), hasher.namespace(namespace));
            pad(&mut resized.text);
            let moved = Grant::new(hash, grant.role(), resized.text.len())?;
            resized.text.extend_from_slice(self.text.get(grant.at()..end)?);
            resized.place(hash, moved);
        }
        *self = resized;
        Some(())
    }

    pub(super) fn memory(&self) -> (usize, usize) {
        let ends = self.ends.as_ref().map_or(0, |ends| ends.allocation_size());
        let rows = size_of_val(&*self.places) + size_of_val(&*self.far_filter);
        (size_of::<Self>() + rows + ends, self.text.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: Asker<'_> = Asker::Group("everybody");

    // A subject with many grants and many with one: each is found, none for another.
    #[test]
    fn a_subject_with_many_grants_hides_nobody() {
        let hasher = Hasher::default();
        let mut table = Table::default();
        let names: Vec<String> = (0..2000).map(|at| format!("user-{at}")).collect();
        for (id, name) in (0..).zip(&names) {
            table.insert(&hasher, MANY, "", id, id).unwrap();
            table.insert(&hasher, Asker::User(name), "n", id, 7).unwrap();
        }
        let of = |table: &Table, asker: Asker<'_>, namespace: &str| -> Vec<RoleId> {
            let hash = mix(hasher.asker(asker), hasher.namespace(namespace));
            let mut roles = Vec::new();
            table.held(hash, asker, namespace, |role, _| roles.push(role));
            roles.sort_unstable();
            roles
        };
        assert_eq!(of(&table, MANY, ""), (0..2000).collect::<Vec<_>>());
        assert_eq!(of(&table, MANY, "n"), [0; 0]);
        for (id, name) in (0..).zip(&names) {
            assert_eq!(of(&table, Asker::User(name), "n"), [id]);
            assert_eq!(of(&table, Asker::Group(name), "n"), [0; 0]);
        }
        table.remove(&hasher, MANY, "", 1234);
        assert!(!of(&table, MANY, "").contains(&1234));
        table.shrink(&hasher);
        assert_eq!(of(&table, MANY, "").len(), 1999);
        table.clear("n");
        assert_eq!(of(&table, Asker::User("user-7"), "n"), [0; 0]);
        assert_eq!(of(&table, MANY, "").len(), 1999);
        table.insert(&hasher, Asker::User("user-7"), "n", 3, 0).unwrap();
        assert_eq!(of(&table, Asker::User("user-7"), "n"), [3]);
    }

    #[test]
    fn what_no_place_can_say_is_refused() {
        let hasher = Hasher::default();
        let mut table = Table::default();
        assert_eq!(table.insert(&hasher, MANY, "", 1 << FIELD, 0), None);
        assert_eq!(table.insert(&hasher, MANY, "", (1 << FIELD) - 1, 0), Some(()));
        // Never touched, so never there: the system gives such memory out page by page.
        let full = || vec![0; UNIT << FIELD];
        let mut table = Table::default();
        for at in 0..3 {
            table.insert(&hasher, MANY, "", at, at).unwrap();
        }
        let mut emptied = table.clone();
        table.text = full();
        assert_eq!(table.insert(&hasher, MANY, "", 3, 3), None);
        // What is removed gives its room back.
        (0..3).for_each(|at| emptied.remove(&hasher, MANY, "", at));
        table = emptied;
        table.text = full();
        assert_eq!(table.insert(&hasher, MANY, "", 2, 2), Some(()));
    }
}
