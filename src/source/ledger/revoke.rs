//! Taking certificates back.

use redb::ReadableTable;

use super::enter::{Cutoff, to_json};
use super::error::{Attempt, Cause, LedgerFileError};
use super::find::hexadecimal;
use super::schema::{Books, View};
use super::{Keep, LedgerFile};
use crate::crypto::certificate::Certificate;
use crate::model::{Fingerprint, Revocation, RevocationEntry};
use crate::pki::ledger::{CertificateRecord, RevokedRecord};

/// Which certificates are taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoke {
    /// This one, known or not.
    Certificate(Fingerprint),
    /// The one with this number.
    Serial {
        /// Big-endian, without leading zero bytes.
        serial: Vec<u8>,
        /// The DER of the issuer's name; may be left out when certificates with this number are
        /// recorded, and all of them are of one issuer.
        issuer: Option<Vec<u8>>,
    },
    /// The token with this id (`jti`). The books know nothing of tokens; it is said to servers.
    Token {
        /// The id.
        id: String,
    },
    /// All of a user's, known or not.
    User {
        /// The user name.
        name: String,
        /// Only those issued before this second. Left out: all so far, those of this second
        /// included.
        issued_before: Option<i64>,
    },
    /// All that name a group, known or not.
    Group {
        /// The group.
        name: String,
        /// As for users.
        issued_before: Option<i64>,
    },
}

/// When, why, and by whom.
#[derive(Debug, Clone, Copy)]
pub struct Saying<'a> {
    /// Now; seconds since 1970-01-01 UTC.
    pub at: i64,
    /// Why: a name of RFC 5280 section 5.3.1 or free text; may be empty.
    pub reason: &'a str,
    /// Who says so; may be empty.
    pub by: &'a str,
}

/// What came of a revocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// Recorded certificates that are revoked from now on.
    pub revoked: Vec<CertificateRecord>,
    /// Recorded certificates that had been revoked before.
    pub already: Vec<CertificateRecord>,
    /// Recorded certificates of that user or group that were issued later.
    pub spared: Vec<CertificateRecord>,
    /// Whether anything was said that had not been said before: also certificates that are not
    /// recorded may be revoked from now on.
    pub is_new: bool,
    /// The certificate is known by its number only. An authorizer sees no numbers, so only whoever
    /// verifies the certificate itself refuses it.
    pub is_by_number: bool,
}

impl LedgerFile {
    /// Takes certificates back: on return that is in the ledger and in the revocation file, to stay.
    /// What is revoked already stays as it was first said.
    ///
    /// # Errors
    /// When it cannot be done. Nothing is revoked then, unless it is the revocation file that could
    /// not be written: the next [`Self::sync`] does that.
    pub fn revoke(&self, what: &Revoke, saying: &Saying<'_>) -> Result<Outcome, LedgerFileError> {
        let outcome = self.change(|view, books| {
            let outcome = revoke(view, books, what, saying)?;
            let keep = if outcome.is_new { Keep::Changes } else { Keep::Nothing };
            Ok((outcome, keep))
        })?;
        self.publish()?;
        Ok(outcome)
    }

    /// What [`Self::revoke`] would do, without doing it.
    ///
    /// # Errors
    /// As [`Self::revoke`].
    pub fn would_revoke(
        &self,
        what: &Revoke,
        saying: &Saying<'_>,
    ) -> Result<Outcome, LedgerFileError> {
        self.change(|view, books| Ok((revoke(view, books, what, saying)?, Keep::Nothing)))
    }
}

fn revoke(
    view: &View,
    books: &mut Books<'_>,
    what: &Revoke,
    saying: &Saying<'_>,
) -> Attempt<Outcome> {
    match what {
        Revoke::Certificate(fingerprint) => {
            let mut outcome = Outcome::default();
            one(view, books, *fingerprint, saying, &mut outcome)?;
            Ok(outcome)
        }
        Revoke::Serial { serial, issuer } => {
            numbered(view, books, serial, issuer.as_deref(), saying)
        }
        Revoke::Token { id } => {
            books.say(&saying.entry(Revocation::Token { id: id.as_str().into() }))?;
            Ok(Outcome { is_new: true, ..Outcome::default() })
        }
        Revoke::User { name, issued_before } => {
            let known = view.of_user(name)?;
            all(books, known, Whose::User(name), *issued_before, saying)
        }
        Revoke::Group { name, issued_before } => {
            let known = view.of_group(name)?;
            all(books, known, Whose::Group(name), *issued_before, saying)
        }
    }
}

impl Saying<'_> {
    fn record(&self) -> RevokedRecord {
        let Self { at, reason, by } = *self;
        RevokedRecord { at, reason: reason.to_owned(), by: by.to_owned() }
    }

    fn of(&self, record: CertificateRecord) -> CertificateRecord {
        CertificateRecord { revoked: Some(self.record()), ..record }
    }

    fn entry(&self, what: Revocation) -> RevocationEntry {
        let RevokedRecord { at, reason, by } = self.record();
        RevocationEntry { what, at, reason, by }
    }
}

fn one(
    view: &View,
    books: &mut Books<'_>,
    fingerprint: Fingerprint,
    saying: &Saying<'_>,
    outcome: &mut Outcome,
) -> Attempt<()> {
    let known = view.record(&fingerprint)?;
    if view.revocation(fingerprint.as_bytes())?.is_some() {
        outcome.already.extend(known);
        return Ok(());
    }
    books.revoke(fingerprint, &saying.record())?;
    books.say(&saying.entry(Revocation::Certificate { fingerprint }))?;
    if let Some(known) = &known {
        books.say_aliases(&known.certificate, &saying.record())?;
    }
    outcome.revoked.extend(known.map(|known| saying.of(known)));
    outcome.is_new = true;
    Ok(())
}

fn numbered(
    view: &View,
    books: &mut Books<'_>,
    serial: &[u8],
    issuer: Option<&[u8]>,
    saying: &Saying<'_>,
) -> Attempt<Outcome> {
    let mut outcome = Outcome::default();
    let known = view.of_serial(serial)?;
    let issuer_of = |record: &CertificateRecord| {
        Certificate::from_der(&record.certificate).ok().map(|read| read.issuer_der().to_vec())
    };
    let known: Vec<CertificateRecord> = match issuer {
        None => known,
        Some(issuer) => known
            .into_iter()
            .filter(|record| issuer_of(record).is_some_and(|of| of == issuer))
            .collect(),
    };
    if let Some((first, others)) = known.split_first() {
        let first = issuer_of(first);
        if others.iter().any(|other| issuer_of(other) != first) {
            return Err(Cause::Told(LedgerFileError::AmbiguousSerial {
                serial: hexadecimal(serial),
                fingerprints: known.iter().map(|record| record.fingerprint).collect(),
            }));
        }
        for record in &known {
            one(view, books, record.fingerprint, saying, &mut outcome)?;
        }
        return Ok(outcome);
    }
    let Some(issuer) = issuer else {
        let serial = hexadecimal(serial);
        return Err(Cause::Told(LedgerFileError::UnknownSerial { serial }));
    };
    outcome.is_by_number = true;
    if view.revoked_serials.get((issuer, serial))?.is_none() {
        let said = to_json(&saying.record(), "this revocation")?;
        books.revoked_serials.insert((issuer, serial), said.as_slice())?;
        let what = Revocation::Serial { issuer: issuer.into(), serial: serial.into() };
        books.say(&saying.entry(what))?;
        outcome.is_new = true;
    }
    Ok(outcome)
}

/// A user or a group.
#[derive(Clone, Copy)]
enum Whose<'a> {
    User(&'a str),
    Group(&'a str),
}

fn all(
    books: &mut Books<'_>,
    known: Vec<CertificateRecord>,
    whose: Whose<'_>,
    issued_before: Option<i64>,
    saying: &Saying<'_>,
) -> Attempt<Outcome> {
    let issued_before = match issued_before {
        Some(time) if time > saying.at => return Err(Cause::Told(LedgerFileError::CutoffInFuture)),
        Some(time) => time,
        // What was issued in this second was issued before this was said. What will be is recorded
        // later, and spared then.
        None => saying.at.saturating_add(1),
    };
    let mut outcome = Outcome::default();
    let held = match whose {
        Whose::User(name) => Cutoff::read(books.users.get(name)?)?,
        Whose::Group(name) => Cutoff::read(books.groups.get(name)?)?,
    };
    if held.is_none_or(|held| held.issued_before < issued_before) {
        let said = saying.record();
        let cutoff = to_json(&Cutoff { issued_before, said }, "this revocation")?;
        let what = match whose {
            Whose::User(name) => {
                books.users.insert(name, cutoff.as_slice())?;
                Revocation::User { name: name.to_owned(), issued_before }
            }
            Whose::Group(name) => {
                books.groups.insert(name, cutoff.as_slice())?;
                Revocation::Group { name: name.to_owned(), issued_before }
            }
        };
        books.say(&saying.entry(what))?;
        outcome.is_new = true;
    }
    for record in known {
        // It may have been said that it was issued later than its record says.
        let key = record.fingerprint.as_bytes();
        let said = books.spared.get(key)?.map(|at| at.value());
        let issued = record.issued_at().max(said.unwrap_or(i64::MIN));
        if record.revoked.is_some() {
            outcome.already.push(record);
        } else if issued >= issued_before {
            if outcome.is_new {
                books.spare(&record, issued)?;
            }
            outcome.spared.push(record);
        } else {
            // With an earlier revocation of the same name this one is covered, and marked.
            if outcome.is_new {
                books.revoke(record.fingerprint, &saying.record())?;
            }
            outcome.revoked.push(saying.of(record));
        }
    }
    Ok(outcome)
}
