use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::condition::{APPROVED, Condition, DENIED, FAILED};
use crate::api::null;
use crate::model::User;

/// The version and kind of every object.
pub const API_VERSION: &str = "certificates.k8s.io/v1";
/// The kind.
pub const KIND: &str = "CertificateSigningRequest";

/// A request as it is stored (S-CSR-1). Whatever else the object says is kept.
///
/// ```
/// use portcullis::api::certificates::{CertificateSigningRequest, Condition, APPROVED};
/// use serde_json::json;
///
/// let object = json!({
///     "apiVersion": "certificates.k8s.io/v1",
///     "kind": "CertificateSigningRequest",
///     "metadata": {"name": "jane", "labels": {"team": "a"}},
///     "spec": {
///         "request": "LS0tLQ==", "signerName": "kubernetes.io/kube-apiserver-client",
///         "usages": ["client auth"], "username": "jane", "groups": ["dev"],
///     },
/// });
/// let mut request = CertificateSigningRequest::from_value(object)?;
/// assert_eq!((request.name(), request.spec().request.as_slice()), ("jane", &b"----"[..]));
/// assert_eq!(request.requester().groups, ["dev"]);
/// request.add_condition(Condition::new(APPROVED, "Reason", "Message."), "2026-11-26T08:00:00Z");
/// assert!(request.is_approved());
/// assert_eq!(request.into_value()["metadata"]["labels"]["team"], "a");
/// # Ok::<(), portcullis::api::certificates::ObjectError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CertificateSigningRequest {
    /// All of it but its status.
    object: Map<String, Value>,
    status: Option<Map<String, Value>>,
    name: String,
    requester: User,
    spec: Spec,
    conditions: Vec<Condition>,
    certificate: Vec<u8>,
}

/// What is asked for, and by whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spec {
    /// The PKCS#10 request, PEM.
    pub request: Vec<u8>,
    /// Who is to sign.
    pub signer_name: String,
    /// How many seconds it should last.
    pub expiration_seconds: Option<i32>,
    /// What it is for, as it is written.
    pub usages: Vec<String>,
}

/// Not a CertificateSigningRequest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// Another kind of object, or another version.
    #[error("it is `{kind}` of `{api_version}`, and must be `{KIND}` of `{API_VERSION}`")]
    Kind {
        /// What it says it is.
        kind: String,
        /// Of which version.
        api_version: String,
    },
    /// No object at all.
    #[error("it is no object of Kubernetes, and must be `{KIND}` of `{API_VERSION}`")]
    NoKind,
    /// A field holds what it cannot hold.
    #[error("a field is of the wrong type: {0}")]
    Type(#[source] serde_json::Error),
    /// A field of bytes is not base64.
    #[error("`{0}` is not base64")]
    Base64(&'static str),
}

impl CertificateSigningRequest {
    /// Takes an object.
    ///
    /// # Errors
    /// When it is another object, or the API server could not have stored it.
    pub fn from_value(value: Value) -> Result<Self, ObjectError> {
        let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();
        if (text("apiVersion"), text("kind")) != (API_VERSION, KIND) {
            if text("kind").is_empty() {
                return Err(ObjectError::NoKind);
            }
            let (kind, api_version) = (text("kind").to_owned(), text("apiVersion").to_owned());
            return Err(ObjectError::Kind { kind, api_version });
        }
        let wire = Wire::deserialize(&value).map_err(ObjectError::Type)?;
        let Value::Object(mut object) = value else {
            return Err(ObjectError::NoKind);
        };
        let status = match object.get_mut("status").map(Value::take) {
            Some(Value::Object(status)) => Some(status),
            _ => None,
        };
        let WireSpec { request, signer_name, expiration_seconds, usages, .. } = wire.spec;
        let WireSpec { username, uid, groups, extra, .. } = wire.spec;
        Ok(Self {
            object,
            status,
            name: wire.metadata.name,
            requester: User { name: username, uid, groups, extra },
            spec: Spec {
                request: decode(&request).ok_or(ObjectError::Base64("spec.request"))?,
                signer_name,
                expiration_seconds,
                usages,
            },
            conditions: wire.status.conditions,
            certificate: decode(&wire.status.certificate)
                .ok_or(ObjectError::Base64("status.certificate"))?,
        })
    }

    /// The object again, with what was added.
    #[must_use]
    pub fn into_value(self) -> Value {
        let Self { mut object, status, .. } = self;
        if let Some(status) = status {
            object.insert("status".to_owned(), Value::Object(status));
        }
        Value::Object(object)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is asked for.
    #[must_use]
    pub const fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Who asked, as the API server wrote it down (S-CSR-2). Only objects that come from an API
    /// server can be believed in this: in a file anybody can write it.
    #[must_use]
    pub const fn requester(&self) -> &User {
        &self.requester
    }

    /// What was found and decided.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// The issued chain, PEM; empty when there is none.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Whether it is approved and not denied.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        self.has(APPROVED) && !self.has(DENIED)
    }

    /// Whether somebody denied it.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.has(DENIED)
    }

    /// Whether its signer could not sign it.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.has(FAILED)
    }

    /// Whether nothing was decided and nothing issued (S-CSR-18).
    #[must_use]
    pub fn is_pending(&self) -> bool {
        !self.has(APPROVED) && !self.has(DENIED) && !self.has(FAILED) && self.certificate.is_empty()
    }

    /// Whether it waits for its certificate: approved, not denied, not failed (S-CSR-15).
    #[must_use]
    pub fn awaits_certificate(&self) -> bool {
        self.is_approved() && !self.is_failed() && self.certificate.is_empty()
    }

    fn has(&self, kind: &str) -> bool {
        self.conditions.iter().any(|condition| condition.kind == kind)
    }

    /// Adds a condition. Times that it lacks are `now`, RFC 3339 (S-CSR-8). One of the same type is
    /// replaced; when it had the same status, the time of its last change stays.
    pub fn add_condition(&mut self, condition: Condition, now: &str) {
        let mut condition = condition;
        let at = self.conditions.iter().position(|held| held.kind == condition.kind);
        let held = at.and_then(|at| self.conditions.get(at));
        if condition.last_update_time.is_empty() {
            condition.last_update_time = now.to_owned();
        }
        if condition.last_transition_time.is_empty() {
            let same = held.filter(|held| {
                held.status == condition.status && !held.last_transition_time.is_empty()
            });
            let time = same.map_or(now, |held| held.last_transition_time.as_str());
            condition.last_transition_time = time.to_owned();
        }
        let written = serde_json::to_value(&condition).unwrap_or_default();
        let list = self.status().entry("conditions").or_insert(Value::Null);
        if !list.is_array() {
            *list = Value::Array(Vec::new());
        }
        if let Some(list) = list.as_array_mut() {
            match at.and_then(|at| list.get_mut(at)) {
                Some(held) => *held = written,
                None => list.push(written),
            }
        }
        match at.and_then(|at| self.conditions.get_mut(at)) {
            Some(held) => *held = condition,
            None => self.conditions.push(condition),
        }
    }

    /// Sets the issued chain, PEM.
    pub fn set_certificate(&mut self, pem: &str) {
        self.certificate = pem.as_bytes().to_vec();
        let text = BASE64_STANDARD.encode(pem);
        self.status().insert("certificate".to_owned(), Value::String(text));
    }

    fn status(&mut self) -> &mut Map<String, Value> {
        self.status.get_or_insert_with(Map::new)
    }
}

/// As Go reads `[]byte`: line breaks are passed over.
fn decode(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    BASE64_STANDARD.decode(text).ok()
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Wire {
    #[serde(deserialize_with = "null::or_default")]
    metadata: WireMetadata,
    #[serde(deserialize_with = "null::or_default")]
    spec: WireSpec,
    #[serde(deserialize_with = "null::or_default")]
    status: WireStatus,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireMetadata {
    #[serde(deserialize_with = "null::or_default")]
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct WireSpec {
    #[serde(deserialize_with = "null::or_default")]
    request: String,
    #[serde(deserialize_with = "null::or_default")]
    signer_name: String,
    #[serde(deserialize_with = "null::optional")]
    expiration_seconds: Option<i32>,
    #[serde(deserialize_with = "null::list")]
    usages: Vec<String>,
    #[serde(deserialize_with = "null::or_default")]
    username: String,
    #[serde(deserialize_with = "null::or_default")]
    uid: String,
    #[serde(deserialize_with = "null::list")]
    groups: Vec<String>,
    #[serde(deserialize_with = "null::or_default")]
    extra: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireStatus {
    #[serde(deserialize_with = "null::list")]
    conditions: Vec<Condition>,
    #[serde(deserialize_with = "null::or_default")]
    certificate: String,
}
