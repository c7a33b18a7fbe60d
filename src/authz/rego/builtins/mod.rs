//! Which built-in functions do policies for Kubernetes expect that the engine lacks, gets wrong, or runs
//! without a limit?
//!
//! [`all`] lists them. The interpreter has them from [`install`]; the register machine registers each
//! name of [`all`] that a module [uses](is_used) as a host function and answers by [`call`]. Both read the
//! text of modules after [`desugar`]. [`clock::set`] tells them the time before an evaluation.
//!
//! Absent on purpose: everything that leaves the process (`http.send`, `net.lookup_ip_addr`) or signs
//! for others, GraphQL, JSON schemas, MD5.

mod arguments;
pub(super) mod clock;
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

use super::CompileError;

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

/// What becomes of [`Fault::Argument`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Faults {
    /// The call is undefined, as in OPA.
    Undefined,
    /// The evaluation fails.
    Fail,
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

/// Whether a module may call one of them: their names occur in its text, which was
/// [desugared](desugar).
pub(super) fn is_used(text: &str) -> bool {
    all().any(|builtin| {
        let calls = text.match_indices(builtin.name).map(|(at, name)| at + name.len());
        calls.into_iter().any(|end| text.as_bytes().get(end) == Some(&b'('))
    })
}

/// Calls the function of this name, as the register machine asks: `arguments` is an array.
///
/// # Errors
///
/// The call costs too much; or `faults` says so and the arguments are not such as it takes.
pub(super) fn call(name: &str, arguments: &Value, faults: Faults) -> Result<Value, Fault> {
    let Some(builtin) = all().find(|builtin| builtin.name == name) else {
        return Err(Fault::Limit(format!("there is no function `{name}`")));
    };
    let arguments = arguments.as_array().map_or(&[][..], |arguments| arguments.as_slice());
    builtin.apply(arguments, faults)
}

/// Adds them to an interpreter.
///
/// # Errors
///
/// One of them is there already.
pub(super) fn install(engine: &mut regorus::Engine, faults: Faults) -> Result<(), CompileError> {
    for builtin in all() {
        let run = move |arguments: Vec<Value>| Ok(builtin.apply(&arguments, faults)?);
        engine
            .add_extension(builtin.name.to_owned(), builtin.arity, Box::new(run))
            .map_err(|_| CompileError::new("", format!("`{}` is there twice", builtin.name)))?;
    }
    Ok(())
}

/// An interpreter as policies have it, for the conformance suite: that runs queries, policies never do.
///
/// # Errors
///
/// A module cannot be read.
#[doc(hidden)]
pub fn suite_engine(modules: &[(String, &str)], strict: bool) -> Result<regorus::Engine, String> {
    let mut engine = regorus::Engine::new();
    if let Some(max_col) = std::num::NonZeroU32::new(8_192) {
        let limits = regorus::PolicyLengthConfig::default();
        engine.set_policy_length_config(regorus::PolicyLengthConfig { max_col, ..limits });
    }
    engine.set_strict_builtin_errors(strict);
    let faults = if strict { Faults::Fail } else { Faults::Undefined };
    clock::set(Some(1_767_225_600_000_000_000));
    install(&mut engine, faults).map_err(|error| error.to_string())?;
    for (name, text) in modules {
        let text = desugar(text).into_owned();
        engine.add_policy(name.clone(), text).map_err(|error| error.to_string())?;
    }
    Ok(engine)
}

impl Builtin {
    fn apply(&self, arguments: &[Value], faults: Faults) -> Result<Value, Fault> {
        if arguments.len() != usize::from(self.arity) {
            return Err(Fault::Limit(format!("`{}` takes {} arguments", self.name, self.arity)));
        }
        if arguments.contains(&Value::Undefined) {
            return Ok(Value::Undefined);
        }
        match (self.run)(arguments) {
            Err(Fault::Argument(_)) if faults == Faults::Undefined => Ok(Value::Undefined),
            result => result,
        }
    }
}
