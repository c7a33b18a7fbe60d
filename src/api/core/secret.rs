use super::{Str, Uid};
use crate::util::secret::SecretBytes;

// What these are for is reading Secrets, which is the business of `source`.

/// The type of Secrets that hold bootstrap tokens (S-BTOK-2).
#[cfg(feature = "files")]
pub(crate) const BOOTSTRAP_TOKEN: &str = "bootstrap.kubernetes.io/token";
/// The type of Secrets that hold legacy service account tokens (S-SA-12).
#[cfg(feature = "files")]
pub(crate) const SERVICE_ACCOUNT_TOKEN: &str = "kubernetes.io/service-account-token";
/// The label that marks a legacy token as invalid (S-SA-13).
#[cfg(feature = "files")]
pub(crate) const INVALID_SINCE: &str = "kubernetes.io/legacy-token-invalid-since";

/// A Secret, without what nobody asks for.
///
/// Values are shown nowhere, `Debug` included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secret {
    /// The namespace.
    pub namespace: Str,
    /// The name.
    pub name: Str,
    /// The uid; empty in manifests.
    pub uid: Uid,
    /// When it began to be deleted, in seconds since 1970-01-01 UTC.
    pub deletion_timestamp: Option<i64>,
    /// The label `kubernetes.io/legacy-token-invalid-since`, empty when it has none (S-SA-13).
    pub invalid_since: Str,
    /// What it holds, by its type.
    pub content: SecretContent,
}

/// What a Secret holds, as far as it matters to authenticators.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SecretContent {
    /// `bootstrap.kubernetes.io/token`.
    BootstrapToken(Box<BootstrapToken>),
    /// `kubernetes.io/service-account-token`: its key `token`, empty when it has none.
    ServiceAccountToken(SecretBytes),
    /// Any other type; its values are not kept.
    #[default]
    Other,
}

/// The keys of a bootstrap token Secret that authentication asks for, decoded and untrimmed
/// (S-BTOK-2). Keys that it does not have are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BootstrapToken {
    /// `token-id`.
    pub id: SecretBytes,
    /// `token-secret`.
    pub secret: SecretBytes,
    /// `expiration`.
    pub expiration: SecretBytes,
    /// `usage-bootstrap-authentication`.
    pub usage_authentication: SecretBytes,
    /// `auth-extra-groups`.
    pub extra_groups: SecretBytes,
}

#[cfg(feature = "files")]
impl SecretContent {
    /// An empty content for a Secret of a type.
    pub(crate) fn for_type(name: &str) -> Self {
        match name {
            BOOTSTRAP_TOKEN => Self::BootstrapToken(Box::default()),
            SERVICE_ACCOUNT_TOKEN => Self::ServiceAccountToken(SecretBytes::default()),
            _ => Self::Other,
        }
    }

    /// The place of the value of a key; `None` when nobody asks for it.
    pub(crate) fn slot(&mut self, key: &str) -> Option<&mut SecretBytes> {
        match self {
            Self::BootstrapToken(token) => match key {
                "token-id" => Some(&mut token.id),
                "token-secret" => Some(&mut token.secret),
                "expiration" => Some(&mut token.expiration),
                "usage-bootstrap-authentication" => Some(&mut token.usage_authentication),
                "auth-extra-groups" => Some(&mut token.extra_groups),
                _ => None,
            },
            Self::ServiceAccountToken(token) => (key == "token").then_some(token),
            Self::Other => None,
        }
    }
}

#[cfg(all(test, feature = "files"))]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_without_its_values() {
        let mut content = SecretContent::for_type(BOOTSTRAP_TOKEN);
        for key in [
            "token-id",
            "token-secret",
            "expiration",
            "usage-bootstrap-authentication",
            "auth-extra-groups",
        ] {
            *content.slot(key).unwrap() = SecretBytes::from(b"hidden".to_vec());
        }
        let secret = Secret { name: "s".into(), content, ..Secret::default() };
        assert_eq!(
            format!("{secret:?}"),
            "Secret { namespace: \"\", name: \"s\", uid: \"\", deletion_timestamp: None, \
             invalid_since: \"\", content: BootstrapToken(BootstrapToken { id: [secret], \
             secret: [secret], expiration: [secret], usage_authentication: [secret], \
             extra_groups: [secret] }) }",
        );
        let token = SecretContent::ServiceAccountToken(SecretBytes::from(b"hidden".to_vec()));
        assert_eq!(format!("{token:?}"), "ServiceAccountToken([secret])");
    }

    #[test]
    fn only_the_keys_that_are_asked_for_have_a_place() {
        let mut token = SecretContent::for_type(SERVICE_ACCOUNT_TOKEN);
        assert!(token.slot("token").is_some());
        assert!(token.slot("ca.crt").is_none());
        assert!(SecretContent::for_type("Opaque").slot("token").is_none());
    }
}
