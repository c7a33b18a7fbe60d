//! What in a chain does its owner probably not mean?
//!
//! Only what kube-apiserver accepts; what it refuses, the reader of the file has said already.

use super::{Finding, Level};
use crate::api::authorization_config::{
    AuthorizerEntry, AuthorizerType, ConfiguredAuthorizer, FailurePolicy, WebhookEntry,
};
use crate::api::mode::Mode;
use crate::authz::webhook::WebhookOptions;
use crate::cel::Matched;
use crate::model::{Origin, Request, ResourceAttributes, User};
use crate::source::authorization_config::{ConfigurationError, EntryPlaces, Loaded, Problem};

/// Looks over a chain; sorted by place.
///
/// ```
/// use portcullis::query;
/// use portcullis::source::authorization_config::{self, KubeconfigFiles};
///
/// let text = "
/// apiVersion: apiserver.config.k8s.io/v1
/// kind: AuthorizationConfiguration
/// authorizers:
/// - {type: AlwaysDeny, name: alwaysdeny}
/// - {type: RBAC, name: rbac}
/// ";
/// let loaded =
///     authorization_config::parse("authz.yaml", text.as_bytes(), KubeconfigFiles::MustExist)?;
/// let findings = query::check_chain(&loaded);
/// assert_eq!(findings[0].code, "always-deny-denies-nothing");
/// assert_eq!(findings[0].origin.line, 5);
/// # Ok::<(), authorization_config::ConfigurationError>(())
/// ```
#[must_use]
pub fn check_chain(loaded: &Loaded) -> Vec<Finding> {
    let entries = &loaded.configuration.authorizers;
    let mut lint = Lint { findings: Vec::new() };
    for (index, (entry, places)) in entries.iter().zip(&loaded.places).enumerate() {
        let later: Vec<&AuthorizerEntry> = entries.iter().skip(index + 1).collect();
        match &entry.authorizer {
            ConfiguredAuthorizer::Mode(Mode::AlwaysAllow) => {
                lint.always_allow(entry, places, &later);
            }
            ConfiguredAuthorizer::Mode(Mode::AlwaysDeny) => {
                lint.always_deny(entry, places, &later);
            }
            ConfiguredAuthorizer::Mode(Mode::Node) => lint.node(entry, places),
            ConfiguredAuthorizer::Mode(Mode::Abac | Mode::Rbac) => {}
            ConfiguredAuthorizer::Webhook(webhook) => {
                lint.webhook(entry, webhook, places, &later);
            }
        }
    }
    let mut findings = lint.findings;
    findings.sort_by(Finding::by_place);
    findings
}

/// What is wrong with a file that the API server refuses, in its own words.
///
/// ```
/// use portcullis::query;
/// use portcullis::source::authorization_config::{self, KubeconfigFiles};
///
/// let error = authorization_config::parse("empty.yaml", b"", KubeconfigFiles::MustExist);
/// assert_eq!(
///     query::chain_errors(&error.unwrap_err())[0].message,
///     "authorizers: Required value: at least one authorization mode must be defined",
/// );
/// ```
#[must_use]
pub fn chain_errors(error: &ConfigurationError) -> Vec<Finding> {
    let finding = |problem: &Problem| {
        let Problem { origin, field, message, .. } = problem;
        // Most messages begin with the field, or quote it.
        let object = match field.is_empty() || message.contains("authorizers") {
            true => String::new(),
            false => format!("`{field}`"),
        };
        Finding {
            level: Level::Error,
            code: "authorization-config",
            object,
            origin: origin.clone(),
            message: message.clone(),
            advice: String::new(),
        }
    };
    error.problems().iter().map(finding).collect()
}

struct Lint {
    findings: Vec<Finding>,
}

impl Lint {
    fn note(
        &mut self,
        (level, code): (Level, &'static str),
        entry: &AuthorizerEntry,
        origin: &Origin,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.findings.push(Finding {
            level,
            code,
            object: format!("{} `{}`", entry.kind(), entry.name),
            origin: origin.clone(),
            message: message.into(),
            advice: advice.into(),
        });
    }

    fn always_allow(
        &mut self,
        entry: &AuthorizerEntry,
        places: &EntryPlaces,
        later: &[&AuthorizerEntry],
    ) {
        let unasked = match names(later) {
            names if names.is_empty() => String::new(),
            names => format!("; {names} will never be asked"),
        };
        self.note(
            (Level::Warning, "always-allow"),
            entry,
            &places.entry,
            format!("whatever no earlier authorizer denies is allowed to everybody{unasked}"),
            "remove it, unless this is a playground",
        );
    }

    /// S-CHAIN-9.
    fn always_deny(
        &mut self,
        entry: &AuthorizerEntry,
        places: &EntryPlaces,
        later: &[&AuthorizerEntry],
    ) {
        if !later.is_empty() {
            let names = names(later);
            self.note(
                (Level::Warning, "always-deny-denies-nothing"),
                entry,
                &places.entry,
                format!("it has no opinion on anything, so {names} can allow all the same"),
                "remove it; what nobody allows is not allowed",
            );
        }
    }

    /// S-NODE-7.
    fn node(&mut self, entry: &AuthorizerEntry, places: &EntryPlaces) {
        self.note(
            (Level::Advice, "node-restriction"),
            entry,
            &places.entry,
            "alone it lets every kubelet change every Node, and the status of every pod",
            "see that --enable-admission-plugins has NodeRestriction",
        );
    }

    fn webhook(
        &mut self,
        entry: &AuthorizerEntry,
        webhook: &WebhookEntry,
        places: &EntryPlaces,
        later: &[&AuthorizerEntry],
    ) {
        // S-ACFG-4.
        for (zero, ttl, switch) in [
            (&places.zero_authorized_ttl, "5m0s", "cacheAuthorizedRequests"),
            (&places.zero_unauthorized_ttl, "30s", "cacheUnauthorizedRequests"),
        ] {
            if let Some(origin) = zero {
                self.note(
                    (Level::Warning, "zero-ttl"),
                    entry,
                    origin,
                    format!("0 does not turn the cache off: it means the default, {ttl}"),
                    format!("write `{switch}: false` (from Kubernetes 1.34 on), or a short time"),
                );
            }
        }
        // S-ACFG-17.
        let conditions = !webhook.match_conditions.is_empty();
        if conditions && webhook.failure_policy == FailurePolicy::NoOpinion {
            self.note(
                (Level::Warning, "condition-errors-pass"),
                entry,
                &places.failure_policy,
                "a match condition that cannot be evaluated passes the webhook by: a denial is \
                 lost, and whom nobody else allows gets an error (HTTP 500)",
                "see that each condition has an answer for every request, with has(…) before \
                 request.resourceAttributes; or take Deny",
            );
        }
        self.system_users(entry, webhook, places, later);
    }

    /// A webhook that is asked about the control plane before the authorizer that allows it.
    fn system_users(
        &mut self,
        entry: &AuthorizerEntry,
        webhook: &WebhookEntry,
        places: &EntryPlaces,
        later: &[&AuthorizerEntry],
    ) {
        let has = |mode| later.iter().any(|entry| entry.kind() == AuthorizerType::Mode(mode));
        if !has(Mode::Node) && !has(Mode::Rbac) {
            return;
        }
        let asked: Vec<&str> = asked_about(webhook);
        if asked.is_empty() {
            return;
        }
        let asked = asked.join(", ");
        let (level, consequence) = match webhook.failure_policy {
            FailurePolicy::Deny => (
                Level::Warning,
                "when it is down they can do nothing, and the cluster cannot repair itself",
            ),
            FailurePolicy::NoOpinion => {
                (Level::Advice, "each of their requests waits for it, longest when it is down")
            }
        };
        self.note(
            (level, "webhook-before-system-users"),
            entry,
            &places.match_conditions,
            format!("it is asked about {asked} before Node and RBAC; {consequence}"),
            "spare them by match conditions, such as \
             `!request.user.startsWith('system:') && !('system:nodes' in request.groups)`, or put \
             Node and RBAC first",
        );
    }
}

fn names(entries: &[&AuthorizerEntry]) -> String {
    let names: Vec<String> = entries.iter().map(|entry| format!("`{}`", entry.name)).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// Which parts of the control plane the webhook is asked about, by what they do all day. Those in
/// `system:masters` it is never asked about (S-CHAIN-10).
fn asked_about(webhook: &WebhookEntry) -> Vec<&'static str> {
    // The conditions of a file that was read do compile.
    let Ok(options) = WebhookOptions::from_entry(webhook) else { return Vec::new() };
    let lease = |verb: &'static str, name: &'static str| {
        ResourceAttributes::new(verb, "leases")
            .in_group("coordination.k8s.io")
            .in_namespace("kube-system")
            .named(name)
    };
    let node = ResourceAttributes::new("patch", "nodes").with_subresource("status");
    let plane = [
        (
            "system:kube-controller-manager",
            "system:authenticated",
            lease("update", "kube-controller-manager"),
        ),
        ("system:kube-scheduler", "system:authenticated", lease("update", "kube-scheduler")),
        ("system:node:n", "system:nodes", node.named("n")),
    ];
    let mut asked = Vec::new();
    for (name, group, attributes) in plane {
        let user = User::new(name).with_groups([group, "system:authenticated"]);
        let request = Request::resource(&user, attributes);
        if options.match_conditions.matches(&request) != Matched::No {
            asked.push(if group == "system:nodes" { "nodes" } else { name });
        }
    }
    asked
}
