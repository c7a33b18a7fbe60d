use super::answer::SubjectAccessReviewStatus;
use super::spec::{
    FieldSelectorAttributes, FieldSelectorRequirement, LabelSelectorAttributes,
    NonResourceAttributes, ResourceAttributes, SubjectAccessReviewSpec,
};
use crate::api::field::FieldErrors;
use crate::api::selector::{
    LabelSelectorError, operator_of, parse_fields, parse_labels, requirement,
};
use crate::model::{
    self, Attributes, Decision, FieldOperator, FieldRequirement, LabelRequirement, Request,
    Selector, User, Verdict,
};
use crate::util::aggregate::aggregate;
use crate::util::goquote::Quoted;

/// What an authorizer sees of a review: the user, and the attributes with selectors parsed once
/// (S-SAR-4 … S-SAR-7, S-SAR-15).
///
/// ```
/// use portcullis::api::authorization::{PreparedReview, SubjectAccessReviewSpec};
/// use portcullis::model::Attributes;
///
/// let spec: SubjectAccessReviewSpec = serde_json::from_str(
///     r#"{"user": "jane", "resourceAttributes": {"verb": "list", "resource": "pods",
///         "fieldSelector": {"rawSelector": "spec.nodeName=n1"}}}"#,
/// )?;
/// let review = PreparedReview::of_valid(&spec)?;
/// let Attributes::Resource(attributes) = review.attributes() else { unreachable!() };
/// // Only the version is defaulted.
/// assert_eq!((attributes.version, attributes.group), ("*", ""));
/// assert_eq!(attributes.field_selector.requirements[0].field, "spec.nodeName");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedReview {
    user: User,
    question: Question,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Question {
    Resource { attributes: Box<ResourceAttributes>, selectors: Selectors },
    NonResource(NonResourceAttributes),
}

impl PreparedReview {
    /// The question of a valid spec.
    ///
    /// # Errors
    ///
    /// What [`SubjectAccessReviewSpec::validate`] finds.
    pub fn of_valid(spec: &SubjectAccessReviewSpec) -> Result<Self, FieldErrors> {
        spec.validate()?;
        // A valid spec has attributes; if this ever fails, it fails closed.
        Self::of(spec).ok_or_else(FieldErrors::default)
    }

    /// The question of a spec that nobody validated, as a webhook sees it; the API server
    /// validates on its side. `None` when the spec asks nothing.
    ///
    /// If both kinds of attributes are set, those of the resource count; if a selector is both
    /// text and requirements, the requirements do.
    #[must_use]
    pub fn of(spec: &SubjectAccessReviewSpec) -> Option<Self> {
        let question = match (&spec.resource_attributes, &spec.non_resource_attributes) {
            (Some(attributes), _) => Question::Resource {
                selectors: Selectors {
                    fields: attributes.field_selector.as_ref().map(fields_of).unwrap_or_default(),
                    labels: attributes.label_selector.as_ref().map(labels_of).unwrap_or_default(),
                },
                attributes: Box::new(attributes.clone()),
            },
            (None, Some(attributes)) => Question::NonResource(attributes.clone()),
            (None, None) => return None,
        };
        let user = User {
            name: spec.user.clone(),
            uid: spec.uid.clone(),
            groups: spec.groups.clone(),
            extra: spec.extra.clone(),
        };
        Some(Self { user, question })
    }

    /// The same question, asked by somebody else.
    #[must_use]
    pub fn asked_by(self, user: User) -> Self {
        Self { user, ..self }
    }

    /// Who asks; nothing is added (S-SAR-6).
    #[must_use]
    pub const fn user(&self) -> &User {
        &self.user
    }

    /// What is asked.
    #[must_use]
    pub fn attributes(&self) -> Attributes<'_> {
        match &self.question {
            Question::NonResource(NonResourceAttributes { path, verb }) => {
                Attributes::NonResource(model::NonResourceAttributes { verb, path })
            }
            Question::Resource { attributes, selectors } => {
                let version = attributes.version.as_str();
                Attributes::Resource(model::ResourceAttributes {
                    verb: &attributes.verb,
                    namespace: &attributes.namespace,
                    group: &attributes.group,
                    version: if version.is_empty() { "*" } else { version },
                    resource: &attributes.resource,
                    subresource: &attributes.subresource,
                    name: &attributes.name,
                    field_selector: selectors.fields.as_selector(),
                    label_selector: selectors.labels.as_selector(),
                })
            }
        }
    }

    /// Who asks what.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        Request { user: &self.user, attributes: self.attributes() }
    }

    /// The `evaluationError` of the answer: what the authorizer complained about, then the
    /// selectors that were not understood (S-SAR-14). Empty when all went well.
    ///
    /// ```
    /// use portcullis::api::authorization::{PreparedReview, SubjectAccessReviewSpec};
    ///
    /// let spec: SubjectAccessReviewSpec = serde_json::from_str(
    ///     r#"{"user": "jane", "resourceAttributes": {"labelSelector": {"rawSelector": "a b"}}}"#,
    /// )?;
    /// assert_eq!(
    ///     PreparedReview::of_valid(&spec)?.evaluation_error(Some("no such role")),
    ///     "no such role; spec.resourceAttributes.labelSelector ignored due to parse error"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn evaluation_error(&self, authorizer_error: Option<&str>) -> String {
        match &self.question {
            Question::Resource { selectors, .. } => selectors.evaluation_error(authorizer_error),
            Question::NonResource(_) => authorizer_error.unwrap_or_default().to_owned(),
        }
    }

    /// The status that says what an authorizer said (S-SAR-8).
    #[must_use]
    pub fn status(&self, verdict: &Verdict<'_>) -> SubjectAccessReviewStatus {
        SubjectAccessReviewStatus {
            allowed: verdict.decision == Decision::Allow,
            denied: verdict.decision == Decision::Deny,
            reason: verdict.reason().into_owned(),
            evaluation_error: self.evaluation_error(aggregate(&verdict.errors).as_deref()),
        }
    }
}

/// Both selectors of a question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Selectors {
    pub(super) fields: Parsed<FieldRequirement>,
    pub(super) labels: Parsed<LabelRequirement>,
}

impl Selectors {
    pub(super) fn evaluation_error(&self, authorizer_error: Option<&str>) -> String {
        let mut errors: Vec<String> = Vec::new();
        errors.extend(authorizer_error.filter(|text| !text.is_empty()).map(str::to_owned));
        errors.extend(self.fields.complaint("fieldSelector"));
        errors.extend(self.labels.complaint("labelSelector"));
        errors.join("; ")
    }
}

/// A selector in parts, and what was lost on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parsed<R> {
    requirements: Vec<R>,
    error: Option<String>,
}

impl<R> Default for Parsed<R> {
    fn default() -> Self {
        Self { requirements: Vec::new(), error: None }
    }
}

impl<R> Parsed<R> {
    pub(super) fn as_selector(&self) -> Selector<'_, R> {
        Selector { requirements: &self.requirements, parse_error: self.error.as_deref() }
    }

    /// A selector that is text is read whole or not at all.
    fn of_text<E: ToString>(parsed: Result<Vec<R>, E>) -> Self {
        match parsed {
            Ok(requirements) => Self { requirements, error: None },
            Err(error) => Self { requirements: Vec::new(), error: Some(error.to_string()) },
        }
    }

    /// Of a selector in parts, what is understood is used: it can only narrow (S-ATTR-22).
    fn of_parts<E: ToString>(parts: impl Iterator<Item = Result<R, E>>) -> Self {
        let (mut requirements, mut errors) = (Vec::new(), Vec::new());
        for part in parts {
            match part {
                Ok(requirement) => requirements.push(requirement),
                Err(error) => errors.push(error.to_string()),
            }
        }
        Self { requirements, error: aggregate(&errors) }
    }

    fn complaint(&self, field: &str) -> Option<String> {
        self.error.as_ref()?;
        let partially = if self.requirements.is_empty() { "" } else { "partially " };
        Some(format!("spec.resourceAttributes.{field} {partially}ignored due to parse error"))
    }
}

pub(super) fn fields_of(selector: &FieldSelectorAttributes) -> Parsed<FieldRequirement> {
    if selector.requirements.is_empty() {
        return Parsed::of_text(parse_fields(&selector.raw_selector));
    }
    Parsed::of_parts(selector.requirements.iter().map(field_requirement))
}

pub(super) fn labels_of(selector: &LabelSelectorAttributes) -> Parsed<LabelRequirement> {
    if selector.requirements.is_empty() {
        return Parsed::of_text(parse_labels(&selector.raw_selector));
    }
    Parsed::of_parts(selector.requirements.iter().map(|part| {
        let operator = operator_of(&part.operator)
            .ok_or_else(|| LabelSelectorError::Operator(part.operator.to_string()))?;
        let mut values: Vec<String> = part.values.iter().map(ToString::to_string).collect();
        values.sort_unstable();
        values.dedup();
        requirement(&part.key, operator, values)
    }))
}

/// The texts are those of the API server (S-SAR-15).
fn field_requirement(part: &FieldSelectorRequirement) -> Result<FieldRequirement, String> {
    let FieldSelectorRequirement { key, operator, values } = part;
    if values.len() > 1 {
        return Err("fieldSelectors do not yet support multiple values".to_owned());
    }
    let (operator, name) = match operator.as_str() {
        "In" => (FieldOperator::Equals, "in"),
        "NotIn" => (FieldOperator::NotEquals, "not in"),
        "Exists" | "DoesNotExist" => {
            return Err(format!("fieldSelectors do not yet support {operator}"));
        }
        other => {
            return Err(format!("{} is not a valid field selector operator", Quoted(other)));
        }
    };
    let value =
        values.first().ok_or_else(|| format!("fieldSelectors {name} must have one value"))?;
    Ok(FieldRequirement { field: key.to_string(), operator, value: value.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(json: &str) -> Option<PreparedReview> {
        PreparedReview::of(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn nothing_is_defaulted_but_the_version() {
        let review = prepared(r#"{"user": "jane", "resourceAttributes": {}}"#).unwrap();
        assert_eq!(review.user(), &User::new("jane"));
        let expected = model::ResourceAttributes { version: "*", ..Default::default() };
        assert_eq!(review.attributes(), Attributes::Resource(expected));
        assert_eq!(prepared(r#"{"user": "jane"}"#), None);
    }

    #[test]
    fn what_survives_of_a_selector_is_used_and_the_rest_is_reported() {
        let review = prepared(
            r#"{"resourceAttributes": {
                "fieldSelector": {"requirements": [
                    {"key": "a", "operator": "In", "values": ["1"]}, {"key": "b", "operator": "Is"}]},
                "labelSelector": {"requirements": [{"key": "c", "operator": "Is"}]}}}"#,
        )
        .unwrap();
        let Attributes::Resource(attributes) = review.attributes() else { panic!("no resource") };
        assert_eq!(attributes.field_selector.requirements.len(), 1);
        assert_eq!(attributes.label_selector.requirements.len(), 0);
        assert_eq!(
            review.evaluation_error(None),
            "spec.resourceAttributes.fieldSelector partially ignored due to parse error; \
             spec.resourceAttributes.labelSelector ignored due to parse error"
        );
    }

    #[test]
    fn the_status_keeps_denial_apart_from_no_opinion() {
        let review = prepared(r#"{"user": "u", "nonResourceAttributes": {}}"#).unwrap();
        for (verdict, allowed, denied) in [
            (Verdict::allow("r"), true, false),
            (Verdict::deny("r"), false, true),
            (Verdict::no_opinion("r"), false, false),
        ] {
            let status = review.status(&verdict.with_error("e"));
            assert_eq!((status.allowed, status.denied), (allowed, denied));
            assert_eq!((status.reason.as_str(), status.evaluation_error.as_str()), ("r", "e"));
        }
    }
}
