//! What does this URL answer? One HTTP client for what is kept fresh in the background: key sets and
//! revocation lists, within limits of time and size.
//!
//! The URL must be `https`, and the authorities that may vouch for the server are named; plain `http`
//! is for loopback addresses, and for what carries a signature that is checked. Redirects are not
//! followed.
//!
//! The machine's own root certificates vouch for nobody unless the caller says so: who may speak for
//! an issuer is then whoever the machine trusts.
//!
//! Absent on purpose: proxies, and what the answers mean.

mod client;
mod error;
mod pace;

pub use error::{FetchConfigError, FetchError};

pub(crate) use client::{Client, FetchOptions, PlainHttp};
pub(crate) use pace::{FIRST_RETRY, doubled, jittered, unix_now};

// What else the server opens connections to is held to the same rules.
#[cfg(any(feature = "login", feature = "oidc", feature = "otel", feature = "webhook-client"))]
pub(crate) use client::chain;
#[cfg(any(feature = "login", feature = "oidc", feature = "webhook"))]
pub(crate) use client::check_url;
#[cfg(feature = "otel")]
pub(crate) use client::connector;
#[cfg(any(feature = "login", feature = "webhook-client"))]
pub(crate) use client::{connector_with, roots};
