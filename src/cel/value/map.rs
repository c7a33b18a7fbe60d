use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Json, List, Reach, Text, Value, json_value};
use crate::cel::budget::{Effort, Failure};
use crate::cel::escape::{is_escaped, unescaped};
use crate::cel::library::doubles::Order;

/// A map during an evaluation.
#[derive(Debug, Clone)]
pub(in crate::cel) enum Map<'a> {
    /// `request.extra`
    Extra(&'a BTreeMap<String, Vec<String>>),
    /// `user.extra`, whose names may be escaped where one is selected.
    UserExtra(&'a BTreeMap<String, Vec<String>>),
    /// Of a literal, whose keys all differ.
    Entries(Rc<Vec<(Value<'a>, Value<'a>)>>),
    /// `claims` itself: only selections and indices know what is in it (S-OIDC-21b).
    Claims(&'a serde_json::Map<String, Json>),
    /// An object in a claim.
    Json(&'a serde_json::Map<String, Json>, Reach),
}

impl<'a> Map<'a> {
    pub(in crate::cel) fn len(&self) -> usize {
        match self {
            Self::Extra(extra) | Self::UserExtra(extra) => extra.len(),
            Self::Entries(entries) => entries.len(),
            Self::Claims(map) | Self::Json(map, _) => map.len(),
        }
    }

    /// What a selection or an index finds.
    pub(in crate::cel) fn find(&self, key: &Value<'_>) -> Result<Option<Value<'a>>, Failure> {
        match (self, key) {
            (_, Value::String(text)) => self.find_text(text.as_str()),
            (Self::Claims(_), _) => Err(Failure::NO_OVERLOAD),
            (Self::Entries(_), key) => self.entry(key),
            _ => Ok(None),
        }
    }

    /// What a selection finds, or an index that is a text.
    pub(in crate::cel) fn find_text(&self, key: &str) -> Result<Option<Value<'a>>, Failure> {
        let name = match self {
            // A name with an escape that is none stands for itself, but not of a claim.
            Self::UserExtra(_) | Self::Json(_, Reach::Selected) => {
                unescaped(key).unwrap_or(Cow::Borrowed(key))
            }
            Self::Claims(_) => match unescaped(key) {
                Some(name) => name,
                None => return Ok(None),
            },
            Self::Json(_, Reach::Iterated) if is_escaped(key) => return Err(Failure::DOUBTFUL),
            Self::Entries(_) => return self.entry(&Value::String(Text::Borrowed(key))),
            Self::Extra(_) | Self::Json(..) => Cow::Borrowed(key),
        };
        Ok(self.named(&name))
    }

    /// Whether `in` finds a key, which is never escaped there.
    pub(in crate::cel) fn contains(&self, key: &Value<'_>) -> Result<bool, Failure> {
        match (self, key) {
            (Self::Claims(_), _) => Err(Failure::NO_OVERLOAD),
            (Self::Entries(_), key) => Ok(self.entry(key)?.is_some()),
            (_, Value::String(text)) => Ok(self.named(text.as_str()).is_some()),
            _ => Ok(false),
        }
    }

    /// The value of a key that is a text, as it is.
    fn named(&self, key: &str) -> Option<Value<'a>> {
        match self {
            Self::Extra(extra) | Self::UserExtra(extra) => {
                extra.get(key).map(|values| Value::List(List::Strings(values)))
            }
            Self::Claims(map) => map.get(key).map(|value| json_value(value, Reach::Selected)),
            Self::Json(map, reach) => map.get(key).map(|value| json_value(value, *reach)),
            Self::Entries(_) => None,
        }
    }

    /// The value of a literal's key: keys are texts and numbers.
    fn entry(&self, key: &Value<'_>) -> Result<Option<Value<'a>>, Failure> {
        let Self::Entries(entries) = self else { return Ok(None) };
        for (own, value) in entries.iter() {
            match own.order(key) {
                Some(Order::Is(std::cmp::Ordering::Equal)) => return Ok(Some(value.clone())),
                Some(Order::Doubtful) => return Err(Failure::DOUBTFUL),
                _ => {}
            }
        }
        Ok(None)
    }

    pub(super) fn equals(&self, other: &Map<'_>, effort: &mut Effort) -> bool {
        self.len() == other.len()
            && effort.steps(self.len())
            && self.entries().iter().all(|(key, value)| {
                // The API server looks for the key as a selection does, in some of them.
                let is_text_escaped = |text: &Text<'_>| is_escaped(text.as_str());
                if matches!(key, Value::String(text) if is_text_escaped(text))
                    && (self.is_json() || other.is_json())
                {
                    effort.doubt();
                }
                match other.find(key) {
                    Ok(Some(found)) => value.equals(&found, effort),
                    Ok(None) => false,
                    Err(_) => {
                        effort.doubt();
                        false
                    }
                }
            })
    }

    const fn is_json(&self) -> bool {
        matches!(self, Self::Json(..) | Self::Claims(_) | Self::UserExtra(_))
    }

    /// The keys with their values, in an order of ours: the API server's differs each time.
    pub(in crate::cel) fn entries(&self) -> Vec<(Value<'a>, Value<'a>)> {
        let text = |key: &'a String| Value::String(Text::Borrowed(key));
        match self {
            Self::Extra(extra) | Self::UserExtra(extra) => {
                let entry = |(key, values): (&'a String, &'a Vec<String>)| {
                    (text(key), Value::List(List::Strings(values)))
                };
                extra.iter().map(entry).collect()
            }
            Self::Entries(entries) => entries.as_ref().clone(),
            Self::Claims(map) | Self::Json(map, _) => {
                let entry = |(key, value): (&'a String, &'a Json)| {
                    (text(key), json_value(value, Reach::Iterated))
                };
                map.iter().map(entry).collect()
            }
        }
    }
}
