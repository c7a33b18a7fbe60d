//! From a subject in a scope to the roles it holds there: what the hot path looks at.
//!
//! Memory latency is the enemy: on a large cluster a look at anything that is not in a cache costs
//! as much as the rest of the decision. So the index is dense: a probe reads one place of eight
//! bytes, and only a place that fits leads to a role, and only a role that may allow to the names,
//! which are compared to the byte before anything is allowed.
//!
//! Namespaces are spread over small tables by their hash, so that a change copies a few of them.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::DefaultHashBuilder;

use crate::model::names::SERVICE_ACCOUNT_PREFIX;
use crate::util::num;

/// A role, by its place in the table of roles.
pub(super) type RoleId = u32;

/// A subject as a request has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker<'a> {
    User(&'a str),
    /// A user name without the prefix of service accounts: `namespace:name`.
    ServiceAccount(&'a str),
    Group(&'a str),
}

impl<'a> Asker<'a> {
    /// A user name; service accounts are users with a longer name (S-RBAC-16).
    #[inline]
    pub(super) fn of_user(name: &'a str) -> Self {
        match name.strip_prefix(SERVICE_ACCOUNT_PREFIX) {
            Some(account) => Self::ServiceAccount(account),
            None => Self::User(name),
        }
    }

    fn parts(self) -> (u8, &'a str) {
        match self {
            Self::User(name) => (b'U', name),
            Self::ServiceAccount(name) => (b'S', name),
            Self::Group(name) => (b'G', name),
        }
    }
}

/// Seeded per process: policy authors cannot aim for collisions.
#[derive(Debug, Clone, Default)]
pub(super) struct Hasher(DefaultHashBuilder);

impl Hasher {
    /// The hash of a subject, in whatever scope.
    #[inline]
    pub(super) fn asker(&self, asker: Asker<'_>) -> u64 {
        let (_, name) = asker.parts();
        let hash = self.0.hash_one(name.as_bytes());
        match asker {
            Asker::User(_) => hash,
            Asker::ServiceAccount(_) => hash.rotate_left(23),
            // A user and a group of one name are two subjects.
            Asker::Group(_) => !hash,
        }
    }

    /// The hash of a namespace; of the cluster, if the name is empty.
    #[inline]
    pub(super) fn namespace(&self, namespace: &str) -> u64 {
        if namespace.is_empty() { 0 } else { self.0.hash_one(namespace.as_bytes()) }
    }

    /// The hash of anything else.
    pub(super) fn of(&self, value: impl std::hash::Hash) -> u64 {
        self.0.hash_one(value)
    }
}

/// The hash of a subject in a scope.
#[inline]
pub(super) fn mix(asker: u64, namespace: u64) -> u64 {
    let mixed = (asker ^ namespace.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 32)
}

/// One subject of one binding that can match somebody: a place of a [`Table`].
///
/// Eight bytes hold all that a probe needs: 12 bits of the hash, the role (26 bits), and where the
/// names stand in the text (26 bits: 64 MiB of names in one table).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grant(u64);

const FIELD: u32 = 26;
const FIELD_MASK: u64 = (1 << FIELD) - 1;
const TAG_SHIFT: u32 = 2 * FIELD;

impl Grant {
    const EMPTY: Self = Self(0);
    const REMOVED: Self = Self(1 << TAG_SHIFT);

    // `None` when the role or the text is out of range.
    fn new(hash: u64, role: RoleId, at: usize) -> Option<Self> {
        let at = u64::try_from(at).ok().filter(|at| *at <= FIELD_MASK)?;
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
        num::low_index(self.0 & FIELD_MASK)
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
    // ends, and soon: a look for somebody who is not there reads 2.5 places on average at half
    // load, 8.5 at three quarters.
    places: Box<[Grant]>,
    // A bit for each hash that was placed, a word for eight places: it turns away nine in ten of
    // those who hold nothing here, and is small enough to stay in a near cache.
    // INVARIANT: a power of two of words; none only if there are no places.
    filter: Box<[u64]>,
    // For each grant: kind, subject, lengths, namespace, name.
    text: Vec<u8>,
    // Places that are not EMPTY, and those of them that are REMOVED.
    used: usize,
    removed: usize,
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
    /// Whether some grant that a subject of this hash may hold passes `test`; [`Self::is_of`] makes
    /// sure that it is the subject's.
    #[inline]
    pub(super) fn any(&self, hash: u64, mut test: impl FnMut(Grant) -> bool) -> bool {
        if !self.may_hold(hash) {
            return false;
        }
        let wanted = tag(hash);
        let mask = self.places.len().wrapping_sub(1);
        let mut at = num::low_index(hash) & mask;
        // Out of bounds only in a table without places.
        while let Some(&grant) = self.places.get(at) {
            if grant.tag() == wanted && test(grant) {
                return true;
            }
            if grant == Grant::EMPTY {
                return false;
            }
            at = at.wrapping_add(1) & mask;
        }
        false
    }

    #[inline]
    fn may_hold(&self, hash: u64) -> bool {
        let (word, bit) = self.filter_bit(hash);
        self.filter.get(word).is_some_and(|word| word & bit != 0)
    }

    // Bits of the hash that neither the tag nor the place uses.
    #[inline]
    fn filter_bit(&self, hash: u64) -> (usize, u64) {
        let word = num::low_index(hash >> 32) & self.filter.len().wrapping_sub(1);
        (word, 1 << ((hash >> 26) & 63))
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
    fn insert(
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
        let grant = Grant::new(hash, role, self.text.len())?;
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
        let mask = self.places.len().wrapping_sub(1);
        let mut at = num::low_index(hash) & mask;
        while self.places.get(at).is_some_and(|&taken| taken != Grant::EMPTY) {
            at = (at + 1) & mask;
        }
        if let Some(place) = self.places.get_mut(at) {
            *place = grant;
            self.used += 1;
        }
        let (word, bit) = self.filter_bit(hash);
        if let Some(word) = self.filter.get_mut(word) {
            *word |= bit;
        }
    }

    /// Removes the grant of a subject.
    fn remove(&mut self, hasher: &Hasher, asker: Asker<'_>, namespace: &str, subject: u32) {
        let hash = mix(hasher.asker(asker), hasher.namespace(namespace));
        let mask = self.places.len().wrapping_sub(1);
        let mut at = num::low_index(hash) & mask;
        while let Some(&found) = self.places.get(at)
            && found != Grant::EMPTY
        {
            let is_it = found.tag() == tag(hash)
                && self.subject(found) == Some(subject)
                && self.is_of(found, asker, namespace);
            if is_it && let Some(place) = self.places.get_mut(at) {
                *place = Grant::REMOVED;
                self.removed += 1;
                return;
            }
            at = (at + 1) & mask;
        }
    }

    // Makes room: twice the places that the live grants need, and no text of dead ones.
    fn rebuild(&mut self, hasher: &Hasher) -> Option<()> {
        let live = self.used - self.removed;
        self.resize(hasher, ((live + 1) * 2).next_power_of_two())
    }

    /// As small as it can be: called once all of a policy is loaded.
    fn shrink(&mut self, hasher: &Hasher) {
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
            filter: vec![0; places.div_ceil(8)].into(),
            text: Vec::with_capacity(if self.removed == 0 { self.text.len() } else { 0 }),
            used: 0,
            removed: 0,
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
            let moved = Grant::new(hash, grant.role(), resized.text.len())?;
            resized.text.extend_from_slice(self.text.get(grant.at()..end)?);
            resized.place(hash, moved);
        }
        *self = resized;
        Some(())
    }

    pub(super) fn memory(&self) -> (usize, usize) {
        let rows = size_of_val(&*self.places) + size_of_val(&*self.filter);
        (size_of::<Self>() + rows, self.text.capacity())
    }
}

/// Tables in one copy-on-write unit.
const CHUNK: usize = 32;

/// The grants of every namespace.
#[derive(Debug, Clone)]
pub(super) struct Index {
    // INVARIANT: chunks of CHUNK tables; their number is a power of two.
    chunks: Vec<Arc<Vec<Table>>>,
}

impl Index {
    /// An index with about two tables for each of so many namespaces.
    pub(super) fn new(namespaces: usize) -> Self {
        let chunks = (namespaces * 2).div_ceil(CHUNK).next_power_of_two();
        let chunk = || Arc::new(vec![Table::default(); CHUNK]);
        Self { chunks: std::iter::repeat_with(chunk).take(chunks).collect() }
    }

    fn place(&self, namespace: u64) -> (usize, usize) {
        // Bits that neither the tags nor the places within a table use for the same namespace.
        let table = num::low_index(namespace >> 20);
        ((table / CHUNK) & (self.chunks.len().wrapping_sub(1)), table % CHUNK)
    }

    /// The table of a namespace, by its hash; others may share it.
    #[inline]
    pub(super) fn table(&self, namespace: u64) -> Option<&Table> {
        let (chunk, table) = self.place(namespace);
        self.chunks.get(chunk)?.get(table)
    }

    fn table_mut(&mut self, namespace: u64) -> Option<&mut Table> {
        let (chunk, table) = self.place(namespace);
        Arc::make_mut(self.chunks.get_mut(chunk)?).get_mut(table)
    }

    /// Whether so many namespaces have outgrown it.
    pub(super) fn is_crowded(&self, namespaces: usize) -> bool {
        namespaces > self.chunks.len() * CHUNK * 2
    }

    /// As small as it can be, its arrays side by side.
    pub(super) fn shrink(&mut self, hasher: &Hasher) {
        for chunk in &mut self.chunks {
            Arc::make_mut(chunk).iter_mut().for_each(|table| table.shrink(hasher));
            // A copy made in one go lies in one stretch of memory: fewer pages to walk.
            *chunk = Arc::new(chunk.iter().cloned().collect());
        }
    }

    /// Bytes held, and how many of them are the text of names.
    pub(super) fn memory(&self) -> (usize, usize) {
        let tables = self.chunks.iter().flat_map(|chunk| chunk.iter());
        tables.fold((self.chunks.len() * 48, 0), |(rows, text), table| {
            let (more_rows, more_text) = table.memory();
            (rows + more_rows, text + more_text)
        })
    }
}

/// Where grants are written: the one table of the cluster, or the tables of the namespaces.
#[derive(Debug)]
pub(super) enum Grants<'a> {
    Cluster(&'a mut Table),
    Namespaces(&'a mut Index),
}

impl Grants<'_> {
    fn table(&mut self, hasher: &Hasher, namespace: &str) -> Option<&mut Table> {
        match self {
            Self::Cluster(table) => Some(table),
            Self::Namespaces(index) => index.table_mut(hasher.namespace(namespace)),
        }
    }

    /// Adds a grant; `None` when there is no room.
    pub(super) fn insert(
        &mut self,
        hasher: &Hasher,
        asker: Asker<'_>,
        namespace: &str,
        role: RoleId,
        subject: u32,
    ) -> Option<()> {
        self.table(hasher, namespace)?.insert(hasher, asker, namespace, role, subject)
    }

    /// Removes a grant.
    pub(super) fn remove(
        &mut self,
        hasher: &Hasher,
        asker: Asker<'_>,
        namespace: &str,
        subject: u32,
    ) {
        if let Some(table) = self.table(hasher, namespace) {
            table.remove(hasher, asker, namespace, subject);
        }
    }

    /// As small as it can be.
    pub(super) fn shrink(&mut self, hasher: &Hasher) {
        match self {
            Self::Cluster(table) => table.shrink(hasher),
            Self::Namespaces(index) => index.shrink(hasher),
        }
    }
}
