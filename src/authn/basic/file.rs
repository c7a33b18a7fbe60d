use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fmt;
use std::sync::Arc;

use super::error::{HashFailed, PasswordFileError, PasswordFileNotice};
use super::hash::PasswordHash;
use super::plain::{self, PlainRow};
use super::rows::HashedPasswords;
use super::{LONGEST_NAME, LONGEST_PASSWORD};
use crate::authn::{
    Authenticated, AuthnError, Outcome, PasswordAttempt, ReservedNames, Secret, UnixSeconds,
};
use crate::model::User;
use crate::model::utc::Utc;
use crate::util::keyed::{Digest, ProcessKey};

/// The passwords of one file, ready to be compared.
///
/// # The hashed form
///
/// That of Apache's `htpasswd`: a line `name:hash` a user. Hashes are Argon2id (PHC strings), bcrypt
/// (`$2a$`, `$2b$`, `$2y$`) and SHA-crypt (`$5$`, `$6$`); MD5, SHA-1, DES crypt and plain passwords are
/// refused. What else there is to say of a user stands in remarks, a JSON object each:
///
/// ```text
/// # portcullis: {"user":"jane","uid":"7","expires":"2027-02-24T00:00:00Z","groups":["dev","ops"]}
/// jane:$argon2id$v=19$m=19456,t=2,p=1$…$…
/// ```
///
/// Remarks, and not fields behind the hash: `htpasswd -v` takes all behind the first colon for the hash, and
/// a new password by `htpasswd` drops such fields, so that an account that was to end would not. Remarks it
/// keeps. Several for one user add up, since it refuses files with lines of more than 255 bytes in remarks;
/// one for a user who is not in the file is an error, so that whoever is given that name later does not come
/// into its groups.
pub struct PasswordFile {
    users: Users,
}

enum Users {
    Hashed { entries: HashMap<Box<str>, Hashed>, decoy: Arc<PasswordHash> },
    Plain { key: Box<ProcessKey>, entries: HashMap<Box<str>, Plain> },
}

struct Hashed {
    hash: Arc<PasswordHash>,
    account: Account,
}

struct Plain {
    digest: Digest,
    account: Account,
}

struct Account {
    user: User,
    expires: Option<UnixSeconds>,
}

/// Why the password of a known user does not let him in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordRefused {
    /// It is another.
    #[error("wrong password")]
    Wrong,
    /// It is right, and it is too late.
    #[error("the account expired at {at}; `portcullis passwd --expires` sets another time")]
    Expired {
        /// The second from which it is refused.
        at: String,
    },
    /// It could not be compared.
    #[error(transparent)]
    Failed(HashFailed),
}

/// What there is to compare before an answer.
pub(super) enum Question {
    /// This hash, on a thread that may block.
    Hash(Arc<PasswordHash>),
    /// Nothing: the answer is known.
    Answered(bool),
}

impl PasswordFile {
    /// Reads the hashed form. `path` is for errors and notices.
    ///
    /// ```
    /// use portcullis::authn::basic::PasswordFile;
    /// use portcullis::authn::{PasswordAttempt, ReservedNames};
    ///
    /// // The work of a moment, for an example; `portcullis passwd` takes more.
    /// let text = "# portcullis: {\"user\":\"jane\",\"groups\":[\"dev\"]}\n\
    ///             jane:$2y$04$UuTkLRZZ6QofpDOlMz32MuuxEHA43WOemOYHPz6.SjsVsyO1tDU96\n";
    /// let (file, notices) = PasswordFile::from_hashed("users", text, ReservedNames::Refuse)?;
    /// let attempt = |name, password| PasswordAttempt { name, password, source: None, now: 0 };
    /// let jane = file.check(attempt("jane", "password"))?.expect("it is hers");
    /// assert_eq!(jane.user.groups, ["dev"]);
    /// assert!(file.check(attempt("jane", "passw0rd")).is_err());
    /// assert!(file.check(attempt("joe", "password"))?.is_none());
    /// assert!(notices[0].to_string().contains("tried too fast"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PasswordFileError`] with file and line, for the first thing that is wrong.
    pub fn from_hashed(
        path: &str,
        text: &str,
        names: ReservedNames,
    ) -> Result<(Self, Vec<PasswordFileNotice>), PasswordFileError> {
        let rows = HashedPasswords::parse(path, text, names)?;
        let notices = rows.notices(path);
        let decoy = PasswordHash::decoy(rows.usual_cost());
        let decoy = decoy.map_err(|_| PasswordFileError::NoRandomness)?;
        let entry = |row: super::rows::PasswordRow| {
            let (user, hash, expires) = row.into_parts();
            let account = Account { user, expires };
            (account.user.name.as_str().into(), Hashed { hash: Arc::new(hash), account })
        };
        let entries = rows.into_rows().map(entry).collect();
        Ok((Self { users: Users::Hashed { entries, decoy: Arc::new(decoy) } }, notices))
    }

    /// Reads the CSV of the API server's old `--basic-auth-file` (S-BASIC-1): password, user, uid, and
    /// optionally groups, with the rules of token files (S-TOKF-1, S-TOKF-4). The text is wiped; in memory
    /// there are keyed digests only.
    ///
    /// It means what it meant, but for empty passwords, with which nobody gets in. The first notice says
    /// loudly what such a file is.
    ///
    /// # Errors
    /// [`PasswordFileError`] in the words of the API server, and for reserved names.
    pub fn from_csv(
        path: &str,
        text: Secret,
        names: ReservedNames,
    ) -> Result<(Self, Vec<PasswordFileNotice>), PasswordFileError> {
        let (rows, mut others) = plain::read(path, &text, names)?;
        drop(text);
        let key = ProcessKey::generate().map_err(|_| PasswordFileError::NoRandomness)?;
        let mut entries: HashMap<Box<str>, Plain> = HashMap::new();
        for PlainRow { record, password, user } in rows {
            let digest = key.digest([password.expose_secret().as_bytes()]);
            let name = user.name.clone();
            let entry = Plain { digest, account: Account { user, expires: None } };
            match entries.entry(name.as_str().into()) {
                Slot::Vacant(slot) => {
                    slot.insert(entry);
                }
                // The last one counts.
                Slot::Occupied(mut slot) => {
                    slot.insert(entry);
                    let path = path.to_owned();
                    others.push(PasswordFileNotice::Duplicate { path, record, name });
                }
            }
        }
        let mut notices =
            vec![PasswordFileNotice::Plain { path: path.to_owned(), count: entries.len() }];
        notices.append(&mut others);
        Ok((Self { users: Users::Plain { key: Box::new(key), entries } }, notices))
    }

    /// Whose name and password this is, on the thread of the caller, which is held up for as long as a hash
    /// takes. A server asks a [`FileAuthenticator`](super::FileAuthenticator) instead.
    ///
    /// # Errors
    /// [`PasswordRefused`] for a name that is in the file.
    pub fn check(&self, attempt: PasswordAttempt<'_>) -> Outcome {
        let Some(question) = self.question(attempt) else { return Ok(None) };
        let matches = match question {
            Question::Answered(matches) => Ok(matches),
            Question::Hash(hash) => hash.verify(attempt.password),
        };
        self.answer(attempt, matches)
    }

    /// What is to be compared. An unknown name costs what a known one does. `None` for what is no attempt.
    pub(super) fn question(&self, attempt: PasswordAttempt<'_>) -> Option<Question> {
        let PasswordAttempt { name, password, .. } = attempt;
        let is_attempt = !password.is_empty()
            && !password.contains('\0')
            && name.len() <= LONGEST_NAME
            && password.len() <= LONGEST_PASSWORD;
        if !is_attempt {
            return None;
        }
        Some(match &self.users {
            Users::Hashed { entries, decoy } => {
                let hash = entries.get(name).map_or(decoy, |entry| &entry.hash);
                Question::Hash(Arc::clone(hash))
            }
            Users::Plain { key, entries } => {
                let digest = key.digest([password.as_bytes()]);
                // Against itself as long as against another, and then it does not count.
                let kept = entries.get(name).map_or(&digest, |entry| &entry.digest);
                Question::Answered(kept.is(&digest))
            }
        })
    }

    /// The answer, when the password is that of the hash or not.
    pub(super) fn answer(
        &self,
        attempt: PasswordAttempt<'_>,
        matches: Result<bool, HashFailed>,
    ) -> Outcome {
        let account = self.account(attempt.name);
        let refused = |why| Err(AuthnError::new(why));
        if let Err(why @ (HashFailed::Hashing | HashFailed::NoRandomness)) = matches {
            // Of an unknown name, too: nothing is told by it.
            return Err(AuthnError::unavailable(PasswordRefused::Failed(why)));
        }
        let Some(Account { user, expires }) = account else { return Ok(None) };
        match matches {
            Err(why) => return refused(PasswordRefused::Failed(why)),
            Ok(false) => return refused(PasswordRefused::Wrong),
            Ok(true) => {}
        }
        if let Some(end) = expires.filter(|end| attempt.now >= *end) {
            return refused(PasswordRefused::Expired { at: Utc(end).to_string() });
        }
        Ok(Some(Authenticated { user: user.clone(), audiences: Vec::new(), expires: *expires }))
    }

    fn account(&self, name: &str) -> Option<&Account> {
        match &self.users {
            Users::Hashed { entries, .. } => entries.get(name).map(|entry| &entry.account),
            Users::Plain { entries, .. } => entries.get(name).map(|entry| &entry.account),
        }
    }

    /// The user of a name, unless the account has expired.
    #[must_use]
    pub fn user(&self, name: &str, now: UnixSeconds) -> Option<&User> {
        let account = self.account(name)?;
        account.expires.is_none_or(|end| now < end).then_some(&account.user)
    }

    /// How many users there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.users {
            Users::Hashed { entries, .. } => entries.len(),
            Users::Plain { entries, .. } => entries.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for PasswordFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordFile").field("users", &self.len()).finish_non_exhaustive()
    }
}
