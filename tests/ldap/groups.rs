//! Groups: by member, by memberOf, by value, nested, many.

use std::time::Instant;

use portcullis::authn::ldap::{MemberUid, Nested};
#[cfg(feature = "live-groups")]
use portcullis::authz::live_groups::LiveGroups as _;
#[cfg(feature = "live-groups")]
use portcullis::source::ldap::BlockingGroups;

use super::*;
use crate::support::slapd::group_dn;

fn with_groups(change: impl FnOnce(&mut Groups)) -> LdapConfig {
    let mut config = search_config();
    change(config.groups.as_mut().unwrap());
    config
}

#[tokio::test]
async fn groups_by_member_of_and_by_values_are_found_and_those_elsewhere_are_not() {
    let pki = Pki::new();
    let ldif = person("jane", "")
        + &person("joe", "")
        + &format!(
            "dn: cn=posix,ou=groups,{BASE}\nobjectClass: posixGroup\ncn: posix\ngidNumber: 1\n\
             memberUid: jane\n\n"
        );
    let Some(slapd) = Slapd::start(&pki, &Setup { ldif, ..Setup::default() }) else { return };
    // The overlay fills `memberOf` when groups are added while it runs.
    for (name, place) in [("dev", "groups"), ("evil", "people")] {
        let member = person_dn("jane");
        slapd.modify(&format!(
            "dn: cn={name},ou={place},{BASE}\nchangetype: add\nobjectClass: groupOfNames\n\
             cn: {name}\nmember: {member}\n"
        ));
    }
    let member_of = with_groups(|groups| {
        groups.member = None;
        groups.member_of = Some(attribute("memberOf"));
    });
    // As a search goes: neither of another kind, nor further down.
    let other_kind = with_groups(|groups| {
        groups.filter = "(objectClass=posixGroup)".parse().unwrap();
        groups.member = None;
        groups.member_of = Some(attribute("memberOf"));
    });
    let further_down = with_groups(|groups| {
        groups.base = BASE.parse().unwrap();
        groups.scope = Scope::OneLevel;
        groups.filter = "(objectClass=*)".parse().unwrap();
        groups.member = None;
        groups.member_of = Some(attribute("memberOf"));
    });
    let by_value = with_groups(|groups| {
        groups.filter = "(|(objectClass=posixGroup)(objectClass=groupOfNames))".parse().unwrap();
        groups.member_uid =
            Some(MemberUid { group: attribute("memberUid"), user: attribute("uid") });
    });
    for (config, expected) in [
        (member_of, &["dev"][..]),
        (other_kind, &[]),
        (further_down, &[]),
        (by_value, &["dev", "posix"]),
        (search_config(), &["dev"]),
    ] {
        let users = users(config, plain(&pki, &[slapd.url()]));
        let user = log_in(&users, "jane", "pw-jane").await.unwrap().unwrap();
        assert_eq!(user.groups, expected);
        let user = log_in(&users, "joe", "pw-joe").await.unwrap().unwrap();
        assert!(user.groups.is_empty());
    }
}

#[tokio::test]
async fn a_reserved_group_is_left_out_or_refuses_the_login() {
    let Some(Shared { pki, slapd }) = shared() else { return };
    let dropping = users(search_config(), plain(pki, &[slapd.url()]));
    let user = log_in(&dropping, "jane", "pw-jane").await.unwrap().unwrap();
    assert_eq!(user.groups, ["dev"]);
    let mut config = search_config();
    config.reserved_groups = portcullis::authn::ldap::ReservedGroups::Refuse;
    let refusing = users(config, plain(pki, &[slapd.url()]));
    let error = log_in(&refusing, "jane", "pw-jane").await.unwrap_err();
    assert!(matches!(error, LdapError::Reserved { .. }), "{error}");
    assert!(logs_in(&refusing, "joe").await);
}

/// Two hundred groups that hold each other: a tree of three below each, and a circle at its top.
fn tree() -> String {
    let name = |number: usize| format!("t{number}");
    let mut ldif = String::new();
    for number in 0..200 {
        let mut members = vec![group_dn(&name(number * 3 + 1))];
        members.extend([2, 3].map(|child| group_dn(&name(number * 3 + child))));
        members.retain(|dn| (0..200).any(|child| *dn == group_dn(&name(child))));
        if members.is_empty() {
            members.push(person_dn("jane"));
        }
        if number == 199 {
            members.push(group_dn(&name(0)));
        }
        ldif += &group(&name(number), &members);
    }
    ldif
}

/// Two hundred groups, each in the next.
fn chain() -> String {
    let member = |number: usize| match number {
        0 => person_dn("joe"),
        number => group_dn(&format!("c{}", number - 1)),
    };
    (0..200).map(|number| group(&format!("c{number}"), &[member(number)])).collect()
}

#[tokio::test]
async fn two_hundred_nested_groups_are_found_quickly_and_cost_one_search_when_known() {
    let pki = Pki::new();
    let ldif = person("jane", "") + &person("joe", "") + &person("jim", "") + &tree() + &chain();
    let Some(slapd) = Slapd::start(&pki, &Setup { ldif, ..Setup::default() }) else { return };
    let config = with_groups(|groups| {
        let budget = Duration::from_secs(5);
        groups.nested = Nested::BreadthFirst { depth: 200, batch: 100, budget };
    });
    let users = users(config, plain(&pki, &[slapd.url()]));
    // The connection is there before the clock runs.
    assert_eq!(users.look_up(&User::new("jim")).await, Ok(Some(Vec::new())));
    for (name, what) in [("jane", "tree"), ("joe", "chain")] {
        let (before, began) = (slapd.searches(), Instant::now());
        let groups = users.look_up(&User::new(name)).await.unwrap().unwrap();
        let (took, searches) = (began.elapsed(), slapd.searches() - before);
        assert_eq!(groups.len(), 200, "{what}");
        println!("200 groups in a {what}: {took:?}, {searches} searches");
        assert!(took < Duration::from_secs(2), "{what}: {took:?}");

        let (before, began) = (slapd.searches(), Instant::now());
        assert_eq!(users.look_up(&User::new(name)).await.unwrap().unwrap(), groups);
        println!("again: {:?}", began.elapsed());
        // One for the user, one for the groups.
        assert_eq!(slapd.searches() - before, 2, "{what}");
    }
    // Somebody who is in the top of the tree only is not in the rest of it.
    slapd.modify(&format!(
        "dn: {}\nchangetype: modify\nadd: member\nmember: {}\n",
        group_dn("t5"),
        person_dn("jim")
    ));
    let mut groups = users.look_up(&User::new("jim")).await.unwrap().unwrap();
    groups.sort();
    assert!(groups.contains(&"t5".to_owned()) && groups.contains(&"t0".to_owned()));
    assert!(!groups.contains(&"t4".to_owned()) && !groups.contains(&"c0".to_owned()), "{groups:?}");
}

#[tokio::test]
async fn with_member_of_a_known_graph_costs_one_round_trip_in_all() {
    let pki = Pki::new();
    let ldif = person("jane", "") + &group("outer", &[group_dn("inner")]);
    let Some(slapd) = Slapd::start(&pki, &Setup { ldif, ..Setup::default() }) else { return };
    slapd.modify(&format!(
        "dn: {}\nchangetype: add\nobjectClass: groupOfNames\ncn: inner\nmember: {}\n",
        group_dn("inner"),
        person_dn("jane")
    ));
    // Groups in groups by `member`, those of users by `memberOf` alone.
    let config = with_groups(|groups| {
        groups.filter = "(objectClass=*)".parse().unwrap();
        groups.member_of = Some(attribute("memberOf"));
        groups.nested = Nested::BREADTH_FIRST;
        groups.asks_members = false;
    });
    let users = users(config, plain(&pki, &[slapd.url()]));
    let expected = Ok(Some(vec!["inner".to_owned(), "outer".to_owned()]));
    assert_eq!(users.look_up(&User::new("jane")).await, expected);
    let before = slapd.searches();
    assert_eq!(users.look_up(&User::new("jane")).await, expected);
    assert_eq!(slapd.searches() - before, 1);
}

#[tokio::test]
async fn fifteen_hundred_groups_come_in_pages_and_one_too_many_is_an_error() {
    let pki = Pki::new();
    let groups: String =
        (0..1_500).map(|number| group(&format!("g{number}"), &[person_dn("jane")])).collect();
    let ldif = person("jane", "") + &groups;
    // The server gives 500 entries at a time at most.
    let setup = Setup {
        ldif,
        database: "limits * size.soft=500 size.hard=500 size.prtotal=unlimited\n",
        ..Setup::default()
    };
    let Some(slapd) = Slapd::start(&pki, &setup) else { return };
    let users_with = |max_groups| {
        let config = with_groups(|groups| groups.max_groups = max_groups);
        users(config, plain(&pki, &[slapd.url()]))
    };
    let all = log_in(&users_with(1_500), "jane", "pw-jane").await.unwrap().unwrap();
    assert_eq!(all.groups.len(), 1_500);
    let too_many = LdapError::TooManyGroups { limit: 1_499 };
    assert_eq!(log_in(&users_with(1_499), "jane", "pw-jane").await, Err(too_many));
}

#[cfg(feature = "live-groups")]
#[test]
fn whoever_cannot_await_gets_live_groups_all_the_same() {
    let Some(Shared { pki, slapd }) = shared() else { return };
    let users = Arc::new(users(search_config(), plain(pki, &[slapd.url()])));
    let groups = BlockingGroups::new(users, None).unwrap();
    assert_eq!(groups.name(), "ldap");
    assert_eq!(groups.groups(&User::new("jane")), Ok(Some(vec!["dev".to_owned()])));
    assert_eq!(groups.groups(&User::new("nobody")), Ok(None));
    let pool = Pool::new(plain(pki, &["ldap://127.0.0.1:9".to_owned()])).unwrap();
    let dead = LdapUsers::new(search_config(), Arc::new(pool), Arc::new(now)).unwrap();
    let dead = BlockingGroups::new(Arc::new(dead), None).unwrap();
    assert!(dead.groups(&User::new("jane")).is_err());
}
