//! One certificate, request or list, as it is shown.

use jiff::Timestamp;
use portcullis::crypto::certificate::{Certificate, distinguished_name};
use portcullis::crypto::crl::RevocationList;
use portcullis::crypto::request::SigningRequest;
use serde::Serialize;

/// What is shown of one. Fields that a kind does not have are left out.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Described {
    file: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<Identity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_authority: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    key_usages: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    extended_key_usages: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    alternative_names: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    other_extensions: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    this_update: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_update: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature_algorithm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_id: Option<String>,
}

/// Whom an API server that trusts the issuer takes the bearer for.
#[derive(Serialize)]
pub(super) struct Identity {
    /// `None` for nobody.
    user: Option<String>,
    groups: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_nobody: Option<String>,
}

impl Described {
    pub(super) fn certificate(file: &str, read: &Certificate<'_>) -> Self {
        let alternative = read.dns_names().map(|name| format!("DNS:{name}"));
        let alternative = alternative
            .chain(read.ip_addresses().map(|address| format!("IP:{address}")))
            .chain(read.email_addresses().map(|address| format!("email:{address}")))
            .chain(read.uris().map(|uri| format!("URI:{uri}")));
        Self {
            file: file.to_owned(),
            kind: "certificate",
            subject: Some(read.subject()),
            issuer: Some(read.issuer()),
            identity: Some(Identity::of(read)),
            is_authority: Some(read.is_authority()),
            key_usages: read.key_usages(),
            extended_key_usages: read.extended_key_usages(),
            alternative_names: alternative.collect(),
            not_before: Some(time(read.not_before())),
            not_after: Some(time(read.not_after())),
            key: Some(read.key().to_string()),
            signature_algorithm: Some(read.signature_algorithm()),
            serial: Some(read.serial_decimal()),
            fingerprint: Some(read.fingerprint().to_string()),
            credential_id: Some(read.fingerprint().credential_id()),
            ..Self::default()
        }
    }

    pub(super) fn request(file: &str, read: &SigningRequest) -> Self {
        let alternative = read.dns_names().iter().map(|name| format!("DNS:{name}"));
        let alternative = alternative
            .chain(read.ip_addresses().iter().map(|address| format!("IP:{address}")))
            .chain(read.email_addresses().iter().map(|address| format!("email:{address}")))
            .chain(read.uris().iter().map(|uri| format!("URI:{uri}")));
        let user = read.common_name().filter(|name| !name.is_empty()).map(str::to_owned);
        Self {
            file: file.to_owned(),
            kind: "certificate signing request",
            subject: distinguished_name(read.subject_der()),
            identity: Some(Identity {
                why_nobody: user.is_none().then(|| "no common name is asked for".to_owned()),
                user,
                groups: read.organizations().to_vec(),
                uid: None,
            }),
            alternative_names: alternative.collect(),
            other_extensions: read.other_extensions().to_vec(),
            key: Some(read.key().to_string()),
            ..Self::default()
        }
    }

    pub(super) fn list(file: &str, read: &RevocationList) -> Self {
        Self {
            file: file.to_owned(),
            kind: "revocation list",
            issuer: Some(read.issuer()),
            number: read.number().map(str::to_owned),
            this_update: Some(time(read.this_update())),
            next_update: Some(time(read.next_update())),
            revoked: Some(read.len()),
            ..Self::default()
        }
    }

    /// What it is called in a list of names.
    pub(super) fn name(&self) -> &str {
        let name = self.fingerprint.as_ref().or(self.subject.as_ref()).or(self.issuer.as_ref());
        name.map_or("", String::as_str)
    }

    /// For people.
    pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
        let list = |values: Vec<String>| (!values.is_empty()).then(|| values.join(", "));
        let owned = |values: &[&str]| values.iter().map(ToString::to_string).collect();
        let what = if self.is_authority == Some(true) {
            "certificate of an authority".to_owned()
        } else {
            self.kind.to_owned()
        };
        let validity = self.not_before.as_ref().zip(self.not_after.as_ref());
        let updates = self.this_update.as_ref().zip(self.next_update.as_ref());
        let all = [
            ("File", Some(self.file.clone())),
            ("What", Some(what)),
            ("Subject", self.subject.clone()),
            ("Issuer", self.issuer.clone()),
            ("To Kubernetes", self.identity.as_ref().map(Identity::told)),
            ("Usages", list(owned(&self.key_usages))),
            ("Purposes", list(self.extended_key_usages.clone())),
            ("Alternative names", list(self.alternative_names.clone())),
            ("Not granted", list(self.other_extensions.clone())),
            ("Valid", validity.map(|(from, to)| format!("{from} to {to}"))),
            ("Number", self.number.clone()),
            ("Good", updates.map(|(from, to)| format!("{from} to {to}"))),
            ("Revoked", self.revoked.map(|count| count.to_string())),
            ("Key", self.key.clone()),
            ("Signed with", self.signature_algorithm.clone()),
            ("Serial number", self.serial.clone()),
            ("SHA-256", self.fingerprint.clone()),
            ("Credential id", self.credential_id.clone()),
        ];
        all.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect()
    }
}

impl Identity {
    fn of(read: &Certificate<'_>) -> Self {
        let purposes = read.extended_key_usages();
        let is_for_clients = purposes.is_empty()
            || purposes.iter().any(|purpose| purpose == "client auth" || purpose == "any");
        let groups = read.organizations();
        let nobody = |reason: String| Self {
            user: None,
            groups: Vec::new(),
            uid: None,
            why_nobody: Some(reason),
        };
        match (read.common_name(), read.uid()) {
            (None | Some(""), _) => nobody("it has no common name".to_owned()),
            _ if !is_for_clients => nobody("it is not for client auth".to_owned()),
            (_, Err(error)) => nobody(error.to_string()),
            (Some(name), Ok(uid)) => {
                Self { user: Some(name.to_owned()), groups, uid, why_nobody: None }
            }
        }
    }

    fn told(&self) -> String {
        let Some(user) = &self.user else {
            return format!("nobody: {}", self.why_nobody.as_deref().unwrap_or_default());
        };
        let mut text = format!("user `{user}`");
        if let Some(uid) = &self.uid {
            text.push_str(&format!(", uid `{uid}`"));
        }
        if !self.groups.is_empty() {
            let groups: Vec<String> = self.groups.iter().map(|name| format!("`{name}`")).collect();
            text.push_str(&format!(", groups {}", groups.join(" ")));
        }
        text
    }
}

/// RFC 3339; the number of a second that has no such text.
pub(in crate::cli::cert) fn time(second: i64) -> String {
    Timestamp::from_second(second).map_or_else(|_| second.to_string(), |time| time.to_string())
}
