//! What in an AuthenticationConfiguration does its owner probably not mean?
//!
//! Whom an issuer could let in, and rules that can never hold. What kube-apiserver refuses, the reader
//! of the file has said already.

use super::{Finding, Level};
use crate::api::authentication_config::{
    AnonymousConfig, JwtAuthenticator, PrefixedClaimOrExpression, UserValidationRule,
};
use crate::cel::claims::UserRule;
use crate::model::{User, groups};
use crate::source::authentication_config::{AuthenticationConfigError, Loaded, Problem};

/// Looks over a file; sorted by place.
///
/// ```
/// use portcullis::query;
/// use portcullis::source::authentication_config::{self, AuthenticationFlags};
///
/// let text = "
/// apiVersion: apiserver.config.k8s.io/v1
/// kind: AuthenticationConfiguration
/// jwt:
/// - issuer: {url: 'https://issuer.example', audiences: [kubernetes]}
///   claimMappings:
///     username: {claim: sub, prefix: 'i:'}
///     groups: {claim: groups, prefix: ''}
/// ";
/// let flags = AuthenticationFlags::default();
/// let loaded = authentication_config::parse_beside("authn.yaml", text.as_bytes(), &flags)?;
/// let findings = query::check_authentication(&loaded);
/// assert_eq!(findings[0].code, "issuer-makes-masters");
/// assert_eq!(findings[0].origin.line, 8);
/// # Ok::<(), authentication_config::AuthenticationConfigError>(())
/// ```
#[must_use]
pub fn check_authentication(loaded: &Loaded) -> Vec<Finding> {
    let mut lint = Lint { loaded, findings: Vec::new() };
    for (index, jwt) in loaded.configuration.jwt.iter().enumerate() {
        lint.issuer(&format!("jwt[{index}]"), jwt);
    }
    if let Some(anonymous) = &loaded.configuration.anonymous {
        lint.anonymous(anonymous);
    }
    let mut findings = lint.findings;
    findings.sort_by(Finding::by_place);
    findings
}

/// What is wrong with a file or flags that the API server refuses, in its own words.
///
/// ```
/// use portcullis::query;
/// use portcullis::source::authentication_config;
///
/// let error = authentication_config::parse("authn.yaml", b"").unwrap_err();
/// let findings = query::authentication_errors(&error);
/// assert_eq!(findings[0].code, "authentication-config");
/// assert_eq!(findings[0].message, "empty config data");
/// ```
#[must_use]
pub fn authentication_errors(error: &AuthenticationConfigError) -> Vec<Finding> {
    let finding = |problem: &Problem| {
        let Problem { origin, field, message, .. } = problem;
        // Most messages begin with the field, or quote it.
        let object = match field.is_empty() || message.contains(field.as_str()) {
            true => String::new(),
            false => format!("`{field}`"),
        };
        Finding {
            level: Level::Error,
            code: "authentication-config",
            object,
            origin: origin.clone(),
            message: message.clone(),
            advice: String::new(),
        }
    };
    error.problems().iter().map(finding).collect()
}

struct Lint<'a> {
    loaded: &'a Loaded,
    findings: Vec<Finding>,
}

impl Lint<'_> {
    fn note(
        &mut self,
        (level, code): (Level, &'static str),
        object: &str,
        field: &str,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.findings.push(Finding {
            level,
            code,
            object: object.to_owned(),
            origin: self.loaded.place(field),
            message: message.into(),
            advice: advice.into(),
        });
    }

    fn issuer(&mut self, base: &str, jwt: &JwtAuthenticator) {
        let object = format!("`{}`", jwt.issuer.url);
        let mappings = &jwt.claim_mappings;
        // Addresses have an `@`, and names of Kubernetes have none.
        let is_address = mappings.username.claim == "email";
        let controller = User::new("system:kube-controller-manager");
        if is_bare(&mappings.username)
            && !is_address
            && may_pass(&jwt.user_validation_rules, &controller)
        {
            self.note(
                (Level::Warning, "issuer-names-anybody"),
                &object,
                &format!("{base}.claimMappings.username.prefix"),
                format!(
                    "without a prefix the issuer could name anybody, also `{}`, who has roles in \
                     every cluster",
                    controller.name
                ),
                "set a prefix, or refuse such names: `!user.username.startsWith('system:')` among \
                 userValidationRules",
            );
        }
        let master = User::new("jane").with_groups([groups::MASTERS]);
        if is_bare(&mappings.groups) && may_pass(&jwt.user_validation_rules, &master) {
            self.note(
                (Level::Warning, "issuer-makes-masters"),
                &object,
                &format!("{base}.claimMappings.groups.prefix"),
                "without a prefix the issuer could put anybody in `system:masters`, who may do \
                 everything and whom no role can stop",
                "set a prefix, or refuse such groups: `user.groups.all(group, \
                 !group.startsWith('system:'))` among userValidationRules",
            );
        }
        // S-ACONF-6.
        let groups = &mappings.groups;
        if groups.claim.is_empty() && groups.expression.is_empty() && groups.prefix.is_some() {
            self.note(
                (Level::Warning, "prefix-without-groups"),
                &object,
                &format!("{base}.claimMappings.groups"),
                "there is a prefix and no claim, so there are no groups",
                "name the claim that has the groups, or remove the prefix",
            );
        }
        // S-ACONF-10, S-OIDC-17.
        for (index, rule) in jwt.claim_validation_rules.iter().enumerate() {
            if rule.claim == "email_verified" {
                self.note(
                    (Level::Warning, "verified-is-no-text"),
                    &object,
                    &format!("{base}.claimValidationRules[{index}].requiredValue"),
                    "only texts are compared, and most issuers say `true` here without quotes: every \
                     token of theirs is refused",
                    "use the expression `claims.email_verified == true`",
                );
            }
        }
    }

    /// S-ANON-2, S-ACONF-12.
    fn anonymous(&mut self, anonymous: &AnonymousConfig) {
        for (index, condition) in anonymous.conditions.iter().enumerate() {
            let path = &condition.path;
            if path.starts_with('/') && !path.contains(['?', '*']) {
                continue;
            }
            self.note(
                (Level::Warning, "path-never-matches"),
                "anonymous",
                &format!("anonymous.conditions[{index}].path"),
                format!("no request has the path `{path}`: the whole of it is compared"),
                "write the path as it is in requests, without a query: `/livez`",
            );
        }
    }
}

/// Whether values of a claim are taken as they are.
fn is_bare(mapping: &PrefixedClaimOrExpression) -> bool {
    !mapping.claim.is_empty() && mapping.prefix.as_deref() == Some("")
}

/// Whether no rule refuses a user. One that fails refuses, too.
fn may_pass(rules: &[UserValidationRule], user: &User) -> bool {
    rules.iter().all(|rule| {
        UserRule::compile(&rule.expression).is_ok_and(|rule| rule.evaluate(user) == Ok(true))
    })
}
