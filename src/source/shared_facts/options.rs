use std::fmt::Write as _;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};

/// What facts are about; each kind has ConfigMaps of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FactKind {
    /// Which certificates and tokens do not count any more.
    Revocations,
    /// Which certificates were issued.
    Issued,
    /// What a candidate policy would have said, as each replica counts it.
    Shadow,
}

impl FactKind {
    /// The value of the label `portcullis.dev/facts`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revocations => "revocations",
            Self::Issued => "issued",
            Self::Shadow => "shadow",
        }
    }
}

/// Where facts are, and who writes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FactsOptions {
    /// The namespace of the ConfigMaps. It must be there.
    pub namespace: String,
    /// Who writes: the name of the pod, or of a tool and its user. Two that call themselves the same
    /// share their ConfigMaps, which costs them only time.
    pub writer: String,
    /// How long one call of [`append`](super::FactLog::append) tries. Default: 15 s.
    pub patience: Duration,
}

impl FactsOptions {
    /// In this namespace, by this writer.
    #[must_use]
    pub fn new(namespace: impl Into<String>, writer: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            writer: writer.into(),
            patience: Duration::from_secs(15),
        }
    }

    /// The writer as part of names and as a label: names of Kubernetes have no capitals and few signs.
    pub(super) fn writer_id(&self) -> String {
        writer_id(&self.writer)
    }
}

/// The longest part that is kept of a name that has to be changed.
const KEPT: usize = 36;

/// A label has 63 characters, and the name of a kind and a number are added to it in names.
const LONGEST: usize = 48;

fn writer_id(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|letter| match letter.to_ascii_lowercase() {
            letter if letter.is_ascii_alphanumeric() => letter,
            _ => '-',
        })
        .collect();
    let trimmed = plain.trim_matches('-');
    if trimmed == text && !text.is_empty() && text.len() <= LONGEST {
        return plain;
    }
    // What was changed could be somebody else's name.
    let mut id: String = trimmed.chars().take(KEPT).collect();
    if !id.is_empty() {
        id.push('-');
    }
    for byte in digest(&SHA256, text.as_bytes()).as_ref().iter().take(5) {
        // Writing to a string cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_are_names_of_kubernetes_and_different_ones_stay_different() {
        assert_eq!(writer_id("portcullis-6d4f-x2x"), "portcullis-6d4f-x2x");
        let long = "x".repeat(200);
        let odd =
            ["", "Ops", "ops@example.com", "ops-example.com", "-ops", "ÄÖ", "ÖÄ", long.as_str()];
        let ids: std::collections::BTreeSet<String> =
            odd.iter().map(|odd| writer_id(odd)).collect();
        assert_eq!(ids.len(), odd.len(), "{ids:?}");
        for id in ids {
            assert!(id.len() <= LONGEST && !id.starts_with('-') && !id.ends_with('-'), "{id}");
            assert!(id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
        }
    }
}
