//! The bindings of one scope: the cluster, or a namespace.
//!
//! What explaining and listing need; deciding looks at the [`index`](super::index) instead.
//! Everything of a scope lies in a few flat blocks: a change copies them (they are small, and
//! copying is cheap), and readers of older versions keep theirs.

use hashbrown::HashSet;

use super::index::{Asker, Grants, Hasher, RoleId};
use crate::api::Str;
use crate::api::rbac::Subject;
use crate::util::num;

/// A binding, by its place in its scope.
pub(super) type Slot = u32;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// Empty for the cluster.
    pub(super) namespace: Str,
    bindings: Vec<BindingRow>,
    subjects: Vec<SubjectRow>,
    // Names of bindings and subjects.
    text: String,
    // Kind and group of subjects that are not spelled the usual way, by subject.
    odd: Vec<(u32, Str, Str)>,
    // INVARIANT once sealed: the live slots, sorted by name, no name twice.
    order: Vec<Slot>,
    // Bindings that are gone and their subjects; when they outnumber the rest the scope is packed
    // anew.
    dead: u32,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum SubjectKind {
    User,
    Group,
    ServiceAccount,
    // Matches nobody (S-RBAC-15).
    Other,
}

impl Scope {
    /// The scope of a namespace; of the cluster, if the name is empty.
    pub(super) fn new(namespace: Str) -> Self {
        Self { namespace, ..Self::default() }
    }

    fn name_of(&self, row: &SubjectRow) -> &str {
        self.text_at(row.name_start, row.name_end)
    }

    fn namespace_of(&self, row: &SubjectRow) -> &str {
        self.text_at(row.name_end, row.end)
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

    /// The binding of a subject.
    pub(super) fn binding_of(&self, subject: u32) -> Option<Slot> {
        self.subjects.get(num::index(subject)).map(|row| row.slot)
    }

    /// Adds a binding, whose name must be free. `None` when there is no room.
    pub(super) fn insert(
        &mut self,
        name: &str,
        role: RoleId,
        subjects: &[Subject],
        place: Place,
        order: Order,
    ) -> Option<Slot> {
        let slot = num::id(self.bindings.len())?;
        let name_start = num::id(self.text.len())?;
        self.text.push_str(name);
        let name_end = num::id(self.text.len())?;
        let subjects_start = num::id(self.subjects.len())?;
        for subject in subjects {
            self.push_subject(slot, subject)?;
        }
        let subjects_end = num::id(self.subjects.len())?;
        let row = BindingRow { role, name_start, name_end, subjects_start, subjects_end, place };
        self.bindings.push(row);
        match order {
            Order::Keep => {
                let at = self.order.partition_point(|&other| self.name(other) < name);
                self.order.insert(at, slot);
            }
            Order::SealLater => self.order.push(slot),
        }
        Some(slot)
    }

    fn push_subject(&mut self, slot: Slot, subject: &Subject) -> Option<()> {
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
        Some(())
    }

    /// Calls `with` for each subject of a binding that can match somebody; of equal ones, for the
    /// first.
    pub(super) fn for_askers(&self, slot: Slot, mut with: impl FnMut(u32, Asker<'_>)) {
        let ids = self.subjects(slot);
        // Few bindings have more than one subject; one that repeats a subject a thousand times must
        // not make a thousand grants of it.
        let mut seen = HashSet::with_capacity(if ids.len() > 1 { ids.len() } else { 0 });
        let mut is_new = |subject| ids.len() < 2 || seen.insert(subject);
        for id in ids.clone() {
            let Some(row) = self.subjects.get(num::index(id)) else { continue };
            let name = self.name_of(row);
            let namespace = match (row.kind, self.namespace_of(row)) {
                (SubjectKind::ServiceAccount, "") => self.namespace.as_str(),
                (SubjectKind::ServiceAccount, given) => given,
                // Of the others it says nothing.
                _ => "",
            };
            if !is_new((row.kind, namespace, name)) {
                continue;
            }
            match row.kind {
                SubjectKind::User => with(id, Asker::of_user(name)),
                SubjectKind::Group => with(id, Asker::Group(name)),
                // Without a namespace, in a ClusterRoleBinding, it is nobody (S-RBAC-16).
                SubjectKind::ServiceAccount if namespace.is_empty() => {}
                SubjectKind::ServiceAccount => {
                    with(id, Asker::ServiceAccount(&format!("{namespace}:{name}")));
                }
                // S-RBAC-15.
                SubjectKind::Other => {}
            }
        }
    }

    /// Enters a binding into the index, and tells whose grants it entered; `None` when there is no
    /// room.
    pub(super) fn enter(
        &self,
        slot: Slot,
        hasher: &Hasher,
        grants: &mut Grants<'_>,
        mut entered_for: impl FnMut(Asker<'_>),
    ) -> Option<()> {
        let role = self.role(slot)?;
        let mut entered = Some(());
        self.for_askers(slot, |id, asker| {
            let done = grants.insert(hasher, asker, &self.namespace, role, id);
            entered = entered.and(done);
            entered_for(asker);
        });
        entered
    }

    /// Takes a binding out of the index.
    pub(super) fn leave(&self, slot: Slot, hasher: &Hasher, grants: &mut Grants<'_>) {
        self.for_askers(slot, |id, asker| grants.remove(hasher, asker, &self.namespace, id));
    }

    /// Removes a binding, which must have left the index.
    pub(super) fn remove(&mut self, slot: Slot) {
        self.order.retain(|&other| other != slot);
        let rows = num::id(self.subjects(slot).len()).unwrap_or(u32::MAX);
        self.dead = self.dead.saturating_add(rows.saturating_add(1));
    }

    /// Brings bindings that were added without order into it. Of two with one name the later one
    /// stays; gives the roles of those that go.
    pub(super) fn seal(&mut self) -> Vec<RoleId> {
        let mut order = std::mem::take(&mut self.order);
        // Stable, so that of equal names the later one comes last.
        order.sort_by(|&a, &b| self.name(a).cmp(self.name(b)));
        let mut kept: Vec<Slot> = Vec::with_capacity(order.len());
        let mut dropped = Vec::new();
        for slot in order {
            match kept.last_mut() {
                Some(last) if self.name(*last) == self.name(slot) => {
                    dropped.extend(self.role(std::mem::replace(last, slot)));
                }
                _ => kept.push(slot),
            }
        }
        self.order = kept;
        self.bindings.shrink_to_fit();
        self.subjects.shrink_to_fit();
        self.text.shrink_to_fit();
        self.order.shrink_to_fit();
        dropped
    }

    /// Whether most of what is held belongs to bindings that are gone.
    pub(super) fn is_sparse(&self) -> bool {
        num::index(self.dead) > 64 + (self.subjects.len() + self.bindings.len()) / 2
    }

    /// The same scope without what is gone. Slots and subjects have new ids: it must be entered
    /// into the index anew.
    pub(super) fn packed(&self) -> Option<Self> {
        let mut packed = Self::new(self.namespace.clone());
        for slot in self.slots() {
            let row = self.binding(slot)?;
            let subjects: Vec<Subject> = self.subjects(slot).map(|id| self.subject(id)).collect();
            packed.insert(self.name(slot), row.role, &subjects, row.place, Order::SealLater)?;
        }
        packed.seal();
        Some(packed)
    }

    /// Bytes held, and how many of them are the text of names.
    pub(super) fn memory(&self) -> (usize, usize) {
        let rows = self.bindings.capacity() * size_of::<BindingRow>()
            + self.subjects.capacity() * size_of::<SubjectRow>()
            + self.odd.capacity() * size_of::<(u32, Str, Str)>()
            + self.order.capacity() * size_of::<Slot>()
            + size_of::<Self>();
        (rows, self.text.capacity())
    }
}

/// Where a new binding goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// To its place by name.
    Keep,
    /// To the end: many are coming, [`Scope::seal`] sorts them at once.
    SealLater,
}
