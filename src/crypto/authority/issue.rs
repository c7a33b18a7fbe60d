use aws_lc_rs::digest::{SHA256, digest};
use yasna::{DERWriterSeq, Tag};

use super::serial::SerialNumber;
use super::usages::{CertificateUsages, KeyUsage, write_key_usage};
use super::{Authority, AuthorityError, AuthorityOptions, pem};
use crate::crypto::asn1::{Oid, Reader, extension, sequence, tag, time};
use crate::crypto::certificate::fingerprint;
use crate::crypto::private_key::PrivateKey;
use crate::crypto::request::SigningRequest;
use crate::crypto::subject::Subject;
use crate::model::Fingerprint;

/// A certificate to be signed.
#[derive(Debug, Clone)]
pub struct Leaf<'a> {
    /// Who asks, with which key, under which names.
    pub request: &'a SigningRequest,
    /// What it will be for.
    pub usages: CertificateUsages,
    /// Valid from; seconds since 1970-01-01 UTC.
    pub not_before: i64,
    /// Valid until, this second included.
    pub not_after: i64,
    /// Its serial number, one that the authority has not used.
    pub serial: SerialNumber,
}

/// A certificate that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCertificate {
    der: Vec<u8>,
    fingerprint: Fingerprint,
    serial: SerialNumber,
    not_before: i64,
    not_after: i64,
}

impl IssuedCertificate {
    /// The certificate.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate as one PEM block.
    #[must_use]
    pub fn pem(&self) -> String {
        pem(&self.der)
    }

    /// Its fingerprint, by which API servers name it (S-X509-6).
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Its serial number.
    #[must_use]
    pub const fn serial(&self) -> &SerialNumber {
        &self.serial
    }

    /// Valid from; seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn not_before(&self) -> i64 {
        self.not_before
    }

    /// Valid until, this second included; seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn not_after(&self) -> i64 {
        self.not_after
    }
}

impl Authority {
    /// Signs a certificate with what was asked for (S-CSR-17): the subject and the key byte for byte
    /// as the request has them, and its alternative names. The usages are those that are given here;
    /// all other extensions that the request asks for are dropped.
    ///
    /// # Errors
    /// When its times make no sense, it would outlive the authority, or the back-end fails.
    pub fn issue(&self, leaf: &Leaf<'_>) -> Result<IssuedCertificate, AuthorityError> {
        self.sign_leaf(leaf, leaf.request.subject_der(), |writer| {
            leaf.request.write_alternative_names(writer);
        })
    }

    /// Signs a certificate for somebody whom the request does not name: of the request only the key is
    /// taken, and there are no alternative names.
    ///
    /// # Errors
    /// As [`Self::issue`].
    pub fn issue_for(
        &self,
        leaf: &Leaf<'_>,
        subject: &Subject,
    ) -> Result<IssuedCertificate, AuthorityError> {
        self.sign_leaf(leaf, &subject.to_der(), |_| {})
    }

    fn sign_leaf(
        &self,
        leaf: &Leaf<'_>,
        subject: &[u8],
        write_names: impl FnOnce(&mut DERWriterSeq<'_>),
    ) -> Result<IssuedCertificate, AuthorityError> {
        let Leaf { request, usages, not_before, not_after, serial } = leaf;
        if *not_after > self.not_after {
            return Err(AuthorityError::OutlivesAuthority);
        }
        let der = Certificate {
            key: &self.key,
            serial,
            issuer: &self.subject,
            not_before: *not_before,
            not_after: *not_after,
            subject,
            public_key_info: request.public_key_info(),
        }
        .sign(|writer| {
            usages.write(writer);
            extension(writer, Oid::BASIC_CONSTRAINTS, true, |writer| writer.write_sequence(|_| {}));
            self.write_key_id(writer);
            write_names(writer);
        })?;
        Ok(IssuedCertificate {
            fingerprint: fingerprint(&der),
            der,
            serial: serial.clone(),
            not_before: *not_before,
            not_after: *not_after,
        })
    }

    /// Names the key of the authority (RFC 5280 §4.2.1.1), if its certificate gives it a name.
    pub(super) fn write_key_id(&self, writer: &mut DERWriterSeq<'_>) {
        if let Some(id) = &self.key_id {
            extension(writer, Oid::AUTHORITY_KEY_ID, false, |writer| {
                writer.write_sequence(|writer| {
                    writer.next().write_tagged_implicit(Tag::context(0), |writer| {
                        writer.write_bytes(id);
                    });
                });
            });
        }
    }
}

/// The certificate of an authority that vouches for itself.
pub(super) fn self_signed(
    key: &PrivateKey,
    subject: &Subject,
    options: &AuthorityOptions,
) -> Result<Vec<u8>, AuthorityError> {
    let name = subject.to_der();
    let key_id = key_id(key.public_key_info());
    Certificate {
        key,
        serial: &SerialNumber::random()?,
        issuer: &name,
        not_before: options.not_before,
        not_after: options.not_after,
        subject: &name,
        public_key_info: key.public_key_info(),
    }
    .sign(|writer| {
        write_key_usage(writer, KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN);
        extension(writer, Oid::BASIC_CONSTRAINTS, true, |writer| {
            writer.write_sequence(|writer| {
                writer.next().write_bool(true);
                if let Some(length) = options.path_length {
                    writer.next().write_u8(length);
                }
            });
        });
        extension(writer, Oid::SUBJECT_KEY_ID, false, |writer| writer.write_bytes(&key_id));
    })
}

/// The first 160 bits of the SHA-256 of the key (RFC 7093 §2 method 1).
fn key_id(public_key_info: &[u8]) -> Vec<u8> {
    let key = Reader::only(public_key_info, tag::SEQUENCE).and_then(|mut info| {
        info.take(tag::SEQUENCE)?;
        info.take(tag::BIT_STRING)?.get(1..)
    });
    let digest = digest(&SHA256, key.unwrap_or(public_key_info));
    digest.as_ref().iter().take(20).copied().collect()
}

/// What every certificate has.
struct Certificate<'a> {
    key: &'a PrivateKey,
    serial: &'a SerialNumber,
    issuer: &'a [u8],
    not_before: i64,
    not_after: i64,
    subject: &'a [u8],
    public_key_info: &'a [u8],
}

impl Certificate<'_> {
    /// Writes and signs it (RFC 5280 §4.1).
    fn sign(
        &self,
        extensions: impl FnOnce(&mut DERWriterSeq<'_>),
    ) -> Result<Vec<u8>, AuthorityError> {
        const VERSION_3: u8 = 2;

        if self.not_before > self.not_after {
            return Err(AuthorityError::EmptyValidity);
        }
        let not_before = time(self.not_before).ok_or(AuthorityError::Time)?;
        let not_after = time(self.not_after).ok_or(AuthorityError::Time)?;
        let to_be_signed = sequence(|writer| {
            writer.next().write_tagged(Tag::context(0), |writer| writer.write_u8(VERSION_3));
            writer.next().write_bigint_bytes(self.serial.as_bytes(), true);
            self.key.write_signature_algorithm(writer.next());
            writer.next().write_der(self.issuer);
            writer.next().write_sequence(|writer| {
                writer.next().write_der(&not_before);
                writer.next().write_der(&not_after);
            });
            writer.next().write_der(self.subject);
            writer.next().write_der(self.public_key_info);
            writer.next().write_tagged(Tag::context(3), |writer| {
                writer.write_sequence(extensions);
            });
        });
        Ok(self.key.signed(&to_be_signed)?)
    }
}
