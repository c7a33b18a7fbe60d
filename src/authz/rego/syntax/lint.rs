//! Which policies can never decide, and which decide more than they look?

use serde_json::Value as Json;

use super::{Kind, ModuleSyntax, Rule, Syntax};
use crate::authz::rego::Warning;
use crate::util::nearest::nearest;

/// The rules that are asked for.
const ENTRY_POINTS: [&str; 4] = ["allow", "deny", "obligations", "reason"];

/// What people write instead.
const SYNONYMS: [(&str, &str); 18] = [
    ("accept", "allow"),
    ("authorize", "allow"),
    ("authorized", "allow"),
    ("grant", "allow"),
    ("granted", "allow"),
    ("is_allowed", "allow"),
    ("permit", "allow"),
    ("permitted", "allow"),
    ("blocked", "deny"),
    ("denied", "deny"),
    ("forbid", "deny"),
    ("forbidden", "deny"),
    ("is_denied", "deny"),
    ("reject", "deny"),
    ("violation", "deny"),
    ("message", "reason"),
    ("msg", "reason"),
    ("advice", "obligations"),
];

/// `package` has its parts from `data` on.
pub(in super::super) fn lint(syntax: &Syntax, package: &[String]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let inside: Vec<&ModuleSyntax> =
        syntax.modules.iter().filter(|module| module.package == package).collect();
    if inside.is_empty() {
        warnings.push(no_package(syntax, package));
        return warnings;
    }
    let has = |name: &str| {
        let path: Vec<String> = package.iter().cloned().chain([name.to_owned()]).collect();
        syntax.definitions(&path).any(|rule| rule.kind != Kind::Function)
    };
    for module in &inside {
        for rule in &module.rules {
            let warn = |text: String| Warning { name: module.name.clone(), line: rule.line, text };
            let Some(name) =
                rule.path.get(package.len()).filter(|_| rule.path.starts_with(package))
            else {
                continue;
            };
            if ENTRY_POINTS.contains(&name.as_str()) {
                warnings.extend(entry_point(name, rule).map(warn));
            } else if let Some(meant) = misspelt(name)
                && !has(meant)
                && !is_used(syntax, &rule.path)
            {
                warnings.push(warn(format!("nothing asks for `{name}`; did you mean `{meant}`?")));
            }
        }
    }
    if !has("allow") && !has("deny") {
        let package = package.get(1..).unwrap_or(package).join(".");
        warnings.push(Warning {
            name: String::new(),
            line: 0,
            text: format!("package `{package}` has neither `allow` nor `deny`: it never decides"),
        });
    }
    warnings.dedup();
    warnings
}

fn no_package(syntax: &Syntax, package: &[String]) -> Warning {
    let spelt = |path: &[String]| path.get(1..).unwrap_or(path).join(".");
    let wanted = spelt(package);
    let known: Vec<String> = syntax.modules.iter().map(|module| spelt(&module.package)).collect();
    let hint = match (nearest(&wanted, known.iter().map(String::as_str)), known.as_slice()) {
        (Some(near), _) => format!("; did you mean `{near}`?"),
        (None, [first, ..]) => format!("; there is `{first}`"),
        (None, []) => String::new(),
    };
    let text = format!("there is no package `{wanted}`: the policy never decides{hint}");
    Warning { name: String::new(), line: 0, text }
}

fn entry_point(name: &str, rule: &Rule) -> Option<String> {
    let is_verdict = matches!(name, "allow" | "deny");
    if rule.kind == Kind::Function {
        return Some(format!("`{name}` takes arguments: nothing asks for it like that"));
    }
    let (constant, is_partial) = (rule.constant.as_ref(), rule.kind == Kind::Partial);
    if is_verdict && rule.is_unconditional && constant == Some(&Json::Bool(true)) && !is_partial {
        return Some(match (name, rule.kind) {
            ("allow", Kind::Default) => {
                "everybody may do everything that no `allow` rule is about: \
                `default allow` is true"
                    .to_owned()
            }
            ("allow", _) => {
                "everybody may do everything: `allow` is true without a condition".to_owned()
            }
            _ => "nobody may do anything: `deny` is true without a condition".to_owned(),
        });
    }
    if rule.kind == Kind::Default {
        return None;
    }
    if rule.is_hopeless {
        return Some(format!("this `{name}` never holds: its body is false"));
    }
    (is_verdict && constant == Some(&Json::Bool(false)) && !is_partial)
        .then(|| format!("this `{name}` never holds: its value is false"))
}

fn misspelt(name: &str) -> Option<&'static str> {
    let lower = name.to_lowercase();
    if let Some((_, meant)) = SYNONYMS.into_iter().find(|(word, _)| *word == lower) {
        return Some(meant);
    }
    nearest(&lower, ENTRY_POINTS)
}

/// Whether another rule refers to this one.
fn is_used(syntax: &Syntax, path: &[String]) -> bool {
    let mut references = syntax.rules().flat_map(|(_, rule)| &rule.references);
    references.any(|reference| reference.path.starts_with(path))
}
