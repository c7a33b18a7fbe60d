//! Do parameters of a function share a name? In Rego the arguments must then be equal; both evaluators of the
//! engine take the last for all, and a rule that should hold for few holds for everything.

use serde_json::Value as Json;

use super::{items, line, variant};

/// The first name that stands twice among the parameters of a function of this module, and its line.
pub(in super::super) fn repeated(tree: &Json) -> Option<(String, u32)> {
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
