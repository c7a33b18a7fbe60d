//! Signing policies: who may have which certificate, as a file says it.
//!
//! ```yaml
//! apiVersion: portcullis.dev/v1alpha1
//! kind: SigningPolicy
//! rules:
//! - name: developers
//!   requesters: {groups: [dev]}     # users: by name; groups: by group; either is enough
//!   userNames: [self]               # the requester's own name, and nobody else's
//!   groups: [self, view-only]       # groups the requester is in, and this one
//!   requiredGroups: [dev]           # without it there is no certificate
//!   keys:
//!   - {algorithm: ecdsa, minBits: 256}
//!   - {algorithm: rsa, minBits: 3072}
//!   maxLifetime: 24h
//!   maxLifetimeByGroup: {ops: 8h}
//!   subjectAltNames: {dnsNames: ['*.dev.example.com'], ipAddresses: [10.0.0.0/8]}
//!   signers: [kubernetes.io/kube-apiserver-client]
//! ```
//!
//! A rule has a `name` and `requesters`; what else it leaves out it does not give, but for `keys`
//! (RSA from 2048 bits, the curves from P-256, Ed25519), `maxLifetime` (the signer's) and `signers`
//! (the one for users). Names are meant as [`Pattern`] says: one `*` in front or behind, never for
//! names that begin with `system:`. `system:masters` is refused wherever it could be given.

use std::path::Path;

use super::config_file::{self, ConfigError, Field, Header, Object};
use crate::crypto::certificate::KeyKind;
use crate::model::groups;
use crate::pki::policy::{AlternativeNames, Grant, KeyRule, Pattern, Rule, SigningPolicy};
use crate::pki::validity::SHORTEST;

const HEADER: Header = Header { api_version: "portcullis.dev/v1alpha1", kind: "SigningPolicy" };

/// In lists of what may be asked for: what the requester has itself.
const OWN: &str = "self";

/// Reads a policy. `path` is what errors call it.
///
/// ```
/// use std::path::Path;
///
/// use portcullis::source::signing_policy;
///
/// let text = "
/// apiVersion: portcullis.dev/v1alpha1
/// kind: SigningPolicy
/// rules:
/// - {name: own, requesters: {users: ['*']}, userNames: [self], maxLifetime: 1m}
/// ";
/// let error = signing_policy::parse(Path::new("p.yaml"), text.as_bytes()).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "p.yaml:5: `rules[0].maxLifetime`: must be at least 10m: no certificate lasts less"
/// );
/// # Ok::<(), portcullis::source::config_file::ConfigError>(())
/// ```
///
/// # Errors
/// Everything that is wrong with it, each with its line.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<SigningPolicy, ConfigError> {
    config_file::read(path, bytes, HEADER, |root, _| {
        let list = root.required("rules")?.filled_list()?;
        let mut rules: Vec<Rule> = Vec::new();
        for field in list {
            let Some(object) = field.object() else { continue };
            let rule = rule(&object);
            if rules.iter().any(|earlier| earlier.name == rule.name) && !rule.name.is_empty() {
                object.note_at("name", "another rule has this name; refusals name rules by it");
            }
            object.finish();
            rules.push(rule);
        }
        Some(SigningPolicy { rules })
    })
}

fn rule(object: &Object<'_>) -> Rule {
    let mut rule = Rule::default();
    if let Some(name) = object.required("name").and_then(|field| field.text().map(str::to_owned)) {
        rule.name = name;
    }
    if let Some(requesters) = object.required("requesters").and_then(Field::object) {
        rule.requesters = requesters.get("users").map(|field| patterns(&field)).unwrap_or_default();
        rule.requester_groups =
            requesters.get("groups").map(|field| patterns(&field)).unwrap_or_default();
        if requesters.get("users").is_none() && requesters.get("groups").is_none() {
            requesters.note("name `users` or `groups`, or the rule is for nobody");
        }
        requesters.finish();
    }
    let grants_at = |name| object.get(name).map(|field| grants(&field)).unwrap_or_default();
    rule.user_names = object.required("userNames").map(|field| grants(&field)).unwrap_or_default();
    rule.groups = grants_at("groups");
    if let Some(field) = object.get("requiredGroups") {
        rule.required_groups = field.filled_texts();
    }
    if let Some(field) = object.get("keys") {
        let keys = field.filled_list().unwrap_or_default();
        rule.keys = keys.into_iter().filter_map(key).collect();
    }
    rule.max_lifetime = object.get("maxLifetime").and_then(|field| lifetime(&field));
    if let Some(entries) = object.get("maxLifetimeByGroup").and_then(|field| field.entries()) {
        let entry = |(group, field): (&str, Field<'_>)| Some((group.to_owned(), lifetime(&field)?));
        rule.max_lifetime_by_group = entries.into_iter().filter_map(entry).collect();
    }
    if let Some(names) = object.get("subjectAltNames").and_then(Field::object) {
        rule.alternative_names = alternative_names(&names);
        names.finish();
    }
    if let Some(field) = object.get("signers") {
        rule.signers = parsed(&field);
    }
    rule
}

/// A list of names that are meant.
fn patterns(field: &Field<'_>) -> Vec<Pattern> {
    parsed(field)
}

/// Every text of a list, read; what cannot be is noted where it stands.
fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(field: &Field<'_>) -> Vec<T> {
    let items = field.filled_list().unwrap_or_default();
    let read = |item: &Field<'_>| match item.text()?.parse::<T>() {
        Ok(read) => Some(read),
        Err(error) => {
            item.note(error.to_string());
            None
        }
    };
    items.iter().filter_map(read).collect()
}

/// A list of names that may be asked for.
fn grants(field: &Field<'_>) -> Vec<Grant> {
    let items = field.filled_list().unwrap_or_default();
    let read = |item: &Field<'_>| {
        let text = item.text()?;
        if text == OWN {
            return Some(Grant::Own);
        }
        match text.parse::<Pattern>() {
            Ok(pattern) if pattern.is_reserved() && pattern.matches(groups::MASTERS) => {
                item.note(
                    "would give `system:masters`, which no certificate gets: its members are \
                           allowed everything, and nothing takes that back",
                );
                None
            }
            Ok(pattern) => Some(Grant::Named(pattern)),
            Err(error) => {
                item.note(error.to_string());
                None
            }
        }
    };
    items.iter().filter_map(read).collect()
}

fn key(field: Field<'_>) -> Option<KeyRule> {
    let object = field.object()?;
    let words = [("rsa", 0_u32), ("ecdsa", 1), ("ed25519", 2)];
    let which = object.required("algorithm").and_then(|field| field.one_of(&words));
    let bits = object.get("minBits").map(|field| field.count::<u32>());
    object.finish();
    let (kind, usual) = match which? {
        0 => (KeyKind::Rsa, 2048),
        1 => (KeyKind::Ecdsa, 256),
        _ => (KeyKind::Ed25519, 256),
    };
    Some(KeyRule { kind, min_bits: bits.unwrap_or(Some(usual))? })
}

/// Seconds. Less than a signer gives would be more than is written (S-CSR-16).
fn lifetime(field: &Field<'_>) -> Option<i64> {
    let seconds = i64::try_from(field.duration()?.as_secs()).unwrap_or(i64::MAX);
    field.within(seconds, &(SHORTEST..=i64::MAX), "at least 10m: no certificate lasts less")
}

fn alternative_names(object: &Object<'_>) -> AlternativeNames {
    let of = |name| object.get(name).map(|field| patterns(&field)).unwrap_or_default();
    AlternativeNames {
        dns_names: of("dnsNames"),
        ip_addresses: object.get("ipAddresses").map(|field| parsed(&field)).unwrap_or_default(),
        email_addresses: of("emailAddresses"),
        uris: of("uris"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::signer::Signer;

    fn read(rules: &str) -> Result<SigningPolicy, Vec<String>> {
        let text =
            format!("apiVersion: portcullis.dev/v1alpha1\nkind: SigningPolicy\nrules:\n{rules}");
        parse(Path::new("p.yaml"), text.as_bytes())
            .map_err(|error| error.problems().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_field_is_read() {
        let policy = read(
            "- name: a\n  requesters: {users: [jane, 'x-*'], groups: [dev]}\n  userNames: [self, 'team-*']\n  \
             groups: [self, view]\n  requiredGroups: [dev]\n  keys:\n  - {algorithm: rsa, minBits: 3072}\n  \
             - {algorithm: ecdsa}\n  - {algorithm: ed25519}\n  maxLifetime: 24h\n  maxLifetimeByGroup: {ops: 8h}\n  \
             subjectAltNames: {dnsNames: [a], ipAddresses: [10.0.0.0/8], emailAddresses: [b], uris: [c]}\n  \
             signers: [kubernetes.io/kubelet-serving, example.com/mine]\n",
        )
        .unwrap();
        let pattern = |text: &str| text.parse::<Pattern>().unwrap();
        let expected = Rule {
            name: "a".to_owned(),
            signers: vec![Signer::KubeletServing, Signer::Other("example.com/mine".to_owned())],
            requesters: vec![pattern("jane"), pattern("x-*")],
            requester_groups: vec![pattern("dev")],
            user_names: vec![Grant::Own, Grant::Named(pattern("team-*"))],
            groups: vec![Grant::Own, Grant::Named(pattern("view"))],
            required_groups: vec!["dev".to_owned()],
            keys: vec![
                KeyRule { kind: KeyKind::Rsa, min_bits: 3072 },
                KeyRule { kind: KeyKind::Ecdsa, min_bits: 256 },
                KeyRule { kind: KeyKind::Ed25519, min_bits: 256 },
            ],
            alternative_names: AlternativeNames {
                dns_names: vec![pattern("a")],
                ip_addresses: vec!["10.0.0.0/8".parse().unwrap()],
                email_addresses: vec![pattern("b")],
                uris: vec![pattern("c")],
            },
            max_lifetime: Some(86_400),
            max_lifetime_by_group: [("ops".to_owned(), 28_800)].into(),
        };
        assert_eq!(policy.rules, [expected]);
    }

    #[test]
    fn every_mistake_is_told_with_its_line_and_nothing_is_read() {
        let good = "{name: a, requesters: {users: [jane]}, userNames: [self]}";
        assert!(read(&format!("- {good}\n")).is_ok());
        for (rules, problem) in [
            ("[]", "p.yaml:3: `rules`: must not be empty"),
            ("- {}", "`rules[0]`: `name` is missing"),
            ("- {name: a, userNames: [self]}", "`requesters` is missing"),
            ("- {name: a, requesters: {}, userNames: [self]}", "name `users` or `groups`"),
            (
                "- {name: a, requesters: {users: []}, userNames: [self]}",
                "`rules[0].requesters.users`: must not be empty",
            ),
            ("- {name: a, requesters: {users: [j]}}", "`userNames` is missing"),
            (
                "- {name: a, requesters: {users: ['a*b']}, userNames: [self]}",
                "`rules[0].requesters.users[0]`: a `*` may stand",
            ),
            (
                "- {name: a, requesters: {users: ['system:*']}, userNames: [self]}",
                "every name that Kubernetes keeps",
            ),
            (
                "- {name: a, requesters: {users: [j]}, userNames: [self], groups: ['system:masters']}",
                "would give `system:masters`",
            ),
            (
                "- {name: a, requesters: {users: [j]}, userNames: [self], groups: ['system:m*']}",
                "would give `system:masters`",
            ),
            (
                "- {name: a, requesters: {users: [j]}, userNames: [self], keys: [{algorithm: dsa}]}",
                "there is no `dsa`",
            ),
            (
                "- {name: a, requesters: {users: [j]}, userNames: [self], maxLifetime: 9m59s}",
                "must be at least 10m",
            ),
            (
                "- {name: a, requesters: {users: [j]}, userNames: [self], maxLifetimeByGroup: {x: 1s}}",
                "`rules[0].maxLifetimeByGroup.x`: must be at least 10m",
            ),
            (
                "- {name: a, requesters: {users: [j]}, userNames: [self], signers: [kubelet-serving]}",
                "must be a fully qualified domain",
            ),
            (
                "- {name: a, requesters: {users: [j]}, userNames: [self], subjectAltNames: {ipAddresses: [x]}}",
                "write an address",
            ),
            (
                "- {name: a, requesters: {users: [j]}, userNames: [self], maxLifeTime: 1h}",
                "did you mean `maxLifetime`?",
            ),
        ] {
            let problems = read(rules).unwrap_err();
            assert!(
                problems.iter().any(|found| found.contains(problem)),
                "{problem}\n{problems:?}"
            );
        }
        let twice = read(&format!("- {good}\n- {good}\n")).unwrap_err();
        assert!(twice[0].starts_with("p.yaml:5: `rules[1].name`: another rule"), "{twice:?}");
    }
}
