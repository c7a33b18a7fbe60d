use jiff::Timestamp;

use super::error::RowProblem;
use super::new::TokenDigest;
use super::{ReservedNames, UnixSeconds, reserved_name};
use crate::model::User;

/// Longer ids are no names; above all, a token put there by mistake is none.
const LONGEST_ID: usize = 32;

/// One row of the hashed form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashedToken {
    id: String,
    digest: TokenDigest,
    user: User,
    expires: Option<UnixSeconds>,
    comment: String,
}

impl HashedToken {
    /// A row. Names that begin with `system:` are refused; a file that may hold them is read with
    /// [`ReservedNames::Allow`].
    ///
    /// # Errors
    /// [`RowProblem`] for what a row cannot hold.
    pub fn new(
        id: &str,
        digest: TokenDigest,
        user: User,
        expires: Option<UnixSeconds>,
        comment: &str,
    ) -> Result<Self, RowProblem> {
        Self::checked(id, digest, user, expires, comment, ReservedNames::Refuse)
    }

    pub(super) fn checked(
        id: &str,
        digest: TokenDigest,
        user: User,
        expires: Option<UnixSeconds>,
        comment: &str,
        names: ReservedNames,
    ) -> Result<Self, RowProblem> {
        let is_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        if id.is_empty() || id.len() > LONGEST_ID || !id.bytes().all(is_id) {
            return Err(RowProblem::Id);
        }
        if user.name.is_empty() {
            return Err(RowProblem::User);
        }
        for group in &user.groups {
            if group.is_empty() {
                return Err(RowProblem::EmptyGroup);
            }
            if group.contains(',') {
                return Err(RowProblem::Comma(group.clone()));
            }
        }
        let fields = [("user", &*user.name), ("uid", &*user.uid), ("comment", comment)];
        let groups = user.groups.iter().map(|group| ("groups", group.as_str()));
        for (field, text) in fields.into_iter().chain(groups) {
            if text.contains(char::is_control) {
                return Err(RowProblem::Control(field));
            }
        }
        if expires.is_some_and(|expires| Timestamp::from_second(expires).is_err()) {
            return Err(RowProblem::Expires);
        }
        if names == ReservedNames::Refuse
            && let Some(reserved) = reserved_name(&user)
        {
            return Err(RowProblem::Reserved(reserved));
        }
        Ok(Self { id: id.to_owned(), digest, user, expires, comment: comment.to_owned() })
    }

    /// What names the row; no secret.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The digest of the token.
    #[must_use]
    pub const fn digest(&self) -> TokenDigest {
        self.digest
    }

    /// Whose token it is.
    #[must_use]
    pub const fn user(&self) -> &User {
        &self.user
    }

    /// The second from which it is refused; `None` for never.
    #[must_use]
    pub const fn expires(&self) -> Option<UnixSeconds> {
        self.expires
    }

    /// The time of expiry as the file spells it: RFC 3339, or `never`.
    #[must_use]
    pub fn expires_text(&self) -> String {
        self.expires.map_or_else(|| NEVER.to_owned(), time)
    }

    /// A remark for people.
    #[must_use]
    pub fn comment(&self) -> &str {
        &self.comment
    }
}

/// What stands for no expiry. Nothing at all does not: it is too easily left out.
const NEVER: &str = "never";

/// Reads RFC 3339, or `never`.
pub(super) fn read_expires(text: &str) -> Option<Option<UnixSeconds>> {
    if text == NEVER {
        return Some(None);
    }
    // jiff reads more of ISO 8601 than RFC 3339 has: no `T`, brackets with a zone.
    let is_plain = |byte: u8| byte.is_ascii_digit() || b"T:.+-Z".contains(&byte);
    if !text.bytes().all(is_plain) || text.as_bytes().get(10) != Some(&b'T') {
        return None;
    }
    Some(Some(text.parse::<Timestamp>().ok()?.as_second()))
}

/// RFC 3339 in UTC.
pub(super) fn time(at: UnixSeconds) -> String {
    // What is out of range cannot be in a row; were it, the bare number still says when.
    Timestamp::from_second(at).map_or_else(|_| at.to_string(), |time| time.to_string())
}
