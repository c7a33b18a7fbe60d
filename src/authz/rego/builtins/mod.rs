//! Which built-in functions do policies for Kubernetes expect that the engine lacks, gets wrong, or runs
//! without a limit?
//!
//! [`all`] lists them. They are plain functions of their arguments, save that tokens are judged by the time
//! of the evaluation. No evaluator knows their arity while it plans, so [`desugar`] rewrites the old form
//! with an output argument.
//!
//! Absent on purpose: everything that leaves the process (`http.send`, `net.lookup_ip_addr`) or signs
//! for others, GraphQL, JSON schemas, MD5.

mod arguments;
mod collections;
mod desugar;
mod digest;
mod guarded;
mod jwt;
mod net;
mod text;

pub(super) use desugar::desugar;
use guarded::GUARDED;

use regorus::Value;

/// A function.
pub(super) struct Builtin {
    /// As policies call it: `net.cidr_merge`.
    pub(super) name: &'static str,
    /// Arguments, without the output.
    pub(super) arity: u8,
    /// What it does. The slice has `arity` values, none of them undefined.
    pub(super) run: fn(&[Value]) -> Result<Value, Fault>,
}

/// Why a function has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// The arguments are not such as it takes: undefined, unless errors are strict.
    #[error("{0}")]
    Argument(String),
    /// It would cost too much. Never undefined, since `not f(x)` would then hold.
    #[error("{0}")]
    Limit(String),
}

/// Every function.
pub(super) fn all() -> impl Iterator<Item = &'static Builtin> {
    const TABLES: [&[Builtin]; 6] =
        [collections::TABLE, digest::TABLE, guarded::TABLE, jwt::TABLE, net::TABLE, text::TABLE];
    TABLES.into_iter().flatten()
}

fn arity_of(name: &str) -> Option<u8> {
    all().find(|builtin| builtin.name == name).map(|builtin| builtin.arity)
}

#[cfg(test)]
fn call(name: &str, arguments: &Value) -> Result<Value, Fault> {
    let builtin = all().find(|builtin| builtin.name == name).unwrap();
    (builtin.run)(arguments.as_array().unwrap().as_slice())
}
