use std::fmt;
use std::sync::Arc;

use tokio::sync::OnceCell;

use super::account::{AccountError, State};
use super::bind_answer::{self, Refusal};
use super::config::{ConfigError, DirectBind, LdapConfig, Nested, UserSearch, Users};
use super::directory::{Directory, DirectoryError, Entry, Found, Scope, Search, Searcher};
use super::error::LdapError;
use super::filter::{Attribute, Filter};
use super::graph::GroupGraph;
use super::groups::{Follow, GroupFinder};
use super::mapping::group_names;
use crate::authn::{
    Answering, Authenticated, GroupLookup, LookingUp, PasswordAttempt, PasswordAuthenticator,
    UnixSeconds,
};
use crate::model::User;

/// Names longer than this are nobody's: a user principal name of Active Directory has 1,024 bytes.
const LONGEST_NAME: usize = 1024;

/// What the root of an Active Directory says it can do (MS-ADTS section 3.1.1.3.4.3.1).
const ACTIVE_DIRECTORY: &[u8] = b"1.2.840.113556.1.4.800";

/// `LDAP_MATCHING_RULE_IN_CHAIN` (MS-ADTS section 3.1.1.3.4.4.3).
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// As whom is bound in place of a name that nobody has, below the base of the search. Nobody is called
/// that; if somebody were, it would not count.
const NOBODY: &str = "cn=portcullis-nobody-c36de4f0a1b7";

/// Tells the time, where no attempt does.
pub type Clock = Arc<dyn Fn() -> UnixSeconds + Send + Sync>;

/// The users of a directory, and their groups.
///
/// As a [`PasswordAuthenticator`] it has no opinion on a name that no entry matches. As a
/// [`GroupLookup`] it says `None` of a user whose entry is gone, or whose account may not log in.
/// Every error is a [`LdapError`].
///
/// Directories compare names without regard to case and more. A user is called as the entry says,
/// however the name was typed, and a look-up without a password is for exactly that name.
///
/// A name that no entry matches costs a connection and a bind as others do, so that the time of the
/// answer says little. What is left: a directory hashes a password only for an entry that is there,
/// and an account that may not log in is told by the log alone.
pub struct LdapUsers {
    config: LdapConfig,
    directory: Arc<dyn Directory>,
    clock: Clock,
    graph: GroupGraph,
    in_chain: Attribute,
    /// Whether the directory has the rule; asked once.
    has_in_chain: OnceCell<bool>,
}

/// Somebody whose entry was found, and as whom it is read.
struct Known<'a> {
    name: &'a str,
    entry: Entry,
    until: Option<UnixSeconds>,
}

impl LdapUsers {
    /// Users of this directory.
    ///
    /// # Errors
    /// When the configuration cannot work. The directory is not asked.
    pub fn new(
        config: LdapConfig,
        directory: Arc<dyn Directory>,
        clock: Clock,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let (capacity, remember) = config
            .groups
            .as_ref()
            .map_or((1, std::time::Duration::ZERO), |groups| (groups.capacity, groups.remember));
        let in_chain = Attribute::known(IN_CHAIN);
        let graph = GroupGraph::new(capacity, remember);
        Ok(Self { config, directory, clock, graph, in_chain, has_in_chain: OnceCell::new() })
    }

    /// The name in logs and metrics.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.config.name
    }

    /// How long a login or a look-up takes at most.
    #[must_use]
    pub const fn budget(&self) -> std::time::Duration {
        self.config.budget
    }

    /// Checks a name and a password.
    ///
    /// # Errors
    /// When the name is known and the login refused, or the directory gives no answer; see
    /// [`LdapError::is_outage`].
    pub async fn log_in(
        &self,
        attempt: PasswordAttempt<'_>,
    ) -> Result<Option<Authenticated>, LdapError> {
        let PasswordAttempt { name, password, now, .. } = attempt;
        check_name(name)?;
        if password.is_empty() {
            return Err(LdapError::EmptyPassword { name: name.to_owned() });
        }
        if password.contains('\0') {
            return Err(LdapError::NulPassword { name: name.to_owned() });
        }
        let logging_in = async {
            match &self.config.users {
                Users::Search(search) => self.search_then_bind(search, name, password, now).await,
                Users::Direct(direct) => self.bind_directly(direct, name, password, now).await,
            }
        };
        let budget = self.config.budget;
        tokio::time::timeout(budget, logging_in).await.map_err(|_| LdapError::OutOfTime(budget))?
    }

    /// The groups of a user now; `None` if there is no such user, or the account may not log in. A
    /// user whose name the directory only takes for the same (`JANE` for `jane`) is none: to whoever
    /// proved the name they may be two people.
    ///
    /// # Errors
    /// When several entries match, or the directory gives no answer.
    pub async fn look_up(&self, user: &User) -> Result<Option<Vec<String>>, LdapError> {
        let Some(name) = self.config.attributes.bare_name(&user.name) else { return Ok(None) };
        if check_name(name).is_err() {
            return Ok(None);
        }
        if self.config.reads_as_user {
            return Err(LdapError::NoService { name: user.name.clone() });
        }
        let now = (self.clock)();
        let looking_up = async {
            let search = self.lookup_search(name);
            let Some(entry) = self.find_one(&*self.directory, search, name).await? else {
                return Ok(None);
            };
            if !self.is_called(&entry, name) {
                tracing::info!(user = user.name, "the directory has the name in another spelling");
                return Ok(None);
            }
            match self.config.accounts.judge(&entry, now) {
                State::Open { .. } => {}
                State::Refused(why) | State::PerhapsLocked(why) => {
                    tracing::info!(user = user.name, %why, "account of the directory is none now");
                    return Ok(None);
                }
            }
            self.groups(&*self.directory, &entry, name, now).await.map(Some)
        };
        let budget = self.config.budget;
        tokio::time::timeout(budget, looking_up).await.map_err(|_| LdapError::OutOfTime(budget))?
    }

    async fn search_then_bind(
        &self,
        search: &UserSearch,
        name: &str,
        password: &str,
        now: UnixSeconds,
    ) -> Result<Option<Authenticated>, LdapError> {
        let filter = search.filter.fill(name);
        let wanted = Search::for_one(search.base.to_string(), search.scope, filter)
            .with_attributes(self.attributes());
        let Some(entry) = self.find_one(&*self.directory, wanted, name).await? else {
            // Not with the password that was typed, which may be one of another directory.
            let base = search.base.to_string();
            let dn = if base.is_empty() { NOBODY.to_owned() } else { format!("{NOBODY},{base}") };
            self.directory.bind(&dn, "nobody's password").await?;
            return Ok(None);
        };
        self.bind(&entry.dn, name, password).await?;
        let known = self.check_account(&*self.directory, name, entry, now).await?;
        self.authenticated(&*self.directory, known, now).await.map(Some)
    }

    async fn bind_directly(
        &self,
        direct: &DirectBind,
        name: &str,
        password: &str,
        now: UnixSeconds,
    ) -> Result<Option<Authenticated>, LdapError> {
        let dn = direct.dn.fill(name).to_string();
        let session = self.bind(&dn, name, password).await?;
        let reader: &dyn Searcher = match (self.config.reads_as_user, &session) {
            (true, Some(session)) => &**session,
            _ => &*self.directory,
        };
        let wanted = self.entry_search(&dn, direct.filter.clone());
        let entry = self
            .find_one(reader, wanted, name)
            .await?
            .ok_or_else(|| LdapError::NoEntry { name: name.to_owned() })?;
        let known = self.check_account(reader, name, entry, now).await?;
        self.authenticated(reader, known, now).await.map(Some)
    }

    /// Proves a password; gives the directory as that user sees it.
    async fn bind(
        &self,
        dn: &str,
        name: &str,
        password: &str,
    ) -> Result<Option<Box<dyn Searcher>>, LdapError> {
        let bound = self.directory.bind(dn, password).await?;
        let name = || name.to_owned();
        match bind_answer::judge(&bound) {
            Ok(()) => Ok(bound.session),
            Err(Refusal::WrongPassword) => Err(LdapError::WrongPassword { name: name() }),
            Err(Refusal::Account(why)) => Err(LdapError::Account { name: name(), why }),
            Err(Refusal::Directory(error)) => Err(error.into()),
        }
    }

    /// Refuses accounts that may not log in. The password has been proven: one that was locked for a
    /// while, and of which it is not known for how long, is read again, since directories take such
    /// locks away at a bind that succeeds.
    async fn check_account<'a>(
        &self,
        reader: &dyn Searcher,
        name: &'a str,
        entry: Entry,
        now: UnixSeconds,
    ) -> Result<Known<'a>, LdapError> {
        let refused = |why: AccountError| LdapError::Account { name: name.to_owned(), why };
        match self.config.accounts.judge(&entry, now) {
            State::Open { until } => return Ok(Known { name, entry, until }),
            State::Refused(why) => return Err(refused(why)),
            State::PerhapsLocked(_) => {}
        }
        let wanted = self.entry_search(&entry.dn, Filter::everything());
        let again = self
            .find_one(reader, wanted, name)
            .await?
            .ok_or_else(|| LdapError::NoEntry { name: name.to_owned() })?;
        match self.config.accounts.judge(&again, now) {
            State::Open { until } => Ok(Known { name, entry: again, until }),
            State::Refused(why) | State::PerhapsLocked(why) => Err(refused(why)),
        }
    }

    async fn authenticated(
        &self,
        reader: &dyn Searcher,
        known: Known<'_>,
        now: UnixSeconds,
    ) -> Result<Authenticated, LdapError> {
        let mut user = self.config.attributes.user(known.name, &known.entry)?;
        user.groups = self.groups(reader, &known.entry, known.name, now).await?;
        Ok(Authenticated { user, audiences: Vec::new(), expires: known.until })
    }

    async fn groups(
        &self,
        reader: &dyn Searcher,
        entry: &Entry,
        name: &str,
        now: UnixSeconds,
    ) -> Result<Vec<String>, LdapError> {
        let Some(config) = &self.config.groups else { return Ok(Vec::new()) };
        let in_chain = match config.nested {
            Nested::InChain => Some(&self.in_chain),
            Nested::Detect { .. } if self.detect(reader).await? => Some(&self.in_chain),
            _ => None,
        };
        let follow = Follow::new(config.nested, in_chain);
        let finder = GroupFinder { searcher: reader, config, graph: &self.graph, follow, now };
        let groups = finder.find(entry).await?;
        group_names(name, config, self.config.reserved_groups, &groups)
    }

    /// Whether the directory is an Active Directory, by its root.
    async fn detect(&self, reader: &dyn Searcher) -> Result<bool, LdapError> {
        let asking = async {
            const CAPABILITIES: &str = "supportedCapabilities";
            let search = Search::for_one("", Scope::Base, Filter::everything())
                .with_attributes([CAPABILITIES]);
            let found = reader.search(search).await?;
            let is_one = |root: &Entry| {
                root.values(CAPABILITIES).iter().any(|value| value == ACTIVE_DIRECTORY)
            };
            Ok::<bool, DirectoryError>(found.entries.iter().any(is_one))
        };
        Ok(*self.has_in_chain.get_or_try_init(|| asking).await?)
    }

    /// The entry, if there is one and no other.
    async fn find_one(
        &self,
        reader: &dyn Searcher,
        search: Search,
        name: &str,
    ) -> Result<Option<Entry>, LdapError> {
        let Found { mut entries, is_complete } = reader.search(search).await?;
        let entry = entries.pop();
        if !is_complete || !entries.is_empty() {
            return Err(LdapError::Ambiguous { name: name.to_owned() });
        }
        if entry.as_ref().is_some_and(|entry| entry.dn.trim().is_empty()) {
            return Err(LdapError::NoDn { name: name.to_owned() });
        }
        Ok(entry)
    }

    /// Whether an entry that was found by its user name has that one and no other, byte for byte: a login
    /// would call the user so. A filter of one's own finds by other names.
    fn is_called(&self, entry: &Entry, name: &str) -> bool {
        self.config.lookup.is_some() || self.config.attributes.is_name_of(name, entry)
    }

    /// The search for a user by what is left of the user name without its prefix.
    fn lookup_search(&self, name: &str) -> Search {
        let exact = || Filter::equal(&self.config.attributes.username, name);
        let lookup = self.config.lookup.as_ref().map(|template| template.fill(name));
        match &self.config.users {
            Users::Search(UserSearch { base, scope, filter }) => {
                let filter =
                    lookup.unwrap_or_else(|| Filter::And(vec![filter.fill(name), exact()]));
                Search::for_one(base.to_string(), *scope, filter).with_attributes(self.attributes())
            }
            Users::Direct(DirectBind { dn, filter }) => {
                let matching = lookup.unwrap_or_else(exact);
                let filter = Filter::And(vec![filter.clone(), matching]);
                self.entry_search(&dn.fill(name).to_string(), filter)
            }
        }
    }

    fn entry_search(&self, dn: &str, filter: Filter) -> Search {
        Search::for_one(dn, Scope::Base, filter).with_attributes(self.attributes())
    }

    /// Every attribute of a user's entry that matters.
    fn attributes(&self) -> Vec<String> {
        let mut names = self.config.attributes.attributes();
        names.extend(self.config.accounts.attributes().into_iter().map(str::to_owned));
        if let Some(groups) = &self.config.groups {
            names.extend(groups.member_of.iter().map(ToString::to_string));
            names.extend(groups.member_uid.iter().map(|by_value| by_value.user.to_string()));
        }
        names.sort();
        names.dedup();
        names
    }
}

impl fmt::Debug for LdapUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LdapUsers").field("config", &self.config).finish_non_exhaustive()
    }
}

impl PasswordAuthenticator for LdapUsers {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn authenticate<'a>(&'a self, attempt: PasswordAttempt<'a>) -> Answering<'a> {
        Box::pin(async move { self.log_in(attempt).await.map_err(Into::into) })
    }
}

impl GroupLookup for LdapUsers {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn groups_of<'a>(&'a self, user: &'a User) -> LookingUp<'a> {
        Box::pin(async move { self.look_up(user).await.map_err(Into::into) })
    }
}

/// What cannot be anybody's name is asked of nobody.
fn check_name(name: &str) -> Result<(), LdapError> {
    let is_usable = !name.is_empty() && name.len() <= LONGEST_NAME && !name.contains('\0');
    if is_usable { Ok(()) } else { Err(LdapError::UnusableName { longest: LONGEST_NAME }) }
}
