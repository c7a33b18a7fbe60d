mod fold;

use std::collections::BTreeSet;
use std::rc::Rc;

use super::error::CompileError;
use super::fields::Object;
use super::function::{Call, Overload, UNSUPPORTED};
use super::issue::Issue;
use super::parse::issues_of;
use super::pattern::{Pattern, PatternError};
use super::program::{Constant, Else, Match, Node, Select, What};
use super::syntax::{Expr, Kind};
use super::types::{Bindings, Type, most_general};

/// Names of types, which are values in CEL.
const TYPE_NAMES: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "dyn",
    "int",
    "list",
    "map",
    "null_type",
    "optional_type",
    "string",
    "type",
    "uint",
];

/// Checks an expression that must be a condition, and makes it ready to be evaluated.
pub(super) fn check(text: &str, expr: &Expr) -> Result<Node, CompileError> {
    let mut checker = Checker::default();
    let (found, node) = checker.expr(expr);
    let found = checker.bindings.resolve(&found);
    if !checker.issues.is_empty() {
        return Err(issues_of(text, &checker.issues));
    }
    if !matches!(found, Type::Bool | Type::Error) {
        return Err(CompileError::NotBool(found.result_name()));
    }
    if !checker.unsupported.is_empty() {
        let all: Vec<String> = checker.unsupported.into_iter().collect();
        return Err(CompileError::Unsupported(all.join(", ")));
    }
    Ok(node)
}

#[derive(Default)]
struct Checker {
    bindings: Bindings,
    /// The variables of the macros around, outermost first.
    locals: Vec<(String, Type)>,
    issues: Vec<Issue>,
    /// What the API server would evaluate and we do not.
    unsupported: BTreeSet<String>,
}

/// What stands where something is wrong, and is never evaluated.
const NOTHING: Node = Node::Constant(Constant::Null);

impl Checker {
    fn expr(&mut self, expr: &Expr) -> (Type, Node) {
        let constant = |found, constant| (found, Node::Constant(constant));
        match &expr.kind {
            Kind::Null => constant(Type::Null, Constant::Null),
            Kind::Bool(value) => constant(Type::Bool, Constant::Bool(*value)),
            Kind::Int(value) => constant(Type::Int, Constant::Int(*value)),
            Kind::Uint(value) => constant(Type::Uint, Constant::Uint(*value)),
            Kind::Double(value) => constant(Type::Double, Constant::Double(*value)),
            Kind::String(value) => constant(Type::String, Constant::String(value.as_str().into())),
            Kind::Ident(name) => self.ident(expr.at, name),
            Kind::Select { operand, field } => {
                let (found, select) = self.select(expr.at, operand, field, false);
                (found, Node::Select(Box::new(select)))
            }
            Kind::OptionalSelect { operand, field } => {
                let (found, select) = self.select(expr.at, operand, field, true);
                (found, Node::Select(Box::new(select)))
            }
            Kind::Has { operand, field } => {
                let (_, select) = self.select(expr.at, operand, field, false);
                (Type::Bool, Node::Has(Box::new(select)))
            }
            Kind::Call { name, target, args } => self.call(expr.at, name, target.as_deref(), args),
            Kind::List(elements) => self.list(elements),
            Kind::Map(entries) => self.map(entries),
            Kind::Fold(fold) => self.fold(expr.at, fold),
            Kind::OptionalMap { target, name, body, is_flat } => {
                self.optional_map(expr.at, target, name, body, *is_flat)
            }
            Kind::Unsupported(what) => self.unsupported(what.clone()),
        }
    }

    fn unsupported(&mut self, what: String) -> (Type, Node) {
        self.unsupported.insert(what);
        (Type::Error, NOTHING)
    }

    fn wrong(&mut self, at: usize, message: String) -> (Type, Node) {
        self.issues.push(Issue::new(at, message));
        (Type::Error, NOTHING)
    }

    fn undeclared(&mut self, at: usize, name: &str) -> (Type, Node) {
        let name = name.strip_prefix('.').unwrap_or(name);
        self.wrong(at, format!("undeclared reference to '{name}' (in container '')"))
    }

    fn ident(&mut self, at: usize, name: &str) -> (Type, Node) {
        if let Some(place) = self.locals.iter().rposition(|(own, _)| own == name)
            && let Some((_, found)) = self.locals.get(place)
        {
            return (found.clone(), Node::Local(place));
        }
        match name.strip_prefix('.').unwrap_or(name) {
            "request" => (Type::Object(Object::Request), Node::Request),
            name if TYPE_NAMES.contains(&name) => {
                self.unsupported(format!("the type `{name}` as a value"))
            }
            _ => self.undeclared(at, name),
        }
    }

    fn select(
        &mut self,
        at: usize,
        operand: &Expr,
        field: &str,
        is_optional: bool,
    ) -> (Type, Select) {
        let (found, node) = self.expr(operand);
        let found = self.bindings.resolve(&found);
        let (target, is_optional) = match found {
            Type::Optional(inner) => (inner.as_ref().clone(), true),
            other => (other, is_optional),
        };
        let mut what = What::Key;
        let result = match &target {
            Type::Object(object) => match object.field(field) {
                Some((field, found)) => {
                    what = What::Field(field);
                    found
                }
                None => self.wrong(at, format!("undefined field '{field}'")).0,
            },
            Type::Map(key, value) => {
                // A name selects a text; a map without keys of that type has none of them.
                if !matches!(**key, Type::String | Type::Var(_)) {
                    self.unsupported("a field of a map whose keys are no strings".to_owned());
                }
                value.as_ref().clone()
            }
            Type::Error => Type::Error,
            Type::Dyn | Type::Var(_) => {
                self.unsupported(format!(
                    "the field `{field}` of something whose type is not known"
                ));
                Type::Dyn
            }
            other => {
                let message = format!("type '{other}' does not support field selection");
                self.wrong(at, message).0
            }
        };
        let result = if is_optional { Type::optional(result) } else { result };
        (result, Select { operand: node, name: field.into(), what, is_optional })
    }

    fn call(
        &mut self,
        at: usize,
        name: &str,
        target: Option<&Expr>,
        args: &[Expr],
    ) -> (Type, Node) {
        let mut checked: Vec<(Type, Node)> = args.iter().map(|arg| self.expr(arg)).collect();
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
        checked.insert(0, self.expr(target));
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
    fn resolve(
        &mut self,
        at: usize,
        name: &str,
        is_member: bool,
        overloads: impl Iterator<Item = &'static Overload>,
        args: &[Expr],
        checked: Vec<(Type, Node)>,
    ) -> (Type, Node) {
        let (types, nodes): (Vec<Type>, Vec<Node>) = checked.into_iter().unzip();
        let mut fitting: Option<&Overload> = None;
        let mut is_ambiguous = false;
        for overload in overloads {
            let mark = self.bindings.mark();
            let (wanted, _) = overload.instance(&mut self.bindings);
            if self.bindings.assign_all(&types, &wanted) {
                is_ambiguous |= fitting.replace(overload).is_some();
            }
            self.bindings.go_back(mark);
        }
        // What is wrong already is not said twice.
        if types.contains(&Type::Error) && (is_ambiguous || fitting.is_none()) {
            return (Type::Error, NOTHING);
        }
        let Some(overload) = fitting else {
            return self.no_overload(at, name, is_member, &types);
        };
        if is_ambiguous {
            return self.unsupported(format!("`{name}` on something whose type is not known"));
        }
        let (wanted, result) = overload.instance(&mut self.bindings);
        self.bindings.assign_all(&types, &wanted);
        let result = self.bindings.resolve(&result);
        let call = overload.call;
        if call == Call::Unsupported {
            let shown: Vec<String> = types.iter().map(ToString::to_string).collect();
            self.unsupported.insert(format!("`{name}` of ({})", shown.join(", ")));
            return (result, NOTHING);
        }
        self.refuse_objects(call, name, &types);
        (result, self.node(call, name, args, nodes))
    }

    fn no_overload(
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

    /// Whether two objects of the request are equal depends on how the API server holds them.
    fn refuse_objects(&mut self, call: Call, name: &str, types: &[Type]) {
        let types: Vec<Type> = types.iter().map(|found| self.bindings.resolve(found)).collect();
        let is_refused = match call {
            Call::Equals | Call::NotEquals => types.iter().all(Type::holds_object),
            Call::InList | Call::InMap | Call::ListIndexOf | Call::ListLastIndexOf => true,
            Call::Distinct | Call::OptionalOfNonZero => true,
            Call::SetsContains | Call::SetsEquivalent | Call::SetsIntersects => true,
            _ => false,
        };
        if is_refused && types.iter().any(Type::holds_object) {
            self.unsupported.insert(format!("`{name}` on objects of the request"));
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

    fn list(&mut self, elements: &[Expr]) -> (Type, Node) {
        let mut element = None;
        let mut nodes = Vec::with_capacity(elements.len());
        for expr in elements {
            let (found, node) = self.expr(expr);
            element = Some(self.join(expr.at, element, found));
            nodes.push(node);
        }
        let element = element.unwrap_or_else(|| self.bindings.fresh());
        (Type::list(element), constant_list(nodes))
    }

    /// A literal's elements must be of one type.
    fn join(&mut self, at: usize, before: Option<Type>, found: Type) -> Type {
        let Some(before) = before else { return found };
        if self.bindings.assign(&before, &found) {
            return most_general(&before, &found);
        }
        let [before, found] = [before, found].map(|side| self.bindings.resolve(&side));
        self.wrong(at, format!("expected type '{before}' but found '{found}'")).0
    }

    fn map(&mut self, entries: &[(Expr, Expr)]) -> (Type, Node) {
        let (mut key, mut value) = (None, None);
        let mut nodes: Vec<(Constant, Node)> = Vec::with_capacity(entries.len());
        let mut seen = BTreeSet::new();
        for (key_expr, value_expr) in entries {
            let (found, key_node) = self.expr(key_expr);
            key = Some(self.join(key_expr.at, key, found));
            let (found, value_node) = self.expr(value_expr);
            value = Some(self.join(value_expr.at, value, found));
            match key_node {
                Node::Constant(constant @ (Constant::String(_) | Constant::Bool(_)))
                | Node::Constant(constant @ (Constant::Int(_) | Constant::Uint(_))) => {
                    if !seen.insert(format!("{constant:?}")) {
                        self.unsupported.insert("a map with a key that is there twice".to_owned());
                    }
                    nodes.push((constant, value_node));
                }
                _ => {
                    self.unsupported.insert("a map with keys that are no constants".to_owned());
                }
            }
        }
        let key = key.unwrap_or_else(|| self.bindings.fresh());
        let value = value.unwrap_or_else(|| self.bindings.fresh());
        (Type::Map(Rc::new(key), Rc::new(value)), Node::Map(nodes))
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

/// A list of nothing but constant strings is one constant, as most lists of conditions are.
fn constant_list(nodes: Vec<Node>) -> Node {
    let text = |node: &Node| match node {
        Node::Constant(Constant::String(text)) => Some(text.to_string()),
        _ => None,
    };
    match nodes.iter().map(text).collect::<Option<Vec<String>>>() {
        Some(strings) if !strings.is_empty() => Node::Constant(Constant::Strings(strings)),
        _ => Node::List(nodes),
    }
}
