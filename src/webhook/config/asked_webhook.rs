//! Another webhook that the chain asks, in the words of the API server's AuthorizationConfiguration.

use std::path::Path;
use std::time::Duration;

use super::NamedPath;
use crate::api::authorization::Version;
use crate::api::authorization_config::{
    Connection, DEFAULT_AUTHORIZED_TTL, DEFAULT_UNAUTHORIZED_TTL, FailurePolicy, LONGEST_TIMEOUT,
    MOST_MATCH_CONDITIONS, WebhookEntry,
};
use crate::cel::Expression;
use crate::source::config_file::{Field, Object};

/// A link that asks another webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebhookConfig {
    /// The name of the link. Default: `Webhook`.
    pub name: String,
    /// How it is asked, and what its failures mean.
    pub entry: WebhookEntry,
    /// The kubeconfig that leads to it.
    pub kubeconfig: NamedPath,
}

/// `None` when something was noted.
pub(super) fn read(field: &Field<'_>, name: String, base: &Path) -> Option<WebhookConfig> {
    let object = field.clone().object()?;
    // All are looked at before anything is given up, so that every mistake is told at once.
    let timeout = object.required("timeout").and_then(|field| {
        let timeout = field.positive_duration()?;
        let bounds = "at most 30s, as in an API server";
        field.within(timeout, &(Duration::from_nanos(1)..=LONGEST_TIMEOUT), bounds)
    });
    let version = object
        .required("subjectAccessReviewVersion")
        .and_then(|field| field.one_of(&[("v1", Version::V1), ("v1beta1", Version::V1beta1)]));
    let failure_policy = object.required("failurePolicy").and_then(|field| {
        let words = [("NoOpinion", FailurePolicy::NoOpinion), ("Deny", FailurePolicy::Deny)];
        field.one_of(&words)
    });
    let kubeconfig = object.required("connectionInfo").and_then(|field| connection(&field, base));
    let authorized_ttl = ttl(&object, "authorizedTTL", DEFAULT_AUTHORIZED_TTL);
    let unauthorized_ttl = ttl(&object, "unauthorizedTTL", DEFAULT_UNAUTHORIZED_TTL);
    let cache_authorized = cached(&object, "cacheAuthorizedRequests");
    let cache_unauthorized = cached(&object, "cacheUnauthorizedRequests");
    let conditions = object.get("matchConditions");
    let match_conditions = conditions.as_ref().map_or_else(|| Some(Vec::new()), match_conditions);
    if let Some(version) = object.get("matchConditionSubjectAccessReviewVersion") {
        version.one_of(&[("v1", ())])?;
    } else if match_conditions.as_ref().is_some_and(|conditions| !conditions.is_empty()) {
        object.note("`matchConditionSubjectAccessReviewVersion` is missing: it must be `v1`");
        return None;
    }
    object.finish();
    let kubeconfig = kubeconfig?;
    let entry = WebhookEntry {
        authorized_ttl: authorized_ttl?,
        cache_authorized_requests: cache_authorized?,
        unauthorized_ttl: unauthorized_ttl?,
        cache_unauthorized_requests: cache_unauthorized?,
        timeout: timeout?,
        subject_access_review_version: version?,
        failure_policy: failure_policy?,
        connection: Connection::KubeConfigFile(kubeconfig.path.clone()),
        match_conditions: match_conditions?,
    };
    Some(WebhookConfig { name, entry, kubeconfig })
}

fn ttl(object: &Object<'_>, name: &'static str, default: Duration) -> Option<Duration> {
    // Unlike in an API server, where it means the default (S-ACFG-4), zero is refused.
    object.get(name).map_or(Some(default), |field| field.positive_duration())
}

fn cached(object: &Object<'_>, name: &'static str) -> Option<bool> {
    object.get(name).map_or(Some(true), |field| field.boolean())
}

fn connection(field: &Field<'_>, base: &Path) -> Option<NamedPath> {
    let object = field.clone().object()?;
    let kind = object.required("type").and_then(|field| field.one_of(&[("KubeConfigFile", ())]));
    let file = object.required("kubeConfigFile").and_then(|field| field.path(base));
    object.finish();
    kind.and(file)
}

fn match_conditions(field: &Field<'_>) -> Option<Vec<String>> {
    let items = field.filled_list()?;
    field.within(items.len(), &(1..=MOST_MATCH_CONDITIONS), "at most 64 conditions")?;
    let mut texts: Vec<String> = Vec::with_capacity(items.len());
    let mut whole = true;
    for item in items {
        match match_condition(item, &texts) {
            Some(text) => texts.push(text),
            None => whole = false,
        }
    }
    whole.then_some(texts)
}

fn match_condition(item: Field<'_>, before: &[String]) -> Option<String> {
    let object = item.object()?;
    let field = object.required("expression");
    object.finish();
    let field = field?;
    let text = field.text()?;
    if before.iter().any(|earlier| earlier == text) {
        field.note("this condition stands in the list already; remove one");
        return None;
    }
    match Expression::compile(text) {
        Ok(_) => Some(text.to_owned()),
        Err(error) => {
            field.note(error.to_string());
            None
        }
    }
}
