//! Modules: their version, and for bundles their package.

use super::documents::text;
use super::manifest::Manifest;
use super::{File, RegoLoadError};
use crate::authz::rego::{Module, RegoVersion};

/// A module. `otherwise` is its version when nobody else says one.
pub(super) fn read(
    file: File,
    otherwise: RegoVersion,
    manifest: Option<&Manifest>,
) -> Result<Module, RegoLoadError> {
    let text = text(&file.name, &file.bytes)?;
    let head = Head::read(text);
    let mut version = otherwise;
    if let Some(manifest) = manifest {
        version = manifest.version_of(&file.path).unwrap_or(otherwise);
        let package =
            head.package.ok_or_else(|| RegoLoadError::NoPackage { name: file.name.clone() })?;
        manifest.check_package(&file.name, &package)?;
    }
    if head.imports_v1 {
        version = RegoVersion::V1;
    }
    Ok(Module::new(file.name.as_str(), text).with_version(version))
}

/// What a module says before its rules.
struct Head {
    package: Option<Vec<String>>,
    imports_v1: bool,
}

impl Head {
    fn read(text: &str) -> Self {
        let mut package = None;
        let mut imports_v1 = false;
        for line in text.lines() {
            let code = line.split('#').next().unwrap_or_default().trim();
            let (keyword, rest) =
                code.split_once(|c: char| c.is_whitespace()).unwrap_or((code, ""));
            match keyword {
                "" => {}
                "package" if package.is_none() => package = path(rest.trim()),
                "import" if package.is_some() => imports_v1 |= rest.trim() == "rego.v1",
                // Rules begin: imports may follow them, and nobody writes them there.
                _ => break,
            }
        }
        Self { package, imports_v1 }
    }
}

/// `a.b["c/d"].e`
fn path(text: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, behind) = rest.split_at_checked(end)?;
        if !name.is_empty() || names.is_empty() {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(is_name) {
                return None;
            }
            names.push(name.to_owned());
        }
        rest = behind;
        while let Some(index) = rest.strip_prefix("[\"") {
            let (name, behind) = index.split_once("\"]")?;
            names.push(name.to_owned());
            rest = behind;
        }
        if rest.is_empty() {
            return Some(names);
        }
        rest = rest.strip_prefix('.')?;
        if rest.is_empty() || rest.starts_with(['.', '[']) {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Head, path};

    #[test]
    fn a_package_is_found_behind_comments_and_what_is_no_path_is_not() {
        let head = Head::read("# About it.\n\npackage a.b # here\nimport rego.v1\nx := 1\n");
        assert_eq!(head.package.unwrap(), ["a", "b"]);
        assert!(head.imports_v1);
        assert_eq!(path(r#"a["b/c"].d"#).unwrap(), ["a", "b/c", "d"]);
        for bad in ["", "a.", "a..b", "a b", ".a", "a[b]", "a[\"b"] {
            assert_eq!(path(bad), None, "{bad}");
        }
        assert!(!Head::read("package a\nx := 1\nimport rego.v1\n").imports_v1);
        assert!(Head::read("x := 1\npackage a\n").package.is_none());
    }
}
