//! Which built-in functions do policies for Kubernetes expect that the engine lacks, gets wrong, or runs
//! without a limit?
//!
//! [`all`] lists them. The interpreter has them from [`install`]; the register machine registers each
//! name of [`all`] as a host function and answers by [`call`]. Neither knows of their arity while it
//! plans, so the old form with an output argument, `net.cidr_expand(c, ips)`, is rewritten before
//! parsing: see [`unify_outputs`].
//!
//! Absent on purpose: everything that leaves the process (`http.send`, `net.lookup_ip_addr`), GraphQL,
//! signing for cloud providers, JSON schemas.

mod outputs;

pub(super) use outputs::unify_outputs;

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
    const TABLES: [&[Builtin]; 0] = [];
    TABLES.into_iter().flatten()
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
    engine.set_strict_builtin_errors(strict);
    let faults = if strict { Faults::Fail } else { Faults::Undefined };
    install(&mut engine, faults).map_err(|error| error.to_string())?;
    for (name, text) in modules {
        let text = unify_outputs(text).into_owned();
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
