use serde::{Deserialize, Serialize};

use crate::api::null;

/// Something that was found or decided about a request (S-CSR-1, S-CSR-6).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Condition {
    /// [`APPROVED`], [`DENIED`], [`FAILED`], or anything else.
    #[serde(rename = "type", deserialize_with = "null::or_default")]
    pub kind: String,
    /// `True`, `False` or `Unknown`; of the three decisions only `True`.
    #[serde(deserialize_with = "null::or_default")]
    pub status: String,
    /// One word for programs.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// A sentence for people.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When it was last written, RFC 3339; empty when nobody said.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "String::is_empty")]
    pub last_update_time: String,
    /// When its status last changed, likewise.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "String::is_empty")]
    pub last_transition_time: String,
}

/// Somebody approved it. For ever: the condition cannot be removed.
pub const APPROVED: &str = "Approved";
/// Somebody denied it, likewise.
pub const DENIED: &str = "Denied";
/// The signer cannot sign it, likewise.
pub const FAILED: &str = "Failed";

impl Condition {
    /// A condition that holds. Its times are filled in when it is added.
    #[must_use]
    pub fn new(kind: &str, reason: &str, message: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            status: "True".to_owned(),
            reason: reason.to_owned(),
            message: message.into(),
            ..Self::default()
        }
    }

    /// What kubectl sets (S-CSR-21): `KubectlApprove` or `KubectlDeny`.
    #[must_use]
    pub fn by_kubectl(approved: bool) -> Self {
        if approved {
            let message = "This CSR was approved by kubectl certificate approve.";
            Self::new(APPROVED, "KubectlApprove", message)
        } else {
            let message = "This CSR was denied by kubectl certificate deny.";
            Self::new(DENIED, "KubectlDeny", message)
        }
    }

    /// Whether this is one of the three decisions, which hold or are not there.
    pub(super) fn is_decision(&self) -> bool {
        [APPROVED, DENIED, FAILED].contains(&self.kind.as_str())
    }
}
