use crate::cel::budget::{Budget, Failure};
use crate::cel::value::{List, Value};

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
    /// What is neither text nor list to an authenticator of the API server: the name of what it is.
    ///
    /// That are values of the expression language that nothing outside of it has, as
    /// `optional_type` (of `claims.?x` without `orValue`), and what `split` and `findAll` return:
    /// the API server takes their lists for groups only after something has put the elements into
    /// another one (`+`, `map`, `filter`).
    Other(&'static str),
}

impl Output {
    /// The value outside of its evaluation, which pays for the copy: what is shared inside is not
    /// here.
    pub(super) fn of(value: &Value<'_>, budget: &mut Budget) -> Result<Self, Failure> {
        budget.step()?;
        budget.reserve(size_of::<Self>())?;
        Ok(match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(value) => Self::Int(*value),
            Value::Uint(value) => Self::Uint(*value),
            Value::Double(value) => Self::Double(*value),
            Value::String(text) => {
                budget.reserve(text.as_str().len())?;
                Self::String(text.as_str().to_owned())
            }
            Value::List(List::Natives(_)) => Self::Other("list of native strings"),
            Value::List(list) => {
                let values = list.iter().map(|value| Self::of(&value, budget));
                Self::List(values.collect::<Result<_, _>>()?)
            }
            Value::Map(map) => {
                let entry = |(key, value): (Value<'_>, Value<'_>)| {
                    Ok((Self::of(&key, budget)?, Self::of(&value, budget)?))
                };
                Self::Map(map.entries().into_iter().map(entry).collect::<Result<_, Failure>>()?)
            }
            Value::Object(_) => Self::Other("object"),
            other => Self::Other(other.type_name().unwrap_or("object")),
        })
    }
}
