use super::label::{LabelSelectorError, requirement};
use super::syntax::{label_value_errors, qualified_name_errors};
use crate::api::field::FieldError;
use crate::api::meta::{LabelSelector, LabelSelectorRequirement, StrMap};
use crate::model::{LabelOperator, LabelRequirement};

/// Decides whether labels are selected: all requirements must hold, and none hold for all.
///
/// ```
/// use portcullis::api::meta::{LabelSelector, StrMap};
/// use portcullis::api::selector::LabelMatcher;
///
/// let selector: LabelSelector = serde_json::from_str(
///     r#"{"matchLabels": {"app": "web"},
///         "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["test"]}]}"#,
/// )?;
/// let matcher = LabelMatcher::compile(&selector)?;
/// // `NotIn` holds for labels without the key.
/// assert!(matcher.matches(&StrMap::from([("app".into(), "web".into())])));
/// assert!(!matcher.matches(&StrMap::new()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelMatcher {
    requirements: Vec<LabelRequirement>,
}

impl LabelMatcher {
    /// The meaning of a label selector object; an empty one selects everything (S-AGG-3).
    ///
    /// # Errors
    ///
    /// An operator that is none, or a requirement whose key, operator and values do not fit
    /// together; such a selector selects nothing and fails aggregation (S-AGG-7).
    pub fn compile(selector: &LabelSelector) -> Result<Self, LabelSelectorError> {
        let mut requirements = Vec::new();
        for (key, value) in &selector.match_labels {
            requirements.push(requirement(key, LabelOperator::Equals, vec![value.to_string()])?);
        }
        for LabelSelectorRequirement { key, operator, values } in &selector.match_expressions {
            let operator = operator_of(operator)
                .ok_or_else(|| LabelSelectorError::Operator(operator.to_string()))?;
            let values = values.iter().map(ToString::to_string).collect();
            requirements.push(requirement(key, operator, values)?);
        }
        Ok(Self { requirements })
    }

    /// Whether these labels are selected.
    #[must_use]
    pub fn matches(&self, labels: &StrMap) -> bool {
        self.requirements.iter().all(|requirement| holds(requirement, labels))
    }
}

impl From<Vec<LabelRequirement>> for LabelMatcher {
    /// The meaning of requirements that were read from text.
    fn from(requirements: Vec<LabelRequirement>) -> Self {
        Self { requirements }
    }
}

fn holds(requirement: &LabelRequirement, labels: &StrMap) -> bool {
    let LabelRequirement { key, operator, values } = requirement;
    let label = labels.get(key.as_str());
    let listed = || label.is_some_and(|label| values.iter().any(|value| value.as_str() == label));
    let number = |text: &str| text.parse::<i64>().ok();
    let compared = |holds: fn(i64, i64) -> bool| {
        let pair =
            label.and_then(|label| number(label)).zip(values.first().and_then(|v| number(v)));
        pair.is_some_and(|(label, limit)| holds(label, limit))
    };
    match operator {
        LabelOperator::Equals | LabelOperator::In => listed(),
        LabelOperator::NotEquals | LabelOperator::NotIn => !listed(),
        LabelOperator::Exists => label.is_some(),
        LabelOperator::DoesNotExist => label.is_none(),
        LabelOperator::GreaterThan => compared(|label, limit| label > limit),
        LabelOperator::LessThan => compared(|label, limit| label < limit),
    }
}

/// What this word means in a selector object.
pub(crate) fn operator_of(word: &str) -> Option<LabelOperator> {
    Some(match word {
        "In" => LabelOperator::In,
        "NotIn" => LabelOperator::NotIn,
        "Exists" => LabelOperator::Exists,
        "DoesNotExist" => LabelOperator::DoesNotExist,
        _ => return None,
    })
}

/// Whether a validation minds an operator that is none: objects must not have one, reviews may,
/// since later servers may know more (S-SAR-12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    AllowUnknownOperators,
    RefuseUnknownOperators,
}

/// What is wrong with a label selector object at `path`, as the API server says it (S-RVAL-8).
///
/// ```
/// use portcullis::api::meta::LabelSelector;
/// use portcullis::api::selector::validate_label_selector;
///
/// let selector: LabelSelector =
///     serde_json::from_str(r#"{"matchExpressions": [{"key": "a", "operator": "In"}]}"#)?;
/// assert_eq!(
///     validate_label_selector(&selector, "selector")[0].to_string(),
///     "selector.matchExpressions[0].values: Required value: must be specified when `operator` is \
///      'In' or 'NotIn'"
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[must_use]
pub fn validate_label_selector(selector: &LabelSelector, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let labels = format!("{path}.matchLabels");
    for (key, value) in &selector.match_labels {
        let keys = qualified_name_errors(key).into_iter().map(|detail| (key, detail));
        let values = label_value_errors(value).into_iter().map(|detail| (value, detail));
        errors.extend(
            keys.chain(values)
                .map(|(wrong, detail)| FieldError::invalid(&*labels, wrong.as_str(), detail)),
        );
    }
    for (index, requirement) in selector.match_expressions.iter().enumerate() {
        let path = format!("{path}.matchExpressions[{index}]");
        errors.extend(validate_requirement(requirement, &path, Strictness::RefuseUnknownOperators));
    }
    errors
}

/// What is wrong with one requirement of a label selector object at `path`.
pub(crate) fn validate_requirement(
    requirement: &LabelSelectorRequirement,
    path: &str,
    strictness: Strictness,
) -> Vec<FieldError> {
    let LabelSelectorRequirement { key, operator, values } = requirement;
    let mut errors = Vec::new();
    errors.extend(validate_values(operator, values.is_empty(), path));
    if strictness == Strictness::RefuseUnknownOperators && operator_of(operator).is_none() {
        let path = format!("{path}.operator");
        errors.push(FieldError::invalid(path, &**operator, "not a valid selector operator"));
    }
    for detail in qualified_name_errors(key) {
        errors.push(FieldError::invalid(format!("{path}.key"), &**key, detail));
    }
    for (index, value) in values.iter().enumerate() {
        for detail in label_value_errors(value) {
            errors.push(FieldError::invalid(format!("{path}.values[{index}]"), &**value, detail));
        }
    }
    errors
}

/// `In` and `NotIn` want values, `Exists` and `DoesNotExist` none. Field selectors say the same.
pub(crate) fn validate_values(operator: &str, no_values: bool, path: &str) -> Option<FieldError> {
    match operator {
        "In" | "NotIn" if no_values => Some(FieldError::required(
            format!("{path}.values"),
            "must be specified when `operator` is 'In' or 'NotIn'",
        )),
        "Exists" | "DoesNotExist" if !no_values => Some(FieldError::forbidden(
            format!("{path}.values"),
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::selector::parse_labels;

    fn labels(pairs: &[(&str, &str)]) -> StrMap {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    fn selector(json: &str) -> LabelSelector {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn each_operator_selects_and_passes_over() {
        for (text, selected, passed_over) in [
            ("a=1", labels(&[("a", "1")]), labels(&[("a", "2")])),
            ("a!=1", labels(&[]), labels(&[("a", "1")])),
            ("a in (1,2)", labels(&[("a", "2")]), labels(&[("b", "2")])),
            ("a notin (1,2)", labels(&[("b", "1")]), labels(&[("a", "2")])),
            ("a", labels(&[("a", "")]), labels(&[("b", "")])),
            ("!a", labels(&[("b", "")]), labels(&[("a", "")])),
            ("a>5", labels(&[("a", "6")]), labels(&[("a", "5")])),
            ("a<5", labels(&[("a", "-6")]), labels(&[("a", "x")])),
            ("a=1,b", labels(&[("a", "1"), ("b", "")]), labels(&[("a", "1")])),
        ] {
            let matcher = LabelMatcher::from(parse_labels(text).unwrap());
            assert!(matcher.matches(&selected), "{text}");
            assert!(!matcher.matches(&passed_over), "{text}");
        }
    }

    #[test]
    fn an_empty_selector_selects_everything() {
        let matcher = LabelMatcher::compile(&LabelSelector::default()).unwrap();
        assert!(matcher.matches(&StrMap::new()) && matcher.matches(&labels(&[("a", "b")])));
    }

    #[test]
    fn a_selector_that_means_nothing_does_not_compile() {
        for (json, text) in [
            (
                r#"{"matchExpressions": [{"key": "a", "operator": "in", "values": ["b"]}]}"#,
                "\"in\" is not a valid label selector operator",
            ),
            (
                r#"{"matchExpressions": [{"key": "a", "operator": "In"}]}"#,
                "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty",
            ),
        ] {
            assert_eq!(LabelMatcher::compile(&selector(json)).unwrap_err().to_string(), text);
        }
        assert!(LabelMatcher::compile(&selector(r#"{"matchLabels": {"-": ""}}"#)).is_err());
    }

    #[test]
    fn validation_names_operator_key_and_values() {
        let errors = validate_label_selector(
            &selector(
                r#"{"matchLabels": {"a": "-"},
                    "matchExpressions": [{"key": "b", "operator": "Is"},
                                         {"key": "-", "operator": "In", "values": ["ok", "-"]}]}"#,
            ),
            "s",
        );
        let paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "s.matchLabels",
                "s.matchExpressions[0].operator",
                "s.matchExpressions[1].key",
                "s.matchExpressions[1].values[1]"
            ]
        );
        assert_eq!(validate_label_selector(&LabelSelector::default(), "s"), []);
    }
}
