//! `input` is the spec of the review, to the letter.

use super::*;
use crate::model::{FieldOperator, FieldRequirement, LabelOperator, LabelRequirement, Selector};

fn json(request: &Request<'_>) -> serde_json::Value {
    let input = input(request, &Facts::default(), 1);
    serde_json::from_str(&input.to_json_str().unwrap()).unwrap()
}

#[test]
fn a_review_of_a_resource_is_seen_as_webhooks_see_it() {
    let mut user = jane();
    user.uid = "u-1".to_owned();
    user.extra = [("k".to_owned(), vec!["v".to_owned()])].into();
    let fields = [FieldRequirement {
        field: "metadata.name".to_owned(),
        operator: FieldOperator::NotEquals,
        value: "x".to_owned(),
    }];
    let label = |key: &str, operator, values: &[&str]| LabelRequirement {
        key: key.to_owned(),
        operator,
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    };
    let labels = [
        label("a", LabelOperator::Equals, &["1"]),
        label("b", LabelOperator::Exists, &[]),
        label("c", LabelOperator::GreaterThan, &["1"]),
    ];
    let asked = ResourceAttributes {
        version: "v1",
        subresource: "log",
        field_selector: Selector { requirements: &fields, parse_error: None },
        label_selector: Selector { requirements: &labels, parse_error: None },
        ..ResourceAttributes::new("list", "pods").in_group("g").in_namespace("ns").named("n")
    };
    assert_eq!(
        json(&Request::resource(&user, asked)),
        serde_json::json!({
            "user": "jane",
            "uid": "u-1",
            "groups": ["dev", "system:authenticated"],
            "extra": {"k": ["v"]},
            "resourceAttributes": {
                "verb": "list", "namespace": "ns", "group": "g", "version": "v1", "resource": "pods",
                "subresource": "log", "name": "n",
                "fieldSelector": {"requirements": [
                    {"key": "metadata.name", "operator": "NotIn", "values": ["x"]},
                ]},
                "labelSelector": {"requirements": [
                    {"key": "a", "operator": "In", "values": ["1"]},
                    {"key": "b", "operator": "Exists"},
                ]},
            },
            "namespace": {"name": "ns"},
            "time": {"rfc3339": "1970-01-01T00:00:01Z", "unix": 1},
        })
    );
}

#[test]
fn what_is_empty_is_absent() {
    let nobody = User::default();
    assert_eq!(
        json(&Request::resource(&nobody, ResourceAttributes::new("get", "nodes"))),
        serde_json::json!({
            "resourceAttributes": {"verb": "get", "resource": "nodes"},
            "time": {"rfc3339": "1970-01-01T00:00:01Z", "unix": 1},
        })
    );
}

#[test]
fn service_accounts_and_nodes_are_told_and_those_that_only_look_like_them_are_not() {
    let asked = |user: &User| json(&Request::non_resource(user, "get", "/x"));
    let account = asked(&User::service_account("shop", "web"));
    assert_eq!(account["serviceAccount"], serde_json::json!({"namespace": "shop", "name": "web"}));
    assert_eq!(account["nonResourceAttributes"], serde_json::json!({"path": "/x", "verb": "get"}));
    assert!(asked(&User::new("system:serviceaccount:shop")).get("serviceAccount").is_none());
    let node = User::new("system:node:n1").with_groups(["system:nodes"]);
    assert_eq!(asked(&node)["node"], "n1");
    assert!(asked(&User::new("system:node:n1")).get("node").is_none(), "S-NODE-1");
}

#[test]
fn objects_are_found_by_resource_and_not_by_a_resource_of_another_group() {
    let object = |group: &str, kind: &str| ObjectFacts {
        group: group.into(),
        kind: kind.into(),
        namespace: "ns".into(),
        name: "n".into(),
        labels: [("kind".into(), kind.into())].into(),
        ..ObjectFacts::default()
    };
    let metadata = vec![object("apps", "Deployment"), object("x.io", "Widget")];
    let custom_resources = vec![crate::api::inventory::CustomResource {
        group: "x.io".into(),
        kind: "Widget".into(),
        plural: "widgets".into(),
        ..Default::default()
    }];
    let facts = Facts::new(&Inventory { metadata, custom_resources, ..Inventory::default() });
    let user = jane();
    let label = |group, resource| {
        let asked = ResourceAttributes::new("get", resource).in_group(group);
        let request = Request::resource(&user, asked.in_namespace("ns").named("n"));
        input(&request, &facts, 0)["object"]["labels"]["kind"].clone()
    };
    assert_eq!(label("apps", "deployments"), "Deployment".into());
    assert_eq!(label("x.io", "widgets"), "Widget".into());
    assert_eq!(label("", "deployments"), regorus::Value::Undefined);
}
