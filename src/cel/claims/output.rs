/// What a mapping makes of a token's claims.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Output {
    /// `null`, or a claim that is `null`.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number; never a claim, all of whose numbers are doubles (S-OIDC-21).
    Int(i64),
    /// A whole number without sign.
    Uint(u64),
    /// A number of a claim, or one written with a point.
    Double(f64),
    /// A text.
    String(String),
    /// A list.
    List(Vec<Self>),
    /// A map, in an order of no meaning.
    Map(Vec<(Self, Self)>),
    /// A value of the expression language that nothing outside of it has: the name of its type.
    Other(&'static str),
}
