//! Small things every layer needs. Private to the crate.

pub(crate) mod aggregate;
#[cfg(feature = "abac")]
pub(crate) mod gojson;
pub(crate) mod goquote;
#[cfg(feature = "abac")]
pub(crate) mod yaml_scalar;
