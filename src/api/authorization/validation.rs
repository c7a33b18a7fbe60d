//! What the API server refuses to decide (S-SAR-9 … S-SAR-13), in its order and its words.

use super::metadata::ReviewMetadata;
use super::review::{AccessKind, AccessReview};
use super::spec::{
    FieldSelectorAttributes, FieldSelectorRequirement, LabelSelectorAttributes,
    NonResourceAttributes, SubjectAccessReviewSpec,
};
use crate::api::field::{BadValue, FieldError, FieldErrors};
use crate::api::selector::{Strictness, validate_requirement, validate_values};

impl SubjectAccessReviewSpec {
    /// What is wrong with the spec of a SubjectAccessReview.
    ///
    /// ```
    /// use portcullis::api::authorization::SubjectAccessReviewSpec;
    ///
    /// let spec: SubjectAccessReviewSpec =
    ///     serde_json::from_str(r#"{"resourceAttributes": {"verb": "get", "resource": "pods"}}"#)?;
    /// assert_eq!(
    ///     spec.validate().unwrap_err().to_string(),
    ///     "spec.user: Invalid value: \"\": at least one of user or group must be specified"
    /// );
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Every field that is wrong.
    pub fn validate(&self) -> Result<(), FieldErrors> {
        FieldErrors(spec_errors(self, Subject::Named)).into_result()
    }
}

impl AccessReview {
    /// What is wrong with the review as an object: its spec, then its metadata.
    ///
    /// # Errors
    ///
    /// Every field that is wrong; [`FieldErrors::message`] with a blank kind and name is what the
    /// API server answers (S-FMT-5).
    pub fn validate(&self) -> Result<(), FieldErrors> {
        let subject = match self.kind {
            AccessKind::Local | AccessKind::Subject => Subject::Named,
            AccessKind::SelfSubject => Subject::Asker,
        };
        let mut errors = spec_errors(&self.spec, subject);
        match self.kind {
            AccessKind::Local => {
                if !self.metadata.is_empty_except_for_namespace() {
                    errors.push(bad_metadata(&self.metadata, "must be empty except for namespace"));
                }
                errors.extend(local_errors(&self.spec, &self.metadata.namespace));
            }
            AccessKind::SelfSubject | AccessKind::Subject => {
                if !self.metadata.is_empty() {
                    errors.push(bad_metadata(&self.metadata, "must be empty"));
                }
            }
        }
        FieldErrors(errors).into_result()
    }
}

/// Whether the spec says who asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    Asker,
    Named,
}

fn spec_errors(spec: &SubjectAccessReviewSpec, subject: Subject) -> Vec<FieldError> {
    let mut errors = Vec::new();
    match (&spec.resource_attributes, &spec.non_resource_attributes) {
        (Some(_), Some(path)) => errors.push(FieldError::invalid(
            "spec.nonResourceAttributes",
            shown(path),
            "cannot be specified in combination with resourceAttributes",
        )),
        (None, None) => errors.push(FieldError::invalid(
            "spec.resourceAttributes",
            BadValue::json(&()),
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        )),
        (Some(_), None) | (None, Some(_)) => {}
    }
    if subject == Subject::Named && spec.user.is_empty() && spec.groups.is_empty() {
        let detail = "at least one of user or group must be specified";
        errors.push(FieldError::invalid("spec.user", "", detail));
    }
    if let Some(attributes) = &spec.resource_attributes {
        if let Some(selector) = &attributes.field_selector {
            errors.extend(field_selector_errors(selector));
        }
        if let Some(selector) = &attributes.label_selector {
            errors.extend(label_selector_errors(selector));
        }
    }
    errors
}

fn local_errors(spec: &SubjectAccessReviewSpec, namespace: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let Some(attributes) = &spec.resource_attributes
        && attributes.namespace != namespace
    {
        errors.push(FieldError::invalid(
            "spec.resourceAttributes.namespace",
            &*attributes.namespace,
            "must match metadata.namespace",
        ));
    }
    if let Some(path) = &spec.non_resource_attributes {
        errors.push(FieldError::invalid(
            "spec.nonResourceAttributes",
            shown(path),
            "disallowed on this kind of request",
        ));
    }
    errors
}

fn field_selector_errors(selector: &FieldSelectorAttributes) -> Vec<FieldError> {
    let FieldSelectorAttributes { raw_selector, requirements } = selector;
    let path = "spec.resourceAttributes.fieldSelector";
    let mut errors = Vec::from_iter(form_error(path, raw_selector, requirements.is_empty()));
    for (index, requirement) in requirements.iter().enumerate() {
        let FieldSelectorRequirement { key, operator, values } = requirement;
        let path = format!("{path}.requirements[{index}]");
        errors.extend(validate_values(operator, values.is_empty(), &path));
        if key.is_empty() {
            errors.push(FieldError::required(format!("{path}.key"), "must be specified"));
        }
    }
    errors
}

fn label_selector_errors(selector: &LabelSelectorAttributes) -> Vec<FieldError> {
    let LabelSelectorAttributes { raw_selector, requirements } = selector;
    let path = "spec.resourceAttributes.labelSelector";
    let mut errors = Vec::from_iter(form_error(path, raw_selector, requirements.is_empty()));
    for (index, requirement) in requirements.iter().enumerate() {
        let path = format!("{path}.requirements[{index}]");
        errors.extend(validate_requirement(requirement, &path, Strictness::AllowUnknownOperators));
    }
    errors
}

/// A selector is text or requirements: one of them, and only one.
fn form_error(path: &str, raw: &str, no_requirements: bool) -> Option<FieldError> {
    match (raw.is_empty(), no_requirements) {
        (false, false) => Some(FieldError::invalid(
            format!("{path}.rawSelector"),
            raw,
            // The missing word is in the original.
            "may not specified at the same time as requirements",
        )),
        (true, true) => Some(FieldError::required(
            format!("{path}.requirements"),
            format!("when {path} is specified, requirements or rawSelector is required"),
        )),
        (true, false) | (false, true) => None,
    }
}

fn bad_metadata(metadata: &ReviewMetadata, detail: &str) -> FieldError {
    FieldError::invalid("metadata", BadValue::json(metadata), detail)
}

/// The API server shows its internal type here, whose fields begin with a capital.
fn shown(attributes: &NonResourceAttributes) -> BadValue {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Internal<'a> {
        path: &'a str,
        verb: &'a str,
    }
    BadValue::json(&Internal { path: &attributes.path, verb: &attributes.verb })
}

#[cfg(test)]
mod tests {
    use crate::api::authorization::Review;

    fn refusal(kind: &str, rest: &str) -> String {
        let json =
            format!(r#"{{"apiVersion": "authorization.k8s.io/v1", "kind": "{kind}", {rest}}}"#);
        let Review::Access(review) = Review::from_json(json.as_bytes()).unwrap() else {
            panic!("not an access review")
        };
        review.validate().map_or_else(|errors| errors.to_string(), |()| String::new())
    }

    #[test]
    fn groups_alone_are_enough_and_a_self_review_needs_neither() {
        let spec = r#""spec": {"resourceAttributes": {}, "groups": ["dev"]}"#;
        assert_eq!(refusal("SubjectAccessReview", spec), "");
        let nobody = r#""spec": {"resourceAttributes": {}}"#;
        assert_eq!(refusal("SelfSubjectAccessReview", nobody), "");
        assert!(refusal("SubjectAccessReview", nobody).starts_with("spec.user: Invalid value"));
    }

    #[test]
    fn metadata_must_be_empty() {
        let spec = r#""spec": {"resourceAttributes": {}, "user": "u"}"#;
        let named = format!(r#""metadata": {{"name": "<n>", "labels": {{"a": "b"}}}}, {spec}"#);
        let shown = r#"metadata: Invalid value: {"name":"\u003cn\u003e","labels":{"a":"b"}}: must be empty"#;
        assert_eq!(refusal("SubjectAccessReview", &named), shown);
        assert_eq!(refusal("SelfSubjectAccessReview", &named), shown);
        let empty = format!(r#""metadata": {{"creationTimestamp": null}}, {spec}"#);
        assert_eq!(refusal("SubjectAccessReview", &empty), "");
    }

    #[test]
    fn a_local_review_speaks_about_its_own_namespace_only() {
        let local = |rest: &str| {
            refusal(
                "LocalSubjectAccessReview",
                &format!(r#""metadata": {{"namespace": "ns"}}, {rest}"#),
            )
        };
        assert_eq!(
            local(r#""spec": {"user": "u", "resourceAttributes": {"namespace": "ns"}}"#),
            ""
        );
        // An empty namespace is not defaulted, whatever the documentation says (S-SAR-13).
        assert_eq!(
            local(r#""spec": {"user": "u", "resourceAttributes": {}}"#),
            r#"spec.resourceAttributes.namespace: Invalid value: "": must match metadata.namespace"#
        );
        assert_eq!(
            local(r#""spec": {"user": "u", "nonResourceAttributes": {"path": "/x"}}"#),
            r#"spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":""}: disallowed on this kind of request"#
        );
    }
}
