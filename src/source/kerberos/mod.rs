//! Tickets, checked and asked for by the GSSAPI library of the system: MIT Kerberos.
//!
//! [`GssAcceptor`] is the server's side. A keytab that cannot work, whatever the reason, is an error
//! of [`GssAcceptor::open`], so that it stops the start. [`Initiator`] is the client's side.
//!
//! # How the library finds the keytab
//!
//! By the environment variable `KRB5_KTNAME` of the process, and a safe Rust program cannot change
//! its own environment while threads run. [`keytab_environment`] tells whether the process has the
//! right one; a process that has none starts itself again with it:
//!
//! ```no_run
//! use std::path::Path;
//! use portcullis::source::kerberos::{KEYTAB_VARIABLE, KeytabEnvironment, keytab_environment, keytab_value};
//!
//! # fn f() -> std::io::Result<()> {
//! let keytab = Path::new("/etc/portcullis/http.keytab");
//! if keytab_environment(keytab) == KeytabEnvironment::NotSet {
//!     use std::os::unix::process::CommandExt;
//!     let mut again = std::process::Command::new(std::env::current_exe()?);
//!     again.args(std::env::args_os().skip(1)).env(KEYTAB_VARIABLE, keytab_value(keytab));
//!     return Err(again.exec());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The library reads the keytab anew for each ticket: keys that are added to it count at once.
//!
//! Absent on purpose: KDCs are never asked by the server, and no unsafe code of ours.

mod acceptor;
mod environment;
mod error;
mod initiator;
mod keytab;

pub use acceptor::{GssAcceptor, GssAcceptorOptions, KeytabNotice};
pub use environment::{KEYTAB_VARIABLE, KeytabEnvironment, keytab_environment, keytab_value};
pub use error::{GssAcceptorError, InitiateError, KeytabError, KeytabProblem};
pub use initiator::Initiator;
