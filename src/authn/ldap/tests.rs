use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::memory::Memory;
use super::*;
use crate::authn::{PasswordAttempt, Reserved, UnixSeconds};
use crate::model::User;

const NOW: UnixSeconds = 1_795_650_000;
const JANE: &str = "uid=jane,ou=people,dc=example,dc=org";

fn attribute(name: &str) -> Attribute {
    name.parse().unwrap()
}

fn config() -> LdapConfig {
    let search = UserSearch {
        base: "ou=people,dc=example,dc=org".parse().unwrap(),
        scope: Scope::Subtree,
        filter: "(|(uid={username})(mail={username}))".parse().unwrap(),
    };
    let mut config = LdapConfig::new(Users::Search(search), attribute("uid"));
    config.groups = Some(groups());
    config
}

fn groups() -> Groups {
    let base = "ou=groups,dc=example,dc=org".parse().unwrap();
    Groups::new(base, "(cn=*)".parse().unwrap())
}

fn with_groups(change: impl FnOnce(&mut Groups)) -> LdapConfig {
    let mut config = config();
    change(config.groups.as_mut().unwrap());
    config
}

fn jane() -> Entry {
    Entry::new(JANE).with("uid", ["jane"]).with("mail", ["jane@example.org"])
}

fn group_dn(name: &str) -> String {
    format!("cn={name},ou=groups,dc=example,dc=org")
}

fn group(name: &str, members: &[&str]) -> Entry {
    Entry::new(group_dn(name)).with("cn", [name]).with("member", members.iter().copied())
}

fn memory(entries: impl IntoIterator<Item = Entry>) -> Memory {
    Memory::new(entries).with_password(JANE, "pw")
}

fn users(config: LdapConfig, memory: Memory) -> (LdapUsers, Arc<Memory>) {
    let memory = Arc::new(memory);
    let directory: Arc<dyn Directory> = memory.clone();
    (LdapUsers::new(config, directory, Arc::new(|| NOW)).unwrap(), memory)
}

fn attempt<'a>(name: &'a str, password: &'a str) -> PasswordAttempt<'a> {
    PasswordAttempt { name, password, source: None, now: NOW }
}

async fn log_in(users: &LdapUsers, name: &str, password: &str) -> Result<Option<User>, LdapError> {
    Ok(users.log_in(attempt(name, password)).await?.map(|authenticated| authenticated.user))
}

async fn groups_of(config: LdapConfig, entries: Vec<Entry>) -> Result<Vec<String>, LdapError> {
    let (users, _) = users(config, memory(entries));
    Ok(log_in(&users, "jane", "pw").await?.expect("she exists").groups)
}

#[tokio::test]
async fn a_right_password_logs_in_and_its_twins_do_not() {
    let (users, memory) = users(config(), memory([jane(), group("dev", &[JANE])]));
    let user = log_in(&users, "jane", "pw").await.unwrap().unwrap();
    assert_eq!(user, User::new("jane").with_groups(["dev"]));
    let wrong = LdapError::WrongPassword { name: "jane".to_owned() };
    assert_eq!(log_in(&users, "jane", "pW").await, Err(wrong));
    assert_eq!(log_in(&users, "joe", "pw").await, Ok(None));
    // By another attribute of the filter it is the same user.
    let user = log_in(&users, "JANE@example.org", "pw").await.unwrap().unwrap();
    assert_eq!(user.name, "jane");
    // Nobody is bound as in place of `joe`, whose name would be told by the time of the answer.
    assert_eq!(memory.binds.load(std::sync::atomic::Ordering::Relaxed), 4);
}

#[tokio::test]
async fn trap_t6_an_empty_password_or_one_with_nul_is_refused_before_anybody_is_asked() {
    let (users, memory) = users(config(), memory([jane()]));
    let name = "jane".to_owned();
    let empty = LdapError::EmptyPassword { name: name.clone() };
    assert_eq!(log_in(&users, "jane", "").await, Err(empty));
    let nul = LdapError::NulPassword { name };
    assert_eq!(log_in(&users, "jane", "pw\0").await, Err(nul.clone()));
    assert_eq!(log_in(&users, "jane", "\0").await, Err(nul));
    for unusable in ["", "a\0", &"x".repeat(1025)] {
        let error = LdapError::UnusableName { longest: 1024 };
        assert_eq!(log_in(&users, unusable, "pw").await, Err(error));
    }
    assert_eq!(memory.searches(), 0);
    assert_eq!(memory.binds.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[tokio::test]
async fn trap_t4_a_name_that_two_entries_match_is_refused() {
    let other = Entry::new("uid=joe,ou=people,dc=example,dc=org")
        .with("uid", ["joe"])
        .with("mail", ["jane"]);
    let third = Entry::new("uid=x,ou=people,dc=example,dc=org").with("mail", ["jane"]);
    let ambiguous = Err(LdapError::Ambiguous { name: "jane".to_owned() });
    let (two, memory_of_two) = users(config(), memory([jane(), other.clone()]));
    assert_eq!(log_in(&two, "jane", "pw").await, ambiguous);
    assert_eq!(memory_of_two.binds.load(std::sync::atomic::Ordering::Relaxed), 0);
    // Beyond the limit of the search, too.
    let (three, _) = users(config(), memory([jane(), other, third]));
    assert_eq!(log_in(&three, "jane", "pw").await, ambiguous);
}

#[tokio::test]
async fn an_entry_without_a_dn_is_not_bound_as() {
    let mut config = config();
    if let Users::Search(search) = &mut config.users {
        search.base = Dn::default();
    }
    let (users, memory) = users(config, memory([Entry::new("").with("uid", ["jane"])]));
    let error = LdapError::NoDn { name: "jane".to_owned() };
    assert_eq!(log_in(&users, "jane", "pw").await, Err(error));
    assert_eq!(memory.binds.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[tokio::test]
async fn trap_t5_a_name_is_escaped_exactly_once() {
    let name = r"O'Brien (dev) *\2a, +ü";
    let dn = "uid=ob,ou=people,dc=example,dc=org";
    let entry = Entry::new(dn).with("uid", [name]);
    let (users, memory) = users(config(), Memory::new([entry, jane()]).with_password(dn, "pw"));
    assert_eq!(log_in(&users, name, "pw").await.unwrap().unwrap().name, name);
    let asked = memory.asked.lock().unwrap().first().unwrap().filter.to_string();
    let once = r"O'Brien \28dev\29 \2a\5c2a, +\c3\bc";
    assert_eq!(asked, format!("(|(uid={once})(mail={once}))"));
}

#[tokio::test]
async fn trap_t1_what_looks_like_a_filter_is_a_name_and_finds_nobody() {
    let (users, memory) = users(config(), memory([jane()]));
    for name in ["*", ")(uid=*", "jane)(uid=*", r"\2a", "j*", "{username}", "jane))(|(uid=*"] {
        // With her password, so that a bind as her would be a yes.
        assert_eq!(log_in(&users, name, "pw").await, Ok(None), "{name}");
    }
    // One each, as nobody.
    assert_eq!(memory.binds.load(std::sync::atomic::Ordering::Relaxed), 7);
}

#[tokio::test]
async fn trap_t3_extra_attributes_a_limit_of_entries_and_of_time_are_there() {
    let mut config = config();
    config.attributes.extra.insert("mail".to_owned(), attribute("mail"));
    config.attributes.extra.insert("none".to_owned(), attribute("description"));
    config.attributes.uid = Some((attribute("entryUUID"), UidForm::Text));
    config.attributes.username_prefix = "ldap:".to_owned();
    config.groups.as_mut().unwrap().prefix = "ldap:".to_owned();
    let entry = jane().with("entryuuid", ["u1"]);
    let (users, memory) = users(config, memory([entry, group("dev", &[JANE])]));
    let user = log_in(&users, "jane", "pw").await.unwrap().unwrap();
    assert_eq!((user.name.as_str(), user.uid.as_str()), ("ldap:jane", "u1"));
    assert_eq!(user.groups, ["ldap:dev"]);
    assert_eq!(
        user.extra.into_iter().collect::<Vec<_>>(),
        [("mail".to_owned(), vec!["jane@example.org".to_owned()])]
    );
    let asked = memory.asked.lock().unwrap();
    assert!(asked.iter().all(|search| search.limit > 0), "{asked:?}");
}

#[tokio::test]
async fn a_uid_of_active_directory_is_written_as_a_guid() {
    let mut config = config();
    config.attributes.uid = Some((attribute("objectGUID"), UidForm::ObjectGuid));
    let bytes: Vec<u8> = (0..16).collect();
    let (users, _) = users(config, memory([jane().with("objectguid", [bytes])]));
    let user = log_in(&users, "jane", "pw").await.unwrap().unwrap();
    assert_eq!(user.uid, "03020100-0504-0706-0809-0a0b0c0d0e0f");
}

#[tokio::test]
async fn a_user_name_must_be_one_text_and_not_reserved() {
    for (values, count) in [(vec![], 0), (vec!["a", "b"], 2), (vec!["a\nb"], 0)] {
        let entry = Entry::new(JANE).with("mail", ["jane"]).with("uid", values);
        let (users, _) = users(config(), memory([entry]));
        let error =
            LdapError::NoUsername { name: "jane".to_owned(), attribute: "uid".to_owned(), count };
        assert_eq!(log_in(&users, "jane", "pw").await, Err(error));
    }
    let entry = Entry::new(JANE).with("uid", ["system:admin"]);
    let (plain, _) = users(config(), memory([entry.clone()]));
    let reserved = LdapError::Reserved {
        name: "system:admin".to_owned(),
        reserved: Reserved::User("system:admin".to_owned()),
    };
    assert_eq!(log_in(&plain, "system:admin", "pw").await, Err(reserved));
    let mut prefixed = config();
    prefixed.attributes.username_prefix = "ldap:".to_owned();
    let (prefixed, _) = users(prefixed, memory([entry]));
    let user = log_in(&prefixed, "system:admin", "pw").await.unwrap().unwrap();
    assert_eq!(user.name, "ldap:system:admin");
}

#[tokio::test]
async fn reserved_groups_are_left_out_or_refuse_and_a_prefix_makes_them_ordinary() {
    let entries = || vec![jane(), group("dev", &[JANE]), group("system:masters", &[JANE])];
    assert_eq!(groups_of(config(), entries()).await.unwrap(), ["dev"]);
    let mut refusing = config();
    refusing.reserved_groups = ReservedGroups::Refuse;
    let error = LdapError::Reserved {
        name: "jane".to_owned(),
        reserved: Reserved::Group("system:masters".to_owned()),
    };
    assert_eq!(groups_of(refusing, entries()).await, Err(error));
    let prefixed = with_groups(|groups| groups.prefix = "ldap:".to_owned());
    let found = groups_of(prefixed, entries()).await.unwrap();
    assert_eq!(found, ["ldap:dev", "ldap:system:masters"]);
    // A prefix that makes a reserved name of an ordinary one.
    let prefixed = with_groups(|groups| groups.prefix = "system:".to_owned());
    assert!(groups_of(prefixed, entries()).await.unwrap().is_empty());
}

#[tokio::test]
async fn disabled_and_expired_accounts_are_refused_with_the_right_password() {
    for (name, value) in
        [("userAccountControl", "514"), ("shadowExpire", "1"), ("nsAccountLock", "TRUE")]
    {
        let (users, _) = users(config(), memory([jane().with(name, [value])]));
        let error = log_in(&users, "jane", "pw").await.unwrap_err();
        assert!(matches!(error, LdapError::Account { .. }), "{error}");
        let looked_up = users.look_up(&User::new("jane")).await;
        assert_eq!(looked_up, Ok(None), "{name}");
        // A wrong password tells nothing of it.
        let wrong = LdapError::WrongPassword { name: "jane".to_owned() };
        assert_eq!(log_in(&users, "jane", "x").await, Err(wrong));
    }
}

#[tokio::test]
async fn a_lock_that_the_bind_takes_away_is_none_and_one_that_stays_refuses() {
    let locked = jane().with("pwdAccountLockedTime", ["20261126000000Z"]);
    let (users_with_lock, _) = users(config(), memory([locked.clone()]));
    let error = log_in(&users_with_lock, "jane", "pw").await.unwrap_err();
    assert!(matches!(error, LdapError::Account { .. }), "{error}");
    assert_eq!(users_with_lock.look_up(&User::new("jane")).await, Ok(None));

    let memory = memory([locked]);
    *memory.after_bind.lock().unwrap() = Some(jane());
    let (users, _) = users(config(), memory);
    assert!(log_in(&users, "jane", "pw").await.unwrap().is_some());
}

#[tokio::test]
async fn a_login_ends_when_the_account_does() {
    // 2026-11-27 and a bit.
    let entry = jane().with("accountExpires", ["134402100000000000"]);
    let (users, _) = users(config(), memory([entry]));
    let authenticated = users.log_in(attempt("jane", "pw")).await.unwrap().unwrap();
    assert_eq!(authenticated.expires, Some(134_402_100_000_000_000 / 10_000_000 - 11_644_473_600));
    assert!(authenticated.expires > Some(NOW));
}

#[tokio::test]
async fn groups_by_member_of_and_by_values_count_and_those_elsewhere_do_not() {
    let entry = jane().with(
        "memberOf",
        [
            group_dn("dev").as_str(),
            "cn=evil,ou=people,dc=example,dc=org",
            "cn=ops, OU=Groups ,dc=example,dc=org",
            "no dn",
        ],
    );
    let config = || {
        with_groups(|groups| {
            groups.filter = "(objectClass=*)".parse().unwrap();
            groups.member = None;
            groups.member_of = Some(attribute("memberOf"));
        })
    };
    assert_eq!(groups_of(config(), vec![entry.clone()]).await.unwrap(), ["dev", "ops"]);
    // Not a part of them.
    let cut = jane().with("memberOf;range=0-1499", [group_dn("dev")]);
    let error = LdapError::CutValues { attribute: "memberOf".to_owned() };
    assert_eq!(groups_of(config(), vec![cut]).await, Err(error));

    let posix = Entry::new(group_dn("posix")).with("cn", ["posix"]).with("memberUid", ["jane"]);
    let other = Entry::new(group_dn("other")).with("cn", ["other"]).with("memberUid", ["joe"]);
    let by_value = with_groups(|groups| {
        groups.member_uid =
            Some(MemberUid { group: attribute("memberUid"), user: attribute("uid") });
    });
    let entries = vec![jane(), posix, other, group("dev", &[JANE])];
    assert_eq!(groups_of(by_value, entries).await.unwrap(), ["dev", "posix"]);
}

#[tokio::test]
async fn member_of_names_groups_that_a_search_would_find_and_no_others() {
    let below = "cn=admins,ou=team,ou=groups,dc=example,dc=org";
    let dev = group_dn("dev");
    let entry = || jane().with("memberOf", [below, &dev]);
    let config = |scope, filter: &str| {
        with_groups(|groups| {
            groups.scope = scope;
            groups.filter = filter.parse().unwrap();
            groups.member = None;
            groups.member_of = Some(attribute("memberOf"));
        })
    };
    let all = "(objectclass=*)";
    let found = groups_of(config(Scope::Subtree, all), vec![entry()]).await;
    assert_eq!(found.unwrap(), ["admins", "dev"]);
    // Whoever looks after `ou=team` names nobody an administrator.
    let found = groups_of(config(Scope::OneLevel, all), vec![entry()]).await;
    assert_eq!(found.unwrap(), ["dev"]);
    assert!(groups_of(config(Scope::Base, all), vec![entry()]).await.unwrap().is_empty());
    // One is a group by the filter, the other a mailing list that anybody joins.
    let mailing = Entry::new(below).with("cn", ["admins"]).with("kind", ["list"]);
    let security = Entry::new(dev.as_str()).with("cn", ["dev"]).with("kind", ["security"]);
    let entries = vec![entry(), mailing, security];
    let found = groups_of(config(Scope::Subtree, "(kind=security)"), entries).await;
    assert_eq!(found.unwrap(), ["dev"]);
}

#[tokio::test]
async fn a_group_of_which_the_dn_says_no_name_is_read() {
    let dn = "gid=7,ou=groups,dc=example,dc=org";
    let entry = jane().with("memberOf", [dn, "gid=8,ou=groups,dc=example,dc=org"]);
    let config = with_groups(|groups| {
        groups.member = None;
        groups.member_of = Some(attribute("memberOf"));
    });
    let group = Entry::new(dn).with("cn", ["seven"]);
    assert_eq!(groups_of(config, vec![entry, group]).await.unwrap(), ["seven"]);
}

#[tokio::test]
async fn of_several_names_of_a_group_the_one_in_its_dn_counts() {
    let two = Entry::new(group_dn("dev")).with("cn", ["admins", "dev"]).with("member", [JANE]);
    let odd = Entry::new("gid=7,ou=groups,dc=example,dc=org")
        .with("cn", ["a", "b"])
        .with("member", [JANE]);
    let blank = Entry::new(group_dn("x")).with("cn", [" "]).with("member", [JANE]);
    assert_eq!(groups_of(config(), vec![jane(), two, odd, blank]).await.unwrap(), ["dev"]);
}

fn nested(depth: usize) -> Nested {
    Nested::BreadthFirst { depth, batch: 2, budget: Duration::from_secs(5) }
}

#[tokio::test]
async fn nested_groups_are_followed_where_asked_for_and_circles_end() {
    let entries = || {
        vec![
            jane(),
            group("a", &[JANE]),
            group("b", &[&group_dn("a"), &group_dn("d")]),
            group("c", &[&group_dn("b")]),
            group("d", &[&group_dn("c")]),
            group("other", &[&group_dn("elsewhere")]),
        ]
    };
    assert_eq!(groups_of(config(), entries()).await.unwrap(), ["a"]);
    let following = with_groups(|groups| groups.nested = nested(5));
    assert_eq!(groups_of(following, entries()).await.unwrap(), ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn groups_beyond_a_limit_are_an_error_and_never_a_part_of_them() {
    let chain = || {
        vec![
            jane(),
            group("a", &[JANE]),
            group("b", &[&group_dn("a")]),
            group("c", &[&group_dn("b")]),
        ]
    };
    let limited = |depth| with_groups(|groups| groups.nested = nested(depth));
    assert_eq!(groups_of(limited(2), chain()).await.unwrap(), ["a", "b", "c"]);
    assert_eq!(groups_of(limited(1), chain()).await, Err(LdapError::TooDeep { depth: 1 }));

    let many = with_groups(|groups| {
        groups.nested = nested(5);
        groups.max_groups = 2;
    });
    assert_eq!(groups_of(many, chain()).await, Err(LdapError::TooManyGroups { limit: 2 }));
    let direct = vec![jane(), group("a", &[JANE]), group("b", &[JANE]), group("c", &[JANE])];
    let many = with_groups(|groups| groups.max_groups = 2);
    assert_eq!(groups_of(many, direct).await, Err(LdapError::TooManyGroups { limit: 2 }));
}

#[tokio::test]
async fn a_slow_directory_is_given_up_within_the_budget() {
    let slow = |delay| {
        let delay = Duration::from_millis(delay);
        Memory { delay, ..memory([jane(), group("a", &[JANE])]) }
    };
    let budget = Duration::from_millis(50);
    let (whole, _) = users(LdapConfig { budget, ..config() }, slow(10_000));
    let error = log_in(&whole, "jane", "pw").await.unwrap_err();
    assert_eq!(error, LdapError::OutOfTime(budget));
    assert!(error.is_outage());
    // The groups themselves are found, those they are in not in time.
    let budget = Duration::from_millis(10);
    let following = with_groups(|groups| {
        groups.nested = Nested::BreadthFirst { depth: 5, batch: 5, budget };
    });
    let (following, _) = users(following, slow(20));
    let error = log_in(&following, "jane", "pw").await.unwrap_err();
    assert_eq!(error, LdapError::OutOfTime(budget));
}

#[tokio::test]
async fn a_known_graph_costs_one_search_and_is_forgotten_in_time() {
    let mut entries = vec![jane()];
    entries.push(group("a", &[JANE]));
    entries.push(group("b", &[JANE]));
    entries.push(group("c", &[&group_dn("a")]));
    entries.push(group("d", &[&group_dn("b"), &group_dn("a")]));
    entries.push(group("e", &[&group_dn("d")]));
    let config = with_groups(|groups| groups.nested = nested(9));
    let memory = Arc::new(memory(entries));
    let now = Arc::new(std::sync::atomic::AtomicI64::new(NOW));
    let clock: Clock = {
        let now = Arc::clone(&now);
        Arc::new(move || now.load(std::sync::atomic::Ordering::Relaxed))
    };
    let users = LdapUsers::new(config, memory.clone(), clock).unwrap();
    let count = async |expected: usize| {
        let before = memory.searches();
        let found = users.look_up(&User::new("jane")).await.unwrap().unwrap();
        assert_eq!(found, ["a", "b", "c", "d", "e"]);
        assert_eq!(memory.searches() - before, expected);
    };
    // The user, its groups, and (a, b), (c, d), (e).
    count(5).await;
    count(2).await;
    now.fetch_add(59, std::sync::atomic::Ordering::Relaxed);
    count(2).await;
    now.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    count(5).await;
}

#[tokio::test]
async fn active_directory_follows_groups_itself_where_its_root_says_so() {
    let entries = |is_active_directory: bool| {
        let root = Entry::new("");
        let root = match is_active_directory {
            true => root.with("supportedCapabilities", ["1.2.840.113556.1.4.800"]),
            false => root,
        };
        vec![root, jane(), group("a", &[JANE]), group("b", &[&group_dn("a")])]
    };
    let detect = || with_groups(|groups| groups.nested = Nested::DETECT);
    let (by_rule, memory) = users(detect(), self::memory(entries(true)));
    assert_eq!(log_in(&by_rule, "jane", "pw").await.unwrap().unwrap().groups, ["a", "b"]);
    let last = memory.asked.lock().unwrap().last().unwrap().filter.to_string();
    assert_eq!(last, format!("(&(cn=*)(member:1.2.840.113556.1.4.1941:={JANE}))"));
    // The root is read once.
    let before = memory.searches();
    log_in(&by_rule, "jane", "pw").await.unwrap();
    assert_eq!(memory.searches() - before, 2);

    let (level_by_level, memory) = users(detect(), self::memory(entries(false)));
    let user = log_in(&level_by_level, "jane", "pw").await.unwrap().unwrap();
    assert_eq!(user.groups, ["a", "b"]);
    let last = memory.asked.lock().unwrap().last().unwrap().filter.to_string();
    assert!(!last.contains("1941"), "{last}");
}

#[tokio::test]
async fn a_name_is_looked_up_without_a_password_by_its_exact_user_name() {
    let (users, _) = users(config(), memory([jane(), group("dev", &[JANE])]));
    let look_up = async |name: &str| users.look_up(&User::new(name)).await;
    assert_eq!(look_up("jane").await, Ok(Some(vec!["dev".to_owned()])));
    // The filter of logins would find her by that, too; a user is not called so.
    assert_eq!(look_up("jane@example.org").await, Ok(None));
    // Nor so, although the directory takes it for the same.
    assert_eq!(look_up("JANE").await, Ok(None));
    assert_eq!(look_up("joe").await, Ok(None));
    assert_eq!(look_up("").await, Ok(None));
    // Who logs in here is called as the entry is, whatever they typed. Who proved the name elsewhere
    // is called as they say, and need not be jane.
    for name in ["JANE", "Jane", "janE"] {
        assert_eq!(log_in(&users, name, "pw").await.unwrap().unwrap().name, "jane");
        assert_eq!(look_up(name).await, Ok(None), "{name}");
    }
}

#[tokio::test]
async fn a_look_up_takes_its_own_filter_and_the_prefix_off() {
    let mut config = config();
    config.attributes.username_prefix = "ldap:".to_owned();
    config.lookup = Some("(mail={username})".parse().unwrap());
    let (users, _) = users(config, memory([jane(), group("dev", &[JANE])]));
    let look_up = async |name: &str| users.look_up(&User::new(name)).await;
    let dev = Ok(Some(vec!["dev".to_owned()]));
    assert_eq!(look_up("ldap:jane@example.org").await, dev);
    assert_eq!(look_up("jane@example.org").await, Ok(None));
}

#[tokio::test]
async fn a_direct_bind_asks_nobody_who_that_is_and_refuses_who_is_no_user() {
    let direct = DirectBind {
        dn: "uid={username},ou=people,dc=example,dc=org".parse().unwrap(),
        filter: "(mail=*)".parse().unwrap(),
    };
    let config = || LdapConfig::new(Users::Direct(direct.clone()), attribute("uid"));
    let (known, memory) = users(config(), memory([jane()]));
    assert_eq!(log_in(&known, "jane", "pw").await.unwrap().unwrap().name, "jane");
    assert_eq!(memory.searches(), 1);
    // A name cannot leave its place in the DN.
    let wrong = LdapError::WrongPassword { name: "jane,ou=people".to_owned() };
    assert_eq!(log_in(&known, "jane,ou=people", "pw").await, Err(wrong));
    assert_eq!(known.look_up(&User::new("jane")).await, Ok(Some(Vec::new())));
    assert_eq!(known.look_up(&User::new("joe")).await, Ok(None));

    let (unknown, _) = users(config(), self::memory([Entry::new(JANE).with("uid", ["jane"])]));
    let error = LdapError::NoEntry { name: "jane".to_owned() };
    assert_eq!(log_in(&unknown, "jane", "pw").await, Err(error));
}

#[test]
fn configurations_that_cannot_work_are_refused() {
    let refused = |config: LdapConfig| {
        let directory = Arc::new(Memory::default());
        LdapUsers::new(config, directory, Arc::new(|| NOW)).err()
    };
    assert_eq!(refused(config()), None);
    let zero = LdapConfig { budget: Duration::ZERO, ..config() };
    assert_eq!(refused(zero), Some(ConfigError::Zero("budget")));
    let none = with_groups(|groups| groups.member = None);
    assert_eq!(refused(none), Some(ConfigError::NoMembership));
    let nested = with_groups(|groups| {
        groups.member = None;
        groups.member_of = Some(attribute("memberOf"));
        groups.nested = Nested::DETECT;
    });
    assert_eq!(refused(nested), Some(ConfigError::NestedWithoutMember));
    let zero = with_groups(|groups| {
        groups.nested = Nested::BreadthFirst { depth: 1, batch: 0, budget: Duration::MAX };
    });
    assert_eq!(refused(zero), Some(ConfigError::Zero("batch")));
    let as_user = LdapConfig { reads_as_user: true, ..config() };
    assert_eq!(refused(as_user), Some(ConfigError::SearchAsUser));
    for key in ["", "Mail", "authentication.kubernetes.io/pod-name"] {
        let mut config = config();
        config.attributes.extra.insert(key.to_owned(), attribute("mail"));
        assert_eq!(refused(config), Some(ConfigError::ExtraKey { key: key.to_owned() }));
    }
}

#[test]
fn filters_are_read_and_written_and_others_are_refused() {
    for text in [
        "(uid=jane)",
        "(&(a=1)(|(b=2)(!(c=3))))",
        "(&)",
        "(|)",
        "(a>=1)",
        "(a<=1)",
        "(a~=1)",
        "(a=*)",
        "(a=b*)",
        "(a=*b)",
        "(a=*b*)",
        "(a=b*c*d)",
        "(a=)",
        r"(a=\2a\28\29\5c\00)",
        "(a:=x)",
        "(a:dn:=x)",
        "(a:1.2.3:=x)",
        "(a:dn:1.2.3:=x)",
        "(:1.2.3:=x)",
        "(:dn:caseExactMatch:=x)",
        "(a;lang-en=x)",
        "(2.5.4.3=x)",
    ] {
        let filter: Filter = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(filter.to_string(), text);
    }
    let spaced: Filter = " (& (a=1)\n  (b= 2 ) )\n".parse().unwrap();
    assert_eq!(spaced.to_string(), "(&(a=1)(b= 2 ))");
    let deep = format!("{}(a=1){}", "(!".repeat(32), ")".repeat(32));
    for text in [
        "",
        "uid=jane",
        "(uid=jane",
        "(uid=jane))",
        "(uid=ja(ne)",
        "(uid=\\2)",
        "(uid=\\zz)",
        "(uid=a\0)",
        "(uid=a**b)",
        "(=x)",
        "(u_d=x)",
        "(a:dn:x)",
        "(:=x)",
        "(:dn:=x)",
        "(a::=x)",
        "(1.02=x)",
        "(!)",
        "(!(a=1)(b=2))",
        "(a=1)(b=2)",
        &deep,
    ] {
        assert!(text.parse::<Filter>().is_err(), "{text}");
    }
}

#[test]
fn dns_are_read_and_written_and_others_are_refused() {
    for (text, written) in [
        ("", ""),
        ("dc=org", "dc=org"),
        ("CN=a, OU = b ;dc=c", "CN=a,OU=b,dc=c"),
        ("cn=a+uid=b,dc=c", "cn=a+uid=b,dc=c"),
        (r"cn=a\,b,dc=c", r"cn=a\2cb,dc=c"),
        (r"cn=\ a\ ,dc=c", r"cn=\20a\20,dc=c"),
        (r"cn=\#a b#c,dc=c", r"cn=\23a b#c,dc=c"),
        (r"cn=Lu\C4\8Di\C4\87", r"cn=Lu\c4\8di\c4\87"),
        ("cn=é", r"cn=\c3\a9"),
        ("cn=a=b", r"cn=a\3db"),
        ("cn=", "cn="),
    ] {
        let dn: Dn = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(dn.to_string(), written);
        assert_eq!(written.parse(), Ok(dn));
    }
    for text in ["x", "=a", "cn=a,", "cn=a,,dc=b", "cn=\"a\"", "cn=#04", "cn=\\", "cn=a<b", "c n=a"]
    {
        assert!(text.parse::<Dn>().is_err(), "{text}");
    }
    let template = "uid=jane,dc=org".parse::<DnTemplate>();
    assert!(template.is_err());
}

#[test]
fn a_dn_is_within_a_base_whatever_its_case_and_not_within_one_that_looks_alike() {
    let is_within =
        |dn: &str, base: &str| dn.parse::<Dn>().unwrap().is_within(&base.parse().unwrap());
    assert!(is_within("CN=a,OU=Groups,DC=org", "ou=groups,dc=org"));
    assert!(is_within("ou=groups,dc=org", "ou=groups, dc=org"));
    assert!(is_within("cn=a", ""));
    assert!(!is_within("cn=xou=groups,dc=org", "ou=groups,dc=org"));
    assert!(!is_within(r"cn=x\,ou=groups,dc=org", "ou=groups,dc=org"));
    assert!(!is_within("dc=org", "ou=groups,dc=org"));
    assert!(!is_within("cn=a,ou=people,dc=org", "ou=groups,dc=org"));
}

proptest! {
    /// Whatever a name holds, the filter is the same tree with the name as its value.
    #[test]
    fn a_name_in_a_filter_comes_back_as_it_was(name in any::<String>().prop_filter("empty", |name| !name.is_empty())) {
        let template: FilterTemplate = "(&(objectClass=person)(|(uid={username})(mail=*x{username}*)))".parse().unwrap();
        let filled = template.fill(&name);
        let read: Filter = filled.to_string().parse().unwrap();
        prop_assert_eq!(&read, &filled);
        let Filter::And(parts) = read else { panic!("no longer an and") };
        prop_assert_eq!(parts.len(), 2);
        let Filter::Or(ways) = &parts[1] else { panic!("no longer an or") };
        prop_assert_eq!(&ways[0], &Filter::Equal("uid".parse().unwrap(), name.clone().into_bytes()));
        let Filter::Substrings(_, parts) = &ways[1] else { panic!("no longer substrings") };
        prop_assert_eq!(parts.any(), [format!("x{name}").into_bytes()]);
    }

    /// Whatever a name holds, the DN has the same steps with the name as its value.
    #[test]
    fn a_name_in_a_dn_comes_back_as_it_was(name in any::<String>()) {
        let template: DnTemplate = "uid={username}+cn=x,ou=a{username},dc=org".parse().unwrap();
        let filled = template.fill(&name);
        let read: Dn = filled.to_string().parse().unwrap();
        prop_assert_eq!(&read, &filled);
        prop_assert_eq!(read.steps().len(), 3);
        prop_assert_eq!(&read.steps()[0][0].1, name.as_bytes());
    }

    /// No text makes the readers panic, and what they read they write so that it is read again.
    #[test]
    fn what_is_read_is_written_so_that_it_is_read_again(text in "[()&|!=*:\\\\,+a-c0-9 \u{e9}<>~.;-]{0,24}") {
        if let Ok(filter) = text.parse::<Filter>() {
            prop_assert_eq!(filter.to_string().parse(), Ok(filter));
        }
        if let Ok(dn) = text.parse::<Dn>() {
            prop_assert_eq!(dn.to_string().parse(), Ok(dn));
        }
    }
}
