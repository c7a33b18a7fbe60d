use super::*;
use crate::api::authorization::PreparedReview;

fn body(version: &str, spec: &str) -> String {
    format!(
        r#"{{"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/{version}",
            "metadata": {{}}, "spec": {spec}, "status": {{"allowed": false}}}}"#
    )
}

/// What the owned reading says of the same body is what must be read here.
fn agree(json: &str) {
    let incoming = IncomingReview::from_json(json.as_bytes()).unwrap();
    let Review::Access(owned) = Review::from_json(json.as_bytes()).unwrap() else {
        panic!("no access review: {json}")
    };
    let prepared = PreparedReview::of(&owned.spec).unwrap();
    assert_eq!(incoming.version(), owned.version, "{json}");
    assert_eq!(&incoming.identity().to_user(), prepared.user(), "{json}");
    assert_eq!(incoming.attributes(), prepared.attributes(), "{json}");
    assert_eq!(incoming.evaluation_error(Some("e")), prepared.evaluation_error(Some("e")));
}

#[test]
fn a_body_is_read_as_the_owned_review_reads_it() {
    for spec in [
        r#"{"user": "jane", "uid": "7", "groups": ["a", null, "b\u0041"], "nonResourceAttributes": {"path": "/\n", "verb": "get"}}"#,
        r#"{"user": null, "groups": null, "group": ["x"], "extra": null, "resourceAttributes": {}}"#,
        r#"{"extra": {"b": ["1", null], "a": null, "c": []}, "resourceAttributes": {"verb": "list", "version": "v1"}}"#,
        r#"{"resourceAttributes": {"namespace": "n", "verb": "v", "group": "g", "version": "w",
            "resource": "r", "subresource": "s", "name": "m", "unknown": [1],
            "fieldSelector": {"requirements": [{"key": "a", "operator": "In", "values": ["1"]}, {"key": "b", "operator": "Is"}]},
            "labelSelector": {"rawSelector": "a b"}}}"#,
        r#"{"nonResourceAttributes": {"path": null}, "resourceAttributes": null}"#,
    ] {
        agree(&body("v1", spec));
        agree(&body("v1beta1", spec));
    }
}

#[test]
fn nothing_is_left_of_the_user_before() {
    let specs = [
        r#"{"user": "u", "uid": "1", "groups": ["a", "b"], "extra": {"k": ["v"]}, "nonResourceAttributes": {}}"#,
        r#"{"user": "somebody longer", "groups": ["c"], "extra": {"k": ["w", "x"]}, "nonResourceAttributes": {}}"#,
        r#"{"groups": ["a", "b", "c"], "extra": {"l": []}, "nonResourceAttributes": {}}"#,
        r#"{"user": "u", "extra": {"k": [], "l": ["1"]}, "nonResourceAttributes": {}}"#,
        r#"{"nonResourceAttributes": {}}"#,
    ];
    for before in specs {
        for after in specs {
            let (before, after) = (body("v1", before), body("v1", after));
            let [before, after] =
                [&before, &after].map(|json| IncomingReview::from_json(json.as_bytes()).unwrap());
            let mut user = before.identity().to_user();
            after.identity().write_to(&mut user);
            let mut fresh = User::default();
            after.identity().write_to(&mut fresh);
            assert_eq!(user, fresh);
        }
    }
    let json = body("v1", specs[0]);
    let review = IncomingReview::from_json(json.as_bytes()).unwrap();
    let user = review.identity().to_user();
    assert_eq!((user.name.as_str(), user.uid.as_str(), user.groups.len()), ("u", "1", 2));
    assert_eq!(user.extra["k"], ["v"]);
    assert_eq!(review.identity().extra_size(), 4);
}

#[test]
fn what_is_no_single_question_is_refused_in_the_words_of_validation() {
    for (json, status, text) in [
        ("{".to_owned(), 400, "the review cannot be read"),
        ("[]".to_owned(), 400, "the review cannot be read"),
        (body("v1", "{}") + "x", 400, "the review cannot be read"),
        (body("v1", r#"{"user": 1}"#), 400, "the review cannot be read"),
        (body("v1", r#"["jane"]"#), 400, "the review cannot be read"),
        (
            body("v1", r#"{"user": "a", "user": "b", "nonResourceAttributes": {}}"#),
            400,
            "the review cannot be read",
        ),
        (body("v2", "{}"), 400, "`authorization.k8s.io/v2` is not a version of reviews"),
        (
            body("v1", "{}").replace("Subject", "LocalSubject"),
            400,
            "`LocalSubjectAccessReview` is not a kind of review",
        ),
        (
            body("v1", r#"{"user": "jane"}"#),
            422,
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        ),
        (
            body(
                "v1",
                r#"{"user": "jane", "resourceAttributes": {}, "nonResourceAttributes": {}}"#,
            ),
            422,
            "cannot be specified in combination with resourceAttributes",
        ),
        (body("v1", "null"), 422, "exactly one of"),
    ] {
        let error = IncomingReview::from_json(json.as_bytes()).unwrap_err();
        assert_eq!(error.http_status(), status, "{json}");
        assert!(error.to_string().contains(text), "{json}: {error}");
    }
}

#[test]
fn a_review_about_nobody_is_a_question_all_the_same() {
    let json = body("v1", r#"{"nonResourceAttributes": {"path": "/", "verb": "get"}}"#);
    let review = IncomingReview::from_json(json.as_bytes()).unwrap();
    assert_eq!(review.identity().to_user(), User::default());
}

#[test]
fn of_an_extra_key_that_is_there_twice_the_last_counts() {
    let json =
        body("v1", r#"{"extra": {"b": ["1"], "a": [], "b": ["2"]}, "nonResourceAttributes": {}}"#);
    agree(&json);
}

#[test]
fn of_an_extra_key_that_stands_several_times_the_last_counts() {
    let body = br#"{"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
        "extra": {"b": ["1"], "a": ["2"], "b": ["3"], "c": [], "b": ["4"]}, "nonResourceAttributes": {}}}"#;
    let user = IncomingReview::from_json(body).unwrap().identity().to_user();
    let extra: Vec<_> = user.extra.iter().map(|(key, values)| (&**key, values.concat())).collect();
    assert_eq!(extra, [("a", "2".to_owned()), ("b", "4".to_owned()), ("c", String::new())]);
}

// 80,000 keys fit into a body of a mebibyte.
#[test]
fn a_map_of_many_keys_in_the_worst_order_is_read_in_no_time() {
    let keys: Vec<String> = (0..80_000).rev().map(|key| format!("\"{key:05}\":null")).collect();
    let body = format!(
        r#"{{"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {{"extra": {{{}}}, "nonResourceAttributes": {{}}}}}}"#,
        keys.join(",")
    );
    let started = std::time::Instant::now();
    let review = IncomingReview::from_json(body.as_bytes()).unwrap();
    assert_eq!(review.identity().extra_size(), 80_000 * 6);
    assert!(started.elapsed().as_secs() < 4, "{:?}", started.elapsed());
}

/// Asks for conditions in every way, good and bad.
fn conditional(verb: &str, value: &str) -> String {
    body(
        "v1",
        &format!(
            r#"{{"user": "jane", "resourceAttributes": {{"verb": "{verb}", "resource": "pods"}},
                "conditionalAuthorization": {value}}}"#
        ),
    )
}

#[test]
fn what_is_said_of_conditions_never_refuses_a_review() {
    for value in ["null", "{}", "\"x\"", "[1]", r#"{"mode": 1}"#, r#"{"mode": "Optimized"}"#] {
        let json = conditional("create", value);
        let review = IncomingReview::from_json(json.as_bytes()).unwrap();
        assert_eq!(review.attributes().verb(), "create");
        agree(&json);
    }
}

#[cfg(feature = "conditional-authorization")]
#[test]
fn an_asker_understands_the_conditions_that_it_says_and_only_for_verbs_that_may_depend_on_some() {
    // S-COND-1, S-COND-3.
    let mode = |verb: &str, value: &str| {
        let json = conditional(verb, value);
        IncomingReview::from_json(json.as_bytes()).unwrap().conditional_mode()
    };
    let optimized = r#"{"mode": "Optimized"}"#;
    assert_eq!(mode("create", optimized), ConditionalMode::Optimized);
    assert_eq!(mode("create", r#"{"mode": "HumanReadable"}"#), ConditionalMode::HumanReadable);
    assert_eq!(mode("get", optimized), ConditionalMode::Unsupported);
    for none in ["null", "{}", "\"x\"", r#"{"mode": ""}"#, r#"{"mode": "Other"}"#, r#"{"mode": 1}"#]
    {
        assert_eq!(mode("create", none), ConditionalMode::Unsupported, "{none}");
    }
}
