//! Which kind of RBAC a kind of no group was probably meant to be.

use crate::api::rbac::Kind;

/// The kind that was probably meant: spelt alike but for case, or for two slips.
pub(super) fn suggest(kind: &str) -> Option<&'static str> {
    let known = [Kind::ClusterRole, Kind::ClusterRoleBinding, Kind::Role, Kind::RoleBinding];
    known.into_iter().map(Kind::as_str).find(|known| {
        known.eq_ignore_ascii_case(kind) || (kind.len() < 32 && distance(known, kind) <= 2)
    })
}

/// How many letters must be inserted, dropped or replaced.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (slot, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let replaced = diagonal + usize::from(x != y);
            diagonal = *slot;
            left = replaced.min(diagonal + 1).min(left + 1);
            *slot = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
