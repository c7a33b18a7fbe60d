//! The API server's own form, record by record.

use std::fmt;

use super::error::{TokenFileError, TokenFileNotice};
use super::{ReservedNames, Secret, reserved_name};
use crate::authn::secret_and_user;
use crate::model::User;
use crate::util::csv::Reader;

/// The records of the API server's CSV, tokens and all: for converting it. To look tokens up see
/// [`TokenFile`](super::TokenFile).
#[derive(Debug)]
pub struct CsvTokens {
    /// The records that have a token.
    pub tokens: Vec<CsvToken>,
    /// Those that have none.
    pub notices: Vec<TokenFileNotice>,
}

/// One record.
pub struct CsvToken {
    /// The number of the record, counted from 1; empty lines do not count.
    pub record: usize,
    /// The token.
    pub token: Secret,
    /// Whose it is.
    pub user: User,
}

impl CsvTokens {
    /// Reads all records.
    ///
    /// # Errors
    /// [`TokenFileError`] in the words of the API server (S-TOKF-2), and for reserved names.
    pub fn read(path: &str, text: &Secret, names: ReservedNames) -> Result<Self, TokenFileError> {
        let mut reader = Reader::new(text.expose_secret(), 0);
        let mut read = Self { tokens: Vec::new(), notices: Vec::new() };
        let mut number = 0;
        let csv = |error| TokenFileError::Csv { path: path.to_owned(), error };
        while let Some(record) = reader.next_record().map_err(csv)? {
            let (mut token, user) = secret_and_user(record)
                .map_err(|found| TokenFileError::Columns { path: path.to_owned(), found })?;
            number += 1;
            if token.is_empty() {
                read.notices.push(TokenFileNotice::Empty { path: path.to_owned(), record: number });
                continue;
            }
            if names == ReservedNames::Refuse
                && let Some(reserved) = reserved_name(&user)
            {
                let path = path.to_owned();
                return Err(TokenFileError::Reserved { path, record: number, reserved });
            }
            let token = Secret::new(std::mem::take(&mut *token));
            read.tokens.push(CsvToken { record: number, token, user });
        }
        Ok(read)
    }
}

impl fmt::Debug for CsvToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CsvToken")
            .field("record", &self.record)
            .field("token", &self.token)
            .field("user", &self.user)
            .finish()
    }
}

/// How many bits a token has at most: what it would have if each character were drawn at random from
/// all of its kinds. A word is weaker than this says; nothing is stronger.
///
/// ```
/// use portcullis::authn::token_file::strength;
///
/// assert_eq!(strength("0123456789abcdef0123456789abcdef"), 128); // as `openssl rand -hex 16` has it
/// assert!(strength("hunter2-secret-token") < 128);
/// ```
#[must_use]
pub fn strength(token: &str) -> u32 {
    let has = |kind: fn(&char) -> bool| token.chars().any(|character| kind(&character));
    let is_hex = |upper: bool| {
        token.chars().all(|c| match c {
            '0'..='9' => true,
            'a'..='f' => !upper,
            'A'..='F' => upper,
            _ => false,
        })
    };
    let kinds: f64 = if !has(|c| !c.is_ascii_digit()) {
        10.0
    } else if is_hex(false) || is_hex(true) {
        16.0
    } else {
        let kind = |there: bool, size: f64| if there { size } else { 0.0 };
        kind(has(char::is_ascii_digit), 10.0)
            + kind(has(char::is_ascii_lowercase), 26.0)
            + kind(has(char::is_ascii_uppercase), 26.0)
            // `-` and `_` of base64url; more kinds of other characters are rare in tokens, and to
            // count them all would flatter a word with one dash.
            + kind(has(|c| !c.is_ascii_alphanumeric()), 2.0)
    };
    let length = u32::try_from(token.chars().count()).unwrap_or(u32::MAX);
    // Whole bits are enough: the loop is the floor of a float that is never negative.
    let bits = f64::from(length) * kinds.log2();
    (0..=4096).rev().find(|whole| f64::from(*whole) <= bits + 1e-9).unwrap_or(0)
}
