//! Which certificates and tokens does a file take back, and who hears of it when?
//!
//! The file is one of lines, only ever appended to. The first is a header, each other one an entry:
//!
//! ```text
//! {"apiVersion":"portcullis.dev/v1alpha1","kind":"RevocationList"}
//! {"kind":"Certificate","fingerprint":"ab12…","at":"2026-11-26T08:00:00Z","reason":"keyCompromise","by":"ops"}
//! {"kind":"Serial","issuer":"MBUxEz…=","serial":"1f00","at":"2026-11-26T08:00:00Z"}
//! {"kind":"Token","id":"2dK1…","at":"2026-11-26T08:00:00Z"}
//! {"kind":"User","name":"jane","issuedBefore":"2026-11-26T08:00:00Z","at":"2026-11-26T08:00:00Z"}
//! {"kind":"Group","name":"dev","issuedBefore":"2026-11-26T08:00:00Z","at":"2026-11-26T08:00:00Z"}
//! {"kind":"Issued","fingerprint":"cd34…","at":"2026-11-26T09:00:00Z"}
//! ```
//!
//! What each means is said in [`Revocation`](crate::model::Revocation). Times are RFC 3339 and
//! rounded down to the second in `at`, up in `issuedBefore`; fingerprints are 64 hexadecimal digits; the
//! number of a certificate is hexadecimal too, and its issuer the base64 of the name's DER. `reason`
//! and `by` may be left out. Blank lines are passed over. Everything else is an error that names the
//! line: a list that is half understood would let pass what it refuses.
//!
//! A fingerprint is that of one form of a certificate. Its owner can write it in others that an API
//! server takes, too (`Certificate::aliases` in `crypto::certificate`), so a certificate that does not
//! count any more is one entry for each form. The ledger writes them all.
//!
//! A last line without a line feed is not yet written and does not count; [`RevocationFile::append`]
//! finishes it when it is an entry, and cuts it off when it is the rest of one that a crash left
//! behind. Writers take the file's advisory lock; readers need none.
//!
//! Whoever follows a file never forgets an entry on the way, except when the file as a whole was put
//! in the place of another: see [`RevocationFollower`].
//!
//! Absent on purpose: revocation lists of certificate authorities (see `source::crl`), and deciding
//! (see `authz`).

mod append;
mod error;
mod follow;
mod line;
mod read;
#[cfg(test)]
mod tests;
mod thread;

pub use append::{Appended, RevocationFile};
pub use error::{LineError, RevocationFileError};
pub use follow::{Change, ListChange, ProblemChange, RevocationFollower};
#[cfg(feature = "watch")]
pub(in crate::source) use line::is_header;
#[cfg(any(feature = "ledger", feature = "watch"))]
pub(in crate::source) use line::read as read_line;
#[cfg(feature = "ledger")]
pub(in crate::source) use line::write as write_line;
pub use thread::{FollowerThread, POLL_INTERVAL, follow};
