//! How a decision is made.
//!
//! # From bytes to a decision
//!
//! `source` reads files into an [`Inventory`](crate::api::inventory::Inventory): what was said, each
//! object with the place where it stands. [`compile`](crate::snapshot::compile) turns it into a
//! [`Snapshot`](crate::snapshot::Snapshot): what it means. Only this step crosses, and it is pure.
//! A snapshot never changes; [`Live`](crate::snapshot::Live) publishes one after the other.
//!
//! # The RBAC engine
//!
//! The API server looks at every binding on every request. Ours looks at the asking user's:
//!
//! - Every verb, group and resource of the policy has a small number. A request's strings are looked
//!   up, never stored; what is unknown can match wildcards only. A request becomes one bit for its
//!   verb and at most six *atoms*, (group, resource) pairs with either side possibly wild.
//! - The *index* leads from a subject in a scope (the cluster, or a namespace) to roles. A place of
//!   it is eight bytes: a part of the hash, the role, and where the names stand. Namespaces are
//!   spread over small tables, so that a probe touches one or two cache lines and a change copies a
//!   few kilobytes.
//! - Each role has a *test* in a dense table: signatures of its atoms and verbs, which most tests end
//!   with, and a shared hash table from atom to verbs.
//! - Before anything is allowed, the names of subject and namespace are compared to the byte. Hashes
//!   only choose where to look.
//! - What does not fit the tables (a 64th verb, a resource name of 300 bytes, a role of a million
//!   pairs) is answered from the rules as they are written, by the same function that finds the rule
//!   index of an explanation.
//!
//! - Roles that are bound for a time have a row for each such time. Their tests decide nothing, so that the
//!   row is looked at, and with it the clock; whoever holds the number of the row, the index or a user
//!   that was resolved, holds with it when it grants. Other roles pay nothing for it.
//!
//! Deciding writes nothing down. The reason is found when somebody asks for it, by a walk over the
//! user's bindings in the order of their names.
//!
//! # Change
//!
//! An [`Editor`](crate::authz::rbac::Editor) changes tables in place while nobody else holds them
//! and copies the parts that a published version shares: a chunk of small tables, one namespace's
//! bindings, a chunk of roles. Loading a hundred thousand bindings and applying one are the same
//! code.
//!
//! # What is deliberately absent
//!
//! The decision core opens nothing: no files, no clock, no network, no randomness beyond the seed of
//! its hash tables. There is no cache of decisions, so there is nothing to invalidate.
