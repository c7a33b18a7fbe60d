//! The door where people log in: who proved who they are, and what are they given?
//!
//! | request | answer |
//! |---------|--------|
//! | `GET /login` | which proofs and which credentials there are |
//! | `POST /login` with one proof | a short-lived token, or a client certificate for the client's own key |
//! | `POST /login/refresh` with such a credential | another one; the user is looked up again |
//!
//! A proof is a name and a password (RFC 7617), a Kerberos ticket (RFC 4559), a token of an OpenID
//! Connect issuer, or a client certificate. Whom the credential is for comes from the proof, never from
//! what is sent along: of a signing request only the key is taken. Names and groups that begin with
//! `system:` are nobody's here, whoever vouches for them.
//!
//! A renewal asks the directory or the file again: a user who is gone, disabled or in other groups by
//! now gets nothing, or what is due now. Where nobody can be asked, nothing is renewed.
//!
//! All refusals look the same from outside; why is in the log. Nothing that is shown or handed out is
//! ever logged.
//!
//! Absent on purpose: web pages, cookies, and choosing among several users behind one proof.

mod answer;
mod books;
pub(super) mod desk;
mod door;
mod proof;
mod refresh;
mod router;
mod session;
mod wire;

pub(super) use desk::{CertificateDesk, TokenDesk};
pub(super) use door::{Door, Lookup, OIDC, Ways};
pub(super) use router::logins;

#[cfg(test)]
mod tests;
