use std::collections::HashSet;

use super::{BOTH, NEITHER, NOT_WITH_EXPRESSION, Noting};
use crate::api::authentication_config::{ClaimMappings, PrefixedClaimOrExpression};
use crate::api::names::subdomain_errors;
use crate::cel::claims::{ClaimRule, Mapping};

impl Noting<'_> {
    /// S-ACONF-6 to 8, and the rule about e-mail addresses (S-ACONF-9, 10).
    pub(super) fn mappings(&mut self, mappings: &ClaimMappings, rules: &[ClaimRule]) {
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
}

/// Whether the domain of a key belongs to Kubernetes.
fn is_reserved(key: &str) -> bool {
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    ["kubernetes.io", "k8s.io"].iter().any(|reserved| {
        domain.strip_suffix(reserved).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}
