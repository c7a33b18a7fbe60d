use super::Shape::*;
use super::{Call, Overload};

/// Functions of the API server's environment that are not evaluated here, whatever their arguments
/// (S-ACFG-14).
#[rustfmt::skip]
pub(in crate::cel) const UNSUPPORTED: &[&str] = &[
    // Times, bytes and types: nothing of a request is one.
    "bytes", "duration", "timestamp", "type", "getDate", "getDayOfMonth", "getDayOfWeek",
    "getDayOfYear", "getFullYear", "getHours", "getMilliseconds", "getMinutes", "getMonth",
    "getSeconds",
    // URLs.
    "url", "isURL", "getScheme", "getHost", "getHostname", "getPort", "getEscapedPath", "getQuery",
    // Quantities.
    "quantity", "isQuantity", "sign", "isGreaterThan", "isLessThan", "compareTo", "isInteger",
    "asInteger", "asApproximateFloat", "add", "sub", "mul", "div", "divInt",
    // Semantic versions.
    "semver", "isSemver", "major", "minor", "patch",
    // Formats.
    "format", "format.named", "format.dns1123Label", "format.dns1123Subdomain", "format.dns1035Label",
    "format.qualifiedName", "format.dns1123LabelPrefix", "format.dns1123SubdomainPrefix",
    "format.dns1035LabelPrefix", "format.labelValue", "format.uri", "format.uuid", "format.byte",
    "format.date", "format.datetime", "validate",
    // Text and lists.
    "strings.quote", "reverse", "sortBy", "transformMap", "transformMapEntry", "includes", "first",
    "last", "optional.unwrap", "unwrapOpt",
    // Which addresses are in which range differs between versions.
    "containsCIDR",
    // Container images.
    "image", "isImage", "registry", "repository", "identifier", "tag", "digest", "containerImage",
];

/// `method` is called on its first argument.
macro_rules! overloads {
    ($($style:ident $name:literal ($($arg:expr),*) -> $result:expr => $call:ident;)*) => {
        &[$(Overload {
            name: $name,
            is_member: overloads!(@ $style),
            args: &[$($arg),*],
            result: $result,
            call: Call::$call,
        }),*]
    };
    (@ function) => { false };
    (@ method) => { true };
}

pub(super) const TABLES: [&[Overload]; 5] = [OPERATORS, STANDARD, STRINGS, LISTS, NET];

const OPERATORS: &[Overload] = overloads! {
    function "_&&_" (Bool, Bool) -> Bool => And;
    function "_||_" (Bool, Bool) -> Bool => Or;
    function "!_" (Bool) -> Bool => Not;
    function "_?_:_" (Bool, A, A) -> A => Conditional;
    function "_==_" (A, A) -> Bool => Equals;
    function "_!=_" (A, A) -> Bool => NotEquals;
    function "@in" (A, ListA) -> Bool => InList;
    function "@in" (A, MapAB) -> Bool => InMap;
    function "_[_]" (ListA, Int) -> A => Index;
    function "_[_]" (MapAB, A) -> B => Index;
    function "_[_]" (OptionalListA, Int) -> OptionalA => OptionalIndex;
    function "_[_]" (OptionalMapAB, A) -> OptionalB => OptionalIndex;
    function "_[?_]" (ListA, Int) -> OptionalA => OptionalIndex;
    function "_[?_]" (OptionalListA, Int) -> OptionalA => OptionalIndex;
    function "_[?_]" (MapAB, A) -> OptionalB => OptionalIndex;
    function "_[?_]" (OptionalMapAB, A) -> OptionalB => OptionalIndex;
    function "-_" (Int) -> Int => Negate;
    function "-_" (Double) -> Double => Negate;
    function "_+_" (Int, Int) -> Int => Add;
    function "_+_" (Uint, Uint) -> Uint => Add;
    function "_+_" (Double, Double) -> Double => Add;
    function "_+_" (Text, Text) -> Text => Add;
    function "_+_" (ListA, ListA) -> ListA => Add;
    function "_-_" (Int, Int) -> Int => Subtract;
    function "_-_" (Uint, Uint) -> Uint => Subtract;
    function "_-_" (Double, Double) -> Double => Subtract;
    function "_*_" (Int, Int) -> Int => Multiply;
    function "_*_" (Uint, Uint) -> Uint => Multiply;
    function "_*_" (Double, Double) -> Double => Multiply;
    function "_/_" (Int, Int) -> Int => Divide;
    function "_/_" (Uint, Uint) -> Uint => Divide;
    function "_/_" (Double, Double) -> Double => Divide;
    function "_%_" (Int, Int) -> Int => Modulo;
    function "_%_" (Uint, Uint) -> Uint => Modulo;
    function "_<_" (Bool, Bool) -> Bool => Less;
    function "_<_" (Int, Int) -> Bool => Less;
    function "_<_" (Int, Uint) -> Bool => Less;
    function "_<_" (Int, Double) -> Bool => Unsupported;
    function "_<_" (Uint, Uint) -> Bool => Less;
    function "_<_" (Uint, Int) -> Bool => Less;
    function "_<_" (Uint, Double) -> Bool => Unsupported;
    function "_<_" (Double, Double) -> Bool => Less;
    function "_<_" (Double, Int) -> Bool => Unsupported;
    function "_<_" (Double, Uint) -> Bool => Unsupported;
    function "_<_" (Text, Text) -> Bool => Less;
    function "_<=_" (Bool, Bool) -> Bool => LessEquals;
    function "_<=_" (Int, Int) -> Bool => LessEquals;
    function "_<=_" (Int, Uint) -> Bool => LessEquals;
    function "_<=_" (Int, Double) -> Bool => Unsupported;
    function "_<=_" (Uint, Uint) -> Bool => LessEquals;
    function "_<=_" (Uint, Int) -> Bool => LessEquals;
    function "_<=_" (Uint, Double) -> Bool => Unsupported;
    function "_<=_" (Double, Double) -> Bool => LessEquals;
    function "_<=_" (Double, Int) -> Bool => Unsupported;
    function "_<=_" (Double, Uint) -> Bool => Unsupported;
    function "_<=_" (Text, Text) -> Bool => LessEquals;
    function "_>_" (Bool, Bool) -> Bool => Greater;
    function "_>_" (Int, Int) -> Bool => Greater;
    function "_>_" (Int, Uint) -> Bool => Greater;
    function "_>_" (Int, Double) -> Bool => Unsupported;
    function "_>_" (Uint, Uint) -> Bool => Greater;
    function "_>_" (Uint, Int) -> Bool => Greater;
    function "_>_" (Uint, Double) -> Bool => Unsupported;
    function "_>_" (Double, Double) -> Bool => Greater;
    function "_>_" (Double, Int) -> Bool => Unsupported;
    function "_>_" (Double, Uint) -> Bool => Unsupported;
    function "_>_" (Text, Text) -> Bool => Greater;
    function "_>=_" (Bool, Bool) -> Bool => GreaterEquals;
    function "_>=_" (Int, Int) -> Bool => GreaterEquals;
    function "_>=_" (Int, Uint) -> Bool => GreaterEquals;
    function "_>=_" (Int, Double) -> Bool => Unsupported;
    function "_>=_" (Uint, Uint) -> Bool => GreaterEquals;
    function "_>=_" (Uint, Int) -> Bool => GreaterEquals;
    function "_>=_" (Uint, Double) -> Bool => Unsupported;
    function "_>=_" (Double, Double) -> Bool => GreaterEquals;
    function "_>=_" (Double, Int) -> Bool => Unsupported;
    function "_>=_" (Double, Uint) -> Bool => Unsupported;
    function "_>=_" (Text, Text) -> Bool => GreaterEquals;
};

const STANDARD: &[Overload] = overloads! {
    function "dyn" (A) -> Dyn => Unsupported;
    function "size" (Text) -> Int => Size;
    function "size" (ListA) -> Int => Size;
    function "size" (MapAB) -> Int => Size;
    method "size" (Text) -> Int => Size;
    method "size" (ListA) -> Int => Size;
    method "size" (MapAB) -> Int => Size;
    method "contains" (Text, Text) -> Bool => Contains;
    method "startsWith" (Text, Text) -> Bool => StartsWith;
    method "endsWith" (Text, Text) -> Bool => EndsWith;
    method "matches" (Text, Text) -> Bool => Matches;
    function "matches" (Text, Text) -> Bool => Matches;
    method "find" (Text, Text) -> Text => Find;
    method "findAll" (Text, Text) -> Texts => FindAll;
    method "findAll" (Text, Text, Int) -> Texts => FindAll;
    function "int" (Int) -> Int => ToInt;
    function "int" (Uint) -> Int => ToInt;
    function "int" (Double) -> Int => Unsupported;
    function "int" (Text) -> Int => ToInt;
    function "uint" (Uint) -> Uint => ToUint;
    function "uint" (Int) -> Uint => ToUint;
    function "uint" (Double) -> Uint => Unsupported;
    function "uint" (Text) -> Uint => ToUint;
    function "double" (Double) -> Double => ToDouble;
    function "double" (Int) -> Double => Unsupported;
    function "double" (Uint) -> Double => Unsupported;
    function "double" (Text) -> Double => Unsupported;
    function "string" (Text) -> Text => ToText;
    function "string" (Bool) -> Text => ToText;
    function "string" (Int) -> Text => ToText;
    function "string" (Uint) -> Text => ToText;
    function "string" (Double) -> Text => Unsupported;
    function "string" (Ip) -> Text => ToText;
    function "string" (Cidr) -> Text => ToText;
    function "bool" (Bool) -> Bool => ToBool;
    function "bool" (Text) -> Bool => ToBool;
    function "optional.of" (A) -> OptionalA => OptionalOf;
    function "optional.ofNonZeroValue" (A) -> OptionalA => OptionalOfNonZero;
    function "optional.none" () -> OptionalA => OptionalNone;
    method "hasValue" (OptionalA) -> Bool => OptionalHasValue;
    method "value" (OptionalA) -> A => OptionalValue;
    method "or" (OptionalA, OptionalA) -> OptionalA => OptionalOr;
    method "orValue" (OptionalA, A) -> A => OptionalOrValue;
};

const STRINGS: &[Overload] = overloads! {
    method "charAt" (Text, Int) -> Text => CharAt;
    method "indexOf" (Text, Text) -> Int => IndexOf;
    method "indexOf" (Text, Text, Int) -> Int => Unsupported;
    method "lastIndexOf" (Text, Text) -> Int => LastIndexOf;
    method "lastIndexOf" (Text, Text, Int) -> Int => Unsupported;
    method "join" (Texts) -> Text => Join;
    method "join" (Texts, Text) -> Text => Join;
    method "lowerAscii" (Text) -> Text => LowerAscii;
    method "upperAscii" (Text) -> Text => UpperAscii;
    method "replace" (Text, Text, Text) -> Text => Replace;
    method "replace" (Text, Text, Text, Int) -> Text => Replace;
    method "split" (Text, Text) -> Texts => Split;
    method "split" (Text, Text, Int) -> Texts => Split;
    method "substring" (Text, Int) -> Text => Substring;
    method "substring" (Text, Int, Int) -> Text => Substring;
    method "trim" (Text) -> Text => Trim;
};

const LISTS: &[Overload] = overloads! {
    method "isSorted" (List(&Int)) -> Bool => IsSorted;
    method "isSorted" (List(&Uint)) -> Bool => IsSorted;
    method "isSorted" (List(&Double)) -> Bool => Unsupported;
    method "isSorted" (List(&Bool)) -> Bool => IsSorted;
    method "isSorted" (Texts) -> Bool => IsSorted;
    method "sum" (List(&Int)) -> Int => Sum;
    method "sum" (List(&Uint)) -> Uint => SumUnsigned;
    method "sum" (List(&Double)) -> Double => Unsupported;
    method "min" (List(&Int)) -> Int => Min;
    method "min" (List(&Uint)) -> Uint => Min;
    method "min" (List(&Double)) -> Double => Unsupported;
    method "min" (List(&Bool)) -> Bool => Min;
    method "min" (Texts) -> Text => Min;
    method "max" (List(&Int)) -> Int => Max;
    method "max" (List(&Uint)) -> Uint => Max;
    method "max" (List(&Double)) -> Double => Unsupported;
    method "max" (List(&Bool)) -> Bool => Max;
    method "max" (Texts) -> Text => Max;
    method "indexOf" (ListA, A) -> Int => ListIndexOf;
    method "lastIndexOf" (ListA, A) -> Int => ListLastIndexOf;
    method "sort" (List(&Int)) -> List(&Int) => Sort;
    method "sort" (List(&Uint)) -> List(&Uint) => Sort;
    method "sort" (List(&Double)) -> List(&Double) => Unsupported;
    method "sort" (List(&Bool)) -> List(&Bool) => Sort;
    method "sort" (Texts) -> Texts => Sort;
    method "distinct" (ListA) -> ListA => Distinct;
    method "flatten" (ListListA) -> ListA => Flatten;
    method "flatten" (ListA, Int) -> List(&Dyn) => Unsupported;
    method "slice" (ListA, Int, Int) -> ListA => Slice;
    function "lists.range" (Int) -> List(&Int) => Range;
    function "sets.contains" (ListA, ListA) -> Bool => SetsContains;
    function "sets.equivalent" (ListA, ListA) -> Bool => SetsEquivalent;
    function "sets.intersects" (ListA, ListA) -> Bool => SetsIntersects;
};

const NET: &[Overload] = overloads! {
    function "ip" (Text) -> Ip => ParseIp;
    function "isIP" (Text) -> Bool => IsIp;
    function "ip.isCanonical" (Text) -> Bool => IsCanonical;
    method "family" (Ip) -> Int => Family;
    method "isUnspecified" (Ip) -> Bool => IsUnspecified;
    method "isLoopback" (Ip) -> Bool => IsLoopback;
    method "isLinkLocalMulticast" (Ip) -> Bool => IsLinkLocalMulticast;
    method "isLinkLocalUnicast" (Ip) -> Bool => IsLinkLocalUnicast;
    method "isGlobalUnicast" (Ip) -> Bool => IsGlobalUnicast;
    function "cidr" (Text) -> Cidr => ParseCidr;
    function "isCIDR" (Text) -> Bool => IsCidr;
    method "containsIP" (Cidr, Text) -> Bool => ContainsIp;
    method "containsIP" (Cidr, Ip) -> Bool => ContainsIp;
    method "ip" (Cidr) -> Ip => CidrIp;
    method "prefixLength" (Cidr) -> Int => PrefixLength;
    method "masked" (Cidr) -> Cidr => Masked;
};
