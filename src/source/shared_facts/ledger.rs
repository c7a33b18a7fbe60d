use std::collections::HashMap;
use std::fmt;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;

use super::error::FactError;
use super::log::{FactLog, checked};
use super::options::{FactKind, FactsOptions};
use super::reader::{FactsStatus, Problems, Reader, Sink, lock};
use super::revocations::ClusterRevocations;
use super::union::{Fact, News, Union};
use crate::crypto::certificate::Certificate;
use crate::model::{
    Fingerprint, PresentedCertificate, Revocation, RevocationEntry, Revocations, RevokedBy,
};
use crate::pki::ledger::{
    CertificateRecord, Ledger, LedgerError, RecordSource, Recorded, RevokedRecord,
};
use crate::source::revocations::write_line;
use crate::source::watch::{Cluster, Connection};

/// The books of issued certificates that all replicas share. What one records, all find.
///
/// A certificate is recorded when the API server has stored its record, and, where all earlier
/// certificates of its user or of a group were revoked, also that this one was issued later. Of two
/// records of one certificate the first that is heard of stays.
///
/// Calls of [`Ledger`] wait for the API server: they belong on threads that may block, such as those of
/// `tokio::task::spawn_blocking`. What is recorded by several at once is written in one go.
pub struct ClusterLedger {
    reader: Reader,
    books: Arc<Books>,
    revocations: ClusterRevocations,
    writer: mpsc::UnboundedSender<Job>,
    patience: Duration,
}

impl fmt::Debug for ClusterLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterLedger").field("records", &self.books.len()).finish_non_exhaustive()
    }
}

struct Job {
    record: CertificateRecord,
    issued: String,
    done: SyncSender<Result<(), FactError>>,
}

/// So many are written in one go.
const TOGETHER: usize = 100;

impl ClusterLedger {
    /// Begins to read. Must be called within a Tokio runtime, which writes, too.
    #[must_use]
    pub fn start(
        connection: &Connection,
        options: &FactsOptions,
        revocations: ClusterRevocations,
    ) -> Self {
        let books = Arc::new(Books::default());
        let sink = Arc::<Books>::clone(&books);
        let reader = Reader::start(connection, options, FactKind::Issued, None, sink);
        let log = |kind| FactLog::open(connection, options.clone(), kind);
        let (writer, jobs) = mpsc::unbounded_channel();
        let writing = Writing {
            issued: log(FactKind::Issued),
            said: log(FactKind::Revocations),
            revocations: revocations.clone(),
            patience: options.patience,
        };
        tokio::spawn(writing.run(jobs));
        // Others are written first, and then this; each in its own time.
        let patience = options.patience.saturating_mul(5);
        Self { reader, books, revocations, writer, patience }
    }

    /// The watch below, to be awaited and asked.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        self.reader.cluster()
    }

    /// How reading goes.
    #[must_use]
    pub fn status(&self) -> FactsStatus {
        let mut status = self.reader.status();
        lock(&self.books.0).problems.tell(&mut status);
        status
    }

    /// All certificates with this number, oldest first.
    #[must_use]
    pub fn of_serial(&self, serial: &[u8]) -> Vec<CertificateRecord> {
        let books = lock(&self.books.0);
        let found = books.records.values().filter(|record| record.serial == serial);
        let mut found: Vec<_> = found.cloned().map(|record| self.judged(record)).collect();
        found.sort_by_key(|record| record.recorded_at);
        found
    }

    fn judged(&self, record: CertificateRecord) -> CertificateRecord {
        judged(record, &self.revocations.shared().load())
    }
}

impl Ledger for ClusterLedger {
    fn record(&self, record: &CertificateRecord) -> Result<Recorded, LedgerError> {
        let failed = |error: FactError| LedgerError::Record(Box::new(error));
        let known = lock(&self.books.0).records.contains_key(&record.fingerprint);
        let stored = CertificateRecord { revoked: None, ..record.clone() };
        let issued = serde_json::to_string(&stored);
        let issued = issued.map_err(|error| LedgerError::Record(Box::new(error)))?;
        // One that cannot be written must not keep others from it.
        checked(&issued).map_err(failed)?;
        // One that is known may lack what had to be said of it.
        if !known || !is_told(record, &self.revocations) {
            let (done, outcome) = sync_channel(1);
            let job = Job { record: stored.clone(), issued, done };
            self.writer.send(job).map_err(|_| failed(FactError::Stopped))?;
            match outcome.recv_timeout(self.patience) {
                Ok(outcome) => outcome.map_err(failed)?,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return Err(failed(FactError::Stopped));
                }
            }
        }
        // The watch brings it, too, a moment later.
        lock(&self.books.0).enter(stored);
        Ok(if known { Recorded::Known } else { Recorded::New })
    }

    fn find(&self, fingerprint: &Fingerprint) -> Result<Option<CertificateRecord>, LedgerError> {
        let found = lock(&self.books.0).records.get(fingerprint).cloned();
        Ok(found.map(|record| self.judged(record)))
    }

    fn of_user(&self, user: &str) -> Result<Vec<CertificateRecord>, LedgerError> {
        let books = lock(&self.books.0);
        let found = books.by_user.get(user).into_iter().flatten();
        let mut found: Vec<CertificateRecord> =
            found.filter_map(|of| books.records.get(of)).cloned().collect();
        drop(books);
        found.sort_by_key(|record| record.recorded_at);
        Ok(found.into_iter().map(|record| self.judged(record)).collect())
    }
}

/// Who writes what is recorded.
struct Writing {
    issued: FactLog,
    said: FactLog,
    revocations: ClusterRevocations,
    patience: Duration,
}

impl Writing {
    /// Until nobody records any more.
    async fn run(self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        let mut together = Vec::new();
        while jobs.recv_many(&mut together, TOGETHER).await > 0 {
            let mut error = self.write(&together).await.err();
            let is_done = error.is_none();
            for job in together.drain(..) {
                // One error is told once; all others were not recorded either, and hear so.
                let told = match is_done {
                    true => Ok(()),
                    false => Err(error.take().unwrap_or(FactError::Together)),
                };
                // Nobody may be waiting any more.
                let _ = job.done.send(told);
            }
        }
    }

    async fn write(&self, together: &[Job]) -> Result<(), FactError> {
        // What was revoked before decides about what has to be said.
        let heard = tokio::time::timeout(self.patience, self.revocations.cluster().ready());
        heard.await.map_err(|_| FactError::NotHeard)?;
        let records: Vec<&str> = together.iter().map(|job| job.issued.as_str()).collect();
        self.issued.append(&records).await?;
        let of = |job: &Job| said_of(&job.record, &self.revocations);
        let entries: Vec<RevocationEntry> = together.iter().flat_map(of).collect();
        // Times of certificates are of years that can be written.
        let lines = entries.iter().map(line_of).collect::<Result<Vec<String>, _>>();
        let lines = lines.map_err(|_| FactError::Line)?;
        if !lines.is_empty() {
            self.said.append(&lines).await?;
        }
        Ok(())
    }
}

/// What servers must be told of a certificate by what is revoked now.
fn said_of(record: &CertificateRecord, revocations: &ClusterRevocations) -> Vec<RevocationEntry> {
    let cutoff = revocations.cutoff(&record.user, &record.groups);
    consequences(record, cutoff, &revocations.shared().load())
}

/// Whether nothing more has to be said of one that is recorded, as far as that is known.
fn is_told(record: &CertificateRecord, revocations: &ClusterRevocations) -> bool {
    revocations.cluster().is_ready() && said_of(record, revocations).is_empty()
}

/// What servers must be told of a certificate that is entered, so that earlier revocations mean it or
/// spare it as they should. The same rules as those of `source::ledger`.
pub(super) fn consequences(
    record: &CertificateRecord,
    cutoff: Option<i64>,
    list: &Revocations,
) -> Vec<RevocationEntry> {
    let Ok(certificate) = Certificate::from_der(&record.certificate) else { return Vec::new() };
    let presented = presented(record, &certificate);
    let revoked = list.of_certificate(&presented);
    if let Some(revoked) = revoked
        && matches!(revoked.by, RevokedBy::Certificate(_) | RevokedBy::Serial(_))
    {
        // An authorizer sees no serial number, and is told the form that the client chose.
        let said =
            RevokedRecord { at: revoked.at, reason: revoked.reason.to_owned(), by: String::new() };
        let all = [record.fingerprint].into_iter().chain(certificate.aliases());
        let lacking = all.filter(|one| list.of_fingerprint(one).is_none());
        return lacking
            .map(|one| entry(Revocation::Certificate { fingerprint: one }, &said))
            .collect();
    }
    let Some(cutoff) = cutoff else { return Vec::new() };
    let issued = match (record.source, record.renewed_since()) {
        // It was issued after that was said, whatever the clock says.
        (RecordSource::Issued, None) => record.issued_at().max(cutoff),
        (RecordSource::Issued, Some(_)) | (RecordSource::Imported, _) => record.issued_at(),
    };
    if issued < cutoff {
        return Vec::new();
    }
    let said = RevokedRecord { at: issued, reason: String::new(), by: String::new() };
    let what = Revocation::Issued { fingerprint: record.fingerprint, at: issued };
    vec![entry(what, &said)]
}

pub(super) fn entry(what: Revocation, said: &RevokedRecord) -> RevocationEntry {
    let RevokedRecord { at, reason, by } = said.clone();
    RevocationEntry { what, at, reason, by }
}

pub(super) fn line_of(entry: &RevocationEntry) -> serde_json::Result<String> {
    let mut line = Vec::new();
    write_line(entry, &mut line)?;
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

pub(super) fn presented<'a>(
    record: &'a CertificateRecord,
    certificate: &'a Certificate<'_>,
) -> PresentedCertificate<'a> {
    PresentedCertificate {
        fingerprint: record.fingerprint,
        issuer: certificate.issuer_der(),
        serial: &record.serial,
        user: &record.user,
        groups: &record.groups,
        not_before: record.issued_at(),
    }
}

/// The record, with whether it is revoked now.
pub(super) fn judged(record: CertificateRecord, list: &Revocations) -> CertificateRecord {
    let revoked = Certificate::from_der(&record.certificate).ok().and_then(|certificate| {
        let revoked = list.of_certificate(&presented(&record, &certificate))?;
        let reason = revoked.reason.to_owned();
        Some(RevokedRecord { at: revoked.at, reason, by: String::new() })
    });
    CertificateRecord { revoked, ..record }
}

#[derive(Default)]
struct Books(Mutex<Index>);

#[derive(Default)]
struct Index {
    records: HashMap<Fingerprint, CertificateRecord>,
    by_user: HashMap<String, Vec<Fingerprint>>,
    problems: Problems,
}

impl Books {
    fn len(&self) -> usize {
        lock(&self.0).records.len()
    }
}

impl Index {
    fn enter(&mut self, record: CertificateRecord) {
        let (fingerprint, user) = (record.fingerprint, record.user.clone());
        if self.records.contains_key(&fingerprint) {
            return;
        }
        self.records.insert(fingerprint, record);
        self.by_user.entry(user).or_default().push(fingerprint);
    }
}

impl Sink for Books {
    fn take(&self, news: News, _: &Union) {
        let mut index = lock(&self.0);
        let facts = match news {
            News::More(facts) => facts,
            News::Other(facts) => {
                *index = Index::default();
                facts
            }
        };
        for fact in facts {
            match understood(&fact) {
                Ok(record) => index.enter(record),
                Err(problem) => index.problems.note(problem),
            }
        }
    }
}

/// The record of a line.
pub(super) fn understood(fact: &Fact) -> Result<CertificateRecord, String> {
    serde_json::from_str(&fact.line).map_err(|error| {
        format!("ConfigMap `{}`: not a record of a certificate: {error}", fact.chunk)
    })
}
