//! Which client certificates do not count any more?
//!
//! An API server cannot take a certificate back: it never looks at a revocation list. But it tells
//! its authorizers which certificate proved the user (S-X509-6), so that they can refuse. This is
//! the set they ask, made for a million entries: one probe, no lock, no allocation as long as nothing
//! is revoked.
//!
//! What is refused:
//! - a certificate that a [`Revocation::Certificate`] or [`Revocation::Serial`] entry names. The
//!   latter is known only to whoever holds the certificate itself;
//! - a certificate whose user or one of whose groups a [`Revocation::User`] or
//!   [`Revocation::Group`] entry names, unless it is known to be issued at or after the time in that
//!   entry: by a [`Revocation::Issued`] entry, or by its own beginning of validity. So these refuse
//!   certificates of which nobody kept a record;
//! - a token whose id a [`Revocation::Token`] entry names, whoever issued it; and one that Portcullis
//!   issued itself, where its time is known, as a certificate by the entries for users and groups;
//! - a credential id that claims to be a certificate's and is no fingerprint, whatever the list says.
//!
//! Not touched: users who were proved by something else, and entries for users and groups do not touch
//! tokens of others, of which nobody knows when they were issued. The order of entries does
//! not matter, and no entry takes another back.
//!
//! Absent on purpose: reading lists (see `source`), clocks, and the revocation lists of certificate
//! authorities (RFC 5280), which name serial numbers and are for whoever verifies a certificate.

mod credential_id;
mod entry;
mod revoked;
mod set;
mod shards;
mod shared;
#[cfg(test)]
mod tests;
mod union;

pub use entry::{PresentedCertificate, Revocation, RevocationEntry};
pub use revoked::{Revoked, RevokedBy};
pub use set::Revocations;
pub use shared::SharedRevocations;
