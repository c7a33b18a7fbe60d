//! Where are logins kept, and who else may see them?
//!
//! A folder of mode 0700 with two files for each account: its session (0600), which is replaced as a
//! whole, and a lock. A folder or a session that belongs to another user, or that others can read, is
//! refused, not repaired: what was read by others is no secret any more.
//!
//! Absent on purpose: key rings of desktops, and what a session means.

mod folder;
mod lock;
mod session;

pub use folder::{KeptLogin, accounts, logout_all};

pub(super) use folder::Folder;
pub(super) use session::{Current, Session};
