//! What do kubectl and a credential plugin tell each other?
//!
//! `client.authentication.k8s.io`, `v1` and `v1beta1`: kubectl sets `KUBERNETES_EXEC_INFO` to an
//! `ExecCredential` with a `spec` ([`ExecInfo`]), the plugin writes one with a `status` to its
//! standard output ([`exec_credential`]). Both versions have the same fields as far as they are used
//! here; the answer must be in the version of the question.
//!
//! Absent on purpose: `spec.cluster`, since a plugin that is told where to log in needs no hint.

use serde::Deserialize;

use crate::model::utc::Utc;
use crate::util::secret::Secret;

/// The environment variable that kubectl asks by.
pub const EXEC_INFO: &str = "KUBERNETES_EXEC_INFO";

const KIND: &str = "ExecCredential";

/// A version of the protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Version {
    /// `v1`, since Kubernetes 1.22. What is written when nobody asks for another.
    #[default]
    V1,
    /// `v1beta1`, since Kubernetes 1.11.
    V1Beta1,
}

impl Version {
    /// The `apiVersion`.
    #[must_use]
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "client.authentication.k8s.io/v1",
            Self::V1Beta1 => "client.authentication.k8s.io/v1beta1",
        }
    }

    fn from_api_version(text: &str) -> Option<Self> {
        [Self::V1, Self::V1Beta1].into_iter().find(|version| version.api_version() == text)
    }
}

/// What kubectl says to a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExecInfo {
    /// The version to answer in.
    pub version: Version,
    /// Whether the plugin has kubectl's standard input, and so a person to ask. `None` from a
    /// kubectl before 1.22, which does not say.
    pub interactive: Option<bool>,
}

/// Why a value of [`EXEC_INFO`] cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExecInfoError {
    /// No JSON of this shape.
    #[error("`{EXEC_INFO}` must hold an ExecCredential in JSON, as kubectl sets it")]
    NotExecCredential,
    /// Another version, such as `v1alpha1`.
    #[error(
        "`{EXEC_INFO}` asks in version `{0}`; set `apiVersion` of the exec entry in the kubeconfig to \
         `client.authentication.k8s.io/v1` or `client.authentication.k8s.io/v1beta1`"
    )]
    Version(String),
}

impl ExecInfo {
    /// Reads the value of [`EXEC_INFO`].
    ///
    /// ```
    /// use portcullis::api::client_authentication::{ExecInfo, Version};
    ///
    /// let info = ExecInfo::parse(
    ///     r#"{"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential",
    ///         "spec": {"interactive": false}}"#,
    /// )?;
    /// assert_eq!(info, ExecInfo { version: Version::V1Beta1, interactive: Some(false) });
    /// # Ok::<(), portcullis::api::client_authentication::ExecInfoError>(())
    /// ```
    ///
    /// # Errors
    /// When it is none, or one of another version.
    pub fn parse(text: &str) -> Result<Self, ExecInfoError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            api_version: String,
            kind: String,
            #[serde(default)]
            spec: Spec,
        }
        #[derive(Default, Deserialize)]
        struct Spec {
            interactive: Option<bool>,
        }
        let wire: Wire =
            serde_json::from_str(text).map_err(|_| ExecInfoError::NotExecCredential)?;
        if wire.kind != KIND {
            return Err(ExecInfoError::NotExecCredential);
        }
        let version = Version::from_api_version(&wire.api_version)
            .ok_or(ExecInfoError::Version(wire.api_version))?;
        Ok(Self { version, interactive: wire.spec.interactive })
    }
}

/// What a client proves itself with.
#[derive(Debug)]
pub enum ClientCredential {
    /// A bearer token.
    Token(Secret),
    /// A certificate and its key, both PEM.
    Certificate {
        /// The certificate, its intermediates behind it.
        certificate: String,
        /// The key.
        key: Secret,
    },
}

/// The answer of a plugin, one line of JSON. `expires` is the second after which kubectl asks again.
///
/// ```
/// use portcullis::api::client_authentication::{ClientCredential, Version, exec_credential};
/// use portcullis::authn::Secret;
///
/// let token = ClientCredential::Token(Secret::new("s3cret".to_owned()));
/// assert_eq!(
///     exec_credential(Version::V1, &token, 0).expose_secret(),
///     r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"expirationTimestamp":"1970-01-01T00:00:00Z","token":"s3cret"}}"#
/// );
/// ```
#[must_use]
pub fn exec_credential(version: Version, credential: &ClientCredential, expires: i64) -> Secret {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let fields = match credential {
        ClientCredential::Token(token) => format!(r#""token":{}"#, quoted(token.expose_secret())),
        ClientCredential::Certificate { certificate, key } => format!(
            r#""clientCertificateData":{},"clientKeyData":{}"#,
            quoted(certificate),
            quoted(key.expose_secret())
        ),
    };
    Secret::new(format!(
        r#"{{"apiVersion":"{}","kind":"{KIND}","status":{{"expirationTimestamp":"{}",{fields}}}}}"#,
        version.api_version(),
        Utc(expires)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_without_interactive_leaves_it_open() {
        let text = r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":true,"cluster":{"server":"x"}}}"#;
        assert_eq!(ExecInfo::parse(text).unwrap().interactive, Some(true));
        let text = r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","spec":{}}"#;
        let info = ExecInfo::parse(text).unwrap();
        assert_eq!(info, ExecInfo { version: Version::V1Beta1, interactive: None });
    }

    #[test]
    fn other_versions_and_kinds_are_refused() {
        let alpha = r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1alpha1","spec":{}}"#;
        assert!(matches!(ExecInfo::parse(alpha), Err(ExecInfoError::Version(_))));
        for text in [
            "",
            "{}",
            r#"{"kind":"Pod","apiVersion":"client.authentication.k8s.io/v1"}"#,
            r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":"yes"}}"#,
        ] {
            assert_eq!(ExecInfo::parse(text), Err(ExecInfoError::NotExecCredential), "{text}");
        }
    }

    #[test]
    fn a_certificate_is_answered_with_its_key_as_pem_in_json() {
        let credential = ClientCredential::Certificate {
            certificate: "-----BEGIN\n\"".to_owned(),
            key: Secret::new("k\n".to_owned()),
        };
        let answer = exec_credential(Version::V1Beta1, &credential, 1_795_656_600);
        let value: serde_json::Value = serde_json::from_str(answer.expose_secret()).unwrap();
        assert_eq!(value["apiVersion"], "client.authentication.k8s.io/v1beta1");
        assert_eq!(value["status"]["clientCertificateData"], "-----BEGIN\n\"");
        assert_eq!(value["status"]["clientKeyData"], "k\n");
        assert_eq!(value["status"]["expirationTimestamp"], "2026-11-26T01:30:00Z");
    }
}
