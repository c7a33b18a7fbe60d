use super::*;
use crate::api::core::{Secret, TokenObjects};
use crate::api::inventory::Inventory;

const TOKEN: &str = "abcdef.0123456789abcdef";
/// 2026-01-01T00:00:00Z.
const NOW: UnixSeconds = 1_767_225_600;

fn bytes(text: &str) -> SecretBytes {
    SecretBytes::from(text.as_bytes().to_vec())
}

fn good_token() -> BootstrapToken {
    BootstrapToken {
        id: bytes("abcdef"),
        secret: bytes("0123456789abcdef"),
        usage_authentication: bytes("true"),
        ..BootstrapToken::default()
    }
}

fn good_secret(token: BootstrapToken) -> Secret {
    Secret {
        namespace: NAMESPACE.into(),
        name: "bootstrap-token-abcdef".into(),
        content: SecretContent::BootstrapToken(Box::new(token)),
        ..Secret::default()
    }
}

fn present(secret: Secret, token: &str) -> Option<Authenticated> {
    let mut inventory = Inventory::default();
    inventory.core.secrets.push(secret);
    let tokens = BootstrapTokens::new(TokenObjects::new(&inventory));
    tokens.check(Attempt { token, audiences: &["https://kubernetes".to_owned()], now: NOW })
}

/// Presents the good token to its Secret after a change to it.
fn changed(change: impl FnOnce(&mut BootstrapToken)) -> Option<Authenticated> {
    let mut token = good_token();
    change(&mut token);
    present(good_secret(token), TOKEN)
}

#[test]
fn a_good_token_is_its_bootstrap_user() {
    let expected = Authenticated {
        user: User::new("system:bootstrap:abcdef").with_groups(["system:bootstrappers"]),
        audiences: Vec::new(),
        expires: None,
    };
    assert_eq!(changed(|_| {}), Some(expected));
}

#[test]
fn a_token_of_another_syntax_is_no_opinion() {
    // Each of these would be found if the syntax were not looked at: the Secret has its name.
    for token in [
        "abcdef.0123456789abcde",
        "abcdef.0123456789abcdef0",
        "abcdefg.0123456789abcdef",
        "abcde.0123456789abcdef",
        "ABCDEF.0123456789abcdef",
        "abcdef.0123456789ABCDEF",
        "abcdef.0123456789abcdef\n",
        " abcdef.0123456789abcdef",
        "abc_ef.0123456789abcdef",
        "abcdef0123456789abcdef",
        "abcdef.01234567.9abcdef",
        "",
    ] {
        let (id, secret) = token.split_once('.').unwrap_or_default();
        let held = BootstrapToken { id: bytes(id), secret: bytes(secret), ..good_token() };
        let name = format!("bootstrap-token-{id}").as_str().into();
        assert_eq!(present(Secret { name, ..good_secret(held) }, token), None, "{token:?}");
    }
}

#[test]
fn the_wrong_secret_or_id_is_no_opinion() {
    assert_eq!(changed(|token| token.secret = bytes("0123456789abcdeg")), None);
    assert_eq!(changed(|token| token.secret = bytes("0123456789abcdef ")), None);
    assert_eq!(changed(|token| token.secret = SecretBytes::default()), None);
    assert_eq!(changed(|token| token.id = bytes("abcdeg")), None);
    assert_eq!(changed(|token| token.id = SecretBytes::default()), None);
}

#[test]
fn a_secret_of_another_place_or_type_or_one_being_deleted_is_no_opinion() {
    let good = good_secret(good_token());
    assert!(present(good.clone(), TOKEN).is_some());
    let elsewhere = Secret { namespace: "default".into(), ..good.clone() };
    assert_eq!(present(elsewhere, TOKEN), None);
    let other_name = Secret { name: "bootstrap-token-abcdeg".into(), ..good.clone() };
    assert_eq!(present(other_name, TOKEN), None);
    let other_type = Secret { content: SecretContent::Other, ..good.clone() };
    assert_eq!(present(other_type, TOKEN), None);
    // There is no grace here, unlike for service accounts.
    let deleted = Secret { deletion_timestamp: Some(NOW), ..good };
    assert_eq!(present(deleted, TOKEN), None);
}

#[test]
fn a_token_is_good_before_its_expiration_and_not_from_then_on() {
    for (expiration, good) in [
        ("2026-01-01T00:00:01Z", true),
        ("2026-01-01T00:00:00.000000001Z", true),
        ("2026-01-01T01:00:01+01:00", true),
        ("2026-01-01T00:00:00Z", false),
        ("2026-01-01T01:00:00+01:00", false),
        ("2025-12-31T23:59:59.999Z", false),
        ("2026-01-02", false),
        ("2027-01-01T00:00:00", false),
        ("never", false),
        (" ", false),
        ("2027-01-01T00:00:00Z\n", false),
    ] {
        let proven = changed(|token| token.expiration = bytes(expiration));
        assert_eq!(proven.is_some(), good, "{expiration}");
        if let Some(proven) = proven {
            assert_eq!(proven.expires, Some(NOW + 1), "{expiration}");
        }
    }
    let not_text = SecretBytes::from(vec![0xff]);
    assert_eq!(changed(|token| token.expiration = not_text), None);
}

#[test]
fn only_the_usage_true_authenticates() {
    for usage in ["", "True", "true ", "false", "1", "yes"] {
        assert_eq!(changed(|token| token.usage_authentication = bytes(usage)), None, "{usage:?}");
    }
}

#[test]
fn further_groups_are_added_sorted_and_once() {
    let extra = "system:bootstrappers:z,system:bootstrappers:a-1:b,system:bootstrappers:z";
    let groups = changed(|token| token.extra_groups = bytes(extra)).unwrap().user.groups;
    assert_eq!(
        groups,
        ["system:bootstrappers", "system:bootstrappers:a-1:b", "system:bootstrappers:z"]
    );
    let longest = format!("system:bootstrappers:{}", "x".repeat(256));
    assert!(changed(|token| token.extra_groups = bytes(&longest)).is_some());
}

#[test]
fn one_group_that_may_not_be_given_refuses_the_token() {
    let too_long = format!("system:bootstrappers:{}", "x".repeat(257));
    for bad in [
        "system:masters",
        "system:bootstrappers",
        "system:bootstrappers:",
        "system:bootstrappers:a-",
        "system:bootstrappers:a:",
        "system:bootstrappers:A",
        "system:bootstrappers:a\n",
        " system:bootstrappers:a",
        "",
        too_long.as_str(),
    ] {
        let extra = format!("system:bootstrappers:a,{bad}");
        assert_eq!(changed(|token| token.extra_groups = bytes(&extra)), None, "{bad:?}");
    }
}

#[test]
fn without_secrets_nobody_is_known_and_nothing_fails() {
    let tokens = BootstrapTokens::new(TokenObjects::default());
    assert_eq!(tokens.check(Attempt { token: TOKEN, audiences: &[], now: NOW }), None);
    assert_eq!(tokens.name(), "bootstrap-token");
}
