//! A Kerberos ticket as a proof.

use super::LoginError;
use super::proof::Wish;
use super::server::{Answer, Server};

/// A build without Kerberos.
#[cfg(not(feature = "kerberos"))]
pub(super) async fn log_in(_: &Server<'_>, _: &Wish) -> Result<Answer, LoginError> {
    Err(LoginError::NoKerberos)
}

/// With the ticket of whoever runs this process, for the server's machine.
#[cfg(feature = "kerberos")]
pub(super) async fn log_in(_: &Server<'_>, _: &Wish) -> Result<Answer, LoginError> {
    Err(LoginError::NoKerberos)
}
