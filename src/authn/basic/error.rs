use super::cost::{
    Cost, LEAST_BCRYPT, LEAST_ROUNDS, MOST_BCRYPT, MOST_LANES, MOST_MEMORY, MOST_ROUNDS, MOST_WORK,
};
use crate::authn::Reserved;
use crate::util::csv::CsvError;

/// Why a file of passwords cannot be loaded. Never carries a password or a hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordFileError {
    /// A line of the hashed form that cannot be used.
    #[error("{path}:{line}: {problem}")]
    Line {
        /// The file.
        path: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        problem: LineProblem,
    },
    /// No CSV; the text is that of the API server, which names no file (S-TOKF-2).
    #[error("{error}")]
    Csv {
        /// The file.
        path: String,
        /// What is wrong, and where.
        error: CsvError,
    },
    /// Too few columns; the text is that of the API server (S-BASIC-1).
    #[error(
        "password file '{path}' must have at least 3 columns (password, user name, user uid), found \
         {found}"
    )]
    Columns {
        /// The file.
        path: String,
        /// How many there are.
        found: usize,
    },
    /// Names that Kubernetes keeps for itself, in the API server's form.
    #[error(
        "password file '{path}', record number '{record}': the {reserved} is reserved for Kubernetes; \
         take another, or allow reserved names for this file"
    )]
    Reserved {
        /// The file.
        path: String,
        /// The record, counted from 1.
        record: usize,
        /// The name.
        reserved: Reserved,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers; nothing can be kept secret")]
    NoRandomness,
}

/// What is wrong with a line of the hashed form, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineProblem {
    /// No colon. The line is not shown, for it may be a password.
    #[error("a line is `name:hash`, this one has no colon; make lines with `portcullis passwd`")]
    NoColon,
    /// A name that is empty, long, or holds what would change the meaning of the line.
    #[error(
        "the name before the colon must have 1 to 256 bytes, no control characters, no blanks at its \
         ends and no `#` in front"
    )]
    Name,
    /// A colon in a name that was to be added.
    #[error("the name holds a colon, which ends names; take another")]
    Colon,
    /// The name stands above, too.
    #[error("`{name}` stands in line {line}, too; leave one of the two")]
    Duplicate {
        /// The name.
        name: String,
        /// The other line, counted from 1.
        line: usize,
    },
    /// More fields, as /etc/shadow has them.
    #[error(
        "something follows the hash of `{0}`; groups, uid and expiry are said in a line `# portcullis: \
         {{\"user\":\"…\",\"groups\":[…]}}` above, and nothing else is known here"
    )]
    After(String),
    /// A hash that cannot be used.
    #[error("the hash of `{name}`: {problem}")]
    Hash {
        /// The name.
        name: String,
        /// What is wrong.
        problem: HashProblem,
    },
    /// A reserved name.
    #[error("the {0} is reserved for Kubernetes; take a name that does not begin with `system:`")]
    Reserved(Reserved),
    /// A line of ours that is no JSON object with these members.
    #[error(
        "a line `# portcullis:` goes on with a JSON object of `user`, and of `uid`, `groups` and \
         `expires` what there is to say: {0}"
    )]
    About(String),
    /// A remark that looks like a line of ours and is none.
    #[error(
        "this remark looks like a line `# portcullis: {{\"user\":…}}` and is none, so that nothing of it \
         would count; write it so, or leave it out"
    )]
    LooksAlike,
    /// The same said twice.
    #[error("`{what}` of `{name}` is said in line {line}, too; leave one of the two")]
    Twice {
        /// The member.
        what: &'static str,
        /// The name.
        name: String,
        /// The other line, counted from 1.
        line: usize,
    },
    /// Who is described has no password.
    #[error(
        "`{0}` is described here and has no line `{0}:hash`; leave this line out, or give a password with \
         `portcullis passwd`"
    )]
    Orphan(String),
    /// A group without a name, a control character.
    #[error("`{0}` is empty or holds control characters; write a name, or leave it out")]
    Value(&'static str),
    /// No time.
    #[error(
        "`expires` must be an RFC 3339 time such as `2027-01-31T00:00:00Z`; leave it out for never"
    )]
    Expires,
}

/// What is wrong with a hash, and what to do. Does not repeat it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashProblem {
    /// A kind that can be tried too fast, or has faults.
    #[error(
        "hashes of the kind {0} do not protect passwords; set a new password with `portcullis passwd FILE \
         USER`, or `htpasswd -B -C 12 FILE USER`"
    )]
    Old(&'static str),
    /// A kind that is not known here.
    #[error(
        "of its kind none is known; take Argon2id, bcrypt or SHA-crypt: `portcullis passwd FILE USER` sets \
         a new password"
    )]
    Unknown,
    /// No hash at all: a plain password, or crypt(3) of old.
    #[error(
        "it is no hash, but a plain password or DES crypt; set a new password with `portcullis passwd FILE \
         USER`"
    )]
    Plain,
    /// A known kind with a text that is not.
    #[error(
        "it begins as one of the kind {0} and does not go on so; was it cut off? `portcullis passwd FILE \
         USER` sets a new password"
    )]
    Malformed(&'static str),
    /// Costs that would take the server's memory or time, or none.
    #[error(
        "its cost, {0}, is out of bounds: argon2id up to m={MOST_MEMORY} KiB, m*t={MOST_WORK} and \
         p={MOST_LANES}, bcrypt {LEAST_BCRYPT} to {MOST_BCRYPT}, SHA-crypt {LEAST_ROUNDS} to \
         {MOST_ROUNDS} rounds; `portcullis passwd FILE USER` sets a new password"
    )]
    Cost(Cost),
}

/// Why a password could not be compared with its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashFailed {
    /// The memory was not to be had.
    #[error("the hash could not be computed; is there enough memory for its cost?")]
    Hashing,
    /// bcrypt looks at 72 bytes only.
    #[error(
        "the password has more than 72 bytes, which bcrypt cannot tell apart; `portcullis passwd FILE \
         USER` sets one with Argon2id, which can"
    )]
    LongForBcrypt,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers; nothing can be kept secret")]
    NoRandomness,
}

/// What a file of passwords should be changed for; it is used all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordFileNotice {
    /// The API server's form.
    #[error(
        "'{path}' holds {count} passwords in plain text: who reads it, or a backup of it, is anybody in it. \
         It is good for moving away from --basic-auth-file only, which Kubernetes removed in 1.19: give \
         each user a new password with `portcullis passwd`, then delete the file"
    )]
    Plain {
        /// The file.
        path: String,
        /// How many users.
        count: usize,
    },
    /// A user that was there before; the last record counts (S-BASIC-1).
    #[error(
        "duplicate username '{name}' has been found in password file '{path}', record number '{record}'"
    )]
    Duplicate {
        /// The file.
        path: String,
        /// The record, counted from 1.
        record: usize,
        /// The user.
        name: String,
    },
    /// A record without a password. The API server would take it for one; here nobody gets in with it.
    #[error(
        "empty password has been found in password file '{path}', record number '{record}': nobody gets in with it"
    )]
    Empty {
        /// The file.
        path: String,
        /// The record, counted from 1.
        record: usize,
    },
    /// A hash that is tried too fast.
    #[error(
        "{path}:{line}: the hash of `{name}` ({cost}) is tried too fast by whoever gets hold of the file; a \
         new password by `portcullis passwd` has a better one"
    )]
    Weak {
        /// The file.
        path: String,
        /// The line, counted from 1.
        line: usize,
        /// The user.
        name: String,
        /// The cost.
        cost: Cost,
    },
    /// Costs differ, so that the time of an answer tells some names from unknown ones.
    #[error(
        "{path}: {others} of {all} hashes cost something else than {usual}, what an unknown name costs: \
         the time of a refusal tells their names; new passwords by `portcullis passwd` cost the same"
    )]
    Mixed {
        /// The file.
        path: String,
        /// How many are not as usual.
        others: usize,
        /// How many there are.
        all: usize,
        /// The usual cost.
        usual: Cost,
    },
}
