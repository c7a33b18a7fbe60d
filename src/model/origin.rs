use std::fmt;
use std::sync::Arc;

/// Where a statement of policy stands, so that every grant can name its source.
///
/// ```
/// use portcullis::model::Origin;
///
/// assert_eq!(Origin::new("rbac.yaml", 2, 14).to_string(), "rbac.yaml:14 (document 2)");
/// assert_eq!(Origin::new("policy.jsonl", 1, 3).to_string(), "policy.jsonl:3");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The file as it was named, `<stdin>`, or what the caller called it.
    pub source: Arc<str>,
    /// The document within it, counted from 1; 0 when there are none.
    pub document: u32,
    /// The line on which the object begins, counted from 1; 0 when unknown.
    pub line: u32,
}

impl Origin {
    /// A place in a source.
    #[must_use]
    pub fn new(source: impl Into<Arc<str>>, document: u32, line: u32) -> Self {
        Self { source: source.into(), document, line }
    }

    /// A source without places, such as a watch or a test.
    #[must_use]
    pub fn named(source: impl Into<Arc<str>>) -> Self {
        Self::new(source, 0, 0)
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
