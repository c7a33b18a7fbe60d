//! The bindings of one scope: the cluster, or a namespace.
//!
//! A request looks at two scopes at most, and in each only at its own subjects. Everything of a
//! scope lies in a few flat blocks: a change copies them (they are small, and copying is cheap),
//! and readers of older versions keep theirs.

use hashbrown::HashTable;

use crate::api::Str;
use crate::api::rbac::Subject;
use crate::model::ServiceAccountName;
use crate::util::num;

/// A role, by its place in the table of roles.
pub(super) type RoleId = u32;

/// A binding, by its place in its scope.
pub(super) type Slot = u32;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// Empty for the cluster.
    pub(super) namespace: Str,
    grants: HashTable<Grant>,
    bindings: Vec<BindingRow>,
    subjects: Vec<SubjectRow>,
    // Names of bindings and subjects.
    text: String,
    // Kind and group of subjects that are not spelled the usual way, by subject.
    odd: Vec<(u32, Str, Str)>,
    // INVARIANT once sealed: the live slots, sorted by name, no name twice.
    order: Vec<Slot>,
    // Subjects of bindings that are gone; when they outnumber the rest the scope is packed anew.
    dead_subjects: u32,
}

/// One subject of one binding, found by the hash of the subject.
#[derive(Debug, Clone, Copy)]
struct Grant {
    hash: u64,
    role: RoleId,
    subject: u32,
}

#[derive(Debug, Clone, Copy)]
struct BindingRow {
    role: RoleId,
    name_start: u32,
    name_end: u32,
    subjects_start: u32,
    subjects_end: u32,
    place: Place,
}

/// Where a binding was read, with the source by number.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    pub(super) source: u32,
    pub(super) document: u32,
    pub(super) line: u32,
}

#[derive(Debug, Clone, Copy)]
struct SubjectRow {
    slot: Slot,
    name_start: u32,
    name_end: u32,
    // The namespace follows the name.
    end: u32,
    kind: SubjectKind,
    odd: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SubjectKind {
    User,
    Group,
    ServiceAccount,
    // Matches nobody (S-RBAC-15).
    Other,
}

/// A subject as a request has it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asker<'a> {
    User(&'a str),
    Group(&'a str),
}

/// A grant that a subject of the request holds: a binding and which of its subjects matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Held {
    pub(super) slot: Slot,
    pub(super) subject: u32,
    pub(super) role: RoleId,
}

impl Scope {
    /// The scope of a namespace; of the cluster, if the name is empty.
    pub(super) fn new(namespace: Str) -> Self {
        Self { namespace, ..Self::default() }
    }

    /// Whether some grant held by `asker`, whose hash is `hash`, has a role that passes `test`.
    #[inline]
    pub(super) fn any(
        &self,
        hash: u64,
        asker: Asker<'_>,
        mut test: impl FnMut(RoleId) -> bool,
    ) -> bool {
        self.grants.iter_hash(hash).any(|grant| {
            // The names are compared last: most grants do not pass the test, and a yes needs both.
            grant.hash == hash && test(grant.role) && self.is_subject(grant.subject, asker)
        })
    }

    /// Every grant held by `asker`, in no order.
    pub(super) fn held(&self, hash: u64, asker: Asker<'_>) -> impl Iterator<Item = Held> {
        self.grants.iter_hash(hash).filter_map(move |grant| {
            let row = self.subjects.get(num::index(grant.subject))?;
            (grant.hash == hash && self.is_subject(grant.subject, asker)).then_some(Held {
                slot: row.slot,
                subject: grant.subject,
                role: grant.role,
            })
        })
    }

    // S-RBAC-14 and S-RBAC-16, to the byte.
    fn is_subject(&self, subject: u32, asker: Asker<'_>) -> bool {
        let Some(row) = self.subjects.get(num::index(subject)) else {
            return false;
        };
        match (row.kind, asker) {
            (SubjectKind::User, Asker::User(name)) => self.name_of(row) == name,
            (SubjectKind::Group, Asker::Group(name)) => self.name_of(row) == name,
            (SubjectKind::ServiceAccount, Asker::User(name)) => {
                let namespace = self.effective_namespace(row);
                ServiceAccountName::is_username_of(name, namespace, self.name_of(row))
            }
            _ => false,
        }
    }

    fn name_of(&self, row: &SubjectRow) -> &str {
        self.text_at(row.name_start, row.name_end)
    }

    fn namespace_of(&self, row: &SubjectRow) -> &str {
        self.text_at(row.name_end, row.end)
    }

    // Empty only for a ClusterRoleBinding, where such a subject has no grant (S-RBAC-16).
    fn effective_namespace(&self, row: &SubjectRow) -> &str {
        match self.namespace_of(row) {
            "" => &self.namespace,
            given => given,
        }
    }

    fn text_at(&self, start: u32, end: u32) -> &str {
        self.text.get(num::index(start)..num::index(end)).unwrap_or("")
    }

    /// The live bindings, by name.
    pub(super) fn slots(&self) -> impl ExactSizeIterator<Item = Slot> {
        self.order.iter().copied()
    }

    /// The name of a binding.
    pub(super) fn name(&self, slot: Slot) -> &str {
        self.binding(slot).map_or("", |row| self.text_at(row.name_start, row.name_end))
    }

    /// The role that a binding refers to.
    pub(super) fn role(&self, slot: Slot) -> Option<RoleId> {
        self.binding(slot).map(|row| row.role)
    }

    /// Where a binding was read.
    pub(super) fn place(&self, slot: Slot) -> Option<Place> {
        self.binding(slot).map(|row| row.place)
    }

    /// The ids of the subjects of a binding, in order.
    pub(super) fn subjects(&self, slot: Slot) -> std::ops::Range<u32> {
        self.binding(slot).map_or(0..0, |row| row.subjects_start..row.subjects_end)
    }

    /// A subject as it was written.
    pub(super) fn subject(&self, subject: u32) -> Subject {
        let Some(row) = self.subjects.get(num::index(subject)) else {
            return Subject::default();
        };
        let name = Str::from(self.name_of(row));
        let namespace = Str::from(self.namespace_of(row));
        // INVARIANT: pushed in the order of the ids.
        if row.odd
            && let Ok(at) = self.odd.binary_search_by_key(&subject, |(id, ..)| *id)
            && let Some((_, kind, api_group)) = self.odd.get(at)
        {
            return Subject { kind: kind.clone(), api_group: api_group.clone(), name, namespace };
        }
        let usual = match row.kind {
            SubjectKind::User => Subject::user(name),
            SubjectKind::Group => Subject::group(name),
            SubjectKind::ServiceAccount | SubjectKind::Other => Subject::service_account("", name),
        };
        Subject { namespace, ..usual }
    }

    fn binding(&self, slot: Slot) -> Option<&BindingRow> {
        self.bindings.get(num::index(slot))
    }

    /// The slot of the binding of this name. Only once sealed.
    pub(super) fn find(&self, name: &str) -> Option<Slot> {
        let at = self.order.binary_search_by(|&slot| self.name(slot).cmp(name)).ok()?;
        self.order.get(at).copied()
    }

    /// Adds a binding, whose name must be free, and gives the hash of each subject that can match.
    /// `None` when there is no room.
    pub(super) fn insert(
        &mut self,
        name: &str,
        role: RoleId,
        subjects: &[Subject],
        place: Place,
        hash: impl Fn(Asker<'_>) -> u64,
        sorted: bool,
    ) -> Option<Vec<u64>> {
        let slot = num::id(self.bindings.len())?;
        let name_start = num::id(self.text.len())?;
        self.text.push_str(name);
        let name_end = num::id(self.text.len())?;
        let subjects_start = num::id(self.subjects.len())?;
        let mut hashes = Vec::with_capacity(subjects.len());
        for subject in subjects {
            let id = self.push_subject(slot, subject)?;
            if let Some(hash) = self.hash_subject(id, &hash) {
                let grant = Grant { hash, role, subject: id };
                self.grants.insert_unique(hash, grant, |grant| grant.hash);
                hashes.push(hash);
            }
        }
        let subjects_end = num::id(self.subjects.len())?;
        if sorted {
            let at = self.order.partition_point(|&other| self.name(other) < name);
            self.order.insert(at, slot);
        } else {
            self.order.push(slot);
        }
        let row = BindingRow { role, name_start, name_end, subjects_start, subjects_end, place };
        self.bindings.push(row);
        Some(hashes)
    }

    fn push_subject(&mut self, slot: Slot, subject: &Subject) -> Option<u32> {
        let id = num::id(self.subjects.len())?;
        let (kind, usual_group) = match subject.kind.as_str() {
            "User" => (SubjectKind::User, crate::api::rbac::GROUP),
            "Group" => (SubjectKind::Group, crate::api::rbac::GROUP),
            "ServiceAccount" => (SubjectKind::ServiceAccount, ""),
            _ => (SubjectKind::Other, ""),
        };
        let odd = kind == SubjectKind::Other || subject.api_group != usual_group;
        if odd {
            self.odd.push((id, subject.kind.clone(), subject.api_group.clone()));
        }
        let name_start = num::id(self.text.len())?;
        self.text.push_str(&subject.name);
        let name_end = num::id(self.text.len())?;
        self.text.push_str(&subject.namespace);
        let end = num::id(self.text.len())?;
        self.subjects.push(SubjectRow { slot, name_start, name_end, end, kind, odd });
        Some(id)
    }

    // `None` for a subject that matches nobody.
    fn hash_subject(&self, id: u32, hash: impl Fn(Asker<'_>) -> u64) -> Option<u64> {
        let row = self.subjects.get(num::index(id))?;
        match row.kind {
            SubjectKind::User => Some(hash(Asker::User(self.name_of(row)))),
            SubjectKind::Group => Some(hash(Asker::Group(self.name_of(row)))),
            SubjectKind::ServiceAccount => match self.effective_namespace(row) {
                "" => None,
                namespace => {
                    let username = ServiceAccountName::username(namespace, self.name_of(row));
                    Some(hash(Asker::User(&username)))
                }
            },
            SubjectKind::Other => None,
        }
    }

    /// Removes a binding and gives the hash of each of its grants.
    pub(super) fn remove(&mut self, slot: Slot) -> Vec<u64> {
        self.order.retain(|&other| other != slot);
        self.remove_grants(&[slot])
    }

    // One pass over the grants, however many bindings go. INVARIANT: `slots` is sorted.
    fn remove_grants(&mut self, slots: &[Slot]) -> Vec<u64> {
        for &slot in slots {
            let rows = num::id(self.subjects(slot).len()).unwrap_or(u32::MAX);
            self.dead_subjects = self.dead_subjects.saturating_add(rows.saturating_add(1));
        }
        let Self { grants, subjects, .. } = self;
        let mut hashes = Vec::new();
        grants.retain(|grant| {
            let slot = subjects.get(num::index(grant.subject)).map(|row| row.slot);
            let dies = slot.is_some_and(|slot| slots.binary_search(&slot).is_ok());
            if dies {
                hashes.push(grant.hash);
            }
            !dies
        });
        hashes
    }

    /// Brings bindings that were added without order into it. Of two with one name the later one
    /// stays; gives the roles of those that go, and the hash of each of their grants.
    pub(super) fn seal(&mut self) -> (Vec<RoleId>, Vec<u64>) {
        let mut order = std::mem::take(&mut self.order);
        // Stable, so that of equal names the later one comes last.
        order.sort_by(|&a, &b| self.name(a).cmp(self.name(b)));
        let mut kept: Vec<Slot> = Vec::with_capacity(order.len());
        let mut losers = Vec::new();
        for slot in order {
            match kept.last_mut() {
                Some(last) if self.name(*last) == self.name(slot) => {
                    losers.push(std::mem::replace(last, slot));
                }
                _ => kept.push(slot),
            }
        }
        self.order = kept;
        losers.sort_unstable();
        let roles = losers.iter().filter_map(|&slot| self.role(slot)).collect();
        let hashes = if losers.is_empty() { Vec::new() } else { self.remove_grants(&losers) };
        self.grants.shrink_to_fit(|grant| grant.hash);
        self.bindings.shrink_to_fit();
        self.subjects.shrink_to_fit();
        self.text.shrink_to_fit();
        self.order.shrink_to_fit();
        (roles, hashes)
    }

    /// Whether most of what is held belongs to bindings that are gone.
    pub(super) fn is_sparse(&self) -> bool {
        num::index(self.dead_subjects) > 64 + self.subjects.len() / 2
    }

    /// The same scope without what is gone.
    pub(super) fn packed(&self, hash: impl Fn(Asker<'_>) -> u64) -> Option<Self> {
        let mut packed = Self::new(self.namespace.clone());
        for slot in self.slots() {
            let row = self.binding(slot)?;
            let subjects: Vec<Subject> = self.subjects(slot).map(|id| self.subject(id)).collect();
            packed.insert(self.name(slot), row.role, &subjects, row.place, &hash, false)?;
        }
        packed.seal();
        Some(packed)
    }

    /// Bytes held, and how many of them are the text of names.
    pub(super) fn memory(&self) -> (usize, usize) {
        let rows = self.grants.allocation_size()
            + self.bindings.capacity() * size_of::<BindingRow>()
            + self.subjects.capacity() * size_of::<SubjectRow>()
            + self.odd.capacity() * size_of::<(u32, Str, Str)>()
            + self.order.capacity() * size_of::<Slot>()
            + size_of::<Self>();
        (rows, self.text.capacity())
    }
}
