use super::{Checker, NOTHING};
use crate::cel::function::Overload;
use crate::cel::program::{self, Node};
use crate::cel::syntax::{Expr, Fold, FoldKind};
use crate::cel::types::Type;

/// The types of the macros. They are checked as what they expand to in `cel-go`, so that what is
/// wrong is said in the same words.
impl Checker {
    pub(super) fn fold(&mut self, at: usize, fold: &Fold) -> (Type, Node) {
        let Fold { kind, range, name, second_name, condition, output } = fold;
        let (found, range_node) = self.expr(range);
        let (first, second) = self.range(range.at, &found, second_name.is_some());
        let outer = self.locals.len();
        self.locals.push((name.clone(), first.clone()));
        if let Some(second_name) = second_name {
            self.locals.push((second_name.clone(), second));
        }
        let condition = condition.as_ref().map(|condition| self.expr(condition));
        let output = output.as_ref().map(|output| self.expr(output));
        self.locals.truncate(outer);
        let (output_type, output) = output.unzip();
        let result = match kind {
            FoldKind::All | FoldKind::Exists | FoldKind::ExistsOne => Type::Bool,
            FoldKind::Filter => Type::list(first),
            FoldKind::Map => Type::list(output_type.unwrap_or(Type::Error)),
        };
        let condition = condition.map(|(found, node)| {
            self.condition(at, *kind, found, &result);
            node
        });
        let fold = program::Fold {
            kind: *kind,
            range: range_node,
            is_double: second_name.is_some(),
            condition,
            output,
        };
        (result, Node::Fold(Box::new(fold)))
    }

    /// The types of the variables over a range.
    fn range(&mut self, at: usize, found: &Type, is_double: bool) -> (Type, Type) {
        match self.bindings.resolve(found) {
            Type::List(element) if is_double => (Type::Int, element.as_ref().clone()),
            Type::List(element) => (element.as_ref().clone(), Type::Error),
            Type::Map(key, value) => (key.as_ref().clone(), value.as_ref().clone()),
            Type::Error => (Type::Error, Type::Error),
            // Not of a claim itself, whose type is another one (S-OIDC-20).
            found @ (Type::Dyn | Type::Var(_)) if self.is_dynamic() => {
                self.bindings.assign(&Type::Dyn, &found);
                (Type::Dyn, Type::Dyn)
            }
            Type::Dyn | Type::Var(_) => {
                self.unsupported
                    .insert("a macro over something whose type is not known".to_owned());
                (Type::Error, Type::Error)
            }
            other => {
                let message = format!(
                    "expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                self.wrong(at, message);
                (Type::Error, Type::Error)
            }
        }
    }

    /// The condition of a macro is one operand of the operator that it expands to.
    fn condition(&mut self, at: usize, kind: FoldKind, found: Type, result: &Type) {
        let (name, types) = match kind {
            FoldKind::All => ("_&&_", vec![Type::Bool, found]),
            FoldKind::Exists => ("_||_", vec![Type::Bool, found]),
            FoldKind::ExistsOne => ("_?_:_", vec![found, Type::Int, Type::Int]),
            FoldKind::Filter | FoldKind::Map => {
                ("_?_:_", vec![found, result.clone(), result.clone()])
            }
        };
        let operands = types.into_iter().map(|found| (found, NOTHING)).collect();
        if let Some(overloads) = Overload::of(name, false) {
            self.resolve(at, name, false, overloads, &[], operands);
        }
    }

    /// `optMap` and `optFlatMap` ask `hasValue`, whose overloads say that the target is optional.
    pub(super) fn optional_map(
        &mut self,
        at: usize,
        target: &Expr,
        name: &str,
        body: &Expr,
        is_flat: bool,
    ) -> (Type, Node) {
        let (found, target) = self.expr(target);
        let inner = match self.bindings.resolve(&found) {
            Type::Optional(inner) => inner.as_ref().clone(),
            Type::Error => Type::Error,
            Type::Dyn | Type::Any | Type::Var(_) if self.is_dynamic() => Type::Dyn,
            other => self.no_overload(at, "hasValue", true, &[other]).0,
        };
        self.locals.push((name.to_owned(), inner));
        let (found, body) = self.expr(body);
        self.locals.pop();
        let result = if is_flat {
            // `has ? body : optional.none()` wants an optional.
            let none = Type::optional(self.bindings.fresh());
            let found = self.bindings.resolve(&found);
            let fits = self.bindings.assign(&found, &none);
            if fits {
                found
            } else {
                self.no_overload(at, "_?_:_", false, &[Type::Bool, found, none]).0
            }
        } else {
            Type::optional(found)
        };
        let map = program::OptionalMap { target, body, is_flat };
        (result, Node::OptionalMap(Box::new(map)))
    }
}
