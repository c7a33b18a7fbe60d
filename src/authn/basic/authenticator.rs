use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::{Arc, Mutex, PoisonError};

use super::error::PasswordFileError;
use super::file::{PasswordFile, Question};
use super::pool::HashPool;
use crate::authn::{
    Answering, AuthnError, GroupLookup, LookingUp, Outcome, PasswordAttempt, PasswordAuthenticator,
    Secret, UnixSeconds,
};
use crate::model::{Clock, User};
use crate::util::keyed::{Digest, DigestHasher, ProcessKey};

/// A password file that is asked by a server: hashes are computed on threads that may block, and an
/// unknown name costs what a known one does.
///
/// ```
/// use std::sync::Arc;
///
/// use portcullis::authn::basic::{FileAuthenticator, HashPool, PasswordFile};
/// use portcullis::authn::{PasswordAttempt, PasswordAuthenticator, ReservedNames};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let text = "jane:$2y$04$UuTkLRZZ6QofpDOlMz32MuuxEHA43WOemOYHPz6.SjsVsyO1tDU96\n";
/// let (file, _) = PasswordFile::from_hashed("users", text, ReservedNames::Refuse)?;
/// let file = FileAuthenticator::new(file, Arc::new(HashPool::default()));
/// let attempt = PasswordAttempt { name: "jane", password: "password", source: None, now: 0 };
/// assert!(file.authenticate(attempt).await?.is_some());
/// # Ok(())
/// # }
/// ```
pub struct FileAuthenticator {
    file: PasswordFile,
    pool: Arc<HashPool>,
    remembered: Option<Remembered>,
    clock: Clock,
}

impl FileAuthenticator {
    /// A file, and who hashes for it.
    #[must_use]
    pub fn new(file: PasswordFile, pool: Arc<HashPool>) -> Self {
        Self { file, pool, remembered: None, clock: Clock::system() }
    }

    /// The same, which does not hash a password again that was right less than `seconds` ago, for up to
    /// `capacity` of them. Off unless this is called.
    ///
    /// Kept is a digest of name and password under a random key of this value, which dies with it: who
    /// reads the memory could try passwords at the speed of SHA-256, as he could read them in passing. A
    /// wrong password always costs a hash. What was remembered is forgotten with the file: make another
    /// value when it changes.
    ///
    /// # Errors
    /// [`PasswordFileError::NoRandomness`] where the system has none.
    pub fn remembering(mut self, seconds: u32, capacity: usize) -> Result<Self, PasswordFileError> {
        let key = ProcessKey::generate().map_err(|_| PasswordFileError::NoRandomness)?;
        let seconds = UnixSeconds::from(seconds);
        self.remembered = Some(Remembered { key, seconds, capacity, until: Mutex::default() });
        Ok(self)
    }

    /// The same with another clock, by which [`GroupLookup`] knows whose account has expired. The system's,
    /// unless this is called; attempts bring their own time.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The file.
    #[must_use]
    pub const fn file(&self) -> &PasswordFile {
        &self.file
    }

    async fn ask(&self, attempt: PasswordAttempt<'_>) -> Outcome {
        let hash = match self.file.question(attempt) {
            None => return Ok(None),
            Some(Question::Answered(matches)) => return self.file.answer(attempt, Ok(matches)),
            Some(Question::Hash(hash)) => hash,
        };
        if self.remembered.as_ref().is_some_and(|remembered| remembered.knows(attempt)) {
            return self.file.answer(attempt, Ok(true));
        }
        let password = Secret::new(attempt.password.to_owned());
        let matches = self.pool.verify(hash, password).await.map_err(AuthnError::unavailable)?;
        let outcome = self.file.answer(attempt, matches);
        if let (Some(remembered), Ok(Some(_))) = (&self.remembered, &outcome) {
            remembered.keep(attempt);
        }
        outcome
    }
}

impl PasswordAuthenticator for FileAuthenticator {
    fn name(&self) -> &str {
        "password-file"
    }

    fn authenticate<'a>(&'a self, attempt: PasswordAttempt<'a>) -> Answering<'a> {
        Box::pin(self.ask(attempt))
    }
}

impl GroupLookup for FileAuthenticator {
    fn name(&self) -> &str {
        "password-file"
    }

    fn groups_of<'a>(&'a self, user: &'a User) -> LookingUp<'a> {
        let found = self.file.user(&user.name, self.clock.now().seconds());
        let groups = found.map(|user| user.groups.clone());
        Box::pin(std::future::ready(Ok(groups)))
    }
}

impl fmt::Debug for FileAuthenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileAuthenticator")
            .field("file", &self.file)
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

/// Passwords that were right a moment ago.
struct Remembered {
    key: ProcessKey,
    seconds: UnixSeconds,
    capacity: usize,
    until: Mutex<HashMap<Digest, UnixSeconds, BuildHasherDefault<DigestHasher>>>,
}

impl Remembered {
    fn digest(&self, attempt: PasswordAttempt<'_>) -> Digest {
        self.key.digest([attempt.name.as_bytes(), attempt.password.as_bytes()])
    }

    fn knows(&self, attempt: PasswordAttempt<'_>) -> bool {
        let digest = self.digest(attempt);
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.get(&digest).is_some_and(|end| {
            // Neither past its end nor, where a clock was set back, before its beginning.
            (end.saturating_sub(self.seconds)..*end).contains(&attempt.now)
        })
    }

    fn keep(&self, attempt: PasswordAttempt<'_>) {
        let digest = self.digest(attempt);
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.len() >= self.capacity {
            until.retain(|_, end| *end > attempt.now);
        }
        // Full of those that still count: one more is not worth one of them.
        if until.len() < self.capacity {
            until.insert(digest, attempt.now.saturating_add(self.seconds));
        }
    }
}
