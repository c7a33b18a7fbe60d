use std::fmt;

use libgssapi::context::{ClientCtx, CtxFlags, SecurityContext};
use libgssapi::credential::{Cred, CredUsage};
use libgssapi::error::Error as GssError;
use libgssapi::name::Name;
use libgssapi::oid::{GSS_MECH_KRB5, GSS_MECH_SPNEGO, GSS_NT_HOSTBASED_SERVICE, OidSet};

use super::InitiateError;
use super::acceptor::said;
use crate::authn::SecretBytes;

/// A login on its way: the ticket was presented, and the server has to prove itself.
///
/// Uses the tickets of whoever runs the program (`kinit`, `KRB5CCNAME`). Blocks: the library may ask
/// the KDC. Nothing is delegated.
///
/// ```no_run
/// use portcullis::authn::kerberos::challenge;
/// use portcullis::source::kerberos::Initiator;
///
/// # fn send(header: String) -> Vec<u8> { Vec::new() }
/// let (initiator, token) = Initiator::start("HTTP@login.example.org", None)?;
/// let reply = send(challenge(Some(token.expose_secret())));
/// initiator.finish(&reply)?;
/// # Ok::<(), portcullis::source::kerberos::InitiateError>(())
/// ```
pub struct Initiator {
    context: ClientCtx,
    service: String,
    channel_binding: Option<Vec<u8>>,
}

impl Initiator {
    /// Makes the token for a service, `HTTP@host`. `channel_binding` is that of the TLS connection
    /// (RFC 5929 `tls-server-end-point`, with its prefix), where there is one.
    ///
    /// # Errors
    /// When nobody is logged in to Kerberos, or gets no ticket for it.
    pub fn start(
        service: &str,
        channel_binding: Option<&[u8]>,
    ) -> Result<(Self, SecretBytes), InitiateError> {
        let is_service = service.split_once('@').is_some_and(|(kind, host)| {
            !kind.is_empty() && !host.is_empty() && !host.contains('@')
        });
        if !is_service || service.chars().any(|part| part.is_control() || part == '/') {
            return Err(InitiateError::Service(service.to_owned()));
        }
        let no_ticket = |said| InitiateError::NoTicket { service: service.to_owned(), said };
        let name = name(service).map_err(|error| no_ticket(said(error)))?;
        let credential =
            credential().map_err(|error| InitiateError::NoCredentials { said: said(error) })?;
        let flags = CtxFlags::GSS_C_MUTUAL_FLAG;
        let mut context = ClientCtx::new(Some(credential), name, flags, Some(GSS_MECH_SPNEGO));
        let token = context.step(None, channel_binding).map_err(|error| no_ticket(said(error)))?;
        let token = token.ok_or_else(|| no_ticket("the library made no token".to_owned()))?;
        let token = SecretBytes::from(token.to_vec());
        let channel_binding = channel_binding.map(<[u8]>::to_vec);
        Ok((Self { context, service: service.to_owned(), channel_binding }, token))
    }

    /// Looks at the server's reply, by which it proves that it has the key of the service.
    ///
    /// # Errors
    /// When it does not prove that. Whatever the server answered is not to be used then.
    pub fn finish(mut self, reply: &[u8]) -> Result<(), InitiateError> {
        let step = self.context.step(Some(reply), self.channel_binding.as_deref());
        let step = step.map(|more| more.is_some_and(|more| !more.is_empty()));
        let flags = self.context.flags();
        let said = match (step, flags) {
            (Err(error), _) | (Ok(_), Err(error)) => said(error),
            (Ok(true), Ok(_)) => "it wants another round".to_owned(),
            (Ok(false), Ok(flags)) => {
                let is_mutual = flags.contains(CtxFlags::GSS_C_MUTUAL_FLAG);
                if self.context.is_complete() && is_mutual {
                    return Ok(());
                }
                "its reply is not one of mutual authentication".to_owned()
            }
        };
        Err(InitiateError::Server { service: self.service, said })
    }
}

impl fmt::Debug for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Initiator").field("service", &self.service).finish_non_exhaustive()
    }
}

fn name(service: &str) -> Result<Name, GssError> {
    Name::new(service.as_bytes(), Some(GSS_NT_HOSTBASED_SERVICE))?.canonicalize(Some(GSS_MECH_KRB5))
}

fn credential() -> Result<Cred, GssError> {
    let mechanisms = OidSet::singleton(GSS_MECH_KRB5)?;
    Cred::acquire(None, None, CredUsage::Initiate, Some(&mechanisms))
}
