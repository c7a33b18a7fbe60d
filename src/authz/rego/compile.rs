//! From sources to something that threads make their evaluators of.

use std::num::{NonZeroU32, NonZeroUsize};
use std::thread;

use regorus::languages::rego::compiler::{Compiler, CompilerError};
use regorus::rvm::program::Program;
use regorus::{CompiledPolicy, Engine, PolicyLengthConfig, Value};

use super::reads::Fields;
use super::syntax::{self, Graph, Kind, Syntax, deepest, lint, misread};
use super::values::{Oversize, measure};
use super::{
    CompileError, Evaluator, Limits, Module, Options, RegoVersion, Sources, Warning, builtins,
    functions, machine, quiet, text,
};

/// What a policy is before a thread evaluates it.
pub(super) struct Blueprint {
    modules: Vec<Module>,
    pub(super) data: Value,
    /// `None`: the interpreter runs it.
    pub(super) program: Option<Program>,
    pub(super) entries: Entries,
    pub(super) reads: Fields,
    /// Whether it asks about RBAC.
    pub(super) is_about_rbac: bool,
    /// Whether each thread has data of its own.
    pub(super) copies_data: bool,
    pub(super) warnings: Vec<Warning>,
    limits: Limits,
}

/// The entry points that the policy has, as the engine calls them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entries {
    pub(super) allow: Option<String>,
    pub(super) deny: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) obligations: Option<String>,
}

impl Entries {
    fn all(&self) -> impl Iterator<Item = &str> {
        let all = [&self.allow, &self.deny, &self.reason, &self.obligations];
        all.into_iter().filter_map(|entry| entry.as_deref())
    }
}

/// The engine recurses over a tree; see [`text`] for how deep it may be.
const STACK: usize = 64 << 20;

/// Data of at most this many parts is copied for each thread.
const LARGEST_COPY: usize = 50_000;

/// The most definitions of rules: what follows is quadratic in them at worst.
const MOST_RULES: usize = 4_000;

/// How many levels of expressions, loops and rules may lie inside one another while a policy runs. A
/// thread has 2 MiB of stack, and a level takes up to 2 KiB of it.
const DEEPEST: usize = 400;

/// Compiles on a stack that is large enough, with an end to whatever the engine does.
pub(super) fn compile(sources: Sources, options: &Options) -> Result<Blueprint, CompileError> {
    quiet::install();
    on_large_stack(move || Compilation::new(sources, options)?.finish(options))
}

/// An engine that runs a blueprint by its interpreter.
pub(super) fn interpreter(blueprint: &Blueprint) -> Result<Engine, CompileError> {
    on_large_stack(|| {
        let mut engine = engine(&blueprint.modules, &blueprint.data, &blueprint.limits)?;
        prepare(&mut engine, &blueprint.entries)?;
        Ok(engine)
    })
}

fn on_large_stack<T: Send>(
    run: impl FnOnce() -> Result<T, CompileError> + Send,
) -> Result<T, CompileError> {
    thread::scope(|scope| {
        let run = move || quiet::catch(run);
        let thread = thread::Builder::new().name("rego-compile".to_owned()).stack_size(STACK);
        let result = match thread.spawn_scoped(scope, run) {
            Ok(thread) => thread.join().ok().flatten(),
            Err(_) => {
                return Err(CompileError::new("", "no thread could be started to compile it"));
            }
        };
        result.unwrap_or_else(|| Err(CompileError::new("", "the engine failed to compile it")))
    })
}

struct Compilation {
    modules: Vec<Module>,
    data: Value,
    engine: Engine,
    syntax: Syntax,
    /// From `data` on.
    package: Vec<String>,
}

impl Compilation {
    fn new(sources: Sources, options: &Options) -> Result<Self, CompileError> {
        let limits = &options.limits;
        let data = match sources.data {
            Value::Undefined => Value::new_object(),
            data => data,
        };
        check_data(&data, limits)?;
        if sources.modules.len() > limits.modules {
            let (is, most) = (sources.modules.len(), limits.modules);
            return Err(CompileError::new("", format!("there are {is} modules, more than {most}")));
        }
        let total: usize = sources.modules.iter().map(|module| module.text.len()).sum();
        if total > limits.total_bytes {
            let most = limits.total_bytes;
            let reason = format!("the modules have {total} bytes together, more than {most}");
            return Err(CompileError::new("", reason));
        }
        let mut modules = Vec::with_capacity(sources.modules.len());
        for mut module in sources.modules {
            let text = text::check(&module, limits)?;
            module.text = builtins::desugar(&text).into_owned();
            modules.push(module);
        }
        let mut engine = engine(&modules, &data, limits)?;
        let mut syntax = Syntax::default();
        for (module, tree) in modules.iter().zip(engine.get_modules()) {
            let tree = serde_json::to_value(tree.as_ref())
                .map_err(|_| CompileError::new(&module.name, "the engine cannot tell its tree"))?;
            if let Some((reason, line)) = misread(&tree, &module.text) {
                return Err(CompileError::new(&module.name, reason).at(line, 0));
            }
            syntax.read(&module.name, &module.text, &tree);
        }
        syntax.resolve();
        Ok(Self { modules, data, engine, syntax, package: package(&options.package)? })
    }

    fn finish(mut self, options: &Options) -> Result<Blueprint, CompileError> {
        if self.syntax.rules().count() > MOST_RULES {
            let reason = format!("there are more than {MOST_RULES} rules");
            return Err(CompileError::new("", reason));
        }
        let graph = Graph::new(&self.syntax);
        let depth = deepest(&graph)?;
        if depth > DEEPEST {
            let reason = format!(
                "rules, loops and expressions lie {depth} levels deep, more than {DEEPEST}; \
                 make the chains of rules shorter"
            );
            return Err(CompileError::new("", reason));
        }
        let entries = self.entries();
        let roots = ["allow", "deny", "reason", "obligations"].map(|name| self.path(name));
        syntax::check(&self.syntax, &self.data, &roots)?;
        let reachable = graph.reachable(&roots);
        let mut reads = Fields::nothing();
        let mut is_about_rbac = false;
        for reference in graph.references(&reachable) {
            match reference.path.split_first() {
                Some((root, path)) if root == "input" => reads.add(path),
                _ => is_about_rbac |= functions::is_about_rbac(&reference.path.join(".")),
            }
        }
        let needs_interpreter = graph.may_conflict(&reachable)
            || graph.is_beyond_machine(&reachable)
            || self.shadows_a_function();
        let warnings = lint(&self.syntax, &self.package);
        let mut program = None;
        if entries.all().next().is_some() {
            let policy = prepare(&mut self.engine, &entries)?;
            if options.evaluator != Evaluator::Interpreter {
                let made = match graph.has_default_function(&reachable) {
                    // The machine takes a call that no definition has a value for as undefined.
                    true => Err(CompileError::new("", "the machine lacks `default` of functions")),
                    false => for_machine(&policy, &entries),
                };
                program = match made {
                    Ok(program) => Some(program),
                    Err(error) if options.evaluator == Evaluator::Machine => return Err(error),
                    Err(error) if error.column > 0 => return Err(error),
                    Err(_) => None,
                };
            }
            if options.evaluator == Evaluator::Auto && needs_interpreter {
                program = None;
            }
        }
        let copies_data = measure(&self.data, usize::MAX, &mut LARGEST_COPY.clone()).is_ok();
        Ok(Blueprint {
            modules: self.modules,
            data: self.data,
            program,
            entries,
            reads,
            is_about_rbac,
            copies_data,
            warnings,
            limits: options.limits,
        })
    }

    fn path(&self, name: &str) -> Vec<String> {
        self.package.iter().cloned().chain([name.to_owned()]).collect()
    }

    fn entries(&self) -> Entries {
        let entry = |name: &str| {
            let path = self.path(name);
            let has = self.syntax.definitions(&path).any(|rule| rule.kind != Kind::Function);
            has.then(|| path.join("."))
        };
        Entries {
            allow: entry("allow"),
            deny: entry("deny"),
            reason: entry("reason"),
            obligations: entry("obligations"),
        }
    }

    /// Whether a rule or an import has a name that the machine would take for one of our functions.
    fn shadows_a_function(&self) -> bool {
        let is_root = |name: &str| {
            functions::table().iter().any(|function| function.name.split('.').next() == Some(name))
        };
        let rules = self
            .syntax
            .rules()
            .filter_map(|(module, rule)| rule.path.get(module.package.len()).map(String::as_str));
        let imports = self.syntax.modules.iter().flat_map(|module| &module.imports);
        rules.chain(imports.map(|(name, _)| name.as_str())).any(is_root)
    }
}

/// `data` and the parts of a package.
fn package(name: &str) -> Result<Vec<String>, CompileError> {
    let is_name = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if !name.split('.').all(is_name) {
        let reason =
            format!("`{name}` is not the name of a package; write it like `portcullis.authz`");
        return Err(CompileError::new("", reason));
    }
    Ok(["data"].into_iter().chain(name.split('.')).map(str::to_owned).collect())
}

fn check_data(data: &Value, limits: &Limits) -> Result<(), CompileError> {
    if data.as_object().is_err() {
        return Err(CompileError::new("", "the data is not an object"));
    }
    measure(data, limits.data_depth, &mut limits.data_values.clone()).map_err(|oversize| {
        CompileError::new(
            "",
            match oversize {
                Oversize::Depth => {
                    format!("the data is nested more than {} levels deep", limits.data_depth)
                }
                Oversize::Count => {
                    format!("the data has more than {} values and keys", limits.data_values)
                }
            },
        )
    })
}

pub(super) fn engine(
    modules: &[Module],
    data: &Value,
    limits: &Limits,
) -> Result<Engine, CompileError> {
    let mut engine = Engine::new();
    // As OPA does: a built-in function that fails is undefined.
    engine.set_strict_builtin_errors(false);
    // What policies print goes nowhere: it may hold anything that a request holds.
    engine.set_gather_prints(true);
    engine.set_policy_length_config(PolicyLengthConfig {
        max_col: NonZeroU32::MAX,
        max_file_bytes: NonZeroUsize::new(limits.module_bytes).unwrap_or(NonZeroUsize::MAX),
        max_lines: NonZeroUsize::MAX,
    });
    for module in modules {
        engine.set_rego_v0(module.version == RegoVersion::V0);
        engine
            .add_policy(module.name.clone(), module.text.clone())
            .map_err(|error| of_engine(&module.name, &error.to_string()))?;
    }
    engine
        .add_data(data.clone())
        .map_err(|_| CompileError::new("", "the data contradicts itself"))?;
    for function in functions::table() {
        let call = |arguments: Vec<Value>| Ok(functions::call(function, &arguments)?);
        engine
            .add_extension(function.name.to_owned(), function.arity, Box::new(call))
            .map_err(|_| CompileError::new("", format!("`{}` is there twice", function.name)))?;
    }
    Ok(engine)
}

pub(super) fn prepare(
    engine: &mut Engine,
    entries: &Entries,
) -> Result<CompiledPolicy, CompileError> {
    let entry = entries.all().next().unwrap_or_default();
    engine.compile_with_entrypoint(&entry.into()).map_err(|error| of_engine("", &error.to_string()))
}

/// A program for the register machine. An error with a place is a fault of the policy; without one the
/// machine lacks something.
pub(super) fn for_machine(
    policy: &CompiledPolicy,
    entries: &Entries,
) -> Result<Program, CompileError> {
    let hosts: Vec<(&str, usize)> =
        functions::table().iter().map(|function| (function.name, function.arity.into())).collect();
    let names: Vec<&str> = entries.all().collect();
    let program = Compiler::compile_from_policy_with_host_await(policy, &names, &hosts);
    let program = program.map_err(|error| match (&error.error, &error.span) {
        (CompilerError::UnknownFunction { name }, Some(span)) => {
            CompileError::new(span.source.get_path(), format!("there is no function `{name}`"))
                .at(span.line, span.col)
        }
        (error, _) => CompileError::new("", error.to_string()),
    })?;
    let decide = [entries.deny.as_deref(), entries.allow.as_deref()];
    let explain = [entries.reason.as_deref(), entries.obligations.as_deref()];
    machine::adapt(&program, decide, explain)
        .ok_or_else(|| CompileError::new("", "the machine cannot call functions of its host here"))
}

/// What the engine says of a text: where and what, without its drawing of the place.
fn of_engine(name: &str, message: &str) -> CompileError {
    let reason = message
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("error: "))
        .or_else(|| message.lines().map(str::trim).rfind(|line| !line.is_empty()))
        .unwrap_or("it cannot be read");
    let place = message.lines().find_map(|line| {
        let mut parts = line.strip_prefix("--> ")?.rsplitn(3, ':');
        let column = parts.next()?.parse().ok()?;
        let line = parts.next()?.parse().ok()?;
        Some((parts.next()?, line, column))
    });
    match place {
        Some((name, line, column)) => CompileError::new(name, reason).at(line, column),
        None => CompileError::new(name, reason),
    }
}
