//! From a tree to what the file says, as strictly and in the words of the decoder of Kubernetes
//! (S-ACFG-1).

use std::sync::Arc;

use super::error::{ConfigurationError, Problem};
use super::tree::Tree;
use crate::api::authorization_config::GoDuration;
use crate::model::Origin;
use crate::source::document::{Node, Value};
use crate::util::goquote::Quoted;

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
) -> Result<At<Vec<Entry>>, ConfigurationError> {
    let mut decoder = Decoder {
        name,
        version,
        is_sorted: tree.is_sorted,
        strict: Vec::new(),
        wrong: Vec::new(),
        first_wrong: None,
        fatal: None,
    };
    let entries = decoder.configuration(root);
    decoder.finish(tree)?;
    Ok(entries)
}

/// Where the decoder is, in the three ways in which messages say it.
#[derive(Clone)]
struct Place {
    /// The Go type that has the field.
    owner: &'static str,
    /// The fields on the way, without indices.
    fields: String,
    /// The same with indices.
    path: String,
}

impl Place {
    fn child(&self, owner: &'static str, name: &str) -> Self {
        let join = |before: &str| match before {
            "" => name.to_owned(),
            before => format!("{before}.{name}"),
        };
        Self { owner, fields: join(&self.fields), path: join(&self.path) }
    }

    fn item(&self, index: usize) -> Self {
        Self { path: format!("{}[{index}]", self.path), ..self.clone() }
    }
}

struct Decoder<'a> {
    name: &'a Arc<str>,
    version: &'a str,
    is_sorted: bool,
    /// What only a strict decoder minds.
    strict: Vec<Problem>,
    /// Values of the wrong type.
    wrong: Vec<Problem>,
    /// The one that the API server tells of.
    first_wrong: Option<String>,
    /// What ends the decoding of the API server, and is all that it tells.
    fatal: Option<String>,
}

const CONFIGURATION: &str = "AuthorizationConfiguration";
const ENTRY: &str = "AuthorizerConfiguration";
const WEBHOOK: &str = "WebhookConfiguration";
const CONNECTION: &str = "WebhookConnectionInfo";
const CONDITION: &str = "WebhookMatchCondition";

impl Decoder<'_> {
    fn finish(self, tree: &Tree) -> Result<(), ConfigurationError> {
        let mut problems: Vec<Problem> = tree.duplicates.problems.clone();
        if let Some(told) = self.fatal.or(self.first_wrong) {
            problems.splice(0..0, self.wrong);
            problems.extend(self.strict);
            return Err(ConfigurationError::load(&told, problems));
        }
        let duplicates = tree.duplicates.text();
        let unknown = self.strict.iter().map(|problem| problem.message.clone());
        let told: Vec<String> = duplicates.into_iter().chain(unknown).collect();
        if told.is_empty() {
            return Ok(());
        }
        problems.extend(self.strict);
        let told = format!("strict decoding error: {}", told.join(", "));
        Err(ConfigurationError::load(&told, problems))
    }

    fn problem(&self, line: u32, place: &Place, message: String) -> Problem {
        Problem::new(Origin::new(Arc::clone(self.name), 0, line), place.path.as_str(), message)
    }

    fn wrong_type(&mut self, node: &Node, place: &Place, expected: &str) {
        let found = kind_of(node);
        let message = format!(
            "json: cannot unmarshal {found} into Go struct field {}.{} of type {expected}",
            place.owner, place.fields
        );
        let problem = self.problem(node.line, place, message.clone());
        self.wrong.push(problem);
        self.first_wrong.get_or_insert(message);
    }

    /// The fields of an object in the order of the decoder; `None` when it is null or no object.
    fn fields<'n>(
        &mut self,
        node: &'n Node,
        place: &Place,
        kind: &'static str,
        known: &[&'static str],
    ) -> Option<Vec<(&'static str, &'n Node, Place)>> {
        let Value::Map(fields) = &node.value else {
            if node.value != Value::Null {
                let expected = format!("{}.{kind}", self.version);
                self.wrong_type(node, place, &expected);
            }
            return None;
        };
        let mut fields: Vec<_> =
            fields.iter().map(|(name, value)| (name.as_str(), value)).collect();
        if self.is_sorted {
            fields.sort_by_key(|(name, _)| *name);
        }
        let mut found: Vec<(&'static str, &Node, Place)> = Vec::new();
        for (name, value) in fields {
            let place = place.child(kind, name);
            match known.iter().find(|known| **known == name) {
                Some(known) => {
                    if found.iter().any(|(before, ..)| before == known) {
                        self.note_strict("duplicate", value, &place);
                    }
                    found.push((known, value, place));
                }
                None => self.note_strict("unknown", value, &place),
            }
        }
        Some(found)
    }

    fn note_strict(&mut self, what: &str, node: &Node, place: &Place) {
        let message = format!("{what} field {}", Quoted(&place.path));
        if !self.strict.iter().any(|before| before.message == message) {
            let problem = self.problem(node.line, place, message);
            self.strict.push(problem);
        }
    }

    fn items<'n>(
        &mut self,
        node: &'n Node,
        place: &Place,
        item: &'static str,
    ) -> Vec<(&'n Node, Place)> {
        match &node.value {
            Value::List(items) => {
                items.iter().enumerate().map(|(at, item)| (item, place.item(at))).collect()
            }
            Value::Null => Vec::new(),
            _ => {
                let expected = format!("[]{}.{item}", self.version);
                self.wrong_type(node, place, &expected);
                Vec::new()
            }
        }
    }

    fn text(&mut self, node: &Node, place: &Place) -> At<String> {
        At { value: self.optional_text(node, place).value.unwrap_or_default(), line: node.line }
    }

    fn optional_text(&mut self, node: &Node, place: &Place) -> At<Option<String>> {
        let value = match &node.value {
            Value::String(text) => Some(text.to_string()),
            Value::Null => None,
            _ => {
                self.wrong_type(node, place, "string");
                None
            }
        };
        At { value, line: node.line }
    }

    fn boolean(&mut self, node: &Node, place: &Place) -> At<Option<bool>> {
        let value = match &node.value {
            Value::Bool(value) => Some(*value),
            Value::Null => None,
            _ => {
                self.wrong_type(node, place, "bool");
                None
            }
        };
        At { value, line: node.line }
    }

    /// A duration reads its own text, and its complaint ends the decoding at once. It is not spared
    /// by null either.
    fn duration(&mut self, node: &Node, place: &Place) -> At<GoDuration> {
        let text = match &node.value {
            Value::String(text) => text.as_str(),
            Value::Null => "",
            _ => {
                let told = self.first_wrong.take();
                self.wrong_type(node, place, "string");
                let own = std::mem::replace(&mut self.first_wrong, told);
                self.fatal = self.fatal.take().or(own);
                return At::absent(node.line);
            }
        };
        let value = text.parse().unwrap_or_else(|error: <GoDuration as std::str::FromStr>::Err| {
            let problem = self.problem(node.line, place, error.to_string());
            self.wrong.push(problem);
            self.fatal.get_or_insert(error.to_string());
            GoDuration::ZERO
        });
        At { value, line: node.line }
    }

    fn configuration(&mut self, root: &Node) -> At<Vec<Entry>> {
        let place = Place { owner: "", fields: String::new(), path: String::new() };
        let mut entries = At::absent(root.line);
        let known = ["apiVersion", "kind", "authorizers"];
        for (field, node, place) in
            self.fields(root, &place, CONFIGURATION, &known).unwrap_or_default()
        {
            match field {
                "authorizers" => {
                    let items = self.items(node, &place, ENTRY);
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
        for (item, place) in self.items(node, place, CONDITION) {
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

/// The word for a value in Go's messages.
pub(super) fn kind_of(node: &Node) -> &'static str {
    match node.value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::Float(_) => "number",
        Value::String(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) => "object",
    }
}
