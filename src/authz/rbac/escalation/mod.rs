//! May this user write this role or binding? Nobody may grant what they do not hold (S-ESC).
//!
//! [`covers`] compares rules with rules; [`check_role_write`] and [`check_binding_write`] decide
//! as the API server's storage does, with its texts. Absent on purpose: who holds which rules (the
//! caller resolves them), and the updates that change nothing but owner references, finalizers and
//! managed fields, which the API server lets pass unchecked (S-ESC-10): these fields are not read,
//! so only the caller can know. Subjects play no role; you may bind anyone (S-ESC-13).

mod compact;
mod cover;
mod index;
mod refusal;
mod write;

pub use compact::{compact, render};
pub use cover::{Coverage, UNCOVERED_LIMIT, break_down, covers};
pub use refusal::Refusal;
pub use write::{BindingWrite, Requester, RoleWrite, check_binding_write, check_role_write};

#[cfg(test)]
mod tests;
