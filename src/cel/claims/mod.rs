//! What do the expressions of an AuthenticationConfiguration make of a token's claims, and of the
//! user that came out of them? Mappings and rules over `claims`, rules over `user` (S-OIDC-19 to
//! S-OIDC-23, S-ACONF-5 to S-ACONF-11).
//!
//! The language, its functions and its limits are those of [`crate::cel`]; what differs is that the
//! type of a claim is only known when there is a token.
//!
//! Absent on purpose: what becomes of an answer (prefixes, empty names, messages of rules), which is
//! the authenticator's business.

mod output;
mod rule;

pub use output::Output;
pub use rule::{ClaimRule, Mapping, UserRule};
