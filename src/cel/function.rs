mod table;

use std::rc::Rc;

use super::types::{Bindings, Type};
use table::TABLES;
pub(super) use table::UNSUPPORTED;

/// What a function or operator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    And,
    Or,
    Not,
    Conditional,
    Equals,
    NotEquals,
    Less,
    LessEquals,
    Greater,
    GreaterEquals,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Negate,
    InList,
    InMap,
    Index,
    OptionalIndex,
    Size,
    Contains,
    StartsWith,
    EndsWith,
    Matches,
    Find,
    FindAll,
    ToInt,
    ToUint,
    ToDouble,
    ToText,
    ToBool,
    CharAt,
    IndexOf,
    LastIndexOf,
    Join,
    LowerAscii,
    UpperAscii,
    Replace,
    Split,
    Substring,
    Trim,
    IsSorted,
    Sum,
    SumUnsigned,
    Min,
    Max,
    ListIndexOf,
    ListLastIndexOf,
    Sort,
    Distinct,
    Flatten,
    Slice,
    Range,
    SetsContains,
    SetsEquivalent,
    SetsIntersects,
    OptionalOf,
    OptionalOfNonZero,
    OptionalNone,
    OptionalHasValue,
    OptionalValue,
    OptionalOr,
    OptionalOrValue,
    ParseIp,
    IsIp,
    IsCanonical,
    Family,
    IsUnspecified,
    IsLoopback,
    IsLinkLocalMulticast,
    IsLinkLocalUnicast,
    IsGlobalUnicast,
    ParseCidr,
    IsCidr,
    ContainsIp,
    CidrIp,
    PrefixLength,
    Masked,
    /// `dyn`: the value as it is, of a type that nobody knows.
    Dynamic,
    /// `type`
    TypeOf,
    /// The API server has it.
    Unsupported,
}

/// One way to call a function.
pub(super) struct Overload {
    name: &'static str,
    is_member: bool,
    args: &'static [Shape],
    result: Shape,
    pub(super) call: Call,
}

/// A type in a declaration; `A` and `B` are whatever fits.
#[derive(Clone, Copy)]
enum Shape {
    Dyn,
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Texts,
    A,
    B,
    ListA,
    ListListA,
    MapAB,
    OptionalA,
    OptionalB,
    OptionalListA,
    OptionalMapAB,
    List(&'static Shape),
    Ip,
    Cidr,
}

impl Shape {
    fn to_type(self, a: &Type, b: &Type) -> Type {
        let list_of = |element: &Type| Type::list(element.clone());
        let map = || Type::Map(Rc::new(a.clone()), Rc::new(b.clone()));
        match self {
            Self::Dyn => Type::Dyn,
            Self::Bool => Type::Bool,
            Self::Int => Type::Int,
            Self::Uint => Type::Uint,
            Self::Double => Type::Double,
            Self::Text => Type::String,
            Self::Texts => Type::list(Type::String),
            Self::A => a.clone(),
            Self::B => b.clone(),
            Self::ListA => list_of(a),
            Self::ListListA => Type::list(list_of(a)),
            Self::MapAB => map(),
            Self::OptionalA => Type::optional(a.clone()),
            Self::OptionalB => Type::optional(b.clone()),
            Self::OptionalListA => Type::optional(list_of(a)),
            Self::OptionalMapAB => Type::optional(map()),
            Self::List(element) => Type::list(element.to_type(a, b)),
            Self::Ip => Type::Ip,
            Self::Cidr => Type::Cidr,
        }
    }
}

impl Call {
    /// Whether one and the same function does different things for different types, or nothing at
    /// all for some: of something whose type is not known it is not evaluated.
    pub(super) const fn needs_types(self) -> bool {
        matches!(
            self,
            Self::IsSorted | Self::Sum | Self::SumUnsigned | Self::Min | Self::Max | Self::Sort
        )
    }
}

impl Overload {
    /// The overloads of a name in one style of calling; nothing when the name is unknown in both.
    pub(super) fn of(name: &str, is_member: bool) -> Option<impl Iterator<Item = &'static Self>> {
        let is_known = TABLES.iter().flat_map(|table| table.iter()).any(|own| own.name == name);
        let name = name.to_owned();
        is_known.then(move || {
            let all = TABLES.iter().flat_map(|table| table.iter());
            all.filter(move |own| own.name == name && own.is_member == is_member)
        })
    }

    /// The types of the arguments, a receiver first, and of the result, with variables of their own.
    pub(super) fn instance(&self, bindings: &mut Bindings) -> (Vec<Type>, Type) {
        let (a, b) = (bindings.fresh(), bindings.fresh());
        let args = self.args.iter().map(|shape| shape.to_type(&a, &b)).collect();
        (args, self.result.to_type(&a, &b))
    }
}
