use std::collections::BTreeSet;

use crate::cel::syntax::{Expr, Fold, Kind};

/// The claims that an expression selects by name, anywhere in it: `claims.a`, `claims.?a`,
/// `has(claims.a)`. Neither `claims['a']` nor the field of something else is one (S-ACONF-10).
pub(super) fn selected(expr: &Expr) -> BTreeSet<Box<str>> {
    let mut names = BTreeSet::new();
    collect(expr, &mut names);
    names
}

fn collect(expr: &Expr, names: &mut BTreeSet<Box<str>>) {
    match &expr.kind {
        Kind::Select { operand, field }
        | Kind::Has { operand, field }
        | Kind::OptionalSelect { operand, field } => {
            if matches!(&operand.kind, Kind::Ident(name) if matches!(name.as_str(), "claims" | ".claims"))
            {
                names.insert(field.as_str().into());
            }
            collect(operand, names);
        }
        Kind::Call { target, args, .. } => {
            target.iter().for_each(|target| collect(target, names));
            args.iter().for_each(|arg| collect(arg, names));
        }
        Kind::List(elements) => elements.iter().for_each(|element| collect(element, names)),
        Kind::Map(entries) => entries.iter().for_each(|(key, value)| {
            collect(key, names);
            collect(value, names);
        }),
        Kind::Fold(fold) => {
            let Fold { range, condition, output, .. } = &**fold;
            collect(range, names);
            condition.iter().chain(output).for_each(|part| collect(part, names));
        }
        Kind::OptionalMap { target, body, .. } => {
            collect(target, names);
            collect(body, names);
        }
        Kind::Null
        | Kind::Bool(_)
        | Kind::Int(_)
        | Kind::Uint(_)
        | Kind::Double(_)
        | Kind::String(_)
        | Kind::Ident(_)
        | Kind::Unsupported(_) => {}
    }
}
