//! Keyed digests: a stand-in for a text that may be compared but not read.

use std::borrow::Cow;
use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;

use crate::api::decision_line::Mask;
use crate::model::User;
use crate::util::goquote::Quoted;
use crate::util::secret::Secret;

/// So many bytes of a digest are shown, twice as many hex digits.
const SHOWN: usize = 8;

/// The shortest key that is taken, in bytes: that of the digest.
const SHORTEST: usize = 32;

/// The key of digests in logs (HMAC-SHA256). Lines of one key can be correlated; without the key
/// nobody can find out by trying which name or token a digest stands for.
pub struct DigestKey(hmac::Key);

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DigestKeyError {
    /// A key that can be guessed.
    #[error(
        "the digest key has {0} bytes; give at least 32, such as `openssl rand -hex 32` writes"
    )]
    Short(usize),
    /// The system gave no randomness.
    #[error("the system gave no random bytes for a digest key")]
    Random,
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey([secret])")
    }
}

impl DigestKey {
    /// A key that was configured, so that digests stay the same over restarts and replicas.
    ///
    /// # Errors
    /// When it is shorter than 32 bytes.
    pub fn new(key: &Secret) -> Result<Self, DigestKeyError> {
        let bytes = key.expose_secret().as_bytes();
        if bytes.len() < SHORTEST {
            return Err(DigestKeyError::Short(bytes.len()));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// A key that ends with this process.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn random() -> Result<Self, DigestKeyError> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        key.map(Self).map_err(|_| DigestKeyError::Random)
    }

    /// The digest of a token. Digests of names are of another domain: a user whose name is a token
    /// shows nothing.
    #[must_use]
    pub fn token(&self, token: &str) -> Digest {
        self.digest(b"token\0", token)
    }

    /// The digest of a name or a text.
    #[must_use]
    pub fn name(&self, name: &str) -> Digest {
        self.digest(b"name\0", name)
    }

    fn digest(&self, domain: &[u8], text: &str) -> Digest {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(domain);
        context.update(text.as_bytes());
        let tag = context.sign();
        let mut shown = [0; SHOWN];
        for (to, from) in shown.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        Digest(shown)
    }
}

/// The front of a keyed digest; displays as `hmac:` and 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; SHOWN]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hmac:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Writes one line, or one sample, so that no masked name is left in it anywhere.
///
/// Names are replaced where they stand. A text that merely contains one, such as a reason or the
/// name of a binding, is replaced as a whole: half a sentence tells too much.
#[derive(Debug)]
pub(super) struct Masked<'a> {
    key: &'a DigestKey,
    mask: Mask,
    /// The names that must not be seen, and how Go quotes those that it would escape.
    hidden: Vec<Cow<'a, str>>,
}

impl<'a> Masked<'a> {
    /// `names` are names of objects and paths.
    pub(super) fn new(
        key: &'a DigestKey,
        mask: Mask,
        user: Option<&'a User>,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut hidden = Vec::new();
        if mask == Mask::UsersAndNames {
            names.into_iter().for_each(|name| hide(&mut hidden, name));
        }
        Self { key, mask, hidden }.hiding(user)
    }

    /// The same with one more user: the one in the groups of now, which reasons name.
    pub(super) fn hiding(mut self, user: Option<&'a User>) -> Self {
        if !self.mask.is_none()
            && let Some(User { name, uid, groups, extra }) = user
        {
            let texts = [name, uid].into_iter().chain(groups).chain(extra.values().flatten());
            texts.for_each(|text| hide(&mut self.hidden, text));
        }
        self
    }

    /// The name, uid or group of a user.
    pub(super) fn user<'t>(&self, name: &'t str) -> Cow<'t, str> {
        match self.mask {
            Mask::None => Cow::Borrowed(name),
            Mask::Users | Mask::UsersAndNames => self.digest(name),
        }
    }

    /// The name of an object, or a path.
    pub(super) fn name<'t>(&self, name: &'t str) -> Cow<'t, str> {
        match self.mask {
            Mask::None | Mask::Users => self.text(name),
            Mask::UsersAndNames => self.digest(name),
        }
    }

    /// Any other text.
    pub(super) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let is_telling = self.hidden.iter().any(|hidden| text.contains(&**hidden));
        if is_telling { self.digest(text) } else { Cow::Borrowed(text) }
    }

    fn digest<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match text {
            "" => Cow::Borrowed(""),
            text => Cow::Owned(self.key.name(text).to_string()),
        }
    }
}

fn hide<'a>(hidden: &mut Vec<Cow<'a, str>>, name: &'a str) {
    if name.is_empty() {
        return;
    }
    // A service account is told by its parts, too: RBAC writes it as `name/namespace`.
    if let Some(account) = name.strip_prefix(crate::model::names::SERVICE_ACCOUNT_PREFIX)
        && let Some((_, account)) = account.split_once(':')
        && !account.is_empty()
    {
        hidden.push(Cow::Borrowed(account));
    }
    let quoted = Quoted(name).to_string();
    let inner = quoted.trim_matches('"');
    if inner != name {
        hidden.push(Cow::Owned(inner.to_owned()));
    }
    hidden.push(Cow::Borrowed(name));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> DigestKey {
        DigestKey::new(&Secret::new(text.repeat(32))).unwrap()
    }

    #[test]
    fn a_digest_is_stable_within_a_key_and_another_with_another() {
        let (a, b) = (key("a"), key("b"));
        assert_eq!(a.name("jane"), key("a").name("jane"));
        assert_ne!(a.name("jane"), b.name("jane"));
        assert_ne!(a.name("jane"), a.name("joan"));
        assert_ne!(a.name("jane"), a.token("jane"));
        let text = a.name("jane").to_string();
        assert_eq!(text.len(), "hmac:".len() + 16);
        assert_ne!(DigestKey::random().unwrap().name("x"), DigestKey::random().unwrap().name("x"));
    }

    #[test]
    fn a_short_key_is_refused_and_no_key_is_shown() {
        let short = DigestKey::new(&Secret::new("x".repeat(31)));
        assert_eq!(short.err(), Some(DigestKeyError::Short(31)));
        assert_eq!(format!("{:?}", key("k")), "DigestKey([secret])");
    }

    #[test]
    fn a_text_with_a_hidden_name_is_hidden_whole_and_its_twin_is_not() {
        let key = key("k");
        let user = User::new("jane \"x\"").with_groups(["dev"]);
        let masked = Masked::new(&key, Mask::Users, Some(&user), ["web-0"]);
        for telling in ["jane \"x\"", "to User \"jane \\\"x\\\"\"", "devs", "group/dev"] {
            assert!(masked.text(telling).starts_with("hmac:"), "{telling}");
        }
        assert_eq!(masked.text("readers"), "readers");
        assert_eq!(masked.name("web-0"), "web-0");
        let all = Masked::new(&key, Mask::UsersAndNames, Some(&user), ["web-0"]);
        assert!(all.name("web-0").starts_with("hmac:"));
        assert!(all.text("rules[0]: resourceNames [web-0]").starts_with("hmac:"));
        let none = Masked::new(&key, Mask::None, Some(&user), ["web-0"]);
        assert_eq!(none.text("to User \"jane\" of dev"), "to User \"jane\" of dev");
        assert_eq!(none.user("jane"), "jane");
    }

    #[test]
    fn a_service_account_is_hidden_in_the_words_of_a_reason_too() {
        let key = key("k");
        let user = User::service_account("shop", "deployer");
        let masked = Masked::new(&key, Mask::Users, Some(&user), []);
        assert!(masked.text("to ServiceAccount \"deployer/shop\"").starts_with("hmac:"));
        assert_eq!(masked.text("ClusterRole \"view\""), "ClusterRole \"view\"");
    }
}
