//! From an atom to the verbs that a rule set grants on it.

use std::sync::Arc;

use super::vocabulary::{Atom, NONE, spread};
use crate::util::num;

/// Which verbs are granted on one (group, resource) pair.
#[derive(Debug, Clone, Copy)]
pub(super) struct AtomRow {
    pub(super) atom: Atom,
    /// First of the rows for named objects, or [`NO_ROW`].
    pub(super) named: u32,
    /// Bits of the verbs that are granted on any name.
    pub(super) any_name: u64,
}

/// No row for named objects.
pub(super) const NO_ROW: u32 = u32::MAX;

/// An immutable hash table in one block, shared by the roles with the same rules.
#[derive(Debug, Clone, Default)]
pub(super) struct AtomTable {
    // INVARIANT: a power of two of places, of which at least one is free (its atom is NONE); or
    // no place at all, when there is nothing to find.
    rows: Arc<[AtomRow]>,
}

impl AtomTable {
    /// Merges rows of one atom and places them. `link` is told which named row comes before
    /// which, so that all of an atom can be followed.
    pub(super) fn new(mut rows: Vec<AtomRow>, mut link: impl FnMut(u32, u32)) -> Self {
        // Stable: of one atom, the rows stay in the order of the rules.
        rows.sort_by_key(|row| row.atom);
        let mut merged: Vec<AtomRow> = Vec::with_capacity(rows.len());
        for row in rows {
            match merged.last_mut() {
                Some(last) if last.atom == row.atom => {
                    last.any_name |= row.any_name;
                    if row.named != NO_ROW {
                        link(row.named, last.named);
                        last.named = row.named;
                    }
                }
                _ => merged.push(row),
            }
        }
        if merged.is_empty() {
            return Self::default();
        }
        let places = (merged.len() * 4 / 3 + 1).next_power_of_two();
        let free = AtomRow { atom: NONE, named: NO_ROW, any_name: 0 };
        let mut placed = vec![free; places];
        for row in merged {
            let mut at = home(row.atom) & (places - 1);
            while placed.get(at).is_some_and(|taken| taken.atom != NONE) {
                at = (at + 1) & (places - 1);
            }
            if let Some(place) = placed.get_mut(at) {
                *place = row;
            }
        }
        Self { rows: placed.into() }
    }

    /// The row of an atom.
    #[inline]
    pub(super) fn find(&self, atom: Atom) -> Option<&AtomRow> {
        let mask = self.rows.len().wrapping_sub(1);
        let mut at = home(atom) & mask;
        loop {
            let row = self.rows.get(at)?;
            if row.atom == atom {
                return Some(row);
            }
            if row.atom == NONE {
                return None;
            }
            at = (at + 1) & mask;
        }
    }

    /// Bytes held.
    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.rows)
    }
}

#[inline]
fn home(atom: Atom) -> usize {
    num::low_index(spread(atom) >> 32)
}
