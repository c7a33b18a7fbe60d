use proptest::prelude::*;

use super::*;
use crate::model::{CREDENTIAL_ID, Fingerprint, User};

fn fingerprint(byte: u8) -> Fingerprint {
    Fingerprint::from_bytes([byte; 32])
}

fn entry(what: Revocation) -> RevocationEntry {
    RevocationEntry { what, at: 100, reason: "why".to_owned(), by: "ops".to_owned() }
}

fn certificate(byte: u8) -> Revocation {
    Revocation::Certificate { fingerprint: fingerprint(byte) }
}

fn issued(byte: u8, at: i64) -> Revocation {
    Revocation::Issued { fingerprint: fingerprint(byte), at }
}

fn user(name: &str, issued_before: i64) -> Revocation {
    Revocation::User { name: name.to_owned(), issued_before }
}

fn group(name: &str, issued_before: i64) -> Revocation {
    Revocation::Group { name: name.to_owned(), issued_before }
}

fn list<const N: usize>(what: [Revocation; N]) -> Revocations {
    what.into_iter().map(entry).collect()
}

fn with_ids<const N: usize>(name: &str, groups: &[&str], ids: [&str; N]) -> User {
    let mut user = User::new(name).with_groups(groups.iter().copied());
    user.extra.insert(CREDENTIAL_ID.to_owned(), ids.iter().map(|&id| id.to_owned()).collect());
    user
}

/// jane of group dev, with the certificate of this fingerprint.
fn jane(byte: u8) -> User {
    with_ids("jane", &["dev", "system:authenticated"], [&fingerprint(byte).credential_id()])
}

/// The same as whoever verified her certificate sees it.
fn presented<'a>(byte: u8, user: &'a User, not_before: i64) -> PresentedCertificate<'a> {
    PresentedCertificate {
        fingerprint: fingerprint(byte),
        issuer: b"0\x02ca",
        serial: &[7],
        user: &user.name,
        groups: &user.groups,
        not_before,
    }
}

#[test]
fn a_certificate_on_the_list_is_refused_and_another_of_the_same_user_is_not() {
    let list = list([certificate(1)]);
    assert!(list.of_user(&jane(1)).is_some());
    assert!(list.of_user(&jane(2)).is_none());
    assert!(list.of_certificate(&presented(1, &jane(1), 0)).is_some());
    assert!(list.of_certificate(&presented(2, &jane(2), 0)).is_none());
}

#[test]
fn a_serial_number_is_refused_where_it_is_seen_and_only_of_its_issuer() {
    let number = |issuer: &[u8], serial: &[u8]| {
        list([Revocation::Serial { issuer: issuer.into(), serial: serial.into() }])
    };
    let (jane, this) = (jane(1), b"0\x02ca");
    let seen = presented(1, &jane, 0);
    let found = number(this, &[7]);
    let revoked = found.of_certificate(&seen).unwrap();
    assert_eq!(revoked.by, RevokedBy::Serial(&[7]));
    assert!(number(this, &[8]).of_certificate(&seen).is_none());
    assert!(number(b"0\x02cb", &[7]).of_certificate(&seen).is_none());
    // A request names no serial number.
    assert!(number(this, &[7]).of_user(&jane).is_none());
}

#[test]
fn a_users_certificates_are_refused_and_those_of_others_are_not() {
    let list = list([user("jane", 50)]);
    let jane = jane(1);
    let revoked = list.of_user(&jane).unwrap();
    assert_eq!(revoked.by, RevokedBy::User { name: "jane", issued_before: 50 });
    let sam = with_ids("sam", &["jane"], [&fingerprint(1).credential_id()]);
    assert!(list.of_user(&sam).is_none());
}

#[test]
fn a_groups_certificates_are_refused_and_those_of_others_are_not() {
    let list = list([group("dev", 50)]);
    let jane = jane(1);
    let revoked = list.of_user(&jane).unwrap();
    assert_eq!(revoked.by, RevokedBy::Group { name: "dev", issued_before: 50 });
    let sam = with_ids("dev", &["ops"], [&fingerprint(1).credential_id()]);
    assert!(list.of_user(&sam).is_none());
}

#[test]
fn one_issued_at_the_time_or_later_is_spared_and_one_issued_before_is_not() {
    for by_name in [user("jane", 50), group("dev", 50)] {
        for (at, is_refused) in [(49, true), (50, false), (51, false)] {
            let list = list([by_name.clone(), issued(1, at)]);
            assert_eq!(list.of_user(&jane(1)).is_some(), is_refused, "issued at {at}");
            // One of which nobody wrote down when it was issued.
            assert!(list.of_user(&jane(2)).is_some());
            let seen = jane(1);
            let seen = presented(1, &seen, 0);
            assert_eq!(list.of_certificate(&seen).is_some(), is_refused, "issued at {at}");
        }
    }
}

#[test]
fn what_the_certificate_says_of_itself_spares_it_only_where_it_is_seen() {
    let list = list([user("jane", 50)]);
    let jane = jane(1);
    for (not_before, is_refused) in [(49, true), (50, false)] {
        let found = list.of_certificate(&presented(1, &jane, not_before));
        assert_eq!(found.is_some(), is_refused, "valid from {not_before}");
    }
    assert!(list.of_user(&jane).is_some());
}

#[test]
fn being_issued_later_does_not_help_a_certificate_that_is_named() {
    for order in [[certificate(1), issued(1, 1000)], [issued(1, 1000), certificate(1)]] {
        let list = list(order);
        assert!(list.of_user(&jane(1)).is_some());
        assert!(list.of_certificate(&presented(1, &jane(1), 2000)).is_some());
    }
}

#[test]
fn of_several_entries_for_a_name_the_latest_time_counts_whatever_the_order() {
    for order in [[user("jane", 10), user("jane", 90)], [user("jane", 90), user("jane", 10)]] {
        let list = order.into_iter().chain([issued(1, 50)]).map(entry).collect::<Revocations>();
        assert!(list.of_user(&jane(1)).is_some());
        let spared = list.extended([entry(issued(1, 90))]);
        assert!(spared.of_user(&jane(1)).is_none());
    }
}

#[test]
fn of_several_credential_ids_one_that_is_revoked_refuses() {
    let list = list([certificate(1)]);
    let (bad, good) = (fingerprint(1).credential_id(), fingerprint(2).credential_id());
    for ids in [[&*bad, &*good], [&*good, &*bad], ["JTI=1", &*bad]] {
        assert!(list.of_user(&with_ids("jane", &[], ids)).is_some(), "{ids:?}");
    }
    assert!(list.of_user(&with_ids("jane", &[], [&good, "JTI=1"])).is_none());
}

#[test]
fn users_whom_no_certificate_proved_are_not_touched() {
    let list = list([user("jane", i64::MAX), group("dev", i64::MAX), certificate(1)]);
    let bare = fingerprint(1).to_string();
    for id in ["JTI=1", "", &bare, "x509sha256=00", "X509SHA1=00"] {
        assert!(list.of_user(&with_ids("jane", &["dev"], [id])).is_none(), "{id}");
    }
    assert!(list.of_user(&with_ids("jane", &["dev"], [])).is_none());
    assert!(list.of_user(&User::new("jane").with_groups(["dev"])).is_none());
    // The twin: with a certificate, whichever it is.
    assert!(list.of_user(&jane(9)).is_some());
}

#[test]
fn a_fingerprint_is_read_in_either_case() {
    let list = list([certificate(0xab)]);
    let ids = ["ab".repeat(32), "AB".repeat(32), "aB".repeat(32), vec!["AB"; 32].join(":")];
    for id in ids.map(|digits| format!("X509SHA256={digits}")) {
        assert!(list.of_user(&with_ids("jane", &[], [&id])).is_some(), "{id}");
        let other = id.replace(['b', 'B'], "c");
        assert!(list.of_user(&with_ids("jane", &[], [&other])).is_none(), "{other}");
    }
}

#[test]
fn a_credential_id_that_is_no_fingerprint_is_refused_whatever_the_list_says() {
    let digits = "ab".repeat(32);
    let strange = [
        "X509SHA256=".to_owned(),
        format!("X509SHA256={}", digits.get(1..).unwrap()),
        format!("X509SHA256={digits}0"),
        format!("X509SHA256={digits} "),
        format!("X509SHA256={}", "ag".repeat(32)),
        format!("X509SHA256={}", "a@".repeat(32)),
        format!("X509SHA256={}", "a/".repeat(32)),
        format!("X509SHA256={}", "a:".repeat(32)),
        format!("X509SHA256={}", "a`".repeat(32)),
        format!("X509SHA256={}", "é".repeat(32)),
    ];
    for list in [Revocations::default(), list([certificate(1)])] {
        for id in &strange {
            let user = with_ids("jane", &[], [id]);
            let revoked = list.of_user(&user).unwrap();
            assert_eq!(revoked.by, RevokedBy::Unreadable(id));
            assert!(revoked.to_string().ends_with("is not the fingerprint of a certificate"));
        }
        assert!(list.of_user(&with_ids("jane", &[], [&format!("X509SHA256={digits}")])).is_none());
    }
}

#[test]
fn the_reason_is_one_line_and_names_what_refuses() {
    let text = |what: Revocation, reason: &str| {
        let entry = RevocationEntry { what, at: 0, reason: reason.to_owned(), by: String::new() };
        let list: Revocations = [entry].into_iter().collect();
        list.of_certificate(&presented(1, &jane(1), 0)).unwrap().to_string()
    };
    let serial = || Revocation::Serial { issuer: (*b"0\x02ca").into(), serial: [7].into() };
    assert_eq!(
        text(serial(), ""),
        "client certificate with serial number 07 was revoked at 1970-01-01T00:00:00Z"
    );
    assert_eq!(
        text(user("jane", 60), "left"),
        "credentials of user \"jane\" issued before 1970-01-01T00:01:00Z were revoked at \
         1970-01-01T00:00:00Z: left"
    );
    assert_eq!(
        text(group("dev", 60), "a\nb\u{7f}"),
        "credentials of group \"dev\" issued before 1970-01-01T00:01:00Z were revoked at \
         1970-01-01T00:00:00Z: a\\nb\\u{7f}"
    );
}

#[test]
fn of_several_entries_about_one_certificate_the_first_that_was_said_is_named() {
    let said = |at: i64, reason: &str| RevocationEntry {
        what: certificate(1),
        at,
        reason: reason.to_owned(),
        by: String::new(),
    };
    for order in [[said(1, "first"), said(2, "second")], [said(2, "second"), said(1, "first")]] {
        let list: Revocations = order.into_iter().collect();
        assert_eq!(list.of_user(&jane(1)).unwrap().reason, "first");
        assert_eq!(list.len(), 1);
    }
}

#[test]
fn a_longer_list_leaves_the_one_it_was_made_from_as_it_was() {
    let short = list([certificate(1)]);
    let long = short.extended([entry(certificate(2)), entry(certificate(3))]);
    assert_eq!((short.len(), long.len()), (1, 3));
    assert!(short.of_user(&jane(2)).is_none());
    assert!(long.of_user(&jane(1)).is_some() && long.of_user(&jane(2)).is_some());
}

#[test]
fn a_published_list_is_seen_by_every_handle() {
    let one = SharedRevocations::default();
    let other = one.clone();
    assert!(other.load().of_user(&jane(1)).is_none());
    one.publish(list([certificate(1)]));
    assert!(other.load().of_user(&jane(1)).is_some());
    assert_eq!(other.load_full().len(), 1);
}

#[test]
fn every_one_of_many_is_found_and_none_beside_them() {
    let nth = |index: u32| {
        // Every bit of the digest depends on the index, as those of real digests do.
        let mut state = u64::from(index).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5555;
        let bytes: Vec<u8> = (0..4)
            .flat_map(|_| {
                state = (state ^ (state >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                state.to_be_bytes()
            })
            .collect();
        Fingerprint::from_bytes(bytes.try_into().unwrap())
    };
    let entries = (0..20_000)
        .step_by(2)
        .map(|index| entry(Revocation::Certificate { fingerprint: nth(index) }));
    let list: Revocations = entries.collect();
    assert_eq!(list.len(), 10_000);
    for index in 0..20_000 {
        let user = with_ids("jane", &[], [&nth(index).credential_id()]);
        assert_eq!(list.of_user(&user).is_some(), index % 2 == 0, "{index}");
    }
}

// ---- against the obvious evaluator -------------------------------------------------------------

/// Every rule, read off the documentation, over every entry.
mod slow {
    use super::*;

    fn is_spared(
        entries: &[RevocationEntry],
        one: &Fingerprint,
        since: i64,
        own: Option<i64>,
    ) -> bool {
        let by_entry = entries.iter().any(|entry| match &entry.what {
            Revocation::Issued { fingerprint, at } => fingerprint == one && *at >= since,
            _ => false,
        });
        by_entry || own.is_some_and(|own| own >= since)
    }

    fn is_named(
        entries: &[RevocationEntry],
        one: &Fingerprint,
        user: &str,
        groups: &[String],
        own: Option<i64>,
    ) -> bool {
        entries.iter().any(|entry| match &entry.what {
            Revocation::Certificate { fingerprint } => fingerprint == one,
            Revocation::User { name, issued_before } => {
                name == user && !is_spared(entries, one, *issued_before, own)
            }
            Revocation::Group { name, issued_before } => {
                groups.contains(name) && !is_spared(entries, one, *issued_before, own)
            }
            Revocation::Serial { .. } | Revocation::Token { .. } | Revocation::Issued { .. } => {
                false
            }
        })
    }

    pub(super) fn of_user(entries: &[RevocationEntry], user: &User) -> bool {
        user.extra.get(CREDENTIAL_ID).into_iter().flatten().any(|id| {
            if let Some(token) = id.strip_prefix("JTI=") {
                let is = |entry: &RevocationEntry| match &entry.what {
                    Revocation::Token { id } => **id == *token,
                    _ => false,
                };
                return entries.iter().any(is);
            }
            if !id.starts_with("X509SHA256=") {
                return false;
            }
            match Fingerprint::from_credential_id(id) {
                None => true,
                Some(one) => is_named(entries, &one, &user.name, &user.groups, None),
            }
        })
    }

    pub(super) fn of_certificate(
        entries: &[RevocationEntry],
        c: &PresentedCertificate<'_>,
    ) -> bool {
        let by_serial = entries.iter().any(|entry| match &entry.what {
            Revocation::Serial { issuer, serial } => **issuer == *c.issuer && **serial == *c.serial,
            _ => false,
        });
        by_serial || is_named(entries, &c.fingerprint, c.user, c.groups, Some(c.not_before))
    }
}

fn any_fingerprint() -> impl Strategy<Value = Fingerprint> {
    // A few that share their first eight bytes, and a few that share a part of the table.
    (0..3_u8, 0..3_u8, 0..2_u8).prop_map(|(first, second, last)| {
        let mut bytes = [0; 32];
        bytes[0] = first;
        bytes[2] = second;
        bytes[31] = last;
        Fingerprint::from_bytes(bytes)
    })
}

fn any_name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c"]).prop_map(str::to_owned)
}

fn any_entry() -> impl Strategy<Value = RevocationEntry> {
    let what = prop_oneof![
        1 => any_fingerprint().prop_map(|fingerprint| Revocation::Certificate { fingerprint }),
        1 => (0..3_u8, 0..3_u8).prop_map(|(issuer, serial)| Revocation::Serial {
            issuer: [issuer].into(),
            serial: [serial].into(),
        }),
        1 => (any_name(), 0..4_i64)
            .prop_map(|(name, issued_before)| Revocation::User { name, issued_before }),
        1 => (any_name(), 0..4_i64)
            .prop_map(|(name, issued_before)| Revocation::Group { name, issued_before }),
        3 => (any_fingerprint(), 0..4_i64)
            .prop_map(|(fingerprint, at)| Revocation::Issued { fingerprint, at }),
    ];
    what.prop_map(entry)
}

fn any_id() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => any_fingerprint().prop_map(|one| one.credential_id()),
        2 => any_fingerprint().prop_map(|one| {
            format!("X509SHA256={}", one.to_string().to_uppercase())
        }),
        1 => Just("JTI=1".to_owned()),
        1 => "X509SHA256=[0-9a-g:]{62,66}",
    ]
}

proptest! {
    /// A list of two halves refuses what the whole one does.
    #[test]
    fn the_union_of_two_lists_is_the_list_of_both(
        one in prop::collection::vec(any_entry(), 0..6),
        other in prop::collection::vec(any_entry(), 0..6),
        ids in prop::collection::vec(any_id(), 1..3),
        name in any_name(),
    ) {
        let both: Revocations = one.iter().chain(&other).cloned().collect();
        let list = |entries: &[RevocationEntry]| entries.iter().cloned().collect::<Revocations>();
        let union = list(&one).union(&list(&other));
        prop_assert_eq!(union.len(), both.len());
        let mut user = User::new(name.clone()).with_groups([name]);
        user.extra.insert(CREDENTIAL_ID.to_owned(), ids);
        let (by_union, by_both) = (union.of_user(&user), both.of_user(&user));
        prop_assert_eq!(by_union.map(|it| it.by), by_both.map(|it| it.by));
    }
}

proptest! {
    #[test]
    fn the_set_says_what_the_rules_say(
        entries in prop::collection::vec(any_entry(), 0..12),
        cut in 0..12_usize,
        name in any_name(),
        groups in prop::collection::vec(any_name(), 0..3),
        ids in prop::collection::vec(any_id(), 0..3),
        one in any_fingerprint(),
        issuer in 0..3_u8,
        serial in 0..3_u8,
        not_before in 0..4_i64,
    ) {
        let cut = cut.min(entries.len());
        let first: Revocations = entries[..cut].iter().cloned().collect();
        let all = first.extended(entries[cut..].iter().cloned());
        let mut user = User::new(name).with_groups(groups);
        user.extra.insert(CREDENTIAL_ID.to_owned(), ids);
        let presented = PresentedCertificate {
            fingerprint: one,
            issuer: &[issuer],
            serial: &[serial],
            user: &user.name,
            groups: &user.groups,
            not_before,
        };
        for (set, entries) in [(&first, &entries[..cut]), (&all, &entries[..])] {
            prop_assert_eq!(set.of_user(&user).is_some(), slow::of_user(entries, &user));
            let expected = slow::of_certificate(entries, &presented);
            prop_assert_eq!(set.of_certificate(&presented).is_some(), expected);
        }
    }
}

#[test]
fn a_token_on_the_list_is_refused_by_its_id_whoever_issued_it_and_another_is_not() {
    let list = list([Revocation::Token { id: "t-1".into() }]);
    let revoked = with_ids("jane", &[], ["JTI=t-1"]);
    let refused = list.of_user(&revoked).unwrap();
    assert_eq!(refused.by, RevokedBy::Token("t-1"));
    assert_eq!(refused.to_string(), "token \"t-1\" was revoked at 1970-01-01T00:01:40Z: why");
    assert!(list.of_user(&with_ids("jane", &[], ["JTI=t-2"])).is_none());
    assert!(list.of_user(&with_ids("jane", &[], ["jti=t-1"])).is_none());
    assert_eq!(list.len(), 1);
}

#[test]
fn tokens_of_a_user_are_refused_when_they_are_known_to_be_older_and_only_then() {
    let list = list([user("jane", 100), group("night", 100)]);
    let jane = with_ids("jane", &["dev"], ["JTI=t-1"]);
    assert!(list.of_token("t-1", &jane, 99).is_some());
    assert!(list.of_token("t-1", &jane, 100).is_none());
    let joe = with_ids("joe", &["night"], ["JTI=t-2"]);
    assert!(list.of_token("t-2", &joe, 99).is_some());
    assert!(list.of_token("t-2", &joe, 100).is_none());
    // An authorizer does not know when the token was issued, so the entry is none of its business.
    assert!(list.of_user(&jane).is_none());
}
