//! Which part of a value is kept.

/// What is kept of a value. Of a list, the same of each item; a value of another type than it should have is
/// kept as it is, so that who reads it finds out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Keep {
    /// All of it.
    Whole,
    /// These fields, sorted by name.
    Fields(&'static [(&'static str, Self)]),
    /// These fields, sorted by name; but an object of which none is left, or only the one that is named
    /// besides, is left out. So is a list that has no items then.
    Sparse(&'static [(&'static str, Self)], &'static str),
    /// The fields whose names pass.
    Keys(fn(&str) -> bool),
    /// That there is something.
    Presence,
    /// All but these fields.
    AllBut(&'static [&'static str]),
}

impl Keep {
    /// What is kept of a field; `None` for nothing.
    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Whole => Some(self),
            Self::Fields(fields) | Self::Sparse(fields, _) => {
                let at = fields.binary_search_by(|(field, _)| (*field).cmp(name)).ok()?;
                fields.get(at).map(|(_, keep)| keep)
            }
            Self::Keys(is_kept) => is_kept(name).then_some(&Self::Whole),
            Self::Presence => None,
            Self::AllBut(fields) => (!fields.contains(&name)).then_some(&Self::Whole),
        }
    }

    /// Adds the paths of what is kept, below `path`. Lists are told by name: the tables do not say which
    /// fields are lists.
    pub(super) fn paths(&self, path: &str, into: &mut Vec<String>) {
        let below = |name: &str| match path.is_empty() {
            true => name.to_owned(),
            false => format!("{path}.{name}"),
        };
        match self {
            Self::Whole | Self::Presence => into.push(path.to_owned()),
            Self::Fields(fields) | Self::Sparse(fields, _) => {
                for (name, keep) in *fields {
                    keep.paths(&below(name), into);
                }
            }
            Self::Keys(_) => into.push(below("(some)")),
            Self::AllBut([]) => into.push(below("(all)")),
            Self::AllBut(fields) => into.push(below(&format!("(all but {})", fields.join(", ")))),
        }
    }
}
