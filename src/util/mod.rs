//! Small things every layer needs. Private to the crate.

pub(crate) mod aggregate;
pub(crate) mod cowvec;
pub(crate) mod goquote;
pub(crate) mod intern;
pub(crate) mod num;
