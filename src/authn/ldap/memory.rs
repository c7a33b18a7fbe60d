//! A directory in memory, for what no free server does: Active Directory's rule and attributes. It
//! evaluates the tree of a filter, case-insensitively, and counts what it is asked.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::directory::{Asking, Bound, Directory, DirectoryError, Entry, Found, Scope, Search};
use super::{Filter, Searcher};

#[derive(Default)]
pub(super) struct Memory {
    pub(super) entries: Vec<Entry>,
    /// What a bind as these DNs answers: a password, and a code and message beside it.
    pub(super) passwords: HashMap<String, (String, u32, String)>,
    pub(super) searches: AtomicUsize,
    pub(super) binds: AtomicUsize,
    pub(super) asked: Mutex<Vec<Search>>,
    /// How long a search takes.
    pub(super) delay: Duration,
    /// An entry that takes the place of one of the same DN once somebody has bound.
    pub(super) after_bind: Mutex<Option<Entry>>,
}

impl Memory {
    pub(super) fn new(entries: impl IntoIterator<Item = Entry>) -> Self {
        Self { entries: entries.into_iter().collect(), ..Self::default() }
    }

    pub(super) fn with_password(mut self, dn: &str, password: &str) -> Self {
        self.passwords.insert(dn.to_lowercase(), (password.to_owned(), 0, String::new()));
        self
    }

    pub(super) fn searches(&self) -> usize {
        self.searches.load(Ordering::Relaxed)
    }

    fn entry(&self, entry: &Entry) -> Entry {
        let after = self.after_bind.lock().unwrap();
        match &*after {
            Some(new) if self.binds.load(Ordering::Relaxed) > 0 && new.dn == entry.dn => {
                new.clone()
            }
            _ => entry.clone(),
        }
    }

    fn matches(&self, filter: &Filter, entry: &Entry) -> bool {
        let has = |name: &str, wanted: &[u8]| {
            entry.values(name).iter().any(|value| value.eq_ignore_ascii_case(wanted))
        };
        match filter {
            Filter::And(all) => all.iter().all(|one| self.matches(one, entry)),
            Filter::Or(any) => any.iter().any(|one| self.matches(one, entry)),
            Filter::Not(inner) => !self.matches(inner, entry),
            Filter::Present(name) if name.is("objectClass") => true,
            Filter::Present(name) => !entry.values(name.as_str()).is_empty(),
            Filter::Equal(name, value) => has(name.as_str(), value),
            Filter::Extensible { attribute: Some(name), value, .. } => {
                self.is_in_chain(name.as_str(), entry, value, 0)
            }
            other => panic!("{other} is not evaluated"),
        }
    }

    fn is_in_chain(&self, name: &str, entry: &Entry, wanted: &[u8], depth: usize) -> bool {
        depth < 300
            && entry.values(name).iter().any(|value| {
                value.eq_ignore_ascii_case(wanted)
                    || self
                        .entries
                        .iter()
                        .filter(|child| child.dn.as_bytes().eq_ignore_ascii_case(value))
                        .any(|child| self.is_in_chain(name, child, wanted, depth + 1))
            })
    }

    fn answer(&self, search: &Search) -> Found {
        let base = search.base.to_lowercase();
        let is_within = |entry: &Entry| {
            let dn = entry.dn.to_lowercase();
            match search.scope {
                Scope::Base => dn == base,
                _ => dn.ends_with(&base),
            }
        };
        let mut found = Found { entries: Vec::new(), is_complete: true };
        for entry in &self.entries {
            let entry = self.entry(entry);
            if !is_within(&entry) || !self.matches(&search.filter, &entry) {
                continue;
            }
            if found.entries.len() == search.limit {
                found.is_complete = false;
                break;
            }
            found.entries.push(entry);
        }
        found
    }
}

impl Searcher for Memory {
    fn search(&self, search: Search) -> Asking<'_, Found> {
        self.searches.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            if !self.delay.is_zero() {
                tokio::time::sleep(self.delay).await;
            }
            let found = self.answer(&search);
            self.asked.lock().unwrap().push(search);
            Ok(found)
        })
    }
}

impl Directory for Memory {
    fn bind<'a>(&'a self, dn: &'a str, password: &'a str) -> Asking<'a, Bound> {
        self.binds.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            assert!(!dn.is_empty() && !password.is_empty(), "an unauthenticated bind");
            let (code, message) = match self.passwords.get(&dn.to_lowercase()) {
                Some((right, code, message)) if right == password => (*code, message.clone()),
                _ => (49, String::new()),
            };
            Ok::<_, DirectoryError>(Bound { code, message, policy: None, session: None })
        })
    }
}
