use std::fmt;
use std::sync::Arc;

/// Where a statement of policy stands, so that every grant can name its source.
///
/// ```
/// use portcullis::model::Origin;
///
/// assert_eq!(Origin::new("rbac.yaml", 2, 14).to_string(), "rbac.yaml:14 (document 2)");
/// assert_eq!(Origin::new("policy.jsonl", 1, 3).to_string(), "policy.jsonl:3");
/// assert_eq!(
///     Origin::new("team.yaml", 1, 12).inherited_from("acme").to_string(),
///     "team.yaml:12, inherited from namespace acme",
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The file as it was named, `<stdin>`, or what the caller called it.
    pub source: Arc<str>,
    /// The document within it, counted from 1; 0 when there are none.
    pub document: u32,
    /// The line on which the object begins, counted from 1; 0 when unknown.
    pub line: u32,
    /// The namespace for which it stands there, when another has it from that one.
    pub inherited_from: Option<Arc<str>>,
}

impl Origin {
    /// A place in a source.
    #[must_use]
    pub fn new(source: impl Into<Arc<str>>, document: u32, line: u32) -> Self {
        Self { source: source.into(), document, line, inherited_from: None }
    }

    /// A source without places, such as a watch or a test.
    #[must_use]
    pub fn named(source: impl Into<Arc<str>>) -> Self {
        Self::new(source, 0, 0)
    }

    /// The same place, for what a namespace has from another.
    #[must_use]
    pub fn inherited_from(self, namespace: impl Into<Arc<str>>) -> Self {
        Self { inherited_from: Some(namespace.into()), ..self }
    }
}

impl Default for Origin {
    fn default() -> Self {
        Self::named("<memory>")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.document > 1 {
            write!(f, " (document {})", self.document)?;
        }
        if let Some(namespace) = &self.inherited_from {
            write!(f, ", inherited from namespace {namespace}")?;
        }
        Ok(())
    }
}

/// One step of the way from a user to a grant: a binding, a role, a rule, a policy line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it is: `ClusterRoleBinding`, `Role`, `rule`, `policy`, …
    pub kind: &'static str,
    /// The name, or the rule or line written out.
    pub text: String,
    /// Where it stands.
    pub origin: Option<Origin>,
}
