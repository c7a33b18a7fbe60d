use std::sync::Arc;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::claims::{Claims, Session};
use super::error::IssueError;
use crate::authn::{Secret, UnixSeconds};
use crate::crypto::SigningKey;
use crate::model::User;

/// Makes tokens that carry a user.
#[derive(Debug)]
pub struct Issuer {
    name: String,
    audiences: Vec<String>,
    key: Arc<SigningKey>,
    longest: i64,
}

impl Issuer {
    /// An issuer with a name (`iss`), the audiences of a token for which none are asked, a key, and
    /// the longest lifetime in seconds.
    ///
    /// # Errors
    /// When a name or the audiences are empty, or the lifetime is not positive.
    pub fn new<A: Into<String>>(
        name: impl Into<String>,
        audiences: impl IntoIterator<Item = A>,
        key: Arc<SigningKey>,
        longest: i64,
    ) -> Result<Self, IssueError> {
        let issuer = Self {
            name: name.into(),
            audiences: audiences.into_iter().map(Into::into).collect(),
            key,
            longest,
        };
        if issuer.name.is_empty() {
            return Err(IssueError::NoIssuer);
        }
        if !are_audiences(&issuer.audiences) {
            return Err(IssueError::NoAudience);
        }
        if longest < 1 {
            return Err(IssueError::Lifetime { longest: i64::MAX });
        }
        Ok(issuer)
    }

    /// A token for a user, good from `now` on, for as many seconds as asked or for the longest. The
    /// issuer's audiences are those of a token for which none are asked.
    ///
    /// The token carries the user as it is given. Whoever calls this decides who may be anybody,
    /// also a member of `system:masters`.
    ///
    /// # Errors
    /// When the user has no name, an audience is empty, the lifetime is not between 1 and the
    /// longest, or signing fails.
    pub fn issue(
        &self,
        user: &User,
        audiences: &[String],
        now: UnixSeconds,
        lifetime: Option<i64>,
    ) -> Result<Secret, IssueError> {
        self.issue_in(user, audiences, now, lifetime, None)
    }

    /// The same for a user who logged in: the token says so.
    ///
    /// # Errors
    /// As [`Self::issue`].
    pub fn issue_in(
        &self,
        user: &User,
        audiences: &[String],
        now: UnixSeconds,
        lifetime: Option<i64>,
        session: Option<Session>,
    ) -> Result<Secret, IssueError> {
        let audiences = if audiences.is_empty() { &self.audiences } else { audiences };
        if !are_audiences(audiences) {
            return Err(IssueError::NoAudience);
        }
        if user.name.is_empty() {
            return Err(IssueError::NoUser);
        }
        let longest = self.longest;
        let expires = Some(lifetime.unwrap_or(longest))
            .filter(|lifetime| (1..=longest).contains(lifetime))
            .and_then(|lifetime| now.checked_add(lifetime))
            .ok_or(IssueError::Lifetime { longest })?;
        let claims = Claims {
            issuer: self.name.clone(),
            audiences: audiences.to_vec(),
            issued_at: now,
            not_before: now,
            expires,
            id: new_id()?,
            user: user.clone(),
            session,
        };
        let header = Map::from_iter([("typ".to_owned(), Value::from("JWT"))]);
        self.key.sign(&header, &claims.to_json()).map(Secret::new).map_err(IssueError::Sign)
    }
}

fn are_audiences(audiences: &[String]) -> bool {
    !audiences.is_empty() && audiences.iter().all(|audience| !audience.is_empty())
}

/// 128 random bits: enough that no two tokens ever share an id.
fn new_id() -> Result<String, IssueError> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| IssueError::Random)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
