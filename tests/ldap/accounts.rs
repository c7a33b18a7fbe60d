//! Who may log in, and who may not though the password is right.

use portcullis::authn::ldap::AccountError;

use super::*;

pub(super) fn people() -> String {
    let today = now() / 86_400;
    let ticks = |unix: i64| (unix + 11_644_473_600) * 10_000_000;
    let foreign =
        |uid: &str, line: &str| person(uid, &format!("objectClass: foreignAccount\n{line}"));
    [
        foreign("ad-open", "userAccountControl: 512\n"),
        foreign("ad-disabled", "userAccountControl: 514\n"),
        foreign("ad-later", &format!("accountExpires: {}\n", ticks(now() + 86_400))),
        foreign("ad-expired", &format!("accountExpires: {}\n", ticks(now() - 60))),
        foreign("ad-locked", &format!("lockoutTime: {}\n", ticks(now() - 60))),
        foreign("ad-unlocked", "lockoutTime: 0\n"),
        foreign("ds-locked", "nsAccountLock: true\n"),
        foreign("ds-open", "nsAccountLock: false\n"),
        person("shadow-expired", &format!("shadowExpire: {today}\n")),
        person("shadow-later", &format!("shadowExpire: {}\n", today + 1)),
        person("policy-locked", "pwdAccountLockedTime: 000001010000Z\n"),
        person("policy-reset", "pwdReset: TRUE\n"),
        person("policy-guessed", ""),
    ]
    .concat()
}

#[tokio::test]
async fn accounts_that_may_log_in_do_and_their_disabled_expired_and_locked_twins_do_not() {
    let Some(Shared { pki, slapd }) = shared() else { return };
    let users = users(search_config(), plain(pki, &[slapd.url()]));
    for name in ["ad-open", "ad-later", "ad-unlocked", "ds-open", "shadow-later"] {
        assert!(logs_in(&users, name).await, "{name}");
        assert!(users.look_up(&User::new(name)).await.unwrap().is_some(), "{name}");
    }
    for name in [
        "ad-disabled",
        "ad-expired",
        "ad-locked",
        "ds-locked",
        "shadow-expired",
        "policy-locked",
        "policy-reset",
    ] {
        let error = log_in(&users, name, &format!("pw-{name}")).await.unwrap_err();
        assert!(matches!(error, LdapError::Account { .. }), "{name}: {error}");
        assert_eq!(users.look_up(&User::new(name)).await, Ok(None), "{name}");
    }
}

#[tokio::test]
async fn after_guesses_the_policy_locks_the_account_and_says_so_in_its_control() {
    let Some(Shared { pki, slapd }) = shared() else { return };
    let users = users(search_config(), plain(pki, &[slapd.url()]));
    let name = "policy-guessed";
    assert!(logs_in(&users, name).await);
    for guess in ["a", "b", "c"] {
        let wrong = LdapError::WrongPassword { name: name.to_owned() };
        assert_eq!(log_in(&users, name, guess).await, Err(wrong));
    }
    let error = log_in(&users, name, &format!("pw-{name}")).await.unwrap_err();
    let why = AccountError::Locked { attribute: "password policy" };
    assert_eq!(error, LdapError::Account { name: name.to_owned(), why });
}

#[tokio::test]
async fn trap_t6_an_empty_password_is_no_login_where_the_directory_says_it_is_one() {
    let Some(Shared { pki, slapd }) = shared() else { return };
    let status = std::process::Command::new("ldapwhoami")
        .args(["-x", "-H", &slapd.url(), "-D", &person_dn("jane"), "-w", ""])
        .output()
        .unwrap();
    assert!(status.status.success(), "the server is to accept an unauthenticated bind");
    for config in [search_config(), direct_config()] {
        let users = users(config, plain(pki, &[slapd.url()]));
        assert!(logs_in(&users, "jane").await);
        let empty = LdapError::EmptyPassword { name: "jane".to_owned() };
        assert_eq!(log_in(&users, "jane", "").await, Err(empty));
        let nul = LdapError::NulPassword { name: "jane".to_owned() };
        assert_eq!(log_in(&users, "jane", "\0").await, Err(nul.clone()));
        assert_eq!(log_in(&users, "jane", "pw-jane\0").await, Err(nul));
    }
}

#[tokio::test]
async fn trap_t4_a_name_that_two_entries_match_is_refused_and_that_of_one_is_not() {
    let Some(Shared { pki, slapd }) = shared() else { return };
    let users = users(search_config(), plain(pki, &[slapd.url()]));
    let user = log_in(&users, "jane@example.org", "pw-jane").await.unwrap().unwrap();
    assert_eq!(user.name, "jane");
    let error = LdapError::Ambiguous { name: "twice@example.org".to_owned() };
    for password in ["pw-joe", "pw-jim"] {
        assert_eq!(log_in(&users, "twice@example.org", password).await, Err(error.clone()));
    }
}

#[tokio::test]
async fn without_a_service_account_everything_is_read_as_the_user() {
    let Some(Shared { pki, slapd }) = shared() else { return };
    let config = |reads_as_user| {
        let mut config = direct_config();
        config.reads_as_user = reads_as_user;
        config
    };
    let mut options = plain(pki, &[slapd.url()]);
    options.service = Service::Anonymous;
    let as_user = users(config(true), options.clone());
    assert!(logs_in(&as_user, "jane").await);
    let error = LdapError::NoService { name: "jane".to_owned() };
    assert_eq!(as_user.look_up(&User::new("jane")).await, Err(error));
    // Anonymous sees nobody there.
    let as_nobody = users(config(false), options);
    let error = log_in(&as_nobody, "jane", "pw-jane").await.unwrap_err();
    assert_eq!(error, LdapError::NoEntry { name: "jane".to_owned() });
}

#[tokio::test]
async fn however_a_name_is_typed_the_user_is_one_and_a_look_up_is_for_no_other_spelling() {
    let Some(Shared { pki, slapd }) = shared() else { return };
    let users = users(search_config(), plain(pki, &[slapd.url()]));
    for typed in ["jane", "JANE", " jane ", "ｊane", "ⓙane"] {
        let user = log_in(&users, typed, "pw-jane").await.unwrap().unwrap();
        assert_eq!(user.name, "jane", "{typed}");
    }
    // Of a ticket or a certificate, where `JANE` may be somebody else.
    let dev = Ok(Some(vec!["dev".to_owned()]));
    assert_eq!(users.look_up(&User::new("jane")).await, dev);
    for other in ["JANE", "jane ", "ｊane", "jane@example.org"] {
        assert_eq!(users.look_up(&User::new(other)).await, Ok(None), "{other}");
    }
}

#[tokio::test]
async fn a_name_that_nobody_has_costs_a_bind_and_not_the_password() {
    let pki = Pki::new();
    let setup = Setup { ldif: person("jane", ""), ..Setup::default() };
    let Some(slapd) = Slapd::start(&pki, &setup) else { return };
    let users = users(search_config(), plain(&pki, &[slapd.url()]));
    let binds = || slapd.log().matches(" BIND dn=\"cn=portcullis-nobody").count();
    assert!(log_in(&users, "jane", "wrong").await.is_err());
    assert_eq!(binds(), 0);
    assert_eq!(log_in(&users, "nobody", "wrong").await, Ok(None));
    assert_eq!(binds(), 1);
}
