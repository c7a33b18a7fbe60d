use std::io;
use std::path::PathBuf;

use super::KEYTAB_VARIABLE;

/// Why tickets cannot be accepted. Stops the start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GssAcceptorError {
    /// The path would mean another file elsewhere.
    #[error("the keytab must be named by an absolute path, and `{}` is none", .0.display())]
    Relative(PathBuf),
    /// The keytab itself.
    #[error(transparent)]
    Keytab(#[from] KeytabError),
    /// The name of the service has another form.
    #[error(
        "the service `{0}` must have the form `HTTP/host.example.org` or `HTTP/host.example.org@REALM`"
    )]
    Service(String),
    /// The library would look into another keytab.
    #[error("the environment variable {KEYTAB_VARIABLE} is not set, and the Kerberos library finds keytab `{}` only by it", .0.display())]
    NotSet(PathBuf),
    /// The library would look into another keytab.
    #[error("the environment variable {KEYTAB_VARIABLE} names `{value}`, and the configuration `{}`: unset the variable, or name one keytab in both", .keytab.display())]
    Other {
        /// The keytab of the configuration.
        keytab: PathBuf,
        /// The value of the variable.
        value: String,
    },
    /// The library does not look at the variable.
    #[error(
        "the Kerberos library ignores {KEYTAB_VARIABLE} in a program that is set-user-id or has file capabilities: take them off the program (a service manager can grant the right to low ports instead)"
    )]
    Ignored,
    /// Replays would be refused by nobody once the process starts anew.
    #[error(
        "the environment variable `{variable}` turns the replay cache of the Kerberos library off: unset it"
    )]
    ReplayCacheOff {
        /// Which.
        variable: &'static str,
    },
    /// The library could not write its replay cache, and would refuse every ticket.
    #[error("the replay cache of the Kerberos library cannot be written in `{}`: set KRB5RCACHEDIR to a folder of this process ({cause})", .folder.display())]
    ReplayCache {
        /// Where.
        folder: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The library does not take the keytab.
    #[error("the Kerberos library cannot use keytab `{}` for `{service}`: {said}", .keytab.display())]
    Library {
        /// The keytab.
        keytab: PathBuf,
        /// The principal of the service.
        service: String,
        /// What the library said.
        said: String,
    },
}

/// Why a keytab cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("keytab `{}`: {problem}", .path.display())]
pub struct KeytabError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: KeytabProblem,
}

/// What is wrong with a keytab.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeytabProblem {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[source] io::Error),
    /// It is a folder, a pipe or a device.
    #[error("is no file")]
    NoFile,
    /// More bytes than any keytab has.
    #[error("has more than {0} bytes: this is no keytab")]
    TooLong(u64),
    /// It begins otherwise.
    #[error("is no keytab of format 0x502, the one that `ktutil` and `kadmin` write")]
    Format,
    /// An entry ends too early.
    #[error("is damaged at byte {0}")]
    Damaged(usize),
    /// No key is in it.
    #[error("holds no key")]
    Empty,
    /// No key of the service is in it.
    #[error("holds no key of `{service}`, but of {others}")]
    OtherService {
        /// The service.
        service: String,
        /// Whose keys are in it.
        others: String,
    },
    /// The service has keys in several realms.
    #[error("holds keys of `{service}` in several realms, {realms}: name the realm, too")]
    SeveralRealms {
        /// The service.
        service: String,
        /// The realms.
        realms: String,
    },
    /// The keys of the service are of algorithms that nobody should use any more.
    #[error(
        "holds keys of `{service}` only for {types}, which are broken or unknown: get AES keys for it"
    )]
    Unusable {
        /// The service.
        service: String,
        /// The algorithms.
        types: String,
    },
}

/// Why no ticket can be presented, or why the server is not the one it claims to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InitiateError {
    /// The name of the service has another form.
    #[error("the service `{0}` must have the form `HTTP@host.example.org`")]
    Service(String),
    /// Nobody is logged in to Kerberos here.
    #[error("no Kerberos credentials: {said}; log in with `kinit` first")]
    NoCredentials {
        /// What the library said.
        said: String,
    },
    /// There is no ticket for it: one's own has expired, or the KDC knows no such service.
    #[error("no Kerberos ticket for `{service}`: {said}")]
    NoTicket {
        /// The service.
        service: String,
        /// What the library said.
        said: String,
    },
    /// The server did not prove that it is the one the ticket is for.
    #[error("the server did not prove to be `{service}`: {said}")]
    Server {
        /// The service.
        service: String,
        /// What the library said.
        said: String,
    },
}
