use std::collections::BTreeMap;
use std::time::Duration;

use super::directory::Scope;
use super::dn::{Dn, DnTemplate};
use super::filter::{Attribute, Filter, FilterTemplate};
use crate::authn::reserved_name;
use crate::model::User;

/// How users and their groups are found in a directory. [`Self::new`] has the defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LdapConfig {
    /// The name in logs and metrics. Default: `ldap`.
    pub name: String,
    /// How the entry of a user is found.
    pub users: Users,
    /// Which entry a name without a password means, as after Kerberos or at a refresh. `None`: the
    /// one that a login finds and whose user name is exactly this one, byte for byte.
    pub lookup: Option<FilterTemplate>,
    /// How the groups of a user are found; `None` for no groups.
    pub groups: Option<Groups>,
    /// What becomes of the attributes of an entry.
    pub attributes: AttributeMapping,
    /// Which accounts are refused.
    pub accounts: Accounts,
    /// What becomes of groups that begin with `system:`. Default: they are left out.
    pub reserved_groups: ReservedGroups,
    /// How long a login or a look-up may take in all. Default: 10 s.
    pub budget: Duration,
    /// Whether entries and groups are read as the user who logs in, for directories without a service
    /// account. Look-ups without a password are impossible then. Default: no.
    pub reads_as_user: bool,
}

impl LdapConfig {
    /// Users found like this, who are called as their attribute `username` says; no groups.
    #[must_use]
    pub fn new(users: Users, username: Attribute) -> Self {
        Self {
            name: "ldap".to_owned(),
            users,
            lookup: None,
            groups: None,
            attributes: AttributeMapping::new(username),
            accounts: Accounts::default(),
            reserved_groups: ReservedGroups::default(),
            budget: Duration::from_secs(10),
            reads_as_user: false,
        }
    }

    /// What cannot work.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.budget.is_zero() {
            return Err(ConfigError::Zero("budget"));
        }
        for key in self.attributes.extra.keys() {
            let mut user = User::new("x");
            user.extra.insert(key.clone(), Vec::new());
            if key.is_empty() || *key != key.to_lowercase() || reserved_name(&user).is_some() {
                return Err(ConfigError::ExtraKey { key: key.clone() });
            }
        }
        if self.reads_as_user && matches!(self.users, Users::Search(_)) {
            return Err(ConfigError::SearchAsUser);
        }
        self.groups.as_ref().map_or(Ok(()), Groups::check)
    }
}

/// How the entry of a user is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Users {
    /// By a search, then bound as.
    Search(UserSearch),
    /// By its DN, which the name is put into; bound as at once.
    Direct(DirectBind),
}

/// A search for the entry of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSearch {
    /// Where it begins.
    pub base: Dn,
    /// How far it goes.
    pub scope: Scope,
    /// Which entry, by the name that was typed.
    pub filter: FilterTemplate,
}

/// The DN of the entry of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectBind {
    /// The DN, by the name that was typed.
    pub dn: DnTemplate,
    /// Which entries are users at all.
    pub filter: Filter,
}

/// How the groups of a user are found. [`Self::new`] has the defaults.
///
/// Several ways may be on at once; the groups are those of all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Groups {
    /// Where searches for groups begin. A group that is elsewhere counts for nothing, whatever
    /// `memberOf` says.
    pub base: Dn,
    /// How far they go. Default: the whole subtree.
    pub scope: Scope,
    /// Which entries are groups, such as `(objectClass=groupOfNames)`.
    pub filter: Filter,
    /// The attribute that names a group. Default: `cn`. Of several values the one in the DN counts.
    pub name: Attribute,
    /// The attribute of a group that holds the DNs of its members; `None` if there is none. Default:
    /// `member`. Also what nested groups are followed by.
    pub member: Option<Attribute>,
    /// Whether users are looked for among the members of groups. Default: yes. Without it `member` is
    /// for groups in groups alone, and `member_of` says which groups a user is in: one search less.
    pub asks_members: bool,
    /// The attribute of a user that holds the DNs of its groups; `None`, the default, if it is not to
    /// be used. `base`, `scope` and `filter` apply to these as to others. With the filter
    /// `(objectClass=*)` the entry of a group is not read whose DN says its name; with any other each
    /// is, one after the other.
    pub member_of: Option<Attribute>,
    /// Groups that list users by a value of theirs, as `posixGroup` does; `None`, the default, if they
    /// are not to be used.
    pub member_uid: Option<MemberUid>,
    /// What becomes of groups in groups. Default: nothing.
    pub nested: Nested,
    /// What group names begin with. Default: nothing.
    pub prefix: String,
    /// How many groups a user may be in. Default: 1,000.
    pub max_groups: usize,
    /// How many groups are asked for at a time. Default: 500.
    pub page_size: u16,
    /// For how long it is remembered which group is in which; zero for not at all. Default: 60 s. A
    /// group that is taken out of another goes on counting for so long.
    pub remember: Duration,
    /// Of how many groups that is remembered. Default: 10,000.
    pub capacity: usize,
}

impl Groups {
    /// Groups below a base, by their attribute `member`, not nested.
    #[must_use]
    pub fn new(base: Dn, filter: Filter) -> Self {
        Self {
            base,
            scope: Scope::Subtree,
            filter,
            name: Attribute::known("cn"),
            member: Some(Attribute::known("member")),
            asks_members: true,
            member_of: None,
            member_uid: None,
            nested: Nested::Off,
            prefix: String::new(),
            max_groups: 1_000,
            page_size: 500,
            remember: Duration::from_secs(60),
            capacity: 10_000,
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let asks_members = self.asks_members && self.member.is_some();
        if !asks_members && self.member_of.is_none() && self.member_uid.is_none() {
            return Err(ConfigError::NoMembership);
        }
        if self.member.is_none() && self.nested != Nested::Off {
            return Err(ConfigError::NestedWithoutMember);
        }
        if !asks_members && matches!(self.nested, Nested::InChain | Nested::Detect { .. }) {
            return Err(ConfigError::InChainWithoutMembers);
        }
        let mut zero = vec![
            ("max_groups", self.max_groups == 0),
            ("page_size", self.page_size == 0),
            ("capacity", self.capacity == 0),
        ];
        if let Nested::BreadthFirst { depth, batch, budget }
        | Nested::Detect { depth, batch, budget } = self.nested
        {
            zero.push(("depth", depth == 0));
            zero.push(("batch", batch == 0));
            zero.push(("budget", budget.is_zero()));
        }
        match zero.into_iter().find(|(_, is_zero)| *is_zero) {
            Some((name, _)) => Err(ConfigError::Zero(name)),
            None => Ok(()),
        }
    }
}

/// Groups that list their members by a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberUid {
    /// The attribute of the group, such as `memberUid`.
    pub group: Attribute,
    /// The attribute of the user that has the value, such as `uid`.
    pub user: Attribute,
}

/// What becomes of groups in groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Nested {
    /// They count for nothing.
    #[default]
    Off,
    /// The directory follows them, by Active Directory's rule 1.2.840.113556.1.4.1941. One round trip.
    InChain,
    /// They are followed level by level.
    BreadthFirst {
        /// How many levels of groups in groups there may be.
        depth: usize,
        /// How many groups one filter asks about.
        batch: usize,
        /// How long it may take.
        budget: Duration,
    },
    /// By the rule where the root of the directory says that it is an Active Directory, level by level
    /// elsewhere.
    Detect {
        /// As of [`Self::BreadthFirst`].
        depth: usize,
        /// As of [`Self::BreadthFirst`].
        batch: usize,
        /// As of [`Self::BreadthFirst`].
        budget: Duration,
    },
}

impl Nested {
    /// Level by level: 16 levels, 100 groups a filter, 5 s.
    pub const BREADTH_FIRST: Self =
        Self::BreadthFirst { depth: 16, batch: 100, budget: Duration::from_secs(5) };
    /// The same where the directory is no Active Directory.
    pub const DETECT: Self = Self::Detect { depth: 16, batch: 100, budget: Duration::from_secs(5) };
}

/// What becomes of the attributes of an entry. [`Self::new`] has the defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttributeMapping {
    /// The attribute that is the user name. An entry must have exactly one value of it.
    pub username: Attribute,
    /// What user names begin with. Default: nothing.
    pub username_prefix: String,
    /// The attribute that is the uid, and how it is written. Default: none.
    pub uid: Option<(Attribute, UidForm)>,
    /// The attributes that are extra values, by their key. Default: none.
    pub extra: BTreeMap<String, Attribute>,
}

impl AttributeMapping {
    /// Users are called as this attribute says.
    #[must_use]
    pub const fn new(username: Attribute) -> Self {
        Self { username, username_prefix: String::new(), uid: None, extra: BTreeMap::new() }
    }
}

/// How a uid is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UidForm {
    /// As it is.
    #[default]
    Text,
    /// Sixteen bytes of Active Directory's `objectGUID`, written as a GUID.
    ObjectGuid,
}

/// Which accounts are refused, by what their entries say. Whatever is on is asked for; an attribute
/// that a directory does not have refuses nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accounts {
    /// Active Directory: `userAccountControl`, `msDS-User-Account-Control-Computed`, `accountExpires`,
    /// `lockoutTime`, `pwdLastSet`. Default: on.
    pub active_directory: bool,
    /// Password policies of OpenLDAP and others: `pwdAccountLockedTime`, `pwdReset`. Default: on. The
    /// response control is always looked at.
    pub password_policy: bool,
    /// `shadowExpire` of RFC 2307. Default: on.
    pub shadow: bool,
    /// `nsAccountLock` of 389 Directory Server, `loginDisabled` of eDirectory. Default: on.
    pub flags: bool,
    /// How long a lock after wrong passwords lasts. `None`, the default: until the directory takes it
    /// away.
    pub lockout: Option<Duration>,
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            active_directory: true,
            password_policy: true,
            shadow: true,
            flags: true,
            lockout: None,
        }
    }
}

/// What becomes of groups whose names begin with `system:`, after the prefix.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReservedGroups {
    /// They are left out.
    #[default]
    Drop,
    /// Whoever is in one is refused.
    Refuse,
}

/// Why a configuration cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A number or duration is zero.
    #[error("`{0}` must not be zero")]
    Zero(&'static str),
    /// No way to find groups is on.
    #[error("name at least one of `member`, `member_of` and `member_uid`, or no groups")]
    NoMembership,
    /// Groups in groups are found by `member`.
    #[error("nested groups need `member`, by which groups hold groups")]
    NestedWithoutMember,
    /// The rule asks for users among the members of groups.
    #[error("the in-chain rule asks for users by `member`; let it, or follow groups breadth first")]
    InChainWithoutMembers,
    /// A search comes before the bind, so it cannot be made as the user.
    #[error("a search for users needs a service account; only a direct bind can read as the user")]
    SearchAsUser,
    /// An extra key that cannot be, or that Kubernetes keeps for itself.
    #[error(
        "the extra key `{key}` must be lower case, not empty, and not below kubernetes.io or k8s.io"
    )]
    ExtraKey {
        /// The key.
        key: String,
    },
}
