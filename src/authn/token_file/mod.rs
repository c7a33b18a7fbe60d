//! Is this token in the file? Static tokens in two forms: the CSV of `--token-auth-file` (S-TOKF-1 …
//! S-TOKF-5), and a form of our own that holds digests and times of expiry.
//!
//! ```
//! use portcullis::authn::token_file::{HashedToken, HashedTokens, NewToken, TokenFile};
//! use portcullis::authn::{Attempt, ReservedNames};
//! use portcullis::model::User;
//!
//! let made = NewToken::generate()?;
//! let mut file = HashedTokens::default();
//! let jane = User::new("jane").with_groups(["dev"]);
//! file.insert(HashedToken::new(&made.id, made.digest, jane, Some(2_000_000_000), "laptop")?)?;
//! let text = file.to_string();
//! assert!(!text.contains(made.token.expose_secret()));
//!
//! let tokens = TokenFile::from_hashed("tokens.ptk", &text, ReservedNames::Refuse)?;
//! let attempt = |now| Attempt { token: made.token.expose_secret(), audiences: &[], now };
//! assert_eq!(tokens.find(attempt(1_999_999_999))?.map(|found| found.user.name), Some("jane".into()));
//! assert!(tokens.find(attempt(2_000_000_000)).is_err()); // expired
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Why one digest is enough
//!
//! Slow hashes (bcrypt, Argon2) protect passwords, of which an attacker who holds the file can try
//! all likely ones. A token of [`NewToken`] is 256 random bits: there are no likely ones, and trying
//! 2²⁵⁶ of them is out of reach however fast each try is. So the file holds the SHA-256 of each token,
//! and a look-up costs the same whether the file has one row or a million. For the same reason nobody
//! can choose a token: a chosen one can be guessed. Tokens that come from a CSV by `portcullis token
//! hash` keep the strength that they had.
//!
//! In memory both forms hold keyed digests only, under a random key of the process; the text of a CSV
//! is wiped. The time of a look-up tells nothing about the tokens.
//!
//! Absent on purpose: reading the file (see `source` and `webhook`), and audiences: a file knows none
//! (S-AUTHN-12, see [`chain`](super::chain)).

mod error;
mod hashed;
mod kubernetes;
mod new;
mod row;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fmt;
use std::hash::BuildHasherDefault;

pub use error::{RowProblem, TokenExpired, TokenFileError, TokenFileNotice};
pub use hashed::{FIRST_LINE, HashedTokens};
pub use kubernetes::{CsvToken, CsvTokens, strength};
pub use new::{NewToken, TokenDigest, is_well_formed};
pub use row::HashedToken;

use super::{
    Answering, Attempt, Authenticated, AuthnError, Outcome, ReservedNames, Secret,
    TokenAuthenticator, UnixSeconds, ready, reserved_name,
};
use crate::model::User;
pub use crate::util::csv::{CsvError, CsvProblem};
use crate::util::keyed::{Digest, DigestHasher, ProcessKey};

/// The tokens of one file, ready to be looked up.
pub struct TokenFile {
    key: ProcessKey,
    tokens: HashMap<Digest, Entry, BuildHasherDefault<DigestHasher>>,
}

/// Whose token it is.
struct Entry {
    user: User,
    /// The id, and until when; the API server's form has neither.
    ends: Option<(Box<str>, UnixSeconds)>,
}

impl TokenFile {
    /// Reads the API server's CSV: token, user, uid, and optionally groups. The text is wiped.
    ///
    /// Besides what this crate refuses by `names`, every text that the API server accepts is
    /// accepted, and means the same.
    ///
    /// ```
    /// use portcullis::authn::token_file::TokenFile;
    /// use portcullis::authn::{Attempt, ReservedNames, Secret};
    ///
    /// let text = Secret::new("t0k3n,jane,7,\"dev,ops\"\n".to_owned());
    /// let (tokens, notices) = TokenFile::from_csv("tokens.csv", text, ReservedNames::Refuse)?;
    /// let jane = tokens.find(Attempt { token: "t0k3n", audiences: &[], now: 0 })?.unwrap();
    /// assert_eq!(jane.user.groups, ["dev", "ops"]);
    /// assert!(notices.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TokenFileError`] in the words of the API server (S-TOKF-2), and for reserved names.
    pub fn from_csv(
        path: &str,
        text: Secret,
        names: ReservedNames,
    ) -> Result<(Self, Vec<TokenFileNotice>), TokenFileError> {
        let CsvTokens { tokens, mut notices } = CsvTokens::read(path, &text, names)?;
        let mut file = Self::empty()?;
        for CsvToken { record, token, user } in tokens {
            let key = file.digest(TokenDigest::of(token.expose_secret()));
            // The last one counts (S-TOKF-3).
            if file.tokens.insert(key, Entry { user, ends: None }).is_some() {
                notices.push(TokenFileNotice::Duplicate { path: path.to_owned(), record });
            }
        }
        notices.sort_by_key(TokenFileNotice::record);
        Ok((file, notices))
    }

    /// Reads the hashed form, see [`HashedTokens`].
    ///
    /// # Errors
    /// [`TokenFileError`] with file and line for the first row that cannot be used: a token that is
    /// silently left out locks somebody out, and one that is half understood lets somebody in.
    pub fn from_hashed(
        path: &str,
        text: &str,
        names: ReservedNames,
    ) -> Result<Self, TokenFileError> {
        let rows = HashedTokens::parse(path, text, names)?;
        let mut file = Self::empty()?;
        for row in rows.rows() {
            let ends = row.expires().map(|expires| (row.id().into(), expires));
            match file.tokens.entry(file.key.digest([row.digest().as_bytes()])) {
                Slot::Vacant(slot) => slot.insert(Entry { user: row.user().clone(), ends }),
                // The rows were read, and so hold no digest twice.
                Slot::Occupied(_) => continue,
            };
        }
        Ok(file)
    }

    fn empty() -> Result<Self, TokenFileError> {
        let key = ProcessKey::generate().map_err(|_| TokenFileError::NoRandomness)?;
        Ok(Self { key, tokens: HashMap::default() })
    }

    fn digest(&self, digest: TokenDigest) -> Digest {
        self.key.digest([digest.as_bytes()])
    }

    /// Whose token this is. The whole text counts, nothing is trimmed (S-TOKF-5).
    ///
    /// # Errors
    /// [`TokenExpired`] from the second at which a token of the hashed form ends.
    pub fn find(&self, attempt: Attempt<'_>) -> Outcome {
        let key = self.digest(TokenDigest::of(attempt.token));
        let Some(Entry { user, ends }) = self.tokens.get(&key) else {
            return Ok(None);
        };
        let mut expires = None;
        if let Some((id, end)) = ends {
            if attempt.now >= *end {
                return Err(AuthnError::new(TokenExpired::new(id, *end)));
            }
            expires = Some(*end);
        }
        Ok(Some(Authenticated { user: user.clone(), audiences: Vec::new(), expires }))
    }

    /// How many tokens there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}

impl TokenAuthenticator for TokenFile {
    fn name(&self) -> &str {
        "token-file"
    }

    fn authenticate<'a>(&'a self, attempt: Attempt<'a>) -> Answering<'a> {
        ready(self.find(attempt))
    }
}

impl fmt::Debug for TokenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenFile").field("tokens", &self.len()).finish_non_exhaustive()
    }
}
