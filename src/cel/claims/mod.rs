//! What do the expressions of an AuthenticationConfiguration make of a token's claims, and of the
//! user that came out of them? Mappings and rules over `claims`, rules over `user` (S-OIDC-19 to
//! S-OIDC-23, S-ACONF-5 to S-ACONF-11).
//!
//! The language, its functions and its limits are those of [`crate::cel`]; what differs is that the
//! type of a claim is only known when there is a token.
//!
//! # `claims`
//!
//! - A claim is selected (`claims.sub`, `claims.?groups`, `has(claims.hd)`) or indexed
//!   (`claims['https://example.org/role']`). `claims` itself is hardly a value: `'sub' in claims`
//!   and `size(claims)` compile and have an error for every token, as in the API server
//!   (S-OIDC-21b); everything else with it is refused.
//! - A name that no field can have is escaped: `claims.obj.a__dot__b` is `a.b`, `__slash__`,
//!   `__dash__`, `__underscores__` and `__namespace__` likewise. Where it is not certain whether the
//!   API server reads an escape (inside of what a macro goes through), there is an error.
//! - Every number of a token is a double: `type(claims.n) == double`, and `claims.n == 5` all the
//!   same (S-OIDC-21). A comparison with a whole number beyond 2^53 is an error, since versions of
//!   the API server differ in it.
//! - Functions are chosen by the types that a token has. Where none fits it is `no such overload`,
//!   and never false.
//! - A macro takes no bare claim (S-OIDC-20): `dyn(claims.groups).exists(g, g == 'admin')`.
//!   `claims.realm.roles` is not bare any more.
//! - Beside what [`crate::cel`] lists there are `dyn`, `type` and the names of types, conversions
//!   from and to doubles (but for `double('0x1p1')`, `double('Inf')` and the like), and comparisons
//!   of whole numbers with doubles. `isSorted`, `sum`, `min`, `max` and `sort` need a list of which
//!   the type is known.
//!
//! # `user`
//!
//! `username`, `uid` (strings), `groups` (list of strings), `extra` (map of string to list of
//! strings), all always there. Everything is known about the types, as of `request`.
//!
//! Absent on purpose: what becomes of an answer (prefixes, empty names, messages of rules), which is
//! the authenticator's business.

mod output;
mod rule;
mod selected;

pub use output::Output;
pub use rule::{ClaimRule, Mapping, UserRule};

#[cfg(test)]
mod tests;
