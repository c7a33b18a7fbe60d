//! The `.manifest` of a bundle: what it owns, and how its modules are read.

use std::collections::BTreeMap;

use regorus::Value;
use serde::Deserialize;

use super::documents::text;
use super::{File, RegoLoadError};
use crate::authz::rego::RegoVersion;

/// What the file is called.
pub(super) const NAME: &str = ".manifest";

/// Fields that say nothing about what is read (metadata) are not looked at.
#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    revision: String,
    roots: Option<Vec<String>>,
    rego_version: Option<u8>,
    #[serde(default)]
    file_rego_versions: BTreeMap<String, u8>,
    #[serde(default)]
    wasm: Vec<serde::de::IgnoredAny>,
}

/// A manifest. The default is that of a bundle without one: it owns everything.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    pub(super) revision: String,
    /// The names of each root. `None`: one root, everything.
    roots: Option<Vec<Vec<String>>>,
    version: Option<RegoVersion>,
    /// Patterns of paths, most specific last.
    versions: Vec<(String, RegoVersion)>,
}

impl Manifest {
    pub(super) fn parse(file: &File) -> Result<Self, RegoLoadError> {
        let refuse = |message: String| RegoLoadError::Manifest { name: file.name.clone(), message };
        let text = text(&file.name, &file.bytes)?;
        let wire: Wire = serde_json::from_str(text)
            .map_err(|error| refuse(format!("{error}; correct the manifest")))?;
        if !wire.wasm.is_empty() {
            return Err(RegoLoadError::Wasm { name: file.name.clone() });
        }
        let version = |version: u8| match version {
            0 => Ok(RegoVersion::V0),
            1 => Ok(RegoVersion::V1),
            other => Err(refuse(format!("`rego_version` is {other}; write 0 or 1"))),
        };
        let roots = wire.roots.map(|roots| {
            let names = |root: &String| {
                root.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect()
            };
            roots.iter().map(names).collect::<Vec<Vec<String>>>()
        });
        if let Some((one, other)) = roots.as_deref().and_then(overlap_within) {
            let message = format!(
                "its roots `{}` and `{}` overlap; keep the shorter",
                show(one),
                show(other)
            );
            return Err(refuse(message));
        }
        let versions = wire.file_rego_versions.into_iter();
        Ok(Self {
            revision: wire.revision,
            roots,
            version: wire.rego_version.map(version).transpose()?,
            versions: versions
                .map(|(pattern, number)| Ok((pattern, version(number)?)))
                .collect::<Result<_, RegoLoadError>>()?,
        })
    }

    /// The version of a module, if it says one: the path of the file wins over a pattern.
    pub(super) fn version_of(&self, path: &[String]) -> Option<RegoVersion> {
        let path = format!("/{}", path.join("/"));
        let fits =
            |pattern: &str| matches(pattern.trim_start_matches('/'), path.trim_start_matches('/'));
        let exact = self
            .versions
            .iter()
            .find(|(pattern, _)| pattern.trim_start_matches('/') == path.trim_start_matches('/'));
        let pattern = self.versions.iter().find(|(pattern, _)| fits(pattern));
        exact.or(pattern).map(|(_, version)| *version).or(self.version)
    }

    fn roots(&self) -> Vec<Vec<String>> {
        self.roots.clone().unwrap_or_else(|| vec![Vec::new()])
    }

    /// Refuses a package that is not below a root.
    pub(super) fn check_package(
        &self,
        name: &str,
        package: &[String],
    ) -> Result<(), RegoLoadError> {
        if self.roots().iter().any(|root| package.starts_with(root)) {
            return Ok(());
        }
        Err(RegoLoadError::OutsideOfRoots { name: name.to_owned(), place: show(package) })
    }

    /// Refuses data that is not below a root.
    pub(super) fn check_data(
        &self,
        file: &File,
        place: &[String],
        value: &Value,
    ) -> Result<(), RegoLoadError> {
        let roots = self.roots();
        let mut open = vec![(place.to_vec(), value)];
        while let Some((place, value)) = open.pop() {
            if roots.iter().any(|root| place.starts_with(root)) {
                continue;
            }
            let leads_there = roots.iter().any(|root| root.starts_with(&place));
            match value {
                Value::Object(object) if leads_there => {
                    open.extend(object.iter().map(|(key, value)| {
                        let key =
                            key.as_string().map_or_else(|_| key.to_string(), |key| key.to_string());
                        (place.iter().cloned().chain([key]).collect(), value)
                    }));
                }
                _ => {
                    let name = file.name.clone();
                    return Err(RegoLoadError::OutsideOfRoots { name, place: show(&place) });
                }
            }
        }
        Ok(())
    }
}

fn show(names: &[String]) -> String {
    std::iter::once("data").chain(names.iter().map(String::as_str)).collect::<Vec<_>>().join(".")
}

fn overlap_within(roots: &[Vec<String>]) -> Option<(&[String], &[String])> {
    roots.iter().enumerate().find_map(|(index, root)| {
        let others = roots.iter().enumerate().filter(|(other, _)| *other != index);
        let mut others = others.map(|(_, other)| other);
        others
            .find(|other| root.starts_with(other))
            .map(|other| (root.as_slice(), other.as_slice()))
    })
}

/// Whether a path fits a pattern, in which `*` stands for anything but a slash and `**` for anything.
fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path) = (pattern.as_bytes(), path.as_bytes());
    // For each end of the path: whether the pattern so far fits up to it.
    let mut fits = vec![false; path.len() + 1];
    if let Some(first) = fits.first_mut() {
        *first = true;
    }
    let mut rest = pattern;
    while let Some((&byte, behind)) = rest.split_first() {
        let is_any = byte == b'*' && behind.first() == Some(&b'*');
        rest = if is_any { behind.get(1..).unwrap_or_default() } else { behind };
        let mut next = vec![false; path.len() + 1];
        for end in 0..=path.len() {
            let here = fits.get(end).copied().unwrap_or_default();
            let last = end.checked_sub(1).and_then(|end| path.get(end)).copied();
            let before = end.checked_sub(1).map(|end| {
                (
                    fits.get(end).copied().unwrap_or_default(),
                    next.get(end).copied().unwrap_or_default(),
                )
            });
            let fits_here = match byte {
                b'*' => {
                    let goes_on = last.is_some_and(|last| is_any || last != b'/');
                    here || goes_on && before.is_some_and(|(_, next)| next)
                }
                b'?' => {
                    last.is_some_and(|last| last != b'/') && before.is_some_and(|(fits, _)| fits)
                }
                byte => last == Some(byte) && before.is_some_and(|(fits, _)| fits),
            };
            if let Some(slot) = next.get_mut(end) {
                *slot = fits_here;
            }
        }
        fits = next;
    }
    fits.last().copied().unwrap_or_default()
}

/// What the bundles of a load own.
#[derive(Debug, Default)]
pub(super) struct Roots {
    owned: Vec<(Vec<String>, String)>,
}

impl Roots {
    /// Adds what a bundle owns.
    pub(super) fn add(&mut self, name: &str, manifest: &Manifest) -> Result<(), RegoLoadError> {
        let roots = manifest.roots();
        for root in &roots {
            let other = self
                .owned
                .iter()
                .find(|(owned, _)| owned.starts_with(root) || root.starts_with(owned));
            if let Some((owned, other)) = other {
                let longer = if owned.len() > root.len() { owned } else { root };
                return Err(RegoLoadError::Roots {
                    one: name.to_owned(),
                    other: other.clone(),
                    root: show(longer),
                });
            }
        }
        self.owned.extend(roots.into_iter().map(|root| (root, name.to_owned())));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stops_at_a_slash_and_two_do_not() {
        for (pattern, path) in [
            ("a/b.rego", "a/b.rego"),
            ("a/*.rego", "a/b.rego"),
            ("**", "a/b.rego"),
            ("**/b.rego", "a/c/b.rego"),
            ("*/?.rego", "a/b.rego"),
            ("", ""),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("*.rego", "a/b.rego"),
            ("a/?.rego", "a/bc.rego"),
            ("", "a"),
            ("a", ""),
            ("a/**x", "a/b"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }
}
