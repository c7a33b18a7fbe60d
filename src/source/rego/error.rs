use std::io;

/// Why nothing was loaded. A load that fails leaves nothing behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegoLoadError {
    /// A file or directory cannot be opened or read.
    #[error("`{path}`: cannot be read; check the path and your permission to read it")]
    Read {
        /// What was to be read.
        path: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// Nothing that was named holds a policy.
    #[error(
        "{paths}: no Rego module there; modules are files that end in .rego, and not in _test.rego"
    )]
    NoModule {
        /// What was named.
        paths: String,
    },
    /// A file that was named itself, and is none of what can be read.
    #[error(
        "`{name}`: not known by its name; modules end in .rego, data in .json, .yaml or .yml, bundles \
         in .tar.gz"
    )]
    Kind {
        /// The file.
        name: String,
    },
    /// A module or data file that is no text.
    #[error("{name}:{line}: no valid UTF-8; save the file as UTF-8")]
    Encoding {
        /// The file.
        name: String,
        /// The line of the first byte that is wrong, from 1.
        line: usize,
    },
    /// A data file that is not what its name says.
    #[error("{name}:{line}:{column}: not {format}: {message}; correct the file or leave it out")]
    Data {
        /// The file.
        name: String,
        /// The line, from 1; 0 when it is not known.
        line: usize,
        /// The column, from 1; 0 when it is not known.
        column: usize,
        /// `JSON` or `YAML`.
        format: &'static str,
        /// What is wrong.
        message: String,
    },
    /// A data file whose content cannot be put at its place.
    #[error("`{name}`: holds {found} instead of an object, so that nothing in it has a name")]
    NotAnObject {
        /// The file.
        name: String,
        /// What it holds.
        found: &'static str,
    },
    /// Two files that say different things of one place.
    #[error("`{name}`: `{place}` is given by `{other}` already; leave it out of one of them")]
    Conflict {
        /// The later file.
        name: String,
        /// The earlier file.
        other: String,
        /// Where, as policies call it.
        place: String,
    },
    /// A bundle that is no gzipped tar archive.
    #[error("`{name}`: not a whole bundle, which is a gzipped tar archive; build it anew")]
    Archive {
        /// The bundle.
        name: String,
        /// What is wrong with it.
        #[source]
        error: io::Error,
    },
    /// A file of a bundle that is not where, or what, a file of a bundle is.
    #[error("`{name}`: `{entry}` {what}; build the bundle anew, from plain files")]
    Entry {
        /// The bundle.
        name: String,
        /// The file.
        entry: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A manifest that cannot be understood.
    #[error("`{name}`: {message}")]
    Manifest {
        /// The manifest.
        name: String,
        /// What is wrong, and what to do.
        message: String,
    },
    /// Two bundles that both own a part of `data`.
    #[error(
        "bundles `{one}` and `{other}` both own `{root}`; name distinct roots in their manifests"
    )]
    Roots {
        /// The later bundle.
        one: String,
        /// The earlier bundle.
        other: String,
        /// What both own, as policies call it.
        root: String,
    },
    /// A file of a bundle beyond what the bundle owns.
    #[error(
        "`{name}`: `{place}` is below no root of its bundle; add the root to its manifest or leave \
         the file out"
    )]
    OutsideOfRoots {
        /// The file.
        name: String,
        /// What it defines, as policies call it.
        place: String,
    },
    /// A module of a bundle that does not tell its package.
    #[error("`{name}`: does not begin with `package`, so that nobody knows which root it is below")]
    NoPackage {
        /// The module.
        name: String,
    },
    /// A bundle that only says what changed.
    #[error("`{name}`: a delta bundle (`patch.json`); take the whole bundle")]
    Delta {
        /// The bundle.
        name: String,
    },
    /// A policy that is compiled already.
    #[error("`{name}`: compiled to WebAssembly; take a bundle of the target `rego`")]
    Wasm {
        /// The file.
        name: String,
    },
    /// More than the load may cost.
    #[error("`{name}`: more than {limit} {what}; load less at once or raise the limit")]
    Limit {
        /// The file at which the limit was passed.
        name: String,
        /// Of what there is too much.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}
