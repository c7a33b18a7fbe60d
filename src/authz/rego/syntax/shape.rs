//! Does every rule stand where it is seen? The engine's evaluators disagree on rules that are not: data may hide
//! a rule, a variable called `input` may or may not be the input, and a field of an entry point is asked
//! for by nobody. OPA refuses the first two, and so do we.

use regorus::Value;

use super::{Kind, ModuleSyntax, Rule, Syntax};
use crate::authz::rego::CompileError;
use crate::authz::rego::values::string;

/// `entries` are the paths that are asked for, from `data` on.
pub(in super::super) fn check(
    syntax: &Syntax,
    data: &Value,
    entries: &[Vec<String>],
) -> Result<(), CompileError> {
    for module in &syntax.modules {
        let alias = module.imports.iter().find(|(name, path)| {
            matches!(name.as_str(), "input" | "data") && *path != [name.clone()]
        });
        if let Some((name, _)) = alias {
            let reason = format!("an import is called `{name}`; give it another name with `as`");
            return Err(CompileError::new(&module.name, reason));
        }
    }
    let packages = syntax.modules.iter().map(|module| &module.package);
    for (module, rule) in syntax.rules() {
        let refuse = |reason: String| CompileError::new(&module.name, reason).at(rule.line, 0);
        let path = rule.path.join(".");
        if rule.shadows {
            let reason = "a variable is called `input` or `data`; give it another name";
            return Err(refuse(reason.to_owned()));
        }
        if rule.negates_loop {
            let reason = "`not` stands before an expression with several values, of which the engine \
                would ask for one that does not hold; give the expression a rule of its own, and \
                negate that";
            return Err(refuse(reason.to_owned()));
        }
        if is_hidden(data, &rule.path) {
            let reason =
                format!("`{path}` is a rule, and the data says it too; rename one of them");
            return Err(refuse(reason));
        }
        if let Some(package) = packages.clone().find(|package| package.starts_with(&rule.path)) {
            let package = package.join(".");
            let reason = format!(
                "`{path}` is a rule, and part of the package `{package}`; rename one of them"
            );
            return Err(refuse(reason));
        }
        if let Some(entry) = entries.iter().find(|entry| is_inside(rule, entry)) {
            return Err(refuse(lost(module, rule, entry)));
        }
    }
    Ok(())
}

/// Whether data stands at the path of a rule, or something without fields above it.
fn is_hidden(data: &Value, path: &[String]) -> bool {
    let mut at = data;
    for key in path.iter().skip(1) {
        let Value::Object(fields) = at else { return true };
        match fields.get(&string(key)) {
            Some(value) => at = value,
            None => return false,
        }
    }
    true
}

fn is_inside(rule: &Rule, entry: &[String]) -> bool {
    rule.kind != Kind::Function && rule.path.len() > entry.len() && rule.path.starts_with(entry)
}

fn lost(module: &ModuleSyntax, rule: &Rule, entry: &[String]) -> String {
    let name = entry.last().map_or("", String::as_str);
    if module.package.starts_with(entry) {
        let package = module.package.get(1..).unwrap_or_default().join(".");
        return format!(
            "nothing asks for rules of the package `{package}`; `{name}` must be a rule"
        );
    }
    let key = rule.path.get(entry.len()..).unwrap_or_default().join(".");
    match name {
        "obligations" => {
            format!("nothing asks for `{name}.{key}`; write `{name}[key] := value if …`")
        }
        _ => format!("nothing asks for `{name}.{key}`; write `{name} contains \"{key}\" if …`"),
    }
}
