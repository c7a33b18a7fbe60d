use std::collections::HashMap;
use std::fmt;

use super::ReservedNames;
use super::error::{RowProblem, TokenFileError};
use super::new::TokenDigest;
use super::row::{HashedToken, read_expires};
use crate::model::User;
use crate::util::csv::{Reader, Record, field};

/// The first line of the hashed form.
pub const FIRST_LINE: &str = "# portcullis tokens, format 1";

/// Its second line.
const COLUMNS: [&str; 7] = ["id", "digest", "user", "uid", "groups", "expires", "comment"];

/// A file in the hashed form: comma-separated values behind two fixed lines, one row a token.
///
/// ```text
/// # portcullis tokens, format 1
/// id,digest,user,uid,groups,expires,comment
/// k3v9q2m7xa,sha256:9f86…0a08,jane,,"dev,ops",2027-02-24T00:00:00Z,laptop
/// ```
///
/// `groups` are separated by commas. `expires` is an RFC 3339 time or `never`; from that second on
/// the token is refused. `digest` is the SHA-256 of the whole token, so that rows can be copied from
/// file to file. Displays as the text of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HashedTokens {
    rows: Vec<HashedToken>,
    /// Rows by id and by digest, to find what is there twice.
    ids: HashMap<String, usize>,
    digests: HashMap<TokenDigest, usize>,
}

impl HashedTokens {
    /// Reads the text of a file. `path` is for errors.
    ///
    /// # Errors
    /// [`TokenFileError`] with file and line, for the first thing that is wrong.
    pub fn parse(path: &str, text: &str, names: ReservedNames) -> Result<Self, TokenFileError> {
        let not_hashed = || TokenFileError::NotHashed { path: path.to_owned() };
        let (first, rest) = text.split_once('\n').ok_or_else(not_hashed)?;
        if first.trim_end_matches('\r') != FIRST_LINE {
            return Err(not_hashed());
        }
        let (header, rows) = rest.split_once('\n').unwrap_or((rest, ""));
        let header = header.trim_end_matches('\r');
        if !header.split(',').eq(COLUMNS) {
            return Err(TokenFileError::Header {
                path: path.to_owned(),
                expected: COLUMNS.join(","),
            });
        }
        let mut read = Self::default();
        let mut reader = Reader::new(rows, 2);
        let at = |line, problem| TokenFileError::Row { path: path.to_owned(), line, problem };
        while let Some(record) =
            reader.next_record().map_err(|error| at(error.line, RowProblem::Csv(error)))?
        {
            row(&record, names)
                .and_then(|row| read.insert(row))
                .map_err(|problem| at(record.line, problem))?;
        }
        Ok(read)
    }

    /// Adds a row at the end.
    ///
    /// # Errors
    /// [`RowProblem::DuplicateId`] and [`RowProblem::DuplicateDigest`]; nothing is added then.
    pub fn insert(&mut self, row: HashedToken) -> Result<(), RowProblem> {
        if self.ids.contains_key(row.id()) {
            return Err(RowProblem::DuplicateId(row.id().to_owned()));
        }
        if let Some(other) = self.digests.get(&row.digest()).and_then(|at| self.rows.get(*at)) {
            return Err(RowProblem::DuplicateDigest(other.id().to_owned()));
        }
        self.ids.insert(row.id().to_owned(), self.rows.len());
        self.digests.insert(row.digest(), self.rows.len());
        self.rows.push(row);
        Ok(())
    }

    /// Takes a row out. `None` when no row has this id.
    pub fn remove(&mut self, id: &str) -> Option<HashedToken> {
        let at = *self.ids.get(id)?;
        let removed = self.rows.remove(at);
        let rows = std::mem::take(&mut self.rows);
        *self = Self::default();
        for row in rows {
            // What was unique stays unique.
            let _ = self.insert(row);
        }
        Some(removed)
    }

    /// The rows in the order of the file.
    #[must_use]
    pub fn rows(&self) -> &[HashedToken] {
        &self.rows
    }
}

fn row(record: &Record, names: ReservedNames) -> Result<HashedToken, RowProblem> {
    let [id, digest, user, uid, groups, expires, comment] = record.fields.as_slice() else {
        return Err(RowProblem::Fields(record.fields.len()));
    };
    let digest = TokenDigest::parse(digest).ok_or(RowProblem::Digest)?;
    let expires = read_expires(expires).ok_or(RowProblem::Expires)?;
    let groups = match groups.as_str() {
        "" => Vec::new(),
        names => names.split(',').map(str::to_owned).collect(),
    };
    let user = User { name: user.to_string(), uid: uid.to_string(), groups, ..User::default() };
    HashedToken::checked(id, digest, user, expires, comment, names)
}

impl fmt::Display for HashedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}\n{}", COLUMNS.join(","))?;
        for row in &self.rows {
            let User { name, uid, groups, .. } = row.user();
            writeln!(
                f,
                "{},{},{},{},{},{},{}",
                row.id(),
                row.digest(),
                field(name),
                field(uid),
                field(&groups.join(",")),
                row.expires_text(),
                field(row.comment())
            )?;
        }
        Ok(())
    }
}
