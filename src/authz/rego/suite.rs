//! How does the conformance suite reach the evaluators, set up as policies have them? Suites ask queries,
//! policies never do: not for anybody else.

use regorus::rvm::vm::RegoVM;
use regorus::{Engine, Value};

use super::compile::{Entries, engine, for_machine, prepare};
use super::functions::{Scope, be_strict};
use super::machine::DECIDE;
use super::{CompileError, Limits, Module, Sources, builtins, text};

/// 2026-01-01, the time of the suite.
const NOW: i64 = 1_767_225_600;

fn sources(sources: &Sources) -> Result<(Vec<Module>, Limits), CompileError> {
    // The suite has lines of certificates.
    let limits = Limits { line_bytes: 8_192, ..Limits::default() };
    let check = |module: &Module| {
        let checked = text::check(module, &limits)?;
        Ok(Module { text: builtins::desugar(&checked).into_owned(), ..module.clone() })
    };
    let modules = sources.modules.iter().map(check).collect::<Result<_, _>>()?;
    Ok((modules, limits))
}

/// An interpreter with everything in it. It must stay on this thread.
///
/// # Errors
///
/// The sources cannot be read.
pub fn interpreter(from: &Sources, is_strict: bool) -> Result<Engine, CompileError> {
    let (modules, limits) = sources(from)?;
    let mut engine = engine(&modules, &from.data, &limits)?;
    engine.set_strict_builtin_errors(is_strict);
    be_strict(is_strict);
    std::mem::forget(Scope::enter(NOW, None));
    Ok(engine)
}

/// What the register machine says of the rule at a path. `None`: it lacks something that the sources use.
///
/// # Errors
///
/// The sources cannot be read, or the evaluation fails.
pub fn machine(from: &Sources, input: Value, path: &str) -> Result<Option<Value>, String> {
    let (modules, limits) = sources(from).map_err(|error| error.to_string())?;
    let mut engine = engine(&modules, &from.data, &limits).map_err(|error| error.to_string())?;
    let entries = Entries { allow: Some(path.to_owned()), ..Entries::default() };
    let policy = prepare(&mut engine, &entries).map_err(|error| error.to_string())?;
    let Ok(program) = for_machine(&policy, &entries) else {
        return Ok(None);
    };
    let mut machine = RegoVM::new();
    machine.load_program(std::sync::Arc::new(program));
    machine.set_data(from.data.clone()).map_err(|error| error.to_string())?;
    machine.set_input(input);
    machine.set_max_instructions(10_000_000);
    let scope = Scope::enter(NOW, None);
    let result = machine.execute_entry_point_by_name(DECIDE);
    drop(scope);
    result.map_err(|error| error.to_string())?;
    Ok(machine.get_registers().get(1).cloned())
}
