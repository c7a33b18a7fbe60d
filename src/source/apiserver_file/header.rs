//! Which version of which kind a file says it is, and what the decoder says when it is none that it
//! knows (S-ACFG-1, S-ACONF-1).

use super::decoder::kind_of;
use crate::source::document::{Node, Value};
use crate::util::goquote::Quoted;

/// The group of the kind.
const GROUP: &str = "apiserver.config.k8s.io";

/// What a file is to be.
#[derive(Debug)]
pub(in crate::source) struct Expected {
    /// The kind; every version of it is read.
    pub(in crate::source) kind: &'static str,
    /// How the decoder calls itself.
    pub(in crate::source) scheme: &'static str,
}

/// The kinds that the decoder knows, in the versions that have them.
const KINDS: [(&str, &[&str]); 5] = [
    ("AdmissionConfiguration", &["v1", "v1alpha1"]),
    ("AuthenticationConfiguration", &["v1", "v1beta1", "v1alpha1"]),
    ("AuthorizationConfiguration", &["v1", "v1beta1", "v1alpha1"]),
    ("EgressSelectorConfiguration", &["v1beta1", "v1alpha1"]),
    ("TracingConfiguration", &["v1beta1", "v1alpha1"]),
];

/// A message and the line of what it is about.
pub(super) type Refusal = (String, u32);

/// The version: `v1`, `v1beta1` or `v1alpha1`. `text` is the whole file, which messages quote.
pub(super) fn version<'a>(
    root: Option<&'a Node>,
    text: &str,
    expected: &Expected,
) -> Result<&'a str, Refusal> {
    let missing = |what: &str| format!("Object '{what}' is missing in '{text}'");
    let Some(root) = root else { return Err((missing("Kind"), 0)) };
    let bad = |message: String| format!("couldn't get version/kind; json parse error: {message}");
    if !matches!(root.value, Value::Map(_) | Value::Null) {
        let message = format!(
            "json: cannot unmarshal {} into Go value of type struct {{ APIVersion string \
             \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}",
            kind_of(root)
        );
        return Err((bad(message), root.line));
    }
    let field = |name: &str| match field(root, name) {
        None => Ok(("", root.line)),
        Some(node) => match &node.value {
            Value::String(text) => Ok((text.as_str(), node.line)),
            Value::Null => Ok(("", node.line)),
            _ => {
                let found = kind_of(node);
                let message = format!(
                    "json: cannot unmarshal {found} into Go struct field .{name} of type string"
                );
                Err((bad(message), node.line))
            }
        },
    };
    let (api_version, version_line) = field("apiVersion")?;
    let (kind, kind_line) = field("kind")?;
    if api_version.matches('/').count() > 1 {
        return Err((format!("unexpected GroupVersion string: {api_version}"), version_line));
    }
    if kind.is_empty() {
        return Err((missing("Kind"), kind_line));
    }
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    if version.is_empty() {
        return Err((missing("apiVersion"), version_line));
    }
    let known = group == GROUP && ["v1", "v1beta1", "v1alpha1"].contains(&version);
    if known && kind == expected.kind {
        return Ok(version);
    }
    if known
        && let Some((kind, _)) =
            KINDS.iter().find(|(other, versions)| *other == kind && versions.contains(&version))
    {
        return Err((format!("expected {}, got *apiserver.{kind}", expected.kind), kind_line));
    }
    let message = format!(
        "no kind {} is registered for version {} in scheme \"{}\"",
        Quoted(kind),
        Quoted(api_version),
        expected.scheme
    );
    Err((message, if known { kind_line } else { version_line }))
}

/// The field that this first look finds: unlike the decoder proper it does not mind case.
fn field<'a>(root: &'a Node, name: &str) -> Option<&'a Node> {
    let Value::Map(fields) = &root.value else { return None };
    let exact = fields.iter().rev().find(|(field, _)| field == name);
    let found =
        exact.or_else(|| fields.iter().rev().find(|(field, _)| field.eq_ignore_ascii_case(name)));
    found.map(|(_, node)| node)
}
