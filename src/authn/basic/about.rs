//! The lines in which a password file says more of a user than a name and a hash.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::LineProblem;
use crate::authn::UnixSeconds;
use crate::model::utc::Utc;
use crate::util::rfc3339;

/// What such a line begins with, behind its `#`.
const MARK: &str = "portcullis:";
/// Longer remarks make `htpasswd` refuse the file: it reads 256 bytes at a time.
const LONGEST_LINE: usize = 240;

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Line {
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
}

/// What is said of one user, and in which lines.
#[derive(Debug, Default)]
pub(super) struct About {
    /// The first line that says anything.
    pub(super) line: usize,
    uid: Option<(String, usize)>,
    expires: Option<(UnixSeconds, usize)>,
    groups: Vec<String>,
}

impl About {
    pub(super) fn into_parts(self) -> (String, Vec<String>, Option<UnixSeconds>) {
        let uid = self.uid.map(|(uid, _)| uid).unwrap_or_default();
        (uid, self.groups, self.expires.map(|(expires, _)| expires))
    }
}

/// What is said of each user.
#[derive(Debug, Default)]
pub(super) struct Abouts(pub(super) BTreeMap<String, About>);

impl Abouts {
    /// Reads a remark, without its `#`. Whether it is one of these lines; several for one user add up.
    pub(super) fn read(&mut self, remark: &str, line: usize) -> Result<bool, LineProblem> {
        let Some(json) = remark.trim_start().strip_prefix(MARK) else {
            // A mark that is misspelt would silently take away an expiry.
            let looks_alike = remark.contains('{') && remark.contains("\"user\"");
            return if looks_alike { Err(LineProblem::LooksAlike) } else { Ok(false) };
        };
        let Line { user, uid, expires, groups } =
            serde_json::from_str(json).map_err(|error| LineProblem::About(plain(&error)))?;
        for group in &groups {
            if group.is_empty() || group.contains(char::is_control) {
                return Err(LineProblem::Value("groups"));
            }
        }
        let about =
            self.0.entry(user.clone()).or_insert_with(|| About { line, ..About::default() });
        let twice = |what, at: usize| LineProblem::Twice { what, name: user.clone(), line: at };
        if let Some(uid) = uid {
            if uid.contains(char::is_control) {
                return Err(LineProblem::Value("uid"));
            }
            if let Some((_, at)) = about.uid {
                return Err(twice("uid", at));
            }
            about.uid = Some((uid, line));
        }
        if let Some(expires) = expires {
            let expires = rfc3339::parse(&expires).ok_or(LineProblem::Expires)?.seconds;
            if let Some((_, at)) = about.expires {
                return Err(twice("expires", at));
            }
            about.expires = Some((expires, line));
        }
        about.groups.extend(groups);
        Ok(true)
    }
}

/// Without the place, which counts from the beginning of the JSON.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// The lines for a user; none when there is nothing to say.
pub(super) fn lines(
    name: &str,
    uid: &str,
    groups: &[String],
    expires: Option<UnixSeconds>,
) -> Vec<String> {
    if uid.is_empty() && groups.is_empty() && expires.is_none() {
        return Vec::new();
    }
    let empty = || Line { user: name.to_owned(), ..Line::default() };
    let mut lines = Vec::new();
    let mut line = Line {
        uid: (!uid.is_empty()).then(|| uid.to_owned()),
        expires: expires.map(|at| Utc(at).to_string()),
        ..empty()
    };
    for group in groups {
        line.groups.push(group.clone());
        if text(&line).len() > LONGEST_LINE && (line.groups.len() > 1 || line.uid.is_some()) {
            line.groups.pop();
            lines.push(text(&line));
            line = Line { groups: vec![group.clone()], ..empty() };
        }
    }
    lines.push(text(&line));
    lines
}

fn text(line: &Line) -> String {
    // Strings and lists of strings can always be written.
    let json = serde_json::to_string(line).unwrap_or_default();
    format!("# {MARK} {json}")
}
