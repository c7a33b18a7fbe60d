use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use libgssapi::context::{SecurityContext, ServerCtx};
use libgssapi::credential::{Cred, CredUsage};
use libgssapi::error::Error as GssError;
use libgssapi::name::Name;
use libgssapi::oid::{GSS_MECH_KRB5, GSS_MECH_SPNEGO, GSS_NT_KRB5_PRINCIPAL, OidSet};

use super::keytab::{self, Strength};
use super::{GssAcceptorError, KeytabEnvironment, KeytabError, keytab_environment};
use crate::authn::kerberos::{AcceptError, Accepted, Principal, TicketAcceptor};

/// What the library says of a context whose client bound it to the connection
/// (`GSS_C_CHANNEL_BOUND_FLAG`, since MIT Kerberos 1.19).
const CHANNEL_BOUND: u32 = 2048;

/// A lifetime without an end (`GSS_C_INDEFINITE`).
const FOR_EVER: u64 = 0xffff_ffff;

/// With which keys tickets are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GssAcceptorOptions {
    /// The keytab, by an absolute path.
    pub keytab: PathBuf,
    /// The service that clients have tickets for: `HTTP/host.example.org`, with `@REALM` where the
    /// keytab has it in several realms.
    pub service: String,
}

/// What is not good about a keytab that works. For the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeytabNotice {
    /// Others than the owner and the group may read it. In a pod that is how Secrets are mounted.
    #[error("keytab `{}` can be read by everybody on this host: whoever reads it can be anybody", .0.display())]
    Readable(PathBuf),
    /// Every key of the service is of a deprecated algorithm.
    #[error("keytab `{}` holds only RC4 or triple DES keys of the service, which are deprecated (RFC 8429): get AES keys", .0.display())]
    Weak(PathBuf),
}

/// Accepts tickets by the system's GSSAPI library.
pub struct GssAcceptor {
    credential: Cred,
    service: String,
    notices: Vec<KeytabNotice>,
}

impl GssAcceptor {
    /// Opens the keytab and lets the library try it.
    ///
    /// # Errors
    /// When tickets could not be accepted with it: the file is missing, cannot be read, is no
    /// keytab, or holds no usable key of the service; the library would look into another one, or
    /// could not tell replays.
    pub fn open(options: &GssAcceptorOptions) -> Result<Self, GssAcceptorError> {
        let path = &options.keytab;
        if !path.is_absolute() {
            return Err(GssAcceptorError::Relative(path.clone()));
        }
        let (components, realm) = service(&options.service)?;
        let entries = keytab::read(path)?;
        let (realm, strength) =
            keytab::service(&entries, &components, realm.as_deref(), &options.service)
                .map_err(|problem| KeytabError { path: path.clone(), problem })?;
        match keytab_environment(path) {
            KeytabEnvironment::Ready => {}
            KeytabEnvironment::NotSet => return Err(GssAcceptorError::NotSet(path.clone())),
            KeytabEnvironment::Ignored => return Err(GssAcceptorError::Ignored),
            KeytabEnvironment::Other(value) => {
                return Err(GssAcceptorError::Other { keytab: path.clone(), value });
            }
        }
        check_replay_cache()?;
        let service = format!("{}@{realm}", components.join("/"));
        let credential = acquire(&service).map_err(|error| GssAcceptorError::Library {
            keytab: path.clone(),
            service: service.clone(),
            said: said(error),
        })?;
        let mut notices = Vec::new();
        if is_readable_by_all(path) {
            notices.push(KeytabNotice::Readable(path.clone()));
        }
        if strength == Strength::Weak {
            notices.push(KeytabNotice::Weak(path.clone()));
        }
        Ok(Self { credential, service, notices })
    }

    /// The principal of the service, with its realm.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// What is not good about the keytab.
    #[must_use]
    pub fn notices(&self) -> &[KeytabNotice] {
        &self.notices
    }
}

impl TicketAcceptor for GssAcceptor {
    fn accept(
        &self,
        token: &[u8],
        channel_binding: Option<&[u8]>,
    ) -> Result<Accepted, AcceptError> {
        let refused = |error| AcceptError::Refused(said(error));
        // With it goes what a client delegates.
        let mut context = ServerCtx::new(Some(self.credential.clone()));
        let reply = context.step(token, channel_binding).map_err(refused)?;
        if !context.is_complete() || !context.open().map_err(refused)? {
            return Err(AcceptError::AnotherRound);
        }
        let name = context.source_name().map_err(refused)?;
        let name = name.display_name().map_err(refused)?;
        let principal = str::from_utf8(&name).map_err(|_| AcceptError::Name)?.to_owned();
        let lifetime = context.lifetime().map_err(refused)?;
        let flags = context.flags().map_err(refused)?;
        Ok(Accepted {
            principal,
            lifetime: Some(lifetime).filter(|left| left.as_secs() != FOR_EVER),
            is_channel_bound: flags.bits() & CHANNEL_BOUND != 0,
            reply: reply.map(|reply| reply.to_vec()),
        })
    }
}

impl fmt::Debug for GssAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GssAcceptor").field("service", &self.service).finish_non_exhaustive()
    }
}

/// The components of a service and its realm, if it is named.
fn service(text: &str) -> Result<(Vec<String>, Option<String>), GssAcceptorError> {
    let wrong = || GssAcceptorError::Service(text.to_owned());
    let has_realm = text.contains('@');
    let whole = if has_realm { text.to_owned() } else { format!("{text}@REALM") };
    let principal: Principal = whole.parse().map_err(|_| wrong())?;
    // What would need an escape is no name of a host.
    if text.contains('\\') || principal.components().len() != 2 {
        return Err(wrong());
    }
    let realm = has_realm.then(|| principal.realm().to_owned());
    Ok((principal.components().to_vec(), realm))
}

/// The credential of one principal of the keytab, for SPNEGO and for Kerberos alone: which of them
/// a token may be is the caller's rule.
fn acquire(service: &str) -> Result<Cred, GssError> {
    // As a principal, not as a host's service: names of hosts are looked up in the DNS.
    let name = Name::new(service.as_bytes(), Some(GSS_NT_KRB5_PRINCIPAL))?;
    let mut mechanisms = OidSet::new();
    mechanisms.add(GSS_MECH_SPNEGO)?;
    mechanisms.add(GSS_MECH_KRB5)?;
    Cred::acquire(Some(&name), None, CredUsage::Accept, Some(&mechanisms))
}

/// Looks where the library will look: the environment may turn the cache off, and its folder may be
/// one that cannot be written. What `krb5.conf` says of it is not looked at; the logins that the
/// process itself remembers do not depend on it.
fn check_replay_cache() -> Result<(), GssAcceptorError> {
    let value = |variable| env::var_os(variable).filter(|value| !value.is_empty());
    for variable in ["KRB5RCACHENAME", "KRB5RCACHETYPE"] {
        let Some(value) = value(variable) else { continue };
        if value.to_string_lossy().starts_with("none") {
            return Err(GssAcceptorError::ReplayCacheOff { variable });
        }
        // Another kind, which somebody chose.
        return Ok(());
    }
    let folder = value("KRB5RCACHEDIR").or_else(|| value("TMPDIR"));
    let folder = folder.map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from);
    let probe = folder.join(format!("portcullis-{}.probe", std::process::id()));
    let written = fs::OpenOptions::new().write(true).create_new(true).open(&probe);
    match written.and_then(|_| fs::remove_file(&probe)) {
        Ok(()) => Ok(()),
        // Somebody with this number wrote it before, and was interrupted.
        Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(cause) => Err(GssAcceptorError::ReplayCache { folder, cause }),
    }
}

#[cfg(unix)]
fn is_readable_by_all(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).is_ok_and(|found| found.mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_all(_path: &Path) -> bool {
    false
}

/// What the library says of an error, on one line. Must be asked on the thread of the error. It
/// tells names, versions of keys and addresses, never keys or tickets.
pub(super) fn said(error: GssError) -> String {
    let text = error.to_string();
    // What the library says before nearly everything.
    let text = match text.split_once("Minor code may provide more information (") {
        Some((_, minor)) => minor.strip_suffix(')').unwrap_or(minor),
        None => &text,
    };
    let words: Vec<&str> = text.split(|character: char| character.is_control()).collect();
    words.join(" ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_two_parts_and_may_have_a_realm() {
        let components = vec!["HTTP".to_owned(), "a.ex.org".to_owned()];
        let read = |text: &str| service(text).map_err(|error| error.to_string());
        assert_eq!(read("HTTP/a.ex.org"), Ok((components.clone(), None)));
        assert_eq!(read("HTTP/a.ex.org@EX.ORG"), Ok((components, Some("EX.ORG".to_owned()))));
        for text in
            ["", "HTTP", "HTTP@a.ex.org", "HTTP/", "HTTP/a/b", "/a", "HTTP/a@", r"HTTP/a\/b"]
        {
            let expected = format!(
                "the service `{text}` must have the form `HTTP/host.example.org` or \
                 `HTTP/host.example.org@REALM`"
            );
            assert_eq!(read(text), Err(expected));
        }
    }
}
