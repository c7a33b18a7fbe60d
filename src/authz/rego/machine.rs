//! A program for the register machine that answers all at once, and calls our functions directly.
//!
//! The engine's compiler knows functions of its host only as places to suspend at. Here each such place
//! becomes a call: of a built-in function that finds ours by its place in the
//! [table](super::functions::table). So programs run to completion, at the machine's full speed.

use std::collections::HashMap;
use std::sync::Arc;

use regorus::Value;
use regorus::rvm::instructions::{BuiltinCallParams, Instruction};
use regorus::rvm::program::{BuiltinInfo, Program};

use super::functions;
use super::values::copy;

/// How the built-in function is called that finds ours.
const HOST: &str = "portcullis.host";

/// The entry point that leaves `deny` in register 0 and `allow` in register 1.
pub(super) const DECIDE: &str = "decide";

/// The entry point that leaves `reason` in register 0 and `obligations` in register 1.
pub(super) const EXPLAIN: &str = "explain";

/// Registers that an entry point of ours fills.
const REGISTERS: u8 = 2;

/// Rewrites a program whose entry points are the paths in `decide` and `explain`. `None`: the compiler
/// wrote something else than was expected here.
pub(super) fn adapt(
    program: &Program,
    decide: [Option<&str>; 2],
    explain: [Option<&str>; 2],
) -> Option<Program> {
    let mut program = program.clone();
    add_entry_point(&mut program, DECIDE, decide)?;
    add_entry_point(&mut program, EXPLAIN, explain)?;
    program.dispatch_window_size = program.dispatch_window_size.max(REGISTERS);
    call_directly(&mut program)?;
    // Nobody shows where an instruction comes from.
    program.sources.clear();
    Some(program)
}

fn add_entry_point(program: &mut Program, name: &str, rules: [Option<&str>; 2]) -> Option<()> {
    let start = program.instructions.len();
    for (dest, path) in (0..).zip(rules) {
        let Some(path) = path else { continue };
        let at = *program.entry_points.get(path)?;
        let Instruction::CallRule { rule_index, .. } = *program.instructions.get(at)? else {
            return None;
        };
        program.instructions.push(Instruction::CallRule { dest, rule_index });
    }
    program.instructions.push(Instruction::Return { value: 0 });
    program.instruction_spans.resize(program.instructions.len(), None);
    program.entry_points.insert(name.to_owned(), start);
    (program.instructions.len() <= Program::MAX_INSTRUCTIONS).then_some(())
}

/// Turns suspensions into calls.
fn call_directly(program: &mut Program) -> Option<()> {
    let places: HashMap<&str, usize> =
        (0..).zip(functions::table()).map(|(place, function)| (function.name, place)).collect();
    // By number of arguments: the function that calls ours.
    let mut hosts: HashMap<u8, u16> = HashMap::new();
    for at in 0..program.instructions.len() {
        let Instruction::HostAwait { dest, arg, id } = *program.instructions.get(at)? else {
            continue;
        };
        // The compiler packs the arguments, skips the call when one is undefined, and loads the name.
        let before: [Instruction; 5] =
            *program.instructions.get(at.checked_sub(5)?..)?.first_chunk()?;
        let [
            Instruction::ArrayCreate { params_index: packed },
            Instruction::Move { dest: guarded, .. },
            Instruction::Not { .. },
            Instruction::AnyOfNext { .. },
            Instruction::Load { dest: loaded, literal_idx },
        ] = before
        else {
            return None;
        };
        let packed = program.instruction_data.get_array_create_params(packed)?;
        let registers = packed.element_registers().to_vec();
        let is_expected = packed.dest == arg
            && loaded == id
            && guarded == dest
            && !registers.iter().any(|register| [arg, id, dest].contains(register));
        let Some(Value::String(name)) = program.literals.get(usize::from(literal_idx)) else {
            return None;
        };
        let place = *places.get(&**name)?;
        let literal_idx = literal(program, place)?;
        *program.instructions.get_mut(at - 1)? = Instruction::Load { dest: id, literal_idx };
        let mut args = [0; 8];
        let num_args = u8::try_from(registers.len() + 1).ok()?;
        if !is_expected || usize::from(num_args) > args.len() {
            return None;
        }
        for (slot, register) in args.iter_mut().zip(registers.into_iter().chain([id])) {
            *slot = register;
        }
        // A call is undefined by itself when an argument is: nothing needs packing.
        *program.instructions.get_mut(at - 5)? = Instruction::LoadTrue { dest: arg };
        let builtin_index = match hosts.get(&num_args) {
            Some(index) => *index,
            None => {
                let index = add_host(program, num_args);
                hosts.insert(num_args, index);
                index
            }
        };
        let params = BuiltinCallParams { dest, builtin_index, num_args, args };
        let params_index = program.add_builtin_call_params(params);
        *program.instructions.get_mut(at)? = Instruction::BuiltinCall { params_index };
    }
    program.has_host_await = false;
    Some(())
}

/// A literal that is this number.
fn literal(program: &mut Program, number: usize) -> Option<u16> {
    let value = Value::from(u64::try_from(number).ok()?);
    let place = match program.literals.iter().position(|literal| *literal == value) {
        Some(place) => place,
        None => {
            program.literals.push(value);
            program.literals.len() - 1
        }
    };
    u16::try_from(place).ok()
}

fn add_host(program: &mut Program, num_args: u8) -> u16 {
    // What the table resolves to runs beside it, one for one.
    program
        .resolved_builtins
        .push((|_, _, arguments, _| Ok(functions::call_by_place(arguments)?), num_args));
    program.add_builtin_info(BuiltinInfo { name: HOST.to_owned(), num_args: num_args.into() })
}

/// The same program, sharing nothing with the first: see [`copy`].
pub(super) fn own(program: &Program) -> Arc<Program> {
    let mut own = program.clone();
    for literal in &mut own.literals {
        *literal = copy(literal);
    }
    for rule in &mut own.rule_infos {
        rule.definitions = Arc::new((*rule.definitions).clone());
    }
    own.rule_tree = copy(&own.rule_tree);
    Arc::new(own)
}
