use serde_json::{Value, json};

use super::*;

const NOW: &str = "2026-11-26T08:00:00Z";

fn object(change: impl FnOnce(&mut Value)) -> CertificateSigningRequest {
    let mut value = json!({
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": "jane", "resourceVersion": "7", "x": [1, null, {"y": true}]},
        "spec": {
            "request": "LS0tLQ==", "signerName": "kubernetes.io/kube-apiserver-client",
            "usages": ["client auth"], "username": "jane", "groups": ["dev", "ops"],
            "extra": {"k": ["v"]}, "expirationSeconds": 600, "future": {"a": 1},
        },
    });
    change(&mut value);
    CertificateSigningRequest::from_value(value).unwrap()
}

fn errors(change: impl FnOnce(&mut Value)) -> Vec<String> {
    object(change).errors(None, None).0.iter().map(ToString::to_string).collect()
}

fn condition(kind: &str, status: &str) -> Value {
    json!({"type": kind, "status": status})
}

#[test]
fn a_good_object_is_good() {
    assert_eq!(errors(|_| ()), [""; 0]);
    assert_eq!(errors(|o| o["spec"]["expirationSeconds"] = Value::Null), [""; 0]);
    assert_eq!(
        errors(|o| o["spec"]["usages"] = json!(KeyUsage::ALL.map(KeyUsage::as_str))),
        [""; 0]
    );
}

#[test]
fn usages_are_known_and_stand_once() {
    assert_eq!(errors(|o| o["spec"]["usages"] = json!([])), ["spec.usages: Required value"]);
    assert_eq!(errors(|o| o["spec"]["usages"] = Value::Null), ["spec.usages: Required value"]);
    let found =
        errors(|o| o["spec"]["usages"] = json!(["client auth", "clientAuth", "client auth"]));
    assert!(found[0].starts_with(
        "spec.usages[1]: Unsupported value: \"clientAuth\": supported values: \"any\", \"cert sign\", "
    ));
    assert_eq!(found[1], "spec.usages[2]: Duplicate value: \"client auth\"");
}

#[test]
fn a_life_of_less_than_ten_minutes_may_not_be_asked_for() {
    assert_eq!(
        errors(|o| o["spec"]["expirationSeconds"] = json!(599)),
        ["spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 \
          seconds (10 minutes)"]
    );
}

#[test]
fn the_legacy_signer_is_gone() {
    assert_eq!(
        errors(|o| o["spec"]["signerName"] = json!("kubernetes.io/legacy-unknown")),
        [
            "spec.signerName: Invalid value: \"kubernetes.io/legacy-unknown\": the legacy signerName \
          is not allowed via this API version"
        ]
    );
    assert_eq!(errors(|o| o["spec"]["signerName"] = json!("kubernetes.io/other")), [""; 0]);
}

#[test]
fn what_is_wrong_inside_the_bytes_is_said_at_their_field() {
    let found = object(|_| ()).errors(Some("no".into()), Some("neither".into()));
    let found: Vec<String> = found.0.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "spec.request: Invalid value: \"LS0tLQ==\": no",
            "status.certificate: Invalid value: \"<certificate data>\": neither",
        ]
    );
}

#[test]
fn conditions_have_a_type_and_a_status_and_decisions_hold() {
    for (conditions, expected) in [
        (json!([condition("Approved", "True")]), &[][..]),
        (json!([condition("Mine", "False"), condition("Failed", "True")]), &[]),
        (json!([condition("", "True")]), &["status.conditions[0].type: Required value"]),
        (json!([condition("Mine", "")]), &["status.conditions[0].status: Required value"]),
        (
            json!([condition("Approved", "False")]),
            &[
                "status.conditions[0].status: Unsupported value: \"False\": supported values: \"True\"",
            ],
        ),
        (
            json!([condition("Mine", "Yes")]),
            &[
                "status.conditions[0].status: Unsupported value: \"Yes\": supported values: \"False\", \
               \"True\", \"Unknown\"",
            ],
        ),
        (
            json!([condition("Mine", "True"), condition("Mine", "True")]),
            &["status.conditions[1].type: Duplicate value: \"Mine\""],
        ),
        (
            json!([condition("Approved", "True"), condition("Denied", "True")]),
            &["status.conditions: Invalid value: \"Denied\": Approved and Denied conditions are \
               mutually exclusive"],
        ),
    ] {
        assert_eq!(errors(|o| o["status"]["conditions"] = conditions.clone()), expected);
    }
}

#[test]
fn an_update_goes_through_its_subresource_or_is_forbidden() {
    let decided =
        |kind: &str| object(|o| o["status"]["conditions"] = json!([condition(kind, "True")]));
    let issued = |text: &str| object(|o| o["status"]["certificate"] = json!(text));
    let plain = object(|_| ());
    let check = |new: &CertificateSigningRequest, old: &CertificateSigningRequest, through| {
        new.update_errors(old, through).to_string()
    };
    let (approval, status) = (Subresource::Approval, Subresource::Status);
    assert_eq!(check(&decided(APPROVED), &plain, approval), "");
    assert_eq!(
        check(&decided(APPROVED), &plain, status),
        "status.conditions: Forbidden: updates may not add a condition of type \"Approved\""
    );
    for kind in [APPROVED, DENIED, FAILED] {
        assert!(check(&plain, &decided(kind), approval).contains("may not remove"), "{kind}");
        assert!(check(&plain, &decided(kind), status).contains("may not remove"), "{kind}");
    }
    assert_eq!(check(&decided(FAILED), &plain, status), "");
    let mut changed = decided(DENIED);
    changed.add_condition(Condition::new(DENIED, "Other", ""), NOW);
    assert_eq!(check(&changed, &decided(DENIED), approval), "");
    assert!(check(&changed, &decided(DENIED), status).contains("may not modify a condition"));
    assert_eq!(check(&issued("YQ=="), &plain, status), "");
    assert_eq!(
        check(&issued("YQ=="), &plain, approval),
        "status.certificate: Forbidden: updates may not set certificate content"
    );
    assert_eq!(
        check(&issued("Yg=="), &issued("YQ=="), status),
        "status.certificate: Forbidden: updates may not modify existing certificate content"
    );
    assert_eq!(check(&issued("YQ=="), &issued("YQ=="), approval), "");
}

#[test]
fn what_nobody_asked_about_is_kept() {
    let before = object(|o| o["status"] = json!({"other": 1})).into_value();
    let mut read = object(|o| o["status"] = json!({"other": 1}));
    assert_eq!(read.clone().into_value(), before);
    read.add_condition(Condition::new(APPROVED, "R", "M."), NOW);
    read.set_certificate("pem\n");
    assert_eq!((read.certificate(), read.awaits_certificate()), (&b"pem\n"[..], false));
    let mut after = read.into_value();
    assert_eq!(
        after["status"],
        json!({
            "other": 1,
            "certificate": "cGVtCg==",
            "conditions": [{
                "type": "Approved", "status": "True", "reason": "R", "message": "M.",
                "lastUpdateTime": NOW, "lastTransitionTime": NOW,
            }],
        })
    );
    after["status"] = json!({"other": 1});
    assert_eq!(after, before);
}

#[test]
fn a_condition_that_is_set_again_keeps_the_time_of_its_last_change_unless_it_changed() {
    let later = "2026-11-27T08:00:00Z";
    let mut read = object(|_| ());
    let mine =
        |status: &str| Condition { status: status.to_owned(), ..Condition::new("Mine", "", "") };
    read.add_condition(mine("True"), NOW);
    read.add_condition(mine("True"), later);
    let [held] = read.conditions() else { panic!() };
    assert_eq!((held.last_update_time.as_str(), held.last_transition_time.as_str()), (later, NOW));
    read.add_condition(mine("False"), later);
    assert_eq!(read.conditions()[0].last_transition_time, later);
}

#[test]
fn what_waits_for_what_is_told_by_conditions_and_certificate() {
    let with = |kinds: &[&str]| {
        let list: Vec<Value> = kinds.iter().map(|kind| condition(kind, "True")).collect();
        object(|o| o["status"]["conditions"] = json!(list))
    };
    assert!(with(&[]).is_pending() && !with(&[]).awaits_certificate());
    assert!(with(&[APPROVED]).awaits_certificate() && !with(&[APPROVED]).is_pending());
    for kinds in [&[DENIED][..], &[APPROVED, DENIED], &[APPROVED, FAILED], &[FAILED]] {
        assert!(!with(kinds).awaits_certificate() && !with(kinds).is_pending(), "{kinds:?}");
    }
    let issued = object(|o| {
        o["status"] = json!({"certificate": "YQ==", "conditions": [condition(APPROVED, "True")]});
    });
    assert!(!issued.awaits_certificate() && !issued.is_pending());
}

#[test]
fn another_object_is_none_and_says_why() {
    let read = |change: fn(&mut Value)| {
        let mut value = object(|_| ()).into_value();
        change(&mut value);
        CertificateSigningRequest::from_value(value).unwrap_err().to_string()
    };
    assert_eq!(
        read(|o| o["kind"] = json!("Pod")),
        "it is `Pod` of `certificates.k8s.io/v1`, and must be `CertificateSigningRequest` of \
         `certificates.k8s.io/v1`"
    );
    assert!(read(|o| o["apiVersion"] = json!("certificates.k8s.io/v1beta1")).contains("v1beta1"));
    assert!(read(|o| *o = json!([1])).contains("must be"));
    assert_eq!(read(|o| o["spec"]["request"] = json!("?")), "`spec.request` is not base64");
    assert_eq!(
        read(|o| o["status"]["certificate"] = json!("x")),
        "`status.certificate` is not base64"
    );
    let changes: [fn(&mut Value); 5] = [
        |o| o["spec"]["usages"] = json!("client auth"),
        |o| o["spec"]["expirationSeconds"] = json!(4_000_000_000_i64),
        |o| o["spec"]["groups"] = json!([7]),
        |o| o["spec"] = json!(["LS0tLQ=="]),
        |o| o["status"]["conditions"] = json!({}),
    ];
    for change in changes {
        assert!(read(change).starts_with("a field is of the wrong type"), "{}", read(change));
    }
}

#[test]
fn the_condition_of_kubectl_is_known() {
    assert_eq!(Condition::by_kubectl(true).reason, "KubectlApprove");
    assert_eq!(
        Condition::by_kubectl(false).message,
        "This CSR was denied by kubectl certificate deny."
    );
}
