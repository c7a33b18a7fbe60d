//! Expressions in rules: S-OIDC-11, S-OIDC-13 to S-OIDC-15, S-OIDC-18.

use serde_json::json;

use super::{configured, refusal, token, user};
use crate::api::authentication_config::{
    ClaimValidationRule, ExtraMapping, JwtAuthenticator, UserValidationRule,
};
use crate::authn::oidc::{OidcAuthenticator, Rules, RulesProblem};

fn username(expression: &str) -> OidcAuthenticator {
    configured(|config| {
        config.claim_mappings.username.claim.clear();
        config.claim_mappings.username.prefix = None;
        config.claim_mappings.username.expression = expression.to_owned();
    })
}

#[test]
fn s_oidc_11_a_user_name_by_expression_is_a_string_that_is_not_empty() {
    let oidc = username("claims.sub + '@corp'");
    assert_eq!(user(&oidc, &token(json!({}))).name, "jane@corp");
    let oidc = username("claims.name");
    assert_eq!(user(&oidc, &token(json!({"name": "jd"}))).name, "jd");
    let prefix = "oidc: error evaluating username claim expression: ";
    for name in [json!(1), json!(null), json!(["jd"]), json!(true)] {
        let text = refusal(&oidc, &token(json!({"name": name})));
        assert_eq!(text, format!("{prefix}username claim expression must return a string"));
    }
    let text = refusal(&oidc, &token(json!({"name": ""})));
    assert_eq!(text, "oidc: empty username via CEL expression is not allowed");
    let text = refusal(&oidc, &token(json!({})));
    let expected = "expression 'claims.name' resulted in error: no such key: name";
    assert_eq!(text, format!("{prefix}{expected}"));
}

fn groups(expression: &str) -> OidcAuthenticator {
    configured(|config| config.claim_mappings.groups.expression = expression.to_owned())
}

#[test]
fn s_oidc_13_groups_by_expression_are_strings_and_empty_ones_are_dropped() {
    let oidc = groups("claims.roles");
    for (roles, expected) in [
        (json!("dev"), &["dev"][..]),
        (json!(["dev", "", "ops", "dev"]), &["dev", "ops", "dev"]),
        (json!(""), &[]),
        (json!([]), &[]),
        (json!(null), &[]),
    ] {
        assert_eq!(user(&oidc, &token(json!({"roles": roles}))).groups, expected);
    }
    let prefix = "oidc: error evaluating group claim expression: ";
    for roles in [json!(1), json!(["dev", 1]), json!({"dev": true}), json!([null])] {
        let text = refusal(&oidc, &token(json!({"roles": roles})));
        let expected = "expression must return a string or a list of strings";
        assert_eq!(text, format!("{prefix}{expected}"));
    }
    let text = refusal(&oidc, &token(json!({})));
    let expected = "expression 'claims.roles' resulted in error: no such key: roles";
    assert_eq!(text, format!("{prefix}{expected}"));
    let oidc = groups("claims.?roles.orValue([])");
    assert_eq!(user(&oidc, &token(json!({}))).groups, [""; 0]);
}

#[test]
fn s_oidc_14_a_uid_by_expression_is_a_string() {
    let oidc = configured(|config| config.claim_mappings.uid.expression = "claims.oid".to_owned());
    assert_eq!(user(&oidc, &token(json!({"oid": "u-1"}))).uid, "u-1");
    assert_eq!(user(&oidc, &token(json!({"oid": ""}))).uid, "");
    let prefix = "oidc: error evaluating uid claim expression: ";
    for oid in [json!(1), json!(null)] {
        let text = refusal(&oidc, &token(json!({"oid": oid})));
        assert_eq!(text, format!("{prefix}uid claim expression must return a string"));
    }
    let text = refusal(&oidc, &token(json!({})));
    let expected = "expression 'claims.oid' resulted in error: no such key: oid";
    assert_eq!(text, format!("{prefix}{expected}"));
}

#[test]
fn s_oidc_15_extra_values_are_strings_and_a_key_without_any_is_none() {
    let oidc = configured(|config| {
        let extra = |key: &str, value: &str| ExtraMapping {
            key: key.to_owned(),
            value_expression: value.to_owned(),
        };
        config.claim_mappings.extra =
            vec![extra("acme.io/team", "claims.team"), extra("acme.io/sub", "claims.sub")];
    });
    let team = |team: serde_json::Value| {
        user(&oidc, &token(json!({"team": team}))).extra.remove("acme.io/team")
    };
    assert_eq!(team(json!("a")), Some(vec!["a".to_owned()]));
    assert_eq!(team(json!(["a", "", "b"])), Some(vec!["a".to_owned(), "b".to_owned()]));
    for none in [json!(""), json!([]), json!(null), json!(["", ""])] {
        assert_eq!(team(none.clone()), None, "{none}");
    }
    assert_eq!(user(&oidc, &token(json!({"team": "a"}))).extra["acme.io/sub"], ["jane"]);
    let text = refusal(&oidc, &token(json!({"team": 1})));
    let expected = "oidc: error evaluating extra claim expression: claims.team: expression must \
                    return a string or a list of strings";
    assert_eq!(text, expected);
    let text = refusal(&oidc, &token(json!({})));
    assert_eq!(text, "expression 'claims.team' resulted in error: no such key: team");
}

fn claim_rules(rules: &[(&str, &str)]) -> OidcAuthenticator {
    configured(|config| {
        let rule = |(expression, message): &(&str, &str)| ClaimValidationRule {
            expression: (*expression).to_owned(),
            message: (*message).to_owned(),
            ..ClaimValidationRule::default()
        };
        config.claim_validation_rules = rules.iter().map(rule).collect();
    })
}

#[test]
fn s_oidc_18_the_first_claim_rule_that_is_false_is_told_and_an_error_in_any_before_it() {
    let oidc = claim_rules(&[
        ("claims.hd == 'example.com'", "not of this house"),
        ("claims.level > 2", ""),
    ]);
    let good = json!({"hd": "example.com", "level": 3});
    assert_eq!(user(&oidc, &token(good)).name, "jane");
    let prefix = "oidc: error evaluating claim validation expression: ";
    let text = refusal(&oidc, &token(json!({"hd": "x", "level": 1})));
    let expected = "validation expression 'claims.hd == 'example.com'' failed: not of this house";
    assert_eq!(text, format!("{prefix}{expected}"));
    let text = refusal(&oidc, &token(json!({"hd": "example.com", "level": 1})));
    assert_eq!(text, format!("{prefix}validation expression 'claims.level > 2' failed: "));
    let text = refusal(&oidc, &token(json!({"hd": "x"})));
    let expected = "expression 'claims.level > 2' resulted in error: no such key: level";
    assert_eq!(text, format!("{prefix}{expected}"));
}

fn user_rule(config: &mut JwtAuthenticator, expression: &str, message: &str) {
    config.user_validation_rules.push(UserValidationRule {
        expression: expression.to_owned(),
        message: message.to_owned(),
    });
}

#[test]
fn s_oidc_18_user_rules_see_the_user_and_come_last() {
    let oidc = configured(|config| {
        config.claim_mappings.groups.claim = "groups".to_owned();
        user_rule(config, "!user.username.startsWith('system:')", "reserved");
        user_rule(config, "user.groups.all(g, g != 'system:masters')", "no masters");
        config.claim_validation_rules.push(ClaimValidationRule {
            claim: "hd".to_owned(),
            required_value: "x".to_owned(),
            ..ClaimValidationRule::default()
        });
    });
    assert_eq!(user(&oidc, &token(json!({"hd": "x"}))).name, "jane");
    let prefix = "oidc: error evaluating user info validation rule: ";
    let text = refusal(&oidc, &token(json!({"hd": "x", "sub": "system:admin"})));
    let expected = "validation expression '!user.username.startsWith('system:')' failed: reserved";
    assert_eq!(text, format!("{prefix}{expected}"));
    let text = refusal(&oidc, &token(json!({"hd": "x", "groups": ["a", "system:masters"]})));
    assert!(text.starts_with(prefix) && text.ends_with(" failed: no masters"), "{text}");
    let text = refusal(&oidc, &token(json!({"sub": "system:admin"})));
    assert_eq!(text, "oidc: required claim hd not present in ID token");
}

#[test]
fn s_oidc_16_user_rules_see_the_id_of_the_token() {
    let oidc = configured(|config| {
        let seen = "'authentication.kubernetes.io/credential-id' in user.extra";
        user_rule(config, seen, "no id");
    });
    assert_eq!(user(&oidc, &token(json!({"jti": "1"}))).name, "jane");
    let text = refusal(&oidc, &token(json!({})));
    assert!(text.ends_with("failed: no id"), "{text}");
}

#[test]
fn expressions_that_do_not_compile_name_their_field() {
    let mut config = super::config();
    config.claim_mappings.extra =
        vec![ExtraMapping { key: "acme.io/x".to_owned(), value_expression: "claims.".to_owned() }];
    let error = Rules::compile(&config).unwrap_err();
    assert_eq!(error.field, "claimMappings.extra[0].valueExpression");
    assert!(matches!(error.problem, RulesProblem::Expression(_)), "{error}");
    let mut config = super::config();
    user_rule(&mut config, "user.username", "");
    let error = Rules::compile(&config).unwrap_err();
    let expected = "`userValidationRules[0].expression` does not compile: must evaluate to bool";
    assert_eq!(error.to_string(), expected);
}
