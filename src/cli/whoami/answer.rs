//! The answer, twice where the API server's is another.

use std::collections::BTreeMap;
use std::io::Write;

use jiff::Timestamp;
use portcullis::authn::Proof;
use portcullis::authn::request_header::RequestHeaderAuthenticator;
use portcullis::model::User;
use serde::Serialize;

use crate::cli::args::Format;
use crate::cli::exit::Failure;
use crate::cli::output::{Table, object, plain};

/// Nobody had an opinion, and so no error either (S-AUTHN-4).
const NO_OPINION: &str = "nothing that was presented names anybody; an API server takes the bearer for \
                          system:anonymous where that is allowed";

/// Who it is, or why nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome {
    authenticated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<UserInfo>,
    /// Which authenticator knew.
    #[serde(skip_serializing_if = "Option::is_none")]
    authenticator: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    audiences: Vec<String>,
    /// The first second in which it is over, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Whom an API server may take it for, which does not have the rule of the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    may_be: Option<UserInfo>,
}

/// The fields of `UserInfo` in a TokenReview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct UserInfo {
    username: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    uid: String,
    groups: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extra: BTreeMap<String, Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(flatten)]
    ours: &'a Outcome,
    /// What an API server says, where that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    kubernetes: Option<&'a Outcome>,
}

impl Outcome {
    /// Nobody, for this reason.
    pub(super) fn refused(error: String) -> Self {
        Self { error: Some(error), ..Self::from(None) }
    }

    /// The same, where an API server may take it for this user.
    pub(super) fn or_perhaps(mut self, user: Option<User>) -> Self {
        // Only proxies go before certificates.
        let is_proxied = self.authenticator.as_deref() == Some(RequestHeaderAuthenticator::NAME);
        self.may_be = user.filter(|_| !is_proxied).map(UserInfo::from);
        self
    }

    /// Whether it is somebody.
    pub(super) const fn is_somebody(&self) -> bool {
        self.authenticated
    }
}

impl From<Option<&Proof>> for Outcome {
    fn from(proof: Option<&Proof>) -> Self {
        let Some(Proof { authenticated, authenticator }) = proof else {
            return Self {
                authenticated: false,
                user: None,
                authenticator: None,
                audiences: Vec::new(),
                expires: None,
                error: Some(NO_OPINION.to_owned()),
                may_be: None,
            };
        };
        let expires = authenticated.expires.map(|second| {
            Timestamp::from_second(second)
                .map_or_else(|_| format!("second {second}"), |time| time.to_string())
        });
        Self {
            authenticated: true,
            user: Some(UserInfo::from(authenticated.user.clone())),
            authenticator: Some(authenticator.to_string()),
            audiences: authenticated.audiences.clone(),
            expires,
            error: None,
            may_be: None,
        }
    }
}

impl From<User> for UserInfo {
    fn from(user: User) -> Self {
        let User { name, uid, groups, extra } = user;
        Self { username: name, uid, groups, extra }
    }
}

/// Writes the answer.
pub(super) fn write(
    ours: &Outcome,
    theirs: &Outcome,
    format: Format,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    // Why it is nobody may be said in other words; that it is nobody is the same.
    let differs = ours.user != theirs.user || theirs.may_be.is_some();
    match format {
        Format::Json | Format::Yaml => {
            let kubernetes = differs.then_some(theirs);
            object(out, format, &Answer { ours, kubernetes })
        }
        Format::Name => {
            if let Some(user) = &ours.user {
                writeln!(out, "{}", plain(&user.username))?;
            }
            Ok(())
        }
        Format::Table | Format::Wide => {
            table(ours, out)?;
            if let Some(user) = &theirs.may_be {
                writeln!(
                    out,
                    "\nAn API server does not have this rule. If it finds nothing else wrong, it says:"
                )?;
                return rows(user).write(out);
            }
            if differs {
                writeln!(out, "\nAn API server, which does not have this rule, says:")?;
                table(theirs, out)?;
            }
            Ok(())
        }
    }
}

fn table(outcome: &Outcome, out: &mut dyn Write) -> Result<(), Failure> {
    let Some(user) = &outcome.user else {
        let error = outcome.error.as_deref().unwrap_or_default();
        writeln!(out, "nobody: {}", plain(error))?;
        return Ok(());
    };
    let mut table = rows(user);
    let authenticator = outcome.authenticator.as_deref().unwrap_or_default();
    table.push(vec!["Authenticator".to_owned(), authenticator.to_owned()]);
    if !outcome.audiences.is_empty() {
        table.push(vec!["Audiences".to_owned(), list(&outcome.audiences)]);
    }
    if let Some(expires) = &outcome.expires {
        table.push(vec!["Until".to_owned(), expires.clone()]);
    }
    table.write(out)
}

fn rows(user: &UserInfo) -> Table {
    let mut table = Table::new(&["ATTRIBUTE", "VALUE"]);
    let mut push = |name: &str, value: &str| table.push(vec![name.to_owned(), value.to_owned()]);
    push("Username", &user.username);
    if !user.uid.is_empty() {
        push("UID", &user.uid);
    }
    push("Groups", &list(&user.groups));
    for (key, values) in &user.extra {
        push(&format!("Extra: {key}"), &list(values));
    }
    table
}

/// As `kubectl auth whoami` writes lists.
fn list(values: &[String]) -> String {
    format!("[{}]", values.join(" "))
}
