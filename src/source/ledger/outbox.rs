//! From the ledger to the revocation file.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::sync::{MutexGuard, PoisonError};

use super::error::{Attempt, Cause, LedgerFileError};
use super::schema::{View, meta};
use super::{Keep, LedgerFile, damaged};
use crate::model::RevocationEntry;
use crate::source::revocations::{self, RevocationFile, RevocationFileError};

/// The revocation file, and what is known of it.
pub(super) struct Outbox {
    file: RevocationFile,
    /// Appending failed, so nobody knows what is in it.
    is_doubtful: bool,
}

impl Outbox {
    pub(super) const fn new(file: RevocationFile) -> Self {
        Self { file, is_doubtful: false }
    }

    /// Its length in bytes; `None` when it is not there.
    fn length(&self) -> Result<Option<u64>, LedgerFileError> {
        match fs::metadata(self.file.path()) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                let path = self.file.path().display().to_string();
                Err(RevocationFileError::Read { path, error }.into())
            }
        }
    }
}

/// How far the revocation file is.
struct Standing {
    /// The number of the last entry of the ledger.
    last: u64,
    /// That of the last one that is in the file.
    written: u64,
    /// How long the file was when it was written, in bytes.
    length: u64,
}

impl Standing {
    fn of(view: &View) -> Attempt<Self> {
        Ok(Self {
            last: view.last_entry()?,
            written: view.number(meta::WRITTEN)?,
            length: view.number(meta::WRITTEN_LENGTH)?,
        })
    }
}

impl LedgerFile {
    /// Appends to the revocation file what it lacks, and gives how many entries that were. Makes the
    /// file when it is not there.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn sync(&self) -> Result<usize, LedgerFileError> {
        let mut outbox = self.outbox();
        let Standing { last, written, length } = self.look(Standing::of)?;
        let now = outbox.length()?;
        // A length of 0: nobody has looked at this file yet.
        let is_whole = length > 0 && now.is_some_and(|now| now >= length);
        if written == last && is_whole && !outbox.is_doubtful {
            return Ok(0);
        }
        // First what a crashed writer left behind is put right, then it is looked what is there.
        outbox.file.append(&[])?;
        let mut held = HashSet::new();
        for entry in outbox.file.entries()? {
            held.insert(line_of(&entry).map_err(|cause| cause.at(&self.path))?);
        }
        let lacking = self.look(|view| {
            let mut lacking = Vec::new();
            for entry in view.entries.range::<u64>(..)? {
                let (_, line) = entry?;
                if !held.contains(line.value()) {
                    lacking.push(entry_of(line.value())?);
                }
            }
            Ok(lacking)
        })?;
        self.append(&mut outbox, &lacking, last)?;
        Ok(lacking.len())
    }

    /// Appends what was said since the last time.
    pub(super) fn publish(&self) -> Result<(), LedgerFileError> {
        let mut outbox = self.outbox();
        if outbox.is_doubtful {
            drop(outbox);
            return self.sync().map(drop);
        }
        let (last, fresh) = self.look(|view| {
            let Standing { last, written, .. } = Standing::of(view)?;
            let mut fresh = Vec::new();
            if written < last {
                for entry in view.entries.range(written.saturating_add(1)..)? {
                    fresh.push(entry_of(entry?.1.value())?);
                }
            }
            Ok((last, fresh))
        })?;
        if fresh.is_empty() {
            return Ok(());
        }
        self.append(&mut outbox, &fresh, last)
    }

    fn append(
        &self,
        outbox: &mut Outbox,
        entries: &[RevocationEntry],
        last: u64,
    ) -> Result<(), LedgerFileError> {
        outbox.is_doubtful = true;
        outbox.file.append(entries)?;
        outbox.is_doubtful = false;
        let length = outbox.length()?.unwrap_or_default();
        self.change(|_, books| {
            books.meta.insert(meta::WRITTEN, last)?;
            books.meta.insert(meta::WRITTEN_LENGTH, length)?;
            Ok(((), Keep::Changes))
        })
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn line_of(entry: &RevocationEntry) -> Attempt<Vec<u8>> {
    let mut line = Vec::new();
    revocations::write_line(entry, &mut line).map_err(|_| damaged("an entry"))?;
    Ok(line)
}

fn entry_of(line: &[u8]) -> Attempt<RevocationEntry> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    match revocations::read_line(line) {
        Ok(Some(entry)) => Ok(entry),
        Ok(None) | Err(_) => Err(damaged("an entry")),
    }
}

impl From<RevocationFileError> for Cause {
    fn from(error: RevocationFileError) -> Self {
        Self::Told(error.into())
    }
}
