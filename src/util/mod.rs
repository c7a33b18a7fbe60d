//! Small things every layer needs. Private to the crate.

pub(crate) mod aggregate;
#[cfg(feature = "rbac")]
pub(crate) mod cowvec;
#[cfg(any(feature = "abac", feature = "structured-chain"))]
pub(crate) mod gojson;
pub(crate) mod goquote;
#[cfg(feature = "rbac")]
pub(crate) mod intern;
#[cfg(any(feature = "kerberos", feature = "token-cache", feature = "token-file"))]
pub(crate) mod keyed;
pub(crate) mod nearest;
#[cfg(any(feature = "node", feature = "rbac"))]
pub(crate) mod num;
pub(crate) mod rfc3339;
#[cfg(feature = "authn")]
pub(crate) mod secret;
#[cfg(any(feature = "abac", feature = "files"))]
pub(crate) mod yaml_scalar;
