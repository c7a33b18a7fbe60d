//! The requests that a kube-apiserver sent to its webhook, recorded: ours are the same.

use portcullis::api::authorization::{OutgoingReview, PreparedReview, Review};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::support::shared;

#[derive(Deserialize)]
struct Recorded<'a> {
    path: String,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// The recorder wrote spaces between values.
fn without_spaces(json: &str) -> String {
    let (mut text, mut is_string, mut is_escaped) = (String::new(), false, false);
    for character in json.chars() {
        if !is_string && character == ' ' {
            continue;
        }
        is_string ^= character == '"' && !is_escaped;
        is_escaped = is_string && character == '\\' && !is_escaped;
        text.push(character);
    }
    text
}

#[test]
fn a_review_is_written_byte_for_byte_as_the_api_server_wrote_it() {
    // S-WHA-1 to 3.
    let Some(path) = shared("golden/apiserver-requests.ndjson") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let mut compared = 0;
    for (number, line) in text.lines().enumerate() {
        let recorded: Recorded<'_> = serde_json::from_str(line).unwrap();
        if !recorded.path.starts_with("/authorize") {
            continue;
        }
        assert_eq!(recorded.path, "/authorize?timeout=3s");
        let body = recorded.body.get();
        let Review::Access(review) = Review::from_json(body.as_bytes()).unwrap() else {
            panic!("line {}: no access review", number + 1)
        };
        let question = PreparedReview::of(&review.spec).unwrap();
        let ours = OutgoingReview::new(&question.request(), review.version);
        let ours = std::str::from_utf8(ours.body()).unwrap();
        assert_eq!(ours, without_spaces(body), "line {}", number + 1);
        compared += 1;
    }
    assert!(compared > 20, "{compared}");
}
