//! From what a file says to the chain, with every objection of the API server on the way (S-ACFG-4, 5).

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::KubeconfigFiles;
use super::decode::{At, Entry, Webhook};
use crate::api::authorization_config::{
    AuthorizationConfiguration, AuthorizerEntry, AuthorizerType, ConfiguredAuthorizer, Connection,
    DEFAULT_AUTHORIZED_TTL, DEFAULT_UNAUTHORIZED_TTL, FailurePolicy, GoDuration, LONGEST_TIMEOUT,
    MOST_MATCH_CONDITIONS, WebhookEntry, review_version,
};
use crate::api::field::{BadValue, FieldError, FieldErrorKind};
use crate::api::names::subdomain_errors;
use crate::cel::Expression;
use crate::source::apiserver_file::go_text;

/// An objection, the line of what it is about, and the way to the field in the file.
pub(super) struct Objection {
    pub(super) error: FieldError,
    pub(super) line: u32,
    pub(super) field: String,
}

/// The chain, when there is no objection.
pub(super) fn validate(
    entries: &At<Vec<Entry>>,
    files: KubeconfigFiles,
) -> Result<AuthorizationConfiguration, Vec<Objection>> {
    let mut validator = Validator { files, objections: Vec::new() };
    let authorizers = validator.entries(entries);
    match validator.objections.is_empty() {
        true => Ok(AuthorizationConfiguration { authorizers }),
        false => Err(validator.objections),
    }
}

struct Validator {
    files: KubeconfigFiles,
    objections: Vec<Objection>,
}

/// The place of an entry, and the objections to it.
struct Noting<'a> {
    validator: &'a mut Validator,
    /// `authorizers[0]`.
    base: String,
    /// What stands between that and a field in the file, and in no message.
    within: &'static str,
}

impl Noting<'_> {
    fn note(&mut self, line: u32, name: &str, error: impl FnOnce(String) -> FieldError) {
        let Self { base, within, .. } = self;
        let error = error(format!("{base}.{name}"));
        let field = format!("{base}{within}.{name}");
        self.validator.objections.push(Objection { error, line, field });
    }

    fn required(&mut self, line: u32, name: &str, detail: &str) {
        self.note(line, name, |path| FieldError::required(path, detail));
    }

    fn invalid(&mut self, line: u32, name: &str, value: &str, detail: &str) {
        self.note(line, name, |path| FieldError::invalid(path, value, detail));
    }

    fn duplicate(&mut self, line: u32, name: &str, value: &str) {
        self.note(line, name, |path| FieldError {
            path,
            kind: FieldErrorKind::Duplicate,
            bad_value: Some(BadValue::from(value)),
            detail: String::new(),
        });
    }

    fn unsupported(&mut self, line: u32, name: &str, value: BadValue, supported: &[&str]) {
        self.note(line, name, |path| FieldError::unsupported(path, value, supported));
    }

    /// A word out of a few.
    fn one_of<T>(
        &mut self,
        name: &str,
        text: &At<String>,
        read: impl Fn(&str) -> Option<T>,
        supported: &[&str],
    ) -> Option<T> {
        if text.value.is_empty() {
            self.required(text.line, name, "");
            return None;
        }
        let found = read(&text.value);
        if found.is_none() {
            self.unsupported(text.line, name, BadValue::from(text.value.as_str()), supported);
        }
        found
    }
}

impl Validator {
    fn entries(&mut self, entries: &At<Vec<Entry>>) -> Vec<AuthorizerEntry> {
        if entries.value.is_empty() {
            let detail = "at least one authorization mode must be defined";
            self.objections.push(Objection {
                error: FieldError::required("authorizers", detail),
                line: entries.line,
                field: "authorizers".to_owned(),
            });
        }
        let mut types = Vec::new();
        let mut names = Vec::new();
        let mut valid = Vec::new();
        for (index, entry) in entries.value.iter().enumerate() {
            let mut noting =
                Noting { validator: self, base: format!("authorizers[{index}]"), within: "" };
            valid.extend(noting.entry(entry, &mut types, &mut names));
        }
        valid
    }
}

impl Noting<'_> {
    /// The entry; `None` only when something was noted.
    fn entry<'e>(
        &mut self,
        entry: &'e Entry,
        types: &mut Vec<AuthorizerType>,
        names: &mut Vec<&'e str>,
    ) -> Option<AuthorizerEntry> {
        let all = AuthorizerType::ALL.map(AuthorizerType::as_str);
        let kind = self.one_of("type", &entry.kind, AuthorizerType::from_name, &all)?;
        if kind != AuthorizerType::Webhook && types.contains(&kind) {
            self.duplicate(entry.kind.line, "type", kind.as_str());
            return None;
        }
        types.push(kind);
        self.name(&entry.name, names);
        let At { value: webhook, line } = &entry.webhook;
        let authorizer = match (kind, webhook) {
            (AuthorizerType::Webhook, None) => {
                self.required(*line, "webhook", "required when type=Webhook");
                return None;
            }
            (AuthorizerType::Webhook, Some(webhook)) => {
                self.within = ".webhook";
                let webhook = self.webhook(webhook)?;
                ConfiguredAuthorizer::Webhook(Box::new(webhook))
            }
            (AuthorizerType::Mode(_), Some(_)) => {
                let detail = "may only be specified when type=Webhook";
                self.invalid(*line, "webhook", "non-null", detail);
                return None;
            }
            (AuthorizerType::Mode(mode), None) => ConfiguredAuthorizer::Mode(mode),
        };
        Some(AuthorizerEntry { name: entry.name.value.clone(), authorizer })
    }

    fn name<'e>(&mut self, name: &'e At<String>, names: &mut Vec<&'e str>) {
        let At { value, line } = name;
        if value.is_empty() {
            self.required(*line, "name", "");
        } else if names.contains(&value.as_str()) {
            self.duplicate(*line, "name", value);
        } else {
            let errors = subdomain_errors(value);
            if !errors.is_empty() {
                let detail = format!("authorizer name is invalid: {}", errors.join(", "));
                self.invalid(*line, "name", value, &detail);
            }
        }
        names.push(value);
    }

    /// The webhook; `None` only when something was noted.
    fn webhook(&mut self, webhook: &Webhook) -> Option<WebhookEntry> {
        let timeout = self.timeout(&webhook.timeout);
        let authorized_ttl =
            self.ttl("authorizedTTL", &webhook.authorized_ttl, DEFAULT_AUTHORIZED_TTL);
        let unauthorized_ttl =
            self.ttl("unauthorizedTTL", &webhook.unauthorized_ttl, DEFAULT_UNAUTHORIZED_TTL);
        let version = self.one_of(
            "subjectAccessReviewVersion",
            &webhook.subject_access_review_version,
            review_version,
            &["v1", "v1beta1"],
        );
        self.match_condition_version(webhook);
        let failure_policy = self.one_of(
            "failurePolicy",
            &webhook.failure_policy,
            FailurePolicy::from_name,
            &["NoOpinion", "Deny"],
        );
        let connection = self.connection(&webhook.connection_type, &webhook.kube_config_file);
        let match_conditions = self.conditions(&webhook.match_conditions);
        Some(WebhookEntry {
            authorized_ttl: authorized_ttl?,
            cache_authorized_requests: webhook.cache_authorized_requests.value.unwrap_or(true),
            unauthorized_ttl: unauthorized_ttl?,
            cache_unauthorized_requests: webhook.cache_unauthorized_requests.value.unwrap_or(true),
            timeout: timeout?,
            subject_access_review_version: version?,
            failure_policy: failure_policy?,
            connection: connection?,
            match_conditions: match_conditions?,
        })
    }

    fn timeout(&mut self, timeout: &At<GoDuration>) -> Option<Duration> {
        let At { value, line } = timeout;
        if *value == GoDuration::ZERO {
            self.required(*line, "timeout", "");
            return None;
        }
        let within = value.to_std().filter(|timeout| *timeout <= LONGEST_TIMEOUT);
        if within.is_none() {
            self.invalid(*line, "timeout", &value.to_string(), "must be > 0s and <= 30s");
        }
        within
    }

    /// Zero was replaced by the default before anybody looked (S-ACFG-4).
    fn ttl(
        &mut self,
        name: &str,
        ttl: &At<Option<GoDuration>>,
        default: Duration,
    ) -> Option<Duration> {
        let value = ttl.value.unwrap_or_default();
        if value == GoDuration::ZERO {
            return Some(default);
        }
        let positive = value.to_std();
        if positive.is_none() {
            self.invalid(ttl.line, name, &value.to_string(), "must be > 0s");
        }
        positive
    }

    fn match_condition_version(&mut self, webhook: &Webhook) {
        const NAME: &str = "matchConditionSubjectAccessReviewVersion";
        let At { value, line } = &webhook.match_condition_version;
        match value.as_str() {
            "" if webhook.match_conditions.value.is_empty() => {}
            "" => self.required(*line, NAME, "required if match conditions are specified"),
            "v1" => {}
            other => self.unsupported(*line, NAME, BadValue::from(other), &["v1"]),
        }
    }

    fn connection(&mut self, kind: &At<String>, file: &At<Option<String>>) -> Option<Connection> {
        /// As a message shows it.
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Shown<'a> {
            r#type: &'a str,
            kube_config_file: Option<&'a str>,
        }
        const TYPE: &str = "connectionInfo.type";
        const FILE: &str = "connectionInfo.kubeConfigFile";
        match kind.value.as_str() {
            "" => {
                self.required(kind.line, TYPE, "");
                None
            }
            "InClusterConfig" => match &file.value {
                None => Some(Connection::InClusterConfig),
                Some(path) => {
                    self.invalid(file.line, FILE, path, "can only be set when type=KubeConfigFile");
                    None
                }
            },
            "KubeConfigFile" => {
                let path = file.value.as_deref().unwrap_or_default();
                if path.is_empty() {
                    self.required(file.line, FILE, "");
                    return None;
                }
                if let Some(detail) = self.objection_to_file(path) {
                    self.invalid(file.line, FILE, path, &detail);
                    return None;
                }
                Some(Connection::KubeConfigFile(PathBuf::from(path)))
            }
            other => {
                let shown = Shown { r#type: other, kube_config_file: file.value.as_deref() };
                let supported = ["InClusterConfig", "KubeConfigFile"];
                self.unsupported(kind.line, TYPE, BadValue::json(&shown), &supported);
                None
            }
        }
    }

    fn objection_to_file(&self, path: &str) -> Option<String> {
        if !path.starts_with('/') {
            return Some("must be an absolute path".to_owned());
        }
        if self.validator.files == KubeconfigFiles::Elsewhere {
            return None;
        }
        match fs::metadata(path) {
            Err(error) => Some(format!("error loading file: stat {path}: {}", go_text(&error))),
            Ok(about) if !about.is_file() => Some("must be a regular file".to_owned()),
            Ok(_) => None,
        }
    }

    fn conditions(&mut self, conditions: &At<Vec<At<String>>>) -> Option<Vec<String>> {
        let count = conditions.value.len();
        if count > MOST_MATCH_CONDITIONS {
            self.note(conditions.line, "matchConditions", |path| FieldError {
                path,
                kind: FieldErrorKind::TooMany,
                bad_value: Some(BadValue::json(&count)),
                detail: format!("must have at most {MOST_MATCH_CONDITIONS} items"),
            });
            return None;
        }
        let before = self.validator.objections.len();
        let mut seen: Vec<&str> = Vec::new();
        for (index, At { value, line }) in conditions.value.iter().enumerate() {
            let name = format!("matchConditions[{index}].expression");
            if value.trim().is_empty() {
                self.required(*line, &name, "");
            } else if seen.contains(&value.as_str()) {
                self.duplicate(*line, &name, value);
            } else {
                seen.push(value);
                if let Err(error) = Expression::compile(value) {
                    self.invalid(*line, &name, value, &error.to_string());
                }
            }
        }
        let good = self.validator.objections.len() == before;
        good.then(|| seen.into_iter().map(str::to_owned).collect())
    }
}
