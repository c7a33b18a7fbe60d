use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::filter::Filter;

/// Something asked of a directory, which may need waiting for.
pub type Asking<'a, T> = Pin<Box<dyn Future<Output = Result<T, DirectoryError>> + Send + 'a>>;

/// Anything that answers searches: a directory as the service account sees it, or as a user does who
/// has just proven to be one. Open: bring your own.
pub trait Searcher: Send + Sync {
    /// Answers one search, all pages of it. Follows no referral, and dereferences no alias.
    fn search(&self, search: Search) -> Asking<'_, Found>;
}

/// A directory. `source::ldap` has the one over a network.
pub trait Directory: Searcher {
    /// Tries a DN and a password, on a connection that nobody else uses. Whatever the directory
    /// answers is `Ok`; what it means is for the caller. Never called with an empty DN or password.
    fn bind<'a>(&'a self, dn: &'a str, password: &'a str) -> Asking<'a, Bound>;
}

/// What a search asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// The DN of the entry where it begins, as text (RFC 4514).
    pub base: String,
    /// How far it goes from there.
    pub scope: Scope,
    /// Which entries.
    pub filter: Filter,
    /// Which attributes of them.
    pub attributes: Vec<String>,
    /// How many entries at most. More make the answer incomplete.
    pub limit: usize,
    /// How many entries at a time (RFC 2696); `None` for all at once.
    pub page_size: Option<u16>,
    /// Only values that one of these simple filters matches are of interest, of whatever attribute
    /// (RFC 3876); empty: all of all. A directory that does not know this answers with all.
    pub only_values: Vec<Filter>,
}

impl Search {
    /// A search for one entry, which two are too many for.
    #[must_use]
    pub fn for_one(base: impl Into<String>, scope: Scope, filter: Filter) -> Self {
        Self {
            base: base.into(),
            scope,
            filter,
            attributes: Vec::new(),
            limit: 2,
            page_size: None,
            only_values: Vec::new(),
        }
    }

    /// The same, for these attributes.
    #[must_use]
    pub fn with_attributes<A: Into<String>>(
        mut self,
        attributes: impl IntoIterator<Item = A>,
    ) -> Self {
        self.attributes = attributes.into_iter().map(Into::into).collect();
        self
    }
}

/// How far a search goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scope {
    /// The entry itself.
    Base,
    /// The entries right below it.
    OneLevel,
    /// The entry and all below it.
    #[default]
    Subtree,
}

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The entries, in the order of the directory.
    pub entries: Vec<Entry>,
    /// Whether there are no more. A limit, the search's or the directory's, was passed otherwise.
    pub is_complete: bool,
}

/// An entry of a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its DN, as the directory writes it.
    pub dn: String,
    /// Values by attribute, whose name is in lower case.
    attributes: BTreeMap<String, Vec<Vec<u8>>>,
}

impl Entry {
    /// An entry without attributes.
    #[must_use]
    pub fn new(dn: impl Into<String>) -> Self {
        Self { dn: dn.into(), attributes: BTreeMap::new() }
    }

    /// The same, with these values of an attribute in addition.
    #[must_use]
    pub fn with<V: Into<Vec<u8>>>(
        mut self,
        attribute: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let held = self.attributes.entry(attribute.to_ascii_lowercase()).or_default();
        held.extend(values.into_iter().map(Into::into));
        self
    }

    /// The values of an attribute, whatever the case of its name.
    #[must_use]
    pub fn values(&self, attribute: &str) -> &[Vec<u8>] {
        self.attributes.get(&attribute.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// The first value of an attribute, if it is text.
    #[must_use]
    pub fn text(&self, attribute: &str) -> Option<&str> {
        self.values(attribute).first().and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Whether the directory gave a part of an attribute's values, as Active Directory does beyond
    /// 1,500: the rest is under `attribute;range=1500-*`.
    #[must_use]
    pub fn is_cut(&self, attribute: &str) -> bool {
        let prefix = format!("{};range=", attribute.to_ascii_lowercase());
        self.attributes.keys().any(|key| key.starts_with(&prefix))
    }

    /// Every attribute and its values; names are in lower case.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &[Vec<u8>])> {
        self.attributes.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }
}

/// What a directory answered to a bind.
pub struct Bound {
    /// The result code (RFC 4511 section 4.1.9).
    pub code: u32,
    /// The diagnostic message, which Active Directory says more in than by the code.
    pub message: String,
    /// The value of the response control of password policies
    /// (draft-behera-ldap-password-policy, 1.3.6.1.4.1.42.2.27.8.5.1), if there was one.
    pub policy: Option<Vec<u8>>,
    /// The directory as this user sees it; `None` if the bind was refused.
    pub session: Option<Box<dyn Searcher>>,
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound")
            .field("code", &self.code)
            .field("message", &self.message)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Why a directory gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// No server can be reached.
    #[error("no directory server answers: {last}")]
    Unavailable {
        /// What was wrong with the last one that was tried.
        last: String,
    },
    /// No answer in time.
    #[error("the directory did not answer within {0:?}")]
    Timeout(Duration),
    /// Too many requests wait already.
    #[error("too many requests wait for the directory; try again")]
    Overloaded,
    /// The answer is elsewhere, and referrals are not followed.
    #[error("the directory refers to another server, which is not followed; name that server")]
    Referral,
    /// The directory's own limit of time or effort was passed.
    #[error("the directory gave up on the search (result code {code}): {message}")]
    Limit {
        /// The result code.
        code: u32,
        /// The diagnostic message.
        message: String,
    },
    /// The base of a search is not there, or not to be seen.
    #[error("the search base `{base}` is not in the directory, or hidden from the service account")]
    NoSuchBase {
        /// The base.
        base: String,
    },
    /// The directory refuses the service account. Nobody's login is to blame.
    #[error("the directory refuses the service account (result code {code}): {message}")]
    Service {
        /// The result code.
        code: u32,
        /// The diagnostic message.
        message: String,
    },
    /// The directory refuses an operation.
    #[error("the directory refuses (result code {code}): {message}")]
    Refused {
        /// The result code.
        code: u32,
        /// The diagnostic message.
        message: String,
    },
    /// An answer that cannot be read.
    #[error("the directory's answer cannot be read")]
    Malformed,
}

impl DirectoryError {
    /// Whether nothing is said about anybody's name or password: the same request may succeed later.
    #[must_use]
    pub const fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. } | Self::Timeout(_) | Self::Overloaded | Self::Service { .. }
        )
    }
}
