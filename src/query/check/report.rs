use super::{Finding, Level};
use crate::source::{Notice, Report};

/// What a load met, as findings: skipped objects are errors, the rest is worth knowing. Sorted.
///
/// ```
/// use portcullis::query;
/// use portcullis::source::{self, LoadOptions};
///
/// let text = br#"{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
///     "metadata": {"name": "r"}, "rules": [{"verbs": "get"}]}"#;
/// let loaded = source::parse("role.json", text, &LoadOptions::default())?;
/// let findings = query::check_report(&loaded.report);
/// assert_eq!(findings[0].code, "skipped-object");
/// # Ok::<(), source::LoadError>(())
/// ```
#[must_use]
pub fn check_report(report: &Report) -> Vec<Finding> {
    let skipped = report.skipped.iter().map(|skipped| {
        let name = match (skipped.namespace.as_str(), skipped.name.as_str()) {
            ("", name) => name.to_owned(),
            (namespace, name) => format!("{namespace}/{name}"),
        };
        let kind = if skipped.kind.is_empty() { "object" } else { skipped.kind.as_str() };
        Finding {
            level: Level::Error,
            code: "skipped-object",
            object: if name.is_empty() { kind.to_owned() } else { format!("{kind} `{name}`") },
            origin: skipped.origin.clone(),
            message: format!("not loaded: {}", skipped.reason),
            advice: "correct it: answers are incomplete without it".to_owned(),
        }
    });
    let mut findings: Vec<Finding> = skipped.chain(report.notices.iter().map(finding)).collect();
    findings.sort_by(Finding::by_place);
    findings
}

fn finding(notice: &Notice) -> Finding {
    let finding = |level, code, object: String, origin: &crate::model::Origin, advice: &str| {
        // A notice begins with its place and often with its object, which a finding has apart.
        let whole = notice.to_string();
        let text = whole.strip_prefix(&format!("{origin}: ")).unwrap_or(&whole);
        let text = text.strip_prefix(&format!("{object} ")).unwrap_or(text);
        Finding {
            level,
            code,
            object,
            origin: origin.clone(),
            message: text.to_owned(),
            advice: advice.to_owned(),
        }
    };
    match notice {
        Notice::Duplicate { origin, key, .. } => finding(
            Level::Warning,
            "duplicate-object",
            key.to_string(),
            origin,
            "remove one of them",
        ),
        #[cfg(feature = "node")]
        Notice::DuplicateInGraph { origin, key, .. } => finding(
            Level::Warning,
            "duplicate-object",
            key.to_string(),
            origin,
            "remove one of them",
        ),
        Notice::DuplicateField { origin, .. } => {
            let advice = "remove one of them";
            finding(Level::Warning, "duplicate-field", String::new(), origin, advice)
        }
        Notice::OldVersion { origin, key, .. } => {
            let advice = "write it in rbac.authorization.k8s.io/v1";
            finding(Level::Warning, "old-api-version", key.to_string(), origin, advice)
        }
        Notice::NamespaceIgnored { origin, key, .. } => {
            let advice = "remove the namespace";
            finding(Level::Advice, "namespace-ignored", key.to_string(), origin, advice)
        }
        Notice::Unreadable { origin, .. } => {
            let advice = "correct it";
            finding(Level::Advice, "unreadable-object", String::new(), origin, advice)
        }
        Notice::NotInherited { origin, key, .. } => {
            let advice = "correct the annotation, or load the namespaces that it speaks of";
            finding(Level::Warning, "not-inherited", key.to_string(), origin, advice)
        }
        Notice::InheritanceBlocked { origin, key, .. } => {
            let advice = "give one of them another name: HNC would replace this one";
            finding(Level::Warning, "inheritance-blocked", key.to_string(), origin, advice)
        }
        Notice::NoNamespace { .. } => {
            let advice = "add the Namespace objects to the files";
            let nowhere = crate::model::Origin::default();
            finding(Level::Warning, "namespace-not-read", String::new(), &nowhere, advice)
        }
        Notice::NoHierarchy => {
            let advice = "add the Namespace objects to the files, or name another tree";
            let nowhere = crate::model::Origin::default();
            finding(Level::Warning, "no-hierarchy", String::new(), &nowhere, advice)
        }
    }
}
