//! Reads wire types out of a [`Node`], and says what is wrong in whose words a manifest's author
//! thinks.

use std::fmt;

use serde::de::{
    self, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::{Node, Value};
use crate::api::Str;
use crate::source::WrongType;
use crate::source::text::{NAME, excerpt};

/// How much of a value an error shows.
const ENOUGH: usize = 40;

/// A [`WrongType`] under construction: the path grows from the inside out.
#[derive(Debug)]
pub(crate) struct Error {
    path: Vec<Segment>,
    line: u32,
    expected: String,
    found: String,
}

#[derive(Debug)]
enum Segment {
    Field(Str),
    Item(usize),
}

impl Error {
    fn within(mut self, segment: Segment, line: u32) -> Self {
        if self.line == 0 {
            self.line = line;
        }
        self.path.push(segment);
        self
    }

    /// The finished error. `within` is the path of the value that was read, empty for an object.
    pub(in crate::source) fn finish(self, within: &str) -> WrongType {
        let mut field = within.to_owned();
        for segment in self.path.iter().rev() {
            match segment {
                Segment::Field(name) if field.is_empty() => field.push_str(&excerpt(name, NAME)),
                Segment::Field(name) => {
                    field.push('.');
                    field.push_str(&excerpt(name, NAME));
                }
                Segment::Item(index) => field.push_str(&format!("[{index}]")),
            }
        }
        WrongType { field, expected: self.expected, found: self.found, line: self.line }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be {}, but is {}", self.expected, self.found)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            path: Vec::new(),
            line: 0,
            expected: message.to_string(),
            found: "another value".into(),
        }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        // Derived code names the type it reads; a manifest's author knows it as an object.
        let expected = match expected.to_string() {
            text if text.starts_with("struct ") || text == "a map" => "an object".to_owned(),
            text if text == "i64" => "a whole number".to_owned(),
            text => text,
        };
        let found = match found {
            Unexpected::Bool(value) => format!("the boolean `{value}`"),
            Unexpected::Unsigned(value) => format!("the number `{value}`"),
            Unexpected::Signed(value) => format!("the number `{value}`"),
            Unexpected::Float(value) => format!("the number `{value}`"),
            Unexpected::Str(value) => format!("the string `{}`", excerpt(value, ENOUGH)),
            Unexpected::Unit | Unexpected::Option => "null".to_owned(),
            Unexpected::Seq => "a list".to_owned(),
            _ => "an object".to_owned(),
        };
        Self { path: Vec::new(), line: 0, expected, found }
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(found, expected)
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let result = match &self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::String(value) => visitor.visit_borrowed_str(value),
            Value::List(items) => visitor.visit_seq(Items { items: items.iter(), index: 0 }),
            Value::Map(fields) => visitor.visit_map(Fields { fields: fields.iter(), value: None }),
        };
        result.map_err(|mut error: Error| {
            if error.line == 0 && error.path.is_empty() {
                error.line = self.line;
            }
            error
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        // Derived code would take a list for the fields in their order; Go does not.
        if matches!(self.value, Value::List(_)) {
            let mut error = Error::invalid_type(Unexpected::Seq, &visitor);
            error.line = self.line;
            return Err(error);
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct enum identifier
    }
}

struct Items<'de> {
    items: std::slice::Iter<'de, Node>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        let value = seed.deserialize(item);
        value.map(Some).map_err(|error| error.within(Segment::Item(index), item.line))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Fields<'de> {
    fields: std::slice::Iter<'de, (Str, Node)>,
    value: Option<&'de (Str, Node)>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        self.value = self.fields.next();
        let Some((name, _)) = self.value else { return Ok(None) };
        seed.deserialize(name.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let Some((name, value)) = self.value.take() else {
            return Err(Error::custom("a value for every field"));
        };
        seed.deserialize(value)
            .map_err(|error| error.within(Segment::Field(name.clone()), value.line))
    }
}
