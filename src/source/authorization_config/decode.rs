//! From a tree to what the file says, as strictly and in the words of the decoder of Kubernetes
//! (S-ACFG-1).

use std::str::FromStr;
use std::sync::Arc;

use crate::api::authorization_config::GoDuration;
use crate::source::apiserver_file::{Decoder, Place, Tree, Undecodable};
use crate::source::document::{Node, Value};

/// A value and where it stands; where it would, when it is absent.
#[derive(Debug, Clone, Default)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) line: u32,
}

impl<T: Default> At<T> {
    fn absent(line: u32) -> Self {
        Self { value: T::default(), line }
    }
}

impl At<GoDuration> {
    /// One that was written.
    fn some(self) -> At<Option<GoDuration>> {
        At { value: Some(self.value), line: self.line }
    }
}

impl At<Option<GoDuration>> {
    /// The line on which 0 was written.
    pub(super) fn zero(&self) -> Option<u32> {
        (self.value == Some(GoDuration::ZERO)).then_some(self.line)
    }
}

/// An entry of the file, nothing defaulted.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) line: u32,
    pub(super) kind: At<String>,
    pub(super) name: At<String>,
    pub(super) webhook: At<Option<Webhook>>,
}

#[derive(Debug)]
pub(super) struct Webhook {
    /// `None` when it is absent.
    pub(super) authorized_ttl: At<Option<GoDuration>>,
    pub(super) cache_authorized_requests: At<Option<bool>>,
    /// `None` when it is absent.
    pub(super) unauthorized_ttl: At<Option<GoDuration>>,
    pub(super) cache_unauthorized_requests: At<Option<bool>>,
    pub(super) timeout: At<GoDuration>,
    pub(super) subject_access_review_version: At<String>,
    pub(super) match_condition_version: At<String>,
    pub(super) failure_policy: At<String>,
    pub(super) connection_type: At<String>,
    pub(super) kube_config_file: At<Option<String>>,
    pub(super) match_conditions: At<Vec<At<String>>>,
}

impl Webhook {
    fn empty(line: u32) -> Self {
        Self {
            authorized_ttl: At::absent(line),
            cache_authorized_requests: At::absent(line),
            unauthorized_ttl: At::absent(line),
            cache_unauthorized_requests: At::absent(line),
            timeout: At::absent(line),
            subject_access_review_version: At::absent(line),
            match_condition_version: At::absent(line),
            failure_policy: At::absent(line),
            connection_type: At::absent(line),
            kube_config_file: At::absent(line),
            match_conditions: At::absent(line),
        }
    }
}

/// The entries of a document of a version.
pub(super) fn entries(
    name: &Arc<str>,
    tree: &Tree,
    root: &Node,
    version: &str,
) -> Result<At<Vec<Entry>>, Undecodable> {
    let mut decoder = Decoder::new(name, version, tree);
    let entries = decoder.configuration(root);
    decoder.finish()?;
    Ok(entries)
}

const CONFIGURATION: &str = "AuthorizationConfiguration";
const ENTRY: &str = "AuthorizerConfiguration";
const WEBHOOK: &str = "WebhookConfiguration";
const CONNECTION: &str = "WebhookConnectionInfo";
const CONDITION: &str = "WebhookMatchCondition";

impl Decoder<'_> {
    fn text(&mut self, node: &Node, place: &Place) -> At<String> {
        At { value: self.optional_text(node, place).value.unwrap_or_default(), line: node.line }
    }

    fn optional_text(&mut self, node: &Node, place: &Place) -> At<Option<String>> {
        At { value: self.string(node, place, "string"), line: node.line }
    }

    fn boolean(&mut self, node: &Node, place: &Place) -> At<Option<bool>> {
        At { value: self.bool(node, place), line: node.line }
    }

    /// A duration reads its own text, and its complaint ends the decoding at once. It is not spared
    /// by null either.
    fn duration(&mut self, node: &Node, place: &Place) -> At<GoDuration> {
        let text = match &node.value {
            Value::String(text) => text.as_str(),
            Value::Null => "",
            _ => {
                self.fatal_type(node, place, "string");
                return At::absent(node.line);
            }
        };
        let value = text.parse().unwrap_or_else(|error: <GoDuration as FromStr>::Err| {
            self.fatal(node, place, error.to_string());
            GoDuration::ZERO
        });
        At { value, line: node.line }
    }

    fn configuration(&mut self, root: &Node) -> At<Vec<Entry>> {
        let place = Place::default();
        let mut entries = At::absent(root.line);
        let known = ["apiVersion", "kind", "authorizers"];
        for (field, node, place) in
            self.fields(root, &place, CONFIGURATION, &known).unwrap_or_default()
        {
            match field {
                "authorizers" => {
                    let items = self.items(node, &place, &self.go_type(ENTRY));
                    let value = items.iter().map(|(node, place)| self.entry(node, place)).collect();
                    entries = At { value, line: node.line };
                }
                _ => drop(self.text(node, &place)),
            }
        }
        entries
    }

    fn entry(&mut self, node: &Node, place: &Place) -> Entry {
        let line = node.line;
        let mut entry = Entry {
            line,
            kind: At::absent(line),
            name: At::absent(line),
            webhook: At::absent(line),
        };
        let known = ["type", "name", "webhook"];
        for (field, node, place) in self.fields(node, place, ENTRY, &known).unwrap_or_default() {
            match field {
                "type" => entry.kind = self.text(node, &place),
                "name" => entry.name = self.text(node, &place),
                _ => entry.webhook = At { value: self.webhook(node, &place), line: node.line },
            }
        }
        entry
    }

    fn webhook(&mut self, node: &Node, place: &Place) -> Option<Webhook> {
        let mut webhook = Webhook::empty(node.line);
        let known = [
            "authorizedTTL",
            "cacheAuthorizedRequests",
            "unauthorizedTTL",
            "cacheUnauthorizedRequests",
            "timeout",
            "subjectAccessReviewVersion",
            "matchConditionSubjectAccessReviewVersion",
            "failurePolicy",
            "connectionInfo",
            "matchConditions",
        ];
        for (field, node, at) in self.fields(node, place, WEBHOOK, &known)? {
            let webhook = &mut webhook;
            match field {
                "authorizedTTL" => webhook.authorized_ttl = self.duration(node, &at).some(),
                "cacheAuthorizedRequests" => {
                    webhook.cache_authorized_requests = self.boolean(node, &at);
                }
                "unauthorizedTTL" => webhook.unauthorized_ttl = self.duration(node, &at).some(),
                "cacheUnauthorizedRequests" => {
                    webhook.cache_unauthorized_requests = self.boolean(node, &at);
                }
                "timeout" => webhook.timeout = self.duration(node, &at),
                "subjectAccessReviewVersion" => {
                    webhook.subject_access_review_version = self.text(node, &at);
                }
                "matchConditionSubjectAccessReviewVersion" => {
                    webhook.match_condition_version = self.text(node, &at);
                }
                "failurePolicy" => webhook.failure_policy = self.text(node, &at),
                "connectionInfo" => self.connection(node, &at, webhook),
                _ => webhook.match_conditions = self.conditions(node, &at),
            }
        }
        Some(webhook)
    }

    fn connection(&mut self, node: &Node, place: &Place, webhook: &mut Webhook) {
        webhook.connection_type = At::absent(node.line);
        webhook.kube_config_file = At::absent(node.line);
        let known = ["type", "kubeConfigFile"];
        for (field, node, place) in self.fields(node, place, CONNECTION, &known).unwrap_or_default()
        {
            match field {
                "type" => webhook.connection_type = self.text(node, &place),
                _ => webhook.kube_config_file = self.optional_text(node, &place),
            }
        }
    }

    fn conditions(&mut self, node: &Node, place: &Place) -> At<Vec<At<String>>> {
        let mut conditions = Vec::new();
        for (item, place) in self.items(node, place, &self.go_type(CONDITION)) {
            let mut expression = At::absent(item.line);
            for (_, node, place) in
                self.fields(item, &place, CONDITION, &["expression"]).unwrap_or_default()
            {
                expression = self.text(node, &place);
            }
            conditions.push(expression);
        }
        At { value: conditions, line: node.line }
    }
}
