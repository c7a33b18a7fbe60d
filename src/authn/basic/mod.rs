//! Is this the password of that user? Password files, and how often anybody may guess.
//!
//! - [`parse_header`] reads `Authorization: Basic` (RFC 7617).
//! - [`PasswordFile`] holds users and hashes, as `htpasswd` and `portcullis passwd` write them, or the CSV of
//!   the API server's old `--basic-auth-file` (S-BASIC-1). [`HashedPasswords`] changes such a file.
//! - [`FileAuthenticator`] asks one from a server: in a [`HashPool`], so that nobody can take all cores or all
//!   memory by logging in, and at equal cost for names that nobody has.
//! - [`PasswordChain`] asks several authenticators, such as files and directories, behind a [`Throttle`].
//!
//! Whoever guesses learns nothing but that a password was wrong: not whether there is such a name, not
//! whether the account has expired, and by the time it takes nothing either, as long as all hashes of a file
//! cost the same (a [notice](PasswordFileNotice::Mixed) says when they do not) and directories do their part.
//!
//! Absent on purpose: reading files and reloading them (see `source` and `webhook`), the answer to the
//! outside, which is one and the same 401 (see `webhook`), and rules for good passwords: what a hash must
//! withstand is its cost.

mod about;
mod authenticator;
mod chain;
mod cost;
mod error;
mod file;
mod hash;
mod header;
mod plain;
mod pool;
mod rows;
#[cfg(test)]
mod tests;
mod throttle;

pub use authenticator::FileAuthenticator;
pub use chain::{AttemptProblem, MemberErrors, PasswordChain, PasswordRefusal};
pub use cost::Cost;
pub use error::{HashFailed, HashProblem, LineProblem, PasswordFileError, PasswordFileNotice};
pub use file::{PasswordFile, PasswordRefused};
pub use hash::PasswordHash;
pub use header::{BasicCredentials, BasicHeaderError, parse_header};
pub use pool::{HashPool, PoolError, PoolLimits};
pub use rows::{HashedPasswords, PasswordRow};
pub use throttle::{Admission, Throttle, ThrottleConfig, ThrottleScope, Throttled};

/// Bytes of the longest name.
const LONGEST_NAME: usize = 256;
/// Bytes of the longest password; SHA-crypt takes time in proportion.
const LONGEST_PASSWORD: usize = 1024;
