//! Names that mean something in filters and DNs mean nothing here (T1, T3, T5).

use super::*;

/// Somebody by each of these names, with the password `secret`.
const ODD_NAMES: [&str; 8] = [
    r#"comma, plus + "quoted""#,
    "(parenthesised)*",
    r"back\slash",
    r"\2a",
    "Ünïcödé 名前",
    "#hash",
    "semi;colon <a> = b",
    "{username}",
];

pub(super) fn odd_people() -> String {
    let person = |name: &&str| {
        let hex: String = name.bytes().map(|byte| format!("\\{byte:02x}")).collect();
        format!(
            "dn: uid={hex},ou=people,{BASE}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: odd\n\
             sn: odd\nuserPassword: secret\n\n"
        )
    };
    let mut text: String = ODD_NAMES.iter().map(person).collect();
    // A group of all of them, whose DN is as odd.
    let hex: String = ODD_NAMES[0].bytes().map(|byte| format!("\\{byte:02x}")).collect();
    text.push_str(&format!("dn: cn={hex},ou=groups,{BASE}\nobjectClass: groupOfNames\n"));
    text.push_str(&format!("cn: {}\n", ODD_NAMES[0]));
    for name in ODD_NAMES {
        let hex: String = name.bytes().map(|byte| format!("\\{byte:02x}")).collect();
        text.push_str(&format!("member: uid={hex},ou=people,{BASE}\n"));
    }
    text.push('\n');
    // And one that this group is in.
    text.push_str(&group(
        "outer",
        &[format!("cn={},ou=groups,{BASE}", {
            let hex: String = ODD_NAMES[0].bytes().map(|byte| format!("\\{byte:02x}")).collect();
            hex
        })],
    ));
    text
}

#[tokio::test]
async fn trap_t5_odd_names_log_in_as_themselves_and_their_groups_are_found() {
    let Some(Shared { pki, slapd }) = shared() else { return };
    let mut config = search_config();
    config.groups.as_mut().unwrap().nested = portcullis::authn::ldap::Nested::BREADTH_FIRST;
    let searching = users(config, plain(pki, &[slapd.url()]));
    let direct = users(direct_config(), plain(pki, &[slapd.url()]));
    for name in ODD_NAMES {
        let user = log_in(&searching, name, "secret").await.unwrap().expect(name);
        assert_eq!(user.name, name);
        assert_eq!(user.groups, [ODD_NAMES[0], "outer"], "{name}");
        let user = log_in(&direct, name, "secret").await.unwrap().expect(name);
        assert_eq!(user.name, name);
        let wrong = LdapError::WrongPassword { name: name.to_owned() };
        assert_eq!(log_in(&searching, name, "Secret").await, Err(wrong.clone()));
        assert_eq!(log_in(&direct, name, "Secret").await, Err(wrong));
    }
}

#[tokio::test]
async fn trap_t1_injected_names_find_nobody() {
    let Some(Shared { pki, slapd }) = shared() else { return };
    let searching = users(search_config(), plain(pki, &[slapd.url()]));
    let direct = users(direct_config(), plain(pki, &[slapd.url()]));
    assert!(logs_in(&searching, "jane").await && logs_in(&direct, "jane").await);
    for name in [
        "*",
        "jan*",
        ")(uid=*",
        "jane)(uid=*",
        "*)(|(uid=*",
        r"jan\65",
        "jane,ou=people",
        r"jane\",
        "jané",
        "x)(|(objectClass=*))",
    ] {
        assert_eq!(log_in(&searching, name, "pw-jane").await, Ok(None), "{name}");
        let wrong = LdapError::WrongPassword { name: name.to_owned() };
        assert_eq!(log_in(&direct, name, "pw-jane").await, Err(wrong), "{name}");
    }
    for name in ["jane\0", "\0"] {
        let error = LdapError::UnusableName { longest: 1024 };
        assert_eq!(log_in(&searching, name, "pw-jane").await, Err(error.clone()));
        assert_eq!(log_in(&direct, name, "pw-jane").await, Err(error));
    }
}
