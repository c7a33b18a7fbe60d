//! The TokenReviews that a real kube-apiserver 1.36 sent, read and answered.

use portcullis::api::authentication::{TokenReview, TokenReviewStatus, Version};
use portcullis::model::User;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{ndjson, shared};

#[derive(Deserialize)]
struct Sent {
    path: String,
    body: Value,
}

#[test]
fn the_reviews_of_a_real_api_server_are_read_and_answered_without_the_token() {
    let Some(path) = shared("golden/apiserver-requests.ndjson") else {
        return;
    };
    let mut read = 0;
    for Sent { path, body } in ndjson::<Sent>(&path) {
        if !path.starts_with("/authenticate") {
            // What is sent elsewhere is no TokenReview, and is told apart.
            assert!(TokenReview::from_json(body.to_string().as_bytes()).is_err());
            continue;
        }
        let review = TokenReview::from_json(body.to_string().as_bytes()).unwrap();
        assert_eq!(review.version, Version::V1);
        assert_eq!(Some(review.token().unwrap()), body["spec"]["token"].as_str());
        assert_eq!(json!(review.audiences), body["spec"]["audiences"]);

        let user = User::new("jane").with_groups(["dev", "system:authenticated"]);
        let status = TokenReviewStatus::authenticated(&user, review.audiences.clone());
        let answer: Value = serde_json::from_slice(&review.answer(&status)).unwrap();
        assert_eq!(
            answer,
            json!({
                "kind": "TokenReview",
                "apiVersion": "authentication.k8s.io/v1",
                "metadata": {},
                "spec": {},
                "status": {
                    "authenticated": true,
                    "user": {"username": "jane", "groups": ["dev", "system:authenticated"]},
                    "audiences": ["https://kubernetes.default.svc"],
                },
            })
        );
        read += 1;
    }
    assert!(read > 10, "{read}");
}
