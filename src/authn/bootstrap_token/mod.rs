//! Is this token a bootstrap token, as `kubeadm join` presents it (S-BTOK-1 to S-BTOK-5)?
//!
//! A token `<id>.<secret>` is looked up as the Secret `kube-system/bootstrap-token-<id>`. Whatever
//! does not fit is no opinion, never an error: nobody learns by asking which ids exist.
//!
//! Absent on purpose: signing of ConfigMaps with these tokens, deleting them when they expired, and
//! audiences, which the chain adds (S-AUTHN-12).
//!
//! ```
//! use std::sync::Arc;
//!
//! use portcullis::api::core::{BootstrapToken, Secret, SecretContent, TokenObjects};
//! use portcullis::api::inventory::Inventory;
//! use portcullis::authn::bootstrap_token::BootstrapTokens;
//! use portcullis::authn::{Attempt, SecretBytes};
//!
//! let value = |text: &str| SecretBytes::from(text.as_bytes().to_vec());
//! let token = BootstrapToken {
//!     id: value("abcdef"),
//!     secret: value("0123456789abcdef"),
//!     usage_authentication: value("true"),
//!     ..BootstrapToken::default()
//! };
//! let mut inventory = Inventory::default();
//! inventory.core.secrets.push(Secret {
//!     namespace: "kube-system".into(),
//!     name: "bootstrap-token-abcdef".into(),
//!     content: SecretContent::BootstrapToken(Box::new(token)),
//!     ..Secret::default()
//! });
//! let tokens = BootstrapTokens::new(Arc::new(TokenObjects::new(&inventory)));
//!
//! let present = |token| tokens.check(Attempt { token, audiences: &[], now: 1_767_225_600 });
//! let proven = present("abcdef.0123456789abcdef").unwrap();
//! assert_eq!(proven.user.name, "system:bootstrap:abcdef");
//! assert_eq!(proven.user.groups, ["system:bootstrappers"]);
//! assert!(present("abcdef.0123456789abcdeg").is_none());
//! ```

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::{Answering, Attempt, Authenticated, TokenAuthenticator, UnixSeconds, ready};
use crate::api::core::{BootstrapToken, SecretContent, SharedTokenObjects};
use crate::model::User;
use crate::util::rfc3339;
use crate::util::secret::SecretBytes;

const NAMESPACE: &str = "kube-system";
const SECRET_PREFIX: &str = "bootstrap-token-";
const USER_PREFIX: &str = "system:bootstrap:";
/// The group of everybody who presents such a token.
const GROUP: &str = "system:bootstrappers";
/// What every further group begins with.
const GROUP_PREFIX: &str = "system:bootstrappers:";
/// How long the rest of a further group may be (S-BTOK-5).
const GROUP_REST: usize = 256;

/// Proves bootstrap tokens by the Secrets of a policy source.
#[derive(Debug, Clone)]
pub struct BootstrapTokens {
    objects: SharedTokenObjects,
}

impl BootstrapTokens {
    /// Looks the Secrets up in these objects.
    #[must_use]
    pub fn new(objects: impl Into<SharedTokenObjects>) -> Self {
        Self { objects: objects.into() }
    }

    /// Who presents the token, if it is a good one. The checks stand in the order of the API
    /// server's (S-BTOK-3).
    #[must_use]
    pub fn check(&self, attempt: Attempt<'_>) -> Option<Authenticated> {
        let (id, secret) = parse(attempt.token)?;
        let objects = self.objects.load();
        let object = objects.secret(NAMESPACE, &format!("{SECRET_PREFIX}{id}"))?;
        if object.deletion_timestamp.is_some() {
            return None;
        }
        let SecretContent::BootstrapToken(token) = &object.content else { return None };
        if !token.secret.is(secret.as_bytes()) || !token.id.is(id.as_bytes()) {
            return None;
        }
        let expires = expiration(token)?;
        if expires.is_some_and(|expires| expires <= attempt.now) {
            return None;
        }
        if !token.usage_authentication.is(b"true") {
            return None;
        }
        let user = User::new(format!("{USER_PREFIX}{id}")).with_groups(groups(token)?);
        Some(Authenticated { user, audiences: Vec::new(), expires })
    }
}

impl TokenAuthenticator for BootstrapTokens {
    fn name(&self) -> &str {
        "bootstrap-token"
    }

    fn authenticate<'a>(&'a self, attempt: Attempt<'a>) -> Answering<'a> {
        ready(Ok(self.check(attempt)))
    }
}

/// The id and the secret of what is written like a bootstrap token (S-BTOK-1).
fn parse(token: &str) -> Option<(&str, &str)> {
    let (id, secret) = token.split_once('.')?;
    let fits = |text: &str, length| text.len() == length && text.bytes().all(is_alphanumeric);
    (fits(id, 6) && fits(secret, 16)).then_some((id, secret))
}

fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// When the token ends, in whole seconds rounded up, so that a whole second is at or after the one
/// if and only if it is at or after the other (S-BTOK-4). The outer `None` is a time that nobody
/// can read, which counts as over.
fn expiration(token: &BootstrapToken) -> Option<Option<UnixSeconds>> {
    let text = text(&token.expiration)?;
    if text.is_empty() {
        return Some(None);
    }
    let time = rfc3339::parse(text)?;
    Some(Some(time.seconds + i64::from(time.nanos > 0)))
}

/// The groups, sorted; `None` when one of them may not be given (S-BTOK-5).
fn groups(token: &BootstrapToken) -> Option<BTreeSet<&str>> {
    let mut groups = BTreeSet::from([GROUP]);
    let extra = text(&token.extra_groups)?;
    if !extra.is_empty() {
        for group in extra.split(',') {
            groups.insert(Some(group).filter(|group| is_group(group))?);
        }
    }
    Some(groups)
}

fn is_group(group: &str) -> bool {
    let Some(rest) = group.strip_prefix(GROUP_PREFIX) else { return false };
    rest.len() <= GROUP_REST
        && rest.bytes().all(|byte| is_alphanumeric(byte) || byte == b':' || byte == b'-')
        && rest.bytes().next_back().is_some_and(is_alphanumeric)
}

/// A value that must be text; everything that is asked of these is refused anyway when it is not.
fn text(value: &SecretBytes) -> Option<&str> {
    std::str::from_utf8(value.expose_secret()).ok()
}
