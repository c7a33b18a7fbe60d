//! A Kerberos ticket as a proof.

use super::LoginError;
use super::proof::Wish;
use super::server::{Answer, Server};

/// A build without Kerberos.
#[cfg(not(feature = "kerberos"))]
pub(super) async fn log_in(_: &Server<'_>, _: &Wish) -> Result<Answer, LoginError> {
    Err(LoginError::NoKerberos)
}

/// With the ticket of whoever runs this process, for the server's machine. What the server gives is
/// used only once it has proven itself, too (RFC 4559 §5).
#[cfg(feature = "kerberos")]
pub(super) async fn log_in(server: &Server<'_>, wish: &Wish) -> Result<Answer, LoginError> {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use crate::source::kerberos::Initiator;

    let failed = |error: &dyn std::error::Error| LoginError::Kerberos(error.to_string());
    let service = format!("HTTP@{}", server.host()?);
    // It blocks, and nothing else runs here.
    let (initiator, token) = Initiator::start(&service, None).map_err(|error| failed(&error))?;
    let proof = super::proof::negotiate(token.expose_secret())?;
    let answer = server.login(None, Some(proof), wish).await?;
    let reply = answer.challenge.as_ref().and_then(|value| value.to_str().ok());
    let reply = reply.and_then(|value| value.split_once(' '));
    let reply = reply.and_then(|(_, reply)| STANDARD.decode(reply.trim()).ok());
    let reply = reply.ok_or_else(|| {
        LoginError::Kerberos("the server did not prove that it is the one it was taken for".into())
    })?;
    initiator.finish(&reply).map_err(|error| failed(&error))?;
    Ok(answer)
}
