//! Which names mean something outside of the rule that uses them?

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{Reference, items, span_text, variant};

/// The names that are declared around an expression, the innermost block last.
#[derive(Default)]
pub(super) struct Scope {
    blocks: Vec<BTreeSet<String>>,
    /// Whether `input` or `data` was declared.
    pub(super) shadows: bool,
}

impl Scope {
    pub(super) fn enter(&mut self, names: BTreeSet<String>) {
        self.shadows |= ["input", "data"].iter().any(|name| names.contains(*name));
        self.blocks.push(names);
    }

    pub(super) fn leave(&mut self) {
        self.blocks.pop();
    }

    pub(super) fn declares(&self, name: &str) -> bool {
        self.blocks.iter().any(|block| block.contains(name))
    }
}

/// The variables of a pattern.
pub(super) fn pattern(expression: &Json, names: &mut BTreeSet<String>) {
    match variant(expression) {
        Some(("Var", var)) => {
            names.extend(var.get("value").and_then(Json::as_str).map(str::to_owned))
        }
        Some(("Array", list)) => items(list, "items").for_each(|item| pattern(item, names)),
        Some(("Object", list)) => items(list, "fields")
            .filter_map(|field| field.get(2))
            .for_each(|value| pattern(value, names)),
        _ => {}
    }
}

/// What the statements of a query declare: by `:=` and `some`.
pub(super) fn declared(query: &Json, text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for statement in items(query, "stmts") {
        match statement.get("literal").and_then(variant) {
            Some(("SomeVars", some)) => {
                let vars = items(some, "vars").filter_map(|span| span_text(span, text));
                names.extend(vars.map(str::to_owned));
            }
            Some(("SomeIn", some)) => {
                for part in ["key", "value"].into_iter().filter_map(|part| some.get(part)) {
                    pattern(part, &mut names);
                }
            }
            Some(("Expr", statement)) => {
                if let Some(("AssignExpr", assign)) = statement.get("expr").and_then(variant)
                    && assign.get("op").and_then(Json::as_str) == Some("ColEq")
                    && let Some(left) = assign.get("lhs")
                {
                    pattern(left, &mut names);
                }
            }
            _ => {}
        }
    }
    names
}

/// What the statements of a query declare by `some` alone.
pub(super) fn free(query: &Json, text: &str, names: &mut BTreeSet<String>) {
    for statement in items(query, "stmts") {
        if let Some(("SomeVars", some)) = statement.get("literal").and_then(variant) {
            let vars = items(some, "vars").filter_map(|span| span_text(span, text));
            names.extend(vars.map(str::to_owned));
        }
    }
}

/// Turns a name of the package into its path. Whether the reference leads out of the rule at all.
pub(super) fn resolve(
    reference: &mut Reference,
    package: &[String],
    defined: &BTreeSet<Vec<String>>,
) -> bool {
    let root = reference.path.first().map_or("", String::as_str);
    if matches!(root, "data" | "input") {
        return true;
    }
    let whole: Vec<String> = package.iter().chain(&reference.path).cloned().collect();
    // A rule whose path begins as this one does, or is the beginning of it.
    let shortest = package.len() + 1;
    let is_rule =
        (shortest..=whole.len()).any(|length| {
            let Some(head) = whole.get(..length) else { return false };
            defined.contains(head)
        }) || defined.range(whole.clone()..).next().is_some_and(|path| path.starts_with(&whole));
    if is_rule {
        reference.path = whole;
    }
    // What is left are built-in functions and variables that unification binds.
    is_rule || reference.is_call
}
