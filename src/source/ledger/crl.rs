//! What goes into a revocation list of the authority (RFC 5280 section 5).

use redb::{ReadableTable, ReadableTableMetadata};

use super::enter::from_json;
use super::error::LedgerFileError;
use super::schema::meta;
use super::{Keep, LedgerFile, damaged};
use crate::crypto::certificate::Certificate;
use crate::pki::ledger::RevokedRecord;

/// A revoked certificate as a CRL names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedNumber {
    /// Big-endian, without leading zero bytes.
    pub serial: Vec<u8>,
    /// When, why and who.
    pub said: RevokedRecord,
}

impl LedgerFile {
    /// The number of the next CRL: one more than that of the last, and never given twice. On return
    /// that is on the disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn next_crl_number(&self) -> Result<u64, LedgerFileError> {
        self.change(|view, books| {
            let next = view.number(meta::CRL_NUMBER)?.checked_add(1);
            let next = next.ok_or_else(|| damaged("the number of the last CRL"))?;
            books.meta.insert(meta::CRL_NUMBER, next)?;
            Ok((next, Keep::Changes))
        })
    }

    /// How many users had all their certificates revoked, up to some time.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn revoked_users(&self) -> Result<usize, LedgerFileError> {
        self.look(|view| Ok(usize::try_from(view.users.len()?).unwrap_or(usize::MAX)))
    }

    /// The same for groups.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn revoked_groups(&self) -> Result<usize, LedgerFileError> {
        self.look(|view| Ok(usize::try_from(view.groups.len()?).unwrap_or(usize::MAX)))
    }

    /// All revoked certificates of an issuer, given by the DER of its name, in the order of their
    /// numbers. Those that have expired, too: leaving them out is allowed only after they stood in a
    /// list that was made after their end (RFC 5280 section 3.3).
    ///
    /// Certificates that were revoked together with their user or group are among them as far as they
    /// are recorded.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn revoked_of_issuer(&self, issuer: &[u8]) -> Result<Vec<RevokedNumber>, LedgerFileError> {
        let mut found = Vec::new();
        for record in self.revoked()? {
            let is_of = Certificate::from_der(&record.certificate)
                .is_ok_and(|read| read.issuer_der() == issuer);
            if let (true, Some(said)) = (is_of, record.revoked) {
                found.push(RevokedNumber { serial: record.serial, said });
            }
        }
        let numbered = self.look(|view| {
            let mut found = Vec::new();
            for numbered in view.revoked_serials.iter()? {
                let (number, said) = numbered?;
                let (of, serial) = number.value();
                if of == issuer {
                    let said = from_json(said.value(), "a revocation")?;
                    found.push(RevokedNumber { serial: serial.to_vec(), said });
                }
            }
            Ok(found)
        })?;
        found.extend(numbered);
        found.sort_by(|one, other| {
            (one.serial.len(), &one.serial, one.said.at).cmp(&(
                other.serial.len(),
                &other.serial,
                other.said.at,
            ))
        });
        found.dedup_by(|one, other| one.serial == other.serial);
        Ok(found)
    }
}
