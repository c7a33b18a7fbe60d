//! One policy, compiled whole: what was said becomes what it means.
//!
//! [`compile`] is the only way across, and it is pure: the same inventory and configuration give
//! the same answers. [`Live`] keeps a policy that changes while readers decide.
//!
//! Absent on purpose: reading files (see `source`), clocks, and any default answer: without a
//! policy there is nothing to ask.

mod compile;
mod config;
#[cfg(any(feature = "node", feature = "rbac"))]
mod live;
#[cfg(feature = "structured-chain")]
mod structured;

pub use crate::api::mode::Mode;
pub use compile::{CompileError, Notice, Snapshot, compile};
#[cfg(feature = "rbac")]
pub use config::GrantWarning;
pub use config::{Config, Link, ModeError, SuperUserStep};
#[cfg(any(feature = "node", feature = "rbac"))]
pub use live::{ApplyError, Change, Live};
