use std::collections::BTreeMap;
use std::ops::Range;

use serde::ser::{SerializeStruct, Serializer};
use serde::{Serialize, ser};

#[cfg(feature = "conditional-authorization")]
use super::conditions::ConditionalMode;
use super::review::Version;
use crate::model::{
    Attributes, FieldOperator, FieldRequirement, LabelOperator, LabelRequirement, Request,
};

/// A SubjectAccessReview that asks a webhook, byte for byte as the API server writes it (S-WHA-1 …
/// S-WHA-3), save that `<`, `>` and `&` are not escaped and no line break follows.
///
/// ```
/// use portcullis::api::authorization::{OutgoingReview, Version};
/// use portcullis::model::{Request, ResourceAttributes, User};
///
/// let jane = User::new("jane").with_groups(["dev"]);
/// let request = Request::resource(&jane, ResourceAttributes::new("get", "pods"));
/// let review = OutgoingReview::new(&request, Version::V1beta1);
/// assert_eq!(
///     std::str::from_utf8(review.spec())?,
///     r#"{"resourceAttributes":{"verb":"get","resource":"pods"},"user":"jane","group":["dev"]}"#
/// );
/// # Ok::<(), std::str::Utf8Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingReview {
    body: Vec<u8>,
    spec: Range<usize>,
}

impl OutgoingReview {
    /// The question of a request.
    #[must_use]
    pub fn new(request: &Request<'_>, version: Version) -> Self {
        Self::write(version, &Spec::new(request, version))
    }

    /// The same, with the conditions that the asker understands (S-COND-1).
    #[cfg(feature = "conditional-authorization")]
    #[must_use]
    pub fn conditional(request: &Request<'_>, version: Version, mode: ConditionalMode) -> Self {
        let conditional_authorization =
            (mode != ConditionalMode::Unsupported).then_some(Conditional { mode });
        Self::write(version, &Spec { conditional_authorization, ..Spec::new(request, version) })
    }

    fn write(version: Version, spec: &Spec<'_>) -> Self {
        let mut body = Vec::with_capacity(512);
        body.extend_from_slice(br#"{"kind":"SubjectAccessReview","apiVersion":""#);
        body.extend_from_slice(version.api_version().as_bytes());
        body.extend_from_slice(br#"","metadata":{},"spec":"#);
        let start = body.len();
        // Neither a writer that grows nor a map with keys that are text can fail.
        let _ = serde_json::to_writer(&mut body, spec);
        let end = body.len();
        body.extend_from_slice(br#","status":{"allowed":false}}"#);
        Self { body, spec: start..end }
    }

    /// The whole object.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The spec in it, which tells questions apart.
    #[must_use]
    pub fn spec(&self) -> &[u8] {
        self.body.get(self.spec.clone()).unwrap_or_default()
    }
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_attributes: Option<Resource<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    non_resource_attributes: Option<Path<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    user: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    groups: &'a [String],
    // The spelling of `v1beta1` (S-WHA-2).
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    group: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<&'a BTreeMap<String, Vec<String>>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    uid: &'a str,
    #[cfg(feature = "conditional-authorization")]
    #[serde(skip_serializing_if = "Option::is_none")]
    conditional_authorization: Option<Conditional>,
}

#[cfg(feature = "conditional-authorization")]
#[derive(Serialize)]
struct Conditional {
    mode: ConditionalMode,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Resource<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    verb: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    group: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    resource: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    subresource: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "Requirements::is_empty")]
    field_selector: Requirements<'a, FieldRequirement>,
    #[serde(skip_serializing_if = "Requirements::is_empty")]
    label_selector: Requirements<'a, LabelRequirement>,
}

#[derive(Serialize)]
struct Path<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    path: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    verb: &'a str,
}

impl<'a> Spec<'a> {
    fn new(request: &Request<'a>, version: Version) -> Self {
        let user = request.user;
        let (groups, group): (&[String], &[String]) = match version {
            Version::V1 => (&user.groups, &[]),
            Version::V1beta1 => (&[], &user.groups),
        };
        let mut spec = Self {
            user: &user.name,
            groups,
            group,
            extra: (!user.extra.is_empty()).then_some(&user.extra),
            uid: &user.uid,
            ..Self::default()
        };
        match &request.attributes {
            Attributes::Resource(asked) => {
                spec.resource_attributes = Some(Resource {
                    namespace: asked.namespace,
                    verb: asked.verb,
                    group: asked.group,
                    version: asked.version,
                    resource: asked.resource,
                    subresource: asked.subresource,
                    name: asked.name,
                    field_selector: Requirements(asked.field_selector.requirements),
                    label_selector: Requirements(asked.label_selector.requirements),
                });
            }
            Attributes::NonResource(asked) => {
                spec.non_resource_attributes = Some(Path { path: asked.path, verb: asked.verb });
            }
        }
        spec
    }
}

/// What is left of a selector, as `{"requirements": […]}`. What failed to parse is not in it, and
/// need not be: a selector only narrows (S-ATTR-22).
struct Requirements<'a, R>(&'a [R]);

/// A requirement that a review may be able to say.
trait Requirement {
    fn sent(&self) -> Option<Sent<'_>>;
}

impl<R: Requirement> Requirements<'_, R> {
    fn is_empty(&self) -> bool {
        !self.0.iter().any(|requirement| requirement.sent().is_some())
    }
}

impl<R: Requirement> Serialize for Requirements<'_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct List<'a, R>(&'a [R]);

        impl<R: Requirement> Serialize for List<'_, R> {
            fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.0.iter().filter_map(Requirement::sent))
            }
        }

        let mut selector = serializer.serialize_struct("Selector", 1)?;
        selector.serialize_field("requirements", &List(self.0))?;
        selector.end()
    }
}

#[derive(Serialize)]
struct Sent<'a> {
    key: &'a str,
    operator: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    values: &'a [String],
}

impl Requirement for FieldRequirement {
    fn sent(&self) -> Option<Sent<'_>> {
        let operator = match self.operator {
            FieldOperator::Equals => "In",
            FieldOperator::NotEquals => "NotIn",
        };
        Some(Sent { key: &self.field, operator, values: std::slice::from_ref(&self.value) })
    }
}

impl Requirement for LabelRequirement {
    fn sent(&self) -> Option<Sent<'_>> {
        let operator = match self.operator {
            LabelOperator::Equals | LabelOperator::In => "In",
            LabelOperator::NotEquals | LabelOperator::NotIn => "NotIn",
            LabelOperator::Exists => "Exists",
            LabelOperator::DoesNotExist => "DoesNotExist",
            // Reviews have no word for these; without them the question is wider (S-WHA-3).
            LabelOperator::GreaterThan | LabelOperator::LessThan => return None,
        };
        Some(Sent { key: &self.key, operator, values: &self.values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::selector::{parse_fields, parse_labels};
    use crate::model::{ResourceAttributes, Selector, User};

    fn spec(request: &Request<'_>, version: Version) -> String {
        String::from_utf8(OutgoingReview::new(request, version).spec().to_vec()).unwrap()
    }

    #[test]
    fn the_whole_object_is_as_the_api_server_writes_it() {
        // S-WHA-1.
        let user = User::default();
        let request = Request::non_resource(&user, "get", "/healthz");
        let review = OutgoingReview::new(&request, Version::V1);
        assert_eq!(
            std::str::from_utf8(review.body()).unwrap(),
            concat!(
                r#"{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","metadata":{},"#,
                r#""spec":{"nonResourceAttributes":{"path":"/healthz","verb":"get"}},"#,
                r#""status":{"allowed":false}}"#
            )
        );
        let other = OutgoingReview::new(&request, Version::V1beta1);
        assert!(other.body().starts_with(
            br#"{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1beta1""#
        ));
    }

    #[test]
    fn everything_about_a_user_is_sent_and_what_is_empty_is_not() {
        // S-WHA-2: also the spelling of groups, by version.
        let mut user = User::new("jane").with_groups(["b", "a"]);
        user.uid = "7".to_owned();
        user.extra.insert("k".to_owned(), vec!["v".to_owned(), String::new()]);
        let request = Request::non_resource(&user, "", "");
        let said = |groups| {
            format!(
                r#"{{"nonResourceAttributes":{{}},"user":"jane","{groups}":["b","a"],"extra":{{"k":["v",""]}},"uid":"7"}}"#
            )
        };
        assert_eq!(spec(&request, Version::V1), said("groups"));
        assert_eq!(spec(&request, Version::V1beta1), said("group"));
        let nobody = User::default();
        let request = Request::non_resource(&nobody, "", "");
        assert_eq!(spec(&request, Version::V1), r#"{"nonResourceAttributes":{}}"#);
    }

    #[test]
    fn every_attribute_of_a_resource_is_sent_and_what_is_empty_is_not() {
        // S-WHA-2.
        let user = User::default();
        let full = ResourceAttributes {
            version: "v1",
            ..ResourceAttributes::new("get", "pods")
                .in_group("g")
                .in_namespace("ns")
                .named("x")
                .with_subresource("log")
        };
        assert_eq!(
            spec(&Request::resource(&user, full), Version::V1),
            concat!(
                r#"{"resourceAttributes":{"namespace":"ns","verb":"get","group":"g","version":"v1","#,
                r#""resource":"pods","subresource":"log","name":"x"}}"#
            )
        );
        let empty = Request::resource(&user, ResourceAttributes::default());
        assert_eq!(spec(&empty, Version::V1), r#"{"resourceAttributes":{}}"#);
    }

    fn selected(fields: &str, labels: &str) -> String {
        let user = User::default();
        let (fields, labels) =
            (parse_fields(fields).unwrap_or_default(), parse_labels(labels).unwrap_or_default());
        let attributes = ResourceAttributes {
            field_selector: Selector { requirements: &fields, parse_error: None },
            label_selector: Selector { requirements: &labels, parse_error: None },
            ..ResourceAttributes::default()
        };
        let spec = spec(&Request::resource(&user, attributes), Version::V1);
        spec.replace(r#"{"resourceAttributes":"#, "").strip_suffix('}').unwrap().to_owned()
    }

    #[test]
    fn selectors_are_sent_as_requirements() {
        // S-WHA-3: all operators; labels sorted by key.
        assert_eq!(
            selected("b=1,a!=2,c==3", ""),
            concat!(
                r#"{"fieldSelector":{"requirements":[{"key":"a","operator":"NotIn","values":["2"]},"#,
                r#"{"key":"b","operator":"In","values":["1"]},{"key":"c","operator":"In","values":["3"]}]}}"#
            )
        );
        assert_eq!(
            selected("", "z,!y,x in (b,a),w notin (c),v=1,u==2,t!=3"),
            concat!(
                r#"{"labelSelector":{"requirements":["#,
                r#"{"key":"t","operator":"NotIn","values":["3"]},"#,
                r#"{"key":"u","operator":"In","values":["2"]},"#,
                r#"{"key":"v","operator":"In","values":["1"]},"#,
                r#"{"key":"w","operator":"NotIn","values":["c"]},"#,
                r#"{"key":"x","operator":"In","values":["a","b"]},"#,
                r#"{"key":"y","operator":"DoesNotExist"},{"key":"z","operator":"Exists"}]}}"#
            )
        );
    }

    #[test]
    fn comparisons_of_numbers_are_dropped_and_a_selector_without_the_rest_is_left_out() {
        // S-WHA-3.
        assert_eq!(
            selected("", "a>1,b,c<2"),
            r#"{"labelSelector":{"requirements":[{"key":"b","operator":"Exists"}]}}"#
        );
        assert_eq!(selected("", "a>1"), "{}");
        assert_eq!(selected("", ""), "{}");
    }
}
