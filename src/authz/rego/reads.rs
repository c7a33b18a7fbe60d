use std::collections::BTreeMap;

/// Which fields of an object a policy reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fields {
    /// All of them, or nobody can tell.
    All,
    /// These.
    Some(BTreeMap<String, Fields>),
}

/// What is not told apart is given whole.
static ALL: Fields = Fields::All;

/// How deep the input has fields of its own.
const DEEPEST: usize = 2;

impl Fields {
    pub(super) const fn nothing() -> Self {
        Self::Some(BTreeMap::new())
    }

    /// What is read of this field; `None`: it is not read.
    pub(super) fn of(&self, key: &str) -> Option<&Self> {
        match self {
            Self::All => Some(&ALL),
            Self::Some(fields) => fields.get(key),
        }
    }

    /// One more reader: of the field at this path, and of all that is inside.
    pub(super) fn add(&mut self, path: &[String]) {
        self.add_to(path, DEEPEST);
    }

    fn add_to(&mut self, path: &[String], deepest: usize) {
        let Self::Some(fields) = self else { return };
        match path.split_first() {
            Some((key, rest)) if deepest > 0 => {
                let inner = fields.entry(key.clone()).or_insert_with(Self::nothing);
                inner.add_to(rest, deepest - 1);
            }
            _ => *self = Self::All,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(paths: &[&str]) -> Fields {
        let mut fields = Fields::nothing();
        for path in paths {
            let path: Vec<String> = path.split_terminator('.').map(str::to_owned).collect();
            fields.add(&path);
        }
        fields
    }

    #[test]
    fn what_is_read_is_kept_and_its_neighbour_is_not() {
        let fields = fields(&["user", "resourceAttributes.verb", "namespace.labels.env"]);
        assert_eq!(fields.of("user"), Some(&Fields::All));
        assert_eq!(fields.of("groups"), None);
        let resource = fields.of("resourceAttributes").unwrap();
        assert!(resource.of("verb").is_some() && resource.of("name").is_none());
        assert_eq!(fields.of("namespace").unwrap().of("labels"), Some(&Fields::All));
    }

    #[test]
    fn reading_the_whole_wins_whoever_comes_first() {
        assert_eq!(fields(&["user", ""]), Fields::All);
        assert_eq!(fields(&["", "user"]), Fields::All);
        let both = fields(&["namespace.name", "namespace"]);
        assert_eq!(both.of("namespace"), Some(&Fields::All));
    }
}
