//! What the API server objects to in a configuration, in its order (S-ACONF-2 to 12).

mod issuer;
mod mappings;

use std::collections::HashSet;

use serde::Serialize;

use crate::api::authentication_config::{
    AnonymousConfig, AuthenticationConfiguration, ClaimValidationRule, Issuer, JwtAuthenticator,
    UserValidationRule,
};
use crate::api::field::{BadValue, FieldError, FieldErrorKind, FieldErrors};
use crate::cel::CompileError;
use crate::cel::claims::{ClaimRule, UserRule};

/// How many issuers there may be.
const MOST_ISSUERS: usize = 64;

const BOTH: &str = "claim and expression can't both be set";
const NEITHER: &str = "claim or expression is required";
const NOT_WITH_EXPRESSION: &str = "may not be specified when expression is set";

/// Looks over a configuration, wherever it comes from. None of its issuers may be one of the
/// disallowed ones, which are those of the service accounts.
///
/// ```
/// use portcullis::api::authentication_config::AuthenticationConfiguration;
/// use portcullis::source::authentication_config::validate;
///
/// // Neither issuers nor anything about anonymous requests: that is no mistake (S-ACONF-2).
/// assert!(validate(&AuthenticationConfiguration::default(), &[]).is_ok());
/// ```
///
/// # Errors
/// Everything that the API server objects to.
pub fn validate(
    configuration: &AuthenticationConfiguration,
    disallowed_issuers: &[String],
) -> Result<(), FieldErrors> {
    FieldErrors::from(errors(configuration, disallowed_issuers)).into_result()
}

/// Why a running API server, which began with `start`, does not take over `new`, valid as it may be:
/// `anonymous` must stay what it was (S-ACONF-14).
#[must_use]
pub fn reload_errors(
    start: &AuthenticationConfiguration,
    new: &AuthenticationConfiguration,
) -> Vec<FieldError> {
    if start.anonymous == new.anonymous {
        return Vec::new();
    }
    vec![FieldError::forbidden("anonymous", "changed from initial configuration file")]
}

/// Every objection.
pub(super) fn errors(
    configuration: &AuthenticationConfiguration,
    disallowed_issuers: &[String],
) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let count = configuration.jwt.len();
    if count > MOST_ISSUERS {
        return vec![FieldError {
            path: "jwt".to_owned(),
            kind: FieldErrorKind::TooMany,
            bad_value: Some(BadValue::json(&count)),
            detail: format!("must have at most {MOST_ISSUERS} items"),
        }];
    }
    let mut disallowed: Vec<&str> = disallowed_issuers.iter().map(String::as_str).collect();
    disallowed.sort_unstable();
    disallowed.dedup();
    let mut urls = HashSet::new();
    let mut discovery_urls = HashSet::new();
    for (index, jwt) in configuration.jwt.iter().enumerate() {
        let path = format!("jwt[{index}]");
        let mut noting = Noting { errors: &mut errors, base: path };
        noting.jwt(jwt, &disallowed);
        let Issuer { url, discovery_url, .. } = &jwt.issuer;
        if !urls.insert(url) {
            noting.duplicate("issuer.url", url);
        }
        if !discovery_url.is_empty() && !discovery_urls.insert(discovery_url) {
            noting.duplicate("issuer.discoveryURL", discovery_url);
        }
    }
    errors.extend(configuration.anonymous.as_ref().and_then(conditions_without_effect));
    errors
}

/// S-ACONF-12.
fn conditions_without_effect(anonymous: &AnonymousConfig) -> Option<FieldError> {
    /// As a message shows it.
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Shown<'a> {
        path: &'a str,
    }
    if anonymous.enabled || anonymous.conditions.is_empty() {
        return None;
    }
    let shown: Vec<Shown<'_>> =
        anonymous.conditions.iter().map(|condition| Shown { path: &condition.path }).collect();
    let detail = "enabled should be set to true when conditions are defined";
    Some(FieldError::invalid("anonymous.conditions", BadValue::json(&shown), detail))
}

/// Objections to what stands at a place.
struct Noting<'a> {
    errors: &'a mut Vec<FieldError>,
    /// `jwt[0]`.
    base: String,
}

impl Noting<'_> {
    fn path(&self, name: &str) -> String {
        format!("{}.{name}", self.base)
    }

    fn required(&mut self, name: &str, detail: &str) {
        self.errors.push(FieldError::required(self.path(name), detail));
    }

    fn invalid(&mut self, name: &str, value: &str, detail: impl Into<String>) {
        self.invalid_value(name, BadValue::from(value), detail);
    }

    fn invalid_value(&mut self, name: &str, value: BadValue, detail: impl Into<String>) {
        self.errors.push(FieldError::invalid(self.path(name), value, detail));
    }

    fn duplicate(&mut self, name: &str, value: &str) {
        self.errors.push(FieldError {
            path: self.path(name),
            kind: FieldErrorKind::Duplicate,
            bad_value: Some(BadValue::from(value)),
            detail: String::new(),
        });
    }

    /// What was compiled; `None` when that was noted.
    fn compiled<T>(
        &mut self,
        name: &str,
        text: &str,
        compile: impl FnOnce(&str) -> Result<T, CompileError>,
    ) -> Option<T> {
        compile(text).map_err(|error| self.invalid(name, text, error.to_string())).ok()
    }

    fn jwt(&mut self, jwt: &JwtAuthenticator, disallowed: &[&str]) {
        self.issuer(&jwt.issuer, disallowed);
        let rules = self.claim_rules(&jwt.claim_validation_rules);
        self.mappings(&jwt.claim_mappings, &rules);
        self.user_rules(&jwt.user_validation_rules);
    }

    /// The expressions that are good (S-ACONF-5).
    fn claim_rules(&mut self, rules: &[ClaimValidationRule]) -> Vec<ClaimRule> {
        let mut compiled = Vec::new();
        let mut claims = HashSet::new();
        let mut expressions = HashSet::new();
        for (index, rule) in rules.iter().enumerate() {
            let ClaimValidationRule { claim, required_value, expression, message } = rule;
            let name = format!("claimValidationRules[{index}]");
            match (claim.is_empty(), expression.is_empty()) {
                (false, false) => self.invalid(&name, claim, BOTH),
                (true, true) => self.required(&name, NEITHER),
                (false, true) => {
                    if !message.is_empty() {
                        let detail = "may not be specified when claim is set";
                        self.invalid(&format!("{name}.message"), message, detail);
                    }
                    if !claims.insert(claim) {
                        self.duplicate(&format!("{name}.claim"), claim);
                    }
                }
                (true, false) => {
                    if !required_value.is_empty() {
                        let name = format!("{name}.requiredValue");
                        self.invalid(&name, required_value, NOT_WITH_EXPRESSION);
                    }
                    let name = format!("{name}.expression");
                    if expressions.insert(expression) {
                        compiled.extend(self.compiled(&name, expression, ClaimRule::compile));
                    } else {
                        self.duplicate(&name, expression);
                    }
                }
            }
        }
        compiled
    }

    /// S-ACONF-11.
    fn user_rules(&mut self, rules: &[UserValidationRule]) {
        let mut expressions = HashSet::new();
        for (index, UserValidationRule { expression, .. }) in rules.iter().enumerate() {
            let name = format!("userValidationRules[{index}].expression");
            if expression.is_empty() {
                self.required(&name, "");
            } else if expressions.insert(expression) {
                self.compiled(&name, expression, UserRule::compile);
            } else {
                self.duplicate(&name, expression);
            }
        }
    }
}
