//! Signatures and keys: is this JWS signed by one of these keys? The only user of signature
//! back-ends.
//!
//! Absent on purpose: claims, times and issuers (see `authn`), fetching key sets (see `source`).
