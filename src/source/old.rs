//! RBAC in versions that API servers served up to Kubernetes 1.21.
//!
//! `v1beta1` has the shape and the defaults of `v1`. `v1alpha1` differs in the subjects of
//! bindings: `apiVersion` where later versions have `apiGroup`, and the user `*` stands for
//! everybody who is authenticated. The server converted on reading; so does this.

use super::WrongType;
use super::node::{MapBuilder, Node, Value};
use crate::api::Str;
use crate::api::rbac::GROUP;
use crate::model::groups;

/// The versions of [`GROUP`] that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V1Beta1,
    V1Alpha1,
}

impl Version {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "v1" => Self::V1,
            "v1beta1" => Self::V1Beta1,
            "v1alpha1" => Self::V1Alpha1,
            _ => return None,
        })
    }

    /// The name of a version that is no longer served.
    pub(super) fn old_name(self) -> Option<&'static str> {
        match self {
            Self::V1 => None,
            Self::V1Beta1 => Some("v1beta1"),
            Self::V1Alpha1 => Some("v1alpha1"),
        }
    }
}

/// Rewrites the subjects of a v1alpha1 binding to those of v1 and tells whether one of them stood
/// for everybody. An `apiGroup` written there was an unknown field, so it is dropped.
pub(super) fn subjects_to_v1(binding: &mut Node) -> Result<bool, WrongType> {
    let Some(Node { value: Value::List(subjects), .. }) = binding.get_mut("subjects") else {
        return Ok(false);
    };
    let mut everyone = false;
    for (index, subject) in subjects.iter_mut().enumerate() {
        let line = subject.line;
        let group = group_of(subject.get("apiVersion"), index)?;
        // The default apiVersion of a user is in the RBAC group; only there `*` was special.
        let star = matches!(group.as_str(), "" | GROUP)
            && !(group.is_empty() && !subject.text("apiVersion").is_empty())
            && subject.text("kind") == "User"
            && subject.text("name") == "*";
        everyone |= star;
        let Value::Map(fields) = &mut subject.value else { continue };
        let mut rewritten = MapBuilder::default();
        for (name, value) in std::mem::take(fields) {
            let value = match name.as_str() {
                "apiGroup" => continue,
                // A value that is no string stays, for the reader to refuse.
                "apiVersion" if value.as_str().is_some() => {
                    rewritten.insert(Str::const_new("apiGroup"), text(group.clone(), line));
                    continue;
                }
                "kind" if star => text(Str::const_new("Group"), line),
                "name" if star => text(Str::const_new(groups::AUTHENTICATED), line),
                _ => value,
            };
            rewritten.insert(name, value);
        }
        *fields = rewritten.finish();
    }
    Ok(everyone)
}

fn text(text: Str, line: u32) -> Node {
    Node::new(Value::String(text), line)
}

/// The group of an `apiVersion`; the core group, which is empty, has none in it.
fn group_of(api_version: Option<&Node>, index: usize) -> Result<Str, WrongType> {
    let Some(Node { value, line }) = api_version else { return Ok(Str::default()) };
    let field = || format!("subjects[{index}].apiVersion");
    match value {
        Value::String(text) => match text.split_once('/') {
            None => Ok(Str::default()),
            Some((group, version)) if !version.contains('/') => Ok(group.into()),
            Some(_) => Err(WrongType {
                field: field(),
                expected: "a group and a version".to_owned(),
                found: format!("the string `{text}`"),
                line: *line,
            }),
        },
        Value::Null => Ok(Str::default()),
        _ => Err(WrongType {
            field: field(),
            expected: "a string".to_owned(),
            found: "another value".to_owned(),
            line: *line,
        }),
    }
}
