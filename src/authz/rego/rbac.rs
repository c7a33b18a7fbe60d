//! The RBAC policy as functions: `portcullis.rbac.allowed(spec)`, `portcullis.rbac.rules(user, groups,
//! namespace)`.

use regorus::Value;

use super::builtins::Fault;
use super::functions::Caller;
use super::values::{measure, string};
use crate::api::authorization::SubjectRulesReviewStatus;
use crate::model::{Request, ResourceAttributes, User};

/// The most parts that a list of rules may have.
const MOST_PARTS: usize = 100_000;

/// Whether RBAC allows what an object asks that looks like `input`: `user`, `groups`, and
/// `resourceAttributes` or `nonResourceAttributes`. Without `user` or `groups` it means those of the
/// request. Selectors are not looked at, as RBAC looks at none (S-RBAC-4).
pub(super) fn allowed(caller: &Caller, spec: &Value) -> Result<Value, Fault> {
    let Some(rbac) = &caller.rbac else {
        return Err(Fault::Argument("there is no RBAC policy".to_owned()));
    };
    if spec.as_object().is_err() {
        return Err(Fault::Argument("`portcullis.rbac.allowed` takes an object".to_owned()));
    }
    let mut user = User::new(match field(spec, "user") {
        Value::Undefined => &*caller.user.name,
        name => text(name)?,
    });
    user.groups = match field(spec, "groups") {
        Value::Undefined => caller.user.groups.clone(),
        groups => texts(groups)?,
    };
    let resource = field(spec, "resourceAttributes");
    let path = field(spec, "nonResourceAttributes");
    let request = match (resource, path) {
        (Value::Object(_), Value::Undefined) => {
            let mut attributes = ResourceAttributes::default();
            for (key, into) in [
                ("verb", &mut attributes.verb),
                ("namespace", &mut attributes.namespace),
                ("group", &mut attributes.group),
                ("version", &mut attributes.version),
                ("resource", &mut attributes.resource),
                ("subresource", &mut attributes.subresource),
                ("name", &mut attributes.name),
            ] {
                *into = optional_text(field(resource, key))?;
            }
            Request::resource(&user, attributes)
        }
        (Value::Undefined, Value::Object(_)) => Request::non_resource(
            &user,
            optional_text(field(path, "verb"))?,
            optional_text(field(path, "path"))?,
        ),
        _ => {
            let needs = "`portcullis.rbac.allowed` needs one of `resourceAttributes` and \
                `nonResourceAttributes`";
            return Err(Fault::Argument(needs.to_owned()));
        }
    };
    Ok(Value::Bool(rbac.authorize(&request).is_allowed()))
}

/// The rules that RBAC has for a user with these groups in a namespace, as the status of a
/// SelfSubjectRulesReview lists them.
pub(super) fn rules(
    caller: &Caller,
    user: &Value,
    groups: &Value,
    namespace: &Value,
) -> Result<Value, Fault> {
    let Some(rbac) = &caller.rbac else {
        return Err(Fault::Argument("there is no RBAC policy".to_owned()));
    };
    let user = User::new(text(user)?).with_groups(texts(groups)?);
    let rules = rbac.rules_for(&user, text(namespace)?);
    let status = serde_json::to_value(SubjectRulesReviewStatus::from(rules))
        .map_err(|error| Fault::Argument(error.to_string()))?;
    let value = Value::from(status);
    measure(&value, 16, &mut MOST_PARTS.clone())
        .map_err(|_| Fault::Limit("the list of rules is too long".to_owned()))?;
    Ok(value)
}

fn field<'a>(object: &'a Value, key: &str) -> &'a Value {
    let field = object.as_object().ok().and_then(|object| object.get(&string(key)));
    field.unwrap_or(&Value::Undefined)
}

fn text(value: &Value) -> Result<&str, Fault> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(Fault::Argument("a name must be a string".to_owned())),
    }
}

fn optional_text(value: &Value) -> Result<&str, Fault> {
    match value {
        Value::Undefined => Ok(""),
        value => text(value),
    }
}

/// An array or set of strings.
fn texts(value: &Value) -> Result<Vec<String>, Fault> {
    match value {
        Value::Array(items) => items.iter().map(|item| Ok(text(item)?.to_owned())).collect(),
        Value::Set(items) => items.iter_sorted().map(|item| Ok(text(item)?.to_owned())).collect(),
        _ => Err(Fault::Argument("groups must be a list of strings".to_owned())),
    }
}
