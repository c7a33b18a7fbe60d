//! Revoking by what replicas know: which lines take these certificates back?

use super::chunk::{KIND_LABEL, lines};
use super::error::FactError;
use super::ledger::{entry, judged, line_of, understood};
use super::list::list;
use super::options::FactKind;
use super::revocations::understood as understood_revocation;
use super::union::Fact;
use crate::crypto::certificate::Certificate;
use crate::model::{Revocation, RevocationEntry, Revocations};
use crate::pki::ledger::{CertificateRecord, RevokedRecord};
use crate::source::ledger::{Outcome, Revoke, Saying};
use crate::source::watch::Connection;

/// What the ConfigMaps of a namespace say, read once.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct KnownFacts {
    /// Every certificate that is recorded, oldest first; whether it is revoked is said.
    pub records: Vec<CertificateRecord>,
    /// What is revoked.
    pub revocations: Revocations,
    /// Lines that nobody understands, and where they stand.
    pub problems: Vec<String>,
}

/// Reads what replicas know.
///
/// # Errors
/// When the API server cannot be asked, or does not let us.
pub async fn read_facts(connection: &Connection, namespace: &str) -> Result<KnownFacts, FactError> {
    let mut known = KnownFacts::default();
    let mut entries: Vec<RevocationEntry> = Vec::new();
    for fact in read(connection, namespace, FactKind::Revocations).await? {
        match understood_revocation(&fact) {
            Ok(entry) => entries.extend(entry),
            Err(problem) => known.problems.push(problem),
        }
    }
    known.revocations = entries.into_iter().collect();
    for fact in read(connection, namespace, FactKind::Issued).await? {
        match understood(&fact) {
            Ok(record) => known.records.push(judged(record, &known.revocations)),
            Err(problem) => known.problems.push(problem),
        }
    }
    known.records.sort_by_key(|record| (record.recorded_at, record.fingerprint));
    known.records.dedup_by_key(|record| record.fingerprint);
    Ok(known)
}

async fn read(
    connection: &Connection,
    namespace: &str,
    kind: FactKind,
) -> Result<Vec<Fact>, FactError> {
    let chunks = list(connection, namespace, &[(KIND_LABEL, kind.as_str())]).await;
    let chunks = chunks.map_err(|error| match error.may_pass() || error.is_expired() {
        true => FactError::Unread { namespace: namespace.to_owned(), error },
        false => FactError::of(namespace, error),
    })?;
    let facts = chunks.into_iter().flat_map(|chunk| {
        let facts = lines(chunk.text())
            .map(|line| Fact { chunk: chunk.name().to_owned(), line: line.to_owned() });
        facts.collect::<Vec<Fact>>()
    });
    Ok(facts.collect())
}

/// A revocation to be written.
#[derive(Debug)]
#[non_exhaustive]
pub struct LiveRevocation {
    /// The lines for a [`FactLog`](super::FactLog) of [`FactKind::Revocations`].
    pub lines: Vec<String>,
    /// What they do to the certificates that are recorded.
    pub outcome: Outcome,
}

/// Why nothing can be revoked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveRevokeError {
    /// Nobody recorded it, and its issuer is not named.
    #[error(
        "nobody recorded a certificate with the number {serial}; name its issuer, or revoke it by its \
         fingerprint or user"
    )]
    UnknownSerial {
        /// The number, in hexadecimal digits.
        serial: String,
    },
    /// Several issuers gave that number.
    #[error("several issuers gave the number {serial}; name one, or the fingerprint")]
    AmbiguousSerial {
        /// The number, in hexadecimal digits.
        serial: String,
    },
    /// A time that is yet to come.
    #[error("certificates of the future cannot be revoked; name a time that is past")]
    CutoffInFuture,
    /// An entry that could not be read again.
    #[error("this revocation cannot be written as a line")]
    Unwritable(#[source] serde_json::Error),
}

/// The lines that take certificates back, as `source::ledger` would say them; none when all of it is
/// revoked already.
///
/// # Errors
/// See [`LiveRevokeError`].
pub fn revocation_of(
    what: &Revoke,
    saying: &Saying<'_>,
    known: &KnownFacts,
) -> Result<LiveRevocation, LiveRevokeError> {
    let said =
        RevokedRecord { at: saying.at, reason: saying.reason.to_owned(), by: saying.by.to_owned() };
    let mut order = Order { said, known, entries: Vec::new(), outcome: Outcome::default() };
    match what {
        Revoke::Certificate(fingerprint) => {
            match known.records.iter().find(|record| record.fingerprint == *fingerprint) {
                Some(record) => order.one(record),
                None if known.revocations.of_fingerprint(fingerprint).is_some() => {}
                None => order.say(Revocation::Certificate { fingerprint: *fingerprint }),
            }
        }
        Revoke::Serial { serial, issuer } => order.numbered(serial, issuer.as_deref())?,
        Revoke::Token { id } => {
            if known.revocations.of_token_id(id).is_none() {
                order.say(Revocation::Token { id: id.as_str().into() });
            }
        }
        Revoke::User { name, issued_before } => {
            let of = |record: &CertificateRecord| record.user == *name;
            order.all(*issued_before, of, |issued_before| Revocation::User {
                name: name.clone(),
                issued_before,
            })?;
        }
        Revoke::Group { name, issued_before } => {
            let of = |record: &CertificateRecord| record.groups.contains(name);
            order.all(*issued_before, of, |issued_before| Revocation::Group {
                name: name.clone(),
                issued_before,
            })?;
        }
    }
    let lines = order.entries.iter().map(line_of).collect::<Result<Vec<String>, _>>();
    let lines = lines.map_err(LiveRevokeError::Unwritable)?;
    let outcome = Outcome { is_new: !lines.is_empty(), ..order.outcome };
    Ok(LiveRevocation { lines, outcome })
}

struct Order<'a> {
    said: RevokedRecord,
    known: &'a KnownFacts,
    entries: Vec<RevocationEntry>,
    outcome: Outcome,
}

impl Order<'_> {
    fn say(&mut self, what: Revocation) {
        self.entries.push(entry(what, &self.said));
    }

    fn revoked(&self, record: &CertificateRecord) -> CertificateRecord {
        CertificateRecord { revoked: Some(self.said.clone()), ..record.clone() }
    }

    /// A certificate that is recorded: in all forms that an API server takes.
    fn one(&mut self, record: &CertificateRecord) {
        if record.revoked.is_some() {
            self.outcome.already.push(record.clone());
        } else {
            self.outcome.revoked.push(self.revoked(record));
        }
        let mut forms = vec![record.fingerprint];
        if let Ok(certificate) = Certificate::from_der(&record.certificate) {
            forms.extend(certificate.aliases());
        }
        for fingerprint in forms {
            if self.known.revocations.of_fingerprint(&fingerprint).is_none() {
                self.say(Revocation::Certificate { fingerprint });
            }
        }
    }

    fn numbered(&mut self, serial: &[u8], issuer: Option<&[u8]>) -> Result<(), LiveRevokeError> {
        let issuer_of = |record: &CertificateRecord| {
            let read = Certificate::from_der(&record.certificate).ok();
            read.map(|read| read.issuer_der().to_vec()).unwrap_or_default()
        };
        let known = self.known;
        let with_number = known.records.iter().filter(|record| record.serial == serial);
        let found: Vec<&CertificateRecord> = with_number
            .filter(|record| issuer.is_none_or(|issuer| issuer_of(record) == issuer))
            .collect();
        let number = || serial.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        if let Some((first, others)) = found.split_first() {
            if others.iter().any(|other| issuer_of(other) != issuer_of(first)) {
                return Err(LiveRevokeError::AmbiguousSerial { serial: number() });
            }
            for record in found {
                self.one(record);
            }
            return Ok(());
        }
        let Some(issuer) = issuer else {
            return Err(LiveRevokeError::UnknownSerial { serial: number() });
        };
        self.outcome.is_by_number = true;
        self.say(Revocation::Serial { issuer: issuer.into(), serial: serial.into() });
        Ok(())
    }

    /// A user or a group: what was issued at that time or later is spared, and servers must be told.
    fn all(
        &mut self,
        issued_before: Option<i64>,
        is_meant: impl Fn(&CertificateRecord) -> bool,
        what: impl FnOnce(i64) -> Revocation,
    ) -> Result<(), LiveRevokeError> {
        let issued_before = match issued_before {
            Some(time) if time > self.said.at => return Err(LiveRevokeError::CutoffInFuture),
            Some(time) => time,
            // What was issued in this second was issued before this was said.
            None => self.said.at.saturating_add(1),
        };
        let known = self.known;
        for record in known.records.iter().filter(|record| is_meant(record)) {
            if record.revoked.is_some() {
                self.outcome.already.push(record.clone());
            } else if record.issued_at() < issued_before {
                self.outcome.revoked.push(self.revoked(record));
            } else {
                // First, so that it is not refused in between.
                let at = record.issued_at();
                let what = Revocation::Issued { fingerprint: record.fingerprint, at };
                let said = RevokedRecord { at, reason: String::new(), by: String::new() };
                self.entries.push(entry(what, &said));
                self.outcome.spared.push(record.clone());
            }
        }
        self.say(what(issued_before));
        Ok(())
    }
}
