//! Signatures and keys: is this JWS signed by one of these keys? The only user of signature
//! back-ends.
//!
//! Compact JWS (RFC 7515) is read strictly by [`jws`], JSON without repeated members by [`json`],
//! keys from PEM by [`pem`] and from JWK sets (RFC 7517) by [`jwk`], certificates by `certificate`,
//! chains of them by `path` and revocation lists by `crl` (feature `x509`). HMAC and `none` have no name
//! in [`Algorithm`], so nobody can allow them by mistake.
//!
//! Verification goes straight to aws-lc-rs, with keys that are parsed once: it knows ES512, which
//! `jsonwebtoken` does not, and one path for all algorithms is easier to trust than two.
//! `jsonwebtoken` signs ([`SigningKey`]) and shapes the JWKs we publish.
//!
//! Absent on purpose: claims, times and issuers (see `authn`), fetching key sets (see `source`),
//! encryption, JSON serialisations of JWS.

mod algorithm;
#[cfg(feature = "pki")]
mod asn1;
#[cfg(feature = "pki")]
pub mod authority;
mod base64url;
#[cfg(feature = "x509")]
pub mod certificate;
#[cfg(feature = "x509")]
pub mod crl;
mod der;
mod error;
pub mod json;
pub mod jwk;
pub mod jws;
mod key;
mod key_set;
#[cfg(feature = "x509")]
pub mod path;
pub mod pem;
#[cfg(feature = "pki")]
pub mod private_key;
#[cfg(feature = "pki")]
pub mod request;
mod roca;
#[cfg(feature = "x509")]
mod signed;
mod signing;
#[cfg(feature = "pki")]
pub mod subject;

#[cfg(test)]
mod tests;

pub use algorithm::{Algorithm, KeyType};
pub use error::{FromPemError, KeyError, KeyRefusal, SignError, SigningKeyError, VerifyError};
pub use key::VerifyingKey;
pub use key_set::KeySet;
pub use signing::{SigningAlgorithm, SigningKey};
