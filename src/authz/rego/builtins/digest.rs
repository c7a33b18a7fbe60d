//! `crypto.*`: digests. MD5 is not among them: nothing that decides should rest on it.

use aws_lc_rs::{constant_time, digest, hmac};
use regorus::Value;

use super::arguments::string;
use super::{Builtin, Fault};

pub(super) const TABLE: &[Builtin] = &[
    Builtin { name: "crypto.hmac.equal", arity: 2, run: equal },
    Builtin { name: "crypto.hmac.sha1", arity: 2, run: hmac_sha1 },
    Builtin { name: "crypto.hmac.sha256", arity: 2, run: hmac_sha256 },
    Builtin { name: "crypto.hmac.sha512", arity: 2, run: hmac_sha512 },
    Builtin { name: "crypto.sha1", arity: 1, run: sha1 },
    Builtin { name: "crypto.sha256", arity: 1, run: sha256 },
];

/// Lower case, as all these functions write bytes.
pub(super) fn hex(bytes: &[u8]) -> Value {
    Value::from(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn equal(arguments: &[Value]) -> Result<Value, Fault> {
    let function = "crypto.hmac.equal";
    let (one, other) = (string(function, arguments, 0)?, string(function, arguments, 1)?);
    let are_equal = constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes());
    Ok(Value::from(are_equal.is_ok()))
}

fn keyed(algorithm: hmac::Algorithm, function: &str, arguments: &[Value]) -> Result<Value, Fault> {
    let (message, key) = (string(function, arguments, 0)?, string(function, arguments, 1)?);
    let key = hmac::Key::new(algorithm, key.as_bytes());
    Ok(hex(hmac::sign(&key, message.as_bytes()).as_ref()))
}

fn hmac_sha1(arguments: &[Value]) -> Result<Value, Fault> {
    keyed(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, "crypto.hmac.sha1", arguments)
}

fn hmac_sha256(arguments: &[Value]) -> Result<Value, Fault> {
    keyed(hmac::HMAC_SHA256, "crypto.hmac.sha256", arguments)
}

fn hmac_sha512(arguments: &[Value]) -> Result<Value, Fault> {
    keyed(hmac::HMAC_SHA512, "crypto.hmac.sha512", arguments)
}

fn plain(
    algorithm: &'static digest::Algorithm,
    function: &str,
    arguments: &[Value],
) -> Result<Value, Fault> {
    let message = string(function, arguments, 0)?;
    Ok(hex(digest::digest(algorithm, message.as_bytes()).as_ref()))
}

fn sha1(arguments: &[Value]) -> Result<Value, Fault> {
    plain(&digest::SHA1_FOR_LEGACY_USE_ONLY, "crypto.sha1", arguments)
}

fn sha256(arguments: &[Value]) -> Result<Value, Fault> {
    plain(&digest::SHA256, "crypto.sha256", arguments)
}
