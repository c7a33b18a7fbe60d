use yasna::Tag;

use super::serial::SerialNumber;
use super::{Authority, AuthorityError};
use crate::crypto::asn1::{Oid, extension, sequence, time};

/// A list of revoked certificates to be signed (RFC 5280 §5).
#[derive(Debug, Clone, Copy)]
pub struct CrlContent<'a> {
    /// Its number: greater than that of every list before it (§5.2.3).
    pub number: u64,
    /// When it is made; seconds since 1970-01-01 UTC.
    pub this_update: i64,
    /// When there will be a newer one at the latest; nobody need accept this one after that.
    pub next_update: i64,
    /// What was revoked.
    pub revoked: &'a [RevokedSerial<'a>],
}

/// A revoked certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevokedSerial<'a> {
    /// Its serial number, the most significant byte first.
    pub serial: &'a [u8],
    /// Since when; seconds since 1970-01-01 UTC.
    pub at: i64,
    /// Why, as a code of RFC 5280 §5.3.1, such as 1 for `keyCompromise`. 0, `unspecified`, is
    /// left out, as the RFC wants it.
    pub reason: Option<u8>,
}

/// An entry that was checked, ready to be written.
struct Entry {
    serial: SerialNumber,
    at: Vec<u8>,
    reason: Option<u8>,
}

impl Authority {
    /// Signs a list of revoked certificates, version 2, in DER.
    ///
    /// # Errors
    /// When the certificate of the authority may not sign lists; when a time, a serial number or a
    /// reason is none; when the back-end fails.
    pub fn crl(&self, content: &CrlContent<'_>) -> Result<Vec<u8>, AuthorityError> {
        const VERSION_2: u8 = 1;

        if !self.may_sign_crls {
            return Err(AuthorityError::MayNotSignCrls);
        }
        if content.next_update < content.this_update {
            return Err(AuthorityError::EmptyValidity);
        }
        let this_update = time(content.this_update).ok_or(AuthorityError::Time)?;
        let next_update = time(content.next_update).ok_or(AuthorityError::Time)?;
        let entries =
            content.revoked.iter().map(entry).collect::<Result<Vec<_>, AuthorityError>>()?;
        let to_be_signed = sequence(|writer| {
            writer.next().write_u8(VERSION_2);
            self.key.write_signature_algorithm(writer.next());
            writer.next().write_der(&self.subject);
            writer.next().write_der(&this_update);
            writer.next().write_der(&next_update);
            // An empty list is left out (§5.1.2.6).
            if !entries.is_empty() {
                writer.next().write_sequence(|writer| {
                    entries.iter().for_each(|entry| entry.write(writer.next()));
                });
            }
            writer.next().write_tagged(Tag::context(0), |writer| {
                writer.write_sequence(|writer| {
                    self.write_key_id(writer);
                    extension(writer, Oid::CRL_NUMBER, false, |writer| {
                        writer.write_u64(content.number);
                    });
                });
            });
        });
        Ok(self.key.signed(&to_be_signed)?)
    }
}

fn entry(revoked: &RevokedSerial<'_>) -> Result<Entry, AuthorityError> {
    let reason = match revoked.reason {
        None | Some(0) => None,
        // 7 is unused, and 8 takes a certificate off a list, which only a list of changes can do.
        Some(reason @ (1..=6 | 9..=10)) => Some(reason),
        Some(reason) => return Err(AuthorityError::Reason(reason)),
    };
    Ok(Entry {
        serial: SerialNumber::from_bytes(revoked.serial)?,
        at: time(revoked.at).ok_or(AuthorityError::Time)?,
        reason,
    })
}

impl Entry {
    fn write(&self, writer: yasna::DERWriter<'_>) {
        writer.write_sequence(|writer| {
            writer.next().write_bigint_bytes(self.serial.as_bytes(), true);
            writer.next().write_der(&self.at);
            if let Some(reason) = self.reason {
                writer.next().write_sequence(|writer| {
                    extension(writer, Oid::REASON_CODE, false, |writer| {
                        writer.write_enum(i64::from(reason));
                    });
                });
            }
        });
    }
}
