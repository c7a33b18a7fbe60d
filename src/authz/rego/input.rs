//! What does a policy see? The spec of the review, and what a review cannot know.

use std::collections::BTreeMap;

use regorus::Value;

use super::facts::{Facts, Labels, ObjectRef};
use super::reads::Fields;
use super::values::{object, string, strings};
use crate::api::meta::StrMap;
use crate::model::utc::Utc;
use crate::model::{
    Attributes, FieldOperator, FieldRequirement, LabelOperator, LabelRequirement, Request,
    ResourceAttributes, ServiceAccountName, User, groups,
};

/// What `input` is for a request, whole. A policy is given only what it reads of this.
///
/// | Field | What it is | Absent |
/// |---|---|---|
/// | `user`, `uid` | strings | when empty |
/// | `groups` | array of strings, in order | when empty |
/// | `extra` | object of arrays of strings | when empty |
/// | `resourceAttributes` | `verb`, `namespace`, `group`, `version`, `resource`, `subresource`, `name`, `fieldSelector`, `labelSelector` | for paths; each field when empty |
/// | `nonResourceAttributes` | `path`, `verb` | for resources |
/// | `serviceAccount` | `namespace`, `name` of the service account who asks | for others |
/// | `node` | the name of the node whose kubelet asks (S-NODE-1) | for others |
/// | `namespace` | `name`; `labels`, when the namespace was read | at cluster scope and for paths |
/// | `object` | `labels` and `annotations` of the object that is named | when it was not read |
/// | `time` | `rfc3339` (a string, UTC), `unix` (seconds) | never |
///
/// The first six are exactly the spec of the SubjectAccessReview that the API server sends to webhooks:
/// what is empty is absent (S-WHA-2), selectors are requirements (S-WHA-3). So a rule on the core group
/// is `not input.resourceAttributes.group`, or `object.get(input.resourceAttributes, "group", "") == ""`.
///
/// ```
/// use portcullis::authz::rego::{self, Facts};
/// use portcullis::model::{Request, ResourceAttributes, User};
///
/// let user = User::service_account("shop", "web");
/// let request = Request::resource(&user, ResourceAttributes::new("get", "pods").in_namespace("shop"));
/// let input = rego::input(&request, &Facts::default(), 0);
/// assert_eq!(input["serviceAccount"]["name"].as_string()?.as_ref(), "web");
/// assert_eq!(input["namespace"]["name"].as_string()?.as_ref(), "shop");
/// assert_eq!(input["time"]["rfc3339"].as_string()?.as_ref(), "1970-01-01T00:00:00Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn input(request: &Request<'_>, facts: &Facts, now: i64) -> Value {
    Builder::new(&Fields::All).build(request, facts, now)
}

/// Builds the part of the input that a policy reads. Each thread has its own: the keys are shared by the
/// inputs of one thread and by no other, since threads that count references to one value wait for each
/// other.
pub(super) struct Builder {
    user: Slot,
    uid: Slot,
    groups: Slot,
    extra: Slot,
    service_account: Slot,
    service_account_namespace: Slot,
    service_account_name: Slot,
    node: Slot,
    resource: Slot,
    verb: Slot,
    namespace: Slot,
    group: Slot,
    version: Slot,
    kind: Slot,
    subresource: Slot,
    name: Slot,
    field_selector: Slot,
    label_selector: Slot,
    path: Slot,
    path_path: Slot,
    path_verb: Slot,
    in_namespace: Slot,
    in_namespace_name: Slot,
    in_namespace_labels: Slot,
    object: Slot,
    object_labels: Slot,
    object_annotations: Slot,
    time: Slot,
    rfc3339: Slot,
    unix: Slot,
    requirements: Slot,
    key: Slot,
    operator: Slot,
    values: Slot,
}

/// The key of a field, if the policy reads it.
struct Slot(Option<Value>);

impl Slot {
    fn new(fields: &Fields, key: &str) -> Self {
        Self(fields.of(key).map(|_| string(key)))
    }
}

impl Builder {
    pub(super) fn new(reads: &Fields) -> Self {
        let nothing = Fields::nothing();
        let inside = |key| reads.of(key).unwrap_or(&nothing);
        let account = inside("serviceAccount");
        let resource = inside("resourceAttributes");
        let path = inside("nonResourceAttributes");
        let namespace = inside("namespace");
        let object = inside("object");
        let time = inside("time");
        Self {
            user: Slot::new(reads, "user"),
            uid: Slot::new(reads, "uid"),
            groups: Slot::new(reads, "groups"),
            extra: Slot::new(reads, "extra"),
            service_account: Slot::new(reads, "serviceAccount"),
            service_account_namespace: Slot::new(account, "namespace"),
            service_account_name: Slot::new(account, "name"),
            node: Slot::new(reads, "node"),
            resource: Slot::new(reads, "resourceAttributes"),
            verb: Slot::new(resource, "verb"),
            namespace: Slot::new(resource, "namespace"),
            group: Slot::new(resource, "group"),
            version: Slot::new(resource, "version"),
            kind: Slot::new(resource, "resource"),
            subresource: Slot::new(resource, "subresource"),
            name: Slot::new(resource, "name"),
            field_selector: Slot::new(resource, "fieldSelector"),
            label_selector: Slot::new(resource, "labelSelector"),
            path: Slot::new(reads, "nonResourceAttributes"),
            path_path: Slot::new(path, "path"),
            path_verb: Slot::new(path, "verb"),
            in_namespace: Slot::new(reads, "namespace"),
            in_namespace_name: Slot::new(namespace, "name"),
            in_namespace_labels: Slot::new(namespace, "labels"),
            object: Slot::new(reads, "object"),
            object_labels: Slot::new(object, "labels"),
            object_annotations: Slot::new(object, "annotations"),
            time: Slot::new(reads, "time"),
            rfc3339: Slot::new(time, "rfc3339"),
            unix: Slot::new(time, "unix"),
            requirements: Slot::new(&Fields::All, "requirements"),
            key: Slot::new(&Fields::All, "key"),
            operator: Slot::new(&Fields::All, "operator"),
            values: Slot::new(&Fields::All, "values"),
        }
    }

    pub(super) fn build(&self, request: &Request<'_>, facts: &Facts, now: i64) -> Value {
        let user = request.user;
        let mut input = Fill::default();
        input.text(&self.user, &user.name);
        input.text(&self.uid, &user.uid);
        if !user.groups.is_empty() {
            input.put(&self.groups, || strings(&user.groups));
        }
        if !user.extra.is_empty() {
            input.put(&self.extra, || {
                object(user.extra.iter().map(|(key, values)| (string(key), strings(values))))
            });
        }
        self.put_who(&mut input, user);
        match &request.attributes {
            Attributes::Resource(asked) => {
                input.put(&self.resource, || self.resource(asked));
                self.put_where(&mut input, asked, facts);
            }
            Attributes::NonResource(asked) => input.put(&self.path, || {
                let mut path = Fill::default();
                path.text(&self.path_path, asked.path);
                path.text(&self.path_verb, asked.verb);
                path.finish()
            }),
        }
        input.put(&self.time, || {
            let mut time = Fill::default();
            time.put(&self.rfc3339, || string(&Utc(now).to_string()));
            time.put(&self.unix, || Value::from(now));
            time.finish()
        });
        input.finish()
    }

    /// What the user name says.
    fn put_who(&self, input: &mut Fill, user: &User) {
        if self.service_account.0.is_some()
            && let Ok(account) = ServiceAccountName::parse(&user.name)
        {
            input.put(&self.service_account, || {
                let mut value = Fill::default();
                value.text(&self.service_account_namespace, account.namespace);
                value.text(&self.service_account_name, account.name);
                value.finish()
            });
        }
        if self.node.0.is_some()
            && let Some(node) = node(user)
        {
            input.put(&self.node, || string(node));
        }
    }

    fn resource(&self, asked: &ResourceAttributes<'_>) -> Value {
        let mut value = Fill::default();
        value.text(&self.verb, asked.verb);
        value.text(&self.namespace, asked.namespace);
        value.text(&self.group, asked.group);
        value.text(&self.version, asked.version);
        value.text(&self.kind, asked.resource);
        value.text(&self.subresource, asked.subresource);
        value.text(&self.name, asked.name);
        if self.field_selector.0.is_some() {
            let requirements = asked.field_selector.requirements.iter();
            let requirements = requirements.map(|term| self.field(term)).collect();
            self.put_selector(&mut value, &self.field_selector, requirements);
        }
        if self.label_selector.0.is_some() {
            let requirements = asked.label_selector.requirements.iter();
            let requirements = requirements.filter_map(|term| self.label(term)).collect();
            self.put_selector(&mut value, &self.label_selector, requirements);
        }
        value.finish()
    }

    /// What is known of the place and of the object.
    fn put_where(&self, input: &mut Fill, asked: &ResourceAttributes<'_>, facts: &Facts) {
        if !asked.namespace.is_empty() {
            input.put(&self.in_namespace, || {
                let mut value = Fill::default();
                value.text(&self.in_namespace_name, asked.namespace);
                if let Some(labels) = facts.namespace(asked.namespace) {
                    value.put(&self.in_namespace_labels, || map(labels));
                }
                value.finish()
            });
        }
        if asked.name.is_empty() || self.object.0.is_none() {
            return;
        }
        let key = ObjectRef {
            group: asked.group,
            resource: asked.resource,
            namespace: asked.namespace,
            name: asked.name,
        };
        if let Some(Labels { labels, annotations }) = facts.object(&key) {
            input.put(&self.object, || {
                let mut value = Fill::default();
                value.put(&self.object_labels, || map(labels));
                value.put(&self.object_annotations, || map(annotations));
                value.finish()
            });
        }
    }

    /// A selector, unless nothing is left of it.
    fn put_selector(&self, into: &mut Fill, slot: &Slot, requirements: Vec<Value>) {
        if !requirements.is_empty() {
            into.put(slot, || {
                let mut value = Fill::default();
                value.put(&self.requirements, || Value::from(requirements));
                value.finish()
            });
        }
    }

    fn field(&self, term: &FieldRequirement) -> Value {
        let operator = match term.operator {
            FieldOperator::Equals => "In",
            FieldOperator::NotEquals => "NotIn",
        };
        self.requirement(&term.field, operator, std::slice::from_ref(&term.value))
    }

    /// `None` for the operators that reviews do not know (S-WHA-3).
    fn label(&self, term: &LabelRequirement) -> Option<Value> {
        let operator = match term.operator {
            LabelOperator::Equals | LabelOperator::In => "In",
            LabelOperator::NotEquals | LabelOperator::NotIn => "NotIn",
            LabelOperator::Exists => "Exists",
            LabelOperator::DoesNotExist => "DoesNotExist",
            LabelOperator::GreaterThan | LabelOperator::LessThan => return None,
        };
        Some(self.requirement(&term.key, operator, &term.values))
    }

    fn requirement(&self, key: &str, operator: &str, values: &[String]) -> Value {
        let mut value = Fill::default();
        value.put(&self.key, || string(key));
        value.put(&self.operator, || string(operator));
        if !values.is_empty() {
            value.put(&self.values, || strings(values));
        }
        value.finish()
    }
}

/// One object that is being filled.
#[derive(Default)]
struct Fill(BTreeMap<Value, Value>);

impl Fill {
    fn put(&mut self, slot: &Slot, value: impl FnOnce() -> Value) {
        if let Some(key) = &slot.0 {
            self.0.insert(key.clone(), value());
        }
    }

    /// A text, unless it is empty.
    fn text(&mut self, slot: &Slot, text: &str) {
        if !text.is_empty() {
            self.put(slot, || string(text));
        }
    }

    fn finish(self) -> Value {
        Value::from(self.0)
    }
}

/// The name of the node whose kubelet this is (S-NODE-1).
fn node(user: &User) -> Option<&str> {
    let name = user.name.strip_prefix("system:node:")?;
    (!name.is_empty() && user.is_member(groups::NODES)).then_some(name)
}

fn map(labels: &StrMap) -> Value {
    object(labels.iter().map(|(key, value)| (string(key), string(value))))
}
