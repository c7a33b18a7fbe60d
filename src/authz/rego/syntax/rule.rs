//! One definition of a rule, from its tree.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::scope::{Scope, declared, free, pattern};
use super::{Kind, ModuleSyntax, Reference, Rule, items, line, path, span_text, variant};

pub(super) fn read(module: &ModuleSyntax, text: &str, tree: &Json) -> Option<Rule> {
    let mut reader = Reader {
        module,
        text,
        scope: Scope::default(),
        references: Vec::new(),
        free: BTreeSet::new(),
        loops: 0,
        deepest: 0,
        is_beyond_machine: false,
        negates_loop: false,
        is_wild: false,
    };
    match variant(tree)? {
        ("Spec", spec) => reader.spec(spec),
        ("Default", default) => {
            let value = default.get("value")?;
            reader.expression(value, 0);
            let (rule_path, _) = path(default.get("refr")?)?;
            Some(Rule {
                path: module.package.iter().cloned().chain(rule_path).collect(),
                line: line(default.get("span")),
                kind: Kind::Default,
                constant: constant(value),
                is_unconditional: true,
                is_hopeless: false,
                has_loop: false,
                is_beyond_machine: false,
                negates_loop: false,
                shadows: reader.scope.shadows,
                depth: reader.deepest + reader.loops,
                references: reader.references,
            })
        }
        _ => None,
    }
}

/// The value of an expression that is a scalar.
fn constant(expression: &Json) -> Option<Json> {
    match variant(expression)? {
        ("Bool" | "Null" | "Number" | "String" | "RawString", scalar) => {
            scalar.get("value").cloned()
        }
        _ => None,
    }
}

struct Reader<'a> {
    module: &'a ModuleSyntax,
    text: &'a str,
    scope: Scope,
    references: Vec<Reference>,
    /// Variables that `some` declares without saying what they run over.
    free: BTreeSet<String>,
    /// Loops, each inside of all before it.
    loops: usize,
    deepest: usize,
    is_beyond_machine: bool,
    negates_loop: bool,
    /// Whether the expression that is read has a `_` that stands for several values.
    is_wild: bool,
}

impl Reader<'_> {
    fn spec(&mut self, spec: &Json) -> Option<Rule> {
        let (form, head) = variant(spec.get("head")?)?;
        let (rule_path, keys) = path(head.get("refr")?)?;
        let kind = match form {
            "Func" => Kind::Function,
            "Set" => Kind::Partial,
            _ if keys.is_empty() => Kind::Complete,
            _ => Kind::Partial,
        };
        let mut arguments = BTreeSet::new();
        items(head, "args").for_each(|argument| pattern(argument, &mut arguments));
        self.scope.enter(arguments);
        items(head, "args").for_each(|argument| self.expression(argument, 0));

        let mut constants = Vec::new();
        let head_value = head.get("assign").and_then(|assign| assign.get("value"));
        let bodies: Vec<&Json> = items(spec, "bodies").collect();
        let mut is_hopeless = !bodies.is_empty();
        let mut is_unconditional = bodies.is_empty();
        let mut loops = 0;
        if bodies.is_empty() {
            constants.push(self.value(head_value, &keys, head));
        }
        for body in &bodies {
            let query = body.get("query").unwrap_or(&Json::Null);
            self.loops = 0;
            self.scope.enter(declared(query, self.text));
            self.statements(query, 0);
            let own = body.get("assign").and_then(|assign| assign.get("value"));
            constants.push(self.value(own.or(head_value), &keys, head));
            self.scope.leave();
            loops = loops.max(self.loops);
            is_unconditional |= items(query, "stmts").all(|statement| is(statement, true));
            is_hopeless &= items(query, "stmts").any(|statement| is(statement, false));
        }
        // Fields of fields, and an `else` after a value that is undefined.
        self.is_beyond_machine |= rule_path.len() > 1
            || keys.len() + usize::from(form == "Set") > 1
            || (constants.len() > 1 && constants.iter().any(Option::is_none));
        let first = constants.first().cloned().flatten();
        let is_same = constants.iter().all(|value| *value == first);
        Some(Rule {
            path: self.module.package.iter().cloned().chain(rule_path).collect(),
            line: line(spec.get("span")),
            kind,
            constant: first.filter(|_| is_same),
            is_unconditional,
            is_hopeless,
            has_loop: loops > 0,
            is_beyond_machine: self.is_beyond_machine,
            negates_loop: self.negates_loop,
            shadows: self.scope.shadows,
            depth: self.deepest + loops,
            references: std::mem::take(&mut self.references),
        })
    }

    /// What a head says in the scope of a body: its value, and the keys of a partial rule.
    fn value(&mut self, value: Option<&Json>, keys: &[&Json], head: &Json) -> Option<Json> {
        if !keys.is_empty() && head.get("assign").is_some() {
            let mut parts = keys.iter().copied().chain(value);
            self.is_beyond_machine |= !parts.all(|part| self.is_sure(part));
        }
        keys.iter().for_each(|key| self.expression(key, 0));
        if let Some(key) = head.get("key").filter(|key| !key.is_null()) {
            self.expression(key, 0);
        }
        match value {
            Some(value) => {
                self.expression(value, 0);
                constant(value)
            }
            None => Some(json!(true)),
        }
    }

    fn query(&mut self, query: Option<&Json>, depth: usize) {
        let Some(query) = query else { return };
        self.scope.enter(declared(query, self.text));
        self.statements(query, depth);
        self.scope.leave();
    }

    fn statements(&mut self, query: &Json, depth: usize) {
        free(query, self.text, &mut self.free);
        for statement in items(query, "stmts") {
            for with in items(statement, "with_mods") {
                for part in ["refr", "as"].into_iter().filter_map(|part| with.get(part)) {
                    self.expression(part, depth + 1);
                }
            }
            let Some((form, literal)) = statement.get("literal").and_then(variant) else {
                continue;
            };
            match form {
                "Expr" => self.children(literal, depth),
                "NotExpr" => {
                    let before = std::mem::take(&mut self.is_wild);
                    self.children(literal, depth);
                    self.negates_loop |= self.is_wild;
                    self.is_wild = before;
                }
                "SomeIn" => {
                    self.loops += 1;
                    self.children(literal, depth);
                }
                "Every" => {
                    self.loops += 1;
                    let vars = ["key", "value"].into_iter().filter_map(|part| literal.get(part));
                    let vars = vars.filter_map(|span| span_text(span, self.text));
                    let names = vars.map(str::to_owned).collect();
                    if let Some(domain) = literal.get("domain") {
                        self.expression(domain, depth + 1);
                    }
                    self.scope.enter(names);
                    self.query(literal.get("query"), depth + 1);
                    self.scope.leave();
                }
                _ => {}
            }
        }
    }

    fn expression(&mut self, expression: &Json, depth: usize) {
        self.deepest = self.deepest.max(depth);
        if let Some((path, indexes)) = path(expression) {
            self.refer(path, false);
            for index in indexes {
                self.loops += usize::from(self.is_open(index));
                self.is_wild |= is_wildcard(index);
                self.expression(index, depth + 1);
            }
            return;
        }
        let Some((form, inner)) = variant(expression) else { return };
        match form {
            "Call" => {
                if let Some((path, _)) = inner.get("fcn").and_then(path) {
                    // `walk` yields many values.
                    self.loops += usize::from(path == ["walk"]);
                    self.is_wild |= path == ["walk"];
                    self.refer(path, true);
                }
                items(inner, "params").for_each(|value| self.expression(value, depth + 1));
            }
            "ArrayCompr" | "SetCompr" | "ObjectCompr" => {
                let query = inner.get("query");
                let is_wild = self.is_wild;
                let declares = query.map(|query| declared(query, self.text)).unwrap_or_default();
                self.scope.enter(declares);
                if let Some(query) = query {
                    self.statements(query, depth + 1);
                }
                for part in ["term", "key", "value"].into_iter().filter_map(|part| inner.get(part))
                {
                    // The machine keeps elements that are undefined.
                    self.is_beyond_machine |= !self.is_sure(part);
                    self.expression(part, depth + 1);
                }
                self.scope.leave();
                self.is_wild = is_wild;
            }
            "AssignExpr" => {
                // The machine goes on with a variable that is undefined.
                self.is_beyond_machine = true;
                self.children(inner, depth);
            }
            _ => self.children(inner, depth),
        }
    }

    /// Every expression directly inside, whatever the form is.
    fn children(&mut self, node: &Json, depth: usize) {
        match node {
            Json::Array(parts) => parts.iter().for_each(|part| self.part(part, depth)),
            Json::Object(fields) => {
                for (key, part) in fields {
                    if key != "span" {
                        self.part(part, depth);
                    }
                }
            }
            _ => {}
        }
    }

    fn part(&mut self, part: &Json, depth: usize) {
        match part {
            Json::Array(_) => self.children(part, depth),
            Json::Object(_) if variant(part).is_some() => self.expression(part, depth + 1),
            _ => {}
        }
    }

    /// Whether an expression has a value for sure: a scalar, or a variable that a loop or call binds.
    fn is_sure(&self, expression: &Json) -> bool {
        let is_bound = || {
            let var = variant(expression).filter(|(form, _)| *form == "Var");
            let name = var.and_then(|(_, var)| var.get("value")?.as_str());
            name.is_some_and(|name| self.scope.declares(name))
        };
        constant(expression).is_some() || is_bound()
    }

    /// Whether an index may stand for several keys: it holds a variable that nothing has bound for sure.
    fn is_open(&self, index: &Json) -> bool {
        let mut names = BTreeSet::new();
        pattern(index, &mut names);
        names.iter().any(|name| !self.scope.declares(name) || self.free.contains(name))
    }

    fn refer(&mut self, mut path: Vec<String>, is_call: bool) {
        let Some(root) = path.first() else { return };
        if self.scope.declares(root) {
            return;
        }
        if let Some((_, target)) = self.module.imports.iter().find(|(name, _)| name == root) {
            path.splice(..1, target.iter().cloned());
        }
        self.references.push(Reference { path, is_call });
    }
}

/// Whether an index holds a `_`.
fn is_wildcard(index: &Json) -> bool {
    let mut names = BTreeSet::new();
    pattern(index, &mut names);
    names.contains("_")
}

/// Whether a statement is this constant.
fn is(statement: &Json, value: bool) -> bool {
    let literal = statement.get("literal").and_then(variant);
    let expression = match literal {
        Some(("Expr", literal)) => literal.get("expr"),
        _ => None,
    };
    expression.and_then(constant) == Some(Json::Bool(value))
}
