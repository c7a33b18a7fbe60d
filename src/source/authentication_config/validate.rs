//! What the API server objects to in a configuration, in its order (S-ACONF-2 to 12).

use std::collections::HashSet;

use serde::Serialize;

use super::{certificates, url};
use crate::api::authentication_config::{
    AnonymousConfig, AuthenticationConfiguration, ClaimMappings, ClaimValidationRule, Issuer,
    JwtAuthenticator, PrefixedClaimOrExpression, UserValidationRule,
};
use crate::api::field::{BadValue, FieldError, FieldErrorKind, FieldErrors};
use crate::api::names::subdomain_errors;
use crate::cel::CompileError;
use crate::cel::claims::{ClaimRule, Mapping, UserRule};

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

    /// S-ACONF-3, 4.
    fn issuer(&mut self, issuer: &Issuer, disallowed: &[&str]) {
        let Issuer { url, discovery_url, .. } = issuer;
        if url.is_empty() {
            self.required("issuer.url", "");
        } else {
            self.url("issuer.url", url, disallowed);
        }
        if !discovery_url.is_empty() {
            let same = url.trim_end_matches('/') == discovery_url.trim_end_matches('/');
            if same && !url.is_empty() {
                let detail = "discoveryURL must be different from URL";
                self.invalid("issuer.discoveryURL", discovery_url, detail);
            }
            self.url("issuer.discoveryURL", discovery_url, &[]);
        }
        self.audiences(&issuer.audiences, &issuer.audience_match_policy);
        if !issuer.certificate_authority.is_empty()
            && let Some(detail) = certificates::objection(&issuer.certificate_authority)
        {
            self.invalid("issuer.certificateAuthority", "<omitted>", detail);
        }
        let egress = issuer.egress_selector_type.as_str();
        if !matches!(egress, "" | "controlplane" | "cluster") {
            let detail = "egress selector must be either controlplane or cluster";
            self.invalid_value("issuer.egressSelectorType", BadValue::json(&egress), detail);
        }
    }

    fn url(&mut self, name: &str, text: &str, disallowed: &[&str]) {
        if disallowed.contains(&text) {
            let all = disallowed.join(" ");
            let detail = format!("URL must not overlap with disallowed issuers: [{all}]");
            self.invalid(name, text, detail);
        }
        let url = match url::parse(text) {
            Ok(url) => url,
            Err(error) => return self.invalid(name, text, error),
        };
        let objections = [
            (url.scheme != "https", "URL scheme must be https"),
            (url.has_user, "URL must not contain a username or password"),
            (!url.query.is_empty(), "URL must not contain a query"),
            (!url.fragment.is_empty(), "URL must not contain a fragment"),
        ];
        for (_, detail) in objections.into_iter().filter(|(holds, _)| *holds) {
            self.invalid(name, text, detail);
        }
    }

    fn audiences(&mut self, audiences: &[String], policy: &str) {
        const NAME: &str = "issuer.audiences";
        if audiences.is_empty() {
            let path = self.path(NAME);
            return self.required(NAME, &format!("at least one {path} is required"));
        }
        let mut seen = HashSet::new();
        for (index, audience) in audiences.iter().enumerate() {
            let name = format!("{NAME}[{index}]");
            if audience.is_empty() {
                self.required(&name, "");
            }
            if !seen.insert(audience) {
                self.duplicate(&name, audience);
            }
        }
        let is_one = audiences.len() == 1;
        let detail = match policy {
            "MatchAny" => return,
            "" if is_one => return,
            _ if is_one => "audienceMatchPolicy must be empty or MatchAny for single audience",
            _ => "audienceMatchPolicy must be MatchAny for multiple audiences",
        };
        // Words that have a type of their own are shown as JSON (S-FMT-2).
        self.invalid_value("issuer.audienceMatchPolicy", BadValue::json(&policy), detail);
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

    /// S-ACONF-6 to 8, and the rule about e-mail addresses (S-ACONF-9, 10).
    fn mappings(&mut self, mappings: &ClaimMappings, rules: &[ClaimRule]) {
        const VERIFIED: &str = "email_verified";
        let username = self.mapping("claimMappings.username", &mappings.username, true);
        self.mapping("claimMappings.groups", &mappings.groups, false);
        let uid = &mappings.uid;
        if !uid.expression.is_empty() {
            if uid.claim.is_empty() {
                let name = "claimMappings.uid.expression";
                self.compiled(name, &uid.expression, Mapping::compile);
            } else {
                self.invalid("claimMappings.uid", "", BOTH);
            }
        }
        let extra = self.extra(mappings);
        let uses_email = username.as_ref().is_some_and(|username| username.selects("email"));
        let is_verified = username.iter().chain(&extra).any(|mapping| mapping.selects(VERIFIED))
            || rules.iter().any(|rule| rule.selects(VERIFIED));
        if uses_email && !is_verified {
            let detail = "claims.email_verified must be used in \
                          claimMappings.username.expression or \
                          claimMappings.extra[*].valueExpression or \
                          claimValidationRules[*].expression when claims.email is used in \
                          claimMappings.username.expression";
            let expression = &mappings.username.expression;
            self.invalid("claimMappings.username.expression", expression, detail);
        }
    }

    /// The expression, if it and all beside it is good.
    fn mapping(
        &mut self,
        name: &str,
        mapping: &PrefixedClaimOrExpression,
        must_be_there: bool,
    ) -> Option<Mapping> {
        let PrefixedClaimOrExpression { claim, prefix, expression } = mapping;
        let name_of_prefix = format!("{name}.prefix");
        match (claim.is_empty(), expression.is_empty()) {
            (false, false) => self.invalid(name, "", BOTH),
            (true, true) if must_be_there => self.required(name, NEITHER),
            (true, true) => {}
            (false, true) => {
                if prefix.is_none() {
                    let detail = "prefix is required when claim is set. It can be set to an empty \
                                  string to disable prefixing";
                    self.required(&name_of_prefix, detail);
                }
            }
            (true, false) => {
                if let Some(prefix) = prefix {
                    self.invalid(&name_of_prefix, prefix, NOT_WITH_EXPRESSION);
                }
                let name = format!("{name}.expression");
                let compiled = self.compiled(&name, expression, Mapping::compile);
                return compiled.filter(|_| prefix.is_none());
            }
        }
        None
    }

    /// The expressions that are good (S-ACONF-8).
    fn extra(&mut self, mappings: &ClaimMappings) -> Vec<Mapping> {
        let mut compiled = Vec::new();
        let mut keys = HashSet::new();
        for (index, mapping) in mappings.extra.iter().enumerate() {
            let key = mapping.key.as_str();
            let entry = format!("claimMappings.extra[{index}]");
            let name = format!("{entry}.key");
            self.domain_prefixed_path(&name, key);
            // Go's small letters, as those of Rust, are not only those of ASCII.
            if key != key.to_lowercase() {
                self.invalid(&name, key, "must be lowercase");
            }
            if is_reserved(key) {
                let detail = "k8s.io, kubernetes.io and their subdomains are reserved for \
                              Kubernetes use";
                self.invalid(&name, key, detail);
            }
            if !keys.insert(key) {
                self.duplicate(&name, key);
                continue;
            }
            let name = format!("{entry}.valueExpression");
            let expression = &mapping.value_expression;
            if expression.is_empty() {
                self.required(&name, "");
            } else {
                compiled.extend(self.compiled(&name, expression, Mapping::compile));
            }
        }
        compiled
    }

    fn domain_prefixed_path(&mut self, name: &str, key: &str) {
        let of_path = |c: char| c.is_ascii_alphanumeric() || "/-._~%!$&'()*+,;=:".contains(c);
        if key.is_empty() {
            return self.required(name, "");
        }
        match key.split_once('/') {
            Some((domain, path)) if !domain.is_empty() && !path.is_empty() => {
                for detail in subdomain_errors(domain) {
                    self.invalid(name, domain, detail);
                }
                if !path.chars().all(of_path) {
                    let detail = "Invalid path (regex used for validation is \
                                  '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";
                    self.invalid(name, path, detail);
                }
            }
            _ => {
                let detail = "must be a domain-prefixed path (such as \"acme.io/foo\")";
                self.invalid(name, key, detail);
            }
        }
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

/// Whether the domain of a key belongs to Kubernetes.
fn is_reserved(key: &str) -> bool {
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    ["kubernetes.io", "k8s.io"].iter().any(|reserved| {
        domain.strip_suffix(reserved).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}
