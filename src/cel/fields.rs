use std::rc::Rc;

use super::types::Type;
use super::value::{List, Map, Text, Value};
use crate::model::{
    Attributes, FieldOperator, FieldRequirement, LabelOperator, LabelRequirement,
    NonResourceAttributes, Request, ResourceAttributes, Selector, User,
};

/// The object types of a request (S-ACFG-11), and the user of a token (S-OIDC-19).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Object {
    Request,
    ResourceAttributes,
    NonResourceAttributes,
    FieldSelector,
    LabelSelector,
    Requirement,
    /// `user`
    UserInfo,
}

/// The fields of these objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    ResourceAttributes,
    NonResourceAttributes,
    User,
    Uid,
    Groups,
    Extra,
    Namespace,
    Verb,
    Group,
    Version,
    Resource,
    Subresource,
    Name,
    /// `fieldSelector`
    SelectedFields,
    /// `labelSelector`
    SelectedLabels,
    Path,
    RawSelector,
    Requirements,
    Key,
    Operator,
    Values,
}

impl Object {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Request => "kubernetes.SubjectAccessReviewSpec",
            Self::ResourceAttributes => "kubernetes.ResourceAttributes",
            Self::NonResourceAttributes => "kubernetes.NonResourceAttributes",
            Self::FieldSelector => "kubernetes.FieldSelectorAttributes",
            Self::LabelSelector => "kubernetes.LabelSelectorAttributes",
            Self::Requirement => "kubernetes.SelectorRequirement",
            Self::UserInfo => "kubernetes.UserInfo",
        }
    }

    /// The field of this name and its type, if the object has one.
    pub(super) fn field(self, name: &str) -> Option<(Field, Type)> {
        let strings = || Type::list(Type::String);
        Some(match (self, name) {
            (Self::Request, "resourceAttributes") => {
                (Field::ResourceAttributes, Type::Object(Self::ResourceAttributes))
            }
            (Self::Request, "nonResourceAttributes") => {
                (Field::NonResourceAttributes, Type::Object(Self::NonResourceAttributes))
            }
            (Self::Request, "user") | (Self::UserInfo, "username") => (Field::User, Type::String),
            (Self::Request | Self::UserInfo, "uid") => (Field::Uid, Type::String),
            (Self::Request | Self::UserInfo, "groups") => (Field::Groups, strings()),
            (Self::Request | Self::UserInfo, "extra") => {
                (Field::Extra, Type::Map(Rc::new(Type::String), Rc::new(strings())))
            }
            (Self::ResourceAttributes, "namespace") => (Field::Namespace, Type::String),
            (Self::ResourceAttributes | Self::NonResourceAttributes, "verb") => {
                (Field::Verb, Type::String)
            }
            (Self::ResourceAttributes, "group") => (Field::Group, Type::String),
            (Self::ResourceAttributes, "version") => (Field::Version, Type::String),
            (Self::ResourceAttributes, "resource") => (Field::Resource, Type::String),
            (Self::ResourceAttributes, "subresource") => (Field::Subresource, Type::String),
            (Self::ResourceAttributes, "name") => (Field::Name, Type::String),
            (Self::ResourceAttributes, "fieldSelector") => {
                (Field::SelectedFields, Type::Object(Self::FieldSelector))
            }
            (Self::ResourceAttributes, "labelSelector") => {
                (Field::SelectedLabels, Type::Object(Self::LabelSelector))
            }
            (Self::NonResourceAttributes, "path") => (Field::Path, Type::String),
            (Self::FieldSelector | Self::LabelSelector, "rawSelector") => {
                (Field::RawSelector, Type::String)
            }
            (Self::FieldSelector | Self::LabelSelector, "requirements") => {
                (Field::Requirements, Type::list(Type::Object(Self::Requirement)))
            }
            (Self::Requirement, "key") => (Field::Key, Type::String),
            (Self::Requirement, "operator") => (Field::Operator, Type::String),
            (Self::Requirement, "values") => (Field::Values, strings()),
            _ => return None,
        })
    }
}

/// One of these objects in a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'a> {
    Request(&'a Request<'a>),
    Resource(&'a ResourceAttributes<'a>),
    NonResource(&'a NonResourceAttributes<'a>),
    FieldSelector(&'a [FieldRequirement]),
    LabelSelector(&'a [LabelRequirement]),
    FieldRequirement(&'a FieldRequirement),
    LabelRequirement(&'a LabelRequirement),
    User(&'a User),
}

impl<'a> Part<'a> {
    /// The value of a field, or nothing where it is absent (S-ACFG-12).
    pub(super) fn get(self, field: Field) -> Option<Value<'a>> {
        let text = |text: &'a str| Some(Value::String(Text::Borrowed(text)));
        match self {
            Self::Request(request) => {
                let user = request.user;
                match (field, &request.attributes) {
                    (Field::User, _) => text(&user.name),
                    (Field::Uid, _) => text(&user.uid),
                    (Field::Groups, _) => Some(Value::List(List::Strings(&user.groups))),
                    (Field::Extra, _) => Some(Value::Map(Map::Extra(&user.extra))),
                    (Field::ResourceAttributes, Attributes::Resource(resource)) => {
                        Some(Value::Object(Part::Resource(resource)))
                    }
                    (Field::NonResourceAttributes, Attributes::NonResource(path)) => {
                        Some(Value::Object(Part::NonResource(path)))
                    }
                    _ => None,
                }
            }
            // All are there always, empty or not.
            Self::User(user) => match field {
                Field::User => text(&user.name),
                Field::Uid => text(&user.uid),
                Field::Groups => Some(Value::List(List::Strings(&user.groups))),
                Field::Extra => Some(Value::Map(Map::UserExtra(&user.extra))),
                _ => None,
            },
            Self::Resource(resource) => match field {
                Field::Namespace => text(resource.namespace),
                Field::Verb => text(resource.verb),
                Field::Group => text(resource.group),
                Field::Version => text(resource.version),
                Field::Resource => text(resource.resource),
                Field::Subresource => text(resource.subresource),
                Field::Name => text(resource.name),
                Field::SelectedFields => field_selector(resource.field_selector),
                Field::SelectedLabels => label_selector(resource.label_selector),
                _ => None,
            },
            Self::NonResource(path) => match field {
                Field::Path => text(path.path),
                Field::Verb => text(path.verb),
                _ => None,
            },
            Self::FieldSelector(requirements) => (field == Field::Requirements)
                .then(|| parts(requirements.iter().map(Part::FieldRequirement))),
            Self::LabelSelector(requirements) => (field == Field::Requirements)
                .then(|| parts(usable(requirements).map(Part::LabelRequirement))),
            Self::FieldRequirement(requirement) => match (field, requirement.operator) {
                (Field::Key, _) => text(&requirement.field),
                (Field::Operator, FieldOperator::Equals) => text("In"),
                (Field::Operator, FieldOperator::NotEquals) => text("NotIn"),
                (Field::Values, _) => {
                    Some(Value::List(List::Strings(std::slice::from_ref(&requirement.value))))
                }
                _ => None,
            },
            Self::LabelRequirement(requirement) => match field {
                Field::Key => text(&requirement.key),
                Field::Operator => operator(requirement.operator).and_then(text),
                Field::Values => Some(Value::List(List::Strings(&requirement.values))),
                _ => None,
            },
        }
    }
}

/// Nothing is there when nothing was asked for; what could not be parsed does not count either way.
fn field_selector<'a>(selector: Selector<'a, FieldRequirement>) -> Option<Value<'a>> {
    let requirements = selector.requirements;
    (!requirements.is_empty()).then_some(Value::Object(Part::FieldSelector(requirements)))
}

fn label_selector<'a>(selector: Selector<'a, LabelRequirement>) -> Option<Value<'a>> {
    let requirements = selector.requirements;
    usable(requirements).next().map(|_| Value::Object(Part::LabelSelector(requirements)))
}

/// The requirements that the API has a word for; others are left out (S-WHA-3).
fn usable(requirements: &[LabelRequirement]) -> impl Iterator<Item = &LabelRequirement> {
    requirements.iter().filter(|requirement| operator(requirement.operator).is_some())
}

/// The API's word for an operator (S-WHA-3).
const fn operator(operator: LabelOperator) -> Option<&'static str> {
    match operator {
        LabelOperator::Equals | LabelOperator::In => Some("In"),
        LabelOperator::NotEquals | LabelOperator::NotIn => Some("NotIn"),
        LabelOperator::Exists => Some("Exists"),
        LabelOperator::DoesNotExist => Some("DoesNotExist"),
        LabelOperator::GreaterThan | LabelOperator::LessThan => None,
    }
}

fn parts<'a>(parts: impl Iterator<Item = Part<'a>>) -> Value<'a> {
    Value::List(List::Values(Rc::new(parts.map(Value::Object).collect())))
}
