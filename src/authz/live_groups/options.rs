use std::collections::BTreeSet;
use std::time::Duration;

/// How groups are replaced, and how long what the source said is kept.
///
/// ```
/// use portcullis::authz::live_groups::{LiveGroupsOptions, SystemGroups, UnknownUser};
///
/// let options = LiveGroupsOptions::default();
/// assert_eq!(options.unknown_user, UnknownUser::NoGroups);
/// assert_eq!(options.system_groups, SystemGroups::Authenticated);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveGroupsOptions {
    /// For so long the groups of a user are good. Default: a minute.
    pub ttl: Duration,
    /// Up to this age they are used while somebody asks anew, and while the source fails; never longer.
    /// Default: five minutes.
    pub max_age: Duration,
    /// For so long it is good that the source does not know a user; never longer. Default: ten seconds.
    pub negative_ttl: Duration,
    /// For so long after a failure the source is not asked about that user again. Default: a second.
    pub failure_ttl: Duration,
    /// So many users are kept. Default: 10,000.
    pub capacity: usize,
    /// More groups of one user than these are a failure. Default: 4,096.
    pub max_groups: usize,
    /// For so long somebody waits for a look-up that another request began. Default: five seconds.
    pub max_wait: Duration,
    /// So many requests wait for look-ups of others at once; the next one fails. Default: 64.
    pub max_waiting: usize,
    /// So many look-ups run at once; the next one fails. Default: 16.
    pub max_lookups: usize,
    /// What becomes of users whom the source does not know.
    pub unknown_user: UnknownUser,
    /// Which groups of a credential stay whose names begin with `system:`.
    pub system_groups: SystemGroups,
    /// Names of users who are not looked up and stay as presented: for the certificate of an emergency,
    /// which must work while a directory does not. Default: none.
    pub exempt: BTreeSet<String>,
}

impl Default for LiveGroupsOptions {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(60),
            max_age: Duration::from_secs(300),
            negative_ttl: Duration::from_secs(10),
            failure_ttl: Duration::from_secs(1),
            capacity: 10_000,
            max_groups: 4_096,
            max_wait: Duration::from_secs(5),
            max_waiting: 64,
            max_lookups: 16,
            unknown_user: UnknownUser::default(),
            system_groups: SystemGroups::default(),
            exempt: BTreeSet::new(),
        }
    }
}

/// What becomes of users whom the source does not know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UnknownUser {
    /// The groups of the credential stay, but for those of [`SystemGroups`]: for organisations in which
    /// some users are in no directory. Whoever is removed from it has the frozen groups again.
    Keep,
    /// They are in no group.
    #[default]
    NoGroups,
}

/// Which groups of a credential stay whose names begin with `system:`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SystemGroups {
    /// All: a certificate of `system:masters` makes a super user for as long as it lasts.
    All,
    /// `system:authenticated` and these.
    And(BTreeSet<String>),
    /// `system:authenticated` alone, which every authenticator adds and no credential holds.
    #[default]
    Authenticated,
}
