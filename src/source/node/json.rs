use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{MapBuilder, Node, Value};
use crate::api::Str;

/// Reads JSON into a [`Node`], without lines, noting fields that stand twice.
pub(in crate::source) struct NodeSeed<'a> {
    pub(in crate::source) duplicates: &'a RefCell<Vec<Str>>,
}

impl<'de> DeserializeSeed<'de> for NodeSeed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NodeSeed<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::new(Value::Null, 0))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::new(Value::Bool(value), 0))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::new(Value::Int(value), 0))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::new(i64::try_from(value).map_or(Value::Float(f64::INFINITY), Value::Int), 0))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::new(Value::Float(value), 0))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::new(Value::String(value.into()), 0))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(NodeSeed { duplicates: self.duplicates })? {
            items.push(item);
        }
        Ok(Node::new(Value::List(items), 0))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut fields = MapBuilder::default();
        while let Some(name) = access.next_key::<Str>()? {
            let value = access.next_value_seed(NodeSeed { duplicates: self.duplicates })?;
            if let Some(earlier) = fields.insert(name.clone(), value) {
                self.duplicates.borrow_mut().push(name.clone());
                merge_into(&mut fields, name, earlier);
            }
        }
        Ok(Node::new(Value::Map(fields.finish()), 0))
    }
}

/// Go decodes the second value of a field over the first: what the second does not name keeps the
/// value of the first, in objects and in the items of lists.
fn merge_into(fields: &mut MapBuilder, name: Str, earlier: Node) {
    if let Some(later) = fields.insert(name.clone(), Node::new(Value::Null, 0)) {
        fields.insert(name, merge(earlier, later));
    }
}

fn merge(earlier: Node, later: Node) -> Node {
    let value = match (earlier.value, later.value) {
        (Value::Map(first), Value::Map(second)) => {
            let mut fields = MapBuilder::default();
            for (name, value) in first {
                fields.insert(name, value);
            }
            for (name, value) in second {
                let earlier = fields.insert(name.clone(), value);
                if let Some(earlier) = earlier {
                    merge_into(&mut fields, name, earlier);
                }
            }
            Value::Map(fields.finish())
        }
        (Value::List(first), Value::List(second)) => {
            let mut first = first.into_iter();
            let items = second.into_iter().map(|later| match first.next() {
                Some(earlier) => merge(earlier, later),
                None => later,
            });
            Value::List(items.collect())
        }
        (_, later) => later,
    };
    Node::new(value, later.line)
}
