//! Reviews against what Kubernetes itself said about them: its unit-test tables, recorded
//! validations, a real server's refusals, and what a real server posted to its webhook.

use std::fs;
use std::path::Path;

use portcullis::api::authorization::{
    AccessReview, PreparedReview, Review, ReviewContext, ReviewError, SubjectAccessReviewSpec,
};
use portcullis::model::{Attributes, FieldOperator, LabelOperator};
use serde_json::Value;

use crate::support::{corpus, ndjson, shared};

fn cases(path: &str) -> Vec<Value> {
    shared(path)
        .map(|path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
        .unwrap_or_default()
}

fn spec(value: &Value) -> SubjectAccessReviewSpec {
    serde_json::from_value(value.clone()).unwrap()
}

/// Source: `pkg/apis/authorization/validation/validation_test.go`.
#[test]
fn validation_refuses_what_kubernetes_refuses_in_its_words() {
    for case in cases("golden/k8s-tests/sar_validation_test.json") {
        let errors = spec(&case["spec"]).validate().err().unwrap_or_default();
        let texts: Vec<String> = errors.0.iter().map(ToString::to_string).collect();
        let expected: Vec<&str> = case["actualErrors"]
            .as_array()
            .map(|errors| errors.iter().map(|error| error.as_str().unwrap()).collect())
            .unwrap_or_default();
        assert_eq!(texts, expected, "{case}");
        assert_eq!(texts.is_empty(), case["valid"].as_bool().unwrap(), "{case}");
    }
}

/// Source: `pkg/registry/authorization/util/helpers_test.go`. The cases with the selector gate off
/// are left out: it is locked on since 1.34 (S-ATTR-21).
#[test]
fn an_authorizer_sees_what_it_sees_in_kubernetes() {
    for case in cases("golden/k8s-tests/sar_attributes_test.json") {
        let name = case["name"].as_str().unwrap();
        if name.contains("featuregate off") {
            continue;
        }
        let review = PreparedReview::of(&spec(&case["spec"])).unwrap();
        let expected = &case["expected"];
        let text = |field: &str| expected[field].as_str().unwrap();
        assert_eq!(review.user().name, text("user"), "{name}");
        let groups = expected["groups"].as_array().map_or(0, Vec::len);
        assert_eq!(review.user().groups.len(), groups, "{name}");
        let extra = expected["extra"].as_object().map_or(0, serde_json::Map::len);
        assert_eq!(review.user().extra.len(), extra, "{name}");
        assert_eq!(review.evaluation_error(None), text("evaluationError"), "{name}");
        match review.attributes() {
            Attributes::NonResource(seen) => {
                assert_eq!(expected["resourceRequest"], false, "{name}");
                assert_eq!((seen.verb, seen.path), (text("verb"), text("path")), "{name}");
            }
            Attributes::Resource(seen) => {
                assert_eq!(expected["resourceRequest"], true, "{name}");
                assert_eq!(seen.verb, text("verb"), "{name}");
                assert_eq!(seen.namespace, text("namespace"), "{name}");
                assert_eq!(seen.group, text("apiGroup"), "{name}");
                assert_eq!(seen.version, text("apiVersion"), "{name}");
                assert_eq!(seen.resource, text("resource"), "{name}");
                assert_eq!(seen.subresource, text("subresource"), "{name}");
                assert_eq!(seen.name, text("name"), "{name}");
                let fields = seen.field_selector;
                assert_eq!(
                    fields.parse_error.unwrap_or_default(),
                    text("fieldSelectorParsingErr"),
                    "{name}"
                );
                let requirements: Vec<Value> = fields
                    .requirements
                    .iter()
                    .map(|seen| {
                        let operator = match seen.operator {
                            FieldOperator::Equals => "=",
                            FieldOperator::NotEquals => "!=",
                        };
                        serde_json::json!({
                            "field": seen.field, "operator": operator, "value": seen.value
                        })
                    })
                    .collect();
                assert_eq!(Value::from(requirements), expected["fieldSelectorRequirements"]);
                let labels = seen.label_selector;
                assert_eq!(
                    labels.parse_error.unwrap_or_default(),
                    text("labelSelectorParsingErr"),
                    "{name}"
                );
                let recorded = expected["labelSelectorRequirements"].as_array().unwrap();
                assert_eq!(labels.requirements.len(), recorded.len(), "{name}");
                for (seen, expected) in labels.requirements.iter().zip(recorded) {
                    assert_eq!(seen.key, expected["key"], "{name}");
                    assert_eq!(operator_text(seen.operator), expected["operator"], "{name}");
                    assert_eq!(Value::from(seen.values.clone()), expected["values"], "{name}");
                }
            }
        }
    }
}

fn operator_text(operator: LabelOperator) -> &'static str {
    match operator {
        LabelOperator::NotEquals => "!=",
        LabelOperator::DoesNotExist => "!",
        LabelOperator::Equals => "=",
        LabelOperator::Exists => "exists",
        LabelOperator::GreaterThan => "gt",
        LabelOperator::In => "in",
        LabelOperator::LessThan => "lt",
        LabelOperator::NotIn => "notin",
    }
}

#[test]
fn every_query_of_the_recorded_worlds_is_valid_or_refused_as_recorded() {
    check_queries(&corpus(""));
    if let Some(worlds) = shared("golden/worlds") {
        check_queries(&worlds);
    }
}

fn check_queries(worlds: &Path) {
    let (mut valid, mut refused) = (0, 0);
    for world in fs::read_dir(worlds).unwrap() {
        let world = world.unwrap().path();
        let queries = world.join("queries.ndjson");
        if !queries.exists() {
            continue;
        }
        let queries = fs::read_to_string(queries).unwrap();
        for file in fs::read_dir(&world).unwrap() {
            let file = file.unwrap().path();
            if !file.file_name().unwrap().to_str().unwrap().starts_with("expected") {
                continue;
            }
            let expected = ndjson::<Value>(&file);
            assert_eq!(queries.lines().count(), expected.len());
            for (query, expected) in queries.lines().zip(&expected) {
                let Review::Access(review) = Review::from_query(query.as_bytes()).unwrap() else {
                    panic!("not an access review: {query}")
                };
                let refusal = review.validate().map_or_else(|e| e.to_string(), |()| String::new());
                let recorded = expected["invalid"].as_str().unwrap_or_default();
                assert_eq!(refusal, recorded, "{}: {query}", world.display());
                let nothing_asked = PreparedReview::of(&review.spec).is_none();
                assert_eq!(nothing_asked, expected["noAttrs"] == true, "{query}");
                if refusal.is_empty() { valid += 1 } else { refused += 1 }
            }
        }
    }
    assert!(valid > 1000 && refused > 100, "{valid} valid, {refused} refused");
}

#[test]
fn a_real_server_refuses_and_accepts_the_same_questions() {
    let Some(path) = shared("real-cluster/answers/sar.ndjson") else {
        return;
    };
    let mut refused = 0;
    for answer in ndjson::<Value>(&path) {
        let review = AccessReview::from(spec(&answer["spec"]));
        match review.prepare(ReviewContext::default()) {
            Ok(_) => assert_eq!(answer["http"], 201, "{answer}"),
            Err(error) => {
                assert_eq!(answer["http"], error.http_status(), "{answer}");
                assert_eq!(answer["error"]["message"], error.to_string());
                assert!(matches!(error, ReviewError::Invalid(_)));
                refused += 1;
            }
        }
    }
    assert!(refused > 0);
}

#[test]
fn nothing_that_a_real_server_posts_is_lost() {
    let Some(path) = shared("golden/apiserver-requests.ndjson") else {
        return;
    };
    let mut read = 0;
    for request in ndjson::<Value>(&path) {
        if !request["path"].as_str().unwrap().starts_with("/authorize") {
            continue;
        }
        let mut body = request["body"].clone();
        let json = serde_json::to_vec(&body).unwrap();
        let Review::Access(review) = Review::from_json(&json).unwrap() else {
            panic!("not an access review: {body}")
        };
        assert!(review.prepare(ReviewContext::default()).is_ok(), "{body}");
        // The status is for the answer; everything else comes back.
        body.as_object_mut().unwrap().remove("status");
        assert_eq!(serde_json::to_value(&review).unwrap(), body);
        read += 1;
    }
    assert!(read > 50, "{read}");
}
