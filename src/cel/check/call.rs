use std::rc::Rc;

use super::{About, Checker, NOTHING};
use crate::cel::function::{Call, Overload, UNSUPPORTED};
use crate::cel::pattern::{Pattern, PatternError};
use crate::cel::program::{Constant, Else, Match, Node};
use crate::cel::syntax::{Expr, Kind};
use crate::cel::types::Type;

/// Functions and operators: which one is called, and what it returns.
impl Checker {
    pub(super) fn call(
        &mut self,
        at: usize,
        name: &str,
        target: Option<&Expr>,
        args: &[Expr],
    ) -> (Type, Node) {
        if let ("type" | ".type", None, [of]) = (name, target, args)
            && self.is_dynamic()
        {
            let (found, node) = self.expr(of);
            let found = Type::Meta(Rc::new(self.bindings.resolve(&found)));
            return (found, Node::Call(Call::TypeOf, vec![node]));
        }
        let mut checked: Vec<(Type, Node)> = args.iter().map(|arg| self.operand(arg)).collect();
        let Some(target) = target else {
            let name = name.strip_prefix('.').unwrap_or(name);
            return match Overload::of(name, false) {
                Some(overloads) => self.resolve(at, name, false, overloads, args, checked),
                None if UNSUPPORTED.contains(&name) => self.unsupported(format!("`{name}`")),
                None => self.undeclared(at, name),
            };
        };
        // What looks like a method of something may be a function of a namespace.
        if let Some(namespace) = qualified(target) {
            let full = format!("{namespace}.{name}");
            if let Some(overloads) = Overload::of(&full, false) {
                return self.resolve(at, &full, false, overloads, args, checked);
            }
            if UNSUPPORTED.contains(&&*full) {
                return self.unsupported(format!("`{full}`"));
            }
        }
        checked.insert(0, self.operand(target));
        match Overload::of(name, true) {
            Some(overloads) => {
                let all: Vec<Expr> = std::iter::once(target).chain(args).cloned().collect();
                self.resolve(at, name, true, overloads, &all, checked)
            }
            None if UNSUPPORTED.contains(&name) => self.unsupported(format!("`{name}`")),
            None => self.undeclared(at, name),
        }
    }

    /// Chooses the overload for these arguments.
    pub(super) fn resolve(
        &mut self,
        at: usize,
        name: &str,
        is_member: bool,
        overloads: impl Iterator<Item = &'static Overload>,
        args: &[Expr],
        checked: Vec<(Type, Node)>,
    ) -> (Type, Node) {
        let (types, nodes): (Vec<Type>, Vec<Node>) = checked.into_iter().unzip();
        self.refuse_claims(name, &nodes);
        let mut fitting: Vec<&Overload> = Vec::new();
        let mut result = None;
        for overload in overloads {
            let mark = self.bindings.mark();
            let (wanted, own) = overload.instance(&mut self.bindings);
            let fits = self.bindings.assign_all(&types, &wanted);
            if fits {
                fitting.push(overload);
                let own = self.bindings.resolve(&own);
                result = Some(match result.take() {
                    None => own,
                    Some(before) if Type::is_dynamic(&before) || before == own => before,
                    Some(_) => Type::Dyn,
                });
            }
            // What follows from one overload holds for the next, in `cel-go`; it matters only where
            // several may fit.
            if !fits || !self.is_dynamic() {
                self.bindings.go_back(mark);
            }
        }
        // What is wrong already is not said twice.
        if types.contains(&Type::Error) && fitting.len() != 1 {
            return (Type::Error, NOTHING);
        }
        let (overload, mut result) = match (fitting.as_slice(), result) {
            ([first, ..], Some(result)) if self.is_dynamic() => (*first, result),
            ([only], Some(result)) => (*only, result),
            ([], _) | (_, None) => return self.no_overload(at, name, is_member, &types),
            _ => return self.unsupported(format!("`{name}` on something whose type is not known")),
        };
        if !self.is_dynamic() {
            let (wanted, own) = overload.instance(&mut self.bindings);
            self.bindings.assign_all(&types, &wanted);
            result = self.bindings.resolve(&own);
        }
        let calls: Vec<Call> = fitting.iter().map(|own| self.evaluated(name, own.call)).collect();
        let is_open = calls.len() > 1 && calls.iter().any(|call| call.needs_types());
        let call = self.evaluated(name, overload.call);
        if calls.contains(&Call::Unsupported) || is_open {
            let shown: Vec<String> =
                types.iter().map(|found| self.bindings.resolve(found).to_string()).collect();
            self.unsupported.insert(format!("`{name}` of ({})", shown.join(", ")));
            return (result, NOTHING);
        }
        self.refuse_objects(call, name, &types);
        (result, self.node(call, name, args, nodes))
    }

    /// What is evaluated of an overload: some only where types are dynamic, since nobody needs them
    /// elsewhere.
    fn evaluated(&self, name: &str, call: Call) -> Call {
        match (call, name) {
            (Call::Unsupported, _) if !self.is_dynamic() => Call::Unsupported,
            (Call::Unsupported, "dyn") => Call::Dynamic,
            (Call::Unsupported, "int") => Call::ToInt,
            (Call::Unsupported, "uint") => Call::ToUint,
            (Call::Unsupported, "double") => Call::ToDouble,
            (Call::Unsupported, "string") => Call::ToText,
            (Call::Unsupported, "_<_") => Call::Less,
            (Call::Unsupported, "_<=_") => Call::LessEquals,
            (Call::Unsupported, "_>_") => Call::Greater,
            (Call::Unsupported, "_>=_") => Call::GreaterEquals,
            (call, _) => call,
        }
    }

    /// `claims` itself is indexed, and else has an error at evaluation (S-OIDC-21b).
    fn refuse_claims(&mut self, name: &str, nodes: &[Node]) {
        if self.about != About::Claims {
            return;
        }
        let is_used = nodes.iter().enumerate().any(|(place, node)| {
            let is_known = match name {
                "_[_]" | "_[?_]" | "size" => place == 0,
                "@in" => place == 1,
                _ => false,
            };
            matches!(node, Node::Root) && !is_known
        });
        if is_used {
            self.unsupported.insert("`claims` otherwise than by its fields".to_owned());
        }
    }

    pub(super) fn no_overload(
        &mut self,
        at: usize,
        name: &str,
        is_member: bool,
        types: &[Type],
    ) -> (Type, Node) {
        let mut shown = types.iter().map(|found| self.bindings.resolve(found).to_string());
        let receiver = if is_member { shown.next().map(|first| format!("{first}.")) } else { None };
        let signature =
            format!("{}({})", receiver.unwrap_or_default(), shown.collect::<Vec<_>>().join(", "));
        let message = format!("found no matching overload for '{name}' applied to '{signature}'");
        self.wrong(at, message)
    }

    /// Whether two objects of the request are equal depends on how the API server holds them, and
    /// whether a list of the user is empty it does not see.
    fn refuse_objects(&mut self, call: Call, name: &str, types: &[Type]) {
        let types: Vec<Type> = types.iter().map(|found| self.bindings.resolve(found)).collect();
        if self.about == About::User
            && call == Call::OptionalOfNonZero
            && types.iter().any(|found| matches!(found, Type::List(_) | Type::Map(..)))
        {
            self.unsupported.insert(format!("`{name}` on lists and maps"));
        }
        let is_refused = match call {
            Call::Equals | Call::NotEquals => types.iter().all(Type::holds_object),
            Call::InList | Call::InMap | Call::ListIndexOf | Call::ListLastIndexOf => true,
            Call::Distinct | Call::OptionalOfNonZero => true,
            Call::SetsContains | Call::SetsEquivalent | Call::SetsIntersects => true,
            _ => false,
        };
        if is_refused && types.iter().any(Type::holds_object) {
            let whose = if self.about == About::User { "user" } else { "request" };
            self.unsupported.insert(format!("`{name}` on objects of the {whose}"));
        }
    }

    fn node(&mut self, call: Call, name: &str, args: &[Expr], nodes: Vec<Node>) -> Node {
        if matches!(call, Call::Matches | Call::Find | Call::FindAll) {
            return self.pattern(call, name, args, nodes);
        }
        match (call, <[Node; 2]>::try_from(nodes)) {
            (Call::And, Ok(operands)) => Node::And(Box::new(operands)),
            (Call::Or, Ok(operands)) => Node::Or(Box::new(operands)),
            (Call::OptionalOr, Ok(operands)) => {
                Node::OptionalElse(Box::new(operands), Else::Optional)
            }
            (Call::OptionalOrValue, Ok(operands)) => {
                Node::OptionalElse(Box::new(operands), Else::Value)
            }
            (call, Ok(operands)) => Node::Call(call, operands.into()),
            (Call::Conditional, Err(nodes)) => match <[Node; 3]>::try_from(nodes) {
                Ok(operands) => Node::Conditional(Box::new(operands)),
                Err(nodes) => Node::Call(call, nodes),
            },
            (Call::Not, Err(nodes)) => match <[Node; 1]>::try_from(nodes) {
                Ok([operand]) => Node::Not(Box::new(operand)),
                Err(nodes) => Node::Call(call, nodes),
            },
            (call, Err(nodes)) => Node::Call(call, nodes),
        }
    }

    /// Patterns are compiled once; one that is not constant is refused.
    fn pattern(&mut self, call: Call, name: &str, args: &[Expr], nodes: Vec<Node>) -> Node {
        let mut nodes = nodes.into_iter();
        let (Some(text), Some(Node::Constant(Constant::String(pattern)))) =
            (nodes.next(), nodes.next())
        else {
            self.unsupported.insert(format!("`{name}` with a pattern that is not a constant"));
            return NOTHING;
        };
        let limit = nodes.next();
        match Pattern::compile(&pattern) {
            Ok(pattern) => Node::Match(Box::new(Match { call, text, pattern, limit })),
            Err(PatternError::Invalid) if call == Call::Matches => {
                let at = args.get(1).map_or(0, |arg| arg.at);
                self.wrong(at, "invalid matches argument".to_owned()).1
            }
            Err(error) => {
                self.unsupported.insert(format!("the pattern `{pattern}` ({error})"));
                NOTHING
            }
        }
    }
}

/// `a.b.c`, if the expression is nothing else.
fn qualified(expr: &Expr) -> Option<String> {
    match &expr.kind {
        Kind::Ident(name) => Some(name.strip_prefix('.').unwrap_or(name).to_owned()),
        Kind::Select { operand, field } => Some(format!("{}.{field}", qualified(operand)?)),
        _ => None,
    }
}
