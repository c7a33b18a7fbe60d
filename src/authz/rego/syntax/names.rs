//! Does a name stand where Rego compares and the engine does not? Parameters of one function that share a name
//! must be equal, and `=` compares with what `every` runs over; both evaluators take each for a new name
//! instead, and a rule that should hold for few holds for everything. Such text is refused.

use serde_json::Value as Json;

use super::{items, line, span_text, variant};

/// What is wrong with the first such name of a module, and its line.
pub(in super::super) fn misread(tree: &Json, text: &str) -> Option<(String, u32)> {
    if let Some((name, line)) = repeated(tree) {
        let what = format!(
            "two parameters are called `{name}`; give them names of their own and compare them with `==`"
        );
        return Some((what, line));
    }
    let (name, line) = rebound(tree, text, &mut Vec::new())?;
    let what = format!("`=` does not compare with `{name}`, over which `every` runs; write `==`");
    Some((what, line))
}

/// The first name that stands twice among the parameters of a function.
fn repeated(tree: &Json) -> Option<(String, u32)> {
    items(tree, "rules").find_map(|rule| {
        let ("Spec", spec) = variant(rule)? else { return None };
        let ("Func", head) = variant(spec.get("head")?)? else { return None };
        let mut names = Vec::new();
        items(head, "args").for_each(|argument| collect(argument, &mut names));
        names.sort_unstable();
        let name = names.windows(2).find_map(|pair| match pair {
            [one, other] if one == other => Some((*one).to_owned()),
            _ => None,
        })?;
        Some((name, line(spec.get("span"))))
    })
}

/// The first name of an `every` around it that an `=` would bind anew.
fn rebound(node: &Json, text: &str, names: &mut Vec<String>) -> Option<(String, u32)> {
    if let Some(("AssignExpr", assign)) = variant(node)
        && assign.get("op").and_then(Json::as_str) == Some("Eq")
    {
        let mut bound = Vec::new();
        let sides = ["lhs", "rhs"].into_iter().filter_map(|side| assign.get(side));
        sides.for_each(|side| collect(side, &mut bound));
        if let Some(name) = bound.into_iter().find(|name| names.iter().any(|own| own == name)) {
            return Some((name.to_owned(), line(assign.get("span"))));
        }
    }
    let outer = names.len();
    if let Some(("Every", every)) = variant(node) {
        let spans = ["key", "value"].into_iter().filter_map(|part| every.get(part));
        names.extend(spans.filter_map(|span| span_text(span, text)).map(str::to_owned));
    }
    let found = match node {
        Json::Array(nodes) => nodes.iter().find_map(|node| rebound(node, text, names)),
        Json::Object(fields) => fields.values().find_map(|node| rebound(node, text, names)),
        _ => None,
    };
    names.truncate(outer);
    found
}

/// The names of a pattern.
fn collect<'a>(expression: &'a Json, names: &mut Vec<&'a str>) {
    match variant(expression) {
        Some(("Var", var)) => {
            names.extend(var.get("value").and_then(Json::as_str).filter(|name| *name != "_"));
        }
        Some(("Array", list)) => items(list, "items").for_each(|item| collect(item, names)),
        Some(("Object", list)) => items(list, "fields")
            .filter_map(|field| field.get(2))
            .for_each(|value| collect(value, names)),
        _ => {}
    }
}
