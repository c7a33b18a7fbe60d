//! Looking certificates up.

use redb::{AccessGuard, MultimapValue, ReadableTable};

use super::enter::from_json;
use super::error::{Attempt, LedgerFileError};
use super::schema::{Key, View};
use super::{LedgerFile, damaged};
use crate::model::Fingerprint;
use crate::pki::ledger::{CertificateRecord, RevokedRecord};

impl LedgerFile {
    /// How many certificates are recorded.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn len(&self) -> Result<u64, LedgerFileError> {
        self.look(|view| Ok(redb::ReadableTableMetadata::len(&view.certificates)?))
    }

    /// Whether none is.
    ///
    /// # Errors
    /// As [`Self::len`].
    pub fn is_empty(&self) -> Result<bool, LedgerFileError> {
        self.len().map(|count| count == 0)
    }

    /// All certificates that name a group, oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn of_group(&self, group: &str) -> Result<Vec<CertificateRecord>, LedgerFileError> {
        self.look(|view| view.of_group(group))
    }

    /// All certificates with this serial number: big-endian, without leading zero bytes.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn of_serial(&self, serial: &[u8]) -> Result<Vec<CertificateRecord>, LedgerFileError> {
        self.look(|view| view.of_serial(serial))
    }

    /// All certificates whose last valid second is in this range, the first to end first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn ending(&self, from: i64, to: i64) -> Result<Vec<CertificateRecord>, LedgerFileError> {
        self.look(|view| {
            let mut found = Vec::new();
            for end in view.by_end.range(from..=to)? {
                view.collect(end?.1, &mut found)?;
            }
            Ok(found)
        })
    }

    /// All recorded certificates that were revoked, in the order in which they were.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn revoked(&self) -> Result<Vec<CertificateRecord>, LedgerFileError> {
        let mut found = self.look(|view| {
            let mut found = Vec::new();
            for revoked in view.revoked.iter()? {
                let (key, _) = revoked?;
                found.extend(view.record(&Fingerprint::from_bytes(*key.value()))?);
            }
            Ok(found)
        })?;
        found.sort_by_key(|record| record.revoked.as_ref().map(|revoked| revoked.at));
        Ok(found)
    }

    /// Calls `visit` with every record, in the order of their fingerprints. Only one is in memory at
    /// a time.
    ///
    /// # Errors
    /// When the ledger cannot be read, and with what `visit` fails.
    pub fn for_each<E: From<LedgerFileError>>(
        &self,
        mut visit: impl FnMut(CertificateRecord) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut failed = None;
        self.look(|view| {
            for certificate in view.certificates.iter()? {
                let (key, stored) = certificate?;
                let record = view.complete(key.value(), stored.value())?;
                if let Err(error) = visit(record) {
                    failed = Some(error);
                    break;
                }
            }
            Ok(())
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// All certificates whose fingerprint or serial number begins with these hexadecimal digits, in
    /// lower case.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn beginning_with(&self, digits: &str) -> Result<Vec<CertificateRecord>, LedgerFileError> {
        let begins = |bytes: &[u8]| hexadecimal(bytes).starts_with(digits);
        // The least bytes that begin so: an odd digit is the upper half of a byte.
        let least: Vec<u8> = digits
            .as_bytes()
            .chunks(2)
            .filter_map(|pair| std::str::from_utf8(pair).ok())
            .filter_map(|pair| u8::from_str_radix(&format!("{pair:0<2}"), 16).ok())
            .collect();
        let mut first = [0; 32];
        first.iter_mut().zip(&least).for_each(|(to, from)| *to = *from);
        self.look(|view| {
            let mut found = Vec::new();
            for certificate in view.certificates.range::<&[u8; 32]>(&first..)? {
                let (key, stored) = certificate?;
                if !begins(key.value()) {
                    break;
                }
                found.push(view.complete(key.value(), stored.value())?);
            }
            for serial in view.by_serial.range(least.as_slice()..)? {
                let (serial, keys) = serial?;
                if !begins(serial.value()) {
                    break;
                }
                view.collect(keys, &mut found)?;
            }
            oldest_first(&mut found);
            Ok(found)
        })
    }
}

impl View {
    /// What is known of a certificate.
    pub(super) fn record(&self, which: &Fingerprint) -> Attempt<Option<CertificateRecord>> {
        let stored = self.certificates.get(which.as_bytes())?;
        stored.map(|stored| self.complete(which.as_bytes(), stored.value())).transpose()
    }

    pub(super) fn of_user(&self, user: &str) -> Attempt<Vec<CertificateRecord>> {
        let mut found = Vec::new();
        self.collect(self.by_user.get(user)?, &mut found)?;
        oldest_first(&mut found);
        Ok(found)
    }

    pub(super) fn of_group(&self, group: &str) -> Attempt<Vec<CertificateRecord>> {
        let mut found = Vec::new();
        self.collect(self.by_group.get(group)?, &mut found)?;
        oldest_first(&mut found);
        Ok(found)
    }

    pub(super) fn of_serial(&self, serial: &[u8]) -> Attempt<Vec<CertificateRecord>> {
        let mut found = Vec::new();
        self.collect(self.by_serial.get(serial)?, &mut found)?;
        oldest_first(&mut found);
        Ok(found)
    }

    /// What was said of a certificate, whether or not it is recorded.
    pub(super) fn revocation(&self, key: &[u8; 32]) -> Attempt<Option<RevokedRecord>> {
        let said: Option<AccessGuard<'_, &[u8]>> = self.revoked.get(key)?;
        said.map(|said| from_json(said.value(), "a revocation")).transpose()
    }

    fn collect(
        &self,
        keys: MultimapValue<'_, Key>,
        found: &mut Vec<CertificateRecord>,
    ) -> Attempt<()> {
        for key in keys {
            let which = Fingerprint::from_bytes(*key?.value());
            found.push(self.record(&which)?.ok_or_else(|| damaged("a record"))?);
        }
        Ok(())
    }

    fn complete(&self, key: &[u8; 32], stored: &[u8]) -> Attempt<CertificateRecord> {
        let record: CertificateRecord = from_json(stored, "a record")?;
        Ok(CertificateRecord { revoked: self.revocation(key)?, ..record })
    }
}

/// The same certificate may have been found in two ways.
fn oldest_first(records: &mut Vec<CertificateRecord>) {
    records.sort_by_key(|record| (record.recorded_at, record.fingerprint));
    records.dedup_by_key(|record| record.fingerprint);
}

/// Two digits a byte.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
