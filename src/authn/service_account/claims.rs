use serde_json::{Map, Value};

use super::ServiceAccountError;

/// The claims of a verified token, read with the types that Go reads them with: what is missing or
/// `null` is the empty value.
#[derive(Clone, Copy)]
pub(super) struct Claims<'a>(pub(super) &'a Map<String, Value>);

/// Names an object of a bound token.
pub(super) struct Reference<'a> {
    pub(super) name: &'a str,
    pub(super) uid: &'a str,
}

impl<'a> Claims<'a> {
    fn get(self, claim: &str) -> Option<&'a Value> {
        self.0.get(claim).filter(|value| !value.is_null())
    }

    /// A string, empty when missing.
    pub(super) fn text(self, claim: &'static str) -> Result<&'a str, ServiceAccountError> {
        let Some(value) = self.get(claim) else { return Ok("") };
        value.as_str().ok_or(ServiceAccountError::ClaimType { claim, expected: "a string" })
    }

    /// A string or a list of strings, as `aud` is (RFC 7519 §4.1.3).
    pub(super) fn texts(self, claim: &'static str) -> Result<Vec<String>, ServiceAccountError> {
        let wrong =
            || ServiceAccountError::ClaimType { claim, expected: "a string or a list of strings" };
        match self.get(claim) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text.clone()]),
            Some(Value::Array(items)) => {
                let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
                texts.collect::<Option<_>>().ok_or_else(wrong)
            }
            Some(_) => Err(wrong()),
        }
    }

    /// A time in seconds; the fraction is dropped, as Go drops it.
    pub(super) fn time(self, claim: &'static str) -> Result<Option<i64>, ServiceAccountError> {
        let Some(value) = self.get(claim) else { return Ok(None) };
        let wrong = ServiceAccountError::ClaimType { claim, expected: "a time in seconds" };
        if let Some(seconds) = value.as_i64() {
            return Ok(Some(seconds));
        }
        // Through text, since there is no other checked way from a float to an integer.
        let whole = value.as_f64().map(|seconds| format!("{:.0}", seconds.trunc()));
        whole.and_then(|text| text.parse().ok()).map(Some).ok_or(wrong)
    }

    /// The claims inside of one; none when missing.
    pub(super) fn object(self, claim: &'static str) -> Result<Option<Self>, ServiceAccountError> {
        let Some(value) = self.get(claim) else { return Ok(None) };
        let object = value.as_object().map(Claims);
        object.map(Some).ok_or(ServiceAccountError::ClaimType { claim, expected: "an object" })
    }

    /// A reference to an object, if there is one.
    pub(super) fn reference(
        self,
        claim: &'static str,
    ) -> Result<Option<Reference<'a>>, ServiceAccountError> {
        let Some(inner) = self.object(claim)? else { return Ok(None) };
        Ok(Some(Reference { name: inner.text("name")?, uid: inner.text("uid")? }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with<T>(value: Value, read: impl FnOnce(Claims<'_>) -> T) -> T {
        let map = Map::from_iter([("c".to_owned(), value)]);
        read(Claims(&map))
    }

    #[test]
    fn a_time_is_read_whole_or_with_a_fraction_and_nothing_else_is() {
        for (value, seconds) in [
            (json!(12), Some(12)),
            (json!(12.9), Some(12)),
            (json!(-0.5), Some(0)),
            (json!(1.7e9), Some(1_700_000_000)),
            (json!(null), None),
            (json!(0), Some(0)),
        ] {
            assert_eq!(with(value.clone(), |claims| claims.time("c")), Ok(seconds), "{value}");
        }
        for value in [json!("12"), json!([12]), json!(true), json!(1e300), json!(u64::MAX)] {
            assert!(with(value.clone(), |claims| claims.time("c")).is_err(), "{value}");
        }
    }

    #[test]
    fn an_audience_is_a_string_or_a_list_of_strings() {
        for (value, texts) in
            [(json!("a"), &["a"][..]), (json!(["a", "b"]), &["a", "b"]), (json!([]), &[])]
        {
            assert_eq!(with(value, |claims| claims.texts("c")).unwrap(), texts);
        }
        for value in [json!(1), json!([1]), json!([null]), json!({"a": "b"})] {
            assert!(with(value.clone(), |claims| claims.texts("c")).is_err(), "{value}");
        }
    }

    #[test]
    fn what_is_missing_is_empty_and_what_is_of_another_type_is_refused() {
        assert_eq!(with(json!(null), |claims| claims.text("c").map(str::to_owned)), Ok("".into()));
        assert!(with(json!(1), |claims| claims.text("c").is_err()));
        assert!(with(json!(null), |claims| claims.reference("c").unwrap().is_none()));
        assert!(with(json!("x"), |claims| claims.reference("c").is_err()));
        assert!(with(json!({"uid": 1}), |claims| claims.reference("c").is_err()));
    }
}
