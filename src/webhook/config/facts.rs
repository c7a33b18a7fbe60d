//! What replicas tell each other, and where.

use crate::api::names::label_errors;
use crate::source::config_file::Field;

/// Where the facts that replicas share are, see [`source::shared_facts`](crate::source::shared_facts).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FactsConfig {
    /// The namespace of their ConfigMaps.
    pub namespace: String,
    /// What this replica calls itself; the name of its host when it is left out, which is that of a pod.
    pub writer: Option<String>,
}

impl FactsConfig {
    /// What this replica calls itself.
    #[must_use]
    pub fn writer(&self) -> String {
        let host = || {
            let told = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
            told.or_else(|| Some(std::fs::read_to_string("/etc/hostname").ok()?.trim().to_owned()))
        };
        let name = self.writer.clone().or_else(host).filter(|name| !name.is_empty());
        name.unwrap_or_else(|| "server".to_owned())
    }
}

pub(super) fn facts(field: Field<'_>) -> Option<FactsConfig> {
    let object = field.object()?;
    let namespace = object.required("namespace").and_then(|field| {
        let name = field.text()?;
        let errors = label_errors(name);
        if let Some(error) = errors.first() {
            field.note(format!("no name of a namespace: {error}"));
            return None;
        }
        Some(name.to_owned())
    });
    let writer = object.get("writer").map(|field| field.text().map(str::to_owned));
    object.finish();
    Some(FactsConfig {
        namespace: namespace?,
        writer: writer.map_or(Some(None), |read| read.map(Some))?,
    })
}
