//! What all ConfigMaps of a kind say together, and said.

use std::collections::{BTreeMap, HashSet};

use super::chunk::{Seen, lines};

/// A line, and the ConfigMap that it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) chunk: String,
    pub(super) line: String,
}

/// What became of the union.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// These lines are new, or may be.
    More(Vec<Fact>),
    /// Something does not count any more: this is all that does.
    Other(Vec<Fact>),
}

/// The union, which forgets only what an operator has replaced.
#[derive(Debug, Default)]
pub(super) struct Union {
    /// Only what stands there now counts: of facts that are not a log.
    is_of_now: bool,
    live: BTreeMap<String, Seen>,
    gone: Vec<Gone>,
}

/// What stood in a ConfigMap, and does not any more.
#[derive(Debug)]
struct Gone {
    name: String,
    /// When that was created: another of its name is another one.
    created: String,
    lines: Vec<String>,
}

impl Union {
    /// One that forgets what does not stand there any more.
    pub(super) fn of_now() -> Self {
        Self { is_of_now: true, ..Self::default() }
    }

    /// How many ConfigMaps there are.
    pub(super) fn chunks(&self) -> usize {
        self.live.len()
    }

    /// How many lines count though they stand nowhere any more.
    pub(super) fn kept(&self) -> usize {
        self.gone.iter().map(|gone| gone.lines.len()).sum()
    }

    /// Several ConfigMaps changed at once; `None` is one that is gone.
    pub(super) fn change(
        &mut self,
        changes: impl IntoIterator<Item = (String, Option<Seen>)>,
    ) -> News {
        let mut more = Vec::new();
        for (name, seen) in changes {
            match seen {
                Some(seen) => self.apply(name, seen, &mut more),
                None => {
                    if let Some(old) = self.live.remove(&name) {
                        self.keep(name, &old, "");
                    }
                }
            }
        }
        if self.settle() { News::Other(self.all()) } else { News::More(more) }
    }

    fn apply(&mut self, name: String, seen: Seen, more: &mut Vec<Fact>) {
        let old = self.live.remove(&name).unwrap_or_default();
        let is_whole = old.text.is_empty() || old.text.ends_with('\n');
        let appended = is_whole.then(|| seen.text.strip_prefix(old.text.as_str())).flatten();
        let fact = |line: &str| Fact { chunk: name.clone(), line: line.to_owned() };
        more.extend(lines(appended.unwrap_or(&seen.text)).map(fact));
        if appended.is_none() {
            self.keep(name.clone(), &old, &seen.text);
        }
        self.live.insert(name, seen);
    }

    /// Keeps what a ConfigMap said and does not say any more.
    fn keep(&mut self, name: String, old: &Seen, new: &str) {
        if self.is_of_now {
            return;
        }
        let still: HashSet<&str> = lines(new).collect();
        let lost = lines(&old.text).filter(|line| !still.contains(line));
        let lost: Vec<String> = lost.map(str::to_owned).collect();
        if lost.is_empty() {
            return;
        }
        let is_it = |gone: &&mut Gone| gone.name == name && gone.created == old.created;
        match self.gone.iter_mut().find(is_it) {
            Some(Gone { lines, .. }) => {
                let known: HashSet<String> = lines.iter().cloned().collect();
                lines.extend(lost.into_iter().filter(|line| !known.contains(line)));
            }
            None => self.gone.push(Gone { name, created: old.created.clone(), lines: lost }),
        }
    }

    /// Forgets what was replaced; whether there was any.
    fn settle(&mut self) -> bool {
        let Self { live, gone, .. } = self;
        let before = gone.len();
        gone.retain(|Gone { name, created, .. }| {
            let is_gone = live.get(name).is_none_or(|seen| seen.created != *created);
            // One that replaces itself was corrected in place. None stands in for what is newer: a writer
            // whose ConfigMaps were all replaced begins with the same names again.
            let replaces = |(by, seen): (&String, &Seen)| {
                (is_gone || by == name) && *created <= seen.created && seen.replaces.contains(name)
            };
            !live.iter().any(replaces)
        });
        gone.len() < before
    }

    fn all(&self) -> Vec<Fact> {
        let live = self.live.iter().flat_map(|(name, seen)| {
            lines(&seen.text).map(|line| Fact { chunk: name.clone(), line: line.to_owned() })
        });
        let gone = self.gone.iter().flat_map(|Gone { name, lines, .. }| {
            lines.iter().map(|line| Fact { chunk: name.clone(), line: line.clone() })
        });
        live.chain(gone).collect()
    }

    /// The ConfigMaps that are there.
    pub(super) fn live(&self) -> impl Iterator<Item = (&str, &Seen)> {
        self.live.iter().map(|(name, seen)| (name.as_str(), seen))
    }
}
