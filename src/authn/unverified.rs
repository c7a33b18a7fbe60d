use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::crypto::jws::MAX_TOKEN_BYTES;

/// What a token says of its issuer, to be believed by nobody yet. `None` for everything that is not
/// written like a token with one (S-SAJWT-1), for longer ones than any that are read here, and for
/// tokens that name two.
pub(crate) fn unverified_issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Unverified<'a> {
        #[serde(borrow)]
        iss: Cow<'a, str>,
    }

    if token.len() > MAX_TOKEN_BYTES || token.trim_start().starts_with('{') {
        return None;
    }
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: Unverified<'_> = serde_json::from_slice(&payload).ok()?;
    Some(claims.iss.into_owned())
}
