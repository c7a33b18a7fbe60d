//! Which objects of a list or watch are meant: field and label selectors.

use serde_json::Value;

use super::kinds::Resource;
use super::status::Status;

/// All terms must hold. Empty: all objects.
#[derive(Debug, Clone, Default)]
pub(super) struct Selector(Vec<Term>);

#[derive(Debug, Clone)]
enum Term {
    /// A field, whether it must be equal, and to what.
    Field(String, bool, String),
    /// A label that must have one of these values.
    In(String, Vec<String>),
    /// A label that must not; also when it is absent.
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

impl Selector {
    pub(super) fn parse(
        resource: &Resource,
        fields: Option<&str>,
        labels: Option<&str>,
    ) -> Result<Self, Status> {
        let mut terms = Vec::new();
        for term in fields.unwrap_or_default().split(',').filter(|term| !term.is_empty()) {
            let (field, is_equal, value) = equation(term)
                .ok_or_else(|| Status::bad_request(format!("invalid field selector: {term}")))?;
            let known = ["metadata.name", "metadata.namespace"].contains(&field)
                || resource.fields.contains(&field);
            if !known {
                return Err(Status::bad_request(format!("field label not supported: {field}")));
            }
            terms.push(Term::Field(field.to_owned(), is_equal, value.to_owned()));
        }
        for term in split(labels.unwrap_or_default()) {
            terms.push(label(term)?);
        }
        Ok(Self(terms))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|term| term.matches(object))
    }
}

impl Term {
    fn matches(&self, object: &Value) -> bool {
        let label = |name: &str| object["metadata"]["labels"].get(name).and_then(Value::as_str);
        match self {
            Self::Field(field, is_equal, value) => {
                let found = field.split('.').fold(object, |at, name| &at[name]);
                (found.as_str().unwrap_or_default() == value) == *is_equal
            }
            Self::In(name, values) => {
                label(name).is_some_and(|found| values.iter().any(|value| value == found))
            }
            Self::NotIn(name, values) => {
                label(name).is_none_or(|found| values.iter().all(|value| value != found))
            }
            Self::Exists(name) => label(name).is_some(),
            Self::Absent(name) => label(name).is_none(),
        }
    }
}

/// `a=b`, `a==b` or `a!=b`.
fn equation(term: &str) -> Option<(&str, bool, &str)> {
    if let Some((name, value)) = term.split_once("!=") {
        return Some((name.trim(), false, value.trim()));
    }
    let (name, value) = term.split_once("==").or_else(|| term.split_once('='))?;
    Some((name.trim(), true, value.trim()))
}

/// At commas outside of parentheses.
fn split(selector: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let parts = selector.split(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn label(term: &str) -> Result<Term, Status> {
    let set = |values: &str| -> Vec<String> {
        values.trim().trim_matches(['(', ')']).split(',').map(|value| value.trim().into()).collect()
    };
    if let Some((name, values)) = term.split_once(" notin ") {
        return Ok(Term::NotIn(name.trim().into(), set(values)));
    }
    if let Some((name, values)) = term.split_once(" in ") {
        return Ok(Term::In(name.trim().into(), set(values)));
    }
    if let Some((name, is_equal, value)) = equation(term) {
        let values = vec![value.to_owned()];
        let make = if is_equal { Term::In } else { Term::NotIn };
        return Ok(make(name.to_owned(), values));
    }
    if term.contains([' ', '(', ')']) {
        return Err(Status::bad_request(format!("unable to parse requirement: {term}")));
    }
    Ok(match term.strip_prefix('!') {
        Some(name) => Term::Absent(name.to_owned()),
        None => Term::Exists(term.to_owned()),
    })
}
