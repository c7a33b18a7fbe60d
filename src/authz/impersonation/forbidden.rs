use std::fmt::Write;

use crate::model::{Attributes, User};
use crate::util::goquote::Quoted;

/// The message of an HTTP 403 about these attributes (S-FMT-6 … S-FMT-8).
pub(super) fn message(user: &User, attributes: &Attributes<'_>, detail: &str) -> String {
    let mut message = String::new();
    // Writing to a string cannot fail.
    let _ = match attributes {
        Attributes::Resource(asked) if !(asked.group.is_empty() && asked.resource.is_empty()) => {
            message.push_str(asked.resource);
            if !asked.group.is_empty() {
                message.push('.');
                message.push_str(asked.group);
            }
            match asked.name {
                "" => write!(message, " is forbidden: "),
                name => write!(message, " {} is forbidden: ", Quoted(name)),
            }
        }
        _ => write!(message, "forbidden: "),
    };
    message.push_str(&escaped(&what(user, attributes)));
    if !detail.is_empty() {
        message.push_str(": ");
        message.push_str(detail);
    }
    message
}

fn what(user: &User, attributes: &Attributes<'_>) -> String {
    let name = Quoted(&user.name);
    match attributes {
        Attributes::NonResource(asked) => {
            format!("User {name} cannot {} path {}", asked.verb, Quoted(asked.path))
        }
        Attributes::Resource(asked) => {
            let resource = match asked.subresource {
                "" => asked.resource.to_owned(),
                subresource => format!("{}/{subresource}", asked.resource),
            };
            let scope = match asked.namespace {
                "" => "at the cluster scope".to_owned(),
                namespace => format!("in the namespace {}", Quoted(namespace)),
            };
            let (verb, resource, group) = (asked.verb, Quoted(&resource), Quoted(asked.group));
            format!("User {name} cannot {verb} resource {resource} in API group {group} {scope}")
        }
    }
}

/// S-FMT-8.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    escaped
}
