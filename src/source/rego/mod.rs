//! Which Rego modules and data are in these files?
//!
//! `.rego` files are modules; `.json`, `.yaml` and `.yml` files are data; `.tar.gz` files are bundles, as OPA
//! builds them. Of a directory all of these are read, in the order of their names, and
//! `region/eu/limits.json` in it becomes `data.region.eu`. A file that is named itself becomes `data`. In
//! a bundle, and in a directory with a `.manifest`, only files called `data.json`, `data.yaml` or `data.yml`
//! are data, and everything must be below the roots of the manifest; bundles may not share a root. Files that
//! end in `_test.rego` are left out, and so are bundles within directories.
//!
//! Modules are Rego v1, unless [`RegoLoadOptions::version`] or the manifest of a bundle (`rego_version`,
//! `file_rego_versions`) says v0. A v0 file with `import rego.v1` is v1, since that is what the import means.
//!
//! Whatever is wrong refuses the whole load: a policy that is half there may deny too little.
//!
//! Absent on purpose: signatures of bundles (what is on this disk is trusted), delta bundles, WebAssembly,
//! downloading. Whether the modules are Rego, [`Policy::compile`](crate::authz::rego::Policy::compile) says.
//!
//! ```
//! use portcullis::source::rego::{self, File, RegoLoadOptions};
//!
//! let files = vec![
//!     File::new("main.rego", "package portcullis.authz\nallow if input.user in data.admins\n"),
//!     File::new("admins.yaml", "admins: [jane]\n"),
//! ];
//! let loaded = rego::parse(files, &RegoLoadOptions::default())?;
//! assert_eq!(loaded.sources.modules.len(), 1);
//! assert_eq!(loaded.sources.data["admins"][0].to_string(), "\"jane\"");
//! # Ok::<(), rego::RegoLoadError>(())
//! ```

mod bundle;
mod documents;
mod error;
mod files;
mod manifest;
mod module;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

pub use error::RegoLoadError;
pub use files::read;

use crate::authz::rego::{RegoVersion, Sources};
use documents::Documents;
use manifest::{Manifest, Roots};

/// How to load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegoLoadOptions {
    /// The version of modules about which nothing else is said. Default: v1.
    pub version: RegoVersion,
    /// What hostile files may cost.
    pub limits: RegoLoadLimits,
}

/// What hostile files may cost. Passing a limit refuses the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegoLoadLimits {
    /// Bytes of all files together, those in bundles unpacked. Default: 256 MiB.
    pub bytes: usize,
    /// Files, those in bundles with their directories and whatever is left out. Default: 10,000.
    pub files: usize,
    /// Directories inside one another, names of a path in a bundle, and values of a data file inside one
    /// another. Default: 64.
    pub depth: usize,
}

impl Default for RegoLoadLimits {
    fn default() -> Self {
        Self { bytes: 256 << 20, files: 10_000, depth: 64 }
    }
}

/// A file in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What errors call it: a path.
    pub name: String,
    /// The names of the directories between it and the root it belongs to, and its own.
    pub path: Vec<String>,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// The directory that was named when it was found; `None` for a file that was named itself.
    pub directory: Option<Arc<str>>,
}

impl File {
    /// A file that is named itself.
    #[must_use]
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let name = name.into();
        let own = name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        Self { name, path: vec![own], bytes: bytes.into(), directory: None }
    }

    fn file_name(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    fn kind(&self) -> Kind {
        let name = self.file_name();
        let has = |ending: &str| name.len() > ending.len() && name.ends_with(ending);
        if has("_test.rego") || name == "_test.rego" {
            Kind::Test
        } else if has(".rego") {
            Kind::Module
        } else if has(".json") {
            Kind::Json
        } else if has(".yaml") || has(".yml") {
            Kind::Yaml
        } else if has(".tar.gz") || has(".tgz") {
            Kind::Bundle
        } else if name == manifest::NAME {
            Kind::Manifest
        } else {
            Kind::Other
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bundle,
    Json,
    Manifest,
    Module,
    Other,
    Test,
    Yaml,
}

/// What was read.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The modules and the data.
    pub sources: Sources,
    /// The bundles among it, in the order in which they were named.
    pub bundles: Vec<Bundle>,
    /// Files that were left out because they are tests.
    pub tests: usize,
}

/// A bundle that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The file or the directory.
    pub name: String,
    /// What its manifest calls its revision; empty when it says nothing.
    pub revision: String,
}

/// Loads files, directories and bundles. There must be a module among them.
///
/// # Errors
///
/// When something cannot be read, is not what its name says, contradicts something else, or passes a limit.
pub fn load(paths: &[PathBuf], options: &RegoLoadOptions) -> Result<Loaded, RegoLoadError> {
    let files = read(paths, options)?;
    let loaded = parse(files, options)?;
    if loaded.sources.modules.is_empty() {
        let names: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
        return Err(RegoLoadError::NoModule { paths: names.join(", ") });
    }
    Ok(loaded)
}

/// The second half of [`load`], for files that are in memory already: the first half is [`read`].
///
/// # Errors
///
/// As [`load`], save that there may be no module.
pub fn parse(files: Vec<File>, options: &RegoLoadOptions) -> Result<Loaded, RegoLoadError> {
    let mut loading = Loading {
        options,
        left: options.limits.bytes,
        files: 0,
        documents: Documents::default(),
        roots: Roots::default(),
        loaded: Loaded::default(),
    };
    // The files of a directory stand together.
    let mut rest = files.into_iter().peekable();
    while let Some(first) = rest.next() {
        let mut group = vec![first];
        while let Some(next) = rest.next_if(|next| {
            next.directory.is_some() && group.iter().all(|file| file.directory == next.directory)
        }) {
            group.push(next);
        }
        loading.group(group)?;
    }
    let Loading { documents, mut loaded, .. } = loading;
    loaded.sources.data = documents.finish();
    Ok(loaded)
}

/// A load that is under way.
struct Loading<'a> {
    options: &'a RegoLoadOptions,
    /// Bytes that may still be read.
    left: usize,
    files: usize,
    documents: Documents,
    roots: Roots,
    loaded: Loaded,
}

impl Loading<'_> {
    fn group(&mut self, files: Vec<File>) -> Result<(), RegoLoadError> {
        let is_manifest = |file: &&File| file.kind() == Kind::Manifest && file.path.len() == 1;
        let directory = files.first().and_then(|file| file.directory.clone());
        let Some(name) = directory.filter(|_| files.iter().any(|file| is_manifest(&file))) else {
            for file in files {
                match file.kind() {
                    Kind::Bundle if file.directory.is_none() => {
                        let name = file.name.clone();
                        self.charge(&file)?;
                        let files = bundle::unpack(&file, self.left, &self.options.limits)?;
                        self.bundle(name, files)?;
                    }
                    Kind::Other if file.directory.is_none() => {
                        return Err(RegoLoadError::Kind { name: file.name });
                    }
                    _ => self.file(file, None)?,
                }
            }
            return Ok(());
        };
        self.bundle(name.to_string(), files)
    }

    fn bundle(&mut self, name: String, files: Vec<File>) -> Result<(), RegoLoadError> {
        let is_manifest = |file: &File| file.kind() == Kind::Manifest && file.path.len() == 1;
        let manifest = match files.iter().find(|file| is_manifest(file)) {
            Some(file) => Manifest::parse(file)?,
            None => Manifest::default(),
        };
        self.roots.add(&name, &manifest)?;
        for file in files {
            let is_data = matches!(file.file_name(), "data.json" | "data.yaml" | "data.yml");
            match file.kind() {
                Kind::Json | Kind::Yaml if !is_data => {
                    if file.path.len() == 1 && file.file_name() == "patch.json" {
                        return Err(RegoLoadError::Delta { name });
                    }
                    self.charge(&file)?;
                }
                Kind::Other | Kind::Bundle | Kind::Manifest => {
                    if file.file_name() == "policy.wasm" {
                        return Err(RegoLoadError::Wasm { name: file.name });
                    }
                    self.charge(&file)?;
                }
                _ => self.file(file, Some(&manifest))?,
            }
        }
        self.loaded.bundles.push(Bundle { name, revision: manifest.revision });
        Ok(())
    }

    /// Counts a file.
    fn charge(&mut self, file: &File) -> Result<(), RegoLoadError> {
        let limits = &self.options.limits;
        let refuse = |what, limit| RegoLoadError::Limit { name: file.name.clone(), what, limit };
        self.files += 1;
        if self.files > limits.files {
            return Err(refuse("files", limits.files));
        }
        let left = self.left.checked_sub(file.bytes.len());
        self.left = left.ok_or_else(|| refuse("bytes", limits.bytes))?;
        if file.path.len() > limits.depth {
            return Err(refuse("directories inside one another", limits.depth));
        }
        Ok(())
    }

    fn file(&mut self, file: File, manifest: Option<&Manifest>) -> Result<(), RegoLoadError> {
        self.charge(&file)?;
        match file.kind() {
            Kind::Module => {
                let module = module::read(file, self.options.version, manifest)?;
                self.loaded.sources.modules.push(module);
            }
            Kind::Json | Kind::Yaml => {
                // Within directories the path is that of the directory the file is in.
                let place = match file.path.split_last() {
                    Some((_, directories)) => directories.to_vec(),
                    None => Vec::new(),
                };
                let value =
                    documents::read(&file, file.kind() == Kind::Yaml, &self.options.limits)?;
                if let Some(manifest) = manifest {
                    manifest.check_data(&file, &place, &value)?;
                }
                self.documents.add(&file.name, &place, value)?;
            }
            Kind::Test => self.loaded.tests += 1,
            Kind::Bundle | Kind::Manifest | Kind::Other => {}
        }
        Ok(())
    }
}
