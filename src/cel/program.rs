use super::fields::Field;
use super::function::Call;
use super::pattern::Pattern;
use super::syntax::FoldKind;

/// A checked expression, ready to be evaluated: names are places, fields are numbers, patterns are
/// compiled.
#[derive(Debug)]
pub(super) enum Node {
    Constant(Constant),
    /// `request`, `claims` or `user`: what the expression is about.
    Root,
    /// A variable of a macro, counted from the outermost.
    Local(usize),
    Select(Box<Select>),
    Has(Box<Select>),
    Not(Box<Node>),
    And(Box<[Node; 2]>),
    Or(Box<[Node; 2]>),
    Conditional(Box<[Node; 3]>),
    /// `or` and `orValue`, whose second operand is evaluated only when it is needed.
    OptionalElse(Box<[Node; 2]>, Else),
    Call(Call, Vec<Node>),
    Match(Box<Match>),
    List(Vec<Node>),
    Map(Vec<(Constant, Node)>),
    Fold(Box<Fold>),
    OptionalMap(Box<OptionalMap>),
}

#[derive(Debug)]
pub(super) enum Constant {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Box<str>),
    Strings(Vec<String>),
    /// The name of a type.
    Type(&'static str),
}

#[derive(Debug)]
pub(super) struct Select {
    pub(super) operand: Node,
    pub(super) name: Box<str>,
    pub(super) what: What,
    /// The result is optional: `.?`, or a selection on an optional.
    pub(super) is_optional: bool,
    /// Nothing but selections from the root on: of an escaped name it is known what it means.
    pub(super) is_plain: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    /// A field of an object.
    Field(Field),
    /// A key of a map: the name of the selection.
    Key,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Else {
    Optional,
    Value,
}

/// `matches`, `find` and `findAll` with a pattern that was compiled with the expression.
#[derive(Debug)]
pub(super) struct Match {
    pub(super) call: Call,
    pub(super) text: Node,
    pub(super) pattern: Pattern,
    pub(super) limit: Option<Node>,
}

#[derive(Debug)]
pub(super) struct Fold {
    pub(super) kind: FoldKind,
    pub(super) range: Node,
    /// Whether there are two variables: index and element, or key and value.
    pub(super) is_double: bool,
    pub(super) condition: Option<Node>,
    pub(super) output: Option<Node>,
}

#[derive(Debug)]
pub(super) struct OptionalMap {
    pub(super) target: Node,
    pub(super) body: Node,
    pub(super) is_flat: bool,
}
