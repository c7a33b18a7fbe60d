//! Entering a certificate, and what servers must be told of it.

use redb::{AccessGuard, ReadableTable};
use serde::{Deserialize, Serialize};

use super::damaged;
use super::error::Attempt;
use super::schema::Books;
use crate::crypto::certificate::Certificate;
use crate::model::{Fingerprint, Revocation, RevocationEntry};
use crate::pki::ledger::{CertificateRecord, RecordSource, Recorded, RevokedRecord};
use crate::source::revocations;

/// The latest revocation of a whole user or group.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Cutoff {
    /// Certificates issued at this second or later are spared.
    pub(super) issued_before: i64,
    /// When, why and who.
    pub(super) said: RevokedRecord,
}

impl Cutoff {
    pub(super) fn read(stored: Option<AccessGuard<'_, &'static [u8]>>) -> Attempt<Option<Self>> {
        stored.map(|stored| from_json(stored.value(), "a revocation")).transpose()
    }
}

pub(super) fn to_json(value: &impl Serialize, what: &str) -> Attempt<Vec<u8>> {
    serde_json::to_vec(value).map_err(|_| damaged(what))
}

pub(super) fn from_json<'a, T: Deserialize<'a>>(bytes: &'a [u8], what: &str) -> Attempt<T> {
    serde_json::from_slice(bytes).map_err(|_| damaged(what))
}

/// Enters a certificate, unless it is known.
pub(super) fn enter(books: &mut Books<'_>, record: &CertificateRecord) -> Attempt<Recorded> {
    let key = record.fingerprint.as_bytes();
    if books.certificates.get(key)?.is_some() {
        return Ok(Recorded::Known);
    }
    // That it is revoked stands beside it, and only there.
    let stored = CertificateRecord { revoked: None, ..record.clone() };
    books.certificates.insert(key, to_json(&stored, "this record")?.as_slice())?;
    books.by_serial.insert(record.serial.as_slice(), key)?;
    books.by_user.insert(record.user.as_str(), key)?;
    for group in &record.groups {
        books.by_group.insert(group.as_str(), key)?;
    }
    books.by_end.insert(record.not_after, key)?;
    judge(books, record)?;
    Ok(Recorded::New)
}

/// What earlier revocations mean for a certificate that is new here.
fn judge(books: &mut Books<'_>, record: &CertificateRecord) -> Attempt<()> {
    if let Some(said) = revoked_by_number(books, record)? {
        // An authorizer sees no serial number, and now it can be told the fingerprint.
        let what = Revocation::Certificate { fingerprint: record.fingerprint };
        books.revoke(record.fingerprint, &said)?;
        books.say_aliases(&record.certificate, &said)?;
        let RevokedRecord { at, reason, by } = said;
        return books.say(&RevocationEntry { what, at, reason, by });
    }
    let said = books.revoked.get(record.fingerprint.as_bytes())?;
    let said = said.map(|said| from_json::<RevokedRecord>(said.value(), "a revocation"));
    if let Some(said) = said.transpose()? {
        // It was taken back by its fingerprint; its other forms are known only now.
        return books.say_aliases(&record.certificate, &said);
    }
    let mut latest: Option<Cutoff> = None;
    let mut consider = |cutoff: Option<Cutoff>| {
        if let Some(cutoff) = cutoff
            && latest.as_ref().is_none_or(|latest| latest.issued_before < cutoff.issued_before)
        {
            latest = Some(cutoff);
        }
    };
    consider(Cutoff::read(books.users.get(record.user.as_str())?)?);
    for group in &record.groups {
        consider(Cutoff::read(books.groups.get(group.as_str())?)?);
    }
    let Some(cutoff) = latest else { return Ok(()) };
    let issued = match (record.source, record.renewed_since()) {
        // It was issued after that was said, whatever the clock says.
        (RecordSource::Issued, None) => record.issued_at().max(cutoff.issued_before),
        (RecordSource::Issued, Some(_)) | (RecordSource::Imported, _) => record.issued_at(),
    };
    if issued < cutoff.issued_before {
        books.revoke(record.fingerprint, &cutoff.said)
    } else {
        books.spare(record, issued)
    }
}

fn revoked_by_number(
    books: &Books<'_>,
    record: &CertificateRecord,
) -> Attempt<Option<RevokedRecord>> {
    let Ok(certificate) = Certificate::from_der(&record.certificate) else { return Ok(None) };
    let number = (certificate.issuer_der(), record.serial.as_slice());
    let said = books.revoked_serials.get(number)?;
    said.map(|said| from_json(said.value(), "a revocation")).transpose()
}

impl Books<'_> {
    /// Notes that a certificate is revoked. What was said first stays.
    pub(super) fn revoke(&mut self, which: Fingerprint, said: &RevokedRecord) -> Attempt<()> {
        if self.revoked.get(which.as_bytes())?.is_none() {
            let said = to_json(said, "this revocation")?;
            self.revoked.insert(which.as_bytes(), said.as_slice())?;
        }
        Ok(())
    }

    /// Says that the other forms of a certificate do not count: an authorizer is told the fingerprint
    /// of that form which the client chose.
    pub(super) fn say_aliases(&mut self, certificate: &[u8], said: &RevokedRecord) -> Attempt<()> {
        let Ok(certificate) = Certificate::from_der(certificate) else { return Ok(()) };
        for fingerprint in certificate.aliases() {
            let RevokedRecord { at, reason, by } = said.clone();
            let what = Revocation::Certificate { fingerprint };
            self.say(&RevocationEntry { what, at, reason, by })?;
        }
        Ok(())
    }

    /// Says when a certificate was issued, unless that was said.
    pub(super) fn spare(&mut self, record: &CertificateRecord, issued: i64) -> Attempt<()> {
        let key = record.fingerprint.as_bytes();
        if self.spared.get(key)?.is_some_and(|said| said.value() >= issued) {
            return Ok(());
        }
        self.spared.insert(key, issued)?;
        self.say(&RevocationEntry {
            what: Revocation::Issued { fingerprint: record.fingerprint, at: issued },
            at: issued,
            reason: String::new(),
            by: String::new(),
        })
    }

    /// Adds what the revocation file must say.
    pub(super) fn say(&mut self, entry: &RevocationEntry) -> Attempt<()> {
        let mut line = Vec::new();
        revocations::write_line(entry, &mut line).map_err(|_| damaged("this revocation"))?;
        let last = self.entries.last()?.map_or(0, |(number, _)| number.value());
        let next = last.checked_add(1).ok_or_else(|| damaged("the number of the last entry"))?;
        self.entries.insert(next, line.as_slice())?;
        Ok(())
    }
}
