//! Who is this, by the organisation's directory, and in which groups?
//!
//! [`LdapUsers`] checks names and passwords ([`PasswordAuthenticator`](super::PasswordAuthenticator))
//! and knows the groups of users ([`GroupLookup`](super::GroupLookup)). A user is found by a search and
//! then bound as, or bound as at once under a DN that the name is put into.
//!
//! - Filters and DNs are values ([`Filter`], [`Dn`]); a configured one is parsed once, and what
//!   somebody typed can only become an assertion value or the value of an RDN. Each value is escaped
//!   once, when the filter or DN is written (RFC 4515, RFC 4514).
//! - An empty password, or one with a NUL, is refused before anybody is asked: the first would be an
//!   unauthenticated bind, which some directories answer with success (RFC 4513 section 5.1.2).
//! - A name that two entries match is refused. So are accounts that are disabled, locked or expired,
//!   by Active Directory's attributes, by those of other directories, and by the response control of
//!   password policies; see [`Accounts`].
//! - The name of the user is the directory's spelling, not what was typed.
//! - Groups are found by `member`, `memberOf` or `memberUid`, and nested ones by Active Directory's
//!   rule or breadth first; see [`Groups`]. Which group is in which is remembered for a short while;
//!   which groups a user is in directly is not.
//! - A group whose name begins with `system:`, after the prefix that was configured, is left out or
//!   refuses the login ([`ReservedGroups`]); it never comes through. User names that do are refused.
//! - Everything has an end: so many entries, groups, levels and seconds. Beyond any of them the
//!   answer is an error, never a part of the groups, since a group may deny, too.
//!
//! Absent on purpose: the network (`source::ldap`), referrals, the primary group of Active Directory
//! (it is in neither `member` nor `memberOf`), changing passwords.

mod account;
mod account_times;
mod bind_answer;
mod config;
mod directory;
mod dn;
mod error;
mod filter;
mod graph;
mod groups;
mod mapping;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod tests;
mod users;

pub use account::AccountError;
pub use config::{
    Accounts, AttributeMapping, ConfigError, DirectBind, Groups, LdapConfig, MemberUid, Nested,
    ReservedGroups, UidForm, UserSearch, Users,
};
pub use directory::{
    Asking, Bound, Directory, DirectoryError, Entry, Found, Scope, Search, Searcher,
};
pub use dn::{Dn, DnError, DnTemplate, Rdn};
pub use error::LdapError;
pub use filter::{Attribute, AttributeError, Filter, FilterError, FilterTemplate, Substrings};
pub use users::{Clock, LdapUsers};
