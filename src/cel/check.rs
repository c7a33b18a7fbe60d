mod call;
mod fold;

use std::collections::BTreeSet;
use std::rc::Rc;

use super::error::CompileError;
use super::fields::Object;
use super::issue::Issue;
use super::parse::issues_of;
use super::program::{Constant, Node, Select, What};
use super::syntax::{Expr, Kind};
use super::types::{Bindings, Type, most_general};

/// What an expression is about: the one variable that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Request,
    /// The only one of which the types are not known before the evaluation.
    Claims,
    User,
}

/// What an expression must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A match condition.
    Condition,
    /// A rule of an AuthenticationConfiguration: the same in other words.
    Rule,
    Anything,
}

/// Checks an expression, and makes it ready to be evaluated.
pub(super) fn check(
    text: &str,
    expr: &Expr,
    about: About,
    wanted: Wanted,
) -> Result<Node, CompileError> {
    let mut checker = Checker {
        about,
        bindings: Bindings::default(),
        locals: Vec::new(),
        issues: Vec::new(),
        unsupported: BTreeSet::new(),
    };
    let (found, node) = checker.expr(expr);
    let found = checker.bindings.resolve(&found);
    if !checker.issues.is_empty() {
        return Err(issues_of(text, &checker.issues));
    }
    match (found, wanted) {
        (Type::Bool | Type::Error, _) | (_, Wanted::Anything) => {}
        (found, Wanted::Condition) => return Err(CompileError::NotBool(found.result_name())),
        (_, Wanted::Rule) => return Err(CompileError::RuleNotBool),
    }
    if !checker.unsupported.is_empty() {
        let all: Vec<String> = checker.unsupported.into_iter().collect();
        return Err(CompileError::Unsupported(all.join(", ")));
    }
    Ok(node)
}

struct Checker {
    about: About,
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
    /// An expression whose value goes anywhere: `claims` itself is no such value, since hardly
    /// anything works on it (S-OIDC-21b).
    fn expr(&mut self, expr: &Expr) -> (Type, Node) {
        let (found, node) = self.operand(expr);
        if self.about == About::Claims && matches!(node, Node::Root) {
            return self.unsupported("`claims` otherwise than by its fields".to_owned());
        }
        (found, node)
    }

    /// An expression from which something is selected.
    fn operand(&mut self, expr: &Expr) -> (Type, Node) {
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
        let name = name.strip_prefix('.').unwrap_or(name);
        let root = match (self.about, name) {
            (About::Request, "request") => Some(Type::Object(Object::Request)),
            (About::Claims, "claims") => Some(Type::Map(Rc::new(Type::String), Rc::new(Type::Any))),
            (About::User, "user") => Some(Type::Object(Object::UserInfo)),
            _ => None,
        };
        match (root, type_name(name)) {
            (Some(root), _) => (root, Node::Root),
            (None, Some((name, of))) if self.is_dynamic() => {
                (Type::Meta(Rc::new(of)), Node::Constant(Constant::Type(name)))
            }
            (None, Some(_)) => self.unsupported(format!("the type `{name}` as a value")),
            (None, None) => self.undeclared(at, name),
        }
    }

    /// Whether values whose type is not known are evaluated.
    fn is_dynamic(&self) -> bool {
        self.about == About::Claims
    }

    fn select(
        &mut self,
        at: usize,
        operand: &Expr,
        field: &str,
        is_optional: bool,
    ) -> (Type, Select) {
        let (found, node) = self.operand(operand);
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
            Type::Dyn | Type::Any | Type::Var(_) if self.is_dynamic() => {
                self.bindings.assign(&Type::Dyn, &target);
                Type::Dyn
            }
            Type::Dyn | Type::Any | Type::Var(_) => {
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
        let is_plain = is_plain(&node);
        (result, Select { operand: node, name: field.into(), what, is_optional, is_plain })
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

/// Whether there is nothing but selections from the root on.
fn is_plain(node: &Node) -> bool {
    match node {
        Node::Root => true,
        Node::Select(select) => select.is_plain,
        _ => false,
    }
}

/// Types have names, which are values in CEL.
fn type_name(name: &str) -> Option<(&'static str, Type)> {
    let of = |inner: Type| Rc::new(inner);
    Some(match name {
        "bool" => ("bool", Type::Bool),
        // Nothing evaluates to bytes, so that it matters to nobody of what type they are.
        "bytes" => ("bytes", Type::Dyn),
        "double" => ("double", Type::Double),
        "dyn" => ("dyn", Type::Dyn),
        "int" => ("int", Type::Int),
        "list" => ("list", Type::List(of(Type::Dyn))),
        "map" => ("map", Type::Map(of(Type::Dyn), of(Type::Dyn))),
        "null_type" => ("null_type", Type::Null),
        "optional_type" => ("optional_type", Type::Optional(of(Type::Dyn))),
        "string" => ("string", Type::String),
        "type" => ("type", Type::Meta(of(Type::Dyn))),
        "uint" => ("uint", Type::Uint),
        _ => return None,
    })
}
