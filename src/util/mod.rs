//! Small things every layer needs. Private to the crate.

pub(crate) mod aggregate;
pub(crate) mod cowvec;
#[cfg(feature = "abac")]
pub(crate) mod gojson;
pub(crate) mod goquote;
pub(crate) mod intern;
pub(crate) mod nearest;
pub(crate) mod num;
#[cfg(any(feature = "abac", feature = "files"))]
pub(crate) mod yaml_scalar;
