//! What do the modules of a policy define, and what does each rule refer to?
//!
//! Read from the tree that the engine's parser made, which it gives away as JSON alone. The tree is no
//! deeper than the text was checked to be.
//!
//! Absent on purpose: types, and safety of variables.

mod calls;
mod lint;
mod names;
mod rule;
mod scope;
mod shape;

pub(super) use calls::{Graph, deepest};
pub(super) use lint::lint;
pub(super) use names::misread;
pub(super) use shape::check;

use serde_json::Value as Json;

/// The modules of a policy.
#[derive(Debug, Default)]
pub(super) struct Syntax {
    pub(super) modules: Vec<ModuleSyntax>,
}

/// One module.
#[derive(Debug)]
pub(super) struct ModuleSyntax {
    pub(super) name: String,
    /// `data.portcullis.authz` as its parts.
    pub(super) package: Vec<String>,
    /// The name in the module and what it stands for, from `data` or `input` on.
    pub(super) imports: Vec<(String, Vec<String>)>,
    pub(super) rules: Vec<Rule>,
}

/// One definition of a rule.
#[derive(Debug)]
pub(super) struct Rule {
    /// From `data` on, the key of a partial rule left out.
    pub(super) path: Vec<String>,
    pub(super) line: u32,
    pub(super) kind: Kind,
    /// The value, if it is the same whenever there is one; `true` where none is written.
    pub(super) constant: Option<Json>,
    /// Whether there is nothing to fulfil.
    pub(super) is_unconditional: bool,
    /// Whether every body holds a statement that is the constant `false`.
    pub(super) is_hopeless: bool,
    /// Whether a body may hold in several ways.
    pub(super) has_loop: bool,
    /// Whether the register machine may take it for something else than it says.
    pub(super) is_beyond_machine: bool,
    /// Whether it negates an expression with several values.
    pub(super) negates_loop: bool,
    /// Whether a variable of it is called `input` or `data`.
    pub(super) shadows: bool,
    pub(super) references: Vec<Reference>,
    /// How many levels of expressions and loops lie inside one another.
    pub(super) depth: usize,
}

/// How a rule makes its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One value.
    Complete,
    /// Keys of a set or object.
    Partial,
    /// One value for each list of arguments.
    Function,
    /// The value when no other definition has one.
    Default,
}

/// Something outside of the rule that it reads or calls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reference {
    /// From `data` or `input` on, as far as it is constant; or the name of a built-in function.
    pub(super) path: Vec<String>,
    pub(super) is_call: bool,
}

impl Syntax {
    /// Reads a module: its name and text, and its tree.
    pub(super) fn read(&mut self, name: &str, text: &str, tree: &Json) {
        let mut package = vec!["data".to_owned()];
        if let Some(path) = tree.pointer("/package/refr").and_then(static_path) {
            package.extend(path);
        }
        let imports = items(tree, "imports").filter_map(|import| import_of(import, text)).collect();
        self.modules.push(ModuleSyntax {
            name: name.to_owned(),
            package,
            imports,
            rules: Vec::new(),
        });
        let rules: Vec<&Json> = items(tree, "rules").collect();
        let Some(module) = self.modules.last_mut() else { return };
        module.rules =
            rules.into_iter().filter_map(|rule| rule::read(module, text, rule)).collect();
    }

    /// Once all modules are read: finds out which names are rules.
    pub(super) fn resolve(&mut self) {
        let defined: std::collections::BTreeSet<Vec<String>> =
            self.rules().map(|(_, rule)| rule.path.clone()).collect();
        for module in &mut self.modules {
            let package = module.package.clone();
            for rule in &mut module.rules {
                rule.references
                    .retain_mut(|reference| scope::resolve(reference, &package, &defined));
                rule.references.sort_unstable();
                rule.references.dedup();
            }
        }
    }

    pub(super) fn rules(&self) -> impl Iterator<Item = (&ModuleSyntax, &Rule)> {
        self.modules.iter().flat_map(|module| module.rules.iter().map(move |rule| (module, rule)))
    }

    /// The definitions of one rule.
    pub(super) fn definitions(&self, path: &[String]) -> impl Iterator<Item = &Rule> {
        self.rules().map(|(_, rule)| rule).filter(move |rule| rule.path == path)
    }
}

/// `import data.lib.roles as r`.
fn import_of(import: &Json, text: &str) -> Option<(String, Vec<String>)> {
    let path = import.get("refr").and_then(static_path)?;
    let name = match import.get("as").and_then(|alias| span_text(alias, text)) {
        Some(alias) => alias.to_owned(),
        None => path.last()?.clone(),
    };
    // `rego.v1` and `future.keywords` are no values.
    matches!(path.first()?.as_str(), "data" | "input").then_some((name, path))
}

/// The elements of a list.
fn items<'a>(node: &'a Json, key: &str) -> impl Iterator<Item = &'a Json> {
    node.get(key).and_then(Json::as_array).into_iter().flatten()
}

/// The only field of an object: how the tree writes a variant, with what it holds.
fn variant(node: &Json) -> Option<(&str, &Json)> {
    let mut fields = node.as_object()?.iter();
    let (name, inner) = fields.next()?;
    fields.next().is_none().then_some((name.as_str(), inner))
}

/// The path of a reference, if all of it is constant.
fn static_path(expression: &Json) -> Option<Vec<String>> {
    let (path, rest) = path(expression)?;
    rest.is_empty().then_some(path)
}

/// The constant beginning of a reference, and the expressions of its other indexes. `None`: it is none.
fn path(expression: &Json) -> Option<(Vec<String>, Vec<&Json>)> {
    let mut steps = Vec::new();
    let mut at = expression;
    let root = loop {
        let (name, inner) = variant(at)?;
        match name {
            "Var" => break inner.get("value")?.as_str()?.to_owned(),
            "RefDot" => steps.push(Step::Key(inner.pointer("/field/1")?.as_str()?)),
            "RefBrack" => {
                let index = inner.get("index")?;
                steps.push(match variant(index)? {
                    ("String" | "RawString", text) => Step::Key(text.get("value")?.as_str()?),
                    _ => Step::Index(index),
                });
            }
            _ => return None,
        }
        at = inner.get("refr")?;
    };
    let mut path = vec![root];
    let mut rest = Vec::new();
    let mut is_constant = true;
    for step in steps.into_iter().rev() {
        match step {
            Step::Key(key) if is_constant => path.push(key.to_owned()),
            Step::Key(_) => {}
            Step::Index(index) => {
                is_constant = false;
                rest.push(index);
            }
        }
    }
    Some((path, rest))
}

enum Step<'a> {
    Key(&'a str),
    Index(&'a Json),
}

/// What stands at a place of the text.
fn span_text<'a>(span: &Json, text: &'a str) -> Option<&'a str> {
    let at = |key| usize::try_from(span.get(key)?.as_u64()?).ok();
    text.get(at("start")?..at("end")?)
}

fn line(span: Option<&Json>) -> u32 {
    let line = span.and_then(|span| span.get("line")).and_then(Json::as_u64);
    line.and_then(|line| u32::try_from(line).ok()).unwrap_or(0)
}
