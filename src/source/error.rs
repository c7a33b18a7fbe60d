use std::io;

use super::Skipped;
use crate::model::Origin;

/// Why nothing was loaded. A load that fails leaves nothing behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file or directory cannot be opened or read.
    #[error("`{path}`: cannot be read; check the path and your permission to read it")]
    Read {
        /// What was to be read.
        path: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// A directory without a single file to read.
    #[error(
        "`{path}`: no policy in this directory; files are read when they end in .json, .yaml, .yml, \
         .ndjson or .jsonl, or one of these and .gz"
    )]
    NoFiles {
        /// The directory.
        path: String,
    },
    /// Standard input was named more than once.
    #[error("`-` is named more than once; standard input can be read only once")]
    StdinTwice,
    /// A gzip stream that ends early or is damaged.
    #[error("`{path}`: not a whole gzip stream; compress the file anew")]
    Gzip {
        /// The file.
        path: String,
        /// What is wrong with it.
        #[source]
        error: io::Error,
    },
    /// More bytes than the load may read.
    #[error(
        "`{path}`: with this source the load exceeds {limit} bytes; load less at once or raise the limit"
    )]
    TooLarge {
        /// The file at which the limit was passed.
        path: String,
        /// [`Limits::max_bytes`](super::Limits::max_bytes).
        limit: u64,
    },
    /// A gzip stream that expands as only a decompression bomb does.
    #[error("`{path}`: expands more than {ratio}-fold; decompress it yourself if you trust it")]
    GzipBomb {
        /// The file.
        path: String,
        /// [`Limits::max_gzip_ratio`](super::Limits::max_gzip_ratio).
        ratio: u64,
    },
    /// Bytes that are no text.
    #[error("{origin}: no valid {encoding} at byte {offset}; save the file as UTF-8")]
    Encoding {
        /// The line on which the bytes stand.
        origin: Origin,
        /// `UTF-8` or `UTF-16`.
        encoding: &'static str,
        /// Where in the file, counted from 0.
        offset: usize,
    },
    /// A document that is not JSON.
    #[error("{origin}: not JSON: {message}; correct the document or leave the file out")]
    Json {
        /// Where the document breaks.
        origin: Origin,
        /// How.
        message: String,
    },
    /// A document that is not YAML, or not the YAML that Kubernetes reads.
    #[error("{origin}: not YAML as Kubernetes reads it: {message}")]
    Yaml {
        /// Where the document breaks.
        origin: Origin,
        /// How, and what to do.
        message: String,
    },
    /// A document nested deeper than any policy.
    #[error("{origin}: nested more than {limit} deep; no policy is, so nothing of it was read")]
    TooDeep {
        /// Where the limit was passed.
        origin: Origin,
        /// [`Limits::max_depth`](super::Limits::max_depth).
        limit: usize,
    },
    /// Aliases that multiply a small document into a huge one.
    #[error("{origin}: aliases expand to more than {limit} values; write the document out")]
    Aliases {
        /// Where the limit was passed.
        origin: Origin,
        /// [`Limits::max_alias_nodes`](super::Limits::max_alias_nodes).
        limit: usize,
    },
    /// An object had to be skipped and the load is strict.
    #[error("{0}; correct it, or load without `strict` to go on without it")]
    Skipped(Box<Skipped>),
}

#[cfg(any(feature = "oidc", feature = "pki", feature = "structured-chain"))]
impl LoadError {
    /// The place within a text, where there is one.
    pub(crate) fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Aliases { origin, .. }
            | Self::Encoding { origin, .. }
            | Self::Json { origin, .. }
            | Self::TooDeep { origin, .. }
            | Self::Yaml { origin, .. } => Some(origin),
            Self::Skipped(skipped) => Some(&skipped.origin),
            _ => None,
        }
    }
}
