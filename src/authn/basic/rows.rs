use std::collections::BTreeMap;
use std::collections::HashMap;

use super::LONGEST_NAME;
use super::about::{Abouts, lines};
use super::cost::Cost;
use super::error::{LineProblem, PasswordFileError, PasswordFileNotice};
use super::hash::PasswordHash;
use crate::authn::{ReservedNames, UnixSeconds, reserved_name};
use crate::model::User;
use crate::model::utc::Utc;
use crate::util::rfc3339;

/// A user of a password file.
#[derive(Debug)]
pub struct PasswordRow {
    user: User,
    hash: PasswordHash,
    expires: Option<UnixSeconds>,
    line: usize,
}

impl PasswordRow {
    /// A row. Names that begin with `system:` are refused; a file that may hold them is read with
    /// [`ReservedNames::Allow`].
    ///
    /// # Errors
    /// [`LineProblem`] for what a line cannot hold.
    pub fn new(
        user: User,
        hash: PasswordHash,
        expires: Option<UnixSeconds>,
    ) -> Result<Self, LineProblem> {
        Self::check(&user)?;
        let row = Self { user, hash, expires, line: 0 };
        row.check_end()?;
        Ok(row)
    }

    /// Whether a row can be that of this user.
    ///
    /// # Errors
    /// [`LineProblem`] for what a line cannot hold, and for reserved names.
    pub fn check(user: &User) -> Result<(), LineProblem> {
        Self::check_names(user, ReservedNames::Refuse)
    }

    fn check_names(user: &User, names: ReservedNames) -> Result<(), LineProblem> {
        let User { name, uid, groups, .. } = user;
        if name.contains(':') {
            return Err(LineProblem::Colon);
        }
        check_name(name)?;
        if uid.contains(char::is_control) {
            return Err(LineProblem::Value("uid"));
        }
        if groups.iter().any(|group| group.is_empty() || group.contains(char::is_control)) {
            return Err(LineProblem::Value("groups"));
        }
        if names == ReservedNames::Refuse
            && let Some(reserved) = reserved_name(user)
        {
            return Err(LineProblem::Reserved(reserved));
        }
        Ok(())
    }

    /// Whether the end can be written.
    fn check_end(&self) -> Result<(), LineProblem> {
        let is_end = self.expires.is_none_or(|at| rfc3339::parse(&Utc(at).to_string()).is_some());
        if is_end { Ok(()) } else { Err(LineProblem::Expires) }
    }

    /// Whose password it is.
    #[must_use]
    pub const fn user(&self) -> &User {
        &self.user
    }

    /// The hash of the password.
    #[must_use]
    pub const fn hash(&self) -> &PasswordHash {
        &self.hash
    }

    /// The second from which it is refused; `None` for never.
    #[must_use]
    pub const fn expires(&self) -> Option<UnixSeconds> {
        self.expires
    }

    /// The time of expiry: RFC 3339, or `never`.
    #[must_use]
    pub fn expires_text(&self) -> String {
        self.expires.map_or_else(|| "never".to_owned(), |at| Utc(at).to_string())
    }

    pub(super) fn into_parts(self) -> (User, PasswordHash, Option<UnixSeconds>) {
        (self.user, self.hash, self.expires)
    }
}

fn check_name(name: &str) -> Result<(), LineProblem> {
    let is_sound = !name.is_empty()
        && name.len() <= LONGEST_NAME
        && name.trim() == name
        && !name.starts_with('#')
        && !name.contains(char::is_control);
    if is_sound { Ok(()) } else { Err(LineProblem::Name) }
}

/// A file of passwords as `htpasswd` has it, line by line: for changing it. To check passwords see
/// [`PasswordFile`](super::PasswordFile), which also says what the lines mean.
#[derive(Debug, Default)]
pub struct HashedPasswords {
    lines: Vec<Line>,
    rows: BTreeMap<u64, PasswordRow>,
    names: HashMap<String, u64>,
    next: u64,
}

#[derive(Debug)]
enum Line {
    /// Empty, or a remark of somebody's.
    Remark(String),
    /// A row, with the lines about its user.
    Row(u64),
}

impl HashedPasswords {
    /// Reads the text of a file. `path` is for errors.
    ///
    /// # Errors
    /// [`PasswordFileError`] with file and line, for the first thing that is wrong: a user who is silently
    /// left out is locked out, and one who is half understood gets too far.
    pub fn parse(path: &str, text: &str, names: ReservedNames) -> Result<Self, PasswordFileError> {
        let at = |line, problem| PasswordFileError::Line { path: path.to_owned(), line, problem };
        let mut abouts = Abouts::default();
        let mut read = Self::default();
        for (index, line) in text.lines().enumerate() {
            let (number, begin) = (index + 1, line.trim_start());
            if let Some(remark) = begin.strip_prefix('#') {
                if !abouts.read(remark, number).map_err(|problem| at(number, problem))? {
                    read.lines.push(Line::Remark(line.to_owned()));
                }
            } else if begin.is_empty() {
                read.lines.push(Line::Remark(String::new()));
            } else {
                read.read_row(line, number).map_err(|problem| at(number, problem))?;
            }
        }
        for (name, about) in abouts.0 {
            let line = about.line;
            let row = read.names.get(&name).and_then(|id| read.rows.get_mut(id));
            let row = row.ok_or_else(|| at(line, LineProblem::Orphan(name.clone())))?;
            let (uid, groups, expires) = about.into_parts();
            row.user = User { uid, groups, ..User::new(name) };
            row.expires = expires;
        }
        for row in read.rows.values() {
            let checked = PasswordRow::check_names(&row.user, names).and_then(|()| row.check_end());
            checked.map_err(|problem| at(row.line, problem))?;
        }
        Ok(read)
    }

    fn read_row(&mut self, line: &str, number: usize) -> Result<(), LineProblem> {
        let (name, rest) = line.split_once(':').ok_or(LineProblem::NoColon)?;
        check_name(name)?;
        if let Some(row) = self.get(name) {
            return Err(LineProblem::Duplicate { name: name.to_owned(), line: row.line });
        }
        if rest.contains(':') {
            return Err(LineProblem::After(name.to_owned()));
        }
        let hash = PasswordHash::parse(rest)
            .map_err(|problem| LineProblem::Hash { name: name.to_owned(), problem })?;
        self.push(PasswordRow { user: User::new(name), hash, expires: None, line: number });
        Ok(())
    }

    fn push(&mut self, row: PasswordRow) {
        let id = self.next;
        self.next += 1;
        self.names.insert(row.user.name.clone(), id);
        self.rows.insert(id, row);
        self.lines.push(Line::Row(id));
    }

    /// The row of a user.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&PasswordRow> {
        self.rows.get(self.names.get(name)?)
    }

    /// Puts a row in the place of the one with the same name, or at the end. The one that was there.
    pub fn set(&mut self, row: PasswordRow) -> Option<PasswordRow> {
        match self.names.get(&row.user.name) {
            Some(id) => self.rows.insert(*id, row),
            None => {
                self.push(row);
                None
            }
        }
    }

    /// Takes a row out, with what is said of the user. `None` when there is none of this name.
    pub fn remove(&mut self, name: &str) -> Option<PasswordRow> {
        let id = self.names.remove(name)?;
        self.lines.retain(|line| !matches!(line, Line::Row(other) if *other == id));
        self.rows.remove(&id)
    }

    /// The rows in the order of the file.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &PasswordRow> {
        self.rows.values()
    }

    pub(super) fn into_rows(self) -> impl ExactSizeIterator<Item = PasswordRow> {
        self.rows.into_values()
    }

    /// The cost that most hashes have; of equally many the higher. [`Cost::DEFAULT`] of none.
    #[must_use]
    pub fn usual_cost(&self) -> Cost {
        let mut counts: BTreeMap<Cost, usize> = BTreeMap::new();
        for row in self.rows.values() {
            *counts.entry(row.hash.cost()).or_default() += 1;
        }
        let most = counts.into_iter().max_by_key(|(cost, count)| (*count, *cost));
        most.map_or(Cost::DEFAULT, |(cost, _)| cost)
    }

    /// What the file should be changed for.
    #[must_use]
    pub fn notices(&self, path: &str) -> Vec<PasswordFileNotice> {
        let weak = self.rows.values().filter(|row| row.hash.cost().is_weak());
        let weak = weak.map(|row| PasswordFileNotice::Weak {
            path: path.to_owned(),
            line: row.line,
            name: row.user.name.clone(),
            cost: row.hash.cost(),
        });
        let usual = self.usual_cost();
        let others = self.rows.values().filter(|row| row.hash.cost() != usual).count();
        let mixed = (others > 0).then(|| PasswordFileNotice::Mixed {
            path: path.to_owned(),
            others,
            all: self.rows.len(),
            usual,
        });
        weak.chain(mixed).collect()
    }

    /// The text of the file. Not for logs: who has it can try passwords.
    #[must_use]
    pub fn expose_text(&self) -> String {
        let mut text = String::new();
        let mut push = |line: &str| {
            text.push_str(line);
            text.push('\n');
        };
        for line in &self.lines {
            match line {
                Line::Remark(remark) => push(remark),
                Line::Row(id) => {
                    let Some(row) = self.rows.get(id) else { continue };
                    let User { name, uid, groups, .. } = &row.user;
                    lines(name, uid, groups, row.expires).iter().for_each(|line| push(line));
                    push(&format!("{name}:{}", row.hash.expose_text()));
                }
            }
        }
        text
    }
}
