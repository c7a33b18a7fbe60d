mod call;
mod fold;

use std::rc::Rc;

use super::budget::{Budget, Failure, tenths};
use super::escape::is_escaped;
use super::fields::Part;
use super::function::Call;
use super::program::{Constant, Else, Match, Node, Select, What};
use super::value::{Json, List, Map, Text, Value};
use crate::model::{Request, User};

/// The result of a part of an expression.
type Evaluated<'a> = Result<Value<'a>, Failure>;

/// What an expression is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Root<'a> {
    Request(&'a Request<'a>),
    Claims(&'a serde_json::Map<String, Json>),
    User(&'a User),
}

impl<'a> Root<'a> {
    const fn value(self) -> Value<'a> {
        match self {
            Self::Request(request) => Value::Object(Part::Request(request)),
            Self::Claims(claims) => Value::Map(Map::Claims(claims)),
            Self::User(user) => Value::Object(Part::User(user)),
        }
    }
}

/// One evaluation. It borrows from the expression and the request, allocates only for lists and
/// texts that are made on the way, and pays for each step.
pub(super) struct Evaluation<'a> {
    root: Root<'a>,
    budget: Budget,
    /// The variables of the macros around, outermost first.
    locals: Vec<Value<'a>>,
}

impl<'a> Evaluation<'a> {
    pub(super) const fn new(root: Root<'a>) -> Self {
        Self { root, budget: Budget::new(), locals: Vec::new() }
    }

    /// What is made of the value, from the same budget.
    pub(super) fn converted<T>(
        &mut self,
        node: &'a Node,
        convert: impl FnOnce(&Value<'a>, &mut Budget) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let value = self.value(node)?;
        convert(&value, &mut self.budget)
    }

    /// The answer of a condition.
    pub(super) fn condition(&mut self, node: &'a Node) -> Result<bool, Failure> {
        match self.value(node)? {
            Value::Bool(value) => Ok(value),
            // Of a claim nothing is known before.
            _ => Err(Failure::NO_OVERLOAD),
        }
    }

    #[cfg(test)]
    pub(super) const fn spent(&self) -> u64 {
        self.budget.spent()
    }

    fn value(&mut self, node: &'a Node) -> Evaluated<'a> {
        self.budget.step()?;
        match node {
            Node::Constant(constant) => Ok(constant_value(constant)),
            Node::Root => {
                self.budget.spend(1)?;
                Ok(self.root.value())
            }
            Node::Local(place) => {
                self.budget.spend(1)?;
                self.locals.get(*place).cloned().ok_or(Failure::text("no such attribute"))
            }
            Node::Select(select) => self.select(select),
            Node::Has(select) => self.has(select),
            Node::Not(operand) => {
                let value = self.condition(operand)?;
                self.budget.spend(1)?;
                Ok(Value::Bool(!value))
            }
            Node::And(operands) => self.junction(operands, false),
            Node::Or(operands) => self.junction(operands, true),
            Node::Conditional(operands) => {
                let [condition, yes, no] = &**operands;
                let chosen = if self.condition(condition)? { yes } else { no };
                self.value(chosen)
            }
            Node::OptionalElse(operands, wanted) => self.optional_else(operands, *wanted),
            Node::Call(call, args) => self.call(*call, args),
            Node::Match(pattern) => self.pattern(pattern),
            Node::List(elements) => {
                self.budget.reserve(elements.len() * size_of::<Value<'_>>())?;
                let values = elements.iter().map(|element| self.value(element));
                let values = values.collect::<Result<Vec<_>, _>>()?;
                // A list of constants is made once, by `cel-go`.
                if !elements.iter().all(is_constant) {
                    self.budget.spend(10)?;
                }
                Ok(Value::list(values))
            }
            Node::Map(entries) => {
                self.budget.reserve(entries.len() * 2 * size_of::<Value<'_>>())?;
                let entry = |(key, value): &'a (Constant, Node)| {
                    Ok((constant_value(key), self.value(value)?))
                };
                let entries = entries.iter().map(entry).collect::<Result<Vec<_>, Failure>>()?;
                self.budget.spend(30)?;
                Ok(Value::Map(Map::Entries(Rc::new(entries))))
            }
            Node::Fold(fold) => self.fold(fold),
            Node::OptionalMap(map) => self.optional_map(map),
        }
    }

    /// `&&` and `||`: an operand that decides the answer does so on either side, even beside an
    /// error.
    fn junction(&mut self, operands: &'a [Node; 2], deciding: bool) -> Evaluated<'a> {
        let [left, right] = operands;
        let left = match self.condition(left) {
            Ok(value) if value == deciding => return Ok(Value::Bool(deciding)),
            Err(Failure::Cancelled) => return Err(Failure::Cancelled),
            left => left,
        };
        match (left, self.condition(right)) {
            (_, Ok(value)) if value == deciding => Ok(Value::Bool(deciding)),
            (_, Err(Failure::Cancelled)) => Err(Failure::Cancelled),
            (Err(failure), _) | (Ok(_), Err(failure)) => Err(failure),
            (Ok(_), Ok(_)) => Ok(Value::Bool(!deciding)),
        }
    }

    fn select(&mut self, select: &'a Select) -> Evaluated<'a> {
        let operand = self.value(&select.operand)?;
        self.budget.spend(1)?;
        match found_in(&operand, select)? {
            found if select.is_optional => Ok(Value::Optional(found.map(Rc::new))),
            Some(value) => Ok(value),
            None => Err(Failure::NoSuchKey(select.name.clone())),
        }
    }

    fn has(&mut self, select: &'a Select) -> Evaluated<'a> {
        let operand = self.value(&select.operand)?;
        Ok(Value::Bool(found_in(&operand, select)?.is_some()))
    }

    fn optional_else(&mut self, operands: &'a [Node; 2], wanted: Else) -> Evaluated<'a> {
        let [left, right] = operands;
        match (self.value(left)?, wanted) {
            (Value::Optional(Some(inner)), Else::Value) => Ok(inner.as_ref().clone()),
            (Value::Optional(None), _) => self.value(right),
            (left @ Value::Optional(_), _) => Ok(left),
            _ => Err(Failure::NO_OVERLOAD),
        }
    }

    /// A macro of optionals: nothing of nothing, else the body with the value as its variable.
    fn optional_map(&mut self, map: &'a super::program::OptionalMap) -> Evaluated<'a> {
        let target = self.value(&map.target)?;
        self.budget.spend(1)?;
        let inner = match target {
            Value::Optional(Some(inner)) => inner,
            Value::Optional(None) => return Ok(Value::Optional(None)),
            _ => return Err(Failure::NO_OVERLOAD),
        };
        self.locals.push(inner.as_ref().clone());
        let value = self.value(&map.body);
        self.locals.pop();
        let value = value?;
        self.budget.spend(1)?;
        Ok(if map.is_flat { value } else { Value::Optional(Some(Rc::new(value))) })
    }

    /// Matching costs the product of both sizes.
    fn pattern(&mut self, matching: &'a Match) -> Evaluated<'a> {
        let text = self.value(&matching.text)?;
        let limit = matching.limit.as_ref().map(|limit| self.value(limit)).transpose()?;
        let Value::String(text) = text else { return Err(Failure::NO_OVERLOAD) };
        self.budget.scan(text.as_str().len())?;
        let size = text.as_str().chars().count();
        let quarters = u64::try_from(matching.pattern.length.div_ceil(4)).unwrap_or(u64::MAX);
        self.budget.spend(tenths(size + 1).saturating_mul(quarters))?;
        let pattern = &matching.pattern;
        match matching.call {
            Call::Matches => Ok(Value::Bool(pattern.is_match(text.as_str()))),
            Call::Find => {
                let found = pattern.find(text.as_str()).unwrap_or_default();
                self.text(found.to_owned())
            }
            _ => {
                let limit = match limit {
                    // A negative number is no limit.
                    Some(Value::Int(limit)) => usize::try_from(limit).unwrap_or(usize::MAX),
                    None => usize::MAX,
                    Some(_) => return Err(Failure::NO_OVERLOAD),
                };
                // Each is paid for before the next is made: an empty pattern is found everywhere, and
                // costs nothing.
                let mut values = Vec::new();
                for found in pattern.find_all(text.as_str()).take(limit) {
                    self.budget.reserve(size_of::<Value<'_>>())?;
                    values.push(self.text(found.to_owned())?);
                }
                Ok(Value::natives(values))
            }
        }
    }

    /// A text that was made here.
    fn text(&mut self, text: String) -> Evaluated<'a> {
        self.budget.reserve(text.len())?;
        Ok(Value::shared(text))
    }
}

fn constant_value(constant: &Constant) -> Value<'_> {
    match constant {
        Constant::Null => Value::Null,
        Constant::Bool(value) => Value::Bool(*value),
        Constant::Int(value) => Value::Int(*value),
        Constant::Uint(value) => Value::Uint(*value),
        Constant::Double(value) => Value::Double(*value),
        Constant::String(text) => Value::String(Text::Borrowed(text)),
        Constant::Strings(texts) => Value::List(List::Strings(texts)),
        Constant::Type(name) => Value::Type(name),
    }
}

fn is_constant(node: &Node) -> bool {
    match node {
        Node::Constant(_) => true,
        Node::List(elements) => elements.iter().all(is_constant),
        _ => false,
    }
}

/// What a selection finds, in an optional as well; nothing in nothing.
fn found_in<'a>(operand: &Value<'a>, select: &Select) -> Result<Option<Value<'a>>, Failure> {
    match operand {
        // An optional of which that was not known: the result would have to be one.
        Value::Optional(_) if !select.is_optional => Err(Failure::NO_OVERLOAD),
        Value::Optional(None) => Ok(None),
        Value::Optional(Some(_)) if !select.is_plain && is_escaped(&select.name) => {
            Err(Failure::DOUBTFUL)
        }
        Value::Optional(Some(inner)) => find(inner, select),
        operand => find(operand, select),
    }
}

fn find<'a>(operand: &Value<'a>, select: &Select) -> Result<Option<Value<'a>>, Failure> {
    match (operand, select.what) {
        (Value::Object(part), What::Field(field)) => Ok(part.get(field)),
        (Value::Map(map), What::Key) => map.find_text(&select.name),
        (Value::List(_), What::Key) => {
            Err(Failure::text("unsupported index type 'string' in list"))
        }
        (Value::Optional(_), _) => Err(Failure::NO_OVERLOAD),
        // What has no fields has not this one.
        _ => Ok(None),
    }
}
